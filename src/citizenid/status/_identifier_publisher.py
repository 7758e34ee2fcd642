"""What an issuer keeps for an identifier list: the identifiers that are revoked.

An identifier list names its credentials by random bytes, and says of whom it lists that they are revoked; it knows no
suspension and no size. State is in memory, as the status list's is.

Spec: ISO/IEC 18013-5 second edition 12.3.6.4; specs/profile-status-list.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final, final

from .._crypto import PublicKey, SigningKey, Unsigned
from .._errors import CitizenIDError, Reason
from .._model import StatusKind, StatusReference, UnixTime
from ._ledger import NEVER, next_issued_at
from ._publisher import check_uri

IDENTIFIER_BYTES: Final = 16  # two of them are equal by chance once in 2^64 credentials


@final
class IdentifierPublisher:
    """One identifier list of an issuer. Safe for threads.

    Args:
        uri: where the list will be published; credentials refer to it by these exact characters.
        draw: gives so many random bytes; the system's by default.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.

    >>> from citizenid import LocalKey
    >>> publisher = IdentifierPublisher(uri="https://id.example/identifiers")
    >>> publisher.revoke(publisher.allocate())
    >>> token = publisher.publish(LocalKey.generate("ES256"), now=1_800_000_000, ttl_s=3_600, expires_s=86_400)
    """

    def __init__(self, *, uri: str, draw: Callable[[int], bytes] | None = None) -> None:
        check_uri(uri)
        if draw is None:
            import secrets  # as in StatusPublisher

            draw = secrets.token_bytes
        self.uri: Final = uri
        self._draw: Final = draw
        self._lock = threading.Lock()
        self._given: set[bytes] = set()
        self._revoked: set[bytes] = set()
        self._last_issued_at = NEVER

    def allocate(self) -> StatusReference:
        """Draw an identifier; it is never given out again.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for a random source that is stuck.
        """
        identifier = self._draw(IDENTIFIER_BYTES)
        with self._lock:
            if type(identifier) is not bytes or len(identifier) != IDENTIFIER_BYTES or identifier in self._given:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "identifier-list")
            self._given.add(identifier)
        return StatusReference(self.uri, None, StatusKind.IDENTIFIER_LIST, identifier)

    def revoke(self, reference: StatusReference) -> None:
        """List a credential, for good. Raises STATUS_INDEX_OUT_OF_RANGE if it is none of ours."""
        identifier = reference.identifier if type(reference) is StatusReference else None
        with self._lock:
            if identifier is None or identifier not in self._given or reference.uri != self.uri:
                raise CitizenIDError(Reason.STATUS_INDEX_OUT_OF_RANGE, "identifier-list")
            self._revoked.add(identifier)

    @property
    def version(self) -> int:
        """The number of revocations so far: two lists with the same number say the same."""
        with self._lock:
            return len(self._revoked)

    @property
    def last_issued_at(self) -> UnixTime | None:
        """The `iat` that was used up last; None before the first."""
        with self._lock:
            last = self._last_issued_at
        return None if last == NEVER else UnixTime(last)

    def publish(
        self,
        key: SigningKey,
        *,
        now: UnixTime | int,
        ttl_s: int,
        expires_s: int,
        kid: str | None = None,
        certificates: Iterable[bytes] = (),
    ) -> bytes:
        """Sign the list as it stands, as CWT: media type application/identifierlist+cwt. Arguments as `prepare`."""
        unsigned = self.prepare(
            key.public, now=now, ttl_s=ttl_s, expires_s=expires_s, kid=kid, certificates=certificates
        )
        return unsigned.sign(key)

    def prepare(
        self,
        key: PublicKey,
        *,
        now: UnixTime | int,
        ttl_s: int,
        expires_s: int,
        kid: str | None = None,
        certificates: Iterable[bytes] = (),
    ) -> Unsigned:
        """Prepare the list for a signer elsewhere. Arguments as `StatusPublisher.prepare`.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID, LEDGER_UNAVAILABLE.
        """
        from ._writing import Times, check_times, identifier_list_cwt, signer_of  # as in StatusPublisher

        check_times(now, ttl_s, expires_s)
        signer = signer_of(key, kid, certificates)
        with self._lock:
            issued_at = self._last_issued_at = next_issued_at(self._last_issued_at, int(now))
            revoked = tuple(self._revoked)
        return identifier_list_cwt(self.uri, revoked, Times(issued_at, issued_at + expires_s, ttl_s), signer)

    def __repr__(self) -> str:
        return "<IdentifierPublisher>"
