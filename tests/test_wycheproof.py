"""The Wycheproof vectors through the public doors: every case of every file is replayed, listed, or told why not.

How a file is wrapped:

ecdsa_*_p1363, ed25519, mldsa_*_verify. The key of a case becomes a `PublicKey` by `from_jwk`, and `TrustAnchors` by
`from_jwks`. The case itself, message and signature, goes to `Unsigned.complete`: the one door that verifies a
signature over bytes of any kind. Then the signature stands in real objects of ours that are attributed to that key,
each in the place that its door verifies: the issuer's JWT, a KB-JWT, a Status List Token as JWT and as CWT, an SD-CWT,
an SD-KBT, a deviceSignature, an issuerAuth, a DPoP proof. What is wrong with the encoding of a signature is wrong under
any message, so each object is refused at its own step by exactly the Reason that the encoding calls for. A signature
that is good for the message of its case is none over ours: there the objects hold that the message counts.

For ECDSA a signature that is good can be made good for our object as well: any (r, s) and any message have a public
key under which they verify (SEC 1 section 4.1.6). So each good case, with its extreme r and s, is also verified as the
signature of a credential, of an SD-CWT or of a status list, under the anchor of the key computed for it; and accepted.
For Ed25519 and ML-DSA there is no such key: the public key goes into the hash.

hmac_sha256. The only MAC here is the deviceMac of an mdoc, under a key that ECDH and HKDF give: the key and the message
of a case cannot be had there. What the case does to its tag can: the difference between its tag and the right one,
and its length, are applied to the right tag of a deviceMac of ours.

json_web_key. The set of a case goes to `TrustAnchors.from_jwks`, and its JWS stands as the issuer's JWT of a
presentation. V3 comes before V4, so that what refuses it is the set, the algorithm or the signature, and never the
payload. Each of its keys goes to `PublicKey.from_jwk`, into a cnf and into the header of a DPoP proof as well.

What comes out otherwise than its file says stands in DEVIATIONS with its reason; nothing else may, and all of it is
valid there and refused here. The only pairs of a case and a place that are left out are those of ML-DSA and an mdoc,
whose standard does not know it. The counts of each file are asserted.

Spec: https://github.com/C2SP/wycheproof, testvectors_v1.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import builders as b
import builders_sd_cwt as c
import cbor2
import mdoc_builders as m
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from gateway.world import ENDPOINT, ORIGIN, World, request

from citizenid import (
    ANY,
    AgreementKey,
    CitizenIDError,
    Format,
    KeyPurpose,
    PublicKey,
    Reason,
    TrustAnchors,
    Unsigned,
)
from citizenid.gateway import Deny
from citizenid.status import VerifiedStatusList, verify_status_list
from citizenid.verifier import VerifiedPresentation

# Written out, not imported: the length of a signature (RFC 7518 section 3.4, RFC 8032, FIPS 204 table 2).
LENGTHS: Final = {"ES256": 64, "ES384": 96, "ES512": 132, "Ed25519": 64, "ML-DSA-44": 2420, "ML-DSA-65": 3309}
PUBLIC_BYTES: Final = {"ML-DSA-44": 1312, "ML-DSA-65": 1952}
SIGNATURES: Final = {
    "ecdsa_secp256r1_sha256_p1363_test.json": ("ES256", 262),
    "ecdsa_secp384r1_sha384_p1363_test.json": ("ES384", 280),
    "ecdsa_secp521r1_sha512_p1363_test.json": ("ES512", 318),
    "ed25519_test.json": ("Ed25519", 151),
    "mldsa_44_verify_test.json": ("ML-DSA-44", 180),
    "mldsa_65_verify_test.json": ("ML-DSA-65", 210),
}
HMAC: Final = "hmac_sha256_test.json"
KEYS: Final = "json_web_key_test.json"


class Deviation(NamedTuple):
    """Cases of one file that come out otherwise than their `result`, and why. All of them are valid there."""

    cases: frozenset[int]
    why: str


_CONTEXT: Final = "signed under a context string; JOSE and COSE have the empty one alone (RFC 9964 section 4)"
DEVIATIONS: Final[dict[str, tuple[Deviation, ...]]] = {
    "mldsa_44_verify_test.json": (Deviation(frozenset({3, 4}), _CONTEXT),),
    "mldsa_65_verify_test.json": (Deviation(frozenset({3, 4}), _CONTEXT),),
    HMAC: (
        Deviation(
            frozenset({*range(82, 109), *range(166, 169), *range(172, 175)}),
            "a tag of 128 bits; an mdoc has HMAC 256/256 alone (ISO/IEC 18013-5 9.1.3.5)",
        ),
    ),
    KEYS: (
        Deviation(frozenset({2, 13, 14, 15}), "a MAC: whoever verifies it could have made it; no algorithm of ours"),
        Deviation(frozenset({5}), "RSA: no algorithm of ours for credentials"),
    ),
}


def groups(vectors: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((vectors / "wycheproof" / name).read_bytes())["testGroups"]
    return found


# --- what refuses, and where ---


Verdict = tuple[str, Reason] | None
"""The step and the Reason of a refusal; None when it was accepted."""


def verdict(call: Callable[[], object]) -> Verdict:
    """Go through a door. A refusal is one of ours, carries nothing, and an acceptance is one by its type."""
    try:
        result = call()
    except CitizenIDError as error:
        assert error.__cause__ is None and error.__context__ is None
        return error.step, error.reason
    if isinstance(result, Deny):
        return result.step, result.reason
    assert isinstance(result, VerifiedPresentation | VerifiedStatusList | bytes), result
    return None


def unbound(data: bytes, public: PublicKey, signature: bytes) -> Verdict:
    """The verdict of the public signing type over bytes of any kind."""
    return verdict(lambda: Unsigned(data, public, bytes).complete(signature))


# --- the places in which a signature stands ---

Judge = Callable[[bytes], Verdict]
"""Takes a signature, puts it in its place, and goes through the door."""


def cose_key(jwk: Mapping[str, str]) -> dict[int, Any]:
    """Return a JWK as a COSE_Key (RFC 9053 section 7, RFC 9964)."""
    if jwk["kty"] == "AKP":
        return {1: 7, 3: c.ALGORITHMS[jwk["alg"]], -1: b.unbase64url(jwk["pub"])}
    if jwk["kty"] == "OKP":
        return {1: 1, -1: 6, -2: b.unbase64url(jwk["x"])}
    curve = {"P-256": 1, "P-384": 2, "P-521": 3}[jwk["crv"]]
    return {1: 2, -1: curve, -2: b.unbase64url(jwk["x"]), -3: b.unbase64url(jwk["y"])}


def trusting(jwk: Mapping[str, str], format: Format) -> TrustAnchors:
    """Trust this key for credentials of a format."""
    keys = {"keys": [{**jwk, "kid": "k1"}]}
    scope: dict[str, Any] = {"formats": [format], "types": [b.VCT], "countries": ANY}
    return TrustAnchors.from_jwks(b.ISSUER, keys, purpose=KeyPurpose.CREDENTIAL, **scope)


def trusting_for_lists(jwk: Mapping[str, str]) -> TrustAnchors:
    """Trust this key for status lists."""
    return TrustAnchors.from_jwks(b.ISSUER, {"keys": [{**jwk, "kid": "s1"}]}, purpose=KeyPurpose.STATUS_LIST)


def as_issuer_jwt(jwk: dict[str, str], algorithm: str) -> Judge:
    anchors = trusting(jwk, Format.SD_JWT_VC)
    good = b.make(header={"alg": algorithm}, sign=lambda data: b"")
    signed, _, rest = good.partition(b".~")
    return lambda signature: verdict(
        lambda: b.verify(signed + b"." + b.base64url(signature) + b"~" + rest, anchors=anchors)
    )


def as_kb_jwt(jwk: dict[str, str], algorithm: str) -> Judge:
    half = b.issuer_half(payload={"cnf": {"jwk": jwk}})
    good = b.bound(half, header={"alg": algorithm}, sign=lambda data: b"")
    return lambda signature: verdict(lambda: b.verify(good + b.base64url(signature)))


def as_status_jwt(jwk: dict[str, str], algorithm: str) -> Judge:
    anchors = trusting_for_lists(jwk)
    good = b.status_token(header={"alg": algorithm}, sign=lambda data: b"")
    return lambda signature: verdict(
        lambda: verify_status_list(
            good + b.base64url(signature), uri=b.STATUS_URI, media_type=b.STATUS_MEDIA_TYPE, anchors=anchors, now=b.NOW
        )
    )


STATUS_CWT: Final = "application/statuslist+cwt"
STATUS_CLAIMS: Final = {
    2: b.STATUS_URI,
    6: b.NOW,
    4: b.NOW + 86_400,
    65533: {"bits": 1, "lst": zlib.compress(bytes(8))},
}


def status_cwt(algorithm: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Make a Status List Token in CBOR."""
    header = {1: c.ALGORITHMS[algorithm], 4: b"s1", 16: STATUS_CWT}
    return cbor2.dumps(c.sign1(header, {}, STATUS_CLAIMS, b.key("status"), sign))


