"""Anchors: what may be trusted at all, and V2, which finds exactly one key or none.

The oracle of the properties is `slow_resolve`, the selection rules written as one filter over all anchors.

Spec: DESIGN law 8; SD-JWT VC sections 2.5, 4, 7.3; RFC 8725 sections 3.1, 3.10, 3.12; specs/verification.md V2.
"""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nacl.bindings as sodium
import pytest
from builders import (
    ISSUER,
    NOW,
    VCT,
    anchors_for,
    base64url,
    certificate,
    certificate_key,
    der,
    dump,
    jws,
    key,
    local_key,
    misused,
    pem,
    raises,
    unbase64url,
    us,
    x5c,
)
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, mldsa, rsa, x448, x25519
from hypothesis import given
from hypothesis import strategies as st
from places import ANCHOR_FIELDS, only_at

from citizenid import (
    ANY,
    NO_TYPE,
    AgreementKey,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    MalformedError,
    PublicKey,
    Reason,
    TrustAnchor,
    TrustAnchors,
    VerificationError,
)
from citizenid._limits import DEFAULT_LIMITS, MAX_UNIX_TIME
from citizenid._model import Serialization, SignedObject, UnixTime
from citizenid._readers.sd_jwt_vc import open_presentation
from citizenid.trust import ResolvedKey, issuer_metadata_url

PAYLOAD = "issuer-jwt.payload"
errors_say_where = only_at(
    {
        Reason.ALGORITHM_NOT_ALLOWED: frozenset({"key"}),
        Reason.ANCHOR_EXPIRED: frozenset({"anchor"}),
        Reason.ANCHOR_INVALID: frozenset(
            {
                "anchor",
                *ANCHOR_FIELDS,
                "anchors",
                "certificates",
                "issuer",
                "issuer-metadata",
                "issuer-metadata.jwks",
                "issuer-metadata.jwks_uri",
            }
            | {"jwks", "jwks.keys", "keys"}
        ),
        Reason.ANCHOR_NOT_YET_VALID: frozenset({"anchor"}),
        Reason.DEPTH_EXCEEDED: frozenset({PAYLOAD, "issuer-metadata", "jwks"}),
        Reason.DUPLICATE_MEMBER: frozenset({PAYLOAD, "issuer-metadata", "jwks"}),
        Reason.INPUT_TOO_LARGE: frozenset({"issuer-metadata", "jwks"}),
        Reason.KEY_AMBIGUOUS: frozenset({"issuer-jwt"}),
        Reason.KEY_INVALID: frozenset({"jwk", "jwks.keys", "jwks.keys.kid", "jwks.keys.x5c", "jwks.keys.x5t", "pem"}),
        Reason.MALFORMED_BASE64: frozenset({"jwks.keys.x5c"}),  # made, and answered as the line above
        Reason.KEY_UNKNOWN: frozenset({"issuer-jwt", "status-list"}),
        Reason.KEY_USE_FORBIDDEN: frozenset({"jwk"}),
        Reason.MALFORMED_JSON: frozenset({PAYLOAD, "issuer-metadata", "jwks"}),
    }
)
SCOPE: dict[str, Any] = {"formats": (Format.SD_JWT_VC,), "types": (VCT,), "countries": ANY}
CREDENTIAL: dict[str, Any] = {"purpose": KeyPurpose.CREDENTIAL, **SCOPE}
ISSUER_B = "https://b.example"


def jwk(name: str, algorithm: str = "ES256", **members: Any) -> dict[str, Any]:
    return {**key(name, algorithm).public.to_jwk(), **members}


def trust(*keys: dict[str, Any], issuer: str = ISSUER, **changes: Any) -> TrustAnchors:
    return TrustAnchors.from_jwks(issuer, {"keys": list(keys)}, **{**CREDENTIAL, **changes})


