"""What a publisher remembers: which indices are taken, and what was said of each, when and why. Here: in memory.

A ledger knows numbers and no references, keys or tokens. Two of them keep the same rules: the one here ends with its
process, the one of `_ledger_file` is a file. Neither is safe for threads: the publisher lets one in at a time.

Spec: Token Status List sections 4.1, 13.2, 13.3; specs/profile-status-list.md section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, final

from .._errors import CitizenIDError, Reason
from .._limits import DEFAULT_LIMITS
from .._model import Status, UnixTime

NEVER: Final = -1  # the iat before the first token, and the version that a list has which was never published


@final
@dataclass(frozen=True, slots=True, repr=False)
class StatusChange:
    """One change of a status, for the issuer's own eyes.

    Attributes:
        status: what was said from then on.
        at: when, integer Unix seconds, or None if the caller did not say.
        reason: why, in the issuer's own words, or None.
    """

    status: Status
    at: UnixTime | None
    reason: str | None


class Ledger(Protocol):
    """What a publisher asks of its memory. Every call is a transaction: it happens as a whole, or raises and does not.

    A file also raises LEDGER_REFUSED and LEDGER_UNAVAILABLE.
    """

    def allocate(self, count: int, revoked: int, at: UnixTime | None) -> list[int]:
        """Take so many indices, and revoke the first `revoked` of them. Raises STATUS_LIST_FULL."""

    def write(self, index: int, change: StatusChange) -> None:
        """Change a status. Raises STATUS_INDEX_OUT_OF_RANGE, CONFIGURATION_INVALID, REVOKED."""

    def read(self, index: int) -> Status:
        """Return what is said now. Raises STATUS_INDEX_OUT_OF_RANGE."""

    def history(self, index: int) -> tuple[StatusChange, ...]:
        """Return all changes, the oldest first. Raises STATUS_INDEX_OUT_OF_RANGE."""

    def issue(self, now: int) -> tuple[int, bytes]:
        """Return a new iat, greater than any before and not less than `now`, and the packed list at that instant.

        Raises LEDGER_UNAVAILABLE as `next_issued_at`.
        """

    def last_issued_at(self) -> int:
        """Return the last iat that `issue` gave, or NEVER."""

    def versions(self) -> tuple[int, int]:
        """Return the number of the last change, and what `confirm` was told last."""

    def confirm(self, version: int) -> None:
        """Remember that a token with all changes up to this one is out."""

    def free(self) -> int:
        """Return how many indices are left."""

    def close(self) -> None:
        """Let go of what is held open."""


@final
class Packed:
    """The list as verifiers will see it, to write in: index after index from the least significant bit (4.1)."""

    __slots__ = ("_bits", "_bytes")

    def __init__(self, size: int, bits: int) -> None:
        self._bits = bits
        self._bytes = bytearray((size * bits + 7) // 8)

    def __getitem__(self, index: int) -> Status:
        position = index * self._bits
        return Status(self._bytes[position >> 3] >> (position & 7) & ((1 << self._bits) - 1))

    def __setitem__(self, index: int, status: int) -> None:
        position = index * self._bits
        mask = ((1 << self._bits) - 1) << (position & 7)
        self._bytes[position >> 3] = self._bytes[position >> 3] & ~mask | status << (position & 7)

    def __bytes__(self) -> bytes:
        return bytes(self._bytes)


def draw(randbelow: Callable[[int], int], bound: int) -> int:
    """Draw one number below a bound.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for a source that gives something else: an index could come out that
            the list does not have.
    """
    drawn = randbelow(bound)
    if type(drawn) is not int or not 0 <= drawn < bound:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.randbelow")
    return drawn


@final
class Shuffle:
    """A Fisher-Yates shuffle of range(size) that is only written down where it has been."""

    def __init__(self, size: int, randbelow: Callable[[int], int]) -> None:
        self.left = size
        self._moved: dict[int, int] = {}
        self._randbelow: Final = randbelow

    def take(self, count: int) -> list[int]:
        """Return the next `count` numbers of the shuffle; there must be as many left."""
        # All draws come first: a random source that fails on the way has moved nothing.
        draws = [draw(self._randbelow, self.left - place) for place in range(count)]
        return [self._swap(drawn) for drawn in draws]

    def _swap(self, drawn: int) -> int:
        self.left -= 1
        last = self._moved.pop(self.left, self.left)
        if drawn == self.left:
            return last
        number = self._moved.get(drawn, drawn)
        self._moved[drawn] = last
        return number


@final
class MemoryLedger:
    """A `Ledger` that ends with its process."""

    def __init__(self, size: int, bits: int, randbelow: Callable[[int], int]) -> None:
        self._bits: Final = bits
        self._shuffle: Final = Shuffle(size, randbelow)
        self._taken: Final[set[int]] = set()
        self._packed: Final = Packed(size, bits)
        self._changes: Final[dict[int, list[StatusChange]]] = {}
        self._issued_at = NEVER
        self._version = 0
        self._published = NEVER

    def allocate(self, count: int, revoked: int, at: UnixTime | None) -> list[int]:
        check_room(count, self._shuffle.left)
        indices = self._shuffle.take(count)
        self._taken.update(indices)
        for index in indices[:revoked]:
            self._note(index, StatusChange(Status.INVALID, at, None))
        return indices

    def write(self, index: int, change: StatusChange) -> None:
        held = self.read(index)
        check_change(held, change.status, self._bits)
        if held is not change.status:
            self._note(index, change)

    def read(self, index: int) -> Status:
        check_taken(index in self._taken)
        return self._packed[index]

    def history(self, index: int) -> tuple[StatusChange, ...]:
        check_taken(index in self._taken)
        return tuple(self._changes.get(index, ()))

    def issue(self, now: int) -> tuple[int, bytes]:
        self._issued_at = next_issued_at(self._issued_at, now)
        return self._issued_at, bytes(self._packed)

    def last_issued_at(self) -> int:
        return self._issued_at

    def versions(self) -> tuple[int, int]:
        return self._version, self._published

    def confirm(self, version: int) -> None:
        self._published = max(version, self._published)

    def free(self) -> int:
        return self._shuffle.left

    def close(self) -> None:
        pass

    def _note(self, index: int, change: StatusChange) -> None:
        self._packed[index] = change.status
        self._changes.setdefault(index, []).append(change)
        self._version += 1


def next_issued_at(last: int, now: int) -> int:
    """Return the iat that follows `last`: `now`, or one more than `last` if that is not earlier.

    Verifiers refuse an iat that is further ahead of their clock than `Limits.clock_skew_s`. Where so many were used up
    that the next one would be, none is given until the clock has come nearer. One that is ahead by more than twice as
    much was not driven there: the clock has gone back, and verifiers take the next one where they took the last.

    Raises:
        CitizenIDError: LEDGER_UNAVAILABLE.
    """
    ahead = last + 1 - now
    if DEFAULT_LIMITS.clock_skew_s < ahead <= 2 * DEFAULT_LIMITS.clock_skew_s:
        raise CitizenIDError(Reason.LEDGER_UNAVAILABLE, "status-list.iat")
    return max(now, last + 1)


def check_room(count: int, free: int) -> None:
    """Raise STATUS_LIST_FULL unless so many are free."""
    if count > free:
        raise CitizenIDError(Reason.STATUS_LIST_FULL, "status-list")


def check_taken(taken: bool) -> None:
    """Raise STATUS_INDEX_OUT_OF_RANGE for an index that was never given out."""
    if not taken:
        raise CitizenIDError(Reason.STATUS_INDEX_OUT_OF_RANGE, "status-list")


def check_change(held: Status, status: Status, bits: int) -> None:
    """Raise CONFIGURATION_INVALID for what the width cannot say, REVOKED for what would take a revocation back."""
    if status >= 1 << bits:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.bits")
    if held is Status.INVALID and status is not Status.INVALID:
        raise CitizenIDError(Reason.REVOKED, "status-list")
