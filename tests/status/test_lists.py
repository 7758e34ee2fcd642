"""Several lists of one issuer: what is spread over them is distinct, found again, and never meets a full one.

Spec: Token Status List section 9; specs/profile-status-list.md section 5, P16.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizenid import CitizenIDError, Reason, Status, StatusReference
from citizenid.status import StatusLists, StatusPublisher, _lists
from citizenid.status._lists import _allocate

from . import DAY, NOW, key
from .test_ledger import PathOfBytes
from .test_publisher import chi_square, published_bits, refused, seeded

TEMPLATE = "https://issuer.example/status/{list}"
Opened = Callable[..., StatusLists]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Open lists, and close them when the test ends."""
    all_of_them: list[StatusLists] = []

    def make(folder: Path | None = None, size: int = 32, **changes: Any) -> StatusLists:
        all_of_them.append(StatusLists(**{"uri": TEMPLATE, "size": size, "folder": folder, **changes}))
        return all_of_them[-1]

    yield make
    for lists in all_of_them:
        lists.close()


@settings(max_examples=20)
@given(
    size=st.integers(1, 70),
    in_use=st.integers(1, 4),
    counts=st.lists(st.integers(1, 90), min_size=1, max_size=5),
    seed=st.integers(0, 2**32),
)
def test_what_is_spread_is_distinct_and_found_again(size: int, in_use: int, counts: list[int], seed: int) -> None:
    lists = StatusLists(uri=TEMPLATE, size=size, bits=2, in_use=in_use, randbelow=seeded(seed))
    given_out: list[StatusReference] = []
    for count in counts:
        batch = lists.allocate_many(count)
        assert len(batch) == count
        given_out += batch
    given_out.append(lists.allocate())
    assert len(set(given_out)) == len(given_out)
    assert {reference.uri for reference in given_out} <= set(lists.uris)
    assert lists.uris == tuple(TEMPLATE.replace("{list}", str(number)) for number in range(1, len(lists.uris) + 1))
    reserve = size // 16
    room = size - reserve
    assert all(publisher.free >= reserve for publisher in lists)
    # The lists in use are full in turn, and no more are begun than have to be.
    assert len(lists.uris) <= len(given_out) // room + in_use + 1
    lists.of(given_out[0]).suspend(given_out[0])
    assert lists.of(given_out[0]).status(given_out[0]) is Status.SUSPENDED


