"""Who may use what: rules per resource, written in TOML, decided by pure functions.

    version = 1

    [[rule]]
    resource = "claude-3.5-opus"      # an exact name, a pattern with `*`, or a list of them
    citizenship = ["US"]              # or: nationality = [...], or: anyone = true

    [[rule]]
    resource = ["reports/*", "drafts/*"]
    nationality = ["DE", "FR"]
    binding = "bearer"                # the floor; "dpop" when it is left out
    max_admission_age_s = 600         # how long ago the presentation may have been

The first rule whose resource matches decides; what no rule lists is denied. Patterns are case-sensitive and know only
`*`, which also crosses `/`; a pattern that would hide a later rule is an error. A name is matched as it is: resolve
aliases before. Nationality and citizenship are different things, and a rule names which of them it needs; a citizen is
a national, never the other way round. Nothing here proves that somebody is *not* a citizen.

Spec: specs/policy.md; DESIGN section 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn, final

from ._errors import CitizenIDError, Reason
from ._model import Binding
from .countries import Country

__all__ = ["AdmissionPolicy", "Facts", "Rule", "Verdict"]

_MAX_POLICY_CHARS: Final = 1_048_576
_MAX_RESOURCE_CHARS: Final = 512
_MAX_PATTERNS: Final = 1_000  # each later name is compared with all of them when a policy is read
_BINDINGS: Final = {"bearer": Binding.BEARER, "dpop": Binding.DPOP}
_RULE_KEYS: Final = frozenset({"resource", "citizenship", "nationality", "anyone", "binding", "max_admission_age_s"})


class Facts(NamedTuple):
    """What is known of a caller when a rule decides.

    Attributes:
        nationalities: proven nationalities, those that a citizenship implies included.
        citizenships: proven citizenships.
        binding: how the request is bound to its sender.
        admission_age_s: seconds since the presentation was verified.
    """

    nationalities: frozenset[Country]
    citizenships: frozenset[Country]
    binding: Binding
    admission_age_s: int

    def __repr__(self) -> str:
        return "<Facts>"


@final
class Verdict(NamedTuple):
    """What a rule says. `reason` is None when it permits, and only then; there is no truth value.

    Attributes:
        reason: why it refuses, or None.
        rule: the number of the deciding rule in the policy, from 1, or 0 when none matched.
    """

    reason: Reason | None
    rule: int

    @property
    def permitted(self) -> bool:
        """Whether the rule permits."""
        return self.reason is None

    def __bool__(self) -> NoReturn:
        raise TypeError("a Verdict has no truth value; look at its reason")


NOT_LISTED: Final = Verdict(Reason.RESOURCE_NOT_LISTED, 0)


@final
@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy.

    Attributes:
        number: its place in the policy, from 1.
        resources: exact names and patterns.
        anyone: whether no citizenship is needed at all.
        countries: of which one must be proven; empty when `anyone`.
        needs_citizenship: whether citizenship is needed, or nationality suffices.
        binding: the weakest sender binding that it takes.
        max_admission_age_s: how old an admission may be, or None.
    """

    number: int
    resources: tuple[str, ...]
    anyone: bool
    countries: frozenset[Country]
    needs_citizenship: bool
    binding: Binding
    max_admission_age_s: int | None

    def judge(self, facts: Facts) -> Verdict:
        """Say whether these facts satisfy the rule.

        The Reasons differ in what helps: CITIZENSHIP_NOT_SHOWN, BINDING_TOO_WEAK and ADMISSION_TOO_OLD are mended by a
        new presentation. CITIZENSHIP_NOT_PERMITTED says that what was shown is of other countries; whoever has a second
        citizenship, and held it back, can still show that one.
        """
        return Verdict(self.objection(facts), self.number)

    def objection(self, facts: Facts) -> Reason | None:
        """As `judge`: None when the rule permits, otherwise why not."""
        return self.objection_to(*facts)

    def objection_to(
        self,
        nationalities: frozenset[Country],
        citizenships: frozenset[Country],
        binding: Binding,
        admission_age_s: int,
    ) -> Reason | None:
        """As `objection`, of facts that were not put together: a gateway asks this for each request."""
        if self.anyone:
            return None
        if binding < self.binding:
            return Reason.BINDING_TOO_WEAK
        if self.max_admission_age_s is not None and admission_age_s > self.max_admission_age_s:
            return Reason.ADMISSION_TOO_OLD
        countries = self.countries
        if not countries.isdisjoint(citizenships if self.needs_citizenship else nationalities):
            return None
        if not nationalities or (self.needs_citizenship and not countries.isdisjoint(nationalities)):
            return Reason.CITIZENSHIP_NOT_SHOWN
        return Reason.CITIZENSHIP_NOT_PERMITTED


