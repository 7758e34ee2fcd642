"""The floor of a case: what no implementation of it could leave out, with `cryptography` alone and on the same bytes.

Whatever can be prepared is prepared: signatures are in DER and the trusted keys are loaded before the clock runs. What
is left are the signature checks, the loading of keys that come with the message, and the digests.

Spec: RFC 7518 section 3.4 (ES256); RFC 9901 sections 4.2.3, 4.3.1; RFC 9449 section 4.3; ISO/IEC 18013-5 9.3.1.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import cryptography
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from .. import Challenge, Format, PublicKey, TrustAnchors, UnixTime
from .._limits import DEFAULT_LIMITS
from .._readers import READERS
from ..verifier import open_presentation, verify_credential

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
    def of(cls, data: bytes, signature: bytes, key: PublicKey) -> RawVerify:
        jwk = key.to_jwk()
        point = b"\x04" + _unbase64url(jwk["x"].encode()) + _unbase64url(jwk["y"].encode())
        halves = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
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
    raw = _proof(proof, sender)
    return Floor([raw], [raw.point] if load else [])


def admission_floor(
    data: bytes,
    format_: Format,
    challenge: Challenge,
    anchors: TrustAnchors,
    proof: str,
    issuer: PublicKey,
    sender: PublicKey,
    holder: PublicKey,
) -> Floor:
    """Return the floor of an admission: three verifications, two keys to load, and the digests.

    What is signed is taken from the library's own reading of the presentation, outside of any timing.
    """
    now = int(time.time())
    (presentation,) = open_presentation(data, format=format_)
    credential = verify_credential(presentation, anchors=anchors, now=now)
    binding, _ = READERS[format_].bind(presentation, credential._reading, challenge, UnixTime(now), DEFAULT_LIMITS)
    digests = [*presentation.disclosures]
    if format_ is Format.SD_JWT_VC:
        digests.append(presentation.issuer_half)  # sd_hash
    by_sender, signed = _proof(proof, sender), presentation.credential
    by_holder = RawVerify.of(binding.to_be_signed, binding.signature, holder)
    by_issuer = RawVerify.of(signed.to_be_signed, signed.signature, issuer)
    return Floor([by_sender, by_issuer, by_holder], [by_sender.point, by_holder.point], digests)


def _proof(proof: str, sender: PublicKey) -> RawVerify:
    data, _, signature = proof.encode().rpartition(b".")
    return RawVerify.of(data, _unbase64url(signature), sender)


def _unbase64url(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"==")  # more than it needs is passed over
