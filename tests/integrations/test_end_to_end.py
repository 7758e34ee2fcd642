"""A revocation made by another process refuses the next request of a ticket, and no fetch says who was checked."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import builders as b
import pytest

from citizenid import Format, NeedStatusList, Reason, Status, StatusReference
from citizenid.gateway import AdmissionPolicy, Admitted, Allow, Deny, Gateway, MemoryReplayGuard
from citizenid.integrations import _schedule
from citizenid.integrations.fetch import FetchBounds, FetchResult, Reach, Source, StatusFetcher
from citizenid.status import StatusFile, StatusKind, StatusPublisher, StatusSource, StatusStore

from .asking import CWT, IDENTIFIERS, JWT
from .bearers import ORIGIN, Bearer, bearer
from .servers import Asked, Hostile, Publishing, answer, publishing, talking

POLICY: Final = 'version = 1\n[[rule]]\nresource = "model"\nnationality = ["US"]\n'
ASK: Final = "/v1/chat/completions"
QUICK: Final = FetchBounds(jitter_s=0, interval_s=0)
LISTS: Final = 3
TTL_S: Final = 1_200
AGGREGATION: Final = "application/json"

# Which list a credential is in, by the media type of the list. An identifier list names mdocs alone.
EVERY: Final = [
    (Format.SD_JWT_VC, JWT),
    (Format.SD_JWT_VC, CWT),
    (Format.SD_CWT, JWT),
    (Format.SD_CWT, CWT),
    (Format.MDOC, JWT),
    (Format.MDOC, CWT),
    (Format.MDOC, IDENTIFIERS),
]
EACH: Final = [(Format.SD_JWT_VC, JWT), (Format.SD_CWT, CWT), (Format.MDOC, IDENTIFIERS)]


class Clock:
    """The clock of everybody: the gateway's, the fetcher's, and what the publisher is told. Tests move it."""

    def __init__(self) -> None:
        self.now = b.NOW

    def __call__(self) -> float:
        return self.now


class Lists(NamedTuple):
    """Where a gateway finds lists, and what fetches them."""

    statuses: StatusSource
    refresh: Callable[[], list[FetchResult]]


def accepting(kind: str) -> tuple[str, ...]:
    """Prefer this form."""
    return tuple(sorted((JWT, CWT, IDENTIFIERS), key=lambda each: each != kind))


@contextlib.contextmanager
def in_memory(publisher: Publishing, kind: str, clock: Clock, path: Path) -> Iterator[Lists]:
    """A store in the gateway's process, and a fetcher beside it."""
    store = StatusStore(anchors=publisher.anchors(b.ISSUER))
    source = Source(publisher.origin + "/status-lists")
    fetcher = StatusFetcher(store, [source], reach=Reach.LOOPBACK, bounds=QUICK, clock=clock, monotonic=clock)
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(fetcher):
        patch.setattr(_schedule, "ACCEPT_LIST", accepting(kind))
        yield Lists(store, lambda: [each.result for each in fetcher.refresh()])


@contextlib.contextmanager
def in_a_file(publisher: Publishing, kind: str, clock: Clock, path: Path) -> Iterator[Lists]:
    """A file that a process of its own fetches for and writes."""
    options = {
        "aggregation": publisher.origin + "/status-lists", "issuer": b.ISSUER, "jwk": publisher.jwk,
        "path": str(path / "lists"), "accept": accepting(kind),
    }  # fmt: skip
    with talking("fetching.py", options) as fetcher:
        assert fetcher.read() == "[]"
        statuses = StatusFile(path / "lists", anchors=publisher.anchors(b.ISSUER))
        yield Lists(statuses, lambda: [FetchResult(each) for each in json.loads(fetcher.tell(f"refresh {clock.now}"))])


Keeping = Callable[[Publishing, str, Clock, Path], contextlib.AbstractContextManager[Lists]]
Case = tuple[Format, str, Keeping]
IN_A_FILE: Final[list[Case]] = [(format_, kind, in_a_file) for format_, kind in EACH]
KEPT: Final[list[Case]] = [*[(format_, kind, in_memory) for format_, kind in EVERY], *IN_A_FILE]
SOME: Final[list[Case]] = [*[(format_, kind, in_memory) for format_, kind in EACH], IN_A_FILE[-1]]


