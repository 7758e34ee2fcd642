"""Mutations of mdoc presentations, by anybody on the way: nothing is signed anew.

Spec: ISO/IEC 18013-5 8.3.2.1.2 and 9.1; specs/verification.md V1 to V9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cbor2

from ... import Reason
from ..forge import mdoc_keys
from ..forge.cbor import Pairs, Raw, dump, embedded
from ..forge.certificates import der
from ..forge.mdoc_issuer import OURS, PID, item
from ..forge.parts import ABSENT
from ..strategies.presentations import Presented
from ._frame import Choice, Edit, Mutation, keyless
from ._replays import elsewhere, replayed_audience, replayed_nonce
from ._text import indefinite, with_long_head
from .mdoc_parts import Parts, kept

R: Final = Reason


def inside(edit: Callable[[dict[Any, Any], Choice], Any]) -> Edit:
    """Edit the Document, as whoever is on the way can: nothing is signed anew."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        answer = cbor2.loads(valid.data)
        document = answer["documents"][0]
        stated = document["issuerSigned"].get("nameSpaces", {})
        for items in stated.values():
            items[:] = [embedded(each.value) for each in items]
        device = document["deviceSigned"]
        device["nameSpaces"] = embedded(device["nameSpaces"].value)
        return None if edit(document, choice) is False else dump(answer)

    return apply


def answered(**members: Any) -> Edit:
    """Write this into the DeviceResponse."""

    def apply(valid: Presented, choice: Choice) -> bytes:
        answer = Parts(valid).response
        document = answer["documents"][0]
        for name, value in members.items():
            answer[name] = choice.of(*value) if isinstance(value, tuple) else value
            if answer[name] is ABSENT:
                del answer[name]
        if answer.get("documents") == ["twice"]:
            answer["documents"] = [document, document]
        return dump(answer)

    return apply


def in_auth(place: int, edit: Callable[[Any, Choice], Any]) -> Edit:
    """Edit a part of issuerAuth."""

    def apply(document: dict[Any, Any], choice: Choice) -> bool | None:
        auth = document["issuerSigned"]["issuerAuth"]
        auth[place] = edit(auth[place], choice)
        return False if auth[place] is None else None

    return inside(apply)


def in_device(place: int, edit: Callable[[Any, Choice], Any]) -> Edit:
    """Edit a part of deviceSignature or deviceMac."""

    def apply(document: dict[Any, Any], choice: Choice) -> bool | None:
        (message,) = document["deviceSigned"]["deviceAuth"].values()
        message[place] = edit(message[place], choice)
        return None

    return inside(apply)


def header(members: dict[Any, Any]) -> Callable[[Any, Choice], Any]:
    """Write this into a header."""

    def edit(stated: Any, choice: Choice) -> Any:
        plain = cbor2.loads(stated) if isinstance(stated, bytes) else dict(stated)
        plain |= {name: choice.of(*value) if isinstance(value, tuple) else value for name, value in members.items()}
        return dump(kept(plain)) if isinstance(stated, bytes) else kept(plain)

    return edit


def _resized(signature: bytes, choice: Choice) -> bytes:
    return choice.of(signature[:-1], signature + b"\0", b"", signature * 2)


def one_item(edit: Callable[[bytes, Choice], Any]) -> Edit:
    """Edit the content of one of the items, if there is one."""

    def apply(document: dict[Any, Any], choice: Choice) -> bool | None:
        stated = document["issuerSigned"].get("nameSpaces", {})
        if not stated:
            return False
        items = stated[choice.of(*stated)]
        place = choice.below(len(items))
        items[place] = edit(cbor2.loads(items[place]).value, choice)
        return None

    return inside(apply)


def _changed_value(content: bytes, choice: Choice) -> Raw:
    stated = cbor2.loads(content)
    return embedded(dump({**stated, "elementValue": choice.of(["XX"], [1], {"x": 1})}))


def _other_number(content: bytes, choice: Choice) -> Raw:
    stated = cbor2.loads(content)
    return embedded(dump({**stated, "digestID": 1_000 + choice.below(9)}))


def _doubled(document: dict[Any, Any], choice: Choice) -> bool | None:
    stated = document["issuerSigned"].get("nameSpaces", {})
    if not stated:
        return False
    items = stated[choice.of(*stated)]
    items.append(choice.of(*items))
    return None


def _moved(document: dict[Any, Any], choice: Choice) -> bool | None:
    stated = document["issuerSigned"].get("nameSpaces", {})
    if not stated:
        return False
    stated["org.example.elsewhere"] = stated.pop(choice.of(*stated))
    return None


