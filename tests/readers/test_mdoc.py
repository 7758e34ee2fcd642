"""ISO mdoc read: the seven steps of ISO/IEC 18013-5 9.3.1, each refusal with its Reason, and what nobody would write.

Everything is made by hand in tests/mdoc_builders.py and signed for the occasion, so that a refusal has the one cause
that its test names. Properties come first.
"""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import cbor2
import pytest
from builders import (
    ABSENT,
    ISSUER,
    NOW,
    REVOKED_INDEX,
    STATUS_URI,
    VALID_INDEX,
    der,
    raises,
    us,
)
from cbor2 import CBORTag
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from mdoc_builders import (
    CURVES,
    ELEMENTS,
    MDL,
    NONCE,
    ORIGIN,
    OURS,
    PHOTO_ID,
    PID,
    Pairs,
    Raw,
    accepted,
    algorithm_of,
    anchors,
    anchors_for,
    arguments,
    certificate,
    challenge,
    cose_key,
    cose_sign1,
    date_time,
    device_signed,
    digest,
    digests_of,
    document,
    dump,
    embedded,
    handover,
    head,
    issuer_signed,
    item,
    items_of,
    key,
    make,
    pem,
    refused,
    response,
    root,
    sign,
    signer_certificate,
    verify,
)

from citizenid import (
    ANY,
    Assurance,
    Challenge,
    CitizenIDError,
    Country,
    Format,
    KeyPurpose,
    Limits,
    MalformedError,
    Reason,
    StatusKind,
    TrustAnchors,
    VerificationError,
)
from citizenid import verifier as _verifier
from citizenid._crypto import AgreementKey
from citizenid._limits import DEFAULT_LIMITS
from citizenid._readers import mdoc as _mdoc
from citizenid._readers import placements_of
from citizenid._wire import base64url

GOOD: Final = make()
LONG: Final = Limits(unreferenced_validity_s=10**9)
EXTRA: Final = {"rfu": {"x": [1, None, True, 1.5]}, 7: b"rfu"}
TEXT: Final = make({PID: {"nationality": "US"}})


def opened(data: bytes, **changes: Any) -> tuple[Any, ...]:
    return _verifier.open_presentation(data, format=Format.MDOC, **changes)


def credential(data: bytes, **changes: Any) -> _verifier.VerifiedCredential:
    (presentation,) = opened(data)
    return _verifier.verify_credential(presentation, **({"anchors": anchors(), "now": NOW} | changes))


def claims(data: bytes, **changes: Any) -> Mapping[str, Any]:
    return accepted(data, **changes).attestation.claims


def outcome(call: Callable[[], object]) -> Any:
    """Return the Reason and step with which a call is refused, or what it returns."""
    try:
        return call()
    except (MalformedError, VerificationError) as error:
        assert error.__cause__ is None and error.__context__ is None
        return error.reason, error.step


def reader_key() -> AgreementKey:
    return AgreementKey(key("reader"))


def with_mac(**changes: Any) -> bytes:
    return make(device={"reader_public": key("reader").public_key(), **changes})


def resealed(content: bytes, *others: bytes, number: Any = 0) -> bytes:
    """Return a good response of these contents as items, each under its own digest in the MSO."""
    return make(items={PID: [content, *others]})


# --- properties ---


@given(st.data())
def test_a_byte_changed_anywhere_never_verifies_with_other_claims(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(GOOD) - 1))
    value = data.draw(st.integers(1, 255))
    mutated = GOOD[:position] + bytes((GOOD[position] ^ value,)) + GOOD[position + 1 :]
    verdict = outcome(lambda: verify(mutated))
    if isinstance(verdict, _verifier.VerifiedPresentation):
        # A byte that nobody signs: a minor version, or the name nameSpaces, without which all is withheld.
        assert verdict.attestation.claims in (accepted(GOOD).attestation.claims, {})
        assert verdict.attestation.type == PID


@given(st.integers(0, len(GOOD) - 1))
def test_a_truncated_response_is_malformed(size: int) -> None:
    refused(GOOD[:size], Reason.MALFORMED_CBOR, "V1")


@given(st.integers(0, len(GOOD)), st.integers(0, len(TEXT)))
def test_two_spliced_responses_never_verify_with_claims_of_neither(one: int, other: int) -> None:
    verdict = outcome(lambda: verify(GOOD[:one] + TEXT[other:]))
    if isinstance(verdict, _verifier.VerifiedPresentation):
        assert verdict.attestation.claims in (accepted(GOOD).attestation.claims, accepted(TEXT).attestation.claims)


scalars = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats() | st.text(max_size=9)
anything = st.recursive(
    scalars | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(0, 40) | st.text(max_size=9), inner, max_size=4)
        | st.builds(CBORTag, st.sampled_from((0, 1, 2, 18, 24, 35, 1004)), inner)
    ),
    max_leaves=12,
)
places = st.sampled_from(
    (
        ("version",),
        ("status",),
        ("documents",),
        ("documents", 0),
        ("documents", 0, "docType"),
        ("documents", 0, "issuerSigned"),
        ("documents", 0, "issuerSigned", "nameSpaces"),
        ("documents", 0, "issuerSigned", "nameSpaces", PID),
        ("documents", 0, "issuerSigned", "nameSpaces", PID, 0),
        ("documents", 0, "issuerSigned", "issuerAuth"),
        ("documents", 0, "issuerSigned", "issuerAuth", 0),
        ("documents", 0, "issuerSigned", "issuerAuth", 1),
        ("documents", 0, "issuerSigned", "issuerAuth", 1, 33),
        ("documents", 0, "issuerSigned", "issuerAuth", 2),
        ("documents", 0, "issuerSigned", "issuerAuth", 3),
        ("documents", 0, "deviceSigned"),
        ("documents", 0, "deviceSigned", "nameSpaces"),
        ("documents", 0, "deviceSigned", "deviceAuth"),
        ("documents", 0, "deviceSigned", "deviceAuth", "deviceSignature"),
        ("documents", 0, "deviceSigned", "deviceAuth", "deviceSignature", 0),
        ("documents", 0, "deviceSigned", "deviceAuth", "deviceSignature", 2),
        ("documents", 0, "deviceSigned", "deviceAuth", "deviceSignature", 3),
    )
)


def replaced(place: Any, value: Any) -> bytes:
    """Return the good response with something else in one place."""
    tree = cbor2.loads(GOOD)
    holder = tree
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return dump(tree)


@given(places, anything)
def test_anything_in_any_place_is_refused_in_our_words_or_changes_no_claim(place: Any, value: Any) -> None:
    verdict = outcome(lambda: verify(replaced(place, value)))
    if isinstance(verdict, _verifier.VerifiedPresentation):
        assert verdict.attestation.citizenship.nationalities in ((), us("US"))


mso_places = st.sampled_from(
    ("version", "digestAlgorithm", "valueDigests", "deviceKeyInfo", "docType", "validityInfo", "status", "rfu")
)


@given(mso_places, anything)
def test_anything_that_an_issuer_signs_is_refused_in_our_words_or_read(place: str, value: Any) -> None:
    outcome(lambda: verify(make(mso={place: value})))


@given(st.sampled_from(("digestID", "random", "elementIdentifier", "elementValue", "rfu")), anything)
def test_anything_in_an_item_is_refused_in_our_words_or_read(place: str, value: Any) -> None:
    outcome(lambda: verify(resealed(item(0, "nationality", "US", {place: value}))))


@given(st.binary(max_size=200) | anything.map(dump))
def test_bytes_without_sense_are_refused_in_our_words(data: bytes) -> None:
    assert isinstance(outcome(lambda: verify(data)), tuple)


@given(st.binary(max_size=60) | anything.map(dump))
def test_an_item_without_sense_is_refused_in_our_words(content: bytes) -> None:
    assert isinstance(outcome(lambda: verify(resealed(content))), tuple)


@given(st.binary(max_size=60) | anything.map(dump))
def test_an_mso_without_sense_is_refused_in_our_words(content: bytes) -> None:
    assert isinstance(outcome(lambda: verify(make(payload=bytes(embedded(content))))), tuple)


@given(st.binary(max_size=60) | anything.map(dump))
def test_device_namespaces_without_sense_are_refused_in_our_words(content: bytes) -> None:
    if content not in (b"\xa0", b"\xb8\x00"):
        assert isinstance(outcome(lambda: verify(make(device={"content": content}))), tuple)


@pytest.mark.parametrize(
    "stated",
    [
        None, [], "x", 1, [PID], {PID: None}, {PID: {}}, {PID: ["nationality"]}, {PID: "nationality"}, {1: {"a": 1}},
        {PID: {"nationality": "US"}, "a": {}},
    ],
    ids=repr,
)  # fmt: skip
def test_device_namespaces_are_maps_of_elements_and_none_is_empty(stated: Any) -> None:
    # With every element of these namespaces authorised, so that their form is all there is to refuse.
    authorized = {"keyAuthorizations": {"nameSpaces": [PID, "a"]}}
    error = refused(make(device={"content": dump(stated)}, key_info=authorized), Reason.MALFORMED_TOKEN, "V7")
    assert error.where == "device-auth.nameSpaces"


names = st.sampled_from((PID, PHOTO_ID, "a", "ab", "b", ""))


@given(
    st.dictionaries(names, st.lists(st.binary(max_size=3), min_size=1, max_size=3), max_size=3),
    st.dictionaries(names, st.lists(st.binary(max_size=3), min_size=1, max_size=3), max_size=3),
)
def test_two_issuer_halves_are_equal_only_for_the_same_items_in_the_same_namespaces(one: Any, other: Any) -> None:
    halves = []
    for shown in (one, other):
        signed = issuer_signed(items={}, shown=shown, sign_with=lambda _: bytes(64))
        (presentation,) = opened(response(document(signed)))
        halves.append(presentation.issuer_half)
    assert (halves[0] == halves[1]) == (list(one.items()) == list(other.items()))


# --- V1: DeviceResponse, Document, IssuerSigned ---


def test_a_good_response_is_read() -> None:
    verified = accepted(GOOD)
    assert verified.attestation.claims == {PID: {"nationality": ("US",), "family_name": "Muster"}}
    assert (verified.attestation.type, verified.attestation.issuer) == (PID, ISSUER)
    assert verified.attestation.citizenship.nationalities == us("US")
    assert verified.attestation.citizenship.citizenships == ()
    assert verified.format is Format.MDOC
    assert verified.status is None


def test_claims_are_frozen() -> None:
    stated = claims(make({PID: {"place": {"country": ["US", {"a": 1}]}}}))
    assert type(stated) is MappingProxyType
    assert type(stated[PID]) is MappingProxyType
    assert type(stated[PID]["place"]) is MappingProxyType
    assert type(stated[PID]["place"]["country"]) is tuple
    assert type(stated[PID]["place"]["country"][1]) is MappingProxyType


def test_text_is_base64url() -> None:
    assert accepted(base64url.encode_text(GOOD)).attestation.claims == accepted(GOOD).attestation.claims
    refused(base64url.encode_text(GOOD) + "=", Reason.MALFORMED_BASE64, "V1")
    refused(GOOD.hex() + "+", Reason.MALFORMED_BASE64, "V1")


