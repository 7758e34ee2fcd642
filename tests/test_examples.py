"""The examples, run as their readers run them: as processes, over real HTTP on the loopback interface.

The commands come from examples/README.md itself, so that what stands there works; ports are chosen by the system. Each
process is bounded in time and stopped, by its own id, by the test that started it.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import httpx
import jwt
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
    StatusReference,
    TrustAnchors,
)
from citizenid.gateway import AdmissionPolicy, Binding
from citizenid.holder import Credential, dpop_proof
from citizenid.policy import Facts, Rule, lint
from citizenid.status import StatusStore

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
LINES = {"identity_provider.py": 102, "wallet.py": 100, "gateway_fastapi.py": 100, "openid4vc.py": 85}
"""How long an example may be where it may be longer than 80."""
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py"))
REVIEW = ["python", "-m", "pytest", "-p", "citizenid.testing.plugin", "--attack-report", "examples/reviewer"]
GATEWAYS = [name for name in ("gateway.py", "gateway_fastapi.py") if name in PROGRAMS]
ISSUER, TYPE = "https://id.example", "urn:citizenid:citizenship:1"
CHAT = "/v1/chat/completions"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
SECONDS = 60
SERVING_SECONDS = 300
REVIEWING_SECONDS = 900
# Measured, it would take three times as long; all of it runs measured in tests/testing.
REVIEWING = {name: value for name, value in ENVIRONMENT.items() if not name.startswith(("COVERAGE_", "PYTEST_"))}


# --- processes ---


def start(*arguments: str) -> tuple[int, str, str]:
    """Run an example to its end and return its exit status and what it printed."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / arguments[0]), *arguments[1:]]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.returncode, done.stdout, done.stderr


def run(*arguments: str) -> str:
    """Run an example and return what it printed; it must succeed and complain of nothing."""
    status, printed, complaints = start(*arguments)
    assert (status, complaints) == (0, "")
    return printed


@contextmanager
def serving(folder: Path, *arguments: str, lines: int = 1) -> Iterator[list[str]]:
    """Serve with an example until the block ends, and return the first lines that it prints: its address, and codes."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / arguments[0]), *arguments[1:]]
    complaints = folder / f"{arguments[0]}.stderr"
    with complaints.open("w") as stderr:
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=stderr, text=True)
    timer = threading.Timer(SERVING_SECONDS, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        printed = [process.stdout.readline().strip() for _ in range(lines)]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", printed[0]), complaints.read_text()
        yield printed
    finally:
        timer.cancel()
        process.terminate()
        process.communicate(timeout=SECONDS)
    assert complaints.read_text() == ""


class IdentityProvider(NamedTuple):
    origin: str
    codes: Mapping[str, str]
    folder: Path


@contextmanager
def identity_provider(folder: Path, port: int = 0) -> Iterator[IdentityProvider]:
    with serving(folder, "identity_provider.py", "serve", str(folder / "idp"), str(port), lines=3) as printed:
        codes = dict(line.split(": ") for line in printed[1:])
        assert list(codes) == ["Ada Example", "Ben Example"]
        yield IdentityProvider(printed[0], codes, folder / "idp")


class World(NamedTuple):
    """An identity provider, a gateway, and the wallets of two who have received their credentials."""

    idp: IdentityProvider
    origin: str
    ada: Path
    ben: Path


@contextmanager
def world_of(folder: Path, program: str) -> Iterator[World]:
    with identity_provider(folder) as idp, serving(folder, program, idp.origin) as (origin,):
        wallets = folder / "ada", folder / "ben"
        for wallet, name in zip(wallets, idp.codes, strict=True):
            run("wallet.py", "new", str(wallet))
            run("wallet.py", "receive", str(wallet), idp.origin, idp.codes[name])
        yield World(idp, origin, *wallets)


@pytest.fixture(scope="module", params=GATEWAYS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """For tests that revoke nothing and stop nobody; one for each program that is a gateway."""
    with world_of(tmp_path_factory.mktemp("world"), request.param) as world:
        yield world


@pytest.fixture(scope="module")
def holder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada's wallet, for tests that need no gateway and change nothing."""
    folder = tmp_path_factory.mktemp("holder")
    with identity_provider(folder) as idp:
        run("wallet.py", "new", str(folder / "ada"))
        run("wallet.py", "receive", str(folder / "ada"), idp.origin, idp.codes["Ada Example"])
    return folder / "ada"


