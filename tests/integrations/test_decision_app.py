"""The decision service: what each proxy says of a request is read from one place, and a refusal is never an error.

Spec: specs/profile-asgi.md section 6.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from gateway import senders
from gateway import world as w
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, Country, Format, MalformedError, Reason
from citizenid.gateway import Allow, Binding, DPoPNonces
from citizenid.integrations.asgi import Proxy, Runs, decision_app, resource_from_header, resource_from_path

from .asgi_driving import BODY, Answered, credentials, drive, scope_of

US: Final = "us-nationals"
EVERY: Final = list(Proxy)
PROXIES: Final = Path(__file__).resolve().parent.parent.parent / "examples" / "proxies"
NAMES: Final = {
    Proxy.NGINX: (b"x-original-method", b"x-original-uri"),
    Proxy.TRAEFIK: (b"x-forwarded-method", b"x-forwarded-uri"),
}


class Door:
    def __init__(self, **options: Any) -> None:
        self.world = w.World(**options)
        self.alice = self.world.wallet()
        self.ticket = self.world.ticket(self.alice)

    def app(self, proxy: Proxy, resource: Any = US, **options: Any) -> Any:
        return decision_app(self.world.gateway, proxy=proxy, resource=resource, **options)

    def ask(self, proxy: Proxy, scope: Any, resource: Any = US, **options: Any) -> Answered:
        return drive(self.app(proxy, resource, **options), scope, [])

    def proven(self, path: str = w.PATH, method: str = "POST") -> list[tuple[bytes, bytes]]:
        return credentials(self.world, self.alice, self.ticket, path, method)


@pytest.fixture(scope="module")
def door() -> Door:
    return Door()


def asked(
    proxy: Proxy, target: bytes = w.PATH.encode(), headers: Any = (), method: bytes = b"POST", **changes: Any
) -> Any:
    """Return the scope of a question of this proxy."""
    if proxy is Proxy.ENVOY:
        path, _, query = target.partition(b"?")
        return scope_of(b"/decide" + path, headers, method=method.decode(), query=query, **changes)
    names = NAMES[proxy]
    return scope_of("/decide", [*headers, (names[0], method), (names[1], target)], method="GET", **changes)


# --- where it is read ---

PATHS: Final = st.lists(
    st.text("abcXYZ019-._~!$&'()*+,;=:@", max_size=4) | st.sampled_from(["%61", "%2F", "..", "decide"]), max_size=4
).map(lambda parts: "/" + "/".join(parts))


@given(st.sampled_from(EVERY), PATHS, PATHS, st.sampled_from(["", "?", "?a=b&c=%23"]), st.sampled_from(["GET", "POST"]))
def test_a_proof_is_good_for_the_request_that_the_client_made(
    door: Door, proxy: Proxy, path: str, other: str, query: str, method: str
) -> None:
    target = (path + query).encode()
    seen: list[Any] = []
    answer = door.ask(
        proxy, asked(proxy, target, door.proven(path, method), method.encode()), lambda scope: seen.append(scope) or US
    )
    assert answer.status == 200 and answer.body == b""
    assert (seen[0]["method"], seen[0]["raw_path"]) == (method, path.encode())
    assert seen[0]["query_string"] == query.removeprefix("?").encode()
    if other != path:
        answer = door.ask(proxy, asked(proxy, target, door.proven(other, method), method.encode()))
        assert (answer.status, answer.reason) == (401, "proof_url_mismatch")


@pytest.mark.parametrize("proxy", EVERY)
def test_the_resource_is_found_by_the_path_of_the_client(door: Door, proxy: Proxy) -> None:
    find = resource_from_path({w.PATH: US, "/open": "open", "/decide": "open"})
    assert door.ask(proxy, asked(proxy, headers=door.proven()), find).status == 200
    assert door.ask(proxy, asked(proxy, b"/open?x"), find).status == 200
    assert door.ask(proxy, asked(proxy, b"/%6fpen"), find).status == 200  # as the application will decode it
    for target in (b"/decide/open", b"/open/", b"//open", b"/open/../x", b"/"):
        assert door.ask(proxy, asked(proxy, target), find).reason == "resource_not_listed", target


@pytest.mark.parametrize("proxy", [Proxy.NGINX, Proxy.TRAEFIK])
def test_each_header_comes_once_or_nothing_is_decided(door: Door, proxy: Proxy) -> None:
    method, uri = ((NAMES[proxy][0], b"POST"), (NAMES[proxy][1], b"/open"))
    good = [method, uri]
    assert door.ask(proxy, scope_of("/decide", good), "open").status == 200
    for headers in ([], [method], [uri], [method, uri, uri], [method, method, uri], [method, uri, (uri[0], b"/other")],
                    [(uri[0].upper(), b"/other"), method, uri]):  # fmt: skip
        answer = door.ask(proxy, scope_of("/decide", headers), "open")
        assert (answer.status, answer.reason) == (403, "request_invalid"), headers
    others = [header for each in NAMES.values() for header in each if header not in NAMES[proxy]]
    lies = [(name, b"/lie") for name in [*others, b"x-original-url", b"x-rewrite-url", b"x-http-method-override"]]
    assert door.ask(proxy, scope_of("/decide", [*lies, *good]), "open").status == 200
    assert door.ask(proxy, scope_of("/decide", lies), "open").reason == "request_invalid"


@given(
    st.sampled_from([Proxy.NGINX, Proxy.TRAEFIK]),
    st.sampled_from([b"", b"post", b"POST ", b"PO ST", b"P\xc3\x96ST", b"X" * 33, b"GET\n", b"POST"]),
    st.sampled_from([b"", b"open", b"*", b"http://evil.example/open", b"/\xff", b"/open#x", b"/o?a#b", b"?/o", b"/"]),
)  # fmt: skip
def test_what_is_no_request_is_refused(door: Door, proxy: Proxy, method: bytes, uri: bytes) -> None:
    names = NAMES[proxy]
    answer = door.ask(proxy, scope_of("/decide", [(names[0], method), (names[1], uri)]), "open")
    if (method, uri) == (b"POST", b"/"):
        assert answer.status == 200
    else:
        assert (answer.status, answer.reason) == (403, "request_invalid")


@pytest.mark.parametrize(
    "path", [b"/decide/\xff", b"/decide/a#b", b"/decide/a?b", b"/decide", b"/decide*", b"/decide?/a"]
)
def test_envoy_may_not_be_told_what_is_no_path(door: Door, path: bytes) -> None:
    answer = door.ask(Proxy.ENVOY, scope_of(path), "open")
    assert (answer.status, answer.reason) == (403, "request_invalid")
    for query in (b"a#b", b"\xff"):
        assert door.ask(Proxy.ENVOY, scope_of("/decide/a", query=query), "open").reason == "request_invalid"
    for method in ("get", "", "G ET", None):
        assert door.ask(Proxy.ENVOY, scope_of("/decide/a") | {"method": method}, "open").reason == "request_invalid"


@pytest.mark.parametrize("path", ["/", "/decid", "/decidee/open", "/open", "/Decide/open", "/decide", "/%64ecide/open"])
@pytest.mark.parametrize("proxy", EVERY)
def test_another_path_is_no_question(door: Door, proxy: Proxy, path: str) -> None:
    if path == "/decide" and proxy is not Proxy.ENVOY:
        path = "/decide/open"
    headers = [] if proxy is Proxy.ENVOY else [(NAMES[proxy][0], b"GET"), (NAMES[proxy][1], b"/open")]
    answer = door.ask(proxy, scope_of(path, headers), "open")
    assert (answer.status, answer.reason) == (403, "request_invalid")


def test_the_resource_of_a_header_is_read_once(door: Door) -> None:
    find = resource_from_header("x-citizenid-resource")
    for values, status in (([b"open"], 200), ([], 403), ([b"open", b"open"], 403), ([b""], 403)):
        headers = [(b"x-citizenid-resource", value) for value in values]
        assert door.ask(Proxy.NGINX, asked(Proxy.NGINX, headers=headers), find).status == status


# --- what is said ---


@pytest.mark.parametrize("proxy", EVERY)
@pytest.mark.parametrize("runs", list(Runs))
def test_an_allowed_request_is_named_by_rule_and_session_alone(door: Door, proxy: Proxy, runs: Runs) -> None:
    result = door.world.ask(door.alice, door.ticket)
    assert isinstance(result, Allow) and result.session_id is not None
    session = base64.urlsafe_b64encode(result.session_id).rstrip(b"=")
    spoofed = [(b"x-citizenid-rule", b"1"), (b"x-citizenid-session", b"x"), (b"x-citizenid-reason", b"y")]
    answer = door.ask(proxy, asked(proxy, headers=[*spoofed, *door.proven()]), runs=runs)
    assert answer.headers == [
        (b"cache-control", b"no-store"), (b"x-citizenid-rule", b"3"), (b"x-citizenid-session", session),
        (b"content-length", b"0"),
    ]  # fmt: skip
    # For anyone there is no session: the header is there all the same, so that none of the client's is left.
    answer = door.ask(proxy, asked(proxy, headers=spoofed), "open")
    assert answer.header(b"x-citizenid-session") == b"-" and answer.header(b"x-citizenid-rule") == b"1"


@pytest.mark.parametrize("proxy", EVERY)
def test_a_nonce_that_is_due_goes_out(proxy: Proxy) -> None:
    world = w.World(dpop_nonces=DPoPNonces.OF_THE_FLEET)
    sender = senders.Sender(Binding.DPOP)
    nonce = sender.apply(world, senders.anybody(world)).dpop_nonce
    ticket = sender.apply(world, senders.anybody(world), nonce=nonce).ticket
    app = decision_app(world.gateway, proxy=proxy, resource=US)
    answer = drive(app, asked(proxy, headers=sender.request(world, ticket).headers), [])
    assert (answer.status, answer.reason) == (401, "proof_nonce_missing") and answer.header(b"dpop-nonce")
    world.wait(150)
    answer = drive(app, asked(proxy, headers=sender.request(world, ticket, nonce=nonce).headers), [])
    assert answer.status == 200 and answer.header(b"dpop-nonce")


@pytest.mark.parametrize("proxy", EVERY)
def test_a_refusal_is_the_gateways_own(door: Door, proxy: Proxy) -> None:
    for headers, resource, status, reason in (
        ([], US, 401, "ticket_missing"), ([], "weak", 401, "ticket_missing"), ([], "nope", 403, "resource_not_listed"),
        (door.proven("/else"), US, 401, "proof_url_mismatch"),
        (door.proven(), "europe", 403, "citizenship_not_permitted"),
        ([], None, 403, "resource_not_listed"), ([(b"citizenship-ticket", b"x" * 9_000)], US, 401, "ticket_invalid"),
    ):  # fmt: skip
        answer = door.ask(proxy, asked(proxy, headers=headers), lambda _, resource=resource: resource)
        assert (answer.status, answer.reason) == (status, reason)
        assert answer.header(b"x-citizenid-reason") == reason.encode()
        challenges = [value for name, value in answer.headers if name == b"www-authenticate"]
        assert bool(challenges) is (status == 401)
        assert all(name != b"x-citizenid-rule" for name, _ in answer.headers)
        if proxy is Proxy.NGINX:  # which passes one header of a name on, and no body
            assert len(challenges) < 2 and answer.header(b"x-citizenid-problem") == answer.body
        else:
            assert answer.header(b"x-citizenid-problem") is None


@pytest.mark.parametrize("proxy", EVERY)
@pytest.mark.parametrize("count", [10, 249])
def test_a_refusal_of_a_rule_with_every_country_fits_into_the_head_of_an_answer(proxy: Proxy, count: int) -> None:
    # examples/proxies/nginx.conf gives it 32 kB; with more, nginx would answer everybody that the service is down.
    codes = sorted(Country._by_alpha2)[:count]
    policy = f'version = 1\n[[rule]]\nresource = "{US}"\nnationality = {json.dumps(codes)}\n'
    world = w.World(policy, formats=tuple(Format))
    answer = drive(decision_app(world.gateway, proxy=proxy, resource=US), asked(proxy), [])
    assert (answer.status, answer.reason) == (401, "ticket_missing")
    if proxy is not Proxy.NGINX:
        assert "dcql_query" in answer.json
        return
    assert sum(len(name) + len(value) + 4 for name, value in answer.headers) < 24_576
    told = json.loads(answer.header(b"x-citizenid-problem") or b"")
    assert told == {name: value for name, value in answer.json.items() if count < 100 or name != "dcql_query"}
    assert ("dcql_query" in told) is (count < 100)


class OwnError(Exception):
    """What a function of the operator's own may raise."""


