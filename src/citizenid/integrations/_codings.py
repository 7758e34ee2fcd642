"""Content codings in both directions: gzip, Zstandard, and Zstandard with the previous list as dictionary (`dcz`).

What comes in is decoded to one bound: neither more output than that nor anything behind the stream. Zstandard needs the
extra `zstd`; without it these codings are neither asked for nor offered. Brotli is neither (specs/decisions/0017).

Spec: RFC 9110 section 8.4; RFC 1952; RFC 8878; RFC 9842 sections 2.2, 2.3 and 5 (dcz); specs/profile-status-list.md
section 9.
"""

from __future__ import annotations

import base64
import gzip as _gzip
import hashlib
import re
from enum import StrEnum
from types import ModuleType
from typing import Any, Final, NamedTuple

from .._errors import MalformedError, Reason
from ..status._list import GZIP, inflate

zstandard: ModuleType | None
try:
    import zstandard
except ImportError:
    zstandard = None

ZSTD_AVAILABLE: Final = zstandard is not None
DCZ_MAGIC: Final = bytes.fromhex("5e2a4d1820000000")  # RFC 9842 section 5: a skippable frame of 32 bytes
DCZ_HEADER_BYTES: Final = len(DCZ_MAGIC) + 32  # the magic number and the SHA-256 of the dictionary
MAX_DICTIONARY_ID_CHARS: Final = 1_024  # RFC 9842 section 2.1.3
_LEVEL: Final = 19  # lower levels find far fewer matches in a dictionary (specs/decisions/0017)
_LEAST_WINDOW_LOG: Final = 10  # RFC 8878 section 3.1.1.1.2
_MOST_WINDOW_LOG: Final = 23  # what every decoder has (RFC 8878 section 3.1.1.1.2); no list that is fetched is larger
_PIECE_BYTES: Final = 1_048_576
# What a frame may make us allocate before it has said anything: RFC 9842 section 5 asks for 1.25 times the dictionary,
# RFC 8878 section 3.1.1.1.2 for 8 MB; the largest list that is fetched has 8 MiB (`Limits.status_list_bytes`).
_MAX_WINDOW_BYTES: Final = 16_777_216
# An sf-string (RFC 9651 section 3.3.3) and the members of Use-As-Dictionary (RFC 9842 section 2.1) that we know.
_SF_STRING: Final = r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"'
_MEMBER: Final = re.compile(rf"\s*(match|id)={_SF_STRING}\s*|\s*(type)=raw\s*|\s*(match-dest)=\(\s*\)\s*")


class Coding(StrEnum):
    """A content coding by its name in the IANA registry."""

    IDENTITY = "identity"
    GZIP = "gzip"
    ZSTD = "zstd"
    DCZ = "dcz"


class Undecodable(StrEnum):
    """Why a body was not decoded."""

    BROKEN = "broken"
    TOO_LARGE = "too_large"
    WRONG_DICTIONARY = "wrong_dictionary"


class Dictionary(NamedTuple):
    """A body that the next one may be compressed against. `id` is the server's, or ""."""

    body: bytes
    id: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the body, 32 bytes."""
        return hashlib.sha256(self.body).digest()


def sf_binary(data: bytes) -> str:
    """Write a byte sequence of a structured field (RFC 9651 section 4.1.8)."""
    return f":{base64.b64encode(data).decode()}:"


def sf_string(text: str) -> str:
    r"""Write a string of a structured field (RFC 9651 section 4.1.6): ASCII, with \ before " and \ alone."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def dictionary_id(header: str | None, path: str) -> str | None:
    """Return the id under which a response may serve as dictionary for the next of the same path, or None.

    Of the URL patterns that RFC 9842 permits we follow literal text and `*`; any other is passed over, and with it the
    dictionary: that costs bytes and nothing else.
    """
    members: dict[str, str] = {}
    position = 0
    while header is not None and position <= len(header):
        part = _MEMBER.match(header, position)
        if part is None or (part.end() < len(header) and header[part.end()] != ","):
            return None
        members[part[1] or part[3] or part[4]] = re.sub(r"\\(.)", r"\1", part[2] or "")
        position = part.end() + 1
    pattern = members.get("match")
    if pattern is None or re.search(r"[^A-Za-z0-9._~/*%@!$&',;=-]", pattern) or not pattern.startswith("/"):
        return None
    if not _matches(pattern.split("*"), path) or len(members.get("id", "")) > MAX_DICTIONARY_ID_CHARS:
        return None
    return members.get("id", "")


