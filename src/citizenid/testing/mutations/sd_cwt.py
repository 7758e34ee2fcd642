"""Mutations of SD-CWT presentations: by anybody on the way, by the issuer, and by the holder.

Spec: draft-ietf-spice-sd-cwt; RFC 9052 section 3; specs/verification.md V1 to V9.
"""

from __future__ import annotations

from typing import Final

from cbor2 import CBORSimpleValue

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
from ..strategies.values import DAY
from ._frame import Choice, Edit, Mutation, row
from ._text import nested
from .sd_cwt_on_the_way import BY_ANYBODY
from .sd_cwt_parts import Parts, hidden, kept, of, signed, states, status, within

R: Final = Reason


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
    pairs = list(kept(parts.claims).items())
    parts.claims = dump(Pairs([*pairs, choice.of(*pairs)]))


def _payload(*payloads: bytes) -> Edit:
    def edit(parts: Parts, choice: Choice) -> None:
        parts.claims = choice.of(*payloads)

    return signed(edit)


_BAD_COUNTRIES: Final = (["XX"], ["us"], ["USA"], ["US", "US"], "US", [1], [None], [b"US"], [["US"]], {"US": 1})
_MARK: Final = CBORSimpleValue(59)

_BY_THE_ISSUER: Final[tuple[Mutation, ...]] = (
    row("expired", R.EXPIRED, signed(_expired), step="V6"),
    row(
        "not valid yet",
        R.NOT_YET_VALID,
        states({5: lambda n, c: n + 1 + c.below(20), 6: lambda n, c: n + 25, 4: lambda n, c: n + 3 * DAY}),
        step="V6",
    ),
    row(
        "issued in the future",
        R.ISSUED_IN_FUTURE,
        states({6: lambda n, c: n + 31 + c.below(DAY), 5: ABSENT, 4: lambda n, c: n + 3 * DAY}),
        step="V6",
    ),
    row(
        "ends before it begins",
        R.CLAIM_INVALID,
        states({6: lambda n, c: n, 5: ABSENT, 4: lambda n, c: n - c.below(DAY)}),
        step="V4",
    ),
    row(
        "valid only after it was issued",
        R.CLAIM_INVALID,
        states({6: lambda n, c: n - 60, 5: lambda n, c: n - c.below(60)}),
        step="V4",
    ),
    row(
        "a time that is none",
        R.CLAIM_INVALID,
        states({4: of(1.9e9, "1900000000", True, -1, 2**53, None, [])}),
        step="V4",
    ),
    row("no exp", R.CLAIM_MISSING, states({4: ABSENT}), step="V4"),
    row("no cnf", R.CLAIM_MISSING, signed(_without_key), step="V4"),
    row("no vct, where the anchor wants one", R.TYPE_NOT_ALLOWED, states({11: ABSENT}), step="V5"),
    row("a vct that is no text", R.CLAIM_INVALID, states({11: of(1, None, [], "", b"x")}), step="V4"),
    row("another vct", R.TYPE_NOT_ALLOWED, states({11: of("urn:other", "urn:citizenid:citizenship:2")}), step="V5"),
    row(
        "another issuer's name",
        R.ISSUER_MISMATCH,
        states({1: of("https://other.example", "https://id.example/")}),
        step="V5",
    ),
    row("a claim under its name in JSON", R.CLAIM_INVALID, states(dict.fromkeys(["exp"], 1)), step="V4"),
    row("another typ, signed", R.TYP_MISMATCH, within("header", {16: of("application/x", 61, 294, ABSENT)}), step="V4"),
    row("revoked", R.REVOKED, status(REVOKED_INDEX), step="V9"),
    row("suspended", R.SUSPENDED, status(SUSPENDED_INDEX), step="V9"),
    row("another status", R.STATUS_NOT_VALID, status(OTHER_INDEX), step="V9"),
    row(
        "an index outside of the list",
        R.STATUS_INDEX_OUT_OF_RANGE,
        status(lambda n, c: STATUS_SIZE + c.below(2**20)),
        step="V9",
    ),
    row(
        "an index that is none",
        R.CLAIM_INVALID,
        states(
            {
                65535: of(
                    *({"status_list": {"idx": bad, "uri": STATUS_URI}} for bad in (-1, "7", 7.0, True, None, 2**32))
                )
            }
        ),
        step="V4",
    ),
    row("a list that nobody has", R.STATUS_LIST_UNAVAILABLE, status(7, "https://id.example/status/none"), step="V9"),
    row(
        "a status of another kind",
        R.STATUS_MECHANISM_UNKNOWN,
        states({65535: of({"crl": {}}, {"status_list": {"idx": 7, "uri": STATUS_URI}, "x": {}})}),
        step="V4",
    ),
    row("long valid, and no status", R.STATUS_MISSING, signed(_without_status), step="V9"),
    row("another holder's key", R.SIGNATURE_INVALID, signed(_bound_to_another), step="V8"),
    row("a private holder key", R.KEY_INVALID, signed(_private_key), step="V4"),
    row("a holder key for another use", R.KEY_USE_FORBIDDEN, signed(_use_of_key), step="V4"),
    row("countries that are none", R.COUNTRY_INVALID, states({"nationalities": of(*_BAD_COUNTRIES)}), step="V4"),
    row(
        "citizenships of countries that are none",
        R.COUNTRY_INVALID,
        states({"citizenships": of(*_BAD_COUNTRIES)}),
        step="V4",
    ),
    row(
        "completeness that is no boolean",
        R.CLAIM_INVALID,
        states({"nationalities_complete": of(1, "true", None, [])}),
        step="V4",
    ),
    row(
        "for another audience",
        R.AUDIENCE_MISMATCH,
        states({3: of("https://other.example", ["https://other.example"])}),
        step="V7",
    ),
    row(
        "a hash that is not of the list",
        R.HASH_ALGORITHM_NOT_ALLOWED,
        within("header", {170: of(-14, 1, "sha-256", -45)}),
        step="V4",
    ),
    row("a digest twice", R.DIGEST_DUPLICATE, signed(_two_digests), step="V4"),
    row("marks of another shape", R.REDACTION_MALFORMED, states({_MARK: of("x", {}, [1], None)}), step="V4"),
    row(
        "a control claim hidden",
        R.CLAIM_NOT_DISCLOSABLE,
        hidden(*((salt(9), 1, name) for name in (4, 5, 8, 65535, 11, 1, 3))),
        step="V4",
    ),
    row("a claim that is there already", R.DISCLOSURE_CLASH, signed(_clash), step="V4"),
    row(
        "a disclosure of another shape",
        R.DISCLOSURE_MALFORMED,
        hidden(
            (salt(9), 1, "x", 2),
            (b"short", 1, "x"),
            ("text-of-16-chars", 1, "x"),
            (salt(9), 1, 1.5),
            (salt(9), 1, "x" * 300),
            (salt(9), 1),
        ),
        step="V4",
    ),
    row("a disclosure that is no CBOR", R.MALFORMED_CBOR, hidden(b"\x83", b"\xff", b"\x9f\xff", b""), step="V4"),
    row("a payload that is no CBOR", R.MALFORMED_CBOR, _payload(b"\xa1", b"\xff", b"\xbf\xff", b"\xa0\xa0"), step="V4"),
    row("a claim twice", R.DUPLICATE_MEMBER, signed(_twice_claimed), step="V4"),
    row("arrays in arrays", R.DEPTH_EXCEEDED, states({"x": lambda n, c: nested(40 + c.below(40))}), step="V4"),
)


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
    row(
        "another audience",
        R.AUDIENCE_MISMATCH,
        within("kb", {3: of("https://evil.example", ["https://gateway.example"])}),
        step="V7",
    ),
    row(
        "a claim of the key binding missing",
        R.CLAIM_MISSING,
        signed(lambda p, c: p.kb.update({c.of(39, 3, 6): ABSENT})),
        step="V7",
    ),
    row("the holder names an issuer", R.CLAIM_INVALID, within("kb", {1: "x"}), step="V7"),
    row("bound in the future", R.KEY_BINDING_IN_FUTURE, signed(lambda p, c: _later(p, c)), step="V7"),
    row("bound long ago", R.KEY_BINDING_STALE, signed(lambda p, c: _earlier(p, c)), step="V7"),
    row(
        "a time of the key binding that is none",
        R.CLAIM_INVALID,
        within("kb", {6: of("1", 1.5, True, None, -1, 2**53)}),
        step="V7",
    ),
    row("signed by a thief", R.SIGNATURE_INVALID, signed(_another_signs), step="V8"),
    row("signed by a thief with another algorithm", R.ALGORITHM_MISMATCH, signed(_another_kind_signs), step="V8"),
    row("the holder asks for an extension", R.CRIT_UNSUPPORTED, within("kb_header", {2: [1]}), step="V1"),
    row("a parameter of the SD-CWT in the SD-KBT", R.HEADER_INVALID, within("kb_unprotected", {17: [b"x"]}), step="V1"),
)


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


TABLE: Final = (*BY_ANYBODY, *_BY_THE_ISSUER, *_BY_THE_HOLDER)