def as_status_cwt(jwk: dict[str, str], algorithm: str) -> Judge:
    anchors = trusting_for_lists(jwk)
    return lambda signature: verdict(
        lambda: verify_status_list(
            status_cwt(algorithm, lambda data: signature),
            uri=b.STATUS_URI,
            media_type=STATUS_CWT,
            anchors=anchors,
            now=b.NOW,
        )
    )


def as_sd_cwt(jwk: dict[str, str], algorithm: str) -> Judge:
    anchors = trusting(jwk, Format.SD_CWT)
    header = {1: c.ALGORITHMS[algorithm]}
    return lambda signature: verdict(
        lambda: c.verify(c.make(header=header, sign=lambda data: signature), anchors=anchors)
    )


def as_sd_kbt(jwk: dict[str, str], algorithm: str) -> Judge:
    inner = c.credential({8: {1: cose_key(jwk)}})
    header = {1: c.ALGORITHMS[algorithm]}
    return lambda signature: verdict(lambda: c.verify(c.bound(inner, header=header, sign=lambda data: signature)))


# ISO/IEC 18013-5 table 22: the numbers of an mdoc, which name no curve.
MDOC: Final = {"ES256": -7, "ES384": -35, "ES512": -36, "Ed25519": -8}


def as_device_signature(jwk: dict[str, str], algorithm: str) -> Judge:
    issuer = m.issuer_signed(key_info={"deviceKey": cose_key(jwk)})
    protected = {1: MDOC[algorithm]}

    def judge(signature: bytes) -> Verdict:
        device = m.device_signed(protected=protected, sign_with=lambda data: signature)
        return verdict(lambda: m.verify(m.response(m.document(issuer, device))))

    return judge


