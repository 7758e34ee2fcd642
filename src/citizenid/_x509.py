"""A certificate path from an x5c leaf to a pinned root, at a given time. One linear walk, no building, no fetching.

The chain comes ordered, leaf first (RFC 7515 section 4.1.6); each certificate must be signed by the next one, the last
by a pinned root, which itself is not sent (HAIP 1.0 section 6.1.1). No certificate in the input is ever an anchor.
This is the plain profile for SD-JWT VC issuers; the named profiles of the mdoc world come with that format.

Spec: RFC 5280 section 6.1 (what applies to a linear path); SD-JWT VC section 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization

from ._crypto import EXPLICIT_CURVE, PublicKey, material_of, pem_bytes
from ._errors import CitizenIDError, MalformedError, Reason, VerificationError
from ._model import UnixTime

_WHERE: Final = "issuer-jwt.header.x5c"
_MAX_CHAIN: Final = 3  # a leaf and at most two intermediates
# All that `cryptography` raises for a certificate that it cannot read; most of these are no ValueError.
_UNREADABLE: Final = (
    ValueError,  # a year 0 as well
    LookupError,  # KeyError of a feature without a name; IndexError of our own look at the serial number
    TypeError,  # of a list of features that is none
    Warning,  # where warnings are errors
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_UNDERSTOOD: Final = (
    x509.BasicConstraints.oid,
    x509.KeyUsage.oid,
    x509.SubjectKeyIdentifier.oid,
    x509.AuthorityKeyIdentifier.oid,
    x509.SubjectAlternativeName.oid,  # names do not decide here: the operator's label of the root does
    x509.IssuerAlternativeName.oid,
    x509.CRLDistributionPoints.oid,
)


_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class CertifiedKey(NamedTuple):
    """The leaf's key, the window in which every certificate of the path is valid, and which root it led to."""

    key: PublicKey
    not_before: UnixTime
    not_after: UnixTime  # exclusive
    root: int


class Root(NamedTuple):
    """A pinned root certificate."""

    certificate: x509.Certificate
    der: bytes
    key: bytes  # SubjectPublicKeyInfo


def load_roots(pem: bytes | str) -> tuple[Root, ...]:
    """Load the roots that an operator pins.

    Raises:
        CitizenIDError: ANCHOR_INVALID when the PEM holds no certificate, a broken one, or one that is no CA.
    """
    certificates: list[x509.Certificate] = []
    keys: list[bytes] = []
    try:
        certificates = x509.load_pem_x509_certificates(pem_bytes(pem))
        usable = all(_is_authority(certificate, below=0) for certificate in certificates)
        _window(certificates)  # read here, where a date that is none is caught
        keys = [
            certificate.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            for certificate in certificates
        ]
    except _UNREADABLE:
        usable = False
    if not certificates or not usable:
        raise CitizenIDError(Reason.ANCHOR_INVALID, "certificates")
    return tuple(
        Root(certificate, certificate.public_bytes(serialization.Encoding.DER), spki)
        for certificate, spki in zip(certificates, keys, strict=True)
    )


def verify_path(chain: Sequence[bytes], roots: Sequence[Root], now: UnixTime) -> CertifiedKey:
    """Verify a chain of DER certificates, leaf first, up to one of the roots.

    Raises:
        MalformedError: LIMIT_EXCEEDED for more than three certificates, CERTIFICATE_INVALID for broken DER.
        VerificationError: CERTIFICATE_INVALID for a certificate that may not stand where it stands,
            CERTIFICATE_UNTRUSTED when no root signed the last one, CERTIFICATE_EXPIRED outside of a window.
    """
    if len(chain) > _MAX_CHAIN:
        raise MalformedError(Reason.LIMIT_EXCEEDED, _WHERE)
    path = [_load(der) for der in chain]
    if not _may_sign_objects(path[0]) or _is_self_issued(path[0]):
        raise VerificationError(Reason.CERTIFICATE_INVALID, _WHERE)
    for below, issuer in enumerate(path[1:]):
        if not _is_authority(issuer, below=below):
            raise VerificationError(Reason.CERTIFICATE_INVALID, _WHERE)
    # From the roots downwards: a key that nobody has vouched for verifies nothing, so that none is too slow to try.
    refusal = Reason.CERTIFICATE_UNTRUSTED
    for index, root in enumerate(roots):
        if root.der in chain or not _issued(path[-1], root.certificate):
            continue
        if not _is_authority(root.certificate, below=len(path) - 1):
            refusal = Reason.CERTIFICATE_INVALID
            continue
        not_before, not_after = _window([*path, root.certificate])
        if not not_before <= now < not_after:
            refusal = Reason.CERTIFICATE_EXPIRED  # a renewed root of the same key may still do
            continue
        _check_links(path)
        return CertifiedKey(_key(path[0]), UnixTime(not_before), UnixTime(not_after), index)
    raise VerificationError(refusal, _WHERE)


