"""Where a fault is tried besides a presentation: in a status list, in the proof of a sender, in one part of a text.

A rule holds in every place in which a signed object can stand. The groups write a case once for presentations; the
other places are one line each by means of what stands here.

Spec: Token Status List section 5; RFC 9449 section 4.2; RFC 9421 section 4; RFC 7515 section 7.1.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

from ... import Reason
from ...gateway import Binding, Request
from ...status import StatusStore
from ..forge.parts import NOW, STATUS_MEDIA_TYPE, STATUS_URI, segment
from ..forge.proofs import hand_made_proof
from ..forge.status_lists import status_anchors, status_token, status_token_cwt
from ..forgery import Outcome
from ..senders import Sender
from ..targets import RESOURCES, Library, Party
from ..trials import Kind, Trial, asked, expect, holds, raises
from ..world import ORIGIN

CWT_MEDIA_TYPE: Final = "application/statuslist+cwt"
ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
Edit = Callable[[bytes], bytes]
AnyEdit = Callable[[bytes], Any]
_PATH: Final = RESOURCES + "us-nationals"
URL: Final = ORIGIN + _PATH


def status_jwt(name: str, reason: Reason | None, *, edit: AnyEdit | None = None, **parts: Any) -> Trial:
    """Expect this of a status list token as JWT whose parts are replaced; None: that it is taken in."""
    return _status(name, reason, STATUS_MEDIA_TYPE, lambda: status_token(**parts), edit)


def status_cwt(name: str, reason: Reason | None, *, edit: AnyEdit | None = None, **parts: Any) -> Trial:
    """Expect this of a status list token as CWT."""
    return _status(name, reason, CWT_MEDIA_TYPE, lambda: status_token_cwt(**parts), edit)


def _status(
    name: str, reason: Reason | None, media_type: str, make: Callable[[], bytes], edit: AnyEdit | None
) -> Trial:
    def ingest() -> None:
        made = make()
        store = StatusStore(anchors=status_anchors())
        store.ingest(STATUS_URI, made if edit is None else edit(made), media_type=media_type, now=NOW)

    return holds(name, ingest) if reason is None else raises(name, reason, ingest)


def dpop(name: str, reason: Reason | None, *, edit: AnyEdit | None = None, claims: Any = None, **parts: Any) -> Trial:
    """Expect this of a request with a ticket and a proof whose parts are replaced; None: that it is allowed."""

    def act(party: Party) -> Outcome:
        ticket = party.ticket()
        stated = claims if isinstance(claims, bytes) else {"htu": URL, **(claims or {})}
        made = hand_made_proof(party.client.key, stated, ticket=ticket, now=party.world.now, **parts)
        return party.send(proven(ticket, made if edit is None else edit(made)))

    return asked(name, reason, act)


def http(
    name: str, reason: Reason | None, *, edit: Edit | None = None, respell: Edit | None = None, jwk: Any = None
) -> Trial:
    """Expect this of a request with a ticket and an HTTP Message Signature; None: that it is allowed.

    Args:
        name: what is tried.
        reason: with which it is refused.
        edit: the bytes of the signature.
        respell: its base64.
        jwk: what the request shows for the key that signed.
    """

    def act(party: Party) -> Outcome:
        sender = Sender(Binding.HTTP_SIGNATURE)
        ticket = party.ticket(sender)
        request = sender.request(party.world, ticket, path=_PATH)
        headers = []
        for header, value in request.headers:
            made = value
            if header.lower() == b"signature":
                label, text = value.split(b":")[:2]
                if edit is not None:
                    text = base64.b64encode(edit(base64.b64decode(text)))
                made = label + b":" + (text if respell is None else respell(text)) + b":"
            elif header.lower() == b"citizenship-key" and jwk is not None:
                made = segment(jwk)
            headers.append((header, made))
        return party.send(Request(request.method, request.url, headers))

    return asked(name, reason, act)


def proven(ticket: str, proof: bytes) -> Request:
    """Ask for a resource with this ticket and this proof."""
    headers = [(b"host", b"gateway.example"), (b"citizenship-ticket", ticket.encode()), (b"dpop", proof)]
    return Request("POST", URL, headers)


def here(name: str, reason: Reason | None, act: Callable[[Party], Outcome]) -> Trial:
    """Expect this of our own gateway alone: the trial does to it what no client can."""
    kind = Kind.HOLDS if reason is None else Kind.REFUSED
    return Trial(name, kind, reason, "", lambda _: act(Library().party()), anywhere=False)


def in_part(part: int, segment: int, edit: Edit) -> Edit:
    """Edit one segment of one part of a compact SD-JWT, or of a JWS: the issuer's is part 0, the holder's the last."""

    def edited(data: bytes) -> bytes:
        parts = data.split(b"~")
        segments = parts[part].split(b".")
        segments[segment] = edit(segments[segment])
        parts[part] = b".".join(segments)
        return b"~".join(parts)

    return edited


def stray(text: bytes) -> bytes:
    """Spell the same bytes in a second way: a bit that stands for nothing is set in the last character."""
    expect(len(text) % 4 in (2, 3), "no stray bits in this length")
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1:]) | 1 :][:1]


def constant(data: bytes) -> Edit:
    """Put these bytes in the place of whatever there is."""
    return lambda _: data


def filled(text: bytes, remainder: int) -> bytes:
    """Put blanks behind a JSON text until its length has this remainder modulo 3."""
    return text + b" " * ((remainder - len(text)) % 3)
