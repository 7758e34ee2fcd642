"""Challenges: made without memory, recognised by the whole fleet, worth nothing for another sender, and used once.

Spec: DESIGN section 4 (challenge); Reasons CHALLENGE_INVALID, CHALLENGE_EXPIRED, REPLAYED, BINDING_TOO_WEAK.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import mdoc_writing
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    AgreementKey,
    Challenge,
    CitizenIDError,
    Format,
    LocalKey,
    MalformedError,
    Reason,
)
from citizenid._model import Handover, HandoverKind
from citizenid.gateway import Admitted, Binding, Deny, Gateway, NeedStatusList
from citizenid.holder import Credential
from citizenid.status import StatusStore

from .senders import Sender
from .world import (
    AUDIENCE,
    DAY,
    ENDPOINT,
    NOW,
    ORIGIN,
    OTHER_SECRET,
    SECRET,
    STATUS_URI,
    STRICT_POLICY,
    Wallet,
    World,
    allowed,
    base64url,
    denied,
    key,
    needed,
    policy,
    request,
    status_anchors,
    unbase64url,
)

INVALID, EXPIRED = Reason.CHALLENGE_INVALID, Reason.CHALLENGE_EXPIRED


def answer(
    world: World,
    wallet: Wallet,
    text: str,
    *,
    presentation: bytes | None = None,
    sender: Any = None,
    proof: bytes | None = None,
    gateway: Gateway | None = None,
) -> Any:
    """Hand in a presentation for a challenge text; a good proof by the wallet's sender key unless told otherwise."""
    if proof is None:
        proof = world.proof(sender or wallet.sender, url=ORIGIN + ENDPOINT)
    return (gateway or world.gateway).admit(
        b"nothing was read" if presentation is None else presentation,
        format=Format.SD_JWT_VC,
        challenge=text,
        request=request(path=ENDPOINT, proof=proof),
    )


# --- what is recognised ---


def test_a_challenge_is_answered_once_and_gives_a_ticket() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    assert (challenge.audience, challenge.max_age_s) == (AUDIENCE, 300)
    admitted = answer(world, alice, challenge.to_text(), presentation=world.present(alice, challenge))
    assert isinstance(admitted, Admitted)
    allowed(world.ask(alice, admitted.ticket))


def test_no_two_challenges_are_alike() -> None:
    world = World()
    thumbprint = key("anybody").public.thumbprint
    assert len({world.gateway.challenge(sender=thumbprint).nonce for _ in range(100)}) == 100


def test_any_gateway_of_the_fleet_recognises_a_challenge() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.another_gateway().challenge(sender=alice.sender.public.thumbprint)
    assert isinstance(answer(world, alice, challenge.to_text(), presentation=world.present(alice, challenge)), Admitted)


def test_challenges_survive_a_rotation_of_keys_with_overlap_only() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    presentation = world.present(alice, challenge)
    world.gateway.reload(ticket_keys=[OTHER_SECRET])
    denied(answer(world, alice, challenge.to_text(), presentation=presentation), INVALID, "challenge")
    world.gateway.reload(ticket_keys=[OTHER_SECRET, SECRET])
    assert isinstance(answer(world, alice, challenge.to_text(), presentation=presentation), Admitted)


def test_a_challenge_of_another_fleet_or_audience_is_refused() -> None:
    world = World()
    alice = world.wallet()
    thumbprint = alice.sender.public.thumbprint
    strangers = [
        world.another_gateway(ticket_keys=[OTHER_SECRET]),
        world.another_gateway(audience="https://other.example"),
        world.another_gateway(audience=AUDIENCE + "/"),
    ]
    for stranger in strangers:
        denied(answer(world, alice, stranger.challenge(sender=thumbprint).to_text()), INVALID, "challenge")
        # The same nonce under our name: the audience is inside the MAC as well.
        renamed = Challenge(AUDIENCE, stranger.challenge(sender=thumbprint).nonce)
        denied(answer(world, alice, renamed.to_text()), INVALID, "challenge")


