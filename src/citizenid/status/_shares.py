"""What each signer may take of what all of them share: room in the memory of a store, and in its file.

Spec: specs/profile-status-list.md section 4 (S11).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .._errors import Reason, VerificationError
from ._identifiers import TAG_BYTES, IdentifierList
from ._list import StatusList

MAX_LISTS: Final = 4_096  # of one signer: as many as one aggregation may name
MAX_LISTS_BYTES: Final = 2**30  # of one signer, packed: 2^33 entries of one bit
MAX_URI_BYTES: Final = 2_048  # as many as a URI may have that can be fetched
_NOTHING: Final = (0, 0)


class Shares:
    """How many lists and bytes of each signer are held, by the fingerprint of the trust point."""

    __slots__ = ("_taken",)

    def __init__(self, held: Iterable[tuple[bytes, int]] = ()) -> None:
        self._taken: dict[bytes, tuple[int, int]] = {}
        for anchor, size in held:
            self.add(anchor, size)

    def add(self, anchor: bytes, size: int, lists: int = 1) -> None:
        """Count a list of so many bytes; with -1 for `lists` and a negative size it counts no longer."""
        before, taken = self._taken.get(anchor, _NOTHING)
        self._taken[anchor] = before + lists, taken + size

    def check(self, anchor: bytes, lists: int, size: int) -> None:
        """Refuse what goes beyond the share of a signer. Raises LIMIT_EXCEEDED."""
        before, taken = self._taken.get(anchor, _NOTHING)
        if before + lists > MAX_LISTS or taken + size > MAX_LISTS_BYTES:
            raise VerificationError(Reason.LIMIT_EXCEEDED, "status-list")


def size_of(statuses: StatusList | IdentifierList) -> int:
    """Return how many bytes the list takes, packed."""
    return len(statuses) * (statuses.bits if type(statuses) is StatusList else 8 * TAG_BYTES) // 8
