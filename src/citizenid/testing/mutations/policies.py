"""Mutations of policies: slips of an operator, each of which must be an error and never a rule that means less.

Spec: specs/policy.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ... import Reason
from ...policy import AdmissionPolicy
from ..strategies.policies import toml
from ._frame import Choice, Edit, Mutation, row

R: Final = Reason
Rules = list[dict[str, Any]]


def ruled(edit: Callable[[Rules, Choice], Any]) -> Edit:
    """Return what edits the rules of a policy, and writes it; an edit may say False: nothing to do."""

    def apply(valid: Rules, choice: Choice) -> str | None:
        rules = [dict(rule) for rule in valid]
        return None if edit(rules, choice) is False else toml(rules)

    return apply


def written(edit: Callable[[str, Choice], str]) -> Edit:
    """Return what edits a policy as it is written."""
    return lambda valid, choice: edit(toml(valid), choice)


def one(edit: Callable[[dict[str, Any], Choice], Any]) -> Edit:
    """Edit one of the rules."""
    return ruled(lambda rules, choice: edit(choice.of(*rules), choice))


def _countries(rule: dict[str, Any], choice: Choice) -> None:
    name = next(name for name in ("citizenship", "nationality", "anyone") if name in rule)
    if name == "anyone":
        del rule["anyone"]
        rule.pop("none_of", None)
        name = choice.of("citizenship", "nationality")
    rule[name] = choice.of(["XX"], ["us"], ["USA"], ["US", "US"], [], ["UNO"], ["*"])


def _misspelt(rule: dict[str, Any], choice: Choice) -> None:
    rule[choice.of("citizenships", "Citizenship", "nationalty", "max_age", "not_befor", "allow", "exclude")] = ["US"]


def _contradicted(rule: dict[str, Any], choice: Choice) -> None:
    rule.pop("anyone", None)
    rule["citizenship"], rule["none_of"] = ["US"], choice.of(["US"], ["DE", "US"])


def _anyone_but_citizens(rule: dict[str, Any], _: Choice) -> None:
    rule.pop("nationality", None)
    rule |= {"anyone": True, "citizenship": ["US"]}


def _unconditional(rule: dict[str, Any], _: Choice) -> None:
    for name in ("citizenship", "nationality", "anyone", "none_of"):
        rule.pop(name, None)


def _unreachable(rules: Rules, choice: Choice) -> None:
    rules[:0] = [{"resource": "*", "anyone": True}]


def _without_resource(rule: dict[str, Any], _: Choice) -> None:
    del rule["resource"]


def _resource(rule: dict[str, Any], choice: Choice) -> None:
    rule["resource"] = choice.of("", [], "a**", 1, ["a", "a"])


def _values(rule: dict[str, Any], choice: Choice) -> None:
    # What these need is a rule that is not for anyone.
    for name in ("anyone", "nationality", "none_of"):
        rule.pop(name, None)
    name, value = choice.of(
        ("binding", "none"),
        ("binding", "DPoP"),
        ("max_admission_age_s", 0),
        ("max_admission_age_s", -1),
        ("max_credential_age_s", True),
        ("formats", ["jwt"]),
        ("formats", []),
        ("assurance", {"eidas": "highest"}),
        ("assurance", {"nobody": "high"}),
        ("region", ""),
        ("issuers", []),
    )
    rule |= {"citizenship": ["US"], name: value}


TABLE: Final[tuple[Mutation, ...]] = (
    row(
        "no TOML",
        R.POLICY_INVALID,
        written(lambda t, c: t + c.of("[", "x =", "= 1", "[[rule]", "\x00")),
        step="configuration",
    ),
    row("no version", R.POLICY_INVALID, written(lambda t, c: t.replace("version = 1", "", 1)), step="configuration"),
    row(
        "another version",
        R.POLICY_INVALID,
        written(lambda t, c: t.replace("version = 1", f"version = {c.of('0', '2', 'true', '1.0')}", 1)),
        step="configuration",
    ),
    row("no rules", R.POLICY_INVALID, ruled(lambda rules, c: rules.clear()), step="configuration"),
    row(
        "a word that is none at the top",
        R.POLICY_INVALID,
        written(lambda t, c: c.of("rules = []", "default = 'allow'", "strict = false") + "\n" + t),
        step="configuration",
    ),
    row("a word that is none in a rule", R.POLICY_INVALID, one(_misspelt), step="configuration"),
    row("countries that are none", R.POLICY_INVALID, one(_countries), step="configuration"),
    row("admits whom it excludes", R.POLICY_INVALID, one(_contradicted), step="configuration"),
    row("anyone, and citizens", R.POLICY_INVALID, one(_anyone_but_citizens), step="configuration"),
    row("a rule without a condition", R.POLICY_INVALID, one(_unconditional), step="configuration"),
    row("a rule that is out of reach", R.POLICY_INVALID, ruled(_unreachable), step="configuration"),
    row("a rule twice", R.POLICY_INVALID, ruled(lambda rules, c: rules.append(c.of(*rules))), step="configuration"),
    row("a rule about nothing", R.POLICY_INVALID, one(_without_resource), step="configuration"),
    row("a resource that is none", R.POLICY_INVALID, one(_resource), step="configuration"),
    row("a value that is none", R.POLICY_INVALID, one(_values), step="configuration"),
)


def judged(valid: Rules) -> Callable[[Any], object]:
    """Return what reads a policy."""
    return AdmissionPolicy.from_toml
