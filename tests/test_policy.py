"""The policy against a slow decider written from the words of specs/policy.md, and every policy that is refused.

The slow decider knows no tables and no string search: it asks rule after rule, turns a pattern into a regular
expression, and never looks at our `Rule`. Whether a rule can be reached is compared with all short names there are.

Spec: specs/policy.md; DESIGN section 7.
"""

from __future__ import annotations

import copy
import itertools
import re
import time
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid import CitizenIDError, Country, Reason
from citizenid.gateway import Binding
from citizenid.policy import AdmissionPolicy, Facts, Rule, SharingResponse, StoreDown, Verdict

CODES = ("US", "DE", "FR")
AGES = (1, 60, 600)

# --- the slow decider ---


def slow_matches(pattern: str, name: str) -> bool:
    """`*` stands for any characters, none included; everything else for itself."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None


def names_of(rule: dict[str, Any]) -> list[str]:
    return [rule["resource"]] if isinstance(rule["resource"], str) else rule["resource"]


def slow_decide(rules: list[dict[str, Any]], name: str, facts: dict[str, Any]) -> tuple[int, Reason | None]:
    """Decide from rules as TOML has them, by the words of specs/policy.md."""
    for number, rule in enumerate(rules, 1):
        if any(slow_matches(pattern, name) for pattern in names_of(rule)):
            return number, slow_judge(rule, facts)
    return 0, Reason.RESOURCE_NOT_LISTED


def slow_judge(rule: dict[str, Any], facts: dict[str, Any]) -> Reason | None:
    if "anyone" in rule:
        return None
    if rule.get("binding", "dpop") == "dpop" and facts["binding"] == "bearer":
        return Reason.BINDING_TOO_WEAK
    if "max_admission_age_s" in rule and facts["age"] > rule["max_admission_age_s"]:
        return Reason.ADMISSION_TOO_OLD
    citizen_of = facts["citizenships"]
    national_of = facts["nationalities"] | citizen_of  # a citizen is a national
    if "nationality" in rule:
        if national_of & set(rule["nationality"]):
            return None
        return Reason.CITIZENSHIP_NOT_PERMITTED if national_of else Reason.CITIZENSHIP_NOT_SHOWN
    if citizen_of & set(rule["citizenship"]):
        return None
    # A national of the right country may be its citizen and not have shown it; who has shown nothing may be anything.
    could_be = not national_of or national_of & set(rule["citizenship"])
    return Reason.CITIZENSHIP_NOT_SHOWN if could_be else Reason.CITIZENSHIP_NOT_PERMITTED


# --- what is generated ---

names = st.text("ab/", max_size=6)
patterns = st.text("ab/*", min_size=1, max_size=5).filter(lambda text: "**" not in text)
country_lists = st.lists(st.sampled_from(CODES), min_size=1, max_size=3, unique=True)


@st.composite
def rule_tables(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {"resource": draw(patterns | st.lists(patterns, min_size=1, max_size=3, unique=True))}
    condition = draw(st.sampled_from(["citizenship", "nationality", "anyone"]))
    if condition == "anyone":
        return {**rule, "anyone": True}
    rule[condition] = draw(country_lists)
    if draw(st.booleans()):
        rule["binding"] = draw(st.sampled_from(["bearer", "dpop"]))
    if draw(st.booleans()):
        rule["max_admission_age_s"] = draw(st.sampled_from(AGES))
    return rule


policies = st.lists(rule_tables(), min_size=1, max_size=4)
facts_of_callers = st.fixed_dictionaries(
    {
        "nationalities": st.sets(st.sampled_from(CODES)),
        "citizenships": st.sets(st.sampled_from(CODES)),
        "binding": st.sampled_from(["bearer", "dpop"]),
        "age": st.sampled_from([0, 1, 2, 59, 60, 61, 600, 601]),
    }
)


def toml(rules: Iterable[dict[str, Any]]) -> str:
    """Write rules down as TOML."""

    def value(item: Any) -> str:
        if isinstance(item, bool):
            return str(item).lower()
        if isinstance(item, list):
            return "[" + ", ".join(map(value, item)) + "]"
        return f'"{item}"' if isinstance(item, str) else str(item)

    lines = ["version = 1"]
    for rule in rules:
        lines += ["[[rule]]", *(f"{name} = {value(item)}" for name, item in rule.items())]
    return "\n".join(lines)


def load(rules: list[dict[str, Any]]) -> AdmissionPolicy | None:
    """Read rules, or return None when one can never be reached."""
    try:
        return AdmissionPolicy.from_toml(toml(rules))
    except CitizenIDError as error:
        assert error.reason is Reason.POLICY_INVALID
        assert re.fullmatch(r"policy\.rule\[\d+\]\.resource", error.where)
        return None


def facts(caller: dict[str, Any]) -> Facts:
    """Put facts together as the gateway does."""
    citizenships = frozenset(map(Country, caller["citizenships"]))
    return Facts(
        frozenset(map(Country, caller["nationalities"])) | citizenships,
        citizenships,
        Binding.BEARER if caller["binding"] == "bearer" else Binding.DPOP,
        caller["age"],
    )


def reachable_part(rules: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], AdmissionPolicy]:
    """Leave out of generated rules those that can never be reached, so that a policy is left."""
    kept: list[dict[str, Any]] = []
    for rule in rules:
        if load([*kept, rule]) is not None:
            kept.append(rule)
    policy = load(kept)
    assert policy is not None
    return kept, policy


# --- deciding ---


@given(policies, st.lists(st.tuples(names, facts_of_callers), min_size=1, max_size=20))
def test_the_policy_decides_as_its_words_do(
    rules: list[dict[str, Any]], asked: list[tuple[str, dict[str, Any]]]
) -> None:
    rules, policy = reachable_part(rules)
    for name, caller in asked:
        verdict = policy.decide(name, facts(caller))
        assert (verdict.rule, verdict.reason) == slow_decide(rules, name, caller)
        assert verdict.permitted is (verdict.reason is None)
        found = policy.rule_for(name)
        assert (found.number if found else 0) == verdict.rule


@given(patterns, names | st.text("ab/\n\0*", max_size=6))
def test_a_pattern_matches_what_its_regular_expression_does(pattern: str, name: str) -> None:
    policy = AdmissionPolicy.from_toml(toml([{"resource": pattern, "anyone": True}]))
    assert (policy.rule_for(name) is not None) is slow_matches(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "", True),
        ("*", "anything/at all\n", True),
        ("a*", "a", True),
        ("a*", "ab/c", True),
        ("a*", "A", False),
        ("*a", "ba", True),
        ("*a", "ab", False),
        ("a*a", "a", False),  # the two ends do not overlap
        ("a*a", "aa", True),
        ("a*b*a", "aba", True),
        ("a*b*a", "aa", False),
        ("a*b*b", "ab", False),  # nor does what stands between them overlap with one
        ("a*a*b", "ab", False),
        ("ab*ba", "aba", False),
        ("*a*a*", "a", False),
        ("*ab*ab*", "aab", False),
        ("*ab*ab*", "abab", True),
        ("a.c", "abc", False),
        ("a?", "ab", False),
        ("[ab]", "a", False),
        ("a\u0301", "\u00e1", False),  # no normalisation
        ("\u017f", "s", False),
    ],
)
def test_patterns_by_hand(pattern: str, name: str, matches: bool) -> None:
    policy = AdmissionPolicy.from_toml(toml([{"resource": pattern, "anyone": True}]))
    assert (policy.rule_for(name) is not None) is matches


@pytest.mark.parametrize("name", [None, 5, b"a", ["a"], True, object(), type("Text", (str,), {})("a")])
def test_a_resource_is_text(name: Any) -> None:
    policy = AdmissionPolicy.from_toml(toml([{"resource": ["*", "a"], "anyone": True}]))
    assert policy.rule_for(name) is None
    assert policy.decide(name, Facts(frozenset(), frozenset(), Binding.DPOP, 0)) == Verdict(
        Reason.RESOURCE_NOT_LISTED, 0
    )


def test_a_resource_has_a_bound_and_matching_is_linear() -> None:
    policy = AdmissionPolicy.from_toml(
        toml([{"resource": "*" + "a*" * 200 + "b", "anyone": True}, {"resource": "*", "anyone": True}])
    )
    assert policy.rule_for("a" * 512) == policy.rules[1]
    assert policy.rule_for("a" * 513) is None
    began = time.thread_time()
    for _ in range(200):
        policy.rule_for("a" * 511 + "c")
        policy.rule_for("a" * 10_000)
    assert time.thread_time() - began < 1  # a regular expression would not come back within this year


def test_the_first_rule_decides_also_over_an_exact_name_further_down() -> None:
    rules: list[dict[str, Any]] = [
        {"resource": ["ab", "b*"], "nationality": ["US"]},
        {"resource": "a*", "anyone": True},
    ]
    policy = AdmissionPolicy.from_toml(toml(rules))
    assert [policy.rule_for(name).number for name in ("ab", "b", "bcd", "a", "abc")] == [1, 1, 1, 2, 2]  # type: ignore[union-attr]  # all are listed


def test_a_pattern_for_a_region_decides_there_over_an_exact_name_further_down() -> None:
    rules = [{"resource": "a*", "anyone": True, "region": "eu"}, {"resource": "ab", "nationality": ["US"]}]
    policy = AdmissionPolicy.from_toml(toml(rules))
    for region, number in (("eu", 1), ("us", 2)):
        assert policy.rule_for("ab", region=region) is policy.rules[number - 1]
    assert policy.rule_for("ab") is None


@pytest.mark.parametrize("key", ["resource", "region"])
def test_a_name_is_as_long_as_permitted_and_no_longer(key: str) -> None:
    rule = {"resource": "a", "anyone": True}
    assert AdmissionPolicy.from_toml(toml([{**rule, key: "n" * 512}])).rules
    with pytest.raises(CitizenIDError) as caught:
        AdmissionPolicy.from_toml(toml([{**rule, key: "n" * 513}]))
    assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, f"policy.rule[1].{key}")


def test_a_rule_lists_as_many_regions_as_permitted_and_no_more() -> None:
    regions = [f"r{number}" for number in range(257)]
    assert AdmissionPolicy.from_toml(toml([{"resource": "a", "anyone": True, "region": regions[1:]}])).rules
    with pytest.raises(CitizenIDError) as caught:
        AdmissionPolicy.from_toml(toml([{"resource": "a", "anyone": True, "region": regions}]))
    assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, "policy.rule[1].region")


def test_a_policy_is_as_long_as_permitted_and_no_longer() -> None:
    text = toml([{"resource": "a", "anyone": True}]) + "\n#"
    text += "#" * (1_048_576 - len(text))
    assert AdmissionPolicy.from_toml(text).rules
    with pytest.raises(CitizenIDError) as caught:
        AdmissionPolicy.from_toml(text + "#")
    assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, "policy")


@pytest.mark.parametrize(
    "line",
    ["a." * 64 + "a = 1", "[" + "a . " * 64 + "a]", "x = {" + '"a".' * 64 + "a = 1}", "'a#'." * 64 + "a = 1"],
    ids=lambda line: line[:6],
)
def test_a_key_of_many_parts_is_refused_before_it_is_read(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of n parts the reader makes n paths of n keys: forty kilobytes took it seventeen seconds.
    def read(text: str) -> dict[str, Any]:
        raise AssertionError

    monkeypatch.setattr(tomllib, "loads", read)
    for text in (line, GOOD + line, '# """ and \'\n' + line, 'x = """\\""" #"""\n' + line, "'\"\n" + line):
        refused(text, "policy")


