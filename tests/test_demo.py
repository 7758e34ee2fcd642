"""The parts of the demo: its world, what it takes for the floor, and how it measures.

`test_main` runs it as a whole; a demo that measured the wrong thing would run as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

import pytest
from builders import unbase64url
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtensionOID, NameOID

from citizenid import Format, LocalKey, PublicKey, Reason, _demo
from citizenid._demo import floor, formats, measure, table, world
from citizenid._demo.cases import CASES, Case
from citizenid._demo.floor import proof_floor
from citizenid._demo.world import BEARER, ENDPOINT, Trial, World, make_proof, make_request
from citizenid.gateway import Allow, Gateway
from citizenid.issuer import prepare_attestation
from citizenid.status import StatusStore
from citizenid.verifier import open_presentation


class Recorded:
    """A gateway that remembers what it was asked."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.senders: list[bytes | None] = []
        self.requests: list[Any] = []

    def challenge(self, *, sender: bytes | None) -> Any:
        self.senders.append(sender)
        return self._gateway.challenge(sender=sender)

    def admit(self, data: bytes | str, **named: Any) -> Any:
        self.requests.append(named["request"])
        return self._gateway.admit(data, **named)

    def authorize(self, request: Any, *, resource: str) -> Any:
        self.requests.append(request)
        return self._gateway.authorize(request, resource=resource)


def recorded(format_: Format = Format.SD_JWT_VC) -> tuple[World, Recorded]:
    doors: list[Recorded] = []

    def wrap(gateway: Gateway) -> Recorded:
        doors.append(Recorded(gateway))
        return doors[-1]

    made = World(wrap, format_)
    return made, doors[0]


def headers(request: Any) -> dict[bytes, bytes]:
    return dict(request.headers)


# --- the world ---


def test_headers_are_named_as_a_server_hands_them_on() -> None:
    assert make_request(ENDPOINT, "t", "p").headers[-2:] == [(b"citizenship-ticket", b"t"), (b"dpop", b"p")]
    assert len(make_request(ENDPOINT).headers) == 18


def test_every_challenge_names_the_key_that_will_answer_it() -> None:
    demo, door = recorded()
    for case in CASES:
        if case.admits:
            before = len(door.senders)
            next(case.trials(demo)).decide()
            assert len(door.senders) > before
    assert None not in door.senders and len(set(door.senders)) == len(door.senders)
    captured = next(case for case in CASES if case.title == "presentation captured")
    before = len(door.requests)
    next(captured.trials(demo)).decide()
    mine, stolen = door.requests[before:]
    thumbprints = [_thumbprint_of_proof(headers(request)[b"dpop"]) for request in (mine, stolen)]
    assert thumbprints == door.senders[-2:]


def _thumbprint_of_proof(proof: bytes) -> bytes:
    header = json.loads(unbase64url(proof.partition(b".")[0]))
    return PublicKey.from_jwk(header["jwk"]).thumbprint


def test_a_bearer_ticket_is_got_and_used_without_a_key() -> None:
    demo, door = recorded()
    session = demo.session(demo.citizen(), bearer=True)
    assert door.senders == [None]
    assert b"dpop" not in headers(door.requests[-1])
    assert type(demo.ask(session.ticket, resource=BEARER).decide()) is Allow
    bound = demo.session(demo.citizen())
    assert door.senders[1] == bound.sender.public.thumbprint
    assert b"dpop" in headers(door.requests[-1])


def test_the_list_lives_a_day_and_is_fetched_each_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[Any, ...]] = []

    class Store(StatusStore):
        def ingest(self, uri: str, body: bytes, *, media_type: str | None, now: int) -> Any:
            taken.append((uri, body, media_type))
            return super().ingest(uri, body, media_type=media_type, now=now)

    monkeypatch.setattr(world, "StatusStore", Store)
    keys: list[bytes] = []
    monkeypatch.setattr(world.os, "urandom", lambda size: keys.append(bytes(size)) or bytes(range(size)))
    recorded()
    ((uri, token, media_type),) = taken
    assert (uri, media_type) == ("https://id.example/status/1", "application/statuslist+jwt")
    payload = json.loads(unbase64url(token.split(b".")[1]))
    assert (payload["ttl"], payload["exp"] - payload["iat"]) == (3_600, 86_400)
    assert [len(each) for each in keys] == [32]


