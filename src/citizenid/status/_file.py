"""All status lists in one memory-mapped file, which one process writes and every worker of a machine reads.

The file is trusted configuration: whoever fetches verified each list before writing it, and whoever may write the file
decides what is revoked. Its readers still take nothing on faith that could break them: a torn, cut or foreign file is
refused with a Reason, and what was mapped before stays in force as long as its lists are usable.

A lookup reads one byte of the map and no clock, and never looks whether the file is a new one: that is `refresh`, or
`keep_fresh`, which a door calls with the monotonic time that it has read for its decision anyway. So a verdict depends
on what is mapped and on `now`, and on nothing that happens meanwhile (DESIGN law 3).

The file is replaced, by a rename, and never changed in place. What is cut in place is gone under the feet of everybody
who has mapped it (SIGBUS); no reader can defend itself against that.

Spec: specs/profile-status-list.md section 8; specs/decisions/0016.
"""

from __future__ import annotations

import mmap
import threading
from os import PathLike, fspath, fstat, stat, stat_result
from stat import S_ISREG
from typing import Final, NamedTuple, NoReturn, final

from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._model import NeedStatusList, Status, StatusReference, UnixTime, check_now
from ..trust import TrustAnchors
from ._file_layout import HEADER_BYTES, MAX_WANTED, TAGS, Directory, Entry, read_directory, read_head
from ._identifiers import IdentifierList, tag_of
from ._identity import PREFIX_BYTES, is_identity_of, prefixes_of, status_identity, tag_in_place
from ._list import StatusList, meanings_of
from ._protocol import check_trust
from ._records import FORGOTTEN, MAX_RECORDS, Mark, StoredList, StoredStatuses, check_mark

_LOOK_EVERY_S: Final = 1.0
_NEVER: Final = float("-inf")
_WHERE: Final = "status-file"


