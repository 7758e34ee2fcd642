"""`citizenid demo`: the four rows of the latency budget, measured in one process with real keys and real status lists.

Each case is a generator: it prepares one trial (issuing, presenting, making proofs), hands out the one call to be
timed, and goes on to the next. So nothing but the decision is timed, every proof is fresh, and every decision is
compared with the one that is right. Beside a case stands its floor: the signature checks, key loads and digests that
no implementation could leave out, run right after it with `cryptography` alone on the same bytes.

Spec: DESIGN section 1 (the rows and their budgets: a hundredth of the article's figure, at p99).
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import Any, Final, NamedTuple, Protocol

import cryptography
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from rich.console import Group
from rich.table import Table
from rich.text import Text

from . import Challenge, Citizenship, Country, Format, KeyPurpose, LocalKey, PublicKey, Reason, TrustAnchors
from .gateway import (
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
from .holder import Credential, dpop_proof
from .issuer import Issuer, prepare_attestation
from .status import StatusPublisher, StatusReference, StatusStore

AUTHORIZATIONS: Final = 10_000  # of each case
ADMISSIONS: Final = 1_000  # of each case, no two alike

_ISSUER: Final = "https://id.example"
_LIST: Final = "https://id.example/status/1"
_LIST_SIZE: Final = 2**20
_ORIGIN: Final = "https://api.example"
_CHAT: Final = _ORIGIN + "/v1/chat/completions"
_ENDPOINT: Final = _ORIGIN + "/citizenship"
_RESTRICTED: Final = "claude-3.5-opus"
_BEARER: Final = "claude-3.5-opus-internal"
_POLICY: Final = f"""
version = 1
[[rule]]
resource = "{_RESTRICTED}"
citizenship = ["US"]
[[rule]]
resource = "{_BEARER}"
citizenship = ["US"]
binding = "bearer"
"""
_PERSON: Final = {
    "given_name": "Ada",
    "family_name": "Example",
    "birthdate": "1990-01-01",
    "sex": 2,
    "email": "ada@example.com",
    "address": {"locality": "Springfield", "country": "US"},
}
_HEADERS: Final = (
    (b"host", b"api.example"),
    (b"content-type", b"application/json"),
    (b"authorization", b"Bearer an-api-key-that-a-whole-company-shares"),  # it says who pays, and must not help
    *((b"x-header-%d" % number, b"value of a header that is of no concern") for number in range(15)),
)
_P256: Final = ec.SECP256R1()
_ES256: Final = ec.ECDSA(hashes.SHA256())
_SESSIONS_EACH: Final = 100  # authorizations of one admitted caller
_REVOKED_TOGETHER: Final = 10  # callers in one new list: each list is dated a second later at least
_FLOOR_EACH: Final = 10  # trials for one measurement of the floor


class Row(NamedTuple):
    """A row of the article.

    Attributes:
        title: its name there.
        article_s: the overhead it permits, seconds.
        budget_s: ours at p99, seconds.
    """

    title: str
    article_s: float
    budget_s: float


ROWS: Final = tuple(
    Row(title, seconds, seconds / 100)
    for title, seconds in (
        ("citizen, cached token", 0.1),
        ("citizen, first time", 1.5),
        ("not a citizen, blocked", 0.5),
        ("spoofed origin or borrowed key", 2.0),
    )
)

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


class _RawVerify(NamedTuple):
    """One ES256 verification with everything read and loaded beforehand."""

    key: ec.EllipticCurvePublicKey
    point: bytes
    signature: bytes
    data: bytes

    @classmethod
    def of(cls, token: bytes, key: PublicKey) -> _RawVerify:
        data, _, encoded = token.rpartition(b".")
        jwk, signature = key.to_jwk(), _unbase64url(encoded)
        point = b"\x04" + _unbase64url(jwk["x"].encode()) + _unbase64url(jwk["y"].encode())
        halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        loaded = ec.EllipticCurvePublicKey.from_encoded_point(_P256, point)
        return cls(loaded, point, encode_dss_signature(*halves), data)


class _Floor(NamedTuple):
    """What a step cannot avoid."""

    verifies: Sequence[_RawVerify]
    loads: Sequence[bytes] = ()
    digests: Sequence[bytes] = ()

    def run(self) -> None:
        for point in self.loads:
            ec.EllipticCurvePublicKey.from_encoded_point(_P256, point)
        for data in self.digests:
            hashlib.sha256(data).digest()
        for each in self.verifies:
            each.key.verify(each.signature, each.data, _ES256)


class _Trial(NamedTuple):
    decide: Callable[[], Result]
    floor: Callable[[], _Floor] | None = None  # made only for the trials beside which it is measured


class _Citizen(NamedTuple):
    credential: Credential
    key: LocalKey
    status: StatusReference


class _Session(NamedTuple):
    ticket: str
    sender: LocalKey


class _World:
    """An identity provider, its status list, and a gateway that trusts both."""

    def __init__(self, wrap: Callable[[Gateway], Door]) -> None:
        issuer_key = LocalKey.generate("ES256")
        self.issuer = Issuer(identifier=_ISSUER, key=issuer_key)
        self.anchors = TrustAnchors.from_jwks(
            _ISSUER,
            self.issuer.jwks(),
            purpose=KeyPurpose.CREDENTIAL,
            formats=[Format.SD_JWT_VC],
            types=["urn:citizenid:citizenship:1"],
            countries=[Country("US"), Country("FR")],
        )
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
        token = self._publisher.publish(self._status_key, now=_now(), ttl_s=3_600, expires_s=86_400)
        self._statuses.ingest(_LIST, token, media_type="application/statuslist+jwt", now=_now())

    def revoke(self, citizens: Sequence[_Citizen]) -> None:
        """Revoke, publish, and let the gateway fetch."""
        for citizen in citizens:
            self._publisher.revoke(citizen.status)
        self._publish()

    def citizen(self, code: str = "US") -> _Citizen:
        """Issue a credential to somebody new, who receives it."""
        key, country, status = LocalKey.generate("ES256"), Country(code), self._publisher.allocate()
        attestation = prepare_attestation(
            Citizenship([country], [country]),
            issuer=_ISSUER,
            holder_key=key.public,
            now=_now(),
            lifetime_s=30 * 86_400,
            status=status,
            format=Format.SD_JWT_VC,
            claims=_PERSON,
        )
        data = self.issuer.issue(attestation, format=Format.SD_JWT_VC)
        received = Credential.receive(data, format=Format.SD_JWT_VC, anchors=self.anchors, now=_now())
        return _Citizen(received, key, status)

    def present(self, citizen: _Citizen, challenge: Challenge) -> bytes:
        """Show one citizenship, and nothing else."""
        return citizen.credential.present(
            [("citizenships", 0)], challenge=challenge, key=citizen.key, peer=_ORIGIN, now=_now()
        )

    def post(self, data: bytes, challenge: Challenge, proof: str | None) -> _Trial:
        """Make a trial of `admit`."""
        request, text = _request(_ENDPOINT, proof=proof), challenge.to_text()
        return _Trial(partial(self.gateway.admit, data, format=Format.SD_JWT_VC, challenge=text, request=request))

    def session(self, citizen: _Citizen, *, bearer: bool = False) -> _Session:
        """Get a citizen admitted, untimed."""
        sender = LocalKey.generate("ES256")
        challenge = self.gateway.challenge(sender=None if bearer else sender.public.thumbprint)
        proof = None if bearer else _proof(sender, _ENDPOINT)
        return _Session(self.admitted(self.post(self.present(citizen, challenge), challenge, proof)), sender)

    def sessions(self, code: str = "US", *, bearer: bool = False) -> Iterator[_Session]:
        """Return a session for each trial: a new one every so often."""
        while True:
            session = self.session(self.citizen(code), bearer=bearer)
            for _ in range(_SESSIONS_EACH):
                yield session

    def ask(self, ticket: str | None, proof: str | None = None, *, resource: str = _RESTRICTED) -> _Trial:
        """Make a trial of `authorize`."""
        return _Trial(partial(self.gateway.authorize, _request(_CHAT, ticket, proof), resource=resource))

    def ask_with(self, ticket: str, sender: LocalKey) -> _Trial:
        """Make a trial of `authorize` with a fresh proof: one verification is its floor."""
        proof = _proof(sender, _CHAT, ticket)
        return self.ask(ticket, proof)._replace(floor=partial(_proof_floor, proof, sender))

    def admitted(self, trial: _Trial) -> str:
        """Decide, untimed, what must be admitted, and return the ticket."""
        result = trial.decide()
        if type(result) is not Admitted:
            raise WrongDecision(f"a citizen was not admitted but got {' '.join(_describe(result))}")
        return result.ticket

    def allowed(self, trial: _Trial) -> None:
        """Decide, untimed, what must be allowed."""
        result = trial.decide()
        if type(result) is not Allow:
            raise WrongDecision(f"a citizen was not allowed but got {' '.join(_describe(result))}")


def _cached_bearer(world: _World) -> Iterator[_Trial]:
    for session in world.sessions(bearer=True):
        yield world.ask(session.ticket, resource=_BEARER)


def _cached_dpop(world: _World) -> Iterator[_Trial]:
    for session in world.sessions():
        yield world.ask_with(session.ticket, session.sender)


def _first_time(world: _World) -> Iterator[_Trial]:
    while True:
        citizen, sender = world.citizen(), LocalKey.generate("ES256")
        challenge = world.gateway.challenge(sender=sender.public.thumbprint)
        data, proof = world.present(citizen, challenge), _proof(sender, _ENDPOINT)
        floor = partial(_admission_floor, world.issuer.public, data, proof, citizen, sender)
        yield world.post(data, challenge, proof)._replace(floor=floor)


def _other_country(world: _World) -> Iterator[_Trial]:
    for session in world.sessions("FR"):
        yield world.ask_with(session.ticket, session.sender)


def _revoked(world: _World) -> Iterator[_Trial]:
    while True:
        citizens = [world.citizen() for _ in range(_REVOKED_TOGETHER)]
        sessions = [world.session(citizen) for citizen in citizens]
        for session in sessions:
            world.allowed(world.ask_with(session.ticket, session.sender))
        world.revoke(citizens)
        for session in sessions * _SESSIONS_EACH:
            yield world.ask_with(session.ticket, session.sender)


def _no_credential(world: _World) -> Iterator[_Trial]:
    while True:
        yield world.ask(None)


def _stolen_without_proof(world: _World) -> Iterator[_Trial]:
    for session in world.sessions():
        yield world.ask(session.ticket)


def _stolen_with_own_proof(world: _World) -> Iterator[_Trial]:
    thieves = cycle([LocalKey.generate("ES256") for _ in range(_SESSIONS_EACH)])
    for session, thief in zip(world.sessions(), thieves, strict=False):
        yield world.ask_with(session.ticket, thief)


def _replayed_request(world: _World) -> Iterator[_Trial]:
    for session in world.sessions():
        trial = world.ask_with(session.ticket, session.sender)
        world.allowed(trial)  # the caller's own; what comes next is the same request from elsewhere
        yield trial


def _relayed_presentation(world: _World) -> Iterator[_Trial]:
    """The victim answers his own challenge; a thief in between posts the answer first, with his own key."""
    while True:
        thief = LocalKey.generate("ES256")
        challenge = world.gateway.challenge(sender=LocalKey.generate("ES256").public.thumbprint)
        yield _posted_by(world, thief, world.present(world.citizen(), challenge), challenge)


def _captured_presentation(world: _World) -> Iterator[_Trial]:
    """The victim was admitted; a thief posts the same presentation for a challenge of his own."""
    while True:
        citizen, sender, thief = world.citizen(), LocalKey.generate("ES256"), LocalKey.generate("ES256")
        challenge = world.gateway.challenge(sender=sender.public.thumbprint)
        data = world.present(citizen, challenge)
        world.admitted(world.post(data, challenge, _proof(sender, _ENDPOINT)))
        yield _posted_by(world, thief, data, world.gateway.challenge(sender=thief.public.thumbprint))


def _posted_by(world: _World, thief: LocalKey, data: bytes, challenge: Challenge) -> _Trial:
    proof = _proof(thief, _ENDPOINT)
    return world.post(data, challenge, proof)._replace(floor=partial(_proof_floor, proof, thief, load=True))


class _Case(NamedTuple):
    row: int
    title: str
    admits: bool
    decision: type
    reason: Reason | None
    trials: Callable[[_World], Iterator[_Trial]]


_CASES: Final = (
    _Case(0, "ticket, bearer", False, Allow, None, _cached_bearer),
    _Case(0, "ticket with DPoP proof", False, Allow, None, _cached_dpop),
    _Case(1, "presentation, V1 to V9", True, Admitted, None, _first_time),
    _Case(2, "citizen of France", False, Deny, Reason.CITIZENSHIP_NOT_PERMITTED, _other_country),
    _Case(2, "revoked in mid-session", False, Deny, Reason.REVOKED, _revoked),
    _Case(2, "no credential", False, NeedPresentation, Reason.TICKET_MISSING, _no_credential),
    _Case(3, "stolen ticket, no proof", False, Deny, Reason.PROOF_MISSING, _stolen_without_proof),
    _Case(3, "stolen ticket, own proof", False, Deny, Reason.PROOF_KEY_MISMATCH, _stolen_with_own_proof),
    _Case(3, "request replayed", False, Deny, Reason.REPLAYED, _replayed_request),
    _Case(3, "presentation relayed", True, Deny, Reason.CHALLENGE_INVALID, _relayed_presentation),
    _Case(3, "presentation captured", True, Deny, Reason.NONCE_MISMATCH, _captured_presentation),
)


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What was found in one case. Times are in nanoseconds.

    Attributes:
        title: the case.
        decision: the right decision, by the name of its class, which every trial but `wrong` gave.
        reason: the right Reason, or "".
        count: number of trials.
        wrong: number of wrong decisions.
        first_wrong: the first of them in words, or "".
        p50_ns: half of the trials took at most this.
        p99_ns: 99 of 100 took at most this.
        floor_ns: median of the floor, or None where nothing is unavoidable.
        floor_p99_ns: 99 of 100 times the floor took at most this; when it is high, the machine was busy.
        budget_ns: what `p99_ns` may be.
    """

    title: str
    decision: str
    reason: str
    count: int
    wrong: int
    first_wrong: str
    p50_ns: int
    p99_ns: int
    floor_ns: int | None
    floor_p99_ns: int | None
    budget_ns: int

    @property
    def late(self) -> bool:
        """Whether the budget is missed."""
        return self.p99_ns > self.budget_ns


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: for each row of the article its cases."""

    rows: tuple[tuple[Row, tuple[CaseReport, ...]], ...]

    @property
    def ok(self) -> bool:
        """Whether every decision was right and every budget kept."""
        return not any(case.wrong or case.late for _, cases in self.rows for case in cases)


def total(*, authorizations: int, admissions: int) -> int:
    """Return the number of trials of a run."""
    return sum(admissions if case.admits else authorizations for case in _CASES)


def run(
    *,
    authorizations: int = AUTHORIZATIONS,
    admissions: int = ADMISSIONS,
    rows: Sequence[Row] = ROWS,
    wrap: Callable[[Gateway], Door] = lambda gateway: gateway,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Run every case.

    Args:
        authorizations: trials of each case that calls `authorize`.
        admissions: trials of each case that calls `admit`.
        rows: titles and budgets.
        wrap: what stands between the demo and the gateway; a test puts a wrong one there.
        advance: called after each trial, outside of the timing.

    Raises:
        WrongDecision: when a citizen is refused on whose admission the next trials stand.
    """
    world = _World(wrap)
    reports = []
    for case in _CASES:
        count = admissions if case.admits else authorizations
        reports.append(_measure(case, world, count, round(rows[case.row].budget_s * 1e9), advance))
    grouped = [tuple(r for c, r in zip(_CASES, reports, strict=True) if c.row == row) for row in range(len(rows))]
    return Report(tuple(zip(rows, grouped, strict=True)))


