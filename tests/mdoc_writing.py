"""What the tests of mdoc issuing and presenting build with: an IACA, document signers, and one small world.

Spec: ISO/IEC 18013-5 9.1.2.4 and B.1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from builders import ISSUER, NOW, STATUS_URI, VALID_INDEX, certificate, der, key, local_key, pem
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.x509.oid import NameOID, ObjectIdentifier

from citizenid import (
    ANY,
    Attestation,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Validity,
)
from citizenid._wire import cbor
from citizenid.issuer import Issuer

MDOC: Final[dict[str, Any]] = {"format": Format.MDOC}
OURS: Final = "org.citizenid.citizenship.1"
PID: Final = "eu.europa.ec.eudi.pid.1"
MDL_TYPE: Final = "org.iso.18013.5.1.mDL"
MDL: Final = "org.iso.18013.5.1"
PHOTO_TYPE: Final = "org.iso.23220.photoid.1"
PHOTO: Final = "org.iso.23220.1"
TYPES: Final = (OURS, PID, MDL_TYPE, PHOTO_TYPE, "org.example.other")
TAGS: Final = frozenset({0, 24, 1004})
SIGNER: Final = "1.0.18013.5.1.2"
PRIVATE: Final[dict[str, Callable[[], Any]]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ESB256": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    "ESB384": lambda: ec.generate_private_key(ec.BrainpoolP384R1()),
    "ESB512": lambda: ec.generate_private_key(ec.BrainpoolP512R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}
ALGORITHMS: Final = tuple(PRIVATE)
# What each algorithm is called in an mdoc: ISO/IEC 18013-5 table 22.
NUMBERS: Final = {
    "ES256": -7, "ES384": -35, "ES512": -36, "ESB256": -7, "ESB384": -35, "ESB512": -36, "Ed25519": -8, "Ed448": -8,
}  # fmt: skip


def named(
    subject: str,
    issuer: str,
    *,
    country: str | None = "UT",
    states: Sequence[str] = (),
    purpose: str | None = SIGNER,
    **changes: Any,
) -> Any:
    """Make a certificate with a country and states in both names, and for a leaf the purpose of a document signer."""
    extensions = [*changes.pop("extensions", ())]
    if purpose is not None and not changes.get("authority"):
        extensions.append((x509.ExtendedKeyUsage([ObjectIdentifier(purpose)]), True))
    made = {"constraints": bool(changes.get("authority")), "extensions": extensions, **changes}
    return certificate(subject, issuer, names=lambda text: _name(text, country, states), **made)


def _name(text: str, country: str | None, states: Sequence[str]) -> x509.Name:
    parts = [] if country is None else [x509.NameAttribute(NameOID.COUNTRY_NAME, country)]
    parts += [x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, state) for state in states]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, text)])


@cache
def iaca() -> x509.Certificate:
    """Return the root."""
    return named("iaca", "iaca", authority=True)


@cache
def document_signer(algorithm: str = "ES256") -> tuple[LocalKey, tuple[bytes, ...]]:
    """Return a document signer under the root: its key and its chain."""
    private = PRIVATE[algorithm]()
    leaf = named("signer", "iaca", public=private.public_key(), not_after=NOW + 400 * 86_400)
    return local_key(private), der(leaf)


def trusted(**changes: Any) -> TrustAnchors:
    """Trust the root for every type and country."""
    scope: dict[str, Any] = {
        "issuer": ISSUER, "purpose": KeyPurpose.CREDENTIAL, "formats": (Format.MDOC,), "types": TYPES, "countries": ANY,
    }  # fmt: skip
    return TrustAnchors.from_certificates(pem(iaca()), **{**scope, **changes})


def door(algorithm: str = "ES256", **changes: Any) -> Issuer:
    """Return an issuer of mdocs."""
    signer, chain = document_signer(algorithm)
    return Issuer(**{"identifier": ISSUER, "key": signer, "certificates": chain, **changes})


def attestation(claims: Mapping[str, Any] | None = None, **changes: Any) -> Attestation:
    """Return what is stated: citizen of the US, thirty days valid."""
    good: dict[str, Any] = {
        "type": OURS,
        "issuer": ISSUER,
        "claims": {OURS: {"citizen_of_us": True, "nationalities": ["US"]}} if claims is None else claims,
        "validity": Validity(UnixTime(NOW - 60), UnixTime(NOW - 30), UnixTime(NOW + 30 * 86_400)),
        "holder_key": key("holder").public,
        "status": (StatusReference(STATUS_URI, VALID_INDEX),),
    }
    return Attestation(**{**good, **changes})


def source() -> Callable[[int], bytes]:
    """Bytes that do not repeat and are the same in each run."""
    numbers = itertools.count()
    return lambda size: b"".join(f"{next(numbers) * 7919 % 1_000_003:06d}".encode() for _ in range(-(-size // 6)))[
        :size
    ]


def mso_of(issuer_signed: bytes) -> Any:
    """Return the MobileSecurityObject, decoded."""
    return cbor.decode(mso_bytes(issuer_signed), "mso", TAGS)


def mso_bytes(issuer_signed: bytes) -> bytes:
    """Return the MobileSecurityObject, CBOR."""
    payload = cbor.decode(issuer_signed, "issuer-signed", TAGS)["issuerAuth"][2]
    content: bytes = cbor.decode(payload, "payload", TAGS).value
    return content


def items_of(issuer_signed: bytes) -> dict[str, list[bytes]]:
    """Return the items of each namespace, CBOR."""
    stated = cbor.decode(issuer_signed, "issuer-signed", TAGS).get("nameSpaces", {})
    return {namespace: [item.value for item in items] for namespace, items in stated.items()}


ANYWHERE: Final = tuple(country.alpha2 for country in Country.all())
