"""What a rule makes of the counts of a sharing detector: nothing, a mark, a step-up or a refusal.

`judge` is a pure function of counts and thresholds. A step-up is a fresh presentation with user verification; a mark
is for the audit record and changes no answer.

Spec: specs/profile-sharing.md sections 4 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple, NoReturn, final

from .._errors import CitizenIDError, Reason


class Signals(NamedTuple):
    """What the gateway's caller knows about where a request comes from. None is not known, and is not counted.

    Attributes:
        network: a label of the network, such as its AS number; see specs/profile-sharing.md on what makes a good one.
        country: of the address.
        api_key: the API key, as it came.
        people: for how many people the API key was given out, one at least.
    """

    network: str | None = None
    country: str | None = None
    api_key: bytes | None = None
    people: int | None = None

    def __repr__(self) -> str:
        return "<Signals>"


class Observation(NamedTuple):
    """What was counted for a credential. A collision of hashes can only make a count smaller.

    Attributes:
        senders_hour: distinct sender keys within the last hour.
        senders_day: within the last 24 hours.
        networks_hour: distinct networks within the last hour.
        networks_day: within the last 24 hours.
        countries_hour: distinct countries within the last hour.
        countries_day: within the last 24 hours.
        alternating: how much one sender key went back and forth among networks today; the most of any sender key.
            Coming back to a network within ten minutes counts from the second time on, up to three for each network.
        passes: step-ups passed within a week.
        credentials_of_api_key: about how many credentials came with this API key, today or yesterday.
        tracked: False when the table is full of busy credentials, and nothing was counted for this one.
    """

    senders_hour: int
    senders_day: int
    networks_hour: int
    networks_day: int
    countries_hour: int
    countries_day: int
    alternating: int
    passes: int
    credentials_of_api_key: int
    tracked: bool


class Suspicion(IntEnum):
    """What the counts ask for; the greater asks for more."""

    NONE = 0
    MARK = 1
    STEP_UP = 2
    REFUSE = 3

    def __bool__(self) -> NoReturn:
        raise TypeError("a Suspicion has no truth value; compare it with Suspicion.NONE")


class Threshold(NamedTuple):
    """From which count on something is asked for; None is never."""

    mark: int | None = None
    step_up: int | None = None
    refuse: int | None = None


_THRESHOLDS: Final = (
    "senders_hour", "senders_day", "networks_hour", "networks_day", "countries_hour", "countries_day", "alternating",
    "apart", "over_people",
)  # fmt: skip
_MAX_PEOPLE: Final = 200  # for more, 128 bits say too little: of 300 people four days in 10,000 look like 450
_MAX_KNOWN: Final = 10_000  # judgements that are remembered: counts are small, and most callers have the same
_NEVER: Final = Threshold()
_SENDERS_DAY: Final = Threshold(mark=4)
_NETWORKS_HOUR: Final = Threshold(mark=5)
_NETWORKS_DAY: Final = Threshold(mark=8)
_COUNTRIES_HOUR: Final = Threshold(mark=4)
_COUNTRIES_DAY: Final = Threshold(mark=5)
_ALTERNATING: Final = Threshold(mark=6, step_up=13)
_APART: Final = Threshold(mark=3, step_up=5)
_OVER_PEOPLE: Final = Threshold(mark=5, step_up=8)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SharingLimits:
    """The thresholds of a rule. The defaults separate callers from sharers in the simulation of `benches`.

    The defaults leave countries and networks alone to marks: whoever travels or changes the exits of a VPN shows many.

    Attributes:
        senders_hour: for the count of that name in an `Observation`, and so are the next six.
        senders_day: see there.
        networks_hour: see there.
        networks_day: see there.
        countries_hour: see there.
        countries_day: see there.
        alternating: see there.
        apart: for the lesser of sender keys and of networks beyond the first, within 24 hours: so many devices in so
            many places.
        over_people: how many credentials beyond the people of an API key. Where these are not known it only marks.
        passes: so many step-ups passed within a week make the next one a refusal.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    senders_hour: Threshold = _NEVER
    senders_day: Threshold = _SENDERS_DAY
    networks_hour: Threshold = _NETWORKS_HOUR
    networks_day: Threshold = _NETWORKS_DAY
    countries_hour: Threshold = _COUNTRIES_HOUR
    countries_day: Threshold = _COUNTRIES_DAY
    alternating: Threshold = _ALTERNATING
    apart: Threshold = _APART
    over_people: Threshold = _OVER_PEOPLE
    passes: int = 3
    _known: dict[tuple[Observation, int | None], Suspicion] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        usable = type(self.passes) is int and self.passes > 0
        for name in _THRESHOLDS:
            threshold = getattr(self, name)
            usable = usable and type(threshold) is Threshold
            usable = usable and all(n is None or (type(n) is int and n > 0) for n in threshold)
        if not usable:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "sharing.limits")


def check_limits(limits: object) -> None:
    """Refuse what are no limits. Raises CONFIGURATION_INVALID."""
    if type(limits) is not SharingLimits:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "sharing.limits")


def judge(observation: Observation, limits: SharingLimits, *, people: int | None) -> Suspicion:
    """Say what the counts ask for under a rule's limits. Pure.

    Args:
        observation: what was counted.
        limits: of the rule.
        people: for how many people the API key was given out, if that is known. Half as many again pass, which is
            more than the estimate is off; one for more than 200 people is marked at most.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for what are no limits, or no observation, or no number of people: no
            count would be over what is no number.
    """
    check_limits(limits)
    if type(observation) is not Observation or not (people is None or (type(people) is int and people > 0)):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "sharing.judge")
    known = limits._known.get((observation, people))
    if known is None:
        known = _judge(observation, limits, people)
        if len(limits._known) >= _MAX_KNOWN:
            limits._known.clear()
        limits._known[observation, people] = known
    return known


def _judge(seen: Observation, limits: SharingLimits, people: int | None) -> Suspicion:
    if not seen.tracked:
        return Suspicion.MARK
    apart = min(seen.senders_day, seen.networks_day - 1)
    found = Suspicion.NONE
    for count, threshold in (
        (seen.senders_hour, limits.senders_hour),
        (seen.senders_day, limits.senders_day),
        (seen.networks_hour, limits.networks_hour),
        (seen.networks_day, limits.networks_day),
        (seen.countries_hour, limits.countries_hour),
        (seen.countries_day, limits.countries_day),
        (seen.alternating, limits.alternating),
        (apart, limits.apart),
    ):
        mark, step_up, refuse = threshold
        if refuse is not None and count >= refuse:
            return Suspicion.REFUSE
        if step_up is not None and count >= step_up:
            found = Suspicion.STEP_UP
        elif found is Suspicion.NONE and mark is not None and count >= mark:
            found = Suspicion.MARK
    if found is Suspicion.STEP_UP and seen.passes >= limits.passes:
        return Suspicion.REFUSE
    return max(found, _of_api_key(seen.credentials_of_api_key, limits.over_people, people))


def _of_api_key(credentials: int, threshold: Threshold, people: int | None) -> Suspicion:
    mark, step_up, refuse = threshold
    over = credentials - (1 if people is None else people + people // 2)
    if people is not None and people <= _MAX_PEOPLE:
        if refuse is not None and over >= refuse:
            return Suspicion.REFUSE
        if step_up is not None and over >= step_up:
            return Suspicion.STEP_UP
    return Suspicion.MARK if mark is not None and over >= mark else Suspicion.NONE
