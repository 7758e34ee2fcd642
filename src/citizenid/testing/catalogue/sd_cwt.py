"""Attacks on the claims of a CWT, which stand under numbers, and on what an SD-CWT hides and shows.

Spec: RFC 8392 section 3; RFC 9597 section 2; draft-ietf-spice-sd-cwt sections 5 to 10; specs/profile-sd-cwt.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import NO_TYPE, Reason
from ..attacks import Group, attack
from ..forge import sd_cwt as c
from ..forge import sd_jwt as j
from ..forge.cbor import Pairs, Raw, dump
from ..forge.parts import ABSENT, AUDIENCE, ISSUER, NONCE, NOW, STATUS_URI, VCT, key
from ..forge.status_lists import CWT_MEDIA_TYPE, IDENTIFIER_MEDIA_TYPE
from ..trials import Trial, accepted, expect, holds, raises, refused, sd_cwt, sd_jwt
from ._cbor_places import status_lists, verdict
from ._statuses import declines, status_cwt, takes

_INVALID: Final = Reason.CLAIM_INVALID
_TEXTS: Final = ("iss", "sub", "aud", "exp", "nbf", "iat", "cti", "cnf", "vct", "cnonce", "status")
_DAY: Final = 86_400
_NAME: Final = c.disclosure(c.salt(1), "Muster", "family_name")
_CITY: Final = c.disclosure(c.salt(2), "Bern", "city")
_DECOY: Final = c.disclosure(c.salt(3))
_SIMPLE_59: Final = c.REDACTED


def _hidden(*contents: bytes) -> dict[str, Any]:
    """Return arguments of a credential that hides these disclosures, and shows them."""
    return {"claims": c.hide(*contents), "disclosures": list(contents)}


@attack("CWT-001", "MALFORMED_CBOR", "CLAIM_TYPE")
def two_names() -> Iterator[Trial]:
    """A claim stands under the text that JSON has for it, or under a label that only looks like its own."""
    for text in _TEXTS:
        yield accepted(f"{text} below the top", sd_cwt(claims={"x": {text: 5}}), now=NOW)
        yield refused(f"{text} beside its number", _INVALID, sd_cwt(claims={text: NOW + _DAY}))
        shown = c.disclosure(c.salt(), NOW + _DAY, text)
        yield refused(f"{text}, disclosed", _INVALID, sd_cwt(**_hidden(shown)))
        yield refused(f"{text} in the claims of a header", _INVALID, sd_cwt(header={15: {text: 5}}), now=NOW)
        yield refused(f"{text} in the SD-KBT", _INVALID, sd_cwt(kb={text: NOW}))
    for media_type in (CWT_MEDIA_TYPE, IDENTIFIER_MEDIA_TYPE):
        how: dict[str, Any] = {"media_type": media_type}
        yield takes(f"a claim that nobody knows, {media_type}", status_cwt({"x": 5}, **how), **how)
        for text in (*_TEXTS, "ttl", "status_list"):
            yield declines(f"{text} beside its number, {media_type}", _INVALID, status_cwt({text: NOW}, **how), **how)
    yield accepted("a number written as text is another claim", sd_cwt(claims={"4": "x", "exp ": "y"}))
    labels = {"5.0": b"\xf9\x45\x00", "tag 1 of 5": b"\xc1\x05", "h'05'": b"\x41\x05", "[5]": b"\x81\x05"}
    for name, label in labels.items():
        payload = dump(Pairs([*c.good_claims().items(), (Raw(label), NOW + _DAY)]))
        yield refused(f"the label {name}", Reason.MALFORMED_CBOR, sd_cwt(claims=payload))
        binding = {**c.good_binding(), Raw(label): NOW}
        yield refused(f"the label {name} in the SD-KBT", Reason.MALFORMED_CBOR, sd_cwt(kb=dump(binding)))
    yield holds("a claim that is due is not found under the text of its number", _expect_missed)


def _expect_missed() -> None:
    for label in (2, 4, 8):
        found = verdict(sd_cwt(claims={label: ABSENT, str(label): c.good_claims()[label]}))
        expect(found is Reason.CLAIM_MISSING, f"{label}: {found}")
    for label in (3, 6, 39):
        found = verdict(sd_cwt(kb={label: ABSENT, str(label): c.good_binding()[label]}))
        expect(found is Reason.CLAIM_MISSING, f"{label} of the SD-KBT: {found}")
    verified: Any = c.verify(c.make({11: ABSENT, "11": VCT}))
    expect(verified.attestation.type == NO_TYPE, "a type was found under the text of its number")


@attack("CWT-002", "CLAIM_TYPE")
def wrong_type() -> Iterator[Trial]:
    """A claim has another type than RFC 8392 gives it."""
    text: tuple[Any, ...] = (ISSUER.encode(), 5, [ISSUER], {"a": ISSUER}, None, True, "")
    octets: tuple[Any, ...] = ("x", 5, [b"x"], None, {})
    times: tuple[Any, ...] = ("1800000000", float(NOW + _DAY), b"\x6b", True, None, -1, 2**53, [NOW], {})
    audiences: tuple[Any, ...] = (AUDIENCE.encode(), 5, None, True, {}, [AUDIENCE, 5], [AUDIENCE.encode()], [None])
    good = {1: ISSUER, 3: AUDIENCE, 7: b"x", 39: b"x", 5: NOW - 60, 6: NOW - 60, 11: VCT}
    yield accepted("all of them as they should be", sd_cwt(claims=good))
    yield accepted("several audiences", sd_cwt(claims={3: ["https://other.example", AUDIENCE]}))
    rows = {1: text, 2: text, 11: text, 7: octets, 39: octets, 3: audiences, 4: times, 5: times, 6: times}
    for label, values in rows.items():
        for number, value in enumerate(values):
            judged: dict[str, Any] = {} if number % 2 == 0 else {"now": NOW}  # half of them on a gateway as well
            yield refused(f"claim {label}: {value!r}", _INVALID, sd_cwt(claims={label: value}), step="V4", **judged)
    for value in (5, b"x", None, ""):
        subject = c.disclosure(c.salt(), value, 2)
        forged = sd_cwt(claims={**c.hide(subject), 2: ABSENT}, disclosures=[subject])
        yield refused(f"sub, disclosed: {value!r}", _INVALID, forged)
    for label, value in ((7, "x"), (7, 5), (6, float(NOW)), (6, str(NOW)), (6, None), (4, float(NOW + 60)), (5, True)):
        yield refused(f"claim {label} of the SD-KBT: {value!r}", _INVALID, sd_cwt(kb={label: value}), step="V7")
    changes: dict[int, Any] = {4: float(NOW + _DAY), 6: "x", 65534: -1}
    for label, value in changes.items():
        edit = partial(_with_claim, label, value)
        yield raises(f"claim {label} of a status list token: {value!r}", _INVALID, _token_with(edit))


def _with_claim(label: int, value: Any, claims: bytes) -> bytes:
    return dump({**cbor2.loads(claims), label: value})


def _token_with(edit: Callable[[bytes], bytes]) -> Callable[[], object]:
    return status_lists(edit)["claims of a status list token"]


@attack("CWT-004", "CLAIM_TYPE")
def claims_of_the_header() -> Iterator[Trial]:
    """The protected header states a claim that is not the one of the payload."""
    end = NOW + 30 * _DAY
    for name, stated in {
        "an issuer": {1: ISSUER},
        "an end": {4: end},
        "nationalities": {"nationalities": ["US"]},
        "nothing": {},
        "what decides nothing": {700: "only here"},
    }.items():
        yield accepted(f"the same: {name}", sd_cwt(header={15: stated}))
    others: dict[str, Any] = {
        "another issuer": {1: "https://other.example"},
        "another subject": {2: "urn:another"},
        "a later end": {4: end + 1},
        "an end as a float": {4: float(end)},
        "another key": {8: {1: c.cose_key(key("mallory"))}},
        "another type": {11: "urn:other"},
        "another status": {65535: {"status_list": {"idx": 1, "uri": STATUS_URI}}},
        "other nationalities": {"nationalities": ["FR"]},
        "more nationalities": {"nationalities": ["US", "FR"]},
        "a beginning, here alone": {5: NOW - 60},
        "an audience, here alone": {3: AUDIENCE},
        "a cti, here alone": {7: b"x"},
        "a cnonce, here alone": {39: NONCE.encode()},
        "a status by another mechanism, here alone": {"credentialStatus": {}},
        "null": None,
        "an array": [],
        "bytes": dump({1: ISSUER}),
    }
    for name, stated in others.items():
        yield refused(name, _INVALID, sd_cwt(header={15: stated}), step="V4")
    for value in (True, 1.0, "1"):
        yield refused(f"1 and {value!r}", _INVALID, sd_cwt(claims={700: 1}, header={15: {700: value}}))
    for media_type in (CWT_MEDIA_TYPE, IDENTIFIER_MEDIA_TYPE):
        how: dict[str, Any] = {"media_type": media_type}
        for name, stated in {"the same": {2: STATUS_URI, 6: NOW - 10}, "nothing": {}, "more": {700: 1}}.items():
            yield takes(f"{media_type}, {name}", status_cwt(header={15: stated}, **how), **how)
        for name, stated in {
            "another subject": {2: "https://id.example/status/2"}, "a later iat": {6: NOW - 9}, "a later end": {4: end},
            "an end as a float": {4: float(NOW + _DAY)}, "a beginning, here alone": {5: NOW - 60},
            "a list": {65533: {"bits": 1, "lst": b""}}, "identifiers": {65530: {"identifiers": {}}},
            "a claim by its name": {"exp": NOW + _DAY}, "null": None, "an array": [],
        }.items():  # fmt: skip
            yield declines(f"{media_type}, {name}", _INVALID, status_cwt(header={15: stated}, **how), **how)
        aside = status_cwt(unprotected={15: {2: STATUS_URI}}, **how)
        yield declines(f"{media_type}, signed by nobody", Reason.HEADER_INVALID, aside, **how)
    shown = _hidden(_NAME)
    yield accepted("the same as what is disclosed", sd_cwt(**shown, header={15: {"family_name": "Muster"}}))
    yield refused("not what is disclosed", _INVALID, sd_cwt(**shown, header={15: {"family_name": "Other"}}))

    def unsigned() -> None:
        for place in ("unprotected", "kb_header", "kb_unprotected"):
            arguments: dict[str, Any] = {place: {15: {1: ISSUER}}}
            found = verdict(sd_cwt(**arguments))
            expect(found is Reason.HEADER_INVALID, f"{place}: {found}")

    yield holds("nor do claims stand in a header that the issuer has not signed", unsigned)


@attack("CWT-006", "DIGEST_DUPLICATE", "DISCLOSURE_UNREFERENCED", "DISCLOSURE_MALFORMED")
def redaction_that_does_not_fit() -> Iterator[Trial]:
    """A digest stands in two places, a disclosure in none, or a disclosure has not its parts."""
    yield accepted("one hidden, one shown", sd_cwt(claims=c.hide(_NAME, _CITY), disclosures=[_NAME]))
    yield accepted("nested", sd_cwt(**_nested(_NAME)))
    yield from _twice()
    yield from _nowhere()
    yield from _malformed()


def _nested(inner: bytes) -> dict[str, Any]:
    outer = c.disclosure(c.salt(4), {_SIMPLE_59: [c.digest(inner)]}, "address")
    return {"claims": c.hide(outer), "disclosures": [outer, inner]}


def _twice() -> Iterator[Trial]:
    digest = c.digest(_NAME)
    element = c.disclosure(c.salt(5), "DE")
    inside = c.disclosure(c.salt(4), {_SIMPLE_59: [digest]}, "address")
    cases: dict[str, dict[Any, Any]] = {
        "in one array": {_SIMPLE_59: [digest, digest]},
        "in two maps": {_SIMPLE_59: [digest], "x": {_SIMPLE_59: [digest]}},
        "of two elements": {"x": [c.element(element), c.element(element)]},
        "of a member and an element": {_SIMPLE_59: [digest], "x": [CBORTag(60, digest)]},
        "of a decoy": {_SIMPLE_59: [c.digest(_DECOY), digest], "x": {_SIMPLE_59: [c.digest(_DECOY)]}},
        "of nothing": {_SIMPLE_59: [bytes(32), bytes(32)]},
    }
    for name, claims in cases.items():
        yield refused(f"a digest twice, {name}", Reason.DIGEST_DUPLICATE, sd_cwt(claims=claims))
        if name in ("in one array", "in two maps"):
            forged = sd_cwt(claims=claims, disclosures=[_NAME])
            yield refused(f"a digest twice and shown, {name}", Reason.DIGEST_DUPLICATE, forged)
    both = sd_cwt(claims=c.hide(_NAME, inside), disclosures=[_NAME, inside])
    yield refused("a digest twice, once in a disclosure", Reason.DIGEST_DUPLICATE, both)
    text = j.disclosure("salt-of-enough-length", "city", "Bern")
    again = sd_jwt(payload={"_sd": [j.digest(text)] * 2}, disclosures=[text])
    yield refused("a digest twice in an SD-JWT", Reason.DIGEST_DUPLICATE, again)


def _nowhere() -> Iterator[Trial]:
    stray = Reason.DISCLOSURE_UNREFERENCED
    outer = c.disclosure(c.salt(4), {_SIMPLE_59: [c.digest(_NAME)]}, "address")
    yield refused("nothing is hidden", stray, sd_cwt(disclosures=[_NAME]))
    yield refused("something else is hidden", stray, sd_cwt(claims=c.hide(_CITY), disclosures=[_CITY, _NAME]))
    yield refused("a child without its parent", stray, sd_cwt(claims=c.hide(outer), disclosures=[_NAME]))
    yield refused("a decoy that nobody made", stray, sd_cwt(claims=c.hide(_NAME), disclosures=[_NAME, _DECOY]))
    bare = {_SIMPLE_59: [hashlib.sha256(_NAME).digest()]}
    yield refused("a digest over the bare array", stray, sd_cwt(claims=bare, disclosures=[_NAME]))
    cut = {_SIMPLE_59: [c.digest(_NAME)[:31]]}
    yield refused("a digest cut short", stray, sd_cwt(claims=cut, disclosures=[_NAME]))
    other = {_SIMPLE_59: [c.digest(_NAME, "sha384")]}
    yield refused("a digest by another hash", stray, sd_cwt(claims=other, disclosures=[_NAME]))
    salted = c.disclosure(c.salt(9), "Muster", "family_name")
    yield refused("another salt", stray, sd_cwt(claims=c.hide(_NAME), disclosures=[salted]))
    longer = b"\x83\x58\x10" + c.salt(1) + dump("Muster") + dump("family_name")
    yield refused("the same, written otherwise", stray, sd_cwt(claims=c.hide(_NAME), disclosures=[longer]))


def _malformed() -> Iterator[Trial]:
    malformed = Reason.DISCLOSURE_MALFORMED
    shapes = {
        "no part": c.disclosure(),
        "four parts": c.disclosure(c.salt(), "v", "n", 1),
        "a map": dump({0: c.salt(), 1: "v", 2: "n"}),
        "text": dump("text"),
        "null": dump(None),
        "a salt of text": c.disclosure("salt of 16 bytes", "v", "n"),
        "a salt of 15 bytes": c.disclosure(bytes(15), "v", "n"),
        "a salt of 17 bytes": c.disclosure(bytes(17), "v", "n"),
        "a decoy with a short salt": c.disclosure(bytes(15)),
        "a name of bytes": c.disclosure(c.salt(), "v", b"n"),
        "a name that is null": c.disclosure(c.salt(), "v", None),
        "a name that is true": c.disclosure(c.salt(), "v", True),
        "a name that is a float": c.disclosure(c.salt(), "v", 1.5),
        "a name that is an array": c.disclosure(c.salt(), "v", ["n"]),
        "a name of 256 bytes": c.disclosure(c.salt(), "v", "n" * 256),
        "the salt last": c.disclosure("n", "v", c.salt()),
    }
    for name, content in shapes.items():
        yield refused(name, malformed, sd_cwt(**_hidden(content)))
        element = sd_cwt(claims={"x": [c.element(content)]}, disclosures=[content])
        yield refused(f"{name}, of an element", malformed, element, now=NOW)
    unnamed, named = c.disclosure(c.salt(), "v"), c.disclosure(c.salt(), "v", "n")
    yield refused("without a name, for a member", malformed, sd_cwt(**_hidden(unnamed)))
    forged = sd_cwt(claims={"x": [c.element(named)]}, disclosures=[named])
    yield refused("with a name, for an element", malformed, forged)


@attack("CWT-007", "SD_STRUCTURE")
def misplaced_mark() -> Iterator[Trial]:
    """A mark of what is hidden, or of what is to be hidden, has another shape or stands in another place."""
    digest = c.digest(_NAME)
    yield accepted("a member and an element", sd_cwt(claims={**c.hide(_NAME), "x": [CBORTag(60, bytes(32))]}))
    # Of a request to an issuer: nothing that was issued holds one, so the codec has no place for it.
    for name, value in {
        "an element to be hidden": [CBORTag(58, "DE")],
        "a value to be hidden": CBORTag(58, "DE"),
        "a decoy to be made": [CBORTag(62, 1)],
        "a decoy to be made, as a value": CBORTag(62, None),
    }.items():
        yield refused(name, Reason.MALFORMED_CBOR, sd_cwt(claims={"x": value}), step="V4")
        content = c.disclosure(c.salt(), value, "x")
        yield refused(f"{name}, disclosed", Reason.MALFORMED_CBOR, sd_cwt(**_hidden(content)), step="V4")
    for name, key_ in (
        ("a member to be hidden", b"\xd8\x3a\x61x"),
        ("simple(58)", b"\xf8\x3a"),
        ("tag 60", b"\xd8\x3c\x61x"),
    ):
        claims = dump(Pairs([*c.good_claims().items(), (Raw(key_), "DE")]))
        yield refused(f"a key: {name}", Reason.MALFORMED_CBOR, sd_cwt(claims=claims), step="V4")
    shapes: dict[str, dict[Any, Any]] = {
        "digests that are bytes": {_SIMPLE_59: digest},
        "digests that are a map": {_SIMPLE_59: {0: digest}},
        "digests that are null": {_SIMPLE_59: None},
        "a digest of text": {_SIMPLE_59: [digest.hex()]},
        "a digest that is a number": {_SIMPLE_59: [digest, 5]},
        "a digest under tag 60": {_SIMPLE_59: [c.element(_NAME)]},
        "an element of text": {"x": [CBORTag(60, "x" * 32)]},
        "an element that is a number": {"x": [CBORTag(60, 5)]},
        "an element that is an array": {"x": [CBORTag(60, [digest])]},
        "an element that is null": {"x": [CBORTag(60, None)]},
        "an element in an element": {"x": [CBORTag(60, c.element(_NAME))]},
        "an element for a value": {"x": c.element(_NAME)},
        "an element for a value below": {"x": {"y": c.element(_NAME)}},
    }
    for name, shape in shapes.items():
        yield refused(name, Reason.REDACTION_MALFORMED, sd_cwt(claims=shape), step="V4")
        inside = c.disclosure(c.salt(), shape, "y")
        forged = sd_cwt(**_hidden(inside))
        yield refused(f"{name}, in a disclosure", Reason.REDACTION_MALFORMED, forged, step="V4", now=NOW)
    for payload in (
        {"_sd": "x"},
        {"_sd": [5]},
        {"x": {"...": "y"}},
        {"x": [{"...": 5}]},
        {"x": [{"...": "y", "z": 1}]},
    ):
        yield refused(f"an SD-JWT with {payload}", Reason.REDACTION_MALFORMED, sd_jwt(payload=payload), step="V4")


@attack("CWT-009", "SD_STRUCTURE", "HASH_ALG_NOT_ALLOWED")
def parameter_in_the_other_header() -> Iterator[Trial]:
    """A parameter of the redaction stands where anybody, or nobody, could have put it; or the hash is another."""
    misplaced = Reason.HEADER_INVALID
    for known, name in ((-16, "sha256"), (-43, "sha384"), (-44, "sha512")):
        claims = {_SIMPLE_59: [c.digest(_NAME, name)]}
        yield accepted(f"sd_alg {name}", sd_cwt(claims=claims, disclosures=[_NAME], header={170: known}))
    listed = [_NAME]
    yield refused("sd_claims, protected", misplaced, sd_cwt(claims=c.hide(_NAME), header={17: listed}), step="V1")
    both = sd_cwt(claims=c.hide(_NAME), disclosures=listed, header={17: listed})
    yield refused("sd_claims in both", misplaced, both, step="V1")
    yield refused("sd_alg, unprotected", misplaced, sd_cwt(unprotected={170: -16}), step="V1")
    yield refused("sd_alg in both", misplaced, sd_cwt(header={170: -16}, unprotected={170: -16}), step="V1")
    for label, value in ((17, listed), (170, -16)):
        yield refused(f"{label} in the SD-KBT, protected", misplaced, sd_cwt(kb_header={label: value}), step="V1")
        yield refused(f"{label} in the SD-KBT", misplaced, sd_cwt(kb_unprotected={label: value}), step="V1")
    shapes = {"empty": [], "bytes": _NAME, "a map": {0: _NAME}, "null": None, "of arrays": [cbor2.loads(_NAME)]}
    for name, stated in {**shapes, "of text": ["x"], "of null": [None]}.items():
        yield refused(f"sd_claims: {name}", misplaced, sd_cwt(unprotected={17: stated}), step="V1")
    numbers: tuple[Any, ...] = (-14, -15, -17, -18, -45, 0, 16, "sha-256", b"", None, True, -16.0, [-16])
    for number in numbers:
        forged = sd_cwt(header={170: number})
        yield refused(f"sd_alg {number!r}", Reason.HASH_ALGORITHM_NOT_ALLOWED, forged, step="V4")
    other = sd_cwt(header={170: "SHA-256"}, claims=c.hide(_NAME), disclosures=listed)
    yield refused("sd_alg by another name, something is shown", Reason.HASH_ALGORITHM_NOT_ALLOWED, other, step="V4")


GROUP: Final = Group(
    "cwt and sd-cwt",
    "a claim of a CWT has one label and one type, and what is hidden is found in its one place, as in an SD-JWT",
    (
        two_names,
        wrong_type,
        claims_of_the_header,
        redaction_that_does_not_fit,
        misplaced_mark,
        parameter_in_the_other_header,
    ),
)
