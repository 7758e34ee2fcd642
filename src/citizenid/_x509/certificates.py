"""One certificate: whether it is sound, what its key is worth, and whether another one issued it.

All bytes of a chain are hostile until a pinned root has vouched for them. Constraints that we do not follow (names,
policies) refuse, critical or not: RFC 5280 wants them critical, and one that is overlooked has constrained nothing.

Spec: RFC 5280 sections 4.1, 4.2, 6.1.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import PublicKeyAlgorithmOID, SignatureAlgorithmOID

from .._crypto import EXPLICIT_CURVE, PublicKey, material_of
from .._errors import CitizenIDError, MalformedError, Reason
from .._wire.keys import KeyMaterial
from .der import survey

# All that `cryptography` raises for a certificate or a CRL that it cannot read; most of these are no ValueError.
UNREADABLE: Final = (
    ValueError,  # a year 0 as well
    LookupError,  # KeyError of a feature without a name; IndexError of our own look at the elements
    TypeError,  # of a list of features that is none
    Warning,  # where warnings are errors
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
# What may be critical. The identifiers of keys MUST NOT be (RFC 5280 sections 4.2.1.1 and 4.2.1.2).
_UNDERSTOOD: Final = frozenset(
    {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.SubjectAlternativeName.oid,  # names do not decide here: the operator's label of the root does
        x509.IssuerAlternativeName.oid,
        x509.CRLDistributionPoints.oid,
    }
)
_UNDERSTOOD_OF_A_LEAF: Final = _UNDERSTOOD | {x509.ExtendedKeyUsage.oid}
_NOT_FOLLOWED: Final = frozenset(
    {x509.NameConstraints.oid, x509.PolicyConstraints.oid, x509.InhibitAnyPolicy.oid}
)  # RFC 5280 sections 4.2.1.10, 4.2.1.11, 4.2.1.14
_SERIAL_BOUND: Final = 1 << 159  # 20 octets with a sign (RFC 5280 section 4.1.2.2)
_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_LEAST_RSA_BITS: Final = 2_048  # NIST SP 800-57 part 1 table 2: 112 bits of security
_MOST_RSA_BITS: Final = 8_192  # authorities have 4,096 at most; the price of a signature grows with the square
_RSA_EXPONENT_BITS: Final = 64  # what OpenSSL takes with a long modulus; a longer one serves nobody
# Keys that `cryptography` loads without a warning; Diffie-Hellman is not among them.
_SIGNATURE_KEYS: Final = frozenset(
    {
        PublicKeyAlgorithmOID.EC_PUBLIC_KEY,
        PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5,
        PublicKeyAlgorithmOID.RSASSA_PSS,
        PublicKeyAlgorithmOID.ED25519,
        PublicKeyAlgorithmOID.ED448,
        PublicKeyAlgorithmOID.ML_DSA_44,
        PublicKeyAlgorithmOID.ML_DSA_65,
        PublicKeyAlgorithmOID.ML_DSA_87,
    }
)
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class Opened(NamedTuple):
    """A certificate that was read, with its serial number.

    Attributes:
        certificate: what was read.
        serial: the serial number as received.
        tbs: the signed bytes as received.
        is_copy: whether `certificate` was read from a copy with another serial number.
        issuer, subject: the two names as received.
        key: the content of the SubjectPublicKeyInfo as received.
        not_before: valid from then on, Unix seconds.
        not_after: valid before then.
    """

    certificate: x509.Certificate
    serial: int
    tbs: bytes
    is_copy: bool
    issuer: bytes
    subject: bytes
    key: bytes
    not_before: int
    not_after: int


def open_certificate(der: bytes, where: str, *, leaf: bool, any_serial: bool) -> Opened:
    """Read one certificate of a chain.

    Raises:
        MalformedError: CERTIFICATE_INVALID for broken DER, a version below 3, a serial number that is not positive or
            longer than 20 octets (unless any will do), an empty name, and what `is_sound` refuses.
    """
    opened = None
    try:
        opened = read_certificate(der, leaf=leaf)
    except UNREADABLE:
        opened = None
    if opened is None or not (any_serial or 0 < opened.serial < _SERIAL_BOUND):
        raise MalformedError(Reason.CERTIFICATE_INVALID, where)
    return opened


def read_certificate(der: bytes, *, leaf: bool) -> Opened | None:
    """Read a certificate with any serial number; None when it is not sound.

    Raises:
        one of `UNREADABLE`: for what cannot be read.
    """
    found = survey(der)
    if not found.is_quiet or EXPLICIT_CURVE in der:
        return None
    certificate = x509.load_der_x509_certificate(found.readable)
    # The signature ends the certificate, after a count of unused bits that is not signed and must be none.
    if not is_sound(certificate, leaf=leaf) or not der.endswith(b"\0" + certificate.signature):
        return None
    is_copy, times = found.readable is not der, window(certificate)
    return Opened(certificate, found.serial, found.tbs, is_copy, found.issuer, found.subject, found.key, *times)


def is_sound(certificate: x509.Certificate, *, leaf: bool) -> bool:
    """Whether names and all extensions can be read, and none of these asks for what we do not do.

    Raises:
        one of `UNREADABLE`: for a part that cannot be read.
    """
    # A leaf's extended key usage is for its profile; in an authority it would be a constraint that we do not follow.
    understood = _UNDERSTOOD_OF_A_LEAF if leaf else _UNDERSTOOD
    extensions = certificate.extensions
    return (
        certificate.version is x509.Version.v3
        and bool(certificate.subject and certificate.issuer)
        and not any(each.oid in _NOT_FOLLOWED or (each.critical and each.oid not in understood) for each in extensions)
    )


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> x509.Extension[_Extension] | None:
    """Return an extension with its criticality, or None."""
    # As `get_extension_for_class`, which asks an abstract class of each whether it is one, and raises for none.
    for each in certificate.extensions:
        if type(each.value) is kind:
            return each  # type: ignore[no-any-return]  # mypy does not narrow by type()
    return None


def is_self_issued(certificate: x509.Certificate) -> bool:
    """By the names, without a look at its signature."""
    return certificate.subject == certificate.issuer


def is_authority(certificate: x509.Certificate, *, below: int) -> bool:
    """Whether it may issue certificates, with `below` intermediates under it (RFC 5280 sections 4.2.1.3, 4.2.1.9)."""
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    return (
        constraints is not None
        and constraints.critical
        and constraints.value.ca
        and (constraints.value.path_length is None or constraints.value.path_length >= below)
        and (usage is None or usage.value.key_cert_sign)
    )


def issued(opened: Opened, issuer: x509.Certificate, name: bytes) -> bool:
    """Whether `issuer`, whose subject is written `name`, signed this certificate, with a digest that still counts."""
    certificate = opened.certificate
    try:
        if not is_strong_hash(certificate.signature_hash_algorithm) or not keeps_scheme(
            issuer, certificate.signature_algorithm_oid
        ):
            return False
        key, scheme = issuer.public_key(), certificate.signature_algorithm_parameters
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(scheme, ec.ECDSA):
            # As the library does it, but over the bytes that came: it would write them anew.
            if opened.issuer != name and not (opened.is_copy and certificate.issuer == issuer.subject):
                return False
            key.verify(certificate.signature, opened.tbs, scheme)
            return True
        if opened.is_copy:
            return False
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_strong_hash(algorithm: hashes.HashAlgorithm | None) -> bool:
    """SHA-2, or none at all: Ed25519, Ed448 and ML-DSA bring their own."""
    return algorithm is None or isinstance(algorithm, _HASHES)


def keeps_scheme(issuer: x509.Certificate, scheme: x509.ObjectIdentifier) -> bool:
    """Whether its key may sign in this scheme: one for RSASSA-PSS does nothing else (RFC 4055 section 1.2)."""
    return (
        issuer.public_key_algorithm_oid != PublicKeyAlgorithmOID.RSASSA_PSS
        or scheme == SignatureAlgorithmOID.RSASSA_PSS
    )


def names_key_of(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the key identifiers agree, when both are there (RFC 5280 sections 4.2.1.1 and 4.2.1.2)."""
    authority = extension(certificate, x509.AuthorityKeyIdentifier)
    subject = extension(issuer, x509.SubjectKeyIdentifier)
    if authority is None or authority.value.key_identifier is None or subject is None:
        return True
    return bool(authority.value.key_identifier == subject.value.digest)


