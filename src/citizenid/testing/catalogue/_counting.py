"""What an attack counts in place of time: lines of this library that run, bytes that are held, signatures.

Spec: specs/testing.md.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any
from unittest import mock


def lines_of(call: Callable[[], object]) -> int:
    """Return how many lines of this library run in a call."""
    count = 0

    def each_line(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        count += event == "line" and "citizenid" in frame.f_code.co_filename
        return each_line

    before = sys.gettrace()
    sys.settrace(each_line)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def held(call: Callable[[], object]) -> int:
    """Return how many bytes a call held at most."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    call()
    peak = tracemalloc.get_traced_memory()[1] - before
    if not running:
        tracemalloc.stop()
    return peak


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
