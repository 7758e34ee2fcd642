"""V1 to V9: which step refuses, that the first one wins, and that nothing else decides a verdict.

The tokens come from `builders.make`, which signs whatever a test asks for. What the single rules of the format are is
tested in `readers/test_sd_jwt_vc.py`; here it is keys, signatures, times, anchors, status,
caching and the sealed types.

Spec: specs/verification.md; DESIGN section 2 (laws 1 to 8, 11) and section 4; RFC 8725; RFC 7518 section 3.4; RFC 8032.
"""

from __future__ import annotations

import builtins
import copy
import dataclasses
import datetime
import hashlib
import hmac
import json
import logging
import os
import pickle
import random
import socket
import time
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import pytest
from builders import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    NOW,
    OTHER_INDEX,
    REVOKED_INDEX,
    STATUS_MEDIA_TYPE,
    STATUS_SIZE,
    STATUS_URI,
    SUSPENDED_INDEX,
    VALID_INDEX,
    VCT,
    accepted,
    anchors,
    anchors_for,
    base64url,
    bound,
    challenge,
    digest,
    disclosure,
    dump,
    good_payload,
    issuer_half,
    json_values,
    key,
    make,
    misused,
    names,
    person_claims,
    raises,
    refused,
    same,
    shared_statuses,
    status_anchors,
    status_claim,
    status_token,
    statuses,
    to_json,
    unbase64url,
    unreachable,
    us,
    verify,
)
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

import citizenid
from citizenid import (
    ANY,
    CitizenIDError,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    MalformedError,
    NeedStatusList,
    PublicKey,
    Reason,
    Serialization,
    Status,
    TrustAnchor,
    TrustAnchors,
    VerificationError,
    verifier,
)
from citizenid._readers import Reading
from citizenid.status import StatusStore
from citizenid.verifier import (
    VerifiedCredential,
    VerifiedPresentation,
    VerifiedStatusList,
    open_presentation,
    verify_credential,
    verify_each,
    verify_presentation,
    verify_status_list,
)

ALGORITHMS = ["ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]
GOOD = make()
ISSUER_B = "https://b.example"


def opened(data: bytes, **changes: Any) -> Any:
    (presentation,) = open_presentation(data, **{"format": Format.SD_JWT_VC, **changes})
    return presentation


def credential(data: bytes = GOOD, **changes: Any) -> VerifiedCredential:
    return verify_credential(opened(data), **{"anchors": anchors(), "now": NOW, **changes})


def trusting(signer: LocalKey, **changes: Any) -> TrustAnchors:
    return anchors_for(signer.public, **changes)


# --- the happy path ---


def test_a_good_presentation_passes_all_nine_steps() -> None:
    verified = accepted(GOOD)
    assert verified.attestation.issuer == ISSUER and verified.attestation.type == VCT
    assert verified.format is Format.SD_JWT_VC
    assert verified.status is Status.VALID
    assert verified.citizenship.nationalities == us("US")
    (anchor,) = anchors()
    assert verified.anchor == anchor


def test_the_three_functions_are_the_one() -> None:
    one = verify_presentation(credential(), challenge=challenge(), statuses=shared_statuses(), now=NOW)
    assert isinstance(one, VerifiedPresentation)
    assert one.attestation == accepted(GOOD).attestation


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_signs_for_issuer_and_holder(algorithm: str) -> None:
    issuer, holder = key("issuer", algorithm), key("holder", algorithm)
    payload = {"cnf": {"jwk": dict(holder.public.to_jwk())}}
    accepted(make(payload=payload, signer=issuer, kb_signer=holder), anchors=trusting(issuer))


@pytest.mark.parametrize("name", ["Ed25519", "EdDSA"])
def test_the_older_name_of_ed25519_means_the_same_key(name: str) -> None:
    issuer, holder = key("issuer", "Ed25519"), key("holder", "Ed25519")
    payload = {"cnf": {"jwk": dict(holder.public.to_jwk())}}
    data = make({"alg": name}, payload, signer=issuer, kb_header={"alg": name}, kb_signer=holder)
    accepted(data, anchors=trusting(issuer))


# --- algorithm confusion: the key decides, the header only selects ---


def mac_keys() -> dict[str, bytes]:
    public = key("issuer").public
    handle = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), b"\x04" + unbase64url(public.to_jwk()["x"]) + unbase64url(public.to_jwk()["y"])
    )
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    jwk = {**public.to_jwk(), "kid": "k1"}
    return {
        "PEM": handle.public_bytes(serialization.Encoding.PEM, spki),
        "DER": handle.public_bytes(serialization.Encoding.DER, spki),
        "JWK": dump(jwk),
        "JWKS": dump({"keys": [jwk]}),
        "x": unbase64url(jwk["x"]),
        "empty": b"",
    }


@pytest.mark.parametrize("name", ["PEM", "DER", "JWK", "JWKS", "x", "empty"])
@pytest.mark.parametrize("alg", ["HS256", "ES256", "ES384"])
def test_a_mac_with_the_public_key_is_no_signature(name: str, alg: str) -> None:
    def mac(data: bytes) -> bytes:
        return hmac.digest(mac_keys()[name], data, "sha256").ljust(64 if alg == "ES256" else 32, b"\0")

    reason, step = {
        "HS256": (Reason.ALGORITHM_NOT_ALLOWED, "V1"),
        "ES256": (Reason.SIGNATURE_INVALID, "V3"),
        "ES384": (Reason.ALGORITHM_MISMATCH, "V3"),
    }[alg]
    refused(make({"alg": alg}, sign=mac), reason, step)


@pytest.mark.parametrize("stated", ALGORITHMS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_algorithm_of_the_header_must_be_that_of_the_key(algorithm: str, stated: str) -> None:
    if algorithm == stated:
        return
    issuer = key("issuer", algorithm)
    refused(make({"alg": stated}, signer=issuer), Reason.ALGORITHM_MISMATCH, "V3", anchors=trusting(issuer))
    holder = key("holder", algorithm)
    payload = {"cnf": {"jwk": dict(holder.public.to_jwk())}}
    refused(make(payload=payload, kb_signer=holder, kb_header={"alg": stated}), Reason.ALGORITHM_MISMATCH, "V8")


def test_a_p256_signature_over_sha384_is_neither() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    issuer = LocalKey.from_pem(pem)

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA384())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    refused(make({"alg": "ES384"}, signer=issuer, sign=sign), Reason.ALGORITHM_MISMATCH, "V3", anchors=trusting(issuer))
    refused(make({"alg": "ES256"}, signer=issuer, sign=sign), Reason.SIGNATURE_INVALID, "V3", anchors=trusting(issuer))


# --- key injection: a key comes from the anchors alone ---


def test_the_kid_of_a_trusted_key_does_not_make_another_signature_good() -> None:
    refused(make(signer=key("attacker")), Reason.SIGNATURE_INVALID, "V3")


def test_a_key_trusted_for_another_issuer_does_not_sign_for_this_one() -> None:
    both = anchors() | trusting(key("b"), issuer=ISSUER_B, kid="kb")
    refused(make({"kid": "kb"}, signer=key("b")), Reason.ISSUER_MISMATCH, "V5", anchors=both)
    accepted(make({"kid": "kb"}, {"iss": ISSUER_B}, signer=key("b")), anchors=both, statuses=issuer_b_statuses())
    refused(make({"kid": "kb"}), Reason.SIGNATURE_INVALID, "V3", anchors=both)
    refused(make(payload={"iss": ISSUER_B}), Reason.ISSUER_MISMATCH, "V5", anchors=both)


def issuer_b_statuses() -> StatusStore:
    jwk = {**key("status").public.to_jwk(), "kid": "s1"}
    trust = TrustAnchors.from_jwks(ISSUER_B, {"keys": [jwk]}, purpose=KeyPurpose.STATUS_LIST)
    store = StatusStore(anchors=trust)
    store.ingest(STATUS_URI, status_token(), media_type=STATUS_MEDIA_TYPE, now=NOW)
    return store


@pytest.mark.parametrize("iss", [ISSUER + "/", ISSUER.upper(), "https://ID.example", ISSUER + ":443", "x", ISSUER_B])
def test_an_issuer_claim_equals_the_label_exactly(iss: str) -> None:
    refused(make(payload={"iss": iss}), Reason.ISSUER_MISMATCH, "V5")


def test_without_an_issuer_claim_the_label_stands() -> None:
    assert accepted(make(payload={"iss": ABSENT})).attestation.issuer == ISSUER


def test_a_status_key_signs_no_credential_and_a_credential_key_no_status_list() -> None:
    everything = anchors() | status_anchors()
    refused(make({"kid": "s1"}, signer=key("status")), Reason.KEY_UNKNOWN, "V2", anchors=everything)
    store = StatusStore(anchors=everything)
    token = status_token(header={"kid": "k1"}, signer=key("issuer"))
    raises(Reason.KEY_UNKNOWN, None, lambda: store.ingest(STATUS_URI, token, media_type=STATUS_MEDIA_TYPE, now=NOW))


