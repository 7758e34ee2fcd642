"""The examples, run as their readers run them: as processes, over real HTTP on the loopback interface.

The commands come from examples/README.md itself, so that what stands there works. Each process is bounded in time and
stopped by the test that started it.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from citizenid import (
    ANY,
    Challenge,
    CitizenIDError,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    NeedStatusList,
    Reason,
    Status,
    TrustAnchors,
)
from citizenid.gateway import AdmissionPolicy, Binding
from citizenid.holder import Credential, dpop_proof
from citizenid.policy import Facts, Rule, lint
from citizenid.status import StatusStore

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
PROGRAMS = ("identity_provider.py", "wallet.py", "gateway.py", "mdoc.py", "sd_cwt.py", "status_fetcher.py")
CHAT = "/v1/chat/completions"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "src")}
SECONDS = 60


def run(*arguments: str) -> str:
    """Run an example and return what it printed; it must succeed and complain of nothing."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / arguments[0]), *arguments[1:]]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the wallet has made its key and the identity provider has issued and published."""
    folder = tmp_path_factory.mktemp("issued")
    run("wallet.py", "new", str(folder))
    run("identity_provider.py", str(folder))
    return folder


@pytest.fixture
def folder(issued: Path, tmp_path: Path) -> Path:
    """A copy of `issued` that a test may change."""
    return Path(shutil.copytree(issued, tmp_path / "copy"))


@pytest.fixture
def origin(folder: Path) -> Iterator[str]:
    """Where a gateway of this test's own serves."""
    with serving(folder) as origin:
        yield origin


class serving:  # used as a function is
    """Serve with examples/gateway.py on a port that the system chooses, and stop when the block ends."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, str(EXAMPLES / "gateway.py"), str(folder)]
        self._process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        self._timer = threading.Timer(SECONDS, self._process.kill)

    def __enter__(self) -> str:
        self._timer.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", line), "the gateway did not start"
        return line

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._process.terminate()
        self._process.wait(SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()


def post(url: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
    """POST JSON (or bytes) and return status, headers and body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {})  # noqa: S310  # the loopback interface
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  # as above
            return answer.status, answer.headers, json.load(answer)
    except HTTPError as refusal:
        with refusal:
            content = refusal.read()
            return refusal.code, refusal.headers, json.loads(content) if content.startswith(b"{") else None


def proof(key: LocalKey, url: str, ticket: str | None = None) -> dict[str, str]:
    """Return the headers of a request with a fresh proof."""
    headers = {"DPoP": dpop_proof(key, method="POST", url=url, ticket=ticket, now=int(time.time()))}
    return headers if ticket is None else headers | {"Citizenship-Ticket": ticket}


def wallet_key(folder: Path) -> LocalKey:
    """Return the key that the wallet wrote down."""
    return LocalKey.from_jwk(json.loads((folder / "wallet.jwk").read_text()))


def anchors(folder: Path) -> TrustAnchors:
    """Trust the identity provider of the folder."""
    jwks = (folder / "jwks.json").read_text()
    return TrustAnchors.from_jwks(
        "https://id.example",
        jwks,
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=["urn:citizenid:citizenship:1"],
        countries=ANY,
    )


def admitted(folder: Path, origin: str) -> str:
    """Get a ticket over HTTP, as a wallet would."""
    key, now = wallet_key(folder), int(time.time())
    status, _, need = post(origin + CHAT, {"model": "claude-3.5-opus"}, proof(key, origin + CHAT))
    assert (status, need["reason"]) == (401, "ticket_missing")
    credential = Credential.receive(
        (folder / "credential.sd-jwt").read_bytes(), format=Format.SD_JWT_VC, anchors=anchors(folder), now=now
    )
    challenge = Challenge.from_text(need["challenge"])
    presentation = credential.present(["citizenships"], challenge=challenge, key=key, peer=origin, now=now).decode()
    body = {"format": "dc+sd-jwt", "challenge": need["challenge"], "presentation": presentation}
    status, _, answer = post(need["endpoint"], body, proof(key, need["endpoint"]))
    assert status == 200
    assert isinstance(answer["ticket"], str)
    return answer["ticket"]