@pytest.fixture
def ada(world: World, tmp_path: Path) -> Path:
    """A copy of Ada's wallet before it asked for anything."""
    copy = Path(shutil.copytree(world.ada, tmp_path / "ada"))
    assert not (copy / "tickets").exists()
    return copy


# --- HTTP by hand ---


def send(url: str, data: bytes | None, headers: Mapping[str, str]) -> tuple[int, Any, bytes]:
    """GET, or POST bytes, and return status, headers and body."""
    request = urllib.request.Request(url, data, dict(headers))  # noqa: S310  # the loopback interface
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  # as above
            return answer.status, answer.headers, answer.read()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read()


def get(url: str) -> bytes:
    """GET what must be there."""
    status, _, body = send(url, None, {})
    assert status == 200
    return body


def post(url: str, body: Any, headers: Mapping[str, str] | None = None) -> tuple[int, Any, Any]:
    """POST JSON (or bytes) and return status, headers and body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, answered, content = send(url, data, {"Content-Type": "application/json"} | dict(headers or {}))
    return status, answered, json.loads(content) if content.startswith(b"{") else None


def proof(key: LocalKey, url: str, ticket: str | None = None) -> dict[str, str]:
    """Return the headers of a request with a fresh proof."""
    headers = {"DPoP": dpop_proof(key, method="POST", url=url, ticket=ticket, now=int(time.time()))}
    return headers if ticket is None else headers | {"Citizenship-Ticket": ticket}


def wallet_key(folder: Path) -> LocalKey:
    """Return the key that the wallet wrote down."""
    return LocalKey.from_jwk(json.loads((folder / "key").read_text()))


def received(folder: Path) -> Credential:
    """Return the credential that the wallet wrote down."""
    anchors = TrustAnchors.from_issuer_metadata(
        (folder / "issuer").read_text(), issuer=ISSUER, formats=[Format.SD_JWT_VC], types=[TYPE], countries=ANY
    )
    data = (folder / "credential").read_bytes()
    return Credential.receive(data, format=Format.SD_JWT_VC, anchors=anchors, now=int(time.time()))


def ticket_of(folder: Path, origin: str) -> str:
    """Get a ticket as the wallet does, and read it."""
    assert run("wallet.py", "ask", str(folder), origin, "claude-3.5-opus").splitlines()[-1] == "200 answered"
    tickets = json.loads((folder / "tickets").read_text())
    assert list(tickets) == [origin]
    return str(tickets[origin])


def until(answer: str, *arguments: str) -> list[str]:
    """Ask again until the last line is this one; return the last lines of all answers before it."""
    before = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        line = run(*arguments).splitlines()[-1]
        if line == answer:
            return before
        before.append(line)
        time.sleep(0.2)
    raise AssertionError(before)


# --- what stands in the README ---


@pytest.mark.parametrize("program", GATEWAYS)
def test_the_commands_of_the_readme_do_what_it_says(program: str, tmp_path: Path) -> None:
    text = (EXAMPLES / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```console\n(.+?)^```$", text, re.M | re.S)
    servers, use, thief, revocation, formats, lists, review = (
        [shlex.split(each) for each in b.splitlines()] for b in blocks
    )
    assert formats == [["python", "examples/mdoc.py"], ["python", "examples/sd_cwt.py"]]
    assert lists == [["python", "examples/status_fetcher.py"]]
    assert review == [REVIEW]
    places = {name: str(tmp_path / name) for name in ("idp", "ada", "thief")}

    def example(command: list[str]) -> list[str]:
        assert command[0] == "python"
        name = command[1].removeprefix("examples/")
        return [program if name == "gateway.py" else name, *(places.get(word, word) for word in command[2:])]

    (serve, idp_port), (gateway, gateway_port) = ((example(each[:-1]), each[-1]) for each in servers)
    assert (serve[0], gateway[0], gateway_port) == ("identity_provider.py", program, "8080")
    with serving(tmp_path, *serve, lines=3) as (idp, ada, _):
        places |= {f"http://127.0.0.1:{idp_port}": idp, "CODE": ada.removeprefix("Ada Example: ")}
        with serving(tmp_path, program, *example(servers[1][:-1])[1:]) as (origin,):
            places[f"http://127.0.0.1:{gateway_port}"] = origin
            new, receive, first, second, excluded = (example(each) for each in use)
            assert run(*new) == ""
            assert "may be withheld: citizenships.0 = US" in run(*receive)
            assert run(*first).splitlines()[-1] == "200 answered"
            assert run(*second) == "200 answered\n"
            assert run(*excluded).splitlines()[-1] == "403 citizenship_not_permitted"
            another, (cp, *stolen), asking = thief
            assert run(*example(another)) == ""
            assert cp == "cp"
            shutil.copy(*(tmp_path / path for path in stolen))
            assert run(*example(asking)) == "401 proof_key_mismatch\n"
            revoke, last = (example(each) for each in revocation)
            assert run(*revoke) == "revoked: 1\n"
            assert set(until("403 revoked", *last)) <= {"200 answered"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_stays_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text("utf-8").splitlines()) <= LINES.get(name, 80)


def test_the_readme_names_every_example() -> None:
    text = (EXAMPLES / "README.md").read_text("utf-8")
    for path in [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.toml")]:
        assert f"| [{path.name}]({path.name}) |" in text


# --- the reviewer's tests ---


def test_the_reviewers_tests_pass_and_say_which_rule_refused_what() -> None:
    command = [sys.executable, "-W", "error", *REVIEW[1:], "-p", "no:cacheprovider"]
    if os.environ.get("HYPOTHESIS_PROFILE") == "beside":  # the catalogue is in tests/testing, too
        command += ["-k", "ALG or request or revocation"]
    done = subprocess.run(
        command, cwd=ROOT, env=REVIEWING, capture_output=True, text=True, timeout=REVIEWING_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^ALG-001  The issuer's JWS says alg none and has no signature\.$", done.stdout, re.M)
    assert re.search(r"^form +algorithm_not_allowed +\d+ +\d+$", done.stdout, re.M)
    (summary,) = re.findall(r"^attacks: (.*)$", done.stdout, re.M)
    # Of a mutation there may be nothing to change in the answer to the challenge that was drawn, which is said.
    absent = r"(, \d+ of what is not offered)?"
    assert re.fullmatch(rf"\d+ trials, 0 unexplained{absent}; \d+ of \d+ Reasons refused something", summary)
    assert len((EXAMPLES / "reviewer" / "test_gateway.py").read_text("utf-8").splitlines()) <= 40


# --- identity provider ---


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    """For tests that use up no code."""
    with identity_provider(tmp_path_factory.mktemp("idp")) as idp:
        yield idp


@pytest.fixture
def wallet(tmp_path: Path) -> Path:
    """A wallet with a key and nothing else."""
    run("wallet.py", "new", str(tmp_path / "wallet"))
    return tmp_path / "wallet"


def test_a_wrong_code_is_refused_and_so_is_a_right_one_the_second_time(tmp_path: Path, wallet: Path) -> None:
    with identity_provider(tmp_path) as idp:
        code = idp.codes["Ada Example"]
        for wrong in ("CODE", code[:-1], code + "x", code.swapcase()):
            assert start("wallet.py", "receive", str(wallet), idp.origin, wrong) == (1, "", "401 invalid_token\n")
        assert not (wallet / "credential").exists()
        run("wallet.py", "receive", str(wallet), idp.origin, code)
        assert start("wallet.py", "receive", str(wallet), idp.origin, code) == (1, "", "401 invalid_token\n")
        assert received(wallet).attestation.citizenship.citizenships == (Country("US"), Country("FR"))
        assert received(wallet).attestation.holder_key == wallet_key(wallet).public
        assert received(wallet).attestation.claims["name"] == "Ada Example"


def test_a_code_without_a_good_proof_yields_nothing_and_is_not_used_up(idp: IdentityProvider) -> None:
    good = openid4vc().prove(LocalKey.generate("ES256"), audience=idp.origin, nonce="x" * 43)
    bodies: list[Any] = [
        b"", b"x", b"[]", b"[" * 60_000, b"\xff", {}, {"proofs": None}, {"proofs": {}}, {"proofs": {"jwt": None}},
        {"proofs": {"jwt": []}}, {"proofs": {"jwt": ["x"]}}, {"proofs": {"jwt": [1]}}, {"proofs": {"jwt": [good]}},
        {"proofs": {"jwt": good}}, {"proofs": {"jwt": [good, good]}},
        *({"proofs": {"jwt": [made(header, {"nonce": "x" * 43})]}} for header in HEADERS),
    ]  # fmt: skip
    for body in bodies:
        for code in idp.codes.values():
            status, headers, answer = post(idp.origin + "/credential", body, {"Authorization": f"Bearer {code}"})
            assert (status, answer) == (400, {"error": "invalid_proof"})
            assert headers["Cache-Control"] == "no-store"


def test_a_good_proof_without_a_code_yields_nothing(idp: IdentityProvider) -> None:
    code = idp.codes["Ada Example"]
    for authorization in ("", "Bearer", "Bearer ", "Bearer x", f"Basic {code}", code, f"Bearer  {code}"):
        nonce = post(idp.origin + "/nonce", b"")[2]["c_nonce"]
        made = openid4vc().prove(LocalKey.generate("ES256"), audience=idp.origin, nonce=nonce)
        headers = {"Authorization": authorization} if authorization else {}
        status, _, answer = post(idp.origin + "/credential", {"proofs": {"jwt": [made]}}, headers)
        assert (status, answer) == (401, {"error": "invalid_token"})


def test_the_identity_provider_reads_no_more_than_it_must(idp: IdentityProvider) -> None:
    headers = {"Authorization": f"Bearer {idp.codes['Ada Example']}"}
    assert post(idp.origin + "/credential", b" " * 65_537, headers)[0] == 413
    assert post(idp.origin + "/credential", b" " * 65_536, headers)[0] == 400


def test_what_the_identity_provider_publishes_is_all_that_a_verifier_needs_and_no_private_key(
    idp: IdentityProvider,
) -> None:
    for path, count in (("/.well-known/jwt-vc-issuer", 1), ("/status-jwks.json", 1)):
        document = json.loads(get(idp.origin + path))
        keys = document.get("jwks", document)["keys"]
        assert len(keys) == count
        assert not any({"d", "priv", "k"} & set(key) for key in keys)
    assert json.loads(get(idp.origin + "/status-lists")) == {"status_lists": [idp.origin + "/status/1"]}
    assert stat.S_IMODE(idp.folder.stat().st_mode) == 0o700
    assert send(idp.origin + "/openapi.json", None, {})[0] == 404


def said_of(idp: IdentityProvider, folder: Path) -> Status | NeedStatusList:
    """Return what the published list says of the credential in a wallet."""
    now, keys = int(time.time()), get(idp.origin + "/status-jwks.json")
    store = StatusStore(anchors=TrustAnchors.from_jwks(ISSUER, keys, purpose=KeyPurpose.STATUS_LIST))
    uri = f"{idp.origin}/status/1"
    store.ingest(uri, get(uri), media_type="application/statuslist+jwt", now=now)
    (reference,) = received(folder).attestation.status
    assert reference == StatusReference(uri, reference.index)
    return store.check(reference, issuer=ISSUER, now=now)


def test_keys_ledger_and_register_outlive_the_process(tmp_path: Path) -> None:
    ada, ben = tmp_path / "ada", tmp_path / "ben"
    with identity_provider(tmp_path) as idp:
        for wallet, code in zip((ada, ben), idp.codes.values(), strict=True):
            run("wallet.py", "new", str(wallet))
            run("wallet.py", "receive", str(wallet), idp.origin, code)
        assert (said_of(idp, ada), said_of(idp, ben)) == (Status.VALID, Status.VALID)
        metadata = get(idp.origin + "/.well-known/jwt-vc-issuer")
    assert run("identity_provider.py", "revoke", str(tmp_path / "idp"), "Ada Example") == "revoked: 1\n"
    with identity_provider(tmp_path, urlsplit(idp.origin).port or 0) as again:
        assert again.origin == idp.origin
        assert get(again.origin + "/.well-known/jwt-vc-issuer") == metadata
        assert (said_of(again, ada), said_of(again, ben)) == (Status.INVALID, Status.VALID)
        assert not set(again.codes.values()) & set(idp.codes.values())
    nobody = start("identity_provider.py", "revoke", str(tmp_path / "idp"), "Nobody")
    assert nobody == (1, "revoked: 0\n", "nothing was issued to Nobody\n")


# --- the proof of possession ---


def module(name: str) -> ModuleType:
    """Load an example as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(EXAMPLES))
    try:
        spec.loader.exec_module(loaded)
    finally:
        sys.path.remove(str(EXAMPLES))
    return loaded


