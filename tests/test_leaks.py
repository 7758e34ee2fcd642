"""Nothing of what came in is told: every refusal is provoked, and every way out is searched.

Two searches. In the vectors everything that the sender sent is the marker: each text, each name and each value of his
that is no word of the library's own. In the gateways below a marker is planted wherever a sender can put one. Searched
are the text, the arguments and the attributes of every error that is made, raised or not, notes, causes, contexts and
the traceback as Python prints it; results and their HTTP answers; log records of every logger at DEBUG; metrics, as
OpenTelemetry and Prometheus collect them; every file of the audit log. A warning would be an error (pyproject.toml).

Spec: specs/side-channels.md sections 2 and 3; DESIGN section 2, law 11; threats T-10 and T-42.
"""

from __future__ import annotations

import ast
import base64
import copy
import dataclasses
import functools
import gc
import json
import logging
import pickle
import re
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import builders as b
import builders_formats as f
import hostile_formats as h
import mdoc_builders as m
import pytest
import test_vectors_own as own
from gateway import world as w
from gateway.audit_world import open_log, vkey
from gateway.senders import Sender
from integrations.asgi_driving import Answered, Seen, drive, scope_of
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from citizenid import (
    AgreementKey,
    Attestation,
    Challenge,
    CitizenIDError,
    Citizenship,
    Format,
    KeyPurpose,
    LocalKey,
    NeedStatusList,
    PublicKey,
    Reason,
    TrustAnchors,
)
from citizenid._crypto import SealingKey, derive_key
from citizenid.gateway import (
    Admitted,
    Allow,
    Binding,
    DailyTicketKeys,
    Deny,
    DPoPNonces,
    MemoryReplayGuard,
    NeedPresentation,
    Request,
    SharingDetector,
    SharingLimits,
    Signals,
    SignedOut,
)
from citizenid.gateway._audit.entry import Tags
from citizenid.gateway.audit import verify_audit
from citizenid.gateway.challenge import ChallengeKeys
from citizenid.gateway.nonces import NonceKeys, OwnNonces
from citizenid.gateway.sharing import Threshold
from citizenid.gateway.ticket import TicketKeys
from citizenid.holder import Credential
from citizenid.integrations._fleet import Envelope
from citizenid.integrations.asgi import CitizenshipMiddleware
from citizenid.integrations.telemetry import GatewayCollector, observe
from citizenid.status import StatusStore
from citizenid.verifier import open_presentation

SOURCE: Final = Path(__file__).resolve().parent.parent / "src" / "citizenid"
MARK: Final = "planted-7c41"
SECRET: Final = b"planted-secret-of-a-gateway-0123456789"

# A Reason that nothing a sender sends brings about: what its error says comes out of literals like any other's, and the
# test that provokes it stands beside it in test_vectors_own.NOT_DATA.
NOT_BY_INPUT: Final = {
    Reason.REPLAY_GUARD_UNAVAILABLE: "a store of the fleet that does not answer",
    Reason.SIGN_OUTS_FULL: "a set of the operator's that is full",
    Reason.SIGN_OUTS_UNAVAILABLE: "a store of the fleet that does not answer",
    Reason.STORE_UNAVAILABLE: "a store of the fleet that does not answer",
    Reason.STATUS_LIST_FULL: "an issuer's own list",
    Reason.STATUS_FILE_UNREADABLE: "a disk of the operator's",
    Reason.STATUS_FILE_MALFORMED: "a file that the operator's own fetcher writes",
    Reason.STATUS_FILE_UNWRITABLE: "a disk of the operator's",
    Reason.LEDGER_REFUSED: "a file of the issuer's own",
    Reason.LEDGER_UNAVAILABLE: "a disk of the issuer's",
    Reason.AUDIT_UNAVAILABLE: "a disk of the operator's",
    Reason.AUDIT_WRITER_PRESENT: "two programs of the operator's",
    Reason.AUDIT_INVALID: "a log that is well formed and wrong; like AUDIT_MALFORMED, which is provoked below",
}


# --- what is searched ---


