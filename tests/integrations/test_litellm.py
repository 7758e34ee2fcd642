"""LiteLLM's own proxy, guarded: whichever way a model is reached, it answers those whom the policy permits.

The world of the tests: `restricted` is for citizens of the United States, `member` for them and French citizens, `open`
for anyone. What begins with `failing` answers 429 and falls back to `restricted`.

Spec: specs/profile-litellm.md.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .litellm_world import MASTER_KEY, World, world

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("litellm")) as running:
        yield running


@pytest.fixture(autouse=True)
def _nobody_was_asked(proxy: World) -> None:
    proxy.upstream.asked.clear()


def content(response: Any) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


def refused(response: Any, status: int, reason: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert body["reason"] == body["error"]["code"] == reason
    assert response.headers["content-type"] == "application/problem+json"
    return body


# --- the model that is asked for ---


def test_without_a_ticket_a_challenge_is_given(proxy: World) -> None:
    response = proxy.caller("US").chat("restricted")
    body = refused(response, 401, "ticket_missing")
    assert response.headers["www-authenticate"].startswith("DPoP")
    assert body["endpoint"] == proxy.origin + "/citizenship" and body["challenge"]
    assert proxy.upstream.asked == []


def test_with_a_ticket_the_model_answers(proxy: World) -> None:
    assert content(proxy.us.chat("restricted")) == "from up-restricted"


def test_the_wrong_citizenship_is_refused_with_its_reason(proxy: World) -> None:
    refused(proxy.fr.chat("restricted"), 403, "citizenship_not_permitted")
    assert content(proxy.fr.chat("member")) == "from up-member"
    assert proxy.upstream.asked == ["up-member"]


def test_what_is_for_anyone_needs_no_ticket(proxy: World) -> None:
    assert content(proxy.caller("FR").chat("open")) == "from up-open"


def test_what_no_rule_lists_is_refused(proxy: World) -> None:
    for model in ("unlisted", "openai/up-open", "up-open", "open,restricted", "", None, ["open"]):
        response = proxy.us.chat(model)
        assert response.status_code in (400, 403), response.text
    refused(proxy.us.chat("unlisted"), 403, "resource_not_listed")
    assert proxy.upstream.asked == []


def test_a_wrong_api_key_stays_litellms_affair(proxy: World) -> None:
    headers = [(name, value) for name, value in proxy.us.headers("POST", CHAT) if name != "authorization"]
    response = proxy.client.post(CHAT, json={"model": "open", "messages": []}, headers=headers)
    assert response.status_code == 401 and "reason" not in response.json()


def test_a_revoked_credential_is_refused_though_its_ticket_is_good(proxy: World) -> None:
    caller = proxy.caller("US")
    caller.admit()
    assert content(caller.chat("restricted")) == "from up-restricted"
    proxy.issuing.publisher.revoke(caller.status)
    until = time.monotonic() + 20  # the list is fetched anew after eight seconds at most
    while caller.chat("restricted").status_code == 200 and time.monotonic() < until:
        time.sleep(0.2)
    refused(caller.chat("restricted"), 403, "revoked")


def test_two_tickets_are_none(proxy: World) -> None:
    other = proxy.caller("US")
    other.admit()
    response = proxy.us.chat("restricted", extra=[("citizenship-ticket", str(other.ticket))])
    refused(response, 401, "ticket_invalid")
    refused(proxy.fr.chat("restricted", extra=[("Citizenship-Ticket", str(proxy.us.ticket))]), 401, "ticket_invalid")
    assert proxy.upstream.asked == []


def test_the_openai_sdk_shows_the_reason(proxy: World) -> None:
    program = """
import json, openai, sys
headers = dict(json.loads(sys.argv[3]))
client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], default_headers=headers, max_retries=0)
try:
    client.chat.completions.create(model="restricted", messages=[{"role": "user", "content": "a"}])
except openai.APIStatusError as error:
    told = [type(error).__name__, error.status_code, error.code, error.body["message"]]
    print(json.dumps([*told, error.response.headers.get("www-authenticate", "")[:4]]))