@pytest.mark.parametrize("data", [None, 1, [GOOD], bytearray(GOOD), memoryview(GOOD), {"documents": []}])
def test_only_exact_bytes_and_str_are_read(data: Any) -> None:
    refused(data, Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize("data", [b"\x80", b"\x01", b"\xf6", b"\xd8\x18\x41\xa0", dump([1]), dump("x")])
def test_what_is_no_map_is_no_response(data: bytes) -> None:
    refused(data, Reason.MALFORMED_TOKEN, "V1")


def test_nothing_may_stand_behind() -> None:
    refused(GOOD + b"\x00", Reason.MALFORMED_CBOR, "V1")
    refused(GOOD + GOOD, Reason.MALFORMED_CBOR, "V1")
    refused(b"", Reason.MALFORMED_CBOR, "V1")


def test_a_response_beyond_the_limit_is_refused_before_it_is_read() -> None:
    exact = Limits(presentation_bytes=len(GOOD))
    accepted(GOOD, limits=exact)
    refused(GOOD, Reason.INPUT_TOO_LARGE, "V1", limits=Limits(presentation_bytes=len(GOOD) - 1))
    tracemalloc.start()
    try:
        huge = bytes(10_000_000)
        before = tracemalloc.get_traced_memory()[0]
        refused(huge, Reason.INPUT_TOO_LARGE, "V1")
        refused("A" * 1_000_000, Reason.INPUT_TOO_LARGE, "V1")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - before < 2_000_000


@pytest.mark.parametrize(
    "version", ["2.0", "0.9", "1", "1.", "1.x", "10.0", "01.0", " 1.0", "1.0 ", "1.-1", "1.0.0", "", "1.٣", "١.0"]
)
def test_an_unknown_major_version_or_spelling_is_refused(version: str) -> None:
    refused(make(response_changes={"version": version}), Reason.VERSION_UNSUPPORTED, "V1")
    refused(make(mso={"version": version}), Reason.VERSION_UNSUPPORTED, "V4")


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.99"])
def test_an_unknown_minor_version_is_read(version: str) -> None:
    accepted(make(mso={"version": version}, response_changes={"version": version}))


@pytest.mark.parametrize("version", [1.0, 1, None, b"1.0", ["1.0"], True])
def test_a_version_is_text(version: Any) -> None:
    refused(make(response_changes={"version": version}), Reason.MALFORMED_TOKEN, "V1")
    refused(make(mso={"version": version}), Reason.CLAIM_INVALID, "V4")


def test_a_version_is_required() -> None:
    refused(make(response_changes={"version": ABSENT}), Reason.MALFORMED_TOKEN, "V1")
    refused(make(mso={"version": ABSENT}), Reason.CLAIM_MISSING, "V4")


@pytest.mark.parametrize("status", [10, 11, 12, 1, -1, 2**63])
def test_a_status_other_than_ok_refuses_with_documents_and_without(status: int) -> None:
    refused(make(response_changes={"status": status}), Reason.RESPONSE_NOT_OK, "V1")
    refused(make(response_changes={"status": status, "documents": ABSENT}), Reason.RESPONSE_NOT_OK, "V1")


@pytest.mark.parametrize("status", [ABSENT, None, False, True, 0.0, "0", b"", [0]])
def test_a_status_is_an_integer(status: Any) -> None:
    refused(make(response_changes={"status": status}), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize("documents", [ABSENT, None, [], {}, {"0": 1}, "x", 1, CBORTag(24, b"\x80")])
def test_documents_are_a_list_of_one_at_least(documents: Any) -> None:
    refused(make(response_changes={"documents": documents}), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize("entry", [None, [], 1, "x", CBORTag(24, b"\xa0"), {}, {"docType": 1}, {"docType": None}])
def test_a_document_is_a_map_with_a_doc_type(entry: Any) -> None:
    refused(response(entry), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize("doc_type", [ABSENT, None, b"x", 1, [PID], CBORTag(24, PID.encode())])
def test_the_doc_type_of_a_document_is_text(doc_type: Any) -> None:
    refused(make(document_changes={"docType": doc_type}), Reason.MALFORMED_TOKEN, "V1")


def test_too_many_documents_are_refused() -> None:
    for many in ([document()] * 9, [{}] * 1_000):
        # `verify` takes one alone, with the same Reason: it is the place that says which bound refused.
        assert refused(response(*many), Reason.LIMIT_EXCEEDED, "V1").where == "device-response"
    assert len(opened(response(*[document()] * 8))) == 8


def test_several_documents_are_for_verify_each_alone() -> None:
    assert refused(response(document(), document()), Reason.LIMIT_EXCEEDED, "V1").where == "documents"


def test_unknown_entries_are_tolerated_everywhere() -> None:
    data = make(
        items={PID: [item(0, "nationality", ["US"], EXTRA)]},
        mso=EXTRA,
        validity={"rfu": 1},
        key_info={"keyInfo": {1: "rfu"}, "rfu": [1]},
        members=EXTRA,
        unprotected={99: b"rfu", "rfu": [1]},
        protected={1: -7, 98: "rfu"},
        device={"members": EXTRA, "unprotected": {99: 1}, "protected": {1: -7, 98: "rfu"}},
        document_changes={**EXTRA, "errors": {PID: {"portrait": 0}}},
        response_changes={**EXTRA, "documentErrors": [{"org.example": 0}]},
    )
    assert accepted(data).attestation.claims == {PID: {"nationality": ("US",)}}


def test_two_documents_are_judged_alone_in_both_orders() -> None:
    good = document()
    bad = document(issuer_signed(sign_with=lambda _: bytes(64)))
    revoked = document(issuer_signed(mso={"status": {"status_list": {"idx": REVOKED_INDEX, "uri": STATUS_URI}}}))
    for documents, expected in (
        ((good, bad), (None, Reason.SIGNATURE_INVALID)),
        ((bad, good), (Reason.SIGNATURE_INVALID, None)),
        ((revoked, good, bad), (Reason.REVOKED, None, Reason.SIGNATURE_INVALID)),
    ):
        verdicts = _verifier.verify_each(response(*documents), **arguments())
        reasons = tuple(each.reason if isinstance(each, CitizenIDError) else None for each in verdicts)
        assert reasons == expected
        assert [type(each) is _verifier.VerifiedPresentation for each in verdicts] == [each is None for each in reasons]


def test_what_is_wrong_with_one_document_is_not_wrong_with_the_next() -> None:
    faults = {
        Reason.EXPIRED: document(issuer_signed(validity={"validUntil": date_time(NOW - 1)})),
        Reason.NOT_YET_VALID: document(issuer_signed(validity={"validFrom": date_time(NOW + 1)})),
        Reason.KEY_BINDING_MISSING: document(changes={"deviceSigned": ABSENT}),
        Reason.TYPE_NOT_ALLOWED: document(changes={"docType": OURS}),
        Reason.SIGNATURE_INVALID: document(device=device_signed(transcript=handover(nonce="of-another-challenge"))),
    }
    other = document(issuer_signed({OURS: {"nationalities": ["FR"]}}, doc_type=OURS), doc_type=OURS)
    documents = [document(), *faults.values(), other]
    for shift in range(len(documents)):
        order = documents[shift:] + documents[:shift]
        verdicts = _verifier.verify_each(response(*order), **arguments())
        found = verdicts[-shift:] + verdicts[:-shift] if shift else verdicts
        reasons = [each.reason if isinstance(each, CitizenIDError) else None for each in found]
        assert reasons == [None, *faults, None]
        stated = [each.citizenship for each in found if isinstance(each, _verifier.VerifiedPresentation)]
        assert [each.nationalities for each in stated] == [(Country("US"),), (Country("FR"),)]


def test_a_framing_fault_in_one_document_refuses_all() -> None:
    broken = document(changes={"issuerSigned": None})
    for documents in ((document(), broken), (broken, document())):
        raises(
            Reason.MALFORMED_TOKEN, "V1", lambda parts=documents: _verifier.verify_each(response(*parts), **arguments())
        )


def test_what_one_document_signs_does_not_serve_another() -> None:
    device = device_signed(doc_type=OURS)
    other = issuer_signed({OURS: {"nationalities": ["US"]}}, doc_type=OURS)
    # The device half of the second document in the first, and the other way round.
    crossed = response(document(device=device), document(other, device_signed(), doc_type=OURS))
    for verdict in _verifier.verify_each(crossed, **arguments()):
        assert isinstance(verdict, CitizenIDError)
        assert (verdict.reason, verdict.step) == (Reason.SIGNATURE_INVALID, "V8")


@pytest.mark.parametrize("signed", [ABSENT, None, [], 1, "x", CBORTag(24, b"\xa0")])
def test_issuer_signed_is_a_map(signed: Any) -> None:
    refused(make(document_changes={"issuerSigned": signed}), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize(
    "spaces",
    [
        None,
        [],
        "x",
        CBORTag(24, b"\xa0"),
        {1: [embedded(b"\xa0")]},
        {PID: []},
        {PID: {}},
        {PID: None},
        {PID: embedded(b"\xa0")},
    ],
)
def test_name_spaces_are_lists_of_items_by_name(spaces: Any) -> None:
    refused(make(members={"nameSpaces": spaces}), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize("entry", [{"digestID": 0}, b"\xa0", None, [], 1, Raw(b"\xd8\x18\xa0"), Raw(b"\xd8\x18\x61a")])
def test_an_item_is_embedded_cbor(entry: Any) -> None:
    refused(make(members={"nameSpaces": {PID: [entry]}}), Reason.MALFORMED_TOKEN, "V1")


def test_an_item_embedded_twice_is_refused() -> None:
    content = item(0, "nationality", ["US"])
    doubled = Raw(b"\xd8\x18" + embedded(content))
    refused(make(items={PID: [content]}, shown={PID: [doubled]}), Reason.MALFORMED_TOKEN, "V1")
    refused(resealed(bytes(embedded(content))), Reason.MALFORMED_CBOR, "V4")


def test_an_item_under_another_tag_is_refused() -> None:
    content = item(0, "nationality", ["US"])
    for tag in (b"\xd8\x19", b"\xc2", b"\xd2", b"\xd8\x3d"):
        other = Raw(tag + dump(content))
        refused(make(items={PID: [content]}, shown={PID: [other]}), Reason.MALFORMED_CBOR, "V1")


def test_nothing_need_be_disclosed() -> None:
    for spaces in (ABSENT, {}):
        verified = accepted(make(members={"nameSpaces": spaces}))
        assert verified.attestation.claims == {}
        assert verified.attestation.citizenship.nationalities == ()


def test_a_longer_head_around_an_item_is_read_as_the_shortest() -> None:
    content = item(0, "nationality", ["US"])
    long = Raw(b"\xd8\x18\x59" + len(content).to_bytes(2, "big") + content)
    assert claims(make(items={PID: [content]}, shown={PID: [long]})) == {PID: {"nationality": ("US",)}}


def test_the_order_of_keys_is_free() -> None:
    content = item(0, "nationality", ["US"])
    turned = dump(dict(reversed(cbor2.loads(content).items())))
    assert claims(resealed(turned)) == {PID: {"nationality": ("US",)}}


def test_counts_and_names_are_bounded() -> None:
    many = {PID: {f"e{number}": 1 for number in range(30)}}
    accepted(make(many), limits=Limits(disclosures=30))
    refused(make(many), Reason.LIMIT_EXCEEDED, "V1", limits=Limits(disclosures=29))
    two = {PID: {"a": 1, "b": 2}, PHOTO_ID: {"c": 3, "d": 4}}
    refused(make(two), Reason.LIMIT_EXCEEDED, "V1", limits=Limits(disclosures=3))
    accepted(make(two), limits=Limits(digests=4))
    refused(make(two), Reason.LIMIT_EXCEEDED, "V4", limits=Limits(digests=3))
    assert claims(make({"n" * 255: {"e" * 255: 1}})) == {"n" * 255: {"e" * 255: 1}}
    refused(make({"n" * 256: {"e": 1}}), Reason.LIMIT_EXCEEDED, "V1")
    refused(make({PID: {"e" * 256: 1}}), Reason.DISCLOSURE_MALFORMED, "V4")


def test_the_work_grows_with_the_elements_and_no_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    loads = cbor2.loads
    sizes = {}
    for number in (10, 100, 1_000):
        data = make({PID: {f"e{each}": each for each in range(number)}})
        accepted(data)  # what is remembered between calls is there now
        with monkeypatch.context() as patched:
            patched.setattr(cbor2, "loads", lambda *a, **b: (counted.append(len(a[0])), loads(*a, **b))[1])
            accepted(data)
        sizes[number] = (len(counted), sum(counted), len(data))
        counted.clear()
    assert {calls for calls, _, _ in sizes.values()} == {sizes[10][0]}  # all items together are one call
    assert all(total < 6 * length for _, total, length in sizes.values())  # end marks included


# --- the codec, where an mdoc passes through it ---


HOSTILE: Final = {
    "indefinite map": (b"\xbf\x61a\x01\xff", Reason.MALFORMED_CBOR),
    "indefinite array": (b"\xa1\x61a\x9f\x01\xff", Reason.MALFORMED_CBOR),
    "indefinite bytes": (b"\xa1\x61a\x5f\x41a\xff", Reason.MALFORMED_CBOR),
    "indefinite text": (b"\xa1\x61a\x7f\x61a\xff", Reason.MALFORMED_CBOR),
    "key twice": (b"\xa2\x61a\x01\x61a\x02", Reason.DUPLICATE_MEMBER),
    "number twice": (b"\xa2\x01\x01\x18\x01\x02", Reason.DUPLICATE_MEMBER),
    "bignum": (b"\xa1\x61a\xc2\x58\x40" + b"\xff" * 64, Reason.MALFORMED_CBOR),
    "decimal": (b"\xa1\x61a\xc4\x82\x1a\x3b\x9a\xca\x00\x01", Reason.MALFORMED_CBOR),
    "regular expression": (b"\xa1\x61a\xd8\x23\x66(a+)+$", Reason.MALFORMED_CBOR),
    "cycle": (b"\xa1\x61a\xd8\x1c\x81\xd8\x1d\x00", Reason.MALFORMED_CBOR),
    "string reference": (b"\xa1\x61a\xd9\x01\x00\x82\x64aaaa\xd8\x19\x00", Reason.MALFORMED_CBOR),
    "bytes of 2**63": (b"\xa1\x61a\x5b\x80" + bytes(7), Reason.MALFORMED_CBOR),
    "text of 2**63": (b"\xa1\x61a\x7b\x80" + bytes(7), Reason.MALFORMED_CBOR),
    "array of 2**63": (b"\xa1\x61a\x9b\x80" + bytes(7), Reason.MALFORMED_CBOR),
    "map of 2**63": (b"\xbb\x80" + bytes(7), Reason.MALFORMED_CBOR),
    "nested 10,000 times": (b"\xa1\x61a" + b"\x81" * 10_000 + b"\x01", Reason.DEPTH_EXCEEDED),
    "maps nested 10,000 times": (b"\xa1\x61a" * 10_000 + b"\x01", Reason.DEPTH_EXCEEDED),
    "NaN": (b"\xa1\x61a\xf9\x7e\x00", Reason.MALFORMED_CBOR),
    "infinity": (b"\xa1\x61a\xf9\x7c\x00", Reason.MALFORMED_CBOR),
    "undefined": (b"\xa1\x61a\xf7", Reason.MALFORMED_CBOR),
    "simple": (b"\xa1\x61a\xf8\xff", Reason.MALFORMED_CBOR),
    "break": (b"\xa1\x61a\xff", Reason.MALFORMED_CBOR),
    "no UTF-8": (b"\xa1\x61a\x62\xc0\xaf", Reason.MALFORMED_CBOR),
    "surrogate": (b"\xa1\x61a\x63\xed\xa0\x80", Reason.MALFORMED_CBOR),
    "key true": (b"\xa1\xf5\x01", Reason.MALFORMED_CBOR),
    "key 1.0": (b"\xa1\xf9\x3c\x00\x01", Reason.MALFORMED_CBOR),
    "key null": (b"\xa1\xf6\x01", Reason.MALFORMED_CBOR),
    "byte left over": (b"\xa1\x61a\x01\x00", Reason.MALFORMED_CBOR),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_cbor_is_refused_in_each_of_the_five_places(content: bytes, reason: Reason) -> None:
    refused(content, reason, "V1")
    refused(make(protected=content), reason, "V1")
    refused(make(payload=bytes(embedded(content))), reason, "V4")
    refused(resealed(content), reason, "V4")
    refused(make(device={"content": content}), reason, "V7")


@pytest.mark.parametrize("key_", ["version", "documents", "status"])
def test_a_member_twice_is_refused_in_the_response(key_: str) -> None:
    tree = cbor2.loads(GOOD)
    refused(dump(Pairs([*tree.items(), (key_, tree[key_])])), Reason.DUPLICATE_MEMBER, "V1")


def test_a_member_twice_is_refused_inside() -> None:
    members = cbor2.loads(item(0, "nationality", ["US"]))
    twice = dump(Pairs([*members.items(), ("elementValue", ["DE"])]))
    refused(resealed(twice), Reason.DUPLICATE_MEMBER, "V4")
    refused(make(device={"protected": dump(Pairs([(1, -7), (1, -8)]))}), Reason.DUPLICATE_MEMBER, "V1")
    refused(make(shown=Pairs([(PID, [embedded(item(0, "a", 1))])] * 2)), Reason.DUPLICATE_MEMBER, "V1")


@pytest.mark.parametrize("number", [0, 1004])
def test_dates_are_for_values_and_not_for_the_response(number: int) -> None:
    refused(make(document_changes={"rfu": CBORTag(number, "2020-01-01")}), Reason.MALFORMED_CBOR, "V1")


# --- V1 to V3: issuerAuth ---


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5])
def test_issuer_auth_has_four_parts(size: int) -> None:
    refused(make(auth=lambda parts: [*parts, b""][:size]), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize("auth", [None, {}, b"", "x", 1])
def test_issuer_auth_is_an_array(auth: Any) -> None:
    refused(make(auth=lambda _: auth), Reason.MALFORMED_TOKEN, "V1")


def test_issuer_auth_is_required_and_not_tagged() -> None:
    refused(make(members={"issuerAuth": ABSENT}), Reason.MALFORMED_TOKEN, "V1")
    refused(make(auth=lambda parts: CBORTag(18, parts)), Reason.MALFORMED_CBOR, "V1")
    refused(make(auth=lambda parts: embedded(dump(parts))), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize(("index", "value"), [(0, {1: -7}), (0, "x"), (0, None), (1, []), (1, None), (3, None), (3, 1)])
def test_each_part_of_issuer_auth_has_its_type(index: int, value: Any) -> None:
    refused(
        make(auth=lambda parts: [value if place == index else part for place, part in enumerate(parts)]),
        Reason.MALFORMED_TOKEN,
        "V1",
    )


@pytest.mark.parametrize("sent", [None, 1, "x", {}, [], CBORTag(24, b"\xa0")])
def test_the_payload_of_issuer_auth_is_attached(sent: Any) -> None:
    refused(make(sent=sent), Reason.MALFORMED_TOKEN, "V1")


def test_a_payload_that_is_no_embedded_mso_is_refused() -> None:
    mso = dump({"version": "1.0"})
    refused(make(payload=mso), Reason.MALFORMED_TOKEN, "V4")
    refused(make(payload=bytes(embedded(bytes(embedded(mso))))), Reason.MALFORMED_CBOR, "V4")
    refused(make(payload=b"\xd8\x18" + mso), Reason.MALFORMED_TOKEN, "V4")
    refused(make(payload=bytes(embedded(b"\x80"))), Reason.MALFORMED_TOKEN, "V4")
    refused(make(payload=b""), Reason.MALFORMED_CBOR, "V4")
    refused(make(payload=bytes(embedded(mso)) + b"\x00"), Reason.MALFORMED_CBOR, "V4")


@pytest.mark.parametrize(
    "protected", [{}, b"", {4: b"kid"}, {1: None}, {1: "ES256"}, {1: 5}, {1: -47}, {1: -48}, {1: 0}]
)
def test_the_algorithm_stands_in_the_protected_header_and_in_the_table(protected: Any) -> None:
    refused(make(protected=protected), Reason.ALGORITHM_NOT_ALLOWED, "V1")


def test_an_algorithm_in_the_unprotected_header_does_not_count() -> None:
    refused(make(protected={}, unprotected={1: -7}), Reason.ALGORITHM_NOT_ALLOWED, "V1")


def test_an_algorithm_that_is_not_the_keys_is_refused() -> None:
    refused(make(protected={1: -35}), Reason.ALGORITHM_MISMATCH, "V3")
    refused(make(protected={1: -8}), Reason.ALGORITHM_MISMATCH, "V3")
    refused(make(protected={1: -265}), Reason.ALGORITHM_MISMATCH, "V3")
    accepted(make(protected={1: -9}))  # ESP256, fully specified
    refused(make(protected={1: -266}), Reason.CURVE_UNSUPPORTED, "V1")


@pytest.mark.parametrize("curve", CURVES)
def test_every_curve_signs_as_issuer_and_as_device(curve: str) -> None:
    issuer, device = key("signer", curve), key("device", curve)
    data = make(signer=issuer, key_info={"deviceKey": cose_key(device)}, device={"device": device})
    assert accepted(data).attestation.citizenship.nationalities == us("US")
    flipped = make(signer=issuer, sign_with=lambda data: sign(issuer, data + b"\x00"))
    refused(flipped, Reason.SIGNATURE_INVALID, "V3")


def test_a_critical_header_or_one_with_a_place_for_keys_is_refused() -> None:
    refused(make(protected={1: -7, 2: [33]}), Reason.CRIT_UNSUPPORTED, "V1")
    refused(make(unprotected={2: [1]}), Reason.CRIT_UNSUPPORTED, "V1")
    for uri in ("https://example.com", CBORTag(32, "https://example.com")):  # under its tag: RFC 9360 section 2
        refused(make(unprotected={35: uri}), Reason.HEADER_FORBIDDEN, "V1")
        refused(make(protected={1: -7, 35: uri}), Reason.HEADER_FORBIDDEN, "V1")
        refused(make(device={"unprotected": {35: uri}}), Reason.HEADER_FORBIDDEN, "V1")
    refused(make(unprotected={99: uri}), Reason.MALFORMED_CBOR, "V1")


@pytest.mark.parametrize("chain", [[], b"", [b""], None, "x", [1], [None], {0: b"x"}])
def test_the_chain_has_certificates(chain: Any) -> None:
    refused(make(chain=chain), Reason.HEADER_INVALID, "V1")


def test_a_chain_is_required() -> None:
    refused(make(unprotected={33: ABSENT}), Reason.HEADER_INVALID, "V1")
    refused(make(unprotected={33: ABSENT, 4: b"k1"}), Reason.HEADER_INVALID, "V1")


def test_a_chain_stands_in_one_header_alone() -> None:
    protected = {1: -7, 33: signer_certificate()}
    refused(make(protected=protected), Reason.HEADER_INVALID, "V1")
    accepted(make(protected=protected, unprotected={33: ABSENT}))


def test_a_chain_of_one_may_be_an_array() -> None:
    accepted(make(chain=[signer_certificate()]))


def test_a_chain_is_bounded() -> None:
    refused(make(chain=[signer_certificate()] * 4), Reason.LIMIT_EXCEEDED, "V2")
    refused(make(chain=[signer_certificate()] * 5), Reason.LIMIT_EXCEEDED, "V1")
    refused(make(chain=[bytes(1)] * 1_000), Reason.LIMIT_EXCEEDED, "V1")


def test_a_certificate_hash_names_the_leaf() -> None:
    leaf = signer_certificate()
    accepted(make(protected={1: -7, 34: [-16, hashlib.sha256(leaf).digest()]}))
    refused(make(protected={1: -7, 34: [-16, bytes(32)]}), Reason.HEADER_INVALID, "V1")


def test_a_signature_of_somebody_else_is_refused() -> None:
    # The right certificate and another's key; and the right name with another's key under another root of that name.
    refused(make(sign_with=lambda data: sign(key("mallory"), data)), Reason.SIGNATURE_INVALID, "V3")
    forged = certificate("DS", "IACA", key("mallory"), key("false IACA"))

    refused(make(signer=key("mallory"), chain=der(forged)[0]), Reason.CERTIFICATE_UNTRUSTED, "V2")
    false_root = certificate("IACA", "IACA", key("false IACA"), key("false IACA"), authority=True)
    refused(make(signer=key("mallory"), chain=list(der(forged, false_root))), Reason.CERTIFICATE_UNTRUSTED, "V2")


def test_a_document_signer_is_one_by_its_certificate() -> None:

    for changes, reason in (
        ({"purpose": "1.0.18013.5.1.6"}, Reason.CERTIFICATE_USE_FORBIDDEN),
        ({"purpose": None}, Reason.CERTIFICATE_USE_FORBIDDEN),
        ({"country": "XX"}, Reason.CERTIFICATE_COUNTRY_MISMATCH),
        ({"not_after": NOW - 1}, Reason.CERTIFICATE_EXPIRED),
        ({"not_before": NOW + 1}, Reason.CERTIFICATE_EXPIRED),
    ):
        (leaf,) = der(certificate("DS", "IACA", key("signer"), key("IACA"), **changes))
        refused(make(chain=leaf), reason, "V2")


def test_what_nobody_anchored_is_refused() -> None:
    other = TrustAnchors.from_jwks(
        ISSUER,
        {"keys": [dict(AgreementKey(key("signer")).public.to_jwk())]},
        purpose=KeyPurpose.CREDENTIAL,
        formats=(Format.MDOC, Format.SD_CWT),
        types=(PID,),
        countries=us("US"),
    )
    refused(GOOD, Reason.CERTIFICATE_UNTRUSTED, "V2", anchors=other)


def test_a_pinned_signer_is_trusted_by_equality_alone() -> None:
    pinned = TrustAnchors.from_document_signers(
        _pem(signer_certificate()),
        issuer=ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=(Format.MDOC,),
        types=(PID,),
        countries=us("US"),
    )
    accepted(GOOD, anchors=pinned)
    again = certificate("DS", "IACA", key("signer"), key("IACA"))

    refused(make(chain=der(again)[0]), Reason.CERTIFICATE_UNTRUSTED, "V2", anchors=pinned)


def _pem(der_: bytes) -> bytes:

    return pem(x509.load_der_x509_certificate(der_))


# --- V4: the MobileSecurityObject ---


@pytest.mark.parametrize("name", ["sha256", "sha-256", "SHA256", "SHA-1", "MD5", "SHA3-256", "SHA-256 ", ""])
def test_the_digest_algorithm_is_one_of_three_by_its_exact_name(name: str) -> None:
    refused(make(mso={"digestAlgorithm": name}), Reason.HASH_ALGORITHM_NOT_ALLOWED, "V4")


@pytest.mark.parametrize("name", ["SHA-256", "SHA-384", "SHA-512"])
def test_three_digest_algorithms_are_read(name: str) -> None:
    assert claims(make(algorithm=name))[PID]["nationality"] == ("US",)
    refused(
        make(mso={"digestAlgorithm": name}, algorithm="SHA-256" if name != "SHA-256" else "SHA-384"),
        Reason.DIGEST_MISMATCH,
        "V4",
    )


@pytest.mark.parametrize(
    "name", ["version", "digestAlgorithm", "valueDigests", "deviceKeyInfo", "docType", "validityInfo"]
)
def test_every_member_of_the_mso_is_required_and_has_its_type(name: str) -> None:
    refused(make(mso={name: ABSENT}), Reason.CLAIM_MISSING, "V4")
    for value in (None, 1, [], b"x", True, CBORTag(0, "x")):
        refused(make(mso={name: value}), Reason.CLAIM_INVALID, "V4")


def test_an_empty_doc_type_is_none() -> None:
    refused(make(mso={"docType": ""}), Reason.CLAIM_INVALID, "V4")


def test_the_doc_type_of_the_document_is_the_one_that_was_signed() -> None:
    refused(make(document_changes={"docType": OURS}), Reason.TYPE_NOT_ALLOWED, "V5")
    refused(make(mso={"docType": OURS}), Reason.TYPE_NOT_ALLOWED, "V5")
    refused(make(document_changes={"docType": PID + " "}), Reason.TYPE_NOT_ALLOWED, "V5")
    refused(make(document_changes={"docType": ""}), Reason.TYPE_NOT_ALLOWED, "V5")


def test_a_doc_type_that_the_anchor_does_not_permit_is_refused() -> None:
    refused(make(doc_type="org.example.other"), Reason.TYPE_NOT_ALLOWED, "V5")
    refused(GOOD, Reason.TYPE_NOT_ALLOWED, "V5", anchors=anchors_for(types=(OURS,)))


def test_an_anchor_for_another_format_or_country_is_refused() -> None:
    other = TrustAnchors.from_certificates(
        pem(root()),
        issuer=ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=(Format.SD_JWT_VC,),
        types=(PID,),
        countries=us("US"),
    )
    refused(GOOD, Reason.FORMAT_NOT_ALLOWED, "V5", anchors=other)
    refused(GOOD, Reason.COUNTRY_NOT_ALLOWED, "V5", anchors=anchors_for(countries=us("DE")))


@pytest.mark.parametrize("namespace", [PID, MDL, PHOTO_ID])
def test_an_issuing_country_is_the_one_of_the_signers_certificate(namespace: str) -> None:
    # ISO/IEC 18013-5 9.3.3: a signer of one country states nothing in the name of another.
    nationality = {PID: {"nationality": ["US"]}}
    accepted(make({**nationality, namespace: {**nationality.get(namespace, {}), "issuing_country": "UT"}}))
    for stated in ("US", "ut", "UTO", "", "UT ", None, 5, ["UT"], b"UT"):
        data = make({**nationality, namespace: {**nationality.get(namespace, {}), "issuing_country": stated}})
        error = refused(data, Reason.ISSUER_MISMATCH, "V5")
        assert error.where == "issuing_country"


def test_every_issuing_country_counts_and_none_of_a_foreign_namespace() -> None:
    both = {PID: {"nationality": ["US"], "issuing_country": "UT"}, PHOTO_ID: {"issuing_country": "XX"}}
    refused(make(both), Reason.ISSUER_MISMATCH, "V5")
    accepted(make({PID: {"nationality": ["US"]}, "org.example.other": {"issuing_country": "XX"}}))


def _from_states(*states: str) -> bytes:
    (leaf,) = der(certificate("DS", "IACA", key("signer"), key("IACA"), states=states))
    return leaf


@pytest.mark.parametrize("namespace", [PID, MDL, PHOTO_ID])
def test_an_issuing_jurisdiction_is_the_state_of_the_signers_certificate(namespace: str) -> None:
    # ISO/IEC 18013-5 9.3.3: compared where the certificate names a state, and where the element is shown.
    def stating(jurisdiction: Any, leaf: bytes) -> bytes:
        nationality = {PID: {"nationality": ["US"]}}
        inside = {**nationality.get(namespace, {}), "issuing_jurisdiction": jurisdiction}
        return make({**nationality, namespace: inside}, chain=leaf)

    leaf = _from_states("UT-SL")
    accepted(stating("UT-SL", leaf))
    accepted(make(chain=leaf))
    accepted(stating("UT-PR", _from_states()))
    for stated in ("UT-PR", "ut-sl", "SL", "", "UT-SL ", None, 5, ["UT-SL"], b"UT-SL"):
        assert refused(stating(stated, leaf), Reason.ISSUER_MISMATCH, "V5").where == "issuing_jurisdiction"
    # Of two states neither is the one.
    refused(stating("UT-SL", _from_states("UT-SL", "UT-PR")), Reason.ISSUER_MISMATCH, "V5")


def test_every_issuing_jurisdiction_counts_and_none_of_a_foreign_namespace() -> None:
    leaf = _from_states("UT-SL")
    both = {PID: {"nationality": ["US"], "issuing_jurisdiction": "UT-SL"}, MDL: {"issuing_jurisdiction": "UT-PR"}}
    refused(make(both, chain=leaf), Reason.ISSUER_MISMATCH, "V5")
    accepted(make({PID: {"nationality": ["US"]}, "org.example.other": {"issuing_jurisdiction": "XX"}}, chain=leaf))


def test_of_a_pinned_signer_no_country_is_asked() -> None:
    pinned = TrustAnchors.from_document_signers(
        _pem(signer_certificate()),
        issuer=ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=(Format.MDOC,),
        types=(PID,),
        countries=ANY,
    )
    accepted(make({PID: {"nationality": ["US"], "issuing_country": "XX"}}), anchors=pinned)
    accepted(make({PID: {"nationality": ["US"], "issuing_jurisdiction": "XX-Y"}}), anchors=pinned)


# --- V4: items and digests ---


@pytest.mark.parametrize(
    "changes",
    [
        {"digestID": ABSENT},
        {"digestID": True},
        {"digestID": False},
        {"digestID": -1},
        {"digestID": 2**32},
        {"digestID": 0.0},
        {"digestID": "0"},
        {"digestID": None},
        {"random": ABSENT},
        {"random": bytes(15)},
        {"random": b""},
        {"random": "x" * 32},
        {"random": None},
        {"elementIdentifier": ABSENT},
        {"elementIdentifier": 1},
        {"elementIdentifier": None},
        {"elementIdentifier": b"nationality"},
        {"elementValue": ABSENT},
    ],
    ids=str,
)
def test_an_item_has_its_four_members(changes: Any) -> None:
    refused(resealed(item(0, "nationality", "US", changes)), Reason.DISCLOSURE_MALFORMED, "V4")


@pytest.mark.parametrize("content", [b"\x80", b"\x01", b"\xf6", b"\x40", b"\xc0\x61a"])
def test_an_item_is_a_map(content: bytes) -> None:
    refused(resealed(content), Reason.DISCLOSURE_MALFORMED, "V4")


def test_the_edges_of_an_item_are_read() -> None:
    content = item(2**32 - 1, "nationality", "US", {"random": bytes(16)})
    assert claims(resealed(content)) == {PID: {"nationality": "US"}}


def test_an_element_that_was_changed_has_no_digest() -> None:
    shown = {PID: [item(0, "nationality", ["DE"]), item(1, "family_name", "Muster")]}
    refused(make(shown=shown), Reason.DIGEST_MISMATCH, "V4")
    renamed = {PID: [item(0, "nationalities", ["US"])]}
    refused(make(shown=renamed), Reason.DIGEST_MISMATCH, "V4")


def test_the_last_element_is_checked_as_the_first_is() -> None:
    elements = {PID: {f"e{number}": number for number in range(5)}, PHOTO_ID: {"nationality": "US"}}
    for namespace in elements:
        for position in range(len(elements[namespace])):
            items = items_of(elements)
            items[namespace][position] = item(position, "nationality", "DE")
            refused(make(elements, shown=items), Reason.DIGEST_MISMATCH, "V4")


def test_a_digest_id_that_the_issuer_did_not_sign_is_refused() -> None:
    refused(make(shown={PID: [item(9, "nationality", ["US"])]}), Reason.DISCLOSURE_UNREFERENCED, "V4")


def test_a_digest_of_another_namespace_does_not_count() -> None:
    items = items_of({PID: {"a": 1}, PHOTO_ID: {"nationality": "DE", "b": 2}})
    # The item moves to another namespace, where its digestID has another digest, or none.
    refused(make(items=items, shown={PID: [items[PHOTO_ID][0]]}), Reason.DIGEST_MISMATCH, "V4")
    refused(make(items=items, shown={PID: [items[PHOTO_ID][1]]}), Reason.DISCLOSURE_UNREFERENCED, "V4")
    refused(make(items=items, shown={MDL: [items[PHOTO_ID][0]]}), Reason.DISCLOSURE_UNREFERENCED, "V4")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d[:-1],
        lambda d: d + b"\x00",
        lambda d: b"",
        lambda d: d.hex(),
        lambda d: [d],
        lambda d: CBORTag(0, d),
        lambda d: 1,
    ],
)
def test_a_digest_of_another_form_does_not_match(change: Any) -> None:
    content = item(0, "nationality", ["US"])
    digests = {PID: {0: change(digest(content))}}
    refused(make(items={PID: [content]}, digests=digests), Reason.DIGEST_MISMATCH, "V4")


def test_a_digest_over_the_content_alone_does_not_match() -> None:
    content = item(0, "nationality", ["US"])
    for hashed in (content, dump(content)):
        digests = {PID: {0: hashlib.sha256(hashed).digest()}}
        refused(make(items={PID: [content]}, digests=digests), Reason.DIGEST_MISMATCH, "V4")


@pytest.mark.parametrize("digests", [{PID: []}, {PID: None}, {PID: b""}, {PID: {0: b""}, PHOTO_ID: 1}])
def test_value_digests_are_maps_of_maps(digests: Any) -> None:
    refused(make(digests=digests), Reason.CLAIM_INVALID, "V4")


@pytest.mark.parametrize("key_", ["0", 0.0, False, -1])
def test_a_digest_id_of_another_type_is_found_by_nobody(key_: Any) -> None:
    content = item(0, "nationality", ["US"])
    digests = {PID: {key_: digest(content)}}
    reason = Reason.DISCLOSURE_UNREFERENCED if type(key_) in (int, str) else Reason.MALFORMED_CBOR
    refused(make(items={PID: [content]}, digests=digests), reason, "V4")


def test_an_item_twice_is_refused() -> None:
    content = item(0, "nationality", ["US"])
    refused(make(items={PID: [content]}, shown={PID: [content, content]}), Reason.DISCLOSURE_DUPLICATE, "V4")


def test_one_digest_id_for_two_items_is_refused() -> None:
    one, two = item(0, "nationality", ["US"]), item(0, "family_name", "Muster")
    refused(make(items={PID: [one]}, shown={PID: [one, two]}), Reason.DIGEST_MISMATCH, "V4")


def test_two_values_for_one_element_are_refused() -> None:
    for values in ((["US"], ["DE"]), (["US"], ["US"]), ("US", "US"), ("US", "DE"), (None, None)):
        items = {PID: [item(number, "nationality", value) for number, value in enumerate(values)]}
        refused(make(items=items), Reason.DISCLOSURE_CLASH, "V4")


def test_of_several_namespaces_the_first_with_a_fault_says_why() -> None:
    good = item(0, "e", 1)
    faults = {
        Reason.DISCLOSURE_MALFORMED: ([item(0, "e", 1, {"random": b""})], None),
        Reason.DISCLOSURE_UNREFERENCED: ([good], {}),
        Reason.DIGEST_MISMATCH: ([good], {0: bytes(32)}),
        Reason.DISCLOSURE_DUPLICATE: ([good, good], None),
        Reason.CLAIM_INVALID: ([item(0, "e", CBORTag(0, "no date"))], None),
        Reason.DISCLOSURE_CLASH: ([good, item(1, "e", 1)], None),
    }

    def presented(*parts: tuple[list[bytes], Any]) -> bytes:
        shown = dict(zip((PID, PHOTO_ID, MDL), (items for items, _ in parts), strict=False))
        stated = (digests_of({"": items})[""] if given is None else given for items, given in parts)
        return make(items=shown, digests=dict(zip(shown, stated, strict=True)))

    def check(reason: Reason, *parts: tuple[list[bytes], Any]) -> None:
        assert refused(presented(*parts), reason, "V4").where == "issuer-signed-item"

    sound = ([good], None)
    accepted(presented(sound, sound))
    for reason, fault in faults.items():
        check(reason, sound, fault)
        check(reason, sound, sound, fault)
        for other in faults.values():
            check(reason, fault, other)
            check(reason, sound, fault, other)


def test_one_element_in_two_namespaces_is_no_clash() -> None:
    assert claims(make({PID: {"e": 1}, PHOTO_ID: {"e": 2}})) == {PID: {"e": 1}, PHOTO_ID: {"e": 2}}


VALUES: Final = [
    (CBORTag(1004, "1990-01-01"), "1990-01-01"),
    (CBORTag(0, "1990-01-01T00:00:00Z"), "1990-01-01T00:00:00Z"),
    ([CBORTag(1004, "1990-01-01"), 1], ("1990-01-01", 1)),
    ({"a": CBORTag(1004, "1990-01-01"), 2: {"b": [None]}}, {"a": "1990-01-01", 2: {"b": (None,)}}),
    (None, None),
    (False, False),
    (2**64 - 1, 2**64 - 1),
    (-(2**64), -(2**64)),
    (1.5, 1.5),
    (b"portrait", b"portrait"),
    ("", ""),
    ([], ()),
    ({}, {}),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=str)
def test_values_of_every_kind_are_read(value: Any, expected: Any) -> None:
    assert claims(make({PID: {"e": value}})) == {PID: {"e": expected}}


@pytest.mark.parametrize(
    "value", [CBORTag(0, 1), CBORTag(1004, b"x"), CBORTag(0, CBORTag(0, "x")), CBORTag(1004, ["x"])]
)
def test_a_date_is_text(value: Any) -> None:
    refused(make({PID: {"e": value}}), Reason.CLAIM_INVALID, "V4")
    refused(make({PID: {"e": [{"a": value}]}}), Reason.CLAIM_INVALID, "V4")


@pytest.mark.parametrize("tag", [0, 1004])
def test_what_stands_under_the_tag_of_a_date_is_one(tag: int) -> None:
    dates = (
        "1990-01-01", "0001-01-01", "2024-02-29", "1990-01-01T00:00:00Z", "1990-12-31T23:59:59.5+14:00",
        "1990-01-01t00:00:00z",
    )  # fmt: skip
    for text in dates:  # issuers write the one under the tag of the other
        assert claims(make({PID: {"e": CBORTag(tag, text)}})) == {PID: {"e": text}}
    for text in (
        "US", "", "x", "UT", "1990-02-30", "1990-13-01", "19900101", "1990-1-1", "1990-01-01 ", "1990-01-01\n",
        "1990-W01-1", "\u0661990-01-01", "1990-01-01T", "1990-01-01T00:00Z", "1990-01-01T24:00:00Z",
        "1990-01-01T00:00:00", "1990-02-30T00:00:00Z", "1990-01-01 00:00:00Z",
    ):  # fmt: skip
        for value in (CBORTag(tag, text), [CBORTag(tag, text)], {"a": CBORTag(tag, text)}):
            refused(make({PID: {"e": value}}), Reason.CLAIM_INVALID, "V4")


@pytest.mark.parametrize("tag", [0, 1004])
def test_no_date_is_a_country(tag: int) -> None:
    for value in (CBORTag(tag, "US"), [CBORTag(tag, "US")], ["DE", CBORTag(tag, "US")]):
        for namespace in (PID, PHOTO_ID, MDL):
            refused(make({namespace: {"nationality": value}}), Reason.CLAIM_INVALID, "V4")
        refused(make({OURS: {"nationalities": value}}, doc_type=OURS), Reason.CLAIM_INVALID, "V4")
    refused(make({PID: {"issuing_country": CBORTag(tag, "UT")}}), Reason.CLAIM_INVALID, "V4")
    framework = {"framework": CBORTag(tag, "eidas"), "level": "high"}
    refused(make({OURS: {"assurance": framework}}, doc_type=OURS), Reason.CLAIM_INVALID, "V4")


@pytest.mark.parametrize("tag", [1, 2, 18, 24, 32, 37, 100])
def test_no_other_tag_stands_in_a_value(tag: int) -> None:
    refused(make({PID: {"e": CBORTag(tag, 1)}}), Reason.MALFORMED_CBOR, "V4")
    # Text under a date's tag is a date. Under another it is not the value, and names no country.
    for value in (CBORTag(tag, "US"), [CBORTag(tag, "US")]):
        refused(make({PID: {"nationality": value}}), Reason.MALFORMED_CBOR, "V4")
    # Nor does it stand beside what is read.
    beside = {"rfu": CBORTag(tag, "x")}
    refused(make(items={PID: [item(0, "e", 1, beside)]}), Reason.MALFORMED_CBOR, "V4")
    for place in ({"mso": beside}, {"validity": beside}, {"key_info": beside}):
        refused(make(**place), Reason.MALFORMED_CBOR, "V4")
    refused(make(key_info={"keyAuthorizations": {"nameSpaces": [OURS], **beside}}), Reason.MALFORMED_CBOR, "V4")
    digests = digests_of(items_of(ELEMENTS))
    refused(make(digests={PID: digests[PID] | {99: beside["rfu"]}}), Reason.MALFORMED_CBOR, "V4")
    status = {"status_list": {"idx": 0, "uri": "https://issuer.example/1", **beside}}
    refused(make(mso={"status": status}), Reason.MALFORMED_CBOR, "V4")


@pytest.mark.parametrize(
    "value",
    [
        CBORTag(1, "1990-01-01"),
        CBORTag(37, "1990-01-01"),
        CBORTag(1003, "1990-01-01"),
        [CBORTag(37, "1990-01-01")],
        {"a": CBORTag(37, "1990-01-01")},
        float("nan"),
        [float("inf")],
        {1.5: 1},
        cbor2.undefined,
    ],
    ids=repr,
)
def test_what_is_no_value_is_refused_whatever_it_holds(value: Any) -> None:
    error = refused(make({PID: {"nationality": "US", "e": value}}), Reason.MALFORMED_CBOR, "V4")
    assert error.where == "issuer-signed-item"


@pytest.mark.parametrize("namespace", [1, b"x", None])
def test_a_namespace_of_the_digests_is_text(namespace: Any) -> None:
    digests = digests_of(items_of(ELEMENTS))
    reason = Reason.CLAIM_INVALID if type(namespace) is int else Reason.MALFORMED_CBOR
    refused(make(digests={**digests, namespace: {0: bytes(32)}}), reason, "V4")


@pytest.mark.parametrize("one", [True, 1.0])
def test_a_label_of_the_device_key_is_an_integer_exactly(one: Any) -> None:
    members = cose_key(key("device"))
    labels = Pairs([(one if label == 1 else label, value) for label, value in members.items()])
    refused(make(key_info={"deviceKey": labels}), Reason.MALFORMED_CBOR, "V4")


# --- V4 and V6: validityInfo ---


@pytest.mark.parametrize("name", ["signed", "validFrom", "validUntil"])
def test_each_time_is_required(name: str) -> None:
    refused(make(validity={name: ABSENT}), Reason.CLAIM_MISSING, "V4")


@pytest.mark.parametrize("name", ["signed", "validFrom", "validUntil", "expectedUpdate"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        NOW,
        float(NOW),
        "2027-01-15T08:00:00Z",
        CBORTag(0, NOW),
        CBORTag(0, None),
        CBORTag(1004, "2027-01-15T08:00:00Z"),
        CBORTag(1004, "2027-01-15"),
        CBORTag(0, "2027-01-15"),
        CBORTag(0, "2027-01-15T08:00:00.000Z"),
        CBORTag(0, "2027-01-15T08:00:00+00:00"),
        CBORTag(0, "2027-01-15T08:00:00z"),
        CBORTag(0, "2027-01-15t08:00:00Z"),
        CBORTag(0, "2027-01-15 08:00:00Z"),
        CBORTag(0, "2027-01-15T08:00:60Z"),
        CBORTag(0, "0000-01-15T08:00:00Z"),
        CBORTag(0, "1969-12-31T23:59:59Z"),
        CBORTag(0, "2027-02-30T08:00:00Z"),
        CBORTag(0, ""),
    ],
    ids=str,
)
def test_a_time_has_exactly_one_spelling(name: str, value: Any) -> None:
    error = refused(make(validity={name: value}), Reason.CLAIM_INVALID, "V4")
    assert error.where == f"mso.validityInfo.{name}"


def test_epoch_times_are_refused_as_the_tag_they_have() -> None:
    refused(make(validity={"signed": CBORTag(1, NOW)}), Reason.MALFORMED_CBOR, "V4")


def test_a_date_may_stand_in_what_nobody_reads() -> None:
    for value in (date_time(NOW), CBORTag(1004, "2027-01-15")):
        accepted(make(key_info={"keyInfo": {1: value}}))
        accepted(make(validity={"further": value}))


def test_an_expected_update_means_nothing() -> None:
    accepted(make(validity={"expectedUpdate": date_time(NOW - 10)}))


def test_validity_holds_to_the_second_and_its_end_is_inside() -> None:
    data = make(validity={"validFrom": date_time(NOW), "validUntil": date_time(NOW + 100)})
    refused(data, Reason.NOT_YET_VALID, "V6", now=NOW - 1)
    for now in (NOW, NOW + 99, NOW + 100):
        accepted(data, now=now)
    refused(data, Reason.EXPIRED, "V6", now=NOW + 101)
    assert accepted(data).attestation.validity.not_after == NOW + 101


def test_an_end_before_the_beginning_is_refused() -> None:
    refused(make(validity={"validUntil": date_time(NOW - 62)}), Reason.CLAIM_INVALID, "V4")


def test_signed_in_the_future_is_refused_beyond_the_skew() -> None:
    skew = DEFAULT_LIMITS.clock_skew_s
    accepted(make(validity={"signed": date_time(NOW + skew)}))
    refused(make(validity={"signed": date_time(NOW + skew + 1)}), Reason.ISSUED_IN_FUTURE, "V6")


def test_signed_lies_inside_the_window_of_the_signers_certificate() -> None:
    window = {"not_before": NOW - 1_000, "not_after": NOW + 1_000}
    leaf = signer_certificate("P-256", **window)
    for moment, good in ((NOW - 1_001, False), (NOW - 1_000, True), (NOW, True)):
        data = make(chain=leaf, validity={"signed": date_time(moment), "validFrom": date_time(NOW - 2_000)})
        if good:
            accepted(data)
        else:
            refused(data, Reason.SIGNED_OUTSIDE_CERTIFICATE, "V6")


def test_signed_after_the_signers_certificate_is_outside() -> None:
    leaf = signer_certificate("P-256", not_before=NOW - 1_000, not_after=NOW + 10)
    accepted(make(chain=leaf, validity={"signed": date_time(NOW + 10)}))
    refused(make(chain=leaf, validity={"signed": date_time(NOW + 11)}), Reason.SIGNED_OUTSIDE_CERTIFICATE, "V6")


def test_a_validity_beyond_the_signers_is_tolerated_while_the_certificate_is_valid() -> None:
    leaf = signer_certificate("P-256", not_before=NOW - 1_000, not_after=NOW + 10)
    data = make(chain=leaf)
    assert accepted(data, now=NOW + 10).not_after == NOW + 11
    refused(data, Reason.CERTIFICATE_EXPIRED, "V2", now=NOW + 11)


# --- V4 and V9: status ---


def status(**changes: Any) -> dict[str, Any]:
    return {"status": {"status_list": {"idx": VALID_INDEX, "uri": STATUS_URI, **changes}}}


def test_a_status_list_is_asked() -> None:
    verified = accepted(make(mso=status()))
    (reference,) = verified.attestation.status
    assert (reference.uri, reference.index, reference.kind) == (STATUS_URI, VALID_INDEX, StatusKind.STATUS_LIST)
    refused(make(mso=status(idx=REVOKED_INDEX)), Reason.REVOKED, "V9")


def test_a_long_lived_credential_needs_a_status() -> None:
    start = {"signed": date_time(NOW - 60), "validFrom": date_time(NOW - 60)}
    day = DEFAULT_LIMITS.unreferenced_validity_s
    accepted(make(validity={**start, "validUntil": date_time(NOW - 60 + day - 1)}))
    longer = {**start, "validUntil": date_time(NOW - 60 + day)}
    refused(make(validity=longer), Reason.STATUS_MISSING, "V9")
    accepted(make(validity=longer, mso=status()))
    accepted(make(validity=longer), limits=LONG)
    early = {"signed": date_time(NOW - day), "validFrom": date_time(NOW - 60), "validUntil": date_time(NOW + 60)}
    refused(make(validity=early), Reason.STATUS_MISSING, "V9")


def test_an_identifier_list_is_a_reference() -> None:
    stated = {"status": {"identifier_list": {"id": b"\x01\x02", "uri": STATUS_URI, "certificate": b"der"}}}
    (reference,) = credential(make(mso=stated)).attestation.status
    assert (reference.kind, reference.identifier) == (StatusKind.IDENTIFIER_LIST, b"\x01\x02")
    assert reference.certificate == b"der"


def test_both_mechanisms_are_two_references() -> None:
    stated = {"status": {**status()["status"], "identifier_list": {"id": b"x", "uri": STATUS_URI}}}
    kinds = [each.kind for each in credential(make(mso=stated)).attestation.status]
    assert kinds == [StatusKind.STATUS_LIST, StatusKind.IDENTIFIER_LIST]


@pytest.mark.parametrize("stated", [None, {}, [], 1, "x", {"status_list": None}, {"status_list": []}])
def test_a_status_is_a_map_of_maps(stated: Any) -> None:
    refused(make(mso={"status": stated}), Reason.CLAIM_INVALID, "V4")


@pytest.mark.parametrize("name", ["status_lists", "token", 1, ""])
def test_an_unknown_mechanism_refuses(name: Any) -> None:
    refused(make(mso={"status": {name: {}}}), Reason.STATUS_MECHANISM_UNKNOWN, "V4")
    refused(make(mso={"status": {**status()["status"], name: {}}}), Reason.STATUS_MECHANISM_UNKNOWN, "V4")


@pytest.mark.parametrize(
    "changes",
    [
        {"idx": ABSENT},
        {"idx": -1},
        {"idx": True},
        {"idx": 1.0},
        {"idx": "1"},
        {"idx": 2**32},
        {"uri": ABSENT},
        {"uri": ""},
        {"uri": 1},
        {"uri": None},
        {"certificate": None},
        {"certificate": ""},
        {"certificate": b""},
    ],
    ids=str,
)
def test_a_reference_has_its_form(changes: Any) -> None:
    members = {name: value for name, value in status(**changes)["status"]["status_list"].items() if value is not ABSENT}
    refused(make(mso={"status": {"status_list": members}}), Reason.CLAIM_INVALID, "V4")


@pytest.mark.parametrize("identifier", [None, "x", 1, b"", bytes(65)])
def test_an_identifier_is_bytes(identifier: Any) -> None:
    stated = {"identifier_list": {"id": identifier, "uri": STATUS_URI}}
    refused(make(mso={"status": stated}), Reason.CLAIM_INVALID, "V4")


# --- V4: the device key ---


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        (None, Reason.KEY_INVALID),
        ([], Reason.KEY_INVALID),
        ({}, Reason.KEY_INVALID),
        ({1: 1, -1: 6, -2: bytes(32)}, Reason.KEY_INVALID),  # small order
        ({1: 1, -1: 6, -2: b"\x01" + bytes(31)}, Reason.KEY_INVALID),
        ({1: 1, -1: 6, -2: b"\xee" + b"\xff" * 30 + b"\x7f"}, Reason.KEY_INVALID),  # p + 1, not canonical
        ({1: 1, -1: 7, -2: bytes(57)}, Reason.KEY_INVALID),
        ({1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}, Reason.KEY_INVALID),  # not on the curve
        ({1: 2, -1: 257, -2: bytes(40), -3: bytes(40)}, Reason.CURVE_UNSUPPORTED),
        ({1: 4, -1: bytes(32)}, Reason.KEY_INVALID),
        ({1: 7, 3: -48, -1: bytes(1312)}, Reason.KEY_INVALID),  # ML-DSA-44: no curve of table 22
        ({1: 7, 3: -49, -1: bytes(1952)}, Reason.KEY_INVALID),
        ({1: 7, 3: -50, -1: bytes(2592)}, Reason.KEY_INVALID),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_device_key_that_is_none_is_refused(stated: Any, reason: Reason) -> None:
    refused(make(key_info={"deviceKey": stated}), reason, "V4")


def test_a_device_key_is_required_and_public() -> None:
    refused(make(key_info={"deviceKey": ABSENT}), Reason.KEY_INVALID, "V4")
    refused(make(key_info={"deviceKey": {**cose_key(key("device")), -4: bytes(32)}}), Reason.KEY_INVALID, "V4")


def test_a_device_key_may_come_compressed() -> None:
    compressed = {**cose_key(key("device"))}
    compressed[-3] = bool(compressed[-3][-1] & 1)
    accepted(make(key_info={"deviceKey": compressed}))
    refused(make(key_info={"deviceKey": {**compressed, -3: not compressed[-3]}}), Reason.SIGNATURE_INVALID, "V8")


def test_a_device_key_that_was_exchanged_is_another_mso() -> None:
    other = issuer_signed(key_info={"deviceKey": cose_key(key("mallory"))})["issuerAuth"]
    crossed = make(auth=lambda parts: [parts[0], parts[1], other[2], parts[3]])
    refused(crossed, Reason.SIGNATURE_INVALID, "V3")


# --- V7 and V8: deviceAuth ---


def test_without_the_device_nothing_is_proven() -> None:
    for changes in ({"deviceSigned": ABSENT}, {"deviceSigned": None}):
        refused(make(document_changes=changes), Reason.KEY_BINDING_MISSING, "V7")
    for device in ({"members": {"deviceAuth": ABSENT}}, {"auth": None}, {"auth": {}}, {"auth": {"rfu": 1}}):
        refused(make(device=device), Reason.KEY_BINDING_MISSING, "V7")


def test_what_an_issuer_hands_over_proves_no_device() -> None:
    data = dump(issuer_signed())
    refused(data, Reason.KEY_BINDING_MISSING, "V7")
    received = credential(data)
    assert received.attestation.citizenship.nationalities == us("US")
    assert opened(data)[0].declared_type is None


@pytest.mark.parametrize("device", [[], 1, "x", {}, {"nameSpaces": {}}, CBORTag(24, b"\xa0")])
def test_device_signed_is_a_map(device: Any) -> None:
    refused(make(document_changes={"deviceSigned": device}), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize(
    "spaces", [ABSENT, None, {}, b"\xa0", Raw(b"\xd8\x18\xa0"), Raw(b"\xd8\x18" + embedded(b"\xa0"))]
)
def test_device_name_spaces_are_embedded(spaces: Any) -> None:
    refused(make(device={"members": {"nameSpaces": spaces}}), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize(
    "auth", [[], 1, "x", b"", {"deviceSignature": None}, {"deviceMac": 1}, {"deviceSignature": {}}]
)
def test_device_auth_is_a_map_of_a_message(auth: Any) -> None:
    refused(make(device={"auth": auth}), Reason.MALFORMED_TOKEN, "V1")


def test_both_kinds_at_once_are_refused() -> None:
    signature = device_signed()["deviceAuth"]
    mac = device_signed(reader_public=key("reader").public_key())["deviceAuth"]
    for both in (signature | mac, mac | signature, signature | {"deviceMac": None}):
        refused(make(device={"auth": both}), Reason.MALFORMED_TOKEN, "V1", challenge=challenge(reader_key=reader_key()))


def test_the_device_signs_this_challenge() -> None:
    for changes in ({"nonce": NONCE + "x"}, {"origin": ORIGIN + ":444"}, {"jwk_thumbprint": bytes(32)}):
        refused(GOOD, Reason.SIGNATURE_INVALID, "V8", challenge=challenge(**changes))
    elsewhere = Challenge.openid4vp(client_id=ORIGIN, nonce=NONCE, response_uri=ORIGIN)
    refused(GOOD, Reason.SIGNATURE_INVALID, "V8", challenge=elsewhere)


def test_the_challenge_without_a_handover_is_one_over_the_dc_api() -> None:
    accepted(GOOD, challenge=Challenge("origin:" + ORIGIN, NONCE))
    accepted(GOOD, challenge=Challenge(ORIGIN, NONCE))


def test_a_nonce_of_bytes_cannot_be_carried() -> None:
    refused(GOOD, Reason.NONCE_MISMATCH, "V7", challenge=Challenge(ORIGIN, NONCE.encode()))


def test_a_transcript_of_the_callers_is_taken_as_it_is() -> None:
    transcript = [embedded(b"\xa0"), embedded(b"\xa1\x01\x02"), None]
    data = make(device={"transcript": transcript})
    own = Challenge.session_transcript(dump(transcript), audience="reader", nonce=NONCE)
    accepted(data, challenge=own)
    other = Challenge.session_transcript(dump([None, None, None]), audience="reader", nonce=NONCE)
    refused(data, Reason.SIGNATURE_INVALID, "V8", challenge=other)
    broken = Challenge.session_transcript(dump([None, None]), audience="reader", nonce=NONCE)
    refused(data, Reason.CHALLENGE_INVALID, "challenge", challenge=broken)


def test_an_older_protocol_counts_only_where_it_is_asked_for() -> None:
    own, uri, client_id = "nonce of the wallet", ORIGIN + "/response", "web-origin:" + ORIGIN
    older = {
        Challenge.dc_api_draft_24(origin=ORIGIN, client_id=client_id, nonce=NONCE): [
            "OpenID4VPDCAPIHandover",
            _hash([ORIGIN, client_id, NONCE]),
        ],
        Challenge.iso_18013_7_2024(client_id=ORIGIN, nonce=NONCE, response_uri=uri, mdoc_generated_nonce=own): [
            _hash([ORIGIN, own]),
            _hash([uri, own]),
            NONCE,
        ],
    }
    plain = [
        Challenge(ORIGIN, NONCE),
        Challenge.dc_api(origin=ORIGIN, nonce=NONCE),
        Challenge.openid4vp(client_id=ORIGIN, nonce=NONCE, response_uri=uri),
    ]
    for asked, answered in older.items():
        data = make(device={"transcript": [None, None, answered]})
        accepted(data, challenge=asked)
        for other in (*plain, *(each for each in older if each is not asked)):
            refused(data, Reason.SIGNATURE_INVALID, "V8", challenge=other)


def _hash(parts: list[str]) -> bytes:
    return hashlib.sha256(dump(parts)).digest()


@pytest.mark.parametrize(
    "transcript",
    [
        handover(nonce="another-nonce"),
        handover(origin="https://other.example"),
        [None, None, None],
        [None, None, [*handover()[2], None]],
        [b"", None, handover()[2]],
    ],
)
def test_a_device_that_signed_another_transcript_is_refused(transcript: Any) -> None:
    refused(make(device={"transcript": transcript}), Reason.SIGNATURE_INVALID, "V8")


def test_the_device_signs_the_doc_type_and_its_elements() -> None:
    refused(make(device={"doc_type": OURS}), Reason.SIGNATURE_INVALID, "V8")
    refused(make(device={"signed_content": b"\xb8\x00"}), Reason.SIGNATURE_INVALID, "V8")
    accepted(make(device={"content": b"\xb8\x00"}))


def test_a_signature_of_another_device_is_refused() -> None:
    refused(make(device={"device": key("mallory")}), Reason.SIGNATURE_INVALID, "V8")
    refused(make(device={"sign_with": lambda _: bytes(64)}), Reason.SIGNATURE_INVALID, "V8")
    for size in (0, 63, 65, 70):
        refused(make(device={"sign_with": lambda _, size=size: bytes(size)}), Reason.SIGNATURE_MALFORMED, "V8")


def test_the_algorithm_of_the_device_is_its_keys() -> None:
    refused(make(device={"protected": {1: -35}}), Reason.ALGORITHM_MISMATCH, "V8")
    for protected in ({}, b"", {1: 5}, {1: None}, {1: -48}, {4: b"x"}):
        refused(make(device={"protected": protected}), Reason.ALGORITHM_NOT_ALLOWED, "V1")
    refused(make(device={"protected": {}, "unprotected": {1: -7}}), Reason.ALGORITHM_NOT_ALLOWED, "V1")


def test_a_certificate_of_the_device_is_not_looked_at() -> None:
    accepted(make(device={"unprotected": {33: b"nothing"}}))


@pytest.mark.parametrize("label", [4, 33, 34, 99])
@pytest.mark.parametrize("value", [Raw(b"\xf7"), Raw(b"\xf8\x3b"), CBORTag(37, bytes(16)), [CBORTag(2, b"\1")]])
def test_what_is_no_sound_cbor_stands_in_neither_header_of_the_device(label: int, value: Any) -> None:
    refused(make(device={"unprotected": {label: value}}), Reason.MALFORMED_CBOR, "V1")
    refused(make(device={"protected": {1: -7, label: value}}), Reason.MALFORMED_CBOR, "V1")


@pytest.mark.parametrize("mac", [False, True])
def test_a_payload_that_came_along_is_ours_to_the_byte(mac: bool) -> None:
    public = key("reader").public_key() if mac else None
    asked = challenge(reader_key=reader_key())
    accepted(make(device={"attached": True, "reader_public": public}), challenge=asked)
    for attached in (b"", b"\xa0", bytes(embedded(b"\xa0"))):
        refused(
            make(device={"attached": attached, "reader_public": public}),
            Reason.SIGNATURE_INVALID,
            "V7",
            challenge=asked,
        )


def test_an_attached_payload_is_never_what_is_verified() -> None:
    # Signed over a transcript of the attacker's, which comes along as payload.
    other = handover(nonce="another-nonce")
    refused(make(device={"transcript": other, "attached": True}), Reason.SIGNATURE_INVALID, "V7")


def test_a_mac_under_the_readers_key_is_read() -> None:
    asked = challenge(reader_key=reader_key())
    assert accepted(with_mac(), challenge=asked).attestation.citizenship.nationalities == us("US")
    accepted(GOOD, challenge=asked)  # a signature does as well


@pytest.mark.parametrize("curve", [each for each in CURVES if not each.startswith("Ed")])
def test_a_mac_of_every_curve_is_read(curve: str) -> None:
    device, reader = key("device", curve), key("reader", curve)
    data = make(
        key_info={"deviceKey": cose_key(device)}, device={"device": device, "reader_public": reader.public_key()}
    )
    accepted(data, challenge=challenge(reader_key=AgreementKey(reader)))


def test_a_mac_without_the_readers_key_is_refused() -> None:
    refused(with_mac(), Reason.READER_KEY_MISSING, "V7")
    public = challenge(reader_key=reader_key().public)
    refused(with_mac(), Reason.READER_KEY_MISSING, "V7", challenge=public)


def test_a_mac_under_another_key_is_refused() -> None:
    asked = challenge(reader_key=reader_key())
    refused(with_mac(), Reason.SIGNATURE_INVALID, "V8", challenge=challenge(reader_key=AgreementKey(key("other"))))
    other_curve = AgreementKey(key("reader", "P-384"))
    refused(with_mac(), Reason.SIGNATURE_INVALID, "V8", challenge=challenge(reader_key=other_curve))
    refused(with_mac(transcript=handover(nonce="another-nonce")), Reason.SIGNATURE_INVALID, "V8", challenge=asked)
    refused(with_mac(device=key("mallory")), Reason.SIGNATURE_INVALID, "V8", challenge=asked)
    refused(with_mac(doc_type=OURS), Reason.SIGNATURE_INVALID, "V8", challenge=asked)
    refused(with_mac(sign_with=lambda _: bytes(32)), Reason.SIGNATURE_INVALID, "V8", challenge=asked)


@pytest.mark.parametrize("size", [0, 8, 16, 31, 33, 64])
def test_a_tag_has_its_length(size: int) -> None:
    asked = challenge(reader_key=reader_key())
    refused(with_mac(sign_with=lambda _: bytes(size)), Reason.SIGNATURE_MALFORMED, "V8", challenge=asked)


@pytest.mark.parametrize("number", [4, 6, 7, -7, None])
def test_a_mac_has_one_algorithm(number: Any) -> None:
    asked = challenge(reader_key=reader_key())
    refused(with_mac(protected={1: number}), Reason.ALGORITHM_NOT_ALLOWED, "V1", challenge=asked)


def test_a_key_that_only_signs_makes_no_mac() -> None:
    # An Ed25519 device key agrees on nothing, whatever the tag.
    info = {"deviceKey": cose_key(key("device", "Ed25519"))}
    data = make(key_info=info, device={"reader_public": key("reader").public_key()})
    refused(data, Reason.SIGNATURE_INVALID, "V8", challenge=challenge(reader_key=reader_key()))


def test_a_signature_in_the_place_of_a_mac_is_refused_and_the_other_way_round() -> None:
    asked = challenge(reader_key=reader_key())
    signature = device_signed()["deviceAuth"]["deviceSignature"]
    tag = device_signed(reader_public=key("reader").public_key())["deviceAuth"]["deviceMac"]
    refused(make(device={"auth": {"deviceMac": signature}}), Reason.ALGORITHM_NOT_ALLOWED, "V1", challenge=asked)
    refused(make(device={"auth": {"deviceSignature": tag}}), Reason.ALGORITHM_NOT_ALLOWED, "V1", challenge=asked)


# --- V7: what the device states by itself ---


def stating(elements: Any, authorizations: Any = ABSENT) -> bytes:
    return make(key_info={"keyAuthorizations": authorizations}, device={"content": dump(elements)})


def test_the_device_states_nothing_without_authorization() -> None:
    refused(stating({PID: {"nationality": ["DE"]}}), Reason.DEVICE_ELEMENT_NOT_AUTHORIZED, "V7")
    refused(stating({"org.example": {"x": 1}}), Reason.DEVICE_ELEMENT_NOT_AUTHORIZED, "V7")


@pytest.mark.parametrize(
    ("authorizations", "permitted"),
    [
        ({"nameSpaces": [PHOTO_ID]}, True),
        ({"dataElements": {PHOTO_ID: ["nationality"]}}, True),
        ({"nameSpaces": [PID], "dataElements": {PHOTO_ID: ["x", "nationality"]}, "rfu": 1}, True),
        ({"nameSpaces": [PID]}, False),
        ({"dataElements": {PHOTO_ID: ["x"]}}, False),
        ({"dataElements": {PID: ["nationality"]}}, False),
        ({"dataElements": {"nationality": [PHOTO_ID]}}, False),
    ],
    ids=str,
)
def test_the_device_states_what_the_issuer_permits_and_it_never_becomes_a_claim(
    authorizations: Any, permitted: bool
) -> None:
    data = stating({PHOTO_ID: {"nationality": "DE"}}, authorizations)
    if permitted:
        verified = accepted(data)
        assert verified.attestation.claims == accepted(GOOD).attestation.claims
        assert verified.citizenship.nationalities == us("US")
    else:
        refused(data, Reason.DEVICE_ELEMENT_NOT_AUTHORIZED, "V7")


def test_every_element_of_the_device_is_asked_for() -> None:
    permitted = {"dataElements": {PHOTO_ID: ["a"]}}
    for stated in ({PHOTO_ID: {"a": 1, "b": 1}}, {PHOTO_ID: {"a": 1}, PID: {"a": 1}}, {PHOTO_ID: {1: 1}}):
        refused(stating(stated, permitted), Reason.DEVICE_ELEMENT_NOT_AUTHORIZED, "V7")


@pytest.mark.parametrize("stated", [[], 1, None, {1: {"a": 1}}, {PHOTO_ID: {}}, {PHOTO_ID: []}, {PHOTO_ID: ["a"]}])
def test_device_elements_are_maps_of_maps(stated: Any) -> None:
    refused(stating(stated, {"nameSpaces": [PHOTO_ID]}), Reason.MALFORMED_TOKEN, "V7")


@pytest.mark.parametrize(
    "authorizations",
    [
        None,
        {},
        [],
        "x",
        {"rfu": [1]},
        {"nameSpaces": []},
        {"dataElements": {}},
        {"nameSpaces": [], "dataElements": {}},
        {"nameSpaces": PID},
        {"nameSpaces": {PID: 1}},
        {"nameSpaces": None},
        {"nameSpaces": [1]},
        {"nameSpaces": [[PID]]},
        {"nameSpaces": [{}]},
        {"dataElements": [PID]},
        {"dataElements": {PID: []}},
        {"dataElements": {PID: "nationality"}},
        {"dataElements": {PID: [1]}},
        {"dataElements": {PID: [["x"]]}},
        {"dataElements": {1: ["x"]}},
        {"nameSpaces": [PID], "dataElements": {PID: ["x"]}},
        {"nameSpaces": [PID], "dataElements": {OURS: ["x"], PID: ["y"]}},
    ],
    ids=str,
)
def test_authorizations_have_their_form(authorizations: Any) -> None:
    refused(make(key_info={"keyAuthorizations": authorizations}), Reason.CLAIM_INVALID, "V4")


# --- which step, and the cache ---


def test_the_first_step_that_fails_decides() -> None:
    bad_version = {"version": "2.0"}
    bad_signature = {"sign_with": lambda _: bytes(64)}
    bad_device = {"device": key("mallory")}
    expired = {"validUntil": date_time(NOW - 1)}
    revoked = status(idx=REVOKED_INDEX)
    refused(make(response_changes=bad_version, **bad_signature), Reason.VERSION_UNSUPPORTED, "V1")
    refused(make(mso=bad_version, **bad_signature), Reason.SIGNATURE_INVALID, "V3")
    refused(make(mso=bad_version, chain=b"x", **bad_signature), Reason.CERTIFICATE_INVALID, "V2")
    refused(make(mso=bad_version, validity=expired), Reason.VERSION_UNSUPPORTED, "V4")
    refused(make(validity=expired, document_changes={"docType": OURS}), Reason.TYPE_NOT_ALLOWED, "V5")
    refused(make(validity=expired, device=bad_device), Reason.EXPIRED, "V6")
    refused(make(mso=revoked, device={"auth": {}}), Reason.KEY_BINDING_MISSING, "V7")
    refused(make(mso=revoked, device=bad_device), Reason.SIGNATURE_INVALID, "V8")
    refused(make(mso=revoked), Reason.REVOKED, "V9")


class Kept(dict[bytes, Any]):
    """A cache that forgets nothing."""

    def put(self, key: bytes, value: Any, /) -> None:
        self[key] = value


FACES: Final = {
    "good": GOOD,
    "text": TEXT,
    "tampered": make(shown={PID: [item(0, "nationality", ["DE"]), item(1, "family_name", "Muster")]}),
    "fewer": make(shown={PID: [item(0, "nationality", ["US"])]}),
    "turned": make(shown={PID: [item(1, "family_name", "Muster"), item(0, "nationality", ["US"])]}),
    "moved": make(shown={PHOTO_ID: [item(0, "nationality", ["US"])]}),
    "unsigned": make(sign_with=lambda _: bytes(64)),
    "other device": make(device={"device": key("mallory")}),
    "other docType": make(document_changes={"docType": OURS}),
    "array of one": make(chain=[signer_certificate()]),
    "long chain": make(chain=[signer_certificate(), signer_certificate()]),
}


def test_a_cached_verdict_is_the_verdict() -> None:
    cache = Kept()
    for _ in range(2):
        for name, data in FACES.items():
            plain = outcome(lambda data=data: accepted(data).attestation.claims)
            cached = outcome(lambda data=data: accepted(data, cache=cache).attestation.claims)
            assert plain == cached, name
    assert 0 < len(cache) <= len(FACES)


def test_a_signature_that_was_exchanged_is_not_found_in_the_cache() -> None:
    cache = Kept()
    accepted(GOOD, cache=cache)
    forged = cbor2.loads(GOOD)
    forged["documents"][0]["issuerSigned"]["issuerAuth"][3] = bytes(64)
    refused(dump(forged), Reason.SIGNATURE_INVALID, "V3", cache=cache)


def test_different_issuer_halves_have_different_names() -> None:
    halves = {name: opened(data)[0].issuer_half for name, data in FACES.items()}
    same = {"good", "other device", "other docType", "array of one"}
    again = opened(make())[0].issuer_half
    assert again != halves["good"]  # a signature of ECDSA is random
    distinct = {half for name, half in halves.items() if name not in same}
    assert len(distinct) == len(halves) - len(same)


def test_an_item_that_moves_to_another_namespace_is_not_found_in_the_cache() -> None:
    cache = Kept()
    content = item(0, "nationality", ["US"])
    signed = issuer_signed(items={PID: [content]})
    accepted(response(document(signed)), cache=cache)
    for spaces in ({PHOTO_ID: [embedded(content)]}, {PID: [embedded(content)], PHOTO_ID: [embedded(content)]}):
        moved = response(document({**signed, "nameSpaces": spaces}))
        refused(moved, Reason.DISCLOSURE_UNREFERENCED, "V4", cache=cache)
    added = response(document({**signed, "nameSpaces": {PID: [embedded(content)] * 2}}))
    refused(added, Reason.DISCLOSURE_DUPLICATE, "V4", cache=cache)
    fewer = response(document({**signed, "nameSpaces": {}}))
    assert accepted(fewer, cache=cache).attestation.claims == {}


def test_certificates_and_items_cannot_change_places() -> None:
    leaf = signer_certificate()
    constant = {"sign_with": lambda _: bytes(64)}
    faces = [
        issuer_signed(items={}, shown={"a": [b"b", b"c"]}, chain=[leaf], **constant),
        issuer_signed(items={}, shown={"a": [b"b"]}, chain=[leaf, b"a", b"c"], **constant),
        issuer_signed(items={}, shown={"a": [b"b"], "c": [b"d"]}, chain=[leaf], **constant),
        issuer_signed(items={}, shown={"ab": [b"c"]}, chain=[leaf], **constant),
        issuer_signed(items={}, shown={"a": [b"bc"]}, chain=[leaf], **constant),
        issuer_signed(items={}, shown={"a": [b"a"]}, chain=[leaf, b"a"], **constant),
        issuer_signed(items={}, shown={}, chain=[leaf, b"a", b"a"], **constant),
        issuer_signed(items={}, shown={}, chain=[leaf, b"aa"], **constant),
        issuer_signed(items={}, shown={"a": [b"a"]}, chain=[leaf], **constant),
        issuer_signed(items={}, shown={"c": [b"b"]}, chain=[leaf], **constant),
        issuer_signed(items={}, shown={"a": [b"b"], "d": [b"c"]}, chain=[leaf], **constant),
    ]
    assert len({opened(response(document(each)))[0].issuer_half for each in faces}) == len(faces)


# --- citizenship, from bytes ---


@pytest.mark.parametrize(
    ("doc_type", "namespace", "value", "expected"),
    [
        (PID, PID, ["US"], ("US",)),
        (PID, PID, ["US", "DE"], ("US", "DE")),
        (PID, PID, "FR", ("FR",)),
        (PID, PID, ["QU"], ()),
        (PID, PID, ["QS", "DE"], ("DE",)),
        ("org.iso.23220.photoid.1", PHOTO_ID, "US", ("US",)),
        ("org.iso.23220.photoID.1", PHOTO_ID, "USA", ("US",)),
        ("com.google.wallet.idcard.1", MDL, "US", ("US",)),
        ("org.iso.18013.5.1.mDL", MDL, "D", ("DE",)),
        ("org.iso.18013.5.1.mDL", MDL, "GBD", ()),
        ("org.iso.23220.photoid.1", PHOTO_ID, "XXA", ()),
    ],
)
def test_nationality_is_read_in_every_form_of_the_wallets(
    doc_type: str, namespace: str, value: Any, expected: tuple[str, ...]
) -> None:
    citizenship = accepted(make({namespace: {"nationality": value}}, doc_type=doc_type)).citizenship
    assert citizenship.nationalities == tuple(map(Country, expected))
    assert citizenship.citizenships == ()
    assert not citizenship.complete


@pytest.mark.parametrize(
    "value",
    [
        "us",
        "United States",
        "XX",
        "",
        None,
        1,
        True,
        b"US",
        {"US": 1},
        [None],
        ["US", "US"],
        ["US", "USA"],
        [["US"]],
        CBORTag(1004, "1990-01-01"),
        ["US"] * 33,
    ],
)
def test_a_nationality_that_is_none_refuses(value: Any) -> None:
    refused(make({PID: {"nationality": value}}), Reason.COUNTRY_INVALID, "V4")


def test_our_own_namespace_is_read() -> None:
    elements = {
        "nationalities": ["US", "DE"],
        "nationalities_complete": True,
        "citizen_of_us": True,
        "national_of_us": True,
        "national_of_de": True,
        "citizen_of_de": False,
    }
    citizenship = accepted(make({OURS: elements}, doc_type=OURS)).citizenship
    assert citizenship.nationalities == us("US", "DE")
    assert citizenship.citizenships == us("US")
    assert citizenship.complete


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("citizen_of_xx", True, Reason.COUNTRY_INVALID),
        ("citizen_of_US", True, Reason.COUNTRY_INVALID),
        ("citizen_of_usa", True, Reason.COUNTRY_INVALID),
        ("citizen_of_", True, Reason.COUNTRY_INVALID),
        ("national_of_\u00df", True, Reason.COUNTRY_INVALID),
        ("citizen_of_us", 1, Reason.CLAIM_INVALID),
        ("citizen_of_us", None, Reason.CLAIM_INVALID),
        ("nationalities", "US", Reason.COUNTRY_INVALID),
        ("nationalities_complete", 1, Reason.CLAIM_INVALID),
    ],
)
def test_our_own_elements_have_their_form(name: str, value: Any, reason: Reason) -> None:
    refused(make({OURS: {name: value}}, doc_type=OURS), reason, "V4")


def test_a_list_is_complete_only_with_its_flag_and_both_shown() -> None:
    elements = {OURS: {"nationalities": ["US"], "nationalities_complete": True}}
    items = items_of(elements)
    for shown, complete in ((items[OURS], True), (items[OURS][:1], False), (items[OURS][1:], False)):
        data = make(elements, doc_type=OURS, shown={OURS: shown})
        assert accepted(data).citizenship.complete is complete


def test_assurance_is_taken_out_of_our_namespace() -> None:
    stated = {"framework": "eIDAS", "level": "high"}
    verified = accepted(make({OURS: {"nationalities": ["US"], "assurance": stated}}, doc_type=OURS))
    assert verified.attestation.assurance == Assurance("eIDAS", "high")
    assert verified.attestation.claims == {OURS: {"nationalities": ("US",)}}
    alone = accepted(make({OURS: {"assurance": stated}, PID: {"nationality": ["US"]}}, doc_type=OURS))
    assert alone.attestation.claims == {PID: {"nationality": ("US",)}}
    elsewhere = accepted(make({PID: {"assurance": stated}}))
    assert elsewhere.attestation.assurance is None
    assert elsewhere.attestation.claims == {PID: {"assurance": stated}}


@pytest.mark.parametrize(
    "value",
    [
        None,
        "high",
        ["eIDAS", "high"],
        {},
        {"framework": "eIDAS"},
        {"framework": "eIDAS", "level": "high", "x": 1},
        {"framework": "eIDAS", "level": 3},
        {"framework": "", "level": "high"},
        {"framework": "eIDAS", "level": "x" * 65},
    ],
)
def test_assurance_has_its_form(value: Any) -> None:
    refused(make({OURS: {"assurance": value}}, doc_type=OURS), Reason.CLAIM_INVALID, "V4")


# --- when the evidence was checked ---

CHECKED = "evidence_checked_at"


def test_when_the_evidence_was_checked_is_taken_out_of_our_namespace() -> None:
    stated = date_time(NOW - 600)
    verified = accepted(make({OURS: {"nationalities": ["US"], CHECKED: stated}}, doc_type=OURS))
    assert verified.attestation.evidence_at == NOW - 600
    assert verified.attestation.claims == {OURS: {"nationalities": ("US",)}}
    both = {"assurance": {"framework": "eIDAS", "level": "high"}, CHECKED: stated}
    alone = accepted(make({OURS: both, PID: {"nationality": ["US"]}}, doc_type=OURS)).attestation
    assert (alone.evidence_at, alone.assurance) == (NOW - 600, Assurance("eIDAS", "high"))
    assert alone.claims == {PID: {"nationality": ("US",)}}
    # The namespace is ours, whatever the document says that it is.
    assert accepted(make({PID: {"nationality": ["US"]}, OURS: {CHECKED: stated}})).attestation.evidence_at == NOW - 600


@pytest.mark.parametrize("value", [date_time(NOW - 600), "last week", True, date_time(NOW + 10_000)])
@pytest.mark.parametrize("namespace", [PID, "org.iso.23220.1", "org.iso.18013.5.1", OURS + "0", "org.example"])
def test_in_a_namespace_of_others_a_time_of_evidence_is_an_element_like_any_other(namespace: str, value: Any) -> None:
    attestation = accepted(make({namespace: {CHECKED: value}})).attestation
    assert attestation.evidence_at is None
    assert attestation.claims[namespace][CHECKED] == getattr(value, "value", value)


def test_when_the_evidence_was_checked_may_be_withheld() -> None:
    elements = {OURS: {"citizen_of_us": True, CHECKED: date_time(NOW - 600)}}
    items = items_of(elements)
    for shown, expected in ((items[OURS], NOW - 600), (items[OURS][:1], None), (items[OURS][1:], NOW - 600)):
        data = make(elements, doc_type=OURS, shown={OURS: shown})
        assert accepted(data).attestation.evidence_at == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        NOW - 600,
        float(NOW - 600),
        "2026-01-01",
        date_time(NOW - 600).value,  # no tag
        CBORTag(1004, "2026-01-01"),
        CBORTag(1004, date_time(NOW - 600).value),
        CBORTag(0, "2026-01-01"),
        CBORTag(0, "2026-01-01T00:00:00.5Z"),
        CBORTag(0, "2026-01-01T00:00:00+00:00"),
        CBORTag(0, "2026-01-01t00:00:00z"),
        CBORTag(0, "1969-12-31T23:59:59Z"),
        CBORTag(0, "2015-06-30T23:59:60Z"),
        CBORTag(0, NOW - 600),
        [date_time(NOW - 600)],
        {"at": date_time(NOW - 600)},
        b"2026-01-01T00:00:00Z",
    ],
)
def test_the_time_of_the_evidence_is_a_tdate(value: Any) -> None:
    refused(make({OURS: {"citizen_of_us": True, CHECKED: value}}, doc_type=OURS), Reason.CLAIM_INVALID, "V4")


def test_evidence_is_checked_before_it_is_signed_for() -> None:
    def checked(at: int, **validity: Any) -> bytes:
        return make({OURS: {"citizen_of_us": True, CHECKED: date_time(at)}}, doc_type=OURS, validity=validity)

    signed = NOW - 60
    for moment in (0, signed, signed + 30):
        stated = accepted(checked(moment, signed=date_time(signed))).attestation
        assert stated.evidence_at == moment
    refused(checked(signed + 31, signed=date_time(signed)), Reason.CLAIM_INVALID, "V4")
    # A signing that is ahead within the skew does not lend its own to the evidence.
    ahead = date_time(NOW + 30)
    assert accepted(checked(NOW + 30, signed=ahead)).attestation.evidence_at == NOW + 30
    refused(checked(NOW + 31, signed=ahead), Reason.ISSUED_IN_FUTURE, "V6")


# --- open, read and bind by themselves ---


def test_a_presentation_has_no_claims_and_tells_nothing() -> None:
    (presentation,) = opened(GOOD)
    assert presentation.declared_type == PID
    assert presentation.namespaces == (PID, PID)
    assert repr(presentation) == "<Presentation mso_mdoc, unverified>"
    assert presentation.credential.key_hint.certificates == (signer_certificate(),)
    assert presentation.disclosures == tuple(items_of(ELEMENTS)[PID])
    assert digests_of(items_of(ELEMENTS))[PID][0] == digest(presentation.disclosures[0])
    assert algorithm_of(key("signer")) == -7
    assert head(2, 300) == b"\x59\x01\x2c"


def test_the_placements_say_where_each_item_went() -> None:
    reading = _mdoc.read(opened(make({PID: {"a": 1}, PHOTO_ID: {"b": 2}}))[0], ISSUER, DEFAULT_LIMITS)
    placed = [(each.position, each.path) for each in placements_of(reading)]
    assert placed == [(0, (PID, "a")), (1, (PHOTO_ID, "b"))]
    assert reading.signed_at == NOW - 60
    assert reading.stated_issuer is None and reading.audiences is None


def test_device_elements_are_handed_on_as_the_holders_word() -> None:
    data = stating({PHOTO_ID: {"x": CBORTag(1004, "2020-01-01")}}, {"nameSpaces": [PHOTO_ID]})
    (presentation,) = opened(data)
    reading = _mdoc.read(presentation, ISSUER, DEFAULT_LIMITS)
    signed, stated = _mdoc.bind(presentation, reading, challenge(), NOW, DEFAULT_LIMITS)
    assert list(stated) == [PHOTO_ID]
    assert signed.algorithm == "-7"
    assert PHOTO_ID not in reading.claims


def test_the_doc_type_that_the_device_signs_is_the_signed_one() -> None:
    (presentation,) = opened(GOOD)
    reading = _mdoc.read(presentation, ISSUER, DEFAULT_LIMITS)
    other = presentation._replace(declared_type=OURS)
    signed = [_mdoc.bind(each, reading, challenge(), NOW, DEFAULT_LIMITS)[0] for each in (presentation, other)]
    assert signed[0].to_be_signed == signed[1].to_be_signed


@settings(max_examples=10)
@given(st.sampled_from(CURVES), st.sampled_from(CURVES))
def test_a_signature_of_one_curve_is_none_of_another(one: str, other: str) -> None:
    if one != other:
        message = cose_sign1(b"x", key("signer", one))
        reasons = (Reason.ALGORITHM_MISMATCH, Reason.SIGNATURE_MALFORMED, Reason.SIGNATURE_INVALID)
        data = make(auth=lambda parts: [message[0], {33: signer_certificate(other)}, parts[2], message[3]])
        verdict = outcome(lambda: verify(data))
        assert verdict[0] in reasons and verdict[1] == "V3"
