"""What the processes of a fleet tell each other over a server that is not trusted with the content.

A message says what it is, who sent it, when, as the how manyeth, and carries a MAC under a secret of the fleet. It is
taken when the MAC is right, it is not older or newer than the clocks may differ, and its number is greater than the
last one of the same sender: what the server makes up, changes, keeps back or repeats is passed over. A sign-out is
taken when its MAC is right: it only ever ends something, and once more ends nothing else. A subscription
keeps one connection, and says up to when it has heard everything: an answer stands behind all that was published before
its ping came, and proves that this has been delivered. Only one ping is under way, and its answer is known by what it
carries, so that an answer that is late is never taken for one to a later ping.

Spec: specs/profile-fleet.md sections 3 and 4.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum
from math import inf
from os import getpid, urandom
from typing import Any, Final, NamedTuple, NoReturn, final

from valkey import BlockingConnectionPool, Valkey
from valkey.sentinel import SentinelConnectionPool

from .._crypto import derive_key, is_secret, refuse_copy
from .._errors import FAILURES, CitizenIDError, Reason

# What a client may raise for a server that is away, slow, or answers nonsense: of that it makes errors of any class.
UNREACHABLE: Final = FAILURES
_MAX_TIMEOUT_S: Final = 1.0  # a request that waits longer for a guard is lost to its client anyway

_VERSION: Final = 1
_SENDER_BYTES: Final = 8
_HEAD: Final = struct.Struct(">BB8sQQ")  # version, kind, sender, number, milliseconds
_MAC_BYTES: Final = 32
_MAX_BODY_BYTES: Final = 64
_MAX_SENDERS: Final = (
    10_000  # more processes than a fleet has; beyond it, messages of new ones wait for the next reading
)
_AGE_MS: Final = 60_000  # how far the clocks of a fleet may differ, and how late a message may be
_PING_S: Final = 1.0
_SILENCE_S: Final = 5.0  # with nothing to read for so long while an answer is due, the connection is dead


class WhenDown(Enum):
    """What to do while the server cannot be asked, or may have forgotten."""

    BY_RULE = "by_rule"
    """Refuse, unless the rule of what is asked for has `store_down = "local"`."""
    REFUSE = "refuse"
    """Refuse whatever the rules say."""
    LOCAL = "local"
    """Go on with what this process knows by itself: what other processes took is unknown to it."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a WhenDown has no truth value; compare it with WhenDown.REFUSE")


def check_client(client: Valkey) -> None:
    """Refuse a client that would let a request wait, or does not give bytes. Raises CONFIGURATION_INVALID."""
    if not isinstance(client, Valkey):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.client")
    pool = client.connection_pool
    options = pool.connection_kwargs
    waits = _timeouts(client)
    if isinstance(pool, BlockingConnectionPool):  # who finds all connections taken waits for one: 20 s, unless told
        waits.append(pool.timeout)
    if isinstance(pool, SentinelConnectionPool):  # these are asked, in their turn, where the primary is
        waits += [wait for each in pool.sentinel_manager.sentinels for wait in _timeouts(each)]
    if not all(type(each) in (int, float) and 0 < each <= _MAX_TIMEOUT_S for each in waits):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.socket_timeout")
    if options.get("decode_responses"):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.decode_responses")


def _timeouts(client: Valkey) -> list[Any]:
    options = client.connection_pool.connection_kwargs
    return [options.get("socket_timeout"), options.get("socket_connect_timeout")]


def check_times(where: str, *seconds: object, functions: Iterable[object]) -> None:
    """Refuse lengths of time that are none, and clocks that cannot be called. Raises CONFIGURATION_INVALID.

    No silence is longer than a NaN, so that nothing would ever be stale.
    """
    lengths = all(type(each) in (int, float) and 0 <= each < inf for each in seconds)  # type: ignore[operator]  # a number
    if not lengths or not all(map(callable, functions)):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)


def names_of(secret: bytes, audience: str, purpose: str) -> tuple[bytes, str]:
    """Return the key of a purpose, and the prefix of its names on the server.

    The prefix changes with the audience and with the secret: what was kept under another one is not found.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """
    usable = is_secret(secret) and type(audience) is str and bool(audience)
    if not usable or any("\ud800" <= each <= "\udfff" for each in audience):  # half a pair has no bytes
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.secret")
    key = derive_key(secret, "fleet/" + purpose)
    named = hashlib.blake2b(audience.encode(), key=key, digest_size=8, person=b"name").hexdigest()
    return key, f"citizenid:{purpose}:{named}:"


def sender_drawn(random: Callable[[int], bytes]) -> bytes:
    """Draw the eight bytes that stand for a process or an epoch. Two with the same ones are one.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for a source that fails.
    """
    drawn: object = None
    try:
        drawn = random(_SENDER_BYTES)
    except FAILURES:
        pass  # raised below
    if type(drawn) is not bytes or len(drawn) != _SENDER_BYTES:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.random")
    return drawn


class Message(NamedTuple):
    """What came in, after all checks."""

    kind: int
    body: bytes


