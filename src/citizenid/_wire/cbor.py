"""CBOR, strict in what comes in and canonical in what goes out (RFC 8949).

What comes in has definite lengths, no duplicate keys, no byte left over and no tag but those that the caller expects;
keys are integers or text, exactly; floats are finite. Foreign mdocs are not canonical (their keys are unsorted, some
heads longer than needed), so that form is not asked of them: what was signed or hashed is checked as received.
A tag is always a `CBORTag` and never what it might stand for: no date, bignum, regular expression or reference is made.

Spec: RFC 8949 sections 3, 4.2.1, 5.6; DESIGN section 6.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

import cbor2
from cbor2 import CBORSimpleValue, CBORTag

from .._errors import MalformedError, Reason

__all__ = [
    "NO_TAGS",
    "CBORTag",
    "Redacted",
    "byte_string",
    "check_names",
    "decode",
    "decode_each",
    "decode_marked",
    "encode",
    "head",
    "joined",
    "member_slices",
    "text_string",
]

MAX_NAME_BYTES: Final = 255  # of a text key, draft-ietf-spice-sd-cwt section 6.3
MAX_DEPTH: Final = 16  # draft-ietf-spice-sd-cwt section 6 lets more be refused; a DeviceResponse has nine levels
NO_TAGS: Final[frozenset[int]] = frozenset()
# cbor2 gives these a meaning of their own: all that it knows, found by trying every number (a test does it again).
_KNOWN_TAGS: Final = (
    *(0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799),
)
_DIGEST_HEAD: Final = b"\x58\x20"  # of a byte string of 32 bytes
_KEYS: Final = frozenset({int, str})
_SCALARS: Final = frozenset({int, str, bytes, bool, type(None)})
# Up to here keys that collide in a hash table cost half a millisecond; whatever is longer is looked through beforehand.
_UNSCANNED_BYTES: Final = 1_024
MAX_MEMBERS: Final = 1_024  # of one map; a namespace of our own mdocs has one for each of 249 countries
MAX_ITEMS: Final = 65_536  # of all kinds; 10,000 digests with their numbers, and everything around them, are a third


class _Marker:
    """A key that no input can contain: it takes the place of simple(59) or of tag 60 when claims are read."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


class Redacted:
    """The two marks of SD-CWT: `KEYS` for the key simple(59), `ELEMENT` for an array element under tag 60."""

    KEYS: Final[Any] = _Marker("redacted keys")
    ELEMENT: Final[Any] = _Marker("redacted element")
    KEY_NUMBER: Final = 59
    TAG: Final = 60


_MARK_TAGS: Final = frozenset({Redacted.TAG})


def decode(data: bytes, where: str, tags: frozenset[int] = NO_TAGS) -> Any:
    """Decode one item: dicts, lists, integers, text, byte strings, finite floats, booleans, None, and `CBORTag`.

    Args:
        data: the bytes of one item, all of them.
        where: spec path, for errors.
        tags: the tags that may stand in it; what they hold is the caller's to judge.

    Raises:
        MalformedError: MALFORMED_CBOR, DUPLICATE_MEMBER, DEPTH_EXCEEDED, LIMIT_EXCEEDED.
    """
    value = _load(data, where, tags)
    _check(value, tags, where)
    return value


def decode_each(items: Sequence[bytes], where: str, tags: frozenset[int] = NO_TAGS) -> list[Any]:
    """Decode many items, each as `decode` would, in one call of cbor2.

    Raises:
        MalformedError: as `decode`.
    """
    # Behind each item stands a digest of all of them. Whoever writes an item cannot know it, so it is found in its
    # places only when every item is one and whole.
    digest = hashlib.sha256(b"".join(items)).digest()
    mark = _DIGEST_HEAD + digest
    decoded: list[Any] | None = None
    if max(map(len, items), default=0) <= _UNSCANNED_BYTES:
        try:
            decoded = cbor2.loads(
                head(4, 2 * len(items)) + mark.join((*items, b"")),
                semantic_decoders=_as_tags(tags),
                max_depth=MAX_DEPTH + 1,
                allow_indefinite=False,
                allow_duplicate_keys=False,
            )
        except cbor2.CBORDecodeError:
            pass  # one of them, by itself, says what is wrong with it
    if decoded is None or decoded[1::2] != [digest] * len(items):
        return [decode(item, where, tags) for item in items]
    values = decoded[::2]
    _check(values, tags, where)
    return values


