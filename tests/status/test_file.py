"""The file of all status lists: it answers as the store that was written, and a refused one changes nothing.

Any lists, any index, any `now` are asked of both. A writer is killed while others read; a file is cut at every length
and has one bit turned anywhere. The last part asks through the gateway and the verifier.
Spec: specs/profile-status-list.md section 8; specs/decisions/0016.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from builders import misused
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    ANY,
    CitizenIDError,
    Format,
    KeyPurpose,
    NeedStatusList,
    Reason,
    Status,
    StatusReference,
    TrustAnchors,
    UnixTime,
    VerificationError,
)
from citizenid.status import (
    StatusFile,
    StatusKind,
    StatusSource,
    StatusStore,
    StoredStatuses,
    read_status_file,
    write_status_file,
)
from citizenid.status import _file as reading
from citizenid.status import _file_layout as layout
from citizenid.status import _file_writing as writing
from citizenid.status import _records as records
from citizenid.status._file_layout import HEADER_BYTES, TAGS, lay_out
from citizenid.status._records import Mark, StoredList, read_marks, write_marks
from citizenid.status._store import place_of, status_identity

from . import (
    IDENTIFIERS,
    ISSUER,
    MEDIA_TYPE,
    NOW,
    OTHER_ISSUER,
    URI,
    anchors,
    claims,
    header,
    key,
    listing,
    named,
    status_list,
    token,
)

TRUSTED: Final = anchors()
BOTH: Final = anchors() | anchors(OTHER_ISSUER, "other")
URIS: Final = tuple(f"https://issuer.example/status/{number}" for number in range(4))


def filled(*lists: tuple[str, int, tuple[int, ...]], at: int = NOW, trusted: TrustAnchors = TRUSTED) -> StatusStore:
    """A store of lists: URI, bits, values."""
    store = StatusStore(anchors=trusted)
    for uri, bits, values in lists:
        take(store, uri, bits, values, at)
    return store


def take(store: StatusStore, uri: str, bits: int, values: tuple[int, ...], at: int = NOW, **changes: Any) -> None:
    payload = claims(sub=uri, iat=at, exp=at + 86_400, status_list=status_list(bits, values), **changes)
    store.ingest(uri, token(payload), media_type=MEDIA_TYPE, now=at)


def answer(ask: Callable[[], object]) -> object:
    """What came back, or the refusal: comparable."""
    try:
        return ask()
    except CitizenIDError as error:
        return type(error), error.reason, error.where
    except TypeError:
        return TypeError


def by_identity(lists: StatusSource, identity: bytes, index: Any, now: Any) -> object:
    return answer(lambda: lists.check_identity(identity, index, now))


def by_reference(lists: StatusSource, reference: StatusReference, issuer: str, now: Any) -> object:
    return answer(lambda: lists.check(reference, issuer=issuer, now=now))


def refusal(call: Callable[[], object]) -> Reason:
    with pytest.raises(CitizenIDError) as caught:
        call()
    assert caught.value.__context__ is None or isinstance(caught.value.__context__, CitizenIDError)
    return caught.value.reason


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lists"


# --- the same answers as the store ---

LISTS = st.lists(
    st.tuples(
        st.sampled_from(URIS),
        st.sampled_from([1, 2, 4, 8]),
        st.lists(st.integers(0, 1), max_size=40).map(tuple),
        st.sampled_from([None, 1, 60, 3_600, 10**12]),
    ),
    max_size=4,
    unique_by=lambda each: each[0],
)
INDICES = st.integers(-3, 50) | st.integers(-(2**70), 2**70) | st.booleans()
NOWS = st.sampled_from([0, NOW - 1, NOW, NOW + 1, NOW + 29, NOW + 30, NOW + 59, NOW + 60, NOW + 3_599, NOW + 3_600]) | (
    st.integers(0, 2**53 - 1)
)


@given(LISTS, st.lists(st.tuples(st.sampled_from([*URIS, "urn:none"]), INDICES, NOWS), min_size=1, max_size=12))
def test_it_answers_as_the_store_that_was_written(tmp_path_factory: Any, lists: Any, questions: Any) -> None:
    path = tmp_path_factory.mktemp("file") / "lists"
    store = StatusStore(anchors=TRUSTED, uris=["https://issuer.example/wanted"])
    for uri, bits, values, ttl in lists:
        changes = {} if ttl is None else {"ttl": ttl}
        take(store, uri, bits, values, **changes)
    write_status_file(path, store)
    file = StatusFile(path, anchors=TRUSTED)
    for uri, index, now in questions:
        for issuer in (ISSUER, OTHER_ISSUER):
            identity = status_identity(uri, issuer)
            assert by_identity(file, identity, index, now) == by_identity(store, identity, index, now)
            if type(index) is int and 0 <= index < 2**32:
                reference = StatusReference(uri, index)
                assert by_reference(file, reference, issuer, now) == by_reference(store, reference, issuer, now)
        assert sorted(file.due(now)) == sorted(store.due(now))
        assert sorted(file.uris) == sorted(store.uris)


@given(st.sampled_from([1, 2, 4, 8]), st.data())
def test_every_entry_of_a_list_reads_as_it_was_packed(tmp_path_factory: Any, bits: int, data: Any) -> None:
    values = tuple(data.draw(st.lists(st.integers(0, (1 << bits) - 1), min_size=1, max_size=60)))
    path = tmp_path_factory.mktemp("file") / "lists"
    store = filled((URIS[0], bits, values), (URIS[1], 8, (7,) * 70))
    write_status_file(path, store)
    file, identity = StatusFile(path, anchors=TRUSTED), status_identity(URIS[0], ISSUER)
    meaning = {0: Status.VALID, 1: Status.INVALID, 2: Status.SUSPENDED}
    for index, value in enumerate(values):
        assert file.check_identity(identity, index, NOW) is meaning.get(value, Status.OTHER)


@pytest.mark.parametrize("now", [-1, 2**53, 1.5, "1", None, True])
def test_what_is_no_time_decides_nothing(path: Path, now: Any) -> None:
    write_status_file(path, filled((URIS[0], 1, (0, 1))))
    file = StatusFile(path, anchors=TRUSTED)
    assert refusal(lambda: file.check(StatusReference(URIS[0], 0), issuer=ISSUER, now=now)) is Reason.CLOCK_UNUSABLE
    assert refusal(lambda: file.due(now)) is Reason.CLOCK_UNUSABLE


IDENTIFIERS_SETS = st.sets(st.binary(min_size=1, max_size=3), max_size=20)


@given(IDENTIFIERS_SETS, IDENTIFIERS_SETS, st.sampled_from([NOW, NOW + 3_599, NOW + 3_600]), st.booleans())
def test_identifier_lists_answer_as_in_the_store(
    tmp_path_factory: Any, revoked: set[bytes], others: set[bytes], now: Any, beside: bool
) -> None:
    path = tmp_path_factory.mktemp("file") / "lists"
    store = filled((URI, 2, (1, 1, 1)), (URIS[2], 8, (7,) * 70)) if beside else StatusStore(anchors=TRUSTED)
    store.ingest(URI, listing(*revoked), media_type=IDENTIFIERS, now=NOW)
    write_status_file(path, store)
    file, (anchor,) = StatusFile(path, anchors=TRUSTED), TRUSTED
    restored = StatusStore(anchors=TRUSTED, stored=read_status_file(path))
    for identifier in (*revoked, *others):
        expected: object = Status.INVALID if identifier in revoked else Status.VALID
        if now == NOW + 3_600:
            expected = NeedStatusList(URI, Reason.STATUS_LIST_STALE)
        for asked in (file, restored, store):
            assert asked.check(named(identifier), issuer=ISSUER, now=now) == expected
            assert asked.check_identity(*place_of(named(identifier), anchor), now) == expected
            assert isinstance(asked.check(named(identifier), issuer=OTHER_ISSUER, now=now), NeedStatusList)
            assert isinstance(asked.check(StatusReference(URI, 2), issuer=ISSUER, now=now), NeedStatusList) is not (
                beside and now < NOW + 3_600
            )
    file.reload(anchors=anchors(OTHER_ISSUER, "other"))
    assert file.check_identity(*place_of(named(b"x"), anchor), now) is None
    assert isinstance(file.check(named(b"x"), issuer=ISSUER, now=now), NeedStatusList)


def test_an_identifier_list_that_is_not_in_the_file_is_needed(path: Path) -> None:
    write_status_file(path, filled((URI, 1, (0, 1))))
    file, (anchor,) = StatusFile(path, anchors=TRUSTED), TRUSTED
    assert file.check(named(b"i"), issuer=ISSUER, now=NOW) == NeedStatusList(URI)
    assert file.check_identity(*place_of(named(b"i"), anchor), NOW) is None
    assert file.due(NOW) == (URI,)


def test_no_index_is_in_range_of_an_identifier_list(path: Path) -> None:
    store = StatusStore(anchors=TRUSTED)
    store.ingest(URI, listing(b"a"), media_type=IDENTIFIERS, now=NOW)
    write_status_file(path, store)
    file = StatusFile(path, anchors=TRUSTED)
    identity = status_identity(URI, ISSUER, None, StatusKind.IDENTIFIER_LIST)
    for asked in (store, file, StatusStore(anchors=TRUSTED, stored=read_status_file(path))):
        for index in (0, 1, 95, 2**32 - 1):
            refused = (VerificationError, Reason.STATUS_INDEX_OUT_OF_RANGE, "status.status_list.idx")
            assert by_identity(asked, identity, index, NOW) == refused


def test_identifiers_of_the_other_byte_order_are_refused(path: Path) -> None:
    store = StatusStore(anchors=TRUSTED)
    store.ingest(URI, listing(b"a", b"b"), media_type=IDENTIFIERS, now=NOW)
    write_status_file(path, store)
    whole = bytearray(path.read_bytes())
    at = HEADER_BYTES + 16 + 6 * 8 + 32 + 32 + 2
    assert whole[at] == TAGS == {"little": 16, "big": 32}[sys.byteorder]
    whole[at] = 48 - TAGS
    directory = bytes(whole[HEADER_BYTES : HEADER_BYTES + int.from_bytes(whole[40:48], "big")])
    whole[64:96] = hashlib.sha256(bytes(whole[:64]) + directory).digest()
    replaced(path, bytes(whole))
    assert refusal(lambda: StatusFile(path, anchors=TRUSTED)) is Reason.STATUS_FILE_MALFORMED


def test_what_is_undetermined_is_never_revoked(path: Path) -> None:
    write_status_file(path, filled((URIS[0], 1, (1, 1))))
    file, identity = StatusFile(path, anchors=TRUSTED), status_identity(URIS[0], ISSUER)
    assert file.check_identity(identity, 0, NOW + 3_599) is Status.INVALID
    stale = NeedStatusList(URIS[0], Reason.STATUS_LIST_STALE)
    assert file.check_identity(identity, 0, NOW + 3_600) == stale
    assert file.check(StatusReference(URIS[0], 0), issuer=ISSUER, now=NOW + 3_600) == stale
    assert file.check_identity(b"?" * 16, 0, NOW) is None
    assert file.check(StatusReference("urn:none", 0), issuer=ISSUER, now=NOW) == NeedStatusList("urn:none")


def test_lists_of_signers_that_the_worker_does_not_trust_do_not_count(path: Path) -> None:
    store = filled((URIS[0], 1, (1, 0)), trusted=BOTH)
    body = token(claims(sub=URIS[1]), header(kid="other"), signer=key("other"))
    store.ingest(URIS[1], body, media_type=MEDIA_TYPE, now=NOW)
    write_status_file(path, store)
    mine, other = status_identity(URIS[0], ISSUER), status_identity(URIS[1], OTHER_ISSUER)
    file = StatusFile(path, anchors=TRUSTED)
    assert file.check_identity(mine, 0, NOW) is Status.INVALID
    assert file.check_identity(other, 1, NOW) is None
    file.reload(anchors=BOTH)
    assert file.check_identity(other, 1, NOW) is Status.INVALID
    file.reload(anchors=TrustAnchors())
    assert file.check_identity(mine, 0, NOW) is file.check_identity(other, 1, NOW) is None
    assert sorted(file.due(NOW)) == sorted(URIS[:2])


def test_a_record_counts_for_its_own_signer_alone(path: Path) -> None:
    # A foreign file with a right checksum: a list of one signer under the identity of another, or of a credential key.
    store = filled((URIS[0], 1, (0, 0)), trusted=BOTH)
    (held,), marks, _ = store.export()
    wrong = held._replace(identity=status_identity(URIS[0], OTHER_ISSUER))
    put(path, StoredStatuses((wrong,), marks, ()))
    assert StatusFile(path, anchors=BOTH).check_identity(wrong.identity, 0, NOW) is None


def test_a_key_for_credentials_signs_no_list_in_a_file_either(path: Path) -> None:
    # The fingerprint in the record is that of an anchor that the worker has, for credentials.
    jwk = {**key().public.to_jwk(), "kid": "signer"}
    for_credentials = TrustAnchors.from_jwks(
        ISSUER,
        {"keys": [jwk]},
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=["urn:t"],
        countries=ANY,
    )
    (anchor,) = for_credentials
    put(path, StoredStatuses((record(anchor=anchor.fingerprint),), {}, ()))
    identity = status_identity(URIS[0], ISSUER)
    assert StatusFile(path, anchors=for_credentials).check_identity(identity, 1, NOW) is None
    store = StatusStore(anchors=for_credentials, stored=read_status_file(path))
    assert store.check_identity(identity, 1, NOW) is None
    assert store.uris == (URIS[0],)
    (signer,) = anchors()
    put(path, StoredStatuses((record(anchor=signer.fingerprint),), {}, ()))
    assert StatusFile(path, anchors=anchors()).check_identity(identity, 1, NOW) is Status.INVALID


def test_a_list_under_a_certificate_counts_under_it_and_lies_there_once(path: Path) -> None:
    from .test_store import rooted, under, wanting

    store = StatusStore(anchors=rooted("one", "two"))
    store.ingest(URI, under("one", 1), media_type=MEDIA_TYPE, now=NOW)
    write_status_file(path, store)
    assert len(lay_out(store.export()).lists) == 1
    for lists in (StatusFile(path, anchors=rooted("one")), StatusStore(anchors=rooted("one"), stored=store.export())):
        assert lists.check(wanting("one"), issuer=ISSUER, now=NOW) is Status.INVALID
        assert lists.check(wanting(None), issuer=ISSUER, now=NOW) is Status.INVALID
        assert lists.check(wanting("two"), issuer=ISSUER, now=NOW, any_certificate=True) is Status.INVALID
        need = lists.check(wanting("two"), issuer=ISSUER, now=NOW)
        assert isinstance(need, NeedStatusList) and need.certificate == wanting("two").certificate


# --- another file takes the place ---


def test_it_sees_another_file_when_it_looks_and_not_before(path: Path) -> None:
    store = filled((URIS[0], 1, (0, 0)))
    first = write_status_file(path, store)
    file, identity = StatusFile(path, anchors=TRUSTED), status_identity(URIS[0], ISSUER)
    assert file.epoch == first
    assert file.refresh() is False
    take(store, URIS[0], 1, (1, 0), NOW + 1)
    second = write_status_file(path, store)
    assert file.check_identity(identity, 0, NOW + 1) is Status.VALID
    assert file.refresh() is True
    assert file.check_identity(identity, 0, NOW + 1) is Status.INVALID
    assert file.epoch == second != first


def test_it_looks_once_a_second_by_the_clock_of_its_caller(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_status_file(path, filled((URIS[0], 1, (0, 0))))
    file = StatusFile(path, anchors=TRUSTED)
    looks = []
    monkeypatch.setattr(reading, "stat", lambda name: looks.append(name) or os.stat(name))
    for tenth in range(35):
        file.keep_fresh(tenth / 10)
        file.check_identity(status_identity(URIS[0], ISSUER), 0, NOW)
    assert len(looks) == 4  # at 0, 1, 2 and 3 seconds
    file.keep_fresh(2.5)  # read before somebody else has looked
    assert len(looks) == 4


def test_it_looks_at_the_second_and_when_a_clock_is_two_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_status_file(path, filled((URIS[0], 1, (0, 0))))
    file, looks = StatusFile(path, anchors=TRUSTED), []
    monkeypatch.setattr(reading, "stat", lambda name: looks.append(name) or os.stat(name))
    for monotonic, count in ((100.0, 1), (100.75, 1), (101.0, 2), (100.0, 2), (99.75, 3), (98.75, 3), (98.5, 4)):
        file.keep_fresh(monotonic)
        assert len(looks) == count


def test_nobody_waits_while_somebody_looks(path: Path) -> None:
    write_status_file(path, filled((URIS[0], 1, (0, 0))))
    file, done = StatusFile(path, anchors=TRUSTED), threading.Event()
    with file._lock:
        threading.Thread(target=lambda: (file.keep_fresh(100.0), done.set()), daemon=True).start()
        assert done.wait(30)


def test_what_was_asked_for_is_wanted_until_a_file_has_it(path: Path) -> None:
    store = filled((URIS[0], 1, (0, 1)))
    write_status_file(path, store)
    file = StatusFile(path, anchors=TRUSTED)
    for uri in URIS:
        file.check(StatusReference(uri, 1), issuer=ISSUER, now=NOW)
    assert file.due(NOW) == tuple(URIS[1:])  # and what is there and usable is not
    take(store, URIS[1], 1, (0, 1))
    write_status_file(path, store)
    assert file.refresh() and file.due(NOW) == tuple(URIS[2:])


def test_a_list_that_was_stale_when_it_was_asked_for_is_wanted_when_it_is_gone(path: Path) -> None:
    write_status_file(path, filled((URIS[0], 1, (0, 1))))
    file = StatusFile(path, anchors=TRUSTED)
    file.check(StatusReference(URIS[0], 1), issuer=ISSUER, now=NOW + 3_600)
    write_status_file(path, filled((URIS[1], 1, (0, 1))))
    assert file.refresh() and file.due(NOW) == (URIS[0],)


def test_the_first_second_of_a_list_is_one_in_a_file_as_in_the_store(path: Path) -> None:
    store = filled(SMALL[0])
    store.ingest(URI, listing(b"a"), media_type=IDENTIFIERS, now=NOW)
    write_status_file(path, store)
    file, identity = StatusFile(path, anchors=TRUSTED), status_identity(URIS[0], ISSUER)
    first = NOW - 30  # the clock of whoever reads may be behind the fetcher's by the skew
    for now in (first - 1, first, first + 1):
        for index in (0, 1, 8):
            assert by_identity(file, identity, index, now) == by_identity(store, identity, index, now)
        assert sorted(file.ages(now)) == sorted(store.ages(now))
        assert sorted(file.due(now)) == sorted(store.due(now))
        assert (file.due(now) == ()) is (now >= first)


def test_a_ticket_is_told_the_time_of_an_identifier_list(path: Path) -> None:
    store, (anchor,) = StatusStore(anchors=TRUSTED), TRUSTED
    store.ingest(URI, listing(b"a"), media_type=IDENTIFIERS, now=NOW)
    write_status_file(path, store)
    file = StatusFile(path, anchors=TRUSTED)
    place, _ = place_of(named(b"b"), anchor)
    assert file.issued_at(place) == store.issued_at(place) == NOW
    assert file.issued_at(bytes(16)) is store.issued_at(bytes(16)) is None


@pytest.mark.parametrize("wrong", [float("inf"), float("nan"), 1e9], ids=repr)
def test_a_clock_that_was_wrong_once_does_not_keep_it_from_looking(path: Path, wrong: float) -> None:
    store = filled((URIS[0], 1, (0, 0)))
    write_status_file(path, store)
    file = StatusFile(path, anchors=TRUSTED)
    file.keep_fresh(wrong)
    take(store, URIS[0], 1, (1, 0), NOW + 1)
    second = write_status_file(path, store)
    file.keep_fresh(1.0)
    assert file.epoch == second


@pytest.mark.parametrize("wrong", [None, "1", b"", [1], 1j, Decimal(5), 10**400], ids=lambda wrong: repr(wrong)[:9])
def test_what_is_no_time_looks_at_nothing(path: Path, wrong: Any) -> None:
    write_status_file(path, filled((URIS[0], 1, (0, 0))))
    file = StatusFile(path, anchors=TRUSTED)
    assert misused(Reason.CONFIGURATION_INVALID, lambda: file.keep_fresh(wrong)).where == "status-file.monotonic"
    file.keep_fresh(1.0)
    assert file.refusal is None


def test_a_refused_file_changes_nothing_and_says_why(path: Path) -> None:
    store = filled((URIS[0], 1, (1, 0)))
    write_status_file(path, store)
    file, identity = StatusFile(path, anchors=TRUSTED), status_identity(URIS[0], ISSUER)
    replaced(path, b"something else")
    assert refusal(file.refresh) is Reason.STATUS_FILE_MALFORMED
    file.keep_fresh(1.0)  # in silence
    assert file.refusal is Reason.STATUS_FILE_MALFORMED
    assert file.check_identity(identity, 0, NOW) is Status.INVALID
    assert file.check_identity(identity, 0, NOW + 3_600) == NeedStatusList(URIS[0], Reason.STATUS_LIST_STALE)
    path.unlink()
    assert refusal(file.refresh) is Reason.STATUS_FILE_UNREADABLE
    assert file.check_identity(identity, 0, NOW) is Status.INVALID
    write_status_file(path, store)
    assert file.refresh() is True
    assert file.refusal is None


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "empty", "nul"])
def test_what_is_no_file_is_refused_at_once(path: Path, kind: str) -> None:
    name = str(path)
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "empty":
        path.write_bytes(b"")
    if kind == "nul":
        name += "\0"
    expected = Reason.STATUS_FILE_MALFORMED if kind == "empty" else Reason.STATUS_FILE_UNREADABLE
    assert refusal(lambda: StatusFile(name, anchors=TRUSTED)) is expected
    assert refusal(lambda: read_status_file(name)) is expected


def test_a_file_with_an_older_list_is_refused_also_after_the_list_was_gone(path: Path) -> None:
    old, new = filled((URIS[0], 1, (0, 0))), filled((URIS[0], 1, (1, 0)), at=NOW + 5)
    write_status_file(path, new)
    file, identity = StatusFile(path, anchors=TRUSTED), status_identity(URIS[0], ISSUER)
    write_status_file(path, old)
    assert refusal(file.refresh) is Reason.STATUS_LIST_ROLLBACK
    assert file.check_identity(identity, 0, NOW + 5) is Status.INVALID
    write_status_file(path, StatusStore(anchors=TRUSTED))
    assert file.refresh() is True
    assert file.check_identity(identity, 0, NOW + 5) is None
    write_status_file(path, old)
    assert refusal(file.refresh) is Reason.STATUS_LIST_ROLLBACK
    other = filled((URIS[0], 1, (0, 1)), at=NOW + 5)
    write_status_file(path, other)
    assert refusal(file.refresh) is Reason.STATUS_LIST_CONFLICT


# --- torn, cut and foreign files ---


def replaced(path: Path, data: bytes) -> None:
    beside = path.with_name("beside")
    beside.write_bytes(data)
    os.replace(beside, path)


def put(path: Path, stored: StoredStatuses) -> None:
    laid = lay_out(stored)
    data = bytearray(laid.front)
    for offset, packed in laid.lists:
        data.extend(bytes(offset - len(data)) + packed)
    replaced(path, bytes(data))


SMALL: Final = ((URIS[0], 1, (0, 1, 0, 1)), (URIS[1], 2, (0, 1, 2, 3)), (URIS[2], 8, (0, 1, 2, 200)))


def all_answers(file: StatusFile | StatusStore) -> list[object]:
    return [
        answer(lambda uri=uri, index=index: file.check_identity(status_identity(uri, ISSUER), index, NOW))  # type: ignore[misc]
        for uri in (*URIS, "urn:none")
        for index in range(10)
    ]


def test_a_file_that_is_cut_anywhere_is_refused(path: Path) -> None:
    store = filled(*SMALL)
    write_status_file(path, store)
    whole, file, right = path.read_bytes(), StatusFile(path, anchors=TRUSTED), all_answers(store)
    for length in range(len(whole)):
        replaced(path, whole[:length])
        assert refusal(file.refresh) is Reason.STATUS_FILE_MALFORMED
    replaced(path, whole + b"\0")
    assert refusal(file.refresh) is Reason.STATUS_FILE_MALFORMED
    assert all_answers(file) == right


def test_one_bit_turned_in_header_or_directory_is_refused(path: Path) -> None:
    store = filled(*SMALL)
    store.due(NOW)
    write_status_file(path, store)
    whole, file, right = path.read_bytes(), StatusFile(path, anchors=TRUSTED), all_answers(store)
    directory_bytes = int.from_bytes(whole[40:48], "big")
    for position in range(HEADER_BYTES + directory_bytes + 8):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        replaced(path, bytes(changed))
        if position < HEADER_BYTES + directory_bytes:
            assert refusal(file.refresh) in (Reason.STATUS_FILE_MALFORMED, Reason.VERSION_UNSUPPORTED)
        else:
            assert file.refresh()  # between the directory and the first list nothing is read
        assert all_answers(file) == right


@given(st.data())
def test_a_foreign_file_with_a_right_checksum_is_read_as_strictly(tmp_path_factory: Any, data: Any) -> None:
    path = tmp_path_factory.mktemp("file") / "lists"
    store = filled(*SMALL)
    write_status_file(path, store)
    whole = bytearray(path.read_bytes())
    directory_bytes = int.from_bytes(whole[40:48], "big")
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(16, 63) | st.integers(HEADER_BYTES, HEADER_BYTES + directory_bytes - 1))
        whole[position] = data.draw(st.integers(0, 255))
    directory_bytes = int.from_bytes(whole[40:48], "big")
    directory = bytes(whole[HEADER_BYTES : HEADER_BYTES + directory_bytes])
    whole[64:96] = hashlib.sha256(bytes(whole[:64]) + directory).digest()
    replaced(path, bytes(whole))
    try:
        file = StatusFile(path, anchors=TRUSTED)
    except CitizenIDError as error:
        assert error.reason in {
            Reason.STATUS_FILE_MALFORMED,
            Reason.VERSION_UNSUPPORTED,
            Reason.STATUS_LIST_ROLLBACK,
            Reason.STATUS_LIST_CONFLICT,
        }
        return
    all_answers(file)  # whatever they are: no crash and nothing read beyond the file
    for index in (2**31, 2**62, -1):
        by_identity(file, status_identity(URIS[0], ISSUER), index, NOW)


ONE_LIST: Final = StoredStatuses(filled((URIS[0], 1, (0, 1))).export().lists, {}, ())
ONE_WANTED: Final = StoredStatuses((), {}, ("urn:wanted",))
COUNTS: Final = {"lists": 20, "marks": 24, "wanted": 28}
OF_RECORD: Final = {name: HEADER_BYTES + at for name, at in {
    "offset": 16, "size": 24, "issued_at": 32, "usable_from": 40, "refresh_at": 48, "usable_until": 56, "uri": 132,
}.items()}  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "position", "content"),
    [
        (StoredStatuses((), {}, ()), COUNTS["lists"], struct.pack(">I", 1)),  # one that is not there
        (ONE_LIST, COUNTS["lists"], struct.pack(">I", 2)),
        (StoredStatuses((), {}, ()), COUNTS["marks"], struct.pack(">I", 1)),
        (StoredStatuses((), {}, ()), COUNTS["wanted"], struct.pack(">I", 1)),
        (ONE_WANTED, COUNTS["wanted"], struct.pack(">I", 2)),
        (ONE_WANTED, COUNTS["wanted"], struct.pack(">I", 0)),  # bytes that are nothing
        (ONE_WANTED, HEADER_BYTES, struct.pack(">H", 0)),
        (ONE_WANTED, HEADER_BYTES, struct.pack(">H", 200)),
        (ONE_WANTED, HEADER_BYTES + 2, b"\xff"),
        (ONE_LIST, OF_RECORD["offset"], struct.pack(">Q", 0)),  # in the directory
        (ONE_LIST, OF_RECORD["offset"], struct.pack(">Q", 8_192)),  # behind the end
        (ONE_LIST, OF_RECORD["offset"], struct.pack(">Q", 2**64 - 64)),
        (ONE_LIST, OF_RECORD["offset"], struct.pack(">Q", 4_097)),
        (ONE_LIST, OF_RECORD["size"], struct.pack(">Q", 64_000)),
        (ONE_LIST, OF_RECORD["size"], struct.pack(">Q", 3)),
        (ONE_LIST, OF_RECORD["issued_at"], struct.pack(">Q", 2**53)),
        (ONE_LIST, OF_RECORD["usable_from"], struct.pack(">Q", 2**63)),
        (ONE_LIST, OF_RECORD["refresh_at"], struct.pack(">Q", 2**63)),
        (ONE_LIST, OF_RECORD["usable_until"], struct.pack(">Q", 2**63)),
        (ONE_LIST, OF_RECORD["uri"], b"\xff"),
    ],
)
def test_a_foreign_directory_that_says_what_cannot_be_is_refused(
    path: Path, stored: StoredStatuses, position: int, content: bytes
) -> None:
    put(path, stored)
    StatusFile(path, anchors=TRUSTED)  # it is good but for this
    whole = bytearray(path.read_bytes())
    whole[position : position + len(content)] = content
    end = HEADER_BYTES + int.from_bytes(whole[40:48], "big")
    whole[64:96] = hashlib.sha256(bytes(whole[:64] + whole[HEADER_BYTES:end])).digest()
    replaced(path, bytes(whole))
    assert refusal(lambda: StatusFile(path, anchors=TRUSTED)) is Reason.STATUS_FILE_MALFORMED
    assert refusal(lambda: read_status_file(path)) is Reason.STATUS_FILE_MALFORMED


def record(**changes: Any) -> StoredList:
    (held,) = filled((URIS[0], 1, (0, 1))).export().lists
    return held._replace(**changes)


def test_half_a_surrogate_pair_in_the_uri_of_a_list_comes_back(path: Path) -> None:
    # A foreign issuer may have put anything into a credential, and into the list that it leads to.
    uri = "https://issuer.example/\ud800"
    held = record(uri=uri, identity=status_identity(uri, ISSUER))
    path.write_bytes(b"")
    put(path, StoredStatuses((held,), {}, (uri,)))
    file = StatusFile(path, anchors=TRUSTED)
    assert by_identity(file, held.identity, 1, NOW) is Status.INVALID
    assert file.uris == (uri,)


@pytest.mark.parametrize("wrong", ["list", "wanted"])
def test_a_list_without_a_uri_is_none(path: Path, wrong: str) -> None:
    put(path, StoredStatuses((record(uri=""),), {}, ()) if wrong == "list" else StoredStatuses((), {}, ("",)))
    assert refusal(lambda: StatusFile(path, anchors=TRUSTED)) is Reason.STATUS_FILE_MALFORMED


def test_as_much_as_a_reader_takes_is_written_and_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = record(uri="u" * 65_535, issued_at=UnixTime(2**53 - 1), usable_until=2**63 - 1)
    mark = Mark(UnixTime(2**53 - 1), bytes(32))
    marks = {bytes([number]) * 16: mark for number in (1, 2)}
    stored = StoredStatuses((largest,), marks, ("w" * 65_535,))
    directory_bytes = int.from_bytes(lay_out(stored).front[40:48], "big")
    for name, bound in (("MAX_RECORDS", 2), ("MAX_WANTED", 1), ("MAX_DIRECTORY_BYTES", directory_bytes)):
        monkeypatch.setattr(layout, name, bound)
    put(path, stored)
    assert read_status_file(path) == stored
    monkeypatch.setattr(layout, "MAX_FILE_BYTES", path.stat().st_size)
    assert read_status_file(path) == stored
    first = int.from_bytes(path.read_bytes()[48:56], "big")
    padding = path.read_bytes()[HEADER_BYTES + directory_bytes : first]
    assert padding == bytes(len(padding)) != b""
    for name in ("MAX_RECORDS", "MAX_WANTED", "MAX_DIRECTORY_BYTES", "MAX_FILE_BYTES"):
        with monkeypatch.context() as patch:
            patch.setattr(layout, name, getattr(layout, name) - 1)
            assert refusal(lambda: read_status_file(path)) is Reason.STATUS_FILE_MALFORMED
            if name != "MAX_WANTED":  # what is wanted beyond it is left out
                assert refusal(lambda: lay_out(stored)) is Reason.LIMIT_EXCEEDED
    beyond = StoredStatuses((), {}, ("w" * 65_536,))
    assert refusal(lambda: lay_out(beyond)) is Reason.LIMIT_EXCEEDED


def test_the_lists_begin_where_the_directory_ends(path: Path) -> None:
    put(path, ONE_LIST)
    whole = bytearray(path.read_bytes())
    first = int.from_bytes(whole[48:56], "big")
    assert first == 4_096
    for wrong in (first - 4_096, first - 64, first + 4_096):
        whole[48:56] = wrong.to_bytes(8, "big")
        end = HEADER_BYTES + int.from_bytes(whole[40:48], "big")
        whole[64:96] = hashlib.sha256(bytes(whole[:64] + whole[HEADER_BYTES:end])).digest()
        longer = bytes(whole).ljust(8_192, b"\0")
        whole[32:40] = len(longer).to_bytes(8, "big")
        for data in (bytes(whole), longer):
            replaced(path, data)
            assert refusal(lambda: StatusFile(path, anchors=TRUSTED)) is Reason.STATUS_FILE_MALFORMED


def test_a_list_that_went_back_is_refused_without_a_mark_too(path: Path) -> None:
    put(path, StoredStatuses((record(issued_at=UnixTime(NOW + 1)),), {}, ()))
    file = StatusFile(path, anchors=TRUSTED)
    put(path, StoredStatuses((record(),), {}, ()))
    assert refusal(file.refresh) is Reason.STATUS_LIST_ROLLBACK


def test_a_file_is_written_in_the_folder_of_the_process(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    write_status_file("lists", filled((URIS[0], 1, (1, 0))))
    assert path.is_file() and [each.name for each in path.parent.iterdir()] == ["lists"]


def test_what_is_not_finished_lies_beside_the_file_under_a_name_of_its_own(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(writing, "replace", lambda old, new: seen.append((Path(old), new)) or os.replace(old, new))
    write_status_file(path, filled((URIS[0], 1, (1, 0))))
    ((before, name),) = seen
    assert name == str(path) and before.parent == path.parent
    assert before.name.startswith(".lists.") and before.name.endswith(".new")


def test_more_than_a_reader_takes_is_not_written(path: Path) -> None:
    store = filled((URIS[0], 1, (0, 1)))
    for wrong in (record(uri="u" * 65_536), record(usable_until=2**63)):
        assert refusal(lambda wrong=wrong: lay_out(StoredStatuses((wrong,), {}, ()))) is Reason.LIMIT_EXCEEDED  # type: ignore[misc]
    marks = {struct.pack(">16xI", number)[4:]: Mark(NOW, b"d" * 32) for number in range(65_537)}  # type: ignore[arg-type]
    assert refusal(lambda: lay_out(StoredStatuses((), marks, ()))) is Reason.LIMIT_EXCEEDED
    assert refusal(lambda: write_marks(marks)) is Reason.LIMIT_EXCEEDED
    store._marks = marks
    assert refusal(lambda: write_status_file(path, store)) is Reason.LIMIT_EXCEEDED
    assert not path.exists()


@pytest.mark.parametrize(("bound", "most"), [("MAX_DIRECTORY_BYTES", 100), ("MAX_FILE_BYTES", 4_096)])
def test_a_file_beyond_what_a_reader_takes_is_not_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(layout, bound, most)
    write_status_file(path, StatusStore(anchors=TRUSTED))
    before = path.read_bytes()
    assert refusal(lambda: write_status_file(path, filled((URIS[0], 1, (1, 0))))) is Reason.LIMIT_EXCEEDED
    assert path.read_bytes() == before


def test_a_file_that_is_gone_between_two_looks_is_unreadable(path: Path) -> None:
    write_status_file(path, filled((URIS[0], 1, (1, 0))))
    found = os.stat(path)
    path.unlink()
    assert refusal(lambda: reading._open(str(path), found)) is Reason.STATUS_FILE_UNREADABLE


def test_a_reader_remembers_within_bounds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks of files that were replaced add up: a writer that names others each time fills no worker's memory."""
    monkeypatch.setattr(reading, "MAX_RECORDS", 2)
    marks = [{bytes([number, each]) * 8: Mark(NOW, b"d" * 32) for each in range(2)} for number in range(4)]  # type: ignore[arg-type]
    put(path, StoredStatuses((), marks[0], ()))
    file = StatusFile(path, anchors=TRUSTED)
    for each in marks[1:3]:
        put(path, StoredStatuses((), each, ()))
        assert file.refresh()
    put(path, StoredStatuses((), marks[3], ()))
    epoch, known = file.epoch, {*file._marks}
    assert refusal(file.refresh) is file.refusal is Reason.LIMIT_EXCEEDED
    assert file.epoch == epoch and {*file._marks} == known and len(known) == 6


