"""An identity provider over HTTP: issues to whoever proves his key, publishes its keys and a status list, and revokes.

    python examples/identity_provider.py serve FOLDER [PORT]    # prints its address, and a code for each person
    python examples/identity_provider.py revoke FOLDER NAME     # while it serves: both have the ledger open

FOLDER is made; a later start, at the same port, goes on with its keys, its ledger, and the names of who got what. Fit
for the loopback interface alone: HTTP without TLS, keys in a file, an issuer that is not where its name says.
"""

import asyncio
import json
import secrets
import socket
import sys
import time
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from jwt import PyJWTError
from openid4vc import Proofs

from citizenid import CitizenIDError, Citizenship, Country, Format, LocalKey, PublicKey, StatusReference
from citizenid.integrations.publish import StatusListApp
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusPublisher

ISSUER, SIZE, MAX_BODY_BYTES, DAY = "https://id.example", 100_000, 65_536, 86_400
PERSONS = {"Ada Example": ["US", "FR"], "Ben Example": ["FR"]}  # the evidence: who was checked, a citizen of what
FOLDER, app = Path(sys.argv[2]), FastAPI(openapi_url=None)


def issue(name: str, holder_key: PublicKey) -> str:
    status, countries = statuses.allocate(), [Country(code) for code in PERSONS[name]]
    with (FOLDER / "issued").open("a") as register:  # before it is signed: what nobody wrote down nobody can revoke
        print(json.dumps({"name": name, "uri": status.uri, "index": status.index}), file=register)
    attestation = prepare_attestation(
        Citizenship(countries, countries), issuer=ISSUER, holder_key=holder_key, now=int(time.time()) // DAY * DAY,
        lifetime_s=30 * DAY, status=status, format=Format.SD_JWT_VC, claims={"name": name},  # a second would link them
    )  # fmt: skip
    unsigned = issuer.prepare(attestation, format=Format.SD_JWT_VC)
    return unsigned.complete(signer.sign(unsigned.to_be_signed)).decode()  # an HSM is asked in the same way


def revoke(name: str) -> str | None:
    issued = [each for each in map(json.loads, (FOLDER / "issued").read_text().splitlines()) if each["name"] == name]
    for each in issued:
        ledger = StatusPublisher(uri=each["uri"], size=SIZE, path=FOLDER / "ledger")
        ledger.revoke(StatusReference(each["uri"], each["index"]), at=int(time.time()))
        ledger.close()
    print("revoked:", len(issued))
    return None if issued else f"nothing was issued to {name}"


@app.post("/nonce")
async def nonce() -> JSONResponse:
    return answer(200, c_nonce=proofs.nonce())


@app.post("/credential")
async def credential(request: Request) -> JSONResponse:
    body, (scheme, _, code) = b"", request.headers.get("authorization", "").partition(" ")
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return answer(413, error="invalid_credential_request")
    if scheme != "Bearer" or code not in codes:
        return answer(401, error="invalid_token")
    try:
        (proof,) = json.loads(body)["proofs"]["jwt"]
        holder_key = proofs.verify(proof)
    except (PyJWTError, CitizenIDError, ValueError, KeyError, TypeError, RecursionError):
        return answer(400, error="invalid_proof")
    issued = await asyncio.to_thread(issue, codes.pop(code), holder_key)  # the code is used up now
    return answer(200, credentials=[{"credential": issued}])


def answer(status: int, **members: object) -> JSONResponse:
    return JSONResponse(members, status, {"cache-control": "no-store"})


if sys.argv[1] == "revoke":
    raise SystemExit(revoke(sys.argv[3]))

listening = socket.create_server(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0))
origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
FOLDER.mkdir(mode=0o700, exist_ok=True)
if not (FOLDER / "keys").exists():
    made = [LocalKey.generate(algorithm).to_private_jwk() for algorithm in ("ES256", "Ed25519")]
    (FOLDER / "keys").write_text(json.dumps(made))
signer, status_signer = map(LocalKey.from_jwk, json.loads((FOLDER / "keys").read_text()))
issuer, proofs = Issuer(identifier=ISSUER, key=signer.public), Proofs(origin)
statuses = StatusPublisher(uri=f"{origin}/status/1", size=SIZE, path=FOLDER / "ledger")
codes = {secrets.token_urlsafe(32): name for name in PERSONS}

app.get("/.well-known/jwt-vc-issuer")(lambda: {"issuer": ISSUER, "jwks": issuer.jwks()})
app.get("/status-jwks.json")(lambda: {"keys": [status_signer.public.to_jwk()]})
# A ttl of an hour is usual. Verifiers fetch at half of it, and nobody wants to wait half an hour for an example.
app.mount("/", StatusListApp([statuses], key=status_signer, ttl_s=10, expires_s=DAY))
print(origin, *(f"{name}: {code}" for code, name in codes.items()), sep="\n", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])
