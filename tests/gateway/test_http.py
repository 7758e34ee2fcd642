"""What goes in over HTTP and what comes out: headers in every shape, and the answer to every result.

Spec: RFC 9110 sections 5.5, 10.2.3 and 11.6.1; RFC 9457; RFC 9449 section 7.1; RFC 9470; DESIGN section 5.
"""

from __future__ import annotations

import itertools
import json
import re
import tracemalloc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import builders_sd_cwt
import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import Challenge, Format, MalformedError, NeedStatusList, Reason
from citizenid.gateway import Admitted, Allow, Answer, Binding, Deny, NeedPresentation, Request
from citizenid.gateway.http import read_credentials, read_fields

from .notes import Notes
from .senders import Sender
from .world import (
    AUDIENCE,
    ENDPOINT,
    ORIGIN,
    PATH,
    STRICT_POLICY,
    World,
    allowed,
    anchors,
    base64url,
    challenges_of,
    denied,
    hand_made_proof,
    header_of,
    key,
    needed,
    request,
    status_anchors,
    unbase64url,
)

TICKET, DPOP = b"citizenship-ticket", b"dpop"


def document_of(answer: Answer) -> dict[str, Any]:
    """Read the body of an answer as the JSON object it must be."""
    document = json.loads(answer.body)
    assert type(document) is dict
    return document


def check_problem(answer: Answer, status: int, reason: Reason) -> dict[str, Any]:
    """Expect a problem document that an OpenAI client can read too (RFC 9457 section 3)."""
    assert answer.status == status
    assert header_of(answer, b"content-type") == b"application/problem+json"
    assert header_of(answer, b"cache-control") == b"no-store"
    assert all(name == name.lower() for name, _ in answer.headers)
    assert all(b"\r" not in part and b"\n" not in part for header in answer.headers for part in header)
    document = document_of(answer)
    assert document["status"] == status
    assert document["reason"] == reason.value
    assert document["type"] == f"urn:citizenid:reason:{reason.value}"
    assert document["title"]
    assert document["error"] == {
        "message": document["title"],
        "type": "citizenship",
        "code": reason.value,
        "param": None,
    }
    return document


# --- headers in ---


@pytest.mark.parametrize("name", [b"citizenship-ticket", b"Citizenship-Ticket", b"CITIZENSHIP-TICKET"])
@pytest.mark.parametrize("proof_name", [b"dpop", b"DPoP", b"DPOP"])
def test_names_of_headers_in_any_case(name: bytes, proof_name: bytes) -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    headers = [(proof_name, world.proof(alice.sender, ticket)), (name, ticket.encode())]
    allowed(world.gateway.authorize(Request("POST", ORIGIN + PATH, headers), resource="us-nationals"))


@pytest.mark.parametrize("second", ["same", "other", "empty"])
def test_two_tickets_are_refused(second: str) -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    further = {"same": ticket, "other": world.ticket(alice), "empty": ""}[second].encode()
    for headers in ([(b"Citizenship-Ticket", further)], [(TICKET, further)]):
        asked = request(ticket, world.proof(alice.sender, ticket), further=headers)
        needed(world.gateway.authorize(asked, resource="us-nationals"), Reason.TICKET_INVALID)


def test_two_tickets_are_answered_alike_at_every_door() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    proof = world.proof(alice.sender, ticket)
    asked = request(ticket, proof, further=[(TICKET, ticket.encode())])
    for result in (world.gateway.renew(asked), world.gateway.sign_out(asked)):
        stated = challenges_of(needed(result, Reason.TICKET_INVALID).http())
        assert all(b'error="invalid_token"' in each for each in stated)
    challenge = world.challenge(alice.sender)
    asked = request(ticket, world.proof(alice.sender, url=ORIGIN + ENDPOINT), path=ENDPOINT, further=asked.headers)
    result = world.gateway.admit(
        world.present(alice, challenge), format=alice.format, challenge=challenge.to_text(), request=asked
    )
    answer = denied(result, Reason.TICKET_INVALID, "ticket").http()
    assert answer.status == 401
    assert b'error="invalid_token"' in header_of(answer, b"www-authenticate")
    allowed(world.gateway.authorize(request(ticket, proof), resource="us-nationals"))  # none of them has used it up


