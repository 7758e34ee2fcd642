"""A DeviceResponse: the whole reading, and the one by its literal bytes, which is held against it."""

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
from citizenid._model import CertificateProfile, DetachedSignature, Presentation, Serialization
from citizenid._readers import mdoc
from citizenid._wire import device_response
from citizenid._wire.device_response import Document, read_canonical, read_documents
from citizenid._wire.heads import byte_string, embedded, head

LIMITS = Limits()
TIGHT = Limits(disclosures=2, claim_name_chars=8)


def text(content: bytes, *, padded: bool = False) -> bytes:
    return b"\x78" + bytes([len(content)]) + content if padded else head(3, len(content)) + content


def response(
    *,
    doc_type: bytes = b"\x65a.doc",
    protected: bytes = b"\xa1\x01\x26",
    signature: bytes = byte_string(bytes(64)),
    certificate: bytes = byte_string(b"c" * 300),
    payload: bytes = byte_string(b"p" * 30),
    name_spaces: bytes = b"\xa1\x63one\x81" + embedded(b"i" * 40),
) -> bytes:
    return b"".join(
        (
            b"\xa3\x66status\x00\x67version\x631.0\x69documents\x81\xa3\x67docType" + doc_type,
            b"\x6cdeviceSigned\xa2\x6adeviceAuth\xa1\x6fdeviceSignature\x84" + byte_string(protected),
            b"\xa0\xf6\x58\x40" + bytes(64) + b"\x6anameSpaces\xd8\x18\x41\xa0",
            b"\x6cissuerSigned\xa2\x6aissuerAuth\x84\x43\xa1\x01\x26\xa1\x18\x21" + certificate + payload + signature,
            b"\x6anameSpaces" + name_spaces,
        )
    )


Opened = list[Presentation] | tuple[Reason, str]


def by_literals(raw: bytes, limits: Limits = LIMITS) -> Presentation | None:
    canonical = read_canonical(raw, limits)
    return None if canonical is None else mdoc._open_canonical(canonical)._replace(issuer_half=b"")


def opened(raw: bytes, limits: Limits) -> Opened:
    # What keys a cache is told apart below; all else is one and the same.
    try:
        presentations = mdoc.open_presentation(raw, limits, Serialization.COMPACT)
        return [each._replace(issuer_half=b"") for each in presentations]
    except CitizenIDError as error:
        return error.reason, error.where


def whole(raw: bytes, limits: Limits) -> Opened:
    with patch.object(mdoc, "read_canonical", lambda *_: None):
        return opened(raw, limits)


def check(raw: bytes, limits: Limits = LIMITS) -> Opened:
    outcome = opened(raw, limits)
    assert outcome == whole(raw, limits)
    return outcome


names = st.one_of(
    st.text(max_size=12).map(str.encode), st.sampled_from([b"one", b"o" * 24, b"o" * 255, b"\xff", b"\xed\xa0\x80"])
)
texts = st.builds(lambda content, padded: text(content, padded=padded), names, st.booleans())
items = st.binary(max_size=300).map(embedded) | st.integers(24, 40).map(lambda size: embedded(b"i" * size))
namespaces = st.lists(
    st.tuples(texts, st.lists(items, min_size=1, max_size=4) | st.just([]), st.booleans()), max_size=4
).map(
    lambda groups: b"".join(
        (
            head(5, len(groups)),
            *(
                name + (b"\x98" + bytes([len(held)]) if wide else head(4, len(held))) + b"".join(held)
                for name, held, wide in groups
            ),
        )
    )
)
strings = st.binary(min_size=22, max_size=70).map(byte_string)
responses = st.builds(
    response,
    doc_type=texts,
    protected=st.just(b"\xa1\x01\x26") | st.sampled_from([b"\xa1\x01\x05", b"\xa1\x01\x40", b"\xa1\x02\x26", b""]),
    signature=st.just(byte_string(bytes(64))) | strings,
    certificate=strings,
    payload=strings,
    name_spaces=namespaces,
)
limits = st.sampled_from([LIMITS, TIGHT])
# As canonical CBOR writes them, but for names with a head that is longer than needed.
long_items = st.binary(min_size=24, max_size=40).map(embedded) | st.integers(200, 300).map(
    lambda size: embedded(bytes(size))
)
long_names = st.text(min_size=1, max_size=30).map(str.encode)
sound = st.builds(
    response,
    doc_type=st.builds(lambda name, padded: text(name, padded=padded), long_names, st.booleans()),
    certificate=st.binary(min_size=24, max_size=300).map(byte_string),
    payload=st.binary(min_size=24, max_size=300).map(byte_string),
    name_spaces=st.dictionaries(long_names, st.lists(long_items, min_size=1, max_size=26), min_size=1, max_size=4).map(
        lambda groups: b"".join(
            (head(5, len(groups)), *(text(name) + head(4, len(held)) + b"".join(held) for name, held in groups.items()))
        )
    ),
)


