"""What always holds: one property for each I-number of specs/invariants.md.

Each test says its invariant over generated input and nothing else; examples and corner cases stand in the tests of the
modules. The world, in which every format is at home, is that of `builders_formats`, with a gateway whose clock the test
moves; what is hostile stands in `hostile_formats`.

Spec: specs/invariants.md.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import pickle
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import builders as b
import builders_formats as f
import cbor2
import hostile_formats as h
import mdoc_builders as m
import pytest
from gateway import world as gateway_world
from gateway.notes import Notes
from gateway.senders import Sender
from hypothesis import assume, given
from hypothesis import strategies as st

from citizenid import (
    ANY,
    Assurance,
    Attestation,
    Challenge,
    CitizenIDError,
    Citizenship,
    ClaimPath,
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
    MemoryReplayGuard,
    NeedPresentation,
    Request,
)
from citizenid.gateway.ticket import TicketContents, TicketKeys, assurance_hash, fit, type_hash
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import prepare_attestation
from citizenid.policy import Facts, Verdict
from citizenid.status import StatusPublisher, StatusStore, VerifiedStatusList, verify_status_list
from citizenid.verifier import VerifiedCredential, VerifiedPresentation, open_presentation, verify_credential

COUNTRIES: Final = st.sampled_from(Country.all())
COUNTRY_LISTS: Final = st.lists(COUNTRIES, max_size=6, unique=True)
SERIALIZATIONS: Final = st.sampled_from(Serialization)
SKEWS: Final = st.sampled_from([0, 1, 30, 60])
VERDICTS: Final = (VerifiedPresentation, NeedStatusList, Credential, Challenge, MalformedError, VerificationError)
JSON_VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(b.names, inner, max_size=3),
    max_leaves=6,
)


def _spellings(text: str) -> Iterator[str]:
    data = text.encode()
    yield from (text, data.hex(), data.hex(" "), b.base64url(data).decode(), repr(list(data)))


def _verdict(call: Callable[[], Any]) -> tuple[str, str, str]:
    """Say how a verification ended, in a form that can be compared."""
    try:
        result = call()
    except (MalformedError, VerificationError) as error:
        return type(error).__name__, error.reason.value, error.step
    if isinstance(result, NeedStatusList):
        return "NeedStatusList", result.reason.value, ""
    proven, attestation = result.citizenship, result.attestation
    shown = (attestation.issuer, proven.nationalities, proven.citizenships, proven.complete)
    return type(result).__name__, repr(sorted(attestation.claims.items(), key=repr)), repr(shown)


SENDER: Final = b.key("sender", "Ed25519")
THIEF: Final = b.key("thief", "Ed25519")


# --- whatever comes in ---


@given(h.hostile(), SERIALIZATIONS)
def test_i01_any_bytes_give_a_verdict(data: bytes | str, serialization: Serialization) -> None:
    doors: list[Callable[[], Any]] = [
        lambda: b.statuses().ingest(b.STATUS_URI, data, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW),
        lambda: Challenge.from_text(data if isinstance(data, str) else data.decode("latin-1")),
        lambda: m.verify(
            f.good(Format.MDOC),
            challenge=Challenge.session_transcript(h.as_bytes(data), audience=b.AUDIENCE, nonce=b.NONCE),
        ),
    ]
    for format in Format:
        received = functools.partial(
            Credential.receive, format=format, anchors=f.ANCHORS[format](), now=b.NOW, serialization=serialization
        )
        verified = functools.partial(f.VERIFY[format], serialization=serialization)
        each = functools.partial(f.verify_each, format, serialization=serialization)
        for spelling in (data, b.base64url(h.as_bytes(data)).decode()):
            doors += [functools.partial(door, spelling) for door in (received, verified, each)]
    for door in doors:
        try:
            result = door()
        except (MalformedError, VerificationError) as error:
            assert type(error.reason) is Reason
        else:
            for verdict in result if isinstance(result, tuple) else (result,):
                assert verdict is None or isinstance(verdict, VERDICTS)


HEADER_NAMES: Final = st.sampled_from([b"citizenship-ticket", b"DPoP", b"Citizenship-Ticket", b"authorization"])
VALUES: Final = st.binary(max_size=60) | st.none() | st.integers() | st.text(max_size=20)


@given(
    st.lists(st.tuples(HEADER_NAMES, VALUES) | VALUES, max_size=4),
    st.sampled_from(["POST", "GET"]) | VALUES,
    st.sampled_from([f.ENDPOINT, "/", "https://["]) | VALUES,
    st.sampled_from(["bound", "bearer", "open", ""]) | VALUES,
    h.hostile(),
    f.FORMATS,
)
def test_i02_any_request_gives_a_result(
    headers: list[Any], method: Any, url: Any, resource: Any, data: bytes | str, format: Format
) -> None:
    world = f.World(format)
    request = Request(method, url, headers)
    decided = world.gateway.authorize(request, resource=resource)
    assert type(decided) in (Allow, Deny, NeedPresentation, NeedStatusList)
    if type(decided) is Allow:
        assert resource == "open"
    else:
        assert decided.http().status in (401, 403, 503)
    challenge = world.gateway.challenge(sender=None).to_text()
    for text in (challenge, "x"):
        admitted = world.gateway.admit(data, format=format, challenge=text, request=request)
        assert type(admitted) in (Deny, NeedStatusList)
    members = {"format": format, "challenge": challenge, "presentation": b.base64url(h.as_bytes(data)).decode()}
    odd = {**members, "format": resource if type(resource) in (str, int, type(None)) else "mdoc"}
    for body in (h.as_bytes(data), b.dump(members), b.dump(odd)):
        assert world.gateway.admit_http(request, body).status in (401, 403, 503)


@pytest.mark.parametrize("format", Format)
@given(st.data())
def test_i03_no_bit_of_a_presentation_can_be_changed(format: Format, data: st.DataObject) -> None:
    good, meaningless = h.with_ignored(format), h.meaningless(format)
    plain = _verdict(lambda: f.VERIFY[format](good))
    # No holder of an mdoc signs which elements he shows. Under another name than `nameSpaces` they are not shown.
    name = good.find(b"jnameSpaces", good.find(b"issuerSigned")) + 1
    shown = set(range(name, name + 10)) if format is Format.MDOC else set()
    positions = st.integers(0, len(good) - 1) | st.sampled_from(sorted(meaningless | shown) or [0])
    for position, bit in data.draw(st.lists(st.tuples(positions, st.integers(0, 7)), min_size=8, max_size=8)):
        changed = bytearray(good)
        changed[position] ^= 1 << bit
        verdict = _verdict(functools.partial(f.VERIFY[format], bytes(changed)))
        if verdict[0] == "VerifiedPresentation" and position in shown:
            assert verdict == ("VerifiedPresentation", "[]", repr((b.ISSUER, (), (), False)))
        elif verdict[0] == "VerifiedPresentation":
            assert position in meaningless
            assert verdict == plain
        else:
            assert verdict[0] in ("MalformedError", "VerificationError")


# --- the holder's choice ---


NAMES: Final = ("given_name", "birthdate", "address", "nickname", "nationalities")
SECRETS: Final = {
    "given_name": "secret-given",
    "birthdate": "secret-birth",
    "address": {"locality": "secret-town", "street": ["secret-street"]},
    "nickname": "secret-nick",
}
DUAL: Final = Citizenship([Country("US"), Country("FR")])


@cache
def _personal(format: Format) -> Credential:
    return f.receive(f.attestation(format, DUAL, further=SECRETS), format)


STEPS: Final = [f"V{number}" for number in range(1, 10)]


def _paths(format: Format, names: Iterable[str]) -> list[ClaimPath]:
    paths = [f.path(format, name) for name in names if name != "nationalities"]
    return paths + (f.choice(format, DUAL, DUAL.nationalities, (), False) if "nationalities" in names else [])


@pytest.mark.parametrize("format", Format)
@given(st.sets(st.sampled_from(NAMES)))
def test_i04_what_is_withheld_is_not_there(format: Format, shown: set[str]) -> None:
    credential = _personal(format)
    presentation = f.show(credential, _paths(format, shown))
    (framed,) = open_presentation(presentation, format=format)
    (whole,) = open_presentation(credential.to_bytes(), format=format)
    in_text = format is Format.SD_JWT_VC
    readable = presentation + b"".join(map(b.unbase64url, framed.disclosures) if in_text else ())
    readable += framed.credential.payload
    hidden = [each for each in whole.disclosures if each not in framed.disclosures]
    assert len(hidden) >= len(set(NAMES) - shown)
    for disclosure in hidden:
        if in_text:
            salt = b.unbase64url(disclosure).split(b'"')[1]
        elif format is Format.SD_CWT:
            salt = cbor2.loads(disclosure)[0]
        else:
            salt = cbor2.loads(disclosure)["random"]
        assert len(salt) >= 16
        assert disclosure not in presentation
        assert salt not in readable
    for name in set(NAMES) - shown:
        for secret in {"address": ["town", "street"], "nationalities": []}.get(name, [name[:5]]):
            assert f"secret-{secret}".removesuffix("_").encode() not in readable
        assert name == "nationalities" or name.encode() not in readable
    if "nationalities" not in shown:
        assert b"national_of_" not in readable


@pytest.mark.parametrize("format", Format)
@given(st.sets(st.sampled_from([0, 1, 2])), st.booleans(), st.booleans())
def test_i10_showing_less_never_proves_more(format: Format, shown: set[int], citizen: bool, complete: bool) -> None:
    nationalities = [Country("US"), Country("FR"), Country("DE")]
    stated = Citizenship(nationalities, [Country("FR")], complete)
    attestation = f.attestation(format, stated)
    credential = f.receive(attestation, format)
    everything = f.accepted(f.show(credential, f.everything(attestation)), format).citizenship
    nationals = [nationalities[place] for place in shown]
    chosen = f.choice(format, stated, nationals, stated.citizenships if citizen else (), True)
    partly = f.accepted(f.show(credential, chosen), format).citizenship
    assert everything == stated
    assert set(partly.nationalities) == set(nationals)
    assert partly.citizenships == (stated.citizenships if citizen else ())
    assert partly.complete is (complete and shown == {0, 1, 2})


@pytest.mark.parametrize("format", Format)
@given(
    st.dictionaries(st.text(min_size=1, max_size=6).filter(lambda n: n[0] not in "_."), JSON_VALUES, max_size=4),
    COUNTRY_LISTS,
    st.booleans(),
    st.sampled_from(["sha-256", "sha-384", "sha-512"]),
    st.integers(0, 3),
    SERIALIZATIONS,
)
def test_i18_what_is_issued_is_what_is_verified(
    format: Format,
    further: dict[str, Any],
    countries: list[Country],
    rated: bool,
    hash_algorithm: str,
    decoys: int,
    serialization: Serialization,
) -> None:
    assume((b.STRUCTURAL | b.CITIZENSHIP | {"sub", "cti", "cnonce"}).isdisjoint(further))
    serialization = serialization if format is Format.SD_JWT_VC else Serialization.COMPACT
    stated = Citizenship(countries, countries[:1])
    attestation = prepare_attestation(
        stated,
        issuer=b.ISSUER,
        holder_key=b.key("holder").public,
        now=b.NOW,
        lifetime_s=3_600,
        status=StatusReference(b.STATUS_URI, b.VALID_INDEX),
        format=format,
        claims={f.PERSON: further} if format is Format.MDOC and further else further,
        assurance=Assurance("eidas", "high") if rated else None,
    )
    data = f.issuer(format).issue(
        attestation, format=format, decoys=decoys, hash_algorithm=hash_algorithm, serialization=serialization
    )
    credential = Credential.receive(
        data, format=format, anchors=f.anchors(format), now=b.NOW, serialization=serialization
    )
    verified = f.accepted(f.show(credential, f.everything(attestation)), format)
    if format is Format.MDOC:  # validFrom is mandatory (ISO/IEC 18013-5 9.1.2.4): without nbf it is when it was signed
        validity = dataclasses.replace(attestation.validity, not_before=attestation.validity.issued_at)
        attestation = dataclasses.replace(attestation, validity=validity)
    assert verified.attestation == attestation
    assert verified.citizenship == stated
    assert verified.status is Status.VALID


# --- a verdict and what it depends on ---


@pytest.mark.parametrize("format", Format)
@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=3, unique=True), st.sampled_from([0, 3]))
def test_i05_a_verdict_depends_on_the_arguments_alone(format: Format, steps: list[str], dropped: int) -> None:
    data = f.faulty(format, steps[:dropped])
    verify = f.VERIFY[format]
    first = _verdict(lambda: verify(data))
    assert _verdict(lambda: verify(data)) == first
    text = data.decode() if format is Format.SD_JWT_VC else b.base64url(data).decode()
    assert _verdict(lambda: verify(text, statuses=b.statuses(), anchors=f.trusting(format))) == first


class DictCache:
    """The simplest cache there is: it forgets nothing."""

    def __init__(self) -> None:
        self.held: dict[bytes, Any] = {}

    def get(self, key: bytes, /) -> Any:
        return self.held.get(key)

    def put(self, key: bytes, value: Any, /) -> None:
        self.held[key] = value


_CACHE: Final = DictCache()  # one for all examples: what one leaves behind must not help or harm the next
CHANGES: Final[dict[str, dict[str, Any]]] = {  # what may differ from one verification of the same bytes to the next
    "nothing": {},
    "early": {"now": b.NOW - 10_000},
    "late": {"now": b.NOW + 31 * 86_400},
    "tight": {"limits": Limits(digests=1)},
    "countries": {"countries": (Country("FR"),)},
    "label": {"issuer": "https://the.same.key.under.another.name.example", "status_issuer": b.ISSUER},
    "type": {"types": ["another"]},
}


@pytest.mark.parametrize("format", Format)
@given(
    st.sampled_from(["unnamed", "faulty", "shown"]),
    st.lists(st.sampled_from(STEPS), min_size=1, max_size=2, unique=True),
    st.sets(st.sampled_from(NAMES)),
    st.permutations(sorted(CHANGES)),
)
def test_i06_a_cache_changes_no_verdict(
    format: Format, kind: str, steps: list[str], shown: set[str], order: list[str]
) -> None:
    for change in order:
        changes = dict(CHANGES[change])
        arguments = {name: changes.pop(name) for name in ("now", "limits") if name in changes}
        if kind == "shown":  # one credential, and each time another choice of it
            data = f.show(_personal(format), _paths(format, shown))
            anchors = f.anchors(format, changes.get("countries", ANY))
        else:
            data = f.unnamed(format) if kind == "unnamed" else f.faulty(format, steps)
            anchors = f.trusting(format, **changes)
        verify = functools.partial(f.VERIFY[format], data, anchors=anchors, **arguments)
        without = _verdict(verify)
        assert _verdict(lambda: verify(cache=_CACHE)) == without  # noqa: B023  # called at once
        assert _verdict(lambda: verify(cache=_CACHE)) == without  # noqa: B023


@given(f.FORMATS, st.sets(st.sampled_from(STEPS), min_size=1))
def test_i07_the_first_step_that_fails_decides(format: Format, steps: set[str]) -> None:
    with pytest.raises((MalformedError, VerificationError)) as caught:
        f.VERIFY[format](f.faulty(format, steps))
    assert caught.value.step == min(steps)


def _texts(error: BaseException) -> Iterator[str]:
    yield from (str(error), repr(error), repr(error.args), repr(vars(error)))


@pytest.mark.parametrize("format", Format)
@given(st.data(), st.booleans())
def test_i08_a_refusal_carries_nothing_of_the_input(format: Format, data: st.DataObject, as_text: bool) -> None:
    received: bytes | str = h.MARKED[format][data.draw(st.sampled_from(sorted(h.MARKED[format])))]()
    if as_text and isinstance(received, bytes):
        received = (received if format is Format.SD_JWT_VC else b.base64url(received)).decode()
    with pytest.raises((MalformedError, VerificationError)) as caught:
        f.VERIFY[format](received)
    error = caught.value
    assert error.__cause__ is None and error.__context__ is None
    answer = repr(Deny.of(error)) + Deny.of(error).http().body.decode()
    for text in (*_texts(error), answer):
        assert not any(spelling in text for spelling in _spellings(h.MARKER))


AROUND: Final = st.sampled_from([-100, -61, -60, -31, -30, -2, -1, 0, 1, 2, 29, 30, 31, 59, 60, 61, 100]).map(
    lambda offset: b.NOW + offset
)


@pytest.mark.parametrize("format", Format)
@given(AROUND, st.none() | AROUND, AROUND, SKEWS, st.data())
def test_i09_valid_from_the_first_second_to_before_the_last(
    format: Format, issued_at: int, not_before: int | None, not_after: int, skew: int, data: st.DataObject
) -> None:
    starts = issued_at if not_before is None else not_before
    assume(max(starts, issued_at) < not_after)  # else it is no period at all: V4.15
    if format is Format.MDOC:
        not_before = starts  # validFrom is mandatory (ISO/IEC 18013-5 9.1.2.4)
    if format is Format.SD_CWT:  # what is against section 9 step 3 of the draft is malformed
        assume((not_before or 0) <= issued_at)
    edges = [issued_at - skew - 1, issued_at - skew, starts - 1, starts, not_after - 1, not_after]
    for now in (b.NOW, *data.draw(st.lists(st.sampled_from(edges), min_size=2, max_size=2, unique=True))):
        valid = issued_at <= now + skew and (not_before is None or not_before <= now) and not_after > now
        presentation = f.MAKE[format](**f.during(format, issued_at, not_before, not_after, now))
        limits, statuses = Limits(clock_skew_s=skew), b.statuses(min(now, b.NOW))  # a list of later does not count yet
        verify = functools.partial(f.VERIFY[format], presentation, now=now, limits=limits, statuses=statuses)
        verdict = _verdict(verify)
        assert (verdict[0] == "VerifiedPresentation") is valid
        if not valid:
            assert verdict[2] == "V6"
            (framed,) = open_presentation(presentation, format=format)
            with pytest.raises(VerificationError):  # nor for a wallet, or whoever keeps the issuer's half alone
                verify_credential(framed, anchors=f.ANCHORS[format](), now=now, limits=Limits(clock_skew_s=skew))


@pytest.mark.parametrize("format", Format)
@given(COUNTRY_LISTS, COUNTRY_LISTS, st.lists(COUNTRIES, min_size=1, max_size=6), st.booleans())
def test_i11_an_anchor_proves_its_own_countries_alone(
    format: Format,
    nationalities: list[Country],
    citizenships: list[Country],
    permitted: list[Country],
    complete: bool,
) -> None:
    claims: dict[str, Any] = {
        "nationalities": [country.alpha2 for country in nationalities],
        "nationalities_complete": complete,
    }
    if format is Format.MDOC:
        claims |= {f"citizen_of_{country.alpha2.lower()}": True for country in citizenships}
    else:
        claims["citizenships"] = [country.alpha2 for country in citizenships]
    data = f.MAKE[format](**f.stating(format, claims))
    verify = functools.partial(f.VERIFY[format], data, anchors=f.trusting(format, countries=permitted))
    stated = set(nationalities + citizenships)
    if stated and stated.isdisjoint(permitted):
        assert _verdict(verify) == ("VerificationError", "country_not_allowed", "V5")
        return
    verified = verify()
    assert isinstance(verified, VerifiedPresentation)
    proven = verified.citizenship
    assert proven.nationalities == tuple(each for each in nationalities if each in permitted)
    assert proven.citizenships == tuple(each for each in citizenships if each in permitted)
    # A list that a citizenship beside it contradicts is not complete either.
    assert proven.complete is (complete and set(citizenships) <= set(nationalities) and stated <= set(permitted))


# --- status ---


@given(f.FORMATS, st.integers(0, b.STATUS_SIZE - 1), st.sampled_from([1, 2, 3, 15]), st.booleans())
def test_i12_a_revocation_refuses_the_next_request(format: Format, index: int, value: int, bearer: bool) -> None:
    world = f.World(format)
    fresh = {"iat": b.NOW - 5, "exp": b.NOW + 86_400}
    world.statuses.ingest(b.STATUS_URI, b.status_token({}, payload=fresh), media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
    sender = None if bearer else SENDER
    ticket = world.admit(sender, index).ticket
    resource = "bearer" if bearer else "bound"
    assert type(world.gateway.authorize(world.request(ticket=ticket, sender=sender), resource=resource)) is Allow
    later = {"iat": b.NOW - 4, "exp": b.NOW + 86_400}
    token = b.status_token({index: value}, payload=later)
    world.statuses.ingest(b.STATUS_URI, token, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
    decided = world.gateway.authorize(world.request(ticket=ticket, sender=sender), resource=resource)
    expected = {1: Reason.REVOKED, 2: Reason.SUSPENDED}.get(value, Reason.STATUS_NOT_VALID)
    assert type(decided) is Deny
    assert (decided.reason, decided.step) == (expected, "V9")
    data = f.MAKE[format](**f.of_status(format, index))
    b.raises(expected, "V9", lambda: f.VERIFY[format](data, statuses=world.statuses))


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


@given(f.FORMATS, st.sampled_from(["none", "thief", "other-ticket", "other-method", "other-url", "old", "again"]))
def test_i13_a_ticket_serves_its_sender_alone(format: Format, theft: str) -> None:
    world = f.World(format)
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
        ends_at=b.NOW + 600,
        session_id=b"s" * 16,
        anchor=b"a" * 16,
        format=Format.SD_JWT_VC,
        type_hash=type_hash(b.VCT),
        assurance=assurance_hash(None),
        admitted_at=b.NOW,
        issued_at=b.NOW - 60,
        evidence_at=b.NOW - 3_600,
        holder=b"h" * 6,
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


@pytest.mark.parametrize("format", Format)
@given(st.booleans(), st.integers(2, 4))
def test_i15_a_presentation_is_admitted_once(format: Format, bearer: bool, times: int) -> None:
    world = f.World(format)
    sender = None if bearer else SENDER
    challenge = world.gateway.challenge(sender=None if sender is None else sender.public.thumbprint)
    data = world.present(challenge)
    results = [
        world.gateway.admit(
            data,
            format=format,
            challenge=challenge.to_text(),
            request=world.request(sender=sender, url=f.ENDPOINT),
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


@given(f.FORMATS, st.sampled_from(["removed", "countries", "window", "other-key"]))
def test_i29_a_ticket_ends_with_the_trust_it_stands_on(format: Format, change: str) -> None:
    world = f.World(format)
    ticket = world.admit(None).ticket
    assert type(world.gateway.authorize(world.request(ticket=ticket), resource="bearer")) is Allow
    anchors = {
        "removed": TrustAnchors(),
        "countries": f.trusting(format, countries=(Country("US"),)),
        "window": f.trusting(format, not_after=b.NOW + 1),
        "other-key": f.trusting_another(format),
    }[change]
    world.gateway.reload(anchors=anchors)
    decided = world.gateway.authorize(world.request(ticket=ticket), resource="bearer")
    assert type(decided) is NeedPresentation
    assert decided.reason is Reason.ANCHOR_REMOVED


# --- keys, slots and spellings ---


ALGORITHMS: Final = st.sampled_from(["ES256", "ES384", "Ed25519", "ML-DSA-44"])


@given(f.FORMATS, ALGORITHMS, ALGORITHMS, st.booleans(), st.booleans())
def test_i19_the_key_decides(format: Format, trusted: str, claimed: str, same_key: bool, holder: bool) -> None:
    assume(format is not Format.MDOC or {trusted, claimed} <= h.MDOC_CURVES.keys())
    trusted = "ES256" if holder else trusted
    verify = h.bound_as(format, claimed, same_key) if holder else h.signed_as(format, trusted, claimed, same_key)
    verdict = _verdict(verify)
    if claimed != trusted:
        assert verdict[1:] == ("algorithm_mismatch", "V8" if holder else "V3")
    elif same_key:
        assert verdict[0] == "VerifiedPresentation"
    else:
        assert verdict[1:] == ("signature_invalid", "V8" if holder else "V3")
    if format is not Format.SD_JWT_VC:  # what nobody signed names no algorithm, though it be the right one
        assert _verdict(h.unsigned_algorithm(format, holder))[1:] == ("algorithm_not_allowed", "V1")


def _verified(format: Format) -> tuple[VerifiedPresentation, VerifiedCredential, VerifiedStatusList]:
    presentation = f.VERIFY[format](f.good(format))
    assert isinstance(presentation, VerifiedPresentation)
    (framed,) = open_presentation(f.good(format), format=format)
    credential = verify_credential(framed, anchors=f.ANCHORS[format](), now=b.NOW)
    token = verify_status_list(
        b.status_token(), uri=b.STATUS_URI, media_type=b.STATUS_MEDIA_TYPE, anchors=b.status_anchors(), now=b.NOW
    )
    return presentation, credential, token


@given(f.FORMATS, st.integers(0, 2), st.integers(0, 5))
def test_i20_only_verification_makes_what_is_verified(format: Format, which: int, attempt: int) -> None:
    value: Any = _verified(format)[which]
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
    elif not isinstance(value, (str, bytes)) and hasattr(value, "__iter__"):
        yield value
        for item in value:
            yield from _containers(item)


@pytest.mark.parametrize("format", Format)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON_VALUES, min_size=1))
def test_i21_claims_are_frozen_to_the_bottom(format: Format, claims: dict[str, Any]) -> None:
    verified = f.VERIFY[format](f.MAKE[format](**f.stating(format, claims)))
    assert isinstance(verified, VerifiedPresentation)
    stated = verified.attestation.claims
    assert all(b.same((stated[m.OURS] if format is Format.MDOC else stated)[name], claims[name]) for name in claims)
    for container in _containers(stated):
        assert type(container) in (tuple, MappingProxyType)
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


@pytest.mark.parametrize(
    ("format", "name"),
    [
        (format, name)
        for format in Format
        for name in h.BOUNDS
        if name not in {Format.MDOC: ("header_bytes", "depth"), Format.SD_CWT: ("header_bytes",)}.get(format, ())
        and (name != "documents" or format is Format.MDOC)
    ],
)
@given(size=st.integers(4, 12))
def test_i23_what_exceeds_its_bound_is_refused(format: Format, name: str, size: int) -> None:
    if name == "documents":  # each alone has a verdict; the frame holds so many and no more
        data = m.response(*[m.document()] * size)
        assert len(open_presentation(data, format=format, limits=Limits(documents=size))) == size
        exact = size
    else:
        data, exact = h.exact(format, name, size)
        verdict = _verdict(lambda: f.VERIFY[format](data, limits=Limits(**{name: exact})))
        assert verdict[0] == "VerifiedPresentation"
    verdict = _verdict(lambda: f.VERIFY[format](data, limits=Limits(**{name: exact - 1})))
    assert verdict[1:] == h.BOUNDS[name]
    if format is not Format.SD_JWT_VC:  # of CBOR the levels have a bound of their own, that nobody sets
        deep = f.MAKE[format](**f.stating(format, {"x": h.nested(14 + size)}))
        assert _verdict(lambda: f.VERIFY[format](deep))[1] == Reason.DEPTH_EXCEEDED


ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.mark.parametrize("format", Format)
@given(st.data())
def test_i24_one_thing_has_one_spelling(format: Format, data: st.DataObject) -> None:
    good = f.good(format)
    text = (good if format is Format.SD_JWT_VC else b.base64url(good)).decode()
    verify = f.VERIFY[format]
    assert _verdict(lambda: verify(text)) == _verdict(lambda: verify(good))
    position = data.draw(st.integers(0, len(text)))
    inserted = data.draw(st.sampled_from(["=", "\n", " ", "\r\n", "\x00", "\t", "~", ".", "\ufeff", "-", "A"]))
    variants: list[bytes | str] = [
        text[:position] + inserted + text[position:],
        text[:position] + text[position:].replace("-", "+", 1).replace("_", "/", 1),
        text + inserted,
        inserted + text,
        # The stray bits of a last character: another spelling of the same signature.
        text[:-1] + data.draw(st.sampled_from(ALPHABET)),
    ]
    if format is not Format.SD_JWT_VC:
        more = data.draw(st.binary(min_size=1, max_size=3) | f.CBOR_VALUES.map(cbor2.dumps))
        variants += [good + more, more + good, good + good, text.encode()]
        variants += [cbor2.dumps(cbor2.CBORTag(55_799, cbor2.CBORTag(24, good))), b"\xd9\xd9\xf7" + good]
        variants += [each[:-1] for each in (good, text)]
        part, put = data.draw(st.sampled_from(h.signed_parts(format)))
        assert put(part) == good
        variants += map(put, h.longer(part))
        for framed in h.longer(good):  # nobody signs the frame: it may be written otherwise, and says the same
            verdict = _verdict(functools.partial(verify, framed))
            assert verdict[0] == "MalformedError" or verdict == _verdict(lambda: verify(good))
    for variant in variants:
        if variant not in (good, text):
            with pytest.raises((MalformedError, VerificationError)):
                verify(variant)


@given(st.integers(0, 12))
def test_i25_no_result_has_a_truth_value(which: int) -> None:
    world = f.World()
    admitted = world.admit(None)
    results: list[Any] = [
        b.accepted(f.good(Format.SD_JWT_VC)),
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
    world = f.World()
    challenge = world.gateway.challenge(sender=signer.public.thumbprint)
    request = Request("POST", f.ENDPOINT, [(b"DPoP", token)])
    result = world.gateway.admit(
        world.present(challenge), format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=request
    )
    if type(result) is Deny:
        raise VerificationError(result.reason, result.where)
    assert type(result) is Admitted


def _check_cose_slots(kind: str, slot: str) -> None:
    if kind == slot and slot != "status list":  # of those the library reads JWTs alone
        assert type(h.into_slot(slot, h.message_of(kind))) is VerifiedPresentation
        return
    with pytest.raises((MalformedError, VerificationError)) as caught:
        h.into_slot(slot, h.message_of(kind))
    assert caught.value.step in h.COSE_SLOTS[slot]


def _check_jose_slots(kind: str, slot: str) -> None:
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
        "htu": f.ENDPOINT,
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
    for format in (Format.MDOC, Format.SD_CWT):  # nor in a format of another family
        with pytest.raises(MalformedError):
            f.VERIFY[format](token)


@pytest.mark.parametrize(("slots", "check"), [(SLOTS, _check_jose_slots), (h.COSE_SLOTS, _check_cose_slots)])
@given(st.data(), f.FORMATS)
def test_i26_what_is_signed_for_one_slot_fits_no_other(
    slots: Mapping[str, Any], check: Callable[[str, str], None], data: st.DataObject, format: Format
) -> None:
    names = st.sampled_from(sorted(slots))
    check(data.draw(names), data.draw(names))
    unknown = Reason.CERTIFICATE_UNTRUSTED if format is Format.MDOC else Reason.KEY_UNKNOWN
    lists = f.trusting_for_lists(format)
    b.raises(unknown, "V2", lambda: f.VERIFY[format](f.good(format), anchors=lists))


@pytest.mark.parametrize("format", Format)
@given(
    st.dictionaries(st.sampled_from(["nationalities", "citizenships", "vct", "sub", "assurance", "cnf"]), JSON_VALUES),
)
def test_i27_the_word_of_the_holder_feeds_nothing(format: Format, claims: dict[str, Any]) -> None:
    claims = {**claims, "nationalities": ["FR"], "citizenships": ["FR"]}
    issuer: dict[str, Any] = {}
    if format is Format.MDOC:
        # Even where the issuer lets the device state whole namespaces.
        issuer = {"key_info": {"keyAuthorizations": {"nameSpaces": [m.OURS, m.PID]}}}
        stated = {m.OURS: {**claims, "citizen_of_fr": True, "national_of_fr": True}, m.PID: {"nationality": "FR"}}
        holder = {"device": {"content": m.dump(stated)}}
    else:
        names = {name: value for name, value in claims.items() if name not in ("vct", "sub", "cnf")}
        holder = {"kb": claims if format is Format.SD_JWT_VC else {**names, 8: {}, 11: "x", 65535: {}}}
    plain, verified = (f.VERIFY[format](f.MAKE[format](**f.merged(issuer, each))) for each in ({}, holder))
    assert isinstance(plain, VerifiedPresentation)
    assert isinstance(verified, VerifiedPresentation)
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


@pytest.mark.parametrize("format", Format)
@given(st.data())
def test_i31_what_is_shown_is_what_the_holder_signed(format: Format, data: st.DataObject) -> None:
    credential = _personal(format)
    presentation = f.show(credential, _paths(format, data.draw(st.sets(st.sampled_from(NAMES)))))
    whole, _ = h.taken_apart(format, f.show(credential, f.everything(credential.attestation)))
    shown, put = h.taken_apart(format, presentation)
    f.accepted(put(shown), format, cache=_CACHE)
    other = data.draw(st.lists(st.sampled_from(whole), unique=True, max_size=len(whole)) | st.permutations(shown))
    changed = put(other)
    if format is Format.MDOC:
        # No mdoc's holder signs which elements he shows (9.1.3.4): each counts by itself, wherever it stands in its
        # namespace, and once. What is proven then is what the issuer stated in these, and nothing else.
        verified = f.accepted(changed, format, cache=_CACHE)
        stated = {(place, cbor2.loads(item)["elementIdentifier"]) for place, item in other}
        claims = verified.attestation.claims
        assert {(place, name) for place in claims for name in claims[place]} == stated
        assert all(claims[place][name] == credential.attestation.claims[place][name] for place, name in stated)
        for place, item in other[:1]:
            for wrong in ([*other, (place, item)], [(place + "x", item), *other[1:]], [(place, item + b"x")]):
                with pytest.raises((MalformedError, VerificationError)):
                    f.verify(put(wrong), format, cache=_CACHE)
    elif other == shown:
        f.accepted(changed, format, cache=_CACHE)
    else:
        with pytest.raises(VerificationError):
            f.verify(changed, format, cache=_CACHE)


@given(f.FORMATS, st.data(), st.booleans())
def test_i32_a_challenge_counts_as_it_was_made_or_not_at_all(format: Format, data: st.DataObject, bearer: bool) -> None:
    world = f.World(format)
    sender = None if bearer else SENDER
    made = world.gateway.challenge(sender=None if sender is None else sender.public.thumbprint)
    nonce = bytearray(b.unbase64url(str(made.nonce)))
    nonce[data.draw(st.integers(0, len(nonce) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = Challenge(b.AUDIENCE, b.base64url(bytes(nonce)).decode(), made.max_age_s)
    for challenge, by in ((changed, sender), (made, None if sender else SENDER), (made, THIEF)):
        result = world.gateway.admit(
            world.present(challenge),
            format=format,
            challenge=challenge.to_text(),
            request=world.request(sender=by, url=f.ENDPOINT),
        )
        if challenge is made and bearer:  # for nobody in particular: a proof that nobody asked for is not looked at
            assert type(result) in (Admitted, Deny)
            assert type(result) is Admitted or result.reason is Reason.REPLAYED
        else:
            assert type(result) is Deny
            assert result.step in ("challenge", "proof")


@given(
    st.lists(st.tuples(HEADER_NAMES, VALUES) | VALUES, max_size=4),
    st.sampled_from(["us-nationals", "us/x", "europe", "weak", "open", ""]) | VALUES,
    st.sampled_from(["authorize", "renew", "sign out", "admit", "genuine"]),
)
def test_i36_every_result_is_told_to_the_log_once(headers: list[Any], resource: Any, door: str) -> None:
    world, notes, bearer = _noted_world()
    request = Request("POST", "https://gateway.example/v1", headers)
    notes.check_from_here()
    if door == "authorize":
        notes.check(world.gateway.authorize(request, resource=resource))
    elif door == "genuine":
        notes.check(world.gateway.authorize(gateway_world.request(bearer), resource=resource))
    elif door == "admit":
        notes.check(world.gateway.admit(b"", format=Format.MDOC, challenge=resource, request=request))
    else:
        notes.check(world.gateway.renew(request) if door == "renew" else world.gateway.sign_out(request))


@cache
def _noted_world() -> tuple[gateway_world.World, Notes, str]:
    notes = Notes()
    world = gateway_world.World(audit=notes)
    return world, notes, world.ticket(world.wallet(), bearer=True)


BINDINGS: Final = st.sampled_from(Binding)


@given(BINDINGS, BINDINGS, st.sampled_from(["client", "thief"]), st.booleans())
def test_i34_no_proof_stands_in_for_another(bound: Binding, shown: Binding, name: str, swapped: bool) -> None:
    world, tickets = _sessions()
    ticket, other = tickets[bound]
    asked = Sender(shown, name).request(world, other if swapped else ticket, shown=ticket)
    result = world.gateway.authorize(asked, resource="weak")
    bearer, mtls = bound is Binding.BEARER, bound is Binding.MTLS
    right = bearer or (bound is shown and name == "client" and (mtls or not swapped))
    assert type(result) is (Allow if right else Deny)


@cache
def _sessions() -> tuple[gateway_world.World, dict[Binding, tuple[str, str]]]:
    world = gateway_world.World()
    return world, {each: (Sender(each).ticket(world), Sender(each).ticket(world)) for each in Binding}


@given(st.lists(st.integers(0, 900), max_size=30), st.integers(1, 9_000))
def test_i35_a_renewal_extends_nothing_but_itself(waits: list[int], session_s: int) -> None:
    world, sender = gateway_world.World(session_lifetime_s=session_s, ticket_lifetime_s=1_000), Sender(Binding.MTLS)
    keys = TicketKeys((gateway_world.SECRET,), gateway_world.AUDIENCE)
    ticket = sender.ticket(world)
    first = keys.open(ticket.encode())
    for wait in waits:
        world.wait(wait)
        result = world.gateway.renew(sender.request(world, ticket))
        if world.now >= gateway_world.NOW + session_s:
            assert type(result) is NeedPresentation
            break
        assert type(result) is Admitted
        ticket, held = result.ticket, keys.open(result.ticket.encode())
        assert held == first._replace(expires_at=held.expires_at)
        assert held.expires_at <= held.ends_at == gateway_world.NOW + session_s


POOL: Final = [Country(code) for code in ("US", "FR", "DE", "GB", "JP")]  # few, so that they meet those of an anchor
FEW: Final = st.lists(st.sampled_from(POOL), max_size=3, unique=True)


CHALLENGES: Final = (
    b.challenge(),
    Challenge.dc_api(origin=b.AUDIENCE, nonce=b.NONCE),
    Challenge.openid4vp(client_id="x509_san_dns:gateway.example", nonce=b.NONCE, response_uri=f.ENDPOINT),
)


def _outcome(call: Callable[[], Any]) -> tuple[Any, ...]:
    """Say how a verification ended, without the shape of the claims, which is that of the format."""
    try:
        result = call()
    except (MalformedError, VerificationError) as error:
        return type(error), error.reason, error.step
    if isinstance(result, NeedStatusList):
        return type(result), result.reason, result.uri
    proven, attestation = result.citizenship, result.attestation
    stated = attestation.citizenship.all_nationalities
    return proven, proven.all_nationalities, stated, result.not_after, result.status, attestation.assurance


def _admission(
    format: Format, credential: Credential, paths: list[ClaimPath], countries: Any, now: int
) -> tuple[Any, ...]:
    """Say how a gateway with these anchors admits and then decides."""
    world = f.World(format, trusted=f.anchors(format, countries), now=now)
    challenge = world.gateway.challenge(sender=None)
    data = f.show(credential, paths, challenge=challenge, now=now)
    request = world.request(url=f.ENDPOINT)
    admitted = world.gateway.admit(data, format=format, challenge=challenge.to_text(), request=request)
    if type(admitted) is not Admitted:
        return type(admitted), admitted.reason, getattr(admitted, "step", None)
    request = world.request(ticket=admitted.ticket)
    decided = [world.gateway.authorize(request, resource=each) for each in ("bound", "bearer", "citizens", "open")]
    return admitted.expires_at, *((type(each), getattr(each, "reason", None)) for each in decided)


@given(
    FEW,
    FEW,
    st.booleans(),
    st.booleans(),
    st.sampled_from([2, 29, 61, 86_400, 86_401, 30 * 86_400]),
    st.sampled_from(["31 s before", "30 s before", "1 s before", "first", "second", "middle", "last", "end"]),
    st.sampled_from([None, b.VALID_INDEX, b.VALID_INDEX, b.REVOKED_INDEX, b.SUSPENDED_INDEX, b.OTHER_INDEX]),
    st.just(ANY) | st.lists(st.sampled_from(POOL), min_size=1, max_size=3, unique=True).map(tuple),
    st.none() | st.tuples(st.sets(st.sampled_from(POOL)), st.sets(st.sampled_from(POOL)), st.booleans()),
    st.booleans(),
    st.sampled_from(CHALLENGES),
)
def test_i33_two_formats_of_one_attestation_get_one_verdict(
    nationalities: list[Country],
    citizenships: list[Country],
    complete: bool,
    starts: bool,
    lifetime_s: int,
    moment: str,
    index: int | None,
    countries: Any,
    shown: tuple[set[Country], set[Country], bool] | None,
    rated: bool,
    challenge: Challenge,
) -> None:
    stated = Citizenship(nationalities, citizenships, complete)
    # An SD-CWT has nbf <= iat (section 9 step 3 of the draft), an mdoc signed <= validFrom (9.1.2.4): equal, if any.
    # And validFrom < validUntil, which is inclusive: the shortest mdoc is valid for two seconds.
    issued_at, not_after = b.NOW, b.NOW + lifetime_s
    validity = Validity(UnixTime(issued_at), UnixTime(issued_at) if starts else None, UnixTime(not_after))
    before = {"31 s before": -31, "30 s before": -30, "1 s before": -1, "first": 0, "second": 1}
    behind = {"middle": lifetime_s // 2, "last": lifetime_s - 1, "end": lifetime_s}
    now = issued_at + (before | behind)[moment]
    outcomes, admissions = {}, {}
    for format in Format:
        assurance = Assurance("eidas", "high") if rated else None
        attestation = f.attestation(format, stated, validity=validity, index=index, assurance=assurance)
        credential = f.receive(attestation, format)
        paths = f.everything(attestation) if shown is None else f.choice(format, stated, *shown)
        if rated and shown and format is Format.MDOC:
            paths.append((m.OURS, "assurance"))  # an element like any other; elsewhere it is always shown
        data, anchors = f.show(credential, paths, challenge=challenge, now=now), f.anchors(format, countries)
        verify = functools.partial(f.verify, data, format, anchors=anchors, challenge=challenge, now=now)
        outcomes[format] = _outcome(verify)
        admissions[format] = _admission(format, credential, paths, countries, now)
    agreed, admitted = outcomes[Format.SD_JWT_VC], admissions[Format.SD_JWT_VC]
    expected, admissible = dict.fromkeys(Format, agreed), dict.fromkeys(Format, admitted)
    if not starts and now < issued_at <= now + 30 and agreed[2] != "V5":
        # The one window in which the standards differ: the issuer's clock is ahead by no more than what is excused, and
        # he does not say from when on it is valid. An mdoc must say so, and is not valid before it is signed; a holder
        # of an SD-CWT may not bind it before it was issued (section 9 step 6).
        expected[Format.MDOC] = (VerificationError, Reason.NOT_YET_VALID, "V6")
        expected[Format.SD_CWT] = (VerificationError, Reason.KEY_BINDING_STALE, "V7")
        admissible[Format.MDOC] = (Deny, Reason.NOT_YET_VALID, "V6")
        admissible[Format.SD_CWT] = (Deny, Reason.KEY_BINDING_STALE, "V7")
    assert outcomes == expected
    assert admissions == admissible


# --- what a thief has caught ---

OURS: Final = b.challenge()


@cache
def _caught(format: Format) -> tuple[bytes, ...]:
    """What was shown elsewhere or earlier, or is the thief's own: none of it answers OURS but the last."""
    names = ["nationalities", "given_name"]
    mine = f.receive(f.attestation(format, DUAL, further=SECRETS), format)
    # A device signs the session and the docType, not which credential: of mdocs each has a key of its own.
    keys = [b.key(name if format is Format.MDOC else "holder") for name in ("holder of a past one", "of a revoked one")]
    old = Validity(UnixTime(b.NOW - 90_000), UnixTime(b.NOW - 90_000), UnixTime(b.NOW - 1))
    past, revoked = (
        f.receive(dataclasses.replace(stated, holder_key=key.public), format, now=now)
        for stated, key, now in (
            (f.attestation(format, DUAL, further=SECRETS, validity=old), keys[0], b.NOW - 80_000),
            (f.attestation(format, DUAL, further=SECRETS, index=b.REVOKED_INDEX), keys[1], b.NOW),
        )
    )
    elsewhere = Challenge("https://elsewhere.example", OURS.nonce)
    shown = [f.show(mine, _paths(format, names), challenge=b.challenge(nonce="another-nonce-of-this-gateway"))]
    shown += [f.show(mine, _paths(format, names), challenge=elsewhere)]
    shown += [f.show(past, _paths(format, names), now=b.NOW - 80_000, key=keys[0])]
    shown += [f.show(revoked, _paths(format, names), key=keys[1])]
    stated = f.attestation(format, Citizenship([Country("CU")]), further=SECRETS)
    thief = f.receive(dataclasses.replace(stated, holder_key=THIEF.public), format)
    paths = f.everything(thief.attestation)
    return (*shown, thief.present(paths, challenge=OURS, key=THIEF, peer=OURS.peer, now=b.NOW))


