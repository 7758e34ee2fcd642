"""Mutations of what a W3C bitstring list says, by whoever signs it.

Spec: W3C Bitstring Status List v1.0 sections 2.2, 3.2 and 3.4; VC-JOSE-COSE section 3.1; specs/profile-status-list.md.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from ... import Limits, Reason
from ..forge.parts import ABSENT, base64url, unbase64url
from ._frame import Choice, Edit, row
from ._lists import Parts, of, signed, states

R: Final = Reason
_OTHER: Final = "https://other.example"


def _subject(**members: Any) -> Edit:
    """Whoever signs says this of the list itself."""

    def edit(parts: Parts, choice: Choice) -> None:
        subject = parts.claims["credentialSubject"]
        for name, value in members.items():
            subject[name] = value(parts.now, choice) if callable(value) else value
        parts.claims["credentialSubject"] = {name: value for name, value in subject.items() if value is not ABSENT}

    return signed(edit)


def _context(value: Any) -> Edit:
    stated: Any = {"@context": value}
    return states(**stated)


def _one_of(*edits: Edit) -> Edit:
    """Do one of these, by the first number."""
    return lambda valid, choice: choice.of(*edits)(valid, choice)


def _packed(edit: Callable[[bytes, Choice], bytes], *, after: bool = False) -> Edit:
    """Whoever signs puts another list in its place: what this makes of the bits, compressed."""

    def apply(parts: Parts, choice: Choice) -> None:
        subject = parts.claims["credentialSubject"]
        bits = gzip.decompress(unbase64url(subject["encodedList"][1:]))
        subject["encodedList"] = "u" + base64url(edit(bits, choice)).decode()

    return signed(apply, after=after)


def _spelt(edit: Callable[[str, Choice], Any]) -> Edit:
    def apply(parts: Parts, choice: Choice) -> None:
        subject = parts.claims["credentialSubject"]
        subject["encodedList"] = edit(subject["encodedList"], choice)

    return signed(apply)


def _pressed(bits: bytes) -> bytes:
    return gzip.compress(bits, mtime=0)


@cache
def _bomb() -> bytes:
    return _pressed(bytes(Limits().status_list_inflated_bytes + 1))


def _too_short(bits: bytes, choice: Choice) -> bytes:
    return _pressed(bits[: choice.below(131_072 // 8)])


def _broken(bits: bytes, choice: Choice) -> bytes:
    made = _pressed(bits)
    return choice.of(made[:-12] + made[-8:], made + made, b"\0" + made, bits, made[:-4] + b"\0\0\0\0")


BITSTRINGS: Final = (
    row("a list of another URI", R.STATUS_SUBJECT_MISMATCH, states(id=of(_OTHER, None, 7, ABSENT)), step="status"),
    row(
        "a subject, or an identifier of the token, that is another",
        R.STATUS_SUBJECT_MISMATCH,
        _one_of(states(sub=of(_OTHER, None, 7)), states(jti=of(_OTHER, None, 7))),
        step="status",
    ),
    row(
        "of another issuer",
        R.ISSUER_MISMATCH,
        _one_of(states(issuer=of(_OTHER, {"id": _OTHER})), states(iss=of(_OTHER, None))),
        step="V5",
    ),
    row("no issuer", R.CLAIM_MISSING, states(issuer=ABSENT), step="status"),
    row(
        "past its end",
        R.STATUS_LIST_EXPIRED,
        _one_of(states(exp=lambda n, c: n - c.below(9)), states(validUntil="2027-01-15T08:00:00Z")),
        step="status",
    ),
    row(
        "before its beginning",
        R.STATUS_LIST_IN_FUTURE,
        _one_of(states(nbf=lambda n, c: n + 1 + c.below(9)), states(validFrom="2027-01-15T08:00:01Z")),
        step="status",
    ),
    row(
        "a time that is none",
        R.CLAIM_INVALID,
        _one_of(
            states(exp=of("1900000000", 1.5, True, None)),
            states(validUntil=of("2027-01-16", 1_900_000_000, None, "2027-01-16T08:00:00")),
        ),
        step="status",
    ),
    row("a ttl that is none", R.CLAIM_INVALID, _subject(ttl=of(0, -1, "60000", 1.5, True, None)), step="status"),
    row(
        "a purpose of which nothing is known",
        R.STATUS_MECHANISM_UNKNOWN,
        _subject(statusPurpose=of("message", "refresh", "Revocation", ["message", "refresh"])),
        step="V4",
    ),
    row(
        "a purpose that is none",
        R.STATUS_LIST_MALFORMED,
        _subject(statusPurpose=of(None, 7, [], [7], ["revocation", "revocation"], {}, ABSENT)),
        step="status",
    ),
    row(
        "more bits for each",
        R.STATUS_MECHANISM_UNKNOWN,
        _subject(statusSize=of(2, 8, True, "1", 1.0, None)),
        step="V4",
    ),
    row(
        "a status of its own",
        R.STATUS_MECHANISM_UNKNOWN,
        states(credentialStatus=of({}, [], None, {"type": "BitstringStatusListEntry"})),
        step="V4",
    ),
    row(
        "a credential of another type",
        R.CLAIM_INVALID,
        _one_of(
            states(type=of(["VerifiableCredential"], ["BitstringStatusListCredential"], "VerifiableCredential", None)),
            _context(of([], "https://www.w3.org/ns/credentials/v2", ["https://other.example"], None)),
            states(vc=of({}, None)),
            states(vp=of({}, None)),
        ),
        step="status",
    ),
    row("a credential of no type", R.CLAIM_MISSING, _one_of(states(type=ABSENT), _context(ABSENT))),
    row(
        "a subject of another type",
        R.STATUS_LIST_MALFORMED,
        _one_of(_subject(type=of("StatusList2021", None, ABSENT)), states(credentialSubject=of(None, [], "x"))),
        step="status",
    ),
    row(
        "a list of another alphabet",
        R.MALFORMED_BASE64,
        _spelt(lambda text, c: c.of(text[1:], "z" + text[1:], text + "=", text + " ", None, 7)),
        step="status",
    ),
    row("a list that is too short", R.STATUS_LIST_MALFORMED, _packed(_too_short), step="status"),
    row("a list that is broken", R.STATUS_LIST_MALFORMED, _packed(_broken), step="status"),
    row("a list that is a bomb", R.INPUT_TOO_LARGE, _packed(lambda bits, c: _bomb()), step="status"),
    row(
        "another list of the same second",
        R.STATUS_LIST_CONFLICT,
        _packed(lambda bits, c: _pressed(c.flipped(bits)), after=True),
        step="status",
    ),
)