def test_full_stops_in_texts_and_comments_are_no_parts_of_a_key() -> None:
    stops = "." * 100 + "a" * 10
    text = f'version = 1 # {stops}\n[[rule]]\nresource = [\'{stops}\', "\\"{stops}", """\n{stops}"""]\nanyone = true\n'
    with pytest.raises(CitizenIDError) as caught:
        AdmissionPolicy.from_toml(text)
    assert caught.value.where == "policy.rule[1].resource"  # a name has no line end: it was read
    assert AdmissionPolicy.from_toml(text.replace(', """\n' + stops + '"""', "")).rules


# --- citizenship and nationality ---


@given(st.sets(st.sampled_from(CODES)), st.sets(st.sampled_from(CODES)), country_lists)
def test_citizenship_implies_nationality_and_never_the_reverse(
    nationalities: set[str], citizenships: set[str], wanted: list[str]
) -> None:
    caller = {"nationalities": nationalities, "citizenships": citizenships, "binding": "dpop", "age": 0}
    as_citizen, as_national = (
        AdmissionPolicy.from_toml(toml([{"resource": "a", condition: wanted}])).decide("a", facts(caller))
        for condition in ("citizenship", "nationality")
    )
    if as_citizen.permitted:
        assert as_national.permitted
    assert as_citizen.permitted is bool(citizenships & set(wanted))
    assert as_national.permitted is bool((nationalities | citizenships) & set(wanted))


