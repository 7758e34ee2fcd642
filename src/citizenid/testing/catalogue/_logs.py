"""Audit logs that are written once in a process and changed in copies; and what a tree is, from its definition.

The tree of RFC 6962 is written down here a second time, slowly, so that no attack measures the library by itself.

Spec: RFC 6962 section 2.1; C2SP tlog-tiles, tlog-proof; specs/profile-audit.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from ... import Reason
from ...gateway.audit import (
    AuditLog,
    AuditReport,
    inclusion_proof,
    leaf_hash,
    prove_inclusion,
    verify_audit,
    verify_proof,
)
from ..forge.parts import NOW, key

_ORIGIN: Final = "gateway.example/audit"
ENTRIES: Final = "tile/entries/000.p/{}"
TILE: Final = "tile/0/000.p/{}"


def history(count: int, changed: int | None = None) -> tuple[bytes, ...]:
    """Return that many entries, of which one may be another."""
    return tuple(b"entry %d" % number if number != changed else b"another" for number in range(count))


@cache
def root_of(entries: tuple[bytes, ...]) -> bytes:
    """Return MTH of RFC 6962 section 2.1."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    split = 1 << (len(entries) - 1).bit_length() - 1
    return node(root_of(entries[:split]), root_of(entries[split:]))


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def reader(entries: Sequence[bytes]) -> Callable[[int, int, int], bytes]:
    """Return the one tile that fewer than 256 entries have."""
    leaves = b"".join(leaf_hash(entry) for entry in entries)
    return lambda level, number, width: leaves[: 32 * width] if (level, number) == (0, 0) else b""


def proof_of(index: int, entries: tuple[bytes, ...]) -> list[bytes]:
    return inclusion_proof(index, len(entries), reader(entries))


class Log(NamedTuple):
    """The files of a log, as its writer left them, and its checkpoint at an earlier time."""

    files: dict[str, bytes]
    earlier_files: dict[str, bytes]
    earlier: bytes


def open_log(folder: str, writer: str = "w1", **changes: Any) -> AuditLog:
    arguments: dict[str, Any] = {
        "writer": writer,
        "origin": _ORIGIN,
        "key": key("audit " + writer, "Ed25519"),
        "secret": bytes(range(32)),
        "clock": lambda: NOW,
        "monotonic": lambda: 0.0,
        "checkpoint_every_s": 1_000_000,
    }
    return AuditLog(folder, **{**arguments, **changes})


def _refuse(log: AuditLog, rule: int) -> None:
    reason = Reason.CITIZENSHIP_NOT_PERMITTED
    log.refused(reason, "policy", policy=bytes(16), rule=rule, resource="a", subject=b"one", detail=None, now=NOW)


def files_in(folder: str) -> dict[str, bytes]:
    root = Path(folder)
    return {str(each.relative_to(root)): each.read_bytes() for each in root.rglob("*") if each.is_file()}


@cache
def written(first_rule: int = 0, *, writer: str = "w1", size: int = 12) -> Log:
    """Write a log of some refusals, with a checkpoint after two thirds of them."""
    with TemporaryDirectory() as folder, open_log(folder, writer) as log:
        found = []
        for rules in (range(size * 2 // 3), range(size * 2 // 3, size)):
            for rule in rules:
                _refuse(log, first_rule + rule)
            log.checkpoint()
            found.append(files_in(folder))
    earlier_files, files = found
    name = f"{writer}/checkpoint"
    return Log(files, earlier_files, earlier_files[name])


@cache
def keys_of(*writers: str) -> tuple[str, ...]:
    found = []
    for writer in writers:
        with TemporaryDirectory() as folder, open_log(folder, writer) as log:
            found.append(log.verifier_key)
    return tuple(found)


def verify_files(
    files: dict[str, bytes], *, previous: Sequence[bytes] = (), writers: tuple[str, ...] = ("w1",), **how: Any
) -> AuditReport:
    with TemporaryDirectory() as folder:
        _put(folder, files)
        return verify_audit(folder, keys=keys_of(*writers), previous=previous, **{"now": NOW, **how})


def _put(folder: str, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@cache
def prove(index: int) -> bytes:
    with TemporaryDirectory() as folder:
        _put(folder, written().files)
        return prove_inclusion(f"{folder}/w1", key=keys_of("w1")[0], index=index)


def check_proof(proof: bytes | None = None, *, entry: bytes | None = None, index: int = 0) -> None:
    content = entries_of(written().files)[index] if entry is None else entry
    verify_proof(prove(index) if proof is None else proof, content, key=keys_of("w1")[0])


def entries_of(files: dict[str, bytes], size: int = 12) -> list[bytes]:
    """Take a bundle apart: each entry after its length in two bytes."""
    data, found = files["w1/" + ENTRIES.format(size)], []
    while data:
        length = int.from_bytes(data[:2], "big")
        found.append(data[2 : 2 + length])
        data = data[2 + length :]
    return found


def with_entries(entries: list[bytes], *, tiles: bool, size: int = 12) -> dict[str, bytes]:
    """Return the log with other entries, and if wished with the tiles that they make: nobody signs them."""
    files = dict(written().files)
    files.pop("w1/wal")
    bundle = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    for count in {size, len(entries)}:
        files["w1/" + ENTRIES.format(count)] = bundle
        if tiles:
            files["w1/" + TILE.format(count)] = b"".join(map(leaf_hash, entries))
    return files
