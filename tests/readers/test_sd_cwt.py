"""SD-CWT, read: framing, claims, disclosures and key binding, each rule with what breaks it.

Tokens are made by hand with plain cbor2 (`builders_sd_cwt`): nothing here trusts our own codec or writer.

Spec: draft-ietf-spice-sd-cwt sections 5 to 12; RFC 8392; RFC 8747; RFC 9052; RFC 9597; REQUIREMENTS 7 and 8.
"""

from __future__ import annotations

import hashlib
import random
from typing import Any, Final

import cbor2
import pytest
from builders import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    NONCE,
    NOW,
    REVOKED_INDEX,
    STATUS_URI,
    VCT,
    base64url,
    certificate,
    der,
    key,
    local_key,
    pem,
    same,
    us,
)
from builders import certificate_key as certified
from builders_sd_cwt import (
    REDACTED,
    accepted,
    anchors,
    bound,
    cose_key,
    credential,
    digest,
    disclosure,
    element,
    good_claims,
    hide,
    make,
    refused,
    salt,
    verify,
)
from cbor2 import CBORTag
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    ANY,
    NO_TYPE,
    Challenge,
    Format,
    KeyPurpose,
    Limits,
    MalformedError,
    Reason,
    TrustAnchors,
    VerificationError,
)
from citizenid import verifier as library
from citizenid._wire import cbor

DAY: Final = 86_400
NAME = disclosure(salt(1), "Ada", "given_name")
LABELLED = disclosure(salt(2), "ABCD", 501)
ELEMENT = disclosure(salt(3), "US")
DECOY = disclosure(salt(4))


# --- V1: framing ---


def test_a_good_presentation_is_accepted() -> None:
    verified = accepted(make())
    attestation = verified.attestation
    assert same(attestation.claims, {2: "urn:someone", "nationalities": ["US"]})
    assert (attestation.type, attestation.issuer) == (VCT, ISSUER)
    assert verified.citizenship.nationalities == us()
    assert verified.format is Format.SD_CWT
    assert attestation.holder_key == key("holder").public
    assert attestation.validity.not_after == NOW + 30 * DAY


def test_text_is_base64url_of_the_same_bytes() -> None:
    data = make()
    assert same(accepted(base64url(data).decode()).attestation.claims, accepted(data).attestation.claims)
    refused(base64url(data).decode() + "=", Reason.MALFORMED_BASE64, "V1")


@pytest.mark.parametrize("data", [None, 5, bytearray(b"\xd2"), memoryview(b"\xd2"), [b"\xd2"]])
def test_only_exact_bytes_and_str_are_read(data: Any) -> None:
    refused(data, Reason.MALFORMED_TOKEN, "V1")


def test_more_than_the_bound_is_refused_unread() -> None:
    refused(b"\xd2" + bytes(10_000_000), Reason.INPUT_TOO_LARGE, "V1")
    refused("A" * 10_000_000, Reason.INPUT_TOO_LARGE, "V1")
    data = make()
    assert isinstance(verify(data, limits=Limits(presentation_bytes=len(data))), library.VerifiedPresentation)
    refused(data, Reason.INPUT_TOO_LARGE, "V1", limits=Limits(presentation_bytes=len(data) - 1))


def unwrapped() -> list[Any]:
    value: list[Any] = list(cbor2.loads(make()).value)
    return value


FORM: Final = Reason.MALFORMED_TOKEN
CODEC: Final = Reason.MALFORMED_CBOR


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (cbor2.dumps(unwrapped()), FORM),  # without its tag
        (cbor2.dumps(CBORTag(17, unwrapped())), CODEC),  # COSE_Mac0
        (cbor2.dumps(CBORTag(98, unwrapped())), CODEC),  # COSE_Sign
        (cbor2.dumps(CBORTag(61, CBORTag(18, unwrapped()))), CODEC),  # the CWT tag
        (cbor2.dumps(CBORTag(18, CBORTag(18, unwrapped()))), FORM),
        (cbor2.dumps(CBORTag(18, unwrapped()[:3])), FORM),
        (cbor2.dumps(CBORTag(18, [*unwrapped(), 0])), FORM),
        (cbor2.dumps(CBORTag(18, {})), FORM),
        (cbor2.dumps(CBORTag(18, [unwrapped()[0], {}, None, unwrapped()[3]])), FORM),  # detached
        (b"", CODEC),
        (b"\xd2", CODEC),
        (make() + b"\x00", CODEC),
    ],
)
def test_what_is_no_cose_sign1_is_refused(data: bytes, reason: Reason) -> None:
    refused(data, reason, "V1")


def test_a_detached_payload_of_the_credential_is_refused() -> None:
    made = credential()
    made.value[2] = None
    refused(bound(made), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize("typ", [293, "application/sd-cwt"])
@pytest.mark.parametrize("kb_typ", [294, "application/kb+cwt"])
def test_each_typ_has_two_spellings(typ: Any, kb_typ: Any) -> None:
    accepted(make(header={16: typ}, kb_header={16: kb_typ}))


@pytest.mark.parametrize(
    "typ", [ABSENT, 0, 292, 295, "kb+cwt", "sd-cwt", "application/KB+CWT", "application/cwt", "#294"]
)
def test_the_outermost_typ_is_one_of_two(typ: Any) -> None:
    refused(make(kb_header={16: typ}), Reason.TYP_MISMATCH, "V1")


@pytest.mark.parametrize("typ", [ABSENT, 0, 294, "application/kb+cwt", "sd-cwt", "application/example+sd-cwt", "#293"])
def test_the_typ_of_the_credential_is_its_own(typ: Any) -> None:
    refused(make(header={16: typ}), Reason.TYP_MISMATCH, "V4")


@pytest.mark.parametrize("typ", [-1, 294.0, b"\x01", None, True, [294]])
def test_a_typ_of_another_kind_is_invalid(typ: Any) -> None:
    refused(make(kb_header={16: typ}), Reason.HEADER_INVALID, "V1")
    refused(make(header={16: typ}), Reason.HEADER_INVALID, "V1")


def test_a_typ_that_nobody_signed_counts_for_nothing() -> None:
    refused(make(kb_header={16: ABSENT}, kb_unprotected={16: 294}), Reason.TYP_MISMATCH, "V1")
    refused(make(header={16: ABSENT}, unprotected={16: 293}), Reason.TYP_MISMATCH, "V4")


def test_an_issued_credential_opens_and_is_no_presentation() -> None:
    data = cbor2.dumps(credential())
    (presentation,) = library.open_presentation(data, format=Format.SD_CWT)
    assert presentation.binding is None
    refused(data, Reason.KEY_BINDING_MISSING, "V7")


def test_an_sd_kbt_in_an_sd_kbt_is_refused() -> None:
    refused(bound(cbor2.loads(make())), Reason.HEADER_INVALID, "V1")


@pytest.mark.parametrize("inner", [None, b"", 5, [], {}, CBORTag(61, credential())])
def test_kcwt_holds_one_sd_cwt_under_its_tag(inner: Any) -> None:
    refused(bound(inner), Reason.MALFORMED_TOKEN, "V1")


def test_kcwt_as_bytes_that_hold_the_credential_is_refused() -> None:
    refused(bound(cbor2.dumps(credential())), Reason.MALFORMED_TOKEN, "V1")


def test_kcwt_stands_in_the_protected_header() -> None:
    refused(bound(ABSENT), Reason.HEADER_INVALID, "V1")
    refused(bound(ABSENT, unprotected={13: credential()}), Reason.HEADER_INVALID, "V1")
    refused(bound(ABSENT, unprotected={13: 5}), Reason.HEADER_INVALID, "V1")


@pytest.mark.parametrize("label", [15, 17, 170])
def test_what_belongs_to_the_credential_stands_in_no_header_of_the_binding(label: int) -> None:
    refused(make(kb_header={label: {}}), Reason.HEADER_INVALID, "V1")
    refused(make(kb_unprotected={label: {}}), Reason.HEADER_INVALID, "V1")


@pytest.mark.parametrize("label", [13, 15, 170])
def test_what_must_be_signed_does_not_stand_beside_it(label: int) -> None:
    refused(make(unprotected={label: -16}), Reason.HEADER_INVALID, "V1")


@pytest.mark.parametrize("label", [13, 17])
def test_what_is_not_signed_by_the_issuer_does_not_stand_in_his_header(label: int) -> None:
    refused(make(header={label: [NAME]}), Reason.HEADER_INVALID, "V1")


@pytest.mark.parametrize("label", [171, 172])
def test_encrypted_disclosures_are_refused_wherever_they_stand(label: int) -> None:
    value = [[bytes(12), bytes(35), bytes(16)]] if label == 171 else 1
    for place in ("header", "unprotected", "kb_header", "kb_unprotected"):
        arguments: dict[str, Any] = {place: {label: value}}
        error = refused(make(**arguments), Reason.DISCLOSURE_ENCRYPTED, "V1")
        assert type(error) is VerificationError
    refused(make(unprotected={label: []}), Reason.DISCLOSURE_ENCRYPTED, "V1")


@pytest.mark.parametrize("stated", [[], None, {}, b"", NAME, 5, [None], [["a"]], [{}], ["x"], [5], [NAME, 5]])
def test_sd_claims_is_an_array_of_byte_strings_that_is_not_empty(stated: Any) -> None:
    refused(make(unprotected={17: stated}), Reason.HEADER_INVALID, "V1")


def test_the_number_of_disclosures_is_bounded() -> None:
    shown = [disclosure(salt(n), n, n + 1000) for n in range(3)]
    data = make(hide(*shown), shown)
    accepted(data, limits=Limits(disclosures=3))
    refused(data, Reason.LIMIT_EXCEEDED, "V1", limits=Limits(disclosures=2))


@pytest.mark.parametrize("place", ["header", "kb_header"])
@pytest.mark.parametrize("alg", [ABSENT, None, "ES256", -7.0, [-7], True, 5, -257, -37, -999, b"\x26"])
def test_an_algorithm_is_a_number_of_the_closed_list(place: str, alg: Any) -> None:
    arguments: dict[str, Any] = {place: {1: alg}}
    refused(make(**arguments), Reason.ALGORITHM_NOT_ALLOWED, "V1")


@pytest.mark.parametrize("place", ["header", "kb_header"])
def test_brainpool_320_is_refused_by_name(place: str) -> None:
    arguments: dict[str, Any] = {place: {1: -266}}
    refused(make(**arguments), Reason.CURVE_UNSUPPORTED, "V1")


def test_an_algorithm_that_nobody_signed_counts_for_nothing() -> None:
    refused(make(header={1: ABSENT}, unprotected={1: -9}), Reason.ALGORITHM_NOT_ALLOWED, "V1")
    refused(make(kb_header={1: ABSENT}, kb_unprotected={1: -9}), Reason.ALGORITHM_NOT_ALLOWED, "V1")


@pytest.mark.parametrize("alg", [-7, -9])
def test_the_older_number_of_es256_means_p256(alg: int) -> None:
    accepted(make(header={1: alg}, kb_header={1: alg}))


@pytest.mark.parametrize("alg", [-35, -51, -8, -19, -265, -48])
def test_the_key_decides_on_the_algorithm(alg: int) -> None:
    refused(make(header={1: alg}), Reason.ALGORITHM_MISMATCH, "V3")
    refused(make(kb_header={1: alg}), Reason.ALGORITHM_MISMATCH, "V8")


def test_the_older_number_does_not_stand_for_brainpool() -> None:
    signer = key("brainpool", "ESB256")
    trusted = TrustAnchors.from_keys(
        ISSUER,
        [signer.public],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_CWT],
        types=[VCT],
        countries=ANY,
    )
    accepted(make(signer=signer), anchors=trusted)
    # No kid settles the key here, so that the algorithm must fit for it to be found at all.
    refused(make(header={1: -7}, signer=signer), Reason.KEY_UNKNOWN, "V2", anchors=trusted)


