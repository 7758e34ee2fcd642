"""One client request in a server that asks many times what it may do: all decisions of it, and its answer.

A proxy in front of models asks for each deployment that it tries. The credentials come with the request, and its sender
proof counts once. `Door`, an ASGI middleware around the proxy, keeps the request as it came in a context variable:
nothing that a client writes into a body can take its place. Each resource is decided once for each request. What the
door does not know as guarded, as a listing or as open is refused, and no answer of a guarded path leaves without a
decision behind it.

Spec: specs/profile-litellm.md; specs/threat-model.md (T-38 to T-41).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, NoReturn, Protocol, final
from urllib.parse import quote

from .._answer import Answer, problem
from .._errors import CitizenIDError, Reason
from .._model import NeedStatusList
from ..gateway import Allow, Consumption, Deny, NeedPresentation, ReplayGuard, Request, Signals

Refusal = Deny | NeedPresentation | NeedStatusList
Result = Allow | Refusal
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_MAX_BODY_BYTES: Final = 1_048_576  # more than the gateway reads of an admission; it says so itself
_NOT_LISTED: Final = Deny(Reason.RESOURCE_NOT_LISTED, "policy", "resource")
_UNDECIDED: Final = problem(500, Reason.CONFIGURATION_INVALID)
_NO_ANSWER: Final = 400  # from here on a status is no answer of a model


class Decider(Protocol):
    """What is needed of a `Gateway`."""

    async def authorize_async(
        self, request: Request, *, resource: str, signals: Signals | None = None, after: Allow | None = None
    ) -> Result:
        """See `Gateway.authorize_async`."""
        ...

    async def admit_http_async(self, request: Request, body: bytes, *, signals: Signals | None = None) -> Answer:
        """See `Gateway.admit_http_async`."""
        ...


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
        used: the proofs that this request used up.
        models: the names by which permitted deployments are called.
        deployments: those that were left to the router: id, model group, and the name by which each is called.
        refusal: what the client is to read in place of an error of the proxy.
        final: whether the refusal stands whatever the proxy answers.
        dpop_nonce: for the answer.
    """

    __slots__ = (
        "_after", "_decided", "_decider", "_signals", "deployments", "dpop_nonce", "final", "models", "over", "refusal",
        "request", "used",
    )  # fmt: skip

    def __init__(self, decider: Decider, request: Request, signals: Signals | None = None) -> None:
        self._decider: Final = decider
        self._signals: Final = signals
        self._decided: dict[str, Result] = {}
        self._after: Allow | None = None
        self.request: Final = request
        self.used: set[tuple[bytes, bytes]] = set()
        self.models: set[str] = set()
        self.deployments: dict[str, tuple[str, str]] = {}
        self.refusal: Refusal | None = None
        self.final = False
        self.over = False
        self.dpop_nonce: str | None = None

    async def decide(self, resource: str) -> Result:
        """Decide on a resource, once. The proof of who has been permitted something is not asked for again."""
        result = self._decided.get(resource)
        if result is None:
            result = await self._decider.authorize_async(
                self.request, resource=resource, signals=self._signals, after=self._after
            )
            self._decided[resource] = result
            if type(result) is Allow:
                if self._after is None and result.session_id is not None:
                    self._after = result
                if result.dpop_nonce is not None:
                    self.dpop_nonce = result.dpop_nonce
        return result

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


def asked_now() -> Asked:
    """Return the request that is being served.

    Raises:
        NotPermitted: outside of any request, and when its answer is out: nobody's credentials are at hand.
    """
    asked = _ASKED.get()
    if asked is None or asked.over:
        raise NotPermitted(Reason.REQUEST_INVALID)
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
        if asked is not None and not asked.over and (scope, token) in asked.used:
            return Consumption.FRESH
        used = self._guard.consume(scope, token, lifetime_s)
        if used is Consumption.FRESH and asked is not None and not asked.over:
            asked.used.add((scope, token))
        return used

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("PerRequestReplayGuard is final")


