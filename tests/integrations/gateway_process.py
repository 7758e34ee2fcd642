"""A gateway in a process of its own, told by lines of JSON what to do; it answers each with a line of JSON.

    python gateway_process.py

The first line configures it. Bytes travel as hexadecimal.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from citizenid import ANY, Format, KeyPurpose, TrustAnchors
from citizenid.gateway import AdmissionPolicy, Admitted, Allow, Gateway, Request, SignedOut
from citizenid.integrations.valkey import FleetChange, FleetChannel, ValkeyReplayGuard, ValkeySignOuts, connect
from citizenid.status import StatusStore


def main() -> None:
    told = json.loads(sys.stdin.readline())
    secret, audience = bytes.fromhex(told["fleet_secret"]), told["audience"]
    client = connect(told["store"], timeout_s=1.0)
    guard = ValkeyReplayGuard(client, audience=audience, secret=secret, proof_life_s=told["proof_life_s"], pause_s=0.05)
    sign_outs = ValkeySignOuts(client, audience=audience, secret=secret)
    changes: list[str] = []
    anchors = TrustAnchors.from_jwks(
        told["issuer"], told["jwks"], purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_JWT_VC],
        types=[told["type"]], countries=ANY,
    )  # fmt: skip
    signers = TrustAnchors.from_jwks(told["issuer"], told["status_jwks"], purpose=KeyPurpose.STATUS_LIST)
    gateway = Gateway(
        audience=audience, external_url=audience, anchors=anchors, policy=AdmissionPolicy.from_toml(told["policy"]),
        ticket_keys=[bytes.fromhex(told["ticket_key"])], statuses=StatusStore(anchors=signers), replay=guard,
        sign_outs=sign_outs,
    )  # fmt: skip

    def reload(change: FleetChange, digest: bytes) -> None:
        policy = AdmissionPolicy.from_toml(Path(told["policy_file"]).read_text("utf-8"))
        if policy.digest == digest:  # the file may be older than the message
            gateway.reload(policy=policy)
            changes.append(change.name)

    channel = FleetChannel(client, audience=audience, secret=secret, reload=reload)
    sign_outs.start()
    channel.start()
    say({"ready": True})
    for line in sys.stdin:
        say(obey(json.loads(line), gateway, sign_outs, changes))
    sign_outs.close()
    channel.close()


def obey(told: dict[str, Any], gateway: Gateway, sign_outs: ValkeySignOuts, changes: list[str]) -> dict[str, Any]:
    if told["do"] == "ingest":
        body = bytes.fromhex(told["body"])
        gateway.statuses.ingest(told["uri"], body, media_type="application/statuslist+jwt", now=told["now"])  # type: ignore[union-attr]
        return {}
    if told["do"] == "challenge":
        return {"challenge": gateway.challenge(sender=bytes.fromhex(told["sender"])).to_text()}
    if told["do"] == "revoke session":
        gateway.revoke_session(bytes.fromhex(told["session"]))
        return {}
    if told["do"] == "signed out":
        return {"contains": sign_outs.contains(bytes.fromhex(told["session"])), "stale": sign_outs.stale}
    if told["do"] == "changes":
        return {"changes": changes}
    headers = [(name.encode(), value.encode()) for name, value in told["headers"]]
    request = Request("POST", told["url"], headers)
    if told["do"] == "admit":
        data = bytes.fromhex(told["presentation"])
        result: Any = gateway.admit(data, format=Format.SD_JWT_VC, challenge=told["challenge"], request=request)
        if type(result) is Admitted:
            return {"ticket": result.ticket}
    elif told["do"] == "sign out":
        result = gateway.sign_out(request)
        if type(result) is SignedOut:
            return {"session": result.session_id.hex()}
    else:
        result = gateway.authorize(request, resource=told["resource"])
        if type(result) is Allow:
            return {"allow": True}
    return {"reason": str(getattr(result, "reason", type(result).__name__)), "status": result.http().status}


def say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201  # a program


if __name__ == "__main__":
    main()
