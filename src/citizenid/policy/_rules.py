"""One rule: what it asks, in which order, and what it says when something is missing.

The conditions stand in one table, in the order of P23. A rule keeps those of them that it asks; one that asks for no
more than countries, binding and the age of the admission is decided without the table, since a gateway asks it for
each request.

Spec: specs/policy.md section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, final

from .._errors import CitizenIDError, Reason
from .._model import Assurance, Binding, Format, UnixTime, has_utf8
from ..countries import Country
from ._facts import Facts, Verdict, check_facts
from ._patterns import MAX_NAME_CHARS, MAX_REGIONS, is_name, matches

_NO_COUNTRIES: Final[frozenset[Country]] = frozenset()
# By names of this module: a member of an enumeration is looked up through its type each time.
_TOO_WEAK: Final = Reason.BINDING_TOO_WEAK
_TOO_OLD: Final = Reason.ADMISSION_TOO_OLD
_NOT_SHOWN: Final = Reason.CITIZENSHIP_NOT_SHOWN
_NOT_PERMITTED: Final = Reason.CITIZENSHIP_NOT_PERMITTED


@final
class SharingResponse(StrEnum):
    """What follows when the counts of a sharing detector ask for a step-up or more; see `gateway.sharing`.

    A presentation clears the counts whichever rule asks, so that a refusal lasts until then, or until the windows pass.
    """

    MARK = "mark"
    STEP_UP = "step_up"
    REFUSE = "refuse"


@final
class StoreDown(StrEnum):
    """What becomes of requests while the store that a fleet shares cannot be asked; see `integrations.valkey`."""

    REFUSE = "refuse"
    LOCAL = "local"


@final
@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy.

    Attributes:
        number: its place in the policy, from 1.
        resources: exact names and patterns.
        anyone: whether nothing is asked at all: no presentation, no ticket.
        countries: of which one must be proven; empty when `anyone`, or when all are welcome but those of `none_of`.
        needs_citizenship: whether citizenship is needed, or nationality suffices.
        binding: the weakest sender binding that it takes.
        max_admission_age_s: how old an admission may be, or None.
        none_of: no country of these may be stated, in a list that is shown to be complete.
        issuers: labels of the anchors whose credentials it takes, or None for all.
        formats: the formats that it takes, or None for all.
        types: the types that it takes, or None for all.
        assurances: the frameworks and levels that reach its floor, or None when it has none.
        max_credential_age_s: how long ago the credential may have been issued, or None.
        max_evidence_age_s: how long ago the issuer may have checked, or None.
        max_status_age_s: how old the status list may be that answered, or None.
        not_before: the rule exists from then on.
        not_after: the rule exists before then.
        regions: names and patterns of the regions in which it exists; empty for all.
        sharing: what follows for a credential that looks as if it were shared: a step-up, and a refusal where the
            counts ask for one; a mark alone; or a refusal at once.
        store_down: while it cannot be asked what other gateways have seen: refuse, or go on by what this one knows.
        line: where it begins in the text that it was read from.
        plain: whether `objection_to` has all that it asks.
        asked: the conditions that it asks, in their order.

    Raises:
        CitizenIDError: POLICY_INVALID for a part of another type, for what is no name, and for a rule that permits
            anyone and asks for something.
    """

    number: int
    resources: tuple[str, ...]
    anyone: bool
    countries: frozenset[Country]
    needs_citizenship: bool
    binding: Binding
    max_admission_age_s: int | None
    none_of: frozenset[Country] = _NO_COUNTRIES
    issuers: frozenset[str] | None = None
    formats: frozenset[Format] | None = None
    types: frozenset[str] | None = None
    assurances: frozenset[Assurance] | None = None
    max_credential_age_s: int | None = None
    max_evidence_age_s: int | None = None
    max_status_age_s: int | None = None
    not_before: UnixTime | None = None
    not_after: UnixTime | None = None
    regions: tuple[str, ...] = ()
    sharing: SharingResponse = SharingResponse.STEP_UP
    store_down: StoreDown = StoreDown.REFUSE
    line: int | None = field(default=None, compare=False)
    plain: bool = field(init=False, repr=False, compare=False)
    asked: tuple[Condition, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_types(self)
        asked = tuple(condition for condition in CONDITIONS if condition.asked(self))
        plain = not {condition.key for condition in asked} - _PLAIN
        named = bool(self.countries or self.none_of)
        if self.anyone is named or (self.anyone and asked):
            raise CitizenIDError(Reason.POLICY_INVALID, f"policy.rule[{self.number}].anyone")
        object.__setattr__(self, "plain", plain)
        object.__setattr__(self, "asked", asked)

    def judge(self, facts: Facts) -> Verdict:
        """Say whether these facts satisfy the rule.

        The Reasons differ in what helps: most are mended by a new presentation, or by another credential.
        CITIZENSHIP_NOT_PERMITTED says that what was shown is of other countries, or of one that is excluded; whoever
        has a second citizenship that the rule asks for, and held it back, can still show that one. STATUS_TOO_OLD needs
        a status list that is newer.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for facts of other types, where the rule asks for any.
        """
        if not self.anyone:
            check_facts(facts)
        return Verdict(self.objection(facts), self.number)

    def objection(self, facts: Facts) -> Reason | None:
        """As `judge`, of facts of which the caller knows their types: None when the rule permits, otherwise why not."""
        if self.plain:
            return self.objection_to(facts.nationalities, facts.citizenships, facts.binding, facts.admission_age_s)
        for condition in self.asked:
            objection = condition.objection(self, facts)
            if objection is not None:
                return objection
        return None

    def objection_to(
        self,
        nationalities: frozenset[Country],
        citizenships: frozenset[Country],
        binding: Binding,
        admission_age_s: int,
    ) -> Reason | None:
        """As `objection`, of facts that were not put together: a gateway asks this of a plain rule for each request.

        To a rule that is not plain everything else is unknown.
        """
        if self.anyone:
            return None
        if not self.plain:
            return self.objection(Facts(nationalities, citizenships, binding, admission_age_s))
        if binding < self.binding:
            return _TOO_WEAK
        if self.max_admission_age_s is not None and _older(admission_age_s, self.max_admission_age_s):
            return _TOO_OLD
        countries = self.countries
        if not countries.isdisjoint(citizenships if self.needs_citizenship else nationalities):
            return None
        if not nationalities or (self.needs_citizenship and not countries.isdisjoint(nationalities)):
            return _NOT_SHOWN
        return _NOT_PERMITTED

    def named(self, resource: str) -> str | None:
        """Return the rule's own word for a resource: the name, or the first pattern that matches; None for no match."""
        if resource in self.resources:
            return resource
        return next((name for name in self.resources if "*" in name and matches(name.split("*"), resource)), None)

    @property
    def limited(self) -> bool:
        """Whether the rule exists in some regions, or for some time, alone."""
        return bool(self.regions) or self.not_before is not None or self.not_after is not None

    def passed_over(self, now: int | None, region: str | None) -> str | None:
        """Return the key by which the rule does not exist now and here ("region", "not_before", ...), or None."""
        if self.regions and type(region) is str and not self._is_here(region):
            return "region"
        if type(now) is int:
            if self.not_before is not None and now < self.not_before:
                return "not_before"
            if self.not_after is not None and now >= self.not_after:
                return "not_after"
        return None

    def undecided(self, now: int | None, region: str | None) -> Reason | None:
        """Return why nobody can say whether the rule exists now and here, or None."""
        if self.regions and type(region) is not str:
            return Reason.REGION_UNKNOWN
        if (self.not_before is not None or self.not_after is not None) and type(now) is not int:
            return Reason.CLOCK_UNUSABLE
        return None

    def _is_here(self, region: str) -> bool:
        return len(region) <= MAX_NAME_CHARS and any(matches(each.split("*"), region) for each in self.regions)


# --- what a rule is made of: a policy that is not read but put together may be made of anything ---


def _check_types(rule: Rule) -> None:
    """Refuse what would be found out at a request, or never: an age that is no number is exceeded by none.

    Raises POLICY_INVALID.
    """
    ages = (rule.max_admission_age_s, rule.max_credential_age_s, rule.max_evidence_age_s, rule.max_status_age_s)
    usable = (
        type(rule.number) is int
        and rule.number > 0
        and type(rule.anyone) is bool
        and type(rule.needs_citizenship) is bool
        and type(rule.binding) is Binding
        and type(rule.sharing) is SharingResponse
        and type(rule.store_down) is StoreDown
        and _are_names(rule.resources)
        and _are_names(rule.regions)
        and len(rule.resources) > 0
        and len(rule.regions) <= MAX_REGIONS
        and _all_of(rule.countries, frozenset, Country)
        and _all_of(rule.none_of, frozenset, Country)
        and all(age is None or (type(age) is int and age > 0) for age in ages)
        and all(time is None or (type(time) is int and time >= 0) for time in (rule.not_before, rule.not_after))
    )
    for values, kind in (
        (rule.issuers, str), (rule.formats, Format), (rule.types, str), (rule.assurances, Assurance),
    ):  # fmt: skip
        usable = usable and (values is None or _all_of(values, frozenset, kind))
    if not usable or not all(map(has_utf8, rule.types or ())):  # a ticket holds a hash of its type
        raise CitizenIDError(Reason.POLICY_INVALID, "policy.rule")


def _are_names(values: object) -> bool:
    # A comparison of policies would tell less of a pattern with two stars in a row, and what it tells must be exact.
    return type(values) is tuple and all(map(is_name, values)) and len(set(values)) == len(values)


def _all_of(values: object, collection: type, kind: type) -> bool:
    return type(values) is collection and all(type(each) is kind for each in values)  # type: ignore[attr-defined]  # it is one


# --- the conditions, in the order in which they are asked ---


class Condition(NamedTuple):
    """Something that a rule may ask.

    Attributes:
        key: the key of the policy that asks it; "complete" is the second half of none_of.
        asked: whether a rule asks it.
        objection: why a rule that asks it is not satisfied, or None.
        fact: the fact that it is about, which may be unknown.
    """

    key: str
    asked: Callable[[Rule], bool]
    objection: Callable[[Rule, Facts], Reason | None]
    fact: str


def _older(age_s: int | None, most_s: int | None) -> bool:
    return most_s is not None and (type(age_s) is not int or age_s > most_s)


def _binding(rule: Rule, facts: Facts) -> Reason | None:
    return Reason.BINDING_TOO_WEAK if facts.binding < rule.binding else None


def _admission_age(rule: Rule, facts: Facts) -> Reason | None:
    return Reason.ADMISSION_TOO_OLD if _older(facts.admission_age_s, rule.max_admission_age_s) else None


def _issuer(rule: Rule, facts: Facts) -> Reason | None:
    accepted = rule.issuers is None or facts.issuer in rule.issuers
    return None if accepted else Reason.CREDENTIAL_NOT_ACCEPTED


def _format(rule: Rule, facts: Facts) -> Reason | None:
    accepted = rule.formats is None or facts.format in rule.formats
    return None if accepted else Reason.CREDENTIAL_NOT_ACCEPTED


def _type(rule: Rule, facts: Facts) -> Reason | None:
    accepted = rule.types is None or facts.type in rule.types
    return None if accepted else Reason.CREDENTIAL_NOT_ACCEPTED


def _assurance(rule: Rule, facts: Facts) -> Reason | None:
    reached = rule.assurances is None or facts.assurance in rule.assurances
    return None if reached else Reason.ASSURANCE_TOO_LOW


def _credential_age(rule: Rule, facts: Facts) -> Reason | None:
    return Reason.CREDENTIAL_TOO_OLD if _older(facts.credential_age_s, rule.max_credential_age_s) else None


def _evidence_age(rule: Rule, facts: Facts) -> Reason | None:
    return Reason.EVIDENCE_TOO_OLD if _older(facts.evidence_age_s, rule.max_evidence_age_s) else None


def _status_age(rule: Rule, facts: Facts) -> Reason | None:
    return Reason.STATUS_TOO_OLD if _older(facts.status_age_s, rule.max_status_age_s) else None


def _excluded(rule: Rule, facts: Facts) -> Reason | None:
    # What was stated counts against, whoever's word it is: an issuer proves his own countries, and denies no other.
    stated = (facts.stated, facts.nationalities, facts.citizenships)
    return None if all(map(rule.none_of.isdisjoint, stated)) else Reason.CITIZENSHIP_NOT_PERMITTED


def _countries(rule: Rule, facts: Facts) -> Reason | None:
    citizen = rule.needs_citizenship
    if not rule.countries.isdisjoint(facts.citizenships if citizen else facts.nationalities):
        return None
    if not facts.nationalities or (citizen and not rule.countries.isdisjoint(facts.nationalities)):
        return Reason.CITIZENSHIP_NOT_SHOWN
    return Reason.CITIZENSHIP_NOT_PERMITTED


def _complete(rule: Rule, facts: Facts) -> Reason | None:
    # A list that names no country shows nobody to be of another one: that is how a stateless person looks, and also
    # how a person looks of whom the issuer knows nothing.
    named = facts.stated or facts.nationalities or facts.citizenships
    return None if facts.complete is True and named else Reason.COMPLETENESS_NOT_SHOWN


CONDITIONS: Final = (
    Condition("binding", lambda rule: not rule.anyone, _binding, "binding"),
    Condition(
        "max_admission_age_s", lambda rule: rule.max_admission_age_s is not None, _admission_age, "admission_age_s"
    ),
    Condition("issuers", lambda rule: rule.issuers is not None, _issuer, "issuer"),
    Condition("formats", lambda rule: rule.formats is not None, _format, "format"),
    Condition("types", lambda rule: rule.types is not None, _type, "type"),
    Condition("assurance", lambda rule: rule.assurances is not None, _assurance, "assurance"),
    Condition(
        "max_credential_age_s", lambda rule: rule.max_credential_age_s is not None, _credential_age, "credential_age_s"
    ),
    Condition("max_evidence_age_s", lambda rule: rule.max_evidence_age_s is not None, _evidence_age, "evidence_age_s"),
    Condition("max_status_age_s", lambda rule: rule.max_status_age_s is not None, _status_age, "status_age_s"),
    Condition("none_of", lambda rule: bool(rule.none_of), _excluded, "stated"),
    Condition("citizenship", lambda rule: bool(rule.countries) and rule.needs_citizenship, _countries, "citizenships"),
    Condition(
        "nationality", lambda rule: bool(rule.countries) and not rule.needs_citizenship, _countries, "nationalities"
    ),
    Condition("complete", lambda rule: bool(rule.none_of), _complete, "complete"),
)
_PLAIN: Final = frozenset({"binding", "max_admission_age_s", "citizenship", "nationality"})
