"""CBOR: what is taken, what is refused, and that nothing hostile costs more than its length.

The oracle is a decoder written here from RFC 8949 alone, slow and without any library: it lists every rule that an
input breaks, and the codec must take exactly what breaks none.
"""

from __future__ import annotations

import inspect
import math
import resource
import struct
import sys
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid._errors import MalformedError, Reason
from citizenid._wire import cbor
from citizenid._wire.cbor import (
    CBORTag,
    Redacted,
    byte_string,
    decode,
    decode_marked,
    embedded,
    encode,
    head,
    load,
    load_signed,
    member_slices,
)

WHERE = "somewhere.header"
DEPTH = 16
LOOKED_AT = 150  # levels: below them the slow decoder, which recurs, does not look
SCANNED = b"\x82\x59\x04\x01" + bytes(1_025)  # an array of two, whose first item is longer than what goes unscanned
_SECRET = "c0ffee-secret"


def _refused(call: Callable[[], object], *reasons: Reason) -> Reason:
    """One class of error, the reason, and nothing of the input in it."""
    with pytest.raises(MalformedError) as caught:
        call()
    error = caught.value
    assert error.reason in reasons
    assert error.where == WHERE and error.args == (error.reason, WHERE)
    assert error.__cause__ is None and error.__context__ is None
    return error.reason


