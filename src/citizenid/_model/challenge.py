"""What a verifier asks a holder to sign, and the protocol through which he asks.

Spec: OpenID4VP 1.0 sections 5, 14.1 and appendix B.2.6; ISO/IEC 18013-7:2024 annex B; specs/profile-mdoc.md.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, final

from .._errors import CitizenIDError, MalformedError, Reason

if TYPE_CHECKING:
    from .._crypto import AgreementKey, PublicKey  # types alone: specs/decisions/0003 says why they stand above

_ORIGIN_PREFIX: Final = "origin:"  # OpenID4VP 1.0 appendix A.4: the audience of an unsigned request over the DC API
_MAX_TEXT_BYTES: Final = 2_048
_MAX_TRANSCRIPT_BYTES: Final = 16_384  # an engagement over NFC with all its records stays below 4 KiB


class HandoverKind(StrEnum):
    """How the request reached the wallet: what an mdoc's SessionTranscript is made of."""

    DC_API = "dc_api"  # OpenID4VP 1.0 appendix B.2.6.2
    OPENID4VP = "openid4vp"  # OpenID4VP 1.0 appendix B.2.6.1
    DC_API_DRAFT_24 = "dc_api_draft_24"
    ISO_18013_7_2024 = "iso_18013_7_2024"  # annex B
    TRANSCRIPT = "transcript"  # the caller made it: proximity flows (ISO/IEC 18013-5 9.1.5)


@final
class Handover(NamedTuple):
    """A kind of handover with what it needs beside audience and nonce. Formats that sign both by name ignore it.

    Attributes:
        kind: which protocol.
        response_uri: where the wallet posts its answer.
        jwk_thumbprint: of the key that the answer is encrypted to, raw RFC 7638 bytes; None when it is not encrypted.
        client_id: of the verifier, where the audience is an origin.
        mdoc_generated_nonce: the wallet's own nonce (ISO/IEC 18013-7:2024 B.4.4).
        transcript: the SessionTranscript itself, CBOR.
    """

    kind: HandoverKind = HandoverKind.DC_API
    response_uri: str | None = None
    jwk_thumbprint: bytes | None = None
    client_id: str | None = None
    mdoc_generated_nonce: str | None = None
    transcript: bytes | None = None

    def to_text(self) -> str:
        """Write it in ASCII: the kind, then each field as base64url or "-", separated by commas.

        Raises:
            MalformedError: CHALLENGE_INVALID for fields of other types, and text that has no UTF-8.
        """
        kinds = (HandoverKind, str, bytes, str, str, bytes)
        for value, kind in zip(self, kinds, strict=True):
            fits = type(value) is kind or (value is None and kind is not HandoverKind)
            if not fits or (isinstance(value, str) and value and not _size(value)):
                raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.handover")
        fields = (each.encode() if isinstance(each, str) else each for each in self[1:])
        return ",".join([self.kind.value, *("-" if each is None else _base64url(each) for each in fields)])

    @classmethod
    def from_text(cls, text: str) -> Handover:
        """Read what `to_text` wrote; exactly that spelling and no other.

        Raises:
            MalformedError: CHALLENGE_INVALID.
        """
        handover = None
        if type(text) is str:
            try:
                kind, *fields = text.split(",")
                values = [None if each == "-" else _decoded(each) for each in fields]
                uri, thumbprint, client_id, nonce, transcript = values
                handover = cls(HandoverKind(kind), _text(uri), thumbprint, _text(client_id), _text(nonce), transcript)
            except ValueError:
                pass  # raised below without the input
        if handover is None or handover.to_text() != text:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.handover")
        return handover

    def __repr__(self) -> str:
        return f"<Handover {self.kind}>"


PLAIN: Final = Handover()
# Which fields each kind must have; jwk_thumbprint may stand in the first two.
_REQUIRED: Final[dict[HandoverKind, frozenset[str]]] = {
    HandoverKind.DC_API: frozenset(),
    HandoverKind.OPENID4VP: frozenset({"response_uri"}),
    HandoverKind.DC_API_DRAFT_24: frozenset({"client_id"}),
    HandoverKind.ISO_18013_7_2024: frozenset({"response_uri", "mdoc_generated_nonce"}),
    HandoverKind.TRANSCRIPT: frozenset({"transcript"}),
}
_OPTIONAL: Final = frozenset({HandoverKind.DC_API, HandoverKind.OPENID4VP})
_OF_CLIENTS: Final = frozenset({HandoverKind.OPENID4VP, HandoverKind.ISO_18013_7_2024})  # the audience is a client_id


