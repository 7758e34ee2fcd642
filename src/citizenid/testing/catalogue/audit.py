"""Attacks on the audit log: proofs for what is not there, a history that is rewritten, and a log that breaks decisions.

Spec: RFC 6962 section 2.1; RFC 9162 section 2.1; C2SP tlog-tiles, tlog-proof; specs/profile-audit.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from tempfile import TemporaryDirectory
from typing import Any, Final, final
from unittest import mock

from ... import CitizenIDError, Reason
from ...gateway import Allow
from ...gateway.audit import (
    WhenUnwritable,
    consistency_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
    verify_proof,
)
from ..attacks import Group, attack
from ..forge.parts import NOW
from ..forgery import Outcome, called
from ..trials import Trial, expect, holds, raises
from ..world import SimulatedWorld
from ._logs import (
    ENTRIES,
    TILE,
    check_proof,
    entries_of,
    files_in,
    history,
    keys_of,
    node,
    open_log,
    proof_of,
    prove,
    reader,
    root_of,
    verify_files,
    with_entries,
    written,
)
from ._sending import result_of
from ._witnesses import told_by_others, written_by_a_gateway

_INVALID: Final = Reason.AUDIT_INVALID
_SIZES: Final = (2, 3, 4, 5, 7, 8, 13, 64)


@attack("LOG-001", "AUDIT_PROOF_INVALID")
def node_as_a_leaf() -> Iterator[Trial]:
    """An entry is made of the bytes that an inner node is made of, or the other way round."""
    for count in (2, 4, 8):
        entries = history(count)
        half = count // 2
        left, right, root = root_of(entries[:half]), root_of(entries[half:]), root_of(entries)
        yield holds(
            f"a leaf of {count}", partial(verify_inclusion, leaf_hash(entries[0]), 0, count, proof_of(0, entries), root)
        )
        for name, entry in {
            "with its prefix": b"\1" + left + right,
            "without it": left + right,
            "with that of a leaf": b"\0" + left + right,
            "the root": root,
        }.items():
            whole = partial(verify_inclusion, leaf_hash(entry), 0, 1, [], root)
            yield raises(f"{name}, as the one entry in place of {count}", _INVALID, whole)
        as_leaf = partial(verify_inclusion, leaf_hash(b"\1" + _inner(entries, 0)), 0, 2, [right], root)
        yield raises(f"a node of {count} as the first of two entries", _INVALID, as_leaf)
        if count > 2:
            short = partial(verify_inclusion, left, 0, count, [right], root)
            yield raises(f"the hash of a node as that of an entry of {count}", _INVALID, short)
    flat = node(leaf_hash(b"a"), leaf_hash(b"b"))
    yield holds(
        "the prefixes differ", partial(expect, leaf_hash(leaf_hash(b"a") + leaf_hash(b"b")) != flat, "they are one")
    )
    yield raises("a proof of a log for another content", _INVALID, partial(check_proof, entry=b"\1" + bytes(64)))


def _inner(entries: tuple[bytes, ...], start: int) -> bytes:
    half = max(1, len(entries) // 4)
    return root_of(entries[start : start + half]) + root_of(entries[start + half : start + 2 * half])


@attack("LOG-002", "AUDIT_PROOF_INVALID")
def changed_proof() -> Iterator[Trial]:
    """One hash of an inclusion proof is changed, removed, added or moved."""
    for count in _SIZES:
        entries = history(count)
        for index in {0, count // 2, count - 1}:
            proof, root = proof_of(index, entries), root_of(entries)
            leaf, name = leaf_hash(entries[index]), f"{index} of {count}"
            yield holds(name, partial(verify_inclusion, leaf, index, count, proof, root))
            for how, wrong in _changes(proof, root).items():
                yield raises(f"{name}, {how}", _INVALID, partial(verify_inclusion, leaf, index, count, wrong, root))
            for place in {-1, index + 1, count, 2 * count + index}:
                arguments = (leaf, place, count, proof, root)
                yield raises(f"{name}, as {place}", _INVALID, partial(verify_inclusion, *arguments))
            longer = partial(verify_inclusion, leaf, index, 4 * count, proof, root)
            yield raises(f"{name}, of a longer one", _INVALID, longer)
    yield holds("a proof of a log", check_proof)
    text = prove(0)
    malformed = Reason.AUDIT_MALFORMED
    for how, wrong_text, reason in (
        ("cut", text[:-2], malformed),
        ("without its signature", text.partition(b"\n\xe2\x80\x94")[0] + b"\n", malformed),
        ("empty", b"", malformed),
        ("of another log", text.replace(b"audit/w1", b"audit/w9"), _INVALID),
        ("another index", text.replace(b"index 0\n", b"index 1\n"), _INVALID),
        ("a line more", text.replace(b"index 0\n", b"index 0\n" + b"A" * 43 + b"=\n"), _INVALID),
    ):
        yield raises(f"a proof of a log, {how}", reason, partial(check_proof, wrong_text))


def _changes(proof: list[bytes], root: bytes) -> dict[str, list[bytes]]:
    flipped = bytes((proof[0][0] ^ 1,)) + proof[0][1:]
    changes = {
        "a bit": [flipped, *proof[1:]],
        "the first one removed": proof[1:],
        "the last one removed": proof[:-1],
        "none": [],
        "one added": [*proof, proof[-1]],
        "the root added": [*proof, root],
        "one before": [root, *proof],
        "a short hash": [proof[0][:-1], *proof[1:]],
        "a long hash": [proof[0] + b"\0", *proof[1:]],
        "as many as there cannot be": [root] * 65,
    }
    if len(proof) > 1:
        changes["the other way round"] = proof[::-1]
        changes["the first one twice"] = [proof[0], proof[0], *proof[2:]]
    return changes


@attack("LOG-004")
def consistency() -> Iterator[Trial]:
    """Two trees of which the greater one begins with the smaller one, or does not: all sizes up to 64."""
    yield holds("a prefix is accepted, and nothing else", _all_pairs)
    yield holds("from nothing", _from_nothing)
    for old, new in ((8, 7), (64, 1), (2, 1), (1, 0)):
        shrunk = partial(verify_consistency, old, new, root_of(history(old)), root_of(history(new)), [])
        yield raises(f"a tree that shrinks from {old} to {new}", _INVALID, shrunk)
        if new:
            proof = consistency_proof(new, old, reader(history(old)))
            turned = partial(verify_consistency, old, new, root_of(history(old)), root_of(history(new)), proof)
            yield raises(f"from {old} to {new}, by the proof of the way back", _INVALID, turned)
        making = partial(consistency_proof, old, new, reader(history(old)))
        yield raises(f"no proof from {old} to {new} is made", Reason.CONFIGURATION_INVALID, making)
    for old in (-1, -64):
        below = partial(verify_consistency, old, 4, root_of(()), root_of(history(4)), [])
        yield raises(f"from {old}", _INVALID, below)


def _all_pairs() -> None:
    entries = history(64)
    roots = [root_of(entries[:size]) for size in range(65)]
    forged = [root_of(history(size, 0)) for size in range(65)]
    for new in range(1, 65):
        read = reader(entries[:new])
        for old in range(1, new + 1):
            proof = consistency_proof(old, new, read)
            verify_consistency(old, new, roots[old], roots[new], proof)
            wrong = [(forged[old], roots[new], proof), (roots[old], forged[new], proof)]
            wrong.append((roots[old], roots[new], [*proof, roots[1]]))
            if proof:
                wrong.append((roots[old], roots[new], proof[:-1]))
            for arguments in wrong:
                outcome = called(partial(verify_consistency, old, new, *arguments))
                expect(outcome.reason is _INVALID, f"{old} of {new}: {outcome}")


def _from_nothing() -> None:
    for size in (0, 1, 2, 63, 64):
        empty, root = root_of(()), root_of(history(size))
        verify_consistency(0, size, empty, root, [])
        expect(consistency_proof(0, size, reader(history(size))) == [], "a proof of nothing")
        for arguments in ((bytes(32), root, []), (empty, root, [empty]), (root if size else bytes(32), root, [root])):
            outcome = called(partial(verify_consistency, 0, size, *arguments))
            expect(outcome.reason is _INVALID, f"0 of {size}: {outcome}")


@attack("LOG-006", "AUDIT_TAMPERED")
def rewritten() -> Iterator[Trial]:
    """A stored entry is deleted, inserted, changed, or exchanged with another."""
    yield holds("as it was written", partial(verify_files, written().files))
    entries = entries_of(written().files)
    yield holds("a published copy", partial(verify_files, with_entries(entries, tiles=True)))
    other = entries_of(written(100).files)
    for name, changed in {
        "the first one deleted": entries[1:],
        "one deleted": [*entries[:5], *entries[6:]],
        "one inserted": [*entries[:5], other[0], *entries[5:]],
        "one said twice": [*entries[:5], entries[4], *entries[5:]],
        "one changed": [*entries[:5], other[0], *entries[6:]],
        "the last one changed": [*entries[:-1], other[0]],
        "two exchanged": [*entries[:4], entries[5], entries[4], *entries[6:]],
        "all of another log": other,
        "none": [],
    }.items():
        yield raises(name, _INVALID, partial(verify_files, with_entries(changed, tiles=False)))
        yield raises(
            f"{name}, and the tiles as well", _INVALID, partial(verify_files, with_entries(changed, tiles=True))
        )
    for name, reason in ((ENTRIES.format(12), Reason.AUDIT_MALFORMED), (TILE.format(12), _INVALID)):
        data = written().files[f"w1/{name}"]
        for place in (len(data) // 2, len(data) - 1):
            flipped = {**written().files, f"w1/{name}": data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]}
            yield raises(f"a bit of byte {place} of {name}", reason, partial(verify_files, flipped))
        gone = {each: data for each, data in written().files.items() if each != f"w1/{name}"}
        yield raises(f"without {name}", _INVALID, partial(verify_files, gone))
    yield raises("another root", Reason.SIGNATURE_INVALID, partial(verify_files, _with_checkpoint(_another_root)))
    yield raises("another size", Reason.SIGNATURE_INVALID, partial(verify_files, _with_checkpoint(_another_size)))
    yield raises("another time", Reason.SIGNATURE_INVALID, partial(verify_files, _with_checkpoint(_another_time)))


def _with_checkpoint(change: Callable[[bytes], bytes]) -> dict[str, bytes]:
    return {**written().files, "w1/checkpoint": change(written().files["w1/checkpoint"])}


def _another_root(note: bytes) -> bytes:
    lines = note.split(b"\n")
    return b"\n".join((*lines[:2], written(100).files["w1/checkpoint"].split(b"\n")[2], *lines[3:]))


def _another_size(note: bytes) -> bytes:
    return note.replace(b"\n12\n", b"\n11\n")


def _another_time(note: bytes) -> bytes:
    return note.replace(b"time %d" % NOW, b"time %d" % (NOW + 1))


@attack("LOG-007", "AUDIT_TAMPERED")
def cut_off() -> Iterator[Trial]:
    """The newest entries are cut off, and nothing is signed anew: an older checkpoint takes the place of the newest."""
    log = written()
    newest = log.files["w1/checkpoint"]
    yield holds("nothing was cut off", partial(verify_files, log.files, previous=[newest, log.earlier]))
    yield holds("by itself the older one is sound", partial(verify_files, log.earlier_files))
    for name, files in {
        "the log as it was": log.earlier_files,
        "the older checkpoint over the newest files": {**log.files, "w1/checkpoint": log.earlier},
    }.items():
        yield raises(f"{name}, and a checkpoint was kept", _INVALID, partial(verify_files, files, previous=[newest]))
    cut = with_entries(entries_of(log.files)[:8], tiles=True)
    yield raises("the files cut, under the newest checkpoint", _INVALID, partial(verify_files, cut))
    without = {name: data for name, data in log.files.items() if name != "w1/checkpoint"}
    yield raises("without a checkpoint", _INVALID, partial(verify_files, without))
    yield raises("the whole log is gone", _INVALID, partial(verify_files, {}, previous=[newest]))
    yield from told_by_others()
    yield raises("a log of nothing in its place", _INVALID, partial(verify_files, _empty_log(), previous=[newest]))


@cache
def _empty_log() -> dict[str, bytes]:
    with TemporaryDirectory() as folder, open_log(folder) as log:
        log.checkpoint()
        return files_in(folder)


@attack("LOG-008", "AUDIT_INCONSISTENT")
def fork() -> Iterator[Trial]:
    """Its own writer signs two heads of one size over other entries."""
    one, other = written(), written(100)
    yield holds("each of them is sound by itself", partial(verify_files, other.files))
    for name, kept in {"the head": one.files["w1/checkpoint"], "an older head": one.earlier}.items():
        yield holds(f"{name} of this one", partial(verify_files, one.files, previous=[kept]))
        yield raises(f"{name} of the other one", _INVALID, partial(verify_files, other.files, previous=[kept]))
    both = [one.files["w1/checkpoint"], other.files["w1/checkpoint"]]
    yield raises("both heads", _INVALID, partial(verify_files, one.files, previous=both))
    for size in (1, 2, 7, 8):
        roots = root_of(history(size)), root_of(history(size, size - 1))
        yield raises(f"two roots of {size}", _INVALID, partial(verify_consistency, size, size, *roots, []))
        yield holds(f"one root of {size}", partial(verify_consistency, size, size, roots[0], roots[0], []))
    longer = written(100, size=24)
    yield raises("the other one has grown", _INVALID, partial(verify_files, longer.files, previous=[one.earlier]))


@attack("LOG-010", "AUDIT_PROOF_INVALID")
def proof_of_another_event() -> Iterator[Trial]:
    """A good proof is shown for an event that is another one, of the same log or of another."""
    entries, other = entries_of(written().files), entries_of(written(100).files)
    for index in (0, 5, 11):
        yield holds(f"entry {index}", partial(check_proof, index=index))
        for name, entry in {
            "its neighbour": entries[(index + 1) % 12],
            "one of another log": other[index],
            "a byte more": entries[index] + b"\0",
            "a byte less": entries[index][:-1],
            "nothing": b"",
        }.items():
            yield raises(f"entry {index}, {name}", _INVALID, partial(check_proof, entry=entry, index=index))
    yield raises("by the key of another log", _INVALID, _by_another_key)
    for index in (0, 3):
        tree = history(8)
        arguments = (leaf_hash(tree[index + 1]), index, 8, proof_of(index, tree), root_of(tree))
        yield raises(f"in the tree, {index}", _INVALID, partial(verify_inclusion, *arguments))


def _by_another_key() -> None:
    verify_proof(prove(0), entries_of(written().files)[0], key=keys_of("w2")[0])


# --- a log that breaks decisions ---


@final
class _Failing:
    """A log that answers what is no answer, or fails: at everything, or with an answer, where that is to be settled."""

    def __init__(self, error: Exception | None = None, answer: Any = None) -> None:
        self._error = error
        self._answer = answer

    def _act(self) -> Any:
        if self._error is not None and self._answer is None:
            raise self._error
        return self._answer

    def allowed(self, **_: Any) -> Any:
        """Fail."""
        return self._act()

    def refused(self, reason: Reason, step: str, **_: Any) -> Any:
        """Fail."""
        return self._act()

    def settle(self, position: int) -> Any:
        """Fail."""
        if self._error is not None:
            raise self._error
        return self._answer


@attack("LOG-012")
def log_that_fails() -> Iterator[Trial]:
    """The log raises, its disk is full, or it answers nonsense: nothing that is refused is allowed by it."""
    errors: tuple[Exception, ...] = (
        OSError(28, "no space"),
        ValueError("x"),
        RuntimeError("x"),
        KeyError("x"),
        CitizenIDError(Reason.AUDIT_UNAVAILABLE, "audit"),
        CitizenIDError(Reason.EXPIRED, "exp"),
    )
    for error in errors:
        yield holds(f"it raises {error!r}", partial(_decides, _Failing(error)))
        yield holds(f"it raises {error!r} when it must settle", partial(_decides, _Failing(error, 1)))
    for answer in (Reason.AUDIT_UNAVAILABLE, Reason.EXPIRED, True, "", 0, 1):
        yield holds(f"it answers {answer!r:.20}", partial(_decides, _Failing(answer=answer)))
    yield holds("what was refused is in it", written_by_a_gateway)
    yield holds("its disk is full, and refusing is chosen", partial(_disk_is_full, WhenUnwritable.REFUSE))
    yield holds("its disk is full, and going on is chosen", partial(_disk_is_full, WhenUnwritable.GO_ON))


def _decides(log: Any) -> None:
    world = SimulatedWorld()
    alice, hans = world.wallet(), world.wallet("hans", ["DE"])
    tickets = world.ticket(alice), world.ticket(hans)
    world.gateway = world.another_gateway(audit=log)
    expect(not result_of(world.ask(alice, tickets[0])).allowed, "allowed, and not written down")
    expect(not result_of(world.admit(alice)).allowed, "admitted, and not written down")
    for ticket, resource, reason in (
        (tickets[1], "us-nationals", Reason.CITIZENSHIP_NOT_PERMITTED),
        (tickets[1], "nowhere", Reason.RESOURCE_NOT_LISTED),
        ("no ticket", "us-nationals", Reason.TICKET_INVALID),
    ):
        outcome = result_of(world.ask(hans, ticket, resource))
        expect(outcome.reason is reason, f"{resource}: {outcome}")


def _disk_is_full(choice: WhenUnwritable) -> None:
    full = OSError(28, "no space")
    with TemporaryDirectory() as folder, open_log(folder, when_unwritable=choice) as log:
        world = SimulatedWorld()
        alice, hans = world.wallet(), world.wallet("hans", ["DE"])
        tickets = world.ticket(alice), world.ticket(hans)
        world.gateway = world.another_gateway(audit=log)
        expect(type(world.ask(alice, tickets[0])) is Allow, "while there is room")
        with mock.patch("citizenid.gateway._audit.disk.write", side_effect=full):
            for _ in range(2):
                outcome: Outcome = result_of(world.ask(hans, tickets[1]))
                expect(outcome.reason is Reason.CITIZENSHIP_NOT_PERMITTED, f"{outcome}")
            outcome = result_of(world.ask(alice, tickets[0]))
        expect(outcome.allowed is (choice is WhenUnwritable.GO_ON), f"{outcome}")
        expect(outcome.allowed or outcome.reason is Reason.AUDIT_UNAVAILABLE, f"{outcome}")


GROUP: Final = Group(
    "audit log (merkle)",
    "an entry is proven exactly or not at all, no history is rewritten without being seen, and no log that fails makes "
    "a gateway allow what it would not have allowed",
    (
        node_as_a_leaf,
        changed_proof,
        consistency,
        rewritten,
        cut_off,
        fork,
        proof_of_another_event,
        log_that_fails,
    ),
)
