"""What all tests share: how hard hypothesis tries, where the official vectors lie, and that no skip goes unseen.

Environment variables, all optional:
    HYPOTHESIS_PROFILE: "dev" (default), "ci" (the same examples in each run), "beside" (a third of them),
        "mutation" (half of them, and no smaller one when one fails) or "nightly" (many).
    CITIZENID_VECTORS: the folder of the official vectors; without it, tests that need them are skipped.
    CITIZENID_NO_SKIPS: "1" turns every skip into a failure, so that a run which claims to be complete is complete.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import Phase, settings

settings.register_profile("dev", deadline=None, max_examples=30)
settings.register_profile("ci", deadline=None, max_examples=60, derandomize=True)
settings.register_profile("beside", deadline=None, max_examples=20, derandomize=True)
# No search for a smaller example: a mutant is killed by any.
settings.register_profile(
    "mutation", deadline=None, max_examples=30, derandomize=True, phases=(Phase.explicit, Phase.generate)
)
settings.register_profile("nightly", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "dev")

# Input of the type checker: some of it must not even be imported.
collect_ignore = ["typing"]

_NO_SKIPS = os.environ.get("CITIZENID_NO_SKIPS") == "1"
_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)


def pytest_collection_finish() -> None:
    """Let no later collection of garbage look at what was collected here: 22,000 tests, and all they imported."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def still_frozen() -> Iterator[None]:
    """Keep frozen what was: for tests of the benches, which freeze what they are given and thaw everything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "unfreeze", lambda: None)
        yield


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of the official vectors. A wrong path is a failure; only a missing variable skips."""
    folder = os.environ.get("CITIZENID_VECTORS")
    if not folder:
        pytest.skip("CITIZENID_VECTORS is not set: it names the folder of the official vectors")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail("CITIZENID_VECTORS names no folder", pytrace=False)
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CITIZENID_NO_SKIPS=1, a test that skips itself fails."""
    return _without_skip((yield), item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Under CITIZENID_NO_SKIPS=1, a module that skips itself fails."""
    return _without_skip((yield), collector.nodeid)


def _without_skip(report: _Report, name: str) -> _Report:
    # An expected failure (xfail) is reported as skipped too, but it ran.
    if _NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{name} was skipped, and CITIZENID_NO_SKIPS=1 permits no skip: {reason}"
    return report
