"""nginx in a process of its own, with the configuration that is shipped: addresses alone are replaced.

It is never the system's service: it keeps its files in a folder of the test, and ends with its `with` block. Beside it
run the process of `asgi_process.py` and one connection for each request, so that what is sent is what a test wrote.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .servers import ROOT, SECONDS, Talking, await_port, talking

EXTERNAL = "https://gateway.example"
CHAT = "/v1/chat/completions"
OPEN = "/v1/open/completions"


class Told(NamedTuple):
    """An answer as it came."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for each, value in self.headers if each.lower() == name]
        assert len(found) < 2, name
        return found[0] if found else None

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


class Deciding:
    """The process of `asgi_process.py`."""

    def __init__(self, process: Talking) -> None:
        self._process = process
        told = json.loads(process.read())
        self.origin: str = told["origin"]
        self.model: str = told["model"]

    def tell(self, do: str, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._process.tell(json.dumps({"do": do, **more})))
        return answer

    def ticket(self, who: str = "alice", **more: Any) -> str:
        return str(self.tell("ticket", who=who, **more)["ticket"])

    def proof(
        self,
        ticket: str | None,
        path: str = CHAT,
        *,
        who: str = "alice",
        method: str = "POST",
        nonce: str | None = None,
    ) -> str:
        told = self.tell("proof", who=who, ticket=ticket, method=method, url=EXTERNAL + path, nonce=nonce)
        return str(told["proof"])

    def credentials(self, ticket: str, path: str = CHAT, **more: Any) -> list[tuple[str, str]]:
        return [("Citizenship-Ticket", ticket), ("DPoP", self.proof(ticket, path, **more))]


@contextlib.contextmanager
def deciding(app: str, **options: Any) -> Iterator[Deciding]:
    """Run a gateway under a real server, in a process of its own."""
    with talking("asgi_process.py", {"app": app, **options}) as process:
        service = Deciding(process)
        await_port(service.origin)
        await_port(service.model)
        yield service


def send(
    origin: str, path: str, headers: Iterable[tuple[str, str]] = (), *, method: str = "POST", body: Any = b""
) -> Told:
    """Send one request, with exactly these headers and a length."""
    connection = HTTPConnection(origin.removeprefix("http://"), timeout=SECONDS)
    data = json.dumps(body).encode() if isinstance(body, Mapping) else body
    with contextlib.closing(connection):
        fields = list(headers)
        connection.putrequest(method, path, "Host" in dict(fields), True)  # a Host of the test's own stands alone
        for name, value in fields:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        answer = connection.getresponse()
        return Told(answer.status, tuple(answer.getheaders()), answer.read())


@contextlib.contextmanager
def nginx(folder: Path, decisions: str, models: str) -> Iterator[str]:
    """Run nginx with examples/proxies/nginx.conf in front of these two; yields its origin."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed: see the README")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (ROOT / "examples" / "proxies" / "nginx.conf").read_text("utf-8")
    for shipped, ours in ((8080, f"http://127.0.0.1:{port}"), (9000, decisions), (9001, models)):
        assert text.count(f"127.0.0.1:{shipped}") == 1
        text = text.replace(f"127.0.0.1:{shipped}", ours.removeprefix("http://"))
    (folder / "nginx.conf").write_text(text, "utf-8")
    command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        origin = f"http://127.0.0.1:{port}"
        await_port(origin)
        yield origin
    finally:
        process.terminate()
        process.wait(SECONDS)
        assert process.stderr is not None
        process.stderr.close()


def wait_until_gone(origin: str) -> None:
    """Wait for a server that was told to stop."""
    port = int(origin.rpartition(":")[2])
    until = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return
        assert time.monotonic() < until, "the server does not stop"
        time.sleep(0.02)