def test_anyone_is_anyone() -> None:
    policy = AdmissionPolicy.from_toml(toml([{"resource": "a", "anyone": True}]))
    assert policy.decide("a", Facts(frozenset(), frozenset(), Binding.BEARER, 10**9)).permitted
    assert not policy.permits_bearer


@given(policies, st.lists(st.tuples(names, facts_of_callers, facts_of_callers), min_size=1, max_size=12))
def test_showing_more_never_takes_a_permission_away(
    rules: list[dict[str, Any]], asked: list[tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    _, policy = reachable_part(rules)
    for name, caller, other in asked:
        more = {
            "nationalities": caller["nationalities"] | other["nationalities"],
            "citizenships": caller["citizenships"] | other["citizenships"],
            "binding": "dpop" if "dpop" in (caller["binding"], other["binding"]) else "bearer",
            "age": min(caller["age"], other["age"]),
        }
        if policy.decide(name, facts(caller)).permitted:
            assert policy.decide(name, facts(more)).permitted


def narrowed(data: st.DataObject, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Narrow one rule's conditions, or cut rules off at the end. Names stay: a name less may uncover a wider rule."""
    rules = [dict(rule) for rule in rules]
    number = data.draw(st.integers(0, len(rules) - 1))
    rule = rules[number]
    ways = ["cut"] if number else []
    if "anyone" in rule:
        ways.append("somebody")
    else:
        ways += ["bind", "age", *(["citizen"] if "nationality" in rule else [])]
        ways += [key for key in ("nationality", "citizenship") if len(rule.get(key, ())) > 1]
    way = data.draw(st.sampled_from(ways))
    if way == "cut":
        return rules[:number]
    if way == "somebody":
        del rule["anyone"]
        rule["nationality"] = data.draw(country_lists)
    elif way == "bind":
        rule["binding"] = "dpop"
    elif way == "age":
        rule["max_admission_age_s"] = data.draw(st.integers(1, rule.get("max_admission_age_s", 1_000)))
    elif way == "citizen":
        rule["citizenship"] = rule.pop("nationality")
    else:
        rule[way] = rule[way][1:]
    return rules


@given(policies, st.data())
def test_narrowing_a_policy_never_widens_access(rules: list[dict[str, Any]], data: st.DataObject) -> None:
    rules, wide = reachable_part(rules)
    narrow = AdmissionPolicy.from_toml(toml(narrowed(data, rules)))
    for name in data.draw(st.lists(names, min_size=1, max_size=6)):
        for caller in data.draw(st.lists(facts_of_callers, min_size=1, max_size=6)):
            if narrow.decide(name, facts(caller)).permitted:
                assert wide.decide(name, facts(caller)).permitted


# --- a rule that can never be reached ---

# Over {a, b, /} alone "a*", "b*", "/*" would hide "*" but for the empty name, although other names are there in the
# world. With one letter that no pattern has, all names up to the length of the pattern tell the whole truth: put it in
# the place of every `*`, and what matches the name matches the pattern.
FRESH_LETTER = "z"
ALL_NAMES = ["".join(name) for length in range(7) for name in itertools.product("ab/" + FRESH_LETTER, repeat=length)]


def hidden(rules: list[dict[str, Any]]) -> int | None:
    """Return the number of the first rule with a name all of whose resources earlier rules take, by brute force."""
    for number, rule in enumerate(rules, 1):
        earlier = [pattern for before in rules[: number - 1] for pattern in names_of(before)]
        for pattern in names_of(rule):
            reached = (name for name in ALL_NAMES if slow_matches(pattern, name))
            if all(any(slow_matches(other, name) for other in earlier) for name in reached):
                return number
    return None


@given(st.lists(st.lists(patterns, min_size=1, max_size=2, unique=True), min_size=2, max_size=4))
@example([["a*"], ["b*"], ["/*"], ["*"]])
@example([["*a", "*b"], ["a*b"]])
@example([["*"], ["a"]])
@example([["a*b"], ["a*b"]])
@example([["a*"], ["a*b*"]])
@example([["*b"], ["a*b"]])
@example([["*a*"], ["b*a*b"]])
@example([["a*b"], ["a*"]])
@example([["ab"], ["a*"]])
@example([["*a*b*"], ["*b*a*"]])
def test_a_rule_that_cannot_be_reached_is_an_error_and_no_other_is(resources: list[list[str]]) -> None:
    rules: list[dict[str, Any]] = [{"resource": each, "anyone": True} for each in resources]
    number = hidden(rules)
    if number is None:
        assert AdmissionPolicy.from_toml(toml(rules)).rules[-1].number == len(rules)
    else:
        refused(toml(rules), f"policy.rule[{number}].resource")


@given(policies)
def test_every_rule_of_a_policy_decides_on_something(rules: list[dict[str, Any]]) -> None:
    rules, policy = reachable_part(rules)
    for rule in policy.rules:
        for pattern in rule.resources:
            assert policy.rule_for(pattern.replace("*", FRESH_LETTER)) is rule


def test_names_of_one_rule_may_overlap() -> None:
    policy = AdmissionPolicy.from_toml(toml([{"resource": ["a*", "ab", "*b"], "anyone": True}]))
    assert policy.rule_for("ab") is policy.rules[0]


# --- policies that are refused ---


def refused(text: Any, where: str) -> None:
    with pytest.raises(CitizenIDError) as caught:
        AdmissionPolicy.from_toml(text)
    error = caught.value
    assert (error.reason, error.step, error.where) == (Reason.POLICY_INVALID, "configuration", where)
    assert error.__context__ is None
    assert error.__cause__ is None


GOOD = 'version = 1\n[[rule]]\nresource = "a"\nanyone = true\n'
RULE = "[[rule]]\nresource = 'a'\n"


@pytest.mark.parametrize(
    "text",
    [
        None,
        5,
        b"version = 1",
        "version",
        "version = 1 = 1",
        "version = 1\nversion = 1",
        GOOD + "\ud800",
        "\ufeff" + GOOD,
        "x = " + "[" * 100_000,
        "x = " + "9" * 5_000,
        "x = 2026-02-30",
        GOOD + "#" * 1_048_576,
    ],
    ids=lambda text: repr(text)[:20],
)
def test_what_is_no_toml_is_refused(text: Any) -> None:
    refused(text, "policy")


@pytest.mark.parametrize(
    "version",
    ["", "version = 0\n", "version = 2\n", "version = 1.0\n", "version = true\n", 'version = "1"\n', "version = [1]\n"],
)
def test_the_version_is_one(version: str) -> None:
    refused(version + GOOD.partition("\n")[2], "policy.version")


@pytest.mark.parametrize(
    "text",
    [
        "version = 1",
        "version = 1\nrule = []",
        "version = 1\nrule = {}",
        "version = 1\nrule = 5",
        "version = 1\n[rule]\nresource = 'a'\nanyone = true",
        "version = 1\ndefault = 'allow'\n" + GOOD.partition("\n")[2],
        GOOD + "[[rules]]\nresource = 'b'\nanyone = true",
        "version = 1\nrules = []\n",
    ],
)
def test_a_policy_has_rules_and_nothing_else(text: str) -> None:
    refused(text, "policy.rule")


@pytest.mark.parametrize("table", ["5", "'a'", "[]", "true", "{}"])
def test_a_rule_is_a_table(table: str) -> None:
    refused(f"version = 1\nrule = [{table}]", "policy.rule[1]" + (".resource" if table == "{}" else ""))


@pytest.mark.parametrize(
    "key", ["citizenships", "nationalities", "Citizenship", "deny", "not_nationality", "resources", "name", '""']
)
def test_an_unknown_key_is_refused(key: str) -> None:
    refused(GOOD + f"[[rule]]\nresource = 'b'\nnationality = ['US']\n{key} = ['US']", "policy.rule[2]")


@pytest.mark.parametrize(
    "resource",
    [
        "",
        "resource = ''",
        "resource = []",
        "resource = 5",
        "resource = true",
        "resource = {}",
        "resource = ['a', 5]",
        "resource = ['a', '']",
        "resource = ['a', 'a']",
        "resource = [['a']]",
        "resource = '**'",
        "resource = 'a**b'",
        'resource = "a\\n"',
        'resource = "a\\u0000"',
        'resource = "a\\u200b"',
        "resource = '" + "a" * 513 + "'",
    ],
    ids=lambda text: text[:30],
)
def test_resources_are_names_and_patterns(resource: str) -> None:
    refused(f"version = 1\n[[rule]]\n{resource}\nanyone = true", "policy.rule[1].resource")


@pytest.mark.parametrize(
    "conditions",
    [
        "",
        "anyone = true\nnationality = ['US']",
        "anyone = true\ncitizenship = ['US']",
        "nationality = ['US']\ncitizenship = ['US']",
        "anyone = true\nnationality = ['US']\ncitizenship = ['US']",
        "binding = 'dpop'",
    ],
)
def test_a_rule_has_exactly_one_condition(conditions: str) -> None:
    refused("version = 1\n" + RULE + conditions, "policy.rule[1]")


@pytest.mark.parametrize(
    "text",
    [
        "anyone = false",
        "anyone = 1",
        "anyone = 'true'",
        "anyone = []",
        "anyone = true\nbinding = 'dpop'",
        "anyone = true\nbinding = 'bearer'",
        "anyone = true\nmax_admission_age_s = 60",
    ],
)
def test_anyone_is_true_and_stands_alone(text: str) -> None:
    refused("version = 1\n" + RULE + text, "policy.rule[1].anyone")


BAD_COUNTRIES = [
    "[]",
    "'US'",
    "5",
    "true",
    "{}",
    "['us']",
    "['Us']",
    "[' US']",
    "['US ']",
    '["US\\n"]',
    "['USA']",
    "['840']",
    "['']",
    "['*']",
    "[5]",
    "[true]",
    "[['US']]",
    "['US', 'US']",
    "['US', '??']",
    "['US', 5]",
    "['UK']",
    "['EL']",
    "['EU']",
    "['SU']",
    "['YU']",
    "['XK']",
    "['ZZ']",
    "['AA']",
    "['QU']",
    "['QS']",
    "['XXA']",
    "['D\u0415']",  # Cyrillic
    "['\uff24\uff25']",  # full width
    "['D\u0130']",
    "['D\u00adE']",
    "['DE\u200b']",
]


@pytest.mark.parametrize("countries", BAD_COUNTRIES)
@pytest.mark.parametrize("condition", ["citizenship", "nationality"])
def test_countries_are_distinct_codes_of_iso_3166(condition: str, countries: str) -> None:
    refused("version = 1\n" + RULE + f"{condition} = {countries}", f"policy.rule[1].{condition}")


@pytest.mark.parametrize("binding", ["''", "'DPOP'", "'tls'", "'none'", "5", "true", "['dpop']", "{}"])
def test_a_binding_is_one_of_four(binding: str) -> None:
    refused("version = 1\n" + RULE + f"nationality = ['US']\nbinding = {binding}", "policy.rule[1].binding")


@pytest.mark.parametrize("age", ["0", "-1", "1.0", "inf", "true", "'60'", "[60]", "00:01:00"])
def test_an_age_is_a_positive_integer(age: str) -> None:
    refused(
        "version = 1\n" + RULE + f"nationality = ['US']\nmax_admission_age_s = {age}",
        "policy.rule[1].max_admission_age_s",
    )


def test_the_number_of_the_rule_is_named() -> None:
    rules: list[dict[str, Any]] = [{"resource": f"r{number}", "nationality": ["US"]} for number in range(12)]
    rules[10]["nationality"] = ["XX"]
    refused(toml(rules), "policy.rule[11].nationality")


@given(st.text() | st.text("version=1[rule]\n'\"a* \tU", max_size=60).map(GOOD.__add__))
def test_any_text_is_a_policy_or_refused(text: str) -> None:
    try:
        policy = AdmissionPolicy.from_toml(text)
    except CitizenIDError as error:
        assert error.reason is Reason.POLICY_INVALID
    else:
        assert policy.rules


def test_rules_that_contradict_each_other_are_no_policy_by_any_way() -> None:
    (rule,) = AdmissionPolicy.from_toml(GOOD).rules
    assert AdmissionPolicy([rule]).rules == (rule,)
    for rules, where in (
        ([rule, replace(rule, number=2)], "policy.rule[2].resource"),
        ([replace(rule, not_before=5, not_after=5)], "policy.rule[1].not_after"),
    ):
        with pytest.raises(CitizenIDError) as caught:
            AdmissionPolicy(rules)
        assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, where)
        assert caught.value.__context__ is None
        assert caught.value.line == rule.line is not None  # what was read keeps its line
        with pytest.raises(CitizenIDError) as caught:
            AdmissionPolicy([replace(each, line=None) for each in rules])
        assert (caught.value.where, caught.value.line) == (where, None)


def test_a_rule_has_the_number_of_its_place_by_any_way() -> None:
    # Two rules of one number would stand for each other in a decision, in the log, and in what a 401 asks for.
    (rule,) = AdmissionPolicy.from_toml(GOOD).rules
    other = replace(rule, resources=("another",))
    for numbers in ((1, 1), (2, 1), (1, 3), (2, 3)):
        with pytest.raises(CitizenIDError) as caught:
            AdmissionPolicy([replace(rule, number=numbers[0]), replace(other, number=numbers[1])])
        assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, "policy.rule")
    assert AdmissionPolicy([rule, replace(other, number=2)]).rule_for("another") == replace(other, number=2)


def test_a_type_that_has_no_utf8_is_no_part_of_a_rule() -> None:
    # A gateway hashes the types of its rules when it takes a policy.
    rule = Rule(1, ("a",), False, frozenset({Country("US")}), False, Binding.DPOP, None)
    assert replace(rule, types=frozenset({"\U0001f600", ""})).types == {"\U0001f600", ""}
    with pytest.raises(CitizenIDError) as caught:
        replace(rule, types=frozenset({"urn:fine", "\ud83d"}))
    assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, "policy.rule")
    assert caught.value.__context__ is None


