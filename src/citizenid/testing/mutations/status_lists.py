"""Mutations of status lists as they are fetched: by anybody on the way, and by whoever signs them.

Spec: Token Status List sections 4, 5, 8.3 and 11; ISO/IEC 18013-5 second edition 12.3.6.4;
specs/profile-status-list.md.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import Limits, Reason
from ...status import StatusStore
from ..forge.cbor import dump as dump_cbor
from ..forge.parts import ABSENT, base64url, key, segment, unbase64url
from ..strategies.status_lists import PublishedList
from ..strategies.values import DAY
from ._bitstrings import BITSTRINGS
from ._frame import Choice, Edit, Mutation, keyless, row
from ._lists import Parts, Sent, kept, of, signed, states
from ._text import of_another_alphabet, padded, with_spare_bits

R: Final = Reason


def judged(valid: PublishedList) -> Callable[[Any], object]:
    """Return what takes a response in, into a new store, or into one that holds the valid list."""

    def judge(data: Any) -> StatusStore:
        sent = data if isinstance(data, Sent) else Sent(data)
        if not sent.after:
            return valid.ingest(sent.body, media_type=sent.media_type)
        store = valid.ingest()
        store.ingest(valid.uri, sent.body, media_type=valid.media_type, now=valid.now)
        return store

    return judge


def listed(edit: Callable[[dict[str, Any], Choice], None]) -> Edit:
    """Edit the list inside of a Status List Token."""

    def apply(parts: Parts, choice: Choice) -> None:
        member = parts.claims["status_list" if parts.jose else 65533]
        edit(member, choice)

    return signed(apply)


def packed(edit: Callable[[bytes, Choice], bytes]) -> Edit:
    """Edit the compressed list of a Status List Token."""

    def apply(parts: Parts, choice: Choice) -> None:
        member = parts.claims["status_list" if parts.jose else 65533]
        before = unbase64url(member["lst"]) if parts.jose else member["lst"]
        made = edit(before, choice)
        member["lst"] = base64url(made).decode() if parts.jose else made

    return signed(apply)


# --- by anybody ---


def _segment(place: int, edit: Callable[[bytes, Choice], bytes | None]) -> Edit:
    def apply(valid: PublishedList, choice: Choice) -> Any:
        segments = valid.data.split(b".")
        edited = edit(segments[place], choice)
        if edited is None:
            return None
        segments[place] = edited
        return Sent(b".".join(segments))

    return apply


def _raw(edit: Callable[[bytes, Choice], bytes]) -> Callable[[bytes, Choice], bytes]:
    return lambda text, choice: base64url(edit(unbase64url(text), choice))


def _header(members: Mapping[str, Any]) -> Callable[[bytes, Choice], bytes]:
    def edit(text: bytes, choice: Choice) -> bytes:
        chosen = {name: choice.of(*value) if isinstance(value, tuple) else value for name, value in members.items()}
        return segment(kept({**json.loads(unbase64url(text)), **chosen}))

    return edit


def _message(edit: Callable[[list[Any], Choice], None]) -> Edit:
    def apply(valid: PublishedList, choice: Choice) -> Sent:
        message = list(cbor2.loads(valid.data).value)
        edit(message, choice)
        return Sent(dump_cbor(CBORTag(18, message)))

    return apply


def _flipped(place: int) -> Callable[[list[Any], Choice], None]:
    def edit(message: list[Any], choice: Choice) -> None:
        message[place] = choice.flipped(message[place])

    return edit


def _resized(message: list[Any], choice: Choice) -> None:
    message[3] = choice.of(message[3][:-1], message[3] + b"\0", b"")


def _headed(members: Mapping[int, Any]) -> Callable[[list[Any], Choice], None]:
    def edit(message: list[Any], choice: Choice) -> None:
        chosen = {name: choice.of(*value) if isinstance(value, tuple) else value for name, value in members.items()}
        message[0] = dump_cbor(kept({**cbor2.loads(message[0]), **chosen}))

    return edit


def _as(*media_types: str) -> Edit:
    return lambda valid, choice: Sent(valid.data, choice.of(*media_types))


_ANYWHERE: Final = (
    keyless(
        "another media type",
        R.STATUS_MEDIA_TYPE,
        _as("application/json", "application/statuslist", "", "text/html; type=application/statuslist+jwt"),
        step="status",
    ),
    keyless(
        "a list of another URI",
        R.STATUS_SUBJECT_MISMATCH,
        states(sub=of("https://id.example/status/another", "https://id.example/status")),
        step="status",
    ),
)

_JOSE: Final = (
    keyless("a bit of the signature", R.SIGNATURE_INVALID, _segment(2, _raw(lambda s, c: c.flipped(s))), step="status"),
    keyless("a bit of the payload", R.SIGNATURE_INVALID, _segment(1, _raw(lambda s, c: c.flipped(s))), step="status"),
    keyless(
        "the signature, longer or shorter",
        R.SIGNATURE_MALFORMED,
        _segment(2, _raw(lambda s, c: c.of(s[:-1], s + b"\0"))),
        step="status",
    ),
    keyless("cut off", R.MALFORMED_TOKEN, lambda v, c: Sent(v.data[: c.below(v.data.rindex(b"."))]), step="status"),
    keyless(
        "something behind the end",
        R.MALFORMED_BASE64,
        lambda v, c: Sent(v.data + c.of(b"=", b"\n", b" ")),
        step="status",
    ),
    keyless("a segment, padded", R.MALFORMED_BASE64, lambda v, c: _segment(c.below(3), padded)(v, c), step="status"),
    keyless(
        "a character of another alphabet",
        R.MALFORMED_BASE64,
        lambda v, c: _segment(c.below(3), of_another_alphabet)(v, c),
        step="status",
    ),
    keyless(
        "spare bits set", R.MALFORMED_BASE64, lambda v, c: _segment(c.below(3), with_spare_bits)(v, c), step="status"
    ),
    keyless(
        "alg none", R.ALGORITHM_NOT_ALLOWED, _segment(0, _header({"alg": ("none", "HS256", None, "")})), step="status"
    ),
    keyless(
        "another algorithm of the list",
        R.ALGORITHM_MISMATCH,
        _segment(0, _header({"alg": ("ES384", "EdDSA", "ML-DSA-44")})),
        step="status",
    ),
    keyless("another kid", R.KEY_UNKNOWN, _segment(0, _header({"kid": ("s2", "S1")})), step="V2"),
    keyless("a key in the header", R.HEADER_FORBIDDEN, _segment(0, _header({"jwk": {}})), step="status"),
    keyless(
        "an extension that is critical",
        R.CRIT_UNSUPPORTED,
        _segment(0, _header({"crit": (["exp"], [])})),
        step="status",
    ),
)

_COSE: Final = (
    keyless("a bit of the signature", R.SIGNATURE_INVALID, _message(_flipped(3)), step="status"),
    keyless("a bit of the payload", R.SIGNATURE_INVALID, _message(_flipped(2)), step="status"),
    keyless("the signature, longer or shorter", R.SIGNATURE_MALFORMED, _message(_resized), step="status"),
    keyless("cut off", R.MALFORMED_CBOR, lambda v, c: Sent(v.data[: c.below(len(v.data))]), step="status"),
    keyless(
        "something behind the end",
        R.MALFORMED_CBOR,
        lambda v, c: Sent(v.data + c.of(b"\0", b"\xf6", v.data)),
        step="status",
    ),
    keyless(
        "an algorithm that is none",
        R.ALGORITHM_NOT_ALLOWED,
        _message(_headed({1: ("ES256", 5, None, ABSENT)})),
        step="status",
    ),
    keyless(
        "another algorithm of the list", R.ALGORITHM_MISMATCH, _message(_headed({1: (-51, -19, -48)})), step="status"
    ),
    keyless("an extension that is critical", R.CRIT_UNSUPPORTED, _message(_headed({2: ([1], [])})), step="status"),
)


# --- by whoever signs ---


def _another_key(parts: Parts, choice: Choice) -> None:
    parts.signer = key(choice.of("issuer", "holder", "another status"))


def _another_typ(parts: Parts, choice: Choice) -> None:
    typ = choice.of("JWT", "dc+sd-jwt", ABSENT) if parts.jose else choice.of("application/x", 61, ABSENT)
    parts.header[parts.name("typ")] = typ


_BY_THE_SIGNER: Final = (
    row("signed by another key", R.SIGNATURE_INVALID, signed(_another_key), step="status"),
    row("another typ", R.TYP_MISMATCH, signed(_another_typ), step="status"),
    row(
        "issued in the future",
        R.STATUS_LIST_IN_FUTURE,
        states(iat=lambda n, c: n + 31 + c.below(DAY), exp=lambda n, c: n + 3 * DAY),
        step="status",
    ),
    row(
        "too old for a store that knows none",
        R.STATUS_LIST_TOO_OLD,
        states(iat=lambda n, c: n - DAY - 1 - c.below(DAY)),
        step="status",
    ),
    row(
        "older than the one that is held",
        R.STATUS_LIST_ROLLBACK,
        states(after=True, iat=lambda n, c: n - 601 - c.below(DAY)),
        step="status",
    ),
)

_OF_TOKENS: Final = (  # a bitstring has its times and its subject elsewhere
    *_BY_THE_SIGNER,
    *_ANYWHERE,
    row("past its end", R.STATUS_LIST_EXPIRED, states(exp=lambda n, c: n - c.below(DAY)), step="status"),
    row("no iat", R.CLAIM_MISSING, states(iat=ABSENT), step="status"),
    row("a time that is none", R.CLAIM_INVALID, states(exp=of("1900000000", 1.5, True, -1, None)), step="status"),
    row("a ttl that is none", R.CLAIM_INVALID, states(ttl=of(0, -1, "60", 1.5, True)), step="status"),
    row(
        "of another issuer",
        R.ISSUER_MISMATCH,
        states(iss=of("https://other.example", "https://id.example/")),
        step="V5",
    ),
)


def _otherwise(parts: Parts, choice: Choice) -> None:
    member = parts.claims["status_list" if parts.jose else 65533]
    before = zlib.decompress(unbase64url(member["lst"]) if parts.jose else member["lst"])
    made = zlib.compress(choice.flipped(before))
    member["lst"] = base64url(made).decode() if parts.jose else made


@cache
def _bomb() -> bytes:
    compressor = zlib.compressobj(9)
    blocks = [compressor.compress(bytes(2**20)) for _ in range(Limits().status_list_inflated_bytes // 2**20)]
    return b"".join([*blocks, compressor.compress(b"\0"), compressor.flush()])


def _set(member: dict[str, Any], name: str, value: Any) -> None:
    member[name] = value


_OF_LISTS: Final = (
    row(
        "bits that are none",
        R.STATUS_LIST_MALFORMED,
        listed(lambda m, c: _set(m, "bits", c.of(0, 3, 16, "1", True, None, -1, 1.0))),
        step="status",
    ),
    row("a list cut short", R.STATUS_LIST_MALFORMED, packed(lambda p, c: p[: c.below(len(p))]), step="status"),
    row(
        "a list with something behind it",
        R.STATUS_LIST_MALFORMED,
        packed(lambda p, c: p + c.of(b"\0", p)),
        step="status",
    ),
    row(
        "a list that is not compressed",
        R.STATUS_LIST_MALFORMED,
        packed(lambda p, c: c.of(b"\0" * 8, b"x", zlib.decompress(p))),
        step="status",
    ),
    row("another list of the same second", R.STATUS_LIST_CONFLICT, signed(_otherwise, after=True), step="status"),
    row("a list that is a bomb", R.INPUT_TOO_LARGE, packed(lambda p, c: _bomb()), step="status"),
)


def _no_identifiers(parts: Parts, choice: Choice) -> None:
    parts.claims[65530] = choice.of({}, {"identifiers": []}, {"identifiers": {1: {}}}, {"identifiers": {b"": {}}}, 1)


def _both_lists(parts: Parts, _: Choice) -> None:
    parts.claims[65533] = {"bits": 1, "lst": zlib.compress(bytes(8))}


_OF_IDENTIFIERS: Final = (
    row("identifiers that are none", R.STATUS_LIST_MALFORMED, signed(_no_identifiers), step="status"),
    row("a status list beside the identifiers", R.STATUS_LIST_MALFORMED, signed(_both_lists), step="status"),
)

_OF_BITSTRINGS: Final = (_ANYWHERE[0], *BITSTRINGS)

TABLES: Final[Mapping[str, tuple[Mutation, ...]]] = MappingProxyType(
    {
        "jwt": (*_JOSE, *_OF_TOKENS, *_OF_LISTS),
        "cwt": (*_COSE, *_OF_TOKENS, *_OF_LISTS),
        "identifier": (*_COSE, *_OF_TOKENS, *_OF_IDENTIFIERS),
        "bitstring": (*_JOSE, *_BY_THE_SIGNER, *_OF_BITSTRINGS),
    }
)