@functools.cache
def vocabulary() -> str:
    """Return every text of the library's own, one after the other."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                value = node.value
                found.append(value if isinstance(value, str) else value.decode("latin-1"))
    return "\n".join(found)


@functools.cache
def words() -> frozenset[str]:
    """Return the words that a path in an error may be made of."""
    return frozenset(re.split(r"[^\w$-]+", vocabulary()))


def spelled(mark: str) -> Iterator[str]:
    """Return a text as it may turn up: itself, in hex, and in base64 at each offset."""
    yield mark
    yield mark.encode().hex()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + mark.encode()).decode()
        start = (offset * 8 + 5) // 6
        yield encoded[start : len(encoded) // 4 * 4 - 4]


class Heard:
    """Every error that was made, every result, every log record; and whether any of them tells a mark."""

    def __init__(self) -> None:
        self.errors: list[CitizenIDError] = []
        self.results: list[Any] = []
        self.reasons: set[Reason] = set()
        self.told: list[str] = []

    def result(self, result: Any) -> Any:
        self.results.append(result)
        return result

    def collect(self) -> list[str]:
        """Return all that was told, and forget it."""
        told, self.told = self.told, []
        for error in self.errors:
            self.reasons.add(error.reason)
            assert error.__cause__ is None
            assert error.__context__ is None or isinstance(error.__context__, CitizenIDError)
            assert not getattr(error, "__notes__", ())
            assert error.args == (error.reason, error.where)
            assert vars(error).keys() <= {"reason", "where", "step", "line"}
            assert set(re.split(r"[^\w$-]+", error.where)) <= words(), "a path is made of the library's own words"
            told += [str(error), repr(error), repr(error.args), repr(vars(error))]
            told.append("".join(traceback.TracebackException.from_exception(error).format_exception_only()))
        for result in self.results:
            told.append(repr(result))
            told.append(str(result))
            if isinstance(result, Answered):
                told.append(repr(result.messages))
                continue
            if getattr(result, "reason", None) is not None:
                self.reasons.add(result.reason)
            if hasattr(result, "http"):
                answer = result.http()
                told += [repr(answer), repr(answer.headers), answer.body.decode()]
        self.errors, self.results = [], []
        return told


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Heard]:
    """Listen to every error that is made, and to every logger."""
    listener = Heard()
    made = CitizenIDError.__init__

    def listening(self: CitizenIDError, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **named)
        listener.errors.append(self)

    monkeypatch.setattr(CitizenIDError, "__init__", listening)
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.DEBUG)
    yield listener
    for record in caplog.records:  # asyncio names the selector that it uses, and nothing else speaks
        assert record.name == "asyncio" and "selector" in record.getMessage(), record.getMessage()


def assert_untold(told: Iterable[str], marks: Iterable[str]) -> None:
    everything = "\n".join(told)
    for mark in marks:
        for spelling in spelled(mark):
            assert spelling not in everything, f"{mark!r} is told"


# --- the vectors ---

FOREIGN: Final = frozenset({"input", "presentation", "token", "headers", "url", "uri", "challenge", "ticket"})
OURS: Final = frozenset({"gateway", "expected", "anchors", "policy", "title", "id", "audience"})


def pieces(value: Any, levels: int = 4) -> Iterator[str]:
    """Return the texts inside of something that came in: also of its segments, and of what they hold."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from pieces(name, levels)
            yield from pieces(item, levels)
    elif isinstance(value, list):
        for item in value:
            yield from pieces(item, levels)
    elif isinstance(value, str):
        for part in re.split(r"[~.\s\"\[\]{},:]+", value):
            if len(part) >= 8:
                yield part
                if levels and re.fullmatch(r"[\w-]+", part):
                    raw = base64.urlsafe_b64decode(part[: len(part) // 4 * 4])
                    for run in re.findall(rb"[\x20-\x7e]{8,}", raw):
                        yield from pieces(run.decode(), levels - 1)


def foreign(case: dict[str, Any]) -> set[str]:
    """Return what of a case the sender sent and neither the library nor the operator says by itself."""
    sent = [item for name, item in case.items() if name in FOREIGN]
    sent += [{name: item for name, item in event.items() if name not in OURS} for event in case.get("events", ())]
    known = vocabulary() + json.dumps({name: item for name, item in case.items() if name in OURS})
    return {piece for piece in pieces(sent) if piece not in known}


RUN: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "presentation": own.test_presentation,
    "mdoc": own.test_mdoc,
    "sd_cwt": own.test_sd_cwt,
    "status_list": own.test_status_list,
    "dpop": own.test_dpop,
    "policy": own.test_policy,
    "anchors": own.test_anchors,
    "gateway": own.test_gateway,
}
_MET: Final[set[Reason]] = set()


@pytest.mark.parametrize("kind", own.KINDS)
def test_no_vector_is_told(kind: str, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    described = own.described
    monkeypatch.setattr(own, "described", lambda result: described(heard.result(result)))
    decide = own.AdmissionPolicy.decide
    monkeypatch.setattr(own.AdmissionPolicy, "decide", lambda *given: heard.result(decide(*given)))
    for case in own.FILES[kind]["cases"]:
        RUN[kind](case)
        told = heard.collect()
        everything = "\n".join(told)
        for piece in foreign(case):
            assert piece not in everything, (case["id"], piece)
    _MET.update(heard.reasons)


def test_the_pieces_of_a_vector_are_what_was_sent() -> None:
    found: set[str] = set()
    for kind in ("presentation", "mdoc", "sd_cwt", "dpop", "gateway"):
        for case in own.FILES[kind]["cases"]:
            found |= foreign(case)
    assert len(found) > 2_000
    assert any(re.fullmatch(r"[\w-]{86}", piece) for piece in found), "a signature"
    assert "nationalities" not in found


# --- planted markers ---


def marked_request(url: str = w.ORIGIN + w.PATH, *headers: tuple[bytes, bytes], certificate: Any = None) -> Request:
    """Make a request in which everything that a client writes is marked, and what is not marked is handed in."""
    mark = MARK.encode()
    plain = [
        (b"host", mark + b".example"),
        (b"authorization", b"Bearer sk-" + mark),
        (b"x-api-key", mark),
        (b"user-agent", mark),
        (b"cookie", b"c=" + mark),
        (b"x-" + mark, mark),
        (b"referer", b"https://" + mark + b".example/" + mark),
    ]
    return Request("POST", f"{url}?q={MARK}#{MARK}", [*plain, *headers], certificate)


def asking(*headers: tuple[bytes, bytes], certificate: Any = None) -> Request:
    return marked_request(w.ORIGIN + w.PATH, *headers, certificate=certificate)


class Watched:
    """A gateway with a log and both kinds of metrics."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.log = open_log(folder)
        self.world = w.World(**{"audit": self.log, "policy_text": w.POLICY, **options})
        self.reader = InMemoryMetricReader()
        observe(
            self.world.gateway,
            audit=self.log,
            meter_provider=MeterProvider([self.reader]),
            clock=self.world.clock,
        )
        self.registry = CollectorRegistry()
        self.registry.register(GatewayCollector(self.world.gateway, audit=self.log, clock=self.world.clock))

    def told(self) -> list[str]:
        """Return what the metrics and every file of the log say."""
        data = self.reader.get_metrics_data()
        assert data is not None
        told = [data.to_json(), generate_latest(self.registry).decode(), repr(self.world.gateway.counts())]
        self.log.close()
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        assert files
        return told + [path.read_bytes().decode("latin-1") + str(path) for path in files]


def marked_proofs(world: w.World, ticket: str) -> Iterator[bytes]:
    """Return DPoP proofs with the mark in each member of the payload and of the header, and in no place of either."""
    sender = w.key("sender of alice")
    for name in ("jti", "htm", "htu", "ath", "nonce", "iat", MARK):
        yield w.hand_made_proof(sender, {name: MARK}, ticket=ticket, now=world.now)
        yield w.hand_made_proof(sender, {name: [MARK]}, ticket=ticket, now=world.now)
    for name in ("typ", "alg", "kid", "crit", "jwk", MARK):
        yield w.hand_made_proof(sender, header={name: MARK}, ticket=ticket, now=world.now)
        yield w.hand_made_proof(sender, header={name: {"kty": MARK, MARK: MARK}}, ticket=ticket, now=world.now)
    yield w.hand_made_proof(sender, MARK.encode(), ticket=ticket)
    yield w.hand_made_proof(sender, b'{"%s":1,"%s":2}' % (MARK.encode(), MARK.encode()), ticket=ticket)
    yield w.hand_made_proof(w.key(MARK), {"jti": MARK}, ticket=ticket, now=world.now)
    yield w.hand_made_proof(sender, {"jti": MARK, "htu": "https://" + MARK}, ticket=ticket, now=world.now)
    yield w.hand_made_proof(sender, {"jti": MARK}, ticket=ticket, now=world.now - 5_000)
    yield w.hand_made_proof(sender, {"jti": MARK}, ticket=ticket, now=world.now + 5_000)
    yield w.hand_made_proof(sender, {"jti": MARK}, ticket=ticket, now=world.now, sign=lambda _: MARK.encode())
    yield MARK.encode()
    yield b".".join([MARK.encode()] * 3)


@pytest.mark.parametrize("format", Format)
def test_no_mark_of_a_presentation_is_told_by_a_gateway(format: Format, heard: Heard, tmp_path: Path) -> None:
    watched = Watched(tmp_path, anchors=f.ANCHORS[format]())
    world, sender = watched.world, w.key("sender of alice")
    for make in h.MARKED[format].values():
        data = make()
        challenge = world.challenge(sender)
        proof = (b"dpop", world.proof(sender, url=w.ORIGIN + w.ENDPOINT))
        request = marked_request(w.ORIGIN + w.ENDPOINT, proof)
        heard.result(world.gateway.admit(data, format=format, challenge=challenge.to_text(), request=request))
        # What a log of the presentation itself would hold, and the answers of the door that takes bodies.
        body = {"format": format, "challenge": challenge.to_text(), "presentation": b.base64url(data).decode()}
        answer = world.gateway.admit_http(marked_request(w.ORIGIN + w.ENDPOINT, proof), json.dumps(body).encode())
        heard.told += [repr(answer), answer.body.decode(), repr(answer.headers)]
        for odd in ({**body, "format": MARK}, {**body, "challenge": MARK}, {MARK: MARK}, [MARK]):
            answer = world.gateway.admit_http(request, json.dumps(odd).encode())
            heard.told += [repr(answer), answer.body.decode(), repr(answer.headers)]
    assert {type(result) for result in heard.results} == {Deny}
    told = heard.collect()
    assert_untold([*told, *watched.told()], {MARK, h.MARKER})
    _MET.update(heard.reasons)


def test_no_mark_of_a_certificate_is_told(heard: Heard) -> None:
    for subject, issuer, signer in [(h.MARKER, "IACA", "IACA"), ("DS", h.MARKER, h.MARKER), (h.MARKER, h.MARKER, "x")]:
        key = m.key("signer")
        made = m.certificate(
            subject, issuer, key, m.key(signer), not_after=b.NOW - 1 if signer == "IACA" else b.NOW + 9
        )
        with pytest.raises(CitizenIDError):
            m.verify(m.make(chain=b.der(made)[0]))
    for chain in ([h.MARKER], [base64.b64encode(h.MARKER_BYTES).decode()], b.x5c(b.certificate(h.MARKER, h.MARKER))):
        with pytest.raises(CitizenIDError):
            b.verify(b.make(header={"x5c": chain}))
        with pytest.raises(CitizenIDError):
            b.verify(b.make(header={"x5c": chain, "kid": b.ABSENT}))
    with pytest.raises(CitizenIDError):
        TrustAnchors.from_certificates(
            b.pem(b.certificate(h.MARKER, h.MARKER)) + h.MARKER_BYTES,
            issuer=b.ISSUER,
            purpose=KeyPurpose.CREDENTIAL,
            formats=[Format.MDOC],
            types=[b.VCT],
            countries=b.us("US"),
        )
    assert_untold(heard.collect(), {h.MARKER})
    _MET.update(heard.reasons)


def test_no_mark_of_a_request_is_told(heard: Heard, tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    world = watched.world
    ticket = world.ticket(world.wallet("alice", claims={"given_name": MARK, MARK: MARK}))
    doors: list[Callable[[Request], Any]] = [
        lambda request: world.gateway.authorize(request, resource="us-nationals"),
        lambda request: world.gateway.authorize(request, resource=MARK),
        world.gateway.renew,
        world.gateway.sign_out,
    ]
    for proof in marked_proofs(world, ticket):
        for door in doors:
            heard.result(
                door(marked_request(w.ORIGIN + w.PATH, (b"citizenship-ticket", ticket.encode()), (b"dpop", proof)))
            )
    for sent in (
        MARK.encode(),
        MARK.encode() * 31,
        ticket.encode()[: -len(MARK)] + MARK.encode(),
        b"\xff" + MARK.encode(),
    ):
        for door in doors:
            proof = world.proof(w.key("sender of alice"), ticket)
            heard.result(door(marked_request(w.ORIGIN + w.PATH, (b"citizenship-ticket", sent), (b"dpop", proof))))
            heard.result(
                door(marked_request(w.ORIGIN + w.PATH, (b"citizenship-ticket", sent), (b"citizenship-ticket", sent)))
            )
    for url in (MARK, "https://" + MARK, f"ftp://{MARK}/", f"{w.ORIGIN}/{MARK}"):
        proof = world.proof(w.key("sender of alice"), ticket)
        headers = ((b"citizenship-ticket", ticket.encode()), (b"dpop", proof))
        for door in doors:
            heard.result(door(Request("POST", url, headers)))
            heard.result(door(Request(MARK, w.ORIGIN + w.PATH, headers)))
            heard.result(door(Request("POST", w.ORIGIN + w.PATH, [(MARK, MARK)])))  # type: ignore[list-item]
    told = heard.collect()
    assert {Reason.TICKET_INVALID, Reason.PROOF_STALE, Reason.PROOF_IN_FUTURE, Reason.REQUEST_INVALID} <= heard.reasons
    assert_untold([*told, *watched.told()], {MARK, ticket, ticket[30:80]})
    _MET.update(heard.reasons)


def test_no_mark_of_the_other_senders_is_told(heard: Heard, tmp_path: Path) -> None:
    watched = Watched(tmp_path, dpop_nonces=DPoPNonces.OF_THE_FLEET, replay=MemoryReplayGuard())
    world = watched.world
    signer = Sender(Binding.HTTP_SIGNATURE, algorithm="Ed25519")
    signed = signer.ticket(world)
    good = signer.request(world, signed)
    for name in (b"signature-input", b"signature", b"citizenship-key"):
        for value in (MARK.encode(), b'sig=("@method" "%s");nonce="%s"' % (MARK.encode(), MARK.encode())):
            headers = [(each, value if each.lower() == name else old) for each, old in good.headers]
            heard.result(world.gateway.authorize(asking(*headers), resource="weak"))
    nothing = [(name, re.sub(rb' "citizenship-ticket"| "@target-uri"', b"", value)) for name, value in good.headers]
    heard.result(world.gateway.authorize(asking(*nothing), resource="weak"))
    mutual = Sender(Binding.MTLS).ticket(world)
    for certificate in (MARK.encode(), b"\x30\x82" + MARK.encode() * 40, None, MARK):
        shown = (b"citizenship-ticket", mutual.encode())
        heard.result(world.gateway.authorize(asking(shown, certificate=certificate), resource="weak"))
    sender = w.key("sender client")
    made = world.gateway.authorize(marked_request(), resource="weak")
    heard.result(made)
    nonce_needed = Sender(Binding.DPOP)
    heard.result(nonce_needed.apply(world, world.wallet(MARK)))
    for claims in ({"jti": MARK}, {"nonce": MARK}, {"nonce": [MARK]}):
        proof = w.hand_made_proof(sender, claims, now=world.now)
        body = (b"dpop", proof)
        challenge = world.challenge(sender)
        heard.result(
            world.gateway.admit(
                MARK.encode(),
                format=Format.SD_JWT_VC,
                challenge=challenge.to_text(),
                request=marked_request(w.ORIGIN + w.PATH, body),
            )
        )
    told = heard.collect()
    expected = {Reason.PROOF_COMPONENT_MISSING, Reason.PROOF_NONCE_MISSING, Reason.PROOF_NONCE_MISMATCH}
    assert expected <= heard.reasons
    assert_untold([*told, *watched.told()], {MARK, signed[30:80], mutual[30:80]})
    _MET.update(heard.reasons)


def test_no_mark_is_told_of_who_shares_or_signs_out(heard: Heard, tmp_path: Path) -> None:
    limits = SharingLimits(networks_hour=Threshold(mark=2, step_up=3))
    text = w.POLICY + '\n[[rule]]\nresource = "refused"\nnationality = ["US"]\nsharing = "refuse"\n'
    watched = Watched(tmp_path, policy_text=text, sharing=SharingDetector(limits=limits))
    world = watched.world
    wallet = world.wallet("alice", claims={"family_name": MARK})
    ticket = world.ticket(wallet)
    shown = (b"citizenship-ticket", ticket.encode())
    session = b""
    for number in range(4):
        for resource in ("us-nationals", "refused"):
            proof = (b"dpop", world.proof(wallet.sender, ticket))
            signals = Signals(f"{MARK}-{number}", MARK, MARK.encode())
            result = world.gateway.authorize(
                marked_request(w.ORIGIN + w.PATH, shown, proof), resource=resource, signals=signals
            )
            heard.told.append(repr(signals))
            if isinstance(result, Allow) and result.session_id is not None:
                session = result.session_id
            heard.result(result)
    heard.result(
        world.gateway.sign_out(marked_request(w.ORIGIN + w.PATH, shown, (b"dpop", world.proof(wallet.sender, ticket))))
    )
    heard.result(
        world.gateway.renew(marked_request(w.ORIGIN + w.PATH, shown, (b"dpop", world.proof(wallet.sender, ticket))))
    )
    assert session and SignedOut in {type(result) for result in heard.results}
    told = heard.collect()
    assert {Reason.SHARING_SUSPECTED, Reason.CREDENTIAL_SHARED, Reason.SIGNED_OUT} <= heard.reasons
    assert_untold([*told, *watched.told()], {MARK, ticket[30:80], session.hex()})
    _MET.update(heard.reasons)


def test_no_mark_is_told_by_the_middleware(heard: Heard, tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    world = watched.world
    ticket = world.ticket(world.wallet("alice"))
    app = CitizenshipMiddleware(Seen(), gateway=world.gateway, resource="us-nationals")
    for headers in (
        [],
        [(b"citizenship-ticket", MARK.encode())],
        [(b"citizenship-ticket", ticket.encode()), (b"dpop", MARK.encode())],
        [(b"citizenship-ticket", ticket.encode()), (b"dpop", next(marked_proofs(world, ticket)))],
    ):
        for path in (f"/{MARK}", f"/{MARK}%00", f"/../{MARK}", w.ENDPOINT):
            marked = [(b"x-api-key", MARK.encode()), (b"authorization", b"Bearer " + MARK.encode()), *headers]
            body = {"type": "http.request", "body": MARK.encode(), "more_body": False}
            scope = scope_of(path, marked, query=b"key=" + MARK.encode(), client=(MARK, 1))
            answered = heard.result(drive(app, scope, [body]))
            assert answered.status >= 400
    assert_untold([*heard.collect(), *watched.told()], {MARK, ticket[30:80]})
    _MET.update(heard.reasons)


def test_no_mark_of_a_status_list_is_told(heard: Heard) -> None:
    store = (
        StatusStore(anchors=b.status_anchors())
        if hasattr(b, "status_anchors")
        else StatusStore(anchors=w.status_anchors())
    )
    uri = f"https://{MARK}.example/{MARK}?{MARK}"
    bodies = [MARK.encode(), b".".join([MARK.encode()] * 3), b"\xd2\x84" + MARK.encode(), b""]
    for media in ("application/statuslist+jwt", "application/statuslist+cwt", "application/" + MARK, MARK):
        for body in bodies:
            with pytest.raises(CitizenIDError):
                store.ingest(uri, body, media_type=media, now=b.NOW)
    heard.told.append(repr(store))
    heard.result(NeedStatusList(uri))
    assert_untold(heard.collect(), {MARK})
    _MET.update(heard.reasons)


def test_no_mark_is_told_to_issuer_holder_or_auditor(heard: Heard, tmp_path: Path) -> None:
    world = w.World()
    alice = world.wallet("alice", claims={"given_name": MARK})
    challenge = world.challenge(alice.sender)
    for call in (
        lambda: alice.credential.present([MARK], challenge=challenge, key=alice.key, peer=w.AUDIENCE, now=w.NOW),
        lambda: alice.credential.present([], challenge=challenge, key=alice.key, peer="https://" + MARK, now=w.NOW),
        lambda: alice.credential.present([], challenge=challenge, key=w.key(MARK), peer=w.AUDIENCE, now=w.NOW),
        lambda: world.wallet(MARK, claims={"nationalities": [MARK]}),
        lambda: Challenge.from_text(MARK * 9),
        lambda: Challenge(MARK, MARK, -1),
        lambda: LocalKey.from_pem(MARK),
        lambda: LocalKey.from_jwk({"kty": "EC", "crv": "P-256", "d": MARK}),
        lambda: PublicKey.from_jwk({"kty": MARK, MARK: MARK}),
        lambda: AgreementKey.from_jwk({"kty": "EC", "crv": MARK, "d": MARK}),
        lambda: own.AdmissionPolicy.from_toml(f'version = 1\n[[rule]]\nresource = "{MARK}"\n{MARK} = "{MARK}"\n'),
        lambda: TicketKeys((SECRET[:10],), MARK),
        lambda: StatusStore(anchors=w.status_anchors(), marks=MARK.encode()),
        lambda: Credential.receive(MARK, format=Format.SD_JWT_VC, anchors=w.anchors(), now=w.NOW),
        lambda: open_presentation(MARK.encode(), format=Format.MDOC),
    ):
        with pytest.raises(CitizenIDError):
            call()
    log = open_log(tmp_path)
    log.close()
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] + MARK.encode())
        try:
            verify_audit(tmp_path, keys=[vkey()], now=w.NOW)
        except CitizenIDError:
            pass  # an error is made: what it says is searched below
        path.write_bytes(whole)
    assert_untold(heard.collect(), {MARK, SECRET[:10].decode()})
    _MET.update(heard.reasons)


def test_every_reason_was_provoked_or_is_none_of_a_sender() -> None:
    if len(_MET) < 20:
        pytest.skip("runs after the others of this file")
    assert _MET | NOT_BY_INPUT.keys() == set(Reason)
    assert not _MET & NOT_BY_INPUT.keys()


# --- what a result keeps alive ---


def reachable(start: Any) -> Iterator[Any]:
    """Return all that an object keeps alive, but classes, modules and functions."""
    seen, waiting = {id(start)}, [start]
    while waiting:
        item = waiting.pop()
        yield item
        for each in gc.get_referents(item):
            if id(each) not in seen and not isinstance(each, type | types.ModuleType | types.FunctionType):
                seen.add(id(each))
                waiting.append(each)


def test_a_denial_keeps_nothing_of_the_request_alive(tmp_path: Path) -> None:
    world = w.World()
    sender = w.key("sender of alice")
    data = h.MARKED[Format.SD_JWT_VC]["vct"]()
    proof = (b"dpop", world.proof(sender, url=w.ORIGIN + w.ENDPOINT))
    denied = world.gateway.admit(
        data,
        format=Format.SD_JWT_VC,
        challenge=world.challenge(sender).to_text(),
        request=marked_request(w.ORIGIN + w.ENDPOINT, proof),
    )
    assert type(denied) is Deny
    kept = list(reachable(denied))
    assert not [each for each in kept if isinstance(each, BaseException | types.TracebackType | types.FrameType)]
    for each in kept:
        if isinstance(each, str | bytes):
            text = each if isinstance(each, str) else each.decode("latin-1")
            assert MARK not in text and h.MARKER not in text


def test_a_traceback_as_it_is_printed_holds_no_value_and_with_locals_no_key() -> None:
    """What frames hold by nature is what was handed over: specs/side-channels.md section 2."""
    for format in Format:
        for make in h.MARKED[format].values():
            with pytest.raises(CitizenIDError) as caught:
                f.VERIFY[format](make())
            printed = "".join(traceback.format_exception(caught.value))
            assert h.MARKER not in printed
    keys = ChallengeKeys((SECRET,), MARK, AgreementKey.generate("P-256"))
    with pytest.raises(CitizenIDError) as caught:
        keys.check_sender(bytes(54), bytes(32), Challenge("x", "x" * 8).handover)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "ChallengeKeys" in shown
    assert_untold([shown], {SECRET.decode()})
    for secret in derived():
        assert repr(secret)[2:-1] not in shown and secret.hex() not in shown


# --- objects that hold a secret ---


def derived() -> list[bytes]:
    """Return the keys that are made from the secret."""
    purposes = ("ticket", "ticket-key-id", "challenge", "dpop-nonce", "fleet/replay", "audit-tag/20833", "day/20833")
    return [derive_key(SECRET, purpose) for purpose in purposes]


def holders(folder: Path) -> dict[str, Any]:
    """Return one of everything that holds a secret, a credential or a claim."""
    world = w.World(ticket_keys=[SECRET])
    alice = world.wallet("alice", claims={"given_name": MARK})
    challenge = world.challenge(alice.sender)
    ticket_keys = TicketKeys((SECRET,), "a")
    (presentation,) = open_presentation(world.present(alice, challenge, ["given_name"]), format=Format.SD_JWT_VC)
    return {
        "TicketKeys": ticket_keys,
        "NonceKeys": NonceKeys((SECRET,), "a"),
        "OwnNonces": OwnNonces(lambda size: SECRET[:size], "a"),
        "ChallengeKeys": ChallengeKeys((SECRET,), "a", AgreementKey.generate("P-256")),
        "DailyTicketKeys": DailyTicketKeys([SECRET]),
        "Gateway": world.gateway,
        "Gateway of daily keys": world.another_gateway(ticket_keys=DailyTicketKeys([SECRET])),
        "Envelope": Envelope(SECRET, sender=b"12345678", clock=world.clock),
        "SealingKey": SealingKey(SECRET[:32]),
        "LocalKey": alice.key,
        "AgreementKey": AgreementKey.generate("P-256"),
        "Credential": alice.credential,
        "Unsigned": alice.credential.prepare(
            ["given_name"], challenge=challenge, key=alice.key.public, peer=w.AUDIENCE, now=w.NOW
        ),
        "AuditLog": open_log(folder, secret=SECRET),
        "Tags": Tags(SECRET),
        "SharingDetector": SharingDetector(random=lambda size: (SECRET * 2)[:size]),
        "Presentation": presentation,
    }


NOT_COPIED: Final = frozenset(
    "TicketKeys NonceKeys OwnNonces ChallengeKeys DailyTicketKeys Gateway Envelope SealingKey LocalKey AgreementKey"
    " Credential Unsigned AuditLog Tags SharingDetector".split()
)
WAYS: Final[dict[str, Callable[[Any], Any]]] = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "state": lambda held: held.__getstate__(),
    "reduce": lambda held: held.__reduce_ex__(4),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_holds_a_secret_is_not_copied(way: str, tmp_path: Path) -> None:
    for name, held in holders(tmp_path).items():
        if name.partition(" ")[0] in NOT_COPIED:
            with pytest.raises(TypeError) as caught:
                WAYS[way](held)
            assert_untold([str(caught.value), repr(caught.value)], {MARK, SECRET.decode()})


@pytest.mark.parametrize("way", ["vars", "asdict", "repr", "str", "format", "dir"])
def test_what_holds_a_secret_shows_none(way: str, tmp_path: Path) -> None:
    ways: dict[str, Callable[[Any], Any]] = {
        "vars": vars,
        "asdict": dataclasses.asdict,
        "repr": repr,
        "str": str,
        "format": format,
        "dir": dir,
    }
    for held in holders(tmp_path).values():
        shown = ""
        try:
            shown = repr(ways[way](held))
        except TypeError:
            pass
        assert_untold([shown], {MARK, SECRET.decode(), SECRET[:32].decode()})
        for secret in derived():
            assert repr(secret)[2:-1] not in shown and secret.hex() not in shown
        if isinstance(held, LocalKey | AgreementKey) and shown:
            assert held.to_private_jwk()["d"] not in shown


def test_values_that_hold_claims_do_not_show_them(tmp_path: Path) -> None:
    world = w.World()
    alice = world.wallet("alice", claims={"given_name": MARK})
    admitted = world.admit(alice)
    assert type(admitted) is Admitted
    need = world.gateway.authorize(marked_request(), resource="us-nationals")
    assert type(need) is NeedPresentation
    values: list[Any] = [
        alice.credential.attestation,
        alice.credential.attestation.validity,
        *alice.credential.attestation.status,
        marked_request(),
        NeedStatusList(MARK),
        need,
        world.challenge(alice.sender),
        admitted,
        Citizenship(b.us("US")),
        Signals(MARK, MARK, MARK.encode()),
    ]
    assert isinstance(values[0], Attestation)
    for value in values:
        assert_untold([repr(value), str(value), f"{value}"], {MARK, admitted.ticket[30:80]})


@pytest.mark.parametrize("offset", range(3))
def test_the_search_finds_a_mark_in_any_spelling(offset: int) -> None:
    within = b"x" * offset + MARK.encode() + b"yz"
    for told in (MARK, within.hex(), base64.b64encode(within).decode(), base64.urlsafe_b64encode(within).decode()):
        with pytest.raises(AssertionError):
            assert_untold(["nothing", f"an error about {told}"], [MARK])


def test_the_search_finds_an_error_that_tells(heard: Heard) -> None:
    error = CitizenIDError(Reason.EXPIRED, MARK)
    with pytest.raises(AssertionError):
        heard.collect()
    heard.errors = [CitizenIDError(Reason.EXPIRED, "dpop.payload.iat")]
    assert heard.collect()
    error = CitizenIDError(Reason.EXPIRED)
    error.add_note(MARK)
    heard.errors = [error]
    with pytest.raises(AssertionError):
        heard.collect()
    heard.errors = []
