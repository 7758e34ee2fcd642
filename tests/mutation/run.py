"""Change the package in small ways and see that its tests notice each: `python tests/mutation/run.py`.

Each part runs on a copy of what git knows, never in the tree itself. mutmut writes the mutants there, finds out which
test reaches which function, and tries each mutant on those tests until one fails; in the end the same tests must pass
without a mutant. What survives must stand in survivors.toml with the reason. The exit status is 1 when a part misses
its target, when a survivor of a part that must kill all has no reason, when a listed one is none any more, and when
nothing was mutated: then nothing was proven.

`--keep` names a folder in which an interrupted run goes on; it starts anew when any file has changed since. `--sample`
tries so many mutants of each part, drawn by chance from a seed: an estimate, with the score that it does not overstate.

It needs what requirements/mutation.txt pins, besides the package with its development dependencies.

Spec: specs/assurance.md; specs/decisions/0028.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
if sys.path[0] == str(HERE):  # run as a program: its folder must not hide other packages
    sys.path[0] = str(HERE.parent)

from mutation import forked  # noqa: E402  # found by the line above
from mutation.at_import import MODULES, REACHED  # noqa: E402
from mutation.outcome import Fate, Name, Outcome, codes, collected, drawn, judged, record, survivors  # noqa: E402  # found by the line above
from mutation.parts import PARTS, Part, part_of, patterns  # noqa: E402

SURVIVORS: Final = HERE / "survivors.toml"
MEMORY_BYTES: Final = 4 << 30  # of address space: a mutant that collects without end meets MemoryError, not the machine
TIMEOUT_CONSTANT_S: Final = 5  # beside what its tests take, four times over: a busy machine must not kill a mutant
TIMEOUT_FACTOR: Final = 4
# What is imported once, before the mutants part. Never the package.
PRELOADED: Final = "mutation_preloaded.txt"
_MODULES: Final = (
    "pytest cryptography.x509 cryptography.hazmat.primitives.asymmetric.ec nacl.bindings cbor2 jiter jwt "
    "hypothesis hypothesis.strategies"
)
_QUIET: Final = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # it would rewrite the asserts of hypothesis
AT_IMPORT: Final = "mutation_at_import"
FORKED: Final = "mutation_forked"
_STAMP: Final = ".what-was-run"


class Draw(NamedTuple):
    """How many mutants of each part to try, and the seed by which they are drawn."""

    count: int
    seed: int


def copied(root: Path, target: Path) -> str:
    """Copy what git knows of `root`, as it stands on disk, and return a digest of it."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
    ).stdout
    digest = hashlib.sha256()
    for name in sorted(set(os.fsdecode(listing).split("\0")) - {""}):
        source = root / name
        if not source.is_file():  # deleted, and not yet committed
            continue
        data = source.read_bytes()
        digest.update(f"{len(name)} {len(data)} {name}".encode() + data)
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / name)
    return digest.hexdigest()


def configuration(part: Part, tree: Path) -> str:
    """Return what mutmut is told, as a section of pyproject.toml."""
    beside = sorted(
        path.name for path in tree.iterdir() if path.name not in {"src", "mutants", ".git", "pyproject.toml"}
    )
    without = [f"--deselect={name}" for name, _ in part.without]
    settings: dict[str, Any] = {
        "source_paths": ["src/citizenid"],
        "only_mutate": patterns(part),
        "also_copy": beside,
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", AT_IMPORT, *_QUIET, *without],
        "pytest_add_cli_args_test_selection": [f"tests/{name}" for name in part.tests],
        "timeout_constant": float(TIMEOUT_CONSTANT_S),
        "timeout_multiplier": float(TIMEOUT_FACTOR),
        "use_git_change_detection": False,  # the copy is no repository
        # Each mutant imports the package anew: what a module builds at import is then built by the mutant.
        "process_isolation": "forkserver",
        "forkserver_warmup": "import",
        "preload_modules_file": PRELOADED,
    }
    return "\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


