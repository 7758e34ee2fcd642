"""The W3C Bitstring Status List: what is accepted, every rule that refuses, and how it answers beside other lists.

A list is made by hand: bits from the most significant one on, the standard library's gzip, base64url and JSON. The
three traps beside a Token Status List have tests of their own: the order of bits, the container, and milliseconds.
Spec: Bitstring Status List v1.0 sections 2.2, 3.2 to 3.4; VC-JOSE-COSE section 3.1; specs/profile-status-list.md.
"""

from __future__ import annotations

import base64
import copy
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    CitizenIDError,
    KeyPurpose,
    Limits,
    LocalKey,
    MalformedError,
    NeedStatusList,
    Reason,
    Status,
    StatusKind,
    StatusReference,
    TrustAnchors,
    VerificationError,
)
from citizenid.status import (
    STATUS_LIST_MEDIA_TYPES,
    StatusFile,
    StatusPublisher,
    StatusStore,
    VerifiedStatusList,
    read_status_file,
    verify_status_list,
    write_status_file,
)
from citizenid.status._bitstring import encoded_list, for_purpose
from citizenid.status._list import StatusList
from citizenid.status._store import status_identity

from . import ABSENT, DAY, ISSUER, NOW, OTHER_ISSUER, URI, anchors, header, key, segment, slow_pack, token, unsegment
from . import MEDIA_TYPE as TOKEN_MEDIA_TYPE
from . import claims as token_claims
from .test_token import TRUSTED as WITH_A_CREDENTIAL_KEY
from .test_token import _certificate

VC: Final = "application/vc+jwt"
MIN_ENTRIES: Final = 131_072
MIN_BYTES: Final = 16_384
REVOKED: Final = (0, 3, 8, 131_071)
CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
MALFORMED, VERIFICATION = MalformedError, VerificationError
TRUSTED: Final = anchors() | anchors(OTHER_ISSUER, "other")
SUBJECT: Final = "status-list.credentialSubject"
ENCODED: Final = SUBJECT + ".encodedList"
SKEW_S: Final = 30


def slow_bits(indices: Iterable[int], size_bytes: int = MIN_BYTES) -> bytes:
    """Section 2.2: the first index is the left-most bit. Written as one number in base 2, digit by digit."""
    marked = set(indices)
    return int("".join("1" if index in marked else "0" for index in range(8 * size_bytes)), 2).to_bytes(size_bytes)


def slow_bit(bits: bytes, index: int) -> int:
    return bits[index // 8] >> 7 - index % 8 & 1


def encoded(bits: bytes) -> str:
    return "u" + segment(gzip.compress(bits)).decode()


def multibase(data: bytes) -> str:
    return "u" + segment(data).decode()


GOOD_LIST: Final = encoded(slow_bits(REVOKED))


def subject(**changes: Any) -> Any:
    good = {
        "type": "BitstringStatusList",
        "statusPurpose": "revocation",
        "encodedList": GOOD_LIST,
        "ttl": 3_600_000,
        **changes,
    }
    return {name: value for name, value in good.items() if value is not ABSENT}


def credential(**changes: Any) -> Any:
    """The payload of a good list; a change to ABSENT leaves a member out."""
    good = {
        "@context": [CONTEXT],
        "id": URI,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": ISSUER,
        "validFrom": "2027-01-15T07:59:00Z",  # a minute before NOW
        "validUntil": "2027-01-16T08:00:00Z",
        "credentialSubject": subject(),
        "iat": NOW - 60,
        **changes,
    }
    return {name: value for name, value in good.items() if value is not ABSENT}


def vc(payload: Any = None, *, signer: LocalKey | None = None, **head: Any) -> bytes:
    return token(credential() if payload is None else payload, header(**{"typ": "vc+jwt", **head}), signer=signer)


def listing(bits: bytes, **changes: Any) -> bytes:
    return vc(credential(credentialSubject=subject(encodedList=encoded(bits), **changes)))


def verify(body: Any, **changes: Any) -> VerifiedStatusList:
    arguments = {"uri": URI, "media_type": VC, "anchors": TRUSTED, "now": NOW, **changes}
    return verify_status_list(body, **arguments)


def refused(
    act: Callable[[], object], error: type[CitizenIDError], reason: Reason, where: str, step: str | None = "status"
) -> None:
    with pytest.raises(CitizenIDError) as caught:
        act()
    found = caught.value
    assert (type(found), found.reason, found.where) == (error, reason, where)
    assert step is None or found.step == step
    assert found.__cause__ is None and found.__context__ is None


def revocation(index: int, uri: str = URI) -> StatusReference:
    return StatusReference(uri, index, StatusKind.BITSTRING, purpose="revocation")


def suspension(index: int, uri: str = URI) -> StatusReference:
    return StatusReference(uri, index, StatusKind.BITSTRING, purpose="suspension")


def stored(*bodies: bytes, now: int = NOW) -> StatusStore:
    store = StatusStore(anchors=TRUSTED)
    for body in bodies:
        store.ingest(URI, body, media_type=VC, now=now)
    return store


def ask(store: Any, reference: StatusReference, now: int = NOW) -> Status | NeedStatusList:
    found: Status | NeedStatusList = store.check(reference, issuer=ISSUER, now=now)
    return found


# --- the bits ---


@given(st.sets(st.integers(0, MIN_ENTRIES - 1), max_size=40), st.sampled_from(["revocation", "suspension"]))
def test_a_set_bit_is_found_where_a_slow_reading_finds_it(marked: set[int], purpose: str) -> None:
    bits = slow_bits(marked)
    store = stored(listing(bits, statusPurpose=purpose))
    says = Status.INVALID if purpose == "revocation" else Status.SUSPENDED
    for index in {*marked, *(each ^ 7 for each in marked), *(MIN_ENTRIES - 1 - each for each in marked), 0, 1, 7, 8}:
        expected = says if slow_bit(bits, index) else Status.VALID
        assert ask(store, StatusReference(URI, index, StatusKind.BITSTRING, purpose=purpose)) is expected


@given(st.binary(min_size=1, max_size=30))
def test_the_bits_of_any_list_are_read_from_the_most_significant_one_on(tail: bytes) -> None:
    bits = bytes(MIN_BYTES) + tail
    statuses = verify(listing(bits)).statuses
    assert isinstance(statuses, StatusList) and len(statuses) == 8 * len(bits)
    suspended = for_purpose(statuses, "suspension")
    assert len(suspended) == len(statuses)
    for index in range(MIN_ENTRIES, 8 * len(bits)):
        bit = slow_bit(bits, index)
        assert statuses[index] is (Status.INVALID if bit else Status.VALID)
        assert suspended[index] is (Status.SUSPENDED if bit else Status.VALID)


def test_index_0_is_the_left_most_bit() -> None:
    store = stored(listing(b"\x80" + bytes(MIN_BYTES - 1)))
    assert ask(store, revocation(0)) is Status.INVALID
    assert ask(store, revocation(7)) is Status.VALID
    store = stored(listing(b"\x01" + bytes(MIN_BYTES - 1)))
    assert ask(store, revocation(0)) is Status.VALID
    assert ask(store, revocation(7)) is Status.INVALID


@given(st.integers(1, 2), st.lists(st.integers(0, 3), max_size=70), st.integers(0, 9))
def test_what_is_written_reads_as_what_was_meant(bits: int, values: list[int], level: int) -> None:
    values = [value & (1 << bits) - 1 for value in values]
    text = encoded_list(StatusList(bits, slow_pack(bits, values)), level)
    assert text[0] == "u" and "=" not in text
    published = gzip.decompress(unsegment(text[1:]))
    assert [slow_bit(published, index) for index in range(len(values))] == [value != 0 for value in values]


def test_the_empty_list_of_the_recommendation_is_read() -> None:
    # Its example in section 2.2 is a list of 131,072 zeros, here made anew.
    statuses = verify(listing(bytes(MIN_BYTES))).statuses
    assert isinstance(statuses, StatusList)
    assert len(statuses) == MIN_ENTRIES and not any(statuses.packed)


@pytest.mark.parametrize("name", [b"name", b""])
def test_a_gzip_header_may_say_more(name: bytes) -> None:
    # RFC 1952 section 2.3: a name, a comment, extra fields and a time decide nothing.
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    bits = slow_bits(REVOKED)
    body = raw.compress(bits) + raw.flush()
    ends = zlib.crc32(bits).to_bytes(4, "little") + len(bits).to_bytes(4, "little")
    data = b"\x1f\x8b\x08\x1c\x12\x34\x56\x78\x02\x03" + b"\x02\x00ab" + name + b"\0" + b"comment\0" + body + ends
    assert gzip.decompress(data) == bits
    store = stored(vc(credential(credentialSubject=subject(encodedList=multibase(data)))))
    assert ask(store, revocation(3)) is Status.INVALID


# --- what is accepted ---


def test_a_good_list_is_verified() -> None:
    verified = verify(vc())
    assert (verified.uri, verified.issued_at, verified.not_after) == (URI, NOW - 60, NOW + DAY)
    assert (verified.kind, verified.purposes, verified.ttl_s) == (StatusKind.BITSTRING, ("revocation",), 3_600)
    assert verified.anchor.issuer == ISSUER
    assert [ask(stored(vc()), revocation(index)) for index in (0, 1, 3, 131_071)] == [
        Status.INVALID,
        Status.VALID,
        Status.INVALID,
        Status.INVALID,
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"@context": [CONTEXT, "https://www.w3.org/ns/credentials/examples/v2", {"x": "urn:x"}]},
        {"type": ["BitstringStatusListCredential", "VerifiableCredential", "More"]},
        {"issuer": {"id": ISSUER, "name": "Issuer", "image": {"id": "urn:x"}}},
        {"iss": ISSUER, "jti": URI},
        {"sub": "urn:list", "credentialSubject": subject(id="urn:list")},
        {"credentialSubject": subject(statusSize=1, statusReference="https://issuer.example/dictionary")},
        {"credentialSubject": subject(ttl=ABSENT)},
        {"validFrom": ABSENT},
        {"validUntil": ABSENT},
        {"exp": NOW + 1, "nbf": NOW},
        {"proof": {"type": "DataIntegrityProof"}, "name": "list", "status_list": 1, "ttl": "x"},
    ],
)
def test_what_the_standard_permits_is_accepted(changes: dict[str, Any]) -> None:
    assert ask(stored(vc(credential(**changes))), revocation(3)) is Status.INVALID


