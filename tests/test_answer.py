"""The HTTP answer: a problem document that is read by RFC 9457 clients and by those that know OpenAI's shape alone.

Spec: RFC 9457 section 3; RFC 9111 section 5.2.2.5; RFC 8259.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import only_in_words

from citizenid import Reason
from citizenid._answer import Answer, json_answer, problem

errors_say_where = only_in_words()


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("status", [401, 403, 503])
def test_a_problem_document(reason: Reason, status: int) -> None:
    answer = problem(status, reason)
    document = json.loads(answer.body)
    assert answer.status == document["status"] == status
    assert answer.headers == ((b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"))
    assert set(document) == {"type", "title", "status", "reason", "error"}
    assert document["type"] == f"urn:citizenid:reason:{reason.value}"
    assert document["reason"] == reason.value
    assert document["title"].casefold().replace(" ", "_") == reason.value


@pytest.mark.parametrize("reason", Reason)
def test_the_member_that_openai_clients_read(reason: Reason) -> None:
    # Without it they raise an exception with an empty message and no code.
    error = json.loads(problem(403, reason).body)["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert (error["type"], error["code"], error["param"]) == ("citizenship", reason.value, None)
    assert error["message"]


def test_further_headers_and_members() -> None:
    answer = problem(503, Reason.REVOKED, headers=((b"retry-after", b"5"),), members={"step": "V9"})
    assert answer.headers[-1] == (b"retry-after", b"5")
    assert json.loads(answer.body)["step"] == "V9"


def test_a_member_does_not_replace_what_openai_clients_read() -> None:
    answer = problem(403, Reason.REVOKED, members={"error": "nothing"})
    assert json.loads(answer.body)["error"]["code"] == "revoked"


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.text(max_size=20) | st.integers() | st.none() | st.lists(st.text(max_size=3)),
        max_size=4,
    )
)
def test_a_json_answer_is_ascii_and_reads_back(document: dict[str, Any]) -> None:
    answer = json_answer(200, document)
    assert answer.body.isascii()
    assert b"\n" not in answer.body
    assert json.loads(answer.body) == document
    assert answer.headers == ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


def test_an_answer_unpacks_and_does_not_show_its_body() -> None:
    status, headers, body = json_answer(200, {"ticket": "secret"})
    assert (status, len(headers)) == (200, 2)
    assert b"secret" in body
    assert "secret" not in repr(Answer(status, headers, body))