@pytest.mark.parametrize("place", ["header", "unprotected", "kb_header", "kb_unprotected"])
@pytest.mark.parametrize("crit", [[], [99], [16], "x", None])
def test_crit_is_refused_in_every_header(place: str, crit: Any) -> None:
    arguments: dict[str, Any] = {place: {2: crit}}
    refused(make(**arguments), Reason.CRIT_UNSUPPORTED, "V1")


@pytest.mark.parametrize("place", ["header", "kb_header", "unprotected", "kb_unprotected"])
def test_a_header_that_says_where_to_get_a_key_is_refused(place: str) -> None:
    for uri in ("https://attacker.example", CBORTag(32, "https://attacker.example")):  # its tag: RFC 9360 section 2
        arguments: dict[str, Any] = {place: {35: uri}}
        refused(make(**arguments), Reason.HEADER_FORBIDDEN, "V1")
    refused(make(**{place: {99: uri}}), Reason.MALFORMED_CBOR, "V1")


def test_a_label_in_both_headers_is_refused() -> None:
    refused(make(unprotected={4: b"k1"}), Reason.HEADER_INVALID, "V1")
    refused(make(kb_unprotected={16: 294}), Reason.HEADER_INVALID, "V1")


# --- V1: the codec, through the door ---


def cut(data: bytes, found: bytes, other: bytes) -> bytes:
    assert data.count(found) == 1
    return data.replace(found, other)


