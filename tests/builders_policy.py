"""A slow decider written from the words of specs/policy.md alone, and policies and callers to put before it.

It knows no tables and no string search: it asks rule after rule, turns a pattern into a regular expression, and never
looks at our `Rule`. Rules are tables as TOML has them, callers are dicts.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from hypothesis import strategies as st

from citizenid import Assurance, CitizenIDError, Country, Format, Reason
from citizenid.gateway import Binding
from citizenid.policy import AdmissionPolicy, Facts

CODES: Final = ("US", "DE", "FR")
LEVELS: Final = {"eidas": ["low", "substantial", "high"], "nist": ["IAL1", "IAL2", "IAL3"], "house": ["bad", "good"]}
HOUSE: Final = '[assurance.house]\nlevels = ["bad", "good"]\n'
AGE_KEYS: Final = ("max_admission_age_s", "max_credential_age_s", "max_evidence_age_s", "max_status_age_s")

# --- the slow decider ---


def slow_matches(pattern: str, name: str) -> bool:
    """`*` stands for any characters, none included; everything else for itself (P12)."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def slow_decide(rules: list[dict[str, Any]], name: str, caller: dict[str, Any]) -> tuple[int, Reason | None]:
    for number, rule in enumerate(rules, 1):
        if not any(slow_matches(pattern, name) for pattern in listed(rule["resource"])):
            continue
        region, now = caller["region"], caller["now"]
        here = region is None or any(slow_matches(pattern, region) for pattern in listed(rule.get("region", "*")))
        if not here:  # P31
            continue
        if "not_before" in rule and now is not None and now < rule["not_before"].timestamp():  # P32
            continue
        if "not_after" in rule and now is not None and now >= rule["not_after"].timestamp():
            continue
        if "region" in rule and region is None:  # P33
            return number, Reason.REGION_UNKNOWN
        if ("not_before" in rule or "not_after" in rule) and now is None:
            return number, Reason.CLOCK_UNUSABLE
        return number, slow_judge(rule, caller)
    return 0, Reason.RESOURCE_NOT_LISTED  # P14


def slow_judge(rule: dict[str, Any], caller: dict[str, Any]) -> Reason | None:
    if "anyone" in rule and "none_of" not in rule:  # P17
        return None
    if rule.get("binding", "dpop") == "dpop" and caller["binding"] == "bearer":  # P18
        return Reason.BINDING_TOO_WEAK
    if too_old(rule, caller, "admission"):  # P19
        return Reason.ADMISSION_TOO_OLD
    for key, fact in (("issuers", "issuer"), ("formats", "format"), ("types", "type")):  # P37
        if key in rule and caller[fact] not in rule[key]:
            return Reason.CREDENTIAL_NOT_ACCEPTED
    if "assurance" in rule and not reaches(rule["assurance"], caller["assurance"]):  # P38
        return Reason.ASSURANCE_TOO_LOW
    for kind in ("credential", "evidence", "status"):  # P39, P40, P41
        if too_old(rule, caller, kind):
            return Reason(f"{kind}_too_old")
    citizen_of = caller["citizenships"]
    national_of = caller["nationalities"] | citizen_of  # P21
    stated = caller["stated"] | national_of
    if stated & set(rule.get("none_of", [])):  # P42
        return Reason.CITIZENSHIP_NOT_PERMITTED
    if "nationality" in rule and not national_of & set(rule["nationality"]):  # P20 and P22
        return Reason.CITIZENSHIP_NOT_PERMITTED if national_of else Reason.CITIZENSHIP_NOT_SHOWN
    if "citizenship" in rule and not citizen_of & set(rule["citizenship"]):
        # A national of the right country may be its citizen and not have shown it; who has shown nothing may be any.
        could_be = not national_of or national_of & set(rule["citizenship"])
        return Reason.CITIZENSHIP_NOT_SHOWN if could_be else Reason.CITIZENSHIP_NOT_PERMITTED
    if "none_of" in rule and not (caller["complete"] and stated):  # P43
        return Reason.COMPLETENESS_NOT_SHOWN
    return None


def too_old(rule: dict[str, Any], caller: dict[str, Any], kind: str) -> bool:
    most, age = rule.get(f"max_{kind}_age_s"), caller[kind]
    return most is not None and (age is None or age > most)  # P34


def reaches(floors: dict[str, str], stated: tuple[str, str] | None) -> bool:
    if stated is None or stated[0] not in floors:
        return False
    levels = LEVELS[stated[0]]
    return stated[1] in levels and levels.index(stated[1]) >= levels.index(floors[stated[0]])


# --- what is generated ---

names = st.text("ab/", max_size=6)
patterns = st.text("ab/*", min_size=1, max_size=5).map(lambda text: re.sub(r"\*+", "*", text))


