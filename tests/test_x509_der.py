"""The walk over DER that comes before `cryptography`, on bytes made by hand: what it lets pass, and what it does not.

`test_x509` asks the same of whole certificates, where the library behind it refuses much of this as well.

Spec: X.690 section 8; RFC 5280 sections 4.1, 4.2.1.1, 4.2.1.3, 4.2.1.4.
"""

from __future__ import annotations

import pytest

from citizenid._x509.der import (
    _elements,
    _has_bounded_names,
    _is_positive,
    _is_quiet_extension,
    is_quiet_list,
    survey,
)
from citizenid.testing.forge.der import tlv

COUNTRY = bytes.fromhex("0603550406")
COMMON_NAME = bytes.fromhex("0603550403")
PRINTABLE, UTF8, OCTETS = 0x13, 0x0C, 0x04


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


ALGORITHM = sequence(bytes.fromhex("06082a8648ce3d040302"))
NAME = sequence(tlv(0x31, sequence(COUNTRY, tlv(PRINTABLE, b"US"))))
TIMES = sequence(tlv(0x17, b"260101000000Z"), tlv(0x17, b"270101000000Z"))
KEY = sequence(sequence(bytes.fromhex("06072a8648ce3d0201")), tlv(0x03, b"\0\4", bytes(64)))
VERSION = bytes.fromhex("a003020102")


def signed_part(*, version: bytes = VERSION, serial: bytes = b"\x02\x01\x07", more: bytes = b"") -> bytes:
    return sequence(version, serial, ALGORITHM, NAME, TIMES, NAME, KEY, more)


def certificate(**parts: bytes) -> bytes:
    return sequence(signed_part(**parts), ALGORITHM, tlv(0x03, b"\0sig"))


def test_the_parts_of_a_certificate_are_found_with_a_version_and_without() -> None:
    for version in (VERSION, b""):
        der = certificate(version=version)
        found = survey(der)
        assert found.serial == 7 and found.is_quiet and found.readable is der
        assert (found.issuer, found.subject) == (NAME[2:], NAME[2:])
        assert found.key == KEY[2:]
        assert found.tbs == signed_part(version=version)
    with_more = certificate(version=b"", more=tlv(0x81, b"\0id"))
    assert survey(with_more).key == KEY[2:]


@pytest.mark.parametrize(("serial", "number"), [
    (b"\x02\x01\x00", 0), (b"\x02\x01\x80", -128), (b"\x02\x02\x00\x80", 128), (b"\x02\x02\xff\x7f", -129),
    (b"\x02\x02\x01\x00", 256), (b"\x02\x02\x80\x01", -32_767),
])  # fmt: skip
def test_a_serial_number_is_read_with_its_sign(serial: bytes, number: int) -> None:
    found = survey(certificate(serial=serial))
    assert found.serial == number
    at = certificate(serial=serial).index(VERSION + serial) + len(VERSION) + 2
    copy = bytearray(certificate(serial=serial))
    if number <= 0:
        copy[at : at + len(serial) - 2] = b"\1" * (len(serial) - 2)
    assert found.readable == bytes(copy)


@pytest.mark.parametrize(
    "serial", [b"\x02\x00", b"\x02\x02\x00\x7f", b"\x02\x02\xff\x80", b"\x04\x01\x07", b"\x0a\x01\x07", b""]
)
def test_a_serial_number_that_is_none_is_no_certificate(serial: bytes) -> None:
    with pytest.raises(ValueError, match=r"\A(.*unpack.*)?\Z"):
        survey(certificate(serial=serial))


@pytest.mark.parametrize(("size", "good"), [(1, True), (2, True), (3, True), (4, True), (5, False), (0, False)])
def test_a_length_is_definite_and_has_four_octets_at_most(size: int, good: bool) -> None:
    content = b"\x05\x00"
    der = bytes([0x30, 0x80 | size]) + (len(content).to_bytes(size) if size else b"") + content
    if good:
        assert _elements(der, 0, len(der)) == [(0x30, 2 + size, len(der))]
    else:
        with pytest.raises(ValueError, match=r"\A\Z"):
            _elements(der, 0, len(der))


def test_a_length_begins_with_its_greatest_octet() -> None:
    der = b"\x04\x82\x01\x02" + bytes(0x102) + b"\x05\x00"
    assert _elements(der, 0, len(der)) == [(4, 4, 0x106), (5, 0x108, 0x108)]
    for cut in range(1, len(der) - 2):
        with pytest.raises((ValueError, IndexError)):
            _elements(der, 0, cut)
    with pytest.raises(ValueError, match=r"\A\Z"):
        _elements(b"", 0, 0)


