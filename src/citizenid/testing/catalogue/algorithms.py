"""Attacks on the choice of the algorithm: the key that is trusted has one, and no header chooses another.

Spec: RFC 8725 sections 3.1, 3.2; RFC 9052 section 3.1; specs/verification.md V1 to V3.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ... import ANY, Format, KeyPurpose, Reason, TrustAnchors
from ..attacks import Group, attack
from ..forge import mdoc_keys, sd_jwt
from ..forge.certificates import local_key
from ..forge.parts import ABSENT, ISSUER, VCT, key, unbase64url
from ..forgery import Forgery
from ..trials import Trial, accepted, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt

_NOT_ALLOWED: Final = Reason.ALGORITHM_NOT_ALLOWED


def _nothing(_: bytes) -> bytes:
    return b""


def _mac(secret: bytes, name: str = "HS256") -> Forgery:
    """Return a credential under a MAC: whoever has the public key could make it."""
    hash_ = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[name]
    return jwt(header={"alg": name}, sign=lambda data: hmac.digest(secret, data, hash_))


def _public(form: Encoding) -> bytes:
    """Return the issuer's public key as a SubjectPublicKeyInfo."""
    jwk = key("issuer").public.to_jwk()
    x, y = (int.from_bytes(unbase64url(jwk[name]), "big") for name in "xy")
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    return public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo)


@attack("ALG-001", "ALG_NOT_ALLOWED")
def unsigned() -> Iterator[Trial]:
    """The issuer's JWS says alg none and has no signature."""
    yield accepted("the same, signed", jwt())
    for spelling in ("none", "None", "NONE", "nOnE", ""):
        yield refused(f"alg {spelling!r}, no signature", _NOT_ALLOWED, jwt(header={"alg": spelling}, sign=_nothing))
    yield refused("alg none, a good signature", _NOT_ALLOWED, jwt(header={"alg": "none"}))
    yield refused("a key binding with alg none", _NOT_ALLOWED, jwt(kb_header={"alg": "none"}, kb_sign=_nothing))


@attack("ALG-003", "ALG_KEY_MISMATCH")
def mac_under_pem() -> Iterator[Trial]:
    """HS256 under the PEM of the public key."""
    for name in ("HS256", "HS384", "HS512"):
        yield refused(name, _NOT_ALLOWED, _mac(_public(Encoding.PEM), name))
    yield refused("without its last line end", _NOT_ALLOWED, _mac(_public(Encoding.PEM).strip()))


@attack("ALG-004", "ALG_KEY_MISMATCH")
def mac_under_der() -> Iterator[Trial]:
    """HS256 under the DER of the public key."""
    yield refused("SubjectPublicKeyInfo", _NOT_ALLOWED, _mac(_public(Encoding.DER)))
    yield refused("the bare point", _NOT_ALLOWED, _mac(_public(Encoding.DER)[-65:]))


@attack("ALG-006", "ALG_KEY_MISMATCH")
def mac_under_jwk() -> Iterator[Trial]:
    """HS256 under the text of the JWK, or of the JWKS."""
    jwk = {**key("issuer").public.to_jwk(), "kid": "k1"}
    for name, document in (("the JWK", jwk), ("the JWKS", {"keys": [jwk]})):
        yield refused(name, _NOT_ALLOWED, _mac(json.dumps(document).encode()))
        yield refused(name + ", compact", _NOT_ALLOWED, _mac(json.dumps(document, separators=(",", ":")).encode()))


@attack("ALG-008", "ALG_KEY_MISMATCH")
def mac_under_nothing() -> Iterator[Trial]:
    """HS256 under the empty string."""
    yield refused("the empty key", _NOT_ALLOWED, _mac(b""))
    yield refused("32 zeros", _NOT_ALLOWED, _mac(bytes(32)))


@attack("ALG-009", "ALG_KEY_MISMATCH")
def another_hash() -> Iterator[Trial]:
    """The key is of ES256, the header says ES384, and P-256 signs with SHA-384."""
    private = mdoc_keys.key("signs with SHA-384")
    trusted = sd_jwt.anchors_for(local_key(private).public)

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA384())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def padded(data: bytes) -> bytes:
        made = sign(data)
        return made[:32].rjust(48, b"\0") + made[32:].rjust(48, b"\0")

    signer = local_key(private)
    yield accepted("ES256 by this key", jwt(signer=signer), anchors=trusted)
    header = {"alg": "ES384"}
    mismatch = Reason.ALGORITHM_MISMATCH
    yield refused("64 bytes", mismatch, jwt(header=header, signer=signer, sign=sign), anchors=trusted)
    yield refused("96 bytes", mismatch, jwt(header=header, signer=signer, sign=padded), anchors=trusted)
    yield refused("ES512", mismatch, jwt(header={"alg": "ES512"}, signer=signer), anchors=trusted)
    bound = {"alg": "ES384"}
    yield refused("the holder", mismatch, jwt(kb_header=bound), step="V8")


