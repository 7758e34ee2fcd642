"""The little world that is measured: an identity provider, its status list, wallets, and what they make.

Everything is made by the library's own doors, by public names alone. Beside each presentation stand the bare bytes of
its signatures and digests, which is what the floor works on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from citizenid import (
    Attestation,
    Challenge,
    Citizenship,
    ClaimPath,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    PublicKey,
    StatusReference,
    TrustAnchors,
)
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.policy import AdmissionPolicy
from citizenid.status import StatusPublisher, StatusStore

from ._floor import decode, public_bytes

ISSUER: Final = "https://id.example"
AUDIENCE: Final = "https://gateway.example"
STATUS_URI: Final = "https://id.example/status/1"
STATUS_MEDIA_TYPE: Final = "application/statuslist+jwt"
STATUS_MEDIA_TYPE_CWT: Final = "application/statuslist+cwt"
VCT: Final = "urn:citizenid:citizenship:1"
MODEL: Final = "frontier-model"
BEARER_MODEL: Final = "open-model"
POLICY: Final = f"""
version = 1

[[rule]]
resource = ["{MODEL}", "{MODEL}-mini"]
citizenship = ["US"]

[[rule]]
resource = "{BEARER_MODEL}"
citizenship = ["US", "CA", "GB"]
binding = "bearer"
"""
PERSON: Final = {
    "given_name": "Given",
    "family_name": "Family",
    "birthdate": "1990-01-01",
    "birth_family_name": "Birth",
    "place_of_birth": "Somewhere",
    "email": "given.family@mail.example",
    "phone_number": "+15550100",
    "personal_administrative_number": "0000-0000-0000",
}
# Ten that can be withheld one by one: the eight above, one nationality and one citizenship.
DISCLOSABLE: Final[tuple[ClaimPath, ...]] = (
    ("nationalities", None),
    ("citizenships", None),
    *((name,) for name in PERSON),
)
SHOWN: Final[tuple[ClaimPath, ...]] = (("citizenships", 0),)


class Bare(NamedTuple):
    """The bytes on which the unavoidable work is done: two signed texts, their signatures, a key, what is digested."""

    signed: bytes
    signature: bytes
    bound: bytes
    binding_signature: bytes
    holder: bytes
    disclosures: tuple[bytes, ...]
    issuer_half: bytes

    @classmethod
    def of(cls, data: bytes, holder: PublicKey) -> Bare:
        """Take a compact presentation apart."""
        issuer_jwt, *disclosures, binding = data.split(b"~")
        signed, _, signature = issuer_jwt.rpartition(b".")
        bound, _, binding_signature = binding.rpartition(b".")
        return cls(
            signed,
            decode(signature),
            bound,
            decode(binding_signature),
            public_bytes(holder),
            tuple(disclosures),
            data[: data.rindex(b"~") + 1],
        )


class Presented(NamedTuple):
    """A presentation, the challenge that it answers, and its bare bytes."""

    data: bytes
    challenge: Challenge
    bare: Bare


class World:
    """One issuer with one status list, and everybody who trusts it. `now` stands still.

    Args:
        algorithm: of the issuer's and of every holder's key.
        limits: bounds of the issuer and of the wallets.
    """

    def __init__(self, algorithm: str = "ES256", *, limits: Limits | None = None) -> None:
        self.limits: Final = limits or Limits()
        self.algorithm: Final = algorithm
        self.now: Final = int(time.time())
        self.key: Final = LocalKey.generate(algorithm)
        self.issuer: Final = Issuer(identifier=ISSUER, key=self.key, limits=self.limits)
        self.anchors: Final = TrustAnchors.from_jwks(
            ISSUER,
            self.issuer.jwks(),
            purpose=KeyPurpose.CREDENTIAL,
            formats=[Format.SD_JWT_VC],
            types=[VCT],
            countries=[Country("US"), Country("DE")],
        )
        self.status_anchors: Final = TrustAnchors.from_jwks(ISSUER, self.issuer.jwks(), purpose=KeyPurpose.STATUS_LIST)
        self.publisher: Final = StatusPublisher(uri=STATUS_URI, size=2**20)
        self.statuses: Final = StatusStore(anchors=self.status_anchors)
        self.publish()
        self.policy: Final = AdmissionPolicy.from_toml(POLICY)
        self._nonces = 0

    @staticmethod
    def clock() -> int:
        """Return the time that a gateway sees; proofs must be fresh by it."""
        return int(time.time())

    def publish(self) -> None:
        """Sign the status list as it stands, and hand it to the verifier."""
        token = self.publisher.publish(self.key, now=self.now, ttl_s=43_200, expires_s=86_400)
        self.statuses.ingest(STATUS_URI, token, media_type=STATUS_MEDIA_TYPE, now=self.now)

    def attestation(
        self,
        holder: PublicKey,
        *,
        country: str = "US",
        claims: Mapping[str, Any] | None = None,
        status: StatusReference | None = None,
    ) -> Attestation:
        """State the citizenship of one country, with a status index of its own."""
        countries = (Country(country),)
        return prepare_attestation(
            Citizenship(nationalities=countries, citizenships=countries),
            issuer=ISSUER,
            holder_key=holder,
            now=self.now - 60,
            lifetime_s=90 * 86_400,
            status=status or self.publisher.allocate(),
            format=Format.SD_JWT_VC,
            claims=PERSON if claims is None else claims,
        )

    def issue(
        self, attestation: Attestation, disclosable: Iterable[ClaimPath] | None = DISCLOSABLE, *, decoys: int = 0
    ) -> bytes:
        """Issue a credential of ten disclosable claims, or of those named."""
        return self.issuer.issue(attestation, format=Format.SD_JWT_VC, disclosable=disclosable, decoys=decoys)

    def receive(self, data: bytes) -> Credential:
        """Take a credential into a wallet."""
        return Credential.receive(data, format=Format.SD_JWT_VC, anchors=self.anchors, now=self.now, limits=self.limits)

    def challenge(self) -> Challenge:
        """Make a challenge that was not made before."""
        self._nonces += 1
        return Challenge(AUDIENCE, f"nonce-for-the-benches-{self._nonces:012d}")

    def present(self, credential: Credential, key: LocalKey, shown: Iterable[ClaimPath | str] = SHOWN) -> Presented:
        """Answer a new challenge."""
        challenge = self.challenge()
        data = credential.present(shown, challenge=challenge, key=key, peer=AUDIENCE, now=self.now)
        return Presented(data, challenge, Bare.of(data, key.public))

    def new_presentation(self, shown: Iterable[ClaimPath | str] = SHOWN) -> Presented:
        """Make a holder key, a credential and a presentation that nobody has seen."""
        key = LocalKey.generate(self.algorithm)
        return self.present(self.receive(self.issue(self.attestation(key.public))), key, shown)
