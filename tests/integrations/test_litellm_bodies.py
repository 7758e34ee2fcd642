"""What a client may say to LiteLLM's proxy: what the table lists, read in one way alone.

Spec: specs/profile-litellm.md section 5.
"""

from __future__ import annotations

import email
import email.policy
import json
from typing import Any, Final

import litellm_stand_in  # noqa: F401  # the module of the paths cannot be imported without
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid.integrations import _litellm_bodies as bodies
from citizenid.integrations import litellm

JSON: Final = b"application/json"
FORM: Final = "/v1/audio/transcriptions"
BY_JSON: Final = sorted(path for path in litellm._GUARDED if not path.endswith("/transcriptions"))
CHAT: Final = bodies.body_reader("/v1/chat/completions")
RESPONSES: Final = bodies.body_reader("/v1/responses")
MESSAGES: Final = bodies.body_reader("/v1/messages")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def passes(reader: bodies.ReadsBody, body: Any, kind: bytes = JSON) -> bool:
    """Whether it passes; then it passes as it came."""
    text = json.dumps(body).encode()
    passed = reader(kind, text)
    assert passed in (None, (JSON, text))
    return passed is not None


def listed(path: str) -> frozenset[str]:
    return frozenset(bodies._ENDPOINTS[path.removeprefix("/v1")].split())


STRUCTURED: Final = frozenset({*bodies._SETTINGS, "tools", "functions"})


# --- members ---


@given(st.sampled_from(BY_JSON), st.text(max_size=20), values)
def test_a_member_that_is_not_listed_does_not_pass(path: str, name: str, value: Any) -> None:
    if name not in listed(path) | {"model"}:
        assert not passes(bodies.body_reader(path), {"model": "open", name: value})


@given(st.sampled_from(BY_JSON), st.data())
def test_a_member_that_is_listed_passes_with_a_scalar(path: str, data: Any) -> None:
    name = data.draw(st.sampled_from(sorted(listed(path) - STRUCTURED)))
    value = data.draw(st.none() | st.booleans() | st.integers() | st.floats(0, 1) | st.text(max_size=5))
    assert passes(bodies.body_reader(path), {"model": "open", name: value})


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1E400", b"[1e999]", b'{"a":[[{"b":-1e309}]]}'])
@pytest.mark.parametrize("name", [b"temperature", b"stop", b"messages", b"response_format"])
def test_a_number_beyond_the_range_of_a_double_does_not_pass(name: bytes, number: bytes) -> None:
    # One reader would see an infinity, which JSON does not have, and the next an error.
    body = b'{"model":"open","%s":%s}'
    assert CHAT(JSON, body % (name, number)) is None
    assert CHAT(JSON, body % (name, b"1e300")) is not None


@pytest.mark.parametrize("name", sorted(STRUCTURED))
def test_what_has_members_is_no_text_that_may_be_read_as_some(name: str) -> None:
    for path in BY_JSON:
        if name in listed(path):
            reader = bodies.body_reader(path)
            assert passes(reader, {"model": "open", name: None})
            for value in ('{"model_group":"restricted"}', "[]", "", 0, True):
                assert not passes(reader, {"model": "open", name: value})


def test_no_table_lists_what_names_who_answers() -> None:
    naming = {
        *litellm._NOT_THE_CLIENTS, *litellm._METADATA, "extra_headers", "headers", "api_key", "api_base", "base_url",
        "tags", "provider", "previous_response_id", "conversation", "litellm_params", "model_info", "timeout",
        "num_retries",
        "mock_response", "cache", "caching", "guardrails", "mcp_servers", "organization",
    }  # fmt: skip
    for path in BY_JSON:
        assert listed(path) & naming <= ({"metadata"} if path == "/v1/messages" else set())
    assert not bodies._FORM_FIELDS & naming


@pytest.mark.parametrize("model", [None, 7, ["open"], {"model": "open"}, True])
def test_a_model_is_a_text_and_is_there(model: Any) -> None:
    assert not passes(CHAT, {"model": model}) and not passes(CHAT, {"messages": []})
    assert passes(CHAT, {"model": ""})  # which no rule lists


