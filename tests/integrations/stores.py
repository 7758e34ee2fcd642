"""A real server for the tests: redis-server or valkey-server in a process of its own, on a free port of the loopback.

It is never the system's service. It keeps its files, if any, in a folder of the test, and ends with its `with` block.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

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
