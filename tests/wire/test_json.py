"""JSON: our reader accepts exactly what a strict, slow reader accepts, with equal values of equal types.

The oracle is the standard library's parser with every leniency switched off by hand: strict UTF-8 without a byte order
mark, duplicate members refused after unescaping, no NaN or Infinity however spelled, no lone surrogate, depth counted
by recursion (RFC 8259, RFC 7493 section 2).
"""

from __future__ import annotations

import json as stdlib_json
import math
import struct
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid._errors import FORM, MalformedError, Reason
from citizenid._wire import json

DEPTH = 5


class Fault(Exception):
    """The slow reader's refusal."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise Fault(Reason.DUPLICATE_MEMBER)
    return dict(pairs)


def _constant(_: str) -> Any:
    raise Fault(Reason.MALFORMED_JSON)


def _faults(value: Any, depth: int) -> set[Reason]:
    if isinstance(value, float):
        return set() if math.isfinite(value) else {Reason.MALFORMED_JSON}
    if isinstance(value, str):
        return {Reason.MALFORMED_JSON} if any("\ud800" <= character <= "\udfff" for character in value) else set()
    found: set[Reason] = set()
    if isinstance(value, (dict, list)):
        if depth == 0:
            return {Reason.DEPTH_EXCEEDED}
        items = list(value.values()) + list(value) if isinstance(value, dict) else value
        for item in items:
            found |= _faults(item, depth - 1)
    return found


def slow_parse(data: bytes, depth: int) -> Any:
    """Read one JSON value the slow way.

    Raises:
        Fault: with a Reason, when `data` is not strict JSON within `depth`.
    """
    try:
        text = data.decode("utf-8", "strict")
        value = stdlib_json.loads(text, object_pairs_hook=_members, parse_constant=_constant, strict=True)
    except (ValueError, RecursionError):
        raise Fault(Reason.MALFORMED_JSON) from None
    faults = _faults(value, depth)
    if faults:
        raise Fault(Reason.DEPTH_EXCEEDED if Reason.DEPTH_EXCEEDED in faults else Reason.MALFORMED_JSON)
    return value


def slow_parse_object(data: bytes, depth: int) -> dict[str, Any]:
    """Read one JSON object the slow way. Raises Fault."""
    value = slow_parse(data, depth)
    if not isinstance(value, dict):
        raise Fault(Reason.MALFORMED_JSON)
    return value


def same(left: Any, right: Any) -> bool:
    """Equal, of equal types at every place, and floats equal bit for bit."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack(">d", left) == struct.pack(">d", right)
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _agree(data: bytes, depth: int = DEPTH) -> None:
    expected: Any = None
    fault = None
    try:
        expected = slow_parse(data, depth)
    except Fault as error:
        fault = error.reason
    try:
        found = json.parse(data, "some.path", depth)
    except MalformedError as error:
        assert fault is not None, f"only the slow reader takes it: {data!r}"
        assert error.reason in (Reason.MALFORMED_JSON, Reason.DUPLICATE_MEMBER, Reason.DEPTH_EXCEEDED)
        if fault is not Reason.MALFORMED_JSON:
            # With several faults in one text either may be met first; the slow reader says MALFORMED_JSON for a text
            # that is no JSON at all, and there alone may the fast one have met another fault before.
            assert error.reason is fault or not _single_fault(data)
        assert (error.where, error.step) == ("some.path", FORM)
        assert error.__cause__ is None and error.__context__ is None
    else:
        assert fault is None, f"only ours takes it: {data!r}"
        assert same(found, expected)


def _single_fault(data: bytes) -> bool:
    # Without duplicates, infinities and surrogates: read leniently, then ask for the depth alone.
    try:
        value = stdlib_json.loads(data.decode("utf-8"))
    except ValueError:
        return False  # behind the fault that was met there is one that makes it no JSON at all
    others = _faults(value, 10_000)
    try:
        slow_parse(data, 10_000)
    except Fault as fault:
        return not others and fault.reason is Reason.DUPLICATE_MEMBER and not _faults(value, DEPTH)
    return not others


# --- texts: not values written by a library, so that every spelling JSON permits comes up ---

