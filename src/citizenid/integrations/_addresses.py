"""Which URL may be fetched, and which addresses its name may stand for: against SSRF.

A URL is taken apart by one strict pattern, so that no second parser can see another host in it. A name is resolved
once; every address it has must be public, and the connection goes to one of exactly those (no rebinding). The tables
are ours and not those of `ipaddress`, whose `is_global` has changed with patch releases of Python.

Spec: RFC 3986; IANA IPv4 and IPv6 Special-Purpose Address Registries; RFC 6052 section 2.1 (NAT64), RFC 8215;
SD-JWT VC section 7.1; specs/profile-status-list.md section 9.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, NamedTuple

MAX_URL_CHARS: Final = 2_048  # as of a status URI in a credential
_CHARS: Final = r"(?:[A-Za-z0-9._~:@!$&'()*+,;=/-]|%[0-9A-Fa-f]{2})"
_URL: Final = re.compile(
    r"(https?)://"
    r"([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::([0-9]{1,5}))?"
    rf"(/{_CHARS}*)?(\?(?:{_CHARS}|\?)*)?",
    re.ASCII,
)
_PORTS: Final = {"https": 443, "http": 80}

# IPv4: what the registry does not call globally reachable, and multicast, class E and broadcast. And one address more:
# on Azure the host of a virtual machine answers at 168.63.129.16, with settings and secrets of it.
_NOT_PUBLIC_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24"
            " 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15"
            " 168.63.129.16/32 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
        ).split(),
    )
)
# IPv6: global unicast alone, which leaves out loopback, link-local, unique-local, multicast, ::ffff:0:0/96 (mapped),
# 64:ff9b::/96 and 64:ff9b:1::/48 (NAT64); and of that not Teredo, ORCHID, 6to4, SRv6 and what is for documentation.
_UNICAST_6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(map(IPv6Network, "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20".split()))
_LOOPBACK: Final = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


class Reach(StrEnum):
    """Where fetches may go. Neither contains the other: what is set up for tests reaches nothing else."""

    PUBLIC = "public"
    """https, to public addresses."""
    LOOPBACK = "loopback"
    """http or https, to loopback addresses: for tests and for a relay on the same machine."""


class Target(NamedTuple):
    """A URL taken apart. `host` is a name or an address without brackets, `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What stands in the Host field (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def open_url(url: object, reach: Reach) -> Target | None:
    """Take a URL apart, or return None when it is none that may be fetched.

    Neither user information nor a fragment may stand in it, and only ASCII. The host is lowered, nothing else changes.
    """
    if type(url) is not str or len(url) > MAX_URL_CHARS:
        return None
    parts = _URL.fullmatch(url)
    if parts is None or (parts[1] == "http" and reach is not Reach.LOOPBACK):
        return None
    port = _PORTS[parts[1]] if parts[3] is None else int(parts[3])
    if not 0 < port < 65_536:
        return None
    return Target(parts[1], parts[2].strip("[]").lower(), port, (parts[4] or "/") + (parts[5] or ""))


def open_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address in its dotted or colon form; a zone (`%eth0`) makes it none."""
    for kind in (IPv4Address, IPv6Address):
        try:
            if "%" not in text:
                return kind(text)
        except (AddressValueError, ValueError):
            pass
    return None


def may_connect(addresses: Sequence[str], reach: Reach) -> bool:
    """Say whether every one of these addresses may be connected to; none at all may not.

    One public address among private ones does not help: which one is connected to would be up to whoever answers for
    the name.
    """
    opened = [open_address(text) for text in addresses]
    return bool(opened) and all(address is not None and _allowed(address, reach) for address in opened)


def _allowed(address: IPv4Address | IPv6Address, reach: Reach) -> bool:
    if reach is Reach.LOOPBACK:
        return any(address in network for network in _LOOPBACK)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _UNICAST_6 and not any(address in network for network in _NOT_PUBLIC_6)
