"""Sharing detection at the gateway's doors: what is counted, what follows by which rule, and what a step-up mends.

Spec: specs/profile-sharing.md sections 4 and 5.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from citizenid import CitizenIDError, Format, Reason
from citizenid.gateway import (
    Admitted,
    Allow,
    Binding,
    Deny,
    NeedPresentation,
    SharingDetector,
    SharingLimits,
    Signals,
)
from citizenid.gateway.sharing import Threshold

from .notes import Notes
from .senders import Sender
from .world import ENDPOINT, STRICT_POLICY, UPTIME_S, Wallet, World, allowed, denied, needed, request

STEP_UP_AT_3 = SharingLimits(networks_hour=Threshold(mark=2, step_up=3))
RULES = """
version = 1
[[rule]]
resource = "us-nationals"
nationality = ["US"]
[[rule]]
resource = "marked"
nationality = ["US"]
sharing = "mark"
[[rule]]
resource = "refused"
nationality = ["US"]
sharing = "refuse"
[[rule]]
resource = "open"
anyone = true
"""


def watched(limits: SharingLimits = STEP_UP_AT_3, text: str = RULES, **options: Any) -> World:
    return World(text, sharing=SharingDetector(limits=limits), **options)


def ask(world: World, alice: Wallet, ticket: str, network: str | None, resource: str = "us-nationals") -> Any:
    proof = world.proof(alice.sender, ticket)
    signals = None if network is None else Signals(network)
    return world.gateway.authorize(request(ticket, proof), resource=resource, signals=signals)


def admit(world: World, alice: Wallet, signals: Signals | None) -> Any:
    challenge = world.challenge(alice.sender)
    return world.gateway.admit(
        world.present(alice, challenge),
        format=Format.SD_JWT_VC,
        challenge=challenge.to_text(),
        request=request(path=ENDPOINT, proof=world.proof(alice.sender, url="https://gateway.example" + ENDPOINT)),
        signals=signals,
    )


def test_the_counts_first_mark_and_then_ask_for_a_step_up() -> None:
    world = watched()
    ticket = world.ticket(alice := world.wallet())
    assert not allowed(ask(world, alice, ticket, "AS1")).marked
    assert allowed(ask(world, alice, ticket, "AS2")).marked
    need = needed(ask(world, alice, ticket, "AS3"), Reason.SHARING_SUSPECTED)
    answer = need.http()
    assert answer.status == 401
    assert b'error="insufficient_user_authentication"' in dict(answer.headers)[b"www-authenticate"]
    assert need.asking.query is not None and need.new_challenge() is not None
    needed(ask(world, alice, ticket, "AS1"), Reason.SHARING_SUSPECTED)  # it stays so, from wherever


def test_the_rule_says_what_follows() -> None:
    world = watched()
    ticket = world.ticket(alice := world.wallet())
    for network in ("AS1", "AS2"):
        ask(world, alice, ticket, network)
    assert allowed(ask(world, alice, ticket, "AS3", "marked")).marked
    refused = denied(ask(world, alice, ticket, "AS3", "refused"), Reason.CREDENTIAL_SHARED, "sharing")
    assert refused.http().status == 403
    needed(ask(world, alice, ticket, "AS3"), Reason.SHARING_SUSPECTED)
    allowed(ask(world, alice, ticket, "AS3", "open"))


def test_a_mark_stays_a_mark_under_every_rule() -> None:
    for resource in ("us-nationals", "marked", "refused"):
        world = watched()
        ticket = world.ticket(alice := world.wallet())
        assert not allowed(ask(world, alice, ticket, "AS1", resource)).marked
        assert allowed(ask(world, alice, ticket, "AS2", resource)).marked


def test_a_fresh_presentation_mends_it_and_three_of_them_in_a_week_do_not() -> None:
    world = watched()
    alice = world.wallet()
    ticket = world.ticket(alice)
    for round_ in range(4):
        networks = [f"AS{round_}{number}" for number in range(3)]
        results = [ask(world, alice, ticket, network) for network in networks]
        if round_ < 3:
            needed(results[-1], Reason.SHARING_SUSPECTED)
            admitted = admit(world, alice, Signals(networks[-1]))
            assert isinstance(admitted, Admitted)
            ticket = admitted.ticket
            assert type(ask(world, alice, ticket, networks[-1])) is Allow
        else:
            denied(results[-1], Reason.CREDENTIAL_SHARED, "sharing")


def test_a_presentation_beforehand_clears_nothing() -> None:
    world = watched()
    alice = world.wallet()
    ticket = world.ticket(alice)
    for network in ("AS1", "AS2"):
        allowed(ask(world, alice, ticket, network))
    assert isinstance(admit(world, alice, Signals("AS2")), Admitted)
    needed(ask(world, alice, ticket, "AS3"), Reason.SHARING_SUSPECTED)


def test_what_is_counted_is_the_credential_and_not_the_ticket_or_its_key() -> None:
    limits = SharingLimits(senders_hour=Threshold(step_up=3))
    world = watched(limits, STRICT_POLICY)
    alice, bob = world.wallet(), world.wallet("bob")
    senders = [Sender(Binding.DPOP, name) for name in ("one", "two", "three")]
    for number, sender in enumerate(senders):
        ticket = sender.ticket(world, alice)
        result = world.gateway.authorize(sender.request(world, ticket), resource="us-nationals")
        assert type(result) is (NeedPresentation if number == 2 else Allow)
        other = senders[0].ticket(world, bob)
        allowed(world.gateway.authorize(senders[0].request(world, other), resource="us-nationals"))


def test_a_credential_without_a_status_is_counted_by_its_key() -> None:
    world = watched()
    one, two = (world.wallet(name, short_lived=True, lifetime_s=3_600) for name in ("one", "two"))
    first, second = world.ticket(one), world.ticket(two)
    for network in ("AS1", "AS2"):
        allowed(ask(world, one, first, network))
    needed(ask(world, one, first, "AS3"), Reason.SHARING_SUSPECTED)
    allowed(ask(world, two, second, "AS3"))


def test_who_is_refused_anyway_is_not_counted() -> None:
    world = watched(text=STRICT_POLICY)
    ticket = world.ticket(alice := world.wallet("alice", ["FR"]))
    for number in range(9):
        denied(ask(world, alice, ticket, f"AS{number}"), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")
        world.gateway.authorize(request("garbage"), resource="us-nationals", signals=Signals(f"AS{number}"))
    assert not allowed(ask(world, alice, ticket, "AS1", "europe")).marked


def test_without_signals_keys_alone_are_counted() -> None:
    world = watched(SharingLimits(senders_hour=Threshold(step_up=2)))
    alice = world.wallet()
    first, second = Sender(Binding.DPOP, "one"), Sender(Binding.DPOP, "two")
    for sender, expected in ((first, Allow), (second, NeedPresentation)):
        ticket = sender.ticket(world, alice)
        assert type(world.gateway.authorize(sender.request(world, ticket), resource="us-nationals")) is expected


@pytest.mark.parametrize(
    "signals",
    [
        object(),
        ("AS1", None, None, None),
        Signals(b"AS1"),
        Signals(0),
        Signals(b""),
        Signals(False),
        Signals(["AS1"]),
        Signals("AS1", b"DE"),
        Signals("AS1", 0),
        Signals(api_key="text"),
        Signals(api_key=""),
        Signals(api_key=0),
        Signals("AS1", people="5"),
        Signals("AS1", people=[5]),
        Signals("AS1", people=True),
        Signals("AS1", people=0),  # a key that is given out to nobody makes no request
        Signals("AS1", people=-1),
    ],
)  # type: ignore[arg-type]  # what a caller may do
def test_signals_that_are_none_refuse_and_admit_nobody(signals: Any) -> None:
    world = watched()
    ticket = world.ticket(alice := world.wallet())
    proof = world.proof(alice.sender, ticket)
    result = world.gateway.authorize(request(ticket, proof), resource="us-nationals", signals=signals)
    denied(result, Reason.REQUEST_INVALID, "request")
    assert not isinstance(admit(world, alice, signals), Admitted)


def test_signals_that_are_none_use_up_no_challenge() -> None:
    world = watched()
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    signals: Any
    for signals, reason in ((Signals(b"AS1"), Reason.REQUEST_INVALID), (Signals("AS1"), None)):
        result = world.gateway.admit(
            world.present(alice, challenge),
            format=Format.SD_JWT_VC,
            challenge=challenge.to_text(),
            request=request(path=ENDPOINT, proof=world.proof(alice.sender, url="https://gateway.example" + ENDPOINT)),
            signals=signals,
        )
        assert (result.reason if isinstance(result, Deny) else None) is reason


def test_an_admission_that_the_log_does_not_take_clears_nothing() -> None:
    notes = Notes()
    world = watched(audit=notes)
    ticket = world.ticket(alice := world.wallet())
    for network in ("AS1", "AS2", "AS3"):
        result = ask(world, alice, ticket, network)
    needed(result, Reason.SHARING_SUSPECTED)
    notes.objection = Reason.AUDIT_UNAVAILABLE
    for _ in range(9):  # nor does it count as one of the three that are forgiven
        denied(admit(world, alice, Signals("AS3")), Reason.AUDIT_UNAVAILABLE, "audit")
    notes.objection = None
    needed(ask(world, alice, ticket, "AS3"), Reason.SHARING_SUSPECTED)
    assert isinstance(admit(world, alice, Signals("AS3")), Admitted)
    allowed(ask(world, alice, ticket, "AS3"))


def test_an_admission_stands_though_the_counts_cannot_be_cleared() -> None:
    # A clock of nanoseconds runs out of the moments that a record can hold: then every request says so, and no
    # admission ends in an error.
    world = watched()
    alice = world.wallet()
    world.monotonic.now = 10**18
    world.gateway = world.another_gateway()
    world.wait(UPTIME_S)
    assert isinstance(admit(world, alice, Signals("AS1")), Admitted)


def test_an_api_key_with_too_many_people_behind_it_asks_for_a_step_up() -> None:
    world = watched(SharingLimits())
    signals = Signals("AS1", api_key=b"sk-42", people=1)
    results = []
    for number in range(40):
        alice = world.wallet(f"person {number}")
        ticket = world.ticket(alice)
        proof = world.proof(alice.sender, ticket)
        results.append(world.gateway.authorize(request(ticket, proof), resource="us-nationals", signals=signals))
    assert type(results[0]) is Allow
    needed(results[-1], Reason.SHARING_SUSPECTED)


def test_marks_and_refusals_for_sharing_stand_in_the_log() -> None:
    notes = Notes()
    world = watched(audit=notes)
    ticket = world.ticket(alice := world.wallet())
    session = allowed(ask(world, alice, ticket, "AS1")).session_id
    ask(world, alice, ticket, "AS2")
    ask(world, alice, ticket, "AS3")
    ask(world, alice, ticket, "AS3", "refused")
    assert [note.reason for note in notes.all[-2:]] == [Reason.SHARING_SUSPECTED, Reason.CREDENTIAL_SHARED]
    assert {note.subject for note in notes.all[-4:]} == {session}
    assert [note.marked for note in notes.all[-4:]] == [False, True, False, False]
    assert world.gateway.counts()["authorize", "allow_marked", None] == 1  # type: ignore[index]  # a tuple is its key


def test_a_gateway_without_a_detector_counts_nothing() -> None:
    world = World(RULES)
    ticket = world.ticket(alice := world.wallet())
    for number in range(12):
        assert not allowed(ask(world, alice, ticket, f"AS{number}", "refused")).marked


class SourceError(Exception):
    """Of no built-in class but `Exception`, as a key service's client may raise."""


@pytest.mark.parametrize(
    "drawn", [SourceError("10.0.0.7"), OSError(), None, b"", bytes(15), "0" * 16, bytearray(16)], ids=repr
)
def test_a_day_that_begins_without_random_bytes_allows_nobody_until_there_are_some(drawn: Any) -> None:
    failing = False

    def source(size: int) -> Any:
        if failing and isinstance(drawn, Exception):
            raise drawn
        return drawn if failing else os.urandom(size)

    world = World(sharing=SharingDetector(random=source))
    alice = world.wallet()
    ticket = world.ticket(alice, bearer=True)
    allowed(world.gateway.authorize(request(ticket), resource="weak"))
    failing = True
    allowed(world.gateway.authorize(request(ticket), resource="weak"))  # nothing is drawn on the same day
    world.monotonic.now += 86_400
    for _ in range(2):
        result = world.gateway.authorize(request(ticket), resource="weak")
        assert denied(result, Reason.CONFIGURATION_INVALID, "configuration").http().status == 503
    with pytest.raises(CitizenIDError) as caught:
        SharingDetector(random=source)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert caught.value.__context__ is None
    failing = False
    allowed(world.gateway.authorize(request(ticket), resource="weak"))
