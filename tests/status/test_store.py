"""What a verifier keeps of status lists: when one counts, that it never goes back, that a refusal changes nothing.

Times are tested at the second before, at and after each boundary. The last part asks through the whole verifier (V9).
Spec: Token Status List sections 8.3, 11.5, 13.7; DESIGN section 4; EUDI ARF 3.0.0 topic 7.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import certificate, certificate_key, der, local_key, pem, x5c
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    ANY,
    Challenge,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    MalformedError,
    NeedStatusList,
    Reason,
    Status,
    StatusKind,
    StatusReference,
    TrustAnchors,
    UnixTime,
    VerificationError,
)
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import (
    IdentifierPublisher,
    StatusFile,
    StatusSource,
    StatusStore,
    VerifiedStatusList,
    _file,
    _identity,
    _shares,
    _store,
    read_status_file,
    verify_status_list,
    write_status_file,
)
from citizenid.status._records import Mark, write_marks
from citizenid.status._store import identity_of, place_of, status_identity
from citizenid.verifier import VerifiedPresentation, verify

from . import (
    ABSENT,
    DAY,
    IDENTIFIERS,
    ISSUER,
    MEDIA_TYPE,
    NOW,
    OTHER_ISSUER,
    URI,
    VALUES,
    anchors,
    claims,
    header,
    key,
    listing,
    lst,
    named,
    segment,
    slow_pack,
    status_list,
    token,
    unsegment,
    zero_bomb,
)
from .test_token import OTHER_SUBJECTS, REFUSED, TRUSTED, VERIFICATION, Refusal, any_of, check_refused

IDENTIFIERS_URI = "https://issuer.example/identifiers"
MEANING = (Status.VALID, Status.INVALID, Status.SUSPENDED, Status.OTHER)
CAP = 86_400


def new_store(**limits: int) -> StatusStore:
    return StatusStore(anchors=TRUSTED, limits=Limits(**limits))


def ingest(store: StatusStore, body: bytes | str, now: Any = NOW, uri: str = URI) -> None:
    store.ingest(uri, body, media_type=MEDIA_TYPE, now=now)


def holding(body: bytes | None = None, now: int = NOW, **limits: int) -> StatusStore:
    store = new_store(**limits)
    ingest(store, token() if body is None else body, now)
    return store


def ask(
    store: StatusStore, index: int = 0, now: Any = NOW, issuer: str = ISSUER, uri: str = URI
) -> Status | NeedStatusList:
    return store.check(StatusReference(uri, index), issuer=issuer, now=now)


def usable(store: StatusStore, now: int, index: int = 0) -> bool:
    """Whether the list counts at `now`; if it does not, that is for its age."""
    answer = ask(store, index, now)
    assert isinstance(answer, Status) or answer == NeedStatusList(URI, Reason.STATUS_LIST_STALE)
    return isinstance(answer, Status)


def snapshot(store: StatusStore) -> list[Any]:
    """All that a store which holds the good token answers, without leaving a question behind in `due`."""
    found: list[Any] = [store.due(now) for now in (NOW, NOW + 1_799, NOW + 1_800, NOW + 3_599, NOW + 3_600, NOW + DAY)]
    for now in (NOW, NOW + 1_800, NOW + 3_599):
        found += [ask(store, index, now) for index in range(4)]
        with pytest.raises(VerificationError):
            ask(store, 4, now)
    return found


# --- a list that is held answers ---


def test_a_held_list_answers_with_the_status_at_the_index() -> None:
    store = holding()
    assert tuple(ask(store, index) for index in range(4)) == MEANING


def test_an_index_beyond_the_list_is_refused_and_not_valid() -> None:
    # STA-018
    store = holding()
    for index in (4, 5, 8, 2**16, 2**31, 2**32 - 1):
        with pytest.raises(VerificationError) as caught:
            ask(store, index)
        assert (caught.value.reason, caught.value.step) == (Reason.STATUS_INDEX_OUT_OF_RANGE, "V9")
        assert caught.value.__context__ is None


@pytest.mark.parametrize("index", [-1, 2**32, 2**64, True, False, None, 0.0, 1.5, "0", "5", [0]], ids=repr)
def test_an_index_that_is_no_index_is_no_reference(index: Any) -> None:
    # STA-019: True == 1 in Python, and 1.0 too
    with pytest.raises(MalformedError) as caught:
        StatusReference(URI, index)
    assert (caught.value.reason, caught.value.where) == (Reason.CLAIM_INVALID, "status.status_list.idx")


@pytest.mark.parametrize(
    "uri", ["", "x" * 2_049, None, 1, b"https://issuer.example", ["https://issuer.example"]], ids=type
)
def test_a_uri_that_is_none_is_no_reference(uri: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        StatusReference(uri, 0)
    assert (caught.value.reason, caught.value.where) == (Reason.CLAIM_INVALID, "status.status_list.uri")


# --- need is a value ---


def test_a_list_never_seen_is_needed() -> None:
    # STA-015: nothing at hand is no answer.
    answer = ask(new_store(), 3)
    assert answer == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)
    with pytest.raises(TypeError):
        bool(answer)


def test_a_stale_list_is_needed_again() -> None:
    answer = ask(holding(), 0, NOW + 3_600)
    assert answer == NeedStatusList(URI, Reason.STATUS_LIST_STALE)
    with pytest.raises(TypeError):
        bool(answer)


def test_a_stale_list_does_not_even_say_that_an_index_is_out_of_range() -> None:
    # A newer list may have grown.
    assert ask(holding(), 2**31, NOW + 3_600) == NeedStatusList(URI, Reason.STATUS_LIST_STALE)


@pytest.mark.parametrize("name", OTHER_SUBJECTS.keys() - {"empty"})
def test_another_spelling_of_the_uri_is_another_list(name: str) -> None:
    # STA-008
    store = holding()
    other = OTHER_SUBJECTS[name]
    assert ask(store, 0, uri=other) == NeedStatusList(other, Reason.STATUS_LIST_UNAVAILABLE)
    ingest(store, token(claims(sub=other, status_list=status_list(2, (1, 1, 1, 1)))), uri=other)
    assert ask(store, 0, uri=other) is Status.INVALID
    assert ask(store, 0) is Status.VALID


# --- whose list ---


def test_two_issuers_that_name_the_same_uri_do_not_share_a_list() -> None:
    store = holding()
    assert ask(store, 1, issuer=OTHER_ISSUER) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)
    theirs = token(claims(status_list=status_list(2, (1, 0, 0, 0))), header(kid="other"), signer=key("other"))
    ingest(store, theirs)
    assert [ask(store, index, issuer=ISSUER) for index in (0, 1)] == [Status.VALID, Status.INVALID]
    assert [ask(store, index, issuer=OTHER_ISSUER) for index in (0, 1)] == [Status.INVALID, Status.VALID]


def test_another_issuer_can_neither_lift_nor_block_a_revocation() -> None:
    # Were lists held by their URI alone, the one would undo ours and the other would keep our next one out.
    store = holding()
    everything_valid = claims(iat=NOW + 30, status_list=status_list(2, (0, 0, 0, 0)))
    ingest(store, token(everything_valid, header(kid="other"), signer=key("other")))
    assert ask(store, 1) is Status.INVALID
    ingest(store, token(claims(iat=NOW + 1, status_list=status_list(2, (1, 1, 0, 0)))))
    assert ask(store, 0) is Status.INVALID


@pytest.mark.parametrize("issuer", [ISSUER + "/", ISSUER.upper(), "", "issuer.example"])
def test_the_label_of_the_trust_point_is_compared_exactly(issuer: str) -> None:
    assert ask(holding(), 0, issuer=issuer) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)


@given(
    st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=5)),
    st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=5)),
)
def test_no_two_pairs_of_uri_and_issuer_run_together(one: tuple[str, str], other: tuple[str, str]) -> None:
    # ("ab", "c") and ("a", "bc") are two lists, also for a ticket.
    assert (status_identity(*one) == status_identity(*other)) is (one == other)
    uri, issuer = one
    assert status_identity(uri + issuer, "") != status_identity(uri, issuer) or not issuer
    assert len(status_identity(uri, issuer)) == 16


# --- for how long ---

CASES_OF_AGE: dict[str, tuple[dict[str, Any], int]] = {
    "ttl": ({"ttl": 3_600}, 3_600),
    "ttl-1": ({"ttl": 1}, 1),
    "ttl-beyond-the-cap": ({"ttl": CAP + 1, "exp": NOW + 9 * CAP}, CAP),
    "ttl-10^12": ({"ttl": 10**12, "exp": 10**12}, CAP),
    "exp-before-ttl": ({"exp": NOW + 100}, 100),
    "exp-next-second": ({"exp": NOW + 1}, 1),
    "ttl-before-exp": ({"exp": NOW + 7_200}, 3_600),
    "exp-alone": ({"exp": NOW + 600, "ttl": ABSENT}, 600),
    "exp-alone-beyond-the-cap": ({"exp": NOW + 9 * CAP, "ttl": ABSENT}, CAP),
    "ttl-alone": ({"exp": ABSENT}, 3_600),
    "neither": ({"exp": ABSENT, "ttl": ABSENT}, CAP),  # STA-006
    "issued-long-ago": ({"iat": NOW - CAP + 60, "exp": ABSENT, "ttl": 3_600}, 60),
    "issued-in-the-future": ({"iat": NOW + 30}, 3_600),
}


@pytest.mark.parametrize("name", CASES_OF_AGE)
def test_a_list_counts_to_the_second(name: str) -> None:
    # STA-005: now < min(exp, fetched + min(ttl, cap)), and there is no grace.
    changes, seconds = CASES_OF_AGE[name]
    store = holding(token(claims(**changes)))
    assert usable(store, NOW)
    assert usable(store, NOW + seconds - 1)
    assert not usable(store, NOW + seconds)
    assert not usable(store, NOW + seconds + 1)
    assert not usable(store, NOW + 10 * CAP)


@given(
    ttl=st.none() | st.integers(1, 2_000),
    exp=st.none() | st.integers(1, 2_000),
    cap=st.integers(1, 2_000),
    later=st.integers(0, 4_000),
)
def test_the_formula_of_age(ttl: int | None, exp: int | None, cap: int, later: int) -> None:
    times = {"ttl": ABSENT if ttl is None else ttl, "exp": ABSENT if exp is None else NOW + exp}
    store = holding(token(claims(**times)), status_age_s=cap)
    end = min(NOW + exp if exp is not None else 10**12, NOW + min(cap if ttl is None else ttl, cap))
    assert usable(store, NOW + later) is (NOW + later < end)
    assert usable(store, end - 1) and not usable(store, end)


def test_the_age_counts_from_when_it_was_fetched() -> None:
    store = holding(token(claims(iat=NOW - 3_000, ttl=3_600)))
    assert usable(store, NOW + 3_599) and not usable(store, NOW + 3_600)


@pytest.mark.parametrize("skew_s", [0, 30, 300])
def test_a_clock_that_was_ahead_hides_no_revocation(skew_s: int, tmp_path: Path) -> None:
    store = StatusStore(anchors=TRUSTED, limits=Limits(clock_skew_s=skew_s))
    ahead = NOW + 80_000
    ingest(store, token(), now=ahead)
    store.ingest(IDENTIFIERS_URI, listing(uri=IDENTIFIERS_URI), media_type=IDENTIFIERS, now=ahead)
    write_status_file(tmp_path / "lists", store)
    file = StatusFile(tmp_path / "lists", anchors=TRUSTED)
    again = StatusStore(anchors=TRUSTED, stored=read_status_file(tmp_path / "lists"))
    (anchor,) = credential_anchors()
    references = (StatusReference(URI, 0), named(b"a", IDENTIFIERS_URI))
    for asked in (store, file, again):
        for reference in references:
            stale = NeedStatusList(reference.uri, Reason.STATUS_LIST_STALE)
            for now, answer in (
                (NOW, stale),
                (ahead - skew_s - 1, stale),
                (ahead - skew_s, Status.VALID),
                (ahead, Status.VALID),
            ):
                assert asked.check_identity(*place_of(reference, anchor), UnixTime(now)) == answer
                assert asked.check(reference, issuer=ISSUER, now=now) == answer
        ends = (NOW, ahead - skew_s - 1)
        assert all(asked.due(now) == (URI, IDENTIFIERS_URI) for now in ends)
    ingest(store, token(), now=NOW + 10)  # the clock was put right, and the list came again
    assert ask(store, 1, now=NOW + 10) is Status.INVALID
    assert not usable(store, NOW + 10 + 3_600)


def test_a_list_that_was_fetched_again_is_due_by_its_last_fetch() -> None:
    store = holding(now=NOW + 80_000)
    assert store.due(NOW + 79_970) == () and store.due(NOW + 79_969) == (URI,)
    ingest(store, token(), now=NOW)
    assert store.due(NOW) == ()


def test_fetching_it_again_renews_it_but_never_beyond_exp() -> None:
    body = token(claims(exp=NOW + 5_000, ttl=3_600))
    store = holding(body)
    ingest(store, body, NOW + 3_000)
    assert usable(store, NOW + 4_999) and not usable(store, NOW + 5_000)
    ended = Refusal("", body, VERIFICATION, Reason.STATUS_LIST_EXPIRED, "status-list.exp")
    check_refused(ended, lambda: ingest(store, body, NOW + 5_000))
    assert not usable(store, NOW + 5_000)


def test_a_stale_list_that_is_fetched_again_counts_again() -> None:
    body = token(claims(ttl=60))
    store = holding(body)
    assert not usable(store, NOW + 60)
    ingest(store, body, NOW + 60)
    assert usable(store, NOW + 119) and not usable(store, NOW + 120)


def test_a_list_does_not_outlive_the_trust_in_its_signer() -> None:
    # "Trusted before not_after": whoever takes over the key then must find no list of it in force.
    store = StatusStore(anchors=scoped(not_after=NOW + 100))
    ingest(store, token())
    assert usable(store, NOW + 99)
    assert not usable(store, NOW + 100)


# --- no way back ---


def test_a_first_list_lies_within_the_cap() -> None:
    # STA-013: a verifier that has just started has no high-water mark; an old list must not be played to it.
    oldest = token(claims(iat=NOW - CAP))
    assert usable(holding(oldest), NOW)
    store = new_store()
    too_old = Refusal("", token(claims(iat=NOW - CAP - 1)), VERIFICATION, Reason.STATUS_LIST_TOO_OLD, "status-list.iat")
    check_refused(too_old, lambda: ingest(store, too_old.body))
    assert ask(store) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)
    short = Refusal("", token(claims(iat=NOW - 61)), VERIFICATION, Reason.STATUS_LIST_TOO_OLD, "status-list.iat")
    check_refused(short, lambda: ingest(new_store(status_age_s=60), short.body))


ALL_VALID = status_list(2, (0, 0, 0, 0))
GOES_BACK = (
    # STA-010, STA-011: each is signed by the right key, of the right URI, and in time.
    ("older-by-a-second", claims(iat=NOW - 1, status_list=ALL_VALID), Reason.STATUS_LIST_ROLLBACK),
    ("older-by-an-hour", claims(iat=NOW - 3_600, status_list=ALL_VALID), Reason.STATUS_LIST_ROLLBACK),
    ("older-beyond-the-cap", claims(iat=NOW - 2 * CAP, status_list=ALL_VALID), Reason.STATUS_LIST_ROLLBACK),
    ("older-and-the-same-bits", claims(iat=NOW - 1), Reason.STATUS_LIST_ROLLBACK),
    ("older-and-longer-lived", claims(iat=NOW - 1, ttl=CAP, exp=NOW + 9 * CAP), Reason.STATUS_LIST_ROLLBACK),
    ("iat-0", claims(iat=0), Reason.STATUS_LIST_ROLLBACK),
    ("same-iat-other-bits", claims(status_list=ALL_VALID), Reason.STATUS_LIST_CONFLICT),
    ("same-iat-one-more-bit", claims(status_list=status_list(2, (1, 1, 2, 3))), Reason.STATUS_LIST_CONFLICT),
    ("same-iat-longer", claims(status_list=status_list(2, (*VALUES, 0, 0, 0, 0))), Reason.STATUS_LIST_CONFLICT),
    ("same-iat-shorter", claims(status_list=status_list(2, ())), Reason.STATUS_LIST_CONFLICT),
    ("same-iat-same-bytes-other-width", claims(status_list={**status_list(), "bits": 1}), Reason.STATUS_LIST_CONFLICT),
)


@pytest.mark.parametrize("name", [name for name, _, _ in GOES_BACK])
@pytest.mark.parametrize("later_s", [0, 3_599, 3_600, DAY - 1], ids=lambda later_s: f"after-{later_s}s")
def test_a_list_never_goes_back(name: str, later_s: int) -> None:
    # Not even to a list that has become stale in the meantime: its iat still stands.
    _, payload, reason = next(case for case in GOES_BACK if case[0] == name)
    store = holding()
    before = snapshot(store)
    refusal = Refusal(name, token(payload), VERIFICATION, reason, "status-list.iat")
    check_refused(refusal, lambda: ingest(store, refusal.body, NOW + later_s))
    assert snapshot(store) == before


def test_the_same_list_again_is_no_conflict() -> None:
    store = holding()
    ingest(store, token(), NOW + 10)  # another signature over the same claims
    ingest(store, token(claims(ttl=7_200)), NOW + 10)  # the same bits and iat; it may live longer
    recompressed = segment(unsegment(status_list()["lst"])).decode()
    ingest(store, token(claims(status_list=status_list(lst=recompressed))), NOW + 10)
    assert usable(store, NOW + 10 + 3_599)
    assert tuple(ask(store, index) for index in range(4)) == MEANING


def test_another_compression_of_the_same_bits_is_no_conflict() -> None:
    store = holding()
    ingest(store, token(claims(status_list=status_list(lst=lst(slow_pack(2, VALUES), level=0)))), NOW + 1)
    assert ask(store, 1) is Status.INVALID


def test_a_newer_list_takes_over_at_once() -> None:
    # CAC-008: a revocation that came in a moment ago answers the next question.
    store = holding()
    assert ask(store, 0) is Status.VALID
    ingest(store, token(claims(iat=NOW + 1, status_list=status_list(2, (1, 0, 0, 0)))))
    assert [ask(store, index) for index in (0, 1)] == [Status.INVALID, Status.VALID]


def test_a_newer_list_may_have_another_size_and_width() -> None:
    store = holding()
    ingest(store, token(claims(iat=NOW + 1, status_list=status_list(8, [0] * 9 + [1]))))
    assert ask(store, 9) is Status.INVALID
    ingest(store, token(claims(iat=NOW + 2, status_list=status_list(1, [1]))))
    assert [ask(store, index) for index in (0, 7)] == [Status.INVALID, Status.VALID]
    with pytest.raises(VerificationError):
        ask(store, 9)


def test_a_newer_list_may_live_shorter() -> None:
    store = holding()
    ingest(store, token(claims(iat=NOW + 1, ttl=10)))
    assert usable(store, NOW + 9) and not usable(store, NOW + 10)


def test_an_iat_in_the_future_does_not_move_the_mark() -> None:
    # Else one wrong clock at the issuer, or one token signed ahead, would keep every later list out.
    store = holding()
    ahead = token(claims(iat=NOW + 31, status_list=ALL_VALID))
    refusal = Refusal("", ahead, VERIFICATION, Reason.STATUS_LIST_IN_FUTURE, "status-list.iat")
    check_refused(refusal, lambda: ingest(store, ahead))
    ingest(store, token(claims(iat=NOW + 1, status_list=status_list(2, (1, 1, 1, 1)))))
    assert ask(store, 0) is Status.INVALID
    # Its time comes.
    ingest(store, ahead, NOW + 1)
    assert ask(store, 0) is Status.VALID


def test_an_iat_within_the_skew_moves_the_mark() -> None:
    store = holding(token(claims(iat=NOW + 30)))
    refusal = Refusal("", token(claims(iat=NOW + 29)), VERIFICATION, Reason.STATUS_LIST_ROLLBACK, "status-list.iat")
    check_refused(refusal, lambda: ingest(store, refusal.body))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=12))
def test_the_highest_iat_wins_in_whatever_order_lists_come(arrivals: list[tuple[int, int]]) -> None:
    # The model: the newest list so far, and of two with the same iat the first.
    store = new_store()
    held: tuple[int, int] | None = None
    for iat, value in arrivals:
        body = token(claims(iat=NOW + iat, status_list=status_list(2, (value,))))
        if held is None or iat > held[0] or (iat, value) == held:
            ingest(store, body)
            held = (iat, value)
        else:
            wanted = Reason.STATUS_LIST_ROLLBACK if iat < held[0] else Reason.STATUS_LIST_CONFLICT
            refusal = Refusal("", body, VERIFICATION, wanted, "status-list.iat")
            check_refused(refusal, functools.partial(ingest, store, body))
        assert ask(store) is MEANING[held[1]]


# --- what is refused changes nothing ---


@pytest.mark.parametrize("refusal", REFUSED, ids=[refusal.name for refusal in REFUSED])
def test_a_refused_token_changes_nothing_of_the_held_list(refusal: Refusal) -> None:
    store = holding()
    before = snapshot(store)
    check_refused(refusal, lambda: ingest(store, refusal.body))
    assert snapshot(store) == before
    assert ask(store, 0, issuer=OTHER_ISSUER) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)
    # And nothing is lost or blocked: the next good list comes in.
    ingest(store, token(claims(iat=NOW + 1, status_list=status_list(2, (1, 0, 0, 0)))))
    assert [ask(store, index) for index in (0, 1)] == [Status.INVALID, Status.VALID]


@pytest.mark.parametrize("refusal", REFUSED, ids=[refusal.name for refusal in REFUSED])
def test_a_refused_token_leaves_an_empty_store_asking(refusal: Refusal) -> None:
    store = new_store()
    ask(store)
    check_refused(refusal, lambda: ingest(store, refusal.body))
    assert ask(store) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)
    assert store.due(NOW) == (URI,)
    ingest(store, token())
    assert store.due(NOW) == () and ask(store) is Status.VALID


@pytest.mark.parametrize("media_type", ["application/statuslist", "application/json", ""])
def test_so_does_a_body_of_another_type(media_type: str) -> None:
    store = holding()
    before = snapshot(store)
    refusal = Refusal("", b"", VERIFICATION, Reason.STATUS_MEDIA_TYPE, "status-list")
    newer = token(claims(iat=NOW + 1, status_list=ALL_VALID))
    check_refused(refusal, lambda: store.ingest(URI, newer, media_type=media_type, now=NOW))
    assert snapshot(store) == before


def test_so_does_a_list_of_another_uri() -> None:
    # STA-001: the right key and type, but it was fetched from elsewhere.
    store = holding()
    before = snapshot(store)
    refusal = Refusal("", b"", VERIFICATION, Reason.STATUS_SUBJECT_MISMATCH, "status-list.sub")
    other = "https://issuer.example/status/2"
    newer = token(claims(sub=other, iat=NOW + 1, status_list=ALL_VALID))
    check_refused(refusal, lambda: ingest(store, newer))
    check_refused(refusal, lambda: ingest(store, token(claims(iat=NOW + 1)), uri=other))
    assert snapshot(store) == before


def test_a_bomb_does_not_displace_the_held_list() -> None:
    store = holding(status_list_inflated_bytes=2**16)
    before = snapshot(store)
    bomb = token(claims(iat=NOW + 1, status_list=status_list(lst=segment(zero_bomb(64)).decode())))
    refusal = Refusal("", bomb, MalformedError, Reason.INPUT_TOO_LARGE, "status-list.status_list.lst")
    check_refused(refusal, lambda: ingest(store, bomb))
    assert snapshot(store) == before


@given(st.data())
def test_no_damaged_token_changes_anything(data: st.DataObject) -> None:
    newer = token(claims(iat=NOW + 1, status_list=ALL_VALID))
    position = data.draw(st.integers(0, len(newer) - 1))
    damaged = bytearray(newer)
    damaged[position] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(newer) - 1))
    store = holding()
    before = snapshot(store)
    for body in (bytes(damaged), newer[:cut], newer[cut + 1 :]):
        with pytest.raises((MalformedError, VerificationError)):
            ingest(store, body)
    assert snapshot(store) == before


# --- other signers ---


def scoped(**window: Any) -> TrustAnchors:
    jwks = {"keys": [{**key().public.to_jwk(), "kid": "signer"}]}
    return TrustAnchors.from_jwks(ISSUER, jwks, purpose=KeyPurpose.STATUS_LIST, **window)


def test_a_list_stays_while_its_signer_is_trusted() -> None:
    store = holding()
    before = snapshot(store)
    store.reload(anchors=anchors())
    assert snapshot(store) == before


def test_a_list_whose_signer_is_gone_counts_no_longer() -> None:
    store = holding()
    store.reload(anchors=anchors(OTHER_ISSUER, "other"))
    assert ask(store) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)
    gone = Refusal("", token(), VERIFICATION, Reason.KEY_UNKNOWN, "status-list", "V2")
    check_refused(gone, lambda: ingest(store, gone.body))
    ingest(store, token(None, header(kid="other"), signer=key("other")))
    assert ask(store, issuer=OTHER_ISSUER) is Status.VALID
    assert ask(store) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)


@pytest.mark.parametrize("reloads", ["longer", "gone-and-back"])
def test_trusting_anew_is_no_way_back(reloads: str) -> None:
    # The operator prolongs the anchor, or takes it out and puts it back: the newest list seen is still the newest.
    store = holding()
    if reloads == "gone-and-back":
        store.reload(anchors=anchors(OTHER_ISSUER, "other"))
    store.reload(anchors=scoped(not_after=NOW + 900 * DAY))
    older = token(claims(iat=NOW - 1, status_list=ALL_VALID))
    refusal = Refusal("", older, VERIFICATION, Reason.STATUS_LIST_ROLLBACK, "status-list.iat")
    check_refused(refusal, lambda: ingest(store, older))
    ingest(store, token())
    assert ask(store, 1) is Status.INVALID


def test_a_list_that_stays_is_its_own_mark_still() -> None:
    store = holding()
    store.reload(anchors=TRUSTED)
    (held,) = store._held.values()
    assert list(store._marks.values()) == [held] and held.statuses._digest is None


def test_a_list_that_is_gone_leaves_its_digest_and_not_its_bits() -> None:
    store = holding()
    store.reload(anchors=anchors(OTHER_ISSUER, "other"))
    assert [type(mark) for mark in store._marks.values()] == [Mark]  # nothing of it keeps the list in memory
    store.reload(anchors=TRUSTED)
    for other in (ALL_VALID, status_list(1, VALUES[:2])):
        refusal = Refusal(
            "", token(claims(status_list=other)), VERIFICATION, Reason.STATUS_LIST_CONFLICT, "status-list.iat"
        )
        check_refused(refusal, lambda refusal=refusal: ingest(store, refusal.body))  # type: ignore[misc]  # an argument with a default
    ingest(store, token())
    assert ask(store, 1) is Status.INVALID


def test_a_list_is_hashed_when_its_iat_is_that_of_the_one_held_and_when_marks_are_handed_on() -> None:
    store = holding()
    (held,) = store._held.values()
    ingest(store, token(claims(iat=NOW + 1)))
    assert held.statuses._digest is None  # what is newer is compared with nothing
    (held,) = store._held.values()
    assert held.statuses._digest is None
    conflict = Refusal(
        "",
        token(claims(iat=NOW + 1, status_list=ALL_VALID)),
        VERIFICATION,
        Reason.STATUS_LIST_CONFLICT,
        "status-list.iat",
    )
    check_refused(conflict, lambda: ingest(store, conflict.body))
    assert held.statuses._digest == hashlib.sha256(b"\x02" + slow_pack(2, VALUES)).digest()
    for again in (
        StatusStore(anchors=TRUSTED, marks=store.export_marks()),
        StatusStore(anchors=TRUSTED, stored=store.export()),
    ):
        check_refused(conflict, lambda again=again: ingest(again, conflict.body))  # type: ignore[misc]  # an argument with a default
        ingest(again, token(claims(iat=NOW + 1)))


def test_a_list_verified_by_other_anchors_is_not_taken_in() -> None:
    # As when the anchors are exchanged between the verification of a list and its taking in.
    verified = verify_status_list(token(), uri=URI, media_type=MEDIA_TYPE, anchors=TRUSTED, now=NOW)
    store = new_store()
    store.reload(anchors=anchors(OTHER_ISSUER, "other"))
    with pytest.raises(VerificationError) as caught:
        store.put(verified, now=NOW)
    assert caught.value.reason is Reason.KEY_UNKNOWN
    assert ask(store) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)


# --- what to fetch ---


@pytest.mark.parametrize(
    ("changes", "half"),
    [
        ({"ttl": 3_600}, 1_800),
        ({"ttl": 3_601}, 1_800),
        ({"ttl": 1}, 1),
        ({"ttl": 2}, 1),
        ({"ttl": 3}, 1),
        ({"exp": NOW + 100}, 50),
        ({"exp": NOW + 1}, 1),
        ({"ttl": 10**12, "exp": 10**12}, CAP // 2),
        ({"ttl": ABSENT, "exp": ABSENT}, CAP // 2),
    ],
    ids=str,
)
def test_a_list_is_due_at_half_of_its_time_to_the_second(changes: dict[str, Any], half: int) -> None:
    store = holding(token(claims(**changes)))
    assert store.due(NOW) == store.due(NOW + half - 1) == ()
    assert store.due(NOW + half) == store.due(NOW + half + 1) == store.due(NOW + 10 * CAP) == (URI,)


def test_a_list_that_is_fetched_is_due_at_half_of_its_new_time() -> None:
    store = holding()
    ingest(store, token(claims(iat=NOW + 1_800)), NOW + 1_800)
    assert store.due(NOW + 3_599) == ()
    assert store.due(NOW + 3_600) == (URI,)


def test_a_list_that_is_asked_for_is_due_until_it_comes() -> None:
    store = new_store()
    assert store.due(NOW) == ()
    ask(store)
    ask(store, 1)
    ask(store, 0, issuer=OTHER_ISSUER)
    assert store.due(NOW) == store.due(NOW + CAP) == (URI,)  # asking does not take it off
    ingest(store, token())
    assert store.due(NOW) == ()


def test_a_stale_list_is_due_once() -> None:
    store = holding()
    ask(store, 0, NOW + 3_600)
    assert store.due(NOW + 3_600) == (URI,)


def test_a_list_is_due_again_for_the_issuer_that_did_not_bring_it() -> None:
    store = new_store()
    ask(store)
    ask(store, issuer=OTHER_ISSUER)
    ingest(store, token())
    ask(store, issuer=OTHER_ISSUER)
    assert store.due(NOW) == (URI,)


def test_several_lists_are_due_in_the_order_in_which_they_were_asked_for() -> None:
    store = new_store()
    uris = tuple(f"{URI}/{number}" for number in (3, 1, 2))
    for uri in uris:
        ask(store, uri=uri)
    assert store.due(NOW) == uris
    ingest(store, token(claims(sub=uris[1])), uri=uris[1])
    assert store.due(NOW) == (uris[0], uris[2])
    assert store.due(NOW + 1_800) == (uris[0], uris[2], uris[1])


def test_what_is_asked_for_is_remembered_within_bounds() -> None:
    store = new_store()
    for number in range(5_000):
        answer = ask(store, uri=f"{URI}/{number}")
        assert answer == NeedStatusList(f"{URI}/{number}", Reason.STATUS_LIST_UNAVAILABLE)
    due = store.due(NOW)
    assert len(due) == 4_096 and due == tuple(f"{URI}/{number}" for number in range(4_096))


# --- the clock ---


@pytest.mark.parametrize(
    "now", [float("nan"), float("inf"), float("-inf"), 1.5, float(NOW), True, None, "0", -1], ids=repr
)
@pytest.mark.parametrize("door", ["check", "ingest", "due"])
def test_a_clock_that_is_none_is_refused(now: Any, door: str) -> None:
    # TIM-019. NaN is the one that hurts: it is never >= anything, so that no list would ever be stale.
    store = holding()
    doors: dict[str, Callable[[], object]] = {
        "check": lambda: ask(store, 0, now),
        "ingest": lambda: ingest(store, token(claims(iat=NOW + 1)), now),
        "due": lambda: store.due(now),
    }
    with pytest.raises(CitizenIDError) as caught:
        doors[door]()
    assert caught.value.reason is Reason.CLOCK_UNUSABLE


@pytest.mark.parametrize("skew_s", [-1, 301, True, 1.0, float("nan"), float("inf"), None, 10**9])
def test_the_skew_is_bounded(skew_s: Any) -> None:
    # TIM-016
    with pytest.raises(CitizenIDError) as caught:
        Limits(clock_skew_s=skew_s)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


# --- as a value among values ---


def test_a_verified_list_can_be_put_as_well() -> None:
    store = new_store()
    verified = verify_status_list(token(), uri=URI, media_type=MEDIA_TYPE, anchors=TRUSTED, now=NOW)
    store.put(verified, now=NOW)
    assert ask(store, 1) is Status.INVALID
    older = verify_status_list(token(claims(iat=NOW - 1)), uri=URI, media_type=MEDIA_TYPE, anchors=TRUSTED, now=NOW)
    refusal = Refusal("", b"", VERIFICATION, Reason.STATUS_LIST_ROLLBACK, "status-list.iat")
    check_refused(refusal, lambda: store.put(older, now=NOW))


def test_a_list_that_is_put_late_does_not_count_longer() -> None:
    # Verified in time, put after exp.
    store = new_store()
    verified = verify_status_list(token(claims(exp=NOW + 10)), uri=URI, media_type=MEDIA_TYPE, anchors=TRUSTED, now=NOW)
    store.put(verified, now=NOW + 10)
    assert not usable(store, NOW + 10)


def test_a_ticket_asks_by_identity() -> None:
    store = holding()
    identity = status_identity(URI, ISSUER)
    assert [store.check_identity(identity, index, NOW) for index in range(4)] == list(MEANING)
    stale = NeedStatusList(URI, Reason.STATUS_LIST_STALE)
    assert store.check_identity(identity, 0, NOW + 3_600) == stale
    assert store.check_identity(status_identity(URI, OTHER_ISSUER), 0, NOW) is None
    with pytest.raises(VerificationError) as caught:
        store.check_identity(identity, 4, NOW)
    assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE


# --- a credential may ask for a list under one certificate (ISO/IEC 18013-5 second edition 12.3.6) ---

ROOTS = {name: certificate(f"status root {name}", f"status root {name}", authority=True) for name in ("one", "two")}


def leaf_of(name: str) -> tuple[x509.Certificate, LocalKey]:
    """A signer whom this root has certified."""
    subject = f"signer under {name}"
    return certificate(subject, f"status root {name}"), local_key(certificate_key(subject))


def under(name: str, value: int, later_s: int = 0) -> bytes:
    """A list in which index 0 has this value, by a signer whom this root has certified."""
    stated = claims(iat=NOW + later_s, status_list=status_list(2, (value,)))
    leaf, signer = leaf_of(name)
    return token(stated, header(kid=ABSENT, x5c=x5c(leaf)), signer=signer)


def rooted(*names: str, label: str = ISSUER) -> TrustAnchors:
    return TrustAnchors.from_certificates(
        pem(*(ROOTS[name] for name in names)), issuer=label, purpose=KeyPurpose.STATUS_LIST
    )


def wanting(name: str | None) -> StatusReference:
    return StatusReference(URI, 0, certificate=None if name is None else der(ROOTS[name])[0])


def test_a_list_under_the_certificate_that_was_asked_for_counts_and_no_other() -> None:
    missing = NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE, der(ROOTS["one"])[0])
    # Valid, but signed by a key, or under another root.
    for trusted, other in ((TRUSTED, token()), (rooted("one", "two"), under("two", 0))):
        store = StatusStore(anchors=trusted)
        assert store.check(wanting("one"), issuer=ISSUER, now=NOW) == missing
        ingest(store, other)
        assert store.check(wanting(None), issuer=ISSUER, now=NOW) is Status.VALID
        assert store.check(wanting("one"), issuer=ISSUER, now=NOW) == missing
    store = StatusStore(anchors=rooted("one", "two"))
    ingest(store, under("one", 1), now=NOW)
    for name in ("one", None):
        assert store.check(wanting(name), issuer=ISSUER, now=NOW) is Status.INVALID
    assert isinstance(store.check(wanting("two"), issuer=ISSUER, now=NOW), NeedStatusList)
    assert isinstance(store.check(wanting("one"), issuer=OTHER_ISSUER, now=NOW), NeedStatusList)


def test_so_it_is_with_an_identifier_list() -> None:
    publisher = IdentifierPublisher(uri=URI)
    given = publisher.allocate()
    publisher.revoke(given)
    leaf, signer = leaf_of("one")
    body = publisher.publish(signer, now=NOW, ttl_s=3_600, expires_s=DAY, certificates=der(leaf))
    store = StatusStore(anchors=rooted("one", "two"))
    store.ingest(URI, body, media_type=IDENTIFIERS, now=NOW)
    for name, expected in (("one", Status.INVALID), (None, Status.INVALID), ("two", None)):
        certificate = None if name is None else der(ROOTS[name])[0]
        wanted = StatusReference(URI, kind=given.kind, identifier=given.identifier, certificate=certificate)
        answer = store.check(wanted, issuer=ISSUER, now=NOW)
        assert answer is expected or (expected is None and isinstance(answer, NeedStatusList))


def test_a_later_list_under_another_root_does_not_lift_what_the_first_has_revoked() -> None:
    store = StatusStore(anchors=rooted("one", "two"))
    ingest(store, under("one", 1))
    ingest(store, under("two", 0, later_s=1), now=NOW + 1)
    assert store.check(wanting("one"), issuer=ISSUER, now=NOW + 1) is Status.INVALID
    for name in ("two", None):
        assert store.check(wanting(name), issuer=ISSUER, now=NOW + 1) is Status.VALID


def test_two_lists_of_one_moment_under_two_roots_contradict_each_other() -> None:
    store = StatusStore(anchors=rooted("one", "two"))
    ingest(store, under("one", 1))
    refusal = Refusal("", b"", VERIFICATION, Reason.STATUS_LIST_CONFLICT, "status-list.iat")
    check_refused(refusal, lambda: ingest(store, under("two", 0)))


@pytest.mark.parametrize("value", [None, b"", token(), object(), VerifiedStatusList])
def test_what_is_no_verified_list_is_not_put(value: Any) -> None:
    store = new_store()
    with pytest.raises(CitizenIDError) as caught:
        store.put(value, now=NOW)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "status-list")
    assert store.due(NOW) == ()


def test_a_list_under_a_certificate_goes_with_its_root() -> None:
    store = StatusStore(anchors=rooted("one", "two"))
    ingest(store, under("one", 0))
    store.reload(anchors=rooted("two"))
    for name in ("one", None):
        assert isinstance(store.check(wanting(name), issuer=ISSUER, now=NOW), NeedStatusList)


def test_who_is_named_by_the_operator_counts_whatever_certificate_is_asked_for() -> None:
    store = holding()
    assert isinstance(store.check(wanting("one"), issuer=ISSUER, now=NOW), NeedStatusList)
    assert store.check(wanting("one"), issuer=ISSUER, now=NOW, any_certificate=True) is Status.VALID


@pytest.mark.parametrize("held", [None, "one", "two"])
@pytest.mark.parametrize("wanted", [None, "one", "two"])
@pytest.mark.parametrize("status_issuer", [None, OTHER_ISSUER])
def test_a_ticket_finds_the_list_that_the_credential_has_found(
    held: str | None, wanted: str | None, status_issuer: str | None
) -> None:
    label = status_issuer or ISSUER
    store = StatusStore(anchors=anchors(label) if held is None else rooted("one", "two", label=label))
    ingest(store, token() if held is None else under(held, 0))
    (anchor,) = credential_anchors(status_issuer=status_issuer)
    assert anchor.status_issuer == label
    reference = wanting(wanted)
    named = anchor.status_issuer != anchor.issuer
    answer = store.check(reference, issuer=label, now=NOW, any_certificate=named)
    by_identity = store.check_identity(identity_of(reference, anchor), 0, UnixTime(NOW))
    assert by_identity is (None if isinstance(answer, NeedStatusList) else Status.VALID)
    assert isinstance(answer, NeedStatusList) is not (named or wanted in (None, held))


# --- identifier lists, beside status lists ---


def test_an_identifier_list_answers_for_every_identifier() -> None:
    store = new_store()
    assert store.check(named(b"a"), issuer=ISSUER, now=NOW) == NeedStatusList(URI)
    assert store.due(NOW) == (URI,)
    store.ingest(URI, listing(b"a", b"b" * 64), media_type=IDENTIFIERS, now=NOW)
    assert store.due(NOW) == ()
    for identifier, status in ((b"a", Status.INVALID), (b"b" * 64, Status.INVALID), (b"b", Status.VALID)):
        assert store.check(named(identifier), issuer=ISSUER, now=NOW) is status
    assert isinstance(store.check(named(b"a"), issuer=OTHER_ISSUER, now=NOW), NeedStatusList)
    stale = NeedStatusList(URI, Reason.STATUS_LIST_STALE)
    assert store.check(named(b"a"), issuer=ISSUER, now=NOW + 3_600) == stale


def test_a_list_of_one_kind_is_none_of_the_other() -> None:
    store = holding()
    assert store.check(named(b"a"), issuer=ISSUER, now=NOW) == NeedStatusList(URI)
    store.ingest(URI, listing(), media_type=IDENTIFIERS, now=NOW)
    assert store.check(named(b"a"), issuer=ISSUER, now=NOW) is Status.VALID
    assert ask(store, 1) is Status.INVALID
    store = new_store()
    store.ingest(URI, listing(), media_type=IDENTIFIERS, now=NOW)
    assert ask(store) == NeedStatusList(URI)


def test_an_identifier_list_never_goes_back() -> None:
    store = new_store()
    store.ingest(URI, listing(b"a", iat=NOW), media_type=IDENTIFIERS, now=NOW)
    for body, reason in (
        (listing(iat=NOW - 1), Reason.STATUS_LIST_ROLLBACK),
        (listing(iat=NOW), Reason.STATUS_LIST_CONFLICT),
    ):
        refusal = Refusal("", b"", VERIFICATION, reason, "status-list.iat")
        check_refused(refusal, lambda body=body: store.ingest(URI, body, media_type=IDENTIFIERS, now=NOW))
        assert store.check(named(b"a"), issuer=ISSUER, now=NOW) is Status.INVALID
    store.ingest(URI, listing(b"a", b"b", iat=NOW + 1), media_type=IDENTIFIERS, now=NOW + 1)
    assert store.check(named(b"b"), issuer=ISSUER, now=NOW + 1) is Status.INVALID


@given(st.sets(st.binary(min_size=1, max_size=8), max_size=12), st.binary(min_size=1, max_size=8))
def test_a_ticket_answers_as_the_credential_does(revoked: set[bytes], identifier: bytes) -> None:
    store = new_store()
    (anchor,) = credential_anchors()
    for at_hand in (False, True):
        place = place_of(named(identifier), anchor)
        answer = store.check(named(identifier), issuer=ISSUER, now=NOW)
        if at_hand:
            assert store.check_identity(*place, UnixTime(NOW)) is answer
            assert answer is (Status.INVALID if identifier in revoked else Status.VALID)
            stale = store.check_identity(*place, UnixTime(NOW + 3_600))
            assert stale == NeedStatusList(URI, Reason.STATUS_LIST_STALE)
        else:
            assert store.check_identity(*place, UnixTime(NOW)) is None
            store.ingest(URI, listing(*revoked), media_type=IDENTIFIERS, now=NOW)


def test_what_a_ticket_keeps_of_an_identifier_is_as_long_as_an_index() -> None:
    (anchor,) = credential_anchors()
    for reference in (named(b"a"), named(b"b" * 64), StatusReference(URI, 2**32 - 1)):
        identity, index = place_of(reference, anchor)
        assert len(identity) == 16 and 0 <= index < 2**32
    assert place_of(named(b"a"), anchor) != place_of(named(b"b"), anchor) != place_of(named(b"b", URI + "2"), anchor)


@given(st.text(max_size=20), st.sampled_from([None, b"certificate"]), st.binary(min_size=1, max_size=8))
def test_no_place_in_one_kind_of_list_is_one_in_another(uri: str, root: bytes | None, identifier: bytes) -> None:
    (anchor,) = credential_anchors()
    others = (
        (StatusKind.STATUS_LIST, None),
        (StatusKind.BITSTRING, "revocation"),
        (StatusKind.BITSTRING, "suspension"),
    )
    for kind, purpose in others:
        assert status_identity(uri, ISSUER, root, kind, purpose)[0] < 0x80
    listed = status_identity(uri, ISSUER, root, StatusKind.IDENTIFIER_LIST)
    assert listed[0] >= 0x80
    if uri:
        assert place_of(named(identifier, uri, root), anchor)[0][:10] == listed[:10]


def alike(monkeypatch: pytest.MonkeyPatch, same: int) -> None:
    """Let all identities of a kind begin with the same bytes, and all of another kind but the first bit too."""
    real = _identity.status_identity.__wrapped__

    def colliding(*args: Any) -> bytes:
        identity: bytes = real(*args)
        return bytes([identity[0] & 0x80]) + bytes(same - 1) + identity[same:]

    for module in (_identity, _store, _file):
        monkeypatch.setattr(module, "status_identity", colliding)


def test_a_ticket_of_a_status_list_is_never_answered_from_an_identifier_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alike(monkeypatch, 10)
    store, (anchor,) = new_store(), credential_anchors()
    store.ingest(URI, listing(b"a"), media_type=IDENTIFIERS, now=NOW)
    write_status_file(tmp_path / "lists", store)
    for asked in (store, StatusFile(tmp_path / "lists", anchors=TRUSTED)):
        for index in (0, 1, 2**32 - 1):
            assert asked.check_identity(*place_of(StatusReference(URI, index), anchor), UnixTime(NOW)) is None
        assert asked.check_identity(*place_of(named(b"a"), anchor), UnixTime(NOW)) is Status.INVALID


@pytest.mark.parametrize("hostile_first", [False, True])
def test_of_two_identifier_lists_that_a_ticket_cannot_tell_apart_neither_answers(
    hostile_first: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alike(monkeypatch, 10)
    store, (anchor,) = StatusStore(anchors=TRUSTED), credential_anchors()
    uris = ("https://other.example/hostile", URI) if hostile_first else (URI, "https://other.example/hostile")
    for uri in uris:
        if uri == URI:
            store.ingest(uri, listing(b"a"), media_type=IDENTIFIERS, now=NOW)
        else:
            store.ingest(uri, listing(uri=uri, signer="other"), media_type=IDENTIFIERS, now=NOW)
    write_status_file(tmp_path / "lists", store)
    file = StatusFile(tmp_path / "lists", anchors=TRUSTED)
    again = StatusStore(anchors=TRUSTED, stored=read_status_file(tmp_path / "lists"))
    again.ingest(URI, listing(b"a"), media_type=IDENTIFIERS, now=NOW)  # the same again does not make it the only one
    for asked in (store, file, again):
        assert asked.check_identity(*place_of(named(b"a"), anchor), UnixTime(NOW)) is None
        assert asked.check(named(b"a"), issuer=ISSUER, now=NOW) is Status.INVALID
        asked.reload(anchors=anchors())
        assert asked.check_identity(*place_of(named(b"a"), anchor), UnixTime(NOW)) is Status.INVALID


def test_an_identifier_list_goes_with_its_signer() -> None:
    store = new_store()
    (anchor,) = credential_anchors()
    store.ingest(URI, listing(b"a"), media_type=IDENTIFIERS, now=NOW)
    store.reload(anchors=anchors(OTHER_ISSUER, "other"))
    assert isinstance(store.check(named(b"a"), issuer=ISSUER, now=NOW), NeedStatusList)
    assert store.check_identity(*place_of(named(b"a"), anchor), UnixTime(NOW)) is None


def test_its_repr_says_nothing_of_anybody() -> None:
    assert repr(holding()) == "<StatusStore of 1 lists>"


# --- what one signer may take of what all share ---


def full_up(store: StatusStore, body: bytes, now: int = NOW, uri: str = URI) -> None:
    before = store.export()
    with pytest.raises(VerificationError) as caught:
        ingest(store, body, now, uri)
    assert (caught.value.reason, caught.value.where) == (Reason.LIMIT_EXCEEDED, "status-list")
    assert store.export() == before


def of_uri(number: int, **changes: Any) -> tuple[bytes, str]:
    uri = f"{URI}/{number}"
    return token(claims(sub=uri, **changes)), uri


def test_a_signer_takes_its_share_and_no_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_shares, "MAX_LISTS", 3)
    store = new_store()
    for number in range(3):
        body, uri = of_uri(number)
        ingest(store, body, uri=uri)
    body, uri = of_uri(3)
    full_up(store, body, uri=uri)
    body, uri = of_uri(2, iat=NOW + 1)
    ingest(store, body, NOW + 1, uri)  # what is held is renewed, as often as it comes
    ingest(store, body, NOW + 1, uri)
    body, uri = of_uri(3)
    full_up(store, body, NOW + 1, uri)  # and is counted once
    body = token(claims(), header(kid="other"), signer=key("other"))
    ingest(store, body)  # another signer has a share of its own
    again = StatusStore(anchors=TRUSTED, stored=store.export())
    body, uri = of_uri(3)
    full_up(again, body, uri=uri)
    again.reload(anchors=anchors(OTHER_ISSUER, "other"))
    again.reload(anchors=TRUSTED)
    ingest(again, body, uri=uri)
    monkeypatch.setattr(_shares, "MAX_LISTS", 2)
    with pytest.raises(VerificationError) as caught:
        StatusStore(anchors=TRUSTED, stored=store.export())
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_a_signer_takes_its_share_of_bytes_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shares, "MAX_LISTS_BYTES", 4)
    store = new_store()
    for number, size in ((0, 1), (1, 3)):
        body, uri = of_uri(number, status_list=status_list(8, (0,) * size))
        ingest(store, body, uri=uri)
    body, uri = of_uri(0, status_list=status_list(8, (0,) * 2), iat=NOW + 1)
    full_up(store, body, NOW + 1, uri)  # a list that is held does not grow beyond it
    body, uri = of_uri(1, status_list=status_list(8, (0,) * 2), iat=NOW + 1)
    ingest(store, body, NOW + 1, uri)
    body, uri = of_uri(0, status_list=status_list(8, (0,) * 2), iat=NOW + 1)
    ingest(store, body, NOW + 1, uri)
    with pytest.raises(VerificationError) as caught:
        store.ingest(IDENTIFIERS_URI, listing(b"a", uri=IDENTIFIERS_URI), media_type=IDENTIFIERS, now=NOW)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_an_identifier_takes_ten_bytes_of_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shares, "MAX_LISTS_BYTES", 20)
    store = new_store()
    with pytest.raises(VerificationError) as caught:
        store.ingest(URI, listing(b"a", b"b", b"c"), media_type=IDENTIFIERS, now=NOW)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    store.ingest(URI, listing(b"a", b"b"), media_type=IDENTIFIERS, now=NOW)
    body, uri = of_uri(0, status_list=status_list(8, (0,)))
    full_up(store, body, uri=uri)


def test_what_all_share_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    store = holding()
    long = "https://issuer.example/" + "u" * 2_026
    full_up(store, token(claims(sub=long)), uri=long)
    ingest(store, token(claims(sub=long[:-1])), uri=long[:-1])
    monkeypatch.setattr(_store, "MAX_RECORDS", 2)
    body, uri = of_uri(1)
    full_up(store, body, uri=uri)
    ingest(store, token(claims(iat=NOW + 1)), NOW + 1)
    others = {bytes([number]) * 16: Mark(UnixTime(NOW), bytes(32)) for number in (1, 2)}
    store = StatusStore(anchors=TRUSTED, marks=write_marks(others))
    full_up(store, token())  # what is remembered of others takes room as well


def sweeping(store: StatusStore, now: int) -> str:
    """Let another list come, at another time than the last one."""
    body, uri = of_uri(now, iat=now, exp=now + DAY)
    ingest(store, body, now, uri)
    return uri


def test_a_list_that_has_long_ended_is_let_go_of() -> None:
    end = NOW + 3_600
    store = holding()
    other = sweeping(store, end + DAY - 1)
    assert set(store.uris) == {URI, other}
    store = holding()
    other = sweeping(store, end + DAY)
    assert store.uris == (other,) and store.due(end + DAY) == () and len(store.export().lists) == 1
    assert ask(store, now=end + DAY) == NeedStatusList(URI)
    assert store.due(end + DAY) == (URI,)
    store = holding()
    ask(store, now=end)  # somebody waits for it
    sweeping(store, end + 9 * DAY)
    assert store.due(end + 9 * DAY) == (URI,) and len(store.export().lists) == 2


@pytest.mark.parametrize("cap", [CAP, 50])
def test_what_has_long_ended_is_looked_for_now_and_then(cap: int) -> None:
    period = cap // 24 + 1

    def held_at(after_s: int, *, back: bool = False) -> bool:
        store = holding(token(claims(ttl=2)), status_age_s=cap)  # nobody misses it from NOW + 2 + cap on
        other = sweeping(store, NOW + cap)  # the last look before that
        if back:
            ingest(store, token(claims(sub=other, iat=NOW + cap + 1, exp=NOW + 3 * CAP)), NOW + cap - 1, other)
        now = NOW + cap + after_s
        ingest(store, token(claims(sub=other, iat=NOW + cap + 2, exp=NOW + 3 * CAP)), now, other)
        return URI in store.uris

    assert held_at(period - 1)
    assert not held_at(period)
    assert held_at(period - 2, back=True)
    assert not held_at(max(2, period - 1), back=True)  # a clock that was put back is looked at anew


def test_what_is_held_is_counted_anew_after_some_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shares, "MAX_LISTS", 2)
    for loses in ("sweep", "reload"):
        store = new_store()
        body, uri = of_uri(0, exp=NOW + 3 * CAP, iat=NOW)
        ingest(store, body, uri=uri)
        ingest(store, token(claims(sub=URI + "/other"), header(kid="other"), signer=key("other")), uri=URI + "/other")
        now = NOW + 3_600 + CAP if loses == "sweep" else NOW + 1
        if loses == "reload":
            store.reload(anchors=anchors())
        for number in (1, 0) if loses == "sweep" else (1,):
            body, uri = of_uri(number, iat=now, exp=now + CAP)
            ingest(store, body, now, uri)
        body, uri = of_uri(2, iat=now, exp=now + CAP)
        full_up(store, body, now, uri)


def test_a_list_counts_from_the_first_second_there_is() -> None:
    store = holding(token(claims(iat=0, exp=DAY)), 0)
    assert ask(store, 1, 0) is Status.INVALID


def test_a_store_is_told_of_as_many_lists_as_it_wants() -> None:
    uris = [f"{URI}/{number}" for number in range(4_097)]
    assert StatusStore(anchors=TRUSTED, uris=uris[:-1]).uris == tuple(uris[:-1])
    with pytest.raises(CitizenIDError) as caught:
        StatusStore(anchors=TRUSTED, uris=uris)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "statuses.uris")


def test_a_mark_is_kept_as_long_as_a_list_of_its_time_could_be_a_first_one() -> None:
    body = token(claims(exp=NOW + 2 * CAP))
    for later_s, good in ((0, True), (1, False)):
        store = StatusStore(anchors=TRUSTED, marks=holding(body).export_marks())
        sweeping(store, NOW + CAP + later_s)
        if good:
            ingest(store, body, NOW + CAP)
        else:
            with pytest.raises(VerificationError) as caught:
                ingest(store, body, NOW + CAP)
            assert caught.value.reason is Reason.STATUS_LIST_TOO_OLD


def test_of_a_list_that_was_let_go_of_a_digest_is_kept_and_no_bits() -> None:
    # Its signer's clock is ahead, so that its mark counts longer than the list does.
    store = holding(token(claims(iat=NOW + 30, ttl=1)))
    sweeping(store, NOW + 1 + CAP)
    identity = status_identity(URI, ISSUER)
    assert identity not in store._held and type(store._marks[identity]) is Mark


def test_a_list_that_is_kept_is_its_own_mark_still() -> None:
    store = holding()
    ingest(store, token(claims(sub=URI + "/long", exp=NOW + 3 * CAP, ttl=ABSENT)), uri=URI + "/long")
    kept = status_identity(URI + "/long", ISSUER)
    sweeping(store, NOW + 3_600 + CAP)
    assert len(store._held) == 2 and store._marks[kept] is store._held[kept]


def test_what_marks_were_let_go_of_is_never_forgotten() -> None:
    # A clock was ahead: the mark of a list at NOW is gone, and one of an older list is not.
    marks = {bytes(16): Mark(UnixTime(NOW), bytes(32)), b"m" * 16: Mark(UnixTime(NOW - 100), bytes(32))}
    store = StatusStore(anchors=TRUSTED, marks=write_marks(marks))
    now = NOW - 60 + CAP
    sweeping(store, now)  # the older one goes as well
    assert store.export().marks[bytes(16)] == Mark(UnixTime(NOW), bytes(32))
    body = token(claims(iat=NOW - 50, exp=NOW + 2 * CAP))
    with pytest.raises(VerificationError) as caught:
        ingest(store, body, now)
    assert (caught.value.reason, caught.value.where) == (Reason.STATUS_LIST_TOO_OLD, "status-list.iat")


def test_a_stored_list_whose_mark_was_let_go_of_is_wanted_and_not_held() -> None:
    stored = holding().export()
    for floor, held in ((NOW - 1, True), (NOW, False), (NOW + 1, False)):
        for marks in ({}, {bytes(16): Mark(UnixTime(floor), bytes(32))}):
            store = StatusStore(anchors=TRUSTED, stored=stored._replace(marks=marks))
            assert isinstance(ask(store), Status) is (held or not marks)
            assert store.uris == (URI,)
        both = {**stored.marks, bytes(16): Mark(UnixTime(floor), bytes(32))}
        assert isinstance(ask(StatusStore(anchors=TRUSTED, stored=stored._replace(marks=both))), Status)


def test_a_mark_that_was_let_go_of_lets_nothing_older_back() -> None:
    store = holding()
    other = sweeping(store, NOW + 3_600 + DAY)  # the clock is ahead, and is put right after
    assert {*store.export().marks} == {bytes(16), status_identity(other, ISSUER)}
    exported = StatusStore(anchors=TRUSTED, marks=store.export_marks())
    for each in (store, exported, StatusStore(anchors=TRUSTED, stored=store.export())):
        for iat in (NOW - 1, NOW):
            with pytest.raises(VerificationError) as caught:
                ingest(each, token(claims(iat=iat, status_list=status_list(2, (0, 0)))), NOW + 5)
            assert caught.value.reason is Reason.STATUS_LIST_TOO_OLD
        assert URI not in [held.uri for held in each.export().lists]
        ingest(each, token(claims(iat=NOW + 1)), NOW + 5)
        assert ask(each, 1, NOW + 5) is Status.INVALID


def test_an_older_list_under_another_root_is_renewed_for_its_root_alone(tmp_path: Path) -> None:
    store = StatusStore(anchors=rooted("one", "two"))
    ingest(store, under("one", 0))
    ingest(store, under("two", 1, later_s=9), now=NOW + 9)
    ingest(store, under("one", 2, later_s=5), now=NOW + 9)
    write_status_file(tmp_path / "lists", store)
    again = StatusStore(anchors=rooted("one", "two"), stored=read_status_file(tmp_path / "lists"))
    for asked in (store, again, StatusFile(tmp_path / "lists", anchors=rooted("one", "two"))):
        for name, status in (("one", Status.SUSPENDED), ("two", Status.INVALID), (None, Status.INVALID)):
            assert asked.check(wanting(name), issuer=ISSUER, now=NOW + 9) is status
    for each in (store, again):
        for later_s, reason in ((4, Reason.STATUS_LIST_ROLLBACK), (5, Reason.STATUS_LIST_CONFLICT)):
            with pytest.raises(VerificationError) as caught:
                ingest(each, under("one", 0, later_s=later_s), now=NOW + 9)
            assert caught.value.reason is reason
        with pytest.raises(VerificationError) as caught:
            ingest(each, under("one", 0, later_s=9), now=NOW + 9)  # what counts for all must not be two things
        assert caught.value.reason is Reason.STATUS_LIST_CONFLICT


def test_the_same_list_under_two_roots_answers_for_both() -> None:
    store = StatusStore(anchors=rooted("one", "two"))
    ingest(store, under("one", 1, later_s=3), now=NOW + 3)
    ingest(store, under("two", 1, later_s=3), now=NOW + 3)
    for name in ("one", "two", None):
        assert store.check(wanting(name), issuer=ISSUER, now=NOW + 3) is Status.INVALID
    with pytest.raises(VerificationError) as caught:
        ingest(store, under("two", 0, later_s=3), now=NOW + 3)
    assert caught.value.reason is Reason.STATUS_LIST_CONFLICT


@pytest.mark.parametrize(
    "uris", [URI, "", [""], [5], [None], [URI, b"x"], [f"{URI}/{number}" for number in range(4_097)]]
)
def test_what_a_store_is_told_to_fetch_are_uris(uris: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        StatusStore(anchors=TRUSTED, uris=uris)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "statuses.uris")


# --- threads ---


@pytest.fixture
def impatient() -> Iterator[None]:
    """Let threads change places every few bytecodes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def _in_threads(*jobs: Any) -> None:
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(jobs))

    def run(job: Any) -> None:
        barrier.wait()
        try:
            job()
        except BaseException as error:  # whatever it is, it is the test's failure and not the thread's
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.usefixtures("impatient")
def test_readers_see_whole_lists_while_new_ones_come_in() -> None:
    # List number n revokes the indices below n, and every list has another width: a reader that saw half of one and
    # half of another would see a revocation undone, or an index out of range.
    count = 100
    bodies = []
    for number in range(count + 1):
        bits = (1, 2, 4, 8)[number % 4]
        values = [1] * number + [0] * (count - number)
        bodies.append(token(claims(iat=NOW + number, ttl=10**6, exp=10**12, status_list=status_list(bits, values))))
    store = new_store()
    ingest(store, bodies[0])
    done = threading.Event()

    def write() -> None:
        try:
            for number, body in enumerate(bodies):
                ingest(store, body, NOW + number)
        finally:
            done.set()

    def read() -> None:
        revoked_below = 0
        while not done.is_set() or revoked_below < count:
            for index in (0, revoked_below - 1, revoked_below, count - 1):
                answer = ask(store, max(index, 0), NOW + count)
                assert answer is Status.VALID or answer is Status.INVALID
                if index < revoked_below and index >= 0:
                    assert answer is Status.INVALID
                elif answer is Status.INVALID:
                    revoked_below = index + 1
            assert store.due(NOW + count) == ()

    _in_threads(write, read, read, read)
    assert ask(store, count - 1, NOW + count) is Status.INVALID


