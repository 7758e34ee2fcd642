"""What a client may say to LiteLLM's proxy: a closed table of members for each guarded endpoint.

LiteLLM and the providers behind it take models, deployments, providers, addresses and keys from dozens of members of a
body, and each release knows more of them. What is not listed here reaches nobody. What is listed is a question, or says
how it is to be answered, and names nobody who would answer it. A form is taken apart and put together anew, so that
what was judged is what the proxy reads; a JSON text that was read strictly reads the same everywhere.

Spec: specs/profile-litellm.md section 5; specs/threat-model.md (T-38, T-40).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from os import urandom
from typing import Any, Final, NamedTuple

from .._errors import MalformedError
from .._wire import json

ReadsBody = Callable[[bytes, bytes], tuple[bytes, bytes] | None]
"""From media type and body to what is passed on in their place, or None for what is not to pass."""

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_JSON: Final = re.compile(rb'application/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?', re.IGNORECASE)
_FORM: Final = re.compile(
    rb"multipart/form-data[ \t]*;[ \t]*boundary=(?:\"([A-Za-z0-9'()+_,./:=?-]{1,70})\"|([A-Za-z0-9'+_.-]{1,70}))",
    re.IGNORECASE,
)
_WHERE: Final = "litellm.body"
_DEPTH: Final = 200  # where our reader of JSON ends by itself

# Content is a question: text, images, sound, earlier turns. Nobody is named in it but on its first two levels, where
# some providers look for tools.
_CONTENT: Final = frozenset({"messages", "input", "system", "instructions"})
# Members of their own, all scalars.
_SETTINGS: Final[Mapping[str, frozenset[str]]] = {
    "stream_options": frozenset({"include_usage", "include_obfuscation"}),
    "audio": frozenset({"format", "voice"}),
    "thinking": frozenset({"type", "budget_tokens", "display"}),
    "reasoning": frozenset({"effort", "summary", "generate_summary"}),
    "cache_control": frozenset({"type", "ttl"}),
    "metadata": frozenset({"user_id"}),  # of Anthropic's messages; LiteLLM keeps its own state beside it
}
# As a provider's tools name models and servers, those alone which the client runs itself.
_TOOL: Final = frozenset({
    "type", "function", "custom", "name", "description", "parameters", "strict", "input_schema", "cache_control",
    "format", "input_examples",
})  # fmt: skip
_TOOL_KINDS: Final = frozenset({"function", "custom"})
_FUNCTION: Final = frozenset({"name", "description", "parameters", "strict", "format", "cache_control"})
_TREES: Final = frozenset({
    "stop", "modalities", "tool_choice", "response_format", "logit_bias", "prediction", "function_call", "prompt",
    "documents", "query", "rank_fields", "text", "include", "stop_sequences", "output_config",
})  # fmt: skip

_SAMPLING: Final = (
    "temperature top_p n seed stop presence_penalty frequency_penalty logit_bias max_tokens user stream stream_options"
)
_CHAT: Final = (
    _SAMPLING + " messages tools tool_choice parallel_tool_calls functions function_call response_format logprobs"
    " top_logprobs max_completion_tokens reasoning_effort verbosity service_tier store prediction modalities audio"
    " safety_identifier prompt_cache_key prompt_cache_retention thinking top_k"
)
_ENDPOINTS: Final[Mapping[str, str]] = {
    "/chat/completions": _CHAT,
    "/completions": _SAMPLING + " prompt suffix echo best_of logprobs",
    "/embeddings": "input dimensions encoding_format user",
    "/responses": (
        "input instructions tools tool_choice parallel_tool_calls max_output_tokens temperature top_p top_logprobs"
        " truncation text reasoning include store stream stream_options service_tier user safety_identifier"
        " prompt_cache_key prompt_cache_retention"
    ),
    "/messages": (
        "messages system max_tokens stop_sequences stream temperature top_k top_p thinking tools tool_choice metadata"
        " service_tier output_config cache_control"
    ),
    "/images/generations": (
        "prompt n size quality style response_format user background moderation output_compression output_format"
    ),
    "/audio/speech": "input voice response_format speed instructions stream_format",
    "/moderations": "input",
    "/rerank": "query documents top_n return_documents rank_fields max_chunks_per_doc max_tokens_per_doc",
}
# Where a prompt, an input or a format is a text.
_VALUES_ALONE: Final = frozenset({"/images/generations", "/audio/speech"})
_FORM_FIELDS: Final = frozenset({
    "model", "language", "prompt", "response_format", "temperature", "stream", "timestamp_granularities[]", "include[]",
})  # fmt: skip
_MAX_PARTS: Final = 32
_MAX_FIELD_BYTES: Final = 65_536
_DISPOSITION: Final = re.compile(
    rb'form-data; ?name="([a-z_]{1,40}(?:\[\])?)"(?:; ?filename="([^"\\\r\n]{1,255})")?'
    rb'(?:; ?filename\*=[^;\r\n"]{1,765})?',
    re.IGNORECASE,
)
_FILE_TYPE: Final = re.compile(rb"[A-Za-z0-9.+-]{1,40}/[A-Za-z0-9.+-]{1,80}")


class _Part(NamedTuple):
    name: bytes
    filename: bytes | None
    kind: bytes | None
    content: bytes


def body_reader(path: str) -> ReadsBody:
    """Return what judges the bodies of a guarded path."""
    endpoint = path.removeprefix("/v1")
    if endpoint == "/audio/transcriptions":
        return _read_form
    members = frozenset(_ENDPOINTS[endpoint].split()) | {"model"}
    harmless = _is_value if endpoint in _VALUES_ALONE else _harmless

    def read(kind: bytes, body: bytes) -> tuple[bytes, bytes] | None:
        return (b"application/json", body) if _JSON.fullmatch(kind) and _passes(body, members, harmless) else None

    return read


def _passes(body: bytes, members: frozenset[str], harmless: Callable[[str, object], bool]) -> bool:
    tree: Any = None
    try:
        tree = json.parse(body, _WHERE, _DEPTH)
    except MalformedError:
        return False
    if type(tree) is not dict or not tree.keys() <= members or type(tree.get("model")) is not str:
        return False
    return all(harmless(name, value) for name, value in tree.items())


def _is_value(_: str, value: object) -> bool:
    return type(value) in _SCALARS


def _harmless(name: str, value: object) -> bool:
    if value is None:
        return True
    if name == "tools":
        return isinstance(value, list) and all(map(_is_tool, value))
    if name == "functions":
        return isinstance(value, list) and all(_has_only(each, _FUNCTION) for each in value)
    if name in _SETTINGS:  # a text is none: LiteLLM reads JSON in some of them
        return _has_only(value, _SETTINGS[name]) and all(type(each) in _SCALARS for each in _members(value).values())
    if name in _CONTENT:
        return _is_content(value)
    return type(value) in _SCALARS or name in _TREES


def _is_content(value: object) -> bool:
    for item in value if isinstance(value, list) else (value,):
        if not isinstance(item, dict):
            continue
        inner = item.get("content")
        for each in (item, *(inner if isinstance(inner, list) else (inner,))):
            if isinstance(each, dict) and not each.keys().isdisjoint(("model", "tools")):
                return False
    return True


def _is_tool(tool: object) -> bool:
    if not _has_only(tool, _TOOL):
        return False
    stated = _members(tool)
    inner = [stated[name] for name in ("function", "custom") if name in stated]
    kind = stated.get("type", "custom")
    return isinstance(kind, str) and kind in _TOOL_KINDS and all(_has_only(each, _FUNCTION) for each in inner)


def _has_only(value: object, members: frozenset[str]) -> bool:
    return isinstance(value, dict) and value.keys() <= members


def _members(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _read_form(kind: bytes, body: bytes) -> tuple[bytes, bytes] | None:
    stated = _FORM.fullmatch(kind)
    parts = None if stated is None else _parts(body, stated[1] or stated[2])
    if parts is None:
        return None
    names = [each.name for each in parts]
    if names.count(b"model") != 1 or names.count(b"file") != 1:
        return None
    for each in parts:
        is_file = each.name == b"file"
        once = each.name.endswith(b"[]") or names.count(each.name) == 1
        if is_file is not (each.filename is not None) or not once:
            return None
        if not is_file and not _is_field(each):
            return None
    boundary = urandom(16).hex().encode("ascii")  # so that no content can hold it
    written = [b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, _head(each), each.content) for each in parts]
    return b"multipart/form-data; boundary=" + boundary, b"".join((*written, b"--%s--\r\n" % boundary))


def _is_field(part: _Part) -> bool:
    try:
        part.content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return part.name.decode("ascii") in _FORM_FIELDS and len(part.content) <= _MAX_FIELD_BYTES


def _head(part: _Part) -> bytes:
    head = b'Content-Disposition: form-data; name="%s"' % part.name
    if part.filename is None:
        return head
    name = re.sub(rb"[^A-Za-z0-9._-]", b"_", part.filename)
    return head + b'; filename="%s"\r\nContent-Type: %s' % (name, part.kind or b"application/octet-stream")


def _parts(body: bytes, boundary: bytes) -> list[_Part] | None:
    first, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, _MAX_PARTS + 1)
    if first or not pieces or pieces[-1] not in (b"--", b"--\r\n"):
        return None
    parts = [_part(piece) for piece in pieces[:-1]]
    known = [part for part in parts if part is not None]
    return known if len(known) == len(parts) else None


def _part(piece: bytes) -> _Part | None:
    lines, blank, content = piece.partition(b"\r\n\r\n")
    start, *headers = lines.split(b"\r\n")
    if start or not blank or not headers:
        return None
    found: dict[bytes, bytes] = {}
    for line in headers:
        name, colon, value = line.partition(b":")
        if not colon or name.lower() in found:
            return None
        found[name.lower()] = value.strip(b" \t")
    disposition = _DISPOSITION.fullmatch(found.pop(b"content-disposition", b""))
    kind = found.pop(b"content-type", None)
    found.pop(b"content-length", None)
    if disposition is None or found:
        return None
    known = kind if kind is not None and _FILE_TYPE.fullmatch(kind) else None
    return _Part(disposition[1], disposition[2], known, content)
