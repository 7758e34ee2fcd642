"""A decision service for proxies that ask before they pass a request on: one ASGI application, three kinds of proxy.

What the client asked for is read from exactly one place, which the operator names by naming his proxy, and in which
the proxy itself writes: two values, or none, are refused. A refusal is 401 or 403 and never an error of the server,
since some proxies let requests through when their service fails.

Spec: specs/profile-asgi.md section 6; specs/decisions/0022.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple, final
from urllib.parse import unquote

from .. import _registry as reg
from .._answer import Answer
from .._errors import FAILURES, CitizenIDError, MalformedError, Reason
from .._wire import base64url
from .._wire.json import parse_object
from ..gateway import Allow, Gateway
from ._asgi_answers import Endpoints, Refusal, Runs, is_path, send_answer
from ._asgi_scope import (
    ASGIApp,
    Receive,
    Scope,
    Send,
    SignalsOf,
    TLSCertificates,
    header_of,
    read_request,
    served_by,
)

_METHOD: Final = re.compile(r"[A-Z]{1,32}")
_REFUSED: Final = frozenset({401, 403})
_NO_SESSION: Final = b"-"
# Of 32 kB that examples/proxies/nginx.conf gives the whole head of an answer: an x401 request takes 8, challenges some.
_MAX_PROBLEM_BYTES: Final = 16_384
_PROBLEM_DEPTH: Final = 16  # of our own document: a DCQL query has seven levels


class Proxy(StrEnum):
    """Who asks, and so how."""

    ENVOY = "envoy"
    """ext_authz over HTTP: method, path and query are the client's, behind the decision path as prefix."""
    NGINX = "nginx"
    """auth_request: X-Original-Method and X-Original-URI, set from `$request_method` and `$request_uri`."""
    TRAEFIK = "traefik"
    """ForwardAuth: X-Forwarded-Method and X-Forwarded-Uri, which it sets itself (`trustForwardHeader` false)."""


class _Source(NamedTuple):
    method: bytes
    uri: bytes


_SOURCES: Final = {
    Proxy.ENVOY: None,  # the request itself
    Proxy.NGINX: _Source(b"x-original-method", b"x-original-uri"),
    Proxy.TRAEFIK: _Source(b"x-forwarded-method", b"x-forwarded-uri"),
}


def decision_app(
    gateway: Gateway,
    *,
    resource: str | Callable[[Scope], str | None],
    proxy: Proxy,
    decision_path: str = "/decide",
    renewal_path: str | None = None,
    sign_out_path: str | None = None,
    body_timeout_s: float = 10,
    runs: Runs = Runs.IN_THE_LOOP,
    signals: SignalsOf | None = None,
) -> ASGIApp:
    """Make the ASGI application that a proxy asks. It serves the gateway's endpoints as well, at their own paths.

    It must be reachable by the proxy alone: it believes what the proxy says about a request.

    Args:
        gateway: decides.
        resource: which resource of the policy a request is for: a function of its scope as the client sent it, or one
            name for all of them. See `CitizenshipMiddleware`; a name in a header must be set by the proxy on each
            request, over whatever the client wrote there.
        proxy: who asks.
        decision_path: where he asks; for Envoy the prefix, which must not be the beginning of a path of the API.
        renewal_path: POST here with ticket and proof for a new ticket; None for nowhere.
        sign_out_path: POST here with ticket and proof to end the session; None for nowhere.
        body_timeout_s: how long a client may take to send an admission request, seconds.
        runs: where the gateway is asked.
        signals: what is known of where a request comes from: a function of the scope as the client sent it. Its
            `client` is the proxy, unless the server puts another in its place: a network is read from what he states.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """
    usable = type(resource) is str or (callable(resource) and not inspect.iscoroutinefunction(resource))
    if not usable:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.resource")
    if type(proxy) is not Proxy:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.proxy")
    if not is_path(decision_path) or decision_path.endswith("/"):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.decision_path")
    served = served_by(gateway)
    endpoints = Endpoints(
        gateway, served, renewal_path=renewal_path, sign_out_path=sign_out_path, body_timeout_s=body_timeout_s,
        runs=runs, signals=signals,
    )  # fmt: skip
    if any(f"{path.decode('ascii')}/".startswith(f"{decision_path}/") for path in endpoints.paths):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.decision_path")
    find: Callable[[Scope], str | None] = resource if callable(resource) else lambda _: resource
    return _DecisionApp(find, proxy, decision_path.encode("ascii"), served.origin, endpoints, signals)