def _grafted(one: Any, other: Any, draw: Callable[[int], int]) -> Any:
    """Put a part of one thing into the other, at the same place or anywhere in the same map or array."""
    one, other = _unwrapped(one), _unwrapped(other)
    if type(one) is not type(other) or draw(4) == 0:
        return other
    if isinstance(one, _Embedded):
        return _Embedded(_grafted(one.value, other.value, draw), one.tagged)
    if isinstance(one, cbor2.CBORTag):
        return cbor2.CBORTag(one.tag, _grafted(one.value, other.value, draw))
    if isinstance(one, dict) and one and other:
        name = list(one)[draw(len(one))]
        theirs = name if name in other else list(other)[draw(len(other))]
        return {**one, name: _grafted(one[name], other[theirs], draw)}
    if isinstance(one, list) and one and other:
        place = draw(len(one))
        return [*one[:place], _grafted(one[place], other[min(place, len(other) - 1)], draw), *one[place + 1 :]]
    return other


@dataclasses.dataclass
class _Embedded:
    """CBOR in a byte string, with tag 24 or without."""

    value: Any
    tagged: bool


def _unwrapped(value: Any) -> Any:
    if isinstance(value, cbor2.CBORTag) and value.tag == 24:
        return _Embedded(_decoded(value.value), True)
    return (
        _Embedded(_decoded(value), False) if isinstance(value, bytes) and type(_decoded(value)) is not bytes else value
    )


