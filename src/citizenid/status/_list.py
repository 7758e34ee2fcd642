"""The bits of a status list: packed least significant bit first, compressed with zlib (in a W3C list with gzip).

Spec: Token Status List sections 4.1 (packing), 4.2 (lst), 7.1 (status types), 11.5 and 13.7 (bounds).
"""

from __future__ import annotations

import hashlib
import zlib
from functools import cache
from typing import Final, final

from .. import _registry as reg
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._model import Status

_WHERE: Final = "status-list.status_list"
_INDEX: Final = "status.status_list.idx"
ZLIB: Final = zlib.MAX_WBITS
GZIP: Final = 16 + zlib.MAX_WBITS
_PIECE_BYTES: Final = 4_194_304  # 33 M one-bit entries: one piece for nearly every list there is
_MEANING: Final = tuple(Status(value) if value <= reg.STATUS_SUSPENDED else Status.OTHER for value in range(256))


@cache
def meanings_of(bits: int) -> tuple[tuple[Status, ...], ...]:
    """Return what each of the 256 bytes says, entry by entry: two subscripts in place of shifting and masking."""
    mask = (1 << bits) - 1
    return tuple(tuple(_MEANING[byte >> at & mask] for at in range(0, 8, bits)) for byte in range(256))


@final
class StatusList:
    """An immutable list of status values of 1, 2, 4 or 8 bits.

    Args:
        bits: of each value.
        packed: the values, the lowest bits of a byte first (Token Status List section 4.1).

    Raises:
        MalformedError: STATUS_LIST_MALFORMED for another number of bits, and for what is no bytes.

    >>> StatusList.decompress(StatusList(1, bytes([0b1001_1101])).compress(), bits=1, limit_bytes=64)[0]
    <Status.INVALID: 1>
    """

    __slots__ = ("_digest", "_meanings", "_packed", "_shift", "bits")

    def __init__(self, bits: int, packed: bytes) -> None:
        if type(bits) is not int or bits not in reg.STATUS_BITS:
            raise MalformedError(Reason.STATUS_LIST_MALFORMED, _WHERE + ".bits")
        if not isinstance(packed, bytes | bytearray | memoryview):  # of a number would come so many zeros: all valid
            raise MalformedError(Reason.STATUS_LIST_MALFORMED, _WHERE + ".lst")
        self.bits: Final = bits
        self._packed = bytes(packed)
        self._digest: bytes | None = None
        self._meanings = meanings_of(bits)
        self._shift = (8 // bits).bit_length() - 1  # index to byte: 8, 4, 2, 1 entries in each are 3, 2, 1, 0

    @classmethod
    def decompress(cls, data: bytes, *, bits: int, limit_bytes: int) -> StatusList:
        """Inflate a zlib stream, at most `limit_bytes` of it.

        Raises:
            MalformedError: INPUT_TOO_LARGE when it holds more, STATUS_LIST_MALFORMED when it is broken, unfinished or
                followed by anything.
            CitizenIDError: CONFIGURATION_INVALID for a bound that is no integer from 0 on.
        """
        if type(limit_bytes) is not int or limit_bytes < 0:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.limit_bytes")
        if not isinstance(data, bytes | bytearray | memoryview):
            raise MalformedError(Reason.STATUS_LIST_MALFORMED, _WHERE + ".lst")
        return cls(bits, inflate(data, ZLIB, limit_bytes=limit_bytes, where=_WHERE + ".lst"))

    @property
    def packed(self) -> bytes:
        """The bits as they lie, least significant first."""
        return self._packed

    @property
    def digest(self) -> bytes:
        """32 bytes that two lists share only when they say the same; computed when first asked for."""
        if self._digest is None:
            hashed = hashlib.sha256(bytes((self.bits,)))
            hashed.update(self._packed)
            self._digest = hashed.digest()
        return self._digest

    def compress(self, level: int = 9) -> bytes:
        """Deflate in zlib format; level 9 is recommended, level 0 stores (legal, and small deltas between versions).

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for a level that is no integer from 0 to 9.
        """
        if type(level) is not int or not 0 <= level <= 9:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.level")
        return zlib.compress(self._packed, level)

    def __len__(self) -> int:
        return len(self._packed) << self._shift

    def __getitem__(self, index: int) -> Status:
        """Return the status at `index`; every value but 0, 1 and 2 is Status.OTHER.

        Raises:
            VerificationError: STATUS_INDEX_OUT_OF_RANGE, also for what is no integer, such as True.
        """
        if type(index) is not int:
            raise VerificationError(Reason.STATUS_INDEX_OUT_OF_RANGE, _INDEX)
        return status_at(self, index)

    def raw(self, index: int) -> int:
        """Return the stored value at `index` (for application-specific status types). Raises as `[]` does."""
        self[index]
        within = index & (1 << self._shift) - 1
        return self._packed[index >> self._shift] >> within * self.bits & (1 << self.bits) - 1

    def __eq__(self, other: object) -> bool:
        if type(other) is not StatusList:
            return NotImplemented
        return self.bits == other.bits and self._packed == other._packed

    def __hash__(self) -> int:
        return hash((self.bits, self._packed))

    def __repr__(self) -> str:
        return f"<StatusList of {len(self)}, {self.bits} bits each>"


def status_at(statuses: StatusList, index: int) -> Status:
    """As `statuses[index]`, for an index that is known to be an integer: a reference or a ticket holds nothing else."""
    at = index >> statuses._shift
    if index < 0 or at >= len(statuses._packed):
        raise VerificationError(Reason.STATUS_INDEX_OUT_OF_RANGE, _INDEX)
    return statuses._meanings[statuses._packed[at]][index & (1 << statuses._shift) - 1]


def inflate(
    data: bytes, container: int, *, limit_bytes: int, where: str, beyond: Reason = Reason.INPUT_TOO_LARGE
) -> bytes:
    """Inflate one whole stream, at most `limit_bytes` of it.

    Args:
        data: the stream and nothing behind it.
        container: ZLIB, or GZIP for a single member.
        limit_bytes: the bound.
        where: spec path for the error.
        beyond: what it means when it holds more.

    Raises:
        MalformedError: `beyond`; STATUS_LIST_MALFORMED when it is broken, unfinished or followed by anything.
    """
    stream = zlib.decompressobj(container)
    pieces: list[bytes] = []
    size, broken = 0, False
    while not (stream.eof or broken):
        # Piece by piece: what is over the bound is never put together, so that a bomb takes the bound and no more.
        try:
            piece = stream.decompress(data, min(_PIECE_BYTES, limit_bytes - size + 1))
        except zlib.error:
            piece = b""
        size += len(piece)
        if size > limit_bytes:
            raise MalformedError(beyond, where)
        pieces.append(piece)
        data, broken = stream.unconsumed_tail, not piece and not stream.eof
    if broken or stream.unused_data:
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, where)
    return b"".join(pieces)


def deflate(data: bytes, level: int, container: int) -> bytes:
    """Compress into one stream, the same for the same bytes: a gzip header of ours holds no time and no name."""
    stream = zlib.compressobj(level, zlib.DEFLATED, container)
    return stream.compress(data) + stream.flush()
