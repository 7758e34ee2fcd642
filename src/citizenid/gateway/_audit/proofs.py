"""Proofs about a log that is a folder: that it has an entry, in a text that is verified without the log.

Spec: C2SP tlog-proof; specs/profile-audit.md section 6.
"""

from __future__ import annotations

import re
from os import PathLike
from typing import Final, NamedTuple

from ..._errors import MalformedError, Reason, VerificationError
from .merkle import (
    HASH_BYTES,
    TILE_BYTES,
    TILE_WIDTH,
    ReadTile,
    inclusion_proof,
    leaf_hash,
    tile_name,
    verify_inclusion,
)
from .note import MAX_NOTE_BYTES, NOTE_SIGNATURE, VerifierKey, decode_hash, is_base64, open_checkpoint, proof_lines
from .reading import Folder, path_text

_HEAD: Final = "c2sp.org/tlog-proof@v1"
_EXTRA: Final = "extra "  # whatever it says, nobody has signed it
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")
_MAX_PROOF_BYTES: Final = MAX_NOTE_BYTES + 4_096


class ProvenEntry(NamedTuple):
    """What a proof has shown.

    Attributes:
        number: the place of the entry in the log, from 0.
        size: of the log, under the checkpoint that the proof leads to.
        time: of that checkpoint, Unix seconds.
    """

    number: int
    size: int
    time: int


def read_tile(folder: Folder) -> ReadTile:
    """Return what reads the tiles of a log. A partial tile that is gone is taken from the full one.

    The function raises VerificationError with AUDIT_INVALID when a tile is missing or has another size.
    """

    def read(level: int, index: int, width: int) -> bytes:
        data = folder.read(tile_name(level, index, width), width * HASH_BYTES)
        if data is None and width < TILE_WIDTH:
            data = (folder.read(tile_name(level, index), TILE_BYTES) or b"")[: width * HASH_BYTES]
        if data is None or len(data) != width * HASH_BYTES:
            raise VerificationError(Reason.AUDIT_INVALID, "audit.tile")
        return data

    return read


def prove_inclusion(directory: str | PathLike[str], *, key: str, index: int) -> bytes:
    """Return the proof that a log has its entry at `index` (C2SP tlog-proof).

    Args:
        directory: the folder of one log.
        key: its verifier key.
        index: from 0.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID when the checkpoint does not reach so far, and for what is no path.
        MalformedError: AUDIT_MALFORMED, KEY_INVALID, SIGNATURE_MALFORMED.
        VerificationError: AUDIT_INVALID, SIGNATURE_INVALID.
    """
    verifier = VerifierKey.parse(key, NOTE_SIGNATURE)
    with Folder(path_text(directory)) as folder:
        note = folder.read("checkpoint", MAX_NOTE_BYTES)
        if note is None:
            raise VerificationError(Reason.AUDIT_INVALID, "audit.checkpoint")
        checkpoint = open_checkpoint(note, verifier)
        proof = inclusion_proof(index, checkpoint.size, read_tile(folder))
    return f"{_HEAD}\nindex {index}\n{proof_lines(proof)}\n".encode("ascii") + note


def verify_proof(proof: bytes, entry: bytes, *, key: str) -> ProvenEntry:
    """Verify such a proof of an entry. A line of extra data, which nobody has signed, is passed over.

    Raises:
        MalformedError: AUDIT_MALFORMED, KEY_INVALID, SIGNATURE_MALFORMED.
        VerificationError: AUDIT_INVALID, SIGNATURE_INVALID.
    """
    verifier = VerifierKey.parse(key, NOTE_SIGNATURE)
    for given, where in ((proof, "audit.proof"), (entry, "audit.entry")):
        if type(given) is not bytes:
            raise MalformedError(Reason.AUDIT_MALFORMED, where)
    text, _, note = proof[: _MAX_PROOF_BYTES + 1].partition(b"\n\n")
    lines = text.decode("utf-8", "replace").split("\n")
    if len(lines) > 1 and lines[1].startswith(_EXTRA) and is_base64(lines[1].removeprefix(_EXTRA)):
        del lines[1]
    index = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
    hashes = [decode_hash(line) for line in lines[2:]]
    if lines[0] != _HEAD or index is None or not all(hashes) or len(proof) > _MAX_PROOF_BYTES:
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.proof")
    checkpoint = open_checkpoint(note, verifier)
    verify_inclusion(leaf_hash(entry), int(index[1]), checkpoint.size, hashes, checkpoint.root)
    return ProvenEntry(int(index[1]), checkpoint.size, checkpoint.time)
