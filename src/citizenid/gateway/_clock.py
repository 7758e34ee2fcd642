"""The two clocks of a gateway: wall time, which people set, and monotonic time, which nobody can.

One `now` is read for one decision. Replay memory runs on monotonic time; where the wall clock parts from it, proofs
and challenges made before the step are refused, because their use may have been forgotten.

Spec: DESIGN law 13; specs/profile-dpop.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import isfinite
from typing import Final, final

from .._errors import FAILURES, CitizenIDError, Reason
from .._model import UnixTime

_STEP_S: Final = 2.0  # wall and monotonic time part by less than this under any slewing clock
_NUMBERS: Final = frozenset({int, float})
_END_OF_TIME: Final = 2**32 - 86_400  # tickets and challenges hold times, and times to come, in four bytes


@final
class GatewayClock:
    """Reads the wall clock and notices when it steps.

    Args:
        wall: Unix seconds.
        monotonic: seconds that never go back.
        skew_s: how far in the future a proof may claim to be.

    Attributes:
        proofs_from: proofs made before this moment are refused.
        challenges_from: and so are challenges; 0 as long as the wall clock has not stepped back.
        latest: the latest wall time that was read. What ended by then has ended, wherever the clock stands now.

    Raises:
        CitizenIDError: CLOCK_UNUSABLE.
    """

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float], skew_s: int) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._skew_s: Final = skew_s
        self._lock: Final = threading.Lock()
        self.latest = self.challenges_from = 0
        now, started = self.read()
        self._wall_minus_monotonic = now - started
        self._watched = int(now)  # the latest wall time that came to `watch`: what went before a step
        self.proofs_from = int(now)  # what was used before this process began is not remembered

    def read(self) -> tuple[UnixTime, float]:
        """Return the wall time, and the monotonic time of the same moment, for one decision.

        They are read next to each other: if the process stands still later on, no clock has stepped.

        Raises:
            CitizenIDError: CLOCK_UNUSABLE when the clock fails, or returns no number of seconds that we can hold.
        """
        now, monotonic = -1, 0.0
        try:
            elapsed, reading = self._monotonic(), self._wall()
            if type(reading) in _NUMBERS and type(elapsed) in _NUMBERS and isfinite(elapsed):
                now, monotonic = int(reading), elapsed
        except FAILURES:
            pass  # raised below: a clock that fails decides nothing
        if not 0 <= now < _END_OF_TIME:
            raise CitizenIDError(Reason.CLOCK_UNUSABLE, "clock")
        if now > self.latest:  # once a second; whoever has read an earlier time meanwhile takes nothing back
            with self._lock:
                self.latest = max(self.latest, now)
        return now, monotonic  # type: ignore[return-value]  # calling UnixTime does nothing, at a price

    def watch(self, now: UnixTime, monotonic: float) -> None:
        """Compare the two times of one moment with those before, and move `proofs_from` when they have parted.

        After a step back that lasts until the wall clock has passed its old mark: before it, a used proof that the
        guard has forgotten is young again. So is a challenge, which lives for longer: its mark is where the wall clock
        would stand now, though nobody has read it there. A step forward makes none young.
        """
        difference = now - monotonic
        if now > self._watched or not -_STEP_S < difference - self._wall_minus_monotonic < _STEP_S:
            with self._lock:
                self._note(int(now), difference)

    def _note(self, now: int, difference: float) -> None:
        parted = difference - self._wall_minus_monotonic
        if not -_STEP_S < parted < _STEP_S:
            self._wall_minus_monotonic = difference
            self.proofs_from = max(self.proofs_from, now, self._watched + self._skew_s + 1 if parted < 0 else 0)
            if parted < 0:
                self.challenges_from = max(self.challenges_from, int(now - parted) + 1)
        self._watched = max(self._watched, now)
