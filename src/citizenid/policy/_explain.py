"""Why a policy decided as it did: which rule, what it asks, what of that is met, and what would help.

Spec: specs/policy.md section 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple, NoReturn, final

from .._errors import Reason
from ._facts import Facts, Verdict
from ._rules import CONDITIONS, Condition, Rule


class ConditionState(Enum):
    """What became of a condition."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"  # asked, and the fact is not known: as good as not met
    NOT_ASKED = "not asked"

    def __bool__(self) -> NoReturn:
        raise TypeError("a ConditionState has no truth value; compare it")


@final
class ConditionReport(NamedTuple):
    """One condition of the rule that decided.

    Attributes:
        key: the key of the policy; "complete" is the complete list that `none_of` needs.
        state: what became of it.
    """

    key: str
    state: ConditionState


@final
class PassedOver(NamedTuple):
    """A rule with a name that matches, which does not exist here or now.

    Attributes:
        rule: its number.
        line: where it begins, or None.
        key: why: "region", "not_before" or "not_after".
    """

    rule: int
    line: int | None
    key: str


@final
class Explanation(NamedTuple):
    """Why a policy decides so. It holds keys and numbers, and nothing of the caller.

    Attributes:
        verdict: as `decide` gives it.
        line: where the deciding rule begins in the policy, or None.
        conditions: all that a rule can ask, in the order of asking; empty when no rule decided, or for anyone.
        passed_over: earlier rules that match the resource and do not exist here or now.
        help: what would help, or "" where it is permitted.
    """

    verdict: Verdict
    line: int | None
    conditions: tuple[ConditionReport, ...]
    passed_over: tuple[PassedOver, ...]
    help: str

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def explain(verdict: Verdict, rule: Rule | None, facts: Facts, passed_over: tuple[PassedOver, ...]) -> Explanation:
    """Explain a verdict. `rule` is the one that decided, or None."""
    reports: tuple[ConditionReport, ...] = ()
    if rule is not None and not rule.anyone and verdict.reason not in _UNDECIDED:
        reports = tuple(ConditionReport(each.key, _state(each, rule, facts)) for each in CONDITIONS)
    return Explanation(
        verdict,
        None if rule is None else rule.line,
        reports,
        passed_over,
        HELP[verdict.reason] if verdict.reason else "",
    )


def _state(condition: Condition, rule: Rule, facts: Facts) -> ConditionState:
    if not condition.asked(rule):
        return ConditionState.NOT_ASKED
    if condition.objection(rule, facts) is None:
        return ConditionState.MET
    return ConditionState.UNKNOWN if getattr(facts, condition.fact) is None else ConditionState.NOT_MET


def _lines(explanation: Explanation) -> Iterator[str]:
    verdict, line = explanation.verdict, explanation.line
    place = f"rule {verdict.rule}" + (f" (line {line})" if line else "") if verdict.rule else "no rule"
    yield f"{place}: " + ("permitted" if verdict.reason is None else f"refused, {verdict.reason.value}")
    for number, at, key in explanation.passed_over:
        yield f"  rule {number}" + (f" (line {at})" if at else "") + f" was passed over by its {key}"
    for key, state in explanation.conditions:
        if state is not ConditionState.NOT_ASKED:
            yield f"  {key}: {state.value}"
    if explanation.help:
        yield f"  what helps: {explanation.help}"


_UNDECIDED: Final = frozenset({Reason.REGION_UNKNOWN, Reason.CLOCK_UNUSABLE})
HELP: Final = {
    Reason.RESOURCE_NOT_LISTED: "a rule about this resource, here and now",
    Reason.REGION_UNKNOWN: "the gateway must say in which region the endpoint is",
    Reason.CLOCK_UNUSABLE: "the gateway must say what time it is",
    Reason.BINDING_TOO_WEAK: "a presentation with a stronger sender proof",
    Reason.ADMISSION_TOO_OLD: "a new presentation",
    Reason.CREDENTIAL_NOT_ACCEPTED: "a credential of an issuer, format and type that the rule takes",
    Reason.ASSURANCE_TOO_LOW: "a credential whose issuer states that it checked better",
    Reason.CREDENTIAL_TOO_OLD: "a credential that was issued more recently",
    Reason.EVIDENCE_TOO_OLD: "a credential that states a more recent check of the evidence",
    Reason.STATUS_TOO_OLD: "a newer status list; a credential without one never serves here",
    Reason.CITIZENSHIP_NOT_SHOWN: "a presentation that shows the citizenship, or nationality, that is asked for",
    Reason.CITIZENSHIP_NOT_PERMITTED: "nothing but another citizenship, where one that was not shown is asked for",
    Reason.COMPLETENESS_NOT_SHOWN: "a presentation with the whole list, which its issuer declares complete",
}
