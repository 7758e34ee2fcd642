"""The SessionTranscript of an mdoc, made of a Challenge, and the DeviceAuthentication made of that.

Both sides make them here: the holder to sign, the verifier to compare by verifying.

Spec: ISO/IEC 18013-5 9.1.3.4, 9.1.5.1; OpenID4VP 1.0 appendix B.2.6; ISO/IEC 18013-7:2024 B.4.4.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._model import Challenge, HandoverKind
from . import cbor

_ORIGIN_PREFIX: Final = "origin:"
_NO_ENGAGEMENT: Final = b"\x83\xf6\xf6"  # an array of three that begins with null, null
_DEVICE_AUTHENTICATION: Final = b"\x84" + cbor.encode("DeviceAuthentication")
# Through its type each look costs several times as much.
_TRANSCRIPT: Final = HandoverKind.TRANSCRIPT
_ISO_18013_7_2024: Final = HandoverKind.ISO_18013_7_2024
_OPENID4VP: Final = HandoverKind.OPENID4VP
_DC_API: Final = HandoverKind.DC_API
# A handover is an array of its name and a byte string of 32 bytes.
_REDIRECT_HANDOVER: Final = _NO_ENGAGEMENT + b"\x82" + cbor.encode("OpenID4VPHandover") + b"\x58\x20"
_DC_API_HANDOVER: Final = _NO_ENGAGEMENT + b"\x82" + cbor.encode("OpenID4VPDCAPIHandover") + b"\x58\x20"


def session_transcript(challenge: Challenge) -> bytes:
    """Return the SessionTranscript, CBOR.

    Raises:
        VerificationError: NONCE_MISMATCH when the nonce is no text: these protocols carry text alone.
        MalformedError: CHALLENGE_INVALID when a transcript that the caller has made is no CBOR array of three.
    """
    handover, audience, nonce = challenge.handover, challenge.audience, challenge.nonce
    kind = handover.kind
    if kind is _TRANSCRIPT and handover.transcript is not None:
        return _checked(handover.transcript)
    if type(nonce) is not str:
        raise VerificationError(Reason.NONCE_MISMATCH, "challenge.nonce")
    if kind is _ISO_18013_7_2024:
        own = handover.mdoc_generated_nonce
        return _NO_ENGAGEMENT + cbor.joined([_hash([audience, own]), _hash([handover.response_uri, own]), nonce])
    if kind is _OPENID4VP:
        stated = [audience, nonce, handover.jwk_thumbprint, handover.response_uri]
        return _REDIRECT_HANDOVER + _hash(stated)
    origin = audience.removeprefix(_ORIGIN_PREFIX)
    if kind is _DC_API:
        return _DC_API_HANDOVER + _hash([origin, nonce, handover.jwk_thumbprint])
    return _DC_API_HANDOVER + _hash([origin, handover.client_id, nonce])


def _hash(stated: list[Any]) -> bytes:
    return hashlib.sha256(cbor.joined(stated)).digest()


def _checked(transcript: bytes) -> bytes:
    usable = False
    try:
        # Tag 24 around the two parts of an engagement (9.1.5.1); what they hold is of no concern here.
        decoded = cbor.decode(transcript, "challenge.handover", frozenset({24}))
        usable = type(decoded) is list and len(decoded) == 3
    except CitizenIDError:
        pass  # raised below: it is the caller who made it
    if not usable:
        raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.handover")
    return transcript


def device_authentication_bytes(transcript: bytes, doc_type: str, name_spaces: bytes) -> bytes:
    """Return DeviceAuthenticationBytes, `#6.24(bstr .cbor DeviceAuthentication)`: what an mdoc signs or MACs.

    Args:
        transcript: the SessionTranscript, CBOR.
        doc_type: of the document.
        name_spaces: the content of DeviceNameSpacesBytes, as received.
    """
    return cbor.embedded(_DEVICE_AUTHENTICATION + transcript + cbor.encode(doc_type) + cbor.embedded(name_spaces))


def mac_salt(transcript: bytes) -> bytes:
    """Return the salt of a deviceMac's key: SHA-256 over SessionTranscriptBytes (9.1.3.5)."""
    return hashlib.sha256(cbor.embedded(transcript)).digest()


MAC_INFO: Final = b"EMacKey"