def subsets(*values: str, least: int = 0) -> st.SearchStrategy[list[str]]:
    """Some of a few values, drawn at once: sets that are put together value by value are often drawn in vain."""
    chosen = [c for size in range(least, len(values) + 1) for c in itertools.combinations(values, size)]
    return st.sampled_from(chosen).map(list)


country_lists = subsets(*CODES, least=1)
moments = st.integers(1_000, 1_004)
zones = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))])


@st.composite
def rule_tables(draw: st.DrawFn) -> dict[str, Any]:
    """A rule that does not contradict itself."""
    rule: dict[str, Any] = {"resource": draw(patterns | st.lists(patterns, min_size=1, max_size=2, unique=True))}
    condition = draw(st.sampled_from(["citizenship", "nationality", "anyone"]))
    rule[condition] = True if condition == "anyone" else draw(country_lists)
    others = [code for code in CODES if condition == "anyone" or code not in rule[condition]]
    if others and draw(st.booleans()):
        rule["none_of"] = draw(subsets(*others, least=1))
    optional: dict[str, Any] = {
        "region": st.sampled_from(["eu-*", "us-1", ["eu-1", "us-*"], "*", "*-1"]),
        "not_before": st.builds(lambda at, zone: datetime.fromtimestamp(at, zone), moments, zones),
        "not_after": st.builds(lambda at, zone: datetime.fromtimestamp(at, zone), moments, zones),
    }
    if condition != "anyone" or "none_of" in rule:
        optional |= {
            "binding": st.sampled_from(["bearer", "dpop"]),
            "assurance": subsets(*LEVELS, least=1).flatmap(
                lambda frameworks: st.fixed_dictionaries({name: st.sampled_from(LEVELS[name]) for name in frameworks})
            ),
            "issuers": subsets("one", "two", least=1),
            "formats": subsets("dc+sd-jwt", "mso_mdoc", least=1),
            "types": subsets("t", "u", least=1),
            **{key: st.sampled_from([1, 60]) for key in AGE_KEYS},
        }
    for key in draw(st.lists(st.sampled_from(sorted(optional)), max_size=4)):
        rule[key] = draw(optional[key])
    if "not_before" in rule and "not_after" in rule and rule["not_before"] >= rule["not_after"]:
        del rule["not_before"]
    return rule


def policies(most: int = 4) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(rule_tables(), min_size=1, max_size=most)


ages = st.none() | st.sampled_from([0, 1, 2, 60, 61])
callers: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "nationalities": subsets(*CODES).map(set),
        "citizenships": subsets(*CODES).map(set),
        "stated": subsets(*CODES, "CA").map(set),
        "complete": st.booleans(),
        "binding": st.sampled_from(["bearer", "dpop"]),
        "admission": st.sampled_from([0, 1, 2, 60, 61]),
        "issuer": st.sampled_from([None, "one", "two", "three"]),
        "format": st.sampled_from([None, "dc+sd-jwt", "mso_mdoc", "sd-cwt"]),
        "type": st.sampled_from([None, "t", "u", "v"]),
        "assurance": st.none() | st.sampled_from([(name, level) for name, all_ in LEVELS.items() for level in all_]),
        "credential": ages,
        "evidence": ages,
        "status": ages,
        "region": st.sampled_from([None, "eu-1", "us-1", "us-2", "asia"]),
        "now": st.none() | st.integers(999, 1_005),
    }
)


# --- into our own words ---


def toml(rules: Iterable[Mapping[str, Any]]) -> str:
    """Write rules down as TOML."""

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
        assert error.reason is Reason.POLICY_INVALID
        assert re.fullmatch(r"policy\.rule\[\d+\]\.(resource|region)", error.where)
        return None


def reachable_part(rules: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], AdmissionPolicy]:
    """Leave out of generated rules those that can never be reached, so that a policy is left."""
    kept: list[dict[str, Any]] = []
    for rule in rules:
        if load([*kept, rule]) is not None:
            kept.append(rule)
    policy = load(kept)
    assert policy is not None
    return kept, policy


def facts(caller: Mapping[str, Any]) -> Facts:
    """Put facts together as the gateway does."""
    citizenships = frozenset(map(Country, caller["citizenships"]))
    nationalities = frozenset(map(Country, caller["nationalities"])) | citizenships
    return Facts(
        nationalities,
        citizenships,
        Binding.BEARER if caller["binding"] == "bearer" else Binding.DPOP,
        caller["admission"],
        stated=frozenset(map(Country, caller["stated"])) | nationalities,
        complete=caller["complete"],
        issuer=caller["issuer"],
        format=None if caller["format"] is None else Format(caller["format"]),
        type=caller["type"],
        assurance=None if caller["assurance"] is None else Assurance(*caller["assurance"]),
        credential_age_s=caller["credential"],
        evidence_age_s=caller["evidence"],
        status_age_s=caller["status"],
        region=caller["region"],
        now=caller["now"],
    )
