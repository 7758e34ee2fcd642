"""Who shares: how many sender keys and networks are behind one credential, how many credentials behind an API key.

A credential that is lent, a key that is copied and a ticket that is sold show in the same way: more devices than one
person uses, more places than one person is at, or a device that is at several places in turn. What is counted are
distinct values within the last hour and the last day; what follows from the counts is for a rule to say (`judge`).

Nothing that comes in is kept. Sender keys, networks, countries, API keys and the names of credentials become keyed
hashes; the key is drawn anew every day and the one before the last is forgotten, so that not even the operator can say
afterwards what was hashed. Counts live on across the change: what is seen again is hashed under both keys once.

Memory is one table for credentials and one for API keys, made at the start. Time is the caller's monotonic clock, in
moments of five minutes; it may stand still and never runs back.

Spec: specs/profile-sharing.md; specs/threat-model.md (T-6).
"""

from __future__ import annotations

import math
import os
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, final

from .._crypto import refuse_copy
from .._errors import FAILURES, CitizenIDError, MalformedError, Reason
from ._suspicion import Observation, SharingLimits, Signals, Suspicion, Threshold, check_limits, judge
from ._table import RecordTable

__all__ = ["Observation", "SharingDetector", "SharingLimits", "Signals", "Suspicion", "Threshold", "judge"]

MOMENT_S: Final = 300
_HOUR: Final = 3_600 // MOMENT_S
_DAY: Final = 86_400 // MOMENT_S
_BACK: Final = 2  # moments after which coming back to a network is not alternating any more
_WEEK: Final = 7 * _DAY
_BLOCK: Final = 3  # moments in which what comes again from one place is counted once
_SLOTS: Final = 10
# seen, mix of the last request, busy, first pass, the counts in the order of Observation, then the slots.
_RECORD: Final = struct.Struct(f"<I4sBI8BH?{_SLOTS}Q")
_COUNTS: Final = struct.Struct("<8BH?")
_PASSES: Final = 4 + 7  # where a record has them, as unpacked
_HEAD: Final = 4 + 10
_NONE: Final = (0,) * _SLOTS
_MIX_AT: Final = 4
_BUSY_AT: Final = 4 + 4
_COUNTS_AT: Final = 4 + 4 + 1 + 4
_SLOT_AT: Final = _COUNTS_AT + _COUNTS.size
# A slot, from its low end: moment seen 16, returns 4, current 1, old sender 1, old network 1, old country 1, country 8,
# network 16, sender 16. "Old" hashes were made under yesterday's key; "current" is where its sender was last.
_SEEN: Final = 0xFFFF
_RETURN: Final = 1 << 16
_RETURNS: Final = 0xF << 16
_CURRENT: Final = 1 << 20
_OLD_SENDER: Final = 1 << 21
_OLD_NETWORK: Final = 1 << 22
_OLD_COUNTRY: Final = 1 << 23
_OLD: Final = _OLD_SENDER | _OLD_NETWORK | _OLD_COUNTRY
_COUNTRY: Final = 0xFF << 24
_NETWORK: Final = 0xFFFF << 32
_SENDER: Final = 0xFFFF << 48
_OF_SENDER: Final = _SENDER | _OLD_SENDER
_OF_NETWORK: Final = _NETWORK | _OLD_NETWORK
_OF_COUNTRY: Final = _COUNTRY | _OLD_COUNTRY
_WEIGHTS: Final = (0, 0, 1, 2, *(3,) * 12)  # what so many returns to one network count: the first one nothing
_BITS: Final = 128
_API_KEY: Final = struct.Struct("<I4xBI4Q")  # seen, busy, day, credentials of that day, and of the day before
# How many distinct credentials set so many of 128 bits (linear counting, Whang et al. 1990).
_ESTIMATES: Final = (*(round(-_BITS * math.log(1 - n / _BITS)) for n in range(_BITS)), _BITS * 5)