def test_the_issuer_finds_the_key_where_no_kid_does() -> None:
    for issuer in (ISSUER, {"id": ISSUER}):
        assert verify(vc(credential(issuer=issuer), kid=ABSENT)).anchor.issuer == ISSUER
    unknown = vc(credential(issuer="https://stranger.example"), kid=ABSENT)
    refused(lambda: verify(unknown), VERIFICATION, Reason.KEY_UNKNOWN, "status-list", "V2")
    nobody = vc(credential(issuer=ABSENT, iss=ISSUER), kid=ABSENT)
    refused(lambda: verify(nobody), VERIFICATION, Reason.KEY_AMBIGUOUS, "status-list", "V2")


# --- times ---


@pytest.mark.parametrize(
    ("stated", "read"),
    [(3_600_000, 3_600), (1, 1), (999, 1), (1_000, 1), (1_999, 1), (2_000, 2), (10**15, 10**12), (2**53 - 1, None)],
)
def test_ttl_is_in_milliseconds(stated: int, read: int | None) -> None:
    verified = verify(vc(credential(credentialSubject=subject(ttl=stated))))
    assert verified.ttl_s == (stated // 1_000 if read is None else read)


def test_an_hour_of_milliseconds_is_an_hour_and_not_six_weeks() -> None:
    store = stored(vc())
    assert ask(store, revocation(3), NOW + 3_599) is Status.INVALID
    assert ask(store, revocation(3), NOW + 3_600) == NeedStatusList(URI, Reason.STATUS_LIST_STALE)


def test_a_ttl_beyond_reason_is_cut() -> None:
    store = stored(vc(credential(credentialSubject=subject(ttl=10**15), validUntil="2100-01-01T00:00:00Z")))
    assert ask(store, revocation(3), NOW + DAY - 1) is Status.INVALID
    assert isinstance(ask(store, revocation(3), NOW + DAY), NeedStatusList)


@pytest.mark.parametrize(
    ("changes", "issued_at", "not_after"),
    [
        ({}, NOW - 60, NOW + DAY),
        ({"iat": ABSENT}, NOW - 60, NOW + DAY),
        ({"iat": NOW}, NOW, NOW + DAY),
        ({"iat": ABSENT, "validFrom": "2027-01-15T07:59:00.25Z"}, NOW - 59, NOW + DAY),
        ({"exp": NOW + 5}, NOW - 60, NOW + 5),
        ({"exp": NOW + 2 * DAY}, NOW - 60, NOW + DAY),
        ({"validUntil": "2027-01-15T08:00:01.999999999Z"}, NOW - 60, NOW + 1),
        ({"validUntil": "2027-01-15T10:00:01+02:00"}, NOW - 60, NOW + 1),
        ({"validUntil": "2027-01-15T02:30:01-05:30"}, NOW - 60, NOW + 1),
        ({"validUntil": ABSENT}, NOW - 60, None),
    ],
    ids=str,
)
def test_of_two_times_the_stricter_one_counts(changes: dict[str, Any], issued_at: int, not_after: int | None) -> None:
    verified = verify(vc(credential(**changes)))
    assert (verified.issued_at, verified.not_after) == (issued_at, not_after)


TIMES: Final[tuple[Any, ...]] = (
    None, True, NOW, "", "2027-01-15", "2027-01-15T08:00:00", "2027-01-15 08:00:00Z", "2027-01-15t08:00:00z",
    "2027-01-15T08:00:00.Z", "2027-01-15T08:00:00.1234567890Z", "2027-01-15T24:00:00Z", "2027-01-15T08:00:60Z",
    "2027-02-29T00:00:00Z", "2027-13-01T00:00:00Z", "2027-00-01T00:00:00Z", "2027-01-15T08:00:00+24:00",
    "2027-01-15T08:00:00+0200", "2027-01-15T08:00Z", "20270115T080000Z", "1969-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z", "+2027-01-15T08:00:00Z", " 2027-01-15T08:00:00Z", "2027-01-15T08:00:00Z\n",
    "٢٠٢٧-01-15T08:00:00Z", "2027-01-15T08:00:00ZZ", "2027-W02-5T08:00:00Z",
)  # fmt: skip


@pytest.mark.parametrize("name", ["validFrom", "validUntil"])
@pytest.mark.parametrize("value", TIMES, ids=repr)
def test_what_is_no_date_time_is_refused(name: str, value: Any) -> None:
    refused(lambda: verify(vc(credential(**{name: value}))), MALFORMED, Reason.CLAIM_INVALID, f"status-list.{name}")


NOT_INTEGERS: Final[tuple[Any, ...]] = (None, True, False, 1.0, float(NOW), -1, str(NOW), [NOW], {}, 2**53, 10**400)


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
@pytest.mark.parametrize("value", NOT_INTEGERS, ids=repr)
def test_times_of_the_jwt_are_integers(name: str, value: Any) -> None:
    refused(lambda: verify(vc(credential(**{name: value}))), MALFORMED, Reason.CLAIM_INVALID, f"status-list.{name}")


@pytest.mark.parametrize("value", [0, *NOT_INTEGERS], ids=repr)
def test_a_ttl_is_a_positive_integer(value: Any) -> None:
    body = vc(credential(credentialSubject=subject(ttl=value)))
    refused(lambda: verify(body), MALFORMED, Reason.CLAIM_INVALID, SUBJECT + ".ttl")


@pytest.mark.parametrize(
    ("changes", "reason", "where"),
    [
        ({"iat": ABSENT, "validFrom": ABSENT}, Reason.CLAIM_MISSING, "iat"),
        ({"iat": NOW + SKEW_S + 1}, Reason.STATUS_LIST_IN_FUTURE, "iat"),
        ({"iat": NOW * 1_000}, Reason.STATUS_LIST_IN_FUTURE, "iat"),
        # The skew excuses iat alone (law 13).
        ({"validFrom": "2027-01-15T08:00:01Z"}, Reason.STATUS_LIST_IN_FUTURE, "nbf"),
        ({"validFrom": "2027-01-15T08:00:00.1Z"}, Reason.STATUS_LIST_IN_FUTURE, "nbf"),
        ({"iat": ABSENT, "validFrom": "2027-01-15T08:00:01Z"}, Reason.STATUS_LIST_IN_FUTURE, "nbf"),
        ({"nbf": NOW + 1}, Reason.STATUS_LIST_IN_FUTURE, "nbf"),
        ({"nbf": NOW - 9, "validFrom": "2027-01-15T08:00:01Z"}, Reason.STATUS_LIST_IN_FUTURE, "nbf"),
        ({"validUntil": "2027-01-15T08:00:00Z"}, Reason.STATUS_LIST_EXPIRED, "exp"),
        ({"validUntil": "2027-01-15T08:00:00.9Z"}, Reason.STATUS_LIST_EXPIRED, "exp"),
        ({"validUntil": "2027-01-15T09:59:59+02:00"}, Reason.STATUS_LIST_EXPIRED, "exp"),
        ({"exp": NOW}, Reason.STATUS_LIST_EXPIRED, "exp"),
        ({"exp": NOW, "validUntil": ABSENT}, Reason.STATUS_LIST_EXPIRED, "exp"),
    ],
    ids=str,
)
def test_a_list_that_is_not_valid_now_is_refused(changes: dict[str, Any], reason: Reason, where: str) -> None:
    refused(lambda: verify(vc(credential(**changes))), VERIFICATION, reason, f"status-list.{where}")


def test_the_skew_excuses_an_iat() -> None:
    assert verify(vc(credential(iat=NOW + SKEW_S, validFrom=ABSENT))).issued_at == NOW + SKEW_S


# --- what is refused ---


def test_the_media_type_says_what_it_is_and_the_typ_that_it_is_meant() -> None:
    assert VC in STATUS_LIST_MEDIA_TYPES
    for media_type in (
        "application/vc",
        "application/vc+ld+json",
        "application/vc+sd-jwt",
        "application/jwt",
        "vc+jwt",
    ):
        refused(
            lambda media_type=media_type: verify(vc(), media_type=media_type),
            VERIFICATION,
            Reason.STATUS_MEDIA_TYPE,
            "status-list",
        )
    for typ in (
        "statuslist+jwt",
        "JWT",
        "vc",
        "vc+ld+jwt",
        "vp+jwt",
        "VC+JWT",
        "application/vc+jwt",
        "vc+jwt ",
        ABSENT,
    ):
        body = vc(typ=typ)
        refused(lambda body=body: verify(body), VERIFICATION, Reason.TYP_MISMATCH, "status-list.header.typ")
    # Neither passes for the other.
    refused(
        lambda: verify(vc(), media_type=TOKEN_MEDIA_TYPE), VERIFICATION, Reason.TYP_MISMATCH, "status-list.header.typ"
    )
    refused(lambda: verify(token()), VERIFICATION, Reason.TYP_MISMATCH, "status-list.header.typ")
    crossed = token(token_claims(), header(typ="vc+jwt"))
    refused(lambda: verify(crossed), VERIFICATION, Reason.CLAIM_MISSING, "status-list.@context")
    crossed = token(credential(), header())
    refused(
        lambda: verify(crossed, media_type=TOKEN_MEDIA_TYPE),
        VERIFICATION,
        Reason.STATUS_SUBJECT_MISMATCH,
        "status-list.sub",
    )


@pytest.mark.parametrize("identifier", [ABSENT, None, "", URI + "#", URI + "/", URI.upper(), [URI], {"id": URI}, 1])
def test_the_id_is_the_uri_character_by_character(identifier: Any) -> None:
    body = vc(credential(id=identifier))
    refused(lambda: verify(body), VERIFICATION, Reason.STATUS_SUBJECT_MISMATCH, "status-list.id")


def test_a_sub_or_jti_must_say_the_same_as_the_credential() -> None:
    for name, changes in (
        ("sub", {"sub": URI}),
        ("sub", {"sub": None}),
        ("sub", {"sub": "urn:x", "credentialSubject": subject(id="urn:y")}),
        ("jti", {"jti": "urn:x"}),
        ("jti", {"jti": None, "id": ABSENT}),
    ):
        body = vc(credential(**changes))
        refused(lambda body=body: verify(body), VERIFICATION, Reason.STATUS_SUBJECT_MISMATCH, f"status-list.{name}")


@pytest.mark.parametrize(
    "issuer",
    [
        None,
        "",
        7,
        True,
        [ISSUER],
        [],
        {},
        {"id": OTHER_ISSUER},
        {"id": None},
        {"name": ISSUER},
        OTHER_ISSUER,
        ISSUER + "/",
    ],
    ids=repr,
)
def test_the_issuer_is_the_one_whose_key_signed(issuer: Any) -> None:
    body = vc(credential(issuer=issuer))
    refused(lambda: verify(body), VERIFICATION, Reason.ISSUER_MISMATCH, "status-list.issuer", "V5")


@pytest.mark.parametrize("issuer", [7, None, True, [ISSUER], {"id": 7}, {"id": [ISSUER]}, {"id": {"id": ISSUER}}, {}])
def test_what_names_nobody_is_anybodys(issuer: Any) -> None:
    body = vc(credential(issuer=issuer), kid=ABSENT)
    refused(lambda: verify(body), VERIFICATION, Reason.KEY_AMBIGUOUS, "status-list", "V2")


def test_a_credential_that_is_no_json_names_nobody() -> None:
    for kid in (ABSENT, "signer"):
        with pytest.raises(MalformedError) as caught:
            verify(vc(b"{", kid=kid))
        assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_JSON, "status-list")