@pytest.mark.usefixtures("impatient")
def test_writers_that_race_leave_the_newest_list() -> None:
    bodies = [token(claims(iat=NOW + number, status_list=status_list(8, (number,)))) for number in range(1, 30)]
    for _ in range(3):
        store = holding(token(claims(status_list=status_list(8, (0,)))))

        def write(order: list[bytes], store: StatusStore = store) -> None:
            for body in order:
                try:
                    ingest(store, body)
                except VerificationError as error:
                    assert error.reason is Reason.STATUS_LIST_ROLLBACK

        _in_threads(lambda: write(bodies), lambda: write(bodies[::-1]), lambda: write(bodies[::2] + bodies[1::2]))
        last = Refusal("", bodies[-2], VERIFICATION, Reason.STATUS_LIST_ROLLBACK, "status-list.iat")
        check_refused(last, functools.partial(ingest, store, last.body))


def test_readers_never_wait() -> None:
    # While a list is being taken in, which may be slow, every request goes on being decided by the held one.
    store = holding()
    answers: list[Any] = []
    reader = threading.Thread(target=lambda: answers.append(ask(store, 1)), daemon=True)
    with store._lock:
        reader.start()
        reader.join(10)
        assert answers == [Status.INVALID]


CHANGES: dict[str, Callable[[StatusStore], object]] = {
    "ingest": lambda store: ingest(store, token(claims(iat=NOW + 1))),
    "reload": lambda store: store.reload(anchors=anchors()),
    "due": lambda store: store.due(NOW),
    "a question without an answer": lambda store: ask(store, uri=URI + "/2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whoever_changes_something_waits_for_his_turn(change: str) -> None:
    store = holding()
    thread = threading.Thread(target=CHANGES[change], args=(store,), daemon=True)
    with store._lock:
        thread.start()
        thread.join(0.03)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()


# --- V9: through the whole verifier ---

AUDIENCE = "https://gateway.example"
CHALLENGE = Challenge(AUDIENCE, "nonce-of-this-test")
TYPE = "urn:example:citizenship"
LIFETIME_S = 30 * DAY


def credential_anchors(**scope: Any) -> TrustAnchors:
    return TrustAnchors.from_jwks(
        ISSUER,
        {"keys": [{**key("credential").public.to_jwk(), "kid": "credential"}]},
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=[TYPE],
        countries=ANY,
        **scope,
    )


def presentation(at: int = NOW, nonce: Any = CHALLENGE.nonce, **changes: Any) -> bytes:
    """A hand-made SD-JWT+KB without disclosures, whose claims may be anything."""
    payload = {
        "iss": ISSUER,
        "vct": TYPE,
        "iat": NOW,
        "exp": NOW + LIFETIME_S,
        "nationalities": ["US"],
        "cnf": {"jwk": key("holder").public.to_jwk()},
        "status": {"status_list": {"idx": 0, "uri": URI}},
        **changes,
    }
    payload = {name: value for name, value in payload.items() if value is not ABSENT}
    half = token(payload, header(typ="dc+sd-jwt", kid="credential"), signer=key("credential")) + b"~"
    sd_hash = segment(hashlib.sha256(half).digest()).decode()
    binding = {"iat": at, "aud": AUDIENCE, "nonce": nonce, "sd_hash": sd_hash}
    return half + token(binding, header(typ="kb+jwt", kid=ABSENT), signer=key("holder"))


def at_index(index: Any, **further: Any) -> dict[str, Any]:
    return {"status_list": {"idx": index, "uri": URI, **further}}


def judge(
    body: bytes, store: StatusSource, now: int = NOW, trusted: TrustAnchors | None = None
) -> VerifiedPresentation | NeedStatusList:
    return verify(
        body,
        format=Format.SD_JWT_VC,
        anchors=credential_anchors() if trusted is None else trusted,
        challenge=CHALLENGE,
        statuses=store,
        now=now,
    )


def check_judged(body: bytes, store: StatusSource, reason: Reason, step: str, where: str, now: int = NOW) -> None:
    with pytest.raises(CitizenIDError) as caught:
        judge(body, store, now)
    assert (caught.value.reason, caught.value.step, caught.value.where) == (reason, step, where)


def test_a_valid_status_lets_through() -> None:
    verdict = judge(presentation(), holding())
    assert isinstance(verdict, VerifiedPresentation) and verdict.status is Status.VALID


class Silent(StatusSource):
    """A source of lists whose author has written none of its methods."""


def test_a_source_that_answers_nothing_lets_nobody_through() -> None:
    check_judged(presentation(), Silent(), Reason.STATUS_NOT_VALID, "V9", "status")


@pytest.mark.parametrize(
    ("index", "reason", "where"),
    [
        (1, Reason.REVOKED, "status"),
        (2, Reason.SUSPENDED, "status"),
        (3, Reason.STATUS_NOT_VALID, "status"),
        (4, Reason.STATUS_INDEX_OUT_OF_RANGE, "status.status_list.idx"),
        (2**31, Reason.STATUS_INDEX_OUT_OF_RANGE, "status.status_list.idx"),
        (2**32 - 1, Reason.STATUS_INDEX_OUT_OF_RANGE, "status.status_list.idx"),
    ],
)
def test_every_other_status_refuses(index: int, reason: Reason, where: str) -> None:
    check_judged(presentation(status=at_index(index)), holding(), reason, "V9", where)


@pytest.mark.parametrize("value", [3, 4, 0x0B, 0x0C, 0x0F, 0x10, 0x80, 0xFF])
def test_an_application_specific_or_reserved_status_refuses(value: int) -> None:
    store = holding(token(claims(status_list=status_list(8, (value,)))))
    check_judged(presentation(), store, Reason.STATUS_NOT_VALID, "V9", "status")


def test_no_list_and_a_stale_list_are_a_need_and_no_verdict() -> None:
    store = new_store()
    assert judge(presentation(), store) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)
    assert store.due(NOW) == (URI,)
    ingest(store, token())
    assert isinstance(judge(presentation(), store), VerifiedPresentation)
    late = NOW + 3_600
    assert judge(presentation(at=late), store, late) == NeedStatusList(URI, Reason.STATUS_LIST_STALE)
    assert isinstance(judge(presentation(at=late - 1), store, late - 1), VerifiedPresentation)


def test_a_revocation_refuses_the_very_next_time() -> None:
    store, body = holding(), presentation()
    assert isinstance(judge(body, store), VerifiedPresentation)
    ingest(store, token(claims(iat=NOW + 1, status_list=status_list(2, (1,)))))
    check_judged(body, store, Reason.REVOKED, "V9", "status")


def test_a_list_of_another_trusted_signer_decides_nothing() -> None:
    # STA-002
    store = new_store()
    theirs = token(claims(status_list=status_list(2, (0, 0, 0, 0))), header(kid="other"), signer=key("other"))
    ingest(store, theirs)
    assert judge(presentation(), store) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)