@pytest.mark.parametrize("scope", [{"formats": 5}, {"types": 5}, {"countries": 5}])
def test_a_scope_that_is_no_collection_is_refused(scope: dict[str, Any]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        trust(jwk("a"), **scope)
    assert (caught.value.reason, caught.value.where) == (Reason.ANCHOR_INVALID, f"anchor.{next(iter(scope))}")


@pytest.mark.parametrize("anchors", [5, None, [5], "anchors"])
def test_what_are_no_anchors_is_refused(anchors: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        TrustAnchors(anchors)
    assert (caught.value.reason, caught.value.where) == (Reason.ANCHOR_INVALID, "anchors")


def signed(kid: str | None = None, iss: str | None = None, alg: str = "ES256", payload: Any = None) -> SignedObject:
    header = {"alg": alg, "typ": "dc+sd-jwt"} | ({} if kid is None else {"kid": kid})
    claims = payload if payload is not None else ({} if iss is None else {"iss": iss}) | {"vct": VCT}
    token = jws(header, claims, key("a"))
    (presentation,) = open_presentation(token + b"~", DEFAULT_LIMITS, Serialization.COMPACT)
    return presentation.credential


def resolve(anchors: TrustAnchors, what: SignedObject, now: int = NOW) -> ResolvedKey:
    return anchors.resolve(what, KeyPurpose.CREDENTIAL, UnixTime(now), "issuer-jwt")


# --- V2: which key ---


def test_a_unique_kid_selects_whatever_issuer_and_algorithm_are_claimed() -> None:
    # The header only selects: a lie about iss or alg is for V5 and V3 to refuse, with the selected key.
    anchors = trust(jwk("a", kid="1"), jwk("b", kid="2"))
    for what in (signed("2"), signed("2", iss="https://other.example"), signed("2", alg="ES384")):
        assert resolve(anchors, what).key == key("b").public


def test_the_kid_is_exact() -> None:
    anchors = trust(jwk("a", kid="key-1"))
    for kid in ("key-1 ", " key-1", "KEY-1", "key-", "key-1\0", "key\u20111", "../key-1", "key%2d1", "' OR 1=1--", ""):
        raises(Reason.KEY_UNKNOWN, "V2", lambda kid=kid: resolve(anchors, signed(kid, iss=ISSUER)))


def test_the_same_kid_of_two_issuers_is_settled_by_the_claimed_issuer() -> None:
    anchors = trust(jwk("a", kid="1")) | trust(jwk("b", kid="1"), issuer=ISSUER_B)
    assert resolve(anchors, signed("1", iss=ISSUER)).anchor.issuer == ISSUER
    assert resolve(anchors, signed("1", iss=ISSUER_B)).anchor.issuer == ISSUER_B
    raises(Reason.KEY_UNKNOWN, "V2", lambda: resolve(anchors, signed("1", iss="https://c.example")))
    raises(Reason.KEY_AMBIGUOUS, "V2", lambda: resolve(anchors, signed("1")))


@pytest.mark.parametrize("iss", [5, None, True, [ISSUER], {"x": ISSUER}])
def test_an_issuer_that_is_no_text_settles_nothing(iss: Any) -> None:
    anchors = trust(jwk("a", kid="1")) | trust(jwk("b", kid="1"), issuer=ISSUER_B)
    raises(Reason.KEY_AMBIGUOUS, "V2", lambda: resolve(anchors, signed("1", payload={"iss": iss})))


def test_without_a_kid_the_claimed_issuer_and_the_algorithm_select() -> None:
    anchors = trust(jwk("a", kid="1"), jwk("e", "Ed25519", kid="2")) | trust(jwk("b"), issuer=ISSUER_B)
    assert resolve(anchors, signed(iss=ISSUER)).key == key("a").public
    assert resolve(anchors, signed(iss=ISSUER, alg="Ed25519")).key == key("e", "Ed25519").public
    assert resolve(anchors, signed(iss=ISSUER, alg="EdDSA")).key == key("e", "Ed25519").public
    assert resolve(anchors, signed(iss=ISSUER_B)).key == key("b").public
    raises(Reason.KEY_UNKNOWN, "V2", lambda: resolve(anchors, signed(iss=ISSUER, alg="ES384")))
    raises(Reason.KEY_UNKNOWN, "V2", lambda: resolve(anchors, signed(iss="https://c.example")))
    raises(Reason.KEY_AMBIGUOUS, "V2", lambda: resolve(anchors, signed()))


def test_two_keys_of_one_issuer_and_algorithm_without_a_kid_are_ambiguous_and_never_tried_in_turn() -> None:
    anchors = trust(jwk("a", kid="1"), jwk("b", kid="2"))
    raises(Reason.KEY_AMBIGUOUS, "V2", lambda: resolve(anchors, signed(iss=ISSUER)))


def test_a_pinned_key_answers_a_kid_that_nobody_else_has_and_no_other() -> None:
    pinned = TrustAnchors.from_keys(ISSUER_B, [key("b").public], **CREDENTIAL)
    anchors = trust(jwk("a", kid="1")) | pinned
    assert resolve(anchors, signed("unknown", iss=ISSUER_B)).key == key("b").public
    assert resolve(anchors, signed("1", iss=ISSUER_B)).key == key("a").public
    raises(Reason.KEY_UNKNOWN, "V2", lambda: resolve(anchors, signed("unknown", iss=ISSUER)))


def test_no_anchor_no_key() -> None:
    raises(Reason.KEY_UNKNOWN, "V2", lambda: resolve(TrustAnchors(), signed("1", iss=ISSUER)))


def test_a_key_of_another_purpose_is_no_candidate() -> None:
    status = TrustAnchors.from_jwks(ISSUER, {"keys": [jwk("a", kid="1")]}, purpose=KeyPurpose.STATUS_LIST)
    for what in (signed("1", iss=ISSUER), signed(iss=ISSUER), signed("2", iss=ISSUER)):
        raises(Reason.KEY_UNKNOWN, "V2", lambda what=what: resolve(status, what))
        reverse = lambda what=what: trust(jwk("a", kid="1")).resolve(  # noqa: E731
            what, KeyPurpose.STATUS_LIST, UnixTime(NOW), "status-list"
        )
        raises(Reason.KEY_UNKNOWN, "V2", reverse)


def test_one_kid_may_serve_two_purposes_with_two_keys() -> None:
    status = TrustAnchors.from_jwks(ISSUER, {"keys": [jwk("b", kid="1")]}, purpose=KeyPurpose.STATUS_LIST)
    anchors = trust(jwk("a", kid="1")) | status
    assert resolve(anchors, signed("1")).key == key("a").public


def test_a_payload_that_must_be_asked_and_cannot_be_read_is_refused_by_its_own_reason() -> None:
    anchors = trust(jwk("a", kid="1"), jwk("b", kid="2"))
    for payload, reason in (
        (b"[]", Reason.MALFORMED_JSON),
        (b"{", Reason.MALFORMED_JSON),
        (b'{"iss":"a","iss":"b"}', Reason.DUPLICATE_MEMBER),
        (b'{"a":' * 40 + b"1" + b"}" * 40, Reason.DEPTH_EXCEEDED),
    ):
        raises(reason, None, lambda payload=payload: resolve(anchors, signed(payload=payload)))
        assert resolve(anchors, signed("1", payload=payload)).key == key("a").public  # a kid settles it unread


def test_the_window_of_an_anchor_is_half_open() -> None:
    anchors = trust(jwk("a", kid="1"), not_before=NOW, not_after=NOW + 10)
    raises(Reason.ANCHOR_NOT_YET_VALID, "V2", lambda: resolve(anchors, signed("1"), NOW - 1))
    assert resolve(anchors, signed("1"), NOW).not_before == NOW
    assert resolve(anchors, signed("1"), NOW + 9).not_after == NOW + 10
    raises(Reason.ANCHOR_EXPIRED, "V2", lambda: resolve(anchors, signed("1"), NOW + 10))


def slow_resolve(anchors: TrustAnchors, kid: str | None, iss: str | None, alg: str) -> PublicKey | Reason:
    named = [each for each in anchors if kid is not None and each.kid == kid]
    if len(named) == 1:
        return named[0].key  # type: ignore[return-value]  # anchors of this test have keys
    pool = named or [each for each in anchors if kid is None or each.kid is None]
    pool = [each for each in pool if iss in (None, each.issuer) and each.key and each.key.algorithm == alg]
    if len(pool) == 1:
        return pool[0].key  # type: ignore[return-value]
    return Reason.KEY_AMBIGUOUS if pool else Reason.KEY_UNKNOWN


anchor_rows = st.lists(
    st.tuples(
        st.sampled_from([ISSUER, ISSUER_B]),
        st.sampled_from([None, "1", "2"]),
        st.sampled_from([("a", "ES256"), ("b", "ES256"), ("e", "Ed25519"), ("f", "Ed25519")]),
    ),
    max_size=5,
    unique_by=(lambda row: (row[0], row[2]), lambda row: (row[0], row[1] or object())),
)


@given(
    rows=anchor_rows,
    kid=st.sampled_from([None, "1", "2", "3"]),
    iss=st.sampled_from([None, ISSUER, ISSUER_B, "https://c.example"]),
    alg=st.sampled_from(["ES256", "Ed25519"]),
)
def test_resolve_finds_what_the_rules_say(
    rows: list[tuple[str, str | None, tuple[str, str]]], kid: str | None, iss: str | None, alg: str
) -> None:
    anchors = TrustAnchors()
    for issuer, kid_, (name, algorithm) in rows:
        anchors |= anchors_for(key(name, algorithm).public, issuer=issuer, kid=kid_)
    answer = slow_resolve(anchors, kid, iss, alg)
    if isinstance(answer, Reason):
        raises(answer, "V2", lambda: resolve(anchors, signed(kid, iss, alg)))
    else:
        assert resolve(anchors, signed(kid, iss, alg)).key == answer


# --- what is no anchor ---


@pytest.mark.parametrize(
    "missing",
    [
        {"formats": ()}, {"types": ()}, {"countries": None}, {"countries": ()}, {"countries": frozenset()},
        {"types": (b"",)}, {"types": (5,)}, {"types": VCT}, {"formats": ("dc+sd-jwt",)}, {"formats": Format.SD_JWT_VC},
        {"countries": ("US",)}, {"countries": "US"}, {"countries": [None]}, {"countries": [ANY]},
        {"not_before": -1}, {"not_before": 5, "not_after": 5}, {"not_after": 0}, {"not_after": MAX_UNIX_TIME + 1},
        {"not_before": True}, {"not_after": 1e10}, {"not_after": None}, {"purpose": "credential"}, {"purpose": None},
        {"status_issuer": 5},
    ],
)  # fmt: skip
def test_an_anchor_says_all_of_its_scope_in_exact_types(missing: dict[str, Any]) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a"), **missing))
    misused(
        Reason.ANCHOR_INVALID, lambda: TrustAnchors.from_keys(ISSUER, [key("a").public], **{**CREDENTIAL, **missing})
    )


def test_of_all_that_is_text_a_type_alone_may_be_none() -> None:
    sd_cwt = {"formats": [Format.SD_CWT]}
    (anchor,) = trust(jwk("a"), types=[NO_TYPE, VCT], **sd_cwt)
    assert anchor.types == {"", VCT}
    (alone,) = trust(jwk("a"), types=[NO_TYPE], **sd_cwt)
    assert alone.types == {""}
    assert alone.fingerprint != anchor.fingerprint
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a"), types=[NO_TYPE], issuer="", **sd_cwt))
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a"), types=[type("Text", (str,), {})()], **sd_cwt))
    for formats in ([Format.SD_JWT_VC], [Format.MDOC], [Format.SD_JWT_VC, Format.MDOC]):  # these always state one
        misused(Reason.ANCHOR_INVALID, functools.partial(trust, jwk("a"), types=[NO_TYPE], formats=formats))


def test_a_key_alone_is_no_anchor_of_mdocs() -> None:
    # Their issuers are named by certificates: an operator who pins a key for them would wait for ever.
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a"), formats=[Format.MDOC]))
    mdoc = {**CREDENTIAL, "formats": [Format.MDOC]}
    misused(Reason.ANCHOR_INVALID, lambda: TrustAnchors.from_keys(ISSUER, [key("a").public], **mdoc))
    assert len(trust(jwk("a"), formats=[Format.MDOC, Format.SD_JWT_VC])) == 1


@pytest.mark.parametrize("issuer", ["", None, 5, b"https://id.example", "https://id.example/\ud800"])
def test_an_anchor_has_a_label(issuer: Any) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a"), issuer=issuer))


def test_the_label_of_a_status_issuer_has_a_form_in_utf_8() -> None:
    # It is hashed with the URI of a list: at V9 half of a surrogate pair would be a UnicodeEncodeError.
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a"), status_issuer="\ud800"))


@pytest.mark.parametrize(
    "scope", [{"formats": (Format.SD_JWT_VC,)}, {"types": (VCT,)}, {"countries": ANY}, {"countries": us()}]
)
def test_a_status_signer_attests_nothing(scope: dict[str, Any]) -> None:
    keys = {"keys": [jwk("a")]}
    misused(
        Reason.ANCHOR_INVALID, lambda: TrustAnchors.from_jwks(ISSUER, keys, purpose=KeyPurpose.STATUS_LIST, **scope)
    )
    for status_issuer in (ISSUER, ISSUER_B):
        misused(
            Reason.ANCHOR_INVALID,
            lambda status_issuer=status_issuer: TrustAnchors.from_jwks(
                ISSUER, keys, purpose=KeyPurpose.STATUS_LIST, status_issuer=status_issuer
            ),
        )


def test_nothing_about_trust_has_a_default() -> None:
    calls: list[Callable[[], object]] = [
        lambda: TrustAnchors.from_jwks(ISSUER, {"keys": [jwk("a")]}),  # type: ignore[call-arg]
        lambda: TrustAnchors.from_keys(ISSUER, [key("a").public]),  # type: ignore[call-arg]
        lambda: TrustAnchors.from_certificates(b""),  # type: ignore[call-arg]
        lambda: TrustAnchors.from_issuer_metadata(b"{}"),  # type: ignore[call-arg]
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_one_issuer_one_kid_one_key() -> None:
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a", kid="1"), jwk("b", kid="1")))
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a", kid="1")) | trust(jwk("b", kid="1")))
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a", kid="1")) | trust(jwk("b", kid="1"), countries=us("DE")))
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a"), jwk("a")))
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a")) | trust(jwk("a")))


def test_one_issuer_has_one_mechanism() -> None:
    # SD-JWT VC section 7.3: nobody but the operator chooses how an issuer is verified.
    root = certificate("root", "root", authority=True)
    roots = TrustAnchors.from_certificates(pem(root), issuer=ISSUER, **CREDENTIAL)
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a")) | roots)
    misused(Reason.ANCHOR_INVALID, lambda: roots | trust(jwk("a")))
    assert len(trust(jwk("a"), issuer=ISSUER_B) | roots) == 2
    status = TrustAnchors.from_jwks(ISSUER, {"keys": [jwk("a")]}, purpose=KeyPurpose.STATUS_LIST)
    assert len(roots | status) == 2


@pytest.mark.parametrize("kid", [5, ["1"], {"x": 1}, True, "", None])
def test_a_kid_is_a_text(kid: Any) -> None:
    misused(Reason.KEY_INVALID, lambda: trust(jwk("a", kid=kid)))


@pytest.mark.parametrize("use", [
    {"use": "enc"}, {"use": None}, {"use": ["sig"]}, {"use": 1}, {"key_ops": ["encrypt"]}, {"key_ops": []},
    {"key_ops": ["sign"]}, {"key_ops": ["verify", "encrypt"]}, {"key_ops": "verify"}, {"key_ops": ["verify", "verify"]},
    {"key_ops": [["verify"]]}, {"key_ops": None}, {"use": "sig", "key_ops": ["deriveKey"]},
])  # fmt: skip
def test_a_key_that_may_not_verify_is_no_anchor(use: dict[str, Any]) -> None:
    misused(Reason.KEY_USE_FORBIDDEN, lambda: trust(jwk("a", **use)))


@pytest.mark.parametrize("other", [
    {"kty": "OKP", "crv": "X25519", "x": "A" * 43}, {"kty": "OKP", "crv": "X448", "x": "A" * 75},
    {"kty": "EC", "crv": "secp256k1", "x": "A" * 43, "y": "A" * 43}, {"kty": "EC", "crv": "P-256K"},
    {"kty": "AKP", "alg": "ML-KEM-768", "pub": "AAAA"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    {"kty": "EC", "crv": "secp256k1", "alg": "ES256K"}, {"kty": "OKP", "crv": "X25519", "use": "enc", "alg": "ECDH-ES"},
    {**jwk("b"), "use": "enc", "alg": "ECDH-ES"}, {**jwk("b"), "alg": "ECDH-ES+A256KW"},
])  # fmt: skip
def test_a_key_that_is_not_for_us_does_not_spoil_the_set(other: dict[str, Any]) -> None:
    # RFC 7517 section 5. Sets with keys for key agreement are common.
    for keys in ([jwk("a"), other], [other, jwk("a")]):
        (anchor,) = TrustAnchors.from_jwks(ISSUER, {"keys": keys}, **CREDENTIAL)
        assert anchor.key == key("a").public
    with pytest.raises(CitizenIDError):
        trust(other)


@pytest.mark.parametrize("broken", [
    {**jwk("b"), "x": "AAAA"}, {**jwk("b"), "crv": None}, {**jwk("b"), "crv": ["P-256"]}, {**jwk("b"), "use": None},
    {**jwk("b"), "key_ops": ["sign"]}, {**jwk("b"), "alg": "ES384"}, {**jwk("b"), "d": "AA"},
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}, {"kty": "AKP", "pub": "AAAA"},
    {**jwk("b"), "use": "enc"}, {**jwk("b", "Ed25519"), "use": "other"}, {**jwk("b"), "key_ops": ["encrypt"]},
    {**jwk("b"), "alg": "ES256", "crv": "secp256k1"}, {**jwk("b"), "alg": "ES256", "crv": "P-384"},
    {**jwk("b"), "alg": "ECDH-es"}, {**jwk("b", "Ed448"), "alg": "Ed25519"}, {**jwk("b"), "alg": "Ed448"},
])  # fmt: skip
def test_a_broken_key_of_our_kind_spoils_the_set(broken: dict[str, Any]) -> None:
    for keys in ([jwk("a"), broken], [broken, jwk("a")]):
        with pytest.raises(MalformedError) as caught:
            TrustAnchors.from_jwks(ISSUER, {"keys": keys}, **CREDENTIAL)
        assert caught.value.reason in (Reason.KEY_INVALID, Reason.KEY_USE_FORBIDDEN)


@pytest.mark.parametrize(
    "use", [{"use": "sig"}, {"key_ops": ["verify"]}, {"key_ops": ["sign", "verify"], "use": "sig"}]
)
def test_a_key_that_may_verify_is(use: dict[str, Any]) -> None:
    assert len(trust(jwk("a", **use))) == 1


EC_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
ED_PRIME = 2**255 - 19


def _b64(number: int, size: int = 32, order: Any = "big") -> str:
    return base64url(number.to_bytes(size, order)).decode()


SMALL_ORDER_Y = [
    1, ED_PRIME - 1, 0,
    int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
    int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
]  # fmt: skip


@pytest.mark.parametrize("bad", [
    # EC: off the curve, the point at infinity, a coordinate not reduced, of 31 or 33 bytes, missing or no text
    {"x": _b64(1), "y": _b64(1)}, {"x": _b64(0), "y": _b64(0)}, {"x": _b64(EC_PRIME), "y": _b64(0)},
    {"x": _b64(EC_PRIME + 5)}, {"y": _b64(2**256 - 1)}, {"x": _b64(1, 31)}, {"x": _b64(1, 33)}, {"y": _b64(1, 33)},
    {"x": None}, {"y": 5}, {"y": ""}, {"x": _b64(7) + "="}, {"x": [_b64(7)]},
    # another curve, another algorithm, a private or symmetric member
    {"crv": "P-384"}, {"crv": "secp256k1"}, {"crv": "P-256K"}, {"crv": "p-256"}, {"crv": ["P-256"]}, {"crv": None},
    {"alg": "ES384"}, {"alg": "none"}, {"alg": "HS256"}, {"alg": None}, {"alg": ["ES256"]}, {"alg": "es256"},
    {"d": _b64(1)}, {"k": "AA"}, {"p": "AA"}, {"priv": "AA"}, {"d": None},
])  # fmt: skip
def test_a_bad_ec_key_is_refused_when_the_anchors_are_built(bad: dict[str, Any]) -> None:
    misused(Reason.KEY_INVALID, lambda: trust({**jwk("a"), **bad}))


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [
    *SMALL_ORDER_Y, ED_PRIME, ED_PRIME + 1, ED_PRIME + 3, 2**255 - 1, 2,
])  # fmt: skip
def test_a_bad_ed25519_key_is_refused_when_the_anchors_are_built(y: int, sign: int) -> None:
    # Small order, not canonical, or no point at all (y = 2).
    x = _b64(y | sign << 255, order="little")
    misused(Reason.KEY_INVALID, lambda: trust({"kty": "OKP", "crv": "Ed25519", "x": x}))


@pytest.mark.parametrize(
    "bad", [{"x": _b64(9, 31)}, {"x": _b64(9, 33)}, {"crv": "X25519"}, {"crv": "Ed448"}, {"x": ""}]
)
def test_other_octet_key_pairs_are_refused(bad: dict[str, Any]) -> None:
    misused(Reason.KEY_INVALID, lambda: trust({**jwk("e", "Ed25519"), **bad}))


def test_a_point_of_mixed_order_is_no_anchor() -> None:
    # A good point plus one of order 8: on the curve and canonical, but outside the prime subgroup.
    torsion = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    good = key("e", "Ed25519").public.to_jwk()["x"]
    mixed = edwards_add(unbase64url(good), torsion)
    assert not sodium.crypto_core_ed25519_is_valid_point(mixed)
    misused(Reason.KEY_INVALID, lambda: trust({"kty": "OKP", "crv": "Ed25519", "x": base64url(mixed).decode()}))


def edwards_add(one: bytes, other: bytes) -> bytes:
    """Add two points of edwards25519 by the affine formulas of RFC 8032 section 5.1."""
    p, d = ED_PRIME, -121665 * pow(121666, -1, ED_PRIME) % ED_PRIME

    def load(data: bytes) -> tuple[int, int]:
        number = int.from_bytes(data, "little")
        y, sign = number & (2**255 - 1), number >> 255
        square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
        x = pow(square, (p + 3) // 8, p)
        if x * x % p != square:
            x = x * pow(2, (p - 1) // 4, p) % p
        assert x * x % p == square
        return (x if x & 1 == sign else p - x), y

    (x1, y1), (x2, y2) = load(one), load(other)
    product = d * x1 * x2 * y1 * y2 % p
    x3 = (x1 * y2 + x2 * y1) * pow(1 + product, -1, p) % p
    y3 = (y1 * y2 + x1 * x2) * pow(1 - product, -1, p) % p
    return (y3 | (x3 & 1) << 255).to_bytes(32, "little")


@pytest.mark.parametrize("bad", [
    {"alg": "ML-DSA-65"}, {"alg": None}, {"alg": "ML-DSA-45"}, {"alg": ["ML-DSA-44"]}, {"pub": "AA"}, {"pub": None},
    {"priv": "AA"},
])  # fmt: skip
def test_a_bad_ml_dsa_key_is_refused(bad: dict[str, Any]) -> None:
    good = jwk("m", "ML-DSA-44")
    assert len(trust(good)) == 1
    misused(Reason.KEY_INVALID, lambda: trust({**good, **bad}))
    misused(Reason.KEY_INVALID, lambda: trust({name: value for name, value in good.items() if name != "alg"}))


# --- keys as they are loaded, before any anchor is made of them ---

ALGORITHMS = ["ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]


def spki(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def pkcs8(private: Any, password: bytes | None = None) -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    encoded: bytes = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return encoded


def private_keys() -> dict[str, Any]:
    """A private key of `cryptography` for each algorithm of the house."""
    return {
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "ES384": ec.generate_private_key(ec.SECP384R1()),
        "ES512": ec.generate_private_key(ec.SECP521R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ML-DSA-44": mldsa.MLDSA44PrivateKey.generate(),
        "ML-DSA-65": mldsa.MLDSA65PrivateKey.generate(),
        "ML-DSA-87": mldsa.MLDSA87PrivateKey.generate(),
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_the_same_from_pem_and_jwk_public_and_private(algorithm: str) -> None:
    private = private_keys()[algorithm]
    local = LocalKey.from_pem(pkcs8(private))
    assert local.algorithm == algorithm
    for other in (LocalKey.from_pem(pkcs8(private).decode()), LocalKey.from_jwk(local.to_private_jwk())):
        assert other.public == local.public
    for public in (PublicKey.from_pem(spki(private.public_key())), PublicKey.from_jwk(dict(local.public.to_jwk()))):
        assert public == local.public and hash(public) == hash(local.public)
        assert public.thumbprint == local.public.thumbprint and len(public.thumbprint) == 32
    assert LocalKey.from_pem(pkcs8(private, b"password"), password=b"password").public == local.public
    assert not {"d", "priv"} & local.public.to_jwk().keys()


def other_keys() -> dict[str, Any]:
    return {
        "RSA": rsa.generate_private_key(65537, 2048),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()),
        "P-224": ec.generate_private_key(ec.SECP224R1()),
        "P-192": ec.generate_private_key(ec.SECP192R1()),
        "X25519": x25519.X25519PrivateKey.generate(),
        "X448": x448.X448PrivateKey.generate(),
        "DSA": dsa.generate_private_key(1024),  # noqa: S505  # that it is weak is the point
    }


@pytest.mark.parametrize("name", ["RSA", "secp256k1", "P-224", "P-192", "X25519", "X448", "DSA"])
def test_a_key_of_another_kind_or_curve_is_no_key(name: str) -> None:
    private = other_keys()[name]
    misused(Reason.KEY_INVALID, lambda: PublicKey.from_pem(spki(private.public_key())))
    misused(Reason.KEY_INVALID, lambda: LocalKey.from_pem(pkcs8(private)))


def test_explicit_curve_parameters_are_no_named_curve() -> None:
    # The sender of explicit parameters chooses the generator, and with it a private key for any public one.
    named = unbase64(spki(private_keys()["ES256"].public_key()))
    assert named[:2] == b"\x30\x59" and named[4:13] == bytes.fromhex("06072a8648ce3d0201")
    parameters = bytes.fromhex(  # RFC 3279 section 2.3.5: SpecifiedECDomain of P-256
        "3081f7020101302c06072a8648ce3d0101022100ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
        "305b0420ffffffff00000001000000000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd557698"
        "86bc651d06b0cc53b0f63bce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f7e900441046b17d1f2e12c4247"
        "f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb64068"
        "37bf51f5022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101"
    )
    identifier = named[4:13] + parameters
    body = b"\x30\x82" + len(identifier).to_bytes(2, "big") + identifier + named[-68:]
    explicit = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    text = b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(explicit) + b"-----END PUBLIC KEY-----\n"
    try:
        loaded = PublicKey.from_pem(text)
    except MalformedError as error:
        assert error.reason is Reason.KEY_INVALID
        return
    # OpenSSL recognises the very parameters of P-256. Then the key is the named one; with others it must be refused.
    assert loaded == PublicKey.from_pem(armoured(named))
    moved = explicit.replace(bytes.fromhex("6b17d1f2"), bytes.fromhex("6b17d1f3"))
    misused(Reason.KEY_INVALID, lambda: PublicKey.from_pem(armoured(moved)))


def unbase64(pem_text: bytes) -> bytes:
    return base64.b64decode(b"".join(pem_text.splitlines()[1:-1]))


def armoured(data: bytes) -> bytes:
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(data) + b"-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize("text", [
    "", b"", "no pem", b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "-----BEGIN PUBLIC KEY-----\n\u00e9",
    armoured(b"x"), armoured(b"\x30\x00"), pem(certificate("leaf", "root")),
])  # fmt: skip
def test_broken_pem_is_no_key(text: bytes | str) -> None:
    misused(Reason.KEY_INVALID, lambda: PublicKey.from_pem(text))
    misused(Reason.KEY_INVALID, lambda: LocalKey.from_pem(text))


@pytest.mark.parametrize("load", [PublicKey.from_pem, LocalKey.from_pem])
def test_the_size_of_pem_is_bounded_to_the_byte(load: Callable[[bytes | str], Any]) -> None:
    private = private_keys()["ES256"]
    text = pkcs8(private) if load == LocalKey.from_pem else spki(private.public_key())
    for form in (text.rjust(1_048_576), text.rjust(1_048_576).decode()):
        assert load(form)
    for form in (text.rjust(1_048_577), text.rjust(1_048_577).decode()):
        misused(Reason.KEY_INVALID, lambda form=form: load(form))


def test_a_private_key_is_loaded_by_its_password_alone_and_is_no_public_key() -> None:
    locked = pkcs8(private_keys()["ES256"], b"password")
    for password in (None, b"", b"Password"):
        misused(Reason.KEY_INVALID, lambda password=password: LocalKey.from_pem(locked, password=password))
    misused(Reason.KEY_INVALID, lambda: LocalKey.from_pem(pkcs8(private_keys()["ES256"]), password=b"password"))
    misused(Reason.KEY_INVALID, lambda: PublicKey.from_pem(pkcs8(private_keys()["ES256"])))
    misused(Reason.KEY_INVALID, lambda: LocalKey.from_pem(spki(private_keys()["ES256"].public_key())))
    misused(Reason.KEY_INVALID, lambda: PublicKey.from_jwk(key("a").to_private_jwk()))


@pytest.mark.parametrize("algorithm", ["ES256", "ML-DSA-44"])
@pytest.mark.parametrize("use", [
    {"use": "enc"}, {"use": None}, {"key_ops": ["verify"]}, {"key_ops": ["decrypt"]}, {"key_ops": ["sign", "decrypt"]},
    {"key_ops": []}, {"key_ops": "sign"}, {"key_ops": ["sign", "sign"]}, {"use": "enc", "key_ops": ["sign"]},
])  # fmt: skip
def test_a_private_key_that_may_not_sign_signs_nothing(algorithm: str, use: dict[str, Any]) -> None:
    private = key("a", algorithm).to_private_jwk()
    misused(Reason.KEY_USE_FORBIDDEN, lambda: LocalKey.from_jwk({**private, **use}))
    for good in ({"use": "sig"}, {"key_ops": ["sign"]}, {"use": "sig", "key_ops": ["verify", "sign"]}):
        assert LocalKey.from_jwk({**private, **good}).public == key("a", algorithm).public


@pytest.mark.parametrize("load", [PublicKey.from_pem, LocalKey.from_pem, AgreementKey.from_pem])
def test_pem_holds_one_key(load: Callable[[bytes | str], Any]) -> None:
    one, other = private_keys()["ES256"], private_keys()["ES256"]
    write = (lambda private: spki(private.public_key())) if load == PublicKey.from_pem else pkcs8
    curve = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    before = b"a key\n" if load == PublicKey.from_pem else curve  # as OpenSSL writes it before a private key
    for good in (write(one), before + write(one)):
        assert load(good) and load(good.decode())
    # All but the first would go unread, and nobody says which was meant.
    for both in (write(one) + write(other), write(one) + write(one), spki(other.public_key()) + pkcs8(one)):
        misused(Reason.KEY_INVALID, lambda both=both: load(both))


@pytest.mark.parametrize("kid", ["\udcff", "a\ud800", "\udfff\ud800"])
def test_a_kid_is_text_that_a_set_in_json_can_hold(kid: str) -> None:
    # A kid of COSE that is no UTF-8 is compared as such a text, and names no key.
    misused(Reason.KEY_INVALID, lambda: trust(jwk("a", kid=kid)))
    assert len(trust(jwk("a", kid="\U0001f511"))) == 1


@pytest.mark.parametrize("algorithm", ["Ed448", "EdDSA"])
def test_an_ed448_key_may_say_its_algorithm(algorithm: str) -> None:
    # RFC 9864 section 2.2, RFC 8037 section 3.1. It verifies in SD-CWT, and its set may come from anywhere.
    good = {**jwk("a", "Ed448"), "alg": algorithm}
    assert PublicKey.from_jwk(good) == key("a", "Ed448").public
    assert LocalKey.from_jwk({**key("a", "Ed448").to_private_jwk(), "alg": algorithm}).algorithm == "Ed448"
    assert len(TrustAnchors.from_jwks(ISSUER, {"keys": [jwk("b"), good]}, **CREDENTIAL)) == 2
    for other in ("Ed25519", "ed448", "ES256", None, [algorithm]):
        misused(Reason.KEY_INVALID, lambda other=other: PublicKey.from_jwk({**good, "alg": other}))


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "ML-DSA-44"])
def test_the_halves_of_a_private_jwk_belong_together(algorithm: str) -> None:
    one, other = (key(name, algorithm).to_private_jwk() for name in ("a", "b"))
    secret = "priv" if algorithm.startswith("ML-DSA") else "d"
    misused(Reason.KEY_INVALID, lambda: LocalKey.from_jwk({**one, secret: other[secret]}))
    for value in (None, 5, "", one[secret] + "=", one[secret][:-2], one[secret] + "AA", [one[secret]]):
        misused(Reason.KEY_INVALID, lambda value=value: LocalKey.from_jwk({**one, secret: value}))
    misused(Reason.KEY_INVALID, lambda: LocalKey.from_jwk(dict(key("a", algorithm).public.to_jwk())))


@pytest.mark.parametrize(("algorithm", "size"), [("ES256", 32), ("ES384", 48), ("ES512", 66), ("Ed25519", 32)])
def test_a_private_number_has_the_length_of_its_curve(algorithm: str, size: int) -> None:
    private = key("a", algorithm).to_private_jwk()
    secret = unbase64url(private["d"])
    assert len(secret) == size
    for other in (b"\0" + secret, secret + b"\0", secret[1:], secret[:-1], b""):
        misused(
            Reason.KEY_INVALID,
            lambda other=other: LocalKey.from_jwk({**private, "d": base64url(other).decode()}),
        )


def test_a_coordinate_is_reduced() -> None:
    # 66 bytes have room for x + p and y + p of P-521: the same point under another name, with another thumbprint.
    prime = 2**521 - 1
    good = jwk("a", "ES512")
    for name in ("x", "y"):
        number = int.from_bytes(unbase64url(good[name]), "big")
        for more in (prime, 2 * prime, 100 * prime):
            misused(Reason.KEY_INVALID, lambda n=name, m=number + more: trust({**good, n: _b64(m, 66)}))
    # For P-256 only a small x has room: found by trying, as y^2 = x^3 - 3x + b has a root for every second x.
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    squares = ((x, (x**3 - 3 * x + b) % EC_PRIME) for x in range(1, 100))
    x, y = next((x, root) for x, s in squares if pow(root := pow(s, (EC_PRIME + 1) // 4, EC_PRIME), 2, EC_PRIME) == s)
    assert len(trust({**jwk("a"), "x": _b64(x), "y": _b64(y)})) == 1
    misused(Reason.KEY_INVALID, lambda: trust({**jwk("a"), "x": _b64(x + EC_PRIME), "y": _b64(y)}))


@pytest.mark.parametrize("number", [0, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551, 2**256 - 1])
def test_a_private_number_out_of_range_is_no_key(number: int) -> None:
    misused(Reason.KEY_INVALID, lambda: LocalKey.from_jwk({**key("a").to_private_jwk(), "d": _b64(number)}))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES256K", "EdDSA", "", "es256", "ed448", "ESB320"])
def test_no_key_is_generated_outside_of_the_table(algorithm: str) -> None:
    misused(Reason.ALGORITHM_NOT_ALLOWED, lambda: LocalKey.generate(algorithm))


def test_keys_compare_by_algorithm_and_bytes() -> None:
    one, other = key("a").public, key("b").public
    assert one == PublicKey.from_jwk(dict(one.to_jwk())) and one != other
    assert one != one.to_jwk() and one != one.thumbprint
    for cls in (PublicKey, LocalKey):
        with pytest.raises(TypeError):
            type("Sub", (cls,), {})


# --- certificates in JWK Sets ---


def _certificates_of(*names: str) -> list[x509.Certificate]:
    return [certificate(name, "root") for name in names]


def test_the_first_certificate_of_a_jwk_is_one_of_its_key() -> None:
    """RFC 7517 section 4.7: MUST match. Nothing else is asked of it: it is the set that is trusted."""
    own, other, third = _certificates_of("leaf", "other", "root")
    public = dict(local_key(certificate_key("leaf")).public.to_jwk())
    for chain in ([own], [own, third], [own] * 9):
        (anchor,) = trust({**public, "x5c": x5c(*chain)})
        assert anchor.key is not None and anchor.key.to_jwk() == public
    expired = certificate("leaf", "leaf", not_before=1, not_after=2, serial=1)
    assert len(trust({**public, "x5c": x5c(expired)})) == 1
    good, foreign = x5c(own)[0], x5c(other)[0]
    for stated in (
        [foreign], [foreign, good], [], None, good, {"0": good}, [None], [5], [[good]], [""], [good, None], [good, ""],
        [good + "="], [good[:-4]], [" " + good], [good.replace("M", "-", 1)], ["AAAA"], ["\u00e9"], ["\ud800"],
        [base64.b64encode(der(own)[0] + b"\0").decode()], [base64.b64encode(pem(own)).decode()], [good, "\ud800"],
    ):  # fmt: skip
        error = misused(Reason.KEY_INVALID, lambda stated=stated: trust({**public, "x5c": stated}))
        assert error.where == "jwks.keys.x5c"
    # Of a set no key is passed over for it: a publisher who contradicts himself is not half trusted.
    misused(Reason.KEY_INVALID, lambda: trust(jwk("a"), {**public, "x5c": [foreign]}))


@pytest.mark.parametrize(
    "kind", [x25519.X25519PrivateKey.generate, functools.partial(rsa.generate_private_key, 65_537, 2_048)]
)
def test_a_certificate_of_a_key_that_does_not_sign_here_is_that_of_no_jwk(kind: Any) -> None:
    foreign = certificate("leaf", "root", public=kind().public_key())
    misused(Reason.KEY_INVALID, lambda: trust({**jwk("a"), "x5c": x5c(foreign)}))


def test_the_thumbprints_of_a_jwk_are_those_of_its_first_certificate() -> None:
    """RFC 7517 sections 4.8 and 4.9. Without a certificate there is nothing to compare them with."""
    (own,) = _certificates_of("leaf")
    public = {**local_key(certificate_key("leaf")).public.to_jwk(), "x5c": x5c(own)}
    for name, function in (("x5t", hashlib.sha1), ("x5t#S256", hashlib.sha256)):
        good = base64url(function(der(own)[0]).digest()).decode()
        assert len(trust({**public, name: good})) == 1
        for other in (good[:-1], good + "=", "", None, 5, base64url(bytes(32)).decode()):
            error = misused(Reason.KEY_INVALID, lambda name=name, other=other: trust({**public, name: other}))
            assert error.where == "jwks.keys.x5t"
        assert len(trust({**jwk("a"), name: "anything"})) == 1


def test_a_certificate_beside_a_key_that_is_passed_over_is_passed_over_too() -> None:
    """Section 5: what is of another kind is none of ours to judge."""
    rsa_key = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "x5c": ["broken"]}
    assert len(trust(rsa_key, jwk("a"))) == 1


# --- JWK Sets as text ---


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.MALFORMED_JSON), ("[]", Reason.MALFORMED_JSON), ("{", Reason.MALFORMED_JSON),
        ('{"keys":[]}{}', Reason.MALFORMED_JSON), ('{"keys":[],"keys":[]}', Reason.DUPLICATE_MEMBER),
        ("{}", Reason.ANCHOR_INVALID), ('{"keys":{}}', Reason.ANCHOR_INVALID), ('{"keys":null}', Reason.ANCHOR_INVALID),
        ('{"keys":[]}', Reason.ANCHOR_INVALID), ('{"keys":[1]}', Reason.KEY_INVALID),
        ('{"keys":[[]]}', Reason.KEY_INVALID),
        ('{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}', Reason.ANCHOR_INVALID),
        ('{"keys":[{"kty":"oct","k":"AQAB"}]}', Reason.ANCHOR_INVALID),
        ('{"keys":[{"kty":"EC"}]}', Reason.KEY_INVALID), ('{"keys":[{"kty":"AKP"}]}', Reason.KEY_INVALID),
        ('{"keys":[{}]}', Reason.ANCHOR_INVALID),
        ('{"keys":' + "[" * 40 + "]" * 40 + "}", Reason.DEPTH_EXCEEDED),
        (" " * 1_048_577, Reason.INPUT_TOO_LARGE),
    ],
)  # fmt: skip
def test_a_jwk_set_as_text_is_read_strictly(text: str, reason: Reason) -> None:
    for form in (text, text.encode()):
        misused(reason, lambda form=form: TrustAnchors.from_jwks(ISSUER, form, **CREDENTIAL))


def test_the_size_of_a_jwk_set_as_text_is_bounded_to_the_byte() -> None:
    text = dump({"keys": [jwk("a", kid="1")]})
    assert len(TrustAnchors.from_jwks(ISSUER, text.ljust(1_048_576), **CREDENTIAL)) == 1
    misused(Reason.INPUT_TOO_LARGE, lambda: TrustAnchors.from_jwks(ISSUER, text.ljust(1_048_577), **CREDENTIAL))


def test_a_text_of_configuration_that_is_too_long_is_not_even_encoded() -> None:
    long = "\u00e9" * 10_000_000
    tracemalloc.start()
    try:
        misused(Reason.INPUT_TOO_LARGE, lambda: TrustAnchors.from_jwks(ISSUER, long, **CREDENTIAL))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1_024


@pytest.mark.parametrize("value", [None, 5, [], bytearray(b"{}"), memoryview(b"{}"), True])
def test_a_jwk_set_is_a_mapping_or_text(value: Any) -> None:
    with pytest.raises(CitizenIDError):
        TrustAnchors.from_jwks(ISSUER, value, **CREDENTIAL)


@pytest.mark.parametrize("kty", [[], {}, ["EC"], {"EC": 1}, 5, None, True, "ec", "EC "])
def test_a_key_of_an_unknown_kind_is_passed_over_or_refused_whatever_the_kind_looks_like(kty: Any) -> None:
    # A JWK Set is foreign bytes: a hash of an unhashable kind is no answer.
    text = dump({"keys": [{**jwk("a"), "kty": kty}]})
    with pytest.raises(CitizenIDError) as caught:
        TrustAnchors.from_jwks(ISSUER, text, **CREDENTIAL)
    assert caught.value.reason in (Reason.ANCHOR_INVALID, Reason.KEY_INVALID)


def test_keys_of_unknown_kinds_beside_a_good_one_are_passed_over() -> None:
    text = json.dumps({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, jwk("a", kid="1", x5u="https://x.example")]})
    assert [each.kid for each in TrustAnchors.from_jwks(ISSUER, text, **CREDENTIAL)] == ["1"]


def test_a_dict_is_not_kept() -> None:
    keys = {"keys": [jwk("a", kid="1")]}
    anchors = TrustAnchors.from_jwks(ISSUER, keys, **CREDENTIAL)
    keys["keys"][0]["x"] = jwk("b")["x"]
    keys["keys"].clear()
    assert resolve(anchors, signed("1")).key == key("a").public


# --- issuer metadata (SD-JWT VC section 4) ---


def metadata(**changes: Any) -> bytes:
    document = {"issuer": ISSUER, "jwks": {"keys": [jwk("a", kid="1")]}, **changes}
    return dump({name: value for name, value in document.items() if value is not ...})


def from_metadata(body: bytes, issuer: str = ISSUER, jwks: Any = None) -> TrustAnchors:
    return TrustAnchors.from_issuer_metadata(body, issuer=issuer, jwks=jwks, **SCOPE)


def test_metadata_with_its_keys_inside_or_beside_gives_the_same_anchors() -> None:
    inside = from_metadata(metadata())
    beside = from_metadata(metadata(jwks=..., jwks_uri="https://id.example/jwks"), jwks={"keys": [jwk("a", kid="1")]})
    assert [each.fingerprint for each in inside] == [each.fingerprint for each in beside]
    assert resolve(inside, signed("1")).key == key("a").public


@pytest.mark.parametrize("issuer", [
    ISSUER_B, ISSUER + "/", ISSUER.upper(), "https://ID.example", "http://id.example", None, 5, [ISSUER], ...,
])  # fmt: skip
def test_metadata_of_another_issuer_is_not_used(issuer: Any) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(issuer=issuer)))