def openid4vc() -> ModuleType:
    return module("openid4vc")


HOLDER, STRANGER = LocalKey.generate("ES256"), LocalKey.generate("ES256")
IDP = "http://127.0.0.1:8081"


def made(header: Mapping[str, Any], claims: Mapping[str, Any], key: LocalKey = HOLDER) -> str:
    """Make a proof from its parts; a member that is None is left out."""
    whole = {"alg": "ES256", "typ": "openid4vci-proof+jwt", "jwk": HOLDER.public.to_jwk()} | header
    stated = {"aud": IDP, "iat": int(time.time())} | claims
    parts = [{name: value for name, value in part.items() if value is not None} for part in (whole, stated)]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    signature = base64.urlsafe_b64encode(key.sign(b".".join(encoded))).rstrip(b"=")
    return b".".join([*encoded, signature]).decode()


HEADERS: list[dict[str, Any]] = [
    {"typ": "JWT"},
    {"typ": None},
    {"typ": "dpop+jwt"},
    {"alg": "none"},
    {"alg": "HS256"},
    {"alg": "EdDSA"},
    {"crit": ["x"], "x": 1},
    {"jwk": None},
    {"jwk": "x"},
    {"jwk": HOLDER.to_private_jwk()},
    {"jwk": HOLDER.public.to_jwk() | {"x": HOLDER.public.to_jwk()["y"]}},
    {"jwk": LocalKey.generate("Ed25519").public.to_jwk()},
]