def _matches(pieces: list[str], path: str) -> bool:
    """Match literals with anything between them, in linear time: no expression made of a foreign text."""
    if len(pieces) == 1:
        return path == pieces[0]
    first, *middle, last = pieces
    if not path.startswith(first) or not path.endswith(last) or len(path) < len(first) + len(last):
        return False
    rest, position = path[: len(path) - len(last)], len(first)
    for piece in middle:
        found = rest.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return True


# --- encoding ---


def gzip(data: bytes) -> bytes:
    """Encode; the same bytes always give the same bytes."""
    return _gzip.compress(data, 9, mtime=0)


def zstd(data: bytes) -> bytes:
    """Encode as Zstandard, level 19. Needs the extra `zstd`."""
    return bytes(_library().ZstdCompressor(level=_LEVEL).compress(data))


def dcz(data: bytes, dictionary: bytes) -> bytes:
    """Encode against a dictionary of raw content, behind the 40 bytes that name it. Needs the extra `zstd`."""
    library = _library()
    raw = library.ZstdCompressionDict(dictionary, dict_type=library.DICT_TYPE_RAWCONTENT)
    # What differs is a few places of a long text. Looking twice for the longest match finds them in a tenth of the time
    # that optimal parsing takes. The frame states its window and not its size as well; with a window of the size of the
    # data the whole dictionary is within reach up to its end (RFC 8878 section 3.1.1.1.2).
    parameters = library.ZstdCompressionParameters.from_level(
        _LEVEL,
        source_size=len(data),
        dict_size=len(dictionary),
        strategy=library.STRATEGY_LAZY2,
        window_log=min(max(_LEAST_WINDOW_LOG, (len(data) - 1).bit_length()), _MOST_WINDOW_LOG),
        write_content_size=False,
    )
    frame = library.ZstdCompressor(compression_params=parameters, dict_data=raw).compress(data)
    return DCZ_MAGIC + hashlib.sha256(dictionary).digest() + bytes(frame)


# --- decoding ---


def decode(data: bytes, coding: Coding, *, limit_bytes: int, dictionary: bytes | None = None) -> bytes | Undecodable:
    """Decode a body to at most `limit_bytes`; the whole of it must be one complete stream."""
    if coding is Coding.IDENTITY:
        return data if len(data) <= limit_bytes else Undecodable.TOO_LARGE
    if coding is Coding.GZIP:
        return _gunzip(data, limit_bytes)
    if zstandard is None:
        return Undecodable.BROKEN
    if coding is Coding.ZSTD:
        return _unzstd(data, limit_bytes, None)
    if dictionary is None or data[len(DCZ_MAGIC) : DCZ_HEADER_BYTES] != hashlib.sha256(dictionary).digest():
        return Undecodable.WRONG_DICTIONARY
    if data[: len(DCZ_MAGIC)] != DCZ_MAGIC:
        return Undecodable.BROKEN
    raw = _library().ZstdCompressionDict(dictionary, dict_type=_library().DICT_TYPE_RAWCONTENT)
    return _unzstd(data[DCZ_HEADER_BYTES:], limit_bytes, raw)


def _library() -> Any:
    return zstandard


def _gunzip(data: bytes, limit_bytes: int) -> bytes | Undecodable:
    try:
        return inflate(data, GZIP, limit_bytes=limit_bytes, where="fetch")
    except MalformedError as error:
        return Undecodable.TOO_LARGE if error.reason is Reason.INPUT_TOO_LARGE else Undecodable.BROKEN


def _unzstd(data: bytes, limit_bytes: int, dictionary: Any) -> bytes | Undecodable:
    """Decode exactly one frame: once to see how much it is, which keeps nothing, and then whole."""
    library = _library()
    decoder = library.ZstdDecompressor(dict_data=dictionary, max_window_size=_MAX_WINDOW_BYTES)
    try:
        size = 0
        with decoder.stream_reader(data) as reader:
            while piece := reader.read(min(_PIECE_BYTES, limit_bytes - size + 1)):
                size += len(piece)
                if size > limit_bytes:
                    return Undecodable.TOO_LARGE
        frame = decoder.decompressobj()
        decoded = bytes(frame.decompress(data))
    except library.ZstdError:
        return Undecodable.BROKEN
    return decoded if frame.eof and not frame.unused_data else Undecodable.BROKEN