def test_what_a_reader_is_asked_for_is_remembered_within_bounds(path: Path) -> None:
    write_status_file(path, filled((URIS[0], 1, (1, 0))))
    file = StatusFile(path, anchors=TRUSTED)
    for number in range(5_000):
        asked = by_reference(file, StatusReference(f"{URI}/{number}", 0), ISSUER, NOW)
        assert asked == NeedStatusList(f"{URI}/{number}", Reason.STATUS_LIST_UNAVAILABLE)
    assert file.due(NOW) == tuple(f"{URI}/{number}" for number in range(4_096))


def test_a_reader_says_how_old_its_lists_are_as_the_store_does(path: Path) -> None:
    store = filled(SMALL[0])
    take(store, *SMALL[1], at=NOW + 7, ttl=60)
    write_status_file(path, store)
    file = StatusFile(path, anchors=TRUSTED)
    for number, at in ((0, NOW), (1, NOW + 7), (2, None)):
        identity = status_identity(URIS[number], ISSUER)
        assert file.issued_at(identity) == store.issued_at(identity) == at
    for now, ages in ((NOW + 7, [0, 7]), (NOW + 66, [59, 66]), (NOW + 67, [67]), (NOW + 10**6, [])):
        assert sorted(file.ages(now)) == sorted(store.ages(now)) == ages


