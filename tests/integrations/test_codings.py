"""Content codings: what is encoded comes back, and nothing else does."""

from __future__ import annotations

import gzip
import hashlib
import random
import subprocess
import sys
import time
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from citizenid.integrations import _codings
from citizenid.integrations._codings import Coding, Undecodable, decode, dictionary_id, sf_string

LIMIT = 100_000
BODIES = st.binary(max_size=3_000) | st.binary(min_size=1, max_size=50).map(lambda piece: piece * 1_500)
OLD = b"the dictionary" * 20


def encode(body: bytes, coding: Coding) -> bytes:
    if coding is Coding.DCZ:
        return _codings.dcz(body, OLD)
    if coding is Coding.IDENTITY:
        return body
    return _codings.gzip(body) if coding is Coding.GZIP else _codings.zstd(body)


def undo(data: bytes, coding: Coding, limit_bytes: int = LIMIT) -> bytes | Undecodable:
    return decode(data, coding, limit_bytes=limit_bytes, dictionary=OLD)


@given(BODIES, st.sampled_from(Coding))
def test_what_is_encoded_comes_back_whole_or_not_at_all(body: bytes, coding: Coding) -> None:
    data = encode(body, coding)
    assert undo(data, coding) == body
    assert undo(data, coding, len(body)) == body
    if body:
        assert undo(data, coding, len(body) - 1) is Undecodable.TOO_LARGE


@given(
    BODIES,
    st.sampled_from([Coding.GZIP, Coding.ZSTD, Coding.DCZ]),
    st.integers(0, 100_000),
    st.binary(min_size=1, max_size=20) | st.none(),
)
def test_a_stream_is_complete_and_the_only_one(body: bytes, coding: Coding, end: int, behind: bytes | None) -> None:
    encoded = encode(body, coding)
    cut = encoded[: end % len(encoded)]
    more = encoded + (encoded if behind is None else behind)
    assert undo(cut, coding) in (Undecodable.BROKEN, Undecodable.WRONG_DICTIONARY)
    assert undo(more, coding) is Undecodable.BROKEN


@given(st.binary(max_size=200), st.sampled_from([Coding.GZIP, Coding.ZSTD, Coding.DCZ]))
def test_any_bytes_are_decoded_or_refused(data: bytes, coding: Coding) -> None:
    assert isinstance(undo(data, coding), bytes | Undecodable)
    head = {Coding.GZIP: b"\x1f\x8b\x08", Coding.ZSTD: b"\x28\xb5\x2f\xfd", Coding.DCZ: encode(b"", Coding.DCZ)[:44]}
    assert isinstance(undo(head[coding] + data, coding), bytes | Undecodable)