def test_a_challenge_ends_at_its_second() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    world.wait(299)
    last = answer(world, alice, challenge.to_text(), presentation=world.present(alice, challenge))
    assert isinstance(last, Admitted)
    other = World()
    challenge = other.challenge(alice.sender)
    other.wait(300)
    denied(answer(other, alice, challenge.to_text()), EXPIRED, "challenge")


def test_the_age_that_the_caller_states_is_ignored() -> None:
    world = World(challenge_lifetime_s=60)
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    longer = Challenge(AUDIENCE, challenge.nonce, 86_400)
    presentation = world.present(alice, longer)
    world.wait(59)
    assert isinstance(answer(world, alice, longer.to_text(), presentation=presentation), Admitted)
    challenge = world.challenge(alice.sender)
    longer = Challenge(AUDIENCE, challenge.nonce, 86_400)
    world.wait(60)
    denied(answer(world, alice, longer.to_text()), EXPIRED, "challenge")


def test_a_key_binding_made_long_before_the_challenge_is_stale() -> None:
    # The gateway's own age counts for the key binding too, whatever the challenge text says.
    world = World(challenge_lifetime_s=60)
    alice = world.wallet()
    challenge = Challenge(AUDIENCE, world.challenge(alice.sender).nonce, 86_400)
    old = alice.credential.present(["nationalities"], challenge=challenge, key=alice.key, peer=AUDIENCE, now=NOW - 61)
    denied(answer(world, alice, challenge.to_text(), presentation=old), Reason.KEY_BINDING_STALE, "V7")


# --- what is refused ---


