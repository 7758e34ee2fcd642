"""What an issuer keeps: indices drawn without bias and never twice, what each says, and a signed list of it all.

Here in memory; `test_ledger` holds the publisher with a file against this one.

A dict is the model of a publisher and its verifier; the oracles for what is published are PyJWT, joserfc and plain
zlib and base64. Spec: Token Status List sections 4, 5.1, 7.1, 13.2, 13.3; EUDI ARF 3.0.0 topic 7.
"""

from __future__ import annotations

import functools
import json
import random
import secrets
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import permutations
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from joserfc import jwk as jose_jwk
from joserfc import jws as jose_jws
from joserfc import jwt as jose_jwt

from citizenid import (
    CitizenIDError,
    KeyPurpose,
    Limits,
    LocalKey,
    PublicKey,
    Reason,
    Status,
    StatusReference,
    TrustAnchors,
)
from citizenid._limits import DEFAULT_LIMITS
from citizenid.status import (
    IdentifierPublisher,
    StatusKind,
    StatusPublisher,
    StatusStore,
    _writing,
    verify_status_list,
)

from . import DAY, ISSUER, MEDIA_TYPE, NOW, URI, anchors, claims, key, slow_pack, slow_read, unsegment

WIDTHS = (1, 2, 4, 8)


def new_publisher(size: int = 16, bits: int = 2, **changes: Any) -> StatusPublisher:
    return StatusPublisher(uri=URI, size=size, bits=bits, **changes)


def seeded(seed: int) -> Callable[[int], int]:
    return random.Random(seed).randrange


def publish(publisher: StatusPublisher, now: int = NOW, **changes: Any) -> bytes:
    return publisher.publish(key(), **{"now": now, "ttl_s": 3_600, "expires_s": DAY, "kid": "signer", **changes})


