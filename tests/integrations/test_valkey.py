"""A fleet on a real server: once is once everywhere, what is forgotten is noticed, what is down refuses.

The server is redis-server or valkey-server in a process of its own (`stores.py`). Monotonic time of the guards is a
number that the tests move; channels run by the real clock, and tests wait for what they do.

Spec: specs/profile-fleet.md; RFC 9449 section 11.1.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import pytest
from gateway import world as w
from hypothesis import given
from hypothesis import strategies as st
from valkey import BlockingConnectionPool, Valkey
from valkey.backoff import NoBackoff
from valkey.exceptions import ConnectionError as Disconnected
from valkey.retry import Retry
from valkey.sentinel import Sentinel

from citizenid import Challenge, CitizenIDError, Format, LocalKey, Reason
from citizenid.gateway import Consumption, MemoryReplayGuard
from citizenid.holder import Credential, dpop_proof
from citizenid.integrations._fleet import Envelope, Message, Subscription, names_of
from citizenid.integrations._sign_outs import _Held
from citizenid.integrations.valkey import (
    FleetChange,
    FleetChannel,
    ValkeyReplayGuard,
    ValkeySignOuts,
    WhenDown,
    connect,
)
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusPublisher

from .stores import PONG, Relay, Store, relaying, serving, wait_until

FRESH, SEEN, FULL, UNAVAILABLE = Consumption.FRESH, Consumption.SEEN, Consumption.FULL, Consumption.UNAVAILABLE
SECRET: Final = bytes(range(32))
AUDIENCE: Final = "https://gateway.example"
LONG_S: Final = 100_000.0
DIGEST: Final = bytes(32)
LATER: Final = bytes(range(32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with serving(tmp_path) as running:
        yield running


class Node:
    """A guard with a clock of its own."""

    def __init__(self, client: Valkey, **options: Any) -> None:
        self.clock = w.Clock(5_000.0)
        given = {"audience": AUDIENCE, "secret": SECRET, "monotonic": self.clock, "when_down": WhenDown.REFUSE}
        arguments: dict[str, Any] = given | options
        self.guard = ValkeyReplayGuard(client, **arguments)

    def consume(self, token: bytes, scope: bytes = b"scope", lifetime_s: int = 60) -> Consumption:
        return self.guard.consume(scope, token, lifetime_s)

    def settle(self) -> None:
        """Let so much time pass that nothing of before the epoch is alive."""
        self.consume(b"the first")
        self.clock.now += LONG_S


def nodes(store: Store, count: int = 2, **options: Any) -> list[Node]:
    found = [Node(store.client(), **options) for _ in range(count)]
    for node in found:
        node.settle()
    return found


# --- once is once ---


def test_what_one_node_took_no_other_takes(store: Store) -> None:
    one, other = nodes(store)
    assert one.consume(b"token") is FRESH
    assert other.consume(b"token") is SEEN
    assert one.consume(b"token") is SEEN
    assert other.consume(b"another") is FRESH
    assert one.consume(b"token", b"other scope") is FRESH
    assert one.consume(b"oken", b"scopet") is FRESH  # lengths do not blur


def test_of_many_threads_on_many_nodes_exactly_one_wins(store: Store) -> None:
    fleet = nodes(store, 4)
    for attempt in range(10):
        results: list[Consumption] = []
        start = threading.Barrier(12)

        def use(node: Node, token: bytes = b"%d" % attempt, start: Any = start, results: Any = results) -> None:
            start.wait()
            results.append(node.consume(token))

        threads = [threading.Thread(target=use, args=(fleet[number % 4],)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(result.value for result in results) == ["fresh"] + ["seen"] * 11


def test_the_server_remembers_for_the_lifetime_and_a_second(store: Store) -> None:
    (node,) = nodes(store, 1)
    node.consume(b"token", lifetime_s=60)
    client: Any = store.client()
    lives = [client.pttl(key) for key in client.keys("*") if not key.endswith(b"epoch")]
    assert max(lives) <= 61_000
    assert max(lives) > 55_000


def test_the_server_sees_no_token_and_no_scope(store: Store) -> None:
    (node,) = nodes(store, 1)
    node.consume(b"a-token-of-somebody", b"a-thumbprint")
    client: Any = store.client()
    for key in client.keys("*"):
        assert key.startswith(b"citizenid:replay:")
        assert b"somebody" not in key and b"thumbprint" not in key
        assert b"somebody" not in client.get(key)
    assert repr(node.guard) == "<ValkeyReplayGuard>"


def test_another_audience_or_secret_has_a_space_of_its_own(store: Store) -> None:
    one, two, three = (
        nodes(store, 1, **options)[0]
        for options in ({}, {"audience": "https://other.example"}, {"secret": bytes(range(33))})
    )
    for node in (one, two, three):
        assert node.consume(b"token") is FRESH


# --- what the server has forgotten ---


def test_a_new_epoch_refuses_until_nothing_of_before_is_alive(store: Store) -> None:
    node = Node(store.client(), proof_life_s=120)
    assert node.consume(b"token") is UNAVAILABLE
    node.clock.now += 119
    assert node.consume(b"second") is UNAVAILABLE
    node.clock.now += 2
    assert node.consume(b"third") is FRESH
    assert node.consume(b"token") is SEEN  # what was refused is used up all the same
    assert node.consume(b"challenge", lifetime_s=400) is UNAVAILABLE  # it may be 400 seconds old
    node.clock.now += 300
    assert node.consume(b"another challenge", lifetime_s=400) is FRESH


def test_a_node_that_comes_later_learns_how_old_the_epoch_is(store: Store) -> None:
    Node(store.client()).consume(b"token")
    time.sleep(1.1)
    late = Node(store.client(), proof_life_s=1)
    assert late.consume(b"another", lifetime_s=1) is FRESH


@pytest.mark.parametrize("found", [b"", b"epoch", bytes(17)])
def test_what_is_no_epoch_is_not_taken_for_one(store: Store, found: bytes) -> None:
    nodes(store)  # the server has the script
    client = store.client()
    node = Node(client, pause_s=0.0)
    (name,) = [each for each in cast("list[bytes]", client.keys("*")) if each.endswith(b"epoch")]
    client.set(name, found)
    assert node.consume(b"token") is UNAVAILABLE
    assert client.get(name) not in (None, found)  # one was made in its place
    node.clock.now += LONG_S
    assert [node.consume(b"token"), node.consume(b"another")] == [SEEN, FRESH]


def test_an_epoch_of_another_type_is_a_server_that_cannot_be_asked(store: Store) -> None:
    (node, _) = nodes(store, pause_s=0.0)
    client = store.client()
    (name,) = [each for each in cast("list[bytes]", client.keys("*")) if each.endswith(b"epoch")]
    client.delete(name)
    client.lpush(name, b"1")
    assert node.consume(b"token") is UNAVAILABLE
    assert Node(client).consume(b"token") is UNAVAILABLE


def restart(store: Store) -> None:
    store.kill()
    store.start()


def flush(store: Store) -> None:
    store.client().flushall()


def flush_scripts(store: Store) -> None:
    store.client().script_flush()


@pytest.mark.parametrize("forget", [restart, flush, flush_scripts])
def test_a_server_that_has_forgotten_lets_nothing_through_twice(store: Store, forget: Callable[[Store], None]) -> None:
    one, other = nodes(store, pause_s=0.0)
    assert one.consume(b"token") is FRESH
    forget(store)
    for node in (one, other):
        for _ in range(3):
            assert node.consume(b"token") in (UNAVAILABLE, SEEN)
            assert node.consume(os.urandom(8)) is UNAVAILABLE
    for node in (one, other):
        node.clock.now += LONG_S
        assert node.consume(os.urandom(8)) is FRESH


def test_a_server_whose_clock_is_set_right_after_its_start_makes_no_epoch_older(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It begins with a clock that is behind; the epoch is made under that, and read when the clock has been set.
    one, other = nodes(store, pause_s=0.0)
    assert one.consume(b"token") is FRESH
    assert other.consume(b"another") is FRESH
    restart(store)
    assert one.consume(b"token") is UNAVAILABLE
    seconds, micros = other.guard._client.time()
    monkeypatch.setattr(other.guard._client, "time", lambda: (seconds + 3_600, micros))
    assert other.consume(b"token") in (UNAVAILABLE, SEEN)
    assert other.consume(b"new") is UNAVAILABLE
    other.clock.now += LONG_S
    assert other.consume(b"newer") is FRESH


def test_a_server_that_comes_back_with_an_older_copy_is_noticed(store: Store, tmp_path: Path) -> None:
    (node,) = nodes(store, 1, pause_s=0.0)
    client: Any = store.client()
    client.save()
    assert node.consume(b"token") is FRESH
    store.kill()
    assert (tmp_path / "dump.rdb").exists()
    store.start()
    client = store.client()
    assert [key for key in client.keys("*") if key.endswith(b"epoch")]  # it looks as if nothing had happened
    results = {node.consume(b"token") for _ in range(4)}
    assert results <= {UNAVAILABLE, SEEN}


def test_a_server_that_has_written_down_every_command_is_noticed(tmp_path: Path) -> None:
    log = ("--appendonly", "yes")
    with serving(tmp_path, *log) as store:
        (node,) = nodes(store, 1, pause_s=0.0)
        assert node.consume(b"token") is FRESH
        store.kill()
        store.start(*log)
        client: Any = store.client()
        wait_until(lambda: [key for key in client.keys("*") if key.endswith(b"epoch")])  # it has all but the script
        for _ in range(3):
            assert node.consume(b"token") in (UNAVAILABLE, SEEN)
            assert node.consume(os.urandom(8)) is UNAVAILABLE


def test_a_replica_that_takes_over_is_noticed(store: Store, tmp_path: Path) -> None:
    (tmp_path / "replica").mkdir()
    primary: Any = store.client()
    primary.config_set("repl-diskless-sync-delay", 0)
    with serving(tmp_path / "replica", "--replicaof", "127.0.0.1", str(store.port)) as replica:
        client: Any = replica.client()
        wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        (node,) = nodes(store, 1, pause_s=0.0)
        epoch = node.guard._epoch
        wait_until(lambda: epoch in [client.get(key) for key in client.keys("*epoch")])
        client.replicaof("NO", "ONE")  # what the old one takes from here on, this one does not know of
        assert node.consume(b"token") is FRESH
        node.guard._client = client
        for _ in range(3):
            assert node.consume(b"token") in (UNAVAILABLE, SEEN)
            assert node.consume(os.urandom(8)) is UNAVAILABLE
        assert node.guard._epoch != epoch


def test_the_epoch_is_the_same_for_all_who_notice_at_once(store: Store) -> None:
    fleet = nodes(store, 4, pause_s=0.0)
    store.client().flushall()
    threads = [threading.Thread(target=node.consume, args=(b"token",)) for node in fleet]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for node in fleet:
        node.consume(b"again")
        node.clock.now += LONG_S
    assert [node.consume(b"at last") for node in fleet] == [FRESH, SEEN, SEEN, SEEN]


# --- a server that cannot be asked ---


def test_killed_and_restarted_in_mid_traffic_nothing_gets_through_twice(store: Store) -> None:
    fleet = nodes(store, pause_s=0.0)
    admitted: list[bytes] = []
    stop = threading.Event()
    between = [threading.Lock() for _ in range(4)]  # held while a token goes round

    def traffic(number: int) -> None:
        while not stop.is_set():
            token = os.urandom(8)
            with between[number]:
                for each in (number, number + 1, number):
                    if fleet[each % 2].consume(token) is FRESH:
                        admitted.append(token)
            time.sleep(0)

    def agreed(old: bytes) -> bool:
        """Both know the same new epoch, and wait."""
        answers = {node.consume(b"") for node in fleet}  # each is asked, whatever another says
        return answers == {UNAVAILABLE} and old != fleet[0].guard._epoch == fleet[1].guard._epoch

    threads = [threading.Thread(target=traffic, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            before, epoch = len(admitted), fleet[0].guard._epoch
            wait_until(lambda before=before: len(admitted) > before + 50)
            restart(store)
            with contextlib.ExitStack() as held:
                for lock in between:
                    held.enter_context(lock)
                wait_until(lambda epoch=epoch: agreed(epoch))
                for node in fleet:  # what went round before has ended
                    node.clock.now += LONG_S
        before = len(admitted)
        wait_until(lambda: len(admitted) > before + 50)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(admitted) == len(set(admitted))


def test_while_it_is_down_everything_is_refused_and_nobody_waits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (node,) = nodes(store, 1, pause_s=10.0)
    store.kill()
    assert node.consume(b"token") is UNAVAILABLE
    store.start()
    asked: list[object] = []
    monkeypatch.setattr(ValkeyReplayGuard, "_ask", lambda _, *given: asked.append(given))
    assert node.consume(b"token") is UNAVAILABLE  # it is left alone
    assert not asked
    node.clock.now += 11
    node.consume(b"token")
    assert asked


@pytest.mark.parametrize("wrong", [float("inf"), 1e12])
def test_a_clock_that_was_wrong_once_does_not_leave_the_server_alone_for_ever(store: Store, wrong: float) -> None:
    (node,) = nodes(store, 1)
    store.kill()
    right, node.clock.now = node.clock.now, wrong
    assert node.consume(b"one") is UNAVAILABLE
    node.clock.now = right
    store.start()
    node.consume(b"two")
    node.clock.now += 2 * LONG_S
    assert node.consume(b"three") is FRESH


def test_a_server_that_hangs_is_one_that_is_down(store: Store) -> None:
    node = Node(store.client(0.05), pause_s=0.0)
    node.settle()
    assert store._process is not None
    store._process.send_signal(signal.SIGSTOP)
    try:
        assert node.consume(b"token") is UNAVAILABLE
    finally:
        store._process.send_signal(signal.SIGCONT)
    wait_until(lambda: node.consume(os.urandom(8)) is FRESH)


def test_a_server_that_takes_as_long_as_it_may_to_fail_is_left_alone_as_well(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,) = nodes(store, 1, pause_s=1.0)
    asked: list[float] = []

    def hang(*_: object) -> None:
        asked.append(node.clock.now)
        node.clock.now += 1.0  # the longest timeout that a client may have
        raise Disconnected

    monkeypatch.setattr(node.guard._client, "evalsha", hang)
    for _ in range(5):
        assert node.consume(os.urandom(8)) is UNAVAILABLE
    assert len(asked) == 1
    node.clock.now += 1.0
    assert node.consume(os.urandom(8)) is UNAVAILABLE
    assert len(asked) == 2


@contextlib.contextmanager
def babbling(port: int, answer: bytes) -> Iterator[list[int]]:
    """A server that has this one answer to everything, and counts its connections."""
    ended, connections = threading.Event(), [0]

    def serve() -> None:
        with socket.create_server(("127.0.0.1", port)) as listening:
            listening.settimeout(0.05)
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = listening.accept()
                    connections[0] += 1
                    with connection:
                        connection.settimeout(0.05)
                        while connection.recv(4_096):
                            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield connections
    finally:
        ended.set()
        thread.join()


NONSENSE: Final = (b":x\r\n", b"$y\r\n", b"*0\r\n", b"*1\r\n" * 5_000, b"?\r\n", b"+what\r\n", b"%1\r\n")


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda answer: repr(answer[:5]))
def test_a_server_that_answers_nonsense_is_one_that_is_down(store: Store, answer: bytes) -> None:
    store.kill()
    expected = {WhenDown.REFUSE: UNAVAILABLE, WhenDown.BY_RULE: Consumption.FRESH_HERE, WhenDown.LOCAL: FRESH}
    with babbling(store.port, answer):
        for when_down, used in expected.items():
            node = Node(store.client(), when_down=when_down)
            assert node.consume(b"token") is used
        with pytest.raises(CitizenIDError) as caught:
            node.guard.check_server()
        assert caught.value.reason in (Reason.STORE_UNAVAILABLE, Reason.CONFIGURATION_INVALID)
        assert caught.value.__context__ is None
        given_: Any = {"client": store.client(), "audience": AUDIENCE, "secret": SECRET}
        assert ValkeySignOuts(**given_).add(b"session", later()) is False
        assert FleetChannel(**given_, reload=print).publish(FleetChange.POLICY, DIGEST) is False


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda answer: repr(answer[:5]))
def test_after_nonsense_a_channel_is_heard_again(store: Store, answer: bytes) -> None:
    # A thread that has ended hears of no sign-out any more, and where a rule goes on without the store nobody notices.
    store.kill()
    given_: Any = {"client": store.client(), "audience": AUDIENCE, "secret": SECRET}
    sign_outs = ValkeySignOuts(**given_, when_down=WhenDown.LOCAL)
    with babbling(store.port, answer) as connections:
        sign_outs.start()
        try:
            wait_until(lambda: connections[0] > 0)
            time.sleep(0.2)  # for the answer
        finally:
            if not connections[0]:
                sign_outs.close()
    store.start()
    try:
        wait_until(lambda: not sign_outs.stale)
        assert ValkeySignOuts(**given_).add(b"session", later())
        wait_until(lambda: sign_outs.contains(b"session"))
    finally:
        sign_outs.close()


def test_in_local_mode_a_node_goes_on_by_what_it_knows(store: Store) -> None:
    one, other = nodes(store, pause_s=0.0, when_down=WhenDown.LOCAL)
    assert one.consume(b"before") is FRESH
    store.kill()
    assert one.consume(b"before") is SEEN  # by its own memory
    assert one.consume(b"while down") is FRESH
    assert one.consume(b"while down") is SEEN
    assert other.consume(b"while down") is FRESH  # what it costs
    store.start()
    for node in (one, other):
        node.consume(os.urandom(8))
        node.clock.now += 50  # of 60
        assert node.consume(b"while down") is SEEN  # and stays so


def test_in_local_mode_what_another_node_took_counts_while_the_server_is_up(store: Store) -> None:
    one, other = nodes(store, when_down=WhenDown.LOCAL)
    assert one.consume(b"token") is FRESH
    assert other.consume(b"token") is SEEN


def test_by_rule_a_node_says_what_it_knows_and_that_the_fleet_may_know_more(store: Store) -> None:
    one, other = nodes(store, pause_s=0.0, when_down=WhenDown.BY_RULE)
    assert one.consume(b"before") is FRESH
    store.kill()
    assert one.consume(b"before") is SEEN
    assert one.consume(b"while down") is Consumption.FRESH_HERE
    assert one.consume(b"while down") is SEEN
    assert other.consume(b"while down") is Consumption.FRESH_HERE
    store.start()
    one.consume(os.urandom(8))
    assert one.consume(b"under a young epoch") is Consumption.FRESH_HERE


LOCAL_RULE = """
version = 1
[[rule]]
resource = "us-nationals"
nationality = ["US"]
[[rule]]
resource = "goes on"
nationality = ["US"]
store_down = "local"
"""


def test_while_the_store_is_down_the_rule_decides(store: Store) -> None:
    world = w.World(LOCAL_RULE)
    alice = world.wallet()
    ticket = world.ticket(alice)
    client, arguments = store.client(), {"audience": AUDIENCE, "secret": SECRET}
    store.kill()
    ways = {
        None: ("replay_guard_unavailable", "allow"),
        WhenDown.REFUSE: ("replay_guard_unavailable", "replay_guard_unavailable"),
        WhenDown.LOCAL: ("allow", "allow"),
    }
    for when_down, expected in ways.items():
        options: dict[str, Any] = {} if when_down is None else {"when_down": when_down}
        gateway = world.another_gateway(replay=ValkeyReplayGuard(client, **arguments, **options))
        world.wait(1)
        for resource, outcome in zip(("us-nationals", "goes on"), expected, strict=True):
            asked = w.request(ticket, world.proof(alice.sender, ticket))
            result = gateway.authorize(asked, resource=resource)
            assert str(getattr(result, "reason", "allow")) == outcome
            again = gateway.authorize(asked, resource=resource)
            assert getattr(again, "reason", None) in (Reason.REPLAYED, Reason.REPLAY_GUARD_UNAVAILABLE)
    # Nobody is admitted meanwhile: no rule is known there.
    world.gateway = world.another_gateway(replay=ValkeyReplayGuard(client, **arguments))
    world.wait(1)
    assert world.admit(alice).reason is Reason.REPLAY_GUARD_UNAVAILABLE


def test_in_local_mode_a_full_memory_refuses(store: Store) -> None:
    (node,) = nodes(store, 1, when_down=WhenDown.LOCAL, local=MemoryReplayGuard(max_entries=2, monotonic=lambda: 0.0))
    assert node.consume(b"token") is FRESH
    assert node.consume(b"another") is FULL


# --- a server that throws out ---


def test_a_server_that_evicts_is_not_used(tmp_path: Path) -> None:
    with serving(tmp_path, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as store:
        node = Node(store.client(), pause_s=0.0)
        with pytest.raises(CitizenIDError) as caught:
            node.guard.check_server()
        assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "valkey.maxmemory-policy")
        node.settle()
        assert node.consume(b"token") is UNAVAILABLE
        client: Any = store.client()
        client.config_set("maxmemory-policy", "noeviction")
        node.guard.check_server()
        node.settle()
        assert node.consume(b"token") is FRESH


def test_a_server_without_a_bound_evicts_nothing(store: Store) -> None:
    client: Any = store.client()
    client.config_set("maxmemory-policy", "volatile-lru")
    (node,) = nodes(store, 1)
    node.guard.check_server()
    assert node.consume(b"token") is FRESH


def saying(store: Store, line: bytes) -> Valkey:
    """A client to which the server seems to be of another version."""
    client = store.client()
    parse = client.response_callbacks["INFO"]
    client.set_response_callback(
        "INFO", lambda answer, **options: parse(re.sub(rb"(?m)^redis_version:[^\r]*", line, answer), **options)
    )
    return client


@pytest.mark.parametrize(
    "line",
    [
        b"redis_version:6.2.14", b"redis_version:6.9.240", b"redis_version:2.8.4", b"redis_version:6.255.255",
        b"redis_version:7.0", b"redis_version:7", b"redis_version:", b"redis_version:7.0.0-rc1",
        b"redis_version:v7.0.0", "redis_version:٧.0.0".encode(), b"redis_version:7.0.0.0",
        b"redis_version:7.0.99999", b"redis_version:a=7,b=0", b"valkey_version:8.0.1", b"",
    ],
)  # fmt: skip
def test_a_server_whose_replicas_may_know_the_script_is_not_used(store: Store, line: bytes) -> None:
    node = Node(saying(store, line), pause_s=0.0)
    with pytest.raises(CitizenIDError) as caught:
        node.guard.check_server()
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "valkey.version")
    node.settle()
    assert node.consume(b"token") is UNAVAILABLE
    assert store.client().keys("*") == []  # no epoch has begun


@pytest.mark.parametrize("version", [b"7.0.0", b"7.2.4", b"8.0.2", b"10.0.0", b"255.255.255"])
def test_a_server_that_is_new_enough_is_used(store: Store, version: bytes) -> None:
    node = Node(saying(store, b"redis_version:" + version), pause_s=0.0)
    node.guard.check_server()
    node.settle()
    assert node.consume(b"token") is FRESH


def test_a_server_that_is_away_is_said_to_be(store: Store) -> None:
    node = Node(store.client())
    store.kill()
    with pytest.raises(CitizenIDError) as caught:
        node.guard.check_server()
    assert caught.value.reason is Reason.STORE_UNAVAILABLE
    assert caught.value.__context__ is None


def test_a_full_server_refuses_what_is_new_and_forgets_nothing(store: Store) -> None:
    (node,) = nodes(store, 1)
    assert node.consume(b"token") is FRESH
    client: Any = store.client()
    client.set("something else", b"x" * 1_000_000)
    client.config_set("maxmemory", "1mb")
    assert node.consume(b"another") is FULL
    assert node.consume(b"token") is SEEN or node.consume(b"token") is FULL


@pytest.mark.parametrize(
    "options",
    [
        {"secret": b"short"},
        {"secret": bytes(32)},
        {"secret": "text" * 8},
        {"audience": ""},
        {"audience": None},
        {"when_down": "refuse"},
        {"proof_life_s": 0},
        {"proof_life_s": 1.5},
        {"pause_s": -1},
        {"pause_s": None},
        {"pause_s": "1"},
        {"pause_s": float("nan")},
        {"monotonic": 5},
        {"random": None},
        {"local": object()},
    ],
)
def test_what_makes_no_sense_is_refused(options: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        Node(connect("valkey://127.0.0.1:1"), **options)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize(
    "client",
    [
        Valkey(),
        Valkey(socket_timeout=0.05),
        Valkey(socket_timeout=0.05, socket_connect_timeout=5.0),
        Valkey(socket_timeout=0.05, socket_connect_timeout=0.05, decode_responses=True),
        Valkey(connection_pool=BlockingConnectionPool(socket_timeout=0.05, socket_connect_timeout=0.05)),
        Valkey(connection_pool=BlockingConnectionPool(timeout=None, socket_timeout=0.05, socket_connect_timeout=0.05)),
        Sentinel([("127.0.0.1", 1)]).master_for("one", socket_timeout=0.05, socket_connect_timeout=0.05),
        Sentinel([("127.0.0.1", 1)], socket_timeout=0.05).master_for("one", socket_connect_timeout=0.05),
        None,
        "valkey://127.0.0.1",
        5,
        object(),
    ],
)
def test_a_client_that_would_let_a_request_wait_or_is_none_is_refused(client: Any) -> None:
    for make in (ValkeyReplayGuard, ValkeySignOuts, partial(FleetChannel, reload=print)):
        with pytest.raises(CitizenIDError) as caught:
            make(client, audience=AUDIENCE, secret=SECRET)
        assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_a_pool_in_which_nobody_waits_for_long_is_taken() -> None:
    pool = BlockingConnectionPool(port=1, timeout=0.05, socket_timeout=0.05, socket_connect_timeout=0.05)
    sentinel = Sentinel([("127.0.0.1", 1)], socket_timeout=0.05, socket_connect_timeout=0.05)
    for client in (Valkey(connection_pool=pool), sentinel.master_for("one")):
        guard = ValkeyReplayGuard(client, audience=AUDIENCE, secret=SECRET, when_down=WhenDown.REFUSE)
        assert guard.consume(b"scope", b"token", 60) is UNAVAILABLE


@pytest.mark.parametrize(
    "options",
    [
        {"when_down": "local"},
        {"when_down": None},
        {"max_entries": 0},
        {"max_entries": True},
        {"stale_after_s": float("nan")},  # no silence would ever be longer
        {"stale_after_s": float("inf")},
        {"stale_after_s": None},
        {"stale_after_s": "5"},
        {"stale_after_s": -1.0},
        {"stale_after_s": True},
        {"reread_s": float("nan")},  # nor would all be read again
        {"reread_s": None},
        {"clock": 5},
        {"monotonic": None},
        {"random": b"random"},
    ],
    ids=str,
)
def test_a_set_of_sign_outs_that_makes_no_sense_is_not_made(options: dict[str, Any]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        ValkeySignOuts(connect("valkey://127.0.0.1:1"), audience=AUDIENCE, secret=SECRET, **options)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "valkey.sign_outs")


@pytest.mark.parametrize(
    "source",
    [lambda size: 1 // 0, lambda: b"", lambda size: None, lambda size: bytes(size - 1), bytearray, str],
)
def test_a_process_without_a_name_of_its_own_tells_and_hears_nothing(source: Any) -> None:
    # Of two processes with one name, each would take what the other says for its own echo: a sign-out would be lost.
    for make in (ValkeySignOuts, partial(FleetChannel, reload=print)):
        with pytest.raises(CitizenIDError) as caught:
            make(connect("valkey://127.0.0.1:1"), audience=AUDIENCE, secret=SECRET, random=source)
        assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "valkey.random")
        assert caught.value.__context__ is None


def test_a_clock_that_shows_no_number_makes_no_epoch_old_enough(store: Store) -> None:
    node = Node(store.client())
    node.settle()
    assert node.consume(b"one") is FRESH
    node.clock.now = float("nan")
    assert node.consume(b"two") is UNAVAILABLE
    late = Node(store.client())
    late.clock.now = float("nan")
    assert late.consume(b"three") is UNAVAILABLE  # and it learns the epoch now
    late.clock.now = 1e9
    assert late.consume(b"four") is UNAVAILABLE


@pytest.mark.parametrize("source", [lambda size: 1 // 0, lambda size: b"", lambda size: bytes(size - 1)])
def test_an_epoch_that_is_not_random_is_none(store: Store, source: Any) -> None:
    node = Node(store.client(), random=source)
    assert [node.consume(b"one") for _ in range(2)] == [UNAVAILABLE] * 2
    assert not store.client().keys("*")


def test_sign_outs_are_stale_by_a_clock_that_shows_no_number() -> None:
    readings = [1.0]
    outs = ValkeySignOuts(
        connect("valkey://127.0.0.1:1"), audience=AUDIENCE, secret=SECRET, monotonic=lambda: readings[0]
    )
    outs._subscription.alive_at = 1.0
    assert not outs.stale and not outs.contains(b"session")
    readings[0] = float("nan")
    assert outs.stale
    with pytest.raises(CitizenIDError) as caught:
        outs.contains(b"session")
    assert caught.value.reason is Reason.SIGN_OUTS_UNAVAILABLE
    readings[0], outs._subscription.alive_at = 1.0, float("nan")
    assert outs.stale


def test_an_audience_that_has_no_bytes_is_refused() -> None:
    for make in (ValkeyReplayGuard, ValkeySignOuts, partial(FleetChannel, reload=print)):
        with pytest.raises(CitizenIDError) as caught:
            make(connect("valkey://127.0.0.1:1"), audience="https://\ud800.example", secret=SECRET)
        assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("url", ["http://127.0.0.1", "", 5, "valkey://127.0.0.1:port"])
def test_an_address_that_is_none_is_refused(url: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        connect(url)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert caught.value.__context__ is None


def test_a_wait_has_no_truth_value() -> None:
    for each in WhenDown:
        with pytest.raises(TypeError):
            bool(each)


def test_the_gateway_refuses_with_a_reason_of_its_own(store: Store) -> None:
    world = w.World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    store.kill()
    gateway = world.another_gateway(replay=Node(store.client()).guard)
    world.wait(1)
    denied = world.ask(alice, ticket, gateway=gateway)
    assert denied.reason is Reason.REPLAY_GUARD_UNAVAILABLE
    assert denied.http().status == 503


def test_a_gateway_that_hears_of_no_sign_outs_lets_nobody_in_and_says_why(store: Store) -> None:
    world = w.World(LOCAL_RULE)
    alice = world.wallet()
    ticket = world.ticket(alice)
    unknown, away = Reason.SIGN_OUTS_UNAVAILABLE, Reason.STORE_UNAVAILABLE
    for when_down, reasons in (
        (WhenDown.BY_RULE, (unknown, None)),
        (WhenDown.REFUSE, (away, away)),
        (WhenDown.LOCAL, (None, None)),
    ):
        sign_outs = ValkeySignOuts(store.client(), audience=AUDIENCE, secret=SECRET, when_down=when_down)
        gateway = world.another_gateway(sign_outs=sign_outs)
        world.wait(1)
        for resource, reason in zip(("us-nationals", "goes on"), reasons, strict=True):
            result = world.ask(alice, ticket, resource, gateway=gateway)
            assert getattr(result, "reason", None) is reason
            assert reason is None or result.http().status == 503
        sign_outs.add(w.allowed(world.ask(alice, ticket)).session_id or b"", world.now + 60)  # what is known counts
        assert world.ask(alice, ticket, "goes on", gateway=gateway).reason is Reason.SIGNED_OUT


def test_who_signs_out_while_nobody_can_be_told_is_out_here_and_the_answer_says_what_is_missing(store: Store) -> None:
    world = w.World(LOCAL_RULE)
    alice = world.wallet()
    tickets = [world.ticket(alice) for _ in range(4)]
    given_: Any = {"audience": AUDIENCE, "secret": SECRET, "when_down": WhenDown.LOCAL, "max_entries": 2}
    gateway = world.another_gateway(sign_outs=ValkeySignOuts(store.client(), **given_))
    world.wait(1)
    sessions = [w.allowed(world.ask(alice, each, "goes on", gateway=gateway)).session_id for each in tickets]

    def sign_out(ticket: str) -> Any:
        return gateway.sign_out(w.request(ticket, world.proof(alice.sender, ticket)))

    store.kill()
    denied = w.denied(sign_out(tickets[0]), Reason.STORE_UNAVAILABLE, "configuration")
    assert denied.http().status == 503
    assert sessions[1] is not None and sessions[3] is not None
    with pytest.raises(CitizenIDError) as caught:
        gateway.revoke_session(sessions[1])
    assert caught.value.reason is Reason.STORE_UNAVAILABLE
    for ticket in tickets[:2]:
        assert world.ask(alice, ticket, "goes on", gateway=gateway).reason is Reason.SIGNED_OUT
    w.denied(sign_out(tickets[2]), Reason.SIGN_OUTS_FULL, "ticket")  # there is no room: these two go on
    with pytest.raises(CitizenIDError) as caught:
        gateway.revoke_session(sessions[3])
    assert caught.value.reason is Reason.SIGN_OUTS_FULL
    for ticket in tickets[2:]:
        w.allowed(world.ask(alice, ticket, "goes on", gateway=gateway))


@pytest.mark.parametrize("when_down", WhenDown)
def test_an_operator_who_ends_a_session_while_nobody_can_be_told_hears_whether_it_has_ended_here(
    store: Store, when_down: WhenDown
) -> None:
    given_: Any = {"audience": AUDIENCE, "secret": SECRET, "when_down": when_down, "max_entries": 1}
    sign_outs = ValkeySignOuts(store.client(), **given_)
    gateway = w.World().another_gateway(sign_outs=sign_outs)
    store.kill()
    for session_id, reason in ((bytes(16), Reason.STORE_UNAVAILABLE), (bytes([1] * 16), Reason.SIGN_OUTS_FULL)):
        with pytest.raises(CitizenIDError) as caught:
            gateway.revoke_session(session_id)
        assert caught.value.reason is reason
    assert sign_outs.contains(bytes(16)) and len(sign_outs) == 1


# --- messages ---

KEY: Final = bytes(range(32, 64))


def envelope(sender: bytes = b"sender 1", now: float = 1_000.0) -> tuple[Envelope, w.Clock]:
    clock = w.Clock(now)
    return Envelope(KEY, sender=sender, clock=clock), clock


@given(st.binary(max_size=64), st.integers(0, 255), st.data())
def test_a_message_counts_as_it_was_sealed_or_not_at_all(body: bytes, kind: int, data: st.DataObject) -> None:
    sealed = envelope()[0].seal(kind, body)
    assert envelope(b"sender 2")[0].open(sealed) == Message(kind, body)
    position = data.draw(st.integers(0, len(sealed) * 8 - 1))
    changed = bytearray(sealed)
    changed[position // 8] ^= 1 << position % 8
    for kept in (False, True):
        assert envelope(b"sender 2")[0].open(bytes(changed), kept=kept) is None
        assert envelope(b"sender 2")[0].open(sealed[:-1], kept=kept) is None
        assert envelope(b"sender 2")[0].open(sealed + b"\0", kept=kept) is None


@given(st.binary(max_size=200) | st.none() | st.text() | st.integers())
def test_anything_else_is_passed_over(data: Any) -> None:
    assert envelope()[0].open(data) is None
    assert envelope()[0].open(data, kept=True) is None


def test_a_message_is_taken_once_in_its_order_and_in_its_time() -> None:
    one, clock = envelope()
    reader, reading = envelope(b"sender 2")
    first, second = one.seal(1, b"first"), one.seal(1, b"second")
    assert reader.open(second) is not None
    assert reader.open(second) is None
    assert reader.open(first) is None
    assert reader.open(first, kept=True) is not None
    clock.now = 1_200.0
    late = one.seal(1, b"late")
    assert reader.open(late) is None  # from a clock far ahead, or kept back until now
    reading.now = 1_200.0
    assert reader.open(late) is not None
    reading.now = 1_261.0
    assert reader.open(one.seal(1, b"next")) is None


def test_of_many_senders_as_many_are_known_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citizenid.integrations._fleet._MAX_SENDERS", 3)
    reader, reading = envelope(b"reader")
    first = [envelope(b"sender %d" % number)[0].seal(1, b"") for number in range(4)]
    assert [reader.open(each) is not None for each in first] == [True, True, True, False]
    assert reader.open(first[0]) is None  # the known are not forgotten for it
    reading.now += 61
    assert reader.open(envelope(b"sender 9", reading.now)[0].seal(1, b"")) is not None


def test_purposes_audiences_and_secrets_have_keys_and_names_of_their_own() -> None:
    found = {
        names_of(secret, audience, purpose)
        for secret in (SECRET, KEY)
        for audience in ("one", "two")
        for purpose in ("replay", "changes")
    }
    assert len({name for _, name in found}) == 8
    assert len({key for key, _ in found}) == 4


# --- sign-outs ---


@contextlib.contextmanager
def listening(store: Store, **options: Any) -> Iterator[ValkeySignOuts]:
    arguments: dict[str, Any] = {"client": store.client(), "audience": AUDIENCE, "secret": SECRET} | options
    sign_outs = ValkeySignOuts(**arguments)
    sign_outs.start()
    try:
        if not options.get("late"):
            wait_until(lambda: not sign_outs.stale)
        yield sign_outs
    finally:
        sign_outs.close()


def later(seconds: float = 3_600) -> int:
    return int(time.time() + seconds)


def test_who_signs_out_on_one_is_signed_out_on_all(store: Store) -> None:
    with listening(store) as one, listening(store) as other:
        assert not other.contains(b"session")
        assert one.add(b"session", later())
        assert one.contains(b"session")
        wait_until(lambda: other.contains(b"session"))
        assert not other.contains(b"another")
        with listening(store) as newcomer:
            assert newcomer.contains(b"session")  # read before it says that it is fresh
            assert len(newcomer) == 1


class Late:
    """A client whose first pipeline waits a little for a second one before it is sent."""

    def __init__(self, client: Valkey) -> None:
        self._client = client
        self._first = True
        self._second_has_gone = threading.Event()

    def pipeline(self, **options: Any) -> Any:
        together = self._client.pipeline(**options)
        real, first = together.execute, self._first
        self._first = False

        def execute() -> Any:
            if first:
                self._second_has_gone.wait(0.3)
            found = real()
            if not first:
                self._second_has_gone.set()
            return found

        together.execute = execute
        return together

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def both_at_once(first: Callable[[], object], second: Callable[[], object]) -> None:
    threads = [threading.Thread(target=each) for each in (first, second)]
    for each in threads:
        each.start()
        time.sleep(0.05)
    for each in threads:
        each.join()


def test_of_two_who_sign_out_at_once_both_are_heard(store: Store) -> None:
    # What is numbered first is sent first: a message with a lower number than the last one is passed over.
    with listening(store) as one, listening(store) as other:
        one._client = Late(one._client)  # type: ignore[assignment]  # it stands in for it
        both_at_once(lambda: one.add(b"first", later()), lambda: one.add(b"second", later()))
        wait_until(lambda: other.contains(b"second") and other.contains(b"first"))


def test_of_two_changes_at_once_the_later_stays(store: Store) -> None:
    came: list[Any] = []
    with channel(store, lambda *_: None) as one, channel(store, lambda *change: came.append(change)):
        one._client = Late(one._client)  # type: ignore[assignment]  # as above
        both_at_once(lambda: one.publish(FleetChange.POLICY, DIGEST), lambda: one.publish(FleetChange.POLICY, LATER))
        wait_until(lambda: len(came) == 2)
        assert came == [(FleetChange.POLICY, DIGEST), (FleetChange.POLICY, LATER)]


def test_processes_that_were_forked_are_two_senders(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each has the number of its parent: what the one says would be passed over for what the other has said.
    with listening(store) as one, listening(store) as other:
        for process in (1_001, 1_002, 1_003):
            monkeypatch.setattr("citizenid.integrations._fleet.getpid", lambda process=process: process)
            one._envelope._number = 0
            assert one.add(b"of %d" % process, later())
            wait_until(lambda process=process: other.contains(b"of %d" % process))  # type: ignore[misc]


def test_a_process_that_was_forked_listens_for_itself(store: Store) -> None:
    with listening(store) as one, listening(store) as other:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                one.start()
                assert other.add(b"of the child", later())
                wait_until(lambda: one.contains(b"of the child") and not one.stale)
                code = 7
            finally:
                os._exit(code)
        wait_until(lambda: one.contains(b"of the child") and other.contains(b"of the child"))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize("off_s", [-3_000, -90, 90, 3_000])
@pytest.mark.parametrize("whose", ["who tells", "who hears"])
def test_a_sign_out_is_heard_whatever_the_clocks_say(store: Store, whose: str, off_s: int) -> None:
    # The channel is said to be fresh: what it has brought must not be unknown until all is read anew.
    options: dict[str, Any] = {"clock": lambda: time.time() + off_s}
    tells, hears = (options, {}) if whose == "who tells" else ({}, options)
    with listening(store, **tells) as one, listening(store, **hears) as other:
        assert one.add(b"session", later(7_200))
        wait_until(lambda: other.contains(b"session"))


def test_a_sign_out_that_comes_again_takes_nothing_back(store: Store) -> None:
    with listening(store) as one, listening(store) as other:
        assert one.add(b"session", later())
        wait_until(lambda: other.contains(b"session"))
        (message,) = store.client().zrange(one._all, 0, -1)
        assert one.add(b"session", later(7_200))
        wait_until(lambda: max(other._until.values())[0] >= later(7_000))
        longest = max(other._until.values())
        store.client().publish(one._channel, message)
        assert one.add(b"last", later())
        wait_until(lambda: other.contains(b"last"))
        assert longest in other._until.values() and len(other) == 2


def unknown(sign_outs: ValkeySignOuts, session_id: bytes) -> bool:
    """Whether the set says that it cannot say."""
    try:
        sign_outs.contains(session_id)
    except CitizenIDError as error:
        assert error.reason is Reason.SIGN_OUTS_UNAVAILABLE
        return True
    return False


def test_until_it_has_read_all_nobody_is_let_in(store: Store) -> None:
    sign_outs = ValkeySignOuts(store.client(), audience=AUDIENCE, secret=SECRET)
    assert sign_outs.stale
    for ask in (sign_outs.check_fresh, lambda: sign_outs.contains(b"anybody")):
        with pytest.raises(CitizenIDError) as caught:
            ask()
        assert caught.value.reason is Reason.SIGN_OUTS_UNAVAILABLE
    local = ValkeySignOuts(store.client(), audience=AUDIENCE, secret=SECRET, when_down=WhenDown.LOCAL)
    assert local.stale
    assert not local.contains(b"anybody")


def test_killed_and_restarted_in_mid_traffic_no_sign_out_is_lost(store: Store) -> None:
    with listening(store, stale_after_s=2.0) as one, listening(store, stale_after_s=2.0) as other:
        assert one.add(b"before", later())
        wait_until(lambda: other.contains(b"before"))
        store.kill()
        assert not one.add(b"while down", later())  # it says that it could tell nobody
        assert one.contains(b"while down")
        wait_until(lambda: other.stale)
        assert unknown(other, b"anybody")
        assert other.contains(b"before")  # what is known is said
        store.start()
        wait_until(lambda: not other.stale and not one.stale)
        wait_until(lambda: not unknown(other, b"anybody") and not other.contains(b"anybody"))
        wait_until(lambda: other.contains(b"while down"))
        assert other.contains(b"before")
        with listening(store) as newcomer:  # the server has got back what it lost
            wait_until(lambda: newcomer.contains(b"before") and newcomer.contains(b"while down"))
            other.check_fresh()


def test_a_server_that_hangs_is_stale(store: Store) -> None:
    with listening(store, stale_after_s=1.5) as one:
        assert store._process is not None
        store._process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: one.stale)
        finally:
            store._process.send_signal(signal.SIGCONT)
        wait_until(lambda: not one.stale)


def test_what_the_server_makes_up_is_passed_over(store: Store) -> None:
    with listening(store) as one, listening(store, secret=KEY) as stranger:
        client: Any = store.client()
        for channel in client.pubsub_channels():
            client.publish(channel, b"garbage")
            client.publish(channel, bytes(90))
        client.zadd(one._all, {b"garbage": later(), bytes(90): later()})
        stranger.add(b"session", later())
        one.add(b"last", later())
        with listening(store) as newcomer:
            assert len(newcomer) == 1
        assert not one.contains(b"session")
        assert not one.stale


def test_what_the_server_drops_is_kept(store: Store) -> None:
    with listening(store, reread_s=0.1) as one:
        one.add(b"session", later())
        client: Any = store.client()
        client.delete(one._all)
        wait_until(lambda: client.zcard(one._all) == 1)
        assert one.contains(b"session")


def test_more_than_there_is_room_for_is_said(store: Store) -> None:
    with listening(store, max_entries=2) as small, listening(store) as large:
        assert small.add(b"1", later()) and small.add(b"2", later())
        assert not small.add(b"3", later())
        assert small.contains(b"1") and small.contains(b"2")
        assert large.add(b"3", later())
        wait_until(lambda: small.stale)  # it cannot hold the third, and lets nobody in for it
        assert unknown(small, b"3")


def unstarted(store: Store, clock: w.Clock, **options: Any) -> ValkeySignOuts:
    """A set whose channel is as if it were fresh at all times; the test reads for it."""
    sign_outs = ValkeySignOuts(
        store.client(), audience=AUDIENCE, secret=SECRET, clock=clock, monotonic=lambda: clock.now + 5_000.0, **options
    )
    sign_outs._subscription.alive_at = float("inf")
    return sign_outs


def test_when_there_is_room_again_and_all_is_held_an_overflow_is_over(store: Store) -> None:
    clock = w.Clock(1_000.0)
    small, large = unstarted(store, clock, max_entries=2), unstarted(store, clock)
    for number in range(3):
        assert large.add(b"%d" % number, 1_100 + 100 * number)
    small._read()
    assert small.stale and unknown(small, b"2")
    clock.now = 1_100.5
    assert small.stale  # that one has ended is not enough: the third is still not known here
    small._read()
    assert not small.stale
    assert len(small) == 2 and small.contains(b"1") and small.contains(b"2")

    assert large.add(b"3", 1_400)
    small._read()
    assert small.stale
    small._read()
    assert small.stale
    store.kill()
    clock.now = 90_000.0
    with pytest.raises(Disconnected):
        small._read()
    assert len(small) == 0 and small.stale  # there is room, but who knows
    store.start()
    small._read()
    assert not small.stale and not small.contains(b"3")


def test_an_overflow_of_what_the_server_has_lost_is_not_over(store: Store) -> None:
    clock = w.Clock(1_000.0)
    small, large = unstarted(store, clock, max_entries=2), unstarted(store, clock)
    for number, until in enumerate((1_100, 1_200, 1_300)):
        assert large.add(b"%d" % number, until)
    small._read()
    assert small.stale
    store.client().flushall()
    clock.now = 1_101.0
    small._read()  # there is room, and nothing on the server that is not held
    assert small.stale and unknown(small, b"2")
    large._read()  # which gives it back
    small._read()
    assert not small.stale and small.contains(b"2")


def test_what_has_ended_takes_nobody_s_room(store: Store) -> None:
    clock = w.Clock(1_000.0)
    small, large = unstarted(store, clock, max_entries=2), unstarted(store, clock)
    for number in range(5):
        assert large.add(b"%d" % number, 1_100)
    clock.now = 1_101.0
    assert large.add(b"alive", 2_000)
    small._read()  # the server keeps what has ended for a day
    assert not small.stale
    assert len(small) == 1 and small.contains(b"alive")


def test_what_is_held_is_held_longer_when_the_server_says_so_though_the_clock_says_that_it_is_over(
    store: Store,
) -> None:
    clock = w.Clock(1_000.0)
    one, other = unstarted(store, clock), unstarted(store, clock)
    assert one.add(b"session", 1_100)
    assert other.add(b"session", 1_200)
    one._monotonic = one._held._monotonic = lambda: 6_000.0
    clock.now = 1_500.0
    one._read()
    assert [until for until, _ in one._until.values()] == [1_200]


def test_the_server_sees_no_session(store: Store) -> None:
    with listening(store) as one:
        one.add(b"a session of somebody", later())
        client: Any = store.client()
        assert b"somebody" not in b"".join(client.zrange(one._all, 0, -1))
        assert repr(one) == "<ValkeySignOuts of 1>"


def test_no_step_of_the_clock_lets_go_of_one_early() -> None:
    clock, monotonic = w.Clock(1_000.0), w.Clock(50.0)
    held = _Held(10, clock, monotonic)
    held.add(b"h", 1_100)
    clock.now += 86_400
    assert held.sweep() == {b"h": 1_100}
    monotonic.now += 101
    clock.now = 900.0
    assert held.sweep() == {b"h": 1_100}
    clock.now = 1_101.0
    assert held.sweep() == {}


def test_of_two_ends_the_later_counts() -> None:
    clock, monotonic = w.Clock(1_000.0), w.Clock(50.0)
    held = _Held(10, clock, monotonic)
    held.add(b"h", 1_500)
    held.add(b"h", 1_100)
    assert held.until[b"h"] == (1_500, 550.0)


# --- a channel that is late ---


class Counted(w.Clock):
    """A clock that knows how often it was asked."""

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self.asked = 0

    def __call__(self) -> Any:
        self.asked += 1
        return super().__call__()

    def pass_rounds(self) -> None:
        """Let the thread of a channel go round a few times."""
        before = self.asked
        wait_until(lambda: self.asked > before + 3)


class Watched(Valkey):
    """A client that shows the subscribers that were made by it."""

    def pubsub(self, **options: Any) -> Any:
        self.made: list[Any] = [*getattr(self, "made", []), super().pubsub(**options)]
        return self.made[-1]


def watched(url: str) -> Any:
    return Watched.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)


def fall_behind(relay: Relay, clock: Counted, publish: Callable[[], object]) -> None:
    """A ping at 101 is answered at 104, and what was published in between is still under way."""
    relay.hold()
    clock.now = 101.0
    wait_until(lambda: PONG.search(relay.held))
    publish()
    clock.now = 104.0
    clock.pass_rounds()
    answer = PONG.match(relay.held)
    assert answer is not None
    relay.release(answer.end())


def test_an_answer_that_is_late_says_nothing_of_what_came_after_its_ping(store: Store) -> None:
    clock = Counted(100.0)
    options: dict[str, Any] = {"monotonic": clock, "stale_after_s": 2.0}
    with (
        relaying(store) as relay,
        listening(store, client=relay.client(), **options) as late,
        listening(store) as other,
    ):
        fall_behind(relay, clock, lambda: other.add(b"session", later()))
        wait_until(lambda: late._subscription.alive_at > 100.0)
        assert unknown(late, b"session")
        assert late._subscription.alive_at == 101.0
        clock.pass_rounds()
        assert relay.pings == 2  # one at a time: the second has left when the first was answered
        relay.release()
        wait_until(lambda: not late.stale)
        assert late.contains(b"session")  # which came before the second answer


def test_an_answer_to_something_else_says_nothing(store: Store) -> None:
    clock = Counted(100.0)
    with relaying(store) as relay, listening(store) as other:
        client = watched(relay.url)
        with listening(store, client=client, monotonic=clock) as late:
            relay.hold()
            client.made[0].execute_command("PING", "something else")
            wait_until(lambda: PONG.search(relay.held))
            assert other.add(b"session", later())
            clock.now = 101.0
            wait_until(lambda: relay.pings == 2)
            answer = PONG.match(relay.held)
            assert answer is not None
            relay.release(answer.end())
            clock.pass_rounds()
            assert late._subscription.alive_at == 100.0
            assert not late.contains(b"session")
            relay.release()
            wait_until(lambda: late._subscription.alive_at == 101.0)
            assert late.contains(b"session")


def test_a_channel_of_changes_that_is_late_says_how_late(store: Store) -> None:
    clock, seen = Counted(100.0), list[Any]()
    with (
        relaying(store) as relay,
        channel(store, lambda *change: seen.append(change), client=relay.client(), monotonic=clock) as late,
        channel(store, lambda *_: None) as other,
    ):
        fall_behind(relay, clock, lambda: other.publish(FleetChange.POLICY, DIGEST))
        wait_until(lambda: late._subscription.alive_at > 100.0)
        assert late.silent_s == 3.0
        assert not seen
        relay.release()
        wait_until(lambda: late.silent_s == 0.0)
        assert seen == [(FleetChange.POLICY, DIGEST)]


def test_a_connection_on_which_nothing_comes_any_more_is_opened_anew(store: Store) -> None:
    clock = Counted(100.0)
    with (
        relaying(store) as relay,
        listening(store, client=relay.client(), monotonic=clock, reread_s=1e9) as late,
        listening(store) as other,
    ):
        relay.hold()  # the old connection alone
        clock.now = 101.0
        wait_until(lambda: relay.pings == 1)
        assert other.add(b"session", later())
        clock.now = 107.0
        wait_until(lambda: not late.stale)
        assert late.contains(b"session")
        assert len(relay.subscribed) == 2


@contextlib.contextmanager
def subscribed(client: Valkey, **told: Callable[..., object]) -> Iterator[tuple[Subscription, list[float]]]:
    """A bare subscription that reads nothing again by itself, and up to when it was alive at each opening."""
    opened: list[float] = []
    subscription = Subscription(
        client, "a channel", reread_s=1e9, on_open=lambda: opened.append(subscription.alive_at),
        on_message=told.get("on_message", lambda _: None),
    )  # fmt: skip
    subscription.start()
    try:
        wait_until(lambda: subscription.alive_at > 0)
        yield subscription, opened
    finally:
        subscription.close()


def test_a_connection_that_the_client_opens_anew_by_itself_is_read_anew(store: Store) -> None:
    client = Valkey.from_url(
        store.url, socket_timeout=1.0, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 3),
        retry_on_error=[Disconnected],
    )  # fmt: skip
    with subscribed(client) as (subscription, opened):
        killer: Any = store.client()
        assert killer.client_kill_filter(_type="pubsub") == 1
        wait_until(lambda: len(opened) == 2)
        wait_until(lambda: subscription.alive_at > opened[1])


def test_a_server_that_answers_pings_and_has_ended_the_subscription_is_noticed(store: Store) -> None:
    client = watched(store.url)
    with subscribed(client) as (_, opened):
        client.made[0].execute_command("UNSUBSCRIBE", "a channel")  # nobody here asked for it
        wait_until(lambda: len(opened) == 2)
        watcher: Any = store.client()
        assert watcher.pubsub_numsub("a channel") == [(b"a channel", 1)]


def test_a_reader_so_slow_that_the_server_hangs_up_reads_everything_anew(store: Store) -> None:
    held, go_on = threading.Event(), threading.Event()
    began: list[float] = []

    def stall(_: object) -> None:
        began.append(time.monotonic())
        held.set()
        assert go_on.wait(60)

    client: Any = store.client()
    client.config_set("client-output-buffer-limit", "pubsub 1mb 0 0")
    with subscribed(store.client(), on_message=stall) as (subscription, opened):
        try:
            client.publish("a channel", b"first")
            assert held.wait(20)
            for _ in range(200):
                if client.publish("a channel", bytes(1_000_000)) == 0:
                    break
            assert client.pubsub_numsub("a channel") == [(b"a channel", 0)]
        finally:
            go_on.set()
        wait_until(lambda: len(opened) == 2)
        assert opened[1] <= began[0]  # nothing after the stall was taken for heard
        wait_until(lambda: subscription.alive_at > began[-1])


# --- changes ---


@contextlib.contextmanager
def channel(store: Store, reload: Callable[[FleetChange, bytes], object], **options: Any) -> Iterator[FleetChannel]:
    arguments: dict[str, Any] = {"audience": AUDIENCE, "secret": SECRET, "reload": reload} | options
    made = FleetChannel(**{"client": store.client()} | arguments)
    made.start()
    try:
        wait_until(lambda: made.silent_s < 5)
        yield made
    finally:
        made.close()


def test_a_change_reaches_every_process_once(store: Store) -> None:
    seen: list[tuple[FleetChange, bytes]] = []
    mine: list[tuple[FleetChange, bytes]] = []
    with (
        channel(store, lambda *change: mine.append(change), reread_s=0.1) as one,
        channel(store, lambda *change: seen.append(change), reread_s=0.1),
    ):
        assert one.publish(FleetChange.POLICY, DIGEST)
        assert one.publish(FleetChange.POLICY, DIGEST)
        assert one.publish(FleetChange.KEYS, bytes([1]) * 32)
        expected = [(FleetChange.POLICY, DIGEST), (FleetChange.KEYS, bytes([1]) * 32)]
        wait_until(lambda: len(seen) >= 2 and len(mine) >= 2)
        time.sleep(1.5)  # and read several times since
        assert seen == mine == expected


def test_who_was_away_learns_of_the_last_change(store: Store) -> None:
    with channel(store, lambda *_: None) as one:
        one.publish(FleetChange.ANCHORS, DIGEST)
    seen: list[Any] = []
    with channel(store, lambda *change: seen.append(change)):
        wait_until(lambda: seen == [(FleetChange.ANCHORS, DIGEST)])


def test_a_reload_that_fails_is_counted_and_tried_again(store: Store) -> None:
    calls: list[Any] = []

    def reload(change: FleetChange, digest: bytes) -> None:
        calls.append(change)
        if len(calls) < 3:
            raise CitizenIDError(Reason.POLICY_INVALID, "policy")

    with channel(store, reload, reread_s=0.1) as one:
        one.publish(FleetChange.POLICY, DIGEST)
        wait_until(lambda: len(calls) == 3)
        assert one.failures == 2


def test_a_change_under_another_secret_is_none(store: Store) -> None:
    seen: list[Any] = []
    with channel(store, lambda *change: seen.append(change)) as one:
        forged = Envelope(KEY, sender=b"stranger", clock=time.time).seal(FleetChange.POLICY, DIGEST)
        client: Any = store.client()
        client.publish(one._channel, forged)
        client.set(one._latest + "1", forged)
        one.publish(FleetChange.KEYS, DIGEST)
        wait_until(lambda: seen)
        assert seen == [(FleetChange.KEYS, DIGEST)]


def test_while_the_server_is_down_nobody_can_be_told(store: Store) -> None:
    with channel(store, lambda *_: None) as one:
        store.kill()
        assert not one.publish(FleetChange.POLICY, DIGEST)
        store.start()
        wait_until(lambda: one.publish(FleetChange.POLICY, DIGEST))


@pytest.mark.parametrize(
    "given_", [(FleetChange.POLICY, b"short"), (1, DIGEST), ("policy", DIGEST), (FleetChange.POLICY, "x" * 32)]
)
def test_a_change_that_is_none_is_refused(given_: Any) -> None:
    made = FleetChannel(connect("valkey://127.0.0.1:1"), audience=AUDIENCE, secret=SECRET, reload=lambda *_: None)
    with pytest.raises(CitizenIDError) as caught:
        made.publish(*given_)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_a_channel_without_anything_to_call_is_not_made() -> None:
    """It would hear of a revoked anchor, and nothing would be done about it."""
    with pytest.raises(CitizenIDError) as caught:
        FleetChannel(connect("valkey://127.0.0.1:1"), audience=AUDIENCE, secret=SECRET, reload=None)  # type: ignore[arg-type]  # so
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "valkey.reload")


@pytest.mark.parametrize(
    "options", [{"reread_s": float("nan")}, {"reread_s": None}, {"clock": 5}, {"monotonic": 5}, {"random": 5}], ids=str
)
def test_a_channel_that_makes_no_sense_is_not_made(options: dict[str, Any]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        FleetChannel(connect("valkey://127.0.0.1:1"), audience=AUDIENCE, secret=SECRET, reload=print, **options)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "valkey.reload")


def test_a_channel_shows_nothing_of_its_secret() -> None:
    made = FleetChannel(connect("valkey://127.0.0.1:1"), audience=AUDIENCE, secret=SECRET, reload=lambda *_: None)
    assert repr(made) == "<FleetChannel>"


def test_a_channel_is_started_once_and_one_that_never_was_can_be_closed(store: Store) -> None:
    came: list[Any] = []
    with channel(store, lambda *change: came.append(change)) as one, channel(store, lambda *_: None) as other:
        one.start()  # a second thread would hear every change, too, or the first one would outlive `close`
        assert other.publish(FleetChange.POLICY, DIGEST)
        wait_until(lambda: came)
        listening = [thread for thread in threading.enumerate() if thread.name == "citizenid-fleet"]
        assert len(listening) == 2
    assert not [thread for thread in threading.enumerate() if thread.name == "citizenid-fleet"]
    FleetChannel(store.client(), audience=AUDIENCE, secret=SECRET, reload=lambda *_: None).close()


# --- two processes ---


class Process:
    """A gateway of `gateway_process.py`."""

    def __init__(self, told: dict[str, Any]) -> None:
        program = Path(__file__).with_name("gateway_process.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.tell(**told) == {"ready": True}

    def tell(self, **told: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def test_two_processes_decide_as_one(store: Store, tmp_path: Path) -> None:
    issuer_key, status_key, wallet_key, sender = (LocalKey.generate("ES256") for _ in range(4))
    now = int(time.time())
    publisher = StatusPublisher(uri=w.STATUS_URI, size=64)
    reference = publisher.allocate()
    issuer = Issuer(identifier=w.ISSUER, key=issuer_key)
    attestation = prepare_attestation(
        w.Citizenship([w.Country("US")]), issuer=w.ISSUER, holder_key=wallet_key.public, now=now,
        lifetime_s=w.DAY, status=reference, format=Format.SD_JWT_VC,
    )  # fmt: skip
    anchors = w.TrustAnchors.from_jwks(
        w.ISSUER, issuer.jwks(), purpose=w.KeyPurpose.CREDENTIAL, formats=[Format.SD_JWT_VC], types=[w.VCT],
        countries=w.ANY,
    )  # fmt: skip
    mine = Credential.receive(
        issuer.issue(attestation, format=Format.SD_JWT_VC), format=Format.SD_JWT_VC, anchors=anchors, now=now
    )
    told = {
        "store": store.url, "audience": AUDIENCE, "fleet_secret": SECRET.hex(), "ticket_key": KEY.hex(),
        "issuer": w.ISSUER, "jwks": issuer.jwks(), "type": w.VCT, "policy": w.STRICT_POLICY, "proof_life_s": 1,
        "status_jwks": {"keys": [dict(status_key.public.to_jwk())]}, "policy_file": str(tmp_path / "policy.toml"),
    }  # fmt: skip
    fleet = [Process(told), Process(told)]
    one, other = fleet

    def publish() -> None:
        body = publisher.publish(status_key, now=int(time.time()), ttl_s=3_600, expires_s=w.DAY)
        for each in fleet:
            each.tell(do="ingest", uri=w.STATUS_URI, body=body.hex(), now=int(time.time()))

    def headers(path: str, ticket: str | None = None) -> list[tuple[str, str]]:
        proof = dpop_proof(sender, method="POST", url=AUDIENCE + path, ticket=ticket, now=int(time.time()))
        return [("dpop", proof)] + ([("citizenship-ticket", ticket)] if ticket else [])

    def ask(process: Process, sent: list[tuple[str, str]]) -> Any:
        return process.tell(do="authorize", url=AUDIENCE + w.PATH, headers=sent, resource="us-nationals")

    try:
        publish()
        # The server is as new as the fleet: what it may have forgotten must have ended first.
        probe: Any = {"do": "admit", "url": AUDIENCE + w.ENDPOINT, "presentation": "", "challenge": ""}

        def admit(process: Process) -> Any:
            text = process.tell(do="challenge", sender=sender.public.thumbprint.hex())["challenge"]
            shown = mine.present(
                ["nationalities"],
                challenge=Challenge.from_text(text),
                key=wallet_key,
                peer=AUDIENCE,
                now=int(time.time()),
            )
            return process.tell(
                **probe | {"presentation": shown.hex(), "challenge": text, "headers": headers(w.ENDPOINT)}
            )

        assert admit(one)["reason"] == "replay_guard_unavailable"
        _age_the_epoch(store, 100_000)
        for process in fleet:  # it is the same epoch, of which another age is stated
            wait_until(lambda process=process: "ticket" in admit(process))
        ticket = admit(one)["ticket"]
        assert ask(other, headers(w.PATH, ticket)) == {"allow": True}  # admitted on one, accepted on the other
        sent = headers(w.PATH, ticket)
        assert ask(one, sent) == {"allow": True}
        assert ask(other, sent) == {"reason": "replayed", "status": 401}
        assert ask(one, sent) == {"reason": "replayed", "status": 401}

        # Signed out on one, refused on both; and what an operator ends on the other as well.
        signed_out, ended = admit(one)["ticket"], admit(other)["ticket"]
        session = one.tell(do="sign out", url=AUDIENCE + w.PATH, headers=headers(w.PATH, signed_out))["session"]
        wait_until(lambda: other.tell(do="signed out", session=session) == {"contains": True, "stale": False})
        for process in fleet:
            assert ask(process, headers(w.PATH, signed_out)) == {"reason": "signed_out", "status": 401}
            assert ask(process, headers(w.PATH, ended)) == {"allow": True}
        other.tell(do="revoke session", session=session)
        assert one.tell(do="signed out", session="00fe" * 8) == {"contains": False, "stale": False}

        # A narrower policy is told to all, and a ticket of before serves no more; then the old one comes back.
        done: list[str] = []
        narrow = w.STRICT_POLICY.replace('nationality = ["US"]', 'nationality = ["DE"]')
        with channel(store, lambda *_: None) as operator:
            refused = {"reason": "citizenship_not_permitted", "status": 403}
            for text, expected in ((narrow, refused), (w.STRICT_POLICY, {"allow": True})):
                (tmp_path / "policy.toml").write_text(text, "utf-8")
                done.append("POLICY")
                assert operator.publish(FleetChange.POLICY, w.policy(text).digest)
                for process in fleet:
                    wait_until(lambda process=process: process.tell(do="changes") == {"changes": done})
                    assert ask(process, headers(w.PATH, ticket)) == expected

        publisher.revoke(reference)
        time.sleep(1.1)  # a newer list has a later iat
        publish()
        for process in fleet:
            assert ask(process, headers(w.PATH, ticket)) == {"reason": "revoked", "status": 403}
        store.kill()
        for process in fleet:
            assert ask(process, headers(w.PATH, ticket))["reason"] == "replay_guard_unavailable"
    finally:
        for process in fleet:
            process.close()


def _now() -> int:
    return int(time.time())


def _age_the_epoch(store: Store, seconds: int) -> None:
    """Make the server's epoch older: nobody waits five minutes in a test."""
    client: Any = store.client()
    (name,) = [key for key in client.keys("*replay*") if key.endswith(b"epoch")]
    epoch = client.get(name)
    age = (int.from_bytes(epoch[8:], "big") - seconds * 1_000).to_bytes(8, "big")
    client.set(name, epoch[:8] + age)
