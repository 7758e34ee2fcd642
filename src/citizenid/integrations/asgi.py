"""A gateway in front of an ASGI application, without a framework: a middleware, and a decision service for proxies.

    app = CitizenshipMiddleware(app, gateway=gateway, resource=resource_from_path({"/v1/chat": "frontier-model"}))

Every request is decided before the application sees it, and a request of which nobody can say what it is for is
refused. Nothing is open but what the policy says `anyone` may use: there is one place where that stands. Bodies are not
read; a model that is named in one is decided by `citizenid.integrations.fastapi.require`, or by the application's own
call, and the middleware sees to it that this happens (`Deferred`).

`decision_app` answers a proxy that asks before it passes a request on: Envoy's ext_authz over HTTP, nginx's
auth_request, Traefik's ForwardAuth.

Spec: ASGI HTTP & WebSocket 2.5; specs/profile-asgi.md; specs/decisions/0022.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Final, final

from .. import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from .._errors import FAILURES, CitizenIDError, MalformedError, Reason
from ..gateway import Allow, Gateway
from ._asgi_answers import Endpoints, Runs, permitted, refuse
from ._asgi_decisions import Proxy, decision_app
from ._asgi_deferral import STATE, Deferred, Pending
from ._asgi_scope import (
    ASGIApp,
    Receive,
    Scope,
    Send,
    SignalsOf,
    TLSCertificates,
    read_request,
    resource_from_header,
    resource_from_path,
    served_by,
)

__all__ = [
    "CitizenshipMiddleware",
    "Deferred",
    "Pending",
    "Proxy",
    "Runs",
    "TLSCertificates",
    "decision_app",
    "resource_from_header",
    "resource_from_path",
]

_KINDS: Final = frozenset({"http", "websocket"})


@final
class CitizenshipMiddleware:
    """Pure ASGI middleware that lets a request through only when the gateway allows it.

    An allowed request finds the gateway's `Allow` in `scope["state"]["citizenid"]`; whatever stood there is an error,
    so that nothing else can be taken for it. The gateway's own endpoints are answered here. `lifespan` passes through.

    Args:
        app: the application.
        gateway: decides.
        resource: which resource of the policy a request is for: a function of its scope, or one name for all of them.
            None, and everything that is no text, is refused with RESOURCE_NOT_LISTED. What is open must be named, too,
            and a rule with `anyone = true` must say so.
        renewal_path: POST here with ticket and proof for a new ticket; None for nowhere.
        sign_out_path: POST here with ticket and proof to end the session; None for nowhere.
        certificates: whether the TLS connection of clients ends at this server.
        body_timeout_s: how long a client may take to send an admission request, seconds.
        undecided_body_bytes: how much of a body an application may read before it has asked the gateway.
        runs: where the gateway is asked.
        signals: what is known of where a request comes from, for `sharing`: a function of the scope.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        gateway: Gateway,
        resource: str | Callable[[Scope], str | Deferred | None],
        renewal_path: str | None = None,
        sign_out_path: str | None = None,
        certificates: TLSCertificates = TLSCertificates.NOT_READ,
        body_timeout_s: float = 10,
        undecided_body_bytes: int = 8_388_608,
        runs: Runs = Runs.IN_THE_LOOP,
        signals: SignalsOf | None = None,
    ) -> None:
        served = served_by(gateway)
        usable = callable(resource) and not inspect.iscoroutinefunction(resource)
        if not callable(app):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.app")
        if not usable and type(resource) is not str:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.resource")
        if type(certificates) is not TLSCertificates:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.certificates")
        if type(undecided_body_bytes) is not int or undecided_body_bytes < 0:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.undecided_body_bytes")
        self._app: Final = app
        self._gateway: Final = gateway
        self._resource: Final = resource if callable(resource) else lambda _: resource
        self._origin: Final = served.origin
        self._certificates: Final = certificates
        self._undecided_bytes: Final = undecided_body_bytes
        self._signals: Final = signals
        self._endpoints: Final = Endpoints(
            gateway, served, renewal_path=renewal_path, sign_out_path=sign_out_path, body_timeout_s=body_timeout_s,
            runs=runs, signals=signals,
        )  # fmt: skip
        self._doors: Final = self._endpoints.doors
        self._authorize: Final = self._doors.authorize
        self._own_paths: Final = self._endpoints.paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide one request (ASGI 3: `http` and `websocket`)."""
        kind = scope["type"]
        if kind not in _KINDS:
            if kind != "lifespan":
                raise MalformedError(Reason.REQUEST_INVALID, "scope.type")
            await self._app(scope, receive, send)
            return
        state = scope.get("state")
        # A proof is good for one decision: a second one would refuse it.
        if state and ((type(state) is not dict and not isinstance(state, Mapping)) or STATE in state):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.state")
        request = read_request(scope, self._origin, self._certificates)
        if request is None:
            await refuse(scope, receive, send, self._doors, await self._doors.refuse_invalid())
            return
        if scope["raw_path"] in self._own_paths and kind == "http":
            await self._endpoints.answer(scope, request, receive, send)
            return
        resource = self._resource(scope)
        signals = None if self._signals is None else self._signals(scope)
        if type(resource) is str:
            result = await self._authorize(request, resource=resource, signals=signals)
        elif resource is Deferred.TO_REQUIRE and kind == "http":
            pending = Pending(self._gateway, self._doors, request, signals)
            await self._leave(pending, {**scope, "state": {**(state or {}), STATE: pending}}, receive, send)
            return
        else:
            result = await self._doors.refuse_unlisted(request)
        if type(result) is not Allow:
            await refuse(scope, receive, send, self._doors, result)
            return
        child = {**scope, "state": {**(state or {}), STATE: result}}
        await self._app(child, receive, permitted(send, result, request.method))

    async def _leave(self, pending: Pending, child: Scope, receive: Receive, send: Send) -> None:
        """Leave a request to the application; a refusal that it keeps to itself leaves all the same."""
        reading, sending, ending = pending.guard(
            receive, send, head=child["method"] == "HEAD", most_bytes=self._undecided_bytes
        )
        try:
            await self._app(child, reading, sending)
        except FAILURES:
            await ending()
            raise  # for the server's log
        await ending()

    def __repr__(self) -> str:
        return "<CitizenshipMiddleware>"