def test_another_issuer_cannot_speak_for_this_one() -> None:
    refused(lambda: verify(vc(credential(issuer=ABSENT))), VERIFICATION, Reason.CLAIM_MISSING, "status-list.issuer")
    for iss in (OTHER_ISSUER, None, [ISSUER], ""):
        body = vc(credential(iss=iss))
        refused(lambda body=body: verify(body), VERIFICATION, Reason.ISSUER_MISMATCH, "status-list.iss", "V5")
    as_us = vc(signer=key("other"), kid="other")
    refused(lambda: verify(as_us), VERIFICATION, Reason.ISSUER_MISMATCH, "status-list.issuer", "V5")
    forged = vc(signer=key("stranger"))
    refused(lambda: verify(forged), VERIFICATION, Reason.SIGNATURE_INVALID, "status-list")
    # A list of another issuer at our URI is his own, and answers for nobody of ours.
    theirs = vc(credential(issuer=OTHER_ISSUER), signer=key("other"), kid="other")
    store = StatusStore(anchors=TRUSTED)
    store.ingest(URI, theirs, media_type=VC, now=NOW)
    assert isinstance(ask(store, revocation(3)), NeedStatusList)
    assert store.check(revocation(3), issuer=OTHER_ISSUER, now=NOW) is Status.INVALID


