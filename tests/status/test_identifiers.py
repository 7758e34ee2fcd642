"""The identifiers of an identifier list, and what an issuer keeps of them.

Spec: ISO/IEC 18013-5 second edition 12.3.6.4; specs/profile-status-list.md.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from builders import misused, raises
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, Reason, Status, StatusReference
from citizenid._limits import DEFAULT_LIMITS
from citizenid.status import IdentifierList, IdentifierPublisher, IdentifierState, StatusKind, StatusStore
from citizenid.status import _identifiers as module
from citizenid.status._identifiers import TAG_BYTES, tag_of
from citizenid.status._identity import PREFIX_BYTES, prefixes_of

from . import ISSUER, NOW, URI, anchors, key

IDENTIFIERS = st.binary(min_size=1, max_size=64)


@given(st.sets(IDENTIFIERS, max_size=30), IDENTIFIERS)
def test_who_is_listed_is_revoked_and_nobody_else(revoked: set[bytes], other: bytes) -> None:
    found = IdentifierList(revoked)
    assert len(found) == len(revoked)
    for identifier in (*revoked, other, other + b"\0", other[:-1]):
        expected = Status.INVALID if identifier in revoked else Status.VALID
        assert found.status(identifier) is expected
        assert found.status_of_tag(tag_of(identifier)) is expected


@given(st.sets(IDENTIFIERS, max_size=9), st.sets(IDENTIFIERS, max_size=9))
def test_two_lists_are_equal_when_they_say_the_same(one: set[bytes], other: set[bytes]) -> None:
    first, second = IdentifierList(sorted(one)), IdentifierList(sorted(other, reverse=True))
    same = one == other
    assert (first == second) is (first.digest == second.digest) is same
    assert not same or hash(first) == hash(second)
    assert first != sorted(one) and repr(first) == f"<IdentifierList of {len(one)}>"


def test_tags_that_begin_alike_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # Eight bytes are searched for, two decide: all of these begin alike.
    tags = {bytes([n]): bytes(8) + bytes([0, n]) for n in range(9)}
    monkeypatch.setattr(module, "tag_of", tags.__getitem__)
    found = IdentifierList([bytes([n]) for n in (1, 3, 8)])
    assert [n for n in range(9) if found.status(bytes([n])) is Status.INVALID] == [1, 3, 8]
    assert found.status_of_tag(bytes(7) + b"\1" + bytes([0, 3])) is Status.VALID


@pytest.mark.parametrize("identifier", ["x", None, 1, True, [b"x"]], ids=repr)
def test_what_is_no_identifier_is_neither_revoked_nor_valid(identifier: Any) -> None:
    error = raises(Reason.CLAIM_INVALID, None, lambda: IdentifierList([b"x"]).status(identifier))
    assert error.where == "status.identifier_list.id"


def test_a_tag_is_ten_bytes_of_a_digest() -> None:
    assert len({tag_of(bytes([n])) for n in range(256)}) == 256
    assert len(tag_of(b"x")) == TAG_BYTES == 10


# --- what an issuer keeps ---


def test_identifiers_are_random_and_given_once() -> None:
    publisher = IdentifierPublisher(uri=URI)
    given = [publisher.allocate() for _ in range(500)]
    assert len({reference.identifier for reference in given}) == 500
    assert {reference.kind for reference in given} == {StatusKind.IDENTIFIER_LIST}
    assert {len(reference.identifier or b"") for reference in given} == {16}
    assert repr(publisher) == "<IdentifierPublisher>"


@pytest.mark.parametrize("draw", [lambda _: bytes(16), lambda size: bytes(size - 1), lambda _: "x" * 16])
def test_a_random_source_that_is_stuck_is_found_out(draw: Any) -> None:
    publisher = IdentifierPublisher(uri=URI, draw=draw)

    def twice() -> None:
        publisher.allocate()
        publisher.allocate()

    misused(Reason.CONFIGURATION_INVALID, twice)


def test_only_who_was_named_here_can_be_revoked() -> None:
    publisher = IdentifierPublisher(uri=URI)
    mine, other = publisher.allocate(), IdentifierPublisher(uri=URI).allocate()
    foreign = StatusReference(URI + "2", None, StatusKind.IDENTIFIER_LIST, mine.identifier)
    for reference in (other, foreign, StatusReference(URI, 0), None, mine.identifier):
        misused(Reason.STATUS_INDEX_OUT_OF_RANGE, lambda reference=reference: publisher.revoke(reference))
    publisher.revoke(mine)
    publisher.revoke(mine)  # once more changes nothing


def test_the_version_counts_who_is_revoked() -> None:
    publisher = IdentifierPublisher(uri=URI)
    first, second = publisher.allocate(), publisher.allocate()
    versions = [publisher.version]
    for reference in (first, first, second):
        publisher.revoke(reference)
        versions.append(publisher.version)
    assert versions == [0, 1, 1, 2]


@pytest.mark.parametrize("uri", ["", "no scheme", "https://a/ b", "https://a/\n", None, 5, "x" * 2_049])
def test_a_uri_that_no_verifier_could_fetch_is_refused(uri: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        IdentifierPublisher(uri=uri)
    assert caught.value.reason in (Reason.CONFIGURATION_INVALID, Reason.CLAIM_INVALID)


@pytest.mark.parametrize(
    "changes",
    [
        {"now": -1}, {"now": True}, {"now": 1.0}, {"ttl_s": 0}, {"ttl_s": 601}, {"expires_s": "600"},
        {"now": 2**53}, {"now": 1_000 * NOW}, {"kid": ""}, {"kid": "k" * 256}, {"kid": 5}, {"certificates": [b"x"]},
    ],
    ids=repr,
)  # fmt: skip
def test_what_no_verifier_would_take_is_not_published(changes: Any) -> None:
    publisher = IdentifierPublisher(uri=URI)
    good: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 600}
    misused(Reason.CONFIGURATION_INVALID, lambda: publisher.publish(key(), **{**good, **changes}))


def test_no_two_lists_bear_the_same_iat() -> None:
    publisher = IdentifierPublisher(uri=URI)
    times: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 600}
    assert len({publisher.publish(key("signer", "Ed25519"), **times) for _ in range(5)}) == 5


def test_no_iat_is_given_that_every_verifier_would_refuse() -> None:
    publisher = IdentifierPublisher(uri=URI)
    times: dict[str, Any] = {"ttl_s": 60, "expires_s": 600}
    for _ in range(DEFAULT_LIMITS.clock_skew_s + 1):
        publisher.prepare(key().public, now=NOW, **times)
    misused(Reason.LEDGER_UNAVAILABLE, lambda: publisher.prepare(key().public, now=NOW, **times))
    publisher.prepare(key().public, now=NOW + 1, **times)
    assert publisher.last_issued_at == NOW + 1 + DEFAULT_LIMITS.clock_skew_s


def test_what_was_exported_goes_on_after_a_restart() -> None:
    publisher = IdentifierPublisher(uri=URI)
    assert publisher.export() == IdentifierState(frozenset(), frozenset(), None)
    valid, revoked = publisher.allocate(), publisher.allocate()
    publisher.revoke(revoked)
    store = StatusStore(anchors=anchors(ISSUER, "signer", "Ed25519"))

    def publish(by: IdentifierPublisher) -> None:
        body = by.publish(key("signer", "Ed25519"), now=NOW, ttl_s=60, expires_s=600, kid="signer")
        store.ingest(URI, body, media_type="application/identifierlist+cwt", now=NOW)

    publish(publisher)
    kept = publisher.export()
    assert kept.last_issued_at == NOW
    publisher.revoke(valid)  # what comes later is in no export of before
    assert kept.revoked == {revoked.identifier} and kept.given == {valid.identifier, revoked.identifier}

    again = IdentifierPublisher(uri=URI, state=kept, draw=lambda _: valid.identifier or b"")
    assert again.export() == kept and again.version == 1
    misused(Reason.CONFIGURATION_INVALID, again.allocate)  # never given out again
    publish(again)  # with a later iat, though the clock stands still
    assert store.check(revoked, issuer=ISSUER, now=NOW) is Status.INVALID
    assert store.check(valid, issuer=ISSUER, now=NOW) is Status.VALID
    again.revoke(valid)
    publish(again)
    assert store.check(valid, issuer=ISSUER, now=NOW) is Status.INVALID


@pytest.mark.parametrize("last", [0, 1, 2**53 - 1])
def test_any_time_may_be_the_last(last: int) -> None:
    state = IdentifierState(frozenset(), frozenset(), last)
    assert IdentifierPublisher(uri=URI, state=state).last_issued_at == last


def test_lists_that_differ_have_other_hashes() -> None:
    lists = [IdentifierList([bytes([number])]) for number in range(4)]
    assert len(set(map(hash, lists))) == len({*lists, *lists}) == 4


ONE = frozenset({bytes(16)})


@pytest.mark.parametrize(
    "state",
    [
        (ONE, frozenset(), None), IdentifierState(frozenset(), ONE, None),
        IdentifierState(frozenset({bytes(15)}), frozenset(), None), IdentifierState(ONE, frozenset(), -1),
        IdentifierState(ONE, frozenset(), True), IdentifierState(ONE, frozenset(), 2**53),
        IdentifierState(set(ONE), frozenset(), None), IdentifierState(ONE, set(), None),  # type: ignore[arg-type]  # what a caller may get wrong
        IdentifierState(frozenset({"x" * 16}), frozenset(), None),  # type: ignore[arg-type]  # what a caller may get wrong
    ],
)  # fmt: skip
def test_a_state_that_is_none_is_refused(state: Any) -> None:
    misused(Reason.CONFIGURATION_INVALID, lambda: IdentifierPublisher(uri=URI, state=state))


def test_threads_share_a_publisher() -> None:
    publisher = IdentifierPublisher(uri=URI)
    given: list[StatusReference] = []

    def run() -> None:
        for _ in range(100):
            reference = publisher.allocate()
            publisher.revoke(reference)
            given.append(reference)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({reference.identifier for reference in given}) == 400


# --- what a ticket keeps of an identity ---


def test_the_beginning_of_an_identity_leads_to_one_list_or_to_none() -> None:
    first, other = bytes([0x80]) * 16, bytes([0x81]) * 16
    twin = first[:PREFIX_BYTES] + bytes(16 - PREFIX_BYTES)
    by_index = bytes([0x7F]) * 16  # is asked for as a whole
    nobody = {first[:PREFIX_BYTES]: b""}
    assert prefixes_of([by_index]) == {}
    assert prefixes_of([first, by_index, other, first]) == {each[:PREFIX_BYTES]: each for each in (first, other)}
    assert prefixes_of([first, twin]) == prefixes_of([twin, first, twin, first]) == nobody
    assert prefixes_of([twin, other, first]) == nobody | {other[:PREFIX_BYTES]: other}
