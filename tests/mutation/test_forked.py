"""Trying mutants in forks of one collection, without mutmut: tests here ask the environment which mutant is meant.

Spec: specs/assurance.md, "Mutation testing".
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mutation import forked, run

# What a mutant does is in its name: mod.x_f__mutmut_2_fails is the second of mod.x_f, and test_f fails of it.
TESTS = """
import os, time
import pytest

CALLS = []

def mutant(what):
    CALLS.append(what)
    return os.environ["MUTANT_UNDER_TEST"].endswith(what)

def test_quick():
    assert not mutant("quick")

@pytest.mark.parametrize("x", ["a b"])
def test_named(x):
    assert not mutant("named")

def test_slow():
    assert not mutant("named") and not mutant("slow")
    if mutant("forever"):
        while True:
            pass
    if mutant("aborts"):
        os._exit(9)
    if mutant("dies"):
        os.kill(os.getpid(), 9)
    if mutant("leaves"):
        raise SystemExit(0)

def test_other(tmp_path, monkeypatch):
    assert not mutant("other")
    (tmp_path / "a").write_text("")
    assert os.environ["PYTEST_DEBUG_TEMPROOT"] in str(tmp_path)
"""
QUICK, NAMED, SLOW, OTHER = (
    f"tests/test_a.py::{name}" for name in ("test_quick", "test_named[a b]", "test_slow", "test_other")
)
Forked = Callable[..., tuple[dict[str, tuple[int, str]], list[str]]]


@pytest.fixture(params=[False, True], ids=["collected", "collecting"])
def forks(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forked:
    """Run a plan over tests, in forks of a collection and in forks that collect.

    Returns how each mutant ended, and by which test, and what fails without one.
    """
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    (tmp_path / "tests").mkdir()

    def call(
        mutants: list[str], tests: str = TESTS, collecting: bool = request.param, **changes: Any
    ) -> tuple[dict[str, tuple[int, str]], list[str]]:
        (tmp_path / "tests" / "test_a.py").write_text(tests, "utf-8")
        plan = {
            "jobs": 2,
            "modules": ["no_module_of_this_name", "json"],
            "collecting": mutants if collecting else [],
            "mutants": [] if collecting else mutants,
            "tests": {"mod.x_f": [SLOW, QUICK, NAMED], "mod.x_g": [OTHER, SLOW]},
            "durations": {SLOW: 0.2, QUICK: 0.01, NAMED: 0.01, OTHER: 0.01},
            **changes,
        }
        (tmp_path / forked.PLAN).write_text(json.dumps(plan), "utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--rootdir=.", "-p", "no:cacheprovider"]
        ran = subprocess.run(
            [*command, "-p", "mutation.forked", "tests"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(run.ROOT / "tests"), "MUTANT_UNDER_TEST": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        text = (tmp_path / forked.RESULTS).read_text("utf-8") if (tmp_path / forked.RESULTS).exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        ended = {line["mutant"]: (line["code"], line["by"]) for line in lines}
        assert len(ended) == len(lines)
        return ended, json.loads((tmp_path / forked.VERDICT).read_text("utf-8"))

    return call


def test_each_mutant_ends_as_its_tests_do(forks: Forked) -> None:
    ended, failing = forks([
        "mod.x_f__mutmut_1_quick", "mod.x_f__mutmut_2_named", "mod.x_f__mutmut_3_slow", "mod.x_f__mutmut_4_nothing",
        "mod.x_f__mutmut_5_other", "mod.x_f__mutmut_6_leaves", "mod.x_g__mutmut_1_other", "mod.x_g__mutmut_2_named",
    ])  # fmt: skip
    assert failing == []
    assert ended == {
        "mod.x_f__mutmut_1_quick": (forked.KILLED, QUICK),
        "mod.x_f__mutmut_2_named": (forked.KILLED, NAMED),
        "mod.x_f__mutmut_3_slow": (forked.KILLED, SLOW),
        "mod.x_f__mutmut_4_nothing": (forked.SURVIVED, ""),
        "mod.x_f__mutmut_5_other": (forked.SURVIVED, ""),  # no test of its own asks for it
        "mod.x_f__mutmut_6_leaves": (forked.KILLED, SLOW),
        "mod.x_g__mutmut_1_other": (forked.KILLED, OTHER),
        "mod.x_g__mutmut_2_named": (forked.KILLED, SLOW),
    }


def test_what_runs_forever_is_ended_and_what_dies_decides_nothing(forks: Forked) -> None:
    ended, failing = forks([f"mod.x_f__mutmut_{each}" for each in ("1_forever", "2_aborts", "3_dies", "4_slow")])
    assert failing == []
    assert [code for code, _ in sorted(ended.values(), key=lambda each: each[0])] == [forked.TIMEOUT, -9, 1, 9]
    assert ended["mod.x_f__mutmut_1_forever"][0] == forked.TIMEOUT
    assert {-9, 9}.isdisjoint(forked.DECIDED)


def test_what_waits_forever_is_ended(forks: Forked, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock on the wall: the processor is idle. The plan's tests make the bound a short one."""
    tests = TESTS.replace("import os, time", "import os, time\nfrom mutation import forked\nforked.WALL_S = 1")
    ended, failing = forks(["mod.x_f__mutmut_1_forever"], tests.replace("pass\n", "time.sleep(99)\n"))
    assert (failing, ended) == ([], {"mod.x_f__mutmut_1_forever": (forked.TIMEOUT, "")})


