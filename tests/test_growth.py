"""The work for the worst input of each entry point grows no faster than the input: by counts, without a clock.

Counted are the lines that Python runs and the functions that it calls, in and out of C, for the inputs of
`benches/_hostile.py` at a fraction of their size. What the benches measure by time and memory (`python -m benches
--only growth`) sees in addition what happens inside of one call of C.

Spec: threat T-9; DESIGN section 2, law 12.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from types import FrameType, SimpleNamespace
from typing import Any, Final

import pytest
from fuzz.targets import TARGETS

from benches import bench_growth as bench
from benches._hostile import Family, answered, families
from benches._measure import Plan

pytestmark = pytest.mark.usefixtures("still_frozen")

MOST: Final = 2.2  # of each doubling; what is done once keeps it below 2
TINY: Final = Plan(samples=1, sample_s=0.0, latencies=1, imports=1, entries=8)
# Sizes that say nothing when they are small, or inputs that take long to make: their entry points have others.
SLOW: Final = frozenset({"verify_audit"})


def counted(call: Callable[[], object]) -> int:
    """Count the lines and the calls of what `call` does."""
    count = 0

    def trace(_frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    def profile(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "c_call"

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(before[1])
        sys.settrace(before[0])
    return count


def ratios(make: Callable[[int], Any], call: Callable[[Any], object], size: int) -> list[float]:
    """Return how the counts grow from `size` to twice and to four times as much."""
    counts = []
    for factor in (1, 2, 4):
        given = make(size * factor)
        call(given)  # what is remembered between calls is there now
        counts.append(counted(lambda given=given: call(given)))  # type: ignore[misc]  # bound at once
    return [larger / smaller for smaller, larger in itertools.pairwise(counts)]


# Up to a kilobyte of CBOR goes another way.
SIZES: Final = {"CBOR": 250, "ingest, CWT": 250, "verify, SD-CWT": 250}


def small(family: Family) -> int:
    """Return a size at which a square would show and a test does not last."""
    return min(family.n, SIZES.get(family.entry, 40))


def chosen() -> Iterator[Family]:
    return (family for family in families() if family.entry not in SLOW)


def test_the_work_grows_no_faster_than_the_worst_input() -> None:
    seen = set()
    for family in chosen():
        if "megabytes" in family.name:
            continue  # one call of zlib
        size = small(family)
        grown = ratios(family.make, lambda given, family=family: answered(family, given), size)  # type: ignore[misc]
        assert max(grown) <= MOST, (family.entry, family.name, grown)
        seen.add(family.entry)
    assert len(seen) >= 18


def test_a_square_is_seen() -> None:
    def square(items: list[int]) -> object:
        return [one for one in items if sum(1 for other in items if other == one) > 1]

    def line(items: list[int]) -> object:
        return [one + 1 for one in items]

    def pieces(items: list[int]) -> object:
        found: list[int] = []
        for one in items:
            if not any(one == other for other in found):
                found.append(one)
        return found

    make = lambda size: list(range(size))  # noqa: E731
    assert max(ratios(make, square, 40)) > 3
    assert max(ratios(make, pieces, 40)) > 3
    assert max(ratios(make, line, 40)) <= MOST


def test_the_trace_of_whoever_measures_coverage_is_put_back() -> None:
    before = sys.gettrace(), sys.getprofile()
    with pytest.raises(ZeroDivisionError):
        counted(lambda: 1 // 0)
    assert (sys.gettrace(), sys.getprofile()) == before


# --- how the bench judges ---


def cost(size: int, ms: float, kib: float) -> bench.Cost:
    return bench.Cost(size, ms, kib, "x")


def test_the_worst_doubling_counts_of_time_and_of_memory() -> None:
    assert bench.judge([cost(1, 1.0, 100), cost(2, 2.0, 200), cost(4, 6.0, 400)]) == 3.0
    assert bench.judge([cost(1, 1.0, 100), cost(2, 2.0, 300), cost(4, 4.0, 400)]) == 3.0
    assert bench.judge([cost(1, 0.0, 1), cost(2, 0.0, 2), cost(4, 0.0, 40)]) == 0.0
    # What begins below a floor is judged from the floor on.
    assert bench.judge([cost(1, 0.1, 1), cost(2, 0.5, 2), cost(4, 0.6, 3)]) == 0.5 / bench.TIME_FLOOR_MS


def test_a_row_tells_the_sizes_and_fails_above_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without a collector, which would look through the heap of all the other tests each time.
    nothing = SimpleNamespace(**dict.fromkeys(("collect", "disable", "enable", "freeze", "unfreeze"), lambda: None))
    monkeypatch.setattr(bench, "gc", nothing)

    def grow(size: int) -> object:
        return [bytes(1024) for _ in range(size * size)]

    family = Family("an entry", "a square", 20, int, grow)
    (row,) = bench.rows(TINY, lambda: iter([family]))
    assert row.reached is False and row.value > bench.TARGET and row.target == bench.TARGET
    assert [each["size"] for each in row.details["costs"]] == [20, 40, 80]
    assert row.name == "growth-an entry-a square"


# Of each target of the fuzzer, which has one for every function that takes foreign bytes, the rows that measure it.
GROWN: Final = {
    "json": ("verify, SD-JWT VC", "admit_http"),
    "cbor": ("CBOR",),
    "jws": ("verify, SD-JWT VC", "ingest, JWT"),
    "cose": ("verify, SD-CWT", "verify, mdoc"),
    "keys": ("trust, JWKS", "trust, certificates"),
    "inflate": ("ingest, JWT", "ingest, CWT", "ingest, bitstring"),
    "sd_jwt_vc": ("verify, SD-JWT VC",),
    "sd_jwt_peer": ("verify, SD-JWT VC",),
    "sd_cwt": ("verify, SD-CWT",),
    "mdoc": ("verify, mdoc", "verify_each, mdoc"),
    "inspect": ("inspect, SD-JWT VC", "inspect, SD-CWT", "inspect, mdoc"),
    "holder": (
        "receive, SD-JWT VC", "receive, SD-CWT", "receive, mdoc", "present, SD-JWT VC", "present, SD-CWT",
        "present, mdoc",
    ),
    "x5chain": ("verify, path", "trust, CRL"),
    "trust": (
        "trust", "trust, JWKS", "trust, CRL", "trust, VICAL", "trust, certificates", "trust, metadata",
    ),
    "status_list": ("ingest, JWT", "ingest, CWT", "ingest, bitstring"),
    "status_file": ("StatusFile",),
    "fetching": ("coding, dcz", "coding, gzip", "coding, zstd", "negotiation", "aggregation"),
    "gateway": ("authorize", "admit_http", "challenge"),
    "dpop": ("authorize",),
    "http_signature": ("HTTP signature",),
    "server": ("authorize", "certificate header", "LiteLLM, body", "LiteLLM, form"),
    "policy": ("policy", "policy, decide", "policy, lint", "policy, diff"),
    "query": ("parse_vp_token", "check_dcql_query", "challenge"),
    "note": ("note", "witness"),
    "audit": ("verify_audit",),
}  # fmt: skip
SMALL: Final = {
    "base64url": "four loops in C over what the other rows hand in",
    "ticket": "a ticket and a nonce have one length",
    "fleet": "a message has 64 bytes besides its head",
}


def test_every_entry_point_of_foreign_bytes_has_a_family() -> None:
    assert GROWN.keys() | SMALL.keys() == TARGETS.keys() and GROWN.keys().isdisjoint(SMALL)
    assert {family.entry for family in families()} == set(itertools.chain.from_iterable(GROWN.values()))


def test_no_two_families_have_one_name() -> None:
    names = [(family.entry, family.name) for family in families()]
    assert len(set(names)) == len(names)