@given(st.integers(0, 54 * 8 - 1))
def test_any_flipped_bit_of_the_nonce_is_noticed(bit: int) -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    assert isinstance(challenge.nonce, str)
    nonce = bytearray(unbase64url(challenge.nonce))
    assert len(nonce) == 54
    nonce[bit // 8] ^= 1 << bit % 8
    forged = Challenge(AUDIENCE, base64url(bytes(nonce)).decode())
    refusal = answer(world, alice, forged.to_text())
    # A later expiry is not believed, an earlier one may have passed: in either case nothing was read.
    assert isinstance(refusal, Deny)
    if 8 <= bit < 16:  # the kind: of another binding the proof is wanted, and it is not there
        assert refusal.reason in {INVALID, Reason.PROOF_MISSING}
    else:
        assert refusal.reason in {INVALID, EXPIRED}
    if not 8 <= bit < 48:
        assert refusal.reason is INVALID


@given(
    st.text(max_size=80)
    | st.binary(max_size=80)
    | st.none()
    | st.integers()
    | st.from_regex(r"1\.300\.[sb][\w-]{8,90}\.[\w-]+", fullmatch=True)
)
def test_anything_else_is_no_challenge(text: Any) -> None:
    world = World()
    denied(answer(world, world.wallet(short_lived=True, lifetime_s=60), text), INVALID, "challenge")


@given(st.binary(max_size=80))
def test_no_other_nonce_is_recognised(nonce: bytes) -> None:
    world = World()
    alice = world.wallet(short_lived=True, lifetime_s=60)
    for spelled in (base64url(nonce).decode(), nonce):
        if 8 <= len(spelled) <= 512:
            refusal = answer(world, alice, Challenge(AUDIENCE, spelled).to_text())
            assert isinstance(refusal, Deny)
            assert refusal.reason in {INVALID, EXPIRED}


@pytest.mark.parametrize(("place", "value"), [(0, 0), (0, 2), (0, 255), (1, 4), (1, 255)])
def test_another_version_or_kind_is_refused(place: int, value: int) -> None:
    world = World()
    alice = world.wallet()
    nonce = bytearray(unbase64url(str(world.challenge(alice.sender).nonce)))
    nonce[place] = value
    denied(answer(world, alice, Challenge(AUDIENCE, base64url(bytes(nonce)).decode()).to_text()), INVALID, "challenge")


def test_a_challenge_has_one_spelling() -> None:
    world = World()
    alice = world.wallet()
    text = world.challenge(alice.sender).to_text()
    version, age, nonce, audience = text.split(".")
    for other in (
        f"2.{age}.{nonce}.{audience}",
        f"1.0{age}.{nonce}.{audience}",
        f"1.+{age}.{nonce}.{audience}",
        f"1.{age}.b{nonce[1:]}.{audience}",
        f"1.{age}.{nonce}=.{audience}",
        f"1.{age}.{nonce}.{audience}=",
        f" {text}",
        f"{text}\n",
        f"{text}.",
        text.upper(),
    ):
        denied(answer(world, alice, other), INVALID, "challenge")
    assert version == "1"


def test_what_is_refused_before_the_presentation_is_not_read() -> None:
    # The presentation would be refused at V1; the challenge is looked at first.
    world = World()
    alice = world.wallet()
    denied(answer(world, alice, "no challenge", presentation=b"garbage"), INVALID, "challenge")
    good = world.challenge(alice.sender).to_text()
    denied(answer(world, alice, good, presentation=b"garbage"), Reason.MALFORMED_TOKEN, "V1")


# --- relay: for whom a challenge was made ---


def test_a_relayed_presentation_becomes_no_ticket_for_the_thief() -> None:
    # The victim answers her own challenge; the thief is faster and hands it in with a proof by his own key.
    world = World()
    victim, thief = world.wallet("victim"), world.wallet("thief", ["FR"])
    challenge = world.challenge(victim.sender)
    presentation = world.present(victim, challenge)
    refusal = answer(world, victim, challenge.to_text(), presentation=presentation, sender=thief.sender)
    denied(refusal, INVALID, "challenge")
    # It used nothing up: the victim is admitted.
    assert isinstance(answer(world, victim, challenge.to_text(), presentation=presentation), Admitted)


def test_a_presentation_relayed_with_its_proof_becomes_a_ticket_for_the_victim_alone() -> None:
    world = World()
    victim, thief = world.wallet("victim"), world.wallet("thief", ["FR"])
    challenge = world.challenge(victim.sender)
    presentation = world.present(victim, challenge)
    proof = world.proof(victim.sender, url=ORIGIN + ENDPOINT)
    admitted = answer(world, victim, challenge.to_text(), presentation=presentation, proof=proof)
    assert isinstance(admitted, Admitted)
    stolen = request(admitted.ticket, world.proof(thief.sender, admitted.ticket))
    denied(world.gateway.authorize(stolen, resource="us-nationals"), Reason.PROOF_KEY_MISMATCH, "proof")


def test_a_wallet_does_not_answer_a_challenge_that_a_thief_passes_on() -> None:
    # Made for the thief's key, so a presentation for it would be his ticket. The wallet knows with whom it speaks.
    world = World()
    victim, thief = world.wallet("victim"), world.wallet("thief", ["FR"])
    challenge = world.challenge(thief.sender)
    credential: Credential = victim.credential
    with pytest.raises(CitizenIDError) as caught:
        credential.present(
            ["nationalities"], challenge=challenge, key=victim.key, peer="https://thief.example", now=NOW
        )
    assert caught.value.reason is Reason.PEER_MISMATCH


def test_a_presentation_for_one_challenge_does_not_answer_another() -> None:
    world = World()
    victim, thief = world.wallet("victim"), world.wallet("thief", ["FR"])
    presentation = world.present(victim, world.challenge(victim.sender))
    refusal = answer(world, thief, world.challenge(thief.sender).to_text(), presentation=presentation)
    denied(refusal, Reason.NONCE_MISMATCH, "V7")


def test_a_presentation_to_somebody_else_does_not_count_here() -> None:
    world = World()
    alice = world.wallet()
    nonce = world.challenge(alice.sender).nonce
    elsewhere = Challenge("https://other.example", nonce)
    presentation = alice.credential.present(
        ["nationalities"], challenge=elsewhere, key=alice.key, peer="https://other.example", now=NOW
    )
    here = Challenge(AUDIENCE, nonce)
    denied(answer(world, alice, here.to_text(), presentation=presentation), Reason.AUDIENCE_MISMATCH, "V7")


def test_a_challenge_for_a_key_needs_its_proof() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    refusal = world.gateway.admit(
        world.present(alice, challenge),
        format=Format.SD_JWT_VC,
        challenge=challenge.to_text(),
        request=request(path=ENDPOINT),
    )
    denied(refusal, Reason.PROOF_MISSING, "proof")


def test_a_challenge_for_a_key_does_not_become_one_for_bearer() -> None:
    # The kind of binding is a byte of the nonce, in front of the MAC: changing it breaks the MAC.
    world = World()
    alice = world.wallet()
    for made_for, kind in ((alice.sender, 0), (None, 1)):
        made = world.challenge(made_for)
        assert isinstance(made.nonce, str)
        nonce = bytearray(unbase64url(made.nonce))
        nonce[1] = kind
        forged = Challenge(AUDIENCE, base64url(bytes(nonce)).decode())
        denied(answer(world, alice, forged.to_text()), INVALID, "challenge")


def test_the_sender_key_may_be_the_holder_key() -> None:
    world = World()
    alice = world.wallet()
    alice.sender = alice.key
    allowed(world.ask(alice, world.ticket(alice)))


def test_one_proof_admits_once() -> None:
    world = World()
    alice = world.wallet()
    proof = world.proof(alice.sender, url=ORIGIN + ENDPOINT)
    one, two = world.challenge(alice.sender), world.challenge(alice.sender)
    assert isinstance(
        answer(world, alice, one.to_text(), presentation=world.present(alice, one), proof=proof), Admitted
    )
    denied(
        answer(world, alice, two.to_text(), presentation=world.present(alice, two), proof=proof),
        Reason.REPLAYED,
        "replay",
    )


# --- once ---


def test_a_challenge_is_used_once() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    presentation = world.present(alice, challenge)
    assert isinstance(answer(world, alice, challenge.to_text(), presentation=presentation), Admitted)
    refusal = answer(world, alice, challenge.to_text(), presentation=presentation)
    denied(refusal, Reason.REPLAYED, "replay")
    assert refusal.where == "challenge"
    # Nor by another presentation for it, nor until it has expired.
    denied(
        answer(world, alice, challenge.to_text(), presentation=world.present(alice, challenge)),
        Reason.REPLAYED,
        "replay",
    )
    world.wait(299)
    denied(
        answer(world, alice, challenge.to_text(), presentation=world.present(alice, challenge)),
        Reason.REPLAYED,
        "replay",
    )


def test_of_many_threads_with_one_challenge_exactly_one_is_admitted() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    presentation = world.present(alice, challenge)
    start = threading.Barrier(6)
    results: list[Any] = []

    def run() -> None:
        proof = world.proof(alice.sender, url=ORIGIN + ENDPOINT)
        start.wait()
        results.append(answer(world, alice, challenge.to_text(), presentation=presentation, proof=proof))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refusals = [result for result in results if isinstance(result, Deny)]
    assert len(results) == 6
    assert [refusal.reason for refusal in refusals] == [Reason.REPLAYED] * 5


def test_a_refused_presentation_does_not_use_the_challenge_up() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    presentation = world.present(alice, challenge)
    forged = presentation[:-86] + base64url(bytes(64))
    denied(answer(world, alice, challenge.to_text(), presentation=forged), Reason.SIGNATURE_INVALID, "V8")
    assert isinstance(answer(world, alice, challenge.to_text(), presentation=presentation), Admitted)


def test_the_same_presentation_may_come_again_after_a_need_for_a_status_list() -> None:
    world = World()
    world.statuses = StatusStore(anchors=status_anchors())
    world.gateway = world.another_gateway(statuses=world.statuses)
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    presentation = world.present(alice, challenge)
    assert answer(world, alice, challenge.to_text(), presentation=presentation) == NeedStatusList(STATUS_URI)
    assert world.statuses.due(NOW) == (STATUS_URI,)
    world.publish()
    assert isinstance(answer(world, alice, challenge.to_text(), presentation=presentation), Admitted)
    denied(answer(world, alice, challenge.to_text(), presentation=presentation), Reason.REPLAYED, "replay")


def test_a_used_challenge_is_remembered_as_long_as_anybody_takes_it() -> None:
    # While the fleet changes its lifetime, one gateway makes challenges that live longer than another one's memory.
    world = World(challenge_lifetime_s=300)
    alice = world.wallet()
    shorter = world.another_gateway(challenge_lifetime_s=60)
    challenge = world.challenge(None)
    world.clock.now = NOW + 25  # a wallet whose clock is ahead: its answer stays young for longer
    presentation = world.present(alice, challenge)
    world.clock.now = NOW
    asked = request(path=ENDPOINT)

    def admit() -> Any:
        return shorter.admit(presentation, format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=asked)

    assert isinstance(admit(), Admitted)
    world.wait(80)
    denied(admit(), Reason.REPLAYED, "replay")


# --- bearer ---


def test_a_bearer_challenge_gives_a_ticket_that_serves_bearer_rules_alone() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice, bearer=True)
    allowed(world.gateway.authorize(request(ticket), resource="weak"))
    needed(world.gateway.authorize(request(ticket), resource="us-nationals"), Reason.BINDING_TOO_WEAK)
    # A proof beside a bearer ticket makes it no stronger.
    needed(world.ask(alice, ticket, "us-nationals"), Reason.BINDING_TOO_WEAK)


