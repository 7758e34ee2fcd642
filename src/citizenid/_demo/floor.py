"""The floor of a case: what no implementation of it could leave out, with `cryptography` alone and on the same bytes.

Whatever can be prepared is prepared: signatures are in DER and the trusted keys are loaded before the clock runs. What
is left are the signature checks, the loading of keys that come with the message, and the digests.

Spec: RFC 7518 section 3.4 (ES256); RFC 9901 sections 4.2.3, 4.3.1; RFC 9449 section 4.3.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import cryptography
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from .. import PublicKey

BACKEND_VERSION: Final = cryptography.__version__
_P256: Final = ec.SECP256R1()
_ES256: Final = ec.ECDSA(hashes.SHA256())


class RawVerify(NamedTuple):
    """One ES256 verification with everything read and loaded beforehand."""

    key: ec.EllipticCurvePublicKey
    point: bytes
    signature: bytes
    data: bytes

    @classmethod
    def of(cls, token: bytes, key: PublicKey) -> RawVerify:
        data, _, encoded = token.rpartition(b".")
        jwk, signature = key.to_jwk(), _unbase64url(encoded)
        point = b"\x04" + _unbase64url(jwk["x"].encode()) + _unbase64url(jwk["y"].encode())
        halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        loaded = ec.EllipticCurvePublicKey.from_encoded_point(_P256, point)
        return cls(loaded, point, encode_dss_signature(*halves), data)


class Floor(NamedTuple):
    """What a step cannot avoid."""

    verifies: Sequence[RawVerify]
    loads: Sequence[bytes] = ()
    digests: Sequence[bytes] = ()

    def run(self) -> None:
        for point in self.loads:
            ec.EllipticCurvePublicKey.from_encoded_point(_P256, point)
        for data in self.digests:
            hashlib.sha256(data).digest()
        for each in self.verifies:
            each.key.verify(each.signature, each.data, _ES256)


def proof_floor(proof: str, sender: PublicKey, *, load: bool = False) -> Floor:
    """Return the floor of a request with a proof: one verification, and the key to load where it is new."""
    raw = RawVerify.of(proof.encode(), sender)
    return Floor([raw], [raw.point] if load else [])


def admission_floor(presentation: bytes, proof: str, issuer: PublicKey, holder: PublicKey, sender: PublicKey) -> Floor:
    """Return the floor of an admission: three verifications, two keys to load, the digests and sd_hash."""
    half, _, key_binding = presentation.rpartition(b"~")
    issuer_jwt, *disclosures = half.split(b"~")
    by_sender = RawVerify.of(proof.encode(), sender)
    by_holder = RawVerify.of(key_binding, holder)
    by_issuer = RawVerify.of(issuer_jwt, issuer)
    return Floor([by_sender, by_issuer, by_holder], [by_sender.point, by_holder.point], [*disclosures, half + b"~"])


def _unbase64url(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
