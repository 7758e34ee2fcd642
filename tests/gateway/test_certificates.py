"""Mutual TLS: the thumbprint of a certificate, from whoever terminates TLS, and from a header only if it is trusted.

Spec: RFC 8705 section 3; RFC 9440; specs/profile-sender-proofs.md section 2.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, MalformedError, Reason
from citizenid.gateway import Binding, CertificateHeader, NeedPresentation, Request
from citizenid.gateway._certificates import certificate_thumbprint

from .senders import Sender, certificate
from .world import ORIGIN, PATH, World, allowed, base64url, denied, key

CERTIFICATE: Final = certificate("client")
THUMBPRINT: Final = hashlib.sha256(CERTIFICATE).digest()
HASH: Final = THUMBPRINT.hex().encode()
XFCC: Final = CertificateHeader.XFCC
CLIENT_CERT: Final = CertificateHeader.CLIENT_CERT


def of_header(header: CertificateHeader, *values: bytes, name: bytes | None = None) -> bytes | None:
    return certificate_thumbprint(None, [(name or header.value, value) for value in values], header)


def refused(header: CertificateHeader | None, *values: bytes, handed_in: Any = None) -> None:
    name = b"x" if header is None else header.value
    with pytest.raises(MalformedError) as caught:
        certificate_thumbprint(handed_in, [(name, value) for value in values], header)
    assert (caught.value.reason, caught.value.where) == (Reason.PROOF_MALFORMED, "mtls.certificate")
    assert caught.value.__context__ is None


# --- handed in ---


@pytest.mark.parametrize("size", [130, 250, 300, 700, 10_000])
def test_a_certificate_is_its_hash(size: int) -> None:
    body = bytes(size)
    head = b"\x30\x81" + bytes([size]) if size < 256 else b"\x30\x82" + size.to_bytes(2, "big")
    assert certificate_thumbprint(head + body, [], None) == hashlib.sha256(head + body).digest()


def test_a_thumbprint_is_itself_in_either_spelling() -> None:
    assert certificate_thumbprint(THUMBPRINT, [], None) == THUMBPRINT
    assert certificate_thumbprint(base64url(THUMBPRINT), [], None) == THUMBPRINT


def test_without_one_there_is_none() -> None:
    assert certificate_thumbprint(None, [], None) is None
    assert certificate_thumbprint(None, [], XFCC) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"x",
        THUMBPRINT[:-1],
        THUMBPRINT + b"\0",
        HASH,
        base64.b64encode(THUMBPRINT),
        base64url(THUMBPRINT)[:-1] + b"B",  # stray bits
        base64url(THUMBPRINT)[:-1] + b"=",
        CERTIFICATE + b"\0",
        CERTIFICATE[:-1],
        b"\x31" + CERTIFICATE[1:],
        b"\x30\x80" + bytes(200),
        b"\x30\x82\x27\xfd" + bytes(10_237),
        b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(CERTIFICATE),
        "x" * 32,
        bytearray(32),
        5,
    ],
    ids=repr,
)
def test_what_is_no_certificate_is_refused(value: Any) -> None:
    refused(None, handed_in=value)


def test_a_thumbprint_of_zeros_is_nobodys() -> None:
    refused(None, handed_in=bytes(32))
    refused(None, handed_in=b"A" * 43)
    refused(XFCC, b"Hash=" + b"0" * 64)


@given(st.binary(max_size=100))
def test_any_bytes_give_a_thumbprint_or_are_refused(data: bytes) -> None:
    try:
        thumbprint = certificate_thumbprint(data, [], None)
    except MalformedError:
        return
    assert thumbprint is not None and len(thumbprint) == 32


# --- Envoy ---


@pytest.mark.parametrize(
    "value",
    [
        b"Hash=" + HASH,
        b"hash=" + HASH,
        b"By=spiffe://mesh/gateway;Hash=" + HASH + b";URI=spiffe://mesh/client",
        b"Hash=" + HASH + b';Subject="CN=a\\"b,O=c;d";URI=;DNS=a.example;DNS=b.example',
        b"Hash=" + HASH + b';Cert="-----BEGIN%20CERTIFICATE-----%0AMII%3D%3D";Chain="x"',
        b'Subject="Hash=' + b"0" * 64 + b'";Hash=' + HASH,
        # Envoy writes the subject as RFC 2253 has it (section 2.4): a backslash ahead of what would mean something, and
        # of the two digits of each byte beyond ASCII.
        b"Hash=" + HASH + b';Subject="CN=a,O=Acme\\, Inc.,OU=M\\C3\\BCller \\+ S\\C3\\B6hne\\; \\<b\\>\\#\\ "',
        b"Hash=" + HASH + b';Subject="O=\\\\,CN=a\\"";URI=spiffe://mesh/client',
    ],
)
def test_envoys_hash_is_what_counts(value: bytes) -> None:
    assert of_header(XFCC, value) == THUMBPRINT
    assert of_header(XFCC, value, name=b"X-Forwarded-Client-Cert") == THUMBPRINT


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Hash",
        b"Hash=",
        b"Hash=" + HASH[:-1],
        b"Hash=" + HASH + b"0",
        b"Hash=" + HASH.upper().replace(b"0", b"A"),
        b"Hash=" + b"g" * 64,
        b'Hash="' + HASH + b'"',
        b"Hash=" + HASH + b";",
        b";Hash=" + HASH,
        b" Hash=" + HASH,
        b"Hash =" + HASH,
        b"Hash= " + HASH,
        b"Hash=" + HASH + b"\n",
        b"Hash=" + HASH + b";Hash=" + HASH,
        b"Hash=" + HASH + b";hash=" + b"0" * 64,
        b"Hash=" + HASH + b",Hash=" + b"0" * 64,  # a second element: what the client himself sent comes first
        b"Hash=" + HASH + b", By=x",
        b"By=x," + b"Hash=" + HASH,
        b'Subject="open;Hash=' + HASH,
        b'Subject="a"b;Hash=' + HASH,
        b'Subject="O=a\\";Hash=' + HASH,  # the quote is escaped: what follows still belongs to the subject
        b'Subject="O=a\\\\\\";Hash=' + HASH,
        b'Subject="O=a\\\n";Hash=' + HASH,
        b"Hash=" + HASH + b';Subject="O=a\\',
        b"Hash=" + HASH + b';URI="a";Hash=' + b"0" * 64,  # of a name that the client's certificate states
        b"By=x",
        b'Subject="Hash=' + HASH + b'"',
        b"Hash=" + HASH + b";By=" + b"x" * 16_384,
    ],
    ids=lambda value: value[:40],
)
def test_whatever_else_envoys_header_says_is_refused(value: bytes) -> None:
    refused(XFCC, value)


def test_two_headers_are_two_elements() -> None:
    refused(XFCC, b"Hash=" + HASH, b"Hash=" + HASH)
    refused(XFCC, b"By=x", b"Hash=" + HASH)


# --- RFC 9440 ---


def test_client_cert_holds_the_certificate() -> None:
    assert of_header(CLIENT_CERT, b":" + base64.b64encode(CERTIFICATE) + b":") == THUMBPRINT


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b":",
        b"::",
        base64.b64encode(CERTIFICATE),
        b":" + base64.b64encode(CERTIFICATE),
        b":" + base64.b64encode(CERTIFICATE) + b":;a=1",
        b":" + base64url(CERTIFICATE) + b":",
        b":" + base64.b64encode(CERTIFICATE)[:-1] + b":",
        b":" + base64.b64encode(THUMBPRINT) + b":",
        b":" + base64.b64encode(base64url(THUMBPRINT)) + b":",
        b":" + base64.b64encode(CERTIFICATE + b"\0") + b":",
        b": " + base64.b64encode(CERTIFICATE) + b":",
    ],
    ids=lambda value: value[:20],
)
def test_whatever_else_client_cert_says_is_refused(value: bytes) -> None:
    refused(CLIENT_CERT, value)


def test_client_cert_twice_is_refused() -> None:
    value = b":" + base64.b64encode(CERTIFICATE) + b":"
    refused(CLIENT_CERT, value, value)


@given(st.binary(max_size=200), st.sampled_from(CertificateHeader))
def test_any_header_gives_a_thumbprint_or_is_refused(data: bytes, header: CertificateHeader) -> None:
    try:
        thumbprint = of_header(header, data)
    except MalformedError:
        return
    assert thumbprint is not None and len(thumbprint) == 32


# --- which one ---


def test_no_header_is_read_by_default() -> None:
    world = World()
    ticket = Sender(Binding.MTLS).ticket(world)
    headers = [(b"citizenship-ticket", ticket.encode()), (b"x-forwarded-client-cert", b"Hash=" + HASH)]
    asked = Request("POST", ORIGIN + PATH, headers)
    denied(world.gateway.authorize(asked, resource="weak"), Reason.PROOF_MISSING, "proof")
    other = world.another_gateway(certificate_header=CLIENT_CERT)
    denied(other.authorize(asked, resource="weak"), Reason.PROOF_MISSING, "proof")
    allowed(world.another_gateway(certificate_header=XFCC).authorize(asked, resource="weak"))


def test_a_trusted_header_and_a_certificate_beside_it_are_refused() -> None:
    # Even when they agree: which of the two the terminator has seen is not for us to guess.
    refused(XFCC, b"Hash=" + HASH, handed_in=CERTIFICATE)
    refused(XFCC, handed_in=CERTIFICATE)


def test_a_broken_header_is_refused_at_the_gateway() -> None:
    world = World(certificate_header=XFCC)
    door = world.gateway
    ticket = Sender(Binding.MTLS).ticket(world, gateway=world.another_gateway(certificate_header=None))
    headers = [(b"citizenship-ticket", ticket.encode()), (b"x-forwarded-client-cert", b"Hash=" + HASH + b",By=x")]
    denied(door.authorize(Request("POST", ORIGIN + PATH, headers), resource="weak"), Reason.PROOF_MALFORMED, "proof")


@pytest.mark.parametrize("header", [XFCC, CLIENT_CERT])
@pytest.mark.parametrize("kind", [lambda name: name.decode(), bytearray, list])
def test_the_name_of_a_trusted_header_is_bytes(header: CertificateHeader, kind: Callable[[bytes], Any]) -> None:
    # A framework that hands in text must not be told that nothing was there.
    world = World(certificate_header=header)
    ticket = Sender(Binding.MTLS).ticket(world, gateway=world.another_gateway(certificate_header=None))
    headers: Any = [(b"citizenship-ticket", ticket.encode()), (kind(header.value), b"Hash=" + HASH)]
    asked = Request("POST", ORIGIN + PATH, headers)
    denied(world.gateway.authorize(asked, resource="weak"), Reason.REQUEST_INVALID, "request")


@pytest.mark.parametrize("header", ["x-forwarded-client-cert", b"client-cert", 1, object()])
def test_a_header_is_one_of_the_table(header: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World(certificate_header=header)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_a_certificate_that_cannot_be_read_is_asked_for_as_if_it_were_not_there() -> None:
    """It may be that of the client's mesh: for it there is no challenge, and for who shows another key there is one."""
    world = World(certificate_header=CLIENT_CERT)
    good, broken = [[(CLIENT_CERT.value, value)] for value in (b":" + base64.b64encode(CERTIFICATE) + b":", b"broken")]

    def challenged(headers: list[tuple[bytes, bytes]], resource: str) -> bool:
        answer = world.gateway.authorize(Request("POST", ORIGIN + PATH, headers), resource=resource)
        assert type(answer) is NeedPresentation
        return b'"challenge"' in answer.http().body

    for resource in ("us-nationals", "weak"):
        assert challenged(good, resource)
        assert challenged(broken, resource) is challenged([], resource)
        assert challenged([*broken, (b"dpop", world.proof(key("somebody")))], resource)