def _decoded(data: bytes) -> Any:
    try:
        found = cbor2.loads(data)
        whole = isinstance(found, dict | list | cbor2.CBORTag) and m.dump(_wrapped(found)) == data
    except (cbor2.CBORError, ValueError, EOFError, TypeError, OverflowError):  # a signature may look like anything
        return data
    return found if whole else data


def _wrapped(value: Any) -> Any:
    if isinstance(value, _Embedded):
        content = value.value if isinstance(value.value, bytes) else m.dump(_wrapped(value.value))
        return m.embedded(content) if value.tagged else content
    if isinstance(value, cbor2.CBORTag):
        return cbor2.CBORTag(value.tag, _wrapped(value.value))
    if isinstance(value, dict):
        return {name: _wrapped(each) for name, each in value.items()}
    return [_wrapped(each) for each in value] if isinstance(value, list) else value


def _recombined(format: Format, one: bytes, other: bytes, draw: Callable[[int], int]) -> bytes:
    if format is not Format.SD_JWT_VC:
        return m.dump(_wrapped(_grafted(cbor2.loads(one), cbor2.loads(other), draw)))
    parts, others = one.split(b"~"), other.split(b"~")
    kept = draw(8)
    if kept < 3:  # a whole part of the other: what the issuer signed, what is shown, or what the holder signed
        places = (slice(0, 1), slice(1, -1), slice(-1, None))
        parts[places[kept]] = others[places[kept]]
    elif kept < 5:  # a piece of a token: header, payload or signature
        place, piece = -(kept - 3), draw(3)
        token, theirs = parts[place].split(b"."), others[place].split(b".")
        token[piece] = theirs[piece]
        parts[place] = b".".join(token)
    elif kept == 5:  # some of all that is shown
        parts[1:-1] = [text for text in dict.fromkeys(parts[1:-1] + others[1:-1]) if draw(2)]
    return b"~".join(parts)


