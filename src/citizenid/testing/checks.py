"""How a check of the kit fails: by an AssertionError that says what it met.

Spec: specs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_E = TypeVar("_E", bound=Exception)


def expect(condition: bool, text: str) -> None:
    """Fail the check of a `holds` unless this is so."""
    if not condition:
        raise AssertionError(text)


def of_type(value: object, kind: type[_T]) -> _T:
    """Return a value that must be of this type; where it is not, the failure holds what came in its place."""
    if not isinstance(value, kind):
        raise AssertionError(value)
    return value


def fails(call: Callable[[], object], text: str, *kinds: type[_E]) -> _E:
    """Return the error of one of these kinds that a call must raise; where it raises none, this text says so."""
    try:
        call()
    except kinds as error:
        return error
    raise AssertionError(text)
