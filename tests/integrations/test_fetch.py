"""The two fetchers against real servers on the loopback interface: one that is well kept, and one that is not."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import builders as b
import httpx
import pytest

from citizenid import CitizenIDError, KeyPurpose, NeedStatusList, Reason, Status, StatusReference, TrustAnchors
from citizenid.integrations import _codings, _schedule
from citizenid.integrations.fetch import (
    AsyncStatusFetcher,
    FetchBounds,
    Fetched,
    FetchResult,
    Reach,
    Source,
    StatusFetcher,
    _Watch,
)
from citizenid.status import StatusStore

from .servers import Asked, Behaviour, Hostile, answer, publishing, sends

QUICK = FetchBounds(connect_s=1, read_s=1, total_s=2, jitter_s=0, interval_s=0, backoff_first_s=1, body_bytes=1_000_000)
INDEX = 7
KINDS = ("sync", "async")


class Fetching:
    """A fetcher of either kind, and its store, with a clock of the test."""

    def __init__(self, kind: str, store: StatusStore, sources: list[Source], **options: Any) -> None:
        self.store = store
        self.now = b.NOW
        self.tick = 0.0
        told: dict[str, Any] = {"reach": Reach.LOOPBACK, "bounds": QUICK, "random": lambda: 0.5}
        told |= {"clock": lambda: self.now, "monotonic": lambda: self.tick} | options
        self._sync = StatusFetcher(store, sources, **told) if kind == "sync" else None
        self._loop = asyncio.new_event_loop() if kind != "sync" else None
        self._fetcher = AsyncStatusFetcher(store, sources, **told) if kind != "sync" else None

    def refresh(self) -> tuple[Fetched, ...]:
        if self._sync is not None:
            return self._sync.refresh()
        assert self._loop is not None and self._fetcher is not None
        return self._loop.run_until_complete(self._fetcher.refresh())

    def close(self) -> None:
        if self._sync is not None:
            self._sync.close()
        elif self._loop is not None and self._fetcher is not None:
            self._loop.run_until_complete(self._fetcher.close())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())  # as asyncio.run does
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def wait(self, seconds: float) -> None:
        self.now += int(seconds)
        self.tick += seconds

    def status(self, uri: str, index: int = INDEX) -> Status | Reason:
        found = self.store.check(StatusReference(uri, index), issuer=b.ISSUER, now=self.now)
        return found.reason if isinstance(found, NeedStatusList) else found


@contextlib.contextmanager
def fetching(kind: str, uri: str, *, store: StatusStore | None = None, **options: Any) -> Iterator[Fetching]:
    store = StatusStore(anchors=b.status_anchors()) if store is None else store
    fetcher = Fetching(kind, store, [Source(None, (uri,))], **options)
    try:
        yield fetcher
    finally:
        fetcher.close()


def token(uri: str, issued_at: int = b.NOW, *, revoked: bool = False, **payload: Any) -> bytes:
    said = {"sub": uri, "iat": issued_at, "exp": issued_at + 86_400, "ttl": 3_600, **payload}
    return b.status_token({INDEX: 1} if revoked else {}, payload=said)


def bomb(size: int, coding: str) -> bytes:
    if coding == "gzip":
        compress = zlib.compressobj(9, wbits=31)
        return compress.compress(bytes(size)) + compress.flush()
    return _codings.zstd(bytes(size))


# --- what a hostile or broken server can do: each with its result, and the held list stays in force ---


def stalls(_asked: Asked, connection: socket.socket, over: threading.Event) -> None:
    over.wait(20)


def drips_headers(_asked: Asked, connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.2):
        connection.sendall(b"x-more: 1\r\n")


def drips_body(_asked: Asked, connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(answer(200, b"", content_length="100000"))
    while not over.wait(0.2):
        connection.sendall(b"e")


def redirects_in_circles(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(answer(302, location="/b" if asked.path == "/a" else "/a"))


def redirects_on_and_on(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(answer(307, location=asked.path + "a"))


def redirects_to(url: str) -> Behaviour:
    return sends(answer(301, location=url))


def floods(_asked: Asked, connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(answer(200, b"", content_length=""))
    while not over.is_set():
        connection.sendall(bytes(65_536))


R = FetchResult
CASES: dict[str, tuple[Callable[[str], Behaviour], FetchResult, Reason | None]] = {
    "stalls": (lambda uri: stalls, R.TIMEOUT, None),
    "drips its headers": (lambda uri: drips_headers, R.TIMEOUT, None),
    "drips its body": (lambda uri: drips_body, R.TIMEOUT, None),
    "says that it is longer": (
        lambda uri: sends(answer(200, token(uri), content_length="100000")), R.BROKEN, None),
    "says that it is shorter": (
        lambda uri: sends(answer(200, token(uri), content_length="200")), R.REFUSED, Reason.MALFORMED_TOKEN),
    "ends in the middle of a chunk": (
        lambda uri: sends(answer(200, b"ffff\r\nabc", content_length="", transfer_encoding="chunked")), R.BROKEN, None),
    "ends before it answers": (lambda uri: sends(b""), R.BROKEN, None),
    "sends half of its headers": (lambda uri: sends(b"HTTP/1.1 200 OK\r\ncontent-le"), R.BROKEN, None),
    "speaks no HTTP": (lambda uri: sends(b"\x00\xff" * 500), R.BROKEN, None),
    "has endless headers": (lambda uri: sends(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 500_000), R.BROKEN, None),
    "redirects in circles": (lambda uri: redirects_in_circles, R.REDIRECT_INVALID, None),
    "redirects on and on": (lambda uri: redirects_on_and_on, R.REDIRECT_INVALID, None),
    "redirects to a private address": (lambda uri: redirects_to("http://10.0.0.1/"), R.ADDRESS_FORBIDDEN, None),
    "redirects to metadata": (lambda uri: redirects_to("http://169.254.169.254/latest"), R.ADDRESS_FORBIDDEN, None),
    "redirects to another scheme": (lambda uri: redirects_to("file:///etc/passwd"), R.URL_FORBIDDEN, None),
    "redirects to a user": (lambda uri: redirects_to("http://u@127.0.0.1/"), R.URL_FORBIDDEN, None),
    "redirects nowhere": (lambda uri: sends(answer(302)), R.URL_FORBIDDEN, None),
    "redirects to a broken host": (lambda uri: redirects_to("http://[::1/"), R.URL_FORBIDDEN, None),
    "serves an older list": (
        lambda uri: sends(answer(200, token(uri, b.NOW - 100))), R.REFUSED, Reason.STATUS_LIST_ROLLBACK),
    "serves another list of the same time": (
        lambda uri: sends(answer(200, token(uri, revoked=True))), R.REFUSED, Reason.STATUS_LIST_CONFLICT),
    "serves a list that has ended": (
        lambda uri: sends(answer(200, token(uri, b.NOW, exp=b.NOW))), R.REFUSED, Reason.STATUS_LIST_EXPIRED),
    "serves a list of another name": (
        lambda uri: sends(answer(200, token(uri + "x"))), R.REFUSED, Reason.STATUS_SUBJECT_MISMATCH),
    "serves a list of another signer": (
        lambda uri: sends(answer(200, b.status_token(payload={"sub": uri}, signer=b.key("other")))),
        R.REFUSED, Reason.SIGNATURE_INVALID),
    "names the wrong media type": (
        lambda uri: sends(answer(200, token(uri), content_type="application/jwt")),
        R.REFUSED, Reason.STATUS_MEDIA_TYPE),
    "names two media types": (
        lambda uri: sends(answer(200, token(uri)).replace(b"\r\n\r\n", b"\r\ncontent-type: text/html\r\n\r\n", 1)),
        R.REFUSED, Reason.STATUS_MEDIA_TYPE),
    "sends garbage": (lambda uri: sends(answer(200, bytes(range(256)))), R.REFUSED, Reason.MALFORMED_TOKEN),
    "sends nothing": (lambda uri: sends(answer(200)), R.REFUSED, Reason.MALFORMED_TOKEN),
    "sends half of the list": (
        lambda uri: sends(answer(200, token(uri)[:200])), R.REFUSED, Reason.MALFORMED_TOKEN),
    "sends without end": (lambda uri: floods, R.TOO_LARGE, None),
    "sends a bomb in gzip": (
        lambda uri: sends(answer(200, bomb(100_000_000, "gzip"), content_encoding="gzip")), R.TOO_LARGE, None),
    "sends a bomb in zstd": (
        lambda uri: sends(answer(200, bomb(100_000_000, "zstd"), content_encoding="zstd")), R.TOO_LARGE, None),
    "sends half of a gzip": (
        lambda uri: sends(answer(200, _codings.gzip(token(uri))[:-5], content_encoding="gzip")),
        R.CODING_INVALID, None),
    "sends a coding that nobody asked for": (
        lambda uri: sends(answer(200, token(uri), content_encoding="br")), R.CODING_INVALID, None),
    "sends two codings": (
        lambda uri: sends(answer(200, _codings.gzip(token(uri)), content_encoding="gzip, gzip")),
        R.CODING_INVALID, None),
    "lies about its coding": (
        lambda uri: sends(answer(200, token(uri), content_encoding="gzip")), R.CODING_INVALID, None),
    "answers 304 though nobody asked": (
        lambda uri: sends(answer(304, content_length="")), R.NOT_MODIFIED_UNASKED, None),
    "answers 500": (lambda uri: sends(answer(500, token(uri))), R.HTTP_STATUS, None),
    "answers 404": (lambda uri: sends(answer(404, b"no")), R.HTTP_STATUS, None),
    "answers 206": (lambda uri: sends(answer(206, token(uri))), R.HTTP_STATUS, None),
    "answers 100 for ever": (lambda uri: sends(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000), R.BROKEN, None),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_what_a_server_does_wrong_changes_nothing(case: str, kind: str) -> None:
    behave, result, reason = CASES[case]
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        server.behave = sends(answer(200, token(uri)))
        with fetching(kind, uri) as fetcher:
            assert [each.result for each in fetcher.refresh()] == [FetchResult.TAKEN]
            fetcher.wait(1_801)  # past half of the ttl
            server.behave = behave(uri)
            began = time.monotonic()
            (fetched,) = fetcher.refresh()
            assert time.monotonic() - began < QUICK.total_s + 2
            assert (fetched.uri, fetched.result, fetched.reason) == (uri, result, reason)
            assert fetcher.status(uri) is Status.VALID  # the held list stays in force
            assert fetcher.refresh() == ()  # and nobody hammers
            server.behave = sends(answer(200, token(uri, fetcher.now, revoked=True)))
            fetcher.wait(1)
            assert [each.result for each in fetcher.refresh()] == [FetchResult.TAKEN]  # nothing was lost
            assert fetcher.status(uri) is Status.INVALID


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("stated", "result"),
    [
        ("", R.TAKEN), (" , ", R.TAKEN), ("identity", R.TAKEN), ("Identity,", R.TAKEN),
        ("x-gzip", R.TAKEN), (", GZIP ,", R.TAKEN), ("X-GZip", R.TAKEN),
        ("x-gzip, gzip", R.CODING_INVALID), ("identity, gzip", R.CODING_INVALID), ("gzip gzip", R.CODING_INVALID),
        ("x-zstd", R.CODING_INVALID), ("x-identity", R.CODING_INVALID), ("*", R.CODING_INVALID),
    ],
)  # fmt: skip
def test_a_coding_is_one_of_a_list_whose_empty_elements_say_nothing(
    kind: str, stated: str, result: FetchResult
) -> None:
    # RFC 9110 sections 5.6.1 (a recipient MUST ignore them) and 8.4.1.3 (x-gzip).
    with Hostile(lambda *_: None) as server, fetching(kind, uri := server.origin + "/list") as fetcher:
        body = _codings.gzip(token(uri)) if "gz" in stated.lower() else token(uri)
        whole = answer(200, body).replace(b"\r\n\r\n", f"\r\ncontent-encoding: {stated}\r\n\r\n".encode(), 1)
        server.behave = sends(whole)
        assert [each.result for each in fetcher.refresh()] == [result]


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_holds_no_list_longer_than_its_ttl(kind: str) -> None:
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        server.behave = sends(answer(200, token(uri)))
        with fetching(kind, uri) as fetcher:
            fetcher.refresh()
            server.behave = sends(answer(500))
            fetcher.wait(3_599)
            fetcher.refresh()
            assert fetcher.status(uri) is Status.VALID
            fetcher.wait(1)
            assert fetcher.status(uri) is Reason.STATUS_LIST_STALE


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_not_there_is_tried_again(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        uri = f"http://127.0.0.1:{closed.getsockname()[1]}/a"
    with fetching(kind, uri) as fetcher:
        for wait in (1, 2, 4):
            (fetched,) = fetcher.refresh()
            assert fetched.result is FetchResult.UNREACHABLE
            assert fetcher.refresh() == ()
            fetcher.wait(wait)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("field", "wait"), [("120", 120), ("999999999", 3_600), ("0", 1), ("soon", 1), ("-5", 1)])
def test_retry_after_is_heeded_within_its_bound(kind: str, field: str, wait: int) -> None:
    with Hostile(sends(answer(503, retry_after=field))) as server, fetching(kind, server.origin + "/a") as fetcher:
        (fetched,) = fetcher.refresh()
        assert fetched.result is FetchResult.HTTP_STATUS
        if wait > 1:
            fetcher.wait(wait - 1)
            assert fetcher.refresh() == ()
        fetcher.wait(1)
        assert len(fetcher.refresh()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_304_keeps_the_list_and_extends_it_by_nothing(kind: str) -> None:
    def serve(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
        if asked.path == "/all":
            body = json.dumps({"status_lists": [f"{server.origin}/short", f"{server.origin}/long"]}).encode()
            connection.sendall(answer(200, body, content_type="application/json"))
        elif asked.field("if-none-match") is not None:
            connection.sendall(answer(304, content_length=""))
        else:
            ttl = {"/short": 600, "/long": 3_600}[asked.path]
            connection.sendall(answer(200, token(server.origin + asked.path, ttl=ttl), etag='"v1"'))

    with Hostile(serve) as server:
        store = StatusStore(anchors=b.status_anchors())
        fetcher = Fetching(kind, store, [Source(server.origin + "/all")])
        fetcher.refresh()
        fetcher.wait(301)
        results = {each.uri.rpartition("/")[2]: each.result for each in fetcher.refresh()}
        # The one that is due comes whole, or its ttl would not begin anew; the other is asked for with a condition.
        assert results == {"all": R.TAKEN, "short": R.TAKEN, "long": R.NOT_MODIFIED}
        fetcher.wait(3_599 - 301)
        assert fetcher.status(server.origin + "/long") is Status.VALID
        fetcher.wait(1)
        assert fetcher.status(server.origin + "/long") is Reason.STATUS_LIST_STALE
        fetcher.close()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("more", "result"), [(-1, R.TAKEN), (0, R.TAKEN), (1, R.TOO_LARGE)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit_bytes", [1_000, 250_000], ids=["one piece", "several pieces"])
def test_exactly_so_many_bytes_are_read_and_no_more(
    kind: str, more: int, result: FetchResult, chunked: bool, limit_bytes: int
) -> None:
    padded = listing([], unknown="")
    padded = listing([], unknown="x" * (limit_bytes + more - len(padded)))
    assert len(padded) == limit_bytes + more
    fields = {"content_type": "application/json"}
    body = padded
    if chunked:
        pieces = [padded[at : at + limit_bytes // 2] for at in range(0, len(padded), limit_bytes // 2)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        fields |= {"content_length": "", "transfer_encoding": "chunked"}
    bounds = dataclasses.replace(QUICK, aggregation_bytes=limit_bytes)
    with Hostile(sends(answer(200, body, **fields))) as server:
        sources = [Source(server.origin + "/all")]
        fetcher = Fetching(kind, StatusStore(anchors=b.status_anchors()), sources, bounds=bounds)
        with contextlib.closing(fetcher):
            (fetched,) = fetcher.refresh()
        assert fetched.result is result


@pytest.mark.parametrize("kind", KINDS)
def test_more_than_the_bound_is_not_read_even_if_it_would_be_less_when_decoded(kind: str) -> None:
    # A gzip whose name field pads it: 1,001 bytes that decode to a few.
    plain = listing([])
    head, rest = _codings.gzip(plain)[:10], _codings.gzip(plain)[10:]
    for more, result in ((0, R.TAKEN), (1, R.TOO_LARGE)):
        name = b"x" * (1_000 + more - len(head) - len(rest) - 1) + b"\0"
        body = head[:3] + b"\x08" + head[4:] + name + rest
        assert len(body) == 1_000 + more
        bounds = dataclasses.replace(QUICK, aggregation_bytes=1_000)
        with Hostile(sends(answer(200, body, content_type="application/json", content_encoding="gzip"))) as server:
            sources = [Source(server.origin + "/all")]
            fetcher = Fetching(kind, StatusStore(anchors=b.status_anchors()), sources, bounds=bounds)
            with contextlib.closing(fetcher):
                (fetched,) = fetcher.refresh()
            assert fetched.result is result


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_too_much_is_left_unread(kind: str) -> None:
    sent = 0

    def pours(_asked: Asked, connection: socket.socket, over: threading.Event) -> None:
        nonlocal sent
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        connection.sendall(answer(200, b"", content_length=""))
        while not over.is_set() and sent < 200_000_000:
            connection.sendall(bytes(65_536))
            sent += 65_536

    with Hostile(pours) as server:
        fetcher = Fetching(kind, StatusStore(anchors=b.status_anchors()), [Source(server.origin + "/a")], bounds=QUICK)
        with contextlib.closing(fetcher):
            (fetched,) = fetcher.refresh()
        assert fetched.result is R.TOO_LARGE
    assert sent < 16_000_000  # what the system keeps for a connection is not read by us


@pytest.mark.parametrize("fails", [0, 1])
def test_a_source_for_which_there_is_no_thread_is_fetched_the_next_time(
    fails: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Hostile(sends(b"")) as server:
        uris = [server.origin + "/0", server.origin + "/1"]

        def serve(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
            connection.sendall(answer(200, token(server.origin + asked.path)))

        server.behave = serve
        sources = [Source(None, (uri,)) for uri in uris]
        fetcher = Fetching("sync", StatusStore(anchors=b.status_anchors()), sources)
        begun: list[threading.Thread] = []
        start = threading.Thread.start

        def starts(thread: threading.Thread) -> None:
            if threading.current_thread() is threading.main_thread():  # and not the server's
                if len(begun) == fails:
                    raise RuntimeError("can't start new thread")
                begun.append(thread)
            start(thread)

        with contextlib.closing(fetcher):
            monkeypatch.setattr(threading.Thread, "start", starts)
            with pytest.raises(RuntimeError, match="start new thread"):
                fetcher.refresh()
            monkeypatch.undo()
            for thread in begun:
                thread.join(20)
            fetcher.wait(QUICK.backoff_first_s)
            assert [each.uri for each in fetcher.refresh()] == uris[fails:]
            assert [fetcher.status(uri) for uri in uris] == [Status.VALID] * 2


# --- aggregations ---


def of_aggregation(body: bytes, **fields: str) -> Behaviour:
    def serve(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
        if asked.path == "/all":
            connection.sendall(answer(200, body, **({"content_type": "application/json"} | fields)))
        else:
            connection.sendall(answer(200, token(f"http://{asked.field('host')}{asked.path}")))

    return serve


def listing(uris: Any, **more: Any) -> bytes:
    return json.dumps({"status_lists": uris, **more}).encode()


MANY = [f"http://127.0.0.1/{number}" for number in range(100_000)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "result", "reason"),
    [
        (listing(MANY), R.TOO_LARGE, None),
        (listing(MANY[:5_000]), R.REFUSED, Reason.LIMIT_EXCEEDED),
        (listing("http://127.0.0.1/1"), R.REFUSED, Reason.CLAIM_INVALID),
        (listing([1]), R.REFUSED, Reason.CLAIM_INVALID),
        (listing(["http://10.0.0.1/#x"]), R.REFUSED, Reason.CLAIM_INVALID),
        (listing(["https://u:p@127.0.0.1/"]), R.REFUSED, Reason.CLAIM_INVALID),
        (listing(MANY[:1] * 2), R.REFUSED, Reason.CLAIM_INVALID),
        (b'{"status_lists":[],"status_lists":[]}', R.REFUSED, Reason.DUPLICATE_MEMBER),
        (b"[]", R.REFUSED, Reason.MALFORMED_JSON),
        (b"{}", R.REFUSED, Reason.CLAIM_INVALID),
        (b"", R.REFUSED, Reason.MALFORMED_JSON),
        (b'{"status_lists":' + b"[" * 1_000 + b"]" * 1_000 + b"}", R.REFUSED, Reason.DEPTH_EXCEEDED),
    ],
    ids=lambda value: value.decode()[:24] if isinstance(value, bytes) else "",
)
def test_an_aggregation_that_is_none_leaves_the_last_one_in_force(
    kind: str, body: bytes, result: FetchResult, reason: Reason | None
) -> None:
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/1"
        server.behave = of_aggregation(listing([uri], unknown=1))
        fetcher = Fetching(kind, StatusStore(anchors=b.status_anchors()), [Source(server.origin + "/all")])
        assert [each.result for each in fetcher.refresh()] == [R.TAKEN, R.TAKEN]
        fetcher.wait(1_801)
        server.behave = of_aggregation(body)
        first, second = fetcher.refresh()
        assert (first.result, first.reason) == (result, reason)
        assert (second.uri, second.result) == (uri, R.TAKEN)
        fetcher.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_aggregation_of_another_media_type_is_refused(kind: str) -> None:
    with Hostile(of_aggregation(listing([]), content_type="text/plain")) as server:
        fetcher = Fetching(kind, StatusStore(anchors=b.status_anchors()), [Source(server.origin + "/all")])
        (fetched,) = fetcher.refresh()
        assert (fetched.result, fetched.reason) == (R.REFUSED, Reason.STATUS_MEDIA_TYPE)
        fetcher.close()


# --- single flight, time, trust ---


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_a_resolver_of_ones_own_stops_nothing_for_ever(kind: str) -> None:
    broken = True

    def resolve(host: str, port: int) -> list[str]:
        if broken:
            raise ZeroDivisionError
        return ["127.0.0.1"]

    with Hostile(sends(b"")) as server:
        uris = [server.origin + path for path in ("/a", "/b")]
        server.behave = lambda asked, connection, _: connection.sendall(answer(200, token(server.origin + asked.path)))
        store = StatusStore(anchors=b.status_anchors())
        fetcher = Fetching(kind, store, [Source(None, (uri,)) for uri in uris], resolver=resolve)
        with contextlib.closing(fetcher):
            assert [each.result for each in fetcher.refresh()] == [R.UNRESOLVED] * 2
            broken = False
            fetcher.wait(1)
            assert [each.uri for each in fetcher.refresh()] == uris


@pytest.mark.parametrize("said", [None, 7, [7], [None], "error"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_a_resolver_ends_the_round_of_its_source_alone(kind: str, said: Any) -> None:
    def resolve(host: str, port: int) -> Any:
        if host == "good.example":
            return ["127.0.0.1"]
        return said if said != "error" else [][0]

    with Hostile(lambda asked, connection, _: connection.sendall(answer(200, token(good)))) as server:
        port = server.origin.rpartition(":")[2]
        bad, good = (f"http://{name}.example:{port}/a" for name in ("bad", "good"))
        store = StatusStore(anchors=b.status_anchors())
        fetcher = Fetching(kind, store, [Source(None, (uri,)) for uri in (bad, good)], resolver=resolve)
        with contextlib.closing(fetcher):
            results = {each.uri: each.result for each in fetcher.refresh()}
        assert results == {bad: R.UNRESOLVED, good: R.TAKEN}


class ResolverError(Exception):
    """As resolvers of others raise it: of no built-in class but `Exception`."""


class OwnError(BaseException):
    """As what ends a thread raises it: no error of a resolver."""


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_nobody_knows_ends_the_round_of_its_source_alone(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda of: told.append(of.exc_type))

    def resolve(host: str, port: int) -> list[str]:
        if host == "bad.example" and broken:
            raise OwnError
        return ["127.0.0.1"]

    broken = True
    with Hostile(sends(b"")) as server:
        port = server.origin.rpartition(":")[2]
        bad, good = (f"http://{name}.example:{port}/a" for name in ("bad", "good"))
        server.behave = lambda asked, connection, _: connection.sendall(
            answer(200, token(f"http://{asked.field('host')}/a"))
        )
        store = StatusStore(anchors=b.status_anchors())
        fetcher = Fetching(kind, store, [Source(None, (uri,)) for uri in (bad, good)], resolver=resolve)
        with contextlib.closing(fetcher):
            assert {each.uri: each.result for each in fetcher.refresh()} == {bad: R.UNRESOLVED, good: R.TAKEN}
            assert told == ([OwnError] if kind == "sync" else [])  # a thread's error is told where threads tell theirs
            broken = False
            assert [(each.uri, each.result) for each in fetcher.refresh()] == [(bad, R.TAKEN)]


@pytest.mark.parametrize("broken", ["clock", "monotonic", "random"])
@pytest.mark.parametrize("said", [None, float("nan"), float("inf"), -1, 2**70, "error"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_clock_that_fails_takes_no_list_and_stops_nothing_for_ever(kind: str, said: Any, broken: str) -> None:
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        server.behave = sends(answer(200, token(uri)))
        fails = True

        def clock() -> Any:
            if not fails:
                return b.NOW
            return said if said != "error" else [][0]

        store = StatusStore(anchors=b.status_anchors())
        fetcher = Fetching(kind, store, [Source(None, (uri,))], **{broken: clock})
        with contextlib.closing(fetcher):
            if broken == "clock":
                assert fetcher.refresh() == ()
                assert server.asked == []
                fails = False
            assert [each.result for each in fetcher.refresh()] == [R.TAKEN]


def test_resolvers_that_stall_keep_no_other_task_waiting() -> None:
    # More of them than the default executor of asyncio has threads.
    over = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        if host != "good.example":
            over.wait(20)
        return ["127.0.0.1"]

    async def run() -> None:
        fetcher = AsyncStatusFetcher(
            store, [Source(None, (uri,)) for uri in uris], reach=Reach.LOOPBACK, bounds=PATIENT, clock=lambda: b.NOW,
            resolver=resolve,
        )  # fmt: skip
        taken = asyncio.Event()

        def report(fetched: Fetched) -> None:
            if (fetched.uri, fetched.result) == (uris[-1], R.TAKEN):
                taken.set()

        task = asyncio.create_task(fetcher.run(pause_s=0.01, report=report))
        try:
            await asyncio.wait_for(taken.wait(), 10)
        finally:
            over.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await fetcher.close()

    with Hostile(sends(b"")) as server:
        port = server.origin.rpartition(":")[2]
        uris = [f"http://bad{number}.example:{port}/a" for number in range(40)] + [f"http://good.example:{port}/a"]
        server.behave = sends(answer(200, token(uris[-1])))
        store = StatusStore(anchors=b.status_anchors())
        asyncio.run(run())


def half_stalling(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
    if asked.path == "/stalls":
        over.wait(20)
    else:
        origin = f"http://{asked.field('host')}"
        connection.sendall(answer(200, b.status_token({}, payload={"sub": origin + asked.path, "ttl": 2})))


PATIENT = FetchBounds(jitter_s=0, interval_s=0, total_s=20, read_s=20)


def test_a_source_that_stalls_keeps_no_other_one_waiting() -> None:
    with Hostile(half_stalling) as server:
        store, stop = StatusStore(anchors=b.status_anchors()), threading.Event()
        sources = [Source(None, (server.origin + path,)) for path in ("/stalls", "/a")]
        now = itertools.count(b.NOW)
        seen = []

        def report(fetched: Fetched) -> None:
            seen.append((fetched.uri, fetched.result))
            if len(seen) == 3:
                server.over()
                stop.set()

        fetcher = StatusFetcher(store, sources, reach=Reach.LOOPBACK, bounds=PATIENT, clock=lambda: next(now))
        with contextlib.closing(fetcher):
            fetcher.run(stop, pause_s=0.01, report=report)
        assert seen[:3] == [(server.origin + "/a", R.TAKEN)] * 3
        assert [asked.path for asked in server.asked].count("/stalls") == 1


def test_a_source_that_stalls_keeps_no_other_task_waiting() -> None:
    async def run() -> None:
        seen, enough = [], asyncio.Event()

        def report(fetched: Fetched) -> None:
            seen.append((fetched.uri, fetched.result))
            if len(seen) == 3:
                enough.set()

        now = itertools.count(b.NOW)
        fetcher = AsyncStatusFetcher(store, sources, reach=Reach.LOOPBACK, bounds=PATIENT, clock=lambda: next(now))
        task = asyncio.create_task(fetcher.run(pause_s=0.01, report=report))
        await asyncio.wait_for(enough.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == [(server.origin + "/a", R.TAKEN)] * 3
        # What was cancelled is free again.
        server.behave = lambda asked, connection, _: connection.sendall(answer(404))
        assert server.origin + "/stalls" in [each.uri for each in await fetcher.refresh()]
        await fetcher.close()

    with Hostile(half_stalling) as server:
        store = StatusStore(anchors=b.status_anchors())
        sources = [Source(None, (server.origin + path,)) for path in ("/stalls", "/a")]
        asyncio.run(run())


def test_one_list_is_asked_for_once_however_many_ask() -> None:
    def slow(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
        over.wait(0.3)
        connection.sendall(answer(200, token(uri)))

    with Hostile(slow) as server:
        uri = server.origin + "/a"
        with fetching("sync", uri) as fetcher:
            threads = [threading.Thread(target=fetcher.refresh) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(server.asked) == 1
            assert fetcher.status(uri) is Status.VALID


def test_one_list_is_asked_for_once_however_many_tasks_ask() -> None:
    async def many(fetcher: AsyncStatusFetcher) -> None:
        await asyncio.gather(*[fetcher.refresh() for _ in range(8)])
        await fetcher.close()

    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        server.behave = sends(answer(200, token(uri)))
        store = StatusStore(anchors=b.status_anchors())
        fetcher = AsyncStatusFetcher(
            store, [Source(None, (uri,))], reach=Reach.LOOPBACK, bounds=QUICK, clock=lambda: b.NOW
        )
        asyncio.run(many(fetcher))
        assert len(server.asked) == 1


def test_it_runs_until_it_is_told_to_stop() -> None:
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        server.behave = sends(answer(200, token(uri)))
        store, stop, results = StatusStore(anchors=b.status_anchors()), threading.Event(), []

        def report(fetched: Fetched) -> None:
            results.append(fetched.result)
            stop.set()

        with contextlib.closing(
            StatusFetcher(store, [Source(None, (uri,))], reach=Reach.LOOPBACK, clock=lambda: b.NOW)
        ) as fetcher:
            fetcher.run(stop, pause_s=0.01, report=report)
        assert results == [R.TAKEN]


def test_the_task_runs_until_it_is_cancelled() -> None:
    async def run() -> None:
        taken = asyncio.Event()
        fetcher = AsyncStatusFetcher(store, [Source(None, (uri,))], reach=Reach.LOOPBACK, clock=lambda: b.NOW)
        task = asyncio.create_task(fetcher.run(pause_s=0.01, report=lambda _: taken.set()))
        await asyncio.wait_for(taken.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await fetcher.close()

    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        server.behave = sends(answer(200, token(uri)))
        store = StatusStore(anchors=b.status_anchors())
        asyncio.run(run())
        assert store.due(b.NOW) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_it_runs_without_telling_anybody(kind: str) -> None:
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        server.behave = sends(answer(200, token(uri)))
        store = StatusStore(anchors=b.status_anchors())
        told: dict[str, Any] = {"reach": Reach.LOOPBACK, "clock": lambda: b.NOW}

        async def run() -> None:
            fetcher = AsyncStatusFetcher(store, [Source(None, (uri,))], **told)
            task = asyncio.create_task(fetcher.run(pause_s=0.01))
            while not store.export().lists:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)  # it goes on
            assert not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await fetcher.close()

        if kind == "async":
            asyncio.run(asyncio.wait_for(run(), 10))
        else:
            stop = threading.Event()
            with contextlib.closing(StatusFetcher(store, [Source(None, (uri,))], **told)) as fetcher:
                thread = threading.Thread(target=fetcher.run, args=(stop,), kwargs={"pause_s": 0.01})
                thread.start()
                until = time.monotonic() + 10
                while not store.export().lists and time.monotonic() < until:
                    time.sleep(0.01)
                stop.set()
                thread.join(10)
                assert not thread.is_alive()
        assert [held.uri for held in store.export().lists] == [uri]


def test_what_is_told_to_stop_sends_nothing_more() -> None:
    stop, results = threading.Event(), []

    def resolver(host: str, port: int) -> list[str]:
        stop.set()  # while the name is looked up
        return ["127.0.0.1"]

    with Hostile(sends(b"")) as server:
        uri = server.origin.replace("127.0.0.1", "status.example") + "/a"
        store = StatusStore(anchors=b.status_anchors())
        with contextlib.closing(
            StatusFetcher(store, [Source(None, (uri,))], reach=Reach.LOOPBACK, clock=lambda: b.NOW, resolver=resolver)
        ) as fetcher:
            fetcher.run(stop, pause_s=0.01, report=results.append)
        assert server.asked == [] and results == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_system_that_gives_a_connection_up_is_a_time_that_is_over(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ETIMEDOUT, in whatever layer it comes up."""

    def fails(*_: object) -> Any:
        raise TimeoutError(110, "Connection timed out")

    async def fails_later(*_: object) -> Any:
        fails()

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", fails)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", fails_later)
    with fetching(kind, "http://127.0.0.1:9/a") as fetcher:
        assert [each.result for each in fetcher.refresh()] == [R.TIMEOUT]