def _foreign(document: dict[Any, Any], choice: Choice) -> None:
    stated = document["issuerSigned"].setdefault("nameSpaces", {})
    stated.setdefault(OURS, []).append(embedded(item(2_000 + choice.below(9), "citizen_of_us", True)))


def _bare(document: dict[Any, Any], choice: Choice) -> bool | None:
    stated = document["issuerSigned"].get("nameSpaces", {})
    if not stated:
        return False
    items = stated[choice.of(*stated)]
    items[0] = cbor2.loads(items[0]).value
    return None


def _emptied(document: dict[Any, Any], _: Choice) -> None:
    document["issuerSigned"]["nameSpaces"] = {OURS: []}


def _device_of_another(document: dict[Any, Any], valid: Presented, choice: Choice, *, audience: bool) -> None:
    other = cbor2.loads(elsewhere(valid, choice, audience=audience).data)["documents"][0]["deviceSigned"]
    document["deviceSigned"] = {**other, "nameSpaces": embedded(other["nameSpaces"].value)}


def _spliced(*, audience: bool) -> Edit:
    def apply(valid: Presented, choice: Choice) -> bytes | None:
        return inside(lambda document, c: _device_of_another(document, valid, c, audience=audience))(valid, choice)  # type: ignore[no-any-return]

    return apply


def _stating(document: dict[Any, Any], _: Choice) -> None:
    document["deviceSigned"]["nameSpaces"] = embedded(dump({OURS: {"citizen_of_us": True}}))


def _two_proofs(document: dict[Any, Any], _: Choice) -> None:
    auth = document["deviceSigned"]["deviceAuth"]
    (message,) = auth.values()
    document["deviceSigned"]["deviceAuth"] = {"deviceSignature": message, "deviceMac": message}


def _without_device(valid: Presented, _: Choice) -> bytes:
    return dump(cbor2.loads(valid.issued.data))


def _foreign_chain(now: int, name: str) -> bytes:
    made = mdoc_keys.certificate("DS", name, mdoc_keys.key("signer"), mdoc_keys.key(name))
    return der(made)[0]


def _twice(stated: bytes, choice: Choice) -> bytes:
    pairs = list(cbor2.loads(stated).items())
    return dump(Pairs([*pairs, choice.of(*pairs)]))