@pytest.mark.parametrize("format", Format)
@given(st.data())
def test_i37_nothing_that_was_caught_can_be_put_together_to_fit(format: Format, data: st.DataObject) -> None:
    caught = _caught(format)
    made = data.draw(st.sampled_from(caught))

    def draw(count: int) -> int:
        return data.draw(st.integers(0, count - 1))

    for _ in range(data.draw(st.integers(0, 3))):
        made = _recombined(format, made, data.draw(st.sampled_from(caught)), draw)
    try:
        verified = f.verify(made, format, cache=_CACHE)
    except (MalformedError, VerificationError):
        return
    assert isinstance(verified, VerifiedPresentation)  # what is the thief's own, he may show
    assert verified.attestation.holder_key == THIEF.public
    assert set(verified.attestation.citizenship.nationalities) <= {Country("CU")}


def test_what_is_caught_is_good_elsewhere_and_the_thiefs_own_is_good_here() -> None:
    # A recombination of what nobody would ever accept would prove nothing.
    for format in Format:
        *others, own = _caught(format)
        assert f.accepted(own, format).attestation.holder_key == THIEF.public
        f.accepted(others[0], format, challenge=b.challenge(nonce="another-nonce-of-this-gateway"))
        f.accepted(others[1], format, challenge=Challenge("https://elsewhere.example", OURS.nonce))
        f.accepted(others[2], format, now=b.NOW - 80_000, statuses=b.statuses(b.NOW - 80_000))
        for each in others:
            with pytest.raises(VerificationError):
                f.verify(each, format)
            assert _recombined(format, each, each, lambda count: count - 1)