@pytest.mark.parametrize("format_", Format)
def test_a_citizen_holds_more_than_he_shows(format_: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[dict[str, Any]] = []

    def prepare(citizenship: Any, **named: Any) -> Any:
        prepared.append(named)
        return prepare_attestation(citizenship, **named)

    monkeypatch.setattr(world, "prepare_attestation", prepare)
    demo, _ = recorded(format_)
    citizen = demo.citizen()
    assert prepared[0]["lifetime_s"] == 30 * 86_400
    person = prepared[0]["claims"]
    person = person["org.iso.23220.1"] if format_ is Format.MDOC else person
    assert list(person) == ["given_name", "family_name", "birthdate", "sex", "email", "address"]
    data = demo.present(citizen, demo.gateway.challenge(sender=None))
    (shown,) = open_presentation(data, format=format_)
    (held,) = open_presentation(citizen.credential.to_bytes(), format=format_)
    assert len(shown.disclosures) == (1 if format_ is Format.MDOC else 2)  # one element, and the list that it stands in
    assert len(held.disclosures) > 6


def test_the_certificates_are_those_that_the_standard_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")  # whoever reads the clock of the place is nine hours off
    time.tzset()
    try:
        before = datetime.now(UTC).replace(microsecond=0)
        pem, der, key = formats._certificates()
    finally:
        monkeypatch.undo()
        time.tzset()
    root, signer = x509.load_pem_x509_certificate(pem), x509.load_der_x509_certificate(der)
    for each, title, life in (
        (root, "Demo IACA", timedelta(days=3_650)),
        (signer, "Demo document signer", timedelta(days=450)),
    ):
        assert [(part.oid, part.value) for part in each.subject] == [
            (NameOID.COUNTRY_NAME, "US"), (NameOID.COMMON_NAME, title),
        ]  # fmt: skip
        assert each.issuer == root.subject
        start = each.not_valid_before_utc + timedelta(days=1)
        assert before <= start <= before + timedelta(seconds=30)
        assert each.not_valid_after_utc - start == life
    assert signer.public_key().public_bytes(*_POINT) == _point_of(key)
    assert {(each.oid, each.critical) for each in root.extensions} == {
        (ExtensionOID.BASIC_CONSTRAINTS, True), (ExtensionOID.KEY_USAGE, True),
        (ExtensionOID.SUBJECT_KEY_IDENTIFIER, False),
    }  # fmt: skip
    assert {(each.oid, each.critical) for each in signer.extensions} == {
        (ExtensionOID.EXTENDED_KEY_USAGE, True), (ExtensionOID.KEY_USAGE, True),
        (ExtensionOID.AUTHORITY_KEY_IDENTIFIER, False), (ExtensionOID.SUBJECT_KEY_IDENTIFIER, False),
    }  # fmt: skip
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert _usages(root) == {"key_cert_sign", "crl_sign"}
    assert _usages(signer) == {"digital_signature"}


_POINT: Final = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _point_of(key: LocalKey) -> bytes:
    jwk = key.public.to_jwk()
    return b"\x04" + unbase64url(jwk["x"]) + unbase64url(jwk["y"])


def _usages(certificate: x509.Certificate) -> set[str]:
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign")  # fmt: skip
    return {name for name in names if getattr(usage, name)}


# --- the floor ---


def test_the_floor_of_a_proof_loads_a_key_where_it_is_new() -> None:
    key = LocalKey.generate("ES256")
    proof = make_proof(key, ENDPOINT)
    known, new = proof_floor(proof, key.public), proof_floor(proof, key.public, load=True)
    for each in (known, new):
        each.run()
        assert len(each.verifies) == 1 and not each.digests
    assert (list(known.loads), list(new.loads)) == ([], [_point_of(key)])
    wrong = proof_floor(proof, LocalKey.generate("ES256").public)
    with pytest.raises(InvalidSignature):
        wrong.run()


@pytest.mark.parametrize("format_", Format)
def test_the_floor_of_each_case(format_: Format) -> None:
    """How many signatures it verifies, keys it loads and digests it makes: no less than any implementation must."""
    demo, _ = recorded(format_)
    found = {}
    for case in CASES:
        trial = next(case.trials(demo))
        each = trial.floor() if trial.floor else floor.Floor([])
        each.run()
        found[case.title] = (len(each.verifies), len(each.loads), len(each.digests))
    proof, posted = (1, 0, 0), (1, 1, 0)
    assert found == {
        "ticket, bearer": (0, 0, 0),
        "ticket with DPoP proof": proof,
        "presentation, V1 to V9": (3, 2, {Format.SD_JWT_VC: 3, Format.SD_CWT: 2, Format.MDOC: 1}[format_]),
        "citizen of France": proof,
        "revoked in mid-session": proof,
        "no credential": (0, 0, 0),
        "stolen ticket, no proof": (0, 0, 0),
        "stolen ticket, own proof": proof,
        "request replayed": proof,
        "presentation relayed": posted,
        "presentation captured": posted,
    }


# --- measuring ---


def test_a_percentile_is_a_time_that_was_measured() -> None:
    times = list(range(101, 0, -1))
    assert [measure.percentile(times, each) for each in (1, 50, 99, 100)] == [2, 51, 100, 101]
    assert [measure.percentile([7], each) for each in (1, 100)] == [7, 7]


def measured(trials: int, *, floors: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[measure.CaseReport, list[int]]:
    """Measure a case of which each trial takes 1,000 ns more than the one before, and a floor 1 ns more."""
    moment, ran = 0, []

    def clock() -> int:
        return moment

    def decide(number: int) -> Any:
        nonlocal moment
        moment += 1_000 * (number + 1)
        return SimpleNamespace(reason=Reason.EXPIRED) if number % 100 == 50 else SimpleNamespace(reason=None)

    def run(number: int) -> None:
        nonlocal moment
        ran.append(number)
        moment += len(ran)

    def made(_: World) -> Iterator[Trial]:
        for number in range(10**6):
            beside = SimpleNamespace(run=lambda number=number: run(number))
            yield Trial(lambda number=number: decide(number), (lambda beside=beside: beside) if floors else None)

    monkeypatch.setattr(measure.time, "perf_counter_ns", clock)
    case = Case(0, "a case", False, SimpleNamespace, None, made)
    advanced: list[None] = []
    report = measure._measure(case, None, trials, 10**9, lambda: advanced.append(None))
    monkeypatch.undo()
    assert len(advanced) == trials
    return report, ran


def test_every_trial_is_timed_and_every_tenth_has_a_floor_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    report, ran = measured(2_000, floors=True, monkeypatch=monkeypatch)
    assert ran == list(range(0, 2_000, 10))
    assert (report.p50_ns, report.p99_ns) == (1_000_000, 1_980_000)
    assert (report.floor_ns, report.floor_p99_ns) == (100, 198)
    assert (report.count, report.wrong, report.first_wrong) == (2_000, 20, "SimpleNamespace expired")
    assert (report.title, report.decision, report.reason, report.budget_ns) == ("a case", "SimpleNamespace", "", 10**9)
    report, ran = measured(10, floors=False, monkeypatch=monkeypatch)
    assert (report.floor_ns, report.floor_p99_ns, report.wrong, report.first_wrong, ran) == (None, None, 0, "", [])


def test_a_budget_is_counted_in_nanoseconds() -> None:
    rows = [measure.Row(f"row {number}", 1.0, 5.0 + number) for number in range(4)]
    report = _demo.run(authorizations=1, admissions=1, rows=rows, format=Format.SD_JWT_VC)
    assert report.ok and [row for row, _ in report.rows] == rows
    for number, (_, found) in enumerate(report.rows):
        assert {each.budget_ns for each in found} == {(5 + number) * 10**9}
    assert [[each.title for each in found] for _, found in report.rows] == [
        [case.title for case in CASES if case.row == number] for number in range(4)
    ]
    assert table._time(10**12) == "1000000.00 ms"
