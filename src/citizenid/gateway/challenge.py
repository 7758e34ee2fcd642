"""Challenges that need no memory: any gateway of a fleet recognises one that another has made.

The nonce is version, binding kind, expiry, 16 random bytes and a MAC over these, the audience and the sender key to
which the coming ticket will be bound. So a challenge made for one sender cannot be answered for another: whoever
relays it gets a ticket for a key that he does not have. The handover is covered as well: where a wallet posts its
answer is for the gateway to say.

Spec: DESIGN section 4 (challenge); RFC 9901 section 9.5.
"""

from __future__ import annotations

import hmac
from typing import Final

from .._crypto import AgreementKey, derive_key, refuse_copy
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._model import Binding, Challenge, Handover, HandoverKind, UnixTime
from .._wire import base64url

_VERSION: Final = 1
_FIXED_BYTES: Final = 1 + 1 + 4 + 16
_MAC_BYTES: Final = 32
_PURPOSE: Final = b"admission"
_KINDS: Final = {int(binding): binding for binding in Binding}
# Protocols in which the wallet signs the nonce. Of the other two, one has a nonce of the wallet's that nobody knows
# beforehand, and in a transcript of the caller's own ours need not stand: these are verified by `citizenid.verifier`.
_HANDOVERS: Final = frozenset({HandoverKind.DC_API, HandoverKind.OPENID4VP, HandoverKind.DC_API_DRAFT_24})


def expires_at(nonce: bytes) -> int:
    """Return the expiry that a decoded nonce states, Unix seconds."""
    return int.from_bytes(nonce[2:6], "big")


class ChallengeKeys:
    """Makes and recognises challenges under the fleet's secrets; the first makes, all recognise."""

    __slots__ = ("_audience", "_context", "_keys", "_reader_key")

    def __init__(self, secrets: tuple[bytes, ...], audience: str, reader_key: AgreementKey | None) -> None:
        self._keys: Final = tuple(derive_key(secret, "challenge") for secret in secrets)
        self._audience: Final = audience
        self._context: Final = _framed(_PURPOSE) + _framed(audience.encode())
        self._reader_key: Final = reader_key

    def make(
        self,
        *,
        binding: Binding,
        sender: bytes,
        handover: Handover,
        now: UnixTime,
        lifetime_s: int,
        random: bytes,
    ) -> Challenge:
        """Make a challenge for a ticket of this binding and sender (its thumbprint, or 32 zero bytes for a bearer).

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for a handover in which a wallet does not sign the nonce.
            MalformedError: CHALLENGE_INVALID for one that is not complete.
        """
        if type(handover) is not Handover or handover.kind not in _HANDOVERS:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "challenge.handover")
        fixed = bytes((_VERSION, binding)) + (now + lifetime_s).to_bytes(4, "big") + random
        nonce = fixed + self._mac(self._keys[0], fixed, sender, handover)
        return Challenge(self._audience, base64url.encode_text(nonce), lifetime_s, handover, self._reader_key)

    def recognise(self, text: str, *, now: UnixTime, lifetime_s: int) -> tuple[Challenge, Binding, bytes]:
        """Read a challenge text: the challenge with our own age limit, its kind, and the decoded nonce.

        What the caller states of audience and age is not believed: the audience is compared, the age is replaced.

        Raises:
            MalformedError, VerificationError: CHALLENGE_INVALID, CHALLENGE_EXPIRED.
        """
        stated = Challenge.from_text(text)
        nonce = None
        try:
            nonce = base64url.decode_text(stated.nonce, "challenge.nonce")
        except MalformedError:
            pass
        if nonce is None or len(nonce) != _FIXED_BYTES + _MAC_BYTES or stated.audience != self._audience:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge")
        if nonce[0] != _VERSION or nonce[1] not in _KINDS:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge")
        if now >= expires_at(nonce):
            raise VerificationError(Reason.CHALLENGE_EXPIRED, "challenge")
        challenge = Challenge(self._audience, stated.nonce, lifetime_s, stated.handover, self._reader_key)
        return challenge, _KINDS[nonce[1]], nonce

    def check_sender(self, nonce: bytes, sender: bytes, handover: Handover) -> None:
        """Refuse a nonce that was not made by this fleet for this sender and handover. Raises CHALLENGE_INVALID."""
        fixed, mac = nonce[:_FIXED_BYTES], nonce[_FIXED_BYTES:]
        matches = [hmac.compare_digest(self._mac(key, fixed, sender, handover), mac) for key in self._keys]
        if True not in matches:
            raise VerificationError(Reason.CHALLENGE_INVALID, "challenge")

    def _mac(self, key: bytes, fixed: bytes, sender: bytes, handover: Handover) -> bytes:
        # Most challenges ask by no protocol in particular: what stands for that is written once.
        asked = _PLAIN if handover == _NO_HANDOVER else _framed(handover.to_text().encode())
        return hmac.digest(key, fixed + self._context + _framed(sender) + asked, "sha256")

    def __repr__(self) -> str:
        return "<ChallengeKeys>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


_NO_HANDOVER: Final = Handover()
_PLAIN: Final = _framed(_NO_HANDOVER.to_text().encode())
