"""Values of an mdoc's elements: the bytes of each kind, where a text is a date, and what is refused.

The oracle is a writer made here from RFC 8949 section 4.2.1 alone, which knows no short way for any kind of value.
"""

from __future__ import annotations

import math
import struct
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid._errors import CitizenIDError, MalformedError, Reason
from citizenid._wire import cbor
from citizenid._wire.elements import NO_DATES, element_value

DEPTH = 15  # levels: a DeviceResponse has sixteen, and an element stands in a map
DAY, MOMENT = "2027-01-15", "2027-01-15T08:00:00Z"
FULL_DATE, TDATE, EITHER = frozenset({1004}), frozenset({0}), frozenset({0, 1004})
DAY_TAGGED = b"\xd9\x03\xec\x6a" + DAY.encode()
MOMENT_TAGGED = b"\xc0\x74" + MOMENT.encode()
DATES = {"born": FULL_DATE, "since": EITHER}
SECRET = "c0ffee-secret"


class Number(IntEnum):
    ONE = 1


class Word(StrEnum):
    DAY = "2027-01-15"


def held(members: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(members)


def nested(value: Any, levels: int, kind: type = tuple) -> Any:
    for _ in range(levels):
        value = (value,) if kind is tuple else held({1: value})
    return value


def refused(value: Any, reason: Reason, tags: frozenset[int] | None = None, dates: Any = NO_DATES) -> None:
    """One class of error for each reason, its path, and nothing of the value in it."""
    with pytest.raises(CitizenIDError) as caught:
        element_value(value, tags, dates)
    error = caught.value
    assert type(error) is (MalformedError if reason is Reason.MALFORMED_CBOR else CitizenIDError)
    assert error.reason is reason and error.where == "claims"
    assert error.args == (reason, "claims")
    assert error.__cause__ is None and error.__context__ is None


# --- the slow writer ---


def slow_head(major: int, count: int) -> bytes:
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if count < 24:
            return bytes((major * 32 + count,))
        if count < 256**width:
            return bytes((major * 32 + info,)) + count.to_bytes(width, "big")
    raise AssertionError


def slow_float(number: float) -> bytes:
    for first, form in ((0xF9, ">e"), (0xFA, ">f")):
        try:
            if struct.unpack(form, struct.pack(form, number))[0] == number:
                return bytes((first,)) + struct.pack(form, number)
        except OverflowError:
            continue
    return b"\xfb" + struct.pack(">d", number)


def slow(value: Any, dates: Any) -> bytes:
    """Write what is sound, one item after the other; a date is a text that a map has under one of these names."""
    if value is None or value is True or value is False:
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if type(value) is int:
        return slow_head(0, value) if value >= 0 else slow_head(1, -1 - value)
    if type(value) is float:
        return slow_float(value)
    if type(value) is bytes:
        return slow_head(2, len(value)) + value
    if type(value) is str:
        return slow_head(3, len(value.encode())) + value.encode()
    if type(value) is tuple:
        return slow_head(4, len(value)) + b"".join(slow(each, dates) for each in value)
    members = {
        slow(name, dates): (b"\xd9\x03\xec" if name in dates and type(item) is str else b"") + slow(item, dates)
        for name, item in value.items()
    }
    return slow_head(5, len(value)) + b"".join(name + members[name] for name in sorted(members))


# --- what is written ---

SCALARS = [
    (True, "f5"),
    (False, "f4"),
    (None, "f6"),
    (0, "00"),
    (5, "05"),
    (23, "17"),
    (24, "1818"),
    (200, "18c8"),
    (2**63, "1b8000000000000000"),
    (2**64 - 1, "1bffffffffffffffff"),
    (-1, "20"),
    (-200, "38c7"),
    (-(2**64), "3bffffffffffffffff"),
    (1.5, "f93e00"),
    (1.0, "f93c00"),
    (-0.0, "f98000"),
    (0.1, "fb3fb999999999999a"),
    (1.7976931348623157e308, "fb7fefffffffffffff"),
    (b"", "40"),
    (b"bytes", "456279746573"),
    ("", "60"),
    ("text", "6474657874"),
    ("\u00fc", "62c3bc"),
    ("\U0001f600", "64f09f9880"),
]


@pytest.mark.parametrize(("value", "written"), SCALARS)
def test_a_scalar_is_written_as_it_is(value: Any, written: str) -> None:
    data = bytes.fromhex(written)
    assert element_value(value, None, NO_DATES) == element_value(value, None, DATES) == data
    # Beside what the short ways do not take, and as a member.
    assert element_value((value, None), None, NO_DATES) == b"\x82" + data + b"\xf6"
    assert element_value((value,), None, NO_DATES) == b"\x81" + data
    assert element_value(held({"a": value}), None, NO_DATES) == b"\xa1\x61a" + data


@pytest.mark.parametrize("size", [23, 24, 255, 256, 65_535, 65_536])
def test_a_text_has_its_shortest_head(size: int) -> None:
    value = "t" * size
    assert element_value(value, None, NO_DATES) == slow(value, NO_DATES)
    assert element_value((value, value), None, NO_DATES) == slow((value, value), NO_DATES)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ((), "80"),
        (("DE", "FR"), "82 624445 624652"),
        (("a",) * 23, "97" + "6161" * 23),
        (("a",) * 24, "9818" + "6161" * 24),
        (("a", 1), "82 6161 01"),
        ((1, "a"), "82 01 6161"),
        ((("a",), "b"), "82 81 6161 6162"),
        ((True, False), "82 f5 f4"),
        (held({}), "a0"),
        (held({"a": "b"}), "a1 6161 6162"),
        (held({"b": 1, "a": 2, "": 3}), "a3 60 03 6161 02 6162 01"),
        (held({"a": 1, 1: 2, -1: 3}), "a3 01 02 20 03 6161 01"),
        (held({2**64 - 1: 1, -(2**64): 2}), "a2 1bffffffffffffffff 01 3bffffffffffffffff 02"),
        ((held({"a": ()}), held({})), "82 a1 6161 80 a0"),
        (held({"a": held({"a": held({"a": None})})}), "a1 6161 a1 6161 a1 6161 f6"),
    ],
)
def test_a_container_is_written_with_what_is_in_it(value: Any, written: str) -> None:
    assert element_value(value, None, NO_DATES) == bytes.fromhex(written)
    assert element_value(value, None, DATES) == bytes.fromhex(written)