HOSTILE: Final = (
    b"\xbf\x01\x02\xff",  # indefinite lengths
    b"\x9f\xff",
    b"\x5f\x41a\xff",
    b"\x7f\x61a\xff",
    b"\xa2\x01\x02\x01\x03",  # duplicates
    b"\xa2\x01\x02\x18\x01\x03",  # the same key in two encodings
    b"\xa2\x01\x02\xf5\x03",  # 1 and True
    b"\xa1\xf5\x03",  # a key that is True
    b"\xa1\xf4\x03",
    b"\xa1\xf6\x03",
    b"\xa1\x41a\x03",  # a key of bytes
    b"\xa1\xf9\x3c\x00\x03",  # a key that is 1.0
    b"\xa1\x80\x03",
    b"\xa1\xc1\x05\x03",
    b"\xa1\xd8\x3a\x05\x03",  # to be redacted: a tagged key
    b"\xa1\xd8\x3a\xd8\x3a\x05\x03",  # and tags nested in one
    b"\xa1\xd8\x3e\x05\xf6",  # to be a decoy
    b"\xa1\xf8\x3a\x80",  # simple(58)
    b"\xa1\xf8\x3c\x80",
    b"\xd8\x3a\x05",  # to be redacted, a value
    b"\xd8\x3e\x05",
    b"\x81\xd8\x3a\x05",
    b"\xf9\x7e\x00",  # NaN
    b"\xf9\x7c\x00",  # infinity
    b"\xf7",  # undefined
    b"\xf8\x3b",  # simple(59) as a value
    b"\xc1\x05",
    b"\xc2\x41\x05",
    b"\xc4\x82\x01\x02",
    b"\xd8\x23\x61(",
    b"\xd8\x1c\x81\xd8\x1d\x00",
    b"\xf8\x15",  # a simple value that is too short for its head
    b"\xfc",
    b"\x62\xff\xfe",
    b"\x81" * 20 + b"\x00",
    b"\x9b" + b"\xff" * 8,
    b"\x5b" + b"\x7f" * 8,
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_cbor_is_refused_where_it_stands(hostile: bytes) -> None:
    mark = cbor2.dumps("here it stands")
    payload = cut(cbor2.dumps(good_claims() | {"x": "here it stands"}), mark, hostile)
    error = refused(make(payload), verdict_of(hostile), "V4")
    assert type(error) is MalformedError
    hidden = cut(disclosure(salt(), "here it stands", "x"), mark, hostile)
    refused(make(hide(hidden), [hidden]), verdict_of(hostile), "V4")
    statement = cut(cbor2.dumps({3: AUDIENCE, 6: NOW, 39: NONCE.encode(), 99: "here it stands"}), mark, hostile)
    refused(make(kb=statement), verdict_of(hostile), "V7")


@pytest.mark.parametrize("label", [4, 13, 99])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_cbor_is_refused_in_every_header(hostile: bytes, label: int) -> None:
    text = "here it stands"
    mark = cbor2.dumps(text)
    outer = {1: -7, 13: credential(), 16: 294}
    inner = cut(cbor2.dumps({1: -7, 16: 293, label: text}), mark, hostile)
    beside = cut(cbor2.dumps({**outer, 13: credential(unprotected={label: text})}), mark, hostile)
    kb = cut(cbor2.dumps({**outer, label: text}), mark, hostile)
    kb_beside = cut(make(kb_unprotected={label: text}), mark, hostile)
    for data in (bound(credential(header=inner)), bound(None, header=beside), kb_beside):
        assert type(refused(data, verdict_of(hostile), "V1")) is MalformedError
    # What stands in the place of the credential is none: that may be said first.
    said = Reason.MALFORMED_TOKEN if label == 13 and is_read(hostile) else verdict_of(hostile)
    refused(bound(None, header=kb), said, "V1")


def test_a_label_that_only_equals_one_is_none() -> None:
    refused(bound(None, header=cbor2.dumps({1: -7, 13.0: credential(), 16: 294})), Reason.MALFORMED_CBOR, "V1")
    refused(bound(None, header=cbor2.dumps({True: -7, 13: credential(), 16: 294})), Reason.MALFORMED_CBOR, "V1")


def is_read(hostile: bytes) -> bool:
    """Whether the decoder itself takes these bytes, so that it is for the reader to refuse them."""
    try:
        cbor.load(hostile, "sd-cwt")
    except MalformedError:
        return False
    return True


def verdict_of(hostile: bytes) -> Reason:
    if hostile[:1] == b"\xa2":
        return Reason.DUPLICATE_MEMBER
    return Reason.DEPTH_EXCEEDED if hostile[:20] == b"\x81" * 20 else Reason.MALFORMED_CBOR


@pytest.mark.parametrize("value", [[], "x", 5, None, element(NAME)])
def test_claims_are_a_map(value: Any) -> None:
    reason = Reason.REDACTION_MALFORMED if isinstance(value, CBORTag) else Reason.MALFORMED_CBOR
    refused(make(cbor2.dumps(value)), reason, "V4")
    refused(make(kb=cbor2.dumps(value)), Reason.MALFORMED_CBOR, "V7")


def test_marks_in_the_binding_are_not_ours_to_read() -> None:
    refused(make(kb={REDACTED: []}), Reason.MALFORMED_CBOR, "V7")
    refused(make(kb={99: [element(NAME)]}), Reason.MALFORMED_CBOR, "V7")


def test_bytes_behind_the_claims_are_refused() -> None:
    refused(make(cbor2.dumps(good_claims()) + b"\x00"), Reason.MALFORMED_CBOR, "V4")
    refused(make(hide(NAME + b"\x00"), [NAME + b"\x00"]), Reason.MALFORMED_CBOR, "V4")


def test_keys_that_all_have_one_hash_cost_nothing() -> None:
    # (-1, ...) and (-2, ...) have one hash in Python: as the keys of a map they would take a decoder seconds.
    generator = random.Random(1)
    many = b"".join(b"\x8e" + bytes(generator.choice((0x20, 0x21)) for _ in range(14)) + b"\x00" for _ in range(5_000))
    payload = b"\xa1\x61x\xb9" + (5_000).to_bytes(2, "big") + many
    refused(make(payload), Reason.LIMIT_EXCEEDED, "V4")
    payload = b"\xa1\x61x\xb9" + (1_000).to_bytes(2, "big") + many[: 1_000 * 16]
    refused(make(payload), Reason.MALFORMED_CBOR, "V4")  # the first of them is no key


@pytest.mark.parametrize("name", ["n" * 256, "ä" * 128])
def test_a_name_has_255_bytes_at_most(name: str) -> None:
    fitting = name[:-1]
    for deep in (lambda each: {each: 1}, lambda each: {"x": [{"y": {each: 1}}]}):
        accepted(make(deep(fitting)))
        refused(make(deep(name)), Reason.LIMIT_EXCEEDED, "V4")
        shown = disclosure(salt(), deep(name), "x")
        refused(make(hide(shown), [shown]), Reason.LIMIT_EXCEEDED, "V4")
    accepted(make(kb={fitting: 1}))
    refused(make(kb={name: 1}), Reason.LIMIT_EXCEEDED, "V7")
    good, bad = (disclosure(salt(), 1, each) for each in (fitting, name))
    accepted(make(hide(good), [good]))
    refused(make(hide(bad), [bad]), Reason.DISCLOSURE_MALFORMED, "V4")
    refused(make(hide(NAME), [NAME]), Reason.DISCLOSURE_MALFORMED, "V4", limits=Limits(claim_name_chars=9))


@pytest.mark.parametrize("nest", [lambda name: {name: 1}, lambda name: {99: [{"y": {name: 1}}]}])
def test_a_name_in_a_header_has_255_bytes_at_most(nest: Any) -> None:
    # The draft says so of each map of headers, at any depth, and of the claims among them.
    for place in ("header", "unprotected", "kb_header", "kb_unprotected"):
        accepted(make(**{place: nest("n" * 255)}))
        for name in ("n" * 256, "\u00e9" * 128):
            refused(make(**{place: nest(name)}), Reason.LIMIT_EXCEEDED, "V1")
    for inside in (lambda each: {15: each}, lambda each: {98: CBORTag(61, each)}):
        accepted(make(header=inside(nest("n" * 255))))
        refused(make(header=inside(nest("n" * 256))), Reason.LIMIT_EXCEEDED, "V1")


# --- V2: whose key ---


def test_a_kid_is_bytes_that_are_compared_as_the_text_of_a_key_set() -> None:
    refused(make(header={4: b"k2"}), Reason.KEY_UNKNOWN, "V2")
    refused(make(header={4: b"\xff"}), Reason.KEY_UNKNOWN, "V2")
    refused(make(header={4: "k1"}), Reason.HEADER_INVALID, "V1")
    accepted(make(header={4: ABSENT}, unprotected={4: b"k1"}))  # a hint need not be signed


def test_without_a_kid_the_claimed_issuer_settles_the_key() -> None:
    other = TrustAnchors.from_keys(
        "https://other.example",
        [key("other").public],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_CWT],
        types=[VCT],
        countries=ANY,
    )
    both = anchors() | other
    accepted(make(header={4: ABSENT}), anchors=both)
    refused(make({1: ABSENT}, header={4: ABSENT}), Reason.KEY_AMBIGUOUS, "V2", anchors=both)
    refused(make({1: 5}, header={4: ABSENT}), Reason.KEY_AMBIGUOUS, "V2", anchors=both)
    refused(make({1: "https://x.example"}, header={4: ABSENT}), Reason.KEY_UNKNOWN, "V2", anchors=both)
    refused(make(b"\x05", header={4: ABSENT}), Reason.KEY_AMBIGUOUS, "V2", anchors=both)


def test_the_stated_issuer_is_the_anchors_or_none() -> None:
    refused(make({1: "https://other.example"}), Reason.ISSUER_MISMATCH, "V5")
    accepted(make({1: ABSENT}))
    for value in ("", 5, b"https://id.example", None):
        refused(make({1: value}), Reason.CLAIM_INVALID, "V4")


def chained(placed: str, *, single: bool = True) -> tuple[bytes, TrustAnchors]:
    root = certificate("root", "root", authority=True)
    leaf = certificate(
        "signer", "root", extensions=[(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(ISSUER)]), False)]
    )
    (chain,) = der(leaf)
    arguments: dict[str, Any] = {placed: {33: chain if single else [chain]}}
    arguments["header"] = arguments.get("header", {}) | {4: ABSENT}
    data = make(signer=local_key(certified("signer")), **arguments)
    return data, TrustAnchors.from_certificates(
        pem(root),
        issuer=ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_CWT],
        types=[VCT],
        countries=ANY,
    )


@pytest.mark.parametrize("placed", ["header", "unprotected"])
@pytest.mark.parametrize("single", [True, False])
def test_a_chain_leads_to_a_root(placed: str, single: bool) -> None:
    data, trusted = chained(placed, single=single)
    accepted(data, anchors=trusted)
    refused(data, Reason.CERTIFICATE_UNTRUSTED, "V2")  # whoever is anchored by keys shows no chain


def test_the_signature_of_the_issuer_is_verified() -> None:
    refused(make(sign=lambda data: key("issuer").sign(data + b"x")), Reason.SIGNATURE_INVALID, "V3")
    refused(make(sign=lambda data: key("issuer").sign(data)[:-1]), Reason.SIGNATURE_MALFORMED, "V3")
    refused(make(signer=key("mallory")), Reason.SIGNATURE_INVALID, "V3")


def test_the_claims_of_another_credential_under_its_signature_are_refused() -> None:
    made, other = credential(), credential({2: "urn:another"})
    made.value[2] = other.value[2]
    refused(bound(made), Reason.SIGNATURE_INVALID, "V3")


# --- V4: disclosures ---


