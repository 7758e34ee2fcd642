"""A fleet of two gateways as a state machine, beside a model that remembers what happened and decides by the rules.

People of all formats are issued credentials and admitted by senders of every binding at either gateway, showing much
or little. They ask, renew and sign out. Credentials are revoked, suspended and reinstated; lists are published, reach
one gateway sooner than the other, and come again when they are old; anchors go and come; the policy narrows and widens;
keys rotate; time passes. A thief takes tickets, proofs and presentations as they are and edited, under keys of his own.
After each step the answer is the model's, in its one Reason, and is in the audit log once. One gateway caches, the
other does not; they answer alike.

CITIZENID_STEPS says how many steps there are, 4,000 when it does not; the nightly run has 10^6. Into the file that
CITIZENID_STEPS_REPORT names goes how often each outcome was met:

    CITIZENID_STEPS=1000000 python -m pytest tests/gateway/test_machine.py

Spec: specs/invariants.md (stateful machines); specs/verification.md (doors).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import builders_formats as f
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from citizenid import CitizenIDError, Citizenship, Country, Format, Reason
from citizenid.gateway import Admitted, Allow, Binding, Gateway, Request, SignedOut
from citizenid.status import StatusStore
from citizenid.testing.forge.parts import STATUS_MEDIA_TYPE
from citizenid.testing.world import status_anchors

from .notes import Notes
from .senders import Sender
from .world import AUDIENCE, DAY, ENDPOINT, OTHER_SECRET, POLICY, SECRET, Wallet, World, anchors, policy

STEPS: Final = int(os.environ.get("CITIZENID_STEPS", "4000"))
STEPS_OF_A_RUN: Final = 50
FORMATS: Final = tuple(Format)
TICKET_S: Final = 3_600
SESSION_S: Final = 5_000
LIST_S: Final = 43_200
PROOF_S: Final = 60
NARROW: Final = POLICY.replace('nationality = ["US"]', 'nationality = ["DE"]')
RESOURCES: Final = (
    "us-nationals", "us-citizens", "us-nationals", "us-citizens", "us/a", "fresh", "europe", "weak", "open", "unlisted"
)  # fmt: skip
PEOPLE: Final = ((("US",), ("US",)), (("US",), ()), (("DE",), ("DE",)), (("DE", "US"), ("DE",)), (("FR",), ()))
WHO: Final = st.sampled_from([0, 0, 0, 1, 2, 3, 4])
SHOWN: Final = ("all", "all", "all", "all", "nationality", "nothing")
SENDERS: Final = tuple(
    Sender(binding, name) for binding in sorted(Binding, reverse=True) for name in ("client", "thief")
)
ANY: Final = st.integers(0, 2**16)
NODES: Final = st.integers(0, 1)
ACTS: Final = st.sampled_from(["ask"] * 6 + ["renew"] * 2 + ["sign out"])
TIMES: Final = st.sampled_from([0, 1, 1, 1, 1, 5, 5, 30, 61, 61, 300, 700, 1_500, 3_000, 20_000])


MET: Final = {
    "admit yes", "ask yes", "ask ticket_missing", "ask ticket_invalid", "ask ticket_expired", "ask signed_out",
    "ask proof_missing", "ask proof_ticket_mismatch", "ask signature_invalid", "ask replayed", "ask binding_too_weak",
    "ask citizenship_not_shown", "ask citizenship_not_permitted", "renew yes", "renew binding_too_weak", "sign out yes",
    "stolen proof_missing", "stolen signature_invalid", "stolen nonce_mismatch",
}  # fmt: skip
"""What a long run meets at least: a comparison that never meets a case compares nothing."""


@dataclass
class Person:
    """One who has a credential."""

    wallet: Wallet
    stated: Citizenship
    status: str = "valid"  # as the issuer has it


@dataclass(frozen=True)
class Sealed:
    """What a ticket says, as the model remembers it."""

    text: str
    sender: Sender
    person: int
    session: int
    secret: bytes
    admitted_at: int
    expires_at: int
    ends_at: int
    nationals: frozenset[str]
    citizens: frozenset[str]


@dataclass
class Published:
    """The lists of one moment."""

    at: int
    tokens: dict[str, bytes]
    status: dict[int, str]


@dataclass
class Node:
    """One gateway of the fleet, and what it knows."""

    gateway: Gateway
    store: StatusStore
    notes: Notes
    trusted: bool = True
    us: str = "US"
    lists: Published | None = None
    fetched_at: int = 0


@dataclass
class Seen:
    """What the runs of a test have met."""

    outcomes: Counter[str] = field(default_factory=Counter)
    steps: int = 0


SEEN: Final = Seen()


class Fleet(RuleBasedStateMachine):
    """Two gateways, the people, a thief, and the model."""

    def __init__(self) -> None:
        super().__init__()
        first = Notes()
        self.world = World(formats=FORMATS, ticket_lifetime_s=TICKET_S, session_lifetime_s=SESSION_S, audit=first)
        second, store = Notes(), StatusStore(anchors=status_anchors(FORMATS))
        other = self.world.another_gateway(statuses=store, audit=second, cache=None)
        self.nodes = [Node(self.world.gateway, self.world.statuses, first), Node(other, store, second)]
        self.secrets = [SECRET]
        self.people: list[Person] = []
        self.tickets: list[Sealed] = []
        self.history: list[Published] = []
        self.signed_out: set[int] = set()
        self.sent: list[tuple[Sealed | None, Sender, bool, Request]] = []
        self.sent_at: list[int] = []
        self.used: set[int] = set()
        self.presented: list[tuple[bytes, Any, Person, Sender]] = []
        self.world.wait(1)

    @property
    def now(self) -> int:
        return self.world.now

    @initialize(who=WHO, format=st.sampled_from(FORMATS))
    def somebody_is_there(self, who: int, format: Format) -> None:
        self.issue(who, format)
        self.publish()
        for number in range(2):
            self.fetch(number, 0)

    # --- what the issuer does ---

    @precondition(lambda self: len(self.people) < 8)
    @rule(who=WHO, format=st.sampled_from(FORMATS))
    def issue(self, who: int, format: Format) -> None:
        nationalities, citizenships = PEOPLE[who]
        wallet = self.world.wallet(f"person {len(self.people)}", nationalities, citizenships, format=format)
        self.people.append(Person(wallet, Citizenship(map(Country, nationalities), map(Country, citizenships))))

    @rule(number=ANY, wanted=st.sampled_from(["valid", "valid", "valid", "suspended", "suspended", "revoked"]))
    def change_status(self, number: int, wanted: str) -> None:
        person = self.people[number % len(self.people)]
        if person.status == "revoked":
            return
        publisher = self.world.publisher_of(person.wallet)
        act = {"valid": publisher.reinstate, "revoked": publisher.revoke, "suspended": publisher.suspend}[wanted]
        assert person.wallet.status is not None
        act(person.wallet.status)
        person.status = wanted

    @rule()
    def publish(self) -> None:
        self.world.wait(1)
        status = {number: person.status for number, person in enumerate(self.people)}
        self.history.append(Published(self.now, self.world.published(), status))

    # --- what the operator does ---

    @rule(node=NODES, back=st.sampled_from([0, 0, 0, 0, 1, 3]))
    def fetch(self, node: int, back: int) -> None:
        """Take in what was published: the newest as a rule, and sometimes what somebody kept."""
        at, lists = self.nodes[node], self.history[max(0, len(self.history) - 1 - back)]
        older = at.lists is not None and lists.at < at.lists.at
        for uri, token in lists.tokens.items():
            reason = None
            try:
                at.store.ingest(uri, token, media_type=STATUS_MEDIA_TYPE, now=self.now)
            except CitizenIDError as error:
                reason = error.reason
            if self.now >= lists.at + DAY:
                assert reason is Reason.STATUS_LIST_EXPIRED
            else:
                assert reason is (Reason.STATUS_LIST_ROLLBACK if older else None)
        if not older and self.now < lists.at + DAY:
            at.lists, at.fetched_at = lists, self.now

    @rule(node=NODES, trusted=st.sampled_from([True, True, True, True, True, False]))
    def change_anchors(self, node: int, trusted: bool) -> None:
        name = "issuer" if trusted else "another issuer"
        self.nodes[node].gateway.reload(anchors=anchors(name, formats=FORMATS))
        self.nodes[node].trusted = trusted

    @rule(node=NODES, us=st.sampled_from(["US", "DE"]))
    def change_policy(self, node: int, us: str) -> None:
        self.nodes[node].gateway.reload(policy=policy(POLICY if us == "US" else NARROW))
        self.nodes[node].us = us

    @rule(secrets=st.sampled_from([[SECRET], [OTHER_SECRET, SECRET], [SECRET, OTHER_SECRET]]))
    def change_keys(self, secrets: list[bytes]) -> None:
        for node in self.nodes:
            node.gateway.reload(ticket_keys=secrets)
        self.secrets = secrets

    @rule(seconds=TIMES)
    def wait(self, seconds: int) -> None:
        self.world.wait(seconds)

    # --- what the model says ---

    def stands(self, node: Node, number: int) -> Reason | None:
        """The anchor and V9."""
        if not node.trusted:
            return Reason.ANCHOR_REMOVED
        lists = node.lists
        if lists is None:
            return Reason.STATUS_LIST_UNAVAILABLE
        if self.now >= min(lists.at + DAY, node.fetched_at + LIST_S):
            return Reason.STATUS_LIST_STALE
        return {"valid": None, "revoked": Reason.REVOKED, "suspended": Reason.SUSPENDED}[
            lists.status.get(number, "valid")
        ]

    def opened(self, ticket: Sealed | None) -> Reason | None:
        """The ticket."""
        if ticket is None:
            return Reason.TICKET_MISSING
        if ticket.secret not in self.secrets:
            return Reason.TICKET_INVALID
        if self.now >= ticket.expires_at:
            return Reason.TICKET_EXPIRED
        return Reason.SIGNED_OUT if ticket.session in self.signed_out else None

    def proven(self, ticket: Sealed, shown: Sender, good: bool, serial: int) -> Reason | None:
        """The sender's proof, and that it comes once."""
        if ticket.sender.binding is Binding.BEARER:
            return None
        if shown.binding is not ticket.sender.binding:
            return Reason.PROOF_MISSING
        if shown.binding is Binding.MTLS:
            return None if shown == ticket.sender else Reason.PROOF_KEY_MISMATCH
        if shown.binding is Binding.DPOP and not good:
            return Reason.PROOF_TICKET_MISMATCH
        if self.now - self.sent_at[serial] > PROOF_S:
            return Reason.PROOF_STALE
        if shown != ticket.sender:
            return Reason.PROOF_KEY_MISMATCH
        if not good:
            return Reason.SIGNATURE_INVALID
        if serial in self.used:
            return Reason.REPLAYED
        self.used.add(serial)
        return None

    def permitted(self, node: Node, ticket: Sealed, resource: str) -> Reason | None:
        """The policy."""
        kind = "citizenship" if resource == "us-citizens" else "nationality"
        countries = {"us-citizens": {"US"}, "europe": {"DE", "FR"}}.get(resource, {node.us})
        if ticket.sender.binding < (Binding.BEARER if resource == "weak" else Binding.DPOP):
            return Reason.BINDING_TOO_WEAK
        if resource == "fresh" and self.now - ticket.admitted_at > 600:
            return Reason.ADMISSION_TOO_OLD
        if countries & (ticket.citizens if kind == "citizenship" else ticket.nationals):
            return None
        unknown = not ticket.nationals or (kind == "citizenship" and countries & ticket.nationals)
        return Reason.CITIZENSHIP_NOT_SHOWN if unknown else Reason.CITIZENSHIP_NOT_PERMITTED

    # --- what is asked ---

    @rule(number=ANY, node=NODES, sender=st.sampled_from(SENDERS), shown=st.sampled_from(SHOWN))
    def admit(self, number: int, node: int, sender: Sender, shown: str) -> None:
        at, index = self.nodes[node], number % len(self.people)
        person = self.people[index]
        challenge = self.challenge(at, sender)
        data = person.wallet.credential.present(
            self.paths(person, shown), challenge=challenge, key=person.wallet.key, peer=AUDIENCE, now=self.now
        )
        self.presented.append((data, challenge, person, sender))
        result = self.present(at, data, challenge, person, sender)
        expected = self.stands(at, index)
        if expected is Reason.ANCHOR_REMOVED:
            expected = Reason.CERTIFICATE_UNTRUSTED if person.wallet.format is Format.MDOC else Reason.SIGNATURE_INVALID
        self.note("admit", expected)
        if expected is not None:
            assert result.reason is expected, (result, expected)
            return
        assert type(result) is Admitted, result
        nationals = self.shown(person, shown)
        citizens = {each.alpha2 for each in person.stated.citizenships} if shown == "all" else set[str]()
        ticket = Sealed(
            result.ticket, sender, index, len(self.tickets), self.secrets[0], self.now, self.now + TICKET_S,
            self.now + SESSION_S, frozenset(nationals | citizens), frozenset(citizens),
        )  # fmt: skip
        assert (result.expires_at, result.ends_at) == (ticket.expires_at, ticket.ends_at)
        self.tickets.append(ticket)

    def challenge(self, node: Node, sender: Sender) -> Any:
        binding = None if sender.binding is Binding.BEARER else sender.binding
        return node.gateway.challenge(sender=sender.thumbprint, binding=binding)

    def present(self, node: Node, data: bytes, challenge: Any, person: Person, sender: Sender) -> Any:
        request = sender.request(self.world, path=ENDPOINT)
        format = person.wallet.format
        result = node.gateway.admit(data, format=format, challenge=challenge.to_text(), request=request)
        node.notes.check(result)
        return result

    @staticmethod
    def shown(person: Person, shown: str) -> set[str]:
        return set() if shown == "nothing" else {each.alpha2 for each in person.stated.nationalities}

    @staticmethod
    def paths(person: Person, shown: str) -> list[Any]:
        nationals = () if shown == "nothing" else person.stated.nationalities
        citizens = person.stated.citizenships if shown == "all" else ()
        return f.choice(person.wallet.format, person.stated, nationals, citizens, complete=False)

    @precondition(lambda self: self.presented)
    @rule(number=ANY, node=NODES, sender=st.sampled_from(SENDERS), place=ANY, bit=st.integers(0, 7))
    def steal_a_presentation(self, number: int, node: int, sender: Sender, place: int, bit: int) -> None:
        """What was shown once, or never reached the gateway, as it is or with one bit changed, admits nobody else."""
        data, challenge, person, shown_by = self.presented[-1 - number % min(4, len(self.presented))]
        at = self.nodes[node]
        if place % 2:
            at_byte = place % len(data)
            data = data[:at_byte] + bytes([data[at_byte] ^ 1 << bit]) + data[at_byte + 1 :]
        if place % 3 == 0:
            challenge = self.challenge(at, sender)
        elif sender == shown_by:
            sender = replace_name(sender)
        result = self.present(at, data, challenge, person, sender)
        if type(result) is Admitted:  # what was bound to nobody is whoever's has it first
            assert shown_by.binding is Binding.BEARER
        else:
            self.note("stolen", result.reason)

    @precondition(lambda self: self.tickets)
    @rule(number=ANY, node=NODES, resources=st.lists(st.sampled_from(RESOURCES), min_size=1, max_size=4))
    def ask(self, number: int, node: int, resources: list[str]) -> None:
        for resource in resources:
            self.use(node, self.ticket(number), "ask", resource)

    @precondition(lambda self: self.tickets)
    @rule(number=ANY, node=NODES, resource=st.sampled_from(RESOURCES), again=st.booleans())
    def ask_twice(self, number: int, node: int, resource: str, again: bool) -> None:
        """At both gateways, with a proof for each or with one for both."""
        ticket = self.ticket(number)
        self.use(node, ticket, "ask", resource)
        self.send_again(0, 1 - node, resource, "ask") if again else self.use(1 - node, ticket, "ask", resource)

    @precondition(lambda self: self.tickets)
    @rule(number=ANY, node=NODES)
    def renew(self, number: int, node: int) -> None:
        self.use(node, self.ticket(number), "renew")

    @precondition(lambda self: len(self.tickets) > 2)
    @rule(number=ANY, node=NODES)
    def sign_out(self, number: int, node: int) -> None:
        self.use(node, self.ticket(number), "sign out")

    @precondition(lambda self: self.tickets)
    @rule(number=ANY, node=NODES, resource=st.sampled_from(RESOURCES), other=st.sampled_from(SENDERS), act=ACTS)
    def steal_a_ticket(self, number: int, node: int, resource: str, other: Sender, act: str) -> None:
        self.use(node, self.ticket(number), act, resource, shown=other)

    @precondition(lambda self: self.tickets)
    @rule(number=ANY, node=NODES, resource=st.sampled_from(RESOURCES), act=ACTS)
    def prove_it_for_another_ticket(self, number: int, node: int, resource: str, act: str) -> None:
        self.use(node, self.ticket(number), act, resource, good=False)

    @precondition(lambda self: self.tickets)
    @rule(number=ANY, node=NODES, resource=st.sampled_from(RESOURCES), act=ACTS)
    def leave_the_ticket_out(self, number: int, node: int, resource: str, act: str) -> None:
        sender = self.ticket(number).sender
        self.send(node, act, resource, None, sender, True, sender.request(self.world))

    @precondition(lambda self: self.sent)
    @rule(number=ANY, node=NODES, resource=st.sampled_from(RESOURCES), act=ACTS)
    def send_again(self, number: int, node: int, resource: str, act: str) -> None:
        serial = len(self.sent) - 1 - number % min(4, len(self.sent))
        ticket, shown, good, request = self.sent[serial]
        self.decide(self.nodes[node], act, resource, ticket, shown, good, serial, request)

    @precondition(lambda self: self.tickets)
    @rule(number=ANY, node=NODES, resource=st.sampled_from(RESOURCES), place=ANY)
    def edit_a_ticket(self, number: int, node: int, resource: str, place: int) -> None:
        """A ticket in which one character is another opens nothing."""
        at, ticket = self.nodes[node], self.ticket(number)
        place %= len(ticket.text)
        other = "A" if ticket.text[place] != "A" else "B"
        edited = ticket.text[:place] + other + ticket.text[place + 1 :]
        result: Any = at.gateway.authorize(ticket.sender.request(self.world, edited), resource=resource)
        at.notes.check(result)
        if resource == "open":
            assert result == Allow(1)
        else:
            assert result.reason in (Reason.TICKET_INVALID, Reason.RESOURCE_NOT_LISTED), result

    def ticket(self, number: int) -> Sealed:
        return self.tickets[-1 - number % min(6, len(self.tickets))]

    def use(
        self,
        node: int,
        ticket: Sealed,
        act: str,
        resource: str = "weak",
        *,
        shown: Sender | None = None,
        good: bool = True,
    ) -> None:
        """Send a ticket with a fresh proof, for it or for another one."""
        shown = shown or ticket.sender
        request = shown.request(self.world, ticket.text if good else ticket.text[::-1], shown=ticket.text)
        self.send(node, act, resource, ticket, shown, good, request)

    def send(
        self, node: int, act: str, resource: str, ticket: Sealed | None, shown: Sender, good: bool, request: Request
    ) -> None:
        self.sent.append((ticket, shown, good, request))
        self.sent_at.append(self.now)
        self.decide(self.nodes[node], act, resource, ticket, shown, good, len(self.sent) - 1, request)

    def decide(
        self, node: Node, act: str, resource: str, ticket: Sealed | None, shown: Sender, good: bool, serial: int,
        request: Request,
    ) -> None:  # fmt: skip
        door = node.gateway
        acts: dict[str, Callable[[], Any]] = {
            "ask": lambda: door.authorize(request, resource=resource),
            "renew": lambda: door.renew(request),
            "sign out": lambda: door.sign_out(request),
        }
        result = acts[act]()
        node.notes.check(result)
        if act == "ask" and resource in ("open", "unlisted"):
            assert result == Allow(1) if resource == "open" else result.reason is Reason.RESOURCE_NOT_LISTED
            return
        expected = self.opened(ticket)
        if expected is None and ticket is not None:
            expected = self.proven(ticket, shown, good, serial)
            if expected is None and act == "renew" and ticket.sender.binding is Binding.BEARER:
                expected = Reason.BINDING_TOO_WEAK
            if expected is None and act != "sign out":
                expected = self.stands(node, ticket.person)
            if expected is None and act == "ask":
                expected = self.permitted(node, ticket, resource)
        self.note(act, expected)
        if expected is not None:
            assert not isinstance(result, Allow | Admitted | SignedOut), (act, expected)
            assert result.reason is expected, (act, result, expected)
            return
        assert type(result) is {"ask": Allow, "renew": Admitted, "sign out": SignedOut}[act], (act, result)
        assert ticket is not None
        if act == "renew":
            ends = min(self.now + TICKET_S, ticket.ends_at)
            assert (result.expires_at, result.ends_at) == (ends, ticket.ends_at)
            self.tickets.append(replace(ticket, text=result.ticket, expires_at=ends, secret=self.secrets[0]))
        elif act == "sign out":
            self.signed_out.add(ticket.session)

    def note(self, act: str, expected: Reason | None) -> None:
        SEEN.outcomes[f"{act} {expected.value if expected is not None else 'yes'}"] += 1

    @invariant()
    def counts(self) -> None:
        SEEN.steps += 1


def replace_name(sender: Sender) -> Sender:
    """Return another client of the same kind."""
    return sender._replace(name="thief" if sender.name == "client" else "client")


def test_the_fleet_answers_as_the_model() -> None:
    SEEN.outcomes.clear()
    SEEN.steps = 0
    run_state_machine_as_test(
        Fleet,
        settings=settings(
            max_examples=max(1, STEPS * 5 // 4 // STEPS_OF_A_RUN),  # some runs end before they have all their steps
            stateful_step_count=STEPS_OF_A_RUN,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    if STEPS >= 20_000:
        assert SEEN.steps >= STEPS
        assert SEEN.outcomes.keys() >= MET, MET - SEEN.outcomes.keys()
        for reason in (Reason.REVOKED, Reason.SUSPENDED, Reason.ANCHOR_REMOVED):
            assert any(name.endswith(f" {reason.value}") for name in SEEN.outcomes), reason
    if report := os.environ.get("CITIZENID_STEPS_REPORT"):
        rows = [f"{SEEN.steps} steps", *(f"{count} {name}" for name, count in SEEN.outcomes.most_common())]
        Path(report).write_text("\n".join(rows) + "\n", encoding="utf-8")
