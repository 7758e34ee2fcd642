"""Policies that are refused for their new keys, contradictions and rules out of reach, and where each error stands.

Whether a rule can be reached is compared with all short names, regions and moments there are.

Spec: specs/policy.md sections 1 and 5.
"""

from __future__ import annotations

import itertools
import json
import tomllib
from datetime import UTC, datetime
from typing import Any

import builders_policy as p
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid import CitizenIDError, Reason
from citizenid.countries import Country
from citizenid.policy import AdmissionPolicy, Finding, lint
from citizenid.policy._lines import has_long_key, line_at, lines_of
from citizenid.policy._lint import _MAX_LIMITED, _MAX_PATTERNS
from citizenid.policy._patterns import MAX_REGIONS

HEAD = "version = 1\n[[rule]]\nresource = 'a'\n"


def refused(text: str, where: str, line: int | None) -> None:
    """Expect the first error at a place and line, and the same among all of them."""
    with pytest.raises(CitizenIDError) as caught:
        AdmissionPolicy.from_toml(text)
    error = caught.value
    assert (error.reason, error.where, error.line) == (Reason.POLICY_INVALID, where, line)
    assert type(error) is CitizenIDError
    assert error.__context__ is None and error.__cause__ is None
    assert str(error) == f"policy_invalid (configuration) at {where}" + ("" if line is None else f" line {line}")
    assert (line, where) in {finding[:2] for finding in lint(text)}


# --- keys ---

TEXTS = ["5", "true", "'one'", "[]", "{}", "['one', 'one']", "['']", "[5]", "[['one']]", "['one', 5]"]


@pytest.mark.parametrize("key", ["issuers", "formats", "types"])
@pytest.mark.parametrize("value", [*TEXTS, json.dumps(["a" * 513]), json.dumps(list(map(str, range(257))))])
def test_lists_hold_distinct_texts(key: str, value: str) -> None:
    refused(HEAD + f"nationality = ['DE']\n{key} = {value}", f"policy.rule[1].{key}", 5)


@pytest.mark.parametrize("value", [json.dumps(["a" * 512]), json.dumps(list(map(str, range(256))))])
def test_lists_are_taken_up_to_their_bounds(value: str) -> None:
    assert lint(HEAD + f"nationality = ['DE']\nissuers = {value}\ntypes = {value}") == ()
    levels = json.dumps([f"{number:064}" for number in range(16)])
    assert lint(f"version = 1\n[assurance.{'f' * 64}]\nlevels = {levels}\n" + HEAD[12:] + "anyone = true") == ()


@pytest.mark.parametrize("value", ["['sd_cwt']", "['dc+sd-jwt', 'MSO_MDOC']", "['vc+sd-jwt']", "['SD_JWT_VC']"])
def test_a_format_is_one_that_is_read_here(value: str) -> None:
    refused(HEAD + f"nationality = ['DE']\nformats = {value}", "policy.rule[1].formats", 5)


@pytest.mark.parametrize("key", ["max_credential_age_s", "max_evidence_age_s", "max_status_age_s"])
@pytest.mark.parametrize("age", ["0", "-1", "1.0", "inf", "nan", "true", "'60'", "[60]", "00:01:00"])
def test_an_age_is_a_positive_integer(key: str, age: str) -> None:
    refused(HEAD + f"nationality = ['US']\n{key} = {age}", f"policy.rule[1].{key}", 5)


@pytest.mark.parametrize(
    "value",
    [
        "5",
        "'eidas'",
        "[]",
        "{}",
        "{ eidas = 'top' }",
        "{ eidas = 5 }",
        "{ eidas = ['low'] }",
        "{ EIDAS = 'low' }",
        "{ eidas = 'low', other = 'low' }",
        "{ eidas = 'Low' }",
        "{ nist = '2' }",
        "{ '' = 'low' }",
    ],
)
def test_a_floor_of_assurance_is_a_known_level_of_a_known_framework(value: str) -> None:
    refused(HEAD + f"nationality = ['US']\nassurance = {value}", "policy.rule[1].assurance", 5)


