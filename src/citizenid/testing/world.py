"""A small world: issuers with a status list, holders, two clocks that move by hand, and the gateways of a fleet.

Everything but the keys is fixed, and nothing sleeps: wall time and monotonic time are numbers that a test changes,
together (`wait`) or apart (`step_wall_clock`). The gateway began a while before `NOW`, so that a proof made at `NOW` is
not older than the process. Proofs of tests that need hostile ones are made by hand (`forge.proofs`), from parts.

Spec: DESIGN section 4 (gateway); RFC 9449 section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, final

from .. import (
    ANY,
    Challenge,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    StatusReference,
    TrustAnchors,
)
from ..gateway import AdmissionPolicy, Admitted, Gateway, MemoryReplayGuard, MemorySignOuts, Request
from ..holder import Credential, dpop_proof
from ..issuer import Issuer, prepare_attestation
from ..status import StatusPublisher, StatusStore
from .checks import of_type
from .forge import mdoc_keys
from .forge.certificates import der, local_key
from .forge.parts import AUDIENCE, ISSUER, NOW, STATUS_MEDIA_TYPE, STATUS_URI, VCT, base64url, key

ORIGIN: Final = AUDIENCE
PATH: Final = "/v1/chat/completions"
ENDPOINT: Final = "/citizenship"
SECRET: Final = bytes(range(32))
OTHER_SECRET: Final = bytes(range(32, 64))
DOC_TYPE: Final = "org.citizenid.citizenship.1"
MDOC_ISSUER: Final = "https://id.example/mdoc"
"""Who is trusted by keys is trusted by nothing else: the issuer of mdocs has a name, and a status list, of his own."""
MDOC_STATUS_URI: Final = "https://id.example/status/mdoc"
DAY: Final = 86_400
UPTIME_S: Final = 1_000
"""How long the gateway of a world has been running at NOW."""

POLICY: Final = """
version = 1

[[rule]]
resource = "open"
anyone = true

[[rule]]
resource = "us-citizens"
citizenship = ["US"]

[[rule]]
resource = ["us-nationals", "us/*"]
nationality = ["US"]

[[rule]]
resource = "fresh"
nationality = ["US"]
max_admission_age_s = 600

[[rule]]
resource = "europe"
nationality = ["DE", "FR"]