@final
class _DecisionApp:
    def __init__(
        self,
        resource: Callable[[Scope], str | None],
        proxy: Proxy,
        decision_path: bytes,
        origin: str,
        endpoints: Endpoints,
        signals: SignalsOf | None,
    ) -> None:
        self._resource: Final = resource
        self._proxy: Final = proxy
        self._decision_path: Final = decision_path
        self._origin: Final = origin
        self._endpoints: Final = endpoints
        self._signals: Final = signals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            while True:
                event = (await receive())["type"]
                await send({"type": f"{event}.complete"})
                if event == "lifespan.shutdown":
                    return
        if kind != "http":
            raise MalformedError(Reason.REQUEST_INVALID, "scope.type")
        head = scope.get("method") == "HEAD"
        raw_path = scope.get("raw_path")
        if type(raw_path) is bytes and raw_path in self._endpoints.paths:
            request = read_request(scope, self._origin, TLSCertificates.NOT_READ)
            if request is None:
                await send_answer(send, (await self._endpoints.doors.refuse_invalid()).http(), head=head)
            else:
                await self._endpoints.answer(scope, request, receive, send)
            return
        result, failure = await self._decide(scope)
        if isinstance(result, Allow):
            answer = _permitted(result)
        else:
            answer = _refused(result, await self._endpoints.doors.answer(result), self._proxy)
        await send_answer(send, answer, head=head)
        if failure is not None:
            raise failure  # for the server's log; the proxy has its refusal

    async def _decide(self, scope: Scope) -> tuple[Allow | Refusal, Exception | None]:
        """Return the decision, and what a function of the operator raised: a proxy must not be told of a failure."""
        asked, doors = self._as_asked(scope), self._endpoints.doors
        request = None if asked is None else read_request(asked, self._origin, TLSCertificates.NOT_READ)
        if asked is None or request is None:
            return await doors.refuse_invalid(), None
        resource, signals, failure = None, None, None
        try:
            resource = self._resource(asked)
            signals = None if self._signals is None else self._signals(asked)
        except FAILURES as error:
            failure = error
        if failure is not None or type(resource) is not str:
            return await doors.refuse_unlisted(request), failure
        return await doors.authorize(request, resource=resource, signals=signals), None

    def _as_asked(self, scope: Scope) -> Scope | None:
        """Return the scope as it would be of the client's own request, or None where the proxy does not say it."""
        raw = scope.get("raw_path")
        if type(raw) is not bytes:
            return None
        source = _SOURCES[self._proxy]
        if source is None:
            method, path, query = scope.get("method"), raw.removeprefix(self._decision_path), scope.get("query_string")
            if path == raw:
                return None
        else:
            method, uri = header_of(scope, source.method), header_of(scope, source.uri)
            if raw != self._decision_path or uri is None:
                return None
            path, _, query = uri.encode("ascii").partition(b"?")
        if type(method) is not str or _METHOD.fullmatch(method) is None or not path.isascii():
            return None  # `read_request` looks at the rest
        decoded = unquote(path.decode("ascii"))
        return {**scope, "method": method, "path": decoded, "raw_path": path, "query_string": query or b""}

    def __repr__(self) -> str:
        return f"<decision_app for {self._proxy.name}>"


def _permitted(result: Allow) -> Answer:
    """Return what a proxy is told of a request that may go on.

    All of the headers that the application may trust are set each time, so that none which the client wrote is left.
    """
    session = _NO_SESSION if result.session_id is None else base64url.encode(result.session_id)
    headers = [
        (b"cache-control", b"no-store"),
        (b"x-citizenid-rule", b"%d" % result.rule),
        (b"x-citizenid-session", session),
    ]
    if result.dpop_nonce is not None:
        headers.append((reg.HEADER_DPOP_NONCE, result.dpop_nonce.encode("ascii")))
    return Answer(200, tuple(headers), b"")


def _refused(result: Refusal, answer: Answer, proxy: Proxy) -> Answer:
    """Return what a proxy is told of a request that is refused."""
    status, headers_, body = answer
    told = [*headers_, (b"x-citizenid-reason", result.reason.value.encode("ascii"))]
    if proxy is Proxy.NGINX:  # its subrequest has no body, and one header of a name is passed on
        told = _joined(told)
        told.append((b"x-citizenid-problem", _for_a_header(body)))
    if status not in _REFUSED and proxy is not Proxy.TRAEFIK:
        told.append((b"x-citizenid-status", b"%d" % status))
        status = 403
    return Answer(status, tuple(told), body)


def _for_a_header(body: bytes) -> bytes:
    """Return a problem document as it fits into what nginx takes of an answer's head, without its query if need be."""
    if len(body) <= _MAX_PROBLEM_BYTES:
        return body
    import json  # here, because only a refusal needs it

    document = parse_object(body, "problem", _PROBLEM_DEPTH)
    document.pop("dcql_query", None)
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _joined(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Join challenges into one field (RFC 9110 section 5.3)."""
    challenges = [value for name, value in headers if name == b"www-authenticate"]
    others = [each for each in headers if each[0] != b"www-authenticate"]
    return [*others, (b"www-authenticate", b", ".join(challenges))] if challenges else others