def _measure(case: _Case, world: _World, count: int, budget_ns: int, advance: Callable[[], None]) -> CaseReport:
    expected = (case.decision.__name__, case.reason.value if case.reason else "")
    times, floors, wrong, first_wrong = [], [], 0, ""
    clock = time.perf_counter_ns
    for number, trial in enumerate(islice(case.trials(world), count)):
        decide = trial.decide
        start = clock()
        result = decide()
        times.append(clock() - start)
        found = _describe(result)
        if found != expected:
            wrong += 1
            first_wrong = first_wrong or " ".join(found).strip()
        if trial.floor is not None and number % _FLOOR_EACH == 0:
            run_floor = trial.floor().run
            start = clock()
            run_floor()
            floors.append(clock() - start)
        advance()
    p50, p99 = _percentile(times, 50), _percentile(times, 99)
    floor, floor_p99 = (_percentile(floors, 50), _percentile(floors, 99)) if floors else (None, None)
    return CaseReport(case.title, *expected, count, wrong, first_wrong, p50, p99, floor, floor_p99, budget_ns)


def _percentile(times: Sequence[int], percent: int) -> int:
    return sorted(times)[math.ceil(len(times) * percent / 100) - 1]  # nearest rank: a time that was measured


def _describe(result: Result) -> tuple[str, str]:
    reason: Reason | None = getattr(result, "reason", None)
    return type(result).__name__, reason.value if reason else ""


