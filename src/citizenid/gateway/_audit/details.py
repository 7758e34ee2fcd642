"""Details of refusals: kept apart from the log, each with its salt, and erased with it.

The log holds SHA-256(salt, details) for ever and says nothing without the salt, which is here alone. So whoever has
to erase what he knows of a person erases rows of this file, and the log stays whole.

A SQLite file, for its owner alone: deleted rows are overwritten and the log beside the file is emptied after each
erasure. What a disk or a backup keeps of it is the operator's.

Spec: specs/profile-audit.md section 7.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from os import PathLike, getpid, stat
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple, TypeVar, final

from ..._errors import CitizenIDError, MalformedError, Reason
from ..._wire import cbor
from .entry import commitment, is_time

_APPLICATION_ID: Final = 0x43697A44
_VERSION: Final = 1
_DAY_S: Final = 86_400
MAX_DETAIL_BYTES: Final = 8_192
_SETTINGS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
)
_SCHEMA: Final = (
    """CREATE TABLE detail (
        commitment BLOB PRIMARY KEY, salt BLOB NOT NULL, content BLOB NOT NULL, tag BLOB, day INTEGER NOT NULL)""",
    "CREATE INDEX detail_by_tag ON detail (tag)",
    "CREATE INDEX detail_by_day ON detail (day)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_VERSION}",
)

Detail = Mapping[str, str | int | bytes | None]
T = TypeVar("T")


class DetailRow(NamedTuple):
    """What is kept for one entry."""

    commitment: bytes
    salt: bytes
    content: bytes
    tag: bytes | None
    day: int

    def __repr__(self) -> str:
        return "<DetailRow>"


def detail_row(salt: bytes, detail: Detail, tag: bytes | None, now: int) -> DetailRow:
    """Make what is kept of some details.

    Raises:
        MalformedError: MALFORMED_CBOR, INPUT_TOO_LARGE.
    """
    content = cbor.encode(detail, "audit.detail")
    if len(content) > MAX_DETAIL_BYTES:
        raise MalformedError(Reason.INPUT_TOO_LARGE, "audit.detail")
    return DetailRow(commitment(salt, content), salt, content, tag, now // _DAY_S)


def _check_bytes(name: object) -> None:
    # A text that is the same in letters would find nothing, and whoever wants to erase would take that for done.
    if type(name) is not bytes:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.details")


def _identity(path: Path) -> tuple[int, int]:
    """Return which file lies at a path. Raises OSError when none does."""
    found = stat(path)
    return found.st_dev, found.st_ino


@final
class AuditDetails:
    """The file of the details of one writer's log. Safe for threads; after a fork each process opens it for itself.

    One that does not lie at its path any more is AUDIT_UNAVAILABLE: nothing would be erased in what lies there instead.

    Args:
        path: of the file. Not in the folder of the log, which others may read.

    Raises:
        CitizenIDError: AUDIT_UNAVAILABLE when the file cannot be used, CONFIGURATION_INVALID when it is another one,
            and from every method in a process that was forked.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._lock: Final = Lock()
        self._process: Final = getpid()
        connection, whole, file = None, Path(), None
        try:
            whole = Path(path).absolute()
            if not whole.exists():
                whole.touch(mode=0o600)
            file = _identity(whole)
            connection = sqlite3.connect(whole, timeout=5, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError, ValueError, TypeError):
            pass
        if connection is None:
            raise CitizenIDError(Reason.AUDIT_UNAVAILABLE, "audit.details")
        self._connection: Final = connection
        self._path: Final = whole
        self._file: Final = file
        opened = False
        try:
            self._do(self._open)
            opened = True
        finally:
            if not opened:
                connection.close()

    def _open(self) -> None:
        execute = self._connection.execute
        for setting in _SETTINGS:
            execute(setting)
        execute("BEGIN IMMEDIATE")
        (application,) = execute("PRAGMA application_id").fetchone()
        (version,) = execute("PRAGMA user_version").fetchone()
        (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
        if (application, version, tables) == (0, 0, 0):
            for statement in _SCHEMA:
                execute(statement)
        elif (application, version) != (_APPLICATION_ID, _VERSION):
            execute("ROLLBACK")
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.details")
        execute("COMMIT")
        execute("PRAGMA journal_mode = WAL")

    def keep(self, rows: Sequence[DetailRow]) -> None:
        """Keep details, all of them or none, on the disk.

        Raises:
            CitizenIDError: AUDIT_UNAVAILABLE.
        """

        def act() -> None:
            self._connection.executemany("INSERT OR REPLACE INTO detail VALUES (?, ?, ?, ?, ?)", rows)

        self._do(lambda: self._transaction(act))

    def read(self, commitment_: bytes) -> dict[str, Any] | None:
        """Return the details behind an entry's commitment, or None when they were erased or never were there.

        Raises:
            CitizenIDError: AUDIT_UNAVAILABLE; CONFIGURATION_INVALID for what is no bytes.
            MalformedError: AUDIT_MALFORMED when what is kept is not what was committed to.
        """
        _check_bytes(commitment_)
        row = self._do(
            lambda: self._connection.execute(
                "SELECT salt, content FROM detail WHERE commitment = ?", (commitment_,)
            ).fetchone()
        )
        if row is None:
            return None
        value = None
        try:
            value = cbor.decode(row[1], "audit.detail") if commitment(*row) == commitment_ else None
        except (MalformedError, TypeError):
            pass
        if type(value) is not dict:
            raise MalformedError(Reason.AUDIT_MALFORMED, "audit.detail")
        return value

    def erase(self, commitment_: bytes) -> int:
        """Erase the details, and the salt, of one entry. Returns how many there were.

        Raises:
            CitizenIDError: AUDIT_UNAVAILABLE, also while somebody still reads them: then it is to be tried again.
                CONFIGURATION_INVALID for what is no bytes.
        """
        _check_bytes(commitment_)
        return self._delete("DELETE FROM detail WHERE commitment = ?", commitment_)

    def erase_tag(self, tag: bytes) -> int:
        """Erase what is kept of a subject for one day; see `AuditLog.tag`. Returns how many there were.

        Raises:
            CitizenIDError: AUDIT_UNAVAILABLE; CONFIGURATION_INVALID for what is no bytes.
        """
        _check_bytes(tag)
        return self._delete("DELETE FROM detail WHERE tag = ?", tag)

    def expire(self, *, before: int) -> int:
        """Erase what is from days before a moment, integer Unix seconds. Returns how many there were.

        Raises:
            CitizenIDError: AUDIT_UNAVAILABLE; CONFIGURATION_INVALID for what is no such time.
        """
        if not is_time(before):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.details")
        return self._delete("DELETE FROM detail WHERE day < ?", before // _DAY_S)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _delete(self, statement: str, argument: object) -> int:
        def act() -> int:
            return self._connection.execute(statement, (argument,)).rowcount

        count = self._do(lambda: self._transaction(act))
        self._do(self._empty_log)
        return count

    def _empty_log(self) -> None:
        # The log beside the file still has the pages as they were: it is emptied now and not some time.
        (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:  # somebody still reads them: they are not erased
            raise sqlite3.OperationalError

    def _transaction(self, act: Callable[[], T]) -> T:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = act()
            self._connection.execute("COMMIT")
            return result
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _do(self, act: Callable[[], T]) -> T:
        if getpid() != self._process:  # SQLite's locks are the parent's
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.details")
        with self._lock:
            try:
                if _identity(self._path) == self._file:
                    return act()
            except (sqlite3.Error, OSError):
                pass
        raise CitizenIDError(Reason.AUDIT_UNAVAILABLE, "audit.details")

    def __repr__(self) -> str:
        return "<AuditDetails>"
