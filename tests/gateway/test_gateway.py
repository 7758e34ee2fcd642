"""The gateway as a whole: a life from 401 to revocation, clocks that fail, reloads, caches, floods, any input at all.

`REFUSALS` holds one request for each Reason that belongs to a door of the gateway, with the HTTP answer it must get; a
test compares the table with the enumeration, so that a new Reason needs a request that shows it.

Spec: DESIGN section 4; specs/verification.md (doors); specs/profile-dpop.md; specs/policy.md.
"""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from builders import VCT, certificate, certificate_key, der, pem
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    Challenge,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    NeedStatusList,
    Reason,
    TrustAnchors,
)
from citizenid.gateway import (
    AdmissionPolicy,
    Admitted,
    Allow,
    Answer,
    Binding,
    Consumption,
    Deny,
    DPoPNonces,
    Gateway,
    MemoryReplayGuard,
    MemorySignOuts,
    NeedPresentation,
    Request,
    SieveCache,
    SignedOut,
)
from citizenid.gateway.audit import AuditLog
from citizenid.gateway.sharing import SharingDetector, SharingLimits, Signals, Threshold
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusPublisher, StatusStore

from .notes import FailingLog
from .senders import Sender
from .world import (
    AUDIENCE,
    DAY,
    ENDPOINT,
    ISSUER,
    NOW,
    ORIGIN,
    OTHER_SECRET,
    PATH,
    SECRET,
    STATUS_URI,
    STRICT_POLICY,
    Wallet,
    World,
    allowed,
    anchors,
    base64url,
    challenges_of,
    denied,
    hand_made_proof,
    header_of,
    key,
    needed,
    policy,
    request,
    segment,
    status_anchors,
)

RESULTS = (Allow, Deny, NeedPresentation, NeedStatusList)


# --- a life ---


def test_a_life_from_the_first_request_to_the_revocation() -> None:
    world = World()
    alice = world.wallet()
    # Nothing is shown: 401, with a challenge made for the key of the proof.
    first = world.gateway.authorize(request(None, world.proof(alice.sender)), resource="us-nationals")
    document = json.loads(needed(first, Reason.TICKET_MISSING).http().body)
    # She shows one nationality and proves possession: a ticket.
    challenge = Challenge.from_text(document["challenge"])
    body = {
        "format": document["formats"][0],
        "challenge": document["challenge"],
        "presentation": world.present(alice, challenge, [("nationalities", 0)]).decode(),
    }
    asked = request(path=ENDPOINT, proof=world.proof(alice.sender, url=document["endpoint"]))
    answer = world.gateway.admit_http(asked, json.dumps(body).encode())
    assert answer.status == 200
    ticket = json.loads(answer.body)["ticket"]
    # Request after request is allowed, all of one session.
    sessions = set()
    for _ in range(5):
        world.wait(60)
        sessions.add(allowed(world.ask(alice, ticket)).session_id)
    assert len(sessions) == 1
    # The credential is revoked, the gateway fetches the list, and the next request is refused.
    assert alice.status is not None
    world.publisher.revoke(alice.status)
    allowed(world.ask(alice, ticket))
    world.publish()
    refusal = denied(world.ask(alice, ticket), Reason.REVOKED, "V9")
    assert refusal.http().status == 403
    # A new admission does not help.
    denied(world.admit(alice), Reason.REVOKED, "V9")


def test_a_suspension_ends() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    assert alice.status is not None
    world.publisher.suspend(alice.status)
    world.publish()
    denied(world.ask(alice, ticket), Reason.SUSPENDED, "V9")
    world.publisher.reinstate(alice.status)
    world.publish()
    allowed(world.ask(alice, ticket))


def test_the_revocation_of_one_refuses_nobody_else() -> None:
    world = World()
    alice, bob = world.wallet("alice"), world.wallet("bob")
    tickets = world.ticket(alice), world.ticket(bob)
    assert alice.status is not None
    world.publisher.revoke(alice.status)
    world.publish()
    denied(world.ask(alice, tickets[0]), Reason.REVOKED, "V9")
    allowed(world.ask(bob, tickets[1]))


def test_a_list_that_has_become_stale_allows_nobody() -> None:
    world = World(ticket_lifetime_s=DAY)
    alice = world.wallet()
    ticket = world.ticket(alice)
    world.wait(43_199)
    allowed(world.ask(alice, ticket))
    world.wait(1)
    need = world.ask(alice, ticket)
    assert need == NeedStatusList(STATUS_URI, Reason.STATUS_LIST_STALE)
    assert (need.http().status, header_of(need.http(), b"retry-after")) == (503, b"5")
    world.publish()
    allowed(world.ask(alice, ticket))


def test_a_gateway_without_the_list_allows_nobody() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    other = world.another_gateway(statuses=StatusStore(anchors=status_anchors()))
    assert world.ask(alice, ticket, gateway=other) == NeedStatusList("")


def test_after_a_restart_the_store_knows_what_to_fetch_for_the_tickets_that_are_out() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    kept = world.statuses.uris
    assert kept == (STATUS_URI,)
    world.statuses = StatusStore(anchors=status_anchors(), uris=kept)
    restarted = world.another_gateway()
    world.wait(60)
    assert world.ask(alice, ticket, gateway=restarted) == NeedStatusList("")
    assert world.statuses.due(world.now) == world.statuses.uris == (STATUS_URI,)
    world.publish()
    assert world.statuses.due(world.now) == ()
    allowed(world.ask(alice, ticket, gateway=restarted))


def test_a_ticket_ends_with_the_certificate_of_its_issuer() -> None:
    """T-20: a fresh presentation would be refused from that moment on, and so is the ticket."""
    root = certificate("root", "root", authority=True, not_after=NOW + 90 * DAY)
    leaf = certificate("leaf", "root", not_after=NOW + 600)
    trusted = TrustAnchors.from_certificates(
        pem(root),
        issuer=ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=[VCT],
        countries=[Country("US")],
    )
    world = World(anchors=trusted)
    private = certificate_key("leaf").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    alice = world.wallet()
    attestation = prepare_attestation(
        Citizenship([Country("US")]),
        issuer=ISSUER,
        holder_key=alice.key.public,
        now=world.now,
        lifetime_s=30 * DAY,
        status=alice.status,
        format=Format.SD_JWT_VC,
    )
    issuer = Issuer(identifier=ISSUER, key=LocalKey.from_pem(private), certificates=der(leaf))
    data = issuer.issue(attestation, format=Format.SD_JWT_VC)
    alice.credential = Credential.receive(data, format=Format.SD_JWT_VC, anchors=trusted, now=world.now)
    admitted = world.admit(alice)
    assert isinstance(admitted, Admitted) and admitted.expires_at == NOW + 601  # X.509 notAfter is inclusive
    world.wait(600)
    allowed(world.ask(alice, admitted.ticket))
    world.wait(1)
    needed(world.ask(alice, admitted.ticket), Reason.TICKET_EXPIRED)


