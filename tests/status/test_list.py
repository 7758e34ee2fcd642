"""The bits of a status list: order, widths, meaning, and what is no zlib stream.

The oracles are `slow_pack` and `slow_read` of this folder and the standard library's zlib. Spec: Token Status List
sections 4.1, 7.1, 11.5; RFC 1950.
"""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from builders import misused
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid import CitizenIDError, MalformedError, Reason, Status, VerificationError
from citizenid.status import StatusList

from . import slow_pack, slow_read, zero_bomb

WIDTHS = (1, 2, 4, 8)
MANY = 2**20
lists = st.sampled_from(WIDTHS).flatmap(
    lambda bits: st.tuples(st.just(bits), st.lists(st.integers(0, 2**bits - 1), max_size=70))
)


def meaning(value: int) -> Status:
    """Section 7.1, in its words: 0 valid, 1 invalid, 2 suspended, and the rest is for applications or reserved."""
    return {0: Status.VALID, 1: Status.INVALID, 2: Status.SUSPENDED}.get(value, Status.OTHER)


def inflate(data: bytes, *, bits: int = 1, limit_bytes: int = MANY) -> StatusList:
    return StatusList.decompress(data, bits=bits, limit_bytes=limit_bytes)


def check_clean(error: CitizenIDError) -> None:
    assert error.__cause__ is None and error.__context__ is None


# --- packing ---


@given(lists)
def test_every_width_agrees_with_packing_bit_by_bit(case: tuple[int, list[int]]) -> None:
    bits, values = case
    packed = slow_pack(bits, values)
    statuses = StatusList(bits, packed)
    assert len(statuses) == len(packed) * 8 // bits
    padded = values + [0] * (len(statuses) - len(values))
    assert [statuses.raw(index) for index in range(len(statuses))] == padded
    assert [statuses[index] for index in range(len(statuses))] == [meaning(value) for value in padded]
    assert padded == [slow_read(bits, packed, index) for index in range(len(statuses))]


