"""Verifying audit logs: nothing that was changed passes, nothing that lies there makes it hang, others agree.

Spec: specs/profile-audit.md section 6; C2SP tlog-tiles.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizenid import CitizenIDError, Reason
from citizenid.gateway._audit import note as n
from citizenid.gateway._audit.entry import packed, refused_entry
from citizenid.gateway._audit.merkle import Edge, leaf_hash, tile_name
from citizenid.gateway._audit.reading import Folder
from citizenid.gateway._audit.verification import _verify_heads
from citizenid.gateway._audit.wal import batch, file_head
from citizenid.gateway.audit import verify_audit

from . import audit_world as w
from . import tlog_peer as peer
from .audit_world import NOW, Clock, allow, open_log, refuse, refused, settle, verify

SIZES: Final = (0, 1, 2, 255, 256, 257, 700)
GO_SOURCES: Final = Path("/usr/share/gocode")
BAD: Final = {Reason.AUDIT_INVALID, Reason.AUDIT_MALFORMED, Reason.SIGNATURE_INVALID, Reason.SIGNATURE_MALFORMED}


def grow(folder: Path, size: int, **changes: Any) -> None:
    with open_log(folder, **changes) as log:
        if size:
            settle(log, size)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with full and partial tiles, counts, samples, and entries after its checkpoint."""
    folder = tmp_path_factory.mktemp("whole")
    log = open_log(folder, sample_allowed_every=2)
    settle(log, 256)
    refuse(log, Reason.TICKET_MISSING, "ticket", subject=None)
    allow(log)
    allow(log)
    log.checkpoint()
    settle(log, 20)
    return folder  # the log stays open: its write-ahead file has what no checkpoint names


def copy(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to / "copy")
    return to / "copy"


# --- others agree ---


@pytest.mark.parametrize("size", SIZES)
def test_an_independent_verifier_accepts_the_log(tmp_path: Path, size: int) -> None:
    grow(tmp_path, size)
    found = peer.verify_log(tmp_path / "w1", w.vkey())
    (report,) = verify(tmp_path).logs
    assert (found.origin, found.size, found.root) == (report.origin, size, report.root)
    assert found.extensions == [f"time {NOW}"]


def test_every_checkpoint_that_was_ever_made_has_its_tiles(tmp_path: Path) -> None:
    # tlog-tiles: partial tiles of each checkpoint are there until the full one is.
    log = open_log(tmp_path)
    for size in (1, 5, 200, 254):
        settle(log, size - log.state().size)
        log.checkpoint()
        kept = (tmp_path / "w1" / "checkpoint").read_bytes()
        settle(log)
        log.checkpoint()
        now = (tmp_path / "w1" / "checkpoint").read_bytes()
        (tmp_path / "w1" / "checkpoint").write_bytes(kept)
        assert peer.verify_log(tmp_path / "w1", w.vkey()).size == size
        (tmp_path / "w1" / "checkpoint").write_bytes(now)
    settle(log)
    log.checkpoint()
    assert not (tmp_path / "w1" / "tile/0/000.p").exists()
    assert not (tmp_path / "w1" / "tile/entries/000.p").exists()
    log.close()


def build_go(folder: Path) -> Path:
    source = Path(__file__).resolve().parents[1] / "interop" / "peers" / "tlog_go" / "main.go"
    environment = {
        **os.environ, "GO111MODULE": "off", "GOPATH": str(GO_SOURCES), "GOCACHE": str(folder / "cache"), "GOFLAGS": "",
    }  # fmt: skip
    subprocess.run(["go", "build", "-o", str(folder / "tlog"), str(source)], env=environment, check=True, timeout=300)
    return folder / "tlog"


