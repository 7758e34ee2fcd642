"""Fetch status lists over HTTP into a `StatusStore`, with httpx: for threads, and for asyncio.

Both run the same steps (`_schedule`, `_exchange`) and do their input and output alone: resolve a name, connect to one
of the addresses that were checked, read no more and no longer than the bounds. httpx's transports are used without its
clients: no cookies, no redirects of its own, no proxies, nothing from the environment, no decoding.

A gateway never waits for this: it answers a Need with 503 and Retry-After, and the fetcher runs beside it.

Spec: Token Status List sections 8, 9, 11.4; SD-JWT VC section 7.1 (SSRF); specs/profile-status-list.md section 9.
"""

from __future__ import annotations

import asyncio
import queue
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, final

import httpx

from .. import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from .._errors import FAILURES, CitizenIDError, Reason
from ..status import StatusStore
from ._addresses import Reach
from ._exchange import Answer, FetchBounds, Fetched, FetchResult, Reply, Resolve, Send
from ._schedule import Schedule
from ._sources import Round, Source

__all__ = ["AsyncStatusFetcher", "FetchBounds", "FetchResult", "Fetched", "Reach", "Source", "StatusFetcher"]

_UNUSED: Final = httpx.Limits(max_keepalive_connections=0)  # a kept connection would be one to an unchecked name


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Return every address of a name, by the system's resolver. Raises OSError."""
    return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@final
