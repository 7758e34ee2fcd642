"""Signed notes, checkpoints and cosignatures: the text that says how large a log is, and who stands for it.

A checkpoint of ours has two kinds of extension lines after its three lines: `time` (the heartbeat) and one `log` line
for each other writer of the deployment, with the size and root of that log as this writer has last seen it verified.

Keys are known by their verifier keys (`name+id+base64`): type 1 signs notes, type 4 cosigns checkpoints.

Spec: C2SP signed-note, tlog-checkpoint, tlog-cosignature (cosignature/v1); specs/profile-audit.md section 3.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from ..._crypto import PublicKey, SigningKey, verify_signature
from ..._errors import CitizenIDError, MalformedError, Reason, VerificationError
from ..._model import KeyHint, SignedObject
from ..._wire import base64url
from .merkle import EMPTY_ROOT, HASH_BYTES

MAX_NOTE_BYTES: Final = 131_072  # C2SP signed-note: 16 signatures at least, which may be of 5 kB each
_MAX_SIGNATURES: Final = 64
_MAX_OTHERS: Final = 256
NOTE_SIGNATURE: Final = 0x01
COSIGNATURE: Final = 0x04
_ED25519: Final = "Ed25519"
_KEY_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
# Narrower than the notes' own rule, which permits all but spaces and plus signs: names of ours are parts of paths.
_ORIGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:/-]{0,199}")
_NAME: Final = re.compile(r"[^\s+\x00-\x20\x7f]{1,200}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_LINE: Final = re.compile(r"— (\S+) (\S+)")


class VerifierKey(NamedTuple):
    """A key that signs notes or cosigns checkpoints.

    Attributes:
        name: of the log (its origin) or of the witness.
        id: the four bytes by which its signatures are found.
        kind: NOTE_SIGNATURE or COSIGNATURE.
        public: the Ed25519 key.
    """

    name: str
    id: bytes
    kind: int
    public: PublicKey

    @classmethod
    def of(cls, name: str, kind: int, public: PublicKey) -> VerifierKey:
        """Make the verifier key of a public key.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for another algorithm than Ed25519, and a name that is none.
        """
        if type(public) is not PublicKey or public.algorithm != _ED25519 or not _NAME.fullmatch(name):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.key")
        return cls(name, _key_id(name, kind, _raw(public)), kind, public)

    @classmethod
    def parse(cls, text: str, kind: int) -> VerifierKey:
        """Read a verifier key.

        Raises:
            MalformedError: AUDIT_MALFORMED for what is none of this kind; KEY_INVALID.
        """
        name, key_id, material = "", "", b""
        if type(text) is str and text.count("+") >= 2:
            name, key_id, encoded = text.split("+", 2)
            material = _decode(encoded)
        if not _NAME.fullmatch(name) or len(material) != 1 + HASH_BYTES or material[0] != kind:
            raise MalformedError(Reason.AUDIT_MALFORMED, "audit.key")
        expected = _key_id(name, kind, material[1:])
        if key_id != expected.hex():
            raise MalformedError(Reason.AUDIT_MALFORMED, "audit.key")
        public = PublicKey.from_jwk({"kty": "OKP", "crv": _ED25519, "x": base64url.encode_text(material[1:])})
        return cls(name, expected, kind, public)

    def to_text(self) -> str:
        """Return the verifier key as text."""
        return f"{self.name}+{self.id.hex()}+{_encode(bytes([self.kind]) + _raw(self.public))}"

    def __repr__(self) -> str:
        return "<VerifierKey>"


def verifier_keys(texts: Iterable[str], kind: int) -> list[VerifierKey]:
    """Read several verifier keys.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for what is no list: one text alone is none either.
        MalformedError: as `VerifierKey.parse`.
    """
    found = None
    if not isinstance(texts, str | bytes):
        try:
            found = list(texts)
        except TypeError:
            pass  # refused below
    if found is None:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.keys")
    return [VerifierKey.parse(each, kind) for each in found]


def keys_of_logs(texts: Iterable[str]) -> dict[str, VerifierKey]:
    """Read the verifier keys of logs, by the names of the logs.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID as `verifier_keys`, and for two keys of one log, the same or not: which of
            them counts would be up to their order.
        MalformedError: as `VerifierKey.parse`.
    """
    keys = verifier_keys(texts, NOTE_SIGNATURE)
    named = {key.name: key for key in keys}
    if len(named) < len(keys):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.keys")
    return named


class Head(NamedTuple):
    """How large a log is, and its root."""

    origin: str
    size: int
    root: bytes


class Checkpoint(NamedTuple):
    """What a checkpoint says.

    Attributes:
        origin: the name of the log.
        size: entries in its tree.
        root: of the tree.
        time: the heartbeat: when it was made, Unix seconds.
        others: the logs of the other writers, in the order of their names.
    """

    origin: str
    size: int
    root: bytes
    time: int
    others: tuple[Head, ...] = ()

    @property
    def head(self) -> Head:
        """The first three lines."""
        return Head(*self[:3])

    def to_text(self) -> str:
        """Return the note's text."""
        lines = [self.origin, str(self.size), _encode(self.root), f"time {self.time}"]
        lines += [f"log {each.origin} {each.size} {_encode(each.root)}" for each in self.others]
        return "\n".join(lines) + "\n"


