"""A table of records of one size, made once and never grown: what it may take is known when the process starts.

Each key has two buckets of sixteen places, by a keyed hash that nobody outside can compute. It takes a place in the
emptier one; so the table is filled to 85 % before any bucket is full, but for once in a hundred tables. When both are,
a record of one of them goes to its other bucket, if there is room in it. Where there is none the record that gives way
is one of no use any more, or else the oldest that was seen in a single moment only. Records that were seen at two
moments or more, and lately, are never thrown out: a flood of new keys drives out other new keys and nothing else.

A record begins with the moment it was last seen (four bytes); its ninth byte says whether it is *busy*. The rest is the
caller's.
"""

from __future__ import annotations

import struct
from typing import Final, final

_WAYS: Final = 16
_TAG_BYTES: Final = 8
_FILLED: Final = 0.85  # two choices among buckets of sixteen: up to here hardly a key of 10^7 finds both full
_ROW_BYTES: Final = _WAYS * _TAG_BYTES
_FREE: Final = bytes(_TAG_BYTES)
_HEAD: Final = struct.Struct("<I4xB")
_MASK: Final = 2**64 - 1


@final
class RecordTable:
    """Records by the hash of their key. Not safe for threads by itself.

    Args:
        entries: how many keys it holds without throwing any out.
        record_bytes: size of a record, head included.
        idle: how many moments after it was last seen a record is of no use.

    Attributes:
        records: all of them in one buffer; the record of place `n` begins at `n * record_bytes`.
        refused: how many keys found no place.
    """

    def __init__(self, entries: int, record_bytes: int, *, idle: int) -> None:
        self._buckets: Final = -int(-entries / (_WAYS * _FILLED) // 1)
        self._record_bytes: Final = record_bytes
        self._idle: Final = idle
        self._tags = bytearray(self._buckets * _ROW_BYTES)
        self._filled = bytearray(self._buckets)
        self.records: Final = bytearray(self._buckets * _WAYS * record_bytes)
        self.refused = 0
        self._used = 0

    def find(self, hashed: int) -> int:
        """Return the place of a key by its hash, of which 64 bits count, or -1."""
        hashed &= _MASK
        tag = hashed.to_bytes(8, "little")
        start = hashed % self._buckets * _ROW_BYTES
        at = self._tags.find(tag, start, start + _ROW_BYTES)
        if at < 0 or at & 7:
            at = self._aligned(tag, start)
            if at < 0:
                at = self._aligned(tag, (hashed >> 32) % self._buckets * _ROW_BYTES)
        return at >> 3  # of -1 it is -1

    def _aligned(self, tag: bytes, start: int) -> int:
        at = self._tags.find(tag, start, start + _ROW_BYTES)
        while at >= 0 and at & 7:  # across two tags
            at = self._tags.find(tag, at + 1, start + _ROW_BYTES)
        return at

    def place(self, hashed: int, moment: int) -> int:
        """Make a record of zeros for a key that is not there; returns its place, or -1 when nothing may give way."""
        hashed &= _MASK
        first, second = hashed % self._buckets, (hashed >> 32) % self._buckets
        bucket = min(first, second, key=self._filled.__getitem__)
        if self._filled[bucket] < _WAYS or self._make_room(bucket):
            place = self._aligned(_FREE, bucket * _ROW_BYTES) >> 3
            self._filled[bucket] += 1
            self._used += 1
        else:
            place = self._least(first, second, moment)
            if place < 0:
                self.refused += 1
                return -1
        self._tags[place * 8 : place * 8 + 8] = hashed.to_bytes(8, "little")
        at = place * self._record_bytes
        self.records[at : at + self._record_bytes] = bytes(self._record_bytes)
        return place

    def _make_room(self, bucket: int) -> bool:
        """Send a record of a full bucket to the other bucket of its key; whether one could go."""
        for place in range(bucket * _WAYS, (bucket + 1) * _WAYS):
            hashed = int.from_bytes(self._tags[place * 8 : place * 8 + 8], "little")
            first, second = hashed % self._buckets, (hashed >> 32) % self._buckets
            other = second if first == bucket else first
            if self._filled[other] < _WAYS:
                to = self._aligned(_FREE, other * _ROW_BYTES) >> 3
                self._tags[to * 8 : to * 8 + 8] = self._tags[place * 8 : place * 8 + 8]
                self._tags[place * 8 : place * 8 + 8] = _FREE
                size = self._record_bytes
                self.records[to * size : (to + 1) * size] = self.records[place * size : (place + 1) * size]
                self._filled[other] += 1
                self._filled[bucket] -= 1
                return True
        return False

    def _least(self, first: int, second: int, moment: int) -> int:
        """Return the place of the record that gives way, or -1."""
        found, oldest = -1, -1
        for bucket in (first, second):
            for place in range(bucket * _WAYS, (bucket + 1) * _WAYS):
                seen, busy = _HEAD.unpack_from(self.records, place * self._record_bytes)
                age = moment - seen
                if age > self._idle:
                    return place
                if not busy and age > oldest:
                    found, oldest = place, age
        return found

    def move(self, place: int, hashed: int, moment: int) -> int:
        """Give the record of a place another key; returns its new place, or -1 when there is none and it is lost."""
        at = place * self._record_bytes
        record = self.records[at : at + self._record_bytes]
        self._tags[place * 8 : place * 8 + 8] = _FREE
        self._filled[place // _WAYS] -= 1
        self._used -= 1
        to = self.place(hashed, moment)
        if to >= 0:
            self.records[to * self._record_bytes : (to + 1) * self._record_bytes] = record
        return to

    def __len__(self) -> int:
        return self._used
