"""The world of the mdoc interop tests: an IACA, a document signer, a device, a verifier, and one set of elements.

The certificates follow ISO/IEC 18013-5 annex B, so that every side takes them. All clocks stand at `builders.NOW`.

Spec: ISO/IEC 18013-5 9.1.2.4 and annex B.1.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import builders
import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from citizenid import (
    ANY,
    Attestation,
    Challenge,
    Format,
    KeyPurpose,
    LocalKey,
    PublicKey,
    TrustAnchors,
    UnixTime,
    Validity,
)
from citizenid._crypto import AgreementKey, cose_key
from citizenid._model import thaw
from citizenid._wire.cbor import embedded
from citizenid._wire.dates import write_date_time
from citizenid._wire.transcript import session_transcript
from citizenid.holder import Credential
from citizenid.issuer import Issuer
from citizenid.status import StatusStore
from citizenid.verifier import VerifiedPresentation, verify

NOW: Final = builders.NOW
ISSUER: Final = "https://iaca.example"
PID: Final = "eu.europa.ec.eudi.pid.1"
OURS: Final = "org.citizenid.citizenship.1"
# No element is a date and none has a name that a peer gives a meaning of its own.
CLAIMS: Final[dict[str, dict[str, Any]]] = {
    PID: {"family_name": "Åström", "given_name": "Ava", "nationality": ["US", "FR"], "age_over_18": True, "sex": 2},
    OURS: {"citizen_of_us": True, "national_of_fr": True},
}
ALL: Final = [(namespace, name) for namespace, elements in CLAIMS.items() for name in elements]
VALIDITY: Final = (NOW - 60, NOW - 60, NOW + 12 * 3600)  # short enough to do without a status reference
CLIENT_ID: Final = "x509_san_dns:gateway.example"
RESPONSE_URI: Final = "https://gateway.example/response"
ORIGIN: Final = "https://gateway.example"
NONCE: Final = "n-0S6_WzA2Mj-for-tests"

_HASHES: Final = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384(), "P-521": hashes.SHA512()}
_CURVES: Final = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
ALGORITHMS: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


def private_key(name: str, curve: str = "P-256") -> ec.EllipticCurvePrivateKey:
    """Return the key of this name and curve, the same in the whole run."""
    return _private_key(name, curve)


@cache
def _private_key(name: str, curve: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(_CURVES[curve]())


def pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def local(key: ec.EllipticCurvePrivateKey) -> LocalKey:
    return LocalKey.from_pem(pem_of(key))


def jwk_of(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    return local(key).to_private_jwk()


def private_cose_key(key: LocalKey) -> bytes:
    """Return a private COSE_Key, CBOR."""
    return cbor2.dumps({**cose_key(key.public), -4: builders.unbase64url(key.to_private_jwk()["d"])})


def public_cose_key(key: PublicKey) -> bytes:
    return cbor2.dumps(cose_key(key))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "US"), x509.NameAttribute(NameOID.COMMON_NAME, common)])


@cache
def iaca(name: str = "IACA") -> x509.Certificate:
    """Return the root of this name (annex B.1.2)."""
    public = private_key(name).public_key()
    return (
        _certificate(name, name, public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(private_key(name), hashes.SHA256())
    )


@cache
def document_signer(curve: str = "P-256", root: str = "IACA", purpose: str = "1.0.18013.5.1.2") -> x509.Certificate:
    """Return the certificate of a document signer under a root (annex B.1.4), or with another purpose."""
    return (
        _certificate(f"DS {curve}", root, private_key("DS", curve).public_key())
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose)]), critical=True)
        .sign(private_key(root), hashes.SHA256())
    )


def _certificate(subject: str, issuer: str, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    day = datetime.timedelta(days=1)
    points = [
        x509.DistributionPoint([x509.UniformResourceIdentifier("https://iaca.example/crl")], None, None, None),
    ]
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - 30 * day)
        .not_valid_after(moment + 300 * day)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(private_key(issuer).public_key()), critical=False
        )
        .add_extension(
            x509.IssuerAlternativeName([x509.UniformResourceIdentifier("https://iaca.example")]), critical=False
        )
        .add_extension(x509.CRLDistributionPoints(points), critical=False)
    )


def _usage(**bits: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: bits.get(name, False) for name in names})


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@cache
def anchors() -> TrustAnchors:
    return TrustAnchors.from_certificates(
        pem(iaca()),
        issuer=ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.MDOC],
        types=[PID, OURS],
        countries=ANY,
    )


def device(curve: str = "P-256") -> ec.EllipticCurvePrivateKey:
    return private_key("device", curve)


@cache
def reader() -> AgreementKey:
    """Return the verifier's key, to whose other half an mdoc may answer with a MAC."""
    return AgreementKey.generate("P-256")


