"""The table of paths notices an error at another path, of another Reason, or without one, whoever catches it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from places import OutOfPlace, errors_only_at, errors_only_in_words

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


@pytest.mark.parametrize(
    "where", ["exp", "status-list.credentialSubject.ttl", "policy.rule[12].assurance", "status-file", "issuer-jwt"]
)
def test_a_path_of_our_words_is_a_path(where: str) -> None:
    with errors_only_in_words():
        assert CitizenIDError(Reason.EXPIRED, where).where == where


@pytest.mark.parametrize("where", ["", None, "EXP", "XXexpXX", "exp.", ".exp", "exp exp", "rule[x]", "Sarah"])
def test_another_word_is_noticed(where: Any) -> None:
    with errors_only_in_words(), pytest.raises(OutOfPlace), contextlib.suppress(CitizenIDError):
        raise CitizenIDError(Reason.EXPIRED, where)
