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
REPORTED = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: (?P<message>.*)  \[(?P<code>[a-z-]+)\]$")
# What matters most, each with a line that does it and with what mypy says of that line: an error for another cause,
# such as a name that is spelt wrong, would not do.
PROMISED = {
    "claims that are read before verification": (
        "presentation.claims",
        '"Presentation" has no attribute "claims"',
    ),
    "a decision on what is not verified": (
        "verify_presentation(presentation, challenge=challenge, statuses=statuses, now=NOW)",
        'Argument 1 to "verify_presentation" has incompatible type "Presentation"; expected "VerifiedCredential"',
    ),
    "a decision on a presentation as it came": (
        'policy.decide("model", data)',
        'Argument 2 to "decide" of "AdmissionPolicy" has incompatible type "bytes"; expected "Facts"',
    ),
    "a holder proof that is kept": (
        'cache.put(b"key", verified)',
        'Argument 2 to "put" of "IssuerHalfCache" has incompatible type "VerifiedPresentation"; expected "Reading"',
    ),
    "a holder proof that is looked up": (
        "verify_presentation(credential, challenge=challenge, statuses=statuses, now=NOW, cache=cache)",
        'Unexpected keyword argument "cache" for "verify_presentation"',
    ),
    "a verified object that is forged": (
        "VerifiedPresentation(stated, anchor, F, Status.VALID, proven, ends, object())",
        'Argument 7 to "VerifiedPresentation" has incompatible type "object"; expected "Seal"',
    ),
    "a verified object that is changed": (
        "replace(verified, status=Status.VALID)",
        'Missing named argument "seal" for "replace" of "VerifiedPresentation"',
    ),
    "a time that is not said": (
        "verify(data, format=F, anchors=anchors, challenge=challenge, statuses=statuses)",
        'Missing named argument "now" for "verify"',
    ),
    "a subclass": (
        "class MyPresentation(VerifiedPresentation):",
        'Cannot inherit from final class "VerifiedPresentation"',
    ),
    "a need that is forgotten": (
        "verdict.citizenship",
        'Item "NeedStatusList" of "VerifiedPresentation | NeedStatusList" has no attribute "citizenship"',
    ),
    "a need of the gateway that is forgotten": (
        "match decision:",
        'Match statement has unhandled case for values of type "NeedStatusList"',
    ),
    "a ticket as text where bytes go": (
        'Request("POST", "https://g.example/", [(b"citizenship-ticket", admitted.ticket)])',
        'has incompatible type "tuple[bytes, str]"; expected "tuple[bytes, bytes]"',
    ),
}

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
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    """Line of misuse to the messages of its errors."""
    found: dict[int, list[str]] = defaultdict(list)
    for line in report(tmp_path_factory.getbasetemp() / "mypy").splitlines():
        match = REPORTED.match(line)
        if match and match["file"].replace("\\", "/") == MISUSE:
            found[int(match["line"])].append(match["message"])
    return found


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
    assert len(expected()) >= 120
    assert dict(errors[MISUSE]) == expected()


@pytest.mark.parametrize("promise", PROMISED)
def test_what_is_promised_fails_for_its_own_cause(promise: str, messages: dict[int, list[str]]) -> None:
    written, message = PROMISED[promise]
    lines = (ROOT / MISUSE).read_text(encoding="utf-8").splitlines()
    numbers = [number for number, line in enumerate(lines, 1) if line.partition("  # E:")[0].strip() == written]
    assert numbers, "no line does it"
    for number in numbers:
        assert any(message in each for each in messages[number]), messages[number]


def test_no_line_of_misuse_is_excused(errors: dict[str, dict[int, set[str]]]) -> None:
    text = (ROOT / MISUSE).read_text(encoding="utf-8")
    assert "type: ignore" not in text
    assert "attr-defined" in {code for codes in errors[MISUSE].values() for code in codes}
    # A name that is not there at all would be `name-defined` and tell nothing of its use.
    assert not {"name-defined", "import-not-found", "syntax", "valid-type"} & {
        code for codes in errors[MISUSE].values() for code in codes
    }
