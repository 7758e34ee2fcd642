"""LiteLLM's proxy as a process of its own, models that are a server of the tests, and callers with tickets.

CITIZENID_INTEROP names the folder that `tests/interop/peers/install` has filled; without it these tests are skipped.
The proxy runs examples/litellm/citizenship.py as it is written there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import builders as b
import httpx
import pytest

from citizenid import ANY, Challenge, Citizenship, Country, Format, KeyPurpose, LocalKey, TrustAnchors
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusPublisher

ROOT: Final = Path(__file__).resolve().parent.parent.parent
MASTER_KEY: Final = "sk-only-for-the-tests-of-citizenid-0123456789"
SECONDS: Final = 90  # for the proxy to start: it loads for ten seconds on a quiet machine
POLICY: Final = """version = 1
[[rule]]
resource = "wild/up-free"
anyone = true
[[rule]]
resource = ["restricted", "wild/*", "bridged"]
citizenship = ["US"]
[[rule]]
resource = ["open", "failing", "stepping", "breaking", "routed", "azure"]
anyone = true
[[rule]]
resource = ["member", "member-failing", "busy"]
citizenship = ["US", "FR"]
"""
MODELS: Final = {
    "open": "openai/up-open",
    "member": "openai/up-member",
    "failing": "openai/up-fail-1",
    "member-failing": "openai/up-fail-2",
    "stepping": "openai/up-fail-3",
    "busy": "openai/up-fail-4",
    "breaking": "openai/up-break",
    "restricted": "openai/up-restricted",
    "unlisted": "openai/up-unlisted",
    "wild/*": "openai/*",
    "bridged": "openai/up-bridged",
    "routed": "openrouter/up-open",
    "azure": "azure/up-open",
}
SETTINGS: Final[dict[str, Any]] = {
    "fallbacks": [
        {"failing": ["restricted"]},
        {"member-failing": ["restricted"]},
        {"stepping": ["restricted", "open"]},
        {"busy": ["alias"]},
        {"breaking": ["restricted"]},
    ],
    "model_group_alias": {"alias": "restricted"},
    "num_retries": 0,
    "model_group_retry_policy": {"member-failing": {"RateLimitErrorRetries": 1}},
    "allowed_fails": 1_000,
    "enable_pre_call_checks": False,
}


class Upstream:
    """What answers for all models: as OpenAI would, or with 429 for one that is named so. It keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                form = re.search(rb'name="model"\r\n\r\n([^\r]*)', body)
                asked = {"model": form[1].decode()} if form else json.loads(body or b"{}")
                model = asked.get("model", "")
                upstream.asked.append(model)
                upstream.paths.append(self.path)
                upstream.headers.append({name.lower(): value for name, value in self.headers.items()})
                upstream.bodies.append(body)
                if "fail" in model:
                    error = {"error": {"message": "busy", "type": "rate_limit", "code": "429", "param": None}}
                    self.answer(429, "application/json", json.dumps(error).encode())
                elif asked.get("stream") and "break" in model:  # the connection ends before the first word
                    self.close_connection = True
                    self.answer(
                        200,
                        "text/event-stream",
                        _stream(model).replace(b"from ", b"").partition(b"\n\n")[0] + b"\n\n",
                        missing=200,
                    )
                elif asked.get("stream"):
                    self.answer(200, "text/event-stream", _stream(model))
                else:
                    kind = "audio/mpeg" if self.path.endswith("/speech") else "application/json"
                    self.answer(200, kind, json.dumps(_answer(self.path, model)).encode())

            def do_GET(self) -> None:
                self.answer(200, "application/json", b'{"object":"list","data":[]}')

            def answer(self, status: int, kind: str, body: bytes, *, missing: int = 0) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body) + missing))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def forget(self) -> None:
        for each in (self.asked, self.paths, self.headers, self.bodies):
            each.clear()


