"""Authorisation: a request with a ticket, decided by everything that is known now. The hot path of the library.

In this order: the ticket, its sender proof, the proof's use, the anchor, the status bits, the policy's rule, and last
whether the credential looks shared: only requests that may go on are counted. The rule was found before: what no rule
lists needs no look at anything else.

Spec: DESIGN section 4; specs/verification.md (doors); specs/decisions/0010.
"""

from __future__ import annotations

from typing import Final

from .._errors import FAILURES, CitizenIDError, Reason
from .._model import NeedStatusList, Status, UnixTime
from ..countries import ANY
from ..policy import Facts, Rule, SharingResponse, StoreDown
from ..trust import TrustAnchor
from ._parts import Parts, State
from ._sender import identify
from .http import Allow, Credentials, Deny, NeedPresentation, Request
from .sharing import SharingDetector, Signals, Suspicion, judge
from .ticket import TicketFields

_VALID: Final = Status.VALID
_NOT_VALID: Final = {
    Status.INVALID: Deny(Reason.REVOKED, "V9", "status"),
    Status.SUSPENDED: Deny(Reason.SUSPENDED, "V9", "status"),
}
_NOT_PERMITTED: Final = Reason.CITIZENSHIP_NOT_PERMITTED
_DENIED: Final = Deny(_NOT_PERMITTED, "policy", "resource")
_STATUS_TOO_OLD: Final = Reason.STATUS_TOO_OLD
# A member of an enumeration by a name of this module: see `_sender`.
_MARK: Final = Suspicion.MARK
_STEP_UP: Final = Suspicion.STEP_UP
_REFUSE: Final = Suspicion.REFUSE
_LOCAL: Final = StoreDown.LOCAL
_BY_COUNTS: Final = SharingResponse.STEP_UP
_SUSPECTED: Final = Reason.SHARING_SUSPECTED
_SHARED: Final = Deny(Reason.CREDENTIAL_SHARED, "sharing")
_OTHERWISE: Final = Deny(Reason.STATUS_NOT_VALID, "V9", "status")


def authorize(
    parts: Parts,
    state: State,
    credentials: Credentials,
    request: Request,
    rule: Rule,
    signals: Signals,
    now: UnixTime,
    monotonic: float,
    after: Allow | None = None,
) -> Allow | Deny | NeedPresentation | NeedStatusList:
    """Decide a request by its rule. `after` is what was said to this very request before.

    Raises:
        CitizenIDError: for a sender proof that is refused, and what a broken part of ours says.
    """
    ring = state.ring
    keys = ring.current
    if not keys.begins <= now < keys.ends:
        keys = ring.at(now)
    local = rule.store_down is _LOCAL
    # What was enough for a rule that goes on by what this process knows is not enough for one that does not.
    proven = None
    if after is not None and (local or not after.local):
        proven = after.session_id
    identified = identify(parts, state, keys, credentials, request, now, monotonic, proven, local)
    if type(identified) is not tuple:
        if type(identified) is NeedPresentation:  # asked for anew, with what this rule asks for in it
            return parts.need(identified.reason, state, credentials, request.client_certificate, rule)
        return identified  # type: ignore[return-value]  # mypy does not narrow by type() is
    ticket, new_nonce, alone = identified  # type: ignore[misc]  # as above
    if after is not None and after.local:  # then the rule goes on by it as well, or the proof has counted anew
        alone = alone or ticket[2] == proven
    anchor = standing(parts, state, ticket, now, monotonic)
    if type(anchor) is not TrustAnchor:
        if anchor is None:
            return parts.need(Reason.ANCHOR_REMOVED, state, credentials, request.client_certificate, rule)
        return anchor
    _, _, session_id, _, _, _, _, admitted_at, _, _, _, nationalities, citizenships, _, binding, sender, _, _ = ticket
    countries = anchor.countries
    if countries is not ANY and not nationalities <= countries:  # each citizenship is among the nationalities
        nationalities, citizenships = nationalities & countries, citizenships & countries
    if rule.plain:
        objection = rule.objection_to(nationalities, citizenships, binding, now - admitted_at)
    else:
        objection = rule.objection(_facts(parts, state, ticket, anchor, rule, now))
    if objection is None:
        marked = False
        if parts.sharing is not None:
            suspicion = suspicion_of(parts.sharing, rule.sharing, ticket, sender, signals, monotonic)
            if suspicion is _REFUSE:
                return _SHARED
            if suspicion is _STEP_UP:
                return parts.need(_SUSPECTED, state, credentials, request.client_certificate, rule)
            marked = suspicion is _MARK
        return tuple.__new__(Allow, (rule.number, session_id, new_nonce, marked, alone))
    if objection is _NOT_PERMITTED:
        return _DENIED
    if objection is _STATUS_TOO_OLD and ticket[16]:
        return NeedStatusList("", objection)  # a newer list helps, and no other presentation
    return parts.need(objection, state, credentials, request.client_certificate, rule)


