"""Attacks by the padding of an RSA signature. Nothing is signed by RSA here but certificates of authorities.

The key is that of two primes that are easily written down, so that it costs nothing to make; an attacker who has an
exponent of 3 to forge under needs no key at all.

Spec: RFC 8017 sections 8.1, 8.2, 9.1, 9.2; RFC 4055; RFC 8725 section 3.1; specs/verification.md V1.9, V2.2.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ... import ANY, Format, KeyPurpose, Reason, TrustAnchors
from ..attacks import Attack, attack
from ..forge.certificates import certificate, certificate_key, local_key, pem
from ..forge.der import RSA_SHA256, exchanged
from ..forge.parts import ABSENT, ISSUER, VCT
from ..forgery import Forgery
from ..trials import Trial, accepted, expect, mdoc, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._places import constant

_UNTRUSTED: Final = Reason.CERTIFICATE_UNTRUSTED
_NOT_ALLOWED: Final = Reason.ALGORITHM_NOT_ALLOWED
_P: Final = 2**1024 - 105
_Q: Final = 2**1024 - 179
_MODULUS: Final = _P * _Q
_BYTES: Final = 256
_PREFIX: Final = bytes.fromhex("3031300d060960864801650304020105000420")  # DigestInfo of SHA-256, RFC 8017 section 9.2
_WITHOUT_NULL: Final = bytes.fromhex("302f300b0609608648016503040201" + "0420")


@cache
def _private() -> rsa.RSAPrivateKey:
    exponent = 65_537
    d = pow(exponent, -1, (_P - 1) * (_Q - 1))
    public = rsa.RSAPublicNumbers(exponent, _MODULUS)
    numbers = rsa.RSAPrivateNumbers(_P, _Q, d, d % (_P - 1), d % (_Q - 1), pow(_Q, -1, _P), public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def _raw(block: bytes) -> bytes:
    """Sign a block as it is."""
    numbers = _private().private_numbers()
    message = int.from_bytes(block, "big")
    by_p, by_q = pow(message, numbers.dmp1, _P), pow(message, numbers.dmq1, _Q)
    return (by_q + (by_p - by_q) * numbers.iqmp % _P * _Q).to_bytes(_BYTES, "big")


def _padded(
    data: bytes, *, prefix: bytes = _PREFIX, before: bytes = b"\0\1", fill: int = 0xFF, behind: int = 0
) -> bytes:
    """Write a block of EMSA-PKCS1-v1_5, or something like it, with zeros behind."""
    stated = prefix + hashlib.sha256(data).digest() + bytes(behind)
    return before + bytes((fill,)) * (_BYTES - len(before) - 1 - len(stated)) + b"\0" + stated


def _cube_root(data: bytes) -> bytes:
    """Forge a signature for the exponent 3, where what stands behind the digest is not looked at (Bleichenbacher)."""
    front = b"\0\1" + b"\xff" * 8 + b"\0" + _PREFIX + hashlib.sha256(data).digest()
    wanted = int.from_bytes(front.ljust(_BYTES, b"\xff"), "big")
    low, high = 0, 1 << 8 * _BYTES // 3 + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= wanted else (low, middle)
    expect((low**3).to_bytes(_BYTES, "big").startswith(front), "the root does not begin as it must")
    return low.to_bytes(_BYTES, "big")


def _blocked(block: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: _raw(block(data))


def _by_root(exponent: int = 65_537) -> TrustAnchors:
    public = rsa.RSAPublicNumbers(exponent, _MODULUS).public_key()
    root = certificate("RSA root", "RSA root", public=public, authority=True)
    return TrustAnchors.from_certificates(
        pem(root),
        issuer=ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=[VCT],
        countries=ANY,
    )


def _shown(leaf: bytes) -> Forgery:
    header = {"kid": ABSENT, "x5c": [base64.b64encode(leaf).decode()]}
    return jwt(header=header, signer=local_key(certificate_key("leaf")))


def _leaf(sign: Callable[[bytes], bytes]) -> Forgery:
    return _shown(exchanged(certificate("leaf", "RSA root"), scheme=RSA_SHA256, sign=sign))


def _of_pss(stated: padding.PSS, used: padding.PSS, hash_: Any) -> Forgery:
    """Show a leaf whose signature is PSS: what the certificate states of it, and what was used."""
    private: Any = _private()
    good = certificate("leaf", "RSA root")
    builder = x509.CertificateBuilder(
        good.issuer,
        good.subject,
        good.public_key(),
        good.serial_number,
        good.not_valid_before_utc,
        good.not_valid_after_utc,
        list(good.extensions),
    )
    made = builder.sign(private, hashes.SHA256(), rsa_padding=stated)
    signature = private.sign(made.tbs_certificate_bytes, used, hash_)
    der = made.public_bytes(Encoding.DER)
    return _shown(der[: -len(signature)] + signature)


@attack("SIG-014", "SIGNATURE_INVALID")
def rsa_padding() -> Iterator[Trial]:
    """RSA with a padding, a salt or a hash that was not agreed, or with something behind the digest."""
    # Of objects there is no RSA at all, so that no padding of one can be wrong.
    for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "RS1", "RSA1_5", "RSA-OAEP"):
        yield refused(f"issuer, {name}", _NOT_ALLOWED, jwt(header={"alg": name}), step="V1")
        yield refused(f"key binding, {name}", _NOT_ALLOWED, jwt(kb_header={"alg": name}), step="V1")
    for number in (-257, -258, -259, -37, -38, -39, -65_535):
        yield refused(f"SD-CWT, {number}", _NOT_ALLOWED, sd_cwt(header={1: number}), step="V1")
        yield refused(f"issuerAuth, {number}", _NOT_ALLOWED, mdoc(protected={1: number}), step="V1")
    trusted = _by_root()
    yield accepted("PKCS #1 v1.5", _leaf(_blocked(_padded)), anchors=trusted)
    blocks: dict[str, Callable[[bytes], bytes]] = {
        "bytes behind the digest": partial(_padded, behind=64),
        "no NULL": partial(_padded, prefix=_WITHOUT_NULL),
        "no DigestInfo": partial(_padded, prefix=b""),
        "block type 2": partial(_padded, before=b"\0\2"),
        "block type 0": partial(_padded, before=b"\0\0", fill=0),
        "another fill": partial(_padded, fill=0xFE),
        "another digest": lambda data: _padded(data + b"\0"),
    }
    for name, block in blocks.items():
        forged = _leaf(_blocked(block))
        yield refused(f"a certificate, {name}", _UNTRUSTED, forged, anchors=trusted, step="V2")
    for name, signature in (("zeros", bytes(_BYTES)), ("one", (1).to_bytes(_BYTES, "big")), ("nothing", b"")):
        forged = _leaf(constant(signature))
        yield refused(f"a certificate, {name}", _UNTRUSTED, forged, anchors=trusted, step="V2")
    cubed = _leaf(_cube_root)
    yield refused("a certificate, the cube root", _UNTRUSTED, cubed, anchors=_by_root(3), step="V2")
    sha256, mgf = hashes.SHA256(), padding.MGF1(hashes.SHA256())
    agreed = padding.PSS(mgf, 32)
    yield accepted("PSS", _of_pss(agreed, agreed, sha256), anchors=trusted)
    for name, used, hash_ in (
        ("a shorter salt", padding.PSS(mgf, 20), sha256),
        ("no salt", padding.PSS(mgf, 0), sha256),
        ("a longer salt", padding.PSS(mgf, 64), sha256),
        ("MGF1 with SHA-1", padding.PSS(padding.MGF1(hashes.SHA1()), 32), sha256),  # noqa: S303  # that it is weak is the point
        ("another hash", padding.PSS(mgf, 32), hashes.SHA512()),
    ):
        forged = _of_pss(agreed, used, hash_)
        yield refused(f"PSS, {name}", _UNTRUSTED, forged, anchors=trusted, step="V2")


ATTACKS: Final[tuple[Attack, ...]] = (rsa_padding,)
