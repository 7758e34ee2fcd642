"""Who sends a request: his ticket, and the proof that it is his. What authorisation, renewal and sign-out begin with.

A ticket names one binding, and the proof of that binding is what counts: what else a request shows is not looked at.
So no proof ever stands in for another.

Spec: specs/profile-dpop.md; specs/profile-sender-proofs.md.
"""

from __future__ import annotations

import hmac
from typing import Final

from .._errors import FAILURES, CitizenIDError, MalformedError, Reason, VerificationError
from .._model import Binding, UnixTime
from ._certificates import certificate_thumbprint
from ._http_signatures import check_http_signature
from ._keys import Keys
from ._parts import Parts, State
from .http import Credentials, Deny, NeedPresentation, Request, read_fields
from .proofs import SenderProof, check_dpop
from .replay import Consumption
from .ticket import TicketFields

# A member of an enumeration is looked up through its type each time: by a name of this module it costs a tenth.
_BEARER: Final = Binding.BEARER
_DPOP: Final = Binding.DPOP
_MTLS: Final = Binding.MTLS
_FRESH: Final = Consumption.FRESH
_FULL: Final = Consumption.FULL
_UNAVAILABLE: Final = Consumption.UNAVAILABLE
_FRESH_HERE: Final = Consumption.FRESH_HERE


def identify(
    parts: Parts,
    state: State,
    keys: Keys,
    credentials: Credentials,
    request: Request,
    now: UnixTime,
    monotonic: float,
    proven: bytes | None = None,
    local: bool = False,
) -> tuple[TicketFields, str | None, bool] | NeedPresentation | Deny:
    """Open the ticket of a request, and verify and use up its sender proof.

    A ticket of the session `proven` needs none: its sender has proven this very request before. With `local` what this
    process knows is enough where the fleet's store cannot be asked.

    Returns:
        The ticket, a DPoP nonce to hand on, if any, and whether what this process knows had to be enough; otherwise a
        refusal.

    Raises:
        CitizenIDError: for a proof that is refused, at the step `proof`.
    """
    text = credentials[0]
    if text is None:
        return parts.need(Reason.TICKET_MISSING, state, credentials, request.client_certificate)
    ticket = keys.tickets.open_fields(text)
    if ticket is None:
        return parts.need(Reason.TICKET_INVALID, state, credentials, request.client_certificate)
    expires_at, _, session_id, _, _, _, _, _, _, _, _, _, _, _, binding, sender, _, _ = ticket
    if now >= expires_at or parts.clock.latest >= expires_at:  # a clock that went back extends nothing
        return parts.need(Reason.TICKET_EXPIRED, state, credentials, request.client_certificate)
    alone = False
    signed_out: object = None
    try:
        signed_out = parts.sign_outs.contains(session_id)
    except CitizenIDError as error:
        if not local or error.reason is not Reason.SIGN_OUTS_UNAVAILABLE:
            raise
    except FAILURES:
        pass
    if signed_out is True:
        return parts.need(Reason.SIGNED_OUT, state, credentials, request.client_certificate)
    if signed_out is not False:  # nobody has said so; what is neither yes nor no is not even silence
        if signed_out is not None or not local:
            raise CitizenIDError(Reason.SIGN_OUTS_UNAVAILABLE, "sign_outs")
        alone = True
    if binding is _BEARER or session_id == proven:
        return ticket, None, alone
    if binding is _MTLS:
        thumbprint = certificate_thumbprint(request.client_certificate, credentials[2], parts.certificate_header)
        if thumbprint is None:
            return Deny(Reason.PROOF_MISSING, "proof", "mtls.certificate")
        if hmac.compare_digest(thumbprint, sender):
            return ticket, None, alone
        return Deny(Reason.PROOF_KEY_MISMATCH, "proof", "mtls.certificate")
    proof = check_signed(parts, state, binding, credentials, request, text, ticket, now, monotonic)
    _, token, lifetime_s, new_nonce = proof
    used = parts.use(sender, token, lifetime_s)
    if used is _FRESH_HERE and local:
        alone = True
    elif used is not _FRESH:
        where = "proof" if binding is _DPOP else "http-signature.nonce"
        if used is _UNAVAILABLE or used is _FRESH_HERE:
            return Deny(Reason.REPLAY_GUARD_UNAVAILABLE, "replay", where)
        return Deny(Reason.REPLAY_GUARD_FULL if used is _FULL else Reason.REPLAYED, "replay", where)
    return ticket, new_nonce, alone


def check_signed(
    parts: Parts,
    state: State,
    binding: Binding,
    credentials: Credentials,
    request: Request,
    text: bytes | None,
    ticket: TicketFields | None,
    now: UnixTime,
    monotonic: float,
) -> SenderProof:
    """Verify the DPoP proof or the signature of a request; it is not used up.

    Raises:
        CitizenIDError: at the step `proof`, or REQUEST_INVALID.
    """
    method, url = request.method, request.url
    if type(method) is not str or type(url) is not str or not method:
        raise MalformedError(Reason.REQUEST_INVALID, "request")
    clock, rules = parts.clock, parts.rules
    _, proof, headers = credentials
    if binding is _DPOP and proof is None:
        raise VerificationError(Reason.PROOF_MISSING, "dpop")
    clock.watch(now, monotonic)
    expected, ath = (None, None) if ticket is None else (ticket[15], ticket[17])
    try:
        if binding is not _DPOP or proof is None:
            return check_http_signature(
                read_fields(headers),
                method=method,
                url=url,
                ticket=text,
                rules=rules,
                keys=parts.signing_keys,
                not_before=clock.proofs_from,
                now=now,
                expected=expected,
            )
        nonces = None if parts.nonces is None else parts.nonces(state, now)
        return check_dpop(
            proof,
            method=method,
            url=url,
            ticket=text,
            rules=rules,
            not_before=clock.proofs_from,
            now=now,
            ath=ath,
            nonces=nonces,
            expected=expected,
        )
    except CitizenIDError as error:
        error.at("proof")
        raise