@final
class AdmissionPolicy:
    """An immutable list of rules. Make it with `from_toml`.

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
    """

    __slots__ = ("_exact", "_patterns", "permits_bearer", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Final = tuple(rules)
        if not self.rules:
            raise CitizenIDError(Reason.POLICY_INVALID, "policy.rule")
        _check_reachable(self.rules)
        self.permits_bearer: Final = any(rule.binding is Binding.BEARER and not rule.anyone for rule in self.rules)
        self._patterns = [(name.split("*"), rule) for rule in self.rules for name in rule.resources if "*" in name]
        exact = {name for rule in self.rules for name in rule.resources if "*" not in name}
        self._exact = {name: rule for name in exact if (rule := self._first(name)) is not None}

    @classmethod
    def from_toml(cls, text: str) -> AdmissionPolicy:
        """Read a policy.

        Args:
            text: TOML as in the docstring of this module.

        Raises:
            CitizenIDError: POLICY_INVALID; `where` names the rule by its number and the key, such as
                "policy.rule[2].citizenship". An unknown key, an empty list, an unknown country, a missing or second
                condition, a rule that can never be reached: each is an error.
        """
        import tomllib  # here, because only who reads a policy needs it: it costs 2 ms of every start

        document = None
        if type(text) is str and len(text) <= _MAX_POLICY_CHARS:
            try:
                document = tomllib.loads(text)
            except (ValueError, RecursionError):  # TOMLDecodeError is one; so is an integer of 5,000 digits
                pass  # raised below without the input
        if document is None:
            raise CitizenIDError(Reason.POLICY_INVALID, "policy")
        if document.get("version") != 1 or type(document["version"]) is not int:
            raise CitizenIDError(Reason.POLICY_INVALID, "policy.version")
        tables = document.get("rule")
        if set(document) != {"version", "rule"} or type(tables) is not list:
            raise CitizenIDError(Reason.POLICY_INVALID, "policy.rule")
        return cls(_read_rule(number, table) for number, table in enumerate(tables, 1))

    def rule_for(self, resource: str) -> Rule | None:
        """Return the rule that decides on a resource: the first one that matches, or None."""
        if type(resource) is not str:
            return None
        rule = self._exact.get(resource)
        if rule is None and self._patterns and len(resource) <= _MAX_RESOURCE_CHARS:
            rule = next((rule for pieces, rule in self._patterns if _matches(pieces, resource)), None)
        return rule

    def decide(self, resource: str, facts: Facts) -> Verdict:
        """Decide on a request for a resource. A resource that no rule lists is RESOURCE_NOT_LISTED."""
        rule = self.rule_for(resource)
        return NOT_LISTED if rule is None else rule.judge(facts)

    def _first(self, name: str) -> Rule | None:
        for rule in self.rules:
            if any(_matches(pattern.split("*"), name) for pattern in rule.resources):
                return rule
        return None

    def __repr__(self) -> str:
        return f"<AdmissionPolicy of {len(self.rules)} rules>"


def _read_rule(number: int, table: Any) -> Rule:
    where = f"policy.rule[{number}]"
    if type(table) is not dict or not set(table) <= _RULE_KEYS:
        raise CitizenIDError(Reason.POLICY_INVALID, where)
    resources = table.get("resource")
    names = [resources] if type(resources) is str else resources
    if type(names) is not list or not names or len(set(map(repr, names))) != len(names):
        raise CitizenIDError(Reason.POLICY_INVALID, where + ".resource")
    for name in names:
        if type(name) is not str or not 0 < len(name) <= _MAX_RESOURCE_CHARS or not name.isprintable() or "**" in name:
            raise CitizenIDError(Reason.POLICY_INVALID, where + ".resource")
    conditions = [key for key in ("citizenship", "nationality", "anyone") if key in table]
    if len(conditions) != 1:
        raise CitizenIDError(Reason.POLICY_INVALID, where)
    condition = conditions[0]
    anyone = condition == "anyone"
    if anyone and (table["anyone"] is not True or len(table) != 2):  # a floor under anyone would contradict it
        raise CitizenIDError(Reason.POLICY_INVALID, where + ".anyone")
    countries = frozenset() if anyone else _read_countries(table[condition], f"{where}.{condition}")
    binding = table.get("binding", "dpop")
    if type(binding) is not str or binding not in _BINDINGS:
        raise CitizenIDError(Reason.POLICY_INVALID, where + ".binding")
    age = table.get("max_admission_age_s")
    if age is not None and (type(age) is not int or age <= 0):
        raise CitizenIDError(Reason.POLICY_INVALID, where + ".max_admission_age_s")
    return Rule(number, tuple(names), anyone, countries, condition == "citizenship", _BINDINGS[binding], age)


def _read_countries(codes: Any, where: str) -> frozenset[Country]:
    if type(codes) is not list or not codes:
        raise CitizenIDError(Reason.POLICY_INVALID, where)
    countries = []
    for code in codes:
        try:
            countries.append(Country(code))
        except CitizenIDError:
            countries = []
            break
    if not countries or len(set(countries)) != len(countries):
        raise CitizenIDError(Reason.POLICY_INVALID, where)
    return frozenset(countries)


def _check_reachable(rules: Sequence[Rule]) -> None:
    # `*` in the later name is read as a character that only a `*` can take in: then a match means that every name the
    # later pattern matches is matched by the earlier one.
    exact: set[str] = set()
    patterns: list[list[str]] = []
    for rule in rules:
        for name in rule.resources:
            if name in exact or any(_matches(pieces, name.replace("*", "\0")) for pieces in patterns):
                raise CitizenIDError(Reason.POLICY_INVALID, f"policy.rule[{rule.number}].resource")
        exact.update(rule.resources)
        patterns += [name.split("*") for name in rule.resources if "*" in name]
        if len(patterns) > _MAX_PATTERNS:
            raise CitizenIDError(Reason.POLICY_INVALID, f"policy.rule[{rule.number}].resource")


def _matches(pieces: list[str], name: str) -> bool:
    # Greedy from the left is right for `*` alone, and linear: no regular expression that could run away.
    if len(pieces) == 1:
        return pieces[0] == name
    first, *middle, last = pieces
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    position, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True
