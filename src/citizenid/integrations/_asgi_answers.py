"""What is sent and received over ASGI: answers of a gateway, refusals of a handshake, and bodies within bounds.

Spec: ASGI HTTP & WebSocket 2.5; WebSocket Denial Response extension; specs/profile-asgi.md sections 3 and 4.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Final, TypeVar, final

from .. import _registry as reg
from .._answer import Answer, problem
from .._errors import CitizenIDError, Reason
from ..gateway import Admitted, Allow, Deny, Gateway, NeedPresentation, NeedStatusList, Request, SignedOut
from ._asgi_scope import Message, Receive, Scope, Send, Served, SignalsOf

T = TypeVar("T")
Refusal = Deny | NeedPresentation | NeedStatusList

_NOT_LISTED: Final = Deny(Reason.RESOURCE_NOT_LISTED, "policy", "resource")  # what no rule can be about
_INVALID: Final = Deny(Reason.REQUEST_INVALID, "request", "request")
POLICY_VIOLATION: Final = 1008  # RFC 6455 section 7.4.1
CACHEABLE: Final = frozenset({"GET", "HEAD"})
_DENIAL: Final = "websocket.http.response"
_BEGINNINGS: Final = ("http.response.start", "websocket.accept", f"{_DENIAL}.start")
_CACHE_CONTROL: Final = b"cache-control"
_TOO_LARGE: Final = Deny(Reason.INPUT_TOO_LARGE, "request", "request")
_BYTES: Final = (bytes, bytearray, memoryview)
_NO_REQUEST: Final = Request("", "", ())
_TOO_SLOW: Final = problem(408, Reason.REQUEST_INVALID, members={"step": "request"})


class Runs(Enum):
    """Where the gateway is asked."""

    IN_THE_LOOP = "in_the_loop"
    """At once: a decision takes microseconds, an admission less than a millisecond. Only the audit log's disk is waited
    for elsewhere."""
    IN_THREADS = "in_threads"
    """In a thread of asyncio's pool, answers too: for a replay guard or a signer of requests that waits for others."""


@final
class Doors:
    """A gateway as asyncio asks it. What is refused before it is asked, it is told: it counts and writes down all."""

    __slots__ = ("_too_many", "admit_http", "answer", "authorize", "renew", "sign_out")

    def __init__(self, gateway: Gateway, served: Served, runs: Runs) -> None:
        self._too_many: Final = served.body_bytes + 1
        loop = runs is Runs.IN_THE_LOOP
        self.authorize: Final[Callable[..., Awaitable[Allow | Refusal]]] = (
            gateway.authorize_async if loop else _threaded(gateway.authorize)
        )
        self.admit_http: Final[Callable[..., Awaitable[Answer]]] = (
            gateway.admit_http_async if loop else _threaded(gateway.admit_http)
        )
        self.renew: Final[Callable[..., Awaitable[Admitted | Refusal]]] = (
            gateway.renew_async if loop else _threaded(gateway.renew)
        )
        self.sign_out: Final[Callable[..., Awaitable[SignedOut | Refusal]]] = (
            gateway.sign_out_async if loop else _threaded(gateway.sign_out)
        )

        self.answer: Final[Callable[[Admitted | SignedOut | Refusal], Awaitable[Answer]]] = (
            _answer if loop else _threaded(_made)
        )

    async def refuse_unlisted(self, request: Request) -> Refusal:
        """Refuse a request of which nobody says what it is for."""
        result = await self.authorize(request, resource=None)
        return _NOT_LISTED if isinstance(result, Allow) else result

    async def refuse_invalid(self) -> Deny:
        """Refuse what is no request, as the gateway refuses one without a method."""
        await self.admit_http(_NO_REQUEST, b"")
        return _INVALID

    async def refuse_too_large(self) -> Deny:
        """Refuse a body of which nobody has kept so much, as the gateway refuses one of that length."""
        await self.admit_http(_NO_REQUEST._replace(method="POST"), bytes(self._too_many))
        return _TOO_LARGE


