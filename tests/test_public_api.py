"""The public names and their signatures, held against the checked-in list `public_api.txt`.

A change of the list is a change of the contract and belongs into the changelog. To write the list anew:

    CITIZENID_WRITE_PUBLIC_API=1 pytest tests/test_public_api.py

The list says of each name what a caller can rely on: a function's signature, a class's constructor, public members and
their signatures, an enum's members and values, a constant's type. Spec: DESIGN section 5.
"""

from __future__ import annotations

import difflib
import enum
import functools
import importlib
import inspect
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm_stand_in  # noqa: F401  # one of the modules cannot be imported without
import pytest

import citizenid

LIST = Path(__file__).with_name("public_api.txt")
MODULES = (
    "citizenid", "citizenid.verifier", "citizenid.issuer", "citizenid.holder", "citizenid.status", "citizenid.trust",
    "citizenid.gateway", "citizenid.gateway.audit", "citizenid.policy", "citizenid.integrations.asgi",
    "citizenid.integrations.fastapi", "citizenid.integrations.fetch", "citizenid.integrations.litellm",
    "citizenid.integrations.publish", "citizenid.integrations.telemetry", "citizenid.integrations.valkey",
    "citizenid.testing", "citizenid.testing.strategies", "citizenid.testing.mutations",
)  # fmt: skip
# What decides. The reviewer's kit decides nothing: in its world it is NOW, and everybody trusts who signs there.
DECIDING = tuple(name for name in MODULES if not name.startswith("citizenid.testing"))


