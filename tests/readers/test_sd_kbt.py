"""An SD-KBT framed by its literal bytes, held against what is read of it when it is decoded."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import cbor2
import pytest
from cbor2 import CBORTag
from hypothesis import given
from hypothesis import strategies as st

from citizenid import Format, Limits
from citizenid import _registry as reg
from citizenid._errors import CitizenIDError, Reason
from citizenid._model import Presentation, Serialization, SignedObject
from citizenid._readers import _sd_kbt
from citizenid._wire.heads import byte_string, head

LIMITS = Limits()
TIGHT = Limits(disclosures=2)
SALTED = byte_string(b"\x81\x50" + bytes(16))


def header(**changes: Any) -> bytes:
    """Return an issuer's protected header: alg, typ, sd_alg, and what else is given by its label."""
    return cbor2.dumps({1: -7, 16: 293, 170: -16} | {int(label[1:]): value for label, value in changes.items()})


def token(
    *,
    number: bytes = b"\x26",
    protected: bytes = byte_string(header()),
    shown: bytes = b"\xa1\x11\x81" + SALTED,
    payload: bytes = byte_string(b"\xa1\x01\x61i"),
    signature: bytes = byte_string(bytes(64)),
    typ: bytes = b"\x10\x19\x01\x26",
    behind: bytes = b"\xa0",
    stated: bytes = byte_string(b"\xa1\x06\x01"),
    proof: bytes = byte_string(b"p" * 64),
) -> bytes:
    outer = b"\xa3\x01" + number + b"\x0d\xd2\x84" + protected + shown + payload + signature + typ
    return b"\xd2\x84" + byte_string(outer) + behind + stated + proof


Outcome = list[Presentation] | tuple[Reason, str]


def without_half(presentation: Presentation) -> Presentation:
    return presentation._replace(issuer_half=b"")  # told apart below; all else is one and the same


def by_literals(raw: bytes, limits: Limits = LIMITS) -> Presentation | None:
    framed = _sd_kbt._open_canonical(raw, limits)
    return None if framed is None else without_half(framed)


def opened(raw: bytes, limits: Limits) -> Outcome:
    try:
        return [without_half(each) for each in _sd_kbt.open_presentation(raw, limits, Serialization.COMPACT)]
    except CitizenIDError as error:
        return error.reason, error.where


def whole(raw: bytes, limits: Limits = LIMITS) -> Outcome:
    with patch.object(_sd_kbt, "_open_canonical", lambda *_: None):
        return opened(raw, limits)


def check(raw: bytes, limits: Limits = LIMITS) -> Outcome:
    outcome = opened(raw, limits)
    assert outcome == whole(raw, limits)
    return outcome


strings = st.binary(max_size=40).map(byte_string) | st.integers(250, 300).map(lambda size: byte_string(bytes(size)))
headers = st.fixed_dictionaries(
    {},
    optional={
        "_1": st.sampled_from([-7, -8, -19, -35, 5, "ES256"]),
        "_4": st.binary(max_size=300),
        "_16": st.sampled_from([293, 294, "application/sd-cwt", -1]),
        "_33": st.sampled_from([b"certificate", [b"one", b"two"], []]),
        "_2": st.just([1]),
        "_13": st.just(1),
        "_17": st.just([b"a"]),
        "_19": st.just([b"a"]),
        "_170": st.sampled_from([-16, -43]),
        "_500": st.dictionaries(st.text(max_size=300), st.integers(), max_size=1),
    },
).map(lambda given: header(**given))
shown = st.lists(strings, max_size=30).map(lambda items: b"\xa1\x11" + head(4, len(items)) + b"".join(items))
sound = st.builds(
    token,
    number=st.sampled_from([b"\x26", b"\x32", b"\x38\x22", b"\x38\x23"]),
    protected=st.builds(
        lambda kid, typ: byte_string(header(_4=kid, _16=typ)), st.binary(max_size=255), st.sampled_from([293, "a/b"])
    ),
    shown=st.just(b"\xa0")
    | st.lists(strings, min_size=1, max_size=30).map(lambda items: b"\xa1\x11" + head(4, len(items)) + b"".join(items)),
    payload=strings,
    signature=strings,
    stated=strings,
    proof=strings,
)
tokens = st.builds(
    token,
    number=st.integers(-60, 40).map(cbor2.dumps),
    protected=headers.map(byte_string) | strings,
    shown=st.just(b"\xa0") | shown | st.sampled_from([b"\xa1\x11\x80", b"\xa1\x12\x81\x41a", b"\xf6", b"\xa1\x11\x40"]),
    payload=strings | st.just(b"\xf6"),
    signature=strings,
    typ=st.sampled_from([b"\x10\x19\x01\x26", b"\x10\x19\x01\x25", b"\x10\x6ba/b+kb+cwt+c", b"\x11\x19\x01\x26"]),
    behind=st.sampled_from([b"\xa0", b"\xa1\x04\x41k", b"\xa1\x11\x80", b"\x80"]),
    stated=strings | st.just(b"\xf6"),
    proof=strings,
)
limits = st.sampled_from([LIMITS, TIGHT])


