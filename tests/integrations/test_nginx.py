"""nginx itself, with the configuration that is shipped: what it lets through, what it strips, and what it says.

Spec: specs/profile-asgi.md section 6; examples/proxies/nginx.conf.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from .proxies import CHAT, EXTERNAL, OPEN, Deciding, Told, deciding, nginx, send, wait_until_gone

SPOOFED: Final = [
    ("X-Citizenid-Rule", "1"), ("X-Citizenid-Session", "AAAA"), ("X-Citizenid-Reason", "none"),
    ("X-Citizenid-Resource", "gpt-4o"), ("X-Citizenid-Problem", "{}"), ("X-Citizenid-Status", "200"),
    ("X-Original-URI", OPEN), ("X-Original-Method", "GET"), ("x_citizenid_resource", "gpt-4o"),
    ("Client-Cert", ":AAAA:"), ("X-Forwarded-Client-Cert", "Hash=" + "0" * 64), ("X-Forwarded-Uri", OPEN),
    ("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"),
]  # fmt: skip


class Edge:
    """nginx in front of a decision service and a model."""

    def __init__(self, service: Deciding, origin: str) -> None:
        self.service = service
        self.origin = origin

    def send(self, path: str = CHAT, headers: list[tuple[str, str]] | None = None, **more: object) -> Told:
        return send(self.origin, path, headers or [], **more)  # type: ignore[arg-type]  # as `send` takes them


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("nginx")
    with deciding("nginx") as service, nginx(folder, service.origin, service.model) as origin:
        yield Edge(service, origin)


def refused(told: Told, status: int, reason: str) -> Told:
    """Expect the gateway's own answer, though nginx threw the body of its subrequest away."""
    assert (told.status, told.json["reason"]) == (status, reason), told
    assert told.header("content-type") == "application/problem+json"
    assert told.json["error"]["code"] == told.header("x-citizenid-reason") == reason
    assert told.header("cache-control") == "no-store"
    assert (told.header("www-authenticate") is not None) is (status == 401)
    return told


def told_to_model(told: Told) -> dict[str, str]:
    """Return the headers that the model got, each once."""
    assert told.status == 200, told
    headers = dict(told.json["headers"])
    assert len(headers) == len(told.json["headers"])
    return {str(name): str(value) for name, value in headers.items()}


def test_a_wallet_is_admitted_and_served(edge: Edge) -> None:
    need = refused(edge.send(CHAT, [("DPoP", edge.service.proof(None, who="wallet"))]), 401, "ticket_missing")
    assert need.json["endpoint"] == EXTERNAL + "/citizenship" and "algs=" in str(need.header("www-authenticate"))
    challenge = need.json["challenge"]
    presentation = edge.service.tell("present", who="wallet", challenge=challenge)["presentation"]
    body = {"format": "dc+sd-jwt", "challenge": challenge, "presentation": presentation}
    proof = [("DPoP", edge.service.proof(None, "/citizenship", who="wallet"))]
    admitted = edge.send("/citizenship", proof, body=body)
    assert admitted.status == 200
    headers = edge.service.credentials(admitted.json["ticket"], who="wallet")
    told = edge.send(CHAT, headers, body={"model": "x"})
    seen = told_to_model(told)
    assert (seen["x-citizenid-rule"], seen["x-citizenid-resource"]) == ("1", "claude-3.5-opus")
    assert len(seen["x-citizenid-session"]) == 22
    assert (told.json["method"], told.json["path"]) == ("POST", CHAT)


def test_a_proof_is_for_the_external_url_and_good_once(edge: Edge) -> None:
    ticket = edge.service.ticket()
    headers = edge.service.credentials(ticket, CHAT)
    assert edge.send(CHAT + "?a=b", headers).status == 200
    refused(edge.send(CHAT, headers), 401, "replayed")
    refused(edge.send(CHAT, edge.service.credentials(ticket, OPEN)), 401, "proof_url_mismatch")
    refused(edge.send(CHAT, edge.service.credentials(ticket, method="GET")), 401, "proof_method_mismatch")
    assert edge.send(CHAT, edge.service.credentials(ticket, method="PUT"), method="PUT").status == 200
    refused(edge.send(CHAT, edge.service.credentials(ticket, who="mallory")), 401, "proof_key_mismatch")
    mine = edge.service.tell("proof", who="alice", ticket=ticket, method="POST", url=edge.origin + CHAT)["proof"]
    refused(edge.send(CHAT, [("Citizenship-Ticket", ticket), ("DPoP", mine)]), 401, "proof_url_mismatch")


def test_who_may_not_is_told_why(edge: Edge) -> None:
    ticket = edge.service.ticket("fred", nationalities=["FR"])
    refused(edge.send(CHAT, edge.service.credentials(ticket, who="fred")), 403, "citizenship_not_permitted")


def test_what_no_location_names_is_refused(edge: Edge) -> None:
    for path in ("/", "/v1", CHAT + "/", CHAT + "x", "/citizenship/", "/decide"):
        refused(edge.send(path), 403, "resource_not_listed")
        refused(edge.send(path, edge.service.credentials(edge.service.ticket(), path)), 403, "resource_not_listed")
    assert edge.send("/_citizenid").status == 404  # internal


@pytest.mark.parametrize(
    "path",
    [
        "/v1/%63hat/completions", "/v1/open%2Fcompletions", "/v1/open/../chat/completions", "//v1/open/completions",
        "/v1/chat/completions/../../open/completions", "/v1/open/./completions", OPEN + "/..", "/v1/open//completions",
        OPEN + "%00", "/v1/open/completions;x/../../chat", "/v1\\open",
    ],
)  # fmt: skip
def test_a_path_that_can_be_read_in_two_ways_is_refused(edge: Edge, path: str) -> None:
    assert edge.send(path).status == 400