def agreement_public() -> ec.EllipticCurvePublicKey:
    """Return the public half of the reader's key, as `cryptography` has it."""
    jwk = reader().public.to_jwk()
    x, y = (int.from_bytes(builders.unbase64url(jwk[name])) for name in "xy")
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def openid4vp(*, mac: bool = False) -> Challenge:
    """Return a challenge by OpenID4VP 1.0, answered in the clear, or encrypted to the reader's key."""
    thumbprint = reader().public.thumbprint if mac else None
    return Challenge.openid4vp(
        client_id=CLIENT_ID,
        nonce=NONCE,
        response_uri=RESPONSE_URI,
        jwk_thumbprint=thumbprint,
        reader_key=reader() if mac else None,
    )


def proximity(*, mac: bool = False) -> Challenge:
    """Return a challenge by a SessionTranscript of a QR engagement, with the reader's key in it (9.1.5.1)."""
    engagement = cbor2.dumps({0: "1.0", 1: [1, cbor2.CBORTag(24, public_cose_key(local(device()).public))]})
    transcript = cbor2.dumps([cbor2.CBORTag(24, engagement), cbor2.CBORTag(24, public_cose_key(reader().public)), None])
    return Challenge.session_transcript(transcript, audience=ORIGIN, nonce=NONCE, reader_key=reader() if mac else None)


def transcript_bytes(challenge: Challenge) -> bytes:
    """Return SessionTranscriptBytes, under tag 24."""
    return embedded(session_transcript(challenge))


def check(response: str | bytes, challenge: Challenge, **changes: Any) -> VerifiedPresentation:
    """Verify a DeviceResponse in this world and expect a verified presentation."""
    arguments: dict[str, Any] = {"anchors": anchors(), "statuses": StatusStore(anchors=TrustAnchors()), "now": NOW}
    data = bytes.fromhex(response) if isinstance(response, str) else response
    verdict = verify(data, format=Format.MDOC, challenge=challenge, **(arguments | changes))
    assert isinstance(verdict, VerifiedPresentation)
    return verdict


def credential(device_key: PublicKey, *, curve: str = "P-256", digest: str = "sha-256", **changes: Any) -> bytes:
    """Issue all of CLAIMS with our writer; an IssuerSigned."""
    arguments: dict[str, Any] = {
        "type": PID,
        "issuer": ISSUER,
        "claims": CLAIMS,
        "validity": Validity(*(UnixTime(each) for each in VALIDITY)),
        "holder_key": device_key,
        "status": (),
    }
    issuer = Issuer(identifier=ISSUER, key=local(private_key("DS", curve)), certificates=[der(document_signer(curve))])
    return issuer.issue(Attestation(**(arguments | changes)), format=Format.MDOC, decoys=3, hash_algorithm=digest)


def response(
    challenge: Challenge, *, key: LocalKey | AgreementKey | None = None, disclose: Any = ALL, **changes: Any
) -> bytes:
    """Answer a challenge with our writer; a DeviceResponse of a credential of ours."""
    key = key or local(device())
    received = Credential.receive(
        changes.pop("data", None) or credential(key.public, **changes), format=Format.MDOC, anchors=anchors(), now=NOW
    )
    return received.present(disclose, challenge=challenge, key=key, peer=challenge.peer, now=NOW)


