"""What a gateway can be watched by: plain numbers, read from counters that it keeps anyway.

Nothing here is on the way of a request: a collector asks now and then. No attribute names a country, a person, a key,
an issuer or a resource; all values come from closed tables.

Spec: specs/profile-telemetry.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from ..gateway import Gateway


class Kind(Enum):
    """What a number is: a total since the process began, or how things stand now."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Sample(NamedTuple):
    """One number with its attributes."""

    value: float
    attributes: Mapping[str, str] = {}


class Metric(NamedTuple):
    """Samples of one name, in OpenTelemetry's spelling and with a UCUM unit."""

    name: str
    kind: Kind
    unit: str
    description: str
    samples: Sequence[Sample]


class AuditState(Protocol):
    """How a log is doing, as `AuditLog.state` says it: whoever has no log need not load one."""

    @property
    def time(self) -> int: ...
    @property
    def pending(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def writable(self) -> bool: ...
    @property
    def unwritten(self) -> int: ...
    @property
    def details_lost(self) -> int: ...


class Audit(Protocol):
    """What is watched of an audit log: `AuditLog` is one."""

    def state(self) -> AuditState:
        """Say how the log is doing."""
        ...


def metrics(gateway: Gateway, audit: Audit | None, now: int | None) -> Iterator[Metric]:
    """Yield what there is to be seen at this moment; while nobody knows the time, no ages."""
    yield Metric(
        "citizenid.decisions",
        Kind.COUNTER,
        "{decision}",
        "Decisions of the gateway, by door and by Reason",
        [
            Sample(count, {"citizenid.door": key.door, "citizenid.decision": key.decision} | _reason(key.reason))
            for key, count in gateway.counts().items()
        ],
    )
    yield from _of_status_lists(gateway, now)
    if audit is not None:
        yield from _of_audit(audit.state(), now)


def _reason(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"error.type": str(reason)}


def _of_status_lists(gateway: Gateway, now: int | None) -> Iterator[Metric]:
    ages = getattr(gateway.statuses, "ages", None)
    if not callable(ages):
        return
    usable = None if now is None else ages(now)
    yield Metric(
        "citizenid.status_lists",
        Kind.GAUGE,
        "{list}",
        "Status lists that are held and usable",
        [] if usable is None else [Sample(len(usable))],
    )
    yield Metric(
        "citizenid.status_list.age",
        Kind.GAUGE,
        "s",
        "Time since the oldest usable status list was issued",
        [Sample(max(usable))] if usable else [],
    )


def _of_audit(state: AuditState, now: int | None) -> Iterator[Metric]:
    age_s = None if now is None else max(0, now - state.time)
    gauges = {
        "citizenid.audit.writable": ("1", "1 while refusals can be written down, 0 while they cannot", state.writable),
        "citizenid.audit.lag": ("{entry}", "Entries on the disk that no checkpoint names yet", state.pending),
        "citizenid.audit.waiting": ("{entry}", "Entries in memory that wait for the disk", state.waiting),
        "citizenid.audit.checkpoint.age": ("s", "Time since the last checkpoint", age_s),
    }
    for name, (unit, description, value) in gauges.items():
        yield Metric(name, Kind.GAUGE, unit, description, [] if value is None else [Sample(int(value))])
    counters = {
        "citizenid.audit.unwritten": ("Refusals that should have an entry and have none", state.unwritten),
        "citizenid.audit.details.lost": ("Details that could not be kept", state.details_lost),
    }
    for name, (description, value) in counters.items():
        yield Metric(name, Kind.COUNTER, "{entry}", description, [Sample(value)])
