"""What came of attacks and mutations, case by case and rule by rule: the text that a report prints, and its JSON.

Spec: specs/testing.md; specs/reasons.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any, Final, NamedTuple, final

from .. import Reason
from .attacks import Finding
from .forgery import NOT_OFFERED
from .trials import Kind, Trial

MUTATED: Final = "mutated "
"""How the number of a finding begins that is of a mutation: the name of its form follows."""


@final
class Line(NamedTuple):
    """A trial and what came of it, as often as the same came of it.

    Attributes:
        finding: the first of them. `times`: how many.
    """

    finding: Finding
    times: int

    def __str__(self) -> str:
        """Return it as the report has it."""
        trial, outcome = self.finding.trial, self.finding.outcome
        where = f" ({outcome.where})" if outcome.where else ""
        often = f" x{self.times}" if self.times > 1 else ""
        mark = "FAIL" if not self.finding.expected else "none" if outcome == NOT_OFFERED else "ok  "
        return f"{mark} {self.finding.what}: expected {expected_of(trial)}, came {outcome}{where}{often}"


class Rule(NamedTuple):
    """A Reason, and how much it has refused as it had to.

    Attributes:
        reason: of the closed list.
        attacks: trials of the catalogue, each counted once. `mutations`: rows of the tables, each counted once.
    """

    reason: Reason
    attacks: int
    mutations: int


@final
class Report:
    """What findings say.

    Args:
        findings: in order.
        groups: by the number of an attack, the name of its group and what is done; of all that there are.
        rows: by the name of a form, the names of its mutations; of all that there are.

    Attributes:
        lines: each trial with each outcome on each target, in the order of their numbers' first appearance.
        rules: every Reason that there is.
        trials: how many findings there are.
        unexplained: the lines of which the outcome is not the expected one.
        untried: what no target has met: attacks, where one of them was tried, and the mutations of each form, where one
            of any form was.
    """

    def __init__(
        self,
        findings: Iterable[Finding],
        groups: Mapping[str, tuple[str, str]] | None = None,
        rows: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self._groups = groups or {}
        found = list(findings)
        self.trials: Final = len(found)
        keys = [(each.id, each.target, each.trial.name, each.outcome, each.expected) for each in found]
        times, first = Counter(keys), dict(zip(reversed(keys), reversed(found), strict=True))
        order = {id: number for number, id in enumerate(dict.fromkeys(each.id for each in found))}
        distinct = sorted(dict.fromkeys(keys), key=lambda each: order[each[0]])
        self.lines: Final = tuple(Line(first[each], times[each]) for each in distinct)
        self.unexplained: Final = tuple(line for line in self.lines if not line.finding.expected)
        self.rules: Final = tuple(self._rules())
        self.untried: Final = dict(self._untried(rows or {}))

    def _untried(self, rows: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, tuple[str, ...]]]:
        tried: dict[str, set[str]] = {}
        for line in self.lines:
            if line.finding.outcome != NOT_OFFERED:
                tried.setdefault(line.finding.id, set()).add(line.finding.trial.name)
        attacks = tuple(id for id in self._groups if id not in tried)
        if len(attacks) < len(self._groups):
            yield "attacks", attacks
        if any(MUTATED + form in tried for form in rows):
            for form, names in rows.items():
                yield MUTATED + form, tuple(each for each in names if each not in tried.get(MUTATED + form, ()))

    def _rules(self) -> Iterator[Rule]:
        attacks: dict[Reason, set[tuple[str, str]]] = {reason: set() for reason in Reason}
        mutations: dict[Reason, set[tuple[str, str]]] = {reason: set() for reason in Reason}
        for line in self.lines:
            id, trial, outcome, expected, _ = line.finding
            if expected and outcome.reason is not None:
                counted = mutations if id.startswith(MUTATED) else attacks
                counted[outcome.reason].add((id, trial.name))
        return (Rule(reason, len(attacks[reason]), len(mutations[reason])) for reason in Reason)

    @property
    def idle(self) -> tuple[Reason, ...]:
        """The Reasons with which nothing was refused."""
        return tuple(rule.reason for rule in self.rules if not rule.attacks and not rule.mutations)

    @property
    def summary(self) -> str:
        """One line: how many trials, and how many are unexplained."""
        used = len(self.rules) - len(self.idle)
        failed = sum(line.times for line in self.unexplained)
        absent = sum(line.times for line in self.lines if line.finding.outcome == NOT_OFFERED)
        offered = f", {absent} of what is not offered" if absent else ""
        reasons = f"{used} of {len(self.rules)} Reasons refused something"
        return f"{self.trials} trials, {failed} unexplained{offered}; {reasons}"

    def cases(self) -> Iterator[str]:
        """Every case: its group and its attack as headings, then its trials."""
        group = attack = None
        for line in self.lines:
            id = line.finding.id
            named, what = self._groups.get(id, ("mutations" if id.startswith(MUTATED) else "attacks", ""))
            if named != group:
                group = named
                yield f"-- {group}"
            if id != attack:
                attack = id
                yield f"{id}  {what}".rstrip()
            yield f"  {line}"

    def table(self) -> Iterator[str]:
        """The rules that refused something, by their steps; then the others."""
        yield f"{'step':<14}{'Reason':<32}{'attacks':>8}{'mutations':>11}"
        for rule in self.rules:
            if rule.attacks or rule.mutations:
                yield f"{rule.reason.step:<14}{rule.reason.value:<32}{rule.attacks:>8}{rule.mutations:>11}"
        yield "refused nothing:" if self.idle else "every Reason refused something"
        for step in dict.fromkeys(reason.step for reason in self.idle):
            idle = ", ".join(reason.value for reason in self.idle if reason.step == step)
            yield from wrap(f"{step}: {idle}", 118, initial_indent="  ", subsequent_indent="    ")

    def missing(self) -> Iterator[str]:
        """What was not tried of what there is: the numbers of attacks, the names of mutations."""
        for kind, names in self.untried.items():
            if names:
                listed = (", " if kind == "attacks" else "; ").join(names)
                yield from wrap(f"{kind}, {len(names)}: {listed}", 118, subsequent_indent="    ")

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        return {
            "summary": self.summary,
            "trials": self.trials,
            "unexplained": sum(line.times for line in self.unexplained),
            "findings": [_finding(line) for line in self.lines],
            "rules": [
                {
                    "step": rule.reason.step,
                    "reason": rule.reason.value,
                    "attacks": rule.attacks,
                    "mutations": rule.mutations,
                }
                for rule in self.rules
            ],
            "idle": [reason.value for reason in self.idle],
            "untried": {kind: list(names) for kind, names in self.untried.items()},
        }


def expected_of(trial: Trial) -> str:
    """Return in words what a trial expects."""
    if trial.kind is not Kind.REFUSED or trial.reason is None:
        return trial.kind.value
    return trial.reason.value + (f" at {trial.step}" if trial.step else "")


def _finding(line: Line) -> dict[str, Any]:
    id, trial, outcome, expected, target = line.finding
    return {
        "id": id,
        "target": target,
        "trial": trial.name,
        "expected": {
            "kind": trial.kind.value,
            "reason": None if trial.reason is None else trial.reason.value,
            "step": trial.step,
        },
        "outcome": {
            "allowed": outcome.allowed,
            "reason": None if outcome.reason is None else outcome.reason.value,
            "step": outcome.step,
            "where": outcome.where,
            "failure": outcome.failure,
        },
        "as_expected": expected,
        "times": line.times,
    }
