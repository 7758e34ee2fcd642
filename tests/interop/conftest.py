"""The peers that need an environment of their own, each as one process for the whole run.

CITIZENID_INTEROP names the folder that `tests/interop/peers/install` has filled; without it their tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import builders
import pytest

# They run inside the peers' environments and import what is not in ours.
collect_ignore = ["peers"]

PEERS: Final = Path(__file__).parent / "peers"
_SECONDS: Final = 60  # for one answer; the slowest takes a second, most of it to load the package


class Refused(Exception):
    """What the peer said when it refused."""


class Peer:
    """One process of a peer: a request goes in as a line, an answer comes out as a line."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, do: str, **request: Any) -> Any:
        """Return its answer, or raise Refused. Bytes of the request become hexadecimal."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"do": do, **request}, default=bytes.hex) + "\n")
        process.stdin.flush()
        limit = threading.Timer(_SECONDS, process.kill)
        limit.start()
        line = process.stdout.readline()
        limit.cancel()
        if not line:
            pytest.fail(f"the peer ended, or did not answer {do} within {_SECONDS} seconds", pytrace=False)
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["ok"]

    def close(self) -> None:
        with self._process as process:  # closes its pipes, on which it ends, and waits for it
            limit = threading.Timer(_SECONDS, process.kill)
            limit.start()
            process.communicate()
            limit.cancel()


def _peer(script: str, environment: str) -> Iterator[Peer]:
    stated = os.environ.get("CITIZENID_INTEROP")
    if not stated:
        pytest.skip("CITIZENID_INTEROP is not set: it names the folder of tests/interop/peers/install")
    folder = Path(stated) / environment
    if not folder.is_dir():
        pytest.fail(f"CITIZENID_INTEROP has no folder {environment}", pytrace=False)
    program = "node" if environment == "npm" else str(folder / "bin" / "python")
    peer = Peer(
        script.removeprefix("peer_").partition(".")[0], [program, str(PEERS / script), str(folder), str(builders.NOW)]
    )
    yield peer
    peer.close()


@pytest.fixture(scope="session")
def auth0() -> Iterator[Peer]:
    yield from _peer("peer_auth0.cjs", "npm")


@pytest.fixture(scope="session")
def owf() -> Iterator[Peer]:
    yield from _peer("peer_owf.cjs", "npm")


@pytest.fixture(scope="session")
def isomdoc() -> Iterator[Peer]:
    yield from _peer("peer_isomdoc.py", "isomdoc")


@pytest.fixture(scope="session")
def pymdoccbor() -> Iterator[Peer]:
    yield from _peer("peer_pymdoccbor.py", "pymdoccbor")


@pytest.fixture(scope="session")
def pycose() -> Iterator[Peer]:
    yield from _peer("peer_pycose.py", "pycose")


@pytest.fixture(scope="session")
def cwt() -> Iterator[Peer]:
    yield from _peer("peer_cwt.py", "cwt")


@pytest.fixture(scope="session")
def httpsig() -> Iterator[Peer]:
    yield from _peer("peer_httpsig.py", "httpsig")
