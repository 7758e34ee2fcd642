"""Attacks on tickets: how long they last, what a renewal gives, and what may be taken for one.

Spec: RFC 9449 sections 4.2, 4.3, 8, 11.1; RFC 7638; specs/profile-dpop.md; DESIGN section 4 (ticket).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from ... import Format, Reason, StatusReference
from ...gateway import Admitted, Binding
from ..attacks import Group, attack
from ..forge import sd_jwt as _sd_jwt
from ..forge.parts import ABSENT, NOW, key, segment
from ..forgery import Outcome
from ..senders import Sender
from ..targets import Library, Party, outcome_of
from ..trials import Trial, asked, expect, holds, mdoc, of_type, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ..world import ENDPOINT, ORIGIN, PATH, POLICY, SimulatedWorld, anchors, request
from ._bindings import bearers
from ._proof_forms import ATTACKS as _PROOF_FORMS
from ._proofs import ATTACKS as _PROOFS
from ._sending import THIEF, Act, at_a_gateway, prove, result_of, send, with_proof

_HOUR: Final = 3_600
_CLIENT: Final = Sender(Binding.DPOP)
_AGED: Final = POLICY.replace("max_admission_age_s = 600", "max_admission_age_s = 5000")


@attack("DPO-026")
def longer_than_what_it_stands_on() -> Iterator[Trial]:
    """A ticket would outlive the credential, the trust in its issuer, its session, or the word on its status."""
    bounds = {"credential": 40_000, "anchor": 50_000, "ticket": 60_000, "session": 70_000}
    for shortest in bounds:
        yield holds(f"it ends with the {shortest}", partial(_ends, {**bounds, shortest: 1_000}))
    for wait, reason in ((99, None), (100, Reason.TICKET_EXPIRED), (10_000, Reason.TICKET_EXPIRED)):
        yield asked(f"{wait} of the credential's 100 s", reason, _used_after(wait, payload={"exp": NOW + 100}))
    for wait, reason in ((_HOUR - 1, None), (_HOUR, Reason.TICKET_EXPIRED)):
        yield asked(f"{wait} s of its own hour", reason, _used_after(wait))
    for wait, reason in ((1_199, None), (1_200, Reason.STATUS_LIST_STALE)):
        yield asked(f"{wait} s of the list's 1,200", reason, _used_after(wait, before=42_000))


def _ends(bounds: dict[str, int]) -> None:
    world = SimulatedWorld(
        anchors=anchors(not_after=NOW + bounds["anchor"]),
        ticket_lifetime_s=bounds["ticket"],
        session_lifetime_s=bounds["session"],
    )
    admitted = world.admit(world.wallet(lifetime_s=bounds["credential"]))
    expect(type(admitted) is Admitted, f"{admitted}")
    expect(admitted.expires_at == NOW + min(bounds.values()), "the ticket")
    expect(admitted.ends_at == NOW + min(bounds["credential"], bounds["anchor"], bounds["session"]), "the session")


def _used_after(seconds: int, *, before: int = 0, **changes: Any) -> Act:
    def act(party: Party) -> Outcome:
        party.world.wait(before)
        answer = party.apply(jwt(**changes))
        party.world.wait(seconds)
        return party.use(json.loads(answer.body)["ticket"])

    return act


@attack("DPO-027")
def session_of_a_session() -> Iterator[Trial]:
    """A session is renewed from a session: the renewal extends nothing but its own ticket."""
    for binding in (Binding.DPOP, Binding.HTTP_SIGNATURE, Binding.MTLS):
        yield holds(f"{binding.name}, no chain reaches beyond the session", partial(_chain, Sender(binding)))
    yield holds("an admission gets no younger", _no_younger)
    renewals: dict[str, tuple[Reason, Callable[[SimulatedWorld, str], Any]]] = {
        "by the thief": (Reason.PROOF_KEY_MISMATCH, partial(_renew, sender=Sender(Binding.DPOP, THIEF))),
        "without a proof": (Reason.PROOF_MISSING, lambda world, ticket: world.gateway.renew(request(ticket))),
        "without a ticket": (Reason.TICKET_MISSING, lambda world, _: world.gateway.renew(request())),
        "after its end": (Reason.TICKET_EXPIRED, _renew_late),
        "after a revocation": (Reason.REVOKED, _renew_revoked),
        "after the trust has ended": (Reason.ANCHOR_REMOVED, _renew_untrusted),
        "after the sender has signed out": (Reason.SIGNED_OUT, _renew_signed_out),
    }
    for name, (reason, renew) in renewals.items():
        yield at_a_gateway(name, reason, partial(_renewed, renew))
    yield at_a_gateway("of a bearer ticket", Reason.BINDING_TOO_WEAK, _renew_bearer)
    yield from bearers()
    yield asked("a ticket in place of a presentation", Reason.MALFORMED_TOKEN, _ticket_as_presentation, step="V1")
    yield asked("a ticket at admission, and no presentation", Reason.TICKET_MISSING, _ticket_alone)


def _renewed(renew: Callable[[SimulatedWorld, str], Any], world: SimulatedWorld) -> Outcome:
    return result_of(renew(world, _CLIENT.ticket(world)))


def _renew(world: SimulatedWorld, ticket: str, sender: Sender = _CLIENT) -> Any:
    return world.gateway.renew(sender.request(world, ticket, path=PATH))


def _renew_late(world: SimulatedWorld, ticket: str) -> Any:
    world.wait(_HOUR)
    return _renew(world, ticket)


def _renew_revoked(world: SimulatedWorld, ticket: str) -> Any:
    world.publisher.revoke(of_type(world.anybody().status, StatusReference))
    world.wait(1)
    world.publish()
    return _renew(world, ticket)


def _renew_untrusted(world: SimulatedWorld, ticket: str) -> Any:
    world.gateway.reload(anchors=anchors("another issuer"))
    return _renew(world, ticket)


def _renew_signed_out(world: SimulatedWorld, ticket: str) -> Any:
    world.gateway.sign_out(_CLIENT.request(world, ticket))
    return _renew(world, ticket)


def _renew_bearer(world: SimulatedWorld) -> Outcome:
    return result_of(_renew(world, Sender(Binding.BEARER).ticket(world), Sender(Binding.BEARER)))


def _chain(sender: Sender) -> None:
    world = SimulatedWorld(session_lifetime_s=5_000, ticket_lifetime_s=2_000)
    ticket, session = sender.ticket(world), None
    for _ in range(4):
        session = session or sender.ask(world, ticket).session_id
        expect(sender.ask(world, ticket).session_id == session, "another session")
        world.wait(1_200)
        renewed = _renew(world, ticket, sender)
        expect(type(renewed) is Admitted and renewed.ends_at == NOW + 5_000, f"{renewed}")
        expect(renewed.expires_at == min(world.now + 2_000, NOW + 5_000), "a ticket that outlives its session")
        ticket = renewed.ticket
    world.wait(200)
    expect(result_of(_renew(world, ticket, sender)).reason is Reason.TICKET_EXPIRED, "the end of the session")


def _no_younger() -> None:
    world = SimulatedWorld(_AGED, ticket_lifetime_s=_HOUR)
    ticket = _CLIENT.ticket(world)
    for wait in (3_000, 2_000):
        world.wait(wait)
        ticket = _renew(world, ticket).ticket
    expect(result_of(_CLIENT.ask(world, ticket, "fresh")).allowed, "5,000 s after the admission")
    world.wait(1)
    outcome = result_of(_CLIENT.ask(world, ticket, "fresh"))
    expect(outcome.reason is Reason.ADMISSION_TOO_OLD, f"{outcome}")


def _ticket_as_presentation(party: Party) -> Outcome:
    ticket = party.ticket()
    return outcome_of(party.post(ticket, party.challenge()["challenge"]))


def _ticket_alone(party: Party) -> Outcome:
    ticket = party.ticket()
    sent = request(ticket, prove(party, ticket, {"htu": ORIGIN + ENDPOINT}), path=ENDPOINT)
    return outcome_of(party.handler(sent, b"{}"))


@attack("DPO-029", "TYP_MISMATCH")
def token_of_another_kind() -> Iterator[Trial]:
    """A token of ours, or one that the issuer signed for something else, is shown as a credential."""
    mismatch = Reason.TYP_MISMATCH
    yield refused("no type", mismatch, jwt(header={"typ": ABSENT}))
    for typ in ("JWT", "dpop+jwt", "statuslist+jwt", "at+jwt", "vc+jwt", "kb+jwt", "DC+SD-JWT"):
        yield refused(f"an issuer's {typ}", mismatch, jwt(header={"typ": typ}))
    for typ in ("JWT", "dpop+jwt", "dc+sd-jwt", "KB+JWT"):
        yield refused(f"a holder's {typ}", mismatch, jwt(kb_header={"typ": typ}))
    for number in (294, 61, 0, "application/statuslist+cwt"):
        yield refused(f"an issuer's CWT of type {number}", mismatch, sd_cwt(header={16: number}))
    for number in (295, 61, "application/cwt"):
        yield refused(f"a holder's CWT of type {number}", mismatch, sd_cwt(kb_header={16: number}))
    yield asked("a proof by the issuer's key", mismatch, with_proof(None, {"typ": "dc+sd-jwt"}, by=key("issuer")))
    # A ticket has the form of no credential, so that none of its parts can be taken for one.
    for format in Format:
        yield holds(f"a ticket as {format.value}", partial(_ticket_as, format))
    yield holds("a credential as a ticket", _credential_as_a_ticket)


def _ticket_as(format: Format) -> None:
    world = SimulatedWorld()
    ticket = world.ticket(world.wallet())
    make = {Format.SD_JWT_VC: jwt, Format.MDOC: mdoc, Format.SD_CWT: sd_cwt}[format]
    for shown in (ticket.encode(), ticket.encode() + b"~", b"~" + ticket.encode(), segment(ticket.encode())):
        outcome = Library().present(make(after=partial(_shown, shown)))
        expect(outcome.reason in (Reason.MALFORMED_TOKEN, Reason.MALFORMED_CBOR) and outcome.step == "V1", f"{outcome}")


def _shown(data: bytes, _: bytes) -> bytes:
    return data


def _credential_as_a_ticket() -> None:
    party = Library().party()
    half = _sd_jwt.issuer_half()
    for text in (half, half.partition(b"~")[0], half.partition(b".")[0]):
        expect(send(party, text.decode(), [prove(party, text.decode())]).reason is Reason.TICKET_INVALID, "a ticket")


GROUP: Final = Group(
    "session token / dpop",
    "a ticket is worth nothing without a fresh proof, of the strictest form, by the key it is bound to, for this very "
    "request and once; and it never says more, or for longer, than the presentation that it was sealed on",
    (
        *_PROOFS,
        *_PROOF_FORMS,
        longer_than_what_it_stands_on,
        session_of_a_session,
        token_of_another_kind,
    ),
)
