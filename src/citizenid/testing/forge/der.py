"""Certificates and keys whose DER no encoder would write: parts are exchanged, and what is signed is signed anew.

Spec: X.690 section 8; RFC 5280 section 4.1; RFC 3279 section 2.3.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
RSA_SHA256: Final = bytes.fromhex("300d06092a864886f70d01010b0500")
_EC_PUBLIC_KEY: Final = bytes.fromhex("06072a8648ce3d0201")
_PRIME_FIELD: Final = bytes.fromhex("06072a8648ce3d0101")
_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1  # SP 800-186 section 3.2.1.3
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def tlv(tag: int, *contents: bytes) -> bytes:
    """Write an element in DER."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def integer(number: int) -> bytes:
    """Write an INTEGER that is not negative."""
    return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def point(public: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as an uncompressed point."""
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def explicit_p256(generator: bytes, *, order: int = _N) -> bytes:
    """Write P-256 by its parameters in the stead of its name, with this generator."""
    return tlv(
        0x30,
        integer(1),
        tlv(0x30, _PRIME_FIELD, integer(_P)),
        tlv(0x30, tlv(0x04, (_P - 3).to_bytes(32, "big")), tlv(0x04, _B.to_bytes(32, "big"))),
        tlv(0x04, generator),
        integer(order),
        integer(1),
    )


def ec_key_info(parameters: bytes, public: bytes) -> bytes:
    """Write a SubjectPublicKeyInfo of an EC key: parameters, and a point."""
    return tlv(0x30, tlv(0x30, _EC_PUBLIC_KEY, parameters), tlv(0x03, b"\0", public))


def exchanged(
    certificate: x509.Certificate,
    *,
    key_info: bytes | None = None,
    scheme: bytes = ECDSA_SHA256,
    signer: Any = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Return a certificate, signed by ECDSA before, with parts exchanged.

    Args:
        certificate: the good one.
        key_info: SubjectPublicKeyInfo instead.
        scheme: the AlgorithmIdentifier of the signature instead.
        signer: the EC key that signs it anew.
        sign: makes the signature over the new content instead.
    """
    tbs = certificate.tbs_certificate_bytes
    content = tbs[2 if tbs[1] < 0x80 else 2 + (tbs[1] & 0x7F) :].replace(ECDSA_SHA256, scheme, 1)
    if key_info is not None:
        old = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        content = content.replace(old, key_info)
    signed = tlv(0x30, content)
    signature = signer.sign(signed, ec.ECDSA(hashes.SHA256())) if sign is None else sign(signed)
    return tlv(0x30, signed, scheme, tlv(0x03, b"\0", signature))