def test_metadata_has_exactly_one_of_jwks_and_jwks_uri() -> None:
    keys = {"keys": [jwk("a", kid="1")]}
    misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(jwks_uri="https://id.example/jwks")))
    misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(jwks=...)))
    misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(jwks=..., jwks_uri="https://id.example/jwks")))
    misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(), jwks=keys))
    misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(jwks_uri="https://x.example"), jwks=keys))


@pytest.mark.parametrize("other", [None, "", 5, False, [], {}])
def test_a_member_that_is_there_counts_whatever_it_holds(other: Any) -> None:
    keys = {"keys": [jwk("a", kid="1")]}
    misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(jwks_uri=other)))
    misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(jwks=other, jwks_uri="https://x.example"), jwks=keys))


@pytest.mark.parametrize(
    "uri", [None, "", 5, True, [], ["https://id.example/jwks"], {}, "http://id.example/jwks", "/jwks", "id.example"]
)
def test_the_jwks_uri_of_a_metadata_document_is_an_https_url(uri: Any) -> None:
    keys = {"keys": [jwk("a", kid="1")]}
    misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(jwks=..., jwks_uri=uri), jwks=keys))


@pytest.mark.parametrize("jwks", [5, [], True, json.dumps({"keys": [jwk("a", kid="1")]})])
def test_the_jwks_of_a_metadata_document_is_an_object(jwks: Any) -> None:
    # A text that holds JSON is no JWK Set, though our own `jwks=` argument may be one.
    misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(jwks=jwks)))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"issuer":"a","issuer":"b"}', b"\xff", b"[" * 100_000])
