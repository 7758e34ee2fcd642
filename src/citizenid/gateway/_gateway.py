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
from typing import Final, NamedTuple, NoReturn, final

from .._answer import Answer
from .._crypto import AgreementKey
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._limits import DEFAULT_LIMITS, Limits
from .._model import Binding, Challenge, Format, Handover, NeedStatusList, Status, UnixTime
from .._readers import READERS, Reading
from .._wire import json
from ..countries import ANY
from ..policy import AdmissionPolicy, Rule
from ..status import StatusSource
from ..status._store import place_of
from ..trust import TrustAnchors
from ..verifier import IssuerHalfCache, VerifiedPresentation, check_status_valid, verify
from ._clock import GatewayClock
from ._settings import check_audience, check_parts, format_named, origin_of
from .cache import SieveCache
from .challenge import ChallengeKeys, expires_at
from .http import Admitted, Allow, Credentials, Deny, NeedPresentation, Request, read_credentials
from .proofs import UNSEEN_STEP_S, ProofRules, SenderKeys, SenderProof, check_dpop, unverified_sender
from .replay import Consumption, ReplayGuard
from .ticket import TicketContents, TicketKeys, assurance_hash, fit, type_hash

_NO_SENDER: Final = b"\0" * 32
# A member of an enumeration is looked up through its type each time: by a name of this module it costs a tenth.
_DPOP: Final = Binding.DPOP
_VALID: Final = Status.VALID
_BODY_MEMBERS: Final = {"format", "challenge", "presentation"}


