"""https: the certificate must be for the name, although the connection goes to the address that was checked."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import time
from pathlib import Path
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from citizenid.integrations.fetch import FetchResult

from .servers import Behaviour, Hostile, answer, sends
from .test_fetch import KINDS, QUICK, drips_body, drips_headers, fetching, token

NAME = "status.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `status.example` alone, with its key behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


class TLSServer(Hostile):
    def __init__(self, behave: Behaviour, certificate: Path) -> None:
        self.names: list[str | None] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        super().__init__(behave)

    def __enter__(self) -> Self:
        return self

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            super()._serve(self._context.wrap_socket(connection, server_side=True))


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def uri_of(server: Hostile, host: str = NAME) -> str:
    return f"https://{host}:{server.origin.rpartition(':')[2]}/a"


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_is_asked_for_and_the_checked_address_connected_to(kind: str, certificate: Path) -> None:
    with TLSServer(sends(b""), certificate) as server:
        uri = uri_of(server)
        server.behave = sends(answer(200, token(uri)))
        with fetching(kind, uri, tls=trust(certificate), resolver=here) as fetcher:
            assert [each.result for each in fetcher.refresh()] == [FetchResult.TAKEN]
        assert server.names == [NAME]
        assert server.asked[0].field("host") == uri.split("/")[2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
def test_a_certificate_for_another_name_is_refused(kind: str, host: str, certificate: Path) -> None:
    with TLSServer(sends(answer(200)), certificate) as server:
        with fetching(kind, uri_of(server, host), tls=trust(certificate), resolver=here) as fetcher:
            assert [each.result for each in fetcher.refresh()] == [FetchResult.UNREACHABLE]
        assert server.asked == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_nobody_vouches_for_is_refused(kind: str, certificate: Path) -> None:
    with TLSServer(sends(answer(200)), certificate) as server:
        with fetching(kind, uri_of(server), resolver=here) as fetcher:
            assert [each.result for each in fetcher.refresh()] == [FetchResult.UNREACHABLE]
        assert server.asked == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behave", [drips_headers, drips_body])
def test_drops_end_with_the_whole_time_behind_tls_too(kind: str, behave: Behaviour, certificate: Path) -> None:
    with (
        TLSServer(behave, certificate) as server,
        fetching(kind, uri_of(server), tls=trust(certificate), resolver=here) as fetcher,
    ):
        began = time.monotonic()
        assert [each.result for each in fetcher.refresh()] == [FetchResult.TIMEOUT]
        assert time.monotonic() - began < QUICK.total_s + 1
