"""Kill publishers at random instants, and see that nothing that they answered is lost.

    python -m benches.crash_status --kills 2000

Two processes at a time open one ledger and allocate, revoke, suspend and issue in a loop; each writes every answer into
a pipe after it has it. They are ended by SIGKILL at a random instant behind a random number of answers, so that a busy
machine does not end them before they have done anything; a quarter of them after a random time alone, while they open
the file or make it. Then the ledger is opened again, by a process that was not there, and the answers are held against
the list that it publishes, which is read here by the standard library alone:

- no index was answered twice, and each that was answered is taken;
- every revocation that was answered is in the list;
- no two tokens have one iat;
- the file is whole: SQLite says so, and what is free and what is taken make up the list.

The exit status is 1, and the seed is printed, when one of these fails. A kill ends a process and not the machine: what
was written and not synced survives it. That answers wait for the sync is tested apart, on copies of the file that are
cut short (tests/status/test_ledger.py). Needs `os.fork`. Spec: specs/profile-status-list.md section 5, P8 and P9.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import select
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from citizenid import LocalKey, StatusReference
from citizenid.status import StatusPublisher

_URI: Final = "https://issuer.example/status/crash"
_SIZE: Final = 100_000  # four chunks of the bitmap
_BITS: Final = 2
_WORKERS: Final = 2
_ROUNDS_OF_A_FILE: Final = 25
_MOST_ANSWERS: Final = 30  # before the first of a round is killed
_LONGEST_S: Final = 0.004  # a process opens the file in about 2 ms and then answers every 0.3 ms
_PATIENCE_S: Final = 30.0
_NOW: Final = 1_800_000_000
_KEY: Final = LocalKey.generate("Ed25519").public


@dataclass(slots=True)
class Tally:
    """What was answered and survived."""

    kills: int = 0
    files: int = 0
    killed_before_an_answer: int = 0
    allocated: int = 0
    revoked: int = 0
    issued: int = 0


@dataclass(slots=True)
class Answers:
    """What the processes that used one file have answered."""

    allocated: set[int] = field(default_factory=set)
    revoked: set[int] = field(default_factory=set)
    issued: set[int] = field(default_factory=set)


def work(path: Path, pipe: int, seed: int) -> NoReturn:
    """Use the ledger until somebody kills this process. Each line is one write: it is in the pipe whole or not."""
    chance = random.Random(seed)  # noqa: S311  # the order of calls; indices are drawn by the system
    publisher = StatusPublisher(uri=_URI, size=_SIZE, bits=_BITS, path=path)
    ours: list[StatusReference] = []

    def say(kind: str, numbers: Sequence[int]) -> None:
        os.write(pipe, f"{kind} {' '.join(map(str, numbers))}\n".encode())

    while True:
        act = chance.random()
        if act < 0.45 or not ours:
            ours.append(publisher.allocate())
            say("allocated", [ours[-1].index])
        elif act < 0.55:
            batch = publisher.allocate_many(chance.randint(2, 40))
            ours.extend(batch)
            say("allocated", [reference.index for reference in batch])
        elif act < 0.60:
            decoys = publisher.allocate_decoys(4, revoked=2)
            say("allocated", [reference.index for reference in decoys])
            say("revoked", [reference.index for reference in decoys[:2]])
        elif act < 0.65:
            publisher.suspend(ours[-1])
        elif act < 0.70:
            now = max(_NOW, publisher.last_issued_at or 0)  # a clock that keeps up with us
            token = publisher.prepare(_KEY, now=now, ttl_s=60, expires_s=60, level=1).to_be_signed
            say("issued", [json.loads(_decode(token.split(b".")[1]))["iat"]])
        else:
            reference = ours.pop(chance.randrange(len(ours)))
            publisher.revoke(reference, at=_NOW, reason="crash")
            say("revoked", [reference.index])


def start(path: Path, seed: int) -> tuple[int, int]:
    """Start one process. Returns its id and the end of the pipe to read from."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        try:
            work(path, writing, seed)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writing)
    return process, reading


