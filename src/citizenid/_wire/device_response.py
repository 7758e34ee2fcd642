"""A DeviceResponse, taken apart: its documents, the items by namespace, and what the device signed.

Framing alone: nothing is known to be true, and no element is read. What the standard does not name, or will name one
day, is passed over where it is sound CBOR.

Spec: ISO/IEC 18013-5 8.3.2.1.2.2.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Any, Final, NamedTuple

from .. import _registry as reg
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._limits import Limits
from .._model import DetachedSignature
from . import cbor, cose
from .cbor import CBORTag

_RESPONSE: Final = "device-response"
_AUTH: Final = "issuer-auth"
_ITEM: Final = "issuer-signed-item"
_DEVICE: Final = "device-auth"
_EMBEDDED: Final = frozenset({reg.EMBEDDED_TAG})
_SOUND: Final = _EMBEDDED | {reg.URI_TAG}  # the latter in an x5u, which is refused as one
_TAGS: Final = frozenset({CBORTag})
_BYTES: Final = frozenset({bytes})
_TAG: Final = attrgetter("tag")
_VALUE: Final = attrgetter("value")
_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price


class Document(NamedTuple):
    """One document, or the IssuerSigned that an issuer hands over.

    Attributes:
        doc_type: as the document states it outside of any signature; None for an IssuerSigned.
        auth: the IssuerAuth.
        namespaces: the namespace of each item.
        items: the content of each IssuerSignedItemBytes, as received.
        device: what the device signed, or None.
    """

    doc_type: str | None
    auth: cose.Message
    namespaces: tuple[str, ...]
    items: tuple[bytes, ...]
    device: DetachedSignature | None

    def __repr__(self) -> str:
        return "<Document>"


class Canonical(NamedTuple):
    """The one document of a response as canonical CBOR writes it, with a signature of the device.

    Attributes:
        doc_type, namespaces, items: as those of a `Document`.
        algorithm: the algorithm that the issuer's protected header names, and nothing else stands in there.
        protected, certificate, payload, signature: the parts of the IssuerAuth.
        issuer_signed: all that the issuer made, and the holder has chosen of it, as received.
        device: what the device signed.
    """

    doc_type: str
    algorithm: str
    protected: bytes
    certificate: bytes
    payload: bytes
    signature: bytes
    issuer_signed: bytes
    namespaces: tuple[str, ...]
    items: tuple[bytes, ...]
    device: DetachedSignature

    def __repr__(self) -> str:
        return "<Canonical>"


def read_documents(raw: bytes, limits: Limits) -> list[Document]:
    """Read a DeviceResponse, or an IssuerSigned.

    Raises:
        MalformedError: a Reason of form, VERSION_UNSUPPORTED.
        VerificationError: RESPONSE_NOT_OK.
    """
    refused = None
    try:
        return _read_response(cbor.load(raw, _RESPONSE, _EMBEDDED), limits)
    except CitizenIDError as error:
        refused = error
    cbor.decode(raw, _RESPONSE, _SOUND)  # what is no sound CBOR is refused as that
    raise refused


def _read_response(response: Any, limits: Limits) -> list[Document]:
    if type(response) is dict and "issuerAuth" in response:
        return [_read_document(None, response, None, limits)]
    response = _known(response, _OF_RESPONSE)
    check_version(response.get("version"), _RESPONSE)
    status, documents = response.get("status"), response.get("documents")
    if type(status) is not int:
        raise MalformedError(Reason.MALFORMED_TOKEN, _RESPONSE)
    if status != 0:
        raise VerificationError(Reason.RESPONSE_NOT_OK, _RESPONSE)
    if type(documents) is not list or not documents:
        raise MalformedError(Reason.MALFORMED_TOKEN, _RESPONSE)
    if len(documents) > limits.documents:
        raise MalformedError(Reason.LIMIT_EXCEEDED, _RESPONSE)
    opened = []
    for document in documents:
        doc_type = _known(document, _OF_DOCUMENT).get("docType")
        if type(doc_type) is not str:
            raise MalformedError(Reason.MALFORMED_TOKEN, _RESPONSE)
        opened.append(_read_document(doc_type, document.get("issuerSigned"), document.get("deviceSigned"), limits))
    return opened


_OF_RESPONSE: Final = frozenset({"version", "documents", "status"})
_OF_DOCUMENT: Final = frozenset({"docType", "issuerSigned", "deviceSigned"})
_OF_ISSUER_SIGNED: Final = frozenset({"nameSpaces", "issuerAuth"})
_OF_DEVICE_SIGNED: Final = frozenset({"nameSpaces", "deviceAuth"})
_OF_DEVICE_AUTH: Final = frozenset({"deviceSignature", "deviceMac"})


def _known(value: Any, names: frozenset[str], where: str = _RESPONSE) -> dict[Any, Any]:
    """Return a map. Each member of these names is judged by its exact type; what else stands in it must be sound."""
    if type(value) is not dict:
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    if not value.keys() <= names:
        cbor.check(value, where, _EMBEDDED)
    return value


def check_version(version: object, where: str) -> None:
    """Refuse a version that is no text (MALFORMED_TOKEN), or not 1 with any minor number (VERSION_UNSUPPORTED)."""
    # 8.3.1: an unknown minor version is read as the one that is known, an unknown major version is not read.
    if type(version) is not str:
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    major, _, minor = version.partition(".")
    if major != "1" or not minor.isdecimal() or not minor.isascii():
        raise MalformedError(Reason.VERSION_UNSUPPORTED, where)


def _read_document(doc_type: str | None, issuer_signed: Any, device_signed: Any, limits: Limits) -> Document:
    issuer_signed = _known(issuer_signed, _OF_ISSUER_SIGNED)
    auth = cose.read_message(issuer_signed.get("issuerAuth"), _AUTH)
    namespaces, items = _items(issuer_signed, limits)
    device = None if device_signed is None else _read_device_signed(device_signed)
    return _new(Document, (doc_type, auth, namespaces, items, device))


def _items(issuer_signed: dict[Any, Any], limits: Limits) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    by_namespace = issuer_signed.get("nameSpaces", {})
    if type(by_namespace) is not dict:
        raise MalformedError(Reason.MALFORMED_TOKEN, _RESPONSE)
    namespaces: list[str] = []
    items: list[bytes] = []
    for namespace, tagged in by_namespace.items():
        if type(namespace) is not str or type(tagged) is not list or not tagged:
            raise MalformedError(Reason.MALFORMED_TOKEN, _RESPONSE)
        if len(namespace) > limits.claim_name_chars or len(items) + len(tagged) > limits.disclosures:
            raise MalformedError(Reason.LIMIT_EXCEEDED, _RESPONSE)
        if not (_TAGS.issuperset(map(type, tagged)) and _EMBEDDED.issuperset(map(_TAG, tagged))):
            raise MalformedError(Reason.MALFORMED_TOKEN, _ITEM)
        items += map(_VALUE, tagged)
        namespaces += [namespace] * len(tagged)
    if not _BYTES.issuperset(map(type, items)):
        raise MalformedError(Reason.MALFORMED_TOKEN, _ITEM)
    return tuple(namespaces), tuple(items)


def _read_device_signed(device_signed: Any) -> DetachedSignature | None:
    # Without a deviceAuth there is no binding, and V7 says so. Of the two kinds exactly one may stand there.
    device_signed = _known(device_signed, _OF_DEVICE_SIGNED, _DEVICE)
    name_spaces, auth = device_signed.get("nameSpaces"), device_signed.get("deviceAuth")
    if type(name_spaces) is not CBORTag or name_spaces.tag != reg.EMBEDDED_TAG or type(name_spaces.value) is not bytes:
        raise MalformedError(Reason.MALFORMED_TOKEN, _DEVICE)
    if auth is None:
        return None
    auth = _known(auth, _OF_DEVICE_AUTH, _DEVICE)
    if "deviceSignature" in auth and "deviceMac" in auth:
        raise MalformedError(Reason.MALFORMED_TOKEN, _DEVICE)
    mac = "deviceMac" in auth
    if not mac and "deviceSignature" not in auth:
        return None
    message = cose.read_message(auth["deviceMac" if mac else "deviceSignature"], _DEVICE)
    table = reg.COSE_MAC_ALGORITHMS if mac else reg.MDOC_ALGORITHMS
    algorithm = cose.algorithm_of(message, table, _DEVICE)
    parts = (mac, message.protected, algorithm, message.signature, message.payload, name_spaces.value)
    return _new(DetachedSignature, parts)


# --- as canonical CBOR writes it ---

# Heads are written out: c, g, i, j, l and o are those of texts of 3, 7, 9, 10, 12 and 15 bytes, x of one with a length
# behind it; C, X@, A and Y of byte strings of 3, 64, 1 and many bytes. The protected headers hold alg alone, a small
# number, and \x18! is x5chain (33).
_SIGNED: Final = rb"\x84C(\xa1\x01[\x00-\x17\x20-\x37])"
_FRONT: Final = re.compile(
    rb"\xa3fstatus\x00gversionc1\.0idocuments\x81\xa3gdocType([\x61-\x77]|x.)(.{1,255}?)"
    rb"ldeviceSigned\xa2jdeviceAuth\xa1odeviceSignature" + _SIGNED + rb"\xa0\xf6X@(.{64})jnameSpaces\xd8\x18A(\xa0)"
    rb"lissuerSigned\xa2jissuerAuth" + _SIGNED + rb"\xa1\x18!",
    re.DOTALL,
)
# The protected headers that hold nothing but an algorithm of mdocs.
_ALGORITHMS: Final = {cbor.encode({reg.COSE_ALG: number}): name for number, name in reg.MDOC_ALGORITHMS.items()}
_NAME_SPACES: Final = b"jnameSpaces"
_ITEM_HEAD: Final = b"\xd8\x18X"
_LONG_ITEM_HEAD: Final = b"\xd8\x18Y"


def read_canonical(raw: bytes, limits: Limits) -> Canonical | None:
    """Frame the common response, of bytes that hold nothing else; None where `read_documents` must decide."""
    front = _FRONT.match(raw)
    if front is None:
        return None
    head, text, by_device, signed, content, by_issuer = front.groups()
    algorithm, algorithm_of_device = _ALGORITHMS.get(by_issuer), _ALGORITHMS.get(by_device)
    if (head[1] if len(head) > 1 else head[0] - 0x60) != len(text) or algorithm is None or algorithm_of_device is None:
        return None
    try:
        doc_type = text.decode()
        certificate, position = _byte_string(raw, front.end())
        payload, position = _byte_string(raw, position)
        signature, position = _byte_string(raw, position)
        end = position + len(_NAME_SPACES)
        members = _canonical_items(raw, end, limits) if raw[position:end] == _NAME_SPACES else None
    except (IndexError, UnicodeDecodeError):
        return None
    if members is None:
        return None
    namespaces, items = members
    device = _new(DetachedSignature, (False, by_device, algorithm_of_device, signed, None, content))
    issuer = (algorithm, by_issuer, certificate, payload, signature, raw[front.start(6) :])
    return _new(Canonical, (doc_type, *issuer, namespaces, items, device))


def _byte_string(raw: bytes, position: int) -> tuple[bytes, int]:
    """Return a byte string of 24 to 65,535 bytes and where it ends; an IndexError says that none stands here."""
    if raw[position] == 0x59:
        start = position + 3
        end = start + (raw[position + 1] << 8 | raw[position + 2])
    elif raw[position] == 0x58:
        start = position + 2
        end = start + raw[position + 1]
    else:
        raise IndexError
    return raw[start:end], end


def _canonical_items(raw: bytes, position: int, limits: Limits) -> tuple[tuple[str, ...], tuple[bytes, ...]] | None:
    """Return the namespace and the content of each item, where the bytes end with the last one; else None.

    Raises:
        IndexError, UnicodeDecodeError: where the bytes end before, or a namespace is no UTF-8.
    """
    shown = raw[position] - 0xA0
    if not 0 < shown < 24:
        return None
    position += 1
    namespaces: list[str] = []
    items: list[bytes] = []
    seen = set()
    for _ in range(shown):
        first = raw[position]
        if first == 0x78:
            position += 1
            size = raw[position]
        elif 0x60 < first < 0x78:
            size = first - 0x60
        else:
            return None
        start = position + 1
        position = start + size
        first = raw[position]
        if first == 0x98:
            position += 1
            count = raw[position]
        elif 0x80 <= first < 0x98:
            count = first - 0x80
        else:
            return None
        if not count:
            return None
        namespace = raw[start : start + size].decode()
        if len(namespace) > limits.claim_name_chars or namespace in seen:
            return None
        seen.add(namespace)
        position += 1
        for _ in range(count):
            start = position + 4
            item_head = raw[position : position + 3]
            if item_head == _ITEM_HEAD:
                position = start + raw[start - 1]
            elif item_head == _LONG_ITEM_HEAD:
                start += 1
                position = start + (raw[start - 2] << 8 | raw[start - 1])
            else:
                return None
            items.append(raw[start:position])
        namespaces += [namespace] * count
    if position != len(raw) or len(items) > limits.disclosures:
        return None
    return tuple(namespaces), tuple(items)