def test_a_disclosure_goes_where_its_digest_stands() -> None:
    claims = hide(NAME, LABELLED, nationalities=["FR", element(ELEMENT), "DE"])
    shown = accepted(make(claims, [ELEMENT, NAME, LABELLED])).attestation.claims
    assert same(shown, {2: "urn:someone", "nationalities": ["FR", "US", "DE"], "given_name": "Ada", 501: "ABCD"})
    withheld = accepted(make(claims, [NAME])).attestation.claims
    assert same(withheld, {2: "urn:someone", "nationalities": ["FR", "DE"], "given_name": "Ada"})
    nothing = accepted(make(claims)).attestation.claims
    assert same(nothing, {2: "urn:someone", "nationalities": ["FR", "DE"]})


def test_a_digest_is_over_the_byte_string_with_its_head() -> None:
    refused(make({REDACTED: [hashlib.sha256(NAME).digest()]}, [NAME]), Reason.DISCLOSURE_UNREFERENCED, "V4")


def test_disclosures_stand_inside_each_other_in_any_order() -> None:
    inner = disclosure(salt(10), "ca", "region")
    middle = disclosure(salt(11), {"country": "us", REDACTED: [digest(inner)]})
    outer = disclosure(salt(12), [element(middle), "x"], 700)
    for order in ([inner, middle, outer], [outer, inner, middle]):
        claims = accepted(make(hide(outer), order)).attestation.claims
        assert same(claims[700], [{"country": "us", "region": "ca"}, "x"])
    assert same(accepted(make(hide(outer), [outer])).attestation.claims[700], ["x"])
    refused(make(hide(outer), [inner, outer]), Reason.DISCLOSURE_UNREFERENCED, "V4")
    refused(make(hide(outer), [middle]), Reason.DISCLOSURE_UNREFERENCED, "V4")


def test_a_disclosure_without_a_digest_is_refused() -> None:
    refused(make({}, [NAME]), Reason.DISCLOSURE_UNREFERENCED, "V4")
    refused(make(hide(NAME), [NAME, LABELLED]), Reason.DISCLOSURE_UNREFERENCED, "V4")


def test_a_disclosure_moved_to_another_level_is_refused() -> None:
    # As a member's where an element's is due, and the other way; in both its digest is there.
    refused(make({"x": [element(NAME)]}, [NAME]), Reason.DISCLOSURE_MALFORMED, "V4")
    refused(make(hide(ELEMENT), [ELEMENT]), Reason.DISCLOSURE_MALFORMED, "V4")


def test_the_same_disclosure_twice_is_refused() -> None:
    refused(make(hide(NAME), [NAME, NAME]), Reason.DISCLOSURE_DUPLICATE, "V4")


@pytest.mark.parametrize(
    "claims",
    [
        {REDACTED: [digest(NAME), digest(NAME)]},
        {REDACTED: [digest(NAME)], "x": {REDACTED: [digest(NAME)]}},
        {REDACTED: [digest(ELEMENT)], "x": [element(ELEMENT)]},
        {"x": [element(ELEMENT), element(ELEMENT)]},
    ],
)
def test_a_digest_twice_is_refused_shown_or_not(claims: dict[Any, Any]) -> None:
    refused(make(claims), Reason.DIGEST_DUPLICATE, "V4")


def test_a_digest_twice_is_refused_across_disclosures() -> None:
    outer = disclosure(salt(12), {REDACTED: [digest(NAME)]}, 700)
    refused(make(hide(outer, NAME), [outer, NAME]), Reason.DIGEST_DUPLICATE, "V4")


@pytest.mark.parametrize(
    ("name", "there"),
    [("given_name", "given_name"), (501, 501), (2, 2)],
)
def test_a_disclosed_name_that_is_there_is_refused(name: Any, there: Any) -> None:
    shown = disclosure(salt(), "x", name)
    refused(make(hide(shown) | {there: "y"}, [shown]), Reason.DISCLOSURE_CLASH, "V4")


def test_two_disclosures_of_one_name_are_refused() -> None:
    one, two = disclosure(salt(1), "x", 501), disclosure(salt(2), "x", 501)
    refused(make(hide(one, two), [one, two]), Reason.DISCLOSURE_CLASH, "V4")
    accepted(make(hide(one, two), [two]))


def test_names_that_look_alike_are_two() -> None:
    shown = disclosure(salt(), "text", "501")
    claims = accepted(make(hide(shown, LABELLED), [shown, LABELLED])).attestation.claims
    assert (claims[501], claims["501"]) == ("ABCD", "text")


def test_a_name_59_is_not_the_mark() -> None:
    shown = disclosure(salt(), "text", 59)
    assert accepted(make(hide(shown), [shown])).attestation.claims[59] == "text"
    assert accepted(make({59: ["x"]})).attestation.claims[59] == ("x",)
    assert accepted(make({59: [digest(NAME)]})).attestation.claims[59] == (digest(NAME),)
    refused(make({59: [digest(NAME)]}, [NAME]), Reason.DISCLOSURE_UNREFERENCED, "V4")
    # Beside each other they are one to many decoders, ours among them.
    both = cut(cbor2.dumps(good_claims() | hide(NAME) | {"z": 1}), b"\x61z\x01", b"\x18\x3b\x01")
    refused(make(both, [NAME]), Reason.DUPLICATE_MEMBER, "V4")


@pytest.mark.parametrize(
    "bad",
    [
        disclosure(),
        disclosure(salt(), "v", "n", 1),
        disclosure("salt of 16 bytes", "v", "n"),
        disclosure(bytes(15), "v", "n"),
        disclosure(bytes(17), "v", "n"),
        disclosure(b"", "v", "n"),
        disclosure("n", "v", salt()),
        disclosure(salt(), "v", None),
        disclosure(salt(), "v", b"n"),
        disclosure(salt(), "v", True),
        disclosure(salt(), "v", 1.0),
        disclosure(salt(), "v", ["n"]),
        disclosure(salt(), "v", element(NAME)),
        disclosure(bytes(15)),
        disclosure("decoy"),
        cbor2.dumps({1: 2}),
        cbor2.dumps("text"),
        cbor2.dumps(element(NAME)),
    ],
)
def test_a_disclosure_of_another_shape_is_refused(bad: bytes) -> None:
    refused(make(hide(bad), [bad]), Reason.DISCLOSURE_MALFORMED, "V4")
    refused(make({"x": [element(bad)]}, [bad]), Reason.DISCLOSURE_MALFORMED, "V4")


def test_a_disclosure_with_its_parts_in_the_order_of_sd_jwt_is_read_as_it_stands() -> None:
    # [salt, value, key]: in SD-JWT it is [salt, name, value].
    shown = disclosure(salt(), "given_name", "Ada")
    assert accepted(make(hide(shown), [shown])).attestation.claims["Ada"] == "given_name"


@pytest.mark.parametrize(
    "claims",
    [
        {REDACTED: digest(NAME)},
        {REDACTED: {}},
        {REDACTED: None},
        {REDACTED: ["x" * 32]},
        {REDACTED: [5]},
        {REDACTED: [digest(NAME), None]},
        {REDACTED: [element(NAME)]},
        {"x": element(NAME)},
        {"x": {"y": element(NAME)}},
        {"x": [CBORTag(60, "x" * 32)]},
        {"x": [CBORTag(60, 5)]},
        {"x": [CBORTag(60, [digest(NAME)])]},
        {"x": [CBORTag(60, element(NAME))]},
        {"x": [CBORTag(60, {})]},
    ],
)
def test_a_mark_of_another_shape_is_refused(claims: dict[Any, Any]) -> None:
    error = refused(make(claims), Reason.REDACTION_MALFORMED, "V4")
    assert error.where == "sd-cwt.payload"
    shown = disclosure(salt(9), claims, "x")
    refused(make(hide(shown), [shown]), Reason.REDACTION_MALFORMED, "V4")


def test_a_disclosed_value_is_no_mark() -> None:
    shown = disclosure(salt(), element(NAME), "x")
    refused(make(hide(shown), [shown]), Reason.REDACTION_MALFORMED, "V4")
    shown = disclosure(salt(), element(NAME))
    refused(make({"x": [element(shown)]}, [shown]), Reason.REDACTION_MALFORMED, "V4")


def test_the_digests_are_bounded() -> None:
    claims = {REDACTED: [bytes([n]) * 32 for n in range(3)], "x": [CBORTag(60, bytes([9]) * 32)]}
    accepted(make(claims), limits=Limits(digests=4))
    refused(make(claims), Reason.LIMIT_EXCEEDED, "V4", limits=Limits(digests=3))


