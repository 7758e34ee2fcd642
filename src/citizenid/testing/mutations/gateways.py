"""Mutations of requests to a gateway: of the ticket, of the DPoP proof beside it, and of the headers they stand in.

Spec: RFC 9449 sections 4.3, 7 and 11.1; specs/verification.md (ticket, proof, replay); specs/profile-dpop.md.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ... import Country, Reason
from ...gateway import DPoPNonces, Request
from ...gateway.ticket import TicketKeys
from ..forge.parts import ABSENT, AUDIENCE, base64url, key, segment, unbase64url
from ..forge.proofs import ath, hand_made_proof
from ..strategies.requests import TicketHeld
from ..strategies.values import DAY
from ..world import ORIGIN, OTHER_SECRET, SECRET
from ._frame import Choice, Edit, Mutation, keyless, row
from ._text import of_another_alphabet, padded, with_a_member_twice

R: Final = Reason
_TICKET: Final = b"citizenship-ticket"
_DPOP: Final = b"dpop"
_BASE64URL: Final = re.compile(rb"[A-Za-z0-9_-]+")


class Sent(NamedTuple):
    """Requests, one after the other, of which the last must be refused.

    Attributes:
        requests: the first ones may be allowed.
        nonces: whether the gateway wants its nonces in proofs.
    """

    requests: tuple[Request, ...]
    nonces: bool = False


def judged(valid: TicketHeld) -> Callable[[Any], object]:
    """Return what sends requests to the gateway of the ticket, or to one of its fleet that wants nonces."""

    def judge(sent: Sent) -> object:
        gateway = valid.gateway
        if sent.nonces:
            gateway = valid.world.another_gateway(dpop_nonces=DPoPNonces.OF_THE_FLEET)
        results = [gateway.authorize(request, resource=valid.resource) for request in sent.requests]
        return results[-1]

    return judge


def asked(valid: TicketHeld, *headers: tuple[bytes, bytes], method: str = "POST") -> Sent:
    """Return a request with these headers."""
    plain = ((b"host", b"gateway.example"), (b"authorization", b"Bearer sk-42"))
    return Sent((Request(method, ORIGIN + valid.path, [*plain, *headers]),))


def proof(
    valid: TicketHeld, claims: Any = None, header: Any = None, *, ticket: str | None = None, **further: Any
) -> bytes:
    """Make a proof for a request with the ticket; parts of it may be replaced."""
    stated = {"htu": ORIGIN + valid.path, **(claims or {})} if not isinstance(claims, bytes) else claims
    shown = valid.text if ticket is None else ticket
    signer = further.pop("signer", valid.sender.key)
    return hand_made_proof(signer, stated, header, ticket=shown, now=valid.world.now, **further)


# --- the ticket ---


def ticketed(edit: Callable[[bytes, Choice], bytes]) -> Edit:
    """Edit the text of the ticket, and prove for what it then is."""

    def apply(valid: TicketHeld, choice: Choice) -> Sent:
        text = edit(valid.text.encode(), choice)
        named = {"ath": ath(text.decode("latin-1"))} if text.isascii() else {}
        return asked(valid, (_TICKET, text), (_DPOP, proof(valid, named)))

    return apply


def sealed(edit: Callable[[Any, TicketHeld, Choice], Any], *, secret: bytes = SECRET, audience: str = AUDIENCE) -> Edit:
    """Seal what the ticket holds anew, as whoever has the keys of the fleet can."""

    def apply(valid: TicketHeld, choice: Choice) -> Sent:
        contents = TicketKeys((SECRET,), AUDIENCE).open(valid.text.encode())
        made = TicketKeys((secret,), audience).seal(edit(contents, valid, choice), secrets.token_bytes(12))
        return asked(valid, (_TICKET, made.encode()), (_DPOP, proof(valid, ticket=made)))

    return apply


def _raw(edit: Callable[[bytes, Choice], bytes]) -> Callable[[bytes, Choice], bytes]:
    return lambda text, choice: base64url(edit(unbase64url(text), choice))


def _bit(text: bytes, choice: Choice) -> bytes:
    """Turn over a bit of what a ticket says in base64url; one of somebody else's may be any text: there a character."""
    if len(text) % 4 != 1 and _BASE64URL.fullmatch(text) and base64url(raw := unbase64url(text)) == text:
        return base64url(choice.flipped(raw))
    place = choice.below(len(text))
    return text[:place] + (b"A" if text[place : place + 1] != b"A" else b"B") + text[place + 1 :]