@pytest.mark.parametrize("proxy", EVERY)
@pytest.mark.parametrize("broken", ["resource", "signals"])
@pytest.mark.parametrize("error", [OwnError(), KeyError("x"), UnicodeError(), CitizenIDError(Reason.REVOKED)], ids=repr)
def test_a_function_that_fails_is_a_refusal_to_the_proxy_and_an_error_to_the_server(
    door: Door, proxy: Proxy, broken: str, error: Exception
) -> None:
    # Envoy with `failure_mode_allow` passes a request on when the service answers with 5xx, or not at all.
    def fails(scope: Any) -> Any:
        raise error

    options = {"resource": US, broken: fails}
    app = decision_app(door.world.gateway, proxy=proxy, **options)  # type: ignore[arg-type]  # one of the two
    sent: list[Any] = []

    async def receive() -> Any:
        return BODY

    async def send(message: Any) -> None:
        sent.append(message)

    before = door.world.gateway.counts()
    with pytest.raises(type(error)) as caught:
        asyncio.run(app(asked(proxy, headers=door.proven()), receive, send))
    assert caught.value is error
    answer = Answered(sent)
    assert (answer.status, answer.reason) == (403, "resource_not_listed")
    assert sent[-1]["type"] == "http.response.body"
    new = {key: n - before.get(key, 0) for key, n in door.world.gateway.counts().items() if n != before.get(key)}
    assert {key.reason: n for key, n in new.items()} == {Reason.RESOURCE_NOT_LISTED: 1}


