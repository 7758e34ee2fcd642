"""base64url without padding, canonical: one byte string has one spelling.

RFC 7515 appendix C forbids padding; RFC 4648 section 3.5 lets a decoder refuse stray bits in the last character, and
a decoder that does not gives one signed object several names. pybase64 checks the alphabet; what is left for us are
the other alphabet (it would only warn), padding that the input brings itself, and the last character.
"""

from __future__ import annotations

from typing import Final

from pybase64 import b64decode, b64encode, b64encode_as_string

from .._errors import MalformedError, Reason

_ALTCHARS: Final = b"-_"
_PADDING: Final = (b"", b"", b"==", b"=")
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# By the length modulo 4: which last characters leave no stray bits (RFC 4648 section 3.5). One is no possible length.
_LAST: Final = (frozenset(_ALPHABET), frozenset[int](), frozenset(_ALPHABET[::16]), frozenset(_ALPHABET[::4]))


def encode(data: bytes) -> bytes:
    """Encode bytes as unpadded base64url (ASCII bytes)."""
    return b64encode(data, _ALTCHARS).rstrip(b"=")


def encode_text(data: bytes) -> str:
    """Encode bytes as unpadded base64url text."""
    return b64encode_as_string(data, _ALTCHARS).rstrip("=")


def decode(text: bytes, where: str) -> bytes:
    """Decode canonical unpadded base64url.

    Args:
        text: the ASCII characters.
        where: spec path for the error.

    Raises:
        MalformedError: MALFORMED_BASE64 on padding, another alphabet, white space, stray bits or an impossible length.
    """
    data = None
    rest = len(text) & 3
    # An empty text is the empty byte string. "=" is no character of the alphabet and in none of the sets.
    if not text or (text[-1] in _LAST[rest] and b"+" not in text and b"/" not in text):
        try:
            data = b64decode(text + _PADDING[rest], _ALTCHARS, True)
        except ValueError:
            pass  # raised below, so that no __context__ carries the input
    if data is None:
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