def test_a_status_list_token_is_no_credential_and_the_reverse() -> None:
    refused(status_token() + b"~", Reason.KEY_UNKNOWN, "V2", anchors=anchors() | status_anchors())
    refused(make({"typ": "statuslist+jwt"}), Reason.TYP_MISMATCH, "V4")


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "k1' OR 1=1--", "%6b1", "k1\0", "K1", "k1 ", "", "\u03ba1", "k" * 255]
)
def test_a_kid_that_is_not_exactly_ours_selects_nothing(kid: str) -> None:
    assert refused(make({"kid": kid}), Reason.KEY_UNKNOWN, "V2").where == "issuer-jwt"


def test_nothing_is_opened_or_asked_to_find_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = [
        make({name: url})
        for name in ("jku", "x5u")
        for url in ("https://x.example/jwks", "file:///etc/passwd", "data:,x", "http://169.254.169.254/")
    ]
    unknown = make({"kid": "file:///etc/passwd"})
    with monkeypatch.context() as patch:
        for place, name in ((socket, "socket"), (socket, "getaddrinfo"), (builtins, "open"), (os, "open")):
            patch.setattr(place, name, unreachable)
        outcomes = [outcome(token) for token in (*tokens, unknown, GOOD)]
    assert {each[1:3] for each in outcomes[:-2]} == {(Reason.HEADER_FORBIDDEN, "V1")}
    assert outcomes[-2][1:3] == (Reason.KEY_UNKNOWN, "V2")
    assert outcomes[-1] == outcome(GOOD)


# --- signature encodings ---

N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def split(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


def test_a_der_signature_is_malformed() -> None:
    issuer = key("issuer")
    refused(make(sign=lambda data: encode_dss_signature(*split(issuer.sign(data)))), Reason.SIGNATURE_MALFORMED, "V3")
    holder = key("holder")
    refused(
        make(kb_sign=lambda data: encode_dss_signature(*split(holder.sign(data)))), Reason.SIGNATURE_MALFORMED, "V8"
    )


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (0, 0), (0, 1), (1, 0), (1, 1), (N256, N256), (N256, 1), (1, N256), (N256 + 1, 1), (1, N256 + 1), (P256, 1),
        (2**256 - 1, 2**256 - 1), (N256 - 1, N256 - 1), (P256 - N256, 1), (0, N256), (N256, 0),
    ],
)  # fmt: skip
def test_an_ecdsa_signature_outside_of_its_range_is_invalid(r: int, s: int) -> None:
    refused(make(sign=lambda _: raw(r, s)), Reason.SIGNATURE_INVALID, "V3")
    refused(make(kb_sign=lambda _: raw(r, s)), Reason.SIGNATURE_INVALID, "V8")


@pytest.mark.parametrize("which", ["r", "s"])
def test_an_ecdsa_signature_is_not_reduced(which: str) -> None:
    # r + n and s + n mean the same numbers modulo n; where they fit into 32 bytes they must not pass.
    issuer = key("issuer")

    def sign(data: bytes) -> bytes:
        while True:
            r, s = split(issuer.sign(data))
            r, s = (r + N256, s) if which == "r" else (r, s + N256)
            if max(r, s) < 2**256:
                return raw(r, s)
            return raw(min(r, 2**256 - 1), min(s, 2**256 - 1))

    refused(make(sign=sign), Reason.SIGNATURE_INVALID, "V3")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("change", [
    lambda text: text[:-1], lambda text: text + b"\0", lambda text: b"\0" + text, lambda text: text[1:],
    lambda text: text * 2, lambda text: text[: len(text) // 2], lambda _: b"\0", lambda text: text + text[:1],
])  # fmt: skip
def test_a_signature_has_exactly_the_length_of_its_algorithm(algorithm: str, change: Callable[[bytes], bytes]) -> None:
    issuer = key("issuer", algorithm)
    data = make(signer=issuer, sign=lambda text: change(issuer.sign(text)))
    refused(data, Reason.SIGNATURE_MALFORMED, "V3", anchors=trusting(issuer))
    holder = key("holder", algorithm)
    payload = {"cnf": {"jwk": dict(holder.public.to_jwk())}}
    data = make(payload=payload, kb_signer=holder, kb_sign=lambda text: change(holder.sign(text)))
    refused(data, Reason.SIGNATURE_MALFORMED, "V8")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_over_other_bytes_or_with_a_bit_changed_is_invalid(algorithm: str) -> None:
    issuer = key("issuer", algorithm)
    trusted = trusting(issuer)
    hostile: list[Callable[[bytes], bytes]] = [
        lambda data: issuer.sign(data + b"\0"),
        lambda data: issuer.sign(data[:-1]),
        lambda data: issuer.sign(b""),
        lambda data: issuer.sign(hashlib.sha256(data).digest()),
        lambda data: bytes(len(issuer.sign(data))),
        lambda data: b"\xff" * len(issuer.sign(data)),
        lambda data: key("attacker", algorithm).sign(data),
        lambda data: bytes(reversed(issuer.sign(data))),
    ]
    for bit in random.Random(7).sample(range(8 * len(issuer.sign(b""))), 12):
        hostile.append(lambda data, bit=bit: flipped(issuer.sign(data), bit))  # type: ignore[misc]
    for sign in hostile:
        refused(make(signer=issuer, sign=sign), Reason.SIGNATURE_INVALID, "V3", anchors=trusted)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_other_ecdsa_signature_of_the_same_key_is_no_other_attestation() -> None:
    # (r, n - s) verifies wherever (r, s) does; so the signature's bytes are no identity of anything.
    issuer = key("issuer")

    def negated(data: bytes) -> bytes:
        r, s = split(issuer.sign(data))
        return raw(r, N256 - s)

    one, other = accepted(make()), accepted(make(sign=negated))
    assert one.attestation == other.attestation and one.status is other.status


def test_the_signature_of_one_token_does_not_sign_another() -> None:
    one, other = make(payload={"x": 1}), make(payload={"x": 2})
    head, body, _ = one.split(b"~")[0].split(b".")
    swapped = b".".join((head, body, other.split(b"~")[0].split(b".")[2])) + b"~"
    refused(bound(swapped), Reason.SIGNATURE_INVALID, "V3")


# --- Ed25519 (RFC 8032 section 5.1.7, and the gate of libsodium) ---

L25519 = 2**252 + 27742317777372353535851937790883648493


def ed25519_world() -> tuple[LocalKey, dict[str, Any]]:
    issuer = key("issuer", "Ed25519")
    return issuer, {"anchors": trusting(issuer)}


@pytest.mark.parametrize("multiple", [1, 2, 8])
def test_an_ed25519_scalar_is_reduced(multiple: int) -> None:
    issuer, world = ed25519_world()

    def sign(data: bytes) -> bytes:
        signature = issuer.sign(data)
        s = int.from_bytes(signature[32:], "little") + multiple * L25519
        return signature[:32] + s.to_bytes(32, "little")

    refused(make(signer=issuer, sign=sign), Reason.SIGNATURE_INVALID, "V3", **world)


@pytest.mark.parametrize("r", [
    (1).to_bytes(32, "little"), (0).to_bytes(32, "little"), (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"), (2**255 - 18).to_bytes(32, "little"), b"\xff" * 32,
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
])  # fmt: skip
def test_an_ed25519_commitment_of_small_order_or_without_a_canonical_form_is_invalid(r: bytes) -> None:
    # With R = 0 the signer would choose S = k * a: recomputed here as its owner could.
    secret = key("issuer", "Ed25519").to_private_jwk()["d"]
    expanded = hashlib.sha512(unbase64url(secret)).digest()
    scalar = (int.from_bytes(expanded[:32], "little") & (2**254 - 8)) | 2**254
    issuer, world = ed25519_world()
    public = unbase64url(issuer.public.to_jwk()["x"])

    def sign(data: bytes) -> bytes:
        k = int.from_bytes(hashlib.sha512(r + public + data).digest(), "little") % L25519
        return r + (k * scalar % L25519).to_bytes(32, "little")

    refused(make(signer=issuer, sign=sign), Reason.SIGNATURE_INVALID, "V3", **world)


def test_a_holder_key_of_small_order_answers_for_nobody() -> None:
    identity = base64url((1).to_bytes(32, "little")).decode()
    payload = {"cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": identity}}}
    forged = (1).to_bytes(32, "little") + bytes(32)  # R the identity, S zero: good for any message where it is accepted
    data = make(payload=payload, kb_header={"alg": "EdDSA"}, kb_sign=lambda _: forged)
    refused(data, Reason.KEY_INVALID, "V4")


def test_a_holder_key_that_is_no_point_verifies_nothing() -> None:
    payload = {"cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": base64url((2).to_bytes(32, "little")).decode()}}}
    with pytest.raises(CitizenIDError) as caught:
        verify(
            make(payload=payload, kb_header={"alg": "EdDSA"}, kb_sign=lambda _: (2).to_bytes(32, "little") + bytes(32))
        )
    assert (caught.value.reason, caught.value.step) in (
        (Reason.KEY_INVALID, "V4"),
        (Reason.SIGNATURE_INVALID, "V8"),
    )


# --- V5: what the anchor lets its issuer attest ---


