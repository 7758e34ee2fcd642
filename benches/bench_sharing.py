"""Sharing detection: what a count costs, what a credential takes of memory, and a month of callers and sharers.

The month is a simulation with a seed (`_callers.py` has the model and its assumptions). Stopped is who was ever asked
for a step-up or refused; found is a sharer of whom that happened within 24 hours of the first use by somebody else. A
mark counts for neither. Whoever is stopped passes the step-up at once, sharers too: their owners help them.

    python -m benches --only sharing --full     # 100,000 callers
    python -m benches.bench_sharing             # what moves the result: sizes, assumptions, seeds
"""

from __future__ import annotations

import gc
import os
import statistics
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from citizenid.gateway.sharing import Observation, SharingDetector, SharingLimits, Signals, Suspicion, judge

from ._callers import DAY_S, Assumptions, Crowd, Event, Sharer
from ._measure import Plan, Spread, interleave
from ._report import Kind, Row

TARGET_US: Final = 3.0
TARGET_BYTES: Final = 200.0
TARGET_STOPPED: Final = 0.1
TARGET_MISSED: Final = 5.0
DAYS: Final = 30
SHARERS: Final = 0.01
_KNOWN: Final = 100_000


def rows(plan: Plan) -> Iterator[Row]:
    """Measure and simulate."""
    yield from costs(plan)
    yield memory()
    yield from months(plan)