_SPACE = st.sampled_from([b"", b"", b"", b" ", b"\n", b"\r\n\t ", b"\t"])
_NUMBERS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,22})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?\Z", fullmatch=True).map(
    str.encode
)
_NAMES = st.sampled_from([b'"a"', b'"\\u0061"', b'"b"', b'""', b'"_sd"', b'"\\u005Fsd"', b'"\xc3\xa9"', b'"\\u00e9"'])
_ESCAPES = st.sampled_from(
    ["\\n", "\\/", '\\"', "\\\\", "\\u0000", "\\ud83d\\ude00", "\\uD834\\uDD1E", "\\u00e9", "é", "😀", "\x7f", "\u2028"]
)
_STRINGS = st.one_of(
    st.text(max_size=8).map(lambda text: stdlib_json.dumps(text).encode()),
    st.text(max_size=8).map(lambda text: stdlib_json.dumps(text, ensure_ascii=False).encode()),
    st.lists(_ESCAPES, max_size=4).map(lambda parts: ('"' + "".join(parts) + '"').encode()),
)
_SCALARS = st.one_of(_NUMBERS, _STRINGS, st.sampled_from([b"true", b"false", b"null", b"-0", b"0.0", b"-0.0"]))


def _array(items: list[bytes], space: bytes) -> bytes:
    return b"[" + space + (space + b"," + space).join(items) + space + b"]"


def _object(pairs: list[tuple[bytes, bytes]], space: bytes) -> bytes:
    return b"{" + space + (space + b",").join(name + space + b":" + value for name, value in pairs) + space + b"}"


def _deeper(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    names = st.one_of(_NAMES, _STRINGS)
    return st.one_of(
        st.builds(_array, st.lists(inner, max_size=4), _SPACE),
        st.builds(_object, st.lists(st.tuples(names, inner), max_size=4), _SPACE),
    )


TEXTS = st.tuples(_SPACE, st.recursive(_SCALARS, _deeper, max_leaves=12), _SPACE).map(b"".join)

_BYTES = st.sampled_from(
    [bytes([value]) for value in b'"\\{}[],:.+-eE019/ \t\n\x00\x0b\x0c\x1f\x7f\x80\xa0\xc0\xc2\xed\xf4\xff utfnNI']
    + [b"\xef\xbb\xbf", b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e999", b"\\ud800", b"\\udc00", b"\\u0061"]
    + [b"//", b"/**/", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"[" * 6, b"]" * 6, b'"a":1,', b"0", b"e5"]
)
_MUTATIONS = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 2), _BYTES), min_size=1, max_size=3)


def mutate(data: bytes, mutations: list[tuple[int, int, bytes]]) -> bytes:
    """Insert each piece at its place, in the stead of as many bytes as the second number says."""
    for place, drop, piece in mutations:
        place %= len(data) + 1
        data = data[:place] + piece + data[place + drop :]
    return data


@given(TEXTS)
@example(b'{"a":1,"\\u0061":2}')
@example(b"[[[[[[]]]]]]")
@example(b"[[[[[]]]]]")
@example(b'{"a":{"a":[{"a":[1e400]}]}}')
def test_texts_are_read_as_the_slow_way_reads_them(data: bytes) -> None:
    _agree(data)


@given(TEXTS, _MUTATIONS)
def test_mutated_texts_are_read_as_the_slow_way_reads_them(
    data: bytes, mutations: list[tuple[int, int, bytes]]
) -> None:
    _agree(mutate(data, mutations))


@given(st.binary(max_size=12))
def test_any_bytes_are_read_as_the_slow_way_reads_them(data: bytes) -> None:
    _agree(data)


@given(TEXTS)
def test_an_object_is_due_at_the_top(data: bytes) -> None:
    try:
        expected = slow_parse_object(data, DEPTH)
    except Fault:
        with pytest.raises(MalformedError):
            json.parse_object(data, "some.path", DEPTH)
    else:
        assert same(json.parse_object(data, "some.path", DEPTH), expected)


@given(st.from_regex(r"\A-?[0-9]{0,25}\.?[0-9]{0,25}([eE][+-]?[0-9]{0,4})?\Z", fullmatch=True).map(str.encode))
def test_numbers_are_read_as_the_slow_way_reads_them(data: bytes) -> None:
    _agree(data)


# --- refusals, one by one ---