def test_a_key_for_credentials_signs_no_list() -> None:
    body = vc(signer=key("credential"), kid="credential")
    refused(lambda: verify(body, anchors=WITH_A_CREDENTIAL_KEY), VERIFICATION, Reason.KEY_UNKNOWN, "status-list", "V2")


def _of(**changes: Any) -> dict[str, Any]:
    return {"credentialSubject": subject(**changes)}


FORMS: Final[tuple[tuple[dict[str, Any], type[CitizenIDError], Reason, str], ...]] = (
    ({"@context": ABSENT}, VERIFICATION, Reason.CLAIM_MISSING, "status-list.@context"),
    *(
        ({"@context": context}, MALFORMED, Reason.CLAIM_INVALID, "status-list.@context")
        for context in (
            None, [], CONTEXT, {}, [CONTEXT + "/"], [{}], ["https://www.w3.org/2018/credentials/v1"],
            ["https://www.w3.org/2018/credentials/v1", CONTEXT], [[CONTEXT]],
        )
    ),
    ({"type": ABSENT}, VERIFICATION, Reason.CLAIM_MISSING, "status-list.type"),
    *(
        ({"type": types}, MALFORMED, Reason.CLAIM_INVALID, "status-list.type")
        for types in (
            None, "BitstringStatusListCredential", "VerifiableCredential", [], ["VerifiableCredential"],
            ["BitstringStatusListCredential"], ["VerifiableCredential", "StatusList2021Credential"],
            {"VerifiableCredential": 1, "BitstringStatusListCredential": 1},
            ["verifiablecredential", "BitstringStatusListCredential"],
        )
    ),
    ({"iat": NOW + 20, "exp": NOW + 20}, MALFORMED, Reason.CLAIM_INVALID, "status-list.exp"),
    ({"vc": {}}, MALFORMED, Reason.CLAIM_INVALID, "status-list.vc"),
    ({"vp": None}, MALFORMED, Reason.CLAIM_INVALID, "status-list.vc"),
    ({"credentialStatus": {}}, VERIFICATION, Reason.STATUS_MECHANISM_UNKNOWN, "status-list.credentialStatus"),
    ({"credentialStatus": None}, VERIFICATION, Reason.STATUS_MECHANISM_UNKNOWN, "status-list.credentialStatus"),
    *(
        ({"credentialSubject": value}, MALFORMED, Reason.STATUS_LIST_MALFORMED, SUBJECT)
        for value in (
            ABSENT, None, "x", [], [subject()], {}, subject(type=ABSENT), subject(type="StatusList2021"),
            subject(type=["BitstringStatusList"]), subject(type=None),
        )
    ),
    *(
        (_of(statusPurpose=value), MALFORMED, Reason.STATUS_LIST_MALFORMED, SUBJECT + ".statusPurpose")
        for value in (
            ABSENT, None, [], 1, {}, [None], ["revocation", 1], ["revocation", "revocation"], [["revocation"]],
        )
    ),
    *(
        (_of(statusPurpose=value), VERIFICATION, Reason.STATUS_MECHANISM_UNKNOWN, SUBJECT + ".statusPurpose")
        for value in ("refresh", "message", "", "Revocation", "revocation ", ["refresh", "message"])
    ),
    *(
        (_of(statusSize=value), VERIFICATION, Reason.STATUS_MECHANISM_UNKNOWN, SUBJECT + ".statusSize")
        for value in (0, 2, 8, -1, True, 1.0, "1", None, [1])
    ),
    *(
        (_of(encodedList=value), MALFORMED, Reason.MALFORMED_BASE64, ENCODED)
        for value in (
            ABSENT, None, 1, "", [GOOD_LIST], GOOD_LIST[1:], "U" + GOOD_LIST[1:], "m" + GOOD_LIST[1:],
            "z" + GOOD_LIST[1:], " " + GOOD_LIST, GOOD_LIST + "\n", "uu" + GOOD_LIST[1:] + "==",
            "u\u00e9" + GOOD_LIST[2:],
            "u" + base64.urlsafe_b64encode(gzip.compress(bytes(MIN_BYTES + 1))).decode().rstrip("=") + "=",
            "u" + base64.b64encode(b"\xfb\xff\xfe" * 4).decode(),
        )
    ),
)  # fmt: skip


