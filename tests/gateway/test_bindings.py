"""A ticket bound to one proof is never accepted with another: every pair of bindings, at every door.

Spec: specs/profile-sender-proofs.md sections 1 and 4; DESIGN section 4.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import Challenge, CitizenIDError, Country, Format, Reason
from citizenid.gateway import AdmissionPolicy, Admitted, Allow, Binding, Deny, NeedPresentation, Request
from citizenid.policy import Rule

from .senders import KINDS, Sender, anybody, joined
from .world import (
    AUDIENCE,
    ENDPOINT,
    ORIGIN,
    PATH,
    STRICT_POLICY,
    World,
    allowed,
    base64url,
    denied,
    header_of,
    needed,
    unbase64url,
)

BOUND = [binding for binding in KINDS if binding is not Binding.BEARER]


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.mark.parametrize("binding", KINDS)
def test_each_binding_admits_and_serves(binding: Binding, world: World) -> None:
    sender = Sender(binding)
    ticket = sender.ticket(world)
    for _ in range(2):
        assert allowed(sender.ask(world, ticket)).session_id is not None


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
def test_both_algorithms_sign_messages(algorithm: str, world: World) -> None:
    sender = Sender(Binding.HTTP_SIGNATURE, "signer", algorithm)
    allowed(sender.ask(world, sender.ticket(world)))


@pytest.mark.parametrize(("bound", "shown"), list(itertools.product(BOUND, KINDS)))
def test_a_ticket_of_one_binding_is_never_accepted_with_another_proof(
    bound: Binding, shown: Binding, world: World
) -> None:
    # The other proof is in order, for this very request and ticket, and by the same key where both have one.
    ticket = Sender(bound).ticket(world)
    result = Sender(shown).ask(world, ticket)
    if bound is shown:
        allowed(result)
    else:
        denied(result, Reason.PROOF_MISSING, "proof")


@pytest.mark.parametrize("door", ["authorize", "renew", "sign_out"])
@pytest.mark.parametrize(("bound", "shown"), list(itertools.product(BOUND, KINDS)))
def test_at_every_door(bound: Binding, shown: Binding, door: str, world: World) -> None:
    ticket = Sender(bound).ticket(world)
    asked = Sender(shown).request(world, ticket)
    result: Any = (
        world.gateway.authorize(asked, resource="weak") if door == "authorize" else getattr(world.gateway, door)(asked)
    )
    if bound is not shown:
        denied(result, Reason.PROOF_MISSING, "proof")
        allowed(Sender(bound).ask(world, ticket))  # and nothing has happened to the session
    else:
        assert type(result).__name__ in {"Allow", "Admitted", "SignedOut"}


@pytest.mark.parametrize("bound", BOUND)
def test_all_other_proofs_together_are_not_the_one(bound: Binding, world: World) -> None:
    ticket = Sender(bound).ticket(world)
    others = [Sender(binding).request(world, ticket) for binding in KINDS if binding is not bound]
    denied(world.gateway.authorize(joined(*others), resource="weak"), Reason.PROOF_MISSING, "proof")
    # With its own among them it serves: what else a request shows is not looked at.
    everything = joined(Sender(bound).request(world, ticket), *others)
    allowed(world.gateway.authorize(everything, resource="weak"))


@pytest.mark.parametrize("bound", BOUND)
def test_the_proof_of_another_sender_is_refused(bound: Binding, world: World) -> None:
    ticket = Sender(bound).ticket(world)
    denied(Sender(bound, "thief").ask(world, ticket), Reason.PROOF_KEY_MISMATCH, "proof")


@pytest.mark.parametrize("shown", BOUND)
def test_a_bearer_ticket_gets_no_stronger_by_a_proof(shown: Binding, world: World) -> None:
    ticket = Sender(Binding.BEARER).ticket(world)
    allowed(Sender(shown).ask(world, ticket))
    needed(Sender(shown).ask(world, ticket, "us-nationals"), Reason.BINDING_TOO_WEAK)


@given(st.sampled_from(BOUND), st.sampled_from(KINDS), st.sampled_from(["client", "thief"]), st.booleans())
def test_property_only_its_own_proof_by_its_own_sender_for_its_own_ticket(
    bound: Binding, shown: Binding, name: str, swapped: bool
) -> None:
    ticket, other = TICKETS[bound], OTHERS[bound]
    sender = Sender(shown, name)
    proven = other if swapped else ticket
    result = WORLD.gateway.authorize(sender.request(WORLD, proven, shown=ticket), resource="weak")
    right = bound is shown and name == "client" and (not swapped or bound is Binding.MTLS)
    assert (type(result) is Allow) is right
    assert right or type(result) is Deny


WORLD = World()
TICKETS = {binding: Sender(binding).ticket(WORLD) for binding in KINDS}
OTHERS = {binding: Sender(binding).ticket(WORLD) for binding in KINDS}


# --- admission ---


@pytest.mark.parametrize(("made", "shown"), list(itertools.product(BOUND, KINDS)))
def test_a_challenge_of_one_binding_is_not_answered_with_another_proof(
    made: Binding, shown: Binding, world: World
) -> None:
    wallet, sender = anybody(world), Sender(made)
    challenge = world.gateway.challenge(sender=sender.thumbprint, binding=made)
    asked = Sender(shown).request(world, path=ENDPOINT)
    result = world.gateway.admit(
        world.present(wallet, challenge), format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=asked
    )
    if made is shown:
        assert type(result) is Admitted
    else:
        denied(result, Reason.PROOF_MISSING, "proof")


@pytest.mark.parametrize("made", BOUND)
def test_a_presentation_that_is_relayed_becomes_no_ticket_of_another_sender(made: Binding, world: World) -> None:
    wallet = anybody(world)
    challenge = world.gateway.challenge(sender=Sender(made).thumbprint, binding=made)
    asked = Sender(made, "thief").request(world, path=ENDPOINT)
    result = world.gateway.admit(
        world.present(wallet, challenge), format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=asked
    )
    denied(result, Reason.CHALLENGE_INVALID, "challenge")


@pytest.mark.parametrize(("made", "claimed"), list(itertools.permutations([Binding.DPOP, Binding.HTTP_SIGNATURE], 2)))
def test_the_kind_is_covered_though_the_key_is_the_same(made: Binding, claimed: Binding, world: World) -> None:
    # One key serves both: without the kind under the MAC, a challenge for the one would count for the other.
    wallet = anybody(world)
    challenge = world.gateway.challenge(sender=Sender(made).thumbprint, binding=made)
    nonce = bytearray(unbase64url(str(challenge.nonce)))
    nonce[1] = claimed
    forged = Challenge(AUDIENCE, base64url(bytes(nonce)).decode())
    result = world.gateway.admit(
        world.present(wallet, forged),
        format=Format.SD_JWT_VC,
        challenge=forged.to_text(),
        request=Sender(claimed).request(world, path=ENDPOINT),
    )
    denied(result, Reason.CHALLENGE_INVALID, "challenge")


@pytest.mark.parametrize(
    ("sender", "binding"),
    [
        (None, Binding.DPOP),
        (None, Binding.MTLS),
        (b"x" * 32, Binding.BEARER),
        (b"x" * 31, Binding.MTLS),
        (bytes(32), Binding.MTLS),
        (b"x" * 32, 1),
        (b"x" * 32, "dpop"),
    ],
)
def test_a_challenge_is_asked_for_with_what_goes_together(sender: Any, binding: Any, world: World) -> None:
    with pytest.raises(CitizenIDError) as caught:
        world.gateway.challenge(sender=sender, binding=binding)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


# --- what is offered ---


def offered(world: World, result: Any) -> Binding | None:
    assert type(result) is NeedPresentation, result
    challenge = result.new_challenge()
    if challenge is None:
        return None
    state, now = world.gateway._state, world.now
    keys = state.ring.at(now).challenges  # type: ignore[arg-type]  # a number of seconds
    _, binding, _ = keys.recognise(challenge.to_text(), now=now, lifetime_s=300)  # type: ignore[arg-type]  # the same
    return binding  # type: ignore[no-any-return]  # a test's shortcut


@pytest.mark.parametrize("shown", KINDS)
def test_a_challenge_is_offered_for_what_the_request_shows(shown: Binding, world: World) -> None:
    asked = Sender(shown).request(world)
    assert offered(world, world.gateway.authorize(asked, resource="weak")) is shown
    strict = World(STRICT_POLICY)
    expected = None if shown is Binding.BEARER else shown
    assert offered(strict, strict.gateway.authorize(Sender(shown).request(strict), resource="fresh")) is expected


def test_a_header_of_the_client_comes_before_a_certificate_that_may_be_that_of_his_mesh(world: World) -> None:
    requests = [Sender(binding).request(world) for binding in BOUND]
    assert offered(world, world.gateway.authorize(joined(*requests), resource="weak")) is Binding.DPOP
    assert offered(world, world.gateway.authorize(joined(*requests[1:]), resource="weak")) is Binding.HTTP_SIGNATURE


def test_what_reaches_the_floor_of_the_rule_is_offered_before_what_does_not() -> None:
    us = frozenset({Country("US")})
    rules = [Rule(1, ("strong",), False, us, False, Binding.MTLS, None)]
    strict = World()
    ticket = Sender(Binding.DPOP).ticket(strict)
    strict.gateway.reload(policy=AdmissionPolicy(rules))
    asked = joined(*(Sender(binding).request(strict, ticket) for binding in (Binding.DPOP, Binding.MTLS)))
    result = needed(strict.gateway.authorize(asked, resource="strong"), Reason.BINDING_TOO_WEAK)
    assert offered(strict, result) is Binding.MTLS
    asked = Sender(Binding.DPOP).request(strict, ticket)
    result = needed(strict.gateway.authorize(asked, resource="strong"), Reason.BINDING_TOO_WEAK)
    assert offered(strict, result) is Binding.DPOP  # nothing stronger is shown


@pytest.mark.parametrize("name", [b"Signature", b"Signature-Input", b"Citizenship-Key", b"DPoP"])
def test_who_shows_a_broken_proof_is_not_offered_a_bearer_ticket(name: bytes, world: World) -> None:
    asked = Request("POST", ORIGIN + PATH, [(name, b"broken")])
    assert offered(world, world.gateway.authorize(asked, resource="weak")) is None


# --- answers ---


@pytest.mark.parametrize(
    ("bound", "scheme"),
    [
        (Binding.DPOP, b'DPoP error="invalid_dpop_proof", algs="ES256 '),
        (Binding.HTTP_SIGNATURE, b'Bearer error="invalid_token"'),
        (Binding.MTLS, b'Bearer error="invalid_token"'),
    ],
)
def test_a_refusal_says_which_proof_is_wanted(bound: Binding, scheme: bytes, world: World) -> None:
    ticket = Sender(bound).ticket(world)
    answer = Sender(bound, "thief").ask(world, ticket).http()
    assert answer.status == 401 and header_of(answer, b"www-authenticate").startswith(scheme)
    accept = [value for name, value in answer.headers if name == b"accept-signature"]
    assert bool(accept) is (bound is Binding.HTTP_SIGNATURE)


@pytest.mark.parametrize("binding", KINDS)
def test_of_a_challenge_that_was_used_no_proof_is_said_to_be_wrong(binding: Binding, world: World) -> None:
    # Whoever reads that his proof is wrong makes a new one, and comes with the same challenge again.
    sender, kind = Sender(binding), None if binding is Binding.BEARER else binding
    challenge = world.gateway.challenge(sender=sender.thumbprint, binding=kind)
    presentation = world.present(anybody(world), challenge)

    def admit() -> Any:
        asked = sender.request(world, path=ENDPOINT)
        return world.gateway.admit(presentation, format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=asked)

    assert type(admit()) is Admitted
    answer = denied(admit(), Reason.REPLAYED, "replay").http()
    assert answer.status == 401
    assert header_of(answer, b"www-authenticate").startswith(b'DPoP error="invalid_token", algs="ES256 ')


def test_a_signature_is_asked_for_as_the_door_takes_it(world: World) -> None:
    # At admission there is no ticket to be covered, and a signature that covers one is refused.
    sender = Sender(Binding.HTTP_SIGNATURE)
    challenge = world.gateway.challenge(sender=sender.thumbprint, binding=Binding.HTTP_SIGNATURE)
    posted = {"format": "dc+sd-jwt", "challenge": challenge.to_text(), "presentation": "x"}
    bare = Request("POST", ORIGIN + ENDPOINT, [])
    admission = [
        world.gateway.admit("x", format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=bare).http(),
        world.gateway.admit_http(bare, json.dumps(posted).encode()),
    ]
    ticket = sender.ticket(world)
    shown = bare._replace(headers=[(b"citizenship-ticket", ticket.encode())])
    others = [
        world.gateway.authorize(shown, resource="weak"),
        world.gateway.renew(shown),
        world.gateway.sign_out(shown),
    ]
    for answers, components in (
        (admission, b'"@method" "@target-uri"'),
        ([each.http() for each in others], b'"@method" "@target-uri" "citizenship-ticket"'),
    ):
        for answer in answers:
            assert b'"proof_missing"' in answer.body
            wanted = header_of(answer, b"accept-signature")
            # RFC 9421 section 5.1: `created` alone is asked for without a value. A nonce, an algorithm or a key that
            # is asked for without one is something that no signer can fulfil.
            assert wanted == b'citizenship=(%s);created;tag="citizenship"' % components