class _Mapped:
    """A list in the map. A named tuple's fields take ten times as long to read; these are read at each request."""

    __slots__ = (
        "anchor",
        "bits",
        "identifiers",
        "identity",
        "issued_at",
        "low",
        "meanings",
        "packed",
        "refresh_at",
        "shift",
        "uri",
        "usable_from",
        "usable_until",
    )

    def __init__(self, entry: Entry, view: memoryview) -> None:
        self.identity: Final = entry.identity
        self.uri: Final = entry.uri
        self.anchor: Final = entry.anchor
        self.bits: Final = None if entry.bits == TAGS else entry.bits
        self.issued_at: Final = entry.issued_at
        self.usable_from: Final = entry.usable_from
        self.refresh_at: Final = entry.refresh_at
        self.usable_until: Final = entry.usable_until
        packed = view[entry.offset : entry.offset + entry.size_bytes]  # it keeps the map alive
        listed = entry.bits == TAGS
        self.identifiers: Final = IdentifierList.unpack(packed) if listed else None
        # Nobody finds an identifier list by an index: who tries is out of its range.
        self.packed: Final = packed[:0] if listed else packed
        bits = 1 if listed else entry.bits
        self.meanings: Final = meanings_of(bits)
        self.shift: Final = (8 // bits).bit_length() - 1  # index to byte: 8, 4, 2, 1 entries in each are 3, 2, 1, 0
        self.low: Final = 8 // bits - 1  # index to the entry in its byte


class _Opened(NamedTuple):
    """A file that was read and mapped."""

    seen: tuple[int, int, int, int]
    directory: Directory
    view: memoryview


@final
class StatusFile:
    """The status lists of a machine, in a file that another process writes. Safe for threads: lookups never wait.

    It answers as the `StatusStore` that was written to the file, until `refresh` or `keep_fresh` finds another file at
    the path. A `Gateway` calls `keep_fresh` itself; who verifies by `citizenid.verifier` alone calls `refresh`.

    Args:
        path: of the file, which `write_status_file` wrote.
        anchors: keys of purpose STATUS_LIST. A list whose signer is not among them does not count.

    Raises:
        CitizenIDError: as `refresh`: a worker does not start on a file that it cannot use; CONFIGURATION_INVALID for
            an argument that is not of its type.
    """

    def __init__(self, path: str | PathLike[str], *, anchors: TrustAnchors) -> None:
        check_trust(anchors)
        self._path: Final = checked_path(path, "status-file.path")
        self._anchors = anchors
        self._lock = threading.Lock()
        self._held: dict[bytes, _Mapped] = {}
        self._prefixes: dict[bytes, bytes] = {}  # of identifier lists, to their identities; empty for two that are held
        self._mapped: tuple[_Mapped, ...] = ()
        self._marks: dict[bytes, Mark] = {}
        self._wanted: dict[str, None] = {}
        self._seen: tuple[int, int, int, int] | None = None
        self._epoch = b""
        self._refusal: Reason | None = None
        self._look_at = _NEVER
        self.refresh()

    @property
    def epoch(self) -> bytes:
        """32 bytes that two files share only when they say the same."""
        return self._epoch

    @property
    def refusal(self) -> Reason | None:
        """Why the file that lies at the path now is refused, or None: to be watched by the operator."""
        return self._refusal

    def refresh(self) -> bool:
        """Look at the path now, and map the file there if it is another one.

        Returns:
            Whether another file counts from now on.

        Raises:
            CitizenIDError: STATUS_FILE_UNREADABLE when there is no such file, or none that may be read.
            MalformedError: STATUS_FILE_MALFORMED, VERSION_UNSUPPORTED.
            VerificationError: STATUS_LIST_ROLLBACK when a list or a mark in it is older than one seen in an earlier
                file, STATUS_LIST_CONFLICT for other bits under the same `iat`. Whatever is refused changes nothing.
        """
        with self._lock:
            return self._refresh()

    def keep_fresh(self, monotonic: float) -> None:
        """Do what `refresh` does, at most once a second, and refuse in silence: `refusal` says why.

        Args:
            monotonic: seconds of a clock that never goes back, as the caller has read it. One that was far ahead once
                keeps nobody from looking afterwards.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for what is no number.
        """
        looked, again_at = None, _NEVER
        try:
            # Others have read the clock a little earlier and come a little later.
            looked = self._look_at - 2 * _LOOK_EVERY_S <= monotonic < self._look_at
            again_at = monotonic + _LOOK_EVERY_S
        except (TypeError, OverflowError):
            looked = None
        if looked is None:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _WHERE + ".monotonic")
        if looked or not self._lock.acquire(blocking=False):
            return  # looked at a moment ago, or somebody else is looking
        try:
            self._look_at = again_at
            self._refresh()
        except CitizenIDError:
            pass  # kept as `refusal`; what is mapped stays in force
        finally:
            self._lock.release()

    def _refresh(self) -> bool:
        try:
            found = _found(self._path)
            # A mapped file keeps its inode: no other one can have the same number as long as it counts.
            is_another = found is None or _identity(found) != self._seen
            if is_another:
                opened = _open(self._path, found)
                marks = _joined_marks(self._marks, opened.directory)
                self._take(opened, marks)
            self._refusal = None
        except CitizenIDError as error:
            self._refusal = error.reason
            raise
        return is_another

    def _take(self, opened: _Opened, marks: dict[bytes, Mark]) -> None:
        directory, view = opened.directory, opened.view
        mapped = tuple(_Mapped(entry, view) for entry in directory.entries)
        held = self._trusted(mapped)
        uris = {each.uri for each in held.values()}
        wanted = [uri for uri in self._wanted if uri not in uris]
        self._wanted = dict.fromkeys([*directory.wanted, *wanted][:MAX_WANTED])
        self._marks, self._mapped, self._seen, self._epoch = marks, mapped, opened.seen, directory.epoch
        self._hold(held)

    def _trusted(self, mapped: tuple[_Mapped, ...]) -> dict[bytes, _Mapped]:
        return {
            each.identity: each
            for each in mapped
            if is_identity_of(each.identity, each.uri, self._anchors.find(each.anchor[:16]), each.bits)
        }

    def _hold(self, held: dict[bytes, _Mapped]) -> None:
        # Each in one step: a lookup sees the old lists or the new ones.
        self._prefixes = prefixes_of(held)
        self._held = held

    def reload(self, *, anchors: TrustAnchors) -> None:
        """Trust other signers from now on, as `StatusStore.reload` does: the same Reason."""
        check_trust(anchors)
        with self._lock:
            self._anchors = anchors
            before = self._held
            self._hold(self._trusted(self._mapped))
            gone = [each.uri for identity, each in before.items() if identity not in self._held]
            self._wanted.update(dict.fromkeys(gone[:MAX_WANTED]))

    def check(
        self, reference: StatusReference, *, issuer: str, now: UnixTime | int, any_certificate: bool = False
    ) -> Status | NeedStatusList:
        """Return the status of a credential, as `StatusStore.check` does: the same arguments, results and Reasons."""
        now = check_now(now)
        if type(reference) is not StatusReference or type(issuer) is not str:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status")
        certificate = None if any_certificate else reference.certificate
        identity = status_identity(reference.uri, issuer, certificate, reference.kind, reference.purpose)
        if reference.identifier is None:
            status = self.check_identity(identity, reference.index, now)
        else:
            status = _status_of_tag(self._held.get(identity), tag_of(reference.identifier), now)
        if status is not None and type(status) is not NeedStatusList:
            return status
        with self._lock:
            if len(self._wanted) < MAX_WANTED:
                self._wanted[reference.uri] = None
        return NeedStatusList(reference.uri, certificate=certificate) if status is None else status

    def check_identity(self, identity: bytes, index: int, now: UnixTime) -> Status | NeedStatusList | None:
        """As `check`, by what `place_of` gave; None when no such list is held (its URI is not known here then)."""
        held: _Mapped | None = None
        try:
            held = self._held[identity]
            if index >= 0 and held.usable_from <= now < held.usable_until:
                return held.meanings[held.packed[index >> held.shift]][index & held.low]
        except LookupError:
            pass  # no such list, or one that ends before this index
        if held is None:
            held = self._held.get(self._prefixes.get(identity[:PREFIX_BYTES], b""))
            return _status_of_tag(held, tag_in_place(identity, index), now)
        if not held.usable_from <= now < held.usable_until:
            return NeedStatusList(held.uri, Reason.STATUS_LIST_STALE)
        raise VerificationError(Reason.STATUS_INDEX_OUT_OF_RANGE, "status.status_list.idx")

    def issued_at(self, identity: bytes) -> UnixTime | None:
        """Return the iat of the list that `place_of` named, or None when it is not held."""
        held = self._held.get(identity) or self._held.get(self._prefixes.get(identity[:PREFIX_BYTES], b""))
        return None if held is None else held.issued_at

    def ages(self, now: int) -> tuple[int, ...]:
        """Return how long ago each list that is held and usable was issued, seconds; for metrics."""
        now = check_now(now)
        with self._lock:
            usable = [held for held in self._held.values() if held.usable_from <= now < held.usable_until]
        return tuple(now - held.issued_at for held in usable)

    @property
    def uris(self) -> tuple[str, ...]:
        """The lists that are held or wanted."""
        with self._lock:
            return tuple(dict.fromkeys([*self._wanted, *(held.uri for held in self._held.values())]))

    def due(self, now: UnixTime | int) -> tuple[str, ...]:
        """Return the URIs that whoever writes the file should have fetched by now; see `StatusStore.due`."""
        now = check_now(now)
        with self._lock:
            aged = [held.uri for held in self._held.values() if not held.usable_from <= now < held.refresh_at]
            return tuple(dict.fromkeys([*self._wanted, *aged]))

    def __repr__(self) -> str:
        return f"<StatusFile of {len(self._held)} lists>"

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("StatusFile is final")