def costs(plan: Plan) -> Iterator[Row]:
    """Measure `observe` with and without `judge` in a detector that holds 100,000 credentials."""
    detector, limits = SharingDetector(max_credentials=_KNOWN + 2_000), SharingLimits()
    for _ in range(_KNOWN):
        detector.observe(credential=os.urandom(16), sender=b"s", signals=Signals("AS64496"), now=0.0)
    one = [(os.urandom(16), os.urandom(32), Signals("AS64496/us", "US", os.urandom(32))) for _ in range(1_000)]
    two = [(credential, sender, Signals("AS64497/us", "US", of.api_key)) for credential, sender, of in one]

    def observe(item: tuple[bytes, bytes, Signals]) -> Observation:
        credential, sender, signals = item
        return detector.observe(credential=credential, sender=sender, signals=signals, now=1.0)

    def decide(item: tuple[bytes, bytes, Signals]) -> Suspicion:
        return judge(observe(item), limits, people=1)

    def again(count: int) -> Sequence[tuple[bytes, bytes, Signals]]:
        pool = [one[number % 1_000] for number in range(count)]
        for item in one:
            observe(item)
        return pool

    def in_turn(count: int) -> Sequence[tuple[bytes, bytes, Signals]]:
        return [(one, two)[number // 16 % 2][number % 16] for number in range(count)]

    samples = interleave(again, {"step": observe, "with judge": decide}, plan, accept=lambda seen: seen.tracked)
    yield Row(
        name="sharing-observe",
        step="count a request of a credential",
        value=samples.us(),
        unit="us",
        target=TARGET_US,
        reached=samples.us() <= TARGET_US,
        kind=Kind.FIGURE,
        note=f"with judge {samples.us('with judge'):.1f} us",
        details={"samples": {name: list(us) for name, us in samples.runs.items()}},
    )
    samples = interleave(in_turn, {"step": observe}, plan, accept=lambda seen: seen.tracked)
    yield Row(
        name="sharing-turn",
        step="  one that comes from another network than the last",
        value=samples.us(),
        unit="us",
        note="and the first of a quarter of an hour",
    )


def memory() -> Row:
    """Measure what 100,000 credentials take, each with an API key of its own."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        detector = SharingDetector(max_credentials=_KNOWN, max_api_keys=_KNOWN)
        for _ in range(_KNOWN):
            signals = Signals("AS64496", "US", os.urandom(32))
            detector.observe(credential=os.urandom(16), sender=b"s", signals=signals, now=0.0)
        del signals
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(detector) == _KNOWN
    each = (after - before) / _KNOWN
    return Row(
        name="sharing-memory",
        step="memory of a credential and its API key",
        value=each,
        unit="bytes",
        target=TARGET_BYTES,
        reached=each <= TARGET_BYTES,
        kind=Kind.FIGURE,
        note=f"{_KNOWN:,} of each",
    )


@dataclass(slots=True)
class Outcome:
    """What a month brought."""

    honest: int
    stopped: set[int] = field(default_factory=set)
    sharers: list[Sharer] = field(default_factory=list)
    found: dict[int, float] = field(default_factory=dict)  # sharer to seconds from his beginning
    refused: dict[int, float] = field(default_factory=dict)
    events: int = 0

    def stopped_percent(self) -> float:
        return 100 * len(self.stopped) / self.honest

    def missed_percent(self, wanted: Callable[[Sharer], bool] = lambda _: True) -> float:
        """Return the share of sharers that were not found within 24 hours."""
        began = [sharer for sharer in self.sharers if sharer.began is not None and wanted(sharer)]
        missed = sum(self.found.get(sharer.api_key, DAY_S + 1) > DAY_S for sharer in began)
        return 100 * missed / len(began) if began else 0.0


def month(
    callers: int,
    seed: int,
    *,
    assumptions: Assumptions | None = None,
    limits: SharingLimits | None = None,
    sharers: float = SHARERS,
    nodes: int = 1,
) -> Outcome:
    """Simulate.

    Args:
        callers: how many, sharers included.
        seed: of everything that is drawn.
        assumptions: of the model.
        limits: of the rule.
        sharers: share of the callers.
        nodes: gateways, each with a detector of its own, to which requests go at random.
    """
    limits = limits or SharingLimits()
    crowd = Crowd(callers, sharers=sharers, seed=seed, assumptions=assumptions or Assumptions(), days=DAYS)
    detectors = [SharingDetector(max_credentials=callers * 3 // 2 + 1_000) for _ in range(nodes)]
    by_key = {sharer.api_key: sharer for sharer in crowd.sharers}
    outcome = Outcome(honest=callers - len(crowd.sharers), sharers=crowd.sharers)
    for day in range(DAYS):
        for event in crowd.day(day):
            outcome.events += 1
            detector = detectors[0] if nodes == 1 else crowd.rng.choice(detectors)
            _decide(detector, event, crowd, limits, by_key.get(event.api_key), outcome)
    return outcome


def _decide(
    detector: SharingDetector,
    event: Event,
    crowd: Crowd,
    limits: SharingLimits,
    sharer: Sharer | None,
    outcome: Outcome,
) -> None:
    credential, sender = b"%d" % event.credential, event.sender.encode()
    signals = Signals(event.network, event.country, b"%d" % event.api_key)
    seen = detector.observe(credential=credential, sender=sender, signals=signals, now=event.at)
    suspicion = judge(seen, limits, people=crowd.people_of_key.get(event.api_key))
    if suspicion < Suspicion.STEP_UP:
        return
    if sharer is None:
        outcome.stopped.add(event.credential)
    elif sharer.began is not None and event.at >= sharer.began:
        outcome.found.setdefault(sharer.api_key, event.at - sharer.began)
        if suspicion is Suspicion.REFUSE:
            outcome.refused.setdefault(sharer.api_key, event.at - sharer.began)
    if suspicion is Suspicion.STEP_UP:
        detector.passed(credential=credential, sender=sender, signals=signals, limits=limits, now=event.at)


def months(plan: Plan) -> Iterator[Row]:
    """Simulate the month of the plan's callers, and of a tenth of them with other seeds."""
    whole = month(plan.callers, 1)
    others = [month(max(100, plan.callers // 10), seed) for seed in range(2, 2 + plan.seeds)]
    stopped = Spread.of([each.stopped_percent() for each in (whole, *others)])
    missed = Spread.of([each.missed_percent() for each in (whole, *others)])
    what = f"of {plan.callers:,} callers in {DAYS} days, {whole.events:,} requests"
    yield Row(
        name="sharing-stopped",
        step="honest callers ever stopped",
        value=whole.stopped_percent(),
        unit="%",
        target=TARGET_STOPPED,
        reached=whole.stopped_percent() <= TARGET_STOPPED,
        kind=Kind.FIGURE,
        note=f"{what}; other seeds {stopped.least:.3f} - {stopped.greatest:.3f}",
        details={"stopped": len(whole.stopped), "honest": whole.honest},
    )
    kinds = {kind: whole.missed_percent(lambda s, kind=kind: s.kind == kind) for kind in _KINDS}  # type: ignore[misc]  # a default of a lambda
    yield Row(
        name="sharing-missed",
        step="sharers not found within 24 hours",
        value=whole.missed_percent(),
        unit="%",
        target=TARGET_MISSED,
        reached=whole.missed_percent() <= TARGET_MISSED,
        kind=Kind.FIGURE,
        note="; ".join(f"{kind} {percent:.1f}" for kind, percent in kinds.items())
        + f"; other seeds {missed.least:.1f} - {missed.greatest:.1f}",
        details={"sharers": len(whole.sharers), "kinds": kinds},
    )
    began = [sharer for sharer in whole.sharers if sharer.began is not None and sharer.kind != "api key"]
    until = sorted(whole.refused[sharer.api_key] / DAY_S for sharer in began if sharer.api_key in whole.refused)
    yield Row(
        name="sharing-refused",
        step="  days until one who passes every step-up is refused",
        value=statistics.median(until) if until else 0.0,
        unit="d",
        note=f"median; {len(until)} of {len(began)} within the month",
    )


_KINDS: Final = ("lent", "copied", "sold", "api key")


def main() -> None:
    """Print what moves the result."""
    base = Assumptions()

    def line(name: str, **options: object) -> None:
        outcomes = [month(4_000, seed, **options) for seed in (11, 12)]  # type: ignore[arg-type]
        stopped = statistics.mean(each.stopped_percent() for each in outcomes)
        missed = statistics.mean(each.missed_percent() for each in outcomes)
        kinds = [statistics.mean(o.missed_percent(lambda s, k=kind: s.kind == k) for o in outcomes) for kind in _KINDS]  # type: ignore[misc]
        print(
            f"{name:44} stopped {stopped:6.3f} %  missed {missed:5.1f} %",
            *(f"{each:5.1f}" for each in kinds),
            flush=True,
        )

    print(f"{'':44} of 2 x 4,000 callers, 4 % sharers;", *_KINDS)
    line("as assumed", sharers=0.04)
    for size in (1, 2, 3, 4, 5, 7, 10, 15, 20):
        line(
            f"each shares with {size}",
            sharers=0.04,
            assumptions=replace(base, others=(size, size), others_copied=(size, size), others_sold=(size, size)),
        )
    line("VPN users who hop, 10 % instead of 4 %", sharers=0.04, assumptions=replace(base, vpn_hoppers=0.10))
    line("unlabelled proxies, 0.2 % instead of 0.02 %", sharers=0.04, assumptions=replace(base, proxies=0.002))
    line("new key in each session, 0.2 % not 0.02 %", sharers=0.04, assumptions=replace(base, throwaway_keys=0.002))
    line("a client loses its key each 20 days, not 200", sharers=0.04, assumptions=replace(base, new_key=1 / 20))
    line("two gateways, requests at random", sharers=0.04, nodes=2)
    line("eight gateways, requests at random", sharers=0.04, nodes=8)


if __name__ == "__main__":
    main()
