"""Mutations of SD-JWT VC presentations, compact: by anybody on the way, by the issuer, and by the holder.

Spec: RFC 9901 sections 4, 7 and 9; SD-JWT VC section 2; specs/verification.md V1 to V9.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from ... import LocalKey, Reason
from ..forge.parts import (
    ABSENT,
    OTHER_INDEX,
    REVOKED_INDEX,
    STATUS_SIZE,
    STATUS_URI,
    SUSPENDED_INDEX,
    base64url,
    key,
    segment,
    unbase64url,
)
from ..forge.parts import dump as dump_json
from ..forge.parts import jws as make_jws
from ..forge.sd_jwt import digest, disclosure
from ..strategies.presentations import Presented
from ..strategies.values import DAY
from ._frame import Choice, Edit, Mutation, keyless, row
from ._text import nested, of_another_alphabet, padded, with_spare_bits

R: Final = Reason
_SALT: Final = "c2FsdC1vZi0xNi1ieXRlcw"


class Parts:
    """A presentation taken apart; `data` signs it anew with the keys that it was signed with, or with others."""

    def __init__(self, valid: Presented) -> None:
        token, *self.disclosures, binding = valid.data.split(b"~")
        header, payload, _ = token.split(b".")
        kb_header, kb, _ = binding.split(b".")
        self.header: Any = json.loads(unbase64url(header))
        self.payload: Any = json.loads(unbase64url(payload))
        self.kb_header: Any = json.loads(unbase64url(kb_header))
        self.kb: Any = json.loads(unbase64url(kb))
        self.valid, self.now = valid, valid.now
        self.algorithm: str = self.payload.get("_sd_alg", "sha-256")
        self.issuer: Any = valid.issued.issuer
        self.holder: Any = valid.issued.holder
        self.hashed = True

    @property
    def half(self) -> bytes:
        """The issuer's half, signed anew."""
        return b"~".join((make_jws(_kept(self.header), _kept(self.payload), self.issuer), *self.disclosures, b""))

    @property
    def data(self) -> bytes:
        """The presentation, signed anew."""
        half = self.half
        if self.hashed:
            self.kb["sd_hash"] = digest(half, self.algorithm)
        return half + make_jws(_kept(self.kb_header), _kept(self.kb), self.holder)


def _kept(members: Any) -> Any:
    if isinstance(members, bytes):
        return members
    return {name: value for name, value in members.items() if value is not ABSENT}


def signed(edit: Callable[[Parts, Choice], Any]) -> Edit:
    """Return what takes a presentation apart, edits it, and signs it anew; an edit may say False: nothing to do."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        parts = Parts(valid)
        return None if edit(parts, choice) is False else parts.data

    return apply


def states(**claims: Any) -> Edit:
    """The issuer states these claims; what he has hidden stays hidden."""

    def edit(parts: Parts, choice: Choice) -> None:
        parts.disclosures = []
        for name, value in claims.items():
            parts.payload[name] = value(parts.now, choice) if callable(value) else value

    return signed(edit)


def headed(half: str, **members: Any) -> Edit:
    """Issuer ("header") or holder ("kb_header") writes this into his header."""

    def edit(parts: Parts, choice: Choice) -> None:
        target = getattr(parts, half)
        for name, value in members.items():
            target[name] = choice.of(*value) if isinstance(value, tuple) else value

    return signed(edit)


def binds(**claims: Any) -> Edit:
    """The holder signs these claims."""

    def edit(parts: Parts, choice: Choice) -> None:
        parts.hashed = "sd_hash" not in claims
        for name, value in claims.items():
            parts.kb[name] = value(parts.now, choice) if callable(value) else value

    return signed(edit)


def of(*values: Any) -> Callable[[int, Choice], Any]:
    """One of these values."""
    return lambda _, choice: choice.of(*values)


def status(index: int | Callable[[int, Choice], int], uri: str = STATUS_URI) -> Edit:
    """The issuer refers to another place of a list."""

    def stated(now: int, choice: Choice) -> Any:
        return {"status_list": {"idx": index(now, choice) if callable(index) else index, "uri": uri}}

    return states(status=stated)


def hidden(*contents: Any, also: dict[str, Any] | None = None) -> Edit:
    """The issuer hides what cannot be hidden, or hides it wrongly, and the holder shows it."""

    def edit(parts: Parts, choice: Choice) -> None:
        content = choice.of(*contents)
        text = content if isinstance(content, bytes) else disclosure(*content)
        parts.disclosures = [text]
        parts.payload.update(also or {})
        parts.payload["_sd"] = [digest(text, parts.algorithm)]

    return signed(edit)


# --- by anybody ---


def in_part(place: int, of_segment: int, edit: Callable[[bytes, Choice], bytes | None]) -> Edit:
    """Edit a segment of the issuer's JWT (place 0) or of the key binding (place -1)."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        parts = valid.data.split(b"~")
        segments = parts[place].split(b".")
        edited = edit(segments[of_segment], choice)
        if edited is None:
            return None
        segments[of_segment] = edited
        parts[place] = b".".join(segments)
        return b"~".join(parts)

    return apply


