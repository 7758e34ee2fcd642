"""Targets of the audit log and of a fleet: notes, proofs, entries and files, signed or with right checksums; messages.

Spec: C2SP signed-note, tlog-checkpoint, tlog-cosignature; RFC 6962 section 2.1; specs/profile-audit.md;
specs/profile-fleet.md.
"""

from __future__ import annotations

import io
import os
import shutil
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from valkey import Valkey

from citizenid import CitizenIDError, LocalKey, Reason
from citizenid.gateway._audit.entry import packed, read_entries, unpacked
from citizenid.gateway._audit.merkle import TILE_WIDTH, consistency_proof, hashes_of, leaf_hash, root_of
from citizenid.gateway._audit.note import (
    COSIGNATURE,
    NOTE_SIGNATURE,
    VerifierKey,
    cosign,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    sign_note,
    signature_line,
    verify_note,
)
from citizenid.gateway._audit.wal import WalReader, batch, file_head
from citizenid.gateway._audit.witness import cosigned, merged, witness_request
from citizenid.gateway.audit import (
    AuditLog,
    prove_inclusion,
    verify_audit,
    verify_consistency,
    verify_inclusion,
    verify_proof,
)
from citizenid.integrations._fleet import Envelope
from citizenid.integrations.valkey import FleetChannel, ValkeySignOuts

from .world import NOW, SEPARATOR, joined, key, number, ours, parts, require, scratch, text_of, told

_WRITER: Final = "w1"
_ORIGIN: Final = "gateway.example/audit"
_NAME: Final = f"{_ORIGIN}/{_WRITER}"
_SIGNER: Final[LocalKey] = key("issuer/Ed25519")
_WITNESS: Final[LocalKey] = key("holder/Ed25519")
_KEY: Final = VerifierKey.of(_NAME, NOTE_SIGNATURE, _SIGNER.public)
_WITNESS_KEY: Final = VerifierKey.of("witness.example/w", COSIGNATURE, _WITNESS.public)


def _signed(text: bytes) -> bytes:
    """Sign any text as a note, whatever is in it."""
    return text + b"\n" + signature_line(_KEY, _SIGNER.sign(text)).encode()


def note_one(data: bytes) -> None:
    """Open notes, checkpoints, keys, proofs and answers of witnesses, raw or signed by the log over any text."""
    how, first, second = parts(data, 3)
    which = number(how, 5)
    if which == 0:
        for whole in (first, _signed(first)):
            _note(whole)
            ours(
                _neighbour().learn, whole
            )  # which remembers the greatest of what its peer has signed, and nothing else
        parsed = ours(parse_checkpoint, text_of(first))
        require(isinstance(parsed, CitizenIDError) or parsed.to_text() == text_of(first), "to_text(parse)")
    elif which == 1:
        for kind in (NOTE_SIGNATURE, COSIGNATURE):
            read = ours(VerifierKey.parse, text_of(first), kind)
            require(isinstance(read, CitizenIDError) or read.to_text() == text_of(first), "to_text(parse) of a key")
    elif which == 2:
        proof = first if b"r" in how[1:] else first + b"\n\n" + _signed(second)
        proven = ours(verify_proof, proof, b"entry", key=_KEY.to_text())
        require(isinstance(proven, CitizenIDError) or 0 <= proven.index < proven.size, "an entry outside of the tree")
    elif which == 3:
        request = first if b"r" in how[1:] else b"old 1\n\n" + _signed(first)
        answer = ours(cosigned, request, second, _KEY, [_WITNESS_KEY])
        if not isinstance(answer, CitizenIDError):
            whole = merged(*answer)
            require(ours(verify_note, open_note(whole), _WITNESS_KEY) is True, "lines that are no cosignature")
        ours(_neighbour().add_cosignatures, _neighbour().witness_request(0), second)
        require(isinstance(ours(_neighbour().add_cosignatures, request, second), CitizenIDError), "of another log")
        built = ours(witness_request, _signed(first), _KEY, 1, [])
        require(isinstance(built, (bytes, CitizenIDError)), "witness_request")
    else:
        _proofs(first)


def _note(data: bytes) -> None:
    note = ours(open_note, data)
    if not isinstance(note, CitizenIDError):
        ours(verify_note, note, _KEY)
        ours(verify_note, note, _WITNESS_KEY)
        again = ours(sign_note, note.text, _KEY, _SIGNER)
        require(isinstance(again, CitizenIDError) or open_note(again).text == note.text, "sign_note")
    checkpoint = ours(open_checkpoint, data, _KEY)
    require(isinstance(checkpoint, CitizenIDError) or checkpoint.origin == _NAME, "a checkpoint of another log")