class _Key(NamedTuple):
    """The key of a day: 16 random bytes ahead of each value, as bytes and as text, under the key of the process."""

    salt: bytes
    network: str
    country: str

    @classmethod
    def drawn(cls, random: Callable[[int], bytes]) -> _Key:
        """Draw the key of a day. Raises CONFIGURATION_INVALID for a source that fails."""
        salt: object = None
        try:
            salt = random(16)
        except FAILURES:
            pass  # raised below
        if type(salt) is not bytes or len(salt) != 16:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "sharing.random")
        return cls(salt, salt.hex() + "/network/", salt.hex() + "/country/")

    def __repr__(self) -> str:
        return "<_Key>"

    def components(self, sender: bytes, signals: Signals) -> tuple[int, int, int]:
        """Return the hashes of sender key, network and country, each where a slot has it; 0 is not known."""
        network, country, _, _ = signals
        return (
            (hash(self.salt + b"sender" + sender) & 0xFFFF or 1) << 48,
            (hash(self.network + network) & 0xFFFF or 1) << 32 if network else 0,
            (hash(self.country + country) & 0xFF or 1) << 24 if country else 0,
        )


def _rekeyed(slot: int, old: tuple[int, int, int], new: tuple[int, int, int]) -> int:
    """Return the slot with what is seen again put under the new key. Alternating is counted anew each day."""
    if slot & _OLD_SENDER and slot & _SENDER == old[0]:
        slot = slot & ~(_SENDER | _OLD_SENDER | _RETURNS) | new[0]
    if slot & _OLD_NETWORK and slot & _NETWORK == old[1]:
        slot = slot & ~(_NETWORK | _OLD_NETWORK) | new[1]
    if slot & _OLD_COUNTRY and slot & _COUNTRY == old[2]:
        slot = slot & ~(_COUNTRY | _OLD_COUNTRY) | new[2]
    return slot


def _see(slots: Sequence[int], values: tuple[int, int, int], seen: int) -> list[int]:
    """Enter that a sender key is at a network now; returns the slots of the last day, the latest one first."""
    sender, network, country = values
    here, kept = 0, [0]
    for slot in slots:
        if slot and seen - slot & _SEEN <= _DAY:
            if slot & _OF_SENDER == sender:
                if slot & _OF_NETWORK == network:
                    here = slot
                    continue
                slot &= ~_CURRENT
            kept.append(slot)
    if here and not here & _CURRENT and seen - here & _SEEN <= _BACK and here & _RETURNS != _RETURNS:
        here += _RETURN
    kept[0] = here & _RETURNS | sender | network | country | _CURRENT | seen
    return kept[:_SLOTS]


def _counts(slots: list[int], seen: int) -> tuple[int, int, int, int, int, int, int]:
    """Return the counts of an Observation, up to `alternating`."""
    day = _distinct(slots)
    hour = [slot for slot in slots if seen - slot & _SEEN <= _HOUR]
    senders, networks, countries = day if len(hour) == len(slots) else _distinct(hour)
    back: dict[int, int] = {}
    for slot in slots:
        if slot & _RETURNS:
            sender = slot & _OF_SENDER
            back[sender] = back.get(sender, 0) + _WEIGHTS[(slot & _RETURNS) >> 16]
    return senders, day[0], networks, day[1], countries, day[2], max(back.values()) if back else 0


def _distinct(slots: list[int]) -> tuple[int, int, int]:
    """Return how many sender keys, networks and countries the slots name."""
    if len(slots) == 1:
        return 1, 1 if slots[0] & _NETWORK else 0, 1 if slots[0] & _COUNTRY else 0
    return (
        len({slot & _OF_SENDER for slot in slots}),
        len({slot & _OF_NETWORK for slot in slots if slot & _NETWORK}),
        len({slot & _OF_COUNTRY for slot in slots if slot & _COUNTRY}),
    )


