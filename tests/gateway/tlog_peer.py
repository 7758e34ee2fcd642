"""A verifier of C2SP logs, written from the texts alone: nothing of citizenid is imported, and nothing is clever.

signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature, RFC 6962 section 2.1. Slow: every hash from its definition.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    """The log does not verify."""


class Log(NamedTuple):
    origin: str
    size: int
    root: bytes
    extensions: list[str]
    entries: list[bytes]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(count: int) -> int:
    """The largest power of two smaller than count."""
    k = 1
    while 2 * k < count:
        k *= 2
    return k


def mth(entries: list[bytes]) -> bytes:
    """RFC 6962 section 2.1."""
    if not entries:
        return sha256(b"")
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0])
    k = split(len(entries))
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:]))


def path(index: int, entries: list[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1: PATH(m, D[n])."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if index < k:
        return [*path(index, entries[:k]), mth(entries[k:])]
    return [*path(index - k, entries[k:]), mth(entries[:k])]


def proof(old: int, entries: list[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.2: PROOF(m, D[n])."""

    def subproof(m: int, d: list[bytes], whole: bool) -> list[bytes]:
        if m == len(d):
            return [] if whole else [mth(d)]
        k = split(len(d))
        if m <= k:
            return [*subproof(m, d[:k], whole), mth(d[k:])]
        return [*subproof(m - k, d[k:], False), mth(d[:k])]

    return subproof(old, entries, True) if 0 < old < len(entries) else []


def parse_key(vkey: str, kind: int) -> tuple[str, bytes, Ed25519PublicKey]:
    name, key_id, encoded = vkey.split("+", 2)
    material = base64.b64decode(encoded)
    if material[0] != kind or sha256(name.encode() + b"\n" + material)[:4].hex() != key_id:
        raise Wrong("key")
    return name, bytes.fromhex(key_id), Ed25519PublicKey.from_public_bytes(material[1:])


def verify_note(data: bytes, vkey: str, kind: int = 1) -> str:
    """Return the text of a note that a key has signed (1) or cosigned (4)."""
    name, key_id, key = parse_key(vkey, kind)
    text, _, signatures = data.decode().rpartition("\n\n")
    text += "\n"
    good = False
    for line in signatures.removesuffix("\n").split("\n"):
        dash, signer, encoded = line.split(" ")
        raw = base64.b64decode(encoded, validate=True)
        if dash != "\u2014":
            raise Wrong("signature line")
        if signer == name and raw[:4] == key_id:
            signature, message = raw[4:], text.encode()
            if kind == 4:
                time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
                message = f"cosignature/v1\ntime {time}\n".encode() + message
            key.verify(signature, message)
            good = True
    if not good:
        raise Wrong("no signature")
    return text


def tile_path(level: str, index: int, width: int) -> str:
    """tlog-tiles: <L>/<N>[.p/<W>], N in groups of three digits, all but the last with an x."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + (f".p/{width}" if width < 256 else "")


def verify_log(folder: Path, vkey: str) -> Log:
    """Verify a whole log: signature, each entry against its tile, each tile, the root."""
    lines = verify_note((folder / "checkpoint").read_bytes(), vkey).removesuffix("\n").split("\n")
    origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    if str(size) != lines[1] or "" in lines or origin != vkey.split("+")[0]:
        raise Wrong("checkpoint")
    entries: list[bytes] = []
    for start in range(0, size, 256):
        width = min(256, size - start)
        data = (folder / tile_path("entries", start // 256, width)).read_bytes()
        bundle = []
        while data:
            length = int.from_bytes(data[:2], "big")
            if len(data) < 2 + length:
                raise Wrong("bundle")
            bundle.append(data[2 : 2 + length])
            data = data[2 + length :]
        if len(bundle) != width:
            raise Wrong("bundle")
        entries += bundle
    level = 0
    while size >> 8 * level:
        count = size >> 8 * level
        span = 256**level
        for start in range(0, count, 256):
            width = min(256, count - start)
            expected = b"".join(mth(entries[i * span : (i + 1) * span]) for i in range(start, start + width))
            if (folder / tile_path(str(level), start // 256, width)).read_bytes() != expected:
                raise Wrong("tile")
        level += 1
    if mth(entries) != root:
        raise Wrong("root")
    return Log(origin, size, root, lines[3:], entries)
