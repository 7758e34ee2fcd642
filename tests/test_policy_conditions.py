"""Every key of a policy against a slow decider written from specs/policy.md, and what must hold whatever they say.

Spec: specs/policy.md sections 2 to 4; DESIGN section 7.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import builders_policy as p
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid import Assurance, CitizenIDError, Country, Format, Reason
from citizenid.gateway import Binding
from citizenid.policy import AdmissionPolicy, ConditionState, Facts, Rule, SharingResponse, StoreDown, Verdict

US, DE, FR = map(Country, p.CODES)
GOOD = Facts(
    frozenset({DE}),
    frozenset({DE}),
    Binding.DPOP,
    0,
    stated=frozenset({DE}),
    complete=True,
    issuer="one",
    format=Format.SD_JWT_VC,
    type="t",
    assurance=Assurance("eidas", "high"),
    credential_age_s=0,
    evidence_age_s=0,
    status_age_s=0,
    region="eu-1",
    now=1_000,
)


def rule_of(**keys: Any) -> AdmissionPolicy:
    """A policy of one rule about the resource "a"."""
    condition = {} if keys.keys() & {"citizenship", "nationality", "anyone"} else {"nationality": ["DE"]}
    return AdmissionPolicy.from_toml(p.toml([{"resource": "a", **condition, **keys}]))


def reason_of(policy: AdmissionPolicy, **changes: Any) -> Reason | None:
    return policy.decide("a", GOOD._replace(**changes)).reason


# --- against the slow decider ---


@given(p.policies(), st.lists(st.tuples(p.names, p.callers), min_size=1, max_size=20))
def test_the_policy_decides_as_its_words_do(
    rules: list[dict[str, Any]], asked: list[tuple[str, dict[str, Any]]]
) -> None:
    rules, policy = p.reachable_part(rules)
    for name, caller in asked:
        verdict = policy.decide(name, p.facts(caller))
        assert (verdict.rule, verdict.reason) == p.slow_decide(rules, name, caller)
        found = policy.rule_for(name, now=caller["now"], region=caller["region"])
        undecided = verdict.reason in (Reason.REGION_UNKNOWN, Reason.CLOCK_UNUSABLE)
        assert (found.number if found else 0) == (0 if undecided else verdict.rule)


@given(p.policies(), st.lists(st.tuples(p.names, p.callers), min_size=1, max_size=10))
def test_an_explanation_says_what_was_decided_and_why(
    rules: list[dict[str, Any]], asked: list[tuple[str, dict[str, Any]]]
) -> None:
    rules, policy = p.reachable_part(rules)
    for name, caller in asked:
        facts = p.facts(caller)
        explanation = policy.explain(name, facts)
        assert explanation.verdict == policy.decide(name, facts)
        assert bool(explanation.help) is not explanation.verdict.permitted
        states = [state for _, state in explanation.conditions]
        failed = [state for state in states if state in (ConditionState.NOT_MET, ConditionState.UNKNOWN)]
        if explanation.conditions:
            assert bool(failed) is not explanation.verdict.permitted
            # A rule that does not ask for something says so, and nothing else says it.
            rule = rules[explanation.verdict.rule - 1]
            asked_keys = {key for key, state in explanation.conditions if state is not ConditionState.NOT_ASKED}
            told = {"complete" if key == "anyone" else key for key in rule} & {
                each.key for each in explanation.conditions
            }
            assert asked_keys == told | {"binding"} | ({"complete"} if "none_of" in rule else set())
        for passed in explanation.passed_over:
            assert passed.key in rules[passed.rule - 1]
        assert str(explanation)


# --- each condition by itself ---


@pytest.mark.parametrize(
    ("keys", "good", "bad", "reason"),
    [
        ({"issuers": ["one"]}, ["one"], ["two", "", "One", None], Reason.CREDENTIAL_NOT_ACCEPTED),
        (
            {"formats": ["mso_mdoc"]},
            [Format.MDOC],
            [Format.SD_JWT_VC, Format.SD_CWT, None],
            Reason.CREDENTIAL_NOT_ACCEPTED,
        ),
        ({"types": ["t", "u"]}, ["t", "u"], ["v", "", "T", None], Reason.CREDENTIAL_NOT_ACCEPTED),
        ({"max_credential_age_s": 60}, [0, 60, -5], [61, 10**9, None, 60.0, True], Reason.CREDENTIAL_TOO_OLD),
        ({"max_evidence_age_s": 60}, [0, 60, -5], [61, 10**9, None, 60.0, True], Reason.EVIDENCE_TOO_OLD),
        ({"max_status_age_s": 60}, [0, 60, -5], [61, 10**9, None, float("nan")], Reason.STATUS_TOO_OLD),
        (
            {"max_admission_age_s": 60},
            [0, 60, -5],
            [61, 10**9, None, 60.0, True, float("nan")],
            Reason.ADMISSION_TOO_OLD,
        ),
    ],
)
def test_a_condition_takes_exactly_what_it_names(
    keys: dict[str, Any], good: list[Any], bad: list[Any], reason: Reason
) -> None:
    (key,) = keys
    fact = {"issuers": "issuer", "formats": "format", "types": "type"}.get(key, key.removeprefix("max_"))
    policy = rule_of(**keys)
    for value in good:
        assert reason_of(policy, **{fact: value}) is None
    for value in bad:
        assert reason_of(policy, **{fact: value}) is reason
        assert reason_of(rule_of(), **{fact: value}) is None  # what is not asked for has no effect


@pytest.mark.parametrize(
    ("floors", "reached"),
    [
        ({"eidas": "low"}, {("eidas", "low"), ("eidas", "substantial"), ("eidas", "high")}),
        ({"eidas": "high"}, {("eidas", "high")}),
        ({"nist": "IAL2"}, {("nist", "IAL2"), ("nist", "IAL3")}),
        ({"house": "good", "eidas": "high"}, {("house", "good"), ("eidas", "high")}),
    ],
)
def test_a_floor_of_assurance_takes_its_level_and_those_above(
    floors: dict[str, str], reached: set[tuple[str, str]]
) -> None:
    policy = rule_of(assurance=floors)
    assert policy.assurances == {Assurance(*each) for each in reached}
    stated = [(name, level) for name, levels in p.LEVELS.items() for level in levels]
    for each in [*stated, ("eidas", "High"), ("eIDAS", "high"), ("house", "high"), ("nist", "3")]:
        expected = None if each in reached else Reason.ASSURANCE_TOO_LOW
        assert reason_of(policy, assurance=Assurance(*each)) is expected
    assert reason_of(policy, assurance=None) is Reason.ASSURANCE_TOO_LOW


def test_a_framework_of_the_policy_takes_the_place_of_a_known_one() -> None:
    text = 'version = 1\n[assurance.eidas]\nlevels = ["high", "low"]\n[[rule]]\nresource = "a"\nnationality = ["DE"]\n'
    policy = AdmissionPolicy.from_toml(text + 'assurance = { eidas = "low" }')
    assert policy.assurances == {Assurance("eidas", "low")}


# --- who is excluded ---


@pytest.mark.parametrize("keys", [{"anyone": True}, {"nationality": ["DE"]}, {"citizenship": ["DE"]}])
def test_who_is_excluded(keys: dict[str, Any]) -> None:
    policy = rule_of(none_of=["US"], **keys)
    assert not policy.rules[0].anyone  # nobody gets through without a ticket
    assert reason_of(policy) is None
    both = frozenset({DE, US})
    for changes in (
        {"stated": both},  # also one that the anchor may not attest: its word counts against
        {"nationalities": both, "stated": frozenset({DE})},
        {"citizenships": both, "stated": frozenset({DE})},
    ):
        assert reason_of(policy, **changes) is Reason.CITIZENSHIP_NOT_PERMITTED
        assert reason_of(policy, **changes, complete=False) is Reason.CITIZENSHIP_NOT_PERMITTED
    assert reason_of(policy, complete=False) is Reason.COMPLETENESS_NOT_SHOWN
    assert reason_of(policy, complete=1) is Reason.COMPLETENESS_NOT_SHOWN  # nothing but true is true


def test_a_list_that_names_nobody_excludes_nobody() -> None:
    policy = rule_of(anyone=True, none_of=["US"])
    nothing: dict[str, Any] = dict.fromkeys(("nationalities", "citizenships", "stated"), frozenset())
    assert reason_of(policy, **nothing) is Reason.COMPLETENESS_NOT_SHOWN
    # Of another country, as far as is stated: that it is not proven makes him no citizen of an excluded one.
    for named in ("stated", "nationalities", "citizenships"):
        assert reason_of(policy, **(nothing | {named: frozenset({FR})})) is None


def test_what_was_shown_and_does_not_suffice() -> None:
    nobody: frozenset[Country] = frozenset()
    for asked in ({}, {"issuers": ["one"]}):  # the same of a plain rule and of one with more conditions
        citizens, nationals = rule_of(citizenship=["DE"], **asked), rule_of(nationality=["DE"], **asked)
        for nationalities, of_citizens, of_nationals in (
            ({DE}, Reason.CITIZENSHIP_NOT_SHOWN, None),  # a national may be a citizen
            ({FR}, Reason.CITIZENSHIP_NOT_PERMITTED, Reason.CITIZENSHIP_NOT_PERMITTED),
            (nobody, Reason.CITIZENSHIP_NOT_SHOWN, Reason.CITIZENSHIP_NOT_SHOWN),
        ):
            shown: dict[str, Any] = {"nationalities": frozenset(nationalities), "citizenships": nobody}
            assert reason_of(citizens, **shown) is of_citizens
            assert reason_of(nationals, **shown) is of_nationals


def test_who_holds_one_of_two_nationalities_back_is_not_let_in() -> None:
    # What a dual citizen can do: show one element of the list, which is then not complete.
    policy = rule_of(nationality=["DE"], none_of=["US"])
    assert reason_of(policy, stated=frozenset({DE}), complete=False) is Reason.COMPLETENESS_NOT_SHOWN


def test_the_order_of_the_reasons() -> None:
    policy = rule_of(
        citizenship=["DE"],
        none_of=["US"],
        issuers=["one"],
        assurance={"eidas": "high"},
        max_admission_age_s=1,
        max_credential_age_s=1,
        max_evidence_age_s=1,
        max_status_age_s=1,
    )
    bad: list[tuple[dict[str, Any], Reason]] = [
        ({"binding": Binding.BEARER}, Reason.BINDING_TOO_WEAK),
        ({"admission_age_s": 2}, Reason.ADMISSION_TOO_OLD),
        ({"issuer": None}, Reason.CREDENTIAL_NOT_ACCEPTED),
        ({"assurance": None}, Reason.ASSURANCE_TOO_LOW),
        ({"credential_age_s": None}, Reason.CREDENTIAL_TOO_OLD),
        ({"evidence_age_s": None}, Reason.EVIDENCE_TOO_OLD),
        ({"status_age_s": None}, Reason.STATUS_TOO_OLD),
        ({"stated": frozenset({US})}, Reason.CITIZENSHIP_NOT_PERMITTED),
        ({"citizenships": frozenset()}, Reason.CITIZENSHIP_NOT_SHOWN),
        ({"complete": False}, Reason.COMPLETENESS_NOT_SHOWN),
    ]
    assert reason_of(policy) is None
    for number, (_, reason) in enumerate(bad):
        changes: dict[str, Any] = {}
        for change, _ in bad[number:]:
            changes |= change
        assert reason_of(policy, **changes) is reason


# --- where and when ---


def test_a_rule_for_a_region_exists_there_alone() -> None:
    policy = AdmissionPolicy.from_toml(
        p.toml(
            [
                {"resource": ["a", "b*"], "nationality": ["US"], "region": ["us-*", "US"]},
                {"resource": ["a", "b*"], "anyone": True},
            ]
        )
    )
    assert (policy.needs_region, policy.needs_now) == (True, False)
    for name in ("a", "bcd"):
        for region, number in [("us-1", 1), ("us-", 1), ("US", 1), ("us", 2), ("Us-1", 2), ("eu-1", 2), ("", 2)]:
            rule = policy.rule_for(name, region=region)
            assert rule is not None and rule.number == number
            assert policy.decide(name, GOOD._replace(region=region)).rule == number
        assert policy.rule_for(name, region="us-" + "1" * 509).number == 1  # type: ignore[union-attr]  # there is one
        assert policy.rule_for(name, region="us-" + "1" * 510).number == 2  # type: ignore[union-attr]  # longer than a name


@pytest.mark.parametrize("region", [None, 5, b"us-1", ["us-1"]])
def test_where_the_region_is_not_known_a_wider_rule_does_not_step_in(region: Any) -> None:
    rules: list[dict[str, Any]] = [
        {"resource": "a", "nationality": ["US"], "region": "us-*"},
        {"resource": "a", "anyone": True},
    ]
    policy = AdmissionPolicy.from_toml(p.toml(rules))
    assert policy.rule_for("a", region=region) is None
    assert policy.decide("a", GOOD._replace(region=region)) == Verdict(Reason.REGION_UNKNOWN, 1)


def test_a_rule_for_a_time_exists_from_its_first_second_to_before_its_last() -> None:
    begin, end = datetime.fromtimestamp(1_000, UTC), datetime.fromtimestamp(2_000, UTC)
    rules: list[dict[str, Any]] = [
        {"resource": "a", "anyone": True, "not_before": begin, "not_after": end},
        {"resource": "a", "nationality": ["US"]},
    ]
    policy = AdmissionPolicy.from_toml(p.toml(rules))
    assert (policy.needs_region, policy.needs_now) == (False, True)
    for now, number in [(0, 2), (999, 2), (1_000, 1), (1_999, 1), (2_000, 2), (10**12, 2)]:
        assert policy.decide("a", GOOD._replace(now=now)).rule == number
        assert policy.rule_for("a", now=now) is policy.rules[number - 1]
    for unknown in (None, 1_500.0, True, "1500"):
        assert policy.rule_for("a", now=unknown) is None  # type: ignore[arg-type]  # what no clock says
        assert policy.decide("a", GOOD._replace(now=unknown)) == Verdict(Reason.CLOCK_UNUSABLE, 1)  # type: ignore[arg-type]  # the same


@pytest.mark.parametrize("key", ["not_before", "not_after"])
def test_a_rule_that_begins_or_ends_needs_a_clock(key: str) -> None:
    assert rule_of(**{key: datetime.fromtimestamp(1_000, UTC)}).needs_now and not rule_of().needs_now


def test_what_one_of_the_two_rules_out_is_passed_over_all_the_same() -> None:
    rules: list[dict[str, Any]] = [
        {"resource": "a", "anyone": True, "region": "us-*", "not_after": datetime.fromtimestamp(2_000, UTC)},
        {"resource": "a", "nationality": ["DE"]},
    ]
    policy = AdmissionPolicy.from_toml(p.toml(rules))
    assert policy.decide("a", GOOD._replace(region="eu", now=None)).rule == 2
    assert policy.decide("a", GOOD._replace(region=None, now=2_000)).rule == 2
    assert policy.decide("a", GOOD._replace(region=None, now=None)).reason is Reason.REGION_UNKNOWN
    assert policy.decide("a", GOOD._replace(region="us-1", now=None)).reason is Reason.CLOCK_UNUSABLE


def test_a_name_that_only_limited_rules_list_is_listed_where_they_exist() -> None:
    policy = AdmissionPolicy.from_toml(p.toml([{"resource": "a", "anyone": True, "region": "us-*"}]))
    assert policy.decide("a", GOOD) == Verdict(Reason.RESOURCE_NOT_LISTED, 0)
    assert policy.decide("a", GOOD._replace(region="us-1")).permitted


# --- facts that are put together ---


class _AsGood(int):
    """Says that it is as much as whatever it is compared with."""

    def __lt__(self, other: object) -> bool:
        return False


@pytest.mark.parametrize("name", ["nationalities", "citizenships", "stated"])
@pytest.mark.parametrize(
    "misfit",
    [None, 5, "DE", ["DE"], [DE], (DE,), {DE}, {DE: 1}, frozenset({"DE"}), frozenset({DE, "FR"}), frozenset({None})],
)
def test_countries_of_facts_are_countries(name: str, misfit: Any) -> None:
    # A text is no country: one that is excluded would be let in, were it stated as a text.
    for policy in (rule_of(), rule_of(citizenship=["DE"]), rule_of(anyone=True, none_of=["FR"])):
        _refuses_facts(policy, GOOD._replace(**{name: misfit}))


@pytest.mark.parametrize("misfit", [None, True, 0, 1, 3, 99, 1.5, float("nan"), float("inf"), "mtls", _AsGood(), [DE]])
def test_the_binding_of_facts_is_a_binding(misfit: Any) -> None:
    for keys in ({}, {"binding": "mtls"}, {"binding": "bearer"}, {"issuers": ["one"]}):
        _refuses_facts(rule_of(**keys), GOOD._replace(binding=misfit))


@pytest.mark.parametrize(
    ("name", "misfit"),
    [
        ("issuer", ["one"]), ("issuer", b"one"), ("issuer", 1), ("format", "dc+sd-jwt"), ("format", []), ("type", {}),
        ("type", True), ("assurance", ("eidas", "high")), ("assurance", ["eidas"]),
    ],
)  # fmt: skip
def test_what_facts_say_of_a_credential_has_its_type(name: str, misfit: Any) -> None:
    _refuses_facts(rule_of(), GOOD._replace(**{name: misfit}))


@pytest.mark.parametrize("facts", [None, (), [], {}, "facts", tuple(GOOD), GOOD._asdict()])
def test_facts_are_facts(facts: Any) -> None:
    _refuses_facts(rule_of(), facts)


def _refuses_facts(policy: AdmissionPolicy, facts: Any) -> None:
    (rule,) = policy.rules
    for call in (policy.decide, policy.explain, lambda _, each: rule.judge(each)):
        with pytest.raises(CitizenIDError) as caught:
            call("a", facts)
        assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "policy.facts")


@pytest.mark.parametrize("age", [None, True, 1.5, float("nan"), float("-inf"), "0", [0]])
def test_an_age_that_is_no_number_of_seconds_is_not_known(age: Any) -> None:
    keys: dict[str, Any]
    for keys in ({"max_admission_age_s": 9}, {"max_admission_age_s": 9, "issuers": ["one"]}):
        assert reason_of(rule_of(**keys), admission_age_s=age) is Reason.ADMISSION_TOO_OLD
    for name in ("credential", "evidence", "status"):
        reason = reason_of(rule_of(**{f"max_{name}_age_s": 9}), **{f"{name}_age_s": age})
        assert reason is Reason[f"{name.upper()}_TOO_OLD"]
    (rule,) = rule_of(max_admission_age_s=9).rules
    assert rule.objection_to(frozenset({DE}), frozenset({DE}), Binding.DPOP, age) is Reason.ADMISSION_TOO_OLD


def test_who_is_anyone_need_not_be_known() -> None:
    nobody = Facts(None, "x", True, None)  # type: ignore[arg-type]  # which is what is tried
    assert rule_of(anyone=True).decide("a", nobody) == Verdict(None, 1)
    assert rule_of(anyone=True).explain("a", nobody).verdict == Verdict(None, 1)


# --- what a gateway relies on ---


@given(p.policies(), st.lists(st.tuples(p.names, p.callers), min_size=1, max_size=10))
def test_what_is_not_known_never_admits(rules: list[dict[str, Any]], asked: list[tuple[str, dict[str, Any]]]) -> None:
    _, policy = p.reachable_part(rules)
    unknown = ("issuer", "format", "type", "assurance", "credential", "evidence", "status", "region", "now")
    for name, caller in asked:
        for fact in unknown:
            less = p.facts({**caller, fact: None})
            if policy.decide(name, less).permitted:
                assert policy.decide(name, p.facts(caller)).permitted
        if policy.decide(name, p.facts({**caller, "complete": False})).permitted:
            assert policy.decide(name, p.facts({**caller, "complete": True})).permitted


@given(p.policies(), p.names, p.callers)
def test_the_fast_call_never_permits_what_the_whole_one_refuses(
    rules: list[dict[str, Any]], name: str, caller: dict[str, Any]
) -> None:
    _, policy = p.reachable_part(rules)
    facts = p.facts(caller)
    for rule in policy.rules:
        fast = rule.objection_to(*facts[:4])
        if rule.plain:
            assert fast is rule.objection(facts)
        else:
            assert fast is not None


def test_a_rule_that_is_not_plain_is_refused_by_the_fast_call() -> None:
    everything = (frozenset({DE}), frozenset({DE}), Binding.DPOP, 0)
    for keys in (
        {"none_of": ["US"]},
        {"issuers": ["one"]},
        {"formats": ["dc+sd-jwt"]},
        {"types": ["t"]},
        {"assurance": {"eidas": "low"}},
        {"max_credential_age_s": 9},
        {"max_evidence_age_s": 9},
        {"max_status_age_s": 9},
    ):
        (rule,) = rule_of(**keys).rules
        assert not rule.plain
        assert rule.objection_to(*everything) is not None
        assert rule.objection(GOOD) is None
    (rule,) = rule_of(issuers=["one"], max_admission_age_s=9).rules
    assert rule.objection_to(*everything[:3], 9) is Reason.CREDENTIAL_NOT_ACCEPTED
    assert rule.objection_to(*everything[:3], 10) is Reason.ADMISSION_TOO_OLD
    for keys in ({}, {"region": "*"}, {"max_admission_age_s": 9}, {"binding": "bearer"}):
        (rule,) = rule_of(**keys).rules
        assert rule.plain
        assert rule.objection_to(*everything) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"anyone": True},
        {"anyone": True, "countries": frozenset(), "none_of": frozenset({US})},
        {"anyone": True, "countries": frozenset(), "issuers": frozenset({"one"})},
        {"anyone": True, "countries": frozenset(), "max_admission_age_s": 5},
        {"countries": frozenset()},
    ],
)
def test_a_rule_asks_for_something_or_is_for_anyone(changes: dict[str, Any]) -> None:
    keys = {
        "number": 3, "resources": ("a",), "anyone": False, "countries": frozenset({DE}), "needs_citizenship": False,
        "binding": Binding.DPOP, "max_admission_age_s": None,
    }  # fmt: skip
    Rule(**keys)  # type: ignore[arg-type]  # a table of them all
    with pytest.raises(CitizenIDError) as caught:
        Rule(**{**keys, **changes})
    assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, "policy.rule[3].anyone")


AGES = ("max_admission_age_s", "max_credential_age_s", "max_evidence_age_s", "max_status_age_s")
TIMES = ("not_before", "not_after")
WHOLE: dict[str, Any] = {
    "number": 1, "resources": ("a", "b*"), "anyone": False, "countries": frozenset({DE}), "needs_citizenship": True,
    "binding": Binding.DPOP, "max_admission_age_s": 9, "none_of": frozenset({US}), "issuers": frozenset({"one"}),
    "formats": frozenset({Format.MDOC}), "types": frozenset({"t"}),
    "assurances": frozenset({Assurance("eidas", "low")}),
    "max_credential_age_s": 9, "max_evidence_age_s": 9, "max_status_age_s": 9, "not_before": 1, "not_after": 9,
    "regions": ("eu",), "sharing": SharingResponse.MARK, "store_down": StoreDown.LOCAL,
}  # fmt: skip
MISFITS: list[Any] = [
    "", "x", "9", b"x", 1.5, float("nan"), float("inf"), object(), [], ["a"], {"a": 1}, {DE}, ("a", 1), frozenset({1}),
    frozenset({"DE", 1}), -1, Reason.REVOKED,
]  # fmt: skip


@pytest.mark.parametrize("misfit", MISFITS)
@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_rule_that_is_put_together_of_other_types_is_none(name: str, misfit: Any) -> None:
    # An age that is no number is exceeded by none, and a text in its place would be found out at a request.
    Rule(**WHOLE)
    with pytest.raises(CitizenIDError) as caught:
        Rule(**{**WHOLE, name: misfit})
    assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, "policy.rule")


@pytest.mark.parametrize("name", ["resources", "regions"])
@pytest.mark.parametrize(
    "names", [("a**",), ("*", "**"), ("",), ("a\n",), ("a\0",), ("\ud83d",), ("x" * 513,), ("a", "a")]
)
def test_names_of_a_rule_that_is_put_together_are_names(name: str, names: tuple[str, ...]) -> None:
    # A comparison of two policies goes through their patterns star by star: of two in a row it would tell less.
    with pytest.raises(CitizenIDError) as caught:
        Rule(**{**WHOLE, name: names})
    assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, "policy.rule")


def test_a_rule_is_about_something_and_of_few_regions() -> None:
    many = tuple(map(str, range(257)))
    Rule(**{**WHOLE, "regions": many[1:]})
    Rule(**{**WHOLE, "regions": (), "resources": many})
    for changes in ({"resources": ()}, {"regions": many}):
        with pytest.raises(CitizenIDError) as caught:
            Rule(**{**WHOLE, **changes})
        assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, "policy.rule")


@pytest.mark.parametrize(
    ("names", "value"),
    [
        (AGES, True),
        (AGES, 0),
        (TIMES, True),
        (("number",), 0),
        (("number",), True),
        (("anyone", "needs_citizenship"), 0),
    ],
)
def test_in_a_rule_no_truth_is_a_number_and_no_number_a_truth(names: tuple[str, ...], value: Any) -> None:
    for name in names:
        with pytest.raises(CitizenIDError) as caught:
            Rule(**{**WHOLE, name: value})
        assert (caught.value.reason, caught.value.where) == (Reason.POLICY_INVALID, "policy.rule")


def test_types_and_assurances_are_those_of_all_rules() -> None:
    policy = AdmissionPolicy.from_toml(
        p.toml(
            [
                {"resource": "a", "nationality": ["DE"], "types": ["t"], "assurance": {"eidas": "high"}},
                {"resource": "b", "nationality": ["DE"], "types": ["t", "u"], "assurance": {"nist": "IAL3"}},
                {"resource": "c", "anyone": True},
            ]
        )
    )
    assert policy.types == {"t", "u"}
    assert policy.assurances == {Assurance("eidas", "high"), Assurance("nist", "IAL3")}


# --- for an author ---


def narrowed(data: st.DataObject, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Narrow one rule by one key, or cut rules off at the end (P24)."""
    rules = [dict(rule) for rule in rules]
    number = data.draw(st.integers(0, len(rules) - 1))
    rule = rules[number]
    other = data.draw(p.rule_tables().filter(lambda each: "anyone" not in each or "none_of" in each))
    asks = "anyone" not in rule or "none_of" in rule
    ways = [key for key in other if key not in ("resource", "region", "not_before", "not_after", "anyone")]
    way = data.draw(st.sampled_from([*ways, *(["cut"] if number else [])]))
    wanted = set(rule.get("citizenship", []) + rule.get("nationality", []))
    if way == "cut":
        return rules[:number]
    if way in ("citizenship", "nationality"):
        codes = [code for code in (sorted(wanted) or other[way]) if code not in rule.get("none_of", [])]
        if "citizenship" in rule or not codes:
            return rules
        rule.pop("anyone", None), rule.pop("nationality", None)
        rule[way] = codes[:1]
    elif way == "none_of":
        codes = sorted({*rule.get("none_of", []), *other[way]} - wanted)
        if codes:
            rule["none_of"] = codes
    elif not asks:
        return rules
    elif way == "binding":
        rule["binding"] = max(rule.get("binding", "dpop"), other["binding"], key=p.STRENGTHS.index)
    elif way in ("sharing", "store_down"):
        rule[way] = "refuse"
    elif way == "assurance":
        rule["assurance"] = {
            name: "high" if name == "eidas" else p.LEVELS[name][-1] for name in rule.get(way, other[way])
        }
    elif way in p.AGE_KEYS:
        rule[way] = min(rule.get(way, 100), other[way])
    else:
        rule[way] = rule.get(way, other[way])[:1]
    return rules