@given(sound)
def test_a_sound_response_is_framed_by_its_literals_as_the_whole_reading_reads_it(raw: bytes) -> None:
    framed = by_literals(raw)
    assert framed is not None
    assert whole(raw, LIMITS) == [framed]
    check(raw, TIGHT)


@given(responses, limits)
def test_a_response_that_is_put_together_of_parts_is_read_as_the_whole_reading_reads_it(
    raw: bytes, limits: Limits
) -> None:
    check(raw, limits)


@given(sound | responses, limits, st.data())
def test_a_response_that_is_changed_anywhere_is_read_as_the_whole_reading_reads_it(
    raw: bytes, limits: Limits, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 4)))
    check(raw[:start] + data.draw(st.binary(max_size=4)) + raw[end:], limits)


def test_every_bit_of_a_response_counts_as_in_the_whole_reading() -> None:
    raw = response()
    for position in range(len(raw)):
        if raw[position] in b"cp\0":  # what fills the long strings says nothing
            continue
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            check(bytes(changed))


@pytest.mark.parametrize("first", range(256))
def test_a_head_means_in_its_place_what_it_means_in_the_whole_reading(first: int) -> None:
    # With as much behind it as there would be if its number were the distance from the first head of its kind.
    item = embedded(b"i" * 24)
    named = [b"\x63n%02x\x81" % (number) + item for number in range(256)]
    for name_spaces in (
        b"\xa1" + bytes([first]) + b"n" * (first - 0x60) + b"\x81" + item,
        b"\xa1\x61n" + bytes([first]) + item * (first - 0x80),
        bytes([first]) + b"".join(named[: max(first - 0xA0, 0)]),
        b"\xa1\x78" + bytes([first]) + b"n" * first + b"\x81" + item,
        b"\xa1\x61n\x98" + bytes([first]) + item * first,
        b"\xa1\x61n\x81" + bytes([first]) + item[1:],
    ):
        check(response(name_spaces=name_spaces))
    check(response(doc_type=bytes([first]) + b"t" * (first - 0x60)))
    check(response(certificate=bytes([first]) + b"c" * (first - 0x40)))


def test_every_length_of_a_response_is_as_in_the_whole_reading() -> None:
    raw = response()
    for end in range(len(raw)):
        check(raw[:end])
    check(raw + b"\0")


@pytest.mark.parametrize(
    "raw",
    [
        response(),
        response(doc_type=text(b"t" * 24)),
        response(doc_type=text(b"t", padded=True)),
        response(certificate=byte_string(b"c" * 40), payload=byte_string(b"p" * 9_000)),
        response(name_spaces=b"\xa1" + text(b"n" * 24) + b"\x81" + embedded(b"i" * 40)),
        response(name_spaces=b"\xa2\x61a\x81" + embedded(b"i" * 300) + b"\x61b\x98\x01" + embedded(b"i" * 24)),
    ],
)
def test_a_response_as_canonical_cbor_writes_it_is_framed_by_its_literals(raw: bytes) -> None:
    assert by_literals(raw) is not None
    assert check(raw) == [by_literals(raw)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (response(doc_type=b"\x62\xff\xff"), Reason.MALFORMED_CBOR),
        (response(name_spaces=b"\xa1\x62\xff\xff\x81" + embedded(b"i" * 40)), Reason.MALFORMED_CBOR),
        (response(name_spaces=b"\xa2" + 2 * (b"\x61a\x81" + embedded(b"i" * 40))), Reason.DUPLICATE_MEMBER),
        (response(name_spaces=b"\xa1\x61a\x80"), Reason.MALFORMED_TOKEN),
        (response(name_spaces=b"\xa1\x61a\x81\xd8\x19\x58\x20" + bytes(32)), Reason.MALFORMED_CBOR),
        (response(name_spaces=b"\xa1\x61a\x82" + embedded(b"i" * 40)), Reason.MALFORMED_CBOR),
        (response(name_spaces=b"\xa1\x61a\x81" + embedded(b"i" * 40)[:-1]), Reason.MALFORMED_CBOR),
        (response() + b"\0", Reason.MALFORMED_CBOR),
        (response(protected=b"\xa1\x01\x05"), Reason.ALGORITHM_NOT_ALLOWED),
    ],
)
def test_what_breaks_a_rule_is_refused_by_the_whole_reading(raw: bytes, reason: Reason) -> None:
    outcome = check(raw)
    assert isinstance(outcome, tuple)
    assert outcome[0] is reason


