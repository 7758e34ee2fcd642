"""The simulated world: a person with a credential in each format is admitted, shows no more than is asked, is revoked.

Spec: specs/testing.md.
"""

from __future__ import annotations

import pytest

from citizenid import Format, Reason
from citizenid.gateway import Allow, Binding, Deny
from citizenid.testing.senders import NO_SENDER, Sender
from citizenid.testing.world import DOC_TYPE, MDOC_STATUS_URI, STATUS_URI, SimulatedWorld, shown_of

KEYED = pytest.mark.parametrize("format", [Format.SD_JWT_VC, Format.MDOC])


@KEYED
def test_a_person_is_admitted_and_her_revocation_ends_what_she_may(format: Format) -> None:
    world = SimulatedWorld(formats=[Format.SD_JWT_VC, Format.MDOC])
    ada, bob = world.wallet("ada", format=format), world.wallet("bob", format=format)
    tickets = world.ticket(ada), world.ticket(bob)
    assert type(world.ask(ada, tickets[0])) is Allow
    world.publisher_of(ada).revoke(ada.status)
    world.wait(60)
    world.publish()
    assert world.ask(ada, tickets[0]).reason is Reason.REVOKED
    assert type(world.ask(bob, tickets[1])) is Allow


def test_each_format_has_a_status_list_of_its_own_where_it_is_trusted() -> None:
    assert set(SimulatedWorld().published()) == {STATUS_URI}
    assert set(SimulatedWorld(formats=Format).published()) == {STATUS_URI, MDOC_STATUS_URI}


@KEYED
def test_all_about_citizenship_is_shown_and_nothing_else_of_the_person(format: Format) -> None:
    world = SimulatedWorld(formats=[Format.SD_JWT_VC, Format.MDOC])
    further = {"given_name": "Ada"} if format is Format.SD_JWT_VC else {"org.example.person": {"given_name": "Ada"}}
    ada = world.wallet("ada", citizenships=["US"], format=format, claims=further)
    paths = {path if type(path) is tuple else (path,) for path in shown_of(ada)}
    citizenship = "citizenships" if format is Format.SD_JWT_VC else "citizen_of_us"
    assert {path[-1] for path in paths} >= {"nationalities", citizenship}
    assert any("given_name" in path for path in ada.credential.disclosable)
    assert not any("given_name" in path for path in paths)
    assert format is Format.SD_JWT_VC or {path[0] for path in paths} == {DOC_TYPE}


@KEYED
def test_nobody_who_is_refused_has_a_ticket_and_the_failure_holds_the_answer(format: Format) -> None:
    world = SimulatedWorld()
    mallory = world.wallet("mallory", issuer="nobody", format=format)
    with pytest.raises(AssertionError) as failed:
        world.ticket(mallory)
    with pytest.raises(AssertionError) as sent:
        Sender(Binding.DPOP).ticket(world, mallory)
    for each in (failed, sent):
        (answer,) = each.value.args
        assert type(answer) is Deny


def test_a_sender_is_bound_by_what_he_holds() -> None:
    thumbprints = {Sender(binding).thumbprint for binding in Binding}
    assert None in thumbprints and NO_SENDER not in thumbprints
    assert Sender(Binding.DPOP).thumbprint == Sender(Binding.HTTP_SIGNATURE).thumbprint
    assert Sender(Binding.DPOP, "another").thumbprint not in thumbprints
