"""Public keys that have been checked, private keys in this process, and the one function that verifies a signature.

Spec: RFC 7517, RFC 7638, RFC 8725 section 3.1; specs/decisions/0003 and 0005.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn, Protocol, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa

from .. import _registry as reg
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._model import KeyAgreement, SignedObject
from .._wire import base64url, keys
from .._wire.keys import KeyMaterial
from .algorithms import ALGORITHMS, Algorithm

_MAX_PEM_BYTES: Final = 1_048_576
# OBJECT IDENTIFIER prime-field (RFC 3279 section 2.3.5): it stands in explicit parameters and in nothing that we take.
EXPLICIT_CURVE: Final = bytes.fromhex("06072a8648ce3d0101")


@final
class PublicKey:
    """A public key that has been checked: on its curve, canonical, of no small order, for one algorithm.

    Equal keys have equal `algorithm` and bytes. The constructor is private; use `from_jwk` or `from_pem`.

    >>> key = LocalKey.generate("ES256").public
    >>> PublicKey.from_jwk(key.to_jwk()) == key
    True
    """

    __slots__ = ("_handle", "_material", "_thumbprint", "_verify", "algorithm")
    algorithm: Final[str]

    def __init__(self, material: KeyMaterial, where: str, *, full: bool) -> None:
        row = ALGORITHMS[material.algorithm]
        handle = None
        try:
            handle = row.load(material.public, full)
        except ValueError:
            pass  # raised below, without what the backend says of the bytes
        if handle is None:
            raise MalformedError(Reason.KEY_INVALID, where)
        self.algorithm = material.algorithm
        self._material = material
        self._handle = handle
        self._verify = row.verify
        self._thumbprint: bytes | None = None

    @classmethod
    def from_jwk(cls, jwk: dict[str, Any]) -> PublicKey:
        """Load a public JWK with the full gate (RFC 7517; EC, OKP and AKP).

        Raises:
            MalformedError: KEY_INVALID.
            MalformedError: KEY_USE_FORBIDDEN when `use` or `key_ops` forbids verifying.
        """
        return cls(keys.read_public_jwk(jwk, "jwk"), "jwk", full=True)

    @classmethod
    def from_pem(cls, pem: bytes | str) -> PublicKey:
        """Load a SubjectPublicKeyInfo in PEM with the full gate.

        Raises:
            MalformedError: KEY_INVALID for another kind of key, another curve, explicit parameters, a point in the
                hybrid form, broken PEM, or more than one key.
        """
        data, handle = b"", None
        try:
            data = key_bytes(pem)
            handle = serialization.load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm):
            pass
        material = material_of(handle, "pem")
        # RFC 5480 section 2.2: a point in the hybrid form MUST be rejected. The backend takes it.
        hybrid = bytes((6 + material.public[-1] % 2,)) + material.public
        if material.algorithm in _NIST_AND_BRAINPOOL and any(hybrid in body for body in _bodies(data)):
            raise MalformedError(Reason.KEY_INVALID, "pem")
        return cls(material, "pem", full=True)

    @property
    def thumbprint(self) -> bytes:
        """The RFC 7638 SHA-256 thumbprint, 32 bytes."""
        if self._thumbprint is None:
            self._thumbprint = keys.thumbprint(self._material)
        return self._thumbprint

    def to_jwk(self) -> dict[str, str]:
        """Return the key as a JWK with its required members alone."""
        return keys.public_jwk(self._material)

    def __eq__(self, other: object) -> bool:
        return self._material == other._material if type(other) is PublicKey else NotImplemented

    def __hash__(self) -> int:
        return hash(self._material)

    def __repr__(self) -> str:
        return f"<PublicKey {self.algorithm}>"

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("PublicKey is final")


def jwk_text(key: PublicKey) -> str:
    """Return a key's JWK as the text that is hashed for its thumbprint (RFC 7638 section 3)."""
    return keys.public_jwk_text(key._material)