@pytest.mark.parametrize(
    "name_spaces",
    [
        b"\xa1\x69too_long_\x81" + embedded(b"i" * 40),
        b"\xa1\x61a\x83" + 3 * embedded(b"i" * 40),
        b"\xa2\x61a\x81" + embedded(b"i" * 40) + b"\x61b\x82" + 2 * embedded(b"i" * 40),
    ],
)
def test_what_is_over_a_limit_is_refused_by_the_whole_reading(name_spaces: bytes) -> None:
    raw = response(name_spaces=name_spaces)
    assert by_literals(raw) is not None
    assert by_literals(raw, TIGHT) is None
    assert check(raw, TIGHT) == (Reason.LIMIT_EXCEEDED, "device-response")


def test_the_response_of_these_tests_is_sound_and_canonical_cbor() -> None:
    raw = response()
    assert cbor2.dumps(cbor2.loads(raw), canonical=True) == raw


def test_what_is_framed_by_its_literals_is_what_stands_there() -> None:
    raw = response(doc_type=b"\x65a.doc", name_spaces=b"\xa1\x63one\x82" + embedded(b"i" * 40) + embedded(b"j" * 24))
    canonical = read_canonical(raw, LIMITS)
    assert canonical is not None
    assert canonical == (
        "a.doc",
        "-7",
        b"\xa1\x01\x26",
        b"c" * 300,
        b"p" * 30,
        bytes(64),
        raw[raw.index(b"issuerAuth\x84") + len(b"issuerAuth\x84\x43") :],
        ("one", "one"),
        (b"i" * 40, b"j" * 24),
        DetachedSignature(False, b"\xa1\x01\x26", "-7", bytes(64), None, b"\xa0"),
    )
    assert repr(canonical) == "<Canonical>"
    (presentation,) = mdoc.open_presentation(raw, LIMITS, Serialization.COMPACT)
    assert presentation.format is Format.MDOC and presentation.issuer_half == canonical.issuer_signed
    assert presentation.credential.key_hint == (None, (b"c" * 300,), None, CertificateProfile.MDOC_DOCUMENT_SIGNER)
    assert presentation.credential.typ is None and presentation.credential.agreement is None


@pytest.mark.parametrize("number", [*range(24), *range(-24, 0)])
def test_an_algorithm_is_framed_by_its_literals_where_mdocs_have_it(number: int) -> None:
    protected = cbor2.dumps({1: number})
    raw = response(protected=protected)
    assert (by_literals(raw) is not None) is (number in reg.MDOC_ALGORITHMS)
    check(raw)
    issuers = raw.replace(b"issuerAuth\x84\x43\xa1\x01\x26", b"issuerAuth\x84\x43" + protected)
    assert (by_literals(issuers) is not None) is (number in reg.MDOC_ALGORITHMS)
    check(issuers)


