"""What an HSM or a KMS has still to sign: writers return this, and never a signature of their own.

An mdoc's holder may make a MAC in place of a signature, with a key that agrees and signs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, final

from .._errors import CitizenIDError, MalformedError, Reason
from .._model import KeyHint, SignedObject
from .agreement import AgreementKey
from .keys import LocalKey, PublicKey, SigningKey, verify_signature
from .sealing import refuse_copy

_MAC: Final = "HMAC 256/256"


@final
class HolderAgreement(NamedTuple):
    """The holder's side of an agreement: the verifier's public key, and what goes into the derivation beside it."""

    reader: PublicKey
    salt: bytes
    info: bytes

    def __repr__(self) -> str:
        return "<HolderAgreement>"


@final
class Unsigned:
    """Something that is complete but for its signature. Signing is I/O: an HSM or a KMS may take its time.

    Attributes:
        to_be_signed: the bytes to sign, or to authenticate by a MAC.
        algorithm: the algorithm to do it with.
    """

    __slots__ = ("_agreement", "_assemble", "_key", "algorithm", "to_be_signed")

    def __init__(
        self,
        to_be_signed: bytes,
        key: PublicKey,
        assemble: Callable[[bytes], bytes],
        agreement: HolderAgreement | None = None,
    ) -> None:
        self.to_be_signed: Final = to_be_signed
        self.algorithm: Final = key.algorithm if agreement is None else _MAC
        self._key = key
        self._assemble = assemble
        self._agreement = agreement

    def complete(self, signature: bytes) -> bytes:
        """Put the raw signature in its place.

        The signature is verified before anything is returned: a wrong key slot or a glitch of the signer ends here.

        Raises:
            MalformedError: SIGNATURE_MALFORMED.
            VerificationError: SIGNATURE_INVALID.
            CitizenIDError: CONFIGURATION_INVALID where a MAC is wanted: nobody can verify one without a private key.
        """
        if self._agreement is not None:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "key")
        if not isinstance(signature, bytes | bytearray | memoryview):  # of a number Python would make so many zeros
            raise MalformedError(Reason.SIGNATURE_MALFORMED, "signature")
        raw = bytes(signature)  # once: what is verified is what is written
        signed = SignedObject(self.to_be_signed, b"", self.algorithm, raw, KeyHint(), None)
        verify_signature(signed, self._key, "signature")
        return self._assemble(raw)

    def sign(self, key: SigningKey | AgreementKey) -> bytes:
        """Sign with `key` and complete, or with an `AgreementKey` make the MAC.

        What a `LocalKey` signs is not verified again: it is the same process and the same library. One key is for
        signatures or for MACs and never for both (ISO/IEC 18013-5 9.1.3.5), which is why these are two classes.

        Raises:
            CitizenIDError: HOLDER_KEY_MISMATCH when `key` is not the key that this was prepared for,
                CONFIGURATION_INVALID for a key that signs where a MAC is wanted, or the other way round, and for none.
            VerificationError: SIGNATURE_INVALID when a foreign signer returned something else than a signature.
        """
        if not hasattr(key, "public"):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "key")
        if key.public is not self._key and key.public != self._key:
            raise CitizenIDError(Reason.HOLDER_KEY_MISMATCH, "key")
        agreement = self._agreement
        if isinstance(key, AgreementKey):
            tag = None if agreement is None else key.mac(*agreement, self.to_be_signed)
            if tag is None:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "key")
            return self._assemble(tag)
        if agreement is not None or not callable(getattr(key, "sign", None)):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "key")
        signature = key.sign(self.to_be_signed)
        return self._assemble(signature) if type(key) is LocalKey else self.complete(signature)

    def __repr__(self) -> str:
        return f"<Unsigned {self.algorithm}>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
