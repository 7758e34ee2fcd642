"""What the wallet and the identity provider of these examples need of OpenID for Verifiable Credentials.

Of OpenID4VCI 1.0 the proof that a key is at hand: a JWT in whose header the key stands (appendix F.1), made for one
issuer and over one of its nonces. Metadata and the token endpoint are left out: a code stands for the token that this
would give. Of OpenID4VP 1.0 the answer to a DCQL query (section 6), as gateways of this library ask them.
"""

import base64
import json
import secrets
import time
from typing import Any

import jwt

from citizenid import ClaimPath, LocalKey, PublicKey
from citizenid.holder import Credential

TYP, AGE_S, AT_ONCE = "openid4vci-proof+jwt", 300, 10_000


def prove(key: LocalKey, *, audience: str, nonce: str) -> str:
    """Make a proof of possession: a wallet's part."""
    header = {"alg": key.public.algorithm, "typ": TYP, "jwk": key.public.to_jwk()}
    claims = {"aud": audience, "iat": int(time.time()), "nonce": nonce}
    to_be_signed = b".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
    return b".".join([to_be_signed, _encode(key.sign(to_be_signed))]).decode()


class Proofs:
    """An issuer's part: nonces, each good for one proof and for five minutes."""

    def __init__(self, audience: str) -> None:
        self._audience = audience
        self._nonces: dict[str, float] = {}

    def nonce(self) -> str:
        fresh = secrets.token_urlsafe(32)
        self._nonces[fresh] = time.monotonic() + AGE_S
        if len(self._nonces) > AT_ONCE:
            del self._nonces[next(iter(self._nonces))]  # the oldest
        return fresh

    def verify(self, proof: str) -> PublicKey:
        """Return the key whose possession is proven. Raises PyJWTError and CitizenIDError."""
        header = jwt.get_unverified_header(proof)
        key = PublicKey.from_jwk(header.get("jwk", {}))  # refuses what is no point of the curve, and private keys
        claims = jwt.decode(
            proof, jwt.PyJWK(key.to_jwk(), algorithm="ES256"), algorithms=["ES256"], audience=self._audience,
            options={"require": ["aud", "iat", "nonce"], "strict_aud": True},
        )  # fmt: skip
        nonce, issued_at = claims["nonce"], claims["iat"]
        if header.get("typ") != TYP or type(nonce) is not str or type(issued_at) is not int:
            raise jwt.InvalidTokenError
        if self._nonces.pop(nonce, 0.0) <= time.monotonic() or issued_at <= time.time() - AGE_S:
            raise jwt.InvalidTokenError
        return key


def chosen(credential: Credential, queries: list[dict[str, Any]], *, may_be_shown: set[str]) -> list[ClaimPath]:
    """Return the least that answers one of the credential queries, or nothing: a wallet's part."""
    type_ = credential.attestation.type
    for query in [each for each in queries if each["format"] == "dc+sd-jwt" and type_ in each["meta"]["vct_values"]]:
        claims = {claim["id"]: claim for claim in query["claims"]}
        for names in query.get("claim_sets", [list(claims)]):
            found = [_answers(credential, claims[name], may_be_shown) for name in names]
            if all(found):
                return [path for paths in found for path in paths]
    return []


def _answers(credential: Credential, claim: dict[str, Any], may_be_shown: set[str]) -> list[ClaimPath]:
    wanted, values, found = claim["path"], claim.get("values"), []
    for path, value in credential.disclosable.items():
        same = len(path) == len(wanted) and all(step in (None, own) for step, own in zip(wanted, path, strict=True))
        if same and (values is None or value in values) and path[0] in may_be_shown:
            found.append(path)
    return found if values is None else found[:1]  # one of these values is enough


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