def test_a_reader_is_not_subclassed() -> None:
    with pytest.raises(TypeError):
        type("Another", (StatusFile,), {})


# --- writing ---


def test_the_old_file_is_neither_changed_nor_cut(path: Path) -> None:
    store = filled((URIS[0], 1, (1, 0)))
    write_status_file(path, store)
    before = path.read_bytes()
    with path.open("rb") as old:
        write_status_file(path, StatusStore(anchors=TRUSTED))
        assert old.read() == before  # the same inode, whole, though its name is gone
        assert os.fstat(old.fileno()).st_nlink == 0
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o644
    for mode in (0o600, 0o777, 0):
        write_status_file(path, store, mode=mode)
        assert path.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "no space left")

    store = filled((URIS[0], 1, (1, 0)))
    write_status_file(path, store)
    before = path.read_bytes()
    monkeypatch.setattr(writing, step, fail)
    assert refusal(lambda: write_status_file(path, StatusStore(anchors=TRUSTED))) is Reason.STATUS_FILE_UNWRITABLE
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_what_is_no_place_for_a_file_is_a_refusal(path: Path) -> None:
    store = StatusStore(anchors=TRUSTED)
    for wrong in (path / "none" / "lists", str(path) + "\0"):
        assert refusal(lambda wrong=wrong: write_status_file(wrong, store)) is Reason.STATUS_FILE_UNWRITABLE  # type: ignore[misc]