def test_several_challenges_are_one_field_for_nginx(door: Door) -> None:
    plain = door.ask(Proxy.ENVOY, asked(Proxy.ENVOY), "weak")
    challenges = [value for name, value in plain.headers if name == b"www-authenticate"]
    assert len(challenges) > 1
    joined = door.ask(Proxy.NGINX, asked(Proxy.NGINX), "weak").header(b"www-authenticate")
    assert joined == b", ".join(challenges)


GARBAGE: Final = st.binary(max_size=40) | st.sampled_from([b"a.b.c", b"e30.e30.", b"\x00", b"A" * 200])


@given(st.sampled_from(EVERY), st.lists(st.tuples(st.sampled_from(
    [b"citizenship-ticket", b"dpop", b"signature", b"signature-input", b"citizenship-key", b"x-original-uri",
     b"x-forwarded-uri", b"x-original-method", b"host"]), GARBAGE), max_size=5))  # fmt: skip
def test_no_request_of_a_client_is_an_error_of_the_server(
    door: Door, proxy: Proxy, headers: list[tuple[bytes, bytes]]
) -> None:
    assert door.ask(proxy, asked(proxy, headers=headers)).status in (401, 403)


@pytest.mark.parametrize("proxy", EVERY)
@pytest.mark.parametrize("raw", [None, "/text", 5, bytearray(b"/decide/x"), [b"/decide/x"], {}, w.ABSENT])
def test_a_server_that_does_not_hand_on_the_path_as_it_came_decides_nothing(door: Door, proxy: Proxy, raw: Any) -> None:
    """Decoded, two paths may look alike: what a rule is about is asked of the bytes alone."""
    scope = asked(proxy, headers=door.proven())
    assert door.ask(proxy, scope).status == 200
    scope = asked(proxy, headers=door.proven())
    if raw is w.ABSENT:
        del scope["raw_path"]
    else:
        scope["raw_path"] = raw
    answer = door.ask(proxy, scope)
    assert (answer.status, answer.reason) == (403, "request_invalid")