@pytest.mark.parametrize("name", ["user", "stream", "temperature", "service_tier", "reasoning_effort", "store", "n"])
def test_what_is_one_value_is_no_tree(name: str) -> None:
    for value in ({}, [], {"model": "x"}, ["x"]):
        assert not passes(CHAT, {"model": "open", name: value})


@pytest.mark.parametrize("path", ["/images/generations", "/v1/images/generations", "/v1/audio/speech"])
def test_what_the_table_does_not_mark_is_one_value_though_it_is_a_tree_elsewhere(path: str) -> None:
    for name in listed(path):
        assert passes(bodies.body_reader(path), {"model": "open", name: "text"})
        for value in ({}, [], {"type": "x", "model": "y"}, ["x"], [{"content": "x"}]):
            assert not passes(bodies.body_reader(path), {"model": "open", name: value})


@pytest.mark.parametrize(
    ("name", "good", "other"),
    [
        ("stream_options", {"include_usage": True}, {"model": "x"}),
        ("audio", {"voice": "a", "format": "wav"}, {"voice": {"model": "x"}}),
        ("thinking", {"type": "enabled", "budget_tokens": 9}, {"type": "enabled", "model": "x"}),
        ("reasoning", {"effort": "low"}, {"effort": ["low"]}),
        ("cache_control", {"type": "ephemeral", "ttl": "5m"}, {"type": "ephemeral", "x": 1}),
        ("metadata", {"user_id": "u"}, {"user_id": "u", "model_group": "x"}),
        ("metadata", {}, {"user_id": {"model_group": "x"}}),
    ],
)
def test_settings_have_members_of_their_own(name: str, good: Any, other: Any) -> None:
    reader = {"reasoning": RESPONSES, "cache_control": MESSAGES, "metadata": MESSAGES}.get(name, CHAT)
    assert passes(reader, {"model": "open", name: good})
    for value in (other, [good], [other]):
        assert not passes(reader, {"model": "open", name: value})


FUNCTION: Final = {"name": "a", "description": "b", "parameters": {"properties": {"model": {}}}, "strict": True}


@pytest.mark.parametrize(
    ("tool", "good"),
    [
        ({"type": "function", "function": FUNCTION}, True),
        ({"type": "function", **FUNCTION}, True),
        ({"type": "custom", "name": "a", "format": {"type": "grammar"}}, True),
        ({"type": "custom", "custom": {"name": "a", "format": {"type": "grammar"}}}, True),
        ({"name": "a", "input_schema": {"properties": {"model": {}}}, "cache_control": {"type": "ephemeral"}}, True),
        ({"type": "function", "function": {**FUNCTION, "model": "x"}}, False),
        ({"type": "custom", "custom": {"name": "a", "model": "x"}}, False),
        ({"type": "function", "function": [FUNCTION]}, False),
        ({"type": "function", "function": None}, False),
        ({"type": "function", **FUNCTION, "model": "x"}, False),
        ({"type": "image_generation"}, False),
        ({"type": "mcp", "name": "a"}, False),
        ({"type": None, "name": "a"}, False),
        ({"type": {"name": "a"}}, False),
        ({"type": ["function"], "name": "a"}, False),
        ({"type": "advisor_20260301", "name": "advisor"}, False),
        ("function", False),
        (None, False),
        ([], False),
    ],
)
def test_tools_are_those_that_the_client_runs(tool: Any, good: bool) -> None:
    for reader in (CHAT, RESPONSES, MESSAGES):
        assert passes(reader, {"model": "open", "tools": [tool]}) is good
        assert not passes(reader, {"model": "open", "tools": [{"name": "a"}, tool]}) or good
        assert not passes(reader, {"model": "open", "tools": {"type": "function"}})


@pytest.mark.parametrize(("function", "good"), [(FUNCTION, True), ({**FUNCTION, "model": "x"}, False), ("a", False)])
def test_functions_are_as_those_of_tools(function: Any, good: bool) -> None:
    assert passes(CHAT, {"model": "open", "functions": [FUNCTION, function]}) is good
    assert not passes(CHAT, {"model": "open", "functions": function})


