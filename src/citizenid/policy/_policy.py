"""A policy: rules in order, of which the first that matches decides.

Spec: specs/policy.md section 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NoReturn, final

from .._errors import CitizenIDError, Reason
from .._model import Assurance, Binding
from ._digest import digest_of
from ._explain import Explanation, PassedOver, explain
from ._facts import NOT_LISTED, Facts, Verdict
from ._findings import Finding, Findings
from ._lint import find_contradictions, find_unreachable
from ._patterns import MAX_NAME_CHARS, matches
from ._reading import first_error, read_document
from ._rules import Rule


@final
class AdmissionPolicy:
    """An immutable list of rules. Make it with `from_toml`.

    Attributes:
        rules: in their order.
        digest: SHA-256 of what the rules say, whatever text they were read from.
        permits_bearer: whether a bearer ticket serves anywhere.
        needs_now: whether a rule exists for a time alone: then `rule_for` must be told what time it is.
        needs_region: whether a rule exists in some regions alone: then it must be told where the endpoint is.
        types: the types that rules name. A ticket holds a hash of its type: this is what it can stand for.
        assurances: the frameworks and levels that reach a floor of a rule, for the same purpose.

    Raises:
        CitizenIDError: POLICY_INVALID.

    >>> from citizenid import Country
    >>> from citizenid.gateway import Binding
    >>> policy = AdmissionPolicy.from_toml('''
    ... version = 1
    ... [[rule]]
    ... resource = "claude-3.5-opus"
    ... citizenship = ["US"]
    ... ''')
    >>> american = frozenset({Country("US")})
    >>> policy.decide("claude-3.5-opus", Facts(american, american, Binding.DPOP, 0)).permitted
    True
    >>> policy.decide("something-else", Facts(american, american, Binding.DPOP, 0)).reason
    <Reason.RESOURCE_NOT_LISTED: 'resource_not_listed'>
    >>> print(policy.explain("claude-3.5-opus", Facts(american, frozenset(), Binding.DPOP, 0)))
    rule 1 (line 3): refused, citizenship_not_shown
      binding: met
      citizenship: not met
      what helps: a presentation that shows the citizenship, or nationality, that is asked for
    """

    __slots__ = (
        "_exact",
        "_limited",
        "_patterns",
        "_whole",
        "assurances",
        "digest",
        "needs_now",
        "needs_region",
        "permits_bearer",
        "rules",
        "types",
    )

    def __init__(self, rules: Iterable[Rule]) -> None:
        held: tuple[Rule, ...] = ()
        try:
            held = tuple(rules)
        except TypeError:
            pass  # refused below
        # By its number a rule stands in a decision, in the log, and in what is kept of what it asks for: one each.
        if not held or any(type(rule) is not Rule or rule.number != place for place, rule in enumerate(held, 1)):
            raise CitizenIDError(Reason.POLICY_INVALID, "policy.rule")
        self.rules: Final = held
        findings = Findings({("rule", rule.number): rule.line for rule in self.rules if rule.line is not None})
        find_contradictions(self.rules, findings)
        find_unreachable(self.rules, findings)
        error = first_error(findings.found)
        if error is not None:
            raise error
        self.permits_bearer: Final = any(rule.binding is Binding.BEARER and not rule.anyone for rule in self.rules)
        self.needs_now: Final = any(rule.not_before is not None or rule.not_after is not None for rule in self.rules)
        self.needs_region: Final = any(rule.regions for rule in self.rules)
        self.types: Final = frozenset[str]().union(*(rule.types or () for rule in self.rules))
        self.assurances: Final = frozenset[Assurance]().union(*(rule.assurances or () for rule in self.rules))
        self.digest: Final = digest_of(self.rules)
        self._patterns = [(name.split("*"), rule) for rule in self.rules for name in rule.resources if "*" in name]
        # A name without `*` finds its rule at once, or the rules of which one may decide, where and when they exist.
        self._exact: dict[str, Rule] = {}
        self._limited: dict[str, tuple[Rule, ...]] = {}
        for name, candidates in _by_name(self.rules):
            if candidates[0].limited:
                self._limited[name] = candidates
            else:
                self._exact[name] = candidates[0]
        self._whole = True

    if not TYPE_CHECKING:  # to a type checker there is nothing that may be set

        def __setattr__(self, name: str, value: object) -> None:
            if hasattr(self, "_whole"):
                raise AttributeError("an AdmissionPolicy is immutable")
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("an AdmissionPolicy is immutable")

    def __reduce__(self) -> tuple[type[AdmissionPolicy], tuple[tuple[Rule, ...]]]:
        return AdmissionPolicy, (self.rules,)

    @classmethod
    def from_toml(cls, text: str) -> AdmissionPolicy:
        """Read a policy.

        Args:
            text: TOML, as specs/policy.md says.

        Raises:
            CitizenIDError: POLICY_INVALID; `where` names the rule by its number and the key, such as
                "policy.rule[2].citizenship", and `line` the line. An unknown key, an empty list, an unknown country, a
                missing or second condition, a contradiction, a rule that can never be reached: each is an error. It is
                the first of them; `lint` lists all.
        """
        document = read_document(text)
        findings = document.findings
        if not findings.found:
            find_contradictions(document.rules, findings)
            find_unreachable(document.rules, findings)
        error = first_error(findings.found)
        if error is not None:
            raise error
        return cls(document.rules)

    def rule_for(self, resource: str, *, now: int | None = None, region: str | None = None) -> Rule | None:
        """Return the rule that decides on a resource: the first that matches and exists here and now.

        None when there is none, and when nobody can say which: where a rule exists for a time or in some regions
        alone, a call that does not tell them gets no rule.
        """
        rule = self._exact.get(resource) if type(resource) is str else None
        if rule is None:
            for rule in self._candidates(resource):
                if not rule.limited:
                    return rule
                if rule.passed_over(now, region) is None:
                    return rule if rule.undecided(now, region) is None else None
            return None
        return rule

    def decide(self, resource: str, facts: Facts) -> Verdict:
        """Decide on a request for a resource.

        A resource that no rule lists is RESOURCE_NOT_LISTED. Where nobody can say whether a rule exists here and now it
        is REGION_UNKNOWN or CLOCK_UNUSABLE, with the number of that rule.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for facts of other types.
        """
        return self._decide(resource, facts)[0]

    def explain(self, resource: str, facts: Facts) -> Explanation:
        """Say which rule decides on a request, why, and what would help. For people: it is slower than `decide`.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID, as `decide`.
        """
        verdict, rule, passed_over = self._decide(resource, facts)
        return explain(verdict, rule, facts, tuple(dict.fromkeys(passed_over)))

    def _decide(self, resource: str, facts: Facts) -> tuple[Verdict, Rule | None, list[PassedOver]]:
        passed_over: list[PassedOver] = []
        if type(facts) is not Facts:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "policy.facts")
        *_, region, now = facts
        for rule in self._candidates(resource):
            key = rule.passed_over(now, region)
            if key is not None:
                passed_over.append(PassedOver(rule.number, rule.line, key))
                continue
            unknown = rule.undecided(now, region)
            verdict = rule.judge(facts) if unknown is None else Verdict(unknown, rule.number)
            return verdict, rule, passed_over
        return NOT_LISTED, None, passed_over

    def _candidates(self, resource: str) -> Iterable[Rule]:
        """Return the rules with a name that matches, in their order, as far as they can decide."""
        if type(resource) is not str:
            return ()
        rule = self._exact.get(resource)
        if rule is not None:
            return (rule,)
        candidates = self._limited.get(resource)
        if candidates is not None:
            return candidates
        return self._by_pattern(resource) if len(resource) <= MAX_NAME_CHARS else ()

    def _by_pattern(self, resource: str) -> Iterator[Rule]:
        return (rule for pieces, rule in self._patterns if matches(pieces, resource))

    def __repr__(self) -> str:
        return f"<AdmissionPolicy of {len(self.rules)} rules>"


def _by_name(rules: Sequence[Rule]) -> Iterator[tuple[str, tuple[Rule, ...]]]:
    """Yield each name without a star and the rules that match it, up to the first that exists everywhere and always."""
    named: dict[str, list[int]] = {}
    patterns: list[tuple[list[str], int]] = []
    for place, rule in enumerate(rules):
        for name in rule.resources:
            if "*" in name:
                patterns.append((name.split("*"), place))
            else:
                named.setdefault(name, []).append(place)
    for name, places in named.items():
        candidates: list[Rule] = []
        for place in sorted({*places, *(place for pieces, place in patterns if matches(pieces, name))}):
            candidates.append(rules[place])
            if not rules[place].limited:
                break
        yield name, tuple(candidates)


def lint(text: str) -> tuple[Finding, ...]:
    """Return every error of a policy, in the order of lines; none for a policy that `AdmissionPolicy.from_toml` takes.

    Args:
        text: TOML, as specs/policy.md says.
    """
    document = read_document(text)
    findings = document.findings
    find_contradictions(document.rules, findings)
    find_unreachable(document.rules, findings)
    return tuple(sorted(findings.found, key=lambda finding: finding.line or 0))