@pytest.mark.parametrize("bearer", [False, True])
def test_a_clock_that_goes_back_extends_no_ticket(bearer: bool) -> None:
    """What ended by the latest time that was read has ended; what had not goes on."""
    world = World(ticket_lifetime_s=600)
    alice = world.wallet()
    resource = "weak" if bearer else "us-nationals"
    ends = world.ticket(alice, bearer=bearer)
    world.wait(300)
    lasts = world.ticket(alice, bearer=bearer)
    world.wait(300)
    needed(
        world.gateway.authorize(request(ends, world.proof(alice.sender, ends)), resource=resource),
        Reason.TICKET_EXPIRED,
    )
    world.step_wall_clock(-3_600)
    world.wait(3_000)  # still ten minutes before; and the first proofs after the step are refused in any case
    needed(
        world.gateway.authorize(request(ends, world.proof(alice.sender, ends)), resource=resource),
        Reason.TICKET_EXPIRED,
    )
    if bearer:
        allowed(world.gateway.authorize(request(lasts), resource=resource))


def test_a_bearer_challenge_of_a_policy_that_is_gone_admits_nobody() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(None)
    arguments: dict[str, Any] = {
        "data": world.present(alice, challenge),
        "format": Format.SD_JWT_VC,
        "challenge": challenge.to_text(),
        "request": request(path=ENDPOINT),
    }
    world.gateway.reload(policy=policy(STRICT_POLICY))
    answer = denied(world.gateway.admit(**arguments), Reason.BINDING_TOO_WEAK, "policy").http()
    assert answer.status == 401  # another presentation helps: one with a sender key
    assert b'error="insufficient_user_authentication"' in dict(answer.headers)[b"www-authenticate"]
    world.gateway.reload(policy=policy())
    assert isinstance(world.gateway.admit(**arguments), Admitted)  # the refusal has not used the challenge up


def test_a_status_signer_that_is_not_trusted_any_more_counts_no_longer() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    world.gateway.statuses.reload(anchors=TrustAnchors())
    assert world.ask(alice, ticket) == NeedStatusList("")


def status_list(world: World, value: int, size_bytes: int) -> None:
    """Publish a list by hand in which every entry has this value."""
    digits = value | value << 2 | value << 4 | value << 6
    claims = {
        "sub": STATUS_URI,
        "iat": world.now + 1,
        "exp": world.now + DAY,
        "status_list": {"bits": 2, "lst": base64url(zlib.compress(bytes([digits]) * size_bytes)).decode()},
    }
    signer = key("status")
    signed = segment({"alg": "ES256", "typ": "statuslist+jwt"}) + b"." + segment(claims)
    token = signed + b"." + base64url(signer.sign(signed))
    world.statuses.ingest(STATUS_URI, token, media_type="application/statuslist+jwt", now=world.now)


def test_a_status_of_another_meaning_is_not_valid() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    status_list(world, 3, 64)
    denied(world.ask(alice, ticket), Reason.STATUS_NOT_VALID, "V9")


def test_an_index_beyond_the_list_is_refused() -> None:
    world = World()
    alice = world.wallet()
    while alice.status is None or alice.status.index < 4:
        alice = world.wallet()
    ticket = world.ticket(alice)
    status_list(world, 0, 1)
    denied(world.ask(alice, ticket), Reason.STATUS_INDEX_OUT_OF_RANGE, "V9")


def test_a_short_lived_credential_needs_no_list() -> None:
    world = World()
    alice = world.wallet(short_lived=True, lifetime_s=DAY)
    ticket = world.ticket(alice)
    other = world.another_gateway(statuses=StatusStore(anchors=status_anchors()))
    allowed(world.ask(alice, ticket, gateway=other))


# --- who may ---


@pytest.mark.parametrize(
    ("nationalities", "citizenships", "resource", "outcome"),
    [
        (["US"], [], "us-nationals", None),
        (["US"], [], "us-citizens", Reason.CITIZENSHIP_NOT_SHOWN),  # a national need not be a citizen
        ([], ["US"], "us-nationals", None),  # a citizen is a national
        ([], ["US"], "us-citizens", None),
        (["FR"], ["FR"], "us-nationals", Reason.CITIZENSHIP_NOT_PERMITTED),
        (["FR"], ["FR"], "us-citizens", Reason.CITIZENSHIP_NOT_PERMITTED),
        (["FR", "US"], [], "us-nationals", None),
        (["FR", "US"], ["FR"], "us-citizens", Reason.CITIZENSHIP_NOT_SHOWN),
        (["FR", "US"], ["FR", "US"], "us-citizens", None),
        (["FR"], [], "europe", None),
        (["DE"], [], "europe", None),
        (["US"], [], "europe", Reason.CITIZENSHIP_NOT_PERMITTED),
        (["US"], [], "us/anything/at-all", None),
        (["US"], [], "US/anything", Reason.RESOURCE_NOT_LISTED),
        (["US"], [], "us", Reason.RESOURCE_NOT_LISTED),
        (["US"], [], "", Reason.RESOURCE_NOT_LISTED),
        (["FR"], [], "open", None),
    ],
)
def test_who_may_use_what(
    nationalities: list[str], citizenships: list[str], resource: str, outcome: Reason | None
) -> None:
    world = World()
    wallet = world.wallet("somebody", nationalities, citizenships)
    result = world.ask(wallet, world.ticket(wallet), resource)
    if outcome is None:
        allowed(result)
    elif outcome is Reason.CITIZENSHIP_NOT_SHOWN:
        needed(result, outcome)
    else:
        denied(result, outcome, "policy")


def test_what_is_withheld_does_not_count() -> None:
    world = World()
    dual = world.wallet("dual", ["FR", "US"], ["US"])
    denied(
        world.ask(dual, world.ticket(dual, disclose=[("nationalities", 0)])), Reason.CITIZENSHIP_NOT_PERMITTED, "policy"
    )
    allowed(world.ask(dual, world.ticket(dual, disclose=[("nationalities", 1)])))
    needed(world.ask(dual, world.ticket(dual, disclose=[])), Reason.CITIZENSHIP_NOT_SHOWN)
    needed(world.ask(dual, world.ticket(dual, disclose=["nationalities"]), "us-citizens"), Reason.CITIZENSHIP_NOT_SHOWN)
    allowed(world.ask(dual, world.ticket(dual, disclose=["citizenships"]), "us-citizens"))


