"""What is attacked: how a gateway of somebody else is made, and how answers are read.

Spec: specs/testing.md.
"""

from __future__ import annotations

import json
from unittest import mock

import pytest

from citizenid import Format, Reason, TrustAnchors
from citizenid.gateway import Answer, Gateway, Request
from citizenid.testing import Kind, SimulatedWorld, UnexpectedOutcomeError, attack_catalogue
from citizenid.testing.forge.parts import NOW
from citizenid.testing.forgery import ALLOWED, NOT_OFFERED, Outcome
from citizenid.testing.targets import VERIFY, Handler, Library, Served, outcome_of, serving
from citizenid.testing.trials import sd_jwt
from citizenid.testing.world import ENDPOINT, UPTIME_S

OURS = Served(lambda world: serving(world.gateway))
DENIED = Answer(403, (), b"")


@pytest.mark.parametrize("number", ["DPO-011", "DPO-012"])
def test_a_gateway_that_is_made_for_the_world_takes_proofs_from_before(number: str) -> None:
    (attack,) = (each for each in attack_catalogue(served=True) if each.id == number)
    attack.run(Served(lambda world: serving(Gateway(**world.arguments()))))


def test_a_challenge_of_somebody_else_may_be_any_text() -> None:
    ours: dict[str, str] = {}

    def make(world: SimulatedWorld) -> Handler:
        within = serving(Gateway(**world.arguments()))

        def answer(request: Request, body: bytes) -> Answer:
            if request.url.endswith(ENDPOINT):
                shown = json.loads(body)
                body = json.dumps({**shown, "challenge": ours[shown["challenge"]]}).encode()
            said = within(request, body)
            document = json.loads(said.body or b"{}")
            if "challenge" not in document:
                return said
            ours[name := f"challenge {len(ours)}"] = document["challenge"]
            return Answer(said.status, said.headers, json.dumps({**document, "challenge": name}).encode())

        return answer

    (attack,) = (each for each in attack_catalogue(served=True) if each.id == "TIM-001")
    outcomes = {each.trial.name: each.outcome for each in attack.run(Served(make))}
    assert outcomes["a key binding of an hour, and a challenge that says it may be"] == NOT_OFFERED


def test_it_is_made_before_now_and_asked_at_now() -> None:
    made: list[tuple[float, float]] = []

    def make(world: SimulatedWorld) -> Handler:
        made.append((world.clock(), world.monotonic()))
        return serving(world.gateway)

    party = Served(make).party()
    assert party.world.now == NOW
    assert made == [(NOW - UPTIME_S, party.world.monotonic() - UPTIME_S)]


def test_a_gateway_that_admits_nobody_gives_no_ticket_and_the_failure_says_why() -> None:
    party = Library().party(anchors=TrustAnchors())
    with pytest.raises(AssertionError, match=r"^no ticket: key_unknown at V2$"):
        party.ticket()


def test_the_arguments_of_the_verification_of_somebody_else_cannot_be_replaced() -> None:
    with pytest.raises(AssertionError, match="cannot be replaced"):
        OURS.present(sd_jwt(), now=NOW)


def test_what_a_gateway_of_somebody_else_does_not_admit_is_refused_for_its_reason() -> None:
    assert OURS.present(sd_jwt()).allowed
    assert OURS.present(sd_jwt(payload={"exp": NOW})).reason is Reason.EXPIRED


def test_what_verification_returns_in_place_of_a_verdict_is_no_acceptance() -> None:
    with mock.patch.dict(VERIFY, {Format.SD_JWT_VC: lambda data: True}), pytest.raises(AssertionError, match="True"):
        Library().present(sd_jwt())


@pytest.mark.parametrize("status", [100, 199, 300, 401, 503])
@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"no", b"[]", b"7", b"{}", b'{"reason": null}', b'{"reason": ["expired"]}', b'{"reason": "x"}'],
)
def test_an_answer_of_somebody_else_that_does_not_allow_is_a_refusal_without_a_reason(status: int, body: bytes) -> None:
    assert outcome_of(Answer(status, (), body)) == Outcome(False)


def test_an_answer_of_ours_is_read_and_one_that_allows_is_not() -> None:
    body = json.dumps({"reason": "expired", "step": "V6"}).encode()
    assert outcome_of(Answer(403, (), body)) == Outcome(False, Reason.EXPIRED, "V6")
    assert outcome_of(Answer(403, (), b'{"reason": "expired"}')) == Outcome(False, Reason.EXPIRED)
    assert [outcome_of(Answer(status, (), body)) for status in (200, 204, 299)] == [ALLOWED] * 3


def test_what_is_admitted_is_not_refused_by_what_its_ticket_is_good_for() -> None:
    # One that takes any presentation, and whose tickets nobody can use.
    def make(world: SimulatedWorld) -> Handler:
        within = serving(world.gateway)

        def answer(request: Request, body: bytes) -> Answer:
            if request.url.endswith(ENDPOINT):
                return Answer(200, (), b'{"ticket": "good for nothing"}')
            return within(request, body) if not body and b"citizenship-ticket" not in dict(request.headers) else DENIED

        return answer

    (attack,) = (each for each in attack_catalogue(served=True) if each.id == "ALG-001")
    with pytest.raises(UnexpectedOutcomeError) as failed:
        attack.run(Served(make, names_reasons=False))
    assert {each.trial.kind for each in failed.value.findings} == {Kind.ACCEPTED, Kind.REFUSED}
    assert {each.outcome.failure for each in failed.value.findings} == {"admitted, and then refused"}
    assert len(failed.value.findings) == sum(each.anywhere for each in attack.trials())


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_gateway_that_broke_or_that_nobody_reached_has_not_refused(status: int) -> None:
    assert outcome_of(Answer(status, (), b"<html>")) == Outcome(False, failure=f"it answered {status}")
    named = Outcome(False, Reason.STATUS_LIST_UNAVAILABLE)
    assert outcome_of(Answer(status, (), b'{"reason": "status_list_unavailable"}')) == named