def taken_apart(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload, by the standard library alone."""
    head, payload, _ = body.split(b".")
    return json.loads(unsegment(head)), json.loads(unsegment(payload))


def published_bits(body: bytes) -> tuple[int, bytes]:
    """Width and packed list, by the standard library alone."""
    member = taken_apart(body)[1]["status_list"]
    return member["bits"], zlib.decompress(unsegment(member["lst"]))


def refused(reason: Reason, act: Callable[[], object], where: str = "status-list") -> None:
    with pytest.raises(CitizenIDError) as caught:
        act()
    assert (caught.value.reason, caught.value.where) == (reason, where)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


# --- allocation ---


def fisher_yates(size: int, draws: Iterable[int]) -> Iterator[int]:
    """The shuffle as the books have it, on the whole list."""
    order = list(range(size))
    for left, drawn in zip(range(size, 0, -1), draws, strict=True):
        order[drawn], order[left - 1] = order[left - 1], order[drawn]
        yield order[left - 1]


@given(st.integers(1, 40).flatmap(lambda size: st.tuples(*(st.integers(0, left - 1) for left in range(size, 0, -1)))))
def test_allocation_is_a_fisher_yates_shuffle(draws: tuple[int, ...]) -> None:
    size = len(draws)
    source = iter(draws)
    publisher = new_publisher(size, randbelow=lambda bound: next(source))
    references = [publisher.allocate() for _ in range(size)]
    assert [reference.index for reference in references] == list(fisher_yates(size, draws))
    assert {reference.uri for reference in references} == {URI}


@given(size=st.integers(1, 300), seed=st.integers(0, 2**32))
def test_a_full_list_has_given_out_every_index_once(size: int, seed: int) -> None:
    publisher = new_publisher(size, 1, randbelow=seeded(seed))
    assert sorted(publisher.allocate().index for _ in range(size)) == list(range(size))
    for _ in range(3):
        refused(Reason.STATUS_LIST_FULL, publisher.allocate)


@pytest.mark.parametrize("size", [1, 2, 7, 500])
def test_every_allocation_draws_once_among_what_is_free(size: int) -> None:
    # However full the list is: no second draw for an index that is taken, which would slow down and could starve.
    bounds: list[int] = []

    def watched(bound: int) -> int:
        bounds.append(bound)
        return bound // 3

    publisher = new_publisher(size, randbelow=watched)
    for _ in range(size):
        publisher.allocate()
    assert bounds == list(range(size, 0, -1))


def chi_square(counts: Counter[Any], cells: int, total: int) -> float:
    """Pearson's statistic against the uniform distribution over `cells`."""
    expected = total / cells
    found: list[int] = [*counts.values(), *[0] * (cells - len(counts))]
    return sum((count - expected) ** 2 / expected for count in found)


# The 99.9 % quantile of chi-square with 23 degrees of freedom, from a table: 4! orders of a list of four.
LIMIT_23 = 49.728
ROUNDS = 2_400


def test_every_order_is_equally_likely() -> None:
    # All of it in one statistic: the first index, each later one given those before, and the last ones of a full list.
    source = seeded(20_261_124)
    counts: Counter[tuple[int, ...]] = Counter()
    for _ in range(ROUNDS):
        publisher = new_publisher(4, 1, randbelow=source)
        counts[tuple(publisher.allocate().index for _ in range(4))] += 1
    assert set(counts) <= set(permutations(range(4)))
    assert chi_square(counts, 24, ROUNDS) < LIMIT_23


def _probing(source: Callable[[int], int]) -> list[int]:
    taken: list[int] = []
    for _ in range(4):
        index = source(4)
        while index in taken:
            index = (index + 1) % 4
        taken.append(index)
    return taken


def _sattolo(source: Callable[[int], int]) -> list[int]:
    order = list(range(4))
    for left in range(4, 1, -1):
        drawn = source(left - 1)
        order[drawn], order[left - 1] = order[left - 1], order[drawn]
    return order[::-1]


def _in_order(source: Callable[[int], int]) -> list[int]:
    start = source(4)
    return [(start + step) % 4 for step in range(4)]


@pytest.mark.parametrize("biased", [_probing, _sattolo, _in_order])
def test_the_statistic_would_notice(biased: Callable[[Callable[[int], int]], list[int]]) -> None:
    # Three mistakes that each give every index once: the next free one, one draw too narrow, a random start.
    source = seeded(20_261_124)
    counts = Counter(tuple(biased(source)) for _ in range(ROUNDS))
    assert chi_square(counts, 24, ROUNDS) > LIMIT_23


def test_the_last_free_indices_of_a_list_are_as_likely_as_any() -> None:
    # With one index of sixteen left, none is more likely to be it: 15 degrees of freedom, 99.9 %: 37.697.
    source = seeded(7)
    last: Counter[int] = Counter()
    for _ in range(800):
        publisher = new_publisher(16, 1, randbelow=source)
        last[[publisher.allocate().index for _ in range(16)][-1]] += 1
    assert chi_square(last, 16, 800) < 37.697


def test_the_system_draws_by_default() -> None:
    # Section 13.2: an index that can be predicted tells when a credential was issued, and to whom.
    assert StatusPublisher(uri="https://issuer.example/1", size=1)._randbelow is secrets.randbelow
    drawn = {
        tuple(publisher.allocate().index for _ in range(20))
        for publisher in (new_publisher(2**20), new_publisher(2**20))
    }
    assert len(drawn) == 2


def test_a_random_source_that_fails_loses_no_index() -> None:
    working = seeded(3)
    fails = False

    def source(bound: int) -> int:
        if fails:
            raise OSError("no entropy")
        return working(bound)

    publisher = new_publisher(10, randbelow=source)
    found = []
    for _ in range(10):
        fails = True
        with pytest.raises(OSError, match="no entropy"):
            publisher.allocate()
        fails = False
        found.append(publisher.allocate().index)
    assert sorted(found) == list(range(10))


@pytest.mark.parametrize("drawn", [-1, 10, 11, None, True, 0.0, "0"], ids=repr)
def test_a_random_source_that_draws_what_is_not_there_gives_no_index(drawn: Any) -> None:
    publisher = new_publisher(10, randbelow=lambda _: drawn)
    refused(Reason.CONFIGURATION_INVALID, publisher.allocate, "status-list.randbelow")
    assert publisher.free == 10


def test_a_large_list_costs_no_more_than_what_is_taken_of_it() -> None:
    publisher = new_publisher(2**28, 1)
    assert len({publisher.allocate().index for _ in range(100)}) == 100


# --- revoke, suspend, reinstate ---


def filled(bits: int, size: int = 8) -> tuple[StatusPublisher, list[StatusReference]]:
    publisher = new_publisher(size, bits)
    return publisher, sorted((publisher.allocate() for _ in range(size)), key=lambda reference: reference.index)


@pytest.mark.parametrize("bits", WIDTHS)
def test_what_is_allocated_is_valid_until_somebody_says_otherwise(bits: int) -> None:
    publisher, references = filled(bits)
    assert [publisher.status(reference) for reference in references] == [Status.VALID] * 8
    publisher.revoke(references[3])
    assert [publisher.status(reference) for reference in references].index(Status.INVALID) == 3
    assert published_bits(publish(publisher)) == (bits, slow_pack(bits, [0, 0, 0, 1, 0, 0, 0, 0]))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_suspension_is_taken_back_and_a_revocation_is_not(bits: int) -> None:
    publisher, references = filled(bits)
    one = references[5]
    publisher.suspend(one)
    publisher.suspend(one)
    assert publisher.status(one) is Status.SUSPENDED
    assert published_bits(publish(publisher)) == (bits, slow_pack(bits, [0, 0, 0, 0, 0, 2, 0, 0]))
    publisher.reinstate(one)
    publisher.reinstate(one)
    assert publisher.status(one) is Status.VALID
    publisher.suspend(one)
    publisher.revoke(one)  # not through 3: the whole value is replaced
    publisher.revoke(one)
    assert publisher.status(one) is Status.INVALID
    for act in (publisher.reinstate, publisher.suspend):
        refused(Reason.REVOKED, functools.partial(act, one))
        assert publisher.status(one) is Status.INVALID
    assert published_bits(publish(publisher)) == (bits, slow_pack(bits, [0, 0, 0, 0, 0, 1, 0, 0]))


def test_one_bit_has_no_room_for_a_suspension() -> None:
    publisher, references = filled(1)
    refused(Reason.CONFIGURATION_INVALID, lambda: publisher.suspend(references[0]), "status-list.bits")
    assert publisher.status(references[0]) is Status.VALID
    assert published_bits(publish(publisher)) == (1, b"\x00")


ACTS = ("revoke", "suspend", "reinstate", "status")


@pytest.mark.parametrize("act", ACTS)
def test_a_reference_that_is_not_ours_is_refused(act: str) -> None:
    publisher = new_publisher(16, 2, randbelow=lambda bound: 3)
    ours = publisher.allocate()
    strangers: list[Any] = [
        StatusReference(URI, ours.index + 1),  # in the list, and given to nobody
        StatusReference(URI, 16),
        StatusReference(URI, 2**32 - 1),
        StatusReference(URI + "/", ours.index),
        StatusReference(URI.upper(), ours.index),
        StatusReference("https://other.example/status/1", ours.index),
        StatusReference(URI, None, StatusKind.IDENTIFIER_LIST, b"abc"),
        StatusReference(URI, ours.index, StatusKind.BITSTRING, purpose="revocation"),
        (URI, ours.index),
        ours.index,
        None,
    ]
    for stranger in strangers:
        refused(Reason.STATUS_INDEX_OUT_OF_RANGE, functools.partial(getattr(publisher, act), stranger))
    assert published_bits(publish(publisher)) == (2, bytes(4))


@pytest.mark.parametrize("act", ACTS)
def test_an_identifier_is_no_index(act: str) -> None:
    # The index that such a reference bears is 0, and here it is somebody's.
    publisher = new_publisher(16, 2, randbelow=lambda bound: 0)
    ours = publisher.allocate()
    assert ours.index == 0
    stranger = StatusReference(URI, None, StatusKind.IDENTIFIER_LIST, b"abc")
    refused(Reason.STATUS_INDEX_OUT_OF_RANGE, functools.partial(getattr(publisher, act), stranger))
    refused(Reason.STATUS_INDEX_OUT_OF_RANGE, functools.partial(publisher.history, stranger))
    assert publisher.status(ours) is Status.VALID


def test_an_equal_reference_serves_as_well() -> None:
    # As after a restart of the issuer's data base: references are values.
    publisher = new_publisher()
    publisher.revoke(StatusReference(URI, publisher.allocate().index))
    assert sum(published_bits(publish(publisher))[1].count(bytes([1 << shift])) for shift in range(0, 8, 2)) == 1


# --- configuration ---


@pytest.mark.parametrize("size", [0, -1, 2**28 + 1, 10**30, 1.0, "16", None, True, float("nan")], ids=repr)
def test_a_size_that_is_none_is_refused(size: Any) -> None:
    refused(Reason.CONFIGURATION_INVALID, lambda: new_publisher(size))


@pytest.mark.parametrize("bits", [0, 3, 5, 16, -1, "1", None, True, False, 1.0, 2.0], ids=repr)
def test_a_width_that_is_none_is_refused(bits: Any) -> None:
    # True == 1 and 2.0 == 2, also as members of a set.
    refused(Reason.CONFIGURATION_INVALID, lambda: new_publisher(16, bits))


@pytest.mark.parametrize("uri", ["", None, 1, b"https://x.example", "x" * 2_049], ids=type)
def test_a_uri_that_is_none_is_refused(uri: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        StatusPublisher(uri=uri, size=1)
    assert (caught.value.reason, caught.value.where) == (Reason.CLAIM_INVALID, "status.status_list.uri")


@pytest.mark.parametrize(
    "uri",
    [
        "status/1",
        "//issuer.example/status/1",
        "://issuer.example/status/1",
        "1https://issuer.example/status/1",
        "https://issuer.example/status 1",
        " https://issuer.example/status/1",
        "https://issuer.example/status/1\n",
        "https://issuer.example/st\u00e4tus/1",
        "https://issuer.example/<status>",
        'https://issuer.example/"status"',
        "https://issuer.example/status/%zz",
    ],
)
def test_what_is_no_uri_is_not_published_under(uri: str) -> None:
    # Section 6.2: uri is a URI as RFC 3986 has it; verifiers fetch it and compare it character by character.
    refused(Reason.CONFIGURATION_INVALID, lambda: StatusPublisher(uri=uri, size=1))


@pytest.mark.parametrize(
    "uri", ["https://issuer.example", "urn:example:status:1", "https://[2001:db8::1]:8443/a%20b?c=d&e=(f)#g", "a:b"]
)
def test_every_uri_is_published_under(uri: str) -> None:
    assert StatusPublisher(uri=uri, size=1).allocate() == StatusReference(uri, 0)


TIMES: tuple[dict[str, Any], ...] = (
    {"now": -1},
    {"now": True},
    {"now": float(NOW)},
    {"now": float("nan")},
    {"now": None},
    {"now": str(NOW)},
    {"now": 2**53},
    {"now": 2**53 - 1},
    {"now": 1_000 * NOW},  # milliseconds: the iat of a far year, which nothing brings back
    {"ttl_s": 0},
    {"ttl_s": -1},
    {"ttl_s": 1.5},
    {"ttl_s": True},
    {"ttl_s": None},
    {"ttl_s": DAY + 1},  # longer than it lives
    {"expires_s": 0},
    {"expires_s": -1},
    {"expires_s": float("inf")},
    {"expires_s": 2**53},
    {"expires_s": 253_402_300_800 - NOW},  # the year 10000
)


@pytest.mark.parametrize("changes", TIMES, ids=str)
def test_a_time_that_is_none_is_not_published(changes: dict[str, Any]) -> None:
    publisher = new_publisher()
    (name,) = changes
    refused(Reason.CONFIGURATION_INVALID, lambda: publish(publisher, **changes), f"status-list.{name}")
    assert taken_apart(publish(publisher))[1]["iat"] == NOW  # and it has moved nothing


def test_a_list_may_last_to_the_end_of_the_calendar_and_is_kept_no_longer_than_it_lasts() -> None:
    assert publish(new_publisher(), expires_s=253_402_300_799 - NOW)
    assert publish(new_publisher(), expires_s=3_600)
    refused(Reason.CONFIGURATION_INVALID, lambda: publish(new_publisher(), expires_s=3_599), "status-list.ttl_s")


@pytest.mark.parametrize("level", [-1, 10, True, 9.0, None, "9"], ids=repr)
def test_a_level_that_is_none_is_refused(level: Any) -> None:
    publisher = new_publisher()
    prepare = {"now": NOW, "ttl_s": 1, "expires_s": 1, "level": level}
    refused(Reason.CONFIGURATION_INVALID, lambda: publisher.prepare(key().public, **prepare))


# --- what is published ---


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("size", [1, 3, 8, 9, 1_000])
def test_a_token_says_what_section_5_1_asks_for(bits: int, size: int) -> None:
    body = publish(new_publisher(size, bits))
    head, payload = taken_apart(body)
    assert head == {"alg": "ES256", "typ": "statuslist+jwt", "kid": "signer"}
    assert payload.keys() == {"sub", "iat", "exp", "ttl", "status_list"}
    assert (payload["sub"], payload["iat"], payload["exp"], payload["ttl"]) == (URI, NOW, NOW + DAY, 3_600)
    assert payload["status_list"].keys() == {"bits", "lst"} and "=" not in payload["status_list"]["lst"]
    assert published_bits(body) == (bits, bytes((size * bits + 7) // 8))


def test_the_kid_is_the_thumbprint_unless_another_is_given() -> None:
    head, _ = taken_apart(new_publisher().publish(key(), now=NOW, ttl_s=1, expires_s=1))
    assert unsegment(head["kid"]) == key().public.thumbprint
    head, _ = taken_apart(publish(new_publisher(), kid="another"))
    assert head["kid"] == "another"


@pytest.mark.parametrize("level", range(10))
def test_every_level_carries_the_same_list(level: int) -> None:
    publisher, references = filled(2, 400)
    for reference in references[::7]:
        publisher.revoke(reference)
    unsigned = publisher.prepare(key().public, now=NOW, ttl_s=60, expires_s=60, kid="signer", level=level)
    body = unsigned.complete(key().sign(unsigned.to_be_signed))
    packed = slow_pack(2, [int(index % 7 == 0) for index in range(400)])
    assert published_bits(body) == (2, packed)
    assert unsegment(taken_apart(body)[1]["status_list"]["lst"]) == zlib.compress(packed, level)
    verified = verify_status_list(body, uri=URI, media_type=MEDIA_TYPE, anchors=anchors(), now=NOW)
    assert [verified.statuses.raw(index) for index in range(400)] == [int(index % 7 == 0) for index in range(400)]


def test_level_nine_is_the_default() -> None:
    # Section 4.1 recommends the highest.
    publisher = new_publisher(5_000, 1, randbelow=seeded(1))
    for _ in range(500):
        publisher.revoke(publisher.allocate())
    body = publish(publisher)
    assert unsegment(taken_apart(body)[1]["status_list"]["lst"]) == zlib.compress(published_bits(body)[1], 9)


def test_iat_increases_even_when_the_clock_does_not() -> None:
    publisher = new_publisher()
    clock = [NOW, NOW, NOW, NOW + 1, NOW + 2, NOW + 3, NOW + 100, NOW + 75, 0, NOW + 102]
    issued = [taken_apart(publish(publisher, now))[1] for now in clock]
    assert [payload["iat"] - NOW for payload in issued] == [0, 1, 2, 3, 4, 5, 100, 101, 102, 103]
    assert all(payload["exp"] == payload["iat"] + DAY for payload in issued)


def test_what_is_prepared_and_never_signed_uses_up_its_iat() -> None:
    # Else two tokens with one iat and other bits could come to be: whoever prepared the first may still sign it.
    publisher = new_publisher()
    first = publisher.prepare(key().public, now=NOW, ttl_s=60, expires_s=60)
    publisher.revoke(publisher.allocate())
    second = taken_apart(publish(publisher))[1]
    assert second["iat"] == NOW + 1
    # And what was prepared before the revocation says so for ever.
    assert published_bits(first.sign(key())) == (2, bytes(4))


class _Module:
    """A signer elsewhere, as an HSM or a KMS would be reached."""

    def __init__(self, signing: LocalKey, answer: Callable[[bytes], bytes] | None = None) -> None:
        self._signing = signing
        self._answer = answer

    @property
    def public(self) -> PublicKey:
        return self._signing.public

    def sign(self, data: bytes, /) -> bytes:
        return self._signing.sign(data) if self._answer is None else self._answer(data)


def test_a_signer_elsewhere_serves_and_is_checked() -> None:
    publisher = new_publisher()
    options: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 60, "kid": "signer"}
    body = publisher.publish(_Module(key()), **options)
    assert verify_status_list(body, uri=URI, media_type=MEDIA_TYPE, anchors=anchors(), now=NOW).issued_at == NOW
    wrong = _Module(key(), key("stranger").sign)
    refused(Reason.SIGNATURE_INVALID, lambda: publisher.publish(wrong, **options), "signature")
    short = _Module(key(), lambda data: key().sign(data)[:-1])
    refused(Reason.SIGNATURE_MALFORMED, lambda: publisher.publish(short, **options), "signature")
    unsigned = publisher.prepare(key().public, **options)
    refused(Reason.HOLDER_KEY_MISMATCH, lambda: unsigned.sign(key("stranger")), "key")
    refused(Reason.SIGNATURE_INVALID, lambda: unsigned.complete(bytes(64)), "signature")


# A verifier with default limits must be able to take in whatever can be configured and published here.


@pytest.mark.parametrize("bits", WIDTHS)
def test_a_list_that_verifiers_would_refuse_for_its_size_is_not_configured(bits: int) -> None:
    entries = DEFAULT_LIMITS.status_list_inflated_bytes * 8 // bits
    largest = min(entries, 2**28)
    new_publisher(largest, bits)
    if entries < 2**28:
        refused(Reason.CONFIGURATION_INVALID, lambda: new_publisher(entries + 1, bits))


def test_a_token_that_verifiers_would_refuse_for_its_size_is_not_published() -> None:
    # Level 0 stores: 8 MiB of list become 11 MiB of token, and the bound on a body is 8 MiB.
    publisher = new_publisher(DEFAULT_LIMITS.status_list_bytes * 8, 1)
    options: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 60}
    assert len(publisher.prepare(key().public, **options).to_be_signed) < 2**17
    refused(Reason.CONFIGURATION_INVALID, lambda: publisher.prepare(key().public, level=0, **options))


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44"])
@pytest.mark.parametrize("form", ["jwt", "cwt", "bitstring", "identifiers"])
def test_the_longest_token_that_is_published_is_the_longest_that_a_verifier_takes(
    form: str, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = key("long", algorithm)
    purpose: dict[str, Any] = {"issuer": ISSUER, "purpose": "revocation"} if form == "bitstring" else {}
    listed = {"format": form, "level": 0} if form in ("jwt", "cwt") else {"format": form} if purpose else {}
    for size in (2_048, 262_144):  # the head of a payload has another length then
        publisher: Any = StatusPublisher(uri=URI, size=max(size, 131_072), **purpose)
        if form == "identifiers":
            publisher = IdentifierPublisher(uri=URI)
            for _ in range(size // 2_048):
                publisher.revoke(publisher.allocate())
        options: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 60, **listed}

        def signed(publisher: Any = publisher, options: dict[str, Any] = options) -> bytes:
            token: bytes = publisher.prepare(signer.public, **options).sign(signer)
            return token

        longest = len(signed())
        with monkeypatch.context() as patch:
            patch.setattr(_writing, "DEFAULT_LIMITS", Limits(status_list_bytes=longest))
            assert len(signed()) == longest  # an iat of a second later is as long
            patch.setattr(_writing, "DEFAULT_LIMITS", Limits(status_list_bytes=longest - 1))
            refused(Reason.CONFIGURATION_INVALID, signed)


def test_a_list_that_is_stored_may_be_as_long_as_its_own_format_takes() -> None:
    # A CWT holds the list as it is; a JWT would hold 16 bytes of text for each nine.
    publisher = new_publisher(DEFAULT_LIMITS.status_list_bytes // 8 * 7, 8)
    options: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 60, "level": 0}
    stored = publisher.prepare(key().public, format="cwt", **options)
    assert len(stored.to_be_signed) > DEFAULT_LIMITS.status_list_bytes // 8 * 7
    refused(Reason.CONFIGURATION_INVALID, lambda: publisher.prepare(key().public, format="jwt", **options))
    assert publisher.last_issued_at == NOW


def test_a_list_may_end_with_the_calendar() -> None:
    last = 253_402_300_799
    beyond = (
        ("expires_s", 61, "expires_s"),
        ("now", last, "expires_s"),
        ("now", last + 1, "now"),
        ("ttl_s", 61, "ttl_s"),
    )
    for publisher in (new_publisher(), IdentifierPublisher(uri=URI)):
        times = {"now": last - 60, "ttl_s": 60, "expires_s": 60}
        publisher.prepare(key().public, **times)
        for name, wrong, where in beyond:
            with pytest.raises(CitizenIDError) as caught:
                publisher.prepare(key().public, **{**times, name: wrong})
            error = caught.value
            assert (error.reason, error.where) == (Reason.CONFIGURATION_INVALID, f"status-list.{where}")


def test_a_bitstring_that_is_stored_has_one_bit_for_each_entry() -> None:
    # Of the two bits that a suspension takes here it publishes one.
    size = DEFAULT_LIMITS.status_list_bytes // 16 * 9 * 8 // 10 * 9
    publisher = new_publisher(size, 2, purpose="suspension", issuer=ISSUER)
    prepared = publisher.prepare(key().public, now=NOW, ttl_s=60, expires_s=60, level=0, format="bitstring")
    assert len(prepared.to_be_signed) > DEFAULT_LIMITS.status_list_bytes // 10 * 8
    twice = new_publisher(size // 9 * 12, 2, purpose="suspension", issuer=ISSUER)
    refused(
        Reason.CONFIGURATION_INVALID,
        lambda: twice.prepare(key().public, now=NOW, ttl_s=60, expires_s=60, level=0, format="bitstring"),
    )
    assert twice.last_issued_at is None


def test_the_issuer_of_a_bitstring_is_as_long_as_a_uri_may_be() -> None:
    longest = "https://issuer.example/" + "i" * (2_048 - 23)
    assert new_publisher(131_072, 1, purpose="revocation", issuer=longest).issuer == longest
    with pytest.raises(CitizenIDError) as caught:
        new_publisher(131_072, 1, purpose="revocation", issuer=longest + "i")
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "status-list.issuer")


@pytest.mark.parametrize("format", ["jwt", "cwt"])
@pytest.mark.parametrize("kid", ["", "k" * 256, 7, b"signer", ["signer"], "é" * 128, "\ud800"], ids=ascii)
def test_a_kid_that_verifiers_would_refuse_is_not_published(kid: Any, format: Any) -> None:
    publisher = new_publisher()
    times: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 60}
    refused(Reason.CONFIGURATION_INVALID, lambda: publisher.publish(key(), **times, kid=kid, format=format))
    assert publisher.last_issued_at is None


def test_a_kid_of_as_many_bytes_as_a_verifier_takes_is_published() -> None:
    kid = "é" * 127 + "k"
    signer = {"keys": [{**key().public.to_jwk(), "kid": kid}]}
    trusted = TrustAnchors.from_jwks(ISSUER, signer, purpose=KeyPurpose.STATUS_LIST)
    formats: tuple[Any, ...] = ("jwt", "cwt")
    for format in formats:
        token = publish(new_publisher(), kid=kid, format=format)
        media_type = f"application/statuslist+{format}"
        assert verify_status_list(token, uri=URI, media_type=media_type, anchors=trusted, now=NOW).uri == URI


def test_its_repr_says_nothing_of_anybody() -> None:
    assert repr(new_publisher(20)) == "<StatusPublisher of 20, 2 bits each>"


# --- against independent libraries ---

PEERS = ("ES256", "ES384", "ES512", "Ed25519")


def _published_by_us(algorithm: str) -> tuple[bytes, list[int], LocalKey]:
    publisher, references = filled(2, 50)
    for reference in references[::3]:
        publisher.revoke(reference)
    for reference in references[1::5]:
        if reference not in references[::3]:
            publisher.suspend(reference)
    signer = key(algorithm, algorithm)
    body = publisher.publish(signer, now=NOW, ttl_s=60, expires_s=600, kid="signer")
    return body, [int(publisher.status(reference)) for reference in references], signer


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_pyjwt_verifies_what_we_publish(algorithm: str) -> None:
    body, statuses, signer = _published_by_us(algorithm)
    verifying = jwt.PyJWK({**signer.public.to_jwk(), "alg": algorithm})
    # PyJWT looks at the clock of the machine, and ours stands still: its judgement of times is not asked.
    decoded = jwt.decode_complete(
        body.decode(), verifying, algorithms=[algorithm], options={"verify_exp": False, "verify_iat": False}
    )
    assert decoded["header"]["typ"] == "statuslist+jwt"
    payload = decoded["payload"]
    assert (payload["sub"], payload["iat"], payload["exp"], payload["ttl"]) == (URI, NOW, NOW + 600, 60)
    packed = zlib.decompress(unsegment(payload["status_list"]["lst"]))
    assert [slow_read(2, packed, index) for index in range(50)] == statuses


@pytest.mark.parametrize("algorithm", PEERS)
def test_joserfc_verifies_what_we_publish(algorithm: str) -> None:
    body, statuses, signer = _published_by_us(algorithm)
    verifying = jose_jwk.import_key(signer.public.to_jwk())  # type: ignore[arg-type]  # a plain dict serves
    registry = jose_jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    opened = jose_jws.deserialize_compact(body, verifying, registry=registry)
    assert opened.headers()["typ"] == "statuslist+jwt"
    payload = json.loads(opened.payload or b"")
    jose_jwt.JWTClaimsRegistry(
        now=lambda: NOW, sub={"essential": True, "value": URI}, iat={"essential": True}, exp={"essential": True}
    ).validate(payload)
    packed = zlib.decompress(unsegment(payload["status_list"]["lst"]))
    assert [slow_read(2, packed, index) for index in range(50)] == statuses


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_we_verify_what_pyjwt_publishes(algorithm: str) -> None:
    signer = key(algorithm, algorithm)
    signing = jwt.PyJWK({**signer.to_private_jwk(), "alg": algorithm})
    body = jwt.encode(claims(), signing, algorithm, headers={"typ": "statuslist+jwt", "kid": algorithm})
    trusted = anchors(ISSUER, algorithm, algorithm)
    verified = verify_status_list(body, uri=URI, media_type=MEDIA_TYPE, anchors=trusted, now=NOW)
    assert [verified.statuses.raw(index) for index in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("algorithm", PEERS)
def test_we_verify_what_joserfc_publishes(algorithm: str) -> None:
    signer = key(algorithm, algorithm)
    signing = jose_jwk.import_key(signer.to_private_jwk())  # type: ignore[arg-type]  # a plain dict serves
    head = {"alg": algorithm, "typ": "statuslist+jwt", "kid": algorithm}
    body = jose_jws.serialize_compact(head, json.dumps(claims()).encode(), signing, algorithms=[algorithm])
    trusted = anchors(ISSUER, algorithm, algorithm)
    verified = verify_status_list(body, uri=URI, media_type=MEDIA_TYPE, anchors=trusted, now=NOW)
    assert [verified.statuses.raw(index) for index in range(4)] == [0, 1, 2, 3]


# --- from several threads ---


@pytest.fixture
def impatient() -> Iterator[None]:
    """Let threads change places every few bytecodes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(*jobs: Callable[[], object]) -> None:
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        barrier.wait()
        try:
            job()
        except BaseException as error:  # whatever it is, it is the test's failure and not the thread's
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.usefixtures("impatient")
def test_threads_never_get_the_same_index() -> None:
    size = 2_000
    publisher = new_publisher(size, 1)
    found: list[list[int]] = [[], [], [], []]

    def allocate(mine: list[int]) -> None:
        while True:
            try:
                mine.append(publisher.allocate().index)
            except CitizenIDError as error:
                assert error.reason is Reason.STATUS_LIST_FULL
                return

    in_threads(*(functools.partial(allocate, mine) for mine in found))
    assert sorted(index for mine in found for index in mine) == list(range(size))


OPERATIONS: dict[str, Callable[[StatusPublisher, StatusReference], object]] = {
    "allocate": lambda publisher, _: publisher.allocate(),
    "allocate_many": lambda publisher, _: publisher.allocate_many(2),
    "allocate_decoys": lambda publisher, _: publisher.allocate_decoys(2, revoked=1),
    "history": lambda publisher, reference: publisher.history(reference),
    "free": lambda publisher, _: publisher.free,
    "version": lambda publisher, _: publisher.version,
    "changed": lambda publisher, _: publisher.changed,
    "confirm_published": lambda publisher, _: publisher.confirm_published(0),
    "close": lambda publisher, _: publisher.close(),
    "revoke": lambda publisher, reference: publisher.revoke(reference),
    "suspend": lambda publisher, reference: publisher.suspend(reference),
    "reinstate": lambda publisher, reference: publisher.reinstate(reference),
    "status": lambda publisher, reference: publisher.status(reference),
    "publish": lambda publisher, _: publish(publisher),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_waits_for_its_turn(operation: str) -> None:
    # Not by chance: a reinstatement that has read "suspended" and writes after a revocation would undo it.
    publisher = new_publisher()
    reference = publisher.allocate()
    thread = threading.Thread(target=OPERATIONS[operation], args=(publisher, reference), daemon=True)
    with publisher._lock:
        thread.start()
        thread.join(0.03)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.usefixtures("impatient")
def test_threads_lose_no_change_and_publish_whole_lists() -> None:
    # Four entries share each byte: a change that reads, waits and writes would undo its neighbour's.
    publisher, references = filled(2, 64)
    tokens: list[bytes] = []

    def change(part: int) -> None:
        for _ in range(3):
            for reference in references[part::4]:
                publisher.suspend(reference)
                publisher.reinstate(reference)
        for reference in references[part::4]:
            publisher.revoke(reference)

    def announce() -> None:
        tokens.extend(publish(publisher) for _ in range(15))

    in_threads(*(functools.partial(change, part) for part in range(4)), announce, announce)
    tokens.append(publish(publisher))
    tokens.sort(key=lambda body: int(taken_apart(body)[1]["iat"]))
    assert [taken_apart(body)[1]["iat"] for body in tokens] == list(range(NOW, NOW + 31))
    assert published_bits(tokens[-1]) == (2, slow_pack(2, [1] * 64))
    revoked: set[int] = set()
    for body in tokens:  # in the order of iat no revocation is ever taken back
        packed = published_bits(body)[1]
        now_revoked = {index for index in range(64) if slow_read(2, packed, index) == 1}
        assert revoked <= now_revoked
        revoked = now_revoked


# --- the whole life of a list, against a model ---


class PublisherMachine(RuleBasedStateMachine):
    """An issuer and a verifier of one list; `model` is what every index says, and `seen` what the verifier knows."""

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[int, Status] = {}
        self.references: list[StatusReference] = []
        self.now = NOW
        self.last_iat = -1
        self.tokens: list[tuple[int, dict[int, Status], bytes]] = []
        self.seen: tuple[int, dict[int, Status]] | None = None
        self.store = StatusStore(anchors=FAST_ANCHORS)

    @initialize(size=st.integers(1, 9), bits=st.sampled_from(WIDTHS), seed=st.integers(0, 2**32))
    def begin(self, size: int, bits: int, seed: int) -> None:
        self.size, self.bits = size, bits
        self.publisher = new_publisher(size, bits, randbelow=seeded(seed))

    def refused(self, reason: Reason, act: Callable[[], object], where: str = "status-list") -> None:
        refused(reason, act, where)

    @rule()
    def allocate(self) -> None:
        if len(self.model) == self.size:
            self.refused(Reason.STATUS_LIST_FULL, self.publisher.allocate)
            assert self.model.keys() == set(range(self.size))
            return
        reference = self.publisher.allocate()
        assert reference.uri == URI and 0 <= reference.index < self.size
        assert reference.index not in self.model
        self.model[reference.index] = Status.VALID
        self.references.append(reference)

    @precondition(lambda self: self.references)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        reference = data.draw(st.sampled_from(self.references))
        self.publisher.revoke(reference)
        self.model[reference.index] = Status.INVALID

    @precondition(lambda self: self.references)
    @rule(data=st.data())
    def suspend(self, data: st.DataObject) -> None:
        reference = data.draw(st.sampled_from(self.references))
        if self.bits == 1:
            self.refused(Reason.CONFIGURATION_INVALID, lambda: self.publisher.suspend(reference), "status-list.bits")
        elif self.model[reference.index] is Status.INVALID:
            self.refused(Reason.REVOKED, lambda: self.publisher.suspend(reference))
        else:
            self.publisher.suspend(reference)
            self.model[reference.index] = Status.SUSPENDED

    @precondition(lambda self: self.references)
    @rule(data=st.data())
    def reinstate(self, data: st.DataObject) -> None:
        reference = data.draw(st.sampled_from(self.references))
        if self.model[reference.index] is Status.INVALID:
            self.refused(Reason.REVOKED, lambda: self.publisher.reinstate(reference))
        else:
            self.publisher.reinstate(reference)
            self.model[reference.index] = Status.VALID

    @rule(index=st.integers(0, 12), act=st.sampled_from(ACTS))
    def touch_what_was_never_allocated(self, index: int, act: str) -> None:
        if index not in self.model:
            stranger = StatusReference(URI, index)
            self.refused(Reason.STATUS_INDEX_OUT_OF_RANGE, lambda: getattr(self.publisher, act)(stranger))

    @rule(seconds=st.sampled_from([0, 0, 1, 5, 40, -3]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def publish(self) -> None:
        act = functools.partial(
            self.publisher.publish, FAST_KEY, now=self.now, ttl_s=10**6, expires_s=10**7, kid="fast"
        )
        if 30 < self.last_iat + 1 - self.now <= 60:
            self.refused(Reason.LEDGER_UNAVAILABLE, act, "status-list.iat")
            return
        body = act()
        _, payload = taken_apart(body)
        assert payload["iat"] > self.last_iat
        assert payload["iat"] == max(self.now, self.last_iat + 1)
        self.last_iat = payload["iat"]
        values = [int(self.model.get(index, Status.VALID)) for index in range(self.size)]
        assert published_bits(body) == (self.bits, slow_pack(self.bits, values))
        self.tokens.append((self.last_iat, dict(self.model), body))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def ingest(self, data: st.DataObject) -> None:
        iat, said, body = data.draw(st.sampled_from(self.tokens))
        arguments: dict[str, Any] = {"media_type": MEDIA_TYPE, "now": self.now}
        if iat > self.now + DEFAULT_LIMITS.clock_skew_s:
            self.refused(
                Reason.STATUS_LIST_IN_FUTURE, lambda: self.store.ingest(URI, body, **arguments), "status-list.iat"
            )
        elif self.seen is not None and iat < self.seen[0]:
            self.refused(
                Reason.STATUS_LIST_ROLLBACK, lambda: self.store.ingest(URI, body, **arguments), "status-list.iat"
            )
        else:
            self.store.ingest(URI, body, **arguments)
            assert self.seen is None or iat > self.seen[0] or said == self.seen[1]
            self.seen = (iat, said)

    @invariant()
    def the_publisher_says_what_the_model_says(self) -> None:
        for reference in self.references:
            assert self.publisher.status(reference) is self.model[reference.index]

    @invariant()
    def the_verifier_says_what_the_newest_list_said(self) -> None:
        if self.seen is None:
            return
        for index in range(self.size):
            answer = self.store.check(StatusReference(URI, index), issuer=ISSUER, now=self.now)
            assert answer is self.seen[1].get(index, Status.VALID)
            # What was revoked when it was published is revoked in the model for ever.
            assert answer is not Status.INVALID or self.model[index] is Status.INVALID


FAST_KEY = key("fast", "Ed25519")
FAST_ANCHORS: TrustAnchors = anchors(ISSUER, "fast", "Ed25519")
TestPublisher = PublisherMachine.TestCase
