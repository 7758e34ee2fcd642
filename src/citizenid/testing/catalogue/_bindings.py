"""To whom a ticket is bound at admission, and what a bearer of one may ask for.

Spec: specs/profile-sender-proofs.md; RFC 9449 section 5; RFC 9421 section 2.5; specs/policy.md (binding).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ... import Challenge, Handover, HandoverKind, Reason
from ...gateway import Binding, MemoryReplayGuard, Request
from ..forge.parts import base64url, unbase64url
from ..forge.proofs import ath
from ..forge.signatures import hand_made_signature
from ..forgery import Forgery, Outcome, called
from ..senders import Sender
from ..targets import Party, outcome_of
from ..trials import Trial, asked, expect
from ..world import ENDPOINT, ORIGIN, STRICT_POLICY, SimulatedWorld, policy
from ._sending import BOUND, RESOURCE, applying, at_a_gateway, prove, result_of, using

_WEAK: Final = Reason.BINDING_TOO_WEAK


def admissions_without_proof() -> Iterator[Trial]:
    """Answer the challenge of each binding as somebody who proves nothing, or proves by another binding."""
    for binding in BOUND:
        for shown in (Sender(Binding.BEARER), *(Sender(each) for each in BOUND if each is not binding)):
            said = f"{binding.name}, admitted with {shown.binding.name}"
            yield asked(said, Reason.PROOF_MISSING, partial(_admitted_as, Sender(binding), shown))


def _admitted_as(asks: Sender, shows: Sender, party: Party) -> Outcome:
    asked_for = party.challenge(asks)
    shown = Forgery(party.format, {}).made(asked_for["nonce"], asked_for["audience"], party.world.now)
    return outcome_of(party.post(shown, asked_for["challenge"], shows))


def proofs_of_a_ticket_at_admission() -> Iterator[Trial]:
    """A proof that was made for a ticket is shown where there is none."""
    other = Reason.PROOF_TICKET_MISMATCH
    for name, value in {"of a ticket": ath("x"), "empty": "", "null": None}.items():
        claims = {"ath": value}
        yield asked(f"ath at admission, {name}", other, partial(_applying, claims), step="proof")
    yield from edited_challenges()
    yield asked("a signature at admission, and no ticket", None, partial(_signed, False))
    yield asked("a signature over a ticket at admission", other, partial(_signed, True), step="proof")


def _applying(claims: dict[str, Any], party: Party) -> Outcome:
    return applying(party, [prove(party, None, claims)])


def _signed(with_ticket: bool, party: Party) -> Outcome:
    sender = Sender(Binding.HTTP_SIGNATURE)
    ticket = party.ticket(sender)
    asked_for = party.challenge(sender)
    shown = Forgery(party.format, {}).made(asked_for["nonce"], asked_for["audience"], party.world.now)
    text = shown if isinstance(shown, str) else shown.decode("latin-1")
    document = {"format": party.format.value, "challenge": asked_for["challenge"], "presentation": text}
    stated: dict[str, Any] = {"ticket": ticket, "url": ORIGIN + ENDPOINT, "now": party.world.now}
    made = hand_made_signature(sender.key, covered=lambda names: names if with_ticket else names[:2], **stated)
    headers = [(b"host", b"gateway.example"), *made.headers()]
    headers += [(b"citizenship-ticket", ticket.encode())] if with_ticket else []
    return outcome_of(party.handler(Request("POST", ORIGIN + ENDPOINT, headers), json.dumps(document).encode()))


def of_a_clock_ahead() -> Iterator[Trial]:
    """A proof that says to be of the future, as far as it is excused, counts for longer: it is remembered as long."""
    ahead_s, age_s = 30, 60
    for wait_s in (age_s - 1, age_s + 5, age_s + ahead_s):
        for sender in (Sender(Binding.DPOP), Sender(Binding.HTTP_SIGNATURE)):
            said = f"{sender.binding.name}, made by a clock that is ahead, after {wait_s} seconds"
            yield asked(said, Reason.REPLAYED, partial(_again, sender, ahead_s, wait_s))


def _again(sender: Sender, ahead_s: int, wait_s: int, party: Party) -> Outcome:
    ticket = party.ticket(sender)
    party.world.wait(ahead_s)
    sent = sender.request(party.world, ticket, path=RESOURCE)
    party.world.wait(-ahead_s)
    expect(party.send(sent).allowed, "a proof that is excused was refused")
    party.world.wait(wait_s)
    return party.send(sent)


def proofs_before_a_restart() -> Iterator[Trial]:
    """A proof is shown to a gateway that began after it was made: what was used before, nobody remembers there."""
    for sender in (Sender(Binding.DPOP), Sender(Binding.HTTP_SIGNATURE)):
        said = sender.binding.name
        yield at_a_gateway(f"{said}, made before a restart", Reason.PROOF_STALE, partial(_restarted, sender, True))
        yield at_a_gateway(f"{said}, made after it", None, partial(_restarted, sender, False))


def _restarted(sender: Sender, before: bool, world: SimulatedWorld) -> Outcome:
    ticket = sender.ticket(world)
    old = sender.request(world, ticket)
    expect(result_of(world.gateway.authorize(old, resource="weak")).allowed, "a good proof was refused")
    world.wait(1)
    anew = world.another_gateway(replay=MemoryReplayGuard(monotonic=world.monotonic))
    return result_of(anew.authorize(old if before else sender.request(world, ticket), resource="weak"))


_OTHERWISE: Final = Handover(HandoverKind.DC_API_DRAFT_24, client_id="x509_san_dns:gateway.example")


def edited_challenges() -> Iterator[Trial]:
    """Answer a challenge of ours of which a part was changed on the way."""
    for name, edit in {
        "nothing": lambda challenge: challenge,
        "a bit of the random part": partial(_nonce_with, 8),
        "its kind, DPoP to signed messages": partial(_of_kind, Binding.HTTP_SIGNATURE),
        "its kind, DPoP to mutual TLS": partial(_of_kind, Binding.MTLS),
        "its end": partial(_nonce_with, 5),
        "how it is asked": lambda challenge: replace(challenge, handover=_OTHERWISE),
    }.items():
        reason = None if name == "nothing" else Reason.CHALLENGE_INVALID
        yield at_a_gateway(f"a challenge of which was changed: {name}", reason, partial(_edited, edit))


def _nonce_with(place: int, challenge: Challenge) -> Challenge:
    raw = bytearray(unbase64url(str(challenge.nonce)))
    raw[place] ^= 1
    return replace(challenge, nonce=base64url(bytes(raw)).decode())


def _of_kind(binding: Binding, challenge: Challenge) -> Challenge:
    raw = bytearray(unbase64url(str(challenge.nonce)))
    raw[1] = binding
    return replace(challenge, nonce=base64url(bytes(raw)).decode())


def _edited(edit: Any, world: SimulatedWorld) -> Outcome:
    """Ask as a sender of DPoP, and answer as the one of the kind that the challenge then says, with the same key."""
    wallet, sender = world.anybody(), Sender(Binding.DPOP)
    challenge = edit(world.gateway.challenge(sender=sender.thumbprint))
    kind = Binding(unbase64url(str(challenge.nonce))[1])
    shown = Sender(kind)
    request = shown.request(world, path=ENDPOINT)
    if kind is Binding.MTLS:  # whose thumbprint is handed in
        request = request._replace(client_certificate=sender.thumbprint)
    presented = world.present(wallet, challenge)
    return result_of(
        world.gateway.admit(presented, format=wallet.format, challenge=challenge.to_text(), request=request)
    )


def old_challenges() -> Iterator[Trial]:
    """An answer that was used is shown again when its use is forgotten, after the wall clock has stepped back."""
    yield asked("an answer to a challenge, once", None, partial(_after_a_step, False))
    yield asked("an answer to a challenge, and a step back", Reason.CHALLENGE_EXPIRED, partial(_after_a_step, True))


def _after_a_step(again: bool, party: Party) -> Outcome:
    sender, world = Sender(Binding.MTLS), party.world  # with whom no proof comes that would be too old
    asked_for = party.challenge(sender)
    shown = Forgery(party.format, {}).made(asked_for["nonce"], asked_for["audience"], world.now)
    first = outcome_of(party.post(shown, asked_for["challenge"], sender))
    if not again:
        return first
    expect(first.allowed, "a good answer was refused")
    world.wait(4_000)
    world.step_wall_clock(-4_000)
    return outcome_of(party.post(shown, asked_for["challenge"], sender))


def bearers() -> Iterator[Trial]:
    """Ask with a ticket that is bound to nobody, for more than a rule gives to a bearer."""
    bearer = Sender(Binding.BEARER)
    yield asked("a bearer, where one may", None, using(bearer, bearer, resource="weak"))
    for resource in ("us-nationals", "us-citizens", "us/a", "fresh"):
        yield asked(f"a bearer asks for {resource}", _WEAK, using(bearer, bearer, resource=resource))
    for sender in map(Sender, BOUND):
        yield asked(f"a bearer ticket, {sender.binding.name} beside it", _WEAK, using(bearer, sender))
    yield at_a_gateway("a challenge for a bearer, where no rule takes one", _WEAK, _challenged)
    yield at_a_gateway("admitted as a bearer when no rule takes one any more", _WEAK, _admitted_late)


def _challenged(world: SimulatedWorld) -> Outcome:
    gateway = world.another_gateway(policy=policy(STRICT_POLICY))
    return called(partial(gateway.challenge, sender=None))


def _admitted_late(world: SimulatedWorld) -> Outcome:
    wallet = world.anybody()
    challenge = world.challenge(None)
    world.gateway.reload(policy=policy(STRICT_POLICY))
    shown = world.present(wallet, challenge)
    request = Sender(Binding.BEARER).request(world, path=ENDPOINT)
    return result_of(world.gateway.admit(shown, format=wallet.format, challenge=challenge.to_text(), request=request))