def test_an_absolute_target_is_decided_and_passed_on_by_its_path(edge: Edge) -> None:
    assert edge.send("http://evil.example" + OPEN).json["path"] == OPEN
    refused(edge.send("http://evil.example" + CHAT), 401, "ticket_missing")
    told = edge.send("http://evil.example" + CHAT, edge.service.credentials(edge.service.ticket()))
    assert (told_to_model(told)["x-citizenid-rule"], told.json["path"]) == ("1", CHAT)


def test_a_client_cannot_write_what_is_trusted(edge: Edge) -> None:
    refused(edge.send(CHAT, SPOOFED), 401, "ticket_missing")
    refused(edge.send("/else", SPOOFED), 403, "resource_not_listed")
    ticket = edge.service.ticket()
    seen = told_to_model(edge.send(CHAT, [*SPOOFED, *edge.service.credentials(ticket)]))
    assert (seen["x-citizenid-rule"], seen["x-citizenid-resource"]) == ("1", "claude-3.5-opus")
    assert seen["x-citizenid-session"] != "AAAA"
    assert not {"x-citizenid-reason", "x-citizenid-problem", "x-citizenid-status", "x_citizenid_resource"} & seen.keys()
    assert not {"citizenship-ticket", "dpop"} & seen.keys()  # a model needs neither
    seen = told_to_model(edge.send(OPEN, SPOOFED))
    assert (seen["x-citizenid-rule"], seen["x-citizenid-session"]) == ("2", "-")
    assert seen["x-citizenid-resource"] == "gpt-4o"


def test_two_tickets_or_two_proofs_are_seen_and_refused(edge: Edge) -> None:
    ticket, proof = edge.service.credentials(edge.service.ticket())
    refused(edge.send(CHAT, [ticket, ticket, proof]), 401, "ticket_invalid")
    refused(edge.send(CHAT, [ticket, proof, proof]), 401, "proof_malformed")


def test_a_ticket_may_be_of_any_size_and_is_refused(edge: Edge) -> None:
    refused(edge.send(CHAT, [("Citizenship-Ticket", "A" * 7_000)]), 401, "ticket_invalid")
    refused(edge.send(CHAT, [("Citizenship-Ticket", "A" * 15_000)]), 401, "ticket_invalid")
    assert edge.send(CHAT, [("Citizenship-Ticket", "A" * 17_000)]).status in (400, 414, 431)  # nginx' own bound
    assert edge.send("/citizenship", body=b"x" * 530_000).status == 413
    assert edge.send("/citizenship", body=b"x" * 524_288).status == 403


def test_a_head_and_a_preflight_are_asked_about_like_any_other(edge: Edge) -> None:
    told = edge.send(CHAT, method="HEAD")
    assert (told.status, told.header("x-citizenid-reason")) == (401, "ticket_missing")
    refused(edge.send(CHAT, [("Origin", "https://a.example")], method="OPTIONS"), 401, "ticket_missing")


def test_a_revocation_refuses_the_next_request(edge: Edge) -> None:
    ticket = edge.service.ticket("carol")
    assert edge.send(CHAT, edge.service.credentials(ticket, who="carol")).status == 200
    edge.service.tell("revoke", who="carol")
    refused(edge.send(CHAT, edge.service.credentials(ticket, who="carol")), 403, "revoked")


def test_nonces_reach_the_client_with_refusals_and_with_answers(tmp_path: Path) -> None:
    with deciding("nginx", nonces=True) as service, nginx(tmp_path, service.origin, service.model) as origin:
        told = service.tell("nonce ticket", who="alice")
        ticket, nonce = told["ticket"], told["nonce"]
        refusal = refused(send(origin, CHAT, service.credentials(ticket)), 401, "proof_nonce_missing")
        assert refusal.header("dpop-nonce") == nonce
        assert 'error="use_dpop_nonce"' in str(refusal.header("www-authenticate"))
        headers = [("Citizenship-Ticket", ticket), ("DPoP", service.proof(ticket, nonce=nonce))]
        answer = send(origin, CHAT, headers)
        assert answer.status == 200 and answer.header("dpop-nonce") is answer.header("cache-control") is None
        service.tell("wait", seconds=150)
        headers = [("Citizenship-Ticket", ticket), ("DPoP", service.proof(ticket, nonce=nonce))]
        answer = send(origin, CHAT, headers)
        assert answer.status == 200 and answer.header("dpop-nonce") not in (None, nonce)
        assert answer.header("cache-control") == "no-store"


def test_a_missing_status_list_is_said_to_be_one(tmp_path: Path) -> None:
    with deciding("nginx") as service, nginx(tmp_path, service.origin, service.model) as origin:
        ticket = service.ticket()
        service.tell("wait", seconds=46_000)  # the list is good for 43,200; tickets of this process for a day
        told = send(origin, CHAT, service.credentials(ticket))
        assert told.status == 503 and told.json["reason"] == told.header("x-citizenid-reason")
        assert told.json["reason"].startswith("status_list_") and told.header("retry-after") == "5"


def test_nothing_is_open_when_the_decision_service_is_down(tmp_path: Path) -> None:
    with deciding("nginx") as service, nginx(tmp_path, service.origin, service.model) as origin:
        ticket = service.ticket()
        assert send(origin, OPEN).status == 200
        headers = service.credentials(ticket)
        service.tell("stop")
        wait_until_gone(service.origin)
        for path in (CHAT, OPEN, "/else"):
            told = send(origin, path, headers)
            assert told.status == 503 and b"headers" not in told.body
        assert send(origin, "/citizenship", body=b"{}").status in (502, 503)
