"""The forms of a list: which one is served, that they say the same, who signed them, and what a publisher is told."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import builders as b
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, KeyPurpose, Reason, Status, TrustAnchors
from citizenid._wire import cbor
from citizenid.integrations import _codings, _published
from citizenid.integrations._codings import sf_binary
from citizenid.integrations._published import FORMS, Form
from citizenid.integrations.publish import StatusListApp
from citizenid.status import STATUS_LIST_MEDIA_TYPES, StatusList, StatusPublisher, StatusStore, VerifiedStatusList

from .asking import CWT, IDENTIFIERS, IDENTIFIERS_URI, JWT, KEY, TTL_S, URI, Response, World, signers

BOTH = (JWT, CWT)
BITS_URI = "https://id.example/bits"


@pytest.fixture
def world() -> World:
    return World()


# --- which form ---


def test_every_form_is_served_as_a_store_takes_it(world: World) -> None:
    for path, uri, reference, kinds in (
        ("/status/1", URI, world.publisher.allocate(), BOTH),
        ("/identifiers", IDENTIFIERS_URI, world.identifiers.allocate(), (IDENTIFIERS,)),
    ):
        for kind in kinds:
            response = world.ask(path, accept=kind)
            assert (response.status, response.kind) == (200, kind)
            world.ingest(response, uri)
            assert world.store.check(reference, issuer=b.ISSUER, now=world.now) is Status.VALID
    assert {form.media_type for form in FORMS} == set(STATUS_LIST_MEDIA_TYPES)


@pytest.mark.parametrize(("purpose", "bits"), [("revocation", 1), ("suspension", 2)])
def test_a_list_with_a_purpose_is_served_as_a_bitstring_and_as_nothing_else(
    world: World, purpose: str, bits: int
) -> None:
    publisher = StatusPublisher(uri=BITS_URI, size=131_072, bits=bits, purpose=purpose, issuer=b.ISSUER)
    reference = publisher.allocate()
    told: dict[str, Any] = {"key": KEY, "ttl_s": TTL_S, "expires_s": 86_400, "clock": lambda: world.now}
    world.app = StatusListApp([world.publisher, publisher], **told)
    for change, status in (
        (None, Status.VALID),
        (publisher.suspend if bits == 2 else publisher.revoke, Status.SUSPENDED if bits == 2 else Status.INVALID),
    ):
        if change is not None:
            change(reference)
            world.now += 1
        response = world.ask("/bits")
        assert (response.status, response.kind) == (200, "application/vc+jwt")
        world.ingest(response, BITS_URI)
        assert world.store.check(reference, issuer=b.ISSUER, now=world.now) is status
    assert world.ask("/bits", accept=JWT).status == world.ask(accept="application/vc+jwt").status == 406


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, JWT),
        ("", JWT),
        ("*/*", JWT),
        ("application/*", JWT),
        (f"{CWT}, {JWT}", JWT),
        (f"{CWT};q=0.5, {JWT};q=0.500", JWT),
        (CWT, CWT),
        (f"{CWT}, {JWT};q=0.9", CWT),
        (f"{JWT};q=0.1, {CWT};q=0.2", CWT),
        (f"{JWT};q=0.9, {CWT}", CWT),
        (f"{JWT};q=0.8, */*", CWT),  # the more specific range says of a type, whatever the other says
        (f"{CWT};q=0.8, */*", JWT),
        (f"application/*;q=0.3, {CWT};q=0.4", CWT),
        (f"application/*;q=0.3, {CWT};q=0.2, */*", JWT),
        ("application/*;q=0, */*", None),
        (f"{JWT};q=0, */*;q=0.1", CWT),
        (f"{JWT};q=0, {CWT};q=0.001", CWT),
        (f"{IDENTIFIERS}, {CWT};q=0.5", CWT),
        (CWT.upper(), CWT),
        (f"{JWT};q=0, {CWT};q=0", None),
        (IDENTIFIERS, None),
        ("application/statuslist", None),
        ("application/vc+jwt", None),
    ],
)
def test_the_greatest_weight_decides_and_of_equal_ones_it_is_the_jwt(
    world: World, accept: str | None, kind: str | None
) -> None:
    response = world.ask() if accept is None else world.ask(accept=accept)
    assert (response.status, response.kind) == ((406, None) if kind is None else (200, kind))


def test_what_our_own_fetcher_asks_for_is_served(world: World) -> None:
    accept = ", ".join([JWT, f"{CWT};q=0.8", f"{IDENTIFIERS};q=0.7"])
    assert world.ask(accept=accept).kind == JWT
    assert world.ask("/identifiers", accept=accept).kind == IDENTIFIERS
    assert world.ask("/identifiers", accept=f"{JWT}, {CWT}").status == 406


def test_each_form_has_tags_and_dictionaries_of_its_own(world: World) -> None:
    first = {kind: world.ask(accept=kind) for kind in BOTH}
    for kind, other in (BOTH, BOTH[::-1]):
        tag = first[other].headers["etag"]
        assert world.ask(accept=other, if_none_match=tag).status == 304
        response = world.ask(accept=kind, if_none_match=tag)
        assert (response.status, response.body) == (200, first[kind].body)
    world.publisher.revoke(world.publisher.allocate())
    world.now += 2
    for kind in BOTH:
        codings = []
        for held in BOTH:
            named = sf_binary(_codings.Dictionary(first[held].body, "").digest)
            response = world.ask(accept=kind, accept_encoding="zstd, dcz", available_dictionary=named)
            codings.append(response.headers["content-encoding"])
        assert codings == (["dcz", "zstd"] if kind == JWT else ["zstd", "dcz"])


# --- what they say ---


class Counting:
    """A signer that notes what it signs, and fails for the forms that a test names."""

    def __init__(self) -> None:
        self.public = KEY.public
        self.signed: list[str] = []
        self.fails: set[str] = set()

    def sign(self, data: bytes) -> bytes:
        kind = CWT if data[:1] == b"\x84" else JWT  # a Sig_structure is an array of four
        if kind in self.fails:
            raise OSError
        self.signed.append(kind)
        return KEY.sign(data)


def says(world: World, response: Response) -> tuple[StatusList, int]:
    verified: VerifiedStatusList = world.read(response)
    assert isinstance(verified.statuses, StatusList)
    return verified.statuses, verified.issued_at


def revoked(world: World, kind: str) -> tuple[int, int]:
    """Return how many are revoked by this form of the list, and its iat."""
    statuses, issued_at = says(world, world.ask(accept=kind))
    return sum(statuses[index] is Status.INVALID for index in range(len(statuses))), issued_at


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.sampled_from([(JWT,), (CWT,), BOTH])), max_size=30))
def test_the_forms_say_the_same_and_no_iat_runs_away_from_the_clock(steps: list[tuple[int, bool, Any]]) -> None:
    world = World(size=64)
    changed_at, used = world.now, set()
    issued: dict[int, str] = {}
    for seconds, revokes, kinds in steps:
        world.now += seconds
        if revokes:
            world.publisher.revoke(world.publisher.allocate())
            changed_at = world.now
        for kind in kinds:
            used.add(kind)
            count, issued_at = revoked(world, kind)
            assert issued_at <= world.now + len(BOTH)
            assert issued.setdefault(issued_at, kind) == kind  # P4, over both forms
            assert count == world.publisher.version or world.now - changed_at < len(used)
    world.now += len(BOTH)
    assert [revoked(world, kind)[0] for kind in BOTH] == [world.publisher.version] * 2


def test_changes_of_every_second_in_all_forms_do_not_make_lists_of_the_future() -> None:
    world = World(size=1_000)
    for _ in range(60):  # verifiers refuse an iat that is half a minute ahead
        world.publisher.revoke(world.publisher.allocate())
        for kind in BOTH:
            assert revoked(world, kind)[1] <= world.now + len(BOTH)
        world.now += 1


@pytest.mark.parametrize("kinds", [(JWT,), BOTH])
def test_changes_are_gathered_for_as_long_as_the_issuer_says(kinds: tuple[str, ...]) -> None:
    world = World(size=64, gather_s=10)
    for kind in kinds:
        world.ask(accept=kind)
    world.now += 10
    world.publisher.revoke(world.publisher.allocate())
    assert [revoked(world, kind)[0] for kind in kinds] == [1] * len(kinds)
    world.publisher.revoke(world.publisher.allocate())
    world.now += 9
    assert [revoked(world, kind)[0] for kind in kinds] == [1] * len(kinds)
    world.now += 1
    assert [revoked(world, kind)[0] for kind in kinds] == [2] * len(kinds)


def test_a_change_is_in_all_forms_at_once() -> None:
    signer = Counting()
    world = World(key=signer)
    for kind in BOTH:
        world.ask(accept=kind)
    reference = world.publisher.allocate()
    world.now += 100
    world.publisher.revoke(reference)
    assert says(world, world.ask(accept=CWT))[0][reference.index] is Status.INVALID
    world.publisher.revoke(world.publisher.allocate())  # the same moment, after the round
    jwt, cwt = (says(world, world.ask(accept=kind))[0] for kind in BOTH)
    assert jwt == cwt
    assert len(signer.signed) == 4


def test_a_form_that_nobody_asks_for_is_not_signed() -> None:
    signer = Counting()
    world = World(key=signer)
    for _ in range(3):
        world.ask()
        world.now += 1_800
    assert signer.signed == [JWT] * 3
    world.ask(accept=CWT)  # the first time: with what is due anyway
    assert sorted(signer.signed[3:]) == [CWT, JWT]
    world.now += 1_800
    world.ask()
    assert sorted(signer.signed[5:]) == [CWT, JWT]


def test_a_form_that_cannot_be_signed_leaves_the_other_one_alone() -> None:
    signer = Counting()
    world = World(key=signer)
    signer.fails = {CWT}
    first = world.ask()
    assert world.ask(accept=CWT).status == 503
    assert world.ask().body == first.body  # it was not signed again for that
    signer.fails = set()
    world.now += 1
    old = world.ask(accept=CWT)
    signer.fails = {CWT}
    reference = world.publisher.allocate()
    world.publisher.revoke(reference)
    world.now += 2
    assert says(world, world.ask())[0][reference.index] is Status.INVALID
    assert world.ask(accept=CWT).body == old.body
    signer.fails = set()
    world.now += 1
    assert says(world, world.ask(accept=CWT))[0] == says(world, world.ask())[0]


def test_a_form_that_could_not_be_signed_is_tried_again_when_its_pause_is_over() -> None:
    signer = Counting()
    world = World(key=signer, expires_s=TTL_S)
    first = {kind: world.ask(accept=kind) for kind in BOTH}
    world.now += 1_800
    signer.fails = {CWT}
    assert world.ask().body != first[JWT].body
    assert world.ask(accept=CWT).body == first[CWT].body
    signer.fails = set()
    assert world.ask(accept=CWT).body == first[CWT].body
    world.now += 1
    assert world.ask(accept=CWT).body != first[CWT].body
    assert len(signer.signed) == 4


# --- what the publisher is told ---


def test_a_publisher_learns_that_its_changes_are_out(world: World) -> None:
    assert world.publisher.changed
    world.ask()
    assert not world.publisher.changed
    world.publisher.revoke(world.publisher.allocate())
    assert world.publisher.changed
    world.ask()
    assert world.publisher.changed  # within the same second: not yet
    world.now += 1
    world.ask()
    assert not world.publisher.changed


def test_nothing_is_out_that_a_form_in_use_does_not_say() -> None:
    signer = Counting()
    world = World(key=signer)
    signer.fails = {JWT, CWT}
    world.ask()
    assert world.publisher.changed
    signer.fails = set()
    world.now += 1
    for kind in BOTH:
        world.ask(accept=kind)
    world.publisher.revoke(world.publisher.allocate())
    world.now += 2
    signer.fails = {CWT}
    world.ask()
    assert world.publisher.changed
    signer.fails = set()
    world.now += 1
    world.ask()
    assert world.publisher.changed
    world.ask(accept=CWT)
    assert not world.publisher.changed


def test_a_ledger_that_cannot_be_read_leaves_the_last_list_in_force_until_its_end(tmp_path: Path) -> None:
    world = World(ledger=tmp_path / "ledger")
    first = world.ask()
    world.publisher.close()
    world.now += 86_399
    assert world.ask().body == first.body
    world.now += 1
    assert world.ask().status == 503


def test_an_identifier_list_is_signed_when_somebody_is_revoked(world: World) -> None:
    reference = world.identifiers.allocate()
    first = world.ask("/identifiers")
    world.now += 1
    assert world.ask("/identifiers").body == first.body
    world.identifiers.revoke(reference)
    response = world.ask("/identifiers")
    assert response.body != first.body
    world.ingest(response, IDENTIFIERS_URI)
    assert world.store.check(reference, issuer=b.ISSUER, now=world.now) is Status.INVALID


def test_the_aggregation_names_lists_of_every_kind(world: World) -> None:
    assert json.loads(world.ask("/status-lists").body) == {"status_lists": [URI, IDENTIFIERS_URI]}


# --- who signed ---


def header(response: Response) -> dict[Any, Any]:
    if response.kind == JWT:
        part = response.body.partition(b".")[0]
        found: dict[Any, Any] = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
        return found
    message = cbor.decode(response.body, "test", frozenset({18}))
    return dict(cbor.decode(message.value[0], "test"))


ASKED = (("/status/1", URI, JWT), ("/status/1", URI, CWT), ("/identifiers", IDENTIFIERS_URI, IDENTIFIERS))


def test_a_kid_is_in_every_token() -> None:
    world = World(kid="of the issuer")
    world.store = StatusStore(anchors=signers(kid="of the issuer"))
    for path, uri, kind in ASKED:
        response = world.ask(path, accept=kind)
        said = header(response)
        assert (said["kid"] if kind == JWT else said[4].decode()) == "of the issuer"
        world.ingest(response, uri)


def test_certificates_are_in_every_token() -> None:
    root = b.certificate("status root", "status root", authority=True, not_after=b.NOW + 400 * 86_400)
    leaf = b.certificate("status signer", "status root", not_after=b.NOW + 300 * 86_400)
    world = World(key=b.local_key(b.certificate_key("status signer")), certificates=iter(b.der(leaf)))
    scope: Any = {"issuer": b.ISSUER, "purpose": KeyPurpose.STATUS_LIST}
    world.store = StatusStore(anchors=TrustAnchors.from_certificates(b.pem(root), **scope))
    for path, uri, kind in ASKED:
        response = world.ask(path, accept=kind)
        said = header(response)
        assert said["x5c" if kind == JWT else 33] == (b.x5c(leaf) if kind == JWT else b.der(leaf)[0])
        assert ("kid" if kind == JWT else 4) not in said
        world.ingest(response, uri)
    for options in ({"kid": "k"}, {"key": KEY}):
        with pytest.raises(CitizenIDError) as caught:
            World(**({"key": b.local_key(b.certificate_key("status signer")), "certificates": b.der(leaf)} | options))
        assert caught.value.reason is Reason.CONFIGURATION_INVALID


# --- the table ---


class Another:
    """A publisher of a third kind, which takes no certificates."""

    def __init__(self, world: World) -> None:
        self.uri = "https://id.example/another"
        self.world = world

    @property
    def version(self) -> int:
        return self.world.publisher.version

    @property
    def last_issued_at(self) -> int | None:
        return self.world.publisher.last_issued_at

    def prepare(self, key: Any, *, now: int, ttl_s: int, expires_s: int, kid: str | None, level: int) -> Any:
        return self.world.publisher.prepare(key, now=now, ttl_s=ttl_s, expires_s=expires_s, kid=kid, level=level)


def test_a_further_form_is_a_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Form(Another, "application/further+jwt", _published._times_of_jwt, lacks=frozenset({"certificates"}))
    monkeypatch.setattr(_published, "FORMS", (*FORMS, row))
    another: Any = Another(world)
    told: dict[str, Any] = {"key": KEY, "ttl_s": TTL_S, "expires_s": 86_400, "clock": lambda: world.now}
    world.app = StatusListApp([world.publisher, another], **told)
    assert world.ask("/another").kind == "application/further+jwt"
    assert world.ask("/another", accept=JWT).status == 406
    assert world.ask().kind == JWT
    leaf = b.certificate("status signer", "status root")
    certified = told | {"key": b.local_key(b.certificate_key("status signer")), "certificates": b.der(leaf)}
    StatusListApp([world.publisher], **certified)
    strangers: list[Any] = [object()]
    for publishers, options in (([another], certified), (strangers, told), ([world.publisher, *strangers], told)):
        with pytest.raises(CitizenIDError) as caught:
            StatusListApp(publishers, **options)
        assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "publish.publishers")
