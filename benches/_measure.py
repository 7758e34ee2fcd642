"""How a figure is measured: interleaved samples on one core, by the CPU time of this thread, against a floor.

Other programs may use the machine meanwhile, so absolute figures move and ratios hold. A sample is a pool of inputs
that nobody has seen before, made outside of the timing; the step runs over the whole pool and so does the floor, and
which of the two goes first alternates. One ratio is taken for each sample, and the median of them is the figure.

The garbage collector stays on, as it is in a gateway, but does not look at the pools: they are frozen.
"""

from __future__ import annotations

import gc
import math
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

Item = TypeVar("Item")
Clock = Callable[[], int]
Prepare = Callable[[int], Sequence[Item]]
Run = Callable[[Item], object]

STEP: Final = "step"
FLOOR: Final = "floor"
_PROBE: Final = 16  # inputs of the warm-up, which also tells how many make a sample


class Plan(NamedTuple):
    """How hard to try.

    Attributes:
        samples: how many samples of each figure.
        sample_s: how long the shortest of the runs of one sample takes at least, seconds.
        latencies: how many single calls make a p99.
        imports: how many pairs of new processes are compared.
        entries: size of the status list that is measured.
        lists: how many of them the file of all lists has.
        audited: entries of the audit log that is verified.
        callers: how many callers the simulation of sharing has.
        seeds: how many more simulations there are of a tenth of them, with other seeds.
        timings: how many calls say whether a comparison tells what it compares.
    """

    samples: int
    sample_s: float
    latencies: int
    imports: int
    entries: int
    lists: int = 3
    audited: int = 600
    callers: int = 1_000
    seeds: int = 1
    timings: int = 120_000


FULL: Final = Plan(
    samples=21,
    sample_s=0.030,
    latencies=2_000,
    imports=21,
    entries=1_000_000,
    lists=20,
    audited=1_000_000,
    callers=10_000,
)
QUICK: Final = Plan(
    samples=9, sample_s=0.012, latencies=300, imports=7, entries=1_000_000, audited=50_000, timings=6_000
)


class Spread(NamedTuple):
    """Median, least and greatest of some numbers."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        return cls(statistics.median(numbers), min(numbers), max(numbers))


@dataclass(frozen=True, slots=True)
class Samples:
    """What was measured: for each run by name, microseconds for one call, sample by sample.

    Attributes:
        iterations: how many calls one sample has.
        runs: name of the run to its samples.
    """

    iterations: int
    runs: Mapping[str, tuple[float, ...]]

    def us(self, name: str = STEP) -> float:
        """Microseconds for one call: the median of the samples."""
        return statistics.median(self.runs[name])

    def ratio(self, name: str = STEP, floor: str = FLOOR) -> Spread:
        """The ratio of two runs in each sample."""
        return Spread.of([one / other for one, other in zip(self.runs[name], self.runs[floor], strict=True)])


def interleave(
    prepare: Prepare[Item],
    runs: Mapping[str, Run[Item]],
    plan: Plan,
    *,
    accept: Callable[[Any], bool] = lambda _: True,
    paced_by: str | None = None,
    clock: Clock = time.thread_time_ns,
) -> Samples:
    """Measure several runs over the same pools.

    Args:
        prepare: makes a pool of so many inputs; not timed.
        runs: what to call with each input. One of them may be the floor.
        plan: how many samples, how long.
        accept: whether a result of the first run is right. One more input of each pool is spent on asking, outside of
            the timing: a figure of something that failed would be worthless.
        paced_by: the run that takes `plan.sample_s` in one sample; the shortest by default.
        clock: nanoseconds.
    """
    names = list(runs)

    def sample(count: int, first: int) -> dict[str, int]:
        *pool, spare = prepare(count + 1)
        taken: dict[str, int] = {}
        gc.collect()
        gc.freeze()
        try:
            for name in names[first:] + names[:first]:
                taken[name] = _time(runs[name], pool, clock)
        finally:
            gc.unfreeze()
        assert accept(runs[names[0]](spare)), f"{names[0]} gave a wrong answer"
        return taken

    sample(_PROBE, 0)
    probed = sample(_PROBE, 0)
    pace = (min(probed.values()) if paced_by is None else probed[paced_by]) / _PROBE
    count = max(_PROBE, math.ceil(plan.sample_s * 1e9 / max(pace, 1.0)))
    taken = [sample(count, position % len(names)) for position in range(plan.samples)]
    return Samples(count, {name: tuple(each[name] / count / 1e3 for each in taken) for name in names})


def _time(run: Run[Item], pool: Sequence[Item], clock: Clock) -> int:
    started = clock()
    for item in pool:
        run(item)
    return clock() - started


class Latency(NamedTuple):
    """Milliseconds of single calls, by the CPU time of this thread and by the clock on the wall."""

    p50: float
    p99: float
    wall_p50: float
    wall_p99: float


def latency(
    pool: Sequence[Item],
    run: Run[Item],
    *,
    accept: Callable[[Any], bool] = lambda _: True,
    clock: Clock = time.thread_time_ns,
    wall: Clock = time.perf_counter_ns,
) -> Latency:
    """Measure each call by itself; every answer must be right."""
    cpu_ns: list[int] = []
    wall_ns: list[int] = []
    gc.collect()
    gc.freeze()
    try:
        for item in pool:
            wall_started, started = wall(), clock()
            result = run(item)
            ended, wall_ended = clock(), wall()
            cpu_ns.append(ended - started)
            wall_ns.append(wall_ended - wall_started)
            assert accept(result), "a call gave a wrong answer"
    finally:
        gc.unfreeze()
    return Latency(*(percentile(times, share) / 1e6 for times in (cpu_ns, wall_ns) for share in (50, 99)))


def percentile(numbers: Sequence[float], share: int) -> float:
    """Return the smallest number that at least `share` per cent of them do not exceed (nearest rank)."""
    ordered = sorted(numbers)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


def peak_bytes(call: Callable[[], object]) -> int:
    """Return how many bytes `call` had allocated at most beyond what was there before, as tracemalloc sees it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


def pin() -> int | None:
    """Keep this process, and what it starts, on one core. Returns which, or None where the system does not offer it."""
    try:
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError):
        return None
    return core