def public_names(module: Any) -> list[str]:
    """The module's `__all__`, or without one the public names that it defines itself."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    own = (name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__)
    return [name for name in own if not name.startswith("_")]


AT_ONCE = """
import importlib, sys, threading
sys.setswitchinterval(1e-6)
names, failed = sys.argv[1:] * 3, []
barrier = threading.Barrier(len(names))
def load(name):
    barrier.wait()
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed.append(f"{name}: {error!r}")
threads = [threading.Thread(target=load, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(*failed, sep="\\n", end="")
"""


@pytest.mark.parametrize("names", [
    ("gateway", "status"), ("gateway", "issuer"), ("verifier", "status", "policy"), ("holder", "verifier", "gateway"),
    ("gateway", "gateway.audit"), ("integrations.asgi", "status", "integrations.publish"),
    ("integrations.fetch", "integrations.valkey", "integrations.telemetry", "integrations.fastapi"),
], ids=" ".join)  # fmt: skip
def test_threads_import_the_doors_at_once(names: tuple[str, ...]) -> None:
    # A module that another thread is in the midst of importing lacks names: each door first waits for the package.
    for turn in range(3):
        doors = [f"citizenid.{name}" for name in (*names[turn:], *names[:turn])]
        command = [sys.executable, "-c", AT_ONCE, *doors]
        environment = {**os.environ, "PYTHONPATH": str(Path(citizenid.__file__).parent.parent)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# How Python writes a default or an annotation differs between its versions, and says too much: objects by their name.
SPELLINGS = (
    (re.compile(r"ForwardRef\('([^']*)'\)"), r"\1"),
    (re.compile(r"Limits\([^()]*\)"), "Limits()"),
    (re.compile(r"'\\nversion = 1\\n[^']*'"), "POLICY"),  # of the simulated world, with all of its rules
    (re.compile(r"<(\w+\.\w+): [^<>]*>"), r"\1"),
    (re.compile(r"<(Handover) (\w+)>"), r"\1(\2)"),
    (re.compile(r"<(?:built-in )?(?:function|method) ([\w.]+)(?: of [^<>]*)?(?: at 0x[0-9a-f]+)?>"), r"\1"),
    (re.compile(r"(?<=: )'([^']*)'|(?<=-> )'([^']*)'"), lambda match: match[1] or match[2]),
)


def signature(value: Any) -> str:
    text = str(inspect.signature(value))
    for pattern, replacement in SPELLINGS:
        text = pattern.sub(replacement, text)
    return text


def describe(name: str, value: Any) -> Iterator[str]:
    """One line for a name, and for a class one more for each public member."""
    if inspect.isclass(value) and issubclass(value, enum.Enum):
        yield f"{name}: enum"
        yield from (f"{name}.{member.name} = {member.value!r}" for member in value)
    elif inspect.isclass(value):
        protocol = getattr(value, "_is_protocol", False)
        yield f"{name}: protocol" if protocol else f"{name}: class{signature(value)}"
        for member in sorted(vars(value)):
            if not member.startswith("_"):
                yield f"{name}.{member}{kind(inspect.getattr_static(value, member), getattr(value, member, None))}"
    elif inspect.isfunction(value):
        yield f"{name}{signature(value)}"
    elif isinstance(value, types.GenericAlias):
        yield f"{name}: {value}"
    else:
        yield f"{name}: {type(value).__name__.lstrip('_')}"


def kind(static: Any, value: Any) -> str:
    if isinstance(static, property | functools.cached_property):
        return ": property"
    if isinstance(static, classmethod | staticmethod):
        return f"{signature(value)}: {type(static).__name__}"
    return signature(static) if inspect.isfunction(static) else ": attribute"


def current() -> list[str]:
    lines = []
    described: dict[int, str] = {}
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        lines.append(f"# {module_name}")
        for name in sorted(public_names(module)):
            value = getattr(module, name)
            first = described.setdefault(id(value), f"{module_name}.{name}")
            if first == f"{module_name}.{name}":
                lines.extend(describe(name, value))
            else:
                lines.append(f"{name}: {first}")
        lines.append("")
    return lines


def test_public_names_and_signatures_are_those_of_the_list() -> None:
    lines = current()
    if os.environ.get("CITIZENID_WRITE_PUBLIC_API") == "1":
        LIST.write_text("\n".join(lines), encoding="utf-8")
    listed = LIST.read_text(encoding="utf-8").split("\n")
    difference = list(difflib.unified_diff(listed, lines, "public_api.txt", "the package", lineterm="", n=0))
    assert difference == [], "\n".join(difference)


def test_the_list_holds_no_address_and_no_path() -> None:
    text = LIST.read_text(encoding="utf-8")
    assert " at 0x" not in text and "<" not in text
    assert str(Path.cwd()) not in text and "site-packages" not in text


def in_order(name: str) -> tuple[bool, bool, str]:
    """Constants come first, and last what begins with an underscore, as the linter sorts `__all__`."""
    return name.startswith("_"), not name.isupper(), name


@pytest.mark.parametrize("module_name", MODULES)
def test_public_names_exist_are_documented_and_stand_in_order(module_name: str) -> None:
    module = importlib.import_module(module_name)
    names = public_names(module)
    if hasattr(module, "__all__"):
        assert len(set(names)) == len(names) and names == sorted(names, key=in_order)
    assert module.__doc__
    for name in names:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{module_name}.{name}"


@pytest.mark.parametrize("module_name", DECIDING)
def test_what_decides_is_never_positional_and_never_defaulted(module_name: str) -> None:
    # DESIGN law 7. `limits` and `serialization` have strict defaults; what is trusted, when, and for whom has none.
    # Exceptions: a set of anchors that is empty trusts nobody, what `reload` is not given stays as it is, and in which
    # form a list is published decides nothing: it says the same in both. The purpose of a bit is no purpose of a key:
    # without one there is no bitstring (CLAIM_INVALID, CONFIGURATION_INVALID), and with one nothing else. A rule that
    # is asked for without a time is none where one exists for a time alone.
    exempt = {("TrustAnchors", "__init__"), ("Gateway", "reload"), ("StatusPublisher", "publish"),
              ("StatusPublisher", "prepare"), ("StatusPublisher", "__init__"),
              ("StatusReference", "__init__"), ("AdmissionPolicy", "rule_for")}  # fmt: skip
    required = {"anchors", "challenge", "statuses", "format", "audience", "purpose", "now", "peer", "replay"}
    module = importlib.import_module(module_name)
    for name in public_names(module):
        value = getattr(module, name)
        calls = [value] if inspect.isfunction(value) else []
        if inspect.isclass(value) and value.__module__.startswith("citizenid"):
            calls = [value.__init__] if inspect.isfunction(vars(value).get("__init__")) else []
            for member, inner in vars(value).items():
                bare = inner.__func__ if isinstance(inner, classmethod | staticmethod) else inner
                if inspect.isfunction(bare) and not member.startswith("_"):
                    calls.append(bare)
        for call in calls:
            if (name, call.__name__) in exempt:
                continue
            for parameter in inspect.signature(call).parameters.values():
                if parameter.name in required:
                    assert parameter.default is parameter.empty, f"{name}.{call.__name__}({parameter.name})"


def test_no_parameter_is_a_switch_that_weakens() -> None:
    # DESIGN law 6: no parameter whose name or boolean default could turn a check off.
    suspicious = re.compile(r"^(verify|strict|allow|skip|ignore|insecure|unsafe|check|validate|no|disable|permit)(_|$)")
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in public_names(module):
            value = getattr(module, name)
            for member in [value, *(vars(value).values() if inspect.isclass(value) else ())]:
                bare = member.__func__ if isinstance(member, classmethod | staticmethod) else member
                if inspect.isfunction(bare):
                    for parameter in inspect.signature(bare).parameters:
                        assert not suspicious.match(parameter), f"{module_name}.{name}: {parameter}"


def test_the_version_is_that_of_the_package() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", citizenid.__version__)
