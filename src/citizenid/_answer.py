"""The HTTP answer that every result but Allow carries: a problem document that OpenAI clients can read as well.

RFC 9457 gives the members `type`, `title`, `status`; the extension member `error` has the shape that OpenAI's clients
turn into an exception with message and code (without it they show an empty message). The reason names a rule, never a
value of the request.

Spec: RFC 9457; RFC 6750 section 3; RFC 9449 section 7.1; RFC 9110 section 10.2.3 (Retry-After).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ._errors import Reason


class Answer(NamedTuple):
    """An HTTP response: status code, headers as ASGI writes them (lower-case names), body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"<Answer {self.status}>"  # the body may hold a ticket


def problem(
    status: int,
    reason: Reason,
    *,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    members: Mapping[str, Any] | None = None,
) -> Answer:
    """Return the answer for a refusal or a need.

    Args:
        status: the HTTP status code.
        reason: why; its value is the code that a client can act on.
        headers: further headers.
        members: further members of the document.
    """
    message = reason.value.replace("_", " ").capitalize()
    document = {
        "type": f"urn:citizenid:reason:{reason.value}",
        "title": message,
        "status": status,
        "reason": reason.value,
        **(members or {}),
        "error": {"message": message, "type": "citizenship", "code": reason.value, "param": None},
    }
    return json_answer(status, document, b"application/problem+json", headers)


def json_answer(
    status: int,
    document: Mapping[str, Any],
    media_type: bytes = b"application/json",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Answer:
    """Return a JSON answer that no cache keeps."""
    import json  # here, because only a refusal needs it: it costs 1.5 ms of every start

    body = json.dumps(document, separators=(",", ":")).encode("ascii")
    fixed = ((b"content-type", media_type), (b"cache-control", b"no-store"))
    return Answer(status, (*fixed, *headers), body)
