"""Keys, signatures, digests and sealing: the closed table of algorithms, and nothing that chooses by a header.

The key decides (RFC 8725 section 3.1): `verify_signature` compares the algorithm that a header names with the key's
own and never looks one up by the header. Ed25519 runs on libsodium through PyNaCl, because OpenSSL accepts small-order
and non-canonical keys; everything else runs on `cryptography`. This file and `_x509` alone import `cryptography`.

Spec: RFC 7518 section 3.4, RFC 8032, RFC 9864, RFC 9964 (FIPS 204), RFC 8452 (AES-GCM-SIV), RFC 5869 (HKDF).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, NoReturn, Protocol, final

import nacl.bindings as sodium
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.exceptions import CryptoError

from . import _registry as reg
from ._errors import CitizenIDError, MalformedError, Reason, VerificationError
from ._model import KeyHint, SignedObject
from ._wire import base64url, keys
from ._wire.keys import KeyMaterial

_MAX_PEM_BYTES: Final = 1_048_576
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


class _Algorithm(NamedTuple):
    """One row of the table: how to load a public key of this algorithm and how to verify with it."""

    load: Callable[[bytes, bool], Any]  # (material, full gate) -> handle; raises ValueError
    verify: Callable[[Any, bytes, bytes], bool]  # (handle, signature, data)
    generate: Callable[[], Any]
    from_secret: Callable[[bytes], Any]  # raises ValueError
    sign: Callable[[Any, bytes], bytes]
    public: Callable[[Any], bytes]  # private handle -> material
    secret: Callable[[Any], bytes]


def _ecdsa(curve: ec.EllipticCurve, field_prime: int, size: int, hash_: hashes.HashAlgorithm) -> _Algorithm:
    scheme = ec.ECDSA(hash_)
    prime = field_prime.to_bytes(size, "big")

    def load(material: bytes, full: bool) -> ec.EllipticCurvePublicKey:
        # OpenSSL reduces a coordinate >= p: one key would have several encodings, and so several thumbprints.
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
        r, s = decode_dss_signature(handle.sign(data, scheme))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def public(handle: ec.EllipticCurvePrivateKey) -> bytes:
        numbers = handle.public_key().public_numbers()
        return numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")

    def from_secret(secret: bytes) -> ec.EllipticCurvePrivateKey:
        if len(secret) != size:
            raise ValueError
        return ec.derive_private_key(int.from_bytes(secret, "big"), curve)

    return _Algorithm(
        load=load,
        verify=verify,
        generate=lambda: ec.generate_private_key(curve),
        from_secret=from_secret,
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


def _ml_dsa(public_class: Any, private_class: Any) -> _Algorithm:
    def verify(handle: Any, signature: bytes, data: bytes) -> bool:
        try:
            handle.verify(signature, data)  # context empty: RFC 9964 section 4
        except InvalidSignature:
            return False
        return True

    def from_secret(secret: bytes) -> Any:
        if len(secret) != reg.ML_DSA_SEED_BYTES:
            raise ValueError
        return private_class.from_seed_bytes(secret)

    return _Algorithm(
        load=lambda material, full: public_class.from_public_bytes(material),
        verify=verify,
        generate=private_class.generate,
        from_secret=from_secret,
        sign=lambda handle, data: handle.sign(data),
        public=lambda handle: handle.public_key().public_bytes_raw(),
        secret=lambda handle: handle.private_bytes_raw(),
    )


_P256: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1  # FIPS 186-5 / SP 800-186 section 3.2.1
_P384: Final = 2**384 - 2**128 - 2**96 + 2**32 - 1
_P521: Final = 2**521 - 1

_ALGORITHMS: Final[dict[str, _Algorithm]] = {
    "ES256": _ecdsa(ec.SECP256R1(), _P256, 32, hashes.SHA256()),
    "ES384": _ecdsa(ec.SECP384R1(), _P384, 48, hashes.SHA384()),
    "ES512": _ecdsa(ec.SECP521R1(), _P521, 66, hashes.SHA512()),
    "Ed25519": _Algorithm(
        load=_ed25519_load,
        verify=_ed25519_verify,
        generate=lambda: sodium.crypto_sign_keypair()[1],
        from_secret=lambda secret: sodium.crypto_sign_seed_keypair(_exactly(secret, 32))[1],
        sign=lambda handle, data: sodium.crypto_sign(data, handle)[:64],
        public=lambda handle: handle[32:],
        secret=lambda handle: handle[:32],
    ),
    "ML-DSA-44": _ml_dsa(mldsa.MLDSA44PublicKey, mldsa.MLDSA44PrivateKey),
    "ML-DSA-65": _ml_dsa(mldsa.MLDSA65PublicKey, mldsa.MLDSA65PrivateKey),
    "ML-DSA-87": _ml_dsa(mldsa.MLDSA87PublicKey, mldsa.MLDSA87PrivateKey),
}


def _exactly(secret: bytes, size: int) -> bytes:
    if len(secret) != size:
        raise ValueError
    return secret


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
        row = _ALGORITHMS[material.algorithm]
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
            MalformedError: KEY_INVALID for another kind of key, another curve, explicit parameters or broken PEM.
        """
        handle = None
        try:
            handle = serialization.load_pem_public_key(pem_bytes(pem))
        except (ValueError, UnsupportedAlgorithm):
            pass
        return cls(material_of(handle, "pem"), "pem", full=True)

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


