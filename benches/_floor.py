"""The floor: what a step cannot avoid, done with `cryptography` and PyNaCl alone and in the cheapest way that we know.

A signature arrives as JOSE has it (r || s for ECDSA, RFC 7518 section 3.4), and `cryptography` takes and gives DER: the
conversion is on the floor, written by hand because that is cheaper than `encode_dss_signature`. Base64, JSON, objects
and every rule are not.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import nacl.bindings as sodium
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa

from citizenid import LocalKey, PublicKey

_CURVE: Final = ec.SECP256R1()
_SCHEME: Final = ec.ECDSA(hashes.SHA256())


class Primitive(NamedTuple):
    """The bare operations of one algorithm.

    Attributes:
        load: key bytes (x || y, x or pub) to what `verify` takes.
        verify: (key, signature, data); raises when it does not hold.
    """

    load: Callable[[bytes], Any]
    verify: Callable[[Any, bytes, bytes], object]


def to_der(signature: bytes) -> bytes:
    """Write r || s of P-256 as the SEQUENCE of two INTEGERs that `cryptography` wants."""
    r, s = signature[:32].lstrip(b"\0"), signature[32:].lstrip(b"\0")
    if r[0] > 127:
        r = b"\0" + r
    if s[0] > 127:
        s = b"\0" + s
    return b"0%c\2%c%b\2%c%b" % (len(r) + len(s) + 4, len(r), r, len(s), s)


def from_der(der: bytes) -> bytes:
    """Write the SEQUENCE of two INTEGERs as r || s of P-256."""
    length = der[3]
    return der[4 : 4 + length][-32:].rjust(32, b"\0") + der[6 + length :][-32:].rjust(32, b"\0")


def _load_p256(point: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x04" + point)


def _verify_p256(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> None:
    key.verify(to_der(signature), data, _SCHEME)


def _verify_ed25519(key: bytes, signature: bytes, data: bytes) -> bytes:
    return sodium.crypto_sign_open(signature + data, key)


PRIMITIVES: Final = {
    "ES256": Primitive(_load_p256, _verify_p256),
    "Ed25519": Primitive(lambda public: public, _verify_ed25519),
    "ML-DSA-44": Primitive(
        mldsa.MLDSA44PublicKey.from_public_bytes, lambda key, signature, data: key.verify(signature, data)
    ),
}


def public_bytes(key: PublicKey) -> bytes:
    """Return x || y, x or pub of a public key."""
    jwk = key.to_jwk()
    return b"".join(decode(jwk[member]) for member in ("x", "y", "pub") if member in jwk)


def p256_private(key: LocalKey) -> ec.EllipticCurvePrivateKey:
    """Load the secret of an ES256 key anew, so that nothing is shared with the key that the library signs with."""
    return ec.derive_private_key(int.from_bytes(decode(key.to_private_jwk()["d"]), "big"), _CURVE)


def sign_p256(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Sign, and return r || s."""
    return from_der(key.sign(data, _SCHEME))


def decode(text: str | bytes) -> bytes:
    """Decode unpadded base64url, with the standard library; never inside a timing."""
    raw = text.encode("ascii") if isinstance(text, str) else text
    return base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
