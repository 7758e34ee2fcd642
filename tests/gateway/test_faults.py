"""What happens to a gateway in production: floods, keys that rotate under load, lists that stop, disks, kills, clocks.

Floods are of 20,000 bad tickets and 1,000 bad presentations here. CITIZENID_FLOOD says how many there are of each:

    CITIZENID_FLOOD=1000000 python -m pytest tests/gateway/test_faults.py -k flood

Spec: specs/threat-model.md; specs/profile-audit.md.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from citizenid import CitizenIDError, Format, NeedStatusList, Reason
from citizenid.gateway import Admitted, Allow, Binding, DailyTicketKeys, Deny, NeedPresentation, Request
from citizenid.gateway._audit.entry import Refused
from citizenid.gateway.audit import verify_audit

from .audit_world import open_log, vkey
from .notes import Notes
from .senders import Sender
from .test_record import entries
from .world import (
    DAY,
    ENDPOINT,
    NOW,
    ORIGIN,
    OTHER_SECRET,
    POLICY,
    SECRET,
    STRICT_POLICY,
    Wallet,
    World,
    allowed,
    anchors,
    denied,
    needed,
    policy,
    request,
)

FLOOD = int(os.environ.get("CITIZENID_FLOOD", "20000"))
PRESENTATIONS = FLOOD if "CITIZENID_FLOOD" in os.environ else 1_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


# --- floods ---


def test_a_flood_of_bad_tickets_drives_out_no_good_one_and_takes_no_memory() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice, bearer=True)
    allowed(world.gateway.authorize(request(ticket), resource="weak"))
    tickets = world.gateway._state.ring.current.tickets
    held = len(tickets._opened)
    chance = random.Random(1)
    tracemalloc.start()
    try:
        for number in range(FLOOD):
            bad = [*ticket]
            for place in chance.sample(range(len(bad)), 2):
                bad[place] = chance.choice(ALPHABET)
            text = "".join(bad)
            if text != ticket:
                result = world.gateway.authorize(request(text), resource="weak")
                assert type(result) is NeedPresentation and result.reason is Reason.TICKET_INVALID
            if number == FLOOD // 10:
                began = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] - began < 100_000
    finally:
        tracemalloc.stop()
    assert len(tickets._opened) == held
    assert tickets._opened.get(ticket.encode()) is not None
    allowed(world.gateway.authorize(request(ticket), resource="weak"))


def test_a_flood_of_bad_presentations_drives_out_no_good_one_and_takes_no_memory() -> None:
    world = World()
    alice = world.wallet()
    world.ticket(alice)
    cache = world.gateway._parts.cache
    held = len(cache)  # type: ignore[arg-type]  # it is a SieveCache
    challenge = world.challenge(None)
    good = bytearray(world.present(alice, challenge))
    text = challenge.to_text()
    chance = random.Random(2)
    tracemalloc.start()
    try:
        for number in range(PRESENTATIONS):
            bad = bytearray(good)
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(7)
            asked = request(path=ENDPOINT)
            result = world.gateway.admit(bytes(bad), format=Format.SD_JWT_VC, challenge=text, request=asked)
            assert type(result) is Deny
            if number == PRESENTATIONS // 10:
                began = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] - began < 300_000
    finally:
        tracemalloc.stop()
    assert len(cache) == held  # type: ignore[arg-type]  # as above
    result = world.gateway.admit(bytes(good), format=Format.SD_JWT_VC, challenge=text, request=request(path=ENDPOINT))
    assert isinstance(result, Admitted)


def test_a_flood_of_genuine_sessions_keeps_every_memory_within_its_bound() -> None:
    world = World()
    alice = world.wallet()
    world.gateway = world.another_gateway(cache=8)
    world.wait(1)
    parts, bounds = world.gateway._parts, {"cache": 8, "rules": 4_096, "opened": 4_096}
    for number in range(60):
        sender = Sender(Binding.DPOP, f"client {number}")
        ticket = sender.ticket(world, alice, world.gateway)
        allowed(sender.ask(world, ticket))
    opened = world.gateway._state.ring.current.tickets._opened
    assert parts.cache.max_entries == bounds["cache"]  # type: ignore[union-attr]  # it is a SieveCache
    assert len(parts.cache) == 1  # type: ignore[arg-type]  # one issuer half, shown by all
    assert (parts.rules.keys.max_entries, len(parts.rules.keys)) == (bounds["rules"], 60)
    assert (opened.max_entries, len(opened)) == (bounds["opened"], 60)
    assert parts.signing_keys.max_entries == 4_096


def test_a_flood_of_garbage_fills_no_disk(tmp_path: Path) -> None:
    world = World()
    log = open_log(tmp_path)
    world.gateway = world.another_gateway(audit=log)
    world.wait(1)
    wal = tmp_path / "w1" / "wal"
    before = wal.stat().st_size
    for number in range(FLOOD // 10):
        world.gateway.authorize(request(str(number)), resource="us-nationals")
        world.gateway.authorize(request(), resource=f"made up {number}")
    assert wal.stat().st_size == before
    log.close()
    (report,) = verify_audit(tmp_path, keys=[vkey()], now=NOW).logs
    assert dict(report.counted) == {"ticket_invalid": FLOOD // 10, "resource_not_listed": FLOOD // 10}


# --- under load ---


def under_load(work: Callable[[], object], meanwhile: Callable[[], None], threads: int = 4) -> list[object]:
    """Let threads work, again and again, while something else goes on; returns what they saw."""
    stop, seen = threading.Event(), []

    def run() -> None:
        while not stop.is_set():
            seen.append(work())

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        meanwhile()
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    return seen


def test_ticket_keys_rotate_under_load_and_nobody_notices() -> None:
    world = World()
    alice = world.wallet()
    tickets = [world.ticket(alice, bearer=True)]

    def rotate() -> None:
        for _ in range(30):
            world.gateway.reload(ticket_keys=[OTHER_SECRET, SECRET])
            tickets.append(world.ticket(alice, bearer=True))
            world.gateway.reload(ticket_keys=[SECRET, OTHER_SECRET])
            tickets.append(world.ticket(alice, bearer=True))

    seen = under_load(lambda: world.gateway.authorize(request(random.choice(tickets)), resource="weak"), rotate)
    assert {type(result) for result in seen} == {Allow}
    world.gateway.reload(ticket_keys=[OTHER_SECRET])
    needed(world.gateway.authorize(request(tickets[0]), resource="weak"), Reason.TICKET_INVALID)
    allowed(world.gateway.authorize(request(tickets[1]), resource="weak"))


def test_midnight_under_load_changes_the_key_and_nothing_else() -> None:
    world = World(ticket_keys=DailyTicketKeys([SECRET]), ticket_lifetime_s=DAY, session_lifetime_s=2 * DAY)
    alice = world.wallet()
    ticket = world.ticket(alice, bearer=True)

    world.wait(DAY - NOW % DAY - 10)
    world.publish()

    def pass_midnight() -> None:
        for _ in range(20):
            world.wait(1)
            world.publish()

    def ask() -> object:
        return world.gateway.authorize(request(ticket), resource="weak")

    before = world.gateway._state.ring.current
    seen = under_load(ask, pass_midnight)
    # Keys change with a request: the last of those under load may have been before midnight.
    assert {type(result) for result in [*seen, ask()]} == {Allow}
    assert world.gateway._state.ring.current is not before


def test_a_policy_that_is_invalid_leaves_the_old_one_under_load() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice, bearer=True)
    refused: list[Reason] = []

    def reload() -> None:
        for _ in range(50):
            for text in ("version = 2", POLICY + "[[rule]]\nresource = 'weak'\nanyone = true\n", "garbage ["):
                try:
                    world.gateway.reload(policy=policy(text))
                except CitizenIDError as error:
                    refused.append(error.reason)
            for wrong in ({"policy": POLICY}, {"anchors": None, "policy": 1}, {"ticket_keys": [b"short"]}):
                with pytest.raises(CitizenIDError):
                    world.gateway.reload(**wrong)  # type: ignore[arg-type]  # what an operator may hand in

    seen = under_load(lambda: world.gateway.authorize(request(ticket), resource="weak"), reload)
    assert {type(result) for result in seen} == {Allow}
    assert refused == [Reason.POLICY_INVALID] * 150


def test_a_reload_that_narrows_counts_from_the_next_request() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice, bearer=True)
    for _ in range(20):
        allowed(world.gateway.authorize(request(ticket), resource="weak"))
        world.gateway.reload(policy=policy(STRICT_POLICY))
        assert type(world.gateway.authorize(request(ticket), resource="weak")) is Deny
        world.gateway.reload(policy=policy(POLICY))


def test_ten_thousand_requests_at_once_are_each_decided_and_each_refusal_is_written(tmp_path: Path) -> None:
    world = World()
    log = open_log(tmp_path)
    world.gateway = world.another_gateway(audit=log)
    world.wait(1)
    alice, bob = world.wallet(), world.wallet("bob", ["FR"])
    good, french = world.ticket(alice, bearer=True), world.ticket(bob, bearer=True)
    asked = [(good, Allow), (french, Deny), ("x", NeedPresentation), (good, Allow)]

    async def run() -> list[object]:
        door = world.gateway
        return await asyncio.gather(
            *(door.authorize_async(request(asked[number % 4][0]), resource="weak") for number in range(10_000))
        )

    results = asyncio.run(run())
    assert [type(result) for result in results] == [asked[number % 4][1] for number in range(10_000)]
    log.close()
    refusals = [each for each in entries(tmp_path) if isinstance(each, Refused)]
    assert len(refusals) == 2_500
    (report,) = verify_audit(tmp_path, keys=[vkey()], now=NOW).logs
    assert (report.allowed, report.counted["ticket_invalid"]) == (5_002, 2_500)  # two of these were admissions


# --- status lists that stop ---


def test_lists_that_stop_are_used_to_their_end_and_then_everybody_is_asked_to_wait() -> None:
    world = World(ticket_lifetime_s=DAY)
    alice = world.wallet()
    ticket = world.ticket(alice, bearer=True)
    world.wait(43_199)
    allowed(world.gateway.authorize(request(ticket), resource="weak"))
    world.wait(1)
    stale = world.gateway.authorize(request(ticket), resource="weak")
    assert type(stale) is NeedStatusList and stale.reason is Reason.STATUS_LIST_STALE
    assert stale.http().status == 503
    assert world.statuses.due(world.now)
    world.publish()
    allowed(world.gateway.authorize(request(ticket), resource="weak"))


# --- clocks ---


@pytest.mark.parametrize("step", [-3_600, DAY])
def test_a_step_of_the_clock_lets_nothing_through_that_was_used_or_over(step: int) -> None:
    notes = Notes()
    world = World(audit=notes)
    alice = world.wallet()
    ticket = world.ticket(alice)
    used = request(ticket, world.proof(alice.sender, ticket))
    allowed(world.gateway.authorize(used, resource="us-nationals"))
    fresh = request(ticket, world.proof(alice.sender, ticket, now=world.now + 1))
    world.step_wall_clock(step)
    for once in (used, fresh):
        result: Any = world.gateway.authorize(once, resource="us-nationals")
        assert not isinstance(result, Allow)
        notes.check_from_here()
    if step > 0:
        needed(world.ask(alice, ticket), Reason.TICKET_EXPIRED)
        world.step_wall_clock(-step)
        needed(world.ask(alice, ticket), Reason.TICKET_EXPIRED)  # what was over stays over
    else:
        world.wait(7_200)  # a ticket ends by the wall clock
        needed(world.ask(alice, ticket), Reason.TICKET_EXPIRED)


def test_a_step_back_closes_the_door_to_proofs_until_the_old_time_and_opens_it_again() -> None:
    world = World(ticket_lifetime_s=DAY)
    alice = world.wallet()
    ticket = world.ticket(alice)
    allowed(world.ask(alice, ticket))
    world.step_wall_clock(-3_600)
    result = world.ask(alice, ticket)
    assert type(result) in (Deny, NeedPresentation, NeedStatusList)
    world.wait(3_700)
    world.publish()
    allowed(world.ask(alice, ticket))


# --- a kill ---

PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from gateway.world import World, request
from gateway.audit_world import open_log
world = World()
log = open_log(Path({folder!r}))
world.gateway = world.another_gateway(audit=log)
world.wait(1)
bob = world.wallet("bob", ["FR"])
ticket = world.ticket(bob, bearer=True)
print("ready", flush=True)
number = 0
while True:
    result = world.gateway.authorize(request(ticket), resource="weak")
    number += 1
    sys.stdout.write(f"{{number}}\\n")
    sys.stdout.flush()
    if number % 40 == 0:
        log.checkpoint()
"""


