"""Strategies for policies: rules as tables, and the TOML that they are written in.

Spec: specs/policy.md.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from hypothesis import strategies as st

from ... import CitizenIDError, Format, Reason
from ..._model import BINDINGS
from ...policy import AdmissionPolicy, SharingResponse, StoreDown
from ..checks import of_type

CODES: Final = ("US", "DE", "FR")
LEVELS: Final[Mapping[str, list[str]]] = {
    "eidas": ["low", "substantial", "high"],
    "nist": ["IAL1", "IAL2", "IAL3"],
    "house": ["bad", "good"],
}
HOUSE: Final = '[assurance.house]\nlevels = ["bad", "good"]\n'
AGE_KEYS: Final = ("max_admission_age_s", "max_credential_age_s", "max_evidence_age_s", "max_status_age_s")
_ZONES: Final = (UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30)))


def resource_names() -> st.SearchStrategy[str]:
    """Names of resources, of few letters, so that patterns meet them."""
    return st.text("ab/", max_size=6)


def patterns() -> st.SearchStrategy[str]:
    """Patterns for them: `*` stands for any characters (specs/policy.md P12)."""
    return st.text("ab/*", min_size=1, max_size=5).map(lambda text: re.sub(r"\*+", "*", text))


def subsets(*values: str, least: int = 0) -> st.SearchStrategy[list[str]]:
    """Some of a few values, drawn at once: sets that are put together value by value are often drawn in vain."""
    chosen = [c for size in range(least, len(values) + 1) for c in itertools.combinations(values, size)]
    return st.sampled_from(chosen).map(list)


def moments() -> st.SearchStrategy[datetime]:
    """Times with an offset, a few seconds apart."""
    return st.builds(datetime.fromtimestamp, st.integers(1_000, 1_004), st.sampled_from(_ZONES))


@st.composite
def rule_tables(draw: st.DrawFn) -> dict[str, Any]:
    """Rules that do not contradict themselves, as the tables that TOML makes of them."""
    rule: dict[str, Any] = {"resource": draw(patterns() | st.lists(patterns(), min_size=1, max_size=2, unique=True))}
    condition = draw(st.sampled_from(["citizenship", "nationality", "anyone"]))
    rule[condition] = condition == "anyone" or draw(subsets(*CODES, least=1))
    others = [code for code in CODES if condition == "anyone" or code not in rule[condition]]
    excluding = draw(st.booleans())
    if others and excluding:
        rule["none_of"] = draw(subsets(*others, least=1))
    optional: dict[str, Any] = {
        "region": st.sampled_from(["eu-*", "us-1", ["eu-1", "us-*"], "*", "*-1"]),
        "not_before": moments(),
        "not_after": moments(),
    }
    if condition != "anyone" or "none_of" in rule:
        optional |= {
            "binding": st.sampled_from(sorted(BINDINGS)),
            "assurance": subsets(*LEVELS, least=1).flatmap(
                lambda frameworks: st.fixed_dictionaries({name: st.sampled_from(LEVELS[name]) for name in frameworks})
            ),
            "issuers": subsets("one", "two", least=1),
            "formats": subsets(*map(str, Format), least=1),
            "types": subsets("t", "u", least=1),
            "sharing": st.sampled_from(sorted(map(str, SharingResponse))),
            "store_down": st.sampled_from(sorted(map(str, StoreDown))),
            **{key: st.sampled_from([1, 60]) for key in AGE_KEYS},
        }
    for key in draw(st.lists(st.sampled_from(sorted(optional)), max_size=4)):
        rule[key] = draw(optional[key])
    return of_some_time(rule)


def of_some_time(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule without its beginning where that is not before its end."""
    if "not_before" in rule and "not_after" in rule and rule["not_before"] >= rule["not_after"]:
        return {name: value for name, value in rule.items() if name != "not_before"}
    return rule


def policy_tables(most: int = 4) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rules one after the other, of which some may be out of reach behind others."""
    return st.lists(rule_tables(), min_size=1, max_size=most)


def policy_texts(most: int = 4) -> st.SearchStrategy[str]:
    """Policies as TOML, in which every rule can be reached."""
    return policy_tables(most).map(lambda rules: toml(reachable_part(rules)[0]))


def toml(rules: Iterable[Mapping[str, Any]]) -> str:
    """Write rules down as TOML, with the levels of the framework `house`."""

    def value(item: Any) -> str:
        if isinstance(item, bool):
            return str(item).lower()
        if isinstance(item, list):
            return "[" + ", ".join(map(value, item)) + "]"
        if isinstance(item, dict):
            return "{ " + ", ".join(f"{name} = {value(each)}" for name, each in item.items()) + " }"
        if isinstance(item, datetime):
            return item.isoformat()
        return f'"{item}"' if isinstance(item, str) else str(item)

    lines = ["version = 1"]
    for rule in rules:
        lines += ["[[rule]]", *(f"{name} = {value(item)}" for name, item in rule.items())]
    return "\n".join(lines) + "\n" + HOUSE


def load(rules: Iterable[Mapping[str, Any]]) -> AdmissionPolicy | None:
    """Read rules, or return None when one of them can never be reached."""
    try:
        return AdmissionPolicy.from_toml(toml(rules))
    except CitizenIDError as error:
        if error.reason is Reason.POLICY_INVALID and re.fullmatch(
            r"policy\.rule\[\d+\]\.(resource|region)", error.where
        ):
            return None
        raise


def reachable_part(rules: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], AdmissionPolicy]:
    """Leave out of generated rules those that can never be reached, so that a policy is left."""
    kept: list[dict[str, Any]] = []
    for rule in rules:
        if load([*kept, rule]) is not None:
            kept.append(rule)
    return kept, of_type(load(kept), AdmissionPolicy)
