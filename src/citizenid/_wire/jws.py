"""Compact JWS (RFC 7515 section 7.1): three segments to a `SignedObject`, and back.

Only the grammar is judged here and what no profile of ours permits: an algorithm outside the closed list, any `crit`
(we understand no extension, RFC 7515 section 4.1.11), `b64` (RFC 7797) and headers that bring a key along. Which typ a
slot wants, and which key, is decided above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pybase64

from .. import _registry as reg
from .._errors import MalformedError, Reason
from .._limits import Limits
from .._model import KeyHint, SignedObject
from . import base64url, json

UnverifiedIssuer = Callable[[bytes], str | None]
"""Reads from an unverified payload who claims to have signed it."""

_HEADER_DEPTH: Final = 4  # a jwk in a DPoP header is depth 2; nothing registered goes deeper than a list in an object
_MAX_KID_CHARS: Final = 255
_MAX_CERTIFICATES: Final = 4  # a leaf, at most two intermediates, and one more so that the path check names the fault
_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price
_REMEMBERED_BYTES: Final = 256  # no certificates: 1,024 headers of this size are 0.5 MB


class Header(NamedTuple):
    """A protected header whose registered members have the right types."""

    algorithm: str
    typ: str | None
    hint: KeyHint
    members: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"<Header {self.algorithm}>"


def split(data: bytes, where: str) -> tuple[bytes, bytes, bytes, bytes]:
    """Take a compact JWS apart: header, payload and signature, still encoded, and what the signature covers.

    Raises:
        MalformedError: MALFORMED_TOKEN unless there are exactly three segments.
    """
    # By `find`, which is a memchr; `split` looks at each byte by itself.
    first = data.find(b".")
    second = data.find(b".", first + 1)
    if first < 0 or second < 0 or data.find(b".", second + 1) >= 0:
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    return data[:first], data[first + 1 : second], data[second + 1 :], data[:second]


def read_header(
    segment: bytes,
    where: str,
    limits: Limits,
    *,
    subject_key: bool = False,
    unverified_issuer: UnverifiedIssuer | None = None,
) -> Header:
    """Read a protected header.

    Args:
        segment: the base64url segment.
        where: spec path of the JWS, for errors.
        limits: bounds.
        subject_key: True in the one profile whose `jwk` names the subject of the proof (DPoP).
        unverified_issuer: how the profile reads who claims to have signed, if its payload says so.

    Raises:
        MalformedError: a Reason of form.
    """
    if len(segment) > limits.header_bytes:
        raise MalformedError(Reason.INPUT_TOO_LARGE, where + ".header")
    if len(segment) <= _REMEMBERED_BYTES and not subject_key:
        return _read_short_header(segment, where, False, unverified_issuer)
    return _read_header(segment, where, subject_key, unverified_issuer)


def _read_header(segment: bytes, where: str, subject_key: bool, unverified_issuer: UnverifiedIssuer | None) -> Header:
    where += ".header"
    members = json.parse_object(base64url.decode(segment, where), where, _HEADER_DEPTH)
    name = members.get(reg.ALG)
    algorithm = reg.JOSE_ALGORITHMS.get(name) if type(name) is str else None
    if algorithm is None:
        raise MalformedError(Reason.ALGORITHM_NOT_ALLOWED, where)
    if reg.CRIT in members:
        raise MalformedError(Reason.CRIT_UNSUPPORTED, where)
    if reg.B64 in members or "jku" in members or "x5u" in members or (reg.JWK in members) is not subject_key:
        raise MalformedError(Reason.HEADER_FORBIDDEN, where)
    typ, kid = members.get(reg.TYP), members.get(reg.KID)
    if (typ is None) is (reg.TYP in members) or type(typ) not in (str, type(None)):
        raise MalformedError(Reason.HEADER_INVALID, where + ".typ")
    if (kid is None) is (reg.KID in members) or type(kid) not in (str, type(None)) or len(kid or "") > _MAX_KID_CHARS:
        raise MalformedError(Reason.HEADER_INVALID, where + ".kid")
    certificates: tuple[bytes, ...] = ()
    if reg.X5C in members:
        certificates = _certificates(members[reg.X5C], where + ".x5c")
        _check_thumbprints(members, certificates[0], where)
    return Header(algorithm, typ, KeyHint(kid, certificates, unverified_issuer), MappingProxyType(members))


# One issuer writes one header over and over, and every KB-JWT has the same one. Reading it is a pure function of these
# few bytes, so a memo changes nothing but the time; its size is bounded, and refusals are not remembered. It is a memo
# of framing: nothing in it was verified, and nothing is skipped because of it. Headers that hold a key are not in it.
_read_short_header = lru_cache(maxsize=1_024)(_read_header)


def open_compact(
    data: bytes, where: str, limits: Limits, unverified_issuer: UnverifiedIssuer | None = None
) -> SignedObject:
    """Open a compact JWS: bytes to a SignedObject about which nothing is known to be true.

    Args:
        data: header "." payload "." signature.
        where: spec path for errors.
        limits: bounds.
        unverified_issuer: how the profile reads who claims to have signed, if its payload says so.

    Raises:
        MalformedError: a Reason of form.
    """
    header_segment, payload_segment, signature_segment, to_be_signed = split(data, where)
    header = read_header(header_segment, where, limits, unverified_issuer=unverified_issuer)
    return signed_object(header, payload_segment, signature_segment, to_be_signed, where)


def signed_object(
    header: Header, payload_segment: bytes, signature_segment: bytes, to_be_signed: bytes, where: str
) -> SignedObject:
    """Put the parts of a compact JWS together.

    Raises:
        MalformedError: MALFORMED_BASE64, and MALFORMED_TOKEN when payload or signature is empty.
    """
    payload = base64url.decode(payload_segment, where + ".payload")
    signature = base64url.decode(signature_segment, where + ".signature")
    if not payload or not signature:
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    algorithm, typ, hint, _ = header
    return _new(SignedObject, (to_be_signed, payload, algorithm, signature, hint, typ, None))


def _check_thumbprints(members: Mapping[str, Any], leaf: bytes, where: str) -> None:
    # RFC 7515 sections 4.1.7 and 4.1.8: of the certificate whose key signed. Two names for one must not name two.
    for name, function in reg.X5_THUMBPRINTS:
        if name in members:
            digest = hashlib.new(function, leaf, usedforsecurity=False).digest()  # compared, and trusted for nothing
            if members[name] != base64url.encode_text(digest):
                raise MalformedError(Reason.HEADER_INVALID, f"{where}.{name}")


def _certificates(value: object, where: str) -> tuple[bytes, ...]:
    # RFC 7515 section 4.1.6: an array of standard base64 (not base64url), leaf first.
    if type(value) is not list or not value:
        raise MalformedError(Reason.HEADER_INVALID, where)
    if len(value) > _MAX_CERTIFICATES:
        raise MalformedError(Reason.LIMIT_EXCEEDED, where)
    certificates = []
    for item in value:
        der = b""
        if type(item) is str and item.isascii():
            try:
                der = pybase64.b64decode(item, validate=True)
            except ValueError:
                pass  # raised below without the input
        if not der or pybase64.b64encode(der).decode("ascii") != item:
            raise MalformedError(Reason.MALFORMED_BASE64, where)
        certificates.append(der)
    return tuple(certificates)
