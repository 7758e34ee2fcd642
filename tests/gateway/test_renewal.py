"""Renewal: a ticket for a ticket, on a new proof, which moves nothing but its own end, and that not beyond the session.

Spec: specs/profile-sender-proofs.md section 6; DESIGN section 4; attack catalogue DPO-026, DPO-027.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, NeedStatusList, Reason
from citizenid.gateway import Admitted, Binding
from citizenid.gateway.ticket import TicketContents, TicketKeys

from .senders import Sender, anybody
from .world import AUDIENCE, DAY, NOW, POLICY, SECRET, World, allowed, anchors, denied, needed, policy, request

BOUND: Final = [Binding.DPOP, Binding.HTTP_SIGNATURE, Binding.MTLS]
SENDER: Final = Sender(Binding.DPOP)
HOUR: Final = 3_600


def contents(ticket: str) -> TicketContents:
    return TicketKeys((SECRET,), AUDIENCE).open(ticket.encode())


def renew(world: World, ticket: str, sender: Sender = SENDER) -> Any:
    return world.gateway.renew(sender.request(world, ticket, path="/citizenship/renew"))


def renewed(world: World, ticket: str, sender: Sender = SENDER) -> str:
    result = renew(world, ticket, sender)
    assert type(result) is Admitted, result
    return result.ticket


@pytest.mark.parametrize("binding", BOUND)
def test_a_renewed_ticket_is_the_same_but_for_its_end(binding: Binding) -> None:
    world, sender = World(), Sender(binding)
    first = sender.ticket(world)
    world.wait(1_000)
    second = renewed(world, first, sender)
    assert contents(second) == contents(first)._replace(expires_at=NOW + 1_000 + HOUR)
    assert second != first and len(second) == len(first)
    assert allowed(sender.ask(world, second)).session_id == allowed(sender.ask(world, first)).session_id


def test_a_bearer_ticket_is_never_renewed() -> None:
    # Whoever has it would have it for as long as he likes: not even with a proof beside it.
    world = World()
    ticket = Sender(Binding.BEARER).ticket(world)
    for binding in Binding:
        needed(renew(world, ticket, Sender(binding)), Reason.BINDING_TOO_WEAK)


@given(st.lists(st.integers(0, 4_000), max_size=60), st.integers(1, 20_000), st.integers(1, 5_000))
def test_no_chain_of_renewals_reaches_beyond_the_session(waits: list[int], session_s: int, ticket_s: int) -> None:
    sender = Sender(Binding.MTLS)  # no signatures: many renewals at once
    world = World(session_lifetime_s=session_s, ticket_lifetime_s=ticket_s)
    ticket = sender.ticket(world)
    first, ends = contents(ticket), NOW + session_s
    assert first.ends_at == ends and first.expires_at == min(NOW + ticket_s, ends)
    for wait in waits:
        world.wait(wait)
        result = renew(world, ticket, sender)
        if world.now >= contents(ticket).expires_at:
            needed(result, Reason.TICKET_EXPIRED)
            break
        assert result.ends_at == ends and result.expires_at == min(world.now + ticket_s, ends)
        ticket = result.ticket
        assert contents(ticket)._replace(expires_at=0) == first._replace(expires_at=0)


def test_a_session_ends_with_the_credential() -> None:
    world = World()
    wallet = world.wallet(lifetime_s=5_000)
    ticket = SENDER.ticket(world, wallet)
    assert contents(ticket).ends_at == NOW + 5_000
    world.wait(3_000)
    ticket = renewed(world, ticket)
    assert contents(ticket).expires_at == NOW + 5_000
    world.wait(2_000)
    needed(renew(world, ticket), Reason.TICKET_EXPIRED)


def test_a_session_ends_with_its_anchor() -> None:
    world = World(anchors=anchors(not_after=NOW + 4_000))
    assert contents(SENDER.ticket(world)).ends_at == NOW + 4_000


AGED: Final = """
version = 1
[[rule]]
resource = "open"
anyone = true
[[rule]]
resource = "short"
nationality = ["US"]
max_admission_age_s = 600
[[rule]]
resource = "long"
nationality = ["US"]
max_admission_age_s = 5000
"""


def test_a_session_ends_when_no_rule_would_take_the_admission_any_more() -> None:
    world = World(AGED)
    ticket = SENDER.ticket(world)
    assert contents(ticket).ends_at == NOW + 5_001
    world.wait(601)
    ticket = renewed(world, ticket)
    needed(SENDER.ask(world, ticket, "short"), Reason.ADMISSION_TOO_OLD)  # a renewal makes no admission younger
    allowed(SENDER.ask(world, ticket, "long"))
    world.wait(3_000)
    ticket = renewed(world, ticket)
    world.wait(5_000 - 3_601)
    allowed(SENDER.ask(world, ticket, "long"))
    world.wait(1)
    needed(SENDER.ask(world, ticket, "long"), Reason.TICKET_EXPIRED)


def test_a_rule_without_a_bound_leaves_the_session_as_it_is() -> None:
    assert contents(SENDER.ticket(World(POLICY))).ends_at == NOW + DAY


def test_an_expired_ticket_is_not_renewed_nor_one_of_a_clock_that_went_back() -> None:
    world = World()
    ticket = SENDER.ticket(world)
    world.wait(HOUR)
    needed(renew(world, ticket), Reason.TICKET_EXPIRED)
    world.step_wall_clock(-HOUR)
    needed(renew(world, ticket), Reason.TICKET_EXPIRED)


def test_a_renewal_needs_a_proof_of_its_own() -> None:
    world = World()
    ticket = SENDER.ticket(world)
    denied(world.gateway.renew(request(ticket)), Reason.PROOF_MISSING, "proof")
    denied(renew(world, ticket, Sender(Binding.DPOP, "thief")), Reason.PROOF_KEY_MISMATCH, "proof")
    asked = SENDER.request(world, ticket)
    assert type(world.gateway.renew(asked)) is Admitted
    denied(world.gateway.renew(asked), Reason.REPLAYED, "replay")
    denied(world.gateway.authorize(asked, resource="weak"), Reason.REPLAYED, "replay")


def test_what_has_ended_since_admission_ends_renewal_too() -> None:
    world = World()
    wallet = world.wallet()
    ticket = SENDER.ticket(world, wallet)
    world.gateway.reload(anchors=anchors("another issuer"))
    needed(renew(world, ticket), Reason.ANCHOR_REMOVED)
    world.gateway.reload(anchors=anchors())
    assert wallet.status is not None
    world.publisher.suspend(wallet.status)
    world.wait(1)
    world.publish()
    denied(renew(world, ticket), Reason.SUSPENDED, "V9")
    world.publisher.revoke(wallet.status)
    world.wait(1)
    world.publish()
    denied(renew(world, ticket), Reason.REVOKED, "V9")


def test_a_stale_list_is_no_reason_to_renew() -> None:
    world = World(ticket_lifetime_s=DAY)
    ticket = SENDER.ticket(world)
    world.wait(43_200)
    assert type(renew(world, ticket)) is NeedStatusList


def test_a_narrower_policy_counts_for_renewed_tickets() -> None:
    world = World()
    ticket = renewed(world, SENDER.ticket(world))
    allowed(SENDER.ask(world, ticket, "us-nationals"))
    world.gateway.reload(policy=policy(POLICY.replace('nationality = ["US"]', 'nationality = ["DE"]')))
    denied(SENDER.ask(world, renewed(world, ticket), "us-nationals"), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")


@pytest.mark.parametrize("ticket", [None, b"", b"x", b"x" * 248])
def test_without_a_ticket_nothing_is_renewed(ticket: bytes | None) -> None:
    reason = Reason.TICKET_MISSING if ticket is None else Reason.TICKET_INVALID
    needed(World().gateway.renew(request(ticket)), reason)


def test_two_tickets_are_not_renewed() -> None:
    world = World()
    ticket = SENDER.ticket(world)
    asked = SENDER.request(world, ticket)
    again = asked._replace(headers=[*asked.headers, (b"citizenship-ticket", ticket.encode())])
    needed(world.gateway.renew(again), Reason.TICKET_INVALID)


@pytest.mark.parametrize("seconds", [0, -1, 30 * DAY + 1, True, 1.0, None, "1"])
def test_a_session_has_a_lifetime(seconds: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World(session_lifetime_s=seconds)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_holder_of_a_ticket_is_told_by_its_key_alone() -> None:
    world = World()
    alice, bob = world.wallet("alice"), world.wallet("bob")
    first, second = contents(SENDER.ticket(world, alice)), contents(SENDER.ticket(world, alice))
    assert first.holder == second.holder == alice.key.public.thumbprint[:6]
    assert contents(SENDER.ticket(world, bob)).holder != first.holder
    assert anybody(world) is anybody(world)