# --- what stands in the README ---


def test_the_commands_of_the_readme_do_what_it_says(tmp_path: Path) -> None:
    text = (EXAMPLES / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```console\n(.+?)^```$", text, re.M | re.S)
    setup, use, formats, lists = ([line.split() for line in block.splitlines()] for block in blocks)
    assert formats == [["python", "examples/mdoc.py"], ["python", "examples/sd_cwt.py"]]
    assert lists == [["python", "examples/status_fetcher.py"]]
    assert [line[0] for line in setup + use] == ["mkdir", *["python"] * 5, "cp", "python"]
    world = tmp_path / "demo"
    world.mkdir()

    def example(line: list[str], origin: str = "") -> str:
        replaced = {"demo": str(world), "http://127.0.0.1:8080": origin}
        return run(line[1].removeprefix("examples/"), *(replaced.get(word, word) for word in line[2:]))

    for line in setup[1:3]:
        example(line)
    assert setup[3][1:3] == ["examples/gateway.py", "demo"]
    with serving(world) as origin:
        first, excluded, _, last = use
        assert example(first, origin).splitlines()[-1] == "200 answered"
        assert example(excluded, origin).splitlines()[-1] == "403 citizenship_not_permitted"
        shutil.copy(world / "status-revoked.jwt", world / "status.jwt")
        assert example(last, origin).splitlines()[-1] == "403 revoked"


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_stays_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text("utf-8").splitlines()) <= 80


# --- identity provider ---


@pytest.mark.parametrize("name", ["local.sd-jwt", "credential.sd-jwt"])
def test_both_ways_of_signing_give_a_credential_that_its_holder_accepts(issued: Path, name: str) -> None:
    data = (issued / name).read_bytes()
    received = Credential.receive(data, format=Format.SD_JWT_VC, anchors=anchors(issued), now=int(time.time()))
    assert received.attestation.citizenship.citizenships == (Country("US"), Country("FR"))
    assert received.attestation.holder_key == wallet_key(issued).public


def status_of(folder: Path, name: str, published: str) -> Status | NeedStatusList:
    now, keys = int(time.time()), (folder / "status-jwks.json").read_text()
    store = StatusStore(anchors=TrustAnchors.from_jwks("https://id.example", keys, purpose=KeyPurpose.STATUS_LIST))
    token = (folder / published).read_bytes()
    store.ingest("https://id.example/status/1", token, media_type="application/statuslist+jwt", now=now)
    data = (folder / name).read_bytes()
    received = Credential.receive(data, format=Format.SD_JWT_VC, anchors=anchors(folder), now=now)
    return store.check(received.attestation.status[0], issuer="https://id.example", now=now)


def test_the_second_list_revokes_one_credential_and_no_other(issued: Path) -> None:
    assert status_of(issued, "credential.sd-jwt", "status.jwt") is Status.VALID
    assert status_of(issued, "local.sd-jwt", "status.jwt") is Status.VALID
    assert status_of(issued, "credential.sd-jwt", "status-revoked.jwt") is Status.INVALID
    assert status_of(issued, "local.sd-jwt", "status-revoked.jwt") is Status.VALID


def test_the_identity_provider_writes_down_no_private_key(issued: Path) -> None:
    for name in ("jwks.json", "status-jwks.json", "holder.jwk"):
        assert '"d"' not in (issued / name).read_text()
    assert '"d"' in (issued / "wallet.jwk").read_text()


# --- wallet ---


def test_the_wallet_shows_one_citizenship_and_nothing_else(folder: Path, origin: str) -> None:
    printed = run("wallet.py", "ask", str(folder), origin, "claude-3.5-opus")
    assert "shown: [('citizenships', 0)]" in printed
    assert "may be withheld: nationalities.1 = FR" in printed
    assert "may be withheld: name = Ada Example" in printed
    assert printed.splitlines()[-1] == "200 answered"