@pytest.mark.parametrize("mode", [-1, 0o1000, 2**31, True, "644"], ids=repr)
def test_a_mode_that_is_none_writes_nothing(path: Path, mode: Any) -> None:
    assert refusal(lambda: write_status_file(path, StatusStore(anchors=TRUSTED), mode=mode)) is (
        Reason.CONFIGURATION_INVALID
    )
    assert not path.exists()


@pytest.mark.parametrize("exported", [None, (), ((), {}, ())], ids=repr)
def test_what_is_no_store_is_not_written(path: Path, exported: Any) -> None:
    store: Any = type("Store", (), {"export": lambda _: exported})()
    assert refusal(lambda: write_status_file(path, store)) is Reason.CONFIGURATION_INVALID
    assert not path.exists()


def test_a_path_of_bytes_is_none(path: Path) -> None:
    class OfBytes(os.PathLike[bytes]):
        def __fspath__(self) -> bytes:
            return os.fsencode(path)

    wrong: Any = OfBytes()
    for act in (
        lambda: write_status_file(wrong, StatusStore(anchors=TRUSTED)),
        lambda: StatusFile(wrong, anchors=TRUSTED),
        lambda: read_status_file(wrong),
    ):
        assert refusal(act) is Reason.CONFIGURATION_INVALID