_REFUSED: list[tuple[bytes, Reason]] = [
    (b"", Reason.MALFORMED_JSON),
    (b" ", Reason.MALFORMED_JSON),
    (b"NaN", Reason.MALFORMED_JSON),
    (b"nan", Reason.MALFORMED_JSON),
    (b"Infinity", Reason.MALFORMED_JSON),
    (b"-Infinity", Reason.MALFORMED_JSON),
    (b"[NaN]", Reason.MALFORMED_JSON),
    (b'{"exp":NaN}', Reason.MALFORMED_JSON),
    (b'{"exp":Infinity}', Reason.MALFORMED_JSON),
    (b"1e400", Reason.MALFORMED_JSON),  # an infinity spelled as a number, at each depth
    (b"-1e999", Reason.MALFORMED_JSON),
    (b"[1e400]", Reason.MALFORMED_JSON),
    (b'{"exp":-1e999}', Reason.MALFORMED_JSON),
    (b'{"a":[{"b":[1e400]}]}', Reason.MALFORMED_JSON),
    (b"1.7976931348623159e308", Reason.MALFORMED_JSON),  # half a unit above the largest double
    (b"1" * 400 + b".0", Reason.MALFORMED_JSON),
    (b'{"a":1,"a":1}', Reason.DUPLICATE_MEMBER),
    (b'{"a":1,"\\u0061":2}', Reason.DUPLICATE_MEMBER),
    (b'{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}', Reason.DUPLICATE_MEMBER),
    (b'{"/":1,"\\/":2}', Reason.DUPLICATE_MEMBER),
    (b'{"":1,"":2}', Reason.DUPLICATE_MEMBER),
    (b'{"x":{"a":1,"b":2,"a":3}}', Reason.DUPLICATE_MEMBER),
    (b'[{"a":null,"a":null}]', Reason.DUPLICATE_MEMBER),
    (b"\xef\xbb\xbf{}", Reason.MALFORMED_JSON),  # byte order marks and the encodings they announce
    ("{}".encode("utf-16"), Reason.MALFORMED_JSON),
    ("{}".encode("utf-16-le"), Reason.MALFORMED_JSON),
    ("{}".encode("utf-16-be"), Reason.MALFORMED_JSON),
    ("{}".encode("utf-32"), Reason.MALFORMED_JSON),
    (b"{} x", Reason.MALFORMED_JSON),  # something after the value
    (b"{}\x00", Reason.MALFORMED_JSON),
    (b"{}{}", Reason.MALFORMED_JSON),
    (b"{}\n{}", Reason.MALFORMED_JSON),
    (b"{},", Reason.MALFORMED_JSON),
    (b"1 2", Reason.MALFORMED_JSON),
    (b"/* c */{}", Reason.MALFORMED_JSON),
    (b"{} // c", Reason.MALFORMED_JSON),
    (b"{/**/}", Reason.MALFORMED_JSON),
    (b"[1,]", Reason.MALFORMED_JSON),
    (b'{"a":1,}', Reason.MALFORMED_JSON),
    (b"[,1]", Reason.MALFORMED_JSON),
    (b"[1", Reason.MALFORMED_JSON),
    (b'{"a":1', Reason.MALFORMED_JSON),
    (b'{"a"}', Reason.MALFORMED_JSON),
    (b"{a:1}", Reason.MALFORMED_JSON),
    (b"{'a':1}", Reason.MALFORMED_JSON),
    (b"{1:1}", Reason.MALFORMED_JSON),
    (b'"a', Reason.MALFORMED_JSON),
    (b'"\x00"', Reason.MALFORMED_JSON),
    (b'"\n"', Reason.MALFORMED_JSON),
    (b'"\x1f"', Reason.MALFORMED_JSON),
    (b'"\\x41"', Reason.MALFORMED_JSON),
    (b'"\\u12"', Reason.MALFORMED_JSON),
    (b'"\\u+041"', Reason.MALFORMED_JSON),
    (b'"\\u 041"', Reason.MALFORMED_JSON),
    (b'"\\ud800"', Reason.MALFORMED_JSON),  # lone and swapped surrogates, escaped and raw
    (b'"\\udc00"', Reason.MALFORMED_JSON),
    (b'"\\ud800\\u0041"', Reason.MALFORMED_JSON),
    (b'"\\udc00\\ud800"', Reason.MALFORMED_JSON),
    (b'{"\\ud800":1}', Reason.MALFORMED_JSON),
    (b'"\xed\xa0\x80"', Reason.MALFORMED_JSON),
    (b'"\xed\xa0\xbd\xed\xb8\x80"', Reason.MALFORMED_JSON),
    (b'"\xc0\x80"', Reason.MALFORMED_JSON),  # overlong, beyond U+10FFFF, cut short, not UTF-8
    (b'"\xe0\x80\xaf"', Reason.MALFORMED_JSON),
    (b'"\xf4\x90\x80\x80"', Reason.MALFORMED_JSON),
    (b'"\xe2\x82"', Reason.MALFORMED_JSON),
    (b'"\xff"', Reason.MALFORMED_JSON),
    (b"+1", Reason.MALFORMED_JSON),
    (b"01", Reason.MALFORMED_JSON),
    (b"-01", Reason.MALFORMED_JSON),
    (b".5", Reason.MALFORMED_JSON),
    (b"1.", Reason.MALFORMED_JSON),
    (b"1.e5", Reason.MALFORMED_JSON),
    (b"1e", Reason.MALFORMED_JSON),
    (b"0x10", Reason.MALFORMED_JSON),
    (b"1_000", Reason.MALFORMED_JSON),
    ("١".encode(), Reason.MALFORMED_JSON),  # ARABIC-INDIC DIGIT ONE
    (b"-", Reason.MALFORMED_JSON),
    (b"True", Reason.MALFORMED_JSON),
    (b"tru", Reason.MALFORMED_JSON),
    (b"nul", Reason.MALFORMED_JSON),
    (b"truefalse", Reason.MALFORMED_JSON),
    (b"\x0c1", Reason.MALFORMED_JSON),  # white space that JSON does not have
    (b"\x0b1", Reason.MALFORMED_JSON),
    (b"\xc2\xa01", Reason.MALFORMED_JSON),
    (b"\xe2\x80\xa81", Reason.MALFORMED_JSON),
]


