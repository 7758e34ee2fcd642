"""SD-CWT presentations, taken apart, and what edits them and signs them anew.

Spec: draft-ietf-spice-sd-cwt; RFC 9052 section 3; specs/verification.md V1 to V9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import Reason
from ..forge.cbor import dump
from ..forge.parts import (
    ABSENT,
    STATUS_URI,
)
from ..forge.sd_cwt import REDACTED, digest, disclosure
from ..strategies.presentations import Presented
from ._frame import Choice, Edit

R: Final = Reason
_HASHES: Final = {-16: "sha256", -43: "sha384", -44: "sha512"}


class Parts:
    """A presentation taken apart; `data` signs it anew with the keys that it was signed with, or with others."""

    def __init__(self, valid: Presented) -> None:
        outer = cbor2.loads(valid.data).value
        self.kb_header: Any = cbor2.loads(outer[0])
        self.kb: Any = cbor2.loads(outer[2])
        inner = self.kb_header.pop(13).value
        self.header: Any = cbor2.loads(inner[0])
        self.unprotected: Any = dict(inner[1])
        self.disclosures: list[bytes] = list(self.unprotected.pop(17, []))
        self.claims: Any = cbor2.loads(inner[2])
        self.kb_unprotected: Any = dict(outer[1])
        self.hash = _HASHES[self.header.get(170, -16)]
        self.valid, self.now = valid, valid.now
        self.issuer: Any = valid.issued.issuer
        self.holder: Any = valid.issued.holder

    @property
    def inner(self) -> CBORTag:
        """The SD-CWT, signed anew."""
        unprotected = {**self.unprotected, **({17: self.disclosures} if self.disclosures else {})}
        return _sign1(self.header, unprotected, self.claims, self.issuer)

    @property
    def data(self) -> bytes:
        """The presentation, signed anew."""
        return dump(_sign1({**self.kb_header, 13: self.inner}, self.kb_unprotected, self.kb, self.holder))


def kept(members: Any) -> Any:
    """Leave out what is to be absent."""
    return {name: value for name, value in members.items() if value is not ABSENT} if type(members) is dict else members


def _sign1(header: Any, unprotected: Any, payload: Any, signer: Any) -> CBORTag:
    protected = dump(kept(header))
    body = payload if isinstance(payload, bytes) else dump(kept(payload))
    return CBORTag(18, [protected, unprotected, body, signer.sign(dump(["Signature1", protected, b"", body]))])


def signed(edit: Callable[[Parts, Choice], Any]) -> Edit:
    """Return what takes a presentation apart, edits it, and signs it anew; an edit may say False: nothing to do."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        parts = Parts(valid)
        return None if edit(parts, choice) is False else parts.data

    return apply


def states(claims: dict[Any, Any]) -> Edit:
    """The issuer states these claims; what he has hidden stays hidden."""

    def edit(parts: Parts, choice: Choice) -> None:
        parts.disclosures = []
        for name, value in claims.items():
            parts.claims[name] = value(parts.now, choice) if callable(value) else value

    return signed(edit)


def within(half: str, members: dict[Any, Any]) -> Edit:
    """Write this into a header, or into the holder's claims."""

    def edit(parts: Parts, choice: Choice) -> None:
        target = getattr(parts, half)
        for name, value in members.items():
            target[name] = value(parts.now, choice) if callable(value) else value

    return signed(edit)


def of(*values: Any) -> Callable[[int, Choice], Any]:
    """One of these values."""
    return lambda _, choice: choice.of(*values)


def status(index: Any, uri: str = STATUS_URI) -> Edit:
    """The issuer refers to another place of a list."""

    def stated(now: int, choice: Choice) -> Any:
        return {"status_list": {"idx": index(now, choice) if callable(index) else index, "uri": uri}}

    return states({65535: stated})


def hidden(*contents: Any) -> Edit:
    """The issuer hides what cannot be hidden, or hides it wrongly, and the holder shows it."""

    def edit(parts: Parts, choice: Choice) -> None:
        content = choice.of(*contents)
        made = content if isinstance(content, bytes) else disclosure(*content)
        parts.disclosures = [made]
        parts.claims[REDACTED] = [*parts.claims.get(REDACTED, []), digest(made, parts.hash)]

    return signed(edit)