_INTEGERS = st.integers(-(2**64), 2**64 - 1)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    _INTEGERS,
    st.floats(allow_nan=False, allow_infinity=False),
    st.binary(max_size=30),
    st.text(max_size=30),
)
_FREE_NAMES = st.one_of(st.text(max_size=3), _INTEGERS, st.sampled_from(["a", "b", 1]))


def _containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    maps = st.tuples(
        st.dictionaries(_FREE_NAMES, children, max_size=4),
        st.dictionaries(st.sampled_from(list(DATES)), st.dates().map(date.isoformat), max_size=2),
    ).map(lambda parts: held(parts[0] | parts[1]))
    return st.lists(children, max_size=4).map(tuple) | maps


@given(st.recursive(_LEAVES, _containers, max_leaves=10))
def test_a_value_is_written_as_the_slow_writer_writes_it(value: Any) -> None:
    assert element_value(value, None, DATES) == slow(value, DATES)


@given(st.lists(st.text(max_size=4), max_size=30).map(tuple))
def test_texts_are_written_as_the_slow_writer_writes_them(value: Any) -> None:
    assert element_value(value, None, DATES) == slow(value, DATES)


# --- dates ---


@pytest.mark.parametrize(
    ("text", "tags", "written"),
    [
        (DAY, FULL_DATE, DAY_TAGGED),
        (DAY, EITHER, DAY_TAGGED),
        (MOMENT, TDATE, MOMENT_TAGGED),
        (MOMENT, EITHER, MOMENT_TAGGED),
        ("0001-01-01", FULL_DATE, b"\xd9\x03\xec\x6a0001-01-01"),
        ("2024-02-29", FULL_DATE, b"\xd9\x03\xec\x6a2024-02-29"),
        ("1970-01-01T00:00:00Z", TDATE, b"\xc0\x741970-01-01T00:00:00Z"),
    ],
)
def test_a_text_in_the_place_of_a_date_has_the_tag_of_its_kind(text: str, tags: frozenset[int], written: bytes) -> None:
    assert element_value(text, tags, NO_DATES) == written
    assert element_value(text, None, NO_DATES) == written[written.index(text.encode()) - 1 :]


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (DAY, TDATE),
        (MOMENT, FULL_DATE),
        (DAY, frozenset()),
        (MOMENT, frozenset()),
        (DAY, frozenset({24})),
        *(
            (value, tags)
            for tags in (FULL_DATE, TDATE, EITHER)
            for value in (
                "", "text", "2027-02-29", "20270115", "2027-01-15 ", "2027-W02-5", "2027-01-15T08:00:00+00:00",
                "2027-01-15T08:00:00.5Z", "2027-01-15t08:00:00z", "1969-12-31T23:59:59Z", "\ud800",
            )
        ),
    ],
)  # fmt: skip
def test_a_text_that_is_no_date_of_its_place_is_refused(value: str, tags: frozenset[int]) -> None:
    refused(value, Reason.CLAIM_INVALID, tags)


