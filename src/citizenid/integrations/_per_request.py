"""One client request in a server that asks many times what it may do: all decisions of it, and its answer.

A proxy in front of models asks for each deployment that it tries. The credentials come with the request, and its sender
proof counts once. `Door`, an ASGI middleware around the proxy, keeps the request as it came in a context variable:
nothing that a client writes into a body can take its place. Each resource is decided once for each request. What the
door does not know as guarded, as a listing or as open is refused, of a guarded path's body and headers that
passes which is listed, and no answer leaves without a decision behind it. The gateway is told of each refusal.

Spec: specs/profile-litellm.md; specs/threat-model.md (T-38 to T-41).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Final, NamedTuple, NoReturn, final
from urllib.parse import quote

from .._answer import Answer, problem
from .._errors import CitizenIDError, Reason
from ..gateway import Allow, Consumption, ReplayGuard, Request, Signals
from ._asgi_answers import Doors, Refusal, Unread, may_fit, read_body, send_answer, with_headers
from ._asgi_scope import ASGIApp, Message, Receive, Scope, Send
from ._digests import is_as_stated
from ._litellm_bodies import ReadsBody

Result = Allow | Refusal

_TOO_SLOW: Final = problem(408, Reason.REQUEST_INVALID, members={"step": "request"})
_NO_ANSWER: Final = 400  # from here on a status is no answer of a model


class NotPermitted(Exception):
    """Stops the proxy. What the client reads is the gateway's answer, wherever the door can still give it.

    The status is 403 also where the client's answer is a 401: a router takes a 401 for a fault of the model's server,
    and stops using it for everybody.

    Attributes:
        status_code: for the proxy.
        num_retries: for the router: the answer will be the same.
        message: the reason; it names a rule, never a value of the request.
    """

    def __init__(self, reason: Reason) -> None:
        self.status_code: Final = 403
        self.num_retries: Final = 0
        self.message: Final = f"citizenship: {reason.value}"
        super().__init__(self.message)


@final
class Asked:
    """A request as it came, what was decided about it, and what it used up. One for each request, never for two.

    Attributes:
        request: as the client sent it.
        guarded: whether its body was judged, so that models may be called for it.
        listing: whether its answer is what this ticket permits, and nobody else's.
        used: the proofs that this request used up, and how fresh each one was.
        models: the names by which permitted deployments are called.
        deployments: those that were left to the router: id, model group, and the name by which each is called.
        refusal: what the client is to read in place of an error of the proxy.
        final: whether the refusal stands whatever the proxy answers.
        dpop_nonce: for the answer.
    """

    __slots__ = (
        "_after", "_decided", "_doors", "_invalid", "_one", "_signals", "_unlisted", "deployments", "dpop_nonce",
        "final", "guarded", "listing", "models", "over", "refusal", "request", "used",
    )  # fmt: skip

    def __init__(
        self, doors: Doors, request: Request, signals: Signals | None = None, *, guarded: bool, listing: bool = False
    ) -> None:
        self._doors: Final = doors
        self._signals: Final = signals
        self._one: Final = asyncio.Lock()  # of two decisions at once, one would take the other's proof for a replay
        self._decided: dict[str, Result] = {}
        self._unlisted: Refusal | None = None
        self._invalid: Refusal | None = None
        self._after: Allow | None = None
        self.request: Final = request
        self.guarded: Final = guarded
        self.listing: Final = listing
        self.used: dict[tuple[bytes, bytes], Consumption] = {}
        self.models: set[str] = set()
        self.deployments: dict[str, tuple[str, str]] = {}
        self.refusal: Refusal | None = None
        self.final = False
        self.over = False
        self.dpop_nonce: str | None = None

    async def decide(self, resource: str) -> Result:
        """Decide on a resource, once. The proof of who has been permitted something is not asked for again."""
        async with self._one:
            result = self._decided.get(resource)
            if result is None:
                result = self._decided[resource] = await self._authorize(resource)
            return result

    async def _authorize(self, resource: str) -> Result:
        result = await self._doors.authorize(self.request, resource=resource, signals=self._signals, after=self._after)
        if isinstance(result, Allow):
            if result.session_id is not None:
                self._after = result
            if result.dpop_nonce is not None:
                self.dpop_nonce = result.dpop_nonce
        return result

    async def unlisted(self) -> Refusal:
        """Return the refusal of what no rule can be about. The gateway is told of it, once."""
        async with self._one:
            if self._unlisted is None:
                self._unlisted = await self._doors.refuse_unlisted(self.request)
            return self._unlisted

    async def invalid(self) -> Refusal:
        """Return the refusal of what nobody may ask for. The gateway is told of it, once."""
        async with self._one:
            if self._invalid is None:
                self._invalid = await self._doors.refuse_invalid()
            return self._invalid

    async def answer(self, refusal: Refusal) -> Answer:
        """Return what the client reads of a refusal. To make it may wait for who signs requests."""
        return await self._doors.answer(refusal)

    @property
    def allowed(self) -> bool:
        """Whether any resource was permitted."""
        return any(type(each) is Allow for each in self._decided.values())

    def refuse(self, refusal: Refusal, *, final: bool) -> NotPermitted:
        """Note a refusal, unless a permitted model was called: then its failure is the answer. Returns what to raise.

        Args:
            refusal: what the gateway said.
            final: whether it is of what the request itself asks for.
        """
        if final or not self.models:
            self.refusal, self.final = refusal, self.final or final
        return NotPermitted(refusal.reason)

    def __repr__(self) -> str:
        return "<Asked>"


_ASKED: Final[ContextVar[Asked | None]] = ContextVar("citizenid_asked", default=None)


async def asked_now(doors: Doors) -> Asked:
    """Return the request that is being served.

    Args:
        doors: are told of a call for which there is none.

    Raises:
        NotPermitted: outside of any request, and when its answer is out: nobody's credentials are at hand.
    """
    asked = _ASKED.get()
    if asked is None or asked.over:
        raise NotPermitted((await doors.refuse_invalid()).reason)
    return asked


async def calling_now(doors: Doors) -> Asked:
    """Return the request that is being served, if models may be called for it.

    Raises:
        NotPermitted: as `asked_now`, and behind a path whose bodies are not judged.
    """
    asked = await asked_now(doors)
    if not asked.guarded:
        raise asked.refuse(await asked.invalid(), final=True)
    return asked


@final
class PerRequestReplayGuard:
    """A replay guard for a gateway that is asked several times for one request: its own proof is no replay to it.

    Between two requests nothing changes: what one used, the other may not.

    Args:
        guard: what remembers proofs; several processes need a shared one.
    """

    def __init__(self, guard: ReplayGuard) -> None:
        self._guard: Final = guard

    def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
        """See `ReplayGuard.consume`."""
        asked = _ASKED.get()
        if asked is None or asked.over:
            return self._guard.consume(scope, token, lifetime_s)
        before = asked.used.get((scope, token))
        if before is not None:
            return before  # what was fresh in this process alone is no fresher for being asked about again
        used = self._guard.consume(scope, token, lifetime_s)
        if used is Consumption.FRESH or used is Consumption.FRESH_HERE:
            asked.used[scope, token] = used
        return used

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("PerRequestReplayGuard is final")


class Bounds(NamedTuple):
    """How much of a body a door reads.

    Attributes:
        body_bytes: of a guarded path.
        admission_bytes: of an admission.
        timeout_s: how long a client may take to send either.
    """

    body_bytes: int
    admission_bytes: int
    timeout_s: float


@final
class Door:
    """The ASGI app around the proxy's. Paths are compared as its router sees them, decoded once and not normalised.

    So no spelling gets around a rule: what is decoded to a guarded path is that path to both. A sender proof is about
    the path as it came.

    Args:
        app: the proxy's.
        doors: the gateway.
        guarded: paths to POST to, and what judges their bodies; each request needs a permitted resource to be answered.
        headers: which headers are passed on to a guarded path.
        listings: paths to GET, and prefixes that end in "/": answered without one, since what they list is filtered.
        admission_path: as the gateway has it.
        open_paths: further paths, or prefixes that end in "/": what is behind them is the operator's to protect.
        bounds: of what is read.
        signals: says of an ASGI scope where a request comes from, for a gateway that looks for sharing.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(
        self,
        app: ASGIApp,
        doors: Doors,
        *,
        guarded: Mapping[str, ReadsBody],
        headers: frozenset[bytes],
        listings: Iterable[str],
        admission_path: str,
        open_paths: Iterable[str],
        bounds: Bounds,
        signals: Callable[[Scope], Signals | None] | None = None,
    ) -> None:
        self._app: Final = app
        self._signals: Final = signals
        self._doors: Final = doors
        self._guarded: Final = dict(guarded)
        self._headers: Final = headers
        self._listings: Final = tuple(listings)
        self._open: Final = tuple(open_paths)
        self._admission_path: Final = admission_path
        self._bounds: Final = bounds
        for path in (admission_path, *self._open):
            if (
                type(path) is not str
                or not path.startswith("/")
                or any(_is_in(each, (path,)) for each in self._guarded)
            ):
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "door.paths")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await self._doors.refuse_unlisted(_request(scope))
            await send({"type": "websocket.close", "code": 1008, "reason": ""})  # before it is accepted: 403
        elif not _is_request(scope):
            await send_answer(send, (await self._doors.refuse_invalid()).http(), head=scope.get("method") == "HEAD")
        elif scope["path"] == self._admission_path:
            body = await self._read(scope, receive, send, self._bounds.admission_bytes)
            if body is not None:
                request, signals = _request(scope), self._told(scope)
                answer = await self._doors.admit_http(request, body, signals=signals)
                await send_answer(send, answer, head=scope["method"] == "HEAD")
        else:
            await self._serve(scope, receive, send)

    def _told(self, scope: Scope) -> Signals | None:
        return None if self._signals is None else self._signals(scope)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        judge = self._guarded.get(path) if method == "POST" else None
        listing = method == "GET" and _is_in(path, self._listings)
        if judge is None and not listing and not _is_in(path, self._open):
            await send_answer(send, (await self._doors.refuse_unlisted(_request(scope))).http(), head=method == "HEAD")
            return
        asked = Asked(self._doors, _request(scope), self._told(scope), guarded=judge is not None, listing=listing)
        if judge is not None:
            body = await self._read(scope, receive, send, self._bounds.body_bytes)
            if body is None:
                return
            passed = judge(_media_type(scope), body) if is_as_stated(scope["headers"], body) else None
            if passed is None:
                await send_answer(send, (await self._doors.refuse_invalid()).http())
                return
            scope, receive = self._passed_on(scope, *passed), _given(passed[1], receive)
        elif listing:
            scope = {**scope, "query_string": b""}  # some of its members name fallbacks, past the filter
        token = _ASKED.set(asked)
        try:
            await self._app(scope, receive, _Outgoing(asked, send))
        finally:
            asked.over = True  # what goes on in the background has nobody's credentials
            _ASKED.reset(token)

    async def _read(self, scope: Scope, receive: Receive, send: Send, most_bytes: int) -> bytes | None:
        """Return a body, or None when there is none: then that was the answer."""
        body: bytes | Unread = Unread.TOO_LARGE
        if may_fit(scope["headers"], most_bytes):
            body = await read_body(receive, most_bytes, self._bounds.timeout_s)
        if not isinstance(body, Unread):
            return body
        await self._refuse_unread(body, send)
        return None

    async def _refuse_unread(self, body: Unread, send: Send) -> None:
        if body is Unread.TOO_LARGE:
            await send_answer(send, (await self._doors.refuse_too_large()).http())
        elif body is Unread.UNREADABLE:
            await send_answer(send, (await self._doors.refuse_invalid()).http())
        elif body is Unread.TOO_SLOW:
            await send_answer(send, _TOO_SLOW)  # nothing was shown, and nothing is decided

    def _passed_on(self, scope: Scope, kind: bytes, body: bytes) -> Scope:
        headers = [each for each in scope["headers"] if each[0].lower() in self._headers]
        stated = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        return {**scope, "query_string": b"", "headers": [*headers, *stated]}


