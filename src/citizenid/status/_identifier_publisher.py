"""What an issuer keeps for an identifier list: the identifiers that are revoked.

An identifier list names its credentials by random bytes, and says of whom it lists that they are revoked; it knows no
suspension and no size. State is in memory alone: the issuer exports it, keeps it, and brings it back.

Spec: ISO/IEC 18013-5 second edition 12.3.6.4; specs/profile-status-list.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, final

from .._crypto import PublicKey, SigningKey, Unsigned
from .._errors import CitizenIDError, Reason
from .._limits import MAX_UNIX_TIME
from .._model import StatusKind, StatusReference, UnixTime
from ._ledger import NEVER, next_issued_at
from ._publisher import check_uri, public_of

IDENTIFIER_BYTES: Final = 16  # two of them are equal by chance once in 2^64 credentials


@final
@dataclass(frozen=True, slots=True, repr=False)
class IdentifierState:
    """What an `IdentifierPublisher` knows. For the issuer alone: it names every credential of the list.

    Attributes:
        given: the identifiers that were given out.
        revoked: those of them that are revoked.
        last_issued_at: the last `iat`, or None. A list that starts anew without it bears one that verifiers refuse as
            older than what they have, or one that they have seen with other contents.
    """

    given: frozenset[bytes]
    revoked: frozenset[bytes]
    last_issued_at: UnixTime | int | None


def _check_state(state: IdentifierState) -> None:
    good = type(state) is IdentifierState and type(state.given) is type(state.revoked) is frozenset
    if not good or not state.revoked <= state.given:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "identifier-list.state")
    if not all(type(each) is bytes and len(each) == IDENTIFIER_BYTES for each in state.given):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "identifier-list.state")
    last = state.last_issued_at
    if last is not None and (type(last) is not int or not 0 <= last <= MAX_UNIX_TIME):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "identifier-list.state")


@final
class IdentifierPublisher:
    """One identifier list of an issuer. Safe for threads.

    It forgets everything at the end of its process. One that starts empty under the same URI publishes a newer list
    that names nobody: every revoked credential would be valid again. Keep what `export` gives after each `allocate` and
    `revoke`, before you act upon them, and give it back as `state` at the next start.

    Args:
        uri: where the list will be published; credentials refer to it by these exact characters.
        draw: gives so many random bytes; the system's by default.
        state: what `export` gave last; None for a list that was never published.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID, also for a state that is none.
        MalformedError: CLAIM_INVALID for a uri that no reference could hold.

    >>> from citizenid import LocalKey
    >>> publisher = IdentifierPublisher(uri="https://id.example/identifiers")
    >>> publisher.revoke(publisher.allocate())
    >>> token = publisher.publish(LocalKey.generate("ES256"), now=1_800_000_000, ttl_s=3_600, expires_s=86_400)
    """

    def __init__(
        self, *, uri: str, draw: Callable[[int], bytes] | None = None, state: IdentifierState | None = None
    ) -> None:
        check_uri(uri)
        if draw is not None and not callable(draw):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "identifier-list")
        if draw is None:
            import secrets  # as in StatusPublisher

            draw = secrets.token_bytes
        self.uri: Final = uri
        self._draw: Final = draw
        self._lock = threading.Lock()
        if state is None:
            state = IdentifierState(frozenset(), frozenset(), None)
        _check_state(state)
        self._given: set[bytes] = set(state.given)
        self._revoked: set[bytes] = set(state.revoked)
        self._last_issued_at = NEVER if state.last_issued_at is None else int(state.last_issued_at)

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

    def export(self) -> IdentifierState:
        """Return all that there is to keep over a restart, as of one instant."""
        with self._lock:
            given, revoked, last = frozenset(self._given), frozenset(self._revoked), self._last_issued_at
        return IdentifierState(given, revoked, None if last == NEVER else UnixTime(last))

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
            public_of(key), now=now, ttl_s=ttl_s, expires_s=expires_s, kid=kid, certificates=certificates
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
