"""What has changed, told to every process of a fleet: the digest of the new policy, anchors or keys, never the content.

Spec: specs/profile-fleet.md section 4.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from enum import IntEnum
from typing import final

from valkey import Valkey

from .._crypto import refuse_copy
from .._errors import FAILURES, CitizenIDError, Reason
from ._fleet import UNREACHABLE, Envelope, Message, Subscription, check_client, check_times, names_of, sender_drawn


class FleetChange(IntEnum):
    """What has changed, and is to be loaded anew."""

    POLICY = 1
    ANCHORS = 2
    KEYS = 3


@final
class FleetChannel:
    """Tells every process of a fleet that policy, anchors or keys have changed.

    A message carries the digest of the new content and never the content: each process loads it from where its operator
    keeps it, in `reload`. One that was away learns of the last change when it is back.

    Args:
        client: from `connect`, or one with short timeouts.
        audience: of the gateway.
        secret: at least 32 bytes, the same in the whole fleet.
        reload: called with what has changed and its digest, from the thread of this channel, once for each new digest.
            What it raises is counted in `failures`, and it is called again when the channel is next read.
        reread_s: how often what the server keeps is read.
        clock: Unix seconds.
        monotonic: seconds that never go back.
        random: source of random bytes.

    Attributes:
        failures: how often `reload` has raised.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(
        self,
        client: Valkey,
        *,
        audience: str,
        secret: bytes,
        reload: Callable[[FleetChange, bytes], object],
        reread_s: float = 60.0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        check_client(client)
        if not callable(reload):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.reload")
        check_times("valkey.reload", reread_s, functions=(clock, monotonic, random))
        self._client = client
        key, prefix = names_of(secret, audience, "changes")
        self._latest, self._channel = prefix + "latest:", prefix + "channel"
        self._envelope = Envelope(key, sender=sender_drawn(random), clock=clock)
        self._reload = reload
        self._known: dict[FleetChange, bytes] = {}
        self._monotonic = monotonic
        self.failures = 0
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
    def silent_s(self) -> float:
        """All that was published up to so long ago has come, seconds; infinite when it was never open."""
        return self._monotonic() - self._subscription.alive_at

    def publish(self, change: FleetChange, digest: bytes) -> bool:
        """Say that something has changed; `digest` is SHA-256 of the new content. False when there is no way to tell.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID.
        """
        if type(change) is not FleetChange or type(digest) is not bytes or len(digest) != 32:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "valkey.publish")
        try:
            with self._envelope.telling, self._client.pipeline(transaction=True) as together:
                message = self._envelope.seal(change, digest)
                together.set(self._latest + str(int(change)), message)
                together.publish(self._channel, message)
                together.execute()  # type: ignore[no-untyped-call]  # it has no types
        except UNREACHABLE:
            return False
        return True

    def _hear(self, data: object) -> None:
        self._take(self._envelope.open(data))

    def _take(self, message: Message | None) -> None:
        if message is None or message.kind not in list(FleetChange) or len(message.body) != 32:
            return
        change = FleetChange(message.kind)
        if self._known.get(change) == message.body:
            return
        done = False
        try:
            self._reload(change, message.body)
            done = True
        except FAILURES:
            pass
        if done:
            self._known[change] = message.body
        else:
            self.failures += 1

    def _read(self) -> None:
        """Learn of the last changes, which may have come while nobody listened."""
        for change in FleetChange:
            self._take(self._envelope.open(self._client.get(self._latest + str(int(change))), kept=True))

    def __repr__(self) -> str:
        return "<FleetChannel>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
