"""A status list token and an identifier list as CWT: what is accepted, and every rule that refuses, with its Reason.

Tokens are made by hand with cbor2, so that what no token should say can be said.
Spec: Token Status List sections 5.2, 8.3; ISO/IEC 18013-5 second edition 12.3.6; RFC 8392; RFC 9052.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

import cbor2
import pytest
from builders import certificate, certificate_key, changed, der, local_key, pem, raises
from cbor2 import CBORSimpleValue, CBORTag
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, KeyPurpose, Limits, LocalKey, MalformedError, Reason, Status, TrustAnchors
from citizenid.status import (
    IdentifierList,
    IdentifierPublisher,
    StatusList,
    StatusPublisher,
    VerifiedStatusList,
    verify_status_list,
)

from . import ABSENT, DAY, ISSUER, NOW, OTHER_ISSUER, URI, VALUES, anchors, key, slow_pack, token, zero_bomb
from .test_token import OTHER_SUBJECTS, TRUSTED

LIST: Final = "application/statuslist+cwt"
IDENTIFIERS: Final = "application/identifierlist+cwt"
PACKED: Final = zlib.compress(slow_pack(2, VALUES))
REVOKED: Final = (b"\x01\x02", b"revoked", bytes(64))


def cwt_claims(kind: str = LIST, **changes: Any) -> dict[Any, Any]:
    """The claims of a good token of a kind, by names; a change to ABSENT leaves a claim out."""
    labels = {"iss": 1, "sub": 2, "exp": 4, "nbf": 5, "iat": 6, "ttl": 65534, "ids": 65530, "status_list": 65533}
    good: dict[str, Any] = {"sub": URI, "iat": NOW, "exp": NOW + DAY, "ttl": 3_600}
    if kind == LIST:
        good["status_list"] = {"bits": 2, "lst": PACKED}
    else:
        good["ids"] = {"identifiers": {each: {} for each in REVOKED}}
    return {labels.get(name, name): value for name, value in changed(good, changes).items()}


def cwt(
    claims: Any = None,
    header: Mapping[Any, Any] | None = None,
    *,
    kind: str = LIST,
    unprotected: Any = None,
    signer: LocalKey | None = None,
) -> bytes:
    """A signed token over any claims and header; changes to ABSENT leave something out."""
    protected = cbor2.dumps(changed({1: -7, 4: b"signer", 16: kind}, dict(header or {})))
    payload = claims if isinstance(claims, bytes) else cbor2.dumps(cwt_claims(kind) if claims is None else claims)
    signature = (signer or key()).sign(cbor2.dumps(["Signature1", protected, b"", payload]))
    return cbor2.dumps(CBORTag(18, [protected, unprotected or {}, payload, signature]))


def verify(body: Any, **changes: Any) -> VerifiedStatusList:
    arguments = {"uri": URI, "media_type": LIST, "anchors": TRUSTED, "now": NOW, **changes}
    return verify_status_list(body, **arguments)


def refused(reason: Reason, body: Any, where: str | None = None, **changes: Any) -> CitizenIDError:
    error = raises(reason, None, lambda: verify(body, **changes))
    assert error.step == ("status" if reason.step in ("form", "status") else reason.step)
    assert where is None or error.where == where
    return error


# --- what is accepted ---


def test_a_status_list_says_what_it_says_as_jwt() -> None:
    found = verify(cwt())
    assert isinstance(found.statuses, StatusList)
    assert (found.uri, found.anchor.issuer) == (URI, ISSUER)
    assert (found.issued_at, found.not_after, found.ttl_s) == (NOW, NOW + DAY, 3_600)
    jwt = verify(token(), media_type="application/statuslist+jwt")
    assert found.statuses == jwt.statuses


def test_an_identifier_list_lists_who_is_revoked() -> None:
    found = verify(cwt(kind=IDENTIFIERS), media_type=IDENTIFIERS)
    assert isinstance(found.statuses, IdentifierList)
    assert [found.statuses.status(each) for each in REVOKED] == [Status.INVALID] * 3
    assert [found.statuses.status(each) for each in (b"", b"\x01", b"\x01\x02\x00")] == [Status.VALID] * 3


def test_what_may_be_left_out_or_stand_beside_changes_nothing() -> None:
    less = verify(cwt(cwt_claims(exp=ABSENT, ttl=ABSENT)))
    assert (less.not_after, less.ttl_s) == (None, None)
    more = cwt_claims(iss=ISSUER, nbf=NOW, status_list={"bits": 2, "lst": PACKED, "aggregation_uri": "u"}, other=[1])
    assert verify(cwt(more)).statuses == less.statuses
    beside = cwt_claims(IDENTIFIERS, ids={"identifiers": {b"x": {"rfu": 1}}, "aggregation_uri": "https://a"})
    assert len(verify(cwt(beside, kind=IDENTIFIERS), media_type=IDENTIFIERS).statuses) == 1
    nobody = cwt_claims(IDENTIFIERS, ids={"identifiers": {}})
    assert len(verify(cwt(nobody, kind=IDENTIFIERS), media_type=IDENTIFIERS).statuses) == 0


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "ESB256", "Ed25519", "Ed448", "ML-DSA-44"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_what_our_publisher_writes_is_read_in_both_formats(algorithm: str, bits: int) -> None:
    signer = key("signer", algorithm)
    publisher = StatusPublisher(uri=URI, size=99, bits=bits)
    publisher.revoke(publisher.allocate())
    trusted = anchors(algorithm=algorithm)
    common: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 600, "kid": "signer"}
    found = verify(publisher.publish(signer, format="cwt", **common), anchors=trusted)
    assert (found.issued_at, found.not_after, found.ttl_s) == (NOW, NOW + 600, 60)
    assert isinstance(found.statuses, StatusList)
    assert [found.statuses[index] for index in range(99)].count(Status.INVALID) == 1


def test_what_is_written_is_canonical_and_says_no_more_than_it_must() -> None:
    publisher = StatusPublisher(uri=URI, size=9)
    written = publisher.publish(key(), format="cwt", now=NOW, ttl_s=60, expires_s=600, kid="signer")
    item = cbor2.loads(written)
    assert cbor2.dumps(item, canonical=True) == written
    protected, unprotected, payload, _ = item.value
    assert cbor2.loads(protected) == {1: -7, 4: b"signer", 16: LIST} and unprotected == {}
    claims = cbor2.loads(payload)
    assert cbor2.dumps(claims, canonical=True) == payload
    assert set(claims) == {2, 4, 6, 65533, 65534} and set(claims[65533]) == {"bits", "lst"}


@given(st.integers(0, 40), st.integers(0, 40))
def test_an_identifier_publisher_lists_whom_it_revoked(given: int, revoked: int) -> None:
    publisher = IdentifierPublisher(uri=URI)
    references = [publisher.allocate() for _ in range(given)]
    for reference in references[:revoked]:
        publisher.revoke(reference)
    body = publisher.publish(key(), now=NOW, ttl_s=60, expires_s=600, kid="signer")
    found = verify(body, media_type=IDENTIFIERS)
    assert isinstance(found.statuses, IdentifierList)
    said = [found.statuses.status(reference.identifier or b"") for reference in references]
    assert said == [Status.INVALID] * min(given, revoked) + [Status.VALID] * max(0, given - revoked)
    item = cbor2.loads(body)
    assert cbor2.dumps(item, canonical=True) == body
    assert cbor2.dumps(cbor2.loads(item.value[2]), canonical=True) == item.value[2]


def test_a_list_longer_than_any_map_of_a_credential_is_read() -> None:
    # A credential's map has at most 1,024 members. A list has one for each revoked credential of a nation.
    many = {number.to_bytes(16, "big"): {} for number in range(50_000)}
    body = cwt(cwt_claims(IDENTIFIERS, ids={"identifiers": many}), kind=IDENTIFIERS)
    found = verify(body, media_type=IDENTIFIERS)
    assert len(found.statuses) == 50_000
    assert isinstance(found.statuses, IdentifierList)
    assert found.statuses.status((49_999).to_bytes(16, "big")) is Status.INVALID
    assert found.statuses.status((50_000).to_bytes(16, "big")) is Status.VALID


# --- who signs ---


@pytest.mark.parametrize("kind", [LIST, IDENTIFIERS])
def test_only_a_status_signer_signs(kind: str) -> None:
    refused(Reason.SIGNATURE_INVALID, cwt(kind=kind, signer=key("other")), media_type=kind)
    refused(Reason.KEY_UNKNOWN, cwt(kind=kind, header={4: b"nobody"}), media_type=kind)
    # A key for credentials is no key for status, even of the same issuer.
    refused(
        Reason.KEY_UNKNOWN,
        cwt(kind=kind, header={4: b"credential"}, signer=key("credential")),
        media_type=kind,
    )
    other = verify(cwt(kind=kind, header={4: b"other"}, signer=key("other")), media_type=kind)
    assert other.anchor.issuer == OTHER_ISSUER
    refused(
        Reason.ISSUER_MISMATCH,
        cwt(cwt_claims(kind, iss=OTHER_ISSUER), kind=kind),
        "status-list.iss",
        media_type=kind,
    )


def test_without_a_kid_the_claimed_issuer_settles_the_key() -> None:
    unnamed = {4: ABSENT}
    assert verify(cwt(cwt_claims(iss=ISSUER), unnamed)).anchor.issuer == ISSUER
    refused(Reason.KEY_AMBIGUOUS, cwt(None, unnamed))
    # An identifier list says nothing before it is verified: its keys are not what a claim's may be.
    claims = cwt_claims(IDENTIFIERS, iss=ISSUER)
    refused(Reason.KEY_AMBIGUOUS, cwt(claims, unnamed, kind=IDENTIFIERS), media_type=IDENTIFIERS)
    found = verify(cwt(claims, unnamed, kind=IDENTIFIERS), media_type=IDENTIFIERS, anchors=anchors())
    assert found.anchor.issuer == ISSUER


def test_a_certificate_of_the_signer_stands_in_either_header() -> None:
    root = certificate("root", "root", authority=True)
    chain = der(certificate("leaf", "root"))
    trusted = TrustAnchors.from_certificates(pem(root), issuer=ISSUER, purpose=KeyPurpose.STATUS_LIST)
    signer = local_key(certificate_key("leaf"))
    unnamed = {4: ABSENT}
    for kind in (LIST, IDENTIFIERS):
        for body in (
            cwt(None, {**unnamed, 33: chain[0]}, kind=kind, signer=signer),
            cwt(None, unnamed, kind=kind, unprotected={33: chain[0]}, signer=signer),
        ):
            assert verify(body, media_type=kind, anchors=trusted).anchor.issuer == ISSUER
        both = cwt(None, {**unnamed, 33: chain[0]}, kind=kind, unprotected={33: chain[0]}, signer=signer)
        refused(Reason.HEADER_INVALID, both, media_type=kind, anchors=trusted)
    publisher, identifiers = StatusPublisher(uri=URI, size=9), IdentifierPublisher(uri=URI)
    times: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 600, "certificates": chain}
    for media_type, body in (
        (LIST, publisher.publish(signer, format="cwt", **times)),
        ("application/statuslist+jwt", publisher.publish(signer, format="jwt", **times)),
        (IDENTIFIERS, identifiers.publish(signer, **times)),
    ):
        found = verify(body, media_type=media_type, anchors=trusted)
        assert found.not_after is not None and found.not_after <= NOW + 601  # each iat is another
    cwt_list = cbor2.loads(publisher.publish(signer, format="cwt", **times)).value
    assert cbor2.loads(cwt_list[0])[33] == chain[0] and cwt_list[1] == {}  # 12.3.6.3: protected


# --- the form ---


def test_what_is_no_cose_sign1_under_its_tag_is_refused() -> None:
    whole = cbor2.loads(cwt()).value
    bare = cbor2.dumps(whole)
    for body in (
        bare,
        cbor2.dumps(CBORTag(17, whole)),  # a MAC
        cbor2.dumps(CBORTag(61, CBORTag(18, whole))),  # section 5.2: not under the tag of CWT
        cbor2.dumps(CBORTag(98, whole)),
        cbor2.dumps(CBORTag(18, whole[:3])),
        cbor2.dumps(CBORTag(18, [*whole, 0])),
        cbor2.dumps(CBORTag(18, [whole[0], whole[1], None, whole[3]])),
        cbor2.dumps(CBORTag(18, [whole[0], whole[1], "text", whole[3]])),
    ):
        error = _refusal(body)
        assert error.reason in (Reason.MALFORMED_TOKEN, Reason.MALFORMED_CBOR)
        assert type(error) is MalformedError
    refused(Reason.MALFORMED_TOKEN, cwt().hex())  # text is no CWT
    refused(Reason.MALFORMED_CBOR, cwt() + b"\0")
    refused(Reason.MALFORMED_CBOR, b"")
    refused(Reason.INPUT_TOO_LARGE, bytes(8_388_609))


def _refusal(body: bytes) -> CitizenIDError:
    with pytest.raises(CitizenIDError) as caught:
        verify(body)
    return caught.value


def test_a_token_is_what_its_media_type_says() -> None:
    forms = {
        LIST: cwt(),
        IDENTIFIERS: cwt(kind=IDENTIFIERS),
        "application/statuslist+jwt": token(),
    }
    for media_type in forms:
        for other, body in forms.items():
            if other != media_type:
                error = _refused_as(body, media_type)
                cbor = "cwt" in other and "cwt" in media_type
                assert error.reason is Reason.TYP_MISMATCH if cbor else error.reason.step == "form", (other, media_type)
    for media_type in ("", "application/cwt", "application/StatusList", LIST + ",x/y", "x/y;" + LIST, None, 5, b"x"):
        refused(Reason.STATUS_MEDIA_TYPE, cwt(), media_type=media_type)
    for media_type in ("application/StatusList+cwt", LIST + ";x=y"):  # RFC 9110 section 8.3.1
        assert isinstance(verify(cwt(), media_type=media_type).statuses, StatusList)


def _refused_as(body: Any, media_type: str) -> CitizenIDError:
    with pytest.raises(CitizenIDError) as caught:
        verify(body, media_type=media_type)
    return caught.value


@pytest.mark.parametrize("typ", ["statuslist+cwt", "application/cwt", "application/statuslist+jwt", 61, ABSENT])
def test_the_typ_is_the_media_type_exactly(typ: Any) -> None:
    refused(Reason.TYP_MISMATCH, cwt(None, {16: typ}), "status-list.header.typ")
    refused(Reason.TYP_MISMATCH, cwt(None, {16: ABSENT}, unprotected={16: LIST}), "status-list.header.typ")


def test_crit_a_foreign_algorithm_and_a_remote_key_are_refused() -> None:
    refused(Reason.CRIT_UNSUPPORTED, cwt(None, {2: [16]}))
    for uri in ("https://a", CBORTag(32, "https://a")):  # under its tag: RFC 9360 section 2
        refused(Reason.HEADER_FORBIDDEN, cwt(None, {35: uri}))
        refused(Reason.HEADER_FORBIDDEN, cwt(None, unprotected={35: uri}))
    refused(Reason.ALGORITHM_NOT_ALLOWED, cwt(None, {1: 5}))
    refused(Reason.ALGORITHM_NOT_ALLOWED, cwt(None, {1: ABSENT}, unprotected={1: -7}))


# --- the claims ---


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        cbor2.undefined,
        CBORSimpleValue(99),
        CBORTag(2, b"\1"),
        CBORTag(24, b"\0"),
        {True: 1},
    ],
    ids=repr,
)
def test_what_nobody_asks_for_is_sound_cbor(value: Any) -> None:
    identified = {"identifiers": {b"x": {}, b"y": {"rfu": 1}}}
    verify(cwt(cwt_claims(IDENTIFIERS, ids=identified), kind=IDENTIFIERS), media_type=IDENTIFIERS)
    for claims in (
        cwt_claims(other=value),
        cwt_claims(other=[{"below": [value]}]),
        cwt_claims(status_list={"bits": 2, "lst": PACKED, "rfu": value}),
    ):
        refused(Reason.MALFORMED_CBOR, cwt(claims))
    for claims in (
        cwt_claims(IDENTIFIERS, other=value),
        cwt_claims(IDENTIFIERS, ids={**identified, "rfu": value}),
        cwt_claims(IDENTIFIERS, ids={"identifiers": {b"x": {}, b"y": {"rfu": value}}}),
    ):
        refused(Reason.MALFORMED_CBOR, cwt(claims, kind=IDENTIFIERS), media_type=IDENTIFIERS)


@pytest.mark.parametrize("kind", [LIST, IDENTIFIERS])
@pytest.mark.parametrize("name", OTHER_SUBJECTS)
def test_another_uri_is_another_list(name: str, kind: str) -> None:
    body = cwt(cwt_claims(kind, sub=OTHER_SUBJECTS[name]), kind=kind)
    refused(Reason.STATUS_SUBJECT_MISMATCH, body, media_type=kind)


@pytest.mark.parametrize("sub", [ABSENT, None, URI.encode(), [URI], {}])
def test_a_subject_is_text(sub: Any) -> None:
    refused(Reason.STATUS_SUBJECT_MISMATCH, cwt(cwt_claims(sub=sub)))


@pytest.mark.parametrize("name", ["iat", "exp", "nbf", "ttl"])
@pytest.mark.parametrize(
    "value", [None, True, False, float(NOW), NOW + 0.5, -1, str(NOW), [NOW], {}, 2**53, 2**63, b"x"], ids=repr
)
def test_times_are_integers(name: str, value: Any) -> None:
    refused(Reason.CLAIM_INVALID, cwt(cwt_claims(**{name: value})), f"status-list.{name}")


def test_times_decide_to_the_second() -> None:
    refused(Reason.CLAIM_MISSING, cwt(cwt_claims(iat=ABSENT)), "status-list.iat")
    refused(Reason.CLAIM_INVALID, cwt(cwt_claims(ttl=0)), "status-list.ttl")
    refused(Reason.STATUS_LIST_IN_FUTURE, cwt(cwt_claims(iat=NOW + 31)), "status-list.iat")
    verify(cwt(cwt_claims(iat=NOW + 30)))
    refused(Reason.STATUS_LIST_IN_FUTURE, cwt(cwt_claims(nbf=NOW + 1)), "status-list.nbf")
    verify(cwt(cwt_claims(nbf=NOW)))
    refused(Reason.STATUS_LIST_EXPIRED, cwt(cwt_claims(exp=NOW)), "status-list.exp")
    verify(cwt(cwt_claims(exp=NOW + 1)))


@pytest.mark.parametrize("name", ["iss", "sub", "iat", "exp", "nbf", "ttl", "status_list", "cti"])
def test_a_claim_under_its_name_in_json_is_a_second_one(name: str) -> None:
    refused(Reason.CLAIM_INVALID, cwt({**cwt_claims(), name: NOW}), "status-list")


@pytest.mark.parametrize(
    "payload", [b"", b"\xf6", b"\x80", b"\xa1\x41a\x01", b"\xa1\xf5\x01", b"\xbf\xff", b"\xa0\x00"]
)
def test_claims_are_one_map_of_integers_and_texts(payload: bytes) -> None:
    error = _refusal(cwt(payload))
    assert (error.reason, error.step) == (Reason.MALFORMED_CBOR, "status")


@pytest.mark.parametrize("kind", [LIST, IDENTIFIERS])
def test_a_label_that_python_takes_for_a_number_is_none(kind: str) -> None:
    good = cwt_claims(kind)
    for label in good:
        other = cbor2.dumps({float(label) if each == label else each: value for each, value in good.items()})
        refused(Reason.MALFORMED_CBOR, cwt(other, kind=kind), media_type=kind)


def test_no_claim_stands_twice() -> None:
    once = cbor2.dumps(cwt_claims())
    assert once[0] == 0xA5
    refused(Reason.DUPLICATE_MEMBER, cwt(b"\xa6" + once[1:] + cbor2.dumps(2) + cbor2.dumps(URI)))


HEADER_CLAIMS: Final = 15
SAME: Final[dict[Any, Any]] = {2: URI, 4: NOW + DAY, 6: NOW, 65534: 3_600}


@pytest.mark.parametrize("kind", [LIST, IDENTIFIERS])
@pytest.mark.parametrize("stated", [{}, SAME, {2: URI}, {7: b"id", "note": "x"}], ids=repr)
def test_claims_of_the_header_that_agree_are_passed_over(stated: Any, kind: str) -> None:
    verify(cwt(header={HEADER_CLAIMS: stated}, kind=kind), media_type=kind)


@pytest.mark.parametrize("kind", [LIST, IDENTIFIERS])
@pytest.mark.parametrize(
    "stated",
    [
        *({**SAME, 2: other} for other in (URI + "x", URI.encode(), None, [URI])),
        *({**SAME, label: other} for label in (4, 6) for other in (NOW + 1, NOW - 1, float(NOW), True, None)),
        {65534: 3_601}, {65534: 3_600.0},
        # What the payload does not say is said by nobody.
        {1: ISSUER}, {5: NOW}, {65533: {"bits": 1, "lst": b""}}, {65530: {"identifiers": {}}},
        # Under its name in JSON it is a claim of another kind.
        {"sub": URI}, {"exp": NOW + DAY}, {"status_list": {}},
        None, [], URI, 1,
    ],
    ids=repr,
)  # fmt: skip
def test_claims_of_the_header_that_contradict_are_refused(stated: Any, kind: str) -> None:
    body = cwt(header={HEADER_CLAIMS: stated}, kind=kind)
    refused(Reason.CLAIM_INVALID, body, "status-list.header.cwt_claims", media_type=kind)


@pytest.mark.parametrize("payload", [
    {**cwt_claims(), 1: 7}, {**cwt_claims(), 1: ISSUER.encode()}, {**cwt_claims(), 1: [ISSUER]}, [ISSUER], ISSUER, 1,
    None,
])  # fmt: skip
def test_what_names_nobody_is_anybodys(payload: Any) -> None:
    body = cwt(cbor2.dumps(payload), {4: ABSENT})
    refused(Reason.KEY_AMBIGUOUS, body, "status-list")


@pytest.mark.parametrize("kind", [LIST, IDENTIFIERS])
def test_a_list_is_published_with_as_many_certificates_as_there_are(kind: str) -> None:
    root, ca = certificate("root", "root", authority=True), certificate("ca", "root", authority=True)
    signer = local_key(certificate_key("leaf"))
    trusted = TrustAnchors.from_certificates(pem(root), issuer=ISSUER, purpose=KeyPurpose.STATUS_LIST)
    publisher: Any = StatusPublisher(uri=URI, size=16) if kind == LIST else IdentifierPublisher(uri=URI)
    options: dict[str, Any] = {"format": "cwt"} if kind == LIST else {}
    for chain in (der(certificate("leaf", "root")), der(certificate("leaf", "ca"), ca)):
        body = publisher.publish(signer, now=NOW, ttl_s=60, expires_s=60, certificates=chain, **options)
        assert verify(body, media_type=kind, anchors=trusted, now=NOW + 1).uri == URI


@pytest.mark.parametrize("label", [7, 999, "note"])
def test_a_claim_that_nobody_knows_agrees_as_well(label: Any) -> None:
    for stated, good in (("x", True), ("y", False), (b"x", False), (None, False)):
        body = cwt({**cwt_claims(), label: "x"}, header={HEADER_CLAIMS: {label: stated}})
        if good:
            verify(body)
        else:
            refused(Reason.CLAIM_INVALID, body, "status-list.header.cwt_claims")


def test_nobody_has_signed_claims_of_the_other_header() -> None:
    for stated in ({}, SAME):
        refused(Reason.HEADER_INVALID, cwt(unprotected={HEADER_CLAIMS: stated}), "status-list.header")


# --- the lists ---


@pytest.mark.parametrize(
    "stated",
    [
        ABSENT, None, [], "x", {}, {"bits": 2}, {"lst": PACKED}, {"bits": 2, "lst": "text"}, {"bits": 2, "lst": None},
        {"bits": 3, "lst": PACKED}, {"bits": 0, "lst": PACKED}, {"bits": True, "lst": PACKED},
        {"bits": 2.0, "lst": PACKED}, {"bits": "2", "lst": PACKED}, {"bits": 16, "lst": PACKED},
        {"bits": 2, "lst": b""}, {"bits": 2, "lst": PACKED[:-1]}, {"bits": 2, "lst": PACKED + b"\0"},
        {"bits": 2, "lst": PACKED[2:-4]}, {"bits": 2, "lst": slow_pack(2, VALUES)},
        {b"bits": 2, "lst": PACKED},
    ],
    ids=repr,
)  # fmt: skip
def test_a_status_list_has_its_form(stated: Any) -> None:
    refused(Reason.STATUS_LIST_MALFORMED, cwt(cwt_claims(status_list=stated)))


def test_a_bomb_takes_its_bound_and_no_more() -> None:
    body = cwt(cwt_claims(status_list={"bits": 1, "lst": zero_bomb(64)}))
    refused(Reason.INPUT_TOO_LARGE, body, limits=Limits(status_list_inflated_bytes=2**20))


@pytest.mark.parametrize(
    "stated",
    [
        ABSENT, None, [], "x", {}, {"identifiers": None}, {"identifiers": [b"x"]}, {"identifiers": {"x": {}}},
        {"identifiers": {1: {}}}, {"identifiers": {b"x": None}}, {"identifiers": {b"x": []}},
        {"identifiers": {b"": {}}}, {"identifiers": {bytes(65): {}}}, {"identifiers": {b"x": {}, "y": {}}},
        {b"identifiers": {b"x": {}}}, {"Identifiers": {b"x": {}}},
    ],
    ids=repr,
)  # fmt: skip
def test_an_identifier_list_has_its_form(stated: Any) -> None:
    body = cwt(cwt_claims(IDENTIFIERS, ids=stated), kind=IDENTIFIERS)
    refused(Reason.STATUS_LIST_MALFORMED, body, "status-list.identifier_list", media_type=IDENTIFIERS)


def test_no_token_is_both_lists() -> None:
    both = {**cwt_claims(), 65530: {"identifiers": {}}}
    refused(Reason.STATUS_LIST_MALFORMED, cwt(both))
    refused(Reason.STATUS_LIST_MALFORMED, cwt(both, kind=IDENTIFIERS), media_type=IDENTIFIERS)
    only = cwt_claims()
    refused(Reason.STATUS_LIST_MALFORMED, cwt(only, kind=IDENTIFIERS), media_type=IDENTIFIERS)


def test_an_identifier_that_stands_twice_is_refused() -> None:
    twice = b"\xa1\x6bidentifiers\xa2" + (b"\x41x\xa0" * 2)
    claims = cbor2.dumps(cwt_claims(IDENTIFIERS, ids="here"))
    body = cwt(claims.replace(cbor2.dumps("here"), twice), kind=IDENTIFIERS)
    refused(Reason.DUPLICATE_MEMBER, body, media_type=IDENTIFIERS)


@given(st.data())
def test_a_token_with_one_byte_changed_is_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([LIST, IDENTIFIERS]))
    body = bytearray(cwt(kind=kind))
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CitizenIDError) as caught:
        verify(bytes(body), media_type=kind)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


@given(st.binary(max_size=80), st.sampled_from([LIST, IDENTIFIERS]))
def test_any_bytes_are_refused_in_our_own_words(data: bytes, kind: str) -> None:
    with pytest.raises(CitizenIDError):
        verify(data, media_type=kind)
    with pytest.raises(CitizenIDError):  # signed by whom we trust, too
        verify(cwt(data, kind=kind), media_type=kind)
