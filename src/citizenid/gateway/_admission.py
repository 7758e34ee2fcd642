"""Admission: a presentation is verified from scratch (V1 to V9), and what it proves is sealed as a ticket.

In this order: the challenge, the sender proof, the proof's use, V1 to V9, the challenge's use. So who relays a
presentation gets no ticket for a key of his own, and one presentation gives one ticket.

Spec: DESIGN section 4; specs/verification.md (doors).
"""

from __future__ import annotations

from typing import Any, Final

from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._model import Binding, Format, NeedStatusList, UnixTime
from .._wire import json
from ..status._store import place_of
from ..verifier import VerifiedPresentation, verify
from ._authorization import check_proof
from ._parts import NO_SENDER, Parts, State
from ._settings import format_named
from .challenge import expires_at
from .http import Admitted, Request, read_credentials
from .proofs import UNSEEN_STEP_S
from .ticket import TicketContents, assurance_hash, fit, type_hash

_BODY_MEMBERS: Final = frozenset({"format", "challenge", "presentation"})


def read_body(method: str, body: bytes, presentation_bytes: int) -> dict[str, Any]:
    """Read the body of an admission request: three texts, or nothing when a challenge is asked for.

    Raises:
        MalformedError: REQUEST_INVALID, INPUT_TOO_LARGE, or a Reason of form.
    """
    if method != "POST" or type(body) is not bytes:
        raise MalformedError(Reason.REQUEST_INVALID, "request")
    if len(body) > 2 * presentation_bytes:
        raise MalformedError(Reason.INPUT_TOO_LARGE, "request")
    members = json.parse_object(body, "request", 2)
    if members and (set(members) != _BODY_MEMBERS or not all(type(value) is str for value in members.values())):
        raise MalformedError(Reason.REQUEST_INVALID, "request")
    return members


def admit(
    parts: Parts, state: State, data: bytes | str, format: Format, text: str, request: Request
) -> Admitted | NeedStatusList:
    """Verify a presentation that answers the challenge `text`, and seal a ticket for the sender of the request.

    Raises:
        CitizenIDError: for every refusal.
    """
    now, monotonic = parts.clock.read()
    challenge, binding, nonce = state.challenges.recognise(text, now=now, lifetime_s=parts.challenge_lifetime_s)
    proof = None
    if binding is Binding.DPOP:
        proof = check_proof(parts, read_credentials(request.headers), request, None, now, monotonic)
    else:
        if not state.policy.permits_bearer:  # no more, that is: the challenge was made when a rule did
            raise CitizenIDError(Reason.BINDING_TOO_WEAK, "challenge")
        # No fresh proof comes with it, so the challenge itself must be younger than the last clock step.
        parts.clock.watch(now, monotonic)
        if expires_at(nonce) - parts.challenge_lifetime_s < parts.clock.proofs_from:
            raise VerificationError(Reason.CHALLENGE_EXPIRED, "challenge")
    sender = NO_SENDER if proof is None else proof.thumbprint
    state.challenges.check_sender(nonce, None if proof is None else sender, challenge.handover)
    if proof is not None:
        parts.consume(sender, proof.token, proof.lifetime_s, "proof")
    if parts.keep_fresh is not None:
        parts.keep_fresh(monotonic)
    verified = verify(
        data,
        format=format_named(format),
        anchors=state.anchors,
        challenge=challenge,
        statuses=parts.statuses,
        now=now,
        limits=parts.limits,
        cache=parts.cache,
    )
    if isinstance(verified, NeedStatusList):
        return verified  # the nonce is not used up: the same presentation may come again
    # Remembered as long as any gateway of the fleet takes it: another one may give challenges a longer life.
    lives_s = max(parts.challenge_lifetime_s, expires_at(nonce) - now)
    parts.consume(sender, nonce, lives_s + UNSEEN_STEP_S, "challenge")
    ends_at = min(now + parts.ticket_lifetime_s, verified.not_after)
    contents = _contents(verified, parts.random(16), ends_at, binding, sender, now)
    return Admitted(state.tickets.seal(contents, parts.random(12)), ends_at)


def _contents(
    verified: VerifiedPresentation, session_id: bytes, ends_at: int, binding: Binding, sender: bytes, now: UnixTime
) -> TicketContents:
    attestation, anchor = verified.attestation, verified.anchor
    stated = fit(attestation.citizenship, verified.citizenship)
    return TicketContents(
        expires_at=ends_at,
        session_id=session_id,
        anchor=anchor.fingerprint[:16],
        format=verified.format,
        type_hash=type_hash(attestation.type),
        assurance=assurance_hash(attestation.assurance),
        admitted_at=now,
        evidence_at=min(attestation.validity.issued_at or 0, 2**32 - 1),
        nationalities=frozenset(stated.nationalities),
        citizenships=frozenset(stated.citizenships),
        complete=stated.complete,
        binding=binding,
        sender=sender,
        statuses=tuple(place_of(reference, anchor) for reference in attestation.status),
    )
