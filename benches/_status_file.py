"""One file of all status lists of a nation: how long a lookup and a load take, how much memory is shared.

    python -m benches --only status --full      # 330 lists of a million entries, built for real: below a minute

A shorter run has fewer lists of the same size. Of each list one entry in a hundred says revoked, at random places.
Building the lists is not measured; progress goes to stderr. What a worker maps is read from /proc/self/smaps while two
other processes have mapped and touched the same file.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from citizenid import LocalKey, Status, UnixTime
from citizenid.status import StatusFile, StatusPublisher, StatusStore, write_status_file
from citizenid.status._store import status_identity

from ._measure import Plan, interleave, peak_bytes
from ._report import Kind, Row
from ._world import ISSUER, STATUS_MEDIA_TYPE, World

NATION: Final = 330
_REVOKED_OF: Final = 100
_LEVEL: Final = 6
_OTHERS: Final = 2
_LOOKUP_US: Final = 0.3
_SHARED_MB: Final = 45.0
_LOAD_S: Final = 0.5
_INDEX = tuple[bytes, int]


def rows(world: World, plan: Plan) -> Iterator[Row]:
    """Build, write, map, measure."""
    tokens = dict(_tokens(world.key, world.now, plan))
    store, load_s = _load(world, tokens)
    size = f"{plan.lists} lists of {plan.entries:,}"
    whole = plan.lists >= NATION
    yield Row(
        name="status-load",
        step=f"load {size} at 1 %",
        value=load_s,
        unit="s",
        target=_LOAD_S if whole else None,
        reached=load_s <= _LOAD_S if whole else None,
        kind=Kind.FIGURE if whole else Kind.INFORMATION,
        note=f"JWT, {sum(map(len, tokens.values())) / 1e6:,.2f} MB, each verified and inflated; CPU time",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lists"
        started = time.process_time()
        write_status_file(path, store)
        yield Row(name="status-file-write", step="write them to one file", value=_ms_since(started), unit="ms")
        started = time.process_time()
        statuses = StatusFile(path, anchors=world.status_anchors)
        mapped_ms = _ms_since(started)
        yield Row(
            name="status-file-map", step="map that file", value=mapped_ms, unit="ms", note="each worker, each epoch"
        )
        yield _lookup(statuses, tokens, store, world.now, plan)
        yield from _memory(statuses, path, world, plan)


def _tokens(key: LocalKey, now: int, plan: Plan) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(330)  # noqa: S311  # which of them are revoked is of no interest to anybody
    started = time.monotonic()
    for number in range(plan.lists):
        uri = f"https://id.example/status/{number}"
        publisher = StatusPublisher(uri=uri, size=plan.entries, randbelow=chance.randrange)
        for _ in range(plan.entries // _REVOKED_OF):
            publisher.revoke(publisher.allocate())
        unsigned = publisher.prepare(key.public, now=now, ttl_s=43_200, expires_s=86_400, level=_LEVEL)
        yield uri, unsigned.sign(key)
        if number % 33 == 32 or number + 1 == plan.lists:
            took = time.monotonic() - started
            print(f"status: {number + 1} of {plan.lists} lists built, {took:.0f} s", file=sys.stderr, flush=True)


def _load(world: World, tokens: dict[str, bytes]) -> tuple[StatusStore, float]:
    store = StatusStore(anchors=world.status_anchors)
    started = time.process_time()
    for uri, token in tokens.items():
        store.ingest(uri, token, media_type=STATUS_MEDIA_TYPE, now=world.now)
    return store, time.process_time() - started


def _lookup(statuses: StatusFile, tokens: dict[str, bytes], store: StatusStore, now: int, plan: Plan) -> Row:
    chance = random.Random(7)  # noqa: S311
    identities = [status_identity(uri, ISSUER) for uri in tokens]
    at = UnixTime(now)

    def prepare(count: int) -> list[_INDEX]:
        return [(chance.choice(identities), chance.randrange(plan.entries)) for _ in range(count)]

    for asked in prepare(1_000):
        assert statuses.check_identity(*asked, at) is store.check_identity(*asked, at)
    runs: dict[str, Callable[[_INDEX], object]] = {
        "step": lambda asked: statuses.check_identity(asked[0], asked[1], at),
        "memory": lambda asked: store.check_identity(asked[0], asked[1], at),
        "empty": lambda asked: (asked[0], asked[1], at),
    }
    # Paced by the step: by the empty run the pool would be so large that to fetch a question costs more than to answer.
    samples = interleave(prepare, runs, plan, accept=lambda status: type(status) is Status, paced_by="step")
    value = samples.us() - samples.us("empty")
    return Row(
        name="status-file-lookup",
        step="look a random entry up in it",
        value=value,
        unit="us",
        target=_LOOKUP_US,
        reached=value <= _LOOKUP_US,
        kind=Kind.FIGURE,
        note=f"without the loop around it; in memory {samples.us('memory') - samples.us('empty'):.3f} us",
    )


def _memory(statuses: StatusFile, path: Path, world: World, plan: Plan) -> Iterator[Row]:
    own = peak_bytes(lambda: StatusFile(path, anchors=world.status_anchors))
    file_mb, whole = path.stat().st_size / 1e6, plan.lists >= NATION
    shared_mb, private_mb, note = file_mb, 0.0, "size of the file; no /proc/self/smaps here"
    if Path("/proc/self/smaps").exists():
        kib = _mapped_by_many(statuses, path, world, plan)
        shared_mb, private_mb = kib["Rss"] * 1.024e-3, kib["Private_Dirty"] * 1.024e-3
        each_mb = kib["Pss"] * 1.024e-3
        note = f"all of {file_mb:.2f} MB resident; {_OTHERS + 1} processes: each accounts for {each_mb:.2f} MB"
    yield Row(
        name="status-file-memory",
        step="memory of it that all workers share",
        value=shared_mb,
        unit="MB",
        target=_SHARED_MB if whole else None,
        reached=shared_mb <= _SHARED_MB if whole else None,
        kind=Kind.FIGURE if whole else Kind.INFORMATION,
        note=note,
    )
    yield Row(
        name="status-file-private",
        step="memory of it of each worker alone",
        value=own / 1e6 + private_mb,
        unit="MB",
        note="the directory while it is read; of the map itself nothing is private",
    )


def _mapped_by_many(statuses: StatusFile, path: Path, world: World, plan: Plan) -> dict[str, int]:
    """Read what the kernel counts while this process and others have mapped the file and touched each page of it."""
    workers = [_start_worker(path, world, plan) for _ in range(_OTHERS)]
    try:
        _touch(statuses, world, plan)
        return _mapped_kib(path)
    finally:
        for _, end in workers:  # each also holds the ends of those before it, so that all are closed first
            os.close(end)
        for child, _ in workers:
            os.waitpid(child, 0)


def _start_worker(path: Path, world: World, plan: Plan) -> tuple[int, int]:
    ready, say_ready = os.pipe()
    until, end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(end)
            statuses = StatusFile(path, anchors=world.status_anchors)
            _touch(statuses, world, plan)
            os.write(say_ready, b"1")
            os.read(until, 1)  # until the parent closes its end
        finally:
            os._exit(0)
    os.close(until)
    os.close(say_ready)
    os.read(ready, 1)
    os.close(ready)
    return child, end


def _touch(statuses: StatusFile, world: World, plan: Plan) -> None:
    at = UnixTime(world.now)
    for uri in statuses.uris:
        identity = status_identity(uri, ISSUER)
        for index in range(0, plan.entries, 4_096 * 8):
            statuses.check_identity(identity, index, at)
        statuses.check_identity(identity, plan.entries - 1, at)


def _mapped_kib(path: Path) -> dict[str, int]:
    """Return the sums over all maps of the file, in KiB, as the kernel counts them."""
    sums = {"Rss": 0, "Pss": 0, "Private_Dirty": 0}
    inside = False
    for line in Path("/proc/self/smaps").read_text("ascii", "replace").splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            inside = line.endswith(str(path))
        elif inside and words[0][:-1] in sums:
            sums[words[0][:-1]] += int(words[1])
    return sums


def _ms_since(started: float) -> float:
    return (time.process_time() - started) * 1e3
