"""What is wrong with rules that are each well formed: contradictions, and rules that can never decide.

Whether a name can be reached is exact (P10). Of the earlier rules those count that take all of the name, and of a
region; a `*` of the later one is read as a character that only a `*` takes in. Where such rules exist for a time
alone, the later rule is reached at the moments that they leave.

Spec: specs/policy.md P10, P35 and P36.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import inf
from typing import Final, NamedTuple

from ..countries import Country
from ._findings import Findings
from ._patterns import covers
from ._rules import Rule

_MAX_PATTERNS: Final = 1_000  # each later name may be compared with all of them when a policy is read
_MAX_LIMITED: Final = 1_000  # rules for a time or a region: each later name is compared with all that take it


def find_contradictions(rules: Iterable[Rule], findings: Findings) -> None:
    """Note the rules that can never permit, and the conditions that can never be of use."""
    for rule in rules:
        where = f"policy.rule[{rule.number}]"
        if rule.not_before is not None and rule.not_after is not None and rule.not_before >= rule.not_after:
            findings.add(where + ".not_after", "the rule ends before it begins", "rule", rule.number, "not_after")
        if not rule.none_of.isdisjoint(rule.countries):
            findings.add(where + ".none_of", "a country is asked for and excluded", "rule", rule.number, "none_of")
        if rule.none_of.issuperset(Country.all()):
            findings.add(where + ".none_of", "every country is excluded", "rule", rule.number, "none_of")


def find_unreachable(rules: Sequence[Rule], findings: Findings) -> None:
    """Note the names and regions of rules that can never decide, and more of them than can be compared."""
    earlier = _Earlier()
    for rule in rules:
        where = f"policy.rule[{rule.number}]"
        everywhere: tuple[str | None, ...] = rule.regions or (None,)
        reached: set[str | None] = set()
        hidden = False
        for name in rule.resources:
            taking = earlier.taking(name)
            here = [region for region in everywhere if not _hidden(rule, region, taking)]
            reached.update(here)
            hidden |= not here
        if hidden:
            findings.add(
                where + ".resource", "unreachable: earlier rules take all of a name", "rule", rule.number, "resource"
            )
        elif len(reached) < len(everywhere):
            findings.add(
                where + ".region", "unreachable: earlier rules take all of a region", "rule", rule.number, "region"
            )
        earlier.add(rule)
        if earlier.patterns > _MAX_PATTERNS or earlier.limited > _MAX_LIMITED:
            findings.add(where + ".resource", "too many patterns", "rule", rule.number, "resource")
            return


class _Earlier:
    """The rules before one, by their names."""

    def __init__(self) -> None:
        self.exact: defaultdict[str, list[Rule]] = defaultdict(list)
        self.patterns = 0
        # By one piece that a name must hold for a pattern to take all of it: a name then meets the patterns of the
        # pieces that it holds, and not all of them.
        self.by_piece: defaultdict[str, list[tuple[list[str], Rule]]] = defaultdict(list)
        self.lengths: set[int] = set()
        self.limited = 0

    def add(self, rule: Rule) -> None:
        for name in rule.resources:
            if "*" in name:
                pieces = name.split("*")
                # The piece of which there are fewest so far: many patterns may begin alike. "*" alone has none.
                piece = min(pieces, key=lambda each: (not each, len(self.by_piece.get(each, ())), -len(each)))
                self.by_piece[piece].append((pieces, rule))
                self.lengths.add(len(piece))
                self.patterns += 1
            else:
                self.exact[name].append(rule)
        self.limited += rule.limited

    def taking(self, name: str) -> list[Rule]:
        """Return the rules that take every resource of a name, where and when they exist."""
        held = {name[at : at + length] for length in self.lengths for at in range(len(name) - length + 1)}
        patterns = [pattern for piece in held & self.by_piece.keys() for pattern in self.by_piece[piece]]
        return [*self.exact.get(name, ()), *(rule for pieces, rule in patterns if covers(pieces, name))]


def _hidden(rule: Rule, region: str | None, taking: Iterable[Rule]) -> bool:
    # A rule for all regions is reached, if anywhere, in one that no pattern but `*` takes in.
    there = "*" if region is None else region
    others = [
        other for other in taking if not other.regions or any(covers(each.split("*"), there) for each in other.regions)
    ]
    return _covered(_Span.of(rule), sorted(map(_Span.of, others)))


class _Span(NamedTuple):
    """From when on, and before when, a rule exists."""

    start: float
    end: float

    @classmethod
    def of(cls, rule: Rule) -> _Span:
        return cls(
            0 if rule.not_before is None else rule.not_before,  # there is no time before
            inf if rule.not_after is None else rule.not_after,
        )


def _covered(span: _Span, others: Iterable[_Span]) -> bool:
    """Whether others, in order of their start, leave no moment of a span. A span without a moment hides nothing."""
    reached = span.start
    for start, end in others:
        if start > reached:
            return False
        reached = max(reached, end)
        if reached >= span.end:
            return True
    return False