def pem_bytes(pem: bytes | str) -> bytes:
    """Return PEM as bytes. Raises ValueError for more than 1 MiB, which no set of roots needs, or another character."""
    if len(pem) > _MAX_PEM_BYTES:
        raise ValueError
    return pem.encode("ascii") if isinstance(pem, str) else pem


def load_holder_key(jwk: object, where: str) -> PublicKey:
    """Load a cnf or DPoP key met in verification: canonical, on the curve, of no small order.

    The subgroup test of Ed25519 (43 us) runs where keys enter for long: anchors and issuing. A mixed-order key that
    slips in here lets its owner produce signatures, which he can do anyhow.

    Raises:
        MalformedError: KEY_INVALID.
        MalformedError: KEY_USE_FORBIDDEN.
    """
    return PublicKey(keys.read_public_jwk(jwk, where), where, full=False)


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
    else:
        for name, class_ in _ML_DSA_CLASSES.items():
            if isinstance(handle, class_):
                return KeyMaterial(name, handle.public_bytes_raw())
    raise MalformedError(Reason.KEY_INVALID, where)


_CURVES: Final[dict[type, tuple[str, int]]] = {
    ec.SECP256R1: ("ES256", 32),
    ec.SECP384R1: ("ES384", 48),
    ec.SECP521R1: ("ES512", 66),
}
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
    if signed.algorithm != key.algorithm:
        raise VerificationError(Reason.ALGORITHM_MISMATCH, where)
    if len(signed.signature) != reg.SIGNATURE_BYTES[key.algorithm]:
        raise MalformedError(Reason.SIGNATURE_MALFORMED, where)
    if not key._verify(key._handle, signed.signature, signed.to_be_signed):
        raise VerificationError(Reason.SIGNATURE_INVALID, where)


