"""One file of all status lists of a nation: how long a lookup and a load take, how much memory is shared.

Of each list one entry in a hundred says revoked, at random places. What a worker maps is read from /proc/self/smaps
while two other processes have mapped and touched the same file.
"""

from __future__ import annotations

import mmap
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from citizenid import Status, UnixTime
from citizenid.status import StatusFile, StatusStore, write_status_file
from citizenid.status._store import status_identity

from ._measure import Plan, interleave, peak_bytes
from ._nation import NATION, Nation
from ._report import Kind, Row
from ._world import ISSUER, STATUS_MEDIA_TYPE, STATUS_MEDIA_TYPE_CWT, World

_OTHERS: Final = 2
_LOOKUP_US: Final = 0.3
_SHARED_MB: Final = 45.0
_LOAD_S: Final = 0.5
_MEDIA_TYPES: Final = {
    "JWT": STATUS_MEDIA_TYPE,
    "CWT": STATUS_MEDIA_TYPE_CWT,
    "CWT stored": STATUS_MEDIA_TYPE_CWT,
}
_Asked = tuple[bytes, int, int]  # identity, index, and a place in the whole map


def rows(world: World, nation: Nation, plan: Plan) -> Iterator[Row]:
    """Load, write, map, measure."""
    size = f"{plan.lists} lists of {plan.entries:,}"
    store = StatusStore(anchors=world.status_anchors)
    whole = plan.lists >= NATION
    for kind, tokens in nation.tokens.items():
        store, load_s = _load(world, tokens, _MEDIA_TYPES[kind])
        yield Row(
            name=f"status-load-{kind.lower().replace(' ', '-')}",
            step=f"load {size} at 1 %, {kind}",
            value=load_s,
            unit="s",
            target=_LOAD_S if whole else None,
            reached=load_s <= _LOAD_S if whole else None,
            kind=Kind.FIGURE if whole else Kind.INFORMATION,
            note=f"{sum(map(len, tokens.values())) / 1e6:,.2f} MB, each verified and inflated; CPU time",
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lists"
        started = time.process_time()
        write_status_file(path, store)
        note = "the digest of each list is computed here"
        yield Row(
            name="status-file-write", step="write them to one file", value=_ms_since(started), unit="ms", note=note
        )
        started = time.process_time()
        statuses = StatusFile(path, anchors=world.status_anchors)
        mapped_ms = _ms_since(started)
        yield Row(
            name="status-file-map", step="map that file", value=mapped_ms, unit="ms", note="each worker, each epoch"
        )
        yield _lookup(statuses, path, store, world.now, plan)
        yield from _memory(statuses, path, world, plan)


def _load(world: World, tokens: dict[str, bytes], media_type: str) -> tuple[StatusStore, float]:
    store = StatusStore(anchors=world.status_anchors)
    started = time.process_time()
    for uri, token in tokens.items():
        store.ingest(uri, token, media_type=media_type, now=world.now)
    return store, time.process_time() - started


def _lookup(statuses: StatusFile, path: Path, store: StatusStore, now: int, plan: Plan) -> Row:
    chance = random.Random(7)  # noqa: S311
    identities = [status_identity(uri, ISSUER) for uri in statuses.uris]
    at = UnixTime(now)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    whole = memoryview(mapped)

    def prepare(count: int) -> list[_Asked]:
        size = len(whole)
        return [
            (chance.choice(identities), chance.randrange(plan.entries), chance.randrange(size)) for _ in range(count)
        ]

    for identity, index, _ in prepare(1_000):
        assert statuses.check_identity(identity, index, at) is store.check_identity(identity, index, at)
    runs: dict[str, Callable[[_Asked], object]] = {
        "step": lambda asked: statuses.check_identity(asked[0], asked[1], at),
        "memory": lambda asked: store.check_identity(asked[0], asked[1], at),
        "byte": lambda asked: whole[asked[2]],
        "empty": lambda asked: (asked[0], asked[1], at),
        "empty byte": lambda asked: asked[2],
    }
    # Paced by the step: by the empty run the pool would be so large that to fetch a question costs more than to answer.
    samples = interleave(prepare, runs, plan, accept=lambda status: type(status) is Status, paced_by="step")
    whole.release()
    mapped.close()  # its memory is counted next, and this map is not one of a worker's
    value = samples.us() - samples.us("empty")
    note = f"without the loop around it; in memory {samples.us('memory') - samples.us('empty'):.3f} us"
    return Row(
        name="status-file-lookup",
        step="look a random entry up in it",
        value=value,
        unit="us",
        floor=samples.us("byte") - samples.us("empty byte"),
        floor_is="one byte at a random place of the same map",
        target=_LOOKUP_US,
        reached=value <= _LOOKUP_US,
        kind=Kind.FIGURE,
        note=f"{note}; floor: to fetch one byte of the map at random",
        details={"samples_us": {name: list(us) for name, us in samples.runs.items()}},
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
