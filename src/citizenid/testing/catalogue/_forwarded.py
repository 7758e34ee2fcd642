"""Certificates of TLS clients that a proxy forwards in a header: whose word it is, and that it says one client, once.

Spec: RFC 8705 section 3; RFC 9440; specs/profile-sender-proofs.md section 2.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from ... import Reason
from ...gateway import Binding, CertificateHeader, Request
from ..forgery import Outcome
from ..senders import Sender
from ..targets import Library
from ..trials import Kind, Trial
from ..world import ORIGIN
from ._sending import RESOURCE, THIEF, result_of

_MALFORMED: Final = Reason.PROOF_MALFORMED
_CLIENT: Final = Sender(Binding.MTLS)
_XFCC, _CLIENT_CERT = b"x-forwarded-client-cert", b"client-cert"
_Headers = Sequence[tuple[bytes, bytes]]


def _hash(name: str = "client") -> bytes:
    return b"Hash=" + hashlib.sha256(Sender(Binding.MTLS, name).certificate).hexdigest().encode()


def _field(certificate: bytes) -> bytes:
    return b":" + base64.b64encode(certificate) + b":"


def forwarded_certificates() -> Iterator[Trial]:
    """The header of a proxy says two things, or was not written by it, or stands where no proxy is trusted."""
    other, own, thief = Reason.PROOF_KEY_MISMATCH, _CLIENT.certificate, Sender(Binding.MTLS, THIEF).certificate
    envoy, field = CertificateHeader.XFCC, CertificateHeader.CLIENT_CERT
    for name, reason, value in (
        ("the client", None, _hash()),
        ("the client among other pairs", None, b"By=spiffe://x;" + _hash() + b';Subject="CN=a, O=b"'),
        ("another client", other, _hash(THIEF)),
        ("two elements", _MALFORMED, _hash() + b"," + _hash(THIEF)),
        ("two elements, the other one first", _MALFORMED, _hash(THIEF) + b"," + _hash()),
        ("two hashes", _MALFORMED, _hash() + b";" + _hash(THIEF)),
        ("the same hash twice", _MALFORMED, _hash() + b";" + _hash()),
        ("a hash inside of quotes", _MALFORMED, b'Subject="' + _hash() + b'"'),
        ("a hash in capitals", _MALFORMED, b"Hash=" + _hash()[5:].upper()),
        ("a part of the hash", _MALFORMED, _hash()[:-1]),
        ("nothing", _MALFORMED, b""),
        ("nobody", _MALFORMED, b"Hash=" + b"0" * 64),
        ("the certificate itself", _MALFORMED, _field(own)),
    ):
        yield _tried(f"{_XFCC.decode()}, {name}", reason, envoy, [(_XFCC, value)])
    for name, reason, value in (
        ("the client", None, _field(own)),
        ("another client", other, _field(thief)),
        ("without colons", _MALFORMED, base64.b64encode(own)),
        ("two of them", _MALFORMED, _field(own) + b", " + _field(thief)),
        ("a certificate, and something behind it", _MALFORMED, _field(own + b"\0")),
        ("its thumbprint", _MALFORMED, _field(hashlib.sha256(own).digest())),
        ("nothing", _MALFORMED, b"::"),
        ("another alphabet", _MALFORMED, b":" + base64.urlsafe_b64encode(own) + b"!:"),
    ):
        yield _tried(f"{_CLIENT_CERT.decode()}, {name}", reason, field, [(_CLIENT_CERT, value)])
    twice: _Headers = [(_XFCC, _hash()), (b"X-Forwarded-Client-Cert", _hash(THIEF))]
    yield _tried("the header twice", _MALFORMED, envoy, twice)
    yield _tried("the header twice, and the same", _MALFORMED, envoy, [twice[0], twice[0]])
    yield _tried("handed in as well", _MALFORMED, envoy, [(_XFCC, _hash())], own)
    yield _tried("handed in alone, where a header is due", _MALFORMED, envoy, [], own)
    missing = Reason.PROOF_MISSING
    yield _tried("no header", missing, envoy, [])
    yield _tried("the header of another proxy", missing, envoy, [(_CLIENT_CERT, _field(own))])
    for sent in ((_XFCC, _hash()), (_CLIENT_CERT, _field(own))):
        said = sent[0].decode()
        yield _tried(f"{said}, where no proxy is trusted", missing, None, [sent])
        yield _tried(f"{said} beside what was handed in, where no proxy is trusted", other, None, [sent], thief)


def _tried(
    name: str,
    reason: Reason | None,
    header: CertificateHeader | None,
    headers: _Headers,
    handed_in: bytes | None = None,
) -> Trial:
    kind = Kind.ACCEPTED if reason is None else Kind.REFUSED
    act = partial(_asks, header, headers, handed_in)
    return Trial(name, kind, reason, "" if reason is None else "proof", lambda _: act(), anywhere=False)


def _asks(header: CertificateHeader | None, headers: _Headers, handed_in: bytes | None) -> Outcome:
    """Be admitted without any proxy, and ask a gateway of the same fleet behind one."""
    party = Library().party()
    ticket = party.ticket(_CLIENT)
    party.world.gateway = party.world.another_gateway(certificate_header=header)
    sent = [(b"host", b"gateway.example"), (b"citizenship-ticket", ticket.encode()), *headers]
    result = party.world.gateway.authorize(Request("POST", ORIGIN + RESOURCE, sent, handed_in), resource="us-nationals")
    return result_of(result)