def _of_others(contents: Any, _: TicketHeld, choice: Choice) -> Any:
    codes = choice.of({"DE"}, {"FR"}, {"DE", "FR"})
    return contents._replace(nationalities=frozenset(map(Country, codes)), citizenships=frozenset())


def _ended(contents: Any, valid: TicketHeld, choice: Choice) -> Any:
    admitted_at = valid.world.now - 10_000 - choice.below(1_000)
    return contents._replace(admitted_at=admitted_at, expires_at=admitted_at + 3_600, ends_at=admitted_at + DAY)


_TICKETS: Final[tuple[Mutation, ...]] = (
    keyless("a bit of the ticket", R.TICKET_INVALID, ticketed(_bit), step="ticket"),
    keyless("the ticket cut off", R.TICKET_INVALID, ticketed(lambda t, c: t[: c.below(len(t))]), step="ticket"),
    keyless(
        "something behind the ticket",
        R.TICKET_INVALID,
        ticketed(lambda t, c: t + c.of(b"A", b"AAAA", b"=", b".")),
        step="ticket",
    ),
    keyless("the ticket, padded", R.TICKET_INVALID, ticketed(padded), step="ticket"),
    keyless(
        "a character of another alphabet in the ticket",
        R.TICKET_INVALID,
        ticketed(lambda t, c: of_another_alphabet(t, c).replace(b"\n", b"+")),
        step="ticket",
    ),
    keyless("no ticket", R.TICKET_MISSING, lambda v, c: asked(v, (_DPOP, proof(v))), step="ticket"),
    keyless(
        "two tickets",
        R.TICKET_INVALID,
        lambda v, c: asked(
            v, (_TICKET, v.text.encode()), (_DPOP, proof(v)), (c.of(_TICKET, b"Citizenship-Ticket"), v.text.encode())
        ),
        step="ticket",
    ),
    row("sealed by another fleet", R.TICKET_INVALID, sealed(lambda t, v, c: t, secret=OTHER_SECRET), step="ticket"),
    row(
        "sealed for another audience",
        R.TICKET_INVALID,
        sealed(lambda t, v, c: t, audience="https://other.example"),
        step="ticket",
    ),
    row("a ticket that has ended", R.TICKET_EXPIRED, sealed(_ended), step="ticket"),
    row(
        "of an anchor that is gone",
        R.ANCHOR_REMOVED,
        sealed(lambda t, v, c: t._replace(anchor=c.flipped(t.anchor))),
        step="ticket",
    ),
    row(
        "of a credential whose status list nobody has",
        R.STATUS_LIST_UNAVAILABLE,
        sealed(lambda t, v, c: t._replace(statuses=((c.flipped(t.statuses[0][0]), 1),))),
        step="V9",
    ),
    row(
        "of a credential outside of the list",
        R.STATUS_INDEX_OUT_OF_RANGE,
        sealed(lambda t, v, c: t._replace(statuses=((t.statuses[0][0], 10**6 + c.below(9)),))),
        step="V9",
    ),
    row("of others than the rule admits", R.CITIZENSHIP_NOT_PERMITTED, sealed(_of_others), step="policy"),
    row(
        "of nobody",
        R.CITIZENSHIP_NOT_SHOWN,
        sealed(lambda t, v, c: t._replace(nationalities=frozenset(), citizenships=frozenset())),
        step="policy",
    ),
    row(
        "bound to another sender",
        R.PROOF_KEY_MISMATCH,
        sealed(lambda t, v, c: t._replace(sender=c.flipped(t.sender))),
        step="proof",
    ),
)


# --- the proof ---


