"""The ledger of a publisher: a file says what the one in memory says, and keeps what was answered through anything.

The publisher in memory is the model of the one with a file; the oracles are sets, plain SQLite and a file that is cut
short. Spec: Token Status List sections 13.2, 13.3; specs/profile-status-list.md section 5; specs/decisions/0015.
"""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from citizenid import CitizenIDError, LocalKey, Reason, Status, StatusReference, UnixTime
from citizenid._limits import DEFAULT_LIMITS
from citizenid.status import StatusChange, StatusPublisher, StatusStore, _ledger_file
from citizenid.status._ledger import Packed
from citizenid.status._ledger_file import nth_free

from . import DAY, ISSUER, MEDIA_TYPE, NOW, URI, anchors, key, slow_read
from .test_publisher import WIDTHS, fisher_yates, published_bits, refused, seeded, taken_apart

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # plain pytest does not search the repository's root

from benches import crash_status  # noqa: E402

REASON = "reported stolen, case 4711"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.status"


@pytest.fixture
def opened() -> Iterator[Callable[..., StatusPublisher]]:
    """Open publishers, and close them when the test ends."""
    all_of_them: list[StatusPublisher] = []

    def make(path: Path | None, size: int = 16, bits: int = 2, **changes: Any) -> StatusPublisher:
        all_of_them.append(StatusPublisher(uri=URI, size=size, bits=bits, path=path, **changes))
        return all_of_them[-1]

    yield make
    for publisher in all_of_them:
        publisher.close()


Opened = Callable[..., StatusPublisher]


@pytest.fixture(params=["memory", "file"])
def either(request: pytest.FixtureRequest, path: Path, opened: Opened) -> Callable[..., StatusPublisher]:
    """Open a publisher of either kind."""
    return lambda *arguments, **changes: opened(path if request.param == "file" else None, *arguments, **changes)


def publish(publisher: StatusPublisher, now: int = NOW, signer: LocalKey | None = None, kid: str = "signer") -> bytes:
    return publisher.publish(signer or key(), now=now, ttl_s=3_600, expires_s=DAY, kid=kid)


def listed(body: bytes) -> Callable[[int], int]:
    """What a token says of an index."""
    bits, packed = published_bits(body)
    return lambda index: slow_read(bits, packed, index)


