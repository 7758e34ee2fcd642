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
    proxy.upstream.forget()


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


@pytest.mark.parametrize("target", ["restricted", "alias", "wild/up-x", "openai/up-restricted", "open"])
def test_fallbacks_of_the_client_are_refused(proxy: World, target: str) -> None:
    for fallbacks in ([target], [{"model": target}], [{"failing": [target]}]):
        for caller in (proxy.us, proxy.fr):
            refused(caller.chat("failing", fallbacks=fallbacks), 403, "request_invalid")
    for kind in ("context_window_fallbacks", "content_policy_fallbacks", "default_fallbacks"):
        refused(proxy.us.chat("failing", **{kind: [{"failing": [target]}]}), 403, "request_invalid")
    for mocked in ("mock_testing_fallbacks", "mock_testing_context_fallbacks", "mock_testing_rate_limit_error"):
        refused(proxy.us.chat("failing", **{mocked: True}), 403, "request_invalid")
    assert proxy.upstream.asked == []


def test_a_deployment_is_not_asked_for_by_its_id(proxy: World) -> None:
    listed = proxy.us.get("/model/info").json()["data"]
    (number,) = [each["model_info"]["id"] for each in listed if each["model_name"] == "restricted"]
    refused(proxy.fr.chat(number), 403, "resource_not_listed")
    refused(proxy.us.chat(number), 403, "resource_not_listed")
    assert proxy.upstream.asked == []


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


def test_no_name_behind_a_star_is_called_by_another(proxy: World) -> None:
    for model in ("wild/responses/up-free", "wild/up-responses/free", "wild/responses/responses/up-free"):
        for path, question in QUESTIONS[:5]:
            refused(proxy.us.post(path, json={"model": model, **question}), 403, "resource_not_listed")
    assert proxy.upstream.asked == []


def test_several_models_at_once_are_each_judged(proxy: World) -> None:
    proxy.us.chat("restricted,open", fastest_response=True)
    proxy.fr.chat("open, restricted")
    assert proxy.upstream.asked == []


# --- what a client writes into the body or the headers ---


QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"messages": [{"role": "user", "content": "a"}]}),
    ("/v1/completions", {"prompt": "a"}),
    ("/v1/embeddings", {"input": "a"}),
    ("/v1/responses", {"input": "b"}),
    ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}),
    ("/v1/images/generations", {"prompt": "a"}),
    ("/v1/audio/speech", {"input": "d", "voice": "alloy"}),
    ("/v1/moderations", {"input": "c"}),
    ("/v1/rerank", {"query": "a", "documents": ["a"]}),
]
NAMING: list[dict[str, Any]] = [
    {"deployment_id": "up-restricted"}, {"engine": "up-restricted"}, {"azure_deployment": "up-restricted"},
    {"extra_body": {"model": "up-restricted"}}, {"extra_body": {"models": ["up-restricted"]}},
    {"extra_query": {"model": "up-restricted"}}, {"optional_params": {"model": "up-restricted"}},
    {"custom_llm_provider": "openai/up-restricted"}, {"custom_llm_provider": "azure"},
    {"models": ["up-restricted"]}, {"models": ["up-restricted"], "route": "fallback"}, {"provider": {"order": ["x"]}},
    {"extra_headers": {"x-ai-eg-model": "up-restricted"}}, {"headers": {"x-ai-eg-model": "up-restricted"}},
    {"api_base": "http://127.0.0.1:1/"}, {"base_url": "http://127.0.0.1:1/"}, {"api_key": "k"}, {"api_version": "1"},
    {"organization": "o"}, {"user_config": {"model_list": []}}, {"model_list": []}, {"litellm_credential_name": "c"},
    {"router_settings_override": {"fallbacks": [{"open": ["restricted"]}]}},
    {"litellm_params": {"model": "restricted"}},
    {"model_info": {"id": "open"}}, {"model_group": "open"}, {"specific_deployment": True}, {"tags": ["restricted"]},
    {"base_model": "restricted"}, {"silent_model": "restricted"}, {"user_model": "restricted"},
    {"context_window_fallback_dict": {"open": "restricted"}}, {"fallbacks": ["restricted"]}, {"num_retries": 9},
    {"allowed_openai_params": ["model"]}, {"drop_params": False}, {"timeout": 1},
    {"mock_response": "from up-restricted"},
    {"metadata": {"model_group": "restricted"}}, {"litellm_metadata": {"model_group": "restricted"}},
    {"metadata": {"tags": ["restricted"]}}, {"metadata": {"caching_groups": [["open", "restricted"]]}},
    {"litellm_metadata": {"caching_groups": [["open", "restricted"]]}}, {"cache": {"no-cache": True}},
    {"caching": False},
    {"cache_key": "k"}, {"preset_cache_key": "k"}, {"litellm_params": {"preset_cache_key": "k"}},
    {"proxy_server_request": {"headers": {}}}, {"previous_response_id": "resp_1"}, {"conversation": "conv_1"},
    {"background": True, "prompt_id": "p"}, {"prompt": {"id": "pmpt_1"}, "prompt_variables": {}},
    {"tools": [{"type": "image_generation", "model": "up-restricted"}]},
    {"tools": [{"type": "mcp", "server_url": "litellm_proxy"}]},
    {"tools": [{"type": "function", "name": "a", "model": "up-restricted"}]},
    {"tools": [{"type": "function", "function": {"name": "a", "model": "up-restricted"}}]},
    {"tools": {"model": "up-restricted"}}, {"functions": [{"name": "a", "model": "up-restricted"}]},
    {"metadata": '{"model_group":"restricted"}'}, {"mcp_servers": [{"url": "https://a.example"}]},
    {"guardrails": []}, {"unheard_of": None},
    {"messages": [{"role": "user", "content": "a", "model": "up-restricted"}], "input": [{"tools": []}]},
]  # fmt: skip