def _answer(path: str, model: str) -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    text = f"from {model}"
    if path.endswith("/embeddings"):
        data: list[Any] = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        return {"object": "list", "data": data, "model": model, "usage": usage}
    if path.endswith("/images/generations"):
        return {"created": 1, "data": [{"url": "https://image.example/1"}]}
    if path.endswith("/transcriptions"):
        return {"text": text}
    if path.endswith("/moderations"):
        return {"id": "m", "model": model, "results": [{"flagged": False, "categories": {}, "category_scores": {}}]}
    if path.endswith("/responses"):
        part = {"type": "output_text", "text": text, "annotations": []}
        message = {"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": [part]}
        counts = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        return {
            "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": model,
            "output": [message], "usage": counts, "parallel_tool_calls": False, "tools": [], "tool_choice": "auto",
        }  # fmt: skip
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}, "text": text}
    kind = "text_completion" if path.endswith("/v1/completions") else "chat.completion"
    return {"id": "x", "object": kind, "created": 1, "model": model, "choices": [choice], "usage": usage}


def _stream(model: str) -> bytes:
    pieces = [{"role": "assistant", "content": "from "}, {"content": model}, {}]
    lines = b""
    for number, delta in enumerate(pieces):
        choice = {"index": 0, "delta": delta, "finish_reason": "stop" if number == 2 else None}
        chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}
        lines += b"data: " + json.dumps(chunk).encode() + b"\n\n"
    return lines + b"data: [DONE]\n\n"


class Issuing:
    """An issuer, served as examples/identity_provider.py serves: its keys, and a status list of eight seconds."""

    def __init__(self) -> None:
        self.issuer = Issuer(identifier=b.ISSUER, key=b.key("issuer for litellm"))
        self._status_key = LocalKey.generate("Ed25519")
        issuing = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = issuing.served(self.path)
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.publisher = StatusPublisher(uri=f"{self.url}/status/1", size=64, bits=2)

    def served(self, path: str) -> tuple[str, bytes]:
        if path == "/status/1":
            token = self.publisher.publish(self._status_key, now=int(time.time()), ttl_s=8, expires_s=3_600)
            return "application/statuslist+jwt", token
        documents: dict[str, Any] = {
            "/.well-known/jwt-vc-issuer": {"issuer": b.ISSUER, "jwks": self.issuer.jwks()},
            "/status-jwks.json": {"keys": [self._status_key.public.to_jwk()]},
            "/status-lists": {"status_lists": [self.publisher.uri]},
        }
        return "application/json", json.dumps(documents[path]).encode()

    def credential(self, country: str, holder: LocalKey) -> tuple[Credential, Any]:
        status, now = self.publisher.allocate(), int(time.time())
        stated = prepare_attestation(
            Citizenship([Country(country)], [Country(country)]), issuer=b.ISSUER, holder_key=holder.public, now=now,
            lifetime_s=86_400 * 30, status=status, format=Format.SD_JWT_VC,
        )  # fmt: skip
        anchors = TrustAnchors.from_jwks(
            b.ISSUER, self.issuer.jwks(), purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_JWT_VC], types=[b.VCT],
            countries=ANY,
        )  # fmt: skip
        data = self.issuer.issue(stated, format=Format.SD_JWT_VC)
        return Credential.receive(data, format=Format.SD_JWT_VC, anchors=anchors, now=now), status


