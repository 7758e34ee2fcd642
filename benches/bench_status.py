"""Status lists of national size. Floor of ingesting: verify and inflate. A lookup has no floor worth the name.

Of a million entries one in twenty says revoked, at random places: what a list of identity documents may come to.

What an allocation costs that outlives a loss of power is mostly the disk's, so these rows count the time on the wall
and judge nobody: their targets are shown. The disk is the one with the folder for temporary files.
"""

from __future__ import annotations

import json
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from citizenid import Status, StatusReference
from citizenid.status import StatusPublisher, StatusStore

from . import _nation, _status_cwt, _status_file
from ._floor import PRIMITIVES, decode, p256_private, public_bytes, sign_p256
from ._measure import Plan, interleave
from ._report import Row, against_floor
from ._world import ISSUER, STATUS_MEDIA_TYPE, STATUS_URI, World

_REVOKED_OF: Final = 20
_LEVEL: Final = 6
_BATCH: Final = 1_000
_ALLOCATE_US: Final = 1_000.0  # 1,000 a second
_ALLOCATE_MANY_US: Final = 50.0  # 20,000 a second


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    world = World()
    publisher = StatusPublisher(uri=STATUS_URI, size=plan.entries)
    revoked = [publisher.allocate() for _ in range(plan.entries // _REVOKED_OF)]
    for reference in revoked:
        publisher.revoke(reference)
    token = publisher.publish(world.key, now=world.now, ttl_s=43_200, expires_s=86_400)
    yield _ingest(world, token, plan)
    yield _lookup(world, token, revoked, plan)
    yield _publish(world, publisher, token, plan)
    yield from _status_cwt.rows(world, plan)
    yield from _allocate(plan)
    nation = _nation.build(world, plan)
    yield from _nation.sizes(world, nation)
    yield from _nation.updates(world, nation)
    yield from _status_file.rows(world, nation, plan)


def _compressed(token: bytes) -> bytes:
    return decode(json.loads(decode(token.split(b".")[1]))["status_list"]["lst"])


def _ingest(world: World, token: bytes, plan: Plan) -> Row:
    load, check = PRIMITIVES[world.algorithm]
    issuer = load(public_bytes(world.key.public))
    signed, _, signature = token.rpartition(b".")
    bare, compressed = decode(signature), _compressed(token)

    def ingest(store: StatusStore) -> StatusStore:
        store.ingest(STATUS_URI, token, media_type=STATUS_MEDIA_TYPE, now=world.now)
        return store

    def floor(_: StatusStore) -> None:
        check(issuer, bare, signed)
        zlib.decompress(compressed)

    runs: dict[str, Callable[[StatusStore], object]] = {"step": ingest, "floor": floor}
    samples = interleave(
        lambda count: [StatusStore(anchors=world.status_anchors) for _ in range(count)],
        runs,
        plan,
        accept=lambda store: not store.due(world.now),
    )
    step = f"ingest a status list of {plan.entries:,} entries"
    note = f"{len(token) / 1000:,.0f} kB, 1 in {_REVOKED_OF} revoked; both base64 layers are above the floor"
    return against_floor("status-ingest", step, samples, floor_is="1 verify, inflate", note=note)


def _lookup(world: World, token: bytes, revoked: list[StatusReference], plan: Plan) -> Row:
    store = StatusStore(anchors=world.status_anchors)
    store.ingest(STATUS_URI, token, media_type=STATUS_MEDIA_TYPE, now=world.now)

    def prepare(count: int) -> list[StatusReference]:
        return [revoked[position % len(revoked)] for position in range(count)]

    runs: dict[str, Callable[[StatusReference], object]] = {
        "step": lambda reference: store.check(reference, issuer=ISSUER, now=world.now)
    }
    samples = interleave(prepare, runs, plan, accept=lambda status: status is Status.INVALID)
    return Row(name="status-lookup", step="look one status up", value=samples.us(), unit="us")


def _publish(world: World, publisher: StatusPublisher, token: bytes, plan: Plan) -> Row:
    packed = zlib.decompress(_compressed(token))
    private = p256_private(world.key)
    signed = token.rpartition(b".")[0]

    def publish(_: int) -> bytes:
        now = max(world.now, publisher.last_issued_at or 0)  # a clock that keeps up with us
        unsigned = publisher.prepare(world.key.public, now=now, ttl_s=43_200, expires_s=86_400, level=_LEVEL)
        return unsigned.sign(world.key)

    def floor(_: int) -> None:
        zlib.compress(packed, _LEVEL)
        sign_p256(private, signed)

    runs: dict[str, Callable[[int], object]] = {"step": publish, "floor": floor}
    few = plan._replace(samples=min(plan.samples, 5))  # milliseconds each, and nothing waits for it
    samples = interleave(lambda count: range(count), runs, few, accept=lambda data: data.count(b".") == 2)
    step = f"publish it, zlib level {_LEVEL}"
    return against_floor("status-publish", step, samples, floor_is="deflate at the same level, 1 sign")


def _allocate(plan: Plan) -> Iterator[Row]:
    few = plan._replace(samples=min(plan.samples, 5), sample_s=min(plan.sample_s, 0.010))
    with tempfile.TemporaryDirectory() as folder:
        publisher = StatusPublisher(uri=STATUS_URI, size=10_000_000, path=Path(folder) / "list.status")
        publisher.allocate_many(_BATCH)
        for name, step, batch, target in (
            ("status-allocate", "allocate an index durably, one by one", 1, _ALLOCATE_US),
            ("status-allocate-many", f"allocate an index durably, {_BATCH:,} at once", _BATCH, _ALLOCATE_MANY_US),
        ):
            runs: dict[str, Callable[[int], object]] = {"step": publisher.allocate_many}
            samples = interleave(
                lambda count, batch=batch: [batch] * count,
                runs,
                few,
                accept=lambda references, batch=batch: len(set(references)) == batch,
                clock=time.perf_counter_ns,
            )
            us = samples.us() / batch
            yield Row(
                name=name,
                step=step,
                value=us,
                unit="us",
                target=target,
                reached=us <= target,
                note=f"{1e6 / us:,.0f} a second, by the clock on the wall; of {publisher.size:,} entries",
            )
        publisher.close()