def _malformed(data: bytes | str) -> None:
    """Both doors refuse, and so they do when the same stands behind something long, where all heads are looked at."""
    data = bytes.fromhex(data) if isinstance(data, str) else data
    for door in (decode, decode_marked):
        _refused(lambda: door(data, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023
        _refused(lambda: door(SCANNED + data, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023


# --- the slow decoder ---


class Node(NamedTuple):
    kind: str  # int, bytes, text, array, map, tag, simple, float
    value: Any
    number: int = 0  # of a tag


class _Stop(Exception):
    """The bytes are no CBOR from here on."""


class Slow:
    """RFC 8949 section 3, one head after the other; `broken` collects the rules that the input breaks."""

    def __init__(self, data: bytes, tags: frozenset[int] = frozenset(), marked: bool = False) -> None:
        self.data, self.position, self.tags, self.marked = data, 0, tags, marked
        self.broken: set[Reason] = set()
        self.composite_key = False
        self.well_formed, self.trailing = True, False
        self.node: Node | None = None
        try:
            self.node = self.item(0)
            if self.position != len(data):
                self.trailing = True
                self.broken.add(Reason.MALFORMED_CBOR)
        except _Stop:
            self.well_formed = False

    def stop(self, reason: Reason = Reason.MALFORMED_CBOR) -> None:
        self.broken.add(reason)
        raise _Stop

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.position:
            self.stop()
        self.position += count
        return self.data[self.position - count : self.position]

    def item(self, depth: int) -> Node:
        first = self.take(1)[0]
        major, info = first >> 5, first & 0x1F
        if info > 27:  # 28 to 30 are reserved, 31 is an indefinite length or the break
            self.stop()
        argument = self.take(1 << (info - 24)) if info >= 24 else bytes((info,))
        count = int.from_bytes(argument, "big")
        if major == 0:
            return Node("int", count)
        if major == 1:
            return Node("int", -1 - count)
        if major == 2:
            return Node("bytes", self.take(count))
        if major == 3:
            return self.text(self.take(count))
        if major == 7:
            return self.simple(info, argument)
        if depth >= DEPTH and (count or major == 6):  # an empty container has no level below it
            # What stands below, and behind, may break more: the codec may have seen that first.
            self.broken.add(Reason.DEPTH_EXCEEDED)
            self.well_formed = False
            if depth == LOOKED_AT:
                self.stop()
        if major == 4:
            return Node("array", [self.item(depth + 1) for _ in range(count)])
        if major == 5:
            return self.map(count, depth)
        if count not in self.tags and not (self.marked and count == 60):
            self.broken.add(Reason.MALFORMED_CBOR)
        return Node("tag", self.item(depth + 1), count)

    def text(self, data: bytes) -> Node:
        try:
            return Node("text", data.decode("utf-8", "strict"))
        except UnicodeDecodeError:
            self.broken.add(Reason.MALFORMED_CBOR)
            return Node("text", None)

    def simple(self, info: int, argument: bytes) -> Node:
        if info <= 24:
            if info == 24 and argument[0] < 32:
                self.stop()
            if argument[0] not in (20, 21, 22):
                self.broken.add(Reason.MALFORMED_CBOR)
            return Node("simple", argument[0])
        (number,) = struct.unpack({25: ">e", 26: ">f", 27: ">d"}[info], argument)
        if not math.isfinite(number):
            self.broken.add(Reason.MALFORMED_CBOR)
        return Node("float", number)

    def map(self, count: int, depth: int) -> Node:
        members, seen = [], []
        for _ in range(count):
            if self.data[self.position : self.position + 1] >= b"\x80" and self.data[self.position] < 0xE0:
                # An array, a map or a tag: no key, whether or not what stands in it can be read to its end.
                self.composite_key = True
                self.broken |= {Reason.MALFORMED_CBOR, Reason.DUPLICATE_MEMBER}
            before = set(self.broken)
            key = self.item(depth + 1)
            if self.marked and key == Node("simple", 59):
                self.broken = before
            elif key.kind not in ("int", "text"):
                self.broken.add(Reason.MALFORMED_CBOR)
            self.composite_key |= key.kind in ("array", "map", "tag")
            # To a Python dict 1, 1.0, true and simple(1) are one key: what else they break, they are duplicates too.
            plain = {20: False, 21: True}.get(key.value, key.value) if key.kind == "simple" else key.value
            if plain in seen or key.kind in ("array", "map", "tag"):
                self.broken.add(Reason.DUPLICATE_MEMBER)
            seen.append(plain)
            members.append((key, self.item(depth + 1)))
        return Node("map", members)


def _value(node: Node) -> Any:
    """What `decode` makes of it."""
    if node.kind == "array":
        return [_value(each) for each in node.value]
    if node.kind == "map":
        return {_value(key): _value(each) for key, each in node.value}
    if node.kind == "tag":
        return ("tag", node.number, _value(node.value))
    if node.kind == "simple":
        return {20: False, 21: True, 22: None, 59: Redacted.KEYS}[node.value]
    return node.value


def _plain(value: Any, marked: bool = False) -> Any:
    """A decoded value with its tags taken apart, for comparison; every type is exactly what it should be."""
    assert type(value) in (dict, list, int, str, bytes, bool, float, type(None), CBORTag) or value is Redacted.KEYS
    if type(value) is list:
        return [_plain(each) for each in value]
    if type(value) is dict:
        if Redacted.ELEMENT in value:
            return ("tag", 60, _plain(value[Redacted.ELEMENT]))
        return {_plain(key): _plain(each) for key, each in value.items()}
    return ("tag", value.tag, _plain(value.value)) if type(value) is CBORTag else value


def _same(one: Any, other: Any) -> bool:
    # repr tells 1 from True and 1.0, and 0.0 from -0.0
    return repr(one) == repr(other)


def _compare(data: bytes, tags: frozenset[int]) -> None:
    for marked in (False, True):
        slow = Slow(data, frozenset() if marked else tags, marked)
        call = (lambda: decode_marked(data, WHERE)) if marked else (lambda: decode(data, WHERE, tags))
        if slow.broken:
            _refused(call, *slow.broken)
        else:
            assert slow.node is not None
            assert _same(_plain(call()), _value(slow.node))
        _compare_walk(data, slow)


@pytest.mark.parametrize("depth", [16, 17, 100, 149, 150, 151])
@pytest.mark.parametrize("first", ["81", "a101", "d2"])
@pytest.mark.parametrize("tail", ["", "00", "0000", "4500", "80", "ff", "a200000000"])
def test_what_is_too_deep_may_break_more_behind_it(first: str, depth: int, tail: str) -> None:
    data = bytes.fromhex(first) * depth + bytes.fromhex(tail)
    _compare(data, frozenset({18}))
    if depth > DEPTH and tail == "00":  # one whole item, and nothing wrong with it but its depth
        _refused(lambda: decode(data, WHERE, frozenset({18})), Reason.DEPTH_EXCEEDED)


@pytest.mark.parametrize("depth", [1, 15, 16, 17, 100])
@pytest.mark.parametrize("first", ["81", "a1", "a2", "d818"])
def test_a_composite_key_is_one_however_deep_it_goes(first: str, depth: int) -> None:
    for tail in (b"", b"\x00", b"\x00" * (depth + 1)):
        data = b"\xa1" + bytes.fromhex(first) * depth + tail
        _compare(data, frozenset({24}))
        _refused(lambda: decode(data, WHERE, frozenset({24})), Reason.MALFORMED_CBOR)  # noqa: B023


def _compare_walk(data: bytes, slow: Slow) -> None:
    """The walk over heads refuses every composite key and every byte too many, and nothing else of what is whole."""
    refused = False
    try:
        cbor.refuse_costly(data, WHERE)
    except MalformedError as error:
        assert error.reason is Reason.MALFORMED_CBOR
        refused = True
    if slow.well_formed:
        assert refused is (slow.composite_key or slow.trailing)
    elif refused:
        assert slow.composite_key or Reason.DEPTH_EXCEEDED in slow.broken or slow.broken
    if refused:
        assert slow.broken  # never something that would be taken


@st.composite
def _heads(draw: st.DrawFn, major: int, count: int) -> bytes:
    """A head of any width that can say it, not the shortest alone."""
    widths = [width for width in (0, 1, 2, 4, 8) if (width or count < 24) and count < 256 ** (width or 1)]
    width = draw(st.sampled_from(widths))
    if not width:
        return bytes((major << 5 | count,))
    return bytes((major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[width],)) + count.to_bytes(width, "big")


_COUNTS = st.one_of(st.integers(0, 30), st.sampled_from([255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1]))
_TAG_NUMBERS = st.sampled_from([0, 2, 3, 24, 28, 29, 25, 256, 35, 60, 61, 18, 1004, 55_799, 70_000])


@st.composite
def _strings(draw: st.DrawFn) -> bytes:
    content = draw(st.one_of(st.binary(max_size=8), st.text(max_size=4).map(str.encode)))
    return draw(_heads(draw(st.sampled_from([2, 3])), len(content))) + content


_SCALARS = st.one_of(
    st.tuples(st.sampled_from([0, 1]), _COUNTS).flatmap(lambda pair: _heads(*pair)),
    _strings(),
    st.sampled_from([b"\xf4", b"\xf5", b"\xf6", b"\xf7", b"\xf8\x3b", b"\xe1", b"\xf8\xff", b"\xf9\x7e\x00"]),
    st.floats(width=16).map(lambda number: b"\xf9" + struct.pack(">e", number)),
    st.floats().map(lambda number: b"\xfb" + struct.pack(">d", number)),
)
_KEYS = st.one_of(
    st.sampled_from([b"\x01", b"\x20", b"\x61a", b"\xf8\x3b", b"\x18\x3b", b"\x18\x01", b"\xf5", b"\xf9\x3c\x00"]),
    st.integers(0, 23).map(lambda number: bytes((number,))),
    _SCALARS,
)


@st.composite
def _containers(draw: st.DrawFn, children: st.SearchStrategy[bytes]) -> bytes:
    major = draw(st.sampled_from([4, 5, 5, 6]))
    if major == 6:
        return draw(_heads(6, draw(_TAG_NUMBERS))) + draw(children)
    items = draw(st.lists(children, max_size=4))
    if major == 4:
        return draw(_heads(4, len(items))) + b"".join(items)
    keys = [draw(st.one_of(_KEYS, _KEYS, _KEYS, children)) for _ in items]
    return draw(_heads(5, len(items))) + b"".join(key + item for key, item in zip(keys, items, strict=True))


ITEMS = st.recursive(_SCALARS, _containers, max_leaves=12)
TAGS = st.frozensets(_TAG_NUMBERS)


@given(st.binary(max_size=40), TAGS)
@example(b"", frozenset())
def test_random_bytes_are_judged_as_the_slow_decoder_judges_them(data: bytes, tags: frozenset[int]) -> None:
    _compare(data, tags)


@given(ITEMS, TAGS)
def test_well_formed_items_are_judged_as_the_slow_decoder_judges_them(data: bytes, tags: frozenset[int]) -> None:
    _compare(data, tags)


@given(ITEMS, TAGS, st.data())
def test_mutated_items_are_judged_as_the_slow_decoder_judges_them(
    data: bytes, tags: frozenset[int], draw: st.DataObject
) -> None:
    position = draw.draw(st.integers(0, len(data)))
    cut = draw.draw(st.integers(0, 2))
    inserted = draw.draw(
        st.one_of(st.binary(max_size=2), st.sampled_from([b"\x9f", b"\xff", b"\xa1", b"\x5f", b"\x00"]))
    )
    _compare(data[:position] + inserted + data[position + cut :], tags)


@given(ITEMS, TAGS)
def test_behind_something_long_the_verdict_is_the_same(data: bytes, tags: frozenset[int]) -> None:
    """Whatever is long is looked through beforehand: that changes no verdict, only who speaks first."""
    slow = Slow(b"\x81" + data, tags)
    if slow.broken:
        _refused(lambda: decode(SCANNED + data, WHERE, tags), *slow.broken)
    else:
        assert slow.node is not None
        assert _same(_plain(decode(SCANNED + data, WHERE, tags))[1:], _value(slow.node))


# --- loading: the same, but for what the reader of the format judges itself ---


def _outcome(call: Callable[[], Any]) -> Any:
    """A value as its repr tells it, which knows 1 from True and 1.0, or the reason."""
    try:
        return repr(call())
    except MalformedError as error:
        assert error.where == WHERE and error.__cause__ is None and error.__context__ is None
        return error.reason


@given(ITEMS, TAGS)
def test_what_is_loaded_and_then_checked_is_what_is_decoded(data: bytes, tags: frozenset[int]) -> None:
    def loaded() -> Any:
        value = cbor.load(data, WHERE, tags - {24})
        cbor.check(value, WHERE, tags - {24})
        return value

    assert _outcome(loaded) == _outcome(lambda: decode(data, WHERE, tags - {24}))


def _each(items: list[bytes], tags: frozenset[int] = frozenset()) -> Any:
    together = _outcome(lambda: cbor.load_each(items, WHERE, tags))
    assert together == _outcome(lambda: [cbor.load(item, WHERE, tags) for item in items])
    return together


@given(st.lists(st.one_of(ITEMS, st.binary(max_size=4)), max_size=4), TAGS)
@example([], frozenset())
def test_many_items_are_loaded_as_each_of_them_is(items: list[bytes], tags: frozenset[int]) -> None:
    _each(items, tags)


@pytest.mark.parametrize(
    "items",
    [
        ["0000"],  # two in the place of one
        ["", "0000"],
        ["0000", ""],
        ["8200", "", "00"],  # an array that takes what stands behind it for its second member
        ["8200", "00"],
        ["8200", "000000"],
        ["82", "00", "0000"],
        ["", "", "00000000"],
        ["8400", "00", "000000"],
        ["41", "00"],
        ["5820", "00"],  # a string that takes it for its content
        ["c1", "00"],
        ["a100", "00"],
        ["00", "ff"],
    ],
)
def test_no_item_among_many_takes_from_its_neighbours(items: list[str]) -> None:
    assert _each([bytes.fromhex(item) for item in items]) is Reason.MALFORMED_CBOR
    assert _each([b"\x00", *(bytes.fromhex(item) for item in items), b"\x00"]) is Reason.MALFORMED_CBOR


def test_what_is_no_cbor_of_ours_is_none_among_many_either() -> None:
    # Under a tag or in a type that the reader would judge it may still be loaded, and then it is by itself as well.
    for data in [*MALFORMED, *TWICE]:
        _each([b"\x00", bytes.fromhex(data), b"\x00"])
    for data in TWICE:
        assert _each([bytes.fromhex(data)]) is Reason.DUPLICATE_MEMBER
    for data in ("9f01ff", "bf0101ff", "5f4101ff", "7f6161ff"):
        assert _each([b"\x00", bytes.fromhex(data)]) is Reason.MALFORMED_CBOR


def test_a_long_item_among_many_keeps_what_stands_under_its_tags() -> None:
    # Under a tag that has no decoder, cbor2 makes tuples and mappings that nobody can change of what it finds there.
    item = b"\x82\xd8\x3d\x82\x01\x81\xa1\x01\x02" + byte_string(bytes(1_025))
    (loaded,) = cbor.load_each([item], WHERE, frozenset({61}))
    assert repr(loaded) == repr([CBORTag(61, [1, [{1: 2}]]), bytes(1_025)])


def test_what_is_signed_and_loaded_has_tags_and_nothing_that_they_might_stand_for() -> None:
    written = b"\xc0\x74" + b"2026-01-12T00:00:00Z"
    assert repr(load_signed(written, WHERE)) == repr(CBORTag(0, "2026-01-12T00:00:00Z"))
    assert repr(load_signed(b"\xc2\x42\x01\x00", WHERE)) == repr(CBORTag(2, b"\x01\x00"))


@pytest.mark.parametrize("size", [255, 256])
def test_a_name_is_measured_wherever_it_stands(size: int) -> None:
    long: Any = {"n" * size: 1}
    frozen = MappingProxyType(long)
    beside = [0.5, CBORTag(0, ""), {"a": 1}, ["a"], ({"a": 1},)]
    values: list[Any] = [long, frozen, [long], (long,), (frozen,), {1: [long]}, {1: (frozen,)}, [[long], [[0.5]]]]
    values += [[[[0.5]], [long]], {1: [long], 2: [[0.5]]}, {1: [[0.5]], 2: [long]}]
    values += [[each, long] for each in beside] + [[long, each] for each in beside]
    for value in values:
        if size > 255:
            _refused(lambda: cbor.check_names(value, WHERE), Reason.LIMIT_EXCEEDED)  # noqa: B023
        else:
            cbor.check_names(value, WHERE)
    for value in (0.5, 1, "a" * 300, CBORTag(0, "")):
        cbor.check_names(value, WHERE)


def test_a_name_is_measured_in_bytes() -> None:
    for text, taken in (
        ("\u00e9" * 127, True),
        ("\u00e9" * 128, False),
        ("\U0001f600" * 63, True),
        ("\U0001f600" * 64, False),
    ):
        if taken:
            cbor.check_names([{text: 1}], WHERE)
        else:
            _refused(lambda: cbor.check_names([{text: 1}], WHERE), Reason.LIMIT_EXCEEDED)  # noqa: B023


def test_a_costly_item_among_many_is_refused_as_it_is_alone() -> None:
    crowded = encode(dict.fromkeys(range(1_025), 0))
    assert _each([b"\x00", crowded]) is Reason.LIMIT_EXCEEDED
    assert _each([b"\x00", _map(_colliding(300))]) is Reason.MALFORMED_CBOR
    for depth, taken in ((DEPTH, True), (DEPTH + 1, False)):
        assert (_each([b"\x00", b"\x81" * depth + b"\x00"]) is Reason.DEPTH_EXCEEDED) is not taken


# --- the end of the item ---


@given(ITEMS, st.binary(min_size=1, max_size=12))
def test_no_byte_may_follow_the_item(data: bytes, tail: bytes) -> None:
    _refused(lambda: decode(data + tail, WHERE), *Slow(data + tail).broken)
    assert Reason.MALFORMED_CBOR in Slow(b"\x00" + tail).broken
    _refused(lambda: decode(b"\x00" + tail, WHERE), Reason.MALFORMED_CBOR)


def _ends() -> list[bytes]:
    """Tails that look like the beginning of the mark which is put behind the data, of every width of head."""
    heads = [bytes((first,)) for first in range(0x40, 0x60)]
    seconds = (0, 1, 0x41, 0x58, 0x59)
    wide = [
        bytes((first, *[second] * count)) for first in range(0x58, 0x5C) for second in seconds for count in range(1, 9)
    ]
    zeros = [bytes((first,)) + bytes(count) for first in range(0x58, 0x5C) for count in range(8)]
    return heads + wide + zeros


SIZES = [*range(1, 30), 86, 87, 88, 89, 90, *range(250, 262), 0x5858, 0x5959, 65_534, 65_535, 65_536]


@pytest.mark.parametrize("size", SIZES)
def test_no_data_fakes_the_mark_that_is_put_behind_it(size: int) -> None:
    """A byte string in the mark's place, of the mark's length or not: `data` never holds it, and never swallows it."""
    for tail in _ends():
        for fill in (b"\x00", b"\xff"):
            filled = tail + fill * max(0, size - 1 - len(tail))
            _refused(lambda: decode(b"\x00" + filled, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023
            # an item, and then a head that reads on into the mark: the whole is `size` bytes long
            rest = max(0, size - len(tail) - 3)
            _refused(lambda: decode(byte_string(fill * rest) + tail, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023


@pytest.mark.parametrize("size", [*range(30), 86, 87, 88, 255, 256, 257, 65_535, 65_536, 70_000])
def test_no_string_that_is_cut_short_swallows_the_mark(size: int) -> None:
    for missing in (1, 2, 3, 4, 5, size + 1, size + 2, size + 3, size + 4, 2 * size + 2, 2 * size + 5):
        for major in (2, 3):
            data = head(major, size + missing) + bytes(size)
            _refused(lambda: decode(data, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023
        data = head(4, size + missing) + bytes(size)
        _refused(lambda: decode(data, WHERE), Reason.MALFORMED_CBOR, Reason.LIMIT_EXCEEDED)  # noqa: B023


def test_every_truncation_is_refused() -> None:
    good = encode(
        {
            1: "text",
            2: b"bytes",
            -3: [1, 300, 70_000, 2**40, -1, -300],
            "k": {"n": [1.5, 0.1, None, True]},
            9: {},
            10: [],
        }
    )
    assert decode(good, WHERE)[-3][3] == 2**40
    for end in range(len(good)):
        _refused(lambda: decode(good[:end], WHERE), Reason.MALFORMED_CBOR)  # noqa: B023
        _refused(lambda: decode(SCANNED + good[:end], WHERE), Reason.MALFORMED_CBOR)  # noqa: B023


@given(ITEMS)
@example(b"\xa3\x04\x00\x05\x42ab\x06\x00")
def test_no_beginning_of_a_sound_item_is_anything_but_malformed(data: bytes) -> None:
    if not Slow(data).broken:
        for end in range(len(data)):
            _refused(lambda: decode(data[:end], WHERE), Reason.MALFORMED_CBOR)  # noqa: B023


def _deep(level: bytes) -> tuple[Reason, ...]:
    """Without an expected tag, a tag is a fault as well."""
    return (Reason.DEPTH_EXCEEDED, Reason.MALFORMED_CBOR) if level == b"\xd2" else (Reason.DEPTH_EXCEEDED,)


@pytest.mark.parametrize("door", [decode, decode_marked])
def test_what_the_mark_holds_is_no_fault_of_the_data(door: Callable[[bytes, str], Any]) -> None:
    # A string that is cut short takes the head of the mark, and what is left of it is read as items: as keys that are
    # there already, or as one level more than may be.
    for key in (b"\x04", b"\x01"):
        for missing in (1, 2):
            data = b"\xa3" + key + b"\x00\x05" + head(2, 2 + missing) + b"ab"
            _refused(lambda: door(data, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023
    size = 0x8181 - 1 - 16 - 3
    _refused(lambda: door(b"\x81" * 15 + b"\x82" + head(2, size + 1) + bytes(size), WHERE), Reason.MALFORMED_CBOR)
    size = 0x0101 * 8 - 1 - 5 - 3
    data = b"\xa3\x08\x00\x05" + head(2, size + 2) + bytes(size)
    _refused(lambda: door(data, WHERE), Reason.MALFORMED_CBOR)
    # What is a fault of the data stays one, whatever is missing or too much behind it.
    for level in (b"\x81", b"\xa1\x00", b"\xd2"):
        _refused(lambda: door(level * 17 + b"\x00\x20", WHERE), *_deep(level))  # noqa: B023
        _refused(lambda: door(level * 18 + b"\x00\x20", WHERE), *_deep(level))  # noqa: B023
    _refused(lambda: decode(b"\xd2" * 17 + b"\x00\x20", WHERE, frozenset({18})), Reason.DEPTH_EXCEEDED)
    _refused(lambda: door(b"\xa3\x01\x00\x01\x00\x05", WHERE), Reason.DUPLICATE_MEMBER)
    _refused(lambda: door(b"\x81" * 18 + b"\x42a", WHERE), Reason.DEPTH_EXCEEDED)


def test_a_byte_string_whose_length_is_that_of_the_mark_is_an_item_like_any_other() -> None:
    for size in (*range(40), 254, 255, 256, 257, 65_535, 65_536):
        assert decode(byte_string(bytes(size)), WHERE) == bytes(size)
    assert decode(b"\x82\x41\x00\x41\x00", WHERE) == [b"\x00", b"\x00"]


# --- form ---

# Nothing and more than one item; indefinite lengths; reserved heads; heads cut short; simple values below 32 in two
# bytes, unassigned ones, undefined, simple(59) as a value; NaN and Infinity; text that is no UTF-8, with halves of a
# surrogate pair and overlong forms among it; keys that are neither integers nor text; tags.
MALFORMED = """
0000 f600
9f01ff bf0101ff 5f4101ff 7f6161ff 9fff bfff 5fff 7fff ff 81ff a1ff00
1c 1d 1e 1f 3c 3f 5c 7c 9c bc dc df fc fd fe
18 19 1900 1a000000 1b00000000000000 f8 f9 f93c fa000000 fb00000000000000
f800 f814 f817 f81f e0 f3 f7 f820 f83b f8ff a101f7 8101f7
f97e00 f97c00 f9fc00 fa7fc00000 fa7f800000 fb7ff8000000000000 fbfff0000000000000
61ff 62c080 63e08080 63eda080 63edbfbf 66eda0bdedb2a9 64f4908080 6180 62c3 61c3
a14000 a1f400 a1f500 a1f600 a1f700 a1e000 a1f93c0000 a1f9800000 a1f97e0000 a1fa3f80000000
a18000 a1a000 a1c100 a1d81c8000 a1c2410100 a1a1a0000000 a1810000 a1f81800 a1f8ff00 a2f97e0000f97e0001
c000 c1fb41d452d9e2000000 c24101 c249010000000000000000 c34101 c4820203 c5820203 d81800 d8184100 d9d9f700
d9010080 d81c80 d81d00 d9010081d81900 d8236161 d824616100 d825500102030405060708090a0b0c0d0e0f10
d9010480 d905414100 d903ec6a323032302d30312d3031 d9a7f8820102 81c100 a101c100 d81ec0 d81e820102
""".split()


@pytest.mark.parametrize("data", ["", *MALFORMED])
def test_what_is_no_cbor_of_ours_is_refused(data: str) -> None:
    _malformed(data)


TWICE = """
a201000101 a2616100616101 a20100180101 a2010019000101 a261610078016101 81a201000101 a101a220002000 a2183b00183b01
a3010002000100 a201001b000000000000000101 a16161a2616200616200
""".split()


@pytest.mark.parametrize("data", TWICE)
def test_a_key_that_stands_twice_is_refused(data: str) -> None:
    for door in (decode, decode_marked):
        _refused(lambda: door(bytes.fromhex(data), WHERE), Reason.DUPLICATE_MEMBER)  # noqa: B023
        _refused(lambda: door(SCANNED + bytes.fromhex(data), WHERE), Reason.DUPLICATE_MEMBER)  # noqa: B023


def test_of_two_faults_the_first_is_named_whatever_a_tag_might_stand_for() -> None:
    _refused(lambda: decode(bytes.fromhex("82c06178a201000100"), WHERE), Reason.DUPLICATE_MEMBER)
    _refused(lambda: decode(bytes.fromhex("829f00ffa201000100"), WHERE), Reason.MALFORMED_CBOR)
    _refused(lambda: decode(bytes.fromhex("82a2010001009f00ff"), WHERE), Reason.DUPLICATE_MEMBER)


def test_a_key_is_never_another_that_python_takes_for_equal() -> None:
    """{True: x}.get(1) hits: so no such key ever comes out, whether the integer stands beside it or not."""
    for key in ("f5", "f93c00", "fa3f800000", "fb3ff0000000000000", "f801"):
        _malformed("a1" + key + "00")
        for data in ("a20100" + key + "00", "a2" + key + "000100"):
            _refused(lambda: decode(bytes.fromhex(data), WHERE), Reason.MALFORMED_CBOR, Reason.DUPLICATE_MEMBER)  # noqa: B023


def test_foreign_cbor_needs_no_order_and_no_shortest_heads() -> None:
    """Every real mdoc has unsorted keys, and some have heads that are longer than needed."""
    assert decode(bytes.fromhex("a2026161016162"), WHERE) == {2: "a", 1: "b"}
    assert decode(bytes.fromhex("b90002 190001 1b0000000000000002 1803 1a00000004".replace(" ", "")), WHERE) == {
        1: 2,
        3: 4,
    }
    assert (
        decode(bytes.fromhex("59000141"), WHERE) == b"A" and decode(bytes.fromhex("7b000000000000000141"), WHERE) == "A"
    )
    assert decode(bytes.fromhex("fb3ff8000000000000"), WHERE) == decode(bytes.fromhex("f93e00"), WHERE) == 1.5
    minus_zero = decode(bytes.fromhex("f98000"), WHERE)
    assert minus_zero == 0 and math.copysign(1, minus_zero) == -1 and type(minus_zero) is float
    assert decode(b"\x3b" + b"\xff" * 8, WHERE) == -(2**64) and decode(b"\x1b" + b"\xff" * 8, WHERE) == 2**64 - 1


# --- depth and number ---


@pytest.mark.parametrize("around", [b"\x81", b"\xa1\x00", b"\xc6", b"\xd8\x18", b"\xda\x00\x00\x00\x06", b"\x98\x01"])
def test_sixteen_levels_are_taken_and_no_more(around: bytes) -> None:
    tags = frozenset({6, 24})
    value = decode(around * DEPTH + b"\x00", WHERE, tags)
    for _ in range(DEPTH):
        value = value.value if type(value) is CBORTag else value[0]
    assert value == 0
    for depth in (17, 18, 19, 40, 10_000, 100_000):
        for data in (around * depth + b"\x00", around * depth, around * depth + b"\x80"):
            _refused(lambda: decode(data, WHERE, tags), Reason.DEPTH_EXCEEDED)  # noqa: B023
    for empty in (b"\x80", b"\xa0"):  # they have no level below them
        assert decode(around * DEPTH + empty, WHERE, tags) is not None
        _refused(lambda: decode(around * 17 + empty, WHERE, tags), Reason.DEPTH_EXCEEDED)  # noqa: B023
    marked = b"\xd8\x3c" * DEPTH + b"\x00"
    assert Redacted.ELEMENT in decode_marked(marked, WHERE)
    for depth in (17, 10_000, 100_000):
        _refused(lambda: decode_marked(b"\xd8\x3c" * depth + b"\x00", WHERE), Reason.DEPTH_EXCEEDED)  # noqa: B023


def test_a_caller_who_stands_too_deep_for_a_legal_nesting_is_refused() -> None:
    # As many frames are left as a flat item needs, and fewer than one of sixteen levels does.
    nested = b"\x81" * DEPTH + b"\xf9\x3c\x00"
    frames = sys.getrecursionlimit() - len(inspect.stack(0)) - 16

    def at_depth(left: int, call: Callable[[], Any]) -> Any:
        return call() if left <= 0 else at_depth(left - 1, call)

    assert at_depth(frames, lambda: decode_marked(b"\x81\x00", WHERE)) == [0]
    _refused(lambda: at_depth(frames, lambda: decode_marked(nested, WHERE)), Reason.DEPTH_EXCEEDED)
    assert decode_marked(nested, WHERE) and decode_marked(b"\xf6", WHERE) is None


@given(st.integers(240, 270), st.integers(0, 3), st.lists(st.binary(max_size=64) | st.integers(0, 9), max_size=12))
def test_beside_digests_of_any_length_a_name_has_255_bytes_at_most(size: int, levels: int, hidden: list[Any]) -> None:
    claims: Any = {"n" * size: 1}
    for _ in range(levels):
        claims = {1: [claims]}
    data = cbor2.dumps({cbor2.CBORSimpleValue(59): hidden, **claims})
    if size > 255:
        _refused(lambda: decode_marked(data, WHERE), Reason.LIMIT_EXCEEDED)
    else:
        assert decode_marked(data, WHERE) == {Redacted.KEYS: hidden, **claims}


_ANYTHING = st.recursive(
    st.sampled_from(
        [0, "", b"", True, None, 0.5, math.nan, math.inf, CBORTag(0, ""), cbor2.CBORSimpleValue(59), cbor2.undefined]
    ),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([1, "a", b"b", 0.5, None]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.integers() | st.text(), st.lists(_ANYTHING, max_size=3) | _ANYTHING, max_size=4))
def test_a_map_of_lists_is_judged_as_what_is_in_it(value: dict[Any, Any]) -> None:
    def judged(each: Any) -> bool:
        try:
            cbor.check(each, WHERE)
        except MalformedError:
            return False
        return True

    assert judged(value) is all(judged([each]) for each in value.values())


@pytest.mark.parametrize("around", [b"\xa1", b"\xa1\xa1", b"\xa1\x81", b"\xa1\xc6"])
@pytest.mark.parametrize("depth", [3, 10_000, 100_000])
def test_maps_within_keys_are_refused(around: bytes, depth: int) -> None:
    _refused(lambda: decode(around * depth + b"\x00" * 8, WHERE), Reason.MALFORMED_CBOR, Reason.DEPTH_EXCEEDED)


@pytest.mark.parametrize("major", [2, 3, 4, 5])
@pytest.mark.parametrize("claim", [2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_length_is_believed_when_its_bytes_are_there(major: int, claim: int) -> None:
    data = head(major, claim) + b"\x01\x02\x03"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        for tried in (data, b"\x81" + data, b"\xa1\x01" + data, b"\xa1" + data, SCANNED + data):
            _refused(lambda: decode(tried, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16_384  # KiB


def _map(keys: list[bytes], value: bytes = b"\x00") -> bytes:
    return head(5, len(keys)) + b"".join(key + value for key in keys)


def _colliding(count: int) -> list[bytes]:
    """Arrays of -1 and -2, whose hashes are all one."""
    return [b"\x8e" + bytes(0x20 + (number >> bit & 1) for bit in range(14)) for number in range(count)]


HOSTILE = {
    "arrays": _colliding(300),
    "after an innocuous key": [b"\x61a", *_colliding(300)],
    "the last of many": [*(b"\x19" + number.to_bytes(2, "big") for number in range(1_000)), b"\x80"],
    "maps": [b"\xa1" + number.to_bytes(1, "big") + b"\x20" for number in range(20)],
    "tags around them": [b"\xd8\x40" + each for each in _colliding(100)],
    "bignums": [b"\xc2\x49" + number.to_bytes(9, "big") for number in range(200)],
    "nothing more": [b"\x80"],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_keys_that_collide_never_reach_a_hash_table(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are refused by their heads, wherever they stand: no call of cbor2 is made."""
    hostile = _map(HOSTILE[name])
    monkeypatch.setattr(cbor2, "loads", lambda *_args, **_keywords: pytest.fail("cbor2 has seen it"))
    padding = byte_string(bytes(1_025))
    for data in (
        b"\x82" + padding + hostile,
        b"\x82" + padding + _map([b"\x01"], hostile),
        b"\x83" + padding + b"\xa2\x01\x02\x03" + hostile + b"\x04",
        b"\x82" + padding + b"\x81" * 6 + b"\xd8\x18" + hostile,
        b"\x83" + padding + b"\x81" * 15 + b"\x80" + hostile,  # behind an empty array, as deep as one may stand
        b"\x82" + padding + hostile[:-1],  # cut short
        b"\x82" + padding + hostile + b"\xff",
        _map([b"\x01", b"\x02"], padding).replace(padding, hostile + b"\x02", 1)[:-1] + padding,
    ):
        for door in (decode, decode_marked):
            _refused(lambda: door(data, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023


@pytest.mark.parametrize("size", [256, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("major", [2, 3])
def test_what_a_string_holds_is_no_head(major: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text and bytes that look like maps with composite keys are passed over, at their full length."""
    content = (b"\xa1\x80\x00" if major == 2 else b"a{") * size
    string = head(major, size) + content[:size]
    expected = content[:size] if major == 2 else content[:size].decode()
    padding = byte_string(bytes(1_025))
    assert decode(b"\x83" + padding + string + b"\xa1\x01\x02", WHERE)[1:] == [expected, {1: 2}]
    monkeypatch.setattr(cbor2, "loads", lambda *_args, **_keywords: pytest.fail("cbor2 has seen it"))
    _refused(lambda: decode(b"\x83" + padding + string + _map(HOSTILE["arrays"]), WHERE), Reason.MALFORMED_CBOR)


def test_nothing_is_made_of_what_follows_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever follows would be decoded in the place of the mark: keys that collide, integers, a million items."""
    followed = [
        _map(HOSTILE["arrays"]),
        _map([encode(key) for key in _quadratic(12, 2_000)]),
        b"\x81" * 100_000 + b"\x00",
        head(4, 100_000) + bytes(100_000),
        bytes(2_000),
    ]
    monkeypatch.setattr(cbor2, "loads", lambda *_args, **_keywords: pytest.fail("cbor2 has seen it"))
    for tail in followed:
        for item in (b"\x00", b"\xa1\x01\x02", b"\x80", b"\xf6", b"\x41\x00", SCANNED + b"\x00"):
            for door in (decode, decode_marked):
                _refused(lambda: door(item + tail, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023


@pytest.mark.parametrize("size", [0, 1, 1_024, 1_025, 1_026, 2_047])
def test_no_signed_data_fakes_the_mark_where_nobody_counts_its_items(size: int) -> None:
    crowded = encode(dict.fromkeys(range(1_025), 0))  # too many for a walk over the heads, which is then not asked
    assert len(load_signed(crowded, WHERE)) == 1_025
    for tail in (byte_string(b"\xff" * size), head(2, size)):
        _refused(lambda: load_signed(crowded + tail, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023


def test_what_follows_a_long_item_whose_items_nobody_counts_is_malformed_as_well() -> None:
    good = SCANNED + b"\x00"
    assert load_signed(good, WHERE) == [bytes(1_025), 0]
    for tail in (b"\x00", b"\xf6", b"\x41\x00", good):
        _refused(lambda: load_signed(good + tail, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023
        _refused(lambda: load(good + tail, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023
    twice = b"\x82" + byte_string(bytes(1_025)) + b"\xa2\x01\x00\x01\x00"
    for data in (twice, twice + b"\x00"):
        _refused(lambda: load_signed(data, WHERE), Reason.DUPLICATE_MEMBER)  # noqa: B023


@pytest.mark.parametrize(
    "tail", ["a200000000", "a201000100", "81" * 17 + "00", "81" * 40, "a18000", "c000", "00", "f6", "ff", "a2"]
)
def test_what_follows_a_short_item_is_malformed_whatever_it_is(tail: str) -> None:
    for item in ("00", "a10102", "80", "820102"):
        _refused(lambda: decode(bytes.fromhex(item + tail), WHERE), Reason.MALFORMED_CBOR)  # noqa: B023
        _refused(lambda: decode_marked(bytes.fromhex(item + tail), WHERE), Reason.MALFORMED_CBOR)  # noqa: B023


def test_composite_keys_are_refused_below_the_scanned_length_too() -> None:
    for keys in HOSTILE.values():
        data = _map(keys[:30] if keys[-1] != b"\x80" else keys[-1:])
        assert len(data) <= 1_024
        for door in (decode, decode_marked):
            _refused(lambda: door(data, WHERE), Reason.MALFORMED_CBOR)  # noqa: B023


def test_the_scan_begins_at_one_byte_more_than_goes_unscanned(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(cbor, "refuse_costly", lambda data, _where: seen.append(len(data)))
    for size in (0, 1_021, 1_022, 5_000):
        assert decode(byte_string(bytes(size)), WHERE) == bytes(size)
    assert seen == [1_025, 5_003]


def _quadratic(bits: int, count: int) -> list[int]:
    """Integers that walk over each other in a dict of CPython with 2**bits slots.

    The first half fills the way that a probe takes once the high bits of a hash are used up; the others all enter it
    near its beginning.
    """
    mask = (1 << bits) - 1
    way, slot = [], 1
    for _ in range(count // 2):
        way.append(slot)
        slot = (slot * 5 + 1) & mask
    index = {slot: number for number, slot in enumerate(way)}
    keys, tried = list(way), mask
    while len(keys) < count:
        tried += 1
        rest, slot = tried, tried & mask
        while rest and slot in index:
            rest >>= 5
            slot = (slot * 5 + rest + 1) & mask
        if not rest and index.get(slot, count) < len(way) // 4:
            keys.append(tried)
    return keys


def test_integers_that_walk_over_each_other_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An integer is its own hash: 20,000 of them, chosen well, are 100 kB and cost cbor2 0.6 s."""
    keys = _quadratic(12, 2_000)
    assert len(set(keys)) == 2_000
    data = _map([encode(key) for key in keys])
    monkeypatch.setattr(cbor2, "loads", lambda *_args, **_keywords: pytest.fail("cbor2 has seen it"))
    for tried in (data, b"\x81" + data, _map([b"\x01"], data), b"\xd8\x18" + data, data + b"\x00"):
        for door in (decode, decode_marked):
            _refused(lambda: door(tried, WHERE), Reason.LIMIT_EXCEEDED)  # noqa: B023
    _refused(lambda: decode(data[:-1], WHERE), Reason.MALFORMED_CBOR, Reason.LIMIT_EXCEEDED)


def test_a_map_has_at_most_1024_members() -> None:
    full = dict.fromkeys(range(1_024), 0)
    assert decode(encode(full), WHERE) == full and decode_marked(encode(full), WHERE) == full
    text = {f"name {number}": number for number in range(1_024)}
    assert decode(encode(text), WHERE) == text
    for more in (full | {1_024: 0}, text | {"one more": 0}):
        for data in (encode(more), encode([more]), encode({"a": more})):
            _refused(lambda: decode(data, WHERE), Reason.LIMIT_EXCEEDED)  # noqa: B023
    several = [dict.fromkeys(range(1_024), 0) for _ in range(5)]
    assert decode(encode(several), WHERE) == several


def test_all_items_together_are_at_most_24576() -> None:
    assert decode(head(4, 24_575) + bytes(24_575), WHERE) == [0] * 24_575
    _refused(lambda: decode(head(4, 24_576) + bytes(24_576), WHERE), Reason.LIMIT_EXCEEDED)
    _refused(lambda: decode(head(4, 20_000) + b"\x81\x00" * 20_000, WHERE), Reason.LIMIT_EXCEEDED)
    _refused(lambda: decode(b"\x80" * 70_000, WHERE), Reason.MALFORMED_CBOR)  # more than one item comes first
    _refused(lambda: decode(head(4, 24_576) + bytes(24_575), WHERE), Reason.MALFORMED_CBOR, Reason.LIMIT_EXCEEDED)
    assert len(decode(byte_string(bytes(300_000)), WHERE)) == 300_000


# --- tags ---


def test_every_tag_is_a_tag_and_nothing_that_it_might_stand_for() -> None:
    """Every number up to 70,000: refused unless asked for, and then a CBORTag around just what stood there."""
    for number in range(70_001):
        data = head(6, number) + b"\x82\x00\x41\x01"
        value = decode(data, WHERE, frozenset({number}))
        assert type(value) is CBORTag and value.tag == number and value.value == [0, b"\x01"]
        assert type(value.value) is list
        with pytest.raises(MalformedError):
            decode(data, WHERE)


@pytest.mark.parametrize("content", ["820001", "6161", "4161", "00", "a10001", "f6", "fb3ff8000000000000"])
def test_nothing_is_made_of_a_tag_that_nobody_expects_either(content: str) -> None:
    """It is refused once all has been decoded: until then it must not have become anything."""
    body = bytes.fromhex(content)
    decoders = cbor._as_tags(cbor.NO_TAGS)
    for number in (*range(70_001), 2**32 - 1, 2**32, 2**63, 2**64 - 1):
        value = cbor2.loads(head(6, number) + body, semantic_decoders=decoders)
        assert type(value) is CBORTag and value.tag == number


NUMBERS = [*range(40), 43, 52, 54, 60, 61, 100, 256, 258, 260, 261, 1004, 43_000, 55_799, 2**64 - 1]
CONTENTS = """
00 20 4101 6161 80 81d81c00 820102 a0 a10102 f5 f6 f93e00 83000102 6a323032302d30312d3031 782830
""".split()


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("content", CONTENTS)
def test_a_tag_leaves_its_content_as_it_is(number: int, content: str) -> None:
    body = bytes.fromhex(content)
    if Slow(body, frozenset({28})).broken:
        body = b"\x00"
    tags = frozenset({number, 28})
    bare = decode(body, WHERE, tags)
    for data in (head(6, number) + body, b"\x81" + head(6, number) + body, SCANNED + head(6, number) + body):
        value = decode(data, WHERE, tags)
        value = value[-1] if type(value) is list else value
        assert type(value) is CBORTag and value.tag == number and _same(_plain(value.value), _plain(bare))
        _refused(lambda: decode(data, WHERE, tags - {number}), Reason.MALFORMED_CBOR) if number != 28 else None  # noqa: B023
    _malformed(b"\xa1" + head(6, number) + body + b"\x00")


def test_shared_and_repeated_references_are_not_followed() -> None:
    shared = decode(bytes.fromhex("d81c81d81d00"), WHERE, frozenset({28, 29}))
    assert type(shared) is CBORTag and shared.value[0] == CBORTag(29, 0)  # no cycle
    strings = decode(bytes.fromhex("d90100824461626364d81900"), WHERE, frozenset({256, 25}))
    assert strings.value == [b"abcd", CBORTag(25, 0)]


def test_only_the_expected_tags_are_taken_where_they_stand_deep() -> None:
    data = encode({"a": [CBORTag(24, b"\x00"), {"b": CBORTag(24, b"")}]})
    assert decode(data, WHERE, frozenset({24}))["a"][0].value == b"\x00"
    _refused(lambda: decode(data, WHERE, frozenset({18})), Reason.MALFORMED_CBOR)
    nested = encode(CBORTag(24, CBORTag(61, 0)))
    _refused(lambda: decode(nested, WHERE, frozenset({24})), Reason.MALFORMED_CBOR)


# --- the two marks of SD-CWT ---


def test_the_two_marks_are_objects_that_no_input_can_hold() -> None:
    read = decode_marked(bytes.fromhex("a201f5f83b814178"), WHERE)
    assert read == {1: True, Redacted.KEYS: [b"x"]} and 59 not in read
    assert decode_marked(bytes.fromhex("82d83c417801"), WHERE) == [{Redacted.ELEMENT: b"x"}, 1]
    assert [repr(Redacted.KEYS), repr(Redacted.ELEMENT)] == ["redacted keys", "redacted element"]
    assert Redacted.KEYS is not Redacted.ELEMENT


def test_the_integer_59_and_the_text_59_are_no_marks() -> None:
    assert decode_marked(bytes.fromhex("a1183b814178"), WHERE) == {59: [b"x"]}
    assert decode_marked(encode({"59": 1, "redacted keys": 2}), WHERE) == {"59": 1, "redacted keys": 2}
    # To a dict the two are one key: a map with both is refused, rather than one of them lost.
    for data in ("a2183b00f83b80", "a2f83b80183b00"):
        _refused(lambda: decode_marked(bytes.fromhex(data), WHERE), Reason.DUPLICATE_MEMBER)  # noqa: B023


@pytest.mark.parametrize(
    "data",
    ["f83b", "81f83b", "a101f83b", "a1f83a80", "a1f83c80", "a1f82080", "d83c", "a1d83c410000", "d83df6", "c1f6", "d2f6",
     "d818f6", "a1d83cf83b00", "81d83c d83d00".replace(" ", "")],
)  # fmt: skip
def test_marks_stand_nowhere_else(data: str) -> None:
    _refused(lambda: decode_marked(bytes.fromhex(data), WHERE), Reason.MALFORMED_CBOR)


def test_simple_59_is_a_mark_of_claims_alone() -> None:
    _refused(lambda: decode(bytes.fromhex("a1f83b80"), WHERE), Reason.MALFORMED_CBOR)
    _refused(lambda: decode(bytes.fromhex("81d83c4178"), WHERE), Reason.MALFORMED_CBOR)
    assert decode(bytes.fromhex("81d83c4178"), WHERE, frozenset({60})) == [CBORTag(60, b"x")]


def test_two_lists_of_redacted_keys_are_a_duplicate() -> None:
    _refused(lambda: decode_marked(bytes.fromhex("a2f83b80f83b80"), WHERE), Reason.DUPLICATE_MEMBER)


# --- writing ---


def _slow_encode(value: Any) -> bytes:
    """RFC 8949 section 4.2.1 by the letter."""
    if value is None or type(value) is bool:
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if type(value) is int:
        return _slow_head(0, value) if value >= 0 else _slow_head(1, -1 - value)
    if type(value) is bytes:
        return _slow_head(2, len(value)) + value
    if type(value) is str:
        return _slow_head(3, len(value.encode())) + value.encode()
    if type(value) is float:
        for first, form in ((b"\xf9", ">e"), (b"\xfa", ">f")):
            try:
                packed = struct.pack(form, value)
            except OverflowError:
                continue
            if struct.pack(">d", struct.unpack(form, packed)[0]) == struct.pack(">d", value):
                return first + packed
        return b"\xfb" + struct.pack(">d", value)
    if type(value) is CBORTag:
        return _slow_head(6, value.tag) + _slow_encode(value.value)
    if isinstance(value, list | tuple):
        return _slow_head(4, len(value)) + b"".join(map(_slow_encode, value))
    members = {
        b"\xf8\x3b" if key is Redacted.KEYS else _slow_encode(key): _slow_encode(each) for key, each in value.items()
    }
    return _slow_head(5, len(members)) + b"".join(key + members[key] for key in sorted(members))


def _slow_head(major: int, count: int) -> bytes:
    if count < 24:
        return bytes([major * 32 + count])
    width = next(width for width in (1, 2, 4, 8) if count < 256**width)
    return bytes([major * 32 + {1: 24, 2: 25, 4: 26, 8: 27}[width]]) + count.to_bytes(width, "big")


_WRITTEN = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**64), 2**64 - 1), st.binary(max_size=30), st.text(max_size=30),
        st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False, width=16),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(
            st.one_of(st.integers(-(2**64), 2**64 - 1), st.text(max_size=5), st.just(Redacted.KEYS)), inner, max_size=5
        ).filter(lambda each: not (59 in each and Redacted.KEYS in each)),
        st.builds(CBORTag, st.integers(0, 2**64 - 1).filter(lambda tag: tag != 256), inner),  # not written: below
    ),
    max_leaves=15,
)  # fmt: skip


@given(_WRITTEN)
def test_what_is_written_is_core_deterministic(value: Any) -> None:
    assert encode(value) == _slow_encode(value)


@given(ITEMS)
def test_what_was_read_is_written_alike_ever_after(data: bytes) -> None:
    if Slow(data).broken:
        return
    written = encode(decode(data, WHERE))
    assert encode(decode(written, WHERE)) == written
    assert _same(_plain(decode(written, WHERE)), _plain(decode(data, WHERE))) or sorted(written) == sorted(
        encode(decode(data, WHERE))
    )


@given(_WRITTEN.filter(lambda value: b"\xf8\x3b" not in _slow_encode(value)))
def test_what_is_written_is_read(value: Any) -> None:
    if type(value) in (int, str, bytes, bool, float, type(None)):
        assert _same(decode(encode(value), WHERE), value)


def test_an_integer_key_has_64_bits_and_a_sign() -> None:
    for key in (-(2**64), 2**64 - 1):
        assert decode(encode({key: 0}), WHERE) == {key: 0}
    for key in (-(2**64) - 1, 2**64):
        with pytest.raises(MalformedError) as caught:
            encode({key: 0}, WHERE)
        assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_CBOR, WHERE)


def test_redacted_keys_are_written_as_simple_59_and_read_again() -> None:
    claims = {1: "iss", 100: 1, "a": 2, Redacted.KEYS: [b"digest"]}
    written = encode(claims)
    assert written == bytes.fromhex("a40163697373186401616102f83b8146") + b"digest"  # behind text: f8 sorts last
    assert decode_marked(written, WHERE) == claims
    assert encode([CBORTag(Redacted.TAG, b"d")]) == bytes.fromhex("81d83c4164")
    assert decode_marked(encode([CBORTag(Redacted.TAG, b"d")]), WHERE) == [{Redacted.ELEMENT: b"d"}]
    assert encode({59: 1}) == bytes.fromhex("a1183b01")


def test_a_redacted_element_is_written_as_tag_60_and_read_again() -> None:
    written = encode([{Redacted.ELEMENT: b"d"}, {1: b"d"}])
    assert written == bytes.fromhex("82d83c4164a1014164")
    assert decode_marked(written, WHERE) == [{Redacted.ELEMENT: b"d"}, {1: b"d"}]
    for value in ({Redacted.ELEMENT: b"d", 1: 2}, {Redacted.ELEMENT: b"d", 1: 2, 3: 4}, {Redacted.ELEMENT: "d"}):
        with pytest.raises(MalformedError) as caught:
            encode([value])
        assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_CBOR, "cbor")


def test_keys_are_sorted_by_their_bytes_and_not_by_length_first() -> None:
    """RFC 8949 section 4.2.1, its own example; section 4.2.3 is the older order, by length first."""
    assert encode({"z": 0, "aa": 0, 10: 0, 100: 0, -1: 0}) == bytes.fromhex("a5 0a00 186400 2000 617a00 62616100")
    assert encode({"b": 0, "aa": 0, 256: 0, -1: 0}) == bytes.fromhex("a4 19010000 2000 616200 62616100")


SHORTEST: list[tuple[Any, str]] = [
    (0, "00"),
    (23, "17"),
    (24, "1818"),
    (255, "18ff"),
    (256, "190100"),
    (65_535, "19ffff"),
    (65_536, "1a00010000"),
    (2**32 - 1, "1affffffff"),
    (2**32, "1b0000000100000000"),
    (2**64 - 1, "1bffffffffffffffff"),
    (-1, "20"),
    (-24, "37"),
    (-25, "3818"),
    (-(2**64), "3bffffffffffffffff"),
    (1.0, "f93c00"),
    (-0.0, "f98000"),
    (0.1, "fb3fb999999999999a"),
    (100_000.0, "fa47c35000"),
    (65_504.0, "f97bff"),
    (5.960464477539063e-8, "f90001"),
    (1e300, "fb7e37e43c8800759c"),
    (True, "f5"),
    (False, "f4"),
    (None, "f6"),
    ("", "60"),
    (b"", "40"),
    ([], "80"),
    ({}, "a0"),
    ((1, 2), "820102"),
    (MappingProxyType({1: 2}), "a10102"),
    (OrderedDict(b=1, a=2), "a2616102616201"),
    (CBORTag(24, b"a"), "d8184161"),
    ("ü", "62c3bc"),
    ("\U0001f600", "64f09f9880"),
    ("\0", "6100"),
]


@pytest.mark.parametrize(
    ("value", "written"),
    SHORTEST,
)
def test_each_value_has_its_shortest_form(value: Any, written: str) -> None:
    assert encode(value).hex() == written


class _Number(IntEnum):
    ONE = 1


class _Text(StrEnum):
    ONE = "one"


class _Int(int):
    pass


class _Str(str):
    pass


class _Bytes(bytes):
    pass


class _Float(float):
    pass


class _List(list[int]):
    pass


class _Pair(NamedTuple):
    items: Any


class _Items:
    items = 3


_CYCLE: list[Any] = []
_CYCLE.append(_CYCLE)
_LOOP: dict[Any, Any] = {}
_LOOP[1] = _LOOP
_DEEP: Any = 0
for _ in range(5_000):
    _DEEP = [_DEEP]

UNWRITABLE: dict[str, Any] = {
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "huge": 2**64,
    "huge negative": -(2**64) - 1,
    "2**5000": 2**5000,
    "huge key": {2**64: 1},
    "huge negative key": {-(2**64) - 1: 1},
    "float key": {1.5: 1},
    "bytes key": {b"a": 1},
    "bool key": {True: 1},
    "null key": {None: 1},
    "tuple key": {(1,): 1},
    "element mark as a key": {Redacted.ELEMENT: 1},
    "both 59": {59: 1, Redacted.KEYS: []},
    "both 59, the other way": {Redacted.KEYS: [], 59: 1},
    "mark": Redacted.KEYS,
    "int enum": _Number.ONE,
    "str enum": _Text.ONE,
    "int subclass": _Int(1),
    "str subclass": _Str("a"),
    "enum key": {_Text.ONE: 1},
    "int subclass key": {_Int(1): 1},
    "bytes subclass": _Bytes(b"a"),
    "float subclass": _Float(1),
    "list subclass": _List([1]),
    "set": {1},
    "frozenset": frozenset({1}),
    "bytearray": bytearray(b"a"),
    "memoryview": memoryview(b"a"),
    "complex": 1j,
    "named tuple": _Pair(1),
    "named tuple of list": _Pair([1]),
    "object": object(),
    "items": _Items(),
    "class": dict,
    "generator": (1 for _ in ()),
    "range": range(3),
    "surrogate": "\ud800",
    "surrogate key": {"\udfff": 1},
    "tag around": CBORTag(24, object()),
    "tag around nan": CBORTag(24, math.nan),
    "tag of references": CBORTag(256, ["abc", "abc"]),
    "tag of references around nothing": CBORTag(256, 0),
    "tag around a tag of references": CBORTag(24, [CBORTag(256, {"a": b"abc"})]),
    "simple": cbor2.CBORSimpleValue(59),
    "undefined": cbor2.undefined,
    "cycle": _CYCLE,
    "loop": _LOOP,
    "deep": _DEEP,
    "inner": {"a": [{"b": {1, 2}}]},
    "ellipsis": ...,
    "type": int,
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_anything_else_is_not_written(name: str) -> None:
    _refused(lambda: encode(UNWRITABLE[name], WHERE), Reason.MALFORMED_CBOR)
    _refused(lambda: encode([1, UNWRITABLE[name]], WHERE), Reason.MALFORMED_CBOR)


def test_one_list_may_stand_in_two_places() -> None:
    once = [1]
    assert encode([once, once]) == bytes.fromhex("8281018101")


@given(st.sampled_from(range(8)), st.one_of(st.integers(0, 2**64 - 1), _COUNTS))
def test_a_head_is_the_shortest(major: int, count: int) -> None:
    assert head(major, count) == _slow_head(major, count)


@given(st.binary(max_size=300))
def test_byte_strings_and_embedded_items(data: bytes) -> None:
    assert byte_string(data) == _slow_encode(data)
    assert embedded(data) == _slow_encode(CBORTag(24, data))


def _unwrapped(data: bytes) -> bytes | Reason:
    """What `unwrap` must say: tag 24 around one byte string and nothing else, in heads of any width."""
    try:
        item = decode(data, WHERE, frozenset({24}))
    except MalformedError:
        return Reason.MALFORMED_TOKEN
    whole = type(item) is CBORTag and item.tag == 24 and type(item.value) is bytes
    return item.value if whole else Reason.MALFORMED_TOKEN


def _check_unwrap(data: bytes) -> None:
    try:
        found: bytes | Reason = cbor.unwrap(data, WHERE)
    except MalformedError as error:
        assert error.where == WHERE
        found = error.reason
    assert found == _unwrapped(data)


_TAG_HEADS = [b"", b"\xd8\x18", b"\xd9\x00\x18", b"\xda\x00\x00\x00\x18", b"\xdb" + bytes(7) + b"\x18"]


@given(
    st.sampled_from(_TAG_HEADS) | st.binary(max_size=2),
    st.binary(max_size=30),
    st.integers(-1, 1),
    st.sampled_from([0, 1, 2, 4, 8]),
    st.sampled_from([0x40, 0x60]),
)
def test_what_stands_under_tag_24_is_taken_out_whole(
    tag: bytes, content: bytes, off: int, width: int, kind: int
) -> None:
    count = max(0, len(content) + off)
    wide = bytes((kind | {1: 24, 2: 25, 4: 26, 8: 27}[width],)) + count.to_bytes(width, "big") if width else b""
    _check_unwrap(tag + (wide or bytes((kind | min(count, 23),))) + content)


@pytest.mark.parametrize("first", range(256))
def test_no_other_head_is_taken_for_tag_24(first: int) -> None:
    for zeros in (0, 1, 3, 7, 15, 16):
        start = bytes((first,)) + bytes(zeros) + b"\x18"
        for string in (b"", b"\x40", b"\x41a", b"\x58\x01a", b"\x5f\x41a\xff", b"\x5c" + bytes(15) + b"\x01a"):
            _check_unwrap(start + string)
            _check_unwrap(start[:1] + start[2:] + string)
    for second in (0, 1, 23, 24, 255):
        _check_unwrap(b"\xd8\x18" + bytes((first, second)) + b"a" * (second if first == 0x58 else first & 31))


# --- the members of a map as they stand there ---


@st.composite
def _maps(draw: st.DrawFn) -> tuple[bytes, dict[Any, bytes]]:
    """A map with heads of any width, and the bytes of each value by its key."""
    names = draw(st.lists(st.integers(-(2**64), 2**64 - 1) | st.text(max_size=4), max_size=4, unique=True))
    data = draw(_heads(5, len(names)))
    slices = {}
    for name in names:
        if isinstance(name, str):
            key = draw(_heads(3, len(name.encode()))) + name.encode()
        else:
            key = draw(_heads(0, name) if name >= 0 else _heads(1, -1 - name))
        item = draw(ITEMS)
        slices[name] = byte_string(item) if Slow(b"\x81" + item).broken else item
        data += key + slices[name]
    return data, slices


@given(_maps())
def test_the_members_of_a_map_are_the_bytes_that_stand_there(pair: tuple[bytes, dict[Any, bytes]]) -> None:
    data, slices = pair
    found = member_slices(data, WHERE)
    assert found == slices and list(found) == list(slices)


@pytest.mark.parametrize(
    ("data", "slices"),
    [
        ("a0", {}),
        ("b800", {}),
        ("bb0000000000000000", {}),
        ("a10102", {1: "02"}),
        ("a1181702", {23: "02"}),
        ("a118641819", {100: "1819"}),
        ("a1190100190100", {256: "190100"}),
        ("a2616182010261628101", {"a": "820102", "b": "8101"}),
        ("a2 6162 00 6161 01", {"b": "00", "a": "01"}),
        ("b802 01 5801ff 02 f6", {1: "5801ff", 2: "f6"}),
        ("b90002 20 a10182f5f4 780161 7a00000001 62", {-1: "a10182f5f4", "a": "7a0000000162"}),
        ("ba00000001 3863 fb3fb999999999999a", {-100: "fb3fb999999999999a"}),
    ],
)
def test_a_slice_is_a_whole_value_and_no_more(data: str, slices: dict[Any, str]) -> None:
    assert member_slices(bytes.fromhex(data), WHERE) == {name: bytes.fromhex(item) for name, item in slices.items()}


def test_a_tag_in_a_slice_is_one_of_the_expected() -> None:
    data = bytes.fromhex("a2 01 d81841a0 02 81 d818 4100")
    assert member_slices(data, WHERE, frozenset({24})) == {
        1: bytes.fromhex("d81841a0"),
        2: bytes.fromhex("81d8184100"),
    }
    _refused(lambda: member_slices(data, WHERE), Reason.MALFORMED_CBOR)
    _refused(lambda: member_slices(data, WHERE, frozenset({18})), Reason.MALFORMED_CBOR)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", Reason.MALFORMED_CBOR),
        ("80", Reason.MALFORMED_CBOR),
        ("00", Reason.MALFORMED_CBOR),
        ("40", Reason.MALFORMED_CBOR),
        ("61a0", Reason.MALFORMED_CBOR),
        ("f6", Reason.MALFORMED_CBOR),
        ("d818a0", Reason.MALFORMED_CBOR),
        ("81a10102", Reason.MALFORMED_CBOR),
        ("a101", Reason.MALFORMED_CBOR),
        ("a1010203", Reason.MALFORMED_CBOR),
        ("bf0102ff", Reason.MALFORMED_CBOR),
        ("a201020103", Reason.DUPLICATE_MEMBER),
        ("a101" + "81" * 16 + "00", Reason.DEPTH_EXCEEDED),
        ("b90401" + "".join(f"19{number:04x}00" for number in range(1_025)), Reason.LIMIT_EXCEEDED),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else None,
)
def test_what_is_no_sound_map_has_no_members(data: str, reason: Reason) -> None:
    for tags in (frozenset[int](), frozenset({24})):
        _refused(lambda: member_slices(bytes.fromhex(data), WHERE, tags), reason)  # noqa: B023


def test_an_error_holds_nothing_of_the_input() -> None:
    text = _SECRET.encode()
    for data in (
        b"\xa2" + (byte_string(text)[:0] + head(3, len(text)) + text + b"\x00") * 2,
        b"\xa1" + byte_string(text) + b"\x00",
        head(3, len(text) + 1) + text + b"\xff",
        b"\xc0" + head(3, len(text)) + text,
        b"\xd8\x23" + head(3, len(text)) + text,
        head(3, len(text)) + text + b"\x00",
    ):
        with pytest.raises(MalformedError) as caught:
            decode(data, WHERE)
        assert _SECRET not in f"{caught.value} {caught.value!r} {caught.value.__dict__}"
        assert caught.value.__context__ is None and caught.value.__cause__ is None
