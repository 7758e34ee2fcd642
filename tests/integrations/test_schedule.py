"""The steps of a fetch and of a round without any network: properties of whatever a server and a resolver may say."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any, cast

import builders as b
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, NeedStatusList, Reason, Status, StatusReference
from citizenid.integrations._addresses import Reach, may_connect, open_url
from citizenid.integrations._codings import Dictionary
from citizenid.integrations._exchange import (
    FetchBounds,
    Fetched,
    FetchResult,
    Reply,
    Resolve,
    Send,
    age_s,
    backoff_s,
    decoded,
    entity_tag,
    exchange,
    request_headers,
    retry_after_s,
)
from citizenid.integrations._schedule import Schedule
from citizenid.integrations._sources import Round, Source, read_aggregation
from citizenid.status import StatusStore

BOUNDS = FetchBounds()
PUBLIC = "8.8.8.8"
ADDRESSES = st.lists(
    st.sampled_from([PUBLIC, "1.1.1.1", "2606:4700::1", "10.0.0.1", "127.0.0.1", "::1", "::ffff:8.8.8.8", "x"]),
    max_size=3,
)  # fmt: skip
LOCATIONS = st.sampled_from(
    ["/", "/a", "/b", "https://other.example/", "http://id.example/", "//other.example/x", "#f", "", "https://[",
     "ftp:x", "https://u@id.example/", "https://10.0.0.1/", "../..", "?q", "/%zz", "/ ", "\\\\x", "https://id.example:0/"]
)  # fmt: skip
REPLIES = st.builds(
    Reply,
    st.sampled_from([200, 204, 206, 301, 302, 303, 304, 307, 308, 400, 404, 429, 500, 503]),
    st.fixed_dictionaries(
        {},
        optional={
            "location": LOCATIONS,
            "content-type": st.sampled_from(["application/statuslist+jwt", "text/html", "a, b", ""]),
            "content-encoding": st.sampled_from(["", "gzip", "zstd", "dcz", "br", "identity", "gzip, gzip"]),
            "etag": st.sampled_from(['"a"', 'W/"a"', "a", '"\x00"', ""]),
            "retry-after": st.text(max_size=30) | st.integers(0, 10**18).map(str),
            "use-as-dictionary": st.sampled_from(['match="/*"', 'match="/1", id="x"', "x"]),
        },
    ),
    st.binary(max_size=50),
)
ANSWERS = REPLIES | st.sampled_from(list(FetchResult)[7:])


@given(st.data(), LOCATIONS.map(lambda path: "https://id.example" + path) | st.text(max_size=30))
def test_whatever_is_said_only_checked_addresses_are_connected_to(data: st.DataObject, url: str) -> None:
    steps = exchange(url, ["a/b"], etag='"secret"', reach=Reach.PUBLIC, bounds=BOUNDS, limit_bytes=10)
    resolved: tuple[str, ...] = ()
    answer: Any = None
    sent: list[Send] = []
    result: Any = None
    while result is None:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            result = end.value
            continue
        if isinstance(step, Resolve):
            answer = resolved = tuple(data.draw(ADDRESSES))
        else:
            assert step.target.scheme == "https"
            assert may_connect(resolved, Reach.PUBLIC)
            assert set(step.addresses) <= set(resolved)
            assert dict(step.headers)["host"] == step.target.authority
            assert ("if-none-match" in dict(step.headers)) is (not sent)
            sent.append(step)
            answer = data.draw(ANSWERS)
    assert len(sent) <= BOUNDS.redirects + 1
    assert len({step.target for step in sent}) == len(sent)
    assert isinstance(result, Reply | FetchResult)
    if isinstance(result, Reply):
        assert result.redirected is (len(sent) > 1)


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_back_off_grows_and_ends(failures: int, random: float) -> None:
    wait = backoff_s(failures, BOUNDS, random)
    assert BOUNDS.backoff_first_s / 2 <= wait <= BOUNDS.backoff_most_s
    assert backoff_s(failures + 1, BOUNDS, random) >= wait


@given(st.text(max_size=80) | st.integers(-(10**30), 10**30).map(str), st.integers(0, 2**40))
def test_retry_after_is_within_its_bound(field: str, now: int) -> None:
    assert 0 <= retry_after_s(Reply(503, {"retry-after": field}), now, 3_600) <= 3_600


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60),
        ("Fri, 15 Jan 2027 07:59:00 GMT", 0),
        ("Fri, 15 Jan 2028 08:00:00 GMT", 3_600),
        ("30", 30),
        ("3e1", 0),
        ("1" * 20, 0),
        ("Mon, 01 Jan 10000 00:00:00 GMT", 0),  # a year that no date of ours can hold
        ("Thu, 01 Jan 9999999999 00:00:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(field: str, seconds: int) -> None:
    assert retry_after_s(Reply(503, {"retry-after": field}), b.NOW, 3_600) == seconds


@pytest.mark.parametrize(
    ("tag", "kept"), [('"a"', True), ('W/"a"', True), ("a", False), ('"a b"', False), ("*", False)]
)
def test_a_tag_is_kept_when_it_is_one(tag: str, kept: bool) -> None:
    assert (entity_tag(Reply(200, {"etag": tag})) is not None) is kept
    assert entity_tag(Reply(200, {"etag": tag}, redirected=True)) is None
    assert entity_tag(Reply(200, {"etag": tag, "cache-control": "No-Store"})) is None


def test_a_dictionary_is_no_dictionary_for_where_a_redirect_led() -> None:
    reply = Reply(200, {"content-encoding": "dcz"}, b"x", redirected=True)
    assert decoded(reply, limit_bytes=10, dictionary=Dictionary(b"x", "")) is FetchResult.CODING_INVALID


@pytest.mark.parametrize("name", ["", "a name"])
def test_a_dictionary_is_offered_by_its_digest_and_by_the_name_that_it_was_given(name: str) -> None:
    """RFC 9842 section 2.3: without a name, or with an empty one, the field is not sent."""
    headers = dict(request_headers([], dictionary=Dictionary(b"x", name)))
    assert headers["available-dictionary"] == f":{base64.b64encode(hashlib.sha256(b'x').digest()).decode()}:"
    assert headers.get("dictionary-id") == (f'"{name}"' if name else None)
    assert "dcz" in headers["accept-encoding"]


def test_the_preferred_media_type_is_asked_for_first() -> None:
    headers = dict(request_headers(["application/statuslist+cwt", "application/statuslist+jwt"]))
    assert headers["accept"] == "application/statuslist+cwt, application/statuslist+jwt;q=0.8"


@given(st.binary(max_size=60) | st.recursive(st.none() | st.text(max_size=5), st.lists, max_leaves=5).map(b.dump))
def test_any_aggregation_is_read_or_refused(body: bytes) -> None:
    for data in (body, b'{"status_lists":' + body + b"}"):
        try:
            uris = read_aggregation(data, reach=Reach.PUBLIC, bounds=BOUNDS)
        except CitizenIDError:
            continue
        assert all(open_url(uri, Reach.PUBLIC) is not None for uri in uris)


# --- rounds ---

ALL = "https://id.example/all"


class Simulation:
    """A schedule with clocks of its own and a server that is a function."""

    def __init__(self, sources: Sequence[Source], serve: Callable[[str], Any], **bounds: int) -> None:
        self.now = b.NOW
        self.serve = serve
        self.log: list[tuple[int, str]] = []
        self.asked: dict[str, str] = {}  # the fields of the last request
        self.store = StatusStore(anchors=b.status_anchors())
        self.schedule = Schedule(
            self.store, sources, reach=Reach.PUBLIC, bounds=FetchBounds(**bounds), clock=lambda: self.now,
            monotonic=lambda: float(self.now), random=lambda: 0.5,
        )  # fmt: skip

    def run(self, each: Round) -> tuple[Fetched, ...]:
        steps, answer = self.schedule.run(each), cast(Any, None)
        try:
            while True:
                step = steps.send(answer)
                if isinstance(step, Resolve):
                    answer = (PUBLIC,)
                else:
                    url = f"https://{step.target.authority}{step.target.path}"
                    self.log.append((self.now, url))
                    self.asked = dict(step.headers)
                    answer = self.serve(url)
        except StopIteration as end:
            return tuple(end.value)

    def refresh(self) -> tuple[Fetched, ...]:
        return tuple(fetched for each in self.schedule.due() for fetched in self.run(each))


def listing(*uris: str) -> Reply:
    return Reply(200, {"content-type": "application/json"}, json.dumps({"status_lists": uris}).encode())


def a_list(uri: str, issued_at: int = b.NOW) -> Reply:
    body = b.status_token({}, payload={"sub": uri, "iat": issued_at, "ttl": 3_600})
    return Reply(200, {"content-type": "application/statuslist+jwt"}, body)


URIS = tuple(f"https://id.example/{number}" for number in range(6))


def serve(url: str) -> Reply:
    return listing(*URIS) if url == ALL else a_list(url)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 900)), min_size=1, max_size=25))
def test_the_log_does_not_depend_on_who_asks(asked: list[tuple[int, int]]) -> None:
    silent, busy = Simulation([Source(ALL)], serve), Simulation([Source(ALL)], serve)
    for number, seconds in asked:
        for each in (silent, busy):
            if each is busy and number < len(URIS):
                each.store.check(StatusReference(URIS[number], 7), issuer=b.ISSUER, now=each.now)
            each.refresh()
            each.now += seconds
    assert silent.log == busy.log


def test_a_list_that_is_held_no_longer_is_asked_for_without_a_condition() -> None:
    # A 304 would say of a list that nobody has that all is well, until a credential asks for it: at that moment, which
    # the server sees, it would be fetched.
    away, conditions = False, []

    def answer(url: str) -> Reply:
        if url == URIS[0]:
            conditions.append(simulation.asked.get("if-none-match"))
            if away:
                return Reply(503, {})
            if conditions[-1] is not None:
                return Reply(304, {})
        issued_at = b.NOW if url == URIS[0] else simulation.now
        body = b.status_token({}, payload={"sub": url, "iat": issued_at, "ttl": 3_600, "exp": b.NOW + 10**7})
        return Reply(200, {"content-type": "application/statuslist+jwt", "etag": '"v1"'}, body)

    simulation = Simulation([Source(None, URIS[:2])], answer)
    simulation.refresh()
    away = True
    for _ in range(60):
        simulation.now += 1_800
        simulation.refresh()
    assert URIS[0] not in simulation.store.uris  # it has not counted for longer than the cap
    away = False
    simulation.now += 1_800
    conditions.clear()
    simulation.refresh()
    assert conditions == [None]


@given(st.lists(st.integers(1, 400), min_size=5, max_size=30), st.sampled_from(URIS), ANSWERS)
def test_a_list_that_fails_is_retried_alone_and_ever_more_rarely(
    waits: list[int], failing: str, answer: Reply | FetchResult
) -> None:
    each = Simulation([Source(ALL)], lambda url: answer if url == failing else serve(url))
    for seconds in waits:
        each.refresh()
        each.now += seconds
    times = [when for when, url in each.log if url == failing]
    for number, (first, second) in enumerate(itertools.pairwise(times), 1):
        assert second - first >= min(900, 10 * 2 ** (number - 1)) * 0.75
    assert set(URIS) - {failing} <= {url for _, url in each.log}


def test_a_round_that_is_running_is_not_begun_again() -> None:
    each = Simulation([Source(ALL)], serve)
    rounds = each.schedule.due()
    assert len(rounds) == 1
    assert each.schedule.due() == ()
    steps = each.schedule.run(rounds[0])
    next(steps)
    assert each.schedule.due() == ()
    steps.close()  # whoever ran it has failed: what it held is free again
    each.now += 91
    assert each.schedule.due() == ()  # a moment is drawn
    each.now += 15
    again = each.schedule.due()
    assert len(again) == 1
    each.schedule.give_up(again)  # not even begun
    each.now += 91
    each.refresh()
    each.now += 15
    assert [fetched.uri for fetched in each.refresh()] == [ALL, *URIS]


def test_lists_that_a_source_gains_are_fetched_with_all_others() -> None:
    listed = [URIS[0]]
    each = Simulation([Source(ALL)], lambda url: listing(*listed) if url == ALL else a_list(url))
    each.refresh()
    listed.append(URIS[1])
    each.now += 100
    assert each.refresh() == ()  # nobody asks, nothing is due
    each.store.check(StatusReference(URIS[1], 7), issuer=b.ISSUER, now=each.now)
    each.refresh()
    each.now += 15  # the moment that was drawn
    assert [fetched.uri for fetched in each.refresh()] == [ALL, URIS[1], URIS[0]]  # first what has never been fetched


def test_an_aggregation_that_comes_late_is_followed_at_once_or_soon() -> None:
    broken = True
    each = Simulation([Source(ALL)], lambda url: Reply(500, {}) if broken else serve(url))
    assert [fetched.result for fetched in each.refresh()] == [FetchResult.HTTP_STATUS]
    broken = False
    for _ in range(12):
        each.now += 10
        each.refresh()
    assert {url for _, url in each.log} == {ALL, *URIS}


def test_a_server_that_stalls_does_not_keep_the_round() -> None:
    each = Simulation([Source(None, URIS)], lambda url: FetchResult.TIMEOUT)
    assert len(each.refresh()) == BOUNDS.faults
    for _ in range(60):
        each.now += 10
        each.refresh()
    assert {url for _, url in each.log} == set(URIS)  # the others have their turn


def test_a_list_in_two_sources_is_asked_for_once_at_a_time() -> None:
    each = Simulation([Source(ALL), Source(None, URIS)], serve)
    first, second = each.schedule.due()
    steps = each.schedule.run(second)
    next(steps)  # the second holds the first list
    assert [fetched.uri for fetched in each.run(first)] == [ALL, *URIS[1:]]
    steps.close()


def test_the_reason_of_the_store_is_told() -> None:
    each = Simulation([Source(None, URIS[:1])], lambda url: a_list(url, b.NOW + 100))
    (fetched,) = each.refresh()
    assert (fetched.result, fetched.reason) == (FetchResult.REFUSED, Reason.STATUS_LIST_IN_FUTURE)


# --- sources do not reach each other ---

FOREIGN = "https://other.example/all"


@pytest.mark.parametrize("named", [ALL, "https://ID.example:443/all", FOREIGN])
@pytest.mark.parametrize("first", [True, False])
def test_an_aggregation_that_names_an_aggregation_as_a_list_is_refused_and_keeps_nobody_from_it(
    named: str, first: bool
) -> None:
    def hostile(url: str) -> Reply:
        return listing(URIS[0], named) if url == FOREIGN else serve(url)

    sources = [Source(FOREIGN), Source(ALL)]
    each = Simulation(sources if first else sources[::-1], hostile)
    fetched = {one.uri: one for one in each.refresh()}
    assert fetched.keys() == {FOREIGN, ALL, *URIS}
    assert (fetched[FOREIGN].result, fetched[FOREIGN].reason) == (FetchResult.REFUSED, Reason.CLAIM_INVALID)
    assert {fetched[url].result for url in (ALL, *URIS)} == {FetchResult.TAKEN}


def test_a_failure_of_one_source_keeps_no_other_from_the_same_list() -> None:
    each = Simulation([Source(FOREIGN), Source(ALL)], lambda url: listing(*URIS) if url == FOREIGN else serve(url))
    first, second = each.schedule.due()
    each.serve = lambda url: listing(*URIS) if url == FOREIGN else FetchResult.TIMEOUT
    each.run(first)
    each.serve = serve
    assert [(one.uri, one.result) for one in each.run(second)] == [(url, FetchResult.TAKEN) for url in (ALL, *URIS)]


def test_what_one_source_remembers_of_a_list_is_not_sent_for_another() -> None:
    asked: list[dict[str, str]] = []
    body = a_list(URIS[0])
    tagged = body._replace(headers={**body.headers, "etag": '"a"', "use-as-dictionary": 'match="/*"'})
    each = Simulation([Source(None, URIS[:1]), Source(None, URIS[:1])], lambda url: tagged)
    for one in each.schedule.due():
        steps = each.schedule.run(one)
        next(steps)
        send = steps.send((PUBLIC,))
        assert isinstance(send, Send)
        asked.append(dict(send.headers))
        with pytest.raises(StopIteration):
            steps.send(tagged)
    assert asked[0] == asked[1]
    assert "available-dictionary" not in asked[1]


@pytest.mark.parametrize(
    "sources",
    [
        [Source(ALL), Source(ALL)],
        [Source(ALL), Source("https://ID.example:443/all")],
        [Source(ALL), Source(None, (ALL,))],
        [Source(None, ("https://ID.example/all",)), Source(ALL)],
    ],
)
def test_sources_that_share_an_aggregation_or_name_one_as_a_list_are_refused(sources: list[Source]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        Simulation(sources, serve)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


# --- a round has an end ---


@pytest.mark.parametrize("result", [FetchResult.TIMEOUT, FetchResult.TOO_LARGE, Reply(404, {}), Reply(304, {})])
def test_every_kind_of_failure_counts_and_ends_a_round(result: Reply | FetchResult) -> None:
    each = Simulation([Source(ALL)], lambda url: listing(*URIS) if url == ALL else result)
    assert [one.uri for one in each.refresh()] == [ALL, *URIS[: BOUNDS.faults]]
    failing = Simulation([Source(ALL, URIS)], lambda url: result)
    assert [one.uri for one in failing.refresh()] == [ALL, *URIS[: BOUNDS.faults - 1]]


def test_lists_that_fail_come_behind_all_others() -> None:
    bad = frozenset(URIS[:3])
    each = Simulation([Source(None, URIS)], serve, jitter_s=0)
    each.serve = lambda url: Reply(404, {}) if url in bad else a_list(url, each.now)
    assert [one.uri for one in each.refresh()] == list(URIS[:3])
    each.now += BOUNDS.interval_s
    assert [one.uri for one in each.refresh()] == list(URIS[3:])  # what was left; what failed has its own time
    each.now += 1_801
    assert [one.uri for one in each.refresh()] == [*URIS[3:], *URIS[:3]]


def slowly(each: Simulation, seconds: int) -> Callable[[str], Reply]:
    def taking_its_time(url: str) -> Reply:
        said = a_list(url, each.now)
        each.now += seconds
        return said

    return taking_its_time


def test_what_a_round_leaves_when_its_time_is_over_comes_first_in_the_next_though_nobody_asks() -> None:
    each = Simulation([Source(None, URIS)], serve, jitter_s=0, round_s=100)
    each.serve = slowly(each, 50)
    assert [one.uri for one in each.refresh()] == list(URIS[:2])
    each.now += BOUNDS.interval_s
    assert [one.uri for one in each.refresh()] == list(URIS[2:4])
    each.now += BOUNDS.interval_s
    assert [one.uri for one in each.refresh()] == list(URIS[4:])
    each.now += BOUNDS.interval_s
    assert each.refresh() == ()


def test_a_list_that_was_left_is_fetched_though_it_is_not_due() -> None:
    # Or the store, which knows who was checked, would have a say in what comes of a round.
    each = Simulation([Source(None, URIS)], serve, jitter_s=0, round_s=100)
    each.refresh()
    each.now += 1_801
    each.store.ingest(URIS[5], a_list(URIS[5], each.now).body, media_type="application/statuslist+jwt", now=each.now)
    each.serve = slowly(each, 50)
    assert [one.uri for one in each.refresh()] == list(URIS[:2])
    for left in (URIS[2:4], URIS[4:]):
        each.now += BOUNDS.interval_s
        assert [one.uri for one in each.refresh()] == list(left)


def test_lists_that_fail_make_no_round_of_the_whole_source() -> None:
    bad = frozenset(URIS[:4])
    each = Simulation([Source(None, URIS)], lambda url: Reply(404, {}) if url in bad else a_list(url, each.now))
    for _ in range(170):
        each.now += 10
        each.refresh()
    times = [when for when, url in each.log if url == URIS[5]]
    assert len(times) == 1


@pytest.mark.parametrize(("dead", "cost_s"), [(10, 60), (40, 60), (100, 60), (200, 5)])
def test_dead_lists_of_a_source_keep_a_living_one_away_for_a_while_and_not_for_good(dead: int, cost_s: int) -> None:
    uris = tuple(f"https://dead.example/{number}" for number in range(dead))
    each = Simulation([Source(None, (*uris, URIS[0]))], serve)

    def answer(url: str) -> Reply | FetchResult:
        if url == URIS[0]:
            return a_list(url, each.now)
        each.now += cost_s
        return FetchResult.TIMEOUT

    each.serve = answer
    needs = []
    while each.now < b.NOW + 20 * 3_600:
        each.now += 5
        each.refresh()
        found = each.store.check(StatusReference(URIS[0], 7), issuer=b.ISSUER, now=each.now)
        needs.append(isinstance(found, NeedStatusList))
    assert not any(needs[needs.index(False) :])
    first = next(when for when, url in each.log if url == URIS[0])
    assert first - b.NOW <= (dead // BOUNDS.faults + 1) * (BOUNDS.faults * cost_s * 2 + 100)


def test_a_clock_that_fails_in_the_middle_of_a_round_takes_nothing_more() -> None:
    each = Simulation([Source(None, URIS[:2])], serve)
    (one,) = each.schedule.due()
    each.serve = lambda url: [a_list(url), setattr(each, "now", float("nan"))][0]  # type: ignore[func-returns-value]
    told = each.run(one)
    assert [(fetched.uri, fetched.result) for fetched in told] == [
        (URIS[0], FetchResult.TAKEN), (URIS[1], FetchResult.UNRESOLVED),
    ]  # fmt: skip


# --- what a redirect may not carry on ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/elsewhere", "https://other.example/", ALL + "?again"])
def test_nothing_of_an_earlier_answer_goes_where_a_redirect_leads(status: int, location: str) -> None:
    told = Dictionary(b"x", "v1")
    steps = exchange(ALL, ["a/b"], etag='"secret"', dictionary=told, reach=Reach.PUBLIC, bounds=BOUNDS, limit_bytes=10)
    sent: list[dict[str, str]] = []
    next(steps)
    for _ in range(BOUNDS.redirects):
        send = steps.send((PUBLIC,))
        assert isinstance(send, Send)
        sent.append(dict(send.headers))
        step = steps.send(Reply(status, {"location": f"{location}{'x' * len(sent)}"}))
        assert isinstance(step, Resolve)
    private = {"if-none-match", "available-dictionary", "dictionary-id"}
    assert private <= sent[0].keys()
    assert "dcz" in sent[0]["accept-encoding"]
    for headers in sent[1:]:
        assert private.isdisjoint(headers)
        assert "dcz" not in headers["accept-encoding"]
        assert headers.keys() == {"host", "accept", "accept-encoding", "user-agent"}


@pytest.mark.parametrize("redirected", [False, True])
def test_a_304_behind_a_redirect_is_one_that_nobody_asked_for(redirected: bool) -> None:
    first = a_list(URIS[1])
    each = Simulation([Source(None, URIS[:2])], serve, jitter_s=0)
    each.serve = lambda url: first._replace(headers={**first.headers, "etag": '"a"'}) if url == URIS[1] else a_list(url)
    each.refresh()
    each.now += 1_801
    # The store has this list from elsewhere meanwhile: it is asked for with a condition.
    each.store.ingest(URIS[1], a_list(URIS[1], each.now).body, media_type="application/statuslist+jwt", now=each.now)

    def redirecting(url: str) -> Reply:
        if url == URIS[1] and redirected:
            return Reply(302, {"location": "/elsewhere"})
        return a_list(url, each.now) if url == URIS[0] else Reply(304, {})

    each.serve = redirecting
    results = {one.uri: one.result for one in each.refresh()}
    assert results[URIS[1]] is (FetchResult.NOT_MODIFIED_UNASKED if redirected else FetchResult.NOT_MODIFIED)


# --- answers of caches ---


@given(st.none() | st.integers(0, 5_000))
def test_a_cache_makes_no_list_last_longer_than_its_ttl_after_the_origin_s_answer(age: int | None) -> None:
    each = Simulation([Source(None, URIS[:1])], serve)
    origin_at = each.now
    each.now += age or 0
    reply = a_list(URIS[0], origin_at)
    headers = {**reply.headers, **({} if age is None else {"age": str(age)})}
    each.serve = lambda url: reply._replace(headers=headers)
    (fetched,) = each.refresh()
    assert fetched.result is FetchResult.TAKEN
    for seconds in (0, 1, 1_800, 3_599, 3_600, 3_601):
        now = max(each.now, origin_at + seconds)
        found = each.store.check(StatusReference(URIS[0], 7), issuer=b.ISSUER, now=now)
        assert (found is Status.VALID) is (now < origin_at + 3_600)


@pytest.mark.parametrize("age", ["", "x", "-1", "+1", "1.5", "1, 2", "0, 0", "1" * 11, "\u0661", "\xb2", "1 2", "0x1"])
def test_an_age_that_cannot_be_read_is_refused_and_changes_nothing(age: str) -> None:
    reply = a_list(URIS[0])
    each = Simulation([Source(None, URIS[:1])], lambda url: reply._replace(headers={**reply.headers, "age": age}))
    (fetched,) = each.refresh()
    assert (fetched.result, fetched.reason) == (FetchResult.BROKEN, None)
    assert isinstance(each.store.check(StatusReference(URIS[0], 7), issuer=b.ISSUER, now=each.now), NeedStatusList)


@pytest.mark.parametrize(("age", "seconds"), [("0", 0), (" 7\t", 7), ("007", 7), ("9" * 10, 9_999_999_999)])
def test_an_age_is_a_number_of_seconds(age: str, seconds: int) -> None:
    assert age_s(Reply(200, {"age": age})) == seconds
    assert age_s(Reply(200, {})) == 0


def test_an_age_makes_no_list_count_that_has_ended_or_is_of_the_future() -> None:
    for age in (0, 50, 100, 10**9, 10**10 - 1):
        each = Simulation([Source(None, URIS[:1])], serve)
        ended = b.status_token({}, payload={"sub": URIS[0], "iat": b.NOW - 100, "exp": b.NOW - 10, "ttl": 3_600})
        future = a_list(URIS[0], b.NOW + 100).body
        for body in (ended, future):
            headers = {"content-type": "application/statuslist+jwt", "age": str(age)}
            each.serve = lambda url, body=body, headers=headers: Reply(200, headers, body)
            each.refresh()
            found = each.store.check(StatusReference(URIS[0], 7), issuer=b.ISSUER, now=each.now)
            assert isinstance(found, NeedStatusList)
            each.now += 10


def test_of_many_lists_that_fail_each_has_its_turn() -> None:
    uris = tuple(f"https://id.example/{number}" for number in range(20))
    each = Simulation([Source(None, uris)], lambda url: Reply(404, {}), backoff_first_s=1, backoff_most_s=8)
    for _ in range(400):
        each.refresh()
        each.now += 5
    times = [[url for _, url in each.log].count(uri) for uri in uris]
    assert min(times) * 2 > max(times)