def proven(claims: Any = None, header: Any = None, **further: Any) -> Edit:
    """Send the ticket with a proof in which this is otherwise."""

    def chosen(members: Any, valid: TicketHeld, choice: Choice) -> Any:
        if not isinstance(members, dict):
            return members
        return {name: value(valid, choice) if callable(value) else value for name, value in members.items()}

    def apply(valid: TicketHeld, choice: Choice) -> Sent:
        made = proof(valid, chosen(claims, valid, choice), chosen(header, valid, choice), **further)
        return asked(valid, (_TICKET, valid.text.encode()), (_DPOP, made))

    return apply


def of(*values: Any) -> Callable[[TicketHeld, Choice], Any]:
    """One of these values."""
    return lambda _, choice: choice.of(*values)


def edited(place: int, edit: Callable[[bytes, Choice], bytes]) -> Edit:
    """Edit a segment of the proof, without the key."""

    def apply(valid: TicketHeld, choice: Choice) -> Sent:
        segments = proof(valid).split(b".")
        segments[place] = edit(segments[place], choice)
        return asked(valid, (_TICKET, valid.text.encode()), (_DPOP, b".".join(segments)))

    return apply


def _two(valid: TicketHeld, choice: Choice) -> Sent:
    first = proof(valid)
    second = choice.of(first, proof(valid))
    return asked(valid, (_TICKET, valid.text.encode()), (_DPOP, first), (choice.of(_DPOP, b"DPoP"), second))


def again(valid: TicketHeld, choice: Choice) -> Sent:
    """Send one good request several times."""
    sent = valid.request()
    return Sent((sent,) * (2 + choice.below(3)))


def _same_jti(valid: TicketHeld, choice: Choice) -> Sent:
    jti = f"jti number {choice.below(10**9)} {secrets.token_hex(4)}"
    ticket = (_TICKET, valid.text.encode())
    first = asked(valid, ticket, (_DPOP, proof(valid, {"jti": jti})))
    second = asked(valid, ticket, (_DPOP, proof(valid, {"jti": jti, "iat": valid.world.now - 1 - choice.below(20)})))
    return Sent((*first.requests, *second.requests))


def _by_a_thief(valid: TicketHeld, choice: Choice) -> Sent:
    thief = key("thief", choice.of("ES256", "Ed25519", "ES384"))
    return asked(valid, (_TICKET, valid.text.encode()), (_DPOP, proof(valid, signer=thief)))


def _private(valid: TicketHeld, _: Choice) -> dict[str, Any]:
    return dict(valid.sender.key.to_private_jwk())


def _other_algorithm(text: bytes, choice: Choice) -> bytes:
    stated = json.loads(unbase64url(text))
    mine = {"Ed25519": "EdDSA"}.get(stated["alg"], stated["alg"])
    return segment({**stated, "alg": choice.of(*sorted({"ES256", "ES384", "ES512", "EdDSA", "ML-DSA-44"} - {mine}))})


def _missing(valid: TicketHeld, choice: Choice) -> Sent:
    return asked(
        valid,
        (_TICKET, valid.text.encode()),
        (_DPOP, proof(valid, {choice.of("jti", "htm", "htu", "iat", "ath"): ABSENT})),
    )


def _with_nonces(claims: dict[str, Any]) -> Edit:
    return lambda valid, choice: Sent(proven(claims)(valid, choice).requests, nonces=True)


def _shifted(low: int, high: int) -> Callable[[TicketHeld, Choice], int]:
    return lambda valid, choice: valid.world.now + low + choice.below(high)


def _earlier(valid: TicketHeld, choice: Choice) -> int:
    return valid.world.now - 61 - choice.below(300)


def _elsewhere(valid: TicketHeld, choice: Choice) -> str:
    return choice.of("https://evil.example" + valid.path, ORIGIN + "/other", ORIGIN + valid.path + "/", ORIGIN)