class Caller:
    """Somebody with an API key, a key of his own, and after `admit` a ticket."""

    def __init__(self, client: httpx.Client, origin: str, issuing: Issuing, country: str) -> None:
        self._client, self._origin = client, origin
        self._sender, self._holder = LocalKey.generate("ES256"), LocalKey.generate("ES256")
        self.ticket: str | None = None
        self.credential, self.status = issuing.credential(country, self._holder)

    def proof(self, method: str, path: str) -> str:
        now = int(time.time())
        return dpop_proof(self._sender, method=method, url=self._origin + path, ticket=self.ticket, now=now)

    def headers(self, method: str, path: str) -> list[tuple[str, str]]:
        headers = [("authorization", f"Bearer {MASTER_KEY}"), ("dpop", self.proof(method, path))]
        return headers if self.ticket is None else [*headers, ("citizenship-ticket", self.ticket)]

    def admit(self) -> None:
        """Go through admission over HTTP, as a wallet would."""
        asked = self._client.post("/citizenship", json={}, headers=self.headers("POST", "/citizenship"))
        assert asked.status_code == 401
        text = asked.json()["challenge"]
        challenge, now = Challenge.from_text(text), int(time.time())
        shown = self.credential.present(
            self.credential.disclosable, challenge=challenge, key=self._holder, peer=challenge.peer, now=now
        )
        body = {"format": "dc+sd-jwt", "challenge": text, "presentation": shown.decode()}
        admitted = self._client.post("/citizenship", json=body, headers=self.headers("POST", "/citizenship"))
        assert admitted.status_code == 200, admitted.text
        self.ticket = admitted.json()["ticket"]

    def post(self, path: str, **options: Any) -> httpx.Response:
        extra = options.pop("extra", [])
        return self._client.post(path, headers=[*self.headers("POST", path), *extra], **options)

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path, headers=self.headers("GET", path))

    def chat(self, model: Any, **members: Any) -> httpx.Response:
        extra = members.pop("extra", [])
        body = {"model": model, "messages": [{"role": "user", "content": "Who answers?"}], **members}
        return self.post("/v1/chat/completions", json=body, extra=extra)


class World:
    """The running proxy."""

    def __init__(self, origin: str, upstream: Upstream, issuing: Issuing, python: Path) -> None:
        self.origin, self.upstream, self.issuing, self.python = origin, upstream, issuing, python
        self.client = httpx.Client(base_url=origin, timeout=30, trust_env=False)
        self.us, self.fr = self.caller("US"), self.caller("FR")
        self.us.admit()
        self.fr.admit()

    def caller(self, country: str) -> Caller:
        return Caller(self.client, self.origin, self.issuing, country)


def _environment() -> Path:
    stated = os.environ.get("CITIZENID_INTEROP")
    if not stated:
        pytest.skip("CITIZENID_INTEROP is not set: it names the folder of tests/interop/peers/install")
    folder = Path(stated) / "litellm" / "bin"
    if not folder.is_dir():
        pytest.fail("CITIZENID_INTEROP has no folder litellm", pytrace=False)
    return folder


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Run the proxy until the end of the block."""
    programs, upstream, issuing = _environment(), Upstream(), Issuing()
    for each in (upstream, issuing):
        threading.Thread(target=each.server.serve_forever, daemon=True).start()
    shutil.copy(ROOT / "examples" / "litellm" / "citizenship.py", folder)
    (folder / "policy.toml").write_text(POLICY)
    models = [
        {"model_name": name, "litellm_params": {"model": model, "api_base": upstream.url, "api_key": "none"}}
        for name, model in MODELS.items()
    ]
    settings = {"callbacks": ["citizenship.guard"], "cache": True, "cache_params": {"type": "local"}}
    general = {"forward_client_headers_to_llm_api": True}  # what begins with `x-` goes on to the provider
    config = {
        "model_list": models, "litellm_settings": settings, "router_settings": SETTINGS, "general_settings": general,
    }  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    origin = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT / "src"),
        "LITELLM_MASTER_KEY": MASTER_KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False",
        "CITIZENSHIP_IDP": issuing.url, "CITIZENSHIP_ORIGIN": origin,
        "CITIZENSHIP_POLICY": str(folder / "policy.toml"),
    }  # fmt: skip
    command = [str(programs / "litellm"), "--config", str(folder / "config.yaml"), "--host", "127.0.0.1"]
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)], cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        running = None
        try:
            _wait(process, origin, folder / "proxy.log")
            running = World(origin, upstream, issuing, programs / "python")
            yield running
        finally:
            if running is not None:
                running.client.close()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for each in (upstream, issuing):
                each.server.shutdown()
                each.server.server_close()


def _wait(process: subprocess.Popen[bytes], origin: str, log: Path) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"the proxy ended: {log.read_text()[-2_000:]}", pytrace=False)
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(origin + "/health/liveliness", timeout=5, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    pytest.fail(f"the proxy did not start: {log.read_text()[-2_000:]}", pytrace=False)