def test_a_proof_is_good_once_and_proves_its_own_key() -> None:
    proofs = openid4vc().Proofs(IDP)
    nonce = proofs.nonce()
    for proof_ in (openid4vc().prove(HOLDER, audience=IDP, nonce=nonce), made({}, {"nonce": proofs.nonce()})):
        assert proofs.verify(proof_) == HOLDER.public
        with pytest.raises(jwt.PyJWTError):
            proofs.verify(proof_)


@pytest.mark.parametrize(
    ("header", "claims", "key"),
    [
        *((header, {}, HOLDER) for header in HEADERS),
        ({}, {}, STRANGER),
        ({"jwk": STRANGER.public.to_jwk()}, {}, HOLDER),
        ({}, {"aud": None}, HOLDER),
        ({}, {"aud": IDP + "/"}, HOLDER),
        ({}, {"aud": [IDP]}, HOLDER),
        ({}, {"aud": [IDP, "https://another.example"]}, HOLDER),
        ({}, {"nonce": None}, HOLDER),
        ({}, {"nonce": "x" * 43}, HOLDER),
        ({}, {"nonce": ["x"]}, HOLDER),
        ({}, {"iat": None}, HOLDER),
        ({}, {"iat": 0}, HOLDER),
        ({}, {"iat": True}, HOLDER),
        ({}, {"iat": "soon"}, HOLDER),
        ({}, {"iat": time.time() + 7_200}, HOLDER),
        ({}, {"iat": int(time.time()) + 7_200}, HOLDER),
        ({}, {"iat": int(time.time()) - 301}, HOLDER),
    ],
)
def test_a_proof_that_is_not_for_this_key_here_and_now_is_none(
    header: dict[str, Any], claims: dict[str, Any], key: LocalKey
) -> None:
    proofs = openid4vc().Proofs(IDP)
    with pytest.raises((jwt.PyJWTError, CitizenIDError)):
        proofs.verify(made(header, {"nonce": proofs.nonce()} | claims, key))
    assert proofs.verify(made({}, {"nonce": proofs.nonce()})) == HOLDER.public