def test_a_policy_is_an_immutable_value() -> None:
    # What was set would be read by some and asked by nobody: a rule that is gone would still decide.
    policy = AdmissionPolicy.from_toml(GOOD)
    digest, rules = policy.digest, policy.rules
    for name in ("rules", "digest", "permits_bearer", "needs_now", "needs_region", "types", "assurances", "extra"):
        with pytest.raises(AttributeError):
            setattr(policy, name, ())
        with pytest.raises(AttributeError):
            delattr(policy, name)
    assert (policy.digest, policy.rules) == (digest, rules)
    assert copy.copy(policy).digest == copy.deepcopy(policy).digest == digest


@pytest.mark.parametrize("rules", [[], None, 5, "rule", GOOD, b"rule", ["rule"], [None], [{"resource": "x"}], Rule])
def test_rules_may_not_be_empty_or_something_else_by_any_way(rules: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        AdmissionPolicy(rules)
    assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, "policy.rule")
    assert caught.value.__context__ is None


# --- defaults, and what cannot be misused ---


def test_what_is_left_out_is_strict() -> None:
    (rule,) = AdmissionPolicy.from_toml(toml([{"resource": "a", "nationality": ["US"]}])).rules
    us = frozenset({Country("US")})
    assert rule == Rule(1, ("a",), False, us, False, Binding.DPOP, None)
    assert rule.judge(Facts(us, us, Binding.BEARER, 0)) == Verdict(Reason.BINDING_TOO_WEAK, 1)