def test_a_broken_metadata_document_is_refused_in_form(body: bytes) -> None:
    with pytest.raises(MalformedError):
        from_metadata(body)


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://example.com", "https://example.com/.well-known/jwt-vc-issuer"),
        ("https://example.com/", "https://example.com/.well-known/jwt-vc-issuer"),
        ("https://example.com/tenant/1", "https://example.com/.well-known/jwt-vc-issuer/tenant/1"),
        ("https://example.com/tenant/1/", "https://example.com/.well-known/jwt-vc-issuer/tenant/1"),
        ("https://example.com:8443/a", "https://example.com:8443/.well-known/jwt-vc-issuer/a"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]/.well-known/jwt-vc-issuer/a"),
        ("https://example.com:1/...", "https://example.com:1/.well-known/jwt-vc-issuer/..."),
        ("https://example.com/a.b/.c", "https://example.com/.well-known/jwt-vc-issuer/a.b/.c"),
    ],
)
def test_where_the_metadata_of_an_issuer_stands(issuer: str, url: str) -> None:
    assert issuer_metadata_url(issuer) == url


@pytest.mark.parametrize("issuer", [
    "", "example.com", "http://example.com", "ftp://example.com", "https://", "https:///path", "https://a@example.com",
    "https://a:b@example.com", "https://example.com?x", "https://example.com/#f", "https://example.com/a?",
    "https://example.com/#", "https://exa mple.com", "https://example.com/a b", "https://example.com\n", "https://[::1",
    "https://ex\u00e4mple.com", "https://example.com\0", "urn:example", "//example.com", None, 5,
    b"https://example.com", "https://example.com:0", "https://example.com:0/a", "https://example.com:65536",
    "https://example.com:x", "https://example.com/.", "https://example.com/..", "https://example.com/a/../b",
    "https://example.com/%2e/b", "https://example.com/a/%2E%2e", "https://example.com/.%2e/b", "https://example.com/a%",
    "https://example.com/[a]", "https://example.com/a%2", "https://[::1]x", "https://x[::1]", "https://[::1]x:443/a",
    "https://example.com]", "https://[v1.x]", "https://[example.com]", "https://exa%mple.com", "https://example.com%2",
])  # fmt: skip
def test_what_is_no_issuer_url_has_no_metadata(issuer: Any) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: issuer_metadata_url(issuer))
    if isinstance(issuer, str):
        misused(Reason.ANCHOR_INVALID, lambda: from_metadata(metadata(issuer=issuer), issuer=issuer))


