"""Mutations of SD-CWT presentations: by anybody on the way, by the issuer, and by the holder.

Spec: draft-ietf-spice-sd-cwt; RFC 9052 section 3; specs/verification.md V1 to V9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import cbor2
from cbor2 import CBORSimpleValue, CBORTag

from ... import Reason
from ..forge.cbor import Pairs, dump
from ..forge.parts import (
    ABSENT,
    OTHER_INDEX,
    REVOKED_INDEX,
    STATUS_SIZE,
    STATUS_URI,
    SUSPENDED_INDEX,
    key,
)
from ..forge.sd_cwt import ALGORITHMS, REDACTED, cose_key, digest, disclosure, salt
from ..strategies.presentations import Presented
from ..strategies.values import DAY
from ._frame import Choice, Edit, Mutation, keyless, row
from ._text import indefinite, nested
from .sd_jwt import elsewhere, replayed_audience, replayed_nonce

R: Final = Reason
_HASHES: Final = {-16: "sha256", -43: "sha384", -44: "sha512"}


class Parts:
    """A presentation taken apart; `data` signs it anew with the keys that it was signed with, or with others."""

    def __init__(self, valid: Presented) -> None:
        outer = cbor2.loads(valid.data).value
        self.kb_header: Any = cbor2.loads(outer[0])
        self.kb: Any = cbor2.loads(outer[2])
        inner = self.kb_header.pop(13).value
        self.header: Any = cbor2.loads(inner[0])
        self.unprotected: Any = dict(inner[1])
        self.disclosures: list[bytes] = list(self.unprotected.pop(17, []))
        self.claims: Any = cbor2.loads(inner[2])
        self.kb_unprotected: Any = dict(outer[1])
        self.hash = _HASHES[self.header.get(170, -16)]
        self.valid, self.now = valid, valid.now
        self.issuer: Any = valid.issued.issuer
        self.holder: Any = valid.issued.holder

    @property
    def inner(self) -> CBORTag:
        """The SD-CWT, signed anew."""
        unprotected = {**self.unprotected, **({17: self.disclosures} if self.disclosures else {})}
        return _sign1(self.header, unprotected, self.claims, self.issuer)

    @property
    def data(self) -> bytes:
        """The presentation, signed anew."""
        return dump(_sign1({**self.kb_header, 13: self.inner}, self.kb_unprotected, self.kb, self.holder))


def _kept(members: Any) -> Any:
    return {name: value for name, value in members.items() if value is not ABSENT} if type(members) is dict else members


def _sign1(header: Any, unprotected: Any, payload: Any, signer: Any) -> CBORTag:
    protected = dump(_kept(header))
    body = payload if isinstance(payload, bytes) else dump(_kept(payload))
    return CBORTag(18, [protected, unprotected, body, signer.sign(dump(["Signature1", protected, b"", body]))])


def signed(edit: Callable[[Parts, Choice], Any]) -> Edit:
    """Return what takes a presentation apart, edits it, and signs it anew; an edit may say False: nothing to do."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        parts = Parts(valid)
        return None if edit(parts, choice) is False else parts.data

    return apply


def states(claims: dict[Any, Any]) -> Edit:
    """The issuer states these claims; what he has hidden stays hidden."""

    def edit(parts: Parts, choice: Choice) -> None:
        parts.disclosures = []
        for name, value in claims.items():
            parts.claims[name] = value(parts.now, choice) if callable(value) else value

    return signed(edit)


def within(half: str, members: dict[Any, Any]) -> Edit:
    """Write this into a header, or into the holder's claims."""

    def edit(parts: Parts, choice: Choice) -> None:
        target = getattr(parts, half)
        for name, value in members.items():
            target[name] = value(parts.now, choice) if callable(value) else value

    return signed(edit)


def of(*values: Any) -> Callable[[int, Choice], Any]:
    """One of these values."""
    return lambda _, choice: choice.of(*values)


def status(index: Any, uri: str = STATUS_URI) -> Edit:
    """The issuer refers to another place of a list."""

    def stated(now: int, choice: Choice) -> Any:
        return {"status_list": {"idx": index(now, choice) if callable(index) else index, "uri": uri}}

    return states({65535: stated})


