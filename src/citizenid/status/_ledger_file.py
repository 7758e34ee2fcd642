"""A publisher's ledger as a SQLite file: several processes at once, and what was answered outlives a crash.

Its rule: an answer is given after COMMIT has returned, and COMMIT returns after the log is synced. What is taken is a
bitmap in chunks, what was said is a log of changes; specs/decisions/0015 says why, and what a crash can lose. Imported
when a path is given and not before: a gateway never loads SQLite.

Spec: Token Status List sections 13.2, 13.3; specs/profile-status-list.md section 5, P8 to P13.
"""

from __future__ import annotations

import sqlite3
import struct
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate, groupby
from os import PathLike, getpid, stat
from os.path import exists, realpath
from pathlib import Path
from threading import Event
from typing import Any, Final, TypeVar, final

from .._errors import CitizenIDError, Reason
from .._limits import MAX_UNIX_TIME
from .._model import Status, UnixTime
from ._ledger import NEVER, Packed, Shuffle, StatusChange, check_change, check_room, check_taken, next_issued_at

_WHERE: Final = "status-list.path"
_APPLICATION_ID: Final = 0x43697A53
_VERSION: Final = 1
# SQLite's own way of waiting naps for up to 100 ms, and meanwhile a busy neighbour takes turn after turn. Here every
# waiter asks again after a millisecond, for about ten seconds: other writers are done in less than one.
_ATTEMPTS: Final = 10_000
_NAP_S: Final = 0.001
_LEAST_BYTES: Final = 512  # of a page, and so of any database
_CHUNK_BYTES: Final = 4_000  # with its key and headers a row fills one page of 4,096 bytes

_READ: Final = "BEGIN"
_WRITE: Final = "BEGIN IMMEDIATE"
_SETTINGS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA trusted_schema = OFF",
)
# SQLITE_ERROR: a statement of ours does not fit, because a table is missing.
_DAMAGED: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)
_SCHEMA: Final = (
    # free: of each chunk how many places are free, 16 bits each, little-endian.
    """CREATE TABLE list (
        id INTEGER PRIMARY KEY CHECK (id = 1), uri TEXT NOT NULL, size INTEGER NOT NULL, bits INTEGER NOT NULL,
        chunk_bytes INTEGER NOT NULL, issued_at INTEGER NOT NULL, published INTEGER NOT NULL, free BLOB NOT NULL)""",
    "CREATE TABLE chunk (number INTEGER PRIMARY KEY, taken BLOB NOT NULL)",
    """CREATE TABLE change (
        number INTEGER PRIMARY KEY, place INTEGER NOT NULL, status INTEGER NOT NULL, at INTEGER, reason TEXT)""",
    "CREATE INDEX change_by_place ON change (place, number)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_VERSION}",
)
_NOTE: Final = "INSERT INTO change (place, status, at, reason) VALUES (?, ?, ?, ?)"

_STATUSES: Final = frozenset(map(int, Status))

T = TypeVar("T")
K = TypeVar("K", int, str)


