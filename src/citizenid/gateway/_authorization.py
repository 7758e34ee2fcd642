"""Authorisation: a request with a ticket, decided by everything that is known now. The hot path of the library.

In this order: the ticket, its sender proof, the proof's use, the anchor, the status bits, the policy's rule. The rule
was found before: what no rule lists needs no look at anything else.

Spec: DESIGN section 4; specs/verification.md (doors); specs/decisions/0010.
"""

from __future__ import annotations

from typing import Final

from .._errors import Reason
from .._model import NeedStatusList, Status, UnixTime
from ..countries import ANY
from ..policy import Rule
from ..trust import TrustAnchor
from ._parts import Parts, State
from ._sender import identify
from .http import Allow, Credentials, Deny, NeedPresentation, Request
from .ticket import TicketFields

_REFUSED: Final = (NeedPresentation, Deny)
_VALID: Final = Status.VALID
_NOT_VALID: Final = {
    Status.INVALID: Deny(Reason.REVOKED, "V9", "status"),
    Status.SUSPENDED: Deny(Reason.SUSPENDED, "V9", "status"),
}
_NOT_PERMITTED: Final = Reason.CITIZENSHIP_NOT_PERMITTED
_DENIED: Final = Deny(_NOT_PERMITTED, "policy", "resource")
_OTHERWISE: Final = Deny(Reason.STATUS_NOT_VALID, "V9", "status")


def authorize(
    parts: Parts, state: State, credentials: Credentials, request: Request, rule: Rule
) -> Allow | Deny | NeedPresentation | NeedStatusList:
    """Decide a request by its rule.

    Raises:
        CitizenIDError: for a sender proof that is refused, and what a broken part of ours says.
    """
    now, monotonic = parts.clock.read()
    ring = state.ring
    keys = ring.current
    if not keys.begins <= now < keys.ends:
        keys = ring.at(now)
    identified = identify(parts, state, keys, credentials, request, now, monotonic)
    if isinstance(identified, _REFUSED):
        return identified
    ticket, new_nonce = identified
    anchor = standing(parts, state, ticket, now, monotonic)
    if type(anchor) is not TrustAnchor:
        if anchor is None:
            return parts.need(Reason.ANCHOR_REMOVED, state, credentials, request.client_certificate)
        return anchor
    _, _, session_id, _, _, _, _, admitted_at, _, _, nationalities, citizenships, _, binding, _, _, _ = ticket
    countries = anchor.countries
    if countries is not ANY and not nationalities <= countries:  # each citizenship is among the nationalities
        nationalities, citizenships = nationalities & countries, citizenships & countries
    objection = rule.objection_to(nationalities, citizenships, binding, now - admitted_at)
    if objection is None:
        return tuple.__new__(Allow, (rule.number, session_id, new_nonce))
    if objection is _NOT_PERMITTED:
        return _DENIED
    return parts.need(objection, state, credentials, request.client_certificate, rule.binding)


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
    if parts.keep_fresh is not None:
        parts.keep_fresh(monotonic)
    for identity, index in ticket[15]:
        status = parts.statuses.check_identity(identity, index, now)
        if status is not _VALID:
            if status is None:
                return NeedStatusList("")
            return status if type(status) is NeedStatusList else _NOT_VALID.get(status, _OTHERWISE)
    return anchor
