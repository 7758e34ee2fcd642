"""What an issuer keeps: which indices are taken, what each says, and the signed list of it all.

Indices are drawn at random among the free ones and never twice (Token Status List sections 13.2, 13.3), so that an
index tells nothing of when or to whom a credential was issued. What was answered is in the ledger: with a path it
outlives the process and its crash, and several processes share it; without one it ends with the process.

Spec: Token Status List sections 4, 5.1, 7.1, 13; specs/profile-status-list.md section 5.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Final, Literal, final

from .. import _registry as reg
from .._anchor import is_label
from .._crypto import PublicKey, SigningKey, Unsigned
from .._errors import CitizenIDError, Reason
from .._limits import DEFAULT_LIMITS, MAX_UNIX_TIME
from .._model import Status, StatusKind, StatusReference, UnixTime
from ._file import checked_path
from ._ledger import NEVER, Ledger, MemoryLedger, StatusChange
from ._list import StatusList

# RFC 3986 section 3 and appendix A, as far as characters go: verifiers fetch it and compare it character by character.
_URI: Final = r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
_MAX_ISSUER_CHARS: Final = 2_048  # as a status URI
_MAX_REASON_CHARS: Final = 1_000  # a sentence or two, and no document


def check_uri(uri: str) -> None:
    """Refuse what no credential could refer to. Raises CONFIGURATION_INVALID, or CLAIM_INVALID for what is no text."""
    StatusReference(uri, 0)
    if not re.fullmatch(_URI, uri):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")


def public_of(key: SigningKey) -> PublicKey:
    """Return the public half of a key that signs lists. Raises CONFIGURATION_INVALID for what is no such key."""
    public = getattr(key, "public", None)
    if type(public) is not PublicKey:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.key")
    return public


@final
class StatusPublisher:
    """One status list of an issuer. Safe for threads, and with a path for processes.

    With a path every call may also raise LEDGER_UNAVAILABLE, when the file cannot be read or written now: nothing was
    done, and nothing is given out twice when it is tried again.

    Args:
        uri: where the list will be published; credentials refer to it by these exact characters.
        size: how many credentials it has room for. A large list hides each of them better.
        bits: 1 for valid and revoked; 2 to suspend as well. 4 and 8 are legal; no value beyond these is written yet.
        purpose: "revocation" or "suspension" for a W3C bitstring list, which has room for one of them and needs 131,072
            entries: of 1 bit to revoke, of 2 bits to suspend (it is published with one each). None for other lists.
        issuer: of a bitstring list: the URL or DID that verifiers know its signer by. None for other lists.
        path: of the ledger, a file on a local disk that is made when it is not there; None keeps it in memory. Each
            process opens it for itself, after a fork too.
        randbelow: a source of unbiased random integers below a bound; the system's by default. What lies beyond the
            bound is CONFIGURATION_INVALID when it is drawn.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID, also when the file is for another list; LEDGER_REFUSED when it is none of
            ours, damaged, or of a newer release; LEDGER_UNAVAILABLE.
        MalformedError: CLAIM_INVALID for a uri that no reference could hold.

    >>> from citizenid import LocalKey
    >>> publisher = StatusPublisher(uri="https://id.example/status/1", size=1_000)
    >>> reference = publisher.allocate()
    >>> publisher.revoke(reference, at=1_800_000_000, reason="holder's request")
    >>> token = publisher.publish(LocalKey.generate("ES256"), now=1_800_000_000, ttl_s=3_600, expires_s=86_400)
    """

    def __init__(
        self,
        *,
        uri: str,
        size: int,
        bits: int = 1,
        purpose: str | None = None,
        issuer: str | None = None,
        path: str | PathLike[str] | None = None,
        randbelow: Callable[[int], int] | None = None,
    ) -> None:
        check_uri(uri)
        if type(size) is not int or not size > 0 or type(bits) is not int or bits not in reg.STATUS_BITS:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        if size * bits > 8 * DEFAULT_LIMITS.status_list_inflated_bytes:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        _check_bitstring(size, bits, purpose, issuer)
        if path is not None:
            path = checked_path(path, "status-list.path")
        if randbelow is not None and not callable(randbelow):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.randbelow")
        self.uri: Final = uri
        self.size: Final = size
        self.bits: Final = bits
        self.purpose: Final = purpose
        self.issuer: Final = issuer
        if randbelow is None:
            import secrets  # here, because a gateway never allocates: it costs 2 ms of every start

            randbelow = secrets.randbelow
        self._randbelow: Final = randbelow
        self._lock = threading.Lock()
        self._ledger: Final[Ledger] = _ledger(path, uri, size, bits, randbelow)

    def allocate(self) -> StatusReference:
        """Take a free index at random; it is never given out again.

        Raises:
            CitizenIDError: STATUS_LIST_FULL.
        """
        return self.allocate_many(1)[0]

    def allocate_many(self, count: int) -> tuple[StatusReference, ...]:
        """Take so many free indices at random, all or none: one transaction, and with a path one sync.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for a count that is no positive integer, STATUS_LIST_FULL.
        """
        return self.allocate_decoys(count, revoked=0)

    def allocate_decoys(
        self, count: int, *, revoked: int, at: UnixTime | int | None = None
    ) -> tuple[StatusReference, ...]:
        """Take indices that will belong to nobody and revoke some of them, in one transaction.

        They hide how many credentials are revoked, and how many were between two publications, as long as decoys are
        revoked at other times too: now and then `revoke` one of what this returns. They do not hide what the index
        of a credential says that somebody has seen. Nothing marks them: whoever must tell them apart keeps this.

        Args:
            count: how many to take.
            revoked: how many of them to revoke at once: the first ones of what is returned.
            at: when they are revoked, for `history`; integer Unix seconds.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID, STATUS_LIST_FULL.
        """
        if type(count) is not int or count < 1 or type(revoked) is not int or not 0 <= revoked <= count:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        if revoked:
            self._check_says(Status.INVALID)
        change = _change(Status.INVALID, at, None)
        with self._lock:
            indices = self._ledger.allocate(count, revoked, change.at)
        kind = StatusKind.STATUS_LIST if self.purpose is None else StatusKind.BITSTRING
        return tuple(StatusReference(self.uri, index, kind, purpose=self.purpose) for index in indices)

    def revoke(
        self, reference: StatusReference, *, at: UnixTime | int | None = None, reason: str | None = None
    ) -> None:
        """Say INVALID of a credential, for good.

        Args:
            reference: what `allocate` gave, or an equal one.
            at: when, integer Unix seconds. Like `reason` it is for `history` alone and never published.
            reason: why, 1 to 1,000 characters.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID, also in a bitstring list for suspensions; STATUS_INDEX_OUT_OF_RANGE
                if it is none of ours.
        """
        self._write(reference, _change(Status.INVALID, at, reason))

    def suspend(
        self, reference: StatusReference, *, at: UnixTime | int | None = None, reason: str | None = None
    ) -> None:
        """Say SUSPENDED of a credential until it is reinstated. Arguments as `revoke`.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID when the list has one bit each, REVOKED when it is revoked already,
                STATUS_INDEX_OUT_OF_RANGE if it is none of ours.
        """
        self._write(reference, _change(Status.SUSPENDED, at, reason))

    def reinstate(
        self, reference: StatusReference, *, at: UnixTime | int | None = None, reason: str | None = None
    ) -> None:
        """Say VALID again of a suspended credential. A revocation is never taken back (EUDI ARF 3.0.0 topic 7).

        Arguments as `revoke`.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID, REVOKED, STATUS_INDEX_OUT_OF_RANGE.
        """
        self._write(reference, _change(Status.VALID, at, reason))

    def status(self, reference: StatusReference) -> Status:
        """Return what the list says now. Raises STATUS_INDEX_OUT_OF_RANGE if it is none of ours."""
        self._check(reference)
        with self._lock:
            return self._ledger.read(reference.index)

    def history(self, reference: StatusReference) -> tuple[StatusChange, ...]:
        """Return when and why the status was changed, the oldest first, for the issuer's own eyes.

        To say again what is said already is no change. Raises STATUS_INDEX_OUT_OF_RANGE if it is none of ours.
        """
        self._check(reference)
        with self._lock:
            return self._ledger.history(reference.index)

    @property
    def free(self) -> int:
        """How many indices are left."""
        with self._lock:
            return self._ledger.free()

    @property
    def version(self) -> int:
        """The number of changes of statuses so far, by any process."""
        with self._lock:
            return self._ledger.versions()[0]

    @property
    def last_issued_at(self) -> UnixTime | None:
        """The `iat` that was used up last, by any process; None before the first."""
        with self._lock:
            last = self._ledger.last_issued_at()
        return None if last == NEVER else UnixTime(last)

    @property
    def changed(self) -> bool:
        """Whether there may be changes that no published list contains; True before the first one.

        A list is due again without changes too: before its ttl ends, and when its key is replaced.
        """
        with self._lock:
            version, published = self._ledger.versions()
        return version != published

    def confirm_published(self, version: int) -> None:
        """Say that a list with all changes up to `version` is out. `publish` does it; after `prepare` the caller does.

        Args:
            version: what `version` gave before `prepare` was called.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for what no list can contain yet.
        """
        with self._lock:
            last, published = self._ledger.versions()
            if type(version) is not int or not 0 <= version <= last:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
            if version > published:
                self._ledger.confirm(version)

    def close(self) -> None:
        """Let go of the file: later calls raise LEDGER_UNAVAILABLE. A publisher in memory has nothing to close."""
        with self._lock:
            self._ledger.close()

    def publish(
        self,
        key: SigningKey,
        *,
        now: UnixTime | int,
        ttl_s: int,
        expires_s: int,
        kid: str | None = None,
        format: Literal["jwt", "cwt", "bitstring"] = "jwt",
        certificates: Iterable[bytes] = (),
    ) -> bytes:
        """Sign the list as it stands: a Status List Token. Arguments as `prepare`."""
        version = self.version  # before: a change that comes meanwhile is published twice rather than not at all
        unsigned = self.prepare(
            public_of(key), now=now, ttl_s=ttl_s, expires_s=expires_s, kid=kid, format=format, certificates=certificates
        )
        token = unsigned.sign(key)
        self.confirm_published(version)
        return token

    def prepare(
        self,
        key: PublicKey,
        *,
        now: UnixTime | int,
        ttl_s: int,
        expires_s: int,
        kid: str | None = None,
        level: int = 9,
        format: Literal["jwt", "cwt", "bitstring"] = "jwt",
        certificates: Iterable[bytes] = (),
    ) -> Unsigned:
        """Prepare a Status List Token for a signer elsewhere.

        Args:
            key: the public key of the signer.
            now: integer Unix seconds. `iat` is this, or one more than the last `iat` if that is not earlier: two
                versions of a list never bear the same `iat`, and what is prepared uses one up whether it is signed or
                not. Gather changes and publish once a second at most: verifiers refuse an `iat` more than half a
                minute ahead of their clock, and none that is so far ahead of `now` is given.
            ttl_s: how long verifiers may keep it before they fetch again, seconds.
            expires_s: when it ends for good, seconds from now.
            kid: key identifier, at most 255 bytes of UTF-8; the key's thumbprint in base64url by default.
            level: of zlib or gzip, 0 to 9.
            format: "jwt", or "cwt", which is a quarter smaller and what verifiers of mdocs read; "bitstring" for a list
                with a purpose, and for no other: a list credential of the W3C as JWT.
            certificates: the signer's chain in DER, leaf first and without the root; it takes the place of a kid.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID; LEDGER_UNAVAILABLE, also when the next `iat` is too far ahead.
        """
        # Here, because a gateway imports this file and never publishes.
        from ._writing import (
            Says,
            Times,
            bitstring_jwt,
            check_stored,
            check_times,
            signer_of,
            status_list_cwt,
            status_list_jwt,
        )

        writers = {"jwt": status_list_jwt, "cwt": status_list_cwt}
        says = None if self.purpose is None or self.issuer is None else Says(self.issuer, self.purpose)
        known = format in ("jwt", "cwt") if says is None else format == "bitstring"
        if type(format) is not str or not known or type(level) is not int or not 0 <= level <= 9:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        check_times(now, ttl_s, expires_s)
        signer = signer_of(key, kid, certificates)
        if level == 0:  # how long the token will be at least is known before an iat is used up for it
            check_stored(self.size * (self.bits if says is None else 1) // 8, format)
        with self._lock:
            issued_at, packed = self._ledger.issue(int(now))
        statuses, times = StatusList(self.bits, packed), Times(issued_at, issued_at + expires_s, ttl_s)
        if says is not None:
            return bitstring_jwt(self.uri, statuses, times, signer, level, says)
        return writers[format](self.uri, statuses, times, signer, level)

    def _write(self, reference: StatusReference, change: StatusChange) -> None:
        self._check(reference)
        self._check_says(change.status)
        with self._lock:
            self._ledger.write(reference.index, change)

    def _check(self, reference: StatusReference) -> None:
        kind = StatusKind.STATUS_LIST if self.purpose is None else StatusKind.BITSTRING
        ours = (self.uri, kind, self.purpose)
        if type(reference) is not StatusReference or (reference.uri, reference.kind, reference.purpose) != ours:
            raise CitizenIDError(Reason.STATUS_INDEX_OUT_OF_RANGE, "status-list")

    def _check_says(self, status: Status) -> None:
        if self.purpose == reg.SUSPENSION and status is Status.INVALID:  # a set bit would say less than was meant
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.purpose")

    def __repr__(self) -> str:
        return f"<StatusPublisher of {self.size}, {self.bits} bits each>"


def _check_bitstring(size: int, bits: int, purpose: str | None, issuer: str | None) -> None:
    if purpose is None and issuer is None:
        return
    widths = {reg.REVOCATION: 1, reg.SUSPENSION: 2}
    if type(purpose) is not str or widths.get(purpose) != bits or size < reg.BITSTRING_MIN_ENTRIES:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.purpose")
    if type(issuer) is not str or len(issuer) > _MAX_ISSUER_CHARS or not re.fullmatch(_URI, issuer):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.issuer")


def _ledger(
    path: str | PathLike[str] | None, uri: str, size: int, bits: int, randbelow: Callable[[int], int]
) -> Ledger:
    if path is None:
        return MemoryLedger(size, bits, randbelow)
    from ._ledger_file import FileLedger  # here, because a gateway imports this file and never SQLite

    return FileLedger(path, uri=uri, size=size, bits=bits, randbelow=randbelow)


def _change(status: Status, at: UnixTime | int | None, reason: str | None) -> StatusChange:
    if at is not None and (type(at) is not int or not 0 <= at <= MAX_UNIX_TIME):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
    if reason is not None and (not is_label(reason) or len(reason) > _MAX_REASON_CHARS):  # SQLite keeps UTF-8
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
    return StatusChange(status, None if at is None else UnixTime(at), reason)
