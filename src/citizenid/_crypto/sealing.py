"""Symmetric keys of an operator: one secret, a key for each purpose, and sealing.

Spec: RFC 5869 (HKDF), RFC 8452 (AES-GCM-SIV); specs/decisions/0007.
"""

from __future__ import annotations

from typing import Final, NoReturn, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .._errors import CitizenIDError, Reason

_MIN_SECRET_BYTES: Final = 32


def is_secret(value: object) -> bool:
    """Whether these are bytes that somebody may have drawn: enough of them, and not the zeros of unwritten memory."""
    return type(value) is bytes and len(value) >= _MIN_SECRET_BYTES and any(value)


def derive_key(secret: bytes, purpose: str, size: int = 32) -> bytes:
    """Derive a key for one purpose from an operator's secret (HKDF-SHA256, RFC 5869; `purpose` is the info)."""
    return HKDF(hashes.SHA256(), size, salt=None, info=b"citizenid/1/" + purpose.encode("ascii")).derive(secret)


def refuse_copy(self: object, *_: object) -> NoReturn:
    """Stand for `__reduce_ex__` and `__getstate__` of a class that holds a secret: no copy, no pickle, no state."""
    raise TypeError(f"{type(self).__name__} holds a secret: it is not copied or pickled")


@final
class SealingKey:
    """AES-256-GCM-SIV (RFC 8452), misuse-resistant: a whole fleet may draw nonces at random without counting."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:  # shorter ones would quietly be AES-128 or AES-192
            raise CitizenIDError(Reason.KEY_INVALID, "sealing")
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

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
