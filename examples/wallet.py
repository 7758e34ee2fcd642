"""A wallet: it keeps a key and a credential, shows one citizenship of two, and proves that the key is its own.

    python examples/wallet.py new FOLDER            # makes the key; examples/identity_provider.py issues for it
    python examples/wallet.py ask FOLDER URL MODEL  # asks the gateway of examples/gateway.py for a model

The first request costs a presentation, which yields a ticket. Each later one is a single trip with a fresh proof.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from citizenid import ANY, Challenge, Format, KeyPurpose, LocalKey, TrustAnchors
from citizenid.holder import Credential, dpop_proof


def new(folder: Path) -> None:
    key = LocalKey.generate("ES256")
    (folder / "wallet.jwk").write_text(json.dumps(key.to_private_jwk()))  # a real wallet has a safer place
    (folder / "holder.jwk").write_text(json.dumps(key.public.to_jwk()))


def post(origin: str, path: str, body: dict[str, str], key: LocalKey, ticket: str | None = None) -> tuple[int, Any]:
    proof = dpop_proof(key, method="POST", url=origin + path, ticket=ticket, now=int(time.time()))
    headers = {"DPoP": proof} if ticket is None else {"DPoP": proof, "Citizenship-Ticket": ticket}
    with closing(HTTPConnection(origin.removeprefix("http://"), timeout=10)) as connection:  # follows no redirect
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.load(answer)


def present(folder: Path, key: LocalKey, challenge: str, origin: str) -> str:
    anchors = TrustAnchors.from_jwks(  # a wallet checks what it was given, too
        "https://id.example",
        (folder / "jwks.json").read_text(),
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=["urn:citizenid:citizenship:1"],
        countries=ANY,
    )
    now = int(time.time())
    data = (folder / "credential.sd-jwt").read_bytes()
    credential = Credential.receive(data, format=Format.SD_JWT_VC, anchors=anchors, now=now)
    for path, value in credential.disclosable.items():
        print("may be withheld:", ".".join(map(str, path)), "=", value)
    shown = [path for path, value in credential.disclosable.items() if path[0] == "citizenships" and value == "US"]
    print("shown:", shown)
    # `peer` is whom this wallet is connected to. A challenge that somebody else passes on is not answered.
    return credential.present(shown, challenge=Challenge.from_text(challenge), key=key, peer=origin, now=now).decode()


def ask(folder: Path, origin: str, model: str) -> None:
    key = LocalKey.from_jwk(json.loads((folder / "wallet.jwk").read_text()))
    kept, path = folder / "ticket", "/v1/chat/completions"
    ticket = kept.read_text() if kept.exists() else None
    status, answer = post(origin, path, {"model": model}, key, ticket)
    if status == 401 and "challenge" in answer:
        print("asked for a presentation:", answer["reason"])
        if not answer["endpoint"].startswith(origin + "/"):
            raise SystemExit("the gateway names an endpoint elsewhere: nothing is shown")
        presentation = present(folder, key, answer["challenge"], origin)
        body = {"format": "dc+sd-jwt", "challenge": answer["challenge"], "presentation": presentation}
        status, answer = post(origin, answer["endpoint"].removeprefix(origin), body, key)
        if status == 200:
            kept.write_text(answer["ticket"])
            status, answer = post(origin, path, {"model": model}, key, answer["ticket"])
    print(status, answer.get("reason", "answered"))


if __name__ == "__main__":
    if sys.argv[1] == "new":
        new(Path(sys.argv[2]))
    else:
        ask(Path(sys.argv[2]), *sys.argv[3:5])