def test_the_wallet_keeps_its_ticket(folder: Path, origin: str) -> None:
    run("wallet.py", "ask", str(folder), origin, "claude-3.5-opus")
    ticket = (folder / "ticket").read_text()
    assert run("wallet.py", "ask", str(folder), origin, "claude-3.5-opus") == "200 answered\n"
    assert (folder / "ticket").read_text() == ticket


def test_the_wallet_answers_nobody_else_s_challenge(issued: Path) -> None:
    wallet = runpy.run_path(str(EXAMPLES / "wallet.py"))
    passed_on = Challenge("https://gateway.example", "n" * 32).to_text()
    with pytest.raises(CitizenIDError) as caught:
        wallet["present"](issued, wallet_key(issued), passed_on, "https://between.example")
    assert caught.value.reason is Reason.PEER_MISMATCH


# --- the CBOR formats ---


def test_an_mdoc_shows_one_citizenship_by_a_signature_and_by_a_mac() -> None:
    shown = "(Country('US'),) shown by ['citizen_of_us']"
    assert run("mdoc.py").splitlines() == [f"LocalKey: {shown}", f"AgreementKey: {shown}"]


def test_an_sd_cwt_shows_one_citizenship_and_nothing_else() -> None:
    withheld, _, verified = run("sd_cwt.py").splitlines()
    for path in ("('given_name',)", "(-70001,)", "('citizenships', 1)", "('nationalities',)"):
        assert path in withheld
    assert verified == "verified: (Country('US'),) {'citizenships': ('US',)}"


# --- status lists over HTTP ---


def test_a_revocation_arrives_with_the_next_fetch_of_all_lists() -> None:
    lines = run("status_fetcher.py").splitlines()
    assert [line for line in lines if "Status." in line] == [
        "at the start: <Status.VALID: 0>",
        "half an hour later: <Status.INVALID: 1>",
    ]
    fetched = [line.split()[-5:-3] for line in lines if "Status." not in line]
    lists = [["/status/1", "taken,"], ["/status/2", "taken,"]]
    assert fetched == [["/status-lists", "taken,"], *lists, ["/status-lists", "not_modified,"], *lists]


# --- gateway ---


def test_without_anything_the_answer_is_401_and_says_how_to_go_on(origin: str) -> None:
    status, headers, body = post(origin + CHAT, {"model": "claude-3.5-opus"})
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("DPoP ")
    assert (body["reason"], body["endpoint"]) == ("ticket_missing", origin + "/citizenship")
    assert body["error"]["code"] == "ticket_missing"
    assert "challenge" not in body  # no sender key was shown that it could be bound to


def test_a_ticket_works_for_its_owner_once_a_proof_and_for_nobody_else(folder: Path, origin: str) -> None:
    ticket, url, body = admitted(folder, origin), origin + CHAT, {"model": "claude-3.5-opus"}
    own = proof(wallet_key(folder), url, ticket)
    assert post(url, body, own)[0] == 200
    for headers, reason in (
        (own, "replayed"),
        ({"Citizenship-Ticket": ticket}, "proof_missing"),
        (proof(LocalKey.generate("ES256"), url, ticket), "proof_key_mismatch"),
        (proof(wallet_key(folder), origin + "/citizenship", ticket), "proof_url_mismatch"),
    ):
        status, _, answer = post(url, body, headers)
        assert (status, answer["reason"]) == (401, reason)


def test_a_revocation_ends_a_session(folder: Path, origin: str) -> None:
    ticket, url, body = admitted(folder, origin), origin + CHAT, {"model": "claude-3.5-opus"}
    assert post(url, body, proof(wallet_key(folder), url, ticket))[0] == 200
    shutil.copy(folder / "status-revoked.jwt", folder / "status.jwt")
    status, _, answer = post(url, body, proof(wallet_key(folder), url, ticket))
    assert (status, answer["reason"], answer["step"]) == (403, "revoked", "V9")


