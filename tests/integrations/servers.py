"""Servers of the tests: the publishing app in a process of its own, and one that sends whatever bytes it is given.

All of them listen on the loopback interface and end with their `with` block.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from citizenid import KeyPurpose, TrustAnchors

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60


class Talking:
    """A process that answers each line with a line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def talking(program: str, options: Mapping[str, Any]) -> Iterator[Talking]:
    """Run a program of this folder until the end of the block."""
    command = [sys.executable, str(Path(__file__).with_name(program)), json.dumps(options)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    try:
        yield Talking(process)
    finally:
        timer.cancel()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.wait(SECONDS)
        process.stdout.close()


class Publishing:
    """The process of `publishing.py`."""

    def __init__(self, process: Talking) -> None:
        self._process = process
        told = json.loads(process.read())
        self.origin: str = told["origin"]
        self.jwk: dict[str, Any] = told["jwk"]

    def anchors(self, issuer: str) -> TrustAnchors:
        return TrustAnchors.from_jwks(issuer, {"keys": [self.jwk]}, purpose=KeyPurpose.STATUS_LIST)

    def uri(self, number: int) -> str:
        return f"{self.origin}/status/{number}"

    def allocate(self, number: int) -> int:
        return int(self._process.tell(f"allocate {number}"))

    def allocate_identifier(self, number: int) -> bytes:
        return bytes.fromhex(self._process.tell(f"allocate {number}"))

    def revoke(self, number: int, which: int | bytes) -> None:
        named = which.hex() if isinstance(which, bytes) else which
        assert self._process.tell(f"revoke {number} {named}") == "ok"

    def set_clock(self, now: int) -> None:
        assert self._process.tell(f"clock {now}") == "ok"

    @property
    def served(self) -> set[str]:
        return set(json.loads(self._process.tell("served")))


@contextlib.contextmanager
def publishing(
    lists: int = 1,
    size: int = 1_000,
    ttl_s: int = 3_600,
    *,
    now: int | None = None,
    identifiers: bool = False,
    folder: Path | None = None,
) -> Iterator[Publishing]:
    """Run the publishing app under a real server, in a process of its own."""
    options = {"lists": lists, "size": size, "ttl_s": ttl_s, "now": now, "identifiers": identifiers}
    with talking("publishing.py", options | {"folder": None if folder is None else str(folder)}) as process:
        publisher = Publishing(process)
        await_port(publisher.origin)
        yield publisher


def await_port(origin: str) -> None:
    port = int(origin.rpartition(":")[2])
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not start")


class Asked(NamedTuple):
    """One request as it came: the first line and the fields, in their order."""

    line: str
    fields: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        return self.line.split()[1]

    def field(self, name: str) -> str | None:
        return next((value for key, value in self.fields if key.lower() == name), None)


Behaviour = Callable[[Asked, socket.socket, threading.Event], None]


class Hostile:
    """A server that does to each connection what `behave` says. `asked` is its log."""

    def __init__(self, behave: Behaviour) -> None:
        self.asked: list[Asked] = []
        self.behave = behave
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def over(self) -> None:
        """Let whoever stalls end."""
        self._over.set()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        self._listening.close()
        for thread in self._threads:
            thread.join(SECONDS)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(SECONDS)
            received = b""
            while b"\r\n\r\n" not in received:
                piece = connection.recv(65_536)
                if not piece:
                    return
                received += piece
            line, *fields = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
            pairs = (field.partition(": ") for field in fields)
            asked = Asked(line, tuple((name, value) for name, _, value in pairs))
            self.asked.append(asked)
            self.behave(asked, connection, self._over)


def answer(status: int, body: bytes = b"", **fields: str) -> bytes:
    """Write a response; `content_length=""` leaves that field out."""
    told = {"content_type": "application/statuslist+jwt", "content_length": str(len(body)), "connection": "close"}
    told |= fields
    head = [f"HTTP/1.1 {status} Whatever", *(f"{n.replace('_', '-')}: {v}" for n, v in told.items() if v)]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def sends(data: bytes) -> Behaviour:
    """Send these bytes and close."""
    return lambda _asked, connection, _over: connection.sendall(data)