def test_a_time_that_was_over_before_there_was_a_connection_ends_it_when_it_comes() -> None:
    class Stream:
        def __init__(self, connection: socket.socket) -> None:
            self.connection = connection

        def get_extra_info(self, name: str) -> socket.socket:
            assert name == "socket"
            return self.connection

    ours, theirs = socket.socketpair()
    watch = _Watch()
    watch.end()
    assert watch.over
    watch.trace("connection.connect_tcp.started", {})
    watch.trace("connection.connect_tcp.complete", {"return_value": Stream(ours)})
    assert ours.recv(1) == theirs.recv(1) == b""  # whoever reads from it reads its end
    ours.close()
    watch.end()  # that it is closed by now is no error in the timer's thread
    theirs.close()


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    # DNS rebinding: the second answer would be another one, and nobody asks for it.
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    with Hostile(sends(b"")) as server:
        uri = server.origin.replace("127.0.0.1", "status.example") + "/a"
        server.behave = sends(answer(200, token(uri)))
        with fetching("sync", uri, resolver=lambda host, port: next(answers)) as fetcher:
            assert [each.result for each in fetcher.refresh()] == [R.TAKEN]
            assert server.asked[0].field("host") == uri.split("/")[2]
            fetcher.wait(1_801)
            assert [each.result for each in fetcher.refresh()] == [R.ADDRESS_FORBIDDEN]
            assert len(server.asked) == 1


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with Hostile(sends(b"")) as server:
        uri = server.origin.replace("127.0.0.1", "status.example") + "/a"
        server.behave = sends(answer(200, token(uri)))
        for kind in KINDS:
            with fetching(kind, uri, resolver=lambda host, port: ["127.0.0.2", "127.0.0.1"]) as fetcher:
                assert [each.result for each in fetcher.refresh()] == [R.TAKEN]


