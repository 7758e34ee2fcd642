"""Attacks on Ed25519: points with two encodings, of small order, and scalars that are not reduced.

What one library takes and another refuses lets somebody be two, or sign what nobody has signed. Here a key is canonical
and of no small order before it is used, and a signature is one alone.

Spec: RFC 8032 sections 5.1.3, 5.1.7, 8.4; RFC 7748 section 6.1; specs/verification.md V2.5, V3, V4.16, V4.26.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ... import AgreementKey, KeyPurpose, LocalKey, PublicKey, Reason, TrustAnchors
from ..attacks import Group, attack
from ..forge import mdoc as mdoc_forge
from ..forge import mdoc_keys, sd_jwt
from ..forge.cbor import dump, embedded
from ..forge.der import exchanged
from ..forge.parts import ISSUER, base64url, key, unbase64url
from ..forge.sd_cwt import ALGORITHMS
from ..trials import Trial, accepted, expect, holds, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._places import constant, dpop, http
from .weak_keys import held, trust

_INVALID: Final = Reason.SIGNATURE_INVALID
_MALFORMED: Final = Reason.SIGNATURE_MALFORMED
_KEY: Final = Reason.KEY_INVALID
_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
Sign = Callable[[bytes], bytes]


def _bytes(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


_EIGHT: Final = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_OTHER_EIGHT: Final = _P - _EIGHT
# The canonical encodings of the eight points of small order, and spellings that RFC 8032 section 5.1.3 does not take.
_SMALL_ORDER: Final = {
    "the identity": _bytes(1),
    "of order 2": _bytes(_P - 1),
    "of order 4": _bytes(0),
    "of order 4, the other": _bytes(0, 1),
    "of order 8": _bytes(_EIGHT),
    "of order 8, its negative": _bytes(_EIGHT, 1),
    "of order 8, the other": _bytes(_OTHER_EIGHT),
    "of order 8, the other's negative": _bytes(_OTHER_EIGHT, 1),
}
_SECOND: Final = {
    "the identity, y + p": _bytes(_P + 1),
    "of order 4, y + p": _bytes(_P),
    "of order 4, y + p, signed": _bytes(_P, 1),
    "the identity, x = 0 with a sign": _bytes(1, 1),
    "of order 2, x = 0 with a sign": _bytes(_P - 1, 1),
    "the identity, y + p with a sign": _bytes(_P + 1, 1),
    "y + p of no small order": _bytes(_P + 3),
    "y = 2^255 - 1": _bytes(2**255 - 1),
}
_NO_POINT: Final = {"y = 2": _bytes(2), "y = 2 with a sign": _bytes(2, 1), "y = 7": _bytes(7)}


def _jwk(public: bytes) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(public).decode()}


def _public(signer: LocalKey) -> bytes:
    return unbase64url(signer.public.to_jwk()["x"])


def _forged(r: bytes, s: int) -> Sign:
    return lambda _: r + s.to_bytes(32, "little")


def _holder(public: bytes, sign: Sign) -> dict[str, Any]:
    """Return what makes a presentation whose holder has this key, and signs like this."""
    return {**held(_jwk(public)), "kb_header": {"alg": "Ed25519"}, "kb_sign": sign}


def _cose_holder(public: bytes, sign: Sign) -> dict[str, Any]:
    cose = {1: 1, -1: 6, -2: public}
    return {"claims": {8: {1: cose}}, "kb_header": {1: ALGORITHMS["Ed25519"]}, "kb_sign": sign}


def _device(public: bytes, sign: Sign) -> dict[str, Any]:
    info = {"deviceKey": {1: 1, -1: 6, -2: public}}
    return {"key_info": info, "device": {"protected": {1: -8}, "sign_with": sign}}


def _of_holders(name: str, reason: Reason, public: bytes, sign: Sign, step: str) -> Iterator[Trial]:
    """Let the holder have this key, in each format."""
    yield refused(f"SD-JWT VC, {name}", reason, jwt(**_holder(public, sign)), step=step)
    yield refused(f"SD-CWT, {name}", reason, sd_cwt(**_cose_holder(public, sign)), step=step)
    yield refused(f"mdoc, {name}", reason, mdoc(**_device(public, sign)), step=step)


def _good_holders() -> Iterator[Trial]:
    signer = key("holder", "Ed25519")
    public = _public(signer)
    yield accepted("SD-JWT VC, a good one", jwt(**_holder(public, signer.sign)))
    yield accepted("SD-CWT, a good one", sd_cwt(**_cose_holder(public, signer.sign)))
    yield accepted("mdoc, a good one", mdoc(**_device(public, signer.sign)))


def _changed(sign: Sign, change: Callable[[bytes], bytes]) -> Sign:
    return lambda data: change(sign(data))


def _signatures(name: str, reason: Reason, change: Callable[[bytes], bytes]) -> Iterator[Trial]:
    """Change every signature by Ed25519 that there is."""
    issuer, holder = key("issuer", "Ed25519"), key("holder", "Ed25519")
    trusted = sd_jwt.anchors_for(issuer.public)
    by_issuer, by_holder = (_changed(by.sign, change) for by in (issuer, holder))
    yield refused(f"issuer, {name}", reason, jwt(signer=issuer, sign=by_issuer), anchors=trusted, step="V3")
    eddsa = jwt(header={"alg": "EdDSA"}, signer=issuer, sign=by_issuer)
    yield refused(f"issuer, {name}, EdDSA", reason, eddsa, anchors=trusted, step="V3")
    yield from _of_holders(name, reason, _public(holder), by_holder, "V8")
    private = mdoc_keys.key("signer", "Ed25519")
    signed = mdoc(signer=private, sign_with=_changed(private.sign, change))
    yield refused(f"issuerAuth, {name}", reason, signed, step="V3")


@attack("EDD-001", "SIGNATURE_INVALID")
def scalar_not_reduced() -> Iterator[Trial]:
    """S and S + L are the same to whoever does not look: one signature would be two."""
    yield from _good_holders()
    issuer = key("issuer", "Ed25519")
    yield accepted("issuer, a good one", jwt(signer=issuer), anchors=sd_jwt.anchors_for(issuer.public))
    yield accepted("issuerAuth, a good one", mdoc(signer=mdoc_keys.key("signer", "Ed25519")))
    for multiple in (1, 2, 7, 14):
        yield from _signatures(f"S + {multiple} L", _INVALID, partial(_plus, multiple * _L))
    for name, s in (("S = L", _L), ("S = 0", 0), ("all ones", 2**256 - 1)):
        yield from _signatures(name, _INVALID, partial(_scaled, s))
    yield from _signatures("L - S", _INVALID, _negative)


def _plus(more: int, signature: bytes) -> bytes:
    return signature[:32] + (int.from_bytes(signature[32:], "little") + more).to_bytes(32, "little")


def _scaled(s: int, signature: bytes) -> bytes:
    return signature[:32] + s.to_bytes(32, "little")


def _sized(size: int, signature: bytes) -> bytes:
    return (signature * 2)[:size]


def _negative(signature: bytes) -> bytes:
    return signature[:32] + (-int.from_bytes(signature[32:], "little") % _L).to_bytes(32, "little")


@attack("EDD-002", "KEY_INVALID")
def holder_of_small_order() -> Iterator[Trial]:
    """A holder key of small order: the same bytes are a signature by it of any message, or of one in eight."""
    yield from _good_holders()
    for name, public in _SMALL_ORDER.items():
        yield from _of_holders(name, _KEY, public, _forged(_bytes(1), 0), "V4")
        yield from _of_holders(f"{name}, its own R", _KEY, public, _forged(public, 0), "V4")
        yield dpop(f"DPoP, {name}", _KEY, header={"alg": "Ed25519", "jwk": _jwk(public)}, sign=_forged(_bytes(1), 0))
        yield http(f"HTTP signature, {name}", _KEY, edit=_forged(_bytes(1), 0), jwk=_jwk(public))
    for y in (0, 1, 2**448 - 2**224 - 2):
        cose = {1: 1, -1: 7, -2: y.to_bytes(57, "little")}
        yield refused(f"Ed448, y = {y:x}"[:40], _KEY, mdoc(key_info={"deviceKey": cose}), step="V4")


@attack("EDD-004", "KEY_INVALID")
def key_in_a_second_spelling() -> Iterator[Trial]:
    """Two encodings of one key would have two thumbprints."""
    yield from _good_holders()
    for name, public in _SECOND.items():
        yield from _of_holders(name, _KEY, public, _forged(_bytes(1), 0), "V4")
        yield raises(f"trusted, {name}", _KEY, partial(trust, _jwk(public)))
        yield dpop(f"DPoP, {name}", _KEY, header={"alg": "Ed25519", "jwk": _jwk(public)}, sign=_forged(_bytes(1), 0))
    good = base64url(_public(key("holder", "Ed25519"))).decode()
    for name, spelt in (("padded", good + "="), ("standard alphabet", "+" + good[1:]), ("a bit over", _next(good))):
        jwk = {**_jwk(b""), "x": spelt}
        yield refused(f"x in base64url, {name}", _KEY, jwt(payload={"cnf": {"jwk": jwk}}), step="V4")


def _next(text: str) -> str:
    return text[:-1] + chr(ord(text[-1]) + 1)  # 32 bytes end in a character that leaves two bits: every fourth


@attack("EDD-006", "KEY_INVALID")
def no_point() -> Iterator[Trial]:
    """Bytes that are no point of the curve."""
    for name, public in {**_NO_POINT, "all ones": b"\xff" * 32}.items():
        yield raises(f"trusted, {name}", _KEY, partial(trust, _jwk(public)))
        yield raises(f"a holder key before it is issued to, {name}", _KEY, partial(PublicKey.from_jwk, _jwk(public)))
        private = {**_jwk(public), "d": base64url(bytes(range(32))).decode()}
        yield raises(f"a private key, {name}", _KEY, partial(LocalKey.from_jwk, private))
    yield from _of_holders("all ones", _KEY, b"\xff" * 32, _forged(_bytes(1), 0), "V4")
    # Of a holder's key in a presentation the encoding is looked at and the curve is not, which costs as much as a
    # signature: what is no point has made none, and that is found out when one is verified.
    for name, public in _NO_POINT.items():
        for r in (_bytes(1), public):
            spelt = f"{name}, R = {r.hex()[:4]}"
            yield from _of_holders(spelt, _INVALID, public, _forged(r, 0), "V8")


def _scalar(signer: LocalKey) -> int:
    expanded = hashlib.sha512(unbase64url(signer.to_private_jwk()["d"])).digest()
    return int.from_bytes(expanded[:32], "little") & (2**254 - 8) | 2**254


def _with_commitment(signer: LocalKey, r: bytes) -> Sign:
    """Sign by the secret scalar of a key, with this R: S is what belongs to it where R stands for nothing."""
    public, scalar = _public(signer), _scalar(signer)

    def sign(data: bytes) -> bytes:
        k = int.from_bytes(hashlib.sha512(r + public + data).digest(), "little")
        return r + (k * scalar % _L).to_bytes(32, "little")

    return sign


@attack("EDD-007", "SIGNATURE_INVALID")
def commitment_of_small_order() -> Iterator[Trial]:
    """R is of small order, or spelt in a second way, and S is made to fit: verifiers disagree on it."""
    issuer, holder = key("issuer", "Ed25519"), key("holder", "Ed25519")
    trusted = sd_jwt.anchors_for(issuer.public)
    yield accepted("issuer, a good one", jwt(signer=issuer), anchors=trusted)
    yield from _good_holders()
    for name, r in {**_SMALL_ORDER, **_SECOND, **_NO_POINT}.items():
        forged = jwt(signer=issuer, sign=_with_commitment(issuer, r))
        yield refused(f"issuer, {name}", _INVALID, forged, anchors=trusted, step="V3")
        yield from _of_holders(name, _INVALID, _public(holder), _with_commitment(holder, r), "V8")
    yield holds("S is the one that fits", _fits)


def _fits() -> None:
    # In the group S B = R + k A, with R the identity: so S must be the secret scalar times k.
    signer = key("issuer", "Ed25519")
    made = _with_commitment(signer, _bytes(1))(b"data")
    k = int.from_bytes(hashlib.sha512(_bytes(1) + _public(signer) + b"data").digest(), "little")
    expect(int.from_bytes(made[32:], "little") == k * _scalar(signer) % _L, "another S")


@attack("EDD-008", "SIGNATURE_MALFORMED", "KEY_INVALID")
def another_length() -> Iterator[Trial]:
    """Signatures and keys with a byte more or less."""
    yield from _good_holders()
    for size in (1, 32, 63, 65, 128):
        yield from _signatures(f"{size} bytes", _MALFORMED, partial(_sized, size))
    holder = _public(key("holder", "Ed25519"))
    empty = constant(b"")
    yield refused("SD-CWT, none", _MALFORMED, sd_cwt(**_cose_holder(holder, empty)), step="V8")
    yield refused("mdoc, none", _MALFORMED, mdoc(**_device(holder, empty)), step="V8")
    yield refused("SD-JWT VC, none", Reason.MALFORMED_TOKEN, jwt(**_holder(holder, empty)), step="V1")
    for name, public in (
        ("31 bytes", holder[:31]),
        ("33 bytes", holder + b"\0"),
        ("33 bytes in front", b"\0" + holder),
        ("none", b""),
        ("64 bytes", holder * 2),
    ):
        yield from _of_holders(f"a key of {name}", _KEY, public, _forged(_bytes(1), 0), "V4")
        yield raises(f"trusted, a key of {name}", _KEY, partial(trust, _jwk(public)))


@attack("EDD-010", "KEY_INVALID")
def trusted_key_of_small_order() -> Iterator[Trial]:
    """An operator is given a key of small order for that of an issuer: no anchors are made of it."""
    yield holds("a good one", partial(trust, dict(key("issuer", "Ed25519").public.to_jwk())))
    for name, public in {**_SMALL_ORDER, **_SECOND, **_NO_POINT, "a mixed order": _mixed()}.items():
        yield raises(name, _KEY, partial(trust, _jwk(public)))
        info = bytes.fromhex("302a300506032b6570032100") + public
        yield raises(f"{name}, PEM", _KEY, partial(PublicKey.from_pem, _pem(info)))
        yield raises(f"{name}, for status lists", _KEY, partial(_trust_for_lists, _jwk(public)))
        authority = mdoc_keys.key("IACA")
        signed = mdoc_keys.certificate("DS", "IACA", mdoc_keys.key("signer"), authority)
        chain = exchanged(signed, key_info=info, signer=authority)
        yield refused(f"{name}, of a document signer", _KEY, mdoc(chain=chain), step="V2")


def _pem(info: bytes) -> bytes:
    return b"-----BEGIN PUBLIC KEY-----\n" + base64url(info) + b"\n-----END PUBLIC KEY-----\n"


def _trust_for_lists(jwk: dict[str, str]) -> TrustAnchors:
    return TrustAnchors.from_jwks(ISSUER, {"keys": [jwk]}, purpose=KeyPurpose.STATUS_LIST)


def _mixed() -> bytes:
    """Return a point with a part of order 2: the negative of a good one, as to y, is that plus the point (0, -1)."""
    public = int.from_bytes(_public(key("issuer", "Ed25519")), "little")
    y, sign = public & (2**255 - 1), public >> 255
    return _bytes(_P - y, 1 - sign)  # (x, y) + (0, -1) = (-x, -y)


# The u of all points of low order (RFC 7748 section 6.1): 0, 1, p - 1 and the two of order 8, and second spellings.
_LOW_X25519: Final = {
    "0": _bytes(0),
    "1": _bytes(1),
    "p - 1": _bytes(_P - 1),
    "p": _bytes(_P),
    "p + 1": _bytes(_P + 1),
    "of order 8": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "of order 8, the other": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
}


def _mac_of_nothing() -> dict[str, Any]:
    """Answer by a MAC under the key that a shared secret of zeros leaves."""
    transcript = mdoc_forge.handover()
    salt = hashlib.sha256(embedded(dump(transcript))).digest()
    secret = HKDF(hashes.SHA256(), 32, salt=salt, info=b"EMacKey").derive(bytes(32))
    public = mdoc_keys.key("device").public_key()
    return {"reader_public": public, "sign_with": lambda data: hmac.digest(secret, data, "sha256")}


@attack("EDD-011", "KEY_INVALID")
def agreement_of_low_order() -> Iterator[Trial]:
    """A key to agree with that leaves one shared secret for all: a MAC under it could be made by anybody."""
    device = mdoc_keys.cose_key(mdoc_keys.key("device"))
    yield accepted("a device on P-256", mdoc(key_info={"deviceKey": device}))
    reader = AgreementKey.generate("P-256")
    challenge = mdoc_forge.challenge(reader_key=reader)
    for name, public in _LOW_X25519.items():
        cose = {1: 1, -1: 4, -2: public}
        yield refused(f"deviceKey, u = {name}", _KEY, mdoc(key_info={"deviceKey": cose}), step="V4")
        forged = mdoc(key_info={"deviceKey": cose}, device=_mac_of_nothing())
        yield refused(f"a MAC under nothing, u = {name}", _KEY, forged, challenge=challenge, step="V4")
        jwk = {"kty": "OKP", "crv": "X25519", "x": base64url(public).decode(), "d": base64url(bytes(32)).decode()}
        yield raises(f"a reader on X25519, u = {name}", _KEY, partial(AgreementKey.from_jwk, jwk))
        yield raises(f"a holder on X25519, u = {name}", _KEY, partial(PublicKey.from_jwk, jwk))
    infinity = {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}
    yield refused("deviceKey, infinity", _KEY, mdoc(key_info={"deviceKey": infinity}), step="V4")
    forged = mdoc(key_info={"deviceKey": infinity}, device=_mac_of_nothing())
    yield refused("a MAC under nothing, infinity", _KEY, forged, challenge=challenge, step="V4")
    forged = mdoc(device=_mac_of_nothing())
    yield refused("a MAC under nothing, a good key", _INVALID, forged, challenge=challenge, step="V8")
    for sign in (False, True):
        pressed = {**infinity, -3: sign}
        # With x = 0 there are two points of order n on P-256: they are keys, and the holder proves possession of none.
        yield refused(f"deviceKey, x = 0, sign {sign}", _INVALID, mdoc(key_info={"deviceKey": pressed}), step="V8")
    jwk = {**reader.to_private_jwk(), "x": base64url(bytes(32)).decode(), "y": base64url(bytes(32)).decode()}
    yield raises("a reader, infinity", _KEY, partial(AgreementKey.from_jwk, jwk))
    yield raises("a reader, secret 0", _KEY, partial(AgreementKey.from_jwk, {**reader.to_private_jwk(), "d": "A" * 43}))
    yield holds("no two curves agree", _no_two_curves)


def _no_two_curves() -> None:
    reader, device = AgreementKey.generate("P-256"), AgreementKey.generate("P-384")
    expect(reader.mac(device.public, b"salt", b"info", b"data") is None, "a MAC across two curves")
    expect(reader.mac(reader.public, b"salt", b"info", b"data") is not None, "no MAC on one curve")


GROUP: Final = Group(
    "ed25519",
    "one key has one encoding and no small order, one signature one S; the key of an agreement leaves a secret",
    (
        scalar_not_reduced,
        holder_of_small_order,
        key_in_a_second_spelling,
        no_point,
        commitment_of_small_order,
        another_length,
        trusted_key_of_small_order,
        agreement_of_low_order,
    ),
)
