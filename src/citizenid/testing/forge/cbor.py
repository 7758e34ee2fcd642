"""CBOR as it is given: in any order, with keys twice, with bytes in the place of items.

Spec: RFC 8949 section 3; RFC 8943 section 1; ISO/IEC 18013-5 8.3.1.
"""

from __future__ import annotations

import datetime
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
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if count < 24:
            return bytes((major << 5 | count,))
        if count < 1 << 8 * width:
            return bytes((major << 5 | info,)) + count.to_bytes(width, "big")
    raise ValueError


def embedded(content: bytes) -> Raw:
    """Write `#6.24(bstr)` around CBOR."""
    return Raw(b"\xd8\x18" + head(2, len(content)) + content)


def date_time(moment: int) -> CBORTag:
    """Write a tdate."""
    return CBORTag(0, datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
