"""The benches compute what they say: on tiny counts, with clocks that are counted by hand. No test here asserts a time.

Spec: DESIGN section 8 (benches); benches/README.md.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import statistics
import sys
import xml.etree.ElementTree
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from nacl.exceptions import BadSignatureError

from citizenid import CitizenIDError, LocalKey, Reason
from citizenid.gateway.sharing import SharingLimits, Threshold

sys.path.append(str(Path(__file__).resolve().parent.parent))  # plain pytest does not search the repository's root

from benches import __main__ as program
from benches import (
    _callers,
    _floor,
    _hostile,
    _measure,
    _nation,
    _report,
    _status_file,
    _world,
    bench_asgi,
    bench_audit,
    bench_cbor,
    bench_fleet,
    bench_gateway,
    bench_growth,
    bench_holder,
    bench_import,
    bench_issuer,
    bench_limits,
    bench_sharing,
    bench_status,
    bench_timing,
    bench_verifier,
)
from benches._measure import Plan, Samples, Spread
from benches._report import Kind, Row

pytestmark = pytest.mark.usefixtures("still_frozen")

TINY: Final = Plan(samples=2, sample_s=0.0, latencies=3, imports=1, entries=2_000, callers=200, timings=400)
# "Figures to reach": name of the row, what must not exceed the target, the target.
FIGURES: Final = {
    "verify": ("ratio", 1.45),
    "verify-seen": ("ratio", 1.5),
    "issue": ("ratio", 2.0),
    "present": ("ratio", 2.0),
    "authorize-bearer": ("us", 6.0),
    "authorize-mtls": ("us", 6.5),
    "authorize-mtls-der": ("us", 6.5),
    "authorize-dpop": ("ratio", 1.3),
    "admit": ("ratio", 1.4),
    "asgi-middleware": ("us", 4.0),
    "refusal-bearer": ("ratio", 1.1),
    "refusal-mtls": ("ratio", 1.1),
    "refusal-dpop": ("ratio", 1.1),
    "import": ("ratio", 1.3),
    "limits": ("ms", 5.0),
    "mdoc-verify": ("ratio", 1.5),
    "mdoc-verify-cold": ("ratio", 1.8),
    "mdoc-issue": ("ratio", 2.5),
    "sd-cwt-verify": ("ratio", 1.4),
    "status-file-lookup": ("us", 0.3),
    "status-ingest-cwt": ("ratio", 1.5),
    "status-ingest-cwt-us": ("us", 250.0),
    "status-ingest-cwt-stored": ("ratio", 1.5),
    "status-ingest-cwt-stored-us": ("us", 250.0),
    "status-encode-cwt": ("ratio", 1.2),
    "status-encode-cwt-stored": ("ratio", 1.2),
    "fleet-two-processes": ("x", 2 / 1.9),
    "audit-append": ("us", 10.0),
    "audit-verify": ("s", 20.0 * 600 / 1_000_000),
    "sharing-observe": ("us", 3.0),
    "sharing-memory": ("bytes", 200.0),
    "sharing-stopped": ("%", 0.1),
    "sharing-missed": ("%", 5.0),
    "mdoc-growth-4": ("x", 2.2),
    "mdoc-growth-6": ("x", 2.2),
}
# A hundredth of 0.1 s, 1.5 s, 0.5 s and 2.0 s.
BUDGETS: Final = {"article-cached": 1.0, "article-first": 15.0, "article-blocked": 5.0, "article-spoofed": 20.0}


NO_COLLECTOR: Final = SimpleNamespace(
    **dict.fromkeys(("collect", "disable", "enable", "freeze", "unfreeze"), lambda: None)
)


@pytest.fixture(scope="module", autouse=True)
def _small_heap() -> Iterator[None]:
    """Spare the collector the heap of all the other tests: it would be looked through for each sample."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (_measure, bench_fleet, bench_growth, bench_sharing, bench_timing):
            patch.setattr(module, "gc", NO_COLLECTOR)
        yield


class Ticks:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now

    def takes(self, ns: int) -> Callable[[object], None]:
        def run(_: object) -> None:
            self.now += ns

        return run


# --- measuring ---


