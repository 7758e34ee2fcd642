"""What the commands read, and how they end: files and standard input within bounds, one line for what went wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from .inspection import printable

_POLICY_BYTES: Final = 4_194_304  # the longest policy, were each of its characters four bytes long


class UsageError(Exception):
    """The command cannot be carried out as it was given; the text is for its user. Exit code 2."""


def fail(error: Exception, code: int) -> NoReturn:
    """Say what went wrong, and end with this exit code."""
    print(f"citizenid: {printable(str(error))}", file=sys.stderr)
    raise SystemExit(code)


def finish(run: Callable[[], object]) -> NoReturn:
    """Run the program, and exit as it says once all that it has printed is out.

    What could not be printed was not said: that is exit code 2, and never the one of a verdict.
    """
    refused = ""
    try:
        try:
            run()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:  # no space, or a pipe that nobody reads
        refused = error.strerror or type(error).__name__
    if refused:
        # What is left in the buffer would be tried, and complained of, once more at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail(UsageError(f"cannot print: {refused}"), 2)
    raise SystemExit(0)


def check_named_once(*names: str) -> None:
    """Refuse to read standard input twice: the second time there would be nothing in it. Raises UsageError."""
    if names.count("-") > 1:
        raise UsageError("name - for standard input once")


def read_file(name: str, bound: int) -> bytes:
    """Read a file, or standard input for "-": one byte more than `bound` at most, which the reader then refuses.

    Raises:
        UsageError: when it cannot be read.
    """
    refused = ""
    try:
        if name == "-":
            if sys.stdin is None:  # closed before we began
                raise UsageError("cannot read -: standard input is closed")
            return sys.stdin.buffer.read(bound + 1)
        with open(name, "rb") as file:
            return file.read(bound + 1)
    except OSError as error:
        refused = error.strerror or type(error).__name__
    raise UsageError(f"cannot read {name}: {refused}")


def read_text(name: str) -> str:
    """Read a policy, which is UTF-8. What is not has a character in it that no policy takes, and is an error there."""
    return read_file(name, _POLICY_BYTES).decode("utf-8", "surrogateescape")
