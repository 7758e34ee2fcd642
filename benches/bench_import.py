"""Importing the gateway's door, in new processes, against importing its third-party modules alone.

Which modules those are is read from `sys.modules` after the import. Both kinds of process measure the same way: the CPU
time from the first import statement to the last. What the standard library brings in for us alone is our own share.
Bytecode is compiled beforehand, as in an installed package, and kept in a folder of this bench's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import citizenid

from ._measure import Plan, Samples
from ._report import Row, against_floor

TARGET: Final = 1.3
DOOR: Final = "citizenid.gateway"
_TIMED: Final = """\
import time
started = time.process_time_ns()
{statements}
print(time.process_time_ns() - started)
"""
_LISTED: Final = """\
import sys, json
import {door}
print(json.dumps([
    name for name, module in sys.modules.items()
    if getattr(getattr(module, "__spec__", None), "has_location", False)
]))
"""
# Extension modules leave names in sys.modules under which nothing can be imported; those come with their parents.
_IMPORTABLE: Final = """\
import importlib, json
found = []
for name in {names}:
    try:
        importlib.import_module(name)
    except ImportError:
        continue
    found.append(name)
print(json.dumps(found))
"""


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    modules = third_party(DOOR)
    ours = f"import {DOOR}"
    theirs = "\n".join(f"import {name}" for name in modules)
    pairs = []
    with tempfile.TemporaryDirectory() as bytecode:
        for position in range(plan.imports + 1):  # the first pair compiles what the others load
            both = (ours, theirs) if position % 2 else (theirs, ours)
            taken = {statements: measure(statements, bytecode) for statements in both}
            pairs.append((taken[ours], taken[theirs]))
    steps, floors = zip(*pairs[1:], strict=True)
    packages = ", ".join(sorted({name.partition(".")[0] for name in modules}))
    yield against_floor(
        "import",
        f"import {DOOR}",
        Samples(1, {"step": steps, "floor": floors}),
        floor_is=f"import of its {len(modules)} third-party modules: {packages}",
        target=TARGET,
        note=f"third-party: {packages}",
    )


def third_party(door: str) -> list[str]:
    """Return the modules that importing `door` loads from other people's packages, in the order of loading."""
    names = json.loads(_python(_LISTED.format(door=door)))
    before = set(json.loads(_python(_LISTED.format(door="sys"))))  # what a start of Python has loaded already
    ours = sys.stdlib_module_names | {"citizenid", "__main__"}
    named = [name for name in names if name not in before and name.partition(".")[0] not in ours]
    importable = json.loads(_python(_IMPORTABLE.format(names=named)))
    return [name for name in named if name in importable]


def measure(statements: str, bytecode: str) -> float:
    """Return the microseconds of CPU time that the statements take in a new process.

    Args:
        statements: Python.
        bytecode: folder where compiled modules are kept.
    """
    return int(_python(_TIMED.format(statements=statements), bytecode)) / 1e3


def _python(program: str, bytecode: str | None = None) -> str:
    source = str(Path(citizenid.__file__).resolve().parent.parent)  # the library under measurement, installed or not
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path}
    if bytecode is not None:
        environment |= {"PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
    )
    return done.stdout