@given(bits=st.sampled_from(WIDTHS), packed=st.binary(max_size=40))
def test_every_byte_string_is_a_list(bits: int, packed: bytes) -> None:
    statuses = StatusList(bits, packed)
    read = [statuses.raw(index) for index in range(len(statuses))]
    assert read == [slow_read(bits, packed, index) for index in range(len(packed) * 8 // bits)]
    assert slow_pack(bits, read) == packed


@given(case=lists, level=st.integers(0, 9))
def test_what_is_compressed_comes_back(case: tuple[int, list[int]], level: int) -> None:
    bits, values = case
    statuses = StatusList(bits, slow_pack(bits, values))
    compressed = statuses.compress(level)
    assert zlib.decompress(compressed) == slow_pack(bits, values)
    assert inflate(compressed, bits=bits) == statuses


def test_level_nine_is_the_default() -> None:
    packed = bytes(random.Random(1).choices(range(4), k=2_000))
    assert StatusList(8, packed).compress() == zlib.compress(packed, 9) != zlib.compress(packed, 1)


@pytest.mark.parametrize("bits", WIDTHS)
def test_one_revocation_touches_no_neighbour(bits: int) -> None:
    # STA-022: 0, 7 and 8 with one bit, 0 to 3 with two; here every index of two bytes, in every width.
    count = 16 // bits
    for revoked in range(count):
        position = revoked * bits
        packed = bytearray(2)
        packed[position // 8] = 1 << position % 8
        statuses = StatusList(bits, bytes(packed))
        assert [index for index in range(count) if statuses[index] is Status.INVALID] == [revoked]


@pytest.mark.parametrize(
    ("bits", "packed", "values"),
    [
        (1, "b9a3", [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
        (2, "c944f9", [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
        (4, "21", [1, 2]),
        (8, "0102", [1, 2]),
    ],
)
def test_the_least_significant_bit_comes_first(bits: int, packed: str, values: list[int]) -> None:
    statuses = StatusList(bits, bytes.fromhex(packed))
    assert [statuses.raw(index) for index in range(len(statuses))] == values


def test_the_whole_value_is_one_status() -> None:
    # One bug each: a mask of one bit, `value & 1`, `value % 4`, `value >= 2`.
    statuses = StatusList(8, bytes(range(256)))
    assert [statuses[value] for value in range(256)] == [meaning(value) for value in range(256)]
    assert StatusList(2, b"\x03")[0] is Status.OTHER
    assert StatusList(4, b"\x21")[1] is Status.SUSPENDED


def test_only_valid_is_valid() -> None:
    for bits in WIDTHS:
        for value in range(1, 2**bits):
            assert StatusList(bits, slow_pack(bits, [value]))[0] is not Status.VALID


def test_a_status_has_no_truth_value() -> None:
    # VALID is 0: `if status:` would read the wrong way round.
    for status in Status:
        with pytest.raises(TypeError):
            bool(status)


# --- index ---


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("size_bytes", [0, 1, 2, 9])
def test_an_index_outside_is_refused(bits: int, size_bytes: int) -> None:
    statuses = StatusList(bits, bytes(size_bytes))
    size = size_bytes * 8 // bits
    for index in (-1, -2, -size, -size - 1, size, size + 1, 2 * size + 1, 2**31, 2**32, 2**64, 10**30):
        if 0 <= index < size or (index == 0 and size):
            continue
        for ask in (statuses.__getitem__, statuses.raw):
            with pytest.raises(VerificationError) as caught:
                ask(index)
            assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE
            assert caught.value.step == "V9"
            check_clean(caught.value)
    if size:
        assert statuses[size - 1] is Status.VALID and statuses.raw(size - 1) == 0


@pytest.mark.parametrize("index", [True, False, None, 0.0, 1.5, "0", b"0", [0], slice(0, 1)], ids=repr)
def test_what_is_no_index_lies_in_no_list(index: Any) -> None:
    statuses = StatusList(1, b"\x02")
    for ask in (statuses.__getitem__, statuses.raw):
        with pytest.raises(VerificationError) as caught:
            ask(index)
        assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE
        check_clean(caught.value)


@pytest.mark.parametrize("bits", WIDTHS)
def test_iteration_ends_nowhere_else_than_at_the_end(bits: int) -> None:
    # Python would iterate by __getitem__ until an IndexError. Ours is not one, so that there is no silent end.
    with pytest.raises(VerificationError) as caught:
        list(StatusList(bits, b"\x00"))  # type: ignore[call-overload]  # a StatusList is not iterable, which is the point
    assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE


# --- bits ---


@pytest.mark.parametrize("bits", [0, 3, 5, 6, 7, 9, 16, 32, -1, -8, "1", True, False, None, 1.0, 2.0, b"1", [1], {}])
def test_bits_other_than_1_2_4_8_are_refused(bits: Any) -> None:
    makers: tuple[Callable[[], StatusList], ...] = (
        lambda: StatusList(bits, b"\x00"),
        lambda: inflate(zlib.compress(b"\x00"), bits=bits),
    )
    for make in makers:
        with pytest.raises(MalformedError) as caught:
            make()
        assert (caught.value.reason, caught.value.where) == (
            Reason.STATUS_LIST_MALFORMED,
            "status-list.status_list.bits",
        )
        check_clean(caught.value)


# --- zlib ---


def refused(data: bytes, limit_bytes: int = MANY) -> Reason:
    with pytest.raises(MalformedError) as caught:
        inflate(data, limit_bytes=limit_bytes)
    assert (caught.value.where, caught.value.step) == ("status-list.status_list.lst", caught.value.reason.step)
    check_clean(caught.value)
    return caught.value.reason


PLAIN = bytes(random.Random(2).randbytes(300)) + bytes(300)
GOOD = zlib.compress(PLAIN, 9)


def _raw_deflate() -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(PLAIN) + squeeze.flush()


def _never_finished() -> bytes:
    squeeze = zlib.compressobj(9)
    return squeeze.compress(PLAIN) + squeeze.flush(zlib.Z_SYNC_FLUSH)


def _with_dictionary() -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_DEFAULT_STRATEGY, PLAIN[:100])
    return squeeze.compress(PLAIN) + squeeze.flush()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        GOOD + b"\x00",
        GOOD + b"\n",
        GOOD + GOOD,
        GOOD + zlib.compress(b""),
        b"\x00" + GOOD,
        GOOD[:-4],
        GOOD[:-4] + bytes(4),
        GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
        _raw_deflate(),
        _never_finished(),
        _never_finished() + GOOD[-4:],
        _with_dictionary(),
        gzip.compress(PLAIN),
        PLAIN,
        b"\x78\xda\x07",  # a block type that does not exist
        b"\x79\xda" + GOOD[2:],  # a header that fails its own check
    ],
    ids=[
        "empty", "one-byte", "trailing-zero", "trailing-newline", "two-streams", "empty-second-stream", "leading-byte",
        "no-checksum", "zero-checksum", "wrong-checksum", "raw-deflate", "unfinished", "unfinished-with-checksum",
        "dictionary", "gzip", "not-compressed", "reserved-block", "header-check",
    ],
)  # fmt: skip
def test_anything_but_one_whole_zlib_stream_is_refused(data: bytes) -> None:
    assert refused(data) is Reason.STATUS_LIST_MALFORMED


def test_every_truncation_is_refused() -> None:
    assert inflate(GOOD, bits=8) == StatusList(8, PLAIN)
    for length in range(len(GOOD)):
        assert refused(GOOD[:length]) is Reason.STATUS_LIST_MALFORMED


@given(tail=st.binary(min_size=1, max_size=40))
def test_every_tail_is_refused(tail: bytes) -> None:
    assert refused(GOOD + tail) is Reason.STATUS_LIST_MALFORMED


def slow_inflate(data: bytes) -> bytes | None:
    """One whole zlib stream and nothing else, without a bound."""
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(data) + machine.flush()
    except zlib.error:
        return None
    return plain if machine.eof and not machine.unused_data else None


@given(st.binary(max_size=60) | st.binary(max_size=60).map(zlib.compress))
@example(b"x\xda\x03\x00\x00\x00\x00\x01")
def test_any_bytes_are_a_list_or_malformed(data: bytes) -> None:
    plain = slow_inflate(data)
    if plain is None:
        assert refused(data) is Reason.STATUS_LIST_MALFORMED
    else:
        assert inflate(data, bits=8) == StatusList(8, plain)


@given(position=st.integers(0, len(GOOD) - 1), flip=st.integers(1, 255))
def test_a_changed_byte_never_changes_the_list(position: int, flip: int) -> None:
    changed = bytearray(GOOD)
    changed[position] ^= flip
    plain = slow_inflate(bytes(changed))
    assert plain in (None, PLAIN)  # another compression level in the header is the same list
    if plain is None:
        assert refused(bytes(changed)) is Reason.STATUS_LIST_MALFORMED


@pytest.mark.parametrize("window_bits", range(9, 16))
@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED])
def test_every_way_to_make_a_zlib_stream_is_read(window_bits: int, strategy: int) -> None:
    squeeze = zlib.compressobj(6, zlib.DEFLATED, window_bits, 8, strategy)
    parts = [squeeze.compress(PLAIN[:70]), squeeze.flush(zlib.Z_FULL_FLUSH), squeeze.compress(PLAIN[70:])]
    assert inflate(b"".join(parts) + squeeze.flush(), bits=4) == StatusList(4, PLAIN)


# --- bounds ---


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 4_096])
@pytest.mark.parametrize("level", [0, 9])
def test_the_bound_is_exact(size: int, level: int) -> None:
    data = zlib.compress(bytes(size), level)
    assert len(inflate(data, bits=8, limit_bytes=size)) == size
    assert len(inflate(data, bits=8, limit_bytes=size + 1)) == size
    assert refused(data, size - 1) is Reason.INPUT_TOO_LARGE