def test_nesting_is_bounded_across_disclosures() -> None:
    shown: list[bytes] = [disclosure(salt(0), "x", 700)]
    for number in range(1, 6):
        shown.append(disclosure(salt(number), {REDACTED: [digest(shown[-1])]}, 700))
    data = make(hide(shown[-1]), shown)
    accepted(data, limits=Limits(depth=6))
    refused(data, Reason.DEPTH_EXCEEDED, "V4", limits=Limits(depth=5))


@pytest.mark.parametrize("label", [1, 3, 4, 5, 6, 7, 8, 11, 39, 65535])
def test_what_is_never_redacted_is_not_disclosable(label: int) -> None:
    shown = disclosure(salt(), good_claims().get(label, 5), label)
    refused(make(hide(shown) | {label: ABSENT}, [shown]), Reason.CLAIM_NOT_DISCLOSABLE, "V4")
    # Below the top these are numbers as any other.
    accepted(make({"x": hide(shown)}, [shown]))


def test_nothing_is_hidden_inside_of_what_is_never_redacted() -> None:
    hidden = disclosure(salt(), cose_key(key("mallory")), 1)
    for claims, shown in (
        ({8: {REDACTED: [digest(hidden)]}}, [hidden]),
        ({8: {1: cose_key(key("holder")) | {REDACTED: []}}}, []),
        ({3: [AUDIENCE, element(ELEMENT)]}, []),
        ({65535: {"status_list": {"idx": 7, "uri": STATUS_URI, REDACTED: []}}}, []),
        ({11: [element(ELEMENT)]}, []),
    ):
        refused(make(claims, shown), Reason.CLAIM_NOT_DISCLOSABLE, "V4")


# --- V4: decoys ---


def test_a_shown_decoy_adds_nothing() -> None:
    claims = {REDACTED: [digest(DECOY)], "x": ["a", element(disclosure(salt(5))), "b"]}
    shown = accepted(make(claims, [DECOY, disclosure(salt(5))])).attestation.claims
    assert same(shown, {2: "urn:someone", "nationalities": ["US"], "x": ["a", "b"]})


def test_a_decoy_needs_a_digest_of_its_own() -> None:
    refused(make({}, [DECOY]), Reason.DISCLOSURE_UNREFERENCED, "V4")
    refused(make(hide(DECOY), [DECOY, DECOY]), Reason.DISCLOSURE_DUPLICATE, "V4")
    refused(make({REDACTED: [digest(DECOY), digest(DECOY)]}, [DECOY]), Reason.DIGEST_DUPLICATE, "V4")


def test_a_list_is_complete_when_only_a_shown_decoy_stood_in_it() -> None:
    claims = {"nationalities": ["US", element(DECOY)], "nationalities_complete": True}
    assert accepted(make(claims, [DECOY])).attestation.citizenship.complete is True
    assert accepted(make(claims)).attestation.citizenship.complete is False
    assert accepted(make({"nationalities_complete": True})).attestation.citizenship.complete is True


def test_a_withheld_nationality_leaves_a_list_incomplete() -> None:
    claims = {"nationalities": ["FR", element(ELEMENT)], "nationalities_complete": True}
    assert accepted(make(claims, [ELEMENT])).attestation.citizenship.complete is True
    assert accepted(make(claims)).attestation.citizenship.complete is False


# --- V4: the digest algorithm ---


@pytest.mark.parametrize(("number", "name"), [(-16, "sha256"), (-43, "sha384"), (-44, "sha512")])
def test_a_digest_algorithm_of_the_list(number: int, name: str) -> None:
    accepted(make({REDACTED: [digest(NAME, name)]}, [NAME], header={170: number}))
    other = "sha512" if name == "sha256" else "sha256"
    claims = {REDACTED: [digest(NAME, other)]}
    refused(make(claims, [NAME], header={170: number}), Reason.DISCLOSURE_UNREFERENCED, "V4")


@pytest.mark.parametrize("number", [-15, -14, -17, -18, -45, 0, None, "sha-256", -16.0, True, b"\x2f", [-16]])
def test_any_other_digest_algorithm_is_refused_though_nothing_is_hidden(number: Any) -> None:
    refused(make(header={170: number}), Reason.HASH_ALGORITHM_NOT_ALLOWED, "V4")


# --- V4: claims ---


@pytest.mark.parametrize("text", ["iss", "sub", "aud", "exp", "nbf", "iat", "cti", "cnf", "vct", "cnonce", "status"])
def test_a_claim_has_one_name(text: str) -> None:
    refused(make({text: good_claims().get(4)}), Reason.CLAIM_INVALID, "V4")
    shown = disclosure(salt(), "x", text)
    refused(make(hide(shown), [shown]), Reason.CLAIM_INVALID, "V4")
    accepted(make({"x": {text: 5}}))


def test_the_mechanism_of_the_w3c_is_not_read_here_and_not_passed_over() -> None:
    entry = {
        "type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "7",
        "statusListCredential": "https://id.example/bits/1",
    }  # fmt: skip
    for stated in (entry, [entry], None, {}):
        refused(make({"credentialStatus": stated}), Reason.STATUS_MECHANISM_UNKNOWN, "V4")
        shown = disclosure(salt(), stated, "credentialStatus")
        refused(make(hide(shown), [shown]), Reason.STATUS_MECHANISM_UNKNOWN, "V4")
        refused(make(header={15: {"credentialStatus": stated}}), Reason.CLAIM_INVALID, "V4")
    accepted(make({"x": {"credentialStatus": entry}}))


def test_a_number_spelled_as_text_is_another_name() -> None:
    refused(make({4: ABSENT, "4": NOW + DAY}), Reason.CLAIM_MISSING, "V4")
    accepted(make({"4": "x"}))


@pytest.mark.parametrize("label", [4, 8])
def test_what_must_be_there_is_missed(label: int) -> None:
    refused(make({label: ABSENT}), Reason.CLAIM_MISSING, "V4")


def test_a_subject_is_there_or_may_be_hidden() -> None:
    refused(make({2: ABSENT}), Reason.CLAIM_MISSING, "V4")
    accepted(make(hide(NAME) | {2: ABSENT}))
    # Every digest is that of something else, or there is none.
    refused(make(hide(NAME) | {2: ABSENT}, [NAME]), Reason.CLAIM_MISSING, "V4")
    refused(make({2: ABSENT, REDACTED: []}), Reason.CLAIM_MISSING, "V4")
    accepted(make(hide(NAME, disclosure(salt(9), 1, "other")) | {2: ABSENT}, [NAME]))
    shown = disclosure(salt(), "urn:x", 2)
    assert accepted(make(hide(shown) | {2: ABSENT}, [shown])).attestation.claims[2] == "urn:x"
    for value in (5, "", b"x", None):
        refused(make({2: value}), Reason.CLAIM_INVALID, "V4")
        shown = disclosure(salt(), value, 2)
        refused(make(hide(shown) | {2: ABSENT}, [shown]), Reason.CLAIM_INVALID, "V4")


@pytest.mark.parametrize("value", [None, "x", 1.5, float(NOW + DAY), True, -1, 2**53, 2**64 - 1, b"\x01", [NOW], {}])
@pytest.mark.parametrize("label", [4, 5, 6])
def test_times_are_integers(label: int, value: Any) -> None:
    refused(make({label: value}), Reason.CLAIM_INVALID, "V4")


@pytest.mark.parametrize(
    "claims",
    [
        {5: NOW - 59, 6: NOW - 60},  # nbf after iat
        {5: NOW + DAY, 4: NOW + DAY, 6: NOW + DAY},
        {6: NOW + DAY, 4: NOW + DAY},
        {6: NOW + DAY, 4: NOW + DAY, 5: NOW - 9},
        {5: NOW + DAY, 4: NOW + DAY, 6: ABSENT},
    ],
)
def test_times_are_in_order(claims: dict[int, Any]) -> None:
    refused(make(claims), Reason.CLAIM_INVALID, "V4")


def test_times_decide() -> None:
    accepted(make({5: NOW - 60, 6: NOW - 60}))
    accepted(make({6: NOW - 60, 4: NOW + 1}, kb={6: NOW}))
    refused(make({4: NOW}), Reason.EXPIRED, "V6")
    refused(make({5: NOW + 1, 6: NOW + 1}), Reason.NOT_YET_VALID, "V6")
    refused(make({6: NOW + 31}), Reason.ISSUED_IN_FUTURE, "V6")


@pytest.mark.parametrize("value", ["x", 5, None, [b"x"]])
@pytest.mark.parametrize("label", [7, 39])
def test_identifiers_are_bytes(label: int, value: Any) -> None:
    accepted(make({label: b"x"}))
    refused(make({label: value}), Reason.CLAIM_INVALID, "V4")