def test_a_nonce_ends_after_five_minutes_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = openid4vc()
    began, proofs = time.monotonic(), loaded.Proofs(IDP)
    early, late = proofs.nonce(), proofs.nonce()
    monkeypatch.setattr(loaded.time, "monotonic", lambda: began + 290)
    assert proofs.verify(made({}, {"nonce": early})) == HOLDER.public
    monkeypatch.setattr(loaded.time, "monotonic", lambda: began + 301)
    with pytest.raises(jwt.PyJWTError):
        proofs.verify(made({}, {"nonce": late}))
    first, *_, last = [proofs.nonce() for _ in range(10_001)]
    assert proofs.verify(made({}, {"nonce": last})) == HOLDER.public
    with pytest.raises(jwt.PyJWTError):
        proofs.verify(made({}, {"nonce": first}))


# --- wallet ---


def test_the_wallet_shows_one_citizenship_and_nothing_else(world: World, ada: Path) -> None:
    printed = run("wallet.py", "ask", str(ada), world.origin, "claude-3.5-opus").splitlines()
    assert printed == ["asked for a presentation: ticket_missing", "shown: [('citizenships', 0)]", "200 answered"]


def test_the_wallet_keeps_its_ticket(world: World, ada: Path) -> None:
    ticket = ticket_of(ada, world.origin)
    assert run("wallet.py", "ask", str(ada), world.origin, "claude-3.5-opus") == "200 answered\n"
    assert ticket_of(ada, world.origin) == ticket


