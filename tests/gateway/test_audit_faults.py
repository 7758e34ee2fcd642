"""Faults under the audit log: a full disk, a sync that fails, short writes, a crash at every step, kill -9.

A crash is simulated by an exception that nobody catches, raised before or after the n-th call of the system, for every
n; what a kill does is tested with processes (benches/crash_audit.py). A loss of power is a file that is cut.

Spec: specs/profile-audit.md section 4.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizenid import Reason
from citizenid.gateway._audit import disk
from citizenid.gateway._audit.counts import Counts
from citizenid.gateway._audit.group import GroupCommit
from citizenid.gateway._audit.wal import FILE_HEAD_BYTES
from citizenid.gateway.audit import AuditLog, WhenUnwritable

from . import audit_world as w
from . import tlog_peer as peer
from .audit_world import NOW, Clock, allow, open_log, refuse, refused, settle, verify

ROOT: Final = Path(__file__).resolve().parents[2]
CALLS: Final = ("write", "fsync", "replace", "ftruncate", "mkdir", "open_descriptor")


class Crash(BaseException):
    """The process is gone."""


class Disk:
    """Stands before the calls of the system that the writer makes."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.crash_at = -1
        self.after = False
        self.error: dict[str, int] = {}
        self.short = False
        self.room = -1
        for name in CALLS:
            # What a sync does is seen after a loss of power alone; here it only takes time.
            real = (lambda descriptor: None) if name == "fsync" else getattr(disk, name)
            patch.setattr(disk, name, self._stand_before(name, real))

    def _stand_before(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            self.calls += 1
            if self.calls == self.crash_at and not self.after:
                raise Crash
            if name in self.error:
                raise OSError(self.error[name], name)
            if name == "write" and self.room >= 0:
                return self._write(real, *arguments)
            if name == "write" and self.short and len(arguments[1]) > 1:
                arguments = (arguments[0], arguments[1][: len(arguments[1]) // 2])
            result = real(*arguments, **keywords)
            if self.calls == self.crash_at:
                raise Crash
            return result

        return call

    def _write(self, real: Callable[..., Any], descriptor: int, data: memoryview) -> Any:
        """A disk with so much room: the last write is short, then there is none."""
        if not self.room:
            raise OSError(errno.ENOSPC, "write")
        written = real(descriptor, data[: self.room])
        self.room -= written
        return written


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    yield Disk(monkeypatch)
    monkeypatch.undo()


def abandon(log: AuditLog) -> None:
    """What remains when the process of a writer is gone: nothing is written, its lock is free."""
    os.close(log._writer._lock)
    if log._writer._descriptor is not None:
        os.close(log._writer._descriptor)
    log._writer._descriptor = None


def subjects(folder: Path, writer: str = "w1") -> list[bytes]:
    """The tags of all refusals in the log, in order, as an independent reader finds them."""
    found = [cbor2.loads(each) for each in peer.verify_log(folder / writer, w.vkey(writer)).entries]
    return [each[8] for each in found if each[1] == "refused"]


def wait_until(done: Callable[[], bool]) -> None:
    """Wait for a thread; ten seconds are an error."""
    for _ in range(1_000):
        if done():
            return
        time.sleep(0.01)
    raise AssertionError("it does not happen")


# --- a full disk ---


def test_on_a_full_disk_refusals_stand_and_nothing_is_allowed(tmp_path: Path, system: Disk) -> None:
    clock = Clock()
    log = open_log(tmp_path, clock=clock)
    settle(log)
    assert allow(log) is None
    system.error = {"write": errno.ENOSPC}
    assert log.settle(refuse(log, subject=b"full")) is Reason.AUDIT_UNAVAILABLE
    state = log.state()
    assert (state.writable, state.waiting, state.pending) == (False, 1, 1)
    assert allow(log) is Reason.AUDIT_UNAVAILABLE
    refused(log.checkpoint, Reason.AUDIT_UNAVAILABLE)
    assert refuse(log, Reason.TICKET_MISSING, "ticket", subject=None) == 0  # counting needs no room
    system.error = {}
    assert allow(log) is Reason.AUDIT_UNAVAILABLE  # tried at most once a second
    time.sleep(0.05)
    assert not log.state().writable
    clock.advance(1)
    assert allow(log) is Reason.AUDIT_UNAVAILABLE  # and begins to try: no request waits for the disk
    wait_until(lambda: log.state().writable)
    assert allow(log) is None
    assert log.state().waiting == 0
    log.close()
    assert subjects(tmp_path) == [log.tag(w.SUBJECT, NOW), log.tag(b"full", NOW)]  # nothing was lost
    assert verify(tmp_path).logs[0].counted == {"ticket_missing": 1}


def test_who_chooses_to_go_on_goes_on(tmp_path: Path, system: Disk) -> None:
    log = open_log(tmp_path, when_unwritable=WhenUnwritable.GO_ON)
    system.error = {"write": errno.ENOSPC}
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    assert allow(log) is None
    assert not log.state().writable
    system.error = {}
    log.close()
    assert verify(tmp_path).logs[0].refused == {"citizenship_not_permitted": 1}
    assert verify(tmp_path).logs[0].allowed == 1


def test_what_would_be_allowed_never_writes_itself(
    tmp_path: Path, system: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    log = open_log(tmp_path, clock=clock)
    system.error = {"write": errno.ENOSPC}
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    system.error = {}
    writers: list[int] = []
    append = log._writer.append

    def noted(entries: Any) -> None:
        writers.append(threading.get_ident())
        append(entries)

    monkeypatch.setattr(log._writer, "append", noted)
    clock.advance(1)
    assert allow(log) is Reason.AUDIT_UNAVAILABLE
    wait_until(lambda: log.state().writable)
    assert writers and threading.get_ident() not in writers
    log.close()


def test_while_nothing_can_be_written_memory_is_bounded_and_the_rest_counted(tmp_path: Path, system: Disk) -> None:
    log = open_log(tmp_path, max_waiting=10)
    system.error = {"write": errno.ENOSPC}
    positions = [refuse(log) for _ in range(25)]
    assert log.state().waiting == 10
    assert positions[10:] == [-1] * 15
    assert log.settle(-1) is Reason.AUDIT_UNAVAILABLE
    assert log.state().unwritten == 15
    system.error = {}
    log.close()
    (report,) = verify(tmp_path).logs
    assert report.refused == {"citizenship_not_permitted": 10}
    assert report.unwritten == {"citizenship_not_permitted": 15}


@pytest.mark.parametrize("room", [0, 1, 31, 32, 40, 100, 150])
def test_a_disk_that_becomes_full_in_the_middle_of_a_batch_leaves_a_whole_log(
    tmp_path: Path, system: Disk, room: int
) -> None:
    log = open_log(tmp_path)
    settle(log, 2)
    system.room = room
    for _ in range(3):
        refuse(log)
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    (report,) = verify(tmp_path).logs  # as somebody else sees it now
    assert (report.pending, report.torn_bytes) == (2, 0)
    system.room = -1
    settle(log)
    log.close()
    assert len(subjects(tmp_path)) == 7


def test_a_disk_that_is_full_and_cannot_cut_either_recovers(tmp_path: Path, system: Disk) -> None:
    log = open_log(tmp_path)
    settle(log, 2)
    system.room, system.error = 40, {"ftruncate": errno.EIO}
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    assert verify(tmp_path).logs[0].torn_bytes == 40
    system.room, system.error = -1, {}
    settle(log)
    assert verify(tmp_path).logs[0].torn_bytes == 0
    log.close()
    assert len(subjects(tmp_path)) == 4


def test_a_sync_that_failed_is_never_believed_later(tmp_path: Path, system: Disk) -> None:
    log = open_log(tmp_path)
    settle(log)
    before = (tmp_path / "w1" / "wal").stat().st_ino
    system.error = {"fsync": errno.EIO}
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    system.error = {}
    settle(log)
    assert (tmp_path / "w1" / "wal").stat().st_ino != before  # written anew, not synced once more
    log.close()
    assert len(subjects(tmp_path)) == 3


def test_who_waits_for_a_group_that_fails_is_told_so_and_does_not_try_himself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path)
    tried, release = [], threading.Event()

    def fails(descriptor: int, data: Any) -> int:
        tried.append(descriptor)
        release.wait(10)
        raise OSError(errno.ENOSPC, "write")

    monkeypatch.setattr(disk, "write", fails)
    answers: list[object] = []
    positions = [refuse(log) for _ in range(20)]
    threads = [threading.Thread(target=lambda at=at: answers.append(log.settle(at))) for at in positions]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    while not tried:
        pass
    release.set()
    for thread in threads:
        thread.join()
    assert answers == [Reason.AUDIT_UNAVAILABLE] * 20
    assert len(tried) == 1
    monkeypatch.undo()
    log.close()
    assert len(subjects(tmp_path)) == 20


def test_a_disk_that_takes_nothing_is_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    monkeypatch.setattr(disk, "write", lambda descriptor, data: 0)
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    monkeypatch.undo()
    log.close()


def test_short_writes_are_gone_on_with(tmp_path: Path, system: Disk) -> None:
    system.short = True
    log = open_log(tmp_path)
    settle(log, 300)
    log.close()
    assert len(subjects(tmp_path)) == 300


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "open_descriptor", "mkdir"])
def test_a_checkpoint_that_cannot_be_written_changes_nothing(tmp_path: Path, system: Disk, call: str) -> None:
    log = open_log(tmp_path)
    settle(log, 300)
    before = (tmp_path / "w1" / "checkpoint").read_bytes()
    system.error = {call: errno.EIO}
    refused(log.checkpoint, Reason.AUDIT_UNAVAILABLE)
    assert (tmp_path / "w1" / "checkpoint").read_bytes() == before
    assert verify(tmp_path).logs[0].pending == 300
    system.error = {}
    settle(log)
    log.checkpoint()
    log.close()
    assert len(subjects(tmp_path)) == 301


def test_a_checkpoint_that_is_due_and_cannot_be_written_holds_no_refusal_up(tmp_path: Path, system: Disk) -> None:
    clock = Clock()
    log = open_log(tmp_path, clock=clock, checkpoint_every_s=10)
    clock.advance(10)
    system.error = {"replace": errno.EIO}
    settle(log)  # on the disk, in the write-ahead file
    assert (log.state().size, log.state().pending, log.state().time) == (0, 1, NOW)
    system.error = {}
    settle(log)
    assert log.state().size == 0  # the next attempt comes when the next one is due, not with each refusal
    clock.advance(10)
    settle(log)
    assert (log.state().size, log.state().pending, log.state().time) == (3, 0, NOW + 20)
    log.close()


def test_a_write_ahead_file_that_was_not_renewed_is_renewed_with_the_next_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path)
    settle(log, 3)
    put = disk.Folder.put

    def fails(folder: disk.Folder, name: str, data: bytes) -> None:
        if name == "wal":
            raise OSError(errno.ENOSPC, "wal")
        put(folder, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(disk.Folder, "put", fails)
        log.checkpoint()  # the tree has all of them: that its file is longer than it must be loses nothing
        assert (log.state().size, log.state().pending) == (3, 0)
        assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE  # behind entries of the tree nothing is appended
    settle(log)
    assert log.state().pending == 2
    log.close()
    assert len(subjects(tmp_path)) == 5


def test_a_cosignature_that_cannot_be_kept_is_said_to_be_none(tmp_path: Path, system: Disk) -> None:
    log = open_log(tmp_path, witnesses=[w.witness_key()])
    request = log.witness_request(0)
    answer = w.witness(request)
    system.error = {"replace": errno.EIO}
    refused(lambda: log.add_cosignatures(request, answer), Reason.AUDIT_UNAVAILABLE, "audit.checkpoint")
    system.error = {}
    assert not (tmp_path / "w1" / "witnessed").exists()
    settle(log)  # the place of the writer is free
    log.add_cosignatures(request, answer)
    log.close()
    assert verify(tmp_path, witnesses=[w.witness_key()]).logs[0].witnessed == 0


def test_where_no_thread_can_be_had_whoever_refuses_writes(
    tmp_path: Path, system: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(**_: object) -> None:
        raise RuntimeError("can't start new thread")

    log = open_log(tmp_path)
    system.error = {"write": errno.ENOSPC}
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    system.error = {}
    monkeypatch.setattr("citizenid.gateway._audit.log.Thread", no_thread)
    assert allow(log) is Reason.AUDIT_UNAVAILABLE  # nothing is allowed, and nothing raised into a gateway
    settle(log)
    assert allow(log) is None
    log.close()
    assert len(subjects(tmp_path)) == 2


def test_whoever_is_woken_while_another_writes_goes_on_waiting() -> None:
    """The place may be taken again before a waiting thread runs: two writers would write one file."""
    group = GroupCommit[bytes](
        lambda _: True, lambda: None, most=1, wait_s=30.0, max_waiting=1, monotonic=time.monotonic
    )
    assert group.enter()
    entered: list[bool] = []
    waiting = threading.Thread(target=lambda: entered.append(group.enter()))
    waiting.start()
    wait_until(lambda: bool(group._changed._waiters))  # type: ignore[attr-defined]  # who waits for it
    for _ in range(3):
        with group._changed:
            group._changed.notify_all()
        wait_until(lambda: bool(group._changed._waiters))  # type: ignore[attr-defined]
        assert entered == []
    group.leave()
    waiting.join(10)
    assert entered == [True]


def test_a_second_attempt_leaves_the_first_one_alone(tmp_path: Path, system: Disk) -> None:
    log = open_log(tmp_path, wait_s=0.01)
    position = refuse(log)
    assert log._group.enter()  # somebody writes, and it takes long
    calls = system.calls
    log._flush()
    assert system.calls == calls
    assert not log._group.enter()  # the place is still his
    log._group.leave()
    assert log.settle(position) is None
    log.close()


def test_counts_that_could_not_be_stated_are_stated_later(
    tmp_path: Path, system: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path)
    for _ in range(5):
        allow(log)
        refuse(log, Reason.TICKET_MISSING, "ticket", subject=None)
    system.error = {"write": errno.ENOSPC}
    refused(log.checkpoint, Reason.AUDIT_UNAVAILABLE)
    allow(log)
    system.error = {}

    def fails(_: object) -> None:
        raise OSError(errno.EIO, "msync")

    with monkeypatch.context() as patch:  # totals are not stated before they are on the disk
        patch.setattr(Counts, "flush", fails)
        refused(log.checkpoint, Reason.AUDIT_UNAVAILABLE)
        assert verify(tmp_path).logs[0].pending == 0
    log.close()
    (report,) = verify(tmp_path).logs
    assert (report.allowed, report.counted, report.size) == (6, {"ticket_missing": 5}, 1)


def test_entries_without_a_checkpoint_are_bounded_too(tmp_path: Path, system: Disk) -> None:
    log = open_log(tmp_path, max_waiting=10)
    settle(log, 5)
    settle(log, 5)
    system.error = {"replace": errno.EIO}  # no checkpoint can be put in place, while entries can be written
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    assert log.state().pending == 10
    system.error = {}
    settle(log)
    log.close()
    assert len(subjects(tmp_path)) == 12


def test_a_log_that_cannot_be_begun_is_unavailable(tmp_path: Path, system: Disk) -> None:
    for call in ("write", "fsync", "replace", "open_descriptor", "mkdir"):
        folder = tmp_path / call
        system.error = {call: errno.ENOSPC}
        refused(lambda folder=folder: open_log(folder), Reason.AUDIT_UNAVAILABLE)  # type: ignore[misc]
        system.error = {}
        with open_log(folder) as log:  # and the place of the writer was given back
            settle(log)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_clock_that_was_wrong_once_does_not_end_the_checkpoints(tmp_path: Path, wrong: float) -> None:
    clock = Clock()
    log = open_log(tmp_path, clock=clock, checkpoint_every_s=10)
    clock.elapsed = wrong
    log.checkpoint()
    for elapsed in (5.0, 10.0, 15.0, 20.0, 25.0):
        clock.elapsed = elapsed
        settle(log)
    assert log.state().size > 0
    log.close()


@pytest.mark.parametrize("wrong", [float("inf"), 1e9])
def test_a_clock_that_was_wrong_once_does_not_end_the_attempts_to_write(
    tmp_path: Path, system: Disk, wrong: float
) -> None:
    clock = Clock()
    log = open_log(tmp_path, clock=clock)
    system.error = {"write": errno.ENOSPC}
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    clock.elapsed = wrong
    assert allow(log) is Reason.AUDIT_UNAVAILABLE
    log._group.enter()  # whoever has begun has ended
    log._group.leave()
    system.error = {}
    clock.elapsed = 5.0
    assert allow(log) is Reason.AUDIT_UNAVAILABLE
    wait_until(lambda: log.state().writable)
    log.close()


def test_nothing_is_let_go_of_under_a_thread_that_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The number of its descriptor may be that of a client's connection by then.
    log = open_log(tmp_path, wait_s=0.1)
    goes_on, there, real = threading.Event(), threading.Event(), disk.sync

    def hanging(descriptor: int) -> None:
        there.set()
        assert goes_on.wait(10)
        real(descriptor)

    monkeypatch.setattr(disk, "sync", hanging)
    answers: list[Any] = []
    writer = threading.Thread(target=lambda: answers.append(log.settle(refuse(log))))
    writer.start()
    assert there.wait(10)
    refused(log.close, Reason.AUDIT_UNAVAILABLE)
    os.fstat(log._writer._descriptor)  # type: ignore[arg-type]  # it is open
    refused(lambda: open_log(tmp_path), Reason.AUDIT_WRITER_PRESENT)
    goes_on.set()
    writer.join()
    assert answers == [None]
    log.close()
    log.close()
    with open_log(tmp_path):
        assert subjects(tmp_path) == [log.tag(w.SUBJECT, NOW)]


# --- somebody else's hands on the files of a log that is written ---


def after_a_kill(folder: Path, aside: Path) -> list[bytes]:
    """What is found by whoever goes on after the process was killed now."""
    shutil.copytree(folder, aside)
    with open_log(aside):
        pass
    return subjects(aside)


HANDS: Final[dict[str, Callable[[Path], object]]] = {
    "removed": lambda wal: wal.unlink(),
    "emptied": lambda wal: os.truncate(wal, 0),
    "cut": lambda wal: os.truncate(wal, wal.stat().st_size - 7),
    "rolled": lambda wal: (wal.rename(wal.parent / "wal.1"), wal.touch()),
    "put back": lambda wal: (shutil.copy(wal, wal.parent / "copy"), os.replace(wal.parent / "copy", wal)),
    "added to": lambda wal: wal.write_bytes(wal.read_bytes() + b"more"),
}


@pytest.mark.parametrize("hand", HANDS)
def test_what_is_said_to_be_written_is_there_whatever_became_of_the_file(tmp_path: Path, hand: str) -> None:
    log = open_log(tmp_path / "log")
    settle(log, subject=b"before")
    HANDS[hand](tmp_path / "log" / "w1" / "wal")
    settle(log, subject=b"after")
    tags = [log.tag(b"before", NOW), log.tag(b"after", NOW)]
    assert after_a_kill(tmp_path / "log", tmp_path / "aside") == tags
    log.close()
    assert subjects(tmp_path / "log") == tags


def test_a_file_that_is_taken_away_while_it_is_written_does_not_count(tmp_path: Path, system: Disk) -> None:
    log = open_log(tmp_path / "log")
    settle(log, subject=b"before")
    real = disk.write_all

    def taken_away(descriptor: int, data: bytes) -> None:
        real(descriptor, data)
        (tmp_path / "log" / "w1" / "wal").unlink()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "write_all", taken_away)
        assert log.settle(refuse(log, subject=b"after")) is Reason.AUDIT_UNAVAILABLE
    assert allow(log) is Reason.AUDIT_UNAVAILABLE
    settle(log, subject=b"again")
    found = after_a_kill(tmp_path / "log", tmp_path / "aside")
    assert found == [log.tag(name, NOW) for name in (b"before", b"after", b"again")]
    log.close()


@pytest.mark.parametrize("what", ["lock", "."])
@pytest.mark.parametrize("how", ["removed", "moved"])
def test_a_writer_that_may_not_be_the_only_one_any_more_writes_nothing(tmp_path: Path, what: str, how: str) -> None:
    log = open_log(tmp_path / "log", witnesses=[w.witness_key()])
    settle(log, subject=b"before")
    request = log.witness_request(0)
    place = (tmp_path / "log" / "w1" / what).resolve()
    if how == "moved":
        place.rename(tmp_path / "log" / "aside")
    else:
        shutil.rmtree(place) if what == "." else place.unlink()
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    assert allow(log) is Reason.AUDIT_UNAVAILABLE
    refused(log.checkpoint, Reason.AUDIT_UNAVAILABLE)
    refused(lambda: log.add_cosignatures(request, w.witness(request)), Reason.AUDIT_UNAVAILABLE)
    with open_log(tmp_path / "log") as other:  # it takes the place, and what was written before
        settle(other, subject=b"other")
        assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    refused(log.close, Reason.AUDIT_UNAVAILABLE)
    names = (b"before", b"other") if what == "lock" else (b"other",)
    assert subjects(tmp_path / "log") == [other.tag(name, NOW) for name in names]


def test_a_process_that_changes_its_folder_writes_where_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    log = open_log(Path("log"))
    settle(log, subject=b"before")
    monkeypatch.chdir(tmp_path / "elsewhere")
    settle(log, subject=b"after")
    log.close()
    assert subjects(tmp_path / "log") == [log.tag(b"before", NOW), log.tag(b"after", NOW)]
    assert not list((tmp_path / "elsewhere").iterdir())


# --- a crash at every step ---


def story(folder: Path, answered: list[bytes]) -> AuditLog:
    """What the crash interrupts: entries over the end of a tile, checkpoints in between, a restart at the end."""
    log = open_log(folder)
    for number, count in enumerate((100, 100, 60, 3)):
        names = [b"%d/%d" % (number, place) for place in range(count)]
        for name in names:
            position = refuse(log, subject=name)
        if log.settle(position) is None:
            answered += [log.tag(name, NOW) for name in names]
        refuse(log, Reason.TICKET_MISSING, "ticket", subject=None)
        if number > 0:
            log.checkpoint()
    return log


def steps_of_the_story(folder: Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        system = Disk(patch)
        abandon(story(folder, []))
        return system.calls


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_step_loses_nothing_that_was_answered(
    tmp_path_factory: pytest.TempPathFactory, after: bool
) -> None:
    steps = steps_of_the_story(tmp_path_factory.mktemp("steps"))
    assert steps > 100
    for step in range(1, steps + 1):
        folder = tmp_path_factory.mktemp("crash")
        answered: list[bytes] = []
        checkpoint = b""
        with pytest.MonkeyPatch.context() as patch:
            system = Disk(patch)
            system.crash_at, system.after = step, after
            with pytest.raises(Crash):
                abandon(story(folder, answered))
            if (folder / "w1" / "checkpoint").exists():
                checkpoint = (folder / "w1" / "checkpoint").read_bytes()
                verify(folder)  # also before anybody has recovered anything
        collect(folder)
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch)
            with open_log(folder) as log:
                settle(log, subject=b"after")
        previous = [checkpoint] if checkpoint else []
        (report,) = verify(folder, previous=previous).logs
        found = subjects(folder)
        assert found[: len(answered)] == answered, step
        assert len(found) == len(set(found)), step
        assert sum(report.refused.values()) == len(found)


def collect(folder: Path) -> None:
    """Close what a writer that is gone has left open in this process, its lock above all."""
    for each in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            if Path(os.readlink(f"/proc/self/fd/{each}")) in (folder / "w1" / "lock", folder / "w1" / "wal"):
                os.close(int(each))
        except OSError:
            pass


@settings(max_examples=40)
@given(st.data())
def test_a_write_ahead_file_that_is_cut_has_all_that_was_answered_before(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    log = open_log(folder)
    ends, tags = [FILE_HEAD_BYTES], []
    for number in range(4):
        settle(log, subject=b"%d" % number)
        ends.append((folder / "w1" / "wal").stat().st_size)
        tags.append(log.tag(b"%d" % number, NOW))
    abandon(log)
    cut = data.draw(st.integers(FILE_HEAD_BYTES, ends[-1]))
    tail = data.draw(st.binary(max_size=40) | st.integers(0, 5_000).map(bytes))
    with open(folder / "w1" / "wal", "r+b") as file:
        file.truncate(cut)
        file.seek(cut)
        file.write(tail)
    whole = sum(end <= cut for end in ends) - 1
    with open_log(folder):
        pass
    assert subjects(folder) in (tags[:whole], tags[: whole + 1])  # the tail may be what was cut


# --- what is damaged is not gone on with ---


@pytest.mark.parametrize(
    "name", ["checkpoint", "wal", "counts", "tile/0/000.p/44", "tile/entries/001.p/44", "tile/1/000.p/1"]
)
@pytest.mark.parametrize("how", ["gone", "empty", "changed"])
def test_a_damaged_log_is_not_gone_on_with(tmp_path: Path, name: str, how: str) -> None:
    with open_log(tmp_path) as log:
        settle(log, 300)
    path = tmp_path / "w1" / name.replace("0/000.p", "0/001.p")
    data = bytearray(path.read_bytes())
    if how == "gone":
        path.unlink()
    else:
        data[len(data) // 2 if name != "counts" else 3] ^= 1
        path.write_bytes(b"" if how == "empty" else bytes(data))
    before = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which Reason depends on the file
        open_log(tmp_path)
    assert caught.value.reason in {  # type: ignore[attr-defined]
        Reason.AUDIT_INVALID, Reason.AUDIT_MALFORMED, Reason.SIGNATURE_INVALID, Reason.SIGNATURE_MALFORMED,
    }  # fmt: skip
    assert {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()} == before


def test_a_log_that_lost_its_checkpoint_is_not_begun_anew(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        settle(log, 3)
    (tmp_path / "w1" / "checkpoint").unlink()
    (tmp_path / "w1" / "wal").unlink()
    refused(lambda: open_log(tmp_path), Reason.AUDIT_INVALID, "audit.checkpoint")


def test_a_log_of_another_key_is_not_gone_on_with(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        settle(log)
    refused(lambda: open_log(tmp_path, key=w.key("another")), Reason.AUDIT_INVALID)
    with open_log(tmp_path) as log:
        settle(log)


def test_a_write_ahead_file_that_begins_after_the_checkpoint_is_refused(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        settle(log, 3)
        log.checkpoint()
        old = (tmp_path / "w1" / "checkpoint").read_bytes()
        settle(log, 3)
    (tmp_path / "w1" / "checkpoint").write_bytes(old)  # put back from a backup
    refused(lambda: open_log(tmp_path), Reason.AUDIT_INVALID, "audit.wal")


# --- kill -9 ---


def test_no_kill_loses_an_entry() -> None:
    # The full count: python -m benches.crash_audit --kills 2000.
    command = [sys.executable, "-m", "benches.crash_audit", "--kills", "40", "--json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    tally = json.loads(run.stdout)
    assert tally["kills"] == 40
    assert tally["answered"] > 0 and tally["checkpoints"] > 0


# --- a loss of power ---


def test_nothing_is_named_before_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A file counts when it and its name are synced. When a checkpoint comes, all tiles count; when a new write-ahead
    # file takes the place of the old one, the checkpoint counts.
    unsynced: dict[str, str] = {}  # descriptor or name of a file, or folder of a name -> what is not synced
    events: list[str] = []
    real = {name: getattr(disk, name) for name in ("open_descriptor", "write", "fsync", "replace")}
    paths: dict[int, str] = {}

    def open_descriptor(path: str, *arguments: Any, **keywords: Any) -> int:
        descriptor: int = real["open_descriptor"](path, *arguments, **keywords)
        paths[descriptor] = path
        return descriptor

    def write(descriptor: int, data: Any) -> Any:
        unsynced[paths[descriptor]] = "content"
        return real["write"](descriptor, data)

    def fsync(descriptor: int) -> None:
        unsynced.pop(paths[descriptor], None)
        real["fsync"](descriptor)

    def replace(source: str, target: str) -> None:
        assert source not in unsynced, source
        if target.endswith(("checkpoint", "wal")):
            assert unsynced == {}, target
        events.append(target)
        real["replace"](source, target)
        unsynced[os.path.dirname(target)] = target

    for name, function in (
        ("open_descriptor", open_descriptor), ("write", write), ("fsync", fsync), ("replace", replace),
    ):  # fmt: skip
        monkeypatch.setattr(disk, name, function)
    log = open_log(tmp_path)
    for _ in range(3):
        settle(log, 300)
        assert unsynced == {}
        log.checkpoint()
        assert unsynced == {}
    log.close()
    monkeypatch.undo()
    assert sum(name.endswith("checkpoint") for name in events) == 5
    assert len(subjects(tmp_path)) == 900
