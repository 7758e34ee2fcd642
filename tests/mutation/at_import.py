"""A plugin of pytest for mutmut's look at which test reaches which function: what runs at import, every test reaches.

mutmut takes down a function that runs while the package is imported for the first test alone, and would ask that one
test of its mutants. Tables that are built at import, and the functions inside of what builds them, decide in all tests.

It also keeps the collector of cycles off during that look: mutmut holds a context variable while a function runs, and a
generator that is collected in the middle of setting it sets it back, which CPython 3.11 answers with a segmentation
fault.

It is copied beside the tree in which mutmut runs (`run.py`), and does nothing in any other run.
"""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path
from typing import Any, Final

REACHED: Final = "mutation_reached.json"  # what runs at import, for `forked.py`
_reached: set[str] = set()


def pytest_collection_finish(session: Any) -> None:
    """Remember what was reached before the first test."""
    if os.environ.get("MUTANT_UNDER_TEST") == "stats":
        from mutmut.state import state

        _reached.update(state()._stats)
        Path(REACHED).write_text(json.dumps(sorted(_reached)), "utf-8")
        gc.disable()


def pytest_runtest_setup(item: Any) -> None:
    """Count it for this test as well."""
    if _reached:
        from mutmut.state import state

        state()._stats.update(_reached)
