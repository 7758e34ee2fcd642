"""A fleet of gateways on Valkey or Redis: what was used once, who has signed out, and what has changed.

`ValkeyReplayGuard` stands in for `MemoryReplayGuard`, `ValkeySignOuts` for a set in memory, and `FleetChannel` tells
every process to reload. The server sees keyed hashes and sealed messages, never a token, a session id or a policy. It
is trusted to remember and to deliver, and watched as far as that can be: it must not evict, a restart or a failover
is noticed, and a channel that is silent is stale.

Spec: RFC 9449 section 11.1; specs/profile-fleet.md; specs/decisions/0021.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Final, final

from valkey import Valkey
from valkey.backoff import NoBackoff
from valkey.exceptions import NoScriptError, OutOfMemoryError
from valkey.retry import Retry

from .. import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from .._crypto import refuse_copy
from .._errors import CitizenIDError, Reason
from ..gateway import Consumption, MemoryReplayGuard
from ._channel import FleetChange, FleetChannel
from ._fleet import UNREACHABLE, WhenDown, check_client, check_times, names_of, sender_drawn
from ._sign_outs import ValkeySignOuts

__all__ = ["FleetChange", "FleetChannel", "ValkeyReplayGuard", "ValkeySignOuts", "WhenDown", "connect"]

# Consume, but under the epoch that the caller knows alone. A script is not persisted and not replicated (from Redis 7.0
# on): after a restart or a failover there is none, though the keys may have come back from an older copy. An empty text
# is no epoch: it is what a caller who knows of none names.
_CONSUME: Final = """
local epoch = redis.call('GET', KEYS[2])
if epoch ~= ARGV[2] or epoch == '' then return epoch end
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 1 end
return 0
"""
_SHA1: Final = hashlib.sha1(_CONSUME.encode(), usedforsecurity=False).hexdigest()
_EPOCH: Final = struct.Struct(">8sQ")  # random, and the server's time in milliseconds
_VERSION: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})")
_OLDEST: Final = (7, 0, 0)  # older ones hand scripts on to replicas and to the append-only file; Valkey says 7.2.4


def connect(url: str, *, timeout_s: float = 0.05, **options: Any) -> Valkey:
    """Make a client as the classes here want it: short timeouts, no retries, bytes.

    Args:
        url: "valkey://", "valkeys://" (TLS), "redis://", "rediss://" or "unix://".
        timeout_s: to connect, and for each answer.
        options: of `valkey.Valkey.from_url` besides.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """
    client = None
    try:
        client = Valkey.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),  # the breaker of the guard says when to try again
            **options,
        )
    except (ValueError, TypeError, AttributeError):
        pass
    if client is None:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.url")
    check_client(client)
    return client


def _check_server(client: Valkey) -> None:
    """Refuse a server on which a script says nothing of a failover, or that throws live entries out when it is full.

    Raises CONFIGURATION_INVALID and `UNREACHABLE`.
    """
    server: Any = client.info("server")
    stated = server.get("redis_version")
    found = _VERSION.fullmatch(stated) if type(stated) is str else None  # "7.0" has become a number on the way
    if found is None or tuple(map(int, found.groups())) < _OLDEST:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.version")
    memory: Any = client.info("memory")
    if memory.get("maxmemory_policy") != "noeviction" and memory.get("maxmemory") != 0:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.maxmemory-policy")


@final
class ValkeyReplayGuard:
    """The guard of a fleet. Safe for threads; one round trip for each use.

    When the server has forgotten, or may have (it restarted, another one took over, its data or scripts were flushed,
    the secret changed), everything is refused until nothing that it could have seen is alive; but for rules with
    `store_down = "local"`, for which this process goes on by its own memory, which it keeps beside the server's all the
    time.

    Args:
        client: from `connect`, or one with short timeouts.
        audience: of the gateway.
        secret: at least 32 bytes, the same in the whole fleet, and of no other use.
        when_down: what to do while the server cannot be asked, or may have forgotten.
        proof_life_s: the longest life of a sender proof: what the gateway has as `proof_max_age_s`, and twice the skew.
        pause_s: after a failure the server is left alone for so long, and no request waits for it.
        local: the memory of this process, for all but `WhenDown.REFUSE`.
        monotonic: seconds that never go back.
        random: source of random bytes.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    __slots__ = (
        "_again_at",
        "_began",
        "_client",
        "_epoch",
        "_instead",
        "_key",
        "_local",
        "_lock",
        "_monotonic",
        "_pause_s",
        "_prefix",
        "_proof_life_s",
        "_random",
        "_used_at",
    )

    def __init__(
        self,
        client: Valkey,
        *,
        audience: str,
        secret: bytes,
        when_down: WhenDown = WhenDown.BY_RULE,
        proof_life_s: int = 120,
        pause_s: float = 1.0,
        local: MemoryReplayGuard | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        check_client(client)
        if type(when_down) is not WhenDown or type(proof_life_s) is not int or proof_life_s < 1:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.replay")
        check_times("valkey.replay", pause_s, functions=(monotonic, random))
        if local is not None and type(local) is not MemoryReplayGuard:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.replay")
        self._client = client
        self._key, self._prefix = names_of(secret, audience, "replay")
        self._local = None
        self._instead: Final = {WhenDown.LOCAL: Consumption.FRESH, WhenDown.BY_RULE: Consumption.FRESH_HERE}.get(
            when_down
        )
        if self._instead is not None:
            self._local = MemoryReplayGuard(monotonic=monotonic) if local is None else local
        self._proof_life_s: Final = proof_life_s
        self._pause_s: Final = pause_s
        self._monotonic = monotonic
        self._random = random
        self._lock = threading.Lock()
        self._epoch = b""
        self._began = 0.0  # of the epoch, in monotonic time of this process
        self._again_at = self._used_at = -float("inf")  # until when nobody asks; when one epoch was in force last

    def check_server(self) -> None:
        """Ask the server whether it keeps what it is given, and can be seen to have forgotten it.

        Call it when a process starts.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID when it evicts keys ("valkey.maxmemory-policy"), or is older than
                Redis 7.0.0 or does not say how old ("valkey.version"); STORE_UNAVAILABLE when it cannot be asked.
        """
        reached = False
        try:
            _check_server(self._client)
            reached = True
        except CitizenIDError:
            raise
        except UNREACHABLE:
            pass
        if not reached:
            raise CitizenIDError(Reason.STORE_UNAVAILABLE, "valkey")

    def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
        """Use `token` once within `scope`; see `ReplayGuard`. UNAVAILABLE or FRESH_HERE when nobody can tell."""
        used = self._local.consume(scope, token, lifetime_s) if self._local is not None else None
        if used is not None and used is not Consumption.FRESH:
            return used
        shared = self._consume(scope, token, lifetime_s)
        if shared is Consumption.UNAVAILABLE and self._instead is not None:
            return self._instead
        return shared

    def _consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
        now = self._monotonic()
        if self._again_at - self._pause_s <= now < self._again_at:  # and not for ever, where a clock was ahead once
            return Consumption.UNAVAILABLE
        entry = len(scope).to_bytes(4, "big") + scope + token
        name = self._prefix + hashlib.blake2b(entry, key=self._key, digest_size=16).hexdigest()
        try:
            for _ in range(3):  # the second time under an epoch that was just read or made
                answer = self._ask(name, (lifetime_s + 1) * 1_000)
                if answer in (0, 1):
                    self._used_at = max(self._used_at, now)
                    # A challenge states its whole life, a proof what is left of it.
                    # Asked so that a clock that shows no number, now or when the epoch was learnt, is not old enough.
                    if not self._monotonic() - self._began >= max(lifetime_s, self._proof_life_s):
                        return Consumption.UNAVAILABLE
                    return Consumption.FRESH if answer == 1 else Consumption.SEEN
                self._learn(answer)
        except OutOfMemoryError:
            return Consumption.FULL
        except UNREACHABLE:
            pass  # away, or one that must not be used: as if it were away
        self._again_at = self._monotonic() + self._pause_s  # from now on: to fail may have taken as long as the pause
        return Consumption.UNAVAILABLE

    def _ask(self, name: str, life_ms: int) -> object:
        """Return 1, 0, or the epoch when it is not the one that is known; None when there is none, or no script."""
        epoch = self._epoch
        try:
            return self._client.evalsha(_SHA1, 2, name, self._prefix + "epoch", str(life_ms), epoch)  # type: ignore[arg-type]  # bytes are as good
        except NoScriptError:
            return None

    def _learn(self, epoch: object) -> None:
        """Begin an epoch where the server knows of none, and learn how old it is."""
        _check_server(self._client)
        with self._lock:
            seconds, micros = self._client.time()  # type: ignore[misc]  # the client is typed for asyncio as well
            now_ms = seconds * 1_000 + micros // 1_000
            if type(epoch) is not bytes or len(epoch) != _EPOCH.size:
                epoch = _EPOCH.pack(sender_drawn(self._random), now_ms)
                # First the epoch and then the script: between the two, nobody consumes anything.
                self._client.set(self._prefix + "epoch", epoch)
                self._client.script_load(_CONSUME)
            age_s = max(0, now_ms - _EPOCH.unpack(epoch)[1]) / 1_000
            began = self._monotonic() - age_s
            # The server's clock may have been set since: no epoch is older than the last use of the one before.
            same = _EPOCH.unpack(epoch)[0] == self._epoch[:8]
            self._began = began if same else max(began, self._used_at)
            self._epoch = epoch

    def __repr__(self) -> str:
        return "<ValkeyReplayGuard>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
