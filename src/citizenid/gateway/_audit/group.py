"""Group commit: whoever comes first writes all that waits, with one sync, and the others wait for him.

Positions count what was ever added, from 1. `durable` is the position up to which everything is written, `failed` the
one up to which an attempt to write has failed: whoever waits for one of those hears so at once, and what he added stays
in the queue for the next attempt. One thread at a time has the place of the writer.

Spec: specs/profile-audit.md section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Condition, Lock
from typing import Final, Generic, TypeVar

T = TypeVar("T")

NO_ROOM: Final = -1


class GroupCommit(Generic[T]):
    """A queue whose items are written in groups.

    Args:
        write: writes some items and returns whether they are on the disk; does not raise.
        after: what else the writer does before he leaves his place, when nobody waits for him any more.
        most: items of one group.
        wait_s: how long to wait for others.
        max_waiting: items in the queue.
        monotonic: a clock that never goes back, in seconds.

    Attributes:
        writable: whether the last attempt succeeded.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], bool],
        after: Callable[[], None],
        *,
        most: int,
        wait_s: float,
        max_waiting: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._write: Final = write
        self._after: Final = after
        self._most: Final = most
        self._wait_s: Final = wait_s
        self._max_waiting: Final = max_waiting
        self._monotonic: Final = monotonic
        self._lock: Final = Lock()
        self._changed: Final = Condition(self._lock)
        self._busy = False
        self._queue: list[T] = []
        self._added = 0
        self._durable = 0
        self._failed = 0
        self.writable = True

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, item: T) -> int:
        """Put an item in the queue. Returns its position, or NO_ROOM."""
        with self._lock:
            if len(self._queue) >= self._max_waiting:
                return NO_ROOM
            self._queue.append(item)
            self._added += 1
            return self._added

    def settle(self, position: int) -> bool:
        """Wait until a position is durable, or write it; returns whether it is."""
        if 0 <= position <= self._durable:
            return True
        ends_at = self._monotonic() + self._wait_s
        with self._changed:
            while self._busy and self._failed < position and self._durable < position:
                if not self._changed.wait(ends_at - self._monotonic()):
                    return False
            if not self._failed < position <= self._added or position <= self._durable:
                return 0 <= position <= self._durable
            self._busy = True
        try:
            if self.flush(position):
                self._after()
        finally:
            self.leave()
        return position <= self._durable

    def enter(self) -> bool:
        """Take the place of the writer, or return False when it does not become free in time."""
        ends_at = self._monotonic() + self._wait_s
        with self._changed:
            while self._busy:
                if not self._changed.wait(ends_at - self._monotonic()):
                    return False
            self._busy = True
        return True

    def leave(self) -> None:
        """Leave the place of the writer."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def flush(self, position: int | None = None) -> bool:
        """Write what waits, up to a position or all of it. For whoever has the place of the writer.

        Returns:
            Whether it is on the disk.
        """
        last = self._added if position is None else position
        while self._durable < last:
            with self._lock:
                group = self._queue[: self._most]
            written = self._write(group)
            with self._changed:
                self.writable = written
                if written:
                    del self._queue[: len(group)]
                    self._durable += len(group)
                else:
                    self._failed = self._added
                self._changed.notify_all()
            if not written:
                return False
        return True
