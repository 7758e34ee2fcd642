"""The identifiers of an identifier list: whoever is in it is revoked, and nobody else is.

What is kept of each is 10 bytes of its SHA-256, sorted: a list has one entry for each revoked credential, and a nation
has millions. Two identifiers share these bytes by chance once in 2^80, so that one of nobody is taken for one of four
million that are listed once in 2^58; whoever chooses identifiers is the issuer.

Spec: ISO/IEC 18013-5 second edition 12.3.6.4; specs/profile-status-list.md.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, TypeAlias, final

from .._errors import MalformedError, Reason
from .._model import Status

_Column: TypeAlias = "array[int] | memoryview"  # subscripted, an array is a type to type checkers alone
TAG_BYTES: Final = 10
_FIRST: Final = 8  # of the tag's bytes are searched for, as one integer; the rest decides


@final
class IdentifierList:
    """An immutable set of revoked identifiers. Raises STATUS_LIST_MALFORMED for those that are no bytes.

    >>> IdentifierList([b"revoked"]).status(b"revoked"), IdentifierList([b"revoked"]).status(b"another")
    (<Status.INVALID: 1>, <Status.VALID: 0>)
    """

    __slots__ = ("_digest", "_firsts", "_rests")

    def __init__(self, identifiers: Iterable[bytes]) -> None:
        tags = None
        try:
            tags = sorted(set(map(tag_of, identifiers)))
        except TypeError:
            pass  # raised below: an identifier is bytes
        if tags is None:
            raise MalformedError(Reason.STATUS_LIST_MALFORMED, "status-list.identifier_list")
        self._digest: bytes | None = None
        self._firsts: _Column = array("Q", [int.from_bytes(tag[:_FIRST], "big") for tag in tags])
        self._rests: _Column = array("H", [int.from_bytes(tag[_FIRST:], "big") for tag in tags])

    @classmethod
    def unpack(cls, packed: bytes | memoryview) -> IdentifierList:
        """Return the list whose `packed` this is, on a machine of this byte order; it is not copied."""
        view, listed = memoryview(packed), cls(())
        split = len(view) // TAG_BYTES * _FIRST
        listed._firsts, listed._rests = view[:split].cast("Q"), view[split:].cast("H")
        return listed

    @property
    def packed(self) -> bytes:
        """The first eight bytes of each tag, ascending, and then the other two of each: the machine's own integers."""
        return self._firsts.tobytes() + self._rests.tobytes()

    @property
    def digest(self) -> bytes:
        """32 bytes that two lists share only when they say the same; computed when first asked for."""
        if self._digest is None:
            self._digest = hashlib.sha256(b"\0" + self.packed).digest()  # a status list has its bits there
        return self._digest

    def status(self, identifier: bytes) -> Status:
        """Return INVALID for an identifier that is listed, and VALID for every other.

        Raises:
            MalformedError: CLAIM_INVALID for what is no identifier.
        """
        if type(identifier) is not bytes:
            raise MalformedError(Reason.CLAIM_INVALID, "status.identifier_list.id")
        return self.status_of_tag(tag_of(identifier))

    def status_of_tag(self, tag: bytes) -> Status:
        """As `status`, by the identifier's tag of 10 bytes (`tag_of`)."""
        first, rest = int.from_bytes(tag[:_FIRST], "big"), int.from_bytes(tag[_FIRST:], "big")
        position = bisect_left(self._firsts, first)
        while position < len(self._firsts) and self._firsts[position] == first:
            if self._rests[position] == rest:
                return Status.INVALID
            position += 1
        return Status.VALID

    def __len__(self) -> int:
        return len(self._firsts)

    def __eq__(self, other: object) -> bool:
        if type(other) is not IdentifierList:
            return NotImplemented
        return self.packed == other.packed

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<IdentifierList of {len(self)}>"


def tag_of(identifier: bytes) -> bytes:
    """Return what is kept of an identifier, in a list and in a ticket."""
    return hashlib.sha256(identifier).digest()[:TAG_BYTES]
