"""The two clocks of a gateway: wall time, which people set, and monotonic time, which nobody can.

One `now` is read for one decision. Replay memory runs on monotonic time; where the wall clock parts from it, proofs
made before the step are refused, because their use may have been forgotten.

Spec: DESIGN law 13; specs/profile-dpop.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from .._errors import CitizenIDError, Reason
from .._model import UnixTime

_STEP_S: Final = 2.0  # wall and monotonic time part by less than this under any slewing clock
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

    Raises:
        CitizenIDError: CLOCK_UNUSABLE.
    """

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float], skew_s: int) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._skew_s: Final = skew_s
        now = self.now()
        self._wall_minus_monotonic = now - monotonic()
        self._latest = int(now)
        self.proofs_from = int(now)  # what was used before this process began is not remembered

    def now(self) -> UnixTime:
        """Return the wall time.

        Raises:
            CitizenIDError: CLOCK_UNUSABLE when the clock fails, or returns no number of seconds that we can hold.
        """
        now = -1
        try:
            reading = self._wall()
            if type(reading) is float or type(reading) is int:
                now = int(reading)
        except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError):
            pass  # raised below: a clock that fails decides nothing
        if not 0 <= now < _END_OF_TIME:
            raise CitizenIDError(Reason.CLOCK_UNUSABLE, "clock")
        return UnixTime(now)

    def watch(self, now: UnixTime) -> None:
        """Compare `now` with monotonic time, and move `proofs_from` when they have parted.

        After a step back that lasts until the wall clock has passed its old mark: before it, a used proof that the
        guard has forgotten is young again.

        Raises:
            CitizenIDError: CLOCK_UNUSABLE.
        """
        # Both clocks are read here, next to each other: since `now` was read the process may have stood still.
        difference = -self._monotonic() + self.now()
        if not -_STEP_S < difference - self._wall_minus_monotonic < _STEP_S:
            self._wall_minus_monotonic = difference
            self.proofs_from = max(self.proofs_from, int(now), self._latest + self._skew_s + 1)
        self._latest = max(self._latest, int(now))
