"""SD-JWT VC presentations, compact, taken apart, and what edits them and signs them anew.

Spec: RFC 9901 sections 4, 7 and 9; SD-JWT VC section 2; specs/verification.md V1 to V9.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from ... import Reason
from ..forge.parts import (
    ABSENT,
    STATUS_URI,
    unbase64url,
)
from ..forge.parts import jws as make_jws
from ..forge.sd_jwt import digest, disclosure
from ..strategies.presentations import Presented
from ._frame import Choice, Edit

R: Final = Reason
SALT: Final = "c2FsdC1vZi0xNi1ieXRlcw"


class Parts:
    """A presentation taken apart; `data` signs it anew with the keys that it was signed with, or with others."""

    def __init__(self, valid: Presented) -> None:
        token, *self.disclosures, binding = valid.data.split(b"~")
        header, payload, _ = token.split(b".")
        kb_header, kb, _ = binding.split(b".")
        self.header: Any = json.loads(unbase64url(header))
        self.payload: Any = json.loads(unbase64url(payload))
        self.kb_header: Any = json.loads(unbase64url(kb_header))
        self.kb: Any = json.loads(unbase64url(kb))
        self.valid, self.now = valid, valid.now
        self.algorithm: str = self.payload.get("_sd_alg", "sha-256")
        self.issuer: Any = valid.issued.issuer
        self.holder: Any = valid.issued.holder
        self.hashed = True

    @property
    def half(self) -> bytes:
        """The issuer's half, signed anew."""
        return b"~".join((make_jws(kept(self.header), kept(self.payload), self.issuer), *self.disclosures, b""))

    @property
    def data(self) -> bytes:
        """The presentation, signed anew."""
        half = self.half
        if self.hashed:
            self.kb["sd_hash"] = digest(half, self.algorithm)
        return half + make_jws(kept(self.kb_header), kept(self.kb), self.holder)


def kept(members: Any) -> Any:
    """Leave out what is to be absent."""
    if isinstance(members, bytes):
        return members
    return {name: value for name, value in members.items() if value is not ABSENT}


def signed(edit: Callable[[Parts, Choice], Any]) -> Edit:
    """Return what takes a presentation apart, edits it, and signs it anew; an edit may say False: nothing to do."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        parts = Parts(valid)
        return None if edit(parts, choice) is False else parts.data

    return apply


def states(**claims: Any) -> Edit:
    """The issuer states these claims; what he has hidden stays hidden."""

    def edit(parts: Parts, choice: Choice) -> None:
        parts.disclosures = []
        for name, value in claims.items():
            parts.payload[name] = value(parts.now, choice) if callable(value) else value

    return signed(edit)


def headed(half: str, **members: Any) -> Edit:
    """Issuer ("header") or holder ("kb_header") writes this into his header."""

    def edit(parts: Parts, choice: Choice) -> None:
        target = getattr(parts, half)
        for name, value in members.items():
            target[name] = choice.of(*value) if isinstance(value, tuple) else value

    return signed(edit)


def binds(**claims: Any) -> Edit:
    """The holder signs these claims."""

    def edit(parts: Parts, choice: Choice) -> None:
        parts.hashed = "sd_hash" not in claims
        for name, value in claims.items():
            parts.kb[name] = value(parts.now, choice) if callable(value) else value

    return signed(edit)


def of(*values: Any) -> Callable[[int, Choice], Any]:
    """One of these values."""
    return lambda _, choice: choice.of(*values)


def status(index: int | Callable[[int, Choice], int], uri: str = STATUS_URI) -> Edit:
    """The issuer refers to another place of a list."""

    def stated(now: int, choice: Choice) -> Any:
        return {"status_list": {"idx": index(now, choice) if callable(index) else index, "uri": uri}}

    return states(status=stated)


def hidden(*contents: Any, also: dict[str, Any] | None = None) -> Edit:
    """The issuer hides what cannot be hidden, or hides it wrongly, and the holder shows it."""

    def edit(parts: Parts, choice: Choice) -> None:
        content = choice.of(*contents)
        text = content if isinstance(content, bytes) else disclosure(*content)
        parts.disclosures = [text]
        parts.payload.update(also or {})
        parts.payload["_sd"] = [digest(text, parts.algorithm)]

    return signed(edit)