def test_joined_and_empty_tickets_are_refused() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    for value in (
        b"",
        b" ",
        f"{ticket},{ticket}",
        f"{ticket}, {ticket}",
        f" {ticket}",
        f"{ticket} ",
        f'"{ticket}"',
        f"Bearer {ticket}",
    ):
        needed(world.gateway.authorize(request(value), resource="us-nationals"), Reason.TICKET_INVALID)


def test_a_ticket_in_another_place_does_not_count() -> None:
    # Authorization is for the API key that pays; a ticket there, in a cookie or in the URL is no ticket.
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice, bearer=True).encode()
    for name, value in [
        (b"authorization", b"DPoP " + ticket),
        (b"authorization", b"Bearer " + ticket),
        (b"cookie", TICKET + b"=" + ticket),
        (b"x-citizenship-ticket", ticket),
        (b"citizenship_ticket", ticket),
    ]:
        asked = request(further=[(name, value)], path=PATH + "?citizenship-ticket=" + ticket.decode())
        needed(world.gateway.authorize(asked, resource="weak"), Reason.TICKET_MISSING)


@pytest.mark.parametrize(
    "headers",
    [
        None, 5, [5], [()], [(b"a",)], [(b"a", b"b", b"c")], [b"dpop: x"], [None], {b"dpop": b"x"}, ["ab"[:1]],
        [(list(b"dpop"), b"x")], [(None, b"x")], [(4, b"x")],
    ],
)  # fmt: skip
def test_headers_that_are_no_pairs_are_refused(headers: Any) -> None:
    world = World()
    denied(
        world.gateway.authorize(Request("POST", ORIGIN + PATH, headers), resource="weak"),
        Reason.REQUEST_INVALID,
        "request",
    )


class _Broken(bytes):
    """What a framework hands in, and fails at the first look."""

    def __len__(self) -> int:
        raise RuntimeError("away")

    def lower(self) -> bytes:
        raise RuntimeError("away")


class _BrokenPair(tuple[bytes, bytes]):
    def __iter__(self) -> Any:
        raise RuntimeError("away")


@pytest.mark.parametrize("header", [(_Broken(b"x"), b"y"), _BrokenPair((b"a", b"b"))], ids=["name", "pair"])
def test_headers_that_fail_when_they_are_looked_at_are_refused(header: Any) -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    good = request(ticket, world.proof(alice.sender, ticket))
    broken = good._replace(headers=[*good.headers, header])
    for result in (
        world.gateway.authorize(broken, resource="us-nationals"),
        world.gateway.renew(broken),
        world.gateway.sign_out(broken),
        world.gateway.admit(
            b"", format=Format.SD_JWT_VC, challenge=world.challenge(alice.sender).to_text(), request=broken
        ),
    ):
        denied(result, Reason.REQUEST_INVALID, "request")
    assert world.gateway.admit_http(broken, b"{}").status == 403
    allowed(world.gateway.authorize(good, resource="us-nationals"))


@pytest.mark.parametrize("name", ["citizenship-ticket", "Citizenship-Ticket", "DPoP", "dpop"])
def test_names_of_our_headers_are_bytes(name: str) -> None:
    # A framework that hands in text must not be told that nothing was there.
    world = World()
    asked = Request("POST", ORIGIN + PATH, [(b"host", b"gateway.example"), (name, b"x")])  # type: ignore[list-item]  # what a caller without a type checker does
    denied(world.gateway.authorize(asked, resource="weak"), Reason.REQUEST_INVALID, "request")


@pytest.mark.parametrize("name", [TICKET, DPOP])
@pytest.mark.parametrize("value", ["text", None, 5, bytearray(b"x"), memoryview(b"x"), [b"x"]])
def test_values_of_our_headers_are_bytes(name: bytes, value: Any) -> None:
    world = World()
    refusal = world.gateway.authorize(Request("POST", ORIGIN + PATH, [(name, value)]), resource="weak")
    if value is None:  # as if it were not there
        needed(refusal, Reason.TICKET_MISSING)
    else:
        denied(refusal, Reason.REQUEST_INVALID, "request")


