"""References of a credential to W3C bitstring lists, and what such a list says by its purpose.

Spec: W3C Bitstring Status List v1.0 sections 2.1, 2.2, 3.2; specs/verification.md V4.36; specs/profile-status-list.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ... import Reason
from ...status import StatusStore
from ..forge.parts import ABSENT, NOW, VALID_INDEX
from ..forge.status_lists import (
    BITSTRING_ENTRIES,
    BITSTRING_MEDIA_TYPE,
    BITSTRING_URI,
    bitstring_credential,
    status_claim,
    statuses,
)
from ..forgery import Forgery
from ..trials import Trial, accepted, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._statuses import ingested

PLACE: Final = 3
_UNKNOWN: Final = Reason.STATUS_MECHANISM_UNKNOWN


def entry(**changes: Any) -> dict[str, Any]:
    """Return a reference to that list; parts of it may be replaced."""
    good = {
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": str(PLACE),
        "statusListCredential": BITSTRING_URI,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ABSENT}


def _referring(stated: Any, **payload: Any) -> Forgery:
    """Return what has this reference alone, or beside others."""
    return jwt(payload={"status": ABSENT, "credentialStatus": stated, **payload})


def _store(*places: int, **how: Any) -> StatusStore:
    body = bitstring_credential(places, **how)
    return ingested(body, uri=BITSTRING_URI, media_type=BITSTRING_MEDIA_TYPE)


def revoked_by_a_bit() -> Iterator[Trial]:
    """A bit of a list is set, and says what the purpose of the list says."""
    for purpose, reason in (("revocation", Reason.REVOKED), ("suspension", Reason.SUSPENDED)):
        shown = _referring(entry(statusPurpose=purpose))
        for stated in (purpose, [purpose], [purpose, "message"], ["revocation", "suspension"]):
            said = f"a bit for {stated}, asked for {purpose}"
            yield refused(f"{said}, is set", reason, shown, step="V9", statuses=_store(PLACE, purpose=stated))
            # The first place is the most significant bit; the one that mirrors it is another's.
            around = (PLACE - 1, PLACE + 1, 7 - PLACE, BITSTRING_ENTRIES - 1)
            yield accepted(f"{said}, is set for others", shown, statuses=_store(*around, purpose=stated))
    beyond = _referring(entry(statusListIndex=str(BITSTRING_ENTRIES)))
    yield refused("a bit beyond the list", Reason.STATUS_INDEX_OUT_OF_RANGE, beyond, step="V9", statuses=_store())


def unavailable_bits() -> Iterator[Trial]:
    """The list of the reference is not at hand, or is one for another purpose."""
    away = Reason.STATUS_LIST_UNAVAILABLE
    yield accepted("a bitstring, at hand", _referring(entry()), statuses=_store())
    yield refused("a bitstring, not at hand", away, _referring(entry()), statuses=statuses())
    for stated, held in (("suspension", "revocation"), ("revocation", "suspension")):
        shown = _referring(entry(statusPurpose=stated))
        yield refused(f"a bitstring for {held}, asked for {stated}", away, shown, statuses=_store(PLACE, purpose=held))


def unknown_entries() -> Iterator[Trial]:
    """The reference is of a mechanism, or a purpose, that nobody here can ask."""
    store: Any = {"statuses": _store()}
    yield accepted("a bitstring", _referring(entry()), **store)
    yield accepted("a bitstring of one bit", _referring(entry(statusSize=1)), **store)
    for name, stated in {
        "another type": entry(type="StatusList2021Entry"),
        "no type": entry(type=ABSENT),
        "several types": entry(type=["BitstringStatusListEntry"]),
        "a message": entry(statusPurpose="message"),
        "a refresh": entry(statusPurpose="refresh"),
        "a purpose in capitals": entry(statusPurpose="Revocation"),
        "two bits": entry(statusSize=2),
        "true bits": entry(statusSize=True),
        "bits as text": entry(statusSize="1"),
        "messages": entry(statusMessage=[{"status": "0x0", "message": "valid"}]),
    }.items():
        yield refused(f"a bitstring, {name}", _UNKNOWN, _referring(stated), step="V4", **store)
        listed = _referring([entry(), stated])
        yield refused(f"a good bitstring, then one of {name}", _UNKNOWN, listed, step="V4", **store)
    cwt = sd_cwt(claims={"credentialStatus": entry()})
    yield refused("a bitstring in an SD-CWT", _UNKNOWN, cwt, step="V4")


def entries_of_another_type() -> Iterator[Trial]:
    """A member of the reference only looks like what it must be."""
    invalid = Reason.CLAIM_INVALID
    judged: Any = {"statuses": _store()}
    yield accepted("a bitstring", _referring(entry()), **judged)
    for index in (PLACE, True, None, "", "03", "-3", "+3", " 3", "3.0", "3e0", "\u0663", "9" * 11, ["3"], ABSENT):
        shown = _referring(entry(statusListIndex=index))
        yield refused(f"a bitstring, index {index!r}", invalid, shown, step="V4", **judged)
    for uri in (None, 7, "", [BITSTRING_URI], {"id": BITSTRING_URI}, ABSENT):
        shown = _referring(entry(statusListCredential=uri))
        yield refused(f"a bitstring, uri {uri!r}", invalid, shown, step="V4", **judged)
    for purpose in (None, 7, ["revocation"], ABSENT):
        shown = _referring(entry(statusPurpose=purpose))
        yield refused(f"a bitstring, purpose {purpose!r}", invalid, shown, step="V4", **judged)
    yield refused("a bitstring, its own id", invalid, _referring(entry(id=BITSTRING_URI)), step="V4", **judged)
    none: dict[str, Any] = {
        "null": None, "no list": [], "a text": "x", "a number": 7, "a list of lists": [[]],
        "a good one and null": [entry(), None], "a good one and a URI": [entry(), BITSTRING_URI],
    }  # fmt: skip
    for name, stated in none.items():
        yield refused(f"a bitstring that is {name}", invalid, _referring(stated), step="V4", **judged)
    short = _referring([], exp=NOW + 60, status=status_claim(VALID_INDEX))
    yield refused("no bitstring, beside a list", invalid, short)