def test_the_disk_has_the_file_before_its_name_and_then_the_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(writing, name, lambda *a, name=name, real=real: (done.append(name), real(*a))[1])
    write_status_file(path, filled((URIS[0], 1, (1, 0))))
    assert done == ["fsync", "replace", "fsync"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(path: Path) -> None:
    left, foreign = path.with_name(".lists.abc.new"), path.with_name("lists.new")
    path.with_name(".lists.folder.new").mkdir()  # what cannot be removed is in nobody's way
    left.write_bytes(b"half of a file")
    foreign.write_bytes(b"of somebody else")
    write_status_file(path, filled((URIS[0], 1, (1, 0))))
    assert sorted(each.name for each in path.parent.iterdir()) == [".lists.folder.new", "lists", "lists.new"]


def test_what_the_writer_of_another_file_is_at_is_left_alone(path: Path) -> None:
    # Its name begins with ours: `lists` and `lists.test`, in one folder.
    other = path.with_name(".lists.test.abcdefgh.new")
    other.touch()
    write_status_file(path, filled((URIS[0], 1, (1, 0))))
    assert other.exists()


WRITER: Final = """
import sys
from citizenid.status import StatusStore, read_status_file, write_status_file
from citizenid.status._list import StatusList
from citizenid.status._records import Mark, StoredList, StoredStatuses
from citizenid import TrustAnchors, UnixTime

path = sys.argv[1]
stored = read_status_file(path)
turn = stored.lists[0].issued_at
class Store:
    def export(self):
        return self.stored
store = Store()
while True:
    turn += 1
    lists, marks = [], {}
    for held in stored.lists:  # every list of one epoch says the same at each index, of the next the opposite
        statuses = StatusList(1, bytes([255 * (turn % 2)]) * 40_000)
        lists.append(held._replace(statuses=statuses, issued_at=UnixTime(turn), digest=statuses.digest))
        marks[held.identity] = Mark(UnixTime(turn), statuses.digest)
    store.stored = StoredStatuses(tuple(lists), marks, ())
    write_status_file(path, store)
    print(turn, flush=True)
"""
READER: Final = """
import sys
from citizenid import KeyPurpose, TrustAnchors
from citizenid.status import StatusFile
import time
path, uris, issuer, jwks, *times = sys.argv[1:]
uris, now, until = uris.split(), int(times[0]), float(times[1])
from citizenid.status._store import place_of, status_identity
file = StatusFile(path, anchors=TrustAnchors.from_jwks(issuer, jwks, purpose=KeyPurpose.STATUS_LIST))
identities = [status_identity(uri, issuer) for uri in uris]
epochs = set()
while len(epochs) < 12 and time.monotonic() < until:
    epochs.add(file.epoch)
    first = file.check_identity(identities[0], 0, now)
    for identity in identities:
        for index in (0, 77_777, 319_999):
            assert file.check_identity(identity, index, now) is first, "half of an epoch"
    file.refresh()
print(len(epochs))
"""


def test_a_writer_is_killed_at_any_moment_and_every_reader_sees_a_whole_epoch(path: Path) -> None:
    store = filled(*((uri, 1, (0,) * 320_000) for uri in URIS))
    write_status_file(path, store)
    jwk = {**key().public.to_jwk(), "kid": "signer"}
    until = time.monotonic() + 60
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [str(path), " ".join(URIS), ISSUER, json.dumps({"keys": [jwk]}), str(NOW), str(until)]
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, *arguments], stdout=subprocess.PIPE, env=environment)
        for _ in range(2)
    ]
    kills, chance = 0, iter(range(10_000))
    # By counts and not by time: a busy machine has as much to lose.
    while kills < 12 or any(reader.poll() is None for reader in readers):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=environment)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(next(chance) * 7 % 50 / 1_000)  # anywhere in one of the writes that follow
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        kills += 1
        read_status_file(path)  # whole, and every list as its digest says
    epochs = []
    for reader in readers:
        out, _ = reader.communicate(timeout=30)
        assert reader.returncode == 0
        epochs.append(int(out))
    assert min(epochs) == 12