@dataclass
class Forgery:
    """All that a hand-made DeviceResponse is made of. What a test changes is signed nevertheless."""

    declared: str = PID
    type: str = PID
    items: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: _items())
    unsigned_namespaces: tuple[str, ...] = ()
    validity: tuple[int, int, int] = VALIDITY
    certificate: x509.Certificate = field(default_factory=lambda: document_signer())
    issuer_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: private_key("DS"))
    device_elements: dict[str, dict[str, Any]] = field(default_factory=dict)
    device_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: device())
    status: int = 0
    mac_too: bool = False
    no_device_auth: bool = False

    def answer(self, challenge: Challenge) -> bytes:
        """Return the DeviceResponse."""
        tagged = {
            namespace: [cbor2.CBORTag(24, cbor2.dumps(item)) for item in items]
            for namespace, items in self.items.items()
        }
        digests = {
            namespace: {
                item["digestID"]: hashlib.sha256(cbor2.dumps(data)).digest()
                for item, data in zip(self.items[namespace], tagged[namespace], strict=True)
            }
            for namespace in tagged
            if namespace not in self.unsigned_namespaces
        }
        signed, valid_from, valid_until = (cbor2.CBORTag(0, write_date_time(UnixTime(each))) for each in self.validity)
        mso = {
            "version": "1.0",
            "digestAlgorithm": "SHA-256",
            "docType": self.type,
            "valueDigests": digests,
            "deviceKeyInfo": {"deviceKey": cose_key(local(device()).public)},
            "validityInfo": {"signed": signed, "validFrom": valid_from, "validUntil": valid_until},
        }
        payload = cbor2.dumps(cbor2.CBORTag(24, cbor2.dumps(mso)))
        issuer_auth = _sign1(self.issuer_key, {33: der(self.certificate)}, payload, attached=True)
        elements = cbor2.CBORTag(24, cbor2.dumps(self.device_elements))
        transcript = cbor2.loads(session_transcript(challenge))
        content = cbor2.dumps(["DeviceAuthentication", transcript, self.declared, elements])
        auth = {"deviceSignature": _sign1(self.device_key, {}, cbor2.dumps(cbor2.CBORTag(24, content)), attached=False)}
        if self.mac_too:
            auth["deviceMac"] = [cbor2.dumps({1: 5}), {}, None, bytes(32)]
        document = {
            "docType": self.declared,
            "issuerSigned": {"nameSpaces": tagged, "issuerAuth": issuer_auth},
            "deviceSigned": {"nameSpaces": elements, "deviceAuth": auth},
        }
        if self.no_device_auth:
            del document["deviceSigned"]
        return cbor2.dumps({"version": "1.0", "documents": [document], "status": self.status})


def _items() -> dict[str, list[dict[str, Any]]]:
    return {
        namespace: [
            {
                "digestID": number,
                "random": hashlib.sha256(f"{namespace}/{name}".encode()).digest(),
                "elementIdentifier": name,
                "elementValue": value,
            }
            for number, (name, value) in enumerate(elements.items())
        ]
        for namespace, elements in CLAIMS.items()
    }


def _sign1(
    key: ec.EllipticCurvePrivateKey, unprotected: dict[int, Any], payload: bytes, *, attached: bool
) -> list[Any]:
    protected = cbor2.dumps({1: -7})
    signature = local(key).sign(cbor2.dumps(["Signature1", protected, b"", payload]))
    return [protected, unprotected, payload if attached else None, signature]


def claims_of(verified: VerifiedPresentation) -> Mapping[str, Any]:
    claims = thaw(verified.attestation.claims)
    assert isinstance(claims, dict)
    return claims


def picked(paths: list[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Return the part of CLAIMS at these paths."""
    made: dict[str, dict[str, Any]] = {}
    for namespace, name in paths:
        made.setdefault(namespace, {})[name] = CLAIMS[namespace][name]
    return made