@final
class FileLedger:
    """A `Ledger` in a file, which is made for its owner alone when it is not there.

    Args:
        path: of the file; SQLite keeps two more beside it, `-wal` and `-shm`.
        uri: of the list, kept in the file.
        size: of the list, in entries.
        bits: of each entry.
        randbelow: a source of unbiased random integers below a bound.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID when the file is for another list; LEDGER_REFUSED; LEDGER_UNAVAILABLE.
    """

    def __init__(
        self, path: str | PathLike[str], *, uri: str, size: int, bits: int, randbelow: Callable[[int], int]
    ) -> None:
        self._size: Final = size
        self._bits: Final = bits
        self._chunk: Final = 8 * _CHUNK_BYTES
        self._counts: Final = f"<{-(-size // self._chunk)}H"
        self._randbelow: Final = randbelow
        self._packed: Final = Packed(size, bits)
        self._seen = 0  # the last change that is in `_packed`
        self._process: Final = getpid()
        self._connection: Final = _connect(path)
        self._path: Final = Path(path).absolute()
        self._file: Final = _identity(self._path)[:2]
        self._log: Final = Path(f"{self._path.resolve()}-wal")  # SQLite keeps it beside the file that a link leads to
        self._logged: tuple[int, int] | None = None  # which file that was, from the first look into it on
        self._ahead = False
        self._bytes = 0  # that the file had at the last look: SQLite lets it grow and never shrink
        opened = False
        try:
            self._patiently(self._set)
            self._within(_WRITE, lambda: self._found(uri))
            self._log_ahead()
            self._ahead = opened = True
        finally:
            if not opened:
                self._connection.close()

    def allocate(self, count: int, revoked: int, at: UnixTime | None) -> list[int]:
        return self._within(_WRITE, lambda: self._allocate(count, revoked, at))

    def write(self, index: int, change: StatusChange) -> None:
        def act() -> None:
            held = self._read(index)
            check_change(held, change.status, self._bits)
            if held is not change.status:
                self._connection.execute(_NOTE, (index, int(change.status), change.at, change.reason))

        self._within(_WRITE, act)

    def read(self, index: int) -> Status:
        return self._within(_READ, lambda: self._read(index))

    def history(self, index: int) -> tuple[StatusChange, ...]:
        def act() -> tuple[StatusChange, ...]:
            check_taken(self._is_taken(index))
            rows = self._connection.execute(
                "SELECT status, at, reason FROM change WHERE place = ? ORDER BY number", (index,)
            )
            return tuple(self._change(*row) for row in rows)

        return self._within(_READ, act)

    def issue(self, now: int) -> tuple[int, bytes]:
        def act() -> tuple[int, bytes]:
            last = self._number("SELECT issued_at FROM list")
            issued_at = next_issued_at(last, now)
            self._connection.execute("UPDATE list SET issued_at = ?", (issued_at,))
            self._catch_up()
            return issued_at, bytes(self._packed)

        return self._within(_WRITE, act)

    def last_issued_at(self) -> int:
        return self._within(_READ, lambda: self._number("SELECT issued_at FROM list"))

    def versions(self) -> tuple[int, int]:
        def act() -> tuple[int, int]:
            (version,) = self._row("SELECT coalesce((SELECT max(number) FROM change), 0)")
            return version, self._number("SELECT published FROM list")

        return self._within(_READ, act)

    def confirm(self, version: int) -> None:
        self._within(
            _WRITE, lambda: self._connection.execute("UPDATE list SET published = max(published, ?)", (version,))
        )

    def free(self) -> int:
        return sum(self._within(_READ, self._free))

    def close(self) -> None:
        self._connection.close()

    def __del__(self) -> None:
        # Python 3.13 warns of a connection that is let go of and was not closed; a publisher has no other resource.
        connection: sqlite3.Connection | None = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()

    def _allocate(self, count: int, revoked: int, at: UnixTime | None) -> list[int]:
        free = self._free()
        ends = list(accumulate(free))
        check_room(count, ends[-1])
        # Ranks among the free places as they are before this batch: its chunks are searched before they are written.
        ranks = Shuffle(ends[-1], self._randbelow).take(count)
        index_of: dict[int, int] = {}
        for number, group in groupby(sorted(ranks), key=lambda rank: bisect_right(ends, rank)):
            before = self._taken(number)
            if _zeros(before) - (8 * _CHUNK_BYTES - self._places(number)) != free[number]:
                raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)
            taken = bytearray(before)
            start = ends[number] - free[number]
            for rank in group:
                place = nth_free(before, rank - start)
                taken[place >> 3] |= 1 << (place & 7)
                index_of[rank] = number * self._chunk + place
                free[number] -= 1
            self._connection.execute("INSERT OR REPLACE INTO chunk VALUES (?, ?)", (number, bytes(taken)))
        self._connection.execute("UPDATE list SET free = ?", (struct.pack(self._counts, *free),))
        indices = [index_of[rank] for rank in ranks]
        for index in indices[:revoked]:
            self._connection.execute(_NOTE, (index, int(Status.INVALID), at, None))
        return indices

    def _free(self) -> list[int]:
        (free,) = self._row("SELECT free FROM list")
        if type(free) is not bytes or len(free) != struct.calcsize(self._counts):
            raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)
        return list(struct.unpack(self._counts, free))

    def _number(self, query: str) -> int:
        (number,) = self._row(query)
        if type(number) is not int or not NEVER <= number <= MAX_UNIX_TIME:
            raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)
        return number

    def _change(self, status: object, at: object, reason: object) -> StatusChange:
        when = _or_none(at, int)
        return StatusChange(self._status(status), None if when is None else UnixTime(when), _or_none(reason, str))

    def _status(self, value: object) -> Status:
        """Read what SQLite holds: a column of integers holds texts as well, if somebody writes them."""
        if type(value) is not int or value not in _STATUSES or not value < 1 << self._bits:
            raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)
        return Status(value)

    def _read(self, index: int) -> Status:
        check_taken(self._is_taken(index))
        self._catch_up()
        return self._packed[index]

    def _is_taken(self, index: int) -> bool:
        number, place = divmod(index, self._chunk)
        return bool(self._taken(number)[place >> 3] >> (place & 7) & 1)

    def _taken(self, number: int) -> bytes:
        """Return the bitmap of a chunk; zeros without a row."""
        row = self._connection.execute("SELECT taken FROM chunk WHERE number = ?", (number,)).fetchone()
        taken = bytes(_CHUNK_BYTES) if row is None else row[0]
        if type(taken) is not bytes or len(taken) != _CHUNK_BYTES:
            raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)
        return taken

    def _places(self, number: int) -> int:
        return min(self._chunk, self._size - number * self._chunk)

    def _catch_up(self) -> None:
        """Read the changes of other processes and of our own last calls. Before a transaction writes any: see P8."""
        rows = self._connection.execute(
            "SELECT number, place, status FROM change WHERE number > ? ORDER BY number", (self._seen,)
        )
        for number, place, status in rows:
            if type(place) is not int or not 0 <= place < self._size:
                raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)
            self._packed[place] = self._status(status)
            self._seen = number

    def _set(self) -> None:
        for setting in _SETTINGS:
            self._connection.execute(setting)

    def _found(self, uri: str) -> None:
        """Check whose file it is, or make it ours if there is nothing in it."""
        (application,) = self._row("PRAGMA application_id")
        (version,) = self._row("PRAGMA user_version")
        (tables,) = self._row("SELECT count(*) FROM sqlite_master")
        if (application, version, tables) == (0, 0, 0):
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._connection.execute(
                "INSERT INTO list VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                (uri, self._size, self._bits, _CHUNK_BYTES, NEVER, NEVER, self._all_free()),
            )
        elif (application, version) != (_APPLICATION_ID, _VERSION):
            raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)
        *held, chunk_bytes, free = self._row("SELECT uri, size, bits, chunk_bytes, free FROM list")
        if held != [uri, self._size, self._bits]:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _WHERE)
        if chunk_bytes != _CHUNK_BYTES or type(free) is not bytes or len(free) != struct.calcsize(self._counts):
            raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)

    def _all_free(self) -> bytes:
        chunks = struct.calcsize(self._counts) // 2
        return struct.pack(self._counts, *map(self._places, range(chunks)))

    def _log_ahead(self) -> None:
        if self._patiently(lambda: self._connection.execute("PRAGMA journal_mode = WAL").fetchone()) != ("wal",):
            raise CitizenIDError(Reason.LEDGER_UNAVAILABLE, _WHERE)

    def _row(self, query: str) -> Any:
        row = self._connection.execute(query).fetchone()
        if row is None:
            raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)
        return row

    def _within(self, begin: str, act: Callable[[], T]) -> T:
        """Run `act` as one transaction. What it raises leaves nothing behind."""
        if getpid() != self._process:  # SQLite's locks are the parent's: two processes would write as one
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _WHERE)

        def transaction() -> T:
            try:
                self._connection.execute(begin)
                result = act()
                size = self._looked_at()
                self._connection.execute("COMMIT")
                self._bytes = size
                return result
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

        return self._patiently(transaction)

    def _looked_at(self) -> int:
        """Return the size of the file.

        One that was taken away is written to as if it were there, until the last process lets go of it, and so is the
        log beside it; and of one that was cut, what this process has read before is answered as if it were still there.

        Raises LEDGER_UNAVAILABLE and LEDGER_REFUSED.
        """
        *file, size = _identity(self._path)
        if tuple(file) != self._file or size < 0:
            raise CitizenIDError(Reason.LEDGER_UNAVAILABLE, _WHERE)
        if self._ahead:  # within a transaction the log is open, and from then on SQLite removes it for nobody else
            device, number, _ = _identity(self._log)
            if number < 0 or (device, number) != (self._logged or (device, number)):
                raise CitizenIDError(Reason.LEDGER_UNAVAILABLE, _WHERE)
            self._logged = device, number
        if size < self._bytes:
            raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)
        return size

    def _patiently(self, act: Callable[[], T]) -> T:
        """Run `act`, again and again while another process is in the way, and translate what SQLite raises."""
        code = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                Event().wait(_NAP_S)
            try:
                return act()
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", None)
            if code is None or code & 0xFF != sqlite3.SQLITE_BUSY:
                break
        damaged = code is not None and code & 0xFF in _DAMAGED
        raise CitizenIDError(Reason.LEDGER_REFUSED if damaged else Reason.LEDGER_UNAVAILABLE, _WHERE)