def test_the_type_must_be_one_of_the_anchor() -> None:
    for vct in ("urn:citizenid:citizenship:2", VCT.upper(), VCT + "/", VCT + " ", "urn:citizenid:citizenship"):
        refused(make(payload={"vct": vct}), Reason.TYPE_NOT_ALLOWED, "V5")
        accepted(make(payload={"vct": vct}), anchors=trusting(key("issuer"), types=(VCT, vct)))


def test_extends_and_other_names_of_the_type_give_no_authority() -> None:
    for claims in ({"extends": VCT}, {"aka_vcts": [VCT]}, {"vct#integrity": "sha256-x"}):
        refused(make(payload={"vct": "urn:other", **claims}), Reason.TYPE_NOT_ALLOWED, "V5")


def test_the_format_must_be_one_of_the_anchor() -> None:
    (anchor,) = anchors()
    other = dataclasses.replace(anchor, formats=frozenset())
    refused(GOOD, Reason.FORMAT_NOT_ALLOWED, "V5", anchors=TrustAnchors([other]))


def test_a_type_declared_outside_of_the_signature_must_be_the_signed_one() -> None:
    presentation = opened(GOOD)
    for declared, fits in ((VCT, True), ("urn:other", False), ("", False)):
        declaring = presentation._replace(declared_type=declared)
        call = lambda declaring=declaring: verify_credential(declaring, anchors=anchors(), now=NOW)  # noqa: E731
        if fits:
            call()
        else:
            raises(Reason.TYPE_NOT_ALLOWED, "V5", call)


@pytest.mark.parametrize(
    ("stated", "may", "proven"),
    [
        (["US"], ["US"], ["US"]), (["US", "DE"], ["US"], ["US"]), (["US", "DE"], ["DE", "US"], ["US", "DE"]),
        (["US"], ["DE"], None), (["US", "FR"], ["DE"], None), ([], ["DE"], []), (["QU"], ["DE"], []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["nationalities", "citizenships"])
def test_an_issuer_proves_the_citizenship_of_its_countries_alone(
    name: str, stated: list[str], may: list[str], proven: list[str] | None
) -> None:
    data = make(payload={"nationalities": ABSENT, name: stated})
    trust = trusting(key("issuer"), countries=us(*may))
    if proven is None:
        refused(data, Reason.COUNTRY_NOT_ALLOWED, "V5", anchors=trust)
        return
    verified = accepted(data, anchors=trust)
    assert [country.alpha2 for country in getattr(verified.citizenship, name)] == proven
    # What is stated of other countries stays visible: it counts against a rule that excludes.
    assert [c.alpha2 for c in getattr(verified.attestation.citizenship, name)] == [c for c in stated if c != "QU"]


def test_either_list_may_carry_the_country_that_the_anchor_may_attest() -> None:
    verified = accepted(
        make(payload={"nationalities": ["FR"], "citizenships": ["US"]}),
        anchors=trusting(key("issuer"), countries=us("US")),
    )
    assert verified.citizenship.nationalities == () and verified.citizenship.citizenships == us("US")
    data = make(payload={"nationalities": ["FR", "US"], "citizenships": ["US"], "nationalities_complete": True})
    verified = accepted(data, anchors=trusting(key("issuer"), countries=us("US")))
    assert verified.citizenship.nationalities == verified.citizenship.citizenships == us("US")
    assert verified.attestation.citizenship.complete and not verified.citizenship.complete


def test_a_credential_that_states_no_country_is_no_matter_of_countries() -> None:
    verified = accepted(make(payload={"nationalities": ABSENT}), anchors=trusting(key("issuer"), countries=us("DE")))
    assert verified.citizenship.all_nationalities == frozenset()


# --- V6: time ---


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW + 1}, None), ({"exp": NOW}, Reason.EXPIRED), ({"exp": NOW - 1}, Reason.EXPIRED),
        ({"nbf": NOW}, None), ({"nbf": NOW + 1}, Reason.NOT_YET_VALID),
        ({"iat": NOW + 30}, None), ({"iat": NOW + 31}, Reason.ISSUED_IN_FUTURE),
        ({"iat": NOW + 10_000, "nbf": NOW - 5}, Reason.ISSUED_IN_FUTURE),
        ({"iat": 0}, None), ({"iat": ABSENT}, None), ({"exp": 2**53 - 1}, None),
    ],
)  # fmt: skip
def test_the_window_is_half_open_and_the_skew_excuses_an_iat_alone(
    claims: dict[str, Any], reason: Reason | None
) -> None:
    if reason is None:
        accepted(make(payload=claims))
    else:
        refused(make(payload=claims), reason, "V6")


def test_the_skew_is_a_limit() -> None:
    accepted(make(payload={"iat": NOW}), limits=Limits(clock_skew_s=0))
    refused(make(payload={"iat": NOW + 1}), Reason.ISSUED_IN_FUTURE, "V6", limits=Limits(clock_skew_s=0))
    accepted(make(payload={"iat": NOW + 300}), limits=Limits(clock_skew_s=300))
    refused(make(payload={"exp": NOW}), Reason.EXPIRED, "V6", limits=Limits(clock_skew_s=300))
    refused(make(payload={"nbf": NOW + 1}), Reason.NOT_YET_VALID, "V6", limits=Limits(clock_skew_s=300))


@pytest.mark.parametrize(
    "skew", [-1, 301, 10**9, True, 1.0, float("nan"), float("inf"), "30", None, datetime.timedelta(0)]
)
def test_a_skew_that_is_no_small_number_of_seconds_is_refused(skew: Any) -> None:
    misused(Reason.CONFIGURATION_INVALID, lambda: Limits(clock_skew_s=skew))


@pytest.mark.parametrize("now", [
    None, True, False, 1.5, float(NOW), float("nan"), float("inf"), "now", str(NOW), -1, [NOW],
    datetime.datetime(2026, 1, 1), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),  # noqa: DTZ001  # naive on purpose
])  # fmt: skip
def test_now_is_an_integer_of_unix_seconds(now: Any) -> None:
    misused(Reason.CLOCK_UNUSABLE, lambda: verify(GOOD, now=now))
    misused(Reason.CLOCK_UNUSABLE, lambda: credential(now=now))
    verified = credential()
    misused(
        Reason.CLOCK_UNUSABLE,
        lambda: verify_presentation(verified, challenge=challenge(), statuses=shared_statuses(), now=now),
    )


def test_a_credential_ends_with_its_second_for_each_half_of_verification_alone() -> None:
    """`verify` asks twice, so that each question must be asked by itself to be seen."""
    end = NOW + 10
    data = make(payload={"exp": end}, kb={"iat": end})
    verified = credential(data, now=end - 1)
    raises(Reason.EXPIRED, "V6", lambda: credential(data, now=end))
    shown: dict[str, Any] = {"challenge": challenge(), "statuses": shared_statuses()}
    assert isinstance(verify_presentation(verified, **shown, now=end - 1), VerifiedPresentation)
    assert raises(Reason.EXPIRED, "V6", lambda: verify_presentation(verified, **shown, now=end)).where == "exp"


def test_a_credential_that_was_verified_later_does_not_count_before_it_begins() -> None:
    # Two questions with two times, of which the second is the earlier: it is not valid then, whoever has asked before.
    begins = NOW + 10
    verified = credential(make(payload={"nbf": begins}), now=begins)
    shown: dict[str, Any] = {"challenge": challenge(), "statuses": shared_statuses()}
    assert isinstance(verify_presentation(verified, **shown, now=begins), VerifiedPresentation)
    error = raises(Reason.NOT_YET_VALID, "V6", lambda: verify_presentation(verified, **shown, now=begins - 1))
    assert error.where == "nbf"


# --- V9: status ---


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (REVOKED_INDEX, Reason.REVOKED), (SUSPENDED_INDEX, Reason.SUSPENDED), (OTHER_INDEX, Reason.STATUS_NOT_VALID),
        (STATUS_SIZE, Reason.STATUS_INDEX_OUT_OF_RANGE), (2**32 - 1, Reason.STATUS_INDEX_OUT_OF_RANGE),
    ],
)  # fmt: skip
def test_every_status_but_valid_is_refused(index: int, reason: Reason) -> None:
    refused(make(payload={"status": status_claim(index)}), reason, "V9")


@pytest.mark.parametrize("value", range(1, 16))
def test_of_sixteen_status_values_zero_alone_is_valid(value: int) -> None:
    store = StatusStore(anchors=status_anchors())
    store.ingest(STATUS_URI, status_token({VALID_INDEX: value}), media_type=STATUS_MEDIA_TYPE, now=NOW)
    reason = {1: Reason.REVOKED, 2: Reason.SUSPENDED}.get(value, Reason.STATUS_NOT_VALID)
    refused(GOOD, reason, "V9", statuses=store)


@pytest.mark.parametrize("uri", ["https://id.example/status/2", STATUS_URI + "/", STATUS_URI.upper(), STATUS_URI + "?"])
def test_a_list_that_is_not_held_is_a_need_and_no_verdict(uri: str) -> None:
    need = verify(make(payload={"status": status_claim(VALID_INDEX, uri)}))
    assert need == NeedStatusList(uri, Reason.STATUS_LIST_UNAVAILABLE)


