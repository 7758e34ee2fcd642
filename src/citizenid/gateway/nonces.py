"""DPoP nonces (RFC 9449 sections 8 and 9): what a proof must hold so that nobody can have made it beforehand.

A nonce is the number of a stretch of time and a MAC over it, the audience and the sender's thumbprint. So no gateway
remembers one, and one that was given to another client is none. A nonce serves in its stretch and in the next; whoever
comes with that of the stretch before gets the new one with the answer, long before the old one ends.

Spec: RFC 9449 sections 8, 9, 11.3; specs/profile-dpop.md section 8.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from enum import Enum
from os import getpid
from typing import Final, final

from .._crypto import derive_key, is_secret, refuse_copy
from .._errors import FAILURES, CitizenIDError, MalformedError, Reason
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
    """A nonce of this very process, whose guard then suffices for it: senders must come back to the same one.

    A process that is forked from it makes its own from then on.
    """


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


@final
class OwnNonces:
    """The nonces of the process that asks: one that was forked has another memory of proofs, and so another secret.

    Args:
        random: a source of random bytes. After a fork two processes may draw the same ones from it, which is why the
            secret says whose it is.
        audience: of the gateway.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for a source that gives no secret.
    """

    __slots__ = ("_audience", "_made", "_random")

    def __init__(self, random: Callable[[int], bytes], audience: str) -> None:
        self._random: Final = random
        self._audience: Final = audience
        self._made = self._drawn(getpid())

    def current(self) -> NonceKeys:
        """Return those of this process. Of two that threads of a new one make at once the later counts.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID, as above.
        """
        process, keys = self._made
        if process != getpid():
            process, keys = self._made = self._drawn(getpid())
        return keys

    def _drawn(self, process: int) -> tuple[int, NonceKeys]:
        drawn: object = None
        try:
            drawn = self._random(32)
        except FAILURES:
            pass  # raised below
        if type(drawn) is not bytes or len(drawn) != 32 or not is_secret(drawn):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.random")
        return process, NonceKeys((derive_key(drawn, f"process/{process}"),), self._audience)

    def __repr__(self) -> str:
        return "<OwnNonces>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