def test_the_operator_may_name_another_status_issuer_and_then_only_its_lists_count() -> None:
    store = holding()  # ours says: index 0 is valid
    delegated = credential_anchors(status_issuer=OTHER_ISSUER)
    assert judge(presentation(), store, trusted=delegated) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)
    theirs = token(claims(status_list=status_list(2, (1,))), header(kid="other"), signer=key("other"))
    ingest(store, theirs)
    with pytest.raises(VerificationError) as caught:
        judge(presentation(), store, trusted=delegated)
    assert (caught.value.reason, caught.value.step) == (Reason.REVOKED, "V9")
    assert isinstance(judge(presentation(), store), VerifiedPresentation)


def test_what_is_refused_before_is_refused_so_whatever_the_list_says() -> None:
    # Section 8.3: the referenced token is validated first, and if that fails nobody fetches the list.
    expired = presentation(iat=NOW - DAY, exp=NOW)
    wrong_nonce = presentation(nonce="nonce-of-another-test")
    refused = (
        (expired, Reason.EXPIRED, "V6", "exp"),
        (wrong_nonce, Reason.NONCE_MISMATCH, "V7", "kb-jwt.payload.nonce"),
    )
    for body, reason, step, where in refused:
        empty, revoked = new_store(), holding(token(claims(status_list=status_list(2, (1,)))))
        for store in (empty, revoked, holding()):
            check_judged(body, store, reason, step, where)
        assert empty.due(NOW) == ()


