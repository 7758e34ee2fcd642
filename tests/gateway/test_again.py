"""One request decided for several resources: its proof counts once, everything else anew.

Spec: specs/verification.md (doors); DESIGN section 4.
"""

from __future__ import annotations

from typing import Any

import pytest

from citizenid import Reason, TrustAnchors
from citizenid.gateway import Allow, Binding

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
