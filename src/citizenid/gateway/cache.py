"""A bounded cache with SIEVE eviction: the exact cache of issuer halves, and of sender keys.

SIEVE (Zhang et al., NSDI 2024) keeps what is asked for again and lets what was seen once go, so that a flood of new
entries does not drive out the working set. A hit sets one flag and takes no lock; only insertion does.
"""

from __future__ import annotations

import threading
from typing import Final, Generic, TypeVar, final

from .._crypto import refuse_copy
from .._errors import CitizenIDError, Reason

K = TypeVar("K")
V = TypeVar("V")


class _Entry(Generic[K, V]):
    __slots__ = ("key", "newer", "older", "value", "visited")

    def __init__(self, key: K, value: V) -> None:
        self.key = key
        self.value = value
        self.visited = False
        self.newer: _Entry[K, V] | None = None
        self.older: _Entry[K, V] | None = None


@final
class SieveCache(Generic[K, V]):
    """At most `max_entries` values. Values must be immutable and never None: None is a miss.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    __slots__ = ("_entries", "_hand", "_lock", "_newest", "_oldest", "max_entries")

    def __init__(self, max_entries: int) -> None:
        if type(max_entries) is not int or max_entries < 1:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "cache.max_entries")
        self.max_entries: Final = max_entries
        self._entries: dict[K, _Entry[K, V]] = {}
        self._newest: _Entry[K, V] | None = None
        self._oldest: _Entry[K, V] | None = None
        self._hand: _Entry[K, V] | None = None
        self._lock = threading.Lock()

    def get(self, key: K, /) -> V | None:
        """Return the value, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        entry.visited = True
        return entry.value

    def put(self, key: K, value: V, /) -> None:
        """Keep a value; the oldest one that nobody asked for makes room."""
        with self._lock:
            held = self._entries.get(key)
            if held is not None:
                held.value = value
                return
            gives_way = self._hand or self._oldest
            if gives_way is not None and len(self._entries) >= self.max_entries:
                self._evict(gives_way)
            entry = _Entry(key, value)
            entry.older = self._newest
            if self._newest is not None:
                self._newest.newer = entry
            self._newest = entry
            if self._oldest is None:
                self._oldest = entry
            self._entries[key] = entry

    def _evict(self, entry: _Entry[K, V]) -> None:
        """Forget the first entry that nobody asked for, from this one on; the others are asked again the next time."""
        while entry.visited:
            entry.visited = False
            entry = entry.newer or self._oldest or entry
        self._hand = entry.newer
        if entry.newer is None:
            self._newest = entry.older
        else:
            entry.newer.older = entry.older
        if entry.older is None:
            self._oldest = entry.newer
        else:
            entry.older.newer = entry.newer
        del self._entries[entry.key]

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<SieveCache {len(self._entries)} of {self.max_entries}>"

    __reduce_ex__ = refuse_copy  # a gateway keeps tickets in one
    __getstate__ = refuse_copy
