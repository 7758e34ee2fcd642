"""What a rule lets a wallet be asked for, and the `vp_token` that answers: nothing more, and nothing is believed.

A small wallet written from OpenID4VP 1.0 sections 6 and 7 answers the queries: what it would show satisfies the rule,
and nothing less does. The queries are read by the standard's own words a second time (`check_dcql_query`).

Spec: OpenID4VP 1.0 sections 6, 7 and 8; specs/profile-openid4vp.md.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

import builders_policy as p
import pytest
from builders import bound, digest, disclosure, issuer_half
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    ANY,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    Limits,
    MalformedError,
    Reason,
    TrustAnchors,
)
from citizenid.gateway import AdmissionPolicy, Binding
from citizenid.gateway.query import (
    PresentedCredential,
    check_dcql_query,
    dcql_query,
    parse_vp_token,
    unsatisfiable_rules,
)
from citizenid.policy import Facts, Rule

from .world import ABSENT, ENDPOINT, ISSUER, NOW, ORIGIN, World, allowed, denied, key, needed, request

OWN_VCT = "urn:citizenid:citizenship:1"
OWN = "org.citizenid.citizenship.1"
PID_MDOC, PID_VCT = "eu.europa.ec.eudi.pid.1", "urn:eudi:pid:1"
PHOTO, PHOTO_CAPITAL = "org.iso.23220.photoid.1", "org.iso.23220.photoID.1"
GOOGLE, MDL = "com.google.wallet.idcard.1", "org.iso.18013.5.1.mDL"
ISO_23220, ISO_18013 = "org.iso.23220.1", "org.iso.18013.5.1"
US, DE, FR = map(Country, ("US", "DE", "FR"))


def rule(**keys: Any) -> Rule:
    return AdmissionPolicy.from_toml(p.toml([{"resource": "a", **keys}])).rules[0]


def anchor(
    format_: Format | Iterable[Format], types: Iterable[str], *, issuer: str = ISSUER, countries: Any = ANY
) -> TrustAnchors:
    formats = [format_] if isinstance(format_, Format) else list(format_)
    return TrustAnchors.from_keys(
        issuer,
        [key(issuer).public],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[*formats, *([Format.SD_CWT] if formats == [Format.MDOC] else [])],  # a key alone signs no mdoc
        types=list(types),
        countries=countries,
    )


SD_JWT_VC = anchor(Format.SD_JWT_VC, [OWN_VCT])
MDOC = anchor(Format.MDOC, [OWN], issuer="mdoc")


def claims_of(query: dict[str, Any] | None, number: int = 0) -> list[tuple[Any, ...]]:
    """Return paths and values of a credential query, in order."""
    assert query is not None
    return [(claim["path"], claim.get("values")) for claim in query["credentials"][number]["claims"]]


# --- the least that satisfies a rule ---


def test_our_mdoc_is_asked_for_one_boolean() -> None:
    query = dcql_query(rule(citizenship=["US"]), anchors=MDOC)
    assert query == {
        "credentials": [
            {
                "id": "mdoc_1",
                "format": "mso_mdoc",
                "meta": {"doctype_value": OWN},
                "claims": [
                    {
                        "id": "citizen_of_us",
                        "path": [OWN, "citizen_of_us"],
                        "intent_to_retain": False,
                        "values": [True],
                    }
                ],
            }
        ]
    }
    query = dcql_query(rule(nationality=["US", "DE"]), anchors=MDOC)
    assert claims_of(query) == [([OWN, "national_of_de"], [True]), ([OWN, "national_of_us"], [True])]
    assert query is not None
    assert query["credentials"][0]["claim_sets"] == [["national_of_de"], ["national_of_us"]]  # one of them is enough


def test_an_sd_jwt_vc_is_asked_for_single_elements_of_its_arrays() -> None:
    query = dcql_query(rule(citizenship=["US"]), anchors=SD_JWT_VC)
    assert query == {
        "credentials": [
            {
                "id": "sd_jwt_vc_1",
                "format": "dc+sd-jwt",
                "meta": {"vct_values": [OWN_VCT]},
                "claims": [{"id": "citizenships", "path": ["citizenships", None], "values": ["US"]}],
            }
        ]
    }
    assert claims_of(dcql_query(rule(nationality=["US", "DE"]), anchors=SD_JWT_VC)) == [
        (["nationalities", None], ["DE", "US"])
    ]


def test_a_list_that_must_be_complete_is_asked_for_whole() -> None:
    everyone_but, both = rule(anyone=True, none_of=["US"]), rule(citizenship=["DE"], none_of=["US"])
    whole = [(["nationalities", None], None), (["nationalities_complete"], [True])]
    assert claims_of(dcql_query(everyone_but, anchors=SD_JWT_VC)) == whole
    assert claims_of(dcql_query(both, anchors=SD_JWT_VC)) == [(["citizenships", None], ["DE"]), *whole]
    whole_mdoc = [([OWN, "nationalities"], None), ([OWN, "nationalities_complete"], [True])]
    assert claims_of(dcql_query(everyone_but, anchors=MDOC)) == whole_mdoc
    assert claims_of(dcql_query(both, anchors=MDOC)) == [([OWN, "citizen_of_de"], [True]), *whole_mdoc]
    # The whole list shows a nationality as well: its element is not asked for a second time.
    national = rule(nationality=["DE"], none_of=["US"])
    assert claims_of(dcql_query(national, anchors=MDOC)) == whole_mdoc
    assert claims_of(dcql_query(national, anchors=SD_JWT_VC)) == whole


def test_the_types_of_others_are_asked_for_nationality_where_they_have_it() -> None:
    types = [PID_MDOC, PHOTO, PHOTO_CAPITAL, GOOGLE, MDL, OWN]
    accepted = anchor(Format.MDOC, types) | anchor(Format.SD_JWT_VC, [PID_VCT], issuer="pid")
    query = dcql_query(rule(nationality=["DE"]), anchors=accepted)
    assert query is not None
    asked_of = [each["meta"].get("doctype_value") or each["meta"]["vct_values"] for each in query["credentials"]]
    first = [each["claims"][0] for each in query["credentials"]]
    found = [(of, claim["path"], claim.get("values")) for of, claim in zip(asked_of, first, strict=True)]
    codes = ["DE", "DEU"]
    assert found == [
        (OWN, [OWN, "national_of_de"], [True]),  # a boolean
        ([PID_VCT], ["nationalities", None], ["DE"]),  # an element
        (GOOGLE, [ISO_18013, "nationality"], codes),  # one code
        (MDL, [ISO_18013, "nationality"], codes),
        (PHOTO_CAPITAL, [ISO_23220, "nationality"], codes),
        (PHOTO, [ISO_23220, "nationality"], codes),
        (PID_MDOC, [PID_MDOC, "nationality"], None),  # an array, shown whole: no value can be matched
    ]
    assert query["credential_sets"] == [{"options": [[each["id"]] for each in query["credentials"]]}]
    assert all(len(each["claims"]) == 1 for each in query["credentials"])


@pytest.mark.parametrize(
    "keys",
    [
        {"citizenship": ["DE"]},
        {"nationality": ["DE"], "none_of": ["US"]},
        {"anyone": True, "none_of": ["US"]},
        {"nationality": ["DE"], "assurance": {"eidas": "low"}},
        {"nationality": ["DE"], "max_evidence_age_s": 60},
    ],
)
def test_the_types_of_others_are_not_asked_for_what_they_do_not_state(keys: dict[str, Any]) -> None:
    others = anchor(Format.MDOC, [PID_MDOC, PHOTO, PHOTO_CAPITAL, GOOGLE, MDL])
    others |= anchor(Format.SD_JWT_VC, [PID_VCT, "urn:eudi:pid:de:1"], issuer="pid")
    assert dcql_query(rule(**keys), anchors=others) is None
    query = dcql_query(rule(**keys), anchors=others | MDOC)
    assert query is not None and [each["meta"] for each in query["credentials"]] == [{"doctype_value": OWN}]


def test_of_a_doctype_that_nobody_knows_everything_that_is_read_is_an_alternative() -> None:
    query = dcql_query(rule(nationality=["US"]), anchors=anchor(Format.MDOC, ["example.id"]))
    assert query is not None
    (credential,) = query["credentials"]
    assert [claim["path"] for claim in credential["claims"]] == [
        [OWN, "national_of_us"],
        [ISO_23220, "nationality"],
        [ISO_18013, "nationality"],
        [PID_MDOC, "nationality"],
    ]
    assert credential["claim_sets"] == [[claim["id"]] for claim in credential["claims"]]
    assert claims_of(dcql_query(rule(citizenship=["US"]), anchors=anchor(Format.MDOC, ["example.id"]))) == [
        ([OWN, "citizen_of_us"], [True])
    ]


def test_types_of_which_the_same_is_asked_are_asked_at_once() -> None:
    query = dcql_query(rule(nationality=["US"]), anchors=anchor(Format.SD_JWT_VC, ["b", PID_VCT, "a"]))
    assert query is not None
    assert [each["meta"] for each in query["credentials"]] == [{"vct_values": ["a", "b", PID_VCT]}]
    assert "credential_sets" not in query


def test_what_may_be_withheld_and_is_asked_is_asked_for() -> None:
    asked = rule(nationality=["DE"], assurance={"eidas": "low"}, max_credential_age_s=60)
    assert claims_of(dcql_query(asked, anchors=SD_JWT_VC))[1:] == [(["assurance"], None), (["iat"], None)]
    assert claims_of(dcql_query(asked, anchors=MDOC))[1:] == [([OWN, "assurance"], None)]


@pytest.mark.parametrize(
    "keys", [{"nationality": ["DE"]}, {"citizenship": ["DE"]}, {"anyone": True, "none_of": ["US"]}]
)
def test_when_the_evidence_was_checked_is_asked_by_rules_that_ask_for_it_alone(keys: dict[str, Any]) -> None:
    for anchors, path in ((SD_JWT_VC, ["evidence_checked_at"]), (MDOC, [OWN, "evidence_checked_at"])):
        without = claims_of(dcql_query(rule(**keys), anchors=anchors))
        asked = claims_of(dcql_query(rule(**keys, max_evidence_age_s=60), anchors=anchors))
        assert asked == [*without, (path, None)]
    # In a docType that nobody knows our namespace may stand, and no other states it.
    query = dcql_query(rule(**keys, max_evidence_age_s=60), anchors=anchor(Format.MDOC, ["example.id"]))
    assert {path[0] for path, _ in claims_of(query)} == {OWN}


def test_a_type_that_cannot_state_when_evidence_was_checked_is_not_asked_for() -> None:
    asked = rule(nationality=["DE"], max_evidence_age_s=60)
    both = anchor(Format.SD_JWT_VC, [OWN_VCT, "example", PID_VCT])
    query = dcql_query(asked, anchors=both)
    assert query is not None and [each["meta"] for each in query["credentials"]] == [{"vct_values": [OWN_VCT]}]
    policy = AdmissionPolicy.from_toml(p.toml([{"resource": "a", "nationality": ["DE"], "max_evidence_age_s": 60}]))
    for format_ in (Format.SD_JWT_VC, Format.SD_CWT):
        assert unsatisfiable_rules(policy, anchors=anchor(format_, ["example", PID_VCT])) == (1,)
        assert unsatisfiable_rules(policy, anchors=anchor(format_, ["example", OWN_VCT])) == ()


# --- nothing that would not help ---


def test_only_what_an_anchor_accepts_and_may_attest_is_asked_for() -> None:
    german = anchor(Format.SD_JWT_VC, ["de"], issuer="de", countries=[DE])
    french = anchor(Format.MDOC, [OWN], issuer="fr", countries=[FR, US])
    asked = rule(nationality=["DE", "FR"])
    query = dcql_query(asked, anchors=german | french)
    assert claims_of(query) == [([OWN, "national_of_fr"], [True])]
    assert claims_of(query, 1) == [(["nationalities", None], ["DE"])]
    assert dcql_query(rule(nationality=["US"]), anchors=german) is None
    assert dcql_query(asked, anchors=TrustAnchors()) is None
    assert dcql_query(rule(nationality=["US"], issuers=["de"]), anchors=german | french) is None
    assert claims_of(dcql_query(rule(nationality=["DE", "US"], formats=["mso_mdoc"]), anchors=german | french)) == [
        ([OWN, "national_of_us"], [True])
    ]
    assert dcql_query(rule(nationality=["DE"], types=["other"]), anchors=german) is None
    # Two issuers of one type: each may attest his own, and either may be the wallet's.
    second = anchor(Format.SD_JWT_VC, ["de"], issuer="second", countries=[FR])
    for both in (german | second, second | german):
        assert claims_of(dcql_query(asked, anchors=both)) == [(["nationalities", None], ["DE", "FR"])]
    # For whom all are welcome but some, an anchor of any country serves.
    assert dcql_query(rule(anyone=True, none_of=["US"]), anchors=german) is not None


def test_signers_of_status_lists_are_asked_for_nothing() -> None:
    signers = TrustAnchors.from_keys("s", [key("status").public], purpose=KeyPurpose.STATUS_LIST)
    assert dcql_query(rule(nationality=["DE"]), anchors=signers) is None


def test_for_anyone_nothing_is_asked() -> None:
    assert dcql_query(rule(anyone=True), anchors=SD_JWT_VC | MDOC) is None


def test_sd_cwt_is_no_format_of_openid4vp() -> None:
    assert dcql_query(rule(nationality=["DE"]), anchors=anchor(Format.SD_CWT, [OWN_VCT])) is None


def test_rules_that_nobody_can_satisfy_are_named() -> None:
    policy = AdmissionPolicy.from_toml(
        p.toml(
            [
                {"resource": "a", "anyone": True},
                {"resource": "b", "citizenship": ["US"], "formats": ["mso_mdoc"]},
                {"resource": "c", "nationality": ["FR"]},
                {"resource": "d", "nationality": ["DE"], "issuers": ["nobody"]},
                {"resource": "e", "nationality": ["DE"], "formats": ["sd-cwt"]},
            ]
        )
    )
    anchors = anchor(Format.MDOC, [PID_MDOC], issuer="pid", countries=[DE, US])
    assert unsatisfiable_rules(policy, anchors=anchors) == (2, 3, 4)
    assert unsatisfiable_rules(policy, anchors=TrustAnchors()) == (2, 3, 4, 5)
    assert unsatisfiable_rules(policy, anchors=anchor([Format.SD_CWT, Format.SD_JWT_VC], [OWN_VCT])) == (2, 4)


# --- against a wallet of the standard ---


def shown(credential: Mapping[str, Any], claims: Any) -> Any:
    """Return what a wallet shows of claims for a credential query: the first set that it has all of, or None."""
    listed = {claim["id"]: claim for claim in credential["claims"]}
    sets = [[listed[id_] for id_ in ids] for ids in credential.get("claim_sets", [list(listed)])]
    for options in sets:
        found = [selected(claims, claim) for claim in options]
        if all(found):
            result: dict[str, Any] = {}
            for claim, values in zip(options, found, strict=True):
                where = result
                *outer, last = [part for part in claim["path"] if part is not None]
                for part in outer:
                    where = where.setdefault(part, {})
                where[last] = values if claim["path"][-1] is None else values[0]
            return result
    return None


def selected(claims: Any, claim: Mapping[str, Any]) -> list[Any]:
    """Process a claims path pointer (section 7) and keep what `values` names."""
    elements = [claims]
    for part in claim["path"]:
        if part is None:
            elements = [each for element in elements if isinstance(element, list) for each in element]
        else:
            elements = [element[part] for element in elements if isinstance(element, dict) and part in element]
    return [each for each in elements if any(each == value for value in claim.get("values", [each]))]


def facts_of(format_: Format, claims: Any, whole: Any) -> Facts:
    """Read what was shown, as the readers do."""
    if format_ is Format.MDOC:
        stated = Citizenship.from_namespaces(claims)
    else:
        hidden = len(claims.get("nationalities", ())) < len(whole.get("nationalities", ()))
        stated = Citizenship.from_claims(claims, withheld=hidden)
    every = stated.all_nationalities
    citizens = frozenset(stated.citizenships)
    return Facts(every, citizens, Binding.DPOP, 0, stated=every, complete=stated.complete)


codes = p.subsets(*p.CODES)


@given(p.subsets(*p.CODES, "CA"), codes, st.booleans(), st.data())
def test_what_a_wallet_shows_satisfies_the_rule_if_anything_does_and_is_the_least(
    nationalities: list[str], citizenships: list[str], complete: bool, data: st.DataObject
) -> None:
    every = map(Country, dict.fromkeys([*citizenships, *nationalities]))
    person = Citizenship(every, map(Country, citizenships), complete)
    condition = data.draw(st.sampled_from(["citizenship", "nationality", "anyone"]))
    keys: dict[str, Any] = {condition: True if condition == "anyone" else data.draw(p.country_lists)}
    others = [code for code in p.CODES if condition == "anyone" or code not in keys[condition]]
    if condition == "anyone" or (others and data.draw(st.booleans())):
        keys["none_of"] = data.draw(p.subsets(*others, least=1))
    asked = rule(**keys)
    for format_, anchors in ((Format.MDOC, MDOC), (Format.SD_JWT_VC, SD_JWT_VC)):
        whole = person.to_claims(format_)
        query = dcql_query(asked, anchors=anchors)
        assert query is not None
        (credential,) = query["credentials"]
        answer = shown(credential, whole)
        everything = asked.objection(facts_of(format_, whole, whole)) is None
        if answer is None:
            assert not everything  # who could satisfy the rule could answer
            continue
        assert everything or "none_of" in keys  # nobody shows anything in vain, but a list that is what it must not be
        assert (asked.objection(facts_of(format_, answer, whole)) is None) is everything
        if "none_of" not in keys:
            claims = answer[OWN] if format_ is Format.MDOC else answer
            assert len(claims) == 1
            assert "nationalities" not in claims or set(claims["nationalities"]) <= set(keys["nationality"])


@given(p.policies(1), st.permutations([SD_JWT_VC, MDOC, anchor(Format.MDOC, [PID_MDOC, PHOTO], issuer="x")]))
def test_a_query_is_well_formed_and_depends_on_rule_and_anchors_alone(
    rules: list[dict[str, Any]], order: list[TrustAnchors]
) -> None:
    (asked,) = p.reachable_part(rules)[1].rules
    first = dcql_query(asked, anchors=order[0] | order[1] | order[2])
    assert first == dcql_query(asked, anchors=order[2] | order[0] | order[1])
    if first is not None:
        assert json.loads(json.dumps(first)) == first
        ids = [each["id"] for each in first["credentials"]]
        assert list(check_dcql_query(first)) == ids
        for credential in first["credentials"]:
            paths = [claim["path"] for claim in credential["claims"]]
            assert all(paths.count(path) == 1 for path in paths)  # section 6.1: no claim is pointed to twice
            named = {claim["id"] for claim in credential["claims"]}
            assert {id_ for set_ in credential.get("claim_sets", [named]) for id_ in set_} == named


# --- the answer ---

QUERY = dcql_query(rule(nationality=["DE"]), anchors=SD_JWT_VC | MDOC)
assert QUERY is not None
RESPONSE = base64.urlsafe_b64encode(b"\xa1response").decode().rstrip("=")


def with_sets(**changes: Any) -> dict[str, Any]:
    """The query of both formats, changed."""
    return {**copy.deepcopy(QUERY), **changes}


def test_the_presentations_of_an_answer() -> None:
    assert parse_vp_token(json.dumps({"sd_jwt_vc_2": ["a~b~c"]}), QUERY) == (
        PresentedCredential("sd_jwt_vc_2", Format.SD_JWT_VC, b"a~b~c"),
    )
    both = json.dumps({"sd_jwt_vc_2": ["a~b~c"], "mdoc_1": [RESPONSE]}).encode()
    assert parse_vp_token(both, QUERY) == (
        PresentedCredential("mdoc_1", Format.MDOC, b"\xa1response"),
        PresentedCredential("sd_jwt_vc_2", Format.SD_JWT_VC, b"a~b~c"),
    )
    assert "~" not in repr(parse_vp_token(both, QUERY))


def refused(text: Any, reason: Reason, query: Any = QUERY, **options: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        parse_vp_token(text, query, **options)
    error = caught.value
    assert error.reason is reason
    assert type(error) is (CitizenIDError if reason is Reason.CONFIGURATION_INVALID else MalformedError)
    assert error.__context__ is None and error.__cause__ is None
    assert error.where == ("dcql_query" if reason is Reason.CONFIGURATION_INVALID else "vp_token")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", Reason.MALFORMED_JSON),
        ('"a~b~c"', Reason.MALFORMED_JSON),
        ("", Reason.MALFORMED_JSON),
        ("a~b~c", Reason.MALFORMED_JSON),
        ('{"mdoc_1": ["x"]} ', Reason.MALFORMED_BASE64),
        ('{"mdoc_1": ["eA"]}x', Reason.MALFORMED_JSON),
        ('{"mdoc_1": ["eA"], "mdoc_1": ["eA"]}', Reason.DUPLICATE_MEMBER),
        ('{"mdoc_1": ["eA=="]}', Reason.MALFORMED_BASE64),
        ('{"mdoc_1": ["eB"]}', Reason.MALFORMED_BASE64),
        ('{"sd_jwt_vc_2": [[["x"]]]}', Reason.DEPTH_EXCEEDED),
        (b"\xff", Reason.MALFORMED_JSON),
    ],
)
def test_an_answer_is_strict_json(text: Any, reason: Reason) -> None:
    refused(text, reason)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"other": ["a"]},
        {"mdoc_1": ["eA"], "other": ["a"]},
        {"MDOC_1": ["eA"]},
        {"mdoc_1": "eA"},
        {"mdoc_1": {"0": "eA"}},
        {"mdoc_1": None},
        {"mdoc_1": []},
        {"mdoc_1": ["eA"], "sd_jwt_vc_2": []},
        {"mdoc_1": ["eA", "eA"]},
        {"mdoc_1": [""]},
        {"mdoc_1": [5]},
        {"mdoc_1": [None]},
        {"sd_jwt_vc_2": [{"payload": "x"}]},
        {"sd_jwt_vc_2": ["\u00e9"]},
    ],
    ids=repr,
)
def test_an_answer_is_an_object_of_arrays_of_one_presentation_by_the_ids_of_the_query(answer: Any) -> None:
    refused(json.dumps(answer), Reason.REQUEST_INVALID)


@pytest.mark.parametrize("text", [None, 5, {}, ["a"], "\ud800", bytearray(b"{}")])
def test_an_answer_is_text_or_bytes(text: Any) -> None:
    refused(text, Reason.REQUEST_INVALID)


def test_several_presentations_come_where_they_were_asked_for() -> None:
    query = with_sets()
    query["credentials"][1]["multiple"] = True
    text = json.dumps({"sd_jwt_vc_2": ["a", "b"]})
    assert [each.presentation for each in parse_vp_token(text, query)] == [b"a", b"b"]
    refused(json.dumps({"mdoc_1": ["eA", "eA"]}), Reason.REQUEST_INVALID, query)
    many = json.dumps({"sd_jwt_vc_2": ["a"] * 9})
    refused(many, Reason.LIMIT_EXCEEDED, query)
    assert len(parse_vp_token(many, query, limits=Limits(documents=9))) == 9


def test_the_sets_of_the_query_are_satisfied() -> None:
    one, two = json.dumps({"mdoc_1": ["eA"]}), json.dumps({"mdoc_1": ["eA"], "sd_jwt_vc_2": ["a"]})
    every = with_sets()
    del every["credential_sets"]  # then all are asked for
    refused(one, Reason.REQUEST_INVALID, every)
    assert len(parse_vp_token(two, every)) == 2
    pair = with_sets(credential_sets=[{"options": [["mdoc_1", "sd_jwt_vc_2"]]}])
    refused(one, Reason.REQUEST_INVALID, pair)
    assert len(parse_vp_token(two, pair)) == 2
    optional = with_sets(credential_sets=[{"options": [["mdoc_1"]]}, {"options": [["sd_jwt_vc_2"]], "required": False}])
    assert len(parse_vp_token(one, optional)) == 1
    refused(json.dumps({"sd_jwt_vc_2": ["a"]}), Reason.REQUEST_INVALID, optional)


def test_an_answer_has_a_bound() -> None:
    text = json.dumps({"sd_jwt_vc_2": ["a" * 100]})
    half = -(-len(text) // 2)
    assert parse_vp_token(text, QUERY, limits=Limits(presentation_bytes=half))
    refused(text, Reason.INPUT_TOO_LARGE, limits=Limits(presentation_bytes=half - 1))


some_answers = st.dictionaries(
    st.sampled_from(["mdoc_1", "sd_jwt_vc_2", "x"]), st.lists(st.text("aA=~_", max_size=4) | st.none(), max_size=2)
)


@given(st.text(max_size=40) | some_answers.map(json.dumps))
def test_any_answer_gives_presentations_or_a_refusal(text: str) -> None:
    try:
        found = parse_vp_token(text, QUERY)
    except MalformedError as error:
        assert error.where == "vp_token"
    else:
        assert found and all(each.presentation for each in found)


# --- queries that are none ---


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The query of both formats with a value in place of another, or without it."""
    query = with_sets()
    where: Any = query
    for part in path[:-1]:
        where = where[part]
    if value is ...:
        del where[path[-1]]
    else:
        where[path[-1]] = value
    return query


