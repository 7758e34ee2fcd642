"""The publishing app, called as a server calls it: without one, and with a clock of the test."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from pathlib import Path
from typing import Any

import builders as b
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, LocalKey, Reason, Status
from citizenid.integrations import _codings, _negotiation
from citizenid.integrations._codings import Coding, decode, sf_binary
from citizenid.integrations.publish import StatusListApp
from citizenid.status import StatusList, StatusPublisher

from .asking import CWT, JWT, KEY, TTL_S, Response, World


@pytest.fixture
def world() -> World:
    return World()


def test_a_list_is_served_as_a_store_takes_it(world: World) -> None:
    reference = world.publisher.allocate()
    response = world.ask()
    assert response.status == 200
    assert response.headers["content-type"] == "application/statuslist+jwt"
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["cache-control"] == "public, max-age=1800, must-revalidate"
    assert response.headers["content-length"] == str(len(response.body))
    world.ingest(response)
    assert world.store.check(reference, issuer=b.ISSUER, now=world.now) is Status.VALID


def test_head_says_the_same_and_sends_nothing(world: World) -> None:
    asked: list[dict[str, Any]] = [{}, {"accept_encoding": "zstd"}, {"if_none_match": world.ask().headers["etag"]}]
    for fields in asked:
        whole, head = world.ask(**fields), world.ask(method="HEAD", **fields)
        assert head == (whole.status, whole.headers, b"")


def test_some_servers_leave_the_query_in_the_raw_path(world: World) -> None:
    # httpx's transport for ASGI does, and a server may give no raw path at all.
    asked = {"type": "http", "method": "GET", "path": "/status/1", "query_string": b"x=1", "headers": []}
    for raw in (b"/status/1?x=1", b"/status/1?", bytearray(b"/status/1"), None):
        assert world.app._respond({**asked, "raw_path": raw}).status == 200
    assert world.app._respond(asked).status == 200
    assert world.app._respond({**asked, "raw_path": b"/status/2?/status/1"}).status == 404


def test_a_list_is_stored_in_its_token_unless_it_is_told_to_deflate_it(world: World) -> None:
    smaller = World(level=1)
    stored, packed = (len(each.ask().body) for each in (world, smaller))
    assert stored > 100_000 // 8 > packed


def test_it_signs_when_something_changed_and_when_half_of_the_ttl_is_over(world: World) -> None:
    first = world.ask()
    world.now += 1_799
    assert world.ask().body == first.body
    assert world.ask().headers["cache-control"] == "public, max-age=1, must-revalidate"
    world.now += 1
    second = world.ask()
    assert second.body != first.body
    world.publisher.revoke(world.publisher.allocate())
    assert world.ask().body == second.body  # within the same second: published together
    world.now += 1
    third = world.ask()
    assert third.body != second.body
    assert len({response.headers["etag"] for response in (first, second, third)}) == 3
    for response in (first, second, third):
        world.ingest(response)  # iat rises from each to the next


def test_a_revocation_is_known_within_the_ttl_even_behind_a_cache(world: World) -> None:
    # A verifier that asks a cache at its last moment keeps the answer for half of the ttl before it asks again.
    world = World()
    world.ask()
    for age in (0, 1, 900, 1_799):
        world.now = b.NOW + age
        stated = world.ask().headers["cache-control"].split(", ")
        kept = int(stated[1].removeprefix("max-age="))
        assert "must-revalidate" in stated  # or a cache that is cut off may go on without end
        assert age + kept + TTL_S // 2 <= TTL_S


def test_a_clock_that_steps_back_leaves_lists_that_are_taken(world: World) -> None:
    world.ingest(world.ask())
    world.now -= 5
    world.ingest(world.ask())


@pytest.mark.parametrize("seconds", [5, 5_000])
def test_a_clock_that_steps_back_delays_no_revocation_and_no_cache_keeps_for_longer(world: World, seconds: int) -> None:
    first = world.ask()
    world.now -= seconds
    second = world.ask()
    assert second.body != first.body
    assert second.headers["cache-control"] == "public, max-age=1800, must-revalidate"
    reference = world.publisher.allocate()
    world.publisher.revoke(reference)
    world.now -= seconds
    response = world.ask()
    world.now = b.NOW + 10
    world.ingest(response)
    assert world.store.check(reference, issuer=b.ISSUER, now=world.now) is Status.INVALID


class Broken:
    """A signer that has failed since it was first used."""

    def __init__(self) -> None:
        self.public = KEY.public
        self.fails = False

    def sign(self, data: bytes) -> bytes:
        if self.fails:
            raise OSError
        return KEY.sign(data)


def test_a_signer_that_fails_leaves_the_last_list_in_force_until_its_end() -> None:
    signer = Broken()
    world = World(key=signer)
    first = world.ask()
    signer.fails = True
    world.now += 86_399
    assert world.ask().body == first.body
    world.now += 1
    response = world.ask()
    assert (response.status, response.headers["retry-after"]) == (503, "30")
    assert World(key=signer).ask().status == 503


@pytest.mark.parametrize("reading", [float("nan"), float("inf"), None, "1", -1, 2**53, OSError()])
def test_without_a_clock_there_is_no_list_and_no_error_of_the_server(reading: Any) -> None:
    def clock() -> Any:
        if isinstance(reading, Exception):
            raise reading
        return reading

    for world in (World(clock=clock), World(clock=clock, historical=True)):
        response = world.ask(query=b"time=5" if world.app._historical else b"")
        assert (response.status, response.headers["retry-after"], response.body) == (503, "30", b"")
        assert world.publisher.last_issued_at is None


def test_a_signer_that_is_away_uses_up_no_time_of_the_lists_to_come() -> None:
    signer = Broken()
    world = World(key=signer)
    signer.fails = True
    for _ in range(1_000):
        assert world.ask().status == 503
    assert world.publisher.last_issued_at == b.NOW  # one attempt
    signer.fails = False
    world.now += 1
    response = world.ask()
    assert world.read(response).issued_at == b.NOW + 1
    world.now += 1_800
    signer.fails = True
    for _ in range(1_000):
        assert world.ask().body == response.body
    signer.fails = False
    world.now += 1
    renewed = world.ask()
    assert world.read(renewed).issued_at == world.now
    world.ingest(renewed)


def test_the_attempts_come_more_and_more_slowly_and_go_on() -> None:
    signer = Failing(OSError)
    world = World(key=signer)
    tried = []
    for second in range(200):
        world.now = b.NOW + second
        world.ask()
        if len(signer.tried) > len(tried):
            tried.append(second)
    assert tried == [0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181]
    world.now = b.NOW - 1_000  # the clock went back: no pause lasts for so long
    world.ask()
    assert len(signer.tried) == len(tried) + 1


class Failing:
    """A signer that raises what a test says and notes how often it was asked."""

    def __init__(self, error: type[Exception]) -> None:
        self.public = KEY.public
        self.error: type[Exception] | None = error
        self.tried: list[bytes] = []

    def sign(self, data: bytes) -> bytes:
        self.tried.append(data)
        if self.error is not None:
            raise self.error
        return KEY.sign(data)


@pytest.mark.parametrize("error", [RuntimeError, ValueError, KeyError, TimeoutError, TypeError, MemoryError])
def test_whatever_a_signer_raises_is_a_signing_that_failed(error: type[Exception]) -> None:
    signer = Failing(error)
    world = World(key=signer)
    assert world.ask().status == 503
    signer.error = None
    world.now += 1
    first = world.ask()
    signer.error = error
    world.now += 1_800
    assert world.ask().body == first.body


def test_while_one_thread_signs_the_others_have_the_last_list() -> None:
    signer = Waiting()
    world = World(key=signer)
    first = world.ask()
    world.now += 1_800
    signer.free.clear()
    thread = threading.Thread(target=world.ask)
    thread.start()
    assert signer.began.wait(60)
    try:
        assert world.ask().body == first.body  # and does not wait
    finally:
        signer.free.set()
        thread.join()
    assert world.ask().body != first.body


class Waiting:
    """A signer that does not answer before it is let free."""

    def __init__(self) -> None:
        self.public = KEY.public
        self.free, self.began = threading.Event(), threading.Event()
        self.free.set()

    def sign(self, data: bytes) -> bytes:
        if not self.free.is_set():
            self.began.set()
            assert self.free.wait(60)
        return KEY.sign(data)


def test_two_processes_do_not_drive_each_others_lists_into_the_future(tmp_path: Path) -> None:
    one, other = (World(size=1_000, ledger=tmp_path / "ledger") for _ in range(2))
    for _ in range(60):
        one.publisher.revoke(one.publisher.allocate())
        for world in (one, other, one, other):
            for kind in (JWT, CWT):
                assert world.read(world.ask(accept=kind)).issued_at <= world.now + 4  # as many tokens as are in use
        one.now += 1
        other.now += 1
    for world in (one, other):
        world.now += 10
    # Each of them has all changes as soon as the clock has come up.
    for _ in range(4):
        bodies = [world.ask() for world in (one, other)]
        for world in (one, other):
            world.now += 2
    for world, body in zip((one, other), bodies, strict=True):
        assert sum(listed is Status.INVALID for listed in every(world, body)) == 60


def every(world: World, response: Response) -> list[Status]:
    statuses = world.read(response).statuses
    assert isinstance(statuses, StatusList)
    return [statuses[index] for index in range(len(statuses))]


def test_who_always_comes_second_signs_when_half_of_the_ttl_is_over(tmp_path: Path) -> None:
    one, other = (World(size=1_000, ledger=tmp_path / "ledger") for _ in range(2))
    one.ask()
    first = other.ask()
    one.now = other.now = b.NOW + 1_800
    one.ask()
    second = other.ask()
    assert second.body != first.body
    other.ingest(second)


# --- conditions, methods, negotiation ---


def test_a_list_that_is_known_is_not_sent_again(world: World) -> None:
    for coding in ("identity", "gzip", "zstd"):
        tag = world.ask(accept_encoding=coding).headers["etag"]
        for condition in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            response = world.ask(if_none_match=condition, accept_encoding=coding)
            assert (response.status, response.body) == (304, b"")
            assert {"etag", "cache-control", "vary"} <= set(response.headers)
            if tag in condition:  # a cache finds what it holds by it
                assert response.headers["etag"] == tag
        assert world.ask(if_none_match='"x"').status == 200
    old = world.ask().headers["etag"]
    world.now += 1_800
    assert world.ask(if_none_match=old).status == 200


def test_what_the_client_cannot_read_is_not_confirmed(world: World) -> None:
    tags = {coding: world.ask(accept_encoding=coding).headers["etag"] for coding in ("identity", "gzip", "zstd")}
    for field, codings in (
        ("gzip", {"gzip", "identity"}),
        ("gzip, identity;q=0", {"gzip"}),
        ("identity", {"identity"}),
        ("zstd;q=0, *", {"gzip", "identity"}),
    ):
        for coding, tag in tags.items():
            response = world.ask(accept_encoding=field, if_none_match=tag)
            assert response.status == (304 if coding in codings else 200)
        everything = world.ask(accept_encoding=field, if_none_match=", ".join(reversed(tags.values())))
        assert everything.status == 304
        assert everything.headers["etag"] in {tags[coding] for coding in codings}
        assert world.ask(accept_encoding=field, if_none_match="*").status == 304
    for condition in (*tags.values(), "*"):
        assert world.ask(accept_encoding="identity;q=0", if_none_match=condition).status == 406


def test_what_was_coded_with_a_dictionary_is_confirmed_to_whoever_has_it(world: World) -> None:
    named = []
    for _ in range(3):
        named.append(sf_binary(_codings.Dictionary(world.ask().body, "").digest))
        world.now += 1_800
    newest = sf_binary(_codings.Dictionary(world.ask().body, "").digest)
    tag = world.ask(accept_encoding="dcz", available_dictionary=named[0]).headers["etag"]
    for held, field, status in (
        (named[0], "dcz", 304),
        (named[1], "dcz", 200),
        (newest, "dcz", 304),  # it has decoded it
        (newest, "gzip", 200),
        (named[0], "zstd", 200),
        ("", "dcz", 200),
    ):
        response = world.ask(accept_encoding=field, available_dictionary=held, if_none_match=tag)
        assert response.status == status


def test_codings_have_tags_of_their_own(world: World) -> None:
    tags = [world.ask(accept_encoding=coding).headers["etag"] for coding in ("identity", "gzip", "zstd")]
    assert len(set(tags)) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get"])
def test_other_methods_are_refused(world: World, method: str) -> None:
    for path in ("/status/1", "/status-lists"):
        response = world.ask(path, method)
        assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/status/2", "/status/1/", "/STATUS/1", "//status/1", "/status/%31", ""])
def test_other_paths_are_not_found(world: World, path: str) -> None:
    assert world.ask(path).status == 404


@pytest.mark.parametrize("query", [b"time=1800000000", b"time=", b"a=1&time=x", b"time"])
def test_whoever_asks_for_the_past_is_not_answered_unless_the_issuer_wants_it(world: World, query: bytes) -> None:
    assert world.ask(query=query).status == 501


@pytest.mark.parametrize("query", [b"", b"a=1", b"times=1", b"xtime=1"])
def test_another_query_is_passed_over(world: World, query: bytes) -> None:
    assert world.ask(query=query).status == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/statuslist+jwt", 200),
        ("application/statuslist+cwt, application/statuslist+jwt;q=0.8", 200),
        ("application/*", 200),
        ("*/*;q=0.1", 200),
        ("", 200),
        ("application/statuslist+cwt", 200),
        ("application/statuslist+jwt;q=0, */*", 200),
        ("application/identifierlist+cwt", 406),
        ("application/statuslist+jwt;q=0.000", 406),
        ("text/html", 406),
        ("garbage;;;=", 406),
        ("application/statuslist+jwt;profile=x", 200),
        ('application/statuslist+jwt;profile="a,b;q=0";q=0.5', 200),
        ("application/statuslist+jwt;profile=x;q=0", 406),
        ("application/statuslist+jwt;q=0;profile=x", 406),
        ("application/statuslist+jwt ; q =0.5\t", 200),
        ("application/statuslist+jwt;q=2", 406),
        ("application/statuslist+jwt;q=", 406),
        ("application/statuslist+jwt;q=1;q=0", 406),
        ('application/statuslist+jwt"', 406),
    ],
)
def test_what_is_accepted_decides(world: World, accept: str, status: int) -> None:
    assert world.ask(accept=accept).status == status


@pytest.mark.parametrize(
    ("field", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, zstd", "zstd"),
        ("zstd;q=0, gzip;q=0.1", "gzip"),
        ("*", "zstd"),
        ("br", None),
        ("identity", None),
        ("", None),
        ("gzip;q=0", None),
        ("dcz", None),
        ("x" * 5_000, None),
    ],
)
def test_the_smallest_coding_that_is_accepted_is_sent(world: World, field: str, coding: str | None) -> None:
    response = world.ask(accept_encoding=field)
    assert response.headers.get("content-encoding") == coding
    body = decode(response.body, Coding(coding or "identity"), limit_bytes=10**6)
    assert body == world.ask().body


def test_a_field_is_read_in_one_pass() -> None:
    # Whatever may repeat in a pattern of ours repeats once: no two neighbours can share out the same characters.
    patterns = [each for each in vars(_negotiation).values() if isinstance(each, re.Pattern)]
    assert len(patterns) == 4
    for each in patterns:
        assert not re.search(r"\\s|[*+][^()]*[*+]", re.sub(r"\[.*?\](?=[*+{])", "x", each.pattern))


def test_no_coding_at_all_is_none_that_we_have(world: World) -> None:
    assert world.ask(accept_encoding="br, identity;q=0").status == 406
    assert world.ask(accept_encoding="*;q=0").status == 406


def test_without_the_extra_there_is_gzip(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("publish", "_negotiation"):
        monkeypatch.setattr(f"citizenid.integrations.{module}.ZSTD_AVAILABLE", False)
    response = world.ask(accept_encoding="gzip, zstd, dcz")
    assert response.headers["content-encoding"] == "gzip"
    assert "use-as-dictionary" not in response.headers


def test_the_previous_list_is_a_dictionary(world: World) -> None:
    references = [world.publisher.allocate() for _ in range(10)]
    old = world.ask()
    assert old.headers["use-as-dictionary"].startswith('match="/status/1", id="')
    world.publisher.revoke(references[0])
    world.now += 1
    held = sf_binary(_codings.Dictionary(old.body, "").digest)
    response = world.ask(accept_encoding="gzip, zstd, dcz", available_dictionary=held)
    assert response.headers["content-encoding"] == "dcz"
    assert "available-dictionary" in response.headers["vary"]
    assert decode(response.body, Coding.DCZ, limit_bytes=10**6, dictionary=old.body) == world.ask().body
    assert len(response.body) < 300 < len(world.ask(accept_encoding="zstd").body) + 200
    for unknown in (held[:-3] + "AA:", "", "garbage", ":AA==:"):
        other = world.ask(accept_encoding="zstd, dcz", available_dictionary=unknown)
        assert other.headers["content-encoding"] == "zstd"
    assert world.ask(accept_encoding="*", available_dictionary=held).headers["content-encoding"] == "zstd"


def test_each_dictionary_has_an_encoding_of_its_own_and_none_without_its_name(world: World) -> None:
    bodies = []
    for _ in range(3):
        bodies.append(world.ask().body)
        world.now += 1_800
    newest = world.ask().body
    for body in bodies:
        held = sf_binary(_codings.Dictionary(body, "").digest)
        response = world.ask(accept_encoding="dcz", available_dictionary=held)
        assert decode(response.body, Coding.DCZ, limit_bytes=10**6, dictionary=body) == newest
        for coding in ("zstd", "gzip"):
            response = world.ask(accept_encoding=coding, available_dictionary=held)
            assert decode(response.body, Coding(coding), limit_bytes=10**6) == newest


def test_the_codings_of_a_list_are_freed_when_the_next_one_is_there(world: World) -> None:
    old = world.ask(accept_encoding="gzip")
    world.now += 1_800
    world.ask(accept_encoding="gzip")
    published = world.app._lists["/status/1"]
    coded = [version._coded for version in published.kept(old.headers["content-type"])]
    assert [len(each) for each in coded] == [0, 1]


def test_so_many_versions_are_kept_as_dictionaries(world: World) -> None:
    bodies = []
    for _ in range(6):
        bodies.append(world.ask().body)
        world.now += 1_800
    world.ask()
    codings = []
    for body in bodies:
        held = sf_binary(_codings.Dictionary(body, "").digest)
        codings.append(world.ask(accept_encoding="zstd, dcz", available_dictionary=held).headers["content-encoding"])
    assert codings == ["zstd"] * 3 + ["dcz"] * 3


# --- the aggregation ---


def test_the_aggregation_names_every_list() -> None:
    publishers = [StatusPublisher(uri=f"https://id.example/{number}", size=10) for number in range(5)]
    world = World()
    world.app = StatusListApp(publishers, key=KEY, ttl_s=TTL_S, expires_s=86_400, aggregation_path="/all")
    response = world.ask("/all")
    assert json.loads(response.body) == {"status_lists": [publisher.uri for publisher in publishers]}
    assert response.headers["content-type"] == "application/json"
    assert world.ask("/all", if_none_match=response.headers["etag"]).status == 304
    assert world.ask("/all", accept="application/statuslist+jwt").status == 406
    assert world.ask("/all", accept_encoding="gzip").headers["content-encoding"] == "gzip"
    assert [world.ask(f"/{number}").status for number in range(6)] == [200] * 5 + [404]
    nowhere = World(aggregation_path=None)
    assert nowhere.ask("/status-lists").status == 404


@pytest.mark.parametrize(
    "options",
    [
        {"ttl_s": 1}, {"ttl_s": 0}, {"ttl_s": 3_600.0}, {"expires_s": 3_599}, {"gather_s": 0}, {"gather_s": 3_601},
        {"versions": 0}, {"versions": True}, {"level": 10}, {"level": -1}, {"aggregation_path": "/status/1"},
        {"aggregation_path": "all"}, {"aggregation_path": "/all?x"}, {"aggregation_path": "/#"},
        {"aggregation_path": "/identifiers"}, {"kid": ""}, {"kid": "k" * 256}, {"kid": 5}, {"certificates": [b"x"]},
        {"historical": 1}, {"historical": None}, {"aggregation_path": 5}, {"aggregation_path": b"/all"},
        {"aggregation_path": ["/all"]}, {"key": None}, {"key": KEY.public}, {"key": "key"}, {"certificates": None},
    ],
)  # fmt: skip
def test_an_app_that_is_none_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World(**options)
    (name,) = options
    signers = {"key": "status-list.key", "kid": "status-list"}  # as a publisher by itself says it
    where = {**signers, "certificates": caught.value.where, "expires_s": "publish.ttl_s"}.get(name, f"publish.{name}")
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, where)


@pytest.mark.parametrize("clock", [None, 5, b.NOW * 1.0], ids=repr)
def test_a_clock_that_is_no_function_is_refused(clock: Any) -> None:
    publisher = StatusPublisher(uri="https://id.example/status/1", size=10)
    options: dict[str, Any] = {"key": KEY, "ttl_s": 60, "expires_s": 60, "clock": clock}
    assert (
        b.misused(Reason.CONFIGURATION_INVALID, lambda: StatusListApp([publisher], **options)).where == "publish.clock"
    )


@pytest.mark.parametrize(
    "uris", [[], ["urn:list:1"], ["https://id.example/1?a"], ["https://id.example/1", "https://other.example/1"]]
)
def test_lists_that_have_no_path_of_their_own_are_refused(uris: list[str]) -> None:
    publishers = [StatusPublisher(uri=uri, size=10) for uri in uris]
    with pytest.raises(CitizenIDError) as caught:
        StatusListApp(publishers, key=LocalKey.generate("Ed25519"), ttl_s=60, expires_s=60)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("publishers", [None, 5, [None], ["https://id.example/1"], [StatusPublisher]])
def test_what_is_no_list_of_publishers_is_refused(publishers: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        StatusListApp(publishers, key=KEY, ttl_s=60, expires_s=60)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "publish.publishers")


def test_it_starts_and_ends_with_its_server(world: World) -> None:
    events = iter(["lifespan.startup", "lifespan.shutdown"])
    sent = []

    async def receive() -> Any:
        return {"type": next(events)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(world.app({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    asyncio.run(world.app({"type": "websocket"}, receive, send))
    assert len(sent) == 2


SHARED = World(historical=True)


@given(
    st.text(max_size=20),
    st.sampled_from(["GET", "HEAD", "POST", ""]),
    st.binary(max_size=20) | st.binary(max_size=20).map(lambda value: b"time=" + value),
    st.lists(
        st.tuples(
            st.sampled_from([b"accept", b"Accept-Encoding", b"if-none-match", b"available-dictionary"]),
            st.binary(max_size=40) | st.sampled_from([b"gzip;q=0.5", b"*;q=0", b"zstd, dcz", b"*/*", b":AA==:"]),
        ),
        max_size=5,
    ),
)
def test_any_request_is_answered(path: str, method: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    for where in (path, "/status/1", "/identifiers", "/status-lists"):
        response = SHARED.ask_raw(where, method, query, headers)
        assert response.status in (200, 304, 400, 404, 405, 406)
