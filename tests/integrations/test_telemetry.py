"""Metrics of a gateway, as the SDK of OpenTelemetry and a Prometheus registry collect them.

Spec: specs/profile-telemetry.md.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gateway import world as w
from gateway.audit_world import open_log
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from citizenid import CitizenIDError, Format, Reason
from citizenid.integrations._metrics import Kind, metrics
from citizenid.integrations.telemetry import GatewayCollector, observe


def busy(tmp_path: Path) -> tuple[w.World, Any, str]:
    """A gateway with a log, which has admitted, allowed, refused and been asked nonsense."""
    world = w.World()
    log = open_log(tmp_path)
    world.gateway = world.another_gateway(audit=log)
    world.wait(1)
    alice = world.wallet()
    ticket = world.ticket(alice)
    for _ in range(3):
        w.allowed(world.ask(alice, ticket))
        world.wait(1)
    w.denied(world.ask(alice, ticket, "europe"), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")
    world.gateway.authorize(w.request(), resource="europe")
    world.gateway.admit(b"", format=Format.SD_JWT_VC, challenge="x", request=w.request())
    return world, log, ticket


def collected(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, Any], float]]]:
    data = reader.get_metrics_data()
    assert data is not None
    (of_resource,) = data.resource_metrics
    (of_scope,) = of_resource.scope_metrics
    assert of_scope.scope.name == "citizenid"
    found: dict[str, list[tuple[dict[str, Any], float]]] = {}
    for metric in of_scope.metrics:
        points: Any = metric.data.data_points
        found[metric.name] = [(dict(point.attributes), point.value) for point in points]
    return found


def test_every_metric_has_the_name_that_the_page_gives_it(tmp_path: Path) -> None:
    world, log, _ = busy(tmp_path)
    counter, gauge = Kind.COUNTER, Kind.GAUGE
    found = list(metrics(world.gateway, log, world.clock()))
    assert [each[:4] for each in found] == [
        ("citizenid.decisions", counter, "{decision}", "Decisions of the gateway, by door and by Reason"),
        ("citizenid.status_lists", gauge, "{list}", "Status lists that are held and usable"),
        ("citizenid.status_list.age", gauge, "s", "Time since the oldest usable status list was issued"),
        ("citizenid.audit.writable", gauge, "1", "1 while refusals can be written down, 0 while they cannot"),
        ("citizenid.audit.lag", gauge, "{entry}", "Entries on the disk that no checkpoint names yet"),
        ("citizenid.audit.waiting", gauge, "{entry}", "Entries in memory that wait for the disk"),
        ("citizenid.audit.checkpoint.age", gauge, "s", "Time since the last checkpoint"),
        ("citizenid.audit.unwritten", counter, "{entry}", "Refusals that should have an entry and have none"),
        ("citizenid.audit.details.lost", counter, "{entry}", "Details that could not be kept"),
    ]
    page = (Path(__file__).parents[2] / "specs" / "profile-telemetry.md").read_text()
    assert all(f"`{each.name}`" in page for each in found)


def test_opentelemetry_collects_what_was_decided(tmp_path: Path) -> None:
    world, log, _ = busy(tmp_path)
    reader = InMemoryMetricReader()
    observe(world.gateway, audit=log, meter_provider=MeterProvider([reader]), clock=world.clock)
    found = collected(reader)
    decisions = {tuple(sorted(attributes.items())): value for attributes, value in found["citizenid.decisions"]}
    assert decisions == {
        (("citizenid.decision", "admitted"), ("citizenid.door", "admit")): 1,
        (("citizenid.decision", "allow"), ("citizenid.door", "authorize")): 3,
        (
            ("citizenid.decision", "deny"), ("citizenid.door", "authorize"),
            ("error.type", "citizenship_not_permitted"),
        ): 1,
        (
            ("citizenid.decision", "need_presentation"), ("citizenid.door", "authorize"),
            ("error.type", "ticket_missing"),
        ): 1,
        (("citizenid.decision", "deny"), ("citizenid.door", "admit"), ("error.type", "challenge_invalid")): 1,
    }  # fmt: skip
    assert found["citizenid.status_lists"] == [({}, 1)]
    assert found["citizenid.status_list.age"] == [({}, 4)]
    assert found["citizenid.audit.writable"] == [({}, 1)]
    assert found["citizenid.audit.lag"] == [({}, 1)]
    assert found["citizenid.audit.unwritten"] == [({}, 0)]
    assert found["citizenid.audit.checkpoint.age"][0][1] >= 3
    assert found["citizenid.admission.duration"][0][1] == world.gateway.durations().seconds > 0


def test_what_changes_is_seen_the_next_time(tmp_path: Path) -> None:
    world, log, _ = busy(tmp_path)
    reader = InMemoryMetricReader()
    observe(world.gateway, audit=log, meter_provider=MeterProvider([reader]), clock=world.clock)
    collected(reader)
    world.gateway.authorize(w.request(), resource="open")
    log.close()
    world.wait(50_000)
    found = collected(reader)
    assert sum(value for _, value in found["citizenid.decisions"]) == 8
    assert found["citizenid.audit.writable"] == [({}, 0)]
    assert found["citizenid.status_lists"] == [({}, 0)]
    assert "citizenid.status_list.age" not in found or not found["citizenid.status_list.age"]


def test_lists_of_ones_own_that_do_not_say_how_old_they_are_have_no_metric() -> None:
    """`StatusSource` does not ask for ages: what a gateway decides by may be anything that answers."""

    class Lists:
        def __init__(self, store: Any) -> None:
            self.check, self.check_identity, self.issued_at = store.check, store.check_identity, store.issued_at

    world = w.World()
    reader, other = InMemoryMetricReader(), InMemoryMetricReader()
    observe(world.gateway, meter_provider=MeterProvider([reader]))
    observe(world.another_gateway(statuses=Lists(world.statuses)), meter_provider=MeterProvider([other]))
    assert [name for name in collected(reader) if "status_list" in name]
    assert not [name for name in collected(other) if "status_list" in name]
    assert "citizenid.admission.duration" in collected(other)


@pytest.mark.parametrize("shown", [None, float("nan"), float("inf"), -1.0, 2.0**60, "now"], ids=repr)
def test_a_clock_that_fails_takes_away_the_ages_and_nothing_else(tmp_path: Path, shown: Any) -> None:
    # One is woken for `clock_unusable`: of all times it is then that the counts must not be missing.
    world, log, _ = busy(tmp_path)

    def clock() -> float:
        return shown if shown is not None else 1 // 0

    reader, registry = InMemoryMetricReader(), CollectorRegistry()
    observe(world.gateway, audit=log, meter_provider=MeterProvider([reader]), clock=clock)
    found = collected(reader)
    assert sum(value for _, value in found["citizenid.decisions"]) == 7
    assert found["citizenid.audit.writable"] == [({}, 1)]
    for age in ("citizenid.status_list.age", "citizenid.audit.checkpoint.age", "citizenid.status_lists"):
        assert not found.get(age)
    registry.register(GatewayCollector(world.gateway, audit=log, clock=clock))
    text = generate_latest(registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert sum(sample.value for sample in families["citizenid_decisions"].samples) == 7
    assert not families["citizenid_status_list_age_seconds"].samples


def test_a_gateway_without_a_log_says_nothing_of_one() -> None:
    reader = InMemoryMetricReader()
    observe(w.World().gateway, meter_provider=MeterProvider([reader]))
    assert not [name for name in collected(reader) if "audit" in name]


def test_prometheus_collects_the_same(tmp_path: Path) -> None:
    world, log, _ = busy(tmp_path)
    registry = CollectorRegistry()
    registry.register(GatewayCollector(world.gateway, audit=log, clock=world.clock))
    text = generate_latest(registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    decisions = families["citizenid_decisions"]
    assert decisions.type == "counter"
    assert sum(sample.value for sample in decisions.samples) == 7
    assert {tuple(sorted(sample.labels)) for sample in decisions.samples} == {
        ("citizenid_decision", "citizenid_door", "error_type")
    }
    assert families["citizenid_status_list_age_seconds"].samples[0].value == 4
    histogram = families["citizenid_admission_duration_seconds"]
    assert histogram.type == "histogram"
    values = [sample.value for sample in histogram.samples if sample.name.endswith("_bucket")]
    assert values == sorted(values) and values[-1] == 2 and len(values) == 12
    for family in families.values():
        assert family.documentation


def test_two_gateways_of_one_process_are_told_apart_by_their_registries(tmp_path: Path) -> None:
    world, _, _ = busy(tmp_path)
    for gateway, expected in ((world.gateway, 7), (world.another_gateway(), 0)):
        registry = CollectorRegistry()
        registry.register(GatewayCollector(gateway))
        (decisions,) = [family for family in registry.collect() if family.name == "citizenid_decisions"]
        assert sum(sample.value for sample in decisions.samples) == expected


def test_nothing_of_a_person_or_a_request_is_a_label(tmp_path: Path) -> None:
    world, log, ticket = busy(tmp_path)
    registry = CollectorRegistry()
    registry.register(GatewayCollector(world.gateway, audit=log))
    text = generate_latest(registry).decode()
    for secret in (ticket, "US", "europe", "us-nationals", w.ISSUER, "alice"):
        assert secret not in text
    values = {
        value
        for family in registry.collect()
        for sample in family.samples
        for name, value in sample.labels.items()
        if name != "le"
    }
    tables = {str(reason) for reason in Reason} | {
        "", "authorize", "admit", "allow", "deny", "admitted", "need_presentation",
    }  # fmt: skip
    assert values <= tables


def test_neither_package_is_needed_to_import_it() -> None:
    program = (
        "import sys\n"
        "sys.modules['opentelemetry'] = sys.modules['prometheus_client'] = None\n"
        "import citizenid.integrations.telemetry\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("watch", [observe, GatewayCollector])
@pytest.mark.parametrize(
    "wrong",
    [
        {"gateway": None},
        {"gateway": w.World},
        {"audit": 5},
        {"audit": object()},
        {"clock": 5.0},
        {"clock": None},
    ],
)
def test_what_cannot_be_watched_is_refused_before_anybody_collects(watch: Any, wrong: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"gateway": w.World().gateway} | wrong
    with pytest.raises(CitizenIDError) as caught:
        watch(arguments.pop("gateway"), **arguments)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "telemetry")
    assert caught.value.__context__ is None
