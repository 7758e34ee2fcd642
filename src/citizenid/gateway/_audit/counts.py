"""Counters that a kill does not lose: eight bytes for each Reason in a mapped file of a constant size.

Refusals that anybody can cause without having proven anything are counted here, so that nobody can fill a disk with
them. The kernel keeps a mapped page when the process dies; a loss of power takes back what was counted since the last
`flush`, which comes before each entry that states the totals.

    "citizenid-counts"  | 48 zeros | 1,023 slots: name in ASCII, zeros to 56 | total 8

A name has its slot for ever: another release with other Reasons finds the ones it knows and takes free slots for new.

Spec: specs/profile-audit.md section 5.
"""

from __future__ import annotations

import mmap
from threading import Lock
from typing import Final

from ..._errors import MalformedError, Reason

MAGIC: Final = b"citizenid-counts"
_SLOT_BYTES: Final = 64
_NAME_BYTES: Final = 56
_SLOTS: Final = 1_024
FILE_BYTES: Final = _SLOT_BYTES * _SLOTS
EMPTY: Final = MAGIC.ljust(FILE_BYTES, b"\0")


class Counts:
    """The counters of one writer.

    Args:
        descriptor: of the file, open to read and write; not needed afterwards.
        names: what will be counted.

    Raises:
        MalformedError: AUDIT_MALFORMED when the file is none of these.
        OSError: when it cannot be mapped.
    """

    def __init__(self, descriptor: int, names: list[str]) -> None:
        mapped = None
        try:
            mapped = mmap.mmap(descriptor, FILE_BYTES)
        except ValueError:
            pass  # it is shorter
        if mapped is None or mapped[: len(MAGIC)] != MAGIC:
            raise MalformedError(Reason.AUDIT_MALFORMED, "audit.counts")
        self._map: Final = mapped
        self._lock: Final = Lock()
        self._bytes: Final = memoryview(mapped)
        # Eight bytes at once, in the order of the machine: a kill between two of them would leave a wrong number.
        self._words: Final = self._bytes.cast("Q")
        self._slots: Final[dict[str, int]] = {}
        free = []
        for slot in range(1, _SLOTS):
            start = slot * _SLOT_BYTES
            name = bytes(self._bytes[start : start + _NAME_BYTES]).rstrip(b"\0").decode("ascii", "replace")
            if name:
                self._slots[name] = self._word(slot)
            else:
                free.append(slot)
        for name, slot in zip([name for name in names if name not in self._slots], free, strict=False):
            start = slot * _SLOT_BYTES
            self._bytes[start : start + _NAME_BYTES] = name.encode("ascii").ljust(_NAME_BYTES, b"\0")
            self._slots[name] = self._word(slot)
        if not self._slots.keys() >= set(names):
            raise MalformedError(Reason.AUDIT_MALFORMED, "audit.counts")

    @staticmethod
    def _word(slot: int) -> int:
        return (slot + 1) * (_SLOT_BYTES // 8) - 1

    def add(self, name: str) -> None:
        """Count one more."""
        slot = self._slots[name]
        with self._lock:
            self._words[slot] += 1

    def totals(self) -> dict[str, int]:
        """Return every total that is not zero."""
        with self._lock:
            return {name: self._words[slot] for name, slot in self._slots.items() if self._words[slot]}

    def flush(self) -> None:
        """Bring the totals to the disk.

        Raises:
            OSError: when that fails.
        """
        self._map.flush()

    def close(self) -> None:
        """Unmap the file."""
        self._words.release()
        self._bytes.release()
        self._map.close()