@final
@dataclass(frozen=True, slots=True, repr=False)
class Challenge:
    """What a verifier asks the holder to sign: for whom, a nonce it will recognise, and by which protocol.

    Without a handover the challenge reaches an mdoc wallet as over the Digital Credentials API, with the audience as
    origin and an answer that is not encrypted. Older protocols count only where a caller asks for them by name.

    Attributes:
        audience: who asks; a key binding must name exactly this text.
        nonce: 8 to 512 bytes (of UTF-8, if it is text), unpredictable.
        max_age_s: how old the answer may be, in seconds.
        handover: the protocol; it decides on an mdoc's SessionTranscript alone.
        reader_key: an mdoc may answer with a MAC: the verifier's private key for it, or for a holder the public half.
            It is never part of the text: a holder takes it from the request (over OpenID4VP the key that his answer is
            encrypted to) and puts it in with `dataclasses.replace`. A public key verifies no MAC.

    Raises:
        MalformedError: CHALLENGE_INVALID when a field is missing, too short or too long.
    """

    audience: str
    nonce: str | bytes
    max_age_s: int = 300
    handover: Handover = PLAIN
    reader_key: AgreementKey | PublicKey | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if type(self.audience) is not str or not 0 < _size(self.audience) <= _MAX_TEXT_BYTES:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.audience")
        # Behind the prefix stands an origin, as `dc_api` would have it: of a peer without a name nothing is known.
        peer = self.peer
        if not peer or peer.startswith(_ORIGIN_PREFIX):
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.audience")
        # RFC 9901 examples use ten digits; eight characters is the least that deserves the name.
        if type(self.nonce) not in (str, bytes) or not 8 <= _size(self.nonce) <= 512:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.nonce")
        if type(self.max_age_s) is not int or not 0 < self.max_age_s <= 86_400:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.max_age_s")
        if self.handover is not PLAIN:
            _check_handover(self.handover)
            # OpenID4VP 1.0 section 5.9.3: no wallet takes the prefix from a client. What a holder signed for it would
            # count at that origin over the DC API.
            if self.handover.kind in _OF_CLIENTS and self.audience.startswith(_ORIGIN_PREFIX):
                raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.audience")

    @classmethod
    def openid4vp(
        cls,
        *,
        client_id: str,
        nonce: str,
        response_uri: str,
        jwk_thumbprint: bytes | None = None,
        reader_key: AgreementKey | PublicKey | None = None,
        max_age_s: int = 300,
    ) -> Challenge:
        """Ask by OpenID4VP 1.0 with a redirect or a direct post (appendix B.2.6.1).

        Args:
            client_id: with its prefix, as "x509_san_dns:gateway.example"; it is the audience.
            nonce: of the request.
            response_uri: or the redirect_uri.
            jwk_thumbprint: of the key that the answer is encrypted to, 32 bytes, or None.
            reader_key: that key, when a MAC is to be accepted.
            max_age_s: how old the answer may be.

        Raises:
            MalformedError: CHALLENGE_INVALID, also for a client_id with the prefix `origin:`.
        """
        handover = Handover(HandoverKind.OPENID4VP, response_uri, jwk_thumbprint)
        return cls(client_id, nonce, max_age_s, handover, reader_key)

    @classmethod
    def dc_api(
        cls,
        *,
        origin: str,
        nonce: str,
        jwk_thumbprint: bytes | None = None,
        reader_key: AgreementKey | PublicKey | None = None,
        max_age_s: int = 300,
    ) -> Challenge:
        """Ask by OpenID4VP 1.0 over the Digital Credentials API (appendix B.2.6.2); the audience is `origin:<origin>`.

        Raises:
            MalformedError: CHALLENGE_INVALID.
        """
        return cls(_prefixed(origin), nonce, max_age_s, Handover(HandoverKind.DC_API, None, jwk_thumbprint), reader_key)

    @classmethod
    def dc_api_draft_24(cls, *, origin: str, client_id: str, nonce: str, max_age_s: int = 300) -> Challenge:
        """Ask as drafts of OpenID4VP up to 24 did over the Digital Credentials API. Raises CHALLENGE_INVALID."""
        handover = Handover(HandoverKind.DC_API_DRAFT_24, client_id=client_id)
        return cls(_prefixed(origin), nonce, max_age_s, handover)

    @classmethod
    def iso_18013_7_2024(
        cls, *, client_id: str, nonce: str, response_uri: str, mdoc_generated_nonce: str, max_age_s: int = 300
    ) -> Challenge:
        """Ask by ISO/IEC 18013-7:2024 annex B (OpenID4VP draft 18). Raises CHALLENGE_INVALID."""
        handover = Handover(HandoverKind.ISO_18013_7_2024, response_uri, mdoc_generated_nonce=mdoc_generated_nonce)
        return cls(client_id, nonce, max_age_s, handover)

    @classmethod
    def session_transcript(
        cls,
        transcript: bytes,
        *,
        audience: str,
        nonce: str | bytes,
        reader_key: AgreementKey | PublicKey | None = None,
        max_age_s: int = 300,
    ) -> Challenge:
        """Ask by a protocol of the caller's, of which an mdoc signs this SessionTranscript (CBOR).

        Audience and nonce count for the other formats, and for the holder who looks at who asks. Each side makes the
        transcript by itself, from what it took part in: `from_text` refuses one that somebody has written down.

        Raises:
            MalformedError: CHALLENGE_INVALID.
        """
        handover = Handover(HandoverKind.TRANSCRIPT, transcript=transcript)
        return cls(audience, nonce, max_age_s, handover, reader_key)

    @property
    def peer(self) -> str:
        """Who asks, as the transport authenticates him: the audience, without the prefix that an origin has in it."""
        return self.audience.removeprefix(_ORIGIN_PREFIX)

    def to_text(self) -> str:
        """Write the challenge as one line of ASCII: `1.<max_age_s>.<s or b><nonce>.<audience>`, both base64url.

        With a handover it begins with `2.` and ends in `.<handover>`. The reader key is never in it.
        """
        text = type(self.nonce) is str
        nonce = self.nonce.encode() if isinstance(self.nonce, str) else self.nonce
        line = f"{self.max_age_s}.{'s' if text else 'b'}{_base64url(nonce)}.{_base64url(self.audience.encode())}"
        return f"1.{line}" if self.handover == PLAIN else f"2.{line}.{self.handover.to_text()}"

    @classmethod
    def from_text(cls, text: str) -> Challenge:
        """Read what `to_text` wrote; exactly that spelling and no other.

        A SessionTranscript is never read out of a text: it could be the one of another verifier, under the name of
        whoever wrote the text, and the wallet's answer would count there.

        Raises:
            MalformedError: CHALLENGE_INVALID.
        """
        challenge = None
        if type(text) is str and len(text) <= 32_768 and text.isascii():
            try:
                version, age, nonce, audience, *rest = text.split(".")
                handover = Handover.from_text(*rest) if version == "2" else PLAIN
                decoded, name = _decoded(nonce[1:]), _decoded(audience).decode()
                challenge = cls(name, decoded.decode() if nonce[:1] == "s" else decoded, int(age), handover)
            except (ValueError, TypeError, CitizenIDError):
                pass  # raised below without the input
        foreign = challenge is not None and challenge.handover.kind is HandoverKind.TRANSCRIPT
        if challenge is None or foreign or challenge.to_text() != text:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge")
        return challenge