# --- allocation ---


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_free_place_is_found_by_its_rank(taken: bytes, data: st.DataObject) -> None:
    free = [place for place in range(8 * len(taken)) if not taken[place // 8] >> place % 8 & 1]
    if free:
        rank = data.draw(st.integers(0, len(free) - 1))
        assert nth_free(taken, rank) == free[rank]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight places in a chunk, so that a small list has many."""
    monkeypatch.setattr(_ledger_file, "_CHUNK_BYTES", 1)


@settings(max_examples=20)
@given(size=st.integers(1, 40), data=st.data())
def test_a_draw_takes_the_free_place_of_that_rank(size: int, data: st.DataObject) -> None:
    # One value of the draw for each free place, which is why none is likelier than another: however full the list is,
    # there is one draw, below the number of free places, and no second try.
    draws = [data.draw(st.integers(0, left - 1)) for left in range(size, 0, -1)]
    source, bounds = iter(draws), []

    def drawn(bound: int) -> int:
        bounds.append(bound)
        return next(source)

    free = list(range(size))
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(_ledger_file, "_CHUNK_BYTES", 1)
        publisher = StatusPublisher(uri=URI, size=size, path=Path(folder) / "list", randbelow=drawn)
        for draw in draws:
            assert publisher.allocate().index == free.pop(draw)
        refused(Reason.STATUS_LIST_FULL, publisher.allocate)
        publisher.close()
    assert bounds == list(range(size, 0, -1))


@settings(max_examples=20)
@given(size=st.integers(1, 40), counts=st.lists(st.integers(1, 12), min_size=1), seed=st.integers(0, 2**32))
def test_a_batch_is_a_shuffle_of_what_is_free(size: int, counts: list[int], seed: int) -> None:
    free, source = list(range(size)), seeded(seed)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(_ledger_file, "_CHUNK_BYTES", 1)
        publisher = StatusPublisher(uri=URI, size=size, path=Path(folder) / "list", randbelow=seeded(seed))
        for count in counts:
            if count > len(free):
                refused(Reason.STATUS_LIST_FULL, lambda count=count: publisher.allocate_many(count))
                assert publisher.free == len(free)  # all or none
                continue
            draws = [source(len(free) - place) for place in range(count)]
            rest = iter([*draws, *[0] * (len(free) - count)])  # only the first of them are looked at
            ranks = [rank for rank, _ in zip(fisher_yates(len(free), rest_of(rest, len(free))), draws, strict=False)]
            found = [reference.index for reference in publisher.allocate_many(count)]
            assert found == [free[rank] for rank in ranks]
            free = [index for index in free if index not in found]
        publisher.close()


def rest_of(draws: Iterable[int], count: int) -> list[int]:
    return [draw for draw, _ in zip(draws, range(count), strict=False)]


@pytest.mark.parametrize("count", [0, -1, True, 1.0, None, "3"], ids=repr)
def test_a_count_that_is_none_is_refused(either: Callable[..., StatusPublisher], count: Any) -> None:
    publisher = either()
    refused(Reason.CONFIGURATION_INVALID, lambda: publisher.allocate_many(count))
    refused(Reason.CONFIGURATION_INVALID, lambda: publisher.allocate_decoys(count, revoked=0))
    revoked = 3 if count == 0 else count  # 3 are more than there are; none may be revoked
    refused(Reason.CONFIGURATION_INVALID, lambda: publisher.allocate_decoys(2, revoked=revoked))
    assert publisher.free == 16


def test_a_batch_that_does_not_fit_takes_nothing(either: Callable[..., StatusPublisher]) -> None:
    publisher = either()
    publisher.allocate_many(10)
    refused(Reason.STATUS_LIST_FULL, lambda: publisher.allocate_many(7))
    assert publisher.free == 6
    assert len({reference.index for reference in publisher.allocate_many(6)}) == 6


def test_a_random_source_that_fails_takes_nothing(either: Callable[..., StatusPublisher]) -> None:
    working, left = seeded(3), [100]

    def source(bound: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError("no entropy")
        return working(bound)

    publisher = either(10, 1, randbelow=source)
    left[0] = 2
    with pytest.raises(OSError, match="no entropy"):
        publisher.allocate_many(4)
    assert publisher.free == 10
    left[0] = 10
    assert sorted(reference.index for reference in publisher.allocate_many(10)) == list(range(10))


def test_a_large_list_has_no_row_for_what_is_free(path: Path, opened: Opened) -> None:
    publisher = opened(path, 10_000_000, 1)
    references = publisher.allocate_many(20)
    publisher.revoke(references[0])
    body = publish(publisher)
    assert listed(body)(references[0].index) == 1
    with plain(path) as connection:
        assert connection.execute("SELECT count(*) FROM chunk").fetchone()[0] <= 20
        assert connection.execute("SELECT count(*) FROM change").fetchone()[0] == 1
    publisher.close()
    assert path.stat().st_size < 200_000


def test_the_file_does_not_tell_the_order(tmp_path: Path, opened: Opened) -> None:
    # The same indices, given out in another order: the same file, byte for byte, when the log has gone into it.
    images = []
    for name, draws in (("up", [0] * 6), ("down", [5, 4, 3, 2, 1, 0])):
        source = iter(draws)
        publisher = opened(tmp_path / name, 6, 1, randbelow=lambda _, source=source: next(source))
        assert sorted(publisher.allocate().index for _ in range(6)) == list(range(6))
        publisher.close()
        with plain(tmp_path / name) as connection:
            images.append(list(connection.iterdump()))
    assert images[0] == images[1]


# --- changes, their times and reasons ---


def test_times_and_reasons_are_kept_for_the_issuer(either: Callable[..., StatusPublisher]) -> None:
    publisher = either()
    one, other = publisher.allocate_many(2)
    assert publisher.history(one) == ()
    publisher.suspend(one, at=NOW, reason=REASON)
    publisher.suspend(one, at=NOW + 1, reason="again")  # no change
    publisher.reinstate(one)
    publisher.revoke(one, at=NOW + 2)
    publisher.revoke(one, reason="again")
    changes = publisher.history(one)
    assert [(change.status, change.at, change.reason) for change in changes] == [
        (Status.SUSPENDED, NOW, REASON),
        (Status.VALID, None, None),
        (Status.INVALID, NOW + 2, None),
    ]
    assert all(type(change) is StatusChange and REASON not in repr(change) for change in changes)
    assert publisher.history(other) == ()
    assert publisher.version == 3


def test_times_and_reasons_are_not_published(either: Callable[..., StatusPublisher]) -> None:
    publisher = either(8, 1)
    silent = StatusPublisher(uri=URI, size=8)
    for reference in publisher.allocate_many(8):
        publisher.revoke(reference, at=NOW - 77, reason=REASON)
    for reference in silent.allocate_many(8):
        silent.revoke(reference)
    assert taken_apart(publish(publisher)) == taken_apart(publish(silent))


@pytest.mark.parametrize(
    "changes",
    [
        *({"at": at} for at in (-1, True, float(NOW), "now", 2**53)),
        *({"reason": reason} for reason in ("", 7, b"stolen", "x" * 1_001, "\ud800")),
    ],
    ids=ascii,
)
def test_a_time_or_a_reason_that_is_none_is_refused(
    either: Callable[..., StatusPublisher], changes: dict[str, Any]
) -> None:
    publisher = either()
    reference = publisher.allocate()
    for act in (publisher.revoke, publisher.suspend, publisher.reinstate):
        refused(Reason.CONFIGURATION_INVALID, lambda act=act: act(reference, **changes))
    if "at" in changes:
        refused(Reason.CONFIGURATION_INVALID, lambda: publisher.allocate_decoys(2, revoked=1, **changes))
    assert publisher.status(reference) is Status.VALID and publisher.free == 15


def test_any_time_and_a_reason_of_some_length_are_kept(either: Callable[..., StatusPublisher]) -> None:
    publisher = either()
    reference, reason = publisher.allocate(), "x" * 1_000
    for at in (0, 1, 2**53 - 1):
        publisher.suspend(reference, at=at, reason=reason)
        publisher.reinstate(reference, at=at)
    changes = publisher.history(reference)
    assert [change.at for change in changes] == [0, 0, 1, 1, 2**53 - 1, 2**53 - 1]
    assert [change.reason for change in changes] == [reason, None] * 3


def test_the_history_of_a_stranger_is_refused(either: Callable[..., StatusPublisher]) -> None:
    publisher = either()
    index = publisher.allocate().index
    for stranger in (StatusReference(URI, (index + 1) % 16), StatusReference("https://other.example", index), index):
        refused(Reason.STATUS_INDEX_OUT_OF_RANGE, lambda stranger=stranger: publisher.history(stranger))


def test_decoys_are_as_any_other_index(either: Callable[..., StatusPublisher]) -> None:
    publisher = either()
    real = publisher.allocate()
    decoys = publisher.allocate_decoys(6, revoked=2, at=NOW)
    assert publisher.free == 9
    assert [publisher.status(each) for each in decoys] == [Status.INVALID] * 2 + [Status.VALID] * 4
    said = [publisher.history(each) for each in decoys]
    assert said == [(StatusChange(Status.INVALID, UnixTime(NOW), None),)] * 2 + [()] * 4
    publisher.revoke(decoys[2])  # later, among revocations of credentials
    said = listed(publish(publisher))
    assert [index for index in range(16) if said(index)] == sorted(each.index for each in decoys[:3])
    assert publisher.status(real) is Status.VALID


# --- what is published, and when ---


def test_whether_a_list_has_changed(either: Callable[..., StatusPublisher]) -> None:
    publisher = either()
    assert publisher.changed and publisher.version == 0
    publish(publisher)
    assert not publisher.changed
    reference = publisher.allocate()
    assert not publisher.changed  # what is allocated says valid, as before
    publisher.revoke(reference)
    assert publisher.changed
    publish(publisher)
    publisher.revoke(reference)
    assert not publisher.changed


def test_what_was_not_signed_was_not_published(either: Callable[..., StatusPublisher]) -> None:
    publisher = either()

    class Module:
        public = key().public

        def sign(self, data: bytes, /) -> bytes:
            raise OSError("the module is gone")

    with pytest.raises(OSError, match="the module is gone"):
        publisher.publish(Module(), now=NOW, ttl_s=60, expires_s=60)
    assert publisher.changed
    version = publisher.version
    unsigned = publisher.prepare(key().public, now=NOW, ttl_s=60, expires_s=60)
    publisher.revoke(publisher.allocate())  # too late for what is prepared
    unsigned.sign(key())
    publisher.confirm_published(version)
    assert publisher.changed
    publisher.confirm_published(publisher.version)
    assert not publisher.changed
    publisher.confirm_published(version)  # what is out is out
    assert not publisher.changed


@pytest.mark.parametrize("version", [-1, 1, True, 0.0, None, "0"], ids=repr)
def test_a_version_that_no_list_can_have_is_refused(either: Callable[..., StatusPublisher], version: Any) -> None:
    publisher = either()
    refused(Reason.CONFIGURATION_INVALID, lambda: publisher.confirm_published(version))
    assert publisher.changed


def test_iat_increases_over_processes_and_restarts(path: Path, opened: Opened) -> None:
    one, other = opened(path), opened(path)
    issued = [taken_apart(publish(each, now))[1]["iat"] for each, now in ((one, NOW), (other, NOW), (one, NOW - 9))]
    one.close()
    other.close()
    issued.append(taken_apart(publish(opened(path), 0))[1]["iat"])
    assert issued == [NOW, NOW + 1, NOW + 2, NOW + 3]


def test_no_iat_is_given_that_every_verifier_would_refuse(either: Callable[..., StatusPublisher]) -> None:
    publisher = either()
    skew_s = DEFAULT_LIMITS.clock_skew_s
    for _ in range(skew_s + 1):  # a signer that is away uses one up at every attempt
        publisher.prepare(key().public, now=NOW, ttl_s=60, expires_s=60)
    for now in (NOW, NOW, NOW - skew_s + 1):
        refused(Reason.LEDGER_UNAVAILABLE, lambda now=now: publish(publisher, now), "status-list.iat")
    body = publish(publisher, NOW + 1)
    assert taken_apart(body)[1]["iat"] == NOW + 1 + skew_s
    StatusStore(anchors=anchors(ISSUER, "signer")).ingest(URI, body, media_type=MEDIA_TYPE, now=NOW + 1)


def test_the_last_iat_is_told(either: Callable[..., StatusPublisher]) -> None:
    publisher = either()
    assert publisher.last_issued_at is None
    for issued_at in (NOW, NOW + 1):
        publisher.prepare(key().public, now=NOW, ttl_s=60, expires_s=60)
        assert publisher.last_issued_at == issued_at


def test_a_clock_that_goes_back_far_stops_no_list(either: Callable[..., StatusPublisher]) -> None:
    publisher = either()
    publish(publisher)
    skew_s = DEFAULT_LIMITS.clock_skew_s
    refused(Reason.LEDGER_UNAVAILABLE, lambda: publish(publisher, NOW - 2 * skew_s + 1), "status-list.iat")
    issued = [taken_apart(publish(publisher, now))[1]["iat"] for now in (NOW - 2 * skew_s, 0)]
    assert issued == [NOW + 1, NOW + 2]


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("format", ["jwt", "cwt"])
def test_a_list_that_is_too_long_for_a_token_uses_up_no_iat(format: Any, bits: Any) -> None:
    size = DEFAULT_LIMITS.status_list_bytes * (9 if format == "cwt" else 5)
    publisher = StatusPublisher(uri=URI, size=size // bits, bits=bits)
    options: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 60, "level": 0, "format": format}
    for _ in range(3):
        refused(Reason.CONFIGURATION_INVALID, lambda: publisher.prepare(key().public, **options))
    assert taken_apart(publish(publisher))[1]["iat"] == NOW


def test_a_publisher_that_is_let_go_of_lets_go_of_its_file(path: Path) -> None:
    publisher = StatusPublisher(uri=URI, size=16, path=path)
    connection = publisher._ledger._connection  # type: ignore[attr-defined]  # of a ledger in a file
    del publisher
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")


def test_a_new_key_of_the_issuer_signs_what_replaces_the_old_list(path: Path, opened: Opened) -> None:
    publisher = opened(path)
    reference = publisher.allocate()
    both = anchors(ISSUER, "signer") | anchors(ISSUER, "next")
    store = StatusStore(anchors=both)
    old = publish(publisher)
    store.ingest(URI, old, media_type=MEDIA_TYPE, now=NOW)
    publisher.revoke(reference)
    new = publish(publisher, signer=key("next"), kid="next")
    store.ingest(URI, new, media_type=MEDIA_TYPE, now=NOW)
    assert store.check(reference, issuer=ISSUER, now=NOW) is Status.INVALID
    refused(
        Reason.STATUS_LIST_ROLLBACK,
        lambda: store.ingest(URI, old, media_type=MEDIA_TYPE, now=NOW),
        "status-list.iat",
    )
    # And nobody's key but the issuer's does so.
    strange = publish(publisher, signer=key("stranger"), kid="stranger")
    with pytest.raises(CitizenIDError) as caught:
        store.ingest(URI, strange, media_type=MEDIA_TYPE, now=NOW)
    assert caught.value.reason is Reason.KEY_UNKNOWN


# --- whose file it is ---


class plain:
    """The file by SQLite alone."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)

    def __enter__(self) -> sqlite3.Connection:
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def with_sql(*statements: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with plain(path) as connection:
            for statement in statements:
                connection.execute(statement)

    return make


def ours_changed_by(*statements: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        publisher = StatusPublisher(uri=URI, size=16, bits=2, path=path)
        publisher.revoke(publisher.allocate())
        publisher.close()
        with_sql(*statements)(path)

    return make


def torn(path: Path) -> None:
    ours_changed_by("PRAGMA journal_mode = DELETE")(path)
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4_096):
        data[page * 4_096 : page * 4_096 + 64] = b"\xff" * 64
    path.write_bytes(data)


REFUSED: dict[str, Callable[[Path], None]] = {
    "no data base": lambda path: path.write_bytes(b"not a data base" * 400) and None,
    "another's": with_sql("CREATE TABLE mine (id INTEGER)"),
    "another's, by its number": with_sql("PRAGMA application_id = 7", "CREATE TABLE mine (id INTEGER)"),
    "another's that is empty": with_sql("PRAGMA application_id = 7"),
    "of no version": ours_changed_by("PRAGMA user_version = 0"),
    "newer": ours_changed_by("PRAGMA user_version = 2"),
    "without a table": ours_changed_by("DROP TABLE list"),
    "without its row": ours_changed_by("DELETE FROM list"),
    "of other chunks": ours_changed_by("UPDATE list SET chunk_bytes = 1"),
    "with other counts": ours_changed_by("UPDATE list SET free = x'00'"),
    "with no counts": ours_changed_by("UPDATE list SET free = 7"),
    "torn": torn,
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_is_not_ours_is_refused_and_not_touched(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    before = path.read_bytes()
    for _ in range(2):
        refused(Reason.LEDGER_REFUSED, lambda: StatusPublisher(uri=URI, size=16, bits=2, path=path), "status-list.path")
    assert path.read_bytes() == before


DAMAGE: dict[str, tuple[str, Callable[[StatusPublisher, StatusReference], object]]] = {
    "no log": ("DROP TABLE change", lambda publisher, reference: publisher.revoke(reference)),
    "no list": ("DELETE FROM list", lambda publisher, _: publisher.allocate()),
    "no bitmap": ("DELETE FROM chunk", lambda publisher, _: publisher.allocate()),  # it would give out one twice
    "another bitmap": ("UPDATE chunk SET taken = zeroblob(4000)", lambda publisher, _: publisher.allocate()),
    "a short bitmap": ("UPDATE chunk SET taken = x'00'", lambda publisher, reference: publisher.status(reference)),
    "a number for a bitmap": ("UPDATE chunk SET taken = 7", lambda publisher, _: publisher.allocate()),
    "a place too far": ("INSERT INTO change VALUES (9, 16, 1, NULL, NULL)", lambda publisher, _: publish(publisher)),
    "a text for a place": (
        "INSERT INTO change VALUES (9, 'x', 1, NULL, NULL)",
        lambda publisher, _: publish(publisher),
    ),
    "a text for a value": (
        "INSERT INTO change VALUES (9, 3, 'x', NULL, NULL)",
        lambda publisher, _: publish(publisher),
    ),
    "a value of nobody": ("INSERT INTO change VALUES (9, 3, 3, NULL, NULL)", lambda publisher, _: publish(publisher)),
    "a value below zero": ("INSERT INTO change VALUES (9, 3, -1, NULL, NULL)", lambda publisher, _: publish(publisher)),
    "no counts": ("UPDATE list SET free = x'00'", lambda publisher, _: publisher.free),
    "a number for counts": ("UPDATE list SET free = 7", lambda publisher, _: publisher.allocate()),
    "a text for an iat": ("UPDATE list SET issued_at = 'x'", lambda publisher, _: publish(publisher)),
    "an iat below any": ("UPDATE list SET issued_at = -2", lambda publisher, _: publisher.last_issued_at),
    "a text for what is out": ("UPDATE list SET published = 'x'", lambda publisher, _: publisher.changed),
    "a value too great": ("INSERT INTO change VALUES (9, 3, 4, NULL, NULL)", lambda publisher, _: publish(publisher)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_that_is_met_later_is_refused(path: Path, opened: Opened, damage: str) -> None:
    statement, act = DAMAGE[damage]
    publisher = opened(path)
    reference = publisher.allocate()
    with_sql(statement)(path)
    for _ in range(2):
        refused(Reason.LEDGER_REFUSED, lambda: act(publisher, reference), "status-list.path")


def test_a_status_that_has_no_room_in_the_list_is_damage(path: Path) -> None:
    for bits, statement in (
        (1, "UPDATE change SET status = 2"),
        (1, "UPDATE change SET status = 3"),
        (2, "UPDATE change SET status = 4"),
    ):
        file = path.with_name(f"{bits}-{statement[-1]}")
        publisher = StatusPublisher(uri=URI, size=16, bits=bits, path=file)  # type: ignore[arg-type]  # one of 1 and 2
        reference = publisher.allocate()
        publisher.revoke(reference)
        with_sql(statement)(file)
        refused(Reason.LEDGER_REFUSED, lambda: publisher.history(reference), "status-list.path")  # noqa: B023
        publisher.close()


def test_the_last_time_that_there_is_may_stand_in_a_file(path: Path, opened: Opened) -> None:
    publisher = opened(path)
    for last, statement in (
        (0, "UPDATE list SET issued_at = 0"),
        (2**53 - 1, "UPDATE list SET issued_at = 9007199254740991"),
    ):
        with_sql(statement)(path)
        assert publisher.last_issued_at == last


def test_where_no_file_is_nothing_of_it_is_known(tmp_path: Path) -> None:
    assert _ledger_file._identity(tmp_path / "none") == (-1, -1, -1)


def test_a_ledger_that_was_never_opened_has_nothing_to_close() -> None:
    _ledger_file.FileLedger.__new__(_ledger_file.FileLedger).__del__()


@given(st.sampled_from([1, 2, 4, 8]), st.lists(st.tuples(st.integers(0, 15), st.integers(0, 255)), max_size=40))
def test_what_is_written_over_leaves_nothing(bits: int, writes: list[tuple[int, int]]) -> None:
    packed, expected = Packed(16, bits), [0] * 16
    for index, value in writes:
        packed[index] = expected[index] = value & (1 << bits) - 1
    assert [slow_read(bits, bytes(packed), index) for index in range(16)] == expected


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE change SET status = 'x'", "UPDATE change SET status = 3", "UPDATE change SET at = 'x'",
        "UPDATE change SET at = 5.5", "UPDATE change SET reason = x'00'",
    ],
)  # fmt: skip
def test_a_history_that_is_damaged_is_refused(path: Path, opened: Opened, statement: str) -> None:
    publisher = opened(path)
    reference = publisher.allocate()
    publisher.revoke(reference, at=NOW, reason=REASON)
    with_sql(statement)(path)
    refused(Reason.LEDGER_REFUSED, lambda: publisher.history(reference), "status-list.path")


@pytest.mark.parametrize("changes", [{"uri": URI + "2"}, {"size": 17}, {"bits": 1}], ids=str)
def test_a_file_for_another_list_is_refused(path: Path, opened: Opened, changes: dict[str, Any]) -> None:
    opened(path)
    wanted = {"uri": URI, "size": 16, "bits": 2, **changes}
    refused(Reason.CONFIGURATION_INVALID, lambda: StatusPublisher(path=path, **wanted), "status-list.path")


class PathOfBytes(os.PathLike[bytes]):
    def __fspath__(self) -> bytes:
        return b"list.status"


@pytest.mark.parametrize("wrong", [7, b"list.status", True, object(), PathOfBytes()], ids=type)
def test_a_path_that_is_none_is_refused(wrong: Any) -> None:
    refused(Reason.CONFIGURATION_INVALID, lambda: StatusPublisher(uri=URI, size=1, path=wrong), "status-list.path")


@pytest.mark.parametrize("name", ["", "nowhere/list.status", "nul\0", "."], ids=repr)
def test_a_path_where_no_file_can_be_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    refused(Reason.LEDGER_UNAVAILABLE, lambda: StatusPublisher(uri=URI, size=1, path=name), "status-list.path")


def test_a_name_that_sqlite_has_a_meaning_for_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:list?mode=memory"):
        StatusPublisher(uri=URI, size=1, path=name).close()
        assert (tmp_path / name).stat().st_size > 0


def test_a_file_system_without_shared_memory_holds_no_ledger(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There SQLite goes on without its log ahead, and says so in a word: an answer might not outlive a crash."""

    def connect(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{path}?vfs=unix-dotfile", uri=True, timeout=0, isolation_level=None, check_same_thread=False
        )

    monkeypatch.setattr(_ledger_file, "_connect", connect)
    refused(Reason.LEDGER_UNAVAILABLE, lambda: StatusPublisher(uri=URI, size=16, path=path), "status-list.path")


@pytest.mark.parametrize("how", ["removed", "moved", "replaced by a copy", "replaced by another"])
def test_a_file_that_does_not_lie_at_its_path_is_written_to_no_more(path: Path, opened: Opened, how: str) -> None:
    # What is written to a file without a name is gone with the process: nobody may be told that it was kept.
    publisher = opened(path)
    reference, other = publisher.allocate_many(2)
    aside, copy = path.with_name("aside"), path.with_name("copy")
    opened(path).close()
    shutil.copy(path, copy)
    opened(path.with_name("foreign"), 8).close()
    if how == "removed":
        path.unlink()
    elif how == "moved":
        path.rename(aside)
    else:
        path.rename(aside)
        (copy if how == "replaced by a copy" else path.with_name("foreign")).rename(path)
    for act in (
        publisher.allocate,
        lambda: publisher.revoke(reference),
        lambda: publish(publisher),
        lambda: publisher.status(reference),
        lambda: publisher.confirm_published(0),
    ):
        refused(Reason.LEDGER_UNAVAILABLE, act, "status-list.path")
    if how != "removed":
        aside.replace(path)
        assert publisher.status(reference) is Status.VALID and publisher.free == 14
        publisher.revoke(other)
        assert opened(path).status(other) is Status.INVALID


@pytest.mark.parametrize("how", ["removed", "moved", "replaced"])
def test_without_the_log_beside_it_a_file_is_written_to_no_more(path: Path, opened: Opened, how: str) -> None:
    # The changes of before are in it, and after a kill nobody would find those that come.
    publisher = opened(path)
    reference, other = publisher.allocate_many(2)
    publisher.revoke(reference)
    log, aside = path.with_name(path.name + "-wal"), path.with_name("aside")
    log.unlink() if how == "removed" else log.rename(aside)
    if how == "replaced":
        shutil.copy(aside, log)
    for act in (
        publisher.allocate,
        lambda: publisher.revoke(other),
        lambda: publish(publisher),
        lambda: publisher.status(reference),
        lambda: publisher.confirm_published(0),
    ):
        refused(Reason.LEDGER_UNAVAILABLE, act, "status-list.path")
    if how != "removed":
        aside.replace(log)
        publisher.revoke(other)
        assert publisher.status(other) is Status.INVALID
    publisher.close()
    if how == "replaced":
        return
    again = opened(path)  # what was in the log was brought over when it was closed
    assert again.status(reference) is Status.INVALID
    assert again.status(other) is (Status.VALID if how == "removed" else Status.INVALID)


def test_a_link_to_a_ledger_is_as_good_as_its_path(path: Path, opened: Opened) -> None:
    (path.parent / "disk").mkdir()
    path.symlink_to(path.parent / "disk" / "ledger")
    (path.parent / "disk" / "ledger").touch()
    publisher = opened(path)
    reference = publisher.allocate()
    publisher.revoke(reference)
    assert opened(path).status(reference) is Status.INVALID
    (path.parent / "disk" / "ledger-wal").unlink()
    refused(Reason.LEDGER_UNAVAILABLE, publisher.allocate, "status-list.path")


def test_a_link_that_leads_to_itself_leads_to_no_ledger(path: Path, opened: Opened) -> None:
    path.symlink_to(path)
    refused(Reason.LEDGER_UNAVAILABLE, lambda: opened(path), "status-list.path")


def test_a_log_that_goes_before_it_is_used_and_comes_again_is_the_same_to_all(path: Path, opened: Opened) -> None:
    publisher = opened(path)  # it has not looked into the log yet, and keeps nobody from removing it
    opened(path).close()
    reference = publisher.allocate()
    other = opened(path)
    other.revoke(reference)
    other.close()
    assert publisher.status(reference) is Status.INVALID


@pytest.mark.parametrize("left", [0, 100, 4_096, -1])
def test_a_file_that_somebody_has_cut_is_written_to_no_more(path: Path, opened: Opened, left: int) -> None:
    # Its pages are in the memory of the process: without a look at the file, all would be answered as before.
    publisher = opened(path, 100_000, 2)
    reference, other = publisher.allocate_many(2)
    opened(path, 100_000, 2).allocate()
    whole = path.read_bytes()
    assert publisher.status(reference) is Status.VALID
    os.truncate(path, left % len(whole))
    for act in (
        publisher.allocate,
        lambda: publisher.revoke(reference),
        lambda: publish(publisher),
        lambda: publisher.status(reference),
        lambda: publisher.history(reference),
        lambda: publisher.confirm_published(0),
        lambda: publisher.free,
    ):
        refused(Reason.LEDGER_REFUSED, act, "status-list.path")
    publisher.close()
    path.write_bytes(whole)
    again = opened(path, 100_000, 2)
    assert again.status(reference) is Status.VALID and again.free == 99_997
    again.revoke(other)
    assert again.status(other) is Status.INVALID


def test_a_file_that_is_gone_before_the_first_look_is_unavailable(
    path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(name: str) -> sqlite3.Connection:
        connection = sqlite3.connect(name, timeout=0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA user_version").fetchone()
        path.unlink()
        return connection

    monkeypatch.setattr(_ledger_file, "_connect", connect)
    refused(Reason.LEDGER_UNAVAILABLE, lambda: opened(path), "status-list.path")


def test_an_empty_file_is_a_new_one(path: Path, opened: Opened) -> None:
    path.touch()
    assert opened(path).free == 16


@pytest.mark.parametrize("left", [None, 0, 1, 2, 511], ids=lambda left: "removed" if left is None else str(left))
def test_a_log_whose_file_is_gone_is_not_thrown_away(path: Path, opened: Opened, left: int | None) -> None:
    # SQLite would begin anew without a word: an index would be given out again, and a revocation be forgotten.
    publisher = opened(path)
    reference = publisher.allocate()
    publisher.revoke(reference)
    log, whole = path.with_name(path.name + "-wal"), path.read_bytes()
    said = log.read_bytes()
    assert said
    publisher.close()
    log.write_bytes(said)  # as a process leaves it that was killed
    path.unlink() if left is None else os.truncate(path, left)
    refused(Reason.LEDGER_REFUSED, lambda: opened(path), "status-list.path")
    assert log.read_bytes() == said
    path.write_bytes(whole)
    assert opened(path).status(reference) is Status.INVALID


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files")
def test_the_file_is_for_its_owner_alone(path: Path, opened: Opened) -> None:
    opened(path).allocate()
    for file in (path, *path.parent.glob("*-wal"), *path.parent.glob("*-shm")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_log_is_ahead_and_synced(path: Path, opened: Opened) -> None:
    # synchronous 2 is FULL: the log is synced at each commit. With 1, NORMAL, the last commits go with the power.
    connection = opened(path)._ledger._connection  # type: ignore[attr-defined]  # no caller sees it
    for pragma, value in (("synchronous", 2), ("journal_mode", "wal"), ("fullfsync", 1), ("checkpoint_fullfsync", 1)):
        assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    assert path.read_bytes()[68:72] == (0x43697A53).to_bytes(4, "big")  # what `file` and others see


def test_a_gateway_does_not_load_sqlite() -> None:
    code = "StatusPublisher(uri='a:b', size=1); print('sqlite3' in sys.modules)"
    code = f"import sys, citizenid.gateway; from citizenid.status import StatusPublisher; {code}"
    # Not counted by coverage, which loads it itself.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run([sys.executable, "-c", code], env=alone, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# --- others at the same file, and a disk that refuses ---


def test_a_file_that_is_locked_is_unavailable_and_nothing_was_done(
    path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = opened(path)
    reference = publisher.allocate()
    monkeypatch.setattr(_ledger_file, "_ATTEMPTS", 3)
    with plain(path) as other:
        other.execute("BEGIN IMMEDIATE")
        for act in (publisher.allocate, lambda: publisher.revoke(reference), lambda: publish(publisher)):
            refused(Reason.LEDGER_UNAVAILABLE, act, "status-list.path")
        refused(Reason.LEDGER_UNAVAILABLE, lambda: opened(path), "status-list.path")
        assert publisher.status(reference) is Status.VALID  # who reads does not wait
        other.execute("ROLLBACK")
    assert publisher.free == 15
    publisher.revoke(reference)
    assert publisher.status(reference) is Status.INVALID


def test_a_writer_waits_for_another(path: Path, opened: Opened) -> None:
    publisher = opened(path)
    with plain(path) as other:
        other.execute("BEGIN IMMEDIATE")
        thread = threading.Thread(target=publisher.allocate)
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
        other.execute("ROLLBACK")
        thread.join(10)
    assert publisher.free == 15


def test_a_disk_that_is_full_loses_nothing(path: Path, opened: Opened) -> None:
    publisher = opened(path, 1_000_000, 1)
    reference = publisher.allocate()
    connection = publisher._ledger._connection  # type: ignore[attr-defined]  # no caller sees it
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(2):
        refused(Reason.LEDGER_UNAVAILABLE, lambda: publisher.allocate_many(30_000), "status-list.path")
    assert publisher.free == 999_999
    publisher.revoke(reference)
    connection.execute("PRAGMA max_page_count = 1000000")
    assert len(set(publisher.allocate_many(30_000))) == 30_000


def test_a_publisher_that_is_closed_is_unavailable(path: Path, opened: Opened) -> None:
    publisher = opened(path)
    publisher.close()
    publisher.close()
    refused(Reason.LEDGER_UNAVAILABLE, publisher.allocate, "status-list.path")
    refused(Reason.LEDGER_UNAVAILABLE, lambda: publisher.free, "status-list.path")


def test_a_process_that_was_forked_opens_the_file_for_itself(
    path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = opened(path)
    monkeypatch.setattr(_ledger_file, "getpid", lambda: os.getpid() + 1)
    refused(Reason.CONFIGURATION_INVALID, publisher.allocate, "status-list.path")
    assert opened(path).allocate().uri == URI


def test_what_one_says_the_other_sees(path: Path, opened: Opened) -> None:
    one, other = opened(path), opened(path)
    reference = one.allocate()
    assert other.status(reference) is Status.VALID
    other.suspend(reference, reason=REASON)
    assert one.status(reference) is Status.SUSPENDED and one.history(reference)[0].reason == REASON
    one.revoke(reference)
    refused(Reason.REVOKED, lambda: other.reinstate(reference))
    assert listed(publish(other))(reference.index) == 1
    assert not one.changed


def test_many_may_make_the_file_at_once(tmp_path: Path, opened: Opened) -> None:
    for attempt in range(5):
        path, found = tmp_path / str(attempt), []
        barrier = threading.Barrier(6)

        def make(path: Path = path, barrier: threading.Barrier = barrier, found: list[int] = found) -> None:
            barrier.wait()
            found.append(opened(path, 100).allocate().index)

        threads = [threading.Thread(target=make) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(found)) == 6


# On a disk that others write to, somebody may wait for longer than a ledger does. He is told so, and asks again.
ALLOCATE_500 = """
import sys
from citizenid import CitizenIDError, Reason
from citizenid.status import StatusPublisher
def patiently(act):
    while True:
        try:
            return act()
        except CitizenIDError as error:
            if error.reason is not Reason.LEDGER_UNAVAILABLE:
                raise
publisher = patiently(lambda: StatusPublisher(uri=sys.argv[1], size=2_500, path=sys.argv[2]))
print(*[patiently(publisher.allocate).index for _ in range(500)])
"""


def test_four_processes_never_get_the_same_index(path: Path, opened: Opened) -> None:
    # None of them finds the file: they make it at once.
    command = [sys.executable, "-c", ALLOCATE_500, URI, str(path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    found = [int(index) for process in running for index in process.communicate(timeout=240)[0].split()]
    assert [process.returncode for process in running] == [0] * 4
    assert len(found) == len(set(found)) == 2_000
    assert opened(path, 2_500, 1).free == 500


# --- crashes ---


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked")
def test_a_kill_at_any_instant_loses_nothing() -> None:
    # The full count: python -m benches.crash_status --kills 2000.
    command = [sys.executable, "-m", "benches.crash_status", "--kills", "40", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    tally = json.loads(done.stdout)
    assert tally["kills"] == 40
    assert tally["allocated"] > 100 and tally["revoked"] > 10 and tally["issued"] > 0


def test_the_crash_test_would_notice(path: Path, opened: Opened) -> None:
    publisher = StatusPublisher(uri=crash_status._URI, size=crash_status._SIZE, bits=crash_status._BITS, path=path)
    index = publisher.allocate().index
    publisher.close()
    new = crash_status.Answers(allocated={index})
    crash_status.check(path, crash_status.Answers(allocated={index}), new)
    stranger = crash_status.Answers(allocated={index, (index + 1) % crash_status._SIZE})
    with pytest.raises(CitizenIDError):
        crash_status.check(path, stranger, stranger)
    with pytest.raises(AssertionError, match="fewer"):
        crash_status.check(path, stranger, new)
    with pytest.raises(AssertionError, match="revocation"):
        crash_status.check(path, crash_status.Answers(allocated={index}, revoked={index}), new)
    with pytest.raises(AssertionError, match="iat"):
        crash_status.check(path, crash_status.Answers(issued=set(range(1_800_000_000, 1_800_000_100))), new)
    with plain(path) as connection:
        connection.execute("UPDATE list SET free = x'0000000000000000'")
    with pytest.raises(AssertionError, match="do not make up"):
        crash_status.whole(path)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), garbage=st.booleans())
def test_a_log_that_is_cut_short_has_all_that_was_answered_before(seed: int, garbage: bool) -> None:
    # A loss of power: what was synced is there, what was written later is there in part, or as anything.
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path, log = Path(folder) / "list", Path(folder) / "list-wal"
        publisher = StatusPublisher(uri=URI, size=200, bits=1, path=path)
        answers: list[tuple[int, str, StatusReference]] = []
        for _ in range(25):
            if not answers or chance.random() < 0.6:
                act, reference = "allocated", publisher.allocate()
            else:
                act, reference = "revoked", chance.choice(answers)[2]
                publisher.revoke(reference)
            answers.append((log.stat().st_size, act, reference))
        written = log.read_bytes()
        cut = chance.randrange(len(written))
        (Path(folder) / "copy-wal").write_bytes(
            written[:cut] + (chance.randbytes(len(written) - cut) if garbage else b"")
        )
        shutil.copy(path, Path(folder) / "copy")
        publisher.close()
        after = StatusPublisher(uri=URI, size=200, bits=1, path=Path(folder) / "copy")
        for end, act, reference in answers:
            if end <= cut:
                assert after.status(reference) is Status.INVALID or act == "allocated"
        taken = {reference for end, act, reference in answers if act == "allocated" and end <= cut}
        assert 200 - after.free >= len(taken)
        assert not taken & set(after.allocate_many(after.free))
        after.close()


# --- the whole life of a ledger, against the one in memory ---


class LedgerMachine(RuleBasedStateMachine):
    """Two publishers on one file, opened and closed at any time, and one in memory. `pairs` are what they gave out."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "list"
        self.chunk_bytes = _ledger_file._CHUNK_BYTES
        _ledger_file._CHUNK_BYTES = 1  # type: ignore[misc]  # so that a small list has many chunks
        self.pairs: list[tuple[StatusReference, StatusReference]] = []
        self.now = NOW
        self.files: list[StatusPublisher] = []

    def teardown(self) -> None:
        for publisher in self.files:
            publisher.close()
        _ledger_file._CHUNK_BYTES = self.chunk_bytes  # type: ignore[misc]
        self.folder.cleanup()

    @initialize(size=st.integers(1, 30), bits=st.sampled_from(WIDTHS), seed=st.integers(0, 2**32))
    def begin(self, size: int, bits: int, seed: int) -> None:
        self.size, self.bits, self.source = size, bits, seeded(seed)
        self.memory = StatusPublisher(uri=URI, size=size, bits=bits, randbelow=self.source)
        self.files = [self.open(), self.open()]

    def open(self) -> StatusPublisher:
        return StatusPublisher(uri=URI, size=self.size, bits=self.bits, path=self.path, randbelow=self.source)

    def both(self, which: int, act: Callable[[StatusPublisher, int], Any]) -> list[Any]:
        """Let both do the same; what they refuse they refuse alike."""
        found: list[Any] = []
        for kind, publisher in enumerate((self.memory, self.files[which])):
            try:
                found.append(act(publisher, kind))
            except CitizenIDError as error:
                found.append((error.reason, error.where))
        return found

    which = st.integers(0, 1)

    @rule(which=which)
    def reopen(self, which: int) -> None:
        self.files[which].close()
        self.files[which] = self.open()

    @rule(which=which, count=st.integers(1, 8), revoked=st.sampled_from([0, 0, 0, 1, 2]))
    def allocate(self, which: int, count: int, revoked: int) -> None:
        one, other = self.both(
            which, lambda publisher, _: publisher.allocate_decoys(count, revoked=min(revoked, count), at=self.now)
        )
        if one == (Reason.STATUS_LIST_FULL, "status-list"):
            assert other == one and len(self.pairs) + count > self.size
            return
        assert not {reference for _, reference in self.pairs} & set(other)
        assert all(reference.index < self.size for reference in other)
        self.pairs += zip(one, other, strict=True)

    @precondition(lambda self: self.pairs)
    @rule(
        which=which,
        act=st.sampled_from(["revoke", "suspend", "reinstate"]),
        reason=st.none() | st.sampled_from(["lost", "found"]),
        data=st.data(),
    )
    def change(self, which: int, act: str, reason: str | None, data: st.DataObject) -> None:
        pair = data.draw(st.sampled_from(self.pairs))
        one, other = self.both(
            which, lambda publisher, kind: getattr(publisher, act)(pair[kind], at=self.now, reason=reason)
        )
        assert one == other

    @rule(which=which, index=st.integers(0, 40), act=st.sampled_from(["revoke", "suspend", "status", "history"]))
    def touch_what_was_never_allocated(self, which: int, index: int, act: str) -> None:
        if index not in {reference.index for _, reference in self.pairs}:
            stranger = StatusReference(URI, index)
            refused(Reason.STATUS_INDEX_OUT_OF_RANGE, lambda: getattr(self.files[which], act)(stranger))

    @rule(which=which, seconds=st.sampled_from([0, 0, 1, 40, -3]))
    def publish(self, which: int, seconds: int) -> None:
        self.now += seconds
        one, other = self.both(which, lambda publisher, _: publish(publisher, self.now, FAST_KEY))
        assert taken_apart(one)[1]["iat"] == taken_apart(other)[1]["iat"]
        said = (listed(one), listed(other))
        assert all(said[0](each.index) == said[1](same.index) for each, same in self.pairs)
        ours = {reference.index for _, reference in self.pairs}
        assert all(said[1](index) == 0 for index in range(self.size) if index not in ours)

    @rule(which=which)
    def confirm(self, which: int) -> None:
        self.both(which, lambda publisher, _: publisher.confirm_published(publisher.version))

    @invariant()
    def both_say_the_same(self) -> None:
        for file in self.files:
            assert (file.free, file.version, file.changed) == (
                self.memory.free,
                self.memory.version,
                self.memory.changed,
            )

    @rule(which=which)
    def ask_of_all(self, which: int) -> None:
        for one, other in self.pairs:
            assert self.files[which].status(other) is self.memory.status(one)
            assert self.files[which].history(other) == self.memory.history(one)


FAST_KEY = key("fast", "Ed25519")
TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=25, stateful_step_count=30)