def test_a_metadata_document_is_bounded_to_the_byte() -> None:
    document = metadata()
    assert len(from_metadata(document + b" " * (1_048_576 - len(document)))) == 1
    raises(Reason.INPUT_TOO_LARGE, None, lambda: from_metadata(document + b" " * (1_048_577 - len(document))))


# --- certificates as anchors ---


@pytest.mark.parametrize("broken", [
    b"", b"no pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    b"-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\n\u00e9",
])  # fmt: skip
def test_pem_without_a_certificate_is_no_anchor(broken: bytes | str) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: TrustAnchors.from_certificates(broken, issuer=ISSUER, **CREDENTIAL))


def test_a_certificate_that_is_no_authority_is_no_anchor() -> None:
    root = certificate("root", "root", authority=True)
    for bad in (
        certificate("leaf", "root"),
        certificate("root", "root", authority=True, usage={"key_cert_sign": False}),
        certificate("root", "root", constraints=False),
    ):
        for chain in (pem(bad), pem(root, bad)):
            call = lambda chain=chain: TrustAnchors.from_certificates(chain, issuer=ISSUER, **CREDENTIAL)  # noqa: E731
            misused(Reason.ANCHOR_INVALID, call)


def test_several_roots_are_several_anchors() -> None:
    roots = [certificate(name, name, authority=True) for name in ("root", "ca", "ca2")]
    anchors = TrustAnchors.from_certificates(pem(*roots), issuer=ISSUER, **CREDENTIAL)
    assert len(anchors) == len({each.fingerprint for each in anchors}) == 3
    misused(Reason.ANCHOR_INVALID, lambda: anchors | anchors)


