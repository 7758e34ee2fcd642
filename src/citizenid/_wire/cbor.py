"""CBOR, strict in what comes in and canonical in what goes out (RFC 8949).

What comes in has definite lengths, no duplicate keys, no byte left over and no tag but those that the caller expects;
keys are integers or text, exactly; floats are finite. Foreign mdocs are not canonical (their keys are unsorted, some
heads longer than needed), so that form is not asked of them: what was signed or hashed is checked as received.
A tag is always a `CBORTag` and never what it might stand for: no date, bignum, regular expression or reference is made.

Spec: RFC 8949 sections 3, 4.2.1, 5.6; DESIGN section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

import cbor2
from cbor2 import CBORSimpleValue, CBORTag

from .._errors import MalformedError, Reason
from .heads import (
    MAX_DEPTH,
    argument_bytes,
    byte_string,
    embedded,
    embedded_each,
    end_of,
    head,
    refuse_costly,
    text_string,
    unwrap,
)

__all__ = [
    "MAX_DEPTH", "NO_TAGS", "CBORTag", "Redacted", "byte_string", "check", "check_names", "decode", "decode_marked",
    "embedded", "embedded_each", "encode", "head", "joined", "load", "load_each", "load_signed", "member_slices",
    "text_string", "unwrap"
]  # fmt: skip

MAX_NAME_BYTES: Final = 255  # of a text key, draft-ietf-spice-sd-cwt section 6.3
NO_TAGS: Final[frozenset[int]] = frozenset()
# cbor2 gives these a meaning of their own: all that it knows, found by trying every number (a test does it again).
_KNOWN_TAGS: Final = (
    *(0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799),
)
_EMBEDDED: Final = frozenset({24})  # for a reader that takes nothing but a byte string in it, it needs no decoder
_KEYS: Final = frozenset({int, str})
_LISTS: Final = frozenset({list})
_BYTES: Final = frozenset({bytes})
_SCALARS: Final = frozenset({int, str, bytes, bool, type(None)})
# Up to here keys that collide in a hash table cost half a millisecond; whatever is longer is looked through beforehand.
# (4,096 bytes of arrays under tags, as the keys of one map, take cbor2 ten milliseconds.)
_UNSCANNED_BYTES: Final = 1_024
_BREAKS: Final = b"\xff" * (_UNSCANNED_BYTES + 1)
_SHORT_MARK: Final = (_BREAKS, head(2, len(_BREAKS)) + _BREAKS)


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
    value = _load(data, where, _as_tags(tags))
    check(value, where, tags)
    return value


def load_each(items: Sequence[bytes], where: str, tags: frozenset[int] = NO_TAGS) -> list[Any]:
    """Load many items, each as `load` would, in one call of cbor2.

    Raises:
        MalformedError: as `load`.
    """
    # Behind each item stands a byte string of break codes that with its head is longer than any of them, so that none
    # holds it. A string that began in an item and ended in it would hold a byte of that head, which is no break code,
    # or have another length. So it is found in its places only when every item is one and whole.
    longest = max(map(len, items), default=0)
    mark = b"\xff" * longest
    loaded: list[Any] | None = None
    if longest <= _UNSCANNED_BYTES:
        try:
            loaded = cbor2.loads(
                head(4, 2 * len(items)) + (head(2, longest) + mark).join((*items, b"")),
                semantic_decoders=_as_tags(tags - _EMBEDDED),
                max_depth=MAX_DEPTH + 1,
                allow_indefinite=False,
                allow_duplicate_keys=False,
            )
        except cbor2.CBORDecodeError:
            pass  # one of them, by itself, says what is wrong with it
    if loaded is None or loaded[1::2] != [mark] * len(items):
        return [load(item, where, tags) for item in items]
    return loaded[::2]


def decode_marked(data: bytes, where: str) -> Any:
    """Decode claims of an SD-CWT: as `decode`, with the two marks of hidden parts as `Redacted` keys, and no tags.

    Raises:
        MalformedError: MALFORMED_CBOR, DUPLICATE_MEMBER, DEPTH_EXCEEDED, LIMIT_EXCEEDED.
    """
    loaded = _load(data, where, _as_tags(_MARK_TAGS))
    value: Any = _UNMARKED
    try:
        value = _mark(loaded, where)
    except RecursionError:
        pass  # raised below: the caller stands so deep that not even a legal nesting has room
    if value is _UNMARKED:
        raise MalformedError(Reason.DEPTH_EXCEEDED, where)
    hidden = value.get(Redacted.KEYS) if type(value) is dict else None
    digests = sum(map(len, hidden)) if type(hidden) is list and _BYTES.issuperset(map(type, hidden)) else 0
    if len(data) - digests > MAX_NAME_BYTES:  # in less than that, the digests aside, no name is too long
        check_names(value, where)
    return value


_UNMARKED: Final = object()


@lru_cache(maxsize=64)
def _as_tags(tags: frozenset[int]) -> dict[int, Callable[[Any, bool], Any]]:
    # The expected ones that may hold containers too: under a tag without a decoder stand tuples and frozen dicts.
    return {number: partial(_tag, number) for number in (*_KNOWN_TAGS, *tags)}


def _tag(number: int, value: Any, _: bool) -> CBORTag:
    return CBORTag(number, value)


def load(data: bytes, where: str, tags: frozenset[int] = NO_TAGS) -> Any:
    """Decode one item without `check`: for a reader that judges every member that it knows by its exact type.

    What it passes over it hands to `check`. A tag that is not expected may stand in it, as a `CBORTag`, and holds
    nothing that was made of it; so may simple values, what is undefined, and keys of other types. A reader that refuses
    asks `decode` first, so that what is no sound CBOR is refused as that.

    Raises:
        MalformedError: MALFORMED_CBOR, DUPLICATE_MEMBER, DEPTH_EXCEEDED, LIMIT_EXCEEDED.
    """
    return _load(data, where, _as_tags(tags - _EMBEDDED))


def load_signed(data: bytes, where: str) -> Any:
    """As `load`, without bounds on the number of items: for bytes whose signature has been verified.

    A list has a key for each revoked credential of a nation. Keys that collide cost more than their length, so that
    only a signer whom the operator trusts may write them.

    Raises:
        MalformedError: MALFORMED_CBOR, DUPLICATE_MEMBER, DEPTH_EXCEEDED.
    """
    return _load(data, where, _as_tags(NO_TAGS), scan=False)


def _load(data: bytes, where: str, decoders: dict[int, Callable[[Any, bool], Any]], *, scan: bool = True) -> Any:
    short = len(data) <= _UNSCANNED_BYTES
    whole = False
    if not short:
        try:
            whole = refuse_costly(data, where)
        except MalformedError:
            if scan:
                raise
    # Nothing in cbor2 says whether bytes are left over. Where the heads have not said it already, a byte string longer
    # than `data` is put behind: no part of `data` can hold it, and it is found in its place only when what comes before
    # is one item and no more. What reads on into it finds break codes, which are no items.
    mark, written = _SHORT_MARK
    if not short and not whole:
        mark = b"\xff" * (len(data) + 1)
        written = head(2, len(mark)) + mark
    item = fault = None
    try:
        loaded = cbor2.loads(
            data if whole else b"\x82" + data + written,  # a list of a nation is not copied to be read
            semantic_decoders=decoders,
            max_depth=MAX_DEPTH if whole else MAX_DEPTH + 1,  # the pair counts as one
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
        item, end = (loaded, mark) if whole else loaded
        if type(end) is not bytes or end != mark:
            fault = Reason.MALFORMED_CBOR
    except cbor2.CBORDecodeError as error:
        fault = _named(str(error))
    if fault is not None:
        if short:
            refuse_costly(data, where)
        # A string that is cut short takes a part of what was put behind, and the rest of that is read as items: these
        # hold the duplicate or the depth then, and not `data`.
        raise MalformedError(fault if whole else _fault_of(data, decoders), where)
    return item


def _fault_of(data: bytes, decoders: dict[int, Callable[[Any, bool], Any]]) -> Reason:
    try:
        cbor2.loads(
            data, semantic_decoders=decoders, max_depth=MAX_DEPTH, allow_indefinite=False, allow_duplicate_keys=False
        )
    except cbor2.CBORDecodeError as error:
        return _named(str(error))
    return Reason.MALFORMED_CBOR  # a byte too many


def _named(text: str) -> Reason:
    # Looked at, and never passed on: it may name a key.
    if text.startswith("maximum container nesting depth"):
        return Reason.DEPTH_EXCEEDED
    return Reason.DUPLICATE_MEMBER if "Duplicate map key" in text else Reason.MALFORMED_CBOR


def check(value: Any, where: str, tags: frozenset[int] = NO_TAGS) -> None:
    """Refuse what `decode` would refuse in a value that was loaded. Raises MALFORMED_CBOR."""
    if type(value) is dict and _KEYS.issuperset(map(type, value)):
        if _SCALARS.issuperset(map(type, value.values())):
            return
        below = [each for each in value.values() if type(each) not in _SCALARS]
        if _LISTS.issuperset(map(type, below)) and _SCALARS.issuperset(map(type, chain.from_iterable(below))):
            return  # as most are
    # Level by level, and all maps of a level together: their keys and members are looked at in two steps of C.
    level = [value]
    while level:
        maps: list[Any] = []
        below = []
        for item in level:
            kind = type(item)
            if kind is dict:
                maps.append(item)
                below += item.values()
            elif kind is list:
                below += item
            elif kind is CBORTag:
                if item.tag not in tags:
                    raise MalformedError(Reason.MALFORMED_CBOR, where)
                below.append(item.value)
            elif kind not in _SCALARS and not (kind is float and isfinite(item)):
                raise MalformedError(Reason.MALFORMED_CBOR, where)
        if maps and not _KEYS.issuperset(map(type, chain.from_iterable(maps))):
            raise MalformedError(Reason.MALFORMED_CBOR, where)
        level = [] if _SCALARS.issuperset(map(type, below)) else [each for each in below if type(each) not in _SCALARS]


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
    if not _KEYS.issuperset(map(type, value)):
        # To a dict simple(59) is 59: the key is exchanged by its exact type, before anybody looks anything up.
        value = {_mark_key(key, where): item for key, item in value.items()}
    if not _SCALARS.issuperset(map(type, value.values())):
        for key, item in value.items():
            if type(item) not in _SCALARS:
                value[key] = _mark(item, where)
    return value


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
        below = []
        for item in level:
            kind = type(item)
            if kind is dict or kind is MappingProxyType:
                # No text has more bytes than four for each character.
                for name in [each for each in item if type(each) is str and len(each) > MAX_NAME_BYTES // 4]:
                    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
                        raise MalformedError(Reason.LIMIT_EXCEEDED, where)
                item = item.values()
            elif kind is CBORTag:
                item = (item.value,)
            elif kind is not list and kind is not tuple:
                continue
            if not _SCALARS.issuperset(map(type, item)):
                below += [each for each in item if type(each) not in _SCALARS]
        level = below


def member_slices(data: bytes, where: str, tags: frozenset[int] = NO_TAGS) -> dict[Any, bytes]:
    """Return the members of a map by their keys, each value as the bytes that stand there: to be passed on as they are.

    Raises:
        MalformedError: as `decode`, and MALFORMED_CBOR for anything but a map.
    """
    members = decode(data, where, tags)
    if type(members) is not dict:
        raise MalformedError(Reason.MALFORMED_CBOR, where)
    position = 1 + argument_bytes(data[0])
    slices = {}
    for name in members:  # in the order in which they stand
        start = end_of(data, position)
        position = end_of(data, start)
        slices[name] = data[start:position]
    return slices


def joined(parts: Sequence[Any] | dict[int, int | bytes]) -> bytes:
    """Write byte strings, texts, None and sequences of them as one canonical array, or a map whose keys are in order.

    There is nothing to put in order. No two sequences of parts give the same bytes.
    """
    return cbor2.dumps(parts)


def encode(value: Any, where: str = "cbor") -> bytes:
    """Write core deterministic CBOR (RFC 8949 section 4.2.1): shortest heads and floats, keys sorted by their bytes.

    Dicts with integer or text keys, or with the marks that `decode_marked` makes, lists, tuples, mappings, `CBORTag`,
    and what is below them.

    Raises:
        MalformedError: MALFORMED_CBOR for anything else, NaN and Infinity included, an integer beyond 64 bits, and what
            has the tag 256.
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
    if kind is CBORTag and value.tag != _REFERENCES_TAG:
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
_REFERENCES_TAG: Final = 256  # within it cbor2 writes a string that comes again as a reference to the first