def test_a_stale_list_is_a_need_at_the_very_second() -> None:
    store = statuses()
    last = NOW + 43_200
    for now, fresh in ((last - 1, True), (last, False), (last + 1, False)):
        verdict = verify(make(kb={"iat": now}), now=now, statuses=store)
        assert isinstance(verdict, VerifiedPresentation) is fresh
        if not fresh:
            assert verdict == NeedStatusList(STATUS_URI, Reason.STATUS_LIST_STALE)


def test_a_stale_list_does_not_revoke_either() -> None:
    store = statuses()
    later = NOW + 43_200
    data = make(payload={"status": status_claim(REVOKED_INDEX)}, kb={"iat": later})
    assert isinstance(verify(data, now=later, statuses=store), NeedStatusList)


def test_the_list_of_another_issuer_under_the_same_uri_does_not_count() -> None:
    need = verify(GOOD, statuses=issuer_b_statuses())
    assert need == NeedStatusList(STATUS_URI, Reason.STATUS_LIST_UNAVAILABLE)
    accepted(GOOD, statuses=issuer_b_statuses(), anchors=trusting(key("issuer"), status_issuer=ISSUER_B))


@pytest.mark.parametrize("status_issuer", [ISSUER, ISSUER_B])
def test_the_lists_are_asked_for_those_of_the_issuer_whom_the_anchor_names(status_issuer: str) -> None:
    """By a certificate of its own a list may come only from somebody else than who issued the credential."""
    asked = []

    class Recording:
        def check(self, reference: Any, **arguments: Any) -> Status:
            asked.append((reference, arguments))
            return Status.VALID

    anchors = trusting(key("issuer"), status_issuer=status_issuer)
    verified = accepted(GOOD, statuses=Recording(), anchors=anchors)
    (reference,) = verified.attestation.status
    elsewhere = status_issuer != ISSUER
    assert asked == [(reference, {"issuer": status_issuer, "now": NOW, "any_certificate": elsewhere})]
    assert asked[0][1]["any_certificate"] is elsewhere


@pytest.mark.parametrize(
    ("claims", "short"),
    [
        ({"iat": NOW - 60, "exp": NOW - 60 + 86_400}, True),
        ({"iat": NOW - 60, "exp": NOW - 60 + 86_401}, False),
        ({"iat": ABSENT, "nbf": NOW - 60, "exp": NOW - 60 + 86_400}, False),  # issued, and perhaps lost, long before
        ({"iat": ABSENT, "nbf": NOW - 60, "exp": NOW - 60 + 86_401}, False),
        ({"iat": NOW - 100, "nbf": NOW - 60, "exp": NOW - 60 + 86_400}, False),  # the earlier of the two counts
        ({"iat": NOW - 60, "nbf": NOW - 100, "exp": NOW - 60 + 86_400}, False),
        ({"iat": ABSENT, "exp": NOW + 60}, False),  # nobody knows when it began
    ],
)  # fmt: skip
def test_only_a_credential_of_at_most_a_day_may_come_without_a_status(claims: dict[str, Any], short: bool) -> None:
    data = make(payload={"status": ABSENT, **claims})
    if short:
        assert accepted(data).status is None
        assert accepted(data, statuses=StatusStore(anchors=TrustAnchors())).status is None
    else:
        refused(data, Reason.STATUS_MISSING, "V9")


def test_an_anchor_may_forbid_even_that() -> None:
    anchors = trusting(key("issuer"))
    data = make(payload={"status": ABSENT, "exp": NOW + 60})
    accepted(data, anchors=anchors)
    refused(data, Reason.STATUS_MISSING, "V9", anchors=anchors.requiring_status())
    accepted(GOOD, anchors=anchors.requiring_status())


def test_what_a_source_of_lists_finds_malformed_is_met_at_the_last_step() -> None:
    class Malformed:
        def check(self, *_: Any, **__: Any) -> Status:
            raise MalformedError(Reason.MALFORMED_BASE64, "status-list")

    refused(GOOD, Reason.MALFORMED_BASE64, "V9", statuses=Malformed())


def test_a_short_life_does_not_excuse_a_status_that_is_there() -> None:
    claims = {"exp": NOW + 60, "status": status_claim(REVOKED_INDEX)}
    refused(make(payload=claims), Reason.REVOKED, "V9")


def test_the_day_without_a_status_is_a_limit() -> None:
    data = make(payload={"status": ABSENT, "exp": NOW + 60})
    refused(data, Reason.STATUS_MISSING, "V9", limits=Limits(unreferenced_validity_s=119))
    accepted(data, limits=Limits(unreferenced_validity_s=120))


# --- the first failing step wins ---

Violation = tuple[str, Reason, dict[str, Any]]


def garbage(data: bytes) -> bytes:
    return raw(5, 5)


VIOLATIONS: list[Violation] = [
    ("V1", Reason.MALFORMED_BASE64, {"after": lambda data: data + b"="}),
    ("V1", Reason.MALFORMED_TOKEN, {"after": lambda data: b"~" + data}),
    ("V1", Reason.ALGORITHM_NOT_ALLOWED, {"kb_header": {"alg": "none"}}),
    ("V1", Reason.CRIT_UNSUPPORTED, {"header": {"crit": ["x"]}}),
    ("V1", Reason.INPUT_TOO_LARGE, {"verify": {"limits": Limits(presentation_bytes=100)}}),
    ("V2", Reason.KEY_UNKNOWN, {"header": {"kid": "unknown"}}),
    ("V2", Reason.ANCHOR_EXPIRED, {"verify": {"anchors": "expired"}}),
    ("V2", Reason.ANCHOR_NOT_YET_VALID, {"verify": {"anchors": "future"}}),
    ("V3", Reason.SIGNATURE_INVALID, {"sign": garbage}),
    ("V3", Reason.SIGNATURE_MALFORMED, {"sign": lambda _: b"\0"}),
    ("V3", Reason.ALGORITHM_MISMATCH, {"header": {"alg": "ES384"}}),
    ("V4", Reason.COUNTRY_INVALID, {"payload": {"nationalities": ["XX"]}}),
    ("V4", Reason.TYP_MISMATCH, {"header": {"typ": "JWT"}}),
    ("V4", Reason.REDACTION_MALFORMED, {"payload": {"_sd": "x"}}),
    ("V4", Reason.DISCLOSURE_UNREFERENCED, {"disclosures": [disclosure("s", "a", 1)]}),
    ("V4", Reason.KEY_INVALID, {"payload": {"cnf": {"kid": "x"}}}),
    ("V5", Reason.TYPE_NOT_ALLOWED, {"payload": {"vct": "urn:other"}}),
    ("V5", Reason.ISSUER_MISMATCH, {"payload": {"iss": ISSUER_B}}),
    ("V6", Reason.EXPIRED, {"payload": {"exp": NOW}}),
    ("V6", Reason.NOT_YET_VALID, {"payload": {"nbf": NOW + 1}}),
    ("V6", Reason.ISSUED_IN_FUTURE, {"payload": {"iat": NOW + 31}}),
    ("V7", Reason.NONCE_MISMATCH, {"kb": {"nonce": "another nonce"}}),
    ("V7", Reason.SD_HASH_MISMATCH, {"kb": {"sd_hash": "x"}}),
    ("V7", Reason.KEY_BINDING_STALE, {"kb": {"iat": 5}}),
    ("V7", Reason.AUDIENCE_MISMATCH, {"verify": {"challenge": "other audience"}}),
    ("V8", Reason.SIGNATURE_INVALID, {"kb_sign": garbage}),
    ("V8", Reason.ALGORITHM_MISMATCH, {"kb_header": {"alg": "ES384"}}),
    ("V9", Reason.REVOKED, {"payload": {"status": status_claim(REVOKED_INDEX)}}),
    ("V9", Reason.STATUS_INDEX_OUT_OF_RANGE, {"payload": {"status": status_claim(STATUS_SIZE)}}),
]  # fmt: skip


def combine(*violations: Violation) -> tuple[bytes, dict[str, Any]]:
    """Make one presentation with several faults; later ones of the same member give way."""
    arguments: dict[str, Any] = {}
    after: list[Callable[[bytes], bytes]] = []
    how: dict[str, Any] = {}
    for _, _, parts in reversed(violations):
        for name, value in parts.items():
            if name == "after":
                after.append(value)
            elif name == "verify":
                how.update(value)
            elif isinstance(value, Mapping):
                arguments[name] = {**arguments.get(name, {}), **value}
            else:
                arguments[name] = value
    data = make(**arguments)
    for change in after:
        data = change(data)
    worlds = {
        "expired": trusting(key("issuer"), not_after=NOW),
        "future": trusting(key("issuer"), not_before=NOW + 1),
        "other audience": challenge(audience="https://other.example"),
    }
    return data, {name: worlds.get(value, value) if isinstance(value, str) else value for name, value in how.items()}


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda each: f"{each[0]}-{each[1]}")
def test_each_fault_alone_is_refused_at_its_step(violation: Violation) -> None:
    data, how = combine(violation)
    refused(data, violation[1], violation[0], **how)