def test_only_a_short_validity_comes_without_a_reference() -> None:
    # STA-014, EUDI ARF 3.0.0 topic 7: 24 h over the whole validity, not over what is left of it.
    verdict = judge(presentation(status=ABSENT, exp=NOW + DAY), new_store())
    assert isinstance(verdict, VerifiedPresentation) and verdict.status is None
    for changes in (
        {"exp": NOW + DAY + 1},
        {"iat": NOW - 1, "exp": NOW + DAY},
        {"iat": NOW - 2 * DAY, "exp": NOW + 60},
        {"iat": NOW - 2 * DAY, "nbf": NOW - 60, "exp": NOW + 60},  # issued long before it begins
        {"nbf": NOW - 1, "exp": NOW + DAY},
        {"iat": ABSENT, "exp": NOW + 60},  # a beginning that nobody states
    ):
        body = presentation(status=ABSENT, **changes)
        check_judged(body, new_store(), Reason.STATUS_MISSING, "V9", "status")


@pytest.mark.parametrize(
    ("status", "reason", "where"),
    [
        # STA-016: what an unknown mechanism would have said, nobody knows.
        ({"other": {}}, Reason.STATUS_MECHANISM_UNKNOWN, "issuer-jwt.payload.status"),
        ({"Status_List": {"idx": 0, "uri": URI}}, Reason.STATUS_MECHANISM_UNKNOWN, "issuer-jwt.payload.status"),
        ({**at_index(0), "other": {}}, Reason.STATUS_MECHANISM_UNKNOWN, "issuer-jwt.payload.status"),
        ({**at_index(0), "identifier_list": {}}, Reason.STATUS_MECHANISM_UNKNOWN, "issuer-jwt.payload.status"),
        ({**at_index(0), "": None}, Reason.STATUS_MECHANISM_UNKNOWN, "issuer-jwt.payload.status"),
        ({}, Reason.CLAIM_INVALID, "issuer-jwt.payload.status"),
        (None, Reason.CLAIM_INVALID, "issuer-jwt.payload.status"),
        (URI, Reason.CLAIM_INVALID, "issuer-jwt.payload.status"),
        ([at_index(0)], Reason.CLAIM_INVALID, "issuer-jwt.payload.status"),
        (False, Reason.CLAIM_INVALID, "issuer-jwt.payload.status"),
        ({"status_list": None}, Reason.CLAIM_INVALID, "issuer-jwt.payload.status.status_list"),
        ({"status_list": {}}, Reason.CLAIM_INVALID, "issuer-jwt.payload.status.status_list"),
        ({"status_list": []}, Reason.CLAIM_INVALID, "issuer-jwt.payload.status.status_list"),
        ({"status_list": [{"idx": 0, "uri": URI}]}, Reason.CLAIM_INVALID, "issuer-jwt.payload.status.status_list"),
        ({"status_list": {"idx": 0}}, Reason.CLAIM_INVALID, "issuer-jwt.payload.status.status_list"),
        ({"status_list": {"uri": URI}}, Reason.CLAIM_INVALID, "issuer-jwt.payload.status.status_list"),
        *(
            # STA-019
            (at_index(index), Reason.CLAIM_INVALID, "status.status_list.idx")
            for index in any_of(-1, 2**32, 2**64, True, False, None, 0.0, -0.0, 5.0, "0", "5", [0], {})
        ),
        *(
            ({"status_list": {"idx": 0, "uri": uri}}, Reason.CLAIM_INVALID, "status.status_list.uri")
            for uri in any_of("", None, 0, True, [URI], {"uri": URI}, "x" * 2_049)
        ),
    ],
    ids=str,
)
def test_a_reference_that_is_none_is_refused(status: Any, reason: Reason, where: str) -> None:
    # Every one of them with a list at hand that says valid, and a validity that is short enough to need no reference.
    body = presentation(status=status, exp=NOW + 60)
    check_judged(body, holding(), reason, "V4", where)


