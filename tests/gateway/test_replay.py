"""The replay guard in memory: once is once, nothing alive is thrown out, and what has ended takes no memory.

The model remembers every use with the moment until which it must not come again; the guard may remember up to two
seconds longer (it counts in whole seconds) and never shorter. Time is a number that the tests move.

Spec: RFC 9449 section 11.1; specs/threat-model.md (T-5, T-9).
"""

from __future__ import annotations

import threading
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from citizenid import CitizenIDError, Reason
from citizenid.gateway import Consumption, MemoryReplayGuard

from .world import Clock

FRESH, SEEN, FULL = Consumption.FRESH, Consumption.SEEN, Consumption.FULL
SLACK_S = 2  # whole seconds: rounded down when it is used and when it is swept


class GuardMachine(RuleBasedStateMachine):
    @initialize(most=st.integers(1, 12), per_scope=st.integers(1, 5), start=st.floats(0, 1_000))
    def begin(self, most: int, per_scope: int, start: float) -> None:
        self.clock = Clock(start)
        self.guard = MemoryReplayGuard(max_entries=most, max_entries_per_scope=per_scope, monotonic=self.clock)
        self.most, self.per_scope = most, per_scope
        self.ends: dict[tuple[bytes, bytes], float] = {}

    def _live(self, slack: float, scope: bytes | None = None) -> int:
        ends = [end for (of, _), end in self.ends.items() if scope in (None, of)]
        return sum(self.clock.now < end + slack for end in ends)

    @rule(
        scope=st.sampled_from([b"a", b"b", b"c"]),
        token=st.sampled_from([b"1", b"2", b"3", b"4"]),
        life=st.integers(1, 9),
    )
    def consume(self, scope: bytes, token: bytes, life: int) -> None:
        entry, now = (scope, token), self.clock.now
        surely_live = now < self.ends.get(entry, -1.0)
        maybe_live = now < self.ends.get(entry, -1.0) + SLACK_S
        result = self.guard.consume(scope, token, life)
        if surely_live:
            assert result is SEEN
        elif result is SEEN:
            assert maybe_live
        elif result is FULL:
            # Only when as much is remembered as there is room for: a refusal must have a cause, too.
            assert self._live(SLACK_S) >= self.most or self._live(SLACK_S, scope) >= self.per_scope
        else:
            assert self._live(0) < self.most
            assert self._live(0, scope) < self.per_scope
            self.ends[entry] = now + life

    @rule(seconds=st.floats(0, 12) | st.sampled_from([0.999, 1.0, 86_400.0, 31_536_000.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def bounded(self) -> None:
        if hasattr(self, "guard"):
            assert self._live(0) <= self.most
            assert len(self.guard) <= self.most


TestGuardMachine = GuardMachine.TestCase


def guard(**options: Any) -> tuple[MemoryReplayGuard, Clock]:
    clock = Clock(1_000.0)
    return MemoryReplayGuard(monotonic=clock, **options), clock


def test_once_is_once_until_its_lifetime_has_passed() -> None:
    memory, clock = guard()
    assert memory.consume(b"scope", b"token", 60) is FRESH
    for _ in range(60):
        assert memory.consume(b"scope", b"token", 60) is SEEN
        clock.now += 1
    assert memory.consume(b"scope", b"token", 60) is SEEN  # exactly 60 s later, still
    clock.now += 2
    assert memory.consume(b"scope", b"token", 60) is FRESH


def test_being_seen_again_does_not_shorten_or_lengthen_the_memory() -> None:
    memory, clock = guard()
    memory.consume(b"scope", b"token", 60)
    clock.now += 50
    assert memory.consume(b"scope", b"token", 1) is SEEN
    clock.now += 9
    assert memory.consume(b"scope", b"token", 600) is SEEN
    clock.now += 3
    assert memory.consume(b"scope", b"token", 60) is FRESH


def test_each_sender_has_a_space_of_his_own() -> None:
    memory, _ = guard()
    assert memory.consume(b"one", b"token", 60) is FRESH
    assert memory.consume(b"other", b"token", 60) is FRESH
    # Lengths do not blur: (one, token) and (onet, oken) are two.
    assert memory.consume(b"onet", b"oken", 60) is FRESH


def test_full_refuses_what_is_new_and_forgets_nothing() -> None:
    memory, clock = guard(max_entries=100, max_entries_per_scope=100)
    for number in range(100):
        assert memory.consume(b"%d" % (number % 7), b"%d" % number, 60) is FRESH
    for number in range(1_000):
        assert memory.consume(b"flood", b"f%d" % number, 60) is FULL
    for number in range(100):
        assert memory.consume(b"%d" % (number % 7), b"%d" % number, 60) is SEEN
    clock.now += 62
    assert memory.consume(b"flood", b"new", 60) is FRESH


def test_one_sender_fills_his_share_and_no_more() -> None:
    memory, _ = guard(max_entries=100, max_entries_per_scope=10)
    results = [memory.consume(b"flood", b"%d" % number, 60) for number in range(50)]
    assert results == [FRESH] * 10 + [FULL] * 40
    assert memory.consume(b"honest", b"token", 60) is FRESH
    assert len(memory) == 11


def test_a_refused_token_is_not_remembered() -> None:
    memory, clock = guard(max_entries=1)
    memory.consume(b"one", b"first", 10)
    assert memory.consume(b"one", b"second", 600) is FULL
    clock.now += 12
    assert memory.consume(b"one", b"second", 10) is FRESH


def test_memory_does_not_grow() -> None:
    memory, clock = guard()
    left = []
    tracemalloc.start()
    for round_ in range(4):
        for number in range(2_000):
            clock.now += 0.01
            memory.consume(b"scope %d %d" % (round_, number % 500), b"token %d" % number, 91)
        clock.now += 95
        memory.consume(b"last %d" % round_, b"last", 1)
        assert len(memory) == 1
        left.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    # The tables of a set and a dict keep the size they once had; entries, names and seconds are gone.
    assert left[3] < left[0] * 1.05


def test_a_long_silence_is_swept_at_once() -> None:
    memory, clock = guard()
    for number in range(100):
        memory.consume(b"scope", b"%d" % number, 1 + number)
    clock.now += 10 * 365 * 86_400  # second by second this would take half a minute
    began = time.thread_time()
    assert memory.consume(b"scope", b"5", 1) is FRESH
    assert time.thread_time() - began < 1
    assert len(memory) == 1


def test_of_many_threads_with_one_token_exactly_one_wins() -> None:
    for attempt in range(20):
        memory, _ = guard()
        start = threading.Barrier(8)
        results: list[Consumption] = []

        def use(
            memory: MemoryReplayGuard = memory, start: threading.Barrier = start, results: list[Consumption] = results
        ) -> None:
            start.wait()
            results.append(memory.consume(b"scope", b"token", 60))

        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(result.value for result in results) == ["fresh"] + ["seen"] * 7, attempt


@pytest.mark.parametrize("name", ["max_entries", "max_entries_per_scope"])
@pytest.mark.parametrize("number", [0, -1, 1.5, True, None, "9"])
def test_bounds_are_positive_integers(name: str, number: Any) -> None:
    bounds: dict[str, Any] = {name: number}
    with pytest.raises(CitizenIDError) as caught:
        MemoryReplayGuard(**bounds)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def _fails() -> float:
    raise OSError


BROKEN: Any = [lambda: float("nan"), lambda: float("inf"), lambda: float("-inf"), lambda: None, lambda: "1", _fails]


@pytest.mark.parametrize("clock", BROKEN)
def test_a_guard_that_cannot_tell_the_time_is_not_made(clock: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        MemoryReplayGuard(monotonic=clock)
    assert (caught.value.reason, caught.value.where) == (Reason.CLOCK_UNUSABLE, "clock")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("clock", [None, 5, "time"])
def test_a_guard_has_a_clock(clock: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        MemoryReplayGuard(monotonic=clock)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_a_consumption_has_no_truth_value() -> None:
    for result in Consumption:
        with pytest.raises(TypeError):
            bool(result)


def test_its_repr_shows_no_token() -> None:
    memory, _ = guard()
    memory.consume(b"thumbprint", b"token", 60)
    assert repr(memory) == "<MemoryReplayGuard of 1>"
