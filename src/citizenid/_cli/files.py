"""What the commands read, and how they end: files and standard input within bounds, one line for what went wrong."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import Final, NoReturn, TextIO

from .inspection import printable

_POLICY_BYTES: Final = 4_194_304  # the longest policy, were each of its characters four bytes long


class UsageError(Exception):
    """The command cannot be carried out as it was given; the text is for its user. Exit code 2."""


def fail(error: Exception, code: int) -> NoReturn:
    """Say what went wrong, and end with this exit code."""
    complain(f"citizenid: {printable(str(error))}")
    raise SystemExit(code)


def complain(text: str) -> None:
    """Print a line to standard error, or nowhere if that was closed before the start."""
    if sys.stderr is not None:  # in its place `print` would take standard output
        print(text, file=sys.stderr)


def finish(run: Callable[[], object]) -> NoReturn:
    """Run the program, and exit as it says once all that it has printed is out.

    What could not be printed was not said: that is exit code 2, and never the one of a verdict.
    """
    refused = ""
    output, errors = sys.stdout, sys.stderr
    try:
        try:
            run()
        finally:
            if output is not None:
                output.flush()
    except SystemExit as end:
        # At a pipe that nobody reads typer and rich exit with 1, which of ours is a verdict.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        refused = os.strerror(errno.EPIPE)
    except OSError as error:  # no space, or a pipe that nobody reads
        refused = error.strerror or type(error).__name__
    if refused:
        _discard(output)
        try:
            fail(UsageError(f"cannot print: {refused}"), 2)
        except OSError:
            _discard(errors)
        raise SystemExit(2)
    raise SystemExit(0)


def _discard(stream: TextIO | None) -> None:
    # What is left in the buffer would be tried, and complained of, once more at the end of the process.
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


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
