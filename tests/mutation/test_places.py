"""The table of paths notices an error at another path, of another Reason, or without one, whoever catches it."""

from __future__ import annotations

import contextlib

import pytest
from places import OutOfPlace, errors_only_at

from citizenid import CitizenIDError, MalformedError, Reason, VerificationError

PLACES = {
    Reason.EXPIRED: frozenset({"issuer-jwt.payload.exp"}),
    Reason.LIMIT_EXCEEDED: frozenset({"", "disclosure"}),
}


@pytest.mark.parametrize("kind", [CitizenIDError, MalformedError, VerificationError])
def test_what_stands_in_the_table_is_an_error_like_any_other(kind: type[CitizenIDError]) -> None:
    with errors_only_at(PLACES):
        error = kind(Reason.EXPIRED, "issuer-jwt.payload.exp")
        assert (error.reason, error.where) == (Reason.EXPIRED, "issuer-jwt.payload.exp")
        assert kind(Reason.LIMIT_EXCEEDED).where == ""
        assert kind(reason=Reason.LIMIT_EXCEEDED, where="disclosure").where == "disclosure"


@pytest.mark.parametrize("kind", [CitizenIDError, MalformedError, VerificationError])
@pytest.mark.parametrize("where", ["", "XXissuer-jwt.payload.expXX", "ISSUER-JWT.PAYLOAD.EXP", "disclosure", None])
def test_another_path_is_noticed_even_if_the_error_is_caught(kind: type[CitizenIDError], where: str) -> None:
    def caught() -> None:
        with contextlib.suppress(CitizenIDError):
            raise kind(Reason.EXPIRED, where)

    with errors_only_at(PLACES), pytest.raises(OutOfPlace):
        caught()


def test_a_reason_that_the_table_has_not_is_noticed() -> None:
    with errors_only_at(PLACES), pytest.raises(OutOfPlace):
        MalformedError(Reason.MALFORMED_JSON, "disclosure")


def test_afterwards_errors_are_free_again() -> None:
    original = CitizenIDError.__init__
    with errors_only_at(PLACES):
        assert CitizenIDError.__init__ is not original
    assert CitizenIDError.__init__ is original
    assert MalformedError(Reason.MALFORMED_JSON, "anywhere").where == "anywhere"
