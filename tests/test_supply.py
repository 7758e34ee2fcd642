"""Where what we ship comes from: a true bill of materials, licences that are permitted, builds that can be redone.

Licences are read from the metadata of what is installed, and compared with a literal list; each entry says why. The
bill of materials in the wheel is compared with the pins that it describes. `.ci/run` makes it anew and builds twice.

Spec: specs/decisions/0027-supply-chain.md; SECURITY.md; threat T-21.
"""

from __future__ import annotations

import email.message
import importlib.metadata
import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement

import citizenid

ROOT: Final = Path(__file__).resolve().parent.parent
BILL: Final = ROOT / "sbom" / "citizenid.cdx.json"
RUNTIME_EXTRAS: Final = ("cli", "fetch", "telemetry", "valkey", "zstd")

# What may run beside the library, in a product that is given to others.
PERMITTED: Final = {
    "MIT": "asks for its notice alone",
    "MIT-0": "asks for nothing",
    "BSD-2-Clause": "asks for its notice alone",
    "BSD-3-Clause": "asks for its notice, and that names are not used",
    "ISC": "asks for its notice alone",
    "Apache-2.0": "our own; grants patents",
    "PSF-2.0": "that of Python itself",
    "MPL-2.0": "its own files stay under it, what is beside them is free: certifi is data, and nothing here changes it",
}
# What runs on a developer's machine alone, and is neither imported by the library nor given to anybody.
PERMITTED_FOR_DEVELOPMENT: Final = {
    **PERMITTED,
    "LGPL-3.0-or-later": "jwcrypto, below the oracle sd-jwt: it is run in tests, and neither linked nor shipped",
}
# How older metadata spells it.
SPELLINGS: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
# Classifiers of several licences.
LOOSE: Final = {"BSD License", "OSI Approved"}
# What says nothing in its metadata, with where it is said.
UNSTATED: Final = {"sd-jwt": ("Apache-2.0", "the LICENSE file of its sources")}

# What is pinned for another system, or for an older Python than the one that makes the bill.
ELSEWHERE: Final = {"async-timeout", "colorama"}
ONLY_BEFORE_3_11_3: Final = ("async-timeout",) if sys.version_info < (3, 11, 3) else ()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def project() -> dict[str, Any]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert isinstance(table, dict)
    return table


