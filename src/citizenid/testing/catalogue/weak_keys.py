"""Public keys that are weak, or none: whoever loads one refuses it, before anything is verified by it.

Spec: RFC 7518 section 6.2; RFC 5480 section 2.1.1; NIST SP 800-56A section 5.6.2.3; specs/verification.md V2.5, V4.16.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ... import ANY, Format, KeyPurpose, PublicKey, Reason, TrustAnchors
from ..attacks import Attack, attack
from ..forge import mdoc_keys
from ..forge.certificates import certificate, certificate_key, local_key, pem, x5c
from ..forge.der import ec_key_info, exchanged, explicit_p256, integer, point, tlv
from ..forge.parts import ABSENT, ISSUER, VCT, base64url, key, unbase64url
from ..forgery import called
from ..trials import Trial, accepted, expect, holds, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._counting import calls_of
from ._places import dpop, http

_INVALID: Final = Reason.KEY_INVALID
_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1  # SP 800-186 section 3.2.1.3
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_RSA_ENCRYPTION: Final = tlv(0x30, bytes.fromhex("06092a864886f70d010101"), b"\x05\x00")


def trust(jwk: dict[str, Any]) -> TrustAnchors:
    """Trust this key for credentials."""
    return TrustAnchors.from_jwks(
        ISSUER,
        {"keys": [jwk]},
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=[VCT],
        countries=ANY,
    )


def held(jwk: Any) -> dict[str, Any]:
    """Return what makes a credential whose holder has this key, as JWK."""
    return {"payload": {"cnf": {"jwk": jwk}}}


def _rsa_jwk(modulus: int, exponent: int) -> dict[str, str]:
    n, e = (base64url(each.to_bytes((each.bit_length() + 7) // 8 or 1, "big")).decode() for each in (modulus, exponent))
    return {"kty": "RSA", "n": n, "e": e, "alg": "RS256"}


def _rsa_pem(modulus: int, exponent: int) -> bytes:
    content = tlv(0x30, integer(modulus), integer(exponent))
    return _pem(tlv(0x30, _RSA_ENCRYPTION, tlv(0x03, b"\0", content)))


def _pem(info: bytes) -> bytes:
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(info) + b"-----END PUBLIC KEY-----\n"


def _odd(bits: int) -> int:
    return 1 << bits - 1 | 1 << bits // 2 | 1


_WEAK_RSA: Final = {
    "512 bits": (_odd(512), 65_537),
    "1024 bits": (_odd(1_024), 65_537),
    "exponent 1": (_odd(2_048), 1),
    "an even exponent": (_odd(2_048), 65_536),
    "16384 bits": (_odd(16_384), 65_537),
    "an exponent of 2047 bits": (_odd(2_048), _odd(2_047)),
    "modulus 0": (0, 65_537),
    "an even modulus": (2**2_047, 65_537),
    "2048 bits": (_odd(2_048), 65_537),  # nothing is signed by RSA here, of whatever size
}


@attack("KEY-017", "KEY_INVALID")
def rsa_key() -> Iterator[Trial]:
    """An RSA key, too small, too large, or with an exponent that costs a lot: no kind of RSA key is loaded."""
    for name, numbers in _WEAK_RSA.items():
        jwk = _rsa_jwk(*numbers)
        yield raises(name, _INVALID, partial(PublicKey.from_jwk, jwk))
        yield raises(name + ", PEM", _INVALID, partial(PublicKey.from_pem, _rsa_pem(*numbers)))
        # A set may hold keys of other kinds (RFC 7517 section 5); with none that is left it is no anchor.
        yield raises(name + ", trusted", Reason.ANCHOR_INVALID, partial(trust, jwk))
        yield refused(name + ", of the holder", _INVALID, jwt(**held(jwk)), step="V4")
    jwk = _rsa_jwk(_odd(2_048), 65_537)
    yield dpop("DPoP", _INVALID, header={"jwk": jwk})
    yield http("HTTP signature", _INVALID, jwk=jwk)
    cose = {1: 3, -1: _odd(2_048).to_bytes(256, "big"), -2: b"\x01\x00\x01"}
    yield refused("SD-CWT", _INVALID, sd_cwt(claims={8: {1: cose}}), step="V4")
    yield refused("deviceKey", _INVALID, mdoc(key_info={"deviceKey": cose}), step="V4")
    for bits in (1_024, 2_048):
        public = rsa.RSAPublicNumbers(65_537, _odd(bits)).public_key()
        leaf = mdoc_keys.key("signer")
        made = exchanged(
            mdoc_keys.certificate("DS", "IACA", leaf, mdoc_keys.key("IACA")),
            key_info=public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            signer=mdoc_keys.key("IACA"),
        )
        yield refused(f"a document signer with {bits} bits", _INVALID, mdoc(chain=made), step="V2")
        root = certificate("root", "root", public=public, authority=True)
        reason = Reason.ANCHOR_INVALID
        if bits < 2_048:
            yield raises(f"a root with {bits} bits", reason, partial(_trust_root, pem(root)))
        else:
            yield holds(f"a root with {bits} bits", partial(_trust_root, pem(root)))
    yield holds("the numbers of none are even decoded", _not_decoded)


def _trust_root(roots: bytes) -> TrustAnchors:
    return TrustAnchors.from_certificates(
        roots,
        issuer=ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=[VCT],
        countries=ANY,
    )


def _not_decoded() -> None:
    # Before anything can be computed from a number it is decoded: where that does not happen, no key costs more than
    # another, whatever its numbers are.
    for name, numbers in _WEAK_RSA.items():
        load = partial(called, partial(PublicKey.from_jwk, _rsa_jwk(*numbers)))
        decoders = _decoders_called(load)
        expect(decoders == [], f"{name}: {decoders}")
    good = dict(key("holder").public.to_jwk())
    expect(_decoders_called(partial(PublicKey.from_jwk, good)) != [], "no decoder is seen of a good key")


def _decoders_called(act: Callable[[], object]) -> list[str]:
    return [name for _, name in calls_of(act) if "b64decode" in name or name == "from_bytes"]


def _y_of(x: int) -> int | None:
    """Return a y for which (x, y) lies on P-256, or None."""
    square = (x**3 - 3 * x + _B) % _P
    y: int = pow(square, (_P + 1) // 4, _P)
    return y if y * y % _P == square else None


@cache
def _small_x() -> tuple[int, int]:
    """Return a point of P-256 whose x is so small that x + p has 32 bytes as well."""
    return next((x, y) for x in range(1, 200) if (y := _y_of(x)) is not None)


def _coordinates(x: bytes, y: bytes) -> dict[str, str]:
    return {"kty": "EC", "crv": "P-256", "x": base64url(x).decode(), "y": base64url(y).decode()}


def _points() -> Iterator[tuple[str, bytes, bytes]]:
    """Give pairs of coordinates that are no public key, each with what is wrong."""
    jwk = key("holder").public.to_jwk()
    x, y = unbase64url(jwk["x"]), unbase64url(jwk["y"])
    small, other = _small_x()
    yield "not on the curve", x, y[:-1] + bytes((y[-1] ^ 1,))
    yield "x and y exchanged", y, x
    yield "infinity, as zeros", bytes(32), bytes(32)
    yield "no coordinates", b"", b""
    yield "x = p", _P.to_bytes(32, "big"), y
    yield "x + p", (small + _P).to_bytes(32, "big"), other.to_bytes(32, "big")
    yield "y = p", x, _P.to_bytes(32, "big")
    yield "all ones", b"\xff" * 32, b"\xff" * 32
    yield "x of 31 bytes", x[1:], y
    yield "x of 33 bytes", b"\0" + x, y
    yield "y of 31 bytes", x, y[1:]
    yield "y of 33 bytes", x, b"\0" + y
    yield "x of 31 bytes, y of 33", x[:31], x[31:] + y


@attack("KEY-019", "KEY_INVALID")
def no_point() -> Iterator[Trial]:
    """The coordinates of an EC key are no point of its curve, or spell one in a second way."""
    small, other = (each.to_bytes(32, "big") for each in _small_x())
    yield holds("a point with a small x", partial(trust, _coordinates(small, other)))
    yield accepted("a good key", jwt())
    device = mdoc_keys.cose_key(mdoc_keys.key("device"))
    for name, x, y in _points():
        jwk = _coordinates(x, y)
        yield raises(f"trusted, {name}", _INVALID, partial(trust, jwk))
        yield refused(f"of the holder, {name}", _INVALID, jwt(**held(jwk)), step="V4")
        cose = {1: 2, -1: 1, -2: x, -3: y}
        yield refused(f"SD-CWT, {name}", _INVALID, sd_cwt(claims={8: {1: cose}}), step="V4")
        yield refused(f"deviceKey, {name}", _INVALID, mdoc(key_info={"deviceKey": cose}), step="V4")
    off = {**key("sender client").public.to_jwk(), "y": base64url(bytes(32)).decode()}
    yield dpop("DPoP, not on the curve", _INVALID, header={"jwk": off})
    yield http("HTTP signature, not on the curve", _INVALID, jwk=off)
    yield accepted("deviceKey, the sign of y", mdoc(key_info={"deviceKey": {**device, -3: bool(device[-3][-1] & 1)}}))
    for name, member in (("y is a number", 1), ("y is missing", ABSENT), ("y is text", "y")):
        changed = {**device, -3: member}
        cose = {label: value for label, value in changed.items() if value is not ABSENT}
        yield refused(f"deviceKey, {name}", _INVALID, mdoc(key_info={"deviceKey": cose}), step="V4")
    no_root = next(x for x in range(1, 200) if _y_of(x) is None)
    pressed = {1: 2, -1: 1, -2: no_root.to_bytes(32, "big"), -3: True}
    yield refused("deviceKey, no point has this x", _INVALID, mdoc(key_info={"deviceKey": pressed}), step="V4")


@attack("KEY-020", "KEY_INVALID")
def curve_by_its_parameters() -> Iterator[Trial]:
    """A key spells out its curve, and may choose the generator: with its own public key as that, its secret is one."""
    private = certificate_key("leaf")
    public = point(private.public_key())
    right = point(ec.derive_private_key(1, ec.SECP256R1()).public_key())
    named = bytes.fromhex("06082a8648ce3d030107")
    yield holds("by its name", partial(PublicKey.from_pem, _pem(ec_key_info(named, public))))
    infos = {
        "its own key as generator": ec_key_info(explicit_p256(public), public),
        "the right generator": ec_key_info(explicit_p256(right), public),
        "another order": ec_key_info(explicit_p256(right, order=7), public),
        "no parameters": ec_key_info(b"", public),
        "null": ec_key_info(b"\x05\x00", public),
    }
    for name, info in infos.items():
        yield raises(name, _INVALID, partial(PublicKey.from_pem, _pem(info)))
    # In a chain, what is wrong with the key is said of the certificate that holds it.
    refusal = Reason.CERTIFICATE_INVALID
    leaf, ds = certificate("leaf", "root"), mdoc_keys.key("signer")
    root = certificate("root", "root", authority=True)
    by_leaf: dict[str, Any] = {"signer": local_key(private)}
    header = {"kid": ABSENT, "x5c": x5c(leaf)}
    yield accepted("a leaf", jwt(header=header, **by_leaf), anchors=_trust_root(pem(root)))
    for name in ("its own key as generator", "the right generator"):
        made = exchanged(leaf, key_info=infos[name], signer=certificate_key("root"))
        header = {"kid": ABSENT, "x5c": [base64.b64encode(made).decode()]}
        forged = jwt(header=header, **by_leaf)
        yield refused(f"a leaf, {name}", refusal, forged, anchors=_trust_root(pem(root)), step="V2")
        generator = explicit_p256(point(ds.public_key()) if name.startswith("its") else right)
        signed = mdoc_keys.certificate("DS", "IACA", ds, mdoc_keys.key("IACA"))
        info = ec_key_info(generator, point(ds.public_key()))
        made = exchanged(signed, key_info=info, signer=mdoc_keys.key("IACA"))
        yield refused(f"a document signer, {name}", refusal, mdoc(chain=made), step="V2")
    own = exchanged(root, key_info=infos["the right generator"], signer=certificate_key("root"))
    spelt = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(own) + b"-----END CERTIFICATE-----\n"
    yield raises("a root", Reason.ANCHOR_INVALID, partial(_trust_root, spelt))


ATTACKS: Final[tuple[Attack, ...]] = (rsa_key, no_point, curve_by_its_parameters)
