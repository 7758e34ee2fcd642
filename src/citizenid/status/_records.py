"""What one store hands to another: the lists it holds, what it wants, and its high-water marks, as plain records.

Marks are what a verifier must not lose: whoever forgets the newest list he has seen takes an older one for new. They
are written as bytes of one form, with a checksum, and read strictly. Nothing here touches a file.

Spec: specs/profile-status-list.md section 8.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._limits import MAX_UNIX_TIME
from .._model import UnixTime
from ._identifiers import IdentifierList
from ._list import StatusList
from ._shares import size_of

MAX_RECORDS: Final = 65_536  # 330 M people are 330 lists of a million; a list of ours has room for 500 million
FORGOTTEN: Final = bytes(16)  # identity of the mark that stands for all marks that were let go of
_MAGIC: Final = b"citizenid marks\x01"  # the last byte is the version
_COUNT: Final = struct.Struct(">16sI")
_MARK: Final = struct.Struct(">16sQ32s")
_CHECKSUM_BYTES: Final = 32
_WHERE: Final = "status-marks"
_NO_ENTRIES: Final = StatusList(1, b"")


class Mark(NamedTuple):
    """The newest list seen, which outlives the list itself: nothing older is ever taken in again."""

    issued_at: UnixTime
    digest: bytes


class Held:
    """A list that is held. A named tuple's fields take ten times as long to read; these are read at each request."""

    __slots__ = (
        "anchor",
        "entries",
        "issued_at",
        "refresh_at",
        "size",
        "statuses",
        "uri",
        "usable_from",
        "usable_until",
    )

    def __init__(
        self,
        uri: str,
        statuses: StatusList | IdentifierList,
        usable_from: int,
        refresh_at: int,
        usable_until: int,
        anchor: bytes,
        issued_at: UnixTime,
    ) -> None:
        self.uri: Final = uri
        self.statuses: Final[Any] = statuses  # of the kind that its identity was made with
        # Nobody finds an identifier list by an index: who tries is out of its range.
        self.entries: Final = statuses if type(statuses) is StatusList else _NO_ENTRIES
        # When it was fetched, less the skew: a clock that shows less now was wrong one of the two times.
        self.usable_from: Final = usable_from
        self.refresh_at: Final = refresh_at
        self.usable_until: Final = usable_until
        self.size: Final = size_of(statuses)
        self.anchor: Final = anchor  # fingerprint of the trust point
        self.issued_at: Final = issued_at

    @property
    def digest(self) -> bytes:
        return self.statuses.digest  # type: ignore[no-any-return]  # of either kind, computed once


class StoredList(NamedTuple):
    """A list that a store holds under one identity."""

    identity: bytes
    uri: str
    statuses: StatusList | IdentifierList
    issued_at: UnixTime
    digest: bytes
    usable_from: int
    refresh_at: int
    usable_until: int
    anchor: bytes  # fingerprint of the trust point

    def __repr__(self) -> str:
        return "<StoredList>"


class StoredStatuses(NamedTuple):
    """All that a store holds at one moment. From `StatusStore.export` and `read_status_file`."""

    lists: tuple[StoredList, ...]
    marks: Mapping[bytes, Mark]
    wanted: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<StoredStatuses of {len(self.lists)} lists>"


def check_mark(held: Mark | None, issued_at: int, digest: bytes, where: str) -> None:
    """Refuse what is older than a mark. Raises STATUS_LIST_ROLLBACK, or STATUS_LIST_CONFLICT for other bits."""
    if held is None or issued_at > held.issued_at:
        return
    if issued_at < held.issued_at:
        raise VerificationError(Reason.STATUS_LIST_ROLLBACK, where)
    if digest != held.digest:
        raise VerificationError(Reason.STATUS_LIST_CONFLICT, where)


def later_marks(ours: Mapping[bytes, Mark], theirs: Mapping[bytes, Mark]) -> dict[bytes, Mark]:
    """Join two sets of marks: of two for one list the later counts. Raises STATUS_LIST_CONFLICT."""
    joined = dict(ours)
    for identity, mark in theirs.items():
        held = joined.get(identity)
        if held is not None and held.issued_at == mark.issued_at and held.digest != mark.digest:
            raise VerificationError(Reason.STATUS_LIST_CONFLICT, _WHERE)
        if held is None or held.issued_at < mark.issued_at:
            joined[identity] = mark
    return joined


def pack_marks(marks: Mapping[bytes, Mark]) -> bytes:
    """Return 56 bytes for each mark, in the order of identities."""
    return b"".join(_MARK.pack(identity, mark.issued_at, mark.digest) for identity, mark in sorted(marks.items()))


def unpack_marks(data: bytes, count: int) -> dict[bytes, Mark] | None:
    """Return exactly `count` marks in strictly ascending order of identities, or None for anything else."""
    if len(data) != count * _MARK.size:
        return None
    records = list(_MARK.iter_unpack(data))
    identities = [identity for identity, _, _ in records]
    if not is_ascending(identities) or any(issued_at > MAX_UNIX_TIME for _, issued_at, _ in records):
        return None
    return {identity: Mark(UnixTime(issued_at), digest) for identity, issued_at, digest in records}


def marks_bytes(count: int) -> int:
    """Return how many bytes so many marks take."""
    return count * _MARK.size


def is_ascending(identities: Iterable[bytes]) -> bool:
    """Whether each is greater than the one before it: sorted, and none twice."""
    return all(one < other for one, other in pairwise(identities))


def write_marks(marks: Mapping[bytes, Mark]) -> bytes:
    """Write marks down. Raises LIMIT_EXCEEDED for more than 65,536."""
    if len(marks) > MAX_RECORDS:
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, _WHERE)
    written = _COUNT.pack(_MAGIC, len(marks)) + pack_marks(marks)
    return written + hashlib.sha256(written).digest()


def read_marks(data: bytes) -> dict[bytes, Mark]:
    """Read what `write_marks` wrote, and nothing else.

    Raises:
        MalformedError: STATUS_MARKS_MALFORMED.
    """
    marks = None
    smallest = _COUNT.size + _CHECKSUM_BYTES
    if type(data) is bytes and smallest <= len(data) <= smallest + MAX_RECORDS * _MARK.size:
        written = data[:-_CHECKSUM_BYTES]
        magic, count = _COUNT.unpack_from(written)
        if magic == _MAGIC and hashlib.sha256(written).digest() == data[-_CHECKSUM_BYTES:]:
            marks = unpack_marks(written[_COUNT.size :], count)
    if marks is None:
        raise MalformedError(Reason.STATUS_MARKS_MALFORMED, _WHERE)
    return marks