def test_threads_look_up_while_others_refresh(path: Path) -> None:
    stores = []
    for turn in range(6):
        store = filled(*((uri, 1, (turn % 2,) * 64) for uri in URIS), at=NOW + turn)
        stores.append(store)
    write_status_file(path, stores[0])
    file, identities = StatusFile(path, anchors=TRUSTED), [status_identity(uri, ISSUER) for uri in URIS]
    stop, failed = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            found = {file.check_identity(identity, 63, NOW) for identity in identities}
            if not found <= {Status.VALID, Status.INVALID}:
                failed.append(found)

    def refresh() -> None:
        turn = 0.0
        while not stop.is_set():
            turn += 1
            file.keep_fresh(turn)
            try:
                file.refresh()
            except CitizenIDError as error:
                failed.append({error.reason})

    threads = [threading.Thread(target=target) for target in (look, look, refresh, refresh)]
    for thread in threads:
        thread.start()
    for store in stores[1:]:
        write_status_file(path, store)
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    file.refresh()
    assert file.check_identity(identities[0], 63, NOW) is Status.INVALID


# --- a fetcher that starts anew ---


def test_a_store_that_starts_from_the_file_is_the_store_that_was_written(path: Path) -> None:
    store = StatusStore(anchors=TRUSTED, uris=["https://issuer.example/wanted"])
    for uri, bits, values in SMALL:
        take(store, uri, bits, values)
    write_status_file(path, store)
    again = StatusStore(anchors=TRUSTED, stored=read_status_file(path))
    assert all_answers(again) == all_answers(store)
    assert sorted(again.uris) == sorted(store.uris)
    assert again.export_marks() == store.export_marks()
    assert write_status_file(path, again) == write_status_file(path, store)
    with pytest.raises(VerificationError) as caught:
        take(again, URIS[0], 1, (0, 0, 0, 0), NOW - 1)
    assert caught.value.reason is Reason.STATUS_LIST_ROLLBACK


