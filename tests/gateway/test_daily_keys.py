"""Keys of the day: they change at midnight by themselves, and no request of an honest client is refused for it.

Spec: specs/profile-sender-proofs.md section 5; DESIGN section 4.
"""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, Format, Reason
from citizenid.gateway import Admitted, Allow, Binding, DailyTicketKeys, DPoPNonces, Gateway
from citizenid.gateway.ticket import TicketKeys

from .notes import Notes
from .senders import Sender, anybody
from .world import AUDIENCE, DAY, ENDPOINT, NOW, OTHER_SECRET, SECRET, World, allowed, denied, needed

SENDER: Final = Sender(Binding.MTLS)
DAILY: Final = DailyTicketKeys([SECRET])
MIDNIGHT: Final = NOW - NOW % DAY + DAY


def daily_world(until_midnight_s: int = 100, **options: Any) -> World:
    """Return a world a moment before midnight whose status list outlives the night."""
    world = World(ticket_keys=DAILY, **options)
    world.wait(MIDNIGHT - until_midnight_s - world.now)
    world.publish()
    return world


def at(gateway: Gateway, now: int) -> TicketKeys:
    return gateway._state.ring.at(now).tickets  # type: ignore[arg-type]  # a number of seconds


def test_today_seals_and_yesterday_and_tomorrow_open() -> None:
    today = MIDNIGHT // DAY
    secrets = {day: DAILY.of_day(day) for day in range(today - 2, today + 3)}
    first = {day: each[0] for day, each in secrets.items()}
    assert len(set(first.values())) == 5
    for day in range(today - 1, today + 2):
        assert secrets[day] == (first[day], first[day - 1], first[day + 1])


def test_days_of_one_secret_say_nothing_of_another() -> None:
    assert not set(DAILY.of_day(5)) & set(DailyTicketKeys([OTHER_SECRET]).of_day(5))
    assert SECRET not in DAILY.of_day(5)


