"""What always holds: one property for each I-number of specs/invariants.md.

Each test says its invariant over generated input and nothing else; examples and corner cases stand in the tests of the
modules. The world is the one of `builders`, with a gateway beside it whose clock the test moves.

Spec: specs/invariants.md.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import pickle
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import builders as b
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from citizenid import (
    ANY,
    Assurance,
    Attestation,
    Challenge,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    MalformedError,
    NeedStatusList,
    Reason,
    Serialization,
    Status,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Validity,
    VerificationError,
)
from citizenid.gateway import (
    AdmissionPolicy,
    Admitted,
    Allow,
    Binding,
    Deny,
    Gateway,
    MemoryReplayGuard,
    NeedPresentation,
    Request,
)
from citizenid.gateway.ticket import TicketContents, TicketKeys, assurance_hash, fit, type_hash
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.policy import Facts, Verdict
from citizenid.status import StatusPublisher, StatusStore, VerifiedStatusList, verify_status_list
from citizenid.verifier import VerifiedCredential, VerifiedPresentation, open_presentation, verify_credential

COUNTRIES: Final = st.sampled_from(Country.all())
COUNTRY_LISTS: Final = st.lists(COUNTRIES, max_size=6, unique=True)
SERIALIZATIONS: Final = st.sampled_from(Serialization)
JSON_VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
MARKER: Final = "planted-3f9c"  # what must be seen in no refusal


def _verdict(call: Callable[[], Any]) -> tuple[str, str, str]:
    """Say how a verification ended, in a form that can be compared."""
    try:
        result = call()
    except (MalformedError, VerificationError) as error:
        return type(error).__name__, error.reason.value, error.step
    if isinstance(result, NeedStatusList):
        return "NeedStatusList", result.reason.value, ""
    proven = result.citizenship
    shown = (proven.nationalities, proven.citizenships, proven.complete)
    return type(result).__name__, repr(sorted(result.attestation.claims)), repr(shown)


@cache
def _good() -> bytes:
    shown = b.disclosure("c2FsdC1vZi0xNi1ieXRlcw", "given_name", "Ada")
    return b.make(payload={"_sd": [b.digest(shown)]}, disclosures=[shown])


# --- the world of a gateway ---


class Clock:
    """Wall and monotonic time that move together, by hand."""

    def __init__(self) -> None:
        self.now = b.NOW

    def __call__(self) -> int:
        return self.now


POLICY: Final = """
version = 1
[[rule]]
resource = "bound"
nationality = ["US"]
[[rule]]
resource = "bearer"
nationality = ["US"]
binding = "bearer"
[[rule]]
resource = "open"
anyone = true
"""
ENDPOINT: Final = b.AUDIENCE + "/citizenship"


class World:
    """One gateway, one wallet with a US credential, one status list."""

    def __init__(self, anchors: TrustAnchors | None = None) -> None:
        self.clock = Clock()
        self.statuses = b.statuses()
        self.gateway = Gateway(
            audience=b.AUDIENCE,
            external_url=b.AUDIENCE,
            anchors=anchors or b.anchors(),
            policy=AdmissionPolicy.from_toml(POLICY),
            ticket_keys=[b"k" * 32],
            statuses=self.statuses,
            replay=MemoryReplayGuard(monotonic=self.clock),
            clock=self.clock,
            monotonic=self.clock,
        )

    def request(
        self, *, ticket: str | None = None, sender: LocalKey | None = None, url: str = b.AUDIENCE + "/v1"
    ) -> Request:
        headers = []
        if ticket is not None:
            headers.append((b"Citizenship-Ticket", ticket.encode()))
        if sender is not None:
            proof = dpop_proof(sender, method="POST", url=url, ticket=ticket, now=self.clock.now)
            headers.append((b"DPoP", proof.encode()))
        return Request("POST", url, headers)

    def present(self, challenge: Challenge, payload: Mapping[str, Any] | None = None) -> bytes:
        kb = {"nonce": challenge.nonce, "iat": self.clock.now}
        return b.make(payload=payload, kb=kb)

    def admit(self, sender: LocalKey | None, payload: Mapping[str, Any] | None = None) -> Admitted:
        challenge = self.gateway.challenge(sender=None if sender is None else sender.public.thumbprint)
        result = self.gateway.admit(
            self.present(challenge, payload),
            format=Format.SD_JWT_VC,
            challenge=challenge.to_text(),
            request=self.request(sender=sender, url=ENDPOINT),
        )
        assert type(result) is Admitted, result
        return result


SENDER: Final = b.key("sender", "Ed25519")
THIEF: Final = b.key("thief", "Ed25519")


# --- whatever comes in ---


@st.composite
def hostile(draw: st.DrawFn) -> bytes | str:
    """Bytes from nowhere, or a good presentation after an accident."""
    good = _good()
    if draw(st.booleans()):
        return draw(st.binary(max_size=200) | st.text(max_size=200))
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 40)))
    return good[:start] + draw(st.binary(max_size=20) | st.sampled_from([b"~", b".", b"", b"~~", b"e30"])) + good[end:]


@given(hostile(), SERIALIZATIONS)
def test_i01_any_bytes_give_a_verdict(data: bytes | str, serialization: Serialization) -> None:
    doors: list[Callable[[], Any]] = [
        lambda: b.verify(data, serialization=serialization),
        lambda: Credential.receive(
            data, format=Format.SD_JWT_VC, anchors=b.anchors(), now=b.NOW, serialization=serialization
        ),
        lambda: b.statuses().ingest(b.STATUS_URI, data, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW),
        lambda: Challenge.from_text(data if isinstance(data, str) else data.decode("latin-1")),
    ]
    for door in doors:
        try:
            result = door()
        except (MalformedError, VerificationError) as error:
            assert type(error.reason) is Reason
        else:
            assert result is None or isinstance(result, (VerifiedPresentation, NeedStatusList, Credential, Challenge))


HEADER_NAMES: Final = st.sampled_from([b"citizenship-ticket", b"DPoP", b"Citizenship-Ticket", b"authorization"])
VALUES: Final = st.binary(max_size=60) | st.none() | st.integers() | st.text(max_size=20)


@given(
    st.lists(st.tuples(HEADER_NAMES, VALUES) | VALUES, max_size=4),
    st.sampled_from(["POST", "GET"]) | VALUES,
    st.sampled_from([ENDPOINT, "/", "https://["]) | VALUES,
    st.sampled_from(["bound", "bearer", "open", ""]) | VALUES,
    hostile(),
)
def test_i02_any_request_gives_a_result(
    headers: list[Any], method: Any, url: Any, resource: Any, data: bytes | str
) -> None:
    world = World()
    request = Request(method, url, headers)
    decided = world.gateway.authorize(request, resource=resource)
    assert type(decided) in (Allow, Deny, NeedPresentation, NeedStatusList)
    if type(decided) is Allow:
        assert resource == "open"
    else:
        assert decided.http().status in (401, 403, 503)
    for challenge in (world.gateway.challenge(sender=None).to_text(), "x"):
        admitted = world.gateway.admit(data, format=Format.SD_JWT_VC, challenge=challenge, request=request)
        assert type(admitted) in (Deny, NeedStatusList)
    body = data if isinstance(data, bytes) else data.encode("utf-8", "replace")
    assert world.gateway.admit_http(request, body).status in (401, 403, 503)


@given(st.data())
def test_i03_no_bit_of_a_presentation_can_be_changed(data: st.DataObject) -> None:
    good = _good()
    position = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((MalformedError, VerificationError)):
        b.verify(bytes(changed))


# --- the holder's choice ---


NAMES: Final = ("given_name", "birthdate", "address", "nationalities", "sub")


def _person(nationalities: list[Country]) -> dict[str, Any]:
    return {
        "given_name": "secret-given",
        "birthdate": "secret-birth",
        "address": {"locality": "secret-town", "street": ["secret-street"]},
        "sub": "secret-subject",
        "nationalities": [country.alpha2 for country in nationalities],
    }


def _credential(claims: Mapping[str, Any], status: int = b.VALID_INDEX) -> Credential:
    attestation = Attestation(
        type=b.VCT,
        issuer=b.ISSUER,
        claims=claims,
        validity=Validity(UnixTime(b.NOW - 60), None, UnixTime(b.NOW + 86_400)),
        holder_key=b.key("holder").public,
        status=(StatusReference(b.STATUS_URI, status),),
    )
    issuer = Issuer(identifier=b.ISSUER, key=b.key("issuer"), kid="k1")
    data = issuer.issue(attestation, format=Format.SD_JWT_VC)
    return Credential.receive(data, format=Format.SD_JWT_VC, anchors=b.anchors(), now=b.NOW)


def _show(credential: Credential, names: Any) -> bytes:
    return credential.present(names, challenge=b.challenge(), key=b.key("holder"), peer=b.AUDIENCE, now=b.NOW)


@given(st.sets(st.sampled_from(NAMES)))
def test_i04_what_is_withheld_is_not_there(shown: set[str]) -> None:
    credential = _credential(_person([Country("US"), Country("FR")]))
    presentation = _show(credential, shown)
    (framed,) = open_presentation(presentation, format=Format.SD_JWT_VC)
    (whole,) = open_presentation(credential.to_bytes(), format=Format.SD_JWT_VC)
    readable = b"".join(map(b.unbase64url, framed.disclosures)) + framed.credential.payload
    hidden = [text for text in whole.disclosures if text not in framed.disclosures]
    for text in hidden:
        salt = b.unbase64url(text).split(b'"')[1]
        assert text not in presentation
        assert salt not in readable
    for name in set(NAMES) - shown:
        for secret in {
            "given_name": ["given"],
            "birthdate": ["birth"],
            "address": ["town", "street"],
            "sub": ["subject"],
        }.get(name, []):
            assert f"secret-{secret}".encode() not in readable


@given(st.sets(st.sampled_from([0, 1, 2])), st.booleans())
def test_i10_showing_less_never_proves_more(shown: set[int], complete: bool) -> None:
    claims = {"nationalities": ["US", "FR", "DE"], "citizenships": ["FR"], "nationalities_complete": complete}
    credential = _credential(claims)
    everything = b.accepted(_show(credential, list(claims))).citizenship
    flags = ["nationalities_complete", *(("nationalities", index) for index in shown)]
    partly = b.accepted(_show(credential, flags)).citizenship
    assert everything.complete is complete
    assert partly.all_nationalities <= everything.all_nationalities
    assert set(partly.citizenships) <= set(everything.citizenships)
    assert not partly.complete or (complete and shown == {0, 1, 2})


@given(
    st.dictionaries(st.text(min_size=1, max_size=6).filter(lambda n: n[0] not in "_."), JSON_VALUES, max_size=4),
    COUNTRY_LISTS,
    st.booleans(),
    st.sampled_from(["sha-256", "sha-384", "sha-512"]),
    st.integers(0, 3),
    SERIALIZATIONS,
)
def test_i18_what_is_issued_is_what_is_verified(
    further: dict[str, Any],
    countries: list[Country],
    rated: bool,
    hash_algorithm: str,
    decoys: int,
    serialization: Serialization,
) -> None:
    reserved = {"iss", "aud", "exp", "nbf", "iat", "cnf", "vct", "status", "assurance", "nationalities", "citizenships"}
    assume(reserved.isdisjoint(further))
    attestation = prepare_attestation(
        Citizenship(countries, countries[:1]),
        issuer=b.ISSUER,
        holder_key=b.key("holder").public,
        now=b.NOW,
        lifetime_s=3_600,
        status=StatusReference(b.STATUS_URI, b.VALID_INDEX),
        format=Format.SD_JWT_VC,
        claims=further,
        assurance=Assurance("eidas", "high") if rated else None,
    )
    data = Issuer(identifier=b.ISSUER, key=b.key("issuer"), kid="k1").issue(
        attestation,
        format=Format.SD_JWT_VC,
        decoys=decoys,
        hash_algorithm=hash_algorithm,
        serialization=serialization,
    )
    credential = Credential.receive(
        data, format=Format.SD_JWT_VC, anchors=b.anchors(), now=b.NOW, serialization=serialization
    )
    shown = _show(credential, list(attestation.claims))
    verified = b.accepted(shown)
    assert verified.attestation == attestation
    assert verified.citizenship == Citizenship(countries, countries[:1])
    assert verified.status is Status.VALID


# --- a verdict and what it depends on ---


FAULTS: Final[dict[str, dict[str, Any]]] = {
    "V1": {"header": {"alg": "none"}},
    "V2": {"header": {"kid": "nobody"}},
    "V3": {"sign": lambda data: bytes(64)},
    "V4": {"header": {"typ": "JWT"}},
    "V5": {"payload": {"vct": "urn:other"}},
    "V6": {"payload": {"exp": b.NOW}},
    "V7": {"kb": {"nonce": "another-nonce"}},
    "V8": {"kb_signer": b.key("thief-es256")},
    "V9": {"payload": {"status": b.status_claim(b.REVOKED_INDEX)}},
}


def _faulty(steps: Any) -> bytes:
    arguments: dict[str, Any] = {}
    for step in steps:
        for name, value in FAULTS[step].items():
            arguments[name] = {**arguments.get(name, {}), **value} if isinstance(value, dict) else value
    return b.make(**arguments)


@given(st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=3, unique=True), st.sampled_from([0, 3]))
def test_i05_a_verdict_depends_on_the_arguments_alone(steps: list[str], dropped: int) -> None:
    data = _faulty(steps[:dropped])
    store, anchors = b.statuses(), b.anchors_for(b.key("issuer").public)
    first = _verdict(lambda: b.verify(data))
    assert _verdict(lambda: b.verify(data)) == first
    assert _verdict(lambda: b.verify(data.decode(), statuses=store, anchors=anchors)) == first


class DictCache:
    """The simplest cache there is: it forgets nothing."""

    def __init__(self) -> None:
        self.held: dict[bytes, Any] = {}

    def get(self, key: bytes, /) -> Any:
        return self.held.get(key)

    def put(self, key: bytes, value: Any, /) -> None:
        self.held[key] = value


_CACHE: Final = DictCache()  # one for all examples: what one leaves behind must not help or harm the next


@given(
    st.lists(st.sampled_from(sorted(FAULTS)), max_size=2, unique=True),
    st.sampled_from([b.NOW, b.NOW - 10_000, b.NOW + 31 * 86_400]),
    st.sampled_from([ANY, (Country("FR"),)]),
    st.booleans(),
)
def test_i06_a_cache_changes_no_verdict(steps: list[str], now: int, countries: Any, tight: bool) -> None:
    data = _faulty(steps) if steps else _good()
    arguments = {
        "now": now,
        "anchors": b.anchors_for(b.key("issuer").public, countries=countries),
        "limits": Limits(depth=1) if tight else Limits(),
    }
    without = _verdict(lambda: b.verify(data, **arguments))
    assert _verdict(lambda: b.verify(data, **arguments, cache=_CACHE)) == without
    assert _verdict(lambda: b.verify(data, **arguments, cache=_CACHE)) == without


@given(st.sets(st.sampled_from(sorted(FAULTS)), min_size=1))
def test_i07_the_first_step_that_fails_decides(steps: set[str]) -> None:
    with pytest.raises((MalformedError, VerificationError)) as caught:
        b.verify(_faulty(steps))
    assert caught.value.step == min(steps)


@st.composite
def marked(draw: st.DrawFn) -> bytes:
    """A presentation with the marker in one place or another, most of them wrong."""
    place = draw(
        st.sampled_from(
            [
                "kid",
                "typ",
                "alg",
                "iss",
                "vct",
                "nationalities",
                "cnf",
                "status",
                "nonce",
                "aud",
                "disclosure",
                "claim",
                "raw",
                "duplicate",
            ]
        )
    )
    if place in ("kid", "typ", "alg"):
        return b.make(header={place: MARKER})
    if place in ("iss", "vct"):
        return b.make(payload={place: MARKER})
    if place == "nationalities":
        return b.make(payload={"nationalities": [MARKER]})
    if place == "cnf":
        return b.make(payload={"cnf": {"jwk": {"kty": MARKER}}})
    if place == "status":
        return b.make(payload={"status": {MARKER: {"uri": MARKER}}})
    if place in ("nonce", "aud"):
        return b.make(kb={place: MARKER})
    if place == "disclosure":
        return b.make(disclosures=[b.disclosure(MARKER, MARKER, MARKER)])
    if place == "claim":
        return b.make(payload={MARKER: MARKER, "exp": b.NOW - 1})
    if place == "raw":
        return MARKER.encode() + b"~" + MARKER.encode()
    return b.make(payload=b'{"%s":1,"%s":2}' % (MARKER.encode(), MARKER.encode()))


def _texts(error: BaseException) -> Iterator[str]:
    yield from (str(error), repr(error), repr(error.args), repr(vars(error)))


@given(marked())
def test_i08_a_refusal_carries_nothing_of_the_input(data: bytes) -> None:
    with pytest.raises((MalformedError, VerificationError)) as caught:
        b.verify(data)
    error = caught.value
    assert error.__cause__ is None and error.__context__ is None
    for text in _texts(error):
        assert MARKER not in text
        assert b.base64url(MARKER.encode()).decode() not in text
    assert MARKER not in repr(Deny.of(error)) + Deny.of(error).http().body.decode()


AROUND: Final = st.sampled_from([-100, -61, -60, -31, -30, -2, -1, 0, 1, 2, 29, 30, 31, 59, 60, 61, 100]).map(
    lambda offset: b.NOW + offset
)


@given(AROUND, st.none() | AROUND, AROUND, st.sampled_from([0, 1, 30, 60]))
def test_i09_valid_from_the_first_second_to_before_the_last(
    issued_at: int, not_before: int | None, not_after: int, skew: int
) -> None:
    assume((issued_at if not_before is None else not_before) < not_after)
    payload = {"iat": issued_at, "exp": not_after, "nbf": b.ABSENT if not_before is None else not_before}
    valid = issued_at <= b.NOW + skew and (not_before is None or not_before <= b.NOW) and not_after > b.NOW
    verdict = _verdict(lambda: b.verify(b.make(payload=payload), limits=Limits(clock_skew_s=skew)))
    assert (verdict[0] == "VerifiedPresentation") is valid
    if not valid:
        assert verdict[2] == "V6"


@given(COUNTRY_LISTS, COUNTRY_LISTS, st.lists(COUNTRIES, min_size=1, max_size=6), st.booleans())
def test_i11_an_anchor_proves_its_own_countries_alone(
    nationalities: list[Country], citizenships: list[Country], permitted: list[Country], complete: bool
) -> None:
    payload = {
        "nationalities": [country.alpha2 for country in nationalities],
        "citizenships": [country.alpha2 for country in citizenships],
        "nationalities_complete": complete,
    }
    anchors = b.anchors_for(b.key("issuer").public, countries=permitted)
    verdict = _verdict(lambda: b.verify(b.make(payload=payload), anchors=anchors))
    stated = set(nationalities + citizenships)
    if stated and stated.isdisjoint(permitted):
        assert verdict == ("VerificationError", "country_not_allowed", "V5")
        return
    proven = b.accepted(b.make(payload=payload), anchors=anchors).citizenship
    assert proven.nationalities == tuple(each for each in nationalities if each in permitted)
    assert proven.citizenships == tuple(each for each in citizenships if each in permitted)
    # A list that a citizenship beside it contradicts is not complete either.
    assert proven.complete is (complete and set(citizenships) <= set(nationalities) and stated <= set(permitted))


# --- status ---


@given(st.integers(0, b.STATUS_SIZE - 1), st.sampled_from([1, 2, 3, 15]), st.booleans())
def test_i12_a_revocation_refuses_the_next_request(index: int, value: int, bearer: bool) -> None:
    world = World()
    fresh = {"iat": b.NOW - 5, "exp": b.NOW + 86_400}
    world.statuses.ingest(b.STATUS_URI, b.status_token({}, payload=fresh), media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
    payload = {"status": b.status_claim(index)}
    sender = None if bearer else SENDER
    ticket = world.admit(sender, payload).ticket
    resource = "bearer" if bearer else "bound"
    assert type(world.gateway.authorize(world.request(ticket=ticket, sender=sender), resource=resource)) is Allow
    later = {"iat": b.NOW - 4, "exp": b.NOW + 86_400}
    token = b.status_token({index: value}, payload=later)
    world.statuses.ingest(b.STATUS_URI, token, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
    decided = world.gateway.authorize(world.request(ticket=ticket, sender=sender), resource=resource)
    expected = {1: Reason.REVOKED, 2: Reason.SUSPENDED}.get(value, Reason.STATUS_NOT_VALID)
    assert type(decided) is Deny
    assert (decided.reason, decided.step) == (expected, "V9")
    b.refused(b.make(payload=payload), expected, "V9", statuses=world.statuses)


@given(st.lists(st.tuples(st.integers(-200, 40), st.integers(0, 1)), max_size=8))
def test_i16_a_status_list_never_goes_back(arrivals: list[tuple[int, int]]) -> None:
    store = StatusStore(anchors=b.status_anchors(), limits=Limits(status_age_s=100))
    held: tuple[int, int] | None = None
    reference = StatusReference(b.STATUS_URI, 0)
    for offset, value in arrivals:
        token = b.status_token({0: value}, payload={"iat": b.NOW + offset})
        try:
            store.ingest(b.STATUS_URI, token, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
            accepted = True
        except VerificationError:
            accepted = False
        fits = offset <= 30 and (offset >= -100 if held is None else offset > held[0] or (offset, value) == held)
        assert accepted is fits
        held = (offset, value) if accepted else held
        answer = store.check(reference, issuer=b.ISSUER, now=b.NOW)
        if held is None:
            assert isinstance(answer, NeedStatusList)
        else:
            assert answer is Status(held[1])


@given(st.data())
def test_i17_an_index_is_given_once_and_a_revocation_stays(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    publisher = StatusPublisher(
        uri=b.STATUS_URI, size=size, bits=2, randbelow=lambda bound: data.draw(st.integers(0, bound - 1))
    )
    references = [publisher.allocate() for _ in range(size)]
    assert sorted(reference.index for reference in references) == list(range(size))
    b.misused(Reason.STATUS_LIST_FULL, publisher.allocate)
    revoked = set()
    for index, change in data.draw(
        st.lists(st.tuples(st.integers(0, min(size, 2) - 1), st.integers(0, 2)), max_size=8)
    ):
        act = (publisher.revoke, publisher.suspend, publisher.reinstate)[change]
        if change and index in revoked:
            with pytest.raises(CitizenIDError):
                act(references[index])
        else:
            act(references[index])
            revoked |= {index} if change == 0 else set()
        assert all(publisher.status(references[each]) is Status.INVALID for each in revoked)


# --- tickets and proofs ---


@given(st.sampled_from(["none", "thief", "other-ticket", "other-method", "other-url", "old", "again"]))
def test_i13_a_ticket_serves_its_sender_alone(theft: str) -> None:
    world = World()
    ticket = world.admit(SENDER).ticket
    url, now = b.AUDIENCE + "/v1", world.clock.now
    good: dict[str, Any] = {"method": "POST", "url": url, "ticket": ticket, "now": now}
    changes: dict[str, dict[str, Any]] = {
        "other-ticket": {"ticket": world.admit(SENDER).ticket},
        "other-method": {"method": "GET"},
        "other-url": {"url": url + "x"},
        "old": {"now": now - 61},
    }
    headers = [(b"Citizenship-Ticket", ticket.encode())]
    if theft != "none":
        proof = dpop_proof(THIEF if theft == "thief" else SENDER, **(good | changes.get(theft, {})))
        headers.append((b"DPoP", proof.encode()))
    request = Request("POST", url, headers)
    if theft == "again":
        assert type(world.gateway.authorize(request, resource="bound")) is Allow
    for resource in ("bound", "bearer"):
        decided = world.gateway.authorize(request, resource=resource)
        assert type(decided) is Deny
        assert decided.step in ("proof", "replay")
        assert decided.http().status == 401


def _contents(citizenship: Citizenship, sender: bytes, statuses: int) -> TicketContents:
    return TicketContents(
        expires_at=b.NOW + 60,
        session_id=b"s" * 16,
        anchor=b"a" * 16,
        format=Format.SD_JWT_VC,
        type_hash=type_hash(b.VCT),
        assurance=assurance_hash(None),
        admitted_at=b.NOW,
        evidence_at=b.NOW - 60,
        nationalities=citizenship.all_nationalities,
        citizenships=frozenset(citizenship.citizenships),
        complete=citizenship.complete,
        binding=Binding.DPOP,
        sender=sender,
        statuses=((b"l" * 16, 7),) * statuses,
    )


@given(
    st.lists(COUNTRIES, max_size=6, unique=True),
    st.integers(0, 6),
    st.integers(0, 9),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2),
)
def test_i14_a_ticket_has_one_length(
    countries: list[Country], citizens: int, proven: int, sender: bytes, statuses: int
) -> None:
    keys = TicketKeys((b"k" * 32,), b.AUDIENCE)
    stated = Citizenship(countries, countries[:citizens], True)
    kept = fit(stated, Citizenship(countries[:proven], countries[: min(citizens, proven)]))
    contents = _contents(kept, sender, statuses)
    sealed = keys.seal(contents, b"n" * 12)
    assert len(sealed) == len(keys.seal(_contents(Citizenship(), bytes(32), 0), bytes(12)))
    assert keys.open(sealed.encode()) == contents
    assert contents.nationalities <= stated.all_nationalities
    assert contents.citizenships <= set(stated.citizenships)
    assert contents.complete is (len(countries) <= 6)
    assert contents.nationalities >= set(countries[:proven][:6])  # what is proven is what has room first


@given(st.booleans(), st.integers(2, 4))
def test_i15_a_presentation_is_admitted_once(bearer: bool, times: int) -> None:
    world = World()
    sender = None if bearer else SENDER
    challenge = world.gateway.challenge(sender=None if sender is None else sender.public.thumbprint)
    data = world.present(challenge)
    results = [
        world.gateway.admit(
            data,
            format=Format.SD_JWT_VC,
            challenge=challenge.to_text(),
            request=world.request(sender=sender, url=ENDPOINT),
        )
        for _ in range(times)
    ]
    assert type(results[0]) is Admitted
    assert all(type(result) is Deny and result.reason is Reason.REPLAYED for result in results[1:])


@given(st.data())
def test_i28_a_ticket_opens_as_it_was_sealed_or_not_at_all(data: st.DataObject) -> None:
    keys = TicketKeys((b"k" * 32,), b.AUDIENCE)
    sealed = keys.seal(_contents(Citizenship([Country("US")]), b"p" * 32, 1), b"n" * 12).encode()
    others = (TicketKeys((b"o" * 32,), b.AUDIENCE), TicketKeys((b"k" * 32,), b.AUDIENCE + "2"))
    for other in others:
        b.raises(Reason.TICKET_INVALID, "ticket", functools.partial(other.open, sealed))
    position = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    b.raises(Reason.TICKET_INVALID, "ticket", lambda: keys.open(bytes(changed)))


@given(st.sampled_from(["removed", "countries", "window", "other-key"]))
def test_i29_a_ticket_ends_with_the_trust_it_stands_on(change: str) -> None:
    world = World()
    ticket = world.admit(None).ticket
    assert type(world.gateway.authorize(world.request(ticket=ticket), resource="bearer")) is Allow
    public = b.key("issuer").public
    anchors = {
        "removed": TrustAnchors(),
        "countries": b.anchors_for(public, countries=(Country("US"),)),
        "window": b.anchors_for(public, not_after=b.NOW + 1),
        "other-key": b.anchors_for(b.key("another-issuer").public),
    }[change]
    world.gateway.reload(anchors=anchors)
    decided = world.gateway.authorize(world.request(ticket=ticket), resource="bearer")
    assert type(decided) is NeedPresentation
    assert decided.reason is Reason.ANCHOR_REMOVED


# --- keys, slots and spellings ---


ALGORITHMS: Final = st.sampled_from(["ES256", "ES384", "Ed25519", "ML-DSA-44"])


@given(ALGORITHMS, ALGORITHMS, st.booleans())
def test_i19_the_key_decides(trusted: str, claimed: str, same_key: bool) -> None:
    signer = b.key("key-decides", trusted)
    anchors = b.anchors_for(signer.public)
    other = signer if same_key else b.key("key-decides-not", claimed)
    data = b.make(header={"alg": claimed}, signer=other)
    verdict = _verdict(lambda: b.verify(data, anchors=anchors))
    if claimed != trusted:
        assert verdict[1:] == ("algorithm_mismatch", "V3")
    elif same_key:
        assert verdict[0] == "VerifiedPresentation"
    else:
        assert verdict[1:] == ("signature_invalid", "V3")


def _verified() -> tuple[VerifiedPresentation, VerifiedCredential, VerifiedStatusList]:
    presentation = b.accepted(_good())
    (framed,) = open_presentation(_good(), format=Format.SD_JWT_VC)
    credential = verify_credential(framed, anchors=b.anchors(), now=b.NOW)
    token = verify_status_list(
        b.status_token(), uri=b.STATUS_URI, media_type=b.STATUS_MEDIA_TYPE, anchors=b.status_anchors(), now=b.NOW
    )
    return presentation, credential, token


@given(st.integers(0, 2), st.integers(0, 5))
def test_i20_only_verification_makes_what_is_verified(which: int, attempt: int) -> None:
    value: Any = _verified()[which]
    kind: Any = type(value)
    arguments = [getattr(value, field.name) for field in dataclasses.fields(value)]
    attempts: list[Callable[[], Any]] = [
        lambda: kind(*arguments, object()),
        lambda: copy.copy(value),
        lambda: copy.deepcopy(value),
        lambda: pickle.dumps(value),
        lambda: dataclasses.replace(value),
        lambda: type("Copy", (kind,), {}),
    ]
    with pytest.raises((TypeError, ValueError)):
        attempts[attempt]()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, None)


def _containers(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield value
        for item in value.values():
            yield from _containers(item)
    elif isinstance(value, (list, tuple)):
        yield value
        for item in value:
            yield from _containers(item)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON_VALUES, min_size=1))
def test_i21_claims_are_frozen_to_the_bottom(claims: dict[str, Any]) -> None:
    verified = b.accepted(b.make(payload=claims)).attestation.claims
    for container in _containers(verified):
        assert not hasattr(container, "__setitem__")
        assert not hasattr(container, "append")
    made = Attestation(type="t", issuer="i", claims=claims, validity=Validity(None, None, UnixTime(1)))
    before = repr(made.claims)
    for container in list(_containers(claims)):
        if isinstance(container, (dict, list)):
            container.clear()
    assert repr(made.claims) == before


RULES: Final = st.lists(st.sampled_from(["US", "FR", "DE", "GB"]), min_size=1, unique=True)


@given(
    RULES,
    st.integers(0, 3),
    st.sampled_from(["citizenship", "nationality"]),
    COUNTRY_LISTS,
    st.integers(0, 6),
    st.booleans(),
)
def test_i22_a_narrower_rule_never_permits_more(
    codes: list[str], kept: int, condition: str, countries: list[Country], citizens: int, bound: bool
) -> None:
    facts = Facts(
        frozenset(countries) | {Country("US")},
        frozenset(countries[:citizens]),
        Binding.DPOP if bound else Binding.BEARER,
        100,
    )

    def permitted(**keys: Any) -> bool:
        lines = "".join(
            f"{name} = {str(value).lower() if value is True else repr(value)}\n" for name, value in keys.items()
        )
        policy = AdmissionPolicy.from_toml(f'version = 1\n[[rule]]\nresource = "r"\n{lines}'.replace("'", '"'))
        return policy.decide("r", facts).permitted

    wide = {condition: codes, "binding": "bearer"}
    narrower: list[dict[str, Any]] = [
        {"citizenship": codes, "binding": "bearer"},
        {**wide, "binding": "dpop"},
        {**wide, "max_admission_age_s": 99},
    ]
    if codes[:kept]:
        narrower.append({**wide, condition: codes[:kept]})
    for rule in narrower:
        assert not permitted(**rule) or permitted(**wide)
    assert not permitted(**{**wide, "max_admission_age_s": 99})
    assert bound or not permitted(**{**wide, "binding": "dpop"})
    assert permitted(anyone=True)


@pytest.mark.parametrize("name", ["presentation_bytes", "disclosures", "digests", "depth", "header_bytes"])
@given(bound=st.integers(1, 6))
def test_i23_what_exceeds_its_bound_is_refused(name: str, bound: int) -> None:
    shown = [b.disclosure(f"salt{number}", f"n{number}", number) for number in range(bound + 1)]
    nested: Any = "x"
    for _ in range(bound):
        nested = [nested]
    inputs = {
        "presentation_bytes": b.make(),
        "disclosures": b.make(payload={"_sd": [b.digest(text) for text in shown]}, disclosures=shown),
        "digests": b.make(payload={"_sd": [f"d{number}" for number in range(bound + 1)]}),
        "depth": b.make(payload={"x": nested}),
        "header_bytes": b.make(),
    }
    reason = {"disclosures": "limit_exceeded", "digests": "limit_exceeded", "depth": "depth_exceeded"}
    verdict = _verdict(lambda: b.verify(inputs[name], limits=Limits(**{name: bound})))
    assert verdict[1] == reason.get(name, "input_too_large")
    assert verdict[2] == ("V4" if name in ("digests", "depth") else "V1")


ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.data())
def test_i24_one_thing_has_one_spelling(data: st.DataObject) -> None:
    good = _good().decode()
    position = data.draw(st.integers(0, len(good)))
    inserted = data.draw(st.sampled_from(["=", "\n", " ", "\r\n", "\x00", "\t", "~", ".", "\ufeff", "-", "A"]))
    variants = [
        good[:position] + inserted + good[position:],
        good[:position] + good[position:].replace("-", "+", 1).replace("_", "/", 1),
        good + inserted,
        inserted + good,
        # The stray bits of a last character: another spelling of the same signature.
        good[:-1] + data.draw(st.sampled_from(ALPHABET)),
    ]
    for variant in variants:
        if variant != good:
            with pytest.raises((MalformedError, VerificationError)):
                b.verify(variant)


@given(st.integers(0, 12))
def test_i25_no_result_has_a_truth_value(which: int) -> None:
    world = World()
    admitted = world.admit(None)
    results: list[Any] = [
        b.accepted(_good()),
        NeedStatusList("u"),
        admitted,
        world.gateway.authorize(world.request(ticket=admitted.ticket), resource="bearer"),
        world.gateway.authorize(world.request(), resource="bearer"),
        world.gateway.authorize(world.request(), resource="unlisted"),
        Status.VALID,
        Status.INVALID,
        Binding.BEARER,
        Binding.DPOP,
        Verdict(None, 1),
        Verdict(Reason.RESOURCE_NOT_LISTED, 0),
        MemoryReplayGuard().consume(b"s", b"t", 1),
    ]
    with pytest.raises(TypeError):
        bool(results[which])


SLOTS: Final = {
    "credential": "dc+sd-jwt",
    "key binding": "kb+jwt",
    "status list": "statuslist+jwt",
    "proof": "dpop+jwt",
}


def _admitted(token: bytes, signer: LocalKey) -> None:
    world = World()
    challenge = world.gateway.challenge(sender=signer.public.thumbprint)
    request = Request("POST", ENDPOINT, [(b"DPoP", token)])
    result = world.gateway.admit(
        world.present(challenge), format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=request
    )
    if type(result) is Deny:
        raise VerificationError(result.reason, result.where)
    assert type(result) is Admitted


@given(st.sampled_from(sorted(SLOTS)), st.sampled_from(sorted(SLOTS)))
def test_i26_what_is_signed_for_one_slot_fits_no_other(kind: str, slot: str) -> None:
    # One key is trusted for everything and the claims fit every slot, so that nothing but the slot can refuse.
    signer = b.key("everything")
    jwk = signer.public.to_jwk()
    half = b.issuer_half(payload={"cnf": {"jwk": jwk}})
    claims = {
        **b.good_payload(),
        **b.good_key_binding(half),
        "status_list": {"bits": 1, "lst": b.base64url(zlib.compress(bytes(8))).decode()},
        "sub": b.STATUS_URI,
        "exp": b.NOW + 60,
        "jti": "j",
        "htm": "POST",
        "htu": ENDPOINT,
        "cnf": {"jwk": jwk},
    }
    token = b.jws({"alg": "ES256", "typ": SLOTS[kind]} | ({"jwk": jwk} if kind == "proof" else {}), claims, signer)
    credentials = b.anchors_for(signer.public, kid=None)
    lists = TrustAnchors.from_keys(b.ISSUER, [signer.public], purpose=KeyPurpose.STATUS_LIST)

    def ingest(anchors: TrustAnchors) -> None:
        StatusStore(anchors=anchors).ingest(b.STATUS_URI, token, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)

    doors: dict[str, Callable[[], Any]] = {
        "credential": lambda: b.verify(b.bound(token + b"~", signer=signer), anchors=credentials),
        "key binding": lambda: b.verify(half + token),
        "status list": lambda: ingest(lists),
        "proof": lambda: _admitted(token, signer),
    }
    if kind == slot:
        doors[slot]()
        if slot == "status list":
            b.raises(Reason.KEY_UNKNOWN, "V2", lambda: ingest(credentials))
        if slot == "credential":
            bound = b.bound(token + b"~", signer=signer)
            b.raises(Reason.KEY_UNKNOWN, "V2", lambda: b.verify(bound, anchors=lists))
    else:
        expected = Reason.HEADER_FORBIDDEN if "proof" in (kind, slot) else Reason.TYP_MISMATCH
        b.raises(expected, None, doors[slot])


@given(
    st.dictionaries(st.sampled_from(["nationalities", "citizenships", "vct", "sub", "assurance", "cnf"]), JSON_VALUES)
)
def test_i27_the_word_of_the_holder_feeds_nothing(claims: dict[str, Any]) -> None:
    plain = b.accepted(b.make())
    verified = b.accepted(b.make(kb={**claims, "nationalities": ["FR"], "citizenships": ["FR"]}))
    assert verified.attestation == plain.attestation
    assert verified.citizenship == plain.citizenship == Citizenship([Country("US")])


@given(
    st.none() | st.integers(1, 200),
    st.none() | st.integers(1, 200),
    st.integers(1, 200),
    st.integers(1, 200),
    st.sampled_from([-1, 0, 1]),
)
def test_i30_a_status_list_is_used_to_its_last_second_and_no_longer(
    ttl: int | None, expires: int | None, cap: int, trusted: int, offset: int
) -> None:
    lifetimes = [cap, trusted] + [each for each in (ttl, expires) if each is not None]
    end = b.NOW + min(lifetimes)
    jwk = {**b.key("status").public.to_jwk(), "kid": "s1"}
    anchors = TrustAnchors.from_jwks(
        b.ISSUER, {"keys": [jwk]}, purpose=KeyPurpose.STATUS_LIST, not_after=b.NOW + trusted
    )
    store = StatusStore(anchors=anchors, limits=Limits(status_age_s=cap))
    payload = {
        "iat": b.NOW,
        "ttl": b.ABSENT if ttl is None else ttl,
        "exp": b.ABSENT if expires is None else b.NOW + expires,
    }
    store.ingest(b.STATUS_URI, b.status_token(payload=payload), media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
    verdict = b.verify(b.make(kb={"iat": end + offset}), statuses=store, now=end + offset)
    if offset < 0:
        assert isinstance(verdict, VerifiedPresentation)
    else:
        assert verdict == NeedStatusList(b.STATUS_URI, Reason.STATUS_LIST_STALE)


@given(st.data())
def test_i31_what_is_shown_is_what_the_holder_signed(data: st.DataObject) -> None:
    credential = _credential(_person([Country("US"), Country("FR")]))
    everything = credential.to_bytes().split(b"~")[1:-1]
    token, *shown, binding = _show(credential, data.draw(st.sets(st.sampled_from(NAMES)))).split(b"~")
    other = data.draw(
        st.lists(st.sampled_from(everything), unique=True, max_size=len(everything)) | st.permutations(shown)
    )
    changed = b"~".join((token, *other, binding))
    if other == shown:
        b.accepted(changed)
    else:
        with pytest.raises(VerificationError):
            b.verify(changed)


@given(st.data(), st.booleans())
def test_i32_a_challenge_counts_as_it_was_made_or_not_at_all(data: st.DataObject, bearer: bool) -> None:
    world = World()
    sender = None if bearer else SENDER
    made = world.gateway.challenge(sender=None if sender is None else sender.public.thumbprint)
    nonce = bytearray(b.unbase64url(str(made.nonce)))
    nonce[data.draw(st.integers(0, len(nonce) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = Challenge(b.AUDIENCE, b.base64url(bytes(nonce)).decode(), made.max_age_s)
    for challenge, by in ((changed, sender), (made, None if sender else SENDER), (made, THIEF)):
        result = world.gateway.admit(
            world.present(challenge),
            format=Format.SD_JWT_VC,
            challenge=challenge.to_text(),
            request=world.request(sender=by, url=ENDPOINT),
        )
        if challenge is made and bearer:  # for nobody in particular: a proof that nobody asked for is not looked at
            assert type(result) in (Admitted, Deny)
            assert type(result) is Admitted or result.reason is Reason.REPLAYED
        else:
            assert type(result) is Deny
            assert result.step in ("challenge", "proof")


def test_every_invariant_has_exactly_one_property() -> None:
    numbers = sorted(name[len("test_i") : len("test_i") + 2] for name in globals() if name.startswith("test_i"))
    assert numbers == [f"{number:02}" for number in range(1, len(numbers) + 1)]
