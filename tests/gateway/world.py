"""A small world: an issuer with its status list, wallets, two clocks that tests move, and a gateway.

Everything but the keys is fixed, and nothing sleeps: wall time and monotonic time are numbers that a test changes,
together (`wait`) or apart (`step_wall_clock`). The gateway began a while before `NOW`, so that a proof made at `NOW` is
not older than the process. Proofs of tests that need hostile ones are made by hand (`proof`), from parts.

Spec: DESIGN section 4 (gateway); RFC 9449 section 4.2.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from citizenid import (
    ANY,
    Challenge,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    Reason,
    StatusReference,
    TrustAnchors,
)
from citizenid.gateway import AdmissionPolicy, Admitted, Allow, Answer, Deny, Gateway, MemoryReplayGuard, Request
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusPublisher, StatusStore

NOW: Final = 1_800_000_000
ISSUER: Final = "https://id.example"
AUDIENCE: Final = "https://gateway.example"
ORIGIN: Final = "https://gateway.example"
VCT: Final = "urn:citizenid:citizenship:1"
STATUS_URI: Final = "https://id.example/status/1"
PATH: Final = "/v1/chat/completions"
ENDPOINT: Final = "/citizenship"
SECRET: Final = bytes(range(32))
OTHER_SECRET: Final = bytes(range(32, 64))
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


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""In place of a value: the member is left out."""


@cache
def key(name: str, algorithm: str = "ES256") -> LocalKey:
    """Return the key of this name, the same in the whole run."""
    return LocalKey.generate(algorithm)