@pytest.mark.parametrize(("data", "reason"), _REFUSED, ids=[repr(data[:24]) for data, _ in _REFUSED])
def test_refusals(data: bytes, reason: Reason) -> None:
    with pytest.raises(Fault):
        slow_parse(data, 32)
    with pytest.raises(MalformedError) as caught:
        json.parse(data, "some.path", 32)
    assert caught.value.reason is reason


@pytest.mark.parametrize("data", [b"[]", b"[{}]", b"null", b"true", b"0", b"1.5", b'"{}"', b' "a" '])
def test_another_value_at_the_top_is_refused_where_an_object_is_due(data: bytes) -> None:
    json.parse(data, "some.path", 32)
    with pytest.raises(MalformedError) as caught:
        json.parse_object(data, "some.path", 32)
    assert caught.value.reason is Reason.MALFORMED_JSON
    assert caught.value.where == "some.path"


def test_what_is_no_json_may_break_another_rule_before() -> None:
    _agree(b'[{"a":1,"a":2} 1')
    assert not _single_fault(b'[{"a":1,"a":2} 1') and _single_fault(b'[{"a":1,"a":2}]')


@pytest.mark.parametrize(
    "data", [b"-0", b"-0.0", b"0e99999999999", b"1e-400", b"-1e-400", b"5e-324", b"1e0000000000000001"]
)
def test_numbers_at_the_edge_of_a_double_agree(data: bytes) -> None:
    _agree(data)


# --- depth ---


def _nested(depth: int, kind: str) -> bytes:
    opening, closing = {"array": (b"[", b"]"), "object": (b'{"a":', b"}"), "both": (b'[{"a":', b"}]")}[kind]
    count = depth // 2 if kind == "both" else depth
    return opening * count + b"1" + closing * count


@pytest.mark.parametrize("kind", ["array", "object", "both"])
@pytest.mark.parametrize("depth", [2, 4, 32, 64])
def test_depth_at_the_bound_passes_and_one_more_is_refused(kind: str, depth: int) -> None:
    assert json.parse(_nested(depth, kind), "some.path", depth) == stdlib_json.loads(_nested(depth, kind))
    for bound in (depth - 1, depth - 2):
        with pytest.raises(MalformedError) as caught:
            json.parse(_nested(depth, kind), "some.path", bound)
        assert caught.value.reason is Reason.DEPTH_EXCEEDED


def test_a_scalar_has_depth_zero_and_an_empty_container_one() -> None:
    assert json.parse(b"1", "", 0) == 1
    for data in (b"[]", b"{}"):
        with pytest.raises(MalformedError) as caught:
            json.parse(data, "", 0)
        assert caught.value.reason is Reason.DEPTH_EXCEEDED
        json.parse(data, "", 1)