def test_claims_count_from_their_place_alone() -> None:
    world = World()
    claims = {
        "nationality": "US",
        "issuing_country": "US",
        "address": {"nationalities": ["US"], "citizenships": ["US"]},
    }
    pierre = world.wallet("pierre", ["FR"], claims=claims)
    ticket = world.ticket(pierre, disclose=["nationalities", *claims])
    denied(world.ask(pierre, ticket), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")


def test_the_policy_of_today_decides() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    allowed(world.ask(alice, ticket))
    world.gateway.reload(policy=policy('version = 1\n[[rule]]\nresource = "us-nationals"\nnationality = ["FR"]'))
    denied(world.ask(alice, ticket), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")
    world.gateway.reload(policy=policy('version = 1\n[[rule]]\nresource = "other"\nanyone = true'))
    denied(world.ask(alice, ticket), Reason.RESOURCE_NOT_LISTED, "policy")


def test_an_admission_grows_old_for_rules_that_say_so() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    world.wait(600)
    allowed(world.ask(alice, ticket, "fresh"))
    world.wait(1)
    needed(world.ask(alice, ticket, "fresh"), Reason.ADMISSION_TOO_OLD)
    allowed(world.ask(alice, ticket))
    allowed(world.ask(alice, world.ticket(alice), "fresh"))


# --- every Reason of the gateway's doors, with its answer ---


class Refusal(NamedTuple):
    make: Callable[[World, Wallet, str], Any]
    status: int
    error: str | None  # in WWW-Authenticate


def _full(world: World, alice: Wallet, ticket: str) -> Any:
    guard = MemoryReplayGuard(max_entries=1, monotonic=world.monotonic)
    guard.consume(b"somebody", b"something", 1_000)
    other = world.another_gateway(replay=guard)
    world.wait(1)
    return world.ask(alice, ticket, gateway=other)


class _Away:
    """A shared guard whose store cannot be asked."""

    def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
        return Consumption.UNAVAILABLE


def _no_guard(world: World, alice: Wallet, ticket: str) -> Any:
    other = world.another_gateway(replay=_Away())
    world.wait(1)
    return world.ask(alice, ticket, gateway=other)


def _replayed(world: World, alice: Wallet, ticket: str) -> Any:
    proof = world.proof(alice.sender, ticket)
    allowed(world.gateway.authorize(request(ticket, proof), resource="weak"))
    return world.gateway.authorize(request(ticket, proof), resource="weak")


def _broken_clock(world: World, alice: Wallet, ticket: str) -> Any:
    world.clock.now = None
    return world.gateway.authorize(request(ticket), resource="weak")


def _expired_challenge(world: World, alice: Wallet, ticket: str) -> Any:
    challenge = world.challenge(alice.sender).to_text()
    world.wait(300)
    return world.gateway.admit(b"", format=Format.SD_JWT_VC, challenge=challenge, request=request())


def _late(world: World, alice: Wallet, ticket: str) -> Any:
    world.wait(3_600)
    return world.ask(alice, ticket)


def _without_anchor(world: World, alice: Wallet, ticket: str) -> Any:
    world.gateway.reload(anchors=TrustAnchors())
    return world.ask(alice, ticket)


def _asked(lines: str) -> Callable[[World, Wallet, str], Any]:
    """By a rule with these lines, two seconds after admission."""

    def make(world: World, alice: Wallet, ticket: str) -> Any:
        world.wait(2)
        world.gateway.reload(policy=policy(f'version = 1\n[[rule]]\nresource = "us-nationals"\n{lines}'))
        return world.ask(alice, ticket)

    return make


def _old(world: World, alice: Wallet, ticket: str) -> Any:
    world.wait(601)
    return world.ask(alice, ticket, "fresh")


def _by_hand(**changes: Any) -> Callable[[World, Wallet, str], Any]:
    def make(world: World, alice: Wallet, ticket: str) -> Any:
        proof = hand_made_proof(alice.sender, changes, ticket=ticket)
        return world.gateway.authorize(request(ticket, proof), resource="us-nationals")

    return make


def _without_nonce(world: World, alice: Wallet, ticket: str) -> Any:
    return world.ask(alice, ticket, gateway=world.another_gateway(dpop_nonces=DPoPNonces.OF_THE_FLEET))


def _with_another_nonce(world: World, alice: Wallet, ticket: str) -> Any:
    door = world.another_gateway(dpop_nonces=DPoPNonces.OF_THE_FLEET)
    world.wait(1)
    proof = hand_made_proof(alice.sender, {"nonce": "other"}, ticket=ticket, now=world.now)
    return door.authorize(request(ticket, proof), resource="us-nationals")


def _covering_less(world: World, alice: Wallet, ticket: str) -> Any:
    sender = Sender(Binding.HTTP_SIGNATURE)
    asked = sender.request(world, None, shown=sender.ticket(world, alice))
    return world.gateway.authorize(asked, resource="us-nationals")


def _signed_out(world: World, alice: Wallet, ticket: str) -> Any:
    world.gateway.sign_out(request(ticket, world.proof(alice.sender, ticket)))
    return world.ask(alice, ticket)


def _not_signed_out(world: World, alice: Wallet, ticket: str) -> Any:
    full = MemorySignOuts(max_entries=1, clock=world.clock, monotonic=world.monotonic)
    full.add(b"somebody", world.now + 1_000)
    door = world.another_gateway(sign_outs=full)
    world.wait(1)
    return door.sign_out(request(ticket, world.proof(alice.sender, ticket)))


class UnknownSignOuts:
    """A set of the fleet that has heard nothing for too long."""

    def add(self, session_id: bytes, until: int) -> bool:
        return False

    def contains(self, session_id: bytes, /) -> bool:
        raise CitizenIDError(Reason.SIGN_OUTS_UNAVAILABLE, "sign_outs")


def _sign_outs_unknown(world: World, alice: Wallet, ticket: str) -> Any:
    door = world.another_gateway(sign_outs=UnknownSignOuts())
    world.wait(1)
    return world.ask(alice, ticket, gateway=door)


def _from_two_networks(line: str) -> Callable[[World, Wallet, str], Any]:
    def make(world: World, alice: Wallet, ticket: str) -> Any:
        limits = SharingLimits(networks_hour=Threshold(step_up=2))
        text = f'version = 1\n[[rule]]\nresource = "us-nationals"\nnationality = ["US"]\n{line}'
        door = world.another_gateway(sharing=SharingDetector(limits=limits), policy=policy(text))
        world.wait(1)
        for network in ("AS64496", "AS64497"):
            asked = request(ticket, world.proof(alice.sender, ticket))
            result = door.authorize(asked, resource="us-nationals", signals=Signals(network))
        return result

    return make


def _no_log(world: World, alice: Wallet, ticket: str) -> Any:
    door = world.another_gateway(audit=FailingLog())
    world.wait(1)
    return world.ask(alice, ticket, gateway=door)


NO_PAIRS: Any = [(b"one",)]

REFUSALS: dict[Reason, Refusal] = {
    Reason.REQUEST_INVALID: Refusal(
        lambda w, a, t: w.gateway.authorize(request(further=NO_PAIRS), resource="weak"), 403, None
    ),
    Reason.CLOCK_UNUSABLE: Refusal(_broken_clock, 503, None),
    Reason.CHALLENGE_INVALID: Refusal(
        lambda w, a, t: w.gateway.admit(b"", format=Format.SD_JWT_VC, challenge="", request=request()), 403, None
    ),
    Reason.CHALLENGE_EXPIRED: Refusal(_expired_challenge, 403, None),
    Reason.REPLAYED: Refusal(_replayed, 401, "invalid_dpop_proof"),
    Reason.REPLAY_GUARD_FULL: Refusal(_full, 503, None),
    Reason.REPLAY_GUARD_UNAVAILABLE: Refusal(_no_guard, 503, None),
    Reason.PROOF_MISSING: Refusal(
        lambda w, a, t: w.gateway.authorize(request(t), resource="weak"), 401, "invalid_dpop_proof"
    ),
    Reason.PROOF_MALFORMED: Refusal(_by_hand(htu="/relative"), 401, "invalid_dpop_proof"),
    Reason.PROOF_METHOD_MISMATCH: Refusal(_by_hand(htm="GET"), 401, "invalid_dpop_proof"),
    Reason.PROOF_URL_MISMATCH: Refusal(_by_hand(htu=ORIGIN + "/other"), 401, "invalid_dpop_proof"),
    Reason.PROOF_TICKET_MISMATCH: Refusal(_by_hand(ath="other"), 401, "invalid_dpop_proof"),
    Reason.PROOF_KEY_MISMATCH: Refusal(
        lambda w, a, t: w.gateway.authorize(request(t, w.proof(key("thief"), t)), resource="weak"),
        401,
        "invalid_dpop_proof",
    ),
    Reason.PROOF_STALE: Refusal(_by_hand(iat=NOW - 61), 401, "invalid_dpop_proof"),
    Reason.PROOF_IN_FUTURE: Refusal(_by_hand(iat=NOW + 31), 401, "invalid_dpop_proof"),
    Reason.PROOF_NONCE_MISSING: Refusal(_without_nonce, 401, "use_dpop_nonce"),
    Reason.PROOF_NONCE_MISMATCH: Refusal(_with_another_nonce, 401, "use_dpop_nonce"),
    Reason.PROOF_COMPONENT_MISSING: Refusal(_covering_less, 401, "invalid_token"),
    Reason.SIGNED_OUT: Refusal(_signed_out, 401, "invalid_token"),
    Reason.SIGN_OUTS_FULL: Refusal(_not_signed_out, 503, None),
    Reason.SIGN_OUTS_UNAVAILABLE: Refusal(_sign_outs_unknown, 503, None),
    Reason.SHARING_SUSPECTED: Refusal(_from_two_networks(""), 401, "insufficient_user_authentication"),
    Reason.CREDENTIAL_SHARED: Refusal(_from_two_networks('sharing = "refuse"'), 403, None),
    Reason.AUDIT_UNAVAILABLE: Refusal(_no_log, 503, None),
    Reason.TICKET_MISSING: Refusal(lambda w, a, t: w.gateway.authorize(request(), resource="weak"), 401, ""),
    Reason.TICKET_INVALID: Refusal(
        lambda w, a, t: w.gateway.authorize(request("x"), resource="weak"), 401, "invalid_token"
    ),
    Reason.TICKET_EXPIRED: Refusal(_late, 401, "invalid_token"),
    Reason.ANCHOR_REMOVED: Refusal(_without_anchor, 401, "invalid_token"),
    Reason.RESOURCE_NOT_LISTED: Refusal(lambda w, a, t: w.ask(a, t, "nowhere"), 403, None),
    Reason.CITIZENSHIP_NOT_SHOWN: Refusal(lambda w, a, t: w.ask(a, t, "us-citizens"), 401, "invalid_token"),
    Reason.CITIZENSHIP_NOT_PERMITTED: Refusal(lambda w, a, t: w.ask(a, t, "europe"), 403, None),
    Reason.BINDING_TOO_WEAK: Refusal(
        lambda w, a, t: w.gateway.authorize(request(w.ticket(a, bearer=True)), resource="us-nationals"),
        401,
        "insufficient_user_authentication",
    ),
    Reason.ADMISSION_TOO_OLD: Refusal(_old, 401, "insufficient_user_authentication"),
    Reason.CREDENTIAL_NOT_ACCEPTED: Refusal(_asked('nationality = ["US"]\nissuers = ["other"]'), 401, "invalid_token"),
    Reason.ASSURANCE_TOO_LOW: Refusal(
        _asked('nationality = ["US"]\nassurance = { eidas = "low" }'), 401, "insufficient_user_authentication"
    ),
    Reason.CREDENTIAL_TOO_OLD: Refusal(_asked('nationality = ["US"]\nmax_credential_age_s = 1'), 401, "invalid_token"),
    Reason.EVIDENCE_TOO_OLD: Refusal(_asked('nationality = ["US"]\nmax_evidence_age_s = 1'), 401, "invalid_token"),
    Reason.COMPLETENESS_NOT_SHOWN: Refusal(_asked('anyone = true\nnone_of = ["FR"]'), 401, "invalid_token"),
}
# The first is no Deny and no 401, the second a gateway refuses as a configuration: both have tests of their own below.
NOT_ASKED = {Reason.STATUS_TOO_OLD, Reason.REGION_UNKNOWN}
# Of these two a verifier of logs and whoever opens one hear.
OF_FILES = {Reason.AUDIT_WRITER_PRESENT, Reason.AUDIT_MALFORMED, Reason.AUDIT_INVALID}
DOORS = {"request", "challenge", "replay", "proof", "ticket", "policy", "sharing", "audit"}


def test_the_table_has_every_reason_of_the_doors() -> None:
    assert set(REFUSALS) == {reason for reason in Reason if reason.step in DOORS} - NOT_ASKED - OF_FILES


@pytest.mark.parametrize("reason", REFUSALS)
def test_every_reason_of_the_doors_and_its_answer(reason: Reason) -> None:
    world = World()
    alice = world.wallet()
    make, status, error = REFUSALS[reason]
    result = make(world, alice, world.ticket(alice))
    answer: Answer = result.http()
    document = json.loads(answer.body)
    assert (result.reason, answer.status, document["error"]["code"]) == (reason, status, reason.value)
    assert type(result) is (NeedPresentation if status == 401 and reason.step not in ("proof", "replay") else Deny)
    assert (b"retry-after" in dict(answer.headers)) is (status == 503)
    if type(result) is Deny:
        assert result.step == reason.step
        assert document["step"] == reason.step
    if error is None:
        assert b"www-authenticate" not in dict(answer.headers)
    elif not error:
        assert not any(b"error=" in each for each in challenges_of(answer))
    else:
        assert all(f'error="{error}"'.encode() in each for each in challenges_of(answer))


def test_what_an_anchor_may_not_attest_counts_against_the_holder_all_the_same() -> None:
    world = World()
    world.gateway.reload(anchors=anchors(countries=[Country("US")]))
    rule = _asked('nationality = ["US"]\nnone_of = ["FR"]')
    for stated, reason in (
        (("US", "FR"), Reason.CITIZENSHIP_NOT_PERMITTED),
        (("US",), Reason.COMPLETENESS_NOT_SHOWN),
    ):
        world.gateway.reload(policy=policy())
        alice = world.wallet(nationalities=stated)
        result = rule(world, alice, world.ticket(alice))
        assert result.reason is reason


def test_a_list_that_is_too_old_for_a_rule_is_needed_anew() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    result = _asked('nationality = ["US"]\nmax_status_age_s = 1')(world, alice, ticket)
    assert type(result) is NeedStatusList and result.reason is Reason.STATUS_TOO_OLD and result.uri == ""
    world.publish()
    allowed(world.ask(alice, ticket))


def test_a_rule_of_a_region_exists_there_and_needs_to_be_told() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    local = policy('version = 1\n[[rule]]\nresource = "us-nationals"\nnationality = ["US"]\nregion = ["us-*"]')
    with pytest.raises(CitizenIDError) as caught:
        world.gateway.reload(policy=local)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    for region, reason in (("us-east", None), ("eu-west", Reason.RESOURCE_NOT_LISTED)):
        other = world.another_gateway(policy=local, region=region)
        world.wait(1)
        result = world.ask(alice, ticket, gateway=other)
        assert (None if type(result) is Allow else result.reason) is reason


# --- results ---


def test_no_result_has_a_truth_value() -> None:
    world = World()
    alice = world.wallet()
    admitted = world.admit(alice)
    results: list[object] = [
        admitted,
        world.ask(alice, admitted.ticket),
        world.ask(alice, admitted.ticket, "nowhere"),
        world.ask(alice, "x"),
        NeedStatusList("x"),
        SignedOut(bytes(16), NOW),
    ]
    assert [type(result) for result in results] == [
        Admitted, Allow, Deny, NeedPresentation, NeedStatusList, SignedOut,
    ]  # fmt: skip
    for result in results:
        with pytest.raises(TypeError):
            bool(result)
        with pytest.raises(TypeError):
            assert not result


def test_results_do_not_change() -> None:
    allow = Allow(1, b"session")
    with pytest.raises(AttributeError):
        allow.rule = 2  # type: ignore[misc]  # the point
    with pytest.raises(AttributeError):
        Deny(Reason.REVOKED, "V9").reason = Reason.EXPIRED  # type: ignore[misc]  # the point


# --- the clock ---


def _raise(error: Exception) -> Callable[[], float]:
    def clock() -> float:
        raise error

    return clock


BROKEN_CLOCKS: list[Any] = [
    _raise(OSError()),
    _raise(RuntimeError()),
    _raise(ZeroDivisionError()),
    _raise(ValueError()),
    _raise(KeyError()),
    None,
    float("nan"),
    float("inf"),
    float("-inf"),
    -1,
    -0.5 - 1,
    2**32,
    2**40,
    2**53,
    10**400,
    1e300,
    NOW * 1_000,  # milliseconds
    str(NOW),
    b"1",
    True,
    Decimal("NaN"),
    [],
]


@pytest.mark.parametrize("reading", BROKEN_CLOCKS)
def test_a_clock_that_fails_allows_nothing(reading: Any) -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    challenge = world.challenge(alice.sender)
    presentation = world.present(alice, challenge)
    proof, admission_proof = world.proof(alice.sender, ticket), world.proof(alice.sender, url=ORIGIN + ENDPOINT)
    need = needed(world.gateway.authorize(request(None, proof), resource="weak"), Reason.TICKET_MISSING)
    world.clock.now = reading
    for asked in (request(ticket, proof), request(ticket), request()):
        denied(world.gateway.authorize(asked, resource="us-nationals"), Reason.CLOCK_UNUSABLE, "request")
    refusal = world.gateway.admit(
        presentation,
        format=Format.SD_JWT_VC,
        challenge=challenge.to_text(),
        request=request(path=ENDPOINT, proof=admission_proof),
    )
    denied(refusal, Reason.CLOCK_UNUSABLE, "request")
    with pytest.raises(CitizenIDError) as caught:
        world.challenge(alice.sender)
    assert caught.value.reason is Reason.CLOCK_UNUSABLE
    assert b'"challenge"' not in need.http().body  # the answer is there all the same
    assert world.gateway.authorize(request(), resource="open") == Allow(1)  # for which no time is needed
    # And when the clock works again so does everything else: nothing was used up.
    world.clock.now = NOW
    allowed(world.gateway.authorize(request(ticket, proof), resource="us-nationals"))


@pytest.mark.parametrize("mode", [DPoPNonces.OF_THE_FLEET, DPoPNonces.OF_THIS_PROCESS])
def test_an_answer_is_written_though_the_clock_has_failed_since(mode: DPoPNonces) -> None:
    world = World(dpop_nonces=mode)
    alice = world.wallet()
    need = needed(
        world.gateway.authorize(request(None, world.proof(alice.sender)), resource="weak"), Reason.TICKET_MISSING
    )
    assert header_of(need.http(), b"dpop-nonce")
    world.clock.now = float("nan")
    answer = need.http()
    assert answer.status == 401
    assert not [name for name, _ in answer.headers if name == b"dpop-nonce"] and b'"challenge"' not in answer.body


def test_a_used_up_memory_of_proofs_permits_nothing() -> None:
    """A guard that has no room for what must be remembered cannot say that it is new."""
    guard = MemoryReplayGuard(max_entries=2)
    world = World(replay=guard)
    alice = world.wallet()
    ticket = world.ticket(alice)  # a challenge and a proof
    denied(world.ask(alice, ticket), Reason.REPLAY_GUARD_FULL, "replay")
    denied(world.admit(world.wallet("bob")), Reason.REPLAY_GUARD_FULL, "replay")
    world = World(replay=MemoryReplayGuard(max_entries=1))  # room for the proof, and none for the challenge
    denied(world.admit(world.wallet()), Reason.REPLAY_GUARD_FULL, "replay")
    assert world.gateway.authorize(request(), resource="open") == Allow(1)


def test_a_gateway_does_not_begin_with_a_broken_clock() -> None:
    world = World()
    with pytest.raises(CitizenIDError) as caught:
        world.another_gateway(clock=lambda: float("nan"))
    assert caught.value.reason is Reason.CLOCK_UNUSABLE


def test_fractions_of_a_second_are_cut_off() -> None:
    world = World()
    world.wait(0.999)
    alice = world.wallet()
    admitted = world.admit(alice)
    assert admitted.expires_at == NOW + 3_600
    world.wait(3_599)
    allowed(world.ask(alice, admitted.ticket))
    world.wait(0.002)
    needed(world.ask(alice, admitted.ticket), Reason.TICKET_EXPIRED)


def test_one_reading_of_the_clock_decides() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    readings: list[int] = []

    def clock() -> float:
        readings.append(1)
        return NOW

    gateway = world.another_gateway(clock=clock)
    readings.clear()
    gateway.authorize(request(ticket, world.proof(alice.sender, ticket)), resource="us-nationals")
    assert len(readings) == 1


def used_proof(world: World, *, ahead_s: int = 0) -> tuple[Wallet, Request]:
    """Use a proof, and return the request that it came with."""
    alice = world.wallet()
    ticket = world.ticket(alice)
    used = request(ticket, world.proof(alice.sender, ticket, now=world.now + ahead_s))
    allowed(world.gateway.authorize(used, resource="us-nationals"))
    return alice, used


STEPS_S = [0.0, 0.0, -1.9, 1.9, 2.0, 10.0, -30.0, -95.0, -150.0, -600.0, 50.0, 400.0]


@given(
    st.integers(-60, 30),
    st.lists(
        st.tuples(
            st.floats(0, 120),
            st.sampled_from([0.0, 0.0, -1.9, 1.9, -30.0, -95.0, -150.0, -600.0, 2.0, 10.0, 50.0, 400.0]),
        ),
        max_size=12,
    ),
)
def test_a_used_proof_stays_used_whatever_the_wall_clock_does(ahead_s: int, moves: list[tuple[float, float]]) -> None:
    world = World()
    alice, used = used_proof(world, ahead_s=ahead_s)
    for wait_s, step_s in moves:
        world.wait(wait_s)
        world.step_wall_clock(step_s)
        world.gateway.authorize(request(b"x" * 248, world.proof(alice.sender)), resource="us-nationals")
        assert isinstance(world.gateway.authorize(used, resource="us-nationals"), Deny | NeedPresentation)


def test_a_used_proof_stays_used_when_the_wall_clock_steps_back() -> None:
    world = World()
    _, used = used_proof(world)
    world.wait(100)  # by now the guard has forgotten it
    denied(world.gateway.authorize(used, resource="us-nationals"), Reason.PROOF_STALE, "proof")
    world.step_wall_clock(-150)
    for _ in range(200):
        assert isinstance(world.gateway.authorize(used, resource="us-nationals"), Deny)
        world.wait(1)


@pytest.mark.parametrize("step_s", [-1.99, -1.0, -0.5, 0.5, 1.99])
@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.99])
def test_a_step_too_small_to_be_seen_is_covered_by_the_memory(step_s: float, fraction: float) -> None:
    world = World()
    world.wait(fraction)
    _, used = used_proof(world, ahead_s=30)
    world.step_wall_clock(step_s)
    world.wait(85)
    for _ in range(60):
        assert isinstance(world.gateway.authorize(used, resource="us-nationals"), Deny)
        world.wait(0.25)