class Ticket:
    """A gateway that has given a holder a ticket for his credential, by lists that it fetched from another process."""

    def __init__(self, publisher: Publishing, format_: Format, kind: str, lists: Lists, clock: Clock) -> None:
        self.clock, self.lists, self.publisher = clock, lists, publisher
        self.number = LISTS if kind == IDENTIFIERS else 1
        self.which: int | bytes
        uri = publisher.uri(self.number)
        if kind == IDENTIFIERS:
            self.which = publisher.allocate_identifier(self.number)
            self.reference = StatusReference(uri, None, StatusKind.IDENTIFIER_LIST, self.which)
        else:
            self.which = publisher.allocate(self.number)
            self.reference = StatusReference(uri, self.which)
        self.bearer: Bearer = bearer(format_, self.reference, clock.now)
        self.gateway = Gateway(
            **self.bearer.gateway, external_url=ORIGIN, policy=AdmissionPolicy.from_toml(POLICY),
            ticket_keys=[bytes(range(32))], statuses=lists.statuses, replay=MemoryReplayGuard(monotonic=clock),
            clock=clock, monotonic=clock,
        )  # fmt: skip
        clock.now += 10
        self.fetched_at = clock.now
        publisher.set_clock(clock.now)
        need = self.admit()
        assert isinstance(need, NeedStatusList)  # nothing is decided without a list
        assert need.http().status == 503
        taken = lists.refresh()
        assert taken == [FetchResult.TAKEN] * (1 + LISTS + 1)  # the aggregation and every list of it
        assert publisher.served == {AGGREGATION, IDENTIFIERS, JWT if kind == IDENTIFIERS else kind}
        clock.now += 2  # a gateway looks for another file once a second
        admitted = self.admit()
        assert isinstance(admitted, Admitted), admitted
        self.text = admitted.ticket

    def admit(self) -> Any:
        return self.bearer.admit(self.gateway, self.clock.now)

    def ask(self) -> Any:
        request = self.bearer.request(ASK, self.clock.now, self.text)
        return self.gateway.authorize(request, resource="model")

    def fetch_later(self) -> None:
        """Let so much time pass that the fetcher comes by itself, and the gateway looks."""
        self.clock.now += TTL_S // 2
        self.publisher.set_clock(self.clock.now)
        assert FetchResult.TAKEN in self.lists.refresh()
        self.clock.now += 2


def publishing_lists(folder: Path | None = None) -> contextlib.AbstractContextManager[Publishing]:
    return publishing(LISTS, ttl_s=TTL_S, now=b.NOW, identifiers=True, folder=folder)


@pytest.mark.parametrize(("format_", "kind", "keeping"), KEPT)
def test_a_revocation_by_another_process_refuses_the_next_request_of_a_ticket(
    format_: Format, kind: str, keeping: Keeping, tmp_path: Path
) -> None:
    clock = Clock()
    with publishing_lists() as publisher, keeping(publisher, kind, clock, tmp_path) as lists:
        ticket = Ticket(publisher, format_, kind, lists, clock)
        assert type(ticket.ask()) is Allow
        publisher.revoke(ticket.number, ticket.which)
        assert type(ticket.ask()) is Allow  # the gateway asks nobody: it knows what was fetched
        ticket.fetch_later()
        for result in (ticket.ask(), ticket.admit()):
            assert isinstance(result, Deny), result
            assert (result.reason, result.step) == (Reason.REVOKED, "V9")


@pytest.mark.parametrize(("format_", "kind", "keeping"), SOME)
def test_the_revocation_of_somebody_else_refuses_nobody(
    format_: Format, kind: str, keeping: Keeping, tmp_path: Path
) -> None:
    clock = Clock()
    with publishing_lists() as publisher, keeping(publisher, kind, clock, tmp_path) as lists:
        ticket = Ticket(publisher, format_, kind, lists, clock)
        for number in range(LISTS):
            publisher.revoke(number, publisher.allocate(number))
        publisher.revoke(LISTS, publisher.allocate_identifier(LISTS))
        ticket.fetch_later()
        assert type(ticket.ask()) is Allow
        assert isinstance(ticket.admit(), Admitted)


