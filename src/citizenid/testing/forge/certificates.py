"""Certificates and chains made by hand.

Spec: RFC 5280 section 4; RFC 7515 section 4.1.6.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ... import LocalKey
from .parts import NOW


@cache
def certificate_key(name: str) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key of this name, as `cryptography` has it."""
    return ec.generate_private_key(ec.SECP256R1())


def local_key(private: Any) -> LocalKey:
    """Return a private key of `cryptography` as a LocalKey."""
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return LocalKey.from_pem(pem)


def certificate(
    subject: str,
    issuer: str,
    *,
    public: Any = None,
    signer: Any = None,
    authority: bool = False,
    path_length: int | None = None,
    not_before: int = NOW - 86_400,
    not_after: int = NOW + 86_400,
    usage: Mapping[str, bool] | None = None,
    usage_critical: bool | None = True,
    constraints: bool = True,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    hash_algorithm: Any = hashes.SHA256(),  # noqa: B008  # an immutable value
    serial: int | None = None,
    names: Callable[[str], x509.Name] | None = None,
) -> x509.Certificate:
    """Make a certificate. Keys are those of the two names unless others are given; `usage_critical` None: no usage."""
    names = names or (lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]))
    private = signer or certificate_key(issuer)
    bits = {
        "digital_signature": not authority,
        "content_commitment": False,
        "key_encipherment": False,
        "data_encipherment": False,
        "key_agreement": False,
        "key_cert_sign": authority,
        "crl_sign": authority,
        "encipher_only": False,
        "decipher_only": False,
    }
    builder = (
        x509.CertificateBuilder()
        .subject_name(names(subject))
        .issuer_name(names(issuer))
        .public_key(public or certificate_key(subject).public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(datetime.datetime.fromtimestamp(not_before, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(not_after, datetime.UTC))
    )
    if usage_critical is not None:
        builder = builder.add_extension(x509.KeyUsage(**(bits | dict(usage or {}))), critical=usage_critical)
    if constraints:
        builder = builder.add_extension(x509.BasicConstraints(authority, path_length), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(private, hash_algorithm)


def der(*certificates: x509.Certificate) -> tuple[bytes, ...]:
    """Return certificates in DER."""
    return tuple(each.public_bytes(serialization.Encoding.DER) for each in certificates)


def pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates in PEM, one behind the other."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def revocation_list(
    issuer: x509.Name,
    signer: Any,
    serials: Iterable[int],
    *,
    this_update: int = NOW - 60,
    next_update: int = NOW + 86_400,
    number: int | None = 1,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    of_each: Iterable[tuple[x509.ExtensionType, bool]] = (),
    pem: bool = False,
) -> bytes:
    """Make a CRL by hand, in DER or PEM; `of_each` are extensions of every entry."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer)
        .last_update(datetime.datetime.fromtimestamp(this_update, datetime.UTC))
        .next_update(datetime.datetime.fromtimestamp(next_update, datetime.UTC))
    )
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        entry = entry.revocation_date(datetime.datetime.fromtimestamp(NOW - 120, datetime.UTC))
        for extension, critical in of_each:
            entry = entry.add_extension(extension, critical)
        builder = builder.add_revoked_certificate(entry.build())
    made = builder.sign(signer, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM if pem else serialization.Encoding.DER)


def x5c(*certificates: x509.Certificate) -> list[str]:
    """Return certificates as the `x5c` header has them: standard base64 of DER."""
    return [base64.b64encode(each).decode() for each in der(*certificates)]