def test_small_steps_add_up() -> None:
    # A clock that is slewed back bit by bit is behind as far as one that stepped.
    world = World()
    alice, used = used_proof(world)
    ticket = dict(used.headers)[b"citizenship-ticket"].decode()
    for _ in range(100):
        world.wait(1)
        world.step_wall_clock(-1.5)
        assert isinstance(world.gateway.authorize(used, resource="us-nationals"), Deny)
        world.ask(alice, ticket)


@pytest.mark.parametrize("step_s", [2, 5, 29, 30, 31, 50])
def test_proofs_made_before_a_step_forward_are_refused_and_new_ones_serve_at_once(step_s: int) -> None:
    # Also when the step is shorter than what iat may lie ahead: no used proof gets younger by it.
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    before = world.proof(alice.sender, ticket)
    world.step_wall_clock(step_s)
    denied(world.gateway.authorize(request(ticket, before), resource="us-nationals"), Reason.PROOF_STALE, "proof")
    allowed(world.ask(alice, ticket))


def test_after_a_step_back_proofs_serve_again_when_the_old_time_has_passed() -> None:
    world = World()
    alice, used = used_proof(world)
    ticket = dict(used.headers)[b"citizenship-ticket"].decode()
    world.step_wall_clock(-100)
    denied(world.ask(alice, ticket), Reason.PROOF_STALE, "proof")
    world.wait(132)  # the step, the skew and a second
    allowed(world.ask(alice, ticket))
    assert isinstance(world.gateway.authorize(used, resource="us-nationals"), Deny)