def test_a_wallet_that_has_nothing_of_what_is_asked_for_shows_nothing(world: World) -> None:
    status, printed, complaint = start("wallet.py", "ask", str(world.ben), world.origin, "claude-3.5-opus")
    assert (status, printed) == (1, "asked for a presentation: ticket_missing\n")
    assert complaint == "there is nothing here that is asked for: nothing is shown\n"
    assert run("wallet.py", "ask", str(world.ben), world.origin, "gpt-4o") == "200 answered\n"


def test_the_wallet_makes_a_folder_that_is_its_owner_s_alone(wallet: Path) -> None:
    assert stat.S_IMODE(wallet.stat().st_mode) == 0o700
    assert start("wallet.py", "new", str(wallet))[0] == 1  # and never a second key in the place of the first


def answering(wallet: ModuleType, answers: Callable[[httpx.Request], httpx.Response]) -> list[httpx.Request]:
    """Let a wallet's requests be answered by a function, and return them as they come."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answers(request)

    wallet.HTTP.close()
    wallet.HTTP = httpx.Client(transport=httpx.MockTransport(answer))
    return seen


def claims_of(request: httpx.Request) -> Any:
    """Return what a request's proof states."""
    return jwt.decode(request.headers["DPoP"], options={"verify_signature": False})


GATEWAY = "http://127.0.0.1:8080"
NONCE = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce", algs="ES256"', "DPoP-Nonce": "a nonce of the gateway"}


def test_the_wallet_puts_the_gateway_s_nonce_into_its_proof_once_it_is_asked(wallet: Path) -> None:
    program = module("wallet")
    seen = answering(
        program,
        lambda request: httpx.Response(200 if "nonce" in claims_of(request) else 401, headers=NONCE, json={}),
    )
    assert program.post(GATEWAY + CHAT, {}, wallet_key(wallet)) == (200, {})
    first, second = map(claims_of, seen)
    assert "nonce" not in first and second["nonce"] == "a nonce of the gateway"
    assert first["jti"] != second["jti"]
    seen = answering(program, lambda _: httpx.Response(401, headers=NONCE, json={"reason": "proof_nonce_mismatch"}))
    assert program.post(GATEWAY + CHAT, {}, wallet_key(wallet))[0] == 401  # and does not ask for ever
    assert len(seen) == 2
    program.HTTP.close()


