"""Certificates that an operator pins: roots, which vouch for others, and document signers, which sign themselves.

They are configuration and not input, so a broken one is refused when it is loaded. Their serial numbers may be as they
like: nothing asks for them.

Spec: RFC 5280 section 6.1.1 (trust anchor information); ISO/IEC 18013-5 B.1.2.
"""

from __future__ import annotations

import base64
from collections.abc import Hashable, Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from cryptography import x509

from .._crypto import PublicKey, pem_bytes
from .._errors import CitizenIDError, Reason
from .._model import UnixTime
from .certificates import (
    UNREADABLE,
    Opened,
    check_authority_key,
    extension,
    is_authority,
    is_self_issued,
    key_of,
    names_key_of,
    read_certificate,
    signs,
    spki_of,
)
from .revocation import RevocationList, digest_of_revoked, load_crls

_WHERE: Final = "certificates"


class Root(NamedTuple):
    """A pinned certificate: a root, or (with `signer`) the certificate of a document signer itself.

    Attributes:
        opened: as it was read.
        certificate: the same, but for its serial number where that is not positive.
        der: its bytes.
        subject: its name, as it is written.
        key: its SubjectPublicKeyInfo.
        identity: what of it and of its CRLs goes into the fingerprint of an anchor.
        not_before: valid from then on.
        not_after: valid before then.
        crls: the CRLs under which everything below it is judged; none means that no revocation is looked at.
        signer: the key, when the certificate is pinned by equality.
        meaning: what it vouches for; two roots that one chain may lead to vouch for the same, or the chain for nothing.
    """

    opened: Opened
    certificate: x509.Certificate
    der: bytes
    subject: bytes
    key: bytes
    identity: bytes
    not_before: UnixTime
    not_after: UnixTime
    crls: tuple[RevocationList, ...] = ()
    signer: PublicKey | None = None
    meaning: Hashable = None


def load_roots(pem: bytes | str, crls: Iterable[bytes] = ()) -> tuple[Root, ...]:
    """Load the roots that an operator pins, and the CRLs for what is below them.

    Raises:
        CitizenIDError: ANCHOR_INVALID when the PEM holds no certificate, a broken or weak one, or one that is no CA,
            and for bytes that are no CRL.
    """
    lists = load_crls(crls)
    # A list that is merely renewed changes nothing for what was admitted under the last one; a certificate that is
    # newly listed does: whatever was admitted under this anchor must then be shown again.
    mark = b"\0" + digest_of_revoked(lists) if lists else b""
    roots = _load(pem, leaf=False)
    if not all(_is_root(root.certificate) for root in roots):
        raise CitizenIDError(Reason.ANCHOR_INVALID, _WHERE)
    return tuple(root._replace(identity=root.der + mark, crls=lists) for root in roots)


def load_signers(pem: bytes | str) -> tuple[Root, ...]:
    """Load the certificates of document signers that an operator pins by equality, without a profile.

    Raises:
        CitizenIDError: ANCHOR_INVALID when the PEM holds no certificate, a broken one, or one with a key outside of
            the table of algorithms.
    """
    signers = []
    for each in _load(pem, leaf=True):
        key = None
        try:
            key = key_of(each.opened, _WHERE)
        except CitizenIDError:
            pass  # raised below in our own words
        if key is None:
            raise CitizenIDError(Reason.ANCHOR_INVALID, _WHERE)
        signers.append(each._replace(identity=each.der + b"\1", signer=key))
    return tuple(signers)


def pinned_below(roots: Iterable[Root]) -> Iterator[tuple[Root, Root]]:
    """Give the pairs of roots of which the second may have issued the first: by its name, and by what they say of keys.

    No signature is verified, so that a pair too many may be given, and none too few.
    """
    # By subject and key identifier, as `names_key_of` compares them, so that many of one name are no square; None
    # stands for those that state no identifier, which may be anybody's.
    by_subject: dict[x509.Name, dict[bytes | None, list[Root]]] = {}
    pinned = list(roots)
    for root in pinned:
        named = extension(root.certificate, x509.SubjectKeyIdentifier)
        of_name = by_subject.setdefault(root.certificate.subject, {})
        of_name.setdefault(None if named is None else named.value.digest, []).append(root)
    for below in pinned:
        stated = extension(below.certificate, x509.AuthorityKeyIdentifier)
        if stated is None and is_self_issued(below.certificate):
            continue  # a root that issued itself is below another one of its name only if it says so: it was renewed
        of_name = by_subject.get(below.certificate.issuer, {})
        identifier = None if stated is None else stated.value.key_identifier
        chosen = of_name.values() if identifier is None else (of_name.get(None, ()), of_name.get(identifier, ()))
        for above in chain.from_iterable(chosen):
            if above.key != below.key:
                yield below, above


def pem_of(der: bytes) -> bytes:
    """Write a certificate in PEM (RFC 7468 section 5)."""
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def _load(pem: bytes | str, *, leaf: bool) -> list[Root]:
    loaded: list[Root] = []
    try:
        for der in _bodies(pem_bytes(pem)):
            opened = read_certificate(der, leaf=leaf)
            if opened is None or not signs(opened.certificate):
                raise CitizenIDError(Reason.ANCHOR_INVALID, _WHERE)
            loaded.append(_root(der, opened))
    except UNREADABLE:
        loaded = []
    if not loaded:
        raise CitizenIDError(Reason.ANCHOR_INVALID, _WHERE)
    return loaded


def _bodies(pem: bytes) -> Iterator[bytes]:
    # RFC 7468 section 5. The loader of `cryptography` would write its warnings, so the armour is taken off here.
    parts = pem.split(b"-----")
    if len(parts) % 4 != 1:
        raise ValueError
    for begin, body, end in zip(parts[1::4], parts[2::4], parts[3::4], strict=True):
        if begin == b"BEGIN CERTIFICATE" and end == b"END CERTIFICATE":
            yield base64.b64decode(b"".join(body.split()), validate=True)
        elif begin.removeprefix(b"BEGIN ") != end.removeprefix(b"END "):
            raise ValueError


def _root(der: bytes, opened: Opened) -> Root:
    certificate, not_before, not_after = opened.certificate, UnixTime(opened.not_before), UnixTime(opened.not_after)
    return Root(opened, certificate, der, opened.subject, spki_of(certificate), der, not_before, not_after)


def _is_root(certificate: x509.Certificate) -> bool:
    try:
        check_authority_key(certificate, _WHERE)
    except CitizenIDError:
        return False
    return is_authority(certificate, below=0) and (
        not is_self_issued(certificate) or names_key_of(certificate, certificate)
    )
