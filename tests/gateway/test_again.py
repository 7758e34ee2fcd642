"""One request decided for several resources: its proof counts once, everything else anew.

Spec: specs/verification.md (doors); DESIGN section 4.
"""

from __future__ import annotations

from typing import Any

import pytest

from citizenid import CitizenIDError, Reason, TrustAnchors
from citizenid.gateway import Allow, Binding, Consumption

from .senders import Sender
from .world import World, allowed, denied, needed, request


def asked(world: World, binding: Binding) -> tuple[Any, Allow]:
    sender = Sender(binding)
    wallet = world.wallet(nationalities=["US"], citizenships=["US"])
    request = sender.request(world, sender.ticket(world, wallet))
    return request, allowed(world.gateway.authorize(request, resource="weak"))


@pytest.mark.parametrize("binding", [Binding.DPOP, Binding.HTTP_SIGNATURE, Binding.MTLS])
def test_a_fallback_is_decided_by_its_own_rule_without_the_proof(binding: Binding) -> None:
    world = World()
    once, first = asked(world, binding)
    world.wait(600)  # a proof would be too old by now
    again = allowed(world.gateway.authorize(once, resource="us-citizens", after=first))
    assert (again.rule, again.session_id) == (2, first.session_id)
    denied(world.gateway.authorize(once, resource="europe", after=again), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")
    denied(world.gateway.authorize(once, resource="nowhere", after=again), Reason.RESOURCE_NOT_LISTED, "policy")


def test_without_it_the_proof_is_used_up() -> None:
    world = World()
    once, _ = asked(world, Binding.DPOP)
    denied(world.gateway.authorize(once, resource="us-citizens"), Reason.REPLAYED, "replay")


def test_a_decision_about_another_session_or_about_nobody_spares_nothing() -> None:
    world = World()
    once, _ = asked(world, Binding.DPOP)
    _, other = asked(world, Binding.DPOP)
    nobody = allowed(world.gateway.authorize(once, resource="open"))
    assert nobody.session_id is None
    for after in (other, nobody, Allow(1), Allow(1, b""), Allow(1, bytes(16))):
        denied(world.gateway.authorize(once, resource="us-citizens", after=after), Reason.REPLAYED, "replay")
    bare = request(dict(once.headers)[b"citizenship-ticket"])
    denied(world.gateway.authorize(bare, resource="us-citizens", after=other), Reason.PROOF_MISSING, "proof")


@pytest.mark.parametrize("after", [True, 1, (1, bytes(16), None, False), object()])
def test_what_is_no_decision_refuses(after: Any) -> None:
    world = World()
    once, _ = asked(world, Binding.DPOP)
    denied(world.gateway.authorize(once, resource="us-citizens", after=after), Reason.REQUEST_INVALID, "request")


def test_everything_but_the_proof_is_decided_anew() -> None:
    def sign_out(world: World) -> Reason:
        world.gateway.revoke_session(first.session_id or b"")
        return Reason.SIGNED_OUT

    def expire(world: World) -> Reason:
        world.wait(3_600)
        return Reason.TICKET_EXPIRED

    def distrust(world: World) -> Reason:
        world.gateway.reload(anchors=TrustAnchors())
        return Reason.ANCHOR_REMOVED

    for change in (sign_out, expire, distrust):
        world = World()
        once, first = asked(world, Binding.DPOP)
        reason = change(world)
        needed(world.gateway.authorize(once, resource="us-citizens", after=first), reason)


def test_a_revocation_refuses_the_fallback() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    once = request(ticket, world.proof(alice.sender, ticket))
    first = allowed(world.gateway.authorize(once, resource="weak"))
    assert alice.status is not None
    world.publisher.revoke(alice.status)
    world.wait(1)
    world.publish()
    denied(world.gateway.authorize(once, resource="us-nationals", after=first), Reason.REVOKED, "V9")


def test_a_binding_too_weak_for_the_fallback_stays_too_weak() -> None:
    world = World()
    once, first = asked(world, Binding.BEARER)
    needed(world.gateway.authorize(once, resource="us-citizens", after=first), Reason.BINDING_TOO_WEAK)


class Down:
    """A guard of a fleet whose store cannot be asked."""

    def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
        return Consumption.FRESH_HERE


LENIENT = """
version = 1
[[rule]]
resource = "lenient"
nationality = ["US"]
store_down = "local"
[[rule]]
resource = "lenient too"
nationality = ["US"]
store_down = "local"
[[rule]]
resource = "strict"
nationality = ["US"]
"""


def test_what_was_enough_for_a_lenient_rule_is_not_enough_for_a_strict_one() -> None:
    world = World(LENIENT)
    sender = Sender(Binding.DPOP)
    once = sender.request(world, sender.ticket(world, world.wallet()))
    world.gateway = world.another_gateway(replay=Down())
    world.wait(1)
    once = sender.request(world, dict(once.headers)[b"citizenship-ticket"].decode())
    first = allowed(world.gateway.authorize(once, resource="lenient"))
    assert first.local
    again = allowed(world.gateway.authorize(once, resource="lenient too", after=first))
    assert again.local, "it does not become more than it was on the way"
    for after in (first, again):
        denied(world.gateway.authorize(once, resource="strict", after=after), Reason.REPLAY_GUARD_UNAVAILABLE, "replay")


def test_a_proof_that_the_fleet_has_taken_is_good_for_every_rule() -> None:
    world = World(LENIENT)
    sender = Sender(Binding.DPOP)
    once = sender.request(world, sender.ticket(world, world.wallet()))
    first = allowed(world.gateway.authorize(once, resource="lenient"))
    assert not first.local
    assert not allowed(world.gateway.authorize(once, resource="strict", after=first)).local


class Unheard:
    """A set of the fleet that has heard nothing for too long."""

    def add(self, session_id: bytes, until: int) -> bool:
        return True

    def contains(self, session_id: bytes, /) -> bool:
        raise CitizenIDError(Reason.SIGN_OUTS_UNAVAILABLE, "sign_outs")


def test_sign_outs_that_are_unknown_are_said_too() -> None:
    world = World(LENIENT)
    wallet = world.wallet()
    ticket = world.ticket(wallet)
    world.gateway = world.another_gateway(sign_outs=Unheard())
    world.wait(1)
    once = request(ticket, world.proof(wallet.sender, ticket))
    first = allowed(world.gateway.authorize(once, resource="lenient"))
    assert first.local
    result = world.gateway.authorize(once, resource="strict", after=first)
    denied(result, Reason.SIGN_OUTS_UNAVAILABLE, "ticket")
