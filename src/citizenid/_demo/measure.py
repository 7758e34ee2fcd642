"""Measuring: every trial of every case is timed and judged, and the floor is timed beside it in the same run.

Times are wall time in nanoseconds around the one call; garbage collection stays on. A budget is missed when 99 of 100
decisions do not keep it.

Spec: DESIGN section 1 (budgets: a hundredth of the article's figures).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from .. import Format
from ..gateway import Gateway
from .cases import CASES, Case
from .world import Door, World, describe

AUTHORIZATIONS: Final = 10_000  # of each case
ADMISSIONS: Final = 1_000  # of each case, no two alike
_FLOOR_EACH: Final = 10  # trials for one measurement of the floor


class Row(NamedTuple):
    """A row of the article.

    Attributes:
        title: its name there.
        article_s: the overhead it permits, seconds.
        budget_s: ours at p99, seconds.
    """

    title: str
    article_s: float
    budget_s: float


ROWS: Final = tuple(
    Row(title, seconds, seconds / 100)
    for title, seconds in (
        ("citizen, cached token", 0.1),
        ("citizen, first time", 1.5),
        ("not a citizen, blocked", 0.5),
        ("spoofed origin or borrowed key", 2.0),
    )
)


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What was found in one case. Times are in nanoseconds.

    Attributes:
        title: the case.
        decision: the right decision, by the name of its class, which every trial but `wrong` gave.
        reason: the right Reason, or "".
        count: number of trials.
        wrong: number of wrong decisions.
        first_wrong: the first of them in words, or "".
        p50_ns: half of the trials took at most this.
        p99_ns: 99 of 100 took at most this.
        floor_ns: median of the floor, or None where nothing is unavoidable.
        floor_p99_ns: 99 of 100 times the floor took at most this; when it is high, the machine was busy.
        budget_ns: what `p99_ns` may be.
    """

    title: str
    decision: str
    reason: str
    count: int
    wrong: int
    first_wrong: str
    p50_ns: int
    p99_ns: int
    floor_ns: int | None
    floor_p99_ns: int | None
    budget_ns: int

    @property
    def late(self) -> bool:
        """Whether the budget is missed."""
        return self.p99_ns > self.budget_ns


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one format: for each row of the article its cases."""

    format: Format
    rows: tuple[tuple[Row, tuple[CaseReport, ...]], ...]

    @property
    def ok(self) -> bool:
        """Whether every decision was right and every budget kept."""
        return not any(case.wrong or case.late for _, cases in self.rows for case in cases)


def total(*, authorizations: int, admissions: int) -> int:
    """Return the number of trials of a run."""
    return sum(admissions if case.admits else authorizations for case in CASES)


def run(
    *,
    authorizations: int = AUTHORIZATIONS,
    admissions: int = ADMISSIONS,
    rows: Sequence[Row] = ROWS,
    wrap: Callable[[Gateway], Door] = lambda gateway: gateway,
    advance: Callable[[], None] = lambda: None,
    format: Format,
) -> Report:
    """Run every case.

    Args:
        authorizations: trials of each case that calls `authorize`.
        admissions: trials of each case that calls `admit`.
        rows: titles and budgets.
        wrap: what stands between the demo and the gateway; a test puts a wrong one there.
        advance: called after each trial, outside of the timing.
        format: of the credentials.

    Raises:
        WrongDecision: when a citizen is refused on whose admission the next trials stand.
    """
    world = World(wrap, format)
    reports = []
    for case in CASES:
        count = admissions if case.admits else authorizations
        reports.append(_measure(case, world, count, round(rows[case.row].budget_s * 1e9), advance))
    grouped = [tuple(r for c, r in zip(CASES, reports, strict=True) if c.row == row) for row in range(len(rows))]
    return Report(format, tuple(zip(rows, grouped, strict=True)))


def _measure(case: Case, world: World, count: int, budget_ns: int, advance: Callable[[], None]) -> CaseReport:
    reason = case.reason(world) if callable(case.reason) else case.reason
    expected = (case.decision.__name__, reason.value if reason else "")
    times, floors, wrong, first_wrong = [], [], 0, ""
    clock = time.perf_counter_ns
    for number, trial in enumerate(islice(case.trials(world), count)):
        decide = trial.decide
        start = clock()
        result = decide()
        times.append(clock() - start)
        found = describe(result)
        if found != expected:
            wrong += 1
            first_wrong = first_wrong or " ".join(found).strip()
        if trial.floor is not None and number % _FLOOR_EACH == 0:
            run_floor = trial.floor().run
            start = clock()
            run_floor()
            floors.append(clock() - start)
        advance()
    p50, p99 = percentile(times, 50), percentile(times, 99)
    floor, floor_p99 = (percentile(floors, 50), percentile(floors, 99)) if floors else (None, None)
    return CaseReport(case.title, *expected, count, wrong, first_wrong, p50, p99, floor, floor_p99, budget_ns)


def percentile(times: Sequence[int], percent: int) -> int:
    return sorted(times)[math.ceil(len(times) * percent / 100) - 1]  # nearest rank: a time that was measured