@pytest.mark.parametrize("first", VIOLATIONS, ids=lambda each: f"{each[0]}-{each[1]}")
def test_of_two_faults_the_earlier_step_is_reported(first: Violation) -> None:
    for second in VIOLATIONS:
        if first[0] < second[0]:
            data, how = combine(first, second)
            refused(data, first[1], first[0], **how)


def test_of_any_number_of_faults_the_earliest_step_is_reported() -> None:
    one_each = [next(each for each in VIOLATIONS if each[0] == f"V{step}") for step in range(1, 10)]
    assert len({step for step, *_ in VIOLATIONS}) == 9
    for size in range(3, 10):
        for chosen in combinations(one_each, size):
            data, how = combine(*chosen)
            refused(data, chosen[0][1], chosen[0][0], **how)


def test_a_missing_list_is_asked_for_only_when_all_else_holds() -> None:
    elsewhere = {"status": status_claim(VALID_INDEX, "https://id.example/status/unknown")}
    for violation in VIOLATIONS:
        if violation[0] < "V9":
            need: Violation = ("V9", Reason.STATUS_LIST_UNAVAILABLE, {"payload": elsewhere})
            data, how = combine(violation, need)
            store = statuses()
            refused(data, violation[1], violation[0], **{"statuses": store, **how})
            assert store.due(NOW) == ()


# --- caching changes no verdict ---


class Cache(dict[bytes, Reading]):
    """The least that fits `IssuerHalfCache`, and a count of its hits."""

    hits = 0

    def get(self, key: bytes, default: Any = None, /) -> Any:
        self.hits += key in self
        return super().get(key, default)

    def put(self, key: bytes, value: Reading, /) -> None:
        self[key] = value


def outcome(data: bytes, **how: Any) -> Any:
    """What a call decides, in a form that can be compared."""
    try:
        verdict = verify(data, **how)
    except CitizenIDError as error:
        return type(error), error.reason, error.step, error.where
    if isinstance(verdict, NeedStatusList):
        return verdict
    return verdict.attestation, verdict.anchor, verdict.format, verdict.status, verdict.citizenship


def corpus() -> list[tuple[bytes, dict[str, Any]]]:
    text = disclosure("salt", "a", 1)
    good = [GOOD, make(payload={"_sd": [digest(text)]}, disclosures=[text]), make(payload={"_sd": [digest(text)]})]
    hostile = [combine(each) for each in VIOLATIONS]
    need = make(payload={"status": status_claim(1, "https://id.example/status/unknown")})
    return [(data, {}) for data in [*good, need]] + hostile


def test_with_an_empty_a_warm_and_no_cache_the_verdict_is_the_same() -> None:
    cache = Cache()
    for data, how in corpus():
        plain = outcome(data, **how)
        assert outcome(data, cache=cache, **how) == plain
        assert outcome(data, cache=cache, **how) == plain
        assert outcome(data, **how) == plain
    assert cache.hits > 5


@pytest.mark.parametrize("violation", [each for each in VIOLATIONS if each[0] < "V5"], ids=lambda each: each[1].value)
def test_what_is_refused_before_v5_leaves_nothing_in_the_cache(violation: Violation) -> None:
    cache = Cache()
    data, how = combine(violation)
    refused(data, violation[1], violation[0], cache=cache, **how)
    assert len(cache) == 0 and cache.hits == 0


def test_a_hit_skips_the_issuers_signature_and_nothing_of_the_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    verify_signature = verifier.verify_signature  # type: ignore[attr-defined]

    def counting(signed: Any, with_key: Any, where: str) -> None:
        seen.append(where)
        verify_signature(signed, with_key, where)

    monkeypatch.setattr(verifier, "verify_signature", counting)
    cache = Cache()
    accepted(GOOD, cache=cache)
    accepted(GOOD, cache=cache)
    assert seen == ["issuer-jwt", "kb-jwt", "kb-jwt"]
    for violation in VIOLATIONS:
        if violation[0] in ("V7", "V8"):
            data, how = combine(violation)
            refused(data, violation[1], violation[0], cache=cache, **how)


def test_an_issuers_half_of_the_greatest_size_is_cached_and_one_byte_more_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (opened,) = open_presentation(GOOD, format=Format.SD_JWT_VC)
    for most, entries in ((len(opened.issuer_half), 1), (len(opened.issuer_half) - 1, 0)):
        monkeypatch.setattr(verifier, "_CACHED_BYTES", most)
        cache = Cache()
        accepted(GOOD, cache=cache)
        assert len(cache) == entries


def test_on_a_hit_today_and_the_anchors_of_today_decide() -> None:
    cache = Cache()
    data = make(payload={"nationalities": ["US", "DE"]})
    accepted(data, cache=cache)
    later = NOW + 31 * 86_400
    issuer = key("issuer")
    cases: list[tuple[Reason, str, dict[str, Any]]] = [
        (Reason.EXPIRED, "V6", {"now": later}),
        (Reason.ISSUED_IN_FUTURE, "V6", {"now": NOW - 1_000}),
        (Reason.KEY_UNKNOWN, "V2", {"anchors": TrustAnchors()}),
        (Reason.KEY_UNKNOWN, "V2", {"anchors": trusting(issuer, kid="k2")}),
        (Reason.SIGNATURE_INVALID, "V3", {"anchors": trusting(key("attacker"))}),
        (Reason.ANCHOR_EXPIRED, "V2", {"anchors": trusting(issuer, not_after=NOW)}),
        (Reason.TYPE_NOT_ALLOWED, "V5", {"anchors": trusting(issuer, types=("urn:other",))}),
        (Reason.COUNTRY_NOT_ALLOWED, "V5", {"anchors": trusting(issuer, countries=us("FR"))}),
        (Reason.ISSUER_MISMATCH, "V5", {"anchors": trusting(issuer, issuer=ISSUER_B)}),
        (Reason.DEPTH_EXCEEDED, "V4", {"limits": Limits(depth=2)}),
        (Reason.INPUT_TOO_LARGE, "V1", {"limits": Limits(presentation_bytes=64)}),
        (Reason.NONCE_MISMATCH, "V7", {"challenge": challenge(nonce="another nonce")}),
    ]
    for reason, step, how in cases:
        refused(data, reason, step, cache=cache, **how)
        accepted(data, cache=cache)
    some = accepted(data, cache=cache, anchors=trusting(issuer, countries=us("DE")))
    assert some.citizenship.nationalities == us("DE")


def test_on_a_hit_evidence_of_the_future_is_noticed() -> None:
    cache = Cache()
    data = make(payload={"iat": ABSENT, "evidence_checked_at": NOW + 30})
    accepted(data, cache=cache)
    refused(data, Reason.ISSUED_IN_FUTURE, "V6", now=NOW - 1, cache=cache)
    tight = Limits(clock_skew_s=0)
    refused(data, Reason.ISSUED_IN_FUTURE, "V6", limits=tight, cache=cache)
    # What is compared with iat by V4 is another entry under other limits.
    data = make(payload={"evidence_checked_at": NOW - 30})
    accepted(data, cache=cache)
    refused(data, Reason.CLAIM_INVALID, "V4", limits=tight, cache=cache)
    accepted(data, cache=cache)


def test_on_a_hit_the_label_is_that_of_the_anchor_in_use() -> None:
    cache = Cache()
    data = make(payload={"iss": ABSENT})
    assert accepted(data, cache=cache).attestation.issuer == ISSUER
    renamed = trusting(key("issuer"), issuer=ISSUER_B, status_issuer=ISSUER)
    assert accepted(data, cache=cache, anchors=renamed).attestation.issuer == ISSUER_B


def test_on_a_hit_a_revocation_of_this_moment_counts() -> None:
    cache, store = Cache(), statuses()
    accepted(GOOD, cache=cache, statuses=store)
    revoked = status_token({VALID_INDEX: 1}, payload={"iat": NOW})
    store.ingest(STATUS_URI, revoked, media_type=STATUS_MEDIA_TYPE, now=NOW)
    refused(GOOD, Reason.REVOKED, "V9", cache=cache, statuses=store)


def test_the_entry_of_one_choice_of_disclosures_does_not_serve_another() -> None:
    texts = [disclosure("s", "a", 1), disclosure("s", "b", 2)]
    token = issuer_half(payload={"_sd": [digest(text) for text in texts]})
    cache = Cache()
    for chosen in ([], texts[:1], texts[1:], texts, texts[::-1]):
        half = token + b"".join(text + b"~" for text in chosen)
        claims = accepted(bound(half), cache=cache).attestation.claims
        assert {"a", "b"} & claims.keys() == {json.loads(unbase64url(text))[1] for text in chosen}
    refused(bound(token + texts[0] + b"~" + texts[0] + b"~"), Reason.DISCLOSURE_DUPLICATE, "V4", cache=cache)
    assert len(cache) == 5


def test_all_serialisations_of_one_credential_share_an_entry() -> None:
    cache = Cache()
    accepted(GOOD, cache=cache)
    accepted(to_json(GOOD), cache=cache, serialization=Serialization.FLATTENED)
    accepted(to_json(GOOD, general=True), cache=cache, serialization=Serialization.GENERAL)
    assert len(cache) == 1 and cache.hits == 2