# --- every way to pin ---

ROOT = certificate("root", "root", authority=True)
PINS: dict[str, Callable[..., TrustAnchors]] = {
    "a JWK Set": lambda **scope: TrustAnchors.from_jwks(ISSUER, {"keys": [jwk("a", kid="1")]}, **scope),
    "keys": lambda **scope: TrustAnchors.from_keys(ISSUER, [key("a").public], **scope),
    "roots": lambda **scope: TrustAnchors.from_certificates(pem(ROOT), issuer=ISSUER, **scope),
    "document signers": lambda **scope: TrustAnchors.from_document_signers(
        pem(certificate("leaf", "root")), issuer=ISSUER, **scope
    ),
}
STATED: dict[str, Any] = {
    "formats": frozenset({Format.SD_JWT_VC, Format.SD_CWT}),
    "types": frozenset({VCT, "urn:x"}),
    "countries": frozenset(us("US", "DE")),
    "not_before": 7,
    "not_after": NOW,
    "status_issuer": ISSUER_B,
}


def scope_in(anchors: TrustAnchors) -> tuple[KeyPurpose, dict[str, Any]]:
    (anchor,) = anchors
    return anchor.purpose, {name: getattr(anchor, name) for name in STATED}


@pytest.mark.parametrize("pin", PINS.values(), ids=list(PINS))
def test_an_anchor_says_what_it_was_told(pin: Callable[..., TrustAnchors]) -> None:
    assert scope_in(pin(purpose=KeyPurpose.CREDENTIAL, **STATED)) == (KeyPurpose.CREDENTIAL, STATED)
    by_default = {"not_before": 0, "not_after": MAX_UNIX_TIME, "status_issuer": ISSUER}
    told = {name: STATED[name] for name in ("formats", "types", "countries")}
    assert scope_in(pin(purpose=KeyPurpose.CREDENTIAL, **told)) == (KeyPurpose.CREDENTIAL, told | by_default)
    of_nothing = {"formats": frozenset(), "types": frozenset(), "countries": frozenset()}
    found = scope_in(pin(purpose=KeyPurpose.STATUS_LIST))
    assert found == (KeyPurpose.STATUS_LIST, of_nothing | by_default)


