"""Mutations of SD-CWT presentations, by anybody on the way: nothing is signed anew.

Spec: draft-ietf-spice-sd-cwt; RFC 9052 section 3; specs/verification.md V1 to V9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import cbor2
from cbor2 import CBORTag

from ... import Reason
from ..forge.cbor import Pairs, dump
from ..forge.parts import (
    ABSENT,
)
from ..forge.sd_cwt import ALGORITHMS, digest, disclosure, salt
from ..strategies.presentations import Presented
from ._frame import Choice, Edit, Mutation, keyless
from ._replays import elsewhere, replayed_audience, replayed_nonce
from ._text import indefinite, with_long_head
from .sd_cwt_parts import Parts, kept, of

R: Final = Reason


def inside(edit: Callable[[list[Any], Choice], Any]) -> Edit:
    """Edit the array of the SD-CWT, as whoever is on the way can: nothing is signed anew."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        outer = list(cbor2.loads(valid.data).value)
        header = cbor2.loads(outer[0])
        inner = list(header[13].value)
        if edit(inner, choice) is False:
            return None
        header[13] = CBORTag(18, inner)
        return dump(CBORTag(18, [dump(header), *outer[1:]]))

    return apply


def outside(edit: Callable[[list[Any], Choice], Any]) -> Edit:
    """Edit the array of the SD-KBT."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        outer = list(cbor2.loads(valid.data).value)
        return None if edit(outer, choice) is False else dump(CBORTag(18, outer))

    return apply


def _flipped(place: int) -> Callable[[list[Any], Choice], None]:
    def edit(message: list[Any], choice: Choice) -> None:
        message[place] = choice.flipped(message[place])

    return edit


def _resized(message: list[Any], choice: Choice) -> None:
    message[3] = choice.of(message[3][:-1], message[3] + b"\0", b"", message[3] * 2)


def _shown(edit: Callable[[list[bytes], Choice], list[bytes] | None]) -> Edit:
    def apply(message: list[Any], choice: Choice) -> bool | None:
        edited = edit(list(message[1].get(17, [])), choice)
        if edited is None:
            return False
        message[1] = {**message[1], 17: edited}
        if not edited:
            del message[1][17]
        return None

    return inside(apply)


def _dropped(*, parent: bool) -> Edit:
    """Leave a disclosure out in which another stands that is shown, or in which none does."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        name = Parts(valid).hash

        def edit(shown: list[bytes], choice: Choice) -> list[bytes] | None:
            digests = [digest(each, name) for each in shown]
            among = [each for each in shown if any(inner in each for inner in digests) is parent]
            return [each for each in shown if each is not chosen] if among and (chosen := choice.of(*among)) else None

        return cast("bytes | None", _shown(edit)(valid, choice))

    return apply


def _rewritten(shown: list[bytes], choice: Choice) -> list[bytes] | None:
    if not shown:
        return None
    place = choice.below(len(shown))
    return [*shown[:place], indefinite(shown[place]), *shown[place + 1 :]]


def _headed(members: dict[Any, Any], place: int = 0) -> Callable[[list[Any], Choice], None]:
    def edit(message: list[Any], choice: Choice) -> None:
        stated = dict(message[place]) if place else cbor2.loads(message[place])
        stated |= {name: value(0, choice) if callable(value) else value for name, value in members.items()}
        message[place] = kept(stated) if place else dump(kept(stated))

    return edit


def _other_algorithm(message: list[Any], choice: Choice) -> None:
    stated = cbor2.loads(message[0])
    others = [number for number in ALGORITHMS.values() if number != stated[1]]
    message[0] = dump({**stated, 1: choice.of(*others)})


def _twice(message: list[Any], choice: Choice) -> None:
    pairs = list(cbor2.loads(message[0]).items())
    message[0] = dump(Pairs([*pairs, choice.of(*pairs)]))


def _lengthened(message: list[Any], _: Choice) -> None:
    message[0] = with_long_head(message[0])


def _unbound(valid: Presented, _: Choice) -> bytes:
    header = cbor2.loads(cbor2.loads(valid.data).value[0])
    return dump(header[13])


def _holder_of(valid: Presented, choice: Choice) -> bytes:
    """The SD-KBT of another nonce around this SD-CWT: its signature is over its own header."""
    other = list(cbor2.loads(elsewhere(valid, choice, audience=False).data).value)
    return dump(CBORTag(18, [cbor2.loads(valid.data).value[0], *other[1:]]))


_FOREIGN: Final = (disclosure(salt(1), ["US"], "nationalities"), disclosure(salt(2), ["US"], "x"))