class Holder(NamedTuple):
    """As much of a private key as a certificate asks for: its public half."""

    public: Any

    def public_key(self) -> Any:
        """Return it."""
        return self.public


def as_issuer_auth(jwk: dict[str, str], algorithm: str) -> Judge:
    spki = serialization.load_pem_public_key(pem_of(jwk))
    made = m.certificate("DS", "IACA", Holder(spki), m.key("IACA"))
    chain, device, protected = b.der(made)[0], m.device_signed(), {1: MDOC[algorithm]}

    def judge(signature: bytes) -> Verdict:
        issuer = m.issuer_signed(chain=chain, protected=protected, sign_with=lambda data: signature)
        return verdict(lambda: m.verify(m.response(m.document(issuer, device))))

    return judge


def pem_of(jwk: Mapping[str, str]) -> bytes:
    """Return an EC or Ed25519 JWK as PEM, by `cryptography` alone."""
    x = b.unbase64url(jwk["x"])
    public: Any = ed25519.Ed25519PublicKey.from_public_bytes(x) if jwk["kty"] == "OKP" else None
    if public is None:
        curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[jwk["crv"]]
        public = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + x + b.unbase64url(jwk["y"]))
    pem: bytes = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem


def as_dpop_proof(jwk: dict[str, str], algorithm: str) -> Judge:
    world = gateway()
    challenge = world.gateway.challenge(sender=PublicKey.from_jwk(jwk).thumbprint)
    claims = {"jti": "j" * 22, "htm": "POST", "htu": ORIGIN + ENDPOINT, "iat": world.now}
    header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": jwk}
    signed = b.segment(header) + b"." + b.segment(claims) + b"."
    text = challenge.to_text()

    def judge(signature: bytes) -> Verdict:
        asked = request(path=ENDPOINT, proof=signed + b.base64url(signature))
        return verdict(lambda: world.gateway.admit(b"", format=Format.SD_JWT_VC, challenge=text, request=asked))

    return judge


