"""COSE_Sign1 and COSE_Mac0: framing, the two headers, what is signed, and the algorithm that a header may name."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import _registry as reg
from citizenid._crypto import LocalKey, verify_signature
from citizenid._errors import CitizenIDError, MalformedError, Reason, VerificationError
from citizenid._model import CertificateProfile, KeyHint, SignedObject
from citizenid._wire import cbor, cose
from citizenid._wire.cbor import CBORTag, byte_string
from citizenid._wire.cose import Message

WHERE = "sd-cwt"
HEADER = WHERE + ".header"
PROFILE = CertificateProfile.SD_JWT_VC_ISSUER
ES256 = bytes.fromhex("a10128")  # {1: -9}
MISSING: Any = object()


def _refused(call: Callable[[], object], reason: Reason, where: str = WHERE) -> None:
    with pytest.raises(MalformedError) as caught:
        call()
    error = caught.value
    assert (error.reason, error.where) == (reason, where)
    assert error.__cause__ is None and error.__context__ is None


def _read(
    protected: Any = ES256, unprotected: Any = MISSING, payload: Any = b"payload", signature: Any = b"s" * 64
) -> Message:
    protected = cbor2.dumps(protected) if type(protected) is dict else protected
    return cose.read_message([protected, {} if unprotected is MISSING else unprotected, payload, signature], WHERE)


# --- framing ---


@pytest.mark.parametrize(
    "value",
    [
        None,
        18,
        b"",
        "",
        {},
        (),
        [],
        [b"", {}, b""],
        [b"", {}, b"", b"", b""],
        [b"", {}, b"", b""][:1],
        (b"", {}, b"", b""),
        [b"", {}, b"", [b""]],
        [None, {}, b"", b""],
        [{}, {}, b"", b""],
        ["", {}, b"", b""],
        [bytearray(), {}, b"", b""],
        [b"", b"", b"", b""],
        [b"", None, b"", b""],
        [b"", [], b"", b""],
        [b"", {}, "", b""],
        [b"", {}, 0, b""],
        [b"", {}, False, b""],
        [b"", {}, [b""], b""],
        [b"", {}, {}, b""],
        [b"", {}, b"", None],
        [b"", {}, b"", ""],
        [b"", {}, b"", 0],
        [b"", {}, CBORTag(24, b""), b""],
        [CBORTag(24, b"\xa0"), {}, b"", b""],
        CBORTag(18, [b"", {}, b"", b""]),
    ],
)
def test_a_message_is_an_array_of_exactly_four(value: Any) -> None:
    _refused(lambda: cose.read_message(value, WHERE), Reason.MALFORMED_TOKEN)


def test_a_payload_that_is_absent_is_not_one_that_is_empty() -> None:
    assert _read(payload=None).payload is None
    assert _read(payload=b"").payload == b""


@pytest.mark.parametrize(
    "value", [None, [b"", {}, b"", b""], CBORTag(17, []), CBORTag(98, []), CBORTag(61, CBORTag(18, [])), 18]
)
def test_a_tag_is_the_expected_one(value: Any) -> None:
    assert cose.untag(CBORTag(18, [1]), 18, WHERE) == [1]
    _refused(lambda: cose.untag(value, 18, WHERE), Reason.MALFORMED_TOKEN)


def test_a_tagged_message_is_read_from_its_bytes() -> None:
    """What stands under a tag comes as lists and dicts, or nothing under tag 18 would be a message."""
    data = b"\xd2" + cose.write(ES256, {4: b"kid"}, b"payload", b"s")
    for tags in (frozenset({18}), frozenset({18, 61, 24})):
        message = cose.read_message(cose.untag(cbor.decode(data, WHERE, tags), 18, WHERE), WHERE)
        assert message == (ES256, {1: -9}, {4: b"kid"}, b"payload", b"s")
    assert repr(message) == "<Message>"


# --- the protected header ---


@pytest.mark.parametrize("protected", [b"", b"\xa0", b"\xb8\x00", b"\xb9\x00\x00", b"\xbb" + bytes(8)])
def test_an_empty_protected_header_is_signed_as_an_empty_string(protected: bytes) -> None:
    message = _read(protected)
    assert message.protected == b"" and dict(message.members) == {}
    assert (
        cose.structure(cose.SIGNATURE, message.protected, b"p")
        == bytes.fromhex("846a5369676e6174757265314040") + b"\x41p"
    )


def test_a_protected_header_is_signed_as_it_was_received() -> None:
    """Another order, heads that are longer than needed: the bytes count, and nothing is encoded again."""
    received = bytes.fromhex("b9000204416b011828")  # {4: 'k', 1: 40} with a long head and unsorted
    message = _read(received)
    assert message.protected == received and dict(message.members) == {4: b"k", 1: 40}


@pytest.mark.parametrize(
    ("protected", "reason"),
    [
        ("a10128a0", Reason.MALFORMED_CBOR),
        ("a1012800", Reason.MALFORMED_CBOR),
        ("a0a0", Reason.MALFORMED_CBOR),
        ("a101", Reason.MALFORMED_CBOR),
        ("a1", Reason.MALFORMED_CBOR),
        ("bf0128ff", Reason.MALFORMED_CBOR),
        ("a201280126", Reason.DUPLICATE_MEMBER),
        ("a1f528", Reason.MALFORMED_CBOR),
        ("a1f93c0028", Reason.MALFORMED_CBOR),
        ("a1410128", Reason.MALFORMED_CBOR),
        ("a1f8ff28", Reason.MALFORMED_CBOR),
        ("a10128a10128", Reason.MALFORMED_CBOR),
        ("f6", Reason.MALFORMED_TOKEN),
        ("80", Reason.MALFORMED_TOKEN),
        ("40", Reason.MALFORMED_TOKEN),
        ("43a10128", Reason.MALFORMED_TOKEN),
        ("00", Reason.MALFORMED_TOKEN),
        ("60", Reason.MALFORMED_TOKEN),
        ("d81843a10128", Reason.MALFORMED_TOKEN),
        ("d2a0", Reason.MALFORMED_TOKEN),
        ("f4", Reason.MALFORMED_TOKEN),
        ("a101" + "81" * 17 + "00", Reason.DEPTH_EXCEEDED),
        ("a101c24107", Reason.MALFORMED_CBOR),
        ("a101f97e00", Reason.MALFORMED_CBOR),
        ("a10163eda080", Reason.MALFORMED_CBOR),
        ("a119ffffc000", Reason.MALFORMED_CBOR),
    ],
)
def test_a_protected_header_that_is_no_map_of_ours(protected: str, reason: Reason) -> None:
    data = bytes.fromhex(protected)
    for _ in range(2):  # a refusal is not remembered as something else
        _refused(lambda: _read(data), reason, HEADER)
    long = data[:-1] + bytes(200)
    with pytest.raises(MalformedError):
        _read(long)


@given(st.binary(max_size=140))
def test_the_memo_changes_no_result(protected: bytes) -> None:
    """Twice through the memo, and once past it."""

    def outcome(read: Callable[[bytes, str], object]) -> object:
        try:
            return read(protected, WHERE)
        except CitizenIDError as error:
            return (type(error), error.reason, error.where)

    once = outcome(cose._read_protected)
    assert outcome(cose._read_short_header) == once == outcome(cose._read_short_header)
    assert cose._read_short_header.cache_info().maxsize == 1_024


def test_the_memo_is_asked_by_the_place_too_and_hands_out_nothing_that_changes() -> None:
    bad = bytes.fromhex("a10228")
    for where in ("one", "two"):
        _refused(lambda: cose.read_message([bad, {}, None, b""], where), Reason.CRIT_UNSUPPORTED, where + ".header")  # noqa: B023
    members = _read().members
    with pytest.raises(TypeError):
        members[1] = -7  # type: ignore[index]  # it is read only, and that is what this tests
    assert _read().members[1] == -9


def test_only_short_headers_are_remembered() -> None:
    before = cose._read_short_header.cache_info().currsize
    _read({1: -9, 4: b"k" * 130})
    assert cose._read_short_header.cache_info().currsize == before


# --- the protected header out of what was signed ---


def _header(size: int) -> tuple[bytes, dict[Any, Any]]:
    """A protected header of exactly that many bytes."""
    for filler in range(max(0, size - 12), size):
        members = {1: -9, 4: b"k" * filler}
        if len(data := cbor2.dumps(members)) == size:
            return data, members
    raise AssertionError(f"no header has {size} bytes")


@pytest.mark.parametrize("size", [6, 7, 23, 24, 25, 32, 127, 128, 129, 255, 256, 257, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("payload", [b"", b"payload", b"p" * 300], ids=["none", "short", "long"])
def test_the_protected_header_is_found_in_what_was_signed(size: int, payload: bytes) -> None:
    data, members = _header(size)
    for aad in (b"", b"aad", b"a" * 300):
        assert dict(cose.protected_of(cose.structure(cose.SIGNATURE, data, payload, aad), WHERE)) == members
        # As RFC 9052 section 4.4 writes it, without a word of ours.
        assert cose.protected_of(cbor2.dumps(["Signature1", data, aad, payload]), WHERE) == members


@pytest.mark.parametrize(
    ("protected", "members"),
    [(b"", {}), (b"\xa0", {}), (ES256, {1: -9}), (bytes.fromhex("b9000204416b011828"), {4: b"k", 1: 40})],
)
def test_a_short_protected_header_is_found_in_what_was_signed(protected: bytes, members: dict[Any, Any]) -> None:
    for payload in (b"", b"p", b"\xa1\x01\x28"):
        assert cose.protected_of(cose.structure(cose.SIGNATURE, protected, payload), WHERE) == members


def test_a_protected_header_that_was_signed_is_read_as_strictly_as_any() -> None:
    for size in (0, 200):  # one that is remembered, and one that is not
        for front, reason in (
            (b"\xa2\x02\x80\x04", Reason.CRIT_UNSUPPORTED),
            (b"\xa2\x04\x80\x04", Reason.DUPLICATE_MEMBER),
            (b"\x82\x01", Reason.MALFORMED_TOKEN),
            (b"\xa1", Reason.MALFORMED_CBOR),
        ):
            data = cose.structure(cose.SIGNATURE, front + byte_string(bytes(size)), b"p")
            _refused(lambda: cose.protected_of(data, WHERE), reason, HEADER)  # noqa: B023


def test_only_short_headers_that_were_signed_are_remembered() -> None:
    def asked() -> int:
        info = cose._read_short_header.cache_info()
        return info.hits + info.misses

    for size, times in ((6, 1), (127, 1), (128, 1), (129, 0), (300, 0)):
        data = cose.structure(cose.SIGNATURE, _header(size)[0], b"p")
        before = asked()
        cose.protected_of(data, WHERE)
        assert asked() - before == times


# --- labels ---


@pytest.mark.parametrize("crit", [[], [1], [4], [-1], ["reserved"], None, 0, True, b"", "", {}, [1, 2], [16]])
def test_any_crit_in_either_header_is_refused(crit: Any) -> None:
    _refused(lambda: _read({1: -9, 2: crit}), Reason.CRIT_UNSUPPORTED, HEADER)
    _refused(lambda: _read(ES256, {2: crit}), Reason.CRIT_UNSUPPORTED, HEADER)
    _refused(lambda: _read(b"", {2: crit}), Reason.CRIT_UNSUPPORTED, HEADER)
    assert _read({1: -9, "crit": crit}).members["crit"] == crit  # the text is another label, and an unknown one


@pytest.mark.parametrize("label", [1.0, 2.0, 4.0, 33.0, 34.0, 35.0, True, b"\x04", None, cbor2.CBORSimpleValue(33)])
def test_a_label_that_python_takes_for_a_number_is_none(label: Any) -> None:
    # An item that was loaded and not checked, as those of an mdoc are.
    loaded = cbor.load(cbor2.dumps({label: b"x"}), WHERE)
    for further in ({}, {4: b"kid"}, {"name": 1}):
        _refused(lambda: _read(unprotected=loaded | further), Reason.MALFORMED_CBOR, HEADER)  # noqa: B023
    _refused(lambda: _read(cbor2.dumps({label: b"x"})), Reason.MALFORMED_CBOR, HEADER)


@pytest.mark.parametrize("label", [1, 2, 4, 13, 16, 33, 34, 35, 170, -1, 70_000, "text", "", "1"])
def test_a_label_in_both_headers_is_refused(label: Any) -> None:
    reason = {2: Reason.CRIT_UNSUPPORTED, 35: Reason.HEADER_FORBIDDEN}.get(label, Reason.HEADER_INVALID)
    _refused(lambda: _read({label: 0}, {label: 0}), reason, HEADER)
    _refused(lambda: _read({label: 0, 99: 1}, {98: 1, label: 1}), reason, HEADER)


def test_a_text_label_is_not_the_number_it_looks_like() -> None:
    message = _read({1: -9, "1": 5}, {"4": b"k"})
    assert message.members == {1: -9, "1": 5}
    assert cose.hint_of(message, WHERE) == (None, ())


@pytest.mark.parametrize(
    "value", ["https://evil.example/key", b"", None, [], {}, CBORTag(32, "https://evil.example/key"), CBORTag(999, 0)]
)
def test_a_place_to_get_a_key_from_is_refused(value: Any) -> None:
    # RFC 9360 section 2 has a URI under tag 32, a tag that no other parameter has.
    _refused(lambda: _read({1: -9, 35: value}), Reason.HEADER_FORBIDDEN, HEADER)
    _refused(lambda: _read(b"\xa2\x01\x28\x18\x23" + cbor2.dumps(value)), Reason.HEADER_FORBIDDEN, HEADER)
    _refused(lambda: _read(ES256, {35: value}), Reason.HEADER_FORBIDDEN, HEADER)


@pytest.mark.parametrize("label", [32, 34, 99, -1, "x5u"])
def test_the_tag_of_a_uri_stands_nowhere_else(label: Any) -> None:
    uri = CBORTag(32, "https://evil.example/key")
    _refused(lambda: _read({1: -9, label: uri}), Reason.MALFORMED_CBOR, HEADER)
    _refused(lambda: _read(ES256, {label: uri}), Reason.MALFORMED_CBOR, HEADER)


# --- alg ---


@pytest.mark.parametrize("number", reg.COSE_ALGORITHMS)
def test_an_algorithm_of_the_table_is_named_by_its_key(number: int) -> None:
    assert cose.algorithm_of(_read({1: number}), reg.COSE_ALGORITHMS, WHERE) == reg.COSE_ALGORITHMS[number]


NOT_IN_THE_TABLE = [
    0,
    1,
    5,
    7,
    -1,
    -6,
    -10,
    -34,
    -37,
    -38,
    -39,
    -47,
    -65,
    -257,
    -259,
    -264,
    -269,
    -65_535,
    2**63,
    -(2**64),
    "ES256",
    "-9",
    "-7",
    "",
    b"\x28",
    b"ES256",
    None,
    True,
    False,
    [-9],
    [],
    {},
    {1: -9},
    -9.0,
    -7.0,
    -8.0,
    0.0,
    CBORTag(24, b""),
]


@pytest.mark.parametrize("value", NOT_IN_THE_TABLE)
def test_any_other_algorithm_is_refused(value: Any) -> None:
    for table in (reg.COSE_ALGORITHMS, reg.MDOC_ALGORITHMS, reg.COSE_MAC_ALGORITHMS):
        if type(value) is not int or value not in table:
            _refused(lambda: cose.algorithm_of(_read({1: value}), table, WHERE), Reason.ALGORITHM_NOT_ALLOWED)  # noqa: B023


def test_a_bignum_is_no_algorithm() -> None:
    _refused(lambda: _read(bytes.fromhex("a101c34108")), Reason.MALFORMED_CBOR, HEADER)


@pytest.mark.parametrize("protected", [b"", b"\xa0", bytes.fromhex("a104416b"), bytes.fromhex("a1616128")])
def test_an_algorithm_that_nothing_covers_is_none(protected: bytes) -> None:
    """ALG-013: only in the unprotected header."""
    message = _read(protected, {1: -9})
    _refused(lambda: cose.algorithm_of(message, reg.COSE_ALGORITHMS, WHERE), Reason.ALGORITHM_NOT_ALLOWED)
    _refused(lambda: cose.sign1(message, b"", reg.COSE_ALGORITHMS, PROFILE, WHERE), Reason.ALGORITHM_NOT_ALLOWED)


def test_the_one_curve_that_no_library_has_gets_a_reason_of_its_own() -> None:
    for table in (reg.COSE_ALGORITHMS, reg.MDOC_ALGORITHMS):
        _refused(lambda: cose.algorithm_of(_read({1: -266}), table, WHERE), Reason.CURVE_UNSUPPORTED)  # noqa: B023
    _refused(lambda: cose.algorithm_of(_read({1: -266.0}), reg.COSE_ALGORITHMS, WHERE), Reason.ALGORITHM_NOT_ALLOWED)


def test_the_tables_agree_with_one_another() -> None:
    assert set(reg.COSE_WRITTEN) == set(reg.COSE_ALGORITHMS.values()) == set(reg.SIGNATURE_BYTES)
    assert all(reg.COSE_ALGORITHMS[number] == name for name, number in reg.COSE_WRITTEN.items())
    for name, number in reg.MDOC_WRITTEN.items():
        assert name in reg.ALGORITHM_FAMILIES[reg.MDOC_ALGORITHMS[number]]
    assert not set(reg.ALGORITHM_FAMILIES) & set(reg.SIGNATURE_BYTES)  # a family is never the name of a key's algorithm
    assert set(reg.MDOC_ALGORITHMS.values()) == set(reg.ALGORITHM_FAMILIES) | set(reg.MDOC_WRITTEN)
    assert not set(reg.COSE_MAC_ALGORITHMS) & set(reg.COSE_ALGORITHMS)


# --- typ, kid ---


@pytest.mark.parametrize(
    ("typ", "name"),
    [
        (293, "application/sd-cwt"),
        (294, "application/kb+cwt"),
        (0, "#0"),
        (65_535, "#65535"),
        ("application/sd-cwt",) * 2,
        ("", ""),
        ("application/SD-CWT",) * 2,
        (MISSING, None),
    ],
)
def test_the_type_is_a_text_or_the_name_of_a_number(typ: Any, name: str | None) -> None:
    assert cose.typ_of(_read({1: -9} if typ is MISSING else {1: -9, 16: typ}), WHERE) == name


@pytest.mark.parametrize("typ", [None, True, False, -1, 293.0, b"application/sd-cwt", [293], {}])
def test_a_type_of_another_kind_is_refused(typ: Any) -> None:
    message = _read({1: -9, 16: typ})
    _refused(lambda: cose.typ_of(message, WHERE), Reason.HEADER_INVALID, HEADER + ".typ")
    signed = functools.partial(cose.sign1, message, b"", reg.COSE_ALGORITHMS, PROFILE, WHERE)
    _refused(signed, Reason.HEADER_INVALID, HEADER + ".typ")


def test_a_type_that_nothing_covers_is_none() -> None:
    assert cose.typ_of(_read(ES256, {16: 293}), WHERE) is None


@pytest.mark.parametrize(
    ("kid", "text"),
    [
        (b"", ""),
        (b"11", "11"),
        (b"\xc3\xbc", "\xfc"),
        (b"\xff", "\udcff"),
        (b"k" * 255, "k" * 255),
        (b"\0", "\0"),
        (b"\xed\xb3\xbf", "\udced\udcb3\udcbf"),
    ],
)
def test_a_kid_is_bytes(kid: bytes, text: str) -> None:
    assert cose.hint_of(_read({1: -9, 4: kid}), WHERE) == (text, ())
    assert cose.hint_of(_read(ES256, {4: kid}), WHERE) == (text, ())


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_two_kids_are_never_one_text(one: bytes, other: bytes) -> None:
    texts = [cose.hint_of(_read(ES256, {4: kid}), WHERE)[0] for kid in (one, other)]
    assert (texts[0] == texts[1]) is (one == other)


@pytest.mark.parametrize("kid", ["11", 11, 0, True, False, None, [b"11"], {}, 1.0, CBORTag(24, b"11"), b"k" * 256])
def test_a_kid_of_another_kind_is_refused(kid: Any) -> None:
    """KEY-008."""
    _refused(lambda: cose.hint_of(_read(ES256, {4: kid}), WHERE), Reason.HEADER_INVALID, HEADER + ".kid")
    if type(kid) is not CBORTag:
        message = _read({1: -9, 4: kid})
        _refused(lambda: cose.hint_of(message, WHERE), Reason.HEADER_INVALID, HEADER + ".kid")


def test_a_parameter_that_the_caller_judges_is_left_to_him() -> None:
    for value in (cbor2.undefined, [cbor2.CBORSimpleValue(99)], {b"a": 1}):
        message = [cbor2.dumps({1: -9, 13: value}), {}, b"", b""]
        assert cose.read_message(message, WHERE, 13).members[1] == -9
        _refused(lambda: cose.read_message(message, WHERE), Reason.MALFORMED_CBOR, HEADER)  # noqa: B023
        _refused(lambda: cose.read_message(message, WHERE, 14), Reason.MALFORMED_CBOR, HEADER)  # noqa: B023
    # What only equals its label is not it, and no label at all.
    for label in (13.0, True):
        message = [cbor2.dumps({label: 0}), {}, b"", b""]
        _refused(lambda: cose.read_message(message, WHERE, int(label)), Reason.MALFORMED_CBOR, HEADER)  # noqa: B023
    _refused(lambda: cose.read_message([b"\x80", {}, b"", b""], WHERE, 13), Reason.MALFORMED_TOKEN, HEADER)


# --- x5chain, x5t ---


@pytest.mark.parametrize(
    ("chain", "certificates"),
    [
        (b"c", (b"c",)),
        ([b"c"], (b"c",)),
        ([b"c", b"d"], (b"c", b"d")),
        ([b"a", b"b", b"c", b"d"], (b"a", b"b", b"c", b"d")),
    ],
)
def test_a_chain_is_one_certificate_or_an_array_of_some(chain: Any, certificates: tuple[bytes, ...]) -> None:
    for message in (_read({1: -9, 33: chain}), _read(ES256, {33: chain})):
        assert cose.hint_of(message, WHERE) == (None, certificates)


@pytest.mark.parametrize(
    "chain",
    [
        b"",
        [],
        [b""],
        [b"c", b""],
        None,
        True,
        0,
        "c",
        ["c"],
        [b"c", "d"],
        [[b"c"]],
        {0: b"c"},
        [b"c", None],
        [CBORTag(24, b"c")],
    ],
)
def test_a_chain_of_another_kind_is_refused(chain: Any) -> None:
    _refused(lambda: cose.hint_of(_read(ES256, {33: chain}), WHERE), Reason.HEADER_INVALID, HEADER + ".x5chain")


def test_a_chain_is_bounded() -> None:
    for count in (5, 1_000):
        message = _read(ES256, {33: [b"c"] * count})
        _refused(lambda: cose.hint_of(message, WHERE), Reason.LIMIT_EXCEEDED, HEADER + ".x5chain")  # noqa: B023


def test_a_chain_in_both_headers_is_refused_even_when_the_two_are_equal() -> None:
    _refused(lambda: _read({1: -9, 33: b"c"}, {33: b"c"}), Reason.HEADER_INVALID, HEADER)


@pytest.mark.parametrize(("number", "name"), [(-16, "sha256"), (-43, "sha384"), (-44, "sha512")])
def test_a_thumbprint_names_the_leaf(number: int, name: str) -> None:
    digest = hashlib.new(name, b"leaf").digest()
    good = [number, digest]
    for protected, unprotected in (
        ({1: -9, 34: good}, {33: [b"leaf", b"ca"]}),
        ({1: -9, 33: b"leaf"}, {34: good}),
        ({1: -9, 33: b"leaf", 34: good}, {}),
        ({1: -9}, {33: b"leaf", 34: good}),
    ):
        assert cose.hint_of(_read(protected, unprotected), WHERE)[1][0] == b"leaf"
    other = hashlib.new(name, b"ca").digest()
    for bad in (
        [number, other],
        [number, digest[:-1]],
        [number, digest + b"\0"],
        [number, b""],
        [number, digest.hex()],
        [number],
        [number, digest, digest],
        [float(number), digest],
        [str(number), digest],
        [name, digest],
        [-17, digest],
        [-15, digest[:8]],
        [0, digest],
        [True, digest],
        [None, digest],
        [number, None],
        {number: digest},
        digest,
        None,
        [],
        0,
        [[number, digest]],
    ):
        message = _read(ES256, {33: [b"leaf", b"ca"], 34: bad})
        _refused(lambda: cose.hint_of(message, WHERE), Reason.HEADER_INVALID, HEADER + ".x5t")  # noqa: B023


def test_a_thumbprint_without_a_chain_selects_nothing() -> None:
    assert cose.hint_of(_read(ES256, {34: [-16, b"x"]}), WHERE) == (None, ())


def test_a_bag_of_certificates_is_no_chain() -> None:
    assert cose.hint_of(_read(ES256, {32: b"c"}), WHERE) == (None, ())


# --- what is signed ---


@given(st.sampled_from([cose.SIGNATURE, cose.MAC]), *[st.binary(max_size=300)] * 3)
def test_the_structure_is_that_of_rfc_9052(context: str, protected: bytes, payload: bytes, external: bytes) -> None:
    written = cose.structure(context, protected, payload, external)
    assert written == cbor2.dumps([context, protected, external, payload])
    assert written == cbor2.dumps([context, protected, external, payload], canonical=True)


def test_the_contexts_are_those_of_sections_4_4_and_6_3() -> None:
    assert (cose.SIGNATURE, cose.MAC) == ("Signature1", "MAC0")
    with pytest.raises(KeyError):
        cose.structure("Signature", b"", b"")  # COSE_Sign is not ours


@given(
    st.binary(max_size=40),
    st.dictionaries(st.integers(3, 9), st.binary(max_size=5), max_size=3),
    st.binary(max_size=40),
)
def test_what_is_written_is_read(payload: bytes, unprotected: dict[Any, Any], signature: bytes) -> None:
    for content in (payload, None):
        for protected in (b"", ES256):
            data = cose.write(protected, unprotected, content, signature)
            assert data == cbor2.dumps([protected, unprotected, content, signature], canonical=True)
            message = cose.read_message(cbor.decode(data, WHERE), WHERE)
            assert message == (protected, cbor2.loads(protected or b"\xa0"), unprotected, content, signature)


def _signed(key: LocalKey, number: int, payload: bytes = b"payload") -> SignedObject:
    protected = cbor.encode({1: number, 16: 293})
    signature = key.sign(cose.structure(cose.SIGNATURE, protected, payload))
    data = b"\xd2" + cose.write(protected, {4: b"k", 33: b"leaf"}, payload, signature)
    message = cose.read_message(cose.untag(cbor.decode(data, WHERE, frozenset({18})), 18, WHERE), WHERE)
    assert message.payload is not None
    return cose.sign1(message, message.payload, reg.COSE_ALGORITHMS, PROFILE, WHERE)


@pytest.mark.parametrize("algorithm", reg.COSE_WRITTEN)
def test_a_message_of_every_algorithm_verifies(algorithm: str) -> None:
    key = LocalKey.generate(algorithm)
    signed = _signed(key, reg.COSE_WRITTEN[algorithm])
    assert signed.key_hint == KeyHint("k", (b"leaf",), None, PROFILE)
    assert (signed.payload, signed.algorithm, signed.typ) == (b"payload", algorithm, "application/sd-cwt")
    verify_signature(signed, key.public, WHERE)


def _verdict(signed: SignedObject, key: LocalKey) -> Reason | None:
    try:
        verify_signature(signed, key.public, WHERE)
    except (MalformedError, VerificationError) as error:
        return error.reason
    return None


def test_a_message_of_another_context_or_with_other_parts_does_not_verify() -> None:
    """SIG-013: "Signature" for "Signature1", external_aad, an empty payload for none; each part moved by a byte."""
    key = LocalKey.generate("ES256")
    signed = _signed(key, -9, b"")
    protected = cbor.encode({1: -9, 16: 293})
    assert signed.to_be_signed == cose.structure(cose.SIGNATURE, protected, b"") and _verdict(signed, key) is None
    for other in (
        cbor2.dumps(["Signature", protected, b"", b""]),
        cbor2.dumps(["MAC0", protected, b"", b""]),
        cbor2.dumps(["Signature1", protected, b"\0", b""]),
        cbor2.dumps(["Signature1", protected, b"", None]),
        cbor2.dumps(["Signature1", protected, protected, b"", b""]),
        cbor2.dumps(["Signature1", b"", b"", b""]),
        cbor2.dumps(["Signature1", protected, b"", b"\0"]),
        protected,
    ):
        assert _verdict(signed._replace(signature=key.sign(other)), key) is Reason.SIGNATURE_INVALID


def test_every_bit_of_a_message_counts() -> None:
    key = LocalKey.generate("Ed25519")
    protected = cbor.encode({1: -19})
    data = cose.write(protected, {}, b"pay", key.sign(cose.structure(cose.SIGNATURE, protected, b"pay")))
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            message = cose.read_message(cbor.decode(bytes(changed), WHERE), WHERE)
            signed = cose.sign1(message, message.payload or b"", reg.COSE_ALGORITHMS, PROFILE, WHERE)
            verify_signature(signed, key.public, WHERE)
        except CitizenIDError as error:
            assert type(error) in (MalformedError, VerificationError)
        else:
            # -19 and -8 are one algorithm to the key, and the bytes differ; so nothing at all may come here
            raise AssertionError(f"bit {bit} does not count")