BY_ANYBODY: Final[tuple[Mutation, ...]] = (
    keyless("a bit of the issuer's signature", R.SIGNATURE_INVALID, in_auth(3, lambda s, c: c.flipped(s)), step="V3"),
    keyless("a bit of the MSO", R.SIGNATURE_INVALID, in_auth(2, lambda s, c: c.flipped(s)), step="V3"),
    keyless("a bit of the device's proof", R.SIGNATURE_INVALID, in_device(3, lambda s, c: c.flipped(s)), step="V8"),
    keyless("the issuer's signature, longer or shorter", R.SIGNATURE_MALFORMED, in_auth(3, _resized), step="V3"),
    keyless("the device's proof, longer or shorter", R.SIGNATURE_MALFORMED, in_device(3, _resized), step="V8"),
    keyless("cut off", R.MALFORMED_CBOR, lambda v, c: v.data[: c.below(len(v.data))], step="V1"),
    keyless(
        "something behind the end",
        R.MALFORMED_CBOR,
        lambda v, c: v.data + c.of(b"\0", b"\xf6", b"\xff", v.data),
        step="V1",
    ),
    keyless("of indefinite length", R.MALFORMED_CBOR, lambda v, c: indefinite(v.data), step="V1"),
    keyless("under a tag", R.MALFORMED_CBOR, lambda v, c: c.of(b"\xc6", b"\xd9\xd9\xf7") + v.data, step="V1"),
    keyless("another version", R.VERSION_UNSUPPORTED, answered(version=("2.0", "0.9")), step="V1"),
    keyless("no version", R.MALFORMED_TOKEN, answered(version=ABSENT), step="V1"),
    keyless("a status that says no", R.RESPONSE_NOT_OK, answered(status=(10, 11, 12, 20)), step="V1"),
    keyless("no document", R.MALFORMED_TOKEN, answered(documents=([], ABSENT)), step="V1"),
    keyless("two documents", R.LIMIT_EXCEEDED, answered(documents=["twice"]), step="V1"),
    keyless("a value changed", R.DIGEST_MISMATCH, one_item(_changed_value), step="V4"),
    keyless("another digestID", R.DISCLOSURE_UNREFERENCED, one_item(_other_number), step="V4"),
    keyless(
        "an item of indefinite length", R.MALFORMED_CBOR, one_item(lambda s, c: embedded(indefinite(s))), step="V4"
    ),
    keyless("an item twice", R.DISCLOSURE_DUPLICATE, inside(_doubled), step="V4"),
    keyless("items in another namespace", R.DISCLOSURE_UNREFERENCED, inside(_moved), step="V4"),
    keyless("a foreign item", R.DISCLOSURE_UNREFERENCED, inside(_foreign), step="V4"),
    keyless("an item without its tag", R.MALFORMED_TOKEN, inside(_bare), step="V1"),
    keyless("a namespace without items", R.MALFORMED_TOKEN, inside(_emptied), step="V1"),
    keyless(
        "another docType outside of the signature",
        R.TYPE_NOT_ALLOWED,
        inside(lambda d, c: d.update(docType=c.of(PID, "org.example.other"))),
        step="V5",
    ),
    keyless("no docType", R.MALFORMED_TOKEN, inside(lambda d, c: d.pop("docType") and None), step="V1"),
    keyless("no deviceSigned", R.KEY_BINDING_MISSING, _without_device, step="V7"),
    keyless("both a signature and a MAC", R.MALFORMED_TOKEN, inside(_two_proofs), step="V1"),
    keyless("the device states what nobody authorised", R.DEVICE_ELEMENT_NOT_AUTHORIZED, inside(_stating), step="V7"),
    keyless("replayed: it answered another nonce", R.SIGNATURE_INVALID, replayed_nonce, step="V8"),
    keyless("relayed: it was for another audience", R.SIGNATURE_INVALID, replayed_audience, step="V8"),
    keyless("the device's proof of another nonce", R.SIGNATURE_INVALID, _spliced(audience=False), step="V8"),
    keyless("the device's proof for another audience", R.SIGNATURE_INVALID, _spliced(audience=True), step="V8"),
    keyless(
        "a payload that is another",
        R.SIGNATURE_INVALID,
        in_device(2, lambda s, c: c.of(b"x", b"\xd8\x18\x41\xa0")),
        step="V7",
    ),
    keyless(
        "an algorithm that is none",
        R.ALGORITHM_NOT_ALLOWED,
        in_auth(0, header({1: ("ES256", -65535, 5, None, ABSENT, -7.0)})),
        step="V1",
    ),
    keyless(
        "an algorithm of the device that is none",
        R.ALGORITHM_NOT_ALLOWED,
        in_device(0, header({1: ("ES256", -65535, None, ABSENT)})),
        step="V1",
    ),
    keyless(
        "another algorithm of the list",
        R.ALGORITHM_MISMATCH,
        in_auth(0, lambda h, c: dump({1: c.of(*({-7, -35, -36, -8} - {cbor2.loads(h)[1]}))})),
        step="V3",
    ),
    keyless(
        "a certificate of another root",
        R.CERTIFICATE_UNTRUSTED,
        in_auth(1, lambda h, c: {33: _foreign_chain(0, "another IACA")}),
        step="V2",
    ),
    keyless(
        "a certificate that is none",
        R.CERTIFICATE_INVALID,
        in_auth(1, lambda h, c: {33: c.of(b"x", b"\x30\x00", h[33][:-1], h[33] + b"\0")}),
        step="V2",
    ),
    keyless("a chain that is too long", R.LIMIT_EXCEEDED, in_auth(1, lambda h, c: {33: [h[33]] * (4 + c.below(3))})),
    keyless("no certificate", R.HEADER_INVALID, in_auth(1, lambda h, c: {}), step="V1"),
    keyless(
        "where to get a certificate", R.HEADER_FORBIDDEN, in_auth(0, header({35: "https://evil.example"})), step="V1"
    ),
    keyless("an extension that is critical", R.CRIT_UNSUPPORTED, in_auth(0, header({2: ([1], [], [99])})), step="V1"),
    keyless(
        "a header written longer than need be",
        R.SIGNATURE_INVALID,
        in_auth(0, lambda h, c: with_long_head(h)),
        step="V3",
    ),
    keyless("a member of the header twice", R.DUPLICATE_MEMBER, in_auth(0, _twice), step="V1"),
    keyless("a label in both headers", R.HEADER_INVALID, in_auth(1, header({1: -7})), step="V1"),
)