@pytest.mark.parametrize(("changes", "error", "reason", "where"), FORMS, ids=range(len(FORMS)))
def test_every_fault_of_form_has_its_reason(
    changes: dict[str, Any], error: type[CitizenIDError], reason: Reason, where: str
) -> None:
    refused(lambda: verify(vc(credential(**changes))), error, reason, where, None)


def test_a_list_with_a_purpose_more_is_read_for_those_that_are_understood() -> None:
    body = vc(credential(credentialSubject=subject(statusPurpose=["refresh", "suspension", "urn:x"])))
    assert verify(body).purposes == ("suspension",)
    store = stored(body)
    assert ask(store, suspension(3)) is Status.SUSPENDED
    assert isinstance(ask(store, revocation(3)), NeedStatusList)


def test_duplicate_members_and_depth_are_refused() -> None:
    raw = json.dumps(credential()).encode()
    for more in (b',"id":"urn:x"}', b',"i\\u0064":"urn:x"}'):
        refused(
            lambda more=more: verify(vc(raw[:-1] + more)),
            MALFORMED,
            Reason.DUPLICATE_MEMBER,
            "status-list",
        )
    doubled = raw.replace(b'"statusPurpose"', b'"encodedList":"u","statusPurpose"')
    refused(lambda: verify(vc(doubled)), MALFORMED, Reason.DUPLICATE_MEMBER, "status-list")
    nested: Any = 1
    for _ in range(9):
        nested = [nested]
    refused(lambda: verify(vc(credential(x=nested))), MALFORMED, Reason.DEPTH_EXCEEDED, "status-list")


# --- the container ---

GZIP: Final = gzip.compress(slow_bits(REVOKED), mtime=0)


def encoded_refused(data: bytes, reason: Reason, **changes: Any) -> None:
    body = vc(credential(credentialSubject=subject(encodedList=multibase(data))))
    refused(lambda: verify(body, **changes), MALFORMED, reason, ENCODED)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        GZIP + bytes(4),
        GZIP + b"\0\x40\0\0",
        GZIP + GZIP,
        GZIP + GZIP[-4:],
        GZIP[:-8] + bytes([GZIP[-8] ^ 1]) + GZIP[-7:],
        GZIP[:-4] + (MIN_BYTES + 1).to_bytes(4, "little"),
        b"\x1f\x8b\x08\xe0" + GZIP[4:],
        b"\x1f\x8b\x07" + GZIP[3:],
        zlib.compress(slow_bits(REVOKED)),
        zlib.compress(slow_bits(REVOKED))[:-4] + MIN_BYTES.to_bytes(4, "little"),
        GZIP[10:-8] + MIN_BYTES.to_bytes(4, "little"),
        slow_bits(()),
        b"\x1f\x8c" + GZIP[2:],
    ],
    ids=[
        "empty", "byte", "zeros-behind", "a-size-behind", "second-member", "size-twice", "wrong-crc",
        "other-size", "reserved-flags", "other-method", "zlib", "zlib-with-a-size", "raw-deflate", "not-compressed",
        "other-magic",
    ],
)  # fmt: skip
def test_anything_but_one_whole_gzip_member_is_refused(data: bytes) -> None:
    encoded_refused(data, Reason.STATUS_LIST_MALFORMED)


def test_every_truncation_is_refused() -> None:
    # Its last four bytes then say another size, which may be beyond the bound.
    for length in range(len(GZIP)):
        body = vc(credential(credentialSubject=subject(encodedList=multibase(GZIP[:length]))))
        with pytest.raises(MalformedError) as caught:
            verify(body)
        assert caught.value.reason in (Reason.STATUS_LIST_MALFORMED, Reason.INPUT_TOO_LARGE)


@given(st.binary(min_size=1, max_size=40))
def test_every_tail_is_refused(tail: bytes) -> None:
    body = vc(credential(credentialSubject=subject(encodedList=multibase(GZIP + tail))))
    with pytest.raises(MalformedError) as caught:
        verify(body)
    assert caught.value.reason in (Reason.STATUS_LIST_MALFORMED, Reason.INPUT_TOO_LARGE)


@given(position=st.integers(0, len(GZIP) - 1), flip=st.integers(1, 255))
def test_no_changed_byte_of_the_container_changes_what_it_says(position: int, flip: int) -> None:
    changed = bytearray(GZIP)
    changed[position] ^= flip
    try:
        statuses = verify(vc(credential(credentialSubject=subject(encodedList=multibase(bytes(changed)))))).statuses
    except MalformedError:
        return
    # Flags, the time and the system decide nothing, and DEFLATE has more than one spelling for the same bytes.
    assert statuses == verify(vc()).statuses


def bomb(mebibytes: int, size: int | None = None) -> bytes:
    """A gzip member of that many MiB of zeros, without making them; its trailer says `size`."""
    maker = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = maker.compress(bytes(2**20)) + maker.flush(zlib.Z_FULL_FLUSH)
    again = maker.compress(bytes(2**20)) + maker.flush(zlib.Z_FULL_FLUSH)
    ends = bytes(4) + ((mebibytes * 2**20 if size is None else size) % 2**32).to_bytes(4, "little")
    return GZIP[:10] + first + again * (mebibytes - 1) + b"\x03\x00" + ends


def _peak(act: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [None, MIN_BYTES, 2**20])
def test_a_bomb_takes_no_more_than_it_says_and_nothing_when_it_says_too_much(size: int | None) -> None:
    # 1 GiB: one that says so is not inflated at all, and one that says less is as large as it says.
    data = bomb(1_024, size)
    body = vc(credential(credentialSubject=subject(encodedList=multibase(data))))

    def act() -> None:
        reason = Reason.INPUT_TOO_LARGE if size is None else Reason.STATUS_LIST_MALFORMED
        refused(lambda: verify(body), MALFORMED, reason, ENCODED)

    assert _peak(act) <= 8 * len(body) + 2 * (size or 0)


def test_a_bomb_whose_size_has_wrapped_around_stops_too() -> None:
    encoded_refused(bomb(8, MIN_BYTES - 1), Reason.STATUS_LIST_MALFORMED)
    encoded_refused(bomb(8, 0), Reason.STATUS_LIST_MALFORMED)