def test_a_ticket_goes_over_midnight_and_ends_when_it_says() -> None:
    world = daily_world(ticket_lifetime_s=DAY)
    ticket = SENDER.ticket(world)
    for _ in range(9):
        allowed(SENDER.ask(world, ticket))
        world.wait(DAY // 10)
        world.publish()
    world.wait(DAY // 10 - 1)
    allowed(SENDER.ask(world, ticket))
    world.wait(1)
    needed(SENDER.ask(world, ticket), Reason.TICKET_EXPIRED)


def test_after_midnight_another_key_seals() -> None:
    world = daily_world()
    before = SENDER.ticket(world)
    world.wait(100)
    after = SENDER.ticket(world)
    assert before[:6] != after[:6]  # version and key id
    allowed(SENDER.ask(world, before))
    allowed(SENDER.ask(world, after))


@given(st.integers(-DAY, DAY))
def test_nodes_whose_clocks_part_by_up_to_a_day_open_each_others_tickets(skew: int) -> None:
    sealed = TicketKeys(DAILY.of_day(MIDNIGHT // DAY), "a")
    opening = TicketKeys(DAILY.of_day((MIDNIGHT + skew) // DAY), "a")
    assert sealed._sealing in opening._keys


def test_a_challenge_and_a_nonce_go_over_midnight() -> None:
    world = daily_world(dpop_nonces=DPoPNonces.OF_THE_FLEET)
    sender = Sender(Binding.DPOP)
    wallet = anybody(world)
    challenge = world.gateway.challenge(sender=sender.thumbprint)
    nonce = sender.apply(world, wallet).dpop_nonce
    world.wait(100)
    result = world.gateway.admit(
        world.present(wallet, challenge),
        format=Format.SD_JWT_VC,
        challenge=challenge.to_text(),
        request=sender.request(world, path=ENDPOINT, nonce=nonce),
    )
    assert type(result) is Admitted


def test_two_days_on_nothing_of_before_opens() -> None:
    world = daily_world()
    ticket = SENDER.ticket(world)
    held = at(world.gateway, world.now)
    assert held.open_fields(ticket.encode()) is not None
    assert at(world.gateway, MIDNIGHT).open_fields(ticket.encode()) is not None
    assert at(world.gateway, MIDNIGHT + DAY).open_fields(ticket.encode()) is None


def test_a_clock_that_goes_back_over_midnight_takes_the_keys_along() -> None:
    world = daily_world(10)
    world.wait(20)
    ticket = SENDER.ticket(world)
    world.step_wall_clock(-25)  # to before midnight, and no further than the list that was fetched permits
    allowed(SENDER.ask(world, ticket))
    world.step_wall_clock(DAY)
    needed(SENDER.ask(world, ticket), Reason.TICKET_EXPIRED)


def test_the_ring_follows_the_clock_both_ways() -> None:
    ring = daily_world().gateway._state.ring
    for day in (5, 6, 4, 9, 5, 4):
        for second in (day * DAY, (day + 1) * DAY - 1):
            keys = ring.at(second)  # type: ignore[arg-type]  # a number of seconds
            assert (keys.begins, keys.ends) == (day * DAY, (day + 1) * DAY)
            assert keys.tickets._sealing == TicketKeys(DAILY.of_day(day), "a")._sealing


def test_a_refusal_that_reads_no_clock_changes_no_keys() -> None:
    # What is on no list is refused without a look at the clock. The latest time that was read may be of another day,
    # and keys that change to and fro are made anew for each request, by whoever cares to ask.
    notes = Notes()
    world = daily_world(50_000)
    world.gateway = world.another_gateway(audit=notes)
    world.wait(1)
    ticket = SENDER.ticket(world)
    session = allowed(SENDER.ask(world, ticket)).session_id
    world.step_wall_clock(2 * DAY)
    needed(SENDER.ask(world, ticket), Reason.TICKET_INVALID)
    world.step_wall_clock(-2 * DAY)
    needed(SENDER.ask(world, ticket), Reason.TICKET_EXPIRED)
    keys = world.gateway._state.ring.current
    denied(SENDER.ask(world, ticket, "nowhere"), Reason.RESOURCE_NOT_LISTED, "policy")
    assert world.gateway._state.ring.current is keys
    assert notes.all[-1].subject == session


def test_a_node_that_only_authorises_changes_its_keys_too() -> None:
    world = daily_world()
    other = world.another_gateway()
    world.wait(3 * DAY)
    world.publish()
    ticket = SENDER.ticket(world)
    allowed(SENDER.ask(world, ticket, gateway=other))


def test_a_secret_is_replaced_with_overlap() -> None:
    world = daily_world()
    old = SENDER.ticket(world)
    world.gateway.reload(ticket_keys=DailyTicketKeys([OTHER_SECRET, SECRET]))
    new = SENDER.ticket(world)
    allowed(SENDER.ask(world, old))
    world.gateway.reload(ticket_keys=DailyTicketKeys([OTHER_SECRET]))
    allowed(SENDER.ask(world, new))
    needed(SENDER.ask(world, old), Reason.TICKET_INVALID)


def test_a_list_of_keys_stays_possible_and_does_not_change_by_itself() -> None:
    world = World()
    held = at(world.gateway, NOW)
    assert at(world.gateway, NOW + 400 * DAY) is held
    secrets = [SECRET]
    world.gateway.reload(ticket_keys=secrets)
    secrets.append(OTHER_SECRET)
    assert len(at(world.gateway, NOW)._keys) == 1


@pytest.mark.parametrize(
    "secrets",
    [
        [],
        [b"x" * 31],
        [SECRET, SECRET],
        [SECRET, b""],
        SECRET,
        None,
        "x" * 32,
        ["x" * 32],
        [None],
        5,
        [bytes(32)],
        [SECRET, bytes(64)],
    ],
)
def test_secrets_are_long_and_distinct_and_not_empty_memory(secrets: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        DailyTicketKeys(secrets)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize(
    "day", [None, 1.0, float("nan"), "1", True, -1, 2**53 // DAY + 1, 2**53, pytest.param(10**5_000, id="vast")]
)
def test_a_day_is_a_number(day: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        DAILY.of_day(day)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_they_are_not_shown_copied_or_subclassed() -> None:
    assert repr(DAILY) == "<DailyTicketKeys>"
    for act in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            act(DAILY)
    with pytest.raises(TypeError):
        type("Other", (DailyTicketKeys,), {})


def test_two_keys_of_one_id_are_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four bytes name a key. When chance gives two days one name, the key that seals today is the one that is kept.
    from citizenid.gateway import ticket

    real = ticket.derive_key
    monkeypatch.setattr(
        ticket, "derive_key", lambda secret, purpose, size=32: b"same" if size == 4 else real(secret, purpose, size)
    )
    world = daily_world()
    ticket_text = SENDER.ticket(world)
    allowed(SENDER.ask(world, ticket_text))
    first = DAILY.of_day(world.now // DAY)[:1]
    assert TicketKeys(first, AUDIENCE).open_fields(ticket_text.encode()) is not None


# --- under load ---


def test_no_request_fails_while_keys_change_under_load() -> None:
    world = daily_world(5)
    doors = [world.gateway, world.another_gateway()]
    tickets = [SENDER.ticket(world)]
    stop, failures, count = threading.Event(), [], [0]

    def work(number: int) -> None:
        turn = number
        while not stop.is_set():
            turn += 1
            door = doors[turn % 2]
            result = SENDER.ask(world, tickets[turn % len(tickets)], gateway=door)
            if type(result) is not Allow:
                failures.append(result)
            renewed = door.renew(SENDER.request(world, tickets[-1]))
            if type(renewed) is not Admitted:
                failures.append(renewed)
            elif len(tickets) < 50:
                tickets.append(renewed.ticket)
            count[0] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        for step in range(60):  # back and forth over midnight, and the operator's reloads in between
            done = count[0]
            world.clock.now = MIDNIGHT - 5 + step % 10
            if step % 7 == 0:
                for door in doors:
                    door.reload(ticket_keys=DailyTicketKeys([SECRET]))
            while count[0] < done + 20 and not failures:
                pass
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == [] and count[0] > 1_000
