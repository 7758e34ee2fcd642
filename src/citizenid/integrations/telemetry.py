"""Metrics of a gateway: through the API of OpenTelemetry, and as a collector for Prometheus.

    observe(gateway, audit=log)                       # the meter provider of the process, or one of yours
    REGISTRY.register(GatewayCollector(gateway, audit=log))

A gateway counts in plain integers as it decides; here they are handed over when somebody collects, so that no request
ever waits for an instrument. There are no spans: one costs several decisions. Both packages are optional, and each is
needed for its own half alone.

Spec: specs/profile-telemetry.md; specs/decisions/0024.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, final

from .. import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from .._errors import CitizenIDError, Reason
from .._model import time_shown
from ..gateway import DURATIONS_S, Gateway
from ._metrics import Audit, Kind, metrics

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

_SCOPE: Final = "citizenid"
_ADMISSION: Final = "citizenid.admission.duration"
_ADMISSION_TEXT: Final = "Time of verifying presentations, those that were refused too"


def observe(
    gateway: Gateway,
    *,
    audit: Audit | None = None,
    meter_provider: MeterProvider | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Register observable instruments for a gateway. Once for each: a second time would report everything twice.

    Args:
        gateway: what is watched; it is kept alive.
        audit: its audit log, if it has one.
        meter_provider: None for the one of the process.
        clock: Unix seconds.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for an argument that is not of its type.
    """
    _check_watched(gateway, audit, clock)
    from opentelemetry.metrics import CallbackOptions, Observation, get_meter  # optional: see above

    meter = get_meter(_SCOPE, meter_provider=meter_provider)

    def watched(name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def look(_: CallbackOptions) -> Iterator[Observation]:
            for metric in metrics(gateway, audit, time_shown(clock)):
                if metric.name == name:
                    for value, attributes in metric.samples:
                        yield Observation(value, attributes)

        return look

    def admissions(_: CallbackOptions) -> Iterator[Observation]:
        yield Observation(gateway.durations().seconds)

    for name, kind, unit, description, _ in metrics(gateway, audit, time_shown(clock)):
        make: Any = meter.create_observable_counter if kind is Kind.COUNTER else meter.create_observable_gauge
        make(name, callbacks=[watched(name)], unit=unit, description=description)
    # The API has no histogram that is read on demand: the sum is given, and `citizenid.decisions` counts them.
    meter.create_observable_counter(_ADMISSION, callbacks=[admissions], unit="s", description=_ADMISSION_TEXT)


@final
class GatewayCollector:
    """A collector for a registry of prometheus_client.

    Args:
        gateway: what is watched.
        audit: its audit log, if it has one.
        clock: Unix seconds.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for an argument that is not of its type: a scrape would find it out, and
            then there would be no numbers at all.
    """

    def __init__(self, gateway: Gateway, *, audit: Audit | None = None, clock: Callable[[], float] = time.time) -> None:
        _check_watched(gateway, audit, clock)
        self._gateway: Final = gateway
        self._audit: Final = audit
        self._clock: Final = clock

    def collect(self) -> Iterator[Any]:
        """Yield the metric families, as a registry asks for them."""
        from prometheus_client.core import (  # optional: see above
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        for name, kind, unit, description, samples in metrics(self._gateway, self._audit, time_shown(self._clock)):
            labels = sorted({_plain(attribute) for sample in samples for attribute in sample.attributes})
            make = CounterMetricFamily if kind is Kind.COUNTER else GaugeMetricFamily
            family = make(_plain(name) + ("_seconds" if unit == "s" else ""), description, labels=labels)
            for value, attributes in samples:
                stated = {_plain(attribute): stated for attribute, stated in attributes.items()}
                family.add_metric([stated.get(label, "") for label in labels], value)
            yield family
        durations = self._gateway.durations()
        buckets, total = [], 0
        for bound, count in zip((*map(str, DURATIONS_S), "+Inf"), durations.counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        yield HistogramMetricFamily(
            _plain(_ADMISSION) + "_seconds", _ADMISSION_TEXT, buckets=buckets, sum_value=durations.seconds
        )

    def describe(self) -> Iterator[Any]:
        """Yield nothing: a registry need not collect in order to register."""
        return iter(())

    def __repr__(self) -> str:
        return "<GatewayCollector>"


def _check_watched(gateway: object, audit: object, clock: object) -> None:
    usable = audit is None or callable(getattr(audit, "state", None))
    if type(gateway) is not Gateway or not usable or not callable(clock):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "telemetry")


def _plain(name: str) -> str:
    """Return a name as Prometheus has it, with underscores for dots."""
    return name.replace(".", "_")