def test_the_deepest_branch_counts_wherever_it_stands() -> None:
    for data in (b"[1,[1,[1]],1]", b'{"a":1,"b":[{"c":1}],"d":2}', b"[[[1]],[]]"):
        json.parse(data, "", 3)
        with pytest.raises(MalformedError) as caught:
            json.parse(data, "", 2)
        assert caught.value.reason is Reason.DEPTH_EXCEEDED


@pytest.mark.parametrize("piece", [b"[", b'{"a":', b'[{"a":'])
@pytest.mark.parametrize("closed", [False, True])
def test_a_hundred_thousand_brackets_are_refused_at_once(piece: bytes, closed: bool) -> None:
    closing = {b"[": b"]", b'{"a":': b"}", b'[{"a":': b"}]"}[piece]
    data = piece * 100_000 + (b"1" + closing * 100_000 if closed else b"")
    tracemalloc.start()
    try:
        start = time.thread_time()
        with pytest.raises(MalformedError) as caught:
            json.parse(data, "some.path", 32)
        elapsed = time.thread_time() - start
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.reason is Reason.DEPTH_EXCEEDED
    assert elapsed < 1  # measured: below a millisecond; a second is for a busy machine
    assert peak < 64 * 1024


# --- the one difference between the two readers ---


@pytest.mark.parametrize("sign", [b"", b"-"])
def test_integers_end_at_4300_digits_for_both(sign: bytes) -> None:
    """CPython converts no more digits than this (CVE-2020-10735) and jiter has the same bound."""
    _agree(sign + b"1" * 4_300)
    assert json.parse(sign + b"1" * 4_300, "", 0) == int(sign + b"1" * 4_300)
    for data in (sign + b"1" * 4_301, b"[" + sign + b"1" * 4_301 + b"]", sign + b"1" * 200_000):
        _agree(data)
        with pytest.raises(MalformedError) as caught:
            json.parse(data, "", 32)
        assert caught.value.reason is Reason.MALFORMED_JSON


def test_a_float_whose_integer_part_has_more_than_4300_digits_is_refused_by_ours_alone() -> None:
    """The known difference, and the only one.

    jiter applies its bound before it sees the exponent, so a finite 4,301-digit number such as 111...1e-4290 is refused
    here, and the standard library reads 1.1e10. Ours refuses more, no claim has such a number, and a bound on digits is
    what we want anyhow; so it stands.
    """
    data = b"1" * 4_301 + b"e-4290"
    assert slow_parse(data, 0) == 1.111111111111111e10
    with pytest.raises(MalformedError) as caught:
        json.parse(data, "", 0)
    assert caught.value.reason is Reason.MALFORMED_JSON
    _agree(b"0." + b"0" * 5_000 + b"1")  # a long fraction or exponent makes no difference
    _agree(b"1.0e" + b"0" * 5_000 + b"1")
    _agree(b"1" * 308 + b".5e-2")


# --- no value of the input gets out ---

_MARKER = "Marker8675309"
_PLANTED: list[bytes] = [
    b'{"Marker8675309":1,"Marker8675309":2}',
    b'{"Marker8675309":"Marker8675309',
    b'{"a":Marker8675309}',
    b'["Marker8675309", 1e400]',
    b'"Marker8675309" "Marker8675309"',
    b'["Marker8675309\\ud800"]',
    b'["Marker8675309\xff"]',
    b'{"Marker8675309":' * 300,
    b"[" * 40 + b'"Marker8675309"' + b"]" * 40,
    b'"Marker8675309"',
]


@pytest.mark.parametrize("data", _PLANTED, ids=range(len(_PLANTED)))
def test_a_refusal_holds_nothing_of_the_input(data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        json.parse_object(data, "some.path", 32)
    error = caught.value
    for seen in (str(error), repr(error), repr(error.args), repr(vars(error)), repr(getattr(error, "__notes__", ""))):
        assert _MARKER not in seen
    assert error.__cause__ is None and error.__context__ is None


def test_what_is_not_finite_is_found_behind_what_is_plain() -> None:
    for data in (b"[[1],[1e400]]", b'{"a":[1],"b":[2],"c":[1e400]}', b'{"a":{"b":1},"c":{"d":1e400}}'):
        with pytest.raises(MalformedError) as caught:
            json.parse(data, "some.place", 4)
        assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_JSON, "some.place")


@pytest.mark.parametrize("data", [b"NaN", b"[NaN]", b'{"a":Infinity}', b"[-Infinity]"])
def test_what_is_no_json_is_none_where_numbers_are_still_to_be_judged(data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        json.parse_tree(data, "some.place")
    assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_JSON, "some.place")
