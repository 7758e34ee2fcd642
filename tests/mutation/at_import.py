"""A plugin of pytest for mutmut's look at which test reaches which function: what runs at import, every test reaches.

mutmut takes down a function that runs while the package is imported for the first test alone, and would ask that one
test of its mutants. Tables that are built at import, and the functions inside of what builds them, decide in all tests.
What the package calls then, and what modules of tests do, is written down for `forked.py`.

It also keeps the collector of cycles off during that look: mutmut holds a context variable while a function runs, and a
generator that is collected in the middle of setting it sets it back, which CPython 3.11 answers with a segmentation
fault.

It is copied beside the tree in which mutmut runs (`run.py`), and does nothing in any other run.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
from pathlib import Path
from typing import Any, Final

MODULES: Final = "mutation_modules.txt"  # of the package, all that may be imported
REACHED: Final = "mutation_reached.json"  # what runs when the package is imported, and when the tests are
_by_package: set[str] = set()
_reached: set[str] = set()


def _looking() -> bool:
    return os.environ.get("MUTANT_UNDER_TEST") == "stats"


def pytest_sessionstart(session: Any) -> None:
    """Remember what was reached by importing the package, all of it."""
    if _looking():
        from mutmut.state import state

        gc.disable()
        for module in Path(MODULES).read_text("utf-8").split():
            with contextlib.suppress(ModuleNotFoundError):  # what stands on a peer that is not here
                importlib.import_module(module)
        _by_package.update(state()._stats)


def pytest_collection_finish(session: Any) -> None:
    """Remember what was reached before the first test."""
    if _looking():
        from mutmut.state import state

        _reached.update(state()._stats)
        reached = {"package": sorted(_by_package), "tests": sorted(_reached - _by_package)}
        Path(REACHED).write_text(json.dumps(reached), "utf-8")


def pytest_runtest_setup(item: Any) -> None:
    """Count it for this test as well."""
    if _reached:
        from mutmut.state import state

        state()._stats.update(_reached)
