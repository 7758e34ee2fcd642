"""A key for agreement: the reader's, whose other half an mdoc may answer with a MAC, and a holder's that does so.

Spec: ISO/IEC 18013-5 9.1.3.5; RFC 5869; SP 800-56A (ECDH, cofactor 1).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final, NamedTuple, NoReturn, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .._errors import CitizenIDError, MalformedError, Reason
from .._wire import base64url, keys
from .algorithms import ALGORITHMS
from .keys import PublicKey, key_bytes, material_of

_KEY_BYTES: Final = 32


@final
class AgreementKey:
    """A private EC key that agrees on keys and signs nothing. Its repr, errors and pickles hold nothing of it.

    Raises:
        MalformedError: KEY_INVALID for a handle that is no private EC key on a curve that `generate` names.

    >>> reader, device = AgreementKey.generate("P-256"), AgreementKey.generate("P-256")
    >>> reader.mac(device.public, b"salt", b"info", b"data") == device.mac(reader.public, b"salt", b"info", b"data")
    True
    """

    __slots__ = ("_handle", "public")
    public: Final[PublicKey]

    def __init__(self, handle: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(handle, ec.EllipticCurvePrivateKey):
            raise MalformedError(Reason.KEY_INVALID, "key")
        self._handle = handle
        self.public = PublicKey(material_of(handle.public_key(), "key"), "key", full=True)

    @classmethod
    def generate(cls, curve: str) -> AgreementKey:
        """Make a new key on "P-256", "P-384", "P-521", "brainpoolP256r1", "brainpoolP384r1" or "brainpoolP512r1".

        Raises:
            CitizenIDError: ALGORITHM_NOT_ALLOWED.
        """
        algorithm = _ALGORITHMS.get(curve) if type(curve) is str else None
        if algorithm is None:
            raise CitizenIDError(Reason.ALGORITHM_NOT_ALLOWED, "key")
        return cls(ALGORITHMS[algorithm].generate())

    @classmethod
    def from_jwk(cls, jwk: dict[str, Any]) -> AgreementKey:
        """Load a private EC JWK; its public members must belong to its secret. `use` and `alg` are of no concern.

        Raises:
            MalformedError: KEY_INVALID.
        """
        made = None
        if type(jwk) is dict and jwk.get("kty") == "EC":
            bare = {name: jwk[name] for name in ("kty", "crv", "x", "y", "d") if name in jwk}
            material, secret = keys.read_private_jwk(bare, "jwk")
            try:
                made = cls(ALGORITHMS[material.algorithm].from_secret(secret))
            except ValueError:
                pass  # raised below, without what the backend says
            if made is not None and made.public != PublicKey(material, "jwk", full=True):
                made = None
        if made is None:
            raise MalformedError(Reason.KEY_INVALID, "jwk")
        return made

    @classmethod
    def from_pem(cls, pem: bytes | str, *, password: bytes | None = None) -> AgreementKey:
        """Load a private EC key in PEM (PKCS #8 or SEC 1): one key and no more.

        Raises:
            MalformedError: KEY_INVALID.
        """
        made = None
        try:
            handle = serialization.load_pem_private_key(key_bytes(pem), password)
            if isinstance(handle, ec.EllipticCurvePrivateKey):
                made = cls(handle)
        except (ValueError, TypeError, UnsupportedAlgorithm, CitizenIDError):
            made = None
        if made is None:
            raise MalformedError(Reason.KEY_INVALID, "pem")
        return made

    def mac(self, public: PublicKey, salt: bytes, info: bytes, data: bytes) -> bytes | None:
        """Return HMAC-SHA256 over `data` under the key agreed with `public`, or None when the curves differ."""
        if public.algorithm != self.public.algorithm:
            return None
        shared = self._handle.exchange(ec.ECDH(), public._handle)
        key = HKDF(hashes.SHA256(), _KEY_BYTES, salt=salt, info=info).derive(shared)
        return hmac.new(key, data, hashlib.sha256).digest()

    def to_private_jwk(self) -> dict[str, str]:
        """Return the private key as a JWK, for its owner to keep in a safe store."""
        secret = ALGORITHMS[self.public.algorithm].secret(self._handle)
        return {**self.public.to_jwk(), "d": base64url.encode_text(secret)}

    def __repr__(self) -> str:
        return f"<AgreementKey {self.public.algorithm}>"

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("AgreementKey is final")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("an AgreementKey is not copied or pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("an AgreementKey is not copied or pickled")


@final
class ReaderAgreement(NamedTuple):
    """One agreement of a verifier: his key, and what goes into the derivation beside it."""

    key: AgreementKey
    salt: bytes
    info: bytes

    def authenticate(self, public: PublicKey, data: bytes, /) -> bytes | None:
        """As `KeyAgreement`."""
        return self.key.mac(public, self.salt, self.info, data)

    def __repr__(self) -> str:
        return "<ReaderAgreement>"


_ALGORITHMS: Final = {
    "P-256": "ES256",
    "P-384": "ES384",
    "P-521": "ES512",
    "brainpoolP256r1": "ESB256",
    "brainpoolP384r1": "ESB384",
    "brainpoolP512r1": "ESB512",
}
