"""Other spellings of base64url, and other writings of CBOR, that say the same to a lenient reader.

Spec: RFC 4648 section 3.5; RFC 8949 sections 3.2 and 4.2.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ..forge.parts import base64url, unbase64url
from ._frame import Choice

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def padded(segment: bytes, _: Choice) -> bytes:
    """Pad it, or where there is nothing to pad, pad it nevertheless."""
    return segment + b"=" * (-len(segment) % 4 or 1)


def of_another_alphabet(segment: bytes, choice: Choice) -> bytes:
    """Put a character of the other alphabet, or of none, in the place of one."""
    place = choice.below(len(segment))
    return segment[:place] + choice.of(b"+", b"/", b" ", b"\n", b",") + segment[place + 1 :]


def with_spare_bits(segment: bytes, _: Choice) -> bytes | None:
    """Set a bit that stands for nothing in the last character; where every bit counts, there is none."""
    if len(segment) % 4 in (0, 1):
        return None
    return segment[:-1] + _ALPHABET[_ALPHABET.index(segment[-1:]) ^ 1 :][:1]


def with_a_member_twice(segment: bytes, choice: Choice) -> bytes:
    """Write a JSON object in base64url again, with one of its members once more behind it."""
    stated = json.loads(unbase64url(segment))
    name = choice.of(*stated)
    return base64url(json.dumps(stated).encode()[:-1] + b"," + json.dumps({name: stated[name]}).encode()[1:])


def indefinite(data: bytes) -> bytes:
    """Write a map or an array of CBOR that has a length with an indefinite one."""
    width = {24: 1, 25: 2, 26: 4, 27: 8}.get(data[0] & 31, 0)
    return bytes((data[0] | 31,)) + data[1 + width :] + b"\xff"


def with_long_head(data: bytes) -> bytes:
    """Write the head of an item of fewer than 24 parts in a byte more than it needs: it says the same."""
    return bytes((data[0] & 0xE0 | 24, data[0] & 31)) + data[1:]


def nested(depth: int) -> list[Any]:
    """Return arrays in arrays."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value
