"""What attacks count in place of time: each counter sees what it must, nothing else, and leaves things as they were.

Python does not trace a tracer: what the counters do with one event is tried by handing them events.

Spec: specs/testing.md.
"""

from __future__ import annotations

import base64
import sys
import tracemalloc
from types import FrameType

import pytest

from citizenid import CitizenIDError, Country
from citizenid.testing.catalogue._counting import Called, Calls, Lines, calls_of, held, lines_of


def frame_of_ours() -> FrameType:
    """Return a frame of a function of the library."""
    with pytest.raises(CitizenIDError) as failed:
        Country.parse("nowhere")
    trace = failed.tb
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame


def test_lines_of_the_library_count_and_those_of_others_do_not() -> None:
    ours, lines = frame_of_ours(), Lines()
    for event in ("line", "call", "line", "return"):
        assert lines(ours, event, None) is lines  # which is what traces on
        assert lines(sys._getframe(), event, None) is lines
    assert lines.count == 2


def test_a_call_into_the_library_has_lines_and_twice_as_many_when_it_is_made_twice() -> None:
    def parse() -> object:
        return Country.parse("US"), Country.parse("DE")

    parse()
    once = lines_of(parse)
    assert once > 0
    assert lines_of(lambda: (parse(), parse())) == 2 * once
    assert lines_of(lambda: base64.b64encode(bytes(9))) == 0


def test_functions_that_are_called_count_under_their_package_and_those_of_c_under_none() -> None:
    calls = Calls()
    for event in ("call", "return", "c_call", "c_return", "c_exception"):
        calls(frame_of_ours(), event, len)
    assert dict(calls.counts) == {Called("citizenid", "parse"): 1, Called("", "len"): 1}


def test_a_call_is_counted_with_all_that_it_calls() -> None:
    counts = calls_of(lambda: [base64.b64decode(b"AAAA") for _ in range(3)])
    assert (counts[Called("base64", "b64decode")], counts[Called("", "a2b_base64")]) == (3, 3)
    assert counts[Called("base64", "b64encode")] == 0


def fail() -> None:
    raise KeyError("x")


@pytest.mark.parametrize("count", [lines_of, calls_of, held])
def test_whoever_watched_before_watches_again_whatever_the_call_does(count: object) -> None:
    before = sys.gettrace(), sys.getprofile(), tracemalloc.is_tracing()
    with pytest.raises(KeyError):
        count(fail)  # type: ignore[operator]  # each of them is called with a call
    assert (sys.gettrace(), sys.getprofile(), tracemalloc.is_tracing()) == before


@pytest.mark.parametrize("tracing", [False, True])
def test_what_a_call_held_at_most_is_counted_and_who_traced_before_goes_on(tracing: bool) -> None:
    if tracing:
        tracemalloc.start()
    try:
        assert 300_000 <= held(lambda: [len(bytearray(300_000)), len(bytearray(200_000))]) < 400_000
        assert held(lambda: None) < 10_000
        assert tracemalloc.is_tracing() is tracing
    finally:
        tracemalloc.stop()