@pytest.mark.parametrize("error", [OSError(), socket.gaierror(), UnicodeError(), ResolverError()])
@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_is_none_is_tried_again_later(kind: str, error: Exception) -> None:
    def fail(host: str, port: int) -> list[str]:
        raise error

    with fetching(kind, "http://status.example/a", resolver=fail) as fetcher:
        assert [each.result for each in fetcher.refresh()] == [R.UNRESOLVED]


@pytest.mark.parametrize("reach", Reach)
def test_no_cookie_and_nothing_of_the_environment_is_sent(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        server.behave = sends(answer(200, token(uri), set_cookie="who=1; Path=/"))
        with fetching("sync", uri) as fetcher:
            fetcher.refresh()
            fetcher.wait(1_801)
            fetcher.refresh()
        assert len(server.asked) == 2
        for asked in server.asked:
            names = [name.lower() for name, _ in asked.fields]
            assert names == ["host", "accept", "accept-encoding", "user-agent"]
            assert asked.field("accept") == (
                "application/statuslist+jwt, application/statuslist+cwt;q=0.8, application/identifierlist+cwt;q=0.7, "
                "application/vc+jwt;q=0.6"
            )


# --- dictionaries ---


@pytest.mark.parametrize("kind", KINDS)
def test_the_previous_list_is_the_dictionary_of_the_next(kind: str) -> None:
    with publishing(lists=1, size=200_000) as publisher:
        uri, index = publisher.uri(0), publisher.allocate(0)
        store = StatusStore(anchors=publisher.anchors(b.ISSUER))
        fetcher = Fetching(kind, store, [Source(publisher.origin + "/status-lists")])
        fetcher.now = int(time.time())
        first = fetcher.refresh()[-1]
        assert (first.result, fetcher.status(uri, index)) == (R.TAKEN, Status.VALID)
        publisher.revoke(0, index)
        time.sleep(1.1)  # changes of one second are published together
        fetcher.wait(1_801)
        fetcher.now = int(time.time()) + 1_801  # the publisher's clock is the real one: its list is not yet old
        second = fetcher.refresh()[-1]
        assert (second.result, fetcher.status(uri, index)) == (R.TAKEN, Status.INVALID)
        assert second.wire_bytes < 400
        fetcher.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("make", "result"),
    [
        (lambda new, old: _codings.dcz(new, old), R.TAKEN),
        (lambda new, old: _codings.dcz(new, old + b"x"), R.DICTIONARY_INVALID),
        (lambda new, old: b"\0" * 8 + _codings.dcz(new, old)[8:], R.CODING_INVALID),
        (lambda new, old: _codings.dcz(new, old)[:-1], R.CODING_INVALID),
        (lambda new, old: _codings.dcz(new, old) + b"\0", R.CODING_INVALID),
        (lambda new, old: _codings.dcz(new, old)[:39], R.DICTIONARY_INVALID),
        (lambda new, old: _codings.dcz(bytes(100_000_000), old), R.TOO_LARGE),
        (lambda new, old: new, R.DICTIONARY_INVALID),
    ],
    ids=["good", "another dictionary", "no magic", "cut", "more", "cut in its head", "bomb", "not encoded"],
)
def test_a_dictionary_is_checked_before_it_is_used(
    kind: str, make: Callable[[bytes, bytes], bytes], result: FetchResult
) -> None:
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        old = token(uri)
        server.behave = sends(answer(200, old, use_as_dictionary='match="/a", id="v1"'))
        with fetching(kind, uri) as fetcher:
            fetcher.refresh()
            fetcher.wait(1_801)
            server.behave = sends(answer(200, make(token(uri, fetcher.now), old), content_encoding="dcz"))
            (fetched,) = fetcher.refresh()
            assert fetched.result is result
            asked = server.asked[-1]
            assert asked.field("dictionary-id") == '"v1"'
            assert asked.field("available-dictionary") == _codings.sf_binary(_codings.Dictionary(old, "").digest)
            assert asked.field("accept-encoding") == "gzip, zstd, dcz"
            assert fetcher.status(uri) is Status.VALID


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("make", "result"),
    [
        (lambda new, old: _codings.dcz(new, old + b"x"), R.DICTIONARY_INVALID),
        (lambda new, old: _codings.dcz(new, old)[:-1], R.CODING_INVALID),
        (lambda new, old: _codings.dcz(bytes(100_000_000), old), R.TOO_LARGE),
        (lambda new, old: _codings.dcz(new[:-1], old), R.REFUSED),
    ],
    ids=["another dictionary", "cut", "bomb", "garbage"],
)
def test_what_cannot_be_read_with_a_dictionary_is_asked_for_without_it(
    kind: str, make: Callable[[bytes, bytes], bytes], result: FetchResult
) -> None:
    # A server, or a cache before it, that always encodes wrongly: it would be asked so again until the list has ended.
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        old = token(uri)
        server.behave = sends(answer(200, old, use_as_dictionary='match="/a", id="v1"'))
        with fetching(kind, uri) as fetcher:
            fetcher.refresh()
            fetcher.wait(1_801)
            new = token(uri, fetcher.now, revoked=True)

            def encodes_wrongly(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
                if asked.field("available-dictionary") is None:
                    connection.sendall(answer(200, new))
                else:
                    connection.sendall(answer(200, make(new, old), content_encoding="dcz"))

            server.behave = encodes_wrongly
            assert [each.result for each in fetcher.refresh()] == [result]
            fetcher.wait(1)
            assert [each.result for each in fetcher.refresh()] == [R.TAKEN]
            assert server.asked[-1].field("accept-encoding") == "gzip, zstd"
            assert fetcher.status(uri) is Status.INVALID


@pytest.mark.parametrize("kind", KINDS)
def test_the_dictionaries_of_a_source_have_a_bound_together(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its signer may write tokens of 8 MiB about lists of a byte, 4,096 of them.
    with Hostile(lambda *_: None) as server:
        uris = tuple(f"{server.origin}/{name}" for name in "abc")
        long = {uri: token(uri, x="x" * 10_000) for uri in uris}
        monkeypatch.setattr(_schedule, "_DICTIONARIES_BYTES", 2 * len(long[uris[0]]))

        def serve(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
            named = {"use_as_dictionary": f'match="{asked.path}"'}
            connection.sendall(answer(200, long[server.origin + asked.path], **named))

        server.behave = serve
        fetcher = Fetching(kind, StatusStore(anchors=b.status_anchors()), [Source(None, uris)])
        for offered in (0, 2, 2):
            del server.asked[:]
            assert [each.result for each in fetcher.refresh()] == [R.TAKEN] * 3
            assert sum(each.field("available-dictionary") is not None for each in server.asked) == offered
            fetcher.wait(1_801)
        fetcher.close()


def test_a_dictionary_that_nobody_has_is_refused() -> None:
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        server.behave = sends(answer(200, _codings.dcz(token(uri), b"x"), content_encoding="dcz"))
        with fetching("sync", uri) as fetcher:
            assert [each.result for each in fetcher.refresh()] == [R.CODING_INVALID]


# --- configuration ---


@pytest.mark.parametrize(
    "sources",
    [
        [],
        ["https://id.example/all"],
        [Source()],
        [Source("http://id.example/all")],
        [Source("https://id.example/all#x")],
        [Source(None, ("https://id.example/1", "https://id.example/1"))],
        [Source("https://id.example/1", ("https://id.example/1",))],
        [Source(None, ["https://id.example/1"])],  # type: ignore[arg-type]
        [Source(None, ("ftp://id.example/1",))],
        None,
        5,
    ],
)
def test_sources_that_are_none_are_refused(sources: Any) -> None:
    for kind in (StatusFetcher, AsyncStatusFetcher):
        with pytest.raises(CitizenIDError) as caught:
            kind(StatusStore(anchors=b.status_anchors()), sources)
        assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "fetch.sources")


@pytest.mark.parametrize(
    "change",
    [{"connect_s": 0}, {"total_s": True}, {"lists": -1}, {"jitter_s": 0.5}, {"total_s": 2**31}, {"lists": 10**400}],
)
def test_bounds_that_are_none_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        FetchBounds(**change)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("bounds", [0, "", {}, FetchBounds])
def test_what_are_no_bounds_at_all_is_refused(bounds: Any) -> None:
    for kind in (StatusFetcher, AsyncStatusFetcher):
        with pytest.raises(CitizenIDError) as caught:
            kind(StatusStore(anchors=b.status_anchors()), [Source("https://id.example/1")], bounds=bounds)
        assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "fetch.bounds")


@pytest.mark.parametrize("reach", [None, "loopback", Reach])
def test_what_is_no_reach_is_refused(reach: Any) -> None:
    store, sources = StatusStore(anchors=b.status_anchors()), [Source("https://id.example/1")]
    for kind in (StatusFetcher, AsyncStatusFetcher):
        error = b.misused(Reason.CONFIGURATION_INVALID, lambda: kind(store, sources, reach=reach))  # noqa: B023
        assert error.where == "fetch.reach"


@pytest.mark.parametrize("fetcher", [StatusFetcher, AsyncStatusFetcher])
@pytest.mark.parametrize("store", [None, StatusStore, "", {}], ids=repr)
def test_what_is_no_store_is_refused(fetcher: Any, store: Any) -> None:
    error = b.misused(Reason.CONFIGURATION_INVALID, lambda: fetcher(store, [Source("https://id.example/all")]))
    assert error.where == "fetch.store"


@pytest.mark.parametrize("fetcher", [StatusFetcher, AsyncStatusFetcher])
@pytest.mark.parametrize("name", ["resolver", "clock", "monotonic", "random"])
@pytest.mark.parametrize("value", [5, "", b.NOW * 1.0], ids=repr)
def test_what_is_no_function_is_refused(fetcher: Any, name: str, value: Any) -> None:
    # A clock that is a number would fetch nothing, for ever and in silence.
    store, sources = StatusStore(anchors=b.status_anchors()), [Source("https://id.example/all")]
    error = b.misused(Reason.CONFIGURATION_INVALID, lambda: fetcher(store, sources, **{name: value}))
    assert error.where == f"fetch.{name}"


def test_a_context_that_does_not_verify_is_refused() -> None:
    import ssl

    unnamed = ssl.create_default_context()
    unnamed.check_hostname = False
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    for context in (unnamed, unverified, True, False):
        with pytest.raises(CitizenIDError) as caught:
            StatusFetcher(
                StatusStore(anchors=b.status_anchors()),
                [Source("https://id.example/all")],
                tls=context,  # type: ignore[arg-type]
            )
        assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_a_result_has_no_truth_value() -> None:
    with pytest.raises(TypeError):
        bool(Fetched("https://id.example/1", FetchResult.TAKEN))


def test_another_issuer_s_signer_does_not_speak_for_a_list() -> None:
    other = TrustAnchors.from_jwks(
        "https://other.example", {"keys": [dict(b.key("other").public.to_jwk())]}, purpose=KeyPurpose.STATUS_LIST
    )
    with Hostile(sends(b"")) as server:
        uri = server.origin + "/a"
        server.behave = sends(answer(200, token(uri)))
        with fetching("sync", uri, store=StatusStore(anchors=other)) as fetcher:
            (fetched,) = fetcher.refresh()
            assert (fetched.result, fetched.reason) == (R.REFUSED, Reason.SIGNATURE_INVALID)