def test_permits_bearer_says_whether_a_bearer_ticket_serves_at_all() -> None:
    for text, expected in [
        ("nationality = ['US']", False),
        ("nationality = ['US']\nbinding = 'bearer'", True),
        ("anyone = true", False),
    ]:
        assert AdmissionPolicy.from_toml("version = 1\n" + RULE + text).permits_bearer is expected


def test_a_verdict_has_no_truth_value() -> None:
    for verdict in (Verdict(None, 1), Verdict(Reason.BINDING_TOO_WEAK, 1)):
        with pytest.raises(TypeError):
            bool(verdict)


def test_a_policy_does_not_change() -> None:
    policy = AdmissionPolicy.from_toml(GOOD)
    with pytest.raises(AttributeError):
        policy.other = 1  # type: ignore[attr-defined]  # the point
    with pytest.raises(AttributeError):
        policy.rules[0].anyone = False  # type: ignore[misc]  # the point
    assert repr(policy) == "<AdmissionPolicy of 1 rules>"


# --- what follows for a credential that looks shared ---


@pytest.mark.parametrize("response", SharingResponse)
def test_a_rule_says_what_follows_for_a_credential_that_looks_shared(response: SharingResponse) -> None:
    (rule,) = one_rule(f'nationality = ["US"]\nsharing = "{response}"').rules
    assert rule.sharing is response