def test_metadata_pins_keys_of_credentials_and_says_what_it_was_told() -> None:
    pinned = TrustAnchors.from_issuer_metadata(metadata(), issuer=ISSUER, **STATED)
    assert scope_in(pinned) == (KeyPurpose.CREDENTIAL, STATED)
    told = {name: STATED[name] for name in ("formats", "types", "countries")}
    by_default = {"not_before": 0, "not_after": MAX_UNIX_TIME, "status_issuer": ISSUER}
    pinned = TrustAnchors.from_issuer_metadata(metadata(), issuer=ISSUER, **told)
    assert scope_in(pinned) == (KeyPurpose.CREDENTIAL, told | by_default)


@pytest.mark.parametrize("keys", [None, 5, key("a").public, [key("a")], [jwk("a")], [None]])
def test_pinned_keys_are_public_keys(keys: Any) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: TrustAnchors.from_keys(ISSUER, keys, **CREDENTIAL))


@pytest.mark.parametrize("other", [None, 5, (), "anchors", [trust(jwk("b"))]])
def test_anchors_are_joined_with_anchors(other: Any) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: trust(jwk("a")) | other)


# --- what an anchor may attest ---

STATES = sorted(us("US", "DE", "FR", "IT"), key=str)
COUNTRIES = st.lists(st.sampled_from(STATES), unique=True)
ALLOWED = st.none() | st.lists(st.sampled_from(STATES), unique=True, min_size=1)


