"""Verifies the logs of a deployment, from what lies in a folder and the keys that the auditor has. Never hangs.

Everything is computed again: the hash of each entry, each tile, the root, the signatures. Work and memory are bounded
by what the signed checkpoint says and by the sizes that files may have; nothing is listed below the folders of the logs
and nothing is opened that could block. Whoever reads this needs nothing of what writes.

    A-1 checkpoint   A-2 entries   A-3 tiles   A-4 root   A-5 write-ahead file   A-6 counters   A-7 earlier checkpoints
    A-8 the logs of other writers   A-9 witnesses   A-10 age

Spec: specs/profile-audit.md section 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from os import PathLike, close
from typing import Final, NamedTuple

from ..._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .entry import Allowed, Counted, Refused, read_entries, unpacked
from .merkle import TILE_WIDTH, Edge, Tile, consistency_proof, leaf_hash, tile_name, verify_consistency
from .note import (
    COSIGNATURE,
    MAX_NOTE_BYTES,
    Checkpoint,
    Head,
    VerifierKey,
    keys_of_logs,
    open_checkpoint,
    open_note,
    verifier_keys,
    verify_note,
)
from .proofs import read_tile
from .reading import Folder, path_text, read_exactly
from .wal import MAX_WAL_BYTES, WalReader

_MAX_BUNDLE_BYTES: Final = TILE_WIDTH * (2 + 65_535)


class LogReport(NamedTuple):
    """What one log says. It was verified.

    Attributes:
        origin: the name of the log.
        size: entries under its checkpoint.
        root: of its tree.
        time: the heartbeat, Unix seconds.
        refused: entries of refusals, by Reason.
        sampled: entries of requests that were allowed.
        counted: refusals without an entry of their own, by Reason: totals since the log began.
        unwritten: refusals that should have an entry and have none, by Reason: totals.
        allowed: requests that were counted as allowed.
        marked: how many of these showed signs of a credential that is shared.
        pending: sound entries after the checkpoint, in the write-ahead file; None when there is no such file, as in a
            published copy.
        torn_bytes: bytes at the end of that file that are no entry: what a crash, or a writer at work, leaves.
        others: the logs that its checkpoint names.
        witnessed: the size up to which every witness has cosigned; None when none was asked for.
    """

    origin: str
    size: int
    root: bytes
    time: int
    refused: Mapping[str, int]
    sampled: int
    counted: Mapping[str, int]
    unwritten: Mapping[str, int]
    allowed: int
    marked: int
    pending: int | None
    torn_bytes: int
    others: tuple[tuple[str, int, bytes], ...]
    witnessed: int | None


class AuditReport(NamedTuple):
    """What the logs of a deployment say. They were verified.

    Attributes:
        logs: in the order of their names.
    """

    logs: tuple[LogReport, ...]


class _Sums:
    """What the entries of one log add up to."""

    def __init__(self) -> None:
        self.refused: dict[str, int] = {}
        self.sampled = 0
        self.counted: dict[str, int] = {}
        self.unwritten: dict[str, int] = {}
        self.allowed = self.marked = 0

    def take(self, items: list[bytes]) -> None:
        for entry in read_entries(items):
            if isinstance(entry, Refused):
                self.refused[entry.reason] = self.refused.get(entry.reason, 0) + 1
            elif isinstance(entry, Allowed):
                self.sampled += 1
            else:
                self._count(entry)

    def _count(self, entry: Counted) -> None:
        for totals, news in ((self.counted, entry.refused), (self.unwritten, entry.unwritten)):
            for name, total in news.items():
                if total < totals.get(name, 0):
                    raise VerificationError(Reason.AUDIT_INVALID, "audit.counted")
                totals[name] = total
        self.allowed += sum(count for _, _, _, count, _ in entry.allowed)
        self.marked += sum(marked for _, _, _, _, marked in entry.allowed)


def verify_audit(
    directory: str | PathLike[str],
    *,
    keys: Iterable[str],
    witnesses: Iterable[str] = (),
    previous: Iterable[bytes] = (),
    now: int,
    max_age_s: int | None = None,
) -> AuditReport:
    """Verify the logs of all writers of a deployment.

    Args:
        directory: the folder with a folder for each log, named by the last part of its name; or, with one key, the
            folder of that log.
        keys: a verifier key for each log that must be there. Another one must not.
        witnesses: verifier keys (type 4): each of them must have cosigned each log.
        previous: checkpoints that were kept elsewhere: each log must begin with what they say.
        now: Unix seconds.
        max_age_s: how old a heartbeat may be, in either direction; None for any age.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID without a key, with two of one log, and for what has another type.
        MalformedError: AUDIT_MALFORMED, KEY_INVALID, SIGNATURE_MALFORMED.
        VerificationError: AUDIT_INVALID, SIGNATURE_INVALID.
    """
    verifiers = keys_of_logs(keys)
    cosigners = verifier_keys(witnesses, COSIGNATURE)
    if not verifiers:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.keys")
    if not _is_seconds(now):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.now")
    if max_age_s is not None and not _is_seconds(max_age_s):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.max_age_s")
    if not isinstance(previous, Iterable):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.previous")
    earlier = [_earlier(note, verifiers) for note in previous]
    paths = _paths(path_text(directory), list(verifiers))
    checkpoints: dict[str, Checkpoint] = {}
    logs = []
    for name in sorted(verifiers):
        with Folder(paths[name]) as folder:
            report, checkpoints[name] = _verify_log(folder, verifiers[name], cosigners)
        if max_age_s is not None and not -max_age_s <= now - report.time <= max_age_s:
            raise VerificationError(Reason.AUDIT_INVALID, "audit.checkpoint.time")
        logs.append(report)
    for name, current in checkpoints.items():
        heads = [other for each in checkpoints.values() for other in each.others if other.origin == name]
        for each in earlier:
            heads += [head for head in (each.head, *each.others) if head.origin == name]
            if each.origin == name and each.time > current.time:
                raise VerificationError(Reason.AUDIT_INVALID, "audit.checkpoint.time")
        with Folder(paths[name]) as folder:
            _verify_heads(folder, heads, current, verifiers[name])
    named = {other.origin for each in (*checkpoints.values(), *earlier) for other in each.others}
    if not named <= checkpoints.keys():  # a log that somebody has named, and nobody has
        raise VerificationError(Reason.AUDIT_INVALID, "audit.others")
    return AuditReport(tuple(logs))


def _is_seconds(value: object) -> bool:
    # An age without end would be none, and what is no number is neither older nor younger than anything.
    return (type(value) is int or (type(value) is float and isfinite(value))) and value >= 0


def _earlier(note: bytes, verifiers: Mapping[str, VerifierKey]) -> Checkpoint:
    if type(note) is not bytes:
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.previous")
    key = verifiers.get(note.partition(b"\n")[0].decode("utf-8", "replace"))
    if key is None:
        raise VerificationError(Reason.AUDIT_INVALID, "audit.previous")
    return open_checkpoint(note, key)


def _paths(directory: str, names: list[str]) -> dict[str, str]:
    """Return the folder of each log, and make sure that there is no other."""
    with Folder(directory) as folder:
        found = folder.names()
        if len(names) == 1 and "checkpoint" in found:
            return {names[0]: directory}
        paths = {name.rpartition("/")[2]: name for name in names}
        if len(paths) != len(names) or any(name not in paths for name in found if folder.is_folder(name)):
            raise VerificationError(Reason.AUDIT_INVALID, "audit.directory")
        if not all(folder.is_folder(name) for name in paths):
            raise VerificationError(Reason.AUDIT_INVALID, "audit.directory")
        return {name: f"{directory}/{last}" for last, name in paths.items()}


def _verify_log(folder: Folder, key: VerifierKey, witnesses: list[VerifierKey]) -> tuple[LogReport, Checkpoint]:
    # The write-ahead file is opened before the checkpoint is read: it then begins no later than that checkpoint ends,
    # also while the log is written.
    wal = folder.open("wal", MAX_WAL_BYTES)
    try:
        note = folder.read("checkpoint", MAX_NOTE_BYTES)
        if note is None:
            raise VerificationError(Reason.AUDIT_INVALID, "audit.checkpoint")
        checkpoint = open_checkpoint(note, key)
        sums = _Sums()
        _verify_tree(folder, checkpoint, sums)
        pending, torn = (None, 0) if wal is None else _verify_wal(folder, wal[0], checkpoint.size)
    finally:
        if wal is not None:
            close(wal[0])
    witnessed = _verify_witnesses(folder, note, checkpoint, key, witnesses) if witnesses else None
    report = LogReport(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root,
        checkpoint.time,
        sums.refused,
        sums.sampled,
        sums.counted,
        sums.unwritten,
        sums.allowed,
        sums.marked,
        pending,
        torn,
        checkpoint.others,
        witnessed,
    )
    return report, checkpoint


def _verify_tree(folder: Folder, checkpoint: Checkpoint, sums: _Sums) -> None:
    """A-2, A-3, A-4 and A-6: every entry, every tile, the root, and the counters in between."""
    read = read_tile(folder)
    edge = Edge()

    def compare(tile: Tile) -> None:
        if read(tile.level, tile.number, len(tile.hashes)) != b"".join(tile.hashes):
            raise VerificationError(Reason.AUDIT_INVALID, "audit.tile")

    for start in range(0, checkpoint.size, TILE_WIDTH):
        entries = _bundle(folder, start // TILE_WIDTH, min(TILE_WIDTH, checkpoint.size - start))
        sums.take(entries)
        for entry in entries:
            for tile in edge.append(leaf_hash(entry)):
                compare(tile)
    for tile in edge.partial():
        compare(tile)
    if edge.root() != checkpoint.root:
        raise VerificationError(Reason.AUDIT_INVALID, "audit.checkpoint.root")


def _bundle(folder: Folder, index: int, width: int) -> list[bytes]:
    data = folder.read(tile_name(None, index, width), _MAX_BUNDLE_BYTES)
    if data is None and width < TILE_WIDTH:  # the log has grown since: the full one has taken its place
        data = folder.read(tile_name(None, index), _MAX_BUNDLE_BYTES)
    entries = [] if data is None else unpacked(data)[:width]
    if len(entries) != width:
        raise VerificationError(Reason.AUDIT_INVALID, "audit.entries")
    return entries


def _verify_wal(folder: Folder, descriptor: int, size: int) -> tuple[int, int]:
    """A-5: what it has of entries under the checkpoint are those entries, and it goes on without a gap."""
    reader = WalReader(lambda count: read_exactly(descriptor, count))
    if reader.first > size:
        raise VerificationError(Reason.AUDIT_INVALID, "audit.wal")
    read = read_tile(folder)
    tile, number = b"", -1
    for entries in reader.batches():
        read_entries(entries)
        for index, entry in enumerate(entries, reader.next - len(entries)):
            if index >= size:
                break
            if index // TILE_WIDTH != number:
                number = index // TILE_WIDTH
                tile = read(0, number, min(TILE_WIDTH, size - number * TILE_WIDTH))
            place = index % TILE_WIDTH * 32
            if tile[place : place + 32] != leaf_hash(entry):
                raise VerificationError(Reason.AUDIT_INVALID, "audit.wal")
    return max(0, reader.next - size), reader.torn_bytes


def _verify_heads(folder: Folder, heads: list[Head], checkpoint: Checkpoint, key: VerifierKey) -> None:
    """A-7 and A-8: the log begins with what others say of it."""
    if any(head.size > checkpoint.size for head in heads):  # it may have grown while the others were read
        note = folder.read("checkpoint", MAX_NOTE_BYTES)
        if note is None:
            raise VerificationError(Reason.AUDIT_INVALID, "audit.checkpoint")
        heads = [*heads, checkpoint.head]
        checkpoint = open_checkpoint(note, key)
    for head in heads:
        _verify_growth(folder, head, checkpoint)


def _verify_growth(folder: Folder, head: Head, checkpoint: Checkpoint) -> None:
    """The log begins with the one that a head describes."""
    if head.size > checkpoint.size:
        raise VerificationError(Reason.AUDIT_INVALID, "audit.consistency")
    proof = consistency_proof(head.size, checkpoint.size, read_tile(folder))
    verify_consistency(head.size, checkpoint.size, head.root, checkpoint.root, proof)


def _verify_witnesses(
    folder: Folder, note: bytes, checkpoint: Checkpoint, key: VerifierKey, witnesses: list[VerifierKey]
) -> int:
    """A-9: each witness has cosigned this checkpoint, or one that this log begins with."""
    if all(verify_note(open_note(note), witness) for witness in witnesses):
        return checkpoint.size
    data = folder.read("witnessed", MAX_NOTE_BYTES)
    if data is None or not all(verify_note(open_note(data), witness) for witness in witnesses):
        raise VerificationError(Reason.AUDIT_INVALID, "audit.cosignature")
    earlier = open_checkpoint(data, key)
    _verify_growth(folder, earlier.head, checkpoint)
    return earlier.size
