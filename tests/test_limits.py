"""Limits: every bound is a positive integer with a unit in its name, and none can be switched off.

Spec: DESIGN section 2, laws 6 and 12; specs/threat-model.md (the table of limits is held by test_specs.py).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import only_in_words

from citizenid._errors import CitizenIDError, Reason
from citizenid._limits import DEFAULT_LIMITS, MAX_UNIX_TIME, Limits

errors_say_where = only_in_words()

NAMES = [field.name for field in dataclasses.fields(Limits) if field.init]
MAY_BE_ZERO = {"clock_skew_s"}  # no excuse at all is a bound as well


def _make(name: str, value: Any) -> Limits:
    return Limits(**{name: value})


def test_the_largest_time_is_the_largest_integer_that_json_agrees_on() -> None:
    assert MAX_UNIX_TIME == 9_007_199_254_740_991


def test_the_defaults_are_limits() -> None:
    assert Limits() == DEFAULT_LIMITS
    for name in NAMES:
        value = getattr(DEFAULT_LIMITS, name)
        assert type(value) is int and value > 0
        assert _make(name, value) == DEFAULT_LIMITS
    assert DEFAULT_LIMITS.clock_skew_s == 30
    assert DEFAULT_LIMITS.unreferenced_validity_s == DEFAULT_LIMITS.status_age_s == 86_400
    assert DEFAULT_LIMITS.status_list_bytes < DEFAULT_LIMITS.status_list_inflated_bytes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value",
    [-1, -(2**64), 1.0, 30.0, float("inf"), float("nan"), True, False, None, "100", b"1", [1], (1,), {}, 1j, object()],
)
def test_a_bound_is_a_positive_integer(name: str, value: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        _make(name, value)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, f"limits.{name}")
    assert caught.value.step == "configuration"


@pytest.mark.parametrize("name", NAMES)
def test_zero_is_no_bound_but_for_the_clock(name: str) -> None:
    if name in MAY_BE_ZERO:
        assert getattr(_make(name, 0), name) == 0
    else:
        with pytest.raises(CitizenIDError) as caught:
            _make(name, 0)
        assert caught.value.where == f"limits.{name}"
        assert getattr(_make(name, 1), name) == 1


@pytest.mark.parametrize("skew", [301, 3_600, 2**63])
def test_the_clock_may_be_excused_for_five_minutes_at_most(skew: int) -> None:
    assert Limits(clock_skew_s=300).clock_skew_s == 300
    with pytest.raises(CitizenIDError) as caught:
        Limits(clock_skew_s=skew)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "limits.clock_skew_s")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [2**53, 2**63, 10**400, pytest.param(10**5_000, id="no text")])
def test_what_no_input_can_reach_is_no_bound(name: str, value: int) -> None:
    with pytest.raises(CitizenIDError) as caught:
        _make(name, value)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, f"limits.{name}")
    if name != "clock_skew_s":
        assert getattr(_make(name, 2**53 - 1), name) == 2**53 - 1


@pytest.mark.parametrize("name", NAMES)
def test_limits_are_frozen(name: str) -> None:
    limits = Limits()
    with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
        setattr(limits, name, 1)
    with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
        limits.unlimited = True  # type: ignore[attr-defined]  # that there is no such field is what is tested
    with pytest.raises(CitizenIDError):
        dataclasses.replace(limits, **{name: -1})
    with pytest.raises(TypeError):
        Limits(unlimited=True)  # type: ignore[call-arg]  # the same


@given(
    st.lists(st.fixed_dictionaries({}, optional={name: st.integers(1, 300) for name in NAMES}), min_size=2, max_size=3)
)
def test_the_fingerprint_tells_limits_apart(chosen: list[dict[str, int]]) -> None:
    """It is part of every cache key: what was verified under one set of bounds must not serve under another."""
    made = [Limits(**bounds) for bounds in chosen]
    for one in made:
        assert len(one.fingerprint) == 32
        for other in made:
            assert (one.fingerprint == other.fingerprint) is (one == other)


def test_the_fingerprint_tells_each_bound_from_each_other() -> None:
    prints = {_make(name, 7).fingerprint for name in NAMES} | {DEFAULT_LIMITS.fingerprint}
    assert len(prints) == len(NAMES) + 1
    with pytest.raises(TypeError):
        Limits(fingerprint=bytes(32))  # type: ignore[call-arg]  # it is computed and never given
