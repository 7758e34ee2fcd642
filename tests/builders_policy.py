"""A slow decider written from the words of specs/policy.md alone, and policies and callers to put before it.

It knows no tables and no string search: it asks rule after rule, turns a pattern into a regular expression, and never
looks at our `Rule`. Rules are tables as TOML has them, callers are dicts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from citizenid import Assurance, Country, Format, Reason
from citizenid.gateway import Binding
from citizenid.policy import Facts
from citizenid.testing.strategies import policies as _policies
from citizenid.testing.strategies.policies import (  # noqa: F401  # handed on
    AGE_KEYS,
    CODES,
    HOUSE,
    LEVELS,
    load,
    reachable_part,
    rule_tables,
    subsets,
    toml,
)

# --- the slow decider ---


STRENGTHS = ("bearer", "dpop", "http_signature", "mtls")  # from the weakest to the strongest (P8)


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
    if STRENGTHS.index(caller["binding"]) < STRENGTHS.index(rule.get("binding", "dpop")):  # P18
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

names = _policies.resource_names()
patterns = _policies.patterns()
policies = _policies.policy_tables
country_lists = subsets(*CODES, least=1)
moments = st.integers(1_000, 1_004)


ages = st.none() | st.sampled_from([0, 1, 2, 60, 61])
callers: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "nationalities": subsets(*CODES).map(set),
        "citizenships": subsets(*CODES).map(set),
        "stated": subsets(*CODES, "CA").map(set),
        "complete": st.booleans(),
        "binding": st.sampled_from(STRENGTHS),
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


def facts(caller: Mapping[str, Any]) -> Facts:
    """Put facts together as the gateway does."""
    citizenships = frozenset(map(Country, caller["citizenships"]))
    nationalities = frozenset(map(Country, caller["nationalities"])) | citizenships
    return Facts(
        nationalities,
        citizenships,
        Binding[caller["binding"].upper()],
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
