"""base64url without padding, canonical: one byte string has one spelling.

RFC 7515 appendix C forbids padding; RFC 4648 section 3.5 lets a decoder refuse stray bits in the last character, and
a decoder that does not gives one signed object several names. The check is by encoding again: what does not come back
as it was is not canonical.
"""

from __future__ import annotations

from typing import Final

import pybase64

from .._errors import MalformedError, Reason

_ALTCHARS: Final = b"-_"
_PADDING: Final = (b"", b"", b"==", b"=")


def encode(data: bytes) -> bytes:
    """Encode bytes as unpadded base64url (ASCII bytes)."""
    return pybase64.b64encode(data, _ALTCHARS).rstrip(b"=")


def encode_text(data: bytes) -> str:
    """Encode bytes as unpadded base64url text."""
    return encode(data).decode("ascii")


def decode(text: bytes, where: str) -> bytes:
    """Decode canonical unpadded base64url.

    Args:
        text: the ASCII characters.
        where: spec path for the error.

    Raises:
        MalformedError: MALFORMED_BASE64 on padding, another alphabet, white space, stray bits or an impossible length.
    """
    data = None
    padding = len(text) & 3
    if padding != 1 and b"+" not in text and b"/" not in text:  # the other alphabet: pybase64 would only warn
        try:
            data = pybase64.b64decode(text + _PADDING[padding], _ALTCHARS, validate=True)
        except ValueError:
            pass  # raised below, so that no __context__ carries the input
    if data is None or pybase64.b64encode(data, _ALTCHARS).rstrip(b"=") != text:
        raise MalformedError(Reason.MALFORMED_BASE64, where)
    return data


def decode_text(text: object, where: str) -> bytes:
    """Decode a base64url member of a JSON object; anything but text is malformed.

    Raises:
        MalformedError: MALFORMED_BASE64.
    """
    if type(text) is not str or not text.isascii():
        raise MalformedError(Reason.MALFORMED_BASE64, where)
    return decode(text.encode("ascii"), where)