def test_of_two_threads_that_see_one_step_neither_makes_another() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    world.step_wall_clock(500)
    proofs = [world.proof(alice.sender, ticket) for _ in range(16)]
    start = threading.Barrier(16)
    results: list[Any] = []

    def run(proof: bytes) -> None:
        start.wait()
        results.append(world.gateway.authorize(request(ticket, proof), resource="us-nationals"))

    threads = [threading.Thread(target=run, args=(proof,)) for proof in proofs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(result) for result in results] == [Allow] * 16
    allowed(world.ask(alice, ticket))


def test_a_pause_of_the_process_is_no_step_of_the_clock() -> None:
    # It stands still for three seconds just after it has read the wall clock. Neither clock stepped.
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    asked = request(ticket, world.proof(alice.sender, ticket))
    world.clock.now = lambda: _pause(world)
    allowed(world.gateway.authorize(asked, resource="us-nationals"))
    assert world.clock.now == NOW + 3
    allowed(world.ask(alice, ticket))


def _pause(world: World) -> float:
    world.clock.now = NOW + 3
    world.monotonic.now += 3
    return NOW


# --- reload ---

BAD_RELOADS: list[dict[str, Any]] = [
    {"anchors": 5},
    {"anchors": [anchors()]},
    {"policy": "version = 1"},
    {"policy": 0},
    {"ticket_keys": []},
    {"ticket_keys": [b"short"]},
    {"ticket_keys": [OTHER_SECRET, bytes(32)]},
    {"ticket_keys": [OTHER_SECRET, OTHER_SECRET]},
    {"ticket_keys": "x" * 32},
    {"anchors": anchors("another issuer"), "ticket_keys": [OTHER_SECRET], "policy": 5},
    {"anchors": anchors("another issuer"), "ticket_keys": [b""]},
    {"policy": policy('version = 1\n[[rule]]\nresource = "x"\nanyone = true'), "anchors": ()},
]


