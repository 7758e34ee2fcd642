"""What an HSM or a KMS has still to sign: writers return this, and never a signature of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from .._errors import CitizenIDError, Reason
from .._model import KeyHint, SignedObject
from .keys import LocalKey, PublicKey, SigningKey, verify_signature


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