def test_no_two_issuer_halves_are_one_however_they_were_framed() -> None:
    def half(raw: bytes) -> bytes:
        return mdoc.open_presentation(raw, LIMITS, Serialization.COMPACT)[0].issuer_half

    one, two = embedded(b"i" * 24), embedded(b"j" * 24)
    issued: list[dict[str, bytes]] = [
        {},
        {"certificate": byte_string(b"d" * 300)},
        {"payload": byte_string(b"q" * 30)},
        {"signature": byte_string(b"s" * 64)},
        *(
            {"name_spaces": name_spaces}
            for name_spaces in (
                b"\xa1\x61a\x81" + one,
                b"\xa1\x61b\x81" + one,
                b"\xa1\x61a\x82" + one + two,
                b"\xa1\x61a\x82" + two + one,
                b"\xa2\x61a\x81" + one + b"\x61b\x81" + two,
            )
        ),
    ]
    framed = [half(response(**parts)) for parts in issued]
    with patch.object(mdoc, "read_canonical", lambda *_: None):
        read = [half(response(**parts)) for parts in issued]
    assert len({*framed, *read}) == 2 * len(issued)
    # The holder's part and the type beside it have none in it.
    assert half(response(doc_type=b"\x65b.doc", protected=b"\xa1\x01\x27")) == framed[0]


# --- the whole reading ---

_RESPONSE, _AUTH, _DEVICE, _ITEM = "device-response", "issuer-auth", "device-auth", "issuer-signed-item"
_ABSENT: Any = object()


Outcome = list[Document] | tuple[Reason, str]


def read(raw: bytes, limits: Limits) -> Outcome:
    try:
        return read_documents(raw, limits)
    except CitizenIDError as error:
        return error.reason, error.where


def _changed(value: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {name: each for name, each in {**value, **changes}.items() if each is not _ABSENT}


def _issuer_signed(**changes: Any) -> dict[str, Any]:
    auth = [b"\xa1\x01\x26", {33: b"leaf"}, b"payload", bytes(64)]
    return _changed({"nameSpaces": {"one": [CBORTag(24, b"item")]}, "issuerAuth": auth}, **changes)


def _device_signed(**changes: Any) -> dict[str, Any]:
    signature = [b"\xa1\x01\x26", {}, None, bytes(64)]
    return _changed({"nameSpaces": CBORTag(24, b"\xa0"), "deviceAuth": {"deviceSignature": signature}}, **changes)


def _document(**changes: Any) -> dict[str, Any]:
    parts = {"docType": "a.doc", "issuerSigned": _issuer_signed(), "deviceSigned": _device_signed()}
    return _changed(parts, **changes)


def _outcome(value: Any, limits: Limits = LIMITS) -> Outcome:
    return read(cbor2.dumps(value), limits)


def _of(limits: Limits = LIMITS, **changes: Any) -> Outcome:
    return _outcome(_changed({"version": "1.0", "documents": [_document()], "status": 0}, **changes), limits)


def _in_device(**changes: Any) -> Outcome:
    return _of(documents=[_document(deviceSigned=_device_signed(**changes))])


def test_a_response_is_read_into_its_documents() -> None:
    (document,) = _of()
    assert isinstance(document, Document)
    assert document.doc_type == "a.doc" and document.namespaces == ("one",) and document.items == (b"item",)
    assert document.auth.payload == b"payload" and document.auth.unprotected == {33: b"leaf"}
    assert document.device == (False, b"\xa1\x01\x26", "-7", bytes(64), None, b"\xa0")
    two = _of(documents=[_document(), _document(docType="b.doc", deviceSigned=_ABSENT)])
    assert [(each.doc_type, each.device is None) for each in two if isinstance(each, Document)] == [
        ("a.doc", False),
        ("b.doc", True),
    ]
    assert repr(document) == "<Document>"


def test_what_an_issuer_hands_over_is_a_document_without_a_type_and_a_device() -> None:
    (document,) = _outcome(_issuer_signed())
    assert isinstance(document, Document)
    assert document.doc_type is None and document.device is None and document.items == (b"item",)
    assert _outcome(_issuer_signed(nameSpaces={"one": 3 * [CBORTag(24, b"item")]}), TIGHT) == (
        Reason.LIMIT_EXCEEDED,
        _RESPONSE,
    )
    (bare,) = _outcome(_issuer_signed(nameSpaces=_ABSENT))
    assert isinstance(bare, Document) and bare.items == ()


def test_documents_are_bounded() -> None:
    three = Limits(documents=3)
    for count in (1, 2, 3):
        assert len(_of(three, documents=[_document() for _ in range(count)])) == count
    assert _of(three, documents=[_document() for _ in range(4)]) == (Reason.LIMIT_EXCEEDED, _RESPONSE)


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.10", "1.99"])
def test_a_minor_version_may_be_any(version: str) -> None:
    assert isinstance(_of(version=version), list)


@pytest.mark.parametrize(
    "version", ["", "1", "1.", ".0", "1..0", "1.0.0", "1.0.1", " 1.0", "1.0 ", "1.-1", "1.x", "2.x"]
)
@pytest.mark.parametrize("other", ["2.0", "0.9", "10.0", "1.\u0660", "1.\xb2", "2.\u0660", "\u0661.0"])
def test_another_version_is_not_read(version: str, other: str) -> None:
    assert _of(version=version) == _of(version=other) == (Reason.VERSION_UNSUPPORTED, _RESPONSE)


def test_an_mdoc_may_be_of_a_minor_version_that_is_met_elsewhere() -> None:
    with pytest.raises(CitizenIDError) as caught:
        device_response.check_version("2.0", "some.place")
    assert (caught.value.reason, caught.value.where) == (Reason.VERSION_UNSUPPORTED, "some.place")
    with pytest.raises(CitizenIDError) as caught:
        device_response.check_version(1, "some.place")
    assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_TOKEN, "some.place")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"version": _ABSENT}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"version": 1.0}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"version": b"1.0"}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"status": _ABSENT}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"status": False}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"status": None}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"status": 10}, (Reason.RESPONSE_NOT_OK, _RESPONSE)),
        ({"status": -1}, (Reason.RESPONSE_NOT_OK, _RESPONSE)),
        ({"status": 1}, (Reason.RESPONSE_NOT_OK, _RESPONSE)),
        ({"documents": _ABSENT}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"documents": []}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"documents": {}}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"documents": [[]]}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"documents": [_document(docType=_ABSENT)]}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"documents": [_document(docType=b"a.doc")]}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"documents": [_document(issuerSigned=_ABSENT)]}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"documents": [_document(issuerSigned=[])]}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"documents": [_document(issuerSigned=_issuer_signed(issuerAuth=_ABSENT))]}, (Reason.MALFORMED_TOKEN, _AUTH)),
        ({"documents": [_document(deviceSigned=[])]}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"version": [], "documentErrors": cbor2.undefined}, (Reason.MALFORMED_CBOR, _RESPONSE)),
    ],
)
def test_a_response_of_another_form_is_refused(changes: dict[str, Any], expected: tuple[Reason, str]) -> None:
    assert _of(**changes) == expected