def _check_links(path: list[x509.Certificate]) -> None:
    for certificate, issuer in zip(reversed(path[:-1]), reversed(path), strict=False):
        if not _issued(certificate, issuer):
            raise VerificationError(Reason.CERTIFICATE_UNTRUSTED, _WHERE)


def check_chain(chain: Sequence[bytes], key: PublicKey) -> None:
    """Refuse a chain that no verifier would take, before it is written into a header.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID unless there are at most three certificates, each readable, and the leaf
            is one for `key` that may sign.
    """
    usable = False
    try:
        path = [_load(der) for der in chain if type(der) is bytes]
        if len(path) == len(chain) <= _MAX_CHAIN and _may_sign_objects(path[0]) and _key(path[0]) == key:
            _check_links(path)
            usable = not any(map(_is_self_issued, path))  # a self-issued one at the end is the root: it is not sent
    except CitizenIDError:
        pass  # raised below in our own words
    if not usable:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "certificates")


def _window(whole: Sequence[x509.Certificate]) -> tuple[int, int]:
    if not whole:
        return 0, 0
    not_before = max(_unix(certificate.not_valid_before_utc) for certificate in whole)
    # X.509 notAfter is inclusive (RFC 5280 section 4.1.2.5); ours is exclusive.
    return not_before, min(_unix(certificate.not_valid_after_utc) for certificate in whole) + 1


def _key(certificate: x509.Certificate) -> PublicKey:
    try:
        handle = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        handle = None
    return PublicKey(material_of(handle, _WHERE), _WHERE, full=True)


def _load(der: bytes) -> x509.Certificate:
    certificate = None
    try:
        if _has_positive_serial(der) and EXPLICIT_CURVE not in der:
            certificate = x509.load_der_x509_certificate(der)
            unknown = any(each.critical and each.oid not in _UNDERSTOOD for each in certificate.extensions)
            # Names, dates and all extensions are read here, where a broken one is caught.
            nameless = not (certificate.subject and certificate.issuer)
            _window([certificate])
            # The signature ends the certificate, after a count of unused bits that is not signed and must be none.
            if unknown or nameless or not der.endswith(b"\0" + certificate.signature):
                certificate = None
    except _UNREADABLE:
        certificate = None
    if certificate is None:
        raise MalformedError(Reason.CERTIFICATE_INVALID, _WHERE)
    return certificate


def _has_positive_serial(der: bytes) -> bool:
    # RFC 5280 section 4.1.2.2. `cryptography` only warns, on stderr and once, so the sign is looked up beforehand:
    # Certificate and TBSCertificate are sequences, version [0] may stand before the INTEGER.
    position = 0
    for _ in range(2):
        position += 2 + (der[position + 1] & 0x7F if der[position + 1] & 0x80 else 0)
    if der[position] == 0xA0:
        position += 2 + der[position + 1]
    content = der[position + 2 : position + 2 + der[position + 1]]
    return der[position] == 0x02 and len(content) > 0 and content[0] < 0x80 and any(content)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        if isinstance(certificate.signature_hash_algorithm, (hashes.SHA1, hashes.MD5)):
            return False
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_sign_objects(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    return not (constraints and constraints.ca) and (
        usage is None or (usage.digital_signature and not usage.key_cert_sign)
    )


def _is_self_issued(certificate: x509.Certificate) -> bool:
    # HAIP 1.0 section 6.1.1: the signer is not self-signed. By the names, without a look at its signature.
    return certificate.subject == certificate.issuer


def _is_authority(certificate: x509.Certificate, *, below: int) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    return (
        constraints is not None
        and constraints.ca
        and (constraints.path_length is None or constraints.path_length >= below)
        and (usage is None or usage.key_cert_sign)
    )


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _unix(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())
