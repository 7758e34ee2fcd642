"""DPoP nonces (RFC 9449 sections 8 and 9): what a proof must hold so that nobody can have made it beforehand.

A nonce is the number of a stretch of time and a MAC over it, the audience and the sender's thumbprint. So no gateway
remembers one, and one that was given to another client is none. A nonce serves in its stretch and in the next; whoever
comes with that of the stretch before gets the new one with the answer, long before the old one ends.

Spec: RFC 9449 sections 8, 9, 11.3; specs/profile-dpop.md section 8.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum
from typing import Final, final

from .._crypto import derive_key, refuse_copy
from .._errors import MalformedError
from .._model import UnixTime
from .._wire import base64url

_STRETCH_S: Final = 150
_STRETCH_BYTES: Final = 4
_MAC_BYTES: Final = 16
_NONCE_CHARS: Final = 27


class DPoPNonces(Enum):
    """Whether a DPoP proof must hold a nonce of ours."""

    NOT_USED = "not_used"
    """Freshness comes from `iat` and from remembering each proof: one process, or several with one replay guard."""
    OF_THE_FLEET = "of_the_fleet"
    """A nonce of any gateway of the fleet: proofs cannot be made beforehand, nor live on a sender's wrong clock."""
    OF_THIS_PROCESS = "of_this_process"
    """A nonce of this very process, whose guard then suffices for it: senders must come back to the same one."""


@final
class NonceKeys:
    """Makes and recognises nonces; the first secret makes, all recognise."""

    __slots__ = ("_keys", "_name")

    def __init__(self, secrets: tuple[bytes, ...], audience: str) -> None:
        self._keys: Final = tuple(derive_key(secret, "dpop-nonce") for secret in secrets)
        self._name: Final = hashlib.sha256(audience.encode()).digest()

    def make(self, sender: bytes, now: UnixTime) -> str:
        """Return the nonce of now for a sender key, by its thumbprint."""
        stretch = (now // _STRETCH_S).to_bytes(_STRETCH_BYTES, "big")
        return base64url.encode_text(stretch + self._mac(self._keys[0], stretch, sender))

    def age(self, nonce: str, sender: bytes, now: UnixTime) -> int | None:
        """Return how many stretches ago a nonce was made for this sender, or None when it is none of ours, or over.

        One made by a node whose clock is ahead has the age 0.
        """
        raw = b""
        if len(nonce) == _NONCE_CHARS:
            try:
                raw = base64url.decode_text(nonce, "dpop.payload.nonce")
            except MalformedError:
                pass
        age = now // _STRETCH_S - int.from_bytes(raw[:_STRETCH_BYTES], "big")
        if not raw or not -1 <= age <= 1:
            return None
        stretch, mac = raw[:_STRETCH_BYTES], raw[_STRETCH_BYTES:]
        matches = [hmac.compare_digest(self._mac(key, stretch, sender), mac) for key in self._keys]
        return max(age, 0) if True in matches else None

    def _mac(self, key: bytes, stretch: bytes, sender: bytes) -> bytes:
        return hmac.digest(key, stretch + sender + self._name, "sha256")[:_MAC_BYTES]

    def __repr__(self) -> str:
        return "<NonceKeys>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