@pytest.mark.parametrize(("format_", "kind", "keeping"), SOME)
def test_while_no_lists_arrive_a_ticket_counts_as_long_as_its_list_and_is_then_refused_for_want_of_one(
    format_: Format, kind: str, keeping: Keeping, tmp_path: Path
) -> None:
    clock = Clock()
    with contextlib.ExitStack() as server:
        publisher = server.enter_context(publishing_lists())
        with keeping(publisher, kind, clock, tmp_path) as lists:
            ticket = Ticket(publisher, format_, kind, lists, clock)
            publisher.revoke(ticket.number, ticket.which)  # nobody will hear of it
            server.close()
            tried = []
            for age_s in (100, TTL_S // 2 - 1, TTL_S // 2, TTL_S - 100, TTL_S - 1):
                clock.now = ticket.fetched_at + age_s
                tried += lists.refresh()
                assert type(ticket.ask()) is Allow, age_s
            for age_s in (TTL_S, TTL_S + 2, TTL_S + 1_000):
                clock.now = ticket.fetched_at + age_s
                tried += lists.refresh()
                need = ticket.ask()
                assert isinstance(need, NeedStatusList), need
                assert need.reason is Reason.STATUS_LIST_STALE
                assert need.http().status == 503
                assert isinstance(ticket.admit(), NeedStatusList)
            assert set(tried) == {FetchResult.UNREACHABLE}


def test_a_revocation_in_a_ledger_that_two_processes_share_is_published_by_the_other(tmp_path: Path) -> None:
    clock = Clock()
    with publishing_lists(tmp_path) as publisher, in_memory(publisher, JWT, clock, tmp_path) as lists:
        ticket = Ticket(publisher, Format.SD_JWT_VC, JWT, lists, clock)
        issuer = StatusPublisher(uri=publisher.uri(1), size=1_000, path=tmp_path / "1")
        assert not issuer.changed  # the app has confirmed what it served
        issuer.revoke(ticket.reference)
        assert issuer.changed
        ticket.fetch_later()
        assert not issuer.changed
        issuer.close()
        result = ticket.ask()
        assert isinstance(result, Deny)
        assert result.reason is Reason.REVOKED


# --- privacy ---


class Population:
    """Callers: at each moment, the lists and indices that are asked for."""

    def __init__(self, name: str, lists: tuple[int, ...]) -> None:
        self.name = name
        self.lists = lists


POPULATIONS = (
    Population("nobody", ()),
    Population("all of one list", (0, 0, 0, 0, 0, 0)),
    Population("all of another", (4, 4, 4)),
    Population("everybody", (3, 1, 4, 0, 2, 3, 3)),
    Population("of the list that fails", (2, 2, 2, 2)),
)


def log_of(population: Population) -> list[tuple[int, str, tuple[tuple[str, str], ...]]]:
    """Run three hours of a fetcher beside these callers; return what the server saw, and in which ten seconds."""
    now = b.NOW
    log: list[tuple[int, str, tuple[tuple[str, str], ...]]] = []

    def serve(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
        # The port differs between two servers; everything else is compared.
        fields = tuple((name, "HOST" if name.lower() == "host" else value) for name, value in asked.fields)
        log.append(((now - b.NOW) // 10, asked.line, fields))
        if asked.path == "/all":
            uris = [f"{server.origin}/{number}" for number in range(5)]
            body = json.dumps({"status_lists": uris}).encode()
            connection.sendall(answer(200, body, content_type="application/json", etag='"a"'))
        elif asked.path == "/2" and now < b.NOW + 4_000:
            connection.sendall(answer(500))  # one that fails for an hour, whoever asks for it
        else:
            ttl = 3_600 - 600 * int(asked.path[1:])
            said = {"sub": server.origin + asked.path, "iat": b.NOW + (now - b.NOW) // 900 * 900, "ttl": ttl}
            # Its signature differs from run to run, and with it what a dictionary is called: no dictionary here.
            connection.sendall(answer(200, b.status_token({}, payload=said), etag=f'"{now // 900}"'))

    with Hostile(serve) as server:
        store = StatusStore(anchors=b.status_anchors())
        draws = itertools.cycle([0.1, 0.7, 0.3])
        fetcher = StatusFetcher(
            store, [Source(server.origin + "/all")], reach=Reach.LOOPBACK, random=lambda: next(draws),
            clock=lambda: now, monotonic=lambda: float(now),
        )  # fmt: skip
        callers = itertools.cycle(population.lists) if population.lists else None
        for _ in range(3 * 360):
            if callers is not None:
                reference = StatusReference(f"{server.origin}/{next(callers)}", 7)
                found = store.check(reference, issuer=b.ISSUER, now=now)
                assert isinstance(found, NeedStatusList) or found is Status.VALID
            fetcher.refresh()
            now += 10
        fetcher.close()
    return log


def test_the_log_of_a_server_is_the_same_for_any_population() -> None:
    first, *others = [log_of(population) for population in POPULATIONS]
    assert len(first) > 40
    assert {line.split()[1] for _, line, _ in first} == {"/all", "/0", "/1", "/2", "/3", "/4"}
    for other in others:
        assert other == first


def test_a_list_that_is_in_no_source_is_never_fetched_and_makes_every_source_come_once() -> None:
    now = b.NOW

    def serve(asked: Asked, connection: socket.socket, over: threading.Event) -> None:
        if asked.path.endswith("/all"):
            body = json.dumps({"status_lists": [f"{server.origin}/{asked.path[1]}"]}).encode()
            connection.sendall(answer(200, body, content_type="application/json"))
        else:
            connection.sendall(answer(200, b.status_token({}, payload={"sub": server.origin + asked.path})))

    with Hostile(serve) as server:
        store = StatusStore(anchors=b.status_anchors())
        fetcher = StatusFetcher(
            store, [Source(server.origin + "/a/all"), Source(server.origin + "/b/all")], reach=Reach.LOOPBACK,
            random=lambda: 0.5, clock=lambda: now, monotonic=lambda: float(now),
        )  # fmt: skip
        fetcher.refresh()
        each = [["/a/all", "/a"], ["/b/all", "/b"]]
        assert [[asked.path for asked in server.asked if asked.path[1] == of] for of in "ab"] == each
        for _ in range(60):
            need = store.check(StatusReference(server.origin + "/stranger", 7), issuer=b.ISSUER, now=now)
            assert isinstance(need, NeedStatusList)
            fetcher.refresh()
            now += 10
        assert [[asked.path for asked in server.asked if asked.path[1] == of] for of in "ab"] == [2 * of for of in each]
        assert len(server.asked) == 8
        fetcher.close()