@pytest.mark.parametrize(
    "table",
    [
        "x = 5",
        "[assurance.x]",
        "[assurance.x]\nlevels = []",
        "[assurance.x]\nlevels = 'low'",
        "[assurance]\nx = ['low']",
        "[assurance.x]\nlevels = ['a', 'a']",
        "[assurance.x]\nlevels = ['']",
        "[assurance.x]\nlevels = [5]",
        "[assurance.x]\nlevels = ['a']\nother = 1",
        "[assurance.'']\nlevels = ['a']",
        f"[assurance.x]\nlevels = ['{'a' * 65}']",
        f"[assurance.{'x' * 65}]\nlevels = ['a']",
        f"[assurance.x]\nlevels = {json.dumps(list(map(str, range(17))))}",
    ],
)
def test_a_framework_has_levels(table: str) -> None:
    text = table if table.startswith("[") else f"assurance = {table[4:]}"
    text = f"version = 1\n{text}\n[[rule]]\nresource = 'a'\nanyone = true"
    refused(text, "policy.assurance", 2 + text.startswith("version = 1\n[assurance]"))


@pytest.mark.parametrize("key", ["not_before", "not_after"])
@pytest.mark.parametrize(
    "moment",
    [
        "2026-07-01",
        "2026-07-01T00:00:00",
        "00:00:00",
        "'2026-07-01T00:00:00Z'",
        "1782864000",
        "true",
        "[]",
        "2026-07-01T00:00:00.5Z",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00+00:01",
    ],
)
def test_a_time_has_an_offset_and_whole_seconds(key: str, moment: str) -> None:
    refused(HEAD + f"anyone = true\n{key} = {moment}", f"policy.rule[1].{key}", 5)


@pytest.mark.parametrize(
    "moment", ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2026-07-01 00:00:00.000+02:00"]
)
def test_times_that_are_times(moment: str) -> None:
    (rule,) = AdmissionPolicy.from_toml(HEAD + f"anyone = true\nnot_before = {moment}").rules
    assert rule.not_before == int(datetime.fromisoformat(moment).timestamp())


@pytest.mark.parametrize(
    "region",
    [
        "''",
        "[]",
        "5",
        "{}",
        "['a', 5]",
        "['a', 'a']",
        "'**'",
        '"a\\n"',
        "'" + "a" * 513 + "'",
        json.dumps(list(map(str, range(257)))),
    ],
    ids=lambda text: text[:20],
)
def test_regions_are_names_and_patterns(region: str) -> None:
    refused(HEAD + f"anyone = true\nregion = {region}", "policy.rule[1].region", 5)


@pytest.mark.parametrize("codes", ["[]", "'US'", "['us']", "['USA']", "['US', 'US']", "['QU']", "['XX', 'US']", "[5]"])
def test_who_is_excluded_is_a_list_of_countries(codes: str) -> None:
    refused(HEAD + f"anyone = true\nnone_of = {codes}", "policy.rule[1].none_of", 5)


@pytest.mark.parametrize(
    "line",
    [
        "binding = 'dpop'",
        "issuers = ['one']",
        "formats = ['mso_mdoc']",
        "types = ['t']",
        "assurance = {eidas = 'low'}",
        "max_admission_age_s = 5",
        "max_credential_age_s = 5",
        "max_evidence_age_s = 5",
        "max_status_age_s = 5",
    ],
)
def test_where_anyone_is_let_in_nothing_else_can_be_asked(line: str) -> None:
    refused(HEAD + f"{line}\nanyone = true", "policy.rule[1].anyone", 5)
    (rule,) = AdmissionPolicy.from_toml(HEAD + f"{line}\nanyone = true\nnone_of = ['US']").rules
    assert not rule.anyone
    AdmissionPolicy.from_toml(HEAD + "anyone = true\nregion = 'x'\nnot_after = 2026-07-01T00:00:00Z")