def test_whoever_starts_from_the_file_compares_every_list_with_its_digest(path: Path) -> None:
    write_status_file(path, filled(*SMALL))
    whole = bytearray(path.read_bytes())
    whole[-1] ^= 1
    replaced(path, bytes(whole))
    assert refusal(lambda: read_status_file(path)) is Reason.STATUS_FILE_MALFORMED


def test_a_list_that_a_mark_makes_old_or_that_nobody_trusts_is_wanted_and_not_held(path: Path) -> None:
    old, newer = filled((URIS[0], 1, (0, 0))), filled((URIS[0], 1, (1, 0)), at=NOW + 5)
    identity = status_identity(URIS[0], ISSUER)
    again = StatusStore(anchors=TRUSTED, stored=old.export(), marks=newer.export_marks())
    assert again.check_identity(identity, 0, NOW) is None  # type: ignore[arg-type]
    assert again.due(NOW) == (URIS[0],)
    stranger = StatusStore(anchors=TrustAnchors(), stored=old.export())
    assert stranger.check_identity(identity, 0, NOW) is None  # type: ignore[arg-type]
    assert stranger.due(NOW) == (URIS[0],)
    other = filled((URIS[0], 1, (1, 1)))
    both = refusal(lambda: StatusStore(anchors=TRUSTED, stored=old.export(), marks=other.export_marks()))
    assert both is Reason.STATUS_LIST_CONFLICT


