"""Sessions that have signed out, anywhere in the fleet: each process holds all of them, so that asking costs nothing.

Spec: specs/profile-fleet.md section 3.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Final, final

from valkey import Valkey

from .._crypto import refuse_copy
from .._errors import CitizenIDError, Reason
from ._fleet import (
    UNREACHABLE,
    Envelope,
    Message,
    Subscription,
    WhenDown,
    check_client,
    check_times,
    names_of,
    sender_drawn,
)

_FAR_S: Final = 86_400  # wall clocks are wrong by less: what ended so long ago is let go on the server
_SIGN_OUT: Final = 1
_UNTIL: Final = struct.Struct(">Q")
_HASH_BYTES: Final = 16


class _Held:
    """Sessions that have signed out, by their hash, until when by either clock: no step lets go of one early."""

    def __init__(self, max_entries: int, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self.until: dict[bytes, tuple[int, float]] = {}
        self._max_entries: Final = max_entries
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()

    def add(self, hashed: bytes, until: int) -> bool:
        """Hold one; False when there is no room. Of two ends the later counts."""
        with self._lock:
            ends = self._monotonic() + max(0.0, until - self._clock())
            held = self.until.get(hashed)
            if held is None and len(self.until) >= self._max_entries:
                return False
            self.until[hashed] = (until, ends) if held is None else (max(until, held[0]), max(ends, held[1]))
            return True

    def sweep(self) -> dict[bytes, int]:
        """Let go of what has ended by both clocks; returns what is left."""
        with self._lock:
            now, monotonic = self._clock(), self._monotonic()
            for hashed in [each for each, (until, ends) in self.until.items() if until < now and ends < monotonic]:
                del self.until[hashed]
            return {hashed: until for hashed, (until, _) in self.until.items()}


@final
class ValkeySignOuts:
    """The sessions of a fleet that have signed out. Safe for threads; asking costs no round trip.

    Each process holds all of them, reads them whole when its channel opens and every minute, and hears of each new one
    by a message. What it holds it never lets go of before its end, whatever the server says, and hands it back to a
    server that has lost it.

    Args:
        client: from `connect`, or one with short timeouts.
        audience: of the gateway.
        secret: at least 32 bytes, the same in the whole fleet.
        when_down: what `contains` does when the channel has been silent for `stale_after_s`: LOCAL goes on by what is
            known, the others let nobody pass but whom a rule lets.
        stale_after_s: so long after the last moment up to which all is known to have come. A sign-out elsewhere may be
            unknown for so long.
        max_entries: how many to hold. With more the set is stale until a reading finds room for all.
        reread_s: how often all are read.
        clock: Unix seconds.
        monotonic: seconds that never go back.
        random: source of random bytes.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    __slots__ = (
        "_all",
        "_always",
        "_channel",
        "_client",
        "_clock",
        "_envelope",
        "_held",
        "_key",
        "_monotonic",
        "_overflown",
        "_stale_after_s",
        "_strict",
        "_subscription",
        "_unheld",
        "_until",
    )

    def __init__(
        self,
        client: Valkey,
        *,
        audience: str,
        secret: bytes,
        when_down: WhenDown = WhenDown.BY_RULE,
        stale_after_s: float = 5.0,
        max_entries: int = 100_000,
        reread_s: float = 60.0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        check_client(client)
        if type(when_down) is not WhenDown or type(max_entries) is not int or max_entries < 1:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.sign_outs")
        check_times("valkey.sign_outs", stale_after_s, reread_s, functions=(clock, monotonic, random))
        self._client = client
        self._key, prefix = names_of(secret, audience, "sign-outs")
        self._all, self._channel = prefix + "all", prefix + "channel"
        self._envelope = Envelope(self._key, sender=sender_drawn(random), clock=clock)
        self._held = _Held(max_entries, clock, monotonic)
        self._until = self._held.until
        self._strict: Final = when_down is not WhenDown.LOCAL
        self._always: Final = when_down is WhenDown.REFUSE
        self._stale_after_s: Final = stale_after_s
        self._clock = clock
        self._monotonic = monotonic
        self._overflown = False
        self._unheld = 0  # how often there was no room for one
        self._subscription = Subscription(
            client, self._channel, on_open=self._read, on_message=self._hear, reread_s=reread_s, monotonic=monotonic
        )

    def start(self) -> None:
        """Begin to listen, in a thread of its own."""
        self._subscription.start()

    def close(self) -> None:
        """Stop listening."""
        self._subscription.close()

    @property
    def stale(self) -> bool:
        """Whether sign-outs of other processes may be unknown here."""
        # Asked so that a clock that shows no number is stale.
        return self._overflown or not self._monotonic() - self._subscription.alive_at <= self._stale_after_s

    def check_fresh(self) -> None:
        """Refuse to go on while sign-outs of other processes may be unknown. Raises SIGN_OUTS_UNAVAILABLE."""
        if self.stale:
            raise CitizenIDError(Reason.SIGN_OUTS_UNAVAILABLE, "valkey.sign_outs")

    def add(self, session_id: bytes, until: int) -> bool:
        """Remember a session until that moment, Unix seconds, and tell the others.

        False when there is no room, or no way to tell: then it holds here, and is told as soon as there is one.
        """
        hashed = self._hash(session_id)
        if not self._held.add(hashed, until):
            return False
        try:
            with self._client.pipeline(transaction=False) as together:
                message = self._envelope.seal(_SIGN_OUT, hashed + _UNTIL.pack(until))
                together.zadd(self._all, {message: until}, gt=True)
                together.publish(self._channel, message)
                together.execute()  # type: ignore[no-untyped-call]  # it has no types
        except UNREACHABLE:
            return False
        return True

    def contains(self, session_id: bytes, /) -> bool:
        """Say whether a session has signed out.

        Raises:
            CitizenIDError: while that may be unknown SIGN_OUTS_UNAVAILABLE (BY_RULE) or STORE_UNAVAILABLE (REFUSE).
        """
        if self._until and self._hash(session_id) in self._until:
            return True
        if self._strict and self.stale:
            # A rule may let SIGN_OUTS_UNAVAILABLE pass, and STORE_UNAVAILABLE none.
            reason = Reason.STORE_UNAVAILABLE if self._always else Reason.SIGN_OUTS_UNAVAILABLE
            raise CitizenIDError(reason, "valkey.sign_outs")
        return False

    def _hash(self, session_id: bytes) -> bytes:
        return hashlib.blake2b(session_id, key=self._key, digest_size=_HASH_BYTES).digest()

    def _hear(self, data: object) -> None:
        # By its MAC alone, as what lies on the server: by a clock that is off it would be unknown here, though the
        # channel has delivered it. One that comes again takes nothing back.
        self._take(self._envelope.open(data, kept=True))

    def _take(self, message: Message | None) -> bytes | None:
        if message is None or message.kind != _SIGN_OUT or len(message.body) != _HASH_BYTES + _UNTIL.size:
            return None
        hashed, until = message.body[:_HASH_BYTES], _UNTIL.unpack(message.body[_HASH_BYTES:])[0]
        # What has ended and is not held would be let go of at the next sweep: it takes nobody's room.
        over = until < self._clock() and hashed not in self._until
        if not over and not self._held.add(hashed, until):
            self._overflown = True  # one that is not held is one that would be let in
            self._unheld += 1
        return bytes(hashed)

    def _read(self) -> None:
        """Read all that the server has, and hand back what it has lost.

        When all of it is held, and the server had lost nothing that this process knows of, an overflow is over.
        """
        now, unheld = int(self._clock()), self._unheld
        self._held.sweep()  # what has ended makes room first
        self._client.zremrangebyscore(self._all, "-inf", now - _FAR_S)
        there = set()
        stored: Any = self._client.zrangebyscore(self._all, now - _FAR_S, "+inf")
        for data in stored:
            there.add(self._take(self._envelope.open(data, kept=True)))
        left = self._held.sweep()
        lost = {hashed: until for hashed, until in left.items() if hashed not in there and until >= now - _FAR_S}
        for hashed, until in lost.items():
            message = self._envelope.seal(_SIGN_OUT, hashed + _UNTIL.pack(until))
            self._client.zadd(self._all, {message: until})
            self._client.publish(self._channel, message)
        if not lost and self._unheld == unheld:
            self._overflown = False

    def __len__(self) -> int:
        return len(self._until)

    def __repr__(self) -> str:
        return f"<ValkeySignOuts of {len(self._until)}>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
