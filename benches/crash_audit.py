"""Kill writers of an audit log at random instants, and see that no entry that was answered is lost.

    python -m benches.crash_audit --kills 2000

A process opens the log, refuses requests in several threads, takes checkpoints, and writes every answer into a pipe
after it has it. It is ended by SIGKILL after a random time, sometimes while it opens the log. Then:

- the log verifies as it lies there, before anybody has recovered anything, and begins with every checkpoint before;
- the next writer opens it, and every refusal that was answered is in the log, exactly once;
- every refusal that was counted is in the totals.

The exit status is 1, and the seed is printed, when one of these fails. A kill ends a process and not the machine: what
was written and not synced survives it. That answers wait for the sync is tested apart, on files that are cut
(tests/gateway/test_audit_faults.py). Needs `os.fork`. Spec: specs/profile-audit.md section 4.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, NoReturn

import cbor2

from citizenid import LocalKey, Reason
from citizenid.gateway._audit.entry import Tags, unpacked
from citizenid.gateway._audit.merkle import tile_name, widths
from citizenid.gateway.audit import AuditLog, verify_audit

_ORIGIN: Final = "gateway.example/audit"
_SECRET: Final = bytes(range(32))
_KEY: Final = LocalKey.generate("Ed25519")
_ROUNDS_OF_A_LOG: Final = 25
_LONGEST_S: Final = 0.250  # on a slow disk a process opens the log in some 50 ms
_THREADS: Final = 3
_NOW: Final = 1_800_000_000


@dataclass(slots=True)
class Tally:
    """What was answered and survived."""

    kills: int = 0
    logs: int = 0
    killed_before_an_answer: int = 0
    answered: int = 0
    counted: int = 0
    checkpoints: int = 0


@dataclass(slots=True)
class Answers:
    """What the processes that wrote one log have answered."""

    refused: set[bytes] = field(default_factory=set)
    counted: int = 0
    checkpoints: list[bytes] = field(default_factory=list)


def open_log(folder: Path) -> AuditLog:
    return AuditLog(folder, writer="w", origin=_ORIGIN, key=_KEY, secret=_SECRET, checkpoint_every_s=1)


def work(folder: Path, pipe: int, seed: int) -> NoReturn:
    """Refuse until somebody kills this process. Each line is one write: it is in the pipe whole or not."""
    log = open_log(folder)
    checkpoint = folder / "w" / "checkpoint"

    def refuse(number: int) -> None:
        chance = random.Random(seed + number)  # noqa: S311  # the order of calls
        place = 0
        while True:
            act = chance.random()
            if act < 0.85:
                place += 1
                subject = b"%d/%d/%d" % (seed, number, place)
                position = log.refused(
                    Reason.CITIZENSHIP_NOT_PERMITTED,
                    "policy",
                    policy=None,
                    rule=1,
                    resource="r",
                    subject=subject,
                    detail=None,
                    now=_NOW,
                )
                if log.settle(position) is None:
                    os.write(pipe, b"refused %s\n" % subject)
            elif act < 0.92:
                log.refused(
                    Reason.TICKET_MISSING,
                    "ticket",
                    policy=None,
                    rule=None,
                    resource=None,
                    subject=None,
                    detail=None,
                    now=_NOW,
                )
                os.write(pipe, b"counted 1\n")
            else:
                log.checkpoint()
                os.write(pipe, b"checkpoint %s\n" % checkpoint.read_bytes().hex().encode())

    for number in range(1, _THREADS):
        threading.Thread(target=refuse, args=(number,), daemon=True).start()
    refuse(0)
    raise AssertionError


def start(folder: Path, seed: int) -> tuple[int, int]:
    """Start one process. Returns its id and the end of the pipe to read from."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        try:
            work(folder, writing, seed)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writing)
    return process, reading


class Pipe:
    """Reads what a process answers while it runs: a pipe that is full would stop it."""

    def __init__(self, reading: int) -> None:
        self.parts: list[bytes] = []
        self._thread = threading.Thread(target=self._read, args=(reading,))
        self._thread.start()

    def _read(self, reading: int) -> None:
        with open(reading, "rb", buffering=0) as pipe:
            while part := pipe.read(1 << 16):
                self.parts.append(part)

    def lines(self) -> list[list[bytes]]:
        self._thread.join()
        return [line.split() for line in b"".join(self.parts).splitlines()]