@final
class Door:
    """The ASGI app around the proxy's. Paths are compared as they came, so that no spelling gets around a rule.

    Args:
        app: the proxy's.
        decider: the gateway.
        guarded: paths to POST to; each request needs a permitted resource to be answered.
        listings: paths to GET, and prefixes that end in "/": answered without one, since what they list is filtered.
        admission_path: as the gateway has it.
        open_paths: further paths, or prefixes that end in "/": what is behind them is the operator's to protect.
        signals: says of an ASGI scope where a request comes from, for a gateway that looks for sharing.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(
        self,
        app: ASGIApp,
        decider: Decider,
        *,
        guarded: Iterable[str],
        listings: Iterable[str],
        admission_path: str,
        open_paths: Iterable[str],
        signals: Callable[[Scope], Signals | None] | None = None,
    ) -> None:
        self._app: Final = app
        self._signals: Final = signals
        self._decider: Final = decider
        self._guarded: Final = frozenset(guarded)
        self._listings: Final = tuple(listings)
        self._open: Final = tuple(open_paths)
        self._admission_path: Final = admission_path
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
            await send({"type": "websocket.close", "code": 1008, "reason": ""})  # before it is accepted: 403
        elif scope["path"] == self._admission_path:
            request, body = _request(scope), await _body(receive)
            await _answer(send, await self._decider.admit_http_async(request, body, signals=self._told(scope)))
        else:
            await self._serve(scope, receive, send)

    def _told(self, scope: Scope) -> Signals | None:
        return None if self._signals is None else self._signals(scope)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        guarded = method == "POST" and path in self._guarded
        listing = method == "GET" and _is_in(path, self._listings)
        if not (guarded or listing or _is_in(path, self._open)):
            await _answer(send, _NOT_LISTED.http())
            return
        asked = Asked(self._decider, _request(scope), self._told(scope))
        if listing:
            scope = {**scope, "query_string": b""}  # some of its members name fallbacks, past the filter
        token = _ASKED.set(asked)
        try:
            await self._app(scope, receive, _Outgoing(asked, send, guarded=guarded))
        finally:
            asked.over = True  # what goes on in the background has nobody's credentials
            _ASKED.reset(token)


@final
class _Outgoing:
    """Sends what the proxy answers, or the gateway's refusal in its place."""

    def __init__(self, asked: Asked, send: Send, *, guarded: bool) -> None:
        self._asked: Final = asked
        self._send: Final = send
        self._guarded: Final = guarded
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            answer = self._instead(message["status"])
            if answer is not None:
                self._replaced = True
                await _answer(self._send, answer)
                return
            if self._asked.dpop_nonce is not None:
                nonce = (b"dpop-nonce", self._asked.dpop_nonce.encode("ascii"))
                message = {**message, "headers": [*message.get("headers", ()), nonce]}
        await self._send(message)

    def _instead(self, status: int) -> Answer | None:
        asked = self._asked
        refusal = asked.refusal
        if refusal is not None and (asked.final or status >= _NO_ANSWER):
            return refusal.http()
        if self._guarded and status < _NO_ANSWER and not asked.allowed:
            return _UNDECIDED  # the hooks were not asked, or not listened to
        return None


def _is_in(path: str, paths: Iterable[str]) -> bool:
    return any(path == each or (each.endswith("/") and path.startswith(each)) for each in paths)


def _request(scope: Scope) -> Request:
    raw = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
    query = scope.get("query_string") or b""
    target = (raw + b"?" + query if query else raw).decode("latin-1")
    return Request(scope["method"], "https://proxy.invalid" + target, tuple(scope["headers"]))


async def _body(receive: Receive) -> bytes:
    body = b""
    while len(body) <= _MAX_BODY_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


async def _answer(send: Send, answer: Answer) -> None:
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
