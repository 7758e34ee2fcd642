"""The paths at which errors say that a rule was broken, held against a table for every error that tests meet.

A test of a refusal asserts its Reason. Where the error says it was met is a word of our specifications as well, and
nobody asserts it a hundred times. A module of tests that assigns `only_at(...)` to a name has it done for each error
that is made while its tests run, whoever makes it and whoever catches it.

Spec: DESIGN section 5, `error.where`; specs/assurance.md, "Mutation testing".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from citizenid import CitizenIDError, Reason


class OutOfPlace(AssertionError):
    """An error names a path that its Reason does not have in these tests."""


@contextmanager
def errors_only_at(places: Mapping[Reason, frozenset[str]]) -> Iterator[None]:
    """Raise `OutOfPlace`, instead of any error of another Reason or at another path, as long as the block runs."""
    with pytest.MonkeyPatch.context() as patch:
        original = CitizenIDError.__init__

        def init(self: CitizenIDError, reason: Reason, where: str = "") -> None:
            original(self, reason, where)
            if type(where) is not str or where not in places.get(reason, ()):
                raise OutOfPlace(f"{reason!r} at {where!r}")

        patch.setattr(CitizenIDError, "__init__", init)
        yield


def only_at(places: Mapping[Reason, frozenset[str]]) -> Any:
    """Return a fixture that holds each error of a module's tests against `places`: Reasons, each with its paths."""

    @pytest.fixture(scope="module", autouse=True)
    def errors_say_where() -> Iterator[None]:
        with errors_only_at(places):
            yield

    return errors_say_where
