"""The closed table of signature algorithms: how to load a key of each, to verify and to sign.

Ed25519 runs on libsodium through PyNaCl, because OpenSSL accepts small-order and non-canonical keys; everything else
runs on `cryptography`. There is no registration: what is not in the table does not exist.

Spec: RFC 7518 section 3.4, RFC 8032, RFC 9864, RFC 9964 (FIPS 204).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import nacl.bindings as sodium
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, mldsa
from nacl.exceptions import CryptoError

_ED25519_P: Final = 2**255 - 19
# The y coordinates of the eight points of small order (RFC 8032 section 5.1.7 leaves them to the implementer): 1 and
# p-1 (orders 1 and 2), 0 (order 4), and the two of order 8. The sign bit is masked before the comparison.
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _ED25519_P - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)


_ED448_P: Final = 2**448 - 2**224 - 1
_ED448_D: Final = -39081
_ED448_SMALL_ORDER_Y: Final = frozenset({0, 1, _ED448_P - 1})  # orders 4, 1 and 2: the cofactor is 4


class Algorithm(NamedTuple):
    """One row of the table: how to load a public key of this algorithm and how to verify with it."""

    load: Callable[[bytes, bool], Any]  # (material, full gate) -> handle; raises ValueError
    verify: Callable[[Any, bytes, bytes], bool]  # (handle, signature, data)
    generate: Callable[[], Any]
    from_secret: Callable[[bytes], Any]  # of the algorithm's length (`read_private_jwk` sees to it); raises ValueError
    sign: Callable[[Any, bytes], bytes]
    public: Callable[[Any], bytes]  # private handle -> material
    secret: Callable[[Any], bytes]


def _ecdsa(curve: ec.EllipticCurve, field_prime: int, size: int, hash_: hashes.HashAlgorithm) -> Algorithm:
    scheme = ec.ECDSA(hash_)
    prime = field_prime.to_bytes(size, "big")

    def load(material: bytes, full: bool) -> ec.EllipticCurvePublicKey:
        if len(material) == size + 1:  # x with the sign of y (RFC 9053 section 7.1.1)
            if material[1:] >= prime:
                raise ValueError
            return ec.EllipticCurvePublicKey.from_encoded_point(curve, material)
        # A coordinate >= p would be a second encoding of one key, with another thumbprint (CVE-2026-26007).
        if material[:size] >= prime or material[size:] >= prime:  # big-endian and of one length: bytes compare alike
            raise ValueError
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + material)

    def verify(handle: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
        try:
            handle.verify(_der_signature(signature[:size], signature[size:]), data, scheme)
        except InvalidSignature:
            return False
        return True

    def sign(handle: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
        return _raw_signature(handle.sign(data, scheme), size)

    def public(handle: ec.EllipticCurvePrivateKey) -> bytes:
        numbers = handle.public_key().public_numbers()
        return numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")

    return Algorithm(
        load=load,
        verify=verify,
        generate=lambda: ec.generate_private_key(curve),
        from_secret=lambda secret: ec.derive_private_key(int.from_bytes(secret, "big"), curve),
        sign=sign,
        public=public,
        secret=lambda handle: handle.private_numbers().private_value.to_bytes(size, "big"),
    )


def _der_signature(r: bytes, s: bytes) -> bytes:
    # r || s as the SEQUENCE of two INTEGERs that OpenSSL takes (RFC 3279 section 2.2.3). By way of Python integers the
    # same costs a microsecond of each verification.
    r, s = r.lstrip(b"\0") or b"\0", s.lstrip(b"\0") or b"\0"
    if r[0] >= 0x80:
        r = b"\0" + r
    if s[0] >= 0x80:
        s = b"\0" + s
    body = b"\x02%c%b\x02%c%b" % (len(r), r, len(s), s)
    return (b"\x30%c" if len(body) < 0x80 else b"\x30\x81%c") % len(body) + body  # P-521: 139 bytes at most


def _raw_signature(der: bytes, size: int) -> bytes:
    # The way back, of what OpenSSL itself has just written. An INTEGER is shorter than `size` when the number is small,
    # and one byte longer when its first bit would be its sign.
    start = 2 if der[1] < 0x80 else 3
    end = start + 2 + der[start + 1]
    return der[start + 2 : end][-size:].rjust(size, b"\0") + der[end + 2 :][-size:].rjust(size, b"\0")


def _ed25519_load(material: bytes, full: bool) -> bytes:
    y = int.from_bytes(material, "little") & ((1 << 255) - 1)
    if y >= _ED25519_P or y in _SMALL_ORDER_Y:
        raise ValueError
    if full and not sodium.crypto_core_ed25519_is_valid_point(material):  # on the curve and in the prime subgroup
        raise ValueError
    return material


def _ed25519_verify(handle: bytes, signature: bytes, data: bytes) -> bool:
    try:
        sodium.crypto_sign_open(signature + data, handle)
    except CryptoError:
        return False
    return True


def _ed448_load(material: bytes, full: bool) -> ed448.Ed448PublicKey:
    # OpenSSL takes any 57 bytes. RFC 8032 section 5.2.3: y below p, and x^2 = (y^2 - 1) / (d y^2 - 1) has a root, which
    # the product of the two then has as well: they differ by a square, and (d is none) it is not 0.
    y = int.from_bytes(material[:56], "little")
    if y >= _ED448_P or y in _ED448_SMALL_ORDER_Y or material[56] & 0x7F:
        raise ValueError
    if full:
        square = (y * y - 1) * (_ED448_D * y * y - 1)
        if pow(square, (_ED448_P - 1) // 2, _ED448_P) != 1:
            raise ValueError
    return ed448.Ed448PublicKey.from_public_bytes(material)


def _ed448_verify(handle: ed448.Ed448PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        handle.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _ml_dsa(public_class: Any, private_class: Any) -> Algorithm:
    def verify(handle: Any, signature: bytes, data: bytes) -> bool:
        try:
            handle.verify(signature, data)  # context empty: RFC 9964 section 4
        except InvalidSignature:
            return False
        return True

    return Algorithm(
        load=lambda material, full: public_class.from_public_bytes(material),
        verify=verify,
        generate=private_class.generate,
        from_secret=private_class.from_seed_bytes,
        sign=lambda handle, data: handle.sign(data),
        public=lambda handle: handle.public_key().public_bytes_raw(),
        secret=lambda handle: handle.private_bytes_raw(),
    )


_P256: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1  # FIPS 186-5 / SP 800-186 section 3.2.1
_P384: Final = 2**384 - 2**128 - 2**96 + 2**32 - 1
_P521: Final = 2**521 - 1
# RFC 5639 sections 3.4, 3.6 and 3.7
_BP256: Final = 0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377
_BP384: Final = int(
    "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A71874700133107EC53", 16
)
_BP512: Final = int(
    "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA703308717D4D9B009BC66842AECDA12AE6A380E62881FF2F2D82C685"
    "28AA6056583A48F3",
    16,
)

ALGORITHMS: Final[dict[str, Algorithm]] = {
    "ES256": _ecdsa(ec.SECP256R1(), _P256, 32, hashes.SHA256()),
    "ES384": _ecdsa(ec.SECP384R1(), _P384, 48, hashes.SHA384()),
    "ES512": _ecdsa(ec.SECP521R1(), _P521, 66, hashes.SHA512()),
    "Ed25519": Algorithm(
        load=_ed25519_load,
        verify=_ed25519_verify,
        generate=lambda: sodium.crypto_sign_keypair()[1],
        from_secret=lambda secret: sodium.crypto_sign_seed_keypair(secret)[1],
        sign=lambda handle, data: sodium.crypto_sign(data, handle)[:64],
        public=lambda handle: handle[32:],
        secret=lambda handle: handle[:32],
    ),
    "ESB256": _ecdsa(ec.BrainpoolP256R1(), _BP256, 32, hashes.SHA256()),
    "ESB384": _ecdsa(ec.BrainpoolP384R1(), _BP384, 48, hashes.SHA384()),
    "ESB512": _ecdsa(ec.BrainpoolP512R1(), _BP512, 64, hashes.SHA512()),
    "Ed448": Algorithm(
        load=_ed448_load,
        verify=_ed448_verify,
        generate=ed448.Ed448PrivateKey.generate,
        from_secret=ed448.Ed448PrivateKey.from_private_bytes,
        sign=lambda handle, data: handle.sign(data),
        public=lambda handle: handle.public_key().public_bytes_raw(),
        secret=lambda handle: handle.private_bytes_raw(),
    ),
    "ML-DSA-44": _ml_dsa(mldsa.MLDSA44PublicKey, mldsa.MLDSA44PrivateKey),
    "ML-DSA-65": _ml_dsa(mldsa.MLDSA65PublicKey, mldsa.MLDSA65PrivateKey),
    "ML-DSA-87": _ml_dsa(mldsa.MLDSA87PublicKey, mldsa.MLDSA87PrivateKey),
}