@pytest.mark.parametrize("header", [(b"x-other", "text"), (b"x-other", None)])
def test_where_a_signature_is_read_all_headers_are_bytes(header: Any) -> None:
    """It covers any of them: what cannot be read must not look as if it were not there."""
    world = World()
    sender = Sender(Binding.HTTP_SIGNATURE)
    ticket = sender.ticket(world)
    allowed(world.gateway.authorize(sender.request(world, ticket), resource="us-nationals"))
    again = sender.request(world, ticket)
    refusal = world.gateway.authorize(again._replace(headers=[*again.headers, header]), resource="us-nationals")
    denied(refusal, Reason.REQUEST_INVALID, "request")
    # And where a challenge would be made for the sender of such headers, none is.
    without = Request("POST", ORIGIN + PATH, [header])
    need = needed(world.gateway.authorize(without, resource="weak"), Reason.TICKET_MISSING)
    assert "challenge" in document_of(world.gateway.authorize(request(), resource="weak").http())
    assert "challenge" not in document_of(need.http())


def test_a_name_of_a_header_has_a_bound() -> None:
    """What it costs to write a name in lower case is bounded, also where all headers are read."""
    fits, longer = b"x" * 16_384, b"x" * 16_385
    assert read_fields([(fits, b"1")]) == {fits: b"1"}
    with pytest.raises(MalformedError) as caught:
        read_fields([(longer, b"1")])
    assert (caught.value.reason, caught.value.where) == (Reason.REQUEST_INVALID, "headers")


def test_values_of_other_headers_are_not_looked_at() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    further: Any = [(b"x", None), (b"y" * 10_000, 5), (b"four", "x"), (b"eighteen-is-a-len.", object())]
    allowed(
        world.gateway.authorize(
            request(ticket, world.proof(alice.sender, ticket), further=further), resource="us-nationals"
        )
    )


def test_headers_may_be_a_generator() -> None:
    # Servers hand such things out. The proof in them is used twice: for the decision and for the challenge.
    world = World(STRICT_POLICY)
    alice = world.wallet()
    proof = world.proof(alice.sender)
    asked = Request("POST", ORIGIN + PATH, (header for header in [(DPOP, proof)]))
    need = needed(world.gateway.authorize(asked, resource="us-nationals"), Reason.TICKET_MISSING)
    for _ in range(2):
        assert "challenge" in document_of(need.http())


class TransportError(Exception):
    """As clients of servers define their errors: of no built-in class but `Exception`."""


@pytest.mark.parametrize("error", [RuntimeError("changed size"), OSError(), KeyError("secret"), TransportError()])
def test_headers_whose_iterator_fails_are_refused(error: Exception) -> None:
    def failing() -> Iterator[tuple[bytes, bytes]]:
        yield b"host", b"gateway.example"
        raise error

    world = World()
    for call in (
        lambda: world.gateway.authorize(Request("POST", ORIGIN + PATH, failing()), resource="weak"),
        lambda: world.gateway.renew(Request("POST", ORIGIN + PATH, failing())),
        lambda: world.gateway.sign_out(Request("POST", ORIGIN + PATH, failing())),
        lambda: world.gateway.admit(
            b"", format=Format.SD_JWT_VC, challenge="", request=Request("POST", ORIGIN + PATH, failing())
        ),
    ):
        denied(call(), Reason.REQUEST_INVALID, "request")
    answer = world.gateway.admit_http(Request("POST", ORIGIN + PATH, failing()), b"{}")
    check_problem(answer, 403, Reason.REQUEST_INVALID)


def test_repeated_headers_are_joined_in_their_order_at_once() -> None:
    # RFC 9421 section 2.1; and one by one, each of them would copy all those before it.
    headers = [(b"A", b" 1"), (b"b", b"x"), (b"a", b""), (b"a", b"2\t"), (b"B", b"y"), (b"c", b"\t z ")]
    assert read_fields(headers) == {b"a": b"1, , 2", b"b": b"x, y", b"c": b"z"}
    most, size = 1_000, 1_000
    tracemalloc.start()
    try:
        fields = read_fields([(b"a", b"v" * size)] * most)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(fields[b"a"]) == most * (size + 2) - 2
    assert peak < 1.5 * most * size  # what is joined, and no second copy of nearly all of it


@pytest.mark.parametrize("kind", [list, tuple, iter])
@pytest.mark.parametrize(("others", "fits"), [(998, True), (999, False)])
def test_headers_have_a_bound(kind: Any, others: int, fits: bool) -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    headers = [(b"x", b"y")] * others + [(DPOP, world.proof(alice.sender, ticket)), (TICKET, ticket.encode())]
    result = world.gateway.authorize(Request("POST", ORIGIN + PATH, kind(headers)), resource="us-nationals")
    if fits:
        allowed(result)
    else:
        denied(result, Reason.REQUEST_INVALID, "request")