CREDENTIAL, CLAIM = ("credentials", 1), ("credentials", 1, "claims", 0)


ELEMENT = ("credentials", 0, "claims", 0)
AUTHORITY = {"type": "aki", "values": ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}
NONE: list[tuple[tuple[Any, ...], list[Any]]] = [
    (("credentials",), [..., [], {}, None, "x", [5], [[]]]),
    ((*CREDENTIAL, "id"), [..., "", "a b", "\u00e9", "a.b", 5, None, [], {}, "mdoc_1"]),
    ((*CREDENTIAL, "format"), [..., "sd-cwt", "jwt_vc_json", "DC+SD-JWT", 5, None, [], {}, {"dc+sd-jwt": 1}]),
    ((*CREDENTIAL, "meta"), [..., None, [], "x", {}, {"vct_values": []}, {"vct_values": "x"}, {"vct_values": [5]}]),
    ((*CREDENTIAL, "meta"), [{"doctype_value": "x"}]),
    (("credentials", 0, "meta"), [{"vct_values": ["x"]}, {"doctype_value": ["x"]}]),
    ((*CREDENTIAL, "multiple"), [0, 1, "true", None]),
    ((*CREDENTIAL, "require_cryptographic_holder_binding"), [False, 0, None, "true"]),
    ((*CREDENTIAL, "claims"), [[], {}, None, [5]]),
    ((*CLAIM, "id"), ["", "a b", 5, None, [], {}]),
    ((*CLAIM, "path"), [..., [], "x", None, [True], [1.0], [-1], [["x"]], [{}]]),
    ((*CLAIM, "values"), [[], "DE", None, [None], [1.5], [["DE"]]]),
    ((*ELEMENT, "path"), [[OWN], [OWN, "a", "b"], [OWN, None], [OWN, 0]]),
    ((*ELEMENT, "intent_to_retain"), [0, None, "false"]),
    ((*CREDENTIAL, "trusted_authorities"), [[], {}, None, "aki", [5], [[]], [{}], [{"type": "aki"}]]),
    ((*CREDENTIAL, "trusted_authorities"), [[{"values": ["a"]}], [AUTHORITY, {}], [{**AUTHORITY, "type": 5}]]),
    ((*CREDENTIAL, "trusted_authorities"), [[{**AUTHORITY, "values": v}] for v in ([], "a", {}, None, [5], ["a", 5])]),
    ((*CREDENTIAL, "claim_sets"), [[], {}, [[]], ["nationalities"], [["other"]], [[5]], [[[]]], [[{}]], None]),
    (("credential_sets",), [[], {}, None, [5], [{}], [{"options": []}], [{"options": [[]]}]]),
    (("credential_sets", 0, "options"), [[["other"]], ["mdoc_1"], [[0]], [[["mdoc_1"]]]]),
    (("credential_sets", 0, "required"), [0, None, "true"]),
]


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in NONE for value in values], ids=repr)
def test_a_query_that_is_none_is_refused(path: tuple[Any, ...], value: Any) -> None:
    refused('{"mdoc_1": ["eA"]}', Reason.CONFIGURATION_INVALID, changed(path, value))