def wait_for(reading: int, answers: int) -> bytes:
    """Read from a process until it has given so many answers, and return them: it may have given more."""
    read, until = b"", time.monotonic() + _PATIENCE_S
    while read.count(b"\n") < answers:
        assert select.select([reading], [], [], until - time.monotonic())[0], "a process does not answer"
        piece = os.read(reading, 65_536)
        assert piece, "a process ended by itself"
        read += piece
    return read


def end(process: int, reading: int, read: bytes) -> list[list[str]]:
    """Kill one process and return the lines that it has answered, those that were read before included."""
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status), "a process ended by itself"
    with open(reading, "rb") as pipe:
        return [line.split() for line in (read + pipe.read()).decode().splitlines()]


def round_(path: Path, chance: random.Random, answers: Answers, tally: Tally) -> None:
    """Start some processes, kill them, and check what they answered."""
    running = [start(path, chance.randrange(2**32)) for _ in range(_WORKERS)]
    read = b""
    if chance.random() < 0.75:
        read = wait_for(running[0][1], chance.randint(1, _MOST_ANSWERS))
    time.sleep(chance.uniform(0, _LONGEST_S))
    lines: list[list[str]] = []
    for process, reading in running:
        mine = end(process, reading, read if reading == running[0][1] else b"")
        tally.kills += 1
        tally.killed_before_an_answer += not mine
        lines += mine
        time.sleep(chance.uniform(0, _LONGEST_S))
    new = Answers()
    for kind, *numbers in lines:
        for number in map(int, numbers):
            known = getattr(answers, kind)
            assert number not in known or kind == "revoked", f"{kind} twice: {number}"
            known.add(number)
            getattr(new, kind).add(number)
    check(path, answers, new)
    tally.allocated += len(new.allocated)
    tally.revoked += len(new.revoked)
    tally.issued += len(new.issued)


def check(path: Path, answers: Answers, new: Answers) -> None:
    """Open the ledger anew and hold the answers against it."""
    publisher = StatusPublisher(uri=_URI, size=_SIZE, bits=_BITS, path=path)
    try:
        for index in new.allocated:
            publisher.status(StatusReference(_URI, index))  # raises for one that is not taken
        assert _SIZE - publisher.free >= len(answers.allocated), "fewer indices are taken than were answered"
        now = max(_NOW, publisher.last_issued_at or 0)  # a clock that keeps up with us
        token = publisher.prepare(_KEY, now=now, ttl_s=60, expires_s=60, level=1).to_be_signed
    finally:
        publisher.close()
    payload = json.loads(_decode(token.split(b".")[1]))
    assert payload["iat"] not in answers.issued, "an iat was given twice"
    answers.issued.add(payload["iat"])
    packed = zlib.decompress(_decode(payload["status_list"]["lst"].encode()))
    for index in answers.revoked:
        assert packed[index // 4] >> index % 4 * 2 & 3 == 1, f"the revocation of {index} is lost"


def whole(path: Path) -> None:
    """Ask SQLite, and count."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (free,) = connection.execute("SELECT free FROM list").fetchone()
        chunks = connection.execute("SELECT taken FROM chunk").fetchall()
    finally:
        connection.close()
    left = sum(int.from_bytes(free[place : place + 2], "little") for place in range(0, len(free), 2))
    taken = sum(int.from_bytes(chunk, "little").bit_count() for (chunk,) in chunks)
    assert left + taken == _SIZE, "what is free and what is taken do not make up the list"


def run(kills: int, seed: int, folder: Path) -> Tally:
    """Kill so many processes; raises AssertionError when something is lost."""
    chance = random.Random(seed)  # noqa: S311  # when to kill
    tally = Tally()
    while tally.kills < kills:
        tally.files += 1
        path = folder / f"{tally.files}.status"
        answers = Answers()
        for _ in range(_ROUNDS_OF_A_FILE):
            if tally.kills < kills:
                round_(path, chance, answers, tally)
        whole(path)
        for file in folder.glob(f"{path.name}*"):
            file.unlink()
        print(f"{tally.kills:,} kills", file=sys.stderr, flush=True)
    return tally


def _decode(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the tally, return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benches.crash_status", description="Kill publishers.")
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
            f"{tally.kills:,} kills, nothing lost: {tally.allocated:,} allocations, {tally.revoked:,} revocations and "
            f"{tally.issued:,} iat were answered; {tally.killed_before_an_answer:,} processes had answered nothing yet"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