@cache
def gateway() -> World:
    """Return one gateway for all proofs: none of them is ever used up."""
    return World()


class Place(NamedTuple):
    """Where a signature stands.

    Attributes:
        step: that verifies it.
        judge: takes a key and its algorithm.
        nothing: what refuses a signature of no bytes. A JWT without one is no JWS of ours (RFC 7515 appendix A.5 is the
            form of `none`), so it is refused where it is opened.
        algorithms: that the place has.
    """

    step: str
    judge: Callable[[dict[str, str], str], Judge]
    nothing: Verdict
    algorithms: frozenset[str] = frozenset(LENGTHS)


PLACES: Final = {
    "issuer's JWT": Place("V3", as_issuer_jwt, ("V1", Reason.MALFORMED_TOKEN)),
    "KB-JWT": Place("V8", as_kb_jwt, ("V1", Reason.MALFORMED_TOKEN)),
    "status list as JWT": Place("status", as_status_jwt, ("status", Reason.MALFORMED_TOKEN)),
    "status list as CWT": Place("status", as_status_cwt, ("status", Reason.SIGNATURE_MALFORMED)),
    "SD-CWT": Place("V3", as_sd_cwt, ("V3", Reason.SIGNATURE_MALFORMED)),
    "SD-KBT": Place("V8", as_sd_kbt, ("V8", Reason.SIGNATURE_MALFORMED)),
    "deviceSignature": Place("V8", as_device_signature, ("V8", Reason.SIGNATURE_MALFORMED), frozenset(MDOC)),
    "issuerAuth": Place("V3", as_issuer_auth, ("V3", Reason.SIGNATURE_MALFORMED), frozenset(MDOC)),
    "DPoP proof": Place("proof", as_dpop_proof, ("proof", Reason.MALFORMED_TOKEN)),
}
PAIRS: Final = [
    (name, place)
    for name, (algorithm, _) in SIGNATURES.items()
    for place, row in PLACES.items()
    if algorithm in row.algorithms
]


def jwk_of(group: Mapping[str, Any], algorithm: str) -> dict[str, str]:
    """Return the key of a group as a JWK with its required members."""
    if algorithm in PUBLIC_BYTES:
        return {"kty": "AKP", "alg": algorithm, "pub": b.base64url(bytes.fromhex(group["publicKey"])).decode()}
    key = group["publicKey"]
    if algorithm == "Ed25519":
        return {"kty": "OKP", "crv": "Ed25519", "x": b.base64url(bytes.fromhex(key["pk"])).decode()}
    size = LENGTHS[algorithm] // 2
    point = bytes.fromhex(key["uncompressed"])
    assert len(point) == 1 + 2 * size and point[0] == 4
    crv = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
    x, y = (b.base64url(half).decode() for half in (point[1 : 1 + size], point[1 + size :]))
    return {"kty": "EC", "crv": crv, "x": x, "y": y}


