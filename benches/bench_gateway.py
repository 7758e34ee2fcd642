"""The gateway's door: what every request costs, and the four rows of the article at p99.

The article (June 2026, on per-request citizenship checks at an AI gateway) gives each row a time; the library's own
share must be a hundredth of it. Of several ways into a row the slowest counts. Latencies are CPU time of this thread,
one call at a time, with the HTTP answer made; the time by the clock on the wall, which counts what other programs take
too, is noted beside.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from citizenid import Format, LocalKey, NeedStatusList, Reason, StatusReference
from citizenid.gateway import (
    Admitted,
    Allow,
    Binding,
    CertificateHeader,
    Deny,
    Gateway,
    MemoryReplayGuard,
    NeedPresentation,
    Request,
)
from citizenid.gateway.ticket import TicketKeys
from citizenid.holder import Credential, dpop_proof, http_signature

from ._floor import PRIMITIVES, decode, public_bytes
from ._measure import Latency, Plan, interleave, latency
from ._report import Kind, Row, against_floor
from ._world import AUDIENCE, BEARER_MODEL, MODEL, SHOWN, Bare, World

TARGET_BEARER_US: Final = 6.0
TARGET_MTLS_US: Final = 6.5
TARGET_DPOP: Final = 1.3
TARGET_ADMIT: Final = 1.4
TARGET_REFUSAL: Final = 1.1  # no more than what it replaces; two runs of the same thing differ by as much
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
        self.secret: Final = os.urandom(32)
        self.gateway: Final = self.another()

    def another(self, **options: Any) -> Gateway:
        """Make another gateway of the same fleet."""
        return Gateway(
            audience=AUDIENCE,
            external_url=AUDIENCE,
            anchors=self.world.anchors,
            policy=self.world.policy,
            ticket_keys=[self.secret],
            statuses=self.world.statuses,
            replay=MemoryReplayGuard(),
            **options,
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

    def mtls_ticket(self, wallet: tuple[Credential, LocalKey], certificate: bytes) -> str:
        """Be admitted over a connection with this certificate, or with one of this thumbprint."""
        thumbprint = certificate if len(certificate) == 32 else hashlib.sha256(certificate).digest()
        return self._admitted(wallet, Binding.MTLS, thumbprint, Request("POST", ENDPOINT, HEADERS, certificate))

    def signed_ticket(self, wallet: tuple[Credential, LocalKey], key: LocalKey) -> str:
        """Be admitted by an HTTP message signature."""
        signed = http_signature(key, method="POST", url=ENDPOINT, ticket=None, now=self.world.clock())
        headers = [(name.encode(), value.encode()) for name, value in signed.items()]
        return self._admitted(
            wallet, Binding.HTTP_SIGNATURE, key.public.thumbprint, Request("POST", ENDPOINT, (*HEADERS, *headers))
        )

    def _admitted(self, wallet: tuple[Credential, LocalKey], binding: Binding, sender: bytes, request: Request) -> str:
        credential, key = wallet
        challenge = self.gateway.challenge(sender=sender, binding=binding)
        data = credential.present(SHOWN, challenge=challenge, key=key, peer=AUDIENCE, now=self.world.clock())
        admitted = self.admit(Application(data, challenge.to_text(), request))
        assert isinstance(admitted, Admitted)
        return admitted.ticket

    def tickets_like(self, ticket: bytes) -> Iterator[bytes]:
        """Seal the contents of a ticket again and again: each is new to the process."""
        keys = TicketKeys((self.secret,), AUDIENCE)
        contents = keys.open(ticket)
        while True:
            yield keys.seal(contents, os.urandom(12)).encode("ascii")

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
    yield from unsigned(door, plan)
    yield dpop(door, plan)
    yield admission(door, plan)
    yield http_signatures(door, plan)
    yield from refusals(door, plan)
    yield from budgets(door, plan)


class _Plain(NamedTuple):
    """What a request without a signature is made of, inside of the timing."""

    ticket: bytes
    certificate: bytes | None = None
    xfcc: bytes | None = None


def _xfcc(certificate: bytes) -> bytes:
    digest = hashlib.sha256(certificate).hexdigest().encode("ascii")
    return b"By=spiffe://mesh.example/gateway;Hash=" + digest + b';Subject="CN=client,O=Example";URI=spiffe://mesh/a'


def unsigned(door: Door, plan: Plan) -> Iterator[Row]:
    """Measure `authorize` without a signature; the list of headers and the Request are made inside of the timing."""
    wallet = door.wallet()
    bearers = [_Plain(door.ticket(door.wallet(), None).encode("ascii")) for _ in range(16)]
    certificates = [b"\x30\x82\x03\x00" + os.urandom(768) for _ in range(16)]
    bound = [_Plain(door.mtls_ticket(wallet, each).encode("ascii"), each) for each in certificates]
    handed_in = [each._replace(certificate=hashlib.sha256(each.certificate or b"").digest()) for each in bound]
    yield _absolute(
        door, plan, "authorize-bearer", "authorize, ticket, bearer, Request of 20 headers", bearers, TARGET_BEARER_US
    )
    yield _absolute(
        door, plan, "authorize-mtls", "authorize, ticket, mTLS, thumbprint, 20 headers", handed_in, TARGET_MTLS_US
    )
    yield _absolute(
        door, plan, "authorize-mtls-der", "authorize, ticket, mTLS, certificate in DER, 20 headers", bound,
        TARGET_MTLS_US,
    )  # fmt: skip
    proxied = [each._replace(certificate=None, xfcc=_xfcc(each.certificate or b"")) for each in bound]
    yield _absolute(
        door, plan, "authorize-mtls-xfcc", "authorize, ticket, mTLS, Envoy's header, 20 headers", proxied, None,
        gateway=door.another(certificate_header=CertificateHeader.XFCC),
    )  # fmt: skip
    tickets = door.tickets_like(bearers[0].ticket)
    yield _absolute(
        door, plan, "authorize-bearer-first", "authorize, bearer, a ticket that this process sees first", None, None,
        fresh=lambda count: [_Plain(next(tickets)) for _ in range(count)],
    )  # fmt: skip


def _absolute(
    door: Door,
    plan: Plan,
    name: str,
    step: str,
    pool: Sequence[_Plain] | None,
    target: float | None,
    fresh: Callable[[int], list[_Plain]] | None = None,
    gateway: Gateway | None = None,
) -> Row:
    headers = (*HEADERS, _ONE_MORE)
    authorize = (gateway or door.gateway).authorize
    cipher = AESGCMSIV(os.urandom(32))
    nonce, associated = os.urandom(12), os.urandom(37)
    sealed = cipher.encrypt(nonce, bytes(_TICKET_BYTES - 17 - 16), associated)

    def prepare(count: int) -> list[_Plain]:
        if fresh is not None:
            return fresh(count)
        assert pool is not None
        return [pool[position % len(pool)] for position in range(count)]

    def ask(each: _Plain) -> Result:
        ticket, certificate, xfcc = each
        if xfcc is None:
            request = Request("POST", URL, [*headers, (b"citizenship-ticket", ticket)], certificate)
        else:
            proxied = (b"x-forwarded-client-cert", xfcc)
            request = Request("POST", URL, [*HEADERS, proxied, (b"citizenship-ticket", ticket)])
        return authorize(request, resource=BEARER_MODEL)

    runs: dict[str, Callable[[_Plain], object]] = {
        "step": ask,
        "floor": lambda _: cipher.decrypt(nonce, sealed, associated),
    }
    samples = interleave(prepare, runs, plan, accept=_allowed)
    value = samples.us()
    return Row(
        name=name,
        step=step,
        value=value,
        unit="us",
        floor=samples.us("floor"),
        floor_is="opening AES-256-GCM-SIV of the same length; the target is absolute",
        target=target,
        reached=None if target is None else value <= target,
        kind=Kind.INFORMATION if target is None else Kind.FIGURE,
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


class _Bare(NamedTuple):
    application: Application
    bare: Bare


def admission(door: Door, plan: Plan) -> Row:
    """Measure `admit` over mutual TLS, of presentations that nobody has seen: challenge, V1 to V9 and ticket."""
    load, check = PRIMITIVES["ES256"]
    issuer, sha256, certificate = load(public_bytes(door.world.key.public)), hashlib.sha256, os.urandom(32)
    request = Request("POST", ENDPOINT, HEADERS, certificate)

    def prepare(count: int) -> list[_Bare]:
        made = []
        for _ in range(count):
            credential, key = door.wallet()
            challenge = door.gateway.challenge(sender=certificate, binding=Binding.MTLS)
            data = credential.present(SHOWN, challenge=challenge, key=key, peer=AUDIENCE, now=door.world.clock())
            application = Application(data, challenge.to_text(), request)
            made.append(_Bare(application, Bare.of(data, key.public)))
        return made

    def floor(each: _Bare) -> None:
        bare = each.bare
        check(issuer, bare.signature, bare.signed)
        check(load(bare.holder), bare.binding_signature, bare.bound)
        for disclosure in bare.disclosures:
            sha256(disclosure).digest()
        sha256(bare.issuer_half).digest()

    runs: dict[str, Callable[[_Bare], object]] = {"step": lambda each: door.admit(each.application), "floor": floor}
    samples = interleave(prepare, runs, plan, accept=lambda result: type(result) is Admitted)
    return against_floor(
        "admit",
        "admit 1 of 10 + KB over mTLS: challenge, V1-V9, ticket, 20 headers",
        samples,
        floor_is="2 verifies, loading the holder key, SHA-256 of the disclosure and of the issuer half",
        target=TARGET_ADMIT,
    )


class _Signed(NamedTuple):
    headers: list[tuple[bytes, bytes]]
    key: Any
    signed: bytes
    signature: bytes


def http_signatures(door: Door, plan: Plan) -> Row:
    """Measure `authorize` with a ticket and an HTTP message signature by a key that the gateway has seen before."""
    load, check = PRIMITIVES["ES256"]
    authorize = door.gateway.authorize
    key = LocalKey.generate("ES256")
    ticket, handle = door.signed_ticket(door.wallet(), key), load(public_bytes(key.public))

    def prepare(count: int) -> list[_Signed]:
        made = []
        for _ in range(count):
            named = http_signature(key, method="POST", url=URL, ticket=ticket, now=door.world.clock())
            headers = [(name.encode(), value.encode()) for name, value in named.items()]
            base = named["Signature-Input"].encode()  # of the length of a signature base, more or less
            made.append(_Signed([*HEADERS, *headers, (b"citizenship-ticket", ticket.encode())], handle, base,
                                key.sign(base)))  # fmt: skip
        return made

    runs: dict[str, Callable[[_Signed], object]] = {
        "step": lambda each: authorize(Request("POST", URL, each.headers), resource=MODEL),
        "floor": lambda each: check(each.key, each.signature, each.signed),
    }
    samples = interleave(prepare, runs, plan, accept=_allowed)
    return against_floor(
        "authorize-http-signature",
        "authorize, ticket, HTTP signature ES256, key seen before",
        samples,
        floor_is="1 verify",
    )


class _Refusal(NamedTuple):
    """One way to be refused, and the acceptance that it replaces."""

    name: str
    refused: Callable[[int], list[Request]]
    accepted: Callable[[int], list[Request]]
    reason: Reason
    resource: str


def refusals(door: Door, plan: Plan) -> Iterator[Row]:
    """Measure that a refusal never costs more than the acceptance it replaces; the dearest of each binding counts."""
    for binding, ways in (
        ("bearer", _bearer_refusals(door)),
        ("mTLS", _mtls_refusals(door)),
        ("DPoP", _dpop_refusals(door)),
    ):
        dearest, spread, costs = "", None, None
        for way in ways:
            samples = interleave(
                lambda count, way=way: list(zip(way.refused(count), way.accepted(count), strict=True)),  # type: ignore[misc]  # bound for this turn of the loop
                {
                    "step": lambda pair, way=way: door.gateway.authorize(pair[0], resource=way.resource),  # type: ignore[misc]  # as above
                    "floor": lambda pair, way=way: door.gateway.authorize(pair[1], resource=BEARER_MODEL),  # type: ignore[misc]  # as above
                },
                plan,
                accept=lambda result, way=way: getattr(result, "reason", None) is way.reason,  # type: ignore[misc]  # as above
            )
            ratio = samples.ratio()
            if spread is None or ratio.median > spread.median:
                dearest, spread, costs = way.name, ratio, samples
        assert costs is not None
        yield against_floor(
            f"refusal-{binding.lower()}",
            f"refusal against the acceptance it replaces, {binding}: {dearest}",
            costs,
            floor_is="the same request, allowed",
            target=TARGET_REFUSAL,
        )


def _plain(ticket: bytes, certificate: bytes | None = None) -> Request:
    return Request("POST", URL, [*HEADERS, _ONE_MORE, (b"citizenship-ticket", ticket)], certificate)


def _bearer_refusals(door: Door) -> Iterator[_Refusal]:
    good = door.ticket(door.wallet(), None).encode("ascii")
    foreign = door.ticket(door.wallet("DE"), None).encode("ascii")
    out = door.ticket(door.wallet(), None).encode("ascii")
    door.gateway.sign_out(_plain(out))
    first = door.tickets_like(good)

    def same(ticket: bytes) -> Callable[[int], list[Request]]:
        return lambda count: [_plain(ticket)] * count

    yield _Refusal("another country", same(foreign), same(good), Reason.CITIZENSHIP_NOT_PERMITTED, BEARER_MODEL)
    yield _Refusal("signed out", same(out), same(good), Reason.SIGNED_OUT, BEARER_MODEL)
    yield _Refusal("bearer too weak", same(good), same(good), Reason.BINDING_TOO_WEAK, MODEL)
    yield _Refusal("not listed", same(good), same(good), Reason.RESOURCE_NOT_LISTED, "unlisted")
    yield _Refusal(
        "garbage in the place of a ticket that is seen first",
        same(good[:-1] + (b"A" if good[-1:] != b"A" else b"B")),
        lambda count: [_plain(next(first)) for _ in range(count)],
        Reason.TICKET_INVALID,
        BEARER_MODEL,
    )


def _mtls_refusals(door: Door) -> Iterator[_Refusal]:
    certificate = os.urandom(32)
    good = door.mtls_ticket(door.wallet(), certificate).encode("ascii")
    accepted = lambda count: [_plain(good, certificate)] * count  # noqa: E731  # one expression, used four times
    other = os.urandom(32)
    yield _Refusal("another certificate", lambda count: [_plain(good, other)] * count, accepted,
                   Reason.PROOF_KEY_MISMATCH, BEARER_MODEL)  # fmt: skip
    yield _Refusal("no certificate", lambda count: [_plain(good)] * count, accepted, Reason.PROOF_MISSING,
                   BEARER_MODEL)  # fmt: skip


def _dpop_refusals(door: Door) -> Iterator[_Refusal]:
    key, thief = LocalKey.generate("ES256"), LocalKey.generate("ES256")
    ticket = door.ticket(door.wallet(), key)
    foreign = door.ticket(door.wallet("DE"), key)

    def by(sender: LocalKey, ticket: str) -> Callable[[int], list[Request]]:
        return lambda count: [door.request(ticket, door.prove(sender, ticket=ticket)) for _ in range(count)]

    def used(count: int) -> list[Request]:
        requests = by(key, ticket)(count)
        assert all(_allowed(door.gateway.authorize(each, resource=BEARER_MODEL)) for each in requests)
        return requests

    good = by(key, ticket)
    yield _Refusal("used again", used, good, Reason.REPLAYED, BEARER_MODEL)
    yield _Refusal("the thief's proof", by(thief, ticket), good, Reason.PROOF_KEY_MISMATCH, BEARER_MODEL)
    yield _Refusal("another country", by(key, foreign), good, Reason.CITIZENSHIP_NOT_PERMITTED, BEARER_MODEL)


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