def test_no_refusal_that_a_gateway_has_answered_is_lost_by_a_kill(tmp_path: Path) -> None:
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        program = PROGRAM.format(tests=str(Path(__file__).parent.parent), folder=str(folder))
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            for _ in range(30 + 25 * attempt):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split("\n")
            answered = 30 + 25 * attempt + sum(1 for line in rest[:-1] if line)
        with open_log(folder) as log:
            log.checkpoint()
        refusals = [each for each in entries(folder) if isinstance(each, Refused)]
        assert answered <= len(refusals) <= answered + 1
        assert {each.reason for each in refusals} == {"citizenship_not_permitted"}


# --- everything at once ---


def test_after_every_fault_a_revoked_person_is_still_refused() -> None:
    world = World(ticket_lifetime_s=DAY)
    alice: Wallet = world.wallet()
    ticket = world.ticket(alice, bearer=True)
    assert alice.status is not None
    world.publisher.revoke(alice.status)
    world.wait(1)
    world.publish()
    for fault in (
        lambda: world.gateway.reload(anchors=anchors()),
        lambda: world.gateway.reload(policy=policy(POLICY)),
        lambda: world.gateway.reload(ticket_keys=[OTHER_SECRET, SECRET]),
        lambda: world.step_wall_clock(-60),
        lambda: world.step_wall_clock(120),
        lambda: world.wait(600),
    ):
        fault()
        result = world.gateway.authorize(request(ticket), resource="weak")
        assert not isinstance(result, Allow)
    denied(world.gateway.authorize(request(ticket), resource="weak"), Reason.REVOKED, "V9")