def test_headers_without_an_end_are_refused() -> None:
    asked = Request("POST", ORIGIN + PATH, itertools.repeat((b"x", b"y")))
    denied(World().gateway.authorize(asked, resource="weak"), Reason.REQUEST_INVALID, "request")


NO_REQUESTS = [
    None,
    "x",
    5,
    (),
    ("POST", ORIGIN + PATH, [], None),
    Request,
    Answer(200, (), b""),
    SimpleNamespace(method="POST", url=ORIGIN + PATH, headers=[]),
]


@pytest.mark.parametrize("asked", NO_REQUESTS, ids=lambda asked: type(asked).__name__)
@pytest.mark.parametrize("resource", ["us-nationals", "weak", "open", "no rule", None])
def test_what_is_no_request_is_refused_whatever_is_asked_for(asked: Any, resource: Any) -> None:
    notes = Notes()
    for options in ({}, {"audit": notes}):
        result = World(**options).gateway.authorize(asked, resource=resource)
        denied(result, Reason.REQUEST_INVALID, "request")
    assert notes.check(result) is not None


@pytest.mark.parametrize("asked", NO_REQUESTS, ids=lambda asked: type(asked).__name__)
def test_what_is_no_request_is_refused_at_the_other_doors(asked: Any) -> None:
    world = World()
    gateway, challenge = world.gateway, world.challenge(world.anybody().sender)
    denied(gateway.renew(asked), Reason.REQUEST_INVALID, "request")
    denied(gateway.sign_out(asked), Reason.REQUEST_INVALID, "request")
    for text in (challenge.to_text(), "no challenge"):
        result = gateway.admit(b"x", format=Format.SD_JWT_VC, challenge=text, request=asked)
        denied(result, Reason.REQUEST_INVALID, "request")
    for body in (b"{}", b"[", b'{"format": "dc+sd-jwt", "challenge": "x", "presentation": "x"}'):
        check_problem(gateway.admit_http(asked, body), 403, Reason.REQUEST_INVALID)


def test_a_request_of_a_class_of_the_callers_own_is_one() -> None:
    class Traced(Request):
        pass

    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    asked = Traced(*request(ticket, world.proof(alice.sender, ticket)))
    allowed(world.gateway.authorize(asked, resource="us-nationals"))


@pytest.mark.parametrize(
    ("method", "url"), [(None, ORIGIN), (b"POST", ORIGIN), (5, ORIGIN), ("POST", None), ("POST", b"x"), ("POST", 5)]
)
def test_method_and_url_are_text(method: Any, url: Any) -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    asked = Request(method, url, request(ticket, world.proof(alice.sender, ticket)).headers)
    denied(world.gateway.authorize(asked, resource="us-nationals"), Reason.REQUEST_INVALID, "request")


def test_a_method_that_compares_as_it_likes_is_none() -> None:
    class AnyMethod(str):
        def __eq__(self, other: object) -> bool:
            return True

        def __ne__(self, other: object) -> bool:
            return False

        __hash__ = str.__hash__

    answer = World().gateway.admit_http(Request(AnyMethod("GET"), ORIGIN + ENDPOINT, []), b"{}")
    check_problem(answer, 403, Reason.REQUEST_INVALID)


def test_a_proof_has_a_bound() -> None:
    # A claim that is passed over makes it as long as is wanted, but for lengths that base64 does not have.
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    proofs = [hand_made_proof(alice.sender, {"x": "a" * length}, ticket=ticket) for length in range(11_700, 12_000)]
    longest = next(proof for proof in proofs if len(proof) in (16_383, 16_384))
    longer = next(proof for proof in proofs if len(proof) > 16_384)
    allowed(world.gateway.authorize(request(ticket, longest), resource="us-nationals"))
    denied(world.gateway.authorize(request(ticket, longer), resource="us-nationals"), Reason.INPUT_TOO_LARGE, "proof")