@attack("ALG-010", "KEY_INVALID")
def another_curve() -> Iterator[Trial]:
    """A key is registered for ES256 that lies on another curve."""
    for algorithm in ("ES384", "ES512", "Ed25519", "ML-DSA-44"):
        other = {**key("of another curve", algorithm).public.to_jwk(), "alg": "ES256"}
        yield raises(algorithm, Reason.KEY_INVALID, partial(_trust, other))
    good = dict(key("issuer").public.to_jwk())
    for curve in ("secp256k1", "brainpoolP256r1", "BP-256", "P-192", "p-256", ""):
        yield raises(curve or "no curve", Reason.KEY_INVALID, partial(_trust, {**good, "crv": curve}))


@attack("ALG-012", "ALG_KEY_MISMATCH")
def another_key_signs() -> Iterator[Trial]:
    """The header says ES256, the trusted key is of another algorithm, which signs."""
    for algorithm in ("ES384", "ES512", "Ed25519", "ML-DSA-44"):
        signer = key("of another algorithm", algorithm)
        trusted = sd_jwt.anchors_for(signer.public)
        yield accepted(f"{algorithm}, and the header says so", jwt(signer=signer), anchors=trusted)
        forged = jwt(header={"alg": "ES256"}, signer=signer)
        yield refused(algorithm, Reason.ALGORITHM_MISMATCH, forged, anchors=trusted)


@attack("ALG-013", "ALG_NOT_ALLOWED")
def unprotected_algorithm() -> Iterator[Trial]:
    """A COSE_Sign1 names its algorithm in the unprotected header alone."""
    yield accepted("protected", sd_cwt())
    yield refused("SD-CWT", _NOT_ALLOWED, sd_cwt(header={1: ABSENT}, unprotected={1: -9}))
    yield refused("SD-KBT", _NOT_ALLOWED, sd_cwt(kb_header={1: ABSENT}, kb_unprotected={1: -9}))
    yield refused("issuerAuth", _NOT_ALLOWED, mdoc(protected={}, unprotected={1: -7}))
    yield refused("deviceSignature", _NOT_ALLOWED, mdoc(device={"protected": {}, "unprotected": {1: -7}}))


@attack("ALG-015", "ALG_NOT_ALLOWED")
def algorithm_of_another_type() -> Iterator[Trial]:
    """The algorithm of a COSE_Sign1 is of another type."""
    for name, value in (("text", "ES256"), ("float", -9.0), ("array", [-9]), ("true", True), ("null", None)):
        yield refused(f"SD-CWT, {name}", _NOT_ALLOWED, sd_cwt(header={1: value}))
        yield refused(f"SD-KBT, {name}", _NOT_ALLOWED, sd_cwt(kb_header={1: value}))
    for name, value in (("text", "ES256"), ("float", -7.0), ("array", [-7]), ("false", False)):
        yield refused(f"issuerAuth, {name}", _NOT_ALLOWED, mdoc(protected={1: value}))
        yield refused(f"deviceSignature, {name}", _NOT_ALLOWED, mdoc(device={"protected": {1: value}}))


@attack("ALG-016", "ALG_NOT_ALLOWED")
def algorithm_is_no_text() -> Iterator[Trial]:
    """The alg of a JWS is no text, or not there."""
    for value in (["ES256"], {"ES256": 1}, 256, None, True, ABSENT):
        yield refused(f"issuer, {value!r}", _NOT_ALLOWED, jwt(header={"alg": value}))
        yield refused(f"holder, {value!r}", _NOT_ALLOWED, jwt(kb_header={"alg": value}))


@attack("ALG-018", "ALG_NOT_ALLOWED")
def unknown_algorithm() -> Iterator[Trial]:
    """An algorithm that this profile does not have."""
    for name in ("RS1", "RS256", "PS256", "ES256K", "HS256", "PBES2-HS256+A128KW", "dir", "Ed256", "es256", "ES256 "):
        yield refused(f"issuer, {name}", _NOT_ALLOWED, jwt(header={"alg": name}))
        yield refused(f"holder, {name}", _NOT_ALLOWED, jwt(kb_header={"alg": name}))
    for number in (-65_535, -257, -37, -47, 5, -260, 0, 2**64 - 1):
        yield refused(f"SD-CWT, {number}", _NOT_ALLOWED, sd_cwt(header={1: number}))
        yield refused(f"issuerAuth, {number}", _NOT_ALLOWED, mdoc(protected={1: number}))


def _trust(jwk: dict[str, Any]) -> TrustAnchors:
    purpose = KeyPurpose.CREDENTIAL
    return TrustAnchors.from_jwks(
        ISSUER, {"keys": [jwk]}, purpose=purpose, formats=[Format.SD_JWT_VC], types=[VCT], countries=ANY
    )


GROUP: Final = Group(
    "algorithm confusion",
    "the trusted key has the algorithm; a header never chooses one",
    (
        unsigned,
        mac_under_pem,
        mac_under_der,
        mac_under_jwk,
        mac_under_nothing,
        another_hash,
        another_curve,
        another_key_signs,
        unprotected_algorithm,
        algorithm_of_another_type,
        algorithm_is_no_text,
        unknown_algorithm,
    ),
)