@pytest.mark.parametrize(("path", "question"), QUESTIONS, ids=[path for path, _ in QUESTIONS])
def test_no_member_of_a_body_names_who_answers(proxy: World, path: str, question: dict[str, Any]) -> None:
    for members in NAMING:
        refused(proxy.fr.post(path, json={"model": "open", **question, **members}), 403, "request_invalid")
        inside = {"model": "failing", **question, "fallbacks": [{"model": "open", **members}]}
        refused(proxy.fr.post(path, json=inside), 403, "request_invalid")
    assert proxy.upstream.asked == []


@pytest.mark.parametrize("model", ["routed", "azure"])
def test_no_provider_is_told_of_another_model(proxy: World, model: str) -> None:
    for path, question in QUESTIONS[:5]:
        for members in NAMING[:12]:
            refused(proxy.fr.post(path, json={"model": model, **question, **members}), 403, "request_invalid")
    assert proxy.upstream.asked == []
    assert content(proxy.fr.chat(model)) == "from up-open"


@pytest.mark.parametrize(
    "text",
    [
        b'{"model":"restricted","model":"open","messages":[]}', b'{"model":"open","mod\\u0065l":"restricted"}', b"",
        b'{"model":"open","messages":[],}', b'[{"model":"open"}]', b'{"model":"open"}{}', b'{"messages":[]}',
        b'{"model":"open","user":"\\ud800"}', b'{"model":["open"],"messages":[]}', b"{'model':'open'}", b"model=open",
    ],
)  # fmt: skip
def test_a_body_that_reads_in_two_ways_is_none(proxy: World, text: bytes) -> None:
    header = [("content-type", "application/json")]
    refused(proxy.us.post(CHAT, content=text, extra=header), 403, "request_invalid")
    assert proxy.upstream.asked == []


def test_a_body_of_another_type_is_none(proxy: World) -> None:
    text = json.dumps({"model": "open", "messages": [{"role": "user", "content": "a"}]}).encode()
    kinds = ("text/plain", "application/x-protobuf", "application/x-www-form-urlencoded", "multipart/form-data", "",
             "application/json, text/plain", "multipart/form-data; boundary=a")  # fmt: skip
    for kind in kinds:
        refused(proxy.us.post(CHAT, content=text, extra=[("content-type", kind)]), 403, "request_invalid")
    twice = [("content-type", "application/json"), ("content-type", "application/x-www-form-urlencoded")]
    refused(proxy.us.post(CHAT, content=text, extra=twice), 403, "request_invalid")
    refused(proxy.us.post(CHAT, data={"model": "open", "messages": "a"}), 403, "request_invalid")
    assert proxy.upstream.asked == []


def test_no_query_reaches_the_proxy(proxy: World) -> None:
    for query in ("model=restricted", "api-version=1", "deployment_id=up-restricted", "target_model_names=restricted"):
        body = {"model": "open", "messages": [{"role": "user", "content": query}]}
        headers = proxy.fr.headers("POST", CHAT)
        assert content(proxy.client.post(f"{CHAT}?{query}", json=body, headers=headers)) == "from up-open"
    assert set(proxy.upstream.asked) == {"up-open"}
    assert not any("restricted" in path or "api-version" in path for path in proxy.upstream.paths)


def test_no_header_of_the_client_reaches_a_provider(proxy: World) -> None:
    names = ("x-ai-eg-model", "x-litellm-tags", "x-litellm-model", "x-model", "openai-organization", "x-portkey-config",
             "x-litellm-num-retries", "x-litellm-timeout", "helicone-fallbacks", "anthropic-beta")  # fmt: skip
    extra = [(name, "up-restricted") for name in names]
    for path, question in QUESTIONS[:8]:
        response = proxy.fr.post(path, json={"model": "open", **question, **_fresh(path)}, extra=extra)
        assert response.status_code == 200, response.text
    assert len(proxy.upstream.headers) == 8 and set(proxy.upstream.asked) == {"up-open"}
    assert "up-restricted" not in str(proxy.upstream.headers)


def _fresh(path: str) -> dict[str, Any]:
    """A question that no cache has an answer to."""
    text = f"at {time.monotonic_ns()}"
    if "message" in path or "chat" in path:
        return {"messages": [{"role": "user", "content": text}]}
    return (
        {"input": text}
        if path.rsplit("/", 1)[1] in ("embeddings", "responses", "speech", "moderations")
        else {"prompt": text}
    )


