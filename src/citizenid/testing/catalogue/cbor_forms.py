"""Attacks on the forms of CBOR: what is no form at all, what is one of several, and the one form of what we write.

Spec: RFC 8949 sections 3, 4.2.1; specs/profile-cbor.md sections 1 and 2.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import Challenge, Format, Reason
from ...status import IdentifierPublisher, StatusPublisher
from ..attacks import attack
from ..forge import mdoc as m
from ..forge import sd_cwt as c
from ..forge.cbor import Raw, canonical, dump, embedded
from ..forge.mdoc_issuer import ELEMENTS, PID, digests_of, good_mso, items_of
from ..forge.parts import AUDIENCE, NONCE, NOW, STATUS_URI, key
from ..forgery import Forgery, called
from ..trials import Trial, accepted, expect, holds, mdoc, raises, refused, sd_cwt
from ..world import SimulatedWorld
from ._cbor_places import (
    ITEM,
    MALFORMED,
    SD_CWT_HEADER,
    SD_KBT_HEADER,
    first,
    from_hex,
    mso_bytes,
    sound,
    spread,
    status_lists,
    verdict,
    whole,
    wholes,
)

_CLAIMS: Final = {
    "a": 1,
    "bb": -1,
    "c": 1.5,
    "d": [2**40, 255, 256, -257, 100_000.0, 0.1],
    "e": {"z": 1, "aa": True, "": 0},
}
_INNER: Final = frozenset({0, 2})  # of a COSE_Sign1: the protected header and the payload


@attack("CBR-012", "MALFORMED_CBOR")
def cut_short() -> Iterator[Trial]:
    """An item ends before its end, at every byte."""
    for name, make in (("DeviceResponse", mdoc), ("SD-KBT", sd_cwt)):
        yield accepted(f"whole: {name}", make())
        for start in (1, 2, 10, 100, 400):
            yield refused(f"{start} bytes: {name}", MALFORMED, make(after=first(start)))
        # A chain is not looked at in what is cut short: without one there are fewer bytes to cut.
        short = make(chain=b"\0") if make is mdoc else make()
        yield holds(f"at every byte: {name}", partial(_expect_no_prefix, short))
    for place, forgery in wholes(first(-1)).items():
        yield refused(f"the last byte is missing: {place}", MALFORMED, forgery)
    for place, call in status_lists(first(-1)).items():
        yield raises(f"the last byte is missing: {place}", MALFORMED, call)
    yield holds("inner items at every byte", _expect_no_prefix_inside)


def _expect_no_prefix(forgery: Forgery) -> None:
    made = forgery.made()
    verify = m.verify if forgery.format is Format.MDOC else c.verify
    for end in range(len(made)):
        expect(called(partial(verify, made[:end])).reason is MALFORMED, f"{end} of {len(made)} bytes")


def _expect_no_prefix_inside() -> None:
    # A header that has no byte at all is an empty one, which is another fault.
    for place in ("IssuerSignedItem", "Salted Disclosed Claim", "protected header of the SD-CWT"):
        for missing in range(1, 60):
            forgery = whole(place, first(-missing))
            expect(verdict(forgery) is MALFORMED, f"{missing} bytes of {place}")


@attack("CBR-013", "MALFORMED_CBOR")
def reserved() -> Iterator[Trial]:
    """Heads that are reserved, a break where nothing is open, and simple values other than false, true and null."""
    yield from sound(from_hex(false="f4", true="f5", null="f6", short="17", long_="1818", of_64_bits="1b" + "ff" * 8))
    firsts = [major << 5 | info for major in range(8) for info in (28, 29, 30)]
    values = {f"head {first:02x}": bytes((first, 0, 0)) for first in firsts}
    values |= from_hex(break_="ff", break_in_an_array="82ff00", break_for_a_value="a101ff", integer_without_end="1f")
    values |= from_hex(undefined="f7", simple_0="e0", simple_19="f3", simple_32="f820", simple_59="f83b")
    values |= from_hex(simple_255="f8ff", false_in_two_bytes="f814", null_in_two_bytes="f816", simple_24="f818")
    values |= from_hex(simple_31="f81f", tag_without_end="df", undefined_as_a_key="a1f700")
    yield from spread(values, MALFORMED, each=1)


@attack("CBR-014", "MALFORMED_CBOR")
def text_that_is_none() -> Iterator[Trial]:
    """Text that is no UTF-8, too long a form of a character, or half of a pair."""
    yield from sound(
        {ascii(text): dump(text) for text in ("", "\0", "\xe9", "\ud7ff", "\ue000", "\uffff", "\U0010ffff")}
    )
    values = from_hex(byte_ff="61ff", lone_continuation="6180", cut_short="61c3", cut_short_of_three="62e282")
    values |= from_hex(overlong_slash="62c0af", overlong_zero="62c080", overlong_of_three="63e08080")
    values |= from_hex(overlong_of_four="64f0808080", high_half="63eda080", low_half="63edbfbf")
    values |= from_hex(both_halves="66eda0bdedb2a9", beyond_unicode="64f4908080", of_five="65f888808080")
    values |= from_hex(as_a_key="a161ff00")
    yield from spread(values, MALFORMED)


def _turned(value: Any) -> Any:
    """Turn the order of the keys of every map."""
    if isinstance(value, Mapping):
        return {name: _turned(each) for name, each in reversed(list(value.items()))}
    if isinstance(value, CBORTag):
        return CBORTag(value.tag, _turned(value.value))
    return [_turned(each) for each in value] if isinstance(value, list) else value


def _with_payload(mso: bytes, parts: list[Any]) -> list[Any]:
    return [*parts[:2], bytes(embedded(mso)), parts[3]]


def _with_header(header: bytes, parts: list[Any]) -> list[Any]:
    return [header, *parts[1:]]


@attack("CBR-016")
def in_another_order() -> Iterator[Trial]:
    """Keys in any order: what was signed counts as it came, and nothing is put in order to be checked."""
    turned = dump(_turned(cbor2.loads(ITEM)))
    mso = dump(_turned(good_mso(digests_of(items_of(ELEMENTS)))))
    one, other = dump({1: -7, 99: 0}), dump({99: 0, 1: -7})
    yield accepted("a DeviceResponse", mdoc(after=lambda data: dump(_turned(cbor2.loads(data)))))
    yield accepted("an item", mdoc(items={PID: [turned]}))
    yield accepted("an MSO", mdoc(payload=bytes(embedded(mso))))
    yield accepted("headers", mdoc(protected=other, device={"protected": other}))
    claims, header = dump(_turned(c.good_claims())), dump(_turned(SD_CWT_HEADER))
    yield accepted("an SD-CWT", sd_cwt(claims=claims, header=header))
    yield accepted("an SD-KBT", sd_cwt(kb_header=dump(_turned({**SD_KBT_HEADER, 13: c.credential()}))))
    for name, signed, shown in (("turned", ITEM, turned), ("put in order", turned, ITEM)):
        forged = mdoc(items={PID: [signed]}, shown={PID: [shown]})
        yield refused(f"an item, {name} after it was digested", Reason.DIGEST_MISMATCH, forged)
    forged = mdoc(auth=partial(_with_payload, mso))
    yield refused("an MSO, turned after it was signed", Reason.SIGNATURE_INVALID, forged, step="V3")
    forged = mdoc(protected=one, auth=partial(_with_header, other))
    yield refused("a header, turned after it was signed", Reason.SIGNATURE_INVALID, forged, step="V3")
    inner = c.credential()
    inner.value[2] = claims
    forged = sd_cwt(kb_header={13: inner})
    yield refused("claims, turned after they were signed", Reason.SIGNATURE_INVALID, forged, step="V3")


def _longer(value: Any) -> Raw:
    """Write a value with heads that are longer than they need to be."""
    if isinstance(value, Mapping):
        return Raw(b"\xb9" + len(value).to_bytes(2, "big") + b"".join(map(_longer, itertools.chain(*value.items()))))
    if isinstance(value, list):
        return Raw(b"\x9a" + len(value).to_bytes(4, "big") + b"".join(map(_longer, value)))
    if isinstance(value, CBORTag):
        return Raw(b"\xd9" + value.tag.to_bytes(2, "big") + _longer(value.value))
    if type(value) is int and value >= 0:
        return Raw(b"\x1b" + value.to_bytes(8, "big"))
    if isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        return Raw((b"\x7a" if isinstance(value, str) else b"\x5a") + len(data).to_bytes(4, "big") + data)
    return Raw(dump(value))


@attack("CBR-017", "MALFORMED_CBOR")
def with_longer_heads() -> Iterator[Trial]:
    """Heads that are longer than they need to be, as some issuers write them: accepted, and as they came."""
    # There is one profile and no stricter one beside it (specs/profile-cbor.md section 1): so nothing refuses these.
    longer = bytes(_longer(cbor2.loads(ITEM)))
    mso = bytes(_longer(good_mso(digests_of(items_of(ELEMENTS)))))
    six = Raw(b"\xb9\x00\x06" + dump({f"n{each}": each for each in range(6)})[1:])  # as it was met in the wild
    yield from sound(
        {"a map of six in three bytes": six, "a text": bytes(_longer("x")), "an integer": b"\x1b" + bytes(8)}
    )
    yield accepted("a DeviceResponse", mdoc(after=lambda data: bytes(_longer(cbor2.loads(data)))))
    yield accepted("an item", mdoc(items={PID: [longer]}))
    yield accepted("an MSO", mdoc(payload=bytes(embedded(mso))))
    yield accepted("headers", mdoc(protected=bytes(_longer({1: -7})), device={"protected": bytes(_longer({1: -7}))}))
    claims = bytes(_longer(c.good_claims()))
    yield accepted("an SD-CWT", sd_cwt(claims=claims, header=bytes(_longer(SD_CWT_HEADER))))
    hidden = bytes(_longer([c.salt(), "Muster", "family_name"]))
    yield accepted("a Salted Disclosed Claim", sd_cwt(claims=c.hide(hidden), disclosures=[hidden]))
    around = Raw(b"\xd9\x00\x18\x5a" + len(ITEM).to_bytes(4, "big") + ITEM)
    yield accepted("the heads around an item", mdoc(items={PID: [ITEM]}, shown={PID: [around]}))

    def changed() -> None:
        for one, other in ((ITEM, longer), (longer, ITEM)):
            found = verdict(mdoc(items={PID: [one]}, shown={PID: [other]}))
            expect(found is Reason.DIGEST_MISMATCH, f"an item: {found}")
        found = verdict(mdoc(auth=partial(_with_payload, mso)))
        expect(found is Reason.SIGNATURE_INVALID, f"an MSO: {found}")
        found = verdict(sd_cwt(claims=c.hide(hidden), disclosures=[c.disclosure(c.salt(), "Muster", "family_name")]))
        expect(found is Reason.DISCLOSURE_UNREFERENCED, f"a Salted Disclosed Claim: {found}")

    yield holds("longer, or shorter, only after it was signed: it is not what was signed", changed)


def _written(format: Format) -> dict[str, bytes]:
    """Return what this library writes in a format: as it is issued, and as it is presented."""
    world = SimulatedWorld(formats=[format])
    claims: dict[str, Any] = {"org.example": _CLAIMS} if format is Format.MDOC else _CLAIMS
    wallet = world.wallet(nationalities=("US", "DE"), claims=claims, evidence_at=NOW - 60, format=format)
    shown = world.present(wallet, Challenge(AUDIENCE, NONCE), wallet.credential.disclosable)
    few = world.present(wallet, Challenge(AUDIENCE, NONCE), [])
    return {"as issued": wallet.credential.to_bytes(), "all of it shown": shown, "nothing shown": few}


def _status_tokens() -> dict[str, bytes]:
    publisher, listed = StatusPublisher(uri=STATUS_URI, size=64, bits=2), IdentifierPublisher(uri=STATUS_URI)
    publisher.revoke(publisher.allocate())
    listed.revoke(listed.allocate())
    times: dict[str, Any] = {"now": NOW, "ttl_s": 43_200, "expires_s": 86_400}
    return {
        "status list": publisher.publish(key("status"), format="cwt", **times),
        "identifier list": listed.publish(key("status"), **times),
    }


def _check_form(data: bytes) -> int:
    """Check the one form of an item and of every item inside of its byte strings, and return how many there were."""
    expect(canonical(data) == data, "written again, it is another")
    return 1 + sum(map(_check_form, _inside(cbor2.loads(data), None)))


def _inside(value: Any, place: Any) -> Iterator[bytes]:
    """Return the byte strings that hold CBOR: under tag 24, in a COSE_Sign1, and the disclosures of an SD-CWT."""
    if isinstance(value, CBORTag):
        if value.tag == 24:
            yield value.value
        else:
            yield from _inside(value.value, None)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _inside(each, name)
    elif isinstance(value, list | tuple):
        signed = len(value) == 4 and isinstance(value[1], Mapping) and isinstance(value[3], bytes)
        for index, each in enumerate(value):
            if isinstance(each, bytes) and each and ((signed and index in _INNER) or place == 17):
                yield each
            yield from _inside(each, index)


@attack("CBR-019")
def what_we_write() -> Iterator[Trial]:
    """What this library writes has one form: shortest heads, keys in order, an integer never as a float."""
    for format in (Format.MDOC, Format.SD_CWT):

        def check(format: Format = format) -> None:
            for name, data in _written(format).items():
                count = _check_form(data)
                expect(count >= 3, f"{name}: only {count} items were found")

        yield holds(f"{format.value}: each item, written again, is the same bytes", check)
        yield holds(f"{format.value}: numbers keep their kinds", partial(_check_kinds, format))

    def check_tokens() -> None:
        for name, data in _status_tokens().items():
            expect(_check_form(data) == 3, name)

    yield holds("tokens of status lists", check_tokens)
    yield holds("the check tells one form from another", _expect_other_forms_are_seen)


def _check_kinds(format: Format) -> None:
    world = SimulatedWorld(formats=[format])
    claims: dict[str, Any] = {"org.example": _CLAIMS} if format is Format.MDOC else _CLAIMS
    read = world.wallet(claims=claims, format=format).credential.disclosable
    plain = {path[-1]: value for path, value in read.items()}
    for name in ("a", "bb", "c"):
        expect(plain[name] == _CLAIMS[name] and type(plain[name]) is type(_CLAIMS[name]), name)


def _expect_other_forms_are_seen() -> None:
    others = from_hex(
        a_long_head="1801", a_long_float="fa3fc00000", out_of_order="a202000100", by_length="a2616100190100f6"
    )
    for name, data in others.items():
        found = canonical(data) != data
        expect(found, f"{name} was taken for the one form")
    expect(canonical(mso_bytes()) != mso_bytes(), "a map in another order was taken for the one form")
    one = bytes.fromhex("a301f93e00190100f661618220fa47c35000")
    expect(canonical(one) == one, "the one form was taken for another")
