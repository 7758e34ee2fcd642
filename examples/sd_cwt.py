"""An SD-CWT from end to end: issuing with a signer elsewhere, showing one citizenship of two, verifying.

    python examples/sd_cwt.py

One process plays all parts. Half a day needs no status list; examples/identity_provider.py issues for longer.
"""

from __future__ import annotations

import secrets
import time

from citizenid import Challenge, Citizenship, Country, Format, KeyPurpose, LocalKey, TrustAnchors
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusStore
from citizenid.verifier import VerifiedPresentation, verify

NAME, GATEWAY, TYPE = "https://id.example", "https://gateway.example", "urn:citizenid:citizenship:1"
SD_CWT, BOTH = Format.SD_CWT, [Country("US"), Country("FR")]


def issue(issuer: Issuer, signer: LocalKey, wallet: LocalKey, now: int) -> bytes:
    """Issue for the wallet's key. The issuer knows the public key of its signer; what is to be signed goes there."""
    stated = prepare_attestation(
        Citizenship(citizenships=BOTH), issuer=NAME, holder_key=wallet.public, now=now, lifetime_s=43_200, status=None,
        format=SD_CWT, claims={"given_name": "Ada", -70_001: b"of any kind"},
    )  # fmt: skip
    unsigned = issuer.prepare(stated, format=SD_CWT)
    return unsigned.complete(signer.sign(unsigned.to_be_signed))  # verified before it is passed on


def main() -> None:
    now, signer, wallet = int(time.time()), LocalKey.generate("Ed25519"), LocalKey.generate("ES256")
    issuer = Issuer(identifier=NAME, key=signer.public)
    data = issue(issuer, signer, wallet, now)
    anchors = TrustAnchors.from_jwks(
        NAME, issuer.jwks(), purpose=KeyPurpose.CREDENTIAL, formats=[SD_CWT], types=[TYPE], countries=BOTH
    )

    # The wallet. A step of a path is a name, which may be an integer, or the index of an array.
    mine = Credential.receive(data, format=SD_CWT, anchors=anchors, now=now)
    print("may be withheld:", [*mine.disclosable])
    challenge = Challenge(GATEWAY, secrets.token_urlsafe())
    shown = mine.present([("citizenships", 0)], challenge=challenge, key=wallet, peer=GATEWAY, now=now)
    print(f"shown: an SD-KBT of {len(shown)} bytes")

    # The verifier. No status list is needed for so short a life.
    lists = StatusStore(anchors=TrustAnchors())
    result = verify(shown, format=SD_CWT, anchors=anchors, challenge=challenge, statuses=lists, now=now)
    assert type(result) is VerifiedPresentation  # else a status list is missing; a refusal is an exception
    print("verified:", result.citizenship.citizenships, dict(result.attestation.claims))


if __name__ == "__main__":
    main()