@pytest.mark.parametrize("proxy", EVERY)
@pytest.mark.parametrize(
    "headers", [None, 7, "headers", {b"a": b"b"}, [None], [7], [(b"x",)], [(b"x", b"y", b"z")], [["dpop", "text"]]]
)
def test_headers_that_no_server_makes_are_a_refusal_and_no_error(door: Door, proxy: Proxy, headers: Any) -> None:
    good = asked(proxy, headers=door.proven())
    changed = [*headers, *good["headers"]] if type(headers) is list else headers
    answer = door.ask(proxy, good | {"headers": changed})
    assert (answer.status, answer.reason) == (403, "request_invalid")
    # Also where the first who looks at them is a function that finds the resource.
    answer = door.ask(proxy, good | {"headers": changed}, resource_from_header("x-model"))
    assert answer.status == 403


def test_a_missing_status_list_never_opens_a_proxy() -> None:
    # Envoy takes 5xx for a failure of the service, which `failure_mode_allow` may let through; nginx makes it 500.
    for proxy, status in ((Proxy.ENVOY, 403), (Proxy.NGINX, 403), (Proxy.TRAEFIK, 503)):
        door = Door(session_lifetime_s=2 * w.DAY, ticket_lifetime_s=w.DAY)
        door.world.wait(13 * 3_600)
        answer = door.ask(proxy, asked(proxy, headers=door.proven()))
        assert answer.status == status and answer.reason.startswith("status_list_")
        assert answer.header(b"retry-after") == b"5" and answer.json["status"] == 503
        assert answer.header(b"x-citizenid-status") == (None if status == 503 else b"503")


