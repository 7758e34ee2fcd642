"""The report: what it prints, what it writes, and that it names the case that a broken gateway lets through.

Spec: specs/testing.md.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from citizenid import Reason
from citizenid.testing import plugin
from citizenid.testing.attacks import JOURNAL, Finding
from citizenid.testing.forgery import ALLOWED, NOT_OFFERED, Outcome
from citizenid.testing.report import Report
from citizenid.testing.trials import Kind, Trial

pytest_plugins = ["pytester"]

BROKEN = """
    import pytest
    from hypothesis import given, settings, strategies as st
    from citizenid import Format, Reason
    from citizenid.gateway import Gateway
    from citizenid.testing.attacks import Attack
    from citizenid.testing.catalogue import attack_catalogue
    from citizenid.testing.mutations import TABLES, mutate
    from citizenid.testing.senders import Sender
    from citizenid.testing.strategies import TicketHeld
    from citizenid.testing.targets import Served, serving
    from citizenid.testing.trials import asked
    from citizenid.testing.world import SimulatedWorld
    from citizenid.gateway import Binding, Consumption

    class Forgetful:
        def consume(self, scope, token, lifetime_s):
            return Consumption.FRESH

    def forgetful(world):
        return serving(Gateway(**(world.arguments() | {"replay": Forgetful()})))

    @pytest.mark.parametrize("attack", attack_catalogue(served=True)[:2], ids=str)
    def test_attacks(attack):
        attack.run(Served(forgetful))

    @pytest.mark.parametrize("name", ["a bit of the ticket", "the same request again"])
    def test_requests(name):
        world, client = SimulatedWorld(), Sender(Binding.DPOP)
        valid = TicketHeld(client.ticket(world), client, world)
        row = next(each for each in TABLES["request"] if each.name == name)
        mutate(valid, row).judge(Served(forgetful))
