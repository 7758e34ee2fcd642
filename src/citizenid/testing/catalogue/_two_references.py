"""A credential whose status stands in two lists: each of them can end it, whatever the other says.

Spec: specs/verification.md V4.28, V4.36, V9; W3C Bitstring Status List v1.0; ISO/IEC 18013-5 second edition 12.3.6.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from ... import Format, Reason
from ...status import StatusStore
from ..forge.parts import NOW, STATUS_MEDIA_TYPE, STATUS_URI, VALID_INDEX
from ..forge.status_lists import (
    BITSTRING_MEDIA_TYPE,
    BITSTRING_URI,
    IDENTIFIER_MEDIA_TYPE,
    bitstring_credential,
    status_anchors,
    status_claim,
    status_token,
    status_token_cwt,
)
from ..forgery import Forgery, Outcome
from ..targets import Party
from ..trials import Trial, accepted, asked, mdoc, refused
from ..trials import sd_jwt as jwt
from ._bitstrings import PLACE, entry
from ._statuses import ingested

_IDENTIFIER: Final = b"one of two"


def _bitstring(revoked: bool, issued_at: int) -> bytes:
    return bitstring_credential([PLACE] if revoked else [], payload={"iat": issued_at})


def _identifiers(revoked: bool, issued_at: int) -> bytes:
    listed: dict[bytes, Any] = {_IDENTIFIER if revoked else b"another": {}}
    payload = {6: issued_at, 65530: {"identifiers": listed}}
    return status_token_cwt(media_type=IDENTIFIER_MEDIA_TYPE, payload=payload)


def _list(revoked: bool, issued_at: int) -> bytes:
    return status_token({VALID_INDEX: int(revoked)}, payload={"iat": issued_at})


_LISTS: Final[Mapping[str, tuple[str, str, Callable[[bool, int], bytes]]]] = {
    "status list": (STATUS_URI, STATUS_MEDIA_TYPE, _list),
    "bitstring": (BITSTRING_URI, BITSTRING_MEDIA_TYPE, _bitstring),
    "identifier list": (STATUS_URI, IDENTIFIER_MEDIA_TYPE, _identifiers),
}


def _presented() -> Iterator[tuple[str, str, Forgery]]:
    """Return what has two references: which lists they lead to, and the presentation."""
    listed = status_claim(VALID_INDEX)
    yield "status list", "bitstring", jwt(payload={"status": listed, "credentialStatus": entry()})
    named = {"identifier_list": {"id": _IDENTIFIER, "uri": STATUS_URI}}
    yield "status list", "identifier list", mdoc(mso={"status": {**listed, **named}})


def _fetch(store: StatusStore, names: tuple[str, str], revoked: str, *, now: int, issued_at: int) -> None:
    for name in names:
        uri, media_type, made = _LISTS[name]
        ingested(made(name == revoked, issued_at), into=store, uri=uri, media_type=media_type, now=now)


def _store(names: tuple[str, str], revoked: str) -> StatusStore:
    store = StatusStore(anchors=status_anchors())
    _fetch(store, names, revoked, now=NOW, issued_at=NOW - 10)
    return store


def _with_ticket(forgery: Forgery, names: tuple[str, str], revoked: str, party: Party) -> Outcome:
    """Be admitted while both lists say that it is valid, and use the ticket after one says otherwise."""
    now = party.world.now
    _fetch(party.world.statuses, names, "", now=now, issued_at=now - 9)
    answer = party.apply(forgery)
    _fetch(party.world.statuses, names, revoked, now=now, issued_at=now - 5)
    return party.use(json.loads(answer.body)["ticket"])


def of_two_references() -> Iterator[Trial]:
    """Show what refers to two lists, of which one or none says that it is revoked."""
    for one, two, forgery in _presented():
        names = (one, two)
        yield accepted(f"{one} and {two}, valid in both", forgery, statuses=_store(names, ""))
        for name in names:
            told = f"{one} and {two}, revoked in the {name}"
            yield refused(told, Reason.REVOKED, forgery, step="V9", statuses=_store(names, name))
            if forgery.format is Format.SD_JWT_VC:  # a gateway's party presents this format
                yield asked(f"{told}, a ticket", Reason.REVOKED, partial(_with_ticket, forgery, names, name))
        if forgery.format is Format.SD_JWT_VC:
            told = f"{one} and {two}, valid in both, a ticket"
            yield asked(told, None, partial(_with_ticket, forgery, names, ""))