@given(sound)
def test_a_sound_token_is_framed_by_its_literals_as_it_is_read_decoded(raw: bytes) -> None:
    framed = by_literals(raw)
    assert framed is not None
    assert whole(raw) == [framed]
    check(raw, TIGHT)


@given(tokens, limits)
def test_a_token_that_is_put_together_of_parts_is_read_as_it_is_decoded(raw: bytes, limits: Limits) -> None:
    check(raw, limits)


@given(sound | tokens, limits, st.data())
def test_a_token_that_is_changed_anywhere_is_read_as_it_is_decoded(
    raw: bytes, limits: Limits, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 4)))
    check(raw[:start] + data.draw(st.binary(max_size=4)) + raw[end:], limits)


@pytest.mark.parametrize("kid", [b"k" * 20, b"k" * 200])
def test_every_bit_of_a_token_counts_as_when_it_is_decoded(kid: bytes) -> None:
    raw = token(protected=byte_string(header(_4=kid)))
    for position in range(len(raw)):
        if raw[position] in b"kp\0":  # what fills the long strings says nothing
            continue
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            check(bytes(changed))


@pytest.mark.parametrize("first", range(256))
def test_a_head_means_in_its_place_what_it_means_when_it_is_decoded(first: int) -> None:
    # With as much behind it as there would be if its number were the distance from the first head of its kind.
    one = bytes([first])
    for parts in (
        {"number": one},
        {"number": b"\x38" + one},
        {"protected": one + b"\xa1\x01\x26" + bytes(max(first - 0x43, 0))},
        {"shown": one},
        {"shown": b"\xa1\x11" + one + SALTED * (first - 0x80)},
        {"shown": b"\xa1\x11\x98" + one + SALTED * first},
        {"shown": b"\xa1\x11\x81" + one + b"s" * (first - 0x40)},
        {"payload": one + b"p" * (first - 0x40)},
        {"payload": b"\x58" + one + b"p" * first},
        {"payload": b"\x59\x01" + one + b"p" * (256 + first)},
        {"signature": one + b"s" * (first - 0x40)},
        {"stated": one + b"s" * (first - 0x40)},
        {"proof": one + b"p" * (first - 0x40)},
        {"behind": one},
    ):
        check(token(**parts))


def test_every_length_of_a_token_is_as_when_it_is_decoded() -> None:
    for raw in (token(), token(payload=byte_string(bytes(300)))):
        for end in range(len(raw)):
            check(raw[:end])
        check(raw + b"\0")


@pytest.mark.parametrize(
    "raw",
    [
        token(),
        token(shown=b"\xa0"),
        token(shown=b"\xa1\x11\x97" + 23 * SALTED),
        token(shown=b"\xa1\x11\x98\x18" + 24 * SALTED),
        token(shown=b"\xa1\x11\x98\xff" + 255 * SALTED),
        token(payload=byte_string(bytes(65_000))),
        token(payload=byte_string(b""), stated=byte_string(b"")),
        token(protected=byte_string(header(_4=b"k" * 250, _33=b"c" * 300))),
        token(number=b"\x38\x22"),
    ],
)
def test_a_token_as_canonical_cbor_writes_it_is_framed_by_its_literals(raw: bytes) -> None:
    assert by_literals(raw) is not None
    assert check(raw) == [by_literals(raw)]


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (token(number=b"\x25"), (Reason.ALGORITHM_NOT_ALLOWED, "sd-kbt")),
        (token(protected=byte_string(header(_1=5))), (Reason.ALGORITHM_NOT_ALLOWED, "sd-cwt")),
        (token(protected=byte_string(header(_2=[1]))), (Reason.CRIT_UNSUPPORTED, "sd-cwt.header")),
        (token(protected=byte_string(header(_13=1))), (Reason.HEADER_INVALID, "sd-cwt.header")),
        (token(protected=byte_string(header(_17=[b"a"]))), (Reason.HEADER_INVALID, "sd-cwt.header")),
        (token(protected=byte_string(header(_17=[b"a"])), shown=b"\xa0"), (Reason.HEADER_INVALID, "sd-cwt.header")),
        (token(protected=byte_string(header(_500={"n" * 256: 1}))), (Reason.LIMIT_EXCEEDED, "sd-cwt.header")),
        (token(shown=b"\xa1\x11\x80"), (Reason.HEADER_INVALID, "sd-cwt.header.sd_claims")),
        (token(shown=b"\xa1\x11\x98\x00"), (Reason.HEADER_INVALID, "sd-cwt.header.sd_claims")),
        (token(typ=b"\x10\x19\x01\x27"), (Reason.TYP_MISMATCH, "sd-cwt.header.typ")),
        (token(behind=b"\xa1\x11\x81\x41a"), (Reason.HEADER_INVALID, "sd-kbt.header")),
    ],
)
def test_what_breaks_a_rule_is_refused_as_when_it_is_decoded(raw: bytes, outcome: tuple[Reason, str]) -> None:
    assert by_literals(raw) is None
    assert check(raw) == outcome


