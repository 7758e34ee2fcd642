"""The targets of the fuzzer in the ordinary tests, without atheris: they cannot rot, and they reach what they claim to.

Spec: specs/assurance.md.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizenid import CitizenIDError, MalformedError, Reason

from . import planted, run, world
from .targets import TARGETS

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCE: Final = ROOT / "src" / "citizenid"
HAS_ATHERIS: Final = importlib.util.find_spec("atheris") is not None
PLANTED_BUG: Final = b"BUGS\x90\xa0\xb0"
SEEDS: Final = 40  # of each target: all of them take a minute

# A function of the library that takes foreign bytes has one of these beginnings and one of these arguments.
VERBS: Final = re.compile(
    r"(open|verify|read|parse|load|from|check|decode|ingest|receive|admit|authorize|unpack|inspect|learn|complete|add_co)"
)
BYTES: Final = frozenset({"bytes", "bytes | str", "str | bytes", "bytes | None", "bytes | memoryview"})
NOT_FOREIGN: Final = {
    "_demo.world:Door.admit": "of the demonstration",
    "gateway._audit.details:AuditDetails.read": "looks up what its own operator wrote",
    "status._protocol:StatusSource.check_identity": "a protocol",
    "status._shares:Shares.check": "counts, and reads nothing",
}


def seeds_of(name: str) -> list[bytes]:
    """Return some of the seeds of a target, from all over."""
    seeds = TARGETS[name].inputs()
    return seeds[:: max(1, len(seeds) // SEEDS)]


def resolved(reached: str) -> Any:
    """Return the code of a function that the table names."""
    module, _, path = reached.partition(":")
    found: Any = importlib.import_module(f"citizenid.{module}")
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    while hasattr(found, "__func__") or hasattr(found, "__wrapped__"):
        found = getattr(found, "__func__", None) or found.__wrapped__
    return found.__code__


def test_there_are_targets_enough() -> None:
    assert len(TARGETS) >= 20
    assert sum(bool(target.against) for target in TARGETS.values()) >= 10
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_pass_and_reach_what_the_table_says(name: str) -> None:
    target, called = TARGETS[name], set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            called.add(frame.f_code)

    seeds = seeds_of(name)
    assert len(target.inputs()) > 0.85 * len(set(target.seeds()))
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for seed in seeds:
            target.one(seed)
    finally:
        sys.setprofile(before)
    assert [reached for reached in target.reaches if resolved(reached) not in called] == []


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_and_any_change_of_a_seed_pass(name: str) -> None:
    target, seeds = TARGETS[name], seeds_of(name)

    @settings(max_examples=20)
    @given(
        seed=st.sampled_from([b"", *seeds]),
        at=st.integers(0, 4_096),
        cut=st.integers(0, 8),
        put=st.binary(max_size=8) | st.sampled_from([b"\x00", *target.words]),
    )
    def changed(seed: bytes, at: int, cut: int, put: bytes) -> None:
        at %= len(seed) + 1
        target.one(seed[:at] + put + seed[at + cut :])

    changed()
    target.one(b"")


def _takes_bytes(function: ast.FunctionDef) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return any(each.annotation is not None and ast.unparse(each.annotation) in BYTES for each in arguments)


def foreign() -> set[str]:
    """Return the public functions of modules and classes that read bytes, by the form of their names and arguments."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        if path.is_relative_to(SOURCE / "testing"):
            continue  # the reviewer's kit reads what it has made itself
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text("utf-8")).body:
            inner = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else [node]
            prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
            for each in inner:
                if isinstance(each, ast.FunctionDef) and VERBS.match(each.name) and _takes_bytes(each):
                    found.add(f"{module}:{prefix}{each.name}")
    return found


def test_no_function_that_takes_foreign_bytes_is_missing() -> None:
    reached = {each for target in TARGETS.values() for each in target.reaches}
    assert foreign() - reached == set(NOT_FOREIGN)


def test_the_table_names_functions_that_exist() -> None:
    for target in TARGETS.values():
        assert target.reaches
        for reached in target.reaches:
            assert inspect.iscode(resolved(reached)), reached


def test_the_page_lists_every_target() -> None:
    page = (ROOT / "specs" / "assurance.md").read_text("utf-8")
    table = page.partition("| target | what it is for |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| ([a-z0-9_]+) \|", table, re.M) == list(TARGETS)


# --- a check that cannot fail is a defect ---


def raising(error: BaseException) -> Any:
    def call() -> None:
        raise error

    return call