def test_a_type_is_text_or_missing() -> None:
    for value in (5, "", b"urn:a", None, 65_000):
        refused(make({11: value}), Reason.CLAIM_INVALID, "V4")
    assert accepted(make({11: ABSENT})).attestation.type == NO_TYPE
    refused(make({11: "urn:other"}), Reason.TYPE_NOT_ALLOWED, "V5")
    strict = TrustAnchors.from_jwks(
        ISSUER,
        {"keys": [dict(key("issuer").public.to_jwk()) | {"kid": "k1"}]},
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_CWT],
        types=[VCT],
        countries=ANY,
    )
    refused(make({11: ABSENT}), Reason.TYPE_NOT_ALLOWED, "V5", anchors=strict)


def test_a_format_that_the_anchor_does_not_permit_is_refused() -> None:
    other = TrustAnchors.from_jwks(
        ISSUER,
        {"keys": [dict(key("issuer").public.to_jwk()) | {"kid": "k1"}]},
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=[VCT],
        countries=ANY,
    )
    refused(make(), Reason.FORMAT_NOT_ALLOWED, "V5", anchors=other)


@pytest.mark.parametrize(
    "confirmation",
    [
        None,
        {},
        5,
        [],
        {2: b"x"},
        {3: b"kid"},
        {5: bytes(32)},  # a thumbprint alone is no key
        {1: cose_key(key("holder")), 3: b"kid"},
        {1: cose_key(key("holder")), 5: bytes(32)},
        {"1": cose_key(key("holder"))},
        {"COSE_Key": cose_key(key("holder"))},
        {1: None},
        {1: {}},
        {1: cose_key(key("holder")) | {-4: bytes(32)}},  # with the private key
        {1: cose_key(key("holder")) | {-2: bytes(32)}},
        {1: cose_key(key("holder")) | {-3: bytes(31)}},
        {1: {1: 4, -1: bytes(32)}},  # symmetric
    ],
)
def test_the_confirmation_is_one_public_key(confirmation: Any) -> None:
    refused(make({8: confirmation}), Reason.KEY_INVALID, "V4")


def test_a_key_for_another_use_is_refused() -> None:
    refused(make({8: {1: cose_key(key("holder")) | {4: [1]}}}), Reason.KEY_USE_FORBIDDEN, "V4")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (None, Reason.CLAIM_INVALID),
        ({}, Reason.CLAIM_INVALID),
        (5, Reason.CLAIM_INVALID),
        ({"identifier_list": {"id": b"x", "uri": "u"}}, Reason.STATUS_MECHANISM_UNKNOWN),
        ({"status_list": {"idx": 7, "uri": STATUS_URI}, "other": {}}, Reason.STATUS_MECHANISM_UNKNOWN),
        ({1: {"idx": 7, "uri": STATUS_URI}}, Reason.STATUS_MECHANISM_UNKNOWN),
        ({"status_list": None}, Reason.CLAIM_INVALID),
        ({"status_list": {"idx": 7}}, Reason.CLAIM_INVALID),
        ({"status_list": {"uri": STATUS_URI}}, Reason.CLAIM_INVALID),
        ({"status_list": {"idx": 7.0, "uri": STATUS_URI}}, Reason.CLAIM_INVALID),
        ({"status_list": {"idx": True, "uri": STATUS_URI}}, Reason.CLAIM_INVALID),
        ({"status_list": {"idx": -1, "uri": STATUS_URI}}, Reason.CLAIM_INVALID),
        ({"status_list": {"idx": 7, "uri": b"u"}}, Reason.CLAIM_INVALID),
    ],
)
def test_a_status_is_one_reference_into_a_list(status: Any, reason: Reason) -> None:
    refused(make({65535: status}), reason, "V4")


def test_a_status_decides() -> None:
    refused(make({65535: {"status_list": {"idx": REVOKED_INDEX, "uri": STATUS_URI}}}), Reason.REVOKED, "V9")
    refused(make({65535: ABSENT}), Reason.STATUS_MISSING, "V9")
    accepted(make({65535: ABSENT, 4: NOW - 60 + DAY}))


@pytest.mark.parametrize("value", [{}, {"framework": "eIDAS"}, "high", {"framework": 5, "level": "high"}, None])
def test_assurance_has_two_texts(value: Any) -> None:
    refused(make({"assurance": value}), Reason.CLAIM_INVALID, "V4")
    good = {"framework": "eIDAS", "level": "high"}
    stated = accepted(make({"assurance": good})).attestation.assurance
    assert stated is not None
    assert (stated.framework, stated.level) == ("eIDAS", "high")


@pytest.mark.parametrize(
    "value",
    [True, False, None, 1.5, float(NOW - 600), -1, 2**53, 2**64 - 1, str(NOW), "2026-01-01T00:00:00Z", [NOW], {}, b"1",
     NOW - 60 + 31],
)  # fmt: skip
def test_the_time_of_the_evidence_is_a_number_of_seconds_and_not_after_iat(value: Any) -> None:
    refused(make({"evidence_checked_at": value}), Reason.CLAIM_INVALID, "V4")
    hidden = disclosure(salt(1), value, "evidence_checked_at")
    refused(make(hide(hidden), [hidden]), Reason.CLAIM_INVALID, "V4")
    assert accepted(make(hide(hidden))).attestation.evidence_at is None


@given(st.integers(0, NOW - 30))
def test_when_the_evidence_was_checked_is_read_in_our_type_and_is_no_claim(checked_at: int) -> None:
    attestation = accepted(make({"evidence_checked_at": checked_at})).attestation
    assert attestation.evidence_at == checked_at and "evidence_checked_at" not in attestation.claims
    hidden = disclosure(salt(1), checked_at, "evidence_checked_at")
    shown = accepted(make(hide(hidden), [hidden])).attestation
    assert shown.evidence_at == checked_at and "evidence_checked_at" not in shown.claims


def test_evidence_of_the_future_is_refused_without_an_iat_too() -> None:
    assert accepted(make({6: ABSENT, "evidence_checked_at": NOW + 30})).attestation.evidence_at == NOW + 30
    refused(make({6: ABSENT, "evidence_checked_at": NOW + 31}), Reason.ISSUED_IN_FUTURE, "V6")


@pytest.mark.parametrize("value", [NOW - 600, True, None, "last week", NOW + 10_000])
@pytest.mark.parametrize("type_", ["urn:eudi:pid:1", ABSENT])
def test_in_a_type_of_others_a_time_of_evidence_is_a_claim_like_any_other(type_: Any, value: Any) -> None:
    trusted = TrustAnchors.from_keys(
        ISSUER,
        [key("issuer").public],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_CWT],
        types=[NO_TYPE if type_ is ABSENT else type_],
        countries=ANY,
    )
    attestation = accepted(make({11: type_, "evidence_checked_at": value}), anchors=trusted).attestation
    assert attestation.evidence_at is None and attestation.claims["evidence_checked_at"] == value


@pytest.mark.parametrize("value", [["us"], ["USA"], "US", [5], {}, ["US", "US"], [b"US"], None])
def test_nationalities_are_codes(value: Any) -> None:
    refused(make({"nationalities": value}), Reason.COUNTRY_INVALID, "V4")


def test_citizenship_counts_at_the_top_alone() -> None:
    verified = accepted(make({"nationalities": ABSENT, "x": {"nationalities": ["US"]}, 500: ["US"]}))
    assert verified.citizenship.nationalities == ()


@pytest.mark.parametrize(
    "value", ["US", True, 5.5, b"bytes", None, 2**64 - 1, -(2**64), [1, [2, {"a": b"x"}]], {-1: {}}]
)
def test_claims_keep_their_kinds(value: Any) -> None:
    shown = disclosure(salt(), value, 700)
    assert same(accepted(make({700: value})).attestation.claims[700], value)
    assert same(accepted(make(hide(shown), [shown])).attestation.claims[700], value)


def test_what_was_read_cannot_be_changed() -> None:
    claims = accepted(make({700: {"a": [1]}})).attestation.claims
    with pytest.raises(TypeError):
        claims[700]["a"] = 2
    assert type(claims[700]["a"]) is tuple


# --- V4: claims in the protected header (RFC 9597) ---


@pytest.mark.parametrize(
    "stated", [{1: ISSUER}, {4: NOW + 30 * DAY}, {"nationalities": ["US"]}, {}, {700: "only here"}]
)
def test_claims_of_the_header_that_agree_are_passed_over(stated: dict[Any, Any]) -> None:
    verified = accepted(make(header={15: stated}))
    assert same(verified.attestation.claims, {2: "urn:someone", "nationalities": ["US"]})