def decode_marked(data: bytes, where: str) -> Any:
    """Decode claims of an SD-CWT: as `decode`, with the two marks of hidden parts as `Redacted` keys, and no tags.

    Raises:
        MalformedError: MALFORMED_CBOR, DUPLICATE_MEMBER, DEPTH_EXCEEDED, LIMIT_EXCEEDED.
    """
    value = _mark(_load(data, where, _MARK_TAGS), where)
    if len(data) > MAX_NAME_BYTES:  # in less than that no key is too long
        check_names(value, where)
    return value


@lru_cache(maxsize=64)
def _as_tags(tags: frozenset[int]) -> dict[int, Callable[[Any, bool], Any]]:
    # The expected tags too: what stands under a tag without a decoder comes as tuples and frozen dicts.
    return {number: partial(_tag, number) for number in (*_KNOWN_TAGS, *tags)}


def _tag(number: int, value: Any, _: bool) -> CBORTag:
    return CBORTag(number, value)


def _load(data: bytes, where: str, tags: frozenset[int]) -> Any:
    short = len(data) <= _UNSCANNED_BYTES
    if not short:
        _refuse_composite_keys(data, where)
    # Nothing in cbor2 says whether bytes are left over. So a byte string longer than `data` is put behind: no part of
    # `data` can hold it, and it is found in its place only when what comes before is one item and no more. What reads
    # on into it finds break codes, which are no items.
    mark = b"\xff" * (len(data) + 1)
    item = fault = None
    try:
        item, end = cbor2.loads(
            b"\x82" + data + head(2, len(mark)) + mark,
            semantic_decoders=_as_tags(tags),
            max_depth=MAX_DEPTH + 1,  # the pair counts as one
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
        if type(end) is not bytes or end != mark:
            fault = Reason.MALFORMED_CBOR
    except cbor2.CBORDecodeError as error:
        text = str(error)  # looked at, and never passed on: it may name a key
        fault = (
            Reason.DEPTH_EXCEEDED
            if text.startswith("maximum container nesting depth")
            else Reason.DUPLICATE_MEMBER
            if "Duplicate map key" in text
            else Reason.MALFORMED_CBOR
        )
    if fault is not None:
        if short:  # what follows the item may hold the duplicate or the depth: then it is a byte too many that refuses
            _refuse_composite_keys(data, where)
        raise MalformedError(fault, where)
    return item


def _check(value: Any, tags: frozenset[int], where: str) -> None:
    # Level by level; most containers hold nothing but scalars, and are done in two steps.
    level = [value]
    while level:
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is dict:
                if not _KEYS.issuperset(map(type, item)):
                    raise MalformedError(Reason.MALFORMED_CBOR, where)
                if not _SCALARS.issuperset(map(type, item.values())):
                    below += item.values()
            elif kind is list:
                if not _SCALARS.issuperset(map(type, item)):
                    below += item
            elif kind is CBORTag:
                if item.tag not in tags:
                    raise MalformedError(Reason.MALFORMED_CBOR, where)
                below.append(item.value)
            elif kind not in _SCALARS and not (kind is float and isfinite(item)):
                raise MalformedError(Reason.MALFORMED_CBOR, where)
        level = below


def _mark(value: Any, where: str) -> Any:
    kind = type(value)
    if kind in _SCALARS or (kind is float and isfinite(value)):
        return value
    if kind is list:
        return value if _SCALARS.issuperset(map(type, value)) else [_mark(item, where) for item in value]
    if kind is CBORTag and value.tag == Redacted.TAG:
        return {Redacted.ELEMENT: _mark(value.value, where)}
    if kind is not dict:
        raise MalformedError(Reason.MALFORMED_CBOR, where)
    if _KEYS.issuperset(map(type, value)) and _SCALARS.issuperset(map(type, value.values())):
        return value
    # To a dict simple(59) is 59: the key is exchanged by its exact type, before anybody looks anything up.
    return {_mark_key(key, where): _mark(item, where) for key, item in value.items()}


def _mark_key(key: Any, where: str) -> Any:
    kind = type(key)
    if kind is int or kind is str:
        return key
    if kind is CBORSimpleValue and key.value == Redacted.KEY_NUMBER:
        return Redacted.KEYS
    raise MalformedError(Reason.MALFORMED_CBOR, where)


def check_names(value: Any, where: str) -> None:
    """Refuse a text key of more than 255 bytes, at any depth (draft-ietf-spice-sd-cwt section 6.3).

    Raises:
        MalformedError: LIMIT_EXCEEDED.
    """
    level = [value]
    while level:
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is dict or kind is MappingProxyType:
                for name in item:
                    # No text has more bytes than four for each character.
                    if type(name) is str and len(name) > MAX_NAME_BYTES // 4 and _size(name) > MAX_NAME_BYTES:
                        raise MalformedError(Reason.LIMIT_EXCEEDED, where)
                item = item.values()
            elif kind is not list and kind is not tuple:
                continue
            if not _SCALARS.issuperset(map(type, item)):
                below += item
        level = below


def _size(name: str) -> int:
    return len(name.encode("utf-8", "surrogatepass"))


def _refuse_composite_keys(data: bytes, where: str) -> None:
    """Refuse what would cost more than its length: keys that collide in a hash table, items without number, more items.

    A map key that is an array, a map or a tag: arrays of -1 and -2 have all one hash, and 15,000 of them as the keys of
    one map take cbor2 five seconds. Integers are their own hash, so whoever chooses 20,000 of them can have most look
    at most of the others: hence the bound on the members of a map. This walk looks at heads alone. Where the bytes are
    no CBOR it stops: cbor2 stops there as well.
    """
    position, size = 0, len(data)
    # The items left of the container that is open, and of those around it; a map counts its keys and values, and its
    # keys stand at even numbers.
    left, in_map = 1, False
    around: list[tuple[int, bool]] = []
    for _ in range(MAX_ITEMS + 1):
        while not left:
            if not around:
                if position != size:
                    # Another item, which cbor2 would decode in the place of the end mark.
                    raise MalformedError(Reason.MALFORMED_CBOR, where)
                return
            left, in_map = around.pop()
        if position >= size:
            return
        first = data[position]
        if 0x80 <= first < 0xE0 and in_map and not left & 1:
            raise MalformedError(Reason.MALFORMED_CBOR, where)
        position += 1
        info = first & 0x1F
        if info < 24:
            count = info
        elif info == 24:
            count = data[position] if position < size else 0
            position += 1
        elif info < 28:
            width = 1 << (info - 24)
            count = int.from_bytes(data[position : position + width], "big")
            position += width
        else:
            return
        if 0xC0 <= first < 0xE0 and position < size and 0x40 <= data[position] < 0x80:
            continue  # a tag around a string, as most are: nothing nests, and the string is the one item
        left -= 1
        if first < 0x80:
            if first >= 0x40:
                position += count
        elif first < 0xE0:
            if len(around) > MAX_DEPTH:
                return
            around.append((left, in_map))
            major = first >> 5
            left, in_map = (1 if major == 6 else count << (major - 4)), major == 5
            if in_map and count > MAX_MEMBERS:
                # Each item has one byte at least: with fewer left, the bytes are no CBOR.
                short = left > size - position
                raise MalformedError(Reason.MALFORMED_CBOR if short else Reason.LIMIT_EXCEEDED, where)
    raise MalformedError(Reason.LIMIT_EXCEEDED, where)


def member_slices(data: bytes, where: str, tags: frozenset[int] = NO_TAGS) -> dict[Any, bytes]:
    """Return the members of a map by their keys, each value as the bytes that stand there: to be passed on as they are.

    Raises:
        MalformedError: as `decode`, and MALFORMED_CBOR for anything but a map.
    """
    members = decode(data, where, tags)
    if type(members) is not dict:
        raise MalformedError(Reason.MALFORMED_CBOR, where)
    position = 1 + _argument_bytes(data[0])
    slices = {}
    for name in members:  # in the order in which they stand
        start = _end(data, position)
        position = _end(data, start)
        slices[name] = data[start:position]
    return slices


def _argument_bytes(first: int) -> int:
    info = first & 0x1F
    return 0 if info < 24 else 1 << (info - 24)


def _end(data: bytes, position: int) -> int:
    """Return where the item that begins here ends, in bytes that have been decoded already."""
    left = 1
    while left:
        major, width = data[position] >> 5, _argument_bytes(data[position])
        start = position + 1
        position = start + width
        count = int.from_bytes(data[start:position], "big") if width else data[start - 1] & 0x1F
        if major == 2 or major == 3:
            position += count
        elif 4 <= major <= 6:
            left += 1 if major == 6 else count << (major - 4)
        left -= 1
    return position


def head(major: int, count: int) -> bytes:
    """Write the shortest head of an item: its major type and its length or value."""
    if count < 24:
        return bytes((major << 5 | count,))
    if count < 0x100:
        return bytes((major << 5 | 24, count))
    if count < 0x10000:
        return struct.pack(">BH", major << 5 | 25, count)
    return struct.pack(">BI" if count < 0x100000000 else ">BQ", major << 5 | (26 if count < 0x100000000 else 27), count)


def joined(parts: Sequence[Any]) -> bytes:
    """Write byte strings, texts and lists of them as one CBOR array: no two sequences of parts give the same bytes."""
    return cbor2.dumps(parts)


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
    return head(3, len(data)) + data


def embedded(data: bytes) -> bytes:
    """Write `#6.24(bstr .cbor ...)` around bytes that are CBOR already (RFC 8949 section 3.4.5.1)."""
    size = len(data)
    if 24 <= size < 256:
        return b"\xd8\x18\x58%c%b" % (size, data)
    return b"\xd8\x18" + head(2, len(data)) + data


def encode(value: Any, where: str = "cbor") -> bytes:
    """Write core deterministic CBOR (RFC 8949 section 4.2.1): shortest heads and floats, keys sorted by their bytes.

    Dicts with integer or text keys, or with the marks that `decode_marked` makes, lists, tuples, mappings, `CBORTag`,
    and what is below them.

    Raises:
        MalformedError: MALFORMED_CBOR for anything else, NaN and Infinity included, and an integer beyond 64 bits.
    """
    written = None
    try:
        written = cbor2.dumps(_ordered(value), encoders=_ENCODERS)
    except (cbor2.CBOREncodeError, ValueError, OverflowError, RecursionError, UnicodeEncodeError):
        pass  # raised below, so that no __context__ carries the value
    if written is None:
        raise MalformedError(Reason.MALFORMED_CBOR, where)
    return written


def _ordered(value: Any) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        if kind is int and not -(2**64) <= value < 2**64:
            raise ValueError
        return value
    if kind is list or kind is tuple:
        return [_ordered(item) for item in value]
    if kind is CBORTag:
        return CBORTag(value.tag, _ordered(value.value))
    if kind is float and isfinite(value):
        return value
    if not isinstance(value, Mapping):
        raise ValueError
    if len(value) == 1 and type(value.get(Redacted.ELEMENT)) is bytes:
        return CBORTag(Redacted.TAG, value[Redacted.ELEMENT])
    if not _WRITTEN_KEYS.issuperset(map(type, value)) or Redacted.ELEMENT in value:
        raise ValueError
    members = [(_written_key(key), item) for key, item in value.items()]
    # In a dict simple(59) and 59 are one key: of the two, one would be lost without a word.
    if len(dict(members)) != len(members):
        raise ValueError
    return {key: _ordered(item) for key, item in sorted(members, key=_encoded_key)}


def _written_key(key: Any) -> Any:
    if key is Redacted.KEYS:
        return _REDACTED_KEY
    if type(key) is int and not -(2**64) <= key < 2**64:
        raise ValueError
    return key


def _encoded_key(member: tuple[Any, Any]) -> bytes:
    return cbor2.dumps(member[0])


def _write_float(encoder: Any, value: float) -> None:
    encoder.write(cbor2.dumps(value, canonical=True))


_REDACTED_KEY: Final = CBORSimpleValue(Redacted.KEY_NUMBER)
_WRITTEN_KEYS: Final = frozenset({int, str, _Marker})
_ENCODERS: Final[Any] = {float: _write_float}
