"""What passes between holder and verifier, unverified: signed objects, presentations, and the Need."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Protocol, TypeVar, final

from .._answer import Answer, problem
from .._errors import Reason
from .vocabulary import CertificateProfile, Format

if TYPE_CHECKING:
    from .._crypto import PublicKey  # a type alone: specs/decisions/0003 says why the class stands above


@final
class KeyHint(NamedTuple):
    """What a header says about who signed. It selects among trusted keys and supplies none.

    Attributes:
        kid: the key identifier, or None.
        certificates: DER certificates, leaf first, or ().
        unverified_issuer: reads the issuer that the payload claims; asked only when `kid` does not settle the key.
        profile: what the first of `certificates` must be; the format says so, not the header.
    """

    kid: str | None = None
    certificates: tuple[bytes, ...] = ()
    unverified_issuer: Callable[[bytes], str | None] | None = None
    profile: CertificateProfile = CertificateProfile.SD_JWT_VC_ISSUER

    def __repr__(self) -> str:
        return "<KeyHint>"


class KeyAgreement(Protocol):
    """The verifier's half of a key agreement, for a holder who proves possession by a MAC."""

    def authenticate(self, public: PublicKey, data: bytes, /) -> bytes | None:
        """Return the tag over `data` under the key agreed with `public`, or None when there is no such key."""
        ...


@final
class SignedObject(NamedTuple):
    """The one form of everything signed: a credential, a key binding, a status list token, a sender proof.

    Attributes:
        to_be_signed: the bytes the signature covers, as received.
        payload: the signed content, a part of `to_be_signed`, decoded.
        algorithm: the algorithm the header names, by the key's name for it ("Ed25519" for EdDSA).
        signature: raw signature bytes.
        key_hint: what the header says about the key.
        typ: the media type the header states, or None.
        agreement: for a MAC in place of a signature, how to agree on its key; otherwise None.
    """

    to_be_signed: bytes
    payload: bytes
    algorithm: str
    signature: bytes
    key_hint: KeyHint
    typ: str | None
    agreement: KeyAgreement | None = None

    def __repr__(self) -> str:
        return f"<SignedObject {self.algorithm}>"


@final
class DetachedSignature(NamedTuple):
    """What the holder made over something that is not sent: V7 puts the rest of it together (mdoc DeviceAuth).

    Attributes:
        mac: whether it is a MAC.
        protected: the protected header as it is signed.
        algorithm: the algorithm or family that the header names.
        signature: the signature or tag.
        attached: a payload that came along after all; it must be the one that V7 makes.
        content: what the holder states, as received: the DeviceNameSpaces.
    """

    mac: bool
    protected: bytes
    algorithm: str
    signature: bytes
    attached: bytes | None
    content: bytes

    def __repr__(self) -> str:
        return f"<DetachedSignature {self.algorithm}>"


@final
class Presentation(NamedTuple):
    """A presentation as it was framed: nothing in it is known to be true, and it has no claims.

    Attributes:
        format: as the caller named it.
        credential: what the issuer signed.
        disclosures: the disclosures as received, in order.
        issuer_half: the received bytes of everything the issuer made; they key the cache and feed sd_hash.
        binding: what the holder signed, or None.
        declared_type: a type stated outside the signature, or None (SD-JWT VC states none).
        namespaces: the namespace of each disclosure, in a format that has them (mdoc).
    """

    format: Format
    credential: SignedObject
    disclosures: tuple[bytes, ...]
    issuer_half: bytes
    binding: SignedObject | DetachedSignature | None
    declared_type: str | None = None
    namespaces: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Presentation {self.format}, unverified>"


@final
class NeedStatusList(NamedTuple):
    """The answer when a status list is missing or stale: fetch it, hand it to the store, ask again.

    It is a value, not an exception and not a callback, and it has no truth value: a caller that forgets it refuses.
    """

    uri: str  # "" when only a ticket refers to the list: a ticket holds its identity and not its URI
    reason: Reason = Reason.STATUS_LIST_UNAVAILABLE
    certificate: bytes | None = None  # DER, when the list must be signed under it (ISO/IEC 18013-5 second edition)

    def http(self) -> Answer:
        """Return 503 with Retry-After: nothing was decided, and nothing is allowed."""
        return problem(503, self.reason, headers=((b"retry-after", b"5"),))

    def __repr__(self) -> str:
        return f"NeedStatusList(reason={self.reason!r})"  # the URI comes from the credential

    def __bool__(self) -> NoReturn:
        refuse_truth(self)


def refuse_truth(_: object) -> NoReturn:
    """Refuse to take a result for yes or no."""
    raise TypeError("a result has no truth value; test for the result you want")


def refuse_verified_copy(self: object, *_: object) -> NoReturn:
    """Refuse to copy or pickle a verified object: the copy would not be one that was verified."""
    raise TypeError(f"{type(self).__name__} is made by verification alone; it is not copied or pickled")


@final
class Seal:
    """What a verified object is made with: whoever verifies has one of his own, and a type checker asks for one too."""

    __slots__ = ()


def refuse_forgery(cls: type) -> NoReturn:
    """Refuse to make a verified object outside of the function that verifies."""
    raise TypeError(f"{cls.__name__} is made by verification alone")


_C = TypeVar("_C", bound=type)


def never_copied(cls: _C) -> _C:
    """Refuse copies and subclasses of a class whose objects verification alone makes.

    Outside of `dataclass`: up to Python 3.11.2 it puts its own `__getstate__` and `__setstate__` over those of a class
    with slots that is frozen.
    """
    for name in ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"):
        setattr(cls, name, refuse_verified_copy)

    def refuse_subclass(_: type) -> NoReturn:
        raise TypeError(f"{cls.__name__} is final")

    setattr(cls, "__init_subclass__", classmethod(refuse_subclass))  # noqa: B010  # to mypy it is no attribute to set
    return cls
