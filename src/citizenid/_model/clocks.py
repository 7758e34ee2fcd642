"""What a clock shows that somebody has handed in: it may fail, or show what is no time.

Spec: DESIGN law 13.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Final

from .._errors import FAILURES, CitizenIDError, Reason
from .._limits import MAX_UNIX_TIME
from .vocabulary import UnixTime

_NUMBERS: Final = frozenset({int, float})


def reading_of(clock: Callable[[], float]) -> float:
    """Return what a clock shows.

    Raises:
        CitizenIDError: CLOCK_UNUSABLE when it fails, or shows no finite number.
    """
    shown = None
    try:
        reading = clock()
        if type(reading) in _NUMBERS and isfinite(reading):
            shown = reading
    except FAILURES:
        pass  # raised below
    if shown is None:
        raise CitizenIDError(Reason.CLOCK_UNUSABLE, "clock")
    return shown


def time_shown(clock: Callable[[], float]) -> UnixTime | None:
    """Return the time that a clock shows, or None from one that fails, or shows what is none."""
    now = None
    try:
        now = int(reading_of(clock))
    except CitizenIDError:
        pass  # then nobody knows
    return UnixTime(now) if now is not None and 0 <= now <= MAX_UNIX_TIME else None