def test_a_list_has_131_072_entries_at_least() -> None:
    assert len(verify(listing(bytes(MIN_BYTES))).statuses) == MIN_ENTRIES
    for size_bytes in (0, 1, MIN_BYTES - 1):
        encoded_refused(gzip.compress(bytes(size_bytes)), Reason.STATUS_LIST_MALFORMED)


@pytest.mark.parametrize(("purpose", "bytes_each"), [("revocation", 1), ("suspension", 2)])
def test_the_bound_is_on_what_is_held(purpose: str, bytes_each: int) -> None:
    body = listing(bytes(MIN_BYTES), statusPurpose=purpose)
    exact = Limits(status_list_inflated_bytes=MIN_BYTES * bytes_each)
    assert len(verify(body, limits=exact).statuses) == MIN_ENTRIES
    below = Limits(status_list_inflated_bytes=MIN_BYTES * bytes_each - 1)
    refused(lambda: verify(body, limits=below), MALFORMED, Reason.INPUT_TOO_LARGE, ENCODED)


# --- the store: purposes, kinds, and what never goes back ---


def test_a_purpose_answers_for_itself_alone() -> None:
    store = stored(vc())
    assert ask(store, revocation(3)) is Status.INVALID
    assert ask(store, suspension(3)) == NeedStatusList(URI)
    assert ask(store, StatusReference(URI, 3)) == NeedStatusList(URI)
    store = stored(listing(slow_bits([5]), statusPurpose="suspension"))
    assert ask(store, suspension(5)) is Status.SUSPENDED
    assert ask(store, revocation(5)) == NeedStatusList(URI)


def test_a_list_of_both_purposes_answers_for_both() -> None:
    store = stored(listing(slow_bits([5]), statusPurpose=["suspension", "revocation"]))
    assert (ask(store, revocation(5)), ask(store, suspension(5))) == (Status.INVALID, Status.SUSPENDED)
    assert (ask(store, revocation(4)), ask(store, suspension(4))) == (Status.VALID, Status.VALID)


def test_a_token_status_list_answers_no_bitstring() -> None:
    store = StatusStore(anchors=TRUSTED)
    store.ingest(URI, token(), media_type=TOKEN_MEDIA_TYPE, now=NOW)
    assert ask(store, StatusReference(URI, 1)) is Status.INVALID
    for reference in (revocation(1), suspension(1)):
        assert ask(store, reference) == NeedStatusList(URI)


@pytest.mark.parametrize("index", [131_072, 131_073, 2**32 - 1])
def test_an_index_beyond_the_list_is_refused(index: int) -> None:
    for reference, body in (
        (revocation(index), vc()),
        (suspension(index), listing(bytes(MIN_BYTES), statusPurpose="suspension")),
    ):
        store = stored(body)
        with pytest.raises(VerificationError) as caught:
            ask(store, reference)
        assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE


def test_a_list_never_goes_back_and_a_refused_one_changes_nothing() -> None:
    newer = credential(iat=NOW - 10, credentialSubject=subject(encodedList=encoded(slow_bits([7]))))
    store = stored(vc(newer))
    for payload, reason in (
        (credential(iat=NOW - 11), Reason.STATUS_LIST_ROLLBACK),
        (credential(iat=ABSENT), Reason.STATUS_LIST_ROLLBACK),
        (credential(iat=NOW - 10), Reason.STATUS_LIST_CONFLICT),
        # The suspensions would be new, the revocations are older: neither is taken in.
        (
            credential(iat=NOW - 11, credentialSubject=subject(statusPurpose=["suspension", "revocation"])),
            Reason.STATUS_LIST_ROLLBACK,
        ),
    ):
        with pytest.raises(VerificationError) as caught:
            store.ingest(URI, vc(payload), media_type=VC, now=NOW + 1)
        assert caught.value.reason is reason
        assert (ask(store, revocation(7)), ask(store, revocation(3))) == (Status.INVALID, Status.VALID)
        assert isinstance(ask(store, suspension(3)), NeedStatusList)
    store.ingest(URI, vc(newer), media_type=VC, now=NOW + 100)  # the same again counts as fetched again
    assert ask(store, revocation(7), NOW + 3_650) is Status.INVALID


def test_a_first_list_that_is_too_old_is_refused() -> None:
    body = vc(credential(iat=NOW - DAY - 1, validFrom=ABSENT))
    with pytest.raises(VerificationError) as caught:
        stored(body)
    assert caught.value.reason is Reason.STATUS_LIST_TOO_OLD


def test_marks_of_each_purpose_outlive_the_lists() -> None:
    both = listing(slow_bits([7]), statusPurpose=["suspension", "revocation"])
    marks = stored(both).export_marks()
    for purpose in ("suspension", "revocation", ["revocation", "suspension"]):
        old = credential(iat=NOW - 61, validFrom=ABSENT, credentialSubject=subject(statusPurpose=purpose))
        store = StatusStore(anchors=TRUSTED, marks=marks)
        with pytest.raises(VerificationError) as caught:
            store.ingest(URI, vc(old), media_type=VC, now=NOW)
        assert caught.value.reason is Reason.STATUS_LIST_ROLLBACK


def test_anchors_that_go_take_the_list_along() -> None:
    store = stored(vc())
    store.reload(anchors=anchors(OTHER_ISSUER, "other"))
    assert ask(store, revocation(3)) == NeedStatusList(URI)
    assert store.due(NOW) == (URI,)


# --- the file of all workers ---


def test_the_file_answers_as_the_store(tmp_path: Path) -> None:
    path, another = tmp_path / "lists", "https://issuer.example/status/2"
    store = stored(listing(slow_bits([5, 131_071]), statusPurpose=["suspension", "revocation"]))
    suspended = credential(id=another, credentialSubject=subject(statusPurpose="suspension"))
    store.ingest(another, vc(suspended), media_type=VC, now=NOW)
    store.ingest(URI, token(), media_type=TOKEN_MEDIA_TYPE, now=NOW)
    write_status_file(path, store)
    file = StatusFile(path, anchors=TRUSTED)
    again = StatusStore(anchors=TRUSTED, stored=read_status_file(path))
    assert len(file._held) == len(store._held) == len(again._held) == 4
    for uri in (URI, another):
        for index in (0, 1, 3, 4, 5, 6, 131_071):
            for reference in (revocation(index, uri), suspension(index, uri)):
                for now in (NOW, NOW + 3_599, NOW + 3_600):
                    answer = ask(store, reference, now)
                    assert ask(file, reference, now) == ask(again, reference, now) == answer
    assert ask(file, suspension(5)) is Status.SUSPENDED and ask(file, revocation(5)) is Status.INVALID
    assert ask(file, StatusReference(URI, 1)) is Status.INVALID
    with pytest.raises(VerificationError) as caught:
        ask(file, revocation(131_072))
    assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE


