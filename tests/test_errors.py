"""Every refusal has a name of its own, a step of its own, and words that hold nothing of the input.

That the words come from literals is held by test_architecture.py, that the page of reasons fits by test_specs.py.

Spec: specs/reasons.md; DESIGN section 2, laws 5, 10 and 11.
"""

from __future__ import annotations

import copy
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import citizenid
from citizenid._errors import FORM, CitizenIDError, MalformedError, Reason, VerificationError

# Written out, not imported: the steps of specs/verification.md that a Reason may belong to, and the doors.
STEPS = {"V1", "V2", "V4", "V5", "V6", "V7", "V9"}  # V3 and V8 refuse with Reasons of form
DOORS = {"status", "request", "challenge", "replay", "proof", "ticket", "sharing", "policy"}
OWN_SIDE = {"audit", "configuration", "issue", "present", "publish"}
ERRORS = (CitizenIDError, MalformedError, VerificationError)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_name_as_value_and_a_known_step(reason: Reason) -> None:
    assert reason.value == reason.name.lower() == str(reason)
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", reason.value)
    assert reason.step in STEPS | DOORS | OWN_SIDE | {FORM}
    assert type(reason.step) is str


def test_every_reason_is_its_own() -> None:
    assert len(Reason.__members__) == len(list(Reason))  # two names of one value would make one an alias
    assert len({reason.value for reason in Reason}) == len(list(Reason))
    assert {reason.step for reason in Reason} == STEPS | DOORS | OWN_SIDE | {FORM}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_found_by_its_value_and_survives_copies(reason: Reason) -> None:
    assert Reason(reason.value) is reason
    assert Reason[reason.name] is reason
    assert pickle.loads(pickle.dumps(reason)) is reason  # noqa: S301  # what we have just written ourselves
    assert copy.deepcopy(reason) is reason


@pytest.mark.parametrize("value", ["", "V4", "form", "REVOKED", "revoked ", "unknown", None, 0])
def test_the_reasons_are_closed(value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid Reason"):
        Reason(value)


def test_a_reason_cannot_be_added() -> None:
    with pytest.raises(TypeError):

        class More(Reason):  # type: ignore[misc]  # that it has no subclass is what is tested
            pass


def test_the_kinds_of_errors() -> None:
    assert issubclass(CitizenIDError, Exception) and not issubclass(CitizenIDError, (ValueError, TypeError))
    for cls in (MalformedError, VerificationError):
        assert cls.__bases__ == (CitizenIDError,)
    assert {citizenid.CitizenIDError, citizenid.MalformedError, citizenid.VerificationError} == set(ERRORS)


@given(st.sampled_from(ERRORS), st.sampled_from(list(Reason)), st.sampled_from(["", "kb-jwt.sd_hash", "jwk"]))
def test_an_error_says_reason_step_and_place_and_nothing_more(
    cls: type[CitizenIDError], reason: Reason, where: str
) -> None:
    error = cls(reason, where)
    assert (error.reason, error.where, error.step) == (reason, where, reason.step)
    assert str(error) == f"{reason.value} ({reason.step})" + (f" at {where}" if where else "")
    assert error.args == (reason, where)
    assert vars(error) == {"reason": reason, "where": where, "step": reason.step}
    assert cls(reason).where == ""
    assert error.__cause__ is None and error.__context__ is None


def test_a_text_of_the_operator_s_own_has_lines() -> None:
    error = CitizenIDError(Reason.POLICY_INVALID, "policy.rule")
    before = str(error)
    error.line = 12
    assert str(error) == before + " line 12" and CitizenIDError.line is None


@given(st.sampled_from(list(Reason)), st.lists(st.sampled_from(["V1", "V4", "V8", "ticket", "proof"]), max_size=3))
def test_the_innermost_caller_that_knows_the_step_names_it(reason: Reason, steps: list[str]) -> None:
    error = MalformedError(reason, "kb-jwt")
    for step in steps:
        error.at(step)
    named = steps[0] if steps and reason.step == FORM else reason.step
    assert error.step == named
    assert str(error) == f"{reason.value} ({named}) at kb-jwt"
    assert MalformedError(reason, "kb-jwt").step == reason.step  # naming one error names no other


@given(st.sampled_from(ERRORS), st.sampled_from(list(Reason)))
def test_an_error_survives_a_process_boundary(cls: type[CitizenIDError], reason: Reason) -> None:
    error = cls(reason, "kb-jwt")
    error.at("V8")
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301  # written by ourselves
        assert type(again) is cls
        assert (again.reason, again.where, again.step, str(again)) == (reason, "kb-jwt", error.step, str(error))
