"""A revocation made by another process refuses the next request of a ticket, and no fetch says who was checked."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import builders as b
import pytest

from citizenid import (
    ANY,
    Challenge,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    NeedStatusList,
    Reason,
    Status,
    StatusReference,
    TrustAnchors,
)
from citizenid.gateway import AdmissionPolicy, Admitted, Allow, Deny, Gateway, MemoryReplayGuard, Request
from citizenid.holder import Credential, dpop_proof
from citizenid.integrations.fetch import FetchBounds, FetchResult, Reach, Source, StatusFetcher
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusStore

from .servers import Asked, Hostile, answer, publishing

ORIGIN = "https://gateway.example"
POLICY = 'version = 1\n[[rule]]\nresource = "model"\nnationality = ["US"]\n'
QUICK = FetchBounds(jitter_s=0, interval_s=0)


class Clock:
    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> float:
        return time.time() + self.ahead


def issue_sd_jwt_vc(status: StatusReference, holder_key: LocalKey, now: int) -> tuple[bytes, TrustAnchors]:
    key = LocalKey.generate("ES256")
    attestation = prepare_attestation(
        Citizenship([Country("US")]), issuer=b.ISSUER, holder_key=holder_key.public, now=now, lifetime_s=30 * 86_400,
        status=status, format=Format.SD_JWT_VC,
    )  # fmt: skip
    data = Issuer(identifier=b.ISSUER, key=key).issue(attestation, format=Format.SD_JWT_VC)
    jwks = Issuer(identifier=b.ISSUER, key=key).jwks()
    anchors = TrustAnchors.from_jwks(
        b.ISSUER, jwks, purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_JWT_VC], types=[b.VCT], countries=ANY
    )
    return data, anchors


Issue = Callable[[StatusReference, LocalKey, int], tuple[bytes, TrustAnchors]]


@pytest.mark.parametrize(("format_", "issue"), [(Format.SD_JWT_VC, issue_sd_jwt_vc)])
def test_a_revocation_by_another_process_refuses_the_next_request_of_a_ticket(format_: Format, issue: Issue) -> None:
    with publishing(lists=3, size=1_000) as publisher:
        clock, holder, sender = Clock(), LocalKey.generate("ES256"), LocalKey.generate("ES256")
        index = publisher.allocate(1)
        data, anchors = issue(StatusReference(publisher.uri(1), index), holder, int(clock()))
        store = StatusStore(anchors=publisher.anchors(b.ISSUER))
        gateway = Gateway(
            audience=ORIGIN, external_url=ORIGIN, anchors=anchors, policy=AdmissionPolicy.from_toml(POLICY),
            ticket_keys=[bytes(range(32))], statuses=store, replay=MemoryReplayGuard(), clock=clock,
        )  # fmt: skip
        fetcher = StatusFetcher(
            store, [Source(publisher.origin + "/status-lists")], reach=Reach.LOOPBACK, bounds=QUICK, clock=clock
        )

        def request(path: str, ticket: str | None = None) -> Request:
            proof = dpop_proof(sender, method="POST", url=ORIGIN + path, ticket=ticket, now=int(clock()))
            headers = [(b"dpop", proof.encode())]
            if ticket is not None:
                headers.append((b"citizenship-ticket", ticket.encode()))
            return Request("POST", ORIGIN + path, headers)

        def admit() -> Any:
            challenge = gateway.challenge(sender=sender.public.thumbprint)
            credential = Credential.receive(data, format=format_, anchors=anchors, now=int(clock()))
            shown = credential.present(
                ["nationalities"], challenge=Challenge.from_text(challenge.to_text()), key=holder, peer=ORIGIN,
                now=int(clock()),
            )  # fmt: skip
            where = request("/citizenship")
            return gateway.admit(shown, format=format_, challenge=challenge.to_text(), request=where)

        assert isinstance(admit(), NeedStatusList)  # nothing is decided without a list: 503
        results = [each.result for each in fetcher.refresh()]
        assert results == [FetchResult.TAKEN] * 4  # the aggregation and every list of it
        admitted = admit()
        assert isinstance(admitted, Admitted), admitted
        ask = "/v1/chat/completions"
        assert type(gateway.authorize(request(ask, admitted.ticket), resource="model")) is Allow
        publisher.revoke(1, index)
        time.sleep(1.1)  # changes of one second are published together
        clock.ahead += 1_801  # half of the ttl: the fetcher comes by itself
        assert FetchResult.TAKEN in [each.result for each in fetcher.refresh()]
        denied = gateway.authorize(request(ask, admitted.ticket), resource="model")
        assert isinstance(denied, Deny)
        assert denied.reason is Reason.REVOKED
        fetcher.close()


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
        assert [asked.path for asked in server.asked] == ["/a/all", "/a", "/b/all", "/b"]
        for _ in range(60):
            need = store.check(StatusReference(server.origin + "/stranger", 7), issuer=b.ISSUER, now=now)
            assert isinstance(need, NeedStatusList)
            fetcher.refresh()
            now += 10
        assert [asked.path for asked in server.asked] == ["/a/all", "/a", "/b/all", "/b"] * 2
        fetcher.close()
