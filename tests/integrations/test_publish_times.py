"""Lists of the past: which token answers for which time, and that an answer about the past is kept apart.

Spec: Token Status List section 8.4; specs/profile-status-list.md section 10, W7.
"""

from __future__ import annotations

from typing import Any

import builders as b
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import Status
from citizenid.integrations import _codings
from citizenid.integrations._codings import Coding, decode, sf_binary

from .asking import CWT, IDENTIFIERS, IDENTIFIERS_URI, JWT, KEY, Response, World

HALF_S = 1_800


@pytest.fixture
def world() -> World:
    return World(historical=True, size=1_000)


def at(world: World, moment: object, **fields: Any) -> Response:
    return world.ask(query=f"time={moment}".encode(), **fields)


def three_lists(world: World) -> list[Response]:
    """Publish at NOW, half an hour later with a revocation, and half an hour after that."""
    responses = [world.ask()]
    for _ in range(2):
        world.now += HALF_S
        world.publisher.revoke(world.publisher.allocate())
        responses.append(world.ask())
    return responses


def test_a_time_is_answered_with_the_list_that_was_in_force(world: World) -> None:
    first, second, third = three_lists(world)
    for moment, expected in (
        (b.NOW, first),
        (b.NOW + HALF_S - 1, first),
        (b.NOW + HALF_S, second),
        (b.NOW + 2 * HALF_S - 1, second),
        (b.NOW + 2 * HALF_S, third),
    ):
        response = at(world, moment)
        assert (response.status, response.kind, response.body) == (200, JWT, expected.body)


@given(
    st.lists(st.tuples(st.integers(0, 4_000), st.booleans()), min_size=1, max_size=12),
    st.lists(st.integers(-10, 40_000), min_size=1, max_size=10),
    st.integers(1, 5),
    st.sampled_from([JWT, CWT]),
)
def test_of_any_time_we_say_what_was_published_or_nothing(
    steps: list[tuple[int, bool]], moments: list[int], versions: int, kind: str
) -> None:
    world = World(historical=True, size=64, versions=versions, ttl_s=3_600, expires_s=5_000)
    published: dict[int, bytes] = {}
    for seconds, revokes in steps:
        world.now += seconds
        if revokes:
            world.publisher.revoke(world.publisher.allocate())
        response = world.ask(accept=kind)
        published[world.read(response).issued_at] = response.body
    kept = sorted(published)[-versions:]
    for moment in (b.NOW + seconds for seconds in moments):
        response = at(world, moment, accept=kind)
        before = [issued_at for issued_at in kept if issued_at <= moment]
        if not before or moment > world.now or moment >= before[-1] + 5_000:
            assert response.status == 404
        else:
            assert (response.status, response.body) == (200, published[before[-1]])


@pytest.mark.parametrize("moment", [0, b.NOW - 1, b.NOW + 2 * HALF_S + 1, b.NOW + 10**6, 2**53 - 1, 10**16 - 1])
def test_a_time_that_is_not_kept_or_has_not_come_is_not_found(world: World, moment: int) -> None:
    three_lists(world)
    response = at(world, moment)
    assert (response.status, response.body) == (404, b"")
    assert response.headers["cache-control"] == "no-store"  # tomorrow it may be there


def test_a_list_is_not_in_force_after_its_end() -> None:
    world = World(historical=True, size=64, ttl_s=60, expires_s=100)
    first = world.ask()
    world.now += 1_000
    world.ask()
    assert at(world, b.NOW + 99).body == first.body
    assert at(world, b.NOW + 100).status == 404
    assert at(world, b.NOW + 999).status == 404
    assert at(world, b.NOW + 1_000).status == 200


def test_what_is_kept_no_longer_is_not_found() -> None:
    world = World(historical=True, versions=2, size=64)
    _, second, third = three_lists(world)
    assert at(world, b.NOW).status == 404
    assert at(world, b.NOW + HALF_S).body == second.body
    assert at(world, b.NOW + 2 * HALF_S).body == third.body


