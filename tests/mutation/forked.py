"""A plugin of pytest that imports and collects once and tries each mutant in a fork of that: thousands in an hour.

What a function has done before the fork is made, no mutant of it can do otherwise. So it depends on the first call of a
function (`at_import.py` takes it down) how its mutants are tried:

- Nothing calls it before the first test: in a fork of a process that has collected all tests.
- Modules of tests call it when they are imported: in a fork of a process that has imported the package, which collects
  for itself.
- The package calls it when it is imported: by mutmut, in an interpreter of its own, as is a mutant whose fork ended in
  a way that says nothing.

First the same tests are asked of no mutant, in the order in which they will be asked, and in the end each test that
killed a mutant once more by itself: what fails without a mutant cannot judge one. Of the tests that reach a function,
those that killed its last mutants come first, then the quick ones. Each has a time limit of its own.

It is copied beside the tree in which mutmut runs (`run.py`), reads the plan there, and adds a line to the results for
each mutant. It does nothing in any other run.

Spec: specs/assurance.md, "Mutation testing"; specs/decisions/0028.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
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
COLLECTING_S: Final = 1.5

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
    """Give what follows its time, of the processor and of the wall: whoever passes it ends by a signal."""
    spent = int(time.process_time()) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + int(CPU_FACTOR * duration) + CPU_S, hard))
    signal.alarm(int(WALL_FACTOR * duration) + WALL_S)


def file_of(nodeid: str) -> str:
    """Return the file of a test; a file that is not collected stands for itself."""
    return nodeid.partition("::")[0]


class Forks:
    """The mutants of a plan, each in a fork, a few at once."""

    def __init__(self, session: pytest.Session, plan: dict[str, Any]) -> None:
        self.session = session
        self.jobs: int = plan["jobs"]
        self.tests: dict[str, list[str]] = plan["tests"]
        self.durations: dict[str, float] = plan["durations"]
        self.running: dict[int, Child] = {}
        self.killers: dict[str, list[str]] = {}  # of a function, the last one first
        self.killed_by: set[str] = set()  # what the mutants of this way were killed by
        self.failing: list[str] = []  # what was to pass, and did not
        self.done = 0

    def ordered(self, items: Iterable[pytest.Item], first: Sequence[str]) -> list[pytest.Item]:
        """Return these tests: those that are named, the quick ones as they stand, the slow ones by their time."""

        def rank(item: pytest.Item) -> tuple[int, float]:
            place = first.index(item.nodeid) if item.nodeid in first else len(first)
            duration = self.durations.get(item.nodeid, 0.0)
            return place, duration if duration > QUICK_S else 0.0

        return sorted(items, key=rank)

    def ask(self, items: Sequence[pytest.Item], told: int) -> int:
        """Run these tests until one fails, tell which, and return how it ended."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            limited(self.durations.get(item.nodeid, 0.0))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if item.session.testsfailed:
                os.write(told, item.nodeid.encode())
                return KILLED
        return SURVIVED

    def ask_collected(self, tests: Collection[str], first: Sequence[str], told: int) -> int:
        """Ask these tests, which are collected."""
        return self.ask(self.ordered([item for item in self.session.items if item.nodeid in tests], first), told)

    def ask_collecting(self, tests: Collection[str], first: Sequence[str], told: int) -> int:
        """Collect, and ask, these tests: before all of them those that are named, whose files are few.

        Those are asked in a fork of their own, since a session finds the fixtures of a conftest.py once and no more.
        """
        named = [each for each in first if "::" in each]
        if named and (pid := os.fork()):
            if code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
                if code < 0:
                    os.kill(os.getpid(), -code)
                return code
            named = []
        wanted = set(named or tests)
        files = list(dict.fromkeys(map(file_of, named or sorted(tests))))
        if code := self.collect(files, told):
            return code
        # A mutant may give the tests of a table other names: they are asked as well.
        here = [each for each in self.session.items if each.nodeid in wanted or each.nodeid not in self.durations]
        return self.ask(self.ordered(here, first), told)

    def collect(self, files: Sequence[str], told: int) -> int:
        """Collect these files, and return whether that ended well."""
        limited(COLLECTING_S)
        with contextlib.suppress(self.session.Failed):
            self.session.perform_collect(files)
        if self.session.testsfailed:
            os.write(told, " ".join(files).encode())
            return KILLED
        return SURVIVED

    def start(self, mutant: str, trial: Callable[[int], int]) -> None:
        """Try one mutant, or nobody, in a fork."""
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
            status = trial(writing)
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
        if by:
            known = self.killers.setdefault(child.mutant.partition("__mutmut_")[0], [])
            known[:] = [by, *(each for each in known if each != by)][:KILLERS]
            self.killed_by.add(by)
        with Path(RESULTS).open("a", encoding="utf-8") as results:
            results.write(json.dumps({"mutant": child.mutant, "code": code, "by": by}) + "\n")
        self.done += 1
        if self.done % 50 == 0:
            sys.stderr.write(f"{time.strftime('%T')} {self.done} tried\n")
            sys.stderr.flush()

    def wait(self, for_place: bool = False) -> None:
        """Wait for all that run, or until one more may."""
        while len(self.running) >= (self.jobs if for_place else 1):
            self.reap()

    def run(self, planned: Sequence[str], asking: Callable[[Collection[str], Sequence[str], int], int]) -> None:
        """Ask nobody, and if that passes the mutants that no interrupted run has tried, and nobody again."""
        if not planned:
            return
        function = {mutant: mutant.partition("__mutmut_")[0] for mutant in planned}
        lines = map(json.loads, Path(RESULTS).read_text("utf-8").splitlines() if Path(RESULTS).is_file() else [])
        earlier = {line["mutant"]: line["by"] for line in lines if line["mutant"] in function}
        self.killed_by = {by for by in earlier.values() if by}
        self.start(_NOBODY, partial(asking, {test for each in set(function.values()) for test in self.tests[each]}, ()))
        self.wait()
        for mutant in planned if not self.failing else ():
            if mutant not in earlier:
                self.wait(for_place=True)
                known = self.killers.get(function[mutant], ())
                self.start(mutant, partial(asking, set(self.tests[function[mutant]]), known))
        self.wait()
        for killer in sorted(self.killed_by):
            self.wait(for_place=True)
            test = partial(asking, {killer}, (killer,))
            self.start(_NOBODY, test if "::" in killer else partial(self.collect, killer.split()))
        self.wait()


_FORKS: Final = pytest.StashKey[Forks]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Try what needs a collection of its own, before there is one."""
    if not Path(PLAN).is_file():
        return
    plan = json.loads(Path(PLAN).read_text("utf-8"))
    forks = Forks(session, plan)
    session.config.stash[_FORKS] = forks
    for module in plan["modules"]:
        with contextlib.suppress(ModuleNotFoundError):  # what stands on a peer that is not here
            importlib.import_module(module)
    gc.collect()
    gc.freeze()
    forks.run(plan["collecting"], forks.ask_collecting)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Try what the plan names, instead of running what was collected."""
    forks = session.config.stash.get(_FORKS, None)
    if forks is None or session.testsfailed:  # a module that cannot be collected
        return None
    plan = json.loads(Path(PLAN).read_text("utf-8"))
    gc.collect()
    gc.freeze()
    if not forks.failing:
        forks.run(plan["mutants"], forks.ask_collected)
    Path(VERDICT).write_text(json.dumps(forks.failing), "utf-8")
    return True