def test_a_bearer_challenge_is_used_once() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(None)
    presentation = world.present(alice, challenge)
    how: dict[str, Any] = {"format": "dc+sd-jwt", "challenge": challenge.to_text(), "request": request(path=ENDPOINT)}
    assert isinstance(world.gateway.admit(presentation, **how), Admitted)
    denied(world.gateway.admit(presentation, **how), Reason.REPLAYED, "replay")


def test_without_a_bearer_rule_there_is_no_bearer_challenge() -> None:
    world = World(STRICT_POLICY)
    with pytest.raises(CitizenIDError) as caught:
        world.challenge(None)
    assert (caught.value.reason, caught.value.where) == (Reason.BINDING_TOO_WEAK, "challenge")
    world.gateway.reload(policy=policy())
    assert world.challenge(None).audience == AUDIENCE


def test_a_rule_for_anyone_permits_no_bearer() -> None:
    world = World('version = 1\n[[rule]]\nresource = "a"\nanyone = true')
    with pytest.raises(CitizenIDError) as caught:
        world.challenge(None)
    assert caught.value.reason is Reason.BINDING_TOO_WEAK


def test_a_bound_ticket_needs_its_proof_even_where_bearer_would_do() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    denied(world.gateway.authorize(request(ticket), resource="weak"), Reason.PROOF_MISSING, "proof")
    allowed(world.ask(alice, ticket, "weak"))