def test_a_url_has_a_bound() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    url = ORIGIN + "/" + "a" * (8_192 - len(ORIGIN) - 1)
    asked = request(ticket, world.proof(alice.sender, ticket, url=url), url=url)
    allowed(world.gateway.authorize(asked, resource="us-nationals"))
    asked = request(ticket, hand_made_proof(alice.sender, {"htu": url + "a"}, ticket=ticket), url=url + "a")
    denied(world.gateway.authorize(asked, resource="us-nationals"), Reason.REQUEST_INVALID, "request")


@pytest.mark.parametrize("url", ["https://", "https:///x", "https://?", "https://#", "http:///" + PATH])
def test_a_url_has_a_host(url: str) -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    asked = request(ticket, world.proof(alice.sender, ticket, url=ORIGIN + "/"), url=url)
    denied(world.gateway.authorize(asked, resource="us-nationals"), Reason.REQUEST_INVALID, "request")


# --- answers ---


def test_allow_has_no_answer() -> None:
    assert not hasattr(Allow(1), "http")


def test_admitted_answers_with_the_ticket() -> None:
    world = World()
    admitted = world.admit(world.wallet())
    answer = admitted.http()
    assert answer.status == 200
    assert header_of(answer, b"content-type") == b"application/json"
    assert header_of(answer, b"cache-control") == b"no-store"
    assert document_of(answer) == {
        "ticket": admitted.ticket,
        "expires_at": admitted.expires_at,
        "ends_at": admitted.ends_at,
    }


OUR_SIDE = (
    "clock_unusable", "replay_guard_full", "replay_guard_unavailable", "sign_outs_full", "sign_outs_unavailable",
    "store_unavailable", "audit_unavailable", "configuration_invalid",
)  # fmt: skip
MENDABLE = {"ticket_invalid": b"invalid_token", "binding_too_weak": b"insufficient_user_authentication"}


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_that_somebody_can_mend_is_401_of_our_own_side_503_and_every_other_403(reason: Reason) -> None:
    for step in {reason.step, "proof", "V4"}:
        answer = Deny(reason, step, "somewhere").http()
        proof = step in ("proof", "replay") and reason.value not in OUR_SIDE
        mendable = proof or reason.value in MENDABLE
        document = check_problem(answer, 503 if reason.value in OUR_SIDE else 401 if mendable else 403, reason)
        assert document["step"] == step
        assert set(document) == {"type", "title", "status", "reason", "step", "error"}
        if mendable:
            nonce = reason in (Reason.PROOF_NONCE_MISSING, Reason.PROOF_NONCE_MISMATCH)
            error = b"use_dpop_nonce" if nonce else b"invalid_dpop_proof"
            error = error if proof else MENDABLE[reason.value]
            stated = header_of(answer, b"www-authenticate")
            assert stated.startswith(b'DPoP error="%s", algs="ES256 ' % error)
        else:
            assert not [name for name, _ in answer.headers if name == b"www-authenticate"]


@pytest.mark.parametrize("formats", [[], [Format.MDOC], [Format.SD_CWT, Format.SD_JWT_VC], list(Format)])
def test_the_formats_that_are_accepted_are_those_of_the_anchors(formats: list[Format]) -> None:
    gateway = World(anchors=anchors(formats=formats) | status_anchors()).gateway  # who signs lists presents nothing
    for resource in ("us-nationals", "weak"):
        need = needed(gateway.authorize(request(), resource=resource), Reason.TICKET_MISSING)
        assert list(need.formats) == [each for each in Format if each in formats]
        assert json.loads(need.http().body)["formats"] == list(need.formats)
    gateway.reload(anchors=anchors(formats=[Format.SD_CWT]))
    need = needed(gateway.authorize(request(), resource="weak"), Reason.TICKET_MISSING)
    assert need.formats == (Format.SD_CWT,)


def test_a_need_for_a_presentation_is_401_with_all_that_is_needed_for_one() -> None:
    world = World()
    alice = world.wallet()
    proof = world.proof(alice.sender)
    need = needed(world.gateway.authorize(request(None, proof), resource="us-nationals"), Reason.TICKET_MISSING)
    answer = need.http()
    document = check_problem(answer, 401, Reason.TICKET_MISSING)
    assert document["endpoint"] == ORIGIN + ENDPOINT
    assert document["formats"] == [Format.SD_JWT_VC]
    assert document["audience"] == AUDIENCE
    challenge = Challenge.from_text(document["challenge"])
    assert (challenge.nonce, challenge.audience) == (document["nonce"], AUDIENCE)
    # RFC 6750 section 3.1: who has shown nothing is told of no error.
    (dpop,) = challenges_of(answer)  # another rule of this policy takes a bearer ticket, and this one does not
    assert dpop.startswith(b'DPoP algs="ES256 ')
    # And it is one: a presentation for it is admitted.
    admitted = world.gateway.admit(
        world.present(alice, challenge),
        format=Format(document["formats"][0]),
        challenge=document["challenge"],
        request=request(path=ENDPOINT, proof=world.proof(alice.sender, url=document["endpoint"])),
    )
    assert isinstance(admitted, Admitted)