@final
class _Outgoing:
    """Sends what the proxy answers, or the gateway's refusal in its place."""

    def __init__(self, asked: Asked, send: Send) -> None:
        self._asked: Final = asked
        self._send: Final = send
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            answer = await self._instead(message["status"])
            if answer is not None:
                self._replaced = True
                await send_answer(self._send, answer)
                return
            message = with_headers(message, self._asked.dpop_nonce, private=self._asked.listing)
        await self._send(message)

    async def _instead(self, status: int) -> Answer | None:
        asked = self._asked
        refusal = asked.refusal
        if refusal is not None and (asked.final or status >= _NO_ANSWER):
            return await asked.answer(refusal)
        if asked.guarded and status < _NO_ANSWER and not asked.allowed:
            return await asked.answer(await asked.unlisted())  # the hooks were not asked, or not listened to
        return None


def _is_request(scope: Scope) -> bool:
    """Tell whether this is what servers make of a request: LiteLLM and we must not read two into it."""
    headers = scope.get("headers")
    return (
        type(scope.get("path")) is str
        and type(scope.get("method")) is str
        and all(type(scope.get(name) or b"") is bytes for name in ("raw_path", "query_string"))
        and isinstance(headers, list | tuple)
        and all(isinstance(each, list | tuple) and list(map(type, each)) == [bytes, bytes] for each in headers)
    )


def _is_in(path: str, paths: Iterable[str]) -> bool:
    return any(path == each or (each.endswith("/") and path.startswith(each)) for each in paths)


def _request(scope: Scope) -> Request:
    raw = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
    query = scope.get("query_string") or b""
    target = (raw + b"?" + query if query else raw).decode("latin-1")
    return Request(scope.get("method", "GET"), "https://proxy.invalid" + target, tuple(scope["headers"]))


def _media_type(scope: Scope) -> bytes:
    stated = [value for name, value in scope["headers"] if name.lower() == b"content-type"]
    return stated[0].strip(b" \t") if len(stated) == 1 else b""


def _given(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives this body, and then what else comes."""
    left = [body]

    async def receiving() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return receiving