"""
    said = []
    for caller in (proxy.fr, proxy.caller("US")):
        headers = json.dumps([each for each in caller.headers("POST", CHAT) if each[0] != "authorization"])
        command = [str(proxy.python), "-c", program, proxy.origin + "/v1", MASTER_KEY, headers]
        said.append(json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout))
    assert said == [
        ["PermissionDeniedError", 403, "citizenship_not_permitted", "Citizenship not permitted", ""],
        ["AuthenticationError", 401, "ticket_missing", "Ticket missing", "DPoP"],
    ]


# --- the proof counts once ---


def test_a_proof_lasts_for_retries_and_not_for_a_second_request(proxy: World) -> None:
    headers = proxy.us.headers("POST", CHAT)
    body = {"model": "member-failing", "messages": [{"role": "user", "content": "a"}]}
    first = proxy.client.post(CHAT, json=body, headers=headers)
    assert content(first) == "from up-restricted"  # after two failures, by the fallback that an American may use
    assert proxy.upstream.asked == ["up-fail-2"] * 2 + ["up-restricted"]
    refused(proxy.client.post(CHAT, json=body, headers=headers), 401, "replayed")
    refused(proxy.client.post(CHAT, json={**body, "model": "restricted"}, headers=headers), 401, "replayed")


# --- what the router does on its own ---


def test_a_fallback_to_a_restricted_model_is_refused(proxy: World) -> None:
    for caller, model in ((proxy.fr, "failing"), (proxy.fr, "member-failing"), (proxy.caller("US"), "failing")):
        response = caller.chat(model)
        assert response.status_code == 429, response.text  # the failure of what was permitted
    assert "up-restricted" not in proxy.upstream.asked and "up-fail-1" in proxy.upstream.asked
    assert content(proxy.us.chat("failing")) == "from up-restricted"


def test_a_fallback_to_an_alias_is_one_to_what_it_stands_for(proxy: World) -> None:
    assert proxy.fr.chat("busy").status_code == 429
    assert "up-restricted" not in proxy.upstream.asked
    assert content(proxy.us.chat("busy")) == "from up-restricted"


def test_the_next_fallback_answers_when_one_is_refused(proxy: World) -> None:
    assert content(proxy.fr.chat("stepping")) == "from up-open"
    assert "up-restricted" not in proxy.upstream.asked


def test_a_refused_fallback_does_not_stop_the_model_for_others(proxy: World) -> None:
    for _ in range(6):
        assert proxy.fr.chat("failing").status_code == 429
        assert content(proxy.us.chat("restricted")) == "from up-restricted"


@pytest.mark.parametrize("target", ["restricted", "alias", "wild/up-x", "openai/up-restricted"])
def test_fallbacks_of_the_client_are_judged_as_all_others(proxy: World, target: str) -> None:
    for fallbacks in ([target], [{"model": target}], [{"failing": [target]}]):
        response = proxy.fr.chat("failing", fallbacks=fallbacks)
        assert response.status_code >= 400, response.text
    assert {asked for asked in proxy.upstream.asked if not asked.startswith("up-fail")} == set()


def test_no_kind_of_fallback_goes_around(proxy: World) -> None:
    for kind in ("context_window_fallbacks", "content_policy_fallbacks", "default_fallbacks"):
        assert proxy.fr.chat("failing", **{kind: [{"failing": ["restricted"]}]}).status_code >= 400
    for mocked in ("mock_testing_fallbacks", "mock_testing_context_fallbacks", "mock_testing_rate_limit_error"):
        proxy.fr.chat("open", **{mocked: True}, fallbacks=["restricted"])
    assert "up-restricted" not in proxy.upstream.asked


def test_a_deployment_is_not_asked_for_by_its_id(proxy: World) -> None:
    listed = proxy.us.get("/model/info").json()["data"]
    (number,) = [each["model_info"]["id"] for each in listed if each["model_name"] == "restricted"]
    refused(proxy.fr.chat(number), 403, "resource_not_listed")
    assert proxy.fr.chat("failing", fallbacks=[number]).status_code == 429
    assert "up-restricted" not in proxy.upstream.asked
    assert proxy.us.chat("failing", fallbacks=[number]).status_code == 429  # no filter was asked: nobody gets through


def test_an_alias_stands_for_its_model_group(proxy: World) -> None:
    refused(proxy.fr.chat("alias"), 403, "citizenship_not_permitted")
    assert proxy.upstream.asked == []
    assert content(proxy.us.chat("alias")) == "from up-restricted"


def test_a_wildcard_is_judged_by_the_name_that_is_asked_for(proxy: World) -> None:
    refused(proxy.fr.chat("wild/up-x"), 403, "citizenship_not_permitted")
    assert proxy.upstream.asked == []
    assert content(proxy.us.chat("wild/up-x")) == "from up-x"
    proxy.upstream.asked.clear()
    assert content(proxy.fr.chat("wild/up-free")) == "from up-free"
    for model in ("wild/up-free", "failing"):  # what the router calls the group is the wildcard, in either case
        for path, question in (
            (CHAT, {"messages": [{"role": "user", "content": "a"}]}),
            ("/v1/responses", {"input": "w"}),
        ):
            body = {"model": model, "fallbacks": ["wild/up-x"], "metadata": {"model_group": "wild/up-free"}, **question}
            proxy.fr.post(path, json=body)
    assert "up-x" not in proxy.upstream.asked
    assert content(proxy.fr.chat("failing", fallbacks=["wild/up-free"])) == "from up-free"


def test_several_models_at_once_are_each_judged(proxy: World) -> None:
    proxy.us.chat("restricted,open", fastest_response=True)
    proxy.fr.chat("open, restricted")
    assert proxy.upstream.asked == []


# --- what a client writes into the body or the headers ---


def test_forged_metadata_changes_nothing(proxy: World) -> None:
    deployment = {"model_info": {"id": "open"}, "deployment_model_name": "open", "model_group": "open"}
    forged = {**deployment, "headers": {"citizenship-ticket": str(proxy.us.ticket)}, "user_api_key_metadata": {}}
    for model in ("restricted", "failing", "alias"):
        response = proxy.fr.chat(
            model, metadata=forged, litellm_metadata=forged, model_info={"id": "open"}, model_group="open",
            proxy_server_request={"headers": {"citizenship-ticket": str(proxy.us.ticket)}},
            extra_headers={"citizenship-ticket": str(proxy.us.ticket)},
        )  # fmt: skip
        assert response.status_code in (400, 403, 429), response.text
    body = {"model": "restricted", "input": "a", "metadata": {"model_group": "open"}}
    response = proxy.fr.post("/v1/responses", json=body)
    refused(response, 403, "citizenship_not_permitted")
    assert "up-restricted" not in proxy.upstream.asked


def test_no_member_of_the_body_reaches_another_model(proxy: World) -> None:
    question = [{"role": "user", "content": "A question that an American has asked"}]
    answered = proxy.us.chat("restricted", messages=question)
    key = answered.headers.get("x-litellm-cache-key") or proxy.us.chat("restricted", messages=question).headers.get(
        "x-litellm-cache-key"
    )
    assert key
    group = [["open", "restricted"]]
    for members in (
        {"metadata": {"caching_groups": group}}, {"litellm_metadata": {"caching_groups": group}},
        {"caching_groups": group}, {"preset_cache_key": key}, {"cache_key": key}, {"cache": {"cache_key": key}},
        {"metadata": {"preset_cache_key": key}}, {"litellm_params": {"preset_cache_key": key}},
        {"specific_deployment": True}, {"base_model": "restricted"}, {"silent_model": "restricted"},
        {"models": ["restricted"]}, {"route": "restricted"}, {"custom_llm_provider": "openai"},
        {"extra_body": {"model": "restricted"}}, {"user_model": "restricted"},
    ):  # fmt: skip
        response = proxy.fr.chat("open", messages=question, **members)
        assert "up-restricted" not in response.text, members
        named = proxy.fr.chat("failing", messages=question, fallbacks=[{"model": "open", **members}])
        assert "up-restricted" not in named.text, members
    refused(proxy.fr.chat("open", messages=question, cache_key=key), 403, "request_invalid")
    assert proxy.upstream.asked.count("up-restricted") == 1
    proxy.fr.chat("failing", specific_deployment=True, fallbacks=["openai/up-restricted", "up-restricted"])
    assert proxy.upstream.asked.count("up-restricted") == 1


def test_no_header_switches_the_guard_off(proxy: World) -> None:
    names = ("x-litellm-disable-callbacks", "x-litellm-call-id", "x-litellm-tags", "litellm-disable-message-redaction")
    for name in names:
        for value in ("citizenship.guard", "CitizenshipGuard", "true"):
            refused(proxy.fr.chat("restricted", extra=[(name, value)]), 403, "citizenship_not_permitted")
    assert proxy.upstream.asked == []


# --- other calls ---

CALLS: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"json": {"messages": [{"role": "user", "content": "a"}]}}),
    ("/v1/completions", {"json": {"prompt": "a"}}),
    ("/v1/embeddings", {"json": {"input": "a"}}),
    ("/v1/responses", {"json": {"input": "b"}}),
    ("/v1/messages", {"json": {"max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}}),
    ("/v1/images/generations", {"json": {"prompt": "a"}}),
    ("/v1/audio/speech", {"json": {"input": "d", "voice": "alloy"}}),
    ("/v1/audio/transcriptions", {"data": {}, "files": {"file": ("a.wav", b"RIFF", "audio/wav")}}),
    ("/v1/moderations", {"json": {"input": "c"}}),
]


def _call(caller: Any, path: str, options: dict[str, Any], model: str) -> Any:
    kind = "json" if "json" in options else "data"
    return caller.post(path, **{**options, kind: {**options[kind], "model": model}})


@pytest.mark.parametrize(("path", "options"), CALLS, ids=[path for path, _ in CALLS])
def test_every_guarded_call_is_decided(proxy: World, path: str, options: dict[str, Any]) -> None:
    refused(_call(proxy.fr, path, options, "restricted"), 403, "citizenship_not_permitted")
    assert proxy.upstream.asked == []
    fallback = _call(proxy.fr, path, options, "failing")
    assert fallback.status_code >= 400, fallback.text
    assert "up-restricted" not in proxy.upstream.asked
    answered = _call(proxy.us, path, options, "restricted")
    assert answered.status_code == 200, answered.text
    without = path.removeprefix("/v1")
    if path != "/v1/messages":
        refused(_call(proxy.fr, without, options, "restricted"), 403, "citizenship_not_permitted")


def test_a_rerank_is_decided(proxy: World) -> None:
    options = {"json": {"query": "a", "documents": ["a"]}}
    for path in ("/v1/rerank", "/rerank"):
        refused(_call(proxy.fr, path, options, "restricted"), 403, "citizenship_not_permitted")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/batches", "/v1/files", "/v1/fine_tuning/jobs", "/v1/assistants", "/v1/threads", "/v1/vector_stores",
        "/v1/images/edits", "/v1/messages/count_tokens", "/utils/token_counter", "/v1/responses/compact",
        "/openai/v1/chat/completions", "/openai_passthrough/v1/chat/completions", "/anthropic/v1/messages",
        "/vertex_ai/v1/x", "/gemini/v1beta/models/x:generateContent", "/v1beta/models/open:generateContent",
        "/engines/open/chat/completions", "/openai/deployments/open/chat/completions", "/model/new", "/key/generate",
        "/mcp/", "/a2a/x", "/v1/realtime/client_secrets", "/v1/chat/completions/",
        "/V1/chat/completions", "/v1/%63hat/completions/", "/config/update", "/cursor/chat/completions",
    ],
)  # fmt: skip
def test_every_other_path_is_closed(proxy: World, path: str) -> None:
    response = proxy.us.post(path, json={"model": "open", "messages": [{"role": "user", "content": "a"}]})
    refused(response, 403, "resource_not_listed")
    assert proxy.upstream.asked == []


def test_websockets_are_closed(proxy: World) -> None:
    for path in ("/v1/realtime?model=open", "/v1/responses"):
        headers = dict(proxy.us.headers("GET", path)) | {
            "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        }  # fmt: skip
        assert proxy.client.get(path, headers=headers).status_code == 403


def test_health_is_open_and_names_no_model(proxy: World) -> None:
    for path in ("/health/liveliness", "/health/readiness"):
        response = proxy.client.get(path)
        assert response.status_code == 200 and "restricted" not in response.text
    refused(proxy.us.get("/health"), 403, "resource_not_listed")


# --- listings, streams, caches ---


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/model/info", "/v1/model/info", "/model_group/info"])
def test_a_listing_names_what_its_reader_may_use(proxy: World, path: str) -> None:
    def names(caller: Any) -> set[str]:
        response = caller.get(path)
        assert response.status_code == 200, response.text
        keys = ("id", "model_name", "model_group")
        return {next(each[key] for key in keys if key in each) for each in response.json()["data"]}

    american, french, nobody = names(proxy.us), names(proxy.fr), names(proxy.caller("US"))
    assert {"open", "failing"} <= nobody and not nobody & {"restricted", "member", "alias", "unlisted"}
    assert {"open", "member"} <= french and not french & {"restricted", "alias", "unlisted"}
    assert {"open", "member", "restricted"} <= american and "unlisted" not in american
    assert not any(each.startswith("wild/") and each != "wild/up-free" for each in french | nobody)


def test_no_question_of_a_listing_names_more(proxy: World) -> None:
    for path in ("/v1/models", "/model/info", "/v1/model/info", "/model_group/info"):
        for query in (
            "include_metadata=true&fallback_type=general", "return_wildcard_routes=true",
            "include_model_access_groups=true",
            "only_model_access_groups=true", "scope=expand", "model_group=restricted", "litellm_model_id=restricted",
        ):  # fmt: skip
            response = proxy.fr.get(f"{path}?{query}")
            assert "restricted" not in response.text and "wild/" not in response.text, (path, query)


def test_one_model_is_listed_to_whom_may_use_it(proxy: World) -> None:
    assert proxy.us.get("/v1/models/restricted").status_code == 200
    assert proxy.fr.get("/v1/models/restricted").status_code == 404


def test_streams_are_guarded_and_flow(proxy: World) -> None:
    refused(proxy.fr.chat("restricted", stream=True), 403, "citizenship_not_permitted")
    response = proxy.us.chat("restricted", stream=True)
    assert response.status_code == 200 and "up-restricted" in response.text and "[DONE]" in response.text
    proxy.upstream.asked.clear()
    assert "from " not in proxy.fr.chat("failing", stream=True).text
    assert "up-restricted" not in proxy.upstream.asked


def test_a_stream_that_breaks_goes_on_by_a_fallback_that_is_permitted(proxy: World) -> None:
    assert "up-restricted" not in proxy.fr.chat("breaking", stream=True).text
    assert set(proxy.upstream.asked) == {"up-break"}
    assert "up-restricted" in proxy.us.chat("breaking", stream=True).text


def test_a_cached_answer_is_given_to_whom_it_is_permitted(proxy: World) -> None:
    question = [{"role": "user", "content": "A question for the cache"}]
    for _ in range(2):
        assert content(proxy.us.chat("restricted", messages=question)) == "from up-restricted"
    assert len(proxy.upstream.asked) == 1  # the cache works
    refused(proxy.fr.chat("restricted", messages=question), 403, "citizenship_not_permitted")
    assert "from up-restricted" not in proxy.fr.chat("failing", messages=question).text
    assert "from up-restricted" not in proxy.caller("US").chat("restricted", messages=question).text
