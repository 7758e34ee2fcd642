"""What was used once is not used again: proofs and challenges.

`consume` is one atomic step, so that of two requests with the same proof exactly one gets through. Nothing that is
still alive is ever thrown out to make room: when the guard is full, or one sender key its share, what comes new is
refused. Lifetimes run on monotonic time, which no clock step can shorten.

Spec: RFC 9449 section 11.1; specs/threat-model.md (T-5, T-9); specs/profile-fleet.md section 6.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Final, NoReturn, Protocol, final

from .._crypto import refuse_copy
from .._errors import CitizenIDError, Reason
from .._model import reading_of


class Consumption(Enum):
    """What became of an attempt to use something once."""

    FRESH = "fresh"
    SEEN = "seen"
    FULL = "full"
    UNAVAILABLE = "unavailable"
    """A shared guard cannot be asked, or may have forgotten."""
    FRESH_HERE = "fresh_here"
    """The same, and in this process it was not used before: good for a rule with `store_down = "local"` alone."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a Consumption has no truth value; compare it with Consumption.FRESH")


# A member of an enumeration is looked up through its type each time: by a name of this module it costs a tenth.
_FRESH: Final = Consumption.FRESH
_SEEN: Final = Consumption.SEEN
_FULL: Final = Consumption.FULL


class ReplayGuard(Protocol):
    """What a gateway needs: in memory for one process, shared for several."""

    def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
        """Use `token` once within `scope` (a sender), and remember it for `lifetime_s` seconds. Atomic.

        A gateway takes what it raises for UNAVAILABLE, but for a CitizenIDError, which says more, and so every answer
        that is no Consumption.
        """
        ...


@final
class MemoryReplayGuard:
    """The guard of one process. Safe for threads; O(1) for each use.

    Args:
        max_entries: how many live tokens to remember in all. More than the admissions and requests that rate limits in
            front let through while a proof lives: keys cost nothing, and the proof of an admission is used up before
            its presentation is verified, so that who signs with many keys can fill the guard for all.
        max_entries_per_scope: how many of one sender key: no single key fills the guard, many do.
        monotonic: a clock that never goes back, in seconds.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID; CLOCK_UNUSABLE for a clock that shows no time.
    """

    __slots__ = ("_by_second", "_count", "_live", "_lock", "_max_entries", "_max_per_scope", "_monotonic", "_swept")

    def __init__(
        self,
        *,
        max_entries: int = 1_000_000,
        max_entries_per_scope: int = 100_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        for number in (max_entries, max_entries_per_scope):
            if type(number) is not int or number < 1:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "replay")
        if not callable(monotonic):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "replay")
        self._max_entries: Final = max_entries
        self._max_per_scope: Final = max_entries_per_scope
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._live: dict[bytes, set[bytes]] = {}
        self._count = 0
        self._by_second: dict[int, list[tuple[bytes, bytes]]] = {}
        self._swept = int(reading_of(monotonic))

    def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
        """Use `token` once within `scope`; see `ReplayGuard`."""
        with self._lock:
            now = int(self._monotonic())
            if now > self._swept:
                self._sweep(now)
            tokens = self._live.get(scope)
            if tokens is None:
                tokens = set()
            elif token in tokens:
                return _SEEN
            if self._count >= self._max_entries or len(tokens) >= self._max_per_scope:
                return _FULL
            if not tokens:
                self._live[scope] = tokens
            tokens.add(token)
            self._count += 1
            ends = now + lifetime_s + 1
            bucket = self._by_second.get(ends)
            if bucket is None:
                self._by_second[ends] = [(scope, token)]
            else:
                bucket.append((scope, token))
            return _FRESH

    def _sweep(self, now: int) -> None:
        # Seconds that have passed, or the seconds that are kept: whichever is fewer, after a long silence.
        if now - self._swept > len(self._by_second):
            ended = [second for second in self._by_second if second <= now]
        else:
            ended = [second for second in range(self._swept + 1, now + 1) if second in self._by_second]
        for second in ended:
            for scope, token in self._by_second.pop(second):
                tokens = self._live[scope]
                tokens.discard(token)
                self._count -= 1
                if not tokens:
                    del self._live[scope]
        self._swept = now

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<MemoryReplayGuard of {self._count}>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