def test_left_out_it_is_a_step_up() -> None:
    (rule,) = one_rule('nationality = ["US"]').rules
    assert rule.sharing is SharingResponse.STEP_UP


@pytest.mark.parametrize("key", ["sharing", "store_down"])
@pytest.mark.parametrize("value", ['"Refuse"', '"stepup"', '""', "true", "1", '["mark"]'])
def test_anything_else_is_an_error_of_its_line(key: str, value: str) -> None:
    with pytest.raises(CitizenIDError) as caught:
        one_rule(f'nationality = ["US"]\n{key} = {value}')
    error = caught.value
    assert (error.reason, error.where, error.line) == (Reason.POLICY_INVALID, f"policy.rule[1].{key}", 5)


def test_who_is_asked_nothing_cannot_share_anything() -> None:
    with pytest.raises(CitizenIDError) as caught:
        one_rule('anyone = true\nsharing = "mark"')
    assert caught.value.reason is Reason.POLICY_INVALID
    with pytest.raises(CitizenIDError):
        one_rule('anyone = true\nstore_down = "local"')


@pytest.mark.parametrize("choice", StoreDown)
def test_a_rule_says_what_counts_while_the_store_of_the_fleet_is_down(choice: StoreDown) -> None:
    (rule,) = one_rule(f'nationality = ["US"]\nstore_down = "{choice}"').rules
    assert rule.store_down is choice
    (rule,) = one_rule('nationality = ["US"]').rules
    assert rule.store_down is StoreDown.REFUSE


