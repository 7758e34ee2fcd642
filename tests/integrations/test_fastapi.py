"""The FastAPI dependency: what is judged is what the endpoint uses, and a refusal is the gateway's own or none at all.

Spec: specs/profile-asgi.md section 5.
"""

# No `from __future__ import annotations`: FastAPI evaluates annotations, and these name things of a function.

import json
import ssl
from enum import StrEnum
from typing import Annotated, Any

import pytest
from fastapi import Body, Depends, FastAPI, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from gateway import senders
from gateway import world as w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from citizenid import CitizenIDError, Reason
from citizenid.gateway import Allow, Binding, DPoPNonces, Signals
from citizenid.integrations.asgi import CitizenshipMiddleware, Deferred, Runs, TLSCertificates, resource_from_path
from citizenid.integrations.fastapi import CitizenshipRefused, answer_refusals, require

from .asgi_driving import CONNECT, Answered, credentials, drive, scope_of, socket_scope

US = "us-nationals"


class Chat(BaseModel):
    model: str
    prompt: str = ""


class Door:
    def __init__(self, **options: Any) -> None:
        self.world = w.World(**options)
        self.alice = self.world.wallet()
        self.ticket = self.world.ticket(self.alice)

    def proven(self) -> list[tuple[bytes, bytes]]:
        return credentials(self.world, self.alice, self.ticket)


@pytest.fixture(scope="module")
def door() -> Door:
    return Door()


async def model_of(chat: Chat) -> str:
    return chat.model


def model_in_a_thread(chat: Chat) -> str:
    return chat.model


async def model_of_request(request: Request) -> Any:
    return (await request.json()).get("model")


def plain_model(body: dict[str, Any]) -> Any:
    return body.get("model")


RESOURCES = {
    "a dependency on the endpoint's body": model_of,
    "the same in a thread": model_in_a_thread,
    "a function of the request": model_of_request,
    "a lambda of the request": lambda request: model_of_request(request),
}


def api(door: Door, resource: Any, **options: Any) -> FastAPI:
    app = FastAPI()
    required = require(door.world.gateway, resource=resource, **options)

    @app.post(w.PATH)
    async def complete(chat: Chat, allow: Annotated[Allow, Depends(required)]) -> dict[str, Any]:
        return {"used": chat.model, "rule": allow.rule}

    return app


def under(door: Door, app: FastAPI, gateway: Any = None) -> CitizenshipMiddleware:
    return CitizenshipMiddleware(
        app, gateway=gateway or door.world.gateway, resource=lambda _: Deferred.TO_REQUIRE
    )  # fmt: skip


def post(app: Any, body: bytes | dict[str, Any], headers: list[tuple[bytes, bytes]]) -> Answered:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    scope = scope_of(headers=[(b"content-type", b"application/json"), *headers])
    return drive(app, scope, [{"type": "http.request", "body": data}])


@pytest.mark.parametrize("how", RESOURCES)
@pytest.mark.parametrize("runs", list(Runs))
@pytest.mark.parametrize("wrapped", [False, True])
def test_the_model_of_the_body_is_decided(door: Door, how: str, runs: Runs, wrapped: bool) -> None:
    app: Any = api(door, RESOURCES[how], runs=runs)
    answer_refusals(app)
    app = under(door, app) if wrapped else app
    answer = post(app, {"model": US}, door.proven())
    assert (answer.status, answer.json) == (200, {"used": US, "rule": 3})
    assert post(app, {"model": "open"}, []).json == {"used": "open", "rule": 1}
    for model, headers, status, reason in (
        ("europe", door.proven(), 403, "citizenship_not_permitted"),
        ("nope", door.proven(), 403, "resource_not_listed"),
        (US, [], 401, "ticket_missing"), ("", door.proven(), 403, "resource_not_listed"),
    ):  # fmt: skip
        answer = post(app, {"model": model}, headers)
        assert (answer.status, answer.reason) == (status, reason)
        assert (b"www-authenticate" in dict(answer.headers)) is (status == 401)


MEMBERS = st.lists(
    st.tuples(st.sampled_from(["model", "model", "MODEL", "mod\\u0065l", "prompt"]),
              st.sampled_from([US, "open", "europe", "nope"])), min_size=1, max_size=4,
)  # fmt: skip


