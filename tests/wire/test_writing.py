"""What is written, beside the standard library's encoder: the two must write the same bytes, or ours must refuse.

Spec: RFC 8259; RFC 7515 section 5.1; RFC 9901 section 4.2.
"""

from __future__ import annotations

import json as stdlib_json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid._errors import CitizenIDError, MalformedError, Reason
from citizenid._wire import json
from citizenid._wire.writing import dump, dump_disclosure, dump_members, quote, signing_input

_MARKER = "Marker8675309"
_SALT = "c2FsdHNhbHRzYWx0c2FsdA"


def plain(value: Any) -> bytes:
    """As the standard library writes it."""
    return stdlib_json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_what_is_written_is_read_back_by_both(value: Any) -> None:
    data = dump(value, "")
    assert data == plain(value)
    assert plain(json.parse(data, "", 64)) == plain(stdlib_json.loads(data)) == data


def _endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def _deep(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), [float("inf")], {"a": -float("inf")}, "\ud800", {"\udc00": 1}, b"bytes", {1, 2}, object(), 1j,
        _endless(), _deep(100_000), {"a": {"b": b"Marker8675309"}}, ["Marker8675309\ud800"], {("a",): 1},
    ],
    ids=range(14),
)  # fmt: skip
def test_what_json_does_not_have_is_not_written(value: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        dump(value, "some.path")
    error = caught.value
    assert error.reason is Reason.MALFORMED_JSON
    assert error.where == "some.path"
    assert _MARKER not in f"{error}{error!r}{error.args}"
    assert error.__cause__ is None and error.__context__ is None


@given(st.text(max_size=16))
def test_a_quoted_string_is_what_the_encoder_writes(text: str) -> None:
    assert quote(text).encode() == plain(text)


@given(
    st.none() | st.text(max_size=8),
    _VALUES | st.sampled_from(['"', "\\", "\n\x00\x1f", "\u2028", "\x7f", "\U0001f600", '"],["']),
)
def test_a_disclosure_is_written_as_an_array_of_its_parts(name: str | None, value: Any) -> None:
    expected = plain([_SALT, value] if name is None else [_SALT, name, value])
    assert dump_disclosure(_SALT, name, value, "claims") == expected


@pytest.mark.parametrize("value", ["Marker8675309\ud800", ["Marker8675309\ud800"], b"Marker8675309", float("nan")])
@pytest.mark.parametrize("name", [None, "name", "\udfff"])
def test_a_disclosure_that_cannot_be_written_is_refused(name: str | None, value: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        dump_disclosure(_SALT, name, value, "claims")
    error = caught.value
    assert (error.reason, error.where) == (Reason.MALFORMED_JSON, "claims")
    assert _MARKER not in f"{error}{error!r}{error.args}" and error.__context__ is None


@given(
    st.dictionaries(st.text(max_size=4), st.text(max_size=4) | st.integers(), min_size=1, max_size=3),
    st.dictionaries(st.text(max_size=4), _VALUES, max_size=3),
)
def test_members_written_as_text_stand_before_the_others(first: dict[str, Any], then: dict[str, Any]) -> None:
    members = ",".join(f"{quote(name)}:{plain(value).decode()}" for name, value in first.items())
    apart = {name: value for name, value in then.items() if name not in first}
    assert dump_members(members, apart, "claims") == plain({**first, **apart})


@pytest.mark.parametrize("value", [{"a": float("inf")}, {"a": "Marker8675309\ud800"}, {"a": {1, 2}}, {("a",): 1}])
def test_members_that_cannot_be_written_are_refused(value: dict[Any, Any]) -> None:
    for members in ('"a":1', '"a":"\ud800"'):
        with pytest.raises(MalformedError) as caught:
            dump_members(members, value, "claims")
        error = caught.value
        assert (error.reason, error.where) == (Reason.MALFORMED_JSON, "claims")
        assert _MARKER not in f"{error}{error!r}{error.args}" and error.__context__ is None
    with pytest.raises(MalformedError):
        dump_members('"a":"\ud800"', {}, "claims")


def test_what_is_to_be_signed_is_refused_where_it_stands() -> None:
    good: dict[str, Any] = {"alg": "ES256"}
    assert signing_input(good, {}, "kb-jwt") == b"eyJhbGciOiJFUzI1NiJ9.e30"
    for header, payload in (({**good, "a": float("nan")}, {}), (good, {"a": float("nan")})):
        with pytest.raises(MalformedError) as caught:
            signing_input(header, payload, "kb-jwt")
        assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_JSON, "kb-jwt")
    with pytest.raises(CitizenIDError) as refused:
        signing_input({"alg": "ESB256"}, {}, "kb-jwt")
    assert (refused.value.reason, refused.value.where) == (Reason.ALGORITHM_NOT_ALLOWED, "kb-jwt.header")