@pytest.mark.parametrize("wrong", BAD_RELOADS, ids=lambda wrong: "+".join(wrong))
def test_a_reload_that_fails_changes_nothing(wrong: dict[str, Any]) -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    with pytest.raises(CitizenIDError) as caught:
        world.gateway.reload(**wrong)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    allowed(world.ask(alice, ticket))
    allowed(world.ask(alice, world.ticket(alice)))
    denied(world.ask(alice, ticket, "x"), Reason.RESOURCE_NOT_LISTED, "policy")


def test_a_reload_of_nothing_changes_nothing() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    world.gateway.reload()
    allowed(world.ask(alice, ticket))


def test_a_request_sees_the_old_or_the_new_and_never_half_of_each() -> None:
    # A ticket of the first configuration: in a mixture its anchor would be gone, or another rule would decide.
    one = 'version = 1\n[[rule]]\nresource = "r"\nnationality = ["US"]\nbinding = "bearer"\n'
    two = 'version = 1\n[[rule]]\nresource = "other"\nanyone = true\n' + one.partition("\n")[2]
    world = World(one)
    alice = world.wallet()
    ticket = world.ticket(alice, bearer=True)
    first: dict[str, Any] = {"anchors": anchors(), "policy": policy(one), "ticket_keys": [SECRET]}
    second: dict[str, Any] = {
        "anchors": anchors(countries=[Country("US")]),
        "policy": policy(two),
        "ticket_keys": [OTHER_SECRET],
    }
    seen: set[object] = set()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            result: Any = world.gateway.authorize(request(ticket), resource="r")
            seen.add(result.rule if type(result) is Allow else result.reason)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        world.gateway.reload(**second)
        world.gateway.reload(**first)
    done.set()
    for thread in threads:
        thread.join()
    assert seen == {1, Reason.TICKET_INVALID}


# --- caches ---


class Recorder:
    """A cache that tells what was put into it and how often it was found."""

    def __init__(self, size: int = 1_000) -> None:
        self.inner: SieveCache[bytes, Any] = SieveCache(size)
        self.keys: list[bytes] = []
        self.hits = 0

    def get(self, key: bytes, /) -> Any:
        found = self.inner.get(key)
        self.hits += found is not None
        return found

    def put(self, key: bytes, value: Any, /) -> None:
        self.keys.append(key)
        self.inner.put(key, value)


def test_the_issuer_half_is_kept_under_a_digest() -> None:
    recorder = Recorder()
    world = World(cache=recorder)
    alice = world.wallet()
    for _ in range(3):
        world.ticket(alice)
    assert (len(recorder.keys), recorder.hits) == (1, 2)
    assert [len(key) for key in recorder.keys] == [32]


def test_another_choice_another_anchor_and_other_limits_are_other_keys() -> None:
    recorder = Recorder()
    world = World(cache=recorder)
    dual = world.wallet("dual", ["US", "FR"])
    world.ticket(dual)
    world.ticket(dual, disclose=[("nationalities", 0)])
    world.ticket(dual, disclose=[("nationalities", 1)])
    world.gateway.reload(anchors=anchors(countries=[Country("US"), Country("FR")]))
    world.ticket(dual)
    world.gateway = world.another_gateway(limits=Limits(clock_skew_s=10))
    world.ticket(dual)
    assert len(set(recorder.keys)) == len(recorder.keys) == 5


def spoiled(presentation: bytes, kind: int) -> bytes:
    """Spoil one part of a presentation: header, claims, signature, a disclosure, or the key binding."""
    half, _, binding = presentation.rpartition(b"~")
    parts = half.split(b"~")
    header, payload, signature = parts[0].split(b".")
    if kind == 0:
        header = segment({"alg": "ES256", "typ": "dc+sd-jwt", "kid": "unknown"})
    elif kind == 1:
        payload = payload[:-4] + b"AAAA"
    elif kind == 2:
        signature = base64url(bytes(64))
    elif kind == 3:
        parts.append(segment(["salt", "US"]))
    elif kind == 4:
        binding = binding.rpartition(b".")[0] + b"." + base64url(bytes(64))
    elif kind == 5:
        binding = b""
    parts[0] = b".".join((header, payload, signature))
    return b"~".join((*parts, binding))