class Note(NamedTuple):
    """A note that is not verified: its text, and its signature lines (name, key id, signature)."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]


def is_origin(text: object) -> bool:
    """Whether a text may name a log of ours."""
    return type(text) is str and _ORIGIN.fullmatch(text) is not None


def open_note(data: bytes) -> Note:
    """Take a note apart. Nothing of it is verified.

    Raises:
        MalformedError: AUDIT_MALFORMED.
    """
    text, lines = "", []
    if type(data) is bytes and len(data) <= MAX_NOTE_BYTES:
        whole = _text(data)
        body, blank, rest = whole.rpartition("\n\n")
        if blank and body and rest.endswith("\n") and not _CONTROL.search(whole):
            text, lines = body + "\n", rest.split("\n")[:-1]
    signatures = tuple(_signature(line) for line in lines)
    if not 0 < len(signatures) <= _MAX_SIGNATURES:
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.note")
    return Note(text, signatures)


def verify_note(note: Note, key: VerifierKey) -> bool:
    """Return whether the note bears a signature of a key. A wrong one in the key's name is an error.

    Raises:
        VerificationError: SIGNATURE_INVALID.
        MalformedError: SIGNATURE_MALFORMED.
    """
    found = False
    for name, key_id, signature in note.signatures:
        if name == key.name and key_id == key.id:
            signed = note.text.encode("utf-8")
            if key.kind == COSIGNATURE:
                if len(signature) != _TIME_BYTES + _SIGNATURE_BYTES or signature[0] >> 7:
                    raise MalformedError(Reason.SIGNATURE_MALFORMED, "audit.cosignature")
                time = int.from_bytes(signature[:_TIME_BYTES], "big")
                signed, signature = b"cosignature/v1\ntime %d\n" % time + signed, signature[_TIME_BYTES:]
            verify_signature(SignedObject(signed, b"", _ED25519, signature, KeyHint(), None), key.public, "audit.note")
            found = True
    return found


def sign_note(text: str, key: VerifierKey, signer: SigningKey) -> bytes:
    """Sign a text as a note, with one signature that is verified before it is returned.

    Raises:
        VerificationError: SIGNATURE_INVALID when the signer returns a wrong one.
        MalformedError: SIGNATURE_MALFORMED.
    """
    data = (text + "\n" + signature_line(key, signer.sign(text.encode("utf-8")))).encode("utf-8")
    verify_note(open_note(data), key)
    return data


def cosign(note: Note, key: VerifierKey, signer: SigningKey, at: int) -> bytes:
    """Return the signature line of a witness: that it has seen this log grow to this checkpoint by a time.

    Whether it has is the witness's to know: see `consistency_proof`.
    """
    signed = b"cosignature/v1\ntime %d\n" % at + note.text.encode("utf-8")
    return signature_line(key, at.to_bytes(_TIME_BYTES, "big") + signer.sign(signed)).encode("utf-8")


def signature_line(key: VerifierKey, signature: bytes) -> str:
    """Return a signature line."""
    return f"— {key.name} {_encode(key.id + signature)}\n"


def signer_of(line: bytes) -> tuple[str, bytes]:
    """Return the name and the key id of a signature line.

    Raises:
        MalformedError: AUDIT_MALFORMED.
    """
    return _signature(_text(line).removesuffix("\n"))[:2]


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of one of our checkpoints.

    Raises:
        MalformedError: AUDIT_MALFORMED, also for extension lines that are not ours.
    """
    lines = text.split("\n")
    if len(lines) < 5 or lines[-1] or len(lines) > 5 + _MAX_OTHERS or not lines[3].startswith("time "):
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.checkpoint")
    head = _head(lines[0], lines[1], lines[2])
    others = []
    for line in lines[4:-1]:
        parts = line.split(" ")
        if len(parts) != 4 or parts[0] != "log":
            raise MalformedError(Reason.AUDIT_MALFORMED, "audit.checkpoint")
        others.append(_head(*parts[1:]))
    names = [each.origin for each in others]
    if names != sorted(set(names)) or head.origin in names:
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.checkpoint")
    return Checkpoint(*head, _number(lines[3][5:]), tuple(others))


