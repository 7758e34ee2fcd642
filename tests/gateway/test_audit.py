"""The audit log of a gateway: what becomes an entry, a count or a detail, when it is on the disk, and who witnesses it.

Spec: specs/profile-audit.md.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizenid import LocalKey, Reason
from citizenid.gateway._audit.details import detail_row
from citizenid.gateway._audit.entry import commitment
from citizenid.gateway._audit.note import VerifierKey, open_note, parse_checkpoint
from citizenid.gateway.audit import (
    AuditDetails,
    AuditLog,
    WhenUnwritable,
    leaf_hash,
    prove_inclusion,
    verify_proof,
)

from . import audit_world as w
from . import tlog_peer as peer
from .audit_world import NOW, Clock, allow, open_log, refuse, refused, settle, verify


def entries(folder: Path, writer: str = "w1") -> list[list[Any]]:
    """What an independent reader finds in the log."""
    return [cbor2.loads(each) for each in peer.verify_log(folder / writer, w.vkey(writer)).entries]


# --- entries, counts, samples ---


def test_a_refusal_is_an_entry_with_what_may_stand_in_it(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        settle(log)
    ((version, kind, time, *rest),) = entries(tmp_path)
    tag = log.tag(w.SUBJECT, NOW)
    assert (version, kind, time) == (1, "refused", NOW // 60 * 60)
    assert rest == ["citizenship_not_permitted", "policy", w.POLICY, 3, "claude-3.5-opus", tag, None]
    assert len(tag) == 16 and w.SUBJECT not in (tmp_path / "w1" / "tile/entries/000.p/1").read_bytes()


SECRETS = st.sampled_from(["FRANCE-IS-ONLY-HERE", "203.0.113.77", "issuer.small.example", "Erika Mustermann"])


@settings(max_examples=20)
@given(st.dictionaries(st.sampled_from(["country", "address", "issuer", "name"]), SECRETS, min_size=1))
def test_nothing_of_details_or_subject_is_in_the_folder_of_the_log(
    tmp_path_factory: pytest.TempPathFactory, detail: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("audit")
    details = AuditDetails(folder / "details.sqlite")
    log = open_log(folder / "logs", details=details)
    settle(log, detail=detail, subject=b"the session id")
    log.checkpoint()
    settle(log, detail=detail, subject=b"the session id")
    log.close()
    details.close()
    everything = b"".join(path.read_bytes() for path in (folder / "logs").rglob("*") if path.is_file())
    assert b"refused" in everything
    for text in (*detail.values(), "the session id"):
        assert text.encode() not in everything


def test_words_that_are_not_the_policys_are_left_out(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        for resource in ("x" * 513, "\ud800", "line\nbreak", 7, b"bytes"):
            refuse(log, resource=resource)  # type: ignore[arg-type]
        for rule in (-1, True, "3", 2**64):
            refuse(log, rule=rule)  # type: ignore[arg-type]
        log.refused(Reason.EXPIRED, "V6", policy=b"short", rule=None, resource=None, subject=None, detail=None, now=NOW)
    found = entries(tmp_path)
    assert [each[7] for each in found[:5]] == [None] * 5
    assert [each[6] for each in found[5:9]] == [None] * 4
    assert found[9][5:] == [None] * 5
    verify(tmp_path)


def test_garbage_is_counted_and_fills_no_disk(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    before = sum(path.stat().st_size for path in tmp_path.rglob("*"))
    for _ in range(50_000):
        assert refuse(log, Reason.TICKET_INVALID, "ticket", subject=None) == 0
        assert refuse(log, Reason.RESOURCE_NOT_LISTED, "policy", subject=None, resource=os.urandom(8).hex()) == 0
    assert log.settle(0) is None
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) == before
    log.checkpoint()
    log.checkpoint()  # nothing new: no entry
    (report,) = verify(tmp_path).logs
    assert report.counted == {"ticket_invalid": 50_000, "resource_not_listed": 50_000}
    assert report.size == 1
    log.close()


def test_counts_are_totals_since_the_log_began(tmp_path: Path) -> None:
    for _ in range(3):
        with open_log(tmp_path) as log:
            refuse(log, Reason.TICKET_MISSING, "ticket", subject=None)
            log.checkpoint()
            refuse(log, Reason.TICKET_MISSING, "ticket", subject=None)
    (report,) = verify(tmp_path).logs
    assert report.counted == {"ticket_missing": 6}
    totals = [each[3].get("ticket_missing", 0) for each in entries(tmp_path)]
    assert totals == sorted(totals)


def test_allowed_requests_are_counted_by_rule_and_sampled(tmp_path: Path) -> None:
    with open_log(tmp_path, sample_allowed_every=10) as log:
        for number in range(95):
            assert allow(log, rule=1 + number % 2) is None
        log.checkpoint()
        assert allow(log, rule=None, resource=None, subject=None) is None
    (report,) = verify(tmp_path).logs
    assert (report.allowed, report.sampled) == (96, 9)
    counted = [row for each in entries(tmp_path) if each[1] == "counted" for row in each[5]]
    assert sorted(counted, key=repr) == [
        [w.POLICY, 1, "gpt-4o", 48, 0], [w.POLICY, 2, "gpt-4o", 47, 0], [w.POLICY, None, None, 1, 0],
    ]  # fmt: skip
    (sample, *_) = [each for each in entries(tmp_path) if each[1] == "allowed"]
    assert sample == [1, "allowed", NOW // 60 * 60, w.POLICY, 2, "gpt-4o", log.tag(w.SUBJECT, NOW), False]


def test_resources_without_end_are_counted_in_bounded_memory(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        for number in range(3_000):
            allow(log, resource=f"reports/{number}")
    (report,) = verify(tmp_path).logs
    assert report.allowed == 3_000
    rows = [row for each in entries(tmp_path) for row in each[5]]
    assert len(rows) == 1_025
    assert [None, None, None, 3_000 - 1_024, 0] in rows


def test_tags_change_at_midnight_and_are_the_same_on_all_writers(tmp_path: Path) -> None:
    midnight = NOW // 86_400 * 86_400 + 86_400
    with open_log(tmp_path, "w1") as one, open_log(tmp_path, "w2") as two:
        settle(one, now=midnight - 1)
        settle(one, now=midnight)
        settle(two, now=midnight)
    yesterday, today = (each[8] for each in entries(tmp_path))
    assert yesterday != today == entries(tmp_path, "w2")[0][8]


# --- when it is on the disk ---


def test_what_is_settled_is_on_the_disk_and_what_is_not_may_be_lost(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    settle(log, 3)
    refuse(log)
    state = log.state()
    assert (state.size, state.pending, state.waiting) == (0, 3, 1)
    (report,) = verify(tmp_path).logs  # by somebody else, while the log is open
    assert (report.size, report.pending) == (0, 3)
    log.checkpoint()
    state = log.state()
    assert (state.size, state.pending, state.waiting) == (4, 0, 0)
    log.close()


def test_one_sync_serves_all_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from citizenid.gateway._audit import disk

    log = open_log(tmp_path)
    synced, release = [], threading.Event()
    real = disk.fsync

    def slow(descriptor: int) -> None:
        synced.append(descriptor)
        release.wait(10)
        real(descriptor)

    monkeypatch.setattr(disk, "fsync", slow)
    answers: list[object] = []

    def request() -> None:
        answers.append(log.settle(refuse(log)))

    first = threading.Thread(target=request)
    first.start()
    while not synced:
        pass  # the first is in its sync
    others = [threading.Thread(target=request) for _ in range(50)]
    for thread in others:
        thread.start()
    while log.state().waiting < 51:
        pass
    assert answers == []  # nobody was answered before the disk was
    release.set()
    for thread in (first, *others):
        thread.join()
    assert answers == [None] * 51
    assert len(synced) == 2
    monkeypatch.undo()
    log.close()
    assert verify(tmp_path).logs[0].refused == {"citizenship_not_permitted": 51}


def test_who_waits_too_long_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from citizenid.gateway._audit import disk

    log = open_log(tmp_path, wait_s=0.05)
    in_sync, release = threading.Event(), threading.Event()
    real = disk.fsync

    def stuck(descriptor: int) -> None:
        in_sync.set()
        release.wait(10)
        real(descriptor)

    monkeypatch.setattr(disk, "fsync", stuck)
    leader = threading.Thread(target=lambda: log.settle(refuse(log)))
    leader.start()
    in_sync.wait(10)
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    refused(log.checkpoint, Reason.AUDIT_UNAVAILABLE)
    release.set()
    leader.join()
    monkeypatch.undo()
    log.close()
    assert verify(tmp_path).logs[0].size == 2  # and nothing was lost


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    log = open_log(tmp_path, checkpoint_every_s=1, monotonic=Clock().monotonic)
    wrong = []

    def work(number: int) -> None:
        for _ in range(100):
            if log.settle(refuse(log, subject=b"%d" % number)) is not None:
                wrong.append(number)
            refuse(log, Reason.PROOF_MISSING, "proof", subject=None)
            allow(log)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    (report,) = verify(tmp_path).logs
    assert wrong == []
    assert report.refused == {"citizenship_not_permitted": 800}
    assert report.counted == {"proof_missing": 800}
    assert report.allowed == 800


def test_positions_that_were_never_given_are_not_on_the_disk(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        for position in (1, -1, 10**9):
            assert log.settle(position) is Reason.AUDIT_UNAVAILABLE


# --- checkpoints ---


def test_the_writer_takes_entries_into_the_tree_when_it_is_time(tmp_path: Path) -> None:
    clock = Clock()
    log = open_log(tmp_path, clock=clock, checkpoint_every_s=10)
    settle(log)
    assert log.state().size == 0
    clock.advance(10)
    settle(log)
    assert log.state().size == 2
    log.close()


def test_a_heartbeat_never_goes_back(tmp_path: Path) -> None:
    clock = Clock()
    log = open_log(tmp_path, clock=clock)
    times = []
    for step in (0, 100, -3_600, 50, 86_400, -86_400):
        clock.now += step
        log.checkpoint()
        times.append(log.state().time)
    assert times == [NOW, NOW + 100, NOW + 100, NOW + 100, NOW + 100 - 3_600 + 50 + 86_400, times[4]]
    log.close()
    clock.now = NOW
    with open_log(tmp_path, clock=clock) as log:
        assert log.state().time == times[4]


@pytest.mark.parametrize("reading", [float("nan"), float("inf"), -1, 2**32, "now", None, True, OSError()])
def test_a_clock_without_a_time_makes_no_checkpoint(tmp_path: Path, reading: Any) -> None:
    def read() -> Any:
        if isinstance(reading, Exception):
            raise reading
        return reading

    log = open_log(tmp_path, clock=Clock())
    good = log._clock
    log._clock = read  # type: ignore[misc]
    refused(log.checkpoint, Reason.CLOCK_UNUSABLE)
    settle(log)  # a refusal needs no clock of the log
    log._clock = good  # type: ignore[misc]
    log.close()
    assert verify(tmp_path).logs[0].size == 1


def test_a_checkpoint_names_the_logs_of_all_writers(tmp_path: Path) -> None:
    keys = {name: w.vkey(name) for name in ("w1", "w2", "w3")}
    peers = {name: [key for other, key in keys.items() if other != name] for name in keys}
    elsewhere = tmp_path / "elsewhere"
    with (
        open_log(tmp_path / "here", "w1", peers=peers["w1"]) as one,
        open_log(tmp_path / "here", "w2", peers=peers["w2"]) as two,
        open_log(elsewhere, "w3", peers=peers["w3"]) as three,
    ):
        settle(two, 5)
        settle(three, 7)
        two.checkpoint()
        three.checkpoint()
        one.checkpoint()
        others = {head[0]: head[1] for head in verify_heads(tmp_path / "here" / "w1")}
        assert others == {f"{w.ORIGIN}/w2": 5, f"{w.ORIGIN}/w3": 0}
        one.learn((elsewhere / "w3" / "checkpoint").read_bytes())
        one.checkpoint()
        others = {head[0]: head[1] for head in verify_heads(tmp_path / "here" / "w1")}
        assert others == {f"{w.ORIGIN}/w2": 5, f"{w.ORIGIN}/w3": 7}
        old = (elsewhere / "w3" / "checkpoint").read_bytes()
        settle(three, 1)
        three.checkpoint()
        one.learn((elsewhere / "w3" / "checkpoint").read_bytes())
        one.learn(old)  # an older one takes nothing back
    with open_log(tmp_path / "here", "w1", peers=peers["w1"]) as one:  # and a restart forgets nothing
        others = {head[0]: head[1] for head in verify_heads(tmp_path / "here" / "w1")}
    assert others == {f"{w.ORIGIN}/w2": 5, f"{w.ORIGIN}/w3": 8}


def verify_heads(folder: Path) -> Any:
    return parse_checkpoint(open_note((folder / "checkpoint").read_bytes()).text).others


def test_a_checkpoint_of_nobody_we_know_is_not_learnt(tmp_path: Path) -> None:
    with open_log(tmp_path, peers=[w.vkey("w2")]) as log:
        own = (tmp_path / "w1" / "checkpoint").read_bytes()
        refused(lambda: log.learn(own), Reason.CONFIGURATION_INVALID)
        refused(lambda: log.learn(b"\xff"), Reason.CONFIGURATION_INVALID)
        forged = own.replace(b"/w1", b"/w2")
        refused(lambda: log.learn(forged), Reason.AUDIT_INVALID)
        refused(lambda: log.learn(f"{w.ORIGIN}/w2\n".encode()), Reason.AUDIT_MALFORMED)


def test_two_trees_of_one_size_are_not_learnt_from_one_peer(tmp_path: Path) -> None:
    # Both are signed by him: who has seen one of them and is shown the other must not pass it over.
    notes = []
    for number, step in enumerate(("policy", "sharing")):
        with open_log(tmp_path / f"{number}", "w2") as peer_log:
            settle(peer_log, 3, step=step)
            peer_log.checkpoint()
            notes.append((tmp_path / f"{number}" / "w2" / "checkpoint").read_bytes())
    with open_log(tmp_path / "ours", peers=[w.vkey("w2")]) as log:
        log.learn(notes[0])
        refused(lambda: log.learn(notes[1]), Reason.AUDIT_INVALID, "audit.others")
        log.learn(notes[0])
        log.checkpoint()
        (head,) = verify_heads(tmp_path / "ours" / "w1")
        assert head == parse_checkpoint(open_note(notes[0]).text).head
    with open_log(tmp_path / "ours", peers=[w.vkey("w2")]) as log:  # nor after a restart
        refused(lambda: log.learn(notes[1]), Reason.AUDIT_INVALID, "audit.others")


def test_a_broken_checkpoint_of_a_neighbour_disturbs_nobody(tmp_path: Path) -> None:
    (tmp_path / "w2").mkdir()
    (tmp_path / "w2" / "checkpoint").write_bytes(b"nonsense")
    with open_log(tmp_path, peers=[w.vkey("w2"), w.vkey("w3")]) as log:
        settle(log)
        log.checkpoint()
        assert log.state().size == 1


# --- witnesses ---


def test_a_witness_cosigns_and_its_word_is_kept(tmp_path: Path) -> None:
    names = ["witness.example/w", "another.example/w"]
    keys = [w.witness_key(name) for name in names]
    log = open_log(tmp_path, witnesses=keys)
    settle(log, 3)
    log.checkpoint()
    request = log.witness_request(0)
    assert request.startswith(b"old 0\n\n" + f"{w.ORIGIN}/w1\n3\n".encode())
    for name in names:
        log.add_cosignatures(request, w.witness(request, name))
    assert verify(tmp_path, witnesses=keys).logs[0].witnessed == 3
    for key in keys:
        assert peer.verify_note((tmp_path / "w1" / "checkpoint").read_bytes(), key, 4)
    settle(log, 300)
    log.checkpoint()
    assert verify(tmp_path, witnesses=keys).logs[0].witnessed == 3
    later = log.witness_request(3)
    lines = later.partition(b"\n\n")[0].split(b"\n")
    assert lines[0] == b"old 3" and len(lines) > 1
    assert b"another.example" not in later
    settle(log)
    log.checkpoint()  # meanwhile the log has gone on
    log.add_cosignatures(later, b"".join(w.witness(later, name) for name in names))
    assert verify(tmp_path, witnesses=keys).logs[0].witnessed == 303
    log.add_cosignatures(request, w.witness(request, names[0]))  # a late answer takes nothing back
    log.close()
    with open_log(tmp_path, witnesses=keys) as log:
        log.add_cosignatures(request, w.witness(request, names[0]))
    assert verify(tmp_path, witnesses=keys).logs[0].witnessed == 303


def test_a_witness_who_is_asked_again_and_again_has_one_line_in_a_checkpoint(tmp_path: Path) -> None:
    # A log to which nothing comes while the clock stands still has one checkpoint all the time, and a witness signs it
    # with another time each time: a note of more signatures than can be read would be the end of the log.
    names = ["a.example/w", "b.example/w"]
    keys = [w.witness_key(name) for name in names]
    log = w.open_log(tmp_path, witnesses=keys)
    log.checkpoint()
    for time in range(NOW, NOW + 80):
        request = log.witness_request(0)
        log.add_cosignatures(request, w.witness(request, names[time % 2], time))
        log.add_cosignatures(request, w.witness(request, names[0], time) + w.witness(request, names[0], time + 1))
    for file in ("checkpoint", "witnessed"):
        lines = (tmp_path / "w1" / file).read_bytes().partition(b"\n\n")[2].splitlines()
        assert [line.split()[1].decode() for line in lines] == [f"{w.ORIGIN}/w1", *names]
    log.close()
    w.open_log(tmp_path, witnesses=keys).close()
    assert verify(tmp_path, witnesses=keys).logs[0].witnessed == 0


def test_a_cosignature_that_does_not_verify_is_not_kept(tmp_path: Path) -> None:
    with open_log(tmp_path, witnesses=[w.witness_key()]) as log:
        request = log.witness_request(0)
        good = w.witness(request)
        refused(lambda: log.add_cosignatures(request, w.witness(request, "nobody")), Reason.AUDIT_INVALID)
        refused(lambda: log.add_cosignatures(request, b"nonsense"), Reason.AUDIT_MALFORMED)
        # C2SP tlog-witness: the time MUST NOT be left out. Without it nothing says that this is the largest tree.
        timeless = w.witness(request, time=0)
        for answer in (timeless, timeless + good, good + timeless):
            refused(
                lambda answer=answer: log.add_cosignatures(request, answer),  # type: ignore[misc]
                Reason.SIGNATURE_MALFORMED,
                "audit.cosignature",
            )
        settle(log)
        log.checkpoint()
        refused(lambda: log.add_cosignatures(log.witness_request(0), good), Reason.SIGNATURE_INVALID)
        refused(lambda: log.witness_request(2), Reason.CONFIGURATION_INVALID)
        assert not (tmp_path / "w1" / "witnessed").exists()
        # Lines of others are left out of what is kept.
        stranger = w.witness(request, "nobody")
        log.add_cosignatures(request, stranger + good)
        assert b"nobody" not in (tmp_path / "w1" / "witnessed").read_bytes()


# --- details ---


def test_details_stand_behind_their_commitment_until_they_are_erased(tmp_path: Path) -> None:
    path = tmp_path / "details.sqlite"
    details = AuditDetails(path)
    with open_log(tmp_path / "logs", details=details) as log:
        detail = {"issuer": "issuer.small.example", "network": "vpn", "count": 7}
        settle(log, detail=detail)
        settle(log, detail=detail)
        settle(log, detail={"of": "another"}, subject=b"another")
        settle(log, detail={"of": "tomorrow"}, now=NOW + 86_400)
    first, second, third, fourth = (each[9] for each in entries(tmp_path / "logs"))
    assert first != second  # a salt of its own
    assert details.read(first) == details.read(second) == detail
    assert details.read(bytes(32)) is None
    assert details.erase(first) == 1
    assert details.erase(first) == 0
    assert details.read(first) is None and details.read(second) == detail
    assert details.erase_tag(log.tag(w.SUBJECT, NOW)) == 1
    assert details.read(second) is None and details.read(third) == {"of": "another"}
    assert details.expire(before=NOW + 86_400) == 1
    assert details.read(third) is None and details.read(fourth) == {"of": "tomorrow"}
    kept = b"".join(each.read_bytes() for each in tmp_path.glob("details*"))
    assert b"issuer.small.example" not in kept and b"another" not in kept and b"tomorrow" in kept
    details.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    verify(tmp_path / "logs")  # the log does not notice


def test_details_that_were_changed_are_not_shown(tmp_path: Path) -> None:
    import sqlite3

    details = AuditDetails(tmp_path / "details")
    with open_log(tmp_path / "logs", details=details) as log:
        settle(log, detail={"a": "b"})
    ((*_, digest),) = entries(tmp_path / "logs")
    connection = sqlite3.connect(tmp_path / "details")
    connection.execute("UPDATE detail SET content = ?", (cbor2.dumps({"a": "c"}),))
    connection.commit()
    connection.close()
    refused(lambda: details.read(digest), Reason.AUDIT_MALFORMED)
    details.close()


@pytest.mark.parametrize("content", [b"\xff", b"\x01", b"", "text", None])
def test_details_that_are_none_are_not_shown_though_they_were_committed_to(tmp_path: Path, content: Any) -> None:
    import sqlite3

    details = AuditDetails(tmp_path / "details")
    with open_log(tmp_path / "logs", details=details) as log:
        settle(log, detail={"a": "b"})
    ((*_, digest),) = entries(tmp_path / "logs")
    connection = sqlite3.connect(tmp_path / "details")
    ((salt,),) = connection.execute("SELECT salt FROM detail").fetchall()
    if content is None:
        connection.execute("UPDATE detail SET salt = 'text'")
    else:
        digest = commitment(salt, content) if type(content) is bytes else digest
        connection.execute("UPDATE detail SET content = ?, commitment = ?", (content, digest))
    connection.commit()
    connection.close()
    refused(lambda: details.read(digest), Reason.AUDIT_MALFORMED, "audit.detail")
    details.close()


def test_of_details_that_come_together_all_are_kept_or_none(tmp_path: Path) -> None:
    details = AuditDetails(tmp_path / "details")
    good = detail_row(bytes(16), {"a": "b"}, None, NOW)
    refused(lambda: details.keep([good, good._replace(commitment=b"x", salt=None)]), Reason.AUDIT_UNAVAILABLE)
    assert details.read(good.commitment) is None
    details.keep([good])  # nothing of the transaction that failed stands in the way
    assert details.read(good.commitment) == {"a": "b"}
    details.close()


def test_a_commitment_is_that_of_the_page() -> None:
    import hashlib

    assert commitment(b"salt", b"detail") == hashlib.sha256(b"saltdetail").digest()


@pytest.mark.parametrize("detail", [{"a": 1.5 + 2j}, {"a": "x" * 9_000}, {"a": float("nan")}, {1.5: "a"}])
def test_details_that_cannot_be_kept_hold_no_entry_up(tmp_path: Path, detail: Any) -> None:
    details = AuditDetails(tmp_path / "details")
    with open_log(tmp_path / "logs", details=details) as log:
        settle(log, detail=detail)
        assert log.state().details_lost == 1
    assert entries(tmp_path / "logs")[0][9] is None
    details.close()


def test_a_store_of_details_that_fails_holds_no_entry_up(tmp_path: Path) -> None:
    details = AuditDetails(tmp_path / "details")
    with open_log(tmp_path / "logs", details=details) as log:
        details.close()
        settle(log, detail={"a": "b"})
        assert log.state().details_lost == 1
    refused(lambda: details.read(bytes(32)), Reason.AUDIT_UNAVAILABLE)


@pytest.mark.parametrize("wrong", [None, 5, 2**80, True, "text", bytearray(32), [b"x"]])
def test_details_are_asked_for_by_bytes_and_expire_at_a_time(tmp_path: Path, wrong: Any) -> None:
    details = AuditDetails(tmp_path / "details")
    for call in (details.read, details.erase, details.erase_tag):
        refused(lambda call=call: call(wrong), Reason.CONFIGURATION_INVALID, "audit.details")  # type: ignore[misc]
    for before in (None, -1, 2**80, 1.5, float("nan"), True, "now"):
        refused(lambda before=before: details.expire(before=before), Reason.CONFIGURATION_INVALID)  # type: ignore[misc]
    details.close()


@pytest.mark.parametrize("changes", [{"now": -5}, {"now": 1.5}, {"now": 2**40}, {"now": None}, {"subject": "text"}])
def test_what_would_be_no_entry_spoils_no_log(tmp_path: Path, changes: dict[str, Any]) -> None:
    with open_log(tmp_path, sample_allowed_every=1) as log:
        given = {"policy": None, "rule": None, "resource": None, "subject": w.SUBJECT, "now": NOW} | changes
        position = log.refused(Reason.EXPIRED, "V6", detail=None, **given)
        assert log.settle(position) is Reason.AUDIT_UNAVAILABLE
        assert log.state().unwritten == 1
        assert log.allowed(marked=False, **given) is None
        settle(log)
    assert verify(tmp_path).logs[0].unwritten == {"expired": 1}


@pytest.mark.parametrize("wrong", [None, 1.5, -1, True, "now", float("nan")])
def test_a_tag_is_of_a_subject_and_a_day(tmp_path: Path, wrong: Any) -> None:
    with open_log(tmp_path) as log:
        refused(lambda: log.tag(w.SUBJECT, wrong), Reason.CONFIGURATION_INVALID, "audit.tag")
        for subject in (None, "text", 5, bytearray(16)):
            refused(lambda subject=subject: log.tag(subject, NOW), Reason.CONFIGURATION_INVALID)  # type: ignore[misc]


def test_a_detail_has_a_bound() -> None:
    overhead = len(detail_row(bytes(16), {"a": ""}, None, NOW).content) + 2  # a longer text has a longer head
    longest = detail_row(bytes(16), {"a": "x" * (8_192 - overhead)}, None, NOW)
    assert len(longest.content) == 8_192
    longer = {"a": "x" * (8_193 - overhead)}
    refused(lambda: detail_row(bytes(16), longer, None, NOW), Reason.INPUT_TOO_LARGE, "audit.detail")


def kept(path: Path, text: str) -> tuple[AuditDetails, bytes]:
    """A store with one row, and its commitment."""
    details = AuditDetails(path)
    row = detail_row(bytes(32), {"where": text}, None, NOW)
    details.keep([row])
    return details, row.commitment


@pytest.mark.parametrize("how", ["removed", "put back"])
def test_details_are_not_erased_in_a_file_that_lies_there_no_more(tmp_path: Path, how: str) -> None:
    path = tmp_path / "details"
    details, commitment_ = kept(path, "a person's")
    if how == "removed":
        path.unlink()
    else:  # from a backup: what is erased would stay in it
        other, _ = kept(tmp_path / "backup", "a person's")
        other.close()
        (tmp_path / "backup").replace(path)
    for call in (details.read, details.erase, details.erase_tag):
        refused(lambda call=call: call(commitment_), Reason.AUDIT_UNAVAILABLE, "audit.details")  # type: ignore[misc]
    refused(lambda: details.expire(before=2 * NOW), Reason.AUDIT_UNAVAILABLE, "audit.details")
    details.close()


def test_details_are_not_erased_while_somebody_still_reads_them(tmp_path: Path) -> None:
    import sqlite3

    details, commitment_ = kept(tmp_path / "details", "MARK")
    reader = sqlite3.connect(tmp_path / "details", isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM detail").fetchone() == (1,)
    details._connection.execute("PRAGMA busy_timeout = 20")
    refused(lambda: details.erase(commitment_), Reason.AUDIT_UNAVAILABLE, "audit.details")
    reader.close()
    assert details.erase(commitment_) == 0  # the row had gone; now its pages have as well
    assert not any(b"MARK" in each.read_bytes() for each in tmp_path.iterdir())
    details.close()


def test_a_process_that_was_forked_opens_the_details_for_itself(tmp_path: Path) -> None:
    details, commitment_ = kept(tmp_path / "details", "a person's")

    def act() -> bool:
        refused(lambda: details.erase(commitment_), Reason.CONFIGURATION_INVALID, "audit.details")
        return True

    assert in_a_child(act)
    assert details.erase(commitment_) == 1
    details.close()


def test_a_file_of_somebody_else_holds_no_details(tmp_path: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(tmp_path / "other")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    refused(lambda: AuditDetails(tmp_path / "other"), Reason.CONFIGURATION_INVALID)
    (tmp_path / "text").write_bytes(b"no data base" * 100)
    refused(lambda: AuditDetails(tmp_path / "text"), Reason.AUDIT_UNAVAILABLE)
    refused(lambda: AuditDetails(tmp_path), Reason.AUDIT_UNAVAILABLE)
    refused(lambda: AuditDetails("a\0b"), Reason.AUDIT_UNAVAILABLE)
    AuditDetails(tmp_path / "details").close()
    AuditDetails(tmp_path / "details").close()


# --- who writes ---


def test_a_log_has_one_writer(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        settle(log)
        error = refused(lambda: open_log(tmp_path), Reason.AUDIT_WRITER_PRESENT)
        assert error.where == "audit.directory"
        with open_log(tmp_path, "w2"):
            pass
        settle(log)
    with open_log(tmp_path) as log:
        assert log.state().size == 2


def test_a_log_that_could_not_be_begun_has_no_writer(tmp_path: Path) -> None:
    clock = Clock()
    clock.now = -1
    refused(lambda: open_log(tmp_path, clock=clock), Reason.CLOCK_UNUSABLE)
    with open_log(tmp_path) as log:
        settle(log)
    assert verify(tmp_path).logs[0].size == 1


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_writer_that_has_let_go_writes_nothing_more(tmp_path: Path) -> None:
    """The log may have another writer by then, and the numbers of its files may be those of others."""
    log = open_log(tmp_path)
    settle(log, 3)
    log.close()
    before = written(tmp_path)
    with pytest.raises(OSError, match="closed"):
        log._writer.append([b"entry"])
    assert written(tmp_path) == before
    with (tmp_path / "other").open("wb") as one, (tmp_path / "another").open("wb") as other:
        log._writer.close()
        one.write(b"still open")
        other.write(b"still open")
    assert (tmp_path / "other").read_bytes() == (tmp_path / "another").read_bytes() == b"still open"


def test_a_child_of_a_writer_does_not_write(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    settle(log)
    child = os.fork()
    if child == 0:
        os._exit(7 if log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    settle(log)
    log.close()
    assert verify(tmp_path).logs[0].size == 2


def in_a_child(act: Callable[[], bool]) -> bool:
    """What a forked process finds."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 7 if act() else 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_child_of_a_writer_allows_and_counts_nothing(tmp_path: Path) -> None:
    # The counters are mapped: a child's would be counted into the parent's file, past the parent's lock.
    log = open_log(tmp_path)
    other = open_log(tmp_path, "w2", when_unwritable=WhenUnwritable.GO_ON)

    def counted(each: AuditLog) -> bool:
        position = refuse(each, Reason.TICKET_MISSING, "ticket", subject=None)
        return each.settle(position) is None

    assert in_a_child(lambda: allow(log) is Reason.AUDIT_UNAVAILABLE and not counted(log))
    assert in_a_child(lambda: allow(other) is None and not counted(other))
    assert allow(log) is None and counted(log) and counted(other)
    log.close()
    other.close()
    one, two = verify(tmp_path, "w1", "w2").logs
    assert (one.allowed, one.counted) == (1, {"ticket_missing": 1})
    assert (two.allowed, two.counted) == (0, {"ticket_missing": 1})