@final
class Envelope:
    """Seals and opens the messages of one purpose.

    Args:
        key: of the purpose.
        sender: eight random bytes that stand for this process. One that is forked from it draws its own.
        clock: Unix seconds.

    Attributes:
        telling: to be held from the sealing of a message until it is sent: one that comes after a later one of the same
            sender is passed over.
    """

    __slots__ = ("_clock", "_key", "_last", "_lock", "_number", "_process", "_sender", "telling")

    def __init__(self, key: bytes, *, sender: bytes, clock: Callable[[], float]) -> None:
        self._key: Final = key
        self._sender = sender
        self._process = getpid()
        self._clock = clock
        self.telling: Final = threading.Lock()
        self._number = 0
        self._last: dict[bytes, tuple[int, int]] = {}  # sender to number and milliseconds of its latest message
        self._lock = threading.Lock()

    def seal(self, kind: int, body: bytes) -> bytes:
        """Make a message."""
        with self._lock:
            if self._process != getpid():
                self._process, self._sender = getpid(), urandom(_SENDER_BYTES)
            self._number += 1
            head = _HEAD.pack(_VERSION, kind, self._sender, self._number, int(self._clock() * 1_000))
        return head + body + self._mac(head + body)

    def open(self, data: object, *, kept: bool = False) -> Message | None:
        """Return what a message says, or None when it is not to be taken.

        Args:
            data: what the server gave.
            kept: whether it lay on the server, or would do no harm if it had, and may be old: then neither time nor
                number count.
        """
        if (
            type(data) is not bytes
            or not _HEAD.size + _MAC_BYTES <= len(data) <= _MAX_BODY_BYTES + _HEAD.size + _MAC_BYTES
        ):
            return None
        sealed, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        if not hmac.compare_digest(self._mac(sealed), mac):
            return None
        version, kind, sender, number, sent_ms = _HEAD.unpack_from(sealed)
        if version != _VERSION or not (kept or self._follows(sender, number, sent_ms)):
            return None
        return Message(kind, sealed[_HEAD.size :])

    def _follows(self, sender: bytes, number: int, sent_ms: int) -> bool:
        now_ms = int(self._clock() * 1_000)
        if abs(now_ms - sent_ms) > _AGE_MS:
            return False
        with self._lock:
            last, _ = self._last.get(sender, (0, 0))
            if number <= last:
                return False
            if sender not in self._last and len(self._last) >= _MAX_SENDERS:
                # Whoever said nothing for so long that his old messages are too old by now can be forgotten.
                self._last = {each: at for each, at in self._last.items() if now_ms - at[1] <= _AGE_MS}
                if len(self._last) >= _MAX_SENDERS:
                    return False
            self._last[sender] = (number, max(sent_ms, now_ms))
        return True

    def _mac(self, sealed: bytes) -> bytes:
        return hmac.digest(self._key, sealed, "sha256")

    def __repr__(self) -> str:
        return "<Envelope>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy


@final
class Subscription:
    """One channel, kept open by one thread.

    Args:
        client: its connection pool gives the connection.
        channel: the name of the channel.
        on_open: called when the channel is open, at each opening and every `reread_s` after: read all that may have
            been missed. What it raises of `UNREACHABLE` closes the connection.
        on_message: called for each message, with what the server gave.
        reread_s: seconds.
        monotonic: seconds that never go back.

    Attributes:
        alive_at: all that was published up to this moment has been handed on.
    """

    def __init__(
        self,
        client: Valkey,
        channel: str,
        *,
        on_open: Callable[[], None],
        on_message: Callable[[object], None],
        reread_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._channel: Final = channel
        self._on_open = on_open
        self._on_message = on_message
        self._reread_s: Final = reread_s
        self._monotonic = monotonic
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._pings = 0  # of all connections: what an answer carries comes once
        self._sent_at = self._read_at = 0.0  # the last ping or subscription, and the last reading of everything
        self.alive_at = -float("inf")

    def start(self) -> None:
        """Open the channel, in a thread of its own."""
        if self._thread is None or not self._thread.is_alive():  # a process that was forked has none of its parent's
            self._thread = threading.Thread(target=self._run, name="citizenid-fleet", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Close it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except UNREACHABLE:
                pass  # and again: how long it has been is in `alive_at`
            self._stop.wait(_PING_S / 4)

    def _listen(self) -> None:
        """Hand on what comes until the connection ends, is dead, or is subscribed to nothing any more."""
        subscriber: Any = self._client.pubsub()  # type: ignore[no-untyped-call]  # it has no types
        try:
            self._sent_at = self._monotonic()
            subscriber.subscribe(self._channel)
            due: bytes | None = b""  # what the next answer must carry; b"" is for the subscription, None for nothing
            while not self._stop.is_set():
                asked_at = self._monotonic()
                message = subscriber.get_message(timeout=_PING_S / 4)
                if message is None:
                    if due is not None and asked_at - self._sent_at >= _SILENCE_S:
                        return
                elif message["type"] == "message":
                    self._on_message(message["data"])
                elif message["type"] == "subscribe":
                    # A client that retries opens the connection anew by itself: then something may have been missed,
                    # and no answer will come to what was sent over the old one.
                    self._catch_up(asked_at)
                    self.alive_at, due = asked_at, None
                elif message["type"] == "unsubscribe":
                    return
                elif message["type"] == "pong" and due and message["data"] == due:
                    if asked_at - self._read_at >= self._reread_s:
                        self._catch_up(asked_at)
                    self.alive_at, due = self._sent_at, None
                if due is None and asked_at - self._sent_at >= _PING_S:
                    due = self._ping(subscriber, asked_at)
        finally:
            subscriber.close()

    def _catch_up(self, now: float) -> None:
        self._on_open()
        self._read_at = now

    def _ping(self, subscriber: Any, now: float) -> bytes:
        self._pings += 1
        self._sent_at = now
        subscriber.ping(str(self._pings))
        return str(self._pings).encode()