@pytest.mark.parametrize("query", [None, 5, [], "{}", {}])
def test_a_query_is_an_object(query: Any) -> None:
    refused('{"mdoc_1": ["eA"]}', Reason.CONFIGURATION_INVALID, query)


def test_claims_of_one_id_or_one_path_are_refused() -> None:
    claim = {"id": "a", "path": ["a"]}
    for second in ({"id": "a", "path": ["b"]}, {"id": "b", "path": ["a"]}):
        refused("{}", Reason.CONFIGURATION_INVALID, changed((*CREDENTIAL, "claims"), [claim, second]))
    for sets in ([["a"], ["c"]], [["a", "b"]]):  # with sets every claim has an id
        query = changed((*CREDENTIAL, "claims"), [claim, {"path": ["b"]}])
        query["credentials"][1]["claim_sets"] = sets
        refused("{}", Reason.CONFIGURATION_INVALID, query)
    query = changed((*CREDENTIAL, "claims"), ...)
    query["credentials"][1]["claim_sets"] = [["nationalities"]]
    refused("{}", Reason.CONFIGURATION_INVALID, query)


def test_what_a_query_may_have_beside_is_passed_over() -> None:
    query = with_sets(more=1)
    authorities = [AUTHORITY, {**AUTHORITY, "more": None}, {"type": "org.example", "values": ["x", "y"]}]
    query["credentials"][0] |= {"more": None, "trusted_authorities": authorities}
    query["credentials"][0]["require_cryptographic_holder_binding"] = True
    query["credentials"][1]["claims"] = [{"path": ["a", 0, None], "values": ["x", 1, True], "intent_to_retain": 1}]
    query["credential_sets"][0] |= {"required": True, "purpose": "x"}
    assert parse_vp_token('{"mdoc_1": ["eA"]}', query)


