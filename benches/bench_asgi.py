"""The ASGI middleware: what it adds to a bare application, beside the decision itself.

One process, no sockets: the application is called as a server calls it, by a scope of twenty headers, and the coroutine
is run to its end without an event loop, which would cost more than all that is measured. What the middleware adds is
the whole less the decision alone and less the bare application, each over the same pool in the same sample.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any, Final

from citizenid.gateway import Allow, Request
from citizenid.integrations.asgi import CitizenshipMiddleware, resource_from_path

from ._measure import Plan, interleave
from ._report import Kind, Row
from ._world import BEARER_MODEL, World
from .bench_gateway import _ONE_MORE, HEADERS, URL, Door

TARGET_US: Final = 4.0
PATH: Final = "/v1/chat/completions"
_START: Final = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
_BODY: Final = {"type": "http.response.body", "body": b"{}"}


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Answer, and do nothing else."""
    await send(_START)
    await send(_BODY)


async def nowhere(_: Any) -> None:
    """Take what is sent."""


async def nothing() -> Any:
    """Be asked for what comes in: neither application reads a body here."""
    raise AssertionError("a body was read")


def run(app: Callable[..., Any], scope: Any) -> None:
    """Run a call to its end; nothing in it waits."""
    try:
        app(scope, nothing, nowhere).send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


def rows(plan: Plan) -> Iterator[Row]:
    """Measure what the middleware adds."""
    world = World()
    door = Door(world)
    yield added(door, plan)


def added(door: Door, plan: Plan) -> Row:
    """Measure a request with a bearer ticket and twenty headers, whose resource is found by its path."""
    wallet = door.wallet()
    tickets = [door.ticket(wallet, None).encode("ascii") for _ in range(16)]
    gateway = door.gateway
    reached: list[Any] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["state"]["citizenid"])

    find = resource_from_path({PATH: BEARER_MODEL})
    app = CitizenshipMiddleware(bare, gateway=gateway, resource=find)
    checked = CitizenshipMiddleware(noting, gateway=gateway, resource=find)
    authorize = gateway.authorize

    def prepare(count: int) -> list[Any]:
        return [_scope(tickets[position % len(tickets)]) for position in range(count)]

    def accept(_: object) -> bool:
        reached.clear()
        run(checked, _scope(tickets[0]))
        return len(reached) == 1 and type(reached[0]) is Allow

    samples = interleave(
        prepare,
        {
            "whole": lambda scope: run(app, scope),
            "decision": lambda scope: authorize(Request("POST", URL, scope["headers"]), resource=BEARER_MODEL),
            "bare": lambda scope: run(bare, scope),
            "nothing": lambda scope: None,
        },
        plan,
        accept=accept,
        paced_by="whole",
    )
    # What a run costs that does nothing is in each of the three, and is taken off twice with the other two.
    taken = [
        whole - decision - plain + empty
        for whole, decision, plain, empty in zip(
            *(samples.runs[name] for name in ("whole", "decision", "bare", "nothing")), strict=True
        )
    ]
    value = statistics.median(taken)
    return Row(
        name="asgi-middleware",
        step="ASGI middleware, added to a bare application and the decision",
        value=value,
        unit="us",
        floor=samples.us("decision"),
        floor_is="the decision alone, bearer ticket, 20 headers; the target is absolute",
        target=TARGET_US,
        reached=value <= TARGET_US,
        kind=Kind.FIGURE,
        note=f"whole {samples.us('whole'):.2f} us, bare application {samples.us('bare'):.2f} us",
        details={"iterations": samples.iterations, "samples": {name: list(us) for name, us in samples.runs.items()}},
    )


def _scope(ticket: bytes) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": ("192.0.2.1", 8000),
        "client": ("192.0.2.7", 40_000),
        "scheme": "http",
        "method": "POST",
        "root_path": "",
        "path": PATH,
        "raw_path": PATH.encode("ascii"),
        "query_string": b"",
        "headers": [*HEADERS, _ONE_MORE, (b"citizenship-ticket", ticket)],
        "state": {},
    }
