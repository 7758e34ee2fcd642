"""The callback that config.yaml names: a gateway for LiteLLM's proxy, with the rules of examples/policy.toml.

CITIZENSHIP_FOLDER is what examples/identity_provider.py published into, CITIZENSHIP_ORIGIN where clients reach the
proxy. For several workers: a `ValkeyReplayGuard`, and ticket keys from where you keep secrets.
"""

import os
import threading
import time
from pathlib import Path

from litellm.proxy import proxy_server

from citizenid import CitizenIDError, Country, Format, KeyPurpose, TrustAnchors
from citizenid.gateway import AdmissionPolicy, Gateway, MemoryReplayGuard
from citizenid.integrations.litellm import CitizenshipGuard, PerRequestReplayGuard
from citizenid.status import StatusStore

ISSUER, STATUS_LIST = "https://id.example", "https://id.example/status/1"
FOLDER, ORIGIN = Path(os.environ["CITIZENSHIP_FOLDER"]), os.environ["CITIZENSHIP_ORIGIN"]
POLICY = Path(os.environ.get("CITIZENSHIP_POLICY", Path(__file__).parent.with_name("policy.toml")))


def keep_fresh() -> None:
    """Take in the list as it stands. In a deployment: a `StatusFetcher` (citizenid.integrations.fetch)."""
    while True:
        try:
            token = (FOLDER / "status.jwt").read_bytes()
            statuses.ingest(STATUS_LIST, token, media_type="application/statuslist+jwt", now=int(time.time()))
        except (OSError, CitizenIDError) as error:  # the list that is held stays in force until it is too old
            print("status list not taken in:", error)
        time.sleep(0.5)


anchors = TrustAnchors.from_jwks(
    ISSUER, (FOLDER / "jwks.json").read_text(), purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_JWT_VC],
    types=["urn:citizenid:citizenship:1"], countries=[Country("US"), Country("FR")],
)  # fmt: skip
signers = TrustAnchors.from_jwks(ISSUER, (FOLDER / "status-jwks.json").read_text(), purpose=KeyPurpose.STATUS_LIST)
statuses = StatusStore(anchors=signers)
gateway = Gateway(
    audience=ORIGIN, external_url=ORIGIN, anchors=anchors, policy=AdmissionPolicy.from_toml(POLICY.read_text("utf-8")),
    ticket_keys=[os.urandom(32)], statuses=statuses, replay=PerRequestReplayGuard(MemoryReplayGuard()),
)  # fmt: skip
guard = CitizenshipGuard(gateway, proxy=proxy_server)
threading.Thread(target=keep_fresh, daemon=True).start()
