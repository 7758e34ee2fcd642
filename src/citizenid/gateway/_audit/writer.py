"""The writer of one log: write-ahead file, tiles, checkpoint, and how it finds itself again after a crash.

What is on the disk is at every instant one of these, and each is whole:

    the write-ahead file has entries that no checkpoint names yet       they are taken in at the next start
    tiles reach further than the checkpoint                             the same tiles are written again, byte for byte
    the write-ahead file begins before the end of the checkpoint        what is in the tiles already is passed over

One writer at a time, held by a lock of the system that ends with its process. Not safe for threads: `AuditLog` lets
one thread in.

Spec: specs/profile-audit.md section 4; C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import close, fspath
from typing import Final, NamedTuple

from ..._crypto import SigningKey
from ..._errors import CitizenIDError, Reason, VerificationError
from . import disk
from .counts import EMPTY, Counts
from .entry import packed, unpacked
from .merkle import TILE_WIDTH, Edge, hashes_of, leaf_hash, tile_name, widths
from .note import MAX_NOTE_BYTES, Checkpoint, Head, VerifierKey, open_checkpoint, open_note, parse_checkpoint, sign_note
from .reading import Folder, read_exactly
from .wal import MAX_WAL_BYTES, WalReader, batch, batches, file_head
from .witness import merged

MAX_BUNDLE_BYTES: Final = TILE_WIDTH * (2 + 65_535)
CHECKPOINT: Final = "checkpoint"
WITNESSED: Final = "witnessed"
WAL: Final = "wal"
COUNTS: Final = "counts"
_TILES: Final = "tile"


class _Grown(NamedTuple):
    edge: Edge
    tail: list[bytes]
    stale: list[str]


class LogWriter:
    """The writer of one log.

    Args:
        path: the folder of the log.
        key: the verifier key of the log; its name is the origin.
        signer: the private half.
        names: what is counted.

    Attributes:
        checkpoint: the last one, or None in a log that has none yet.
        note: the last one, signed.
        witnessed: the last one that has cosignatures, with them, or nothing.
        pending: entries that are on the disk and in no checkpoint yet.
        counts: the counters.

    Raises:
        CitizenIDError: AUDIT_WRITER_PRESENT, AUDIT_UNAVAILABLE.
        VerificationError: AUDIT_INVALID, SIGNATURE_INVALID when the log is damaged or of another key.
        MalformedError: AUDIT_MALFORMED.
    """

    def __init__(self, path: str, key: VerifierKey, signer: SigningKey, names: list[str]) -> None:
        self._key: Final = key
        self._signer: Final = signer
        self.checkpoint: Checkpoint | None = None
        self.note = b""
        self.witnessed = b""
        self.pending: list[bytes] = []
        self._edge = Edge()
        self._tail: list[bytes] = []
        self._descriptor: int | None = None
        self._wal_bytes = 0
        self._wal_is_whole = False
        counts = lock = None
        present = taken = False
        try:
            self._folder: Final = disk.Folder(fspath(path))
            lock = self._folder.lock()
            present = lock is None
            if lock is not None:
                self._recover(path)
                descriptor = self._folder.open_to_map(COUNTS)
                try:
                    counts = Counts(descriptor, names)
                finally:
                    close(descriptor)
                self._rewrite()
                taken = True
        except (OSError, ValueError):
            pass  # raised below
        finally:
            if not taken and lock is not None:
                disk.close_quietly(lock)
        if lock is None or counts is None or not taken:
            raise CitizenIDError(
                Reason.AUDIT_WRITER_PRESENT if present else Reason.AUDIT_UNAVAILABLE, "audit.directory"
            )
        self._lock: Final = lock
        self.counts: Final = counts

    @property
    def next(self) -> int:
        """The index of the next entry."""
        return self._edge.size + len(self.pending)

    # --- starting ---

    def _recover(self, path: str) -> None:
        with Folder(path) as found:
            wal = found.open(WAL, MAX_WAL_BYTES)
            try:
                data = found.read(CHECKPOINT, MAX_NOTE_BYTES)
                if data is None:
                    self._begin(found, begun=wal is not None)
                else:
                    self._go_on(found, data, begun=wal is not None)
                if wal is not None:
                    self._take_in(wal[0])
            finally:
                if wal is not None:
                    close(wal[0])

    def _begin(self, found: Folder, *, begun: bool) -> None:
        """Begin a log, or go on beginning it. A log that only lost its checkpoint is not begun anew."""
        if found.is_folder(_TILES):
            raise VerificationError(Reason.AUDIT_INVALID, "audit.checkpoint")
        if not begun and found.read(COUNTS, len(EMPTY)) is None:
            self._folder.put(COUNTS, EMPTY)
            self._folder.sync()

    def _go_on(self, found: Folder, data: bytes, *, begun: bool) -> None:
        self.checkpoint, self.note = open_checkpoint(data, self._key), data
        self._edge, self._tail = load(found, self.checkpoint)
        self.witnessed = found.read(WITNESSED, MAX_NOTE_BYTES) or b""
        if self.witnessed:
            open_checkpoint(self.witnessed, self._key)
        if not begun or found.read(COUNTS, len(EMPTY)) is None:
            raise VerificationError(Reason.AUDIT_INVALID, "audit.wal")

    def _take_in(self, descriptor: int) -> None:
        reader = WalReader(lambda size: read_exactly(descriptor, size))
        size = self._edge.size
        if reader.first > size:
            raise VerificationError(Reason.AUDIT_INVALID, "audit.wal")
        for entries in reader.batches():
            known = max(0, size - (reader.next - len(entries)))
            self.pending += entries[known:]

    # --- writing ---

    def append(self, entries: Sequence[bytes]) -> None:
        """Bring entries to the disk: at most MAX_BATCH_ENTRIES.

        Raises:
            OSError: when that fails; then none of them counts, and nothing is written before the file is whole again.
        """
        descriptor = self._descriptor
        if descriptor is None:  # let go of: the log may have another writer now
            raise OSError("closed")
        self._check_place()
        # Somebody else may have removed, cut or rolled it: what it had is in memory, and is written anew.
        if not self._wal_is_whole or self._folder.size_of(WAL, descriptor) != self._wal_bytes:
            descriptor = self._rewrite()
        data = batch(self.next, entries)
        self._wal_is_whole = False
        try:
            disk.write_all(descriptor, data)
        except OSError:
            disk.cut(descriptor, self._wal_bytes)  # what the system did not take whole is cut off
            self._wal_is_whole = True
            raise
        # After a failed fsync nobody knows what is on the disk, and a second one would say that all is well: the whole
        # file is written anew from memory.
        disk.sync(descriptor)
        if self._folder.size_of(WAL, descriptor) != self._wal_bytes + len(data):
            raise OSError("what was written is not where it will be looked for")
        self._wal_is_whole = True
        self._wal_bytes += len(data)
        self.pending += entries

    def seal(self, time: int, others: Iterable[Head]) -> None:
        """Take all that is pending into the tree and sign a checkpoint.

        Raises:
            OSError: when the disk fails; the log stays as it was.
            CitizenIDError: when the signature is wrong.
        """
        self._check_place()
        grown = self._grow()
        self._folder.sync()
        earlier = 0 if self.checkpoint is None else self.checkpoint.time
        checkpoint = Checkpoint(self._key.name, grown.edge.size, grown.edge.root(), max(time, earlier), tuple(others))
        note = sign_note(checkpoint.to_text(), self._key, self._signer)
        self._folder.put(CHECKPOINT, note)
        self._folder.sync()
        self.checkpoint, self.note = checkpoint, note
        self._edge, self._tail = grown.edge, grown.tail
        taken, self.pending = len(self.pending), []
        for name in grown.stale:
            self._folder.remove_folder(name)
        if taken:
            self._wal_is_whole = False  # if this fails, the next batch will try again
            try:
                self._rewrite()
            except OSError:
                pass

    def put_cosigned(self, sent: bytes, lines: bytes) -> None:
        """Keep cosignatures of one of our checkpoints, unless a later one has some already.

        Raises:
            OSError: when that fails.
        """
        self._check_place()
        text = open_note(sent).text
        if self.witnessed and open_note(self.witnessed).text == text:
            sent = self.witnessed
        elif self.witnessed and _age(self.witnessed) >= _age(sent):
            return
        witnessed = merged(sent, lines)
        self._folder.put(WITNESSED, witnessed)
        if open_note(self.note).text == text:
            note = merged(self.note, lines)
            self._folder.put(CHECKPOINT, note)
            self.note = note
        self._folder.sync()
        self.witnessed = witnessed

    def close(self) -> None:
        """Let go of the log."""
        if self._descriptor is not None:
            disk.close_quietly(self._descriptor)
            self._descriptor = None
            self._wal_is_whole = False
            self.counts.close()
            disk.close_quietly(self._lock)

    def _check_place(self) -> None:
        """Write nothing where another writer may be by now: without the lock at its place, anybody can take it.

        Raises:
            OSError: when the lock, or the whole folder, was taken away.
        """
        if self._folder.size_of(disk.LOCK, self._lock) < 0:
            raise OSError("the lock is gone")

    def _rewrite(self) -> int:
        """Put a new write-ahead file in place, with what is pending, and return its descriptor."""
        size = self._edge.size
        data = file_head(size) + b"".join(batches(size, self.pending))
        self._folder.put(WAL, data)
        self._folder.sync()
        descriptor = self._folder.open_to_append(WAL)
        if self._descriptor is not None:
            disk.close_quietly(self._descriptor)
        self._descriptor, self._wal_bytes, self._wal_is_whole = descriptor, len(data), True
        return descriptor

    def _grow(self) -> _Grown:
        """Write the tiles of the tree with what is pending. Nothing of this writer changes."""
        edge, tail, stale = self._edge.copy(), list(self._tail), []
        have = {(tile.level, tile.number, len(tile.hashes)) for tile in self._edge.partial()}
        for entry in self.pending:
            tail.append(entry)
            for tile in edge.append(leaf_hash(entry)):
                if tile.level == 0:
                    self._folder.put(tile_name(None, tile.number), packed(tail))
                    stale.append(tile_name(None, tile.number) + ".p")
                    tail = []
                self._folder.put(tile_name(tile.level, tile.number), b"".join(tile.hashes))
                stale.append(tile_name(tile.level, tile.number) + ".p")
        for tile in edge.partial():
            place = (tile.level, tile.number, len(tile.hashes))
            if place not in have:
                if tile.level == 0:
                    self._folder.put(tile_name(None, tile.number, len(tail)), packed(tail))
                self._folder.put(tile_name(*place), b"".join(tile.hashes))
        return _Grown(edge, tail, stale)


def _age(note: bytes) -> tuple[int, int]:
    """Return what orders the checkpoints of one log."""
    checkpoint = parse_checkpoint(open_note(note).text)
    return checkpoint.size, checkpoint.time


def load(found: Folder, checkpoint: Checkpoint) -> tuple[Edge, list[bytes]]:
    """Read the right edge of a log, and the entries of its last bundle, and hold them against its checkpoint.

    Raises:
        VerificationError: AUDIT_INVALID.
        MalformedError: AUDIT_MALFORMED.
    """
    levels: list[list[bytes]] = []
    tail: list[bytes] = []
    for level, index, width in widths(checkpoint.size):
        levels += [[] for _ in range(level + 1 - len(levels))]
        levels[level] = hashes_of(found.read(tile_name(level, index, width), 32 * width) or b"")
        if level == 0:
            tail = unpacked(found.read(tile_name(None, index, width), MAX_BUNDLE_BYTES) or b"")
            if [leaf_hash(entry) for entry in tail] != levels[0]:
                raise VerificationError(Reason.AUDIT_INVALID, "audit.entries")
    edge = Edge(checkpoint.size, levels)
    if [(tile.level, tile.number, len(tile.hashes)) for tile in edge.partial()] != widths(checkpoint.size) or (
        edge.root() != checkpoint.root
    ):
        raise VerificationError(Reason.AUDIT_INVALID, "audit.tile")
    return edge, tail
