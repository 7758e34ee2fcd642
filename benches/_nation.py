"""All status lists of a nation, built for real: how large they are, and what an hour of revocations costs on the wire.

    python -m benches --only status --full      # 330 lists of a million entries: some minutes, progress goes to stderr

A shorter run has fewer lists of the same size. Which entries are revoked is drawn at random; building is not measured.

The bound beside a size is Shannon's: n times H(p) bits for a list of n entries of which the share p is revoked at
random. What is below it says something of who is revoked.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from citizenid.integrations import _codings
from citizenid.integrations.publish import StatusListApp
from citizenid.status import StatusList, StatusPublisher
from citizenid.status._writing import Times, TokenSigner, signer_of, status_list_cwt, status_list_jwt

from ._measure import Plan, Spread
from ._report import Kind, Row
from ._world import World

NATION: Final = 330
PER_MILLE: Final = (1, 10, 50)  # revoked
HELD: Final = 10  # of these, which the nation's lists have when they are loaded, looked up and updated
_HOURLY: Final = 376  # of 330 million, the share of one in a hundred revoked within a credential's life
_UPDATE_KB: Final = 60.0
_TTL_S, _EXPIRES_S = 43_200, 86_400
_HOUR_S: Final = 3_600
_DATE: Final = len("date: Thu, 26 Nov 2026 12:00:00 GMT\r\n")  # which a server adds
_WRITE: Final = {"JWT": status_list_jwt, "CWT": status_list_cwt}


class Compressed:
    """A list with its zlib stream, which is made once for both of its tokens: level 9 takes a tenth of a second."""

    def __init__(self, packed: bytes, level: int) -> None:
        self.bits: Final = 1
        self._stream: Final = StatusList(1, packed).compress(level)

    def compress(self, _: int) -> bytes:
        """Return the stream."""
        return self._stream


@dataclass
class Hour:
    """What is transferred when every list is fetched again after an hour, in bytes of encoded bodies.

    Attributes:
        changed, unchanged: of the lists with new revocations, and of those that are only signed again.
        code_s: CPU time for coding all of them.
    """

    changed: int = 0
    unchanged: int = 0
    code_s: float = 0.0


@dataclass
class Nation:
    """What was built.

    Attributes:
        lists: how many.
        entries: of each.
        tokens: kind ("JWT", "CWT", "CWT stored") to URI to token, with one entry in a hundred revoked.
        wire: per mille revoked to kind to the bytes of all lists, zlib level 9.
        samples: per mille revoked to the bits of one list.
        hours: kind to what an hour costs; with zlib level 0 inside.
        changed: how many lists have new revocations in that hour.
        revoked: how many there are.
    """

    lists: int
    entries: int
    tokens: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"JWT": {}, "CWT": {}, "CWT stored": {}})
    wire: dict[int, dict[str, int]] = field(
        default_factory=lambda: {share: dict.fromkeys(_WRITE, 0) for share in PER_MILLE}
    )
    samples: dict[int, bytes] = field(default_factory=dict)
    hours: dict[str, Hour] = field(default_factory=lambda: {kind: Hour() for kind in _WRITE})
    changed: int = 0
    revoked: int = 0


def build(world: World, plan: Plan) -> Nation:
    """Build all lists, publish them, revoke some more, and publish them again."""
    chance = random.Random(330)  # noqa: S311  # which of them are revoked is of no interest to anybody
    nation = Nation(plan.lists, plan.entries)
    nation.revoked = max(1, round(_HOURLY * plan.lists / NATION * plan.entries / 1e6))
    more = [0] * plan.lists
    for _ in range(nation.revoked):
        more[chance.randrange(plan.lists)] += 1
    nation.changed = sum(map(bool, more))
    signer = signer_of(world.key.public, None, ())
    started = time.monotonic()
    for number in range(plan.lists):
        uri = f"https://id.example/status/{number}"
        for share in PER_MILLE:
            if share == HELD:
                packed = _publish(nation, world, uri, more[number], chance)
            else:
                packed = _drawn(plan.entries, share, chance)
            tokens = _tokens(world, uri, packed, signer)
            for kind, token in tokens.items():
                nation.wire[share][kind] += len(token)
                if share == HELD:
                    nation.tokens[kind][uri] = token
            nation.samples.setdefault(share, packed)
        if number % 33 == 32 or number + 1 == plan.lists:
            took = time.monotonic() - started
            print(f"status: {number + 1} of {plan.lists} lists built, {took:.0f} s", file=sys.stderr, flush=True)
    return nation


def _drawn(entries: int, share: int, chance: random.Random) -> bytes:
    packed = bytearray((entries + 7) // 8)
    for index in chance.sample(range(entries), entries * share // 1_000):
        packed[index >> 3] |= 1 << (index & 7)
    return bytes(packed)


def _tokens(world: World, uri: str, packed: bytes, signer: TokenSigner, level: int = 9) -> dict[str, bytes]:
    statuses: Any = Compressed(packed, level)
    times = Times(world.now, world.now + _EXPIRES_S, _TTL_S)
    return {kind: write(uri, statuses, times, signer, level).sign(world.key) for kind, write in _WRITE.items()}


def _publish(nation: Nation, world: World, uri: str, more: int, chance: random.Random) -> bytes:
    """Publish a list, revoke so many more, publish it again an hour later, and code the one against the other."""
    publisher = StatusPublisher(uri=uri, size=nation.entries, randbelow=chance.randrange)
    references = publisher.allocate_many(nation.entries * HELD // 1_000 + more)
    for reference in references[more:]:
        publisher.revoke(reference)
    old = {kind: _stored(publisher, world, kind, world.now) for kind in _WRITE}
    nation.tokens["CWT stored"][uri] = old["CWT"]
    packed = publisher._ledger.issue(world.now)[1]
    for reference in references[:more]:
        publisher.revoke(reference)
    for kind, hour in nation.hours.items():
        new = _stored(publisher, world, kind, world.now + _HOUR_S)
        if not _codings.ZSTD_AVAILABLE:
            continue
        started = time.process_time()
        coded = _codings.dcz(new, old[kind])
        hour.code_s += time.process_time() - started
        undone = _codings.decode(coded, _codings.Coding.DCZ, limit_bytes=len(new), dictionary=old[kind])
        assert undone == new, "a list did not come back"
        if more:
            hour.changed += len(coded)
        else:
            hour.unchanged += len(coded)
    return packed


def _stored(publisher: StatusPublisher, world: World, kind: str, now: int) -> bytes:
    unsigned = publisher.prepare(
        world.key.public,
        now=now,
        ttl_s=_TTL_S,
        expires_s=_EXPIRES_S,
        level=0,
        format="jwt" if kind == "JWT" else "cwt",
    )
    return unsigned.sign(world.key)


# --- rows ---


def sizes(world: World, nation: Nation) -> Iterator[Row]:
    """How large one list and all lists are on the wire."""
    signer = signer_of(world.key.public, None, ())
    for share, packed in nation.samples.items():
        percent = f"{share / 10:g} %"
        bound = _shannon(nation.entries, share)
        sizes = {kind: len(token) for kind, token in _coded(world, packed, signer)}
        others = ", ".join(f"{kind} {size / 1e3:.1f} (x{size / bound:.2f})" for kind, size in sizes.items())
        yield Row(
            name=f"status-size-{share}",
            step=f"size of a list of {nation.entries:,}, {percent} revoked, CWT",
            value=sizes["CWT"] / 1e3,
            unit="kB",
            floor=bound / 1e3,
            floor_is="n H(p), Shannon",
            ratio=_exactly(sizes["CWT"] / bound),
            note=f"kB: {others}",
            details={"bytes": sizes},
        )
        wire, all_bound = nation.wire[share], bound * nation.lists
        yield Row(
            name=f"status-size-all-{share}",
            step=f"size of {nation.lists} such lists, {percent} revoked, CWT",
            value=wire["CWT"] / 1e6,
            unit="MB",
            floor=all_bound / 1e6,
            floor_is="n H(p), Shannon",
            ratio=_exactly(wire["CWT"] / all_bound),
            note=f"each built; JWT {wire['JWT'] / 1e6:.2f} MB (x{wire['JWT'] / all_bound:.2f})",
            details={"bytes": dict(wire)},
        )


def _coded(world: World, packed: bytes, signer: TokenSigner) -> Iterator[tuple[str, bytes]]:
    plain = _tokens(world, "https://id.example/status/0", packed, signer)
    stored = _tokens(world, "https://id.example/status/0", packed, signer, 0)
    for kind, token in plain.items():
        yield kind, token
        yield f"{kind} + gzip", _codings.gzip(token)
        if _codings.ZSTD_AVAILABLE:
            yield f"{kind} stored + zstd", _codings.zstd(stored[kind])


def _shannon(entries: int, share: int) -> float:
    p = entries * share // 1_000 / entries
    return entries * -(p * math.log2(p) + (1 - p) * math.log2(1 - p)) / 8


def _exactly(ratio: float) -> Spread:
    return Spread(ratio, ratio, ratio)


def updates(world: World, nation: Nation) -> Iterator[Row]:
    """What it costs to fetch all lists again after an hour of revocations, with the previous ones as dictionaries."""
    if not _codings.ZSTD_AVAILABLE:
        return
    whole = nation.lists >= NATION
    again, unmodified = _headers(world)
    for kind, hour in nation.hours.items():
        body = hour.changed + hour.unchanged
        signatures = (40 + 64) * nation.lists
        yield Row(
            name=f"status-update-{kind.lower()}",
            step=f"update of {nation.lists} lists, {nation.revoked} new revocations, {kind}",
            value=body / 1e3,
            unit="kB",
            target=_UPDATE_KB if whole else None,
            reached=body / 1e3 <= _UPDATE_KB if whole else None,
            kind=Kind.FIGURE if whole else Kind.INFORMATION,
            floor=signatures / 1e3,
            floor_is="40 bytes that name the dictionary and 64 of signature for each list",
            note=(
                f"bodies, dcz, stored inside: {nation.changed} changed {hour.changed / 1e3:.1f} kB,"
                f" {nation.lists - nation.changed} signed again {hour.unchanged / 1e3:.1f} kB;"
                f" not counted: status line and fields, {again} bytes each in HTTP/1.1"
                f" ({again * nation.lists / 1e3:.0f} kB), of a 304 {unmodified}; floor: names of dictionaries,"
                f" signatures; coding took {hour.code_s / nation.lists * 1e3:.1f} ms each"
            ),
            details={"changed": hour.changed, "unchanged": hour.unchanged, "headers": again, "headers_304": unmodified},
        )


def _headers(world: World) -> tuple[int, int]:
    """Return the bytes of status line and fields, as HTTP/1.1 has them, of an update and of a 304, from the app."""
    now = float(world.now)
    publisher = StatusPublisher(uri="https://id.example/status/1", size=10_000)
    app = StatusListApp([publisher], key=world.key, ttl_s=_TTL_S, expires_s=_EXPIRES_S, clock=lambda: now)
    status, fields, first = _ask(app, {})
    assert status == 200
    publisher.revoke(publisher.allocate())
    now += _HOUR_S
    dictionary = _codings.Dictionary(first, "")
    asked = {"accept-encoding": "gzip, zstd, dcz", "available-dictionary": _codings.sf_binary(dictionary.digest)}
    status, fields, _ = _ask(app, asked)
    assert (status, dict(fields)[b"content-encoding"]) == (200, b"dcz")
    again = _written("200 OK", fields)
    status, unmodified, _ = _ask(app, asked | {"if-none-match": dict(fields)[b"etag"].decode()})
    assert status == 304
    return again, _written("304 Not Modified", unmodified)


def _ask(app: StatusListApp, headers: Mapping[str, str]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("it has no body")

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/status/1",
        "query_string": b"",
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], list(sent[0]["headers"]), sent[1]["body"]


def _written(status: str, fields: list[tuple[bytes, bytes]]) -> int:
    lines = sum(len(name) + len(text) + len(": \r\n") for name, text in fields)
    return len(f"HTTP/1.1 {status}\r\n") + lines + _DATE + len("\r\n")
