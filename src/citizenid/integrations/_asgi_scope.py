"""From an ASGI scope to the request that a gateway decides, and to the resource that it is for.

The URL is put together of the gateway's configured origin and the path as it came (`raw_path`) with its query: no Host,
no X-Forwarded header, no decoding. What a server leaves out, or what would let the application see another path than a
proof covers, is refused.

Spec: ASGI HTTP & WebSocket 2.5; ASGI TLS extension 0.2; specs/profile-asgi.md sections 1 and 2.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from enum import Enum
from typing import Any, Final, NamedTuple

from .._errors import CitizenIDError, MalformedError, Reason
from .._wire import base64url
from ..gateway import Gateway, Request, Signals

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
SignalsOf = Callable[[Scope], Signals | None]

_MAX_PEM_CHARS: Final = 16_384  # of one certificate: 10,240 bytes in base64
_PEM: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]{1,76}\r?\n)+)-----END CERTIFICATE-----(?:\r?\n)?"
)
_UNREADABLE: Final = b""
_SLASH: Final = ord("/")
_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price


class TLSCertificates(Enum):
    """Whether the server that runs the application is the one that the client's TLS connection ends at."""

    NOT_READ = "not_read"
    """It is not, or nobody has said so: behind a proxy the certificate would be the proxy's own."""
    OF_THE_SERVER = "of_the_server"
    """It is: the certificate of the ASGI TLS extension is the client's."""


_NOT_READ: Final = TLSCertificates.NOT_READ  # a member is looked up through its type each time: that costs a tenth


class Served(NamedTuple):
    """What an integration must know of its gateway.

    Attributes:
        origin: scheme and authority as clients see them.
        admission_path: path of the endpoint that takes presentations.
        body_bytes: how long an admission request may be.
    """

    origin: str
    admission_path: str
    body_bytes: int


def served_by(gateway: Gateway) -> Served:
    """Return what is configured of a gateway, so that nobody has to say it twice. Raises CONFIGURATION_INVALID."""
    if type(gateway) is not Gateway:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.gateway")
    return Served(gateway.external_url, gateway.admission_path, 2 * gateway.limits.presentation_bytes)


def read_request(scope: Scope, origin: str, certificates: TLSCertificates) -> Request | None:
    """Return the request that a scope stands for, or None where it is none. A handshake of a WebSocket is a GET."""
    try:
        raw, headers = scope["raw_path"], scope["headers"]
        method = scope["method"] if scope["type"] == "http" else "GET"
        query = scope.get("query_string")
        # A `#` would end what a proof covers, and the application would still see what stands behind it.
        if (
            type(raw) is not bytes
            or b"#" in raw
            or b"?" in raw
            or raw[0] != _SLASH
            or type(method) is not str
            or (type(headers) is not list and type(headers) is not tuple)  # the application needs them as well
        ):
            return None
        url = origin + raw.decode("ascii")
        if query:
            if type(query) is not bytes or b"#" in query:
                return None
            url = f"{url}?{query.decode('ascii')}"
    except (KeyError, IndexError, UnicodeDecodeError):
        return None
    certificate = None if certificates is _NOT_READ else _certificate(scope)
    return _new(Request, (method, url, headers, certificate))


def _certificate(scope: Scope) -> bytes | None:
    # What is no certificate is handed on as one: the gateway refuses it where a ticket is bound to one.
    extensions = scope.get("extensions")
    tls = extensions.get("tls") if isinstance(extensions, Mapping) else None
    if not isinstance(tls, Mapping) or not tls.get("client_cert_chain"):
        return None
    if tls.get("client_cert_error") is not None:  # the server does not stand by it
        return None
    chain = tls["client_cert_chain"]
    first = next(iter(chain), None) if isinstance(chain, Iterable) else None
    found = _PEM.fullmatch(first) if type(first) is str and len(first) <= _MAX_PEM_CHARS else None
    if found is None:
        return _UNREADABLE
    try:
        return base64url.decode_standard("".join(found[1].split()).encode("ascii"), "mtls.certificate")
    except MalformedError:
        return _UNREADABLE


def header_of(scope: Scope, name: bytes) -> str | None:
    """Return the one value of a header, or None where it is not there, comes twice, is no ASCII, or is not in bytes."""
    found: bytes | None = None
    size = len(name)
    try:
        for each, value in scope.get("headers") or ():
            if len(each) != size:
                continue
            if type(each) is not bytes:  # text, as a framework decodes it: it must not look as if nothing were there
                return None
            if each.lower() == name:
                if found is not None or type(value) is not bytes:
                    return None
                found = value
    except (TypeError, ValueError, AttributeError):
        return None  # these are no pairs: whatever stands among them was not read
    return found.decode("ascii") if found is not None and found.isascii() else None


def resource_from_path(resources: Mapping[str, str]) -> Callable[[Scope], str | None]:
    """Make a function that finds the resource by the path that the application sees.

    Args:
        resources: path, decoded and exact, to the name of a resource. What is not in it gives nothing, and is refused.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for what is no table of paths and names.
    """
    table = dict(resources) if isinstance(resources, Mapping) else {None: None}
    if not all(type(path) is str and path[:1] == "/" and type(name) is str for path, name in table.items()):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.resource")

    def find(scope: Scope) -> str | None:
        path = scope.get("path")
        return table.get(path) if type(path) is str else None

    return find


def resource_from_header(name: str) -> Callable[[Scope], str | None]:
    """Make a function that takes the resource from a header which the operator's own proxy sets on each request.

    Whoever reaches the application past that proxy, or through one that lets the client's header stand, chooses the
    resource himself. A header that is not there, comes twice or is no ASCII gives nothing.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for what is no name.
    """
    if type(name) is not str or not name.isascii() or not name.replace("-", "").isalnum():
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.resource")
    lower = name.lower().encode("ascii")
    return lambda scope: header_of(scope, lower)