def hand_in(world: World, wallet: Wallet, kind: int | None, gateways: list[Gateway]) -> list[Any]:
    """Hand one presentation in at several gateways, each with a new proof."""
    challenge = world.challenge(wallet.sender)
    presentation = world.present(wallet, challenge)
    return [
        gateway.admit(
            presentation if kind is None else spoiled(presentation, kind),
            format=Format.SD_JWT_VC,
            challenge=challenge.to_text(),
            request=request(path=ENDPOINT, proof=world.proof(wallet.sender, url=ORIGIN + ENDPOINT)),
        )
        for gateway in gateways
    ]


@pytest.mark.parametrize("kind", range(4))
def test_what_is_refused_is_not_kept(kind: int) -> None:
    recorder = Recorder()
    world = World(cache=recorder)
    alice = world.wallet()
    (refusal,) = hand_in(world, alice, kind, [world.gateway])
    assert isinstance(refusal, Deny)
    assert not recorder.keys
    # With the good one in the cache the spoiled one is refused all the same.
    world.ticket(alice)
    (again,) = hand_in(world, alice, kind, [world.gateway])
    assert again == refusal


def test_a_flood_of_bad_presentations_pushes_nothing_good_out() -> None:
    recorder = Recorder(2)
    world = World(cache=recorder)
    alice, bob = world.wallet("alice"), world.wallet("bob")
    world.ticket(alice)
    world.ticket(bob)
    for number in range(40):
        for refusal in hand_in(world, alice, number % 4, [world.gateway]):
            assert isinstance(refusal, Deny)
    recorder.hits = 0
    world.ticket(alice)
    world.ticket(bob)
    assert (recorder.hits, len(recorder.keys)) == (2, 2)


actions = st.lists(
    st.tuples(st.just("present"), st.integers(0, 2), st.none() | st.integers(0, 5))
    | st.tuples(st.just("revoke"), st.integers(0, 2), st.none())
    | st.tuples(st.just("wait"), st.sampled_from([1, 50, 100, DAY]), st.none())
    | st.tuples(st.just("trust"), st.integers(0, 3), st.none()),
    max_size=14,
)


@given(actions)
def test_a_cache_changes_no_verdict(moves: list[tuple[str, int, int | None]]) -> None:
    world = World()
    wallets = [
        world.wallet("one"),
        world.wallet("two", ["FR"], lifetime_s=120),
        world.wallet("three", short_lived=True, lifetime_s=60),
    ]
    trusts = [anchors(), anchors("another issuer"), anchors(countries=[Country("US")]), anchors(not_after=NOW + 80)]
    gateways = [
        world.another_gateway(cache=cache, replay=MemoryReplayGuard(monotonic=world.monotonic))
        for cache in (None, 1, 2, 100)
    ]
    world.wait(1)
    for name, number, kind in moves:
        if name == "present":
            plain, *cached = hand_in(world, wallets[number], kind, gateways)
            for result in cached:
                assert type(result) is type(plain)
                assert isinstance(plain, Admitted) or result == plain
                assert not isinstance(plain, Admitted) or result.expires_at == plain.expires_at
        elif name == "revoke":
            reference = wallets[number].status
            if reference is not None:
                world.publisher.revoke(reference)
                world.publish()
        elif name == "wait":
            world.wait(number)
        else:
            for gateway in gateways:
                gateway.reload(anchors=trusts[number])


def test_threads_with_one_new_presentation_get_one_verdict() -> None:
    world = World()
    alice = world.wallet()
    start = threading.Barrier(8)
    results: list[Any] = []

    def run() -> None:
        start.wait()
        results.append(world.admit(alice))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(result) for result in results] == [Admitted] * 8


# --- any input ---

WORLD = World()
ALICE = WORLD.wallet()
TICKET = WORLD.ticket(ALICE).encode()
BEARER = WORLD.ticket(ALICE, bearer=True).encode()
CHALLENGE = WORLD.challenge(ALICE.sender)
PRESENTATION = WORLD.present(ALICE, CHALLENGE)

values = (
    st.binary(max_size=40)
    | st.sampled_from([TICKET, BEARER, TICKET[:-1], b""])
    | st.builds(lambda iat: hand_made_proof(ALICE.sender, ticket=TICKET.decode(), now=iat), st.sampled_from([NOW, 0]))
)
anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(max_size=9)
names = st.sampled_from([b"dpop", b"DPoP", b"citizenship-ticket", b"Citizenship-Ticket", b"host", b""]) | st.binary(
    max_size=20
)
headers = (
    st.lists(st.tuples(names, values), max_size=5)
    | st.lists(st.tuples(names | anything, values | anything) | anything | st.tuples(names), max_size=4)
    | anything
)
requests = st.builds(
    Request,
    st.sampled_from(["POST", "GET", ""]) | st.text(max_size=9) | anything,
    st.sampled_from([ORIGIN + PATH, PATH, ""]) | st.text(max_size=30) | anything,
    headers,
    st.none() | st.binary(max_size=9),
)
resources = st.sampled_from(["open", "us-nationals", "weak", "us/x", "fresh"]) | st.text(max_size=20) | anything


@given(requests, resources)
def test_authorize_always_answers(asked: Request, resource: Any) -> None:
    result = WORLD.gateway.authorize(asked, resource=resource)
    assert type(result) in RESULTS
    if type(result) is not Allow:
        answer = result.http()
        assert answer.status in (401, 403, 503)
        assert json.loads(answer.body)["reason"] in set(Reason)
    elif resource != "open":
        # Whoever got through had a ticket, and a proof unless it is a bearer ticket for a bearer rule.
        shown = {bytes(name).lower(): value for name, value in asked.headers}
        assert shown[b"citizenship-ticket"] in (TICKET, BEARER)
        assert b"dpop" in shown or (shown[b"citizenship-ticket"] == BEARER and resource == "weak")


@given(
    st.binary(max_size=60) | st.text(max_size=60) | anything | st.just(PRESENTATION),
    st.sampled_from(["dc+sd-jwt", "mso_mdoc", "sd-cwt"]) | anything,
    st.sampled_from([CHALLENGE.to_text(), CHALLENGE.to_text()[:-1]]) | st.text(max_size=60) | anything,
    requests,
)
def test_admit_always_answers(data: Any, format_: Any, challenge: Any, asked: Request) -> None:
    result = WORLD.gateway.admit(data, format=format_, challenge=challenge, request=asked)
    assert type(result) in (Deny, NeedStatusList)  # nothing here has a good proof for the admission endpoint
    assert result.http().status in (401, 403, 503)


@given(st.integers(0, len(PRESENTATION) - 1), st.integers(1, 255), st.sampled_from(["flip", "cut", "double", "insert"]))
def test_a_changed_presentation_is_never_admitted(place: int, change: int, how: str) -> None:
    data = {
        "flip": PRESENTATION[:place] + bytes([PRESENTATION[place] ^ change]) + PRESENTATION[place + 1 :],
        "cut": PRESENTATION[:place],
        "double": PRESENTATION[:place] + PRESENTATION[place:] * 2,
        "insert": PRESENTATION[:place] + bytes([change]) + PRESENTATION[place:],
    }[how]
    result = WORLD.gateway.admit(
        data,
        format=Format.SD_JWT_VC,
        challenge=CHALLENGE.to_text(),
        request=request(path=ENDPOINT, proof=WORLD.proof(ALICE.sender, url=ORIGIN + ENDPOINT)),
    )
    assert isinstance(result, Deny), (place, how)