# --- how the wallet is asked ---

MDOC = Format.MDOC
THUMBPRINT = b"t" * 32
ASKED = {
    "dc_api": Handover(),
    "dc_api, encrypted": Handover(HandoverKind.DC_API, None, THUMBPRINT),
    "openid4vp": Handover(HandoverKind.OPENID4VP, "https://gateway.example/answer"),
    "openid4vp, encrypted": Handover(HandoverKind.OPENID4VP, "https://gateway.example/answer", THUMBPRINT),
    "dc_api_draft_24": Handover(HandoverKind.DC_API_DRAFT_24, client_id="x509_san_dns:gateway.example"),
}


def mdoc_world(**options: Any) -> World:
    return World(anchors=mdoc_writing.trusted(), **options)


def mdoc_answer(world: World, challenge: Challenge, holder: LocalKey | AgreementKey, *, text: str | None = None) -> Any:
    """Issue an mdoc to a holder, answer the challenge with it, and hand that in for `text`, or for the challenge."""
    stated = mdoc_writing.attestation(holder_key=holder.public, status=(world.publisher.allocate(),))
    credential = Credential.receive(
        mdoc_writing.door().issue(stated, format=MDOC), format=MDOC, anchors=mdoc_writing.trusted(), now=NOW
    )
    shown = credential.present([mdoc_writing.OURS], challenge=challenge, key=holder, peer=AUDIENCE, now=NOW)
    sender = key("sender of mdocs")
    return world.gateway.admit(
        shown,
        format=MDOC,
        challenge=text or challenge.to_text(),
        request=request(path=ENDPOINT, proof=world.proof(sender, url=ORIGIN + ENDPOINT)),
    )