def suspicion_of(
    sharing: SharingDetector,
    response: SharingResponse,
    ticket: TicketFields,
    sender: bytes,
    signals: Signals,
    monotonic: float,
) -> Suspicion:
    """Count a request that may go on, and say what the counts ask for, as far as the rule lets them.

    Raises:
        MalformedError: REQUEST_INVALID for signals that are none.
    """
    seen = sharing.observe(
        credential=credential_of(ticket[16], ticket[10]), sender=sender, signals=signals, now=monotonic
    )
    suspicion = judge(seen, sharing.limits, people=signals.people)
    if suspicion < _STEP_UP or response is _BY_COUNTS:
        return suspicion
    return _MARK if response is SharingResponse.MARK else _REFUSE


def credential_of(statuses: tuple[tuple[bytes, int], ...], holder: bytes) -> bytes:
    """Return what stands for a credential, the same at each admission: its place in a status list, or its key."""
    if not statuses:
        return holder
    identity, index = statuses[0]
    return identity + index.to_bytes(16, "big")


def _facts(parts: Parts, state: State, ticket: TicketFields, anchor: TrustAnchor, rule: Rule, now: UnixTime) -> Facts:
    """Return what is known for a rule that asks for more than most: from the ticket, its anchor and its lists."""
    (
        _, _, _, _, format_, type_, assurance, admitted_at, issued_at, evidence_at, _, stated, citizenships, complete,
        binding, _, references, _,
    ) = ticket  # fmt: skip
    countries, nationalities = anchor.countries, stated
    if countries is not ANY:
        nationalities, citizenships = stated & countries, citizenships & countries
    return Facts(
        nationalities=nationalities,
        citizenships=citizenships,
        binding=binding,
        admission_age_s=now - admitted_at,
        stated=stated,
        complete=complete,
        issuer=anchor.issuer,
        format=format_,
        type=state.types.get(type_),
        assurance=state.assurances.get(assurance),
        credential_age_s=now - issued_at if issued_at else None,
        evidence_age_s=now - evidence_at if evidence_at else None,
        status_age_s=_status_age_s(parts, references, now) if rule.max_status_age_s is not None else None,
        region=parts.region,
        now=now,
    )


def _status_age_s(parts: Parts, references: tuple[tuple[bytes, int], ...], now: UnixTime) -> int | None:
    issued: list[object] = []
    try:
        issued = [parts.statuses.issued_at(identity) for identity, _ in references]
    except CitizenIDError:
        raise
    except FAILURES:
        pass  # then nobody knows
    known = [each for each in issued if type(each) is int]
    return now - min(known) if known and len(known) == len(issued) else None


def standing(
    parts: Parts, state: State, ticket: TicketFields, now: UnixTime, monotonic: float
) -> TrustAnchor | Deny | NeedStatusList | None:
    """Look whether what a ticket stands on still holds: its anchor, which is returned, and its status bits.

    Returns:
        None when there is no such anchor now.
    """
    anchor = state.anchors.find(ticket[3])
    if anchor is None or not anchor.not_before <= now < anchor.not_after:
        return None
    status: object = None
    try:
        if parts.keep_fresh is not None:
            parts.keep_fresh(monotonic)
        for identity, index in ticket[16]:
            status = parts.statuses.check_identity(identity, index, now)
            if status is not _VALID:
                break
        else:
            return anchor
    except CitizenIDError:
        raise
    except FAILURES:
        status = None  # a source that fails says nothing
    if status is None:
        return NeedStatusList("")
    if type(status) is NeedStatusList:
        return status
    return _NOT_VALID.get(status, _OTHERWISE) if type(status) is Status else _OTHERWISE
