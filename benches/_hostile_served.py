"""The worst inputs that we know of for what is kept in files, fetched, published, and passed on to a model.

Spec: threat T-9; specs/threat-model.md (limits).
"""

from __future__ import annotations

import atexit
import gzip
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from citizenid.gateway.audit import verify_audit
from citizenid.integrations._codings import DCZ_MAGIC, Coding, dcz, decode, zstd
from citizenid.integrations._litellm_bodies import body_reader
from citizenid.integrations._negotiation import codings, held, preferred
from citizenid.status import StatusFile, StatusPublisher, StatusStore, write_status_file

from ._family import Family
from ._world import STATUS_MEDIA_TYPE, World
from .bench_audit import open_log, refuse


def families() -> Iterator[Family]:
    """Return them all."""
    yield from _logs()
    yield from _status_files()
    yield from _codings()
    yield from _fields()
    yield from _bodies()


def _folder() -> Path:
    """Make a folder that is there until the process ends."""
    path = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, path)
    return Path(path)


def _logs() -> Iterator[Family]:
    def log(count: int) -> Path:
        path = _folder()
        writer = open_log(path)
        for _ in range(count):
            position = refuse(writer)
        writer.settle(position)
        writer.checkpoint()
        writer.close()
        (path / "key").write_text(writer.verifier_key)
        return path

    def check(path: Path) -> object:
        return verify_audit(path / "w", keys=[(path / "key").read_text()], now=int(time.time()) + 1)

    yield Family("verify_audit", "entries", 2_000, log, check)


def _status_files() -> Iterator[Family]:
    world = World()

    def lists(count: int) -> Path:
        store = StatusStore(anchors=world.status_anchors)
        for number in range(count):
            uri = f"https://status.example/lists/{number}"
            token = StatusPublisher(uri=uri, size=1_000).publish(
                world.key, now=world.now, ttl_s=43_200, expires_s=86_400
            )
            store.ingest(uri, token, media_type=STATUS_MEDIA_TYPE, now=world.now)
        path = _folder() / "lists"
        write_status_file(path, store)
        return path

    yield Family("StatusFile", "lists", 50, lists, lambda path: StatusFile(path, anchors=world.status_anchors))


def _codings() -> Iterator[Family]:
    def inflate(coding: Coding) -> Callable[[bytes], object]:
        return lambda data: decode(data, coding, limit_bytes=2**26)

    yield Family(
        "coding, gzip", "megabytes of zeros", 4, lambda count: gzip.compress(bytes(count << 20)), inflate(Coding.GZIP)
    )
    yield Family("coding, gzip", "empty members", 5_000, lambda count: gzip.compress(b"") * count, inflate(Coding.GZIP))
    yield Family("coding, zstd", "megabytes of zeros", 4, lambda count: zstd(bytes(count << 20)), inflate(Coding.ZSTD))
    # A frame without a checksum and with a window of a kilobyte: as many empty blocks as there is room for, and an end.
    yield Family(
        "coding, zstd",
        "empty blocks",
        50_000,
        lambda count: b"\x28\xb5\x2f\xfd\x00\x00" + b"\x00\x00\x00" * count + b"\x01\x00\x00",
        inflate(Coding.ZSTD),
    )

    def against(count: int) -> tuple[bytes, bytes]:
        dictionary = os.urandom(count)
        return dcz(dictionary, dictionary), dictionary

    def mistaken(count: int) -> tuple[bytes, bytes]:
        dictionary = os.urandom(count)
        return DCZ_MAGIC + hashlib.sha256(dictionary).digest() + bytes(count), dictionary

    def inflate_against(given: tuple[bytes, bytes]) -> object:
        return decode(given[0], Coding.DCZ, limit_bytes=2**26, dictionary=given[1])

    yield Family("coding, dcz", "bytes of the dictionary", 500_000, against, inflate_against)
    yield Family("coding, dcz", "bytes that are no frame", 500_000, mistaken, inflate_against)


def _fields() -> Iterator[Family]:
    yield Family(
        "negotiation",
        "kinds in Accept",
        2_000,
        lambda count: ",".join(f"a/b{number};q=0.{number % 9}" for number in range(count)),
        lambda field: preferred(field, ["application/statuslist+jwt"]),
    )
    yield Family(
        "negotiation",
        "codings",
        2_000,
        lambda count: ",".join(f"c{number}" for number in range(count)),
        lambda field: codings(field, dictionary=True),
    )
    yield Family(
        "negotiation",
        "entity tags",
        2_000,
        lambda count: ",".join(f'"t{number}"' for number in range(count)),
        lambda field: held(field, ["t"]),
    )


def _bodies() -> Iterator[Family]:
    chat, form = body_reader("/v1/chat/completions"), body_reader("/v1/audio/transcriptions")

    def question(member: str, value: Callable[[int], object]) -> Callable[[int], bytes]:
        return lambda count: json.dumps({"model": "m", member: value(count)}).encode()

    def read(body: bytes) -> object:
        return chat(b"application/json", body)

    entry = "LiteLLM, body"
    turn = {"role": "user", "content": [{"type": "text", "text": "x"}]}
    yield Family(entry, "turns", 1_000, question("messages", lambda count: [turn] * count), read)
    yield Family(
        entry,
        "pieces of one turn",
        2_000,
        question("messages", lambda count: [{"role": "user", "content": [{"type": "text"}] * count}]),
        read,
    )
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    yield Family(entry, "tools", 1_000, question("tools", lambda count: [tool] * count), read)
    yield Family(
        entry,
        "members of a tree",
        2_000,
        question("logit_bias", lambda count: {f"m{number}": number for number in range(count)}),
        read,
    )

    def parts(count: int) -> bytes:  # what is no boundary and nearly one, in a file
        file = b"\r\n--boundar" * count
        head = b'--boundary\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        return head % (b"model", b"", b"m") + head % (b"file", b'; filename="x"', file) + b"--boundary--\r\n"

    def headers(count: int) -> bytes:
        lines = b"".join(b"x-%d: v\r\n" % number for number in range(count))
        return b"--boundary\r\n" + lines + b"\r\nm\r\n--boundary--\r\n"

    def read_form(body: bytes) -> object:
        return form(b"multipart/form-data; boundary=boundary", body)

    yield Family("LiteLLM, form", "boundaries that are nearly one", 10_000, parts, read_form)
    yield Family("LiteLLM, form", "headers of a part", 2_000, headers, read_form)