def test_disclosures_that_are_encrypted_are_refused_as_when_they_are_decoded() -> None:
    for label in reg.COSE_SD_ENCRYPTED:
        raw = token(protected=byte_string(cbor2.dumps({1: -7, 16: 293, label: [b"a"]})))
        assert by_literals(raw) is None
        assert check(raw) == (Reason.DISCLOSURE_ENCRYPTED, "disclosure")


def test_disclosures_are_bounded() -> None:
    two, three = (token(shown=b"\xa1\x11" + head(4, count) + count * SALTED) for count in (2, 3))
    assert by_literals(two, TIGHT) is not None
    assert by_literals(three, TIGHT) is None
    assert check(three, TIGHT) == (Reason.LIMIT_EXCEEDED, "disclosure")


def test_what_is_framed_by_its_literals_is_what_stands_there() -> None:
    protected, decoy = header(_4=b"kid"), b"\x81\x50" + bytes(16)
    raw = token(protected=byte_string(protected), shown=b"\xa1\x11\x82" + 2 * SALTED)
    (presentation,) = _sd_kbt.open_presentation(raw, LIMITS, Serialization.COMPACT)
    credential, binding = presentation.credential, presentation.binding
    assert isinstance(binding, SignedObject)
    outer = cbor2.loads(raw).value[0]
    assert presentation.format is Format.SD_CWT and presentation.disclosures == (decoy, decoy)
    assert presentation.declared_type is None and presentation.namespaces == ()
    assert presentation.issuer_half == outer[outer.index(b"\x0d\xd2\x84") + 1 : -4]
    assert cbor2.loads(presentation.issuer_half).tag == 18
    assert credential.to_be_signed == cbor2.dumps(["Signature1", protected, b"", b"\xa1\x01\x61i"])
    assert (credential.algorithm, credential.signature, credential.key_hint.kid) == ("ES256", bytes(64), "kid")
    assert (credential.payload, credential.typ) == (b"\xa1\x01\x61i", "application/sd-cwt")
    assert binding.to_be_signed == cbor2.dumps(["Signature1", outer, b"", b"\xa1\x06\x01"])
    assert (binding.algorithm, binding.signature, binding.typ) == ("ES256", b"p" * 64, "application/kb+cwt")
    assert (binding.payload, binding.key_hint.kid, binding.key_hint.certificates) == (b"\xa1\x06\x01", None, ())


def test_no_two_issuer_halves_are_one_however_they_were_framed() -> None:
    def half(raw: bytes) -> bytes:
        return _sd_kbt.open_presentation(raw, LIMITS, Serialization.COMPACT)[0].issuer_half

    other = byte_string(b"\x81\x50" + b"o" * 16)
    issued: list[dict[str, bytes]] = [
        {},
        {"protected": byte_string(header(_4=b"kid"))},
        {"payload": byte_string(b"q")},
        {"signature": byte_string(b"s" * 64)},
        {"shown": b"\xa0"},
        {"shown": b"\xa1\x11\x82" + SALTED + other},
        {"shown": b"\xa1\x11\x82" + other + SALTED},
    ]
    framed = [half(token(**parts)) for parts in issued]
    with patch.object(_sd_kbt, "_open_canonical", lambda *_: None):
        read = [half(token(**parts)) for parts in issued]
    assert len({*framed, *read}) == 2 * len(issued)
    # The holder's part has none in it.
    assert half(token(number=b"\x38\x22", stated=byte_string(b"s"), proof=byte_string(b"q"))) == framed[0]


def test_the_token_of_these_tests_is_sound_and_canonical_cbor() -> None:
    tagged = cbor2.loads(token())
    assert isinstance(tagged, CBORTag) and tagged.tag == 18
    assert cbor2.dumps(tagged, canonical=True) == token()
    assert cbor2.dumps(cbor2.loads(tagged.value[0]), canonical=True) == tagged.value[0]
