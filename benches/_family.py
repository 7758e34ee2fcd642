"""What a growth row is made of: one kind of input to one entry point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from citizenid import CitizenIDError


class Family(NamedTuple):
    """One kind of input to one entry point.

    Attributes:
        entry: the entry point.
        name: what is many of.
        n: the smallest size; 4n is within the limits.
        make: an input of a size; not measured.
        call: what takes it; one of our own errors is an answer.
    """

    entry: str
    name: str
    n: int
    make: Callable[[int], Any]
    call: Callable[[Any], object]


def answered(family: Family, given: Any) -> str:
    """Call, and return what came of it."""
    try:
        return type(family.call(given)).__name__
    except CitizenIDError as error:
        return error.reason.value