def test_the_challenge_is_for_the_key_that_was_shown_and_new_each_time() -> None:
    world = World(STRICT_POLICY)
    alice = world.wallet()
    need = needed(
        world.gateway.authorize(request(None, world.proof(alice.sender)), resource="us-nationals"),
        Reason.TICKET_MISSING,
    )
    assert len({document_of(need.http())["nonce"] for _ in range(5)}) == 5
    # Without a key there is nothing to make it for, where no rule takes bearer tickets.
    for proof in (None, b"", b"garbage", b"a.b.c", b"A" * 100_000):
        need = needed(world.gateway.authorize(request(None, proof), resource="us-nationals"), Reason.TICKET_MISSING)
        assert "challenge" not in document_of(need.http())


def test_who_shows_a_broken_proof_is_not_offered_the_weaker_binding() -> None:
    world = World()
    for proof, offered in ((None, True), (b"garbage", False), (b"", False)):
        need = needed(world.gateway.authorize(request(None, proof), resource="weak"), Reason.TICKET_MISSING)
        assert ("challenge" in document_of(need.http())) is offered


def test_a_need_that_a_stronger_presentation_ends_asks_for_step_up() -> None:
    # RFC 9470: too old, or too weakly bound. What shows too little asks for another one just so.
    world = World()
    alice = world.wallet()
    bearer = world.ticket(alice, bearer=True)
    weak = needed(world.gateway.authorize(request(bearer), resource="us-nationals"), Reason.BINDING_TOO_WEAK)
    ticket = world.ticket(alice)
    world.wait(601)
    old = needed(world.ask(alice, ticket, "fresh"), Reason.ADMISSION_TOO_OLD)
    for need in (weak, old):
        answer = need.http()
        check_problem(answer, 401, need.reason)
        assert b'error="insufficient_user_authentication"' in header_of(answer, b"www-authenticate")
    less = needed(world.ask(alice, ticket, "us-citizens"), Reason.CITIZENSHIP_NOT_SHOWN)
    assert b'error="invalid_token"' in header_of(less.http(), b"www-authenticate")


def test_a_need_for_a_status_list_is_503_with_a_time_to_come_again() -> None:
    for need in (NeedStatusList("https://id.example/1"), NeedStatusList("", Reason.STATUS_LIST_STALE)):
        answer = need.http()
        document = check_problem(answer, 503, need.reason)
        assert int(header_of(answer, b"retry-after")) > 0
        assert set(document) == {"type", "title", "status", "reason", "error"}  # not whose list


def test_a_value_of_www_authenticate_is_well_formed() -> None:
    need = needed(World().gateway.authorize(request("x"), resource="weak"), Reason.TICKET_INVALID)
    for answer in (Deny(Reason.PROOF_STALE, "proof").http(), need.http()):
        form = rb'DPoP error="[a-z_]+", algs="[A-Za-z0-9 -]+"|Bearer realm="citizenship", error="[a-z_]+"'
        assert all(re.fullmatch(form, each) for each in challenges_of(answer))


# --- nothing leaks ---

MARK = "m4rk3d"