@pytest.mark.parametrize("name", ["model", "tools"])
def test_nobody_is_named_on_the_levels_of_items_and_blocks(name: str) -> None:
    for reader, member in ((CHAT, "messages"), (RESPONSES, "input"), (MESSAGES, "messages"), (MESSAGES, "system")):
        block = {"type": "text", "text": "a"}
        for content in (
            [{**block, name: "x"}],
            [block, {"role": "user", "content": [block, {**block, name: "x"}]}],
            [{"role": "user", "content": {**block, name: "x"}}],
            {**block, name: None},
        ):
            assert not passes(reader, {"model": "open", member: content})
        told = [{"role": "user", "content": [block, {"type": "tool_use", "input": {name: "x"}}, "a"]}, "b"]
        assert passes(reader, {"model": "open", member: told})  # what a function was given is content


# --- texts ---


@pytest.mark.parametrize(
    "text",
    [
        b"", b"null", b"[]", b'"model"', b'{"model":"a","model":"a"}', b'{"model":"a","\\u006dodel":"a"}',
        b'{"model":"a","messages":[{"role":"a","role":"a"}]}', b'{"model":"a"} {}', b'{"model":"a",}', b"{'model':'a'}",
        b'{"model":"\\ud800"}', b'{"model":"\xff"}', b'\xef\xbb\xbf{"model":"a"}', b'{"model":"a","seed":NaN}',
        b'{"model":"a","stop":' + b"[" * 300 + b"]" * 300 + b"}", '{"model":"a"}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_a_text_that_others_may_read_otherwise_does_not_pass(text: bytes) -> None:
    assert CHAT(JSON, text) is None


@pytest.mark.parametrize(
    "kind", [b"application/json", b"Application/JSON; charset=utf-8", b'application/json;charset="UTF-8"']
)
def test_json_is_named_so(kind: bytes) -> None:
    assert CHAT(kind, b'{"model":"a"}') == (JSON, b'{"model":"a"}')


@pytest.mark.parametrize(
    "kind", [b"", b"text/json", b"application/json; charset=utf-16", b"application/x-protobuf", b"application/json,x",
             b"multipart/form-data; boundary=a", b"application/x-www-form-urlencoded", b"application/json\n"]
)  # fmt: skip
def test_what_is_named_otherwise_is_no_json(kind: bytes) -> None:
    assert CHAT(kind, b'{"model":"a"}') is None


# --- forms ---

READS: Final = bodies.body_reader(FORM)
FILE: Final = b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'


def field(name: str, value: bytes = b"open", more: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="' + name.encode() + b'"' + more + b"\r\n\r\n" + value


def form(*parts: bytes, boundary: bytes = b"b") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"


def read(text: bytes, boundary: bytes = b"b") -> list[tuple[str, str | None, bytes]] | None:
    """What the standard library reads in the form that is passed on."""
    passed = READS(b"multipart/form-data; boundary=" + boundary, text)
    if passed is None:
        return None
    whole = b"Content-Type: " + passed[0] + b"\r\n\r\n" + passed[1]
    parts = email.message_from_bytes(whole, policy=email.policy.HTTP).get_payload()
    assert isinstance(parts, list)
    return [
        (str(each.get_param("name", header="content-disposition")), each.get_filename(), each.get_payload(decode=True))
        for each in parts
    ]  # type: ignore[misc, union-attr]  # the types of `email` do not tell parts from texts


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=20), st.binary(max_size=60))
def test_a_form_says_the_same_when_it_is_put_together_anew(language: str, sound: bytes) -> None:
    text = form(field("model"), FILE + sound, field("language", language.encode()))
    if b"\r\n--b" not in b"\r\n" + sound + b"\r\n" + language.encode():
        passed = READS(b"multipart/form-data; boundary=b", text)
        assert passed is not None
        boundary = passed[0].partition(b"=")[2]
        said = field("model") + b"\r\n--" + boundary + b"\r\n" + FILE + sound + b"\r\n--" + boundary + b"\r\n"
        assert passed[1] == b"--" + boundary + b"\r\n" + said + field("language", language.encode()) + (
            b"\r\n--" + boundary + b"--\r\n"
        )


def test_a_form_has_another_boundary_each_time() -> None:
    text = form(field("model"), FILE)
    first, second = (READS(b'multipart/form-data; boundary="b"', text) for _ in range(2))
    assert first is not None and second is not None and first[0] != second[0]
    assert read(text) == [("model", None, b"open"), ("file", "a.wav", b"")]


def test_names_of_files_lose_what_a_header_could_be_made_of() -> None:
    for name in (b"a b;c.wav", "é.wav".encode(), b"a%0d%0a.wav", b"..\x00/a.wav"):
        text = form(field("model"), FILE.replace(b"a.wav", name))
        passed = READS(b"multipart/form-data; boundary=b", text)
        assert passed is not None and name not in passed[1] and b'.wav"\r\nContent-Type: audio/wav' in passed[1]
    text = form(field("model"), FILE.replace(b'"a.wav"', b"\"a.wav\"; filename*=UTF-8''b.wav"))
    assert read(text) == [("model", None, b"open"), ("file", "a.wav", b"")]
    text = form(field("model"), FILE.replace(b"audio/wav", b"audio/wav; x=y"))
    passed = READS(b"multipart/form-data; boundary=b", text)
    assert passed is not None and b"Content-Type: application/octet-stream" in passed[1]


def test_lists_of_a_form_may_have_several_members() -> None:
    text = form(field("model"), FILE, *(field("timestamp_granularities[]", each) for each in (b"word", b"segment")))
    assert [name for name, _, _ in read(text) or ()] == ["model", "file"] + ["timestamp_granularities[]"] * 2


@pytest.mark.parametrize(
    "text",
    [
        b"", b"--b--\r\n", form(field("model")), form(FILE), form(field("model"), field("file")),
        form(field("model"), FILE, FILE), form(field("model"), field("model", b"x"), FILE),
        form(field("model"), FILE, field("language"), field("language")),
        form(field("model"), FILE, field("metadata", b"{}")), form(field("model"), FILE, field("deployment_id")),
        form(field("model"), FILE, field("fallbacks[]")), form(field("model"), FILE, field("Model")),
        form(field("model", more=b'; filename="a"'), FILE), form(field("model", b"\xff"), FILE),
        form(field("model"), FILE, field("prompt", b"x" * 65_537)), form(field("model", more=b'; name="file"'), FILE),
        form(field("model", more=b"\r\nContent-Transfer-Encoding: base64"), FILE),
        form(field("model", more=b"\r\nContent-Disposition: form-data; name=file"), FILE),
        form(field("model"), FILE, field("language", more=b'\r\nContent-Disposition: form-data; name="prompt"')),
        form(field("model", more=b"\r\n folded"), FILE), form(field("model", more=b"\r\nX: y"), FILE),
        form(b"open", FILE), form(b"\r\nopen", FILE), form(field("model").replace(b"form-data", b"attachment"), FILE),
        form(field("model").replace(b'"model"', b"model"), FILE), form(field("model").replace(b"\r\n", b"\n"), FILE),
        b"x" + form(field("model"), FILE), b"\r\n" + form(field("model"), FILE), form(field("model"), FILE) + b"x",
        form(field("model"), FILE)[:-4], form(field("model"), FILE).replace(b"--b\r\n", b"--b \r\n"),
        form(field("model"), FILE, *[field("include[]")] * 31), form(field("model"), FILE, boundary=b"c"),
    ],
)  # fmt: skip
def test_a_form_that_is_not_exact_is_none(text: bytes) -> None:
    assert read(text) is None


def test_a_form_has_thirty_two_parts_and_no_more() -> None:
    assert read(form(field("model"), FILE, *[field("include[]")] * 30)) is not None
    assert read(form(field("model"), FILE, field("prompt", b"x" * 65_536))) is not None


@pytest.mark.parametrize(
    "kind", [b"", JSON, b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/mixed; boundary=b",
             b"multipart/form-data; boundary=b; boundary=c", b"multipart/form-data; charset=utf-8; boundary=b",
             b'multipart/form-data; boundary="b', b"application/x-www-form-urlencoded"]
)  # fmt: skip
def test_a_form_is_named_so(kind: bytes) -> None:
    assert READS(kind, form(field("model"), FILE)) is None


def test_where_a_form_is_due_no_json_is_read() -> None:
    assert READS(JSON, b'{"model":"open"}') is None
