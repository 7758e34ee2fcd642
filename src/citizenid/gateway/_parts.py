"""What a gateway is made of: parts that stay as long as it lives, and a state that `reload` replaces as a whole.

Admission and authorisation are functions of both and of a request; `Gateway` holds them together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from .._errors import CitizenIDError, Reason, VerificationError
from .._limits import Limits
from .._model import Challenge, Handover
from .._readers import READERS
from ..policy import AdmissionPolicy
from ..status import StatusSource
from ..trust import TrustAnchors
from ..verifier import IssuerHalfCache
from ._clock import GatewayClock
from .challenge import ChallengeKeys
from .http import NeedPresentation
from .proofs import ProofRules, unverified_sender
from .replay import Consumption, ReplayGuard
from .ticket import TicketKeys

NO_SENDER: Final = b"\0" * 32
_FRESH: Final = Consumption.FRESH


class State(NamedTuple):
    """All that `reload` replaces, in one object, so that no request sees half of it."""

    anchors: TrustAnchors
    policy: AdmissionPolicy
    tickets: TicketKeys
    challenges: ChallengeKeys
    secrets: tuple[bytes, ...]

    def __repr__(self) -> str:
        return "<state of a gateway>"


@final
@dataclass(frozen=True, slots=True, repr=False)
class Parts:
    """What stays. See `Gateway` for what each of them is."""

    audience: str
    endpoint: str
    statuses: StatusSource
    keep_fresh: Callable[[float], None] | None
    replay: ReplayGuard
    cache: IssuerHalfCache | None
    ticket_lifetime_s: int
    challenge_lifetime_s: int
    limits: Limits
    clock: GatewayClock
    random: Callable[[int], bytes]
    rules: ProofRules

    def challenge(self, state: State, sender: bytes | None, handover: Handover) -> Challenge:
        """Make a challenge; see `Gateway.challenge`."""
        if sender is None and not state.policy.permits_bearer:
            raise CitizenIDError(Reason.BINDING_TOO_WEAK, "challenge")
        if sender is not None and (type(sender) is not bytes or len(sender) != len(NO_SENDER) or sender == NO_SENDER):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "challenge.sender")
        return state.challenges.make(
            sender=sender,
            handover=handover,
            now=self.clock.read()[0],
            lifetime_s=self.challenge_lifetime_s,
            random=self.random(16),
        )

    def need(self, state: State, reason: Reason, proof: bytes | None) -> NeedPresentation:
        """Ask for a presentation; the challenge is made when somebody looks at the answer."""
        return NeedPresentation(reason, self.endpoint, tuple(READERS), lambda: self._challenge_for(state, proof))

    def _challenge_for(self, state: State, proof: bytes | None) -> Challenge | None:
        sender = None if proof is None else unverified_sender(proof, self.limits)
        if proof is not None and sender is None:
            return None  # who shows a proof, be it a broken one, is not offered the weaker binding
        try:
            return self.challenge(state, sender, Handover())
        except CitizenIDError:
            return None  # no sender key was shown, and no rule takes a bearer ticket

    def consume(self, scope: bytes, token: bytes, lifetime_s: int, where: str) -> None:
        """Use something once. Raises REPLAYED or REPLAY_GUARD_FULL."""
        used = self.replay.consume(scope, token, lifetime_s)
        if used is not _FRESH:
            raise VerificationError(Reason.REPLAY_GUARD_FULL if used is Consumption.FULL else Reason.REPLAYED, where)