@pytest.mark.parametrize("value", [[], "a", 0, None, {}, [_document()]])
def test_what_is_no_response_is_refused(value: Any) -> None:
    assert _outcome(value) == (Reason.MALFORMED_TOKEN, _RESPONSE)


@pytest.mark.parametrize(
    ("name_spaces", "expected"),
    [
        ([], (Reason.MALFORMED_TOKEN, _RESPONSE)),
        (None, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({1: [CBORTag(24, b"item")]}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"one": []}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"one": {"a": CBORTag(24, b"item")}}, (Reason.MALFORMED_TOKEN, _RESPONSE)),
        ({"one": [b"item"]}, (Reason.MALFORMED_TOKEN, _ITEM)),
        ({"one": [CBORTag(24, "item")]}, (Reason.MALFORMED_TOKEN, _ITEM)),
        ({"one": [CBORTag(24, b"item"), b"item"]}, (Reason.MALFORMED_TOKEN, _ITEM)),
        ({"one": [CBORTag(24, b"item")], "two": [CBORTag(24, [])]}, (Reason.MALFORMED_TOKEN, _ITEM)),
        ({"one": [CBORTag(23, b"item")]}, (Reason.MALFORMED_CBOR, _RESPONSE)),
        ({"n" * 257: [CBORTag(24, b"item")]}, (Reason.LIMIT_EXCEEDED, _RESPONSE)),
    ],
)
def test_items_of_another_form_are_refused(name_spaces: Any, expected: tuple[Reason, str]) -> None:
    assert _of(documents=[_document(issuerSigned=_issuer_signed(nameSpaces=name_spaces))]) == expected


