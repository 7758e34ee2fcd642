"""The repository as an engineer finds it: what is declared once is said once, what is pinned is pinned by hash.

No code of the library is tested here. Files are found from the repository's root, in a checkout or an unpacked sdist.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import citizenid

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("dev.txt", "floor.txt", "runtime.txt", "sbom.txt")
EXTRAS = (
    "cli",
    "fetch",
    "telemetry",
    "valkey",
    "zstd",
)  # what a deployer may add; `testing` and `dev` are for those who test
MAIN_JOB = "python3 -m venv .venv && .venv/bin/pip install '.[cli]' && .venv/bin/citizenid demo"
TEST_COMMAND = (
    "python3 -m venv .venv && .venv/bin/pip install --require-hashes -r requirements/dev.txt"
    " && .venv/bin/pip install --no-build-isolation --no-deps -e . && .venv/bin/pytest"
)
# Spelled as a pattern, so that this file may be searched too. A folder of a URL is preceded by a word.
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:(?:work|tmp|root|opt)(?![\w-])|(?:home|Users)/\w)")
INDEX_ADDRESS = re.compile("|".join(("index" + "-url", "find" + "-links", r"pypi\.org/" + "simple")))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The [project] table of pyproject.toml."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert isinstance(table, dict)
    return table


def _floors(requirements: list[str]) -> dict[str, str]:
    floors = {}
    for requirement in requirements:
        name, separator, floor = requirement.partition(">=")
        assert separator, f"{requirement} has no floor"
        floors[name] = floor
    return floors


def _entries(name: str) -> list[str]:
    """The requirements of a pinned file, each with its hashes on one line."""
    text = (ROOT / "requirements" / name).read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _pins(name: str) -> dict[str, str]:
    pins = {}
    for entry in _entries(name):
        package, version = entry.split()[0].split("==")
        pins[package.partition("[")[0]] = version
    return pins


def _text_files() -> list[tuple[str, str]]:
    """Every file of the repository that is text: those git knows or would add, or all of an unpacked sdist."""
    if (ROOT / ".git").exists():
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True).stdout.decode("utf-8").split("\0")
    else:
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if ".venv" not in path.parts]
    texts = []
    for name in names:
        path = ROOT / name
        if name and path.is_file():
            data = path.read_bytes()
            if b"\0" not in data:
                texts.append((name, data.decode("utf-8")))  # a text file in another encoding fails here
    return texts


def test_the_package_says_that_it_is_typed() -> None:
    assert importlib.resources.files("citizenid").joinpath("py.typed").is_file()


def test_the_version_stands_in_one_place_and_the_changelog_knows_it(project: dict[str, Any]) -> None:
    version = citizenid.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    headings = re.findall(r"^## \[(.+?)\] - (?:unreleased|\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == version
    sources = [ROOT / "pyproject.toml", *(ROOT / "src").rglob("*.py")]
    holders = [path.relative_to(ROOT).as_posix() for path in sources if f'"{version}"' in path.read_text("utf-8")]
    assert holders == ["src/citizenid/__init__.py"]


def test_the_installed_version_is_the_declared_one() -> None:
    try:
        installed = importlib.metadata.version("citizenid")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("citizenid is not installed here; the README's command installs it")
    assert installed == citizenid.__version__


def test_the_changelog_has_a_security_heading() -> None:
    assert re.search(r"^### Security$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_pin_is_exact_and_has_a_hash(name: str) -> None:
    entries = _entries(name)
    assert len(entries) > 5
    for entry in entries:
        pin = r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==\S+( ; [^\\]+?)?"
        assert re.fullmatch(pin + r"(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry), entry.split()[0]


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_a_pin_names_the_extras_that_others_want_of_it(name: str) -> None:
    # `coverage==1` does not answer `coverage[toml]`: pip 23 then takes the newest release, for which there is no hash,
    # and refuses. It shows only on the day on which a newer one than the pinned one comes out.
    pinned = {entry.split()[0].partition("==")[0] for entry in _entries(name)}
    versions = _pins(name)
    wanted = set()
    for package in versions:
        try:
            requirements = importlib.metadata.requires(package) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # one for another platform
        for requirement in requirements:
            asked = re.match(r"([A-Za-z0-9._-]+)\[([^\]]+)\]", requirement)
            if asked and "extra ==" not in requirement:
                wanted.add(f"{re.sub('[-_.]+', '-', asked[1]).lower()}[{asked[2]}]")
    assert wanted <= pinned
    assert name != "dev.txt" or "coverage[toml]" in wanted


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").iterdir()), ids=lambda path: path.name)
def test_requirement_files_hold_no_address_and_no_path(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not INDEX_ADDRESS.search(text)
    assert not re.search(r"https?:|file:|^\s*-", text.replace("    --hash=", ""), re.M)
    assert not re.search(r"(^|\s)\.{0,2}/", text, re.M)


def test_the_floors_that_are_tested_are_the_floors_that_are_declared(project: dict[str, Any]) -> None:
    declared = _floors(project["dependencies"])
    for extra in EXTRAS:
        declared |= _floors(project["optional-dependencies"][extra])
    # The SDK is what the tests of the telemetry run under, and takes no API but the one of its own version.
    declared |= _floors(each for each in project["optional-dependencies"]["dev"] if "opentelemetry-sdk" in each)
    assert dict(line.split("==") for line in (ROOT / "requirements" / "floor.in").read_text().split()) == declared
    pins = _pins("floor.txt")
    assert {name: pins[name] for name in declared} == declared


def test_the_development_pins_cover_what_is_declared(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    assert "citizenid[cli,fetch,telemetry,testing,valkey,zstd]" in extras["dev"]
    wanted = [*project["dependencies"], *extras["testing"]]
    wanted += [requirement for extra in EXTRAS for requirement in extras[extra]]
    wanted += [requirement for requirement in extras["dev"] if not requirement.startswith("citizenid[")]
    pins = _pins("dev.txt")
    assert _floors(wanted).keys() <= pins.keys()


def test_every_dependency_has_a_decision_record(project: dict[str, Any]) -> None:
    decisions = ROOT / "specs" / "decisions"
    runtime = (decisions / "0002-runtime-dependencies.md").read_text("utf-8").lower()
    for name, floor in _floors(project["dependencies"]).items():
        assert re.search(rf"^\| {name} \|.*\| {re.escape(floor)} \|$", runtime, re.M), name
        assert re.search(rf"^- \*\*{name}\*\*", runtime, re.M), f"how the floor of {name} was found"
    development = (decisions / "0004-development-dependencies.md").read_text("utf-8").lower()
    for extra in project["optional-dependencies"].values():
        for requirement in extra:
            name = requirement.partition(">=")[0]
            assert name.startswith("citizenid[") or re.search(rf"^\|[^|]*\b{name}\b", development, re.M), name


def test_decision_records_have_a_number_each_and_a_status() -> None:
    records = sorted((ROOT / "specs" / "decisions").glob("*.md"))
    numbers = [record.name[:4] for record in records]
    assert len(set(numbers)) == len(numbers)
    for record in records:
        text = record.read_text("utf-8")
        assert text.startswith(f"# {record.name[:4]}: "), record.name
        assert re.search(r"^- Status: (accepted|superseded by \d{4})$", text, re.M), record.name


def test_the_readme_and_the_merge_check_run_the_same_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert MAIN_JOB in readme
    assert TEST_COMMAND in readme
    assert f"\n{TEST_COMMAND}\n" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_no_file_names_a_machine_or_a_package_index() -> None:
    files = _text_files()
    assert len(files) > 20
    found = [f"{name}: {hit.group()}" for name, text in files for hit in MACHINE_PATH.finditer(text)]
    found += [f"{name}: {hit.group()}" for name, text in files for hit in INDEX_ADDRESS.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "names_a_machine"),
    [
        ("cd " + "/" + "work/main", True),
        ('path = "' + "/" + 'tmp/x"', True),
        ("(" + "/" + "root/.cache)", True),
        ("in " + "/" + "opt", True),
        ("/" + "home/me", True),
        ("GET " + "/" + "home", False),
        ("/" + "work-in-progress", False),
        ("#!/usr/bin/env bash", False),
        ("https://issuer.example/" + "home/jwks", False),
        ("../" + "work/notes", False),
    ],
)
def test_the_search_for_machine_paths_finds_them(text: str, names_a_machine: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) is names_a_machine
