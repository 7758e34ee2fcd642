"""How a check of the kit fails, and that it does.

Spec: specs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from citizenid import Reason
from citizenid.gateway import Allow, Deny
from citizenid.testing.checks import expect, fails, of_type


def test_an_expectation_that_does_not_hold_says_what_it_was() -> None:
    expect(True, "it holds")
    with pytest.raises(AssertionError, match=r"^it does not$"):
        expect(False, "it does not")


def test_what_has_the_type_is_handed_on_and_what_has_another_stands_in_the_failure() -> None:
    denied = Deny(Reason.EXPIRED, "V6")
    assert of_type(denied, Deny) is denied
    with pytest.raises(AssertionError) as failed:
        of_type(denied, Allow)
    assert failed.value.args == (denied,)


def raising(error: Exception) -> Callable[[], object]:
    def call() -> object:
        raise error

    return call


def test_the_error_that_a_call_must_raise_is_handed_on() -> None:
    error = KeyError("x")
    assert fails(raising(error), "it is quiet", TypeError, KeyError) is error


def test_a_call_that_raises_nothing_or_something_else_fails_the_check() -> None:
    with pytest.raises(AssertionError, match=r"^it is quiet$"):
        fails(lambda: None, "it is quiet", TypeError)
    with pytest.raises(KeyError):
        fails(raising(KeyError("x")), "it is quiet", TypeError, ValueError)
