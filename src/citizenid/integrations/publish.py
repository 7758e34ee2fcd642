"""Publish status lists: a small ASGI app, without a framework.

It serves the lists of one or more `StatusPublisher`s at the paths of their URIs, and the aggregation that names them
all. A list is signed anew when it says something else or half of its ttl is over, and the tokens before serve as
dictionaries for the next. It knows no caller: no cookie, no query, no log.

Spec: Token Status List sections 8.1, 8.2, 8.4, 9; RFC 9110 sections 8.8, 12.5, 13.1.2, 15.5; RFC 9842 section 2;
specs/profile-status-list.md section 10.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final, NamedTuple, final

from .. import _registry as reg
from .._crypto import SigningKey
from .._errors import CitizenIDError, Reason
from .._limits import MAX_UNIX_TIME
from ..status import StatusPublisher
from ._addresses import Reach, open_url
from ._codings import ZSTD_AVAILABLE, Coding, dcz, gzip, sf_binary, sf_string, zstd

__all__ = ["StatusListApp"]

Message = MutableMapping[str, Any]

_AGGREGATION: Final = "application/json"
_RETRY_S: Final = 30
_MAX_FIELD_CHARS: Final = 4_096  # of Accept and its like; servers in front take 8,192 for all fields
_ITEM: Final = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z/-]+)\s*(?:;\s*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?\s*")


class _Version(NamedTuple):
    """One state of a resource: with the changes up to which version of the publisher, and when."""

    body: bytes
    sha256: bytes
    changes: int
    made_at: int

    @property
    def tag(self) -> str:
        return self.sha256[:16].hex()


class _Resource:
    """What is served at one path: its versions, the newest last, and their encodings."""

    __slots__ = ("coded", "lock", "publisher", "versions")

    def __init__(self, publisher: StatusPublisher | None) -> None:
        self.publisher: Final = publisher  # None for the aggregation
        self.versions: OrderedDict[bytes, _Version] = OrderedDict()  # by SHA-256 of the body
        self.coded: dict[tuple[Coding, bytes], bytes] = {}  # of the newest; with the dictionary it was made with
        self.lock: Final = threading.Lock()

    @property
    def newest(self) -> _Version | None:
        return next(reversed(self.versions.values()), None)

    def add(self, version: _Version, kept: int) -> None:
        self.versions[version.sha256] = version
        self.coded.clear()
        while len(self.versions) > kept:
            self.versions.popitem(last=False)


class _Response(NamedTuple):
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@final
class StatusListApp:
    """An ASGI application that publishes status lists.

    Args:
        publishers: of the lists, each at the path of its URI. The order is that of the aggregation.
        key: signs all of them, as `StatusPublisher.publish`.
        ttl_s: how long verifiers may keep a list, seconds, at least 2. What is revoked now is refused everywhere within
            this time: a verifier fetches at half of it, and no HTTP cache may keep a list for longer than the rest.
        expires_s: when a token ends for good, seconds.
        aggregation_path: where `{"status_lists": [...]}` is served; None for nowhere.
        gather_s: changes of so many seconds are published together.
        level: of the zlib stream inside the token. 0 stores it: the token is larger where no content coding is asked
            for, and a fiftieth or less where the previous one is at hand.
        versions: how many tokens of each list are kept as dictionaries, the newest included; each takes the memory of
            its list.
        clock: Unix seconds.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID, also for two lists at one path, and for a URI with a query.
    """

    def __init__(
        self,
        publishers: Iterable[StatusPublisher],
        *,
        key: SigningKey,
        ttl_s: int,
        expires_s: int,
        aggregation_path: str | None = "/status-lists",
        gather_s: int = 1,
        level: int = 0,
        versions: int = 4,
        clock: Callable[[], float] = time.time,
    ) -> None:
        numbers = (ttl_s, expires_s, gather_s, versions)
        if not all(type(number) is int and 0 < number <= MAX_UNIX_TIME for number in numbers):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish")
        if not 2 <= ttl_s <= expires_s or gather_s > ttl_s or type(level) is not int or not 0 <= level <= 9:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish")
        self._resources: dict[str, _Resource] = {}
        uris = []
        for publisher in publishers:
            target = open_url(publisher.uri, Reach.LOOPBACK)
            if target is None or "?" in target.path or target.path in self._resources:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.publishers")
            self._resources[target.path] = _Resource(publisher)
            uris.append(publisher.uri)
        if not uris or aggregation_path in self._resources:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.publishers")
        if aggregation_path is not None:
            path = aggregation_path
            if path[:1] != "/" or "?" in path or open_url("https://host" + path, Reach.PUBLIC) is None:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.aggregation_path")
            body = json.dumps({"status_lists": uris}, separators=(",", ":")).encode()
            resource = self._resources[aggregation_path] = _Resource(None)
            resource.add(_Version(body, hashlib.sha256(body).digest(), 0, 0), 1)
        self._key = key
        self._ttl_s: Final = ttl_s
        self._expires_s: Final = expires_s
        self._gather_s: Final = gather_s
        self._level: Final = level
        self._versions: Final = versions
        self._clock = clock

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request (ASGI 3, `http` and `lifespan`)."""
        if scope["type"] == "lifespan":
            while True:
                event = (await receive())["type"]
                await send({"type": f"{event}.complete"})
                if event == "lifespan.shutdown":
                    return
        if scope["type"] != "http":
            return
        # In a thread: signing may wait for an HSM, and compressing takes tens of milliseconds.
        response = await asyncio.to_thread(self._respond, scope)
        headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in response.headers]
        if response.status != 304:
            headers.append((b"content-length", b"%d" % len(response.body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else response.body})

    def _respond(self, scope: Mapping[str, Any]) -> _Response:
        raw = scope.get("raw_path")
        path = (scope["path"].encode("utf-8") if raw is None else bytes(raw).partition(b"?")[0]).decode("latin-1")
        resource = self._resources.get(path)
        if resource is None:
            return _Response(404)
        if scope["method"] not in ("GET", "HEAD"):
            return _Response(405, (("allow", "GET, HEAD"),))
        query = bytes(scope.get("query_string", b""))
        if resource.publisher is not None and re.search(rb"(?:^|&)time(?:=|&|$)", query):
            return _Response(501)  # historical lists: Token Status List section 8.4
        headers = _fields(scope["headers"])
        kind = _AGGREGATION if resource.publisher is None else reg.MEDIA_STATUS_LIST_JWT
        if not _accepts(headers.get("accept"), kind):
            return _Response(406)
        now = int(self._clock())
        with resource.lock:
            version = self._current(resource, now)
            if version is None:
                return _Response(503, (("retry-after", str(_RETRY_S)),))
            return self._serve(resource, version, headers, path, kind, now)

    def _current(self, resource: _Resource, now: int) -> _Version | None:
        """Return the newest version, signed anew if it must be; a signer that fails leaves the last one in force."""
        newest, publisher = resource.newest, resource.publisher
        if publisher is None:
            return newest
        age = None if newest is None else now - newest.made_at
        if newest is not None and age is not None and 0 <= age < self._gather_s:
            return newest
        changes = publisher.version  # before: a change that comes meanwhile is published twice rather than not at all
        if newest is not None and age is not None and 0 <= age < self._ttl_s // 2 and changes == newest.changes:
            return newest
        try:
            unsigned = publisher.prepare(
                self._key.public, now=now, ttl_s=self._ttl_s, expires_s=self._expires_s, level=self._level
            )
            body = unsigned.sign(self._key)
        except (CitizenIDError, OSError):
            return newest if age is not None and age < self._expires_s else None
        version = _Version(body, hashlib.sha256(body).digest(), changes, now)
        resource.add(version, self._versions)
        return version

    def _serve(
        self, resource: _Resource, version: _Version, headers: Mapping[str, str], path: str, kind: str, now: int
    ) -> _Response:
        # Until it is signed anew at the latest: a cache in between adds to the time until a revocation is known.
        half = self._ttl_s // 2
        left = half if resource.publisher is None else max(0, version.made_at + half - now)
        common = [
            ("cache-control", f"public, max-age={left}"),
            ("vary", "accept, accept-encoding, available-dictionary"),
            ("access-control-allow-origin", "*"),
        ]
        if resource.publisher is not None and ZSTD_AVAILABLE:
            common.append(("use-as-dictionary", f"match={sf_string(path)}, id={sf_string(version.tag)}"))
        held = headers.get("if-none-match")
        if held is not None and (held == "*" or re.search(rf'"{version.tag}(?:-[0-9a-z]+)?"', held)):
            return _Response(304, (*common, ("etag", f'"{version.tag}"')))
        old = next((each for each in resource.versions.values() if _offers(headers, each)), None)
        coding = _choose(headers.get("accept-encoding"), old is not None and resource.publisher is not None)
        if coding is None:
            return _Response(406)
        key = (coding, old.sha256 if coding is Coding.DCZ and old is not None else b"")
        body = resource.coded.get(key)
        if body is None:
            body = resource.coded[key] = _encoded(version.body, coding, old)
        tag = version.tag if coding is Coding.IDENTITY else f"{version.tag}-{coding.value}{key[1][:4].hex()}"
        common += [("content-type", kind), ("etag", f'"{tag}"')]
        if coding is not Coding.IDENTITY:
            common.append(("content-encoding", coding.value))
        return _Response(200, tuple(common), body)

    def __repr__(self) -> str:
        return f"<StatusListApp of {len(self._resources)} paths>"


def _encoded(body: bytes, coding: Coding, old: _Version | None) -> bytes:
    if coding is Coding.DCZ and old is not None:
        return dcz(body, old.body)
    if coding is Coding.ZSTD:
        return zstd(body)
    return gzip(body) if coding is Coding.GZIP else body


def _fields(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for raw, value in headers:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        joined[name] = f"{joined[name]}, {text}" if name in joined else text
    return {name: text for name, text in joined.items() if len(text) <= _MAX_FIELD_CHARS}


def _weights(field: str) -> dict[str, float]:
    """Read a list of items with weights (RFC 9110 section 12.4.2); items of another form are passed over."""
    found: dict[str, float] = {}
    for item in field.lower().split(","):
        parts = _ITEM.fullmatch(item)
        if parts is not None:
            found[parts[1]] = 1.0 if parts[2] is None else float(parts[2])
    return found


def _accepts(field: str | None, kind: str) -> bool:
    if field is None or not field.strip():
        return True
    weights = _weights(field)
    group = kind.partition("/")[0] + "/*"
    return next((weights[name] for name in (kind, group, "*/*") if name in weights), 0.0) > 0


def _choose(field: str | None, dictionary: bool) -> Coding | None:
    """Return the smallest coding that is accepted: of the weights only 0 matters. `*` names no dictionary."""
    weights = {} if field is None else _weights(field)
    for coding in (Coding.DCZ, Coding.ZSTD, Coding.GZIP):
        available = coding is Coding.GZIP or (ZSTD_AVAILABLE and (dictionary or coding is Coding.ZSTD))
        other = 0.0 if coding is Coding.DCZ else weights.get("*", 0.0)
        if available and weights.get(coding.value, other) > 0:
            return coding
    return Coding.IDENTITY if weights.get(Coding.IDENTITY.value, weights.get("*", 1.0)) > 0 else None


def _offers(headers: Mapping[str, str], version: _Version) -> bool:
    return headers.get("available-dictionary", "").strip() == sf_binary(version.sha256)
