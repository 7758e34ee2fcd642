"""The SIEVE cache against a slow reference, its bound, and threads. A cache may forget; it never answers wrongly.

Spec: DESIGN section 4 (caches); Zhang et al., NSDI 2024, algorithm 1.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from citizenid import CitizenIDError, Reason
from citizenid.gateway import SieveCache


class SlowSieve:
    """SIEVE as the paper has it: a queue with the newest in front, a flag each, and a hand that moves forward."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.queue: list[list[Any]] = []  # [key, value, visited]
        self.hand: list[Any] | None = None

    def get(self, key: int) -> Any:
        for item in self.queue:
            if item[0] == key:
                item[2] = True
                return item[1]
        return None

    def put(self, key: int, value: int) -> None:
        for item in self.queue:
            if item[0] == key:
                item[1] = value
                return
        if len(self.queue) == self.size:
            self._evict()
        self.queue.insert(0, [key, value, False])

    def _evict(self) -> None:
        place = len(self.queue) - 1 if self.hand is None else self._place(self.hand)
        while self.queue[place][2]:
            self.queue[place][2] = False
            place = place - 1 if place > 0 else len(self.queue) - 1
        self.hand = self.queue[place - 1] if place > 0 else None
        del self.queue[place]

    def _place(self, wanted: list[Any]) -> int:
        return next(place for place, item in enumerate(self.queue) if item is wanted)


class SieveMachine(RuleBasedStateMachine):
    @initialize(size=st.integers(1, 6))
    def start(self, size: int) -> None:
        self.cache: SieveCache[int, int] = SieveCache(size)
        self.slow = SlowSieve(size)

    @rule(key=st.integers(0, 9), value=st.integers())
    def put(self, key: int, value: int) -> None:
        self.cache.put(key, value)
        self.slow.put(key, value)

    @rule(key=st.integers(0, 9))
    def get(self, key: int) -> None:
        assert self.cache.get(key) == self.slow.get(key)

    @invariant()
    def holds_as_many(self) -> None:
        if hasattr(self, "cache"):
            assert len(self.cache) == len(self.slow.queue) <= self.cache.max_entries

    def teardown(self) -> None:
        if hasattr(self, "cache"):
            assert all(self.cache.get(item[0]) == item[1] for item in self.slow.queue)


TestSieveMachine = SieveMachine.TestCase


def test_a_miss_is_none() -> None:
    assert SieveCache[str, int](2).get("unknown") is None


def test_what_is_asked_for_again_outlives_a_flood_seen_once() -> None:
    cache: SieveCache[int, int] = SieveCache(100)
    for hot in range(10):
        cache.put(hot, hot)
    for flood in range(1_000, 5_000):
        cache.put(flood, flood)
        assert all(cache.get(hot) == hot for hot in range(10))
    assert len(cache) == 100


def test_everything_asked_for_still_makes_room() -> None:
    cache: SieveCache[int, int] = SieveCache(3)
    for key in range(3):
        cache.put(key, key)
        cache.get(key)
    cache.put(3, 3)
    assert [cache.get(key) for key in range(4)] == [None, 1, 2, 3]


def test_the_newest_makes_room_where_it_alone_was_not_asked_for_and_the_order_stays() -> None:
    cache: SieveCache[int, int] = SieveCache(3)
    for key in range(3):
        cache.put(key, key)
    cache.get(0)
    cache.get(1)
    left = [{0, 1, 3}, {1, 3, 4}, {3, 4, 5}, {4, 5, 6}]
    for key, expected in zip(range(3, 7), left, strict=True):
        cache.put(key, key)
        assert set(cache._entries) == expected  # to look a value up would be to ask for it
    alone: SieveCache[int, int] = SieveCache(1)
    for key in range(3):
        alone.put(key, key)
        assert [alone.get(each) for each in range(3)] == [each if each == key else None for each in range(3)]


@pytest.mark.parametrize("size", [0, -1, 1.0, True, None, "8"])
def test_a_size_that_is_no_positive_integer_is_refused(size: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        SieveCache(size)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_threads_find_what_belongs_to_the_key_or_nothing() -> None:
    cache: SieveCache[int, tuple[int, str]] = SieveCache(16)
    wrong: list[object] = []

    def work(seed: int) -> None:
        state = seed
        for _ in range(3_000):
            state = (state * 1_103_515_245 + 12_345) % 2**31
            key = state % 64
            cache.put(key, (key, "value"))
            state = (state * 1_103_515_245 + 12_345) % 2**31
            found = cache.get(state % 64)
            if (found is not None and found != (state % 64, "value")) or len(cache) > 16:
                wrong.append((key, found))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(cache) == 16
    # The list inside has survived: all that are held can still be evicted one by one.
    for key in range(100, 132):
        cache.put(key, (key, "value"))
    assert sum(cache.get(key) is not None for key in range(132)) == 16


def test_its_repr_shows_no_key_and_no_value() -> None:
    cache: SieveCache[str, str] = SieveCache(4)
    cache.put("key-material", "claim-value")
    assert repr(cache) == "<SieveCache 1 of 4>"
