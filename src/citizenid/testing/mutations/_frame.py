"""A mutation: what makes something hostile of what is valid, and which Reasons may answer it.

Spec: specs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar, final

from ... import CitizenIDError, NeedStatusList, Reason
from ..attacks import JOURNAL, Finding, UnexpectedOutcomeError
from ..forgery import ALLOWED, NOT_OFFERED, Outcome, came_of
from ..targets import Library, Target
from ..trials import Kind, Trial

_T = TypeVar("_T")
_OURS: Final = Library()
CHOICES: Final = 6
"""How many numbers are drawn for a mutation: more than any of them looks at."""


@final
class Choice:
    """Numbers that were drawn, and decide what a mutation leaves open: which bit, which disclosure, which spelling."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = tuple(numbers)
        self._next = 0

    def below(self, bound: int) -> int:
        """Return a number from 0 to below `bound`."""
        number = self._numbers[self._next % len(self._numbers)]
        self._next += 1
        return number % bound

    def of(self, *values: _T) -> _T:
        """Return one of these."""
        return values[self.below(len(values))]

    def flipped(self, data: bytes) -> bytes:
        """Return data with one bit turned over."""
        place = self.below(8 * len(data))
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        return bytes(changed)


Edit = Callable[[Any, Choice], Any]
"""Makes something hostile of what is valid, or None where there is nothing that it could change."""


@final
@dataclass(frozen=True, slots=True)
class Mutation:
    """One way to make something hostile of what is valid.

    Attributes:
        name: what is changed, in a few words.
        reasons: with one of which it must be refused. One, unless the same change can meet several rules.
        step: at which, or "" where the Reasons say enough.
        edit: makes it.
        keyless: whether anybody on the way can do it, without the key of issuer, holder, signer or gateway.
    """

    name: str
    reasons: frozenset[Reason]
    step: str
    edit: Edit
    keyless: bool = False

    def __str__(self) -> str:
        """Return the name."""
        return self.name


def row(name: str, reasons: Reason | tuple[Reason, ...], edit: Edit, *, step: str = "") -> Mutation:
    """Return a mutation by whoever has the keys."""
    return Mutation(name, frozenset((reasons,) if isinstance(reasons, Reason) else reasons), step, edit)


def keyless(name: str, reasons: Reason | tuple[Reason, ...], edit: Edit, *, step: str = "") -> Mutation:
    """Return a mutation by whoever has no key."""
    return Mutation(name, frozenset((reasons,) if isinstance(reasons, Reason) else reasons), step, edit, keyless=True)


@final
@dataclass(frozen=True, slots=True)
class Hostile:
    """Something hostile that was made of something valid.

    Attributes:
        data: what is sent.
        mutation: how it was made.
        form: the name of its table.
        valid: what it was made of.
        judged: judges `data` as the valid one is judged.
        served: shows it to a gateway of somebody else, or None where there is no way to.
    """

    data: Any
    mutation: Mutation
    form: str
    valid: Any
    judged: Callable[[Any], object]
    served: Callable[[Target], Outcome] | None = None

    @property
    def reasons(self) -> frozenset[Reason]:
        """With one of which it must be refused."""
        return self.mutation.reasons

    def judge(self, target: Target | None = None) -> Outcome:
        """Judge it by the library, or by a gateway that somebody has built, and note what came of it.

        Raises:
            UnexpectedOutcomeError: when it is not refused, or with another Reason, or at another step; raised from what
                left the judge in place of an answer, if anything did.
            AssertionError: when it can be tried on the library alone, and this is another target.
        """
        on, mutation = _OURS if target is None else target, self.mutation
        outcome, cause = came_of(self._act(on))
        expected = outcome == NOT_OFFERED or _meets(mutation, outcome, names_reasons=on.names_reasons)
        reason = outcome.reason if outcome.reason in mutation.reasons else next(iter(sorted(mutation.reasons)))
        trial = _trial(mutation, reason, self.served is not None)
        finding = Finding("mutated " + self.form, trial, outcome, expected, on.name)
        JOURNAL.note(finding)
        if not expected:
            raise UnexpectedOutcomeError([finding]) from cause
        return outcome

    def _act(self, target: Target) -> Callable[[], Outcome]:
        if type(target) is Library:
            return lambda: outcome_of(self.judged, self.data)
        served = self.served
        if served is None:
            raise AssertionError("this can be tried on the library alone")
        return lambda: served(target)

    def __repr__(self) -> str:
        """Return what it is, for a report of hypothesis."""
        return f"<Hostile {self.form}: {self.mutation.name}>"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:  # hypothesis would print every field
        printer.text(repr(self))


@cache
def _trial(mutation: Mutation, reason: Reason, anywhere: bool) -> Trial:
    # The same for every input: a journal of many thousand findings holds none of them.
    return Trial(mutation.name, Kind.REFUSED, reason, mutation.step, _kept_no_input, anywhere)


def _kept_no_input(_: Target) -> Outcome:
    raise AssertionError("the finding of a mutation does not keep what was tried")


def _meets(mutation: Mutation, outcome: Outcome, *, names_reasons: bool) -> bool:
    if outcome.allowed or outcome.failure:
        return False
    if outcome.reason is None:
        return not names_reasons
    # An answer that asks for another presentation names no step: then the Reason does, unless it is one of form.
    return outcome.reason in mutation.reasons and mutation.step in ("", outcome.step or outcome.reason.step)


def outcome_of(judged: Callable[[Any], object], data: Any) -> Outcome:
    """Judge, and return what came of it: an error, an answer of a gateway, or what was verified."""
    try:
        result = judged(data)
    except CitizenIDError as error:
        return Outcome(False, error.reason, error.step, error.where)
    if type(result) is NeedStatusList:
        return Outcome(False, result.reason, result.reason.step)
    reason = getattr(result, "reason", None)  # of a Deny or a NeedPresentation
    if reason is not None:
        return Outcome(False, reason, getattr(result, "step", "") or reason.step)
    return ALLOWED