def _connect(path: str | PathLike[str]) -> sqlite3.Connection:
    lost = False
    try:
        # Absolute, so that no name is one of SQLite's own, such as ":memory:"; and for the owner alone from the start.
        whole = Path(path).absolute()
        # SQLite throws the log of a file away that is gone, empty or cut within its first page. Looked for first: there
        # is none before the file.
        lost = exists(f"{realpath(whole)}-wal") and _identity(whole)[2] < _LEAST_BYTES
        if not lost:
            if not whole.exists():
                whole.touch(mode=0o600)
            return sqlite3.connect(whole, timeout=0, isolation_level=None, check_same_thread=False)
    except (sqlite3.Error, OSError, ValueError):  # ValueError: a NUL in the path
        pass
    raise CitizenIDError(Reason.LEDGER_REFUSED if lost else Reason.LEDGER_UNAVAILABLE, _WHERE)


def _identity(path: Path) -> tuple[int, int, int]:
    """Return which file lies at a path, and its size; -1 for all when there is none that can be looked at."""
    try:
        found = stat(path)
    except OSError:
        return -1, -1, -1
    return found.st_dev, found.st_ino, found.st_size


def _or_none(value: object, kind: type[K]) -> K | None:
    if value is not None and type(value) is not kind:
        raise CitizenIDError(Reason.LEDGER_REFUSED, _WHERE)
    return value


def nth_free(taken: bytes, rank: int) -> int:
    """Return the place of the zero bit that has `rank` zero bits before it, bits counted from the least significant.

    Args:
        taken: a bitmap with more than `rank` zeros.
        rank: from 0.
    """
    low, high = 0, len(taken)
    while high - low > 1:
        middle = (low + high) // 2
        free = _zeros(taken[low:middle])
        if rank < free:
            high = middle
        else:
            rank -= free
            low = middle
    places = [bit for bit in range(8) if not taken[low] >> bit & 1]
    return 8 * low + places[rank]


def _zeros(bits: bytes) -> int:
    return 8 * len(bits) - int.from_bytes(bits, "little").bit_count()
