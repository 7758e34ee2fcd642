"""A plugin of pytest that collects once and tries each mutant in a fork of that: a score of thousands in an hour.

It is for mutants of functions that nothing calls before the first test: what was imported and collected is the same
with and without them. Whatever runs at import (`at_import.py` takes it down) needs an interpreter of its own for each
mutant, and gets one from mutmut, as does a mutant whose fork ended in a way that says nothing.

First the same tests are asked of no mutant, in the order in which they will be asked, and in the end each test that
killed a mutant once more by itself: what fails without a mutant cannot judge one. Of the tests that reach a function,
those that killed its last mutants come first, then the quick ones. Each has a time limit of its own.

It is copied beside the tree in which mutmut runs (`run.py`), reads the plan there, and adds a line to the results for
each mutant. It does nothing in any other run.

Spec: specs/assurance.md, "Mutation testing"; specs/decisions/0028.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

PLAN: Final = "mutation_plan.json"
RESULTS: Final = "mutation_results.jsonl"
VERDICT: Final = "mutation_verdict.json"  # what fails without a mutant; written in the end
KILLERS: Final = 4  # that are asked first, of each function
QUICK_S: Final = 0.05
CPU_FACTOR, CPU_S = 4, 2  # of what the test took, and beside it: by then it runs forever
WALL_FACTOR, WALL_S = 10, 30  # a test that waits, on a machine that does other things as well

# How the fork of a mutant ends.
SURVIVED, KILLED, UNDECIDED = 0, 1, 70
TIMEOUT: Final = -signal.SIGXCPU
DECIDED: Final = {SURVIVED, KILLED, TIMEOUT}
_NOBODY: Final = ""  # instead of a mutant


class Child(NamedTuple):
    """A fork that tries a mutant: which, what it tells by, and its folder for what is temporary."""

    mutant: str
    pipe: int
    folder: Path


def limited(duration: float) -> None:
    """Give the next test its time, of the processor and of the wall: whoever passes it ends by a signal."""
    spent = int(time.process_time()) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + int(CPU_FACTOR * duration) + CPU_S, hard))
    signal.alarm(int(WALL_FACTOR * duration) + WALL_S)


def ask(items: Sequence[pytest.Item], durations: dict[str, float], told: int) -> int:
    """Run these tests until one fails, tell which, and return how it ended."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        limited(durations.get(item.nodeid, 0.0))
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            os.write(told, item.nodeid.encode())
            return KILLED
    return SURVIVED


class Forks:
    """The mutants of a plan, each in a fork, a few at once."""

    def __init__(self, session: pytest.Session, plan: dict[str, Any], results: Path, verdict: Path) -> None:
        self.items = {item.nodeid: item for item in session.items}
        self.order = {nodeid: position for position, nodeid in enumerate(self.items)}
        self.jobs: int = plan["jobs"]
        self.tests: dict[str, list[str]] = plan["tests"]
        self.durations: dict[str, float] = plan["durations"]
        self.results = results
        self.verdict = verdict
        self.running: dict[int, Child] = {}
        self.killers: dict[str, list[str]] = {}  # of a function, the last one first
        self.killed_by: dict[str, list[str]] = {}  # the mutants of each test that killed any
        self.failing: list[str] = []  # what was to pass, and did not
        self.done = 0
        for line in results.read_text("utf-8").splitlines() if results.is_file() else ():
            earlier = json.loads(line)  # of a run that was interrupted: its tests have not been asked of nobody yet
            if earlier["by"]:
                self.killed_by.setdefault(earlier["by"], []).append(earlier["mutant"])

    def asked(self, function: str) -> list[pytest.Item]:
        """Return the tests of a function, in the order in which they are asked."""
        first = self.killers.get(function, [])
        return [*map(self.items.__getitem__, first), *self.ordered(set(self.tests[function]) - set(first))]

    def ordered(self, tests: Iterable[str]) -> list[pytest.Item]:
        """Return these tests, the quick ones first, otherwise in the order in which they stand."""
        quick = sorted(tests, key=lambda each: (self.durations.get(each, 0.0) > QUICK_S, self.order[each]))
        return [self.items[each] for each in quick]

    def start(self, mutant: str, items: Sequence[pytest.Item]) -> None:
        """Try one mutant, or nobody, on these tests."""
        reading, writing = os.pipe()
        folder = Path(tempfile.mkdtemp(prefix="m-"))
        pid = os.fork()
        if pid:
            os.close(writing)
            self.running[pid] = Child(mutant, reading, folder)
            return
        status = UNDECIDED
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
            os.environ["MUTANT_UNDER_TEST"] = mutant
            if trampoline := sys.modules.get("mutmut.mutation.trampoline"):
                trampoline.set_mutant_under_test(mutant)  # for tests that take the environment away
            status = ask(items, self.durations, writing)
        finally:  # also out of what nobody expects: then an interpreter of its own has to decide
            os._exit(status)

    def reap(self) -> None:
        """Wait for one of those that run, and write down what became of it."""
        pid, status = os.wait()
        if pid not in self.running:
            return
        child = self.running.pop(pid)
        with os.fdopen(child.pipe, "rb") as pipe:
            by = pipe.read().decode()
        shutil.rmtree(child.folder, ignore_errors=True)
        code = os.waitstatus_to_exitcode(status)
        if code in (-signal.SIGXCPU, -signal.SIGALRM):
            code = TIMEOUT
        if not child.mutant:
            if code != SURVIVED:
                self.failing.append(by or f"a control ended with {code}")
            return
        function = child.mutant.partition("__mutmut_")[0]
        if by:
            known = self.killers.setdefault(function, [])
            known[:] = [by, *(each for each in known if each != by)][:KILLERS]
            self.killed_by.setdefault(by, []).append(child.mutant)
        self.write({"mutant": child.mutant, "code": code, "by": by})
        self.done += 1
        if self.done % 50 == 0:
            sys.stderr.write(f"{time.strftime('%T')} {self.done} tried\n")
            sys.stderr.flush()

    def write(self, line: dict[str, Any]) -> None:
        """Add a line to the results."""
        with self.results.open("a", encoding="utf-8") as results:
            results.write(json.dumps(line) + "\n")

    def wait(self, for_place: bool = False) -> None:
        """Wait for all that run, or until one more may."""
        while len(self.running) >= (self.jobs if for_place else 1):
            self.reap()

    def run(self, mutants: Sequence[str]) -> None:
        """Ask nobody, then the mutants, then nobody again."""
        gc.collect()
        gc.freeze()
        everything = {test for tests in self.tests.values() for test in tests}
        self.start(_NOBODY, self.ordered(everything))
        self.wait()
        for mutant in mutants if not self.failing else ():
            self.wait(for_place=True)
            self.start(mutant, self.asked(mutant.partition("__mutmut_")[0]))
        self.wait()
        for test in sorted(self.killed_by, key=self.order.__getitem__):
            self.wait(for_place=True)
            self.start(_NOBODY, [self.items[test]])
        self.wait()
        self.verdict.write_text(json.dumps(self.failing), "utf-8")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Try what the plan names, instead of running what was collected."""
    plan = Path(PLAN)
    if not plan.is_file():
        return None
    if session.testsfailed:  # a module that cannot be collected
        return None
    read = json.loads(plan.read_text("utf-8"))
    forks = Forks(session, read, Path(RESULTS), Path(VERDICT))
    forks.run(read["mutants"])
    return True
