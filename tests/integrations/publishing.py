"""A process that publishes: the app under uvicorn on the loopback interface, told by lines what to do.

    python publishing.py OPTIONS

OPTIONS is JSON: `lists`, `size`, `ttl_s`, `now` where its clock stands (null: the system's), `identifiers`: whether
there is an identifier list behind the others, and `folder` for ledgers in files, or null. It prints its origin and the
JWK of its signer as JSON. `allocate N` prints an index or identifier of list N, `revoke N IT` revokes it and prints
"ok", `clock NOW` sets the clock and prints "ok", `served` prints the media types of what was served so far.

It ends with its input.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn

from citizenid import LocalKey
from citizenid.integrations.publish import StatusListApp
from citizenid.status import IdentifierPublisher, StatusKind, StatusPublisher, StatusReference


def main() -> None:
    options = json.loads(sys.argv[1])
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    publishers: list[Any] = [
        StatusPublisher(uri=f"{origin}/status/{number}", size=options["size"], path=path)
        for number, path in enumerate(ledgers(options))
    ]
    if options["identifiers"]:
        publishers.append(IdentifierPublisher(uri=f"{origin}/status/{len(publishers)}"))
    key = LocalKey.generate("Ed25519")
    app = StatusListApp(
        publishers, key=key, ttl_s=options["ttl_s"], expires_s=86_400, clock=lambda: options["now"] or time.time()
    )
    served: set[str] = set()
    server = uvicorn.Server(uvicorn.Config(noting(app, served), log_level="critical", lifespan="on"))
    threading.Thread(target=obey, args=(server, publishers, served, options), daemon=True).start()
    print(json.dumps({"origin": origin, "jwk": dict(key.public.to_jwk())}), flush=True)  # noqa: T201  # a program
    server.run(sockets=[listening])


def ledgers(options: dict[str, Any]) -> list[Path | None]:
    folder = options["folder"]
    return [None if folder is None else Path(folder, str(number)) for number in range(options["lists"])]


def noting(app: StatusListApp, served: set[str]) -> Any:
    async def noted(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            served.update(value.decode() for name, value in message.get("headers", ()) if name == b"content-type")
            await send(message)

        await app(scope, receive, note)

    return noted


def obey(server: uvicorn.Server, publishers: list[Any], served: set[str], options: dict[str, Any]) -> None:
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "clock":
            options["now"] = int(rest[0])
        print(answer(word, publishers, rest, served), flush=True)  # noqa: T201  # a program
    server.should_exit = True


def answer(word: str, publishers: list[Any], rest: list[str], served: set[str]) -> str:
    if word == "served":
        return json.dumps(sorted(served))
    if word == "clock":
        return "ok"
    publisher = publishers[int(rest[0])]
    if word == "allocate":
        reference = publisher.allocate()
        return str(reference.index) if reference.identifier is None else str(reference.identifier.hex())
    if isinstance(publisher, StatusPublisher):
        publisher.revoke(StatusReference(publisher.uri, int(rest[1])))
    else:
        identifier = bytes.fromhex(rest[1])
        publisher.revoke(StatusReference(publisher.uri, None, StatusKind.IDENTIFIER_LIST, identifier))
    return "ok"


if __name__ == "__main__":
    main()
