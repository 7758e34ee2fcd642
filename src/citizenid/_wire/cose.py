"""COSE_Sign1 and COSE_Mac0 (RFC 9052): framing, header parameters, and the bytes that are signed.

The algorithm comes from the protected header alone; a label may stand in one of the two headers; any `crit` refuses,
since no extension is understood. A certificate chain may stand in either header: it is only a hint, and the anchors
decide. Which typ a slot wants, and which key, is decided above.

Spec: RFC 9052 sections 3, 4.4, 6.3; RFC 9360 section 2; RFC 9596; RFC 9864.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from .. import _registry as reg
from .._errors import MalformedError, Reason
from .._model import CertificateProfile, KeyHint, SignedObject
from . import cbor
from .cbor import CBORTag, byte_string, head

SIGNATURE: Final = "Signature1"
MAC: Final = "MAC0"
_MAX_CERTIFICATES: Final = 4  # a leaf, at most two intermediates, and one more so that the path check names the fault
_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price
_MAX_KID_BYTES: Final = 255
_REMEMBERED_BYTES: Final = 128
_HEADER_TAGS: Final = frozenset({reg.COSE_SIGN1_TAG, reg.CWT_TAG, reg.EMBEDDED_TAG})  # a header may hold a whole CWT
_EMPTY: Final[Mapping[Any, Any]] = MappingProxyType({})
_CONTEXTS: Final = {name: b"\x84" + cbor.encode(name) for name in (SIGNATURE, MAC)}


class Message(NamedTuple):
    """A COSE_Sign1 or COSE_Mac0 as it was framed; nothing in it is known to be true.

    Attributes:
        protected: the protected header as it goes into what is signed: as received, or empty when it holds nothing.
        members: the protected header, decoded.
        unprotected: the unprotected header. Nothing covers it.
        payload: what is signed, or None when it is detached.
        signature: the signature or the tag.
    """

    protected: bytes
    members: Mapping[Any, Any]
    unprotected: Mapping[Any, Any]
    payload: bytes | None
    signature: bytes

    def __repr__(self) -> str:
        return "<Message>"


def untag(value: Any, tag: int, where: str) -> Any:
    """Return what stands under this tag. Raises MALFORMED_TOKEN when something else stands there."""
    if type(value) is not CBORTag or value.tag != tag:
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    return value.value


def read_message(value: Any, where: str, judged: int | None = None) -> Message:
    """Read a COSE_Sign1 or COSE_Mac0 out of the array that was decoded, without its tag.

    Args:
        value: what was decoded or loaded; its members are judged by their exact types.
        where: spec path.
        judged: the label of a protected parameter that the caller judges whole, so that it is not walked over here.

    Raises:
        MalformedError: MALFORMED_TOKEN, MALFORMED_CBOR, DUPLICATE_MEMBER, DEPTH_EXCEEDED, LIMIT_EXCEEDED,
            CRIT_UNSUPPORTED, HEADER_INVALID for a label in both headers, HEADER_FORBIDDEN for one that says where to
            get a key.
    """
    if type(value) is not list or len(value) != 4:
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    protected, unprotected, payload, signature = value
    if (
        type(protected) is not bytes
        or type(unprotected) is not dict
        or (payload is not None and type(payload) is not bytes)
        or type(signature) is not bytes
    ):
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    body, members = read_header(protected, where, judged)
    if unprotected:
        _check_labels(unprotected, where)
        # A label is an integer or a text, exactly. Values too: of a device's header nobody asks for the hints.
        cbor.check(unprotected, where + ".header", _HEADER_TAGS)
        if not members.keys().isdisjoint(unprotected):
            raise MalformedError(Reason.HEADER_INVALID, where + ".header")
    return _new(Message, (body, members, unprotected, payload, signature))


def read_header(protected: bytes, where: str, judged: int | None = None) -> tuple[bytes, Mapping[Any, Any]]:
    """Read a protected header by itself: as it is signed, and decoded. Arguments and errors as `read_message`."""
    read = _read_short_header if len(protected) <= _REMEMBERED_BYTES else _read_protected
    return read(protected, where, judged)


def _read_protected(protected: bytes, where: str, judged: int | None = None) -> tuple[bytes, Mapping[Any, Any]]:
    if not protected:
        return b"", _EMPTY
    members = cbor.load(protected, where + ".header", _HEADER_TAGS)
    if type(members) is dict:
        _check_labels(members, where)
    # A label of another type that only equals `judged` stays what it is, and is refused.
    rest = {**members, judged: None} if type(members) is dict and judged in members else members
    cbor.check(rest, where + ".header", _HEADER_TAGS)
    if type(members) is not dict:
        raise MalformedError(Reason.MALFORMED_TOKEN, where + ".header")
    # RFC 9052 section 3: no parameters may be written as an empty map too, and are signed as an empty string.
    return protected if members else b"", MappingProxyType(members)


# One issuer writes one header over and over: a pure function of a few bytes, as the memo of JOSE headers in jws.py is.
_read_short_header = lru_cache(maxsize=1_024)(_read_protected)


def _check_labels(members: Mapping[Any, Any], where: str) -> None:
    # Before anything else is judged: an x5u is a URI under a tag that no other parameter has (RFC 9360 section 2). A
    # header with a label that only equals one of these is refused as no sound header.
    if members.keys().isdisjoint(_REFUSED_LABELS) or not _LABELS.issuperset(map(type, members)):
        return
    reason = Reason.CRIT_UNSUPPORTED if reg.COSE_CRIT in members else Reason.HEADER_FORBIDDEN
    raise MalformedError(reason, where + ".header")


_REFUSED_LABELS: Final = frozenset({reg.COSE_CRIT, reg.COSE_X5U})
_LABELS: Final = frozenset({int, str})


def protected_of(to_be_signed: bytes, where: str) -> Mapping[Any, Any]:
    """Return the protected header out of the bytes that were signed, as `structure` puts them together."""
    start = len(_CONTEXTS[SIGNATURE])
    first = to_be_signed[start]
    width = 1 << first - 0x58 if first >= 0x58 else 0
    end = start + 1 + width
    size = int.from_bytes(to_be_signed[start + 1 : end], "big") if width else first - 0x40
    return read_header(to_be_signed[end : end + size], where)[1]


def structure(context: str, protected: bytes, payload: bytes, external_aad: bytes = b"") -> bytes:
    """Return the Sig_structure or MAC_structure: the bytes that are signed (RFC 9052 sections 4.4 and 6.3)."""
    if external_aad:
        return _CONTEXTS[context] + byte_string(protected) + byte_string(external_aad) + byte_string(payload)
    read = _short_prefix if len(protected) <= _REMEMBERED_BYTES else _prefix
    return b"".join((read(context, protected), head(2, len(payload)), payload))  # one copy, of what may be long


def _prefix(context: str, protected: bytes) -> bytes:
    return _CONTEXTS[context] + byte_string(protected) + b"\x40"


_short_prefix = lru_cache(maxsize=256)(_prefix)  # one issuer signs under one protected header


def algorithm_of(message: Message, table: Mapping[int, str], where: str) -> str:
    """Return the algorithm that the protected header names, by the table of a format.

    Raises:
        MalformedError: ALGORITHM_NOT_ALLOWED, CURVE_UNSUPPORTED for the one whose curve no library here has.
    """
    number = message.members.get(reg.COSE_ALG)
    name = table.get(number) if type(number) is int else None
    if name is None:
        unsupported = type(number) is int and number == reg.COSE_ESB320
        raise MalformedError(Reason.CURVE_UNSUPPORTED if unsupported else Reason.ALGORITHM_NOT_ALLOWED, where)
    return name


def typ_of(message: Message, where: str) -> str | None:
    """Return the media type of RFC 9596, a number of our formats by its name.

    Raises:
        MalformedError: HEADER_INVALID when it is neither text nor an unsigned number.
    """
    typ = message.members.get(reg.COSE_TYP)
    if type(typ) is int and typ >= 0:
        return reg.COAP_CONTENT_FORMATS.get(typ, f"#{typ}")
    if type(typ) is not str and not (typ is None and reg.COSE_TYP not in message.members):
        raise MalformedError(Reason.HEADER_INVALID, where + ".header.typ")
    return typ


def hint_of(message: Message, where: str) -> tuple[str | None, tuple[bytes, ...]]:
    """Return the key identifier and the certificates, leaf first, that a message names.

    A kid is opaque bytes; it is compared as the text that a JWK Set would have for it.

    Raises:
        MalformedError: HEADER_INVALID, LIMIT_EXCEEDED for more than four certificates.
    """
    members, unprotected = message.members, message.unprotected
    kid = members.get(reg.COSE_KID, unprotected.get(reg.COSE_KID))
    if kid is None:
        if reg.COSE_KID in members or reg.COSE_KID in unprotected:
            raise MalformedError(Reason.HEADER_INVALID, where + ".header.kid")
    elif type(kid) is not bytes or len(kid) > _MAX_KID_BYTES:
        raise MalformedError(Reason.HEADER_INVALID, where + ".header.kid")
    in_protected = reg.COSE_X5CHAIN in members
    certificates: tuple[bytes, ...] = ()
    if in_protected or reg.COSE_X5CHAIN in unprotected:
        certificates = _chain((members if in_protected else unprotected)[reg.COSE_X5CHAIN], where + ".header.x5chain")
        if reg.COSE_X5T in members or reg.COSE_X5T in unprotected:
            _check_x5t(members.get(reg.COSE_X5T, unprotected.get(reg.COSE_X5T)), certificates[0], where)
    # Bytes that are no UTF-8 become characters that no JSON text can hold: they name no key of a set.
    return None if kid is None else kid.decode("utf-8", "surrogateescape"), certificates


def _chain(value: Any, where: str) -> tuple[bytes, ...]:
    # RFC 9360 section 2: one certificate stands by itself. Real mdocs hold arrays of one, which are taken.
    certificates = (value,) if type(value) is bytes else tuple(value) if type(value) is list else ()
    if not certificates or not all(type(each) is bytes and each for each in certificates):
        raise MalformedError(Reason.HEADER_INVALID, where)
    if len(certificates) > _MAX_CERTIFICATES:
        raise MalformedError(Reason.LIMIT_EXCEEDED, where)
    return certificates


def _check_x5t(value: Any, leaf: bytes, where: str) -> None:
    # RFC 9360 section 2: [hashAlg, hash] of the leaf. Two names for one certificate must not name two.
    hash_name = None
    if type(value) is list and len(value) == 2 and type(value[0]) is int:
        hash_name = reg.COSE_HASHES.get(value[0])
    if hash_name is None or value[1] != hashlib.new(hash_name, leaf).digest():
        raise MalformedError(Reason.HEADER_INVALID, where + ".header.x5t")


def sign1(
    message: Message,
    payload: bytes,
    algorithms: Mapping[int, str],
    profile: CertificateProfile,
    where: str,
    unverified_issuer: Callable[[bytes], str | None] | None = None,
) -> SignedObject:
    """Make the SignedObject of a COSE_Sign1.

    Args:
        message: as read.
        payload: what was signed: `message.payload`, or what is detached.
        algorithms: the table of the format: COSE number to the name of a key's algorithm or of a family.
        profile: what the leaf of a certificate chain must be in this format.
        where: spec path.
        unverified_issuer: reads the issuer that the payload claims, where `kid` does not settle the key.

    Raises:
        MalformedError: ALGORITHM_NOT_ALLOWED, CURVE_UNSUPPORTED, HEADER_INVALID, LIMIT_EXCEEDED.
    """
    algorithm = algorithm_of(message, algorithms, where)
    kid, certificates = hint_of(message, where)
    hint = _new(KeyHint, (kid, certificates, unverified_issuer, profile))
    to_be_signed = structure(SIGNATURE, message.protected, payload)
    return _new(SignedObject, (to_be_signed, payload, algorithm, message.signature, hint, typ_of(message, where), None))


def write(protected: bytes, unprotected: Mapping[Any, Any], payload: bytes | None, signature: bytes) -> bytes:
    """Write the array of a COSE_Sign1 or COSE_Mac0, without a tag."""
    written = (b"\xf6",) if payload is None else (head(2, len(payload)), payload)
    return b"".join((b"\x84", byte_string(protected), cbor.encode(unprotected), *written, byte_string(signature)))
