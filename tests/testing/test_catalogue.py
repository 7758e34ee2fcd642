"""The catalogue of attacks: every case is there, tried on the library and on a gateway served by somebody else.

The list of cases, with the outcome that each must have, lies beside the official vectors and is no part of the project.

Spec: specs/testing.md.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from citizenid import Reason
from citizenid._answer import problem
from citizenid.testing.attacks import Attack
from citizenid.testing.catalogue import CASE_REASONS, GROUPS, REASON_NAMES, _policy_bounds, attack_catalogue
from citizenid.testing.mutations import TABLES
from citizenid.testing.targets import Served, outcome_of, serving
from citizenid.testing.trials import Kind

NAME = re.compile(r"[A-Z]{2,}_[A-Z0-9_]+|REPLAY|EXPIRED|REVOKED")
SETTLED = {  # where the list leaves a choice, or asks for less than is done
    "CBR-017": Kind.ACCEPTED,
    "DPO-027": Kind.HOLDS,
}


@pytest.fixture(scope="module")
def listed(vectors: Path) -> dict[str, dict[str, Any]]:
    cases = json.loads((vectors.parent / "attacks" / "catalogue.json").read_text(encoding="utf-8"))
    return {case["id"]: case for case in cases}


@pytest.fixture
def proposed_names(vectors: Path) -> set[str]:
    return set(json.loads((vectors.parent / "attacks" / "reason_codes.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("attack", attack_catalogue(), ids=str)
def test_each_attack_has_the_outcome_it_must_have(attack: Attack) -> None:
    findings = attack.run()
    assert len({finding.trial.name for finding in findings}) == len(findings)


@pytest.mark.parametrize("attack", attack_catalogue(served=True), ids=str)
def test_each_attack_on_a_served_gateway_has_the_same_outcome(attack: Attack) -> None:
    attack.run(Served(lambda world: serving(world.gateway)))


def test_every_listed_case_is_there_once_and_in_its_group(listed: dict[str, dict[str, Any]]) -> None:
    ours = [(attack.id, group.name) for group in GROUPS for attack in group.attacks]
    assert ours == [(case["id"], case["group"]) for case in listed.values()]
    assert len(ours) == 282


def test_each_case_proposes_what_is_listed_and_is_refused_where_it_must_be(listed: dict[str, dict[str, Any]]) -> None:
    wrong = []
    for attack in attack_catalogue():
        expected = listed[attack.id]["expect"]
        kinds = {trial.kind for trial in attack.trials()}
        if attack.proposed != tuple(
            dict.fromkeys(re.findall(r"[A-Z]{2,}_[A-Z0-9_]+|REPLAY|EXPIRED|REVOKED", expected))
        ):
            wrong.append((attack.id, expected, attack.proposed))
        kind = SETTLED.get(attack.id)
        if kind is None:
            kind = {"ACCEPT": Kind.ACCEPTED, "REJECT": Kind.REFUSED}.get(expected.split()[0])
        if kind is not None and kind not in kinds:
            wrong.append((attack.id, expected, kinds))
    assert wrong == []


def test_each_refusal_has_a_name_that_is_proposed_for_it() -> None:
    wrong = []
    for attack in attack_catalogue():
        named = frozenset[Reason]().union(*(REASON_NAMES[name] for name in attack.proposed))
        permitted = named | CASE_REASONS.get(attack.id, frozenset())
        for trial in attack.trials():
            if permitted and trial.reason is not None and trial.reason not in permitted:
                wrong.append((attack.id, trial.name, trial.reason, attack.proposed))
    assert wrong == []


def test_what_a_case_has_besides_its_name_it_is_refused_with() -> None:
    idle = []
    for attack in attack_catalogue():
        reasons = {trial.reason for trial in attack.trials()}
        idle += [(attack.id, each) for each in CASE_REASONS.get(attack.id, frozenset()) - reasons]
    assert idle == []
    assert set(CASE_REASONS) <= {attack.id for attack in attack_catalogue()}


def test_the_figures_of_the_page_are_those_of_the_catalogue() -> None:
    page = (Path(__file__).parents[2] / "specs" / "assurance.md").read_text("utf-8")
    stated = [int(each.replace(",", "")) for each in re.findall(r"[\d,]*\d", page.partition("## State machines")[0])]
    trials = [trial for attack in attack_catalogue() for trial in attack.trials()]
    kinds = Counter(trial.kind for trial in trials)
    served = sum(trial.anywhere for trial in trials)
    least = [len(trials), kinds[Kind.REFUSED], kinds[Kind.ACCEPTED], kinds[Kind.HOLDS], served]
    assert stated[:2] == [len(attack_catalogue()), len(GROUPS)]
    assert all(figure < count < 1.1 * figure for figure, count in zip(stated[2:7], least, strict=True))
    assert stated[7:] == [sum(map(len, TABLES.values())), len(TABLES)]


def test_the_table_names_what_is_proposed_and_nothing_else(proposed_names: set[str]) -> None:
    assert set(REASON_NAMES) == proposed_names
    assert all(REASON_NAMES.values())


def test_a_gateway_may_refuse_at_admission_what_a_rule_does_not_take() -> None:
    # Ours gives a ticket and refuses each request; whoever decides at once says the same.
    refused = problem(403, Reason.CREDENTIAL_TOO_OLD)
    party: Any = SimpleNamespace(apply=lambda _: refused)
    assert _policy_bounds._uses("credential", 0, {}, party) == outcome_of(refused)