class SigningKey(Protocol):
    """Whatever can sign: a `LocalKey`, or an adapter to an HSM or a KMS.

    `sign` returns the raw signature of `public.algorithm` over `data`: r || s for ECDSA, as RFC 7518 section 3.4.
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

    >>> key = LocalKey.generate("Ed25519")
    >>> len(key.sign(b"data"))
    64
    """

    __slots__ = ("_handle", "_row", "public")
    public: Final[PublicKey]

    def __init__(self, algorithm: str, handle: Any) -> None:
        self._row = _ALGORITHMS[algorithm]
        self._handle = handle
        self.public = PublicKey(KeyMaterial(algorithm, self._row.public(handle)), "key", full=True)

    @classmethod
    def generate(cls, algorithm: str) -> LocalKey:
        """Make a new key for "ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-65" or "ML-DSA-87".

        Raises:
            CitizenIDError: ALGORITHM_NOT_ALLOWED.
        """
        row = _ALGORITHMS.get(algorithm)
        if row is None:
            raise CitizenIDError(Reason.ALGORITHM_NOT_ALLOWED, "key")
        return cls(algorithm, row.generate())

    @classmethod
    def from_jwk(cls, jwk: dict[str, Any]) -> LocalKey:
        """Load a private JWK; its public members must belong to its secret.

        Raises:
            MalformedError: KEY_INVALID.
        """
        material, secret = keys.read_private_jwk(jwk, "jwk")
        handle = None
        try:
            handle = _ALGORITHMS[material.algorithm].from_secret(secret)
        except ValueError:
            pass
        if handle is None or _ALGORITHMS[material.algorithm].public(handle) != material.public:
            raise MalformedError(Reason.KEY_INVALID, "jwk")
        return cls(material.algorithm, handle)

    @classmethod
    def from_pem(cls, pem: bytes | str, *, password: bytes | None = None) -> LocalKey:
        """Load a private key in PEM (PKCS #8, or SEC 1 for EC).

        Raises:
            MalformedError: KEY_INVALID.
        """
        handle: Any = None
        material = None
        try:
            handle = serialization.load_pem_private_key(pem_bytes(pem), password)
            material = material_of(handle.public_key(), "pem")
            if material.algorithm == "Ed25519":
                handle = _ALGORITHMS["Ed25519"].from_secret(handle.private_bytes_raw())
        except (ValueError, TypeError, UnsupportedAlgorithm, CitizenIDError):
            handle = None
        if handle is None or material is None:
            raise MalformedError(Reason.KEY_INVALID, "pem")
        return cls(material.algorithm, handle)

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


def derive_key(secret: bytes, purpose: str, size: int = 32) -> bytes:
    """Derive a key for one purpose from an operator's secret (HKDF-SHA256, RFC 5869; `purpose` is the info)."""
    return HKDF(hashes.SHA256(), size, salt=None, info=b"citizenid/1/" + purpose.encode("ascii")).derive(secret)


@final
class SealingKey:
    """AES-256-GCM-SIV (RFC 8452), misuse-resistant: a whole fleet may draw nonces at random without counting."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCMSIV(key)

    def seal(self, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        """Encrypt and authenticate; 16 bytes longer than the plaintext."""
        return self._cipher.encrypt(nonce, plaintext, associated_data)

    def open(self, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes | None:
        """Return the plaintext, or None when it was not sealed with this key and these associated data."""
        try:
            return self._cipher.decrypt(nonce, ciphertext, associated_data)
        except (InvalidTag, ValueError):
            return None

    def __repr__(self) -> str:
        return "<SealingKey>"


@final
class Unsigned:
    """Something that is complete but for its signature. Signing is I/O: an HSM or a KMS may take its time.

    Attributes:
        to_be_signed: the bytes to sign.
        algorithm: the algorithm to sign them with.
    """

    __slots__ = ("_assemble", "_key", "algorithm", "to_be_signed")

    def __init__(self, to_be_signed: bytes, key: PublicKey, assemble: Callable[[bytes], bytes]) -> None:
        self.to_be_signed: Final = to_be_signed
        self.algorithm: Final = key.algorithm
        self._key = key
        self._assemble = assemble

    def complete(self, signature: bytes) -> bytes:
        """Put the raw signature in its place.

        The signature is verified before anything is returned: a wrong key slot or a glitch of the signer ends here.

        Raises:
            MalformedError: SIGNATURE_MALFORMED.
            VerificationError: SIGNATURE_INVALID.
        """
        raw = bytes(signature)  # once: what is verified is what is written
        signed = SignedObject(self.to_be_signed, b"", self.algorithm, raw, KeyHint(), None)
        verify_signature(signed, self._key, "signature")
        return self._assemble(raw)

    def sign(self, key: SigningKey) -> bytes:
        """Sign with `key` and complete.

        What a `LocalKey` signs is not verified again: it is the same process and the same library.

        Raises:
            CitizenIDError: HOLDER_KEY_MISMATCH when `key` is not the key that this was prepared for.
            VerificationError: SIGNATURE_INVALID when a foreign signer returned something else than a signature.
        """
        if key.public is not self._key and key.public != self._key:
            raise CitizenIDError(Reason.HOLDER_KEY_MISMATCH, "key")
        signature = key.sign(self.to_be_signed)
        return self._assemble(signature) if type(key) is LocalKey else self.complete(signature)

    def __repr__(self) -> str:
        return f"<Unsigned {self.algorithm}>"