def test_a_list_that_is_taken_over_is_its_own_mark() -> None:
    stored = filled((URIS[0], 1, (1, 0)), at=NOW + 5).export()._replace(marks={})
    again = StatusStore(anchors=TRUSTED, stored=stored)
    assert again.export_marks() == filled((URIS[0], 1, (1, 0)), at=NOW + 5).export_marks()
    for values, at, reason in (
        ((0, 0), NOW + 4, Reason.STATUS_LIST_ROLLBACK),
        ((0, 0), NOW + 5, Reason.STATUS_LIST_CONFLICT),
    ):
        assert refusal(lambda values=values, at=at: take(again, URIS[0], 1, values, at)) is reason  # type: ignore[misc]
    assert again.check_identity(status_identity(URIS[0], ISSUER), 0, NOW + 5) is Status.INVALID


def test_a_list_that_differs_from_a_mark_of_its_iat_is_not_taken_over() -> None:
    one, other = filled((URIS[0], 1, (1, 0))).export(), filled((URIS[0], 1, (0, 0))).export()
    assert refusal(lambda: StatusStore(anchors=TRUSTED, stored=one._replace(marks=other.marks))) is (
        Reason.STATUS_LIST_CONFLICT
    )


def test_a_reader_lets_go_of_the_marks_that_its_writer_let_go_of(path: Path) -> None:
    forgotten, mark = bytes(16), Mark(NOW, b"d" * 32)  # type: ignore[arg-type]
    keys = [bytes([number]) * 16 for number in (1, 2)]
    put(path, StoredStatuses((), {keys[0]: mark, keys[1]: mark._replace(issued_at=NOW + 1)}, ()))
    file = StatusFile(path, anchors=TRUSTED)
    put(path, StoredStatuses((), {forgotten: Mark(NOW, bytes(32))}, ()))  # type: ignore[arg-type]
    assert file.refresh()
    assert {*file._marks} == {forgotten, keys[1]}
    put(path, StoredStatuses((), {forgotten: Mark(NOW - 1, bytes(32))}, ()))  # type: ignore[arg-type]
    assert refusal(file.refresh) is Reason.STATUS_LIST_ROLLBACK


# --- marks ---


def test_marks_refuse_a_rollback_after_a_restart() -> None:
    store = filled((URIS[0], 1, (1, 0)), at=NOW + 5)
    again = StatusStore(anchors=TRUSTED, marks=store.export_marks())
    for values, at, reason in (
        ((0, 0), NOW + 4, Reason.STATUS_LIST_ROLLBACK),
        ((0, 0), NOW + 5, Reason.STATUS_LIST_CONFLICT),
    ):
        with pytest.raises(VerificationError) as caught:
            take(again, URIS[0], 1, values, at)
        assert caught.value.reason is reason
    take(again, URIS[0], 1, (1, 0), NOW + 5)


MARKS = st.tuples(st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32))


@given(st.dictionaries(st.binary(min_size=16, max_size=16), MARKS))
def test_marks_come_back_as_they_went(marks: dict[bytes, Any]) -> None:
    there = {identity: Mark(*mark) for identity, mark in marks.items()}
    assert read_marks(write_marks(there)) == there


def test_marks_have_a_bound_that_is_met_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_RECORDS", 3)
    marks = {bytes([number]) * 16: Mark(UnixTime(NOW), bytes(32)) for number in range(1, 5)}
    three = dict(list(marks.items())[:3])
    assert read_marks(write_marks(three)) == three
    assert refusal(lambda: write_marks(marks)) is Reason.LIMIT_EXCEEDED
    monkeypatch.setattr(records, "MAX_RECORDS", 4)
    data = write_marks(marks)
    monkeypatch.setattr(records, "MAX_RECORDS", 3)
    assert refusal(lambda: read_marks(data)) is Reason.STATUS_MARKS_MALFORMED


def test_of_two_marks_for_a_list_the_later_counts_and_two_of_one_time_agree() -> None:
    identity = status_identity(URIS[0], ISSUER)
    early, late, other = (Mark(UnixTime(at), digest * 32) for at, digest in ((1, b"a"), (2, b"b"), (2, b"c")))
    for ours, theirs, expected in ((early, late, late), (late, early, late), (late, late, late), (late, other, None)):
        stored = StoredStatuses((), {identity: theirs}, ())

        def made(ours: Mark = ours, stored: StoredStatuses = stored) -> StatusStore:
            return StatusStore(anchors=TRUSTED, marks=write_marks({identity: ours}), stored=stored)

        if expected is None:
            assert refusal(made) is Reason.STATUS_LIST_CONFLICT
        else:
            assert made().export().marks == {identity: expected}


def test_marks_that_are_cut_or_changed_anywhere_are_refused() -> None:
    written = filled(*SMALL).export_marks()
    wrong = [written[:length] for length in range(len(written))] + [written + b"\0", bytearray(written), "text", 5]
    for position in range(len(written)):
        changed = bytearray(written)
        changed[position] ^= 1 << position % 8
        wrong.append(bytes(changed))
    for data in wrong:
        assert refusal(lambda data=data: read_marks(data)) is Reason.STATUS_MARKS_MALFORMED  # type: ignore[misc]
    assert refusal(lambda: StatusStore(anchors=TRUSTED, marks=b"x")) is Reason.STATUS_MARKS_MALFORMED


@pytest.mark.parametrize("stated", [0, 1, 3, 65_536])
def test_marks_of_another_number_than_is_stated_are_refused(stated: int) -> None:
    body = b"citizenid marks\x01" + struct.pack(">I", stated)
    body += b"".join(struct.pack(">16sQ32s", bytes([number]) * 16, 1, b"d" * 32) for number in range(2))
    assert refusal(lambda: read_marks(body + hashlib.sha256(body).digest())) is Reason.STATUS_MARKS_MALFORMED


@pytest.mark.parametrize("order", [(b"b" * 16, b"a" * 16), (b"a" * 16, b"a" * 16)])
def test_marks_out_of_order_or_twice_are_refused(order: tuple[bytes, bytes]) -> None:
    body = b"citizenid marks\x01" + struct.pack(">I", 2)
    body += b"".join(struct.pack(">16sQ32s", identity, 1, b"d" * 32) for identity in order)
    assert refusal(lambda: read_marks(body + hashlib.sha256(body).digest())) is Reason.STATUS_MARKS_MALFORMED


def test_nothing_is_shown_by_accident(path: Path) -> None:
    store = filled(*SMALL)
    write_status_file(path, store)
    texts = (repr(StatusFile(path, anchors=TRUSTED)), repr(store.export()), repr(store.export().lists))
    assert not any("issuer.example" in text or str(path) in text for text in texts)
