"""What is kept of each decision: a count of all of them, and in the audit log what an auditor must be able to see.

Every result of a gateway leaves through here, so that a refusal has exactly one Reason and one place in the log, and
nothing is allowed that the log could not take. Refusals are on the disk before the answer leaves (`settle`).

Spec: specs/profile-audit.md section 1; specs/invariants.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final, NamedTuple, TypeVar, final

from .._errors import FAILURES, CitizenIDError, Reason
from .._model import NeedStatusList, UnixTime
from ..policy import Rule
from ._audit.sink import AuditSink
from ._parts import UNREAD, Parts, State
from .http import Admitted, Allow, Credentials, Deny, NeedPresentation, Request, SignedOut, read_credentials

Refusal = Deny | NeedPresentation | NeedStatusList
Ended = Admitted | SignedOut
R = TypeVar("R", bound=Ended | Refusal)
_ENDED: Final = (Admitted, SignedOut)
_DECISIONS: Final[Mapping[type, str]] = {
    Allow: "allow_marked",  # the others are counted apart
    Admitted: "admitted",
    SignedOut: "signed_out",
    Deny: "deny",
    NeedPresentation: "need_presentation",
    NeedStatusList: "need_status_list",
}
_POLICY_BYTES: Final = 16
_MAX_WORD_CHARS: Final = 512
_REFUSED_FOR_THE_LOG: Final = Deny(Reason.AUDIT_UNAVAILABLE, "audit")


class DecisionKey(NamedTuple):
    """What decisions are counted by. All three come from closed tables, and nothing of a person or a request is there.

    Attributes:
        door: "authorize", "admit", "renew" or "sign_out".
        decision: "allow", "allow_marked", "admitted", "signed_out", "deny", "need_presentation" or "need_status_list".
        reason: of a refusal or a need.
    """

    door: str
    decision: str
    reason: Reason | None


class Durations(NamedTuple):
    """How long admissions took, those that were refused too, from the request to the result.

    Attributes:
        counts: how many took no longer than each of `DURATIONS_S` and longer than the one before; the last took longer.
        seconds: all of them together.
    """

    counts: tuple[int, ...]
    seconds: float


DURATIONS_S: Final = (0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.5)


_ALLOWED: Final = DecisionKey("authorize", "allow", None)


@final
class Record:
    """The counts of a gateway, and its audit log if it has one. Safe for threads."""

    __slots__ = ("_allowed_so_far", "_counts", "_durations", "_lock", "_parts", "_refusals", "_seconds", "audit")

    def __init__(self, parts: Parts, audit: AuditSink | None) -> None:
        self.audit: Final = audit
        self._parts: Final = parts
        self._lock: Final = Lock()
        self._allowed_so_far = 0
        # By door, type of the result and identity of the Reason, which hashes faster than an Enum does.
        self._counts: dict[tuple[str, type, int], list[Any]] = {}
        self._refusals: dict[type, dict[int, list[Any]]] = {Deny: {}, NeedPresentation: {}, NeedStatusList: {}}
        self._durations = [0] * (len(DURATIONS_S) + 1)
        self._seconds = 0.0

    def took(self, seconds: float) -> None:
        """Take note of how long an admission took."""
        with self._lock:
            self._durations[bisect_left(DURATIONS_S, seconds)] += 1
            self._seconds += seconds

    def durations(self) -> Durations:
        """Return how long admissions took since the gateway began."""
        with self._lock:
            return Durations(tuple(self._durations), self._seconds)

    def counts(self) -> dict[DecisionKey, int]:
        """Return how often each decision was made since the gateway began."""
        with self._lock:
            found = {
                DecisionKey(door, _DECISIONS[kind], reason): n for (door, kind, _), (n, reason) in self._counts.items()
            }
            if self._allowed_so_far:
                found[_ALLOWED] = self._allowed_so_far
        return found

    def authorized(
        self,
        result: Allow | Refusal,
        state: State,
        credentials: Credentials,
        resource: str,
        rule: Rule | None,
        now: int | None,
    ) -> tuple[Allow | Refusal, int]:
        """Take note of what `authorize` decided; returns it, or what takes its place, and the position to settle.

        Args:
            result: the decision.
            state: that it was made by.
            credentials: of the request, where they were read.
            resource: as it was asked for.
            rule: that decides on it.
            now: of the decision, where the clock has been read.
        """
        if type(result) is Allow:
            if self.audit is None and not result[3]:
                with self._lock:
                    self._allowed_so_far += 1
                return result, 0
            word = None if rule is None or self.audit is None else rule.named(resource)
            denied = self._allowed(state, now, rule=result[0], word=word, subject=result[1], marked=result[3])
            if denied is None:
                if result[3]:
                    self._count("authorize", Allow, None)
                else:
                    with self._lock:
                        self._allowed_so_far += 1
                return result, 0
            refusal: Refusal = denied
        else:
            refusal = result
        kind = type(refusal)
        reason = refusal.reason
        cell = self._refusals[kind].get(id(reason))
        if cell is None:
            self._count("authorize", kind, reason)
        else:
            with self._lock:
                cell[0] += 1
        if self.audit is None:
            return refusal, 0
        return refusal, self._refused(refusal, state, credentials, rule, resource, now)

    def ended(
        self, door: str, result: R, state: State, credentials: Credentials, now: int | None
    ) -> tuple[R | Deny, int]:
        """Take note of how an admission, a renewal or a sign-out ended; as `authorized`.

        Args:
            door: which of them.
            result: see `authorized`.
            state: see there.
            credentials: of the request when they hold a ticket that says who asks, otherwise none.
            now: see there.
        """
        denied: Deny | None = None
        if isinstance(result, _ENDED):
            denied = self._allowed(state, now) if type(result) is Admitted else None
            if denied is None:
                self._count(door, type(result), None)
                return result, 0
            refusal: Refusal = denied
        else:
            refusal = result
        self._count(door, type(refusal), refusal.reason)
        position = self._refused(refusal, state, credentials, None, None, now)
        return (result if denied is None else denied), position

    def credentials(self, request: Request) -> Credentials:
        """Return the credentials of a request that is refused before anybody looks at them: for the log alone."""
        if self.audit is not None:
            try:
                return read_credentials(request.headers)
            except CitizenIDError:
                pass
        return UNREAD

    def settle(self, position: int) -> None:
        """Wait until what was noted is on the disk. A refusal stands whether it is or not."""
        if position and self.audit is not None:
            try:
                self.audit.settle(position)
            except FAILURES:
                pass

    def _count(self, door: str, kind: type, reason: Reason | None) -> None:
        key = (door, kind, id(reason))
        with self._lock:
            cell = self._counts.setdefault(key, [0, reason])
            cell[0] += 1
            if door == "authorize" and kind is not Allow:
                self._refusals[kind][id(reason)] = cell  # found there without putting a key together

    def _now(self, now: int | None) -> int:
        return self._parts.clock.latest if now is None else now

    def _allowed(
        self,
        state: State,
        now: int | None,
        *,
        rule: int | None = None,
        word: str | None = None,
        subject: bytes | None = None,
        marked: bool = False,
    ) -> Deny | None:
        """Ask the log whether something may go on; returns the refusal when it may not."""
        if self.audit is None:
            return None
        objection: Reason | None = Reason.AUDIT_UNAVAILABLE
        try:
            objection = self.audit.allowed(
                policy=state.policy.digest[:_POLICY_BYTES],
                rule=rule,
                resource=word,
                subject=subject,
                marked=marked,
                now=self._now(now),
            )
        except FAILURES:
            pass  # a log that fails allows nothing
        if objection is None:
            return None
        return Deny(objection, "audit") if type(objection) is Reason else _REFUSED_FOR_THE_LOG

    def _refused(
        self,
        refusal: Refusal,
        state: State,
        credentials: Credentials,
        rule: Rule | None,
        resource: str | None,
        now: int | None,
    ) -> int:
        """Tell the log of a refusal; returns the position to settle."""
        if self.audit is None:
            return 0
        position: int | None = None
        try:
            subject = self._subject(state, credentials, now)
            where, step = (refusal.where, refusal.step) if type(refusal) is Deny else ("", refusal.reason.step)
            position = self.audit.refused(
                refusal.reason,
                step,
                policy=state.policy.digest[:_POLICY_BYTES],
                rule=None if rule is None else rule.number,
                resource=None if rule is None or resource is None else rule.named(resource),
                subject=subject,
                detail={"where": where, "resource": _words(resource), "session": subject},
                now=self._now(now),
            )
        except FAILURES:
            pass  # the refusal stands
        return position if type(position) is int else 0

    def _subject(self, state: State, credentials: Credentials, now: int | None) -> bytes | None:
        """Return the session id of a genuine ticket, whether it is still good or not."""
        if credentials.ticket is None:
            return None
        # Where no clock was read, a time of before would give keys of another day to whoever comes next.
        keys = state.ring.current if now is None else state.ring.at(UnixTime(now))
        ticket = keys.tickets.open_fields(credentials.ticket)
        return None if ticket is None else ticket[2]


def _words(resource: object) -> str | None:
    """Return what was asked for, in the caller's words, as far as it can be kept."""
    return resource[:_MAX_WORD_CHARS] if type(resource) is str and resource.isprintable() else None