# --- parts of an operator's own ---


class FailingStore:
    """A guard and a set of somebody else's, whose server is away; `answer` is what it says instead of raising."""

    def __init__(self, error: Exception | None, answer: Any = None) -> None:
        self.error = error
        self.answer = answer

    def _said(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.answer

    def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Any:
        return self._said()

    def add(self, session_id: bytes, until: int) -> Any:
        return self._said()

    def contains(self, session_id: bytes, /) -> Any:
        return self._said()


class StoreError(Exception):
    """As redis, sqlite3 and most clients define theirs: of no built-in class but `Exception`."""


RAISED = [
    StoreError("10.0.0.7"),
    OSError("10.0.0.7"),
    ConnectionError(),
    TimeoutError(),
    KeyError("secret"),
    RuntimeError(),
    ValueError(),
]
LOCAL = POLICY.replace('resource = "fresh"', 'store_down = "local"\nresource = "fresh"')


@pytest.mark.parametrize("error", RAISED, ids=repr)
def test_a_guard_that_raises_lets_nothing_through_and_no_error_out(error: Exception) -> None:
    world = World(LOCAL)
    alice = world.wallet()
    ticket = world.ticket(alice)
    gateway = world.another_gateway(replay=FailingStore(error))
    world.wait(1)

    def asked() -> Request:
        return request(ticket, world.proof(alice.sender, ticket))

    for result in (
        gateway.authorize(asked(), resource="us-nationals"),
        gateway.authorize(asked(), resource="fresh"),  # it has not even been asked what this process knows
        gateway.renew(asked()),
        gateway.sign_out(asked()),
    ):
        assert denied(result, Reason.REPLAY_GUARD_UNAVAILABLE, "replay").http().status == 503
    world.gateway = gateway
    denied(world.admit(alice), Reason.REPLAY_GUARD_UNAVAILABLE, "replay")


@pytest.mark.parametrize("error", [*RAISED, None], ids=repr)
def test_a_set_that_raises_or_says_nothing_lets_nobody_pass_but_whom_a_rule_lets(error: Exception | None) -> None:
    world = World(LOCAL)
    alice = world.wallet()
    ticket = world.ticket(alice)
    gateway = world.another_gateway(sign_outs=FailingStore(error))
    world.wait(1)

    def asked() -> Request:
        return request(ticket, world.proof(alice.sender, ticket))

    for result in (
        gateway.authorize(asked(), resource="us-nationals"),
        gateway.renew(asked()),
        gateway.sign_out(asked()),
    ):
        assert denied(result, Reason.SIGN_OUTS_UNAVAILABLE, "ticket").http().status == 503
    assert allowed(gateway.authorize(asked(), resource="fresh")).local
    with pytest.raises(CitizenIDError) as caught:
        gateway.revoke_session(bytes(16))
    assert caught.value.reason is Reason.SIGN_OUTS_FULL
    assert caught.value.__context__ is None


@pytest.mark.parametrize("answer", [None, True, False, 0, 1, "fresh", "seen", b"", [], (), object()])
def test_what_is_no_answer_of_a_guard_is_nobodys_replay(answer: Any) -> None:
    # Whether it was used before was not said: who asks has done nothing wrong, and a new proof would not help.
    world = World(LOCAL)
    alice = world.wallet()
    ticket = world.ticket(alice)
    gateway = world.gateway = world.another_gateway(replay=FailingStore(None, answer))
    world.wait(1)
    for resource in ("us-nationals", "fresh"):
        asked = request(ticket, world.proof(alice.sender, ticket))
        result = gateway.authorize(asked, resource=resource)
        assert denied(result, Reason.REPLAY_GUARD_UNAVAILABLE, "replay").http().status == 503
    assert denied(world.admit(alice), Reason.REPLAY_GUARD_UNAVAILABLE, "replay").http().status == 503


@pytest.mark.parametrize("answer", [0, 1, "", "no", b"", [], (), object()])
def test_what_is_neither_yes_nor_no_lets_nobody_pass(answer: Any) -> None:
    world = World(LOCAL)
    alice = world.wallet()
    ticket = world.ticket(alice)
    said: Any = SimpleNamespace(add=lambda *_: True, contains=lambda *_: answer)
    gateway = world.another_gateway(sign_outs=said)
    world.wait(1)
    for resource in ("us-nationals", "fresh"):  # the second may be decided alone where nobody answers
        asked = request(ticket, world.proof(alice.sender, ticket))
        denied(gateway.authorize(asked, resource=resource), Reason.SIGN_OUTS_UNAVAILABLE, "ticket")


def test_what_a_guard_of_the_operators_own_says_is_what_is_answered() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    world.wait(1)
    error = CitizenIDError(Reason.STORE_UNAVAILABLE, "own")
    gateway = world.another_gateway(replay=FailingStore(error))
    asked = request(ticket, world.proof(alice.sender, ticket))
    denied(gateway.authorize(asked, resource="us-nationals"), Reason.STORE_UNAVAILABLE, "configuration")
    gateway = world.another_gateway(sign_outs=FailingStore(error))
    with pytest.raises(CitizenIDError) as caught:
        gateway.revoke_session(bytes(16))
    assert caught.value is error


class FailingCache:
    """A cache of somebody else's, whose server is away."""

    def __init__(self, error: Exception, *, reads: bool) -> None:
        self.error = error
        self.reads = reads

    def get(self, key: bytes, /) -> None:
        if self.reads:
            raise self.error

    def put(self, key: bytes, value: object, /) -> None:
        raise self.error


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize("error", [*RAISED, CitizenIDError(Reason.REVOKED)], ids=repr)
def test_a_cache_that_raises_changes_no_verdict(error: Exception, reads: bool) -> None:
    world = World()
    alice, mallory = world.wallet(), world.wallet("mallory", issuer="another issuer")
    world.gateway = world.another_gateway(cache=FailingCache(error, reads=reads))
    world.wait(1)
    for _ in range(2):
        assert isinstance(world.admit(alice), Admitted)
        denied(world.admit(mallory), Reason.SIGNATURE_INVALID, "V3")


class FailingLists:
    """Status lists of somebody else's; `fails` names the call that raises."""

    def __init__(self, lists: Any, error: Exception) -> None:
        self.lists = lists
        self.error = error
        self.fails = ""

    def _asked(self, name: str) -> None:
        if name == self.fails:
            raise self.error

    def check(self, reference: Any, **how: Any) -> Any:
        self._asked("check")
        return self.lists.check(reference, **how)

    def check_identity(self, identity: bytes, index: int, now: Any) -> Any:
        self._asked("check_identity")
        return self.lists.check_identity(identity, index, now)

    def issued_at(self, identity: bytes) -> Any:
        self._asked("issued_at")
        return self.lists.issued_at(identity)

    def keep_fresh(self, monotonic: float) -> None:
        self._asked("keep_fresh")


RECENT = POLICY.replace('resource = "fresh"', 'max_status_age_s = 100\nresource = "fresh"')


@pytest.mark.parametrize("error", RAISED, ids=repr)
def test_a_source_of_lists_that_raises_decides_nothing_and_lets_no_error_out(error: Exception) -> None:
    world = World(RECENT)
    alice = world.wallet()
    lists = FailingLists(world.statuses, error)
    world.gateway = world.another_gateway(statuses=lists)
    world.wait(1)
    ticket = world.ticket(alice)
    allowed(world.ask(alice, ticket, "fresh"))

    def wanted(result: object, reason: Reason = Reason.STATUS_LIST_UNAVAILABLE) -> None:
        assert isinstance(result, NeedStatusList)
        assert result.reason is reason
        assert reason is not Reason.STATUS_LIST_UNAVAILABLE or result.uri in ("", *world.statuses.uris)
        assert result.http().status == 503

    for lists.fails in ("check_identity", "keep_fresh"):
        wanted(world.ask(alice, ticket))
        wanted(world.gateway.renew(request(ticket, world.proof(alice.sender, ticket))))
    for lists.fails in ("check", "keep_fresh"):
        wanted(world.admit(alice))
    lists.fails = "issued_at"
    wanted(world.ask(alice, ticket, "fresh"), Reason.STATUS_TOO_OLD)
    allowed(world.ask(alice, ticket))  # a rule that does not ask how old the list is
    lists.fails = ""
    allowed(world.ask(alice, ticket, "fresh"))


def test_what_a_source_of_lists_says_by_an_error_of_ours_is_what_is_answered() -> None:
    world = World(RECENT)
    alice = world.wallet()
    lists = FailingLists(world.statuses, CitizenIDError(Reason.STORE_UNAVAILABLE, "own"))
    world.gateway = world.another_gateway(statuses=lists)
    world.wait(1)
    ticket = world.ticket(alice)
    asked: dict[str, list[Callable[[], object]]] = {
        "check_identity": [lambda: world.ask(alice, ticket)],
        "issued_at": [lambda: world.ask(alice, ticket, "fresh")],
        "check": [lambda: world.admit(alice)],
        "keep_fresh": [lambda: world.admit(alice), lambda: world.ask(alice, ticket)],
    }
    for lists.fails, calls in asked.items():
        for call in calls:
            lists.error = CitizenIDError(Reason.STORE_UNAVAILABLE, "own")
            assert denied(call(), Reason.STORE_UNAVAILABLE, "configuration").http().status == 503


@pytest.mark.parametrize("said", [[], {}, "valid", 0, object(), True])
def test_what_is_no_status_is_not_valid(said: Any) -> None:
    world = World(RECENT)
    alice = world.wallet()
    ticket = world.ticket(alice)
    world.wait(1)
    lists = FailingLists(world.statuses, OSError())
    gateway = world.another_gateway(statuses=lists)
    lists.check_identity = lambda *_: said  # type: ignore[method-assign]  # as somebody else's would
    denied(world.ask(alice, ticket, gateway=gateway), Reason.STATUS_NOT_VALID, "V9")
    lists = FailingLists(world.statuses, OSError())
    lists.issued_at = lambda *_: said  # type: ignore[method-assign]  # as above
    result = world.ask(alice, ticket, "fresh", gateway=world.another_gateway(statuses=lists))
    assert isinstance(result, NeedStatusList)
    assert result.reason is Reason.STATUS_TOO_OLD


@pytest.mark.parametrize("drawn", [*RAISED, None, b"", bytes(5), "0" * 16, bytearray(16)], ids=repr)
def test_a_source_that_stops_being_random_gives_no_ticket_and_no_challenge(drawn: Any) -> None:
    failing = False

    def source(size: int) -> Any:
        if failing and isinstance(drawn, Exception):
            raise drawn
        return drawn if failing else os.urandom(size)

    world = World(random=source)
    alice = world.wallet()
    ticket, challenge = world.ticket(alice), world.challenge(alice.sender)
    presentation = world.present(alice, challenge)
    failing = True
    at_admission = request(path=ENDPOINT, proof=world.proof(alice.sender, url=ORIGIN + ENDPOINT))
    admission = world.gateway.admit(
        presentation, format=alice.format, challenge=challenge.to_text(), request=at_admission
    )
    renewal = world.gateway.renew(request(ticket, world.proof(alice.sender, ticket)))
    for result in (admission, renewal):
        assert denied(result, Reason.CONFIGURATION_INVALID, "configuration").http().status == 503
    need = needed(world.gateway.authorize(request(), resource="weak"), Reason.TICKET_MISSING)
    assert b"challenge" not in need.http().body
    with pytest.raises(CitizenIDError) as caught:
        world.challenge(alice.sender)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert caught.value.__context__ is None
    allowed(world.ask(alice, ticket))  # nothing is drawn for it


@pytest.mark.parametrize(
    "source",
    [
        bytes,  # stuck: every session would have one id, and whoever signs out ends all of them
        lambda size: bytes(size - 1),
        lambda size: os.urandom(size + 1),
        lambda size: bytearray(os.urandom(size)),
        lambda size: os.urandom(size).hex(),
        lambda size: None,
        lambda: b"",
        lambda size: 1 // 0,
        5,
    ],
)
def test_a_source_that_is_not_random_makes_no_gateway(source: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World(random=source)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert caught.value.__context__ is None
