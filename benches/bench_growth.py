"""How the cost of the worst known input grows: time and memory at n, 2n and 4n, and no doubling beyond 2.5.

Time is the least CPU time of several calls, so that what else the machine does is not counted; memory is the peak of
tracemalloc beyond the input. What is below a floor of either is not judged: there a doubling measures a cache or one
buffer. Memory that the process once had it keeps meanwhile (`mallopt`, where the C library has it): else each call
above some size would pay the kernel for new pages, a step that is no growth of ours.

`tests/test_growth.py` holds the same by counts, without a clock.

Spec: threat T-9.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from ._hostile import Family, answered, families
from ._measure import Plan, peak_bytes
from ._report import Kind, Row

TARGET: Final = 2.5
DOUBLINGS: Final = (1, 2, 4)
TIME_FLOOR_MS: Final = 0.2
MEMORY_FLOOR_KIB: Final = 64
_LEAST_S: Final = 0.1  # of calls for one time
_FEWEST: Final = 5
_AGAIN: Final = 5  # times that a miss is measured once more
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # mallopt(3)


class Cost(NamedTuple):
    """What one size costs."""

    size: int
    ms: float
    kib: float
    outcome: str


def cost(family: Family, size: int, plan: Plan, clock: Callable[[], int] = time.thread_time_ns) -> Cost:
    """Measure one size."""
    given = family.make(size)
    outcome = answered(family, given)  # once, so that what is made once is made
    taken: list[int] = []
    gc.collect()
    gc.disable()
    try:
        while len(taken) < min(_FEWEST, plan.samples) or (
            sum(taken) < _LEAST_S * 1e9 and len(taken) < 20 * plan.samples
        ):
            started = clock()
            answered(family, given)
            taken.append(max(1, clock() - started))
    finally:
        gc.enable()
    kib = peak_bytes(lambda: answered(family, given)) / 1024
    return Cost(size, min(taken) / 1e6, kib, outcome)


def doublings(numbers: Sequence[float], floor: float) -> list[float]:
    """Return the ratios of neighbours; what stays below the floor has none."""
    return [larger / max(smaller, floor) for smaller, larger in itertools.pairwise(numbers) if larger > floor]


def judge(costs: Sequence[Cost]) -> float:
    """Return the worst ratio of a doubling, of time and of memory; 0 when nothing reached a floor."""
    times = doublings([each.ms for each in costs], TIME_FLOOR_MS)
    memory = doublings([each.kib for each in costs], MEMORY_FLOOR_KIB)
    return max(*times, *memory, 0.0, 0.0)


def measured(family: Family, plan: Plan) -> list[Cost]:
    """Measure the three sizes; a ratio that is missed is measured again, for the machine may have been elsewhere."""
    costs = [cost(family, family.n * factor, plan) for factor in DOUBLINGS]
    for _ in range(_AGAIN):
        if judge(costs) <= TARGET:
            break
        again = [cost(family, family.n * factor, plan) for factor in DOUBLINGS]
        costs = [
            Cost(one.size, min(one.ms, two.ms), min(one.kib, two.kib), one.outcome)
            for one, two in zip(costs, again, strict=True)
        ]
    return costs


def keep_memory() -> None:
    """Tell the allocator of glibc to ask the kernel rarely, and to give nothing back."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_TOP_PAD, 64 * 2**20)


def rows(plan: Plan, chosen: Callable[[], Iterator[Family]] = families) -> Iterator[Row]:
    """Measure."""
    keep_memory()
    for family in chosen():
        gc.collect()
        gc.freeze()  # what was there before is looked at by no collection between the sizes
        try:
            costs = measured(family, plan)
        finally:
            gc.unfreeze()
        worst = judge(costs)
        times = " ".join(f"{each.ms:.2f}" for each in costs)
        memory = " ".join(f"{each.kib:,.0f}" for each in costs)
        details: dict[str, Any] = {"costs": [each._asdict() for each in costs]}
        yield Row(
            name=f"growth-{family.entry}-{family.name}",
            step=f"{family.entry}: {family.name}, n = {family.n}",
            value=worst,
            unit="x",
            target=TARGET,
            reached=worst <= TARGET,
            kind=Kind.FIGURE,
            note=f"ms {times}; KiB {memory}; {costs[-1].outcome}",
            details=details,
        )