def test_the_draws_of_every_list_come_from_the_source_that_was_given(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        lists = StatusLists(uri=TEMPLATE, size=32, folder=folder, randbelow=lambda bound: bound - 1)
        assert [lists.allocate().index for _ in range(3)] == [31, 30, 29]
        lists.close()


def test_nothing_is_taken_of_a_list_that_others_have_filled_meanwhile() -> None:
    publisher = StatusPublisher(uri=TEMPLATE.replace("{list}", "1"), size=16)
    assert _allocate(publisher, 0) == () and publisher.free == 16
    assert len(_allocate(publisher, 16)) == 16
    assert _allocate(publisher, 1) == ()


def test_as_many_lists_are_in_use_as_there_may_be() -> None:
    assert len(StatusLists(uri=TEMPLATE, size=16, in_use=1_000).uris) == 1_000


def test_the_next_list_begins_before_the_last_is_full(opened: Opened) -> None:
    lists = opened()
    lists.allocate_many(30)  # a sixteenth of 32 is never given out
    assert len(lists.uris) == 1
    assert lists.allocate().uri == TEMPLATE.replace("{list}", "2")
    assert [publisher.free for publisher in lists] == [2, 31]


def test_allocations_are_spread_evenly_over_the_lists_in_use(opened: Opened) -> None:
    # 3 degrees of freedom, 99.9 %: 16.266.
    lists = opened(None, 10_000, in_use=4, randbelow=seeded(5))
    one_by_one = Counter(lists.allocate().uri for _ in range(800))
    batch = Counter(reference.uri for reference in lists.allocate_many(800))
    assert chi_square(one_by_one, 4, 800) < 16.266 and chi_square(batch, 4, 800) < 16.266
    assert len(lists.uris) == 4


def test_each_list_is_published_by_itself(opened: Opened, tmp_path: Path) -> None:
    lists = opened(tmp_path, in_use=2)
    references = lists.allocate_many(20)
    for publisher in lists:
        publisher.publish(key(), now=NOW, ttl_s=60, expires_s=DAY)
    lists.of(references[0]).revoke(references[0])
    assert [publisher.uri for publisher in lists if publisher.changed] == [references[0].uri]
    (changed,) = [publisher for publisher in lists if publisher.changed]
    index = references[0].index
    assert published_bits(changed.publish(key(), now=NOW, ttl_s=60, expires_s=DAY))[1][index // 8] == 1 << index % 8


def test_the_lists_outlive_the_process_and_are_seen_by_others(opened: Opened, tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    references = one.allocate_many(100)
    assert len(one.uris) == 4
    other.of(references[-1]).revoke(references[-1])  # in a list that `other` has not seen begin
    assert other.uris == one.uris
    assert not set(other.allocate_many(100)) & set(references)
    one.close()
    again = opened(tmp_path)
    assert again.uris == other.uris
    assert again.of(references[-1]).status(references[-1]) is Status.INVALID


def test_a_list_that_another_process_has_filled_is_passed_over(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = opened(tmp_path, 8)
    plenty = StatusLists._left

    def late(self: StatusLists, publisher: StatusPublisher) -> int:
        left = plenty(self, publisher)
        if publisher.uri.endswith("/1") and left == 8:  # between asking and taking
            publisher.allocate_many(8)
        return left

    monkeypatch.setattr(StatusLists, "_left", late)
    assert {reference.uri for reference in lists.allocate_many(5)} == {TEMPLATE.replace("{list}", "2")}


def test_a_list_that_another_process_has_filled_since_is_passed_over(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, taken = StatusPublisher.allocate_many, []

    def late(self: StatusPublisher, count: int) -> tuple[StatusReference, ...]:
        if not taken:  # between counting what is left and taking it
            taken.extend(take(self, 8))
        return take(self, count)

    lists = opened(tmp_path, 8)
    monkeypatch.setattr(StatusPublisher, "allocate_many", late)
    assert {reference.uri for reference in lists.allocate_many(5)} == {TEMPLATE.replace("{list}", "2")}
    assert {reference.uri for reference in taken} == {TEMPLATE.replace("{list}", "1")}


def test_another_refusal_of_a_list_is_the_answer(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: StatusPublisher, count: int) -> tuple[StatusReference, ...]:
        raise CitizenIDError(Reason.LEDGER_UNAVAILABLE, "status-list.path")

    lists = opened(tmp_path, 8)
    monkeypatch.setattr(StatusPublisher, "allocate_many", fails)
    refused(Reason.LEDGER_UNAVAILABLE, lists.allocate, "status-list.path")


def test_lists_that_others_began_and_filled_are_passed_over(opened: Opened, tmp_path: Path) -> None:
    one, other = opened(tmp_path, 8), opened(tmp_path, 8)
    assert len(other.allocate_many(16)) == 16
    assert one.allocate().uri == TEMPLATE.replace("{list}", "3")


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_list_whose_file_is_gone_is_not_begun_anew(opened: Opened, tmp_path: Path, lost: int) -> None:
    # A new ledger under its URI would publish that nobody of the list is revoked.
    lists = opened(tmp_path, 8)
    revoked = lists.allocate_many(40)
    for reference in revoked:
        lists.of(reference).revoke(reference)
    lists.close()
    file = tmp_path / f"{lost}.status"
    file.rename(tmp_path / "aside")
    refused(Reason.LEDGER_REFUSED, lambda: opened(tmp_path, 8), "status-lists.folder")
    assert not file.exists()
    (tmp_path / "aside").rename(file)
    again = opened(tmp_path, 8)
    assert all(again.of(reference).status(reference) is Status.INVALID for reference in revoked)


def test_a_list_that_is_lost_while_others_go_on_is_not_begun_either(opened: Opened, tmp_path: Path) -> None:
    lists, other = opened(tmp_path, 8), opened(tmp_path, 8)
    other.allocate_many(24)
    (tmp_path / "2.status").rename(tmp_path / "aside")
    for act in (lists.allocate, lambda: lists.uris, lambda: list(lists)):
        refused(Reason.LEDGER_REFUSED, act, "status-lists.folder")
    (tmp_path / "aside").rename(tmp_path / "2.status")
    assert len(lists.uris) == 3


def test_lists_that_others_begin_during_the_look_are_no_loss(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists, other = opened(tmp_path, 8), opened(tmp_path, 8)
    lists.allocate()

    def meanwhile(folder: str) -> list[str]:
        monkeypatch.setattr(_lists, "listdir", os.listdir)
        other.allocate_many(32)  # the second list was looked for in vain, and now there are several
        return os.listdir(folder)

    monkeypatch.setattr(_lists, "listdir", meanwhile)
    assert lists.uris[0] == TEMPLATE.replace("{list}", "1")
    assert len(list(tmp_path.glob("*.status"))) >= 3


def test_other_files_in_the_folder_are_nobodys_lists(opened: Opened, tmp_path: Path) -> None:
    for name in ("07.status", "9.status.bak", "9.status-wal", "x.status", "-3.status", "0.status", "\u0663.status"):
        (tmp_path / name).touch()
    assert opened(tmp_path, 8).allocate().uri == TEMPLATE.replace("{list}", "1")


ALLOCATE = """
import sys
from citizenid.status import StatusLists
lists = StatusLists(uri=sys.argv[1], size=64, folder=sys.argv[2], in_use=2)
print(*[f"{reference.uri}#{reference.index}" for _ in range(200) for reference in [lists.allocate()]])
"""


def test_processes_share_the_lists(opened: Opened, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ALLOCATE, TEMPLATE, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    found = [each for process in running for each in process.communicate(timeout=60)[0].split()]
    assert len(found) == len(set(found)) == 600
    lists = opened(tmp_path, 64, in_use=2)
    assert sum(64 - publisher.free for publisher in lists) == 600


def test_a_reference_of_nobody_is_refused(opened: Opened, tmp_path: Path) -> None:
    for lists in (opened(), opened(tmp_path)):
        lists.allocate()
        strangers: list[Any] = [StatusReference(TEMPLATE.replace("{list}", "2"), 0), StatusReference("a:b", 0), None, 7]
        for stranger in strangers:
            refused(Reason.STATUS_INDEX_OUT_OF_RANGE, lambda: lists.of(stranger), "status-lists")  # noqa: B023


@pytest.mark.parametrize("count", [0, -1, True, 1.0, None, "3"], ids=repr)
def test_a_count_that_is_none_is_refused(opened: Opened, count: Any) -> None:
    lists = opened()
    refused(Reason.CONFIGURATION_INVALID, lambda: lists.allocate_many(count), "status-lists")


@pytest.mark.parametrize(
    "changes",
    [
        *({"uri": uri} for uri in ("https://issuer.example/1", "a:{list}/{list}", "", None, b"a:{list}")),
        *({"in_use": in_use} for in_use in (0, -1, True, 1.0, None, 1_001)),
    ],
    ids=str,
)
def test_a_configuration_that_is_none_is_refused(opened: Opened, changes: dict[str, Any]) -> None:
    refused(Reason.CONFIGURATION_INVALID, lambda: opened(**changes), "status-lists")


@pytest.mark.parametrize("drawn", [-1, 1, None, True, 0.0], ids=repr)
def test_a_random_source_that_draws_what_is_not_there_gives_no_index(drawn: Any) -> None:
    lists = StatusLists(uri=TEMPLATE, size=32, randbelow=lambda _: drawn)
    refused(Reason.CONFIGURATION_INVALID, lists.allocate, "status-list.randbelow")


@pytest.mark.parametrize("changes", [{"size": 0}, {"size": True}, {"bits": 3}, {"uri": "no uri {list}"}], ids=str)
def test_what_no_publisher_takes_is_refused(opened: Opened, changes: dict[str, Any]) -> None:
    refused(Reason.CONFIGURATION_INVALID, lambda: opened(**changes))


def test_a_folder_that_is_none_is_refused(opened: Opened, tmp_path: Path) -> None:
    for folder in (7, PathOfBytes()):
        refused(Reason.CONFIGURATION_INVALID, lambda folder=folder: opened(folder=folder), "status-lists.folder")
    for nowhere in (tmp_path / "nowhere", tmp_path / "a\0b", tmp_path / "\ud800"):
        refused(Reason.LEDGER_UNAVAILABLE, lambda nowhere=nowhere: opened(folder=nowhere), "status-list.path")


def test_its_repr_says_nothing_of_anybody(opened: Opened) -> None:
    assert repr(opened()) == "<StatusLists, 1 of 32>"
