"""The gateway: one object that decides each request, and cannot be asked a question that it answers with an exception.

`admit` verifies a presentation (V1 to V9) and seals a ticket, `renew` gives a ticket for a ticket within its session,
`sign_out` and `revoke_session` end one. `authorize` decides a request from its ticket: the ticket, its sender proof,
its anchor, its status bits and the policy, all as of now, so that a revocation ingested a moment ago refuses the next
request of a ticket sealed an hour ago. Whatever comes from outside gives a result; only a configuration that cannot be
right raises.

Spec: DESIGN section 4; specs/verification.md; specs/profile-dpop.md; specs/profile-sender-proofs.md.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NoReturn, final

from .._answer import Answer
from .._crypto import AgreementKey, refuse_copy
from .._errors import CitizenIDError, Reason
from .._limits import DEFAULT_LIMITS, Limits
from .._model import Binding, Challenge, Format, Handover, NeedStatusList, UnixTime
from .._readers import Reading
from ..policy import AdmissionPolicy
from ..status import StatusSource
from ..trust import TrustAnchors
from ..verifier import IssuerHalfCache
from . import _doors
from ._admission import end_session
from ._audit.sink import AuditSink
from ._certificates import CertificateHeader
from ._clock import GatewayClock
from ._keys import DailyTicketKeys, KeyRing
from ._parts import NO_SENDER, Parts, State
from ._record import DecisionKey, Durations, Record
from ._settings import MAX_SESSION_S, check_choices, check_lifetimes, check_parts, check_texts, origin_of
from .asking import ProofRequest, Terms
from .cache import SieveCache
from .http import (
    Admitted,
    Allow,
    Deny,
    NeedPresentation,
    Request,
    SignedOut,
)
from .nonces import DPoPNonces, NonceKeys, OwnNonces
from .proofs import ProofRules, SenderKeys
from .replay import ReplayGuard
from .sharing import SharingDetector, Signals
from .sign_outs import MemorySignOuts, SignOuts
from .ticket import assurance_hash, type_hash


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
        ticket_keys: secrets of at least 32 random bytes, shared by the fleet; the first seals, all open. As
            `DailyTicketKeys` they change each day by themselves.
        statuses: the status lists at hand; public, for whoever fetches. Of a `StatusFile` each gateway sees for itself,
            once a second, whether another file has taken its place.
        replay: what remembers proofs and challenges that were used; several processes need a shared one.
        sign_outs: what remembers sessions that were signed out; several processes need a shared one. None for one in
            memory.
        cache: where to keep issuer halves seen before; None for none. 4,096 entries by default.
        admission_path: path of the endpoint that takes presentations.
        ticket_lifetime_s: at most so long, seconds; the credential and the anchor may end earlier.
        session_lifetime_s: how long a session may go on by renewing its ticket, seconds; credential, anchor and policy
            may end it earlier.
        challenge_lifetime_s: how long a wallet may take, seconds.
        proof_max_age_s: how old a sender proof may be, seconds.
        dpop_nonces: whether DPoP proofs must hold a nonce of ours.
        certificate_header: the header in which the operator's own proxy says who the TLS client is, and which it strips
            from what clients send; None reads none.
        region: where this endpoint is, for rules that exist in some regions alone.
        resource_metadata: the https URL of this resource's metadata (RFC 9728), for the answers that ask for something.
        proof_request: how to ask by x401 as well: a function that signs OpenID4VP requests.
        sharing: what counts the devices and places of each credential; None counts nothing. The rules say what follows.
        audit: the log of refusals; None writes none. What it cannot take is not allowed.
        reader_key: the key for which an mdoc may answer with a MAC instead of a signature; None accepts none. Over
            OpenID4VP it is the key that answers are encrypted to; decrypting them is the caller's.
        limits: bounds.
        clock: wall time in Unix seconds.
        monotonic: a clock that never goes back, in seconds.
        random: a source of random bytes.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID, with the argument in `where`; CLOCK_UNUSABLE where a clock shows no time.
    """

    def __init__(
        self,
        *,
        audience: str,
        external_url: str,
        anchors: TrustAnchors,
        policy: AdmissionPolicy,
        ticket_keys: Sequence[bytes] | DailyTicketKeys,
        statuses: StatusSource,
        replay: ReplayGuard,
        sign_outs: SignOuts | None = None,
        cache: IssuerHalfCache | int | None = 4_096,
        admission_path: str = "/citizenship",
        ticket_lifetime_s: int = 3_600,
        session_lifetime_s: int = 86_400,
        challenge_lifetime_s: int = 300,
        proof_max_age_s: int = 60,
        dpop_nonces: DPoPNonces = DPoPNonces.NOT_USED,
        certificate_header: CertificateHeader | None = None,
        region: str | None = None,
        resource_metadata: str | None = None,
        proof_request: ProofRequest | None = None,
        sharing: SharingDetector | None = None,
        audit: AuditSink | None = None,
        reader_key: AgreementKey | None = None,
        limits: Limits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        check_lifetimes(ticket_lifetime_s, challenge_lifetime_s, proof_max_age_s, session_lifetime_s)
        check_texts(audience, external_url, admission_path)
        check_choices(dpop_nonces, certificate_header, reader_key, region)
        check_parts(statuses, replay, sign_outs, cache, limits, sharing, audit, random, clock, monotonic)
        origin, gateway_clock = origin_of(external_url), GatewayClock(clock, monotonic, limits.clock_skew_s)
        self.statuses: Final = statuses
        self._audience: Final = audience
        self._reader_key: Final = reader_key
        self._asking: Final = (resource_metadata, proof_request)
        self._parts: Final = Parts(
            endpoint=origin + admission_path,
            region=region,
            statuses=statuses,
            replay=replay,
            sign_outs=MemorySignOuts(clock=clock, monotonic=monotonic) if sign_outs is None else sign_outs,
            cache=SieveCache[bytes, Reading](cache) if type(cache) is int else cache,  # type: ignore[arg-type]  # mypy does not narrow by type() is
            ticket_lifetime_s=ticket_lifetime_s,
            session_lifetime_s=session_lifetime_s,
            challenge_lifetime_s=challenge_lifetime_s,
            limits=limits,
            clock=gateway_clock,
            random=random,
            rules=ProofRules(origin, proof_max_age_s, limits, SenderKeys(4_096)),
            certificate_header=certificate_header,
            nonces=_nonces(dpop_nonces, random, audience),
            sharing=sharing,
        )
        self._record: Final = Record(self._parts, audit)
        self._reloading: Final = threading.Lock()
        self._state = self._make_state(anchors, policy, self._ring(ticket_keys))

    @property
    def external_url(self) -> str:
        """Scheme and authority as clients see them, normalised."""
        return self._parts.rules.origin

    @property
    def admission_path(self) -> str:
        """The path of the endpoint that takes presentations."""
        return self._parts.endpoint.removeprefix(self.external_url)

    @property
    def limits(self) -> Limits:
        """The bounds."""
        return self._parts.limits

    def _make_state(self, anchors: TrustAnchors, policy: AdmissionPolicy, ring: KeyRing) -> State:
        if type(anchors) is not TrustAnchors:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.anchors")
        if type(policy) is not AdmissionPolicy:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.policy")
        if policy.needs_region and self._parts.region is None:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.region")
        resource_metadata, proof_request = self._asking
        terms = Terms(policy, anchors, resource_metadata=resource_metadata, proof_request=proof_request)
        types = {type_hash(type_): type_ for type_ in policy.types}
        assurances = {assurance_hash(assurance): assurance for assurance in policy.assurances}
        return State(anchors, policy, ring, terms, types, assurances)

    def _ring(self, ticket_keys: Sequence[bytes] | DailyTicketKeys) -> KeyRing:
        return KeyRing(ticket_keys, self._audience, self._reader_key, self._parts.clock.read()[0])

    def reload(
        self,
        *,
        anchors: TrustAnchors | None = None,
        policy: AdmissionPolicy | None = None,
        ticket_keys: Sequence[bytes] | DailyTicketKeys | None = None,
    ) -> None:
        """Replace anchors, policy or ticket keys, all at once; what is left out stays.

        Tickets of an anchor that is gone or has changed, and of a key that is gone, are refused from the next request
        on. Signers of status lists are the store's: `gateway.statuses.reload`.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID, or CLOCK_UNUSABLE where keys come and no clock tells the day; then
                everything stays as it was.
        """
        ring = None if ticket_keys is None else self._ring(ticket_keys)
        with self._reloading:  # two reloads of different parts must not undo each other; readers need no lock
            held = self._state
            self._state = self._make_state(
                held.anchors if anchors is None else anchors,
                held.policy if policy is None else policy,
                held.ring if ring is None else ring,
            )

    def challenge(
        self, *, sender: bytes | None, handover: Handover | None = None, binding: Binding | None = None
    ) -> Challenge:
        """Make a challenge that any gateway of the fleet will recognise.

        Args:
            sender: thumbprint (32 bytes) of the key that the ticket will be bound to, or None for a bearer ticket,
                which only rules with `binding = "bearer"` accept.
            binding: how that key will be proven; DPoP when it is left out. For MTLS `sender` is the SHA-256 of the
                client's certificate.
            handover: the protocol by which a wallet is asked: OpenID4VP or the Digital Credentials API, with this
                gateway's audience as client_id or origin. None, and a 401, ask by the latter for an answer that is not
                encrypted. `jwk_thumbprint` is `reader_key.public.thumbprint` where answers are encrypted to that key.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for another length, a binding that does not go with it, and a handover
                in which no wallet signs our nonce, BINDING_TOO_WEAK for None when no rule of the policy accepts a
                bearer ticket.
            MalformedError: CHALLENGE_INVALID for a handover that lacks a field of its kind, or has one of another.
        """
        if binding is None:
            binding = Binding.BEARER if sender is None else Binding.DPOP
        if type(binding) is not Binding or (binding is Binding.BEARER) is not (sender is None):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "challenge.binding")
        if sender is not None and (type(sender) is not bytes or len(sender) != len(NO_SENDER) or sender == NO_SENDER):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "challenge.sender")
        return self._parts.challenge(
            self._state, binding, sender or NO_SENDER, Handover() if handover is None else handover
        )

    def admit(
        self, data: bytes | str, *, format: Format, challenge: str, request: Request, signals: Signals | None = None
    ) -> Admitted | Deny | NeedStatusList:
        """Verify a presentation (V1 to V9) and seal a ticket for the sender of the request.

        Args:
            data: the presentation as received.
            format: the format that the client names.
            challenge: the text of the challenge that the client answers.
            request: the request; its sender proof must be of the kind and by the key that the challenge was made for.
            signals: where the request comes from, for `sharing`.
        """
        result, position = _doors.admit(
            self._parts, self._state, self._record, data, format, challenge, request, signals
        )
        self._record.settle(position)
        return result

    def renew(self, request: Request) -> Admitted | Deny | NeedPresentation | NeedStatusList:
        """Give a new ticket for one that has not ended, on a new sender proof and without a presentation.

        Session, facts, time of admission and the end of the session stay as they were, and a bearer ticket is not
        renewed. Anchor and status are looked at as for any other request.

        Args:
            request: a request to wherever the caller offers this, with the ticket and a proof for this request.
        """
        result, position = _doors.renew(self._parts, self._state, self._record, request)
        self._record.settle(position)
        return result

    def sign_out(self, request: Request) -> SignedOut | Deny | NeedPresentation:
        """End the session of a request's ticket, on its sender proof: all of its tickets are refused from now on.

        Args:
            request: a request to wherever the caller offers this, with the ticket and a proof for this request.
        """
        result, position = _doors.sign_out(self._parts, self._state, self._record, request)
        self._record.settle(position)
        return result

    def revoke_session(self, session_id: bytes, *, until: int | None = None) -> None:
        """End a session on the operator's word.

        Args:
            session_id: as `Allow` named it.
            until: when its last ticket ends, Unix seconds, where that is known: `Admitted.ends_at`. `expires_at` is too
                early: a renewed ticket goes on beyond it. None for as long as any of any gateway may last: 30 days.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for what is no session id, or no time to come; CLOCK_UNUSABLE;
                SIGN_OUTS_FULL. Then nothing was ended. STORE_UNAVAILABLE when the session has ended here and the fleet
                could not be told.
        """
        if type(session_id) is not bytes or len(session_id) != 16:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "session_id")
        if until is not None and (type(until) is not int or not 0 <= until < 2**32):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "until")
        now = self._parts.clock.read()[0]
        if until is not None and until <= now:  # seconds from now, taken for a moment: it would be forgotten at once
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "until")
        latest = now + MAX_SESSION_S  # another gateway, or an earlier setting, may give more
        end_session(self._parts, session_id, latest if until is None else until)

    def authorize(
        self, request: Request, *, resource: str, signals: Signals | None = None, after: Allow | None = None
    ) -> Allow | Deny | NeedPresentation | NeedStatusList:
        """Decide a request for a resource from its ticket, by everything that is known now.

        Args:
            request: as it came.
            resource: what is asked for, aliases resolved; the policy's rules are about these names.
            signals: where the request comes from, for `sharing`.
            after: what this gateway said to this very request for another resource, or a moment ago: its sender proof
                was verified and used up then, and is not asked for again. Everything else is decided anew. A ticket of
                another session is not spared its proof, nor is a rule that refuses while the fleet's store is down
                when the earlier one did not. For whoever holds the decision on his own side alone, such as a router
                that falls back to another model.
        """
        result, position = _doors.authorize(self._parts, self._state, self._record, request, resource, signals, after)
        if position:
            self._record.settle(position)
        return result

    def admit_http(self, request: Request, body: bytes, *, signals: Signals | None = None) -> Answer:
        """Answer the admission endpoint: POST {"format", "challenge", "presentation"}.

        An empty object asks for a challenge, made for the sender that the request shows.

        Args:
            request: the request, with its sender proof.
            body: the request's body.
            signals: where the request comes from, for `sharing`.
        """
        answer, position = _doors.admit_http(self._parts, self._state, self._record, request, body, signals)
        self._record.settle(position)
        return answer

    async def authorize_async(
        self, request: Request, *, resource: str, signals: Signals | None = None, after: Allow | None = None
    ) -> Allow | Deny | NeedPresentation | NeedStatusList:
        """As `authorize`; only where the audit log has to write first, another thread waits for the disk."""
        result, position = _doors.authorize(self._parts, self._state, self._record, request, resource, signals, after)
        if position:
            await self._settled(position)
        return result

    async def admit_http_async(self, request: Request, body: bytes, *, signals: Signals | None = None) -> Answer:
        """As `admit_http`; where the audit log has to write first, another thread waits for the disk."""
        answer, position = _doors.admit_http(self._parts, self._state, self._record, request, body, signals)
        await self._settled(position)
        return answer

    async def renew_async(self, request: Request) -> Admitted | Deny | NeedPresentation | NeedStatusList:
        """As `renew`; where the audit log has to write first, another thread waits for the disk."""
        result, position = _doors.renew(self._parts, self._state, self._record, request)
        await self._settled(position)
        return result

    async def sign_out_async(self, request: Request) -> SignedOut | Deny | NeedPresentation:
        """As `sign_out`; where the audit log has to write first, another thread waits for the disk."""
        result, position = _doors.sign_out(self._parts, self._state, self._record, request)
        await self._settled(position)
        return result

    async def _settled(self, position: int) -> None:
        if position:
            from asyncio import to_thread  # here, because only who runs an event loop has paid for it

            try:
                await to_thread(self._record.settle, position)
            except RuntimeError:  # no thread can be had: this one waits, for the answer must not leave before
                self._record.settle(position)

    def counts(self) -> dict[DecisionKey, int]:
        """Return how often each decision was made since the gateway began, for metrics."""
        return self._record.counts()

    def durations(self) -> Durations:
        """Return how long admissions took since the gateway began, for metrics."""
        return self._record.durations()

    if not TYPE_CHECKING:  # to a type checker there is nothing that may be set

        def __setattr__(self, name: str, value: object) -> None:
            if name != "_state" and hasattr(self, "_state"):  # what was put in its place would be asked by nobody
                raise AttributeError("a Gateway is changed by `reload` alone")
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Gateway is changed by `reload` alone")

    def __repr__(self) -> str:
        return "<Gateway>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Gateway is final")


def _nonces(
    mode: DPoPNonces, random: Callable[[int], bytes], audience: str
) -> Callable[[State, UnixTime], NonceKeys] | None:
    if mode is DPoPNonces.NOT_USED:
        return None
    if mode is DPoPNonces.OF_THE_FLEET:
        return lambda state, now: state.ring.at(now).nonces
    own = OwnNonces(random, audience)
    return lambda state, now: own.current()