# --- the digest ---


def one_rule(lines: str) -> AdmissionPolicy:
    return AdmissionPolicy.from_toml(f'version = 1\n[[rule]]\nresource = "x"\n{lines}')


DIFFERENT = [
    'nationality = ["US"]',
    'nationality = ["DE"]',
    'nationality = ["DE", "US"]',
    'citizenship = ["US"]',
    "anyone = true",
    'anyone = true\nnone_of = ["US"]',
    'nationality = ["US"]\nsharing = "mark"',
    'nationality = ["US"]\nstore_down = "local"',
    'nationality = ["US"]\nbinding = "mtls"',
    'nationality = ["US"]\nmax_admission_age_s = 1',
    'nationality = ["US"]\nmax_status_age_s = 1',
    'nationality = ["US"]\nissuers = ["a"]',
    'nationality = ["US"]\ntypes = ["a"]',
    'nationality = ["US"]\nformats = ["mso_mdoc"]',
    'nationality = ["US"]\nassurance = { eidas = "high" }',
    'nationality = ["US"]\nregion = "a"',
    'nationality = ["US"]\nregion = ["a", "b"]',
    'nationality = ["US"]\nnot_before = 2026-01-01T00:00:00Z',
    'nationality = ["US"]\nnot_after = 2026-01-01T00:00:00Z',
]


