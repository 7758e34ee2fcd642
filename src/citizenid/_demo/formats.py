"""What differs between the credential formats, for the demo: who issues and how, whom to trust, and what is shown.

An mdoc is issued under a root certificate of its own and a document signer under that; the other two formats by a key
that a JWK Set names.

Spec: DESIGN section 7; ISO/IEC 18013-5 annex B.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from .. import ClaimPath, Country, Format, KeyPurpose, LocalKey, Reason, TrustAnchors
from ..issuer import Issuer

VCT: Final = "urn:citizenid:citizenship:1"
DOC_TYPE: Final = "org.citizenid.citizenship.1"  # of an mdoc, and the name of the namespace in it
_DOCUMENT_SIGNER: Final = ObjectIdentifier("1.0.18013.5.1.2")
_PERSON: Final = {
    "given_name": "Ada",
    "family_name": "Example",
    "birthdate": "1990-01-01",
    "sex": 2,
    "email": "ada@example.com",
    "address": {"locality": "Springfield", "country": "US"},
}


class Issuance(NamedTuple):
    """An identity provider that issues in one format, and what goes with it.

    Attributes:
        issuer: the identity provider.
        anchors: who trusts it, and for what.
        claims: what it states of a person beside citizenship, in the shape of the format.
        shown: the one claim that a citizen of a country shows.
        captured: why a presentation for another challenge is refused.
    """

    issuer: Issuer
    anchors: TrustAnchors
    claims: Mapping[str, Any]
    shown: Callable[[Country], ClaimPath]
    captured: Reason


def set_up(format_: Format, name: str, countries: Iterable[Country]) -> Issuance:
    """Make an identity provider of this name that may attest the citizenship of these countries."""
    if format_ is Format.MDOC:
        return _mdoc(name, countries)
    issuer = Issuer(identifier=name, key=LocalKey.generate("ES256"))
    anchors = TrustAnchors.from_jwks(
        name, issuer.jwks(), purpose=KeyPurpose.CREDENTIAL, formats=[format_], types=[VCT], countries=countries
    )
    return Issuance(issuer, anchors, _PERSON, lambda country: ("citizenships", 0), Reason.NONCE_MISMATCH)


def _mdoc(name: str, countries: Iterable[Country]) -> Issuance:
    root, certificate, key = _certificates()
    anchors = TrustAnchors.from_certificates(
        root,
        issuer=name,
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.MDOC],
        types=[DOC_TYPE],
        countries=countries,
    )
    return Issuance(
        Issuer(identifier=name, key=key, certificates=[certificate]),
        anchors,
        {"org.iso.23220.1": _PERSON},
        lambda country: (DOC_TYPE, f"citizen_of_{country.alpha2.lower()}"),
        Reason.SIGNATURE_INVALID,  # the device signs the nonce without showing it
    )


def _certificates() -> tuple[bytes, bytes, LocalKey]:
    """Make a root (PEM), a document signer under it (DER), and the signer's key."""
    root_key, signer_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, now = _name("Demo IACA"), datetime.now(UTC)
    root = (
        _certificate(root_name, root_name, root_key.public_key(), now, timedelta(days=3_650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    signer = (
        _certificate(_name("Demo document signer"), root_name, signer_key.public_key(), now, timedelta(days=450))
        .add_extension(x509.ExtendedKeyUsage([_DOCUMENT_SIGNER]), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = signer_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    encode = serialization.Encoding
    return root.public_bytes(encode.PEM), signer.public_bytes(encode.DER), LocalKey.from_pem(pem)


def _name(common: str) -> x509.Name:
    country, title = x509.NameAttribute(NameOID.COUNTRY_NAME, "US"), x509.NameAttribute(NameOID.COMMON_NAME, common)
    return x509.Name([country, title])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