def test_nothing_is_tried_when_a_test_fails_without_a_mutant(forks: Forked) -> None:
    ended, failing = forks(["mod.x_g__mutmut_1_slow"], TESTS.replace('not mutant("other")', 'mutant("other")'))
    assert (ended, failing) == ({}, [OTHER])


def test_nothing_is_tried_when_the_control_dies(forks: Forked) -> None:
    ended, failing = forks(["mod.x_g__mutmut_1_slow"], TESTS.replace('not mutant("other")', "os._exit(9)"))
    assert (ended, failing) == ({}, ["a control ended with 9"])


def test_a_test_that_fails_by_itself_judges_nobody(forks: Forked) -> None:
    """It passes in the order of the control, after others, and fails when it is asked first."""
    tests = TESTS.replace('    assert not mutant("other")', '    assert CALLS and not mutant("other")')
    mutants = ["mod.x_f__mutmut_1_slow", "mod.x_g__mutmut_1_other"]
    ended, failing = forks(mutants, tests)
    assert ended["mod.x_f__mutmut_1_slow"] == (forked.KILLED, SLOW)
    assert ended["mod.x_g__mutmut_1_other"] == (forked.KILLED, OTHER)
    assert failing == [OTHER]


def test_what_an_interrupted_run_had_killed_by_is_asked_of_nobody_too(forks: Forked, tmp_path: Path) -> None:
    earlier = {"mutant": "mod.x_f__mutmut_9", "code": forked.KILLED, "by": NAMED}
    (tmp_path / forked.RESULTS).write_text(json.dumps(earlier) + "\n", "utf-8")
    tests = TESTS.replace('assert not mutant("named")', 'assert CALLS and not mutant("named")', 1)
    ended, failing = forks([earlier["mutant"]], tests)  # in the order of the control it comes after another
    assert ended == {"mod.x_f__mutmut_9": (forked.KILLED, NAMED)} and failing == [NAMED]


def test_fixtures_of_a_folder_are_there_for_each_mutant(forks: Forked, tmp_path: Path) -> None:
    """A session finds them once: a second collection in one would fail, and kill whatever it is asked of."""
    fixture = "import pytest\n@pytest.fixture\ndef there():\n    return 1\n"
    (tmp_path / "tests" / "conftest.py").write_text(fixture, "utf-8")
    tests = TESTS.replace("def test_slow()", "def test_slow(there)")
    mutants = ["mod.x_f__mutmut_1_named", "mod.x_f__mutmut_2_nothing", "mod.x_f__mutmut_3_slow", "mod.x_f__mutmut_4_no"]
    ended, failing = forks(mutants, tests, jobs=1)
    assert ([ended[each] for each in mutants], failing) == (
        [(forked.KILLED, NAMED), (forked.SURVIVED, ""), (forked.KILLED, SLOW), (forked.SURVIVED, "")],
        [],
    )


def test_the_last_killers_are_asked_first(forks: Forked, tmp_path: Path) -> None:
    """Of two tests that would notice, the quick one comes first until the other has killed a mutant."""
    both = ["mod.x_f__mutmut_1_named", "mod.x_f__mutmut_2_slow", "mod.x_f__mutmut_3_named"]
    ended, _ = forks(both, jobs=1)
    assert [ended[each][1] for each in both] == [NAMED, SLOW, SLOW]


def test_it_does_nothing_without_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session: Any = SimpleNamespace(config=SimpleNamespace(stash=pytest.Stash()), testsfailed=0)
    forked.pytest_collection(session)
    assert forked.pytest_runtestloop(session) is None