def test_a_list_that_is_no_list_changes_nothing(folder: Path) -> None:
    with serving(folder) as origin:
        ticket, url, body = admitted(folder, origin), origin + CHAT, {"model": "claude-3.5-opus"}
        (folder / "status.jwt").write_bytes(b"no list")
        assert post(url, body, proof(wallet_key(folder), url, ticket))[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (CHAT, b"no JSON", 404),
        (CHAT, b"[]", 404),
        (CHAT, b'{"model": 1}', 404),
        (CHAT, b"[" * 100_000, 404),
        ("/elsewhere", {"model": "gpt-4o"}, 404),
        (CHAT, {"model": "gpt-4o"}, 200),
        (CHAT, {"model": "deepseek-v3"}, 401),
        (CHAT, {"model": "deepseek-v4"}, 403),
        ("/citizenship", {"presentation": 1}, 403),
        ("/citizenship", {}, 401),
    ],
)
def test_the_gateway_answers_whatever_is_posted(shared_origin: str, path: str, body: Any, status: int) -> None:
    assert post(shared_origin + path, body)[0] == status


def test_the_gateway_reads_no_more_than_it_must(shared_origin: str) -> None:
    for length in ("-1", "1048577", "9" * 5_000, "x", ""):
        assert post(shared_origin + CHAT, b"", {"Content-Length": length})[0] == 413


@pytest.fixture(scope="module")
def shared_origin(issued: Path) -> Iterator[str]:
    """Where a gateway serves for tests that change nothing."""
    with serving(issued) as origin:
        yield origin


# --- policy ---


def rule_for(resource: str) -> Rule | None:
    return AdmissionPolicy.from_toml((EXAMPLES / "policy.toml").read_text("utf-8")).rule_for(resource)


def test_the_policy_keeps_one_model_for_citizens_of_one_country() -> None:
    rule = rule_for("claude-3.5-opus")
    assert rule is not None
    assert (rule.anyone, rule.needs_citizenship, rule.countries) == (False, True, frozenset({Country("US")}))


@pytest.mark.parametrize("resource", ["gpt-4o", "gemini-2.0", "llama-3.1-405b", "mistral-large"])
def test_the_policy_leaves_these_models_to_anyone(resource: str) -> None:
    rule = rule_for(resource)
    assert rule is not None
    assert rule.anyone


@pytest.mark.parametrize(
    ("caller", "models"),
    [
        # The article's table: who gets which model. A caller without a ticket, one who shows all of his list, and one
        # who keeps a part of it back.
        ((), {"anyone"}),
        (("US", True), {"anyone", "claude-3.5-opus"}),
        (("US", False), {"anyone", "claude-3.5-opus"}),
        (("FR", True), {"anyone", "deepseek-v3"}),
        (("FR", False), {"anyone"}),
        (("FR US", True), {"anyone", "claude-3.5-opus"}),
        (("FR US", False), {"anyone", "claude-3.5-opus"}),
    ],
)
def test_the_policy_says_what_the_table_of_the_article_says(caller: tuple[Any, ...], models: set[str]) -> None:
    policy = AdmissionPolicy.from_toml((EXAMPLES / "policy.toml").read_text("utf-8"))
    codes, complete = caller or ("", False)
    countries = frozenset(map(Country, codes.split()))
    facts = Facts(countries, countries, Binding.DPOP, 0, stated=countries, complete=complete)
    open_to_all = ("gpt-4o", "gemini-2.0", "llama-3.1-405b", "mistral-large")
    permitted = {
        name for name in (*open_to_all, "claude-3.5-opus", "deepseek-v3") if policy.decide(name, facts).permitted
    }
    assert permitted == {*open_to_all, *(models - {"anyone"})}
    assert policy.decide("something-else", facts).reason is Reason.RESOURCE_NOT_LISTED


def test_the_policy_lets_nobody_through_without_a_ticket_who_could_be_excluded() -> None:
    rule = rule_for("deepseek-v3")
    assert rule is not None
    assert (rule.anyone, rule.none_of) == (False, frozenset({Country("US")}))
    assert lint((EXAMPLES / "policy.toml").read_text("utf-8")) == ()
