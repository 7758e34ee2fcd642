"""The two clocks of a gateway, read by several threads at once: what one has seen, no other takes back.

Spec: specs/profile-dpop.md section 4; specs/invariants.md (I-39).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from citizenid.gateway._clock import GatewayClock

SKEW_S: Final = 30
ENDED: Final = 5_000


class Interrupted(GatewayClock):  # type: ignore[misc]  # final: a test alone stands between two of its steps
    """A clock whose reader is interrupted once, just after it has looked at what was seen before."""

    def __init__(self, looked_at: str, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._looked_at = looked_at
        self._meanwhile: Callable[[], object] | None = None
        super().__init__(wall, monotonic, SKEW_S)

    def interrupt(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in ("latest", "_watched") and name == super().__getattribute__("_looked_at"):
            meanwhile, self._meanwhile = super().__getattribute__("_meanwhile"), None
            if meanwhile is not None:
                meanwhile()
        return value


def test_a_reader_that_was_interrupted_does_not_set_back_what_had_ended() -> None:
    time = [100.0]
    clock = Interrupted("latest", lambda: time[0], lambda: 7.0)
    time[0] = 101.0

    def meanwhile() -> None:
        time[0] = ENDED
        assert clock.read()[0] == ENDED

    clock.interrupt(meanwhile)
    assert clock.read()[0] == 101
    assert clock.latest == ENDED


def test_a_step_that_another_thread_saw_first_is_not_forgotten() -> None:
    time = [100.0]
    clock = Interrupted("_watched", lambda: time[0], lambda: 7.0)

    def meanwhile() -> None:
        clock.watch(ENDED, 7.0)  # type: ignore[arg-type]  # a number of seconds

    clock.interrupt(meanwhile)
    clock.watch(101, 7.0)  # type: ignore[arg-type]  # as above
    assert clock._watched == ENDED and clock.proofs_from >= ENDED
    clock.watch(101, 7.0)  # type: ignore[arg-type]  # the clock is set right
    assert clock.proofs_from == ENDED + SKEW_S + 1
