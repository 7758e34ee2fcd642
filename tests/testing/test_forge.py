"""What is made by hand is what it is said to be, and what our own codec is held against is no more lenient than it.

Spec: RFC 8949 sections 3, 4.2.1; ISO/IEC 18013-5 8.3.2.1.2.2.
"""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid.testing import strategies as s
from citizenid.testing.forge.cbor import Pairs, Raw, canonical, dump, embedded, head
from citizenid.testing.forge.mdoc_issuer import PID, issuer_signed, item

LENGTHS = [(23, 1), (24, 2), (255, 2), (256, 3), (65_535, 3), (65_536, 5), (2**32 - 1, 5), (2**32, 9), (2**64 - 1, 9)]


@pytest.mark.parametrize(("count", "size"), [(0, 1), *LENGTHS])
def test_a_head_is_written_in_its_shortest_form(count: int, size: int) -> None:
    assert head(0, count) == cbor2.dumps(count)
    assert len(head(0, count)) == size
    assert head(1, count) == cbor2.dumps(-1 - count)


def test_a_count_of_more_than_64_bits_has_no_head() -> None:
    with pytest.raises(OverflowError):
        head(0, 2**64)


@given(s.cbor_values())
def test_what_is_in_canonical_form_stays_as_it_is(value: object) -> None:
    once = canonical(cbor2.dumps(value))
    assert canonical(once) == once


def test_the_keys_of_a_map_stand_in_the_order_of_their_bytes() -> None:
    keys = [10, 100, -1, "z", "aa", [100], [-1], False]  # the example of RFC 8949 section 4.2.1
    written = Pairs([(key, 0) for key in reversed(keys)])
    assert canonical(dump(written)) == dump(Pairs([(key, 0) for key in keys]))


@pytest.mark.parametrize(
    ("data", "expected"),
    [("fb3ff8000000000000", "f93e00"), ("fa47c35000", "fa47c35000"), ("fb3ff199999999999a", "fb3ff199999999999a"),
     ("fb7ff0000000000000", "f97c00"), ("fb40f86a0000000000", "fa47c35000"), ("f818", "f818"), ("1817", "17"),
     ("580161", "4161"), ("990001f6", "81f6"), ("d81801", "d81801")],
)  # fmt: skip
def test_numbers_and_heads_are_written_in_their_shortest_form(data: str, expected: str) -> None:
    assert canonical(bytes.fromhex(data)).hex() == expected


@given(st.binary(max_size=30), st.binary(min_size=1, max_size=3))
def test_behind_an_item_nothing_may_stand(content: bytes, behind: bytes) -> None:
    good = cbor2.dumps(content)
    assert canonical(good) == good
    with pytest.raises(ValueError):  # noqa: PT011  # it says nothing more
        canonical(good + behind)


@pytest.mark.parametrize(
    "data", ["1c", "1f", "5f4100ff", "9fff", "bfff", "ff", "18", "1900", "1a000000", "1b00000000000000"]
)
def test_what_is_reserved_indefinite_or_cut_off_in_its_head_has_no_canonical_form(data: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        canonical(bytes.fromhex(data))


def test_maps_are_written_in_the_order_given_and_keys_may_stand_in_them_twice() -> None:
    assert dump(Pairs([("b", 1), ("a", 2), ("b", 3)])) == bytes.fromhex("a3616201616102616203")
    assert dump({"b": [Raw(b"\xf6"), cbor2.CBORTag(24, b"")]}) == bytes.fromhex("a1616282f6d81840")


def test_an_mdoc_shows_items_as_they_are_given_and_embeds_those_that_are_bytes() -> None:
    shown, other = item(0, "nationality", ["US"]), Raw(b"\xf6")
    assert issuer_signed(shown={PID: [shown, other]})["nameSpaces"] == {PID: [embedded(shown), other]}
    assert issuer_signed(shown={PID: "nothing"})["nameSpaces"] == {PID: "nothing"}
    for odd in (Raw(b"\xa0"), Pairs([(PID, []), (PID, [])]), None, 7):
        assert issuer_signed(shown=odd)["nameSpaces"] is odd or odd is None
