"""Tickets: what goes in comes out, nothing else opens, and nobody can tell from outside what is in one.

Spec: DESIGN section 4 (ticket); RFC 8452; Reasons TICKET_INVALID, TICKET_EXPIRED, ANCHOR_REMOVED.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid import ANY, Assurance, CitizenIDError, Citizenship, Country, Format, MalformedError, Reason
from citizenid._crypto import SealingKey, derive_key
from citizenid.gateway import Allow, Binding, Gateway
from citizenid.gateway.ticket import TicketContents, TicketKeys, assurance_hash, fit, type_hash

from .world import (
    AUDIENCE,
    DAY,
    NOW,
    OTHER_SECRET,
    SECRET,
    STRICT_POLICY,
    VCT,
    World,
    allowed,
    anchors,
    base64url,
    denied,
    key,
    needed,
    policy,
    request,
    unbase64url,
)

COUNTRIES = Country.all()
NONCE = bytes(12)
TICKET_CHARS = 248

sets_of_countries = st.frozensets(st.sampled_from(COUNTRIES), max_size=3)
lists_of_countries = st.lists(st.sampled_from(COUNTRIES), max_size=9, unique=True)
times = st.integers(0, 2**32 - 1)
statuses = st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.integers(0, 2**32 - 1)), max_size=2)


@st.composite
def contents(draw: st.DrawFn) -> TicketContents:
    citizenships = draw(sets_of_countries)
    admitted_at = draw(times)
    expires_at, ends_at = (admitted_at + draw(st.integers(1, 30 * DAY)) for _ in range(2))
    return TicketContents(
        expires_at=expires_at,
        ends_at=ends_at,
        session_id=draw(st.binary(min_size=16, max_size=16)),
        anchor=draw(st.binary(min_size=16, max_size=16)),
        format=draw(st.sampled_from(Format)),
        type_hash=type_hash(draw(st.text())),
        assurance=draw(st.binary(min_size=9, max_size=9)),
        admitted_at=admitted_at,
        issued_at=draw(times),
        evidence_at=draw(times),
        holder=draw(st.binary(min_size=6, max_size=6)),
        nationalities=citizenships | draw(sets_of_countries),
        citizenships=citizenships,
        complete=draw(st.booleans()),
        binding=draw(st.sampled_from(Binding)),
        sender=draw(st.binary(min_size=32, max_size=32)),
        statuses=tuple(draw(statuses)),
    )


def some(**changes: Any) -> TicketContents:
    us = frozenset({Country("US")})
    values: dict[str, Any] = {
        "expires_at": NOW + 60,
        "ends_at": NOW + 600,
        "session_id": bytes(16),
        "anchor": bytes(16),
        "format": Format.SD_JWT_VC,
        "type_hash": type_hash(VCT),
        "assurance": assurance_hash(None),
        "admitted_at": NOW,
        "issued_at": NOW - 60,
        "evidence_at": NOW - DAY,
        "holder": bytes(6),
        "nationalities": us,
        "citizenships": us,
        "complete": True,
        "binding": Binding.DPOP,
        "sender": bytes(32),
        "statuses": (),
    }
    return TicketContents(**(values | changes))


def keys(*secrets: bytes, audience: str = AUDIENCE) -> TicketKeys:
    return TicketKeys(secrets or (SECRET,), audience)


def refused(text: bytes, with_keys: TicketKeys | None = None) -> None:
    with pytest.raises(MalformedError) as caught:
        (with_keys or keys()).open(text)
    assert (caught.value.reason, caught.value.step) == (Reason.TICKET_INVALID, "ticket")
    assert caught.value.__context__ is None


# --- sealing ---


@given(contents(), st.binary(min_size=12, max_size=12))
def test_what_is_sealed_is_what_is_opened(sealed: TicketContents, nonce: bytes) -> None:
    assert keys().open(keys().seal(sealed, nonce).encode()) == sealed


@given(
    contents(),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.integers(0, 2**53 - 1),
    st.integers(0, 2**53 - 1),
)
@example(some(), NOW + 2**22 - 1, NOW + 2**22, 2**32 - 1, 2**32)
@example(some(), NOW, NOW - 1, 0, 1)
def test_no_end_is_later_than_it_was_and_nothing_is_younger(
    sealed: TicketContents, expires_at: int, ends_at: int, issued_at: int, evidence_at: int
) -> None:
    given_ = {"expires_at": expires_at, "ends_at": ends_at, "issued_at": issued_at, "evidence_at": evidence_at}
    text = keys().seal(sealed._replace(**given_), NONCE)
    opened = keys().open(text.encode())
    assert len(text) == TICKET_CHARS
    for name, value in given_.items():
        assert getattr(opened, name) <= value
    # What a session can be is kept to the second, and of an end before the admission that it is over.
    for held, stated in ((opened.expires_at, expires_at), (opened.ends_at, ends_at)):
        since = stated - sealed.admitted_at
        assert held == (0 if since <= 0 else sealed.admitted_at + min(since, 2**22 - 1))
    assert (opened.issued_at, opened.evidence_at) == (min(issued_at, 2**32 - 1), min(evidence_at, 2**32 - 1))
    # Nothing else moves, whatever stands beside it.
    assert opened._replace(**dict.fromkeys(given_, 0)) == sealed._replace(**dict.fromkeys(given_, 0))


def test_the_longest_session_that_can_be_configured_fits() -> None:
    longest = some(expires_at=NOW + DAY, ends_at=NOW + 30 * DAY)
    assert keys().open(keys().seal(longest, NONCE).encode()) == longest


def test_an_assurance_is_known_by_framework_and_level_together() -> None:
    stated = [
        Assurance("eidas", "high"),
        Assurance("eidas", "low"),
        Assurance("eidash", "igh"),
        Assurance("nist", "high"),
    ]
    hashes = [assurance_hash(None), *map(assurance_hash, stated)]
    assert len(set(hashes)) == 5 and {len(each) for each in hashes} == {9}
    assert hashes[0] == bytes(9) and assurance_hash(Assurance("eidas", "high")) == hashes[1]


@given(contents(), st.binary(min_size=12, max_size=12))
def test_a_length_tells_nothing(sealed: TicketContents, nonce: bytes) -> None:
    assert len(keys().seal(sealed, nonce)) == TICKET_CHARS


def test_contents_do_not_show_in_a_repr() -> None:
    assert repr(some()) == "<TicketContents>"
    assert repr(keys()).count(SECRET.hex()) == 0


def test_no_part_of_the_contents_can_be_seen() -> None:
    one, other = keys().seal(some(), NONCE), keys().seal(some(sender=b"\1" + bytes(31)), NONCE)
    # Even under one nonce: another last bit inside changes every block (RFC 8452), so equal parts cannot be compared.
    blocks = [
        (unbase64url(one)[place : place + 16], unbase64url(other)[place : place + 16]) for place in range(17, 160, 16)
    ]
    assert all(left != right for left, right in blocks)


@given(lists_of_countries, lists_of_countries, st.booleans(), st.sets(st.sampled_from(COUNTRIES)))
def test_a_ticket_has_room_for_six_countries_and_keeps_those_that_count(
    nationalities: list[Country], citizenships: list[Country], complete: bool, attestable: set[Country]
) -> None:
    stated = Citizenship(nationalities, citizenships, complete)
    proven = Citizenship(
        [country for country in nationalities if country in attestable],
        [country for country in citizenships if country in attestable],
    )
    fitted = fit(stated, proven)
    kept = fitted.all_nationalities
    # Nothing is made up, and a citizenship does not become a mere nationality.
    assert kept <= stated.all_nationalities
    assert set(fitted.citizenships) == kept & set(citizenships)
    if len(stated.all_nationalities) <= 6:
        assert kept == stated.all_nationalities
        assert fitted.complete == complete
    else:
        assert len(kept) == 6
        assert not fitted.complete  # a list that was cut is not complete
        # What the anchor may attest is kept before the rest, and of it citizenships before nationalities.
        assert len(kept & proven.all_nationalities) == min(6, len(proven.all_nationalities))
        assert len(kept & set(proven.citizenships)) == min(6, len(proven.citizenships))


def test_seven_countries_have_no_room() -> None:
    with pytest.raises(CitizenIDError) as caught:
        keys().seal(some(nationalities=frozenset(COUNTRIES[:7]), citizenships=frozenset()), NONCE)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_six_are_complete_when_the_issuer_says_so() -> None:
    six = frozenset(COUNTRIES[:6])
    opened = keys().open(keys().seal(some(nationalities=six, citizenships=frozenset()), NONCE).encode())
    assert (opened.nationalities, opened.complete) == (six, True)


def test_seven_nationalities_do_not_hide_the_one_that_counts() -> None:
    # The anchor speaks for the US alone; in the order of the alphabet the US would come last and be cut off.
    world = World(anchors=anchors(countries=[Country("US")]))
    nationalities = [country.alpha2 for country in COUNTRIES[:20]] + ["US"]
    alice = world.wallet(nationalities=nationalities)
    allowed(world.ask(alice, world.ticket(alice)))


def test_three_status_references_have_no_room() -> None:
    with pytest.raises(CitizenIDError) as caught:
        keys().seal(some(statuses=((bytes(16), 1),) * 3), NONCE)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


# --- opening ---


@given(st.integers(0, 8 * 186 - 1))
@example(0)  # version
@example(8)  # key id
@example(40)  # nonce
@example(8 * 186 - 1)  # the last bit of the tag
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    sealed = bytearray(unbase64url(keys().seal(some(), NONCE)))
    sealed[bit // 8] ^= 1 << bit % 8
    refused(base64url(bytes(sealed)))


@given(st.integers(0, TICKET_CHARS - 1), st.integers(0, 255))
def test_any_other_character_is_noticed(place: int, character: int) -> None:
    text = bytearray(keys().seal(some(), NONCE).encode())
    if text[place] != character:
        text[place] = character
        refused(bytes(text))


@given(st.integers(0, TICKET_CHARS - 1))
def test_any_truncation_is_noticed(length: int) -> None:
    text = keys().seal(some(), NONCE).encode()
    refused(text[:length])
    refused(text[TICKET_CHARS - length :])


@given(st.binary(max_size=300) | st.binary(min_size=TICKET_CHARS, max_size=TICKET_CHARS))
def test_no_other_bytes_open(data: bytes) -> None:
    refused(data)
    refused(base64url(data))


@given(st.binary(min_size=181, max_size=181))
def test_no_bytes_behind_a_good_beginning_open(rest: bytes) -> None:
    beginning = unbase64url(keys().seal(some(), NONCE))[:5]  # version and key id
    refused(base64url(beginning + rest))


@pytest.mark.parametrize("added", [b"=", b"==", b" ", b"\n", b"A", b","])
def test_nothing_may_be_added(added: bytes) -> None:
    text = keys().seal(some(), NONCE).encode()
    refused(text + added)
    refused(added + text)


def test_one_ticket_has_one_spelling() -> None:
    # 186 bytes are exactly 248 characters: no stray bits to vary. The other alphabet and padding are refused.
    text = keys().seal(some(), NONCE).encode()
    assert len(unbase64url(text)) * 4 == len(text) * 3
    texts = (keys().seal(some(), bytes(11) + bytes([number])).encode() for number in range(50))
    text = next(text for text in texts if b"-" in text or b"_" in text)
    refused(text.replace(b"-", b"+").replace(b"_", b"/"))


def test_another_audience_opens_nothing() -> None:
    text = keys().seal(some(), NONCE).encode()
    refused(text, keys(audience="https://other.example"))
    refused(text, keys(audience=AUDIENCE + "/"))


def test_another_key_opens_nothing() -> None:
    refused(keys(OTHER_SECRET).seal(some(), NONCE).encode())


def test_the_key_id_alone_selects() -> None:
    # With the id of a key that is held, but not the one that sealed: no other key is tried.
    text = bytearray(unbase64url(keys().seal(some(), NONCE)))
    other = unbase64url(keys(OTHER_SECRET).seal(some(), NONCE))
    text[1:5] = other[1:5]
    refused(base64url(bytes(text)), keys(SECRET, OTHER_SECRET))


def test_keys_rotate_with_overlap() -> None:
    old, both, new = keys(SECRET), keys(OTHER_SECRET, SECRET), keys(OTHER_SECRET)
    before, during = old.seal(some(), NONCE).encode(), both.seal(some(), NONCE).encode()
    assert both.open(before) == both.open(during) == new.open(during) == some()
    refused(before, new)
    refused(during, old)


@pytest.mark.parametrize(
    "secrets",
    [(), (b"",), (bytes(31),), (SECRET, bytes(31)), (SECRET, SECRET), ("x" * 32,), (bytearray(32),), (None,), (5,)],
)
def test_secrets_are_long_and_distinct(secrets: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        TicketKeys(secrets, AUDIENCE)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_what_is_held_open_is_bounded_and_what_does_not_open_is_not_held() -> None:
    held = keys()
    good = held.seal(some(), NONCE).encode()
    assert held.open_fields(good) is held.open_fields(good)
    for number in range(1_000):
        bad = bytearray(good)
        bad[30 + number % 200] ^= 1 + number // 200
        assert held.open_fields(bytes(bad)) is None
    assert len(held._opened) == 1
    for number in range(5_000):
        assert held.open_fields(held.seal(some(), number.to_bytes(12, "big")).encode()) is not None
    assert len(held._opened) == 4_096


def test_what_is_held_open_goes_with_its_keys() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    allowed(world.ask(alice, ticket))
    world.gateway.reload(ticket_keys=[OTHER_SECRET])
    needed(world.ask(alice, ticket), Reason.TICKET_INVALID)


# --- a ticket at the gateway ---


@pytest.mark.parametrize(
    ("nationalities", "citizenships"),
    [
        (["US"], []),
        (["US"], ["US"]),
        (["US", "DE", "FR", "IT", "JP", "BR"], ["US", "DE"]),
        (["US", *(country.alpha2 for country in COUNTRIES[:20])], []),
    ],
    ids=["one", "citizen", "six", "twenty-one"],
)
def test_all_tickets_are_of_one_length(nationalities: list[str], citizenships: list[str]) -> None:
    world = World()
    for short_lived in (False, True):
        options: dict[str, Any] = {"short_lived": True, "lifetime_s": DAY} if short_lived else {}
        wallet = world.wallet(nationalities=nationalities, citizenships=citizenships, **options)
        assert len(world.ticket(wallet)) == TICKET_CHARS


def test_a_ticket_ends_at_its_second() -> None:
    world = World()
    alice = world.wallet()
    admitted = world.admit(alice)
    assert admitted.expires_at == NOW + 3_600
    world.wait(3_599)
    allowed(world.ask(alice, admitted.ticket))
    world.wait(1)
    needed(world.ask(alice, admitted.ticket), Reason.TICKET_EXPIRED)


def test_a_ticket_ends_with_the_credential() -> None:
    world = World()
    alice = world.wallet(short_lived=True, lifetime_s=100)
    assert world.admit(alice).expires_at == NOW + 100


def test_a_ticket_ends_with_the_anchor() -> None:
    world = World(anchors=anchors(not_after=NOW + 50))
    alice = world.wallet()
    admitted = world.admit(alice)
    assert admitted.expires_at == NOW + 50
    world.wait(50)
    needed(world.ask(alice, admitted.ticket), Reason.TICKET_EXPIRED)


def test_a_ticket_lives_as_long_as_configured_at_most() -> None:
    world = World(ticket_lifetime_s=60)
    assert world.admit(world.wallet()).expires_at == NOW + 60


def test_keys_rotate_at_the_gateway() -> None:
    world = World()
    alice = world.wallet()
    old = world.ticket(alice)
    world.gateway.reload(ticket_keys=[OTHER_SECRET, SECRET])
    allowed(world.ask(alice, old))
    new = world.ticket(alice)
    world.gateway.reload(ticket_keys=[OTHER_SECRET])
    allowed(world.ask(alice, new))
    needed(world.ask(alice, old), Reason.TICKET_INVALID)


def test_any_gateway_of_the_fleet_takes_a_ticket_and_no_other_does() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    allowed(world.ask(alice, ticket, gateway=world.another_gateway()))
    needed(
        world.ask(alice, ticket, gateway=world.another_gateway(audience="https://other.example")), Reason.TICKET_INVALID
    )
    needed(world.ask(alice, ticket, gateway=world.another_gateway(ticket_keys=[OTHER_SECRET])), Reason.TICKET_INVALID)


def test_a_ticket_does_not_outlive_its_anchor() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    world.gateway.reload(anchors=anchors("another issuer"))
    needed(world.ask(alice, ticket), Reason.ANCHOR_REMOVED)
    world.gateway.reload(anchors=anchors())
    allowed(world.ask(alice, ticket))


@pytest.mark.parametrize(
    "changed",
    [
        {"countries": [Country("DE"), Country("US")]},
        {"not_before": 1},
        {"not_after": NOW + 3_651 * DAY},
        {"issuer": "https://renamed.example"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_ticket_of_an_anchor_that_has_changed_is_refused(changed: dict[str, Any]) -> None:
    # Even by a wider one: what the ticket was sealed under does not exist any more, and admission is cheap.
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    world.gateway.reload(anchors=anchors(**changed))
    needed(world.ask(alice, ticket), Reason.ANCHOR_REMOVED)


def test_a_ticket_of_an_anchor_whose_time_has_not_come_or_is_over_is_refused() -> None:
    # The same fingerprint, seen by a node whose clock stands outside of the anchor's window.
    world = World(anchors=anchors(not_before=NOW - 100, not_after=NOW + 100))
    alice = world.wallet()
    ticket = world.ticket(alice)
    world.step_wall_clock(-101)
    needed(world.ask(alice, ticket, gateway=world.another_gateway()), Reason.ANCHOR_REMOVED)


@pytest.mark.parametrize("shown", [["DE"], ["DE", "US"]])
def test_what_an_anchor_may_not_attest_proves_nothing(shown: list[str]) -> None:
    world = World(anchors=anchors(countries=[Country("DE")]))
    hans = world.wallet("hans", shown, shown)
    ticket = world.ticket(hans)
    allowed(world.ask(hans, ticket, "europe"))
    for resource in ("us-nationals", "us-citizens"):
        denied(world.ask(hans, ticket, resource), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")


def test_the_ticket_of_a_credential_is_no_credential_and_the_reverse() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    challenge = world.challenge(alice.sender)
    presentation = world.present(alice, challenge)
    asked = request(path="/citizenship", proof=world.proof(alice.sender, url=AUDIENCE + "/citizenship"))
    denied(
        world.gateway.admit(ticket, format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=asked),
        Reason.MALFORMED_TOKEN,
        "V1",
    )
    needed(world.gateway.authorize(request(presentation), resource="us-nationals"), Reason.TICKET_INVALID)
    needed(
        world.gateway.authorize(request(alice.credential.to_bytes()), resource="us-nationals"), Reason.TICKET_INVALID
    )
    needed(world.gateway.authorize(request(challenge.to_text()), resource="us-nationals"), Reason.TICKET_INVALID)


def test_a_ticket_mints_no_ticket() -> None:
    # Only a presentation does: a ticket beside an admission changes nothing.
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    proof = world.proof(alice.sender, url=AUDIENCE + "/citizenship")
    answer = world.gateway.admit_http(request(ticket, proof, path="/citizenship"), b"{}")
    assert answer.status == 401
    assert b"ticket_missing" in answer.body


def test_two_admissions_are_two_sessions() -> None:
    world = World()
    alice = world.wallet()
    sessions = [allowed(world.ask(alice, world.ticket(alice))).session_id for _ in range(3)]
    assert len({*sessions}) == 3
    assert all(session is not None and len(session) == 16 for session in sessions)


def test_anyone_needs_no_ticket_and_has_no_session() -> None:
    world = World()
    assert world.gateway.authorize(request(), resource="open") == Allow(1, None)
    assert world.gateway.authorize(request(b"garbage", b"garbage"), resource="open") == Allow(1, None)


def test_random_bytes_come_from_the_source_that_is_given() -> None:
    world = World()
    asked: list[int] = []

    def source(size: int) -> bytes:
        asked.append(size)
        return os.urandom(size)

    world.gateway = world.another_gateway(random=source)
    asked.clear()  # a gateway tries its source before it goes by it
    world.ticket(world.wallet())
    assert sorted(asked) == [12, 16, 16]  # nonce of the ticket, challenge, session


def test_strict_policies_have_no_bearer_tickets() -> None:
    assert not policy(STRICT_POLICY).permits_bearer
    world = World(STRICT_POLICY)
    with pytest.raises(CitizenIDError) as caught:
        world.challenge(None)
    assert caught.value.reason is Reason.BINDING_TOO_WEAK


def test_the_gateway_is_made_of_the_fleets_secrets_alone() -> None:
    world = World()
    with pytest.raises(CitizenIDError) as caught:
        world.another_gateway(ticket_keys=b"x" * 32)  # bytes are a sequence of integers: surely a slip
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert isinstance(world.another_gateway(ticket_keys=(SECRET, OTHER_SECRET)), Gateway)
    assert world.another_gateway(anchors=anchors(countries=ANY)) is not None


# --- what another release of the fleet may have sealed ---


def sealed_over(plaintext: bytes) -> bytes:
    """Seal any contents as a gateway of the fleet would."""
    prefix = b"\x03" + derive_key(SECRET, "ticket-key-id", 4)
    associated = prefix + hashlib.sha256(AUDIENCE.encode()).digest()
    sealed = SealingKey(derive_key(SECRET, "ticket")).seal(NONCE, plaintext, associated)
    return base64url(prefix + NONCE + sealed)


def plaintext_of(text: bytes) -> bytes:
    """Return what a ticket holds."""
    sealed = unbase64url(text)
    associated = sealed[:5] + hashlib.sha256(AUDIENCE.encode()).digest()
    plaintext = SealingKey(derive_key(SECRET, "ticket")).open(sealed[5:17], sealed[17:], associated)
    assert plaintext is not None
    return plaintext


FORMAT_AT, COUNTRIES_AT = 44, 68  # after three times and two identities; after type, assurance and holder


@pytest.mark.parametrize(
    ("place", "content"),
    [(FORMAT_AT, b"\x03"), (COUNTRIES_AT, b"\xff" * 8), (COUNTRIES_AT, bytes(5) + b"\x0f\xff\xff")],
    ids=["a fourth format", "countries that do not exist", "one that does not"],
)
def test_contents_that_cannot_be_read_do_not_open(place: int, content: bytes) -> None:
    good = plaintext_of(keys().seal(some(), NONCE).encode())
    assert keys().open(sealed_over(good)) == some()
    changed = good[:place] + content + good[place + len(content) :]
    text = sealed_over(changed)
    refused(text)
    assert keys().open_fields(text) is None
    world = World()
    for proof in (None, world.proof(key("sender of alice"), text.decode())):
        needed(world.gateway.authorize(request(text, proof), resource="us-nationals"), Reason.TICKET_INVALID)


@given(st.binary(min_size=153, max_size=153))
def test_any_contents_open_or_are_refused(plaintext: bytes) -> None:
    text = sealed_over(plaintext)
    fields = keys().open_fields(text)
    assert (fields is None) or keys().open(text).session_id == plaintext[12:28]
