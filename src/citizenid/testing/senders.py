"""Senders of each binding: what an honest client shows of itself, at admission and afterwards.

A sender has a key, or a certificate, or nothing. `SimulatedWorld` knows DPoP alone; here the four kinds are alike, so
that a test can put any of them in any other's place.

Spec: specs/profile-sender-proofs.md.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, NamedTuple

from .. import LocalKey
from ..gateway import Admitted, Binding, Gateway, Request
from ..holder import dpop_proof, http_signature
from .checks import of_type
from .forge.parts import key
from .forge.proofs import hand_made_proof
from .world import ENDPOINT, ORIGIN, PATH, SimulatedWorld, Wallet

NO_SENDER: Final = bytes(32)
KINDS: Final = tuple(Binding)


def certificate(name: str, size: int = 700) -> bytes:
    """Make what looks like a certificate in DER: nobody here looks inside of one."""
    body = hashlib.sha256(name.encode()).digest() * (size // 32)
    return b"\x30\x82" + len(body).to_bytes(2, "big") + body


class Sender(NamedTuple):
    """A client of one kind."""

    binding: Binding
    name: str = "client"
    algorithm: str = "ES256"

    @property
    def key(self) -> LocalKey:
        """The key that signs its requests."""
        return key("sender " + self.name, self.algorithm)

    @property
    def certificate(self) -> bytes:
        """Its certificate, in DER."""
        return certificate(self.name)

    @property
    def thumbprint(self) -> bytes | None:
        """What its tickets are bound to; None for a bearer."""
        if self.binding is Binding.BEARER:
            return None
        if self.binding is Binding.MTLS:
            return hashlib.sha256(self.certificate).digest()
        return self.key.public.thumbprint

    def request(
        self,
        world: SimulatedWorld,
        ticket: str | None = None,
        *,
        method: str = "POST",
        path: str = PATH,
        shown: str | None = None,
        proven_by: LocalKey | None = None,
        nonce: Any = None,
    ) -> Request:
        """Make a request with a fresh proof for it; `shown` is the ticket that is sent in place of the proven one.

        A `nonce` that is no text stands in the proof as it is, which no wallet would write.
        """
        headers = [(b"host", b"gateway.example"), (b"authorization", b"Bearer sk-42")]
        sent = ticket if shown is None else shown
        if sent is not None:
            headers.append((b"citizenship-ticket", sent.encode()))
        by, url = proven_by or self.key, ORIGIN + path
        if self.binding is Binding.DPOP:
            headers.append((b"DPoP", _proof(by, method, url, ticket, world.now, nonce)))
        elif self.binding is Binding.HTTP_SIGNATURE:
            signed = http_signature(by, method=method, url=url, ticket=ticket, now=world.now)
            headers += [(name.encode(), value.encode()) for name, value in signed.items()]
        handed_in = self.certificate if self.binding is Binding.MTLS else None
        return Request(method, url, headers, handed_in)

    def apply(self, world: SimulatedWorld, wallet: Wallet, gateway: Gateway | None = None, nonce: Any = None) -> Any:
        """Go through admission as an honest client does."""
        door = gateway or world.gateway
        binding = None if self.binding is Binding.BEARER else self.binding
        challenge = door.challenge(sender=self.thumbprint, binding=binding)
        return door.admit(
            world.present(wallet, challenge),
            format=wallet.format,
            challenge=challenge.to_text(),
            request=self.request(world, path=ENDPOINT, nonce=nonce),
        )

    def ticket(self, world: SimulatedWorld, wallet: Wallet | None = None, gateway: Gateway | None = None) -> str:
        """Be admitted, and return the ticket."""
        return of_type(self.apply(world, wallet or world.anybody(), gateway), Admitted).ticket

    def ask(self, world: SimulatedWorld, ticket: str, resource: str = "weak", gateway: Gateway | None = None) -> Any:
        """Ask for a resource; the default is one for which every binding is strong enough."""
        return (gateway or world.gateway).authorize(self.request(world, ticket), resource=resource)


def _proof(by: LocalKey, method: str, url: str, ticket: str | None, now: int, nonce: Any) -> bytes:
    if nonce is None or (type(nonce) is str and nonce and nonce.isascii() and nonce.isprintable()):
        return dpop_proof(by, method=method, url=url, ticket=ticket, now=now, nonce=nonce).encode()
    return hand_made_proof(by, {"htm": method, "htu": url, "nonce": nonce}, ticket=ticket, now=now)