def is_no_key(group: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a group has a key of another length than its algorithm."""
    return algorithm in PUBLIC_BYTES and len(bytes.fromhex(group["publicKey"])) != PUBLIC_BYTES[algorithm]


# --- signatures ---

OUTCOMES: Final[dict[str, dict[str, int]]] = {
    "ecdsa_secp256r1_sha256_p1363_test.json": {"accepted": 173, "signature_invalid": 68, "signature_malformed": 21},
    "ecdsa_secp384r1_sha384_p1363_test.json": {"accepted": 193, "signature_invalid": 68, "signature_malformed": 19},
    "ecdsa_secp521r1_sha512_p1363_test.json": {"accepted": 231, "signature_invalid": 73, "signature_malformed": 14},
    "ed25519_test.json": {"accepted": 88, "signature_invalid": 51, "signature_malformed": 12},
    "mldsa_44_verify_test.json": {"accepted": 75, "signature_invalid": 98, "signature_malformed": 3, "no key": 4},
    "mldsa_65_verify_test.json": {"accepted": 77, "signature_invalid": 126, "signature_malformed": 3, "no key": 4},
}
"""How the cases of a file come out over their own messages; together they are all of its cases."""


@pytest.mark.parametrize("name", SIGNATURES)
def test_each_signature_has_its_verdict_over_its_own_message(vectors: Path, name: str) -> None:
    algorithm, total = SIGNATURES[name]
    outcomes: Counter[str] = Counter()
    otherwise = set()
    for group in groups(vectors, name):
        jwk = jwk_of(group, algorithm)
        public = None
        if is_no_key(group, algorithm):
            loads: list[Callable[[], object]] = [
                partial(PublicKey.from_jwk, jwk),
                partial(trusting, jwk, Format.SD_JWT_VC),
                partial(trusting_for_lists, jwk),
            ]
            assert {verdict(load) for load in loads} == {("form", Reason.KEY_INVALID)}
            assert verdict(lambda: b.verify(b.make(payload={"cnf": {"jwk": jwk}}))) == ("V4", Reason.KEY_INVALID)  # noqa: B023
        else:
            public = PublicKey.from_jwk(jwk)
            (anchor,) = trusting(jwk, Format.SD_JWT_VC)
            assert anchor.key == public
            if "publicKeyJwk" in group:
                assert PublicKey.from_jwk(group["publicKeyJwk"]) == public
            if "publicKeyPem" in group:
                assert PublicKey.from_pem(group["publicKeyPem"]) == public
        for case in group["tests"]:
            signature = bytes.fromhex(case["sig"])
            if public is None:
                found, outcome = False, "no key"
            else:
                refused = unbound(bytes.fromhex(case["msg"]), public, signature)
                length = len(signature) != LENGTHS[algorithm]
                expected = Reason.SIGNATURE_MALFORMED if length else Reason.SIGNATURE_INVALID
                assert refused in (None, ("form", expected)), case["tcId"]
                found, outcome = refused is None, "accepted" if refused is None else expected.value
            outcomes[outcome] += 1
            if found is not (case["result"] == "valid"):
                otherwise.add((case["tcId"], case["result"]))
    assert otherwise == {(case, "valid") for each in DEVIATIONS.get(name, ()) for case in each.cases}
    assert outcomes == OUTCOMES[name]
    assert outcomes.total() == total


def test_nothing_is_left_out_but_ml_dsa_in_an_mdoc() -> None:
    left_out = {(name, place) for name in SIGNATURES for place in PLACES} - set(PAIRS)
    mldsa = [name for name in SIGNATURES if name.startswith("mldsa")]
    assert left_out == {(name, place) for name in mldsa for place in ("deviceSignature", "issuerAuth")}


@pytest.mark.parametrize(("name", "place"), PAIRS)
def test_each_signature_is_refused_in_an_object_of_ours(vectors: Path, name: str, place: str) -> None:
    algorithm, total = SIGNATURES[name]
    step, judge_of, nothing, _ = PLACES[place]
    replayed = 0
    for group in groups(vectors, name):
        jwk = jwk_of(group, algorithm)
        if is_no_key(group, algorithm):
            continue  # no door takes it: the test above
        judge = judge_of(jwk, algorithm)
        for case in group["tests"]:
            signature = bytes.fromhex(case["sig"])
            length = len(signature) != LENGTHS[algorithm]
            reason = Reason.SIGNATURE_MALFORMED if length else Reason.SIGNATURE_INVALID
            assert judge(signature) == ((step, reason) if signature else nothing), case["tcId"]
            replayed += 1
    assert replayed == total - OUTCOMES[name].get("no key", 0)


# --- signatures made good for an object of ours ---


class Curve(NamedTuple):
    """A curve of NIST (SP 800-186 section 3.2.1): y^2 = x^3 - 3x + b modulo p, with p = 3 modulo 4."""

    curve: ec.EllipticCurve
    crv: str
    size: int
    digest: str
    p: int
    b: int
    n: int

    def y(self, x: int) -> int | None:
        """A y of this x, or None when there is none."""
        square = (x**3 - 3 * x + self.b) % self.p
        root = pow(square, (self.p + 1) // 4, self.p)
        return root if root * root % self.p == square else None

    def base(self, scalar: int) -> tuple[int, int]:
        """The base point times a scalar, by `cryptography`."""
        numbers = ec.derive_private_key(scalar, self.curve).public_key().public_numbers()
        return numbers.x, numbers.y

    def add(self, one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
        """Two points, none of them at infinity; None stands for that one."""
        (x1, y1), (x2, y2) = one, other
        if x1 == x2 and (y1 + y2) % self.p == 0:
            return None
        if one == other:
            slope = 3 * (x1 * x1 - 1) * pow(2 * y1, -1, self.p) % self.p
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, self.p) % self.p
        x = (slope * slope - x1 - x2) % self.p
        return x, (slope * (x1 - x) - y1) % self.p

    def times(self, scalar: int, point: tuple[int, int]) -> tuple[int, int]:
        """A point times a scalar below the order, in Jacobian coordinates."""
        p = self.p
        x1, y1 = point
        x, y, z = x1, y1, 1
        for bit in bin(scalar)[3:]:
            zz, yy = z * z % p, y * y % p
            beta = x * yy % p
            alpha = 3 * (x - zz) * (x + zz) % p
            z = 2 * y * z % p
            x = (alpha * alpha - 8 * beta) % p
            y = (alpha * (4 * beta - x) - 8 * yy * yy) % p
            if bit == "1":
                zz = z * z % p
                h, r = (x1 * zz - x) % p, (y1 * zz * z - y) % p
                if not h:  # the same point, or its opposite: only next to the order
                    raise ArithmeticError
                hh = h * h % p
                hhh, v = h * hh % p, x * hh % p
                z = z * h % p
                x = (r * r - hhh - 2 * v) % p
                y = (r * (v - x) - y * hhh) % p
        inverse = pow(z, -1, p)
        return x * inverse**2 % p, y * inverse**3 % p


CURVES: Final = {
    "ES256": Curve(
        ec.SECP256R1(),
        "P-256",
        32,
        "sha256",
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    "ES384": Curve(
        ec.SECP384R1(),
        "P-384",
        48,
        "sha384",
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        2**384 - 2**192 + 0xC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
    "ES512": Curve(
        ec.SECP521R1(),
        "P-521",
        66,
        "sha512",
        2**521 - 1,
        int(
            "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf"
            "073573df883d2c34f1ef451fd46b503f00",
            16,
        ),
        2**521 - 2**260 + 0xA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
    ),
}


def key_for(algorithm: str, signature: bytes, data: bytes) -> dict[str, str]:
    """Return a public key under which this signature of these data verifies (SEC 1 section 4.1.6)."""
    curve = CURVES[algorithm]
    r, s = (int.from_bytes(half, "big") for half in (signature[: curve.size], signature[curve.size :]))
    x = next(x for x in (r, r + curve.n) if x < curve.p and curve.y(x) is not None)
    point = (x, curve.y(x) or 0)
    # The leftmost bits of the hash: for P-521 all 512, for the others as many as the order has.
    e = int.from_bytes(hashlib.new(curve.digest, data).digest(), "big")
    inverse = pow(r, -1, curve.n)
    found = curve.add(curve.times(s * inverse % curve.n, point), curve.base(-e * inverse % curve.n))
    assert found is not None
    x, y = (b.base64url(number.to_bytes(curve.size, "big")).decode() for number in found)
    return {"kty": "EC", "crv": curve.crv, "x": x, "y": y}


def accepted_as_issuer_jwt(algorithm: str, signature: bytes) -> Verdict:
    seen: list[bytes] = []
    data = b.make(header={"alg": algorithm}, sign=lambda data: (seen.append(data), signature)[1])
    return verdict(lambda: b.verify(data, anchors=trusting(key_for(algorithm, signature, *seen), Format.SD_JWT_VC)))


def accepted_as_sd_cwt(algorithm: str, signature: bytes) -> Verdict:
    seen: list[bytes] = []
    header = {1: c.ALGORITHMS[algorithm]}
    data = c.make(header=header, sign=lambda data: (seen.append(data), signature)[1])
    return verdict(lambda: c.verify(data, anchors=trusting(key_for(algorithm, signature, *seen), Format.SD_CWT)))


def accepted_as_status_jwt(algorithm: str, signature: bytes) -> Verdict:
    seen: list[bytes] = []
    data = b.status_token(header={"alg": algorithm}, sign=lambda data: (seen.append(data), signature)[1])
    anchors = trusting_for_lists(key_for(algorithm, signature, *seen))
    where: dict[str, Any] = {"uri": b.STATUS_URI, "media_type": b.STATUS_MEDIA_TYPE}
    return verdict(lambda: verify_status_list(data, anchors=anchors, now=b.NOW, **where))


def accepted_as_status_cwt(algorithm: str, signature: bytes) -> Verdict:
    seen: list[bytes] = []
    data = status_cwt(algorithm, lambda data: (seen.append(data), signature)[1])
    anchors = trusting_for_lists(key_for(algorithm, signature, *seen))
    where: dict[str, Any] = {"uri": b.STATUS_URI, "media_type": STATUS_CWT}
    return verdict(lambda: verify_status_list(data, anchors=anchors, now=b.NOW, **where))


GOOD: Final = (accepted_as_issuer_jwt, accepted_as_sd_cwt, accepted_as_status_jwt, accepted_as_status_cwt)


@pytest.mark.parametrize("name", [name for name in SIGNATURES if name.startswith("ecdsa")])
def test_each_good_ecdsa_signature_is_accepted_in_an_object_of_ours(vectors: Path, name: str) -> None:
    algorithm = SIGNATURES[name][0]
    good = [
        bytes.fromhex(case["sig"])
        for group in groups(vectors, name)
        for case in group["tests"]
        if case["result"] == "valid"
    ]
    assert len(good) == OUTCOMES[name]["accepted"]
    for place, signature in enumerate(good):
        judge = GOOD[place % len(GOOD)]
        assert judge(algorithm, signature) is None, signature.hex()


# --- HMAC ---


def test_each_tag_has_its_verdict_as_a_device_mac(vectors: Path) -> None:
    reader = AgreementKey.generate("P-256")
    public = serialization.load_pem_public_key(pem_of(reader.public.to_jwk()))
    challenge = m.challenge(reader_key=reader)
    right = bytearray()

    def judge(length: int, difference: bytes) -> Verdict:
        def sign(data: bytes) -> bytes:
            secret = m.mac_key(m.key("device"), public, m.handover())
            right[:] = hmac.digest(secret, data, "sha256")
            return bytes(one ^ other for one, other in zip(right, difference, strict=True))[:length]

        data = m.make(device={"reader_public": public, "sign_with": sign})
        return verdict(lambda: m.verify(data, challenge=challenge))

    outcomes: Counter[tuple[int, str, Verdict]] = Counter()
    otherwise = set()
    for group in groups(vectors, HMAC):
        length = group["tagSize"] // 8
        for case in group["tests"]:
            key, message, tag = (bytes.fromhex(case[member]) for member in ("key", "msg", "tag"))
            assert len(tag) == length
            own = hmac.digest(key, message, "sha256")
            difference = bytes(one ^ other for one, other in zip(own, tag, strict=False)).ljust(32, b"\0")
            assert any(difference) is (case["result"] == "invalid")
            refused = judge(length, difference)
            outcomes[length, case["result"], refused] += 1
            if (refused is None) is not (case["result"] == "valid"):
                otherwise.add((case["tcId"], case["result"]))
            # The tag of the case itself, under a key that is none of ours.
            if length == 32:
                made = m.make(device={"reader_public": public, "sign_with": lambda data, tag=tag: tag})
                assert verdict(lambda: m.verify(made, challenge=challenge)) == ("V8", Reason.SIGNATURE_INVALID)  # noqa: B023
    assert outcomes == {
        (32, "valid", None): 33,
        (32, "invalid", ("V8", Reason.SIGNATURE_INVALID)): 54,
        (16, "valid", ("V8", Reason.SIGNATURE_MALFORMED)): 33,
        (16, "invalid", ("V8", Reason.SIGNATURE_MALFORMED)): 54,
    }
    assert otherwise == {(case, "valid") for each in DEVIATIONS[HMAC] for case in each.cases}
    assert outcomes.total() == 174


# --- JSON Web Keys ---


def set_of(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the set of a group that verifies."""
    found: dict[str, Any] = group.get("public") or group["private"]
    return found


def trusting_set(keys: Mapping[str, Any]) -> TrustAnchors:
    """Trust all of a set."""
    scope: dict[str, Any] = {"formats": [Format.SD_JWT_VC], "types": [b.VCT], "countries": ANY}
    return TrustAnchors.from_jwks(b.ISSUER, keys, purpose=KeyPurpose.CREDENTIAL, **scope)


# What refuses the set of a case. The one that is taken holds a secret beside an ES256 key: the secret is passed over
# (RFC 7517 section 5), and the JWS, which is made with it, is refused.
SET_REFUSED: Final[dict[int, Verdict]] = {
    1: None,
    **dict.fromkeys((*range(2, 19), 24, 25, 26), ("configuration", Reason.ANCHOR_INVALID)),  # no key of ours is left
    **dict.fromkeys((19, 20, 22, 23), ("form", Reason.KEY_INVALID)),  # alg ES521, alg ES224, no point, P-384
    21: ("form", Reason.KEY_USE_FORBIDDEN),
}
# What refuses the JWS of a case, whatever is trusted; the others are good signatures of one ES256 key, spoiled.
OF_ANOTHER_ALGORITHM: Final = frozenset({*range(1, 19), 25, 26})


def test_each_set_of_keys_and_its_token_have_their_verdict(vectors: Path) -> None:
    found = groups(vectors, KEYS)
    (unspoiled,) = [
        {**set_of(group)["keys"][0], "alg": "ES256"} for group in found if group["comment"] == "wrong_algorithm"
    ]
    otherwise, seen = set(), set()
    for group in found:
        keys = set_of(group)
        for case in group["tests"]:
            number = case["tcId"]
            seen.add(number)
            assert verdict_of_set(keys) == SET_REFUSED[number], number
            data = b.bound(case["jws"].encode() + b"~")
            trusted = trusting_set(keys) if SET_REFUSED[number] is None else trusting_set({"keys": [unspoiled]})
            refused = verdict(lambda: b.verify(data, anchors=trusted))  # noqa: B023
            if number in OF_ANOTHER_ALGORITHM:
                assert refused == ("V1", Reason.ALGORITHM_NOT_ALLOWED), number
            else:
                # The signature holds under the key that was not spoiled: only what is behind V3 refuses.
                assert refused == ("V4", Reason.TYP_MISMATCH), number
            accepted = SET_REFUSED[number] is None and refused == ("V4", Reason.TYP_MISMATCH)
            if accepted is not (case["result"] == "valid"):
                otherwise.add((number, case["result"]))
    assert otherwise == {(case, "valid") for each in DEVIATIONS[KEYS] for case in each.cases}
    assert seen == set(range(1, 27)) == set(SET_REFUSED)


def verdict_of_set(keys: Mapping[str, Any]) -> Verdict:
    """Return what refuses a set; one that is taken has one anchor, whose key is that of ES256."""
    try:
        (anchor,) = trusting_set(keys)
    except CitizenIDError as error:
        assert error.__cause__ is None and error.__context__ is None
        return error.step, error.reason
    assert anchor.key is not None and anchor.key.algorithm == "ES256"
    return None


def test_each_key_has_the_same_verdict_wherever_it_stands(vectors: Path) -> None:
    reasons: Counter[Reason | None] = Counter()
    world = gateway()
    challenge = world.gateway.challenge(sender=hashlib.sha256(b"anybody").digest()).to_text()
    claims = {"jti": "j" * 22, "htm": "POST", "htu": ORIGIN + ENDPOINT, "iat": world.now}
    for group in groups(vectors, KEYS):
        for jwk in [*group["private"]["keys"], *group.get("public", {"keys": []})["keys"]]:
            loaded = refusal_of(partial(PublicKey.from_jwk, jwk))
            reasons[loaded] += 1
            private = not {"d", "k"}.isdisjoint(jwk)
            assert not private or loaded is Reason.KEY_INVALID
            proof = b.jws({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}, claims, b.key("anybody"))
            asked = request(path=ENDPOINT, proof=proof)
            sent = partial(world.gateway.admit, b"", format=Format.SD_JWT_VC, challenge=challenge, request=asked)
            # A key that is one did not sign what is under its name here.
            shown = partial(b.verify, b.make(payload={"cnf": {"jwk": jwk}}))
            assert verdict(shown) == (("V8", Reason.SIGNATURE_INVALID) if loaded is None else ("V4", loaded))
            assert verdict(sent) == ("proof", loaded or Reason.SIGNATURE_INVALID)
    assert reasons == {None: 1, Reason.KEY_INVALID: 36, Reason.KEY_USE_FORBIDDEN: 2}


def refusal_of(load: Callable[[], object]) -> Reason | None:
    """Return the Reason for which a key is no key; its step is always that of form."""
    try:
        load()
    except CitizenIDError as error:
        assert error.step == "form" and error.__cause__ is None and error.__context__ is None
        return error.reason
    return None
