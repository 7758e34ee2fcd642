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
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# By the length modulo 4: which last characters leave no stray bits (RFC 4648 section 3.5), and the padding that is left
# out. One is no possible length. "=" is no character of the alphabet and so in none of the sets.
_ENDS: Final = (
    (frozenset(_ALPHABET), b""),
    (frozenset[int](), b""),
    (frozenset(_ALPHABET[::16]), b"=="),
    (frozenset(_ALPHABET[::4]), b"="),
)
_ENDS_OF_TEXT: Final = tuple((frozenset(map(chr, last)), padding.decode()) for last, padding in _ENDS)
_PLUS: Final = ord("+")
_SLASH: Final = ord("/")


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
    if not text:
        return b""
    last, padding = _ENDS[len(text) & 3]
    # The two are looked for as numbers: that is one memchr, where a slice of bytes costs ten times as much to look for.
    if text[-1] in last and _PLUS not in text and _SLASH not in text:
        try:
            return b64decode(text + padding, _ALTCHARS, True)
        except ValueError:
            pass  # raised below, so that no __context__ carries the input
    raise MalformedError(Reason.MALFORMED_BASE64, where)


def decode_standard(text: bytes, where: str) -> bytes:
    """Decode canonical base64 with padding, the standard alphabet (RFC 4648 section 4), as in structured fields.

    Raises:
        MalformedError: MALFORMED_BASE64.
    """
    data = None
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        pass  # raised below, so that no __context__ carries the input
    if data is None or b64encode(data) != text:
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


def decode_sized(text: object, size: int) -> bytes | None:
    """Decode a JSON member that must hold exactly `size` bytes; None for anything else, which is then not decoded."""
    if type(text) is str and 0 < len(text) == (size * 4 + 2) // 3 and text.isascii():
        last, padding = _ENDS_OF_TEXT[len(text) & 3]
        if text[-1] in last and "+" not in text and "/" not in text:
            try:
                return b64decode(text + padding, _ALTCHARS, True)
            except ValueError:
                pass
    return None
