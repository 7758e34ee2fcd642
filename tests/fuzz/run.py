"""Fuzz all targets, guided by coverage, each in a process of its own: `python tests/fuzz/run.py --seconds 30`.

Seeds are made anew in each run. `--corpus` keeps what was found interesting and goes on with it; a ledger there adds up
what all runs did. A finding ends a target: its input is kept, and its path is printed. The exit status is 1 when
anything was found, and when a target did not run: a run that executed nothing proves nothing.

It needs what requirements/fuzz.txt pins, besides the package with its development dependencies.

Spec: specs/assurance.md; specs/decisions/0026.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

TESTS: Final = Path(__file__).resolve().parents[1]
if sys.path[0] == str(Path(__file__).resolve().parent):  # run as a program: its folder must not hide other packages
    sys.path[0] = str(TESTS)

PLANTED: Final = "CITIZENID_FUZZ_PLANTED"  # plants the bug
RSS_MB: Final = 1_536
INPUT_S: Final = 20  # for one input; none takes a tenth of a second where nothing else runs
STARTUP_S: Final = 600  # instrumenting the package, and the first look at all seeds, on a busy machine
_STATS: Final = re.compile(rb"stat::(\w+):\s+(\d+)")
_DONE: Final = re.compile(rb"Done \d+ runs in (\d+) second")
_COVERED: Final = re.compile(rb"cov: (\d+) ft: (\d+) corp: (\d+)")


def fuzz_target(name: str, arguments: list[str]) -> None:
    """Run one target under atheris in this process; it ends with the process."""
    import atheris

    with atheris.instrument_imports(include=["citizenid", "fuzz.planted"], enable_loader_override=False):
        from fuzz import planted
        from fuzz.targets import TARGETS
    import warnings

    warnings.simplefilter("error")  # as in the tests: a warning on hostile input is an answer that is not ours
    one, with_bug = TARGETS[name].one, PLANTED in os.environ
    prefix = next((each.partition("=")[2] for each in arguments if each.startswith("-artifact_prefix=")), "")

    def kept(data: bytes) -> None:
        try:
            one(data)
            if with_bug:
                planted.deep(data)
        except BaseException:  # whatever it is: libFuzzer keeps the input only if the interpreter ends in good order
            name_of = hashlib.sha1(data, usedforsecurity=False).hexdigest()
            Path(f"{prefix}crash-{name_of}").write_bytes(data)
            raise

    atheris.Setup([name, *arguments], kept)
    atheris.Fuzz()


def write_seeds(name: str, folder: Path) -> int:
    """Write the seeds and the dictionary of a target; return how many seeds there are."""
    from fuzz.targets import TARGETS

    target = TARGETS[name]
    seeds = target.inputs()
    folder.mkdir(parents=True, exist_ok=True)
    for position, seed in enumerate(seeds):
        (folder / f"{position:04}").write_bytes(seed)
    words = "".join(f'"{"".join(f"{chr(92)}x{byte:02x}" for byte in word)}"\n' for word in target.words)
    folder.with_suffix(".dict").write_text(words)
    return len(seeds)


def run_target(
    name: str, seconds: int, corpus: Path, work: Path, max_bytes: int | None = None, seed: int | None = None
) -> dict[str, Any]:
    """Fuzz one target in a process of its own and return what came of it.

    Args:
        name: of the target.
        seconds: of search.
        corpus: what is kept.
        work: what is not.
        max_bytes: of an input, or the target's.
        seed: of the search; None draws one.
    """
    from fuzz.targets import TARGETS

    target, kept, seeds, found = TARGETS[name], corpus / name, work / name, work / f"{name}-findings"
    kept.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    count = write_seeds(name, seeds)
    arguments = [
        f"-max_total_time={seconds}", f"-timeout={INPUT_S}", f"-rss_limit_mb={RSS_MB}",
        f"-max_len={max_bytes or target.max_bytes}",
        f"-artifact_prefix={found}/", "-print_final_stats=1", "-verbosity=1",
    ]  # fmt: skip
    environment = dict(os.environ)
    if seed is not None:
        arguments.append(f"-seed={seed}")
        environment["PYTHONHASHSEED"] = str(seed)
    if target.words:
        arguments.append(f"-dict={seeds.with_suffix('.dict')}")
    began = time.monotonic()
    command = [sys.executable, str(Path(__file__).resolve()), "--target", name, *arguments, str(kept), str(seeds)]
    log = work / f"{name}.log"
    with log.open("wb") as output:
        try:
            status = subprocess.run(
                command,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds + STARTUP_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
    text = log.read_bytes()
    stats = {key.decode(): int(value) for key, value in _STATS.findall(text)}
    covered = _COVERED.findall(text)
    executions = stats.get("number_of_executed_units", 0)
    findings = []
    for path in sorted(found.iterdir()):
        keep = corpus / f"{name}-{path.name}"
        shutil.copyfile(path, keep)
        findings.append(str(keep))
    spent = time.monotonic() - began
    done = _DONE.findall(text)  # a finding ends a run without this line
    searched = int(done[-1]) if done else executions // max(stats.get("average_exec_per_sec", 0), 1)
    if status and not findings:
        findings.append(f"ended with {status}: {log}")
    return {
        "target": name, "seconds": searched, "with_startup_s": round(spent, 1), "seeds": count,
        "executions": executions, "per_second": round(executions / max(searched, 1)),
        "edges": int(covered[-1][0]) if covered else 0,
        "features": int(covered[-1][1]) if covered else 0, "corpus": int(covered[-1][2]) if covered else 0,
        "slowest_s": stats.get("slowest_unit_time_sec", 0), "peak_rss_mb": stats.get("peak_rss_mb", 0),
        "findings": findings, "log": str(log),
    }  # fmt: skip


def add_up(ledger: Path, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Add the results of a run to a ledger, and return it."""
    held: dict[str, Any] = json.loads(ledger.read_text()) if ledger.exists() else {}
    for result in results:
        total = held.setdefault(result["target"], {"runs": 0, "seconds": 0, "executions": 0, "findings": 0})
        total["runs"] += 1
        total["seconds"] = total["seconds"] + result["seconds"]
        total["executions"] += result["executions"]
        total["findings"] += len(result["findings"])
        total["edges"], total["features"] = result["edges"], result["features"]
    ledger.write_text(json.dumps(held, indent=2, sort_keys=True) + "\n")
    return held


