"""ISO mdoc, written: the issuer's IssuerSigned and the holder's DeviceResponse with the elements that he has chosen.

What this file writes is canonical CBOR, and the reader reads it: it refuses to write what verification would refuse.
An item is encoded once, and its digest taken over these bytes; what the issuer made goes on as it was received.

Claims are `{namespace: {element: value}}` of plain values. Dates are text: the elements of `reg.MDOC_DATES` are written
as tdate or full-date, by the form of their text, and nothing else is.

Spec: ISO/IEC 18013-5 8.3.2.1.2, 9.1.2, 9.1.3; specs/profile-mdoc.md.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from .. import _registry as reg
from .._crypto import AgreementKey, HolderAgreement, PublicKey, Unsigned, cose_key
from .._errors import CitizenIDError, MalformedError, Reason
from .._limits import Limits
from .._model import (
    Attestation,
    CertificateProfile,
    Challenge,
    Citizenship,
    ClaimPath,
    Format,
    Presentation,
    Serialization,
    StatusKind,
    StatusReference,
    Validity,
)
from .._wire import cbor, cose, heads
from .._wire.cbor import byte_string, embedded, head
from .._wire.dates import write_date_time
from .._wire.elements import NO_DATES, element_value
from .._wire.transcript import MAC_INFO, device_authentication_bytes, mac_salt, session_transcript
from .._x509 import signer_window
from ._protocol import IssueOptions, PresentOptions, Signer, Writer, evidence_to_write


class _Digest(NamedTuple):
    """A digest algorithm: its name as CBOR, the function, and the head of a byte string that holds a digest."""

    name: bytes
    hash: Callable[[bytes], Any]
    head: bytes


_DIGESTS: Final = {
    name.lower(): _Digest(cbor.encode(name), hash_, head(2, hash_().digest_size))
    for name, hash_ in ((name, getattr(hashlib, function)) for name, function in reg.MDOC_DIGESTS.items())
}
_PROTECTED: Final = {name: cbor.encode({reg.COSE_ALG: number}) for name, number in reg.MDOC_WRITTEN.items()}
_PROTECTED_MAC: Final = cbor.encode({reg.COSE_ALG: reg.HMAC_256})
_RANDOM: Final = reg.MDOC_RANDOM_BYTES
_ORDER: Final = 8  # random bytes that decide on the place of a digest
_ENTRY: Final = _ORDER + _RANDOM
_CUT: Final = struct.Struct(f"{_ORDER}s{_RANDOM}s").iter_unpack
_PLACE: Final = itemgetter(0)
_HIDDEN: Final = itemgetter(1)
_TEXT: Final = frozenset({str})
_NO_ELEMENTS: Final = b"\xa0"
_ITEM: Final = b"\xa4\x66random\x58\x20%b\x68digestID%b\x6celementValue%b\x71elementIdentifier%b"
_SHORT_ITEM: Final = b"\xd8\x18\x58%c" + _ITEM  # with the head of `embedded` for less than 256 bytes
_ITEM_BYTES: Final = len(_ITEM % (bytes(_RANDOM), b"", b"", b""))
_NUMBERS: Final = tuple(map(cbor.encode, range(24)))
_MAX_DIGESTS: Final = heads.MAX_ITEMS // 2 - 2 * heads.MAX_MEMBERS  # each is two items, and so is each namespace
_LONG_BYTES: Final = 1_024  # from here on the reader has bounds for what is inside: so it is read before it is written
_VALUE_TAGS: Final = frozenset({reg.DATE_TIME_TAG, reg.FULL_DATE_TAG})
_EMBEDDED: Final = frozenset({reg.EMBEDDED_TAG})
_TDATE: Final = frozenset({reg.DATE_TIME_TAG})
_EVIDENCE: Final = (reg.MDOC_CITIZENSHIP, reg.EVIDENCE_CHECKED_AT)
_STATUS_LIST: Final = StatusKind.STATUS_LIST  # through its type each look costs several times as much
_BITSTRING: Final = StatusKind.BITSTRING
_COMPACT: Final = Serialization.COMPACT
_DOCUMENT_SIGNER: Final = CertificateProfile.MDOC_DOCUMENT_SIGNER
_VERSION: Final = b"\x67version" + cbor.encode("1.0")

_Entry = tuple[bytes, bytes]  # what decides on the place of a digest, and the random bytes of its item
Elements = dict[str, list[tuple[str, bytes]]]
"""Namespace to its elements, each with its name and its value as CBOR."""


def issue(
    attestation: Attestation, signer: Signer, options: IssueOptions, draw: Callable[[int], bytes], limits: Limits
) -> Unsigned:
    """Prepare an IssuerSigned.

    Args:
        attestation: what to state; its type is the docType.
        signer: whose key signs, with the certificates of the document signer.
        options: decoys and digest algorithm; of the rest only the default, as every element may be withheld.
        draw: gives so many random bytes; the randoms, digestIDs and decoys are made of them.
        limits: bounds that the result must keep.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID without a chain of a document signer and for another serialisation,
            ALGORITHM_NOT_ALLOWED for a key of either side that mdoc does not know, HOLDER_KEY_MISSING, CLAIM_RESERVED,
            CLAIM_INVALID, CLAIM_UNKNOWN, CLAIM_NOT_DISCLOSABLE, COUNTRY_INVALID, DEPTH_EXCEEDED, DISCLOSURE_DUPLICATE
            for a random source that is stuck, LIMIT_EXCEEDED, INPUT_TOO_LARGE, HASH_ALGORITHM_NOT_ALLOWED,
            CERTIFICATE_EXPIRED for a credential that would outlive the certificate, and SIGNED_OUTSIDE_CERTIFICATE.
    """
    digest = _DIGESTS.get(options.hash_algorithm)
    if digest is None:
        raise CitizenIDError(Reason.HASH_ALGORITHM_NOT_ALLOWED, "hash_algorithm")
    if options.serialization is not _COMPACT:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "serialization")
    algorithm, certificates = signer.key.algorithm, signer.certificates
    if algorithm not in _PROTECTED:
        raise CitizenIDError(Reason.ALGORITHM_NOT_ALLOWED, "issuer.key")
    before, behind = _structural(attestation, certificates)
    elements = _elements(attestation, limits)
    _check_choice(attestation, options)
    name_spaces, value_digests = _conceal(elements, options.decoys, digest, draw, limits)
    payload = embedded(
        b"".join((before, b"\x6cvalueDigests", value_digests, behind, b"\x6fdigestAlgorithm", digest.name))
    )
    header = _header(algorithm, certificates)
    written = len(header) + len(payload) + len(name_spaces) + reg.SIGNATURE_BYTES[algorithm]
    if written > limits.presentation_bytes // 2:  # leave the holder room for his own half
        raise CitizenIDError(Reason.INPUT_TOO_LARGE, "claims")
    issuer_auth = (b"\xa2" if name_spaces else b"\xa1") + b"\x6aissuerAuth" + header + byte_string(payload)
    return Unsigned(
        cose.structure(cose.SIGNATURE, _PROTECTED[algorithm], payload),
        signer.key,
        lambda signature: issuer_auth + byte_string(signature) + name_spaces,
    )


@lru_cache(maxsize=64)  # an issuer writes one header over and over
def _header(algorithm: str, certificates: tuple[bytes, ...]) -> bytes:
    # RFC 9360 section 2: one certificate is a byte string, more are an array. 9.1.2.4: they stand unprotected.
    chain = certificates[0] if len(certificates) == 1 else list(certificates)
    return b"\x84" + byte_string(_PROTECTED[algorithm]) + cbor.encode({reg.COSE_X5CHAIN: chain})


# --- what may be withheld: the elements ---


def _elements(attestation: Attestation, limits: Limits) -> Elements:
    claims, assurance = attestation.claims, attestation.assurance
    elements: Elements = {}
    for namespace, members in claims.items():
        if type(namespace) is not str or type(members) is not MappingProxyType:
            raise CitizenIDError(Reason.CLAIM_INVALID, "claims")
        if not _TEXT.issuperset(map(type, members)):
            raise CitizenIDError(Reason.CLAIM_INVALID, "claims")
        if max(map(len, (namespace, *members))) > limits.claim_name_chars:
            raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
        dates = reg.MDOC_DATES.get(namespace, NO_DATES)
        elements[namespace] = [(name, element_value(value, dates.get(name), dates)) for name, value in members.items()]
    if attestation.type not in reg.MDOC_TYPES:  # of these the attestation has read it already
        Citizenship.from_namespaces(claims)
    own = claims.get(reg.MDOC_CITIZENSHIP, ())
    if reg.ASSURANCE in own or reg.EVIDENCE_CHECKED_AT in own:  # fields of the attestation, which they could contradict
        raise CitizenIDError(Reason.CLAIM_RESERVED, "claims")
    if assurance is not None:
        value = cbor.encode({"framework": assurance.framework, "level": assurance.level}, "assurance")
        elements.setdefault(reg.MDOC_CITIZENSHIP, []).append((reg.ASSURANCE, value))
    checked_at = evidence_to_write(attestation)
    if checked_at is not None:
        value = element_value(write_date_time(checked_at), _TDATE, NO_DATES)
        elements.setdefault(reg.MDOC_CITIZENSHIP, []).append((reg.EVIDENCE_CHECKED_AT, value))
    if sum(map(len, elements.values())) > limits.disclosures:
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
    return elements or {attestation.type: []}


def _check_choice(attestation: Attestation, options: IssueOptions) -> None:
    """Refuse a choice of what may be withheld: in an mdoc that is every element, and nothing inside one.

    The time of the evidence is no claim: it may be named or not.
    """
    if options.disclosable is None:
        return
    elements: set[ClaimPath] = {
        (namespace, name) for namespace, members in attestation.claims.items() for name in members
    }
    chosen: set[ClaimPath] = set() if attestation.evidence_at is None else {_EVIDENCE}
    elements |= chosen
    for path in options.disclosable:
        steps = tuple(path) if isinstance(path, (tuple, list)) else ()
        if not _TEXT.issuperset(map(type, steps)) or steps not in elements:
            raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclosable")
        chosen.add(steps)
    if chosen != elements:
        raise CitizenIDError(Reason.CLAIM_NOT_DISCLOSABLE, "disclosable")


# --- items and digests ---


def _conceal(
    elements: Elements, decoys: int, digest: _Digest, draw: Callable[[int], bytes], limits: Limits
) -> tuple[bytes, bytes]:
    """Return the member `nameSpaces`, empty when there are no elements at all, and the map `valueDigests`."""
    groups = sorted([(_text(name), items) for name, items in elements.items()])
    # No namespace is without a digest: where there are no elements, one of random bytes stands.
    counts = [len(items) or 1 for _, items in groups]
    count = sum(counts) + decoys
    if count > min(limits.digests, _MAX_DIGESTS) or len(counts) > heads.MAX_MEMBERS:
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
    drawn = iter(_draw(draw, count))
    entries = [list(islice(drawn, size)) for size in counts]
    for entry in drawn:  # by chance, so that no namespace shows how many of its digests are of elements
        entries[int.from_bytes(entry[0], "big") % len(entries)].append(entry)
    name_spaces: list[bytes] = []
    digests: list[bytes] = []
    shown = 0
    for (name, items), group in zip(groups, entries, strict=True):
        if len(group) > heads.MAX_MEMBERS:
            raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
        written, by_id = _items(items, group, digest)
        digests += (name, by_id)
        if written:
            shown += 1
            name_spaces += (name, head(4, len(written)), *written)
    return (
        b"".join((b"\x6anameSpaces", head(5, shown), *name_spaces)) if shown else b"",
        b"".join((head(5, len(groups)), *digests)),
    )


def _draw(draw: Callable[[int], bytes], count: int) -> list[_Entry]:
    entries = list(_CUT(draw(_ENTRY * max(count, 2))))
    # Each item has random bytes of its own. A source that is stuck repeats itself at once.
    if not len(entries) == len(set(map(_HIDDEN, entries))) == len(set(map(_PLACE, entries))):
        raise CitizenIDError(Reason.DISCLOSURE_DUPLICATE, "random")
    return entries[:count]


def _items(items: list[tuple[str, bytes]], entries: list[_Entry], digest: _Digest) -> tuple[list[bytes], bytes]:
    """Return IssuerSignedItemBytes in the order of `items`, and the DigestIDs of the namespace.

    digestIDs are the places in an order by chance: they tell nothing of the elements, nor of any other MSO (9.1.2.5).
    """
    places = sorted(range(len(entries)), key=entries.__getitem__)
    shown = len(items)
    written, digests = [b""] * shown, [head(5, len(entries))]
    _, hash_, digest_head = digest
    for digest_id, index in enumerate(places):
        number = _NUMBERS[digest_id] if digest_id < 24 else head(0, digest_id)
        hidden = entries[index][1]
        if index < shown:
            name, value = items[index]
            text = _text(name)
            size = _ITEM_BYTES + len(number) + len(value) + len(text)
            if size < 256:
                hidden = _SHORT_ITEM % (size, hidden, number, value, text)
            else:
                item = _ITEM % (hidden, number, value, text)
                if size > _LONG_BYTES:
                    cbor.decode(item, "claims", _VALUE_TAGS)
                hidden = embedded(item)
            written[index] = hidden
        digests += (number, digest_head, hash_(hidden).digest())
    return written, b"".join(digests)


@lru_cache(maxsize=1_024)  # the names of elements are the same in every credential of a type
def _text(text: str | int) -> bytes:
    return cbor.encode(text, "claims")


# --- what the profile states itself ---


def _structural(attestation: Attestation, certificates: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """Return what stands before and behind valueDigests in an MSO, digestAlgorithm aside."""
    doc_type, holder_key = attestation.type, attestation.holder_key
    if type(doc_type) is not str or not doc_type:
        raise CitizenIDError(Reason.CLAIM_INVALID, "docType")
    if holder_key is None:
        raise CitizenIDError(Reason.HOLDER_KEY_MISSING, "deviceKeyInfo")
    if holder_key.algorithm not in _PROTECTED:
        raise CitizenIDError(Reason.ALGORITHM_NOT_ALLOWED, "deviceKeyInfo")
    status = _status(attestation.status)
    before = (
        b"\xa7" if status else b"\xa6",
        status,
        b"\x67docType" + _text(doc_type),
        _VERSION,
        b"\x6cvalidityInfo" + _validity_info(attestation.validity, certificates),
    )
    return b"".join(before), b"\x6ddeviceKeyInfo\xa1\x69deviceKey" + cbor.joined(cose_key(holder_key))


def _validity_info(validity: Validity, certificates: tuple[bytes, ...]) -> bytes:
    """Write ValidityInfo (9.1.2.4): signed <= validFrom < validUntil, and all of it while the certificate is valid."""
    if type(validity) is not Validity or validity.issued_at is None:
        raise CitizenIDError(Reason.CLAIM_INVALID, "validityInfo")
    signed, until = validity.issued_at, validity.not_after - 1  # validUntil is inclusive, ours is exclusive
    start = signed if validity.not_before is None else validity.not_before
    times = [write_date_time(moment) for moment in (signed, start, until)]
    if not signed <= start < until or None in times:
        raise CitizenIDError(Reason.CLAIM_INVALID, "validityInfo")
    not_before, not_after = signer_window(certificates, _DOCUMENT_SIGNER)
    if signed < not_before:
        raise CitizenIDError(Reason.SIGNED_OUTSIDE_CERTIFICATE, "validityInfo.signed")
    if until >= not_after:
        raise CitizenIDError(Reason.CERTIFICATE_EXPIRED, "validityInfo.validUntil")
    # f, i, j and t are the heads of texts of 6, 9, 10 and 20 bytes, as the keys and a tdate have them.
    return "\xa3fsigned\xc0t{}ivalidFrom\xc0t{}jvalidUntil\xc0t{}".format(*times).encode("latin-1")


def _status(references: tuple[StatusReference, ...]) -> bytes:
    if not references:
        return b""
    places: dict[str, bytes] = {}
    for reference in references:
        if type(reference) is not StatusReference or type(reference.kind) is not StatusKind:
            raise CitizenIDError(Reason.CLAIM_INVALID, "status")
        if reference.kind is _BITSTRING:
            raise CitizenIDError(Reason.STATUS_MECHANISM_UNKNOWN, "status")
        listed, certificate = reference.kind is _STATUS_LIST, reference.certificate
        identifier = reference.identifier or b""
        place = b"\x63idx" + head(0, reference.index) if listed else b"\x62id" + byte_string(identifier)
        place += b"\x63uri" + _text(reference.uri)
        if certificate is not None:
            place += b"\x6bcertificate" + byte_string(certificate)
        places[reg.STATUS_LIST if listed else reg.IDENTIFIER_LIST] = (
            b"\xa2" if certificate is None else b"\xa3"
        ) + place
    if len(places) != len(references):  # the claim has room for one of each kind
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "status")
    members = [_text(name) + places[name] for name in (reg.STATUS_LIST, reg.IDENTIFIER_LIST) if name in places]
    return b"\x66status" + head(5, len(members)) + b"".join(members)


# --- the holder ---


def present(credential: Presentation, options: PresentOptions) -> Unsigned:
    """Prepare a DeviceResponse with the chosen elements and a deviceSignature or deviceMac (9.1.3).

    Args:
        credential: the framed IssuerSigned.
        options: what to show and to whom, with the IssuerSigned as it was received.

    Raises:
        MalformedError: CHALLENGE_INVALID, or a Reason of form when the IssuerSigned is none.
        VerificationError: NONCE_MISMATCH when the protocol of the challenge cannot carry its nonce.
        CitizenIDError: ALGORITHM_NOT_ALLOWED for a key that mdoc does not know; for a MAC, READER_KEY_MISSING without
            the verifier's key and KEY_INVALID when it is on another curve; CONFIGURATION_INVALID for another
            serialisation than the one there is.
    """
    if options.serialization is not _COMPACT:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "serialization")
    challenge, key = options.challenge, options.key
    protected = _PROTECTED_MAC if options.by_mac else _PROTECTED.get(key.algorithm)
    if protected is None:
        raise CitizenIDError(Reason.ALGORITHM_NOT_ALLOWED, "key")
    transcript = session_transcript(challenge)
    agreement = None
    if options.by_mac:
        agreement = HolderAgreement(_reader_key(challenge, key), mac_salt(transcript), MAC_INFO)
    # What the issuer has signed goes on bit by bit, his unprotected header with it.
    issuer_auth = cbor.member_slices(options.credential, "issuer-signed", _EMBEDDED).get("issuerAuth")
    if issuer_auth is None:
        raise MalformedError(Reason.MALFORMED_TOKEN, "issuer-signed")
    name_spaces = _chosen(credential, options)
    before = b"".join(
        (
            b"\xa3\x66status\x00" + _VERSION + b"\x69documents\x81\xa3\x67docType",
            cbor.encode(options.type),
            b"\x6cdeviceSigned\xa2\x6adeviceAuth\xa1",
            b"\x69deviceMac" if options.by_mac else b"\x6fdeviceSignature",
            b"\x84" + byte_string(protected) + b"\xa0\xf6",
        )
    )
    after = b"".join(
        (
            b"\x6anameSpaces" + embedded(_NO_ELEMENTS),
            b"\x6cissuerSigned" + (b"\xa2" if name_spaces else b"\xa1") + b"\x6aissuerAuth",
            issuer_auth,
            name_spaces,
        )
    )
    payload = device_authentication_bytes(transcript, options.type, _NO_ELEMENTS)
    return Unsigned(
        cose.structure(cose.MAC if options.by_mac else cose.SIGNATURE, protected, payload),
        key,
        lambda signature: before + byte_string(signature) + after,
        agreement,
    )


def _chosen(credential: Presentation, options: PresentOptions) -> bytes:
    """Return the member `nameSpaces` with what was chosen; a namespace without items may not stand there."""
    shown: dict[str, list[bytes]] = {}
    for position, (namespace, item) in enumerate(zip(credential.namespaces, credential.disclosures, strict=True)):
        if position in options.chosen:
            shown.setdefault(namespace, []).append(embedded(item))
    if not shown:
        return b""
    groups = sorted([(cbor.encode(namespace), items) for namespace, items in shown.items()])
    parts = [part for name, items in groups for part in (name, head(4, len(items)), *items)]
    return b"".join((b"\x6anameSpaces", head(5, len(groups)), *parts))


def _reader_key(challenge: Challenge, key: PublicKey) -> PublicKey:
    stated = challenge.reader_key
    reader = stated.public if isinstance(stated, AgreementKey) else stated
    if not isinstance(reader, PublicKey):
        raise CitizenIDError(Reason.READER_KEY_MISSING, "challenge.reader_key")
    if reader.algorithm != key.algorithm:  # the name of a curve as well
        raise CitizenIDError(Reason.KEY_INVALID, "challenge.reader_key")
    return reader


WRITER: Final = Writer(Format.MDOC, issue, present)
