"""Drive an ASGI application without a server: what comes in are messages, what went out is kept.

`World` of the gateway's tests is behind it, so that tickets, proofs and clocks are as there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from gateway import world as w

from citizenid.gateway import Allow

Headers = Iterable[tuple[bytes, bytes]]
BODY: Final = {"type": "http.request", "body": b"", "more_body": False}
CONNECT: Final = {"type": "websocket.connect"}


class Seen:
    """An application that keeps the scopes it was given, and answers 200."""

    def __init__(self, status: int = 200) -> None:
        self.scopes: list[Any] = []
        self._status = status

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            assert (await receive())["type"] == "websocket.connect"
            await send({"type": "websocket.accept", "headers": [(b"x-app", b"1")]})
            return
        start = {"type": "http.response.start", "status": self._status, "headers": [(b"x-app", b"1"), (b"x-app", b"2")]}
        await send(start)
        await send({"type": "http.response.body", "body": b"of the application"})

    @property
    def allow(self) -> Allow:
        (scope,) = self.scopes
        allowed = scope["state"]["citizenid"]
        assert type(allowed) is Allow
        return allowed


class Answered(NamedTuple):
    """What an application sent."""

    messages: list[Any]

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return list(self.messages[0]["headers"])

    def header(self, name: bytes) -> bytes | None:
        found = [value for each, value in self.headers if each == name]
        assert len(found) < 2
        return found[0] if found else None

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        assert self.header(b"content-type") == b"application/problem+json"
        assert self.header(b"content-length") == b"%d" % len(self.body)
        return str(self.json["reason"])


def scope_of(
    path: str | bytes = w.PATH, headers: Headers = (), *, method: str = "POST", query: bytes = b"", **changes: Any
) -> dict[str, Any]:
    """Return a scope as servers make it."""
    raw = path.encode() if isinstance(path, str) else path
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": unquote(raw.decode("latin-1")), "raw_path": raw, "query_string": query,
        "root_path": "", "headers": [(b"host", b"10.0.0.1:8000"), *headers], "client": ("192.0.2.7", 1), "state": {},
        "server": ("10.0.0.1", 8000), "extensions": {},
    }  # fmt: skip
    return {name: value for name, value in (scope | changes).items() if value is not w.ABSENT}


def socket_scope(path: str = w.PATH, headers: Headers = (), **changes: Any) -> dict[str, Any]:
    """Return the scope of a handshake."""
    scope = scope_of(path, headers, type="websocket", scheme="ws", subprotocols=[], **changes)
    del scope["method"]
    return scope


def drive(
    app: Callable[..., Any], scope: Mapping[str, Any], incoming: Iterable[Mapping[str, Any]] = (BODY,)
) -> Answered:
    """Call an application once. It gets these messages, and after them it waits for ever."""
    sent: list[Any] = []
    waiting = list(incoming)

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await app(scope, receive, send)

    asyncio.run(bounded())
    return Answered(sent)


def credentials(
    world: w.World, wallet: w.Wallet, ticket: str, path: str = w.PATH, method: str = "POST"
) -> list[tuple[bytes, bytes]]:
    """Return the headers of an honest client: his ticket, and a new proof."""
    proof = world.proof(wallet.sender, ticket, method=method, url=w.ORIGIN + path)
    return [(b"citizenship-ticket", ticket.encode()), (b"dpop", proof)]
