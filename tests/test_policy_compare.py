"""Who gains and who loses by another policy: every change is one, and nothing that changes is left out.

Changes are compared with what the slow decider says of callers, resources, regions and times of all kinds.

Spec: specs/policy.md section 7.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import builders_policy as p
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid import Assurance, CitizenIDError, Country, Reason
from citizenid.gateway import Binding
from citizenid.policy import AdmissionPolicy, Change, ChangeKind, Facts, _patterns, diff
from citizenid.policy._patterns import classes_of, covers, matches

known_callers = p.callers.map(
    lambda caller: {**caller, "region": caller["region"] or "eu-1", "now": caller["now"] or 999}
)


def policy(*rules: dict[str, Any]) -> AdmissionPolicy:
    return AdmissionPolicy.from_toml(p.toml(rules))


def covering(
    changes: tuple[Change, ...], rules: list[dict[str, Any]], kind: ChangeKind, resource: str, caller: dict[str, Any]
) -> list[Change]:
    """Return the changes of this kind for a resource, region and time, as the patterns of all rules tell them apart."""

    def alike(key: str, one: str, other: str) -> bool:
        patterns = [pattern for rule in rules for pattern in p.listed(rule.get(key, []))]
        return all(p.slow_matches(each, one) is p.slow_matches(each, other) for each in patterns)

    return [
        each
        for each in changes
        if each.kind is kind
        and any(alike("resource", known, resource) for known in each.resources)
        and (not each.regions or any(alike("region", known, caller["region"]) for known in each.regions))
        and (each.not_before is None or each.not_before <= caller["now"])
        and (each.not_after is None or caller["now"] < each.not_after)
    ]


@given(p.policies(3), p.policies(3), st.lists(st.tuples(p.names, known_callers), max_size=30))
@example(
    [{"resource": ["a*", "b"], "anyone": True}],
    [{"resource": "*", "nationality": ["US"], "not_after": datetime.fromtimestamp(1_001, UTC)}],
    [],
)
def test_what_differs_is_told_and_what_is_told_differs(
    before: list[dict[str, Any]], after: list[dict[str, Any]], asked: list[tuple[str, dict[str, Any]]]
) -> None:
    before, old = p.reachable_part(before)
    after, new = p.reachable_part(after)
    changes = diff(old, new)
    for change in changes:
        example_ = change.example
        assert example_.now is not None
        for resource, region in itertools.product(change.resources, change.regions or (example_.region,)):
            there = example_._replace(region=region)
            verdicts = (old.decide(resource, there), new.decide(resource, there))
            assert (verdicts[0].rule, verdicts[1].rule) == (change.old_rule, change.new_rule)
            assert verdicts[0].permitted is (change.kind is ChangeKind.LOSES)
            assert verdicts[1].permitted is (change.kind is ChangeKind.GAINS)
        assert str(change)
    for name, caller in asked:
        (first, refusal), (second, other) = p.slow_decide(before, name, caller), p.slow_decide(after, name, caller)
        if (refusal is None) is not (other is None):
            kind = ChangeKind.GAINS if other is None else ChangeKind.LOSES
            told = covering(changes, [*before, *after], kind, name, caller)
            assert told
            assert {(each.old_rule, each.new_rule) for each in told} == {(first, second)}


@given(p.policies())
def test_a_policy_does_not_differ_from_itself(rules: list[dict[str, Any]]) -> None:
    rules, same = p.reachable_part(rules)
    assert diff(same, p.reachable_part(rules)[1]) == ()


@given(p.policies(3), p.policies(3))
def test_what_one_way_gains_the_other_way_loses(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    old, new = p.reachable_part(before)[1], p.reachable_part(after)[1]

    def told(changes: tuple[Change, ...], *, turned: bool) -> set[tuple[object, ...]]:
        gains = {ChangeKind.GAINS: not turned, ChangeKind.LOSES: turned}
        return {
            (
                gains[each.kind],
                each.resources,
                each.regions,
                each.not_before,
                each.new_rule if turned else each.old_rule,
                each.key,
            )
            for each in changes
        }

    assert told(diff(old, new), turned=False) == told(diff(new, old), turned=True)


# --- each kind of change ---

BASE: dict[str, Any] = {"resource": "a", "nationality": ["DE"]}


@pytest.mark.parametrize(
    ("narrow", "wide", "key", "who"),
    [
        ({}, {"binding": "bearer"}, "binding", "callers with a sender proof below dpop"),
        (
            {"max_admission_age_s": 60},
            {"max_admission_age_s": 600},
            "max_admission_age_s",
            "callers whose admission is older than 60 s, up to 600 s",
        ),
        ({"max_status_age_s": 60}, {}, "max_status_age_s", "callers whose status list is older than 60 s"),
        ({"issuers": ["one"]}, {"issuers": ["one", "two"]}, "issuers", "callers whose issuer is two"),
        ({"types": ["t"]}, {}, "types", "callers whose type is none of t"),
        (
            {"assurance": {"eidas": "high"}},
            {"assurance": {"eidas": "substantial"}},
            "assurance",
            "callers whose assurance is eidas substantial",
        ),
        ({}, {"nationality": ["DE", "FR"]}, "countries", "nationals of FR"),
        ({"citizenship": ["DE"]}, {}, "countries", "nationals of DE"),
    ],
)
def test_one_condition_that_is_wider(narrow: dict[str, Any], wide: dict[str, Any], key: str, who: str) -> None:
    def written(changes: dict[str, Any]) -> dict[str, Any]:
        rule = {**BASE, **changes}
        return {name: value for name, value in rule.items() if name != "nationality" or "citizenship" not in rule}

    old, new = policy(written(narrow)), policy(written(wide))
    (gain,) = diff(old, new)
    assert (gain.kind, gain.resources, gain.regions, gain.key, gain.who) == (ChangeKind.GAINS, ("a",), (), key, who)
    (loss,) = diff(new, old)
    assert (loss.kind, loss.key, loss.who, loss.example) == (ChangeKind.LOSES, key, who, gain.example)


def test_who_is_excluded_any_more() -> None:
    old, new = policy({**BASE, "none_of": ["US"]}), policy(BASE)
    assert [change.who for change in diff(old, new)] == [
        "nationals of DE, in no complete list",
        "nationals of DE and stated to be of US",
    ]
    everyone = policy({"resource": "a", "anyone": True, "none_of": ["US"]})
    assert [(change.kind.value, change.who) for change in diff(everyone, new)] == [
        ("gains", "nationals of DE, in no complete list"),
        ("gains", "nationals of DE and stated to be of US"),
        ("loses", "stated to be of another country, in a list that is complete"),
        ("loses", "stated to be of DE, in a list that is complete"),
    ]


def test_rules_that_come_and_go() -> None:
    old = policy({"resource": "a", "anyone": True}, {"resource": "b", "nationality": ["DE"]})
    new = policy({"resource": "b", "anyone": True}, {"resource": "c*", "nationality": ["DE"]})
    told = [
        (each.kind.value, each.resources, each.old_rule, each.new_rule, each.key, each.who) for each in diff(old, new)
    ]
    assert told == [
        ("loses", ("a",), 1, 0, "anyone", "everybody"),
        ("gains", ("b",), 2, 1, "anyone", "everybody whom the other rule refuses"),
        ("gains", ("c",), 0, 2, "resource", "everybody who satisfies the rule"),
    ]


def test_regions_and_times_are_told_apart() -> None:
    begin, end = datetime.fromtimestamp(1_000, UTC), datetime.fromtimestamp(2_000, UTC)
    old = policy({"resource": "a", "nationality": ["DE"]})
    new = policy(
        {"resource": "a", "anyone": True, "region": "eu-*", "not_before": begin, "not_after": end},
        {"resource": "a", "nationality": ["DE"]},
    )
    (change,) = diff(old, new)
    assert (change.regions, change.not_before, change.not_after) == (("eu-",), 1_000, 2_000)
    assert str(change) == ("gains: a in eu- from 1000 until 2000 (rule 1 -> 1): everybody whom the other rule refuses")
    # Cut in two at a moment that changes nothing, it is the same.
    middle = datetime.fromtimestamp(1_500, UTC)
    cut = policy(
        {"resource": "a", "anyone": True, "region": "eu-*", "not_before": begin, "not_after": middle},
        {"resource": "a", "anyone": True, "region": "eu-*", "not_before": middle, "not_after": end},
        {"resource": "a", "nationality": ["DE"]},
    )
    assert diff(new, cut) == ()


def test_a_change_in_words() -> None:
    old = policy(
        {"resource": ["a", "b"], "anyone": True, "region": ["eu-1", "eu-2"]}, {"resource": "c", "anyone": True}
    )
    new = policy(
        {"resource": "c", "anyone": True}, {"resource": "d", "assurance": {"eidas": "low"}, "nationality": ["DE"]}
    )
    assert [str(change) for change in diff(old, new)] == [
        "loses: a, b in eu-1, eu-2 (rule 1 -> none): everybody",
        "gains: d (rule none -> 2): everybody who satisfies the rule",
    ]
    moment = datetime.fromtimestamp(1_000, UTC)
    before, after = policy({**BASE, "not_after": moment}), policy({**BASE, "not_before": moment})
    assert [str(change) for change in diff(before, after)] == [
        "loses: a until 1000 (rule 1 -> none): everybody who satisfies the rule",
        "gains: a from 1000 (rule none -> 1): everybody who satisfies the rule",
    ]
    (change,) = diff(
        policy({"resource": "a", "citizenship": ["DE"]}), policy({"resource": "a", "citizenship": ["DE", "FR"]})
    )
    assert str(change) == "gains: a (rule 1 -> 1): citizens of FR"
    (change,) = diff(policy(BASE), policy({**BASE, "nationality": ["DE", "FR", "IT"]}))
    assert str(change) == "gains: a (rule 1 -> 1): nationals of FR or IT"
    (change,) = diff(
        policy({**BASE, "formats": ["mso_mdoc"]}), policy({**BASE, "formats": ["dc+sd-jwt", "mso_mdoc", "sd-cwt"]})
    )
    assert str(change) == "gains: a (rule 1 -> 1): callers whose format is dc+sd-jwt, sd-cwt"


def test_an_example_is_a_caller_of_its_kind() -> None:
    (change,) = diff(policy(BASE), policy({**BASE, "nationality": ["FR", "DE"]}))
    assert change.example.nationalities == {Country("FR")} and not change.example.citizenships
    (change,) = diff(policy({**BASE, "assurance": {"nist": "IAL2"}}), policy({**BASE, "assurance": {"nist": "IAL1"}}))
    assert change.example.assurance == Assurance("nist", "IAL1")
    assert change.example.binding is max(Binding)


def test_an_example_is_as_young_and_as_well_shown_as_can_be() -> None:
    (change,) = diff(policy({"resource": "b", "anyone": True}), policy({"resource": "b", "anyone": True}, BASE))
    germany = frozenset({Country("DE")})
    assert change.example == Facts(
        germany, germany, max(Binding), 0,
        stated=germany, complete=True, credential_age_s=0, evidence_age_s=0, status_age_s=0, now=0,
    )  # fmt: skip


@pytest.mark.parametrize("key", ["admission_age_s", "credential_age_s", "evidence_age_s", "status_age_s"])
def test_an_example_is_older_than_one_rule_permits_and_no_older_than_the_other(key: str) -> None:
    (change,) = diff(policy({**BASE, f"max_{key}": 60}), policy({**BASE, f"max_{key}": 61}))
    assert getattr(change.example, key) == 61


def test_periods_in_which_the_same_rules_decide_are_one() -> None:
    moments = [datetime.fromtimestamp(1_000 * each, UTC) for each in (1, 2, 3)]
    others = [{"resource": "b", "anyone": True, "not_after": each} for each in moments[:2]]
    old = policy({"resource": "a", "nationality": ["DE"]}, *others)
    new = policy({"resource": "a", "nationality": ["FR"], "not_after": moments[2]}, *others)
    told = {(each.kind.value, each.not_before, each.not_after, each.new_rule) for each in diff(old, new)}
    assert told == {("gains", None, 3_000, 1), ("loses", None, 3_000, 1), ("loses", 3_000, None, 0)}


def test_an_example_is_asked_in_the_first_of_the_regions() -> None:
    old = policy({"resource": "a", "nationality": ["DE"], "region": ["eu-1", "eu-2"]})
    new = policy({"resource": "a", "anyone": True, "region": ["eu-1", "eu-2"]})
    (change,) = diff(old, new)
    assert change.regions == ("eu-1", "eu-2") and change.example.region == "eu-1"
    # What is so in every region is so in the one that the example names.
    old = policy(
        {"resource": "a", "nationality": ["DE"]}, {"resource": "b", "nationality": ["DE"], "region": ["eu-1", "us-1"]}
    )
    new = policy({"resource": "a", "anyone": True}, {"resource": "b", "nationality": ["DE"], "region": "eu-1"})
    here, there = sorted(diff(old, new), key=lambda change: change.resources)
    assert here.regions == () and type(here.example.region) is str
    assert there.regions == ("us-1",) and there.example.region == "us-1"


# --- names that behave alike ---

alike_patterns = st.lists(st.text("ab*", min_size=1, max_size=5).map(lambda t: t.replace("**", "*")), max_size=4)


@given(alike_patterns)
@example(["a*b", "*ab", "a*ab"])  # of the first two and not the third there is one name alone
@example(["", "*"])
def test_every_set_of_patterns_that_one_name_matches_is_found_once(patterns: list[str]) -> None:
    patterns = [each for each in patterns if "**" not in each]
    found = classes_of(patterns)
    assert len({matching for matching, _ in found}) == len(found)
    for matching, name in found:
        assert matching == {each for each in patterns if p.slow_matches(each, name)}
    for length in range(1, 6):
        for letters in itertools.product("abz", repeat=length):
            name = "".join(letters)
            matching = frozenset(each for each in patterns if p.slow_matches(each, name))
            shortest = next(each for known, each in found if known == matching)
            assert len(shortest) <= len(name)


@given(st.text("ab*", min_size=1, max_size=5), st.text("ab*", min_size=1, max_size=5))
def test_covering_is_matching_all(first: str, second: str) -> None:
    first, second = (each.replace("***", "*").replace("**", "*") for each in (first, second))
    names = ["".join(name) for length in range(7) for name in itertools.product("abz", repeat=length)]
    if "**" not in first + second:
        every = all(p.slow_matches(first, name) for name in names if p.slow_matches(second, name))
        assert covers(first.split("*"), second) is every
        assert matches(first.split("*"), second.replace("*", "z")) is p.slow_matches(first, second.replace("*", "z"))


def test_names_that_are_longer_than_a_name_are_none() -> None:
    # One name of 1,000 characters would match both; nobody can ask for it.
    left, right = "a" * 500 + "*", "*" + "b" * 500
    assert {matching for matching, _ in classes_of([left, right])} == {
        frozenset(),
        frozenset({left}),
        frozenset({right}),
    }


def test_more_than_can_be_gone_through_is_refused() -> None:
    rules = [{"resource": f"*{letter}*", "nationality": ["DE"]} for letter in map(chr, range(0x3B1, 0x3C9))]
    old = policy(*rules)
    with pytest.raises(CitizenIDError) as caught:
        diff(old, policy({"resource": "*", "anyone": True}))
    assert (caught.value.reason, caught.value.where) == (Reason.LIMIT_EXCEEDED, "policy")


def test_the_bound_of_what_is_gone_through_is_itself_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    # "a": before it, at its end, and wherever no name leads further.
    monkeypatch.setattr(_patterns, "_MAX_STATES", 2)
    assert len(classes_of(["a"])) == 2
    monkeypatch.setattr(_patterns, "_MAX_STATES", 1)
    with pytest.raises(CitizenIDError):
        classes_of(["a"])


@pytest.mark.parametrize(
    ("pattern", "other"), [("a", "x"), ("x", "y"), ("xy", "z"), ("xyz", "a"), ("xyzab", "c"), ("xyz~a", "b")]
)
def test_all_characters_that_stand_in_no_pattern_are_one(pattern: str, other: str) -> None:
    assert (frozenset(), other) in classes_of([pattern])


@pytest.mark.parametrize("value", [None, "version = 1", 1, object(), AdmissionPolicy])
def test_only_policies_are_compared(value: Any) -> None:
    mine = policy({"resource": "a", "anyone": True})
    for given_, where in (((value, mine), "old"), ((mine, value), "new"), ((value, value), "old")):
        with pytest.raises(CitizenIDError) as caught:
            diff(*given_)
        assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, where)