# Where Debian's golang-go and golang-golang-x-mod-dev are, the Go checksum database's own packages verify as well.
PEERS: Final = ["independent"] + (
    ["go"] if shutil.which("go") and (GO_SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir() else []
)


@pytest.mark.parametrize("who", PEERS)
def test_a_public_verifier_accepts_the_log_and_notices_a_changed_entry(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, who: str
) -> None:
    log = open_log(tmp_path)
    settle(log, 300)
    log.checkpoint()
    old = verify(tmp_path).logs[0]
    settle(log, 700)
    log.close()
    folder = tmp_path / "w1"

    def accepts() -> bool:
        if who == "independent":
            try:
                entries = peer.verify_log(folder, w.vkey()).entries
            except peer.Wrong:
                return False
            return peer.mth(entries[: old.size]) == old.root
        command = [str(program), str(folder), w.vkey(), str(old.size), base64.b64encode(old.root).decode()]
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0

    program = build_go(tmp_path_factory.mktemp("go")) if who == "go" else None
    assert accepts()
    bundle = folder / tile_name(None, 1)
    data = bytearray(bundle.read_bytes())
    data[500] ^= 1
    bundle.write_bytes(bytes(data))
    assert not accepts()


# --- nothing that was changed passes ---


@settings(max_examples=150)
@given(st.data())
def test_no_bit_of_a_log_can_be_changed(whole: Path, tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    # Not: the lock and the counters, which say nothing; and partial tiles that an older checkpoint needed.
    verify(whole)
    names = [
        "checkpoint", "wal", "tile/0/000", "tile/0/001.p/2", "tile/1/000.p/1",
        "tile/entries/000", "tile/entries/001.p/2",
    ]  # fmt: skip
    name = data.draw(st.sampled_from(names))
    good = (whole / "w1" / name).read_bytes()
    changed = bytearray(good)
    how = data.draw(st.sampled_from(["bit", "cut", "more", "gone"]))
    place = data.draw(st.integers(0, len(good) - 1))
    if how == "bit":
        changed[place] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "cut":
        del changed[place:]
    elif how == "more":
        changed += data.draw(st.binary(min_size=1, max_size=40))
    try:
        if how == "gone":
            (whole / "w1" / name).unlink()
        else:
            (whole / "w1" / name).write_bytes(bytes(changed))
        try:
            (report,) = verify(whole).logs
        except CitizenIDError as error:
            assert error.reason in BAD
        else:
            # The end of the write-ahead file may be torn, and a copy has none. All under the checkpoint is as it was.
            assert name == "wal"
            assert report.pending is None or report.pending < 20 or report.torn_bytes
    finally:
        (whole / "w1" / name).write_bytes(good)


def forged(folder: Path, entries: list[bytes], checkpoint: n.Checkpoint | None = None) -> Path:
    """A log that its own writer has written as he liked: well formed and signed."""
    edge = Edge()
    files = {}
    for entry in entries:
        for tile in edge.append(leaf_hash(entry)):
            files[tile_name(tile.level, tile.number)] = b"".join(tile.hashes)
    for tile in edge.partial():
        files[tile_name(tile.level, tile.number, len(tile.hashes))] = b"".join(tile.hashes)
    for start in range(0, len(entries), 256):
        part = entries[start : start + 256]
        files[tile_name(None, start // 256, len(part))] = packed(part)
    if checkpoint is None:
        checkpoint = n.Checkpoint(f"{w.ORIGIN}/w1", edge.size, edge.root(), NOW)
    key = n.VerifierKey.parse(w.vkey(), 1)
    files["checkpoint"] = n.sign_note(checkpoint.to_text(), key, w.key("w1"))
    for name, data in files.items():
        path = folder / "w1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def entry(number: int) -> bytes:
    return refused_entry(NOW, "expired", "V6", None, number, None, None, None)


def test_a_published_copy_verifies_without_its_write_ahead_file(tmp_path: Path) -> None:
    (report,) = verify(forged(tmp_path, [entry(number) for number in range(300)])).logs
    assert (report.size, report.pending, report.refused) == (300, None, {"expired": 300})
    assert verify(tmp_path / "w1").logs[0] == report  # the folder of one log serves as well


def test_a_writer_who_signs_another_history_is_found_out_by_a_checkpoint_that_was_kept(tmp_path: Path) -> None:
    history = [entry(number) for number in range(300)]
    kept = (forged(tmp_path / "then", history) / "w1" / "checkpoint").read_bytes()
    verify(forged(tmp_path / "grown", [*history, entry(7)]), previous=[kept])
    for name, other in {
        "changed": [*history[:100], entry(999), *history[101:]],
        "one left out": history[:150] + history[151:] + [entry(300), entry(301)],
        "cut": history[:299],
        "none": [],
    }.items():
        folder = forged(tmp_path / name, other)
        verify(folder)  # by itself it is sound
        refused(lambda folder=folder: verify(folder, previous=[kept]), Reason.AUDIT_INVALID, "audit.consistency")  # type: ignore[misc]


def test_a_heartbeat_that_went_back_is_found_out(tmp_path: Path) -> None:
    clock = Clock()
    with open_log(tmp_path, clock=clock) as log:
        clock.advance(100)
        log.checkpoint()
        kept = (tmp_path / "w1" / "checkpoint").read_bytes()
        verify(tmp_path, previous=[kept])
    head = n.open_checkpoint(kept, n.VerifierKey.parse(w.vkey(), 1))
    forged(tmp_path, [], head._replace(time=NOW + 99))
    refused(lambda: verify(tmp_path, previous=[kept]), Reason.AUDIT_INVALID, "audit.checkpoint.time")


@pytest.mark.parametrize(("age", "good"), [(0, True), (60, True), (61, False), (-60, True), (-61, False)])
def test_a_heartbeat_may_be_so_old(tmp_path: Path, age: int, good: bool) -> None:
    grow(tmp_path, 1)
    if good:
        verify(tmp_path, now=NOW + age, max_age_s=60)
    else:
        refused(lambda: verify(tmp_path, now=NOW + age, max_age_s=60), Reason.AUDIT_INVALID, "audit.checkpoint.time")
    verify(tmp_path, now=NOW + 10**9)


def test_a_root_that_is_not_the_tree_s_is_refused(tmp_path: Path) -> None:
    items = [entry(number) for number in range(10)]
    wrong = n.Checkpoint(f"{w.ORIGIN}/w1", 10, bytes(32), NOW)
    refused(lambda: verify(forged(tmp_path, items, wrong)), Reason.AUDIT_INVALID, "audit.checkpoint.root")


@pytest.mark.parametrize("size", [11, 256, 2**62])
def test_a_size_that_the_log_has_not_is_refused_at_once(tmp_path: Path, size: int) -> None:
    items = [entry(number) for number in range(10)]
    wrong = n.Checkpoint(f"{w.ORIGIN}/w1", size, bytes(32), NOW)
    refused(lambda: verify(forged(tmp_path, items, wrong)), Reason.AUDIT_INVALID)


def test_entries_that_are_none_are_refused_though_they_are_signed(tmp_path: Path) -> None:
    refused(lambda: verify(forged(tmp_path, [entry(1), b"nationality: FR"])), Reason.AUDIT_MALFORMED, "audit.entry")


def test_totals_that_shrink_are_refused_though_they_are_signed(tmp_path: Path) -> None:
    import cbor2

    counted = [cbor2.dumps([1, "counted", 0, {"expired": total}, {}, []], canonical=True) for total in (5, 7, 6)]
    assert verify(forged(tmp_path / "a", counted[:2])).logs[0].counted == {"expired": 7}
    refused(lambda: verify(forged(tmp_path / "b", counted)), Reason.AUDIT_INVALID, "audit.counted")


def test_a_write_ahead_file_that_says_something_else_is_refused(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    settle(log, 5)
    stale = (tmp_path / "w1" / "wal").read_bytes()
    log.close()
    (tmp_path / "w1" / "wal").write_bytes(stale)  # as after a crash between checkpoint and a new file
    assert verify(tmp_path).logs[0].pending == 0
    other = open_log(tmp_path / "other")
    for _ in range(5):
        refuse(other, subject=b"another")
    assert other.settle(5) is None
    shutil.copy(tmp_path / "other" / "w1" / "wal", tmp_path / "w1" / "wal")
    refused(lambda: verify(tmp_path / "w1"), Reason.AUDIT_INVALID, "audit.wal")


def test_a_write_ahead_file_that_begins_after_the_checkpoint_has_a_gap(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        settle(log, 3)
        log.checkpoint()
        old = (tmp_path / "w1" / "checkpoint").read_bytes()
        settle(log, 3)
    (tmp_path / "w1" / "checkpoint").write_bytes(old)
    refused(lambda: verify(tmp_path), Reason.AUDIT_INVALID, "audit.wal")


def test_entries_after_the_checkpoint_must_be_entries_too(tmp_path: Path) -> None:
    forged(tmp_path, [entry(1)])
    (tmp_path / "w1" / "wal").write_bytes(file_head(1) + batch(1, [entry(2)]))
    assert verify(tmp_path).logs[0].pending == 1
    (tmp_path / "w1" / "wal").write_bytes(file_head(1) + batch(1, [entry(2), b"nationality: FR"]))
    refused(lambda: verify(tmp_path), Reason.AUDIT_MALFORMED, "audit.entry")


# --- all writers ---


@pytest.fixture
def three(tmp_path: Path) -> Path:
    names = ("w1", "w2", "w3")
    logs = [open_log(tmp_path, name, peers=[w.vkey(other) for other in names if other != name]) for name in names]
    for number, log in enumerate(logs):
        settle(log, 10 + number)
    for _ in range(2):
        for log in logs:
            log.checkpoint()
    for log in logs:
        log.close()
    return tmp_path


NAMES: Final = ("w1", "w2", "w3")


def test_the_logs_of_all_writers_verify_together(three: Path) -> None:
    report = verify(three, *NAMES)
    assert [log.size for log in report.logs] == [10, 11, 12]
    assert [[name.rpartition("/")[2] for name, _, _ in log.others] for log in report.logs] == [
        ["w2", "w3"], ["w1", "w3"], ["w1", "w2"],
    ]  # fmt: skip


def test_a_log_that_was_thrown_away_is_missed(three: Path) -> None:
    shutil.rmtree(three / "w2")
    refused(lambda: verify(three, *NAMES), Reason.AUDIT_INVALID, "audit.directory")
    refused(lambda: verify(three, "w1", "w3"), Reason.AUDIT_INVALID, "audit.others")
    with open_log(three, "w2", peers=[w.vkey("w1"), w.vkey("w3")]):
        pass  # and begun anew
    refused(lambda: verify(three, *NAMES), Reason.AUDIT_INVALID, "audit.consistency")


def test_a_log_that_nobody_was_told_of_is_refused(three: Path) -> None:
    grow(three, 1, writer="w4")
    refused(lambda: verify(three, *NAMES), Reason.AUDIT_INVALID, "audit.directory")
    (three / "w4" / "checkpoint").unlink()
    refused(lambda: verify(three, *NAMES), Reason.AUDIT_INVALID, "audit.directory")


@pytest.mark.parametrize("first", ["w1", "w2"])
@pytest.mark.parametrize("place", [0, 3])
def test_two_keys_of_one_log_are_refused_in_any_order_and_though_they_are_the_same(
    three: Path, first: str, place: int
) -> None:
    keys = [w.vkey(name) for name in NAMES]
    keys.insert(place, n.VerifierKey.of(f"{w.ORIGIN}/w1", 1, w.key(first).public).to_text())
    refused(lambda: verify_audit(three, keys=keys, now=NOW), Reason.CONFIGURATION_INVALID, "audit.keys")


def test_keys_of_one_folder_for_two_logs_are_refused(three: Path) -> None:
    twice = n.VerifierKey.of("elsewhere/w1", 1, w.key("w1").public).to_text()
    refused(lambda: verify_audit(three, keys=[w.vkey("w1"), twice], now=NOW), Reason.AUDIT_INVALID, "audit.directory")
    refused(lambda: verify_audit(three, keys=[], now=NOW), Reason.CONFIGURATION_INVALID)
    refused(lambda: verify_audit(three, keys=["nonsense"], now=NOW), Reason.AUDIT_MALFORMED)
    refused(lambda: verify_audit(three / "none", keys=[w.vkey()], now=NOW), Reason.AUDIT_INVALID, "audit.directory")


@pytest.mark.parametrize(
    ("changes", "reason", "where"),
    [
        ({"directory": None}, Reason.CONFIGURATION_INVALID, "audit.directory"),
        ({"directory": 5}, Reason.CONFIGURATION_INVALID, "audit.directory"),
        ({"directory": b"log"}, Reason.CONFIGURATION_INVALID, "audit.directory"),
        ({"keys": None}, Reason.CONFIGURATION_INVALID, "audit.keys"),
        ({"keys": 5}, Reason.CONFIGURATION_INVALID, "audit.keys"),
        ({"keys": w.vkey("w1")}, Reason.CONFIGURATION_INVALID, "audit.keys"),
        ({"keys": [5]}, Reason.AUDIT_MALFORMED, "audit.key"),
        ({"witnesses": None}, Reason.CONFIGURATION_INVALID, "audit.keys"),
        ({"witnesses": w.witness_key()}, Reason.CONFIGURATION_INVALID, "audit.keys"),
        ({"previous": None}, Reason.CONFIGURATION_INVALID, "audit.previous"),
        ({"previous": 5}, Reason.CONFIGURATION_INVALID, "audit.previous"),
        ({"previous": ["text"]}, Reason.AUDIT_MALFORMED, "audit.previous"),
        ({"previous": b"one note"}, Reason.AUDIT_MALFORMED, "audit.previous"),
        ({"now": None}, Reason.CONFIGURATION_INVALID, "audit.now"),
        ({"now": "now"}, Reason.CONFIGURATION_INVALID, "audit.now"),
        ({"now": True}, Reason.CONFIGURATION_INVALID, "audit.now"),
        ({"max_age_s": "60"}, Reason.CONFIGURATION_INVALID, "audit.max_age_s"),
        ({"max_age_s": True}, Reason.CONFIGURATION_INVALID, "audit.max_age_s"),
        ({"now": float("nan")}, Reason.CONFIGURATION_INVALID, "audit.now"),
        ({"now": float("inf")}, Reason.CONFIGURATION_INVALID, "audit.now"),
        ({"now": -1}, Reason.CONFIGURATION_INVALID, "audit.now"),
        ({"max_age_s": float("nan")}, Reason.CONFIGURATION_INVALID, "audit.max_age_s"),
        ({"max_age_s": float("inf")}, Reason.CONFIGURATION_INVALID, "audit.max_age_s"),
        ({"max_age_s": -1}, Reason.CONFIGURATION_INVALID, "audit.max_age_s"),
    ],
)
def test_what_an_auditor_gives_has_its_types(three: Path, changes: dict[str, Any], reason: Reason, where: str) -> None:
    given: dict[str, Any] = {"directory": three, "keys": [w.vkey(name) for name in NAMES], "now": NOW}
    refused(lambda: verify_audit(**(given | changes)), reason, where)


def test_the_key_of_another_log_is_not_enough(three: Path) -> None:
    other = n.VerifierKey.of(f"{w.ORIGIN}/w1", 1, w.key("w2").public).to_text()
    refused(lambda: verify_audit(three, keys=[other, w.vkey("w2"), w.vkey("w3")], now=NOW), Reason.AUDIT_INVALID)


def test_an_earlier_checkpoint_of_any_writer_counts(three: Path) -> None:
    kept = [(three / name / "checkpoint").read_bytes() for name in NAMES]
    verify(three, *NAMES, previous=kept)
    refused(lambda: verify(three, "w1", previous=[kept[1]]), Reason.AUDIT_INVALID)
    stranger = kept[0].replace(b"/w1", b"/w9")
    refused(lambda: verify(three, *NAMES, previous=[stranger]), Reason.AUDIT_INVALID, "audit.previous")
    refused(lambda: verify(three, *NAMES, previous=[b""]), Reason.AUDIT_INVALID, "audit.previous")
    wrong = kept[0].replace(b"time ", b"time 1")
    refused(lambda: verify(three, *NAMES, previous=[wrong]), Reason.SIGNATURE_INVALID)


def test_what_an_earlier_checkpoint_says_of_another_log_counts(three: Path) -> None:
    kept = (three / "w1" / "checkpoint").read_bytes()
    for name in NAMES:
        shutil.rmtree(three / name)
        grow(three, 1, writer=name)  # all are begun anew, and none names another
    verify(three, *NAMES)
    refused(lambda: verify(three, *NAMES, previous=[kept]), Reason.AUDIT_INVALID, "audit.consistency")
    shutil.rmtree(three / "w1")
    grow(three, 10, writer="w1")  # only the others are shorter
    refused(lambda: verify(three, *NAMES, previous=[kept]), Reason.AUDIT_INVALID, "audit.consistency")


def test_a_log_that_is_overtaken_must_have_grown_and_not_changed(tmp_path: Path) -> None:
    key = n.VerifierKey.parse(w.vkey(), 1)
    items = [entry(number) for number in range(9)]
    seen = n.open_checkpoint((forged(tmp_path / "a", items[:5]) / "w1" / "checkpoint").read_bytes(), key)
    for name, later, good in (("b", items, True), ("c", [entry(7), *items[1:]], False)):
        newer = n.open_checkpoint((forged(tmp_path / name, later) / "w1" / "checkpoint").read_bytes(), key)
        with Folder(str(tmp_path / name / "w1")) as folder:
            if good:
                _verify_heads(folder, [newer.head], seen, key)
            else:
                refused(
                    lambda folder=folder, newer=newer: _verify_heads(folder, [newer.head], seen, key),  # type: ignore[misc]
                    Reason.AUDIT_INVALID,
                    "audit.consistency",
                )


def test_a_log_that_is_overtaken_and_then_gone_is_refused(tmp_path: Path) -> None:
    key = n.VerifierKey.parse(w.vkey(), 1)
    items = [entry(number) for number in range(9)]
    seen = n.open_checkpoint((forged(tmp_path / "a", items[:5]) / "w1" / "checkpoint").read_bytes(), key)
    newer = n.open_checkpoint((forged(tmp_path / "b", items) / "w1" / "checkpoint").read_bytes(), key)
    (tmp_path / "b" / "w1" / "checkpoint").unlink()
    with Folder(str(tmp_path / "b" / "w1")) as folder:
        refused(lambda: _verify_heads(folder, [newer.head], seen, key), Reason.AUDIT_INVALID, "audit.checkpoint")


def test_a_log_of_more_entries_than_two_levels_of_tiles_verifies(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    settle(log)
    (one,) = log._writer.pending
    for _ in range(17):
        log._writer.append([one] * 4_096)
    log.close()
    size = 17 * 4_096 + 1
    assert verify(tmp_path).logs[0].size == len(peer.verify_log(tmp_path / "w1", w.vkey()).entries) == size
    assert (tmp_path / "w1" / "tile" / "1" / "000").stat().st_size == 256 * 32
    with open_log(tmp_path) as log:  # and is gone on with
        settle(log)
    assert verify(tmp_path).logs[0].size == size + 1


def test_what_every_witness_must_have_seen(tmp_path: Path) -> None:
    keys = [w.witness_key("a.example/w"), w.witness_key("b.example/w")]
    with open_log(tmp_path, witnesses=keys) as log:
        settle(log, 3)
        log.checkpoint()
        refused(lambda: verify(tmp_path, witnesses=keys), Reason.AUDIT_INVALID, "audit.cosignature")
        request = log.witness_request(0)
        log.add_cosignatures(request, w.witness(request, "a.example/w"))
        assert verify(tmp_path, witnesses=keys[:1]).logs[0].witnessed == 3
        refused(lambda: verify(tmp_path, witnesses=keys), Reason.AUDIT_INVALID, "audit.cosignature")
        log.add_cosignatures(request, w.witness(request, "b.example/w"))
        assert verify(tmp_path, witnesses=keys).logs[0].witnessed == 3
        kept = (tmp_path / "w1" / "witnessed").read_bytes()
    forged(tmp_path / "forged", [entry(number) for number in range(5)])
    (tmp_path / "forged" / "w1" / "witnessed").write_bytes(kept)
    refused(lambda: verify(tmp_path / "forged", witnesses=keys), Reason.AUDIT_INVALID, "audit.consistency")


# --- it never hangs ---


def in_time(call: Callable[[], object]) -> str:
    """Run a call that must be refused, and soon. Returns where it was."""
    done = []

    def run() -> None:
        try:
            call()
        except CitizenIDError as error:
            done.append((error.reason, error.where))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "it hangs"
    assert done and done[0][0] in BAD, done
    return done[0][1]


def obstacles(path: Path) -> Iterator[str]:
    """Put something else in the place of a file, each in turn."""
    path.unlink()
    os.mkfifo(path)
    yield "fifo"
    path.unlink()
    path.symlink_to(path.name)
    yield "link to itself"
    path.unlink()
    path.symlink_to("/dev/zero")
    yield "link to a device"
    path.unlink()
    (path.parent / "aside").write_bytes(b"")
    path.symlink_to("aside")
    yield "link to a file"
    path.unlink()
    (path.parent / "aside").unlink()
    path.mkdir()
    yield "folder"
    path.rmdir()
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    yield "sparse"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(path.parent)  # names of sockets are short
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)
        yield "socket"
    path.unlink()
    path.write_bytes(b"\0" * 100)
    path.chmod(0)
    yield "zeros"


@pytest.mark.parametrize(
    "name", ["checkpoint", "wal", "tile/0/000", "tile/entries/000", "tile/0/001.p/2", "tile/entries/001.p/2"]
)
def test_nothing_in_the_place_of_a_file_makes_it_hang(whole: Path, tmp_path: Path, name: str) -> None:
    folder = copy(whole, tmp_path)
    seen = []
    for what in obstacles(folder / "w1" / name):
        seen.append(what)
        where = in_time(lambda: verify(folder))
        assert where == "audit.file" or what == "zeros", what
    assert len(seen) == 8


@pytest.mark.parametrize("name", ["w1", "w1/tile", "w1/tile/0", "w1/tile/entries", "w1/tile/1"])
def test_folders_that_are_links_are_not_followed(whole: Path, tmp_path: Path, name: str) -> None:
    folder = copy(whole, tmp_path)
    os.rename(folder / name, tmp_path / "aside")
    (folder / name).symlink_to(tmp_path / "aside")
    in_time(lambda: verify(folder))
    (folder / name).unlink()
    (folder / name).symlink_to(name.rpartition("/")[2])
    in_time(lambda: verify(folder))
    (folder / name).unlink()
    in_time(lambda: verify(folder))


def test_a_folder_of_very_many_names_is_refused(tmp_path: Path) -> None:
    grow(tmp_path, 1)
    for number in range(4_100):
        (tmp_path / f"n{number}").touch()
    refused(lambda: verify(tmp_path), Reason.AUDIT_INVALID, "audit.file")


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> list[str]:
        raise OSError(errno.EIO, "listdir")

    grow(tmp_path, 1)
    monkeypatch.setattr("citizenid.gateway._audit.reading.listdir", fails)
    refused(lambda: verify(tmp_path), Reason.AUDIT_INVALID, "audit.file")


def test_what_cannot_be_read_on_ends_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = iter([b"one", b"two"])

    def fails(descriptor: int, size: int) -> bytes:
        part = next(parts, b"")
        if not part:
            raise OSError(errno.EIO, "read")
        return part

    (tmp_path / "file").write_bytes(b"onetwothree")
    with Folder(str(tmp_path)) as folder, monkeypatch.context() as patch:
        patch.setattr("citizenid.gateway._audit.reading.read_descriptor", fails)
        assert folder.read("file", 100) == b"onetwo"


def test_a_reader_keeps_few_folders_open_and_reads_all_of_them(tmp_path: Path) -> None:
    names = [f"{outer}/{inner}" for outer in range(12) for inner in range(12)]
    for name in names:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(name.encode())
    with Folder(str(tmp_path)) as folder:
        for name in [*names, *reversed(names)]:
            assert folder.read(f"{name}/file", 100) == name.encode()
            assert len(folder._folders) <= 64
        before = dict(folder._folders)
    for descriptor in before.values():  # and in the end none
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_files_beside_the_logs_are_nobodys_concern(tmp_path: Path) -> None:
    grow(tmp_path, 1)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "w1" / "note.txt").write_bytes(b"hello")
    verify(tmp_path)


def test_a_log_that_is_written_meanwhile_verifies(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    settle(log)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            settle(log, 37)
            log.checkpoint()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        sizes = [verify(tmp_path).logs[0].size for _ in range(15)]
    finally:
        stop.set()
        writer.join()
        log.close()
    assert sizes == sorted(sizes)


def test_logs_that_name_each_other_verify_while_they_are_written(tmp_path: Path) -> None:
    logs = [
        open_log(tmp_path, name, peers=[w.vkey(other) for other in NAMES if other != name], monotonic=Clock().monotonic)
        for name in NAMES
    ]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for log in logs:
                settle(log, 3)
                log.checkpoint()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(15):
            verify(tmp_path, *NAMES)
    finally:
        stop.set()
        writer.join()
        for log in logs:
            log.close()


# --- the command line ---


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "citizenid", "audit", "verify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_command_verifies(three: Path, tmp_path: Path) -> None:
    keys = [argument for name in NAMES for argument in ("--key", w.vkey(name))]
    good = run(str(three), *keys)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.endswith("valid\n") and "citizenship_not_permitted 12" in good.stdout
    as_json = run(str(three), *keys, "--json", "--previous", str(three / "w1" / "checkpoint"))
    document = json.loads(as_json.stdout)
    assert (as_json.returncode, document["ok"]) == (0, True)
    assert [log["size"] for log in document["logs"]] == [10, 11, 12]
    stale = run(str(three), *keys, "--max-age-s", "60", "--json")
    if abs(json.loads(as_json.stdout)["logs"][0]["time"] - NOW) == 0:
        assert stale.returncode == 1
        assert json.loads(stale.stdout) == {
            "ok": False, "reason": "audit_invalid", "where": "audit.checkpoint.time",
        }  # fmt: skip
    (three / "w1" / "tile/0/000.p/10").write_bytes(bytes(320))
    bad = run(str(three), *keys)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "audit_invalid" in bad.stderr
    assert run(str(three), *keys, "--previous", str(three / "none")).returncode == 2
    assert run(str(three)).returncode == 2


def test_the_command_says_in_words_what_an_auditor_must_know(tmp_path: Path) -> None:
    log = open_log(tmp_path, witnesses=[w.witness_key()])
    settle(log, 3)
    log.checkpoint()
    request = log.witness_request(0)
    log.add_cosignatures(request, w.witness(request))
    log._tally.refused("unwritten/revoked")  # as where there was no room for an entry
    log.checkpoint()
    settle(log, 2)
    with (tmp_path / "w1" / "wal").open("ab") as wal:
        wal.write(bytes(7))  # a batch that was torn
    arguments = (str(tmp_path), "--key", w.vkey(), "--witness", w.witness_key())
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"{w.ORIGIN}/w1" and lines[-1] == "valid"
    assert "  WITHOUT AN ENTRY: revoked 1" in lines
    assert "  after the checkpoint: 2 entries, 7 bytes of a torn end" in lines
    assert "  witnessed: 3 entries" in lines
    assert "  no write-ahead file: a copy" not in lines
    (tmp_path / "w1" / "wal").unlink()
    assert "  no write-ahead file: a copy" in run(*arguments).stdout.splitlines()
    log.close()
