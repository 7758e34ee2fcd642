"""A process that decides: a gateway and its little world under uvicorn, told by lines of JSON what to do.

    python asgi_process.py OPTIONS

OPTIONS is JSON: `app` is "middleware" or a kind of proxy, `nonces` whether DPoP proofs need one. It prints its origin,
and that of a model which tells who asks what it was told. Each line is answered with one: `ticket` goes through
admission, `nonce ticket` does where proofs need a nonce, `proof` makes a DPoP proof, `present` answers a challenge,
`revoke` revokes and publishes, `wait` lets time pass, `stop` stops the gateway's server and lets the model go on.

It ends with its input.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gateway import world as w
from gateway.senders import Sender

from citizenid import Challenge
from citizenid.gateway import Binding, DPoPNonces
from citizenid.holder import dpop_proof
from citizenid.integrations.asgi import (
    CitizenshipMiddleware,
    Proxy,
    decision_app,
    resource_from_header,
    resource_from_path,
)

POLICY = """
version = 1

[[rule]]
resource = "claude-3.5-opus"
nationality = ["US"]

[[rule]]
resource = "gpt-4o"
anyone = true
"""
RESOURCES = {"/v1/chat/completions": "claude-3.5-opus", "/v1/open/completions": "gpt-4o"}


async def model(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what it was told, and is not read from the client."""
    if scope["type"] != "http":
        return
    headers = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    allowed = scope.get("state", {}).get("citizenid")
    told = {
        "method": scope["method"], "path": scope["raw_path"].decode(), "headers": headers,
        "rule": None if allowed is None else allowed.rule,
    }  # fmt: skip
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    await send(start)
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


def main() -> None:
    options = json.loads(sys.argv[1])
    given: dict[str, Any] = {"ticket_lifetime_s": w.DAY, "session_lifetime_s": 2 * w.DAY}
    if options.get("nonces"):
        given["dpop_nonces"] = DPoPNonces.OF_THE_FLEET
    world = w.World(POLICY, **given)
    if options["app"] == "middleware":
        resource = resource_from_path(RESOURCES)
        app: Any = CitizenshipMiddleware(model, gateway=world.gateway, resource=resource, renewal_path="/renewal")
    else:
        resource = resource_from_header("x-citizenid-resource")
        app = decision_app(world.gateway, proxy=Proxy(options["app"]), resource=resource)
    servers = [serve(app), serve(model)]
    say({"origin": servers[0][1], "model": servers[1][1]})
    wallets: dict[str, w.Wallet] = {}
    for line in sys.stdin:
        told = json.loads(line)
        wallet = wallets.get(told.get("who", ""))
        if wallet is None and "who" in told:
            wallet = wallets[told["who"]] = world.wallet(told["who"], told.get("nationalities", ["US"]))
        say(obey(told, world, wallet, servers[0][0]))
    for server, _ in servers:
        server.should_exit = True


def obey(told: dict[str, Any], world: w.World, wallet: Any, server: uvicorn.Server) -> dict[str, Any]:
    if told["do"] == "ticket":
        return {"ticket": world.ticket(wallet)}
    if told["do"] == "proof":
        how = {name: told.get(name) for name in ("method", "url", "ticket", "nonce")}
        return {"proof": dpop_proof(wallet.sender, now=world.now, **how)}
    if told["do"] == "present":
        return {"presentation": world.present(wallet, Challenge.from_text(told["challenge"])).decode()}
    if told["do"] == "revoke":
        world.publisher.revoke(wallet.status)
        world.wait(1)
        world.publish()
        return {}
    if told["do"] == "wait":
        world.wait(told["seconds"])
        return {}
    if told["do"] == "nonce ticket":
        return nonce_ticket(world, wallet)
    server.should_exit = True  # "stop"
    return {}


def nonce_ticket(world: w.World, wallet: Any) -> dict[str, Any]:
    """Be admitted where proofs need a nonce, as a client is: refused once, and told it."""
    sender = Sender(Binding.DPOP, wallet.name)
    nonce = sender.apply(world, wallet).dpop_nonce
    wallet.sender = sender.key
    return {"ticket": sender.apply(world, wallet, nonce=nonce).ticket, "nonce": nonce}


def serve(app: Any) -> tuple[uvicorn.Server, str]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", http="h11"))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    return server, f"http://127.0.0.1:{listening.getsockname()[1]}"


def say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201  # a program


if __name__ == "__main__":
    main()
