"""Sessions that have been signed out: a ticket of one is refused, though nothing else is wrong with it.

A ticket is opened without shared state, so that ending a session early needs some: the ids of those that ended, until
their last ticket would have ended anyway. `contains` is asked for every request and must not wait for anything: a set
that a fleet shares keeps a copy in each process, and what one process adds is pushed to the others.

Spec: DESIGN section 4; specs/profile-sender-proofs.md section 7.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol, final

from .._crypto import refuse_copy
from .._errors import CitizenIDError, Reason
from .._model import reading_of

_SWEEP_AGAIN_S: Final = 60


class SignOuts(Protocol):
    """What a gateway needs: in memory for one process, shared for several."""

    def add(self, session_id: bytes, until: int) -> bool:
        """Remember a session until that moment, Unix seconds; False when there is no room, or no way to tell others.

        What is remembered must never be forgotten to make room. What could not be told may hold here all the same: a
        gateway asks `contains` which of the two it is.
        """
        ...

    def contains(self, session_id: bytes, /) -> bool:
        """Say whether a session was signed out. Asked for every request: no input, no output, no lock.

        Raises:
            CitizenIDError: SIGN_OUTS_UNAVAILABLE when that cannot be said. A gateway takes anything else for that, and
                every answer but True and False as well.
        """
        ...


@final
class MemorySignOuts:
    """The set of one process. Safe for threads; O(1) for each use.

    An entry goes when wall time has passed its end and as much monotonic time has passed as it had to live: no step of
    the wall clock, forward or back, lets go of one early.

    Args:
        max_entries: how many sessions to remember; 200 bytes each, and then their ids.
        clock: wall time in Unix seconds.
        monotonic: a clock that never goes back, in seconds.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID; CLOCK_UNUSABLE for a clock that shows no time.
    """

    __slots__ = (
        "_by_minute",
        "_clock",
        "_lives",
        "_lock",
        "_max_entries",
        "_monotonic",
        "_swept",
        "_until",
        "contains",
    )

    def __init__(
        self,
        *,
        max_entries: int = 100_000,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if type(max_entries) is not int or max_entries < 1 or not callable(clock) or not callable(monotonic):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "sign_outs")
        self._max_entries: Final = max_entries
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._until: dict[bytes, int] = {}
        self._lives: dict[bytes, float] = {}  # to this monotonic time at least; whoever signs out again lives anew
        self._by_minute: dict[int, list[bytes]] = {}  # of monotonic time, at whose end they may go
        self._swept = self._minute(reading_of(monotonic))
        self.contains: Final[Callable[[bytes], bool]] = self._until.__contains__

    def add(self, session_id: bytes, until: int) -> bool:
        """Remember a session; see `SignOuts`. Of two ends of one session the later counts.

        Raises:
            CitizenIDError: CLOCK_UNUSABLE; nothing is remembered then.
        """
        with self._lock:
            now, monotonic = reading_of(self._clock), reading_of(self._monotonic)
            self._sweep(now, monotonic)
            held = self._until.get(session_id)
            if held is None and len(self._until) >= self._max_entries:
                return False
            lives = monotonic + max(until - now, 0)
            if held is None:
                self._later(session_id, lives)
            self._until[session_id] = until if held is None else max(until, held)
            self._lives[session_id] = max(lives, self._lives.get(session_id, lives))
            return True

    def _sweep(self, now: float, monotonic: float) -> None:
        minute = self._minute(monotonic)
        if minute <= self._swept:
            return
        for each in [each for each in self._by_minute if each <= minute]:
            for session_id in self._by_minute.pop(each):
                left = max(self._until[session_id] - now, self._lives[session_id] - monotonic)
                if left < 0:
                    del self._until[session_id], self._lives[session_id]
                else:
                    self._later(session_id, monotonic + left)
        self._swept = minute

    def _later(self, session_id: bytes, monotonic: float) -> None:
        self._by_minute.setdefault(self._minute(monotonic) + 1, []).append(session_id)

    @staticmethod
    def _minute(monotonic: float) -> int:
        return int(monotonic // _SWEEP_AGAIN_S)

    def __len__(self) -> int:
        return len(self._until)

    def __repr__(self) -> str:
        return f"<MemorySignOuts of {len(self._until)}>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