[[rule]]
resource = "weak"
nationality = ["US"]
binding = "bearer"
"""
STRICT_POLICY: Final = POLICY.partition('[[rule]]\nresource = "weak"')[0]
"""The same without the one rule that takes a bearer ticket."""


def policy(text: str = POLICY) -> AdmissionPolicy:
    """Read a policy."""
    return AdmissionPolicy.from_toml(text)


@cache
def _certified(name: str) -> tuple[LocalKey, tuple[bytes, ...]]:
    """Return the key of an issuer, and his certificate as a document signer under a root of his own."""
    root, signer = mdoc_keys.key("root of " + name), mdoc_keys.key("signer of " + name)
    made = mdoc_keys.certificate("DS of " + name, "root of " + name, signer, root)
    return local_key(signer), der(made)


@cache
def _root(name: str) -> bytes:
    """Return the root certificate of an issuer, PEM."""
    private = mdoc_keys.key("root of " + name)
    return mdoc_keys.pem(mdoc_keys.certificate("root of " + name, "root of " + name, private, private, authority=True))


def issuing(name: str, *, format: Format) -> Issuer:
    """Return the issuer of this name, as he signs in a format."""
    if format is not Format.MDOC:
        return Issuer(identifier=ISSUER, key=key(name))
    signer, chain = _certified(name)
    return Issuer(identifier=MDOC_ISSUER, key=signer, certificates=chain)


def anchors(
    name: str = "issuer",
    *,
    formats: Iterable[Format] = (Format.SD_JWT_VC,),
    countries: Any = ANY,
    not_before: int = 0,
    not_after: int = NOW + 3_650 * DAY,
    issuer: str = ISSUER,
) -> TrustAnchors:
    """Trust the issuer of this name: his key, and his root for mdocs."""
    keyed = [each for each in formats if each is not Format.MDOC]
    trusted = TrustAnchors()
    times: dict[str, Any] = {"not_before": not_before, "not_after": not_after}
    if keyed:
        trusted |= TrustAnchors.from_keys(
            issuer,
            [key(name).public],
            purpose=KeyPurpose.CREDENTIAL,
            formats=keyed,
            types=[VCT],
            countries=countries,
            **times,
        )
    if Format.MDOC in formats:
        trusted |= TrustAnchors.from_certificates(
            _root(name),
            issuer=MDOC_ISSUER,
            purpose=KeyPurpose.CREDENTIAL,
            formats=[Format.MDOC],
            types=[DOC_TYPE],
            countries=countries,
            **times,
        )
    return trusted


def status_anchors(formats: Iterable[Format] = (Format.SD_JWT_VC,)) -> TrustAnchors:
    """Trust the signers of the status lists of credentials in these formats."""
    signers = {ISSUER: "status"} | ({MDOC_ISSUER: "status of mdocs"} if Format.MDOC in formats else {})
    trusted = TrustAnchors()
    for issuer, name in signers.items():
        public = key(name).public
        named = {**public.to_jwk(), "kid": base64url(public.thumbprint).decode()}
        trusted |= TrustAnchors.from_jwks(issuer, {"keys": [named]}, purpose=KeyPurpose.STATUS_LIST)
    return trusted


@final
class Clock:
    """A clock that a test moves. Any callable may stand in for what it returns."""

    def __init__(self, now: float) -> None:
        self.now: Any = now

    def __call__(self) -> Any:
        """Return the time, or what the callable says."""
        return self.now() if callable(self.now) else self.now


@final
class Wallet:
    """A person: her credential, her key, and the key she signs requests with."""

    def __init__(self, name: str, credential: Credential, status: StatusReference | None, *, format: Format) -> None:
        self.name = name
        self.key = key("holder of " + name)
        self.sender = key("sender of " + name)
        self.credential = credential
        self.format = format
        self.status = status


@final
class SimulatedWorld:
    """One of everything, ready at NOW; see the docstring of this module.

    Args:
        policy_text: the gateway's policy.
        formats: in which the issuer is trusted.
        options: replaces arguments of the Gateway.

    Attributes:
        clock: wall time. `monotonic`: the other. Both are `Clock`s.
        publisher: the issuer's door into his status list. `mdoc_publisher`: of the issuer of mdocs.
        statuses: what the gateways know of it.
        guard: what the gateways remember of proofs and challenges. `sign_outs`: of sessions that were ended.
        gateway: the first of them.
    """

    def __init__(
        self, policy_text: str = POLICY, *, formats: Iterable[Format] = (Format.SD_JWT_VC,), **options: Any
    ) -> None:
        self.clock = Clock(NOW - UPTIME_S)
        self.monotonic = Clock(5_000.0)
        self.formats = tuple(formats)
        self.publisher = StatusPublisher(uri=STATUS_URI, size=64, bits=2)
        self.mdoc_publisher = StatusPublisher(uri=MDOC_STATUS_URI, size=64, bits=2)
        self.statuses = StatusStore(anchors=status_anchors(self.formats))
        self.guard = MemoryReplayGuard(monotonic=self.monotonic)
        self.sign_outs = MemorySignOuts(clock=self.clock, monotonic=self.monotonic)
        self.policy_text = policy_text
        self.options = options
        self._anybody: Wallet | None = None
        self.gateway = self.another_gateway()
        self.wait(UPTIME_S)
        self.publish()

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of a Gateway of this world, for whoever builds his own."""
        arguments: dict[str, Any] = {
            "audience": AUDIENCE,
            "external_url": ORIGIN,
            "anchors": anchors(formats=self.formats),
            "policy": policy(self.policy_text),
            "ticket_keys": [SECRET],
            "statuses": self.statuses,
            "replay": self.guard,
            "sign_outs": self.sign_outs,
            "clock": self.clock,
            "monotonic": self.monotonic,
        }
        return arguments | self.options

    def another_gateway(self, **options: Any) -> Gateway:
        """Make another gateway of the same fleet, or one that differs in `options`."""
        return Gateway(**(self.arguments() | options))

    # --- time ---

    @property
    def now(self) -> int:
        """The wall time, as long as nobody has broken the clock."""
        return int(self.clock.now)

    def wait(self, seconds: float) -> None:
        """Let time pass: both clocks go on."""
        self.clock.now += seconds
        self.monotonic.now += seconds

    def step_wall_clock(self, seconds: float) -> None:
        """Set the wall clock, while no time passes."""
        self.clock.now += seconds

    # --- issuer ---

    def publish(self) -> None:
        """Publish the status lists as they stand, and let the gateways fetch them."""
        for uri, token in self.published().items():
            self.statuses.ingest(uri, token, media_type=STATUS_MEDIA_TYPE, now=self.now)

    def published(self) -> dict[str, bytes]:
        """Publish the status lists as they stand, for whoever fetches them."""
        lists = {STATUS_URI: self.publisher.publish(key("status"), now=self.now, ttl_s=43_200, expires_s=DAY)}
        if Format.MDOC in self.formats:
            signer = key("status of mdocs")
            lists[MDOC_STATUS_URI] = self.mdoc_publisher.publish(signer, now=self.now, ttl_s=43_200, expires_s=DAY)
        return lists

    def publisher_of(self, wallet: Wallet) -> StatusPublisher:
        """Return the door by which the credential of a wallet is revoked."""
        return self.mdoc_publisher if wallet.format is Format.MDOC else self.publisher

    def wallet(
        self,
        name: str = "alice",
        nationalities: Iterable[str] = ("US",),
        citizenships: Iterable[str] = (),
        *,
        lifetime_s: int = 30 * DAY,
        short_lived: bool = False,
        issuer: str = "issuer",
        claims: Mapping[str, Any] | None = None,
        evidence_at: int | None = None,
        format: Format = Format.SD_JWT_VC,
    ) -> Wallet:
        """Issue a credential to a new holder."""
        publisher = self.mdoc_publisher if format is Format.MDOC else self.publisher
        status = None if short_lived else publisher.allocate()
        attestation = prepare_attestation(
            Citizenship(map(Country, nationalities), map(Country, citizenships)),
            issuer=MDOC_ISSUER if format is Format.MDOC else ISSUER,
            holder_key=key("holder of " + name).public,
            now=self.now,
            lifetime_s=lifetime_s,
            status=status,
            format=format,
            claims=claims,
            evidence_at=evidence_at,
        )
        data = issuing(issuer, format=format).issue(attestation, format=format)
        credential = Credential.receive(data, format=format, anchors=anchors(issuer, formats=[format]), now=self.now)
        return Wallet(name, credential, status, format=format)

    def anybody(self) -> Wallet:
        """Return the one wallet of this world for which it does not matter whose it is: a list has 64 places."""
        if self._anybody is None:
            self._anybody = self.wallet("anybody")
        return self._anybody

    # --- holder ---

    def present(self, wallet: Wallet, challenge: Challenge, disclose: Iterable[Any] | None = None) -> bytes:
        """Answer a challenge; all about citizenship and evidence is shown unless `disclose` says otherwise."""
        shown = shown_of(wallet) if disclose is None else disclose
        return wallet.credential.present(
            shown,
            challenge=challenge,
            key=wallet.key,
            peer=AUDIENCE,
            now=self.now,
        )

    def proof(
        self,
        sender: LocalKey,
        ticket: str | None = None,
        *,
        method: str = "POST",
        url: str = ORIGIN + PATH,
        now: int | None = None,
    ) -> bytes:
        """Make a good DPoP proof, as wallets do."""
        made_at = self.now if now is None else now
        return dpop_proof(sender, method=method, url=url, ticket=ticket, now=made_at).encode()

    # --- gateway ---

    def challenge(self, sender: LocalKey | None) -> Challenge:
        """Ask the gateway for a challenge for this sender key."""
        return self.gateway.challenge(sender=None if sender is None else sender.public.thumbprint)

    def admit(self, wallet: Wallet, *, disclose: Iterable[Any] | None = None, bearer: bool = False) -> Any:
        """Go through admission as an honest wallet does; whatever the gateway says is returned."""
        challenge = self.challenge(None if bearer else wallet.sender)
        proof = None if bearer else self.proof(wallet.sender, url=ORIGIN + ENDPOINT)
        return self.gateway.admit(
            self.present(wallet, challenge, disclose),
            format=wallet.format,
            challenge=challenge.to_text(),
            request=request(path=ENDPOINT, proof=proof),
        )

    def ticket(self, wallet: Wallet, **how: Any) -> str:
        """Go through admission and return the ticket."""
        return of_type(self.admit(wallet, **how), Admitted).ticket

    def ask(self, wallet: Wallet, ticket: str, resource: str = "us-nationals", gateway: Gateway | None = None) -> Any:
        """Ask for a resource as an honest client does: with the ticket and a new proof."""
        proof = self.proof(wallet.sender, ticket)
        return (gateway or self.gateway).authorize(request(ticket, proof), resource=resource)


def shown_of(wallet: Wallet) -> list[Any]:
    """Return the paths of all that a credential says about citizenship and evidence."""
    if wallet.format is Format.MDOC:
        return [path for path in wallet.credential.disclosable if path[0] == DOC_TYPE]
    named = ("nationalities", "citizenships", "nationalities_complete", "evidence_checked_at")
    return [name for name in named if (name,) in wallet.credential.disclosable]


def request(
    ticket: str | bytes | None = None,
    proof: bytes | None = None,
    *,
    method: str = "POST",
    path: str = PATH,
    url: str | None = None,
    further: Iterable[tuple[bytes, bytes]] = (),
) -> Request:
    """Make a request with a ticket and a proof, among headers that concern nobody here."""
    headers: list[tuple[bytes, bytes]] = [(b"host", b"gateway.example"), (b"authorization", b"Bearer sk-42"), *further]
    if ticket is not None:
        headers.append((b"citizenship-ticket", ticket.encode() if isinstance(ticket, str) else ticket))
    if proof is not None:
        headers.append((b"dpop", proof))
    return Request(method, ORIGIN + path if url is None else url, headers)