@pytest.mark.parametrize(
    "query",
    [
        b"time=", b"time", b"time=x", b"time=-1", b"time=1.0", b"time=1e3", b"time=+1", b"time=%2B1", b"time=01",
        b"time= 1", b"time=1%20", b"time=1_000", b"time=0x1", b"time=\xd9\xa1", b"time=%D9%A1", b"time=true",
        b"time=1800000000&time=1800000000", b"a=b&time=1800000000&b=c&%74ime=1", b"time=1&time", b"time=" + b"9" * 17,
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_a_bad_request(world: World, query: bytes) -> None:
    assert world.ask(query=query).status == 400


def test_a_time_is_found_among_other_parameters(world: World) -> None:
    first, *_ = three_lists(world)
    for query in (b"a=1&time=1800000000", b"time=1800000000&times=5&xtime=6", b"%74ime=%31800000000"):
        assert world.ask(query=query).body == first.body


def test_the_aggregation_has_no_past(world: World) -> None:
    for query in (b"time=1800000000", b"time=x"):
        assert world.ask("/status-lists", query=query).body == world.ask("/status-lists").body


def test_each_form_has_a_past_of_its_own(world: World) -> None:
    reference = world.identifiers.allocate()
    old = world.ask("/identifiers")
    three_lists(world)
    world.identifiers.revoke(reference)
    assert world.ask("/identifiers").body != old.body
    response = world.ask("/identifiers", query=f"time={b.NOW + 7}".encode())
    assert (response.kind, response.body) == (IDENTIFIERS, old.body)
    verified = world.read(response, IDENTIFIERS_URI)
    assert verified.issued_at == b.NOW
    assert at(world, b.NOW, accept=CWT).status == 404  # nobody has asked for it then, and nothing is signed backwards
    assert at(world, world.now, accept=CWT).status == 404  # this second's iat is the JWT's
    world.now += 1
    assert at(world, world.now, accept=CWT).kind == CWT


def test_what_is_asked_for_now_is_what_is_said_now(world: World) -> None:
    world.ask()
    reference = world.publisher.allocate()
    world.now += 5
    world.publisher.revoke(reference)
    world.ingest(at(world, world.now))
    assert world.store.check(reference, issuer=b.ISSUER, now=world.now) is Status.INVALID


def test_a_time_in_which_nobody_asked_has_the_list_that_was_in_force(world: World) -> None:
    first = world.ask()
    world.now += 10_000  # nobody asked: the list of NOW is good for a day, and nothing else was published
    second = world.ask()
    assert at(world, b.NOW + 9_999).body == first.body
    assert at(world, b.NOW + 10_000).body == second.body


def test_without_a_list_there_is_no_past_either() -> None:
    class Failing:
        public = KEY.public

        def sign(self, data: bytes) -> bytes:
            raise OSError

    world = World(historical=True, size=64, key=Failing())
    for moment in (world.now, world.now - 1, world.now + 1):
        response = at(world, moment)
        assert (response.status, response.headers["retry-after"]) == (503, "30")


# --- kept apart ---


def test_the_newest_list_is_no_condition_for_an_old_one(world: World) -> None:
    first, _, third = three_lists(world)
    newest, oldest = third.headers["etag"], first.headers["etag"]
    assert at(world, b.NOW, if_none_match=newest).body == first.body
    assert world.ask(if_none_match=oldest).body == third.body
    old = at(world, b.NOW, if_none_match=oldest)
    assert (old.status, old.body, old.headers["etag"]) == (304, b"", oldest)
    assert at(world, world.now, if_none_match=newest).status == 304
    assert at(world, b.NOW - 1, if_none_match="*").status == 404


def test_no_list_may_be_kept_for_longer_than_the_newest(world: World) -> None:
    three_lists(world)
    world.now += 800
    for response in (world.ask(), at(world, world.now), at(world, b.NOW), at(world, b.NOW + 2 * HALF_S)):
        assert response.headers["cache-control"] == "public, max-age=1000, must-revalidate"


def test_an_old_list_is_no_dictionary_of_its_path_and_needs_none(world: World) -> None:
    first, second, third = three_lists(world)
    for held in (first, second, third):
        named = sf_binary(_codings.Dictionary(held.body, "").digest)
        response = at(world, b.NOW, accept_encoding="zstd, dcz", available_dictionary=named)
        assert response.headers["content-encoding"] == "zstd"
        assert "use-as-dictionary" not in response.headers
        assert decode(response.body, Coding.ZSTD, limit_bytes=10**6) == first.body
    assert "use-as-dictionary" not in at(world, world.now).headers
    assert "use-as-dictionary" in world.ask().headers


def test_an_old_list_has_codings_and_tags_of_its_own(world: World) -> None:
    first, _, third = three_lists(world)
    tags = set()
    for coding in ("identity", "gzip", "zstd"):
        old, new = at(world, b.NOW, accept_encoding=coding), world.ask(accept_encoding=coding)
        assert decode(old.body, Coding(coding), limit_bytes=10**6) == first.body
        assert decode(new.body, Coding(coding), limit_bytes=10**6) == third.body
        tags |= {old.headers["etag"], new.headers["etag"]}
        head = at(world, b.NOW, method="HEAD", accept_encoding=coding)
        assert head == (200, old.headers, b"")
    assert len(tags) == 6
    assert at(world, b.NOW, method="POST").status == 405
    assert at(world, b.NOW, accept="text/html").status == 406
