"""DPoP nonces: asked for when required, of this sender, of now, and never needed again once they were not.

Spec: RFC 9449 sections 8, 9, 11.3; specs/profile-dpop.md section 8.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, Reason
from citizenid.gateway import Admitted, Binding, Deny, DPoPNonces, NeedPresentation, Request, nonces
from citizenid.gateway.nonces import NonceKeys, OwnNonces

from .senders import Sender, anybody
from .world import AUDIENCE, ENDPOINT, NOW, OTHER_SECRET, SECRET, Wallet, World, allowed, denied, header_of, needed

FLEET: Final = DPoPNonces.OF_THE_FLEET
PROCESS: Final = DPoPNonces.OF_THIS_PROCESS
REQUIRED: Final = [FLEET, PROCESS]
SENDER: Final = Sender(Binding.DPOP)
STRETCH: Final = 150
KEYS: Final = NonceKeys((SECRET,), AUDIENCE)
THUMBPRINT: Final = bytes(range(32))


def asked_for(result: Any) -> str:
    """Take the nonce from the answer of a request that had none, as a client does."""
    assert type(result) is Deny, result
    answer = result.http()
    assert answer.status == 401
    assert header_of(answer, b"www-authenticate").startswith(b'DPoP error="use_dpop_nonce", algs="ES256 ')
    nonce = header_of(answer, b"dpop-nonce").decode()
    assert result.dpop_nonce is not None and len(nonce) == 27
    return nonce


def admitted(world: World, wallet: Wallet | None = None) -> tuple[str, str]:
    """Be admitted by two steps: once to be told the nonce, and once with it. Returns ticket and nonce."""
    wallet = wallet or anybody(world)
    nonce = asked_for(SENDER.apply(world, wallet))
    result = SENDER.apply(world, wallet, nonce=nonce)
    assert type(result) is Admitted, result
    return result.ticket, nonce


def ask(world: World, ticket: str, nonce: str | None, gateway: Any = None) -> Any:
    asked = SENDER.request(world, ticket, nonce=nonce)
    return (gateway or world.gateway).authorize(asked, resource="us-nationals")


# --- the mode ---


def test_headers_that_can_be_read_once_are_told_the_nonce_at_every_door() -> None:
    # Servers hand out generators. What is refused for want of a nonce must be told one, or nobody is ever admitted.
    world = World(dpop_nonces=FLEET)
    wallet = anybody(world)
    ticket, _ = admitted(world, wallet)

    def once(asked: Request) -> Request:
        return asked._replace(headers=iter(list(asked.headers)))

    used, gateway = once(SENDER.request(world, ticket)), world.gateway
    asked_for(gateway.authorize(used, resource="us-nationals"))
    asked_for(gateway.renew(once(SENDER.request(world, ticket))))
    asked_for(gateway.sign_out(once(SENDER.request(world, ticket))))
    challenge = gateway.challenge(sender=SENDER.thumbprint)
    shown = world.present(wallet, challenge)
    at_admission = SENDER.request(world, path=ENDPOINT)
    asked_for(gateway.admit(shown, format=wallet.format, challenge=challenge.to_text(), request=once(at_admission)))
    body = {"format": wallet.format, "challenge": challenge.to_text(), "presentation": shown.decode()}
    answer = gateway.admit_http(once(at_admission), json.dumps(body).encode())
    assert len(header_of(answer, b"dpop-nonce")) == 27


@pytest.mark.parametrize("error", [ValueError, TypeError, AttributeError])
def test_headers_that_fail_on_the_way_admit_nobody(error: type[Exception]) -> None:
    def failing() -> Iterator[tuple[bytes, bytes]]:
        yield b"host", b"gateway.example"
        raise error

    world = World()
    wallet = anybody(world)
    challenge = world.gateway.challenge(sender=SENDER.thumbprint)
    asked = SENDER.request(world, path=ENDPOINT)._replace(headers=failing())
    shown = world.present(wallet, challenge)
    result = world.gateway.admit(shown, format=wallet.format, challenge=challenge.to_text(), request=asked)
    denied(result, Reason.REQUEST_INVALID, "request")


def test_none_is_asked_for_by_default_and_one_that_comes_is_passed_over() -> None:
    world = World()
    ticket = SENDER.ticket(world)
    for nonce in (None, "whatever"):
        assert allowed(ask(world, ticket, nonce)).dpop_nonce is None


@pytest.mark.parametrize("mode", REQUIRED)
def test_where_one_is_required_it_is_required_everywhere(mode: DPoPNonces) -> None:
    world = World(dpop_nonces=mode)
    ticket, nonce = admitted(world)
    allowed(ask(world, ticket, nonce))
    denied(ask(world, ticket, None), Reason.PROOF_NONCE_MISSING, "proof")
    for door in (world.gateway.renew, world.gateway.sign_out):
        denied(door(SENDER.request(world, ticket)), Reason.PROOF_NONCE_MISSING, "proof")
    # RFC 9449 section 11.3: that there was one before does not help, nor that there never was.
    allowed(ask(world, ticket, nonce))
    denied(ask(world, ticket, None), Reason.PROOF_NONCE_MISSING, "proof")


@pytest.mark.parametrize("mode", REQUIRED)
def test_other_proofs_need_none(mode: DPoPNonces) -> None:
    world = World(dpop_nonces=mode)
    for binding in (Binding.MTLS, Binding.HTTP_SIGNATURE, Binding.BEARER):
        allowed(Sender(binding).ask(world, Sender(binding).ticket(world)))


@pytest.mark.parametrize("nonce", ["", "x", "x" * 27, "A" * 27, "x" * 10_000, 5, True, ["x"], {}])
def test_what_is_no_nonce_is_refused(nonce: Any) -> None:
    world = World(dpop_nonces=FLEET)
    ticket, _ = admitted(world)
    result = ask(world, ticket, nonce)
    assert result.dpop_nonce is not None
    denied(result, Reason.PROOF_NONCE_MISMATCH, "proof")


def test_that_of_another_client_is_refused() -> None:
    # DPO-018: missing, wrong, over, of another client.
    world = World(dpop_nonces=FLEET)
    ticket, _ = admitted(world)
    other = asked_for(Sender(Binding.DPOP, "other").apply(world, anybody(world)))
    denied(ask(world, ticket, other), Reason.PROOF_NONCE_MISMATCH, "proof")


def test_nodes_of_a_fleet_take_each_others_and_processes_take_their_own() -> None:
    for mode, taken in ((FLEET, True), (PROCESS, False)):
        world = World(dpop_nonces=mode)
        ticket, nonce = admitted(world)
        result = ask(world, ticket, nonce, world.another_gateway())
        allowed(result) if taken else denied(result, Reason.PROOF_NONCE_MISMATCH, "proof")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the process is forked")
def test_a_process_that_was_forked_takes_its_own_alone() -> None:
    # It has a memory of its own from then on: one proof would count in each of them.
    world = World(dpop_nonces=PROCESS)
    ticket, nonce = admitted(world)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            told = denied(ask(world, ticket, nonce), Reason.PROOF_NONCE_MISMATCH, "proof").dpop_nonce
            again = denied(ask(world, ticket, nonce), Reason.PROOF_NONCE_MISMATCH, "proof").dpop_nonce
            assert told == again is not None
            allowed(ask(world, ticket, told))
            code = 7
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    allowed(ask(world, ticket, nonce))


def test_processes_whose_random_source_was_forked_have_no_nonce_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(range(1, 1_000))
    own = OwnNonces(lambda size: next(drawn).to_bytes(size, "big"), AUDIENCE)
    made = {own.current().make(THUMBPRINT, NOW)}
    for number in range(1, 4):
        drawn = iter(range(1, 1_000))  # each goes on from where its parent was
        monkeypatch.setattr(nonces, "getpid", lambda number=number: number)
        made.add(own.current().make(THUMBPRINT, NOW))
    assert len(made) == 4


def failing(size: int) -> bytes:
    raise OSError


@pytest.mark.parametrize("drawn", [b"", b"short", bytes(33), None, 32])
def test_a_source_that_gives_no_key_gives_no_nonces(drawn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source: list[Any] = [lambda size: bytes(range(size))]
    own = OwnNonces(lambda size: source[0](size), AUDIENCE)
    monkeypatch.setattr(nonces, "getpid", lambda: 1)
    for source[0] in (lambda size: drawn, failing):
        with pytest.raises(CitizenIDError) as caught:
            own.current()
        assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "gateway.random")


def test_it_survives_a_change_of_keys_with_overlap() -> None:
    world = World(dpop_nonces=FLEET)
    ticket, nonce = admitted(world)
    world.gateway.reload(ticket_keys=[OTHER_SECRET, SECRET])
    allowed(ask(world, ticket, nonce))


@pytest.mark.parametrize("mode", [None, "required", True, 1])
def test_the_mode_is_one_of_the_table(mode: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World(dpop_nonces=mode)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


# --- time ---


def test_the_next_one_is_handed_out_before_the_old_one_ends() -> None:
    world = World(dpop_nonces=FLEET)
    world.wait(STRETCH - world.now % STRETCH)  # the beginning of a stretch
    ticket, nonce = admitted(world)
    world.wait(STRETCH - 1)
    assert allowed(ask(world, ticket, nonce)).dpop_nonce is None
    world.wait(1)
    fresh = allowed(ask(world, ticket, nonce)).dpop_nonce
    assert fresh is not None and fresh != nonce
    world.wait(STRETCH - 1)
    allowed(ask(world, ticket, nonce))  # still good, for one stretch more
    world.wait(1)
    denied(ask(world, ticket, nonce), Reason.PROOF_NONCE_MISMATCH, "proof")
    allowed(ask(world, ticket, fresh))


def test_a_renewal_and_an_admission_hand_it_out_as_well() -> None:
    world = World(dpop_nonces=FLEET)
    world.wait(STRETCH - world.now % STRETCH)
    ticket, nonce = admitted(world)
    world.wait(STRETCH)
    renewed = world.gateway.renew(SENDER.request(world, ticket, nonce=nonce))
    again = SENDER.apply(world, anybody(world), nonce=nonce)
    for result in (renewed, again):
        assert type(result) is Admitted and result.dpop_nonce is not None
        assert header_of(result.http(), b"dpop-nonce").decode() == result.dpop_nonce


def test_a_need_for_a_presentation_hands_it_out_to_who_shows_a_key() -> None:
    world = World(dpop_nonces=FLEET)
    result = world.gateway.authorize(SENDER.request(world), resource="us-nationals")
    nonce = header_of(needed(result, Reason.TICKET_MISSING).http(), b"dpop-nonce").decode()
    assert type(SENDER.apply(world, anybody(world), nonce=nonce)) is Admitted
    bare = world.gateway.authorize(Sender(Binding.BEARER).request(world), resource="us-nationals")
    assert type(bare) is NeedPresentation
    assert b"dpop-nonce" not in dict(bare.http().headers)


@given(st.integers(0, 2**31), st.integers(-1_000, 1_000))
def test_a_nonce_serves_in_its_stretch_and_the_next(made: int, later: int) -> None:
    seen = made + later
    if seen >= 0:
        distance = seen // STRETCH - made // STRETCH
        expected = max(distance, 0) if -1 <= distance <= 1 else None
        assert KEYS.age(KEYS.make(THUMBPRINT, made), THUMBPRINT, seen) == expected  # type: ignore[arg-type]  # seconds


@given(st.integers(0, 26), st.characters(codec="ascii"))
def test_no_character_can_be_changed(place: int, character: str) -> None:
    nonce = KEYS.make(THUMBPRINT, NOW)  # type: ignore[arg-type]  # seconds
    changed = nonce[:place] + character + nonce[place + 1 :]
    assert (KEYS.age(changed, THUMBPRINT, NOW) == 0) is (changed == nonce)  # type: ignore[arg-type]  # seconds


def test_another_key_audience_or_sender_recognises_nothing() -> None:
    nonce = KEYS.make(THUMBPRINT, NOW)  # type: ignore[arg-type]  # seconds
    for keys, sender in (
        (NonceKeys((OTHER_SECRET,), AUDIENCE), THUMBPRINT),
        (NonceKeys((SECRET,), AUDIENCE + "/"), THUMBPRINT),
        (KEYS, bytes(32)),
    ):
        assert keys.age(nonce, sender, NOW) is None  # type: ignore[arg-type]  # seconds


def test_a_refusal_says_nothing_of_the_nonce_that_came() -> None:
    world = World(dpop_nonces=FLEET)
    ticket, _ = admitted(world)
    answer = ask(world, ticket, "secret-value").http()
    assert b"secret-value" not in answer.body + repr(answer.headers).encode()
    assert json.loads(answer.body)["reason"] == "proof_nonce_mismatch"