def hidden(*contents: Any) -> Edit:
    """The issuer hides what cannot be hidden, or hides it wrongly, and the holder shows it."""

    def edit(parts: Parts, choice: Choice) -> None:
        content = choice.of(*contents)
        made = content if isinstance(content, bytes) else disclosure(*content)
        parts.disclosures = [made]
        parts.claims[REDACTED] = [*parts.claims.get(REDACTED, []), digest(made, parts.hash)]

    return signed(edit)


# --- by anybody: the holder's signature is over the SD-CWT as well, and breaks last ---


def inside(edit: Callable[[list[Any], Choice], Any]) -> Edit:
    """Edit the array of the SD-CWT, as whoever is on the way can: nothing is signed anew."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        outer = list(cbor2.loads(valid.data).value)
        header = cbor2.loads(outer[0])
        inner = list(header[13].value)
        if edit(inner, choice) is False:
            return None
        header[13] = CBORTag(18, inner)
        return dump(CBORTag(18, [dump(header), *outer[1:]]))

    return apply


def outside(edit: Callable[[list[Any], Choice], Any]) -> Edit:
    """Edit the array of the SD-KBT."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        outer = list(cbor2.loads(valid.data).value)
        return None if edit(outer, choice) is False else dump(CBORTag(18, outer))

    return apply


def _flipped(place: int) -> Callable[[list[Any], Choice], None]:
    def edit(message: list[Any], choice: Choice) -> None:
        message[place] = choice.flipped(message[place])

    return edit


def _resized(message: list[Any], choice: Choice) -> None:
    message[3] = choice.of(message[3][:-1], message[3] + b"\0", b"", message[3] * 2)


def _shown(edit: Callable[[list[bytes], Choice], list[bytes] | None]) -> Edit:
    def apply(message: list[Any], choice: Choice) -> bool | None:
        edited = edit(list(message[1].get(17, [])), choice)
        if edited is None:
            return False
        message[1] = {**message[1], 17: edited}
        if not edited:
            del message[1][17]
        return None

    return inside(apply)


