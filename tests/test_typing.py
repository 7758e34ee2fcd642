"""The types a caller sees, held by mypy --strict: `typing/passing.py` must pass, every line of misuse must not.

One run of mypy over both files; then each error must stand on a line that expects it (`# E: <code>, ...`), and each
expectation must be met. Spec: DESIGN section 2, laws 1, 4, 6, 7.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PASSING, MISUSE = "tests/typing/passing.py", "tests/typing/misuse.py"
EXPECTED = re.compile(r"#\s*E:\s*(?P<codes>[a-z-]+(?:,\s*[a-z-]+)*)\s*$")
REPORTED = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]$")

pytest.importorskip("mypy", reason="mypy is not installed: it is one of the development dependencies")


@cache
def report(folder: Path) -> str:
    """What mypy says of the two files, by the configuration of the project. It caches in a folder of the test run."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--hide-error-context",
        "--show-error-codes",
    ]
    run = subprocess.run(
        [*command, "--cache-dir", str(folder), "--no-pretty", PASSING, MISUSE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr  # 2 is a crash or a usage error
    return run.stdout


@pytest.fixture(scope="session")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, set[str]]]:
    """File to line to the codes of its errors."""
    found: dict[str, dict[int, set[str]]] = {PASSING: defaultdict(set), MISUSE: defaultdict(set)}
    for line in report(tmp_path_factory.getbasetemp() / "mypy").splitlines():
        match = REPORTED.match(line)
        assert match or ": note: " in line, line
        if match:
            file = match["file"].replace("\\", "/")
            assert file in found, line  # an error inside the package would be taken for one of misuse
            found[file][int(match["line"])].add(match["code"])
    return found


def expected() -> dict[int, set[str]]:
    lines = (ROOT / MISUSE).read_text(encoding="utf-8").splitlines()
    matches = ((number, EXPECTED.search(line)) for number, line in enumerate(lines, 1))
    return {number: set(re.split(r",\s*", match["codes"])) for number, match in matches if match}


def test_what_callers_write_type_checks(errors: dict[str, dict[int, set[str]]]) -> None:
    assert errors[PASSING] == {}


def test_every_marked_misuse_and_nothing_else_is_an_error(errors: dict[str, dict[int, set[str]]]) -> None:
    assert len(expected()) >= 60
    assert dict(errors[MISUSE]) == expected()
