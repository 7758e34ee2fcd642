"""Attacks by a second spelling: of bytes in base64url, and of the frame of a token.

Whoever can spell one token in two ways gets past whatever remembers tokens by their spelling.

Spec: RFC 4648 sections 3, 5; RFC 7515 section 2, appendix C; specs/verification.md V1.1 to V1.8, V1.14.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from ... import Format, Reason
from ..attacks import Group, attack
from ..forge import mdoc as mdoc_forge
from ..forge import sd_cwt as sd_cwt_forge
from ..forge import sd_jwt
from ..forge.parts import ABSENT, AUDIENCE, NONCE, NOW, Encoded, base64url, dump, key, segment
from ..forge.proofs import ath, hand_made_proof
from ..forgery import MAKE, Outcome
from ..targets import Party
from ..trials import Trial, accepted, asked, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from . import json_texts
from ._places import ALPHABET, URL, Edit, constant, dpop, filled, http, in_part, proven, status_cwt, status_jwt, stray

_BASE64: Final = Reason.MALFORMED_BASE64
_TOKEN: Final = Reason.MALFORMED_TOKEN
_JSON: Final = Reason.MALFORMED_JSON
_CBOR: Final = Reason.MALFORMED_CBOR
_VERIFY: Final = {
    Format.SD_JWT_VC: sd_jwt.verify,
    Format.MDOC: mdoc_forge.verify,
    Format.SD_CWT: sd_cwt_forge.verify,
}
_SEGMENTS: Final = ("header", "payload", "signature")


def _behind(text: bytes) -> Edit:
    return lambda data: data + text


def _each(name: str, reason: Reason, edit: Edit, segment: int = 2) -> Iterator[Trial]:
    """Edit one segment of each JWS that there is."""
    yield refused(f"issuer, {name}", reason, jwt(after=in_part(0, segment, edit)), step="V1")
    yield refused(f"key binding, {name}", reason, jwt(after=in_part(-1, segment, edit)), step="V1")
    yield status_jwt(f"status list, {name}", reason, edit=in_part(0, segment, edit))
    yield dpop(f"DPoP, {name}", reason, edit=in_part(0, segment, edit))


def _encoded(name: str, reason: Reason, edit: Edit) -> Iterator[Trial]:
    """Edit the base64url in which a CBOR format is sent as text."""
    for forge in (mdoc, sd_cwt):
        made = forge(after=lambda data: edit(base64url(data)).decode())
        yield refused(f"{made.format}, {name}", reason, made, step="V1")


@attack("ENC-001", "MALFORMED_BASE64")
def padded_signature() -> Iterator[Trial]:
    """Padding behind the signature of a token that is valid without."""
    yield accepted("without", jwt())
    for padding in (b"=", b"==", b"====", b"%3D%3D", b"=" * 1_000):
        yield from _each(f"{padding[:8]!r} and {len(padding)}", _BASE64, _behind(padding))
        yield from _encoded(f"{padding[:8]!r} and {len(padding)}", _BASE64, _behind(padding))
    for algorithm in ("ES384", "Ed25519", "ES512"):  # of 96, 64 and 132 bytes: with and without something to pad
        signer = key("pads", algorithm)
        trusted = sd_jwt.anchors_for(signer.public)
        yield accepted(f"{algorithm}, without", jwt(signer=signer), anchors=trusted)
        for padding in (b"=", b"==", b"===="):
            forged = jwt(signer=signer, after=in_part(0, 2, _behind(padding)))
            yield refused(f"{algorithm}, {padding!r}", _BASE64, forged, anchors=trusted, step="V1")


@attack("ENC-002", "MALFORMED_BASE64")
def stray_bits() -> Iterator[Trial]:
    """Bits that stand for nothing are set in the last character of the signature."""
    yield from _each("the lowest bit", _BASE64, stray)
    # The standard alphabet, and padded, as structured fields have it (RFC 8941 section 3.3.5).
    yield http("HTTP signature", None)
    yield http("HTTP signature, the lowest bit", _BASE64, respell=lambda text: stray(text.rstrip(b"=")) + b"==")
    yield http("HTTP signature, without its padding", _BASE64, respell=lambda text: text.rstrip(b"="))
    for bit in range(4):  # 64 bytes leave four of them
        yield refused(f"bit {bit}", _BASE64, jwt(after=in_part(0, 2, partial(_with_bit, bit))), step="V1")
    signer = key("leaves two bits", "ML-DSA-44")  # 2,420 bytes
    trusted = sd_jwt.anchors_for(signer.public)
    yield accepted("ML-DSA-44", jwt(signer=signer), anchors=trusted)
    for bit in range(2):
        forged = jwt(signer=signer, after=in_part(0, 2, partial(_with_bit, bit)))
        yield refused(f"ML-DSA-44, bit {bit}", _BASE64, forged, anchors=trusted, step="V1")


def _with_bit(bit: int, text: bytes) -> bytes:
    return text[:-1] + bytes((ALPHABET[ALPHABET.index(text[-1:]) | 1 << bit],))


def _respelt(content: bytes, how: str) -> Encoded:
    """Encode a JSON text in a way that is not the canonical one; it is signed like this."""
    if how == "bits of one byte":
        return Encoded(stray(base64url(filled(content, 1))))
    if how == "bits of two bytes":
        return Encoded(stray(base64url(filled(content, 2))))
    remainder = {"==": 1, "=": 2, "====": 0, "= of two": 1}[how]
    return Encoded(base64url(filled(content, remainder)) + how.partition(" ")[0].encode())


_SPELLINGS: Final = ("==", "=", "====", "= of two", "bits of one byte", "bits of two bytes")


@attack("ENC-003", "MALFORMED_BASE64")
def signed_over_another_spelling() -> Iterator[Trial]:
    """A part is spelt in a second way, and the signature is one over this spelling."""
    header, payload = dump(sd_jwt.good_header()), dump(sd_jwt.good_payload())
    bound = dump({"alg": "ES256", "typ": "kb+jwt"})
    claims = dump({"iat": NOW, "aud": AUDIENCE, "nonce": NONCE, "sd_hash": "x" * 43})
    item = dump(["salt", "nationalities", ["US"]])
    for name, text in (("issuer header", header), ("issuer payload", payload)):
        for rest in range(3):
            spelt = Encoded(base64url(filled(text, rest)))
            made = jwt(header=spelt) if text is header else jwt(payload=spelt)
            yield accepted(f"{name}, canonical, {rest} over", made)
    for how in _SPELLINGS:
        yield refused(f"issuer header, {how}", _BASE64, jwt(header=_respelt(header, how)), step="V1")
        yield refused(f"issuer payload, {how}", _BASE64, jwt(payload=_respelt(payload, how)), step="V1")
        yield refused(f"key binding header, {how}", _BASE64, jwt(kb_header=_respelt(bound, how)), step="V1")
        yield refused(f"key binding payload, {how}", _BASE64, jwt(kb=_respelt(claims, how)), step="V1")
        spelt = _respelt(item, how)
        yield refused(f"disclosure, {how}", _BASE64, jwt(**_hidden(spelt.text)), step="V4")
        named = dump({"alg": "ES256", "typ": "statuslist+jwt", "kid": "s1"})
        yield status_jwt(f"status list header, {how}", _BASE64, header=_respelt(named, how))
        yield status_jwt(f"status list payload, {how}", _BASE64, payload=_respelt(b"{}", how))
        yield asked(f"DPoP payload, {how}", _BASE64, partial(_respelt_proof, how))
    yield accepted("disclosure, canonical", jwt(**_hidden(segment(item))))


def _hidden(*disclosures: bytes, **payload: Any) -> dict[str, Any]:
    hidden = {"nationalities": ABSENT, "_sd": [sd_jwt.digest(each) for each in disclosures]}
    return {"payload": {**hidden, **payload}, "disclosures": disclosures}


def _respelt_proof(how: str, party: Party) -> Outcome:
    ticket, now = party.ticket(), party.world.now
    claims = {"jti": how, "htm": "POST", "htu": URL, "iat": now, "ath": ath(ticket)}
    made = hand_made_proof(party.client.key, _respelt(dump(claims), how), ticket=ticket, now=now)
    return party.send(proven(ticket, made))


def _inserted(what: bytes, at: int) -> Edit:
    return lambda text: text[: at % (len(text) + 1)] + what + text[at % (len(text) + 1) :]


_JUNK: Final = (b"!", b" ", b"\t", b"\n", b"\r\n", b"\0", "é".encode(), b"+", b"/", b"%", b"\x7f", b"\xff", b"\\n")


@attack("ENC-004", "MALFORMED_BASE64")
def characters_in_between() -> Iterator[Trial]:
    """Characters of no meaning stand in a segment: where they are skipped, every token has any number of spellings."""
    for number, junk in enumerate(_JUNK):
        for index, name in enumerate(_SEGMENTS):
            at = (0, 7, -1)[(number + index) % 3]
            edit = _inserted(junk, at)
            yield refused(f"issuer {name}, {junk!r}", _BASE64, jwt(after=in_part(0, index, edit)), step="V1")
            forged = jwt(after=in_part(-1, index, edit))
            yield refused(f"key binding {name}, {junk!r}", _BASE64, forged, step="V1")
        yield status_jwt(f"status list, {junk!r}", _BASE64, edit=in_part(0, 1, _inserted(junk, 4)))
    for junk in (b"!", b" ", b"\n", b"+"):
        yield dpop(f"DPoP, {junk!r}", _BASE64, edit=in_part(0, 2, _inserted(junk, 4)))
        yield from _encoded(repr(junk), _BASE64, _inserted(junk, 40))
        spelt = _inserted(junk, 4)(segment(["salt", "nationalities", ["US"]]))
        yield refused(f"disclosure, {junk!r}", _BASE64, jwt(**_hidden(spelt)), step="V4")
    four = _inserted(b"!!!!", 4)  # a whole group of them: the length stays a possible one
    for index, name in enumerate(_SEGMENTS):
        yield refused(f"issuer {name}, four", _BASE64, jwt(after=in_part(0, index, four)), step="V1")


@attack("ENC-006", "MALFORMED_BASE64")
def impossible_length() -> Iterator[Trial]:
    """A segment with one character over: no bytes are spelt like this."""
    for index, name in enumerate(_SEGMENTS):
        yield from _each(f"{name}, cut", _BASE64, _one_over, index)
    yield from _encoded("cut", _BASE64, _one_over)
    spelt = _one_over(segment(["salt", "nationalities", ["US"]]))
    yield refused("disclosure", _BASE64, jwt(**_hidden(spelt)), step="V4")
    yield refused("signed, header", _BASE64, jwt(header=Encoded(_one_over(segment(sd_jwt.good_header())))))
    yield refused("signed, payload", _BASE64, jwt(payload=Encoded(_one_over(segment(sd_jwt.good_payload())))))
    yield refused("a signature of one character", _BASE64, jwt(after=in_part(0, 2, constant(b"A"))), step="V1")


def _one_over(text: bytes) -> bytes:
    return text + b"A" * ((1 - len(text)) % 4)


def _before(text: bytes) -> Edit:
    return lambda data: text + data


def _around(text: bytes) -> Edit:
    return lambda data: text + data + text


@attack("ENC-008", "MALFORMED_TOKEN")
def around_the_token() -> Iterator[Trial]:
    """Something stands before or behind a token: nothing is trimmed, so the first or the last part is unsound."""
    yield accepted("nothing", jwt())
    bom = "\ufeff".encode()
    for junk in (b" ", b"\n", b"\r\n", b"\t", b"\0", bom, b'"', b"'", b"Bearer ", b"DPoP ", b"<", b","):
        yield refused(f"{junk!r} before", _BASE64, jwt(after=_before(junk)), step="V1")
        yield refused(f"{junk!r} behind", _BASE64, jwt(after=_behind(junk)), step="V1")
        yield status_jwt(f"{junk!r} before a status list", _BASE64, edit=_before(junk))
        yield status_jwt(f"{junk!r} behind a status list", _BASE64, edit=_behind(junk))
        yield refused(f"{junk!r} around", _BASE64, jwt(after=_around(junk)), step="V1")
    for junk in (b" ", b"Bearer ", b'"'):
        yield dpop(f"{junk!r} before a DPoP proof", _BASE64, edit=_before(junk))
        yield dpop(f"{junk!r} behind a DPoP proof", _BASE64, edit=_behind(junk))
        yield from _encoded(f"{junk!r} before", _BASE64, _before(junk))
        yield from _encoded(f"{junk!r} behind", _BASE64, _behind(junk))
    # Bytes of CBOR: what is before is an item, and the token is then left over; or the other way round.
    for forge in (mdoc, sd_cwt):
        for junk in (b" ", b"\n", b"\0", b"\xf6"):
            format = forge().format
            yield refused(f"{format}, {junk!r} before, bytes", _CBOR, forge(after=_before(junk)), step="V1")
            yield refused(f"{format}, {junk!r} behind, bytes", _CBOR, forge(after=_behind(junk)), step="V1")
    for junk in (b"\n", b"\0"):
        yield status_cwt(f"{junk!r} behind a status list, CWT", _CBOR, edit=_behind(junk))
        yield status_cwt(f"{junk!r} before a status list, CWT", _CBOR, edit=_before(junk))


@attack("ENC-009", "MALFORMED_TOKEN")
def count_of_segments() -> Iterator[Trial]:
    """Too few segments or too many, or empty ones."""
    for dots in (0, 1, 3, 4, 5, 50_000):
        counted = partial(_dots, dots)
        yield refused(f"issuer, {dots} dots", _TOKEN, jwt(after=partial(_part, 0, counted)), step="V1")
        yield refused(f"key binding, {dots} dots", _TOKEN, jwt(after=partial(_part, -1, counted)), step="V1")
        yield status_jwt(f"status list, {dots} dots", _TOKEN, edit=counted)
    for dots in (0, 1, 3, 4, 5):
        yield dpop(f"DPoP, {dots} dots", _TOKEN, edit=partial(_dots, dots))
    for index, name in enumerate(_SEGMENTS):
        reason = _TOKEN if index else _JSON  # no header at all is no object
        yield from _each(f"an empty {name}", reason, constant(b""), index)
    yield refused("nothing but dots", _JSON, jwt(after=constant(b"..~")), step="V1")
    for name, text in (
        ("nothing at all", b""),
        ("no tilde", b"a.b.c"),
        ("a tilde", b"~"),
        ("250,000 dots", b"." * 250_000 + b"~"),
    ):
        yield refused(name, _TOKEN, jwt(after=constant(text)), step="V1")
    yield refused("an empty disclosure", _TOKEN, jwt(after=lambda data: data.replace(b"~", b"~~", 1)), step="V1")
    yield refused("250,000 tildes", Reason.LIMIT_EXCEEDED, jwt(after=lambda data: data + b"~" * 250_000), step="V1")
    yield refused("nothing at all, mdoc", _CBOR, mdoc(after=constant(b"")), step="V1")
    yield refused("nothing at all, SD-CWT", _CBOR, sd_cwt(after=constant(b"")), step="V1")


def _part(part: int, edit: Edit, data: bytes) -> bytes:
    parts = data.split(b"~")
    parts[part] = edit(parts[part])
    return b"~".join(parts)


def _dots(count: int, data: bytes) -> bytes:
    segments = data.split(b".") if count < 6 else [b"A"]
    return b".".join((segments * (count // len(segments) + 1))[: count + 1])


def _lying(kind: type) -> Any:
    """Make a kind of bytes or of text that is equal to every other, and stands where any other stands."""
    return type("Lying", (kind,), {"__slots__": (), "__eq__": lambda *_: True, "__hash__": lambda _: 0})


@attack("ENC-011", "MALFORMED_TOKEN")
def another_kind_of_bytes() -> Iterator[Trial]:
    """The input is something that only resembles bytes or text, and may compare as it likes, or change."""
    kinds: dict[str, Callable[[bytes], Any]] = {
        "bytearray": bytearray,
        "memoryview": memoryview,
        "a kind of bytes": _lying(bytes),
        "a kind of text": lambda data: _lying(str)(data.decode("latin-1")),
        "a list": list,
        "nothing": lambda _: None,
        "a number": len,
    }
    for name, kind in kinds.items():
        for format in Format:
            yield raises(f"{format}, {name}", _TOKEN, partial(_verify, format, kind), step="V1")
        yield status_jwt(f"status list, {name}", _TOKEN, edit=kind)
        yield status_cwt(f"status list, CWT, {name}", _TOKEN, edit=kind)
    yield raises(
        "text without a UTF-8 form", _TOKEN, lambda: sd_jwt.verify("\ud800" + sd_jwt.make().decode()), step="V1"
    )


def _verify(format: Format, kind: Callable[[bytes], Any]) -> None:
    _VERIFY[format](kind(MAKE[format]()))


GROUP: Final = Group(
    "encoding malleability",
    "one byte string, one meaning: strict base64url, an exact frame, and JSON that is read once and strictly",
    (
        padded_signature,
        stray_bits,
        signed_over_another_spelling,
        characters_in_between,
        impossible_length,
        around_the_token,
        count_of_segments,
        another_kind_of_bytes,
        *json_texts.ATTACKS,
    ),
)
