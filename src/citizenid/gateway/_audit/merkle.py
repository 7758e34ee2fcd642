"""The Merkle tree of a log: hashes, its right edge, its tiles, and proofs. Pure: tiles come through a function.

A tile of level L holds up to 256 hashes, each over 256**L entries; a full tile is one hash of the level above. So every
hash that a proof needs lies in a tile, or is computed from one. `Edge` holds what a tree needs to grow or to be
recomputed: the partial tile of each level, 256 hashes for each factor of 256 in its size.

Spec: RFC 6962 section 2.1; RFC 9162 sections 2.1.3.2 and 2.1.4.2 (verifying proofs); C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from ..._errors import CitizenIDError, MalformedError, Reason, VerificationError

HASH_BYTES: Final = 32
TILE_WIDTH: Final = 256
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
_LEVEL_BITS: Final = 8
EMPTY_ROOT: Final = sha256(b"").digest()
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
_MOST_HASHES: Final = 64  # of a proof: a tree has fewer than 2**63 entries

ReadTile = Callable[[int, int, int], bytes]
"""Return the tile of a level and an index that has so many hashes."""


class Tile(NamedTuple):
    """A tile: its level, its number in it from 0, and its hashes."""

    level: int
    number: int
    hashes: Sequence[bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry. Raises AUDIT_MALFORMED for what is no bytes."""
    if type(entry) is not bytes:
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.entry")
    return sha256(_LEAF + entry).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes of equally large, full subtrees; the last ones may be missing."""
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    while len(row) > 1:
        odd = row[-1:] if len(row) % 2 else []
        row = [sha256(_NODE + row[place] + row[place + 1]).digest() for place in range(0, len(row) - 1, 2)]
        row += odd
    return row[0]


class Edge:
    """The right edge of a tree: of each level, the hashes of the tile that is not full yet.

    Attributes:
        size: how many entries the tree has.
        levels: the hashes, by level.
    """

    __slots__ = ("levels", "size")

    def __init__(self, size: int = 0, levels: Sequence[Sequence[bytes]] = ()) -> None:
        self.size = size
        self.levels = [list(level) for level in levels] or [[]]

    def copy(self) -> Edge:
        """Return an edge of its own."""
        return Edge(self.size, self.levels)

    def append(self, hash_: bytes) -> Sequence[Tile]:
        """Add the hash of an entry. Returns the tiles that are full now, from below."""
        self.size += 1
        row = self.levels[0]
        row.append(hash_)
        return () if len(row) < TILE_WIDTH else self._close_tiles()

    def _close_tiles(self) -> list[Tile]:
        full: list[Tile] = []
        level = 0
        while len(self.levels[level]) == TILE_WIDTH:
            row, self.levels[level] = self.levels[level], []
            full.append(Tile(level, (self.size - 1) >> (_LEVEL_BITS * (level + 1)), row))
            level += 1
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level].append(root_of(row))
        return full

    def partial(self) -> list[Tile]:
        """Return the tiles that have begun and are not full."""
        return [
            Tile(level, self.size >> (_LEVEL_BITS * (level + 1)), tuple(row))
            for level, row in enumerate(self.levels)
            if row
        ]

    def root(self) -> bytes:
        """Return the root of the tree."""
        peaks: list[bytes] = []  # the full subtrees, from the largest to the smallest
        for row in reversed(self.levels):
            place = 0
            for bit in reversed(range(_LEVEL_BITS)):
                if len(row) >> bit & 1:
                    peaks.append(root_of(row[place : place + (1 << bit)]))
                    place += 1 << bit
        if not peaks:
            return EMPTY_ROOT
        root = peaks.pop()
        while peaks:
            root = sha256(_NODE + peaks.pop() + root).digest()
        return root


def widths(size: int) -> list[tuple[int, int, int]]:
    """Return level, index and width of the partial tiles of a tree of a size."""
    found = []
    level = 0
    while size >> (_LEVEL_BITS * level):
        width = size >> (_LEVEL_BITS * level) & (TILE_WIDTH - 1)
        if width:
            found.append((level, size >> (_LEVEL_BITS * (level + 1)), width))
        level += 1
    return found


def tile_name(level: int | None, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile, or with None of a bundle of entries, below the log's prefix.

    >>> tile_name(0, 1234067), tile_name(None, 5, 9)
    ('tile/0/x001/x234/067', 'tile/entries/005.p/9')
    """
    name = f"{index % 1000:03d}"
    while index >= 1000:
        index //= 1000
        name = f"x{index % 1000:03d}/{name}"
    partial = f".p/{width}" if width < TILE_WIDTH else ""
    return f"tile/{'entries' if level is None else level}/{name}{partial}"