def _status_of_tag(held: _Mapped | None, tag: bytes, now: UnixTime) -> Status | NeedStatusList | None:
    if held is None or held.identifiers is None:
        return None
    if not held.usable_from <= now < held.usable_until:
        return NeedStatusList(held.uri, Reason.STATUS_LIST_STALE)
    return held.identifiers.status_of_tag(tag)


def read_status_file(path: str | PathLike[str]) -> StoredStatuses:
    """Read a whole file into memory, for the fetcher that starts anew: `StatusStore(anchors=..., stored=...)`.

    Unlike a worker it compares every list with its digest.

    Raises:
        CitizenIDError: STATUS_FILE_UNREADABLE; CONFIGURATION_INVALID for what is no path.
        MalformedError: STATUS_FILE_MALFORMED, VERSION_UNSUPPORTED.
    """
    name = checked_path(path, "status-file.path")
    opened = _open(name, _found(name))
    lists = []
    for entry in opened.directory.entries:
        packed = bytes(opened.view[entry.offset : entry.offset + entry.size_bytes])
        statuses = IdentifierList.unpack(packed) if entry.bits == TAGS else StatusList(entry.bits, packed)
        if statuses.digest != entry.digest:
            raise MalformedError(Reason.STATUS_FILE_MALFORMED, _WHERE)
        times = (entry.issued_at, entry.digest, entry.usable_from, entry.refresh_at, entry.usable_until)
        lists.append(StoredList(entry.identity, entry.uri, statuses, *times, entry.anchor))
    return StoredStatuses(tuple(lists), opened.directory.marks, opened.directory.wanted)


