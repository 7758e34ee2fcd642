"""The examples of RFC 9449: four proofs by one key, and what the figures around them say.

The RFC has no negative vectors; here each proof is also held against everything that it was not made for. The nonce
exchanges of sections 8 and 9 print shortened tokens, which cannot be proofs and are refused as such.

Spec: RFC 9449 sections 4.1 to 4.3, 6.1, 7.1; RFC 7638.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import pytest

from citizenid import CitizenIDError, Format, MalformedError, PublicKey, Reason, UnixTime, VerificationError
from citizenid._limits import DEFAULT_LIMITS
from citizenid._wire import base64url
from citizenid.gateway.proofs import ProofRules, SenderKeys, SenderProof, check_dpop, unverified_sender
from citizenid.verifier import open_presentation

FOLDER: Final = "dpop"
PROOFS: Final = ("01.txt", "04.txt", "06.txt", "11.txt")
JKT: Final = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
MAX_AGE_S: Final = 60
SHORTENED: Final = ("18.txt", "19.txt", "20.txt", "21.txt")
USED: Final = {*PROOFS, *SHORTENED, "03.txt", "05.txt", "07.txt", "08.txt", "09.txt", "12.txt", "INDEX.json"}
_SERVER: Final = "an answer of an authorization or resource server: no part of the sender proof of a ticket"
PROSE: Final = {
    "00.txt": "a picture of the flow",
    "02.txt": "ABNF of the header field",
    "10.txt": "ABNF of the Authorization scheme, which a ticket does not use",
    "13.txt": _SERVER,
    "14.txt": _SERVER,
    "15.txt": _SERVER,
    "16.txt": _SERVER,
    "17.txt": _SERVER,
    "22.txt": "the parameter dpop_jkt of the authorization endpoint: there is none here",
    "SOURCE.txt": "where the files come from",
}


def index(vectors: Path) -> dict[str, dict[str, Any]]:
    entries = json.loads((vectors / FOLDER / "INDEX.json").read_bytes())
    return {entry["file"]: entry for entry in entries}


def figure(vectors: Path, file: str) -> str:
    return (vectors / FOLDER / file).read_text("utf-8")


def entry_of(vectors: Path, file: str) -> dict[str, Any]:
    entry = index(vectors)[file]
    (proof,) = entry["dpop"]
    return {**proof, "ticket": entry["access_token"].encode() if "access_token" in entry else None}


def rules(origin: str) -> ProofRules:
    return ProofRules(origin, MAX_AGE_S, DEFAULT_LIMITS, SenderKeys(4))


def check(vectors: Path, file: str, **changes: Any) -> SenderProof:
    """Check a published proof as what it was made for, with `changes`."""
    entry = entry_of(vectors, file)
    payload = entry["payload"]
    origin, _, path = payload["htu"].rpartition("/")
    arguments: dict[str, Any] = {
        "method": payload["htm"],
        "url": f"{origin}/{path}",
        "ticket": entry["ticket"],
        "rules": rules(origin),
        "not_before": 0,
        "now": UnixTime(payload["iat"]),
    }
    return check_dpop(changes.pop("proof", entry["jwt"].encode()), **(arguments | changes))


def test_every_file_is_used_or_has_a_reason(vectors: Path) -> None:
    assert {path.name for path in (vectors / FOLDER).iterdir()} == USED | PROSE.keys()
    assert not USED & PROSE.keys()


@pytest.mark.parametrize("file", PROOFS)
def test_proof(vectors: Path, file: str) -> None:
    entry = entry_of(vectors, file)
    proof = check(vectors, file)
    assert base64url.encode_text(proof.thumbprint) == entry["jkt"] == JKT
    jti = entry["payload"]["jti"].encode()
    assert proof.token == (jti if len(jti) < 32 else hashlib.sha256(jti).digest())
    assert proof.lifetime_s > MAX_AGE_S + DEFAULT_LIMITS.clock_skew_s
    assert unverified_sender(entry["jwt"].encode(), DEFAULT_LIMITS) == proof.thumbprint


@pytest.mark.parametrize("file", PROOFS)
def test_figure_is_the_proof_of_the_index(vectors: Path, file: str) -> None:
    folded = figure(vectors, file).partition("DPoP: ")[2]
    assert folded.replace("\\\n ", "").split()[0] == entry_of(vectors, file)["jwt"]


@pytest.mark.parametrize(("file", "proof"), [("03.txt", "01.txt"), ("12.txt", "11.txt")])
def test_figure_is_what_the_proof_says(vectors: Path, file: str, proof: str) -> None:
    header, payload = (json.loads(part) for part in figure(vectors, file).split("\n.\n"))
    signed = entry_of(vectors, proof)["jwt"].split(".")
    assert json.loads(base64url.decode_text(signed[0], "")) == header
    assert json.loads(base64url.decode_text(signed[1], "")) == payload


def test_thumbprint_stands_in_the_token_that_is_bound(vectors: Path) -> None:
    """Section 6.1: `cnf.jkt` of an access token is what a ticket keeps of its sender."""
    token = index(vectors)["07.txt"]["other_jwt"][0]
    assert figure(vectors, "07.txt").replace("\\\n", "").strip() == token["jwt"]
    claims = json.loads(figure(vectors, "08.txt"))
    assert json.loads(base64url.decode_text(token["jwt"].split(".")[1], "")) == claims == token["payload"]
    introspected = json.loads(figure(vectors, "09.txt").partition("\n\n")[2])
    key = PublicKey.from_jwk(entry_of(vectors, "01.txt")["header"]["jwk"])
    for stated in (claims, introspected):
        assert base64url.decode_text(stated["cnf"]["jkt"], "") == key.thumbprint


def test_ath_is_over_the_token_as_sent(vectors: Path) -> None:
    entry = index(vectors)["11.txt"]
    issued = json.loads(figure(vectors, "05.txt").partition("\n\n")[2])
    assert issued["access_token"] == entry["access_token"]
    assert base64url.encode_text(hashlib.sha256(entry["access_token"].encode()).digest()) == entry["ath"]
    assert entry["dpop"][0]["payload"]["ath"] == entry["ath"]


@pytest.mark.parametrize("file", PROOFS)
@pytest.mark.parametrize(
    ("late_s", "not_before", "reason"),
    [
        (-31, 0, Reason.PROOF_IN_FUTURE),
        (-30, 0, None),
        (MAX_AGE_S, 0, None),
        (MAX_AGE_S + 1, 0, Reason.PROOF_STALE),
        (0, 0, None),
        (0, 1, Reason.PROOF_STALE),
    ],
)
def test_proof_at_its_edges_of_time(
    vectors: Path, file: str, late_s: int, not_before: int, reason: Reason | None
) -> None:
    issued_at = entry_of(vectors, file)["payload"]["iat"]
    times = {"now": UnixTime(issued_at + late_s), "not_before": issued_at + not_before}
    if reason is None:
        check(vectors, file, **times)
        return
    with pytest.raises(VerificationError) as caught:
        check(vectors, file, **times)
    assert caught.value.reason is reason


@pytest.mark.parametrize("file", PROOFS)
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "post"}, Reason.PROOF_METHOD_MISMATCH),
        ({"method": "PUT"}, Reason.PROOF_METHOD_MISMATCH),
        ({"url": "https://server.example.com/token/"}, Reason.PROOF_URL_MISMATCH),
        ({"url": "https://server.example.com/"}, Reason.PROOF_URL_MISMATCH),
        ({"rules": rules("https://server.example.org")}, Reason.PROOF_URL_MISMATCH),
        ({"rules": rules("http://server.example.com")}, Reason.PROOF_URL_MISMATCH),
        ({"ticket": b"another"}, None),
    ],
)
def test_proof_for_something_else(vectors: Path, file: str, changes: dict[str, Any], reason: Reason | None) -> None:
    if reason is None:  # a token that `ath` does not name; without `ath` the claim is missing
        reason = Reason.PROOF_TICKET_MISMATCH if file == "11.txt" else Reason.CLAIM_MISSING
    with pytest.raises(VerificationError) as caught:
        check(vectors, file, **changes)
    assert caught.value.reason is reason


def test_proof_with_ath_where_no_token_is_sent(vectors: Path) -> None:
    with pytest.raises(VerificationError) as caught:
        check(vectors, "11.txt", ticket=None)
    assert caught.value.reason is Reason.PROOF_TICKET_MISMATCH


@pytest.mark.parametrize("file", PROOFS)
def test_signature_of_another_proof(vectors: Path, file: str) -> None:
    other = PROOFS[PROOFS.index(file) - 2]  # 01 and 04 are one proof
    signed = entry_of(vectors, file)["jwt"].rpartition(".")[0]
    swapped = f"{signed}.{entry_of(vectors, other)['jwt'].rpartition('.')[2]}"
    with pytest.raises(VerificationError) as caught:
        check(vectors, file, proof=swapped.encode())
    assert caught.value.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("file", SHORTENED)
def test_shortened_tokens_are_no_proofs(vectors: Path, file: str) -> None:
    """They stand in for nonces; a parser that pads and repairs would get somewhere with them."""
    (shortened,) = index(vectors)[file]["bad"]
    token = shortened.partition("Unicode")[0]
    assert token in figure(vectors, file)
    with pytest.raises(MalformedError) as caught:
        check(vectors, "01.txt", proof=token.encode())
    assert caught.value.reason is Reason.MALFORMED_JSON
    assert unverified_sender(token.encode(), DEFAULT_LIMITS) is None


@pytest.mark.parametrize("file", PROOFS)
def test_a_proof_is_no_credential_and_no_key_binding(vectors: Path, file: str) -> None:
    """The header brings its own key: nowhere but here may one do that."""
    token = entry_of(vectors, file)["jwt"]
    with pytest.raises(CitizenIDError) as caught:
        open_presentation(token + "~", format=Format.SD_JWT_VC)
    assert (caught.value.reason, caught.value.step) == (Reason.HEADER_FORBIDDEN, "V1")