def prove(seconds: int) -> int:
    """Plant a bug that only a search guided by coverage finds, and see that it is found, or no run proves a thing."""
    from fuzz import planted

    work = Path(tempfile.mkdtemp(prefix="citizenid-fuzz-prove-"))
    os.environ[PLANTED] = "1"
    result = run_target("inflate", seconds, work, work, 2 * planted.BYTES)
    inputs = [Path(finding).read_bytes() for finding in result["findings"] if Path(finding).is_file()]
    found = False
    for data in inputs:
        try:
            planted.deep(data)
        except KeyError:
            found = True
    print(f"the planted bug was {'found' if found else 'NOT found'} in {result['executions']:,} executions")
    return 0 if found else 1


def main(argv: list[str] | None = None) -> int:
    """Run the targets and print the table; see the docstring of this module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=30, help="for each target")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", action="append", help="a target; may be repeated")
    parser.add_argument("--seed", type=int, help="of the searches: a change is judged and not luck; drawn by default")
    parser.add_argument("--corpus", type=Path, help="a folder that is kept, with the ledger")
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--prove", action="store_true", help="only see whether a planted bug is found")
    chosen = parser.parse_args(argv)
    if chosen.prove:
        return prove(chosen.seconds)
    from fuzz.targets import TARGETS

    names = chosen.only or list(TARGETS)
    if unknown := sorted(set(names) - TARGETS.keys()):
        parser.error(f"no such target: {', '.join(unknown)}")
    work = Path(tempfile.mkdtemp(prefix="citizenid-fuzz-run-"))
    corpus = chosen.corpus or work / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max(1, chosen.jobs)) as pool:
        folder = corpus.resolve()
        waiting = [pool.submit(run_target, name, chosen.seconds, folder, work, None, chosen.seed) for name in names]
        results = []
        print(
            f"{'target':16}{'seconds':>9}{'executions':>12}{'/s':>8}{'edges':>8}{'features':>10}{'corpus':>8}  findings"
        )
        for each in waiting:
            result = each.result()
            results.append(result)
            print(
                f"{result['target']:16}{result['seconds']:>9}{result['executions']:>12,}{result['per_second']:>8,}"
                f"{result['edges']:>8,}{result['features']:>10,}{result['corpus']:>8,}  {len(result['findings'])}",
                flush=True,
            )
    add_up(corpus / "ledger.json", results)
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=2) + "\n")
    bad = [result for result in results if result["findings"] or not result["executions"]]
    for result in bad:
        for finding in result["findings"] or [f"no execution: {result['log']}"]:
            print(f"{result['target']}: {finding}")
        print(Path(result["log"]).read_bytes()[-3_000:].decode("utf-8", "replace"))
    if not bad and not chosen.corpus:
        shutil.rmtree(work, ignore_errors=True)
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--target"]:
        fuzz_target(sys.argv[2], sys.argv[3:])
    sys.exit(main())
