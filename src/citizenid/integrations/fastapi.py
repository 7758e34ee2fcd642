"""A FastAPI dependency for the model that a request names in its body.

    async def model_of(chat: Chat) -> str:
        return chat.model

    @app.post("/v1/chat/completions", dependencies=[Depends(require(gateway, resource=model_of))])
    async def complete(chat: Chat) -> Completion: ...

The name is that of the value which FastAPI has parsed for the endpoint, and not of the bytes: JSON may name a member
twice, and only who uses the value knows which of them counts. The two functions must name their parameter alike (`chat`
above): of bodies with different names FastAPI makes two, and what is decided would not be what is used.

Spec: specs/profile-asgi.md section 5.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from fastapi import Depends, FastAPI, HTTPException
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from .. import _registry as reg
from .._answer import Answer, problem
from .._errors import CitizenIDError, Reason
from ..gateway import Allow, Gateway
from ._asgi_answers import CACHEABLE, Doors, Refusal, Runs, check_signals
from ._asgi_deferral import STATE, Pending
from ._asgi_scope import SignalsOf, TLSCertificates, read_request, served_by

__all__ = ["CitizenshipRefused", "answer_refusals", "require"]

Resource = Callable[..., str | Awaitable[str | None] | None]
_NONCE: Final = reg.HEADER_DPOP_NONCE.decode("ascii")
_UNREADABLE: Final = problem(422, Reason.REQUEST_INVALID, members={"step": "request"})


class CitizenshipRefused(HTTPException):
    """The gateway has refused.

    Where nobody handles it, FastAPI's own handler answers with the status and the headers of the refusal; with
    `answer_refusals`, or under `CitizenshipMiddleware`, the client gets the gateway's answer as it stands.

    Attributes:
        answer: the gateway's answer.
    """

    def __init__(self, result: Refusal, answer: Answer) -> None:
        self.answer: Final[Answer] = answer
        headers: dict[str, str] = {}
        for name, value in self.answer.headers:
            key, text = name.decode("ascii"), value.decode("ascii")
            if key != "content-type":  # the body is another one
                headers[key] = f"{headers[key]}, {text}" if key in headers else text
        super().__init__(self.answer.status, detail=result.reason.value, headers=headers)


def answer_refusals(app: FastAPI) -> None:
    """Have an application answer refusals of `require` with the gateway's own answer.

    FastAPI repeats in its 422 what it could not use, and fails where that can be read and not written: half of a
    surrogate pair, which has no UTF-8, a number beyond the range, NaN, and what is nested as deep as can just be read.
    Where its own handler is the application's, such a body is answered by 422 as well.
    """
    app.add_exception_handler(CitizenshipRefused, _answer)
    if app.exception_handlers.get(RequestValidationError) is request_validation_exception_handler:
        app.add_exception_handler(RequestValidationError, _answer_unreadable)


async def _answer(_: Request, error: Exception) -> Response:
    return _response(cast("CitizenshipRefused", error).answer)


async def _answer_unreadable(request: Request, error: Exception) -> Response:
    try:
        return await request_validation_exception_handler(request, cast("RequestValidationError", error))
    except (ValueError, RecursionError):  # UnicodeEncodeError is one of the former
        pass  # answered below, without the body
    return _response(_UNREADABLE)


def _response(answer: Answer) -> Response:
    status, headers, body = answer
    response = Response(body, status)
    response.raw_headers.extend(headers)  # repeats kept
    return response


def require(
    gateway: Gateway,
    *,
    resource: str | Resource,
    certificates: TLSCertificates = TLSCertificates.NOT_READ,
    runs: Runs = Runs.IN_THE_LOOP,
    signals: SignalsOf | None = None,
) -> Callable[..., Awaitable[Allow]]:
    """Make a dependency that lets a request through only when the gateway allows it, and returns its `Allow`.

    Without `CitizenshipMiddleware` it guards the endpoints alone that depend on it: as a dependency of the whole
    application it guards neither FastAPI's own pages (`/docs`, `/openapi.json`) nor what is mounted.

    Without it, too, it reads the request itself, and the admission endpoint must be served elsewhere; a
    response that the endpoint makes itself then lacks the headers that FastAPI would have added (`DPoP-Nonce`, and
    `Vary` and `Cache-Control` for what a cache must not keep for others).
    Under the middleware the request must be `Deferred.TO_REQUIRE`, and the middleware's arguments hold. A request is
    decided once: a second dependency of this kind is an error.

    Args:
        gateway: decides; that of the middleware, where there is one.
        resource: the resource of the policy: its name, or a dependency of FastAPI that returns it, such as a function
            of the request or of the same body as the endpoint's. What it returns and is no text is refused, a member
            of an enumeration too: its `value` is meant.
        certificates: whether the TLS connection of clients ends at this server.
        runs: where the gateway is asked.
        signals: what is known of where a request comes from: a function of the scope.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """
    if not callable(resource) and type(resource) is not str:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.resource")
    if type(certificates) is not TLSCertificates:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.certificates")
    if type(runs) is not Runs:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.runs")
    check_signals(signals)
    served = served_by(gateway)
    origin, doors = served.origin, Doors(gateway, served, runs)

    async def decide(request: Request, response: Response, name: Any) -> Allow:
        state = request.scope.setdefault("state", {})  # of this request: the server has copied it
        pending = state.get(STATE)
        if pending is None:
            result = await alone(request, name)
        elif isinstance(pending, Pending) and pending.gateway is gateway:
            result = await pending.authorize(name)
        else:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.state")
        if not isinstance(result, Allow):
            answer = pending.refusal if pending is not None else None
            raise CitizenshipRefused(result, answer or await doors.answer(result))
        if pending is None:
            _add_headers(response, result, request.method)
        state[STATE] = result
        return result

    async def alone(request: Request, name: Any) -> Allow | Refusal:
        asked = read_request(request.scope, origin, certificates)
        if asked is None:
            return await doors.refuse_invalid()
        known = None if signals is None else signals(request.scope)
        if type(name) is not str:
            return await doors.refuse_unlisted(asked)
        return await doors.authorize(asked, resource=name, signals=known)

    if isinstance(resource, str):
        fixed = resource

        async def required(request: Request, response: Response) -> Allow:
            return await decide(request, response, fixed)

        return required

    named = Depends(_as_dependency(resource))

    async def required_of(request: Request, response: Response, name: Any = named) -> Allow:
        return await decide(request, response, name)

    return required_of


def _add_headers(response: Response, allow: Allow, method: str) -> None:
    """Add what the middleware would: the next DPoP nonce, for this once, and that what some alone may GET is theirs."""
    if allow.dpop_nonce is not None:
        response.headers[_NONCE] = allow.dpop_nonce
        response.headers["cache-control"] = "no-store"  # RFC 9449 section 8.2
    if allow.session_id is not None and method in CACHEABLE:
        response.headers.append("vary", reg.HEADER_TICKET.decode("ascii"))
        response.headers.setdefault("cache-control", "private")


def _as_dependency(resource: Resource) -> Resource:
    """Let `lambda request: ...` be a function of the request: FastAPI would look for a query parameter of that name."""
    parameters = list(inspect.signature(resource).parameters.values())
    if len(parameters) != 1 or parameters[0].annotation is not inspect.Parameter.empty:
        return resource

    async def of_request(request: Request) -> object:
        found = resource(request)
        return await found if inspect.isawaitable(found) else found

    return cast("Resource", of_request)