# --- nothing of the query is believed ---


def test_a_presentation_that_answers_another_question_is_decided_by_what_it_shows() -> None:
    # The wallet was asked for a German nationality, says that it answers, and shows an American one.
    world = World('version = 1\n[[rule]]\nresource = "a"\nnationality = ["DE"]\n')
    alice = world.wallet(nationalities=("US",))
    challenge = world.challenge(alice.sender)
    query = dcql_query(rule(nationality=["DE"]), anchors=SD_JWT_VC)
    assert query is not None
    token = json.dumps({"sd_jwt_vc_1": [world.present(alice, challenge).decode()]})
    (presented,) = parse_vp_token(token, query)
    admitted = world.gateway.admit(
        presented.presentation,
        format=presented.format,
        challenge=challenge.to_text(),
        request=request(path=ENDPOINT, proof=world.proof(alice.sender, url=ORIGIN + ENDPOINT)),
    )
    denied(world.ask(alice, admitted.ticket, "a"), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")  # type: ignore[union-attr]  # it is admitted, and may nothing


@pytest.mark.parametrize("shown", [True, False])
def test_an_iat_that_was_asked_for_and_is_shown_says_how_old_the_credential_is(shown: bool) -> None:
    """SD-JWT VC section 2.2.2.3 lets an issuer make it disclosable; the query of such a rule asks for it."""
    world = World('version = 1\n[[rule]]\nresource = "a"\nnationality = ["US"]\nmax_credential_age_s = 60\n')
    alice = world.wallet()
    query = dcql_query(rule(nationality=["US"], max_credential_age_s=60), anchors=SD_JWT_VC)
    assert query is not None and {"id": "iat", "path": ["iat"]} in query["credentials"][0]["claims"]
    text = disclosure("salt", "iat", NOW - 60)
    assert alice.status is not None
    status = {"status_list": {"uri": alice.status.uri, "idx": alice.status.index}}
    stated = {"iat": ABSENT, "_sd": [digest(text)], "status": status}
    challenge = world.challenge(alice.sender)
    half = issuer_half({"kid": ABSENT}, stated, [text] if shown else [])
    kb = {"nonce": challenge.nonce, "aud": challenge.audience, "iat": world.now}
    admitted = world.gateway.admit(
        bound(half, kb),
        format=Format.SD_JWT_VC,
        challenge=challenge.to_text(),
        request=request(path=ENDPOINT, proof=world.proof(alice.sender, url=ORIGIN + ENDPOINT)),
    )
    asked = world.ask(alice, admitted.ticket, "a")  # type: ignore[union-attr]  # it is admitted
    if shown:
        allowed(asked)
    else:
        needed(asked, Reason.CREDENTIAL_TOO_OLD)


def test_a_presentation_for_another_nonce_or_audience_is_refused() -> None:
    world = World()
    alice = world.wallet()
    query = dcql_query(rule(nationality=["US"]), anchors=SD_JWT_VC)
    assert query is not None
    asked, other = world.challenge(alice.sender), world.challenge(alice.sender)
    token = json.dumps({"sd_jwt_vc_1": [world.present(alice, other).decode()]})
    (presented,) = parse_vp_token(token, query)
    result = world.gateway.admit(
        presented.presentation,
        format=presented.format,
        challenge=asked.to_text(),
        request=request(path=ENDPOINT, proof=world.proof(alice.sender, url=ORIGIN + ENDPOINT)),
    )
    denied(result, Reason.NONCE_MISMATCH, "V7")