def identifies_keys(certificate: x509.Certificate, *, leaf: bool) -> bool:
    """Whether both identifiers stand where RFC 5280 wants them, the authority's as a key identifier alone."""
    authority = extension(certificate, x509.AuthorityKeyIdentifier)
    if authority is None:
        stated = is_self_issued(certificate)
    else:
        value = authority.value
        stated = value.key_identifier is not None and value.authority_cert_issuer is None
    return stated and (leaf or extension(certificate, x509.SubjectKeyIdentifier) is not None)


def check_authority_key(certificate: x509.Certificate, where: str) -> None:
    """Refuse an authority's key that is too weak or of no kind that signs.

    Raises:
        MalformedError: KEY_INVALID for EC on a curve outside of the table of algorithms, RSA below 2048 or above 8192
            bits, of broken octets, with an even modulus or a long exponent, a point of small order, and other kinds;
            CURVE_UNSUPPORTED for brainpoolP320r1, which no backend here has.
    """
    handle = _handle(certificate)
    if handle is None:
        raise MalformedError(_key_refusal(certificate), where)
    strong = True
    if isinstance(handle, ec.EllipticCurvePublicKey):
        material_of(handle, where)  # the curves of leaves: ISO/IEC 18013-5 annex B has no other for an authority
    elif isinstance(handle, rsa.RSAPublicKey):
        numbers, bits = handle.public_numbers(), handle.key_size
        strong = (
            _LEAST_RSA_BITS <= bits <= _MOST_RSA_BITS
            and bits % 8 == 0
            and numbers.n % 2 == 1
            and numbers.e.bit_length() <= _RSA_EXPONENT_BITS
        )
    elif isinstance(handle, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        PublicKey(material_of(handle, where), where, full=True)  # under a point of small order anybody signs anything
    # What is left is ML-DSA, which has no weaker kinds.
    if not strong:
        raise MalformedError(Reason.KEY_INVALID, where)


def key_of(opened: Opened, where: str) -> PublicKey:
    """Return the key of a leaf, with the full gate.

    Raises:
        MalformedError: CURVE_UNSUPPORTED for brainpoolP320r1, which no backend here has; KEY_INVALID for every other
            kind of key or curve that is not in the table of algorithms, and for what is no key.
    """
    point = _P256.fullmatch(opened.key)
    if point is not None:  # as most are: loaded once, where what stands there is what a loaded key would give
        try:
            return PublicKey(KeyMaterial("ES256", point[1]), where, full=True)
        except MalformedError:
            pass  # the refusal is chosen below
    certificate = opened.certificate
    handle = _handle(certificate)
    material = None
    try:
        material = material_of(handle, where)
    except CitizenIDError:
        pass  # raised below, where the kind of key is known
    if material is None:
        raise MalformedError(_key_refusal(certificate), where)
    return PublicKey(material, where, full=True)


def certifies(der: bytes, key: PublicKey, where: str) -> bool:
    """Whether this is a certificate of exactly this key. Nothing else of it is asked, not even who signed it."""
    try:
        certificate = x509.load_der_x509_certificate(survey(der).readable)
        return signs(certificate) and PublicKey(material_of(certificate.public_key(), where), where, full=True) == key
    except (*UNREADABLE, CitizenIDError):
        return False


def signs(certificate: x509.Certificate) -> bool:
    """Whether its key is of a kind that signs, and is loaded without a warning."""
    return certificate.public_key_algorithm_oid in _SIGNATURE_KEYS


def spki_of(certificate: x509.Certificate) -> bytes:
    """Return its SubjectPublicKeyInfo in the one form in which keys are compared.

    Raises:
        one of `UNREADABLE`: for a key that cannot be loaded.
    """
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _handle(certificate: x509.Certificate) -> object:
    if not signs(certificate):
        return None
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _key_refusal(certificate: x509.Certificate) -> Reason:
    # The curve has a Reason of its own because mdoc permits it; a foreign one is a key of a kind that is not used here.
    unknown = _handle(certificate) is None and _P320R1 in certificate.tbs_certificate_bytes
    return Reason.CURVE_UNSUPPORTED if unknown else Reason.KEY_INVALID


# A SubjectPublicKeyInfo without its head: id-ecPublicKey with secp256r1 (RFC 5480 section 2.1), an uncompressed point.
_P256: Final = re.compile(
    re.escape(bytes.fromhex("301306072a8648ce3d020106082a8648ce3d03010703420004")) + rb"(.{64})", re.DOTALL
)
# The AlgorithmIdentifier of a key: id-ecPublicKey, then brainpoolP320r1 (RFC 5639 section 4.1).
_P320R1: Final = bytes.fromhex("06072a8648ce3d020106092b2403030208010109")


def window(certificate: x509.Certificate) -> tuple[int, int]:
    """Return when a certificate is valid, in Unix seconds; the end is exclusive."""
    # X.509 notAfter is inclusive (RFC 5280 section 4.1.2.5); ours is exclusive.
    return unix(certificate.not_valid_before_utc), unix(certificate.not_valid_after_utc) + 1


def unix(moment: datetime) -> int:
    """Return a date of a certificate, which has a time zone, in Unix seconds."""
    return int(moment.timestamp())
