"""Mutual TLS (RFC 8705): the certificate that a TLS client has proven possession of, reduced to its thumbprint.

The handshake is the proof, and the TLS terminator saw it; we compare thumbprints. The certificate is neither parsed nor
verified here: a ticket is bound to exactly these bytes (`x5t#S256`, RFC 8705 section 3.1), whoever signed them. A
header that a proxy sets is read only where an operator has named it, since whoever reaches a gateway past its proxy
can write any header; and it is read strictly: one client, stated once.

Spec: RFC 8705 section 3; RFC 9440; specs/profile-sender-proofs.md section 2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from .. import _registry as reg
from .._errors import MalformedError, Reason
from .._wire import base64url

_THUMBPRINT_BYTES: Final = 32
_THUMBPRINT_CHARS: Final = 43
_NOBODY: Final = bytes(_THUMBPRINT_BYTES)
_MAX_CERTIFICATE_BYTES: Final = 10_240  # as everywhere here; one with an ML-DSA-87 key and signature has 7.5 kB
_MAX_HEADER_BYTES: Final = 16_384  # XFCC may hold a chain of three in URL-encoded PEM
# Any pair but a `Hash`: so that there is one way to read a value, and one `Hash` in it. In quotes stands a subject as
# RFC 2253 writes it: a backslash, and whatever it takes the meaning from, or the digits of a byte.
_PAIR: Final = rb'(?!(?i:hash)=)[A-Za-z]+=(?:"(?:[^"\\\x00-\x1f]|\\[ -~])*"|[^",;=\x00-\x20]*)'
_XFCC: Final = re.compile(rb"(?:%s;)*(?i:hash)=([0-9a-f]{64})(?:;%s)*" % (_PAIR, _PAIR))
_SEQUENCES: Final = frozenset({b"\x30\x81", b"\x30\x82"})  # with a length of one byte, or of two
_WHERE: Final = "mtls.certificate"


class CertificateHeader(Enum):
    """A header in which a proxy of the operator's says who the TLS client is. The proxy must strip it from requests."""

    XFCC = reg.HEADER_XFCC
    """Envoy's `x-forwarded-client-cert`; `Hash` counts. Envoy: `forward_client_cert_details: SANITIZE_SET`."""
    CLIENT_CERT = reg.HEADER_CLIENT_CERT
    """`Client-Cert` (RFC 9440): the certificate in DER as a byte sequence."""


def certificate_thumbprint(
    handed_in: bytes | None, headers: Iterable[tuple[bytes, bytes]], header: CertificateHeader | None
) -> bytes | None:
    """Return the SHA-256 of the TLS client's certificate, 32 bytes, or None when there is none.

    Args:
        handed_in: `Request.client_certificate`.
        headers: those of the request.
        header: the header that the operator trusts, or None. With one, nothing may be handed in beside it.

    Raises:
        MalformedError: PROOF_MALFORMED, REQUEST_INVALID when the headers are no pairs of bytes.
    """
    if header is None:
        if handed_in is None:
            return None
        thumbprint = _thumbprint(handed_in)
    else:
        value = _find(headers, header.value)
        if handed_in is not None:
            raise MalformedError(Reason.PROOF_MALFORMED, _WHERE)  # two that may differ
        if value is None:
            return None
        thumbprint = _of_xfcc(value) if header is CertificateHeader.XFCC else _of_client_cert(value)
    if thumbprint == _NOBODY:  # what a terminator that means "none" may have left in its buffer
        raise MalformedError(Reason.PROOF_MALFORMED, _WHERE)
    return thumbprint


def _find(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    found: bytes | None = None
    size = len(name)
    for each, value in headers:
        if len(each) != size:
            continue
        if type(each) is not bytes:  # text, as a framework decodes it: it must not look as if nothing were there
            raise MalformedError(Reason.REQUEST_INVALID, "headers")
        if each.lower() == name:
            if found is not None or type(value) is not bytes or len(value) > _MAX_HEADER_BYTES:
                raise MalformedError(Reason.PROOF_MALFORMED, _WHERE)
            found = value
    return found


def _thumbprint(certificate: bytes) -> bytes:
    if type(certificate) is not bytes:
        raise MalformedError(Reason.PROOF_MALFORMED, _WHERE)
    size = len(certificate)
    if size == _THUMBPRINT_BYTES:  # no certificate is as short as this, or as the next one
        return certificate
    if size == _THUMBPRINT_CHARS:
        thumbprint = b""
        try:
            thumbprint = base64url.decode(certificate, _WHERE)
        except MalformedError:
            pass  # raised below
        if thumbprint:
            return thumbprint
    elif size <= _MAX_CERTIFICATE_BYTES and certificate[:2] in _SEQUENCES:
        head = 4 if certificate[1] == 0x82 else 3
        if int.from_bytes(certificate[2:head], "big") + head == size:  # one SEQUENCE, and nothing behind it
            return hashlib.sha256(certificate).digest()
    raise MalformedError(Reason.PROOF_MALFORMED, _WHERE)


def _of_xfcc(value: bytes) -> bytes:
    # One element: a comma outside of quotes would begin another, as a proxy appends it to what the client wrote.
    element = _XFCC.fullmatch(value)
    if element is None:
        raise MalformedError(Reason.PROOF_MALFORMED, _WHERE)
    return bytes.fromhex(element[1].decode("ascii"))


def _of_client_cert(value: bytes) -> bytes:
    der = b""
    if value[:1] == value[-1:] == b":" and len(value) > 2:  # RFC 8941 section 3.3.5
        try:
            der = base64url.decode_standard(value[1:-1], _WHERE)
        except MalformedError:
            pass  # raised below, as every fault of this header
    if len(der) <= _THUMBPRINT_CHARS:  # in this header stands a certificate and no thumbprint
        raise MalformedError(Reason.PROOF_MALFORMED, _WHERE)
    return _thumbprint(der)