def _proof_floor(proof: str, sender: LocalKey, *, load: bool = False) -> _Floor:
    raw = _RawVerify.of(proof.encode(), sender.public)
    return _Floor([raw], [raw.point] if load else [])


def _admission_floor(issuer: PublicKey, data: bytes, proof: str, citizen: _Citizen, sender: LocalKey) -> _Floor:
    half, _, key_binding = data.rpartition(b"~")
    issuer_jwt, *disclosures = half.split(b"~")
    by_sender = _RawVerify.of(proof.encode(), sender.public)
    by_holder = _RawVerify.of(key_binding, citizen.key.public)
    by_issuer = _RawVerify.of(issuer_jwt, issuer)
    return _Floor([by_sender, by_issuer, by_holder], [by_sender.point, by_holder.point], [*disclosures, half + b"~"])


def _request(url: str, ticket: str | None = None, proof: str | None = None) -> Request:
    headers = list(_HEADERS)
    if ticket is not None:
        headers.append((b"citizenship-ticket", ticket.encode()))
    if proof is not None:
        headers.append((b"dpop", proof.encode()))
    return Request("POST", url, headers)


def _proof(key: LocalKey, url: str, ticket: str | None = None) -> str:
    return dpop_proof(key, method="POST", url=url, ticket=ticket, now=_now())