def open_checkpoint(data: bytes, key: VerifierKey) -> Checkpoint:
    """Verify and read a checkpoint of the log that a key signs for.

    Raises:
        MalformedError: AUDIT_MALFORMED, SIGNATURE_MALFORMED.
        VerificationError: AUDIT_INVALID when it is of another log or without a signature of the key; SIGNATURE_INVALID.
    """
    note = open_note(data)
    if not verify_note(note, key):
        raise VerificationError(Reason.AUDIT_INVALID, "audit.checkpoint")
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != key.name:
        raise VerificationError(Reason.AUDIT_INVALID, "audit.checkpoint")
    return checkpoint


def newest(heads: Iterable[Head]) -> tuple[Head, ...]:
    """Return the largest head of each log, in the order of their names."""
    found: dict[str, Head] = {}
    for head in heads:
        if head.origin not in found or head.size > found[head.origin].size:
            found[head.origin] = head
    return tuple(found[name] for name in sorted(found))


def proof_lines(proof: Sequence[bytes]) -> str:
    """Return the hashes of a proof, a line each."""
    return "".join(_encode(hash_) + "\n" for hash_ in proof)


def decode_hash(line: str) -> bytes:
    """Return the hash that a line of a proof is, or nothing."""
    hash_ = _decode(line)
    return hash_ if len(hash_) == HASH_BYTES else b""


def is_base64(text: str) -> bool:
    """Whether a text is the one standard base64 spelling of something."""
    return bool(_decode(text))


def _head(origin: str, size: str, root: str) -> Head:
    head = Head(origin, _number(size), _decode(root))
    if not is_origin(origin) or len(head.root) != HASH_BYTES or (head.size == 0 and head.root != EMPTY_ROOT):
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.checkpoint")
    return head


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) >= 2**63:
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.checkpoint")
    return int(text)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    match = _LINE.fullmatch(line)
    data = _decode(match[2]) if match else b""
    if match is None or not _NAME.fullmatch(match[1]) or len(data) <= _KEY_ID_BYTES:
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.note")
    return match[1], data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:]


def _key_id(name: str, kind: int, raw: bytes) -> bytes:
    return sha256(name.encode("utf-8") + b"\n" + bytes([kind]) + raw).digest()[:_KEY_ID_BYTES]


def _raw(public: PublicKey) -> bytes:
    return base64url.decode(public.to_jwk()["x"].encode("ascii"), "audit.key")


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str) -> bytes:
    """Return what a text is the one standard base64 spelling of, or nothing."""
    data = b""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        pass
    return data if _encode(data) == text else b""


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
