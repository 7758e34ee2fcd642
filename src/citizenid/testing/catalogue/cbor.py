"""Attacks on the CBOR codec: what stands where it must not, and what costs more than it weighs.

Spec: RFC 8949 sections 3, 5.6; specs/profile-cbor.md section 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import Limits, Reason
from ..attacks import Group, attack
from ..forge import mdoc as m
from ..forge import sd_cwt as c
from ..forge.cbor import Pairs, Raw, dump, embedded, head
from ..forge.mdoc_issuer import ELEMENTS, PID, digests_of, good_mso, item, items_of
from ..forge.parts import NOW
from ..forgery import called
from ..trials import Trial, accepted, expect, holds, mdoc, raises, refused, sd_cwt
from ._cbor_places import (
    ITEM,
    MALFORMED,
    PLACES,
    SD_CWT_HEADER,
    Edit,
    from_hex,
    holding,
    mso_bytes,
    replaced_by,
    sound,
    spread,
    status_lists,
    wholes,
    with_behind,
)
from ._counting import calls_of, held
from .cbor_forms import cut_short, in_another_order, reserved, text_that_is_none, what_we_write, with_longer_heads

_LEVELS: Final = 16
_BUILDERS: Final = frozenset({"re", "email", "decimal", "_pydecimal", "fractions", "ipaddress", "uuid", "datetime"})


@attack("CBR-001", "MALFORMED_CBOR")
def left_over() -> Iterator[Trial]:
    """Behind an item stands something else."""
    for place, forgery in wholes(with_behind(b"\0")).items():
        yield refused(f"a zero behind: {place}", MALFORMED, forgery)
    tails = from_hex(an_item="f6", a_break="ff", a_map="a0", a_large_array="9a00010000", a_text="6161", a_pair="8200f6")
    for name, tail in tails.items():
        yield refused(f"{name} behind a DeviceResponse", MALFORMED, mdoc(after=with_behind(tail)))
        yield refused(f"{name} behind an SD-KBT", MALFORMED, sd_cwt(after=with_behind(tail)))
    yield refused("two DeviceResponses", MALFORMED, mdoc(after=lambda data: data + data))
    for place, call in status_lists(with_behind(b"\0")).items():
        yield raises(f"a zero behind: {place}", MALFORMED, call)
    for place, forgery in wholes(bytes).items():
        yield accepted(f"nothing behind: {place}", forgery, now=NOW)
    for place, call in status_lists(bytes).items():
        yield holds(f"nothing behind: {place}", call)


@attack("CBR-002", "DUPLICATE_MEMBER")
def key_twice() -> Iterator[Trial]:
    """A key stands twice in a map: to some the first one counts, to others the last."""
    yield from sound(from_hex(two_integers="a201000200", an_integer_and_its_text="a20100613100", signs="a201002000"))
    twice = from_hex(
        integer="a201000101",
        negative="a220002001",
        text="a26161006161f6",
        empty_text="a260006001",
        integer_with_a_longer_head="a20100180101",
        text_with_a_longer_head="a261610078016101",
        below="81a1018181a201000101",
    )
    twice["among a thousand"] = b"\xb9\x03\xe9" + b"".join(dump(number) + b"\0" for number in [*range(1000), 500])
    yield from spread(twice, Reason.DUPLICATE_MEMBER)
    yield from _key_of_ours_twice()


def _again(tree: Mapping[Any, Any], name: Any, value: Any) -> bytes:
    return dump(Pairs([*tree.items(), (name, value)]))


def _with_again(name: str) -> Edit:
    return lambda data: _again(cbor2.loads(data), name, 0)


def _key_of_ours_twice() -> Iterator[Trial]:
    reason = Reason.DUPLICATE_MEMBER
    mso = good_mso(digests_of(items_of(ELEMENTS)))
    for name in ("version", "docType", "validityInfo"):
        signed = bytes(embedded(_again(mso, name, mso[name])))
        yield refused(f"{name} twice in the MSO", reason, mdoc(payload=signed))
    for name in ("version", "documents", "status"):
        forged = mdoc(after=_with_again(name))
        yield refused(f"{name} twice in the DeviceResponse", reason, forged)
    content = _again(cbor2.loads(item(0, "nationality", ["DE"])), "elementValue", ["US"])
    yield refused("elementValue twice", reason, mdoc(items={PID: [content]}))
    spaces = Pairs([(PID, [embedded(ITEM)])] * 2)
    yield refused("a namespace twice", reason, mdoc(members={"nameSpaces": spaces}))
    yield refused("alg twice in an mdoc", reason, mdoc(protected=_again({1: -7}, 1, -7)))
    claims = c.good_claims()
    for label in (1, 4, 8, 11, "nationalities"):
        yield refused(f"claim {label} twice", reason, sd_cwt(claims=_again(claims, label, claims[label])))
    yield refused("alg twice in an SD-CWT", reason, sd_cwt(header=_again(SD_CWT_HEADER, 1, -9)))
    binding = c.good_binding()
    for label in binding:
        yield refused(f"claim {label} twice in the SD-KBT", reason, sd_cwt(kb=_again(binding, label, binding[label])))
    for place, call in status_lists(lambda data: _again(cbor2.loads(data), 2, 0)).items():
        if "claims" in place:
            yield raises(f"sub twice: {place}", reason, call)


@attack("CBR-004", "MALFORMED_CBOR")
def keys_that_equal_nothing() -> Iterator[Trial]:
    """A key is NaN, which no key equals: it may stand twice and never be found. Nothing but finite floats is read."""
    yield from sound(from_hex(a_half="f93800", a_double="fb3fb999999999999a", the_greatest="fb7fefffffffffffff"))
    nan, quiet, double = "f97e00", "fa7fc00001", "fb7ff8000000000000"
    values = from_hex(
        two_NaN_keys=f"a2{nan}00{nan}01", of_two_widths=f"a2{quiet}00{double}01", one_NaN_key=f"a1{nan}00"
    )
    values |= from_hex(NaN=nan, NaN_with_a_payload=quiet, NaN_of_64_bits=double, minus_infinity="f9fc00")
    values |= from_hex(infinity="f97c00", infinity_of_32_bits="fa7f800000", infinity_of_64_bits="fb7ff0000000000000")
    values |= from_hex(a_float_as_a_key="a1f93c0000", true_as_a_key="a1f500", bytes_as_a_key="a1410100")
    yield from spread(values, MALFORMED)


@attack("CBR-006", "MALFORMED_CBOR")
def without_a_length() -> Iterator[Trial]:
    """A length is left open until a break."""
    yield from sound(from_hex(array="8101", map="a10102", bytes_="4161", text="6161", no_items="80", no_members="a0"))
    values = from_hex(array="9f01ff", map="bf0102ff", bytes_="5f4161ff", text="7f6161ff", no_items="9fff")
    values |= from_hex(no_members="bfff", no_bytes="5fff", no_text="7fff", below="a10181819f01ff", a_key="a17f6161ff00")
    yield from spread(values, MALFORMED)
    yield refused("the DeviceResponse", MALFORMED, mdoc(after=lambda data: b"\xbf" + data[1:] + b"\xff"))
    yield refused("the SD-KBT", MALFORMED, sd_cwt(after=lambda data: b"\xd2\x9f" + data[2:] + b"\xff"))
    endless = bytes(embedded(b"\xbf" + mso_bytes()[1:] + b"\xff"))
    yield refused("the MSO", MALFORMED, mdoc(payload=endless))
    chunks = b"\xd8\x18\x5f" + b"".join(dump(part) for part in (mso_bytes()[:30], mso_bytes()[30:])) + b"\xff"
    yield refused("the bytes of the MSO under tag 24", MALFORMED, mdoc(payload=chunks))
    yield refused("an item", MALFORMED, mdoc(items={PID: [b"\xbf" + ITEM[1:] + b"\xff"]}))
    yield refused("an item without an end", MALFORMED, mdoc(items={PID: [b"\xbf" + ITEM[1:]]}))
    chunked = Raw(b"\xd8\x18\x5f" + dump(ITEM) + b"\xff")
    yield refused("the bytes of an item under tag 24", MALFORMED, mdoc(shown={PID: [chunked]}, items={PID: [ITEM]}))
    yield refused("issuerAuth", MALFORMED, mdoc(auth=lambda parts: Raw(b"\x9f" + dump(parts)[1:] + b"\xff")))
    yield refused("claims of an SD-CWT", MALFORMED, sd_cwt(claims=b"\xbf" + dump(c.good_claims())[1:] + b"\xff"))


@attack("CBR-007", "DEPTH_EXCEEDED")
def too_deep() -> Iterator[Trial]:
    """Arrays, maps and tags nest deeper than sixteen levels, or a hundred thousand times."""
    exceeded = Reason.DEPTH_EXCEEDED
    for place in PLACES[::4]:
        deepest = b"\x81" * (_LEVELS - place.levels)
        yield accepted(f"sixteen levels: {place.name}", place.holding(Raw(deepest + b"\0")))
        yield refused(f"seventeen levels: {place.name}", exceeded, place.holding(Raw(b"\x81" + deepest + b"\0")))
    for kind, one in (("arrays", b"\x81"), ("maps", b"\xa1\x01")):
        for place in PLACES:
            deepest = one * (_LEVELS - place.levels)
            good, deep = (place.holding(Raw(part + b"\0")) for part in (deepest, b"\x81" + deepest))
            yield accepted(f"{kind}, as deep as may be: {place.name}", good, now=NOW)
            yield refused(f"{kind}, one level more: {place.name}", exceeded, deep, now=NOW)
    for name, one in (("arrays", b"\x81"), ("maps", b"\xa1\x01"), ("tags", b"\xc6"), ("tags 24", b"\xd8\x18")):
        data = one * (100_000 // len(one)) + b"\0"
        yield refused(f"very many {name}: DeviceResponse", exceeded, mdoc(after=replaced_by(data)))
        yield refused(f"very many {name}: SD-KBT", exceeded, sd_cwt(after=replaced_by(data)))
        for place in PLACES[1:10]:
            yield refused(f"very many {name}: {place.name}", exceeded, place.holding(Raw(data)), now=NOW)


@attack("CBR-008", "MALFORMED_CBOR")
def length_without_bytes() -> Iterator[Trial]:
    """A head claims more than there is, so that whoever believes it makes room."""
    claims = (4, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
    kinds = {"bytes": 2, "text": 3, "array": 4, "map": 5}
    yield from sound(from_hex(bytes_="43010203", text="63616263", array="83010203", map="a10102"))
    values = {f"{kind} of {n}": head(major, n) + b"\1\2\3" for kind, major in kinds.items() for n in claims}
    yield from spread(values, MALFORMED, each=1)
    for name, value in values.items():
        yield refused(f"{name} alone, for an mdoc", MALFORMED, mdoc(after=replaced_by(value)), now=NOW)
        yield refused(f"{name} alone, for an SD-CWT", MALFORMED, sd_cwt(after=replaced_by(value)), now=NOW)
    yield holds("less than a megabyte is asked for", partial(_expect_little_memory, values))


def _expect_little_memory(values: Mapping[str, bytes]) -> None:
    # Whoever believed one of these would ask for gigabytes, or for more than there is anywhere.
    def verify_all() -> None:
        for name, value in values.items():
            for data in (value, b"\xa1\x63rfu" + value, b"\xd2\x84" + value):
                for verify in (m.verify, c.verify):
                    expect(called(partial(verify, data)).reason is MALFORMED, name)

    asked = held(verify_all)
    expect(asked < 1_000_000, f"{asked} bytes were asked for")


def _bombs() -> dict[str, bytes]:
    bombs = from_hex(
        bignum="c2420100",
        negative_bignum="c3420100",
        decimal_fraction="c4821a3b9aca0001",
        bigfloat="c5821a3b9aca0001",
        rational_number="d81e820102",
        regular_expression="d8236628612b292b24",
        uuid="d82550" + "00" * 16,
        IPv4_address="d834447f000001",
        IPv6_address="d83650" + "00" * 16,
        epoch_time="c11a6b49d200",
        days="d86401",
        cycle="d81c81d81d00",
        shared_value="d81c80",
        set_="d901028101",
        IP_address="d90104447f000001",
        complex_number="d9a7f8820102",
        self_described="d9d9f701",
        base64url="d8216141",
        unknown="da7fffffff01",
    )
    bombs["string references"] = b"\xd9\x01\x00\x82\x64aaaa\xd8\x19\x00"
    bombs["MIME message"] = b"\xd8\x24" + dump("From: a@example.org\n\nx")
    bombs["bignum of 50 kB"] = b"\xc2" + head(2, 50_000) + b"\xff" * 50_000
    return bombs


@attack("CBR-009", "MALFORMED_CBOR")
def tags_that_build() -> Iterator[Trial]:
    """A tag asks the decoder to build something of its content: a number without end, a pattern, a mail, a cycle."""
    dates = {"born": CBORTag(1004, "2000-01-01"), "since": CBORTag(0, "2020-01-01T00:00:00Z")}
    yield accepted("dates where elements are stated", mdoc(elements={PID: {"nationality": ["US"], **dates}}))
    bombs = _bombs()
    yield from spread(bombs, MALFORMED, each=1)
    yield refused("a date in a DeviceResponse", MALFORMED, mdoc(response_changes={"rfu": dates["born"]}))
    yield refused("a date in an SD-CWT", MALFORMED, sd_cwt(claims={"born": Raw(dump(dates["since"]))}))
    room = Limits(presentation_bytes=2**21)
    million = Raw(b"\xc2" + head(2, 1_000_000) + b"\xff" * 1_000_000)
    for place in ("DeviceResponse", "claims of the SD-CWT"):
        yield refused(f"a bignum of a megabyte: {place}", MALFORMED, holding(place, million), limits=room)
    yield holds("nothing is built of a tag that is refused", partial(_expect_nothing_built, bombs))


def _expect_nothing_built(bombs: Mapping[str, bytes]) -> None:
    shown = [place.holding(Raw(value)).made() for value in bombs.values() for place in PLACES[:4]]

    def verify_all() -> None:
        for data in shown:
            called(partial(m.verify, data))
            called(partial(c.verify, data))

    entered = {each.package for each in calls_of(verify_all)}
    expect("citizenid" in entered, "nothing was watched")
    expect(entered.isdisjoint(_BUILDERS), f"built by {sorted(entered & _BUILDERS)}")


GROUP: Final = Group(
    "cbor",
    "one decoder, bounded in every way, and plain types alone; bytes are judged as they came; ours have one form",
    (
        left_over,
        key_twice,
        keys_that_equal_nothing,
        without_a_length,
        too_deep,
        length_without_bytes,
        tags_that_build,
        cut_short,
        reserved,
        text_that_is_none,
        in_another_order,
        with_longer_heads,
        what_we_write,
    ),
)