def prepared(name: str, work: Path, root: Path = ROOT) -> Path:
    """Return the tree in which a part runs: the one of an earlier run if nothing has changed since, or a new one."""
    fresh, tree = work / f"{name}.new", work / name
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    stamp = f"{copied(root, fresh)} {PARTS[name]}"
    shutil.copyfile(HERE / "at_import.py", fresh / f"{AT_IMPORT}.py")
    shutil.copyfile(HERE / "forked.py", fresh / f"{FORKED}.py")
    (fresh / MODULES).write_text("\n".join(importable(fresh)) + "\n", "utf-8")
    (fresh / PRELOADED).write_text("\n".join(_MODULES.split()) + "\n", "utf-8")
    with (fresh / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write(configuration(PARTS[name], fresh))
    if (tree / _STAMP).is_file() and (tree / _STAMP).read_text("utf-8") == stamp:
        shutil.rmtree(fresh)
        return tree
    if tree.exists() and not (tree / _STAMP).is_file():
        raise SystemExit(f"{tree} is no tree of this program: it is left alone")
    shutil.rmtree(tree, ignore_errors=True)
    (fresh / _STAMP).write_text(stamp, "utf-8")
    fresh.rename(tree)
    return tree


def importable(tree: Path) -> list[str]:
    """Return the names of the package's modules, but for those that are programs."""
    paths = sorted((tree / "src" / "citizenid").rglob("*.py"))
    names = [".".join(path.relative_to(tree / "src").with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names if not name.endswith(".__main__")]


def environment(tree: Path) -> dict[str, str]:
    """Return the environment in which tests run there."""
    sources = tree / "mutants" / "src"
    sources.mkdir(parents=True, exist_ok=True)  # an interpreter remembers what was not there when it began
    return {
        **os.environ,
        "HYPOTHESIS_PROFILE": "mutation",  # the same examples for each mutant, and the first that fails is enough
        "PYTHONPATH": str(sources),  # a process of its own that a test starts runs the mutant, too
        "MUTANT_UNDER_TEST": "",
    }


def called(command: list[str], folder: Path, tree: Path, log: Path) -> int:
    """Run a program under the limit on memory, and return its exit status. What it prints goes to `log`."""
    with log.open("ab") as output:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment(tree),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
            check=False,
        ).returncode


def mutate(tree: Path, jobs: int, log: Path, mutants: Iterable[str] = ()) -> int:
    """Let mutmut run in `tree`, or go on there, with these mutants or with all, and return its exit status."""
    mutmut = shutil.which("mutmut", path=str(Path(sys.executable).parent))
    if mutmut is None:
        raise SystemExit("there is no mutmut beside this interpreter: see CONTRIBUTING.md")
    return called([mutmut, "run", "--max-children", str(jobs), *mutants], tree, tree, log)


def written_codes(tree: Path, name: str) -> dict[str, int | None]:
    """Return the exit codes of a part's mutants, by what mutmut calls them; None for what was not tried."""
    return {key: code for file in modules(tree, name) for key, code in codes(tree, file).items()}


def fork(tree: Path, name: str, jobs: int, log: Path, among: Iterable[str] | None = None) -> list[str]:
    """Try what can be tried in forks (`forked.py`), and return what fails without a mutant.

    What is not in the results afterwards was left for mutmut: what the package calls when it is imported, what no test
    reaches, and what ended in a way that says nothing.
    """
    mutants, stats = tree / "mutants", json.loads((tree / "mutants" / "mutmut-stats.json").read_text("utf-8"))
    reached = json.loads((mutants / REACHED).read_text("utf-8"))
    tests = {key: sorted(each) for key, each in stats["tests_by_mangled_function_name"].items()}
    for key in reached["package"]:
        tests.pop(key, None)
    called_here = {key: key.replace("__init__.", "") for key, code in written_codes(tree, name).items() if code is None}
    results = mutants / forked.RESULTS
    left = [
        each
        for key, each in called_here.items()
        if (among is None or key in among) and tests.get(each.partition("__mutmut_")[0])
    ]
    if left:
        collecting = [each for each in left if each.partition("__mutmut_")[0] in reached["tests"]]
        plan = {
            "jobs": jobs,
            "modules": (mutants / MODULES).read_text("utf-8").split(),
            "collecting": collecting,
            "mutants": [each for each in left if each not in set(collecting)],
            "tests": tests,
            "durations": stats["duration_by_test"],
        }
        (mutants / forked.PLAN).write_text(json.dumps(plan), "utf-8")
        (mutants / forked.VERDICT).unlink(missing_ok=True)
        without = [f"--deselect={test}" for test, _ in PARTS[name].without]
        command = ["-x", "-q", "--rootdir=.", "--tb=no", "--capture=sys", "-p", "no:cacheprovider", "-p", FORKED]
        command += [*_QUIET, *without, *(f"tests/{each}" for each in PARTS[name].tests)]
        status = called([sys.executable, "-m", "pytest", *command], mutants, tree, log)
        (mutants / forked.PLAN).unlink()
        if status or not (mutants / forked.VERDICT).is_file():
            return [f"the collection that was to be forked ended with {status}"]
        failing = set(json.loads((mutants / forked.VERDICT).read_text("utf-8")))
        decided = {
            line["mutant"]: line["code"]
            for line in _lines(results)
            if line["code"] in forked.DECIDED and line["by"] not in failing
        }
        for file in modules(tree, name):
            record(tree, file, {key: decided.get(each) for key, each in called_here.items()})
        results.unlink(missing_ok=True)
        return [f"without a mutant this fails: {each}" for each in sorted(failing)]
    return []


def _lines(results: Path) -> list[dict[str, Any]]:
    text = results.read_text("utf-8") if results.is_file() else ""
    return [json.loads(line) for line in text.splitlines()]


def run_mutants(name: str, tree: Path, jobs: int, log: Path, draw: Draw | None) -> tuple[list[str], set[Name] | None]:
    """Try the mutants of a part, or some that are drawn; return what went wrong, and what was drawn.

    mutmut says which there are only when it runs: the first time it writes them, and ends when it finds none of a name.
    """
    mutate(tree, jobs, log, ["no mutant has this name"])
    known = written_codes(tree, name)
    among = None if draw is None else drawn(tree, modules(tree, name), draw.count, f"{draw.seed} {name}")
    if not known:
        return [], None if among is None else set()
    troubles = fork(tree, name, jobs, log, among)
    left = [key for key, code in written_codes(tree, name).items() if code is None and (among is None or key in among)]
    if left and not troubles and (status := mutate(tree, jobs, log, left if among is not None else ())):
        troubles.append(f"mutmut ended with {status}: {log}")
    return troubles, None if among is None else set(among.values())


def control(tree: Path, log: Path) -> int:
    """Ask the tests as they were asked of the mutants, but of no mutant, and return the exit status: it must be 0.

    mutmut names single tests to pytest, and takes for killed whatever ends otherwise: also a name that pytest does not
    find again, or a test that fails by itself.
    """
    stats = json.loads((tree / "mutants" / "mutmut-stats.json").read_text("utf-8"))
    asked = sorted({test for tests in stats["tests_by_mangled_function_name"].values() for test in tests})
    names = tree / "control.txt"
    names.write_text("\n".join(asked) + "\n", "utf-8")
    options = ["--rootdir=.", "-x", "-q", "-p", "no:cacheprovider", f"@{names}"]
    return called([sys.executable, "-m", "pytest", *options], tree / "mutants", tree, log)


def modules(tree: Path, name: str) -> list[str]:
    """Return the modules of a part, by their paths in the repository."""
    paths = sorted((tree / "src" / "citizenid").rglob("*.py"))
    return [file for path in paths if part_of(file := path.relative_to(tree).as_posix()) == name]


def run_part(
    name: str, work: Path, jobs: int, listed: Iterable[Name], draw: Draw | None = None, root: Path = ROOT
) -> tuple[Outcome, list[str], dict[Name, Fate]]:
    """Run one part; return its outcome, why the run itself proves nothing, if so, and the fate of each mutant."""
    tree, log = prepared(name, work, root), work / f"{name}.log"
    troubles, among = run_mutants(name, tree, jobs, log, draw)
    if not troubles and (status := control(tree, log)):
        troubles.append(f"without a mutant the tests ended with {status}: {log}")
    fates = collected(tree, modules(tree, name))
    here = [each for each in listed if part_of(each.file) == name]
    return judged(name, PARTS[name].target, fates, here, among), troubles, fates


def written(outcome: Outcome, troubles: list[str], fates: dict[Name, Fate], seconds: float) -> dict[str, Any]:
    """Return what the results say about one part."""
    return {
        "part": outcome.part,
        "target": outcome.target,
        "seconds": round(seconds),
        "mutants": outcome.mutants,
        "drawn": outcome.drawn,
        **{fate.name.lower(): outcome.counts[fate] for fate in Fate},
        "explained": len(outcome.explained),
        "score": round(outcome.score, 2),
        "at_least": round(outcome.at_least, 2),
        "faults": [*outcome.faults(), *troubles],
        "unexplained": [{**each._asdict(), "fate": fates[each].value} for each in outcome.unexplained],
        "stale": [each._asdict() for each in outcome.stale],
    }


def printed(outcome: Outcome, troubles: list[str], fates: dict[Name, Fate], log: Path) -> None:
    """Print one row of the table, and below it what is wrong."""
    print(
        f"{outcome.part:14}{outcome.mutants:>9,}{outcome.killed:>9,}{outcome.counts[Fate.TIMEOUT]:>10,}"
        f"{len(outcome.explained):>11,}{len(outcome.unexplained):>13,}{outcome.score:>8.1f}{outcome.target:>8}",
        flush=True,
    )
    if outcome.drawn is not None:
        print(f"  {outcome.drawn:,} were drawn; of all, at least {outcome.at_least:.1f} of 100 (95 of 100 draws)")
    for each in outcome.unexplained:
        print(f"  {fates[each].value}: {each}")
    for each in outcome.stale:
        print(f"  listed, and no survivor: {each}")
    for fault in [*outcome.faults(), *troubles]:
        print(f"  {outcome.part}: {fault}")
    if troubles:
        print(log.read_bytes()[-3_000:].decode("utf-8", "replace").replace("\r", "\n"))


def main(argv: list[str] | None = None) -> int:
    """Run the parts and print the table; see the docstring of this module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", metavar="PART", help=f"may be repeated: {', '.join(PARTS)}")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="a folder that is kept, so that a later run goes on")
    parser.add_argument("--sample", type=int, metavar="N", help="mutants of each part to try, drawn by chance")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    chosen = parser.parse_args(argv)
    draw = None if chosen.sample is None else Draw(max(1, chosen.sample), chosen.seed)
    names = chosen.only or list(PARTS)
    if unknown := sorted(set(names) - PARTS.keys()):
        parser.error(f"no such part: {', '.join(unknown)}")
    listed = survivors(SURVIVORS.read_text("utf-8"))
    work = (chosen.keep or Path(tempfile.mkdtemp(prefix="citizenid-mutation-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    heads = (
        ("mutants", 9),
        ("killed", 9),
        ("timeouts", 10),
        ("explained", 11),
        ("unexplained", 13),
        ("score", 8),
        ("target", 8),
    )
    print(f"{'part':14}" + "".join(f"{head:>{width}}" for head, width in heads))
    results, good = [], True
    for name in names:
        began = time.monotonic()
        outcome, troubles, fates = run_part(name, work, max(1, chosen.jobs), listed, draw)
        printed(outcome, troubles, fates, work / f"{name}.log")
        results.append(written(outcome, troubles, fates, time.monotonic() - began))
        good = good and not troubles and not outcome.faults()
        if chosen.json:  # after each part: the next may take an hour
            chosen.json.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    if good and not chosen.keep:
        shutil.rmtree(work, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
