"""Every rule of the standards has a test, and every conformance test has a rule: specs/requirements.toml, checked.

The mapping stands in the table alone; no test carries a mark. Tests are found by parsing their files, so that one that
cannot be imported still counts as written. What is compared: ids, Reasons, whom a rule binds, the tests it names, that
one of them asserts the Reason of its rule, and that nothing in the conformance files is there for no rule.
"""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from citizenid import Reason

ROOT: Final = Path(__file__).resolve().parent.parent
TABLE: Final = ROOT / "specs" / "requirements.toml"
WHO: Final = frozenset({"issuer", "holder", "verifier", "store", "gateway"})
KEYS: Final = frozenset({"id", "section", "who", "rule", "test", "reason", "not_applicable"})
# Every test in these is there for a rule of a standard, or says under [[extra]] why it is there.
CONFORMANCE: Final = (
    "tests/readers",
    "tests/writers",
    "tests/status",
    "tests/gateway/test_proofs.py",
    "tests/gateway/test_query.py",
)
DOCUMENT: Final[dict[str, Any]] = tomllib.loads(TABLE.read_text("utf-8"))
RULES: Final[list[dict[str, Any]]] = DOCUMENT["rule"]
BY_VALUE: Final = {reason.value: reason for reason in Reason}
EXTRAS: Final[list[dict[str, Any]]] = DOCUMENT.get("extra", [])


def named_by(rule: dict[str, Any]) -> list[str]:
    named = rule.get("test", [])
    return [named] if isinstance(named, str) else list(named)


@functools.cache
def collected(path: Path) -> frozenset[str]:
    """Return the tests of a file as pytest names them, without parameters.

    A state machine of hypothesis becomes a test by `TestName = Machine.TestCase`; its one test is `TestName`.
    """
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            parts = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
            found |= {f"{node.name}::{part}" for part in parts if part.startswith("test_")}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {each.id for each in targets if isinstance(each, ast.Name) and each.id.startswith("Test")}
    return frozenset(found)


@functools.cache
def parts_of(path: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Return what stands at the top of a file by name, methods of test classes too: its text, and the names in it."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    found: dict[str, tuple[str, frozenset[str]]] = {}

    def add(name: str, node: ast.AST, first: int, last: int | None) -> None:
        used = frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))
        found[name] = ("\n".join(lines[first - 1 : last]), used)

    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            add(node.name, node, first, node.end_lineno)
            for part in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(part, ast.FunctionDef):
                    add(f"{node.name}::{part.name}", part, part.lineno, part.end_lineno)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            for each in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(each, ast.Name):
                    add(each.id, node, node.lineno, node.end_lineno)
    return found


def reach(test: str) -> str:
    """Return the text of a test with its parameters, and of all that it refers to in its own file."""
    name, _, function = test.partition("::")
    parts = parts_of(ROOT / name)
    seen: set[str] = set()
    ahead = [function]
    while ahead:
        each = ahead.pop()
        if each in parts and each not in seen:
            seen.add(each)
            ahead += parts[each][1]
    return "\n".join(parts[each][0] for each in seen)


def conformance_tests() -> set[str]:
    paths = []
    for name in CONFORMANCE:
        path = ROOT / name
        paths += sorted(path.glob("test_*.py")) if path.is_dir() else [path]
    return {f"{path.relative_to(ROOT).as_posix()}::{test}" for path in paths for test in collected(path)}


def test_ids_are_distinct_and_have_their_form() -> None:
    ids = [rule["id"] for rule in RULES]
    assert len(set(ids)) == len(ids)
    for each in ids:
        assert re.fullmatch(
            r"(SDJWT|VC|TSL|DPOP|MTLS|HTTPSIG|MDOC|CWT|SDCWT|W3C|OID4VP|PP|BBS|OIDC)-[A-Z]+-\d+[a-z]?", each
        ), each


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["id"])
def test_every_rule_says_what_it_is(rule: dict[str, Any]) -> None:
    assert set(rule) <= KEYS
    assert rule["who"] in WHO
    assert rule["section"].strip()
    assert rule["rule"].endswith(".")
    if "not_applicable" in rule:
        assert rule["not_applicable"].strip()
        assert not {"test", "reason"} & set(rule)
    else:
        assert named_by(rule), "a rule without a test"


@pytest.mark.parametrize("rule", [rule for rule in RULES if "test" in rule], ids=lambda rule: rule["id"])
def test_the_tests_of_a_rule_exist(rule: dict[str, Any]) -> None:
    named = named_by(rule)
    assert len(set(named)) == len(named)
    for test in named:
        name, _, function = test.partition("::")
        assert (ROOT / name).is_file(), name
        assert function in collected(ROOT / name), test


@pytest.mark.parametrize("rule", [rule for rule in RULES if "reason" in rule], ids=lambda rule: rule["id"])
def test_the_reason_of_a_rule_exists_and_its_tests_know_it(rule: dict[str, Any]) -> None:
    reason = BY_VALUE[rule["reason"]]
    pattern = re.compile(rf"\bReason\.{reason.name}\b|[\"']{reason.value}[\"']")
    assert any(pattern.search(reach(test)) for test in named_by(rule)), f"no named test asserts {reason}"


def test_every_conformance_test_is_there_for_a_rule() -> None:
    for_rules = {test for rule in RULES for test in named_by(rule)}
    extras = [test for extra in EXTRAS for test in named_by(extra)]
    assert len(set(extras)) == len(extras)
    found = conformance_tests()
    assert len(found) > 20
    assert sorted(found - for_rules - set(extras)) == [], "name these under a rule, or under [[extra]] with a reason"
    assert sorted(set(extras) - found) == [], "extras that do not exist, or stand in no conformance file"
    assert sorted(set(extras) & for_rules) == [], "extras that are named by a rule"


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra["why"])
def test_every_extra_says_why(extra: dict[str, Any]) -> None:
    assert set(extra) == {"why", "test"}
    assert extra["why"].strip()
    assert named_by(extra)


def test_every_standard_is_covered_in_each_of_its_parts() -> None:
    groups = {rule["id"].rpartition("-")[0] for rule in RULES}
    assert groups >= {
        "SDJWT-I",
        "SDJWT-H",
        "SDJWT-V",
        "VC-I",
        "VC-V",
        "VC-HAIP",
        "TSL-P",
        "TSL-R",
        "TSL-V",
        "DPOP-C",
        "DPOP-S",
        "MDOC-F",
        "MDOC-I",
        "MDOC-H",
        "MDOC-V",
        "MDOC-T",
        "MDOC-L",
        "CWT-F",
        "CWT-C",
        "CWT-I",
        "SDCWT-I",
        "SDCWT-H",
        "SDCWT-V",
        "W3C-E",
        "W3C-L",
        "W3C-V",
        "W3C-P",
        "OID4VP-Q",
        "OID4VP-V",
        "PP-C",
        "PP-V",
        "PP-I",
        "BBS-V",
        "OIDC-C",
    }


def test_the_twelve_checks_of_a_proof_are_all_there() -> None:
    checks = {int(number) for rule in RULES for number in re.findall(r"^RFC 9449 .*check (\d+)", rule["section"])}
    assert checks == set(range(1, 13))