class _State(NamedTuple):
    """All that `reload` replaces, in one object, so that no request sees half of it."""

    anchors: TrustAnchors
    policy: AdmissionPolicy
    tickets: TicketKeys
    challenges: ChallengeKeys
    secrets: tuple[bytes, ...]

    def __repr__(self) -> str:
        return "<state of a gateway>"


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
        self._audience: Final = audience
        self._origin: Final = origin_of(external_url)
        self._endpoint: Final = self._origin + admission_path
        self.statuses: Final = statuses
        self._keep_fresh: Final[Callable[[float], None] | None] = getattr(statuses, "keep_fresh", None)
        self._replay: Final = replay
        self._cache: Final[IssuerHalfCache | None] = SieveCache[bytes, Reading](cache) if type(cache) is int else cache  # type: ignore[assignment]  # mypy does not narrow by type() is
        self._ticket_lifetime_s: Final = ticket_lifetime_s
        self._challenge_lifetime_s: Final = challenge_lifetime_s
        self._limits: Final = limits
        self._reader_key: Final = reader_key
        self._clock: Final = GatewayClock(clock, monotonic, limits.clock_skew_s)
        self._random = random
        self._rules: Final = ProofRules(self._origin, proof_max_age_s, limits, SenderKeys(4_096))
        self._reloading: Final = threading.Lock()
        self._state = self._make_state(anchors, policy, tuple(ticket_keys))

    def _make_state(self, anchors: TrustAnchors, policy: AdmissionPolicy, secrets: tuple[bytes, ...]) -> _State:
        if type(anchors) is not TrustAnchors or type(policy) is not AdmissionPolicy:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway")
        challenges = ChallengeKeys(secrets, self._audience, self._reader_key)
        return _State(anchors, policy, TicketKeys(secrets, self._audience), challenges, secrets)

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
        if sender is None and not self._state.policy.permits_bearer:
            raise CitizenIDError(Reason.BINDING_TOO_WEAK, "challenge")
        if sender is not None and (type(sender) is not bytes or len(sender) != len(_NO_SENDER) or sender == _NO_SENDER):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "challenge.sender")
        return self._state.challenges.make(
            sender=sender,
            handover=Handover() if handover is None else handover,
            now=self._clock.read()[0],
            lifetime_s=self._challenge_lifetime_s,
            random=self._random(16),
        )

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
            return self._admit(data, format, challenge, request)
        except CitizenIDError as error:
            error.at("request")
            return Deny.of(error)

    def _admit(
        self, data: bytes | str, format: Format, text: str, request: Request
    ) -> Admitted | Deny | NeedStatusList:
        state, (now, monotonic) = self._state, self._clock.read()
        challenge, binding, nonce = state.challenges.recognise(text, now=now, lifetime_s=self._challenge_lifetime_s)
        proof = None
        if binding is Binding.DPOP:
            proof = self._check_proof(read_credentials(request.headers), request, None, now, monotonic)
        else:
            if not state.policy.permits_bearer:  # no more, that is: the challenge was made when a rule did
                raise CitizenIDError(Reason.BINDING_TOO_WEAK, "challenge")
            # No fresh proof comes with it, so the challenge itself must be younger than the last clock step.
            self._clock.watch(now, monotonic)
            if expires_at(nonce) - self._challenge_lifetime_s < self._clock.proofs_from:
                raise VerificationError(Reason.CHALLENGE_EXPIRED, "challenge")
        sender = _NO_SENDER if proof is None else proof.thumbprint
        state.challenges.check_sender(nonce, None if proof is None else sender, challenge.handover)
        if proof is not None:
            self._consume(sender, proof.token, proof.lifetime_s, "proof")
        if self._keep_fresh is not None:
            self._keep_fresh(monotonic)
        verified = verify(
            data,
            format=format_named(format),
            anchors=state.anchors,
            challenge=challenge,
            statuses=self.statuses,
            now=now,
            limits=self._limits,
            cache=self._cache,
        )
        if isinstance(verified, NeedStatusList):
            return verified  # the nonce is not used up: the same presentation may come again
        # Remembered as long as any gateway of the fleet takes it: another one may give challenges a longer life.
        lives_s = max(self._challenge_lifetime_s, expires_at(nonce) - now)
        self._consume(sender, nonce, lives_s + UNSEEN_STEP_S, "challenge")
        ends_at = min(now + self._ticket_lifetime_s, verified.not_after)
        contents = self._contents(verified, ends_at, binding, sender, now)
        return Admitted(state.tickets.seal(contents, self._random(12)), ends_at)

    def _contents(
        self, verified: VerifiedPresentation, ends_at: int, binding: Binding, sender: bytes, now: UnixTime
    ) -> TicketContents:
        attestation, anchor = verified.attestation, verified.anchor
        stated = fit(attestation.citizenship, verified.citizenship)
        return TicketContents(
            expires_at=ends_at,
            session_id=self._random(16),
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
            return self._authorize(credentials, request, rule, state)
        except CitizenIDError as error:
            error.at("request")
            if error.step == "ticket":
                return self._need(error.reason, proof)
            return Deny.of(error)

    def _authorize(
        self, credentials: Credentials, request: Request, rule: Rule, state: _State
    ) -> Allow | Deny | NeedPresentation | NeedStatusList:
        now, monotonic = self._clock.read()
        text, shown = credentials
        if text is None:
            return self._need(Reason.TICKET_MISSING, shown)
        (
            expires_at, session_id, anchor_id, _, _, _, admitted_at, _, nationalities, citizenships, _, binding, sender,
            references,
        ) = state.tickets.open_fields(text)  # fmt: skip
        if now >= expires_at or self._clock.latest >= expires_at:  # a clock that went back extends nothing
            return self._need(Reason.TICKET_EXPIRED, shown)
        if binding is _DPOP:
            proof = self._check_proof(credentials, request, text, now, monotonic)
            if proof.thumbprint != sender:
                raise VerificationError(Reason.PROOF_KEY_MISMATCH, "dpop.header.jwk")
            self._consume(sender, proof.token, proof.lifetime_s, "proof")
        anchor = state.anchors.find(anchor_id)
        if anchor is None or not anchor.not_before <= now < anchor.not_after:
            return self._need(Reason.ANCHOR_REMOVED, shown)
        if self._keep_fresh is not None:
            self._keep_fresh(monotonic)
        for identity, index in references:
            status = self.statuses.check_identity(identity, index, now)
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
        return self._need(objection, shown)

    def admit_http(self, request: Request, body: bytes) -> Answer:
        """Answer the admission endpoint: POST {"format", "challenge", "presentation"}.

        An empty object asks for a challenge, made for the key of the request's DPoP proof.

        Args:
            request: the request, with its DPoP header.
            body: the request's body.
        """
        try:
            if request.method != "POST" or type(body) is not bytes:
                raise MalformedError(Reason.REQUEST_INVALID, "request")
            if len(body) > 2 * self._limits.presentation_bytes:
                raise MalformedError(Reason.INPUT_TOO_LARGE, "request")
            members = json.parse_object(body, "request", 2)
            if not members:
                return self._need(Reason.TICKET_MISSING, read_credentials(request.headers).proof).http()
            if set(members) != _BODY_MEMBERS or not all(type(value) is str for value in members.values()):
                raise MalformedError(Reason.REQUEST_INVALID, "request")
        except CitizenIDError as error:
            error.at("request")
            return Deny.of(error).http()
        return self.admit(
            members["presentation"], format=members["format"], challenge=members["challenge"], request=request
        ).http()

    def _check_proof(
        self, credentials: Credentials, request: Request, ticket: bytes | None, now: UnixTime, monotonic: float
    ) -> SenderProof:
        if credentials.proof is None:
            raise VerificationError(Reason.PROOF_MISSING, "dpop")
        if type(request.method) is not str or type(request.url) is not str:
            raise MalformedError(Reason.REQUEST_INVALID, "request")
        self._clock.watch(now, monotonic)
        try:
            return check_dpop(
                credentials.proof,
                method=request.method,
                url=request.url,
                ticket=ticket,
                rules=self._rules,
                not_before=self._clock.proofs_from,
                now=now,
            )
        except CitizenIDError as error:
            error.at("proof")
            raise

    def _consume(self, scope: bytes, token: bytes, lifetime_s: int, where: str) -> None:
        used = self._replay.consume(scope, token, lifetime_s)
        if used is Consumption.FRESH:
            return
        reason = Reason.REPLAY_GUARD_FULL if used is Consumption.FULL else Reason.REPLAYED
        if used is Consumption.UNAVAILABLE:
            reason = Reason.REPLAY_GUARD_UNAVAILABLE
        raise VerificationError(reason, where)

    def _need(self, reason: Reason, proof: bytes | None) -> NeedPresentation:
        return NeedPresentation(reason, self._endpoint, tuple(READERS), lambda: self._challenge_for(proof))

    def _challenge_for(self, proof: bytes | None) -> Challenge | None:
        sender = None if proof is None else unverified_sender(proof, self._limits)
        if proof is not None and sender is None:
            return None  # who shows a proof, be it a broken one, is not offered the weaker binding
        try:
            return self.challenge(sender=sender)
        except CitizenIDError:
            return None  # no sender key was shown, and no rule takes a bearer ticket

    def __repr__(self) -> str:
        return "<Gateway>"

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Gateway is final")
