"""Attacks on what the issuer of an mdoc signed: elements and digests, docType and status, and the form of issuerAuth.

Spec: ISO/IEC 18013-5 8.3.2.1.2, 9.1.2.4, 9.1.2.5, 9.3.1; specs/profile-mdoc.md sections 1 and 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import Reason
from ..attacks import Group, attack
from ..forge import mdoc as m
from ..forge import sd_cwt as c
from ..forge import sd_jwt as j
from ..forge.cbor import Raw, dump, embedded
from ..forge.mdoc_issuer import MDL, OURS, PHOTO_ID, PID, digest, item, items_of
from ..forge.parts import ABSENT
from ..forgery import Forgery
from ..trials import Trial, accepted, expect, holds, mdoc, refused, sd_cwt, sd_jwt
from ._cbor_places import verdict
from .mdoc_auth import misshapen_message, payload_in_another_form, signed_by_another
from .mdoc_device import (
    another_device_key,
    another_transcript,
    attached_payload,
    mac_by_others,
    no_device_authentication,
    self_asserted,
    two_proofs_or_none,
)

_US: Final = item(0, "nationality", ["US"])
_NAME: Final = item(1, "family_name", "Muster")
_UNREAD: Final = Reason.MALFORMED_TOKEN
_INVALID: Final = Reason.SIGNATURE_INVALID


def _one(*contents: bytes, **further: Any) -> Forgery:
    """Return an mdoc whose one namespace holds these items, all of them signed."""
    return mdoc(items={PID: list(contents)}, **further)


@attack("MDC-001", "MDOC_DIGEST_MISMATCH")
def changed_element() -> Iterator[Trial]:
    """An element is shown that is not the one that was signed."""
    mismatch = Reason.DIGEST_MISMATCH
    signed = {PID: [item(0, "nationality", ["DE"]), _NAME]}
    yield accepted("as it was signed", mdoc(items={PID: [_US, _NAME]}))
    shown = {
        "another nationality": item(0, "nationality", ["US"]),
        "another name": item(0, "nationalities", ["DE"]),
        "another random": item(0, "nationality", ["DE"], {"random": bytes(32)}),
        "one nationality more": item(0, "nationality", ["DE", "US"]),
        "a member more": item(0, "nationality", ["DE"], {"rfu": 1}),
        "the digestID of another": item(1, "nationality", ["DE"]),
        "text for an array": item(0, "nationality", "DE"),
    }
    for name, content in shown.items():
        yield refused(name, mismatch, mdoc(items=signed, shown={PID: [content]}))
        yield refused(f"{name}, behind a good one", mismatch, mdoc(items=signed, shown={PID: [_NAME, content]}))
    two = items_of({PID: {"a": 1, "b": 2}, PHOTO_ID: {"nationality": "US"}})
    moved = mdoc(items=two, shown={PID: [two[PHOTO_ID][0]]})
    yield refused("an element of another namespace", mismatch, moved)
    for name, other in {
        "without its last byte": digest(_US)[:-1],
        "and a byte more": digest(_US) + b"\0",
        "empty": b"",
        "as text": digest(_US).hex(),
        "over the item without its tag": hashlib.sha256(_US).digest(),
        "over the byte string alone": hashlib.sha256(dump(_US)).digest(),
        "by another hash": digest(_US, "SHA-512"),
    }.items():
        yield refused(f"a digest, {name}", mismatch, _one(_US, digests={PID: {0: other}}))


@attack("MDC-002", "MDOC_DIGEST_MISSING")
def element_without_a_digest() -> Iterator[Trial]:
    """An element is shown for which nothing was signed."""
    missing = Reason.DISCLOSURE_UNREFERENCED
    yield accepted("with its digest", _one(_US, _NAME))
    for number in (1, 9, 2**31, 2**32 - 1):
        content = item(number, "nationality", ["US"])
        yield refused(f"digestID {number}", missing, mdoc(items={PID: [_US]}, shown={PID: [content]}))
        behind = mdoc(items={PID: [_US]}, shown={PID: [_US, item(number, "citizen", True)]})
        yield refused(f"digestID {number}, behind a good one", missing, behind)
    for namespace in (PHOTO_ID, MDL, PID + " ", PID.upper(), ""):
        yield refused(f"namespace {namespace!r}", missing, mdoc(items={PID: [_US]}, shown={namespace: [_US]}))
    yield refused("no digests at all", missing, _one(_US, digests={}))
    yield refused("no digests in its namespace", missing, _one(_US, digests={PID: {}, PHOTO_ID: {0: digest(_US)}}))
    yield refused("a digestID that is text", missing, _one(_US, digests={PID: {"0": digest(_US)}}))
    yield refused("a digestID of the other sign", missing, _one(_US, digests={PID: {-1: digest(_US)}}))
    stray = c.disclosure(c.salt(), ["US"], "citizenships")
    yield refused("a Salted Disclosed Claim of an SD-CWT", missing, sd_cwt(disclosures=[stray]))
    other = j.disclosure("salt-of-enough-length", "citizenships", ["US"])
    yield refused("a Disclosure of an SD-JWT", missing, sd_jwt(disclosures=[other]))


@attack("MDC-004", "MDOC_DUPLICATE_ELEMENT")
def element_twice() -> Iterator[Trial]:
    """One element stands twice in a namespace, under two digestIDs: the last one could count."""
    clash = Reason.DISCLOSURE_CLASH
    yield accepted("in two namespaces", mdoc(elements={PID: {"nationality": ["US"]}, PHOTO_ID: {"nationality": "US"}}))
    for one, other in ((["US"], ["DE"]), (["DE"], ["US"]), (["US"], ["US"]), ("US", "US"), (None, ["US"])):
        contents = item(0, "nationality", one), item(1, "nationality", other)
        yield refused(f"{one} and {other}", clash, _one(*contents))
        yield refused(f"{one} and {other}, something between", clash, _one(contents[0], item(2, "x", 1), contents[1]))
    ours = item(0, "citizen_of_us", False), item(1, "citizen_of_us", True)
    yield refused("in our own namespace", clash, mdoc(items={OURS: list(ours)}, doc_type=OURS))
    hidden = [c.disclosure(c.salt(number), country, "country") for number, country in enumerate(("US", "DE"))]
    yield refused("in an SD-CWT", clash, sd_cwt(claims=c.hide(*hidden), disclosures=hidden))
    texts = [j.disclosure(f"salt-of-enough-length-{country}", "country", country) for country in ("US", "DE")]
    yield refused("in an SD-JWT", clash, sd_jwt(payload={"_sd": [j.digest(each) for each in texts]}, disclosures=texts))


@attack("MDC-005", "MDOC_DUPLICATE_ELEMENT")
def digest_id_twice() -> Iterator[Trial]:
    """One digestID is used by two items."""
    yield accepted(
        "the same digestID in two namespaces", mdoc(elements={PID: {"nationality": ["US"]}, PHOTO_ID: {"x": 1}})
    )
    yield refused("one item twice", Reason.DISCLOSURE_DUPLICATE, mdoc(items={PID: [_US]}, shown={PID: [_US, _US]}))
    between = mdoc(items={PID: [_US, _NAME]}, shown={PID: [_US, _NAME, _US]})
    yield refused("one item twice, another between", Reason.DISCLOSURE_DUPLICATE, between)
    # A digestID has one digest: of two items that differ, one is not the one that was signed.
    other = item(0, "family_name", "Muster")
    for name, shown in (("the signed one first", [_US, other]), ("the signed one last", [other, _US])):
        forged = mdoc(items={PID: [_US]}, shown={PID: shown})
        yield refused(f"two items, {name}", Reason.DIGEST_MISMATCH, forged)
    longer = Raw(b"\xd9\x00\x18" + dump(_US))
    yield refused(
        "one item in two spellings", Reason.DISCLOSURE_DUPLICATE, mdoc(items={PID: [_US]}, shown={PID: [_US, longer]})
    )
    hidden = c.disclosure(c.salt(), "x", "y")
    twice = sd_cwt(claims=c.hide(hidden), disclosures=[hidden, hidden])
    yield refused("a Salted Disclosed Claim twice", Reason.DISCLOSURE_DUPLICATE, twice)
    text = j.disclosure("salt-of-enough-length", "x", "y")
    again = sd_jwt(payload={"_sd": [j.digest(text)]}, disclosures=[text, text])
    yield refused("a Disclosure twice", Reason.DISCLOSURE_DUPLICATE, again)


@attack("MDC-007", "MALFORMED_MDOC")
def guessable_item() -> Iterator[Trial]:
    """The random of an item is too short, or not there: whoever has the digest can guess what was held back."""
    malformed = Reason.DISCLOSURE_MALFORMED
    for size in (16, 17, 32, 64):
        yield accepted(f"{size} bytes", _one(item(0, "nationality", ["US"], {"random": bytes(size)})))
    for size in (0, 1, 8, 15):
        yield refused(f"{size} bytes", malformed, _one(item(0, "nationality", ["US"], {"random": bytes(size)})))
        last = item(1, "x", 1, {"random": bytes(size)})
        yield refused(f"{size} bytes, behind a good one", malformed, _one(_US, last))
    for name, value in (
        ("no", ABSENT),
        ("null", None),
        ("text", "x" * 32),
        ("a number", 2**63),
        ("an array", [1] * 16),
    ):
        yield refused(f"{name} random", malformed, _one(item(0, "nationality", ["US"], {"random": value})))
    for name in ("digestID", "elementIdentifier", "elementValue"):
        yield refused(f"no {name}", malformed, _one(item(0, "nationality", ["US"], {name: ABSENT})))
    numbers: dict[str, Any] = {"true": True, "below zero": -1, "of 33 bits": 2**32, "a float": 0.0, "text": "0"}
    for name, number in numbers.items():
        yield refused(f"a digestID: {name}", malformed, _one(item(0, "nationality", ["US"], {"digestID": number})))
    names: dict[str, Any] = {"bytes": b"nationality", "a number": 1, "null": None, "true": True, "too long": "n" * 256}
    for name, value in names.items():
        named = item(0, "nationality", ["US"], {"elementIdentifier": value})
        yield refused(f"an elementIdentifier: {name}", malformed, _one(named))
    for size in (0, 15, 17, 32):
        hidden = c.disclosure(bytes(size), "x", "y")
        yield refused(f"a salt of {size} bytes", malformed, sd_cwt(claims=c.hide(hidden), disclosures=[hidden]))


@attack("MDC-008", "HASH_ALG_NOT_ALLOWED")
def other_hash() -> Iterator[Trial]:
    """The hash of the digests is weak, unknown, or one of the list in another spelling."""
    unfit = Reason.HASH_ALGORITHM_NOT_ALLOWED
    for name in ("SHA-256", "SHA-384", "SHA-512"):
        yield accepted(name, mdoc(algorithm=name))
    for name in ("MD5", "SHA-1", "sha-256", "SHA256", "Sha-256", "SHA-224", "SHA-512/256", "SHA3-256", " SHA-256", ""):
        yield refused(repr(name), unfit, mdoc(mso={"digestAlgorithm": name}))
    yield refused("none", Reason.CLAIM_MISSING, mdoc(mso={"digestAlgorithm": ABSENT}))
    for value in (-16, None, ["SHA-256"], b"SHA-256"):
        yield refused(f"no text: {value!r}", Reason.CLAIM_INVALID, mdoc(mso={"digestAlgorithm": value}))
    for number in (-14, -15, -17, -18, 0, 5, "sha-256", None, -16.0):
        yield refused(f"sd_alg {number!r} of an SD-CWT", unfit, sd_cwt(header={170: number}))
    for text in ("md5", "sha-1", "SHA-256", "sha256", "", None, ["sha-256"]):
        yield refused(f"_sd_alg {text!r} of an SD-JWT", unfit, sd_jwt(payload={"_sd_alg": text}))


@attack("MDC-010", "MALFORMED_MDOC")
def item_in_another_form() -> Iterator[Trial]:
    """An item is no CBOR in a byte string under tag 24, or is it twice, or holds none."""
    yield accepted("under tag 24", _one(_US))
    tagged = embedded(_US)
    for name, entry in {
        "a plain map": cbor2.loads(_US),
        "bytes without a tag": Raw(dump(_US)),
        "tag 24 of a map": Raw(b"\xd8\x18" + _US),
        "tag 24 of tag 24": Raw(b"\xd8\x18" + tagged),
        "tag 24 of text": CBORTag(24, "x"),
        "tag 24 of an array": CBORTag(24, [_US]),
        "tag 24 of null": CBORTag(24, None),
        "null": None,
        "text": "x",
        "an array of it": [tagged],
    }.items():
        yield refused(name, _UNREAD, mdoc(items={PID: [_US]}, shown={PID: [entry]}))
        behind = mdoc(items={PID: [_NAME, _US]}, shown={PID: [_NAME, entry]})
        yield refused(f"{name}, behind a good one", _UNREAD, behind)
    for name, shown in (
        ("a map for the list", {PID: {0: tagged}}),
        ("an empty list", {PID: []}),
        ("null", {PID: None}),
    ):
        yield refused(f"a namespace: {name}", _UNREAD, mdoc(shown=shown))
    yield refused("nameSpaces is a list", _UNREAD, mdoc(members={"nameSpaces": [tagged]}))
    yield refused("another tag", Reason.MALFORMED_CBOR, mdoc(shown={PID: [CBORTag(25, _US)]}))
    twice = bytes(tagged)
    yield refused("embedded twice", Reason.MALFORMED_CBOR, _one(twice))
    for name, content in (
        ("nothing", b""),
        ("half of a map", _US[:40]),
        ("two items", _US + _US),
        ("no CBOR", b"\xff"),
    ):
        yield refused(f"tag 24 around {name}", Reason.MALFORMED_CBOR, _one(content))
    for name, content in (("an array", b"\x80"), ("a number", b"\x01"), ("an empty map", b"\xa0")):
        yield refused(f"tag 24 around {name}", Reason.DISCLOSURE_MALFORMED, _one(content))


@attack("MDC-012", "MDOC_DOCTYPE_MISMATCH")
def two_doc_types() -> Iterator[Trial]:
    """The docType of the document, which nobody signed, is not the one that the issuer signed."""
    other = Reason.TYPE_NOT_ALLOWED
    yield accepted("the same", mdoc())
    for stated in (OURS, PID + " ", PID.upper(), PID[:-1], ""):
        yield refused(f"document {stated!r}", other, mdoc(document_changes={"docType": stated}))
    for signed in (OURS, "org.iso.23220.photoid.1"):
        yield refused(f"MSO {signed!r}", other, mdoc(mso={"docType": signed}))
        both = mdoc(mso={"docType": signed}, device={"doc_type": signed})
        yield refused(f"MSO and device {signed!r}", other, both)


@attack("MDC-013", "MDOC_DOCTYPE_MISMATCH")
def another_doc_type() -> Iterator[Trial]:
    """The docType is the same everywhere, and not one that the issuer is trusted with."""
    for doc_type in ("org.iso.23220.photoid.1", "org.iso.23220.photoID.1"):
        elements = {PID: {"nationality": ["US"]}}
        yield accepted(doc_type, mdoc(elements=elements, doc_type=doc_type))
        untrusted = mdoc(doc_type=doc_type)
        yield refused(
            f"{doc_type}, not trusted", Reason.TYPE_NOT_ALLOWED, untrusted, anchors=m.anchors_for(types=[PID])
        )
    for doc_type in ("org.example.other", "org.iso.18013.5.1", "org.iso.23220.PhotoID.1", PID + ".1", PID.upper()):
        yield refused(doc_type, Reason.TYPE_NOT_ALLOWED, mdoc(doc_type=doc_type))
    yield refused("another vct of an SD-CWT", Reason.TYPE_NOT_ALLOWED, sd_cwt(claims={11: "urn:other"}))
    yield refused("another vct of an SD-JWT VC", Reason.TYPE_NOT_ALLOWED, sd_jwt(payload={"vct": "urn:other"}))


@attack("MDC-015", "MDOC_STATUS")
def answer_of_an_error() -> Iterator[Trial]:
    """The answer says that it is none, and holds documents for all that."""
    yield accepted("status 0", mdoc())
    for status in (1, 10, 11, 12, 2**32, -1):
        yield refused(f"status {status}", Reason.RESPONSE_NOT_OK, mdoc(response_changes={"status": status}))
    bare = mdoc(response_changes={"status": 10, "documents": ABSENT, "documentErrors": [{PID: 10}]})
    yield refused("no documents either", Reason.RESPONSE_NOT_OK, bare)
    for name, value in (("none", ABSENT), ("false", False), ("0.0", 0.0), ("text", "0"), ("null", None)):
        yield refused(f"status: {name}", _UNREAD, mdoc(response_changes={"status": value}))

    def versions() -> None:
        for version in ("2.0", "0.9", "1", "1.", "01.0", "1.0.0", "1.x", " 1.0", ""):
            found = verdict(mdoc(response_changes={"version": version}))
            expect(found is Reason.VERSION_UNSUPPORTED, f"{version!r}: {found}")
            found = verdict(mdoc(mso={"version": version}))
            expect(found is Reason.VERSION_UNSUPPORTED, f"MSO {version!r}: {found}")
        for number in (None, 1, 1.0, b"1.0", ["1.0"], ABSENT):
            found = verdict(mdoc(response_changes={"version": number}))
            expect(found is Reason.MALFORMED_TOKEN, f"{number!r}: {found}")
        for version in ("1.0", "1.1", "1.10"):
            expect(verdict(mdoc(response_changes={"version": version}, mso={"version": version})) is None, version)

    yield holds("nor is a version another one", versions)


GROUP: Final = Group(
    "mdoc",
    "what is shown is what the issuer signed, under one docType, and answered by the device in this session",
    (
        changed_element,
        element_without_a_digest,
        element_twice,
        digest_id_twice,
        guessable_item,
        other_hash,
        item_in_another_form,
        two_doc_types,
        another_doc_type,
        answer_of_an_error,
        signed_by_another,
        payload_in_another_form,
        misshapen_message,
        no_device_authentication,
        another_transcript,
        two_proofs_or_none,
        attached_payload,
        mac_by_others,
        self_asserted,
        another_device_key,
    ),
)
