"""What passes between holder and verifier, unverified: signed objects, presentations, challenges, and the Need."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, NoReturn, final

from .._answer import Answer, problem
from .._errors import CitizenIDError, MalformedError, Reason
from .vocabulary import CertificateProfile, Format


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
    """

    to_be_signed: bytes
    payload: bytes
    algorithm: str
    signature: bytes
    key_hint: KeyHint
    typ: str | None

    def __repr__(self) -> str:
        return f"<SignedObject {self.algorithm}>"


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
    """

    format: Format
    credential: SignedObject
    disclosures: tuple[bytes, ...]
    issuer_half: bytes
    binding: SignedObject | None
    declared_type: str | None = None

    def __repr__(self) -> str:
        return f"<Presentation {self.format}, unverified>"


@final
@dataclass(frozen=True, slots=True, repr=False)
class Challenge:
    """What a verifier asks the holder to sign: for whom, and a nonce it will recognise.

    Attributes:
        audience: who asks; the key binding must name exactly this text.
        nonce: 8 to 512 bytes (of UTF-8, if it is text), unpredictable.
        max_age_s: how old the answer may be, in seconds.

    Raises:
        MalformedError: CHALLENGE_INVALID when a field is missing, too short or too long.
    """

    audience: str
    nonce: str | bytes
    max_age_s: int = 300

    def __post_init__(self) -> None:
        if type(self.audience) is not str or not 0 < _size(self.audience) <= 2_048:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.audience")
        # RFC 9901 examples use ten digits; eight characters is the least that deserves the name.
        if type(self.nonce) not in (str, bytes) or not 8 <= _size(self.nonce) <= 512:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.nonce")
        if type(self.max_age_s) is not int or not 0 < self.max_age_s <= 86_400:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.max_age_s")

    def to_text(self) -> str:
        """Write the challenge as one line of ASCII: `1.<max_age_s>.<s or b><nonce>.<audience>`, both base64url."""
        text = type(self.nonce) is str
        nonce = self.nonce.encode() if isinstance(self.nonce, str) else self.nonce
        return f"1.{self.max_age_s}.{'s' if text else 'b'}{_base64url(nonce)}.{_base64url(self.audience.encode())}"

    @classmethod
    def from_text(cls, text: str) -> Challenge:
        """Read what `to_text` wrote; exactly that spelling and no other.

        Raises:
            MalformedError: CHALLENGE_INVALID.
        """
        challenge = None
        if type(text) is str and len(text) <= 4_096 and text.isascii():
            try:
                _, age, nonce, audience = text.split(".")
                decoded = base64.urlsafe_b64decode(nonce[1:] + "=" * (-len(nonce[1:]) % 4))
                audience = base64.urlsafe_b64decode(audience + "=" * (-len(audience) % 4)).decode()
                challenge = cls(audience, decoded.decode() if nonce[:1] == "s" else decoded, int(age))
            except (ValueError, CitizenIDError):
                pass  # raised below without the input
        if challenge is None or challenge.to_text() != text:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge")
        return challenge


@final
class NeedStatusList(NamedTuple):
    """The answer when a status list is missing or stale: fetch it, hand it to the store, ask again.

    It is a value, not an exception and not a callback, and it has no truth value: a caller that forgets it refuses.
    """

    uri: str  # "" when only a ticket refers to the list: a ticket holds its identity and not its URI
    reason: Reason = Reason.STATUS_LIST_UNAVAILABLE

    def http(self) -> Answer:
        """Return 503 with Retry-After: nothing was decided, and nothing is allowed."""
        return problem(503, self.reason, headers=((b"retry-after", b"5"),))

    def __repr__(self) -> str:
        return f"NeedStatusList(reason={self.reason!r})"  # the URI comes from the credential

    def __bool__(self) -> NoReturn:
        raise TypeError("a result has no truth value; test for the result you want")


def _size(value: str | bytes) -> int:
    # In bytes of UTF-8; 0 for a text that has none, because it holds half of a surrogate pair.
    try:
        return len(value.encode() if isinstance(value, str) else value)
    except UnicodeEncodeError:
        return 0


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def refuse_forgery(cls: type) -> NoReturn:
    """Refuse to make a verified object outside of the function that verifies."""
    raise TypeError(f"{cls.__name__} is made by verification alone")
