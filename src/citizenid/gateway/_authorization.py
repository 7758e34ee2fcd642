"""Authorisation: a request with a ticket, decided by everything that is known now. The hot path of the library.

In this order: the ticket, its sender proof, the proof's use, the anchor, the status bits, the policy's rule. The rule
was found before: what no rule lists needs no look at anything else.

Spec: DESIGN section 4; specs/verification.md (doors); specs/decisions/0010.
"""

from __future__ import annotations

from typing import Final

from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._model import Binding, NeedStatusList, Status, UnixTime
from ..countries import ANY
from ..policy import Rule
from ..verifier import check_status_valid
from ._parts import Parts, State
from .http import Allow, Credentials, Deny, NeedPresentation, Request
from .proofs import SenderProof, check_dpop

# A member of an enumeration is looked up through its type each time: by a name of this module it costs a tenth.
_DPOP: Final = Binding.DPOP
_VALID: Final = Status.VALID


def authorize(
    parts: Parts, state: State, credentials: Credentials, request: Request, rule: Rule
) -> Allow | Deny | NeedPresentation | NeedStatusList:
    """Decide a request by its rule.

    Raises:
        CitizenIDError: for every refusal that costs a look at what came in.
    """
    now, monotonic = parts.clock.read()
    text, shown = credentials
    if text is None:
        return parts.need(state, Reason.TICKET_MISSING, shown)
    (
        expires_at, session_id, anchor_id, _, _, _, admitted_at, _, nationalities, citizenships, _, binding, sender,
        references,
    ) = state.tickets.open_fields(text)  # fmt: skip
    if now >= expires_at or parts.clock.latest >= expires_at:  # a clock that went back extends nothing
        return parts.need(state, Reason.TICKET_EXPIRED, shown)
    if binding is _DPOP:
        proof = check_proof(parts, credentials, request, text, now, monotonic)
        if proof.thumbprint != sender:
            raise VerificationError(Reason.PROOF_KEY_MISMATCH, "dpop.header.jwk")
        parts.consume(sender, proof.token, proof.lifetime_s, "proof")
    anchor = state.anchors.find(anchor_id)
    if anchor is None or not anchor.not_before <= now < anchor.not_after:
        return parts.need(state, Reason.ANCHOR_REMOVED, shown)
    if parts.keep_fresh is not None:
        parts.keep_fresh(monotonic)
    for identity, index in references:
        status = parts.statuses.check_identity(identity, index, now)
        if status is None:
            return NeedStatusList("")
        if type(status) is NeedStatusList:
            return status
        if status is not _VALID:
            check_status_valid(status)
    countries = anchor.countries
    if countries is not ANY and not nationalities <= countries:  # each citizenship is among the nationalities
        nationalities, citizenships = nationalities & countries, citizenships & countries
    objection = rule.objection_to(nationalities, citizenships, binding, now - admitted_at)
    if objection is None:
        return tuple.__new__(Allow, (rule.number, session_id))
    if objection is Reason.CITIZENSHIP_NOT_PERMITTED:
        return Deny(objection, "policy", "resource")
    return parts.need(state, objection, shown)


def check_proof(
    parts: Parts, credentials: Credentials, request: Request, ticket: bytes | None, now: UnixTime, monotonic: float
) -> SenderProof:
    """Verify the sender proof of a request. Raises at the step `proof`, or REQUEST_INVALID."""
    if credentials.proof is None:
        raise VerificationError(Reason.PROOF_MISSING, "dpop")
    if type(request.method) is not str or type(request.url) is not str:
        raise MalformedError(Reason.REQUEST_INVALID, "request")
    parts.clock.watch(now, monotonic)
    try:
        return check_dpop(
            credentials.proof,
            method=request.method,
            url=request.url,
            ticket=ticket,
            rules=parts.rules,
            not_before=parts.clock.proofs_from,
            now=now,
        )
    except CitizenIDError as error:
        error.at("proof")
        raise
