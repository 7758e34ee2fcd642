"""What a verifier keeps of status lists, and what it answers from them without asking anybody.

A list is held for (URI, trust point of its signer), its kind and its purpose: two issuers that name the same URI do not
share a list, and a list of suspensions answers nobody who asks for a revocation. It is
usable while `fetched - skew <= now < min(exp, fetched + min(ttl, cap))`, and there is no grace: after that the answer
is the Need, not the old bit. A list never goes back: an older `iat`, or other bits under the same `iat`, is refused and
the held one stays in force.

Spec: Token Status List sections 8.3, 11.5, 13.7; DESIGN section 4 (status).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final, final

from .._errors import CitizenIDError, Reason, VerificationError
from .._limits import DEFAULT_LIMITS, Limits
from .._model import NeedStatusList, Status, StatusKind, StatusReference, UnixTime, check_now
from ..trust import TrustAnchors
from ._identity import (
    PREFIX_BYTES,
    add_prefix,
    identity_of,
    is_identity_of,
    parts_of,
    place_of,
    prefixes_of,
    status_identity,
    tag_in_place,
)
from ._list import StatusList, status_at
from ._protocol import check_trust
from ._records import (
    FORGOTTEN,
    MAX_RECORDS,
    Held,
    Mark,
    StoredList,
    StoredStatuses,
    check_mark,
    later_marks,
    read_marks,
    write_marks,
)
from ._shares import MAX_URI_BYTES, Shares
from ._token import VerifiedStatusList, verify_status_list

__all__ = ["StatusStore", "identity_of", "place_of", "status_identity"]

_BITSTRING: Final = StatusKind.BITSTRING
_SWEEPS: Final = 24  # for each cap on the age of a list
_MAX_WANTED: Final = 4_096  # only references of verified credentials are remembered, so issuers bound this


@final
class StatusStore:
    """The status lists of one verifier, in memory. Safe for threads: readers never wait.

    Args:
        anchors: keys of purpose STATUS_LIST; others are ignored.
        limits: bounds, and the cap on the age of a list.
        uris: lists that are wanted from the start. A ticket holds the identity of its list and not its URI: after a
            restart nobody but the operator can say what to fetch for the tickets that are out. Hand in what `uris` was.
        marks: what `export_marks` of an earlier store gave: what that one would refuse as older is refused here too.
        stored: what an earlier store held, from `export` or `read_status_file`: its marks, what it wanted, and its
            lists, of which those count whose signer is trusted here and that no mark makes old. Each is its own mark.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for a URI that is no text, for more than 4,096 of them, and for another
            argument that is not of its type.
        MalformedError: STATUS_MARKS_MALFORMED.
        VerificationError: STATUS_LIST_CONFLICT for two marks of one `iat` that differ, or a mark and a list;
            LIMIT_EXCEEDED for stored lists beyond what `ingest` takes in.
    """

    def __init__(
        self,
        *,
        anchors: TrustAnchors,
        limits: Limits = DEFAULT_LIMITS,
        uris: Iterable[str] = (),
        marks: bytes | None = None,
        stored: StoredStatuses | None = None,
    ) -> None:
        check_trust(anchors)
        if type(limits) is not Limits or not (stored is None or type(stored) is StoredStatuses):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "statuses")
        wanted = None if isinstance(uris, str) or not isinstance(uris, Iterable) else list(uris)
        if wanted is None or len(wanted) > _MAX_WANTED or not all(type(uri) is str and uri for uri in wanted):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "statuses.uris")
        self._anchors = anchors
        self._limits = limits
        self._held: dict[bytes, Held] = {}
        self._shares = Shares()
        self._prefixes: dict[bytes, bytes] = {}  # of identifier lists, to their identities; empty for two that are held
        # A list that is held is its own mark: its digest is asked for when it matters, and not at each ingest.
        self._marks: dict[bytes, Mark | Held] = {} if marks is None else {**read_marks(marks)}
        self._wanted: dict[str, None] = dict.fromkeys(wanted)
        self._lock = threading.Lock()
        self._swept_at = 0
        if stored is not None:
            self._restore(stored)

    def ingest(self, uri: str, body: bytes | str, *, media_type: str, now: UnixTime | int) -> None:
        """Take in a status list token fetched from `uri`.

        Args:
            uri: as credentials refer to it.
            body: the response body.
            media_type: the response's Content-Type.
            now: when it was fetched, integer Unix seconds.

        Raises:
            VerificationError: as `verify_status_list`, and STATUS_LIST_ROLLBACK for an older list than the one held,
                STATUS_LIST_CONFLICT for other bits under the same `iat`, STATUS_LIST_TOO_OLD for a first list whose
                `iat` lies further back than the cap, LIMIT_EXCEEDED for more than 4,096 lists or 1 GiB of them of one
                signer, or more than 65,536 in all. Whatever is refused changes nothing.
            MalformedError: as `verify_status_list`.
        """
        token = verify_status_list(
            body, uri=uri, media_type=media_type, anchors=self._anchors, now=now, limits=self._limits
        )
        self.put(token, now=now)

    def put(self, token: VerifiedStatusList, *, now: UnixTime | int) -> None:
        """Take in a verified list. Raises STATUS_LIST_* and LIMIT_EXCEEDED as `ingest` does.

        Raises:
            VerificationError: also KEY_UNKNOWN when its trust point is not, or no longer, one of this store's.
            CitizenIDError: CLOCK_UNUSABLE; CONFIGURATION_INVALID for what is no verified list.
        """
        now = check_now(now)
        if type(token) is not VerifiedStatusList:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list")
        cap = self._limits.status_age_s
        end = now + (cap if token.ttl_s is None else min(token.ttl_s, cap))
        # A list that states no end takes the cap as its end, counted from its iat: the same old one, fetched again and
        # again, must not hide a revocation for ever.
        usable_until = min(end, token.issued_at + cap if token.not_after is None else token.not_after)
        refresh_at = now + max(1, (usable_until - now) // 2)
        times = (max(0, now - self._limits.clock_skew_s), refresh_at, usable_until)
        issuer, anchor, root = token.anchor.issuer, token.anchor.fingerprint, token.anchor.root
        parts = parts_of(token)
        with self._lock:
            if self._anchors.find(anchor[:16]) is None:
                raise VerificationError(Reason.KEY_UNKNOWN, "status-list")
            self._sweep(now)
            records = {}
            for key, statuses in parts:
                held = Held(token.uri, statuses, *times, anchor, token.issued_at)
                # A credential may ask for a list under this certificate alone.
                rooted = root is not None and token.kind is not _BITSTRING
                bound = status_identity(token.uri, issuer, root.der, token.kind) if root and rooted else None
                records.update(dict.fromkeys(self._renewed(key, bound, held, now), held))
            self._check_room(token.uri, anchor, records)
            for key, held in records.items():
                self._hold(key, held)
            self._marks.update(records)
            self._wanted.pop(token.uri, None)

    def _renewed(self, key: bytes, bound: bytes | None, new: Held, now: UnixTime) -> list[bytes]:
        """Return the identities that a list answers for from now on: its own, and the one under its certificate.

        A list under a certificate has a memory of its own: it goes on although a newer one came under another, and then
        answers for that certificate alone.
        """
        own = key if bound is None else bound
        self._check_age(own, new, now)
        mark = self._marks.get(key)
        if bound is None or mark is None or new.issued_at > mark.issued_at:
            return list(dict.fromkeys((key, own)))
        if new.issued_at < mark.issued_at:
            return [bound]
        check_mark(_mark_of(mark), new.issued_at, new.digest, "status-list.iat")
        return [key, bound]

    def _check_age(self, key: bytes, new: Held, now: UnixTime) -> None:
        mark, floor = self._marks.get(key), self._marks.get(FORGOTTEN)
        if mark is not None:
            if new.issued_at <= mark.issued_at:
                check_mark(_mark_of(mark), new.issued_at, new.digest, "status-list.iat")
            return
        # Without a high-water mark an old list could be played to a verifier that has just started.
        old = now - new.issued_at > self._limits.status_age_s
        if old or (floor is not None and new.issued_at <= floor.issued_at):
            raise VerificationError(Reason.STATUS_LIST_TOO_OLD, "status-list.iat")

    def _sweep(self, now: UnixTime) -> None:
        """Let go of lists that have counted for nobody for long, and of marks that refuse nothing beyond their age.

        No list that such a mark would refuse can come back: `FORGOTTEN` is at least as late as each of them, and what
        has no mark and is not later than it is refused, whatever the clock says by then.
        """
        cap = self._limits.status_age_s
        if self._swept_at <= now < self._swept_at + cap // _SWEEPS + 1:
            return
        self._swept_at = now
        kept = {k: held for k, held in self._held.items() if now - held.usable_until < cap or held.uri in self._wanted}
        old = {k: m.issued_at for k, m in self._marks.items() if k not in kept and now - m.issued_at > cap}
        if len(kept) == len(self._held) and not old:
            return
        self._held = kept
        self._count()
        floor = self._marks.get(FORGOTTEN)
        self._marks = {k: m if k in kept else _mark_of(m) for k, m in self._marks.items() if k not in old}
        if old:  # never earlier than it was, though a clock was ahead when that was written
            latest = max(old.values()) if floor is None else max(floor.issued_at, *old.values())
            self._marks[FORGOTTEN] = Mark(latest, bytes(32))

    def _check_room(self, uri: str, anchor: bytes, records: dict[bytes, Held]) -> None:
        """Refuse more than a signer's share, and more than fits the file. Raises LIMIT_EXCEEDED."""
        replaced = [self._held[key] for key in records if key in self._held]
        ours = [held.size for held in replaced if held.anchor == anchor]
        came = sum(held.size for held in records.values())
        self._shares.check(anchor, len(records) - len(ours), came - sum(ours))
        marks = len(self._marks) + sum(key not in self._marks for key in records)  # each list that is held is one
        if marks > MAX_RECORDS or len(uri.encode("utf-8", "surrogatepass")) > MAX_URI_BYTES:
            raise VerificationError(Reason.LIMIT_EXCEEDED, "status-list")

    def _hold(self, key: bytes, held: Held) -> None:
        before = self._held.get(key)
        if before is not None:
            self._shares.add(before.anchor, -before.size, -1)
        self._shares.add(held.anchor, held.size)
        self._held[key] = held
        add_prefix(self._prefixes, key)

    def _count(self) -> None:
        """Count anew what is noted of all lists that are held, after some have gone."""
        self._shares = Shares((held.anchor, held.size) for held in self._held.values())
        self._prefixes = prefixes_of(self._held)

    def reload(self, *, anchors: TrustAnchors) -> None:
        """Trust other signers from now on. A list whose trust point is gone, or has changed, counts no longer.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for what is no set of anchors; nothing is changed then.
        """
        check_trust(anchors)
        trusted = {anchor.fingerprint for anchor in anchors}
        with self._lock:
            self._anchors = anchors
            gone = [held.uri for held in self._held.values() if held.anchor not in trusted]
            self._wanted.update(dict.fromkeys(gone[:_MAX_WANTED]))
            self._held = {key: held for key, held in self._held.items() if held.anchor in trusted}
            self._marks = {
                key: _mark_of(mark) if type(mark) is Held and key not in self._held else mark
                for key, mark in self._marks.items()
            }  # what is gone is kept in memory no longer
            self._count()

    def check(
        self, reference: StatusReference, *, issuer: str, now: UnixTime | int, any_certificate: bool = False
    ) -> Status | NeedStatusList:
        """Return the status of a credential.

        Args:
            reference: from the credential.
            issuer: the label of the trust point whose list counts.
            now: integer Unix seconds.
            any_certificate: whether the operator has named that trust point himself, so that it counts also for a
                reference that asks for a list under a certificate of its own.

        Raises:
            VerificationError: STATUS_INDEX_OUT_OF_RANGE.
            CitizenIDError: CLOCK_UNUSABLE; CONFIGURATION_INVALID for what is no reference, or no label.
        """
        now = check_now(now)
        if type(reference) is not StatusReference or type(issuer) is not str:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status")
        certificate = None if any_certificate else reference.certificate
        held = self._held.get(status_identity(reference.uri, issuer, certificate, reference.kind, reference.purpose))
        if held is not None and held.usable_from <= now < held.usable_until:
            if reference.identifier is not None:
                return held.statuses.status(reference.identifier)  # type: ignore[no-any-return]  # see Held
            return status_at(held.entries, reference.index)
        with self._lock:
            if len(self._wanted) < _MAX_WANTED:
                self._wanted[reference.uri] = None
        if held is None:
            return NeedStatusList(reference.uri, certificate=certificate)
        return _stale(held)

    def check_identity(self, identity: bytes, index: int, now: UnixTime) -> Status | NeedStatusList | None:
        """As `check`, by what `place_of` gave; None when no such list is held (its URI is not known here then).

        Args:
            identity: of a status list or bitstring; or the beginning of an identifier list's, and then the first bytes
                of the identifier's tag.
            index: in that list; or the rest of the tag.
            now: integer Unix seconds, which nobody checks again.

        Raises:
            VerificationError: STATUS_INDEX_OUT_OF_RANGE, also for the whole identity of an identifier list.
        """
        held = self._held.get(identity)
        if held is None:
            return self._check_tag(identity, index, now)
        if not held.usable_from <= now < held.usable_until:
            return _stale(held)
        return status_at(held.entries, index)

    def issued_at(self, identity: bytes) -> UnixTime | None:
        """Return the iat of the list that `place_of` named, or None when it is not held."""
        held = self._held.get(identity) or self._held.get(self._prefixes.get(identity[:PREFIX_BYTES], b""))
        return None if held is None else held.issued_at

    def _check_tag(self, identity: bytes, index: int, now: UnixTime) -> Status | NeedStatusList | None:
        held = self._held.get(self._prefixes.get(identity[:PREFIX_BYTES], b""))
        if held is None:
            return None
        if not held.usable_from <= now < held.usable_until:
            return _stale(held)
        return held.statuses.status_of_tag(tag_in_place(identity, index))  # type: ignore[no-any-return]  # see Held

    def ages(self, now: int) -> tuple[int, ...]:
        """Return how long ago each list that is held and usable was issued, seconds; for metrics."""
        now = check_now(now)
        with self._lock:
            usable = [held for held in self._held.values() if held.usable_from <= now < held.usable_until]
        return tuple(now - held.issued_at for held in usable)

    @property
    def uris(self) -> tuple[str, ...]:
        """The lists that are held or wanted: what to keep for a store that starts anew."""
        with self._lock:
            return tuple(dict.fromkeys([*self._wanted, *(held.uri for held in self._held.values())]))

    def due(self, now: UnixTime | int) -> tuple[str, ...]:
        """Return the URIs to fetch now: asked for and not held, or past half of the time they are usable.

        A list that was fetched later than `now`, by more than the clock skew, is due as well.
        """
        now = check_now(now)
        with self._lock:
            aged = [held.uri for held in self._held.values() if not held.usable_from <= now < held.refresh_at]
            return tuple(dict.fromkeys([*self._wanted, *aged]))

    def export(self) -> StoredStatuses:
        """Return all that is held at this moment, for `write_status_file` or another store."""
        with self._lock:
            listed, marks, wanted = list(self._held.items()), list(self._marks.items()), tuple(self._wanted)
        # The digests are computed here, while nobody waits for them.
        lists = tuple(
            StoredList(
                *(key, held.uri, held.statuses, held.issued_at, held.digest),
                *(held.usable_from, held.refresh_at, held.usable_until, held.anchor),
            )
            for key, held in listed
        )
        return StoredStatuses(lists, {key: _mark_of(mark) for key, mark in marks}, wanted)

    def export_marks(self) -> bytes:
        """Return the high-water marks: without them a store that starts anew would take an old list for a new one.

        Raises:
            CitizenIDError: LIMIT_EXCEEDED for more than 65,536 lists.
        """
        with self._lock:
            marks = list(self._marks.items())
        return write_marks({key: _mark_of(mark) for key, mark in marks})

    def _restore(self, stored: StoredStatuses) -> None:
        self._marks = {**later_marks({key: _mark_of(mark) for key, mark in self._marks.items()}, stored.marks)}
        self._wanted.update(dict.fromkeys(stored.wanted[:_MAX_WANTED]))
        for each in stored.lists:
            anchor = self._anchors.find(each.anchor[:16])
            bits = each.statuses.bits if type(each.statuses) is StatusList else None
            mark, floor = self._marks.get(each.identity), self._marks.get(FORGOTTEN)
            old = floor is not None and each.issued_at <= floor.issued_at
            if mark is not None:
                old = each.issued_at < mark.issued_at
            if is_identity_of(each.identity, each.uri, anchor, bits) and not old:
                if mark is not None:
                    check_mark(_mark_of(mark), each.issued_at, each.statuses.digest, "status-list.iat")
                times = (each.usable_from, each.refresh_at, each.usable_until)
                held = Held(each.uri, each.statuses, *times, each.anchor, each.issued_at)
                self._check_room(each.uri, each.anchor, {each.identity: held})
                self._hold(each.identity, held)
                self._marks[each.identity] = held
            else:
                self._wanted[each.uri] = None

    def __repr__(self) -> str:
        return f"<StatusStore of {len(self._held)} lists>"


def _mark_of(seen: Mark | Held) -> Mark:
    return Mark(seen.issued_at, seen.digest)


def _stale(held: Held) -> NeedStatusList:
    return NeedStatusList(held.uri, Reason.STATUS_LIST_STALE)
