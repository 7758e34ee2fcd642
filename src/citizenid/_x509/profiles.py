"""The named profiles: what the leaf of a chain must be, one row each. No registration, no switch.

A purpose that a certificate states confines it, critical or not (RFC 5280 section 4.2.1.12): where the extension
stands, it must hold a purpose of the row, in an authority below the root too. Key usage bits bind whether the extension
is critical or not.

Spec: ISO/IEC 18013-5 B.1.4, B.1.7, C.1.8; Token Status List section 10; SD-JWT VC section 2.5; HAIP 1.0 section 6.1.1.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .. import _registry as reg
from .._errors import Reason, VerificationError
from .._model import CertificateProfile
from .certificates import extension, is_self_issued

_BITS: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
_OF_AUTHORITIES: Final = frozenset({"key_cert_sign", "crl_sign"})


class Profile(NamedTuple):
    """One row.

    Attributes:
        where: the path that errors name.
        purposes: extended key purposes of which the leaf must state one, if it states any.
        purpose_required: it must state one, in a critical extension.
        usage: key usage bits of which the leaf must have one, if it has the extension.
        usage_required: it must have the extension, and no bit besides those of `usage`.
        country: the country of the leaf's subject must be the root's, and the state too if both name one.
        root_in_chain: the chain may end with the pinned root.
        key_identifiers: all certificates name the keys of their issuers, and all authorities their own.
        any_serial: serial numbers may be negative, zero or long. RFC 5280 section 4.1.2.2 wants verifiers prepared for
            these, and document signers in use have them; nothing but a CRL asks for the number.
        intermediates: how many certificates may stand between the leaf and the root.
    """

    where: str
    purposes: frozenset[str]
    purpose_required: bool = False
    usage: frozenset[str] = frozenset({"digital_signature"})
    usage_required: bool = False
    country: bool = False
    root_in_chain: bool = False
    key_identifiers: bool = False
    any_serial: bool = False
    intermediates: int = 2


PROFILES: Final[dict[CertificateProfile, Profile]] = {
    # No purpose is registered for SD-JWT VC. An issuer of both formats has one document signer, and the anchor's
    # formats say whether that counts; a certificate for TLS under the same root never does.
    CertificateProfile.SD_JWT_VC_ISSUER: Profile("issuer-jwt.header.x5c", reg.EKU_DOCUMENT_SIGNER),
    CertificateProfile.MDOC_DOCUMENT_SIGNER: Profile(
        "issuer-auth.header.x5chain",
        reg.EKU_DOCUMENT_SIGNER,
        purpose_required=True,
        usage_required=True,
        country=True,
        any_serial=True,
    ),
    CertificateProfile.MDOC_READER: Profile(
        "reader-auth.header.x5chain",
        reg.EKU_READER,
        purpose_required=True,
        usage_required=True,
        key_identifiers=True,
        any_serial=True,
    ),
    CertificateProfile.STATUS_LIST_SIGNER: Profile("status-list.x5c", reg.EKU_STATUS_LIST_SIGNER),
    CertificateProfile.VICAL_SIGNER: Profile(
        "vical.header.x5chain",
        reg.EKU_VICAL_SIGNER,
        purpose_required=True,
        usage=frozenset({"content_commitment", "digital_signature"}),  # nonRepudiation is the older name of the first
        usage_required=True,
        root_in_chain=True,
        key_identifiers=True,
        any_serial=True,
    ),
}


def check_leaf(certificate: x509.Certificate, profile: Profile) -> None:
    """Refuse a leaf that its profile does not permit.

    Raises:
        VerificationError: CERTIFICATE_INVALID for a leaf that issued itself, CERTIFICATE_USE_FORBIDDEN for an
            authority, for key usage and for extended key usage.
    """
    where = profile.where
    # HAIP 1.0 section 6.1.1: the signer is not self-signed. No IACA is its own document signer either.
    if is_self_issued(certificate):
        raise VerificationError(Reason.CERTIFICATE_INVALID, where)
    usage = extension(certificate, x509.KeyUsage)
    bits = None if usage is None else _bits(usage.value)
    if _is_authority(certificate, bits) or not _has_usage(bits, profile) or not _has_purpose(certificate, profile):
        raise VerificationError(Reason.CERTIFICATE_USE_FORBIDDEN, where)


def may_issue_signers(certificate: x509.Certificate, profile: Profile) -> bool:
    """Whether an authority states no purposes, or any, or one of the profile.

    An authority that is confined to TLS would otherwise certify a signer simply by stating no purpose in it.
    """
    stated = extension(certificate, x509.ExtendedKeyUsage)
    return (
        stated is None
        or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in stated.value
        or any(purpose.dotted_string in profile.purposes for purpose in stated.value)
    )


def is_issuing(certificate: x509.Certificate) -> bool:
    """Whether it says of itself that it issues certificates or CRLs."""
    usage = extension(certificate, x509.KeyUsage)
    return _is_authority(certificate, None if usage is None else _bits(usage.value))


def _is_authority(certificate: x509.Certificate, bits: frozenset[str] | None) -> bool:
    constraints = extension(certificate, x509.BasicConstraints)
    return (constraints is not None and constraints.value.ca) or bool(bits and bits & _OF_AUTHORITIES)


def may_sign_objects(certificate: x509.Certificate) -> bool:
    """Whether it is no authority and its key usage, if stated, includes digital signatures."""
    usage = extension(certificate, x509.KeyUsage)
    return not is_issuing(certificate) and (usage is None or usage.value.digital_signature)


def countries_agree(leaf: x509.Certificate, root: x509.Certificate) -> bool:
    """Whether both subjects name one and the same country, and no two states (ISO/IEC 18013-5 9.3.3 and annex B)."""
    (country, state), (other, province) = _places(leaf), _places(root)
    return len(country) == 1 and country == other and (not (state and province) or state == province)


def _places(certificate: x509.Certificate) -> tuple[list[str | bytes], list[str | bytes]]:
    """Return the countries and the states that its subject names, in one pass."""
    countries, states = [], []
    for attribute in certificate.subject:
        kind = attribute.oid
        if kind == NameOID.COUNTRY_NAME:
            countries.append(attribute.value)
        elif kind == NameOID.STATE_OR_PROVINCE_NAME:
            states.append(attribute.value)
    return countries, states


def has_one_country(leaf: x509.Certificate) -> bool:
    """Whether its subject names a country, and not two: without one it agrees with no root."""
    return len(_values(leaf, NameOID.COUNTRY_NAME)) == 1


def country_of(leaf: x509.Certificate) -> str | None:
    """Return the country that its subject names."""
    return next((value for value in _values(leaf, NameOID.COUNTRY_NAME) if isinstance(value, str)), None)


def states_of(leaf: x509.Certificate) -> tuple[str | bytes, ...]:
    """Return the states or provinces that its subject names."""
    return tuple(_values(leaf, NameOID.STATE_OR_PROVINCE_NAME))


def _values(certificate: x509.Certificate, name: x509.ObjectIdentifier) -> list[str | bytes]:
    return [attribute.value for attribute in certificate.subject.get_attributes_for_oid(name)]


def _has_usage(bits: frozenset[str] | None, profile: Profile) -> bool:
    if bits is None:
        return not profile.usage_required
    return bool(bits & profile.usage) and (not profile.usage_required or bits <= profile.usage)


def _has_purpose(certificate: x509.Certificate, profile: Profile) -> bool:
    stated = extension(certificate, x509.ExtendedKeyUsage)
    if stated is None:
        return not profile.purpose_required
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in stated.value:
        return False
    purposes = {purpose.dotted_string for purpose in stated.value}
    return bool(purposes & profile.purposes) and (stated.critical or not profile.purpose_required)


def _bits(usage: x509.KeyUsage) -> frozenset[str]:
    return frozenset(name for name in _BITS if getattr(usage, name))