def test_what_a_client_usually_says_reaches_the_model(proxy: World) -> None:
    tool = {"type": "function", "function": {"name": "a", "parameters": {"properties": {"model": {"type": "string"}}}}}
    said: dict[str, Any] = {
        "temperature": 0.5, "top_p": 1, "n": 1, "seed": 7, "stop": ["a"], "presence_penalty": 0, "frequency_penalty": 0,
        "max_tokens": 9, "max_completion_tokens": 9, "logit_bias": {"1": 2}, "user": "u", "tools": [tool],
        "tool_choice": {"type": "function", "function": {"name": "a"}}, "parallel_tool_calls": True, "logprobs": True,
        "top_logprobs": 2, "reasoning_effort": "low", "service_tier": "auto", "store": False, "modalities": ["text"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"title": "model"}}},
        "prediction": {"type": "content", "content": "a"}, "prompt_cache_key": "k",
    }  # fmt: skip
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    words = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}]
    assert content(proxy.fr.chat("open", messages=words, **said)) == "from up-open"
    (sent,) = proxy.upstream.bodies
    assert said.keys() - {"user"} <= json.loads(sent).keys()  # LiteLLM sends `user` to models alone that it knows
    streamed = proxy.fr.chat("open", stream=True, stream_options={"include_usage": True})
    assert "up-open" in streamed.text
    body = {
        "model": "open", "max_tokens": 9,
        "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}], "metadata": {"user_id": "u"},
        "tools": [{"name": "a", "description": "b", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "auto"},
        "stop_sequences": ["x"], "temperature": 1, "top_k": 4,
    }  # fmt: skip
    assert proxy.fr.post("/v1/messages", json=body).status_code == 200
    body = {
        "model": "open", "input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}],
        "instructions": "b", "max_output_tokens": 99, "store": False,
        "tools": [{"type": "function", "name": "a", "parameters": {"type": "object"}}],
        "text": {"format": {"type": "text"}}, "include": ["reasoning.encrypted_content"],
    }  # fmt: skip
    assert proxy.fr.post("/v1/responses", json=body).status_code == 200
    assert set(proxy.upstream.asked) == {"up-open"}


def test_a_form_is_put_together_anew(proxy: World) -> None:
    path, file = "/v1/audio/transcriptions", {"file": ("a b.wav", b"RIFF\r\n--x\r\n", "audio/wav")}
    said = {"model": "open", "language": "en", "timestamp_granularities[]": ["word", "segment"]}
    response = proxy.fr.post(path, data=said, files=file)
    assert response.status_code == 200 and response.json()["text"] == "from up-open"
    assert b"RIFF\r\n--x\r\n" in proxy.upstream.bodies[0]
    proxy.upstream.forget()
    for members in NAMING:
        form = {name: value if type(value) is str else json.dumps(value) for name, value in members.items()}
        if form.keys() - {"prompt"} and "messages" not in form:
            refused(proxy.fr.post(path, data={"model": "open", **form}, files=file), 403, "request_invalid")
    refused(proxy.fr.post(path, data={"model": ["open", "restricted"]}, files=file), 403, "request_invalid")
    refused(
        proxy.fr.post(path, data={"model": "open"}, files={"model": ("a", b"restricted"), **file}),
        403,
        "request_invalid",
    )
    refused(proxy.fr.post(path, json={"model": "open", "file": "a"}), 403, "request_invalid")
    assert proxy.upstream.asked == []


def test_no_cached_answer_goes_under_another_models_name(proxy: World) -> None:
    question = [{"role": "user", "content": "What an American has asked"}]
    for _ in range(2):
        answered = proxy.us.chat("restricted", messages=question)
        assert content(answered) == "from up-restricted"
    key = answered.headers["x-litellm-cache-key"]
    assert len(proxy.upstream.asked) == 1
    nobody = proxy.caller("FR")
    (info,) = [each["model_info"] for each in nobody.get("/model/info").json()["data"] if each["model_name"] == "open"]
    told = {"model_group": "restricted", "model_info": {each: info[each] for each in ("id", "db_model")}}
    for members in (
        {"metadata": told}, {"litellm_metadata": told}, {"metadata": told, "litellm_metadata": told},
        {"cache_key": key},
        {"metadata": json.dumps(told)}, {"cache": {"cache_key": key}}, {"litellm_params": {"preset_cache_key": key}},
        {"litellm_params": {"metadata": told}},
        {"metadata": {"caching_groups": [["open", "restricted"]]}},
    ):  # fmt: skip
        for caller in (nobody, proxy.us):
            refused(caller.chat("open", messages=question, **members), 403, "request_invalid")
            named = caller.chat("failing", messages=question, fallbacks=[{"model": "open", **members}])
            refused(named, 403, "request_invalid")
    assert proxy.upstream.asked == ["up-restricted"]
    assert content(nobody.chat("open", messages=question)) == "from up-open"
    assert content(proxy.us.chat("restricted", messages=question)) == "from up-restricted"


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
        assert response.headers["cache-control"] == "private" and "citizenship-ticket" in response.headers["vary"]
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