# --- the rest of the service ---


@pytest.mark.parametrize("proxy", EVERY)
def test_the_endpoints_are_served_at_their_own_paths(proxy: Proxy) -> None:
    door = Door()
    app = door.app(proxy, renewal_path="/renew", sign_out_path="/out")
    proof = door.world.proof(door.alice.sender, url=w.ORIGIN + w.ENDPOINT)
    answer = drive(app, scope_of(w.ENDPOINT, [(b"dpop", proof)]), [{**BODY, "body": b"{}"}])
    assert (answer.status, answer.reason) == (401, "ticket_missing") and answer.json["challenge"]
    assert drive(app, scope_of("/renew", door.proven("/renew"))).status == 200
    assert drive(app, scope_of("/out", door.proven("/out"))).status == 204
    assert drive(app, asked(proxy, headers=door.proven())).reason == "signed_out"
    bad = scope_of(w.ENDPOINT, query=b"a#b")
    assert drive(app, bad).reason == "request_invalid"
    # That a client asks for the endpoint through the proxy does not make it the endpoint.
    assert drive(app, asked(proxy, b"/citizenship", door.proven("/citizenship")), []).reason == "signed_out"


def test_where_a_request_comes_from_is_handed_on(door: Door) -> None:
    seen: list[Any] = []
    answer = door.ask(Proxy.NGINX, asked(Proxy.NGINX, headers=door.proven()), signals=lambda scope: seen.append(scope))
    assert answer.status == 200 and seen[0]["raw_path"] == w.PATH.encode()
    answer = door.ask(Proxy.NGINX, asked(Proxy.NGINX, headers=door.proven()), signals=lambda _: "AS1")
    assert answer.reason == "request_invalid"  # what is none shows that it is handed on


def test_it_lives_and_serves_nothing_but_http(door: Door) -> None:
    app = door.app(Proxy.ENVOY)
    life = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = drive(app, {"type": "lifespan"}, life).messages
    assert sent == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]
    for kind in ("websocket", "udp"):
        with pytest.raises(MalformedError):
            drive(app, scope_of(type=kind), [])
    assert repr(app) == "<decision_app for ENVOY>"


