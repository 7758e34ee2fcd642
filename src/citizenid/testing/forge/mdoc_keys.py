"""Keys of every curve that an mdoc may use, and certificates of document signers, made by hand.

Spec: ISO/IEC 18013-5 9.1.2.4, table 22, annex B; RFC 9053 section 7.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from .parts import NOW

DOCUMENT_SIGNER: Final = "1.0.18013.5.1.2"
# name: (curve or None, COSE algorithm, hash, bytes of a coordinate, COSE kty, COSE crv)
_CURVES: Final[dict[str, tuple[Any, int, Any, int, int, int]]] = {
    "P-256": (ec.SECP256R1(), -7, hashes.SHA256(), 32, 2, 1),
    "P-384": (ec.SECP384R1(), -35, hashes.SHA384(), 48, 2, 2),
    "P-521": (ec.SECP521R1(), -36, hashes.SHA512(), 66, 2, 3),
    "brainpoolP256r1": (ec.BrainpoolP256R1(), -7, hashes.SHA256(), 32, 2, 256),
    "brainpoolP384r1": (ec.BrainpoolP384R1(), -35, hashes.SHA384(), 48, 2, 258),
    "brainpoolP512r1": (ec.BrainpoolP512R1(), -36, hashes.SHA512(), 64, 2, 259),
    "Ed25519": (None, -8, None, 32, 1, 6),
    "Ed448": (None, -8, None, 57, 1, 7),
}
CURVES: Final = tuple(_CURVES)


def key(name: str, curve: str = "P-256") -> Any:
    """Return the private key of this name and curve, the same in the whole run."""
    return _key(name, curve)


@cache
def _key(name: str, curve: str) -> Any:
    if curve == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if curve == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(_CURVES[curve][0])


def curve_of(private: Any) -> str:
    """Return the name of a key's curve."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "Ed25519"
    if isinstance(private, ed448.Ed448PrivateKey):
        return "Ed448"
    return next(name for name, row in _CURVES.items() if row[0] is not None and row[0].name == private.curve.name)


def algorithm_of(private: Any) -> int:
    """Return the number that ISO/IEC 18013-5 table 22 has for a key."""
    return _CURVES[curve_of(private)][1]


def sign(private: Any, data: bytes) -> bytes:
    """Sign: r || s, or what EdDSA makes."""
    curve, _, hash_, size, _, _ = _CURVES[curve_of(private)]
    if curve is None:
        return private.sign(data)  # type: ignore[no-any-return]  # keys of several kinds
    r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hash_)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def cose_key(private: Any) -> dict[int, Any]:
    """Return the public half as a COSE_Key."""
    curve, _, _, size, kty, crv = _CURVES[curve_of(private)]
    if curve is None:
        return {1: kty, -1: crv, -2: private.public_key().public_bytes_raw()}
    numbers = private.public_key().public_numbers()
    return {1: kty, -1: crv, -2: numbers.x.to_bytes(size, "big"), -3: numbers.y.to_bytes(size, "big")}


def certificate(
    subject: str,
    issuer: str,
    private: Any,
    signer: Any,
    *,
    authority: bool = False,
    country: str = "UT",
    states: Sequence[str] = (),
    not_before: int = NOW - 30 * 86_400,
    not_after: int = NOW + 300 * 86_400,
    purpose: str | None = DOCUMENT_SIGNER,
) -> x509.Certificate:
    """Make a certificate by annex B of ISO/IEC 18013-5; `states` stand in its subject, `not_after` is inclusive."""
    bits = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    usage = x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, decipher_only=False, **bits
    )

    def name(common: str, country: str = "UT", states: Sequence[str] = ()) -> x509.Name:
        places = [(NameOID.COUNTRY_NAME, country), *((NameOID.STATE_OR_PROVINCE_NAME, state) for state in states)]
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in [*places, (NameOID.COMMON_NAME, common)]])

    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject, country, states))
        .issuer_name(name(issuer))
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime.fromtimestamp(not_before, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(not_after, datetime.UTC))
        .add_extension(usage, critical=True)
    )
    if authority:
        made = made.add_extension(x509.BasicConstraints(True, 0), critical=True)
    elif purpose is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose)]), critical=True)
    return made.sign(signer, hashes.SHA256())


@cache
def root() -> x509.Certificate:
    """Return the certificate of the one IACA that is trusted."""
    return certificate("IACA", "IACA", key("IACA"), key("IACA"), authority=True)


def signer_certificate(
    curve: str = "P-256", not_before: int = NOW - 30 * 86_400, not_after: int = NOW + 300 * 86_400
) -> bytes:
    """Return a document signer's certificate under the trusted IACA, DER."""
    return _signer_certificate(curve, not_before, not_after)


@cache
def _signer_certificate(curve: str, not_before: int, not_after: int) -> bytes:
    made = certificate("DS", "IACA", key("signer", curve), key("IACA"), not_before=not_before, not_after=not_after)
    return made.public_bytes(serialization.Encoding.DER)


def pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates in PEM."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)