def test_too_large_is_said_even_of_a_stream_that_is_broken_further_on() -> None:
    # Nobody reads on to see how a bomb ends.
    assert refused(zlib.compress(bytes(9_000))[:-4], 4_096) is Reason.INPUT_TOO_LARGE
    assert refused(zlib.compress(bytes(9_000)) + b"\x00", 4_096) is Reason.INPUT_TOO_LARGE


def test_the_bomb_is_what_it_says() -> None:
    for mebibytes in (1, 2, 5):
        assert zlib.decompress(zero_bomb(mebibytes)) == bytes(mebibytes * 2**20)
    assert len(zero_bomb(1_024)) < 2**21


@pytest.mark.parametrize("limit_bytes", [2**16, 2**20, 2**24])
def test_a_gigabyte_of_zeros_costs_no_more_than_twice_the_bound(limit_bytes: int) -> None:
    # STA-024. zlib hands its output over in blocks that are joined at the end: hence twice.
    bomb = zero_bomb(1_024)
    tracemalloc.start()
    try:
        reason = refused(bomb, limit_bytes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reason is Reason.INPUT_TOO_LARGE
    # What is left of the input is copied once, into unconsumed_tail.
    assert peak <= 2 * limit_bytes + len(bomb) + 65_536


@pytest.mark.parametrize("size", [2**22, 2**22 + 1, 2**23 + 77])
def test_a_list_that_is_inflated_in_pieces_is_whole(size: int) -> None:
    packed = bytes(number % 251 for number in range(1_000)) * (size // 1_000 + 1)
    statuses = inflate(zlib.compress(packed[:size], 1), bits=8, limit_bytes=size)
    assert statuses.packed == packed[:size]


@pytest.mark.parametrize("limit_bytes", [0, 1, 999, 2**22 - 1, 2**22, 2**22 + 1, 2**23 + 5])
def test_nobody_inflates_more_than_a_byte_beyond_the_bound(limit_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = zlib.decompressobj

    class Counting:
        def __init__(self, container: int) -> None:
            self._stream = original(container)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

        def decompress(self, data: bytes, most: int) -> bytes:
            piece: bytes = self._stream.decompress(data, most)
            made.append(len(piece))
            return piece

    bomb = zero_bomb(16)
    monkeypatch.setattr(zlib, "decompressobj", Counting)
    assert refused(bomb, limit_bytes) is Reason.INPUT_TOO_LARGE
    assert sum(made) == limit_bytes + 1


def test_lists_that_differ_have_other_hashes() -> None:
    lists = [StatusList(bits, bytes([number])) for bits in (1, 2) for number in range(4)]
    assert len(set(map(hash, lists))) == len({*lists, *lists}) == 8


def test_a_short_stream_does_not_have_the_entries_somebody_claims() -> None:
    # STA-027: the size of a list is what its bytes hold, and nothing else says it.
    statuses = inflate(zlib.compress(b"\x00"), bits=1)
    assert len(statuses) == 8
    with pytest.raises(VerificationError) as caught:
        statuses[2**31]
    assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE


def test_an_empty_list_has_no_index() -> None:
    statuses = inflate(zlib.compress(b""), bits=8)
    assert len(statuses) == 0
    with pytest.raises(VerificationError) as caught:
        statuses[0]
    assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE


@pytest.mark.parametrize("limit_bytes", [-1, -2, True, 1.0, None, "64"], ids=repr)
def test_a_bound_that_is_none_inflates_nothing(limit_bytes: Any) -> None:
    # To zlib 0 is no bound at all: one of -1, and the one byte more that is asked for, would have lit a bomb.
    bomb = zero_bomb(64)
    tracemalloc.start()
    try:
        error = misused(Reason.CONFIGURATION_INVALID, lambda: inflate(bomb, limit_bytes=limit_bytes))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.where == "status-list.limit_bytes"
    assert peak < 2**20


@pytest.mark.parametrize("level", [-1, 10, True, 9.0, None, "9"], ids=repr)
def test_a_level_that_is_none_compresses_nothing(level: Any) -> None:
    error = misused(Reason.CONFIGURATION_INVALID, lambda: StatusList(1, b"\x02").compress(level))
    assert error.where == "status-list.level"


# --- a value ---


def test_a_list_is_a_value() -> None:
    packed: Any = bytearray(b"\x01\x02")
    statuses = StatusList(1, packed)
    packed[0] = 0
    assert statuses[0] is Status.INVALID
    assert statuses == StatusList(1, b"\x01\x02") and hash(statuses) == hash(StatusList(1, b"\x01\x02"))
    assert statuses != StatusList(2, b"\x01\x02")  # the same bytes say something else
    assert statuses != StatusList(1, b"\x01\x02\x00")
    assert statuses != b"\x01\x02"
    with pytest.raises(AttributeError):
        statuses.extra = 1  # type: ignore[attr-defined]  # that there is no such attribute is what is tested


def test_its_repr_says_nothing_of_anybody() -> None:
    assert repr(StatusList(2, b"\xff\x00")) == "<StatusList of 8, 2 bits each>"
