"""The middleware: what the gateway does not allow never reaches the application, and what it allows does, unchanged.

Spec: specs/profile-asgi.md sections 1 to 5.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import itertools
import json
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gateway import senders
from gateway import world as w
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, Format, MalformedError, Reason
from citizenid.gateway import (
    Allow,
    Binding,
    DPoPNonces,
    Gateway,
    ProofRequest,
    SharingDetector,
    SharingLimits,
    Signals,
)
from citizenid.gateway.sharing import Threshold
from citizenid.integrations._asgi_answers import _threaded
from citizenid.integrations.asgi import (
    CitizenshipMiddleware,
    Deferred,
    Proxy,
    Runs,
    TLSCertificates,
    decision_app,
    resource_from_header,
    resource_from_path,
)

from .asgi_driving import BODY, CONNECT, Answered, Seen, credentials, drive, scope_of, socket_scope
from .proxies import CHAT, EXTERNAL, OPEN, Deciding, deciding, send

US = "us-nationals"
DENIAL = {"websocket.http.response": {}}


class Door:
    """A world with one admitted wallet, whose tickets are good for any path."""

    def __init__(self, **options: Any) -> None:
        self.world = w.World(**options)
        self.alice = self.world.wallet()
        self.ticket = self.world.ticket(self.alice)
        self.bearer = self.world.ticket(self.alice, bearer=True)

    def middleware(self, app: Any, resource: Any = US, **options: Any) -> CitizenshipMiddleware:
        return CitizenshipMiddleware(app, gateway=self.world.gateway, resource=resource, **options)

    def proven(self, path: str = w.PATH, method: str = "POST") -> list[tuple[bytes, bytes]]:
        return credentials(self.world, self.alice, self.ticket, path, method)

    def send(self, scope: Any, resource: Any = US, **options: Any) -> tuple[Seen, Answered]:
        seen = Seen()
        return seen, drive(self.middleware(seen, resource, **options), scope)


@pytest.fixture(scope="module")
def door() -> Door:
    return Door()


def misconfigured(call: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        call()
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


# --- the request ---

SEGMENTS = st.text("abcXYZ019-._~!$&'()*+,;=:@", max_size=4) | st.sampled_from(["%61", "%2F", "%2f", "%00", "..", "."])
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(PATHS, PATHS, st.sampled_from([b"", b"model=open", b"a=%23&b"]))
def test_a_proof_is_good_for_the_very_path_it_names(door: Door, path: str, other: str, query: bytes) -> None:
    seen, answer = door.send(scope_of(path, door.proven(path), query=query))
    assert (answer.status, len(seen.scopes)) == (200, 1)
    assert seen.scopes[0]["raw_path"] == path.encode()
    if other != path:
        seen, answer = door.send(scope_of(path, door.proven(other), query=query))
        assert (answer.status, answer.reason, seen.scopes) == (401, "proof_url_mismatch", [])


@pytest.mark.parametrize(
    ("proven", "sent"), [("/v1/%63hat", "/v1/chat"), ("/v1%2Fchat", "/v1/chat"), ("/a%2fb", "/a%2Fb")]
)
def test_percent_encoding_is_not_undone(door: Door, proven: str, sent: str) -> None:
    for one, other in ((proven, sent), (sent, proven)):
        seen, answer = door.send(scope_of(one, door.proven(other)))
        assert (answer.reason, seen.scopes) == ("proof_url_mismatch", [])


def test_the_origin_is_the_configured_one_whatever_the_headers_say(door: Door) -> None:
    lies = [(b"x-forwarded-host", b"evil.example"), (b"x-forwarded-proto", b"http"), (b"forwarded", b"host=evil")]
    seen, answer = door.send(scope_of(headers=[*lies, *door.proven()], scheme="http", server=("evil.example", 1)))
    assert answer.status == 200 and seen.allow.rule == 3
    proof = door.world.proof(door.alice.sender, door.ticket, url="https://evil.example" + w.PATH)
    headers = [(b"citizenship-ticket", door.ticket.encode()), (b"dpop", proof), (b"host", b"evil.example")]
    seen, answer = door.send(scope_of(headers=headers))
    assert (answer.reason, seen.scopes) == ("proof_url_mismatch", [])


def test_a_mounted_application_is_asked_for_by_the_path_that_the_client_saw(door: Door) -> None:
    # uvicorn and Starlette put `root_path` into `raw_path` already: it must not be there twice.
    seen, answer = door.send(scope_of("/api/v1", door.proven("/api/v1"), root_path="/api"))
    assert answer.status == 200 and seen.allow.rule


def test_the_query_is_covered_by_a_signature(door: Door) -> None:
    world = door.world
    sender = senders.Sender(Binding.HTTP_SIGNATURE)
    ticket = sender.ticket(world)
    for query, status in ((b"model=a", 200), (b"model=b", 401), (b"", 401)):
        signed = sender.request(world, ticket, path=w.PATH + "?model=a")
        seen, answer = door.send(scope_of(headers=signed.headers, query=query))
        assert (answer.status, len(seen.scopes)) == (status, int(status == 200))


HOSTILE: dict[str, list[Any]] = {
    "raw_path": [w.ABSENT, None, b"", b"v1", b"*", b"http://evil.example/v1", "/v1", bytearray(b"/v1"), b"/v1#x",
                 b"/v1?x", b"/v1\xff", 7, [b"/v1"], {}],
    "query_string": [b"a#b", b"\xff", "a=b", 7, [b"a"]],
    "method": [w.ABSENT, None, b"POST", 7],
    "headers": [w.ABSENT, None, iter(()), {b"a": b"b"}, "headers", [("host", "text")], [(b"citizenship-ticket", 7)],
                [(b"dpop", "text")], [(b"dpop",)], [None], 7],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in HOSTILE for value in HOSTILE[name]])
def test_a_scope_that_no_server_makes_is_refused(door: Door, name: str, value: Any) -> None:
    ticket = (b"citizenship-ticket", door.bearer.encode())
    scope = scope_of(headers=[ticket]) | {
        name: [*value, ticket] if type(value) is list and name == "headers" else value
    }
    if value is w.ABSENT:
        del scope[name]
    seen, answer = door.send(scope, "weak")
    assert seen.scopes == [] and answer.status in (401, 403)
    assert answer.reason in ("request_invalid", "ticket_invalid", "proof_malformed")


@pytest.mark.parametrize(
    "headers",
    [[None], [7], [(b"dpop",)], [(b"a", b"b", b"c")], [(None, b"a")], [("dpop", "text")], [(b"dpop", "text")],
     [(b"content-length", "2")], [(b"content-length", None)], [("content-length", "2")]],
)  # fmt: skip
def test_an_admission_with_headers_that_no_server_makes_is_refused_or_answered(door: Door, headers: Any) -> None:
    app = decision_app(door.world.gateway, resource=US, proxy=Proxy.NGINX)
    for each in (door.middleware(Seen()), app):
        answer = drive(each, scope_of(w.ENDPOINT, headers), [{"type": "http.request", "body": b"{}"}])
        assert answer.reason in ("request_invalid", "ticket_missing")  # of the latter kind is who asks for a challenge


@pytest.mark.parametrize("body", [None, "{}", 7, [b"{}"]])
@pytest.mark.parametrize("more", [False, True])
def test_a_body_that_no_server_makes_is_no_request(door: Door, body: Any, more: bool) -> None:
    incoming = [{"type": "http.request", "body": b"", "more_body": True}, {"type": "http.request", "body": body}]
    app = decision_app(door.world.gateway, resource=US, proxy=Proxy.NGINX)
    for each in (door.middleware(Seen()), app):
        assert drive(each, scope_of(w.ENDPOINT), incoming[0 if more else 1 :]).reason == "request_invalid"


@pytest.mark.parametrize("path", [w.ABSENT, None, 7, ["/open"], b"/open"])
def test_a_path_that_no_server_makes_names_no_resource(door: Door, path: Any) -> None:
    scope = {name: value for name, value in (scope_of("/open") | {"path": path}).items() if value is not w.ABSENT}
    seen, answer = door.send(scope, resource_from_path({"/open": "open"}))
    assert (answer.reason, seen.scopes) == ("resource_not_listed", [])


@pytest.mark.parametrize("state", ["state", 7, [1], (1,), object()])
def test_a_state_that_no_server_makes_is_an_error(door: Door, state: Any) -> None:
    seen = Seen()
    misconfigured(lambda: drive(door.middleware(seen, "open"), scope_of(state=state)))
    assert seen.scopes == []


@given(st.sampled_from(["http", "websocket"]), st.dictionaries(st.sampled_from([*HOSTILE, "extensions", "state"]),
       st.none() | st.binary(max_size=6) | st.text(max_size=6) | st.lists(st.binary(max_size=3), max_size=2),
       max_size=3))  # fmt: skip
def test_no_scope_reaches_the_application_without_a_ticket(door: Door, kind: str, changes: dict[str, Any]) -> None:
    seen = Seen()
    scope = scope_of(type=kind) | changes
    try:
        drive(door.middleware(seen), scope, [BODY if kind == "http" else CONNECT])
    except (TypeError, ValueError, AttributeError, CitizenIDError):
        pass  # the application was not reached, and a server answers 500
    assert seen.scopes == []


# --- the decision ---

NAMES = st.sampled_from(["open", US, "us-citizens", "europe", "weak", "fresh", "us/1", "unlisted", "", "*", "us/*"])
TICKETS = st.sampled_from(["none", "bearer", "broken", "twice", "of another key", "good"])


@given(NAMES, TICKETS, st.sampled_from(["http", "websocket"]))
def test_the_application_is_reached_if_and_only_if_the_gateway_allows(
    door: Door, name: str, shown: str, kind: str
) -> None:
    ticket = door.bearer.encode()
    method = "POST" if kind == "http" else "GET"
    headers: list[tuple[bytes, bytes]] = {
        "none": [], "bearer": [(b"citizenship-ticket", ticket)], "broken": [(b"citizenship-ticket", ticket[:-1])],
        "twice": [(b"citizenship-ticket", ticket)] * 2, "good": [], "of another key": [],
    }[shown]  # fmt: skip

    def proven() -> list[tuple[bytes, bytes]]:
        wallet = door.world.another if shown == "of another key" else door.alice  # type: ignore[attr-defined]  # set below
        return headers or credentials(door.world, wallet, door.ticket, method=method) if shown != "none" else []

    door.world.another = w.Wallet("bob", door.alice.credential, None, format=door.alice.format)  # type: ignore[attr-defined]  # a key of his own
    expected = door.world.gateway.authorize(w.Request(method, w.ORIGIN + w.PATH, proven()), resource=name)
    seen = Seen()
    scope = scope_of(headers=proven()) if kind == "http" else socket_scope(headers=proven(), extensions=DENIAL)
    answer = drive(door.middleware(seen, lambda _: name), scope, [BODY if kind == "http" else CONNECT])
    assert (type(expected) is Allow) is (len(seen.scopes) == 1)
    if type(expected) is Allow:
        assert seen.allow.rule == expected.rule
    else:
        assert not isinstance(expected, Allow)
        told = expected.http()
        assert (answer.status, answer.reason) == (told.status, expected.reason)
        assert [name for name, _ in answer.headers] == [name for name, _ in told.headers] + [b"content-length"]


@pytest.mark.parametrize("given_", [None, 7, b"open", True, ["open"], Deferred, object(), w.ABSENT])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_names_no_resource_is_refused(door: Door, given_: Any, kind: str) -> None:
    seen = Seen()
    scope = scope_of(headers=door.proven()) if kind == "http" else socket_scope(extensions=DENIAL)
    answer = drive(door.middleware(seen, lambda _: given_), scope, [BODY if kind == "http" else CONNECT])
    assert (answer.status, answer.reason, seen.scopes) == (403, "resource_not_listed", [])


def test_a_function_that_fails_lets_nothing_through(door: Door) -> None:
    seen = Seen()
    with pytest.raises(ZeroDivisionError):
        drive(door.middleware(seen, lambda _: 1 // 0), scope_of())
    assert seen.scopes == []


def test_what_is_open_is_said_by_the_policy_alone(door: Door) -> None:
    find = resource_from_path({"/healthz": "open", "/v1": US})
    seen, answer = door.send(scope_of("/healthz", method="GET"), find)
    assert answer.status == 200 and (seen.allow.rule, seen.allow.session_id) == (1, None)
    for path in ("/healthz/", "/healthz/../v1", "//healthz", "/HEALTHZ", "/"):
        seen, answer = door.send(scope_of(path, method="GET"), find)
        assert (answer.reason, seen.scopes) == ("resource_not_listed", [])


def test_a_resource_comes_from_one_header_or_none(door: Door) -> None:
    find = resource_from_header("X-Resource")
    for values, expected in (([b"open"], 200), ([b"open", b"open"], 403), ([], 403), ([b"open\xff"], 403)):
        seen, answer = door.send(scope_of(headers=[(b"x-resource", value) for value in values]), find)
        assert (answer.status, len(seen.scopes)) == (expected, int(expected == 200))
    for broken in (
        [None],
        [7],
        [(b"x-resource",)],
        [(b"x-resource", b"open", b"open")],
        [(b"x-resource", "open")],
        [("x-resource", b"open")],
    ):
        seen, answer = door.send(scope_of(headers=[*broken, (b"x-resource", b"open")]), find)
        assert (answer.status, seen.scopes) == (403, [])
    for name in ("", "x resource", "x\u00e9", b"x", "x:y"):
        misconfigured(lambda name=name: resource_from_header(name))


@pytest.mark.parametrize(
    "resources",
    [None, 5, "paths", ["/v1"], {"/v1": None}, {"/v1": 5}, {b"/v1": "open"}, {None: "open"}, {"v1": "open"}],
)
def test_a_table_of_paths_is_one(resources: Any) -> None:
    # A name that is none is refused with each request, and a path that is none is never met: both show at once.
    misconfigured(lambda: resource_from_path(resources))


def test_another_type_of_scope_is_refused(door: Door) -> None:
    seen = Seen()
    for kind in ("http2", "", "udp", "websocket.http", None):
        with pytest.raises(MalformedError) as caught:
            drive(door.middleware(seen, "open"), scope_of(type=kind))
        assert caught.value.reason is Reason.REQUEST_INVALID
    assert seen.scopes == []


def test_lifespan_passes_through(door: Door) -> None:
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append((scope, receive, send))

    scope = {"type": "lifespan", "state": {}}
    drive(door.middleware(app), scope)
    assert scopes[0][0] is scope and scope == {"type": "lifespan", "state": {}}


def test_the_servers_own_state_is_copied_and_never_written(door: Door) -> None:
    shared = {"pool": object()}
    scope = scope_of(headers=door.proven(), state=shared)
    before = copy.copy(scope)
    seen, _ = door.send(scope)
    assert shared.keys() == {"pool"} and scope == before
    assert seen.scopes[0]["state"]["pool"] is shared["pool"] and seen.scopes[0]["headers"] is scope["headers"]
    assert seen.allow.session_id is not None
    del scope["state"]
    seen, _ = door.send(scope | {"headers": door.proven()})
    assert seen.scopes[0]["state"].keys() == {"citizenid"}


@pytest.mark.parametrize("found", [None, "allow", Allow(1), True])
def test_what_stands_in_the_place_of_a_decision_is_an_error(door: Door, found: Any) -> None:
    # So it is where the middleware is stacked twice: the proof has been used up.
    for scope in (
        scope_of(headers=door.proven(), state={"citizenid": found}),
        socket_scope(state={"citizenid": found}),
    ):
        seen = Seen()
        misconfigured(lambda scope=scope, seen=seen: drive(door.middleware(seen, "open"), scope))
        assert seen.scopes == []
    seen = Seen()
    misconfigured(lambda: drive(door.middleware(door.middleware(seen, "open"), "open"), scope_of()))
    assert seen.scopes == []


def test_a_proof_is_good_once(door: Door) -> None:
    scope = scope_of(headers=door.proven())
    assert door.send(scope)[1].status == 200
    seen, answer = door.send(scope)
    assert (answer.status, answer.reason, seen.scopes) == (401, "replayed", [])


def test_two_headers_of_a_name_are_both_seen(door: Door) -> None:
    ticket, proof = door.proven()
    for doubled, reason in (([ticket, ticket, proof], "ticket_invalid"), ([ticket, proof, proof], "proof_malformed")):
        seen, answer = door.send(scope_of(headers=doubled))
        assert (answer.reason, seen.scopes) == (reason, [])


def test_http_2_and_names_in_capitals_are_the_same(door: Door) -> None:
    ticket, proof = door.proven()
    seen, _ = door.send(scope_of(headers=[(b"Citizenship-Ticket", ticket[1]), (b"DPOP", proof[1])], http_version="2"))
    assert seen.allow.rule


def test_the_answer_to_head_has_no_body(door: Door) -> None:
    answer = door.send(scope_of(method="HEAD"))[1]
    assert answer.status == 401 and answer.body == b"" and int(answer.header(b"content-length") or 0) > 100
    seen, answer = door.send(scope_of(headers=door.proven(method="HEAD"), method="HEAD"))
    assert answer.status == 200 and seen.allow.rule


def test_a_preflight_carries_no_credentials_and_is_refused(door: Door) -> None:
    # Who wants it answered puts his CORS middleware outside of this one.
    asked = [(b"origin", b"https://app.example"), (b"access-control-request-method", b"POST")]
    seen, answer = door.send(scope_of(headers=asked, method="OPTIONS"))
    assert (answer.status, answer.reason, seen.scopes) == (401, "ticket_missing", [])
    seen, answer = door.send(scope_of(w.ENDPOINT, asked, method="OPTIONS"))
    assert (answer.status, seen.scopes) == (403, [])


def test_an_application_that_fails_fails_as_without_us(door: Door) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drive(door.middleware(broken), scope_of(headers=door.proven()))


def test_what_the_application_sends_is_unchanged(door: Door) -> None:
    answer = door.send(scope_of(headers=door.proven()))[1]
    assert answer.headers == [(b"x-app", b"1"), (b"x-app", b"2")] and answer.body == b"of the application"


def test_a_revocation_refuses_the_next_request() -> None:
    door = Door()
    assert door.send(scope_of(headers=door.proven()))[1].status == 200
    door.world.publisher.revoke(door.alice.status)  # type: ignore[arg-type]  # it has one
    door.world.wait(1)
    door.world.publish()
    seen, answer = door.send(scope_of(headers=door.proven()))
    assert (answer.status, answer.reason, seen.scopes) == (403, "revoked", [])


def test_without_a_status_list_nothing_is_decided() -> None:
    door = Door(session_lifetime_s=2 * w.DAY, ticket_lifetime_s=w.DAY)
    door.world.wait(13 * 3_600)  # the list's ttl is 12 h
    seen, answer = door.send(scope_of(headers=door.proven()))
    assert (answer.status, seen.scopes) == (503, [])
    assert answer.reason in ("status_list_stale", "status_list_unavailable") and answer.header(b"retry-after") == b"5"


def test_a_gateway_may_be_asked_in_threads(door: Door) -> None:
    seen, answer = door.send(scope_of(headers=door.proven()), runs=Runs.IN_THREADS)
    assert answer.status == 200 and seen.allow.rule
    assert door.send(scope_of(), runs=Runs.IN_THREADS)[1].reason == "ticket_missing"


class _NoThreads(ThreadPoolExecutor):
    """A pool that has taken the call, and can begin no thread for it."""

    def submit(self, *call: Any, **named: Any) -> Any:
        self.late = call
        raise RuntimeError("can't start new thread")


def test_where_no_thread_can_be_had_the_gateway_is_asked_in_the_loop(door: Door) -> None:
    pool, seen = _NoThreads(), Seen()
    inner = door.middleware(seen, runs=Runs.IN_THREADS)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asyncio.get_running_loop().set_default_executor(pool)
        await inner(scope, receive, send)

    assert drive(app, scope_of(headers=door.proven())).status == 200 and seen.allow.rule
    counted = door.world.gateway.counts()
    act, *arguments = pool.late
    with pytest.raises(asyncio.CancelledError):
        act(*arguments)  # a thread that becomes free takes it up all the same: it was decided already
    assert door.world.gateway.counts() == counted
    assert drive(app, scope_of()).reason == "ticket_missing"


def test_what_fails_in_a_thread_is_not_begun_again() -> None:
    asked: list[int] = []

    def sign(challenge: Any, query: Any) -> str:
        asked.append(1)
        raise RuntimeError("of the operator's own")

    calling = _threaded(lambda: sign(None, None))
    with pytest.raises(RuntimeError, match="of the operator's own"):
        asyncio.run(calling())  # type: ignore[arg-type]  # it is a coroutine
    assert asked == [1]


def test_in_threads_the_answer_is_made_there_too() -> None:
    where: list[int] = []

    def sign(challenge: Any, query: Any) -> str:
        where.append(threading.get_ident())
        return "a.signed.request"

    door = Door(proof_request=ProofRequest(sign, "https://gateway.example/token"))
    asked = [(b"dpop", door.world.proof(door.alice.sender))]
    for runs, here in ((Runs.IN_THREADS, False), (Runs.IN_THE_LOOP, True)):
        where.clear()
        _, answer = door.send(scope_of(headers=asked), runs=runs)
        assert answer.status == 401 and answer.header(b"proof-request") is not None
        assert len(where) == 1 and (where[0] == threading.get_ident()) is here


@pytest.mark.parametrize(("method", "private"), [("GET", True), ("HEAD", True), ("POST", False), ("PUT", False)])
def test_what_some_people_alone_may_read_is_kept_by_no_cache_for_others(door: Door, method: str, private: bool) -> None:
    proven = credentials(door.world, door.alice, door.ticket, method=method)
    _, answer = door.send(scope_of(headers=proven, method=method))
    assert answer.status == 200
    assert answer.header(b"cache-control") == (b"private" if private else None)
    assert answer.header(b"vary") == (b"citizenship-ticket" if private else None)


@pytest.mark.parametrize("own", [b"no-store", b"private, max-age=60", b"public"])
def test_what_an_application_says_of_caches_stands(door: Door, own: bytes) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Cache-Control", own)]})
        await send({"type": "http.response.body", "body": b"x"})

    proven = credentials(door.world, door.alice, door.ticket, method="GET")
    answer = drive(door.middleware(app), scope_of(headers=proven, method="GET"))
    (start, _) = answer.messages
    assert [value for name, value in start["headers"] if name.lower() == b"cache-control"] == [own]
    assert answer.header(b"vary") == b"citizenship-ticket"


def test_what_anybody_may_read_is_left_to_the_application(door: Door) -> None:
    _, answer = door.send(scope_of(method="GET"), resource="open")
    assert answer.status == 200 and answer.header(b"cache-control") is None and answer.header(b"vary") is None


# --- what is known of it afterwards ---


def newly_counted(door: Door, call: Any) -> list[Any]:
    """Return what the gateway has counted meanwhile, each as often as it was."""
    before = Counter(door.world.gateway.counts())
    call()
    return list((Counter(door.world.gateway.counts()) - before).elements())


def test_every_refusal_is_counted_once_and_under_the_reason_that_is_said(door: Door) -> None:
    long = {"type": "http.request", "body": bytes(600_000)}
    ways: list[tuple[str, Any, Any, list[Any]]] = [
        ("resource_not_listed", lambda _: None, scope_of(), []),
        ("resource_not_listed", lambda _: 7, scope_of(), []),
        ("resource_not_listed", "nope", scope_of(), []),
        ("resource_not_listed", lambda _: None, socket_scope(extensions=DENIAL), [CONNECT]),
        ("resource_not_listed", lambda _: Deferred.TO_REQUIRE, scope_of(), []),
        ("request_invalid", "open", scope_of(raw_path=None), []),
        ("request_invalid", "open", scope_of(query=b"#"), []),
        ("request_invalid", "open", socket_scope(raw_path=None, extensions=DENIAL), [CONNECT]),
        ("request_invalid", US, scope_of(w.ENDPOINT, method="GET"), []),
        ("request_invalid", US, scope_of("/renew", method="GET"), []),
        ("input_too_large", US, scope_of(w.ENDPOINT), [long]),
        ("input_too_large", US, scope_of(w.ENDPOINT, [(b"content-length", b"600000")]), []),
        ("malformed_json", US, scope_of(w.ENDPOINT), [{"type": "http.request", "body": b"{"}]),
        ("ticket_missing", US, scope_of(), []),
        ("ticket_missing", US, scope_of("/renew"), []),
    ]
    for reason, resource, scope, incoming in ways:
        middleware = door.middleware(answering(200), resource, renewal_path="/renew")
        told: list[Answered] = []
        found = newly_counted(door, lambda m=middleware, s=scope, i=incoming, t=told: t.append(drive(m, s, i)))
        assert told[0].reason == reason, (reason, told[0])
        assert [each.reason for each in found] == [reason], reason


def test_what_is_read_undecided_and_refused_is_counted_once(door: Door) -> None:
    parts = [{"type": "http.request", "body": bytes(100), "more_body": True}] * 20
    for ask_first in (False, True):
        app, _ = reading(1_500, ask_first=ask_first)
        middleware = door.middleware(app, lambda _: Deferred.TO_REQUIRE, undecided_body_bytes=1_000)
        scope = scope_of(headers=door.proven())
        found = newly_counted(door, lambda m=middleware, s=scope: drive(m, s, parts))
        decisions = {each.decision for each in found}
        assert decisions == ({"allow"} if ask_first else {"deny", "allow"})  # who asks after all is answered, in vain


def test_where_a_request_comes_from_is_handed_on() -> None:
    limits = SharingLimits(networks_hour=Threshold(mark=2, step_up=3))

    def signals(scope: Any) -> Signals:
        return Signals(network=scope["client"][0])

    for resource, app in ((US, Seen()), (lambda _: Deferred.TO_REQUIRE, answering(200, US))):
        door = Door(sharing=SharingDetector(limits=limits))
        reasons = []
        for number in range(3):
            scope = scope_of(headers=door.proven(), client=(f"AS{number}", 1))
            answer = drive(door.middleware(app, resource, signals=signals), scope)
            reasons.append("" if answer.status == 200 else answer.reason)
        assert reasons == ["", "", "sharing_suspected"]
    seen = Seen()
    with pytest.raises(ZeroDivisionError):
        drive(door.middleware(seen, signals=lambda _: 1 // 0), scope_of(headers=door.proven()))
    assert seen.scopes == []
    body = {"type": "http.request", "body": admission(door, door.alice)}
    for path, incoming in ((w.PATH, []), (w.ENDPOINT, [body])):  # what is none shows that it is handed on
        proven = door.proven() if path == w.PATH else []
        proven = proven or [(b"dpop", door.world.proof(door.alice.sender, url=w.ORIGIN + path))]
        middleware = door.middleware(seen, signals=lambda _: "AS1")
        answer = drive(middleware, scope_of(path, proven), incoming)
        assert (answer.reason, seen.scopes) == ("request_invalid", [])


# --- nonces ---


def test_a_nonce_that_is_due_goes_out_with_the_answer() -> None:
    world = w.World(dpop_nonces=DPoPNonces.OF_THE_FLEET)
    sender = senders.Sender(Binding.DPOP)
    wallet = senders.anybody(world)
    nonce = sender.apply(world, wallet).dpop_nonce
    ticket = sender.apply(world, wallet, nonce=nonce).ticket
    for waited in (0, 150):
        world.wait(waited)
        for kind in ("http", "websocket"):
            method = "POST" if kind == "http" else "GET"
            request = sender.request(world, ticket, nonce=nonce, method=method)
            scope = scope_of(headers=request.headers) if kind == "http" else socket_scope(headers=request.headers)
            seen = Seen()
            middleware = CitizenshipMiddleware(seen, gateway=world.gateway, resource=US)
            answer = drive(middleware, scope, [BODY if kind == "http" else CONNECT])
            due = answer.header(b"dpop-nonce")
            assert (due is not None) is (waited > 0) and seen.allow.rule
            assert (b"x-app", b"1") in answer.headers
            if due is not None:
                assert due.decode() == seen.allow.dpop_nonce != nonce
                assert answer.header(b"cache-control") == (b"no-store" if kind == "http" else None)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_an_answer_with_a_nonce_is_kept_by_no_cache_whatever_the_application_says(method: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"Cache-Control", b"public, max-age=600"), (b"etag", b'"1"'), (b"cache-control", b"immutable")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x"})

    world = w.World(dpop_nonces=DPoPNonces.OF_THE_FLEET)
    sender = senders.Sender(Binding.DPOP)
    nonce = sender.apply(world, senders.anybody(world)).dpop_nonce
    ticket = sender.apply(world, senders.anybody(world), nonce=nonce).ticket
    middleware = CitizenshipMiddleware(app, gateway=world.gateway, resource=US)
    for waited in (0, 150):
        world.wait(waited)
        request = sender.request(world, ticket, nonce=nonce, method=method)
        answer = drive(middleware, scope_of(headers=request.headers, method=method))
        told = [value for name, value in answer.headers if name.lower() == b"cache-control"]
        assert told == ([b"no-store"] if waited else [b"public, max-age=600", b"immutable"])
        assert (answer.header(b"dpop-nonce") is not None) is (waited > 0)


# --- WebSocket ---


def test_a_handshake_is_a_get_over_the_external_origin(door: Door) -> None:
    seen = Seen()
    scope = socket_scope(headers=door.proven(method="GET"))
    answer = drive(door.middleware(seen), scope, [CONNECT])
    assert seen.allow.rule and answer.messages == [{"type": "websocket.accept", "headers": [(b"x-app", b"1")]}]
    for headers in (door.proven(), door.proven(method="CONNECT")):
        answer = drive(door.middleware(seen), socket_scope(headers=headers, extensions=DENIAL), [CONNECT])
        assert (answer.reason, len(seen.scopes)) == ("proof_method_mismatch", 1)


def test_a_refused_handshake_gets_the_answer_where_the_server_can_send_it(door: Door) -> None:
    seen = Seen()
    answer = drive(door.middleware(seen), socket_scope(extensions=DENIAL), [CONNECT])
    assert [message["type"] for message in answer.messages] == [
        "websocket.http.response.start", "websocket.http.response.body",
    ]  # fmt: skip
    assert (answer.status, answer.reason, seen.scopes) == (401, "ticket_missing", [])
    assert b"www-authenticate" in dict(answer.headers)


@pytest.mark.parametrize("extensions", [{}, None, {"tls": {}}, True, 5, b"x", "websocket.http.response", w.ABSENT])
def test_and_is_closed_where_it_cannot(door: Door, extensions: Any) -> None:
    answer = drive(door.middleware(Seen()), socket_scope(extensions=extensions), [CONNECT])
    assert answer.messages == [{"type": "websocket.close", "code": 1008, "reason": "ticket_missing"}]


def test_who_has_gone_is_not_answered(door: Door) -> None:
    answer = drive(door.middleware(Seen()), socket_scope(), [{"type": "websocket.disconnect", "code": 1006}])
    assert answer.messages == []


def test_a_handshake_is_no_endpoint_and_cannot_be_deferred(door: Door) -> None:
    seen = Seen()
    for path in (w.ENDPOINT, w.PATH):
        scope = socket_scope(path, extensions=DENIAL)
        answer = drive(door.middleware(seen, lambda _: Deferred.TO_REQUIRE), scope, [CONNECT])
        assert (answer.reason, seen.scopes) == ("resource_not_listed", [])


# --- the gateway's endpoints ---


def admission(door: Door, wallet: w.Wallet) -> bytes:
    challenge = door.world.challenge(wallet.sender)
    presentation = door.world.present(wallet, challenge).decode()
    body = {"format": Format.SD_JWT_VC, "challenge": challenge.to_text(), "presentation": presentation}
    return json.dumps(body).encode()


def at_endpoint(door: Door, incoming: list[Any], wallet: w.Wallet | None = None, **options: Any) -> Answered:
    proof = door.world.proof((wallet or door.alice).sender, url=w.ORIGIN + w.ENDPOINT)
    headers = [(b"dpop", proof), *options.pop("headers", ())]
    seen = Seen()
    answer = drive(door.middleware(seen, **options), scope_of(w.ENDPOINT, headers), incoming)
    assert seen.scopes == []
    return answer


@given(st.lists(st.integers(0, 2_000), max_size=5))
def test_a_presentation_is_read_in_any_pieces(door: Door, cuts: list[int]) -> None:
    body = admission(door, door.alice)
    places = [0, *sorted(cuts), len(body)]
    pieces = [body[one:other] for one, other in itertools.pairwise(places)]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    answer = at_endpoint(door, [*messages, {"type": "http.request"}])
    assert answer.status == 200 and answer.json.keys() == {"ticket", "expires_at", "ends_at"}


def test_an_empty_object_gets_a_challenge(door: Door) -> None:
    answer = at_endpoint(door, [{"type": "http.request", "body": b"{}"}])
    assert (answer.status, answer.reason) == (401, "ticket_missing")
    assert answer.json["challenge"] and answer.json["endpoint"] == w.ORIGIN + w.ENDPOINT


def endless(size: int) -> Iterator[Any]:
    for _ in range(100):
        yield {"type": "http.request", "body": bytes(size), "more_body": True}
    raise AssertionError("it is read to the end")


def test_a_body_beyond_the_bound_is_neither_kept_nor_awaited(door: Door) -> None:
    taken = 0
    source = endless(65_536)

    async def receive() -> Any:
        nonlocal taken
        taken += 1
        return next(source)

    sent: list[Any] = []

    async def send_(message: Any) -> None:
        sent.append(message)

    asyncio.run(door.middleware(Seen())(scope_of(w.ENDPOINT), receive, send_))
    assert taken == 9 and Answered(sent).reason == "input_too_large"  # 524,288 bytes, and the one beyond


@pytest.mark.parametrize("length", [b"524289", b"9" * 30, b"-1", b"", b"1e3", b"0x10"])
def test_a_body_that_is_said_to_be_too_long_is_not_read(door: Door, length: bytes) -> None:
    answer = at_endpoint(door, [], headers=[(b"content-length", length)])
    assert (answer.status, answer.reason) == (403, "input_too_large")


def test_a_client_that_is_gone_is_not_answered(door: Door) -> None:
    part = {"type": "http.request", "body": b"{", "more_body": True}
    assert at_endpoint(door, [part, {"type": "http.disconnect"}]).messages == []


def test_a_client_that_is_too_slow_is_sent_away(door: Door) -> None:
    part = {"type": "http.request", "body": b"{", "more_body": True}
    answer = at_endpoint(door, [part], body_timeout_s=0.05)
    assert (answer.status, answer.reason) == (408, "request_invalid")


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "DELETE", "post"])
def test_the_endpoints_take_a_post(door: Door, method: str) -> None:
    for path in (w.ENDPOINT, "/renew", "/out"):
        seen = Seen()
        middleware = door.middleware(seen, "open", renewal_path="/renew", sign_out_path="/out")
        answer = drive(middleware, scope_of(path, door.proven(path, method), method=method), [])
        assert (answer.status, answer.reason, seen.scopes) == (403, "request_invalid", [])


def test_another_spelling_of_an_endpoint_is_no_endpoint(door: Door) -> None:
    for path in ("/%63itizenship", "/citizenship/", "//citizenship"):
        seen, answer = door.send(scope_of(path))
        assert (answer.reason, seen.scopes) == ("ticket_missing", [])


def test_a_session_is_renewed_and_ended_over_http() -> None:
    door = Door()
    seen = Seen()
    middleware = door.middleware(seen, renewal_path="/renew", sign_out_path="/out", runs=Runs.IN_THREADS)
    answer = drive(middleware, scope_of("/renew", door.proven("/renew")))
    assert answer.status == 200
    door.ticket = answer.json["ticket"]
    assert drive(middleware, scope_of(headers=door.proven())).status == 200
    assert drive(middleware, scope_of("/out")).reason == "ticket_missing"
    answer = drive(middleware, scope_of("/out", door.proven("/out")))
    assert (answer.status, answer.body, answer.header(b"content-length")) == (204, b"", None)
    assert drive(middleware, scope_of(headers=door.proven())).reason == "signed_out"
    assert len(seen.scopes) == 1


# --- certificates ---


def pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    return "\n".join(["-----BEGIN CERTIFICATE-----", *textwrap.wrap(text, 64), "-----END CERTIFICATE-----", ""])


def test_the_certificate_of_the_server_counts_where_the_operator_says_so(door: Door) -> None:
    sender = senders.Sender(Binding.MTLS)
    ticket = [(b"citizenship-ticket", sender.ticket(door.world).encode())]
    ours, other = pem(sender.certificate), pem(senders.certificate("other"))
    shown = {"tls": {"client_cert_chain": [ours, other], "client_cert_error": None}}
    read = TLSCertificates.OF_THE_SERVER
    seen, answer = door.send(scope_of(headers=ticket, extensions=shown), certificates=read)
    assert answer.status == 200 and seen.allow.rule
    assert door.send(scope_of(headers=ticket, extensions=shown))[1].reason == "proof_missing"
    cases: list[tuple[Any, str]] = [
        ({"client_cert_chain": [other, ours]}, "proof_key_mismatch"),
        ({"client_cert_chain": [ours], "client_cert_error": "unverified"}, "proof_missing"),
        ({"client_cert_chain": []}, "proof_missing"),
        ({"client_cert_chain": None}, "proof_missing"),
        ({}, "proof_missing"),
        (None, "proof_missing"),
        ({"client_cert_chain": [ours + ours]}, "proof_malformed"),
        ({"client_cert_chain": ["x" + ours]}, "proof_malformed"),
        ({"client_cert_chain": [ours.replace("=", "")[:-30] + "A=" + ours[-30:]]}, "proof_malformed"),
        ({"client_cert_chain": [sender.certificate]}, "proof_malformed"),
        ({"client_cert_chain": [""]}, "proof_malformed"),
        ({"client_cert_chain": 7}, "proof_malformed"),
        ({"client_cert_chain": ours}, "proof_malformed"),
        ({"client_cert_chain": [pem(bytes(20_000))]}, "proof_malformed"),
    ]
    for tls, reason in cases:
        seen, answer = door.send(scope_of(headers=ticket, extensions={"tls": tls}), certificates=read)
        assert (answer.status, answer.reason, seen.scopes) == (401, reason, []), tls


# --- deferred decisions ---


def deferring(door: Door, app: Any, **scope: Any) -> Answered:
    middleware = door.middleware(app, lambda _: Deferred.TO_REQUIRE)
    return drive(middleware, scope_of(**{"headers": door.proven(), **scope}))


def answering(status: int, resource: Any = w.ABSENT, times: int = 1) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(times if resource is not w.ABSENT else 0):
            await scope["state"]["citizenid"].authorize(resource)
        await send({"type": "http.response.push", "path": "/secret", "headers": []})
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-app", b"1")]})
        await send({"type": "http.response.body", "body": b"secret", "more_body": True})
        await send({"type": "http.response.body", "body": b"secret"})

    return app


def test_an_application_that_does_not_ask_answers_nothing(door: Door) -> None:
    for status in (200, 204, 301, 399):
        answer = deferring(door, answering(status))
        assert (answer.status, answer.reason) == (403, "resource_not_listed")
        assert len(answer.messages) == 2
    for status in (400, 404, 422, 500):
        assert deferring(door, answering(status)).status == status


def test_what_an_application_asks_by_shows_nothing_of_the_request(door: Door) -> None:
    shown: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        shown.append(repr(scope["state"]["citizenid"]))
        await answering(200, US)(scope, receive, send)

    assert deferring(door, app).status == 200
    assert shown == ["<Pending>"]


def test_an_application_that_asks_answers_what_was_decided(door: Door) -> None:
    answer = deferring(door, answering(200, US))
    assert (answer.status, answer.body) == (200, b"secretsecret")
    for resource, status, reason in (("europe", 403, "citizenship_not_permitted"), ("nope", 403, "resource_not_listed"),
                                     (None, 403, "resource_not_listed"), (7, 403, "resource_not_listed")):  # fmt: skip
        for own in (200, 404, 500):
            answer = deferring(door, answering(own, resource))
            assert (answer.status, answer.reason) == (status, reason) and b"secret" not in answer.body
    answer = deferring(door, answering(200, US), headers=[])
    assert (answer.status, answer.reason) == (401, "ticket_missing") and b"www-authenticate" in dict(answer.headers)
    assert deferring(door, answering(200, US), headers=[], method="HEAD").body == b""


@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_a_refusal_leaves_though_the_application_answers_nothing(door: Door, method: str) -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await scope["state"]["citizenid"].authorize("europe")

    answer = deferring(door, silent, headers=door.proven(method=method), method=method)
    assert answer.status == 403 and len(answer.messages) == 2
    assert method == "HEAD" or answer.reason == "citizenship_not_permitted"
    sent: list[Any] = []

    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await silent(scope, receive, send)
        raise ZeroDivisionError

    async def kept(message: Any) -> None:
        sent.append(message)

    app = door.middleware(failing, lambda _: Deferred.TO_REQUIRE)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(app(scope_of(headers=door.proven()), None, kept))  # type: ignore[arg-type]  # nothing is received
    assert Answered(sent).reason == "citizenship_not_permitted"


def test_of_who_asks_nothing_and_answers_nothing_nothing_is_said(door: Door) -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        if scope["headers"][1:]:
            await scope["state"]["citizenid"].authorize(US)

    for headers in ([], door.proven()):  # neither refused nor answered: the server says so
        assert deferring(door, silent, headers=headers).messages == []


def reading(limit: int, *, ask_first: bool, then: int = 200) -> tuple[Any, list[int]]:
    """An application that reads all it can get, before or after it asks, and goes on whatever happens."""
    read: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pending = scope["state"]["citizenid"]
        if ask_first:
            await pending.authorize(US)
        while (message := await receive())["type"] == "http.request" and sum(read) < limit:
            read.append(len(message["body"]))
        if not ask_first:
            await pending.authorize(US)
        await send({"type": "http.response.start", "status": then, "headers": []})
        await send({"type": "http.response.body", "body": b"secret"})

    return app, read


@pytest.mark.parametrize("then", [200, 400])
def test_what_is_read_undecided_has_a_bound(door: Door, then: int) -> None:
    parts = [{"type": "http.request", "body": bytes(100), "more_body": True}] * 20
    app, read = reading(5_000, ask_first=False, then=then)
    middleware = door.middleware(app, lambda _: Deferred.TO_REQUIRE, undecided_body_bytes=1_000)
    answer = drive(middleware, scope_of(headers=door.proven()), parts)
    assert (answer.status, answer.reason, sum(read)) == (403, "input_too_large", 1_000)
    assert len(answer.messages) == 2
    app, read = reading(1_500, ask_first=True)
    middleware = door.middleware(app, lambda _: Deferred.TO_REQUIRE, undecided_body_bytes=1_000)
    assert drive(middleware, scope_of(headers=door.proven()), parts).body == b"secret" and sum(read) == 1_500


def test_an_application_that_goes_on_after_it_was_refused_is_not_heard(door: Door) -> None:
    asked: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(3):
            asked.append((await receive())["type"])
        for status in (404, 200):
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b"secret"})

    middleware = door.middleware(app, lambda _: Deferred.TO_REQUIRE, undecided_body_bytes=10)
    parts = [{"type": "http.request", "body": bytes(100), "more_body": True}] * 3
    answer = drive(middleware, scope_of(), parts)
    assert asked == ["http.disconnect"] * 3
    assert (answer.reason, len(answer.messages)) == ("input_too_large", 2)

    async def late(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await scope["state"]["citizenid"].authorize("open")

    misconfigured(lambda: deferring(door, late))


def test_an_answer_that_has_begun_is_the_only_one(door: Door) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        while (await receive())["type"] == "http.request":
            pass
        await send({"type": "http.response.body", "body": b"no such path"})

    middleware = door.middleware(app, lambda _: Deferred.TO_REQUIRE, undecided_body_bytes=10)
    answer = drive(middleware, scope_of(), [{"type": "http.request", "body": bytes(100), "more_body": True}])
    assert (answer.status, answer.body, len(answer.messages)) == (404, b"no such path", 2)


def test_a_request_is_decided_once(door: Door) -> None:
    misconfigured(lambda: deferring(door, answering(200, US, times=2)))


def test_a_deferred_request_hands_on_its_nonce() -> None:
    world = w.World(dpop_nonces=DPoPNonces.OF_THE_FLEET)
    sender = senders.Sender(Binding.DPOP)
    nonce = sender.apply(world, senders.anybody(world)).dpop_nonce
    ticket = sender.apply(world, senders.anybody(world), nonce=nonce).ticket
    world.wait(150)
    middleware = CitizenshipMiddleware(
        answering(200, US), gateway=world.gateway, resource=lambda _: Deferred.TO_REQUIRE
    )
    answer = drive(middleware, scope_of(headers=sender.request(world, ticket, nonce=nonce).headers))
    assert answer.status == 200 and answer.header(b"dpop-nonce")


# --- configuration ---


async def nothing(scope: Any) -> str:
    return "open"


@pytest.mark.parametrize(
    "options",
    [
        {"resource": None}, {"resource": 7}, {"resource": nothing}, {"gateway": None}, {"gateway": Gateway},
        {"renewal_path": "renew"}, {"renewal_path": w.ENDPOINT}, {"renewal_path": "/x", "sign_out_path": "/x"},
        {"renewal_path": ""}, {"renewal_path": ["/renew"]}, {"sign_out_path": bytearray(b"/out")},
        {"sign_out_path": "/a?b"}, {"sign_out_path": "/a b"}, {"sign_out_path": "/\u00e9"},
        {"body_timeout_s": 0}, {"body_timeout_s": -1}, {"body_timeout_s": True}, {"body_timeout_s": None},
        {"signals": 7}, {"signals": nothing}, {"undecided_body_bytes": -1}, {"undecided_body_bytes": 1.0},
        {"undecided_body_bytes": None},
        {"body_timeout_s": float("nan")}, {"body_timeout_s": 3_601}, {"certificates": True}, {"runs": "in_threads"},
        {"app": None}, {"app": "module:app"},  # it would be found out by the first whom the gateway allows
    ],
)  # fmt: skip
def test_a_middleware_that_cannot_be_right_is_not_made(door: Door, options: dict[str, Any]) -> None:
    arguments = {"app": Seen(), "gateway": door.world.gateway, "resource": "open"} | options
    with pytest.raises(CitizenIDError) as caught:
        CitizenshipMiddleware(**arguments)
    name = next(iter(options))
    where = f"asgi.{'paths' if name.endswith('_path') else name}"  # of which one is the other, or none
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, where)


def test_nothing_of_a_framework_is_needed() -> None:
    program = (
        "import sys, citizenid.integrations.asgi; assert not {'fastapi', 'starlette', 'uvicorn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_repr_says_nothing(door: Door) -> None:
    assert repr(door.middleware(Seen())) == "<CitizenshipMiddleware>"


# --- under a real server ---


@pytest.fixture(scope="module")
def service() -> Iterator[Deciding]:
    with deciding("middleware") as process:
        yield process


def test_a_client_is_served_over_http(service: Deciding) -> None:
    ticket = service.ticket()
    told = send(service.origin, CHAT, service.credentials(ticket))
    assert (told.status, told.json["rule"]) == (200, 1)
    assert send(service.origin, OPEN).json["rule"] == 2
    told = send(service.origin, CHAT)
    assert (told.status, told.json["reason"], told.header("content-type")) == (
        401, "ticket_missing", "application/problem+json",
    )  # fmt: skip
    assert told.header("www-authenticate")
    told = send(service.origin, "/v1/%63hat/completions", service.credentials(ticket, "/v1/chat/completions"))
    assert (told.status, told.json["reason"]) == (401, "proof_url_mismatch")
    for path in ("/", "/v1/chat", CHAT + "/", "/v1/open/completions/..", "http://evil.example" + OPEN):
        assert send(service.origin, path).status == 403
    head = send(service.origin, CHAT, method="HEAD")
    assert (head.status, head.body) == (401, b"")


def test_a_wallet_is_admitted_over_http(service: Deciding) -> None:
    proof = [("DPoP", service.proof(None, "/citizenship", who="wallet"))]
    asked = send(service.origin, "/citizenship", proof, body=b"{}")
    assert asked.status == 401
    challenge = asked.json["challenge"]
    presentation = service.tell("present", who="wallet", challenge=challenge)["presentation"]
    body = {"format": "dc+sd-jwt", "challenge": challenge, "presentation": presentation}
    proof = [("DPoP", service.proof(None, "/citizenship", who="wallet"))]
    admitted = send(service.origin, "/citizenship", proof, body=body)
    assert admitted.status == 200
    ticket = admitted.json["ticket"]
    assert send(service.origin, CHAT, service.credentials(ticket, who="wallet")).status == 200
    renewed = send(service.origin, "/renewal", service.credentials(ticket, "/renewal", who="wallet"))
    assert renewed.status == 200 and renewed.json["ticket"] != ticket
    assert send(service.origin, "/citizenship", body=b"x" * 524_289).json["reason"] == "input_too_large"
    assert EXTERNAL in asked.json["endpoint"]