def test_further_members_of_a_reference_are_passed_over() -> None:
    assert isinstance(judge(presentation(status=at_index(0, more=1)), holding()), VerifiedPresentation)


def test_an_issued_credential_says_where_its_status_stands() -> None:
    # Section 6.2: status.status_list of idx and uri, in the clear; read back it is the reference that was given.
    reference = StatusReference(URI, 2)
    attestation = prepare_attestation(
        Citizenship([Country("US")]),
        issuer=ISSUER,
        holder_key=key("holder").public,
        now=NOW,
        lifetime_s=LIFETIME_S,
        status=reference,
        format=Format.SD_JWT_VC,
    )
    issuer = Issuer(identifier=ISSUER, key=key("credential"), kid="credential")
    credential = issuer.issue(attestation, format=Format.SD_JWT_VC)
    payload = json.loads(unsegment(credential.split(b"~")[0].split(b".")[1]))
    assert payload["status"] == {"status_list": {"idx": 2, "uri": URI}}
    trusted = TrustAnchors.from_jwks(
        ISSUER,
        issuer.jwks(),
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=[payload["vct"]],
        countries=[Country("US")],
    )
    wallet = Credential.receive(credential, format=Format.SD_JWT_VC, anchors=trusted, now=NOW)
    assert wallet.attestation.status == (reference,)
    shown = wallet.present(["nationalities"], challenge=CHALLENGE, key=key("holder"), peer=AUDIENCE, now=NOW)
    with pytest.raises(VerificationError) as caught:
        judge(shown, holding(), trusted=trusted)
    assert (caught.value.reason, caught.value.step) == (Reason.SUSPENDED, "V9")


def test_a_long_lived_credential_is_not_prepared_without_a_reference() -> None:
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "holder_key": key("holder").public,
        "now": NOW,
        "status": None,
        "format": Format.SD_JWT_VC,
    }
    assert prepare_attestation(Citizenship([Country("US")]), lifetime_s=DAY, **arguments).status == ()
    with pytest.raises(CitizenIDError) as caught:
        prepare_attestation(Citizenship([Country("US")]), lifetime_s=DAY + 1, **arguments)
    assert caught.value.reason is Reason.STATUS_MISSING
