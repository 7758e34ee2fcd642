"""Items as their heads tell them: where one ends, how a text is written, and what stands under tag 24.

What is expected is put together here from its parts, with heads of every width that can say a count, not the shortest
alone: then its end and its content are known without reading anything.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid._errors import MalformedError, Reason
from citizenid._wire import heads as module
from citizenid._wire.heads import embedded, embedded_each, end_of, refuse_costly, text_string, unwrap

WHERE = "somewhere.payload"
WIDTHS = (0, 1, 2, 4, 8)
SIZES = (0, 1, 23, 24, 255, 256, 257, 65_535, 65_536)
SECRET = "c0ffee-secret"


def fits(count: int, width: int) -> bool:
    return count < 256**width if width else count < 24


def head(major: int, count: int, width: int) -> bytes:
    """A head with its count in so many bytes behind the first, or in the first one itself."""
    if not width:
        return bytes((major * 32 + count,))
    return bytes((major * 32 + {1: 24, 2: 25, 4: 26, 8: 27}[width],)) + count.to_bytes(width, "big")


def shortest(major: int, count: int) -> bytes:
    return next(head(major, count, width) for width in WIDTHS if fits(count, width))


@st.composite
def heads(draw: st.DrawFn, major: int, count: int) -> bytes:
    return head(major, count, draw(st.sampled_from([width for width in WIDTHS if fits(count, width)])))


# --- where an item ends ---

ITEMS = {
    "unsigned": "17",
    "unsigned of a byte": "1817",
    "unsigned of two": "191817",
    "unsigned of four": "1a19181716",
    "unsigned of eight": "1b1a19181716151413",
    "negative": "37",
    "negative of a byte": "38ff",
    "negative of eight": "3bffffffffffffffff",
    "no bytes": "40",
    "bytes": "43010203",
    "bytes that look like heads": "449b9fbfdf",
    "bytes with a long head": "590002ffff",
    "bytes with the longest head": "5b000000000000000182",
    "no text": "60",
    "text": "63616263",
    "text with a long head": "7a0000000361ffff",
    "false": "f4",
    "true": "f5",
    "null": "f6",
    "simple": "f820",
    "half": "f97e00",
    "single": "fa7fc00000",
    "double": "fb7ff8000000000000",
    "no array": "80",
    "no array with a long head": "9b0000000000000000",
    "array": "83010203",
    "array of arrays": "8382010281f58180",
    "array with a long head": "990002820102f4",
    "no map": "a0",
    "no map with a long head": "b800",
    "map": "a20102620304820506",
    "map of maps": "a201a1020304a0",
    "map with a long head": "ba0000000118184118",
    "tag": "c001",
    "tag of a byte": "d81843d81840",
    "tag of two": "d903ec6161",
    "tag of eight": "db000000000000000082f5f6",
    "tags": "c0c1c2c34101",
    "tag around an array": "d283f500c2f6",
    "array of tags": "82c0c1f5c261 61",
    "tag before another item": "82c00102",
}


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_ends_where_its_heads_say(name: str) -> None:
    item = bytes.fromhex(ITEMS[name])
    for before in (b"", b"\x00", b"\xff\x9b\x5b"):
        for behind in (b"", b"\x00", b"\xff" * 9, item):
            assert end_of(before + item + behind, len(before)) == len(before) + len(item)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("major", [2, 3])
def test_a_string_of_every_size_ends_behind_its_content(major: int, size: int) -> None:
    for width in WIDTHS:
        if fits(size, width):
            item = head(major, size, width) + b"\x82" * size
            assert end_of(item, 0) == len(item)
            assert end_of(b"\x82" + item + item, 1) == 1 + len(item)


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 257])
def test_a_container_of_every_size_ends_behind_its_last_item(count: int) -> None:
    for width in WIDTHS:
        if fits(count, width):
            for major, each in ((4, b"\x61a"), (4, b"\x81\xc0\x05"), (5, b"\x18\x20\x81\xf5")):
                item = head(major, count, width) + each * count
                assert end_of(item + each, 0) == len(item)


@st.composite
def scalars(draw: st.DrawFn) -> bytes:
    major = draw(st.sampled_from([0, 1, 2, 3, 7]))
    if major in (2, 3):
        content = draw(st.binary(max_size=30))
        return draw(heads(major, len(content))) + content
    return draw(heads(major, draw(st.integers(0, 23) | st.integers(0, 2**64 - 1))))


@st.composite
def containers(draw: st.DrawFn, children: st.SearchStrategy[bytes]) -> bytes:
    major = draw(st.sampled_from([4, 5, 6]))
    if major == 6:
        return draw(heads(6, draw(st.sampled_from([0, 1, 18, 24, 1004, 70_000, 2**32])))) + draw(children)
    content = draw(st.lists(children if major == 4 else st.tuples(children, children).map(b"".join), max_size=4))
    return draw(heads(major, len(content))) + b"".join(content)


items = st.recursive(scalars(), containers, max_leaves=12)


@given(st.binary(max_size=4), items, st.binary(max_size=4))
def test_an_item_that_was_put_together_ends_where_its_parts_do(before: bytes, item: bytes, behind: bytes) -> None:
    assert end_of(before + item + behind, len(before)) == len(before) + len(item)


# --- a text ---


@pytest.mark.parametrize("size", SIZES)
def test_a_text_is_written_with_its_size_in_bytes(size: int) -> None:
    for text in ("t" * size, "\u00fc" * (size // 2) + "t" * (size % 2)):
        assert text_string(text, WHERE) == shortest(3, size) + text.encode()


@given(st.text(max_size=300))
def test_a_text_is_written_in_utf_8(text: str) -> None:
    data = text.encode("utf-8")
    assert text_string(text, WHERE) == shortest(3, len(data)) + data


@pytest.mark.parametrize(
    "text",
    ["a\ud800", "\udfffa", SECRET + "\udbff", "\udc00" + SECRET, "\udfff\ud800"],
    ids=["first", "last", "behind", "before", "turned"],
)
def test_half_of_a_surrogate_pair_is_no_text(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        text_string(text, WHERE)
    error = caught.value
    assert error.reason is Reason.MALFORMED_CBOR and error.where == WHERE
    assert error.args == (Reason.MALFORMED_CBOR, WHERE)
    assert error.__cause__ is None and error.__context__ is None


# --- what stands under tag 24 ---


def outcome(data: bytes) -> bytes | Reason:
    try:
        return unwrap(data, WHERE)
    except MalformedError as error:
        assert error.args == (error.reason, WHERE)
        assert error.__cause__ is None and error.__context__ is None
        return error.reason


def spellings(size: int) -> list[tuple[bytes, bytes]]:
    """Return every head of tag 24 with every head of a byte string of that size."""
    return [
        (head(6, 24, of_tag), head(2, size, of_string))
        for of_tag in WIDTHS[1:]
        for of_string in WIDTHS
        if fits(size, of_string)
    ]


@pytest.mark.parametrize("size", SIZES)
def test_a_content_of_every_size_is_taken_out_whole(size: int) -> None:
    content = b"\xa0" + b"c" * (size - 1) if size else b""
    for tag, string in spellings(size):
        data = tag + string + content
        assert outcome(data) == content
        assert outcome(data + b"\x00") is Reason.MALFORMED_TOKEN
        assert outcome(data[:-1]) is Reason.MALFORMED_TOKEN
        assert outcome(b"\x00" + data) is Reason.MALFORMED_TOKEN
        assert outcome(data[1:]) is Reason.MALFORMED_TOKEN
    assert outcome(embedded(content)) == content


@given(st.lists(st.integers(0, 300)))
@example([])
@example([255])
@example([256, 0])
def test_many_are_embedded_as_each_of_them_is(sizes: list[int]) -> None:
    items = [bytes([size & 0xFF]) * size for size in sizes]
    assert embedded_each(items) == [embedded(item) for item in items]


@pytest.mark.parametrize("size", SIZES)
def test_another_tag_or_another_kind_is_refused(size: int) -> None:
    content = b"c" * size
    for of_string in WIDTHS:
        if not fits(size, of_string):
            continue
        string = head(2, size, of_string)
        for number in (0, 2, 23, 25, 18, 255, 24 * 256, 280, 1004, 2**16 + 24, 2**32 + 24, 24 * 2**56):
            for of_tag in WIDTHS:
                if fits(number, of_tag):
                    assert outcome(head(6, number, of_tag) + string + content) is Reason.MALFORMED_TOKEN
        for of_tag in WIDTHS[1:]:
            tag = head(6, 24, of_tag)
            for major in (0, 1, 3, 4, 5, 6, 7):
                assert outcome(tag + head(major, size, of_string) + content) is Reason.MALFORMED_TOKEN
            for major in (0, 1, 2, 3, 4, 5, 7):
                assert outcome(head(major, 24, of_tag) + string + content) is Reason.MALFORMED_TOKEN
        assert outcome(string + content) is Reason.MALFORMED_TOKEN


@given(
    st.sampled_from([18, 23, 24, 24, 24, 24, 25, 1004]),
    st.sampled_from([2, 2, 2, 2, 3, 4]),
    st.sampled_from(SIZES) | st.integers(0, 300),
    st.integers(-1, 1),
    st.data(),
)
def test_the_common_spelling_is_judged_as_every_other(
    number: int, major: int, size: int, off: int, data: st.DataObject
) -> None:
    """Two bytes of length are read apart: what they say must be what all other heads say of the same content."""
    content = b"c" * max(0, size + off)
    sound = number == 24 and major == 2 and len(content) == size
    tag, string = data.draw(heads(6, number)), data.draw(heads(major, size))
    expected = content if sound else Reason.MALFORMED_TOKEN
    assert outcome(tag + string + content) == expected
    if size < 65_536:
        assert outcome(shortest(6, number) + head(major, size, 2) + content) == expected


def test_a_length_is_all_of_its_bytes_and_no_others() -> None:
    # What stands behind a length of two bytes is none of it, and a length is more than its last byte.
    for size in (0, 1, 3, 24, 255, 256, 300):
        for claim in {0, 1, size + 1, size + 5, size + 10, size + 256, size + 512, max(size - 1, 0), 0x300} - {size}:
            data = b"\xd8\x18" + head(2, claim, 2) + bytes([size % 256]) * size
            assert outcome(data) is Reason.MALFORMED_TOKEN, (size, claim)
    assert outcome(b"\xd8\x18\x59\x00\x00\x03\x03\x03") is Reason.MALFORMED_TOKEN


# --- what costs more than its length ---

DEPTH, MEMBERS = 16, 1_024


def walked(data: bytes) -> bool | Reason:
    """As `refuse_costly` below its bound on items, by recursion and one rule at a time."""

    class Unknown(Exception):
        pass

    class Costly(Exception):
        pass

    def at(position: int) -> int:
        if position >= len(data):
            raise Unknown
        return data[position]

    def item(position: int, levels: int, is_key: bool) -> int:
        first = at(position)
        major, info = divmod(first, 32)
        position += 1
        if is_key and 4 <= major <= 6:
            raise Costly(Reason.MALFORMED_CBOR)
        if info >= 28 or (first == 0x58 and position == len(data)):
            raise Unknown
        count = info
        if info >= 24:
            width = 2 ** (info - 24)
            count = int.from_bytes(data[position : position + width], "big")
            position += width
        if major in (2, 3):
            return position + count
        if major not in (4, 5, 6) or (major == 6 and 0x40 <= at(position) < 0x80):
            return item(position, levels, False) if major == 6 else position
        inner = {4: count, 5: 2 * count, 6: 1}[major]
        if levels >= DEPTH and (count or major == 6):
            raise Unknown
        if major == 5 and count > MEMBERS:
            raise Costly(Reason.MALFORMED_CBOR if inner > len(data) - position else Reason.LIMIT_EXCEEDED)
        for number in range(inner):
            position = item(position, levels + 1, major == 5 and number % 2 == 0)
        return position

    try:
        return True if item(0, 0, False) == len(data) else Reason.MALFORMED_CBOR
    except Unknown:
        return False
    except Costly as refused:
        reason: Reason = refused.args[0]
        return reason


def costly(data: bytes) -> bool | Reason:
    try:
        return refuse_costly(data, WHERE)
    except MalformedError as error:
        assert error.args == (error.reason, WHERE)
        return error.reason


@pytest.mark.parametrize("first", range(256))
def test_every_head_is_walked_as_the_slow_way_walks_it(first: int) -> None:
    for around in (
        b"",
        b"\x81",
        b"\x82\x00",
        b"\xa1",
        b"\xa1\x00",
        b"\xa2\x00\x00",
        b"\x81" * 15,
        b"\x81" * 16,
        b"\x81" * 17,
    ):
        for behind in (
            b"",
            *(bytes([second]) * size for second in (0, 1, 0x40, 0x41, 0x58, 0x80, 0x81) for size in range(1, 10)),
        ):
            data = around + bytes([first]) + behind
            if first not in (0x9A, 0x9B, 0xBA, 0xBB) or len(behind) < 4:  # not for each of so many items
                assert costly(data) == walked(data), data.hex()


_LEAVES = [
    b"\x00",
    b"\x18\xff",
    b"\x40",
    b"\x41a",
    b"\x58\x01a",
    b"\x60",
    b"\x61a",
    b"\x80",
    b"\xa0",
    b"\xe0",
    b"\xf6",
    b"\xf9\0\0",
]
_LEVELS = [
    b"\x81",
    b"\x82\x00",
    b"\xa1\x00",
    b"\xa1",
    b"\xc0",
    b"\xc1",
    b"\xd8\x18",
    b"\xd8\x3c",
    b"\x98\x01",
    b"\xd9\x01\x00",
]


@given(
    st.lists(st.sampled_from(_LEVELS), max_size=20), st.sampled_from(_LEAVES), st.sampled_from(_LEAVES) | st.just(b"")
)
def test_what_nests_is_walked_as_the_slow_way_walks_it(levels: list[bytes], leaf: bytes, behind: bytes) -> None:
    data = b"".join(levels) + leaf + behind
    assert costly(data) == walked(data)
    assert costly(data[:-1]) == walked(data[:-1])


@pytest.mark.parametrize("levels", [15, 16, 17])
def test_a_tag_is_a_level_but_around_a_string(levels: int) -> None:
    for tag in (b"\xc0", b"\xc1", b"\xd8\x18", b"\xd9\x01\x00"):
        for leaf in _LEAVES:
            data = b"\x81" * levels + tag + leaf
            assert costly(data) == walked(data), data.hex()


def test_a_map_of_too_many_members_is_cut_short_where_they_have_not_a_byte_each() -> None:
    for count in (MEMBERS, MEMBERS + 1):
        for size in (2 * count - 1, 2 * count, 2 * count + 1):
            data = head(5, count, 2) + bytes(size)
            assert costly(data) == walked(data), (count, size)


def test_a_tag_around_bytes_is_one_item_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ITEMS", 10)
    item = b"\xd8\x3c\x58\x02\x00\x00"
    assert costly(head(4, 9, 0) + 9 * item) is True
    assert costly(head(4, 10, 0) + 10 * item) is Reason.LIMIT_EXCEEDED
    assert costly(head(5, 3, 0) + 3 * (b"\x00" + item)) is True
    assert costly(head(5, 4, 0) + 4 * (b"\x00" + item)) is Reason.LIMIT_EXCEEDED
