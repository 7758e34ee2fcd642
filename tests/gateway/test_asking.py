"""What a 401 asks for: the schemes that are accepted, the errors of the standards, the query, and x401 where it is set.

Spec: RFC 6750 section 3; RFC 9449 section 7; RFC 9470 section 3; RFC 9728 section 5.1; x401 0.2.0;
specs/profile-openid4vp.md section 3.
"""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Mapping
from typing import Any

import builders_policy as p
import pytest

from citizenid import ANY, Assurance, Challenge, CitizenIDError, Format, KeyPurpose, Reason, TrustAnchors
from citizenid.gateway import AdmissionPolicy, Answer, Binding, NeedPresentation, SignedOut
from citizenid.gateway.asking import Asking, ProofRequest, Terms, acr_of
from citizenid.gateway.query import dcql_query

from .world import AUDIENCE, ENDPOINT, ISSUER, ORIGIN, World, anchors, key, needed, policy, request

METADATA = "https://gateway.example/.well-known/oauth-protected-resource"
TOKENS = "https://gateway.example/token"
CHALLENGE = Challenge(AUDIENCE, "a nonce that is long enough")
ANCHORS = TrustAnchors.from_keys(
    ISSUER,
    [key("issuer").public],
    purpose=KeyPurpose.CREDENTIAL,
    formats=[Format.SD_JWT_VC],
    types=["urn:citizenid:citizenship:1"],
    countries=ANY,
)
POLICY = AdmissionPolicy.from_toml(
    p.toml(
        [
            {"resource": "strict", "nationality": ["DE"]},
            {"resource": "weak", "nationality": ["DE"], "binding": "bearer", "max_admission_age_s": 600},
            {"resource": "high", "nationality": ["DE"], "assurance": {"eidas": "substantial"}},
            {"resource": "open", "anyone": True},
        ]
    )
)
STRICT, WEAK, HIGH, OPEN = POLICY.rules


def need(reason: Reason, asking: Asking, *, challenge: Challenge | None = CHALLENGE) -> Answer:
    return NeedPresentation(
        reason, "https://gateway.example/citizenship", tuple(Format), lambda: challenge, asking
    ).http()


def challenges_of(answer: Answer) -> list[tuple[str, dict[str, str]]]:
    """Read the challenges by the grammar of RFC 9110 section 11.6.1; one stands in each line."""
    found = []
    for name, value in answer.headers:
        if name == b"www-authenticate":
            scheme, _, rest = value.decode("ascii").partition(" ")
            parameters = re.findall(r'([a-z_]+)="([^"\\]*)"(?:, |$)', rest)
            assert ", ".join(f'{key_}="{text}"' for key_, text in parameters) == rest
            assert len(dict(parameters)) == len(parameters)
            found.append((scheme, dict(parameters)))
    return found


def test_bearer_is_offered_exactly_where_the_rule_takes_it() -> None:
    # RFC 9449 section 7.2: who sends both challenges accepts both kinds of tokens.
    terms = Terms(POLICY, ANCHORS)
    for rule, schemes in ((STRICT, ["DPoP"]), (HIGH, ["DPoP"]), (WEAK, ["DPoP", "Bearer"])):
        answer = need(Reason.TICKET_INVALID, terms.of(rule))
        assert answer.status == 401
        assert [scheme for scheme, _ in challenges_of(answer)] == schemes
        for scheme, parameters in challenges_of(answer):
            assert parameters["error"] == "invalid_token"
            assert ("algs" in parameters) is (scheme == "DPoP")
            assert ("realm" in parameters) is (scheme == "Bearer")  # RFC 6750: at least one parameter


def test_a_request_without_a_ticket_is_told_of_no_error() -> None:
    # RFC 6750 section 3.1: no error code, nor other error information.
    for asking in (Asking(), Terms(POLICY, ANCHORS).of(WEAK)):
        for _, parameters in challenges_of(need(Reason.TICKET_MISSING, asking)):
            assert not parameters.keys() & {"error", "error_description", "error_uri", "max_age", "acr_values"}


@pytest.mark.parametrize("reason", [each for each in Reason if each.step in ("ticket", "policy")])
def test_step_up_says_what_would_do(reason: Reason) -> None:
    # RFC 9470 section 3.
    step_up = reason in (Reason.ADMISSION_TOO_OLD, Reason.BINDING_TOO_WEAK, Reason.ASSURANCE_TOO_LOW)
    terms = Terms(POLICY, ANCHORS)
    for rule, more in (
        (STRICT, {}),
        (WEAK, {"max_age": "600"}),
        (HIGH, {"acr_values": "urn:citizenid:assurance:eidas:high urn:citizenid:assurance:eidas:substantial"}),
    ):
        for _, parameters in challenges_of(need(reason, terms.of(rule))):
            stated = {name: parameters[name] for name in ("max_age", "acr_values") if name in parameters}
            assert stated == (more if step_up else {})
            if reason is not Reason.TICKET_MISSING:
                assert parameters["error"] == ("insufficient_user_authentication" if step_up else "invalid_token")


