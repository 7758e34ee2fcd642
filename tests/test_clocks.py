"""Clocks that are handed in: one that fails, or shows what is no time, is not believed.

Spec: DESIGN law 13.
"""

from __future__ import annotations

from typing import Any

import pytest
from places import only_at

from citizenid import CitizenIDError, Reason
from citizenid._model import reading_of, time_shown

errors_say_where = only_at({Reason.CLOCK_UNUSABLE: frozenset({"clock"})})


def _fails() -> float:
    raise OSError("no clock")


NO_TIMES: dict[str, Any] = {
    "nothing": lambda: None, "a text": lambda: "5", "a truth": lambda: True, "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"), "one that fails": _fails,
}  # fmt: skip


@pytest.mark.parametrize("clock", NO_TIMES.values(), ids=NO_TIMES.keys())
def test_a_clock_that_shows_no_number_is_not_believed(clock: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        reading_of(clock)
    assert (caught.value.reason, caught.value.where) == (Reason.CLOCK_UNUSABLE, "clock")
    assert caught.value.__context__ is None
    assert time_shown(clock) is None


def test_a_clock_shows_a_number_and_a_time_is_whole_seconds_that_a_credential_can_hold() -> None:
    for shown in (0, 5, -5, 1.5, 2**60):
        assert reading_of(lambda shown=shown: shown) == shown  # type: ignore[misc]  # bound for this turn of the loop
    for shown, time in ((0, 0), (1.9, 1), (2**53 - 1, 2**53 - 1), (2**53, None), (-1, None), (-1.0, None)):
        assert time_shown(lambda shown=shown: shown) == time  # type: ignore[misc]  # as above
