"""Publish status lists: a small ASGI app, without a framework.

It serves the lists of one or more publishers at the paths of their URIs, each in every form that its publisher can
write, and the aggregation that names them all. A list is signed anew when it says something else or half of its ttl is
over; the tokens before serve as dictionaries for the next, and, where that is wanted, whoever asks for a time in the
past. It knows no caller: no cookie, no log.

Spec: Token Status List sections 8.1, 8.2, 8.4, 9; RFC 9110 sections 8.8, 12.5, 13.1.2, 15.5; RFC 9842 section 2;
specs/profile-status-list.md section 10.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final, NamedTuple, final

from .. import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from .._crypto import SigningKey
from .._errors import CitizenIDError, Reason
from .._limits import MAX_UNIX_TIME
from .._model import time_shown
from ..status._publisher import public_of
from ..status._writing import signer_of
from ._addresses import Reach, open_url
from ._codings import ZSTD_AVAILABLE, Coding, sf_string
from ._negotiation import asked_times, codings, fields, held, offers, preferred, read_time
from ._published import PublishedList, Publisher, Signing, Times, Version

__all__ = ["StatusListApp"]

Message = MutableMapping[str, Any]

_AGGREGATION: Final = "application/json"
_RETRY_S: Final = 30
_NO_STORE: Final = ("cache-control", "no-store")  # what is not there yet may be there tomorrow


class _Response(NamedTuple):
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@final
class StatusListApp:
    """An ASGI application that publishes status lists.

    A `StatusPublisher` is served as JWT and as CWT, whichever the Accept field prefers, and as JWT where it prefers
    none; an `IdentifierPublisher` as CWT. A form is signed from the first request for it on.

    The tokens are in the memory of the process. Where several processes serve one list from one ledger, each signs its
    own, and they may differ for as long as half of the ttl: a verifier that asks now one and now another is offered
    lists that are older than what it has, which it refuses, and another past. Serve a list from one process, or send
    each client to the same one.

    Args:
        publishers: of the lists, `StatusPublisher` or `IdentifierPublisher`, each at the path of its URI. The order is
            that of the aggregation. Of `StatusLists` those that there are now: what is begun later is served by an app
            that is made then.
        key: signs all of them, as `StatusPublisher.publish`.
        kid: key identifier in all tokens; the key's thumbprint in base64url by default.
        certificates: the signer's chain in DER, leaf first and without the root; it takes the place of a kid.
        ttl_s: how long verifiers may keep a list, seconds, at least 2. What is revoked now is refused everywhere within
            this time: a verifier fetches at half of it, and no HTTP cache may keep a list for longer than the rest.
        expires_s: when a token ends for good, seconds.
        aggregation_path: where `{"status_lists": [...]}` is served; None for nowhere.
        gather_s: changes of so many seconds are published together; where a list is asked for in several forms, or
            signed by several processes, of at least a second for each token.
        level: of the zlib stream inside the token. 0 stores it: the token is larger where no content coding is asked
            for, and a fiftieth or less where the previous one is at hand.
        versions: how many tokens of each form are kept as dictionaries, the newest included; each takes the memory of
            its list.
        historical: whether `?time=` is answered from the tokens that this process keeps; if not, with 501. Whoever may
            ask for the past learns how a credential stood then, and how many were revoked when: the standard
            recommends against it unless there are strong reasons (Token Status List section 12.7).
        clock: Unix seconds.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID, also for two lists at one path, for a URI with a query, and for
            certificates with a list that cannot bear them.
    """

    def __init__(
        self,
        publishers: Iterable[Publisher],
        *,
        key: SigningKey,
        kid: str | None = None,
        certificates: Iterable[bytes] = (),
        ttl_s: int,
        expires_s: int,
        aggregation_path: str | None = "/status-lists",
        gather_s: int = 1,
        level: int = 0,
        versions: int = 4,
        historical: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        numbers = {"publish.expires_s": expires_s, "publish.gather_s": gather_s, "publish.versions": versions}
        for where, number in {"publish.ttl_s": ttl_s, **numbers}.items():
            if type(number) is not int or not 0 < number <= MAX_UNIX_TIME:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)
        if not 2 <= ttl_s <= expires_s:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.ttl_s")
        if gather_s > ttl_s:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.gather_s")
        if type(level) is not int or not 0 <= level <= 9:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.level")
        if type(historical) is not bool:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.historical")
        if not callable(clock):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.clock")
        if not isinstance(certificates, Iterable):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.certificates")
        if not isinstance(publishers, Iterable):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.publishers")
        chain = tuple(certificates)
        signer_of(public_of(key), kid, chain)  # refused now, and not at the first request
        how = Signing(key, kid, chain, ttl_s, expires_s, gather_s, level, versions)
        self._lists: Final = _by_path(publishers, how)
        self._aggregations: Final = _aggregations(aggregation_path, self._lists)
        self._aggregation_age_s: Final = ttl_s // 2
        self._historical: Final = historical
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
        published, aggregation = self._lists.get(path), self._aggregations.get(path)
        if published is None and aggregation is None:
            return _Response(404)
        if scope["method"] not in ("GET", "HEAD"):
            return _Response(405, (("allow", "GET, HEAD"),))
        headers = fields(scope["headers"])
        if published is not None:
            return self._serve_list(published, path, bytes(scope.get("query_string", b"")), headers)
        if aggregation is None or preferred(headers.get("accept"), [_AGGREGATION]) is None:
            return _Response(406)
        return _serve(aggregation, _AGGREGATION, headers, f"public, max-age={self._aggregation_age_s}, must-revalidate")

    def _serve_list(self, published: PublishedList, path: str, query: bytes, headers: Mapping[str, str]) -> _Response:
        times = asked_times(query)
        moment = read_time(times)
        if times and not self._historical:
            return _Response(501)
        if times and moment is None:
            return _Response(400)
        kind = preferred(headers.get("accept"), published.media_types)
        if kind is None:
            return _Response(406)
        now = time_shown(self._clock)  # without one nobody knows what to serve
        newest = None if now is None else published.newest(kind, now)
        if newest is None or now is None:
            return _Response(503, (("retry-after", str(_RETRY_S)),))
        with published.lock:
            kept = f"public, max-age={published.left_s(newest, now)}, must-revalidate"
            if moment is None:
                return _serve(newest, kind, headers, kept, path, published.kept(kind))
            # Nobody knows what will be said of the future, though the newest token may be good for it.
            found = published.at(kind, moment) if moment <= now else None
            if found is None:
                return _Response(404, (_NO_STORE,))
            # For no longer than the newest: a process that starts anew, or another one, does not have the same past.
            return _serve(found, kind, headers, kept)

    def __repr__(self) -> str:
        return f"<StatusListApp of {len(self._lists)} lists>"


def _by_path(publishers: Iterable[Publisher], how: Signing) -> dict[str, PublishedList]:
    found: dict[str, PublishedList] = {}
    for publisher in publishers:
        published = PublishedList(publisher, how)
        target = open_url(published.uri, Reach.LOOPBACK)
        if target is None or "?" in target.path or target.path in found:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.publishers")
        found[target.path] = published
    if not found:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.publishers")
    return found


def _aggregations(path: str | None, lists: Mapping[str, PublishedList]) -> dict[str, Version]:
    if path is None:
        return {}
    if (
        type(path) is not str
        or path in lists
        or path[:1] != "/"
        or "?" in path
        or open_url("https://host" + path, Reach.PUBLIC) is None
    ):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.aggregation_path")
    named = {"status_lists": [each.uri for each in lists.values()]}
    return {path: Version(json.dumps(named, separators=(",", ":")).encode(), Times(0, MAX_UNIX_TIME))}


def _serve(
    version: Version,
    kind: str,
    headers: Mapping[str, str],
    cache_control: str,
    path: str | None = None,
    dictionaries: Iterable[Version] = (),
) -> _Response:
    """Answer with this version; with a path it may be a dictionary for what will be served there."""
    common = [
        ("cache-control", cache_control),
        ("vary", "accept, accept-encoding, available-dictionary"),
        ("access-control-allow-origin", "*"),
    ]
    if path is not None and ZSTD_AVAILABLE:
        common.append(("use-as-dictionary", f"match={sf_string(path)}, id={sf_string(version.tag)}"))
    old = next((each for each in dictionaries if offers(headers, each.sha256)), None)
    accepted = codings(headers.get("accept-encoding"), dictionary=old is not None)
    if not accepted:
        return _Response(406)
    tags = [_tag(version, each, old) for each in accepted]
    # Whoever has this very version as a dictionary needs no other one to read it.
    further = f"{version.tag}-{Coding.DCZ.value}" if old is version and Coding.DCZ in accepted else None
    known = held(headers.get("if-none-match"), tags, further)
    if known is not None:
        return _Response(304, (*common, ("etag", f'"{known}"')))
    chosen = accepted[0]
    body = version.coded(chosen, old)
    if chosen is not Coding.IDENTITY:
        common.append(("content-encoding", chosen.value))
    return _Response(200, (*common, ("content-type", kind), ("etag", f'"{tags[0]}"')), body)


def _tag(version: Version, coding: Coding, dictionary: Version | None) -> str:
    """Return the entity tag of a version in this coding, without quotes."""
    if coding is Coding.IDENTITY:
        return version.tag
    against = dictionary.sha256[:4].hex() if coding is Coding.DCZ and dictionary is not None else ""
    return f"{version.tag}-{coding.value}{against}"