def test_any_byte_of_the_issuer_half_makes_another_key() -> None:
    cache = Cache()
    accepted(GOOD, cache=cache)
    half, binding = GOOD.rsplit(b"~", 1)
    for position in random.Random(3).sample(range(len(half)), 60):
        changed = half[:position] + (b"A" if half[position : position + 1] != b"A" else b"B") + half[position + 1 :]
        with pytest.raises(CitizenIDError):
            verify(changed + b"~" + binding, cache=cache)
    assert len(cache) == 1 and cache.hits == 0


def test_what_a_cache_returns_of_another_credential_is_a_miss() -> None:
    # A store that cuts its keys, or folds their case: what it says under one key was put under another.
    class Mixed(Cache):
        def get(self, key: bytes, default: Any = None, /) -> Any:
            return super().get(next(iter(self), key), default)

    cache = Mixed()
    accepted(GOOD, cache=cache)
    french = make(payload={"nationalities": ["FR"]})
    assert accepted(french, cache=cache).citizenship.nationalities == us("FR")
    refused(make(signer=key("attacker")), Reason.SIGNATURE_INVALID, "V3", cache=cache)
    refused(GOOD, Reason.DEPTH_EXCEEDED, "V4", cache=cache, limits=Limits(depth=2))
    assert accepted(GOOD, cache=cache).citizenship.nationalities == us("US")
    assert cache.hits == 4


@pytest.mark.parametrize(
    "found", [True, False, 0, 1, "allowed", b"", b"\x80\x04N.", (), [], {}, object(), Reason.EXPIRED]
)
def test_what_a_cache_returns_that_is_no_reading_is_a_miss(found: Any) -> None:
    # A store that was changed, or mistaken for another: it neither lets through nor makes verification fail.
    class Changed:
        def get(self, key: bytes, /) -> Any:
            return found

        def put(self, key: bytes, value: Reading, /) -> None:
            pass

    accepted(GOOD, cache=Changed())
    refused(make(signer=key("attacker")), Reason.SIGNATURE_INVALID, "V3", cache=Changed())


@pytest.mark.parametrize(
    "failure", [TimeoutError("late"), KeyError("x"), VerificationError(Reason.REVOKED, "status"), MemoryError()]
)
@pytest.mark.parametrize("fails", ["get", "put"])
def test_a_cache_that_fails_is_a_miss_and_decides_nothing(fails: str, failure: Exception) -> None:
    class Failing(Cache):
        def get(self, key: bytes, default: Any = None, /) -> Any:
            if fails == "get":
                raise failure
            return super().get(key, default)

        def put(self, key: bytes, value: Reading, /) -> None:
            if fails == "put":
                raise failure
            super().put(key, value)

    cache = Failing()
    for _ in range(2):
        accepted(GOOD, cache=cache)
        refused(make(signer=key("attacker")), Reason.SIGNATURE_INVALID, "V3", cache=cache)
    assert len(cache) == (fails == "get")


def test_keys_of_the_cache_are_digests() -> None:
    cache = Cache()
    accepted(GOOD, cache=cache)
    assert all(type(each) is bytes and len(each) == 32 for each in cache)


# --- nothing but the arguments decides ---


def test_the_same_call_gives_the_same_result_without_clock_and_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = corpus()
    before = [outcome(data, **how) for data, how in cases]
    random.Random(1).shuffle(cases)
    random.Random(1).shuffle(before)
    with monkeypatch.context() as patch:  # undone before pytest itself looks at the clock again
        for module, name in (
            (time, "time"),
            (time, "time_ns"),
            (time, "monotonic"),
            (os, "urandom"),
            (random, "random"),
        ):
            patch.setattr(module, name, unreachable)
        patch.setattr(os, "environ", None)
        after = [[outcome(data, **how) for data, how in cases] for _ in range(2)]
    assert after == [before, before]


def test_verification_changes_none_of_its_arguments() -> None:
    presentation = opened(GOOD)
    parts = copy.deepcopy(presentation[2:4])
    one = verify_credential(presentation, anchors=anchors(), now=NOW)
    two = verify_credential(presentation, anchors=anchors(), now=NOW)
    assert one.attestation == two.attestation and presentation[2:4] == parts


@pytest.mark.parametrize("name", ["format", "anchors", "challenge", "statuses", "now"])
def test_everything_that_decides_must_be_given(name: str) -> None:
    arguments: dict[str, Any] = {
        "format": Format.SD_JWT_VC, "anchors": anchors(), "challenge": challenge(), "statuses": shared_statuses(),
        "now": NOW,
    }  # fmt: skip
    del arguments[name]
    with pytest.raises(TypeError):
        verifier.verify(GOOD, **arguments)
    with pytest.raises(TypeError):
        verify_each(GOOD, **arguments)
    with pytest.raises(TypeError):
        verifier.verify(GOOD, Format.SD_JWT_VC, anchors(), challenge(), shared_statuses(), NOW)  # type: ignore[misc]


def test_no_argument_switches_a_check_off() -> None:
    for name in ("verify", "strict", "options", "leeway", "algorithms", "require_kb", "allow_unsigned"):
        with pytest.raises(TypeError):
            verify(GOOD, **{name: False})


@pytest.mark.parametrize("serialization", ["compact", "flattened", "general", None, 0, True])
def test_a_serialization_that_is_none_is_loud_and_not_another_one(serialization: Any) -> None:
    for data in (GOOD, to_json(GOOD), to_json(GOOD, general=True)):
        with pytest.raises((CitizenIDError, TypeError, ValueError)):
            verify(data, serialization=serialization)


@pytest.mark.parametrize("format", ["mso-mdoc", "vc+sd-jwt", "", None, 5, {}, "dc+sd-jwt", "mso_mdoc", "sd-cwt"])
def test_a_format_that_is_none_is_loud(format: Any) -> None:
    # The text of a member equals it, and is none: what is a format is told by its type.
    with pytest.raises(CitizenIDError) as caught:
        verify(GOOD, format=format)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "format")


def test_no_public_function_gives_claims_of_what_is_not_verified() -> None:
    presentation = opened(GOOD)
    texts = {name for name in dir(presentation) if not name.startswith("_")} - set(dir(()))
    assert texts == {"format", "credential", "disclosures", "issuer_half", "binding", "declared_type", "namespaces"}
    assert not any(hasattr(presentation, name) for name in ("claims", "attestation", "citizenship", "payload"))
    misused(
        Reason.CONFIGURATION_INVALID,
        lambda: verify_presentation(presentation, challenge=challenge(), statuses=shared_statuses(), now=NOW),  # type: ignore[arg-type]  # the misuse
    )


# --- verify_each ---


def test_each_document_has_a_verdict_and_a_framing_fault_refuses_all() -> None:
    world: dict[str, Any] = {
        "format": Format.SD_JWT_VC, "anchors": anchors(), "challenge": challenge(), "statuses": shared_statuses(),
        "now": NOW,
    }  # fmt: skip
    (verdict,) = verify_each(GOOD, **world)
    assert isinstance(verdict, VerifiedPresentation)
    (verdict,) = verify_each(make(payload={"exp": NOW}), **world)
    assert isinstance(verdict, VerificationError) and verdict.reason is Reason.EXPIRED
    (verdict,) = verify_each(make(payload={"cnf": 5}), **world)
    assert isinstance(verdict, MalformedError) and (verdict.reason, verdict.step) == (Reason.KEY_INVALID, "V4")
    (verdict,) = verify_each(make(payload={"status": status_claim(1, "https://x.example")}), **world)
    assert isinstance(verdict, NeedStatusList)
    raises(Reason.MALFORMED_TOKEN, "V1", lambda: verify_each(b"", **world))
    for data, form in ((to_json(GOOD), Serialization.FLATTENED), (to_json(GOOD, general=True), Serialization.GENERAL)):
        (verdict,) = verify_each(data, serialization=form, **world)
        assert isinstance(verdict, VerifiedPresentation)
        raises(Reason.MALFORMED_TOKEN, "V1", lambda data=data: verify_each(data, **world))
    for changes, limits, reason in (
        ({"iat": NOW + 1}, Limits(clock_skew_s=0), Reason.ISSUED_IN_FUTURE),
        ({"status": ABSENT, "exp": NOW + 60}, Limits(unreferenced_validity_s=119), Reason.STATUS_MISSING),
    ):
        assert isinstance(verify_each(make(payload=changes), **world)[0], VerifiedPresentation)
        (verdict,) = verify_each(make(payload=changes), limits=limits, **world)
        assert isinstance(verdict, VerificationError) and verdict.reason is reason


def test_two_documents_are_no_presentation(monkeypatch: pytest.MonkeyPatch) -> None:
    presentation = opened(GOOD)
    for several in ((), (presentation, presentation)):
        monkeypatch.setattr(verifier, "open_presentation", lambda *_, several=several, **__: several)
        assert refused(GOOD, Reason.LIMIT_EXCEEDED, "V1").where == "documents"


# --- verified objects ---