def test_who_starts_from_the_file_refuses_what_is_older(tmp_path: Path) -> None:
    path = tmp_path / "lists"
    write_status_file(path, stored(listing(slow_bits([5]), statusPurpose=["suspension", "revocation"])))
    again = StatusStore(anchors=TRUSTED, stored=read_status_file(path))
    for purpose in ("suspension", "revocation"):
        old = vc(credential(iat=NOW - 61, credentialSubject=subject(statusPurpose=purpose)))
        with pytest.raises(VerificationError) as caught:
            again.ingest(URI, old, media_type=VC, now=NOW)
        assert caught.value.reason is Reason.STATUS_LIST_ROLLBACK


def test_a_record_under_the_identity_of_another_purpose_does_not_count(tmp_path: Path) -> None:
    # One bit each says revoked: under the identity of suspensions it would be another list.
    store = stored(vc())
    (held,) = store.export().lists
    wrong = held._replace(identity=status_identity(URI, ISSUER, None, StatusKind.BITSTRING, "suspension"))
    moved = StatusStore(anchors=TRUSTED, stored=store.export()._replace(lists=(wrong,)))
    assert isinstance(ask(moved, suspension(3)), NeedStatusList)
    write_status_file(tmp_path / "lists", moved)
    assert isinstance(ask(StatusFile(tmp_path / "lists", anchors=TRUSTED), suspension(3)), NeedStatusList)


def test_identities_of_kinds_and_purposes_are_all_different() -> None:
    found = {
        status_identity(URI, label, certificate, kind, purpose)
        for label in (ISSUER, OTHER_ISSUER, "revocation" + ISSUER)
        for certificate in (None, b"der")
        for kind, purpose in (
            (StatusKind.STATUS_LIST, None),
            (StatusKind.IDENTIFIER_LIST, None),
            (StatusKind.BITSTRING, "revocation"),
            (StatusKind.BITSTRING, "suspension"),
        )
    }
    assert len(found) == 3 * 2 * 4


def test_a_certified_signer_counts_under_the_label_of_his_root(tmp_path: Path) -> None:
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("root", root_key.public_key(), "root", root_key, authority=True)
    leaf = _certificate("leaf", leaf_key.public_key(), "root", root_key, authority=False)
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signer = LocalKey.from_pem(leaf_key.private_bytes(pem, *plain))
    pinned = TrustAnchors.from_certificates(root.public_bytes(pem), issuer=ISSUER, purpose=KeyPurpose.STATUS_LIST)
    published = publisher()
    reference = published.allocate()
    published.revoke(reference)
    chain = (leaf.public_bytes(serialization.Encoding.DER),)
    body = published.publish(signer, now=NOW, ttl_s=3_600, expires_s=DAY, format="bitstring", certificates=chain)
    store = StatusStore(anchors=pinned)
    store.ingest(URI, body, media_type=VC, now=NOW)
    assert len(store.export().lists) == 1  # no reference asks for a bitstring under a certificate
    write_status_file(tmp_path / "lists", store)
    again = StatusStore(anchors=pinned, stored=read_status_file(tmp_path / "lists"))
    for lists in (store, again, StatusFile(tmp_path / "lists", anchors=pinned)):
        assert ask(lists, reference) is Status.INVALID
        assert isinstance(ask(lists, suspension(reference.index)), NeedStatusList)


# --- a reference ---


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"purpose": None}, "status.purpose"),
        *(
            ({"purpose": value}, "status.purpose")
            for value in ("refresh", "message", "", "Revocation", 1, True, [], b"revocation")
        ),
        ({"index": None}, "status.status_list.idx"),
        *(({"index": value}, "status.status_list.idx") for value in (True, -1, 2**32, "1", 1.0)),
        ({"identifier": b"x"}, "status.status_list.idx"),
        ({"certificate": b"x"}, "status.certificate"),
        ({"uri": ""}, "status.status_list.uri"),
        ({"uri": "x" * 2_049}, "status.status_list.uri"),
        ({"kind": StatusKind.STATUS_LIST}, "status.purpose"),
        ({"kind": StatusKind.IDENTIFIER_LIST, "index": None, "identifier": b"x"}, "status.purpose"),
    ],
    ids=str,
)  # fmt: skip
def test_a_reference_says_what_a_bit_means_and_no_other_does(changes: dict[str, Any], where: str) -> None:
    good = {"uri": URI, "index": 3, "kind": StatusKind.BITSTRING, "purpose": "revocation"}
    StatusReference(**good)
    with pytest.raises(MalformedError) as caught:
        StatusReference(**{**good, **changes})
    assert (caught.value.reason, caught.value.where) == (Reason.CLAIM_INVALID, where)


# --- the publisher ---


def publisher(purpose: Any = "revocation", **changes: Any) -> StatusPublisher:
    bits = 1 if purpose == "revocation" else 2
    return StatusPublisher(
        **{"uri": URI, "size": MIN_ENTRIES, "bits": bits, "purpose": purpose, "issuer": ISSUER, **changes}
    )


def publish(published: StatusPublisher, now: int = NOW, **changes: Any) -> bytes:
    arguments = {"now": now, "ttl_s": 3_600, "expires_s": DAY, "kid": "signer", "format": "bitstring", **changes}
    return published.publish(key(), **arguments)


@pytest.mark.parametrize("purpose", ["revocation", "suspension"])
@pytest.mark.parametrize("size", [MIN_ENTRIES, MIN_ENTRIES + 1, MIN_ENTRIES + 13])
def test_what_is_published_is_read_by_hand_and_by_our_store(purpose: str, size: int, tmp_path: Path) -> None:
    published = publisher(purpose, size=size, path=tmp_path / "ledger")
    references = published.allocate_many(40)
    assert {(each.kind, each.purpose, each.uri) for each in references} == {(StatusKind.BITSTRING, purpose, URI)}
    for each in references[:20]:
        (published.revoke if purpose == "revocation" else published.suspend)(each)
    body = publish(published)
    head, payload, _ = (unsegment(part) for part in body.split(b"."))
    assert json.loads(head) == {"alg": "ES256", "typ": "vc+jwt", "kid": "signer"}
    stated = json.loads(payload)
    listed = stated["credentialSubject"].pop("encodedList")
    assert stated == {
        "@context": [CONTEXT],
        "id": URI,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": ISSUER,
        "validUntil": "2027-01-16T08:00:00Z",
        "credentialSubject": {"type": "BitstringStatusList", "statusPurpose": purpose, "ttl": 3_600_000},
        "iat": NOW,
        "exp": NOW + DAY,
    }
    assert listed[0] == "u" and "=" not in listed
    bits = gzip.decompress(base64.urlsafe_b64decode(listed[1:] + "=" * (-len(listed[1:]) % 4)))
    assert len(bits) == (size + 7) // 8
    marked = {each.index for each in references[:20]}
    assert {index for index in range(8 * len(bits)) if slow_bit(bits, index)} == marked
    store = stored(body)
    says = Status.INVALID if purpose == "revocation" else Status.SUSPENDED
    assert [ask(store, each) for each in references] == [says] * 20 + [Status.VALID] * 20


