"""The texts and bytes of an audit log: notes, checkpoints, entries, bundles, the write-ahead file, the counters.

Spec: C2SP signed-note, tlog-checkpoint, tlog-cosignature; specs/profile-audit.md sections 1 to 5.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import os
import struct
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import LocalKey, MalformedError, Reason, VerificationError
from citizenid._crypto import derive_key
from citizenid.gateway._audit import entry as e
from citizenid.gateway._audit import note as n
from citizenid.gateway._audit.counts import EMPTY, Counts
from citizenid.gateway._audit.sink import _BY_REASON, _BY_STEP, is_entry
from citizenid.gateway._audit.wal import MAX_BATCH_BYTES, WalReader, batch, batches, file_head

from . import audit_world as w
from . import tlog_peer as peer
from .audit_world import NOW, refused

OWN = n.VerifierKey.parse(w.vkey(), 1)
WITNESS = n.VerifierKey.parse(w.witness_key(), 4)
ROOT = bytes(range(32))
NAMES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._~:/-]{0,40}\Z")
HEADS = st.builds(n.Head, NAMES, st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
CHECKPOINTS = st.builds(
    lambda head, time, others: n.Checkpoint(*head, time, n.newest(o for o in others if o.origin != head.origin)),
    HEADS,
    st.integers(0, 2**40),
    st.lists(HEADS, max_size=5),
)


# --- signed notes ---

# The example of signed-note.md.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()


def test_the_example_of_the_text_verifies() -> None:
    key = n.VerifierKey.parse(EXAMPLE_KEY, n.NOTE_SIGNATURE)
    assert key.to_text() == EXAMPLE_KEY
    assert n.verify_note(n.open_note(EXAMPLE), key)
    assert peer.verify_note(EXAMPLE, EXAMPLE_KEY) == "This is an example message.\n"


@given(CHECKPOINTS)
def test_a_checkpoint_says_what_it_was_made_from(checkpoint: n.Checkpoint) -> None:
    text = checkpoint.to_text()
    assert n.parse_checkpoint(text) == checkpoint
    data = n.sign_note(text, OWN, w.key("w1"))
    assert n.open_note(data).text == text == peer.verify_note(data, w.vkey())
    lines = text.split("\n")
    assert lines[:3] == [checkpoint.origin, str(checkpoint.size), base64.b64encode(checkpoint.root).decode()]
    assert "" not in lines[:-1]


@given(st.data())
def test_a_note_with_one_bit_changed_does_not_count(data: st.DataObject) -> None:
    checkpoint = n.Checkpoint(OWN.name, 5, ROOT, NOW, (n.Head("other/log", 3, ROOT),))
    good = n.sign_note(checkpoint.to_text(), OWN, w.key("w1"))
    changed = bytearray(good)
    changed[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        n.open_checkpoint(bytes(changed), OWN)
    except (MalformedError, VerificationError) as error:
        assert error.reason in {
            Reason.AUDIT_MALFORMED, Reason.AUDIT_INVALID, Reason.SIGNATURE_INVALID, Reason.SIGNATURE_MALFORMED,
        }  # fmt: skip
    else:
        pytest.fail("it counted")


SIGNED = n.sign_note(n.Checkpoint(OWN.name, 5, ROOT, NOW).to_text(), OWN, w.key("w1"))
LINE = SIGNED.rpartition(b"\n\n")[2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"text",
        b"text\n\n",
        b"\n\n" + LINE,
        SIGNED[:-1],
        SIGNED + b"\n",
        SIGNED.replace(b"\n\n", b"\n"),
        SIGNED + b"- " + LINE[4:],
        SIGNED + LINE.replace(b" ", b"  ", 1),
        SIGNED + LINE.replace(b"=\n", b"\n"),
        SIGNED + LINE.replace(b"=\n", b"==\n"),
        SIGNED + "\u2014 name AAAA\n".encode(),
        SIGNED + "\u2014 na+me AAAAAAAA\n".encode(),
        SIGNED + "\u2014 name AAAAAA_-\n".encode(),
        SIGNED.replace(b"gateway", b"gate\tway"),
        SIGNED.replace(b"gateway", b"gate\rway"),
        SIGNED.replace(b"gateway", b"gate\xffway"),
        b"text\n\n" + LINE * 65,
        b"x" * n.MAX_NOTE_BYTES + SIGNED,
    ],
)
def test_what_is_no_note_is_malformed(data: bytes) -> None:
    refused(lambda: n.open_note(data), Reason.AUDIT_MALFORMED)


def test_signatures_of_others_are_passed_over_and_a_wrong_one_of_ours_is_not() -> None:
    unknown = "\u2014 somebody.else AAAAAAAA\n".encode()
    other_id = f"\u2014 {OWN.name} AAAAAAAA\n".encode()
    assert n.open_checkpoint(SIGNED + unknown + other_id, OWN).size == 5
    wrong = n.signature_line(OWN, bytes(64)).encode()
    for data in (SIGNED + wrong, SIGNED.replace(LINE, wrong + LINE)):
        refused(lambda data=data: n.open_checkpoint(data, OWN), Reason.SIGNATURE_INVALID)  # type: ignore[misc]
    short = n.signature_line(OWN, bytes(63)).encode()
    refused(lambda: n.open_checkpoint(SIGNED + short, OWN), Reason.SIGNATURE_MALFORMED)


def test_sixteen_signatures_and_more_are_accepted() -> None:
    data = SIGNED + b"".join(f"\u2014 w{number} AAAAAAAA\n".encode() for number in range(16))
    assert n.open_checkpoint(data, OWN).size == 5


def test_a_checkpoint_of_another_log_or_key_is_refused() -> None:
    other = n.VerifierKey.of("other", 1, w.key("w1").public)
    refused(lambda: n.open_checkpoint(SIGNED, other), Reason.AUDIT_INVALID)
    foreign = n.sign_note(n.Checkpoint("other", 5, ROOT, NOW).to_text(), OWN, w.key("w1"))
    refused(lambda: n.open_checkpoint(foreign, OWN), Reason.AUDIT_INVALID, "audit.checkpoint")


def text_of(**changes: str) -> str:
    lines = {
        "origin": "a.example/log", "size": "5", "root": base64.b64encode(ROOT).decode(), "time": "time 7", "other": "",
    } | changes  # fmt: skip
    return "\n".join(line for line in lines.values() if line) + "\n"


HASH = base64.b64encode(ROOT).decode()


@pytest.mark.parametrize(
    "text",
    [
        text_of(size="05"),
        text_of(size="-1"),
        text_of(size="+1"),
        text_of(size="5 "),
        text_of(size="\u0665"),
        text_of(size=str(2**63)),
        text_of(size="1" * 5_000),
        text_of(size="0"),  # with the root of something
        text_of(root=HASH[:-1]),
        text_of(root=HASH[:-4] + "AAA="[:3] + "B"),
        text_of(root=base64.b64encode(ROOT[:31]).decode()),
        text_of(time="time 07"),
        text_of(time="time"),
        text_of(time="when 7"),
        text_of(time="7"),
        text_of(time=""),
        text_of(origin="with space"),
        text_of(origin="with+plus"),
        text_of(origin="/begins"),
        text_of(other="more"),
        text_of(other=f"log a.example/log 3 {HASH}"),
        text_of(other=f"log b 3 {HASH}\nlog b 4 {HASH}"),
        text_of(other=f"log c 3 {HASH}\nlog b 4 {HASH}"),
        text_of(other=f"log b 03 {HASH}"),
        text_of(other=f"log b 3 {HASH} "),
        text_of(other="log b 3 AAAA"),
        text_of(other="\n".join(f"log {number:03d} 1 {HASH}" for number in range(257))),
        text_of().removesuffix("\n"),
        text_of() + "\n",
    ],
)
def test_what_is_no_checkpoint_of_ours_is_malformed(text: str) -> None:
    assert n.parse_checkpoint(text_of()).size == 5
    refused(lambda: n.parse_checkpoint(text), Reason.AUDIT_MALFORMED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        OWN.to_text().replace("+", " "),
        OWN.to_text().replace("gateway", "gatewai"),
        OWN.to_text().replace("+", "+0", 1),
        OWN.to_text()[:-1],
        "na me+" + OWN.to_text().split("+", 1)[1],
        w.witness_key(),
        None,
        7,
    ],
)
def test_what_is_no_verifier_key_is_malformed(text: Any) -> None:
    refused(lambda: n.VerifierKey.parse(text, 1), Reason.AUDIT_MALFORMED)


def test_a_verifier_key_of_small_order_is_refused() -> None:
    material = b"\x01" + bytes(32)
    key_id = hashlib.sha256(b"name\n" + material).digest()[:4].hex()
    text = f"name+{key_id}+{base64.b64encode(material).decode()}"
    with pytest.raises(MalformedError) as caught:
        n.VerifierKey.parse(text, 1)
    assert caught.value.reason is Reason.KEY_INVALID


def test_only_ed25519_signs_logs() -> None:
    public = LocalKey.generate("ES256").public
    refused(lambda: n.VerifierKey.of("name", 1, public), Reason.CONFIGURATION_INVALID)
    refused(lambda: n.VerifierKey.of("na me", 1, w.key("w1").public), Reason.CONFIGURATION_INVALID)


def test_sixteen_signatures_of_the_next_kind_are_accepted() -> None:
    """C2SP signed-note: at least 16 MUST be, and one that is post-quantum takes nearly 5 kB."""
    long = "".join(f"\u2014 {'a' * 200} {base64.b64encode(bytes([number]) * 5_004).decode()}\n" for number in range(16))
    assert n.open_checkpoint(SIGNED + long.encode(), OWN).size == 5


def test_a_signer_that_errs_is_caught() -> None:
    text = n.Checkpoint(OWN.name, 5, ROOT, NOW).to_text()
    refused(lambda: n.sign_note(text, OWN, w.key("another")), Reason.SIGNATURE_INVALID)


@given(st.integers(0, 2**63 - 1))
def test_a_cosignature_is_that_of_the_text(time: int) -> None:
    line = n.cosign(n.open_note(SIGNED), WITNESS, w.key("witness.example/w"), time)
    data = SIGNED + line
    assert n.verify_note(n.open_note(data), WITNESS)
    assert peer.verify_note(data, w.witness_key(), 4)
    assert n.open_checkpoint(data, OWN).size == 5
    raw = base64.b64decode(line.split(b" ")[2])
    assert int.from_bytes(raw[4:12], "big") == time


def test_a_cosignature_of_another_time_checkpoint_or_kind_does_not_count() -> None:
    signer = w.key("witness.example/w")
    line = n.cosign(n.open_note(SIGNED), WITNESS, signer, NOW)
    raw = bytearray(base64.b64decode(line.split(b" ")[2])[4:])
    raw[7] ^= 1
    moved = SIGNED + n.signature_line(WITNESS, bytes(raw)).encode()
    refused(lambda: n.verify_note(n.open_note(moved), WITNESS), Reason.SIGNATURE_INVALID)
    raw[0] |= 0x80
    beyond = SIGNED + n.signature_line(WITNESS, bytes(raw)).encode()
    refused(lambda: n.verify_note(n.open_note(beyond), WITNESS), Reason.SIGNATURE_MALFORMED)
    other = n.sign_note(n.Checkpoint(OWN.name, 6, ROOT, NOW).to_text(), OWN, w.key("w1")) + line
    refused(lambda: n.verify_note(n.open_note(other), WITNESS), Reason.SIGNATURE_INVALID)
    as_note = n.VerifierKey.of(WITNESS.name, 1, WITNESS.public)
    assert not n.verify_note(n.open_note(SIGNED + line), as_note)


# --- entries ---

TAGS = st.none() | st.binary(min_size=16, max_size=16)
PLACES = (
    st.none() | st.binary(min_size=16, max_size=16),
    st.none() | st.integers(0, 2**31),
    st.none() | st.text(max_size=20),
)
COUNTS = st.dictionaries(st.sampled_from(list(Reason)).map(lambda reason: reason.value), st.integers(0, 2**60))


@given(
    st.integers(0, 2**40 - 61),
    st.sampled_from(list(Reason)),
    *PLACES,
    TAGS,
    st.none() | st.binary(min_size=32, max_size=32),
)
def test_a_refusal_is_read_as_it_was_written(
    now: int, reason: Reason, policy: Any, rule: Any, resource: Any, tag: Any, commitment: Any
) -> None:
    data = e.refused_entry(now, reason.value, reason.step, policy, rule, resource, tag, commitment)
    (read,) = e.read_entries([data])
    assert read == e.Refused(now // 60 * 60, reason.value, reason.step, policy, rule, resource, tag, commitment)
    assert cbor2.loads(data) == [1, "refused", *read]
    assert cbor2.dumps([1, "refused", *read], canonical=True) == data


@given(st.integers(0, 2**40 - 61), *PLACES, TAGS, st.booleans())
def test_a_sample_is_read_as_it_was_written(
    now: int, policy: Any, rule: Any, resource: Any, tag: Any, marked: bool
) -> None:
    data = e.allowed_entry(now, policy, rule, resource, tag, marked)
    assert e.read_entries([data]) == [e.Allowed(now // 60 * 60, policy, rule, resource, tag, marked)]
    assert cbor2.loads(data)[:3] == [1, "allowed", now // 60 * 60]


@given(COUNTS, COUNTS, st.lists(st.tuples(*PLACES, st.integers(2**30, 2**60), st.integers(0, 2**30)), max_size=40))
def test_counts_are_read_as_they_were_written(refusals: Any, unwritten: Any, allowed: Any) -> None:
    items = e.counted_entries(NOW, refusals, unwritten, allowed)
    read = [entry for entry in e.read_entries(items) if isinstance(entry, e.Counted)]
    assert (read[0].refused, read[0].unwritten) == (refusals, unwritten)
    assert [row for entry in read for row in entry.allowed] == allowed
    assert not any(entry.refused or entry.unwritten for entry in read[1:])
    for item in items:
        assert cbor2.dumps(cbor2.loads(item), canonical=True) == item


def test_no_entry_exceeds_what_a_bundle_can_hold() -> None:
    names = dict.fromkeys((reason.value for reason in Reason), 2**60)
    longest = [(bytes(16), 2**30, "\U00010000" * e.MAX_NAME_CHARS, 2**60, 2**60)] * 100
    assert max(map(len, e.counted_entries(NOW, names, names, longest))) <= e.MAX_ENTRY_BYTES
    refusal = e.refused_entry(
        NOW, "r" * 64, "s" * 64, bytes(16), 2**31, "\U00010000" * e.MAX_NAME_CHARS, bytes(16), bytes(32)
    )
    assert 4_096 * (len(refusal) + 2) <= MAX_BATCH_BYTES


GOOD: list[Any] = [1, "refused", 60, "reason", "step", bytes(16), 3, "name", bytes(16), bytes(32)]
GOOD_ALLOWED: list[Any] = [1, "allowed", 60, bytes(16), 3, "name", bytes(16), False]
GOOD_COUNTED: list[Any] = [1, "counted", 60, {"reason": 1}, {}, [[bytes(16), 3, "name", 2, 1]]]


def with_(base: list[Any], place: int, value: Any) -> bytes:
    return cbor2.dumps([*base[:place], value, *base[place + 1 :]], canonical=True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        cbor2.dumps({}),
        cbor2.dumps("text"),
        cbor2.dumps([]),
        cbor2.dumps(GOOD) + b"\0",
        cbor2.dumps(GOOD)[:-1],
        cbor2.dumps(GOOD[:-1]),
        cbor2.dumps([*GOOD, None]),
        cbor2.dumps(GOOD).replace(b"\x03", b"\x18\x03", 1),  # not the shortest
        b"\x9f" + cbor2.dumps(GOOD)[1:] + b"\xff",
        with_(GOOD, 0, 2),
        with_(GOOD, 0, True),
        with_(GOOD, 0, 1.0),
        with_(GOOD, 1, "more"),
        with_(GOOD, 1, b"refused"),
        with_(GOOD, 2, 61),
        with_(GOOD, 2, -60),
        with_(GOOD, 2, 60.0),
        with_(GOOD, 2, 2**40),
        with_(GOOD, 3, ""),
        with_(GOOD, 3, "x" * 65),
        with_(GOOD, 3, None),
        with_(GOOD, 4, 7),
        with_(GOOD, 5, bytes(15)),
        with_(GOOD, 5, "x" * 16),
        with_(GOOD, 6, -1),
        with_(GOOD, 6, True),
        with_(GOOD, 6, 2**63),
        with_(GOOD, 7, "x" * 513),
        with_(GOOD, 7, b"name"),
        with_(GOOD, 8, bytes(17)),
        with_(GOOD, 9, bytes(31)),
        with_(GOOD_ALLOWED, 6, bytes(15)),
        with_(GOOD_ALLOWED, 3, bytes(15)),
        with_(GOOD_ALLOWED, 7, 0),
        cbor2.dumps(GOOD_ALLOWED[:-1]),
        with_(GOOD_COUNTED, 3, {"reason": -1}),
        with_(GOOD_COUNTED, 3, {"reason": True}),
        with_(GOOD_COUNTED, 3, {7: 1}),
        with_(GOOD_COUNTED, 4, []),
        with_(GOOD_COUNTED, 5, {}),
        with_(GOOD_COUNTED, 5, [[bytes(16), 3, "name", 2]]),
        with_(GOOD_COUNTED, 5, [[bytes(16), 3, "name", -1, -1]]),
        with_(GOOD_COUNTED, 5, [[bytes(16), 3, "name", 1, 2]]),
        with_(GOOD_COUNTED, 5, [[bytes(16), 3, "name", 1, True]]),
        with_(GOOD_COUNTED, 5, ["name"]),
        b"\x86\x01\x67counted\x18\x3c\xa2\x61a\x01\x61a\x02\xa0\x80",  # a name twice
    ],
)
def test_what_is_no_entry_is_malformed(data: bytes) -> None:
    good = [cbor2.dumps(each, canonical=True) for each in (GOOD, GOOD_ALLOWED, GOOD_COUNTED)]
    assert len(e.read_entries(good)) == 3
    for items in ([data], [*good, data], [data, *good]):
        refused(lambda items=items: e.read_entries(items), Reason.AUDIT_MALFORMED)  # type: ignore[misc]


@given(st.binary(max_size=60))
def test_any_bytes_are_an_entry_or_malformed(data: bytes) -> None:
    try:
        e.read_entries([data])
    except MalformedError as error:
        assert error.reason is Reason.AUDIT_MALFORMED


def test_a_tag_is_an_hmac_under_a_key_of_the_day() -> None:
    tags = e.Tags(w.SECRET)
    day = NOW // 86_400
    mac = hmac.new(derive_key(w.SECRET, f"audit-tag/{day}"), b"subject", "sha256").digest()
    assert tags.tag(b"subject", NOW) == mac[:16]
    assert e.Tags(w.SECRET).tag(b"subject", day * 86_400 + 86_399) == mac[:16]
    assert tags.tag(b"subject", NOW + 86_400) != mac[:16] != tags.tag(b"another", NOW)
    assert tags.tag(b"subject", NOW) == mac[:16]  # the clock went back
    assert e.Tags(bytes(32)).tag(b"subject", NOW) != mac[:16]


@given(st.lists(st.binary(max_size=300), max_size=30))
def test_a_bundle_holds_its_entries(items: list[bytes]) -> None:
    data = e.packed(items)
    assert e.unpacked(data) == items
    if data:
        try:
            assert e.unpacked(data[:-1]) != items
        except MalformedError as error:
            assert error.reason is Reason.AUDIT_MALFORMED
    refused(lambda: e.unpacked(data + b"\0"), Reason.AUDIT_MALFORMED)
    refused(lambda: e.unpacked(data + b"\0\x02x"), Reason.AUDIT_MALFORMED)


# --- which refusals are entries ---


def test_every_reason_and_step_has_its_place_in_the_table() -> None:
    assert {reason.step for reason in Reason} <= _BY_STEP.keys()
    assert {f"V{number}" for number in range(1, 10)} <= _BY_STEP.keys()
    for reason in Reason:
        for step in _BY_STEP:
            assert type(is_entry(reason, step, subject=True)) is bool
            assert is_entry(reason, step, subject=True) or not is_entry(reason, step, subject=False)


@pytest.mark.parametrize(
    ("reason", "step", "without", "with_subject"),
    [
        (Reason.MALFORMED_TOKEN, "V1", False, False),
        (Reason.KEY_UNKNOWN, "V2", False, False),
        (Reason.SIGNATURE_INVALID, "V3", False, False),
        (Reason.DIGEST_MISMATCH, "V4", False, False),
        (Reason.SIGNATURE_INVALID, "V8", True, True),
        (Reason.EXPIRED, "V6", True, True),
        (Reason.REVOKED, "V9", True, True),
        (Reason.TICKET_MISSING, "ticket", False, False),
        (Reason.TICKET_INVALID, "ticket", False, False),
        (Reason.TICKET_EXPIRED, "ticket", False, True),
        (Reason.ANCHOR_REMOVED, "ticket", False, True),
        (Reason.PROOF_MISSING, "proof", False, True),
        (Reason.PROOF_KEY_MISMATCH, "proof", False, True),
        (Reason.SIGNATURE_INVALID, "proof", False, True),
        (Reason.REPLAYED, "replay", False, True),
        (Reason.REPLAY_GUARD_FULL, "replay", False, False),
        (Reason.CHALLENGE_INVALID, "challenge", False, False),
        (Reason.STORE_UNAVAILABLE, "configuration", False, False),
        (Reason.CONFIGURATION_INVALID, "configuration", False, False),
        (Reason.REQUEST_INVALID, "request", False, False),
        (Reason.CLOCK_UNUSABLE, "request", False, False),
        (Reason.RESOURCE_NOT_LISTED, "policy", False, True),
        (Reason.CITIZENSHIP_NOT_PERMITTED, "policy", False, True),
        (Reason.CITIZENSHIP_NOT_SHOWN, "policy", False, True),
        (Reason.BINDING_TOO_WEAK, "policy", False, True),
        (Reason.CREDENTIAL_SHARED, "sharing", False, True),
        (Reason.STATUS_LIST_STALE, "V9", False, False),
        (Reason.AUDIT_UNAVAILABLE, "audit", False, False),
    ],
)
def test_garbage_is_counted_and_what_takes_a_genuine_ticket_or_credential_is_an_entry(
    reason: Reason, step: str, without: bool, with_subject: bool
) -> None:
    assert is_entry(reason, step, subject=False) is without
    assert is_entry(reason, step, subject=True) is with_subject


def test_a_step_that_nobody_knows_is_written_down() -> None:
    assert is_entry(Reason.EXPIRED, "a step to come", subject=False)
    assert all(reason in Reason for reason in _BY_REASON)


# --- the write-ahead file ---

ITEMS = st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), max_size=6)


def reader(data: bytes) -> WalReader:
    return WalReader(io.BytesIO(data).read)


@pytest.mark.parametrize("cut", [1, 8, 30, 50, -1])
def test_what_is_written_while_the_end_is_read_is_left_for_the_next_reader(cut: int) -> None:
    """A batch that the reader has found unfinished is finished, and others follow, before he asks for more."""
    one, two, three = (batch(first, [b"entry"] * 3) for first in (0, 3, 6))
    file = io.BytesIO(file_head(0) + one + two[:cut])

    def read(count: int) -> bytes:
        found = file.read(count)
        if len(found) < count:
            place = file.tell()
            file.write(two[cut:] + three)
            file.seek(place)
        return found

    found = WalReader(read)
    assert list(found.batches()) == [[b"entry"] * 3]
    assert (found.next, found.torn_bytes) == (3, len(two[:cut]))


def written(first: int, groups: list[list[bytes]]) -> list[bytes]:
    """The parts of a file: its head, and its batches."""
    parts = [file_head(first)]
    for group in groups:
        parts.append(batch(first, group))
        first += len(group)
    return parts


@given(st.integers(0, 2**40), ITEMS)
def test_a_write_ahead_file_is_read_as_it_was_written(first: int, groups: list[list[bytes]]) -> None:
    data = b"".join(written(first, groups))
    wal = reader(data)
    assert list(wal.batches()) == groups
    assert (wal.first, wal.next) == (first, first + sum(map(len, groups)))
    assert (wal.sound_bytes, wal.torn_bytes) == (len(data), 0)


@given(ITEMS.filter(bool), st.data())
def test_a_file_that_is_cut_anywhere_has_the_batches_before_the_cut(groups: list[list[bytes]], data: Any) -> None:
    parts = written(7, groups)
    whole = b"".join(parts)
    cut = data.draw(st.integers(len(parts[0]), len(whole)))
    wal = reader(whole[:cut])
    read = list(wal.batches())
    kept = 0
    while kept < len(groups) and len(b"".join(parts[: kept + 2])) <= cut:
        kept += 1
    assert read == groups[:kept]
    assert wal.sound_bytes + wal.torn_bytes == cut
    padded = whole[:cut] + bytes(100)  # as some file systems leave a file after a loss of power
    while kept < len(groups) and padded.startswith(b"".join(parts[: kept + 2])):
        kept += 1  # what was cut off was zeros: nothing is missing
    assert list(reader(padded).batches()) == groups[:kept]


@given(ITEMS.filter(lambda groups: len(groups) > 1), st.data())
def test_damage_before_a_sound_batch_is_no_torn_end(groups: list[list[bytes]], data: Any) -> None:
    parts = written(7, groups)
    which = data.draw(st.integers(1, len(groups) - 1))
    damaged = bytearray(parts[which])
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    wal = reader(b"".join([*parts[:which], bytes(damaged), *parts[which + 1 :]]))
    refused(lambda: list(wal.batches()), Reason.AUDIT_INVALID, "audit.wal")


def test_a_batch_of_another_place_is_damage() -> None:
    for first in (6, 9):
        wal = reader(file_head(7) + batch(7, [b"a"]) + batch(first, [b"b"]))
        refused(lambda wal=wal: list(wal.batches()), Reason.AUDIT_INVALID)  # type: ignore[misc]


def test_what_does_not_begin_as_such_a_file_is_malformed() -> None:
    for data in (b"", file_head(7)[:-1], b"x" + file_head(7), bytes(100)):
        refused(lambda data=data: reader(data), Reason.AUDIT_MALFORMED)  # type: ignore[misc]


def test_more_than_a_batch_is_no_torn_end() -> None:
    wal = reader(file_head(7) + bytes(MAX_BATCH_BYTES + 100))
    refused(lambda: list(wal.batches()), Reason.AUDIT_INVALID)
    marks = reader(file_head(7) + b"wal\x01" * 100)
    refused(lambda: list(marks.batches()), Reason.AUDIT_INVALID)


@pytest.mark.parametrize("stated", [4_096, 3, 1])
def test_a_sound_batch_of_another_number_of_entries_is_malformed(stated: int) -> None:
    """Whoever can compute SHA-256 can write it: what was counted would be other entries than those that are there."""
    good = batch(7, [b"a", b"b"])
    head = struct.pack(">4sIIQ", b"wal\x01", len(good) - 32, stated, 7)
    body = good[32:]
    wal = reader(file_head(7) + head + hashlib.sha256(head + body).digest()[:12] + body)
    refused(lambda: list(wal.batches()), Reason.AUDIT_MALFORMED, "audit.wal")
    assert wal.next == 7


@pytest.mark.parametrize(("magic", "stated", "more"), [
    (b"wal\x02", 2, 0), (b"WAL\x01", 2, 0), (b"wal\x01", 0, 0), (b"wal\x01", 4_097, 0),
    (b"wal\x01", 2, MAX_BATCH_BYTES),
])  # fmt: skip
def test_a_head_that_nobody_writes_is_no_batch_whatever_its_checksum(magic: bytes, stated: int, more: int) -> None:
    body = batch(7, [b"a", b"b"])[32:]
    head = struct.pack(">4sIIQ", magic, len(body) + more, stated, 7)
    written = head + hashlib.sha256(head + body).digest()[:12] + body
    wal = reader(file_head(7) + written)
    assert list(wal.batches()) == []
    assert (wal.next, wal.sound_bytes, wal.torn_bytes) == (7, len(file_head(7)), len(written))


def test_many_entries_are_several_batches() -> None:
    items = [b"x" * 60_000] * 600
    data = file_head(0) + b"".join(batches(0, items))
    assert [item for group in reader(data).batches() for item in group] == items
    few = [b"x"] * 5_000
    assert [len(group) for group in reader(file_head(0) + b"".join(batches(0, few))).batches()] == [4_096, 904]


# --- the counters ---


def counters(path: Path, names: list[str]) -> Counts:
    if not path.exists():
        path.write_bytes(EMPTY)
    descriptor = os.open(path, os.O_RDWR)
    try:
        return Counts(descriptor, names)
    finally:
        os.close(descriptor)


def test_counters_are_in_the_file_at_once(tmp_path: Path) -> None:
    first = counters(tmp_path / "counts", ["a", "b"])
    first.add("a")
    first.add("a")
    second = counters(tmp_path / "counts", ["b", "c"])  # nothing was flushed or closed
    assert second.totals() == {"a": 2}
    second.add("c")
    first.close()
    second.close()
    assert counters(tmp_path / "counts", ["a"]).totals() == {"a": 2, "c": 1}
    assert (tmp_path / "counts").stat().st_size == len(EMPTY)


def test_a_file_of_counters_that_is_none_is_malformed(tmp_path: Path) -> None:
    for number, data in enumerate((b"", EMPTY[:-1], b"x" + EMPTY[1:])):
        (tmp_path / str(number)).write_bytes(data)
        refused(lambda number=number: counters(tmp_path / str(number), ["a"]), Reason.AUDIT_MALFORMED)  # type: ignore[misc]
    refused(lambda: counters(tmp_path / "many", [f"n{number}" for number in range(2_000)]), Reason.AUDIT_MALFORMED)


def test_every_reason_has_a_name_that_fits() -> None:
    assert all(len("unwritten/" + reason.value) <= 56 and reason.value.isascii() for reason in Reason)
    assert 2 * len(Reason) < 1_000