def status_list() -> VerifiedStatusList:
    return verify_status_list(
        status_token(), uri=STATUS_URI, media_type=STATUS_MEDIA_TYPE, anchors=status_anchors(), now=NOW
    )


SEALED: list[tuple[type, Callable[[], Any]]] = [
    (VerifiedCredential, credential),
    (VerifiedPresentation, lambda: accepted(GOOD)),
    (VerifiedStatusList, status_list),
]
sealed = pytest.mark.parametrize(("cls", "made"), SEALED, ids=[cls.__name__ for cls, _ in SEALED])


@sealed
def test_a_verified_object_is_made_by_verification_alone(cls: Any, made: Callable[[], Any]) -> None:
    instance = made()
    values = {each.name: getattr(instance, each.name) for each in dataclasses.fields(instance)}
    with pytest.raises(TypeError):
        cls(**values)
    for seal in (None, object(), True, 0, "", instance, cls, verifier):
        with pytest.raises(TypeError):
            cls(**values, seal=seal)
        with pytest.raises(TypeError):
            cls(*values.values(), seal)


@sealed
def test_a_verified_object_cannot_be_copied_or_changed_on_the_way(cls: Any, made: Callable[[], Any]) -> None:
    instance = made()
    name = dataclasses.fields(instance)[0].name
    for call in (
        lambda: copy.copy(instance),
        lambda: copy.deepcopy(instance),
        lambda: dataclasses.replace(instance),
        lambda: dataclasses.replace(instance, **{name: None}),
        lambda: dataclasses.replace(instance, seal=object()),
        lambda: instance.__reduce_ex__(2),
        lambda: instance.__reduce__(),
        lambda: instance.__getstate__(),
        lambda: instance.__setstate__([None] * 9),
        lambda: cls.__setstate__(object.__new__(cls), [None] * 9),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
    said = f"^{cls.__name__} is made by verification alone; it is not copied or pickled$"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match=said):
            pickle.dumps(instance, protocol)


@sealed
def test_a_verified_object_has_no_subclass(cls: Any, made: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match=rf"^{cls.__name__} is final$"):
        type("Sub", (cls,), {})
    with pytest.raises(TypeError, match=rf"^{cls.__name__} is final$"):

        class Sub(cls):  # type: ignore[misc]
            pass

    with pytest.raises(TypeError):
        type("Sub", (cls,), {"__init_subclass__": classmethod(lambda *_: None)})


@sealed
def test_a_verified_object_is_frozen_and_has_no_room_for_more(cls: Any, made: Callable[[], Any]) -> None:
    instance = made()
    for each in dataclasses.fields(instance):
        with pytest.raises((AttributeError, TypeError)):
            setattr(instance, each.name, None)
        with pytest.raises((AttributeError, TypeError)):
            delattr(instance, each.name)
    with pytest.raises((AttributeError, TypeError)):
        instance.extra = 1
    with pytest.raises(TypeError):
        vars(instance)
    assert not hasattr(instance, "seal")


@sealed
def test_a_verified_object_has_no_truth_value(cls: Any, made: Callable[[], Any]) -> None:
    instance = made()
    with pytest.raises(TypeError, match=r"^a result has no truth value; test for the result you want$"):
        bool(instance)
    with pytest.raises(TypeError):
        _ = not instance


@sealed
def test_a_verified_object_equals_itself_alone(cls: Any, made: Callable[[], Any]) -> None:
    one, other = made(), made()
    assert one == one and one != other


@sealed
def test_the_repr_of_a_verified_object_tells_nothing(cls: Any, made: Callable[[], Any]) -> None:
    text = repr(made())
    for secret in ("US", ISSUER, STATUS_URI, VCT, "nationalities", str(NOW)):
        assert secret not in text
    assert repr(made())[:12] == text[:12]


def test_an_empty_shell_has_no_claims() -> None:
    # object.__new__ is beyond what Python can refuse; what it makes has nothing in it.
    for cls, _ in SEALED:
        shell = object.__new__(cls)
        for each in dataclasses.fields(cls):
            with pytest.raises(AttributeError):
                getattr(shell, each.name)


def test_needs_and_statuses_have_no_truth_value() -> None:
    for value in (NeedStatusList(STATUS_URI), *Status):
        with pytest.raises(TypeError):
            bool(value)


@given(claims=person_claims)
def test_the_claims_of_a_verified_object_are_frozen_deeply(claims: dict[str, Any]) -> None:
    attestation = accepted(make(payload=claims)).attestation

    def check(value: Any) -> None:
        assert not isinstance(value, dict | list | set | bytearray)
        if isinstance(value, Mapping):
            with pytest.raises(TypeError):
                value["new"] = 1  # type: ignore[index]
            for item in value.values():
                check(item)
        elif isinstance(value, tuple):
            for item in value:
                check(item)

    check(attestation.claims)
    with pytest.raises((AttributeError, TypeError)):
        attestation.claims = {}  # type: ignore[misc]
    assert same(attestation.claims, {**claims, "nationalities": ["US"]})


# --- any change of a byte ---

TEXTS = [disclosure("salt-1", "given_name", "Ada"), disclosure("salt-2", "DE")]
RICH = make(
    payload={"nationalities": ["US", {"...": digest(TEXTS[1])}], "_sd": [digest(TEXTS[0]), "decoy"]}, disclosures=TEXTS
)


@given(bit=st.integers(0, 8 * len(RICH) - 1))
def test_every_single_bit_of_a_compact_presentation_counts(bit: int) -> None:
    # No exception: each byte is signed, digested, compared, or a separator.
    with pytest.raises((MalformedError, VerificationError)):
        verify(flipped(RICH, bit))


@given(position=st.integers(0, len(RICH)), piece=st.binary(max_size=3), gone=st.integers(0, 3))
def test_every_insertion_deletion_and_replacement_counts(position: int, piece: bytes, gone: int) -> None:
    changed = RICH[:position] + piece + RICH[position + gone :]
    if changed != RICH:
        with pytest.raises((MalformedError, VerificationError)):
            verify(changed)


@given(general=st.booleans(), position=st.integers(0, 10_000), byte=st.integers(0, 255), insert=st.booleans())
def test_a_change_in_a_json_form_is_refused_or_changes_nothing_that_is_signed(
    general: bool, position: int, byte: int, insert: bool
) -> None:
    # What may change is the envelope alone: white space, the order of members, and names that nobody reads. The signed
    # parts, the disclosures and the key binding are then byte for byte the same.
    serialization = Serialization.GENERAL if general else Serialization.FLATTENED
    data = to_json(RICH, general=general, comment="an unprotected member that nobody reads")
    position %= len(data)
    changed = data[:position] + bytes([byte]) + data[position + (not insert) :]
    try:
        verified = accepted(changed, serialization=serialization)
    except (MalformedError, VerificationError):
        return
    assert opened(changed, serialization=serialization) == opened(data, serialization=serialization)
    assert verified.attestation == accepted(RICH).attestation


@given(data=st.binary(max_size=200) | st.text(max_size=200))
def test_any_input_is_refused_in_our_own_words(data: bytes | str) -> None:
    for form in Serialization:
        with pytest.raises((MalformedError, VerificationError)) as caught:
            verify(data, serialization=form)
        assert caught.value.step == "V1"


@given(header=st.dictionaries(names, json_values, max_size=3), payload=json_values, kb=json_values)
def test_any_signed_json_is_refused_in_our_own_words(header: dict[str, Any], payload: Any, kb: Any) -> None:
    with pytest.raises((MalformedError, VerificationError)):
        verify(make(header, dump(payload), kb=dump(kb)))


@given(
    name=st.sampled_from([*good_payload(), "nbf", "aud", "assurance", "_sd", "_sd_alg", "...", "citizenships",
                          "nationalities_complete", "aka_vcts", "vct#integrity", "sub"]),
    value=json_values,
)  # fmt: skip
def test_any_value_in_any_claim_is_taken_or_refused_in_our_own_words(name: str, value: Any) -> None:
    try:
        verify(make(payload={name: value}))
    except (MalformedError, VerificationError) as error:
        assert error.step in {f"V{step}" for step in range(1, 10)}


@given(name=st.sampled_from(["iat", "aud", "nonce", "sd_hash", "exp", "nbf", "jti", "x"]), value=json_values)
def test_any_value_in_any_claim_of_the_key_binding_likewise(name: str, value: Any) -> None:
    try:
        verify(make(kb={name: value}))
    except (MalformedError, VerificationError) as error:
        assert error.step == "V7"


# --- nothing personal leaks ---

MARK = "m4rker-of-a-person"


def marked(**changes: Any) -> dict[str, Any]:
    """Arguments of `make` with the marker in every part that the rules leave free."""
    text = disclosure(MARK, MARK + "-hidden", {MARK: [MARK]})
    payload: dict[str, Any] = {
        MARK: MARK, "given_name": MARK, "sub": MARK, "address": {"street": [MARK]}, "_sd": [digest(text), MARK],
    }  # fmt: skip
    arguments: dict[str, Any] = {
        "header": {MARK: MARK, "cty": MARK},
        "payload": payload,
        "disclosures": [text],
        "kb": {MARK: MARK, "jti": MARK},
        "kb_header": {"kid": MARK, MARK: MARK},
    }
    for name, value in changes.items():
        if isinstance(value, Mapping) and isinstance(arguments.get(name), dict):
            arguments[name] = {**arguments[name], **value}
        elif name == "disclosures":
            arguments[name] = [*arguments[name], *value]
        else:
            arguments[name] = value
    return arguments