def test_an_acr_value_has_no_space_and_no_quote() -> None:
    assert acr_of(Assurance('my "frame work"', "le\\vel:\u00e9")) == (
        "urn:citizenid:assurance:my%20%22frame%20work%22:le%5Cvel%3A%C3%A9"
    )


def test_the_metadata_of_the_resource_is_named_in_each_challenge() -> None:
    terms = Terms(POLICY, ANCHORS, resource_metadata=METADATA)
    for asking in (terms.of(WEAK), terms.of(None)):
        for reason in (Reason.TICKET_MISSING, Reason.TICKET_EXPIRED):
            found = challenges_of(need(reason, asking))
            assert len(found) == 2
            assert all(parameters["resource_metadata"] == METADATA for _, parameters in found)
    assert "resource_metadata" not in challenges_of(need(Reason.TICKET_MISSING, Terms(POLICY, ANCHORS).of(WEAK)))[0][1]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://gateway.example",
        "https://a.example/#x",
        "https://a.example/ x",
        'https://a.example/"',
        "https://é",
        "https://a.example/\n",
        "https://a.example/\\",
        "https://" + "a" * 2048,
        5,
        b"https://a.example",
    ],
)
def test_a_url_that_is_none_is_refused_at_once(url: Any) -> None:
    for options in ({"resource_metadata": url}, {"proof_request": ProofRequest(lambda *_: "x", url)}):
        with pytest.raises(CitizenIDError) as caught:
            Terms(POLICY, ANCHORS, **options)
        assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("proof_request", [5, "x", lambda *_: "x", ProofRequest(None, TOKENS)])  # type: ignore[arg-type]  # so
