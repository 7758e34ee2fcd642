"""What the runner of the mutation tests makes of mutants, without mutmut: names, fates, the list, scores, the copy.

Spec: specs/assurance.md, "Mutation testing".
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutation import at_import, forked, run
from mutation.outcome import Fate, Name, collected, difference, drawn, function_of, judged, named, record, survivors
from mutation.parts import PACKAGE, PARTS, Part, part_of, patterns

FILE = "src/citizenid/_redaction/restoring.py"


# --- the table of parts ---


def test_every_module_belongs_to_exactly_one_part() -> None:
    for path in sorted((run.ROOT / "src" / "citizenid").rglob("*.py")):
        file = path.relative_to(run.ROOT).as_posix()
        name = file.removeprefix(PACKAGE)
        holds = [
            part
            for part, (files, *_) in PARTS.items()
            for each in files
            if (name.startswith(each) if each.endswith("/") else name == each)
        ]
        assert holds == [part_of(file)], file


def test_what_a_part_names_exists() -> None:
    for name, part in PARTS.items():
        for file in part.files:
            path = run.ROOT / PACKAGE / file
            assert path.is_dir() if file.endswith("/") else path.is_file(), (name, file)
        for test in part.tests:
            assert (run.ROOT / "tests" / test).exists(), (name, test)
        assert all(reason for _, reason in part.without), name
        assert run.modules(run.ROOT, name), name


def test_the_parts_that_decide_must_kill_all() -> None:
    strict = {name for name, part in PARTS.items() if part.target == 100}
    assert strict == {"_wire", "_crypto", "_redaction", "verifier", "policy", "status"}
    assert all(part.target >= 95 for part in PARTS.values())


def test_patterns_are_the_files_and_no_others() -> None:
    assert patterns(PARTS["_redaction"]) == ["src/citizenid/_redaction/*"]
    assert patterns(PARTS["verifier"]) == ["src/citizenid/verifier.py"]
    assert part_of("src/citizenid/verifier.py") == "verifier"
    assert part_of("src/citizenid/elsewhere.py") is None


# --- names ---

BODY = "    first(value)\n    if value:\n        raise Error(A, where)\n    if other:\n        raise Error(A, where)\n"


def mutated(bodies: list[str], head: str = "x_f", indent: str = "") -> tuple[str, dict[str, tuple[int, int]]]:
    """A file as mutmut writes it: the unchanged function, and each mutant, with their lines."""
    lines, spans = ["import something", ""], {}
    for number, body in enumerate(bodies):
        name = f"{head}__mutmut_{number or 'orig'}"
        text = [indent + each for each in f"def {name}(value, other):\n{body}".splitlines()]
        spans[name] = (len(lines) + 1, len(lines) + len(text))
        lines += [*text, ""]
    return "\n".join(lines), spans


def mutants(*changes: tuple[str, str, int]) -> list[str]:
    """The body, and the body with the nth of one text replaced by another, for each change."""
    bodies = [BODY]
    for old, new, nth in changes:
        parts = BODY.split(old)
        bodies.append(old.join(parts[:nth]) + new + old.join(parts[nth:]))
    return bodies


RAISE, WITHOUT = "raise Error(A, where)", "raise Error(A, )"


def names_of(bodies: list[str], head: str = "x_f", before: str = "") -> list[Name]:
    source, spans = mutated(bodies, head)
    shift = len(before.splitlines())
    spans = {name: (first + shift, last + shift) for name, (first, last) in spans.items()}
    keys = [f"citizenid._redaction.restoring.{name}" for name in spans if not name.endswith("orig")]
    found = named(FILE, before + source, spans, reversed(keys))  # in any order
    return [found[key] for key in keys]


def test_a_mutant_is_named_by_its_function_and_the_lines_that_changed() -> None:
    assert names_of(mutants(("first(value)", "first(None)", 1))) == [Name(FILE, "f", "first(value)", "first(None)")]


def test_equal_changes_in_one_function_are_told_apart_by_their_order() -> None:
    names = names_of(mutants((RAISE, WITHOUT, 1), ("first(value)", "first(None)", 1), (RAISE, WITHOUT, 2)))
    assert [(name.before, name.nth) for name in names] == [(RAISE, 1), ("first(value)", 1), (RAISE, 2)]
    assert len(set(names)) == 3


def test_the_order_is_that_of_numbers_and_not_of_texts() -> None:
    changes = [(RAISE, WITHOUT, 1), *[("first(value)", f"first({each})", 1) for each in range(9)], (RAISE, WITHOUT, 2)]
    names = names_of(mutants(*changes))
    assert (names[0].nth, names[10].nth) == (1, 2)  # numbers 1 and 11; as texts, 11 comes before 2


def test_edits_elsewhere_leave_names_as_they_are() -> None:
    changes = (RAISE, WITHOUT, 2), ("if value", "if not value", 1)
    first, second = names_of(mutants(*changes))
    # Another file around it, another mutant before it, other numbers: the same two names.
    again = names_of(mutants(("first(value)", "first(None)", 1), *changes), before="# a line\n\nCONSTANT = 1\n")
    assert again[1:] == [first, second]


def test_a_method_is_named_with_its_class() -> None:
    source, spans = mutated(mutants(("first(value)", "first(None)", 1)), "xǁ_RestoringǁarrayX", "    ")
    key = "citizenid._redaction.restoring.xǁ_RestoringǁarrayX__mutmut_1"
    assert named(FILE, source, spans, [key]) == {key: Name(FILE, "_Restoring.arrayX", "first(value)", "first(None)")}


@pytest.mark.parametrize(
    ("mangled", "name"),
    [
        ("x_restore", "restore"), ("x__check_clear", "_check_clear"), ("x_x_y", "x_y"),
        ("xǁSelectionǁof", "Selection.of"), ("xǁ_Aǁ__init__", "_A.__init__"),
    ],
)  # fmt: skip
def test_functions_have_their_own_names(mangled: str, name: str) -> None:
    assert function_of(mangled) == name


@pytest.mark.parametrize(
    ("original", "mutant", "expected"),
    [
        ("a\n  b\nc", "a\n  B\nc", ("b", "B")),
        ("a\n  b\n  d\nc", "a\nc", ("b\nd", "")),
        ("a\na\na", "a\na", ("a", "")),
        ("f(\n  x,\n  y,\n)", "f(\n  x,\n  None,\n)", ("y,", "None,")),
        ("a", "a", ("", "")),
    ],
)
def test_the_difference_is_the_lines_that_differ(original: str, mutant: str, expected: tuple[str, str]) -> None:
    assert difference(original, mutant) == expected


lines = st.sampled_from(["a", "b", "  c"])


@given(st.lists(lines), lines, lines, st.lists(lines))
def test_a_changed_line_is_found_among_any_others(before: list[str], one: str, other: str, after: list[str]) -> None:
    found = difference("\n".join([*before, one, *after]), "\n".join([*before, other, *after]))
    assert found == (("", "") if one == other else (one.strip(), other.strip()))


# --- fates ---


def a_run(folder: Path, codes: list[int | None]) -> Path:
    """A tree as mutmut leaves it, with one mutant for each exit code."""
    bodies = mutants(*(("first(value)", f"first({number})", 1) for number in range(len(codes))))
    source, spans = mutated(bodies)
    target = folder / "mutants" / FILE
    target.parent.mkdir(parents=True)
    target.write_text(source, "utf-8")
    target.with_name(target.name + ".spans").write_text(json.dumps({"version": 1, "spans": spans}), "utf-8")
    keys = [f"citizenid._redaction.restoring.x_f__mutmut_{number}" for number in range(1, len(codes) + 1)]
    meta = {"exit_code_by_key": dict(zip(keys, codes, strict=True)), "hash_by_function_name": {}}
    target.with_name(target.name + ".meta").write_text(json.dumps(meta), "utf-8")
    return folder


def test_each_exit_code_is_one_fate_and_an_unknown_one_kills_nothing(tmp_path: Path) -> None:
    codes: list[int | None] = [0, 1, 2, 3, 255, 5, 33, 24, -24, 152, 36, None, -9, -11, 35, 77]
    fates = collected(a_run(tmp_path, codes), [FILE, "src/citizenid/not_mutated.py"])
    assert list(fates.values()) == [
        Fate.SURVIVED, *[Fate.KILLED] * 4, Fate.UNTESTED, Fate.UNTESTED, *[Fate.TIMEOUT] * 4,
        Fate.UNFINISHED, *[Fate.UNCLEAR] * 4,
    ]  # fmt: skip


def name(after: str, nth: int = 1) -> Name:
    return Name(FILE, "f", "before", after, nth)


def test_what_is_killed_or_runs_forever_counts_and_nothing_else() -> None:
    fates = {name(fate.value): fate for fate in Fate}
    outcome = judged("_redaction", 100, fates, [])
    assert (outcome.mutants, outcome.killed) == (6, 2)
    assert outcome.score == pytest.approx(100 * 2 / 6)
    assert [fates[each] for each in outcome.unexplained] == [Fate.SURVIVED, Fate.UNTESTED, Fate.UNCLEAR]
    assert outcome.faults() == ["1 mutants were not tried", "3 survivors without a reason"]


def test_a_listed_survivor_is_explained_and_leaves_the_score() -> None:
    fates = {name("killed"): Fate.KILLED, name("same"): Fate.SURVIVED}
    outcome = judged("_redaction", 100, fates, [name("same")])
    assert (outcome.explained, outcome.unexplained, outcome.stale) == ([name("same")], [], [])
    assert outcome.score == 100 and outcome.faults() == []


def test_a_reason_explains_one_mutant_and_not_its_twin() -> None:
    fates = {name("same"): Fate.SURVIVED, name("same", 2): Fate.SURVIVED}
    outcome = judged("_redaction", 100, fates, [name("same")])
    assert (outcome.explained, outcome.unexplained) == ([name("same")], [name("same", 2)])
    assert outcome.faults() == ["1 survivors without a reason"]


@pytest.mark.parametrize("fate", [Fate.UNTESTED, Fate.UNCLEAR])
def test_what_no_test_reached_cannot_be_explained(fate: Fate) -> None:
    outcome = judged("_redaction", 100, {name("a"): fate, name("b"): Fate.KILLED}, [name("a")])
    assert (outcome.explained, outcome.unexplained) == ([], [name("a")])
    assert outcome.faults()


@pytest.mark.parametrize("fates", [{}, {name("same"): Fate.KILLED}, {name("same"): Fate.TIMEOUT}])
def test_a_listed_survivor_that_is_gone_or_killed_is_stale(fates: dict[Name, Fate]) -> None:
    fates = {**fates, name("other"): Fate.KILLED}
    outcome = judged("_redaction", 100, fates, [name("same")])
    assert outcome.stale == [name("same")]
    assert outcome.faults() == ["1 listed survivors are none"]


def test_a_listed_survivor_that_is_not_tried_yet_is_not_stale() -> None:
    outcome = judged("_redaction", 100, {name("same"): Fate.UNFINISHED}, [name("same")])
    assert outcome.stale == [] and outcome.faults() == ["1 mutants were not tried"]


def test_nothing_mutated_is_a_fault_and_never_a_score() -> None:
    for target in (95, 100):
        outcome = judged("_redaction", target, {}, [])
        assert (outcome.mutants, outcome.score) == (0, 0.0)
        assert outcome.faults() == ["nothing was mutated"]
    # Neither is a part of which everything is explained away.
    outcome = judged("gateway", 95, {name("same"): Fate.SURVIVED}, [name("same")])
    assert outcome.score == 0.0 and outcome.faults() == ["the score is below 95"]


@pytest.mark.parametrize(("killed", "good"), [(94, False), (95, True), (100, True)])
def test_another_part_needs_its_score(killed: int, good: bool) -> None:
    fates = {name(str(number)): Fate.KILLED if number < killed else Fate.SURVIVED for number in range(100)}
    outcome = judged("gateway", 95, fates, [])
    assert outcome.score == killed
    assert outcome.faults() == ([] if good else ["the score is below 95"])


# --- a sample ---


def test_of_a_sample_nothing_else_counts() -> None:
    fates = {name(fate.value): fate for fate in Fate}
    among = {name(fate.value) for fate in (Fate.KILLED, Fate.SURVIVED)}
    outcome = judged("gateway", 95, fates, [name(Fate.UNCLEAR.value)], among)
    assert (outcome.mutants, outcome.tried, outcome.drawn, outcome.killed) == (6, 2, 2, 1)
    assert (outcome.score, outcome.unexplained, outcome.stale) == (50, [name(Fate.SURVIVED.value)], [])
    assert outcome.faults() == ["the score is below 95"]
    explained = judged("_redaction", 100, fates, [name(Fate.SURVIVED.value)], among)
    assert (explained.score, explained.explained, explained.faults()) == (100, [name(Fate.SURVIVED.value)], [])


def test_what_was_drawn_and_not_tried_is_a_fault() -> None:
    fates = {name("a"): Fate.KILLED, name("b"): Fate.UNFINISHED, name("c"): Fate.UNFINISHED}
    assert judged("gateway", 95, fates, [], {name("a"), name("b")}).faults() == ["1 mutants were not tried"]
    assert judged("gateway", 95, fates, [], {name("a")}).faults() == []
    assert judged("gateway", 95, fates, [], set()).faults() == ["the score is below 95"]


@pytest.mark.parametrize(("killed", "count", "least"), [(95, 100, 90.08), (190, 200, 91.82), (100, 100, 97.37)])
def test_a_sample_says_what_all_have_at_least(killed: int, count: int, least: float) -> None:
    fates = {name(str(number)): Fate.KILLED if number < killed else Fate.SURVIVED for number in range(count)}
    outcome = judged("gateway", 95, {**fates, name("more"): Fate.SURVIVED}, [], set(fates))
    assert outcome.at_least == pytest.approx(least, abs=0.01)
    assert judged("gateway", 95, fates, []).at_least == 100 * killed / count


def test_a_draw_is_by_chance_and_the_same_for_a_seed(tmp_path: Path) -> None:
    tree = a_run(tmp_path, [None] * 16)
    files = [FILE, "src/citizenid/not_mutated.py"]
    draws = [drawn(tree, files, 8, seed) for seed in ("1 a", "1 a", "2 a", "1 b")]
    assert draws[0] == draws[1] and draws[0] not in draws[2:]
    assert all(len(each) == 8 and set(each.values()) <= set(collected(tree, files)) for each in draws)
    assert set(drawn(tree, files, 99, "").values()) == set(collected(tree, files))
    taken = [key for seed in range(400) for key in drawn(tree, files, 1, str(seed))]
    assert len(set(taken)) == 16 and max(taken.count(key) for key in taken) < 50


# --- the list of survivors ---

ENTRY = {"file": FILE, "function": "f", "before": "a < b", "after": "a <= b", "reason": "a is never b: see g"}


def listing(*entries: dict[str, Any]) -> str:
    return "\n".join(
        "[[survivor]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in each.items()) for each in entries
    )


def test_the_list_gives_each_name_its_reason() -> None:
    held = survivors(listing(ENTRY, {**ENTRY, "nth": 2, "reason": "the same"}))
    assert held == {
        Name(FILE, "f", "a < b", "a <= b"): "a is never b: see g",
        Name(FILE, "f", "a < b", "a <= b", 2): "the same",
    }
    assert survivors("") == {}


@pytest.mark.parametrize(
    "text",
    [
        listing(ENTRY, ENTRY),
        listing(ENTRY, {**ENTRY, "nth": 1}),
        listing({**ENTRY, "reason": " "}),
        listing({key: value for key, value in ENTRY.items() if key != "reason"}),
        listing({key: value for key, value in ENTRY.items() if key != "after"}),
        listing({**ENTRY, "line": 5}),
        listing({**ENTRY, "nth": 0}),
        listing({**ENTRY, "nth": "2"}),
        listing({**ENTRY, "nth": True}),
        listing(ENTRY).replace("survivor", "survivors"),
    ],
)
def test_an_entry_of_another_form_or_there_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"survivor|entry|no reason"):
        survivors(text)


def test_the_list_that_is_kept_names_functions_that_exist() -> None:
    for each in survivors(run.SURVIVORS.read_text("utf-8")):
        assert part_of(each.file) is not None, each
        source = (run.ROOT / each.file).read_text("utf-8")
        assert f"def {each.function.rpartition('.')[2]}(" in source, each
        assert all(line.strip() in source for line in each.before.splitlines()), each


# --- the copy, and what mutmut is told ---


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for file, text in (
        ("src/citizenid/_redaction/__init__.py", "def one():\n    return 1\n"),
        ("tests/test_redaction.py", "def test_one():\n    assert True\n"),
        ("pyproject.toml", "[project]\nname = 'citizenid'\n"),
        (".gitignore", "ignored\n"),
        ("ignored", "not known to git\n"),
    ):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, "utf-8")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def test_what_git_knows_is_copied_and_mutmut_is_told_in_the_copy_alone(repository: Path, tmp_path: Path) -> None:
    before = (repository / "pyproject.toml").read_text("utf-8")
    tree = run.prepared("_redaction", tmp_path / "work", repository)
    assert (tree / "src/citizenid/_redaction/__init__.py").is_file() and not (tree / "ignored").exists()
    assert (repository / "pyproject.toml").read_text("utf-8") == before
    told = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    assert told["only_mutate"] == ["src/citizenid/_redaction/*"]
    assert told["pytest_add_cli_args_test_selection"] == ["tests/test_redaction.py"]
    beside = [f"mutation_{each}" for each in ("at_import.py", "forked.py", "modules.txt", "preloaded.txt")]
    assert told["also_copy"] == [".gitignore", *beside, "tests"]


def test_a_run_goes_on_unless_a_file_has_changed(repository: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    tree = run.prepared("_redaction", work, repository)
    (tree / "mutants").mkdir()
    assert run.prepared("_redaction", work, repository) == tree and (tree / "mutants").is_dir()
    (repository / "tests" / "test_redaction.py").write_text("def test_two():\n    assert True\n", "utf-8")
    assert run.prepared("_redaction", work, repository) == tree and not (tree / "mutants").exists()
    assert "test_two" in (tree / "tests" / "test_redaction.py").read_text("utf-8")
    assert not (work / "_redaction.new").exists()


def test_a_folder_of_somebody_else_is_left_alone(repository: Path, tmp_path: Path) -> None:
    mine = tmp_path / "work" / "_redaction" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine", "utf-8")
    with pytest.raises(SystemExit, match="left alone"):
        run.prepared("_redaction", tmp_path / "work", repository)
    assert mine.read_text("utf-8") == "mine"


def test_what_cannot_run_on_mutated_sources_is_left_out(tmp_path: Path) -> None:
    part = Part(("holder.py",), ("test_holder.py",), 95, (("tests/test_holder.py::test_sources", "it reads them"),))
    told = tomllib.loads(run.configuration(part, tmp_path))["tool"]["mutmut"]
    assert told["pytest_add_cli_args"][-1] == "--deselect=tests/test_holder.py::test_sources"


# --- the command ---


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """The command with runs that leave these exit codes for `_redaction`: forks the first half, mutmut the rest."""
    monkeypatch.setattr(run, "SURVIVORS", tmp_path / "survivors.toml")
    monkeypatch.setattr(run, "prepared", lambda name, work, root: work / name)

    def call(
        codes: list[int | None],
        listed: str = "",
        status: int = 0,
        without: int = 0,
        *further: str,
        failing: tuple[str, ...] = (),
    ) -> int:
        (tmp_path / "survivors.toml").write_text(listed, "utf-8")
        shutil.rmtree(tmp_path / "work", ignore_errors=True)
        prefix = "citizenid._redaction.restoring.x_f__mutmut_"
        all_codes = {f"{prefix}{number}": code for number, code in enumerate(codes, 1)}
        count = int(further[1]) if further else len(codes)
        drawn: set[str] = set(all_codes)

        def control(tree: Path, log: Path) -> int:
            return without

        def fork(tree: Path, name: str, jobs: int, log: Path, among: Iterable[str] | None = None) -> list[str]:
            assert (name, jobs) == ("_redaction", 3)
            if further:
                assert among is not None
                drawn.intersection_update(among)
                assert len(drawn) == min(count, len(codes))
            forked = sorted(drawn)[: len(codes) // 2]
            record(tree, FILE, {each: all_codes[each] for each in forked})
            return list(failing)

        def mutate(tree: Path, jobs: int, log: Path, mutants: Iterable[str] = ()) -> int:
            assert jobs == 3 and not (failing and tree.exists())
            if not tree.exists():
                a_run(tree, [None] * len(codes))
                (tree / "src" / "citizenid" / "_redaction").mkdir(parents=True)
                (tree / FILE).write_text("", "utf-8")
                log.write_text("what mutmut said", "utf-8")
                return 1  # it knows no mutant of that name
            left = [each for each in sorted(drawn) if each in mutants or not further]
            record(tree, FILE, {each: all_codes[each] for each in left})
            return status

        monkeypatch.setattr(run, "mutate", mutate)
        monkeypatch.setattr(run, "fork", fork)
        monkeypatch.setattr(run, "control", control)
        work, results = tmp_path / "work", tmp_path / "results.json"
        return run.main(["--only", "_redaction", "--jobs", "3", "--keep", str(work), "--json", str(results), *further])

    return call


def survivor(after: str) -> dict[str, Any]:
    return {**ENTRY, "before": "first(value)", "after": after}


def test_the_command_is_content_when_all_are_killed_or_explained(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command([1, 1, -24]) == 0
    assert command([1, 0, -24], listing(survivor("first(1)"))) == 0
    (result,) = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert (result["mutants"], result["killed"], result["timeout"], result["explained"]) == (3, 1, 1, 1)
    assert (result["score"], result["faults"], result["unexplained"]) == (100, [], [])
    assert capsys.readouterr().out.splitlines()[-1].split() == ["_redaction", "3", "2", "1", "1", "0", "100.0", "100"]


@pytest.mark.parametrize(
    ("codes", "listed", "status", "says"),
    [
        ([1, 0], "", 0, "1 survivors without a reason"),
        ([1, 33], "", 0, "1 survivors without a reason"),
        ([1, -9], "", 0, "1 survivors without a reason"),
        ([1, None], "", 0, "1 mutants were not tried"),
        ([], "", 0, "nothing was mutated"),
        ([1, 1], listing(survivor("first(1)")), 0, "1 listed survivors are none"),
        ([1, 1], listing(survivor("gone()")), 0, "1 listed survivors are none"),
        ([1, 1], "", 1, "mutmut ended with 1"),
    ],
)
def test_the_command_fails_and_says_why(
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    codes: list[int | None],
    listed: str,
    status: int,
    says: str,
) -> None:
    assert command(codes, listed, status) == 1
    assert says in capsys.readouterr().out


def test_nothing_is_proven_when_the_tests_fail_without_a_mutant(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command([1, 1], without=4) == 1
    assert "without a mutant the tests ended with 4" in capsys.readouterr().out
    (result,) = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert len(result["faults"]) == 1 and result["faults"][0].startswith("without a mutant")


def test_what_fails_without_a_mutant_ends_the_run(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command([1, 1], failing=("without a mutant this fails: tests/test_a.py::test_one",)) == 1
    assert "without a mutant this fails: tests/test_a.py::test_one" in capsys.readouterr().out


# --- forks, for what does not run at import ---

TEST = """
import os

