"""A gateway with FastAPI and uvicorn: the model stands in the JSON body, and is decided before an endpoint answers.

    python examples/gateway_fastapi.py IDP_URL [PORT]

IDP_URL is where examples/identity_provider.py serves; the rules are those of examples/policy.toml. Needs fastapi,
uvicorn and the extra `fetch`. Fit for the loopback interface alone: keys that are fetched without TLS are anybody's.
"""

import os
import socket
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import httpx
import uvicorn
from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

from citizenid import Country, Format, KeyPurpose, TrustAnchors
from citizenid.gateway import AdmissionPolicy, Allow, Gateway, MemoryReplayGuard
from citizenid.integrations.asgi import CitizenshipMiddleware, Deferred
from citizenid.integrations.fastapi import answer_refusals, require
from citizenid.integrations.fetch import FetchBounds, Reach, Source, StatusFetcher
from citizenid.status import StatusStore

IDP, ISSUER, CHAT = sys.argv[1], "https://id.example", "/v1/chat/completions"


class Chat(BaseModel):
    model: Annotated[str, Field(max_length=200)]


async def model_of(chat: Chat) -> str:
    return chat.model  # what the endpoint uses, and not what else of that name may stand in the body


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

listening = socket.create_server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0))
ORIGIN = f"http://127.0.0.1:{listening.getsockname()[1]}"  # configured, never taken from a request
gateway = Gateway(
    audience=ORIGIN, external_url=ORIGIN, anchors=anchors, replay=MemoryReplayGuard(), ticket_keys=[os.urandom(32)],
    policy=AdmissionPolicy.from_toml(Path(__file__).with_name("policy.toml").read_text("utf-8")), statuses=statuses,
)  # fmt: skip
api = FastAPI(openapi_url=None)
answer_refusals(api)  # and what FastAPI can neither use nor repeat


@api.post(CHAT)
async def complete(chat: Chat, allow: Annotated[Allow, Depends(require(gateway, resource=model_of))]) -> dict[str, Any]:
    return {"model": chat.model, "choices": []}  # here a model would answer


# The middleware serves the admission endpoint, refuses all other paths, and lets nothing out that was not decided.
app = CitizenshipMiddleware(
    api, gateway=gateway, renewal_path="/citizenship/renewal", sign_out_path="/citizenship/sign-out",
    resource=lambda scope: Deferred.TO_REQUIRE if scope["path"] == CHAT else None, undecided_body_bytes=1_048_576,
)  # fmt: skip
print(ORIGIN, flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])