def test_a_ticket_is_shown_to_the_gateway_that_gave_it_and_to_no_other(
    wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = module("wallet")
    (wallet / "tickets").write_text(json.dumps({GATEWAY: "a ticket"}))
    seen = answering(program, lambda _: httpx.Response(200, json={}))
    program.ask(wallet, GATEWAY, "gpt-4o")
    program.ask(wallet, "http://127.0.0.1:9090", "gpt-4o")
    assert [request.headers.get("Citizenship-Ticket") for request in seen] == ["a ticket", None]
    program.HTTP.close()


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint": "http://127.0.0.1:9090/citizenship"},
        {"endpoint": GATEWAY + ".example/citizenship"},
        {"challenge": Challenge("https://another.example", "n" * 32).to_text()},
        {"dcql_query": {"credentials": []}},
    ],
)
def test_the_wallet_answers_nobody_else_s_challenge_and_goes_nowhere_else(
    holder: Path, changed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    program = module("wallet")
    query = {"id": "a", "format": "dc+sd-jwt", "meta": {"vct_values": [TYPE]}}
    claims = [{"id": "c", "path": ["citizenships", None], "values": ["US"]}]
    asked = {
        "reason": "ticket_missing",
        "endpoint": GATEWAY + "/citizenship",
        "challenge": Challenge(GATEWAY, "n" * 32).to_text(),
        "dcql_query": {"credentials": [query | {"claims": claims}]},
    }
    good = dict(asked)
    asked |= changed
    seen = answering(program, lambda _: httpx.Response(401 if len(seen) < 2 else 403, json=asked))
    with pytest.raises((SystemExit, CitizenIDError)) as caught:
        program.ask(holder, GATEWAY, "claude-3.5-opus")
    assert len(seen) == 1
    assert isinstance(caught.value, CitizenIDError) is ("challenge" in changed)
    if isinstance(caught.value, CitizenIDError):
        assert caught.value.reason is Reason.PEER_MISMATCH
    asked |= good
    seen.clear()
    program.ask(holder, GATEWAY, "claude-3.5-opus")  # the same with nothing wrong in it is answered
    assert [request.url.path for request in seen] == [CHAT, "/citizenship"]
    program.HTTP.close()


US, ANY_COUNTRY = (
    {"id": "us", "path": ["citizenships", None], "values": ["CA", "US"]},
    {"id": "all", "path": ["nationalities", None]},
)
WHOLE = [("nationalities", 0), ("nationalities", 1)]


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ({"claims": [US]}, [("citizenships", 0)]),
        ({"claims": [{"id": "one", "path": ["citizenships", None], "values": ["FR", "US"]}]}, [("citizenships", 0)]),
        ({"claims": [ANY_COUNTRY]}, WHOLE),
        ({"claims": [US, ANY_COUNTRY]}, [("citizenships", 0), *WHOLE]),
        ({"claims": [US, ANY_COUNTRY], "claim_sets": [["all"], ["us"]]}, WHOLE),
        ({"claims": [{**US, "values": ["DE"]}, ANY_COUNTRY], "claim_sets": [["us"], ["all"]]}, WHOLE),
        ({"claims": [{"id": "index", "path": ["nationalities", 1]}]}, [("nationalities", 1)]),
        ({"claims": [{**US, "values": ["DE"]}]}, []),
        ({"claims": [US, {"id": "name", "path": ["name"]}]}, []),
        ({"claims": [US, {"id": "complete", "path": ["nationalities_complete"], "values": [True]}]}, []),
        ({"claims": [US], "format": "mso_mdoc"}, []),
        ({"claims": [US], "meta": {"vct_values": ["urn:eudi:pid:1"]}}, []),
    ],
)
def test_the_least_that_answers_a_query_is_chosen(holder: Path, query: dict[str, Any], paths: list[Any]) -> None:
    whole = {"id": "a", "format": "dc+sd-jwt", "meta": {"vct_values": [TYPE]}} | query
    others = {"id": "b", "format": "mso_mdoc", "meta": {"doctype_value": "x"}, "claims": []}
    may_be_shown = module("wallet").MAY_BE_SHOWN
    assert openid4vc().chosen(received(holder), [others, whole], may_be_shown=may_be_shown) == paths


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


def test_without_anything_the_answer_is_401_and_says_how_to_go_on(world: World) -> None:
    status, headers, body = post(world.origin + CHAT, {"model": "claude-3.5-opus"})
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("DPoP ")
    assert (body["reason"], body["endpoint"]) == ("ticket_missing", world.origin + "/citizenship")
    assert body["error"]["code"] == "ticket_missing"
    (asked,) = body["dcql_query"]["credentials"]
    assert [(claim["path"], claim["values"]) for claim in asked["claims"]] == [(["citizenships", None], ["US"])]
    assert "challenge" not in body  # no sender key was shown that it could be bound to


def test_a_ticket_works_for_its_owner_once_a_proof_and_for_nobody_else(world: World, ada: Path) -> None:
    origin, ticket, body = world.origin, ticket_of(ada, world.origin), {"model": "claude-3.5-opus"}
    url = origin + CHAT
    own = proof(wallet_key(ada), url, ticket)
    assert post(url, body, own)[0] == 200
    for headers, reason in (
        (own, "replayed"),
        ({"Citizenship-Ticket": ticket}, "proof_missing"),
        (proof(LocalKey.generate("ES256"), url, ticket), "proof_key_mismatch"),
        (proof(wallet_key(ada), origin + "/citizenship", ticket), "proof_url_mismatch"),
    ):
        status, _, answer = post(url, body, headers)
        assert (status, answer["reason"]) == (401, reason)


def admitted(folder: Path, origin: str, shown: list[str]) -> str:
    """Get a ticket by hand: a gateway admits whoever shows what is true, though it be nothing."""
    key, credential = wallet_key(folder), received(folder)
    _, _, need = post(origin + CHAT, {"model": "claude-3.5-opus"}, proof(key, origin + CHAT))
    challenge, now = Challenge.from_text(need["challenge"]), int(time.time())
    presentation = credential.present(shown, challenge=challenge, key=key, peer=origin, now=now).decode()
    body = {"format": "dc+sd-jwt", "challenge": need["challenge"], "presentation": presentation}
    status, _, answer = post(need["endpoint"], body, proof(key, need["endpoint"]))
    assert status == 200
    return str(answer["ticket"])