def _slow_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it stands there."""
    from hashlib import sha256

    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha256(b"\x01" + _slow_root(hashes[:split]) + _slow_root(hashes[split:])).digest()


def _proofs(data: bytes) -> None:
    """Proofs over a tree of a few entries: any hashes may stand in them, and sizes and indices are any numbers."""
    size, old, index = (1 + number(data[at:], 12) for at in range(3))
    old, index = min(old, size), index - 1
    hashes = [leaf_hash(bytes((at,))) for at in range(size)]
    root = _slow_root(hashes)
    require(root_of(hashes) == root, "another root than RFC 6962's")
    rest = data[3:]
    given = [rest[at : at + 32] for at in range(0, min(len(rest), 640), 32)]
    outcome = ours(verify_inclusion, leaf_hash(bytes((index,))), index, size, given, root)
    good = _path(index, hashes) if index < size else None
    require((outcome is None) is (good is not None and given == good), "an inclusion that does not hold")
    grown = ours(verify_consistency, old, size, _slow_root(hashes[:old]), root, given)
    proof = ours(_grown, old, hashes)
    if not isinstance(proof, CitizenIDError):
        require((grown is None) is (given == proof), "a growth that does not hold")
    forged = ours(verify_consistency, old, size, leaf_hash(b"forged"), root, given)
    require(isinstance(forged, CitizenIDError), "a growth from another tree")


def _grown(old: int, hashes: list[bytes]) -> list[bytes]:
    return consistency_proof(old, len(hashes), lambda level, index, width: _tile(hashes, width))


def _tile(hashes: list[bytes], width: int) -> bytes:
    tile = b"".join(hashes)
    require(width == len(hashes) <= TILE_WIDTH and hashes_of(tile) == hashes, "one tile")
    return tile


def _path(index: int, hashes: list[bytes]) -> list[bytes]:
    if len(hashes) == 1:
        return []
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    if index < split:
        return [*_path(index, hashes[:split]), _slow_root(hashes[split:])]
    return [*_path(index - split, hashes[split:]), _slow_root(hashes[:split])]


def note_seeds() -> Iterator[bytes]:
    """Return the checkpoint of a log, its key, a proof, a cosignature, and proofs of small trees."""
    folder = _good_log()
    whole = next(path for path in folder.rglob("*") if path.name == "checkpoint").read_bytes()
    note = open_note(whole)
    yield joined(b"\x00", whole)
    yield joined(b"\x00", note.text.encode())
    yield joined(b"\x00", note.text.encode() + b"log gateway.example/audit/w2 3 " + b"A" * 43 + b"=\n")
    yield joined(b"\x01", _KEY.to_text().encode())
    yield joined(b"\x01", _WITNESS_KEY.to_text().encode())
    proof = prove_inclusion(folder / _WRITER, key=_KEY.to_text(), index=1)
    yield joined(b"\x02r", proof)
    yield joined(b"\x02", proof.partition(b"\n\n")[0], note.text.encode())
    yield joined(b"\x03", note.text.encode(), cosign(note, _WITNESS_KEY, _WITNESS, NOW))
    for size, old, index in ((7, 3, 2), (8, 8, 0), (1, 1, 0), (12, 5, 11)):
        hashes = [leaf_hash(bytes((at,))) for at in range(size)]
        head = bytes((size - 1, old - 1, index))
        yield joined(b"\x04", head + b"".join(_path(index, hashes)))
        yield joined(b"\x04", head + b"".join(_grown(old, hashes)))


# --- the files of a log ---


class _Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@cache
def _good_log() -> Path:
    folder, clock = scratch() / "good-log", _Clock()
    folder.mkdir()
    log = AuditLog(
        folder, writer=_WRITER, origin=_ORIGIN, key=_SIGNER, secret=bytes(range(32)), clock=clock, monotonic=clock,
        checkpoint_every_s=1_000_000,
    )  # fmt: skip
    for rule in range(5):
        position = log.refused(
            Reason.EXPIRED, "V6", policy=bytes(16), rule=rule, resource="a/b", subject=b"s", detail=None, now=NOW
        )
        log.settle(position)
    log.checkpoint()
    log.close()
    return folder


@cache
def _neighbour() -> AuditLog:
    """A log beside that one, which has it for a peer, and knows a witness."""
    folder, clock = scratch() / f"neighbour-{os.getpid()}", _Clock()
    folder.mkdir()
    return AuditLog(
        folder, writer="w2", origin=_ORIGIN, key=key("status/Ed25519"), secret=bytes(range(32)), clock=clock,
        peers=[_KEY.to_text()], witnesses=[_WITNESS_KEY.to_text()], monotonic=clock, checkpoint_every_s=1_000_000,
    )  # fmt: skip


@cache
def _files() -> tuple[str, ...]:
    good = _good_log()
    return tuple(sorted(str(path.relative_to(good)) for path in good.rglob("*") if path.is_file()))


@cache
def _copy() -> Path:
    copy = scratch() / f"copied-log-{os.getpid()}"
    shutil.copytree(_good_log(), copy)
    return copy


def audit_one(data: bytes) -> None:
    """Read entries, bundles and write-ahead files; audit a folder of which one file is any bytes."""
    how, first, second = parts(data, 3)
    which = number(how, 4)
    if which == 0:
        entries = ours(read_entries, [first])
        bundle = ours(unpacked, first)
        require(isinstance(bundle, CitizenIDError) or packed(bundle) == first, "packed(unpacked)")
        require(isinstance(entries, CitizenIDError) or len(entries) == 1, "entries")
        require(ours(unpacked, packed([first[:65_535]])) == [first[:65_535]], "unpacked(packed)")
    elif which == 1:
        for whole in (first, file_head(0) + batch(0, [first[:9_000], second[:9_000]]), file_head(3) + first):
            _write_ahead(whole)
    else:
        _folder_with(number(how[1:], len(_files())), first, sealed=which == 3)


def _write_ahead(whole: bytes) -> None:
    reader = ours(WalReader, io.BytesIO(whole).read)
    if isinstance(reader, CitizenIDError):
        return
    total = ours(lambda: sum(len(each) for each in reader.batches()))
    require(isinstance(total, CitizenIDError) or total == reader.next - reader.first, "entries that nobody counts")
    require(reader.sound_bytes <= len(whole), "more bytes than there are")


def _folder_with(which: int, content: bytes, *, sealed: bool) -> None:
    name = _files()[which]
    copy, good = _copy(), (_good_log() / name).read_bytes()
    body = _signed(content) if sealed and name.endswith("checkpoint") else content
    (copy / name).write_bytes(body)
    try:
        report = ours(verify_audit, copy, keys=[_KEY.to_text()], now=NOW + 5)
        if not isinstance(report, CitizenIDError) and body != good:
            # The log says what it said, or, under its own signature, less.
            require(sealed or report.logs[0].root == _good_report().logs[0].root, "another log that nobody has signed")
    finally:
        (copy / name).write_bytes(good)


@cache
def _good_report() -> Any:
    return verify_audit(_good_log(), keys=[_KEY.to_text()], now=NOW + 5)


def audit_seeds() -> Iterator[bytes]:
    """Return the files of a log, and entries of every kind."""
    good = _good_log()
    for which, name in enumerate(_files()):
        body = (good / name).read_bytes()
        yield joined(b"\x02" + bytes((which,)), body)
        if name.endswith("checkpoint"):
            yield joined(b"\x03" + bytes((which,)), open_note(body).text.encode())
        if body.startswith(file_head(0)[:4]):
            yield joined(b"\x01", body)
        if "entries" in name:
            for each in unpacked(body):
                yield joined(b"\x00", each)
            yield joined(b"\x00", body)
    yield joined(b"\x01", b"entry", b"other")
    yield joined(b"\x01", batch(3, [b"a"]) + batch(4, [b"b", b"c"]))


# --- what comes over the channel of a fleet ---


@cache
def _client() -> Valkey:
    return Valkey(host="127.0.0.1", port=1, socket_timeout=0.05, socket_connect_timeout=0.05)


def fleet_one(data: bytes) -> None:
    """Hear messages of a fleet's channel, raw or with a right MAC: no other content than a sealed one is ever taken."""
    how, body = data[:1], data[1:]
    clock = _Clock()
    heard: list[object] = []
    channel = FleetChannel(
        _client(), audience="a", secret=bytes(range(32)), reload=lambda change, digest: heard.append((change, digest)),
        clock=clock, monotonic=clock, random=lambda size: bytes(size),
    )  # fmt: skip
    outs = ValkeySignOuts(
        _client(), audience="a", secret=bytes(range(32)), max_entries=3, clock=clock, monotonic=clock,
        random=lambda size: bytes(size),
    )  # fmt: skip
    for message in body.split(SEPARATOR)[:8]:
        channel._hear(message)
        outs._hear(message)
        require(not heard and len(outs) == 0, "a message that nobody has sealed")
    for message in body.split(SEPARATOR)[:8]:
        for envelope, hear in ((channel._envelope, channel._hear), (outs._envelope, outs._hear)):
            sealed = _sealed(envelope, message)
            before = len(heard), len(outs)
            hear(sealed)
            after = len(heard), len(outs)
            hear(sealed)
            require((len(heard), len(outs)) == after, "a message that counts twice")
            require(sum(after) - sum(before) in (0, 1), "a message that counts for more than one")
            envelope.open(sealed, kept=True)
            flipped = sealed[:-1] + bytes((sealed[-1] ^ 1,))
            require(envelope.open(flipped) is None and envelope.open(flipped, kept=True) is None, "a MAC that is wrong")
    require(len(outs) <= 3 and told(how) == how, "more sessions than the bound")


def _sealed(envelope: Envelope, message: bytes) -> bytes:
    fixed = message.ljust(26, b"\0")
    return fixed + envelope._mac(fixed)


def fleet_seeds() -> Iterator[bytes]:
    """Return messages of both kinds, and several of them."""
    head = struct.Struct(">BB8sQQ")
    change = head.pack(1, 1, b"sender-1", 1, NOW * 1_000) + bytes(range(32))
    out = head.pack(1, 1, b"sender-2", 7, NOW * 1_000 - 5_000) + bytes(16) + struct.pack(">Q", NOW + 60)
    yield b"\x00" + change
    yield b"\x00" + out
    yield b"\x00" + joined(*(out[:26] + bytes((at,)) * 16 + out[42:] for at in range(5)))
    yield b"\x00" + joined(*(head.pack(1, 1, b"sender-3", at, NOW * 1_000) + bytes((at,)) * 32 for at in range(1, 5)))