async def nothing(scope: Any) -> str:
    return "open"


@pytest.mark.parametrize(
    "options",
    [
        {"resource": None}, {"resource": nothing}, {"proxy": None}, {"proxy": "haproxy"}, {"decision_path": ""},
        {"decision_path": "/"}, {"decision_path": "decide"}, {"decision_path": "/decide/"}, {"decision_path": "/a?b"},
        {"decision_path": "/citizenship"}, {"renewal_path": "/decide/renew"}, {"sign_out_path": "/citizenship"},
        {"body_timeout_s": 0}, {"runs": None},
    ],
)  # fmt: skip
def test_a_service_that_cannot_be_right_is_not_made(door: Door, options: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"resource": "open", "proxy": Proxy.ENVOY} | options
    with pytest.raises(CitizenIDError) as caught:
        decision_app(door.world.gateway, **arguments)
    # Of two paths that do not go together one is named.
    where = {"renewal_path": "decision_path", "sign_out_path": "paths"}.get(name := next(iter(options)), name)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, f"asgi.{where}")
    with pytest.raises(CitizenIDError):
        decision_app(None, resource="open", proxy=Proxy.ENVOY)  # type: ignore[arg-type]  # a mistake


# --- the configurations that are shipped: what the text says, where the proxy itself is not at hand ---


def test_envoys_configuration_fails_closed_and_strips() -> None:
    document = yaml.safe_load((PROXIES / "envoy.yaml").read_text("utf-8"))
    (listener,) = document["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    authz = manager["http_filters"][0]["typed_config"]
    assert authz["failure_mode_allow"] is False and authz["http_service"]["path_prefix"] == "/decide"
    answers = authz["http_service"]["authorization_response"]
    trusted = {each["exact"] for each in answers["allowed_upstream_headers"]["patterns"]}
    (early,) = manager["early_header_mutation_extensions"]
    removed = {each["remove"] for each in early["typed_config"]["mutations"]}
    assert trusted == {"x-citizenid-rule", "x-citizenid-session"} and trusted < removed
    assert "x-citizenid-resource" in removed and manager["forward_client_cert_details"] == "SANITIZE"
    assert manager["common_http_protocol_options"]["headers_with_underscores_action"] == "DROP_HEADER"
    sent = {each["exact"] for each in authz["allowed_headers"]["patterns"]}
    assert {"citizenship-ticket", "dpop"} < sent
    (host,) = manager["route_config"]["virtual_hosts"]
    (models,) = [each for each in host["routes"] if each["route"]["cluster"] == "models"]
    assert models["request_headers_to_remove"] == ["citizenship-ticket", "dpop"]  # after the filters have seen them
    names = {cluster["name"] for cluster in document["static_resources"]["clusters"]}
    assert names == {"citizenid", "models"} and "allowed_client_headers" not in answers


def test_traefiks_configuration_fails_closed_and_strips() -> None:
    document = yaml.safe_load((PROXIES / "traefik.yaml").read_text("utf-8"))["http"]
    forward = document["middlewares"]["citizenid"]["forwardAuth"]
    assert forward["trustForwardHeader"] is False and forward["address"].endswith("/decide")
    taken = re.compile(forward["authResponseHeadersRegex"])
    names = [
        "X-Citizenid-Rule",
        "X-Citizenid-Session",
        "X_citizenid_session",
        "X_citizenid-Session",
        "X.citizenid.rule",
    ]
    assert all(map(taken.match, names))  # as Go writes names: a framework may take one for another
    assert not any(map(taken.match, ["Citizenship-Ticket", "Dpop", "X-Request-Id", "Accept", "Xacitizenid-Rule"]))
    assert document["routers"]["models"]["middlewares"] == ["strip", "citizenid", "ours"]
    assert document["middlewares"]["ours"]["headers"]["customRequestHeaders"] == {"Citizenship-Ticket": "", "DPoP": ""}
    assert "citizenid" not in document["routers"]["endpoints"]["middlewares"]
