"""What the attacks on tickets share: a party that proves by hand, at the admission endpoint and for a resource.

Spec: RFC 9449 sections 4.2, 4.3; specs/profile-dpop.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from ... import LocalKey, Reason
from ...gateway import Admitted, Allow, Binding, Request
from ..forge.parts import Changes, Encoded
from ..forge.proofs import hand_made_proof
from ..forgery import ALLOWED, Forgery, Outcome
from ..senders import Sender
from ..targets import RESOURCES, Party, outcome_of
from ..trials import Kind, Trial, asked
from ..world import ENDPOINT, ORIGIN, SimulatedWorld

Act = Callable[[Party], Outcome]
Headers = Iterable[tuple[bytes, bytes]]
RESOURCE: Final = RESOURCES + "us-nationals"
BOUND: Final = (Binding.DPOP, Binding.HTTP_SIGNATURE, Binding.MTLS)
THIEF: Final = "thief"


def prove(
    party: Party,
    ticket: str | None,
    claims: Changes | None = None,
    header: Changes | None = None,
    *,
    by: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Make a DPoP proof by hand: for the resource with a ticket, for an admission without."""
    url = ORIGIN + (ENDPOINT if ticket is None else RESOURCE)
    changes: Changes = claims if isinstance(claims, bytes | Encoded) else {"htu": url, **(claims or {})}
    return hand_made_proof(by or party.client.key, changes, header, ticket=ticket, now=party.world.now, sign=sign)


def send(
    party: Party,
    ticket: str | None,
    proofs: Iterable[bytes],
    *,
    method: str = "POST",
    url: str = ORIGIN + RESOURCE,
    further: Headers = (),
) -> Outcome:
    """Ask for the resource with a ticket and these proofs, each in a header of its own."""
    headers = [(b"host", b"gateway.example"), (b"authorization", b"Bearer sk-42"), *further]
    if ticket is not None:
        headers.append((b"citizenship-ticket", ticket.encode()))
    headers += [(b"DPoP", proof) for proof in proofs]
    return party.send(Request(method, url, headers))


def applying(party: Party, proofs: Iterable[bytes], *, method: str = "POST", url: str = ORIGIN + ENDPOINT) -> Outcome:
    """Apply for a ticket with a good presentation and these proofs."""
    asked_for = party.challenge()
    shown = Forgery(party.format, {}).made(asked_for["nonce"], asked_for["audience"], party.world.now)
    text = shown if isinstance(shown, str) else shown.decode("latin-1")
    document = {"format": party.format.value, "challenge": asked_for["challenge"], "presentation": text}
    headers = [(b"host", b"gateway.example"), *((b"DPoP", proof) for proof in proofs)]
    return outcome_of(party.handler(Request(method, url, headers), json.dumps(document).encode()))


def with_proof(claims: Changes | None = None, header: Changes | None = None, **how: Any) -> Act:
    """Return what a party does that has a ticket, and a proof that is good but for these changes."""
    sending = {name: how.pop(name) for name in ("method", "url", "further") if name in how}

    def act(party: Party) -> Outcome:
        ticket = party.ticket()
        return send(party, ticket, [prove(party, ticket, claims, header, **how)], **sending)

    return act


def at_admission(claims: Changes | None = None, header: Changes | None = None, **how: Any) -> Act:
    """Return what a party does that applies for a ticket with a proof that is good but for these changes."""
    return lambda party: applying(party, [prove(party, None, claims, header, **how)])


def everywhere(
    name: str, reason: Reason | None, claims: Changes | None = None, header: Changes | None = None, **how: Any
) -> tuple[Trial, ...]:
    """Expect the same of a proof that comes with a ticket, and of one at admission."""
    step = "" if reason is None else "proof"
    return (
        asked(name, reason, with_proof(claims, header, **how), step=step),
        asked(name + ", at admission", reason, at_admission(claims, header, **how), step=step),
    )


def using(bound: Sender, shown: Sender | None = None, *, resource: str = "us-nationals", **how: Any) -> Act:
    """Return what a party does that is admitted as one sender and asks as another, or as nobody."""

    def act(party: Party) -> Outcome:
        ticket = party.ticket(bound)
        return party.use(ticket, resource, sender=shown or Sender(Binding.BEARER), **how)

    return act


def result_of(result: Any) -> Outcome:
    """Return what a result of a gateway is."""
    return ALLOWED if type(result) in (Allow, Admitted) else outcome_of(result.http())


def at_a_gateway(name: str, reason: Reason | None, act: Callable[[SimulatedWorld], Outcome], **options: Any) -> Trial:
    """Expect this at a gateway of ours with other options."""
    kind = Kind.ACCEPTED if reason is None else Kind.REFUSED
    return Trial(name, kind, reason, "", lambda _: act(SimulatedWorld(**options)), anywhere=False)