def test_no_value_of_a_request_is_in_an_answer() -> None:
    # A mark in every part that a client controls; every kind of refusal; body, headers and repr searched for it.
    world = World()
    alice = world.wallet("alice", ["US"], claims={"family_name": MARK})
    ticket = world.ticket(alice)
    good = world.proof(alice.sender, ticket)
    mark = MARK.encode()
    asked = [
        request(mark, mark),
        request(mark, good),
        request(ticket, mark),
        request(ticket, good, path="/" + MARK),
        request(ticket, good, method=MARK),
        request(ticket, good, further=[(b"dpop", mark)]),
        request(ticket, good, further=[(b"citizenship-ticket", mark)]),
        request(None, None, further=[(mark, mark), (b"host", mark), (b"x-forwarded-host", mark)]),
        Request(MARK, MARK, [(mark, mark)]),
    ]
    results: list[Any] = [
        world.gateway.authorize(each, resource=name) for each in asked for name in ("us-citizens", "us/" + MARK, MARK)
    ]
    for text in (MARK, "1.300.s" + MARK + "AAAA." + MARK):
        results.append(world.gateway.admit(MARK, format=MARK, challenge=text, request=asked[0]))  # type: ignore[arg-type]  # as a client may name it
    challenge = world.challenge(alice.sender)
    for data in (MARK, world.present(alice, challenge, ["family_name"])[:-9]):
        results.append(
            world.gateway.admit(
                data,
                format=Format.SD_JWT_VC,
                challenge=challenge.to_text(),
                request=request(path=ENDPOINT, proof=world.proof(alice.sender, url=ORIGIN + ENDPOINT)),
            )
        )
    for result in results:
        assert not isinstance(result, Allow | Admitted)
        answer = result.http()
        assert MARK not in repr(result)
        assert mark not in answer.body
        assert all(mark not in part for header in answer.headers for part in header)
    kinds = {type(result) for result in results}
    assert kinds == {Deny, NeedPresentation}


def test_nothing_secret_is_in_a_repr() -> None:
    world = World()
    alice = world.wallet()
    admitted = world.admit(alice)
    asked = request(admitted.ticket, world.proof(alice.sender, admitted.ticket))
    allow = allowed(world.gateway.authorize(asked, resource="us-nationals"))
    read = read_credentials(asked.headers)
    assert (read.ticket, read.proof) == (admitted.ticket.encode(), dict(asked.headers)[DPOP])
    shown = " ".join(
        map(repr, (admitted, admitted.http(), asked, read, allow, world.gateway, vars(world.gateway), str(asked)))
    )
    for secret in (admitted.ticket, "sk-42", asked.headers[-1][1].decode(), str(allow.session_id)):  # type: ignore[index]  # a list here
        assert secret not in shown


# --- the admission endpoint ---


def post(world: World, body: bytes, proof: bytes | None = None, **how: Any) -> Answer:
    return world.gateway.admit_http(request(path=ENDPOINT, proof=proof, **how), body)


def test_the_whole_way_over_http() -> None:
    world = World()
    alice = world.wallet()
    asked = document_of(post(world, b"{}", world.proof(alice.sender, url=ORIGIN + ENDPOINT)))
    challenge = Challenge.from_text(asked["challenge"])
    body = {
        "format": "dc+sd-jwt",
        "challenge": asked["challenge"],
        "presentation": world.present(alice, challenge).decode(),
    }
    answer = post(world, json.dumps(body).encode(), world.proof(alice.sender, url=ORIGIN + ENDPOINT))
    assert answer.status == 200
    allowed(world.ask(alice, document_of(answer)["ticket"]))


def test_the_whole_way_over_http_with_an_sd_cwt() -> None:
    world = World(anchors=builders_sd_cwt.anchors())
    sender = key("sender of an sd-cwt")
    challenge = world.challenge(sender)

    def hand_in(data: bytes, format_: str = "sd-cwt", further: bytes = b"") -> Answer:
        text = (base64url(data) + further).decode()
        body = {"format": format_, "challenge": challenge.to_text(), "presentation": text}
        return post(world, json.dumps(body).encode(), world.proof(sender, url=ORIGIN + ENDPOINT))

    nonce = str(challenge.nonce).encode()
    good = builders_sd_cwt.make(kb={39: nonce})
    check_problem(hand_in(good, "dc+sd-jwt"), 403, Reason.MALFORMED_TOKEN)
    check_problem(hand_in(good, "mso_mdoc"), 403, Reason.MALFORMED_CBOR)
    check_problem(hand_in(good, further=b"="), 403, Reason.MALFORMED_BASE64)
    for cnonce in (challenge.nonce, unbase64url(nonce), nonce + b"=", nonce[:-1]):
        check_problem(hand_in(builders_sd_cwt.make(kb={39: cnonce})), 403, Reason.NONCE_MISMATCH)
    issued = cbor2.dumps(builders_sd_cwt.credential())
    check_problem(hand_in(issued), 403, Reason.KEY_BINDING_MISSING)
    answer = hand_in(good)
    assert answer.status == 200
    ticket = document_of(answer)["ticket"]
    allowed(world.gateway.authorize(request(ticket, world.proof(sender, ticket)), resource="us-nationals"))
    check_problem(hand_in(good), 401, Reason.REPLAYED)