def test_a_suspension_is_lifted_and_a_revocation_is_not() -> None:
    suspending = publisher("suspension")
    reference = suspending.allocate()
    suspending.suspend(reference)
    assert ask(stored(publish(suspending)), reference) is Status.SUSPENDED
    suspending.reinstate(reference)
    assert ask(stored(publish(suspending)), reference) is Status.VALID
    revoking = publisher()
    reference = revoking.allocate()
    revoking.revoke(reference)
    for act in (revoking.reinstate, revoking.suspend):
        with pytest.raises(CitizenIDError):
            act(reference)
    assert ask(stored(publish(revoking)), reference) is Status.INVALID


def misused(act: Callable[[], object], where: str = "status-list.purpose") -> None:
    with pytest.raises(CitizenIDError) as caught:
        act()
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, where)


def test_a_list_says_what_its_purpose_is_and_nothing_else() -> None:
    suspending, revoking = publisher("suspension"), publisher()
    reference = suspending.allocate()
    misused(lambda: suspending.revoke(reference))
    misused(lambda: suspending.allocate_decoys(2, revoked=1))
    assert suspending.status(reference) is Status.VALID
    assert suspending.free == MIN_ENTRIES - 1
    misused(lambda: revoking.suspend(revoking.allocate()), "status-list.bits")
    assert len(revoking.allocate_decoys(2, revoked=1)) == 2
    for foreign in (StatusReference(URI, reference.index), revocation(reference.index)):
        with pytest.raises(CitizenIDError) as caught:
            suspending.suspend(foreign)
        assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"size": MIN_ENTRIES - 1}, "status-list.purpose"),
        ({"size": 1}, "status-list.purpose"),
        ({"bits": 2}, "status-list.purpose"),
        ({"bits": 8}, "status-list.purpose"),
        ({"purpose": "suspension", "bits": 1}, "status-list.purpose"),
        *(
            ({"purpose": value}, "status-list.purpose")
            for value in (None, "message", "refresh", "", [], True, ["revocation"])
        ),
        *(
            ({"issuer": value}, "status-list.issuer")
            for value in (None, "", "no uri", 7, "https://x y", "did:" + "x" * 2_048, [])
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_bitstring_that_no_verifier_would_take_is_not_begun(changes: dict[str, Any], where: str) -> None:
    misused(lambda: publisher(**{"bits": 1, **changes}), where)


@pytest.mark.parametrize("format_", ["jwt", "cwt", "", "vc", None])
def test_a_bitstring_is_published_as_one_and_no_other_list_is(format_: Any) -> None:
    misused(lambda: publish(publisher(), format=format_), "status-list")
    other = StatusPublisher(uri=URI, size=MIN_ENTRIES)
    misused(lambda: publish(other), "status-list")
    assert other.purpose is None and other.issuer is None


def test_a_bitstring_that_ends_beyond_the_calendar_is_refused() -> None:
    published = publisher()
    misused(lambda: publish(published, expires_s=253_402_300_800 - NOW), "status-list.expires_s")
    misused(lambda: publish(published, now=1_000 * NOW), "status-list.now")
    assert published.last_issued_at is None  # no iat was used up: one of that far year would be the last one
    assert publish(publisher(), expires_s=253_402_300_799 - NOW)


def test_versions_of_a_list_never_bear_the_same_iat_and_the_next_replaces_the_last() -> None:
    published = publisher()
    reference = published.allocate()
    store = stored(publish(published))
    assert ask(store, reference) is Status.VALID and published.changed is False
    published.revoke(reference)
    assert published.changed
    store.ingest(URI, publish(published), media_type=VC, now=NOW)
    assert ask(store, reference) is Status.INVALID


def test_a_signer_elsewhere_signs_the_same() -> None:
    published = publisher(issuer="did:example:1")
    unsigned = published.prepare(
        key().public, now=NOW, ttl_s=60, expires_s=DAY, kid="signer", level=0, format="bitstring"
    )
    body = unsigned.complete(key().sign(unsigned.to_be_signed))
    trusted: TrustAnchors = anchors("did:example:1")
    assert len(verify(body, anchors=trusted).statuses) == MIN_ENTRIES


# --- the verified list, and what is said in errors ---


def test_no_error_says_what_was_in_the_list() -> None:
    marker = "Zq7Zq7marker"
    for payload in (
        credential(id=marker),
        credential(issuer=marker),
        credential(validFrom=marker),
        credential(type=[marker]),
        credential(credentialSubject=subject(encodedList="u" + marker + "=")),
        credential(credentialSubject=subject(statusPurpose=marker)),
        f'{{"{marker}":1,"{marker}":2}}'.encode(),
    ):
        with pytest.raises(CitizenIDError) as caught:
            verify(vc(payload))
        assert marker not in f"{caught.value!s}{caught.value!r}"
        assert caught.value.__cause__ is None and caught.value.__context__ is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
MEMBERS: Final = sorted({*credential(), "exp", "nbf", "iss", "sub", "jti", "vc", "credentialStatus"})


@given(name=st.sampled_from(MEMBERS), value=json_values)
def test_a_trusted_signer_cannot_make_us_fail_otherwise(name: str, value: Any) -> None:
    try:
        verified = verify(vc(credential(**{name: value})))
    except (MalformedError, VerificationError):
        return
    assert verified.uri == URI and verified.purposes == ("revocation",)
    assert name in ("iat", "exp", "nbf") and type(value) is int


@given(name=st.sampled_from([*subject(), "id", "statusSize"]), value=json_values)
def test_nor_with_a_strange_subject(name: str, value: Any) -> None:
    try:
        verified = verify(vc(credential(credentialSubject=subject(**{name: value}))))
    except (MalformedError, VerificationError):
        return
    assert verified.uri == URI
    assert name == "id" or (name in ("ttl", "statusSize") and type(value) is int and value > 0)


def test_a_verified_list_is_made_by_verification_alone() -> None:
    verified = verify(vc())
    with pytest.raises(TypeError):
        copy.copy(verified)
    with pytest.raises(TypeError):
        VerifiedStatusList(
            URI, verified.anchor, verified.issued_at, None, None, verified.statuses, verified.kind, (), object()
        )