# --- contradictions ---


@pytest.mark.parametrize(
    ("lines", "key", "line"),
    [
        ("anyone = true\nnot_before = 2026-07-01T00:00:00Z\nnot_after = 2026-07-01T00:00:00Z", "not_after", 6),
        ("anyone = true\nnot_after = 2026-07-01T00:00:00Z\nnot_before = 2026-07-01T02:00:00+01:00", "not_after", 5),
        ("nationality = ['US']\nnone_of = ['US']", "none_of", 5),
        ("none_of = ['DE', 'US']\ncitizenship = ['FR', 'US']", "none_of", 4),
        ("anyone = true\nnone_of = " + json.dumps([country.alpha2 for country in Country.all()]), "none_of", 5),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(lines: str, key: str, line: int) -> None:
    refused(HEAD + lines, f"policy.rule[1].{key}", line)


def test_a_second_offset_is_the_same_moment() -> None:
    AdmissionPolicy.from_toml(
        HEAD + "anyone = true\nnot_before = 2026-07-01T02:00:00+02:00\nnot_after = 2026-07-01T00:00:01Z"
    )


# --- rules out of reach ---


def test_a_region_that_earlier_rules_take_whole_is_named() -> None:
    text = HEAD + "anyone = true\nregion = 'eu'\n[[rule]]\nresource = 'a'\nregion = ['eu', 'us']\nanyone = true"
    refused(text, "policy.rule[2].region", 8)
    AdmissionPolicy.from_toml(text.replace("['eu', 'us']", "'us'"))
    # It is reached where it has a name of its own.
    AdmissionPolicy.from_toml(text.replace("resource = 'a'\nregion = [", "resource = ['a', 'b']\nregion = ["))


# As in test_policy.py one letter that no pattern has makes short names tell the whole truth; likewise for regions.
NAMES = ["".join(name) for length in range(5) for name in itertools.product("abz", repeat=length)]
REGIONS = ["".join(name) for length in range(4) for name in itertools.product("ez", repeat=length)]
MOMENTS = (0, *range(999, 1_006), 10**12)
few_patterns = st.sampled_from(["a", "b", "*", "a*", "*b", "a*b", "ab", "*a*"])
few_regions = st.sampled_from(["e", "e*", "*", "*e", "z"])


@st.composite
def limited_rules(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {"resource": draw(st.lists(few_patterns, min_size=1, max_size=2, unique=True))}
    if draw(st.booleans()):
        rule["region"] = draw(st.lists(few_regions, min_size=1, max_size=2, unique=True))
    begin, end = draw(st.none() | p.moments), draw(st.none() | p.moments)
    if begin is not None and (end is None or begin < end):
        rule["not_before"] = datetime.fromtimestamp(begin, UTC)
    if end is not None and (begin is None or begin < end):
        rule["not_after"] = datetime.fromtimestamp(end, UTC)
    return {**rule, "anyone": True}


def exists(rule: dict[str, Any], region: str, now: int) -> bool:
    here = any(p.slow_matches(pattern, region) for pattern in rule.get("region", ["*"]))
    begun = "not_before" not in rule or rule["not_before"].timestamp() <= now
    return here and begun and ("not_after" not in rule or now < rule["not_after"].timestamp())


def unreachable(rules: list[dict[str, Any]]) -> set[tuple[int, str]]:
    """Return the rules with a name, or else a region, by which they decide nothing; by brute force."""
    found = set()
    for number, rule in enumerate(rules, 1):
        free = [
            (name, region, now)
            for region in REGIONS
            for now in MOMENTS
            if exists(rule, region, now)
            for name in NAMES
            if not any(
                exists(other, region, now) and any(p.slow_matches(each, name) for each in other["resource"])
                for other in rules[: number - 1]
            )
        ]
        if not all(any(p.slow_matches(each, name) for name, _, _ in free) for each in rule["resource"]):
            found.add((number, "resource"))
        # Of a region it counts whether it decides by any of the rule's own names.
        own = [region for name, region, _ in free if any(p.slow_matches(each, name) for each in rule["resource"])]
        reached = [any(p.slow_matches(each, region) for region in own) for each in rule.get("region", [])]
        if not all(reached) and (number, "resource") not in found:
            found.add((number, "region"))
    return found


@given(st.lists(limited_rules(), min_size=2, max_size=3))
@example(
    [
        {"resource": ["a"], "anyone": True, "not_after": datetime.fromtimestamp(1_002, UTC)},
        {"resource": ["a"], "anyone": True, "not_before": datetime.fromtimestamp(1_002, UTC)},
        {"resource": ["a"], "anyone": True},
    ]
)
@example(
    [
        {"resource": ["a"], "anyone": True, "not_after": datetime.fromtimestamp(1_002, UTC)},
        {"resource": ["a"], "anyone": True, "not_before": datetime.fromtimestamp(1_003, UTC)},
        {"resource": ["a"], "anyone": True},
    ]
)
@example(
    [
        {"resource": ["*"], "anyone": True, "region": ["e*"]},
        {"resource": ["a"], "anyone": True, "region": ["z", "*e"]},
        {"resource": ["a", "b"], "anyone": True, "region": ["e", "z"]},
    ]
)
def test_a_rule_is_out_of_reach_exactly_when_no_name_region_and_moment_reaches_it(rules: list[dict[str, Any]]) -> None:
    found = {finding.where for finding in lint(p.toml(rules))}
    assert found == {f"policy.rule[{number}].{key}" for number, key in unreachable(rules)}


def test_a_narrow_rule_for_a_month_hides_nothing() -> None:
    text = """version = 1
[[rule]]
resource = "a"
nationality = ["DE"]
not_before = 2026-07-01T00:00:00Z
not_after = 2026-08-01T00:00:00Z
[[rule]]
resource = "a"
anyone = true
"""
    assert lint(text) == ()
    assert len(AdmissionPolicy.from_toml(text).rules) == 2


def test_rules_for_a_region_or_a_time_have_a_bound() -> None:
    rules = [{"resource": f"r{number}", "anyone": True, "region": "x"} for number in range(_MAX_LIMITED)]
    plain = [{"resource": f"p{number}", "anyone": True} for number in range(10)]
    assert len(AdmissionPolicy.from_toml(p.toml([*rules, *plain])).rules) == _MAX_LIMITED + 10
    text = p.toml([*rules, {"resource": "one", "anyone": True, "region": "x"}])
    refused(text, f"policy.rule[{_MAX_LIMITED + 1}].resource", 2 + 4 * _MAX_LIMITED + 1)


# --- all errors, each with its line ---

WRONG = '''# a policy with an error in each rule
version = 1

[[rule]]                       # [[rule]] in a comment is none
resource = "a"
citizen = ["US"]               # a typo, and so no condition

[[rule]]
resource = """b
[[rule]]
c"""
anyone = true

[[rule]]
resource = [
    "d",   # "]"
    'e',
]
citizenship = [
    "USA",
]

[[rule]]
resource = "f"
anyone = true
[rule.assurance]
eidas = "top"

[[rule]]
resource = 'a*'
nationality = ["GER"]
binding.x = 'depop'
max_age_s = 60

[[rules]]
resource = "g"
'''


def test_all_errors_are_listed_with_their_lines() -> None:
    found = [finding[:2] for finding in lint(WRONG)]
    assert found == [
        (4, "policy.rule[1]"),
        (6, "policy.rule[1]"),
        (9, "policy.rule[2].resource"),
        (19, "policy.rule[3].citizenship"),
        (25, "policy.rule[4].anyone"),
        (26, "policy.rule[4].assurance"),
        (31, "policy.rule[5].nationality"),
        (32, "policy.rule[5].binding"),
        (33, "policy.rule[5]"),
        (35, "policy.rule"),
    ]
    refused(WRONG, "policy.rule", 35)  # keys at the top are looked at first


DE = "nationality = ['DE']\n"  # on line 4 of a text that begins with HEAD


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version = ", (1, "policy", "this is not TOML")),
        ("version = 2\n" + HEAD[12:] + "anyone = true", (1, "policy.version", "version must be the integer 1")),
        ("version = 1\nrule = []", (2, "policy.rule", "rule must be an array of at least one table")),
        ("version = 1\nrule = [1]", (2, "policy.rule[1]", "a rule must be a table")),
        ("assurance = 1\n" + HEAD + DE, (1, "policy.assurance", "assurance must be a table of frameworks")),
        (
            HEAD + DE + "[assurance.x]\nlevels = []",
            (
                5,
                "policy.assurance",
                "a framework must have levels, distinct texts from the weakest on, and nothing else",
            ),
        ),
        (
            HEAD + "not_before = 2026-07-01T00:00:00Z",
            (2, "policy.rule[1]", "a rule must have one of citizenship, nationality and anyone, and not two of them"),
        ),
        (HEAD + "anyone = 1", (4, "policy.rule[1].anyone", "anyone must be true")),
        (
            HEAD + "anyone = true\nformats = ['mso_mdoc']",
            (4, "policy.rule[1].anyone", "with anyone = true nothing is presented, and nothing else can be asked"),
        ),
        (HEAD + DE + "sharing = 1", (5, "policy.rule[1].sharing", "sharing must be one of mark, step_up, refuse")),
        (HEAD + DE + "store_down = 1", (5, "policy.rule[1].store_down", "store_down must be one of refuse, local")),
        (
            "version = 1\n[[rule]]\nanyone = true",
            (2, "policy.rule[1].resource", "resource must be a name or a list of distinct names"),
        ),
        (
            HEAD + DE + "region = ['x', 'x']",
            (5, "policy.rule[1].region", "region must be a name or a list of distinct names"),
        ),
        (
            HEAD + DE + f"region = {[str(number) for number in range(MAX_REGIONS + 1)]}",
            (5, "policy.rule[1].region", f"at most {MAX_REGIONS} regions"),
        ),
        (
            HEAD + DE + "region = ''",
            (5, "policy.rule[1].region", "a name has 1 to 512 printable characters and no **"),
        ),
        (
            HEAD + "citizenship = 'DE'",
            (4, "policy.rule[1].citizenship", "citizenship must be a list of ISO 3166-1 alpha-2 codes"),
        ),
        (HEAD + "nationality = ['DE', 'DE']", (4, "policy.rule[1].nationality", "a country stands there twice")),
        (
            HEAD + DE + "max_status_age_s = 0",
            (5, "policy.rule[1].max_status_age_s", "max_status_age_s must be a positive integer of seconds"),
        ),
        (HEAD + DE + "types = [1]", (5, "policy.rule[1].types", "types must be a list of distinct texts")),
        (
            HEAD + DE + "assurance = 1",
            (5, "policy.rule[1].assurance", "assurance must be a table of a framework and its least level"),
        ),
        (
            HEAD + DE + "not_after = 2026-07-01",
            (
                5,
                "policy.rule[1].not_after",
                "not_after must be a date and time with its offset, such as 2026-07-01T00:00:00Z",
            ),
        ),
        (
            HEAD + DE + "not_after = 1969-12-31T23:59:59Z",
            (5, "policy.rule[1].not_after", "not_after must not lie before 1970"),
        ),
        (
            HEAD + DE + "not_before = 2026-07-02T00:00:00Z\nnot_after = 2026-07-01T00:00:00Z",
            (6, "policy.rule[1].not_after", "the rule ends before it begins"),
        ),
        (HEAD + DE + "none_of = ['DE']", (5, "policy.rule[1].none_of", "a country is asked for and excluded")),
        (
            HEAD + f"anyone = true\nnone_of = {sorted(country.alpha2 for country in Country.all())}",
            (5, "policy.rule[1].none_of", "every country is excluded"),
        ),
        (
            HEAD + DE + HEAD[12:] + DE,
            (6, "policy.rule[2].resource", "unreachable: earlier rules take all of a name"),
        ),
        (
            HEAD + DE + "region = 'x'\n" + HEAD[12:] + DE + "region = ['y', 'x']",
            (9, "policy.rule[2].region", "unreachable: earlier rules take all of a region"),
        ),
    ],
)
def test_an_error_is_told_in_words_for_whoever_wrote_it(text: str, expected: tuple[int, str, str]) -> None:
    assert lint(text) == (Finding(*expected),)


def test_a_framework_without_levels_is_one_error_and_its_rules_have_their_own() -> None:
    text = HEAD + DE + "assurance = { x = 'a' }\n[assurance.x]\nlevels = ['a']"
    assert lint(text) == ()
    assert [finding[:2] for finding in lint(text.replace("['a']", "[]"))] == [
        (5, "policy.rule[1].assurance"),
        (6, "policy.assurance"),
    ]


def test_each_framework_of_a_rule_has_its_own_error() -> None:
    found = lint(HEAD + DE + "assurance = { zz = 'low', eidas = 'zzz', yy = 'low' }")
    assert [finding.message for finding in found] == ["unknown framework", "unknown level", "unknown framework"]


def test_the_first_second_of_all_is_a_moment() -> None:
    later = {"resource": "a", "anyone": True, "not_before": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}
    assert lint(p.toml([later, {"resource": "a", "anyone": True}])) == ()
    assert len(lint(p.toml([{**later, "not_before": datetime(1970, 1, 1, tzinfo=UTC)}, later]))) == 1


@pytest.mark.parametrize("region", ["XX*", "*XX", "X*X", "eu-*", "*-1", "*-*", "x"])
def test_no_pattern_but_the_star_takes_all_regions(region: str) -> None:
    there, everywhere = {"resource": "a", "anyone": True, "region": region}, {"resource": "a", "anyone": True}
    assert lint(p.toml([there, everywhere])) == ()
    assert len(lint(p.toml([{**there, "region": "*"}, everywhere]))) == 1


def test_too_many_patterns_are_told_in_words() -> None:
    rules = [{"resource": f"r{number:04}*", "anyone": True} for number in range(_MAX_PATTERNS + 1)]
    assert [finding.message for finding in lint(p.toml(rules))] == ["too many patterns"]
    assert lint(p.toml(rules[1:])) == ()


def test_what_stands_nowhere_is_said_first_and_of_one_line_what_was_met_first() -> None:
    assert [finding[:2] for finding in lint("x = 1")] == [
        (None, "policy.version"),
        (None, "policy.rule"),
        (1, "policy.rule"),
    ]
    assert [finding[:2] for finding in lint("version = 1\nrule = [{ resource = 1, anyone = false }]")] == [
        (2, "policy.rule[1].resource"),
        (2, "policy.rule[1].anyone"),
    ]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (HEAD + "citizensip = ['US']\nanyone = true", "citizenship"),
        (HEAD + "anyone = true\nregions = 'x'", "region"),
        (HEAD + "nationality = ['USA']", "US"),
        (HEAD + "nationality = ['FR', 'USA', 'DEU']", "US"),  # the first of them
        (HEAD + "nationality = ['de']", "DE"),
        (HEAD + "nationality = ['D']", "DE"),
        (HEAD + "nationality = ['DE']\nbinding = 'DPOP'", "dpop"),
        (HEAD + "nationality = ['DE']\nformats = ['dc+sdjwt']", "dc+sd-jwt"),
        (HEAD + "nationality = ['DE']\nassurance = { eIDAS = 'low' }", "eidas"),
        (HEAD + "nationality = ['DE']\nassurance = { eidas = 'High' }", "high"),
        ("version = 1\n[[rules]]\n" + HEAD[12:] + "anyone = true", "rule"),
        (HEAD + "nationality = ['DE', 'UK']", "GB"),  # as the European Union writes it
        (HEAD + "nationality = ['el']", "GR"),
    ],
)
def test_what_was_meant_is_suggested(text: str, meant: str) -> None:
    assert any(finding.message.endswith(f"(did you mean {meant}?)") for finding in lint(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "zzzzzzzz = 1\nanyone = true", "unknown key"),
        ("version = 1\nzzzzzzzz = 1\n" + HEAD[12:] + "anyone = true", "unknown key"),
        (HEAD + "nationality = ['ZZ']", "unknown country"),
        (HEAD + "nationality = ['ZZZZ']", "unknown country"),
        (HEAD + "nationality = [1]", "unknown country"),
        (HEAD + "nationality = ['DE']\nformats = ['zzzzzzzz']", "unknown format"),
        (HEAD + "nationality = ['DE']\nassurance = { zzzzzzzz = 'low' }", "unknown framework"),
        (HEAD + "nationality = ['DE']\nassurance = { eidas = 'zzzzzzzz' }", "unknown level"),
        (HEAD + f"{'n' * 100} = 1\nanyone = true", "unknown key"),
    ],
)
def test_what_is_like_nothing_that_is_known_gets_no_suggestion(text: str, said: str) -> None:
    assert [finding.message for finding in lint(text)] == [said]