def test_a_log_is_closed_when_who_writes_has_ended(tmp_path: Path) -> None:
    log = open_log(tmp_path, wait_s=0.01)
    settle(log)
    log._group.enter()  # somebody writes, and it takes long
    for _ in range(2):
        refused(log.close, Reason.AUDIT_UNAVAILABLE)
        refused(lambda: open_log(tmp_path), Reason.AUDIT_WRITER_PRESENT)
    log._group.leave()
    log.close()
    open_log(tmp_path).close()


def test_a_closed_log_raises_nothing_in_a_gateway(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    settle(log)
    log.close()
    log.close()
    assert log.settle(refuse(log)) is Reason.AUDIT_UNAVAILABLE
    assert refuse(log, Reason.TICKET_MISSING, "ticket", subject=None) == 0
    assert allow(log) is Reason.AUDIT_UNAVAILABLE
    refused(log.checkpoint, Reason.AUDIT_UNAVAILABLE)
    assert verify(tmp_path).logs[0].size == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": bytes(range(31))},
        {"secret": bytes(32)},
        {"secret": "x" * 32},
        {"writer": ""},
        {"writer": "a/b"},
        {"writer": ".."},
        {"writer": "a b"},
        {"origin": "gate way"},
        {"origin": ""},
        {"key": LocalKey.generate("ES256")},
        {"peers": [w.vkey("w1")]},
        {"peers": [w.vkey("w2"), w.vkey("w2")]},
        {"peers": [w.vkey("w2"), VerifierKey.of(f"{w.ORIGIN}/w2", 1, w.key("w3").public).to_text()]},
        {"when_unwritable": "refuse"},
        {"details": "path"},
        {"sample_allowed_every": 0},
        {"checkpoint_every_s": 0},
        {"checkpoint_every_s": 1.5},
        {"max_waiting": 0},
        {"wait_s": 0},
        {"wait_s": None},
        {"wait_s": "5"},
        {"wait_s": True},
        {"wait_s": float("nan")},
        {"wait_s": float("inf")},
        {"wait_s": 3_601},
        {"wait_s": 10**400},
        {"origin": None},
        {"origin": 5},
        {"writer": None},
        {"key": None},
        {"key": "key"},
        {"key": object()},
        {"peers": None},
        {"peers": w.vkey("w2")},
        {"peers": 5},
        {"witnesses": None},
        {"witnesses": w.witness_key()},
        {"clock": NOW},
        {"clock": None},
        {"monotonic": 0.0},
        {"random": b"random"},
        {"directory": None},
        {"directory": 5},
        {"directory": b"log"},
    ],
)
def test_a_configuration_that_cannot_be_right_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    given: dict[str, Any] = {
        "directory": tmp_path, "writer": "w1", "origin": w.ORIGIN, "key": w.key("w1"), "secret": w.SECRET
    }  # fmt: skip
    error = refused(lambda: AuditLog(**(given | changes)), Reason.CONFIGURATION_INVALID)
    (name,) = changes  # the writer's is a part of the log's, and peers and witnesses are named by keys
    others = {"writer": "audit.origin", "peers": "audit.keys", "witnesses": "audit.keys"}
    assert error.where in (f"audit.{name}", others.get(name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [None, 5, "text", ["x"]])
def test_what_comes_from_elsewhere_is_bytes(tmp_path: Path, wrong: Any) -> None:
    with open_log(tmp_path, peers=[w.vkey("w2")], witnesses=[w.witness_key()]) as log:
        log.checkpoint()
        asked = log.witness_request(0)
        refused(lambda: log.learn(wrong), Reason.CONFIGURATION_INVALID, "audit.peers")
        refused(lambda: log.add_cosignatures(wrong, w.witness(asked)), Reason.AUDIT_MALFORMED, "audit.note")
        refused(lambda: log.add_cosignatures(asked, wrong), Reason.AUDIT_MALFORMED, "audit.note")
        refused(lambda: log.witness_request(wrong), Reason.CONFIGURATION_INVALID, "audit.proof")
        settle(log, 1)
        log.checkpoint()
        proof = prove_inclusion(tmp_path / "w1", key=w.vkey(), index=0)
    refused(lambda: verify_proof(wrong, b"entry", key=w.vkey()), Reason.AUDIT_MALFORMED, "audit.proof")
    refused(lambda: verify_proof(proof, wrong, key=w.vkey()), Reason.AUDIT_MALFORMED, "audit.entry")
    refused(lambda: verify_proof(proof, b"entry", key=wrong), Reason.AUDIT_MALFORMED, "audit.key")
    refused(lambda: prove_inclusion(tmp_path / "w1", key=wrong, index=0), Reason.AUDIT_MALFORMED, "audit.key")
    refused(lambda: prove_inclusion(tmp_path / "w1", key=w.vkey(), index=wrong), Reason.CONFIGURATION_INVALID)
    if wrong != "text":
        refused(lambda: prove_inclusion(wrong, key=w.vkey(), index=0), Reason.CONFIGURATION_INVALID, "audit.directory")


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    refused(lambda: open_log(tmp_path / "file"), Reason.AUDIT_UNAVAILABLE)


def test_representations_tell_nothing(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        assert repr(log) == "<AuditLog>"
        assert repr(log._tags) == "<Tags>"


# --- proofs ---


def test_an_entry_is_proven_by_a_text_alone(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        settle(log, 300)
        log.checkpoint()
    found = peer.verify_log(tmp_path / "w1", w.vkey())
    for index in (0, 255, 256, 299):
        proof = prove_inclusion(tmp_path / "w1", key=w.vkey(), index=index)
        assert proof.startswith(b"c2sp.org/tlog-proof@v1\nindex %d\n" % index)
        proven = verify_proof(proof, found.entries[index], key=w.vkey())
        assert tuple(proven) == (index, 300, NOW)
        refused(lambda proof=proof: verify_proof(proof, b"another", key=w.vkey()), Reason.AUDIT_INVALID)  # type: ignore[misc]
    refused(lambda: prove_inclusion(tmp_path / "w1", key=w.vkey(), index=300), Reason.CONFIGURATION_INVALID)
    refused(lambda: prove_inclusion(tmp_path, key=w.vkey(), index=0), Reason.AUDIT_INVALID)
    assert leaf_hash(found.entries[0]) == peer.sha256(b"\0" + found.entries[0])


def test_what_a_proof_has_extra_is_passed_over(tmp_path: Path) -> None:
    """C2SP tlog-proof: one line that nobody has signed MAY stand before the index."""
    with open_log(tmp_path) as log:
        settle(log, 10)
    found = peer.verify_log(tmp_path / "w1", w.vkey())
    proof = prove_inclusion(tmp_path / "w1", key=w.vkey(), index=5)
    for extra in (b"AAAA", b"AA==", b"A" * 1_000):
        more = proof.replace(b"index 5\n", b"extra " + extra + b"\nindex 5\n", 1)
        assert verify_proof(more, found.entries[5], key=w.vkey()).number == 5
        refused(lambda more=more: verify_proof(more, b"another", key=w.vkey()), Reason.AUDIT_INVALID)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"index 5", b"index 05"),
        (b"index 5", b"index"),
        (b"index 5\n", b"index 5\nAAAA\n"),
        (b"index 5\n", b"extra AAAA\nextra AAAA\nindex 5\n"),
        (b"index 5\n", b"index 5\nextra AAAA\n"),
        (b"index 5\n", b"extra AAA\nindex 5\n"),
        (b"index 5\n", b"extra AA_-\nindex 5\n"),
        (b"index 5\n", b"extra\nindex 5\n"),
        (b"index 5\n", b"extra \nindex 5\n"),
        (b"index 5\n", b"extra  AAAA\nindex 5\n"),
        (b"index 5\n", b"Extra AAAA\nindex 5\n"),
        (b"index 5\n", b"extra " + b"A" * 160_000 + b"\nindex 5\n"),
        (b"\n\n", b"\n"),
    ],
)
def test_what_is_no_proof_is_malformed(tmp_path: Path, old: bytes, new: bytes) -> None:
    with open_log(tmp_path) as log:
        settle(log, 10)
    proof = prove_inclusion(tmp_path / "w1", key=w.vkey(), index=5)
    assert old in proof
    refused(lambda: verify_proof(proof.replace(old, new, 1), b"", key=w.vkey()), Reason.AUDIT_MALFORMED)