@given(st.lists(st.integers(0, 1_000), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_number_that_a_share_does_not_exceed(numbers: list[int], share: int) -> None:
    found = _measure.percentile(numbers, share)
    assert found in numbers
    assert 100 * sum(number <= found for number in numbers) >= share * len(numbers)
    assert 100 * sum(number < found for number in numbers) < share * len(numbers)


def test_each_run_is_timed_by_itself() -> None:
    clock = Ticks()
    runs = {"step": clock.takes(3_000), "floor": clock.takes(2_000)}
    samples = _measure.interleave(lambda count: range(count), runs, TINY, clock=clock)
    assert samples.runs == {"step": (3.0, 3.0), "floor": (2.0, 2.0)}
    assert samples.us() == 3.0
    assert samples.ratio() == Spread(1.5, 1.5, 1.5)


@pytest.mark.parametrize(("paced_by", "calls"), [(None, 500), ("step", 100)])
def test_a_sample_lasts_as_long_as_the_plan_says(paced_by: str | None, calls: int) -> None:
    clock = Ticks()
    runs = {"step": clock.takes(10_000), "floor": clock.takes(2_000)}
    plan = TINY._replace(sample_s=0.001)
    samples = _measure.interleave(lambda count: range(count), runs, plan, paced_by=paced_by, clock=clock)
    assert samples.iterations == calls


def test_every_input_is_new_and_every_run_gets_each_once() -> None:
    made = iter(range(10_000))
    pools: list[list[int]] = []
    given_to: dict[str, list[int]] = {"step": [], "floor": []}

    def prepare(count: int) -> list[int]:
        pools.append([next(made) for _ in range(count)])
        return pools[-1]

    _measure.interleave(
        prepare, {"step": given_to["step"].append, "floor": given_to["floor"].append}, TINY, clock=Ticks()
    )
    assert given_to["step"] == [each for pool in pools for each in pool]  # the last of a pool asks for the answer
    assert given_to["floor"] == [each for pool in pools for each in pool[:-1]]


def test_which_run_goes_first_alternates() -> None:
    order: list[str] = []
    runs = {"step": lambda _: order.append("step"), "floor": lambda _: order.append("floor")}
    _measure.interleave(lambda count: range(count), runs, TINY, accept=lambda _: True, clock=Ticks())
    calls = 16
    asked = ["step"]
    forward, backward = ["step"] * calls + ["floor"] * calls, ["floor"] * calls + ["step"] * calls
    warm = forward + asked
    assert order == warm + warm + forward + asked + backward + asked


def test_time_outside_of_the_runs_counts_for_nothing() -> None:
    clock = Ticks()

    def prepare(count: int) -> Sequence[int]:
        clock.now += 10**9
        return range(count)

    def accept(_: object) -> bool:
        clock.now += 10**9
        return True

    samples = _measure.interleave(prepare, {"step": clock.takes(1_000)}, TINY, accept=accept, clock=clock)
    assert samples.runs == {"step": (1.0, 1.0)}


def test_a_wrong_answer_is_not_measured() -> None:
    with pytest.raises(AssertionError, match="wrong answer"):
        _measure.interleave(lambda count: range(count), {"step": lambda _: None}, TINY, accept=lambda _: False)
    with pytest.raises(AssertionError, match="wrong answer"):
        _measure.latency([1], lambda _: None, accept=lambda _: False)


def test_a_ratio_is_the_median_of_the_ratios() -> None:
    samples = Samples(1, {"step": (2.0, 9.0, 40.0), "floor": (1.0, 3.0, 10.0)})
    assert samples.ratio() == Spread(3.0, 2.0, 4.0)


def test_a_latency_is_a_percentile_of_single_calls() -> None:
    clock, wall = Ticks(), Ticks()

    def run(milliseconds: int) -> None:
        clock.now += milliseconds * 10**6
        wall.now += 2 * milliseconds * 10**6

    pool = [*range(1, 101)]
    assert _measure.latency(pool, run, clock=clock, wall=wall) == (50.0, 99.0, 100.0, 198.0)


def test_a_peak_is_what_was_allocated_beyond_the_input() -> None:
    held = bytes(1_000_000)
    assert 500_000 <= _measure.peak_bytes(lambda: bytes(500_000)) < 510_000
    assert _measure.peak_bytes(lambda: len(held)) < 10_000


# --- the floor ---

_numbers = st.integers(1, 2**256 - 1) | st.integers(1, 2**130)


@given(_numbers, _numbers)
def test_a_signature_is_converted_as_cryptography_does(r: int, s: int) -> None:
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert _floor.to_der(raw) == encode_dss_signature(r, s)
    assert _floor.from_der(encode_dss_signature(r, s)) == raw
    assert decode_dss_signature(_floor.to_der(raw)) == (r, s)


@pytest.mark.parametrize("algorithm", _floor.PRIMITIVES)
def test_the_floor_verifies(algorithm: str) -> None:
    key = LocalKey.generate(algorithm)
    load, check = _floor.PRIMITIVES[algorithm]
    public, signature = load(_floor.public_bytes(key.public)), key.sign(b"data")
    check(public, signature, b"data")
    for broken in ((signature, b"other"), (bytes((signature[0] ^ 1,)) + signature[1:], b"data")):
        with pytest.raises((InvalidSignature, BadSignatureError)):
            check(public, *broken)


def test_the_floor_signs() -> None:
    key = LocalKey.generate("ES256")
    load, check = _floor.PRIMITIVES["ES256"]
    check(load(_floor.public_bytes(key.public)), _floor.sign_p256(_floor.p256_private(key), b"data"), b"data")


def test_the_floor_works_on_the_bytes_of_the_presentation() -> None:
    world = _world.World()
    presented = world.new_presentation()
    bare = presented.bare
    load, check = _floor.PRIMITIVES["ES256"]
    check(load(_floor.public_bytes(world.key.public)), bare.signature, bare.signed)
    check(load(bare.holder), bare.binding_signature, bare.bound)
    claims = json.loads(_floor.decode(bare.bound.split(b".")[1]))
    assert _floor.decode(claims["sd_hash"]) == hashlib.sha256(bare.issuer_half).digest()
    assert len(bare.disclosures) == 1
    assert json.loads(_floor.decode(bare.disclosures[0]))[1:] == ["US"]
    payload = json.loads(_floor.decode(bare.signed.split(b".")[1]))
    hidden = [*payload["_sd"], *(each["..."] for name in ("nationalities", "citizenships") for each in payload[name])]
    assert len(hidden) == len(_world.DISCLOSABLE) == 10
    assert payload["citizenships"] == [{"...": _digest(bare.disclosures[0])}]


def _digest(text: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode("ascii")


# --- the rows ---


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Every bench, on tiny counts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench_limits, "SIZE_BYTES", 300_000)  # above the default bound of a presentation
        patch.setattr(bench_cbor, "COUNTS", (4, 6))
        patch.setattr(bench_sharing, "_KNOWN", 500)
        # One kind of input: tests/test_growth.py goes through all of them.
        patch.setitem(
            program.BENCHES,
            "growth",
            lambda plan: bench_growth.rows(plan, lambda: itertools.islice(_hostile.families(), 1)),
        )
        patch.setattr(bench_verifier, "_LARGE", 20)
        patch.setattr(bench_verifier, "_SMALL", 10)
        patch.setattr(bench_verifier, "_FEW_DIGESTS", 10)
        patch.setattr(bench_verifier, "_MANY_DIGESTS", 20)
        return [row for bench in program.BENCHES.values() for row in bench(TINY)]


# Each door, comparison and entry point has one: what they must be is in these benches, and is judged by their tests.
JUDGED: Final = ("limit-", "timing-", "growth-")


def test_every_comparison_has_its_t_value(rows: list[Row]) -> None:
    timed = [row for row in rows if row.name.startswith("timing-")]
    assert len(timed) == 14
    for row in timed:
        planted = row.name.startswith("timing-planted")
        assert row.target == (None if planted else 4.5)
        assert row.value == abs(row.details["t"])
        assert row.reached is ((row.value > 4.5) is planted)


def test_names_are_unique(rows: list[Row]) -> None:
    assert len({row.name for row in rows}) == len({row.step for row in rows}) == len(rows)


def test_the_figures_are_those_that_are_to_be_reached(rows: list[Row]) -> None:
    figures = {row.name: row for row in rows if row.kind is Kind.FIGURE and not row.name.startswith(JUDGED)}
    assert set(figures) == set(FIGURES)
    for name, (judged, target) in FIGURES.items():
        row = figures[name]
        assert row.target == target
        if judged == "ratio":
            assert row.ratio is not None
            assert row.reached is (row.ratio.median <= target)
        else:
            assert row.ratio is None
            assert row.unit == judged
            assert row.reached is not None


def test_growth_is_measured_from_ten_elements_to_a_thousand() -> None:
    assert bench_cbor.COUNTS[0] == 10
    assert 2 * bench_cbor.COUNTS[-1] == 1_000
    assert all(2 <= large / small <= 3.2 for small, large in itertools.pairwise(bench_cbor.COUNTS))


def test_the_budgets_are_a_hundredth_of_the_article(rows: list[Row]) -> None:
    budgets = {row.name: row for row in rows if row.kind is Kind.BUDGET}
    assert {name: row.target for name, row in budgets.items()} == BUDGETS
    for row in budgets.values():
        assert row.unit == "ms"
        ways = row.details["ways"]
        assert row.value == max(way["p99"] for way in ways.values())
        assert row.reached is (row.value <= BUDGETS[row.name])


def test_a_row_says_what_its_samples_say(rows: list[Row]) -> None:
    sampled = [row for row in rows if "samples" in row.details and row.ratio is not None]
    assert len(sampled) >= 8
    for row in sampled:
        step, floor = row.details["samples"]["step"], row.details["samples"]["floor"]
        ratios = [one / other for one, other in zip(step, floor, strict=True)]
        assert row.value == statistics.median(step)
        assert row.floor == statistics.median(floor)
        assert row.ratio == Spread(statistics.median(ratios), min(ratios), max(ratios))


def test_every_door_refuses_what_is_too_much(rows: list[Row]) -> None:
    doors = [row for row in rows if row.name.startswith("limit-")]
    assert len(doors) >= 25
    for row in doors:
        for shape, refusal in row.details["shapes"].items():
            assert refusal["refused"], (row.step, shape, refusal["outcome"])


def test_the_stages_are_parts_of_the_whole(rows: list[Row]) -> None:
    stages = {row.name for row in rows if row.name.startswith("stage-")}
    assert {f"stage-{part}" for part in ("v1", "v2", "v3", "v4", "v7", "v8", "v9", "policy")} < stages


def test_a_size_is_that_of_a_token_beside_the_bound_of_shannon(rows: list[Row]) -> None:
    sizes = {row.name: row for row in rows if row.name.startswith("status-size-")}
    assert set(sizes) == {f"status-size-{lists}{share}" for lists in ("", "all-") for share in (1, 10, 50)}
    for share in (1, 10, 50):
        one, all_of_them = sizes[f"status-size-{share}"], sizes[f"status-size-all-{share}"]
        revoked, entries = TINY.entries * share // 1_000, TINY.entries
        ways = math.log2(math.comb(entries, revoked)) / 8  # exactly so many lists say so much
        assert one.floor is not None and all_of_them.floor is not None
        assert ways <= one.floor * 1e3 < ways + 2
        assert all_of_them.floor * 1e6 == pytest.approx(one.floor * 1e3 * TINY.lists)
        assert one.ratio is not None and one.ratio.median == pytest.approx(one.value / one.floor)
        assert one.value * 1e3 == one.details["bytes"]["CWT"] < one.details["bytes"]["JWT"]
        assert all_of_them.value * 1e6 == pytest.approx(one.value * 1e3 * TINY.lists, rel=0.1)


def test_an_update_counts_every_list_and_no_header(rows: list[Row]) -> None:
    for name in ("status-update-jwt", "status-update-cwt"):
        row = next(row for row in rows if row.name == name)
        assert row.value * 1e3 == row.details["changed"] + row.details["unchanged"]
        assert row.details["unchanged"] >= 2 * (40 + 64)  # of three lists one has a new revocation
        assert 200 < row.details["headers_304"] < row.details["headers"] < 600
        assert row.target is None


def test_all_lists_of_a_nation_have_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nation, "NATION", TINY.lists)
    monkeypatch.setattr(_status_file, "NATION", TINY.lists)
    world = _world.World()
    nation = _nation.build(world, TINY)
    rows = [*_nation.updates(world, nation), *_status_file.rows(world, nation, TINY)]
    assert {row.name: row.target for row in rows if row.kind is Kind.FIGURE} == {
        "status-update-jwt": 60.0,
        "status-update-cwt": 60.0,
        "status-load-jwt": 0.5,
        "status-load-cwt": 0.5,
        "status-load-cwt-stored": 0.5,
        "status-file-lookup": 0.3,
        "status-file-memory": 45.0,
    }
    assert all(row.reached is (row.value <= row.target) for row in rows if row.target is not None)
    assert _measure.QUICK.entries == _measure.FULL.entries == 1_000_000


@pytest.mark.parametrize(
    "bench",
    [
        bench_asgi,
        bench_audit,
        bench_cbor,
        bench_fleet,
        bench_gateway,
        bench_holder,
        bench_import,
        bench_issuer,
        bench_limits,
        bench_sharing,
        bench_status,
        bench_verifier,
    ],
)
def test_every_bench_is_run(bench: Any) -> None:
    assert bench.rows in program.BENCHES.values()


def test_third_party_is_what_others_wrote() -> None:
    modules = bench_import.third_party(bench_import.DOOR)
    packages = {name.partition(".")[0] for name in modules}
    assert {"cryptography", "nacl", "jiter", "pybase64"} <= packages
    assert not packages & {"citizenid", "json", "dataclasses", "hashlib"}
    assert bench_import.third_party("json") == []


# --- the month of callers ---


def test_a_month_is_the_same_for_the_same_seed() -> None:
    one, other = bench_sharing.month(150, 5), bench_sharing.month(150, 5)
    assert one.events == other.events > 1_000
    assert bench_sharing.month(150, 6).events != one.events


def test_a_stopped_caller_and_a_sharer_found_too_late_count() -> None:
    outcome = bench_sharing.Outcome(honest=200, stopped={1})
    assert outcome.stopped_percent() == 0.5
    for number, found in enumerate((10.0, 86_400.0, 86_401.0, None)):
        sharer = _callers.Sharer("lent", number, number, [], 1, began=5.0)
        outcome.sharers.append(sharer)
        if found is not None:
            outcome.found[number] = found
    outcome.sharers.append(_callers.Sharer("lent", 9, 9, [], 1))  # nobody used it yet
    assert outcome.missed_percent() == 50.0


def test_without_thresholds_nobody_is_stopped_and_with_low_ones_nearly_all_are() -> None:
    never, always = Threshold(), Threshold(step_up=1)
    names = ("senders_day", "networks_hour", "networks_day", "countries_hour", "countries_day", "alternating", "apart")
    none = SharingLimits(over_people=never, **dict.fromkeys(names, never))
    outcome = bench_sharing.month(150, 5, limits=none)
    assert (outcome.stopped, outcome.missed_percent()) == (set(), 100.0)
    outcome = bench_sharing.month(150, 5, limits=SharingLimits(networks_day=always))
    assert outcome.stopped_percent() > 90
    assert outcome.missed_percent() == 0


# --- refusals ---


def test_a_refusal_is_told_from_everything_else() -> None:
    def raising(error: Exception) -> Callable[[object], object]:
        def call(_: object) -> object:
            raise error

        return call

    refused = bench_limits.refuse(raising(CitizenIDError(Reason.INPUT_TOO_LARGE, "")), bytes, 2)
    assert (refused.outcome, refused.refused) == ("input_too_large", True)
    broken = bench_limits.refuse(raising(ValueError()), bytes, 2)
    assert (broken.outcome, broken.refused) == ("raised ValueError", False)
    accepted = bench_limits.refuse(len, bytes, 2)
    assert (accepted.outcome, accepted.refused) == ("gave int", False)


def test_a_refusal_is_measured_without_its_input() -> None:
    clock, made = Ticks(), iter(range(1, 100))

    def make() -> int:
        clock.now += 10**9
        return next(made)

    def call(number: int) -> object:
        clock.now += number * 10**6
        raise CitizenIDError(Reason.INPUT_TOO_LARGE, "")

    refusal = bench_limits.refuse(call, make, 3, clock)
    assert refusal.ms == 2.0  # the least of calls 2, 3 and 4; the first one warms up


# --- the report ---


def _row(name: str = "row", **changes: Any) -> Row:
    return Row(**{"name": name, "step": f"do {name}", "value": 12.5, "unit": "us", **changes})


def test_a_missed_budget_always_fails_and_a_missed_figure_not_in_a_quick_run() -> None:
    budget, figure = _row("b", kind=Kind.BUDGET, reached=False), _row("f", kind=Kind.FIGURE, reached=False)
    fine = [_row("i"), _row("g", kind=Kind.FIGURE, reached=True), _row("c", kind=Kind.BUDGET, reached=True)]
    assert _report.failures([budget, figure, *fine], quick=True) == [budget]
    assert _report.failures([budget, figure, *fine], quick=False) == [budget, figure]


def test_a_target_is_reached_up_to_itself() -> None:
    samples = Samples(1, {"step": (3.0,), "floor": (2.0,)})
    assert _report.against_floor("n", "s", samples, floor_is="", target=1.5).reached is True
    assert _report.against_floor("n", "s", samples, floor_is="", target=1.49).reached is False
    assert _report.against_floor("n", "s", samples, floor_is="").reached is None


def test_the_table_has_a_line_for_each_row() -> None:
    missed = _row("one", floor=10.0, ratio=Spread(1.25, 1.0, 2.0), target=1.2, reached=False)
    head, rule, first, second = _report.table([missed, _row("two", target=13.0, reached=True, note="a note")]).split(
        "\n"
    )
    assert head.split()[0] == "step"
    assert set(rule) == {"-"}
    assert first.split("  ")[0] == "do one"
    assert "12.5 us" in first
    assert "x1.25 (1.00 - 2.00)" in first
    assert "<= x1.2" in first
    assert first.endswith("MISSED")
    assert "<= 13 us" in second
    assert second.endswith("reached; a note")


def test_the_picture_has_a_bar_for_each_ratio() -> None:
    drawn = [_row(f"a < {number}", ratio=Spread(1.5, 1.0, 2.0), target=2.0, reached=True) for number in range(3)]
    root = xml.etree.ElementTree.fromstring(_report.picture([*drawn, _row("none")]))  # noqa: S314  # our own output
    space = "{http://www.w3.org/2000/svg}"
    _, *bars = root.findall(f"{space}rect")
    assert len({bar.get("width") for bar in bars}) == 1
    assert len(bars) == 3
    assert [text.text for text in root.findall(f"{space}text") if (text.text or "").startswith("do")] == [
        f"do a < {number}" for number in range(3)
    ]


def test_the_picture_of_nothing_is_a_picture() -> None:
    xml.etree.ElementTree.fromstring(_report.picture([]))  # noqa: S314  # our own output


# --- the program ---


@pytest.fixture
def unpinned(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Leave the test process on all its cores."""
    monkeypatch.setattr(program, "pin", lambda: None)
    return monkeypatch


@pytest.mark.parametrize(
    ("arguments", "kind", "status"),
    [
        ([], Kind.FIGURE, 1),
        (["--quick"], Kind.FIGURE, 0),
        ([], Kind.BUDGET, 1),
        (["--quick"], Kind.BUDGET, 1),
    ],
)
def test_the_exit_status_says_whether_it_holds(
    unpinned: pytest.MonkeyPatch, arguments: list[str], kind: Kind, status: int
) -> None:
    unpinned.setattr(program, "BENCHES", {"one": lambda _: iter([_row(kind=kind, target=1.0, reached=False)])})
    assert program.main(arguments) == status


def test_it_writes_what_it_measured(
    unpinned: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = []

    def bench(plan: Plan) -> Iterator[Row]:
        plans.append(plan)
        yield _row(ratio=Spread(1.25, 1.0, 2.0), target=2.0, reached=True, kind=Kind.FIGURE)

    unpinned.setattr(program, "BENCHES", {"one": bench, "two": lambda _: iter(())})
    data, image = tmp_path / "out.json", tmp_path / "out.svg"
    assert program.main(["--only", "one", "--quick", "--json", str(data), "--svg", str(image)]) == 0
    assert plans == [_measure.QUICK]
    document = json.loads(data.read_text("utf-8"))
    assert document["plan"]["quick"] is True
    assert {"python", "openssl", "cryptography", "pynacl"} <= set(document["versions"])
    (row,) = document["rows"]
    assert row["ratio"] == {"median": 1.25, "least": 1.0, "greatest": 2.0}
    assert (row["name"], row["kind"], row["reached"]) == ("row", "figure", True)
    assert image.read_text("utf-8").startswith("<svg")
    assert "x1.25" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        program.main(["--only", "three"])
