"""A status list taken apart, edited, and signed anew: what the mutations of every kind of list share.

Spec: Token Status List section 5; W3C Bitstring Status List v1.0 section 2.2.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import cbor2
from cbor2 import CBORTag

from ... import LocalKey
from ..forge.cbor import dump as dump_cbor
from ..forge.parts import ABSENT, unbase64url
from ..forge.parts import jws as make_jws
from ..strategies.status_lists import PublishedList
from ._frame import Choice, Edit


class Sent(NamedTuple):
    """A response to a fetch.

    Attributes:
        body: of it.
        media_type: of it, or None for the one of the list.
        after: whether the store holds the valid list already.
    """

    body: bytes
    media_type: str | None = None
    after: bool = False


class Parts:
    """A list taken apart; `data` signs it anew with the key that it was signed with, or with another."""

    def __init__(self, valid: PublishedList) -> None:
        self.jose = valid.form in ("jwt", "bitstring")
        self.form, self.now = valid.form, valid.now
        self.signer: LocalKey = valid.signer
        if self.jose:
            header, payload, _ = valid.data.split(b".")
            self.header: Any = json.loads(unbase64url(header))
            self.claims: Any = json.loads(unbase64url(payload))
        else:
            message = cbor2.loads(valid.data).value
            self.header, self.unprotected = cbor2.loads(message[0]), message[1]
            self.claims = cbor2.loads(message[2])

    def name(self, claim: str) -> Any:
        """Return how a claim is called in this form; "typ" and "kid" are names of the header."""
        return claim if self.jose else _LABELS[claim]

    def put(self, claim: str, value: Any) -> None:
        """State this."""
        self.claims[self.name(claim)] = value

    @property
    def data(self) -> bytes:
        """The list, signed anew."""
        if self.jose:
            return make_jws(kept(self.header), kept(self.claims), self.signer)
        header, payload = dump_cbor(kept(self.header)), dump_cbor(kept(self.claims))
        signature = self.signer.sign(dump_cbor(["Signature1", header, b"", payload]))
        return dump_cbor(CBORTag(18, [header, self.unprotected, payload, signature]))


_LABELS: Final = {"sub": 2, "exp": 4, "iat": 6, "nbf": 5, "iss": 1, "ttl": 65534, "typ": 16, "kid": 4, "alg": 1}


def kept(members: Any) -> Any:
    return {name: value for name, value in members.items() if value is not ABSENT} if type(members) is dict else members


def signed(edit: Callable[[Parts, Choice], None], *, after: bool = False) -> Edit:
    """Return what takes a list apart, edits it, and signs it anew."""

    def apply(valid: PublishedList, choice: Choice) -> Sent:
        parts = Parts(valid)
        edit(parts, choice)
        return Sent(parts.data, after=after)

    return apply


def states(*, after: bool = False, **claims: Any) -> Edit:
    """Whoever signs the list states these claims."""

    def edit(parts: Parts, choice: Choice) -> None:
        for name, value in claims.items():
            parts.put(name, value(parts.now, choice) if callable(value) else value)

    return signed(edit, after=after)


def of(*values: Any) -> Callable[[int, Choice], Any]:
    """One of these values."""
    return lambda _, choice: choice.of(*values)