@given(COUNTRIES, COUNTRIES, st.booleans(), ALLOWED)
def test_what_is_stated_of_countries_that_may_not_be_attested_is_as_if_it_were_not_there(
    nationalities: list[Country], citizenships: list[Country], complete: bool, of: list[Country] | None
) -> None:
    (anchor,) = trust(jwk("a"), countries=ANY if of is None else frozenset(of))
    stated = Citizenship(nationalities, citizenships, complete)
    found = anchor.proven(stated)
    may = [each for each in Country.all() if of is None or each in of]
    assert found.nationalities == tuple(each for each in nationalities if each in may)
    assert found.citizenships == tuple(each for each in citizenships if each in may)
    # Complete is a list that nothing was taken from.
    assert found.complete is (complete and {*nationalities, *citizenships} <= set(may))
    assert found != stated or found is stated


# --- the set as a value ---


def test_what_may_be_attested() -> None:
    (some,) = trust(jwk("a"), countries=us("US", "DE"))
    (any_,) = trust(jwk("a"), countries=ANY)
    assert [country.alpha2 for country in us("US", "DE", "FR") if some.may_attest(country)] == ["US", "DE"]
    assert all(map(any_.may_attest, Country.all()))


def test_anchors_are_an_immutable_value() -> None:
    one, two = trust(jwk("a", kid="1")), trust(jwk("b", kid="2"))
    both = one | two
    assert (len(one), len(two), len(both)) == (1, 1, 2)
    (anchor,) = one
    with pytest.raises(AttributeError):
        anchor.countries = ANY  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        one.extra = 1  # type: ignore[attr-defined]
    assert repr(both) == "<TrustAnchors of 2>"


def test_find_is_by_identity_and_every_part_of_an_anchor_changes_it() -> None:
    (base,) = trust(jwk("a", kid="1"))
    assert trust(jwk("a", kid="1")).find(base.fingerprint[:16]) == base
    changed = [
        trust(jwk("b", kid="1")),
        trust(jwk("a", kid="1"), issuer=ISSUER_B),
        trust(jwk("a", kid="1"), types=(VCT, "urn:x")),
        trust(jwk("a", kid="1"), countries=us()),
        trust(jwk("a", kid="1"), countries=us("DE")),
        trust(jwk("a", kid="1"), not_before=1),
        trust(jwk("a", kid="1"), not_after=NOW),
        trust(jwk("a", kid="1"), status_issuer=ISSUER_B),
        trust(jwk("a", kid="1")).requiring_status(),
        TrustAnchors.from_jwks(ISSUER, {"keys": [jwk("a", kid="1")]}, purpose=KeyPurpose.STATUS_LIST),
    ]
    for others in changed:
        assert others.find(base.fingerprint[:16]) is None
    fingerprints = {each.fingerprint for others in changed for each in others}
    assert len({each[:16] for each in fingerprints}) == len(changed) and all(len(each) == 32 for each in fingerprints)


def test_to_require_a_status_changes_the_anchors_of_credentials_and_nothing_else() -> None:
    lists = TrustAnchors.from_jwks(ISSUER, {"keys": [jwk("b", kid="2")]}, purpose=KeyPurpose.STATUS_LIST)
    both = trust(jwk("a", kid="1")) | lists
    stricter = both.requiring_status()
    assert [(each.purpose, each.status_required) for each in stricter] == [
        (KeyPurpose.CREDENTIAL, True),
        (KeyPurpose.STATUS_LIST, False),
    ]
    assert [replace(each, status_required=False) for each in stricter] == list(both)
    assert stricter.requiring_status() and list(stricter.requiring_status()) == list(stricter)
    assert not any(each.status_required for each in both)
    misused(Reason.ANCHOR_INVALID, lists.requiring_status)
    misused(Reason.ANCHOR_INVALID, TrustAnchors().requiring_status)


@pytest.mark.parametrize("length", [0, 1, 15, 17, 32])
def test_an_anchor_is_found_by_its_whole_identity_alone(length: int) -> None:
    anchors = trust(jwk("a", kid="1"))
    (anchor,) = anchors
    assert anchors.find(anchor.fingerprint[:length]) is None


@pytest.mark.parametrize("kind", [bytearray, memoryview, list, bytes.hex, lambda _: None, lambda _: {}, id])
def test_what_is_no_identity_finds_no_anchor(kind: Any) -> None:
    anchors = trust(jwk("a", kid="1"))
    (anchor,) = anchors
    assert anchors.find(anchor.fingerprint[:16]) is anchor
    assert anchors.find(kind(anchor.fingerprint[:16])) is None


def test_labels_with_the_same_letters_in_other_fields_differ() -> None:
    (one,) = trust(jwk("a"), types=("a", "b"))
    (other,) = trust(jwk("a"), types=('a","b',))
    assert one.fingerprint != other.fingerprint


def test_anchors_survive_a_copy() -> None:
    (anchor,) = trust(jwk("a", kid="1"))
    assert copy.copy(anchor) == anchor and type(copy.copy(anchor)) is TrustAnchor


def test_errors_of_resolution_are_verification_errors() -> None:
    for call in (
        lambda: resolve(TrustAnchors(), signed("1")),
        lambda: resolve(trust(jwk("a", kid="1"), not_after=5), signed("1")),
    ):
        with pytest.raises(VerificationError):
            call()


def test_an_hsm_key_is_pinned_by_its_public_half() -> None:
    public = PublicKey.from_jwk(dict(LocalKey.generate("ES384").public.to_jwk()))
    (anchor,) = TrustAnchors.from_keys(ISSUER, [public], **CREDENTIAL)
    assert anchor.key == public and anchor.kid is None
    misused(Reason.ANCHOR_INVALID, lambda: TrustAnchors.from_keys(ISSUER, [], **CREDENTIAL))


def test_an_anchor_of_no_key_or_of_two_is_none() -> None:
    """By hand alone: each of the ways to make anchors gives one of the two."""
    (keyed,) = anchors_for(key("issuer").public)
    (rooted,) = TrustAnchors.from_certificates(
        pem(certificate("root", "root", authority=True)), issuer="another", purpose=KeyPurpose.STATUS_LIST
    )
    assert len(TrustAnchors([keyed, rooted])) == 2
    for made in (replace(keyed, key=None), replace(rooted, root=None), replace(rooted, key=keyed.key)):
        with pytest.raises(CitizenIDError) as caught:
            TrustAnchors([made])
        assert (caught.value.reason, caught.value.where) == (Reason.ANCHOR_INVALID, "anchor")


def test_of_keys_that_are_all_of_another_kind_the_first_says_why() -> None:
    agrees = {"kty": "OKP", "crv": "X25519", "x": "A" * 43}
    for keys, reason in (
        ([{**agrees, "use": "enc"}, agrees], Reason.KEY_USE_FORBIDDEN),
        ([agrees, {**agrees, "use": "enc"}], Reason.KEY_INVALID),
    ):
        with pytest.raises(MalformedError) as caught:
            TrustAnchors.from_jwks(ISSUER, {"keys": keys}, purpose=KeyPurpose.STATUS_LIST)
        assert (caught.value.reason, caught.value.where) == (reason, "jwk")


def test_half_of_a_surrogate_pair_is_no_text_of_a_jwk_set() -> None:
    for text in ('{"keys": [], "\ud800": 1}', '{"keys": ["\udfff"]}', "\ud800"):
        with pytest.raises(MalformedError) as caught:
            TrustAnchors.from_jwks(ISSUER, text, purpose=KeyPurpose.STATUS_LIST)
        assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_JSON, "jwks")


def test_what_is_no_collection_of_anchors_is_named() -> None:
    for anchors in (None, 5, [None], ["anchor"]):
        with pytest.raises(CitizenIDError) as caught:
            TrustAnchors(anchors)  # type: ignore[arg-type]  # the misuse
        assert (caught.value.reason, caught.value.where) == (Reason.ANCHOR_INVALID, "anchors")
    for field in ("formats", "types", "countries"):
        scope: dict[str, Any] = {"formats": [Format.SD_JWT_VC], "types": [VCT], "countries": ANY, field: 5}
        with pytest.raises(CitizenIDError) as caught:
            TrustAnchors.from_keys(ISSUER, [key("issuer").public], purpose=KeyPurpose.CREDENTIAL, **scope)
        assert (caught.value.reason, caught.value.where) == (Reason.ANCHOR_INVALID, f"anchor.{field}")
