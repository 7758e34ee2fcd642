"""Two gateway processes on two cores against one, and what the memories of a gateway take when they are full.

The processes share nothing but the ticket key, as the processes of a fleet do: each decides bearer tickets, first one
alone and then both at once, and what counts is how many decisions there are in a second of the clock on the wall.
"""

from __future__ import annotations

import gc
import os
import signal
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

from citizenid.gateway import Allow, MemoryReplayGuard, MemorySignOuts, Request
from citizenid.gateway._http_signatures import SigningKeys
from citizenid.gateway.cache import SieveCache
from citizenid.gateway.proofs import SenderKeys
from citizenid.gateway.ticket import TicketKeys

from ._measure import Plan, Spread
from ._report import Kind, Row
from ._world import AUDIENCE, BEARER_MODEL, World
from .bench_gateway import HEADERS, URL, Door

TARGET_TWO: Final = 2 / 1.9  # two processes do 1.9 times what one does
_LATE_S: Final = 0.2


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    door = Door(World())
    yield from two_processes(door, plan)
    yield from memories(door, plan)


# --- two processes ---


def two_processes(door: Door, plan: Plan) -> Iterator[Row]:
    """Compare two processes on two cores with one on one; nothing where there is no second core, or no fork."""
    cores = sorted(_all_cores())[:2]
    if len(cores) < 2 or not hasattr(os, "fork"):
        return
    ticket = door.ticket(door.wallet(), None).encode("ascii")
    round_s = max(0.02, 16 * plan.sample_s)

    def work(until: float) -> int:
        done, authorize = 0, door.gateway.authorize
        while time.monotonic() < until:
            for _ in range(50):
                request = Request("POST", URL, [*HEADERS, (b"citizenship-ticket", ticket)])
                assert type(authorize(request, resource=BEARER_MODEL)) is Allow
            done += 50
        return done

    ratios, alone = [], []
    for _ in range(max(1, plan.samples // 3)):
        first, second = (together(work, [core], round_s)[0] for core in cores)
        both = together(work, cores, round_s)
        alone.append((first + second) / 2 / round_s)
        ratios.append(sum(both) / ((first + second) / 2))
    lost = Spread.of([2 / ratio for ratio in ratios])
    yield Row(
        name="fleet-two-processes",
        step="time of a decision while two processes decide on two cores, against one alone",
        value=lost.median,
        unit="x",
        target=TARGET_TWO,
        reached=lost.median <= TARGET_TWO,
        kind=Kind.FIGURE,
        note=f"two do {statistics.median(ratios):.2f} times what one does ({min(ratios):.2f} - {max(ratios):.2f}),"
        f" which does {statistics.median(alone):,.0f}/s",
        details={"ratios": ratios, "alone_per_s": alone},
    )


def _all_cores() -> set[int]:
    """Return the cores of this machine that this process may use, also when it was pinned to one of them."""
    if not hasattr(os, "sched_getaffinity"):
        return set()
    held = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        return os.sched_getaffinity(0)
    except OSError:
        return held
    finally:
        os.sched_setaffinity(0, held)


def together(work: Callable[[float], int], cores: list[int], round_s: float) -> list[int]:
    """Run the same work in a process on each of these cores at the same time; returns what each has done."""
    begins = time.monotonic() + _LATE_S
    started = []
    for core in cores:
        reading, writing = os.pipe()
        with warnings.catch_warnings():  # of 3.12 on, where there are threads: the child takes no lock that one holds
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.sched_setaffinity(0, {core})
                gc.freeze()
                time.sleep(max(0.0, begins - time.monotonic()))
                os.write(writing, work(begins + round_s).to_bytes(8, "big"))
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        started.append((pid, reading))
    done = []
    for pid, reading in started:
        data = os.read(reading, 8)
        os.close(reading)
        _, status = os.waitpid(pid, 0)
        assert status == 0, signal.strsignal(status & 127)
        done.append(int.from_bytes(data, "big"))
    return done


# --- memories ---


def memories(door: Door, plan: Plan) -> Iterator[Row]:
    """Fill each memory of a gateway to a bound and beyond, and see what one entry takes."""
    many, some = min(plan.entries, 100_000), min(plan.entries // 10, 512)
    keys = TicketKeys((door.secret,), AUDIENCE)
    ticket = door.ticket(door.wallet(), None).encode("ascii")
    contents = keys.open(ticket)

    def guard() -> tuple[Any, int]:
        made = MemoryReplayGuard(max_entries=many)
        for _ in range(many + 100):
            made.consume(os.urandom(32), os.urandom(32), 90)
        return made, len(made)

    def sign_outs() -> tuple[Any, int]:
        made = MemorySignOuts(max_entries=many)
        for _ in range(many + 100):
            made.add(os.urandom(16), 2**32)
        return made, len(made)

    def tickets() -> tuple[Any, int]:
        made = TicketKeys((door.secret,), AUDIENCE)
        for _ in range(many // 20 + 100):
            made.open_fields(keys.seal(contents, os.urandom(12)).encode("ascii"))
        return made, len(made._opened)

    def halves() -> tuple[Any, int]:
        gateway = door.another(cache=some)
        door_of_it = Door.__new__(Door)
        door_of_it.__dict__.update(door.__dict__, gateway=gateway)
        for _ in range(some + 50):
            door_of_it.ticket(door_of_it.wallet(), None)
        return gateway, some

    def headers(cache: type[SieveCache[bytes, Any]]) -> Callable[[], tuple[Any, int]]:
        def fill() -> tuple[Any, int]:
            made: SieveCache[bytes, Any] = cache(4_096)
            for _ in range(many // 20 + 100):
                made.put(os.urandom(200), (os.urandom(65), os.urandom(32)))
            return made, len(made)

        return fill

    for name, step, fill, unit_of in (
        ("memory-replay", "a used proof in MemoryReplayGuard", guard, 1_000_000),
        ("memory-sign-outs", "a session in MemorySignOuts", sign_outs, 100_000),
        ("memory-tickets", "an opened ticket", tickets, 4_096),
        ("memory-issuer-halves", "an issuer half seen before", halves, 4_096),
        ("memory-sender-keys", "a sender key seen before, without the key itself", headers(SenderKeys), 4_096),
        ("memory-signing-keys", "a signing key seen before, without the key itself", headers(SigningKeys), 4_096),
    ):
        each = _bytes_each(fill)
        yield Row(
            name=name,
            step="memory of " + step,
            value=each,
            unit="bytes",
            kind=Kind.INFORMATION,
            note=f"{each * unit_of / 1e6:,.1f} MB at the default bound of {unit_of:,}",
        )


def _bytes_each(fill: Callable[[], tuple[Any, int]]) -> float:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept, count = fill()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        assert kept is not None
    finally:
        tracemalloc.stop()
    return (after - before) / count
