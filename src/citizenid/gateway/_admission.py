"""Admission: a presentation is verified from scratch (V1 to V9), and what it proves is sealed as a ticket.

In this order: the challenge, the sender proof, the proof's use, V1 to V9, the challenge's use. So who relays a
presentation gets no ticket for a key of his own, and one presentation gives one ticket.

Spec: DESIGN section 4; specs/verification.md (doors).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, final

from .._errors import FAILURES, CitizenIDError, MalformedError, Reason, VerificationError
from .._model import Binding, Format, Handover, NeedStatusList, Status, StatusReference, UnixTime
from .._wire import json
from ..policy import Rule
from ..status import StatusSource
from ..status._identity import place_of
from ..verifier import VerifiedPresentation, verify
from ._authorization import credential_of, standing
from ._certificates import certificate_thumbprint
from ._keys import Keys
from ._parts import NO_SENDER, Parts, State
from ._sender import check_signed, identify
from ._settings import format_named
from .challenge import expires_at
from .http import Admitted, Credentials, Deny, NeedPresentation, Request, SignedOut, read_credentials
from .proofs import UNSEEN_STEP_S
from .sharing import Signals
from .ticket import HOLDER_BYTES, TicketContents, assurance_hash, fit, type_hash

_REFUSED: Final = (NeedPresentation, Deny)
_BODY_MEMBERS: Final = frozenset({"format", "challenge", "presentation"})


class Presented(NamedTuple):
    """What stands for the credential of an admission, and its sender."""

    credential: bytes
    sender: bytes

    def __repr__(self) -> str:
        return "<Presented>"


@final
class _Lists:
    """The status lists at hand, as an admission asks for them: a source that fails has none."""

    def __init__(self, lists: StatusSource) -> None:
        self._lists: Final = lists
        self.check_identity: Final = lists.check_identity
        self.issued_at: Final = lists.issued_at

    def check(
        self, reference: StatusReference, *, issuer: str, now: UnixTime | int, any_certificate: bool = False
    ) -> Status | NeedStatusList:
        """See `StatusSource.check`."""
        try:
            return self._lists.check(reference, issuer=issuer, now=now, any_certificate=any_certificate)
        except CitizenIDError:
            raise
        except FAILURES:
            return NeedStatusList(reference.uri)


def read_body(method: str, body: bytes, presentation_bytes: int) -> dict[str, Any]:
    """Read the body of an admission request: three texts, or nothing when a challenge is asked for.

    Raises:
        MalformedError: REQUEST_INVALID, INPUT_TOO_LARGE, or a Reason of form.
    """
    if type(method) is not str or method != "POST" or type(body) is not bytes:
        raise MalformedError(Reason.REQUEST_INVALID, "request")
    if len(body) > 2 * presentation_bytes:
        raise MalformedError(Reason.INPUT_TOO_LARGE, "request")
    members = json.parse_object(body, "request", 2)
    if members and (set(members) != _BODY_MEMBERS or not all(type(value) is str for value in members.values())):
        raise MalformedError(Reason.REQUEST_INVALID, "request")
    return members


def admit(
    parts: Parts,
    state: State,
    data: bytes | str,
    format: Format,
    text: str,
    request: Request,
    now: UnixTime,
    monotonic: float,
) -> tuple[Admitted | NeedStatusList, Presented | None]:
    """Verify a presentation that answers the challenge `text`, and seal a ticket for the sender of the request.

    Returns:
        The result, and who presented, where the counts of a sharing detector may be cleared for it.

    Raises:
        CitizenIDError: for every refusal.
    """
    keys = state.ring.at(now)
    challenge, binding, nonce = keys.challenges.recognise(text, now=now, lifetime_s=parts.challenge_lifetime_s)
    sender, new_nonce = _prove(parts, state, keys, binding, nonce, challenge.handover, request, now, monotonic)
    if not parts.freshen(monotonic):
        return NeedStatusList(""), None
    verified = verify(
        data,
        format=format_named(format),
        anchors=state.anchors,
        challenge=challenge,
        statuses=_Lists(parts.statuses),
        now=now,
        limits=parts.limits,
        cache=parts.cache,
    )
    if isinstance(verified, NeedStatusList):
        return verified, None  # the nonce is not used up: the same presentation may come again
    # Remembered as long as any gateway of the fleet takes it: another one may give challenges a longer life.
    lives_s = max(parts.challenge_lifetime_s, expires_at(nonce) - now)
    parts.consume(sender, nonce, lives_s + UNSEEN_STEP_S, "challenge")
    ends_at = absolute_end(parts, state, verified, now)
    contents = _contents(parts, verified, ends_at, binding, sender, now)
    sealed = keys.tickets.seal(contents, parts.draw(12))
    presented = Presented(credential_of(contents.statuses, contents.holder), sender)
    return Admitted(sealed, contents.expires_at, ends_at, new_nonce), presented


def forgive(parts: Parts, presented: Presented, signals: Signals, monotonic: float) -> None:
    """Clear what was counted for a credential, once its admission stands.

    A wallet has asked its person just now: where a step-up was asked for, this is it.
    """
    if parts.sharing is None:
        return
    try:
        parts.sharing.passed(
            credential=presented.credential,
            sender=presented.sender,
            signals=signals,
            limits=parts.sharing.limits,
            now=monotonic,
        )
    except CitizenIDError:
        pass  # a time that no record can hold: then no request is counted either, and each says so


def absolute_end(parts: Parts, state: State, verified: VerifiedPresentation, now: UnixTime) -> int:
    """Return when a session ends, whatever is renewed: the earliest of what the credential and the policy permit.

    The credential's own end is the earliest of its exp, its anchor and its certificates. Of the policy it is the
    longest that any of its rules takes this admission, credential and evidence for; each rule looks at its own bounds
    at each request.
    """
    ends = [verified.not_after, now + parts.session_lifetime_s]
    issued_at, evidence_at = verified.attestation.validity.issued_at, _evidence_at(verified, now)
    bounds = [_end_by_rule(rule, now, issued_at, evidence_at) for rule in state.policy.rules if not rule.anyone]
    bounded = [bound for bound in bounds if bound is not None]
    if bounded and len(bounded) == len(bounds):
        ends.append(max(now + 1, *bounded))  # by then the session is good for nothing; each request says why
    return min(ends)


def _evidence_at(verified: VerifiedPresentation, now: UnixTime) -> int | None:
    # What is ahead of our clock, as far as V6 excuses it, is as old as the admission and never younger.
    stated = verified.attestation.evidence_at
    return None if stated is None else min(stated, now)


def _end_by_rule(rule: Rule, now: UnixTime, issued_at: int | None, evidence_at: int | None) -> int | None:
    # A rule takes what is as old as it permits, up to its last second.
    ends = [] if rule.max_admission_age_s is None else [now + rule.max_admission_age_s + 1]
    for since, most_s in ((issued_at, rule.max_credential_age_s), (evidence_at, rule.max_evidence_age_s)):
        if most_s is not None:
            ends.append(now if not since else since + most_s + 1)
    return min(ends, default=None)


def renew(
    parts: Parts, state: State, credentials: Credentials, request: Request, now: UnixTime, monotonic: float
) -> Admitted | Deny | NeedPresentation | NeedStatusList:
    """Seal a ticket anew for its sender: only when it ends changes, and never beyond the end of the session.

    Raises:
        CitizenIDError: for a sender proof that is refused.
    """
    keys = state.ring.at(now)
    identified = identify(parts, state, keys, credentials, request, now, monotonic)
    if isinstance(identified, _REFUSED):
        return identified
    ticket, new_nonce, _ = identified
    contents = TicketContents(*ticket[:-1])
    if contents.binding is Binding.BEARER:  # whoever has it would have it for ever
        return parts.need(Reason.BINDING_TOO_WEAK, state, credentials, request.client_certificate)
    anchor = standing(parts, state, ticket, now, monotonic)
    if anchor is None:
        return parts.need(Reason.ANCHOR_REMOVED, state, credentials, request.client_certificate)
    if isinstance(anchor, Deny | NeedStatusList):
        return anchor
    ends = min(now + parts.ticket_lifetime_s, contents.ends_at, anchor.not_after)
    sealed = keys.tickets.seal(contents._replace(expires_at=ends), parts.draw(12))
    return Admitted(sealed, ends, contents.ends_at, new_nonce)


def sign_out(
    parts: Parts, state: State, credentials: Credentials, request: Request, now: UnixTime, monotonic: float
) -> SignedOut | Deny | NeedPresentation:
    """End a session on the word of its sender.

    Raises:
        CitizenIDError: for a sender proof that is refused, SIGN_OUTS_FULL, STORE_UNAVAILABLE.
    """
    identified = identify(parts, state, state.ring.at(now), credentials, request, now, monotonic)
    if isinstance(identified, _REFUSED):
        return identified
    _, ends_at, session_id, *_ = identified[0]
    end_session(parts, session_id, ends_at)
    return SignedOut(session_id, ends_at)


def end_session(parts: Parts, session_id: bytes, until: int) -> None:
    """Remember that a session is over, everywhere.

    Raises:
        CitizenIDError: SIGN_OUTS_FULL when it is not, STORE_UNAVAILABLE when it is over here and nobody else could be
            told; somebody must know of either.
    """
    added: object = None
    try:
        added = parts.sign_outs.add(session_id, until)
    except CitizenIDError:
        raise
    except FAILURES:
        pass  # raised below
    if added is True:
        return
    held: object = False
    try:
        held = parts.sign_outs.contains(session_id)
    except FAILURES:
        pass  # what is not known to be held is not
    raise CitizenIDError(Reason.STORE_UNAVAILABLE if held is True else Reason.SIGN_OUTS_FULL, "sign_outs")


def _check_step(parts: Parts, binding: Binding, nonce: bytes, now: UnixTime, monotonic: float) -> None:
    """Refuse a challenge that is older than the last step of the clock: its use may have been forgotten.

    Raises CHALLENGE_EXPIRED.
    """
    clock = parts.clock
    clock.watch(now, monotonic)
    # With a bearer's comes no fresh proof, so that it must be younger than this process, too.
    youngest = max(clock.challenges_from, clock.proofs_from if binding is Binding.BEARER else 0)
    if expires_at(nonce) - parts.challenge_lifetime_s < youngest:
        raise VerificationError(Reason.CHALLENGE_EXPIRED, "challenge")


def _prove(
    parts: Parts,
    state: State,
    keys: Keys,
    binding: Binding,
    nonce: bytes,
    handover: Handover,
    request: Request,
    now: UnixTime,
    monotonic: float,
) -> tuple[bytes, str | None]:
    """Verify the fresh proof that the challenge asks for, and that the challenge was made for its sender."""
    credentials = read_credentials(request.headers)
    sender: bytes | None = NO_SENDER
    proof = None
    if binding is Binding.BEARER and not state.policy.permits_bearer:  # no more: it was made when a rule did
        raise CitizenIDError(Reason.BINDING_TOO_WEAK, "challenge")
    if binding is Binding.MTLS:
        headers = credentials.headers
        sender = certificate_thumbprint(request.client_certificate, headers, parts.certificate_header)
    elif binding is not Binding.BEARER:
        proof = check_signed(parts, state, binding, credentials, request, None, None, now, monotonic)
        sender = proof.thumbprint
    if sender is None:
        raise VerificationError(Reason.PROOF_MISSING, "mtls.certificate")
    _check_step(parts, binding, nonce, now, monotonic)
    keys.challenges.check_sender(nonce, sender, handover)
    if proof is None:
        return sender, None
    parts.consume(sender, proof.token, proof.lifetime_s, "proof" if binding is Binding.DPOP else "http-signature.nonce")
    return sender, proof.new_nonce


def _contents(
    parts: Parts, verified: VerifiedPresentation, ends_at: int, binding: Binding, sender: bytes, now: UnixTime
) -> TicketContents:
    attestation, anchor = verified.attestation, verified.anchor
    stated = fit(attestation.citizenship, verified.citizenship)
    holder = attestation.holder_key
    return TicketContents(
        expires_at=min(now + parts.ticket_lifetime_s, ends_at),
        ends_at=ends_at,
        session_id=parts.draw(16),
        anchor=anchor.fingerprint[:16],
        format=verified.format,
        type_hash=type_hash(attestation.type),
        assurance=assurance_hash(attestation.assurance),
        admitted_at=now,
        issued_at=attestation.validity.issued_at or 0,
        evidence_at=_evidence_at(verified, now) or 0,
        holder=(NO_SENDER if holder is None else holder.thumbprint)[:HOLDER_BYTES],
        nationalities=frozenset(stated.nationalities),
        citizenships=frozenset(stated.citizenships),
        complete=stated.complete,
        binding=binding,
        sender=sender,
        statuses=tuple(place_of(reference, anchor) for reference in attestation.status),
    )
