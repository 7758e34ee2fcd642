"""An identity provider: from a checked person to a credential, to a status list, to a revocation.

    python examples/identity_provider.py FOLDER

FOLDER holds `holder.jwk`, the public key that the wallet asks to be bound to (examples/wallet.py writes it). What is
published is written beside it. In a deployment the evidence comes from `citizenid.evidence`, and the two keys from
wherever keys are kept; this file does the input and output that the library leaves to its user.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from citizenid import Attestation, Citizenship, Country, Format, LocalKey, PublicKey
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusPublisher, StatusReference

IDENTIFIER = "https://id.example"

# The evidence: a person whom somebody has checked already.
PERSON = {"name": "Ada Example", "nationalities": ["US", "FR"], "citizenships": ["US", "FR"]}


class HSM:
    """Stands for a signer that is elsewhere: it shows a public key and signs, and the private key never leaves it."""

    def __init__(self) -> None:
        self._key = LocalKey.generate("ES256")
        self.public = self._key.public

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)  # the raw signature: r || s for ES256


def main(folder: Path) -> None:
    now = int(time.time())
    holder_key = PublicKey.from_jwk(json.loads((folder / "holder.jwk").read_text()))
    statuses = StatusPublisher(uri=f"{IDENTIFIER}/status/1", size=100_000, bits=2)
    status_key = LocalKey.generate("Ed25519")

    def attestation(status: StatusReference) -> Attestation:
        return prepare_attestation(
            Citizenship(map(Country, PERSON["nationalities"]), map(Country, PERSON["citizenships"])),
            issuer=IDENTIFIER,
            holder_key=holder_key,
            now=now,
            lifetime_s=30 * 86_400,
            status=status,
            format=Format.SD_JWT_VC,
            claims={"name": PERSON["name"]},
        )

    # With a key in this process: one call.
    local = Issuer(identifier=IDENTIFIER, key=LocalKey.generate("ES256"))
    (folder / "local.sd-jwt").write_bytes(local.issue(attestation(statuses.allocate()), format=Format.SD_JWT_VC))

    # With a signer elsewhere: prepare, have it signed, complete. A signature that does not verify is not passed on.
    hsm, status = HSM(), statuses.allocate()
    issuer = Issuer(identifier=IDENTIFIER, key=hsm.public)
    unsigned = issuer.prepare(attestation(status), format=Format.SD_JWT_VC)
    (folder / "credential.sd-jwt").write_bytes(unsigned.complete(hsm.sign(unsigned.to_be_signed)))

    # What verifiers need: the keys, and the status list as it stands.
    (folder / "jwks.json").write_text(json.dumps({"keys": local.jwks()["keys"] + issuer.jwks()["keys"]}))
    (folder / "status-jwks.json").write_text(json.dumps({"keys": [status_key.public.to_jwk()]}))
    (folder / "status.jwt").write_bytes(statuses.publish(status_key, now=now, ttl_s=3_600, expires_s=86_400))

    # Later: the credential is revoked, and the next version of the list says so.
    statuses.revoke(status)
    (folder / "status-revoked.jwt").write_bytes(statuses.publish(status_key, now=now, ttl_s=3_600, expires_s=86_400))
    print("issued 2 credentials, published 2 versions of the status list; the second revokes credential.sd-jwt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