def test_a_proof_request_that_is_none_is_refused_at_once(proof_request: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        Terms(POLICY, ANCHORS, proof_request=proof_request)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_the_body_carries_the_query_of_the_rule() -> None:
    terms = Terms(POLICY, ANCHORS)
    for rule in (STRICT, WEAK, HIGH):
        document = json.loads(need(Reason.CITIZENSHIP_NOT_SHOWN, terms.of(rule)).body)
        assert document["dcql_query"] == dcql_query(rule, anchors=ANCHORS)
        assert document["nonce"] == CHALLENGE.nonce
    for asking in (Asking(), terms.of(None), terms.of(OPEN), Terms(POLICY, TrustAnchors()).of(STRICT)):
        assert "dcql_query" not in json.loads(need(Reason.TICKET_MISSING, asking).body)


def test_what_a_rule_asks_for_is_made_once() -> None:
    terms = Terms(POLICY, ANCHORS)
    assert terms.of(STRICT) is terms.of(STRICT)
    assert terms.of(STRICT).query is not terms.of(HIGH).query
    assert terms.of(None).bearer and terms.of(None).query is None
    assert (
        not Terms(AdmissionPolicy.from_toml(p.toml([{"resource": "a", "nationality": ["DE"]}])), ANCHORS)
        .of(None)
        .bearer
    )


@pytest.mark.parametrize(
    "reason",
    [
        Reason.TICKET_MISSING,
        Reason.TICKET_INVALID,
        Reason.TICKET_EXPIRED,
        Reason.SIGNED_OUT,
        Reason.ANCHOR_REMOVED,
    ],
)
def test_who_comes_without_a_good_ticket_is_told_what_the_rule_of_his_resource_asks_for(reason: Reason) -> None:
    # The first request of each client is one of these. Bearer is offered where this rule takes it, not where any does.
    world = World()
    alice, trusted = world.wallet(), anchors()
    ticket: str | None = world.ticket(alice)
    if reason is Reason.TICKET_MISSING:
        ticket = None
    elif reason is Reason.TICKET_INVALID:
        ticket = "x" * 171
    elif reason is Reason.TICKET_EXPIRED:
        world.wait(3_600)
    elif reason is Reason.SIGNED_OUT:
        signing_out = request(ticket, world.proof(alice.sender, ticket, url=ORIGIN + ENDPOINT), path=ENDPOINT)
        assert type(world.gateway.sign_out(signing_out)) is SignedOut
    else:
        trusted = anchors("another issuer")
        world.gateway.reload(anchors=trusted)
    for rule in policy().rules[1:]:
        resource = rule.resources[0]
        proof = world.proof(alice.sender, ticket)
        asked = needed(world.gateway.authorize(request(ticket, proof), resource=resource), reason)
        answer = asked.http()
        body = json.loads(answer.body)
        assert body["dcql_query"] == dcql_query(rule, anchors=trusted)
        assert Challenge.from_text(body["challenge"]).audience == AUDIENCE
        schemes = [scheme for scheme, _ in challenges_of(answer)]
        assert schemes == (["DPoP", "Bearer"] if rule.binding is Binding.BEARER else ["DPoP"])


def test_two_tickets_are_answered_with_what_the_rule_asks_for_and_no_challenge() -> None:
    for rule in policy().rules[1:]:
        two = request("one", further=[(b"citizenship-ticket", b"another")])
        answer = needed(World().gateway.authorize(two, resource=rule.resources[0]), Reason.TICKET_INVALID).http()
        body = json.loads(answer.body)
        assert body["dcql_query"] == dcql_query(rule, anchors=anchors())
        schemes = [scheme for scheme, _ in challenges_of(answer)]
        assert schemes == (["DPoP", "Bearer"] if rule.binding is Binding.BEARER else ["DPoP"])


# --- x401 ---


def proof_request(answer: Answer) -> Any:
    """Return the payload of the PROOF-REQUEST header, or None."""
    values = [value for name, value in answer.headers if name == b"proof-request"]
    if not values:
        return None
    (value,) = values
    assert b"=" not in value
    return json.loads(base64.urlsafe_b64decode(value + b"=" * (-len(value) % 4)))


def test_x401_carries_the_request_that_the_operator_signed() -> None:
    signed: list[tuple[Challenge, Mapping[str, Any]]] = []

    def sign(challenge: Challenge, query: Mapping[str, Any]) -> str:
        signed.append((challenge, query))
        return "a.signed.request"

    terms = Terms(POLICY, ANCHORS, proof_request=ProofRequest(sign, TOKENS))
    answer = need(Reason.TICKET_MISSING, terms.of(STRICT))
    assert proof_request(answer) == {
        "scheme": "x401",
        "version": "0.2.0",
        "credential_requirements": {
            "digital": {"requests": [{"protocol": "openid4vp-v1-signed", "data": {"request": "a.signed.request"}}]}
        },
        "oauth": {"token_endpoint": TOKENS},
    }
    assert signed == [(CHALLENGE, terms.of(STRICT).query)]
    assert [scheme for scheme, _ in challenges_of(answer)] == ["DPoP"]  # in a header of its own, as the draft says


def test_without_a_challenge_a_query_or_a_signer_there_is_no_x401() -> None:
    terms = Terms(POLICY, ANCHORS, proof_request=ProofRequest(lambda *_: "a.b.c", TOKENS))
    assert proof_request(need(Reason.TICKET_MISSING, terms.of(STRICT), challenge=None)) is None
    assert proof_request(need(Reason.TICKET_MISSING, terms.of(OPEN))) is None
    assert proof_request(need(Reason.TICKET_MISSING, terms.of(None))) is None
    assert proof_request(need(Reason.TICKET_MISSING, Terms(POLICY, ANCHORS).of(STRICT))) is None


@pytest.mark.parametrize(
    "outcome", [None, "", 5, b"a.b.c", "a" * 8_192, OSError("the HSM"), ValueError(), KeyError("x")]
)
def test_a_signer_that_fails_sends_no_header_and_the_answer_goes_out(outcome: Any) -> None:
    def sign(*_: object) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    terms = Terms(POLICY, ANCHORS, proof_request=ProofRequest(sign, TOKENS))
    answer = need(Reason.TICKET_MISSING, terms.of(STRICT))
    assert answer.status == 401
    assert proof_request(answer) is None
    assert "dcql_query" in json.loads(answer.body)


def test_what_a_signer_makes_of_the_query_is_asked_of_nobody_else() -> None:
    def sign(challenge: Challenge, query: Any) -> str:
        query["nonce"] = challenge.nonce
        query["credentials"][0].clear()
        return "a.signed.request"

    terms = Terms(POLICY, ANCHORS, proof_request=ProofRequest(sign, TOKENS))
    before = copy.deepcopy(terms.of(STRICT).query)
    assert dict(terms.of(STRICT).headers(Reason.TICKET_MISSING, CHALLENGE))[b"proof-request"]
    assert terms.of(STRICT).query == before


def test_a_header_has_a_bound() -> None:
    def with_length(length: int) -> Any:
        terms = Terms(POLICY, ANCHORS, proof_request=ProofRequest(lambda *_: "a" * length, TOKENS))
        return proof_request(need(Reason.TICKET_MISSING, terms.of(STRICT)))

    fits = [length for length in range(5_900, 6_100) if with_length(length)]
    assert fits == list(range(5_900, fits[-1] + 1)) and fits[-1] < 6_099