@pytest.mark.parametrize(("attribute", "tag", "text", "good"), [
    (COUNTRY, PRINTABLE, b"US", True), (COUNTRY, PRINTABLE, b"U", False), (COUNTRY, PRINTABLE, b"USA", False),
    (COUNTRY, UTF8, "\u00e9".encode(), True), (COUNTRY, PRINTABLE, b"\x80S", False),
    (COUNTRY, PRINTABLE, b"U\x80", False),
    (COUNTRY, OCTETS, b"US", False), (COMMON_NAME, PRINTABLE, b"", False), (COMMON_NAME, PRINTABLE, b"a", True),
    (COMMON_NAME, PRINTABLE, b"a" * 64, True), (COMMON_NAME, PRINTABLE, b"a" * 65, False),
    (COMMON_NAME, PRINTABLE, b"a" * 63 + b"\xff", False), (COMMON_NAME, PRINTABLE, b"\xff" + b"a" * 63, False),
    (COMMON_NAME, 0x1E, b"ab", False),
])  # fmt: skip
def test_an_attribute_of_a_name_has_its_bounds(attribute: bytes, tag: int, text: bytes, good: bool) -> None:
    found = attribute + tlv(tag, text)
    fine = b"\xff" + COUNTRY + tlv(PRINTABLE, b"DE") + b"\xff" + COMMON_NAME + tlv(PRINTABLE, b"x") + b"\xff"
    for der in (found, b"\xff" + found + b"\xff", fine + found, found + fine, fine + found + fine):
        assert _has_bounded_names(der) is good


def policies(depth: int, text: bytes, kind: int = 0x1A) -> bytes:
    """A policy text so many levels deep in what the octet string of the extension holds."""
    inner = tlv(kind, text)
    for _ in range(depth):
        inner = sequence(inner)
    return sequence(bytes.fromhex("0603551d20"), tlv(OCTETS, inner))


def is_quiet(extension: bytes) -> bool:
    return _is_quiet_extension(extension, _elements(extension, 0, len(extension))[0])


def test_a_policy_text_is_looked_for_down_to_sixteen_levels() -> None:
    for depth in (0, 1, 6, 15, 16):
        assert is_quiet(policies(depth, b"text"))
        assert not is_quiet(policies(depth, b"te\nxt"))
        assert is_quiet(policies(depth, b"te\nxt", UTF8))
    assert not is_quiet(policies(17, b"text")) and not is_quiet(policies(17, b"text", UTF8))
    two = sequence(bytes.fromhex("0603551d20"), tlv(OCTETS, sequence(tlv(0x1A, b"a")), sequence(tlv(0x1A, b"\x7f"))))
    assert not is_quiet(two)


@pytest.mark.parametrize(("bits", "good"), [
    ("03020780", True), ("0303078080", True), ("0303070040", False), ("0303078001", False), ("030400000001", False),
    ("030200ff", True), ("030100", True),
])  # fmt: skip
def test_a_key_usage_has_nine_bits(bits: str, good: bool) -> None:
    usage = bytes.fromhex(bits)
    assert is_quiet(sequence(bytes.fromhex("0603551d0f"), tlv(OCTETS, usage))) is good
    assert is_quiet(sequence(bytes.fromhex("0603551d0f"), b"\x01\x01\xff", tlv(OCTETS, usage))) is good
    # What stands in no octet string, the library refuses.
    assert is_quiet(sequence(bytes.fromhex("0603551d0f"), tlv(0x24, usage)))


@pytest.mark.parametrize(("serial", "good"), [(b"\x07", True), (b"\x80", False), (b"\x00", False), (b"", False)])
def test_a_serial_number_in_a_key_identifier_is_positive(serial: bytes, good: bool) -> None:
    inner = sequence(tlv(0x80, b"id"), tlv(0x82, serial))
    assert is_quiet(sequence(bytes.fromhex("0603551d23"), tlv(OCTETS, inner))) is good
    assert is_quiet(sequence(bytes.fromhex("0603551d23"), tlv(0x24, inner)))
    number = tlv(0x02, serial)
    assert _is_positive(number, _elements(number, 0, len(number))[0]) is good


def revocation_list(*fields: bytes) -> bytes:
    return sequence(sequence(*fields), ALGORITHM, tlv(0x03, b"\0sig"))


def test_a_list_with_extensions_says_its_version() -> None:
    version, extensions = (
        b"\x02\x01\x01",
        tlv(0xA0, sequence(sequence(bytes.fromhex("0603551d14"), tlv(OCTETS, b"\x02\x01\x01")))),
    )
    plain = (ALGORITHM, NAME, TIMES)
    assert is_quiet_list(revocation_list(*plain)) and is_quiet_list(revocation_list(version, *plain))
    assert is_quiet_list(revocation_list(version, *plain, extensions))
    assert not is_quiet_list(revocation_list(*plain, extensions))