def base64url(data: bytes) -> bytes:
    """Encode as unpadded base64url, with the standard library."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def unbase64url(text: bytes | str) -> bytes:
    """Decode unpadded base64url, with the standard library."""
    raw = text.encode("ascii") if isinstance(text, str) else text
    return base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))


def segment(value: Any) -> bytes:
    """Encode a segment: bytes as they are, anything else as JSON."""
    return base64url(value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode())


def ath(ticket: str) -> str:
    """Return what `ath` must say of a ticket."""
    return base64url(hashlib.sha256(ticket.encode("ascii")).digest()).decode()


def policy(text: str = POLICY) -> AdmissionPolicy:
    """Read a policy."""
    return AdmissionPolicy.from_toml(text)


def anchors(
    name: str = "issuer",
    *,
    countries: Any = ANY,
    not_before: int = 0,
    not_after: int = NOW + 3_650 * DAY,
    issuer: str = ISSUER,
) -> TrustAnchors:
    """Trust the key of this name for credentials."""
    return TrustAnchors.from_keys(
        issuer,
        [key(name).public],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=[VCT],
        countries=countries,
        not_before=not_before,
        not_after=not_after,
    )


def status_anchors() -> TrustAnchors:
    """Trust the signer of the status lists."""
    return TrustAnchors.from_keys(ISSUER, [key("status").public], purpose=KeyPurpose.STATUS_LIST)


class Clock:
    """A clock that a test moves. Any callable may stand in for what it returns."""

    def __init__(self, now: float) -> None:
        self.now: Any = now

    def __call__(self) -> Any:
        return self.now() if callable(self.now) else self.now


class Wallet:
    """A holder: his credential, his key, and the key he signs requests with."""

    def __init__(self, name: str, credential: Credential, status: StatusReference | None) -> None:
        self.name = name
        self.key = key("holder of " + name)
        self.sender = key("sender of " + name)
        self.credential = credential
        self.status = status


class World:
    """One of everything, ready at NOW; see the docstring of this module.

    Args:
        policy_text: the gateway's policy.
        options: replaces arguments of the Gateway.
    """

    def __init__(self, policy_text: str = POLICY, **options: Any) -> None:
        self.clock = Clock(NOW - UPTIME_S)
        self.monotonic = Clock(5_000.0)
        self.publisher = StatusPublisher(uri=STATUS_URI, size=64, bits=2)
        self.statuses = StatusStore(anchors=status_anchors())
        self.guard = MemoryReplayGuard(monotonic=self.monotonic)
        self.policy_text = policy_text
        self.options = options
        self.gateway = self.another_gateway()
        self.wait(UPTIME_S)
        self.publish()

    def another_gateway(self, **options: Any) -> Gateway:
        """Make another gateway of the same fleet, or one that differs in `options`."""
        arguments: dict[str, Any] = {
            "audience": AUDIENCE,
            "external_url": ORIGIN,
            "anchors": anchors(),
            "policy": policy(self.policy_text),
            "ticket_keys": [SECRET],
            "statuses": self.statuses,
            "replay": self.guard,
            "clock": self.clock,
            "monotonic": self.monotonic,
        }
        return Gateway(**(arguments | self.options | options))

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
        """Publish the status list as it stands, and let the gateway fetch it."""
        token = self.publisher.publish(key("status"), now=self.now, ttl_s=43_200, expires_s=DAY)
        self.statuses.ingest(STATUS_URI, token, media_type="application/statuslist+jwt", now=self.now)

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
    ) -> Wallet:
        """Issue a credential to a new holder."""
        status = None if short_lived else self.publisher.allocate()
        attestation = prepare_attestation(
            Citizenship(map(Country, nationalities), map(Country, citizenships)),
            issuer=ISSUER,
            holder_key=key("holder of " + name).public,
            now=self.now,
            lifetime_s=lifetime_s,
            status=status,
            format=Format.SD_JWT_VC,
            claims=claims,
            evidence_at=evidence_at,
        )
        data = Issuer(identifier=ISSUER, key=key(issuer)).issue(attestation, format=Format.SD_JWT_VC)
        credential = Credential.receive(data, format=Format.SD_JWT_VC, anchors=anchors(issuer), now=self.now)
        return Wallet(name, credential, status)

    # --- holder ---

    def present(self, wallet: Wallet, challenge: Challenge, disclose: Iterable[Any] | None = None) -> bytes:
        """Answer a challenge; all about citizenship and evidence is shown unless `disclose` says otherwise."""
        named = ("nationalities", "citizenships", "evidence_checked_at")
        shown = [name for name in named if (name,) in wallet.credential.disclosable]
        return wallet.credential.present(
            shown if disclose is None else disclose,
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
            format=Format.SD_JWT_VC,
            challenge=challenge.to_text(),
            request=request(path=ENDPOINT, proof=proof),
        )

    def ticket(self, wallet: Wallet, **how: Any) -> str:
        """Go through admission and return the ticket."""
        admitted = self.admit(wallet, **how)
        assert isinstance(admitted, Admitted), admitted
        return admitted.ticket

    def ask(self, wallet: Wallet, ticket: str, resource: str = "us-nationals", gateway: Gateway | None = None) -> Any:
        """Ask for a resource as an honest client does: with the ticket and a new proof."""
        proof = self.proof(wallet.sender, ticket)
        return (gateway or self.gateway).authorize(request(ticket, proof), resource=resource)


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


_serial: Final[Iterator[int]] = itertools.count()


def hand_made_proof(
    sender: LocalKey,
    claims: Mapping[str, Any] | bytes | None = None,
    header: Mapping[str, Any] | bytes | None = None,
    *,
    ticket: str | None = None,
    now: int = NOW,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Put a DPoP proof together from its parts; without changes it is a good one for POST and PATH.

    Args:
        sender: the key in `jwk`, which signs.
        claims: members to set over the good ones (`ABSENT` leaves one out), or bytes in place of the whole payload.
        header: the same for the header.
        ticket: the ticket that `ath` speaks of.
        now: `iat`.
        sign: makes the signature instead of the key.
    """
    good_header = {"typ": "dpop+jwt", "alg": sender.algorithm, "jwk": sender.public.to_jwk()}
    good_claims = {"jti": f"proof number {next(_serial)}", "htm": "POST", "htu": ORIGIN + PATH, "iat": now}
    if ticket is not None:
        good_claims["ath"] = ath(ticket)
    signed = segment(_changed(good_header, header)) + b"." + segment(_changed(good_claims, claims))
    return signed + b"." + base64url((sign or sender.sign)(signed))


def _changed(good: Mapping[str, Any], changes: Mapping[str, Any] | bytes | None) -> Any:
    if isinstance(changes, bytes):
        return changes
    merged = {**good, **(changes or {})}
    return {name: value for name, value in merged.items() if value is not ABSENT}


# --- what an answer must be ---


def allowed(result: object) -> Allow:
    """Expect Allow."""
    assert type(result) is Allow, result
    return result


def denied(result: object, reason: Reason, step: str) -> Deny:
    """Expect Deny with this Reason at this step."""
    assert type(result) is Deny, result
    assert (result.reason, result.step) == (reason, step)
    return result


def needed(result: Any, reason: Reason) -> Any:
    """Expect NeedPresentation with this Reason."""
    assert type(result).__name__ == "NeedPresentation", result
    assert result.reason is reason
    return result


def header_of(answer: Answer, name: bytes) -> bytes:
    """Return the one header of this name."""
    (value,) = (value for each, value in answer.headers if each == name)
    return value


def challenges_of(answer: Answer) -> list[bytes]:
    """Return the challenges (RFC 9110 section 11.6.1): DPoP, and Bearer beside it where that would do."""
    found = [value for name, value in answer.headers if name == b"www-authenticate"]
    assert found
    return found