@pytest.mark.parametrize("tags", [FULL_DATE, TDATE, EITHER], ids=["full-date", "tdate", "either"])
@pytest.mark.parametrize(
    "value", [True, False, None, 0, 20_270_115, 1.5, DAY.encode(), (), (DAY,), (DAY, DAY), (1,), ((DAY,),), Word.DAY]
)
def test_nothing_but_a_text_is_a_date(value: Any, tags: frozenset[int]) -> None:
    refused(value, Reason.CLAIM_INVALID, tags)
    refused(held({"born": value}), Reason.CLAIM_INVALID, tags, {"born": tags})


def test_a_map_in_the_place_of_a_date_has_dates_of_its_own() -> None:
    value = held({"born": DAY, "name": DAY})
    plain = b"\x64name\x6a" + DAY.encode()
    assert element_value(value, FULL_DATE, DATES) == b"\xa2\x64born" + DAY_TAGGED + plain
    assert element_value(value, TDATE, DATES) == element_value(value, None, DATES)
    assert element_value(held({}), EITHER, DATES) == b"\xa0"
    assert element_value(held({"since": value}), None, DATES) == (b"\xa1\x65since\xa2\x64born" + DAY_TAGGED + plain)


def test_a_name_of_a_date_counts_wherever_a_map_has_it() -> None:
    born = b"\xa1\x64born" + DAY_TAGGED
    assert element_value((held({"born": DAY}),), None, DATES) == b"\x81" + born
    assert element_value(((held({"born": DAY}), 1),), None, DATES) == b"\x81\x82" + born + b"\x01"
    assert element_value(held({"a": held({"born": DAY})}), None, DATES) == b"\xa1\x61a" + born
    assert element_value(held({"a": (held({"born": DAY}),)}), None, DATES) == b"\xa1\x61a\x81" + born
    assert element_value(held({"born": DAY}), None, NO_DATES) == b"\xa1\x64born\x6a" + DAY.encode()


def test_what_stands_in_a_map_is_a_full_date_and_no_other() -> None:
    assert element_value(held({"since": DAY}), None, DATES) == b"\xa1\x65since" + DAY_TAGGED
    refused(held({"since": MOMENT}), Reason.CLAIM_INVALID, None, DATES)
    refused(held({"born": "text"}), Reason.CLAIM_INVALID, None, DATES)
    refused((held({"a": held({"born": 1})}),), Reason.CLAIM_INVALID, None, DATES)


def test_a_text_that_looks_like_a_date_is_a_text() -> None:
    for text in (DAY, MOMENT):
        data = bytes((0x60 + len(text),)) + text.encode()
        assert element_value(text, None, DATES) == data
        assert element_value((text, 1), None, DATES) == b"\x82" + data + b"\x01"
        assert element_value(held({"a": text}), None, DATES) == b"\xa1\x61a" + data


# --- depth ---


@pytest.mark.parametrize("kind", [tuple, dict])
def test_fifteen_levels_are_taken_and_no_more(kind: type) -> None:
    level = b"\x81" if kind is tuple else b"\xa1\x01"
    for value, written in ((5, b"\x05"), ("a", b"\x61a"), (None, b"\xf6"), (1.5, b"\xf9\x3e\x00"), (b"", b"\x40")):
        assert element_value(nested(value, DEPTH, kind), None, NO_DATES) == level * DEPTH + written
        refused(nested(value, DEPTH + 1, kind), Reason.DEPTH_EXCEEDED)
    for empty in ((), held({})):
        assert element_value(nested(empty, DEPTH - 1, kind), None, NO_DATES)[:-1] == level * (DEPTH - 1)
        refused(nested(empty, DEPTH, kind), Reason.DEPTH_EXCEEDED)
    refused(nested(0, 100, kind), Reason.DEPTH_EXCEEDED)


