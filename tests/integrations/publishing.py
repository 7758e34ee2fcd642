"""A process that publishes: the app under uvicorn on the loopback interface, told by lines what to do.

    python publishing.py LISTS SIZE TTL_S

It prints its origin and the JWK of its signer as JSON. `allocate N` prints an index of list N, `revoke N INDEX` revokes
it and prints "ok". It ends with its input.
"""

from __future__ import annotations

import json
import socket
import sys
import threading

import uvicorn

from citizenid import LocalKey
from citizenid.integrations.publish import StatusListApp
from citizenid.status import StatusPublisher, StatusReference


def main() -> None:
    lists, size, ttl_s = map(int, sys.argv[1:4])
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    publishers = [StatusPublisher(uri=f"{origin}/status/{number}", size=size) for number in range(lists)]
    key = LocalKey.generate("Ed25519")
    app = StatusListApp(publishers, key=key, ttl_s=ttl_s, expires_s=86_400)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
    threading.Thread(target=obey, args=(server, publishers), daemon=True).start()
    print(json.dumps({"origin": origin, "jwk": dict(key.public.to_jwk())}), flush=True)  # noqa: T201  # a program
    server.run(sockets=[listening])


def obey(server: uvicorn.Server, publishers: list[StatusPublisher]) -> None:
    for line in sys.stdin:
        word, number, *rest = line.split()
        publisher = publishers[int(number)]
        if word == "allocate":
            print(publisher.allocate().index, flush=True)  # noqa: T201  # a program
        else:
            publisher.revoke(StatusReference(publisher.uri, int(rest[0])))
            print("ok", flush=True)  # noqa: T201  # a program
    server.should_exit = True


if __name__ == "__main__":
    main()