_MESSAGE = [b"\xa1\x01\x05", {}, None, bytes(32)]
_NOT_ALLOWED = (Reason.ALGORITHM_NOT_ALLOWED, _DEVICE)


def test_what_a_device_signed_is_a_signature_or_a_mac_or_nothing() -> None:
    (by_mac,) = _in_device(deviceAuth={"deviceMac": _MESSAGE})
    assert isinstance(by_mac, Document)
    assert by_mac.device == (True, b"\xa1\x01\x05", "HMAC 256/256", bytes(32), None, b"\xa0")
    for auth in (_ABSENT, {}, {"other": 1}):
        (document,) = _in_device(deviceAuth=auth)
        assert isinstance(document, Document) and document.device is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"nameSpaces": _ABSENT}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"nameSpaces": b"\xa0"}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"nameSpaces": {}}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"nameSpaces": CBORTag(24, "a")}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"nameSpaces": CBORTag(24, {})}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"nameSpaces": CBORTag(23, b"\xa0")}, (Reason.MALFORMED_CBOR, _RESPONSE)),
        ({"nameSpaces": CBORTag(32, b"\xa0")}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"deviceAuth": []}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"deviceAuth": {"deviceSignature": _MESSAGE, "deviceMac": _MESSAGE}}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"deviceAuth": {"deviceSignature": []}}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"deviceAuth": {"deviceMac": None}}, (Reason.MALFORMED_TOKEN, _DEVICE)),
        ({"deviceAuth": {"deviceSignature": _MESSAGE}}, _NOT_ALLOWED),
        (
            {"deviceAuth": {"deviceMac": [b"\xa1\x01\x26", {}, None, bytes(32)]}},
            (Reason.ALGORITHM_NOT_ALLOWED, _DEVICE),
        ),
    ],
)
def test_what_a_device_signed_in_another_form_is_refused(changes: Any, expected: tuple[Reason, str]) -> None:
    assert _in_device(**changes) == expected


# Beside the names that are known: passed over where it is sound, and refused as no CBOR of ours where it is not.
_SOUND_BESIDE = [1, "a", [], {"a": [1]}, CBORTag(24, b"a")]
_UNSOUND_BESIDE = [cbor2.undefined, cbor2.CBORSimpleValue(99), [float("nan")], {"a": {b"a": 1}}, {True: 1}]


@pytest.mark.parametrize("name", ["further", 7])
def test_what_nobody_knows_is_passed_over_where_it_is_sound(name: Any) -> None:
    def within(extra: dict[Any, Any]) -> list[Outcome]:
        response = {"version": "1.0", "documents": [_document()], "status": 0}
        auth = {"deviceAuth": {**_device_signed()["deviceAuth"], **extra}}
        return [
            _outcome({**response, **extra}),
            _outcome({**response, "documents": [{**_document(), **extra}]}),
            _outcome({**response, "documents": [_document(issuerSigned={**_issuer_signed(), **extra})]}),
            _outcome({**response, "documents": [_document(deviceSigned={**_device_signed(), **extra})]}),
            _outcome({**response, "documents": [_document(deviceSigned=_device_signed(**auth))]}),
            _outcome({**_issuer_signed(), **extra}),
        ]

    plain = within({})
    for value in _SOUND_BESIDE:
        assert within({name: value}) == plain
    for value in _UNSOUND_BESIDE:
        assert within({name: value}) == [(Reason.MALFORMED_CBOR, _RESPONSE)] * 6


def test_what_is_unsound_beside_a_device_is_named_where_it_is_met() -> None:
    with pytest.raises(CitizenIDError) as caught:
        device_response._known({"a": cbor2.undefined}, frozenset({"b"}), "some.place")
    assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_CBOR, "some.place")
    with pytest.raises(CitizenIDError) as caught:
        device_response._known([], frozenset({"b"}), "some.place")
    assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_TOKEN, "some.place")


def test_a_document_shows_nothing_of_itself() -> None:
    (document,) = read_documents(response(), LIMITS)
    assert repr(document) == str(document) == "<Document>"
    assert f"{[document]}" == "[<Document>]"
