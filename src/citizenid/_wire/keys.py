"""JSON Web Keys (RFC 7517, RFC 8037, RFC 9964) and COSE_Keys (RFC 9053): form, lengths, the RFC 7638 thumbprint.

What stands here is grammar: kinds, curves and lengths. Whether a point lies on its curve is for `_crypto`.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, NamedTuple

from .. import _registry as reg
from .._errors import CitizenIDError, MalformedError, Reason
from . import base64url

_CURVES: Final = {algorithm: (kty, curve, size) for (kty, curve), (algorithm, size) in reg.JWK_CURVES.items()}
_COSE_CURVES: Final = {algorithm: (kty, curve, size) for (kty, curve), (algorithm, size) in reg.COSE_CURVES.items()}
_COSE_ML_DSA: Final = {name: number for number, name in reg.COSE_ALGORITHMS.items() if name in reg.ML_DSA_PUBLIC_BYTES}


class KeyMaterial(NamedTuple):
    """A public key as bytes: `x || y` for EC, `x` for OKP, `pub` for AKP."""

    algorithm: str
    public: bytes

    def __repr__(self) -> str:
        return f"<KeyMaterial {self.algorithm}>"


def read_public_jwk(jwk: object, where: str) -> KeyMaterial:
    """Read a public JWK.

    Members that do not describe the key are ignored (RFC 7517 section 4); those that restrict it are obeyed.

    Raises:
        MalformedError: KEY_INVALID on a private or symmetric member, an unknown kty, curve or algorithm, or a length.
        MalformedError: KEY_USE_FORBIDDEN when `use` or `key_ops` does not let the key verify signatures.
    """
    if type(jwk) is not dict or not reg.JWK_PRIVATE_MEMBERS.isdisjoint(jwk):
        raise MalformedError(Reason.KEY_INVALID, where)
    if "use" in jwk or "key_ops" in jwk:
        _check_use(jwk, where, "verify")
    return _material(jwk, where)


def read_private_jwk(jwk: object, where: str) -> tuple[KeyMaterial, bytes]:
    """Read a private JWK: its public half and the secret (`d`, or the ML-DSA seed in `priv`).

    Raises:
        MalformedError: KEY_INVALID.
        MalformedError: KEY_USE_FORBIDDEN when `use` or `key_ops` does not let the key sign.
    """
    if type(jwk) is not dict:
        raise MalformedError(Reason.KEY_INVALID, where)
    _check_use(jwk, where, "sign")
    material = _material(jwk, where)
    if jwk["kty"] == "AKP":
        secret = base64url.decode_sized(jwk.get("priv"), reg.ML_DSA_SEED_BYTES)
    else:
        size = len(material.public) // 2 if jwk["kty"] == "EC" else len(material.public)
        secret = base64url.decode_sized(jwk.get("d"), size)
    if secret is None:
        raise MalformedError(Reason.KEY_INVALID, where)
    return material, secret


def _material(jwk: dict[str, Any], where: str) -> KeyMaterial:
    kty, alg = jwk.get("kty"), jwk.get("alg")
    public: bytes | None = None
    algorithm = ""
    if kty == "AKP":
        size = reg.ML_DSA_PUBLIC_BYTES.get(alg) if type(alg) is str else None  # RFC 9964 section 4: alg is REQUIRED
        if size is not None and type(alg) is str:
            algorithm, public = alg, base64url.decode_sized(jwk.get("pub"), size)
    else:
        curve = jwk.get("crv")
        known = reg.JWK_CURVES.get((kty, curve)) if type(kty) is str and type(curve) is str else None
        if known is not None:
            algorithm, size = known
            public = base64url.decode_sized(jwk.get("x"), size)
            if public is not None and kty == "EC":
                y = base64url.decode_sized(jwk.get("y"), size)
                public = None if y is None else public + y
            if "alg" in jwk and (type(alg) is not str or not _is_named(alg, algorithm)):
                public = None
    if public is None:
        raise MalformedError(Reason.KEY_INVALID, where)
    return KeyMaterial(algorithm, public)


def _is_named(alg: str, algorithm: str) -> bool:
    return reg.JOSE_ALGORITHMS.get(alg) == algorithm or (algorithm == "Ed448" and alg in reg.JWK_ALGORITHMS_OF_ED448)


def public_jwk(material: KeyMaterial) -> dict[str, str]:
    """Write a public JWK with exactly the members that RFC 7638 hashes, in lexicographic order."""
    algorithm, public = material
    if algorithm in reg.ML_DSA_PUBLIC_BYTES:
        return {"alg": algorithm, "kty": "AKP", "pub": base64url.encode_text(public)}
    curve = _CURVES.get(algorithm)
    if curve is None:
        raise CitizenIDError(Reason.KEY_INVALID, "jwk")
    kty, name, size = curve
    jwk = {"crv": name, "kty": kty, "x": base64url.encode_text(public[:size])}
    if kty == "EC":
        jwk["y"] = base64url.encode_text(public[size:])
    return jwk


def public_jwk_text(material: KeyMaterial) -> str:
    """Write a public JWK as the text that RFC 7638 section 3 hashes. Names and base64url need no escaping."""
    algorithm, public = material
    if algorithm in _CURVES:  # as most are: without the dict in between
        kty, name, size = _CURVES[algorithm]
        y = f',"y":"{base64url.encode_text(public[size:])}"' if kty == "EC" else ""
        return f'{{"crv":"{name}","kty":"{kty}","x":"{base64url.encode_text(public[:size])}"{y}}}'
    return "{" + ",".join([f'"{name}":"{value}"' for name, value in public_jwk(material).items()]) + "}"


def thumbprint(material: KeyMaterial) -> bytes:
    """Return the SHA-256 JWK thumbprint (RFC 7638 section 3; RFC 9964 section 6 for AKP), 32 bytes."""
    return hashlib.sha256(public_jwk_text(material).encode("ascii")).digest()


def _check_use(jwk: dict[str, Any], where: str, needed: str) -> None:
    operations = jwk.get("key_ops", [needed])
    if (
        jwk.get("use", "sig") != "sig"
        or type(operations) is not list
        or needed not in operations
        or not all(operation in ("verify", "sign") for operation in operations)
        or len(operations) != len(set(operations))  # RFC 7517 section 4.3: no duplicates
    ):
        raise MalformedError(Reason.KEY_USE_FORBIDDEN, where)


def read_cose_key(key: object, where: str) -> KeyMaterial:
    """Read a public COSE_Key, decoded. Labels are integers or text, exactly: the codec has seen to it.

    An EC key may come with a sign bit instead of y (RFC 9053 section 7.1.1): its material is then the compressed point,
    one byte longer than x, which `_crypto` completes.

    Raises:
        MalformedError: KEY_INVALID on a private member, an unknown kty or curve, an algorithm that does not fit, or a
            length; KEY_USE_FORBIDDEN when `key_ops` does not let the key verify; CURVE_UNSUPPORTED.
    """
    if type(key) is not dict:
        raise MalformedError(Reason.KEY_INVALID, where)
    kty, curve, x, y = key.get(1), key.get(-1), key.get(-2), key.get(-3)
    algorithm = public = None
    if type(kty) is not int:
        pass
    elif kty == reg.COSE_KTY_AKP:  # RFC 9964 section 5: alg is REQUIRED; -1 is the key, -2 its secret
        number = key.get(3)
        algorithm = reg.COSE_ALGORITHMS.get(number) if type(number) is int else None
        if algorithm in reg.ML_DSA_PUBLIC_BYTES and -2 not in key:
            public = _sized(curve, reg.ML_DSA_PUBLIC_BYTES[algorithm])
    elif type(curve) is int and -4 not in key:  # -4 is d
        if (kty, curve) == reg.COSE_BRAINPOOL_P320:
            raise MalformedError(Reason.CURVE_UNSUPPORTED, where)
        algorithm, size = reg.COSE_CURVES.get((kty, curve), ("", 0))
        public = _sized(x, size)
        if kty == reg.COSE_KTY_EC2 and public is not None:
            if type(y) is bool:
                public = (b"\x03" if y else b"\x02") + public
            else:
                y = _sized(y, size)
                public = None if y is None else public + y
        if 3 in key and not _fits(key[3], algorithm):
            public = None
    if algorithm is None or not algorithm or public is None:
        raise MalformedError(Reason.KEY_INVALID, where)
    if 4 in key:
        operations = key[4]
        if type(operations) is not list or reg.COSE_KEY_OP_VERIFY not in [
            each for each in operations if type(each) is int
        ]:
            raise MalformedError(Reason.KEY_USE_FORBIDDEN, where)
    return KeyMaterial(algorithm, public)


def _sized(value: object, size: int) -> bytes | None:
    return value if type(value) is bytes and len(value) == size else None


def _fits(number: object, algorithm: str) -> bool:
    if type(number) is not int:
        return False
    return reg.COSE_ALGORITHMS.get(number) == algorithm or algorithm in reg.ALGORITHM_FAMILIES.get(str(number), ())


def cose_key(material: KeyMaterial) -> dict[int, int | bytes]:
    """Write a public COSE_Key with its required members alone, in the order of canonical CBOR."""
    algorithm, public = material
    if algorithm in _COSE_ML_DSA:
        return {1: reg.COSE_KTY_AKP, 3: _COSE_ML_DSA[algorithm], -1: public}
    kty, curve, size = _COSE_CURVES[algorithm]
    key: dict[int, int | bytes] = {1: kty, -1: curve, -2: public[:size]}
    if kty == reg.COSE_KTY_EC2:
        key[-3] = public[size:]
    return key
