"""A real server for the tests: redis-server or valkey-server in a process of its own, on a free port of the loopback.

It is never the system's service. It keeps its files, if any, in a folder of the test, and ends with its `with` block.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from valkey import Valkey

from citizenid.integrations.valkey import connect

PROGRAMS = ("valkey-server", "redis-server")
SECONDS = 20


class Store:
    """A server that can be killed and started again, on the same port and folder."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"valkey://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        arguments = [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        arguments += ["--save", "", "--daemonize", "no", *options]
        self._process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + SECONDS
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(5) == b"+PONG":
                        return
            except OSError:
                pass
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self, timeout_s: float = 1.0) -> Valkey:
        """A client for tests: a slow machine is no fault here."""
        return connect(self.url, timeout_s=timeout_s)


PONG: Final = re.compile(rb"\*2\r\n\$4\r\npong\r\n\$[0-9]+\r\n[^\r]*\r\n")


class Relay:
    """Stands between clients and a server, and keeps back what the server says on connections that have subscribed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"valkey://127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets = [self._listener]
        self._held: dict[socket.socket, bytearray] = {}
        self.subscribed: list[socket.socket] = []
        self.pings = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def client(self) -> Valkey:
        return connect(self.url, timeout_s=1.0)

    def hold(self) -> None:
        """Keep back what comes on the connections that are open now."""
        with self._lock:
            self._held = {each: bytearray() for each in self.subscribed}

    @property
    def held(self) -> bytes:
        with self._lock:
            return b"".join(self._held.values())

    def release(self, size: int | None = None) -> None:
        """Let the first bytes of what was kept back go, or everything from now on."""
        with self._lock:
            for client, held in self._held.items():
                client.sendall(held[:size])
                del held[:size]
            if size is None:
                self._held = {}

    def close(self) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._store.port))
                self._sockets += [client, server]
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                if b"\r\nSUBSCRIBE\r\n" in data:
                    self.subscribed.append(client)
                self.pings += data.count(b"\r\nPING\r\n")
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                with self._lock:
                    if client in self._held:
                        self._held[client] += data
                    else:
                        client.sendall(data)


@contextlib.contextmanager
def relaying(store: Store) -> Iterator[Relay]:
    relay = Relay(store)
    try:
        yield relay
    finally:
        relay.close()


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[Store]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("neither valkey-server nor redis-server is installed: see the README")
    store = Store(program, folder)
    store.start(*options)
    try:
        yield store
    finally:
        store.kill()


def wait_until(condition: object, seconds: float = SECONDS) -> None:
    """Wait for what threads and processes do."""
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.01)