def closure(requirements: list[str]) -> set[str]:
    """Return the names of all that requirements bring in on this platform."""
    found: set[str] = set()
    waiting = [(Requirement(each), "") for each in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = normal(requirement.name)
        if (name, frozenset(requirement.extras)) in seen or name == "citizenid":
            continue
        seen.add((name, frozenset(requirement.extras)))
        found.add(name)
        for each in importlib.metadata.requires(name) or ():
            waiting += [(Requirement(each), wanted) for wanted in requirement.extras or ("",)]
    return found


def runtime() -> set[str]:
    """Return what the library brings in with every extra for a deployment."""
    stated = project()
    extras = stated["optional-dependencies"]
    return closure([*stated["dependencies"], *(each for extra in RUNTIME_EXTRAS for each in extras[extra])])


def pins(name: str, *, everywhere: bool = False) -> dict[str, str]:
    """Return the pins of a file that are for this platform, or for any."""
    found = {}
    for line in (ROOT / "requirements" / name).read_text("utf-8").splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\").strip())
            if everywhere or requirement.marker is None or requirement.marker.evaluate():
                found[normal(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return found


def licences(expression: str) -> set[str]:
    """Return what an SPDX expression names; of a choice all, so that each way out is permitted."""
    parts = {part for part in re.split(r"\s+(?:AND|OR)\s+|[()]", expression) if part}
    return {SPELLINGS.get(part, part) for part in parts}


def licence_of(name: str) -> set[str]:
    """Return the licences that the metadata of an installed package states."""
    return stated_by(importlib.metadata.metadata(name), normal(name))


def stated_by(metadata: Any, name: str) -> set[str]:
    """Return every licence that metadata states: in its expression, or in its text and all of its classifiers."""
    expression = metadata.get("License-Expression")
    if expression:
        return licences(expression)
    classified = [each for each in metadata.get_all("Classifier") or () if each.startswith("License ::")]
    text = (metadata.get("License") or "").strip()
    found = {each.rpartition(" :: ")[2] for each in classified}
    if text in PERMITTED or text in SPELLINGS:
        found = (found - LOOSE) | {text}  # a loose classifier is of the same licence as an exact text
    elif not found and not text and name in UNSTATED:
        found = {UNSTATED[name][0]}
    return {SPELLINGS.get(each, each if each in PERMITTED else f"unknown: {each[:40]}") for each in found or {text}}


# --- licences ---


def as_pinned() -> bool:
    """Whether what is installed is what is pinned. It must be, but where the oldest versions are tested."""
    found = {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}
    installed = {normal(name): version for name, version in found.items()}
    wanted = {name: version for name, version in pins("runtime.txt").items() if name in installed}
    same = all(installed[name] == version for name, version in wanted.items())
    assert same or os.environ.get("CITIZENID_FLOOR") == "1"
    return same


def test_everything_that_runs_with_the_library_has_a_licence_that_is_permitted() -> None:
    if not as_pinned():  # the oldest versions say of themselves what they said then
        return
    names = runtime()
    assert {"cryptography", "cffi", "certifi", "pydantic-core"} - names <= {"pydantic-core"}
    assert {name: licence_of(name) - PERMITTED.keys() for name in names if licence_of(name) - PERMITTED.keys()} == {}


def test_everything_for_development_has_one_too() -> None:
    if not as_pinned():
        return
    installed = [name for name in pins("dev.txt") if name != "citizenid"]
    assert len(installed) > 40
    wrong = {name: licence_of(name) - PERMITTED_FOR_DEVELOPMENT.keys() for name in installed}
    assert {name: found for name, found in wrong.items() if found} == {}
    assert [name for name in installed if "LGPL-3.0-or-later" in licence_of(name)] == ["jwcrypto"]
    assert not {"jwcrypto", "sd-jwt"} & runtime()


@pytest.mark.parametrize(
    ("expression", "permitted"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("(MIT AND BSD-3-Clause)", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", False),
        ("LGPL-3.0-or-later", False),
        ("AGPL-3.0-only", False),
        ("LicenseRef-Proprietary", False),
        ("", True),
    ],
)
def test_what_is_not_listed_is_not_permitted(expression: str, permitted: bool) -> None:
    assert (not licences(expression) - PERMITTED.keys()) is permitted


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"License-Expression": "MIT OR GPL-3.0-only"}, {"MIT", "GPL-3.0-only"}),
        ({"License": "MIT"}, {"MIT"}),
        ({"License": "MIT", "Classifier": "License :: OSI Approved :: GNU Affero General Public License v3"},
         {"MIT", "unknown: GNU Affero General Public License v3"}),
        ({"License": "BSD-3-Clause", "Classifier": "License :: OSI Approved :: BSD License"}, {"BSD-3-Clause"}),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, {"unknown: BSD License"}),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, {"MIT"}),
        ({"License": "all rights reserved"}, {"unknown: all rights reserved"}),
        ({}, {"unknown: "}),
    ],
)  # fmt: skip
def test_what_metadata_states_is_taken_whole(fields: dict[str, str], found: set[str]) -> None:
    metadata = email.message.Message()
    for name, value in fields.items():
        metadata[name] = value
    assert stated_by(metadata, "some-package") == found


def test_every_permission_has_its_reason_and_its_use() -> None:
    assert all(PERMITTED_FOR_DEVELOPMENT.values())
    used = {each for name in pins("dev.txt") for each in licence_of(name)}
    assert PERMITTED_FOR_DEVELOPMENT.keys() - used == set()


# --- the bill of materials ---


def bill() -> dict[str, Any]:
    made = json.loads(BILL.read_text("utf-8"))
    assert isinstance(made, dict)
    return made