def round_(folder: Path, chance: random.Random, answers: Answers, tally: Tally) -> None:
    """Start a process, kill it, and check what it answered."""
    process, reading = start(folder, chance.randrange(2**32))
    pipe = Pipe(reading)
    time.sleep(chance.uniform(0, _LONGEST_S))
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status), "a process ended by itself"
    lines = pipe.lines()
    tally.kills += 1
    tally.killed_before_an_answer += not lines
    tags = Tags(_SECRET)
    for kind, value in lines:
        if kind == b"refused":
            answers.refused.add(tags.tag(value, _NOW))
            tally.answered += 1
        elif kind == b"counted":
            answers.counted += 1
            tally.counted += 1
        else:
            answers.checkpoints.append(bytes.fromhex(value.decode()))
            tally.checkpoints += 1
    check(folder, answers)


def check(folder: Path, answers: Answers) -> None:
    """Verify the log as it is, open it anew, and hold the answers against it."""
    before = folder / "w" / "checkpoint"
    if before.exists():
        verify(folder, answers)
        answers.checkpoints.append(before.read_bytes())
    with open_log(folder) as log:
        key = log.verifier_key
    report = verify_audit(folder, keys=[key], previous=answers.checkpoints[-3:], now=_NOW).logs[0]
    found = refusals(folder / "w", report.size)
    assert len(found) == len(set(found)), "an entry is in the log twice"
    missing = answers.refused - set(found)
    assert not missing, f"{len(missing)} entries that were answered are lost"
    assert report.counted.get("ticket_missing", 0) >= answers.counted, "a count is lost"


def verify(folder: Path, answers: Answers) -> None:
    key = f"{_ORIGIN}/w"
    from citizenid.gateway._audit.note import VerifierKey

    verifier = VerifierKey.of(key, 1, _KEY.public).to_text()
    verify_audit(folder, keys=[verifier], previous=answers.checkpoints[-3:], now=_NOW)


def refusals(folder: Path, size: int) -> list[bytes]:
    """Read the tags of all refusals."""
    names = [tile_name(None, index) for index in range(size // 256)]
    names += [tile_name(None, index, width) for level, index, width in widths(size) if level == 0]
    entries = [cbor2.loads(entry) for name in names for entry in unpacked((folder / name).read_bytes())]
    return [entry[8] for entry in entries if entry[1] == "refused"]


def run(kills: int, seed: int, folder: Path) -> Tally:
    """Kill so many processes; raises AssertionError when something is lost."""
    chance = random.Random(seed)  # noqa: S311  # when to kill
    tally = Tally()
    while tally.kills < kills:
        tally.logs += 1
        path = folder / str(tally.logs)
        answers = Answers()
        for _ in range(_ROUNDS_OF_A_LOG):
            if tally.kills < kills:
                round_(path, chance, answers, tally)
        shutil.rmtree(path)
        print(f"{tally.kills:,} kills", file=sys.stderr, flush=True)
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the tally, return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benches.crash_audit", description="Kill writers of an audit log.")
    parser.add_argument("--kills", type=int, default=2_000, help="how many processes to kill (2,000)")
    parser.add_argument("--seed", type=int, default=None, help="of the instants; the system's own choice by default")
    parser.add_argument("--folder", type=Path, default=None, help="where, to test another disk; a temporary one")
    parser.add_argument("--json", action="store_true", help="print the tally as JSON")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        try:
            tally = run(options.kills, seed, Path(folder))
        except AssertionError as error:
            print(f"LOST, with --seed {seed}: {error}", file=sys.stderr)
            return 1
    if options.json:
        print(json.dumps(asdict(tally)))
    else:
        print(
            f"{tally.kills:,} kills, nothing lost: {tally.answered:,} entries and {tally.counted:,} counts were "
            f"answered, {tally.checkpoints:,} checkpoints taken; {tally.killed_before_an_answer:,} processes had "
            "answered nothing yet"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
