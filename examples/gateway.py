"""A gateway over plain HTTP with the standard library: 401 with a challenge, an admission endpoint, a protected path.

    python examples/gateway.py IDP_URL [PORT]

IDP_URL is where examples/identity_provider.py serves; the rules are those of examples/policy.toml. Needs the extra
`fetch`. Fit for the loopback interface alone: keys that are fetched without TLS are anybody's.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from citizenid import Country, Format, KeyPurpose, TrustAnchors
from citizenid.gateway import AdmissionPolicy, Allow, Answer, Gateway, MemoryReplayGuard, Request
from citizenid.integrations.fetch import FetchBounds, Reach, Source, StatusFetcher
from citizenid.status import StatusStore

IDP, ISSUER, MAX_BODY_BYTES = sys.argv[1], "https://id.example", 1_048_576


class Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal() and len(length) < 8 and int(length) <= MAX_BODY_BYTES):
            self.send_error(413)
            return
        body = self.rfile.read(int(length))
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        answer = decide(Request("POST", ORIGIN + self.path, headers), self.path, body)
        self.send_response(answer.status)
        for name, value in (*answer.headers, (b"content-length", b"%d" % len(answer.body))):
            self.send_header(name.decode("latin-1"), value.decode("latin-1"))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None: ...  # a request line may carry what is nobody's business


def decide(request: Request, path: str, body: bytes) -> Answer:
    if path == "/citizenship":
        return gateway.admit_http(request, body)
    try:
        model = json.loads(body)["model"] if path == "/v1/chat/completions" else None
    except (ValueError, TypeError, KeyError, RecursionError):
        model = None
    if not isinstance(model, str):
        return Answer(404, (), b"")
    result = gateway.authorize(request, resource=model)
    return Answer(200, (), b'{"choices":[]}') if type(result) is Allow else result.http()  # here a model would answer


# Whom to trust: the keys that the identity provider publishes, for this type and for citizens of this country.
anchors = TrustAnchors.from_issuer_metadata(
    httpx.get(f"{IDP}/.well-known/jwt-vc-issuer", trust_env=False).raise_for_status().content, issuer=ISSUER,
    formats=[Format.SD_JWT_VC], types=["urn:citizenid:citizenship:1"], countries=[Country("US")],
)  # fmt: skip
status_keys = httpx.get(f"{IDP}/status-jwks.json", trust_env=False).raise_for_status().content
statuses = StatusStore(anchors=TrustAnchors.from_jwks(ISSUER, status_keys, purpose=KeyPurpose.STATUS_LIST))
# Lists are fetched beside the gateway and never by it. Elsewhere neither LOOPBACK nor these bounds are of use.
bounds = FetchBounds(jitter_s=0, interval_s=1)
fetcher = StatusFetcher(statuses, [Source(f"{IDP}/status-lists")], reach=Reach.LOOPBACK, bounds=bounds)
fetcher.refresh()
threading.Thread(target=fetcher.run, args=[threading.Event()], kwargs={"pause_s": 1.0}, daemon=True).start()

policy = AdmissionPolicy.from_toml(Path(__file__).with_name("policy.toml").read_text("utf-8"))
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
ORIGIN = f"http://127.0.0.1:{server.server_port}"  # configured, never taken from a request
gateway = Gateway(
    audience=ORIGIN, external_url=ORIGIN, anchors=anchors, policy=policy,
    ticket_keys=[os.urandom(32)], statuses=statuses, replay=MemoryReplayGuard(),
)  # fmt: skip
print(ORIGIN, flush=True)
server.serve_forever()