BY_ANYBODY: Final[tuple[Mutation, ...]] = (
    keyless("a bit of the issuer's signature", R.SIGNATURE_INVALID, inside(_flipped(3)), step="V3"),
    keyless("a bit of the payload", R.SIGNATURE_INVALID, inside(_flipped(2)), step="V3"),
    keyless("a bit of the holder's signature", R.SIGNATURE_INVALID, outside(_flipped(3)), step="V8"),
    keyless("the issuer's signature, longer or shorter", R.SIGNATURE_MALFORMED, inside(_resized), step="V3"),
    keyless("the holder's signature, longer or shorter", R.SIGNATURE_MALFORMED, outside(_resized), step="V8"),
    keyless("cut off", R.MALFORMED_CBOR, lambda v, c: v.data[: c.below(len(v.data))], step="V1"),
    keyless(
        "something behind the end",
        R.MALFORMED_CBOR,
        lambda v, c: v.data + c.of(b"\0", b"\xf6", b"\xff", v.data),
        step="V1",
    ),
    keyless("without its tag", R.MALFORMED_TOKEN, lambda v, c: v.data[1:], step="V1"),
    keyless(
        "under another tag",
        R.MALFORMED_CBOR,
        lambda v, c: c.of(b"\xd1", b"\xc6", b"\xd8\x3d\xd2") + v.data[1:],
        step="V1",
    ),
    keyless("of indefinite length", R.MALFORMED_CBOR, lambda v, c: b"\xd2" + indefinite(v.data[1:]), step="V1"),
    keyless(
        "a header of indefinite length",
        R.MALFORMED_CBOR,
        lambda v, c: c.of(inside, outside)(lambda m, c: _set(m, 0, indefinite(m[0])))(v, c),
        step="V1",
    ),
    keyless("no SD-KBT", R.KEY_BINDING_MISSING, _unbound, step="V7"),
    keyless("a disclosure left out", R.SIGNATURE_INVALID, _dropped(parent=False), step="V8"),
    keyless("a disclosure left out that holds another", R.DISCLOSURE_UNREFERENCED, _dropped(parent=True), step="V4"),
    keyless("every disclosure left out", R.SIGNATURE_INVALID, _shown(lambda d, c: [] if d else None), step="V8"),
    keyless(
        "a disclosure twice", R.DISCLOSURE_DUPLICATE, _shown(lambda d, c: [*d, c.of(*d)] if d else None), step="V4"
    ),
    keyless(
        "disclosures in another order",
        R.SIGNATURE_INVALID,
        _shown(lambda d, c: d[::-1] if len(d) > 1 else None),
        step="V8",
    ),
    keyless("a foreign disclosure", R.DISCLOSURE_UNREFERENCED, _shown(lambda d, c: [*d, c.of(*_FOREIGN)]), step="V4"),
    keyless("a disclosure of indefinite length", R.MALFORMED_CBOR, _shown(_rewritten), step="V4"),
    keyless(
        "disclosures that are none",
        R.HEADER_INVALID,
        inside(_headed({17: of([], [1], "x", b"x", None, [[b"x"]])}, 1)),
        step="V1",
    ),
    keyless("replayed: it answered another nonce", R.NONCE_MISMATCH, replayed_nonce, step="V7"),
    keyless("relayed: it was for another audience", R.AUDIENCE_MISMATCH, replayed_audience, step="V7"),
    keyless("the claims of another key binding", R.NONCE_MISMATCH, _holder_of, step="V7"),
    keyless(
        "an algorithm that is none",
        R.ALGORITHM_NOT_ALLOWED,
        inside(_headed({1: of("ES256", -65535, 5, None, -9.0, ABSENT)})),
        step="V1",
    ),
    keyless("another algorithm of the list", R.ALGORITHM_MISMATCH, inside(_other_algorithm), step="V3"),
    keyless("another algorithm of the list for the holder", R.ALGORITHM_MISMATCH, outside(_other_algorithm), step="V8"),
    keyless("another kid", R.KEY_UNKNOWN, inside(_headed({4: of(b"k2", b"K1", b"k1 ")})), step="V2"),
    keyless("a kid that is no bytes", R.HEADER_INVALID, inside(_headed({4: of("k1", 1, None, b"k" * 256)})), step="V1"),
    keyless("where to get a key", R.HEADER_FORBIDDEN, inside(_headed({35: "https://evil.example"})), step="V1"),
    keyless("an extension that is critical", R.CRIT_UNSUPPORTED, inside(_headed({2: of([1], [], [99])})), step="V1"),
    keyless("a label in both headers", R.HEADER_INVALID, inside(_headed({4: b"k1"}, 1)), step="V1"),
    keyless("a header written longer than need be", R.SIGNATURE_INVALID, inside(_lengthened), step="V3"),
    keyless("a member of the header twice", R.DUPLICATE_MEMBER, inside(_twice), step="V1"),
    keyless("claims where nobody signs them", R.HEADER_INVALID, inside(_headed({15: {1: "x"}}, 1)), step="V1"),
    keyless("an encrypted disclosure", R.DISCLOSURE_ENCRYPTED, inside(_headed({171: [b"x"]}, 1)), step="V1"),
    keyless(
        "another typ",
        R.SIGNATURE_INVALID,
        inside(_headed({16: of("application/x", 61, "application/sd-cwt")})),
        step="V3",
    ),
    keyless(
        "another typ of the SD-KBT", R.TYP_MISMATCH, outside(_headed({16: of("application/x", 61, ABSENT)})), step="V1"
    ),
)


def _set(message: list[Any], place: int, value: Any) -> None:
    message[place] = value
