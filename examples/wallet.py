"""A wallet: keeps a key and a credential, shows no more than it is asked for, and proves that the key is its own.

    python examples/wallet.py new FOLDER                    # makes the folder, and a key in it
    python examples/wallet.py receive FOLDER IDP_URL CODE   # from examples/identity_provider.py, which prints codes
    python examples/wallet.py ask FOLDER GATEWAY_URL MODEL  # asks a gateway of these examples for a model

The first request costs a presentation, which yields a ticket. Each later one is a single trip with a fresh proof. Fit
for the loopback interface alone: HTTP without TLS does not say who answers, and the key lies in a file.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from openid4vc import chosen, prove

from citizenid import ANY, Challenge, Format, LocalKey, TrustAnchors
from citizenid.holder import Credential, dpop_proof

ISSUER, TYPE = "https://id.example", "urn:citizenid:citizenship:1"
MAY_BE_SHOWN = {"citizenships", "nationalities", "nationalities_complete"}  # whatever else is asked for
HTTP = httpx.Client(trust_env=False, timeout=10)  # follows no redirect


def new(folder: Path) -> None:
    folder.mkdir(mode=0o700)  # a real wallet has a safer place for its key
    (folder / "key").write_text(json.dumps(LocalKey.generate("ES256").to_private_jwk()))


def receive(folder: Path, idp: str, code: str) -> None:
    nonce = HTTP.post(idp + "/nonce").raise_for_status().json()["c_nonce"]
    proofs = {"jwt": [prove(key_of(folder), audience=idp, nonce=nonce)]}
    answer = HTTP.post(idp + "/credential", json={"proofs": proofs}, headers={"Authorization": f"Bearer {code}"})
    if answer.status_code != 200:
        raise SystemExit(f"{answer.status_code} {answer.json()['error']}")
    (folder / "issuer").write_text(HTTP.get(idp + "/.well-known/jwt-vc-issuer").raise_for_status().text)
    (folder / "credential").write_text(answer.json()["credentials"][0]["credential"])
    for path, value in credential_of(folder).disclosable.items():
        print("may be withheld:", ".".join(map(str, path)), "=", value)


def key_of(folder: Path) -> LocalKey:
    return LocalKey.from_jwk(json.loads((folder / "key").read_text()))


def credential_of(folder: Path) -> Credential:
    anchors = TrustAnchors.from_issuer_metadata(  # a wallet checks what it was given, too
        (folder / "issuer").read_text(), issuer=ISSUER, formats=[Format.SD_JWT_VC], types=[TYPE], countries=ANY
    )
    data = (folder / "credential").read_text()
    return Credential.receive(data, format=Format.SD_JWT_VC, anchors=anchors, now=int(time.time()))


def ask(folder: Path, origin: str, model: str) -> None:
    kept, url, body, key = folder / "tickets", origin + "/v1/chat/completions", {"model": model}, key_of(folder)
    tickets = json.loads(kept.read_text()) if kept.exists() else {}  # each is shown to the gateway that gave it alone
    status, answer = post(url, body, key, tickets.get(origin))
    if status == 401 and "challenge" in answer and "dcql_query" in answer:
        print("asked for a presentation:", answer["reason"])
        if not answer["endpoint"].startswith(origin + "/"):
            raise SystemExit("the gateway names an endpoint elsewhere: nothing is shown")
        presentation = present(credential_of(folder), answer, key, origin)
        shown = {"format": "dc+sd-jwt", "challenge": answer["challenge"], "presentation": presentation}
        status, answer = post(answer["endpoint"], shown, key)
        if status == 200:
            kept.write_text(json.dumps(tickets | {origin: answer["ticket"]}))
            status, answer = post(url, body, key, answer["ticket"])
    print(status, answer.get("reason", "answered"))


def post(url: str, body: object, key: LocalKey, ticket: str | None = None) -> tuple[int, Any]:
    nonce = None
    while True:
        proof = dpop_proof(key, method="POST", url=url, ticket=ticket, now=int(time.time()), nonce=nonce)
        headers = {"DPoP": proof} if ticket is None else {"DPoP": proof, "Citizenship-Ticket": ticket}
        answer = HTTP.post(url, json=body, headers=headers)
        if nonce is not None or 'error="use_dpop_nonce"' not in answer.headers.get("WWW-Authenticate", ""):
            return answer.status_code, answer.json()
        nonce = answer.headers["DPoP-Nonce"]  # once more, with what the gateway wants in it (RFC 9449 section 8)


def present(credential: Credential, asked: dict[str, Any], key: LocalKey, origin: str) -> str:
    shown = chosen(credential, asked["dcql_query"]["credentials"], may_be_shown=MAY_BE_SHOWN)
    if not shown:
        raise SystemExit("there is nothing here that is asked for: nothing is shown")
    print("shown:", shown)
    challenge = Challenge.from_text(asked["challenge"])
    # `peer` is whom this wallet is connected to. A challenge that somebody else passes on is not answered.
    return credential.present(shown, challenge=challenge, key=key, peer=origin, now=int(time.time())).decode()


if __name__ == "__main__":
    with HTTP:
        {"new": new, "receive": receive, "ask": ask}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
