"""The Merkle tree of the audit log: hashes, edge, tiles and proofs, against RFC 6962 written down slowly.

Spec: RFC 6962 section 2.1; C2SP tlog-tiles; specs/profile-audit.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, MalformedError, Reason, VerificationError
from citizenid.gateway._audit import merkle
from citizenid.gateway.audit import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

from . import tlog_peer as peer

# The eight leaves of the Certificate Transparency reference tests, and the root of each of their prefixes.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = st.integers(0, 70) | st.sampled_from([255, 256, 257, 511, 512, 513, 767])


def entries(count: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(count)]


def grown(items: list[bytes]) -> tuple[merkle.Edge, dict[tuple[int, int], bytes]]:
    """Return the edge of a tree and all of its tiles, partial ones too."""
    edge, tiles = merkle.Edge(), {}
    for item in items:
        for tile in edge.append(leaf_hash(item)):
            tiles[tile.level, tile.number] = b"".join(tile.hashes)
    for tile in edge.partial():
        tiles[tile.level, tile.number] = b"".join(tile.hashes)
    return edge, tiles


def reader(items: list[bytes]) -> merkle.ReadTile:
    _, tiles = grown(items)

    def read(level: int, number: int, width: int) -> bytes:
        data = tiles[level, number]
        assert len(data) == 32 * width
        return data

    return read


def refused(call: Callable[[], object], reason: Reason, error: type[CitizenIDError] = VerificationError) -> None:
    with pytest.raises(CitizenIDError) as caught:
        call()
    assert (caught.value.reason, type(caught.value)) == (reason, error)


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_the_reference(size: int) -> None:
    edge, _ = grown(LEAVES[:size])
    assert edge.root().hex() == peer.mth(LEAVES[:size]).hex() == ROOTS[size]


@given(SIZES)
def test_the_root_over_leaves_is_that_of_the_definition(size: int) -> None:
    items = entries(size)
    assert merkle.root_of([merkle.leaf_hash(item) for item in items]) == peer.mth(items)
    assert merkle.root_of([]) == hashlib.sha256(b"").digest()  # RFC 9162 section 2.1.1: of an empty list


@given(SIZES)
def test_the_root_is_that_of_the_definition(size: int) -> None:
    items = entries(size)
    edge, _ = grown(items)
    assert edge.root() == peer.mth(items)
    assert edge.size == size


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000])
def test_the_tiles_are_those_of_the_definition(size: int) -> None:
    items = entries(size)
    _, tiles = grown(items)
    leaves = [hashlib.sha256(b"\x00" + item).digest() for item in items]
    expected = {}
    level, row = 0, leaves
    while row:
        for start in range(0, len(row), 256):
            expected[level, start // 256] = b"".join(row[start : start + 256])
        row = [merkle.root_of(row[start : start + 256]) for start in range(0, len(row) // 256 * 256, 256)]
        level += 1
    assert tiles == expected
    widths = {(level, number, len(data) // 32) for (level, number), data in tiles.items() if len(data) < 8_192}
    assert set(merkle.widths(size)) == widths


def test_seventy_thousand_entries_have_the_tiles_of_the_text() -> None:
    # tlog-tiles: 273 full and one of 112, one full and one of 17, one of 1.
    assert merkle.widths(70_000) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert merkle.widths(256) == [(1, 0, 1)]


@given(st.integers(0, 10**15), st.integers(1, 256), st.sampled_from([None, 0, 5, 63]))
def test_the_paths_are_those_of_the_text(number: int, width: int, level: int | None) -> None:
    expected = peer.tile_path("entries" if level is None else str(level), number, width)
    assert merkle.tile_name(level, number, width) == expected


def test_the_example_of_the_text_has_its_path() -> None:
    assert merkle.tile_name(0, 1_234_067) == "tile/0/x001/x234/067"


@given(SIZES.filter(bool), st.data())
def test_inclusion_proofs_are_those_of_the_definition_and_verify(size: int, data: st.DataObject) -> None:
    items = entries(size)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, reader(items))
    assert proof == peer.path(index, items)
    verify_inclusion(leaf_hash(items[index]), index, size, proof, peer.mth(items))


@given(SIZES, st.data())
def test_consistency_proofs_are_those_of_the_definition_and_verify(size: int, data: st.DataObject) -> None:
    items = entries(size)
    old = data.draw(st.integers(0, size))
    proof = consistency_proof(old, size, reader(items))
    assert proof == peer.proof(old, items)
    verify_consistency(old, size, peer.mth(items[:old]), peer.mth(items), proof)


@given(st.integers(2, 300), st.data())
def test_no_other_entry_place_size_root_or_proof_verifies(size: int, data: st.DataObject) -> None:
    items = entries(size)
    index = data.draw(st.integers(0, size - 1))
    root = peer.mth(items)
    proof = inclusion_proof(index, size, reader(items))
    leaf = leaf_hash(items[index])
    other = data.draw(st.integers(0, 2 * size).filter(lambda number: number != index))
    place = data.draw(st.integers(0, len(proof) - 1))
    wrong = bytearray(proof[place])
    wrong[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    for arguments in (
        (leaf_hash(b"another"), index, size, proof, root),
        (leaf, other, size, proof, root),
        (leaf, -1, size, proof, root),
        (leaf, index, size, proof[:-1], root),
        (leaf, index, size, [*proof, root], root),
        (leaf, index, size, [*proof[:place], bytes(wrong), *proof[place + 1 :]], root),
        (leaf, index, size, proof, peer.mth(items[:-1])),
        (leaf, index, size, [root] * 65, root),
    ):
        refused(lambda arguments=arguments: verify_inclusion(*arguments), Reason.AUDIT_INVALID)  # type: ignore[misc]


@given(st.integers(2, 300), st.data())
def test_no_other_tree_is_consistent(size: int, data: st.DataObject) -> None:
    items = entries(size)
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    root, old_root = peer.mth(items), peer.mth(items[:old])
    proof = consistency_proof(old, size, reader(items))
    forged = [*items[:changed], b"forged", *items[changed + 1 :]]
    wrong = bytearray(proof[data.draw(st.integers(0, len(proof) - 1))])
    wrong[0] ^= 1
    for arguments in (
        (old, size, old_root, peer.mth(forged), consistency_proof(old, size, reader(forged))),
        (old, size, peer.mth(forged[:old]), root, proof),
        (old, size, old_root, root, proof[:-1]),
        (old, size, old_root, root, [*proof, root]),
        (old, size, old_root, root, [bytes(wrong), *proof[1:]]),
        (old, size, old_root, root, []),
        (size, old, root, old_root, proof),
        (old, old, old_root, root, []),
        (old, old, old_root, old_root, proof),
        (0, size, old_root, root, []),
        (0, size, merkle.EMPTY_ROOT, root, proof),
        (-1, size, old_root, root, proof),
        (old, size, old_root, root, [root] * 65),
        (0, 0, merkle.EMPTY_ROOT, root, []),  # two trees of no entries, and one of them has a root of some
        (0, -1, merkle.EMPTY_ROOT, root, []),
        (-1, -1, root, root, []),
    ):
        refused(lambda arguments=arguments: verify_consistency(*arguments), Reason.AUDIT_INVALID)  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong", [None, 5, "text", b"short", bytes(33), bytearray(32), [], ["x" * 32], [bytes(31)], True]
)
def test_a_proof_of_other_types_proves_nothing(wrong: Any) -> None:
    items = entries(5)
    root, read = peer.mth(items), reader(items)
    included = [leaf_hash(items[2]), 2, 5, inclusion_proof(2, 5, read), root]
    consistent = [3, 5, peer.mth(items[:3]), root, consistency_proof(3, 5, read)]
    verify_inclusion(*included)
    verify_consistency(*consistent)
    for verify, good in ((verify_inclusion, included), (verify_consistency, consistent)):
        for place in range(5):
            arguments = [*good[:place], wrong, *good[place + 1 :]]
            if wrong != good[place]:
                refused(lambda verify=verify, arguments=arguments: verify(*arguments), Reason.AUDIT_INVALID)  # type: ignore[misc]


def test_a_tree_without_the_entry_or_the_size_has_no_proof() -> None:
    read = reader(entries(3))
    for call in (
        lambda: inclusion_proof(3, 3, read),
        lambda: inclusion_proof(-1, 3, read),
        lambda: consistency_proof(4, 3, read),
        lambda: consistency_proof(-1, 3, read),
    ):
        refused(call, Reason.CONFIGURATION_INVALID, CitizenIDError)


@pytest.mark.parametrize("wrong", [None, 2.0, "3", True, [3]])
def test_a_tree_has_a_number_of_entries_and_each_is_bytes(wrong: Any) -> None:
    read = reader(entries(3))
    for call in (
        lambda: inclusion_proof(0, wrong, read),
        lambda: inclusion_proof(wrong, 3, read),
        lambda: consistency_proof(1, wrong, read),
        lambda: consistency_proof(wrong, 3, read),
    ):
        refused(call, Reason.CONFIGURATION_INVALID, CitizenIDError)
    refused(lambda: leaf_hash(wrong), Reason.AUDIT_MALFORMED, MalformedError)


@given(SIZES, SIZES)
def test_an_edge_that_was_copied_grows_by_itself(first: int, more: int) -> None:
    edge, _ = grown(entries(first))
    root = edge.root()
    other = edge.copy()
    for item in entries(more):
        other.append(leaf_hash(item))
    assert edge.root() == root and edge.size == first
    assert other.root() == peer.mth(entries(first) + entries(more))