@given(BODIES)
def test_others_read_what_we_write(body: bytes) -> None:
    assert gzip.decompress(_codings.gzip(body)) == body
    raw = zstandard.ZstdCompressionDict(OLD, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    encoded = _codings.dcz(body, OLD)
    # RFC 9842 section 5: the magic number of a skippable frame, its length, and the SHA-256 of the dictionary.
    assert encoded[:8].hex() == "5e2a4d1820000000"
    assert encoded[8:40] == hashlib.sha256(OLD).digest()
    reader = zstandard.ZstdDecompressor(dict_data=raw)
    assert reader.decompressobj().decompress(encoded[40:]) == body  # a stream, as HTTP clients read one
    if body:  # 0 would stand for no bound
        assert reader.decompress(encoded[40:], max_output_size=len(body)) == body


@pytest.mark.parametrize("size", [0, 1, 1_023, 1_024, 1_025, 2**17 - 1, 2**17, 2**17 + 1, 2**23 + 1])
def test_a_window_is_as_large_as_the_body_and_no_larger_than_that_needs(size: int) -> None:
    frame = _codings.dcz(random.Random(size).randbytes(size), OLD)[40:]
    parameters = zstandard.get_frame_parameters(frame)
    assert parameters.content_size == zstandard.CONTENTSIZE_UNKNOWN  # it would be stated twice, for bytes that count
    assert parameters.window_size == min(max(1_024, 1 << (size - 1).bit_length()), 2**23)
    assert not parameters.has_checksum and parameters.dict_id == 0


@pytest.mark.parametrize("size", [2**17, 2**17 + 1, 2**20])
def test_the_whole_dictionary_is_within_reach_up_to_the_last_byte(size: int) -> None:
    old = random.Random(size).randbytes(size)
    body = old[size // 2 :] + old[: size // 2]  # its end stands at the beginning of the dictionary, far away
    data = _codings.dcz(body, old)
    assert len(data) < 200
    assert decode(data, Coding.DCZ, limit_bytes=size, dictionary=old) == body


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("dictionary", [None, OLD])
def test_a_bomb_stops_at_the_bound(stated: bool, dictionary: bytes | None) -> None:
    raw = None if dictionary is None else zstandard.ZstdCompressionDict(OLD, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    compress = zstandard.ZstdCompressor(level=3, write_content_size=stated, dict_data=raw)
    frame = compress.compress(bytes(300_000_000))
    coding = Coding.ZSTD if dictionary is None else Coding.DCZ
    data = frame if dictionary is None else _codings.dcz(b"", OLD)[:40] + frame
    began = time.thread_time()
    assert undo(data, coding) is Undecodable.TOO_LARGE
    assert time.thread_time() - began < 0.1


def test_a_frame_may_not_ask_for_more_memory_than_a_list_can_need() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compress = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = compress.compress(b"x" * 100) + compress.flush()
    assert undo(data, Coding.ZSTD) is Undecodable.BROKEN


def test_without_the_extra_no_zstd_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = encode(b"x", Coding.ZSTD)
    monkeypatch.setattr(_codings, "zstandard", None)
    assert undo(encoded, Coding.ZSTD) is Undecodable.BROKEN


def test_it_is_imported_without_the_extra_and_then_offers_no_zstd() -> None:
    program = (
        "import sys\n"
        "sys.modules['zstandard'] = None\n"
        "from citizenid.integrations import _codings as c\n"
        "from citizenid.integrations._exchange import request_headers\n"
        "assert c.ZSTD_AVAILABLE is False\n"
        "assert dict(request_headers([]))['accept-encoding'] == 'gzip'\n"
        "assert c.decode(c.gzip(b'x'), c.Coding.GZIP, limit_bytes=9) == b'x'\n"
        "assert c.decode(b'x', c.Coding.ZSTD, limit_bytes=9) is c.Undecodable.BROKEN\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a*b*c", "/abc", True),
        ("/a*b*c", "/a-b-c", True),
        ("/a*b*c", "/ac", False),
        ("/a*b*c", "/a-c", False),
        ("/a*b*c", "/acb", False),
        ("/a*b*b", "/a-b", False),  # one b is not two
        ("/a*b*b", "/a-bb", True),
        ("/a*bb*c", "/a-b-b-c", False),
        ("/*x*y*", "/yx", False),
        ("/*x*y*", "/xy", True),
    ],
)
def test_what_stands_between_two_stars_comes_in_its_order(pattern: str, path: str, matches: bool) -> None:
    assert (dictionary_id(f'match="{pattern}"', path) is not None) is matches


@pytest.mark.parametrize(
    ("data", "dictionary"), [(_codings.dcz(b"x", OLD), None), (_codings.dcz(b"x", OLD), OLD + b"x"), (b"", OLD)]
)
def test_a_dictionary_that_is_not_the_one_is_refused(data: bytes, dictionary: bytes | None) -> None:
    found = decode(data, Coding.DCZ, limit_bytes=LIMIT, dictionary=dictionary)
    assert found is Undecodable.WRONG_DICTIONARY


# --- Use-As-Dictionary ---


@given(st.from_regex(r"/[a-z0-9/]{0,20}", fullmatch=True), st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_what_a_publisher_writes_a_fetcher_reads(path: str, name: str) -> None:
    assert dictionary_id(f"match={sf_string(path)}, id={sf_string(name)}", path) == name[:1_024]
    assert dictionary_id(f"match={sf_string(path)}", path) == ""
    assert dictionary_id(f"match={sf_string(path + 'x')}", path) is None


@given(st.text(max_size=40), st.text(max_size=10))
def test_any_field_names_a_dictionary_or_none(field: str, path: str) -> None:
    found = dictionary_id(field, path)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ('match="/status/1"', ""),
        ('match="/status/*"', ""),
        ('match="/*/1"', ""),
        ('match="*"', None),
        ('match="/status/1", type=raw, match-dest=()', ""),
        ('match="/status/1",id="a\\"b"', 'a"b'),
        ('match="/status/2"', None),
        ('match="/status/1/*"', None),
        ('match="/*status/1*1"', None),
        ('match="/status/:id"', None),
        ('match="/status/(.*)"', None),
        ('match="https://id.example/status/1"', None),
        ('match="/status/1", type=brotli', None),
        ('match="/status/1", match-dest=("document")', None),
        ('match="/status/1", unknown=1', None),
        ('id="a"', None),
        ('match=/status/1', None),
        ('match="/status/1", id="' + "x" * 1_025 + '"', None),
        ("", None),
        (None, None),
    ],
)  # fmt: skip
def test_a_dictionary_is_named_for_its_own_path(field: Any, named: str | None) -> None:
    assert dictionary_id(field, "/status/1") == named


def test_matching_is_linear_in_the_field() -> None:
    began = time.thread_time()
    assert dictionary_id('match="' + "/*a" * 20_000 + 'b"', "/" + "a" * 2_000) is None
    assert time.thread_time() - began < 1
