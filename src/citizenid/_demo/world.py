"""The demo's world: an identity provider with its status list, citizens with wallets, and a gateway that trusts them.

Everything is real: the keys, the lists, the clock. `World` prepares; what it hands out as a `Trial` is the one call
that is timed.

Spec: DESIGN section 4 (the flow).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from .. import Challenge, Citizenship, ClaimPath, Country, Format, KeyPurpose, LocalKey, Reason, TrustAnchors
from ..gateway import (
    AdmissionPolicy,
    Admitted,
    Allow,
    Deny,
    Gateway,
    MemoryReplayGuard,
    NeedPresentation,
    NeedStatusList,
    Request,
)
from ..holder import Credential, dpop_proof
from ..issuer import prepare_attestation
from ..status import StatusPublisher, StatusReference, StatusStore
from .floor import Floor, proof_floor
from .formats import set_up

_ISSUER: Final = "https://id.example"
_LIST: Final = "https://id.example/status/1"
_LIST_SIZE: Final = 2**20
_ORIGIN: Final = "https://api.example"
CHAT: Final = _ORIGIN + "/v1/chat/completions"
ENDPOINT: Final = _ORIGIN + "/citizenship"
RESTRICTED: Final = "claude-3.5-opus"
BEARER: Final = "claude-3.5-opus-internal"
_POLICY: Final = f"""
version = 1
[[rule]]
resource = "{RESTRICTED}"
citizenship = ["US"]
[[rule]]
resource = "{BEARER}"
citizenship = ["US"]
binding = "bearer"
"""
_COUNTRIES: Final = (Country("US"), Country("FR"))
_HEADERS: Final = (
    (b"host", b"api.example"),
    (b"content-type", b"application/json"),
    (b"authorization", b"Bearer an-api-key-that-a-whole-company-shares"),  # it says who pays, and must not help
    *((b"x-header-%d" % number, b"value of a header that is of no concern") for number in range(15)),
)
SESSIONS_EACH: Final = 100  # authorizations of one admitted caller

Result = Allow | Admitted | Deny | NeedPresentation | NeedStatusList


class Door(Protocol):
    """What the demo asks of a gateway."""

    def challenge(self, *, sender: bytes | None) -> Challenge:
        """As `Gateway.challenge`."""
        ...

    def admit(
        self, data: bytes | str, *, format: Format, challenge: str, request: Request
    ) -> Admitted | Deny | NeedStatusList:
        """As `Gateway.admit`."""
        ...

    def authorize(self, request: Request, *, resource: str) -> Allow | Deny | NeedPresentation | NeedStatusList:
        """As `Gateway.authorize`."""
        ...


class WrongDecision(Exception):
    """A decision on which the rest of the demo stands was wrong, so that there is nothing to go on with."""


class Trial(NamedTuple):
    """One decision to be timed.

    Attributes:
        decide: the call.
        floor: makes what the call cannot avoid, for the trials beside which it is measured; None for nothing.
    """

    decide: Callable[[], Result]
    floor: Callable[[], Floor] | None = None


class Citizen(NamedTuple):
    """Somebody with a credential, its key, its place in the status list, and the one claim that he shows."""

    credential: Credential
    key: LocalKey
    status: StatusReference
    shown: ClaimPath


class Session(NamedTuple):
    """A ticket, and the key to which it is bound unless it is a bearer ticket."""

    ticket: str
    sender: LocalKey


class World:
    """An identity provider, its status list, and a gateway that trusts both."""

    def __init__(self, wrap: Callable[[Gateway], Door], format_: Format) -> None:
        self.format: Final = format_
        self._issuance = set_up(format_, _ISSUER, _COUNTRIES)
        self.issuer: Final = self._issuance.issuer
        self.anchors: Final = self._issuance.anchors
        self.captured: Final = self._issuance.captured
        self._status_key = LocalKey.generate("ES256")
        signers = TrustAnchors.from_keys(_ISSUER, [self._status_key.public], purpose=KeyPurpose.STATUS_LIST)
        self._publisher = StatusPublisher(uri=_LIST, size=_LIST_SIZE)
        self._statuses = StatusStore(anchors=signers)
        self._publish()
        self.gateway = wrap(
            Gateway(
                audience=_ORIGIN,
                external_url=_ORIGIN,
                anchors=self.anchors,
                policy=AdmissionPolicy.from_toml(_POLICY),
                ticket_keys=[os.urandom(32)],
                statuses=self._statuses,
                replay=MemoryReplayGuard(),
            )
        )

    def _publish(self) -> None:
        token = self._publisher.publish(self._status_key, now=wall_clock(), ttl_s=3_600, expires_s=86_400)
        self._statuses.ingest(_LIST, token, media_type="application/statuslist+jwt", now=wall_clock())

    def revoke(self, citizens: Sequence[Citizen]) -> None:
        """Revoke, publish, and let the gateway fetch."""
        for citizen in citizens:
            self._publisher.revoke(citizen.status)
        self._publish()

    def citizen(self, code: str = "US") -> Citizen:
        """Issue a credential to somebody new, who receives it."""
        key, country, status = LocalKey.generate("ES256"), Country(code), self._publisher.allocate()
        attestation = prepare_attestation(
            Citizenship([country], [country]),
            issuer=_ISSUER,
            holder_key=key.public,
            now=wall_clock(),
            lifetime_s=30 * 86_400,
            status=status,
            format=self.format,
            claims=self._issuance.claims,
        )
        data = self.issuer.issue(attestation, format=self.format)
        received = Credential.receive(data, format=self.format, anchors=self.anchors, now=wall_clock())
        return Citizen(received, key, status, self._issuance.shown(country))

    def present(self, citizen: Citizen, challenge: Challenge) -> bytes:
        """Show one citizenship, and nothing else."""
        return citizen.credential.present(
            [citizen.shown], challenge=challenge, key=citizen.key, peer=_ORIGIN, now=wall_clock()
        )

    def post(self, data: bytes, challenge: Challenge, proof: str | None) -> Trial:
        """Make a trial of `admit`."""
        request, text = make_request(ENDPOINT, proof=proof), challenge.to_text()
        return Trial(partial(self.gateway.admit, data, format=self.format, challenge=text, request=request))

    def session(self, citizen: Citizen, *, bearer: bool = False) -> Session:
        """Get a citizen admitted, untimed."""
        sender = LocalKey.generate("ES256")
        challenge = self.gateway.challenge(sender=None if bearer else sender.public.thumbprint)
        proof = None if bearer else make_proof(sender, ENDPOINT)
        return Session(self.admitted(self.post(self.present(citizen, challenge), challenge, proof)), sender)

    def sessions(self, code: str = "US", *, bearer: bool = False) -> Iterator[Session]:
        """Return a session for each trial: a new one every so often."""
        while True:
            session = self.session(self.citizen(code), bearer=bearer)
            for _ in range(SESSIONS_EACH):
                yield session

    def ask(self, ticket: str | None, proof: str | None = None, *, resource: str = RESTRICTED) -> Trial:
        """Make a trial of `authorize`."""
        return Trial(partial(self.gateway.authorize, make_request(CHAT, ticket, proof), resource=resource))

    def ask_with(self, ticket: str, sender: LocalKey) -> Trial:
        """Make a trial of `authorize` with a fresh proof: one verification is its floor."""
        proof = make_proof(sender, CHAT, ticket)
        return self.ask(ticket, proof)._replace(floor=partial(proof_floor, proof, sender.public))

    def admitted(self, trial: Trial) -> str:
        """Decide, untimed, what must be admitted, and return the ticket."""
        result = trial.decide()
        if type(result) is not Admitted:
            raise WrongDecision(f"a citizen was not admitted but got {' '.join(describe(result))}")
        return result.ticket

    def allowed(self, trial: Trial) -> None:
        """Decide, untimed, what must be allowed."""
        result = trial.decide()
        if type(result) is not Allow:
            raise WrongDecision(f"a citizen was not allowed but got {' '.join(describe(result))}")


def describe(result: Result) -> tuple[str, str]:
    """Return the name of a decision and its Reason, or ""."""
    reason: Reason | None = getattr(result, "reason", None)
    return type(result).__name__, reason.value if reason else ""


def make_request(url: str, ticket: str | None = None, proof: str | None = None) -> Request:
    """Make a request with eighteen headers of other concerns."""
    headers = list(_HEADERS)
    if ticket is not None:
        headers.append((b"citizenship-ticket", ticket.encode()))
    if proof is not None:
        headers.append((b"dpop", proof.encode()))
    return Request("POST", url, headers)


def make_proof(key: LocalKey, url: str, ticket: str | None = None) -> str:
    """Make a fresh sender proof."""
    return dpop_proof(key, method="POST", url=url, ticket=ticket, now=wall_clock())


def wall_clock() -> int:
    """Return the time in Unix seconds: the gateway of the demo reads the same clock."""
    return int(time.time())