def test_policies_that_say_something_else_have_another_digest() -> None:
    digests = {one_rule(lines).digest for lines in DIFFERENT}
    assert len(digests) == len(DIFFERENT)
    assert {len(digest) for digest in digests} == {32}


def test_the_text_does_not_count_but_what_it_says() -> None:
    spread = "# a comment\n\nversion = 1\n\n[[rule]]\nnationality = ['US', 'DE']\nresource = ['x']\nbinding = 'dpop'\n"
    assert AdmissionPolicy.from_toml(spread).digest == one_rule('nationality = ["DE", "US"]').digest


def test_the_order_of_rules_counts() -> None:
    rules = ['[[rule]]\nresource = "a"\nnationality = ["US"]\n', '[[rule]]\nresource = "b"\nnationality = ["DE"]\n']
    one, other = (AdmissionPolicy.from_toml("version = 1\n" + "".join(order)) for order in (rules, rules[::-1]))
    assert one.digest != other.digest


def test_the_digest_is_the_same_in_every_process() -> None:
    # A fleet compares it, and an auditor years later: it must not depend on how this process orders sets.
    expected = "1d9bcc8123854f4b7d0e1e6892f3fd12c43a1460710da847fa9033b913e647b9"
    assert one_rule('nationality = ["US", "DE", "FR"]').digest.hex() == expected


@pytest.mark.parametrize(
    ("resource", "word"), [("a", "a"), ("b/c", "b/*"), ("b/", "b/*"), ("c", None), ("a*", "a*"), ("axy", "a*")]
)
def test_a_rule_has_a_word_of_its_own_for_what_is_asked(resource: str, word: str | None) -> None:
    text = 'version = 1\n[[rule]]\nresource = ["a", "b/*", "a*"]\nnationality = ["US"]'
    (rule,) = AdmissionPolicy.from_toml(text).rules
    assert rule.named(resource) == word
