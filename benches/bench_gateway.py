"""The gateway's door: what every request costs, and the four rows of the article at p99.

The article (June 2026, on per-request citizenship checks at an AI gateway) gives each row a time; the library's own
share must be a hundredth of it. Of several ways into a row the slowest counts. Latencies are CPU time of this thread,
one call at a time, with the HTTP answer made; the time by the clock on the wall, which counts what other programs take
too, is noted beside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from citizenid import Format, LocalKey, NeedStatusList, Reason, StatusReference
from citizenid.gateway import (
    Admitted,
    Allow,
    Deny,
    Gateway,
    MemoryReplayGuard,
    NeedPresentation,
    Request,
)
from citizenid.holder import Credential, dpop_proof

from ._floor import PRIMITIVES, decode, public_bytes
from ._measure import Latency, Plan, interleave, latency
from ._report import Kind, Row, against_floor
from ._world import AUDIENCE, BEARER_MODEL, MODEL, SHOWN, World

TARGET_BEARER_US: Final = 6.0
TARGET_DPOP: Final = 1.4
# A hundredth of the article's figures: 0.1 s, 1.5 s, 0.5 s and 2.0 s.
BUDGET_CACHED_MS: Final = 1.0
BUDGET_FIRST_MS: Final = 15.0
BUDGET_BLOCKED_MS: Final = 5.0
BUDGET_SPOOFED_MS: Final = 20.0

URL: Final = AUDIENCE + "/v1/chat/completions"
ENDPOINT: Final = AUDIENCE + "/citizenship"
_OTHER_URL: Final = "https://elsewhere.example/v1/chat/completions"
_TICKET_BYTES: Final = 186
# What a client library and a proxy send along: with the ticket and the proof, twenty headers.
HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"host", b"gateway.example"),
    (b"user-agent", b"OpenAI/Python 2.8.0"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"accept-language", b"en"),
    (b"authorization", b"Bearer sk-0000000000000000000000000000000000000000000000"),
    (b"cache-control", b"no-cache"),
    (b"connection", b"keep-alive"),
    (b"content-length", b"1824"),
    (b"content-type", b"application/json"),
    (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    (b"x-forwarded-for", b"192.0.2.7"),
    (b"x-forwarded-proto", b"https"),
    (b"x-request-id", b"7b1c7f3a-9b6e-4a0e-8c57-3d2f6a1e5b90"),
    (b"x-stainless-arch", b"x64"),
    (b"x-stainless-lang", b"python"),
    (b"x-stainless-os", b"Linux"),
    (b"x-stainless-retry-count", b"0"),
)
_ONE_MORE: Final = (b"x-stainless-runtime", b"CPython")

Result = Allow | Deny | NeedPresentation | NeedStatusList | Admitted


class Door:
    """A gateway, and wallets that know how to ask it."""

    def __init__(self, world: World) -> None:
        self.world: Final = world
        self.gateway: Final = Gateway(
            audience=AUDIENCE,
            external_url=AUDIENCE,
            anchors=world.anchors,
            policy=world.policy,
            ticket_keys=[os.urandom(32)],
            statuses=world.statuses,
            replay=MemoryReplayGuard(),
        )

    def wallet(self, country: str = "US", status: StatusReference | None = None) -> tuple[Credential, LocalKey]:
        """Make a holder key and a credential for it."""
        key = LocalKey.generate(self.world.algorithm)
        attestation = self.world.attestation(key.public, country=country, status=status)
        return self.world.receive(self.world.issue(attestation)), key

    def prove(self, key: LocalKey, url: str = URL, ticket: str | None = None) -> bytes:
        """Make a DPoP proof for one POST."""
        return dpop_proof(key, method="POST", url=url, ticket=ticket, now=self.world.clock()).encode("ascii")

    def application(self, wallet: tuple[Credential, LocalKey], sender: LocalKey | None) -> Application:
        """Answer a new challenge of this gateway, on behalf of a sender key or of a bearer."""
        credential, key = wallet
        challenge = self.gateway.challenge(sender=None if sender is None else sender.public.thumbprint)
        data = credential.present(SHOWN, challenge=challenge, key=key, peer=AUDIENCE, now=self.world.clock())
        headers = () if sender is None else ((b"dpop", self.prove(sender, ENDPOINT)),)
        return Application(data, challenge.to_text(), Request("POST", ENDPOINT, (*HEADERS, *headers)))

    def admit(self, application: Application) -> Result:
        """Hand a presentation in."""
        return self.gateway.admit(
            application.data,
            format=Format.SD_JWT_VC,
            challenge=application.challenge,
            request=application.request,
        )

    def ticket(self, wallet: tuple[Credential, LocalKey], sender: LocalKey | None) -> str:
        """Be admitted."""
        admitted = self.admit(self.application(wallet, sender))
        assert isinstance(admitted, Admitted)
        return admitted.ticket

    def request(self, ticket: str, proof: bytes) -> Request:
        """Put a request of twenty headers together."""
        return Request("POST", URL, [*HEADERS, (b"citizenship-ticket", ticket.encode("ascii")), (b"dpop", proof)])


class Application(NamedTuple):
    """What a wallet sends to be admitted."""

    data: bytes
    challenge: str
    request: Request


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    door = Door(World())
    yield bearer(door, plan)
    yield dpop(door, plan)
    yield from budgets(door, plan)


def bearer(door: Door, plan: Plan) -> Row:
    """Measure `authorize` with a bearer ticket; the list of headers and the Request are made inside of the timing."""
    tickets = [door.ticket(door.wallet(), None).encode("ascii") for _ in range(16)]
    headers = (*HEADERS, _ONE_MORE)
    authorize = door.gateway.authorize
    cipher = AESGCMSIV(os.urandom(32))
    nonce, associated = os.urandom(12), os.urandom(37)
    sealed = cipher.encrypt(nonce, bytes(_TICKET_BYTES - 17 - 16), associated)

    def step(ticket: bytes) -> Result:
        request = Request("POST", URL, [*headers, (b"citizenship-ticket", ticket)])
        return authorize(request, resource=BEARER_MODEL)

    runs: dict[str, Callable[[bytes], object]] = {
        "step": step,
        "floor": lambda _: cipher.decrypt(nonce, sealed, associated),
    }
    samples = interleave(
        lambda count: [tickets[position % len(tickets)] for position in range(count)], runs, plan, accept=_allowed
    )
    value = samples.us()
    return Row(
        name="authorize-bearer",
        step="authorize, ticket, bearer, Request of 20 headers",
        value=value,
        unit="us",
        floor=samples.us("floor"),
        floor_is="opening AES-256-GCM-SIV of the same length; the target is absolute",
        target=TARGET_BEARER_US,
        reached=value <= TARGET_BEARER_US,
        kind=Kind.FIGURE,
        note=f"least {min(samples.runs['step']):.2f} us",
        details={"iterations": samples.iterations, "samples": {name: list(us) for name, us in samples.runs.items()}},
    )


class _Proven(NamedTuple):
    ticket: bytes
    proof: bytes
    key: Any
    signed: bytes
    signature: bytes


def dpop(door: Door, plan: Plan) -> Row:
    """Measure `authorize` with a ticket and a new proof by a sender key that the gateway has seen before."""
    load, check = PRIMITIVES["ES256"]
    authorize = door.gateway.authorize
    senders = []
    for _ in range(16):
        key = LocalKey.generate("ES256")
        senders.append((key, door.ticket(door.wallet(), key), load(public_bytes(key.public))))

    def prepare(count: int) -> list[_Proven]:
        made = []
        for position in range(count):
            key, ticket, handle = senders[position % len(senders)]
            proof = door.prove(key, ticket=ticket)
            signed, _, signature = proof.rpartition(b".")
            made.append(_Proven(ticket.encode("ascii"), proof, handle, signed, decode(signature)))
        return made

    def step(each: _Proven) -> Result:
        headers = [*HEADERS, (b"citizenship-ticket", each.ticket), (b"dpop", each.proof)]
        return authorize(Request("POST", URL, headers), resource=MODEL)

    runs: dict[str, Callable[[_Proven], object]] = {
        "step": step,
        "floor": lambda each: check(each.key, each.signature, each.signed),
    }
    samples = interleave(prepare, runs, plan, accept=_allowed)
    return against_floor(
        "authorize-dpop",
        "authorize, ticket, DPoP ES256, key seen before, 20 headers",
        samples,
        floor_is="1 verify",
        target=TARGET_DPOP,
    )


def _allowed(result: object) -> bool:
    return type(result) is Allow


class Way(NamedTuple):
    """One way into a row of the article: inputs, what is called with each, and how it must end."""

    name: str
    pool: Sequence[Any]
    run: Callable[[Any], Result]
    ends: type[Allow] | type[Admitted] | Reason


def budgets(door: Door, plan: Plan) -> Iterator[Row]:
    """Measure the four rows of the article."""
    count = plan.latencies
    yield _budget("cached", "citizen, cached token: authorize", BUDGET_CACHED_MS, cached(door, count))
    yield _budget("first", "citizen, first time: admit", BUDGET_FIRST_MS, first_time(door, count))
    yield _budget("blocked", "not a citizen, blocked", BUDGET_BLOCKED_MS, blocked(door, count))
    yield _budget("spoofed", "spoofed origin, borrowed key", BUDGET_SPOOFED_MS, spoofed(door, count))


def _budget(name: str, step: str, budget_ms: float, ways: Iterator[Way]) -> Row:
    taken: dict[str, Latency] = {way.name: _latency(way) for way in ways}
    slowest = max(taken, key=lambda way: taken[way].p99)
    worst = taken[slowest]
    return Row(
        name=f"article-{name}",
        step=f"article, p99: {step}",
        value=worst.p99,
        unit="ms",
        target=budget_ms,
        reached=worst.p99 <= budget_ms,
        kind=Kind.BUDGET,
        note=f"{slowest}; p50 {worst.p50:.3f} ms, on the wall p99 {worst.wall_p99:.3f} ms",
        details={"ways": {way: each._asdict() for way, each in taken.items()}},
    )


def _latency(way: Way) -> Latency:
    def run(item: Any) -> Result:
        result = way.run(item)
        if not isinstance(result, Allow):
            result.http()
        return result

    def accept(result: object) -> bool:
        if isinstance(way.ends, Reason):
            return isinstance(result, (Deny, NeedPresentation)) and result.reason is way.ends
        return type(result) is way.ends

    return latency(way.pool, run, accept=accept)


def cached(door: Door, count: int) -> Iterator[Way]:
    """Ways to be let in by a ticket."""
    wallet, sender = door.wallet(), LocalKey.generate("ES256")
    bound, free = door.ticket(wallet, sender), door.ticket(wallet, None)
    proofs = [door.request(bound, door.prove(sender, ticket=bound)) for _ in range(count)]
    plain = [Request("POST", URL, [*HEADERS, (b"citizenship-ticket", free.encode("ascii"))]) for _ in range(count)]
    yield Way("DPoP", proofs, lambda request: door.gateway.authorize(request, resource=MODEL), Allow)
    yield Way("bearer", plain, lambda request: door.gateway.authorize(request, resource=BEARER_MODEL), Allow)


def first_time(door: Door, count: int) -> Iterator[Way]:
    """Ways to get a ticket: wallet, holder key and sender key new each time."""
    own = [door.wallet() for _ in range(count)]
    yield Way(
        "its own sender key",
        [door.application(wallet, LocalKey.generate("ES256")) for wallet in own],
        door.admit,
        Admitted,
    )
    yield Way("the holder key as sender", [door.application(wallet, wallet[1]) for wallet in own], door.admit, Admitted)


def blocked(door: Door, count: int) -> Iterator[Way]:
    """Ways to be refused for who one is, or for having shown nothing."""
    authorize = door.gateway.authorize
    foreigner, sender = door.wallet("DE"), LocalKey.generate("ES256")
    foreign = door.ticket(foreigner, sender)
    requests = [door.request(foreign, door.prove(sender, ticket=foreign)) for _ in range(count)]
    yield Way(
        "ticket of another country's citizen",
        requests,
        lambda request: authorize(request, resource=MODEL),
        Reason.CITIZENSHIP_NOT_PERMITTED,
    )
    bare = [Request("POST", URL, [*HEADERS, (b"dpop", door.prove(sender))]) for _ in range(count)]
    yield Way("no ticket", bare, lambda request: authorize(request, resource=MODEL), Reason.TICKET_MISSING)

    reference = door.world.publisher.allocate()
    wallet = door.wallet(status=reference)
    ticket = door.ticket(wallet, sender)
    door.world.publisher.revoke(reference)
    door.world.publish()
    requests = [door.request(ticket, door.prove(sender, ticket=ticket)) for _ in range(count)]
    yield Way("revoked in mid-session", requests, lambda request: authorize(request, resource=MODEL), Reason.REVOKED)

    references = [door.world.publisher.allocate() for _ in range(count)]
    wallets = [door.wallet(status=each) for each in references]
    for each in references:
        door.world.publisher.revoke(each)
    door.world.publish()
    applications = [door.application(each, LocalKey.generate("ES256")) for each in wallets]
    yield Way("presentation of a revoked credential", applications, door.admit, Reason.REVOKED)


def spoofed(door: Door, count: int) -> Iterator[Way]:
    """Ways to use what belongs to somebody else, or was made for somewhere else."""

    def authorize(request: Request) -> Result:
        return door.gateway.authorize(request, resource=MODEL)

    wallet, sender, thief = door.wallet(), LocalKey.generate("ES256"), LocalKey.generate("ES256")
    ticket = door.ticket(wallet, sender)
    requests = [door.request(ticket, door.prove(thief, ticket=ticket)) for _ in range(count)]
    yield Way("stolen ticket, the thief's proof", requests, authorize, Reason.PROOF_KEY_MISMATCH)
    requests = [door.request(ticket, door.prove(sender, _OTHER_URL, ticket)) for _ in range(count)]
    yield Way("proof for another origin", requests, authorize, Reason.PROOF_URL_MISMATCH)
    requests = [door.request(ticket, door.prove(sender, ticket=ticket)) for _ in range(count)]
    assert all(map(_allowed, map(authorize, requests)))
    yield Way("proof used again", requests, authorize, Reason.REPLAYED)

    made = [door.application(door.wallet(), sender) for _ in range(count)]
    relayed = [
        each._replace(request=Request("POST", ENDPOINT, (*HEADERS, (b"dpop", door.prove(thief, ENDPOINT)))))
        for each in made
    ]
    yield Way("presentation relayed to another sender", relayed, door.admit, Reason.CHALLENGE_INVALID)
    assert all(isinstance(door.admit(each), Admitted) for each in made)
    again = [
        each._replace(request=Request("POST", ENDPOINT, (*HEADERS, (b"dpop", door.prove(sender, ENDPOINT)))))
        for each in made
    ]
    yield Way("presentation used again", again, door.admit, Reason.REPLAYED)