def test_the_bill_is_of_this_version() -> None:
    made = bill()
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    component = made["metadata"]["component"]
    assert (component["name"], component["version"]) == ("citizenid", citizenid.__version__)
    assert component["type"] == "library"


def test_the_bill_lists_what_is_pinned_and_nothing_else() -> None:
    listed = {normal(each["name"]): each["version"] for each in bill()["components"]}
    pinned = pins("runtime.txt", everywhere=True)
    assert {name: pinned.get(name) for name in listed} == listed
    # It is made on CPython for Linux, and on one that needs no stand-in for asyncio.timeout.
    assert pinned.keys() - listed.keys() == ELSEWHERE
    assert runtime() - listed.keys() <= set(ONLY_BEFORE_3_11_3) or not as_pinned()
    for each in bill()["components"]:
        assert each["purl"] == f"pkg:pypi/{normal(each['name'])}@{each['version']}"


def test_the_bill_says_which_are_wanted_directly() -> None:
    (root,) = [each for each in bill()["dependencies"] if each["ref"] == "root-component"]
    direct = {normal(reference.partition("==")[0]) for reference in root["dependsOn"]}
    stated = project()
    extras = [each for extra in RUNTIME_EXTRAS for each in stated["optional-dependencies"][extra]]
    assert direct == {normal(Requirement(each).name) for each in (*stated["dependencies"], *extras)}


def stated_licences(component: dict[str, Any]) -> Iterator[str]:
    for each in component["licenses"]:
        licence = each.get("license", {})
        name = each.get("expression") or licence.get("id") or licence["name"]
        name = name.rpartition(" :: ")[2]
        yield from licences(SPELLINGS.get(name, name))


def test_the_bill_has_a_permitted_licence_for_each() -> None:
    for component in bill()["components"]:
        found = set(stated_licences(component)) - {"BSD License"}  # beside the exact one, from an old classifier
        assert found and found <= PERMITTED.keys(), component["name"]


def test_the_bill_holds_no_time_no_number_and_no_place() -> None:
    text = BILL.read_text("utf-8")
    assert "serialNumber" not in bill() and "timestamp" not in bill()["metadata"]
    assert not re.search(r"file:|direct_url|/(?:home|tmp|root|opt)/|" + "simple" + r"/", text)


def test_the_bill_is_in_the_wheel_and_in_the_sdist() -> None:
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"]["sbom-files"] == ["sbom/citizenid.cdx.json"]
    assert "/sbom" in targets["sdist"]["include"]


# --- pins and builds ---


def test_the_pins_of_a_deployment_are_among_those_of_development() -> None:
    development = pins("dev.txt")
    shared = pins("runtime.txt").items() & development.items()
    different = (pins("runtime.txt").keys() & development.keys()) - {name for name, _ in shared}
    assert different == set(), "compile requirements/runtime.txt with -c requirements/dev.txt"


def test_the_merge_check_makes_the_bill_and_builds_twice() -> None:
    program = (ROOT / ".ci" / "run").read_text("utf-8")
    assert ".ci/sbom --check" in program and ".ci/reproducible" in program
    for name in ("sbom", "reproducible"):
        assert os.access(ROOT / ".ci" / name, os.X_OK)
    twice = (ROOT / ".ci" / "reproducible").read_text("utf-8")
    assert "SOURCE_DATE_EPOCH" in twice and "sha256sum --check --strict" in twice


# --- what we promise ---


def test_the_policy_says_what_is_promised_for_what_and_where_to_report() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    for heading in ("## Supported versions", "## How to report", "## What we promise", "## What counts as"):
        assert heading in text
    minor = ".".join(citizenid.__version__.split(".")[:2])
    assert re.search(rf"^\| {re.escape(minor)}\.x \| yes \|$", text, re.M), "the version that is current is supported"
    assert "private vulnerability reporting" in text and "do not open a public issue" in text
    assert [int(days) for days in re.findall(r"^\| (\d+) days \|", text, re.M)] == [3, 7, 30, 90]
    assert "reproducible" in text and "sha256" in text.lower()