def test_one():
    assert not os.environ["MUTANT_UNDER_TEST"].endswith(("f__mutmut_1", "g__mutmut_1"))

def test_two():
    if os.environ["MUTANT_UNDER_TEST"].endswith("f__mutmut_3"):
        os._exit(9)
"""
ONE, TWO = "tests/test_redaction.py::test_one", "tests/test_redaction.py::test_two"
MODULE = "citizenid._redaction.restoring"


@pytest.fixture
def mutants_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A tree in which mutmut wrote four mutants of f, and said which tests reach f and what runs at import."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def make(tests: list[str], reached: list[str], text: str = TEST, by_tests: tuple[str, ...] = ()) -> Path:
        tree = a_run(tmp_path / "tree", [None] * 4)
        (tree / "src" / "citizenid" / "_redaction").mkdir(parents=True)
        (tree / FILE).write_text("", "utf-8")
        (tree / "mutants" / "tests").mkdir()
        (tree / "mutants" / "tests" / "test_redaction.py").write_text(text, "utf-8")
        shutil.copyfile(run.HERE / "forked.py", tree / "mutants" / f"{run.FORKED}.py")
        stats = {"tests_by_mangled_function_name": {f"{MODULE}.x_f": tests}, "duration_by_test": {}}
        (tree / "mutants" / "mutmut-stats.json").write_text(json.dumps(stats), "utf-8")
        known = {"package": reached, "tests": by_tests}
        (tree / "mutants" / at_import.REACHED).write_text(json.dumps(known), "utf-8")
        (tree / "mutants" / at_import.MODULES).write_text("json\n", "utf-8")
        return tree

    return make


@pytest.mark.parametrize("by_tests", [(), (f"{MODULE}.x_f",)])
def test_what_forks_decide_is_written_down_and_the_rest_is_left(
    mutants_of: Callable[..., Path], tmp_path: Path, by_tests: tuple[str, ...]
) -> None:
    tree = mutants_of([TWO, ONE], [f"{MODULE}.x_g"], by_tests=by_tests)
    assert run.fork(tree, "_redaction", 2, tmp_path / "log") == []
    assert list(run.written_codes(tree, "_redaction").values()) == [1, 0, None, 0]
    assert not (tree / "mutants" / forked.RESULTS).exists() and not (tree / "mutants" / forked.PLAN).exists()


def test_of_a_draw_nothing_else_is_tried(mutants_of: Callable[..., Path], tmp_path: Path) -> None:
    tree = mutants_of([TWO, ONE], [])
    assert run.fork(tree, "_redaction", 2, tmp_path / "log", [f"{MODULE}.x_f__mutmut_2"]) == []
    assert list(run.written_codes(tree, "_redaction").values()) == [None, 0, None, None]


def test_forks_leave_what_runs_at_import_and_what_no_test_reaches(
    mutants_of: Callable[..., Path], tmp_path: Path
) -> None:
    tree = mutants_of([ONE], [f"{MODULE}.x_f"])
    assert run.fork(tree, "_redaction", 2, tmp_path / "log") == []
    assert set(run.written_codes(tree, "_redaction").values()) == {None}
    shutil.rmtree(tree)
    tree = mutants_of([], [])
    assert run.fork(tree, "_redaction", 2, tmp_path / "log") == []
    assert set(run.written_codes(tree, "_redaction").values()) == {None}


def test_forks_go_on_where_they_were_interrupted(mutants_of: Callable[..., Path], tmp_path: Path) -> None:
    tree = mutants_of([ONE], [])
    earlier = {"mutant": f"{MODULE}.x_f__mutmut_2", "code": 1, "by": ONE}  # which it would not say itself
    (tree / "mutants" / forked.RESULTS).write_text(json.dumps(earlier) + "\n", "utf-8")
    assert run.fork(tree, "_redaction", 2, tmp_path / "log") == []
    assert list(run.written_codes(tree, "_redaction").values()) == [1, 1, 0, 0]


def test_what_a_test_killed_that_fails_by_itself_is_not_written_down(
    mutants_of: Callable[..., Path], tmp_path: Path
) -> None:
    text = TEST.replace("import os\n", "import os\ncalls = []\n").replace("    assert", "    assert calls; assert", 1)
    text = text.replace("def test_two():\n", "def test_two():\n    calls.append(1)\n")
    first = text.index("def test_two")
    text = text[: text.index("def test_one")] + text[first:] + "\n" + text[text.index("def test_one") : first]
    tree = mutants_of([ONE, TWO], [], text)
    assert run.fork(tree, "_redaction", 1, tmp_path / "log") == [f"without a mutant this fails: {ONE}"]
    assert set(run.written_codes(tree, "_redaction").values()) == {None}  # after the first it was asked first


def test_what_modules_of_tests_call_is_tried_where_the_mutant_imports_them(
    mutants_of: Callable[..., Path], tmp_path: Path
) -> None:
    """In a fork of what they had made before, a mutant that spoils what they make would not be noticed."""
    text = "import os\nMADE = os.environ['MUTANT_UNDER_TEST'][-2:]\ndef test_one():\n    assert MADE != '_2'\n"
    text += "if MADE == '_3':\n    raise ValueError\n"
    for by_tests, codes in ((), [0, 0, 0, 0]), ((f"{MODULE}.x_f",), [0, 1, 1, 0]):
        tree = mutants_of([ONE], [], text, by_tests)
        assert run.fork(tree, "_redaction", 2, tmp_path / "log") == []
        assert list(run.written_codes(tree, "_redaction").values()) == codes
        shutil.rmtree(tree)


def test_a_collection_that_fails_is_said(mutants_of: Callable[..., Path], tmp_path: Path) -> None:
    tree = mutants_of([ONE], [], "import nothing_of_this_name\n")
    assert run.fork(tree, "_redaction", 2, tmp_path / "log") == ["the collection that was to be forked ended with 2"]
    assert set(run.written_codes(tree, "_redaction").values()) == {None}


def test_what_runs_at_import_is_written_down_where_forks_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    state = type("State", (), {"_stats": {"b", "a"}})()
    monkeypatch.setitem(sys.modules, "mutmut.state", type("Module", (), {"state": staticmethod(lambda: state)}))
    monkeypatch.setitem(sys.modules, "mutmut", type("Package", (), {}))
    monkeypatch.setattr(at_import, "_reached", set())
    monkeypatch.setattr(at_import, "_by_package", set())
    monkeypatch.setattr(gc, "disable", lambda: None)
    (tmp_path / at_import.MODULES).write_text("no_module_of_this_name\njson\njson.tool\n", "utf-8")
    monkeypatch.delitem(sys.modules, "json.tool", raising=False)
    for looks in ("", "stats"):
        monkeypatch.setenv("MUTANT_UNDER_TEST", looks)
        at_import.pytest_sessionstart(None)
        assert ("json.tool" in sys.modules) is bool(looks)
        state._stats = state._stats | {"c"}
        at_import.pytest_collection_finish(None)
        assert (tmp_path / at_import.REACHED).exists() is bool(looks)
        state._stats = {"b", "a"}
    known = json.loads((tmp_path / at_import.REACHED).read_text("utf-8"))
    assert known == {"package": ["a", "b"], "tests": ["c"]}
    state._stats = set()
    at_import.pytest_runtest_setup(None)
    assert state._stats == {"a", "b", "c"}


def test_every_module_may_be_imported_and_no_program(tmp_path: Path) -> None:
    names = run.importable(run.ROOT)
    assert {"citizenid", "citizenid.policy", "citizenid.policy._rules", "citizenid.verifier"} <= set(names)
    assert not [name for name in names if name.endswith("__main__") or "__init__" in name]


# --- the control ---


def test_the_control_asks_each_test_that_was_asked_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, two = "tests/test_a.py::test_one[a b]", "tests/test_a.py::test_2"
    (tmp_path / "mutants" / "tests").mkdir(parents=True)
    stats = {"tests_by_mangled_function_name": {"f": [one], "g": [one, two]}}
    (tmp_path / "mutants" / "mutmut-stats.json").write_text(json.dumps(stats), "utf-8")
    test = tmp_path / "mutants" / "tests" / "test_a.py"
    both = "import pytest\n@pytest.mark.parametrize('x', ['a b'])\ndef test_one(x): pass\ndef test_2(): pass\n"
    test.write_text(both, "utf-8")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    assert run.control(tmp_path, tmp_path / "log") == 0
    assert (tmp_path / "log").read_text("utf-8").count("2 passed") == 1
    test.write_text("def test_2(): pass\n", "utf-8")
    assert run.control(tmp_path, tmp_path / "log") == 4


def test_the_command_tries_what_it_draws_and_says_what_that_tells_of_all(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command([1, 1, 1, 1], "", 0, 0, "--sample", "2") == 0
    assert "2 were drawn; of all, at least 42.5 of 100" in capsys.readouterr().out
    (result,) = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert (result["mutants"], result["drawn"], result["killed"], result["score"]) == (4, 2, 2, 100)
    assert result["at_least"] == 42.5 and result["faults"] == []
    assert command([0, 0, 0, 0], "", 0, 0, "--sample", "2") == 1
    assert "2 survivors without a reason" in capsys.readouterr().out
    assert command([], "", 0, 0, "--sample", "2") == 1
    assert "nothing was mutated" in capsys.readouterr().out


def test_survivors_of_other_parts_are_not_asked_for(command: Callable[..., int]) -> None:
    assert command([1], listing({**ENTRY, "file": "src/citizenid/verifier.py"})) == 0


def test_a_part_that_is_none_is_a_wrong_use() -> None:
    with pytest.raises(SystemExit, match="2"):
        run.main(["--only", "everything"])


def test_it_runs_as_a_program_from_anywhere(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(run.HERE / "run.py"), "--help"],
        cwd=tmp_path,
        env={"PATH": os.environ.get("PATH", "")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--keep" in ran.stdout
