"""Who satisfies one rule and not another: the kinds of callers that tell two rules apart, each with an example.

A rule is a conjunction of conditions about facts that do not depend on each other: binding, ages, issuer, format,
type, assurance, and the countries with their completeness. So a caller who satisfies rule A and not rule B misses one
condition of B, and for each condition that A does not imply there is such a caller, who satisfies all else of A. This
is exact; nothing is sampled.

Spec: specs/policy.md section 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any, Final, NamedTuple

from .._model import Assurance, Binding, Format
from ..countries import Country
from ._facts import Facts
from ._rules import CONDITIONS, Rule

NOBODY: Final = Facts(frozenset(), frozenset(), Binding.BEARER, 0)
_AGES: Final = (
    ("max_admission_age_s", "admission_age_s", "whose admission"),
    ("max_credential_age_s", "credential_age_s", "whose credential"),
    ("max_evidence_age_s", "evidence_age_s", "whose evidence"),
    ("max_status_age_s", "status_age_s", "whose status list"),
)
_SETS: Final = (("issuers", "issuer"), ("formats", "format"), ("types", "type"), ("assurances", "assurance"))
_ABOUT_COUNTRIES: Final = tuple(
    condition for condition in CONDITIONS if condition.key in {"none_of", "citizenship", "nationality", "complete"}
)
_STANDINGS: Final = ("stated", "national", "citizen")  # each implies those before it


class Kind(NamedTuple):
    """A kind of callers.

    Attributes:
        key: the condition that tells them apart; "resource" when the other policy has no rule for them at all.
        who: who they are, in words.
        example: one of them.
    """

    key: str
    who: str
    example: Facts


def satisfied_by_one_alone(rule: Rule | None, other: Rule | None) -> Iterator[Kind]:
    """Yield the kinds of callers whom `rule` permits and `other` refuses. None is no rule, which permits nobody."""
    if rule is None or (other is not None and other.anyone):
        return
    if rule.anyone:
        yield Kind("anyone", "everybody" if other is None else "everybody whom the other rule refuses", NOBODY)
        return
    example = _example_of(rule)
    if other is None:
        yield Kind("resource", "everybody who satisfies the rule", example)
        return
    if rule.binding < other.binding:
        who = f"callers with a sender proof below {other.binding.name.lower()}"
        yield Kind("binding", who, example._replace(binding=rule.binding))
    for key, fact, whose in _AGES:
        most_s, others_s = getattr(rule, key), getattr(other, key)
        if others_s is not None and (most_s is None or most_s > others_s):
            who = f"callers {whose} is older than {others_s} s" + ("" if most_s is None else f", up to {most_s} s")
            yield Kind(key, who, example._replace(**{fact: others_s + 1}))
    yield from _by_set(rule, other, example)
    yield from _by_country(rule, other, example)


def _example_of(rule: Rule) -> Facts:
    country = next(
        each for each in Country.all() if each not in rule.none_of and (each in rule.countries or not rule.countries)
    )
    proven = frozenset({country})
    accepted: dict[str, Any] = {fact: _first(getattr(rule, key)) for key, fact in _SETS}
    accepted |= {"credential_age_s": 0, "evidence_age_s": 0, "status_age_s": 0}
    return Facts(proven, proven, max(Binding), 0, stated=proven, complete=True, **accepted)


def _by_set(rule: Rule, other: Rule, example: Facts) -> Iterator[Kind]:
    for key, fact in _SETS:
        taken, others = getattr(rule, key), getattr(other, key)
        if others is None or (taken is not None and taken <= others):
            continue
        word = "assurance" if key == "assurances" else key
        if taken is None:
            changed: dict[str, Any] = {fact: None}
            yield Kind(word, f"callers whose {fact} is none of {_words(others)}", example._replace(**changed))
        else:
            more = taken - others
            changed = {fact: _first(more)}
            yield Kind(word, f"callers whose {fact} is {_words(more)}", example._replace(**changed))


def _first(values: frozenset[Any] | None) -> Any:
    return min(values, key=_word) if values else None


def _words(values: frozenset[Any]) -> str:
    return ", ".join(sorted(map(_word, values)))


def _word(value: str | Format | Assurance) -> str:
    return f"{value.framework} {value.level}" if isinstance(value, Assurance) else str(value)


# --- countries ---


class _Group(NamedTuple):
    """Countries that neither of two rules tells apart."""

    countries: tuple[Country, ...]
    named: bool  # by one of the two rules


_Person = frozenset[tuple[_Group, int]]
"""To which groups somebody stands how: the index of a standing."""


def _by_country(rule: Rule, other: Rule, example: Facts) -> Iterator[Kind]:
    # Who satisfies the one and not the other does so by one country that the one asks for and, if the other minds it,
    # one more that it excludes: callers of at most two groups tell all there is to tell.
    groups = _groups(rule, other)
    told: list[tuple[_Person, set[bool]]] = []
    for size in (1, 2):
        for chosen in combinations(groups, size):
            for standings in product(range(len(_STANDINGS)), repeat=size):
                person = frozenset(zip(chosen, standings, strict=True))
                seen = {complete: _with_countries(example, person, complete) for complete in (False, True)}
                telling = {each for each in seen if not _objects(rule, seen[each]) and _objects(other, seen[each])}
                if telling and not any(telling <= had and _implies(person, known) for known, had in told):
                    told.append((person, telling))
                    yield Kind("countries", _described(person, telling), seen[min(telling)])


def _groups(rule: Rule, other: Rule) -> list[_Group]:
    sets = (rule.countries, rule.none_of, other.countries, other.none_of)
    members: dict[tuple[bool, ...], list[Country]] = {}
    for country in Country.all():
        members.setdefault(tuple(country in each for each in sets), []).append(country)
    return [_Group(tuple(each), any(signature)) for signature, each in members.items()]


def _with_countries(facts: Facts, person: _Person, complete: bool) -> Facts:
    stated, nationals, citizens = (
        frozenset(group.countries[0] for group, standing in person if standing >= least) for least in range(3)
    )
    return facts._replace(nationalities=nationals, citizenships=citizens, stated=stated, complete=complete)


def _objects(rule: Rule, facts: Facts) -> bool:
    return any(each.asked(rule) and each.objection(rule, facts) is not None for each in _ABOUT_COUNTRIES)


def _implies(person: _Person, known: _Person) -> bool:
    has = dict(person)
    return all(has.get(group, -1) >= standing for group, standing in known)


def _described(person: _Person, complete: set[bool]) -> str:
    words = {"stated": "stated to be of", "national": "nationals of", "citizen": "citizens of"}
    parts = []
    for group, standing in sorted(person, key=lambda each: (-each[1], each[0].countries[0].alpha2)):
        where = " or ".join(each.alpha2 for each in group.countries) if group.named else "another country"
        parts.append(f"{words[_STANDINGS[standing]]} {where}")
    suffix = (
        "" if len(complete) == 2 else ", in a list that is complete" if True in complete else ", in no complete list"
    )
    return " and ".join(parts) + suffix
