"""How the file of all status lists is laid out: bytes to a directory and back. This file touches no file.

    header     96 bytes: magic, version, counts, sizes, and the epoch: SHA-256 over what stands before it and the
               directory
    directory  a record for each list, the high-water marks, the URIs that are wanted
    lists      packed bits, each on a multiple of 64 bytes, from the next multiple of 4,096 on

The directory holds the digest of every list, so that the epoch changes with any of them: it is a digest of all content,
and no counter. All integers are unsigned and big-endian.

Spec: specs/profile-status-list.md section 8 (byte by byte).
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final, NamedTuple

from .. import _registry as reg
from .._errors import CitizenIDError, MalformedError, Reason
from .._limits import MAX_UNIX_TIME
from .._model import UnixTime
from ._identifiers import TAG_BYTES, IdentifierList
from ._records import MAX_RECORDS, Mark, StoredStatuses, is_ascending, marks_bytes, pack_marks, unpack_marks

HEADER_BYTES: Final = 96
MAX_DIRECTORY_BYTES: Final = 201_326_592  # 65,536 lists with URIs of 2,048 bytes, their marks, and what is wanted
MAX_FILE_BYTES: Final = 2**36  # 64 GiB: two bits for each index that 10^10 people times 25 credentials would take
MAX_WANTED: Final = 4_096  # as many as a store wants
_MAGIC: Final = b"citizenid status"
_VERSION: Final = 1
_HEAD: Final = struct.Struct(">16sIIIIQQQ8x")  # magic, version, lists, marks, wanted, file, directory, first list
_LIST: Final = struct.Struct(">16sQQQQQQ32s32sHBx")
# In place of the bits of a status list. The tags of an identifier list are searched for as the machine's own integers:
# a file that came from a machine of the other byte order is refused.
TAGS: Final = 16 if struct.pack("=H", 1)[0] else 32
_LENGTH: Final = struct.Struct(">H")
_LIST_ALIGNMENT: Final = 64  # a line of a processor's cache
_PAGE: Final = 4_096
_SIGNED_64: Final = 2**63  # times that a store computed may lie beyond MAX_UNIX_TIME; they fit a file anyway
_WHERE: Final = "status-file"


class Entry(NamedTuple):
    """A list in the directory: where its bits lie and how long they count."""

    identity: bytes
    uri: str
    offset: int
    size_bytes: int
    bits: int  # of each entry of a status list; TAGS for an identifier list
    issued_at: UnixTime
    digest: bytes
    usable_from: int
    refresh_at: int
    usable_until: int
    anchor: bytes


class Head(NamedTuple):
    """The header, whose sizes are known to fit the file."""

    lists: int
    marks: int
    wanted: int
    directory_bytes: int
    first_list: int
    file_bytes: int


class Directory(NamedTuple):
    """All but the bits."""

    epoch: bytes
    entries: tuple[Entry, ...]
    marks: dict[bytes, Mark]
    wanted: tuple[str, ...]


class Laid(NamedTuple):
    """A file to be written: header and directory, padded, and each list with its offset, in ascending order."""

    front: bytes
    epoch: bytes
    lists: tuple[tuple[int, bytes], ...]


def _aligned(offset: int, to: int) -> int:
    return -(-offset // to) * to


def lay_out(stored: StoredStatuses) -> Laid:
    """Lay the lists of a store out. Raises LIMIT_EXCEEDED for more than a reader takes."""
    lists = sorted(stored.lists, key=lambda each: each.identity)
    uris = [each.uri.encode("utf-8", "surrogatepass") for each in lists]
    wanted = [uri.encode("utf-8", "surrogatepass") for uri in stored.wanted[:MAX_WANTED]]
    texts_bytes = sum(map(len, uris)) + sum(map(len, wanted)) + len(wanted) * _LENGTH.size
    directory_bytes = len(lists) * _LIST.size + marks_bytes(len(stored.marks)) + texts_bytes
    first_list = end = _aligned(HEADER_BYTES + directory_bytes, _PAGE)
    records: list[bytes] = []
    offsets: dict[bytes, int] = {}  # a list that is held under two identities lies there once
    placed: list[tuple[int, bytes]] = []
    for each, uri in zip(lists, uris, strict=True):
        packed = each.statuses.packed
        bits = TAGS if type(each.statuses) is IdentifierList else each.statuses.bits
        offset = offsets.get(each.digest)
        if offset is None:
            offset = offsets[each.digest] = _aligned(end, _LIST_ALIGNMENT)
            placed.append((offset, packed))
            end = offset + len(packed)
        times = (each.issued_at, each.usable_from, each.refresh_at, each.usable_until)
        if len(uri) > 0xFFFF or max(times) >= _SIGNED_64:
            raise CitizenIDError(Reason.LIMIT_EXCEEDED, _WHERE)
        size = len(packed) // TAG_BYTES if bits == TAGS else len(packed) * 8 // bits
        records.append(_LIST.pack(each.identity, offset, size, *times, each.anchor, each.digest, len(uri), bits) + uri)
    if max(len(lists), len(stored.marks)) > MAX_RECORDS or any(len(uri) > 0xFFFF for uri in wanted):
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, _WHERE)
    if directory_bytes > MAX_DIRECTORY_BYTES or end > MAX_FILE_BYTES:
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, _WHERE)
    records.append(pack_marks(stored.marks))
    records.extend(_LENGTH.pack(len(uri)) + uri for uri in wanted)
    counts = (len(lists), len(stored.marks), len(wanted))
    head = _HEAD.pack(_MAGIC, _VERSION, *counts, end, directory_bytes, first_list)
    directory = b"".join(records)
    epoch = hashlib.sha256(head + directory).digest()
    return Laid((head + epoch + directory).ljust(first_list, b"\0"), epoch, tuple(placed))


def read_head(header: bytes, file_bytes: int) -> Head:
    """Read the first 96 bytes of a file of so many bytes.

    Raises:
        MalformedError: STATUS_FILE_MALFORMED, VERSION_UNSUPPORTED.
    """
    if len(header) != HEADER_BYTES or not header.startswith(_MAGIC):
        raise MalformedError(Reason.STATUS_FILE_MALFORMED, _WHERE)
    _, version, lists, marks, wanted, stated_bytes, directory_bytes, first_list = _HEAD.unpack_from(header)
    if version != _VERSION:
        raise MalformedError(Reason.VERSION_UNSUPPORTED, _WHERE)
    if stated_bytes != file_bytes or not first_list <= file_bytes <= MAX_FILE_BYTES:
        raise MalformedError(Reason.STATUS_FILE_MALFORMED, _WHERE)
    if first_list != _aligned(HEADER_BYTES + directory_bytes, _PAGE) or directory_bytes > MAX_DIRECTORY_BYTES:
        raise MalformedError(Reason.STATUS_FILE_MALFORMED, _WHERE)
    if max(lists, marks) > MAX_RECORDS or wanted > MAX_WANTED:
        raise MalformedError(Reason.STATUS_FILE_MALFORMED, _WHERE)
    return Head(lists, marks, wanted, directory_bytes, first_list, file_bytes)


def read_directory(header: bytes, head: Head, directory: bytes) -> Directory:
    """Read the directory, whose every byte the epoch covers.

    Raises:
        MalformedError: STATUS_FILE_MALFORMED.
    """
    epoch = header[_HEAD.size :]
    read = None
    if len(directory) == head.directory_bytes and hashlib.sha256(header[: _HEAD.size] + directory).digest() == epoch:
        read = _read(epoch, head, directory)
    if read is None:
        raise MalformedError(Reason.STATUS_FILE_MALFORMED, _WHERE)
    return read


def _read(epoch: bytes, head: Head, directory: bytes) -> Directory | None:
    # Whoever can compute SHA-256 can write anything here: a foreign file with a right checksum is read as strictly.
    position = 0
    entries: list[Entry] = []
    for _ in range(head.lists):
        entry = _read_entry(directory, position, head)
        if entry is None:
            return None
        entries.append(entry[0])
        position = entry[1]
    end = position + marks_bytes(head.marks)
    marks = unpack_marks(directory[position:end], head.marks)
    wanted: list[str] = []
    for _ in range(head.wanted):
        if end + _LENGTH.size > len(directory):
            return None
        uri, end = _read_text(directory, end + _LENGTH.size, _LENGTH.unpack_from(directory, end)[0])
        if uri is None:
            return None
        wanted.append(uri)
    if marks is None or end != len(directory) or not is_ascending(entry.identity for entry in entries):
        return None
    return Directory(epoch, tuple(entries), marks, tuple(wanted))


def _read_entry(directory: bytes, position: int, head: Head) -> tuple[Entry, int] | None:
    if position + _LIST.size > len(directory):
        return None
    record = _LIST.unpack_from(directory, position)
    identity, offset, size, issued_at, usable_from, refresh_at, usable_until, anchor, digest, uri_bytes, bits = record
    uri, end = _read_text(directory, position + _LIST.size, uri_bytes)
    entry_bits = TAG_BYTES * 8 if bits == TAGS else bits
    if uri is None or bits not in (*reg.STATUS_BITS, TAGS) or size * entry_bits % 8 or offset % _LIST_ALIGNMENT:
        return None
    size_bytes = size * entry_bits // 8
    if not head.first_list <= offset <= offset + size_bytes <= head.file_bytes:
        return None
    if issued_at > MAX_UNIX_TIME or max(usable_from, refresh_at, usable_until) >= _SIGNED_64:
        return None
    issued, times = UnixTime(issued_at), (usable_from, refresh_at, usable_until)
    return Entry(identity, uri, offset, size_bytes, bits, issued, digest, *times, anchor), end


def _read_text(directory: bytes, position: int, length: int) -> tuple[str | None, int]:
    end = position + length
    text = None
    try:
        text = directory[position:end].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        pass  # refused by the caller
    return text if length and end <= len(directory) else None, end