def _made(result: Admitted | SignedOut | Refusal) -> Answer:
    return result.http()


async def _answer(result: Admitted | SignedOut | Refusal) -> Answer:
    return result.http()


def _threaded(call: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    """Have a call made in a thread, or where none can be had at once, since somebody must refuse; and never twice."""

    async def calling(*arguments: Any, **named: Any) -> T:
        begun = threading.Lock()

        def act() -> T:
            if begun.acquire(blocking=False):
                return call(*arguments, **named)
            raise asyncio.CancelledError  # it was made meanwhile: nobody waits for this any more

        try:
            return await asyncio.to_thread(act)
        except RuntimeError:
            if not begun.acquire(blocking=False):  # the call's own, or of a thread that has taken it up nevertheless
                raise
        return call(*arguments, **named)

    return calling


async def send_answer(send: Send, answer: Answer, *, head: bool = False) -> None:
    """Send an answer as it stands; to a HEAD without its body."""
    headers = list(answer.headers)
    if answer.status != 204:  # RFC 9110 section 8.6
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})


async def refuse(scope: Scope, receive: Receive, send: Send, doors: Doors, result: Refusal) -> None:
    """Refuse a request, or a handshake."""
    if scope["type"] == "http":
        await send_answer(send, await doors.answer(result), head=scope.get("method") == "HEAD")
        return
    if (await receive())["type"] != "websocket.connect":
        return  # whoever asked has gone
    extensions = scope.get("extensions")
    if not isinstance(extensions, Mapping) or _DENIAL not in extensions:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": result.reason.value})
        return
    answer = await doors.answer(result)
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": f"{_DENIAL}.start", "status": answer.status, "headers": headers})
    await send({"type": f"{_DENIAL}.body", "body": answer.body})


def permitted(send: Send, allow: Allow, method: str) -> Send:
    """Return a `send` for the application's answer to a request that may go on.

    It hands the sender his next DPoP nonce. And what some people alone may GET is kept by no cache for others: a ticket
    is not `Authorization`, which caches know to be somebody's own (RFC 9111 section 3.5).
    """
    nonce, private = allow.dpop_nonce, allow.session_id is not None and method in CACHEABLE
    return send if nonce is None and not private else _adding(send, nonce, private)


def _adding(send: Send, nonce: str | None, private: bool) -> Send:
    async def sending(message: Message) -> None:
        await send(with_headers(message, nonce, private=private))

    return sending


def with_headers(message: Message, nonce: str | None, *, private: bool) -> Message:
    """Return the message that begins an answer with what goes with it; others as they are.

    A nonce is for this once: no cache keeps the answer, whatever the application says (RFC 9449 section 8.2).
    """
    kind = message["type"]
    if kind not in _BEGINNINGS:
        return message
    headers = list(message.get("headers") or ())
    if nonce is not None:
        headers.append((reg.HEADER_DPOP_NONCE, nonce.encode("ascii")))
        if kind == _BEGINNINGS[0]:
            headers = [each for each in headers if each[0].lower() != _CACHE_CONTROL]
            headers.append((_CACHE_CONTROL, b"no-store"))
    if private and kind == _BEGINNINGS[0]:
        headers.append((b"vary", reg.HEADER_TICKET))
        if not any(name.lower() == _CACHE_CONTROL for name, _ in headers):
            headers.append((_CACHE_CONTROL, b"private"))
    return {**message, "headers": headers}


class Unread(Enum):
    """Why there is no body."""

    GONE = "gone"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    UNREADABLE = "unreadable"