@pytest.mark.parametrize("program", GATEWAYS)
def test_a_revocation_ends_one_session_and_no_other(program: str, tmp_path: Path) -> None:
    with world_of(tmp_path, program) as world:
        url, body = world.origin + CHAT, {"model": "claude-3.5-opus"}
        tickets = {world.ada: admitted(world.ada, world.origin, ["citizenships"])}
        tickets[world.ben] = admitted(world.ben, world.origin, [])

        def ask(wallet: Path) -> tuple[int, str, str]:
            status, _, answer = post(url, body, proof(wallet_key(wallet), url, tickets[wallet]))
            return status, answer.get("reason"), answer.get("step")

        assert ask(world.ada)[0] == 200
        assert ask(world.ben)[:2] == (401, "citizenship_not_shown")
        run("identity_provider.py", "revoke", str(world.idp.folder), "Ben Example")
        end = time.monotonic() + SECONDS
        while ask(world.ben) != (403, "revoked", "V9"):
            assert time.monotonic() < end
            time.sleep(0.2)
        assert ask(world.ada)[0] == 200


@pytest.mark.parametrize("program", GATEWAYS)
def test_without_an_identity_provider_nobody_is_let_through_once_the_list_is_too_old(
    program: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        with identity_provider(tmp_path) as idp:
            (origin,) = stack.enter_context(serving(tmp_path, program, idp.origin))
            run("wallet.py", "new", str(tmp_path / "ada"))
            run("wallet.py", "receive", str(tmp_path / "ada"), idp.origin, idp.codes["Ada Example"])
            ticket_of(tmp_path / "ada", origin)
        before = until("503 status_list_stale", "wallet.py", "ask", str(tmp_path / "ada"), origin, "claude-3.5-opus")
        assert set(before) <= {"200 answered"}
        assert run("wallet.py", "ask", str(tmp_path / "ada"), origin, "gpt-4o") == "200 answered\n"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (CHAT, b"no JSON", 4),
        (CHAT, b"[]", 4),
        (CHAT, {}, 4),
        (CHAT, {"model": 1}, 4),
        (CHAT, {"model": None}, 4),
        (CHAT, {"model": ["gpt-4o"]}, 4),
        (CHAT, b"[" * 100_000, 4),
        ("/elsewhere", {"model": "gpt-4o"}, 4),
        (CHAT, {"model": "gpt-4o"}, 200),
        (CHAT, {"model": "deepseek-v3"}, 401),
        (CHAT, {"model": "deepseek-v4"}, 403),
        ("/citizenship", {"presentation": 1}, 403),
        ("/citizenship", {}, 401),
    ],
)
def test_the_gateway_answers_whatever_is_posted(world: World, path: str, body: Any, status: int) -> None:
    answered = post(world.origin + path, body)[0]
    assert status in (answered, answered // 100)


def test_the_gateway_refuses_a_body_of_two_megabytes_and_goes_on(world: World) -> None:
    body = json.dumps({"model": "gpt-4o", "x": " " * 2_000_000}).encode()
    try:
        status = post(world.origin + CHAT, body)[0]
    except (URLError, ConnectionError):  # it has answered and gone before all was written
        status = 413
    assert 400 <= status < 500
    assert post(world.origin + CHAT, {"model": "gpt-4o"})[0] == 200


def test_a_model_that_stands_twice_is_the_one_that_was_decided_on(world: World) -> None:
    # What decides and what would answer read the same document: the last one counts for both, or neither does.
    for last, good in (("gpt-4o", {200, 400, 422}), ("claude-3.5-opus", {401, 400, 422})):
        body = f'{{"model": "claude-3.5-opus", "model": "gpt-4o", "model": "{last}"}}'.encode()
        assert post(world.origin + CHAT, body)[0] in good


def test_the_gateway_of_the_standard_library_reads_no_more_than_it_must(tmp_path: Path) -> None:
    with identity_provider(tmp_path) as idp, serving(tmp_path, "gateway.py", idp.origin) as (origin,):
        for length in ("-1", "1048577", "9" * 5_000, "x", ""):
            assert post(origin + CHAT, b"", {"Content-Length": length})[0] == 413


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