def _dropped(*, parent: bool) -> Edit:
    """Leave a disclosure out in which another stands that is shown, or in which none does."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        name = Parts(valid).hash

        def edit(shown: list[bytes], choice: Choice) -> list[bytes] | None:
            digests = [digest(each, name) for each in shown]
            among = [each for each in shown if any(inner in each for inner in digests) is parent]
            return [each for each in shown if each is not chosen] if among and (chosen := choice.of(*among)) else None

        return cast("bytes | None", _shown(edit)(valid, choice))

    return apply


def _rewritten(shown: list[bytes], choice: Choice) -> list[bytes] | None:
    if not shown:
        return None
    place = choice.below(len(shown))
    return [*shown[:place], _in_indefinite_length(shown[place]), *shown[place + 1 :]]


def _in_indefinite_length(content: bytes) -> bytes:
    return indefinite(content) or content


def _headed(members: dict[Any, Any], place: int = 0) -> Callable[[list[Any], Choice], None]:
    def edit(message: list[Any], choice: Choice) -> None:
        stated = dict(message[place]) if place else cbor2.loads(message[place])
        stated |= {name: value(0, choice) if callable(value) else value for name, value in members.items()}
        message[place] = _kept(stated) if place else dump(_kept(stated))

    return edit


def _other_algorithm(message: list[Any], choice: Choice) -> None:
    stated = cbor2.loads(message[0])
    others = [number for number in ALGORITHMS.values() if number != stated[1]]
    message[0] = dump({**stated, 1: choice.of(*others)})


def _twice(message: list[Any], choice: Choice) -> None:
    pairs = list(cbor2.loads(message[0]).items())
    message[0] = dump(Pairs([*pairs, choice.of(*pairs)]))


def _indefinite(message: list[Any], choice: Choice) -> None:
    place = choice.of(0, 2)
    message[place] = indefinite(message[place])


def _unbound(valid: Presented, _: Choice) -> bytes:
    header = cbor2.loads(cbor2.loads(valid.data).value[0])
    return dump(header[13])


def _holder_of(valid: Presented, choice: Choice) -> bytes:
    """The SD-KBT of another nonce around this SD-CWT: its signature is over its own header."""
    other = list(cbor2.loads(elsewhere(valid, choice, audience=False).data).value)
    return dump(CBORTag(18, [cbor2.loads(valid.data).value[0], *other[1:]]))


_FOREIGN: Final = (disclosure(salt(1), ["US"], "nationalities"), disclosure(salt(2), ["US"], "x"))

_BY_ANYBODY: Final[tuple[Mutation, ...]] = (
    keyless("a bit of the issuer's signature", R.SIGNATURE_INVALID, inside(_flipped(3)), step="V3"),
    keyless("a bit of the payload", R.SIGNATURE_INVALID, inside(_flipped(2)), step="V3"),
    keyless("a bit of the holder's signature", R.SIGNATURE_INVALID, outside(_flipped(3)), step="V8"),
    keyless("the issuer's signature, longer or shorter", R.SIGNATURE_MALFORMED, inside(_resized), step="V3"),
    keyless("the holder's signature, longer or shorter", R.SIGNATURE_MALFORMED, outside(_resized), step="V8"),
    keyless("cut off", R.MALFORMED_CBOR, lambda v, c: v.data[: c.below(len(v.data))], step="V1"),
    keyless("something behind the end", R.MALFORMED_CBOR, lambda v, c: v.data + c.of(b"\0", b"\xf6", b"\xff", v.data), step="V1"),
    keyless("without its tag", R.MALFORMED_TOKEN, lambda v, c: v.data[1:], step="V1"),
    keyless("under another tag", R.MALFORMED_CBOR, lambda v, c: c.of(b"\xd1", b"\xc6", b"\xd8\x3d\xd2") + v.data[1:], step="V1"),
    keyless("of indefinite length", R.MALFORMED_CBOR, lambda v, c: b"\xd2" + (indefinite(v.data[1:]) or b""), step="V1"),
    keyless("a header of indefinite length", R.MALFORMED_CBOR, lambda v, c: c.of(inside, outside)(lambda m, c: _set(m, 0, indefinite(m[0])))(v, c), step="V1"),
    keyless("no SD-KBT", R.KEY_BINDING_MISSING, _unbound, step="V7"),
    keyless("a disclosure left out", R.SIGNATURE_INVALID, _dropped(parent=False), step="V8"),
    keyless("a disclosure left out that holds another", R.DISCLOSURE_UNREFERENCED, _dropped(parent=True), step="V4"),
    keyless("every disclosure left out", R.SIGNATURE_INVALID, _shown(lambda d, c: [] if d else None), step="V8"),
    keyless("a disclosure twice", R.DISCLOSURE_DUPLICATE, _shown(lambda d, c: [*d, c.of(*d)] if d else None), step="V4"),
    keyless("disclosures in another order", R.SIGNATURE_INVALID, _shown(lambda d, c: d[::-1] if len(d) > 1 else None), step="V8"),
    keyless("a foreign disclosure", R.DISCLOSURE_UNREFERENCED, _shown(lambda d, c: [*d, c.of(*_FOREIGN)]), step="V4"),
    keyless("a disclosure of indefinite length", R.MALFORMED_CBOR, _shown(_rewritten), step="V4"),
    keyless("disclosures that are none", R.HEADER_INVALID, inside(_headed({17: of([], [1], "x", b"x", None, [[b"x"]])}, 1)), step="V1"),
    keyless("replayed: it answered another nonce", R.NONCE_MISMATCH, replayed_nonce, step="V7"),
    keyless("relayed: it was for another audience", R.AUDIENCE_MISMATCH, replayed_audience, step="V7"),
    keyless("the claims of another key binding", R.NONCE_MISMATCH, _holder_of, step="V7"),
    keyless("an algorithm that is none", R.ALGORITHM_NOT_ALLOWED, inside(_headed({1: of("ES256", -65535, 5, None, -9.0, ABSENT)})), step="V1"),
    keyless("another algorithm of the list", R.ALGORITHM_MISMATCH, inside(_other_algorithm), step="V3"),
    keyless("another algorithm of the list for the holder", R.ALGORITHM_MISMATCH, outside(_other_algorithm), step="V8"),
    keyless("another kid", R.KEY_UNKNOWN, inside(_headed({4: of(b"k2", b"K1", b"k1 ")})), step="V2"),
    keyless("a kid that is no bytes", R.HEADER_INVALID, inside(_headed({4: of("k1", 1, None, b"k" * 256)})), step="V1"),
    keyless("where to get a key", R.HEADER_FORBIDDEN, inside(_headed({35: "https://evil.example"})), step="V1"),
    keyless("an extension that is critical", R.CRIT_UNSUPPORTED, inside(_headed({2: of([1], [], [99])})), step="V1"),
    keyless("a label in both headers", R.HEADER_INVALID, inside(_headed({4: b"k1"}, 1)), step="V1"),
    keyless("a member of the header twice", R.DUPLICATE_MEMBER, inside(_twice), step="V1"),
    keyless("claims where nobody signs them", R.HEADER_INVALID, inside(_headed({15: {1: "x"}}, 1)), step="V1"),
    keyless("an encrypted disclosure", R.DISCLOSURE_ENCRYPTED, inside(_headed({171: [b"x"]}, 1)), step="V1"),
    keyless("another typ", R.SIGNATURE_INVALID, inside(_headed({16: of("application/x", 61, "application/sd-cwt")})), step="V3"),
    keyless("another typ of the SD-KBT", R.TYP_MISMATCH, outside(_headed({16: of("application/x", 61, ABSENT)})), step="V1"),
)  # fmt: skip


def _set(message: list[Any], place: int, value: Any) -> None:
    message[place] = value


# --- by the issuer ---


def _expired(parts: Parts, choice: Choice) -> None:
    parts.disclosures = []
    parts.claims |= {6: parts.now - 2 * DAY, 5: ABSENT, 4: parts.now - choice.below(DAY), "evidence_checked_at": ABSENT}
    parts.kb[6] = parts.now


def _without_status(parts: Parts, choice: Choice) -> None:
    start = parts.now - 60
    parts.claims |= {65535: ABSENT, 6: start, 5: ABSENT, 4: start + DAY + 1 + choice.below(DAY)}


def _without_key(parts: Parts, _: Choice) -> None:
    parts.claims[8] = ABSENT


def _bound_to_another(parts: Parts, _: Choice) -> None:
    # On P-256, whatever the holder's own: the algorithm of the SD-KBT must then be that of the key.
    parts.claims[8] = {1: cose_key(key("another holder"))}
    parts.holder = key("holder")
    parts.kb_header[1] = ALGORITHMS["ES256"]


def _private_key(parts: Parts, _: Choice) -> None:
    stated = parts.claims[8][1]
    private = -2 if stated[1] == 7 else -4  # RFC 9964 section 3; RFC 9053 section 7
    parts.claims[8][1] = {**stated, private: b"\x01" * 32}


def _use_of_key(parts: Parts, choice: Choice) -> None:
    parts.claims[8][1] = {**parts.claims[8][1], 4: choice.of([1], [3], [])}


def _two_digests(parts: Parts, _: Choice) -> None:
    made = digest(b"decoy", parts.hash)
    parts.claims[REDACTED] = [*parts.claims.get(REDACTED, []), made, made]


def _clash(parts: Parts, choice: Choice) -> None:
    made = disclosure(salt(7), choice.below(9), "x")
    parts.disclosures = [made]
    parts.claims |= {"x": 1, REDACTED: [*parts.claims.get(REDACTED, []), digest(made, parts.hash)]}


def _twice_claimed(parts: Parts, choice: Choice) -> None:
    pairs = list(_kept(parts.claims).items())
    parts.claims = dump(Pairs([*pairs, choice.of(*pairs)]))


def _payload(*payloads: bytes) -> Edit:
    def edit(parts: Parts, choice: Choice) -> None:
        parts.claims = choice.of(*payloads)

    return signed(edit)


_BAD_COUNTRIES: Final = (["XX"], ["us"], ["USA"], ["US", "US"], "US", [1], [None], [b"US"], [["US"]], {"US": 1})
_MARK: Final = CBORSimpleValue(59)

_BY_THE_ISSUER: Final[tuple[Mutation, ...]] = (
    row("expired", R.EXPIRED, signed(_expired), step="V6"),
    row("not valid yet", R.NOT_YET_VALID, states({5: lambda n, c: n + 1 + c.below(20), 6: lambda n, c: n + 25, 4: lambda n, c: n + 3 * DAY}), step="V6"),
    row("issued in the future", R.ISSUED_IN_FUTURE, states({6: lambda n, c: n + 31 + c.below(DAY), 5: ABSENT, 4: lambda n, c: n + 3 * DAY}), step="V6"),
    row("ends before it begins", R.CLAIM_INVALID, states({6: lambda n, c: n, 5: ABSENT, 4: lambda n, c: n - c.below(DAY)}), step="V4"),
    row("valid only after it was issued", R.CLAIM_INVALID, states({6: lambda n, c: n - 60, 5: lambda n, c: n - c.below(60)}), step="V4"),
    row("a time that is none", R.CLAIM_INVALID, states({4: of(1.9e9, "1900000000", True, -1, 2**53, None, [])}), step="V4"),
    row("no exp", R.CLAIM_MISSING, states({4: ABSENT}), step="V4"),
    row("no cnf", R.CLAIM_MISSING, signed(_without_key), step="V4"),
    row("no vct, where the anchor wants one", R.TYPE_NOT_ALLOWED, states({11: ABSENT}), step="V5"),
    row("a vct that is no text", R.CLAIM_INVALID, states({11: of(1, None, [], "", b"x")}), step="V4"),
    row("another vct", R.TYPE_NOT_ALLOWED, states({11: of("urn:other", "urn:citizenid:citizenship:2")}), step="V5"),
    row("another issuer's name", R.ISSUER_MISMATCH, states({1: of("https://other.example", "https://id.example/")}), step="V5"),
    row("a claim under its name in JSON", R.CLAIM_INVALID, states(dict.fromkeys(["exp"], 1)), step="V4"),
    row("another typ, signed", R.TYP_MISMATCH, within("header", {16: of("application/x", 61, 294, ABSENT)}), step="V4"),
    row("revoked", R.REVOKED, status(REVOKED_INDEX), step="V9"),
    row("suspended", R.SUSPENDED, status(SUSPENDED_INDEX), step="V9"),
    row("another status", R.STATUS_NOT_VALID, status(OTHER_INDEX), step="V9"),
    row("an index outside of the list", R.STATUS_INDEX_OUT_OF_RANGE, status(lambda n, c: STATUS_SIZE + c.below(2**20)), step="V9"),
    row("an index that is none", R.CLAIM_INVALID, states({65535: of(*({"status_list": {"idx": bad, "uri": STATUS_URI}} for bad in (-1, "7", 7.0, True, None, 2**32)))}), step="V4"),
    row("a list that nobody has", R.STATUS_LIST_UNAVAILABLE, status(7, "https://id.example/status/none"), step="V9"),
    row("a status of another kind", R.STATUS_MECHANISM_UNKNOWN, states({65535: of({"crl": {}}, {"status_list": {"idx": 7, "uri": STATUS_URI}, "x": {}})}), step="V4"),
    row("long valid, and no status", R.STATUS_MISSING, signed(_without_status), step="V9"),
    row("another holder's key", R.SIGNATURE_INVALID, signed(_bound_to_another), step="V8"),
    row("a private holder key", R.KEY_INVALID, signed(_private_key), step="V4"),
    row("a holder key for another use", R.KEY_USE_FORBIDDEN, signed(_use_of_key), step="V4"),
    row("countries that are none", R.COUNTRY_INVALID, states({"nationalities": of(*_BAD_COUNTRIES)}), step="V4"),
    row("citizenships of countries that are none", R.COUNTRY_INVALID, states({"citizenships": of(*_BAD_COUNTRIES)}), step="V4"),
    row("completeness that is no boolean", R.CLAIM_INVALID, states({"nationalities_complete": of(1, "true", None, [])}), step="V4"),
    row("for another audience", R.AUDIENCE_MISMATCH, states({3: of("https://other.example", ["https://other.example"])}), step="V7"),
    row("a hash that is not of the list", R.HASH_ALGORITHM_NOT_ALLOWED, within("header", {170: of(-14, 1, "sha-256", -45)}), step="V4"),
    row("a digest twice", R.DIGEST_DUPLICATE, signed(_two_digests), step="V4"),
    row("marks of another shape", R.REDACTION_MALFORMED, states({_MARK: of("x", {}, [1], None)}), step="V4"),
    row("a control claim hidden", R.CLAIM_NOT_DISCLOSABLE, hidden(*((salt(9), 1, name) for name in (4, 5, 8, 65535, 11, 1, 3))), step="V4"),
    row("a claim that is there already", R.DISCLOSURE_CLASH, signed(_clash), step="V4"),
    row("a disclosure of another shape", R.DISCLOSURE_MALFORMED, hidden((salt(9), 1, "x", 2), (b"short", 1, "x"), ("text-of-16-chars", 1, "x"), (salt(9), 1, 1.5), (salt(9), 1, "x" * 300), (salt(9), 1)), step="V4"),
    row("a disclosure that is no CBOR", R.MALFORMED_CBOR, hidden(b"\x83", b"\xff", b"\x9f\xff", b""), step="V4"),
    row("a payload that is no CBOR", R.MALFORMED_CBOR, _payload(b"\xa1", b"\xff", b"\xbf\xff", b"\xa0\xa0"), step="V4"),
    row("a claim twice", R.DUPLICATE_MEMBER, signed(_twice_claimed), step="V4"),
    row("arrays in arrays", R.DEPTH_EXCEEDED, states({"x": lambda n, c: nested(40 + c.below(40))}), step="V4"),
)  # fmt: skip


# --- by the holder ---


def _another_signs(parts: Parts, _: Choice) -> None:
    parts.holder = key("thief", parts.holder.public.algorithm)


def _another_kind_signs(parts: Parts, _: Choice) -> None:
    algorithm = "Ed25519" if parts.holder.public.algorithm == "ES256" else "ES256"
    parts.holder = key("thief", algorithm)
    parts.kb_header[1] = ALGORITHMS[algorithm]


_BY_THE_HOLDER: Final[tuple[Mutation, ...]] = (
    row("another nonce", R.NONCE_MISMATCH, within("kb", {39: of(b"another-nonce", b"x")}), step="V7"),
    row("a nonce as text", R.NONCE_MISMATCH, signed(lambda p, c: _as_text(p)), step="V7"),
    row("another audience", R.AUDIENCE_MISMATCH, within("kb", {3: of("https://evil.example", ["https://gateway.example"])}), step="V7"),
    row("a claim of the key binding missing", R.CLAIM_MISSING, signed(lambda p, c: p.kb.update({c.of(39, 3, 6): ABSENT})), step="V7"),
    row("the holder names an issuer", R.CLAIM_INVALID, within("kb", {1: "x"}), step="V7"),
    row("bound in the future", R.KEY_BINDING_IN_FUTURE, signed(lambda p, c: _later(p, c)), step="V7"),
    row("bound long ago", R.KEY_BINDING_STALE, signed(lambda p, c: _earlier(p, c)), step="V7"),
    row("a time of the key binding that is none", R.CLAIM_INVALID, within("kb", {6: of("1", 1.5, True, None, -1, 2**53)}), step="V7"),
    row("signed by a thief", R.SIGNATURE_INVALID, signed(_another_signs), step="V8"),
    row("signed by a thief with another algorithm", R.ALGORITHM_MISMATCH, signed(_another_kind_signs), step="V8"),
    row("the holder asks for an extension", R.CRIT_UNSUPPORTED, within("kb_header", {2: [1]}), step="V1"),
    row("a parameter of the SD-CWT in the SD-KBT", R.HEADER_INVALID, within("kb_unprotected", {17: [b"x"]}), step="V1"),
)  # fmt: skip


def _as_text(parts: Parts) -> None:
    parts.kb[39] = parts.kb[39].decode()


def _later(parts: Parts, choice: Choice) -> None:
    parts.claims |= {4: parts.now + 3 * DAY, 65535: {"status_list": {"idx": 7, "uri": STATUS_URI}}}
    parts.kb[6] = parts.now + 31 + choice.below(DAY)


def _earlier(parts: Parts, choice: Choice) -> None:
    start = parts.now - 3 * DAY
    parts.disclosures = []
    parts.claims["evidence_checked_at"] = ABSENT
    parts.claims |= {5: ABSENT, 6: start, 65535: {"status_list": {"idx": 7, "uri": STATUS_URI}}}
    parts.kb[6] = parts.now - 601 - choice.below(DAY)


TABLE: Final = (*_BY_ANYBODY, *_BY_THE_ISSUER, *_BY_THE_HOLDER)
