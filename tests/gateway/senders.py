"""The senders of `citizenid.testing`, and what several of them show at once."""

from __future__ import annotations

from citizenid.gateway import Request
from citizenid.testing.senders import KINDS, NO_SENDER, Sender, certificate  # noqa: F401  # handed on

from .world import Wallet, World


def joined(*requests: Request) -> Request:
    """Make one request that shows everything that these show; headers that are the same are there once."""
    headers: list[tuple[bytes, bytes]] = []
    for each in requests:
        headers += [header for header in each.headers if header not in headers]
    certificates = [each.client_certificate for each in requests if each.client_certificate is not None]
    return requests[0]._replace(headers=headers, client_certificate=certificates[0] if certificates else None)


def anybody(world: World) -> Wallet:
    """Return the one wallet of a world for which it does not matter whose it is."""
    return world.anybody()