def _now() -> int:
    return int(time.time())


def _unbase64url(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def to_json(report: Report) -> dict[str, Any]:
    """Return the facts of the table, for machines. Times are in microseconds."""
    rows = []
    for row, cases in report.rows:
        found = [
            {
                "case": case.title,
                "decision": case.decision,
                "reason": case.reason or None,
                "count": case.count,
                "wrong": case.wrong,
                "first_wrong": case.first_wrong or None,
                "p50_us": case.p50_ns / 1e3,
                "p99_us": case.p99_ns / 1e3,
                "floor_us": None if case.floor_ns is None else case.floor_ns / 1e3,
                "floor_p99_us": None if case.floor_p99_ns is None else case.floor_p99_ns / 1e3,
                "within_budget": not case.late,
            }
            for case in cases
        ]
        rows.append({"row": row.title, "article_s": row.article_s, "budget_us": row.budget_s * 1e6, "cases": found})
    versions = {"python": platform.python_version(), "cryptography": cryptography.__version__}
    return {"ok": report.ok, "rows": rows, "versions": versions}


def to_table(report: Report) -> Group:
    """Return the table, at most 100 columns wide and readable without colour."""
    parts: list[Table | Text] = []
    for number, (row, cases) in enumerate(report.rows, 1):
        title = f"{number}. {row.title}: {row.article_s:g} s in the article, at p99 {row.budget_s * 1e3:g} ms here"
        parts.append(Text(title, style="bold"))
        parts.append(_row_table(cases))
        for case in cases:
            if case.wrong:
                text = f"  WRONG: {case.title}: {case.wrong:,} of {case.count:,} decisions, first {case.first_wrong}"
                parts.append(Text(text, style="bold red"))
            if case.late:
                text = f"  LATE: {case.title}: {_time(case.p99_ns)} at p99"
                if case.floor_p99_ns is not None:
                    text += f", where the floor alone takes {_time(case.floor_p99_ns)}"
                parts.append(Text(text, style="bold red"))
        parts.append(Text())
    verdict = "every decision right, every budget kept" if report.ok else "FAILED: see WRONG and LATE above"
    parts.append(Text(verdict, style="bold green" if report.ok else "bold red"))
    parts.append(Text("floor: signature checks, key loads and digests that the case cannot avoid, in this same run"))
    return Group(*parts)


_SHORT: Final = {"NeedPresentation": "Need"}  # so that a line has 100 columns


def _row_table(cases: Sequence[CaseReport]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("  case", width=26)
    table.add_column("decision", width=30)
    for name, width in (("runs", 6), ("p50", 8), ("p99", 8), ("floor", 8), ("/floor", 6)):
        table.add_column(name, width=width, justify="right")
    for case in cases:
        floor = ("-", "-") if case.floor_ns is None else (_time(case.floor_ns), f"{case.p50_ns / case.floor_ns:.2f}")
        numbers = (f"{case.count:,}", _time(case.p50_ns), _time(case.p99_ns), *floor)
        decision = f"{_SHORT.get(case.decision, case.decision)} {case.reason}".rstrip()
        table.add_row(f"  {case.title}", decision, *numbers)
    return table


def _time(nanoseconds: int) -> str:
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1e3:.1f} us"
    return f"{nanoseconds / 1e6:.2f} ms"
