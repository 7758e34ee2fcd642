"""Every place in which a presentation, or a status list token, holds CBOR, for whoever puts something there.

Spec: ISO/IEC 18013-5 8.3.2.1.2.2, 9.1.2.4; draft-ietf-spice-sd-cwt sections 5 to 9; Token Status List section 5.2.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from ... import Format, Reason
from ...status import StatusStore
from ..forge import mdoc as m
from ..forge import sd_cwt as c
from ..forge.cbor import Raw, dump, embedded
from ..forge.mdoc_issuer import ELEMENTS, PID, digests_of, good_mso, item, items_of
from ..forge.parts import NOW, STATUS_URI, key
from ..forge.status_lists import status_anchors
from ..forgery import Forgery, called
from ..trials import Trial, accepted, expect, holds, mdoc, refused, sd_cwt

Edit = Callable[[bytes], bytes]

MALFORMED: Final = Reason.MALFORMED_CBOR
SD_CWT_HEADER: Final = {1: -9, 4: b"k1", 16: 293}
SD_KBT_HEADER: Final = {1: -9, 16: 294}
ITEM: Final = item(0, "nationality", ["US"])
_AUTHORIZED: Final = {"keyAuthorizations": {"nameSpaces": ["org.example"]}}  # lets the device state what stands there
_TRIED: Final = 100  # a millisecond each
_CWT: Final = "application/statuslist+cwt"


def with_behind(tail: bytes) -> Edit:
    """Return an edit that puts something behind."""
    return lambda data: data + tail


def replaced_by(other: bytes) -> Edit:
    """Return an edit that leaves nothing of what was there."""
    return lambda _: other


def first(size: int) -> Edit:
    """Return an edit that leaves the first bytes, or without the last ones if it is negative; one at least."""
    return lambda data: data[:size] or data[:1]


def mso_bytes() -> bytes:
    """Return the MobileSecurityObject of a good mdoc."""
    return dump(good_mso(digests_of(items_of(ELEMENTS))))


def _hidden(value: Any) -> Forgery:
    content = c.disclosure(c.salt(), value, "x")
    return sd_cwt(claims=c.hide(content), disclosures=[content])


def _stated(value: Any) -> Forgery:
    return mdoc(key_info=_AUTHORIZED, device={"content": dump({"org.example": {"x": value}})})


def _outermost(value: Any) -> Forgery:
    return sd_cwt(kb_header=dump({**SD_KBT_HEADER, 13: c.credential(), 99: value}))


class Place(NamedTuple):
    """A place in which nobody asks for what stands there.

    Attributes:
        name: of it.
        levels: how many arrays, maps and tags are around it.
        holding: makes a presentation that holds a value there.
    """

    name: str
    levels: int
    holding: Callable[[Any], Forgery]


PLACES: Final = (
    Place("DeviceResponse", 1, lambda value: mdoc(response_changes={"rfu": value})),
    Place("claims of the SD-CWT", 1, lambda value: sd_cwt(claims={"x": value})),
    Place("elementValue", 1, lambda value: mdoc(elements={PID: {"nationality": ["US"], "x": value}})),
    Place("Salted Disclosed Claim", 1, _hidden),
    Place("MSO", 1, lambda value: mdoc(mso={"rfu": value})),
    Place("claims of the SD-KBT", 1, lambda value: sd_cwt(kb={99: value})),
    Place("IssuerSignedItem", 1, lambda value: mdoc(items={PID: [item(0, "nationality", ["US"], {"rfu": value})]})),
    Place("protected header of the SD-CWT", 1, lambda value: sd_cwt(header=dump({**SD_CWT_HEADER, 99: value}))),
    Place("protected header of issuerAuth", 1, lambda value: mdoc(protected=dump({1: -7, 99: value}))),
    Place("protected header of the SD-KBT", 1, _outermost),
    Place("protected header of deviceSignature", 1, lambda each: mdoc(device={"protected": dump({1: -7, 99: each})})),
    Place("unprotected header of the SD-CWT", 4, lambda value: sd_cwt(unprotected={99: value})),
    Place("DeviceNameSpaces", 2, _stated),
    Place("unprotected header of the SD-KBT", 3, lambda value: sd_cwt(kb_unprotected={99: value})),
    Place("unprotected header of issuerAuth", 6, lambda value: mdoc(unprotected={99: value})),
    Place("Document", 3, lambda value: mdoc(document_changes={"rfu": value})),
    Place("unprotected header of deviceSignature", 7, lambda value: mdoc(device={"unprotected": {99: value}})),
)


def holding(place: str, value: Any) -> Forgery:
    """Return a presentation that holds a value in the place of this name."""
    return next(each for each in PLACES if each.name == place).holding(value)


def _whole_disclosure(edit: Edit) -> Forgery:
    content = edit(c.disclosure(c.salt(), "Muster", "family_name"))
    return sd_cwt(claims=c.hide(content), disclosures=[content])


def _whole_kbt_header(edit: Edit) -> Forgery:
    return sd_cwt(kb_header=edit(dump({**SD_KBT_HEADER, 13: c.credential()})))


def _whole_elements(edit: Edit) -> Forgery:
    return mdoc(key_info=_AUTHORIZED, device={"content": edit(dump({"org.example": {"x": 1}}))})


_WHOLES: Final[Mapping[str, Callable[[Edit], Forgery]]] = {
    "DeviceResponse": lambda edit: mdoc(after=edit),
    "protected header of issuerAuth": lambda edit: mdoc(protected=edit(dump({1: -7}))),
    "MSO": lambda edit: mdoc(payload=bytes(embedded(edit(mso_bytes())))),
    "MobileSecurityObjectBytes": lambda edit: mdoc(payload=edit(bytes(embedded(mso_bytes())))),
    "IssuerSignedItem": lambda edit: mdoc(items={PID: [edit(ITEM)]}),
    "protected header of deviceSignature": lambda edit: mdoc(device={"protected": edit(dump({1: -7}))}),
    "DeviceNameSpaces": _whole_elements,
    "SD-KBT": lambda edit: sd_cwt(after=edit),
    "claims of the SD-CWT": lambda edit: sd_cwt(claims=edit(dump(c.good_claims()))),
    "Salted Disclosed Claim": _whole_disclosure,
    "protected header of the SD-CWT": lambda edit: sd_cwt(header=edit(dump(SD_CWT_HEADER))),
    "protected header of the SD-KBT": _whole_kbt_header,
    "claims of the SD-KBT": lambda edit: sd_cwt(kb=edit(dump(c.good_binding()))),
}


def whole(place: str, edit: Edit) -> Forgery:
    """Return a presentation in which one whole item is edited before anybody signs it."""
    return _WHOLES[place](edit)


def wholes(edit: Edit) -> dict[str, Forgery]:
    """Return presentations in each of which another whole item is edited."""
    return {place: make(edit) for place, make in _WHOLES.items()}


def status_lists(edit: Edit) -> dict[str, Callable[[], object]]:
    """Return calls that ingest a status list token, in each of which one whole item of it is edited."""

    def ingest(whole: Edit = bytes, header: Edit = bytes, claims: Edit = bytes) -> None:
        good = {
            2: STATUS_URI,
            4: NOW + 86_400,
            6: NOW - 10,
            65533: {"bits": 1, "lst": zlib.compress(bytes(8))},
            65534: 43_200,
        }
        protected = header(dump({1: -9, 4: b"s1", 16: _CWT}))
        made = whole(dump(c.sign1(protected, {}, claims(dump(good)), key("status"))))
        StatusStore(anchors=status_anchors()).ingest(STATUS_URI, made, media_type=_CWT, now=NOW)

    return {
        "status list token": partial(ingest, whole=edit),
        "protected header of a status list token": partial(ingest, header=edit),
        "claims of a status list token": partial(ingest, claims=edit),
    }


def _token_with(value: Any) -> Iterator[tuple[str, Callable[[], object]]]:
    """Return calls that ingest a status list token with a value where nobody asks for it."""

    def add(data: bytes) -> bytes:
        # One member more behind the last one: none of these maps is so long that its head is not one byte.
        return bytes((data[0] + 1,)) + data[1:] + dump(99) + dump(value)

    for place, call in status_lists(add).items():
        if place != "status list token":
            yield place, call


def verdict(forgery: Forgery, **judged: Any) -> Reason | None:
    """Return the Reason with which the library refuses a presentation, or None."""
    verify = m.verify if forgery.format is Format.MDOC else c.verify
    return called(partial(verify, forgery.made(), **judged)).reason


def spread(values: Mapping[str, bytes], reason: Reason, each: int = 2) -> Iterator[Trial]:
    """Try each value in a few places, the next ones for the next; and on the library in many more."""
    turn = itertools.cycle(PLACES)
    for name, value in values.items():
        for place in itertools.islice(turn, each):
            yield refused(f"{name}: {place.name}", reason, place.holding(Raw(value)))
    yield holds("all of them, all over the places", partial(_expect_everywhere, values, reason, _TRIED))


def sound(values: Mapping[str, bytes]) -> Iterator[Trial]:
    """Show that each of these values is read where it may stand: the controls of `spread`."""
    for (name, value), place in zip(values.items(), itertools.cycle(PLACES), strict=False):
        yield accepted(f"{name}, sound: {place.name}", place.holding(Raw(value)))
    yield holds("sound ones, all over the places", partial(_expect_everywhere, values, None, _TRIED // 2))


def _expect_everywhere(values: Mapping[str, bytes], reason: Reason | None, tried: int) -> None:
    # A few of one kind are tried in every place; of many, each in as many as time permits, and all places are met.
    many = max(4, min(len(PLACES), tried // len(values)))
    turn = itertools.cycle(PLACES)
    for name, value in values.items():
        for place in itertools.islice(turn, many):
            found = verdict(place.holding(Raw(value)))
            expect(found is reason, f"{name}: {place.name}: {found}")
        for where, call in _token_with(Raw(value)):
            found = called(call).reason
            expect(found is reason, f"{name}: {where}: {found}")


def from_hex(**values: str) -> dict[str, bytes]:
    """Return values by their names."""
    return {name.replace("_", " ").strip(): bytes.fromhex(value) for name, value in values.items()}
