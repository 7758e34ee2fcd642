"""The keys of a fleet: given as a list, or made for each day from one secret, so that they change by themselves.

Days are days of UTC. Today's key seals; yesterday's opens what was sealed before midnight, tomorrow's what a node of
the fleet whose clock is ahead has sealed. No node talks to another for it, and none reads more than its own clock. A
ticket lives 24 hours at most, and so does a challenge: one day of overlap is enough.

Spec: DESIGN section 4; specs/profile-sender-proofs.md section 5; specs/decisions/0019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, NoReturn, final

from .._crypto import AgreementKey, derive_key, is_secret, refuse_copy
from .._errors import CitizenIDError, Reason
from .._limits import MAX_UNIX_TIME
from .._model import UnixTime
from .challenge import ChallengeKeys
from .nonces import NonceKeys
from .ticket import TicketKeys

_DAY_S: Final = 86_400
_LAST_DAY: Final = MAX_UNIX_TIME // _DAY_S
_FOR_EVER: Final = 2**62


@final
class DailyTicketKeys:
    """Ticket keys that a gateway derives for itself, new ones each day: for `Gateway(ticket_keys=...)`.

    Whoever has a secret has the keys of all days. To replace one, put the new one in front of it for a day, then leave
    the old one out.

    >>> DailyTicketKeys([bytes(range(32))])
    <DailyTicketKeys>

    Args:
        secrets: each of at least 32 random bytes, shared by the fleet; keys of the first seal, those of all open.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Sequence[bytes]) -> None:
        if not isinstance(secrets, (list, tuple)) or not secrets or len(set(map(repr, secrets))) != len(secrets):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "ticket_keys")
        if not all(map(is_secret, secrets)):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "ticket_keys")
        self._secrets: Final = tuple(secrets)

    def of_day(self, day: int) -> tuple[bytes, ...]:
        """Return the secrets of a day, counted from 1970-01-01: the first seals, all of them open.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for what is no integer from 0 on, or no day of a time below 2**53.
        """
        if type(day) is not int or not 0 <= day <= _LAST_DAY:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "day")
        return tuple(derive_key(secret, f"day/{each}") for secret in self._secrets for each in (day, day - 1, day + 1))

    def __repr__(self) -> str:
        return "<DailyTicketKeys>"

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("DailyTicketKeys is final")

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy


class Keys(NamedTuple):
    """The keys of one time, made from the same secrets, each for its own purpose."""

    begins: int
    ends: int
    tickets: TicketKeys
    challenges: ChallengeKeys
    nonces: NonceKeys

    def __repr__(self) -> str:
        return "<Keys>"


@final
class KeyRing:
    """The keys of now. Replacing them is one store: a request sees those of one time, whole.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    __slots__ = ("_audience", "_reader_key", "current", "source")

    def __init__(
        self,
        source: Sequence[bytes] | DailyTicketKeys,
        audience: str,
        reader_key: AgreementKey | None,
        now: UnixTime,
    ) -> None:
        if type(source) is not DailyTicketKeys and not isinstance(source, (list, tuple)):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "ticket_keys")
        self.source: Final = source if isinstance(source, DailyTicketKeys) else tuple(source)
        self._audience = audience
        self._reader_key = reader_key
        self.current = self._made(now)

    def at(self, now: UnixTime) -> Keys:
        """Return the keys of a moment. Several threads may make the same ones at midnight; any of them will do."""
        keys = self.current
        if not keys.begins <= now < keys.ends:
            keys = self.current = self._made(now)
        return keys

    def _made(self, now: UnixTime) -> Keys:
        if isinstance(self.source, DailyTicketKeys):
            day = now // _DAY_S
            begins, ends = day * _DAY_S, (day + 1) * _DAY_S
            secrets = self.source.of_day(day)
        else:
            begins, ends, secrets = 0, _FOR_EVER, self.source
        return Keys(
            begins,
            ends,
            TicketKeys(secrets, self._audience),
            ChallengeKeys(secrets, self._audience, self._reader_key),
            NonceKeys(secrets, self._audience),
        )

    def __repr__(self) -> str:
        return "<KeyRing>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