@given(p.policies(), st.data())
def test_narrowing_a_policy_never_widens_access(rules: list[dict[str, Any]], data: st.DataObject) -> None:
    rules, wide = p.reachable_part(rules)
    narrow = AdmissionPolicy.from_toml(p.toml(narrowed(data, rules)))
    for name in data.draw(st.lists(p.names, min_size=1, max_size=6)):
        for caller in data.draw(st.lists(p.callers, min_size=1, max_size=6)):
            if narrow.decide(name, p.facts(caller)).permitted:
                assert wide.decide(name, p.facts(caller)).permitted


@given(p.policies(), st.lists(st.tuples(p.names, p.callers, p.callers), min_size=1, max_size=10))
@example([{"resource": "a", "anyone": True, "none_of": ["US"]}], [])
def test_showing_more_takes_a_permission_away_from_the_excluded_alone(
    rules: list[dict[str, Any]], asked: list[tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    rules, policy = p.reachable_part(rules)
    for name, caller, other in asked:
        more = {
            **caller,
            "nationalities": caller["nationalities"] | other["nationalities"],
            "citizenships": caller["citizenships"] | other["citizenships"],
            "stated": caller["stated"] | other["stated"],
            "binding": max(caller["binding"], other["binding"], key=p.STRENGTHS.index),
            "admission": min(caller["admission"], other["admission"]),
        }
        before, after = policy.decide(name, p.facts(caller)), policy.decide(name, p.facts(more))
        if before.permitted and not after.permitted:
            assert after.reason is Reason.CITIZENSHIP_NOT_PERMITTED
            shown = more["nationalities"] | more["citizenships"] | more["stated"]
            assert shown & set(rules[after.rule - 1]["none_of"])


def test_the_state_of_a_condition_has_no_truth_value() -> None:
    for state in ConditionState:  # "not met" would be true
        with pytest.raises(TypeError):
            bool(state)


def test_an_explanation_in_words_says_which_rules_were_passed_over() -> None:
    late, early = "not_before = 2026-06-01T00:00:00Z\n", "not_after = 1970-01-01T00:00:01Z\n"
    ways = 'region = "us-*"\n', late, "", early
    rules = [f'[[rule]]\nresource = "a"\nnationality = ["DE"]\n{more}' for more in ways]
    policy = AdmissionPolicy.from_toml("version = 1\n" + "".join(rules[:3]))
    explanation = policy.explain("a", GOOD)
    assert explanation.passed_over == ((1, 2, "region"), (2, 6, "not_before"))
    assert str(explanation).splitlines()[:3] == [
        "rule 3 (line 10): permitted",
        "  rule 1 (line 2) was passed over by its region",
        "  rule 2 (line 6) was passed over by its not_before",
    ]
    policy = AdmissionPolicy.from_toml("version = 1\n" + rules[3] + rules[2])
    assert policy.explain("a", GOOD._replace(now=1)).passed_over == ((1, 2, "not_after"),)


def test_an_explanation_says_of_each_condition_what_became_of_it() -> None:
    policy = AdmissionPolicy.from_toml(
        'version = 1\n[[rule]]\nresource = "a"\nnationality = ["DE"]\nissuers = ["one"]\nmax_credential_age_s = 60\n'
        "max_admission_age_s = 60\n"
    )
    germany = frozenset({Country("DE")})
    facts = Facts(germany, germany, Binding.DPOP, 61, issuer="one", credential_age_s=None)
    explanation = policy.explain("a", facts)
    states = {key: state for key, state in explanation.conditions if state is not ConditionState.NOT_ASKED}
    assert states == {
        "binding": ConditionState.MET,
        "max_admission_age_s": ConditionState.NOT_MET,
        "issuers": ConditionState.MET,
        "max_credential_age_s": ConditionState.UNKNOWN,
        "nationality": ConditionState.MET,
    }
    assert str(explanation).splitlines() == [
        "rule 1 (line 2): refused, admission_too_old",
        *(f"  {key}: {state.value}" for key, state in explanation.conditions if key in states),
        "  what helps: a new presentation",
    ]
    assert str(policy.explain("b", facts)).splitlines() == [
        "no rule: refused, resource_not_listed",
        "  what helps: a rule about this resource, here and now",
    ]
    # Of rules that were put together in a program nobody knows the lines.
    (rule,) = policy.rules
    made = AdmissionPolicy([replace(rule, line=None, regions=("us-*",)), replace(rule, line=None, number=2)])
    assert str(made.explain("a", facts._replace(region="eu"))).splitlines()[:2] == [
        "rule 2: refused, admission_too_old",
        "  rule 1 was passed over by its region",
    ]


def test_an_explanation_in_words_says_what_helps_where_something_would() -> None:
    policy = AdmissionPolicy.from_toml('version = 1\n[[rule]]\nresource = "a"\nnationality = ["DE"]\n')
    germany = frozenset({Country("DE")})
    permitted = policy.explain("a", Facts(germany, germany, Binding.DPOP, 1))
    refused = policy.explain("a", Facts(frozenset(), frozenset(), Binding.DPOP, 1))
    assert str(permitted).splitlines()[0] == "rule 1 (line 2): permitted"
    assert "what helps" not in str(permitted)
    assert str(refused).splitlines()[0] == "rule 1 (line 2): refused, citizenship_not_shown"
    assert str(refused).splitlines()[-1].startswith("  what helps: a presentation that shows the citizenship")
