"""Strategies for what goes to a gateway: tickets, sender proofs, and requests with both.

Spec: RFC 9449 section 4; RFC 9110 section 5; specs/verification.md (doors).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, final

from hypothesis import strategies as st

from ... import LocalKey
from ...gateway import Binding, Gateway, Request
from ..forge.proofs import hand_made_proof
from ..senders import Sender
from ..world import ORIGIN, PATH, SimulatedWorld
from .values import JOSE_ALGORITHMS

METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH")
BINDINGS: Final = (Binding.DPOP, Binding.MTLS, Binding.HTTP_SIGNATURE)
_UNRELATED: Final = ("accept", "user-agent", "x-request-id", "cookie", "traceparent", "content-type", "host")
_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"


def paths() -> st.SearchStrategy[str]:
    """Paths of requests, with a query or without: what needs no normalisation (RFC 3986 section 6.2.2)."""
    segments = st.lists(st.text(_CHARACTERS.replace(".", ""), min_size=1, max_size=8), min_size=1, max_size=4)
    query = st.just("") | st.text(_CHARACTERS, min_size=1, max_size=8).map("?q=".__add__)
    return st.builds(lambda parts, rest: "/" + "/".join(parts) + rest, segments, query)


def _in_any_case(name: str) -> st.SearchStrategy[bytes]:
    return st.sampled_from([name.encode(), name.title().encode(), name.upper().encode()])


@st.composite
def unrelated_headers(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    """Headers that are of no concern to a gateway of ours: names in any case, repeats among them."""
    names = draw(st.lists(st.sampled_from(_UNRELATED), max_size=6))
    return [(draw(_in_any_case(name)), draw(st.text(_CHARACTERS, max_size=12)).encode()) for name in names]


@st.composite
def requests(
    draw: st.DrawFn,
    concerning: Iterable[tuple[str, bytes]] = (),
    *,
    method: str | None = None,
    path: str | None = None,
    client_certificate: bytes | None = None,
) -> Request:
    """Requests in which these headers stand among unrelated ones, in any order and any case.

    Args:
        draw: hypothesis.
        concerning: name in lower case, and value.
        method: drawn by default.
        path: drawn by default.
        client_certificate: DER, as a terminator of TLS hands it in.
    """
    headers = draw(unrelated_headers())
    for name, value in concerning:
        headers.insert(draw(st.integers(0, len(headers))), (draw(_in_any_case(name)), value))
    url = ORIGIN + (draw(paths()) if path is None else path)
    return Request(method or draw(st.sampled_from(METHODS)), url, headers, client_certificate)


@final
@dataclass(frozen=True, slots=True)
class Proof:
    """A DPoP proof, and what it is of.

    Attributes:
        data: the value of the header.
        sender: the key. `method`, `url`, `ticket`, `nonce`: what it says.
        now: when it was made.
    """

    data: bytes
    sender: LocalKey
    method: str
    url: str
    ticket: str | None
    now: int
    nonce: str | None = None


@st.composite
def dpop_proofs(
    draw: st.DrawFn,
    *,
    sender: LocalKey | None = None,
    method: str | None = None,
    url: str | None = None,
    ticket: str | None = None,
    now: int,
    nonce: str | None = None,
) -> Proof:
    """Good DPoP proofs, by a key of any JOSE algorithm; what is not given is drawn (RFC 9449 section 4.2)."""
    by = sender or Sender(Binding.DPOP, algorithm=draw(st.sampled_from(JOSE_ALGORITHMS))).key
    verb, where = method or draw(st.sampled_from(METHODS)), url or ORIGIN + draw(paths())
    claims: dict[str, Any] = {"htm": verb, "htu": where.partition("?")[0], "iat": now - draw(st.integers(0, 30))}
    if nonce is not None:
        claims["nonce"] = nonce
    return Proof(hand_made_proof(by, claims, ticket=ticket), by, verb, where, ticket, now, nonce)


@final
@dataclass(frozen=True, slots=True)
class TicketHeld:
    """A ticket that a gateway of a world has sealed, and who may use it.

    Attributes:
        text: of the ticket.
        sender: the client it is bound to.
        world: in which it was made; its clock stands at that moment.
        path: of what it is used for. `resource`: its name in the policy.
    """

    text: str
    sender: Sender
    world: SimulatedWorld
    path: str = PATH
    resource: str = "us-nationals"

    @property
    def gateway(self) -> Gateway:
        """The gateway that sealed it."""
        return self.world.gateway

    def request(self, *, method: str = "POST") -> Request:
        """Use it, with a fresh proof."""
        return self.sender.request(self.world, self.text, path=self.path, method=method)

    def authorize(self, request: Request | None = None) -> Any:
        """Send a request, by default a good one, to the gateway."""
        return self.gateway.authorize(self.request() if request is None else request, resource=self.resource)


@st.composite
def tickets(
    draw: st.DrawFn,
    world: SimulatedWorld,
    *,
    bindings: Iterable[Binding] = BINDINGS,
    algorithms: Iterable[str] = JOSE_ALGORITHMS,
) -> TicketHeld:
    """Tickets of the gateway of a world for the nationality of its one person who is anybody, bound to a sender.

    Args:
        draw: hypothesis.
        world: whose gateway admits.
        bindings: kinds of senders; a bearer is none unless named.
        algorithms: of a DPoP sender's key; a signer of requests has ES256 or Ed25519 (RFC 9421 section 3.3).
    """
    binding = draw(st.sampled_from(tuple(bindings)))
    usable = tuple(algorithms) if binding is Binding.DPOP else ("ES256", "Ed25519")
    client = Sender(binding, "client " + draw(st.sampled_from("abc")), draw(st.sampled_from(usable)))
    return TicketHeld(client.ticket(world), client, world)
