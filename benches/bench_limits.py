"""Ten megabytes of anything: refused at every door within 5 ms, and without a copy of the input.

Each door that takes bytes or text from outside gets ten megabytes in several shapes. Time is the least CPU time of some
calls (what more they take is the machine's), memory the peak of tracemalloc beyond the input. What is asked of a door
is a refusal with a Reason; the row of a door that answers in any other way is missed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from citizenid import (
    ANY,
    Challenge,
    CitizenIDError,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    PublicKey,
    Serialization,
    TrustAnchors,
)
from citizenid.gateway import AdmissionPolicy, Answer, Deny, NeedPresentation, Request
from citizenid.verifier import open_presentation, verify

from ._measure import Plan, peak_bytes
from ._report import Kind, Row
from ._world import ISSUER, MODEL, STATUS_MEDIA_TYPE, STATUS_URI, VCT, World
from .bench_gateway import ENDPOINT, HEADERS, URL, Door

SIZE_BYTES: Final = 10_000_000
TARGET_MS: Final = 5.0
TARGET_KIB: Final = 64
_CALLS: Final = 5

Call = Callable[[Any], object]


class Shape(NamedTuple):
    """Ten megabytes, made when they are needed and anew for each call: text remembers its hash once it is known."""

    name: str
    make: Callable[[], Any]


def _filled(pattern: bytes) -> Callable[[], bytes]:
    return lambda: (pattern * (SIZE_BYTES // len(pattern) + 1))[:SIZE_BYTES]


BYTES: Final = (
    Shape("one letter", _filled(b"A")),
    Shape("tildes", _filled(b"~")),
    Shape("dots", _filled(b".")),
    Shape("disclosures", _filled(b"WyJzYWx0IiwibmFtZSIsInZhbHVlIl0~")),
    Shape("brackets", _filled(b"[")),
    Shape("members", _filled(b'{"a":')),
    Shape("zeros", _filled(b"\0")),
    Shape("no UTF-8", _filled(b"\xff")),
)
TEXTS: Final = (
    Shape("text", lambda: "A" * SIZE_BYTES),
    Shape("text of brackets", lambda: "[" * SIZE_BYTES),
    Shape("text beyond ASCII", lambda: "\u20ac" * (SIZE_BYTES // 3)),
    Shape("text with lone surrogates", lambda: "\ud800" * (SIZE_BYTES // 3)),
)
BOTH: Final = (*BYTES, *TEXTS)
HOSTS: Final = (
    Shape("long path", lambda: URL + "/" + "a" * SIZE_BYTES),
    Shape("long host", lambda: "https://" + "a" * SIZE_BYTES),
)
MANY: Final = (
    Shape("many headers", lambda: [(b"x-%08d" % number, b"a" * 90) for number in range(SIZE_BYTES // 100)]),
    Shape("many empty headers", lambda: [(b"", b"")] * (SIZE_BYTES // 16)),
)
PEM: Final = (
    *BOTH,
    Shape(
        "one long PEM block", lambda: "-----BEGIN CERTIFICATE-----\n" + "A" * SIZE_BYTES + "\n-----END CERTIFICATE-----"
    ),
    Shape("many PEM blocks", _filled(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
)


class Entrance(NamedTuple):
    """One way in for bytes or text from outside."""

    name: str
    call: Call
    shapes: tuple[Shape, ...]


def entrances() -> Iterator[Entrance]:
    """Return every door and what it is given."""
    world = World()
    door = Door(world)
    presented = world.new_presentation()
    anchoring: dict[str, Any] = {"formats": [Format.SD_JWT_VC], "types": [VCT], "countries": ANY}
    keyed: dict[str, Any] = {"purpose": KeyPurpose.CREDENTIAL, **anchoring}

    yield Entrance("verify", _verifying(world), BOTH)
    for serialization in Serialization:
        yield Entrance(f"open_presentation, {serialization.value}", _opening(serialization), BOTH)
    yield Entrance("Credential.receive", world.receive, BOTH)
    yield Entrance("StatusStore.ingest", _ingesting(world), BOTH)
    yield Entrance("Challenge.from_text", Challenge.from_text, BOTH)
    yield Entrance("from_jwks", lambda data: TrustAnchors.from_jwks(ISSUER, data, **keyed), BOTH)
    yield Entrance(
        "from_issuer_metadata",
        lambda data: TrustAnchors.from_issuer_metadata(data, issuer=ISSUER, **anchoring),
        BOTH,
    )
    yield Entrance("from_certificates", lambda data: TrustAnchors.from_certificates(data, issuer=ISSUER, **keyed), PEM)
    yield Entrance("AdmissionPolicy.from_toml", AdmissionPolicy.from_toml, BOTH)
    yield Entrance("PublicKey.from_pem", PublicKey.from_pem, PEM)
    yield Entrance("LocalKey.from_pem", LocalKey.from_pem, PEM)
    yield Entrance("PublicKey.from_jwk, a member", _loading, TEXTS)
    yield Entrance("Country.parse", Country.parse, TEXTS)
    yield from _gateway_entrances(door, presented.data)


def _gateway_entrances(door: Door, data: bytes) -> Iterator[Entrance]:
    application = door.application(door.wallet(), LocalKey.generate("ES256"))
    request = application.request
    gateway = door.gateway
    sender = LocalKey.generate("ES256")
    ticket = door.ticket(door.wallet(), sender)

    def authorize(request: Request, resource: str = MODEL) -> object:
        return gateway.authorize(request, resource=resource)

    def admit(**changes: Any) -> object:
        arguments = {
            "format": Format.SD_JWT_VC,
            "challenge": door.gateway.challenge(sender=sender.public.thumbprint).to_text(),
            "request": Request("POST", ENDPOINT, [(b"dpop", door.prove(sender, ENDPOINT))]),
        }
        return gateway.admit(**{"data": data, **arguments, **changes})

    yield Entrance("admit, presentation", lambda data: admit(data=data), BOTH)
    yield Entrance("admit, challenge", lambda text: admit(challenge=text), BOTH)
    yield Entrance("admit, format", lambda text: admit(format=text), TEXTS)
    yield Entrance("admit_http", lambda body: gateway.admit_http(request, body), BYTES)
    yield Entrance("ticket header", _with_header(authorize, b"citizenship-ticket"), BYTES)
    proof_for = (*HEADERS, (b"citizenship-ticket", ticket.encode("ascii")))
    yield Entrance("DPoP header", _with_header(authorize, b"dpop", proof_for), BYTES)
    yield Entrance(
        "DPoP header of a NeedPresentation", lambda value: authorize(Request("POST", URL, [(b"dpop", value)])), BYTES
    )
    yield Entrance("name of a header", lambda name: authorize(Request("POST", URL, [(name, b"")])), BYTES)
    yield Entrance("headers, by number", lambda headers: authorize(Request("POST", URL, headers)), MANY)
    yield Entrance(
        "method",
        lambda text: authorize(door.request(ticket, door.prove(sender, ticket=ticket))._replace(method=text)),
        TEXTS,
    )
    yield Entrance(
        "URL",
        lambda text: authorize(door.request(ticket, door.prove(sender, ticket=ticket))._replace(url=text)),
        (*TEXTS, *HOSTS),
    )
    yield Entrance("resource", lambda text: authorize(Request("POST", URL, HEADERS), text), TEXTS)


def _verifying(world: World) -> Call:
    challenge = world.challenge()
    return lambda data: verify(
        data,
        format=Format.SD_JWT_VC,
        anchors=world.anchors,
        challenge=challenge,
        statuses=world.statuses,
        now=world.now,
    )


def _opening(serialization: Serialization) -> Call:
    return lambda data: open_presentation(data, format=Format.SD_JWT_VC, serialization=serialization)


def _ingesting(world: World) -> Call:
    return lambda body: world.statuses.ingest(STATUS_URI, body, media_type=STATUS_MEDIA_TYPE, now=world.now)


def _loading(text: str) -> object:
    return PublicKey.from_jwk({"kty": "EC", "crv": "P-256", "x": text, "y": text})


def _with_header(
    authorize: Callable[[Request], object], name: bytes, others: tuple[tuple[bytes, bytes], ...] = HEADERS
) -> Call:
    return lambda value: authorize(Request("POST", URL, [*others, (name, value)]))


class Refusal(NamedTuple):
    """What became of ten megabytes."""

    outcome: str  # the Reason, or what came instead
    refused: bool
    ms: float
    kib: float


def refuse(
    call: Call, make: Callable[[], Any], calls: int = _CALLS, clock: Callable[[], int] = time.thread_time_ns
) -> Refusal:
    """Hand in what `make` makes, and measure how it is refused."""
    outcome, refused = _outcome(call, make())  # a first call, so that nothing is counted that happens once only
    taken = []
    for _ in range(calls):
        data = make()
        started = clock()
        _outcome(call, data)
        taken.append(clock() - started)
    data = make()
    peak = peak_bytes(lambda: _outcome(call, data))
    return Refusal(outcome, refused, min(taken) / 1e6, peak / 1024)


def _outcome(call: Call, data: Any) -> tuple[str, bool]:
    try:
        result = call(data)
    except CitizenIDError as error:
        return error.reason.value, True
    except Exception as error:  # what must not happen is what this row is there to show
        return f"raised {type(error).__name__}", False
    if isinstance(result, NeedPresentation | Deny):
        result.http()
        return result.reason.value, True
    if isinstance(result, Answer):
        return str(result.status), result.status >= 400
    return f"gave {type(result).__name__}", False


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    worst: list[tuple[str, Refusal]] = []
    each: list[Row] = []
    for entrance in entrances():
        calls = min(_CALLS, plan.samples)
        taken = {shape.name: refuse(entrance.call, shape.make, calls) for shape in entrance.shapes}
        slowest = max(taken, key=lambda name: taken[name].ms)
        largest = max(taken, key=lambda name: taken[name].kib)
        wrong = {name: one.outcome for name, one in taken.items() if not one.refused}
        ms, kib = taken[slowest].ms, taken[largest].kib
        worst.append((entrance.name, Refusal(str(wrong), not wrong, ms, kib)))
        note = [f"peak {kib:,.1f} KiB"]
        if ms > TARGET_MS:
            note.append(f"slowest: {slowest}")
        if kib > TARGET_KIB:
            note.append(f"largest: {largest}")
        note += [f"{name}: {outcome}" for name, outcome in wrong.items()]
        each.append(
            Row(
                name=f"limit-{entrance.name}",
                step=f"  10 MB into {entrance.name}",
                value=ms,
                unit="ms",
                target=TARGET_MS,
                reached=ms <= TARGET_MS and kib <= TARGET_KIB and not wrong,
                kind=Kind.FIGURE,
                note="; ".join(note),
                details={"shapes": {name: one._asdict() for name, one in taken.items()}},
            )
        )
    time_ms, memory_kib = max(one.ms for _, one in worst), max(one.kib for _, one in worst)
    yield Row(
        name="limits",
        step="10 MB of anything refused, the slowest door",
        value=time_ms,
        unit="ms",
        target=TARGET_MS,
        reached=all(row.reached for row in each),
        kind=Kind.FIGURE,
        note=f"largest peak {memory_kib:,.1f} KiB beyond the input (<= {TARGET_KIB})",
    )
    yield from each
