"""CBOR as it is given: in any order, with keys twice, with bytes in the place of items.

Spec: RFC 8949 section 3; RFC 8943 section 1; ISO/IEC 18013-5 8.3.1.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Mapping
from typing import Any

import cbor2
from cbor2 import CBORTag


class Raw(bytes):
    """CBOR that goes in as it is."""


class Pairs(list[tuple[Any, Any]]):
    """A map by its pairs: keys may stand in it twice."""


def dump(value: Any) -> bytes:
    """Write CBOR in the order given; `Raw` and `Pairs` may stand anywhere in it."""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Pairs):
        return head(5, len(value)) + b"".join(dump(key) + dump(item) for key, item in value)
    if isinstance(value, Mapping):
        return dump(Pairs(value.items()))
    if isinstance(value, list | tuple):
        return head(4, len(value)) + b"".join(map(dump, value))
    if isinstance(value, CBORTag):
        return head(6, value.tag) + dump(value.value)
    return cbor2.dumps(value)


def head(major: int, count: int) -> bytes:
    """Write the head of an item in its shortest form."""
    if count < 24:
        return bytes((major << 5 | count,))
    power = sum(count >= 1 << bits for bits in (8, 16, 32))
    return bytes((major << 5 | 24 + power,)) + count.to_bytes(1 << power, "big")


def embedded(content: bytes) -> Raw:
    """Write `#6.24(bstr)` around CBOR."""
    return Raw(b"\xd8\x18" + head(2, len(content)) + content)


def date_time(moment: int) -> CBORTag:
    """Write a tdate."""
    return CBORTag(0, datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def canonical(data: bytes) -> bytes:
    """Write one item again in the core deterministic form, with no codec but this one."""
    written, end = _canonical(data, 0)
    if end != len(data):
        raise ValueError
    return written


def _canonical(data: bytes, position: int) -> tuple[bytes, int]:
    major, info = data[position] >> 5, data[position] & 0x1F
    start = position + 1
    end = start + (1 << (info - 24) if 24 <= info < 28 else 0)
    count = info if info < 24 else int.from_bytes(data[start:end], "big")
    if info > 27 or end > len(data):
        raise ValueError
    if major == 7:
        return (_shortest(data[position:end]) if info > 24 else data[position:end]), end
    if major < 2:
        return head(major, count), end
    if major < 4:
        return head(major, count) + data[end : end + count], end + count
    items = []
    for _ in range(1 if major == 6 else count << (major - 4)):
        item, end = _canonical(data, end)
        items.append(item)
    if major == 5:
        items = [part for pair in sorted(zip(items[::2], items[1::2], strict=True)) for part in pair]
    return head(major, count) + b"".join(items), end


def _shortest(written: bytes) -> bytes:
    value = struct.unpack({3: ">e", 5: ">f", 9: ">d"}[len(written)], written[1:])[0]
    for first, form in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        try:
            shorter = struct.pack(form, value)
        except OverflowError:
            continue
        if struct.unpack(form, shorter)[0] == value:
            return first + shorter
    return written