async def read_body(receive: Receive, most_bytes: int, timeout_s: float) -> bytes | Unread:
    """Read a body. What lies beyond the bound is neither kept nor waited for."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return Unread.GONE
                chunk = message.get("body", b"")
                if not isinstance(chunk, _BYTES):
                    return Unread.UNREADABLE
                size += len(chunk)
                if size > most_bytes:
                    return Unread.TOO_LARGE
                chunks.append(bytes(chunk))  # which bytes are already
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        return Unread.TOO_SLOW


@final
class Endpoints:
    """The endpoints of a gateway over HTTP: admission, and where they are configured renewal and sign-out.

    Args:
        gateway: who answers.
        served: what is configured of it.
        renewal_path: POST here with ticket and proof for a new ticket; None for nowhere.
        sign_out_path: POST here with ticket and proof to end the session; None for nowhere.
        body_timeout_s: how long a client may take to send an admission request, seconds.
        runs: where the gateway is asked.
        signals: what is known of where a request comes from.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for paths that are none or the same, and a time that is not positive.
    """

    def __init__(
        self,
        gateway: Gateway,
        served: Served,
        *,
        renewal_path: str | None,
        sign_out_path: str | None,
        body_timeout_s: float,
        runs: Runs,
        signals: SignalsOf | None,
    ) -> None:
        if type(body_timeout_s) not in (int, float) or not 0 < body_timeout_s <= 3_600:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.body_timeout_s")
        if type(runs) is not Runs:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.runs")
        paths = [path for path in (served.admission_path, renewal_path, sign_out_path) if path is not None]
        if not all(map(is_path, paths)) or len(set(paths)) < len(paths):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.paths")
        check_signals(signals)
        self.doors: Final = Doors(gateway, served, runs)
        self._signals: Final = signals
        self._body: Final = (served.body_bytes, body_timeout_s)
        self._admission: Final = served.admission_path.encode("ascii")
        acts = ((renewal_path, self.doors.renew), (sign_out_path, self.doors.sign_out))
        self._acts: Final[dict[bytes, Callable[..., Awaitable[Admitted | SignedOut | Refusal]]]] = {
            path.encode("ascii"): act for path, act in acts if path is not None
        }
        self.paths: Final = frozenset({self._admission, *self._acts})
        """As they stand in `raw_path`."""

    async def answer(self, scope: Scope, request: Request, receive: Receive, send: Send) -> None:
        """Answer a request to one of them."""
        raw_path = scope["raw_path"]
        if raw_path == self._admission:
            answer = await self._admit(scope, request, receive)
        elif request.method == "POST":
            answer = await self.doors.answer(await self._acts[raw_path](request))
        else:
            answer = (await self.doors.refuse_invalid()).http()
        if answer is not None:
            await send_answer(send, answer, head=request.method == "HEAD")

    async def _admit(self, scope: Scope, request: Request, receive: Receive) -> Answer | None:
        if request.method != "POST":
            return (await self.doors.refuse_invalid()).http()
        most_bytes, timeout_s = self._body
        body: bytes | Unread = Unread.TOO_LARGE
        if may_fit(request.headers, most_bytes):
            body = await read_body(receive, most_bytes, timeout_s)
        if body is Unread.TOO_LARGE:
            return (await self.doors.refuse_too_large()).http()
        if body is Unread.UNREADABLE:
            return (await self.doors.refuse_invalid()).http()
        if isinstance(body, Unread):
            return None if body is Unread.GONE else _TOO_SLOW  # nothing was shown, and nothing is decided
        signals = None if self._signals is None else self._signals(scope)
        return await self.doors.admit_http(request, body, signals=signals)


def check_signals(signals: object) -> None:
    """Refuse what is no function of a scope, or one that must be awaited. Raises CONFIGURATION_INVALID."""
    if signals is not None and (not callable(signals) or inspect.iscoroutinefunction(signals)):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.signals")


def may_fit(headers: Iterable[tuple[bytes, bytes]], most_bytes: int) -> bool:
    """Tell whether a body is not said to be too long: then it need not come at all."""
    try:
        stated = [value for name, value in headers if name.lower() == b"content-length"]
        return all(value.isdigit() and int(value[:20]) <= most_bytes for value in stated)
    except (TypeError, ValueError, AttributeError):
        return True  # what is no pair of bytes is the gateway's to refuse


def is_path(path: object) -> bool:
    """Tell whether this is a path as it may stand in `raw_path`."""
    return (
        type(path) is str and path[:1] == "/" and path.isascii() and path.isprintable() and not set("?# ") & set(path)
    )
