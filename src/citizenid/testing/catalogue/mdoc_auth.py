"""Attacks on issuerAuth of an mdoc, and on every COSE message beside it: who signed it, and what form it has.

Spec: ISO/IEC 18013-5 9.1.2.4; RFC 9052 sections 3 and 4.2; specs/profile-mdoc.md section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import Reason
from ..attacks import attack
from ..forge import mdoc as m
from ..forge import sd_cwt as c
from ..forge.cbor import dump, embedded
from ..forge.mdoc_keys import CURVES, key, sign, signer_certificate
from ..forge.parts import NOW
from ..forge.parts import key as local
from ..trials import Trial, accepted, mdoc, refused, sd_cwt, sd_jwt
from ._cbor_places import mso_bytes

_UNREAD: Final = Reason.MALFORMED_TOKEN
_INVALID: Final = Reason.SIGNATURE_INVALID


@attack("MDC-017", "SIGNATURE_INVALID")
def signed_by_another() -> Iterator[Trial]:
    """The signature of issuerAuth is by another key than that of the certificate that came first."""
    for curve in CURVES:
        signer, other = key("signer", curve), key("somebody else", curve)
        yield accepted(f"{curve}, signed by it", mdoc(signer=signer))
        forged = mdoc(signer=signer, sign_with=_by(other))
        yield refused(f"{curve}, by another key", _INVALID, forged, step="V3")
        yield refused(f"{curve}, other bytes", _INVALID, mdoc(signer=signer, sign_with=_over(signer)), step="V3")
    stranger = mdoc(signer=key("somebody else"), chain=signer_certificate())
    yield refused("the certificate of somebody else", _INVALID, stranger, step="V3")
    named = mdoc(signer=key("somebody else"), chain=signer_certificate(), unprotected={4: b"k1"})
    yield refused("and a kid", _INVALID, named, step="V3")
    yield refused("the signature of the device", _INVALID, mdoc(sign_with=_by(key("device"))), step="V3")
    yield refused("zeros", _INVALID, mdoc(sign_with=lambda _: bytes(64)), step="V3")
    yield refused("an SD-CWT", _INVALID, sd_cwt(sign=local("somebody else").sign), step="V3")
    yield refused("an SD-JWT VC", _INVALID, sd_jwt(sign=local("somebody else").sign), step="V3")


def _by(private: Any) -> Callable[[bytes], bytes]:
    return lambda data: sign(private, data)


def _over(private: Any) -> Callable[[bytes], bytes]:
    return lambda data: sign(private, data + b"\0")


@attack("MDC-018", "MALFORMED_MDOC")
def payload_in_another_form() -> Iterator[Trial]:
    """The payload of issuerAuth is not there, or it is not the MSO under tag 24."""
    mso = mso_bytes()
    yield accepted("the MSO under tag 24", mdoc(payload=bytes(embedded(mso))))
    for name, sent in (("null", None), ("a map", {}), ("text", "x"), ("tag 24", embedded(mso)), ("1", 1)):
        yield refused(f"payload: {name}", _UNREAD, mdoc(sent=sent))
    for name, payload in {
        "a map without a tag": b"\xa0",
        "a byte string without a tag": dump(mso),
        "tag 24 of the map itself": b"\xd8\x18\xa0",
        "tag 24 of an array": bytes(embedded(b"\x80")),
        "tag 24 of null": bytes(embedded(b"\xf6")),
    }.items():
        yield refused(name, _UNREAD, mdoc(payload=payload))
    for name, payload in {
        "nothing": b"",
        "another tag": b"\xd8\x19" + dump(mso),
        "the MSO without a tag": mso,  # with its dates, which have no place there
        "tag 24 twice": bytes(embedded(bytes(embedded(mso)))),
        "tag 24 of nothing": bytes(embedded(b"")),
        "something behind": bytes(embedded(mso)) + b"\0",
    }.items():
        yield refused(name, Reason.MALFORMED_CBOR, mdoc(payload=payload))
    detached = c.credential()
    detached.value[2] = None
    yield refused("an SD-CWT without its payload", _UNREAD, sd_cwt(kb_header={13: detached}))
    yield refused("an SD-KBT without its payload", _UNREAD, sd_cwt(after=_with_part(2, None)))


def _with_part(index: int, part: Any) -> Callable[[bytes], bytes]:
    """Return an edit that replaces a part of an SD-KBT."""

    def edit(data: bytes) -> bytes:
        parts = list(cbor2.loads(data).value)
        parts[index] = part
        return dump(CBORTag(18, parts))

    return edit


def _misshapen() -> Mapping[str, Callable[[list[Any]], Any]]:
    return {
        "no part": lambda _: [],
        "three parts": lambda parts: parts[:3],
        "five parts": lambda parts: [*parts, b""],
        "a map": lambda parts: dict(enumerate(parts)),
        "bytes": dump,
        "a protected map": lambda parts: [cbor2.loads(parts[0]), *parts[1:]],
        "a protected text": lambda parts: ["x", *parts[1:]],
        "a protected null": lambda parts: [None, *parts[1:]],
        "an unprotected array": lambda parts: [parts[0], [], *parts[2:]],
        "unprotected bytes": lambda parts: [parts[0], b"\xa0", *parts[2:]],
        "an unprotected null": lambda parts: [parts[0], None, *parts[2:]],
        "a payload of text": lambda parts: [*parts[:2], "x", parts[3]],
        "no signature": lambda parts: [*parts[:3], None],
        "a signature of text": lambda parts: [*parts[:3], "x"],
        "signatures": lambda parts: [*parts[:3], [parts[3]]],
        "a protected array": lambda parts: [b"\x80", *parts[1:]],
    }


@attack("MDC-020", "MALFORMED_COSE")
def misshapen_message() -> Iterator[Trial]:
    """A COSE message is no array of four parts, each of its own type."""
    yield accepted("an mdoc", mdoc())
    yield accepted("an SD-CWT", sd_cwt())
    device = m.device_signed()["deviceAuth"]["deviceSignature"]
    for number, (name, edit) in enumerate(_misshapen().items()):
        inner = CBORTag(18, edit(list(c.credential().value)))
        forgeries = {
            "issuerAuth": mdoc(auth=edit),
            "SD-CWT": sd_cwt(kb_header={13: inner}),
            "deviceSignature": mdoc(device={"auth": {"deviceSignature": edit(device)}}),
            "SD-KBT": sd_cwt(after=_edited(edit)),
        }
        for position, (place, forged) in enumerate(forgeries.items()):
            # All of them on the library, and on a gateway the even places and the odd ones by turns.
            judged: dict[str, Any] = {} if (number + position) % 2 else {"now": NOW}
            yield refused(f"{place}: {name}", _UNREAD, forged, step="V1", **judged)
    for number in (18, 98, 61, 24):
        tagged = mdoc(auth=_tagging(number))
        yield refused(f"issuerAuth under tag {number}", Reason.MALFORMED_CBOR if number != 24 else _UNREAD, tagged)


def _edited(edit: Callable[[list[Any]], Any]) -> Callable[[bytes], bytes]:
    return lambda data: dump(CBORTag(18, edit(list(cbor2.loads(data).value))))


def _tagging(number: int) -> Callable[[Sequence[Any]], Any]:
    return lambda parts: CBORTag(number, parts)