# --- proofs ---


def inclusion_proof(index: int, size: int, read: ReadTile) -> list[bytes]:
    """Return the proof that a tree of `size` entries has the one at `index`, from the leaf's sibling upwards.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID when the tree has no such entry; whatever `read` raises.
    """
    if type(index) is not int or type(size) is not int or not 0 <= index < size:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.proof")
    start, end = 0, size
    proof = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_subtree(middle, end, size, read))
            end = middle
        else:
            proof.append(_subtree(start, middle, size, read))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, read: ReadTile) -> list[bytes]:
    """Return the proof that a tree of `new` entries begins with one of `old` entries. Empty when `old` is 0 or `new`.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID when `old` is the greater; whatever `read` raises.
    """
    if type(old) is not int or type(new) is not int or not 0 <= old <= new:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.proof")
    start, end = 0, new
    proof: list[bytes] = []
    if old == 0:
        return proof
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_subtree(middle, end, new, read))
            end = middle
        else:
            proof.append(_subtree(start, middle, new, read))
            start = middle
    if start:  # otherwise the old tree stands whole on the left, and who verifies has its root
        proof.append(_subtree(start, end, new, read))
    return proof[::-1]


def verify_inclusion(entry_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Verify an inclusion proof.

    Args:
        entry_hash: `leaf_hash` of the entry.
        index: its place, from 0.
        size: of the tree.
        proof: from the leaf's sibling upwards.
        root: of the tree, from a checkpoint that was verified.

    Raises:
        VerificationError: AUDIT_INVALID.

    Spec: RFC 9162 section 2.1.3.2.
    """
    good = _has_form((index, size), (entry_hash, root), proof) and 0 <= index < size
    node, last = (index, size - 1) if good else (0, 0)
    result = entry_hash
    for hash_ in proof if good else ():
        good = good and last > 0
        if node & 1 or node == last:
            result = sha256(_NODE + hash_ + result).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = sha256(_NODE + result + hash_).digest()
        node, last = node >> 1, last >> 1
    if not good or last or result != root:
        raise VerificationError(Reason.AUDIT_INVALID, "audit.inclusion")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Verify a consistency proof between two checkpoints that were verified.

    Raises:
        VerificationError: AUDIT_INVALID.

    Spec: RFC 9162 section 2.1.4.2.
    """
    formed = _has_form((old, new), (old_root, new_root), proof)
    if not formed or not _consistent(old, new, old_root, new_root, proof):
        raise VerificationError(Reason.AUDIT_INVALID, "audit.consistency")


def _has_form(sizes: tuple[object, ...], hashes: tuple[object, ...], proof: object) -> bool:
    if not isinstance(proof, list | tuple) or len(proof) > _MOST_HASHES:
        return False
    numbers = all(type(each) is int for each in sizes)
    return numbers and all(type(each) is bytes and len(each) == HASH_BYTES for each in (*hashes, *proof))


def _consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    if not 0 <= old <= new or (old == new and old_root != new_root):
        return False
    if old == 0 or old == new:
        return not proof and (old > 0 or old_root == EMPTY_ROOT)
    if not proof:
        return False
    hashes = list(proof)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = hashes[0]
    for hash_ in hashes[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first = sha256(_NODE + hash_ + first).digest()
            second = sha256(_NODE + hash_ + second).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = sha256(_NODE + second + hash_).digest()
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """Return the greatest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _subtree(start: int, end: int, size: int, read: ReadTile) -> bytes:
    """Return the hash over the entries from `start` to before `end`, as they stand in a tree of `size`."""
    count = end - start
    if count & (count - 1):
        middle = start + _split(count)
        left, right = _subtree(start, middle, size, read), _subtree(middle, end, size, read)
        return sha256(_NODE + left + right).digest()
    level, height = divmod(count.bit_length() - 1, _LEVEL_BITS)
    index, place = divmod(start >> (_LEVEL_BITS * level), TILE_WIDTH)
    width = min(TILE_WIDTH, (size >> (_LEVEL_BITS * level)) - index * TILE_WIDTH)
    tile = read(level, index, width)
    row = tile[place * HASH_BYTES : (place + (1 << height)) * HASH_BYTES]
    return root_of(hashes_of(row))


def hashes_of(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    return [tile[place : place + HASH_BYTES] for place in range(0, len(tile), HASH_BYTES)]
