"""Mutations of requests whose sender is not proven by DPoP: signed as HTTP messages, and over mutual TLS.

Spec: RFC 9421 sections 2 to 4; RFC 8705 section 3; specs/profile-sender-proofs.md sections 2 and 3.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ... import Reason
from ...gateway import Request
from ..forge.parts import ABSENT, base64url, key
from ..forge.signatures import ALGORITHMS, LABEL, HandMade, hand_made_signature
from ..senders import certificate
from ..strategies.requests import TicketHeld
from ..world import ORIGIN
from ._frame import Choice, Edit, Mutation, keyless, row
from ._text import of_another_alphabet, padded, with_a_member_twice
from .gateways import Sent, again, proof

R: Final = Reason
_TICKET: Final = b"citizenship-ticket"
_PLAIN: Final = ((b"host", b"gateway.example"), (b"authorization", b"Bearer sk-42"))


def asked(valid: TicketHeld, *headers: tuple[bytes, bytes], method: str = "POST", url: str | None = None) -> Request:
    """Return a request with the ticket and these headers, over a connection without a certificate."""
    where = ORIGIN + valid.path if url is None else url
    return Request(method, where, [*_PLAIN, (_TICKET, valid.text.encode()), *headers])


def signed(valid: TicketHeld, parameters: Mapping[str, Any] | None = None, **further: Any) -> HandMade:
    """Sign a request with the ticket; parts of it may be replaced."""
    stated = {"ticket": valid.text, "url": ORIGIN + valid.path, "now": valid.world.now, **further}
    return hand_made_signature(stated.pop("signer", valid.sender.key), parameters, **stated)


# --- a signature that is there, edited on the way ---


def edited(edit: Callable[[HandMade, Choice], HandMade], *, method: str = "POST", url: str = "") -> Edit:
    """Edit the headers of a good signature, or what it is sent with."""

    def apply(valid: TicketHeld, choice: Choice) -> Sent:
        headers = edit(signed(valid), choice).headers()
        return Sent((asked(valid, *headers, method=method, url=ORIGIN + valid.path + url),))

    return apply


def without(*names: str) -> Edit:
    """Leave one of these headers out."""
    return edited(lambda made, choice: made._replace(**{choice.of(*names): b""}))


def in_input(pattern: bytes, *written: bytes) -> Edit:
    """Write something else in place of the first match in `Signature-Input`."""
    return edited(lambda made, choice: made._replace(stated=re.sub(pattern, choice.of(*written), made.stated, count=1)))


def raw(edit: Callable[[bytes, Choice], bytes]) -> Edit:
    """Edit the bytes of the signature."""

    def apply(made: HandMade, choice: Choice) -> HandMade:
        bare = base64.b64decode(made.signature.partition(b":")[2][:-1])
        text = base64.b64encode(edit(bare, choice))
        return made._replace(signature=f"{LABEL}=:".encode() + text + b":")

    return edited(apply)


def of_key(edit: Callable[[bytes, Choice], bytes]) -> Edit:
    """Edit the header that shows the key."""
    return edited(lambda made, choice: made._replace(key=edit(made.key, choice)))


def showing(*jwks: Any) -> Edit:
    """Show one of these in place of the key."""
    return of_key(lambda _, choice: base64url(json.dumps(choice.of(*jwks)).encode()))


def _other_algorithm(made: HandMade, choice: Choice) -> HandMade:
    (mine,) = (each for each in ALGORITHMS.values() if f'alg="{each}"'.encode() in made.stated)
    (other,) = set(ALGORITHMS.values()) - {mine}
    return made._replace(stated=made.stated.replace(f'alg="{mine}"'.encode(), f'alg="{other}"'.encode()))


def _twice(valid: TicketHeld, choice: Choice) -> Sent:
    made = signed(valid)
    further = choice.of(made, signed(valid)).headers()[choice.below(2)]
    return Sent((asked(valid, *made.headers(), further),))


def _two_of_ours(valid: TicketHeld, choice: Choice) -> Sent:
    one, two = signed(valid), signed(valid, label="other")
    joined = (one.stated + choice.of(b", ", b",") + two.stated, one.signature + b", " + two.signature, one.key)
    return Sent((asked(valid, *HandMade(*joined).headers()),))


def _by_a_thief(valid: TicketHeld, choice: Choice) -> Sent:
    thief = key("thief", choice.of(*ALGORITHMS))
    return Sent((asked(valid, *signed(valid, signer=thief).headers()),))


def _key_of_a_thief(made: HandMade, choice: Choice) -> HandMade:
    public = key("thief", choice.of(*ALGORITHMS)).public
    return made._replace(key=base64url(json.dumps(public.to_jwk()).encode()))


def _by_dpop(valid: TicketHeld, _: Choice) -> Sent:
    return Sent((asked(valid, (b"dpop", proof(valid))),))


_ON_THE_WAY: Final[tuple[Mutation, ...]] = (
    keyless("no signature", R.PROOF_MISSING, lambda v, c: Sent((asked(v),)), step="proof"),
    keyless("a header of three is missing", R.PROOF_MISSING, without("stated", "signature", "key"), step="proof"),
    keyless("a DPoP proof in its place", R.PROOF_MISSING, _by_dpop, step="proof"),
    keyless("a header twice", R.PROOF_MALFORMED, _twice, step="proof"),
    keyless("two signatures with our tag", R.PROOF_MALFORMED, _two_of_ours, step="proof"),
    keyless("the same request again", R.REPLAYED, again, step="replay"),
    keyless("a signature by a thief", R.PROOF_KEY_MISMATCH, _by_a_thief, step="proof"),
    keyless("the key of a thief", R.PROOF_KEY_MISMATCH, edited(_key_of_a_thief), step="proof"),
    keyless("a bit of the signature", R.SIGNATURE_INVALID, raw(lambda s, c: c.flipped(s)), step="proof"),
    keyless(
        "the signature, longer or shorter",
        R.SIGNATURE_MALFORMED,
        raw(lambda s, c: c.of(s[:-1], s + b"\0")),
        step="proof",
    ),
    keyless(
        "the signature without its colons",
        R.PROOF_MALFORMED,
        edited(lambda m, c: m._replace(signature=m.signature.replace(b":", b"", 1 + c.below(2)))),
        step="proof",
    ),
    keyless(
        "a signature under another label",
        R.PROOF_MISSING,
        edited(lambda m, c: m._replace(signature=c.of(b"x", b"sig1") + m.signature[len(LABEL) :])),
        step="proof",
    ),
    keyless(
        "another method",
        R.SIGNATURE_INVALID,
        lambda v, c: edited(_as_it_is, method=c.of("GET", "PUT", "post"))(v, c),
        step="proof",
    ),
    keyless(
        "another URL",
        R.SIGNATURE_INVALID,
        lambda v, c: edited(_as_it_is, url=c.of("/", "?a=b", "?", "/x"))(v, c),
        step="proof",
    ),
    keyless(
        "a component left out",
        R.PROOF_COMPONENT_MISSING,
        lambda v, c: in_input(c.of(rb'"@method" ', rb'"@target-uri" ', rb' "citizenship-ticket"'), b"")(v, c),
        step="proof",
    ),
    keyless("a component twice", R.PROOF_MALFORMED, in_input(rb'"@method"', rb'"@method" "@method"'), step="proof"),
    keyless(
        "a component in another spelling",
        R.PROOF_MALFORMED,
        in_input(rb'"@method"', rb'"@Method"', rb'"@method";req', rb"@method", rb'"@method" ', rb'"@\\method"'),
        step="proof",
    ),
    keyless("another nonce", R.SIGNATURE_INVALID, in_input(rb'nonce="', rb'nonce="x', rb'nonce="0'), step="proof"),
    keyless(
        "a parameter in the place of another",
        R.SIGNATURE_INVALID,
        in_input(rb"(;created=\d+)(;nonce=\"[^\"]*\")", rb"\2\1"),
        step="proof",
    ),
    keyless("a parameter twice", R.PROOF_MALFORMED, in_input(rb';alg="[^"]*"', rb"\g<0>\g<0>"), step="proof"),
    keyless(
        "a parameter of another type",
        R.PROOF_MALFORMED,
        in_input(rb'nonce="[^"]*"', b"nonce=1", b"nonce"),
        step="proof",
    ),
    keyless("another tag", R.PROOF_MISSING, in_input(rb'tag="', rb'tag="x', rb'tag="Citizenship'), step="proof"),
    keyless("another algorithm", R.ALGORITHM_MISMATCH, edited(_other_algorithm), step="proof"),
    keyless(
        "an algorithm of no list",
        R.ALGORITHM_NOT_ALLOWED,
        in_input(rb'alg="[^"]*"', b'alg="hmac-sha256"', b'alg="none"', b'alg="rsa-v1_5-sha256"'),
        step="proof",
    ),
    keyless("the key, padded", R.MALFORMED_BASE64, of_key(padded), step="proof"),
    keyless(
        "a character of another alphabet in the key",
        R.MALFORMED_BASE64,
        of_key(lambda t, c: of_another_alphabet(t, c).replace(b"\n", b"+")),
        step="proof",
    ),
    keyless("a member of the key twice", R.DUPLICATE_MEMBER, of_key(with_a_member_twice), step="proof"),
    keyless("a key that is no object", R.MALFORMED_JSON, showing([], "x", 1, None), step="proof"),
    keyless(
        "a key that is none", R.KEY_INVALID, showing({}, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA"}), step="proof"
    ),
)


def _as_it_is(made: HandMade, _: Choice) -> HandMade:
    return made


# --- what the sender himself signs ---


def by_the_sender(parameters: Mapping[str, Any] | None = None, **further: Any) -> Edit:
    """Sign with these parameters; what can be called makes a value of the ticket and a choice."""

    def chosen(each: Any, valid: TicketHeld, choice: Choice) -> Any:
        return each(valid, choice) if callable(each) else each

    def apply(valid: TicketHeld, choice: Choice) -> Sent:
        stated = {name: chosen(each, valid, choice) for name, each in (parameters or {}).items()}
        return Sent((asked(valid, *signed(valid, stated, **further).headers()),))

    return apply


def _same_nonce(valid: TicketHeld, choice: Choice) -> Sent:
    nonce = f"nonce of {choice.below(10**9)} {valid.text[-12:]}"
    made = [signed(valid, {"nonce": nonce, "created": valid.world.now - age}) for age in (0, 1 + choice.below(20))]
    return Sent(tuple(asked(valid, *each.headers()) for each in made))


def _lacking(valid: TicketHeld, choice: Choice) -> Sent:
    name = choice.of("created", "nonce", "keyid", "alg")
    return Sent((asked(valid, *signed(valid, {name: ABSENT}).headers()),))


def _covering(edit: Callable[[list[str], Choice], list[str]]) -> Edit:
    def apply(valid: TicketHeld, choice: Choice) -> Sent:
        made = signed(valid, covered=lambda names: edit(names, choice))
        return Sent((asked(valid, *made.headers()),))

    return apply


def _less(names: list[str], choice: Choice) -> list[str]:
    place = choice.below(len(names))
    return names[:place] + names[place + 1 :]


def _elsewhere(valid: TicketHeld, choice: Choice) -> Sent:
    path = valid.path
    url = choice.of("https://evil.example" + path, "http" + ORIGIN[5:] + path, ORIGIN + ":443" + path, path)
    return Sent((asked(valid, *signed(valid, url=url).headers()),))


def _private(valid: TicketHeld, _: Choice) -> Sent:
    shown = base64url(json.dumps(valid.sender.key.to_private_jwk()).encode())
    return Sent((asked(valid, *signed(valid)._replace(key=shown).headers()),))


_BY_THE_SENDER: Final[tuple[Mutation, ...]] = (
    row("the same nonce again", R.REPLAYED, _same_nonce, step="replay"),
    row(
        "made long ago",
        R.PROOF_STALE,
        by_the_sender({"created": lambda v, c: v.world.now - 61 - c.below(300)}),
        step="proof",
    ),
    row(
        "made in the future",
        R.PROOF_IN_FUTURE,
        by_the_sender({"created": lambda v, c: v.world.now + 31 + c.below(300)}),
        step="proof",
    ),
    row(
        "ended by its own word",
        R.PROOF_STALE,
        by_the_sender({"expires": lambda v, c: v.world.now - c.below(30)}),
        step="proof",
    ),
    row(
        "a time that is none",
        R.PROOF_MALFORMED,
        by_the_sender({"created": lambda v, c: c.of("1", -1, 10**15)}),
        step="proof",
    ),
    row("a parameter missing", R.PROOF_MALFORMED, _lacking, step="proof"),
    row("without our tag", R.PROOF_MISSING, by_the_sender({"tag": ABSENT}), step="proof"),
    row("a parameter that nobody knows", R.PROOF_MALFORMED, by_the_sender({"x": 1}), step="proof"),
    row("an empty nonce", R.PROOF_MALFORMED, by_the_sender({"nonce": ""}), step="proof"),
    row("a nonce that is too long", R.LIMIT_EXCEEDED, by_the_sender({"nonce": "n" * 257}), step="proof"),
    row(
        "the name of another key",
        R.PROOF_KEY_MISMATCH,
        by_the_sender({"keyid": lambda v, c: c.of("x", "A" * 43)}),
        step="proof",
    ),
    row("for another place", R.SIGNATURE_INVALID, _elsewhere, step="proof"),
    row("of another ticket", R.SIGNATURE_INVALID, by_the_sender(ticket="A" * 248), step="proof"),
    row(
        "less than what must be covered",
        R.PROOF_COMPONENT_MISSING,
        _covering(_less),
        step="proof",
    ),
    row(
        "a header that is not there",
        R.PROOF_MALFORMED,
        _covering(lambda names, _: [*names, '"x-missing"']),
        step="proof",
    ),
    row(
        "a component that this profile has not",
        R.PROOF_MALFORMED,
        _covering(
            lambda names, c: [*names, c.of('"@authority"', '"@status"', '"@query-param";name="a"', '"@method";req')]
        ),
        step="proof",
    ),
    row("a private key", R.KEY_INVALID, _private, step="proof"),
)


# --- mutual TLS ---


def over_tls(handed_in: Callable[[bytes, Choice], Any]) -> Edit:
    """Send the ticket over a connection whose terminator hands this in."""

    def apply(valid: TicketHeld, choice: Choice) -> Sent:
        return Sent((asked(valid)._replace(client_certificate=handed_in(valid.sender.certificate, choice)),))

    return apply


def _digest(certificate: bytes) -> bytes:
    return hashlib.sha256(certificate).digest()


def _in_a_header(valid: TicketHeld, choice: Choice) -> Sent:
    mine = valid.sender.certificate
    header = choice.of(
        (b"client-cert", b":" + base64.b64encode(mine) + b":"),
        (b"x-forwarded-client-cert", b"Hash=" + _digest(mine).hex().encode()),
    )
    return Sent((asked(valid, header),))


OVER_TLS: Final[tuple[Mutation, ...]] = (
    keyless("no certificate", R.PROOF_MISSING, over_tls(lambda der, c: None), step="proof"),
    keyless("a DPoP proof in its place", R.PROOF_MISSING, _by_dpop, step="proof"),
    keyless("a certificate in a header that nobody trusts", R.PROOF_MISSING, _in_a_header, step="proof"),
    keyless(
        "the certificate of a thief",
        R.PROOF_KEY_MISMATCH,
        over_tls(lambda der, c: c.of(certificate("thief"), _digest(certificate("thief")))),
        step="proof",
    ),
    keyless(
        "a bit of the certificate",
        R.PROOF_KEY_MISMATCH,
        over_tls(lambda der, c: der[:4] + c.flipped(der[4:])),
        step="proof",
    ),
    keyless(
        "a bit of the thumbprint", R.PROOF_KEY_MISMATCH, over_tls(lambda der, c: c.flipped(_digest(der))), step="proof"
    ),
    keyless(
        "the certificate, longer or shorter",
        R.PROOF_MALFORMED,
        over_tls(lambda der, c: c.of(der[:-1], der + b"\0", der + der)),
        step="proof",
    ),
    keyless("two certificates", R.PROOF_MALFORMED, over_tls(lambda der, c: der + certificate("thief")), step="proof"),
    keyless(
        "the thumbprint of nobody", R.PROOF_MALFORMED, over_tls(lambda der, c: c.of(bytes(32), b"A" * 43)), step="proof"
    ),
    keyless(
        "a thumbprint in another spelling",
        R.PROOF_MALFORMED,
        over_tls(
            lambda der, c: c.of(
                _digest(der).hex().encode(),
                base64.b64encode(_digest(der)),
                padded(base64url(_digest(der)), c),
                base64url(_digest(der)).decode(),
            )
        ),
        step="proof",
    ),
    keyless("nothing, said as bytes", R.PROOF_MALFORMED, over_tls(lambda der, c: b""), step="proof"),
)

TABLE: Final = (*_ON_THE_WAY, *_BY_THE_SENDER)
