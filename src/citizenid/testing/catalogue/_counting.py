"""What an attack counts in place of time: lines and functions that run, bytes that are held, signatures.

Spec: specs/testing.md.
"""

from __future__ import annotations

import os
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple, final
from unittest import mock

_OURS: Final = str(Path(__file__).parents[2]) + os.sep


@final
class Lines:
    """Counts lines of this library: what `sys.settrace` calls."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> Lines:
        """Take note of an event."""
        self.count += event == "line" and frame.f_code.co_filename.startswith(_OURS)
        return self


def lines_of(call: Callable[[], object]) -> int:
    """Return how many lines of this library run in a call."""
    lines, before = Lines(), sys.gettrace()
    sys.settrace(lines)
    try:
        call()
    finally:
        sys.settrace(before)
    return lines.count


class Called(NamedTuple):
    """A function that was called.

    Attributes:
        package: the outermost one of its module, or "" where it is a function of C or of Rust.
        name: of the function.
    """

    package: str
    name: str


@final
class Calls:
    """Counts functions that are called: what `sys.setprofile` calls."""

    def __init__(self) -> None:
        self.counts: Counter[Called] = Counter()

    def __call__(self, frame: FrameType, event: str, function: Any) -> None:
        """Take note of an event."""
        if event == "call":
            module = str(frame.f_globals.get("__name__", ""))
            self.counts[Called(module.partition(".")[0], frame.f_code.co_name)] += 1
        elif event == "c_call":
            self.counts[Called("", function.__name__)] += 1


def calls_of(call: Callable[[], object]) -> Counter[Called]:
    """Return how often each function is called in a call."""
    calls, before = Calls(), sys.getprofile()
    sys.setprofile(calls)
    try:
        call()
    finally:
        sys.setprofile(before)
    return calls.counts


def held(call: Callable[[], object]) -> int:
    """Return how many bytes a call held at most."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not running:
            tracemalloc.stop()


def counted(module: Any, call: Callable[[], object]) -> int:
    """Return how many signatures a module verified in a call."""
    real, count = vars(module)["verify_signature"], 0

    def verify_signature(*arguments: Any) -> None:
        nonlocal count
        count += 1
        real(*arguments)

    with mock.patch.object(module, "verify_signature", verify_signature):
        call()
    return count
