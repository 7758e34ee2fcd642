"""What another policy changes: who gains access to what, and who loses it. Exact, by going through every case.

The resources that two policies treat alike, and the regions, come from the automaton of all their patterns; the
periods from all their dates. For each of these the rule that decides is compared with the other policy's rule.

Spec: specs/policy.md section 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import pairwise
from typing import NamedTuple, final

from .._errors import CitizenIDError, Reason
from ._facts import Facts
from ._patterns import classes_of
from ._persons import Kind, satisfied_by_one_alone
from ._policy import AdmissionPolicy
from ._rules import Rule

Period = tuple[int | None, int | None]


class ChangeKind(Enum):
    """Which way access changes."""

    GAINS = "gains"
    LOSES = "loses"


@final
class Change(NamedTuple):
    """Some callers to whom two policies answer differently, everywhere in `resources`, `regions` and the period.

    Attributes:
        kind: whether the new policy permits them and the old one refuses them, or the other way.
        resources: names without a star, and one name for each set of names that the policies treat alike.
        regions: in the same way; empty when it is so in every region.
        not_before: from when on, Unix seconds, or None.
        not_after: before when, or None.
        old_rule: number of the rule that decides in the old policy, or 0.
        new_rule: number of the one in the new policy, or 0.
        key: the condition that makes the difference: a key of the policy, "countries" for those about countries, or
            "resource" where one of the policies has no rule.
        who: who they are, in words.
        example: one of them, to whom the policies answer differently in the first of the resources and regions.
    """

    kind: ChangeKind
    resources: tuple[str, ...]
    regions: tuple[str, ...]
    not_before: int | None
    not_after: int | None
    old_rule: int
    new_rule: int
    key: str
    who: str
    example: Facts

    def __str__(self) -> str:
        where = f" in {', '.join(self.regions)}" if self.regions else ""
        since = "" if self.not_before is None else f" from {self.not_before}"
        until = "" if self.not_after is None else f" until {self.not_after}"
        rules = f"rule {self.old_rule or 'none'} -> {self.new_rule or 'none'}"
        return f"{self.kind.value}: {', '.join(self.resources)}{where}{since}{until} ({rules}): {self.who}"


class _Case(NamedTuple):
    """One pair of deciding rules, by their numbers, and when and where they decide."""

    old_rule: int
    new_rule: int
    not_before: int | None
    not_after: int | None
    regions: tuple[str, ...]
    region: str | None

    @property
    def moment(self) -> int:
        if self.not_before is not None:
            return self.not_before
        return 0 if self.not_after is None else self.not_after - 1


def diff(old: AdmissionPolicy, new: AdmissionPolicy) -> tuple[Change, ...]:
    """Return who gains and who loses access when `new` takes the place of `old`. Nothing is left out.

    It speaks of gateways that know the time, and where their endpoint is.

    Raises:
        CitizenIDError: LIMIT_EXCEEDED for patterns whose combinations are too many to go through,
            CONFIGURATION_INVALID for what is no policy.
    """
    for name, policy in (("old", old), ("new", new)):
        if type(policy) is not AdmissionPolicy:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, name)
    rules = (*old.rules, *new.rules)
    regions = sorted(name for _, name in classes_of(region for rule in rules for region in rule.regions))
    if not any(rule.regions for rule in rules):
        regions = []
    alike = classes_of(name for rule in rules for name in rule.resources)
    cases: dict[_Case, list[str]] = {}
    for resource in sorted(name for matching, name in alike if matching):
        for case in _cases(old, new, resource, regions, _periods(rules)):
            cases.setdefault(case, []).append(resource)
    differences: dict[tuple[int, int], list[tuple[ChangeKind, Kind]]] = {}
    changes = []
    for case, resources in cases.items():
        pair = case[:2]
        if pair not in differences:
            differences[pair] = list(_differences(_rule(old, case.old_rule), _rule(new, case.new_rule)))
        changes += [_change(case, tuple(resources), kind, who) for kind, who in differences[pair]]
    return tuple(changes)


def _cases(
    old: AdmissionPolicy, new: AdmissionPolicy, resource: str, regions: Sequence[str], periods: Sequence[Period]
) -> Iterator[_Case]:
    """Yield the cases of a resource; regions of one answer at one time are one case."""
    found: dict[_Case, list[str]] = {}
    for region in regions or (None,):
        last: _Case | None = None
        spans: list[_Case] = []
        for start, end in periods:
            case = _Case(0, 0, start, end, (), None)
            numbers = (_number(old, resource, case.moment, region), _number(new, resource, case.moment, region))
            if last is not None and last[:2] == numbers:
                last = spans[-1] = last._replace(not_after=end)
            else:
                last = case._replace(old_rule=numbers[0], new_rule=numbers[1])
                spans.append(last)
        for span in spans:
            found.setdefault(span, []).extend(() if region is None else (region,))
    for case, here in found.items():
        some = () if len(here) == len(regions) else tuple(here)
        yield case._replace(regions=some, region=here[0] if here else None)


def _periods(rules: Iterable[Rule]) -> list[Period]:
    """Return the spans of time in which no rule begins or ends to exist."""
    times = {time for rule in rules for time in (rule.not_before, rule.not_after) if time}
    return list(pairwise((None, *sorted(times), None)))


def _number(policy: AdmissionPolicy, resource: str, now: int, region: str | None) -> int:
    rule = policy.rule_for(resource, now=now, region=region)
    return 0 if rule is None else rule.number


def _rule(policy: AdmissionPolicy, number: int) -> Rule | None:
    return next((rule for rule in policy.rules if rule.number == number), None)


def _differences(before: Rule | None, after: Rule | None) -> Iterator[tuple[ChangeKind, Kind]]:
    yield from ((ChangeKind.GAINS, kind) for kind in satisfied_by_one_alone(after, before))
    yield from ((ChangeKind.LOSES, kind) for kind in satisfied_by_one_alone(before, after))


def _change(case: _Case, resources: tuple[str, ...], kind: ChangeKind, callers: Kind) -> Change:
    return Change(
        kind,
        resources,
        case.regions,
        case.not_before,
        case.not_after,
        case.old_rule,
        case.new_rule,
        callers.key,
        callers.who,
        callers.example._replace(region=case.region, now=case.moment),
    )
