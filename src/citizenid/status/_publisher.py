"""What an issuer keeps: which indices are taken, what each says, and the signed list of it all.

Indices are drawn at random among the free ones and never twice (Token Status List sections 13.2, 13.3), so that an
index tells nothing of when or to whom a credential was issued. State is in memory: a
publisher does not survive its process, and nothing that it allocated can be revoked by another one. The durable
publisher comes with the revocation release.

Spec: Token Status List sections 4, 5.1, 7.1, 13; specs/profile-status-list.md.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any, Final, final

from .. import _registry as reg
from .._crypto import PublicKey, SigningKey, Unsigned
from .._errors import CitizenIDError, Reason
from .._limits import DEFAULT_LIMITS, MAX_UNIX_TIME
from .._model import Status, StatusReference, UnixTime
from .._wire import base64url
from ._list import StatusList

# RFC 3986 section 3 and appendix A, as far as characters go: verifiers fetch it and compare it character by character.
_URI: Final = r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
_MAX_KID_CHARS: Final = 255  # what our own reader takes


@final
class StatusPublisher:
    """One status list of an issuer. Safe for threads.

    Args:
        uri: where the list will be published; credentials refer to it by these exact characters.
        size: how many credentials it has room for. A large list hides each of them better.
        bits: 1 for valid and revoked; 2 to suspend as well. 4 and 8 are legal; no value beyond these is written yet.
        randbelow: a source of unbiased random integers below a bound; the system's by default.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.

    >>> from citizenid import LocalKey
    >>> publisher = StatusPublisher(uri="https://id.example/status/1", size=1_000)
    >>> reference = publisher.allocate()
    >>> publisher.revoke(reference)
    >>> token = publisher.publish(LocalKey.generate("ES256"), now=1_800_000_000, ttl_s=3_600, expires_s=86_400)
    """

    def __init__(self, *, uri: str, size: int, bits: int = 1, randbelow: Callable[[int], int] | None = None) -> None:
        StatusReference(uri, 0)
        if type(size) is not int or not size > 0 or type(bits) is not int or bits not in reg.STATUS_BITS:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        if size * bits > 8 * DEFAULT_LIMITS.status_list_inflated_bytes or not re.fullmatch(_URI, uri):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        self.uri: Final = uri
        self.size: Final = size
        self.bits: Final = bits
        self._packed = bytearray((size * bits + 7) // 8)
        if randbelow is None:
            import secrets  # here, because a gateway never allocates: it costs 2 ms of every start

            randbelow = secrets.randbelow
        self._randbelow: Final = randbelow
        self._lock = threading.Lock()
        self._free = size
        self._moved: dict[int, int] = {}  # a Fisher-Yates shuffle that is only written down where it has been
        self._taken: set[int] = set()
        self._last_issued_at = -1

    @property
    def digest(self) -> bytes:
        """32 bytes that change when what the list says changes: whether there is something new to publish."""
        with self._lock:
            packed = bytes(self._packed)
        return StatusList(self.bits, packed).digest

    def allocate(self) -> StatusReference:
        """Take a free index at random; it is never given out again.

        Raises:
            CitizenIDError: STATUS_LIST_FULL.
        """
        with self._lock:
            if not self._free:
                raise CitizenIDError(Reason.STATUS_LIST_FULL, "status-list")
            drawn = self._randbelow(self._free)
            self._free -= 1
            last = self._moved.pop(self._free, self._free)
            index = self._moved.get(drawn, drawn) if drawn != self._free else last
            if drawn != self._free:
                self._moved[drawn] = last
            self._taken.add(index)
            return StatusReference(self.uri, index)

    def revoke(self, reference: StatusReference) -> None:
        """Say INVALID of a credential, for good. Raises STATUS_INDEX_OUT_OF_RANGE if it is none of ours."""
        self._write(reference, Status.INVALID)

    def suspend(self, reference: StatusReference) -> None:
        """Say SUSPENDED of a credential until it is reinstated.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID when the list has one bit each, REVOKED when it is revoked already,
                STATUS_INDEX_OUT_OF_RANGE if it is none of ours.
        """
        self._write(reference, Status.SUSPENDED)

    def reinstate(self, reference: StatusReference) -> None:
        """Say VALID again of a suspended credential. A revocation is never taken back (EUDI ARF 3.0.0 topic 7).

        Raises:
            CitizenIDError: REVOKED, STATUS_INDEX_OUT_OF_RANGE.
        """
        self._write(reference, Status.VALID)

    def status(self, reference: StatusReference) -> Status:
        """Return what the list says now. Raises STATUS_INDEX_OUT_OF_RANGE if it is none of ours."""
        with self._lock:
            self._check(reference)
            return self._read(reference.index)

    def publish(
        self,
        key: SigningKey,
        *,
        now: UnixTime | int,
        ttl_s: int,
        expires_s: int,
        kid: str | None = None,
    ) -> bytes:
        """Sign the list as it stands: a Status List Token, as JWT. Arguments as `prepare`."""
        unsigned = self.prepare(key.public, now=now, ttl_s=ttl_s, expires_s=expires_s, kid=kid)
        return unsigned.sign(key)

    def prepare(
        self,
        key: PublicKey,
        *,
        now: UnixTime | int,
        ttl_s: int,
        expires_s: int,
        kid: str | None = None,
        level: int = 9,
    ) -> Unsigned:
        """Prepare a Status List Token for a signer elsewhere.

        Args:
            key: the public key of the signer.
            now: integer Unix seconds. `iat` is this, or one more than the last `iat` if that is not earlier: two
                versions of a list never bear the same `iat`. Gather changes and publish once a second at
                most: verifiers refuse an `iat` more than half a minute ahead of their clock.
            ttl_s: how long verifiers may keep it before they fetch again, seconds.
            expires_s: when it ends for good, seconds from now.
            kid: key identifier; the key's thumbprint in base64url by default.
            level: zlib level, 0 to 9.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID.
        """
        if not all(type(number) is int for number in (now, ttl_s, expires_s, level)):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        if now < 0 or not 0 < ttl_s <= expires_s or now + expires_s > MAX_UNIX_TIME or not 0 <= level <= 9:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        if kid is not None and (type(kid) is not str or not 0 < len(kid) <= _MAX_KID_CHARS):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        with self._lock:
            issued_at = self._last_issued_at = max(int(now), self._last_issued_at + 1)
            statuses = StatusList(self.bits, bytes(self._packed))
        header = {
            reg.ALG: key.algorithm,
            reg.TYP: reg.TYP_STATUS_LIST_JWT,
            reg.KID: base64url.encode_text(key.thumbprint) if kid is None else kid,
        }
        payload: dict[str, Any] = {
            reg.SUB: self.uri,
            reg.IAT: issued_at,
            reg.EXP: issued_at + expires_s,
            "ttl": ttl_s,
            reg.STATUS_LIST: {"bits": self.bits, "lst": base64url.encode_text(statuses.compress(level))},
        }
        # Here, because a gateway imports this file and never publishes.
        from .._wire.writing import signing_input

        to_be_signed = signing_input(header, payload, "status-list")
        if len(to_be_signed) + 2 * reg.SIGNATURE_BYTES[key.algorithm] > DEFAULT_LIMITS.status_list_bytes:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        return Unsigned(to_be_signed, key, lambda signature: to_be_signed + b"." + base64url.encode(signature))

    def _write(self, reference: StatusReference, status: Status) -> None:
        with self._lock:
            self._check(reference)
            if status >= 1 << self.bits:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.bits")
            held = self._read(reference.index)
            if held is Status.INVALID and status is not Status.INVALID:
                raise CitizenIDError(Reason.REVOKED, "status-list")
            position = reference.index * self.bits
            mask = ((1 << self.bits) - 1) << (position & 7)
            self._packed[position >> 3] = self._packed[position >> 3] & ~mask | status << (position & 7)

    def _read(self, index: int) -> Status:
        position = index * self.bits
        return Status(self._packed[position >> 3] >> (position & 7) & ((1 << self.bits) - 1))

    def _check(self, reference: StatusReference) -> None:
        if type(reference) is not StatusReference or reference.uri != self.uri or reference.index not in self._taken:
            raise CitizenIDError(Reason.STATUS_INDEX_OUT_OF_RANGE, "status-list")

    def __repr__(self) -> str:
        return f"<StatusPublisher of {self.size}, {self.bits} bits each>"
