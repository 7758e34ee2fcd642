"""An attack: a case of the catalogue, tried in all its variants on a target, and reported.

Spec: specs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, final

from .._errors import FAILURES
from .forgery import Outcome, came_of
from .targets import Library, Target
from .trials import Kind, Trial

_OURS: Final = Library()


class Finding(NamedTuple):
    """What came of one trial of an attack, or of one mutation, on a target.

    Attributes:
        id: of the attack, or of the form that was mutated.
        trial: what was tried.
        outcome: what came of it.
        expected: whether it had to.
        target: the name of what it was tried on.
    """

    id: str
    trial: Trial
    outcome: Outcome
    expected: bool
    target: str = Library.name

    @property
    def what(self) -> str:
        """Its number and its name, and on what it was tried unless that is the library."""
        where = "" if self.target == Library.name else f" [{self.target}]"
        return f"{self.id}{where} {self.trial.name}"

    def __str__(self) -> str:
        """Return a line of a report."""
        reason = "" if self.trial.reason is None else f" with {self.trial.reason.value}"
        verdict = "as expected" if self.expected else f"NOT as expected: {self.trial.kind.value}{reason}"
        return f"{self.what}: {self.outcome}, {verdict}"


class UnexpectedOutcomeError(AssertionError):
    """A trial had another outcome than it must have; the findings say which."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))


@final
class Journal:
    """What was tried so far, for whoever reports it.

    Attributes:
        findings: of every attack that was run, in order.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def note(self, finding: Finding) -> None:
        """Remember a finding."""
        self.findings.append(finding)


JOURNAL: Final = Journal()
"""Of this process."""


@final
@dataclass(frozen=True, slots=True)
class Attack:
    """A case of the catalogue.

    Attributes:
        id: its number, such as "ALG-001".
        what: what is done, in a sentence.
        proposed: the names that the catalogue proposes for the refusal, for which `REASON_NAMES` has ours. Empty where
            it asks for something else than a refusal.
        trials: makes the attempts, each with one outcome.
    """

    id: str
    what: str
    proposed: tuple[str, ...]
    trials: Callable[[], Iterable[Trial]]

    def run(self, target: Target | None = None) -> tuple[Finding, ...]:
        """Try every attempt that can be tried on the target, by default the library.

        Whatever leaves an attempt is what came of it, and the others are tried all the same.

        Raises:
            UnexpectedOutcomeError: when one of them had another outcome than it must have, or none could be tried. It
                is raised from what left the first of them, if anything did.
        """
        target = _OURS if target is None else target
        findings: list[Finding] = []
        cause: Exception | None = None
        for trial in self._trials():
            if trial.anywhere or type(target) is Library:
                outcome, error = came_of(partial(trial.act, target))
                expected = trial.meets(outcome, names_reasons=target.names_reasons)
                findings.append(Finding(self.id, trial, outcome, expected, target.name))
                JOURNAL.note(findings[-1])
                cause = cause or error
        unexpected = [finding for finding in findings if not finding.expected]
        if unexpected or not findings:
            raise UnexpectedOutcomeError(unexpected) from cause
        return tuple(findings)

    def _trials(self) -> Iterator[Trial]:
        """Return the trials, and where they cannot be made, one that says why."""
        try:
            yield from self.trials()
        except FAILURES as error:  # whatever the library did while they were made
            yield Trial("its trials are made", Kind.HOLDS, None, "", _raising(error), anywhere=True)

    def __str__(self) -> str:
        """Return the number."""
        return self.id


def _raising(error: Exception) -> Callable[[Target], Outcome]:
    def act(_: Target) -> Outcome:
        raise error

    return act


def attack(id: str, *proposed: str) -> Callable[[Callable[[], Iterable[Trial]]], Attack]:
    """Make an Attack of the function that makes its trials; its docstring says what is done."""

    def made(trials: Callable[[], Iterable[Trial]]) -> Attack:
        return Attack(id, (trials.__doc__ or "").strip(), proposed, trials)

    return made


class Group(NamedTuple):
    """Attacks of one kind.

    Attributes:
        name: of the group.
        principle: what all of them try to break.
        attacks: in the order of their numbers.
    """

    name: str
    principle: str
    attacks: tuple[Attack, ...]
