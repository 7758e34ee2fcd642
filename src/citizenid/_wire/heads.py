"""CBOR items as their heads tell them: what can be said, sliced and written without decoding anything.

Spec: RFC 8949 sections 3 and 3.4.5.1.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from operator import add
from typing import Final

from .._errors import MalformedError, Reason

MAX_DEPTH: Final = 16  # draft-ietf-spice-sd-cwt section 6 lets more be refused; a DeviceResponse has nine levels
MAX_MEMBERS: Final = 1_024  # of one map; a namespace of our own mdocs has one for each of 249 countries
_EMBEDDED_TAG: Final = 24
MAX_ITEMS: Final = 24_576  # of all kinds; 10,000 digests have as many numbers, and little stands around them


def _size_of(first: int) -> int:
    major, info = first >> 5, first & 0x1F
    if major in (2, 3):
        return 1 + info if info < 24 else 0
    return 0 if 4 <= major <= 6 or info >= 28 else 1 + argument_bytes(first)


def argument_bytes(first: int) -> int:
    """Return how many bytes the length or value takes that follows this one."""
    info = first & 0x1F
    return 0 if info < 24 else 1 << (info - 24)


# How many bytes an item has by its first one alone, or 0 where that does not tell, or others stand in it.
_WHOLE: Final = bytes(map(_size_of, range(256)))


def refuse_costly(data: bytes, where: str) -> bool:
    """Refuse what would cost more than its length: keys that collide in a hash table, items without number, more items.

    A map key that is an array, a map or a tag: arrays of -1 and -2 have all one hash, and 15,000 of them as the keys of
    one map take cbor2 five seconds. Integers are their own hash, so whoever chooses 20,000 of them can have most look
    at most of the others: hence the bound on the members of a map. This walk looks at heads alone. Where the bytes are
    no CBOR it stops: cbor2 stops there as well.

    Returns:
        Whether the walk came to the end of one item with the end of the bytes. Whoever decodes them then and finds an
        item has found no other end.
    """
    position, whole = 0, _WHOLE
    # The items left of the container that is open, and of those around it; a map counts its keys and values, and its
    # keys stand at even numbers.
    left, in_map = 1, False
    around: list[tuple[int, bool]] = []
    try:
        for _ in range(MAX_ITEMS + 1):
            while not left:
                if not around:
                    if position != len(data):
                        # Another item, which cbor2 would decode in the place of the end mark.
                        raise MalformedError(Reason.MALFORMED_CBOR, where)
                    return True
                left, in_map = around.pop()
            first = data[position]
            size = whole[first]
            if size:
                position += size
                left -= 1
                continue
            if first == 0xD8 and not in_map and data[position + 2] == 0x58:  # a tag around bytes, in a list
                position += 4 + data[position + 3]
                left -= 1
                continue
            if first == 0x58:
                position += 2 + data[position + 1]
                left -= 1
                continue
            if 0x80 <= first < 0xE0 and in_map and not left & 1:
                raise MalformedError(Reason.MALFORMED_CBOR, where)
            position += 1
            count = first & 0x1F
            if count >= 24:
                if count >= 28:
                    return False
                width = 1 << (count - 24)
                count = int.from_bytes(data[position : position + width], "big")
                position += width
            if first < 0x80:
                position += count
                left -= 1
                continue
            if first >= 0xC0 and 0x40 <= data[position] < 0x80:
                continue  # a tag around a string, as most are: nothing nests, and the string is the one item
            if len(around) >= MAX_DEPTH and (count or first >= 0xC0):  # what is empty has no level below it
                return False
            around.append((left - 1, in_map))
            major = first >> 5
            left, in_map = (1 if major == 6 else count << (major - 4)), major == 5
            if in_map and count > MAX_MEMBERS:
                # Each item has one byte at least: with fewer left, the bytes are no CBOR.
                short = left > len(data) - position
                raise MalformedError(Reason.MALFORMED_CBOR if short else Reason.LIMIT_EXCEEDED, where)
    except IndexError:
        return False
    raise MalformedError(Reason.LIMIT_EXCEEDED, where)


def end_of(data: bytes, position: int) -> int:
    """Return where the item that begins here ends, in bytes that have been decoded already."""
    left = 1
    while left:
        major, width = data[position] >> 5, argument_bytes(data[position])
        start = position + 1
        position = start + width
        count = int.from_bytes(data[start:position], "big") if width else data[start - 1] & 0x1F
        if major == 2 or major == 3:
            position += count
        elif 4 <= major <= 6:
            left += 1 if major == 6 else count << (major - 4)
        left -= 1
    return position


def unwrap(data: bytes, where: str) -> bytes:
    """Return the content of `#6.24(bstr .cbor ...)`, which `data` must be from end to end (RFC 8949 section 3.4.5.1).

    Raises:
        MalformedError: MALFORMED_TOKEN for anything else.
    """
    if data[:3] == b"\xd8\x18\x59" and int.from_bytes(data[3:5], "big") == len(data) - 5:  # as most are
        return data[5:]
    if data[:1] >= b"\xd8":
        start = 1 + argument_bytes(data[0])
        number = int.from_bytes(data[1:start], "big")
        if number == _EMBEDDED_TAG and 0x40 <= (first := data[start] if start < len(data) else 0) < 0x5C:
            end = start + 1 + argument_bytes(first)
            count = int.from_bytes(data[start + 1 : end], "big") if first >= 0x58 else first & 0x1F
            if data[0] < 0xDC and end + count == len(data):
                return data[end:]
    raise MalformedError(Reason.MALFORMED_TOKEN, where)


def head(major: int, count: int) -> bytes:
    """Write the shortest head of an item: its major type and its length or value."""
    if 0 <= count < 0x100:
        return _HEADS[major][count]
    if count < 0x10000:
        return struct.pack(">BH", major << 5 | 25, count)
    return struct.pack(">BI" if count < 0x100000000 else ">BQ", major << 5 | (26 if count < 0x100000000 else 27), count)


def _short_head(major: int, count: int) -> bytes:
    return bytes((major << 5 | count,) if count < 24 else (major << 5 | 24, count))


_HEADS: Final = [[_short_head(major, count) for count in range(0x100)] for major in range(8)]


def byte_string(data: bytes) -> bytes:
    """Write a byte string."""
    return head(2, len(data)) + data


def text_string(text: str, where: str) -> bytes:
    """Write a text, as `encode` would and at a third of the price.

    Raises:
        MalformedError: MALFORMED_CBOR for half of a surrogate pair.
    """
    data = None
    try:
        data = text.encode()
    except UnicodeEncodeError:
        pass  # raised below, so that no __context__ carries the text
    if data is None:
        raise MalformedError(Reason.MALFORMED_CBOR, where)
    size = len(data)
    return (_HEADS[3][size] if size < 256 else head(3, size)) + data


def embedded(data: bytes) -> bytes:
    """Write `#6.24(bstr .cbor ...)` around bytes that are CBOR already (RFC 8949 section 3.4.5.1)."""
    size = len(data)
    return (_EMBEDDED_HEADS[size] if size < 256 else b"\xd8\x18" + head(2, size)) + data


def embedded_each(items: Sequence[bytes]) -> list[bytes]:
    """Write `embedded` around each of many, in a few steps of C where all are short."""
    try:
        return list(map(add, map(_EMBEDDED_HEADS.__getitem__, map(len, items)), items))
    except IndexError:
        return [embedded(item) for item in items]


_EMBEDDED_HEADS: Final = [b"\xd8\x18" + head(2, size) for size in range(256)]