def checked_path(path: object, where: str) -> str:
    """Return a path as text. Raises CONFIGURATION_INVALID for what is none: a number would be an open descriptor."""
    name = fspath(path) if isinstance(path, str | PathLike) else None
    if not isinstance(name, str):  # a path of bytes is one too
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)
    return name


def _found(path: str) -> stat_result | None:
    """Return what lies at a path, or None when nothing does that can be looked at."""
    try:
        return stat(path)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None


def _open(path: str, found: stat_result | None) -> _Opened:
    """Open and map what was found at a path. Raises STATUS_FILE_UNREADABLE, and as `refresh` for its content."""
    opened = None
    try:
        if found is not None and S_ISREG(found.st_mode):  # to open a pipe would wait for whoever writes to it
            with open(path, "rb", buffering=0) as file:
                found = fstat(file.fileno())
                header = file.read(HEADER_BYTES)
                head = read_head(header, found.st_size)
                directory = read_directory(header, head, file.read(head.directory_bytes))
                whole = mmap.mmap(file.fileno(), head.file_bytes, access=mmap.ACCESS_READ)
                opened = _Opened(_identity(found), directory, memoryview(whole))
    except (OSError, ValueError):  # or a file that was cut between two looks at its length
        pass
    if opened is None:
        raise CitizenIDError(Reason.STATUS_FILE_UNREADABLE, _WHERE)
    return opened


def _identity(found: stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _joined_marks(held: dict[bytes, Mark], directory: Directory) -> dict[bytes, Mark]:
    """Compare a file with everything seen in earlier ones, and return the later marks of both.

    Marks that the writer has let go of are let go of here too: a file that is put back has an older `FORGOTTEN`.
    """
    joined = dict(held)
    for identity, mark in directory.marks.items():
        check_mark(joined.get(identity), mark.issued_at, mark.digest, _WHERE)
        joined[identity] = mark
    for entry in directory.entries:
        check_mark(joined.get(entry.identity), entry.issued_at, entry.digest, _WHERE)
        joined[entry.identity] = Mark(entry.issued_at, entry.digest)
    floor = directory.marks.get(FORGOTTEN)
    if floor is not None:
        known = directory.marks.keys() | {entry.identity for entry in directory.entries}
        joined = {key: mark for key, mark in joined.items() if key in known or mark.issued_at > floor.issued_at}
    if len(joined) > 3 * MAX_RECORDS:  # a list may be held under two identities, and marks outlive lists
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, _WHERE)
    return joined
