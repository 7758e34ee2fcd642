"""A status list as CWT: what a verifier does with one, and what an issuer does. One entry in a hundred says revoked.

Each list that is ingested is newer than the one before and takes its place, as in each hour. Floor of ingesting: zlib
inflates the same stream, and the same signature over the same bytes is verified. Floor of encoding and signing: zlib
alone, at the same level; so at level 0, where it copies, the signature is above the floor.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import cbor2

from citizenid.status import StatusPublisher, StatusStore
from citizenid.status._writing import Times, signer_of, status_list_cwt

from ._cbor_world import structure
from ._floor import PRIMITIVES, p256_private, public_bytes, sign_p256
from ._measure import Plan, interleave
from ._nation import Compressed
from ._report import Kind, Row, against_floor
from ._world import STATUS_MEDIA_TYPE_CWT, STATUS_URI, World

_REVOKED_OF: Final = 100
_INGEST: Final = 1.5
_INGEST_US: Final = 250.0
_ENCODE: Final = 1.2
_LEVELS: Final = {9: "zlib level 9", 6: "zlib level 6", 0: "stored"}
_OLDEST_S: Final = 80_000  # so many lists, each a second newer than the one before; a first one may be a day old


class _Fetched(NamedTuple):
    """A token, and what is signed and the signature in it."""

    token: bytes
    signed: bytes
    signature: bytes


def rows(world: World, plan: Plan) -> Iterator[Row]:
    """Measure."""
    publisher = StatusPublisher(uri=STATUS_URI, size=plan.entries)
    for reference in publisher.allocate_many(plan.entries // _REVOKED_OF):
        publisher.revoke(reference)
    for level in (9, 0):
        yield from _ingest(world, publisher, level, plan)
    for level in (6, 0):
        yield _encode(world, publisher, level, plan)


def _publish(world: World, publisher: StatusPublisher, level: int) -> bytes:
    now = max(world.now, publisher.last_issued_at or 0)  # a clock that keeps up with us
    unsigned = publisher.prepare(world.key.public, now=now, ttl_s=43_200, expires_s=86_400, level=level, format="cwt")
    return unsigned.sign(world.key)


def _ingest(world: World, publisher: StatusPublisher, level: int, plan: Plan) -> Iterator[Row]:
    load, check = PRIMITIVES[world.algorithm]
    issuer = load(public_bytes(world.key.public))
    message = list(cbor2.loads(_publish(world, publisher, level)).value)
    stream = cbor2.loads(message[2])[65533]["lst"]
    statuses: Any = Compressed(zlib.decompress(stream), level)
    signer = signer_of(world.key.public, None, ())
    issued = itertools.count(world.now - _OLDEST_S)
    store = StatusStore(anchors=world.status_anchors)
    kept = [b""]

    def prepare(count: int) -> list[_Fetched]:
        fetched = []
        for issued_at in itertools.islice(issued, count):
            times = Times(issued_at, world.now + 86_400, 43_200)
            unsigned = status_list_cwt(STATUS_URI, statuses, times, signer, level)
            token = unsigned.sign(world.key)
            fetched.append(_Fetched(token, unsigned.to_be_signed, token[-64:]))
        return fetched

    def ingest(fetched: _Fetched) -> StatusStore:
        store.ingest(STATUS_URI, fetched.token, media_type=STATUS_MEDIA_TYPE_CWT, now=world.now)
        return store

    def verify(fetched: _Fetched) -> None:
        check(issuer, fetched.signature, fetched.signed)

    def inflate(_: _Fetched) -> None:
        kept[0] = zlib.decompress(stream)  # in the place of the one before, as a store keeps it

    def floor(fetched: _Fetched) -> None:
        verify(fetched)
        inflate(fetched)

    runs: dict[str, Callable[[_Fetched], object]] = {
        "step": ingest,
        "floor": floor,
        "verify": verify,
        "inflate": inflate,
    }
    (token, signed, _), *_ = prepare(1)
    assert signed == structure(list(cbor2.loads(token).value), cbor2.loads(token).value[2])
    samples = interleave(prepare, runs, plan, accept=lambda store: not store.due(world.now), paced_by="step")
    name = f"status-ingest-cwt{'' if level else '-stored'}"
    step = f"ingest a signed CWT list, {plan.entries:,} entries, {_LEVELS[level]}"
    note = (
        f"{len(token) / 1e3:,.1f} kB; floor: 1 verify {samples.us('verify'):.0f} us,"
        f" inflate {samples.us('inflate'):.0f} us"
    )
    yield against_floor(name, step, samples, floor_is="1 verify, inflate", target=_INGEST, note=note)
    value, bare = samples.us(), samples.us("floor")
    yield Row(
        name=f"{name}-us",
        step=f"{step}, by itself",
        value=value,
        unit="us",
        floor=bare,
        floor_is="1 verify, inflate",
        target=_INGEST_US,
        reached=value <= _INGEST_US,
        kind=Kind.FIGURE,
        note="" if bare <= _INGEST_US else "the floor alone is above it on this machine",
    )


def _encode(world: World, publisher: StatusPublisher, level: int, plan: Plan) -> Row:
    token = _publish(world, publisher, level)
    message = list(cbor2.loads(token).value)
    packed = zlib.decompress(cbor2.loads(message[2])[65533]["lst"])
    signed, private = structure(message, message[2]), p256_private(world.key)
    runs: dict[str, Callable[[int], object]] = {
        "step": lambda _: _publish(world, publisher, level),
        "floor": lambda _: zlib.compress(packed, level),
        "sign": lambda _: sign_p256(private, signed),
    }
    samples = interleave(
        lambda count: range(count), runs, plan, accept=lambda data: data.startswith(b"\xd2\x84"), paced_by="step"
    )
    sign, rest = samples.us("sign"), samples.us() - samples.us("floor") - samples.us("sign")
    note = f"floor: zlib alone; signing {len(signed) / 1e3:,.0f} kB {sign:.0f} us, the rest {rest:.0f} us"
    return against_floor(
        f"status-encode-cwt{'' if level else '-stored'}",
        f"encode and sign {plan.entries:,} entries as CWT, {_LEVELS[level]}",
        samples,
        floor_is="zlib at the same level",
        target=_ENCODE,
        note=note,
    )