def asks(world: World, name: str) -> Challenge:
    return world.gateway.challenge(sender=key("sender of mdocs").public.thumbprint, handover=ASKED[name])


@pytest.mark.parametrize("name", ASKED)
def test_a_wallet_signs_the_handover_by_which_it_was_asked(name: str) -> None:
    world = mdoc_world()
    challenge = asks(world, name)
    assert challenge.handover == ASKED[name]
    assert isinstance(mdoc_answer(world, challenge, key("holder")), Admitted)
    denied(mdoc_answer(world, challenge, key("holder")), Reason.REPLAYED, "replay")
    for other in ASKED:
        if other != name:  # what it signed for another protocol does not count, with a challenge of our own making
            elsewhere = Challenge(AUDIENCE, asks(world, name).nonce, handover=ASKED[other])
            here = Challenge(AUDIENCE, elsewhere.nonce, handover=ASKED[name])
            refusal = mdoc_answer(world, elsewhere, key("holder"), text=here.to_text())
            denied(refusal, Reason.SIGNATURE_INVALID, "V8")


@pytest.mark.parametrize("name", ASKED)
def test_a_challenge_for_one_handover_is_none_for_another(name: str) -> None:
    world = mdoc_world()
    nonce = asks(world, name).nonce
    for other, handover in ASKED.items():
        if other != name:
            renamed = Challenge(AUDIENCE, nonce, handover=handover)
            denied(mdoc_answer(world, renamed, key("holder")), INVALID, "challenge")
    moved = Handover(HandoverKind.OPENID4VP, "https://thief.example/answer")
    denied(mdoc_answer(world, Challenge(AUDIENCE, nonce, handover=moved), key("holder")), INVALID, "challenge")


def test_a_format_without_a_session_transcript_is_held_to_the_handover_too() -> None:
    world = World()
    alice = world.wallet()
    challenge = world.gateway.challenge(sender=alice.sender.public.thumbprint, handover=ASKED["openid4vp"])
    presentation = world.present(alice, challenge)
    plain = Challenge(AUDIENCE, challenge.nonce)
    denied(answer(world, alice, plain.to_text(), presentation=presentation), INVALID, "challenge")
    assert isinstance(answer(world, alice, challenge.to_text(), presentation=presentation), Admitted)


def test_a_wallet_may_answer_with_a_mac_where_the_gateway_has_a_reader_key() -> None:
    reader, device = AgreementKey.generate("P-256"), AgreementKey.generate("P-256")
    world = mdoc_world(reader_key=reader)
    for name in ASKED:
        challenge = asks(world, name)
        assert challenge.reader_key is reader
        assert isinstance(mdoc_answer(world, challenge, device), Admitted)
    # A MAC for somebody else's key, who then hands it on.
    challenge = asks(world, "dc_api")
    for other in (AgreementKey.generate("P-256").public, AgreementKey.generate("P-256")):
        stranger = Challenge(AUDIENCE, challenge.nonce, reader_key=other)
        denied(mdoc_answer(world, stranger, device), Reason.SIGNATURE_INVALID, "V8")
    # A wallet that signs is as welcome as before.
    assert isinstance(mdoc_answer(world, asks(world, "dc_api"), key("holder")), Admitted)


