"""What is written: compact JSON, and what the signer of a compact JWS signs.

Apart from reading, because a verifier never writes: it starts without the standard library's encoder.

Spec: RFC 8259; RFC 7515 section 5.1; RFC 9901 section 4.2.
"""

from __future__ import annotations

import json
from typing import Any, Final

from .. import _registry as reg
from .._errors import CitizenIDError, MalformedError, Reason
from . import base64url

# Without its search for cycles: what nests without end is a RecursionError either way.
_encode: Final = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode
quote: Final = json.encoder.encode_basestring
"""Writes a string with its quotation marks, as `dump` would."""


def dump(value: Any, where: str) -> bytes:
    """Write plain dicts with text names, lists, strings, integers, finite floats, booleans and None as compact UTF-8.

    Names are the caller's care: `_redaction.redact` refuses those that are no text.

    Raises:
        MalformedError: MALFORMED_JSON for NaN, a lone surrogate, a type JSON does not have, or endless nesting.
    """
    try:
        return _encode(value).encode("utf-8")
    except (ValueError, TypeError, RecursionError):
        pass  # raised below, so that no __context__ carries the value
    raise MalformedError(Reason.MALFORMED_JSON, where)


def dump_members(members: str, value: dict[str, Any], where: str) -> bytes:
    """Write an object: `members` are its first members as text already, with `quote` for what needs it, then `value`.

    Raises:
        MalformedError: MALFORMED_JSON, as `dump`.
    """
    try:
        return (f"{{{members},{_encode(value)[1:]}" if value else f"{{{members}}}").encode("utf-8")
    except (ValueError, TypeError, RecursionError):
        pass  # raised below, so that no __context__ carries the value
    raise MalformedError(Reason.MALFORMED_JSON, where)


def dump_disclosure(salt: str, name: str | None, value: Any, where: str) -> bytes:
    """Write `[salt, name, value]`, or `[salt, value]` when `name` is None, as `dump` would.

    The salt is base64url text, which needs no escaping. Most values are short strings, and for those the general
    encoder costs more than everything else around it.

    Raises:
        MalformedError: MALFORMED_JSON, as `dump`.
    """
    if type(value) is not str:
        return dump([salt, value] if name is None else [salt, name, value], where)
    text = f'["{salt}",{quote(value)}]' if name is None else f'["{salt}",{quote(name)},{quote(value)}]'
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        pass  # raised below, so that no __context__ carries the value
    raise MalformedError(Reason.MALFORMED_JSON, where)


def check_algorithm(algorithm: str, where: str) -> None:
    """Refuse to name an algorithm that is not JOSE's here: brainpool and Ed448 keys sign in the CBOR formats alone.

    Raises:
        CitizenIDError: ALGORITHM_NOT_ALLOWED.
    """
    if algorithm not in reg.JOSE_ALGORITHMS:
        raise CitizenIDError(Reason.ALGORITHM_NOT_ALLOWED, where)


def signing_input(header: dict[str, Any], payload: dict[str, Any], where: str) -> bytes:
    """Return what the signer of a compact JWS signs (RFC 7515 section 5.1).

    Raises:
        CitizenIDError: ALGORITHM_NOT_ALLOWED, as `check_algorithm`.
        MalformedError: MALFORMED_JSON, as `dump`.
    """
    check_algorithm(header[reg.ALG], where + ".header")
    return base64url.encode(dump(header, where)) + b"." + base64url.encode(dump(payload, where))