def pem_bytes(pem: bytes | str) -> bytes:
    """Return PEM as bytes.

    Raises:
        ValueError: for what is neither, more than 1 MiB, which no set of roots needs, a character outside ASCII, and
            for explicit curve parameters: whoever spells out a curve may choose its generator (CVE-2020-0601).
    """
    if not isinstance(pem, bytes | str) or len(pem) > _MAX_PEM_BYTES:
        raise ValueError
    data = pem.encode("ascii") if isinstance(pem, str) else pem
    if any(EXPLICIT_CURVE in body for body in _bodies(data)):
        raise ValueError
    return data


def key_bytes(pem: bytes | str) -> bytes:
    """Return PEM that holds one key as bytes.

    Raises:
        ValueError: as `pem_bytes`, and for several keys, of which all but the first would go unread.
    """
    data = pem_bytes(pem)
    if len(_KEY_ARMOUR.findall(data)) > 1:
        raise ValueError
    return data


_KEY_ARMOUR: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]*KEY-----")  # RFC 7468 sections 10, 11 and 13; SEC 1


def _bodies(data: bytes) -> Iterator[bytes]:
    return map(base64.b64decode, data.split(b"-----")[2::4])


def load_holder_key(jwk: object, where: str) -> PublicKey:
    """Load a cnf or DPoP key met in verification: canonical, of no small order, and for EC on its curve.

    The full gate of Ed25519 (43 us) runs where keys enter for long: anchors and issuing. Here bytes that are no point
    are found out when a signature is verified with them, which none ever is; a mixed-order key lets its owner sign,
    which he can do anyhow.

    Raises:
        MalformedError: KEY_INVALID, KEY_USE_FORBIDDEN.
    """
    return PublicKey(keys.read_public_jwk(jwk, where), where, full=False)


def load_cose_key(key: object, where: str, *, full: bool = False) -> PublicKey:
    """Load a COSE_Key (RFC 9053 section 7), decoded: the key of a credential's holder, or with `full` one to trust.

    Raises:
        MalformedError: KEY_INVALID, KEY_USE_FORBIDDEN, CURVE_UNSUPPORTED.
    """
    material = keys.read_cose_key(key, where)
    curve = _NIST_AND_BRAINPOOL.get(material.algorithm)
    if curve is not None and len(material.public) % 2:  # a sign bit in place of y
        whole = None
        try:
            whole = material_of(ALGORITHMS[material.algorithm].load(material.public, full), where)
        except ValueError:
            pass  # raised below: there is no point with this x
        if whole is None:
            raise MalformedError(Reason.KEY_INVALID, where)
        material = whole
    return PublicKey(material, where, full=full)


def cose_key(key: PublicKey) -> dict[int, int | bytes]:
    """Return a key as a COSE_Key with its required members alone."""
    return keys.cose_key(key._material)


