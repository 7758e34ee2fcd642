"""A verifier's fetcher beside an issuer's publishing app, in one process over HTTP on the loopback interface.

    python examples/status_fetcher.py

Needs the extras `fetch` and `zstd`. In a deployment the app runs under a server of the issuer's choice, and the fetcher
beside the gateway: `StatusFetcher(gateway.statuses, [Source("https://id.example/status-lists")]).run(stop)`. The few
lines of `http.server` here stand for that server, because the library brings none.
"""

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from citizenid import KeyPurpose, LocalKey, TrustAnchors
from citizenid.integrations.fetch import FetchBounds, Reach, Source, StatusFetcher
from citizenid.integrations.publish import StatusListApp
from citizenid.status import StatusPublisher, StatusStore


class Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path, _, query = self.path.encode("ascii").partition(b"?")
        headers = [(name.encode("latin-1").lower(), value.encode("latin-1")) for name, value in self.headers.items()]
        scope = {"type": "http", "method": "GET", "path": path.decode(), "raw_path": path, "query_string": query}
        asyncio.run(app(scope | {"headers": headers}, self.receive, self.send))

    async def receive(self) -> Any: ...

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.send_response(message["status"])
            for name, value in message["headers"]:
                self.send_header(name.decode("ascii"), value.decode("ascii"))
            self.end_headers()
        else:
            self.wfile.write(message["body"])

    def log_message(self, *_: object) -> None: ...


# The issuer: two lists, their signer, and the app that publishes them with their aggregation.
server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
origin = f"http://127.0.0.1:{server.server_port}"
publishers = [StatusPublisher(uri=f"{origin}/status/{number}", size=1_000_000) for number in (1, 2)]
key = LocalKey.generate("Ed25519")
app = StatusListApp(publishers, key=key, ttl_s=3_600, expires_s=86_400)
threading.Thread(target=server.serve_forever, daemon=True).start()

# The verifier: a store, and a fetcher that asks for everything the issuer has. LOOPBACK is for this example alone.
keys = {"keys": [key.public.to_jwk()]}
store = StatusStore(anchors=TrustAnchors.from_jwks("https://id.example", keys, purpose=KeyPurpose.STATUS_LIST))
hour = 0
fetcher = StatusFetcher(
    store, [Source(f"{origin}/status-lists")], reach=Reach.LOOPBACK, bounds=FetchBounds(jitter_s=0, interval_s=0),
    clock=lambda: time.time() + hour,
)  # fmt: skip


def refresh(when: str) -> None:
    for fetched in fetcher.refresh():
        size = "under 1 kB" if fetched.wire_bytes < 1_000 else "over 1 kB"
        print(f"{when}: {fetched.uri.removeprefix(origin)} {fetched.result}, {size}")
    status = store.check(reference, issuer="https://id.example", now=int(time.time() + hour))
    print(f"{when}: {status!r}")


reference = publishers[0].allocate()
refresh("at the start")
publishers[0].revoke(reference)
time.sleep(1.1)  # changes of one second are published together
hour = 1_801  # half of the ttl is over for the verifier: its lists are due
refresh("half an hour later")
fetcher.close()
server.shutdown()
server.server_close()
