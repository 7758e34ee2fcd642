"""Sign-outs: a session that has ended is over at the next request, in all of its tickets, and stays so.

Spec: specs/profile-sender-proofs.md section 7; DESIGN section 4.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, Reason
from citizenid.gateway import Admitted, Binding, MemorySignOuts, SignedOut

from .senders import Sender, anybody
from .world import DAY, NOW, Clock, World, allowed, denied, needed, request

SENDER: Final = Sender(Binding.DPOP)


def sign_out(world: World, ticket: str, sender: Sender = SENDER) -> Any:
    return world.gateway.sign_out(sender.request(world, ticket, path="/citizenship"))


@pytest.mark.parametrize("binding", Binding)
def test_who_signs_out_is_out(binding: Binding) -> None:
    world, sender = World(), Sender(binding)
    ticket = sender.ticket(world)
    session = allowed(sender.ask(world, ticket)).session_id
    result = sign_out(world, ticket, sender)
    assert type(result) is SignedOut and result == (session, NOW + DAY)
    assert (result.http().status, result.http().body) == (204, b"")
    assert repr(result) == "SignedOut()"
    for _ in range(2):
        needed(sender.ask(world, ticket), Reason.SIGNED_OUT)
    needed(world.gateway.renew(sender.request(world, ticket)), Reason.SIGNED_OUT)
    needed(sign_out(world, ticket, sender), Reason.SIGNED_OUT)
    allowed(sender.ask(world, sender.ticket(world)))  # a new admission is a new session


def test_all_tickets_of_a_session_end() -> None:
    world = World()
    first = SENDER.ticket(world)
    second = world.gateway.renew(SENDER.request(world, first))
    assert type(second) is Admitted
    sign_out(world, first)
    needed(SENDER.ask(world, second.ticket), Reason.SIGNED_OUT)


def test_nobody_signs_another_one_out() -> None:
    world = World()
    ticket = SENDER.ticket(world)
    denied(world.gateway.sign_out(request(ticket)), Reason.PROOF_MISSING, "proof")
    denied(sign_out(world, ticket, Sender(Binding.DPOP, "thief")), Reason.PROOF_KEY_MISMATCH, "proof")
    needed(world.gateway.sign_out(request()), Reason.TICKET_MISSING)
    allowed(SENDER.ask(world, ticket))


def test_gateways_that_share_the_set_agree() -> None:
    clock, monotonic = Clock(NOW), Clock(5_000.0)
    shared = MemorySignOuts(clock=clock, monotonic=monotonic)
    world = World(sign_outs=shared)
    other = world.another_gateway()
    ticket = SENDER.ticket(world)
    sign_out(world, ticket)
    needed(SENDER.ask(world, ticket, gateway=other), Reason.SIGNED_OUT)
    assert len(shared) == 1


def test_the_operator_ends_a_session_by_its_id() -> None:
    world = World()
    ticket = SENDER.ticket(world)
    session = allowed(SENDER.ask(world, ticket)).session_id
    assert session is not None
    world.gateway.revoke_session(session)
    needed(SENDER.ask(world, ticket), Reason.SIGNED_OUT)
    world.gateway.revoke_session(session, until=NOW + 5)
    needed(SENDER.ask(world, ticket), Reason.SIGNED_OUT)


@pytest.mark.parametrize(
    ("session", "until"),
    [
        (b"", None),
        (b"x" * 15, None),
        ("x" * 16, None),
        (None, None),
        (b"x" * 16, 1.5),
        (b"x" * 16, True),
        (b"x" * 16, -1),
        (b"x" * 16, 2**32),
        (b"x" * 16, NOW * 1_000),
        (b"x" * 16, 0),
        (b"x" * 16, 3_600),
        (b"x" * 16, NOW),
        (b"x" * 16, 10**400),
    ],
)
def test_a_session_id_and_its_end_have_their_forms(session: Any, until: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World().gateway.revoke_session(session, until=until)
    where = "session_id" if until is None else "until"
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, where)


def test_an_end_in_seconds_from_now_does_not_bring_a_session_back() -> None:
    # Taken for a moment it lies far back: the set would let go of the session with the next one that is ended.
    world = World()
    ticket = SENDER.ticket(world)
    session = allowed(SENDER.ask(world, ticket)).session_id
    assert session is not None
    with pytest.raises(CitizenIDError):
        world.gateway.revoke_session(session, until=600)
    world.gateway.revoke_session(session, until=NOW + 600)
    world.wait(120)
    world.gateway.revoke_session(bytes(range(16)))
    needed(SENDER.ask(world, ticket), Reason.SIGNED_OUT)


def test_a_session_that_is_revoked_without_an_end_stays_so_however_long_another_gateway_lets_it_last() -> None:
    world = World(ticket_lifetime_s=DAY, session_lifetime_s=30 * DAY)
    alice = world.wallet(lifetime_s=60 * DAY)
    ticket = world.ticket(alice)
    session = allowed(world.ask(alice, ticket)).session_id
    assert session is not None
    shared = MemorySignOuts(clock=world.clock, monotonic=world.monotonic)
    world.gateway = world.another_gateway(sign_outs=shared)
    world.another_gateway(sign_outs=shared, session_lifetime_s=60).revoke_session(session)
    for _ in range(3):
        world.wait(DAY // 4)
        world.publish()
        shared.add(b"another", world.now + 1)  # which sweeps
        needed(world.ask(alice, ticket), Reason.SIGNED_OUT)


def test_a_full_set_refuses_loudly_and_forgets_nobody() -> None:
    world = World(sign_outs=MemorySignOuts(max_entries=1, clock=Clock(NOW), monotonic=Clock(5_000.0)))
    first, second = SENDER.ticket(world), SENDER.ticket(world)
    sign_out(world, first)
    denied(sign_out(world, second), Reason.SIGN_OUTS_FULL, "ticket")
    with pytest.raises(CitizenIDError) as caught:
        world.gateway.revoke_session(bytes(16))
    assert caught.value.reason is Reason.SIGN_OUTS_FULL
    needed(SENDER.ask(world, first), Reason.SIGNED_OUT)
    allowed(SENDER.ask(world, second))


def test_an_answer_that_is_no_yes_is_a_no() -> None:
    # A set of somebody else's that forgets to return is not taken at its silence.
    class Silent:
        def add(self, session_id: bytes, until: int) -> Any:
            return None

        def contains(self, session_id: bytes) -> bool:
            return False

    world = World(sign_outs=Silent())
    denied(sign_out(world, SENDER.ticket(world)), Reason.SIGN_OUTS_FULL, "ticket")


@pytest.mark.parametrize("part", [object(), 5, {}])
def test_a_set_that_cannot_do_its_work_makes_no_gateway(part: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World(sign_outs=part)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


# --- the set ---


@pytest.mark.parametrize("name", ["clock", "monotonic"])
@pytest.mark.parametrize("clock", [None, 5, "time", NOW])
def test_a_set_has_clocks(name: str, clock: Any) -> None:
    options: dict[str, Any] = {name: clock}
    with pytest.raises(CitizenIDError) as caught:
        MemorySignOuts(**options)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("reading", [float("nan"), float("inf"), float("-inf"), None, "1", True])
def test_a_set_that_cannot_tell_the_time_is_not_made_and_takes_nobody_in(reading: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        MemorySignOuts(monotonic=lambda: reading)
    assert (caught.value.reason, caught.value.where) == (Reason.CLOCK_UNUSABLE, "clock")
    wall, monotonic = Clock(NOW), Clock(5_000.0)
    held = MemorySignOuts(clock=wall, monotonic=monotonic)
    for clock in (wall, monotonic):
        good, clock.now = clock.now, reading
        with pytest.raises(CitizenIDError) as caught:
            held.add(bytes(16), NOW + 60)
        assert caught.value.reason is Reason.CLOCK_UNUSABLE and len(held) == 0
        clock.now = good
    assert held.add(bytes(16), NOW + 60) and len(held) == 1


@pytest.mark.parametrize("entries", [0, -1, True, 1.0, None])
def test_a_set_has_a_bound(entries: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        MemorySignOuts(max_entries=entries)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_an_entry_goes_when_it_has_ended_and_makes_room() -> None:
    wall, monotonic = Clock(NOW), Clock(0.0)
    held = MemorySignOuts(max_entries=1, clock=wall, monotonic=monotonic)
    assert held.add(b"a", NOW + 100) and not held.add(b"b", NOW + 100)
    assert held.add(b"a", NOW + 50)  # again: the later end counts, and it takes no second place
    wall.now += 100
    monotonic.now += 100
    assert held.contains(b"a") and not held.add(b"b", NOW + 300)
    wall.now += 120
    monotonic.now += 120
    assert held.add(b"b", NOW + 500)
    assert not held.contains(b"a") and held.contains(b"b") and repr(held) == "<MemorySignOuts of 1>"


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(-5_000, 90_000), st.integers(0, 4_000), st.integers(-90_000, 90_000)),
        max_size=40,
    )
)
def test_no_step_of_a_clock_lets_go_of_an_entry_early(events: list[tuple[int, int, int, int]]) -> None:
    # An entry may go at an `add` at which both have passed: its end by the wall clock, and as much time as it had to
    # live when it came. Until then it is there, wherever the wall clock has been.
    wall, monotonic = Clock(NOW), Clock(0.0)
    held = MemorySignOuts(clock=wall, monotonic=monotonic)
    due: dict[bytes, tuple[int, float]] = {}
    for name, lives, passes, steps in events:
        due = {each: at for each, at in due.items() if wall.now <= at[0] or monotonic.now <= at[1]}
        session, ends = bytes([name]), wall.now + lives
        assert held.add(session, ends)
        end, lived = due.get(session, (ends, monotonic.now + max(lives, 0)))
        due[session] = (max(end, ends), lived)
        wall.now += passes + steps
        monotonic.now += passes
        assert all(map(held.contains, due))


def test_who_signs_out_again_is_remembered_as_long_as_the_second_time_asks() -> None:
    # The first end was still waiting to be swept, behind a clock that had gone back: its time is not the second one's.
    wall, monotonic = Clock(NOW), Clock(0.0)
    held = MemorySignOuts(clock=wall, monotonic=monotonic)
    for session, lives, passes, steps in ((b"a", 0, 2_220, -3_960), (b"b", 0, 1_742, 0), (b"a", 252, 251, 2)):
        assert held.add(session, int(wall.now) + lives)
        wall.now += passes + steps
        monotonic.now += passes
    assert held.add(b"c", int(wall.now)) and held.contains(b"a")  # of 252 seconds 251 have passed
    wall.now += 120
    monotonic.now += 120
    assert held.add(b"c", int(wall.now)) and not held.contains(b"a")


@pytest.mark.parametrize(("wall_s", "monotonic_s"), [(99, 1_000), (100, 1_000), (1_000, 59), (1_000, 100)])
def test_both_clocks_must_have_passed_its_end(wall_s: int, monotonic_s: int) -> None:
    wall, monotonic = Clock(NOW), Clock(0.0)
    held = MemorySignOuts(clock=wall, monotonic=monotonic)
    held.add(b"a", NOW + 100)
    wall.now, monotonic.now = NOW + wall_s, float(monotonic_s)
    held.add(b"b", NOW + 5_000)
    assert held.contains(b"a")
    wall.now, monotonic.now = NOW + 1_200, 1_200.0
    held.add(b"c", NOW + 5_000)
    assert not held.contains(b"a")


def test_entries_that_ended_are_swept_and_the_set_does_not_grow() -> None:
    wall, monotonic = Clock(NOW), Clock(0.0)
    held = MemorySignOuts(max_entries=1_000, clock=wall, monotonic=monotonic)
    for number in range(50_000):
        assert held.add(number.to_bytes(16, "big"), wall.now + 30)
        wall.now += 1
        monotonic.now += 1
    assert len(held) < 200 and len(held._by_minute) < 5


def test_threads_that_add_at_once_lose_nothing() -> None:
    held = MemorySignOuts()
    start = threading.Barrier(8)

    def add(first: int) -> None:
        start.wait()
        for number in range(first, first + 500):
            assert held.add(number.to_bytes(16, "big"), 2**40)

    threads = [threading.Thread(target=add, args=(each * 500,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 4_000 and all(held.contains(number.to_bytes(16, "big")) for number in range(4_000))


def test_the_wallet_of_a_session_that_was_signed_out_is_admitted_again() -> None:
    world = World()
    ticket = SENDER.ticket(world, anybody(world))
    sign_out(world, ticket)
    allowed(SENDER.ask(world, SENDER.ticket(world, anybody(world))))