def _skeleton(value: Any) -> Any:
    """Return what is left of an issuer's half when all that was drawn at random looks alike."""
    if isinstance(value, dict):
        return sorted(((_skeleton(name), _skeleton(each)) for name, each in value.items()), key=repr)
    if isinstance(value, list):
        return [_skeleton(each) for each in value]
    if isinstance(value, cbor2.CBORTag):
        return value.tag, _skeleton(cbor2.loads(value.value) if value.tag == 24 else value.value)
    if type(value) is int and value < 2**32 and value not in (b.NOW - 60, b.NOW + 30 * 86_400, b.VALID_INDEX):
        return "number"
    random = (isinstance(value, bytes) and len(value) == 32) or (isinstance(value, str) and len(value) == 43)
    return "digest" if random else value


def _issuers_half(format: Format, presentation: bytes) -> Any:
    (framed,) = open_presentation(presentation, format=format)
    if format is Format.SD_JWT_VC:
        return _skeleton(json.loads(framed.credential.payload)), len(framed.disclosures)
    return _skeleton(cbor2.loads(framed.credential.payload)), len(framed.disclosures)


@pytest.mark.parametrize("format", Format)
@given(st.data(), st.integers(1, 4))
def test_i38_of_what_is_withheld_only_the_number_shows(format: Format, data: st.DataObject, count: int) -> None:
    names = b.names.filter(lambda name: name and name not in b.STRUCTURAL | b.CITIZENSHIP | {"given_name"})
    values = st.text(max_size=40) | st.integers(0, 10**6) | st.booleans()
    halves = []
    for _ in range(2):
        hidden = data.draw(st.dictionaries(names, values, min_size=count, max_size=count))
        credential = f.receive(f.attestation(format, DUAL, further={**hidden, "given_name": "Ada"}), format)
        halves.append(_issuers_half(format, f.show(credential, _paths(format, ["given_name"]))))
    assert halves[0] == halves[1]