class StatusFetcher:
    """Keeps a store supplied, from threads: one for each source that is being fetched.

    `resolver`, `clock`, `monotonic` and `random` are called from all of them. When one of these fails, that ends
    nothing but what was being done for one source.

    Args:
        store: whose `due` is followed.
        sources: of which issuers: name the aggregation of each one whose credentials are accepted.
        reach: where fetches may go; `Reach.LOOPBACK` is for tests.
        bounds: of all fetches.
        tls: trust for https; the default is httpx's (certifi). It must verify certificates and names.
        resolver: name and port to addresses; whatever it says is checked, and a failure is UNRESOLVED.
        clock: Unix seconds.
        monotonic: seconds that never go back.
        random: uniform in [0, 1), for jitter; the system's by default.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(
        self,
        store: StatusStore,
        sources: Iterable[Source],
        *,
        reach: Reach = Reach.PUBLIC,
        bounds: FetchBounds | None = None,
        tls: ssl.SSLContext | None = None,
        resolver: Callable[[str, int], Sequence[str]] = system_resolver,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[], float] | None = None,
    ) -> None:
        if random is None:
            random = secrets.SystemRandom().random
        self._bounds = FetchBounds() if bounds is None else bounds
        self._schedule = Schedule(
            store, sources, reach=reach, bounds=self._bounds, clock=clock, monotonic=monotonic, random=random
        )
        self._resolver = _function(resolver)
        self._transport = httpx.HTTPTransport(verify=_strict(tls), trust_env=False, limits=_UNUSED)

    def refresh(self) -> tuple[Fetched, ...]:
        """Fetch what is due now, if anything, and return what came of it. Never raises for what a server does.

        Sources are fetched side by side. What another thread is fetching already is left to it. An error of the
        resolver or of a clock ends the round of its own source alone (UNRESOLVED).
        """
        rounds = self._schedule.due()
        came: dict[int, tuple[Fetched, ...]] = {}
        for thread in self._start(rounds, threading.Event(), lambda each, told: came.update({id(each): told})):
            thread.join()
        return tuple(fetched for each in rounds for fetched in came.get(id(each), ()))

    def run(
        self, stop: threading.Event, *, pause_s: float = 5.0, report: Callable[[Fetched], object] | None = None
    ) -> None:
        """Look every `pause_s` seconds for what is due until `stop` is set; give each result to `report`.

        No source waits for another one. Once `stop` is set no request is begun, and this returns when those under way
        have ended.
        """
        came: queue.SimpleQueue[tuple[Fetched, ...]] = queue.SimpleQueue()
        threads: list[threading.Thread] = []
        while not stop.is_set():
            threads = [thread for thread in threads if thread.is_alive()]
            threads += self._start(self._schedule.due(), stop, lambda _, told: came.put(told))
            stop.wait(pause_s)
            _report(came, report)
        for thread in threads:
            thread.join()
        _report(came, report)

    def close(self) -> None:
        """Close connections."""
        self._transport.close()

    def _start(
        self, rounds: Sequence[Round], stop: threading.Event, tell: Callable[[Round, tuple[Fetched, ...]], object]
    ) -> list[threading.Thread]:
        """Run each round in a thread of its own: no more of them than there are sources."""

        def run(each: Round) -> None:
            told = each.failed()
            try:
                told = self._run(each, stop)
            finally:
                self._schedule.give_up((each,))
                tell(each, told)

        threads = [threading.Thread(target=run, args=(each,), daemon=True) for each in rounds]
        started = 0
        try:
            for thread in threads:
                thread.start()
                started += 1
        finally:
            self._schedule.give_up(rounds[started:])
        return threads

    def _run(self, each: Round, stop: threading.Event) -> tuple[Fetched, ...]:
        steps, answer = self._schedule.run(each), None
        try:
            while True:
                step = steps.send(answer)  # type: ignore[arg-type]  # the first of a generator is None
                if stop.is_set():
                    return ()
                answer = _resolve(self._resolver, step) if isinstance(step, Resolve) else self._send(step)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # the generator's own type
        finally:
            steps.close()

    def _send(self, step: Send) -> Answer:
        watch = _Watch()
        timer = threading.Timer(self._bounds.total_s, watch.end)
        timer.daemon = True
        timer.start()
        answer: Answer = FetchResult.UNREACHABLE
        try:
            for address in step.addresses:
                answer = self._send_to(address, step, watch)
                if answer is not FetchResult.UNREACHABLE or watch.over:
                    break
        finally:
            timer.cancel()
        return FetchResult.TIMEOUT if watch.over and not isinstance(answer, Reply) else answer

    def _send_to(self, address: str, step: Send, watch: _Watch) -> Answer:
        try:
            response = self._transport.handle_request(_request(address, step, self._bounds, watch.trace))
            body, size = [], 0
            try:
                for piece in response.iter_raw() if response.status_code == 200 else ():
                    size += len(piece)
                    if size > step.limit_bytes:
                        return FetchResult.TOO_LARGE
                    body.append(piece)
            finally:
                response.close()
            return Reply(response.status_code, _headers(response), b"".join(body))
        except (httpx.TransportError, OSError, ValueError) as error:
            return _fault(error)


@final
class AsyncStatusFetcher:
    """Keeps a store supplied, from asyncio. Arguments as `StatusFetcher`; one task for each source."""

    def __init__(
        self,
        store: StatusStore,
        sources: Iterable[Source],
        *,
        reach: Reach = Reach.PUBLIC,
        bounds: FetchBounds | None = None,
        tls: ssl.SSLContext | None = None,
        resolver: Callable[[str, int], Sequence[str]] = system_resolver,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[], float] | None = None,
    ) -> None:
        if random is None:
            random = secrets.SystemRandom().random
        self._bounds = FetchBounds() if bounds is None else bounds
        if not isinstance(sources, Iterable):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "fetch.sources")
        named = list(sources)
        self._schedule = Schedule(
            store, named, reach=reach, bounds=self._bounds, clock=clock, monotonic=monotonic, random=random
        )
        self._resolver = _function(resolver)
        # A resolver that stalls holds a thread: the few of the loop's own executor would not do for all sources.
        self._resolving = ThreadPoolExecutor(len(named), thread_name_prefix="citizenid-resolve")
        self._transport = httpx.AsyncHTTPTransport(verify=_strict(tls), trust_env=False, limits=_UNUSED)

    async def refresh(self) -> tuple[Fetched, ...]:
        """Fetch what is due now, if anything, and return what came of it. As `StatusFetcher.refresh`."""
        rounds = self._schedule.due()
        try:
            done = await asyncio.gather(*[self._run(each) for each in rounds], return_exceptions=True)
        finally:
            self._schedule.give_up(rounds)
        came = (
            each.failed() if isinstance(told, BaseException) else told for each, told in zip(rounds, done, strict=True)
        )
        return tuple(fetched for told in came for fetched in told)

    async def run(self, *, pause_s: float = 5.0, report: Callable[[Fetched], object] | None = None) -> None:
        """Look every `pause_s` seconds for what is due until cancelled; give each result to `report`.

        No source waits for another one.
        """
        running: dict[asyncio.Task[tuple[Fetched, ...]], Round] = {}
        try:
            while True:
                running |= {asyncio.create_task(self._run(each)): each for each in self._schedule.due()}
                await asyncio.sleep(pause_s)
                for task in [task for task in running if task.done()]:
                    each = running.pop(task)
                    self._schedule.give_up((each,))
                    for fetched in each.failed() if task.cancelled() or task.exception() else task.result():
                        if report is not None:
                            report(fetched)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            self._schedule.give_up(running.values())  # one that was cancelled before it began has ended nothing

    async def close(self) -> None:
        """Close connections."""
        self._resolving.shutdown(wait=False)
        await self._transport.aclose()

    async def _run(self, each: Round) -> tuple[Fetched, ...]:
        steps, answer = self._schedule.run(each), None
        try:
            while True:
                step = steps.send(answer)  # type: ignore[arg-type]  # the first of a generator is None
                try:
                    async with asyncio.timeout(self._bounds.total_s):
                        if isinstance(step, Resolve):
                            answer = await asyncio.get_running_loop().run_in_executor(
                                self._resolving, _resolve, self._resolver, step
                            )
                        else:
                            answer = await self._send(step)
                except TimeoutError:
                    answer = FetchResult.TIMEOUT
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # the generator's own type
        finally:
            steps.close()

    async def _send(self, step: Send) -> Answer:
        answer: Answer = FetchResult.UNREACHABLE
        for address in step.addresses:
            answer = await self._send_to(address, step)
            if answer is not FetchResult.UNREACHABLE:
                break
        return answer

    async def _send_to(self, address: str, step: Send) -> Answer:
        try:
            response = await self._transport.handle_async_request(_request(address, step, self._bounds, None))
            body, size = [], 0
            try:
                if response.status_code == 200:
                    async for piece in response.aiter_raw():
                        size += len(piece)
                        if size > step.limit_bytes:
                            return FetchResult.TOO_LARGE
                        body.append(piece)
            finally:
                await response.aclose()
            return Reply(response.status_code, _headers(response), b"".join(body))
        except (httpx.TransportError, OSError, ValueError) as error:
            return _fault(error)


class _Watch:
    """Ends a request when its whole time is over: httpx bounds each single wait alone, and drops can last for days.

    It learns of the socket by httpcore's trace, and shuts it down from a timer's thread: whoever reads from it then
    reads its end.
    """

    def __init__(self) -> None:
        self.over = False
        self._socket: socket.socket | None = None

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        if name.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self.over:
                self.end()

    def end(self) -> None:
        self.over = True
        if self._socket is not None:
            try:
                # Not the method of an SSLSocket: that one would take away its state from under whoever reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                pass


def _strict(tls: ssl.SSLContext | None) -> ssl.SSLContext | bool:
    if tls is None:
        return True
    if not isinstance(tls, ssl.SSLContext) or tls.verify_mode is not ssl.CERT_REQUIRED or not tls.check_hostname:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "fetch.tls")
    return tls


def _function(resolver: Callable[[str, int], Sequence[str]]) -> Callable[[str, int], Sequence[str]]:
    if not callable(resolver):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "fetch.resolver")
    return resolver


def _resolve(resolver: Callable[[str, int], Sequence[str]], step: Resolve) -> Answer:
    try:
        addresses = tuple(resolver(step.host, step.port))
        return addresses if all(type(each) is str for each in addresses) else FetchResult.UNRESOLVED
    except FAILURES:
        return FetchResult.UNRESOLVED


def _report(came: queue.SimpleQueue[tuple[Fetched, ...]], report: Callable[[Fetched], object] | None) -> None:
    while not came.empty():  # nobody else takes from it
        for fetched in came.get():
            if report is not None:
                report(fetched)


def _request(address: str, step: Send, bounds: FetchBounds, trace: Callable[..., object] | None) -> httpx.Request:
    """Return a request whose URL names the address; the certificate must be for the name, and Host says it."""
    target = step.target
    url = httpx.URL(scheme=target.scheme, host=address, port=target.port, raw_path=target.path.encode("ascii"))
    timeout = {"connect": bounds.connect_s, "read": bounds.read_s, "write": bounds.read_s, "pool": bounds.total_s}
    extensions: dict[str, Any] = {"timeout": timeout, "sni_hostname": target.host}
    if trace is not None:
        extensions["trace"] = trace
    return httpx.Request("GET", url, headers=list(step.headers), extensions=extensions)


def _headers(response: httpx.Response) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for name, value in response.headers.multi_items():
        name = name.lower()
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _fault(error: Exception) -> FetchResult:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return FetchResult.UNREACHABLE
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return FetchResult.TIMEOUT
    return FetchResult.BROKEN
