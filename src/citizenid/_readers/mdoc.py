"""ISO mdoc, read: a DeviceResponse or an IssuerSigned, the elements and their digests, and what the device must sign.

Nothing received is encoded again: a digest is taken over an item as it came, under the head that the standard puts
around it, and the signatures cover the received bytes. What the device signs by itself never becomes a claim.

Spec: ISO/IEC 18013-5 8.3.2.1.2, 9.1.2, 9.1.3, 9.3.1; specs/profile-mdoc.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from .. import _registry as reg
from .._crypto import AgreementKey, PublicKey, ReaderAgreement, load_cose_key
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._limits import Limits
from .._model import (
    CertificateProfile,
    Challenge,
    Citizenship,
    DetachedSignature,
    Format,
    KeyHint,
    Presentation,
    Serialization,
    SignedObject,
    StatusKind,
    StatusReference,
    UnixTime,
    Validity,
    attestation_of_frozen,
)
from .._wire import base64url, cbor, cose
from .._wire.cbor import CBORTag
from .._wire.dates import date_time
from .._wire.device_response import Canonical, Document, check_version, read_canonical, read_documents
from .._wire.transcript import MAC_INFO, device_authentication_bytes, mac_salt, session_transcript
from ._items import HASHES, VALUE_TAGS, match
from ._protocol import KeyAuthorizations, Reader, Reading
from ._statements import assurance_of, evidence_of_elements, personal_elements

_FORMAT: Final = Format.MDOC
_RESPONSE: Final = "device-response"
_AUTH: Final = "issuer-auth"
_MSO: Final = "mso"
_VALIDITY: Final = "mso.validityInfo"
_ITEM: Final = "issuer-signed-item"
_DEVICE: Final = "device-auth"
_PROFILE: Final = CertificateProfile.MDOC_DOCUMENT_SIGNER
_EMBEDDED: Final = frozenset({reg.EMBEDDED_TAG})
_VERSION: Final = "1.0"
_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price


def open_presentation(data: object, limits: Limits, serialization: Serialization) -> tuple[Presentation, ...]:
    """V1: frame a DeviceResponse, or the IssuerSigned that an issuer hands over. Text is base64url.

    Returns:
        One presentation for each document.

    Raises:
        MalformedError: a Reason of form, VERSION_UNSUPPORTED.
        VerificationError: RESPONSE_NOT_OK.
    """
    kind = type(data)
    if kind is not bytes and kind is not str:
        raise MalformedError(Reason.MALFORMED_TOKEN, _RESPONSE)
    if len(data) > limits.presentation_bytes:  # type: ignore[arg-type]  # mypy does not narrow by type() in a variable
        raise MalformedError(Reason.INPUT_TOO_LARGE, _RESPONSE)
    raw: bytes = data if kind is bytes else base64url.decode_text(data, _RESPONSE)  # type: ignore[assignment]  # as above
    canonical = read_canonical(raw, limits)
    if canonical is not None:
        return (_open_canonical(canonical),)
    return tuple([_open_document(document) for document in read_documents(raw, limits)])


def _open_canonical(canonical: Canonical) -> Presentation:
    # As `_open_document`, whose questions the literals have answered. What keys a cache begins as none does there: with
    # the head of a map, and not of an array.
    doc_type, algorithm, protected, certificate, payload, signature, half, namespaces, items, device = canonical
    to_be_signed = cose.structure(cose.SIGNATURE, protected, payload)
    hint = _new(KeyHint, (None, (certificate,), None, _PROFILE))
    credential = _new(SignedObject, (to_be_signed, payload, algorithm, signature, hint, None, None))
    return _new(Presentation, (_FORMAT, credential, items, half, device, doc_type, namespaces))


def _open_document(document: Document) -> Presentation:
    doc_type, message, namespaces, items, binding = document
    payload = message.payload
    if payload is None:
        raise MalformedError(Reason.MALFORMED_TOKEN, _AUTH)
    credential = cose.sign1(message, payload, reg.MDOC_ALGORITHMS, _PROFILE, _AUTH)
    certificates = credential.key_hint.certificates
    if not certificates:  # 9.1.2.4: x5chain is mandatory
        raise MalformedError(Reason.HEADER_INVALID, _AUTH + ".header.x5chain")
    # One after the other: None ends the certificates, and the namespaces end where texts do.
    half = cbor.joined([credential.to_be_signed, credential.signature, *certificates, None, *namespaces, *items])
    return _new(Presentation, (_FORMAT, credential, items, half, binding, doc_type, namespaces))


def read(presentation: Presentation, issuer: str, limits: Limits) -> Reading:
    """V4: read the MobileSecurityObject and match every element to its digest.

    Raises:
        MalformedError: a Reason of form, VERSION_UNSUPPORTED, COUNTRY_INVALID, CLAIM_INVALID, KEY_INVALID.
        VerificationError: CLAIM_MISSING, HASH_ALGORITHM_NOT_ALLOWED, DISCLOSURE_MALFORMED, DISCLOSURE_UNREFERENCED,
            DISCLOSURE_DUPLICATE, DISCLOSURE_CLASH, DIGEST_MISMATCH, LIMIT_EXCEEDED, STATUS_MECHANISM_UNKNOWN.
    """
    content = _unwrapped(presentation.credential.payload)
    refused = None
    try:
        return _read(cbor.load(content, _MSO, VALUE_TAGS), presentation, issuer, limits)
    except CitizenIDError as error:
        refused = error
    cbor.decode(content, _MSO, VALUE_TAGS)  # what is no sound CBOR is refused as that
    for item in presentation.disclosures:
        cbor.decode(item, _ITEM, VALUE_TAGS)
    raise refused


def _unwrapped(payload: bytes) -> bytes:
    try:
        return cbor.unwrap(payload, _AUTH + ".payload")
    except MalformedError as error:
        refused = error
    cbor.decode(payload, _AUTH + ".payload", _EMBEDDED)
    raise refused


def _read(mso: Any, presentation: Presentation, issuer: str, limits: Limits) -> Reading:
    if type(mso) is not dict:
        raise MalformedError(Reason.MALFORMED_TOKEN, _MSO)
    if not mso.keys() <= _OF_MSO:
        cbor.check(mso, _MSO, VALUE_TAGS)
    if mso.get("version") != _VERSION:  # as most are; nothing but a text equals one
        check_version(_member(mso, "version", str), _MSO + ".version")
    hash_name = _member(mso, "digestAlgorithm", str)
    if hash_name not in HASHES:
        raise VerificationError(Reason.HASH_ALGORITHM_NOT_ALLOWED, _MSO + ".digestAlgorithm")
    doc_type = _member(mso, "docType", str)
    if not doc_type:
        raise MalformedError(Reason.CLAIM_INVALID, _MSO + ".docType")
    claims, own = match(presentation, _digests(mso, limits), hash_name, limits)
    validity = _validity(_member(mso, "validityInfo", dict))
    device_key = _member(mso, "deviceKeyInfo", dict)
    attestation = attestation_of_frozen(
        doc_type,
        issuer,
        personal_elements(claims),
        validity,
        _device_key(device_key),
        _status(mso),
        assurance_of(claims.get(reg.MDOC_CITIZENSHIP, _NOTHING), ""),
        evidence_of_elements(own, validity.issued_at, limits),
        Citizenship.from_namespaces(claims),
    )
    authorizations = _authorizations(device_key)
    # Every element can be withheld, and they stand in the claims in the order in which they came.
    reading = (attestation, None, None, hash_name, claims, None, validity.issued_at, authorizations)
    return _new(Reading, (*reading, *_issuing_places(claims), False, b""))


def _issuing_places(claims: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    known = [claims[namespace] for namespace in reg.MDOC_NATIONALITY_NAMESPACES if namespace in claims]
    country, part = reg.MDOC_ISSUING_COUNTRY, reg.MDOC_ISSUING_JURISDICTION
    return tuple([each[country] for each in known if country in each]), tuple(
        [each[part] for each in known if part in each]
    )


def _member(holder: Mapping[Any, Any], name: str, kind: type, where: str = _MSO) -> Any:
    value = holder.get(name)
    if type(value) is not kind:
        if name not in holder:
            raise VerificationError(Reason.CLAIM_MISSING, f"{where}.{name}")
        raise MalformedError(Reason.CLAIM_INVALID, f"{where}.{name}")
    return value


def _digests(mso: dict[Any, Any], limits: Limits) -> dict[str, dict[int, bytes]]:
    digests: dict[str, dict[int, bytes]] = _member(mso, "valueDigests", dict)
    count = 0
    for namespace, by_id in digests.items():
        if type(namespace) is not str or type(by_id) is not dict:
            raise MalformedError(Reason.CLAIM_INVALID, _MSO + ".valueDigests")
        if not (_INTEGERS.issuperset(map(type, by_id)) and _BYTES.issuperset(map(type, by_id.values()))):
            cbor.check(by_id, _MSO, VALUE_TAGS)  # it may be found by nobody, or match nothing
        count += len(by_id)
    if count > limits.digests:
        raise VerificationError(Reason.LIMIT_EXCEEDED, _MSO + ".valueDigests")
    return digests


_INTEGERS: Final = frozenset({int})
_BYTES: Final = frozenset({bytes})
_OF_MSO: Final = frozenset(
    {"version", "digestAlgorithm", "valueDigests", "deviceKeyInfo", "docType", "validityInfo", "status"}
)
_OF_VALIDITY: Final = frozenset({"signed", "validFrom", "validUntil", "expectedUpdate"})
_OF_KEY_INFO: Final = frozenset({"deviceKey", "keyAuthorizations"})


def _validity(stated: dict[Any, Any]) -> Validity:
    if not stated.keys() <= _OF_VALIDITY:
        cbor.check(stated, _MSO, VALUE_TAGS)
    signed, valid_from, valid_until = _time(stated, "signed"), _time(stated, "validFrom"), _time(stated, "validUntil")
    if "expectedUpdate" in stated:
        _time(stated, "expectedUpdate")
    # validUntil is inclusive (9.3.1), ours is exclusive.
    return Validity(signed, valid_from, UnixTime(valid_until + 1))


def _time(stated: dict[Any, Any], name: str) -> UnixTime:
    value = _member(stated, name, CBORTag, _VALIDITY)
    moment = date_time(value.value) if value.tag == reg.DATE_TIME_TAG and type(value.value) is str else None
    if moment is None:
        raise MalformedError(Reason.CLAIM_INVALID, f"{_VALIDITY}.{name}")
    return moment


def _device_key(info: dict[Any, Any]) -> PublicKey:
    if not info.keys() <= _OF_KEY_INFO:
        cbor.check(info, _MSO, VALUE_TAGS)
    stated = info.get("deviceKey")
    cbor.check(stated, _MSO)  # its labels are integers or text, exactly
    key = load_cose_key(stated, _MSO + ".deviceKeyInfo.deviceKey")
    if key.algorithm not in reg.MDOC_WRITTEN:  # a COSE_Key may be of ML-DSA, which signs no mdoc (table 22)
        raise MalformedError(Reason.KEY_INVALID, _MSO + ".deviceKeyInfo.deviceKey")
    return key


def _authorizations(info: dict[Any, Any]) -> KeyAuthorizations | None:
    """Read KeyAuthorizations (9.1.2.4): not empty, and no namespace both as a whole and by its elements."""
    if "keyAuthorizations" not in info:
        return None
    stated = info["keyAuthorizations"]
    cbor.check(stated, _MSO)
    whole = stated.get("nameSpaces", []) if type(stated) is dict else None
    single = stated.get("dataElements", {}) if type(stated) is dict else None
    if (
        type(whole) is not list
        or type(single) is not dict
        or not (whole or single)
        or not all(type(name) is str for name in whole)
        or not all(type(name) is str and type(names) is list and names for name, names in single.items())
        or not all(type(name) is str for names in single.values() for name in names)
        or not single.keys().isdisjoint(whole)
    ):
        raise MalformedError(Reason.CLAIM_INVALID, _MSO + ".keyAuthorizations")
    return KeyAuthorizations(
        frozenset(whole), frozenset((namespace, name) for namespace, names in single.items() for name in names)
    )


def _status(mso: dict[Any, Any]) -> tuple[StatusReference, ...]:
    if "status" not in mso:
        return ()
    where = _MSO + ".status"
    stated = mso["status"]
    if type(stated) is not dict or not stated:
        raise MalformedError(Reason.CLAIM_INVALID, where)
    if not _MECHANISMS.issuperset(stated):
        raise VerificationError(Reason.STATUS_MECHANISM_UNKNOWN, where)  # one that we cannot ask might say revoked
    return tuple([_reference(mechanism, place) for mechanism, place in stated.items()])


def _reference(mechanism: str, place: Any) -> StatusReference:
    cbor.check(place, _MSO + ".status")
    if type(place) is not dict or ("certificate" in place and place["certificate"] is None):
        raise MalformedError(Reason.CLAIM_INVALID, _MSO + ".status")
    uri: Any = place.get("uri")  # the constructor judges what it is given
    certificate = place.get("certificate")
    if mechanism == reg.STATUS_LIST:
        return StatusReference(uri, place.get("idx"), certificate=certificate)
    return StatusReference(uri, None, StatusKind.IDENTIFIER_LIST, place.get("id"), certificate)


_MECHANISMS: Final = frozenset({reg.STATUS_LIST, reg.IDENTIFIER_LIST})


def bind(
    presentation: Presentation, reading: Reading, challenge: Challenge, now: UnixTime, limits: Limits
) -> tuple[SignedObject, Mapping[str, Any]]:
    """V7: make what the device must have signed, and judge what it states by itself (9.1.3).

    Returns:
        What V8 must verify, and the device-signed elements; they are the holder's word alone.

    Raises:
        VerificationError: KEY_BINDING_MISSING, NONCE_MISMATCH for a nonce that the protocol cannot carry,
            SIGNATURE_INVALID for another payload that came along, READER_KEY_MISSING, DEVICE_ELEMENT_NOT_AUTHORIZED.
        MalformedError: a Reason of form, CHALLENGE_INVALID.
    """
    binding = presentation.binding
    if type(binding) is not DetachedSignature:
        raise VerificationError(Reason.KEY_BINDING_MISSING, _DEVICE)
    mac, protected, algorithm, signature, attached, content = binding
    transcript = session_transcript(challenge)
    payload = device_authentication_bytes(transcript, reading.attestation.type, content)
    if attached is not None and attached != payload:
        raise VerificationError(Reason.SIGNATURE_INVALID, _DEVICE + ".payload")
    stated = _device_elements(content, reading.authorizations)
    agreement = None
    if mac:
        if type(challenge.reader_key) is not AgreementKey:
            raise VerificationError(Reason.READER_KEY_MISSING, _DEVICE)
        agreement = ReaderAgreement(challenge.reader_key, mac_salt(transcript), MAC_INFO)
    to_be_signed = cose.structure(cose.MAC if mac else cose.SIGNATURE, protected, payload)
    return _new(SignedObject, (to_be_signed, payload, algorithm, signature, _NO_HINT, None, agreement)), stated


_NO_HINT: Final = KeyHint()
_NO_ELEMENTS: Final = b"\xa0"


def _device_elements(content: bytes, authorizations: KeyAuthorizations | None) -> Mapping[str, Any]:
    if content == _NO_ELEMENTS:
        return _NOTHING
    stated = cbor.decode(content, _DEVICE + ".nameSpaces", VALUE_TAGS)
    if type(stated) is not dict:
        raise MalformedError(Reason.MALFORMED_TOKEN, _DEVICE + ".nameSpaces")
    for namespace, elements in stated.items():
        if type(namespace) is not str or type(elements) is not dict or not elements:
            raise MalformedError(Reason.MALFORMED_TOKEN, _DEVICE + ".nameSpaces")
        for name in elements:
            if authorizations is None or type(name) is not str or not authorizations.permit(namespace, name):
                raise VerificationError(Reason.DEVICE_ELEMENT_NOT_AUTHORIZED, _DEVICE + ".nameSpaces")
    return MappingProxyType(stated)


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

READER: Final = Reader(Format.MDOC, open_presentation, read, bind, _AUTH, _DEVICE)
