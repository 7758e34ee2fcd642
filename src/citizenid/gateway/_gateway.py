"""The gateway: one object that decides each request, and cannot be asked a question that it answers with an exception.

`admit` verifies a presentation (V1 to V9) and seals a ticket. `authorize` decides a request from its ticket: the
ticket, its sender proof, its anchor, its status bits and the policy, all as of now, so that a revocation ingested a
moment ago refuses the next request of a ticket sealed an hour ago. Whatever comes from outside gives a result; only a
configuration that cannot be right raises.

Spec: DESIGN section 4; specs/verification.md; specs/profile-dpop.md.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NoReturn, final

from .._answer import Answer
from .._crypto import AgreementKey
from .._errors import CitizenIDError, Reason
from .._limits import DEFAULT_LIMITS, Limits
from .._model import Challenge, Format, Handover, NeedStatusList
from .._readers import Reading
from ..policy import AdmissionPolicy
from ..status import StatusSource
from ..trust import TrustAnchors
from ..verifier import IssuerHalfCache
from . import _admission, _authorization
from ._clock import GatewayClock
from ._parts import Parts, State
from ._settings import check_audience, check_parts, origin_of
from .cache import SieveCache
from .challenge import ChallengeKeys
from .http import Admitted, Allow, Deny, NeedPresentation, Request, read_credentials
from .proofs import ProofRules, SenderKeys
from .replay import ReplayGuard
from .ticket import TicketKeys


@final
class Gateway:
    """Decides who may use what, for one external origin. Safe for threads; several processes share nothing but keys.

    Args:
        audience: the name by which wallets know this gateway; a key binding must name exactly this. For OpenID4VP the
            client_id with its prefix, for the Digital Credentials API "origin:" and the origin.
        external_url: scheme and authority as clients see them, such as "https://api.example". Never taken from a
            request.
        anchors: whom to trust for what.
        policy: rules per resource.
        ticket_keys: secrets of at least 32 random bytes, shared by the fleet; the first seals, all open.
        statuses: the status lists at hand; public, for whoever fetches. Of a `StatusFile` each gateway sees for itself,
            once a second, whether another file has taken its place.
        replay: what remembers proofs and challenges that were used; several processes need a shared one.
        cache: where to keep issuer halves seen before; None for none. 4,096 entries by default.
        admission_path: path of the endpoint that takes presentations.
        ticket_lifetime_s: at most so long, seconds; the credential and the anchor may end earlier.
        challenge_lifetime_s: how long a wallet may take, seconds.
        proof_max_age_s: how old a sender proof may be, seconds.
        reader_key: the key for which an mdoc may answer with a MAC instead of a signature; None accepts none. Over
            OpenID4VP it is the key that answers are encrypted to; decrypting them is the caller's.
        limits: bounds.
        clock: wall time in Unix seconds.
        monotonic: a clock that never goes back, in seconds.
        random: a source of random bytes.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(
        self,
        *,
        audience: str,
        external_url: str,
        anchors: TrustAnchors,
        policy: AdmissionPolicy,
        ticket_keys: Sequence[bytes],
        statuses: StatusSource,
        replay: ReplayGuard,
        cache: IssuerHalfCache | int | None = 4_096,
        admission_path: str = "/citizenship",
        ticket_lifetime_s: int = 3_600,
        challenge_lifetime_s: int = 300,
        proof_max_age_s: int = 60,
        reader_key: AgreementKey | None = None,
        limits: Limits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        for lifetime in (ticket_lifetime_s, challenge_lifetime_s, proof_max_age_s):
            if type(lifetime) is not int or not 0 < lifetime <= 86_400:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway")
        texts = (audience, external_url, admission_path)
        if any(type(text) is not str or not text for text in texts) or not admission_path.startswith("/"):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway")
        if not isinstance(ticket_keys, (list, tuple)) or type(cache) is bool:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway")
        check_parts(statuses=statuses, replay=replay, cache=cache, functions=(clock, monotonic, random), limits=limits)
        if reader_key is not None and type(reader_key) is not AgreementKey:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.reader_key")
        check_audience(audience)
        origin = origin_of(external_url)
        self.statuses: Final = statuses
        self._audience: Final = audience
        self._reader_key: Final = reader_key
        self._parts: Final = Parts(
            audience=audience,
            endpoint=origin + admission_path,
            statuses=statuses,
            keep_fresh=getattr(statuses, "keep_fresh", None),
            replay=replay,
            cache=SieveCache[bytes, Reading](cache) if type(cache) is int else cache,  # type: ignore[arg-type]  # mypy does not narrow by type() is
            ticket_lifetime_s=ticket_lifetime_s,
            challenge_lifetime_s=challenge_lifetime_s,
            limits=limits,
            clock=GatewayClock(clock, monotonic, limits.clock_skew_s),
            random=random,
            rules=ProofRules(origin, proof_max_age_s, limits, SenderKeys(4_096)),
        )
        self._reloading: Final = threading.Lock()
        self._state = self._make_state(anchors, policy, tuple(ticket_keys))

    def _make_state(self, anchors: TrustAnchors, policy: AdmissionPolicy, secrets: tuple[bytes, ...]) -> State:
        if type(anchors) is not TrustAnchors or type(policy) is not AdmissionPolicy:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway")
        challenges = ChallengeKeys(secrets, self._audience, self._reader_key)
        return State(anchors, policy, TicketKeys(secrets, self._audience), challenges, secrets)

    def reload(
        self,
        *,
        anchors: TrustAnchors | None = None,
        policy: AdmissionPolicy | None = None,
        ticket_keys: Sequence[bytes] | None = None,
    ) -> None:
        """Replace anchors, policy or ticket keys, all at once; what is left out stays.

        Tickets of an anchor that is gone or has changed, and of a key that is gone, are refused from the next request
        on. Signers of status lists are the store's: `gateway.statuses.reload`.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID; then everything stays as it was.
        """
        if ticket_keys is not None and not isinstance(ticket_keys, (list, tuple)):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "ticket_keys")
        with self._reloading:  # two reloads of different parts must not undo each other; readers need no lock
            held = self._state
            self._state = self._make_state(
                held.anchors if anchors is None else anchors,
                held.policy if policy is None else policy,
                held.secrets if ticket_keys is None else tuple(ticket_keys),
            )

    def challenge(self, *, sender: bytes | None, handover: Handover | None = None) -> Challenge:
        """Make a challenge that any gateway of the fleet will recognise.

        Args:
            sender: thumbprint (32 bytes) of the key that the ticket will be bound to, or None for a bearer ticket,
                which only rules with `binding = "bearer"` accept.
            handover: the protocol by which a wallet is asked: OpenID4VP or the Digital Credentials API, with this
                gateway's audience as client_id or origin. None, and a 401, ask by the latter for an answer that is not
                encrypted. `jwk_thumbprint` is `reader_key.public.thumbprint` where answers are encrypted to that key.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for another length and a handover in which no wallet signs our nonce,
                BINDING_TOO_WEAK for None when no rule of the policy accepts a bearer ticket.
            MalformedError: CHALLENGE_INVALID for a handover that lacks a field of its kind, or has one of another.
        """
        return self._parts.challenge(self._state, sender, Handover() if handover is None else handover)

    def admit(
        self, data: bytes | str, *, format: Format, challenge: str, request: Request
    ) -> Admitted | Deny | NeedStatusList:
        """Verify a presentation (V1 to V9) and seal a ticket for the sender of the request.

        Args:
            data: the presentation as received.
            format: the format that the client names.
            challenge: the text of the challenge that the client answers.
            request: the request; its DPoP proof must be by the key that the challenge was made for.
        """
        try:
            return _admission.admit(self._parts, self._state, data, format, challenge, request)
        except CitizenIDError as error:
            error.at("request")
            return Deny.of(error)

    def authorize(self, request: Request, *, resource: str) -> Allow | Deny | NeedPresentation | NeedStatusList:
        """Decide a request for a resource from its ticket, by everything that is known now.

        Args:
            request: as it came.
            resource: what is asked for, aliases resolved; the policy's rules are about these names.
        """
        state = self._state
        rule = state.policy.rule_for(resource)
        if rule is None:
            return Deny(Reason.RESOURCE_NOT_LISTED, "policy", "resource")
        if rule.anyone:
            return Allow(rule.number)
        proof: bytes | None = b""  # until the headers are read there may be one, and nobody is offered less than that
        try:
            credentials = read_credentials(request.headers)
            proof = credentials.proof
            return _authorization.authorize(self._parts, state, credentials, request, rule)
        except CitizenIDError as error:
            error.at("request")
            if error.step == "ticket":
                return self._parts.need(state, error.reason, proof)
            return Deny.of(error)

    def admit_http(self, request: Request, body: bytes) -> Answer:
        """Answer the admission endpoint: POST {"format", "challenge", "presentation"}.

        An empty object asks for a challenge, made for the key of the request's DPoP proof.

        Args:
            request: the request, with its DPoP header.
            body: the request's body.
        """
        try:
            members = _admission.read_body(request.method, body, self._parts.limits.presentation_bytes)
            if not members:
                proof = read_credentials(request.headers).proof
                return self._parts.need(self._state, Reason.TICKET_MISSING, proof).http()
        except CitizenIDError as error:
            error.at("request")
            return Deny.of(error).http()
        return self.admit(
            members["presentation"], format=members["format"], challenge=members["challenge"], request=request
        ).http()

    def __repr__(self) -> str:
        return "<Gateway>"

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Gateway is final")