def test_without_a_reader_key_a_mac_proves_nothing() -> None:
    reader, device = AgreementKey.generate("P-256"), AgreementKey.generate("P-256")
    world = mdoc_world()
    challenge = asks(world, "dc_api")
    assert challenge.reader_key is None
    keyed = Challenge(AUDIENCE, challenge.nonce, reader_key=reader)
    denied(mdoc_answer(world, keyed, device), Reason.READER_KEY_MISSING, "V7")


# --- what the caller of `challenge` gets wrong ---


@pytest.mark.parametrize("sender", [b"", bytes(32), bytes(31), bytes(33), "x" * 32, bytearray(b"x" * 32), 5])
def test_a_sender_is_a_thumbprint(sender: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World().gateway.challenge(sender=sender)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "challenge.sender")


@pytest.mark.parametrize(
    "handover",
    [
        Handover(HandoverKind.ISO_18013_7_2024, "https://a/r", mdoc_generated_nonce="nonce"),
        Handover(HandoverKind.TRANSCRIPT, transcript=b"\x83\xf6\xf6\xf6"),
        ("dc_api", None, None, None, None, None),
        "dc_api",
        HandoverKind.DC_API,
    ],
)
def test_a_wallet_is_asked_in_a_way_in_which_it_signs_our_nonce(handover: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World().gateway.challenge(sender=key("anybody").public.thumbprint, handover=handover)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "challenge.handover")


def test_a_transcript_of_the_callers_own_is_no_handover_of_a_challenge() -> None:
    # Nobody made a MAC for it; and what a wallet signed at another counter could be handed in under our nonce.
    world = mdoc_world()
    for handover in (
        Handover(HandoverKind.TRANSCRIPT, transcript=b"\x83\xf6\xf6\xf6"),
        Handover(HandoverKind.ISO_18013_7_2024, "https://a/r", mdoc_generated_nonce="nonce"),
    ):
        forged = Challenge(AUDIENCE, asks(world, "dc_api").nonce, handover=handover)
        denied(mdoc_answer(world, forged, key("holder")), INVALID, "challenge")


def test_a_handover_that_is_not_complete_makes_no_challenge() -> None:
    for handover in (Handover(HandoverKind.OPENID4VP), Handover(HandoverKind.DC_API, "https://a/r")):
        with pytest.raises(MalformedError) as caught:
            World().gateway.challenge(sender=key("anybody").public.thumbprint, handover=handover)
        assert (caught.value.reason, caught.value.where) == (INVALID, "challenge.handover")


@pytest.mark.parametrize("reader_key", [key("reader"), key("reader").public, b"key", object()])
def test_a_reader_key_is_private_and_for_agreement(reader_key: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World(reader_key=reader_key)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "gateway.reader_key")


@pytest.mark.parametrize("format_", ["", "dc+sd-jwt ", "DC+SD-JWT", "mso-mdoc", None, 5, [], b"dc+sd-jwt"])
def test_a_format_is_named_exactly(format_: Any) -> None:
    world = World()
    alice = world.wallet()
    challenge = world.challenge(alice.sender)
    refusal = world.gateway.admit(
        world.present(alice, challenge),
        format=format_,
        challenge=challenge.to_text(),
        request=request(path=ENDPOINT, proof=world.proof(alice.sender, url=ORIGIN + ENDPOINT)),
    )
    denied(refusal, Reason.REQUEST_INVALID, "request")


def test_the_text_of_a_challenge_reads_back() -> None:
    for challenge in (World().challenge(key("anybody")), Challenge("a" * 2_048, b"\0" * 8, 1)):
        assert Challenge.from_text(challenge.to_text()) == challenge
    with pytest.raises(MalformedError):
        Challenge.from_text("1.300.s")


