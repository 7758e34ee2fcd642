"""What a gateway is made of: parts that stay as long as it lives, and a state that `reload` replaces as a whole.

Admission, renewal and authorisation are functions of both and of a request; `Gateway` holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, final

from .. import _registry as reg
from .._errors import FAILURES, CitizenIDError, Reason, VerificationError
from .._limits import Limits
from .._model import Assurance, Binding, Challenge, Handover, UnixTime
from ..policy import AdmissionPolicy, Rule
from ..status import StatusSource
from ..trust import TrustAnchors
from ..verifier import IssuerHalfCache
from ._certificates import CertificateHeader, certificate_thumbprint
from ._clock import GatewayClock
from ._http_signatures import SigningKeys, unverified_signing_key
from ._keys import KeyRing
from .asking import Terms
from .http import Credentials, Deny, NeedPresentation, read_fields
from .nonces import NonceKeys
from .proofs import ProofRules, unverified_sender
from .replay import Consumption, ReplayGuard
from .sharing import SharingDetector
from .sign_outs import SignOuts

NO_SENDER: Final = b"\0" * 32
_FRESH: Final = Consumption.FRESH
_UNAVAILABLE: Final = Consumption.UNAVAILABLE
_SIGNED: Final = frozenset({reg.HEADER_SIGNATURE_INPUT, reg.HEADER_SIGNATURE, reg.HEADER_KEY})
_NONCE_REASONS: Final = frozenset({Reason.PROOF_NONCE_MISSING, Reason.PROOF_NONCE_MISMATCH})


class State(NamedTuple):
    """All that `reload` replaces, in one object, so that no request sees half of it.

    `types` and `assurances` are those that rules of the policy name, by the hashes of them that a ticket holds.
    """

    anchors: TrustAnchors
    policy: AdmissionPolicy
    ring: KeyRing
    terms: Terms
    types: Mapping[bytes, str]
    assurances: Mapping[bytes, Assurance]

    def __repr__(self) -> str:
        return "<State>"


UNREAD: Final = Credentials(None, b"", ())
"""Before the headers are read there may be a proof, and nobody is offered less than that."""
_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price


@final
@dataclass(frozen=True, slots=True, repr=False)
class Parts:
    """What stays. See `Gateway` for what each of them is."""

    endpoint: str
    region: str | None
    statuses: StatusSource
    replay: ReplayGuard
    sign_outs: SignOuts
    cache: IssuerHalfCache | None
    ticket_lifetime_s: int
    session_lifetime_s: int
    challenge_lifetime_s: int
    limits: Limits
    clock: GatewayClock
    random: Callable[[int], bytes]
    rules: ProofRules
    certificate_header: CertificateHeader | None
    nonces: Callable[[State, UnixTime], NonceKeys] | None
    sharing: SharingDetector | None
    signing_keys: SigningKeys = field(default_factory=lambda: SigningKeys(4_096))
    keep_fresh: Callable[[float], None] | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep_fresh", getattr(self.statuses, "keep_fresh", None))

    def challenge(self, state: State, binding: Binding, sender: bytes, handover: Handover) -> Challenge:
        """Make a challenge; see `Gateway.challenge`. Raises BINDING_TOO_WEAK where no rule takes a bearer ticket."""
        if binding is Binding.BEARER and not state.policy.permits_bearer:
            raise CitizenIDError(Reason.BINDING_TOO_WEAK, "challenge")
        now = self.clock.read()[0]
        return state.ring.at(now).challenges.make(
            binding=binding,
            sender=sender,
            handover=handover,
            now=now,
            lifetime_s=self.challenge_lifetime_s,
            random=self.draw(16),
        )

    def need(
        self,
        reason: Reason,
        state: State,
        credentials: Credentials,
        certificate: bytes | None,
        rule: Rule | None = None,
    ) -> NeedPresentation:
        """Ask for a presentation; challenge and nonce are made when somebody looks at the answer.

        Args:
            reason: what is missing.
            state: what holds now.
            credentials: what the request shows of its sender; nothing of it is proven.
            certificate: what the TLS terminator has handed in.
            rule: that was not satisfied, where one is known: what it asks for is in the answer.
        """
        return _new(
            NeedPresentation,
            (
                reason,
                self.endpoint,
                state.terms.formats,
                partial(_challenge_for, self, state, credentials, certificate, rule),
                state.terms.of(rule),
                None if self.nonces is None else partial(self.nonce_for, state, credentials[1]),
            ),
        )

    def refuse(self, state: State, error: CitizenIDError, proof: bytes | None) -> Deny:
        """Return the refusal that an error stands for, with a nonce where that is what was missing."""
        if error.reason in _NONCE_REASONS:
            return Deny(error.reason, error.step, error.where, self.nonce_for(state, proof))
        return Deny.of(error)

    def nonce_for(self, state: State, proof: bytes | None) -> str | None:
        """Make a nonce for the key of a DPoP proof, or return None where none is used or no key is shown."""
        sender = None if self.nonces is None or proof is None else unverified_sender(proof, self.limits)
        if sender is None or self.nonces is None:
            return None
        try:
            now = self.clock.read()[0]
            return self.nonces(state, now).make(sender, now)
        except CitizenIDError:
            return None

    def freshen(self, monotonic: float) -> bool:
        """Let the lists look whether newer ones are there; returns whether they could."""
        if self.keep_fresh is None:
            return True
        try:
            self.keep_fresh(monotonic)
        except CitizenIDError:
            raise
        except FAILURES:
            return False
        return True

    def draw(self, size: int) -> bytes:
        """Return random bytes. Raises CONFIGURATION_INVALID: a source that fails gives no ticket and no challenge."""
        drawn: object = None
        try:
            drawn = self.random(size)
        except FAILURES:
            pass  # raised below
        if type(drawn) is not bytes or len(drawn) != size:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.random")
        return drawn

    def use(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
        """Ask the guard; one that fails, or says something else, cannot tell. An error of ours says more."""
        used: object = None
        try:
            used = self.replay.consume(scope, token, lifetime_s)
        except CitizenIDError:
            raise
        except FAILURES:
            pass
        return used if type(used) is Consumption else _UNAVAILABLE

    def consume(self, scope: bytes, token: bytes, lifetime_s: int, where: str) -> None:
        """Use something once. Raises REPLAYED, REPLAY_GUARD_FULL or REPLAY_GUARD_UNAVAILABLE."""
        used = self.use(scope, token, lifetime_s)
        if used is _FRESH:
            return
        if used is Consumption.FULL:
            raise VerificationError(Reason.REPLAY_GUARD_FULL, where)
        if used is _UNAVAILABLE or used is Consumption.FRESH_HERE:  # no rule says that this is enough
            raise VerificationError(Reason.REPLAY_GUARD_UNAVAILABLE, where)
        raise VerificationError(Reason.REPLAYED, where)


def _challenge_for(
    parts: Parts, state: State, credentials: Credentials, certificate: bytes | None, rule: Rule | None
) -> Challenge | None:
    fields: Mapping[bytes, bytes] | None = None
    try:
        fields = read_fields(credentials.headers)
    except CitizenIDError:
        pass
    if fields is None:
        return None
    senders = _senders(parts, credentials, certificate, fields)
    if not senders:
        if credentials.proof is not None or not _SIGNED.isdisjoint(fields):
            return None  # who shows a proof, be it a broken one, is not offered the weaker binding
        senders = {Binding.BEARER: NO_SENDER}
    floor = Binding.DPOP if rule is None else rule.binding
    binding = next((each for each in senders if each >= floor), next(iter(senders)))
    try:
        return parts.challenge(state, binding, senders[binding], Handover())
    except CitizenIDError:
        return None  # no sender key was shown, and no rule takes a bearer ticket


def _senders(
    parts: Parts, credentials: Credentials, certificate: bytes | None, fields: Mapping[bytes, bytes]
) -> dict[Binding, bytes]:
    # In this order: a header that a client writes says what he means; a certificate may be that of his mesh.
    thumbprint = None
    try:
        thumbprint = certificate_thumbprint(certificate, credentials.headers, parts.certificate_header)
    except CitizenIDError:
        pass
    proof = credentials.proof
    senders = {
        Binding.DPOP: None if proof is None else unverified_sender(proof, parts.limits),
        Binding.HTTP_SIGNATURE: unverified_signing_key(fields),
        Binding.MTLS: thumbprint,
    }
    return {binding: sender for binding, sender in senders.items() if sender is not None}
