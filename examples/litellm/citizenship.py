"""The callback that config.yaml names: a gateway for LiteLLM's proxy, with the rules of examples/policy.toml.

CITIZENSHIP_IDP is where examples/identity_provider.py serves, CITIZENSHIP_ORIGIN where clients reach the proxy. For
several workers: a `ValkeyReplayGuard` asked in threads (`runs=`), and ticket keys from where secrets are kept. As
examples/gateway.py, fit for the loopback interface alone.
"""

import os
import threading
from pathlib import Path

import httpx
from litellm.proxy import proxy_server

from citizenid import Country, Format, KeyPurpose, TrustAnchors
from citizenid.gateway import AdmissionPolicy, Gateway, MemoryReplayGuard
from citizenid.integrations.fetch import FetchBounds, Reach, Source, StatusFetcher
from citizenid.integrations.litellm import CitizenshipGuard, PerRequestReplayGuard
from citizenid.status import StatusStore

IDP, ORIGIN, ISSUER = os.environ["CITIZENSHIP_IDP"], os.environ["CITIZENSHIP_ORIGIN"], "https://id.example"
POLICY = Path(os.environ.get("CITIZENSHIP_POLICY", Path(__file__).parent.with_name("policy.toml")))

anchors = TrustAnchors.from_issuer_metadata(
    httpx.get(f"{IDP}/.well-known/jwt-vc-issuer", trust_env=False).raise_for_status().content, issuer=ISSUER,
    formats=[Format.SD_JWT_VC], types=["urn:citizenid:citizenship:1"], countries=[Country("US"), Country("FR")],
)  # fmt: skip
status_keys = httpx.get(f"{IDP}/status-jwks.json", trust_env=False).raise_for_status().content
statuses = StatusStore(anchors=TrustAnchors.from_jwks(ISSUER, status_keys, purpose=KeyPurpose.STATUS_LIST))
bounds = FetchBounds(jitter_s=0, interval_s=1)
fetcher = StatusFetcher(statuses, [Source(f"{IDP}/status-lists")], reach=Reach.LOOPBACK, bounds=bounds)
fetcher.refresh()
threading.Thread(target=fetcher.run, args=[threading.Event()], kwargs={"pause_s": 1.0}, daemon=True).start()

gateway = Gateway(
    audience=ORIGIN, external_url=ORIGIN, anchors=anchors, policy=AdmissionPolicy.from_toml(POLICY.read_text("utf-8")),
    ticket_keys=[os.urandom(32)], statuses=statuses, replay=PerRequestReplayGuard(MemoryReplayGuard()),
)  # fmt: skip
guard = CitizenshipGuard(gateway, proxy=proxy_server)
