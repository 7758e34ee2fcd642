"""What the vectors in CBOR share: COSE by hand, certificates with Ed25519 keys, anchors by certificates, and cases.

Everything is written with `cbor2` as it stands in the dict: in the order of ISO's examples and not in that of canonical
CBOR, which is how foreign issuers write.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import cbor2
from cbor2 import CBORTag
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier
from shared import DAY, ISSUER, ISSUER_KEY, NOW, Key, b64, changed

enc: Final = cbor2.dumps
ALG, KID, X5CHAIN, X5T = 1, 4, 33, 34


def embedded(data: bytes) -> CBORTag:
    return CBORTag(24, data)


def jsonable(value: Any) -> Any:
    """Write a CBOR value in JSON as README.md says: byte strings and integer names have a form of their own."""
    if isinstance(value, bytes):
        return {"bytes": b64(value)}
    if isinstance(value, Mapping):
        return {name if isinstance(name, str) else f"#{name}": jsonable(item) for name, item in value.items()}
    return [jsonable(item) for item in value] if isinstance(value, (list, tuple)) else value


# --- COSE ---

NUMBERS: Final = {"Ed25519": -8, "Ed448": -8, "ES256": -7, "ES384": -35, "ESB256": -7}  # as ISO and RFC 9053 have them


def sign1(
    protected: Mapping[Any, Any] | bytes, unprotected: Any, payload: bytes | None, key: Key, detached: bytes = b""
) -> list[Any]:
    """Return the four parts of a COSE_Sign1."""
    header = protected if isinstance(protected, bytes) else enc(dict(protected))
    signature = key.sign(enc(["Signature1", header, b"", detached if payload is None else payload]))
    return [header, unprotected, payload, signature]


# --- certificates ---

SIGNER: Final = "1.0.18013.5.1.2"
READER: Final = "1.0.18013.5.1.6"
USAGE: Final = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign \
crl_sign encipher_only decipher_only".split()


def _name(text: str, country: str | None, state: str | None) -> x509.Name:
    parts = [(NameOID.COUNTRY_NAME, country), (NameOID.STATE_OR_PROVINCE_NAME, state), (NameOID.COMMON_NAME, text)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value is not None])


def made_certificate(
    name: str,
    public: Any,
    issuer: Key,
    *,
    authority: bool = False,
    path: int | None = None,
    usage: Iterable[str] | None = None,
    purposes: Sequence[str] | None = None,
    purpose_critical: bool = True,
    country: str | None = "US",
    state: str | None = None,
    issuer_state: str | None = None,
    key_of_issuer: Key | None = None,
    unknown: bool = False,
    window: tuple[int, int] = (NOW - 30 * DAY, NOW + 365 * DAY),
) -> bytes:
    """Return a certificate in DER: a document signer's, or with `authority` that of a root or an intermediate."""
    bits = usage if usage is not None else ["key_cert_sign", "crl_sign"] if authority else ["digital_signature"]
    identifiers = x509.AuthorityKeyIdentifier.from_issuer_public_key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name, country, state))
        .issuer_name(_name(issuer.name, "US", issuer_state))
        .public_key(public)
        .serial_number(int.from_bytes(name.encode()[:8], "big"))
        .not_valid_before(datetime.datetime.fromtimestamp(window[0], datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(window[1], datetime.UTC))
        .add_extension(identifiers((key_of_issuer or issuer).private.public_key()), critical=False)
        .add_extension(x509.KeyUsage(**{bit: bit in bits for bit in USAGE}), critical=True)
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(True, path), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    stated_purposes = purposes if purposes is not None else () if authority else (SIGNER,)
    if stated_purposes:
        stated = x509.ExtendedKeyUsage([ObjectIdentifier(each) for each in stated_purposes])
        builder = builder.add_extension(stated, critical=purpose_critical)
    if unknown:
        odd = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
        builder = builder.add_extension(odd, critical=True)
    return builder.sign(issuer.private, None).public_bytes(serialization.Encoding.DER)


def leaf(name: str = "document signer", key: Key = ISSUER_KEY, **changes: Any) -> bytes:
    return made_certificate(name, key.private.public_key(), **{"issuer": ROOT, **changes})


def root(key: Key, **changes: Any) -> bytes:
    window = (NOW - 365 * DAY, NOW + 3_650 * DAY)
    options = {"authority": True, "window": window, "issuer_state": changes.get("state"), **changes}
    return made_certificate(key.name, key.private.public_key(), key, **options)


def crl(
    revoked: Iterable[str] = (),
    *,
    issuer: Key | None = None,
    number: bool = True,
    delta: bool = False,
    window: tuple[int, int] = (NOW - DAY, NOW + DAY),
) -> bytes:
    """Return a CRL in DER that lists the certificates of these names."""
    signer = issuer or ROOT
    begins, ends = (datetime.datetime.fromtimestamp(each, datetime.UTC) for each in window)
    builder = x509.CertificateRevocationListBuilder().issuer_name(_name(signer.name, "US", None))
    builder = builder.last_update(begins).next_update(ends)
    if number:
        builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    if delta:
        builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True)
    for name in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(int.from_bytes(name.encode()[:8], "big"))
        builder = builder.add_revoked_certificate(entry.revocation_date(begins).build())
    return builder.sign(signer.private, None).public_bytes(serialization.Encoding.DER)


def small_curve() -> Any:
    return ec.derive_private_key(7, ec.SECP192R1()).public_key()


def other_curve() -> Any:
    return ec.derive_private_key(7, ec.SECP256K1()).public_key()


def rsa_key() -> Any:
    # Nobody has its private half, and nobody needs it.
    return rsa.RSAPublicNumbers(65_537, int.from_bytes(b"\xc1" * 256, "big")).public_key()


ROOT: Final = Key("IACA")
NAMESAKE: Final = Key("IACA", "Ed448")  # another key under the name of the root
MIDDLE: Final = Key("intermediate")
ROOT_DER: Final = root(ROOT)
LEAF: Final = leaf()
SELF_MADE_KEY: Final = Key("document signer")
SELF_MADE: Final = leaf(key=SELF_MADE_KEY, issuer=SELF_MADE_KEY)


def pem(*ders: bytes) -> str:
    def one(der: bytes) -> str:
        return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"

    return "".join(map(one, ders))


# --- cases ---


def anchored(form: str, named: Sequence[str], keys: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    good = {"issuer": ISSUER, "purpose": "credential", "formats": [form], "types": list(named), "countries": "any"}
    anchor: dict[str, Any] = changed(good, {**keys, **changes})
    return anchor


def valid_as(good: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {"valid": jsonable(changed(good, changes))}


def case_of(good: Mapping[str, Any]) -> Callable[..., dict[str, Any]]:
    """Return a function that makes one case of a format; whatever is not changed is as in `good`."""

    def case(id: str, title: str, input: bytes | str, expected: Any, **changes: Any) -> dict[str, Any]:
        text = input if isinstance(input, str) else b64(input)
        verdict = "expected_each" if isinstance(expected, list) else "expected"
        return {"id": id, "title": title, **changed(good, changes), "input": text, verdict: expected}

    return case
