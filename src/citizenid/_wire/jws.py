"""Compact JWS (RFC 7515 section 7.1): three segments to a `SignedObject`, and back.

Only the grammar is judged here and what no profile of ours permits: an algorithm outside the closed list, any `crit`
(we understand no extension, RFC 7515 section 4.1.11), `b64` (RFC 7797) and headers that bring a key along. Which typ a
slot wants, and which key, is decided above.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pybase64

from .. import _registry as reg
from .._errors import MalformedError, Reason
from .._limits import Limits
from .._model import KeyHint, SignedObject
from . import base64url, json

_HEADER_DEPTH = 4  # a jwk in a DPoP header is depth 2; nothing registered goes deeper than a list in an object
_MAX_KID_CHARS = 255
_MAX_CERTIFICATES = 4  # a leaf, at most two intermediates, and one more so that the path check names the fault


class Header(NamedTuple):
    """A protected header whose registered members have the right types."""

    algorithm: str
    typ: str | None
    hint: KeyHint
    members: dict[str, Any]


def split(data: bytes, where: str) -> list[bytes]:
    """Split a compact JWS into its three segments, still encoded.

    Raises:
        MalformedError: MALFORMED_TOKEN unless there are exactly three segments.
    """
    if data.count(b".") != 2:
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    return data.split(b".")


def read_header(segment: bytes, where: str, limits: Limits, *, subject_key: bool = False) -> Header:
    """Read a protected header.

    Args:
        segment: the base64url segment.
        where: spec path of the JWS, for errors.
        limits: bounds.
        subject_key: True in the one profile whose `jwk` names the subject of the proof (DPoP).

    Raises:
        MalformedError: a Reason of form.
    """
    where += ".header"
    if len(segment) > limits.header_bytes:
        raise MalformedError(Reason.INPUT_TOO_LARGE, where)
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
    certificates = _certificates(members[reg.X5C], where + ".x5c") if reg.X5C in members else ()
    return Header(algorithm, typ, KeyHint(kid, certificates), members)


def open_compact(
    data: bytes, where: str, limits: Limits, unverified_issuer: Callable[[bytes], str | None] | None = None
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
    header_segment, payload_segment, signature_segment = split(data, where)
    header = read_header(header_segment, where, limits)
    hint = header.hint
    payload = base64url.decode(payload_segment, where + ".payload")
    if unverified_issuer is not None:
        hint = KeyHint(hint.kid, hint.certificates, unverified_issuer)
    return signed_object(data, header, hint, payload, signature_segment, where)


def signed_object(
    data: bytes, header: Header, hint: KeyHint, payload: bytes, signature_segment: bytes, where: str
) -> SignedObject:
    """Put the parts of a compact JWS together. Raises MALFORMED_TOKEN when payload or signature is empty."""
    signature = base64url.decode(signature_segment, where + ".signature")
    if not payload or not signature:
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    return SignedObject(
        to_be_signed=data[: -len(signature_segment) - 1],
        payload=payload,
        algorithm=header.algorithm,
        signature=signature,
        key_hint=hint,
        typ=header.typ,
    )


def signing_input(header: dict[str, Any], payload: dict[str, Any], where: str) -> bytes:
    """Return what the signer of a compact JWS signs (RFC 7515 section 5.1)."""
    return base64url.encode(json.dump(header, where)) + b"." + base64url.encode(json.dump(payload, where))


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
