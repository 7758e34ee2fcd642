"""CRLs that an operator hands in: which one counts for an issuer at a given time, and whether it lists a certificate.

Of the lists that an issuer signed, the latest that has begun decides, and it must be one that we fully understand: a
complete list for all of the issuer's certificates, not yet due for renewal. What is listed is revoked, whatever the
entry says of the cause: holds and removals belong to lists that we do not take.

Spec: RFC 5280 sections 5 and 6.3.3; ISO/IEC 18013-5 B.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from .._errors import CitizenIDError, Reason
from .._limits import MAX_UNIX_TIME
from .certificates import UNREADABLE, extension, is_strong_hash, keeps_scheme, unix
from .der import is_quiet_list

_MAX_CRLS: Final = 64  # two for each of the issuers that one anchor has: far more than any
_MAX_CRL_BYTES: Final = 1_048_576  # some 25,000 entries; document signers are counted in tens
# Partitioned, delta and indirect lists (RFC 5280 sections 5.2.4 and 5.2.5) say nothing of certificates they leave out.
_INCOMPLETE: Final = frozenset({x509.IssuingDistributionPoint.oid, x509.DeltaCRLIndicator.oid})


class RevocationList(NamedTuple):
    """A CRL that could be read. Whether it counts is decided when it is asked."""

    crl: x509.CertificateRevocationList
    der: bytes
    this_update: int
    next_update: int  # exclusive; 0 when absent
    revoked: frozenset[int]
    usable: bool

    def __repr__(self) -> str:
        return "<RevocationList>"


class Revocation(NamedTuple):
    """What is known of one hop of a path: the serial number, and the lists that its issuer really signed.

    None is needed for the root itself: it is pinned, and its issuer is asked only as far as he is pinned as well.
    """

    serial: int
    lists: tuple[RevocationList, ...]
    needed: bool = True

    def judge(self, now: int) -> Reason | int:
        """Return until when this hop is known to be unrevoked (exclusive), or CERTIFICATE_REVOKED or CRL_UNUSABLE.

        Where no list is needed, one that cannot be used says nothing until the next one begins.
        """
        begun = [each for each in self.lists if each.this_update <= now]
        latest = max((each.this_update for each in begun), default=None)
        newest = [each for each in begun if each.this_update == latest]
        ends = [each.this_update for each in self.lists if each.this_update > now]
        if len(newest) != 1 or not newest[0].usable or now >= newest[0].next_update:
            return Reason.CRL_UNUSABLE if self.needed else min(ends, default=MAX_UNIX_TIME)
        if self.serial in newest[0].revoked:
            return Reason.CERTIFICATE_REVOKED
        return min([newest[0].next_update, *ends])


def load_crls(crls: Iterable[bytes]) -> tuple[RevocationList, ...]:
    """Read CRLs in DER or PEM, one each.

    Raises:
        CitizenIDError: ANCHOR_INVALID for more than 64 of them, more than 1 MiB in one, and what is no CRL, or no
            collection of such.
    """
    found: dict[bytes, RevocationList] = {}
    listed: list[bytes] | None = None
    try:
        listed = list(islice(crls, _MAX_CRLS + 1))
    except TypeError:
        pass  # raised below: they are no lists of bytes
    for count, data in enumerate((None,) if listed is None else listed):
        loaded = None
        try:
            if count < _MAX_CRLS and type(data) is bytes and len(data) <= _MAX_CRL_BYTES:
                loaded = _load(data)
        except UNREADABLE:
            pass  # raised below, without what the backend says of the bytes
        if loaded is None:
            raise CitizenIDError(Reason.ANCHOR_INVALID, "crls")
        found[loaded.der] = loaded
    return tuple(found.values())


def _load(data: bytes) -> RevocationList:
    armoured = data.count(b"-----BEGIN")
    if armoured > 1:
        raise ValueError  # all but the first would go unread
    crl = x509.load_pem_x509_crl(data) if armoured else x509.load_der_x509_crl(data)
    der = crl.public_bytes(serialization.Encoding.DER)
    # The count of unused bits before the signature is not signed and must be none.
    if not is_quiet_list(der) or not der.endswith(b"\0" + crl.signature):
        raise ValueError
    next_update = crl.next_update_utc
    issuer = crl.issuer  # read here, whatever else is wrong with the list: it is asked for at every path
    extensions = crl.extensions
    entries = list(crl)
    usable = (
        next_update is not None
        and bool(issuer)
        # RFC 5280 section 5.2.3: every conforming list has a number, and not a critical one.
        and any(each.oid == x509.CRLNumber.oid for each in extensions)
        and not any(each.critical or each.oid in _INCOMPLETE for each in extensions)
        and not any(each.critical or each.oid == x509.CertificateIssuer.oid for e in entries for each in e.extensions)
    )
    return RevocationList(
        crl,
        der,
        unix(crl.last_update_utc),
        0 if next_update is None else unix(next_update),
        frozenset(entry.serial_number for entry in entries),
        usable,
    )


def lists_of(issuer: x509.Certificate, lists: tuple[RevocationList, ...]) -> tuple[RevocationList, ...]:
    """Return the lists that this issuer signed and may sign."""
    usage = extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.value.crl_sign:
        return ()
    return tuple(each for each in lists if each.crl.issuer == issuer.subject and _signed(each.crl, issuer))


def _signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        if not is_strong_hash(crl.signature_hash_algorithm) or not keeps_scheme(issuer, crl.signature_algorithm_oid):
            return False
        return crl.is_signature_valid(
            issuer.public_key()  # type: ignore[arg-type]  # a kind that signs no lists is a TypeError, caught here
        )
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False


def digest_of_revoked(lists: tuple[RevocationList, ...]) -> bytes:
    """Return 32 bytes that change when another certificate is listed, and not when a list is merely renewed."""
    revoked = {(each.crl.issuer.public_bytes().hex(), serial) for each in lists for serial in each.revoked}
    return hashlib.sha256(repr(sorted(revoked)).encode("ascii")).digest()