@pytest.mark.parametrize(
    "stated",
    [
        {1: "https://other.example"},
        {4: NOW + DAY},
        {4: float(NOW + 30 * DAY)},
        {5: NOW + DAY},  # decides on validity, and stands in the header alone
        {3: "https://other.example"},
        {2: "urn:another"},
        {8: {1: cose_key(key("mallory"))}},
        {"nationalities": ["FR"]},
        {"nationalities": ["US", "FR"]},
        {"exp": NOW},
        None,
        [],
        b"",
    ],
)
def test_claims_of_the_header_that_contradict_are_refused(stated: Any) -> None:
    refused(make(header={15: stated}), Reason.CLAIM_INVALID, "V4")


def test_equal_is_not_alike() -> None:
    accepted(make({700: 1}, header={15: {700: 1}}))
    refused(make({700: 1}, header={15: {700: True}}), Reason.CLAIM_INVALID, "V4")
    refused(make({700: 1}, header={15: {700: 1.0}}), Reason.CLAIM_INVALID, "V4")


def test_a_disclosed_claim_is_compared_too() -> None:
    accepted(make(hide(LABELLED), [LABELLED], header={15: {501: "ABCD"}}))
    refused(make(hide(LABELLED), [LABELLED], header={15: {501: "other"}}), Reason.CLAIM_INVALID, "V4")
    assert 501 not in accepted(make(hide(LABELLED), header={15: {501: "other"}})).attestation.claims


def test_marks_in_the_claims_of_the_header_are_refused() -> None:
    refused(make(header={15: {REDACTED: []}}), Reason.MALFORMED_CBOR, "V1")
    refused(make(header={15: {700: [element(ELEMENT)]}}), Reason.MALFORMED_CBOR, "V1")


# --- V7 and V8: the key binding ---


@pytest.mark.parametrize(
    ("label", "value", "reason"),
    [
        (39, ABSENT, Reason.CLAIM_MISSING),
        (39, NONCE, Reason.NONCE_MISMATCH),  # as text
        (39, NONCE.encode() + b"x", Reason.NONCE_MISMATCH),
        (39, b"", Reason.NONCE_MISMATCH),
        (39, None, Reason.NONCE_MISMATCH),
        (3, ABSENT, Reason.CLAIM_MISSING),
        (3, AUDIENCE + "/", Reason.AUDIENCE_MISMATCH),
        (3, [AUDIENCE], Reason.AUDIENCE_MISMATCH),
        (3, AUDIENCE.encode(), Reason.AUDIENCE_MISMATCH),
        (3, None, Reason.AUDIENCE_MISMATCH),
        (6, ABSENT, Reason.CLAIM_MISSING),
        (6, None, Reason.CLAIM_INVALID),
        (6, float(NOW), Reason.CLAIM_INVALID),
        (6, True, Reason.CLAIM_INVALID),
        (6, -1, Reason.CLAIM_INVALID),
        (6, 2**53, Reason.CLAIM_INVALID),
        (5, None, Reason.CLAIM_INVALID),
        (4, 1.5, Reason.CLAIM_INVALID),
        (1, ISSUER, Reason.CLAIM_INVALID),
        (2, "urn:someone", Reason.CLAIM_INVALID),
        (1, None, Reason.CLAIM_INVALID),
        (7, "x", Reason.CLAIM_INVALID),
        (7, None, Reason.CLAIM_INVALID),
        ("aud", AUDIENCE, Reason.CLAIM_INVALID),
        ("iss", ISSUER, Reason.CLAIM_INVALID),
        ("cnonce", NONCE.encode(), Reason.CLAIM_INVALID),
    ],
)
def test_what_the_binding_must_say(label: Any, value: Any, reason: Reason) -> None:
    refused(make(kb={label: value}), reason, "V7")


def test_a_cti_does_not_stand_in_for_the_age() -> None:
    accepted(make(kb={7: b"unique"}))
    refused(make(kb={6: ABSENT, 7: b"unique"}), Reason.CLAIM_MISSING, "V7")


def test_a_nonce_may_be_bytes_that_are_no_text() -> None:
    nonce = bytes(range(0xF0, 0x100))
    accepted(make(kb={39: nonce}), challenge=Challenge(AUDIENCE, nonce))
    refused(make(), Reason.NONCE_MISMATCH, "V7", challenge=Challenge(AUDIENCE, nonce))
    accepted(make(), challenge=Challenge(AUDIENCE, NONCE.encode()))


def test_the_first_and_the_last_second_are_times_of_a_presentation() -> None:
    for value in (-1, 2**53, 2**63, True, 1.0, "1", None):
        for label in (6, 4, 5):
            refused(make(kb={label: value}), Reason.CLAIM_INVALID, "V7")
    refused(make(kb={6: 2**53 - 1}), Reason.KEY_BINDING_IN_FUTURE, "V7")
    refused(make(kb={6: 0}), Reason.KEY_BINDING_STALE, "V7")
    refused(make(kb={4: 2**53 - 1}), Reason.KEY_BINDING_IN_FUTURE, "V7")


def test_the_holder_is_bound_to_this_moment() -> None:
    accepted(make({6: NOW - 400}, kb={6: NOW - 300}))
    refused(make({6: NOW - 400}, kb={6: NOW - 301}), Reason.KEY_BINDING_STALE, "V7")
    accepted(make(kb={6: NOW + 30}))
    refused(make(kb={6: NOW + 31}), Reason.KEY_BINDING_IN_FUTURE, "V7")
    refused(make(kb={6: NOW - 60 + 0, 4: NOW}), Reason.KEY_BINDING_STALE, "V7")
    accepted(make(kb={6: NOW, 4: NOW + 1, 5: NOW}))
    refused(make(kb={6: NOW + 1, 5: NOW + 1}), Reason.KEY_BINDING_IN_FUTURE, "V7")


@pytest.mark.parametrize(
    ("claims", "statement", "reason"),
    [
        ({}, {5: NOW + 1}, Reason.CLAIM_INVALID),  # nbf <= iat
        ({}, {4: NOW}, Reason.CLAIM_INVALID),  # iat < exp
        ({4: NOW + 9}, {4: NOW + 10}, Reason.KEY_BINDING_IN_FUTURE),  # exp <= the credential's exp
        ({4: NOW + 9}, {6: NOW + 9}, Reason.KEY_BINDING_IN_FUTURE),  # iat < the credential's exp
        ({6: NOW - 10}, {6: NOW - 11}, Reason.KEY_BINDING_STALE),  # iat >= the credential's iat
        ({6: NOW - 10, 5: NOW - 10}, {5: NOW - 11}, Reason.KEY_BINDING_STALE),  # nbf >= the credential's nbf
        ({6: ABSENT, 5: NOW - 10}, {6: NOW - 11}, Reason.KEY_BINDING_STALE),  # iat >= the credential's nbf
    ],
)
def test_the_binding_is_valid_at_no_time_at_which_the_credential_is_not(
    claims: dict[int, Any], statement: dict[int, Any], reason: Reason
) -> None:
    refused(make(claims, kb=statement), reason, "V7")


@pytest.mark.parametrize(
    ("statement", "reason", "name"),
    [
        ({6: None}, Reason.CLAIM_INVALID, "iat"),
        ({5: True}, Reason.CLAIM_INVALID, "nbf"),
        ({4: 1.5}, Reason.CLAIM_INVALID, "exp"),
        ({5: NOW + 1}, Reason.CLAIM_INVALID, "nbf"),
        ({4: NOW}, Reason.CLAIM_INVALID, "exp"),
        ({6: NOW + 31}, Reason.KEY_BINDING_IN_FUTURE, "iat"),
        ({6: NOW + 2, 5: NOW + 1}, Reason.KEY_BINDING_IN_FUTURE, "nbf"),
        ({4: NOW + 31 * 86_400}, Reason.KEY_BINDING_IN_FUTURE, "exp"),
        ({6: NOW - 41}, Reason.KEY_BINDING_STALE, "iat"),
        ({6: NOW - 1, 4: NOW}, Reason.KEY_BINDING_STALE, "exp"),
        ({5: NOW - 41}, Reason.KEY_BINDING_STALE, "nbf"),
    ],
)
def test_the_time_of_the_binding_that_refuses_is_named(statement: dict[int, Any], reason: Reason, name: str) -> None:
    error = refused(make({6: NOW - 40, 5: NOW - 40}, kb=statement), reason, "V7")
    assert error.where == f"sd-kbt.payload.{name}"