def _check_handover(handover: object) -> None:
    where = "challenge.handover"
    if type(handover) is not Handover or type(handover.kind) is not HandoverKind:
        raise MalformedError(Reason.CHALLENGE_INVALID, where)
    required = _REQUIRED[handover.kind]
    for name in ("response_uri", "client_id", "mdoc_generated_nonce"):
        text = getattr(handover, name)
        stated = type(text) is str and 0 < _size(text) <= _MAX_TEXT_BYTES
        if not (stated if name in required else text is None):
            raise MalformedError(Reason.CHALLENGE_INVALID, where)
    transcript, thumbprint = handover.transcript, handover.jwk_thumbprint
    stated = type(transcript) is bytes and 0 < len(transcript) <= _MAX_TRANSCRIPT_BYTES
    if not (stated if "transcript" in required else transcript is None):
        raise MalformedError(Reason.CHALLENGE_INVALID, where)
    if thumbprint is not None and not (
        handover.kind in _OPTIONAL and type(thumbprint) is bytes and len(thumbprint) == 32
    ):
        raise MalformedError(Reason.CHALLENGE_INVALID, where)


def _prefixed(origin: object) -> str:
    # The prefix is ours to put before what the platform says (OpenID4VP 1.0 appendix A.4).
    if type(origin) is not str or not origin or origin.startswith(_ORIGIN_PREFIX):
        raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.origin")
    return _ORIGIN_PREFIX + origin


def _size(value: str | bytes) -> int:
    # In bytes of UTF-8; 0 for a text that has none, because it holds half of a surrogate pair.
    try:
        return len(value.encode() if isinstance(value, str) else value)
    except UnicodeEncodeError:
        return 0


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")  # more than it needs is passed over; the caller compares the spelling


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode()