def test_an_empty_object_asks_for_a_challenge() -> None:
    world = World(STRICT_POLICY)
    alice = world.wallet()
    document = check_problem(
        post(world, b" {} ", world.proof(alice.sender, url=ORIGIN + ENDPOINT)), 401, Reason.TICKET_MISSING
    )
    assert Challenge.from_text(document["challenge"]).audience == AUDIENCE
    assert "challenge" not in check_problem(post(world, b"{}"), 401, Reason.TICKET_MISSING)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.MALFORMED_JSON),
        (b"null", Reason.MALFORMED_JSON),
        (b"[]", Reason.MALFORMED_JSON),
        (b"{}{}", Reason.MALFORMED_JSON),
        (b'{"format":NaN}', Reason.MALFORMED_JSON),
        (b"\xff\xfe{\x00}\x00", Reason.MALFORMED_JSON),
        (b'{"format":"a","format":"b"}', Reason.DUPLICATE_MEMBER),
        (b'{"format":' + b"[" * 10 + b"]" * 10 + b"}", Reason.DEPTH_EXCEEDED),
        (b'{"format":"dc+sd-jwt"}', Reason.REQUEST_INVALID),
        (b'{"format":"dc+sd-jwt","challenge":"x"}', Reason.REQUEST_INVALID),
        (b'{"format":"a","challenge":"b","presentation":"c","more":1}', Reason.REQUEST_INVALID),
        (b'{"format":"a","challenge":"b","presentation":null}', Reason.REQUEST_INVALID),
        (b'{"format":"a","challenge":"b","presentation":["c"]}', Reason.REQUEST_INVALID),
        (b'{"Format":"a","challenge":"b","presentation":"c"}', Reason.REQUEST_INVALID),
        (b'{"format":"a","challenge":"b","presentation":"c"}', Reason.CHALLENGE_INVALID),
        (b'{"format":"' + b"a" * 600_000 + b'"}', Reason.INPUT_TOO_LARGE),
        (b" " * 10_000_000, Reason.INPUT_TOO_LARGE),
    ],
    ids=lambda value: value[:24].decode("latin-1") if isinstance(value, bytes) else value.value,
)
def test_bodies_that_are_refused(body: bytes, reason: Reason) -> None:
    document = check_problem(post(World(), body), 403, reason)
    assert document["step"] == ("challenge" if reason is Reason.CHALLENGE_INVALID else "request")


@pytest.mark.parametrize("method", ["GET", "post", "PUT", "", None, b"POST"])
def test_the_endpoint_takes_post_alone(method: Any) -> None:
    check_problem(post(World(), b"{}", method=method), 403, Reason.REQUEST_INVALID)


@pytest.mark.parametrize("body", ["{}", None, bytearray(b"{}"), 5, {}])
def test_a_body_is_bytes(body: Any) -> None:
    check_problem(post(World(), body), 403, Reason.REQUEST_INVALID)


def test_a_format_that_we_do_not_know_is_refused() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(alice.sender).to_text()
    body = json.dumps({"format": "vc+sd-jwt", "challenge": challenge, "presentation": "x"}).encode()
    check_problem(post(world, body, world.proof(alice.sender, url=ORIGIN + ENDPOINT)), 403, Reason.REQUEST_INVALID)


@given(
    st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["format", "challenge", "presentation", "x"]),
        st.text(max_size=20) | st.none() | st.integers(),
        max_size=4,
    ).map(lambda members: json.dumps(members).encode())
)
def test_any_body_gets_an_answer(body: bytes) -> None:
    answer = post(World(), body)
    assert answer.status in (401, 403)
    assert json.loads(answer.body)["error"]["code"] in set(Reason)


def test_the_endpoint_is_configured() -> None:
    world = World(admission_path="/v2/admit")
    need: Any = world.gateway.authorize(request(None, world.proof(key("anybody"))), resource="weak")
    assert document_of(need.http())["endpoint"] == ORIGIN + "/v2/admit"
