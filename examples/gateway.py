"""A gateway over plain HTTP on the loopback interface: 401 with a challenge, an admission endpoint, a protected path.

    python examples/gateway.py FOLDER [PORT]

FOLDER is what examples/identity_provider.py published into; the rules are those of examples/policy.toml.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from citizenid import CitizenIDError, Country, Format, KeyPurpose, TrustAnchors
from citizenid.gateway import AdmissionPolicy, Allow, Answer, Gateway, MemoryReplayGuard, Request
from citizenid.status import StatusStore

ISSUER, STATUS_LIST, MAX_BODY_BYTES = "https://id.example", "https://id.example/status/1", 1_048_576


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
    fetch_status_list()
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


def fetch_status_list() -> None:
    """Take in the list as it stands. In a deployment: fetch what `statuses.due(now)` names, every few seconds."""
    try:
        token = (FOLDER / "status.jwt").read_bytes()
        statuses.ingest(STATUS_LIST, token, media_type="application/statuslist+jwt", now=int(time.time()))
    except (OSError, CitizenIDError) as error:  # the list that is held stays in force until it is too old
        print("status list not taken in:", error, file=sys.stderr)


FOLDER = Path(sys.argv[1])
jwks, status_jwks = (FOLDER / "jwks.json").read_text(), (FOLDER / "status-jwks.json").read_text()
anchors = TrustAnchors.from_jwks(
    ISSUER, jwks, purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_JWT_VC],
    types=["urn:citizenid:citizenship:1"], countries=[Country("US")],
)  # fmt: skip
policy = AdmissionPolicy.from_toml(Path(__file__).with_name("policy.toml").read_text("utf-8"))
statuses = StatusStore(anchors=TrustAnchors.from_jwks(ISSUER, status_jwks, purpose=KeyPurpose.STATUS_LIST))
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
ORIGIN = f"http://127.0.0.1:{server.server_port}"  # configured, never taken from a request
gateway = Gateway(
    audience=ORIGIN, external_url=ORIGIN, anchors=anchors, policy=policy,
    ticket_keys=[os.urandom(32)], statuses=statuses, replay=MemoryReplayGuard(),
)  # fmt: skip
print(ORIGIN, flush=True)
server.serve_forever()