HOSTILE_VALUES: list[dict[str, Any]] = [
    *[{"header": {name: MARK}} for name in ("kid", "typ", "alg", "jku", "x5u", "jwk", "crit", "b64", "x5c")],
    *[{"header": {name: [MARK]}} for name in ("kid", "typ", "alg", "x5c")],
    *[{"header": {"x5c": [value]}} for value in ("AAAA", base64url(MARK.encode()).decode())],
    *[{"payload": {name: MARK}} for name in ("iss", "vct", "exp", "nbf", "iat", "cnf", "status", "aud", "assurance",
    "_sd",
                                             "_sd_alg", "...", "nationalities", "nationalities_complete")],
    *[{"payload": {name: [MARK]}} for name in ("iss", "vct", "exp", "cnf", "status", "nationalities", "citizenships")],
    *[{"payload": {name: {MARK: MARK}}} for name in ("iss", "cnf", "status", "assurance", "nationalities", "_sd")],
    {"payload": {"cnf": {"jwk": {"kty": MARK}}}}, {"payload": {"cnf": {"jwk": {"kty": "EC", "crv": "P-256", "x": MARK,
    "y": MARK}}}},
    {"payload": {"status": {"status_list": {"idx": MARK, "uri": MARK}}}},
    {"payload": {"status": {"status_list": {"idx": STATUS_SIZE, "uri": STATUS_URI}}}},
    {"payload": {"nationalities": [MARK, "US"]}}, {"payload": {"x": {"...": MARK}}}, {"payload": {"x": [{"...": MARK,
    "y": 1}]}},
    {"payload": dump({MARK: 1}).replace(b"}", b',"' + MARK.encode() + b'":2}')},  # a duplicate member
    {"payload": b'{"' + MARK.encode() + b'":NaN}'}, {"payload": MARK.encode()},
    {"payload": b'"' + MARK.encode() + b'"'},
    {"payload": MARK.encode() + b"\xff"}, {"payload": b'{"' + MARK.encode() + b'":' + b"[" * 99},
    {"header": dump({MARK: 1}).replace(b"}", b',"' + MARK.encode() + b'":2}')}, {"header": MARK.encode()},
    {"disclosures": [MARK.encode()]}, {"disclosures": [disclosure(MARK)]}, {"disclosures": [disclosure(MARK, MARK, 2)]},
    {"disclosures": [disclosure("s", "_sd", MARK)]}, {"disclosures": [base64url(b'["' + MARK.encode() + b'",')]},
    {"disclosures": [disclosure(MARK, MARK + "-hidden", {MARK: [MARK]})]},
    *[{"kb": {name: MARK}} for name in ("nonce", "aud", "sd_hash", "iat", "exp", "nbf")],
    *[{"kb": {name: [MARK]}} for name in ("nonce", "aud", "sd_hash", "iat")],
    {"kb": MARK.encode()}, {"kb": b'{"' + MARK.encode() + b'":1,"' + MARK.encode() + b'":2}'},
    *[{"kb_header": {name: MARK}} for name in ("typ", "alg", "jku", "jwk", "crit")], {"kb_header": {"kid": [MARK]}},
    *[{name: value for name, value in parts.items() if name not in ("after", "verify")} for _, _, parts in VIOLATIONS
      if not {"after", "verify"} & parts.keys()],
]  # fmt: skip


def leaks(error: BaseException, mark: str = MARK) -> list[str]:
    """Where the marker, or its encoding, shows in what a program would log of an error."""
    found = []
    secrets = [mark, base64url(mark.encode()).decode()[:-2], mark.encode().hex()]
    texts = {"str": str(error), "repr": repr(error), "args": repr(error.args), "vars": repr(vars(error))}
    for name in ("__cause__", "__context__"):
        inner = getattr(error, name)
        texts[name] = "" if inner is None else f"something: {inner!r} {mark}"
    texts["notes"] = repr(getattr(error, "__notes__", ""))
    for name, text in texts.items():
        found.extend(name for secret in secrets if secret in text)
    return found


@pytest.mark.parametrize("changes", HOSTILE_VALUES, ids=range(len(HOSTILE_VALUES)))
def test_no_error_tells_anything_of_the_input(changes: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    data = make(**marked(**changes))
    for arguments in ({}, {"cache": Cache()}):
        with pytest.raises(CitizenIDError) as caught:
            verify(data, **arguments)
        assert leaks(caught.value) == []
    for general in (False, True):
        serialization = Serialization.GENERAL if general else Serialization.FLATTENED
        with pytest.raises(CitizenIDError) as caught:
            verify(to_json(data.replace(b"\xff", b""), general=general), serialization=serialization)
        assert leaks(caught.value) == []
    assert caplog.records == []


def test_the_marked_token_itself_is_good() -> None:
    # Otherwise the test above would see one error over and over.
    assert accepted(make(**marked())).attestation.claims["given_name"] == MARK


def test_a_broken_envelope_leaks_nothing() -> None:
    for data in (
        MARK,
        MARK + "~",
        f'{{"{MARK}":1,"{MARK}":2}}',
        f'{{"payload":"{MARK}"',
        f"{MARK}.{MARK}.{MARK}~",
        MARK + "\ud800",
    ):
        for form in Serialization:
            with pytest.raises(CitizenIDError) as caught:
                verify(data, serialization=form)
            assert leaks(caught.value) == []


def test_configuration_errors_leak_nothing() -> None:
    jwk = {"kty": "EC", "crv": "P-256", "x": MARK, "y": MARK, "kid": MARK, "d": MARK}
    scope: dict[str, Any] = {"formats": (Format.SD_JWT_VC,), "types": (VCT,), "countries": ANY}
    calls: list[Callable[[], object]] = [
        lambda: PublicKey.from_jwk(jwk),
        lambda: LocalKey.from_jwk(jwk),
        lambda: PublicKey.from_pem(MARK),
        lambda: LocalKey.from_pem(MARK, password=MARK.encode()),
        lambda: TrustAnchors.from_jwks(MARK, {"keys": [jwk]}, purpose=KeyPurpose.CREDENTIAL, **scope),
        lambda: TrustAnchors.from_jwks(MARK, f'{{"{MARK}":1,"{MARK}":2}}', purpose=KeyPurpose.CREDENTIAL, **scope),
        lambda: TrustAnchors.from_certificates(MARK, issuer=MARK, purpose=KeyPurpose.CREDENTIAL, **scope),
        lambda: TrustAnchors.from_issuer_metadata(MARK, issuer="https://x.example", **scope),
        lambda: TrustAnchors.from_issuer_metadata("{}", issuer=MARK, **scope),
        lambda: citizenid.Country(MARK),
        lambda: citizenid.Country.parse(MARK),
        lambda: citizenid.Challenge.from_text(MARK),
        lambda: citizenid.Citizenship([MARK]),
    ]
    for call in calls:
        with pytest.raises(CitizenIDError) as caught:
            call()
        assert leaks(caught.value) == []


def test_the_repr_of_what_holds_a_secret_or_a_person_tells_nothing() -> None:
    data = make(**marked())
    presentation = opened(data)
    verified = credential(data)
    secret = LocalKey.generate("Ed25519")
    values = [
        presentation, presentation.credential, presentation.binding, presentation.credential.key_hint,
        verified, verified.attestation, verified._reading, accepted(data), secret, secret.public, anchors(),
        shared_statuses(),
    ]  # fmt: skip
    for value in values:
        text = repr(value)
        for private in (MARK, base64url(MARK.encode()).decode()[:-2], secret.to_private_jwk()["d"], "'US'"):
            assert private not in text, type(value).__name__


def test_a_private_key_is_neither_copied_nor_pickled() -> None:
    for algorithm in ("ES256", "Ed25519", "ML-DSA-44"):
        private = key("holder", algorithm)
        for call in (lambda p=private: copy.copy(p), lambda p=private: copy.deepcopy(p), lambda p=private: vars(p)):
            with pytest.raises(TypeError):
                call()
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError):
                pickle.dumps(private, protocol)


def test_an_error_can_be_pickled_and_says_the_same() -> None:
    error = refused(make(payload={"exp": NOW}), Reason.EXPIRED, "V6")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert (again.reason, again.where, str(again)) == (error.reason, error.where, str(error))
    assert again.step == error.step


def test_every_step_that_refuses_names_itself() -> None:
    for step, reason, parts in VIOLATIONS:
        data, how = combine((step, reason, parts))
        assert f"({step})" in str(refused(data, reason, step, **how))


def test_an_anchor_made_by_hand_is_as_good_as_any() -> None:
    (anchor,) = anchors()
    assert type(anchor) is TrustAnchor and AUDIENCE not in repr(anchor)
    accepted(GOOD, anchors=TrustAnchors([anchor]))