def test_the_deepest_value_has_room_in_an_item() -> None:
    item = b"\xa1\x6celementValue"
    cbor.decode(item + element_value(nested(0, DEPTH), None, NO_DATES), "item")
    with pytest.raises(MalformedError) as caught:
        cbor.decode(item + b"\x81" + element_value(nested(0, DEPTH), None, NO_DATES), "item")
    assert caught.value.reason is Reason.DEPTH_EXCEEDED


def test_the_tag_of_a_date_is_a_level() -> None:
    for kind, level in ((tuple, b"\x81"), (dict, b"\xa1\x01")):
        value = nested(held({"born": DAY}), DEPTH - 2, kind)
        assert element_value(value, None, DATES) == level * (DEPTH - 2) + b"\xa1\x64born" + DAY_TAGGED
        for deepest in (DAY, "no date", 0):  # its depth is said, whatever it is
            refused(nested(held({"born": deepest}), DEPTH - 1, kind), Reason.DEPTH_EXCEEDED, None, DATES)
        value = nested(held({"name": DAY}), DEPTH - 1, kind)
        assert element_value(value, None, DATES) == level * (DEPTH - 1) + b"\xa1\x64name\x6a" + DAY.encode()


# --- what is refused ---


@pytest.mark.parametrize(
    "value",
    [
        2**64,
        2**64 + 1,
        2**65 - 1,
        2**65,
        3**64 - 1,
        10**100,
        -(2**64) - 1,
        -(2**65),
        -(3**64),
        math.nan,
        math.inf,
        -math.inf,
        Number.ONE,
        Word.DAY,
        bytearray(b"b"),
        [1],
        {"a": 1},
        frozenset({1}),
        Decimal(1),
        date(2027, 1, 15),
        1j,
        cbor.CBORTag(0, MOMENT),
        cbor.Redacted.KEYS,
        ...,
        str,
    ],
)
def test_a_value_of_another_kind_is_refused(value: Any) -> None:
    refused(value, Reason.CLAIM_INVALID)
    refused((value,), Reason.CLAIM_INVALID)
    refused(("text", value), Reason.CLAIM_INVALID)
    refused(held({"a": value}), Reason.CLAIM_INVALID)
    refused(held({"a": (1, held({1: value}))}), Reason.CLAIM_INVALID, None, DATES)
    refused(nested(value, DEPTH), Reason.CLAIM_INVALID)
    for tags in (FULL_DATE, EITHER):
        refused(value, Reason.CLAIM_INVALID, tags)


@pytest.mark.parametrize(
    "name", [None, True, False, 1.0, 1.5, b"a", (), ("a",), 2**64, -(2**64) - 1, Number.ONE, Word.DAY]
)
def test_a_name_of_another_kind_is_refused(name: Any) -> None:
    for members in ({name: 0}, {"a": 0, name: 0}, {7: 0, name: 0}, {name: 0, "a": 0}):
        refused(held(members), Reason.CLAIM_INVALID)
        refused(held(members), Reason.CLAIM_INVALID, FULL_DATE)
        refused((held({"a": held(members)}),), Reason.CLAIM_INVALID, None, DATES)


@pytest.mark.parametrize(
    "text", [SECRET + "\ud800", "\udfff" + SECRET, "\ud83d", "\udc80\ud800"], ids=["behind", "before", "half", "turned"]
)
def test_a_text_that_no_utf_8_can_hold_is_refused(text: str) -> None:
    refused(text, Reason.MALFORMED_CBOR)
    refused((text,), Reason.MALFORMED_CBOR)
    refused(("a", text), Reason.MALFORMED_CBOR)
    refused((1, text), Reason.MALFORMED_CBOR)
    refused(((text,),), Reason.MALFORMED_CBOR)
    refused(held({"a": text}), Reason.MALFORMED_CBOR)
    refused(held({text: 0}), Reason.MALFORMED_CBOR)
    refused(text, Reason.CLAIM_INVALID, EITHER)  # a date it is not, first of all


def test_an_error_holds_nothing_of_the_value() -> None:
    for value, tags in (
        (SECRET + "\ud800", None),
        ((SECRET + "\ud800",), None),
        (held({SECRET + "\ud800": 1}), None),
        (held({(SECRET,): 1}), None),
        ([SECRET], None),
        (nested(SECRET, DEPTH + 1), None),
        (SECRET, EITHER),
    ):
        with pytest.raises(CitizenIDError) as caught:
            element_value(value, tags, DATES)
        assert SECRET not in f"{caught.value} {caught.value!r} {caught.value.args} {vars(caught.value)}"
