"""To whom a ticket is bound at admission, and what a bearer of one may ask for.

Spec: specs/profile-sender-proofs.md; RFC 9449 section 5; RFC 9421 section 2.5; specs/policy.md (binding).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ... import Reason
from ...gateway import Binding, Request
from ..forge.proofs import ath
from ..forge.signatures import hand_made_signature
from ..forgery import Forgery, Outcome, called
from ..senders import Sender
from ..targets import Party, outcome_of
from ..trials import Trial, asked
from ..world import ENDPOINT, ORIGIN, STRICT_POLICY, SimulatedWorld, policy
from ._sending import BOUND, applying, at_a_gateway, prove, result_of, using

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