_PROOFS: Final[tuple[Mutation, ...]] = (
    keyless("no proof", R.PROOF_MISSING, lambda v, c: asked(v, (_TICKET, v.text.encode())), step="proof"),
    keyless("two proofs", R.PROOF_MALFORMED, _two, step="proof"),
    keyless("the same request again", R.REPLAYED, again, step="replay"),
    keyless("a proof by a thief", R.PROOF_KEY_MISMATCH, _by_a_thief, step="proof"),
    keyless("a bit of the signature", R.SIGNATURE_INVALID, edited(2, _raw(lambda s, c: c.flipped(s))), step="proof"),
    keyless(
        "the signature, longer or shorter",
        R.SIGNATURE_MALFORMED,
        edited(2, _raw(lambda s, c: c.of(s[:-1], s + b"\0"))),
        step="proof",
    ),
    keyless("no signature", R.MALFORMED_TOKEN, edited(2, lambda s, c: b""), step="proof"),
    keyless("a segment, padded", R.MALFORMED_BASE64, lambda v, c: edited(c.below(3), padded)(v, c), step="proof"),
    keyless(
        "alg none",
        R.ALGORITHM_NOT_ALLOWED,
        edited(0, lambda t, c: segment({**json.loads(unbase64url(t)), "alg": c.of("none", "HS256", "RS256", None)})),
        step="proof",
    ),
    keyless("another algorithm of the list", R.ALGORITHM_MISMATCH, edited(0, _other_algorithm), step="proof"),
    keyless("a member of the header twice", R.DUPLICATE_MEMBER, edited(0, with_a_member_twice), step="proof"),
    keyless(
        "a proof for another method",
        R.PROOF_METHOD_MISMATCH,
        lambda v, c: asked(v, (_TICKET, v.text.encode()), (_DPOP, proof(v)), method=c.of("GET", "PUT", "post")),
        step="proof",
    ),
    row("the same jti again", R.REPLAYED, _same_jti, step="replay"),
    row("another method", R.PROOF_METHOD_MISMATCH, proven({"htm": of("GET", "post", "POST ")}), step="proof"),
    row("another URL", R.PROOF_URL_MISMATCH, proven({"htu": _elsewhere}), step="proof"),
    row(
        "a URL that is none",
        R.PROOF_MALFORMED,
        proven({"htu": of("/v1", "ftp://gateway.example/", "https://a@gateway.example/", "https://")}),
        step="proof",
    ),
    row("another ticket", R.PROOF_TICKET_MISMATCH, proven({"ath": of("A" * 43, "x")}), step="proof"),
    row("a claim missing", R.CLAIM_MISSING, _missing, step="proof"),
    row("a claim that is none", R.CLAIM_INVALID, proven({"iat": of("1", 1.5, True, None, -1, 2**53)}), step="proof"),
    row("a jti that is none", R.CLAIM_INVALID, proven({"jti": of(1, "", None, [])}), step="proof"),
    row("a jti that is too long", R.LIMIT_EXCEEDED, proven({"jti": "j" * 257}), step="proof"),
    row("made long ago", R.PROOF_STALE, proven({"iat": _earlier}), step="proof"),
    row("made in the future", R.PROOF_IN_FUTURE, proven({"iat": _shifted(31, 300)}), step="proof"),
    row("another typ", R.TYP_MISMATCH, proven(header={"typ": of("JWT", "DPOP+JWT", ABSENT)}), step="proof"),
    row("a private key in the header", R.KEY_INVALID, proven(header={"jwk": _private}), step="proof"),
    row(
        "a key that is none",
        R.KEY_INVALID,
        proven(
            header={"jwk": of({}, {"kty": "oct", "k": "AAAA"}, {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"})}
        ),
        step="proof",
    ),
    row("an extension that is critical", R.CRIT_UNSUPPORTED, proven(header={"crit": of(["exp"], [])}), step="proof"),
    row("a payload that is no JSON", R.MALFORMED_JSON, proven(b"[]"), step="proof"),
    row("no nonce, where one is asked for", R.PROOF_NONCE_MISSING, _with_nonces({}), step="proof"),
    row("another nonce", R.PROOF_NONCE_MISMATCH, _with_nonces({"nonce": of("x", "A" * 64, 1)}), step="proof"),
)

TABLE: Final = (*_TICKETS, *_PROOFS)
OF_THE_FLEET: Final = frozenset(each.name for each in _TICKETS if not each.keyless) | {
    "no nonce, where one is asked for",
    "another nonce",
}
"""Which of them need a key of the gateways, or a gateway that asks for nonces: tried on ours alone."""