def test_large_input_is_refused_at_once() -> None:
    large = b"A" * 10_000_000
    proof = WORLD.proof(ALICE.sender, TICKET.decode())
    good = request(TICKET, proof).headers
    began = time.thread_time()
    for asked, resource in [
        (request(large), "weak"),
        (request(TICKET, large), "weak"),
        (request(TICKET, b"." * 10_000_000), "weak"),
        (Request("POST", ORIGIN + "/" + large.decode(), good), "weak"),
        (Request(large.decode(), ORIGIN, good), "weak"),
        (request(TICKET, proof), large.decode()),
        (request(TICKET, proof), "us/" + large.decode()),
    ]:
        assert type(WORLD.gateway.authorize(asked, resource=resource)) in (Deny, NeedPresentation)
    for text in (large.decode(), CHALLENGE.to_text()):
        assert isinstance(
            WORLD.gateway.admit(large, format=Format.SD_JWT_VC, challenge=text, request=request(None, proof)), Deny
        )
    assert time.thread_time() - began < 1  # of the processor, whatever else is busy: a few milliseconds each


# --- configurations ---


@pytest.mark.parametrize(
    "wrong",
    [
        {"audience": ""},
        {"audience": 5},
        {"external_url": ""},
        {"external_url": 5},
        {"external_url": "gateway.example"},
        {"external_url": "ftp://gateway.example"},
        {"external_url": "https://"},
        {"external_url": "https:///x"},
        {"external_url": "https://:443"},
        {"external_url": "https://gateway.example/v1"},
        {"external_url": "https://gateway.example?x"},
        {"external_url": "https://gateway.example/#x"},
        {"external_url": "https://user@gateway.example"},
        {"external_url": "https://gate way.example"},
        {"external_url": "https://gateway.example\n"},
        {"external_url": "https://[::1"},
        {"external_url": "https://gateway.example:99999"},
        {"external_url": "https://gatew\u00e4y.example"},
        {"external_url": "https://gateway.example:"},  # what a template without its port makes: no proof would equal it
        {"external_url": "https://gateway.example:0443"},
        {"external_url": "https://gateway.example:443:443"},
        {"external_url": "https://gateway.example:80:443"},
        {"external_url": "https://gate%77ay.example"},
        {"external_url": 'https://gateway.example"'},
        {"external_url": "https://gateway.example\\@thief.example"},
        {"external_url": "https://*.example"},
        {"external_url": "https://.example"},
        {"external_url": "https://[fe80::1%25eth0]"},
        {"admission_path": "citizenship"},
        {"admission_path": ""},
        {"admission_path": 5},
        {"admission_path": "/citizenship?x"},
        {"admission_path": "/citizenship#x"},
        {"admission_path": "/citizen ship"},
        {"admission_path": "/citizenship\n"},
        {"admission_path": "/citizensh\u0131p"},
        {"ticket_keys": []},
        {"ticket_keys": [bytes(31)]},
        {"ticket_keys": [bytes(32)]},  # memory that nobody has written to is no secret
        {"ticket_keys": [SECRET, bytes(64)]},
        {"ticket_keys": [SECRET, SECRET]},
        {"ticket_keys": 5},
        {"ticket_keys": SECRET},
        {"cache": 0},
        {"audience": b"https://gate.example"},
        {"external_url": None},
        {"admission_path": b"/admit"},
        {"cache": -1},
        {"cache": True},
        {"ticket_lifetime_s": 0},
        {"ticket_lifetime_s": -1},
        {"ticket_lifetime_s": 86_401},
        {"ticket_lifetime_s": 60.0},
        {"ticket_lifetime_s": True},
        {"challenge_lifetime_s": 0},
        {"challenge_lifetime_s": 86_401},
        {"proof_max_age_s": 0},
        {"proof_max_age_s": "60"},
        {"anchors": None},
        {"anchors": [anchors()]},
        {"policy": "version = 1"},
        {"policy": None},
        {"region": ""},
        {"region": 5},
        {"region": b"eu"},
        {"region": "eu\n"},
        {"region": "eu-" + "x" * 510},  # longer than a policy can name: its rules for a region would be passed over
        {"session_lifetime_s": 30 * 86_400 + 1},
        {"limits": {}},
        {"clock": NOW},
        {"monotonic": NOW},
        {"statuses": None},
        {"replay": {}},
        {"sign_outs": set()},
        {"cache": {}},
        {"statuses": StatusStore},  # classes in the place of what they make: they have all the methods
        {"replay": MemoryReplayGuard},
        {"sign_outs": MemorySignOuts},
        {"cache": SieveCache},
        {"audit": AuditLog},
    ],
    ids=repr,
)
def test_configurations_that_cannot_be_right(wrong: dict[str, Any]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World(**wrong)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    (name,) = wrong
    assert name in caught.value.where.split(".")  # which of thirty arguments it is


@pytest.mark.parametrize("name", ["audience", "external_url", "anchors", "policy", "ticket_keys", "statuses", "replay"])
def test_nothing_that_decides_has_a_default(name: str) -> None:
    world = World()
    arguments: dict[str, Any] = {
        "audience": AUDIENCE,
        "external_url": ORIGIN,
        "anchors": anchors(),
        "policy": policy(),
        "ticket_keys": [SECRET],
        "statuses": world.statuses,
        "replay": MemoryReplayGuard(),
    }
    assert isinstance(Gateway(**arguments), Gateway)
    del arguments[name]
    with pytest.raises(TypeError):
        Gateway(**arguments)


def test_a_gateway_is_not_subclassed() -> None:
    with pytest.raises(TypeError):
        type("Lenient", (Gateway,), {})


def test_a_gateway_of_the_system_clock_works() -> None:
    now = int(time.time())
    publisher = StatusPublisher(uri=STATUS_URI, size=8)
    statuses = StatusStore(anchors=status_anchors())
    token = publisher.publish(key("status"), now=now, ttl_s=60, expires_s=60)
    statuses.ingest(STATUS_URI, token, media_type="application/statuslist+jwt", now=now)
    gateway = Gateway(
        audience=AUDIENCE,
        external_url=ORIGIN,
        anchors=anchors(not_after=2**40),
        policy=AdmissionPolicy.from_toml('version = 1\n[[rule]]\nresource = "*"\nnationality = ["US"]'),
        ticket_keys=[SECRET],
        statuses=statuses,
        replay=MemoryReplayGuard(),
    )
    world = World()
    # Not the second from before: the gateway takes no proof that is older than itself.
    world.gateway, world.statuses, world.clock.now = gateway, statuses, int(time.time())
    alice = world.wallet(short_lived=True, lifetime_s=600)
    allowed(world.ask(alice, world.ticket(alice), "anything"))
    assert ISSUER.startswith("https://")


def test_nothing_of_a_gateway_is_replaced_but_by_reload() -> None:
    # Another store in the place of `statuses` would be fed by whoever fetches, and asked by nobody.
    world = World()
    gateway, statuses = world.gateway, world.gateway.statuses
    for name in ("statuses", "external_url", "limits", "admission_path", "policy", "anything"):
        with pytest.raises(AttributeError):
            setattr(gateway, name, None)
        with pytest.raises(AttributeError):
            delattr(gateway, name)
    gateway.reload(policy=policy(STRICT_POLICY))
    assert gateway.statuses is statuses