def raw(edit: Callable[[bytes, Choice], bytes | None]) -> Callable[[bytes, Choice], bytes | None]:
    """Edit what a segment encodes."""

    def apply(text: bytes, choice: Choice) -> bytes | None:
        edited = edit(unbase64url(text), choice)
        return None if edited is None else base64url(edited)

    return apply


def header(**members: Any) -> Callable[[bytes, Choice], bytes]:
    """Write this into a header."""

    def apply(text: bytes, choice: Choice) -> bytes:
        chosen = {name: choice.of(*value) if isinstance(value, tuple) else value for name, value in members.items()}
        return segment(_kept({**json.loads(unbase64url(text)), **chosen}))

    return apply


def _other_algorithm(text: bytes, choice: Choice) -> bytes:
    stated = json.loads(unbase64url(text))
    others = [each for each in ("ES256", "ES384", "ES512", "EdDSA", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")]
    mine = {"Ed25519": "EdDSA"}.get(stated["alg"], stated["alg"])
    return segment({**stated, "alg": choice.of(*(each for each in others if each != mine))})


def _twice(text: bytes, choice: Choice) -> bytes:
    stated = json.loads(unbase64url(text))
    name = choice.of(*stated)
    return base64url(dump_json(stated)[:-1] + b"," + dump_json({name: stated[name]})[1:])


def shown(edit: Callable[[list[bytes], Choice], list[bytes] | None]) -> Edit:
    """Edit the disclosures."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        token, *disclosures, binding = valid.data.split(b"~")
        edited = edit(disclosures, choice)
        return None if edited is None else b"~".join((token, *edited, binding))

    return apply


def one_shown(edit: Callable[[bytes, Choice], bytes | None]) -> Edit:
    """Edit one of the disclosures, if there is one."""

    def apply(disclosures: list[bytes], choice: Choice) -> list[bytes] | None:
        if not disclosures:
            return None
        place = choice.below(len(disclosures))
        edited = edit(disclosures[place], choice)
        return None if edited is None else [*disclosures[:place], edited, *disclosures[place + 1 :]]

    return shown(apply)


def _dropped(*, parent: bool) -> Edit:
    """Leave a disclosure out in which another stands that is shown, or in which none does."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        token, *disclosures, binding = valid.data.split(b"~")
        digests = [digest(each, Parts(valid).algorithm).encode() for each in disclosures]
        among = [each for each in disclosures if any(inner in unbase64url(each) for inner in digests) is parent]
        if not among:
            return None
        chosen = choice.of(*among)
        return b"~".join((token, *(each for each in disclosures if each is not chosen), binding))

    return apply


def _moved(disclosures: list[bytes], _: Choice) -> list[bytes] | None:
    return disclosures[::-1] if len(disclosures) > 1 else None


def _spaced(text: bytes, _: Choice) -> bytes:
    return base64url(b" " + unbase64url(text))


def spliced(valid: Presented, other: Presented) -> bytes:
    """Put the key binding of another presentation behind this one."""
    return valid.data.rpartition(b"~")[0] + b"~" + other.data.rpartition(b"~")[2]


def _bound_to_less(valid: Presented, _: Choice) -> bytes | None:
    offered = list(valid.issued.receive().disclosable)
    other = () if valid.shown else offered
    if not offered:
        return None
    return spliced(valid, valid.issued.present(other, valid.challenge, now=valid.now))


def elsewhere(valid: Presented, choice: Choice, *, audience: bool) -> Presented:
    """Show the same to somebody else: another audience, or another nonce."""
    asked = valid.challenge
    if audience:
        changes: dict[str, Any] = {"audience": f"https://evil{choice.below(9)}.example"}
    else:
        changes = {"nonce": f"another-nonce-{choice.below(10**6):06d}"}
    return valid.answering(replace(asked, **changes), now=valid.now)


def replayed_nonce(valid: Presented, choice: Choice) -> bytes:
    """Replay what answered another nonce."""
    return elsewhere(valid, choice, audience=False).data


def replayed_audience(valid: Presented, choice: Choice) -> bytes:
    """Relay what was shown to another audience."""
    return elsewhere(valid, choice, audience=True).data


def _foreign(disclosures: list[bytes], choice: Choice) -> list[bytes]:
    made = disclosure(_SALT, choice.of("nationalities", "citizenships", "x"), ["US"])
    place = choice.below(len(disclosures) + 1)
    return [*disclosures[:place], made, *disclosures[place:]]


def _doubled(disclosures: list[bytes], choice: Choice) -> list[bytes] | None:
    return [*disclosures, choice.of(*disclosures)] if disclosures else None


_BY_ANYBODY: Final[tuple[Mutation, ...]] = (
    keyless("a bit of the issuer's signature", R.SIGNATURE_INVALID, in_part(0, 2, raw(lambda s, c: c.flipped(s))), step="V3"),
    keyless("a bit of the payload", R.SIGNATURE_INVALID, in_part(0, 1, raw(lambda s, c: c.flipped(s))), step="V3"),
    keyless("a bit of the holder's signature", R.SIGNATURE_INVALID, in_part(-1, 2, raw(lambda s, c: c.flipped(s))), step="V8"),
    keyless("the issuer's signature, longer or shorter", R.SIGNATURE_MALFORMED, in_part(0, 2, raw(lambda s, c: c.of(s[:-1], s + b"\0", s * 2))), step="V3"),
    keyless("the holder's signature, longer or shorter", R.SIGNATURE_MALFORMED, in_part(-1, 2, raw(lambda s, c: c.of(s[:-1], s + b"\0", s * 2))), step="V8"),
    keyless("no signature of the issuer", R.MALFORMED_TOKEN, in_part(0, 2, lambda s, c: b""), step="V1"),
    keyless("no payload", R.MALFORMED_TOKEN, in_part(0, 1, lambda s, c: b""), step="V1"),
    keyless("cut off within the issuer's JWT", R.MALFORMED_TOKEN, lambda v, c: v.data[: c.below(v.data.index(b"~"))], step="V1"),
    keyless("cut off before the last tilde", R.MALFORMED_TOKEN, lambda v, c: v.data.rpartition(b"~")[0], step="V1"),
    keyless("no key binding", R.KEY_BINDING_MISSING, lambda v, c: v.data.rpartition(b"~")[0] + b"~", step="V7"),
    keyless("an empty part between tildes", R.MALFORMED_TOKEN, lambda v, c: v.data.replace(b"~", b"~~", 1), step="V1"),
    keyless("something behind the end", R.MALFORMED_BASE64, lambda v, c: v.data + c.of(b"=", b"\n", b" ", b"\0", b"~"), ),
    keyless("a segment, padded", R.MALFORMED_BASE64, lambda v, c: in_part(c.of(0, -1), c.below(3), padded)(v, c), step="V1"),
    keyless("a character of another alphabet", R.MALFORMED_BASE64, lambda v, c: in_part(c.of(0, -1), c.below(3), of_another_alphabet)(v, c), step="V1"),
    keyless("spare bits set", R.MALFORMED_BASE64, lambda v, c: in_part(c.of(0, -1), c.below(3), with_spare_bits)(v, c), step="V1"),
    keyless("a disclosure, padded", R.MALFORMED_BASE64, one_shown(padded), step="V4"),
    keyless("a disclosure in another alphabet", R.MALFORMED_BASE64, one_shown(of_another_alphabet), step="V4"),
    keyless("a disclosure with spare bits set", R.MALFORMED_BASE64, one_shown(with_spare_bits), step="V4"),
    keyless("a disclosure written otherwise", R.DISCLOSURE_UNREFERENCED, one_shown(_spaced), step="V4"),
    keyless("a disclosure left out", R.SD_HASH_MISMATCH, _dropped(parent=False), step="V7"),
    keyless("a disclosure left out that holds another", R.DISCLOSURE_UNREFERENCED, _dropped(parent=True), step="V4"),
    keyless("every disclosure left out", R.SD_HASH_MISMATCH, shown(lambda d, c: [] if d else None), step="V7"),
    keyless("a disclosure twice", R.DISCLOSURE_DUPLICATE, shown(_doubled), step="V4"),
    keyless("disclosures in another order", R.SD_HASH_MISMATCH, shown(_moved), step="V7"),
    keyless("a foreign disclosure", R.DISCLOSURE_UNREFERENCED, shown(_foreign), step="V4"),
    keyless("the key binding of what shows otherwise", R.SD_HASH_MISMATCH, _bound_to_less, step="V7"),
    keyless("replayed: it answered another nonce", R.NONCE_MISMATCH, replayed_nonce, step="V7"),
    keyless("relayed: it was for another audience", R.AUDIENCE_MISMATCH, replayed_audience, step="V7"),
    keyless("the key binding of another nonce", R.NONCE_MISMATCH, lambda v, c: spliced(v, elsewhere(v, c, audience=False)), step="V7"),
    keyless("alg none", R.ALGORITHM_NOT_ALLOWED, in_part(0, 0, header(alg=("none", "None", "HS256", "RS256", "", None, 1))), step="V1"),
    keyless("another algorithm of the list", R.ALGORITHM_MISMATCH, in_part(0, 0, _other_algorithm), step="V3"),
    keyless("another algorithm of the list for the holder", R.ALGORITHM_MISMATCH, in_part(-1, 0, _other_algorithm), step="V8"),
    keyless("another kid", R.KEY_UNKNOWN, in_part(0, 0, header(kid=("k2", "K1", "k1 "))), step="V2"),
    keyless("a kid that is no text", R.HEADER_INVALID, in_part(0, 0, header(kid=(1, None, [], "k" * 256))), step="V1"),
    keyless("a key in the header", R.HEADER_FORBIDDEN, in_part(0, 0, header(jwk={})), step="V1"),
    keyless("where to get a key", R.HEADER_FORBIDDEN, in_part(0, 0, lambda t, c: header(**{c.of("jku", "x5u"): "https://evil.example"})(t, c)), step="V1"),
    keyless("an extension that is critical", R.CRIT_UNSUPPORTED, in_part(0, 0, header(crit=(["exp"], [], ["b64"]))), step="V1"),
    keyless("a member of the header twice", R.DUPLICATE_MEMBER, in_part(0, 0, _twice), step="V1"),
    keyless("another typ", R.SIGNATURE_INVALID, in_part(0, 0, header(typ=("JWT", "vc+sd-jwt", ABSENT))), step="V3"),
    keyless("a header that is no JSON", R.MALFORMED_JSON, in_part(0, 0, raw(lambda s, c: c.of(s[:-1], s + b"}", b"[]", b"null", b"\xff"))), step="V1"),
)  # fmt: skip


# --- by the issuer ---


def _expired(parts: Parts, choice: Choice) -> None:
    parts.disclosures = []
    parts.payload |= {"iat": parts.now - 2 * DAY, "nbf": ABSENT, "exp": parts.now - choice.below(DAY)}
    parts.payload["evidence_checked_at"] = ABSENT


def _unbound(parts: Parts, _: Choice) -> None:
    parts.payload["cnf"] = ABSENT


def _bound_to_another(parts: Parts, _: Choice) -> None:
    parts.payload["cnf"] = {"jwk": dict(key("another holder", parts.holder.algorithm).public.to_jwk())}


def _private_key(parts: Parts, _: Choice) -> None:
    holder: LocalKey = parts.holder
    parts.payload["cnf"] = {"jwk": dict(holder.to_private_jwk())}


def _use_of_key(parts: Parts, choice: Choice) -> None:
    parts.payload["cnf"]["jwk"] |= choice.of({"use": "enc"}, {"key_ops": ["encrypt"]}, {"key_ops": []})


def _two_digests(parts: Parts, choice: Choice) -> None:
    made = digest(b"decoy", parts.algorithm)
    parts.payload["_sd"] = [*parts.payload.get("_sd", []), made, made]


def _digest_elsewhere(parts: Parts, _: Choice) -> None:
    text = disclosure(_SALT, "x", 1)
    parts.disclosures = [text]
    parts.payload |= {"a": {"_sd": [digest(text, parts.algorithm)]}, "b": {"_sd": [digest(text, parts.algorithm)]}}


def _clash(parts: Parts, choice: Choice) -> None:
    text = disclosure(_SALT, "x", choice.below(9))
    parts.disclosures = [text]
    parts.payload |= {"x": 1, "_sd": [digest(text, parts.algorithm)]}


def _payload(*texts: bytes) -> Edit:
    def edit(parts: Parts, choice: Choice) -> None:
        parts.payload = choice.of(*texts)

    return signed(edit)


def _twice_claimed(parts: Parts, _: Choice) -> None:
    parts.payload = dump_json(_kept(parts.payload))[:-1] + b',"vct":"urn:citizenid:citizenship:1"}'


def _without_status(parts: Parts, choice: Choice) -> None:
    parts.payload |= {
        "status": ABSENT,
        "iat": parts.now - 60,
        "nbf": ABSENT,
        "exp": parts.now - 60 + DAY + 1 + choice.below(DAY),
    }


def _long(parts: Parts, choice: Choice) -> None:
    parts.disclosures = [disclosure(_SALT, "x" * 300, choice.below(9))]
    parts.payload["_sd"] = [digest(parts.disclosures[0], parts.algorithm)]


_BAD_COUNTRIES: Final = (["XX"], ["us"], ["USA"], ["US", "US"], "US", [1], [None], ["UK"], ["US "], [["US"]], {"US": 1})

_BY_THE_ISSUER: Final[tuple[Mutation, ...]] = (
    row("expired", R.EXPIRED, signed(_expired), step="V6"),
    row("not valid yet", R.NOT_YET_VALID, states(nbf=lambda n, c: n + 1 + c.below(DAY), exp=lambda n, c: n + 3 * DAY), step="V6"),
    row("issued in the future", R.ISSUED_IN_FUTURE, states(iat=lambda n, c: n + 31 + c.below(DAY), nbf=ABSENT, exp=lambda n, c: n + 3 * DAY), step="V6"),
    row("ends before it begins", R.CLAIM_INVALID, states(iat=lambda n, c: n, nbf=ABSENT, exp=lambda n, c: n - c.below(DAY)), step="V4"),
    row("a time that is none", R.CLAIM_INVALID, states(exp=of(1.9e9, "1900000000", True, -1, 2**53, None, [])), step="V4"),
    row("no exp", R.CLAIM_MISSING, states(exp=ABSENT), step="V4"),
    row("no vct", R.CLAIM_MISSING, states(vct=ABSENT), step="V4"),
    row("a vct that is no text", R.CLAIM_INVALID, states(vct=of(1, None, [], "", {"v": 1})), step="V4"),
    row("another vct", R.TYPE_NOT_ALLOWED, states(vct=of("urn:other", "urn:citizenid:citizenship:2", "URN:citizenid:citizenship:1")), step="V5"),
    row("another issuer's name", R.ISSUER_MISMATCH, states(iss=of("https://other.example", "https://id.example/", "https://ID.example")), step="V5"),
    row("an issuer that is no text", R.CLAIM_INVALID, states(iss=of(1, [], "")), step="V4"),
    row("another typ, signed", R.TYP_MISMATCH, headed("header", typ=("JWT", "vc+sd-jwt", "DC+SD-JWT", ABSENT)), step="V4"),
    row("revoked", R.REVOKED, status(REVOKED_INDEX), step="V9"),
    row("suspended", R.SUSPENDED, status(SUSPENDED_INDEX), step="V9"),
    row("another status", R.STATUS_NOT_VALID, status(OTHER_INDEX), step="V9"),
    row("an index outside of the list", R.STATUS_INDEX_OUT_OF_RANGE, status(lambda n, c: STATUS_SIZE + c.below(2**20)), step="V9"),
    row("an index that is none", R.CLAIM_INVALID, states(status=of(*({"status_list": {"idx": bad, "uri": STATUS_URI}} for bad in (-1, "7", 7.0, True, None, 2**32)))), step="V4"),
    row("a list that nobody has", R.STATUS_LIST_UNAVAILABLE, status(7, "https://id.example/status/none"), step="V9"),
    row("a status of another kind", R.STATUS_MECHANISM_UNKNOWN, states(status=of({"crl": {}}, {"status_list": {"idx": 7, "uri": STATUS_URI}, "x": {}})), step="V4"),
    row("long valid, and no status", R.STATUS_MISSING, signed(_without_status), step="V9"),
    row("no holder key", R.HOLDER_KEY_MISSING, signed(_unbound), step="V7"),
    row("another holder's key", R.SIGNATURE_INVALID, signed(_bound_to_another), step="V8"),
    row("a private holder key", R.KEY_INVALID, signed(_private_key), step="V4"),
    row("a holder key for another use", R.KEY_USE_FORBIDDEN, signed(_use_of_key), step="V4"),
    row("countries that are none", R.COUNTRY_INVALID, states(nationalities=of(*_BAD_COUNTRIES)), step="V4"),
    row("citizenships of countries that are none", R.COUNTRY_INVALID, states(citizenships=of(*_BAD_COUNTRIES)), step="V4"),
    row("completeness that is no boolean", R.CLAIM_INVALID, states(nationalities_complete=of(1, "true", None, [])), step="V4"),
    row("an assurance that is none", R.CLAIM_INVALID, states(assurance=of("high", {}, {"framework": "nist"}, {"framework": "nist", "level": 1})), step="V4"),
    row("evidence from after the issuing", R.CLAIM_INVALID, states(iat=lambda n, c: n - 60, nbf=ABSENT, evidence_checked_at=lambda n, c: n + c.below(DAY)), step="V4"),
    row("for another audience", R.AUDIENCE_MISMATCH, states(aud=of("https://other.example", ["https://other.example"])), step="V7"),
    row("a hash that is not of the list", R.HASH_ALGORITHM_NOT_ALLOWED, states(_sd_alg=of("sha-1", "md5", "SHA-256", "sha256", None, 1)), step="V4"),
    row("a digest twice", R.DIGEST_DUPLICATE, signed(_two_digests), step="V4"),
    row("a digest in two places", R.DIGEST_DUPLICATE, signed(_digest_elsewhere), step="V4"),
    row("marks of another shape", R.REDACTION_MALFORMED, states(_sd=of("x", {}, [1], None)), step="V4"),
    row("a mark with company", R.REDACTION_MALFORMED, states(x=[{"...": "abc", "y": 1}]), step="V4"),
    row("a hash named below the top", R.REDACTION_MALFORMED, states(x={"_sd_alg": "sha-256"}), step="V4"),
    row("a control claim hidden", R.CLAIM_NOT_DISCLOSABLE, hidden(*((_SALT, name, 1) for name in ("exp", "nbf", "cnf", "status", "vct", "iss", "aud")), also={}), step="V4"),
    row("a claim that is there already", R.DISCLOSURE_CLASH, signed(_clash), step="V4"),
    row("a disclosure of another shape", R.DISCLOSURE_MALFORMED, hidden((_SALT,), (_SALT, "x", 1, 2), (1, "x", 1), (_SALT, 1, 1), (_SALT, "_sd", []), (_SALT, "...", 1), (_SALT, 1)), step="V4"),
    row("a disclosure with a long name", R.DISCLOSURE_MALFORMED, signed(_long), step="V4"),
    row("a disclosure that is no JSON", R.MALFORMED_JSON, hidden(base64url(b"["), base64url(b"[\"a\",1"), base64url(b"\xff"), base64url(b"[NaN]")), step="V4"),
    row("a payload that is no JSON", R.MALFORMED_JSON, _payload(b"{", b"[]", b"\xff", b"{} {}", b"1"), step="V4"),
    row("a claim twice", R.DUPLICATE_MEMBER, signed(_twice_claimed), step="V4"),
    row("arrays in arrays", R.DEPTH_EXCEEDED, states(x=lambda n, c: nested(40 + c.below(40))), step="V4"),
)  # fmt: skip


# --- by the holder ---


def _another_signs(parts: Parts, _: Choice) -> None:
    parts.holder = key("thief", parts.holder.algorithm)


def _another_kind_signs(parts: Parts, _: Choice) -> None:
    parts.holder = key("thief", "Ed25519" if parts.holder.algorithm == "ES256" else "ES256")
    parts.kb_header["alg"] = parts.holder.algorithm


def _missing(parts: Parts, choice: Choice) -> None:
    name = choice.of("nonce", "aud", "iat", "sd_hash")
    parts.hashed = name != "sd_hash"
    parts.kb[name] = ABSENT


_BY_THE_HOLDER: Final[tuple[Mutation, ...]] = (
    row("another nonce", R.NONCE_MISMATCH, binds(nonce=of("another-nonce", "x")), step="V7"),
    row("another audience", R.AUDIENCE_MISMATCH, binds(aud=of("https://evil.example", "https://gateway.example/", "HTTPS://gateway.example")), step="V7"),
    row("an audience that is no single text", R.AUDIENCE_MISMATCH, binds(aud=of(["https://gateway.example"], 1, None, {})), step="V7"),
    row("another sd_hash", R.SD_HASH_MISMATCH, binds(sd_hash=of("A" * 43, "x")), step="V7"),
    row("a claim of the key binding missing", R.CLAIM_MISSING, signed(_missing), step="V7"),
    row("bound in the future", R.KEY_BINDING_IN_FUTURE, binds(iat=lambda n, c: n + 31 + c.below(DAY)), step="V7"),
    row("bound, but not before later", R.KEY_BINDING_IN_FUTURE, binds(nbf=lambda n, c: n + 1 + c.below(DAY)), step="V7"),
    row("bound long ago", R.KEY_BINDING_STALE, binds(iat=lambda n, c: n - 601 - c.below(DAY)), step="V7"),
    row("a key binding that has ended", R.KEY_BINDING_STALE, binds(exp=lambda n, c: n - c.below(DAY)), step="V7"),
    row("a time of the key binding that is none", R.CLAIM_INVALID, binds(iat=of("1", 1.5, True, None, -1, 2**53)), step="V7"),
    row("another typ of the key binding", R.TYP_MISMATCH, headed("kb_header", typ=("JWT", "dc+sd-jwt", "KB+JWT", ABSENT)), step="V7"),
    row("signed by a thief", R.SIGNATURE_INVALID, signed(_another_signs), step="V8"),
    row("signed by a thief with another algorithm", R.ALGORITHM_MISMATCH, signed(_another_kind_signs), step="V8"),
    row("the holder brings a key along", R.HEADER_FORBIDDEN, headed("kb_header", jwk={}), step="V1"),
    row("the holder asks for an extension", R.CRIT_UNSUPPORTED, headed("kb_header", crit=["x"]), step="V1"),
)  # fmt: skip

TABLE: Final = (*_BY_ANYBODY, *_BY_THE_ISSUER, *_BY_THE_HOLDER)