def test_a_finding_holds_no_value_of_the_text() -> None:
    secret = "s3cr3t"
    text = f"version = 1\n{secret} = 1\n[[rule]]\nresource = '{secret}**'\n{secret} = '{secret}'\n"
    text += (
        f"citizenship = ['{secret}']\nbinding = '{secret}'\nformats = ['{secret}']\nassurance = {{ {secret} = 1 }}\n"
    )
    found = lint(text)
    assert len(found) >= 6
    assert secret not in repr(found)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("version = 1\n\n\nresource = = 1", 4),
        ("version = 1\n[[rule]]\nresource = 'a", 3),
        ("version = 1\nx = '''\n\n", 4),
        ("version = 1\nversion = 1\n", 2),
        (None, None),
        (b"version = 1", None),
        ("#" * 1_048_577, None),
        ("x = " + "9" * 5_000, None),
        ("x = " + "[" * 100_000, None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_toml_says_where_if_anybody_knows(text: Any, line: int | None) -> None:
    if line == 2:  # tomllib names the place behind the second key
        line = next(iter(lint(text)))[0]
        assert line in (2, 3)
    refused(text, "policy", line)
    assert len(lint(text)) == 1


@given(p.policies())
def test_a_policy_is_taken_exactly_when_nothing_is_found(rules: list[dict[str, Any]]) -> None:
    text = p.toml(rules)
    assert (lint(text) == ()) is (p.load(rules) is not None)
    for finding in lint(text):
        assert type(finding) is Finding and finding.message
        assert text.splitlines()[(finding.line or 0) - 1].startswith(finding.where.rpartition(".")[2])


@given(st.text() | st.text("version=1[rule]\n'\"a*# \t{},.U\\", max_size=80).map(HEAD.__add__))
def test_any_text_has_its_findings(text: str) -> None:
    found = lint(text)
    for finding in found:
        assert finding.line is None or 1 <= finding.line <= text.count("\n") + 1
    try:
        AdmissionPolicy.from_toml(text)
    except CitizenIDError as error:
        assert (error.line, error.where) in {finding[:2] for finding in found}
    else:
        assert found == ()


# --- lines ---

toml_values = st.sampled_from(
    [
        "1", "true", "'a # b'", '"a \\" ] = b"', "'''\n[[rule]]\n'''", '"""\nx = 1\n\\""" """',
        "[1,\n 2, # ]\n 3]", "{}",
        "[\n'[',\n\"]\"\n]", "{ a = 1, b = '}' }", "2026-07-01T00:00:00Z", '""', "''",
        "''''quoted''''", "[[1,\n2], [ ]]",
    ]
)  # fmt: skip
toml_keys = st.sampled_from(["a", "b-1", "'c d'", '"e.f"', "g . h", "'#'", "x.'y'.z"])
blanks = st.sampled_from(["", "\n", "# comment [[rule]]\n", "\n  # 'x\n\n", "\t\n"])


@given(
    st.lists(
        st.tuples(blanks, st.lists(st.tuples(toml_keys, toml_values, blanks), unique_by=lambda e: e[0])), max_size=4
    )
)
def test_the_line_of_every_table_and_key_is_the_one_where_it_begins(tables: list[Any]) -> None:
    text, expected = "", {}
    for number, (before, pairs) in enumerate(tables, 1):
        text += before
        expected["rule", number] = text.count("\n") + 1
        text += " [[ rule ]]  # here\n"
        for key, value, after in pairs:
            path = tuple(part.strip(" '\"") for part in ([key] if key == '"e.f"' else key.split(".")))
            expected["rule", number, *path] = text.count("\n") + 1
            text += f"  {key} = {value}{after if after.startswith('#') else ''}\n{after}"
    document = tomllib.loads(text)
    assert len(document.get("rule", [])) == len(tables)
    found = lines_of(text)
    for path, line in expected.items():
        assert found[path] == line
        assert line_at(found, (*path, "no such key")) == line
    assert line_at(found, ("nothing",)) is None


def test_what_stands_right_behind_brackets_and_values_is_stepped_over() -> None:
    text = "[a]#b = 1\n[[c]]#d = 1\ne=[1]#f = 1\ng='h'#i = 1\nj={k=1}\n[[c]]#l = [\nm=0"
    tomllib.loads(text)
    keys = [("a",), ("c",), ("c", 1), ("c", 1, "e"), ("c", 1, "g"), ("c", 1, "j"), ("c", 2), ("c", 2, "m")]
    assert lines_of(text) == dict(zip(keys, [1, 2, 2, 3, 4, 5, 6, 7], strict=True))


def test_tables_in_an_array_of_their_own_have_lines() -> None:
    text = "version = 1\nrule = [\n  { resource = 'a', anyone = true },\n  { resource = 'a',\n anyone = true },\n]"
    text = text.replace(",\n anyone", ", anyone")  # an inline table stands on one line
    refused(text, "policy.rule[2].resource", 4)
    assert [rule.line for rule in AdmissionPolicy.from_toml(text.replace("'a'", "'b'", 1)).rules] == [3, 4]


@given(st.text("[]{}'\"=.#\\\n ab", max_size=60))
@example("= 1\n.a.. = 2\n\\\n[]\n[[ ]]\n")  # where a key must stand there is none
@example("a = '''b")  # and a text that does not end
def test_the_scanner_ends_whatever_it_is_given(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in lines_of(text).values())


def test_the_parts_of_keys_are_counted_line_by_line() -> None:
    assert not has_long_key("a.b.c = 1\n" * 100)
    assert not has_long_key("a" + ".a" * 63 + " = 1") and has_long_key("a" + ".a" * 64 + " = 1")
    assert has_long_key("x = 1\n[" + "a." * 64 + "a]\ny = 2")
    for quoted in ('"{}"', "'{}'", '"""{}"""', "'''{}'''"):
        assert not has_long_key("x = " + quoted.format("a." * 100))
        assert has_long_key(f"{quoted.format('a')}" + ".a" * 64 + " = 1")
    assert not has_long_key("x = 1 # " + "a." * 100)
