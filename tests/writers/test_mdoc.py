"""mdoc as it is written: what an issuer and a holder may not get wrong, and that what is written can be read.

The rules of ISO/IEC 18013-5 are looked up in the bytes that come out.

Spec: ISO/IEC 18013-5 8.3.2.1.2, 9.1.2.4, 9.1.2.5, 9.1.3; specs/profile-mdoc.md.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from builders import (
    AUDIENCE,
    HASHES,
    NONCE,
    NOW,
    STATUS_URI,
    VALID_INDEX,
    challenge,
    country_lists,
    der,
    key,
    misused,
    same,
    shared_statuses,
)
from cbor2 import CBORTag
from hypothesis import given
from hypothesis import strategies as st
from mdoc_writing import (
    ALGORITHMS,
    ANYWHERE,
    MDL,
    MDL_TYPE,
    MDOC,
    NUMBERS,
    OURS,
    PHOTO,
    PHOTO_TYPE,
    PID,
    PRIVATE,
    TAGS,
    attestation,
    document_signer,
    items_of,
    mso_bytes,
    mso_of,
    named,
    source,
    trusted,
)

from citizenid import (
    AgreementKey,
    Assurance,
    Attestation,
    Challenge,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    Limits,
    LocalKey,
    MalformedError,
    Reason,
    Serialization,
    StatusKind,
    StatusReference,
    Unsigned,
)
from citizenid import UnixTime as Time
from citizenid import Validity as Window
from citizenid import _registry as reg
from citizenid._crypto import HolderAgreement
from citizenid._limits import DEFAULT_LIMITS
from citizenid._model import Handover, HandoverKind
from citizenid._wire import cbor
from citizenid._wire.dates import date_time, write_date_time
from citizenid._wire.transcript import device_authentication_bytes, session_transcript
from citizenid._writers import WRITERS, IssueOptions, PresentOptions, Signer
from citizenid.holder import Credential
from citizenid.verifier import VerifiedPresentation, open_presentation, verify, verify_credential

WRITER = WRITERS[Format.MDOC]
CURVES = {
    "ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ESB256": "brainpoolP256r1", "ESB384": "brainpoolP384r1",
    "ESB512": "brainpoolP512r1",
}  # fmt: skip


def issue(
    what: Attestation,
    disclosable: Any = None,
    *,
    decoys: int = 0,
    hash_algorithm: str = "sha-256",
    serialization: Serialization = Serialization.COMPACT,
    algorithm: str = "ES256",
    limits: Limits = DEFAULT_LIMITS,
    draw: Any = None,
    **changes: Any,
) -> bytes:
    signer, chain = document_signer(algorithm)
    chain = changes.get("certificates", chain)
    options = IssueOptions(disclosable, decoys, hash_algorithm, serialization)
    unsigned = WRITER.issue(what, Signer(signer.public, "", chain), options, draw or source(), limits)
    return unsigned.complete(signer.sign(unsigned.to_be_signed))


def read(data: bytes, **changes: Any) -> Any:
    (presentation,) = open_presentation(data, **MDOC)
    return verify_credential(presentation, **{"anchors": trusted(), "now": NOW, **changes}).attestation


def received(data: bytes) -> Credential:
    return Credential.receive(data, anchors=trusted(), now=NOW, **MDOC)


def shown(data: bytes, asked: Challenge, **changes: Any) -> VerifiedPresentation:
    verdict = verify(
        data,
        **{"anchors": trusted(), "challenge": asked, "statuses": shared_statuses(), "now": NOW, **MDOC, **changes},
    )
    assert isinstance(verdict, VerifiedPresentation)
    return verdict


def refuses(reason: Reason, what: Attestation, disclosable: Any = None, **changes: Any) -> CitizenIDError:
    return misused(reason, lambda: issue(what, disclosable, **changes))


def canonical(data: bytes) -> Any:
    """Decode, and hold every layer of CBOR against the one canonical way to write it."""
    value = cbor.decode(data, "test", TAGS)
    assert cbor.encode(value) == data
    level = [value]
    while level:
        each = level.pop()
        if isinstance(each, dict):
            level.extend(each.values())
        elif isinstance(each, list):
            level.extend(each)
        elif isinstance(each, cbor.CBORTag) and each.tag == 24:
            canonical(each.value)
    return value


# --- IssuerAuth ---


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_issuer_auth_is_an_untagged_cose_sign1_with_alg_protected_and_x5chain_unprotected(algorithm: str) -> None:
    data = issue(attestation(), algorithm=algorithm)
    protected, unprotected, payload, signature = canonical(data)["issuerAuth"]
    signer, chain = document_signer(algorithm)
    assert cbor.decode(protected, "protected") == {1: NUMBERS[algorithm]}
    assert unprotected == {33: chain[0]}
    tagged = canonical(payload)
    assert tagged.tag == 24 and canonical(tagged.value)["docType"] == OURS
    # RFC 9052 section 4.4, with an empty external_aad.
    structure = cbor.encode(["Signature1", protected, b"", payload])
    assert signer.public._verify(signer.public._handle, signature, structure)
    assert read(data) == attestation()


def test_more_certificates_than_one_are_an_array() -> None:
    private = PRIVATE["ES256"]()
    ca, leaf = named("ca", "iaca", authority=True), named("signer", "ca", public=private.public_key())
    what = attestation(validity=Window(Time(NOW), None, Time(NOW + 3_600)))
    data = issue(what, certificates=der(leaf, ca))
    assert canonical(data)["issuerAuth"][1] == {33: list(der(leaf, ca))}


def test_without_a_certificate_nothing_is_issued() -> None:
    refuses(Reason.CONFIGURATION_INVALID, attestation(), certificates=())


@pytest.mark.parametrize("changes", [
    {"purpose": None}, {"purpose": "1.0.18013.5.1.6"}, {"country": None}, {"usage": {"content_commitment": True}},
    {"usage": {"digital_signature": False, "content_commitment": True}}, {"authority": True},
], ids=["no purpose", "a reader", "no country", "more usage", "other usage", "an authority"])  # fmt: skip
def test_only_a_document_signer_signs(changes: Any) -> None:
    refuses(Reason.CONFIGURATION_INVALID, attestation(), certificates=der(named("signer", "iaca", **changes)))


@pytest.mark.parametrize("algorithm", ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_algorithms_that_mdoc_does_not_know_are_refused_on_both_sides(algorithm: str) -> None:
    refuses(Reason.ALGORITHM_NOT_ALLOWED, attestation(holder_key=key("holder", algorithm).public))
    signer = Signer(key("issuer", algorithm).public, "", document_signer()[1])
    options = IssueOptions(None, 0, "sha-256", Serialization.COMPACT)
    call = lambda: WRITER.issue(attestation(), signer, options, source(), DEFAULT_LIMITS)  # noqa: E731
    misused(Reason.ALGORITHM_NOT_ALLOWED, call)


# --- MobileSecurityObject ---


@pytest.mark.parametrize("name", HASHES)
def test_the_mso_has_its_members_in_exact_spelling(name: str) -> None:
    data = issue(attestation(), hash_algorithm=name)
    mso = mso_of(data)
    assert set(mso) == {
        "version", "digestAlgorithm", "valueDigests", "deviceKeyInfo", "docType", "validityInfo", "status",
    }  # fmt: skip
    assert (mso["version"], mso["docType"], mso["digestAlgorithm"]) == ("1.0", OURS, name.upper())
    assert read(data) == attestation()
    for namespace, items in items_of(data).items():
        for item in items:
            stated = cbor.decode(item, "item", TAGS)
            assert set(stated) == {"digestID", "random", "elementIdentifier", "elementValue"}
            digest = HASHES[name](cbor.embedded(item)).digest()  # tag 24 included
            assert mso["valueDigests"][namespace][stated["digestID"]] == digest


@pytest.mark.parametrize("name", ["", "SHA-256", "sha256", "sha-1", "sha-512/256", None])
def test_other_hash_algorithms_are_refused(name: Any) -> None:
    refuses(Reason.HASH_ALGORITHM_NOT_ALLOWED, attestation(), hash_algorithm=name)


@pytest.mark.parametrize("serialization", [Serialization.FLATTENED, Serialization.GENERAL])
def test_there_is_one_serialisation(serialization: Serialization) -> None:
    refuses(Reason.CONFIGURATION_INVALID, attestation(), serialization=serialization)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_holder_key_is_written_as_a_cose_key(algorithm: str) -> None:
    what = attestation(holder_key=key("holder", algorithm).public)
    data = issue(what)
    stated = mso_of(data)["deviceKeyInfo"]
    assert set(stated) == {"deviceKey"}
    assert set(stated["deviceKey"]) == ({1, -1, -2, -3} if algorithm.startswith("ES") else {1, -1, -2})
    assert read(data).holder_key == what.holder_key


def test_without_a_holder_key_nothing_is_issued() -> None:
    refuses(Reason.HOLDER_KEY_MISSING, attestation(holder_key=None))


@pytest.mark.parametrize("doc_type", ["", None, 5])
def test_the_doc_type_is_a_text(doc_type: Any) -> None:
    refuses(Reason.CLAIM_INVALID, attestation(type=doc_type))


# --- validityInfo ---


def times(data: bytes) -> list[Any]:
    stated = mso_of(data)["validityInfo"]
    return [(stated[name].tag, stated[name].value) for name in ("signed", "validFrom", "validUntil")]


def test_times_are_tdates_in_utc_without_a_fraction_and_the_end_is_inclusive() -> None:
    day = 1_799_971_200  # 2027-01-15T00:00:00Z
    what = attestation(validity=Window(Time(day), Time(day + 1), Time(day + 86_400)))
    assert times(issue(what)) == [
        (0, "2027-01-15T00:00:00Z"), (0, "2027-01-15T00:00:01Z"), (0, "2027-01-15T23:59:59Z"),
    ]  # fmt: skip
    assert read(issue(what)).validity == what.validity


def test_without_not_before_it_is_valid_from_when_it_was_signed() -> None:
    data = issue(attestation(validity=Window(Time(NOW), None, Time(NOW + 3_600))))
    assert times(data)[0] == times(data)[1]
    assert read(data).validity == Window(Time(NOW), Time(NOW), Time(NOW + 3_600))


@pytest.mark.parametrize("window", [
    (None, NOW, NOW + 60), (None, None, NOW + 60),  # signed is mandatory
    (NOW, NOW - 1, NOW + 60),  # signed <= validFrom
    (NOW, NOW + 59, NOW + 60), (NOW, None, NOW + 1),  # validFrom < validUntil, which is one second before not_after
    (NOW, None, 2**53 - 1), (NOW, None, 253_402_300_801),  # beyond the year 9999
])  # fmt: skip
def test_times_that_no_reader_would_take_are_refused(window: Any) -> None:
    refuses(Reason.CLAIM_INVALID, attestation(validity=Window(*window)))


def test_the_narrowest_windows_are_written() -> None:
    for start in (NOW, None, NOW + 58):
        window = Window(Time(NOW), None if start is None else Time(start), Time((start or NOW) + 2))
        assert read(issue(attestation(validity=window)), now=start or NOW)


def test_no_credential_outlives_the_certificate_of_its_signer() -> None:
    leaf = named("signer", "iaca", not_before=NOW - 10, not_after=NOW + 100)
    issue(attestation(validity=Window(Time(NOW), None, Time(NOW + 101))), certificates=der(leaf))  # both inclusive
    late = attestation(validity=Window(Time(NOW), None, Time(NOW + 102)))
    refuses(Reason.CERTIFICATE_EXPIRED, late, certificates=der(leaf))
    issue(attestation(validity=Window(Time(NOW - 10), None, Time(NOW + 50))), certificates=der(leaf))
    early = attestation(validity=Window(Time(NOW - 11), Time(NOW), Time(NOW + 50)))
    refuses(Reason.SIGNED_OUTSIDE_CERTIFICATE, early, certificates=der(leaf))


@given(st.integers(0, 253_402_300_799))
def test_every_second_is_written_as_it_is_read(moment: int) -> None:
    text = write_date_time(moment)
    assert text is not None and len(text) == 20 and date_time(text) == moment


# --- status ---


LISTED = StatusReference(STATUS_URI, VALID_INDEX)
UNDER = StatusReference(STATUS_URI, 2**32 - 1, certificate=b"der")
NAMED = StatusReference("https://id.example/ids", None, StatusKind.IDENTIFIER_LIST, b"\1\2")
NAMED_UNDER = StatusReference("https://id.example/ids", None, StatusKind.IDENTIFIER_LIST, b"\1" * 64, b"der")


@pytest.mark.parametrize(("references", "expected"), [
    ((), None),
    ((LISTED,), {"status_list": {"idx": VALID_INDEX, "uri": STATUS_URI}}),
    ((UNDER,), {"status_list": {"idx": 2**32 - 1, "uri": STATUS_URI, "certificate": b"der"}}),
    ((NAMED,), {"identifier_list": {"id": b"\1\2", "uri": "https://id.example/ids"}}),
    ((NAMED_UNDER, LISTED), {
        "identifier_list": {"id": b"\1" * 64, "uri": "https://id.example/ids", "certificate": b"der"},
        "status_list": {"idx": VALID_INDEX, "uri": STATUS_URI},
    }),
])  # fmt: skip
def test_each_status_reference_is_written(references: Any, expected: Any) -> None:
    data = issue(attestation(status=references))
    canonical(mso_bytes(data))
    assert mso_of(data).get("status") == expected
    assert set(read(data).status) == set(references)


@pytest.mark.parametrize("twice", [(LISTED, LISTED), (LISTED, UNDER), (NAMED, NAMED_UNDER), (LISTED, NAMED, UNDER)])
def test_a_mechanism_has_room_for_one_reference(twice: Any) -> None:
    refuses(Reason.LIMIT_EXCEEDED, attestation(status=twice))


@pytest.mark.parametrize("beside", [(), (LISTED,), (NAMED,)])
@pytest.mark.parametrize("purpose", ["revocation", "suspension"])
def test_a_bitstring_has_no_place_in_an_mdoc(beside: Any, purpose: str) -> None:
    reference = StatusReference(STATUS_URI, 1, StatusKind.BITSTRING, purpose=purpose)
    refuses(Reason.STATUS_MECHANISM_UNKNOWN, attestation(status=(*beside, reference)))


class Pretence:
    """Has the fields of a reference and not its checks."""

    uri, index, kind, identifier, certificate = "u", 0, StatusKind.STATUS_LIST, None, None


@pytest.mark.parametrize("changes", [
    {"status": (Pretence(),)},
    {"validity": Pretence()},
])  # fmt: skip
def test_what_only_looks_like_a_checked_value_is_refused(changes: Any) -> None:
    refuses(Reason.CLAIM_INVALID, attestation(**changes))


# --- elements ---


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.text(max_size=20) | st.binary(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=5) | st.integers(-(2**64), 2**64 - 1), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
namespaces = st.dictionaries(
    st.text(max_size=12).filter(lambda name: name not in (OURS, PID, MDL, PHOTO)),
    st.dictionaries(st.text(max_size=12), values, min_size=1, max_size=5),
    max_size=3,
)


@given(namespaces, country_lists, st.integers(0, 20), st.sampled_from(sorted(HASHES)))
def test_whatever_is_written_is_read_back_and_is_canonical(
    claims: Any, countries: list[Country], decoys: int, hash_algorithm: str
) -> None:
    stated = Citizenship(countries, countries[:1], True).to_claims(Format.MDOC)
    what = attestation({**claims, **stated})
    data = issue(what, decoys=decoys, hash_algorithm=hash_algorithm)
    canonical(data)
    canonical(canonical(data)["issuerAuth"][2])
    made = read(data)
    assert same(made.claims, what.claims) and made.citizenship == what.citizenship == Citizenship(
        countries, countries[:1], True
    )
    assert sum(map(len, mso_of(data)["valueDigests"].values())) == sum(map(len, what.claims.values())) + decoys


@pytest.mark.parametrize("bound", [256, 1_024, 65_536])
def test_an_item_of_any_length_about_a_bound_of_its_heads_is_read_back_and_is_canonical(bound: int) -> None:
    empty = len(items_of(issue(attestation({"x": {"a": b""}})))["x"][0])
    for size in range(bound - empty - 6, bound - empty + 3):
        what = attestation({"x": {"a": bytes(size)}})
        data = issue(what)
        canonical(data)
        assert same(read(data).claims, what.claims)


@pytest.mark.parametrize("value", [
    float("nan"), float("inf"), 2**64, -(2**64) - 1, {"a": 2**64}, [float("-inf")], {1, 2}, object(), 1j,
    {True: 1}, {None: 1}, {b"k": 1}, {1.5: 1}, {2**64: 1}, bytearray(b"x"), cbor.CBORTag(1004, "2020-01-01"),
])  # fmt: skip
def test_values_that_no_reader_takes_are_refused(value: Any) -> None:
    refuses(Reason.CLAIM_INVALID, attestation({"x": {"a": value}}))


@pytest.mark.parametrize(
    "claims",
    [
        {"x": {"a": "\ud800"}},
        {"x": {"a": ["\ud800"]}},
        {"x": {"a": ["b", "\ud800"]}},
        {"x": {"\ud800": 1}},
        {"\ud800": {"a": 1}},
    ],
)
def test_half_of_a_surrogate_pair_is_no_text(claims: Any) -> None:
    refuses(Reason.MALFORMED_CBOR, attestation(claims))


junk = st.recursive(
    st.sampled_from([float("nan"), 2**64, b"", object(), {1}, "\ud800", "1980-01-01", True, None, 0.5, "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["birth_date", OURS, "citizen_of_us", "\ud800", 1, None, True, b"k"]), inner)
    ),
    max_leaves=8,
)
junk_claims = st.dictionaries(st.sampled_from([OURS, PID, MDL, PHOTO, "x", "\ud800", 1, None]), junk, max_size=4)


@given(junk_claims, st.sampled_from(["org.example.other", OURS, PID]))
def test_whatever_claims_are_given_they_are_written_or_refused_in_our_own_words(claims: Any, doc_type: str) -> None:
    try:
        what = attestation(claims, type=doc_type)
        data = issue(what)
    except CitizenIDError as error:
        assert error.__context__ is None and error.__cause__ is None  # what else comes out is a failure
    else:
        assert same(read(data).claims, {name: each for name, each in what.claims.items() if each})


@pytest.mark.parametrize("claims", [{"a": 1}, {"x": [1]}, {"x": {1: 1}}, {1: {"a": 1}}, {"x": {("a",): 1}}])
def test_claims_are_elements_in_namespaces(claims: Any) -> None:
    what = attestation(claims, type="org.example.other")
    refuses(Reason.CLAIM_INVALID, what)


def nested(levels: int, value: Any) -> Any:
    for _ in range(levels):
        value = [value]
    return value


def test_values_nest_as_deep_as_a_reader_looks_and_no_deeper() -> None:
    for value in (1, {"a": 1}):
        inside = 1 if isinstance(value, dict) else 0
        deepest = attestation({"x": {"a": nested(15 - inside, value)}})
        assert same(read(issue(deepest)).claims, deepest.claims)
        refuses(Reason.DEPTH_EXCEEDED, attestation({"x": {"a": nested(16 - inside, value)}}))
    # A tag is a level too.
    deepest = attestation({PID: {"a": nested(13, {"birth_date": "1980-01-01"})}})
    assert same(read(issue(deepest)).claims, deepest.claims)
    refuses(Reason.DEPTH_EXCEEDED, attestation({PID: {"a": nested(14, {"birth_date": "1980-01-01"})}}))
    refuses(Reason.DEPTH_EXCEEDED, attestation({"x": {"a": nested(150, 1)}}))


def test_bounds_are_kept() -> None:
    limits = Limits(claim_name_chars=5, disclosures=3, digests=4)
    for claims in ({"x" * 6: {"a": 1}}, {"x": {"a" * 6: 1}}, {"x": dict.fromkeys("abcd", 1)}):
        refuses(Reason.LIMIT_EXCEEDED, attestation(claims), limits=limits)
    issue(attestation({"x" * 5: {"a" * 5: 1}, "y": {"a": 1, "b": 1}}), limits=limits, decoys=1)
    refuses(Reason.LIMIT_EXCEEDED, attestation({"x": dict.fromkeys("abc", 1)}), limits=limits, decoys=2)
    # The assurance is an element as well.
    full = attestation({"x": dict.fromkeys("abc", 1)}, assurance=Assurance("a", "b"))
    refuses(Reason.LIMIT_EXCEEDED, full, limits=Limits(disclosures=3))


def test_half_of_what_a_verifier_reads_is_for_the_credential() -> None:
    small = Limits(presentation_bytes=20_000)
    issue(attestation({"x": {"portrait": bytes(8_000)}}), limits=small)
    refuses(Reason.INPUT_TOO_LARGE, attestation({"x": {"portrait": bytes(10_000)}}), limits=small)


def test_what_a_reader_would_not_walk_through_is_refused() -> None:
    many = {f"m{index}": 1 for index in range(1_025)}
    refuses(Reason.LIMIT_EXCEEDED, attestation({"x": {"a": many}}))
    refuses(Reason.LIMIT_EXCEEDED, attestation({"x": {"a": 1}}), decoys=1_024)
    wide = Limits(disclosures=3_000)
    refuses(Reason.LIMIT_EXCEEDED, attestation({"x": many}), limits=wide)
    refuses(Reason.LIMIT_EXCEEDED, attestation({name: {"a": 1} for name in many}), limits=wide)
    most = Limits(digests=40_000, presentation_bytes=8_388_608)
    spread = {str(number): {"a": 1} for number in range(1_000)}
    refuses(Reason.LIMIT_EXCEEDED, attestation(spread), limits=most, decoys=9_241)
    data = issue(attestation(spread), limits=most, decoys=9_240)
    (presentation,) = open_presentation(data, limits=most, **MDOC)
    verify_credential(presentation, anchors=trusted(), now=NOW, limits=most)
    what = attestation({"x": {"a": dict(list(many.items())[:1_024])}})
    assert read(issue(what, decoys=1_023)) == what


def test_citizenship_that_no_verifier_would_read_is_refused() -> None:
    other = "org.example.other"
    for claims, reason in (
        ({OURS: {"citizen_of_zz": True}}, Reason.COUNTRY_INVALID),
        ({OURS: {"citizen_of_US": True}}, Reason.COUNTRY_INVALID),
        ({OURS: {"citizen_of_us": 1}}, Reason.CLAIM_INVALID),
        ({OURS: {"nationalities": ["XX"]}}, Reason.COUNTRY_INVALID),
        ({PID: {"nationality": ["US", "US"]}}, Reason.COUNTRY_INVALID),
    ):
        # For the types that are known an Attestation itself refuses; of the others the writer looks.
        refuses(reason, attestation(claims, type=other))
        misused(reason, lambda claims=claims: attestation(claims))


# --- dates ---


@pytest.mark.parametrize(("doc_type", "namespace", "element", "value", "tag"), [
    (PID, PID, "birth_date", "1980-02-29", 1004), (PID, PID, "issuance_date", "2024-02-29", 1004),
    (PID, PID, "expiry_date", "2030-01-01T00:00:00Z", 0), (PID, PID, "issuance_date", "2020-01-01T00:00:00Z", 0),
    (MDL_TYPE, MDL, "birth_date", "1980-01-31", 1004), (MDL_TYPE, MDL, "issue_date", "2024-01-01", 1004),
    (MDL_TYPE, MDL, "expiry_date", "2030-01-01T00:00:00Z", 0),
    (MDL_TYPE, MDL, "portrait_capture_date", "2020-01-01T00:00:00Z", 0),
    (PHOTO_TYPE, PHOTO, "birth_date", "0001-01-01", 1004), (PHOTO_TYPE, PHOTO, "expiry_date", "9999-12-31", 1004),
    (PID, PID, "family_name", "2020-01-01", None), (PID, "org.example", "birth_date", "1980-02-29", None),
    (PID, PID, "issue_date", "2020-01-01", None), (OURS, OURS, "birth_date", "nonsense", None),
])  # fmt: skip
def test_dates_of_the_known_namespaces_are_tagged_and_no_other_text(
    doc_type: str, namespace: str, element: str, value: str, tag: int | None
) -> None:
    what = attestation({namespace: {element: value}}, type=doc_type)
    data = issue(what)
    (item,) = items_of(data)[namespace]
    written = cbor.decode(item, "item", TAGS)["elementValue"]
    assert written == value if tag is None else (written.tag, written.value) == (tag, value)
    assert read(data) == what


@pytest.mark.parametrize(("element", "value"), [
    ("birth_date", "1980-02-30"), ("birth_date", "1981-02-29"), ("birth_date", "19800229"), ("birth_date", ""),
    ("birth_date", "1980-2-29"), ("birth_date", "1980-W01-1"), ("birth_date", "1980-02-29 "), ("birth_date", 19800229),
    ("birth_date", "1980-01-01T00:00:00Z"), ("birth_date", None), ("birth_date", True), ("birth_date", ["1980-01-01"]),
    ("birth_date", b"1980-01-01"), ("birth_date", {"birth_date": "1980"}), ("birth_date", "１980-01-01"),
    ("expiry_date", "2030-01-01T00:00:00+00:00"), ("expiry_date", "2030-01-01T00:00:00.0Z"),
    ("expiry_date", "2030-01-01T00:00:60Z"), ("expiry_date", "2030-01-01t00:00:00z"), ("expiry_date", "tomorrow"),
    ("portrait_capture_date", "2020-01-01"),
])  # fmt: skip
def test_dates_that_are_none_are_refused(element: str, value: Any) -> None:
    refuses(Reason.CLAIM_INVALID, attestation({MDL: {element: value}}, type=MDL_TYPE))


def test_dates_inside_a_map_are_full_dates() -> None:
    privileges = [{"vehicle_category_code": "B", "issue_date": "2018-08-09", "expiry_date": "2024-10-20"}]
    what = attestation({MDL: {"driving_privileges": privileges}, PHOTO: {
        "birth_date": {"birth_date": "1980-01-01", "approximate_mask": "00001111"}
    }}, type=MDL_TYPE)  # fmt: skip
    data = issue(what)
    inside = cbor.decode(items_of(data)[MDL][0], "item", TAGS)["elementValue"][0]
    assert inside["issue_date"] == cbor.CBORTag(1004, "2018-08-09")
    assert read(data) == what
    privileges[0]["issue_date"] = "2018-08-09T00:00:00Z"
    refuses(Reason.CLAIM_INVALID, attestation({MDL: {"driving_privileges": privileges}}, type=MDL_TYPE))


# --- random, digestIDs and decoys ---


def drawn_items(data: bytes) -> list[Any]:
    return [cbor.decode(item, "item", TAGS) for items in items_of(data).values() for item in items]


TEN = {OURS: {f"national_of_{code.lower()}": True for code in ANYWHERE[:10]}}


def test_each_item_has_thirty_two_random_bytes_of_its_own_from_the_source() -> None:
    stream: list[bytes] = []
    draw = source()

    def record(size: int) -> bytes:
        stream.append(draw(size))
        return stream[-1]

    randoms = [item["random"] for item in drawn_items(issue(attestation(TEN), draw=record))]
    assert len(set(randoms)) == 10 and {len(random) for random in randoms} == {32}
    assert all(random in b"".join(stream) for random in randoms) and len(stream) == 1


def test_what_is_written_depends_on_the_source_alone() -> None:
    what = attestation(TEN)
    assert issue(what, algorithm="Ed25519") == issue(what, algorithm="Ed25519")


@pytest.mark.parametrize("claims", [{}, {"x": {"a": 1}}, TEN, {"x": {"a": 1, "b": 1}, "y": {"a": 1}}])
@pytest.mark.parametrize("block", [1, 8, 20, 40])
def test_a_source_that_is_stuck_is_refused(claims: Any, block: int) -> None:
    draw = lambda size: (bytes(range(block)) * size)[:size]  # noqa: E731
    refuses(Reason.DISCLOSURE_DUPLICATE, attestation(claims, type="org.example.other"), draw=draw)


@pytest.mark.parametrize("claims", [{"x": {"a": 1}}, TEN])
def test_neither_the_random_bytes_nor_the_places_may_repeat(claims: Any) -> None:
    entries = lambda size: range(size // 40)  # noqa: E731
    one_random = lambda size: b"".join(bytes([each]) * 8 + bytes(32) for each in entries(size))  # noqa: E731
    one_place = lambda size: b"".join(bytes(8) + bytes([each]) * 32 for each in entries(size))  # noqa: E731
    for draw in (one_random, one_place):
        refuses(Reason.DISCLOSURE_DUPLICATE, attestation(claims), draw=draw)


def test_digest_ids_are_unique_in_their_namespace_and_in_range() -> None:
    data = issue(attestation({**TEN, "x": dict.fromkeys("abc", 1)}), decoys=40)
    for digests in mso_of(data)["valueDigests"].values():
        assert all(type(number) is int and 0 <= number < 2**31 for number in digests)
        assert len(set(digests.values())) == len(digests)


def test_digest_ids_tell_nothing_of_the_order_of_elements_nor_of_other_msos() -> None:
    # 400 issues of ten elements: each element has each number some 40 times, give or take; the chance that a fair draw
    # leaves the bounds below is under one in a million, and the source is fixed.
    draw = source_of_hashes()
    seen: Counter[tuple[str, int]] = Counter()
    orders = set()
    for _ in range(400):
        items = drawn_items(issue(attestation(TEN), draw=draw))
        orders.add(tuple(item["digestID"] for item in items))
        seen.update((item["elementIdentifier"], item["digestID"]) for item in items)
    assert len(orders) == 400
    assert len(seen) == 100 and min(seen.values()) >= 10 and max(seen.values()) <= 80


def source_of_hashes() -> Any:
    numbers = itertools.count()
    block = lambda: hashlib.sha256(str(next(numbers)).encode()).digest()  # noqa: E731
    return lambda size: b"".join(block() for _ in range(-(-size // 32)))[:size]


def test_decoys_are_spread_over_the_namespaces_and_look_like_any_digest() -> None:
    claims = {"x": {"a": 1}, "y": {"a": 1}, "z": {}}
    draw = source_of_hashes()
    counts: Counter[str] = Counter()
    for _ in range(50):
        data = issue(attestation(claims), decoys=6, draw=draw)
        digests = mso_of(data)["valueDigests"]
        assert set(digests) == {"x", "y", "z"} and sum(map(len, digests.values())) == 3 + 6
        assert all(len(each) == 32 for by_id in digests.values() for each in by_id.values())
        assert all(set(by_id) == set(range(len(by_id))) for by_id in digests.values())
        counts.update({name: len(by_id) - 1 for name, by_id in digests.items()})
    assert all(50 <= count <= 150 for count in counts.values())
    # What decides are the first eight bytes of each entry, and not what is then hashed.
    entries = lambda size: b"".join(bytes([3 * each] * 8) + bytes([each + 1] * 32) for each in range(size // 40))  # noqa: E731
    digests = mso_of(issue(attestation(claims), decoys=6, draw=entries))["valueDigests"]
    assert {name: len(by_id) for name, by_id in digests.items()} == {"x": 1 + 6, "y": 1, "z": 1}


@pytest.mark.parametrize("claims", [{}, {"org.example.other": {}}])
def test_without_elements_one_random_digest_stands(claims: Any) -> None:
    what = attestation(claims, type="org.example.other")
    data = issue(what)
    assert set(canonical(data)) == {"issuerAuth"}
    digests = mso_of(data)["valueDigests"]
    assert list(digests) == ["org.example.other"] and list(digests["org.example.other"]) == [0]
    assert read(data).claims == {}
    assert mso_of(issue(what, draw=source_of_hashes()))["valueDigests"] != digests


def test_a_namespace_without_elements_is_not_among_the_items() -> None:
    data = issue(attestation({"x": {}, "y": {"a": 1}}))
    assert set(items_of(data)) == {"y"} and set(mso_of(data)["valueDigests"]) == {"x", "y"}
    assert same(read(data).claims, {"y": {"a": 1}})


# --- what may be withheld ---


def test_every_element_may_be_withheld_and_another_choice_is_none() -> None:
    claims = {"x": {"a": 1, "b": [1]}, "y": {"a": 1}}
    what = attestation(claims)
    whole = [("x", "a"), ("x", "b"), ("y", "a")]
    for choice in (whole, list(reversed(whole)), map(list, whole), whole + whole):
        assert read(issue(what, choice)) == what
    for choice in ([], whole[:2], whole[1:]):
        refuses(Reason.CLAIM_NOT_DISCLOSABLE, what, choice)
    for path in (("x",), ("x", "c"), ("z", "a"), ("x", "b", 0), ("x", None), (None, "a"), (), "xa", 5, ("x", ["a"])):
        refuses(Reason.CLAIM_UNKNOWN, what, [*whole, path])
    assert issue(attestation({"x": {}}), [])


# --- assurance ---


def test_the_assurance_is_an_element_of_our_namespace() -> None:
    for claims in ({PID: {"nationality": "US"}}, {OURS: {"citizen_of_us": True}}, {}):
        what = attestation(claims, assurance=Assurance("eIDAS", "high"))
        data = issue(what)
        made = read(data)
        assert made == what and made.assurance == Assurance("eIDAS", "high")
        credential = received(data)
        assert same(credential.disclosable[OURS, "assurance"], {"framework": "eIDAS", "level": "high"})
        # It may be withheld, and shown by itself.
        for choice, expected in (([], None), ([(OURS, "assurance")], what.assurance)):
            data = credential.present(choice, challenge=challenge(), key=key("holder"), peer=AUDIENCE, now=NOW)
            attested = shown(data, challenge()).attestation
            assert attested.assurance == expected and attested.claims == {}


@pytest.mark.parametrize("assurance", [None, Assurance("a", "b")])
def test_the_assurance_is_no_claim(assurance: Any) -> None:
    refuses(Reason.CLAIM_RESERVED, attestation({OURS: {"assurance": "high"}}, assurance=assurance))
    what = attestation({PID: {"assurance": "of another namespace"}}, assurance=assurance)
    assert read(issue(what)) == what


@pytest.mark.parametrize("stated", [
    None, "high", [], {}, {"framework": "a"}, {"framework": "a", "level": "b", "more": 1},
    {"framework": "a", "level": 1},
    {"framework": "", "level": "b"}, {"framework": "a", "level": "b" * 65},
])  # fmt: skip
def test_an_assurance_that_is_none_is_not_read(stated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing of ours writes it: here the writer does not know that the name is reserved.
    with monkeypatch.context() as patch:
        patch.setattr(reg, "ASSURANCE", "not-there")
        data = issue(attestation({OURS: {"assurance": stated}}))
    error = misused(Reason.CLAIM_INVALID, lambda: read(data))
    assert type(error) is MalformedError and error.step == "V4"


# --- when the evidence was checked ---

CHECKED = "evidence_checked_at"


def test_the_time_of_the_evidence_is_an_element_of_our_namespace() -> None:
    for claims in ({PID: {"nationality": "US"}}, {OURS: {"citizen_of_us": True}}, {}):
        what = attestation(claims, evidence_at=Time(NOW - 600))
        whole = [(namespace, name) for namespace, members in claims.items() for name in members]
        # Every element may be withheld: whether it is named or not says nothing.
        for choice in (None, whole, [*whole, (OURS, CHECKED)]):
            data = issue(what, choice)
            made = read(data)
            assert made == what and made.evidence_at == NOW - 600
            items = [cbor.decode(item, "item", TAGS) for item in items_of(data)[OURS]]
            (value,) = (each["elementValue"] for each in items if each["elementIdentifier"] == CHECKED)
            assert type(value) is CBORTag and value.tag == 0
        credential = received(data)
        assert isinstance(credential.disclosable[OURS, CHECKED], str)
        for choice, expected in (([], None), ([(OURS, CHECKED)], NOW - 600)):
            data = credential.present(choice, challenge=challenge(), key=key("holder"), peer=AUDIENCE, now=NOW)
            attested = shown(data, challenge()).attestation
            assert attested.evidence_at == expected and attested.claims == {}
    refuses(Reason.CLAIM_UNKNOWN, attestation({"x": {"a": 1}}), [("x", "a"), (OURS, CHECKED)])


@given(st.integers(0, NOW - 60))
def test_any_time_of_the_evidence_is_written_and_read(checked_at: int) -> None:
    what = attestation(evidence_at=Time(checked_at), assurance=Assurance("a", "b"))
    assert read(issue(what)) == what


def test_a_time_of_the_evidence_after_the_signing_is_not_written() -> None:
    issue(attestation(evidence_at=Time(NOW - 60)))
    refuses(Reason.CLAIM_INVALID, attestation(evidence_at=Time(NOW - 59)))


@pytest.mark.parametrize("evidence_at", [None, Time(NOW - 600)])
def test_the_time_of_the_evidence_is_no_claim(evidence_at: Any) -> None:
    for value in ("2026-01-01T00:00:00Z", NOW - 600, None):
        refuses(Reason.CLAIM_RESERVED, attestation({OURS: {CHECKED: value}}, evidence_at=evidence_at))
    what = attestation({PID: {CHECKED: "of another namespace"}}, evidence_at=evidence_at)
    assert read(issue(what)) == what


# --- the DeviceResponse ---


KEYS = {algorithm: key("holder", algorithm) for algorithm in ALGORITHMS}
CHALLENGES = {
    "plain": {"audience": AUDIENCE, "nonce": NONCE},
    "dc_api": {"audience": "origin:" + AUDIENCE, "nonce": NONCE,
               "handover": Handover(HandoverKind.DC_API, None, b"t" * 32)},
    "openid4vp": {
        "audience": AUDIENCE, "nonce": NONCE, "handover": Handover(HandoverKind.OPENID4VP, "https://gateway.example/r"),
    },
    "dc_api_draft_24": {
        "audience": "origin:" + AUDIENCE, "nonce": NONCE,
        "handover": Handover(HandoverKind.DC_API_DRAFT_24, client_id="web-origin:x"),
    },
    "iso_18013_7_2024": {
        "audience": AUDIENCE, "nonce": NONCE,
        "handover": Handover(HandoverKind.ISO_18013_7_2024, "https://gateway.example/r", mdoc_generated_nonce="own"),
    },
    "transcript": {
        "audience": AUDIENCE, "nonce": b"12345678",
        "handover": Handover(HandoverKind.TRANSCRIPT, transcript=cbor.encode([None, None, None])),
    },
}  # fmt: skip


def asked(name: str = "plain", reader_key: Any = None) -> Challenge:
    return Challenge(**CHALLENGES[name], reader_key=reader_key)  # type: ignore[arg-type]


def answered(credential: Credential, disclose: Any, to: Challenge, signer: Any) -> bytes:
    return credential.present(disclose, challenge=to, key=signer, peer=to.peer, now=NOW)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", CHALLENGES)
def test_a_device_signature_verifies_for_every_algorithm_and_handover(algorithm: str, name: str) -> None:
    what = attestation(holder_key=KEYS[algorithm].public)
    data = answered(received(issue(what)), [(OURS, "citizen_of_us")], asked(name), KEYS[algorithm])
    document = canonical(data)["documents"][0]
    auth = document["deviceSigned"]["deviceAuth"]
    assert list(auth) == ["deviceSignature"]
    protected, unprotected, payload, _ = auth["deviceSignature"]
    assert (cbor.decode(protected, "p"), unprotected, payload) == ({1: NUMBERS[algorithm]}, {}, None)
    assert same(shown(data, asked(name)).attestation.claims, {OURS: {"citizen_of_us": True}})
    other = Challenge(**{**CHALLENGES[name], "nonce": NONCE[::-1]})  # type: ignore[arg-type]
    if name != "transcript":
        error = misused(Reason.SIGNATURE_INVALID, lambda: shown(data, other))
        assert error.step == "V8"


@pytest.mark.parametrize("algorithm", CURVES)
@pytest.mark.parametrize("name", CHALLENGES)
def test_a_device_mac_verifies_for_every_curve_and_handover(algorithm: str, name: str) -> None:
    device, reader = AgreementKey.generate(CURVES[algorithm]), AgreementKey.generate(CURVES[algorithm])
    credential = received(issue(attestation(holder_key=device.public)))
    for stated in (reader.public, reader):
        data = answered(credential, [OURS], asked(name, stated), device)
        auth = canonical(data)["documents"][0]["deviceSigned"]["deviceAuth"]
        assert list(auth) == ["deviceMac"]
        protected, unprotected, payload, tag = auth["deviceMac"]
        assert (cbor.decode(protected, "p"), unprotected, payload, len(tag)) == ({1: 5}, {}, None, 32)
        assert same(shown(data, asked(name, reader)).attestation.claims, attestation().claims)
        stranger = AgreementKey.generate(CURVES[algorithm])
        misused(Reason.SIGNATURE_INVALID, lambda data=data, other=stranger: shown(data, asked(name, other)))
        misused(Reason.READER_KEY_MISSING, lambda data=data: shown(data, asked(name)))


def test_a_mac_needs_the_readers_key_on_the_same_curve() -> None:
    device = AgreementKey.generate("P-256")
    credential = received(issue(attestation(holder_key=device.public)))
    misused(Reason.READER_KEY_MISSING, lambda: answered(credential, [], asked(), device))
    for reader in (AgreementKey.generate("P-384").public, AgreementKey.generate("brainpoolP256r1").public,
                   key("x", "Ed25519").public):  # fmt: skip
        misused(Reason.KEY_INVALID, lambda reader=reader: answered(credential, [], asked("plain", reader), device))
    misused(Reason.READER_KEY_MISSING, lambda: answered(credential, [], asked("plain", key("x")), device))


def test_a_mac_is_no_signature_and_nobody_completes_it_from_outside() -> None:
    device, reader = AgreementKey.generate("P-256"), AgreementKey.generate("P-256")
    agreement = HolderAgreement(reader.public, b"salt", b"info")
    unsigned = Unsigned(b"data", device.public, lambda tag: b"<" + tag + b">", agreement)
    tag = device.mac(reader.public, b"salt", b"info", b"data")
    assert tag is not None and unsigned.sign(device) == b"<" + tag + b">"
    assert unsigned.algorithm == "HMAC 256/256" and repr(unsigned) == "<Unsigned HMAC 256/256>"
    misused(Reason.CONFIGURATION_INVALID, lambda: unsigned.complete(tag))
    misused(Reason.HOLDER_KEY_MISMATCH, lambda: unsigned.sign(AgreementKey.generate("P-256")))
    # One device key does signatures or MACs, never both.
    signing = LocalKey.from_jwk(device.to_private_jwk())  # type: ignore[arg-type]
    misused(Reason.CONFIGURATION_INVALID, lambda: unsigned.sign(signing))
    plain = Unsigned(b"data", device.public, lambda signature: signature)
    misused(Reason.CONFIGURATION_INVALID, lambda: plain.sign(device))
    misused(Reason.HOLDER_KEY_MISMATCH, lambda: plain.sign(reader))
    assert len(plain.sign(signing)) == 64
    stranger = HolderAgreement(AgreementKey.generate("P-384").public, b"", b"")
    elsewhere = Unsigned(b"data", device.public, bytes, stranger)
    misused(Reason.CONFIGURATION_INVALID, lambda: elsewhere.sign(device))


def test_a_device_response_has_one_document_and_no_device_signed_elements() -> None:
    data = answered(received(issue(attestation())), [OURS], asked(), key("holder"))
    response = canonical(data)
    assert set(response) == {"version", "documents", "status"}
    assert (response["version"], response["status"], len(response["documents"])) == ("1.0", 0, 1)
    (document,) = response["documents"]
    assert set(document) == {"docType", "issuerSigned", "deviceSigned"} and document["docType"] == OURS
    assert set(document["deviceSigned"]) == {"nameSpaces", "deviceAuth"}
    assert cbor.embedded(b"\xa0") in data and document["deviceSigned"]["nameSpaces"] == cbor.CBORTag(24, b"\xa0")
    assert len(open_presentation(data, **MDOC)) == 1


def test_the_device_signs_device_authentication_with_its_type_and_the_transcript() -> None:
    to = asked("openid4vp")
    unsigned = received(issue(attestation())).prepare([], challenge=to, key=key("holder").public, peer=to.peer, now=NOW)
    stated = cbor.encode(["DeviceAuthentication", [1], OURS, cbor.CBORTag(24, b"\xa0")])
    payload = cbor.embedded(stated.replace(cbor.encode([1]), session_transcript(to)))
    assert payload == device_authentication_bytes(session_transcript(to), OURS, b"\xa0")
    assert unsigned.to_be_signed == cbor.encode(["Signature1", cbor.encode({1: -7}), b"", payload])
    data = unsigned.complete(key("holder").sign(unsigned.to_be_signed))
    assert shown(data, to).attestation.claims == {}
    misused(Reason.SIGNATURE_INVALID, lambda: unsigned.complete(key("other").sign(unsigned.to_be_signed)))


def test_what_the_issuer_made_goes_on_as_it_came() -> None:
    # A foreign issuer writes what he likes: an array of one certificate, unsorted keys, long heads, more header labels.
    data = issue(attestation())
    protected, unprotected, payload, signature = cbor.decode(data, "x", TAGS)["issuerAuth"]
    chain = unprotected[33]
    header = b"\xb8\x02\x18\x21\x81" + cbor.byte_string(chain) + b"\x63foo\x19\x00\x01"
    auth = b"\x98\x04" + cbor.byte_string(protected) + header + b"\x5a" + len(payload).to_bytes(4, "big") + payload
    auth += cbor.byte_string(signature)
    slices = cbor.member_slices(data, "x", TAGS)
    foreign = b"\xa3\x6anameSpaces" + slices["nameSpaces"] + b"\x78\x0aissuerAuth" + auth + b"\x61x\x80"
    credential = received(foreign)
    shown_ = answered(credential, [OURS], asked(), key("holder"))
    assert auth in shown_ and foreign == credential.to_bytes()
    assert same(shown(shown_, asked()).attestation.claims, attestation().claims)


def test_a_holder_shows_that_he_is_a_citizen_of_us_and_nothing_else() -> None:
    countries = [Country("US"), Country("DE"), Country("FR")]
    stated = Citizenship(countries, countries, True).to_claims(Format.MDOC)
    secret = {"family_name": "Lovelace-Secret", "portrait": b"portrait-secret", "birth_date": "1815-12-10"}
    what = attestation({**stated, PID: secret}, assurance=Assurance("framework-secret", "level-secret"))
    issued = issue(what)
    data = answered(received(issued), [(OURS, "citizen_of_us")], asked(), key("holder"))
    assert same(shown(data, asked()).attestation.claims, {OURS: {"citizen_of_us": True}})
    for hidden in (
        b"Secret", b"secret", b"1815", b"family_name", b"portrait", b"assurance", b"citizen_of_de", b"national_of",
        b"nationalities", b"elementIdentifier\x6dcitizen_of_fr",
    ):  # fmt: skip
        assert hidden not in data and (hidden in issued or b"\x6d" in hidden)
    assert data.count(b"elementIdentifier") == 1 and data.count(b"citizen_of_us") == 1


subsets = st.lists(st.sampled_from([("x", "a"), ("x", "b"), ("y", "a"), ("z", "ä")]), unique=True)


@given(subsets)
def test_what_is_shown_is_what_was_chosen(choice: list[tuple[str, str]]) -> None:
    claims = {"x": {"a": 1, "b": {"c": [2]}}, "y": {"a": "text"}, "z": {"ä": b"bytes"}}
    data = answered(received(issue(attestation(claims))), choice, asked(), key("holder"))
    canonical(data)
    expected: dict[str, Any] = {}
    for namespace, name in choice:
        expected.setdefault(namespace, {})[name] = claims[namespace][name]
    assert same(shown(data, asked()).attestation.claims, expected)
    stated = cbor.decode(data, "x", TAGS)["documents"][0]["issuerSigned"]
    assert set(stated.get("nameSpaces", {})) == set(expected) and ("nameSpaces" in stated) is bool(expected)


def options(data: bytes, **changes: Any) -> PresentOptions:
    good: dict[str, Any] = {
        "type": OURS, "hash_name": "sha256", "chosen": {0}, "challenge": asked(), "key": key("holder").public,
        "by_mac": False, "now": Time(NOW), "serialization": Serialization.COMPACT, "credential": data,
    }  # fmt: skip
    return PresentOptions(**{**good, **changes})


@pytest.mark.parametrize(("changes", "reason"), [
    ({"serialization": Serialization.GENERAL}, Reason.CONFIGURATION_INVALID),
    ({"key": key("holder", "ML-DSA-44").public}, Reason.ALGORITHM_NOT_ALLOWED),
    ({"challenge": Challenge(AUDIENCE, b"12345678")}, Reason.NONCE_MISMATCH),
    ({"challenge": Challenge.session_transcript(b"\x82\xf6\xf6", audience=AUDIENCE, nonce=NONCE)},
     Reason.CHALLENGE_INVALID),
    ({"credential": b""}, Reason.MALFORMED_CBOR), ({"credential": b"\x80"}, Reason.MALFORMED_CBOR),
    ({"credential": b"\xa0"}, Reason.MALFORMED_TOKEN),
])  # fmt: skip
def test_what_cannot_be_presented_is_refused(changes: Any, reason: Reason) -> None:
    data = issue(attestation())
    (presentation,) = open_presentation(data, **MDOC)
    WRITER.present(presentation, options(data))
    misused(reason, lambda: WRITER.present(presentation, options(data, **changes)))


def test_errors_and_names_tell_nothing() -> None:
    agreement = HolderAgreement(key("x").public, b"secret-salt", b"secret-info")
    assert repr(agreement) == "<HolderAgreement>"
    with pytest.raises(CitizenIDError) as caught:
        issue(attestation({MDL: {"birth_date": "secret"}}, type=MDL_TYPE))
    assert "secret" not in repr(caught.value) + str(caught.value) and caught.value.__context__ is None


# --- slices of what was received ---


@given(st.dictionaries(st.text(max_size=3) | st.integers(-300, 300), values, max_size=30))
def test_the_members_of_a_map_are_found_as_the_bytes_that_stand_there(members: Mapping[Any, Any]) -> None:
    data = cbor.encode(members)
    assert cbor.member_slices(data, "x") == {name: cbor.encode(value) for name, value in members.items()}


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x01", b"\xf6", b"\xd8\x18\x41\xa0", b"\xa1\x01", b"\xbf\xff"])
def test_only_a_map_has_members(data: bytes) -> None:
    error = misused(Reason.MALFORMED_CBOR, lambda: cbor.member_slices(data, "x", TAGS))
    assert type(error) is MalformedError
