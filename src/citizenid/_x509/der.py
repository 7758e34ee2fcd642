"""What must be known of DER before `cryptography` reads a certificate or a CRL: that it will not write a warning.

A serial number that is not positive, a policy text with stray characters, a country of three letters: these only make
that library warn, on stderr, from hostile bytes, and as another exception where warnings are errors. So a short walk
over the tags finds them first.
Of the rest it judges only what the library lets pass: an algorithm that is not named twice in the same bytes, a trailer
of RSASSA-PSS that does not exist, a point in the hybrid form, bits of a key usage that nobody has defined, a CRL with
extensions and no version. Where a profile takes any serial number (document signers in
use have negative ones), it reads a copy with another in its place, and the signature is verified over the bytes
that came.

Spec: RFC 5280 sections 4.1, 4.1.1.2, 4.1.2.2, 4.2.1.1, 4.2.1.3, 4.2.1.4, 5.1.2.1; RFC 4055 section 3.1; RFC 5480
section 2.2; X.690 section 8.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_INTEGER: Final = 0x02
_BIT_STRING: Final = 0x03
_OCTET_STRING: Final = 0x04
_VISIBLE_STRING: Final = 0x1A
_VISIBLE: Final = frozenset(range(0x20, 0x7F))  # X.680 table 8: without the controls of ASCII
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_LIST_EXTENSIONS: Final = 0xA0
_AUTHORITY_SERIAL: Final = 0x82
_AUTHORITY_KEY_IDENTIFIER: Final = bytes.fromhex("0603551d23")
_CERTIFICATE_POLICIES: Final = bytes.fromhex("0603551d20")
_KEY_USAGE: Final = bytes.fromhex("0603551d0f")
_LOOKED_INTO: Final = frozenset({_AUTHORITY_KEY_IDENTIFIER, _CERTIFICATE_POLICIES, _KEY_USAGE})
# Attributes of names whose length the library bounds with a warning, wherever a name stands (RFC 5280 appendix A.1:
# countryName, commonName; CA/Browser Forum EV section 9.2.4: jurisdictionCountryName), with least and most octets.
_BOUNDED_ATTRIBUTES: Final = (
    (bytes.fromhex("0603550406"), 2, 2),
    (bytes.fromhex("0603550403"), 1, 64),
    (bytes.fromhex("060b2b0601040182373c020103"), 2, 2),
)
_UTF8_STRING: Final = 0x0C
_TEXTS: Final = frozenset({_UTF8_STRING, 0x13, 0x14, 0x16, 0x1A})  # UTF8, Printable, Teletex, IA5, Visible
_CONSTRUCTED: Final = 0x20
_EC_KEY: Final = bytes.fromhex("06072a8648ce3d0201")
_HYBRID: Final = (6, 7)
_PSS: Final = bytes.fromhex("06092a864886f70d01010a")
_TRAILER_FIELD: Final = 0xA3
_TRAILER: Final = bytes.fromhex("020101")
_MAX_DEPTH: Final = 16  # a policy qualifier lies six deep


class _Element(NamedTuple):
    tag: int
    start: int
    end: int


_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price


class Survey(NamedTuple):
    """What the walk over a certificate found.

    Attributes:
        serial: the serial number, whatever its sign.
        is_quiet: names and extensions hold nothing to warn of, and no key usage that does not exist.
        tbs: the bytes that are signed, as received.
        readable: the certificate with a serial number that is positive: itself, or a copy with another of that length.
        issuer, subject: the content of the two names, as received.
        key: the content of the SubjectPublicKeyInfo, as received.
    """

    serial: int
    is_quiet: bool
    tbs: bytes
    readable: bytes
    issuer: bytes
    subject: bytes
    key: bytes


def survey(der: bytes) -> Survey:
    """Walk over a certificate.

    Raises:
        ValueError, IndexError: for bytes that are no elements, or too few, a serial number that is empty or longer than
            it need be, two different algorithms, an unknown trailer of RSASSA-PSS, and a point in the hybrid form.
    """
    certificate = _elements(der, 0, len(der))[0]
    signed, algorithm = _elements(der, *_inside(certificate))[:2]
    fields = _elements(der, *_inside(signed))
    serial, stated, issuer, _, subject, key = fields[1:7] if fields[0].tag == _VERSION else fields[:6]
    size = serial.end - serial.start
    # X.690 section 8.3.2: the first nine bits differ. In the place of a negative number the library reads another one.
    if serial.tag != _INTEGER or size < 1 or (size > 1 and der[serial.start] == (0, 0xFF)[der[serial.start + 1] >> 7]):
        raise ValueError
    scheme, point = _elements(der, *_inside(key))[:2]
    if der.startswith(_EC_KEY, scheme.start) and der[point.start + 1] in _HYBRID:
        raise ValueError  # RFC 5480 section 2.2: the key MUST be rejected
    # RFC 5280 section 4.1.1.2. The library asks when it verifies, and what it read a copy of is verified without it.
    if der[algorithm.start : algorithm.end] != der[stated.start : stated.end]:
        raise ValueError
    _check_trailer(der, algorithm)
    _check_trailer(der, scheme)
    readable = der
    if not _is_positive(der, serial):
        readable = der[: serial.start] + b"\x01" * size + der[serial.end :]
    return Survey(
        int.from_bytes(der[serial.start : serial.end], "big", signed=True),
        _has_bounded_names(der) and _has_quiet_extensions(der, fields[-1], _EXTENSIONS),
        der[certificate.start : signed.end],
        readable,
        der[issuer.start : issuer.end],
        der[subject.start : subject.end],
        der[key.start : key.end],
    )


def signed_part(der: bytes) -> bytes:
    """Return the bytes of a certificate that its issuer has signed.

    Raises:
        ValueError, IndexError: for bytes that are no elements.
    """
    return survey(der).tbs


def is_quiet_list(der: bytes) -> bool:
    """Whether a CRL is read without a warning, and states its version where it has extensions.

    Its entries may have any number.

    Raises:
        ValueError, IndexError: for bytes that are no elements, and an unknown trailer of RSASSA-PSS.
    """
    signed, algorithm = _elements(der, *_inside(_elements(der, 0, len(der))[0]))[:2]
    _check_trailer(der, algorithm)
    fields = _elements(der, *_inside(signed))
    versioned = fields[0].tag == _INTEGER or fields[-1].tag != _LIST_EXTENSIONS  # of the value the library takes one
    return versioned and _has_bounded_names(der) and _has_quiet_extensions(der, fields[-1], _LIST_EXTENSIONS)


def _check_trailer(der: bytes, algorithm: _Element) -> None:
    # RFC 4055 section 3.1: its number is 1, written or not, and of any other nobody knows what it would mean.
    if der.startswith(_PSS, algorithm.start):
        for parameters in _elements(der, *_inside(algorithm))[1:]:
            for each in _elements(der, *_inside(parameters)):
                if each.tag == _TRAILER_FIELD and der[each.start : each.end] != _TRAILER:
                    raise ValueError


def _has_bounded_names(der: bytes) -> bool:
    # A search for the attributes finds them in the general names of extensions as well.
    for attribute, least, most in _BOUNDED_ATTRIBUTES:
        position = der.find(attribute)
        while position >= 0:
            start = position + len(attribute)
            tag, length = der[start], der[start + 1]
            text = der[start + 2 : start + 2 + length]
            if tag not in _TEXTS or not least <= length <= most or not (tag == _UTF8_STRING or text.isascii()):
                return False
            position = der.find(attribute, start)
    return True


def _has_quiet_extensions(der: bytes, last: _Element, tag: int) -> bool:
    if last.tag != tag:
        return True
    wrapped = _elements(der, *_inside(last))[0]
    return all(_is_quiet_extension(der, each) for each in _elements(der, *_inside(wrapped)))


def _is_quiet_extension(der: bytes, extension: _Element) -> bool:
    kind = der[extension.start : extension.start + 5]
    if kind not in _LOOKED_INTO:  # whatever else it is, the library reads it without a word, or not at all
        return True
    value = _elements(der, *_inside(extension))[-1]
    if kind == _AUTHORITY_KEY_IDENTIFIER and value.tag == _OCTET_STRING:
        content = _elements(der, *_inside(value))[0]
        serials = [each for each in _elements(der, *_inside(content)) if each.tag == _AUTHORITY_SERIAL]
        return all(_is_positive(der, each) for each in serials)
    if kind == _CERTIFICATE_POLICIES and value.tag == _OCTET_STRING:
        return _has_plain_texts(der, *_inside(value), 0)
    if kind == _KEY_USAGE and value.tag == _OCTET_STRING:
        return all(_has_named_bits(der, each) for each in _elements(der, *_inside(value)))
    return True


def _has_named_bits(der: bytes, usage: _Element) -> bool:
    # RFC 5280 section 4.2.1.3 names nine, from the first of the bits behind the count of those that are not used.
    bits = der[usage.start + 1 : usage.end]
    return usage.tag != _BIT_STRING or not (any(bits[2:]) or (len(bits) > 1 and bits[1] & 0x7F))


def _has_plain_texts(der: bytes, start: int, end: int, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        return False
    for each in _elements(der, start, end):
        if each.tag == _VISIBLE_STRING and not _VISIBLE.issuperset(der[each.start : each.end]):
            return False
        if each.tag & _CONSTRUCTED and not _has_plain_texts(der, each.start, each.end, depth + 1):
            return False
    return True


def _is_positive(der: bytes, number: _Element) -> bool:
    content = der[number.start : number.end]
    return len(content) > 0 and content[0] < 0x80 and any(content)


def _inside(element: _Element) -> tuple[int, int]:
    return element[1:]


def _elements(der: bytes, start: int, end: int) -> list[_Element]:
    # One-byte tags and definite lengths: a certificate has no others.
    found = []
    while start < end:
        tag, length, content = der[start], der[start + 1], start + 2
        if length & 0x80:
            size = length & 0x7F
            if not 0 < size <= 4:
                raise ValueError
            length = int.from_bytes(der[content : content + size], "big")
            content += size
        start = content + length
        if start > end:
            raise ValueError
        found.append(_new(_Element, (tag, content, start)))
    if not found:
        raise ValueError
    return found