"""


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(test_broken=BROKEN)
    return pytester


def run(inner: pytest.Pytester, *options: str) -> pytest.RunResult:
    before = list(JOURNAL.findings)
    try:
        return inner.runpytest_inprocess("-p", "citizenid.testing.plugin", "-p", "no:cacheprovider", *options)
    finally:
        JOURNAL.findings[:] = before  # of the tests around this one


def test_a_gateway_that_skips_a_check_is_named_with_the_case(inner: pytest.Pytester) -> None:
    result = run(inner, "--attack-report")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*= attacks and mutations =*",
            "-- algorithm confusion",
            "ALG-001  The issuer's JWS says alg none and has no signature.",
            "  ok   ALG-001 [[]gateway[]] the same, signed: expected accepted, came allowed",
            "  ok   ALG-001 [[]gateway[]] alg 'none', no signature: expected algorithm_not_allowed, came * at V1*",
            "-- mutations",
            "mutated request",
            "  ok   mutated request [[]gateway[]] a bit of the ticket: expected ticket_invalid at ticket, came ticket*",
            "  FAIL mutated request [[]gateway[]] the same request again: expected replayed at replay, came allowed",
            "*= rules =*",
            "step *Reason *attacks *mutations",
            "form *algorithm_not_allowed * 0",
            "ticket *ticket_invalid * 0 * 1",
            "refused nothing:",
            "  form: malformed_token, *",
            "  replay: replayed, *",
            "*= not tried =*",
            "attacks, 280: ALG-004, *",
            "mutated request, *: the ticket cut off; *",
            "*= unexplained =*",
            "FAIL mutated request [[]gateway[]] the same request again: expected replayed at replay, came allowed",
            "attacks: * trials, 1 unexplained; 2 of * Reasons refused something",
        ]
    )


def test_the_same_is_written_as_json(inner: pytest.Pytester) -> None:
    path = inner.path / "report.json"
    result = run(inner, f"--attack-report-json={path}")
    assert "= rules =" not in result.stdout.str()
    result.stdout.fnmatch_lines(["attacks: * 1 unexplained; *"])
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["unexplained"] == 1
    assert written["trials"] == sum(finding["times"] for finding in written["findings"])
    (failed,) = (finding for finding in written["findings"] if not finding["as_expected"])
    assert (failed["id"], failed["trial"]) == ("mutated request", "the same request again")
    assert failed["expected"] == {"kind": "refused", "reason": "replayed", "step": "replay"}
    assert failed["outcome"] == {"allowed": True, "reason": None, "step": "", "where": "", "failure": ""}
    assert {each["target"] for each in written["findings"]} == {"gateway"}
    assert "the ticket cut off" in written["untried"]["mutated request"]
    assert [rule["reason"] for rule in written["rules"]] == [reason.value for reason in Reason]
    assert "replayed" in written["idle"] and "ticket_invalid" not in written["idle"]


def test_without_an_option_nothing_is_reported(inner: pytest.Pytester) -> None:
    assert "attacks:" not in run(inner).stdout.str()


def test_what_was_tried_before_the_session_is_not_of_it(inner: pytest.Pytester) -> None:
    JOURNAL.note(FAILED)
    try:
        result = run(inner, "--attack-report", "-k", "ticket")
    finally:
        JOURNAL.findings.pop()
    result.stdout.fnmatch_lines(["attacks: 1 trials, 0 unexplained; 1 of * Reasons refused something"])
    assert "unexplained =" not in result.stdout.str()


def test_a_session_in_which_nothing_was_tried_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    run(pytester, "--attack-report").stdout.fnmatch_lines(["attacks: 0 trials, 0 unexplained; 0 of *"])


def test_a_report_of_an_earlier_session_does_not_stand_for_one_that_wrote_none(pytester: pytest.Pytester) -> None:
    path = pytester.path / "report.json"
    path.write_text('{"unexplained": 0}', encoding="utf-8")
    pytester.makeconftest("def pytest_collection(): raise KeyError('x')")
    assert run(pytester, f"--attack-report-json={path}").ret == pytest.ExitCode.INTERNAL_ERROR
    assert not path.exists()


@pytest.mark.parametrize("option", ["--attack-report", "--attack-report-json=report.json"])
def test_no_report_is_made_of_tests_that_are_spread_over_workers(pytester: pytest.Pytester, option: str) -> None:
    # As pytest-xdist says that they are: what they find stays with them, and a report would say that all is well.
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--dist', default='no')")
    pytester.makepyfile("def test_nothing(): pass")
    result = run(pytester, option, "--dist=load")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*one process*"])
    assert run(pytester, option).ret == run(pytester, "--dist=load").ret == pytest.ExitCode.OK


def test_loading_the_plugin_loads_no_module_of_the_kit() -> None:
    # A measurement of coverage begins after a plugin is loaded by its name, and before a conftest is.
    code = "import sys, citizenid.testing.plugin; print(list(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(Path(plugin.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    kit = {name for name in loaded if name.startswith("citizenid.testing")}
    assert kit == {"citizenid.testing", "citizenid.testing.plugin"}
    assert "hypothesis" not in loaded


# --- the report by itself ---

TRIAL = Trial("x", Kind.REFUSED, Reason.REPLAYED, "replay", lambda target: ALLOWED, False)
FAILED = Finding("A-1", TRIAL, ALLOWED, False)
GOOD = Finding("A-1", TRIAL, Outcome(False, Reason.REPLAYED, "replay", "proof"), True)
MUTATED = Finding("mutated request", TRIAL, Outcome(False, Reason.REPLAYED, "replay"), True)


def test_the_same_outcome_of_the_same_trial_is_one_line_and_counts_as_often_as_it_came() -> None:
    report = Report([GOOD, FAILED, GOOD, MUTATED, GOOD])
    assert [(line.finding, line.times) for line in report.lines] == [(GOOD, 3), (FAILED, 1), (MUTATED, 1)]
    assert list(report.cases()) == [
        "-- attacks",
        "A-1",
        "  ok   A-1 x: expected replayed at replay, came replayed at replay (proof) x3",
        "  FAIL A-1 x: expected replayed at replay, came allowed",
        "-- mutations",
        "mutated request",
        "  ok   mutated request x: expected replayed at replay, came replayed at replay",
    ]
    assert report.summary.startswith("5 trials, 1 unexplained; 1 of ")


def test_a_rule_counts_trials_and_mutations_once_each_and_only_what_was_expected() -> None:
    wrong = Finding("A-2", TRIAL, Outcome(False, Reason.EXPIRED, "V6"), False)
    report = Report([GOOD, GOOD, MUTATED, wrong])
    counts = {rule.reason: (rule.attacks, rule.mutations) for rule in report.rules}
    assert counts.pop(Reason.REPLAYED) == (1, 1)
    assert set(counts.values()) == {(0, 0)}
    assert set(report.idle) == set(counts)
    assert len(report.unexplained) == 1


def test_what_was_tried_on_two_targets_is_told_apart() -> None:
    report = Report([GOOD, GOOD._replace(target="mine"), FAILED._replace(target="mine")])
    assert [str(line) for line in report.lines] == [
        "ok   A-1 x: expected replayed at replay, came replayed at replay (proof)",
        "ok   A-1 [mine] x: expected replayed at replay, came replayed at replay (proof)",
        "FAIL A-1 [mine] x: expected replayed at replay, came allowed",
    ]
    assert [each["target"] for each in report.to_dict()["findings"]] == ["library", "mine", "mine"]


def test_what_left_a_trial_is_told_and_never_expected() -> None:
    broken = Finding("A-1", TRIAL, Outcome(False, failure="KeyError: 'x'"), False)
    assert str(Report([broken]).lines[0]) == "FAIL A-1 x: expected replayed at replay, came failed, KeyError: 'x'"
    assert Report([broken]).to_dict()["findings"][0]["outcome"]["failure"] == "KeyError: 'x'"


def test_what_a_target_does_not_offer_counts_as_no_trial_of_anything() -> None:
    absent = Finding("A-1", TRIAL, NOT_OFFERED, True, "mine")
    report = Report([absent, MUTATED._replace(target="mine")], {"A-1": ("g", "w")}, {"request": ("x", "y")})
    assert str(report.lines[0]) == "none A-1 [mine] x: expected replayed at replay, came not offered"
    assert report.summary.startswith("2 trials, 0 unexplained, 1 of what is not offered; 1 of ")
    assert report.untried == {"mutated request": ("y",)}


def test_the_report_says_what_was_not_tried_of_what_some_was_tried() -> None:
    groups, rows = {"A-1": ("g", "w"), "A-2": ("g", "w")}, {"request": ("x", "y", "z"), "policy": ("p",)}
    assert list(Report([], groups, rows).missing()) == []
    assert list(Report([GOOD], groups, rows).missing()) == ["attacks, 1: A-2"]
    report = Report([GOOD, GOOD._replace(id="A-2", target="mine"), MUTATED._replace(target="mine")], groups, rows)
    assert list(report.missing()) == ["mutated request, 2: y; z", "mutated policy, 1: p"]
    assert report.to_dict()["untried"] == {
        "attacks": [],
        "mutated request": ["y", "z"],
        "mutated policy": ["p"],
    }


def test_findings_of_one_attack_stand_together() -> None:
    report = Report([GOOD, MUTATED, FAILED])
    assert [line.finding for line in report.lines] == [GOOD, FAILED, MUTATED]