def test_only_exceptions_of_ours_may_leave() -> None:
    error = MalformedError(Reason.MALFORMED_JSON, "a.place")
    assert world.ours(raising(error)) is error
    with pytest.raises(KeyError):
        world.ours(raising(KeyError("x")))
    carrying = CitizenIDError(Reason.MALFORMED_JSON, "a.place")
    carrying.__context__ = ValueError("the input")
    for stray in (
        carrying,
        CitizenIDError(Reason.MALFORMED_JSON, "a" * 100),
        CitizenIDError(Reason.MALFORMED_JSON, "é"),
    ):
        with pytest.raises(world.Finding):
            world.ours(raising(stray))


@pytest.mark.parametrize(
    ("name", "where", "instead"),
    [
        (
            "base64url",
            "citizenid._wire.base64url.decode",
            lambda text, where: __import__("base64").urlsafe_b64decode(text + b"=="),
        ),
        ("jws", "fuzz.syntaxes.verify_signature", lambda signed, key, where: None),
        ("inflate", "citizenid.status._list.inflate", lambda data, *_, **__: b"\x00"),
        ("dpop", "fuzz.doors.check_dpop", lambda *_, **__: (_ for _ in ()).throw(KeyError("x"))),
        ("policy", "fuzz.doors.lint", lambda text: (_ for _ in ()).throw(ValueError(text))),
    ],
)
def test_a_broken_library_is_found_by_the_seeds(
    name: str, where: str, instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, instead)
    strays = []
    for seed in seeds_of(name):
        try:
            TARGETS[name].one(seed)
        except Exception as error:  # whatever leaves is what is tested
            strays.append(error)
    assert strays


def test_the_planted_bug_is_one() -> None:
    for harmless in (b"", PLANTED_BUG[:6], b"?" + PLANTED_BUG[1:], PLANTED_BUG[:6] + b"?"):
        planted.deep(harmless)
    with pytest.raises(KeyError):
        planted.deep(PLANTED_BUG + b" and more")


# --- the runner ---


def result(**changes: Any) -> dict[str, Any]:
    good = {
        "target": "json", "seconds": 1, "with_startup_s": 2.0, "seeds": 2, "executions": 10, "per_second": 10,
        "edges": 3, "features": 4, "corpus": 5, "slowest_s": 0, "peak_rss_mb": 50, "findings": [], "log": "",
    }  # fmt: skip
    return good | changes


@pytest.mark.parametrize(
    ("changes", "status"),
    [({}, 0), ({"executions": 0}, 1), ({"findings": ["crash-1"]}, 1)],
    ids=["good", "no execution", "a finding"],
)
def test_a_run_fails_on_a_finding_and_on_nothing(
    changes: dict[str, Any], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"the end of the log")
    monkeypatch.setattr(run, "run_target", lambda *_: result(log=str(log), **changes))
    for runs in (1, 2):
        assert run.main(["--only", "json", "--corpus", str(tmp_path), "--json", str(tmp_path / "r.json")]) == status
        total = json.loads((tmp_path / "ledger.json").read_text())["json"]
        assert (total["runs"], total["seconds"]) == (runs, runs)
        assert total["executions"] == runs * result(**changes)["executions"]
    assert ("the end of the log" in capsys.readouterr().out) is bool(status)
    assert json.loads((tmp_path / "r.json").read_text())[0]["target"] == "json"


@pytest.mark.parametrize(("content", "status"), [(PLANTED_BUG, 0), (b"another finding", 1), (None, 1)])
def test_a_run_that_does_not_find_the_planted_bug_proves_nothing(
    content: bytes | None, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tmp_path / "crash"
    if content is not None:
        found.write_bytes(content)
    monkeypatch.setattr(run, "run_target", lambda *_: result(findings=[str(found)]))
    monkeypatch.setenv(run.PLANTED, "")
    assert run.main(["--prove"]) == status


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(SystemExit):
        run.main(["--only", "nothing"])


def test_seeds_and_dictionary_are_written(tmp_path: Path) -> None:
    count = run.write_seeds("json", tmp_path / "json")
    assert count == len(list((tmp_path / "json").iterdir())) > 20
    assert '"\\x7b\\x22"\n' in (tmp_path / "json.dict").read_text()


def test_without_atheris_a_run_says_that_nothing_ran(tmp_path: Path) -> None:
    """Or, with it, that something did: in no case is silence a success."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "fuzz" / "run.py", "--seconds", "1", "--only", "base64url"],
        capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == (0 if HAS_ATHERIS else 1), done.stdout
    assert HAS_ATHERIS or "No module named 'atheris'" in done.stdout
