r"""The write-ahead log: where an entry is on the disk before the answer to its request leaves.

A file begins with a mark and the index of its first entry. Batches follow: a head of 32 bytes and the entries as they
lie in a bundle. A batch is written only after the one before it has been synced. So a batch that fails its checksum is
a torn end if nothing sound comes after it, and damage if something does: then entries that were answered are lost, and
the file is refused rather than shortened.

    file    "citizenid-wal/1\n" | first index 8
    batch   "wal\x01" | bytes 4 | entries 4 | first index 8 | SHA-256( the 20 bytes before, entries ) cut to 12

Spec: specs/profile-audit.md section 4.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from ..._errors import MalformedError, Reason, VerificationError
from .entry import packed, unpacked

MAGIC: Final = b"citizenid-wal/1\n"
FILE_HEAD_BYTES: Final = len(MAGIC) + 8
MAX_WAL_BYTES: Final = 1 << 30
MAX_BATCH_BYTES: Final = 1 << 24  # 4,096 entries with the longest names
MAX_BATCH_ENTRIES: Final = 4_096
_BATCH_MAGIC: Final = b"wal\x01"
_BATCH: Final = struct.Struct(">4sIIQ")
_CHECK_BYTES: Final = 12
_HEAD_BYTES: Final = _BATCH.size + _CHECK_BYTES
_MOST_SOUGHT: Final = 64  # places where a sound batch is looked for behind one that is not

Read = Callable[[int], bytes]
"""Return the next bytes of the file: so many, or fewer at its end."""


def file_head(first: int) -> bytes:
    """Return how a file begins whose first entry has an index."""
    return MAGIC + first.to_bytes(8, "big")


def batch(first: int, entries: Sequence[bytes]) -> bytes:
    """Return a batch of entries, of which the first has an index."""
    body = packed(entries)
    head = _BATCH.pack(_BATCH_MAGIC, len(body), len(entries), first)
    return head + _check(head, body) + body


def batches(first: int, entries: Sequence[bytes]) -> Iterator[bytes]:
    """Return entries as batches, none of them too large."""
    start = size = 0
    for place, entry in enumerate(entries):
        if place - start == MAX_BATCH_ENTRIES or size + len(entry) + 2 > MAX_BATCH_BYTES:
            yield batch(first + start, entries[start:place])
            start, size = place, 0
        size += len(entry) + 2
    if start < len(entries):
        yield batch(first + start, entries[start:])


class WalReader:
    """Reads a file from its beginning, batch by batch, in bounded memory.

    Args:
        read: gives the next bytes.

    Attributes:
        first: index of the first entry.
        next: index of the entry after the last one that was read.
        sound_bytes: up to where the file is sound; all of it, unless the end is torn.
        torn_bytes: how many bytes at the end are no batch; known after the last batch.

    Raises:
        MalformedError: AUDIT_MALFORMED when it does not begin as such a file.
    """

    def __init__(self, read: Read) -> None:
        self._read: Final = read
        head = read(FILE_HEAD_BYTES)
        if len(head) != FILE_HEAD_BYTES or not head.startswith(MAGIC):
            raise MalformedError(Reason.AUDIT_MALFORMED, "audit.wal")
        self.first: Final = int.from_bytes(head[len(MAGIC) :], "big")
        self.next = self.first
        self.sound_bytes = FILE_HEAD_BYTES
        self.torn_bytes = 0

    def batches(self) -> Iterator[list[bytes]]:
        """Read the batches, to the end or to a torn one.

        Raises:
            VerificationError: AUDIT_INVALID when there is a sound batch behind one that is not.
            MalformedError: AUDIT_MALFORMED when the lengths in a sound batch do not add up.
        """
        while True:
            head = self._read(_HEAD_BYTES)
            size, count, first = _sizes(head)
            body = self._read(size) if count else b""
            if not count or first != self.next or not _is_sound(head, body, size):
                # Who got less than he asked for was at the end. Its writer may have gone on since: that is left alone.
                at_end = len(head) < _HEAD_BYTES or len(body) < size
                self._end(head + body if at_end else head + body + self._read(_HEAD_BYTES + MAX_BATCH_BYTES + 1))
                return
            entries = unpacked(body)
            if len(entries) != count:
                raise MalformedError(Reason.AUDIT_MALFORMED, "audit.wal")
            self.next += count
            self.sound_bytes += len(head) + len(body)
            yield entries

    def _end(self, rest: bytes) -> None:
        """Make sure that what follows is a torn end: no more than a batch, with no sound batch in it."""
        self.torn_bytes = len(rest)
        place = -1
        for _ in range(_MOST_SOUGHT if len(rest) <= _HEAD_BYTES + MAX_BATCH_BYTES else 0):
            place = rest.find(_BATCH_MAGIC, place + 1)
            if place < 0:
                return
            head = rest[place : place + _HEAD_BYTES]
            size, count, _first = _sizes(head)
            start = place + _HEAD_BYTES
            if count and _is_sound(head, rest[start : start + size], size):
                break
        raise VerificationError(Reason.AUDIT_INVALID, "audit.wal")


def _sizes(head: bytes) -> tuple[int, int, int]:
    """Return bytes, entries and first index of a batch; zeros when this is no head of one."""
    if len(head) == _HEAD_BYTES:
        magic, size, count, first = _BATCH.unpack_from(head)
        if magic == _BATCH_MAGIC and size <= MAX_BATCH_BYTES and 0 < count <= MAX_BATCH_ENTRIES:
            return size, count, first
    return 0, 0, 0


def _is_sound(head: bytes, body: bytes, size: int) -> bool:
    return len(body) == size and head[_BATCH.size :] == _check(head[: _BATCH.size], body)


def _check(head: bytes, body: bytes) -> bytes:
    return sha256(head + body).digest()[:_CHECK_BYTES]