@given(MEMBERS, st.sampled_from(sorted(RESOURCES)), st.booleans())
def test_of_several_models_the_one_that_is_used_is_judged(
    door: Door, members: list[tuple[str, str]], how: str, wrapped: bool
) -> None:
    body = "{" + ",".join(f'"{name}":"{value}"' for name, value in members) + "}"
    app: Any = api(door, RESOURCES[how])
    answer = post(under(door, app) if wrapped else app, body.encode(), door.proven())
    models = [value for name, value in members if name in ("model", "mod\\u0065l")]
    if not models:
        assert answer.status in (403, 422)
    elif models[-1] in (US, "open"):
        assert (answer.status, answer.json["used"]) == (200, models[-1])
    else:
        assert answer.status == 403


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"model":1}', b'{"model":null}', b'{"model":["open"]}', b"{}"]
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_body_without_a_model_is_never_answered(door: Door, body: bytes, wrapped: bool) -> None:
    for resource in (model_of, model_in_a_thread):
        app: Any = api(door, resource)
        assert post(under(door, app) if wrapped else app, body, door.proven()).status in (401, 403, 422)


HALF = b"\\ud83d"


@pytest.mark.parametrize("body", [b'"%s"' % HALF, b'{"%s":1}' % HALF, b'{"prompt":"%s"}' % HALF, b'["%s"]' % HALF])
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_cannot_be_repeated_in_utf8_is_answered_as_all_that_cannot_be_used(
    door: Door, body: bytes, wrapped: bool
) -> None:
    # FastAPI's own handler writes the body into its answer, and a client could have an error of the server at will.
    with pytest.raises(UnicodeEncodeError):
        post(api(door, model_of), body, door.proven())
    app: Any = api(door, model_of)
    answer_refusals(app)
    answer = post(under(door, app) if wrapped else app, body, door.proven())
    assert (answer.status, answer.reason) == (422, "request_invalid")
    # What FastAPI can write it writes as before, and what the application has of its own stays.
    assert post(app, b'{"model":1}', door.proven()).json["detail"][0]["type"] == "string_type"
    app = api(door, model_of)
    app.add_exception_handler(RequestValidationError, lambda request, error: JSONResponse({"own": 1}, 400))
    answer_refusals(app)
    assert post(app, body, door.proven()).json == {"own": 1}


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
@pytest.mark.parametrize("body", [b'{"model":%s}', b'{"prompt":[%s]}', b"%s"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_number_that_json_has_not_is_answered_as_all_that_cannot_be_used(
    door: Door, body: bytes, number: bytes, wrapped: bool
) -> None:
    # Python reads what it then refuses to write.
    app: Any = api(door, model_of)
    answer_refusals(app)
    answer = post(under(door, app) if wrapped else app, body % number, door.proven())
    assert (answer.status, answer.reason) == (422, "request_invalid")


@pytest.mark.parametrize("wrapped", [False, True])
def test_no_depth_of_a_body_is_an_error_of_the_server(door: Door, wrapped: bool) -> None:
    # What can just be read may be too deep to be written, by as many levels as there are calls between the two.
    app: Any = api(door, model_of)
    answer_refusals(app)
    for depth in (*range(900, 1_000), 2_000, 5_000, 9_000):
        body = b'{"model":%s%s}' % (b"[" * depth, b"]" * depth)
        assert post(under(door, app) if wrapped else app, body, door.proven()).status in {400, 422}


@pytest.mark.parametrize("resource", [model_of, model_in_a_thread, lambda request: model_of_request(request)])
def test_a_model_without_utf8_is_on_no_list(door: Door, resource: Any) -> None:
    app: Any = api(door, resource)
    answer_refusals(app)
    for each in (app, under(door, app)):
        answer = post(each, b'{"model":"%s"}' % HALF, door.proven())
        assert (answer.status, answer.reason) == (403, "resource_not_listed")


def test_a_resource_may_be_fixed(door: Door) -> None:
    app = api(door, US)
    assert post(app, {"model": "anything"}, door.proven()).json["rule"] == 3
    assert post(app, {"model": "anything"}, []).status == 401


class Model(StrEnum):
    OPEN = "open"


@pytest.mark.parametrize("given_", [None, 7, b"open", ["open"], {"open": 1}, Model.OPEN])
def test_what_names_no_resource_is_refused(door: Door, given_: Any) -> None:
    for app in (api(door, lambda request: given_), under(door, api(door, lambda request: given_))):
        answer = post(app, {"model": "open"}, [])
        assert answer.status == 403 and b"resource_not_listed" in answer.body


# --- handlers that are missing, or do what they must not ---


def test_without_the_handler_status_and_headers_are_the_gateways(door: Door) -> None:
    answer = post(api(door, model_of), {"model": "weak"}, [])
    expected = door.world.gateway.authorize(w.Request("POST", w.ORIGIN + w.PATH, []), resource="weak")
    assert not isinstance(expected, Allow)
    challenges = [value for name, value in expected.http().headers if name == b"www-authenticate"]
    assert answer.status == 401 and answer.json == {"detail": "ticket_missing"}
    assert len(challenges) > 1 and answer.header(b"www-authenticate") == b", ".join(challenges)
    assert answer.header(b"cache-control") == b"no-store" and answer.header(b"content-type") == b"application/json"
    assert post(api(door, model_of), {"model": "europe"}, door.proven()).status == 403


def test_with_the_handler_the_answer_is_the_gateways(door: Door) -> None:
    app = api(door, model_of)
    answer_refusals(app)
    result = door.world.gateway.authorize(w.Request("POST", w.ORIGIN + w.PATH, []), resource="nope")
    assert not isinstance(result, Allow)
    told = result.http()
    answer = post(app, {"model": "nope"}, door.proven())
    assert (answer.status, answer.body) == (told.status, told.body)
    assert sorted(answer.headers) == sorted([*told.headers, (b"content-length", b"%d" % len(told.body))])


def test_under_the_middleware_no_handler_can_change_a_refusal(door: Door) -> None:
    app = api(door, model_of)

    @app.exception_handler(CitizenshipRefused)
    async def forgiving(request: Request, error: CitizenshipRefused) -> JSONResponse:
        return JSONResponse({"secret": True})

    assert post(app, {"model": "nope"}, []).status == 200  # which is why there is the middleware
    answer = post(under(door, app), {"model": "nope"}, [])
    assert (answer.status, answer.reason) == (403, "resource_not_listed") and b"secret" not in answer.body


def test_under_the_middleware_a_forgotten_dependency_refuses(door: Door) -> None:
    app = FastAPI()

    @app.post(w.PATH)
    async def complete(chat: Chat) -> dict[str, str]:
        return {"secret": chat.model}

    answer = post(under(door, app), {"model": "open"}, door.proven())
    assert (answer.status, answer.reason) == (403, "resource_not_listed") and b"secret" not in answer.body
    assert drive(under(door, app), scope_of("/nowhere")).status == 404


def raises_configuration(call: Any, where: str = "") -> None:
    with pytest.raises(CitizenIDError) as caught:
        call()
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert where in ("", caught.value.where)


def test_a_request_is_decided_once(door: Door) -> None:
    app = FastAPI()
    twice = [Depends(require(door.world.gateway, resource=US)), Depends(require(door.world.gateway, resource="open"))]

    @app.post(w.PATH, dependencies=twice)
    async def complete() -> dict[str, str]:
        return {}

    for each in (app, under(door, app)):
        raises_configuration(lambda each=each: post(each, b"", door.proven()))
    decided = CitizenshipMiddleware(
        api(door, US), gateway=door.world.gateway, resource=resource_from_path({w.PATH: "open"})
    )
    raises_configuration(lambda: post(decided, {"model": US}, door.proven()))
    other = under(door, api(door, US), door.world.another_gateway())
    raises_configuration(lambda: post(other, {"model": US}, door.proven()))


def test_a_websocket_is_not_let_in(door: Door) -> None:
    app = FastAPI()
    reached = []

    @app.websocket(w.PATH, dependencies=[Depends(require(door.world.gateway, resource="open"))])
    async def talk(socket: WebSocket) -> None:
        reached.append(socket)
        await socket.accept()

    with pytest.raises(TypeError):
        drive(app, socket_scope(), [CONNECT])
    assert reached == []


def test_the_application_finds_the_decision_in_its_state(door: Door) -> None:
    app = FastAPI()

    @app.post(w.PATH, dependencies=[Depends(require(door.world.gateway, resource=US))])
    async def complete(request: Request) -> list[Any]:
        return [type(request.state.citizenid).__name__, request.state.citizenid.rule]

    for each in (app, under(door, app)):
        assert post(each, b"", door.proven()).json == ["Allow", 3]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_what_some_people_alone_may_read_is_kept_by_no_cache_for_others(door: Door, method: str, wrapped: bool) -> None:
    app = FastAPI()
    for path, resource in ((w.PATH, US), ("/open", "open"), ("/own", US)):
        needs = Depends(require(door.world.gateway, resource=resource))
        app.api_route(path, methods=["GET", "HEAD", "POST"], dependencies=[needs])(_own if path == "/own" else _answer)
    served = under(door, app) if wrapped else app

    def told(path: str) -> list[tuple[bytes, bytes]]:
        headers = credentials(door.world, door.alice, door.ticket, path, method)
        answer = drive(served, scope_of(path, headers, method=method))
        assert answer.status == 200
        return [each for each in answer.headers if each[0] in (b"vary", b"cache-control")]

    private = [(b"cache-control", b"private"), (b"vary", b"citizenship-ticket")]
    assert sorted(told(w.PATH)) == (private if method != "POST" else [])
    own = [(b"cache-control", b"no-cache"), (b"vary", b"citizenship-ticket"), (b"vary", b"origin")]
    assert sorted(told("/own")) == (own if method != "POST" else own[::2])
    assert told("/open") == []


async def _answer() -> dict[str, int]:
    return {}


async def _own(response: Response) -> dict[str, int]:
    response.headers["cache-control"] = "no-cache"
    response.headers.append("vary", "origin")
    return {}


def test_a_nonce_that_is_due_goes_out() -> None:
    world = w.World(dpop_nonces=DPoPNonces.OF_THE_FLEET)
    sender = senders.Sender(Binding.DPOP)
    nonce = sender.apply(world, senders.anybody(world)).dpop_nonce
    ticket = sender.apply(world, senders.anybody(world), nonce=nonce).ticket
    world.wait(150)
    door = Door()
    door.world = world
    for app in (api(door, US), under(door, api(door, US))):
        request = sender.request(world, ticket, nonce=nonce)
        answer = post(app, {"model": US}, list(request.headers))
        assert answer.status == 200 and answer.header(b"dpop-nonce")
        assert answer.header(b"cache-control") == b"no-store"


def test_a_body_that_nobody_has_paid_for_has_a_bound(door: Door) -> None:
    app = CitizenshipMiddleware(
        api(door, model_of), gateway=door.world.gateway, resource=lambda _: Deferred.TO_REQUIRE,
        undecided_body_bytes=1_000,
    )  # fmt: skip
    scope = scope_of(headers=[(b"content-type", b"application/json")])
    parts = [{"type": "http.request", "body": b" " * 100, "more_body": True}] * 11
    answer = drive(app, scope, parts)  # and is not waited for
    assert (answer.status, answer.reason) == (403, "input_too_large")


def test_where_a_request_comes_from_is_handed_on(door: Door) -> None:
    seen: list[Any] = []
    assert post(api(door, US, signals=seen.append), {"model": US}, door.proven()).status == 200
    assert seen[0]["raw_path"] == w.PATH.encode()
    answer = post(api(door, US, signals=lambda _: "AS1"), {"model": US}, door.proven())
    assert (answer.status, answer.json) == (403, {"detail": "request_invalid"})


def test_the_certificate_of_the_server_counts_where_the_operator_says_so(door: Door) -> None:
    sender = senders.Sender(Binding.MTLS)
    ticket = (b"citizenship-ticket", sender.ticket(door.world).encode())
    shown = {"tls": {"client_cert_chain": [ssl.DER_cert_to_PEM_cert(sender.certificate)], "client_cert_error": None}}
    headers = [(b"content-type", b"application/json"), ticket]
    body = [{"type": "http.request", "body": json.dumps({"model": US}).encode()}]
    for options, status in (({"certificates": TLSCertificates.OF_THE_SERVER}, 200), ({}, 401)):
        app = api(door, US, **options)
        answer_refusals(app)
        answer = drive(app, scope_of(headers=headers, extensions=shown), body)
        assert answer.status == status
    assert answer.reason == "proof_missing"


def test_the_request_is_read_as_by_the_middleware(door: Door) -> None:
    app = api(door, "open")
    scope = scope_of(raw_path=None, headers=[(b"content-type", b"application/json")])
    answer = drive(app, scope, [{"type": "http.request", "body": b'{"model":"x"}'}])
    assert (answer.status, answer.json) == (403, {"detail": "request_invalid"})


async def _signals(scope: Any) -> None:
    """What nobody awaits."""


@pytest.mark.parametrize(
    "options",
    [
        {"resource": None},
        {"resource": 7},
        {"certificates": None},
        {"gateway": None},
        {"runs": None},
        {"runs": True},
        {"runs": "in_threads"},
        {"signals": "AS1"},
        {"signals": Signals("AS1")},
        {"signals": _signals},
    ],
)
def test_a_dependency_that_cannot_be_right_is_not_made(door: Door, options: dict[str, Any]) -> None:
    arguments = {"gateway": door.world.gateway, "resource": "open"} | options
    where = f"asgi.{next(iter(options))}"
    raises_configuration(lambda: require(arguments.pop("gateway"), **arguments), where)
    require(door.world.gateway, resource="open", certificates=TLSCertificates.OF_THE_SERVER)


def test_bodies_of_another_shape_are_found_by_a_function_of_their_own(door: Door) -> None:
    app = FastAPI()

    @app.post(w.PATH, dependencies=[Depends(require(door.world.gateway, resource=plain_model))])
    async def complete(body: Annotated[dict[str, Any], Body()]) -> Any:
        return body["model"]

    assert post(app, {"model": US}, door.proven()).json == US
    assert post(app, {"model": 7}, door.proven()).status == 403