@pytest.mark.parametrize(
    ("claims", "statement"),
    [
        ({}, {5: NOW}),
        ({4: NOW + 9}, {4: NOW + 9}),
        ({4: NOW + 9}, {6: NOW + 8}),
        ({6: NOW - 10}, {6: NOW - 10}),
        ({6: NOW - 10, 5: NOW - 10}, {5: NOW - 10}),
        ({6: NOW - 10}, {5: NOW - 11}),  # without an nbf in the credential nothing is said of it
    ],
)
def test_the_binding_may_fill_the_window_of_the_credential(claims: dict[int, Any], statement: dict[int, Any]) -> None:
    accepted(make(claims, kb=statement))


def test_an_audience_of_the_credential_is_obeyed() -> None:
    accepted(make({3: AUDIENCE}))
    accepted(make({3: ["https://other.example", AUDIENCE]}))
    refused(make({3: "https://other.example"}), Reason.AUDIENCE_MISMATCH, "V7")
    refused(make({3: []}), Reason.AUDIENCE_MISMATCH, "V7")
    for value in (5, None, [5], AUDIENCE.encode(), {}):
        refused(make({3: value}), Reason.CLAIM_INVALID, "V4")


def test_the_holder_signs() -> None:
    refused(make(kb_signer=key("mallory")), Reason.SIGNATURE_INVALID, "V8")
    refused(make(kb_sign=lambda data: key("holder").sign(data + b"x")), Reason.SIGNATURE_INVALID, "V8")
    refused(make(kb_sign=lambda data: key("holder").sign(data)[1:]), Reason.SIGNATURE_MALFORMED, "V8")
    refused(make(kb_signer=key("issuer")), Reason.SIGNATURE_INVALID, "V8")


def test_the_binding_covers_the_disclosures() -> None:
    claims = hide(NAME, LABELLED)
    honest = cbor2.loads(make(claims, [NAME]))
    more = cbor2.loads(make(claims, [NAME, LABELLED]))
    # Another choice of disclosures under the same signature.
    swapped = CBORTag(18, [more.value[0], *list(honest.value)[1:]])
    refused(cbor2.dumps(swapped), Reason.SIGNATURE_INVALID, "V8")


def test_nothing_of_the_binding_feeds_the_attestation() -> None:
    verified = accepted(make(kb={"nationalities": ["FR"], "citizenships": ["FR"], 700: "x"}))
    assert same(verified.attestation.claims, {2: "urn:someone", "nationalities": ["US"]})


@pytest.mark.parametrize("format_", [Format.SD_JWT_VC, Format.MDOC])
def test_the_door_of_another_format_stays_shut(format_: Format) -> None:
    with pytest.raises(MalformedError) as caught:
        verify(make(), format=format_)
    assert caught.value.step == "V1"


# --- caching ---


class Memo:
    """A cache that keeps everything."""

    def __init__(self) -> None:
        self.kept: dict[bytes, Any] = {}
        self.hits = 0

    def get(self, key: bytes) -> Any:
        found = self.kept.get(key)
        self.hits += found is not None
        return found

    def put(self, key: bytes, value: Any) -> None:
        self.kept[key] = value


CLAIMS_WITH_ALL: Final = hide(NAME, LABELLED, DECOY)


@pytest.mark.parametrize(
    "data",
    [
        make(),
        make(CLAIMS_WITH_ALL, [NAME]),
        make(CLAIMS_WITH_ALL, [NAME, LABELLED]),
        make({4: NOW}),
        make({6: NOW + 31}),
        make(kb={39: b"another one"}),
        make({65535: {"status_list": {"idx": REVOKED_INDEX, "uri": STATUS_URI}}}),
        make({8: {}}),
    ],
)
def test_a_cache_changes_no_verdict(data: bytes) -> None:
    memo = Memo()

    def verdict(**changes: Any) -> Any:
        try:
            return accepted(data, **changes).attestation.claims
        except (VerificationError, MalformedError) as error:
            return error.reason, error.step

    first, cold, warm = verdict(), verdict(cache=memo), verdict(cache=memo)
    assert same(first, cold)
    assert same(cold, warm)


def test_every_part_of_the_issuers_half_names_an_entry_of_its_own() -> None:
    memo = Memo()
    accepted(make(CLAIMS_WITH_ALL, [NAME], sign=fixed), cache=memo)
    shown = accepted(make(CLAIMS_WITH_ALL, [NAME], sign=fixed), cache=memo)
    assert (memo.hits, "given_name" in shown.attestation.claims) == (1, True)
    other = accepted(make(CLAIMS_WITH_ALL, [LABELLED], sign=fixed), cache=memo)
    assert (memo.hits, set(other.attestation.claims)) == (1, {2, "nationalities", 501})
    none = accepted(make(CLAIMS_WITH_ALL, sign=fixed), cache=memo)
    assert (memo.hits, set(none.attestation.claims)) == (1, {2, "nationalities"})
    # A signature that was not looked at must not be found under one that was.
    refused(make(CLAIMS_WITH_ALL, [NAME], sign=lambda _: bytes(64)), Reason.SIGNATURE_INVALID, "V3", cache=memo)


_signatures: dict[bytes, bytes] = {}


def fixed(data: bytes) -> bytes:
    """Sign the same bytes with the same signature each time."""
    return _signatures.setdefault(data, key("issuer").sign(data))


# --- nothing but our own errors, and no other claims ---

WHOLE: Final = make(
    hide(NAME, LABELLED, DECOY) | {"nationalities": ["FR", element(ELEMENT)], 5: NOW - 60, 3: AUDIENCE},
    [NAME, ELEMENT, DECOY],
    header={170: -16, 15: {1: ISSUER}},
)
SAID: Final = {2: "urn:someone", "nationalities": ["FR", "US"], "given_name": "Ada"}


@given(position=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_one_changed_byte_never_says_something_else(position: int, byte: int) -> None:
    changed = WHOLE[:position] + bytes([byte]) + WHOLE[position + 1 :]
    try:
        verdict = verify(changed)
    except (VerificationError, MalformedError) as error:
        assert changed != WHOLE
        assert error.__context__ is None
        return
    assert changed == WHOLE
    assert isinstance(verdict, library.VerifiedPresentation)
    assert same(verdict.attestation.claims, SAID)


@given(end=st.integers(0, len(WHOLE) - 1))
def test_a_truncated_presentation_is_refused(end: int) -> None:
    raises_ours(WHOLE[:end])
    raises_ours(WHOLE[end + 1 :])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_reason(data: bytes) -> None:
    raises_ours(data)
    raises_ours(cbor2.dumps(CBORTag(18, [data, {}, data, data])))
    raises_ours(bound(data))


hostile_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.integers(-300, 300) | st.text(max_size=3) | st.just(REDACTED), inner, max_size=3)
        | st.builds(CBORTag, st.sampled_from([1, 18, 24, 58, 60, 61]), inner)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 11, 39, 65535, "x", REDACTED]), hostile_values, max_size=3
    ),
    st.lists(hostile_values, max_size=3),
)
def test_a_trusted_issuer_cannot_make_us_fail_otherwise(claims: dict[Any, Any], parts: list[Any]) -> None:
    shown = disclosure(*parts)
    for data in (make(claims), make(claims | {REDACTED: [digest(shown)]}, [shown])):
        try:
            verify(data)
        except (VerificationError, MalformedError) as error:
            assert error.__context__ is None


@given(st.dictionaries(st.sampled_from([1, 2, 3, 4, 5, 6, 7, 39, "x"]), hostile_values, min_size=1, max_size=3))
def test_nor_can_a_holder(claims: dict[Any, Any]) -> None:
    try:
        verify(make(kb=claims))
    except (VerificationError, MalformedError) as error:
        assert error.__context__ is None


@given(
    st.sampled_from([1, 4, 13, 15, 16, 17, 33, 34, 170, "x"]),
    hostile_values,
    st.sampled_from(["header", "unprotected", "kb_header"]),
)
def test_nor_any_header(label: Any, value: Any, place: str) -> None:
    arguments: dict[str, Any] = {place: {label: value}}
    try:
        verify(make(**arguments))
    except (VerificationError, MalformedError) as error:
        assert error.__context__ is None


def raises_ours(data: bytes) -> None:
    with pytest.raises((VerificationError, MalformedError)) as caught:
        verify(data)
    assert caught.value.__context__ is None