# --- the clock goes back ---


def asked(world: World, sender: Sender) -> tuple[Challenge, Callable[[], Any]]:
    """Ask for a challenge for a sender, and return it with what answers it, each time with a proof of that moment."""
    binding = None if sender.binding is Binding.BEARER else sender.binding
    challenge = world.gateway.challenge(sender=sender.thumbprint, binding=binding)
    shown = world.present(world.anybody(), challenge)

    def hand_in() -> Any:
        of_now = sender.request(world, path=ENDPOINT)
        return world.gateway.admit(shown, format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=of_now)

    return challenge, hand_in


def signs(binding: Binding) -> bool:
    """Whether a fresh signature comes with an answer, whose age is looked at first."""
    return binding in (Binding.DPOP, Binding.HTTP_SIGNATURE)


def over(result: Any, proof_is_stale: bool) -> None:
    denied(result, *(Reason.PROOF_STALE, "proof") if proof_is_stale else (EXPIRED, "challenge"))


@pytest.mark.parametrize("binding", Binding)
def test_a_challenge_that_has_ended_has_ended_wherever_the_clock_goes(binding: Binding) -> None:
    # I-39. No proof was seen meanwhile, so that none is refused for the step.
    world = World()
    _, hand_in = asked(world, Sender(binding))
    world.wait(300)
    denied(hand_in(), EXPIRED, "challenge")
    world.step_wall_clock(-290)
    denied(hand_in(), EXPIRED, "challenge")
    world.wait(100)
    denied(hand_in(), EXPIRED, "challenge")


@pytest.mark.parametrize("binding", Binding)
@pytest.mark.parametrize("quiet_s", [306, 3_600, DAY])
def test_a_challenge_that_was_answered_and_forgotten_is_not_answered_again(binding: Binding, quiet_s: int) -> None:
    # I-15, T-5. The guard forgets by monotonic time, while nobody asks; then the wall clock is set back.
    world = World(ticket_lifetime_s=DAY)
    _, hand_in = asked(world, Sender(binding))
    assert isinstance(hand_in(), Admitted)
    world.wait(quiet_s)
    world.step_wall_clock(-quiet_s)
    for proof_is_stale in (signs(binding), False, False):  # for the skew, after the last that was seen
        over(hand_in(), proof_is_stale)
        world.wait(60)


@pytest.mark.parametrize("binding", Binding)
def test_many_short_steps_back_are_as_good_as_a_long_one(binding: Binding) -> None:
    world = World(ticket_lifetime_s=DAY)
    _, hand_in = asked(world, Sender(binding))
    assert isinstance(hand_in(), Admitted)
    for _ in range(5):
        world.wait(100)
        world.step_wall_clock(-100)
        over(hand_in(), signs(binding))
    world.wait(60)
    over(hand_in(), False)


@pytest.mark.parametrize("binding", Binding)
def test_when_the_clock_has_passed_its_old_mark_challenges_are_answered_again(binding: Binding) -> None:
    world = World()
    _, before = asked(world, Sender(binding))
    world.wait(100)
    world.step_wall_clock(-50)
    denied(before(), EXPIRED, "challenge")
    world.wait(50)
    denied(asked(world, Sender(binding))[1](), EXPIRED, "challenge")
    world.wait(1)
    assert isinstance(asked(world, Sender(binding))[1](), Admitted)


@pytest.mark.parametrize("binding", [each for each in Binding if each is not Binding.BEARER])
def test_a_step_forward_and_a_process_that_begins_end_no_challenge(binding: Binding) -> None:
    world = World()
    challenge, hand_in = asked(world, Sender(binding))
    world.wait(5)
    world.gateway = world.another_gateway()
    world.step_wall_clock(60)
    assert isinstance(hand_in(), Admitted), challenge