def material_of(handle: object, where: str) -> KeyMaterial:
    """Return the bytes of a public key that `cryptography` loaded. Raises KEY_INVALID for kinds outside the table."""
    if isinstance(handle, ec.EllipticCurvePublicKey):
        known = _CURVES.get(type(handle.curve))
        if known is not None:
            numbers = handle.public_numbers()
            name, size = known
            return KeyMaterial(name, numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big"))
    elif isinstance(handle, ed25519.Ed25519PublicKey):
        return KeyMaterial("Ed25519", handle.public_bytes_raw())
    elif isinstance(handle, ed448.Ed448PublicKey):
        return KeyMaterial("Ed448", handle.public_bytes_raw())
    else:
        for name, class_ in _ML_DSA_CLASSES.items():
            if isinstance(handle, class_):
                return KeyMaterial(name, handle.public_bytes_raw())
    raise MalformedError(Reason.KEY_INVALID, where)


_CURVES: Final[dict[type, tuple[str, int]]] = {
    ec.SECP256R1: ("ES256", 32),
    ec.SECP384R1: ("ES384", 48),
    ec.SECP521R1: ("ES512", 66),
    ec.BrainpoolP256R1: ("ESB256", 32),
    ec.BrainpoolP384R1: ("ESB384", 48),
    ec.BrainpoolP512R1: ("ESB512", 64),
}
_NIST_AND_BRAINPOOL: Final = {name: curve for curve, (name, _) in _CURVES.items()}
_ML_DSA_CLASSES: Final[dict[str, Any]] = {
    "ML-DSA-44": mldsa.MLDSA44PublicKey,
    "ML-DSA-65": mldsa.MLDSA65PublicKey,
    "ML-DSA-87": mldsa.MLDSA87PublicKey,
}


def verify_signature(signed: SignedObject, key: PublicKey, where: str) -> None:
    """Verify one signature with one trusted key: the only such function of the house.

    Args:
        signed: what came in.
        key: the trusted key; its algorithm decides.
        where: spec path of the signed object, for errors.

    Raises:
        VerificationError: ALGORITHM_MISMATCH when the header names another algorithm than the key's,
            SIGNATURE_INVALID when the signature is not one of this key over these bytes.
        MalformedError: SIGNATURE_MALFORMED when the signature does not have the algorithm's length.
    """
    algorithm, signature = key.algorithm, signed.signature
    if signed.algorithm != algorithm:
        if signed.agreement is not None:
            _verify_mac(signed, signed.agreement, key, where)
            return
        if algorithm not in reg.ALGORITHM_FAMILIES.get(signed.algorithm, ()):
            raise VerificationError(Reason.ALGORITHM_MISMATCH, where)
    if len(signature) != reg.SIGNATURE_BYTES[algorithm]:
        raise MalformedError(Reason.SIGNATURE_MALFORMED, where)
    if not key._verify(key._handle, signature, signed.to_be_signed):
        raise VerificationError(Reason.SIGNATURE_INVALID, where)


def _verify_mac(signed: SignedObject, agreement: KeyAgreement, key: PublicKey, where: str) -> None:
    # A MAC under a key that the two sides agree on (ISO/IEC 18013-5 9.1.3.5): no third party is convinced by it, but
    # the verifier, who holds the other half, is.
    if len(signed.signature) != reg.MAC_BYTES:
        raise MalformedError(Reason.SIGNATURE_MALFORMED, where)
    tag = agreement.authenticate(key, signed.to_be_signed)
    if tag is None or not hmac.compare_digest(tag, signed.signature):
        raise VerificationError(Reason.SIGNATURE_INVALID, where)


class SigningKey(Protocol):
    """Whatever can sign: a `LocalKey`, or an adapter to an HSM or a KMS.

    Its algorithm is that of its public half, stated once. `sign` returns the raw signature of `public.algorithm` over
    `data`: r || s for ECDSA, as RFC 7518 section 3.4. An adapter that cannot sign raises an
    OSError, a RuntimeError or another exception of the standard library: the app that publishes lists takes it for a
    signing that failed. One that is derived from Exception alone leaves that app as it is.
    """

    @property
    def public(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Sign `data` and return the raw signature."""
        ...


@final
class LocalKey:
    """A private key in this process. Its repr, errors and pickles hold nothing of it.

    Args:
        algorithm: as `generate`.
        handle: a private key of `cryptography`; of Ed25519 the secret and the public half, 64 bytes.

    Raises:
        CitizenIDError: ALGORITHM_NOT_ALLOWED.
        MalformedError: KEY_INVALID for a handle that is no key of this algorithm.

    >>> key = LocalKey.generate("Ed25519")
    >>> len(key.sign(b"data"))
    64
    """

    __slots__ = ("_handle", "_row", "public")
    public: Final[PublicKey]

    def __init__(self, algorithm: str, handle: Any) -> None:
        self._row = _row_of(algorithm)
        if not _is_secret(algorithm, handle):
            raise MalformedError(Reason.KEY_INVALID, "key")
        self._handle = handle
        self.public = PublicKey(KeyMaterial(algorithm, self._row.public(handle)), "key", full=True)

    @classmethod
    def generate(cls, algorithm: str) -> LocalKey:
        """Make a new key: "ES256", "ES384", "ES512", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65" or "ML-DSA-87".

        For the CBOR formats also "ESB256", "ESB384" and "ESB512" (brainpool r1, RFC 9864).

        Raises:
            CitizenIDError: ALGORITHM_NOT_ALLOWED.
        """
        return cls(algorithm, _row_of(algorithm).generate())

    @classmethod
    def from_jwk(cls, jwk: dict[str, Any]) -> LocalKey:
        """Load a private JWK; its public members must belong to its secret.

        Raises:
            MalformedError: KEY_INVALID.
            MalformedError: KEY_USE_FORBIDDEN when `use` or `key_ops` forbids signing.
        """
        material, secret = keys.read_private_jwk(jwk, "jwk")
        handle = None
        try:
            handle = ALGORITHMS[material.algorithm].from_secret(secret)
        except ValueError:
            pass
        if handle is None or ALGORITHMS[material.algorithm].public(handle) != material.public:
            raise MalformedError(Reason.KEY_INVALID, "jwk")
        return cls(material.algorithm, handle)

    @classmethod
    def from_pem(cls, pem: bytes | str, *, password: bytes | None = None) -> LocalKey:
        """Load a private key in PEM (PKCS #8, or SEC 1 for EC): one key and no more.

        Raises:
            MalformedError: KEY_INVALID.
        """
        key = None
        try:
            handle: Any = serialization.load_pem_private_key(key_bytes(pem), password)
            algorithm = material_of(handle.public_key(), "pem").algorithm
            if algorithm == "Ed25519":
                handle = ALGORITHMS["Ed25519"].from_secret(handle.private_bytes_raw())
            key = cls(algorithm, handle)
        except (ValueError, TypeError, UnsupportedAlgorithm, CitizenIDError):
            pass
        if key is None:
            raise MalformedError(Reason.KEY_INVALID, "pem")
        return key

    @property
    def algorithm(self) -> str:
        """The algorithm of this key."""
        return self.public.algorithm

    def sign(self, data: bytes, /) -> bytes:
        """Sign `data`; returns the raw signature."""
        return self._row.sign(self._handle, data)

    def to_private_jwk(self) -> dict[str, str]:
        """Return the private key as a JWK, for a wallet to keep in its own safe store."""
        jwk = self.public.to_jwk()
        member = "priv" if jwk["kty"] == "AKP" else "d"
        return {**jwk, member: base64url.encode_text(self._row.secret(self._handle))}

    def __repr__(self) -> str:
        return f"<LocalKey {self.algorithm}>"

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("LocalKey is final")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a LocalKey is not copied or pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a LocalKey is not copied or pickled")


def _row_of(algorithm: str) -> Algorithm:
    row = ALGORITHMS.get(algorithm) if type(algorithm) is str else None
    if row is None:
        raise CitizenIDError(Reason.ALGORITHM_NOT_ALLOWED, "key")
    return row


def _is_secret(algorithm: str, handle: Any) -> bool:
    """Say whether this is a private key of the algorithm: whoever adapts a key may have got hold of another."""
    if algorithm == "Ed25519":
        # A secret beside the public half of another would be told by two signatures of one message.
        return (
            type(handle) is bytes
            and len(handle) == _ED25519_BYTES
            and hmac.compare_digest(ALGORITHMS[algorithm].from_secret(handle[:32]), handle)
        )
    if isinstance(handle, ec.EllipticCurvePrivateKey):
        known = _CURVES.get(type(handle.curve))
        return known is not None and known[0] == algorithm
    class_ = _PRIVATE_CLASSES.get(algorithm)
    return class_ is not None and isinstance(handle, class_)


_ED25519_BYTES: Final = 64
_PRIVATE_CLASSES: Final[dict[str, Any]] = {
    "Ed448": ed448.Ed448PrivateKey,
    "ML-DSA-44": mldsa.MLDSA44PrivateKey,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey,
}
