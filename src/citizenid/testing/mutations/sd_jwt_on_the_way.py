"""Mutations of SD-JWT VC presentations, compact, by anybody on the way: nothing is signed anew.

Spec: RFC 9901 sections 4, 7 and 9; SD-JWT VC section 2; specs/verification.md V1 to V9.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from ... import Reason
from ..forge.parts import (
    ABSENT,
    base64url,
    segment,
    unbase64url,
)
from ..forge.parts import dump as dump_json
from ..forge.sd_jwt import digest, disclosure
from ..strategies.presentations import Presented
from ._frame import Choice, Edit, Mutation, keyless
from ._replays import elsewhere, replayed_audience, replayed_nonce
from ._text import of_another_alphabet, padded, with_spare_bits
from .sd_jwt_parts import SALT, Parts, kept

R: Final = Reason


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
        return segment(kept({**json.loads(unbase64url(text)), **chosen}))

    return apply


def _other_algorithm(text: bytes, choice: Choice) -> bytes:
    stated = json.loads(unbase64url(text))
    others = ("ES256", "ES384", "ES512", "EdDSA", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
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


def _foreign(disclosures: list[bytes], choice: Choice) -> list[bytes]:
    made = disclosure(SALT, choice.of("nationalities", "citizenships", "x"), ["US"])
    place = choice.below(len(disclosures) + 1)
    return [*disclosures[:place], made, *disclosures[place:]]


def _doubled(disclosures: list[bytes], choice: Choice) -> list[bytes] | None:
    return [*disclosures, choice.of(*disclosures)] if disclosures else None


def _spare_bits_in_a_part(valid: Presented, choice: Choice) -> bytes | None:
    # Where every bit of a segment counts, one of the others has some that do not: which, differs with each answer.
    first = choice.below(len(_SEGMENTS))
    edited = (in_part(*each, with_spare_bits)(valid, choice) for each in (*_SEGMENTS[first:], *_SEGMENTS[:first]))
    return next((each for each in edited if each is not None), None)


_SEGMENTS: Final = ((0, 0), (0, 1), (0, 2), (-1, 0), (-1, 1), (-1, 2))

BY_ANYBODY: Final[tuple[Mutation, ...]] = (
    keyless(
        "a bit of the issuer's signature", R.SIGNATURE_INVALID, in_part(0, 2, raw(lambda s, c: c.flipped(s))), step="V3"
    ),
    keyless("a bit of the payload", R.SIGNATURE_INVALID, in_part(0, 1, raw(lambda s, c: c.flipped(s))), step="V3"),
    keyless(
        "a bit of the holder's signature",
        R.SIGNATURE_INVALID,
        in_part(-1, 2, raw(lambda s, c: c.flipped(s))),
        step="V8",
    ),
    keyless(
        "the issuer's signature, longer or shorter",
        R.SIGNATURE_MALFORMED,
        in_part(0, 2, raw(lambda s, c: c.of(s[:-1], s + b"\0", s * 2))),
        step="V3",
    ),
    keyless(
        "the holder's signature, longer or shorter",
        R.SIGNATURE_MALFORMED,
        in_part(-1, 2, raw(lambda s, c: c.of(s[:-1], s + b"\0", s * 2))),
        step="V8",
    ),
    keyless("no signature of the issuer", R.MALFORMED_TOKEN, in_part(0, 2, lambda s, c: b""), step="V1"),
    keyless("no payload", R.MALFORMED_TOKEN, in_part(0, 1, lambda s, c: b""), step="V1"),
    keyless(
        "cut off within the issuer's JWT",
        R.MALFORMED_TOKEN,
        lambda v, c: v.data[: c.below(v.data.index(b"~"))],
        step="V1",
    ),
    keyless("cut off before the last tilde", R.MALFORMED_TOKEN, lambda v, c: v.data.rpartition(b"~")[0], step="V1"),
    keyless("no key binding", R.KEY_BINDING_MISSING, lambda v, c: v.data.rpartition(b"~")[0] + b"~", step="V7"),
    keyless("an empty part between tildes", R.MALFORMED_TOKEN, lambda v, c: v.data.replace(b"~", b"~~", 1), step="V1"),
    keyless(
        "something behind the end",
        R.MALFORMED_BASE64,
        lambda v, c: v.data + c.of(b"=", b"\n", b" ", b"\0", b"~"),
    ),
    keyless(
        "a segment, padded", R.MALFORMED_BASE64, lambda v, c: in_part(c.of(0, -1), c.below(3), padded)(v, c), step="V1"
    ),
    keyless(
        "a character of another alphabet",
        R.MALFORMED_BASE64,
        lambda v, c: in_part(c.of(0, -1), c.below(3), of_another_alphabet)(v, c),
        step="V1",
    ),
    keyless(
        "spare bits set",
        R.MALFORMED_BASE64,
        _spare_bits_in_a_part,
        step="V1",
    ),
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
    keyless(
        "the key binding of another nonce",
        R.NONCE_MISMATCH,
        lambda v, c: spliced(v, elsewhere(v, c, audience=False)),
        step="V7",
    ),
    keyless(
        "alg none",
        R.ALGORITHM_NOT_ALLOWED,
        in_part(0, 0, header(alg=("none", "None", "HS256", "RS256", "", None, 1))),
        step="V1",
    ),
    keyless("another algorithm of the list", R.ALGORITHM_MISMATCH, in_part(0, 0, _other_algorithm), step="V3"),
    keyless(
        "another algorithm of the list for the holder",
        R.ALGORITHM_MISMATCH,
        in_part(-1, 0, _other_algorithm),
        step="V8",
    ),
    keyless("another kid", R.KEY_UNKNOWN, in_part(0, 0, header(kid=("k2", "K1", "k1 "))), step="V2"),
    keyless("a kid that is no text", R.HEADER_INVALID, in_part(0, 0, header(kid=(1, None, [], "k" * 256))), step="V1"),
    keyless("a key in the header", R.HEADER_FORBIDDEN, in_part(0, 0, header(jwk={})), step="V1"),
    keyless(
        "where to get a key",
        R.HEADER_FORBIDDEN,
        in_part(0, 0, lambda t, c: header(**{c.of("jku", "x5u"): "https://evil.example"})(t, c)),
        step="V1",
    ),
    keyless(
        "an extension that is critical",
        R.CRIT_UNSUPPORTED,
        in_part(0, 0, header(crit=(["exp"], [], ["b64"]))),
        step="V1",
    ),
    keyless("a member of the header twice", R.DUPLICATE_MEMBER, in_part(0, 0, _twice), step="V1"),
    keyless("another typ", R.SIGNATURE_INVALID, in_part(0, 0, header(typ=("JWT", "vc+sd-jwt", ABSENT))), step="V3"),
    keyless(
        "a header that is no JSON",
        R.MALFORMED_JSON,
        in_part(0, 0, raw(lambda s, c: c.of(s[:-1], s + b"}", b"[]", b"null", b"\xff"))),
        step="V1",
    ),
)
