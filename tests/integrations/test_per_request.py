"""One client request that is asked about many times: decided once for each resource, by credentials of its own.

The app behind the door is one of the tests, and LiteLLM a stand-in; how LiteLLM itself does is in test_litellm.py.

Spec: specs/profile-litellm.md.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import types
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, cast

import builders as b
import litellm_stand_in  # noqa: F401  # the module cannot be imported without
import pytest
from gateway import world as gateway_world
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, Limits, Reason
from citizenid._answer import Answer
from citizenid.gateway import (
    Allow,
    Consumption,
    Deny,
    MemoryReplayGuard,
    NeedStatusList,
    ProofRequest,
    Request,
    Signals,
)
from citizenid.integrations import _per_request as p
from citizenid.integrations import litellm
from citizenid.integrations.litellm import CitizenshipGuard, NotPermitted, PerRequestReplayGuard, Runs

UNLISTED: Final = Deny(Reason.RESOURCE_NOT_LISTED, "policy", "resource")
FORBIDDEN: Final = Deny(Reason.CITIZENSHIP_NOT_PERMITTED, "policy", "resource")
CHAT: Final = "/v1/chat/completions"
OPEN: Final = frozenset({"open", "other"})


class Gateway:
    """Permits two names, and remembers what it was asked, and which refusals of others it was told of."""

    external_url = "https://gateway.example"
    admission_path = "/citizenship"
    limits = Limits()

    def __init__(self, allow: Allow = Allow(1)) -> None:  # noqa: B008  # immutable
        self.told: list[str] = []
        self.asked: list[str] = []
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        self.after: list[Allow | None] = []
        self.signals: list[Signals | None] = []
        self._allow = allow

    async def authorize_async(
        self, request: Request, *, resource: str | None, signals: Signals | None = None, after: Allow | None = None
    ) -> Any:
        if resource is None:
            self.told.append("resource_not_listed")
            return UNLISTED
        self.after.append(after)
        self.signals.append(signals)
        self.asked.append(resource)
        self.requests.append(request)
        if resource == "status":
            return NeedStatusList("https://id.example/status/1")
        return self._allow if resource in OPEN else FORBIDDEN

    async def admit_http_async(self, request: Request, body: bytes, *, signals: Signals | None = None) -> Answer:
        if not request.headers and not request.url:
            self.told.append("input_too_large" if body else "request_invalid")
            return Answer(403, (), b"")
        self.signals.append(signals)
        self.bodies.append(body)
        return Answer(200, (), b"admitted")

    async def renew_async(self, request: Request) -> Any: ...

    async def sign_out_async(self, request: Request) -> Any: ...


class Proxy:
    """As much of LiteLLM as the guard looks at: an app that has started, and a router."""

    def __init__(self, serve: Callable[[], Awaitable[int]], *, started: bool = True) -> None:
        self.app = types.SimpleNamespace(state=types.SimpleNamespace(), middleware_stack=None, served=[])
        self.app.add_middleware = lambda door, **options: setattr(
            self.app, "middleware_stack", door(self._app, **options)
        )
        self.llm_router: Any = types.SimpleNamespace(
            model_group_alias={"alias": "secret", "hidden": {"model": "secret"}}
        )
        self._serve = serve
        self.scopes: list[Any] = []
        self.read: list[Any] = []
        if started:
            self.app.middleware_stack = self._app

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] != "http":
            return
        self.read.append([await receive(), await receive()])
        try:
            status = await self._serve()
        except NotPermitted:
            status = 429  # as when something else had failed before
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-from", b"model")]})
        await send({"type": "http.response.body", "body": b"from the model"})


def ask(
    proxy: Proxy,
    path: str = CHAT,
    *,
    method: str = "POST",
    kind: str = "http",
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: Iterable[bytes] = (b'{"model":"open"}',),
    **extra: Any,
) -> Any:
    """Send a request; return status, headers and body of the answer."""
    sent: list[Any] = []
    pieces = list(body)

    async def receive() -> Any:
        if not pieces:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    typed = [*headers, (b"content-type", b"application/json")] if isinstance(headers, list | tuple) else headers
    scope = {"type": kind, "method": method, "path": path, "headers": typed, **extra}
    asyncio.run(proxy.app.middleware_stack(scope, receive, send))
    if kind != "http":
        return sent
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def guarded(
    steps: Callable[[CitizenshipGuard], Awaitable[int]], gateway: Gateway | None = None, **options: Any
) -> tuple[Proxy, Gateway]:
    """A proxy whose app does these steps with its guard."""
    gateway = gateway or Gateway()
    guard: CitizenshipGuard

    async def serve() -> int:
        return await steps(guard)

    proxy = Proxy(serve)
    guard = CitizenshipGuard(cast(Any, gateway), proxy=proxy, **options)
    return proxy, gateway


def deployment(group: Any, number: str = "1", model: Any = "openai/m") -> dict[str, Any]:
    return {"model_name": group, "model_info": {"id": number}, "litellm_params": {"model": model}}


async def named(guard: CitizenshipGuard, model: Any) -> None:
    await guard.async_pre_call_hook(user_api_key_dict=None, cache=None, data={"model": model}, call_type="acompletion")


async def picked(guard: CitizenshipGuard, model: str, *deployments: dict[str, Any]) -> list[Any]:
    return await guard.async_filter_deployments(model, list(deployments), None, {}, None)


async def called(guard: CitizenshipGuard, **kwargs: Any) -> None:
    await guard.async_pre_call_deployment_hook(kwargs, None)


def reason(answer: Any) -> str:
    return str(json.loads(answer[2])["reason"])


# --- the door ---


def test_what_is_permitted_answers_unchanged() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        return 200

    proxy, gateway = guarded(steps)
    assert ask(proxy) == (200, {b"x-from": b"model"}, b"from the model")
    assert gateway.asked == ["open"]


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_the_refusal_of_the_named_model_is_the_answer_whatever_the_proxy_says(status: int) -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        with pytest.raises(NotPermitted) as caught:
            await named(guard, "secret")
        assert caught.value.status_code == 403 and caught.value.num_retries == 0
        assert str(caught.value) == caught.value.message == "citizenship: citizenship_not_permitted"
        return status

    proxy, _ = guarded(steps)
    answer = ask(proxy)
    assert (answer[0], reason(answer)) == (403, "citizenship_not_permitted")
    assert b"x-from" not in answer[1] and answer[1][b"content-length"] == str(len(answer[2])).encode()


def test_what_comes_after_the_refusal_of_the_named_model_does_not_lift_it() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        for asking in (named(guard, "secret"), picked(guard, "secret", deployment("secret"))):
            with pytest.raises(NotPermitted):
                await asking
        await picked(guard, "open", PERMITTED)
        await called(guard, model="openai/m", model_info={"id": "1"})
        return 200

    assert ask(guarded(steps)[0])[0] == 403


def test_an_answer_without_a_decision_does_not_leave() -> None:
    status = 200

    async def steps(guard: CitizenshipGuard) -> int:
        return status

    proxy, gateway = guarded(steps)
    for status in (200, 204, 302, 399):  # noqa: B007  # the app answers it
        answer = ask(proxy)
        assert (answer[0], reason(answer)) == (403, "resource_not_listed") and gateway.asked == []
    assert gateway.told == ["resource_not_listed"] * 4
    status = 200
    assert ask(proxy, "/v1/models", method="GET")[0] == 200  # a listing needs none
    assert ask(proxy, "/health/readiness", method="GET")[0] == 200


def test_an_error_of_the_proxy_needs_no_decision() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        return 401

    assert ask(guarded(steps)[0])[2] == b"from the model"  # his API key was wrong


def test_a_status_list_that_is_missing_is_a_503() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "status")
        return 200

    answer = ask(guarded(steps)[0])
    assert answer[0] == 503 and b"retry-after" in answer[1]


@given(st.text(alphabet="/v1chatompleinsCA%.;\\? \0é", max_size=30))
def test_no_other_spelling_of_a_path_gets_in(path: str) -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        raise AssertionError("the proxy was asked")

    proxy, _ = guarded(steps)
    for spelled in (path, CHAT + path, path + CHAT, "/health/readiness" + path, "/" + path):
        if spelled not in {*litellm._GUARDED, *litellm._HEALTH}:
            answer = ask(proxy, spelled)
            assert (answer[0], reason(answer)) == (403, "resource_not_listed")


@pytest.mark.parametrize("path", [CHAT, "/citizenship"])
@pytest.mark.parametrize("body", [["{}"], [b"", None], [b"{", 7]])
def test_a_body_that_no_server_makes_reaches_nobody(path: str, body: list[Any]) -> None:
    proxy, gateway = guarded(lambda guard: asyncio.sleep(0, 200))
    assert reason(ask(proxy, path, body=body)) == "request_invalid"
    assert (proxy.scopes, gateway.told, gateway.bodies) == ([], ["request_invalid"], [])


@pytest.mark.parametrize("path", [CHAT, "/citizenship", "/v1/models", "/health/liveness"])
@pytest.mark.parametrize(
    "changes",
    [{"headers": each} for each in (None, 7, "text", {b"a": b"b"}, [None], [7], [(b"a",)], [(b"a", b"b", b"c")],
                                    [(None, b"a")], [("a", b"b")], [(b"a", "b")], [[b"a", None]])]
    + [{"path": each} for each in (None, 7, b"/v1/models", ["/v1/models"])]
    + [{"method": each} for each in (None, b"GET", 7)]
    + [{name: each} for name in ("raw_path", "query_string") for each in ("text", 7, [b"a"])],
)  # fmt: skip
def test_a_scope_that_no_server_makes_reaches_nobody(path: str, changes: dict[str, Any]) -> None:
    reached = []

    async def steps(guard: CitizenshipGuard) -> int:
        reached.append(path)
        return 200

    proxy, gateway = guarded(steps)
    assert reason(ask(proxy, **{"path": path} | changes)) == "request_invalid"
    assert (reached, gateway.told) == ([], ["request_invalid"])


@pytest.mark.parametrize(
    ("method", "path"), [("GET", CHAT), ("PUT", CHAT), ("POST", "/v1/models"), ("HEAD", "/models")]
)
def test_another_method_is_another_thing(method: str, path: str) -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        raise AssertionError("the proxy was asked")

    assert ask(guarded(steps)[0], path, method=method)[0] == 403


def test_open_paths_are_those_that_are_named() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        return 200

    proxy, _ = guarded(steps, open_paths=("/key/generate", "/ui/"))
    assert [ask(proxy, path)[0] for path in ("/key/generate", "/ui/", "/ui/x/y", "/health/liveness")] == [200] * 4
    assert [ask(proxy, path)[0] for path in ("/key/generate/", "/key", "/ui", "/health/livenessx", "/")] == [403] * 5


@pytest.mark.parametrize("path", ["/", "/v1/", "/v1/chat/", CHAT, "", "key", 7, b"/key"])
def test_a_path_that_would_open_what_is_guarded_is_a_mistake(path: Any) -> None:
    for options in ({"open_paths": (path,)}, {"admission_path": path}):
        if options == {"admission_path": path} and path in ("/", "/v1/", "/v1/chat/"):
            continue  # an endpoint is one path
        gateway = Gateway()
        gateway.admission_path = options.get("admission_path", gateway.admission_path)  # nor may the gateway's be
        with pytest.raises(CitizenIDError) as caught:
            CitizenshipGuard(cast(Any, gateway), proxy=Proxy(lambda: None), **options)  # type: ignore[arg-type, return-value]  # nobody serves
        assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_one_app_has_one_guard() -> None:
    proxy, _ = guarded(lambda guard: asyncio.sleep(0, 200))
    with pytest.raises(CitizenIDError) as caught:
        CitizenshipGuard(cast(Any, Gateway()), proxy=proxy)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_an_app_that_has_not_started_gets_its_door_as_well() -> None:
    proxy = Proxy(lambda: asyncio.sleep(0, 200), started=False)
    CitizenshipGuard(cast(Any, Gateway()), proxy=proxy)
    assert ask(proxy, "/v1/batches")[0] == 403 and ask(proxy, "/v1/models", method="GET")[0] == 200


def test_a_websocket_is_closed_before_it_opens_and_a_lifespan_goes_on() -> None:
    proxy, _ = guarded(lambda guard: asyncio.sleep(0, 200))
    assert ask(proxy, "/v1/realtime", kind="websocket") == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    assert proxy.scopes == []
    assert ask(proxy, "", kind="lifespan") == [] and proxy.scopes[0]["type"] == "lifespan"


def test_the_question_of_a_listing_is_not_passed_on() -> None:
    proxy, _ = guarded(lambda guard: asyncio.sleep(0, 200))
    ask(proxy, "/v1/models", method="GET", query_string=b"include_metadata=true")
    assert proxy.scopes[0]["query_string"] == b""


def test_the_gateway_sees_the_request_as_it_came() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        return 200

    proxy, gateway = guarded(steps)
    headers = [(b"citizenship-ticket", b"1"), (b"citizenship-ticket", b"2")]
    ask(proxy, headers=headers, raw_path=b"/v1/chat/complet%69ons", query_string=b"a=b")
    ask(proxy, headers=headers)
    with_raw, without = gateway.requests
    assert with_raw.url.endswith("/v1/chat/complet%69ons?a=b") and without.url.endswith(CHAT)
    assert list(with_raw.headers)[:2] == headers and with_raw.method == "POST"


def test_admission_is_answered_at_the_door() -> None:
    proxy, gateway = guarded(lambda guard: asyncio.sleep(0, 200))
    assert ask(proxy, "/citizenship", body=[b"{", b"}"])[2] == b"admitted"
    most = 2 * Limits().presentation_bytes
    ask(proxy, "/citizenship", body=[b"x" * (most - 1), b"y"])
    assert gateway.bodies == [b"{}", b"x" * (most - 1) + b"y"] and gateway.told == []
    assert reason(ask(proxy, "/citizenship", body=[b"x" * most, b"y"])) == "input_too_large"
    assert len(gateway.bodies) == 2 and gateway.told == ["input_too_large"] and proxy.scopes == []


def test_a_head_of_the_admission_endpoint_has_no_body() -> None:
    proxy, gateway = guarded(lambda guard: asyncio.sleep(0, 200))
    status, headers, body = ask(proxy, "/citizenship", method="HEAD", body=[b"{}"])
    assert (status, headers[b"content-length"], body) == (200, b"8", b"") and gateway.bodies == [b"{}"]


@pytest.mark.parametrize("path", ["/citizenship", CHAT])
def test_nobody_waits_for_a_body_that_does_not_come(path: str) -> None:
    async def never() -> Any:
        await asyncio.Event().wait()

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    proxy, gateway = guarded(lambda guard: asyncio.sleep(0, 200), body_timeout_s=0.01)
    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    asyncio.run(proxy.app.middleware_stack(scope, never, send))
    assert sent[0]["status"] == 408 and proxy.scopes == [] and gateway.bodies == gateway.asked == gateway.told == []


def test_who_goes_away_is_not_answered() -> None:
    proxy, gateway = guarded(lambda guard: asyncio.sleep(0, 200))
    for path in ("/citizenship", CHAT):
        with pytest.raises(AssertionError):
            ask(proxy, path, body=[])  # nothing was sent
    assert proxy.scopes == [] and gateway.bodies == gateway.told == []


def test_a_body_is_read_as_far_as_it_may_go() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        return 200

    text = b'{"model":"open","messages":[]}'
    proxy, gateway = guarded(steps, body_bytes=len(text))
    assert ask(proxy, body=[text[:9], text[9:]])[0] == 200
    given, end = proxy.read[0]
    assert given == {"type": "http.request", "body": text, "more_body": False} and end == {"type": "http.disconnect"}
    for long, headers in (([text, b" "], ()), ([text], [(b"content-length", b"31")])):
        assert reason(ask(proxy, body=long, headers=headers)) == "input_too_large"
    assert len(proxy.scopes) == 1 and gateway.told == ["input_too_large"] * 2


def test_of_the_headers_and_the_query_those_pass_alone_which_are_named() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        return 200

    proxy, gateway = guarded(steps, headers=("X-Team",))
    headers = [(b"Authorization", b"1"), (b"x-team", b"2"), (b"x-ai-eg-model", b"3"), (b"x-litellm-tags", b"4"),
               (b"citizenship-ticket", b"5"), (b"content-length", b"16"), (b"content-encoding", b"gzip")]  # fmt: skip
    ask(proxy, headers=headers, query_string=b"model=secret")
    stated = [(b"content-type", b"application/json"), (b"content-length", b"16")]
    assert proxy.scopes[0]["headers"] == [*headers[:2], *stated] and proxy.scopes[0]["query_string"] == b""
    assert (b"x-ai-eg-model", b"3") in gateway.requests[0].headers  # the gateway sees all of them


@pytest.mark.parametrize(
    "options",
    [
        {"body_bytes": 0}, {"body_bytes": 1.5}, {"body_bytes": True}, {"body_timeout_s": 0}, {"body_timeout_s": 3_601},
        {"body_timeout_s": "1"}, {"runs": "in_threads"}, {"headers": "x-team"}, {"headers": [b"x-team"]},
        {"headers": ["é"]}, {"headers": [""]}, {"headers": 5}, {"headers": None}, {"headers": ["Content-Type"]},
        {"headers": ["content-length"]}, {"headers": ["x-team", "Content-Encoding"]},
        {"headers": ["transfer-encoding"]},
        {"open_paths": 5}, {"open_paths": None}, {"open_paths": "/"}, {"open_paths": b"/key"}, {"signals": 5},
        {"signals": asyncio.sleep}, {"admission_path": "/admit"}, {"admission_path": ""}, {"admission_path": None},
    ],
)  # fmt: skip
def test_a_guard_is_configured_well_or_not_at_all(options: dict[str, Any]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        guarded(lambda guard: asyncio.sleep(0, 200), **options)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("body", [b"", b"{}", b'{"model":"open","deployment_id":"x"}', b"[]", b'{"model":"open"'])
def test_a_body_that_may_not_pass_reaches_nobody_and_the_gateway_is_told(body: bytes) -> None:
    proxy, gateway = guarded(lambda guard: asyncio.sleep(0, 200))
    answer = ask(proxy, body=[body])
    assert (answer[0], reason(answer)) == (403, "request_invalid")
    assert proxy.scopes == [] and gateway.told == ["request_invalid"]


BODY: Final = b'{"model":"open"}'
SHA_256, SHA_512 = (
    b"%s=:%s:" % (name, base64.b64encode(make(BODY).digest()))
    for name, make in ((b"sha-256", hashlib.sha256), (b"sha-512", hashlib.sha512))
)


@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        ([SHA_256], True), ([SHA_512], True), ([SHA_256 + b", " + SHA_512], True), ([SHA_512, SHA_256], True),
        ([SHA_256 + b",\tmd5=:AAAA:"], True),
        ([SHA_256.replace(b"sha-256", b"sha-512")], False), ([SHA_256, SHA_512.lower()], False),
        ([SHA_256, SHA_256], False), ([SHA_256[:-2] + b":"], False), ([SHA_256 + b";a"], False), ([b""], False),
        ([SHA_256 + b","], False), ([b"md5=:AAAA:"], False), ([SHA_256[:-1]], False), ([b" " * 2_000 + SHA_256], False),
        ([b"SHA-256" + SHA_256[7:]], False), ([b"sha-256=AAAA"], False), ([SHA_256, b""], False),
    ],
)  # fmt: skip
def test_a_body_is_the_one_whose_digest_is_stated_or_reaches_nobody(fields: list[bytes], passes: bool) -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        return 200

    proxy, gateway = guarded(steps)
    answer = ask(proxy, headers=[(b"Content-Digest", field) for field in fields], body=[BODY[:5], BODY[5:]])
    assert (answer[0] == 200) is passes is bool(proxy.scopes)
    if not passes:
        assert (answer[0], reason(answer), gateway.told) == (403, "request_invalid", ["request_invalid"])


def test_two_types_of_a_body_are_none() -> None:
    proxy, gateway = guarded(lambda guard: asyncio.sleep(0, 200))
    answer = ask(proxy, headers=[(b"Content-Type", b"application/x-www-form-urlencoded")])
    assert reason(answer) == "request_invalid" and proxy.scopes == [] and gateway.told == ["request_invalid"]


def test_questions_of_a_request_that_come_at_once_are_asked_one_after_the_other() -> None:
    class Waiting(Gateway):
        at_once = most = 0

        async def authorize_async(self, request: Request, **options: Any) -> Any:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            await asyncio.sleep(0)
            self.at_once -= 1
            return await super().authorize_async(request, **options)

    async def steps(guard: CitizenshipGuard) -> int:
        await asyncio.gather(*(named(guard, model) for model in ("open", "other", "open")))
        left = await asyncio.gather(*(called(guard, model="x") for _ in range(3)), return_exceptions=True)
        assert all(isinstance(each, NotPermitted) for each in left)
        return 200

    waiting = Waiting()
    ask(guarded(steps, waiting)[0])
    assert waiting.asked == ["open", "other"] and waiting.most == 1 and waiting.told == ["resource_not_listed"]


def test_behind_an_open_path_no_model_is_called() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        for asking in (
            named(guard, "open"),
            picked(guard, "open", PERMITTED),
            called(guard, model="openai/m", model_info={"id": "1"}),
        ):
            with pytest.raises(NotPermitted):
                await asking
        return 200

    proxy, gateway = guarded(steps, open_paths=("/engines/",))
    answer = ask(proxy, "/engines/open/chat/completions")
    assert (answer[0], reason(answer)) == (403, "request_invalid")
    assert gateway.asked == [] and gateway.told == ["request_invalid"]


def test_every_refusal_is_told_to_a_gateway_that_counts_and_writes_them_down() -> None:
    class Written:
        def __init__(self) -> None:
            self.reasons: list[str] = []

        def allowed(self, **_: object) -> None: ...

        def refused(self, reason: Reason, step: str, **_: object) -> int:
            self.reasons.append(reason.value)
            return 0

        def settle(self, position: int) -> None: ...

    written = Written()
    world = gateway_world.World(audit=written)

    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        for _ in range(2):
            with pytest.raises(NotPermitted):
                await called(guard, model="openai/x", model_info={"id": "9"})
            with pytest.raises(NotPermitted):
                await called(guard, model="openai/x", cache_key="k")
        return 200

    proxy, _ = guarded(steps, cast(Any, world.gateway))
    ask(proxy, "/openai/v1/chat/completions")
    ask(proxy, "/v1/realtime", kind="websocket")
    ask(proxy, body=[b"{}"])
    ask(proxy)
    undecided, _ = guarded(lambda guard: asyncio.sleep(0, 200), cast(Any, world.gateway))
    ask(undecided)
    with pytest.raises(NotPermitted):
        asyncio.run(named(CitizenshipGuard(world.gateway, proxy=Proxy(lambda: asyncio.sleep(0, 200))), "open"))
    unlisted, invalid = "resource_not_listed", "request_invalid"
    assert written.reasons == [unlisted, unlisted, invalid, unlisted, invalid, unlisted, invalid]


def test_a_gateway_that_waits_is_asked_in_threads() -> None:
    threads: list[str] = []

    class Slow(MemoryReplayGuard):
        def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
            threads.append(threading.current_thread().name)
            return super().consume(scope, token, lifetime_s)

    world = gateway_world.World()
    gateway = world.another_gateway(replay=PerRequestReplayGuard(Slow(monotonic=world.monotonic)))
    alice = world.wallet()
    ticket = world.ticket(alice)

    async def steps(guard: CitizenshipGuard) -> int:
        both = await asyncio.gather(*(picked(guard, "us", deployment(each)) for each in ("us-nationals", "us/1")))
        assert all(both)
        return 200

    for runs, in_loop in ((Runs.IN_THREADS, False), (Runs.IN_THE_LOOP, True)):
        proxy, _ = guarded(steps, cast(Any, gateway), runs=runs)
        shown = gateway_world.request(ticket, world.proof(alice.sender, ticket)).headers
        assert ask(proxy, headers=shown)[0] == 200
        assert (threads.pop() == threading.main_thread().name) is in_loop and threads == []


def test_the_answer_of_a_gateway_that_waits_is_made_in_threads_too() -> None:
    threads: list[str] = []

    def sign(challenge: Any, query: Any) -> str:
        threads.append(threading.current_thread().name)
        return "signed"

    world = gateway_world.World(proof_request=ProofRequest(sign, "https://gateway.example/token"))
    shown = [(b"dpop", world.proof(world.wallet().sender))]
    for runs, in_loop in ((Runs.IN_THREADS, False), (Runs.IN_THE_LOOP, True)):
        proxy, _ = guarded(us_nationals, cast(Any, world.gateway), runs=runs)
        status, headers, _ = ask(proxy, headers=shown)
        assert status == 401 and b"proof-request" in headers
        assert (threads.pop() == threading.main_thread().name) is in_loop and threads == []


async def us_nationals(guard: CitizenshipGuard) -> int:
    await named(guard, "us-nationals")
    return 200


def test_a_nonce_of_the_gateway_reaches_the_client() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        return 200

    proxy, _ = guarded(steps, Gateway(Allow(1, b"s" * 16, "next-nonce")))
    told = {b"x-from": b"model", b"dpop-nonce": b"next-nonce", b"cache-control": b"no-store"}
    assert ask(proxy)[1] == told


def test_a_listing_is_kept_by_no_cache_for_others() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await guard.async_filter_listed_models(None, ["open", "secret"])
        return 200

    for path in ("/v1/models", "/v1/models/open"):
        told = ask(guarded(steps)[0], path, method="GET")[1]
        assert told == {b"x-from": b"model", b"vary": b"citizenship-ticket", b"cache-control": b"private"}
    elsewhere = guarded(steps, open_paths=["/key/info"])[0]
    assert ask(elsewhere, "/key/info", method="GET")[1] == {b"x-from": b"model"}  # what it says is the operator's


# --- one request, many questions ---


def test_each_resource_is_decided_once_for_a_request_and_anew_for_the_next() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        for _ in range(3):
            await named(guard, "open")
            assert await picked(guard, "open", deployment("open"))
            assert await picked(guard, "other", deployment("other"))
        return 200

    proxy, gateway = guarded(steps)
    ask(proxy)
    assert gateway.asked == ["open", "other"]
    ask(proxy)
    assert gateway.asked == ["open", "other"] * 2


def test_outside_of_a_request_nobody_gets_anything() -> None:
    gateway = Gateway()
    guard = CitizenshipGuard(cast(Any, gateway), proxy=Proxy(lambda: asyncio.sleep(0, 200)))
    for asking in (
        lambda: named(guard, "open"),
        lambda: picked(guard, "open", deployment("open")),
        lambda: called(guard, model="openai/m", model_info={"id": "1"}),
        lambda: guard.async_filter_listed_models(None, ["open"]),
    ):
        with pytest.raises(NotPermitted) as caught:
            asyncio.run(asking())  # type: ignore[arg-type]  # coroutines, all of them
        assert caught.value.message == "citizenship: request_invalid"
    assert gateway.asked == [] and gateway.told == ["request_invalid"] * 4


def test_what_goes_on_after_the_answer_has_nobodys_credentials() -> None:
    left: list[Any] = []
    replay = PerRequestReplayGuard(MemoryReplayGuard())

    async def later(guard: CitizenshipGuard, answered: asyncio.Event) -> None:
        await answered.wait()
        assert replay.consume(b"sender", b"proof", 60) is Consumption.SEEN
        with pytest.raises(NotPermitted):
            await named(guard, "open")
        left.append("refused")

    async def run() -> None:
        answered = asyncio.Event()
        guard: CitizenshipGuard

        async def serve() -> int:
            await named(guard, "open")
            assert [replay.consume(b"sender", b"proof", 60) for _ in range(2)] == [Consumption.FRESH] * 2
            left.append(asyncio.create_task(later(guard, answered)))
            return 200

        proxy = Proxy(serve)
        guard = CitizenshipGuard(cast(Any, Gateway()), proxy=proxy)
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": CHAT, "headers": []}
        scope["headers"] = [(b"content-type", b"application/json")]
        message = {"type": "http.request", "body": b'{"model":"open"}'}
        await proxy.app.middleware_stack(scope, lambda: asyncio.sleep(0, message), lambda message: asyncio.sleep(0))
        answered.set()
        await left[0]

    asyncio.run(run())
    assert left[1:] == ["refused"]


def test_a_proof_is_used_once_by_all_requests_and_again_by_its_own() -> None:
    guard = PerRequestReplayGuard(MemoryReplayGuard())
    used: list[Consumption] = []

    class Consuming(Gateway):
        async def authorize_async(self, request: Request, **options: Any) -> Any:
            used.append(guard.consume(b"sender", dict(request.headers)[b"dpop"], 60))
            return await super().authorize_async(request, **options)

    async def steps(hooks: CitizenshipGuard) -> int:
        await named(hooks, "open")
        await named(hooks, "other")
        return 200

    proxy, _ = guarded(steps, Consuming())
    ask(proxy, headers=[(b"dpop", b"1")])
    assert used == [Consumption.FRESH] * 2
    ask(proxy, headers=[(b"dpop", b"1")])
    assert used[2:] == [Consumption.SEEN] * 2
    ask(proxy, headers=[(b"dpop", b"2")])
    assert used[4:] == [Consumption.FRESH] * 2
    assert guard.consume(b"sender", b"3", 60) is Consumption.FRESH  # outside of a request: as ever
    others: list[Consumption] = []

    async def another(hooks: CitizenshipGuard) -> int:
        await named(hooks, "open")  # with a proof of its own, and then with one that somebody else has used
        others.extend((guard.consume(b"sender", b"3", 60), guard.consume(b"other sender", b"4", 60)))
        return 200

    ask(guarded(another, Consuming())[0], headers=[(b"dpop", b"4")])
    assert others == [Consumption.SEEN, Consumption.FRESH]
    assert guard.consume(b"sender", b"3", 60) is guard.consume(b"sender", b"2", 60) is Consumption.SEEN


def test_what_was_fresh_in_one_process_alone_gets_no_fresher() -> None:
    results = [Consumption.FRESH_HERE, Consumption.SEEN]

    class Down:
        def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
            return results.pop(0)

    guard = PerRequestReplayGuard(Down())
    used: list[Consumption] = []

    async def steps(hooks: CitizenshipGuard) -> int:
        await named(hooks, "open")
        used.extend(guard.consume(b"sender", b"proof", 60) for _ in range(3))
        return 200

    ask(guarded(steps)[0])
    assert used == [Consumption.FRESH_HERE] * 3
    assert results == [Consumption.SEEN]


@pytest.mark.parametrize("result", [Consumption.SEEN, Consumption.FULL, Consumption.UNAVAILABLE])
def test_what_was_not_fresh_is_asked_about_again(result: Consumption) -> None:
    asked: list[bytes] = []

    class Other:
        def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
            asked.append(token)
            return result

    guard = PerRequestReplayGuard(Other())

    async def steps(hooks: CitizenshipGuard) -> int:
        await named(hooks, "open")
        assert [guard.consume(b"sender", b"proof", 60) for _ in range(2)] == [result] * 2
        return 200

    assert ask(guarded(steps)[0])[0] == 200 and asked == [b"proof"] * 2


def test_who_has_been_permitted_something_is_not_asked_for_his_proof_again() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        for model in ("open", "other", "secret", "open"):
            await picked(guard, model, deployment(model), deployment("open"))
        return 200

    permitted = Allow(1, b"s" * 16)
    proxy, gateway = guarded(steps, Gateway(permitted))
    for _ in range(2):
        ask(proxy)
    assert gateway.asked == ["open", "other", "secret"] * 2
    assert gateway.after == [None, permitted, permitted] * 2  # another request begins anew
    proxy, gateway = guarded(steps, Gateway(Allow(1)))
    ask(proxy)
    assert gateway.after == [None] * 3  # for anyone: no proof was looked at


def test_the_last_permission_with_a_session_is_what_is_shown() -> None:
    class Several(Gateway):
        async def authorize_async(self, request: Request, **options: Any) -> Any:
            result = await super().authorize_async(request, **options)
            return {"other": Allow(2), "third": Allow(3, b"s" * 16)}.get(options["resource"], result)

    first = Allow(1, b"s" * 16)

    async def steps(guard: CitizenshipGuard) -> int:
        await picked(guard, "a", *(deployment(each) for each in ("open", "other", "third", "secret")))
        return 200

    proxy, gateway = guarded(steps, Several(first))
    ask(proxy)
    assert gateway.after == [None, first, first, Allow(3, b"s" * 16)]


def test_where_a_request_comes_from_is_for_the_operator_to_say() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        return 200

    proxy, gateway = guarded(steps, signals=lambda scope: Signals(network=scope["path"]))
    ask(proxy)
    ask(proxy, "/citizenship")
    assert gateway.signals == [Signals(network=CHAT), Signals(network="/citizenship")]


# --- the hooks ---


@pytest.mark.parametrize("model", ["alias", "hidden", "secret", None, 7, ["open"], {"model": "open"}, b"open", ""])
def test_the_named_model_is_judged_by_what_it_stands_for(model: Any) -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, model)
        return 200

    proxy, gateway = guarded(steps)
    assert ask(proxy)[0] == 403
    assert gateway.asked == ["secret" if type(model) is str and model else ""]


@pytest.mark.parametrize("name", litellm._NOT_THE_CLIENTS)
def test_what_names_who_answers_is_refused_wherever_it_comes_from(name: str) -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        data = {"model": "open", name: ["secret"]}
        with pytest.raises(NotPermitted):
            await guard.async_pre_call_hook(None, None, data, "acompletion")
        return 200

    proxy, gateway = guarded(steps)
    answer = ask(proxy)
    assert (answer[0], reason(answer)) == (403, "request_invalid")
    assert gateway.asked == [] and gateway.told == ["request_invalid"]


def test_without_a_router_a_name_stands_for_itself() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        proxy.llm_router = None
        await named(guard, "open")
        return 200

    proxy, _ = guarded(steps)
    assert ask(proxy)[0] == 200


def test_the_router_is_left_what_is_permitted() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        both = deployment("open", "1"), deployment("secret", "2")
        assert await picked(guard, "mixed", *both) == [both[0]]
        assert await picked(guard, "none") == []  # its own affair
        return 200

    assert ask(guarded(steps)[0])[0] == 200


def test_a_group_that_is_refused_is_the_answer_when_nothing_was_called() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        await picked(guard, "alias", deployment("secret"))
        raise AssertionError("it was let through")

    answer = ask(guarded(steps)[0])
    assert (answer[0], reason(answer)) == (403, "citizenship_not_permitted")


def test_a_fallback_that_is_refused_leaves_the_failure_of_what_was_called() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        await picked(guard, "open", deployment("open", "1", "openai/m"))
        await called(guard, model="openai/m", model_info={"id": "1"})
        with pytest.raises(NotPermitted):
            await picked(guard, "secret", deployment("secret", "2"))
        return 429

    assert ask(guarded(steps)[0])[::2] == (429, b"from the model")


def test_a_fallback_may_answer_where_another_was_refused() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        with pytest.raises(NotPermitted):
            await picked(guard, "secret", deployment("secret", "2"))
        await picked(guard, "open", deployment("open", "1", "openai/m"))
        await called(guard, model="openai/m", model_info={"id": "1"})
        return 200

    assert ask(guarded(steps)[0])[0] == 200


@pytest.mark.parametrize(("group", "judged"), [(None, ""), (7, ""), ("alias", "secret"), ("wild/*", "wild/*")])
def test_the_group_of_a_deployment_is_what_is_judged(group: Any, judged: str) -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await picked(guard, "open", deployment(group))
        return 200

    proxy, gateway = guarded(steps)
    assert ask(proxy)[0] == 403
    assert gateway.asked == [judged]


@pytest.mark.parametrize(
    ("group", "parameter", "model", "judged"),
    [
        ("wild/*", "openai/*", "openai/x", "wild/x"),
        ("wild/*", "openai/*", "openai/a/b", "wild/a/b"),
        ("*", "openai/*", "openai/open", "open"),
        ("*", "*", "alias", "secret"),
        ("wild/*", "openai/*", "openai/responses/x", None),
        ("*", "*", "open-responses/", None),
        ("wild/*", "a/*/*", "a/responses/*/x", None),
        ("wild-responses/*", "openai/*", "openai/x", "wild-responses/x"),
        ("w-*-w", "a-*-a", "a-a", None),  # the two ends do not overlap
        ("w-*-w", "a-*-a", "a--a", "w--w"),
        ("w-*-w", "a-*-a", "a-x-b", None),
        ("w-*-w", "a-*-a", "b-x-a", None),
        ("wild/*", "openai/*", "azure/x", None),
        ("wild/*", "openai/*", "openai", None),
        ("a/*/*", "openai/*", "openai/x", "a/*/*"),  # which star is which is not known: then it is the whole group
        ("wild/*", "a/*/*", "a/x/*", "wild/*"),
    ],
)
def test_of_a_wildcard_the_name_is_judged_that_is_called(
    group: str, parameter: str, model: str, judged: str | None
) -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await picked(guard, group, deployment(group, "1", parameter))
        await called(guard, model=model, model_info={"id": "1"}, metadata={"model_group": "open"})
        return 200

    proxy, gateway = guarded(steps)
    assert ask(proxy)[0] == (200 if judged == "open" else 403)
    assert gateway.asked == ([] if judged is None else [judged])


PERMITTED: Final = deployment("open", "1", "openai/m")
CALLED: Final = {"model": "openai/m", "model_info": {"id": "1"}}


@pytest.mark.parametrize(
    ("kwargs", "through"),
    [
        ({"model": "openai/m", "model_info": {"id": "1"}}, True),
        ({"model": "openai/m", "model_info": {"id": "2"}}, False),
        ({"model": "openai/other", "model_info": {"id": "1"}}, False),
        ({"model": "openai/m", "model_info": {}}, False),
        ({"model": "openai/m"}, False),  # nothing was called yet
        ({"model": None, "model_info": {"id": "1"}}, False),
        ({"model_info": {"id": "1"}}, False),
        ({}, False),
        ({"model": "openai/m", "model_info": {"id": "1"}, "cache_key": "k"}, False),
        ({"model": "openai/m", "model_info": {"id": "1"}, "cache_key": None}, False),
        ({"model": "openai/m", "model_info": {"id": "1"}, "litellm_params": {"preset_cache_key": "k"}}, False),
        ({"model": "openai/m", "model_info": {"id": "1"}, "litellm_params": {}}, True),
        ({"model": "openai/m", "model_info": {"id": "1"}, "metadata": {"model_group": "open"}}, True),
        ({**CALLED, "metadata": {"model_group": "open"}, "litellm_metadata": {"model_group": "cache"}}, False),
        ({**CALLED, "metadata": {"model_group": "a"}, "litellm_params": {"metadata": {"model_group": "cache"}}}, False),
        ({**CALLED, "metadata": {"model_group": "a"}, "litellm_metadata": {"model_group": "a", "cache": 1}}, False),
        ({**CALLED, "litellm_params": {"litellm_metadata": {"caching_groups": [["open", "secret"]]}}}, False),
        ({**CALLED, "metadata": {"caching_groups": [], "cache": 1}}, False),
        ({**CALLED, "metadata": {"model_group": ["cache"]}}, False),
        ({**CALLED, "metadata": {"model_group": "open", "caching_groups": None}, "litellm_metadata": {}}, True),
        ({"model": "openai/other", "model_info": {"id": "3"}}, True),
        ({"model": "openai/x", "model_info": {"id": "3"}}, False),
        ({"model": "azure/other", "model_info": {"id": "3"}}, False),
        ({"model": "openai/m", "model_info": {"id": "4"}}, False),
        ({"model": "openai/m", "model_info": {"id": "None"}}, False),
        ({"model": "openai/m", "model_info": {"id": ""}}, False),
        ({"model": "", "model_info": {"id": ""}}, False),
    ],
)
def test_only_what_was_left_to_the_router_is_called(kwargs: dict[str, Any], through: bool) -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        await picked(guard, "open", PERMITTED, deployment("secret", "2", "openai/m"), deployment("open", "4", 7))
        await picked(guard, "*", deployment("*", "3", "openai/*"), {"model_name": "open"})
        await called(guard, **kwargs)
        return 200

    answer = ask(guarded(steps)[0])
    assert answer[0] == (200 if through else 403)
    if not through:
        refusals = (
            {"request_invalid"} if "cach" in str(kwargs) else {"resource_not_listed", "citizenship_not_permitted"}
        )
        assert reason(answer) in refusals


def test_what_a_permitted_call_leads_to_goes_by_its_model() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        await picked(guard, "open", PERMITTED)
        await called(guard, model="openai/m", model_info={"id": "1"})
        for inner in ("openai/m", "m"):  # one API by way of another
            await called(guard, model=inner)
        for foreign in ("openai/n", "n", "", None):
            with pytest.raises(NotPermitted):
                await called(guard, model=foreign)
        with pytest.raises(NotPermitted):
            await called(guard, model="openai/m", model_info={"id": "2"})
        return 200

    assert ask(guarded(steps)[0])[0] == 200


def test_a_name_without_a_provider_stands_for_no_empty_one() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        await named(guard, "open")
        await picked(guard, "open", deployment("open", "1", "m"))
        await called(guard, model="m", model_info={"id": "1"})
        with pytest.raises(NotPermitted):
            await called(guard, model="")
        return 200

    assert ask(guarded(steps)[0])[0] == 200


def test_a_listing_is_what_is_permitted_in_its_order() -> None:
    async def steps(guard: CitizenshipGuard) -> int:
        assert await guard.async_filter_listed_models(None, ("other", "alias", "secret", "open")) == ["other", "open"]
        return 200

    assert ask(guarded(steps)[0], "/v1/models", method="GET")[0] == 200


def test_lines_of_a_batch_file_are_judged_as_requests() -> None:
    assert CitizenshipGuard.enforces_request_content is True  # LiteLLM reads it of the class


def test_nothing_is_built_on_the_guard() -> None:
    for each in (CitizenshipGuard, PerRequestReplayGuard):
        with pytest.raises(TypeError):
            type("Weaker", (each,), {})  # LiteLLM would pass over the hooks of a subclass


def test_nothing_of_a_request_is_in_a_representation() -> None:
    shown = Request("POST", "https://a.example/", [(b"citizenship-ticket", b"secret-ticket")])
    asked = p.Asked(cast(Any, Gateway()), shown, guarded=True)
    assert "secret" not in repr(asked) and b.ISSUER not in repr(asked)
