"""The publishing app, asked as a server asks it: without one, and with a clock of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import builders as b

from citizenid import KeyPurpose, TrustAnchors
from citizenid.integrations.publish import StatusListApp
from citizenid.status import IdentifierPublisher, StatusPublisher, StatusStore, VerifiedStatusList, verify_status_list

URI: Final = "https://id.example/status/1"
IDENTIFIERS_URI: Final = "https://id.example/identifiers"
KEY: Final = b.key("publisher", "Ed25519")
TTL_S: Final = 3_600
JWT: Final = "application/statuslist+jwt"
CWT: Final = "application/statuslist+cwt"
IDENTIFIERS: Final = "application/identifierlist+cwt"


def signers(**members: str) -> TrustAnchors:
    """Trust KEY for status lists."""
    jwk = {**KEY.public.to_jwk(), **members}
    return TrustAnchors.from_jwks(b.ISSUER, {"keys": [jwk]}, purpose=KeyPurpose.STATUS_LIST)


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str | None:
        return self.headers.get("content-type")


class World:
    """A list and an identifier list of one issuer, their app, and a store of a verifier."""

    def __init__(self, **options: Any) -> None:
        self.now = b.NOW
        self.publisher = StatusPublisher(uri=URI, size=options.pop("size", 100_000), path=options.pop("ledger", None))
        self.identifiers = IdentifierPublisher(uri=IDENTIFIERS_URI)
        told: dict[str, Any] = {"key": KEY, "ttl_s": TTL_S, "expires_s": 86_400, "clock": lambda: self.now}
        self.app = StatusListApp([self.publisher, self.identifiers], **(told | options))
        self.store = StatusStore(anchors=signers())

    def ask(self, path: str = "/status/1", method: str = "GET", query: bytes = b"", **fields: str) -> Response:
        headers = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items()]
        return self.ask_raw(path, method, query, headers)

    def ask_raw(self, path: str, method: str, query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Response:
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query,
            "headers": list(headers),
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> Any:
            raise AssertionError("a request for a list has no body that anybody reads")

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        start, body = sent
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        assert len(told) == len(start["headers"])
        return Response(start["status"], told, body["body"])

    def ingest(self, response: Response, uri: str = URI) -> None:
        self.store.ingest(uri, response.body, media_type=response.headers["content-type"], now=self.now)

    def read(self, response: Response, uri: str = URI) -> VerifiedStatusList:
        """Verify what was served, as of when it began."""
        kind = response.headers["content-type"]
        return verify_status_list(response.body, uri=uri, media_type=kind, anchors=signers(), now=self.now)