@given(
    st.sampled_from(["verify", "ticket", "bearer ticket"]),
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([-90_000, -3_600, -1, 0, 1, 300, 1_800, 3_600, 50_000])), max_size=8
    ),
)
def test_i39_time_gives_nothing_back(door: str, moves: list[tuple[bool, int]]) -> None:
    if door == "verify":
        ages = sorted(b.NOW + abs(seconds) * 40 for _, seconds in moves)
        statuses = [b.statuses(now) for now in ages]
        shown = [b.make(kb={"iat": now}) for now in ages]
        verdicts = [
            _verdict(functools.partial(b.verify, each, now=now, statuses=store))
            for each, now, store in zip(shown, ages, statuses, strict=True)
        ]
        expired = [verdict[1] == Reason.EXPIRED.value for verdict in verdicts]
        assert expired == sorted(expired)
        return
    world = gateway_world.World()
    wallet = world.wallet()
    ticket = world.ticket(wallet, bearer=door == "bearer ticket")
    ended = False
    for passes, seconds in moves:
        world.wait(abs(seconds)) if passes else world.step_wall_clock(seconds)
        proof = None if door == "bearer ticket" else world.proof(wallet.sender, ticket)
        result = world.gateway.authorize(gateway_world.request(ticket, proof), resource="weak")
        ended = ended or getattr(result, "reason", None) is Reason.TICKET_EXPIRED
        assert type(result) is not Allow or not ended


def test_every_invariant_has_exactly_one_property() -> None:
    numbers = sorted(name[len("test_i") : len("test_i") + 2] for name in globals() if name.startswith("test_i"))
    assert numbers == [f"{number:02}" for number in range(1, len(numbers) + 1)]