@final
class SharingDetector:
    """Counts. Safe for threads; O(1) for each request.

    Args:
        max_credentials: how many credentials of a day are held without throwing any out.
        max_api_keys: how many API keys.
        limits: the thresholds by which a gateway judges; what follows is for each rule to say.
        random: a source of random bytes, for the keys of the hashes.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(
        self,
        *,
        max_credentials: int = 100_000,
        max_api_keys: int = 100_000,
        limits: SharingLimits | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        for number in (max_credentials, max_api_keys):
            if type(number) is not int or not 0 < number <= 2**28:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "sharing")
        self.limits: Final = SharingLimits() if limits is None else limits
        if not callable(random):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "sharing")
        check_limits(self.limits)
        self._credentials = RecordTable(max_credentials, _RECORD.size, idle=2 * _DAY)
        self._api_keys = RecordTable(max_api_keys, _API_KEY.size, idle=2 * _DAY)
        self._random = random
        self._lock = threading.Lock()
        self._moment = self._day = -1
        self._head, self._until = b"", -math.inf
        self._new = self._old = _Key.drawn(random)

    def observe(self, *, credential: bytes, sender: bytes, signals: Signals, now: float) -> Observation:
        """Count one request of a credential.

        Args:
            credential: what stands for it, the same at each admission: not the session id of a ticket.
            sender: the thumbprint of the sender key; empty for a bearer.
            signals: where it comes from.
            now: monotonic seconds.

        Raises:
            MalformedError: REQUEST_INVALID when something is not of its type.
            CitizenIDError: CONFIGURATION_INVALID when another day begins and the source of random bytes fails.
        """
        try:
            with self._lock:
                return self._observe(credential, sender, signals, now)
        except (TypeError, ValueError, OverflowError, struct.error):
            pass  # raised below, without what came in
        raise MalformedError(Reason.REQUEST_INVALID, "signals")

    def _observe(self, credential: bytes, sender: bytes, signals: Signals, now: float) -> Observation:
        if not now < self._until:  # nor if it is no number
            self._advance(now)
        salt = self._new.salt
        hashed, mix = hash(salt + credential), self._mix(sender, signals)
        api_key = signals[2]
        records, place = self._credentials.records, self._credentials.find(hashed)
        at = place * _RECORD.size
        if place < 0:
            place = self._enter(credential, hashed)
        elif records.startswith(self._head + mix, at) or (
            records.startswith(mix, at + _MIX_AT) and self._goes_on(records, at)
        ):  # the same as the last time
            return tuple.__new__(Observation, _COUNTS.unpack_from(records, at + _COUNTS_AT))
        values = self._new.components(sender, signals)
        people = self._count_api_key(api_key, hashed & _BITS - 1) if api_key else 0
        if place < 0:
            return Observation(0, 0, 0, 0, 0, 0, 0, 0, people, False)
        return self._count(place, mix, values, sender, signals, people)

    def _goes_on(self, records: bytearray, at: int) -> bool:
        """Move the time of a record on, if it was counted within this quarter of an hour; whether it was."""
        if int.from_bytes(records[at : at + 4], "little") // _BLOCK != self._moment // _BLOCK:
            return False
        records[at : at + 4] = self._head
        records[at + _SLOT_AT : at + _SLOT_AT + 2] = self._head[:2]
        records[at + _BUSY_AT] = True
        return True

    def _advance(self, now: float) -> None:
        """Begin another moment, and on another day with another key."""
        moment = max(0, int(now // MOMENT_S))
        head = struct.pack("<I", moment)
        if moment // _DAY > self._day:
            follows = moment // _DAY == self._day + 1
            old = self._new if follows else _Key.drawn(self._random)
            self._old, self._new = old, _Key.drawn(self._random)  # both or neither
            self._day = moment // _DAY
        self._moment = moment
        self._head = head
        self._until = (moment + 1) * MOMENT_S

    def _enter(self, credential: bytes, hashed: int) -> int:
        """Return the place of a credential that is new today: its record of yesterday moves over."""
        table = self._credentials
        place = table.find(hash(self._old.salt + credential))
        if place < 0:
            return table.place(hashed, self._moment)
        place = table.move(place, hashed, self._moment)
        if place >= 0:
            row = _RECORD.unpack_from(table.records, place * _RECORD.size)
            slots = [slot and slot | _OLD for slot in row[_HEAD:]]
            _RECORD.pack_into(table.records, place * _RECORD.size, *row[:_HEAD], *slots)
        return place

    def _count_api_key(self, api_key: bytes, bit: int) -> int:
        """Add a credential to those of an API key, and estimate how many they are."""
        table = self._api_keys
        hashed = hash(self._new.salt + b"key" + api_key)
        place = table.find(hashed)
        if place < 0:
            place = table.find(hash(self._old.salt + b"key" + api_key))
            place = table.place(hashed, self._moment) if place < 0 else table.move(place, hashed, self._moment)
            if place < 0:
                return 0
        at = place * _API_KEY.size
        row: tuple[int, ...] = _API_KEY.unpack_from(table.records, at)
        seen, busy, day, low, high, low_before, high_before = row
        if day != self._day:  # under another key a credential is another bit: days are not added up
            low_before, high_before, low, high = low, high, 0, 0  # of yesterday, or of nobody: older keys find nothing
        if bit < 64:
            low |= 1 << bit
        else:
            high |= 1 << bit - 64
        busy = busy or 0 < seen < self._moment
        _API_KEY.pack_into(table.records, at, self._moment, busy, self._day, low, high, low_before, high_before)
        return max(
            _ESTIMATES[low.bit_count() + high.bit_count()],
            _ESTIMATES[low_before.bit_count() + high_before.bit_count()],
        )

    def _count(
        self, place: int, mix: bytes, values: tuple[int, int, int], sender: bytes, signals: Signals, people: int
    ) -> Observation:
        records, moment = self._credentials.records, self._moment
        row = _RECORD.unpack_from(records, place * _RECORD.size)
        seen, _, busy, first_pass = row[:4]
        passes: int = row[_PASSES] if moment - first_pass <= _WEEK else 0
        slots: Sequence[int] = row[_HEAD:]
        if any(slot & _OLD for slot in slots):
            old = self._old.components(sender, signals)
            slots = [_rekeyed(slot, old, values) for slot in slots]
        kept = _see(slots, values, moment & _SEEN)
        counts = (*_counts(kept, moment & _SEEN), passes, people, True)
        busy = busy or 0 < seen < moment
        _RECORD.pack_into(
            records, place * _RECORD.size, moment, mix, busy, first_pass, *counts, *kept, *_NONE[len(kept) :]
        )
        return tuple.__new__(Observation, counts)

    def passed(self, *, credential: bytes, sender: bytes, signals: Signals, limits: SharingLimits, now: float) -> bool:
        """Forgive what was counted, because the holder has presented his credential anew with user verification.

        Only where the counts of earlier requests ask for a step-up: nobody clears his counts beforehand, and a
        presentation does not forgive itself. Each time is remembered for a week, and `limits.passes` of them turn the
        next step-up into a refusal.

        Args:
            credential: as of `observe`, of the request that presents.
            sender: as well.
            signals: as well.
            limits: of the rule that asked for the step-up.
            now: monotonic seconds.

        Returns:
            Whether something was forgiven.

        Raises:
            MalformedError: REQUEST_INVALID.
            CitizenIDError: CONFIGURATION_INVALID, as `observe`, and for what are no limits.
        """
        check_limits(limits)
        try:
            with self._lock:
                return self._pass(credential, sender, signals, limits, now)
        except (TypeError, ValueError, OverflowError, struct.error):
            pass  # raised below, without what came in
        raise MalformedError(Reason.REQUEST_INVALID, "signals")

    def _pass(self, credential: bytes, sender: bytes, signals: Signals, limits: SharingLimits, now: float) -> bool:
        if not now < self._until:
            self._advance(now)
        hashed, records, moment = hash(self._new.salt + credential), self._credentials.records, self._moment
        place = self._credentials.find(hashed)
        if place < 0 <= self._credentials.find(hash(self._old.salt + credential)):
            place = self._enter(credential, hashed)
        mix, values = self._mix(sender, signals), self._new.components(sender, signals)
        if place < 0:
            return False
        row = _RECORD.unpack_from(records, place * _RECORD.size)
        busy, first_pass = row[2:4]
        seen = Observation(*row[4:_HEAD])
        if moment - first_pass > _WEEK:
            seen = seen._replace(passes=0)
        if not seen.tracked or judge(seen, limits, people=None) is not Suspicion.STEP_UP:
            return False
        kept = _see([], values, moment & _SEEN)
        counts = (*_counts(kept, moment & _SEEN), min(seen.passes + 1, 255), seen.credentials_of_api_key, True)
        first_pass = first_pass if seen.passes else moment
        _RECORD.pack_into(
            records, place * _RECORD.size, moment, mix, busy, first_pass, *counts, *kept, *_NONE[len(kept) :]
        )
        return True

    def _mix(self, sender: bytes, signals: Signals) -> bytes:
        """Return what stands for where a request comes from. Raises TypeError for what has another type.

        Before anything is compared: bytes have the hash of the text that they spell.
        """
        network, country, api_key, _ = signals
        if not (
            (network is None or isinstance(network, str))
            and (country is None or isinstance(country, str))
            and (api_key is None or type(api_key) is bytes)
            and isinstance(sender, bytes)
        ):
            raise TypeError
        return (hash((self._new.salt, sender, network, country, api_key)) & 0xFFFFFFFF).to_bytes(4, "little")

    def __len__(self) -> int:
        return len(self._credentials)

    def __repr__(self) -> str:
        return f"<SharingDetector of {len(self)}>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
