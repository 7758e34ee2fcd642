"""Attacks on the status of a credential: where it stands, what a list says there, and what a list is made of.

Spec: Token Status List sections 4, 6, 7.1, 11; specs/verification.md V9; specs/profile-status-list.md.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from ... import Limits, NeedStatusList, Reason, TrustAnchors
from ...status import Status, StatusList, StatusPublisher, StatusStore
from ..attacks import Group, attack
from ..forge import mdoc as _mdoc
from ..forge import sd_cwt as _sd_cwt
from ..forge import sd_jwt as _sd_jwt
from ..forge.cbor import date_time
from ..forge.parts import (
    ABSENT,
    NOW,
    OTHER_INDEX,
    STATUS_SIZE,
    STATUS_URI,
    VALID_INDEX,
    base64url,
    key,
    unbase64url,
)
from ..forge.status_lists import IDENTIFIER_MEDIA_TYPE, status_claim, status_token, zero_bomb
from ..forgery import Outcome, called
from ..targets import Party
from ..trials import Trial, accepted, asked, expect, fails, holds, mdoc, of_type, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._bitstrings import entries_of_another_type, revoked_by_a_bit, unavailable_bits, unknown_entries
from ._counting import held
from ._further_lists import listed_identifiers
from ._status_tokens import ATTACKS
from ._statuses import CWT, at, declines, ingested, later, stating, status_cwt, takes

_DAY: Final = 86_400
_UNKNOWN: Final = Reason.STATUS_MECHANISM_UNKNOWN
_OUT: Final = Reason.STATUS_INDEX_OUT_OF_RANGE
_MALFORMED: Final = Reason.STATUS_LIST_MALFORMED
# Token Status List sections 4.1 and 4.2: what the two lists of the examples say, their bytes, and their `lst`.
_EXAMPLES: Final = (
    (1, (1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1), "b9a3", "eNrbuRgAAhcBXQ"),
    (2, (1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3), "c944f9", "eNo76fITAAPfAgc"),
)


@attack("STA-014", "STATUS_UNAVAILABLE")
def no_status() -> Iterator[Trial]:
    """A status is asked for, and the credential names none."""
    missing = Reason.STATUS_MISSING
    for over, name in ((0, "a day"), (1, "a second more than a day")):
        ends = NOW - 60 + _DAY + over
        shown = {
            "SD-JWT VC": jwt(payload={"status": ABSENT, "exp": ends}),
            "SD-CWT": sd_cwt(claims={65535: ABSENT, 4: ends}),
            "mdoc": mdoc(validity={"validUntil": date_time(ends - 1)}),  # which still counts
        }
        for format, forgery in shown.items():
            tried = f"{format} of {name}"
            yield refused(tried, missing, forgery, step="V9") if over else accepted(tried, forgery)
    windows: dict[str, dict[str, Any]] = {
        "thirty days": {},
        "its last minute": {"iat": NOW - 2 * _DAY, "exp": NOW + 60},
        "it began long after it was issued": {"iat": NOW - 2 * _DAY, "nbf": NOW - 60, "exp": NOW + 60},
        "it began long before it was issued": {"nbf": NOW - 2 * _DAY, "exp": NOW + 60},
        "it does not say when it was issued": {"iat": ABSENT, "exp": NOW + 60},
    }
    for name, changes in windows.items():
        yield refused(name, missing, jwt(payload={"status": ABSENT, **changes}), step="V9")
    # Who may choose whether it is shown could have been given it long ago.
    text = _sd_jwt.disclosure("salt", "iat", NOW - 60)
    hidden = {"status": ABSENT, "exp": NOW + 60, "iat": ABSENT, "_sd": [_sd_jwt.digest(text)]}
    told = jwt(payload=hidden, disclosures=[text])
    yield refused("it says by a disclosure when it was issued", missing, told, step="V9")
    for anchors, forgery in (
        (_sd_jwt.anchors(), jwt(payload={"status": ABSENT, "exp": NOW + 60})),
        (_sd_cwt.anchors(), sd_cwt(claims={65535: ABSENT, 4: NOW + 60})),
        (_mdoc.anchors(), mdoc()),
    ):
        always = anchors.requiring_status()
        yield accepted(f"a short {forgery.format.value}", forgery)
        yield refused(f"a short {forgery.format.value}, and the operator asks", missing, forgery, anchors=always)


@attack("STA-015", "STATUS_UNAVAILABLE")
def no_list() -> Iterator[Trial]:
    """The list that the credential names is not at hand."""
    away = Reason.STATUS_LIST_UNAVAILABLE
    elsewhere = at(VALID_INDEX, "https://id.example/status/never-fetched")
    for format, forgery in at(VALID_INDEX).items():
        yield accepted(f"{format}, at hand", forgery)
        yield refused(f"{format}, another list", away, elsewhere[format])
        yield refused(f"{format}, no list", away, forgery, statuses=_empty())

    def without(party: Party) -> Outcome:
        answer = party.apply()
        party.world.statuses.reload(anchors=TrustAnchors())
        return party.use(json.loads(answer.body)["ticket"])

    yield asked("a ticket, and the trust in the signer has ended", away, without)
    yield holds("it is a need, and no word on the credential", _need_is_none)
    yield from unavailable_bits()


def _empty() -> StatusStore:
    return StatusStore(anchors=TrustAnchors())


def _need_is_none() -> None:
    need = _sd_jwt.verify(_sd_jwt.make(), statuses=_empty())
    expect(type(need) is NeedStatusList, "no list is no need")
    fails(partial(bool, need), "a need is true or false", TypeError)


@attack("STA-016", "STATUS_UNAVAILABLE")
def unknown_mechanism() -> Iterator[Trial]:
    """The status is kept by a mechanism that nobody here understands, alone or beside a known one."""
    known = status_claim(VALID_INDEX)
    for name, status in {
        "alone": {"other": {"id": 1}},
        "beside a list": {**known, "other": {}},
        "null beside a list": {**known, "other": None},
        "without a name": {**known, "": {}},
        "a list in capitals": {"Status_List": known["status_list"]},
        "its homograph": {"status_l\u0456st": known["status_list"]},
        "a number": {**known, "65533": {}},
    }.items():
        for format, forgery in stating(status).items():
            yield refused(f"{format}, {name}", _UNKNOWN, forgery, step="V4")
    short = {"status": {"other": {}}, "exp": NOW + 60}
    yield refused("a credential too short to need one", _UNKNOWN, jwt(payload=short))
    for format, forgery in at(VALID_INDEX, more=1).items():
        yield accepted(f"{format}, a further member of the reference", forgery)
    yield from unknown_entries()


@attack("STA-018", "STATUS_INDEX")
def beyond_the_list() -> Iterator[Trial]:
    """The index lies beyond the end of the list, or below its beginning."""
    for index in (0, STATUS_SIZE - 1):
        for format, forgery in at(index).items():
            yield accepted(f"{format}, {index} of {STATUS_SIZE}", forgery)
    for index in (STATUS_SIZE, STATUS_SIZE + 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1):
        for format, forgery in at(index).items():
            yield refused(f"{format}, {index} of {STATUS_SIZE}", _OUT, forgery, step="V9")
    for index in (-1, -STATUS_SIZE, 2**32, 2**63):
        for format, forgery in at(index).items():
            yield refused(f"{format}, {index}", Reason.CLAIM_INVALID, forgery, step="V4")
    for bits in (1, 2, 4, 8):
        listed = StatusList(bits, bytes(8))
        for index in (-1, -len(listed), len(listed)):
            yield raises(f"{index} of {len(listed)} values of {bits} bits", _OUT, partial(listed.__getitem__, index))
    shrunk = status_token({}, size=STATUS_SIZE // 2, payload={"iat": NOW - 5})
    yield asked("the list has shrunk", _OUT, later(0, shrunk, at(STATUS_SIZE - 1)["SD-JWT VC"]))

    def shrinks(party: Party) -> Outcome:
        answer = party.apply(at(STATUS_SIZE - 1)["SD-JWT VC"])
        ingested(shrunk, into=party.world.statuses)
        return party.use(json.loads(answer.body)["ticket"])

    yield asked("the list shrinks under a ticket", _OUT, shrinks)


@attack("STA-019", "CLAIM_TYPE")
def index_of_another_type() -> Iterator[Trial]:
    """The index, or the URI, is of a type that only looks like it."""
    invalid = Reason.CLAIM_INVALID
    seven = float(VALID_INDEX)
    for index in (True, False, None, seven, 7.5, "7", "", [VALID_INDEX], {"7": 7}):
        for format, forgery in at(index).items():
            yield refused(f"{format}, idx {index!r}", invalid, forgery, step="V4")
    for uri in (None, True, 0, "", [STATUS_URI], {"uri": STATUS_URI}):
        for format, forgery in at(VALID_INDEX, uri).items():
            yield refused(f"{format}, uri {uri!r}", invalid, forgery, step="V4")
    yield refused("no idx", invalid, jwt(payload={"status": {"status_list": {"uri": STATUS_URI}}}))
    yield refused("no uri", invalid, jwt(payload={"status": {"status_list": {"idx": VALID_INDEX}}}))
    for status in (None, True, 0, "", [], [status_claim(VALID_INDEX)], {}, {"status_list": [VALID_INDEX]}):
        for format, forgery in stating(status).items():
            yield refused(f"{format}, status {status!r}", invalid, forgery, step="V4")
    for name, spelt in {"7.0": b"7.0", "7e0": b"7e0", "-0": b"-0.0"}.items():
        yield refused(f"spelt {name}", invalid, jwt(payload=_payload(spelt)))
    yield accepted("spelt 7", jwt(payload=_payload(b"7")))
    yield from entries_of_another_type()


def _payload(index: bytes) -> bytes:
    claims = json.dumps({**_sd_jwt.good_payload(), "status": status_claim("INDEX")})
    return claims.encode().replace(b'"INDEX"', index)


@attack("STA-020", "STATUS_MALFORMED")
def another_width() -> Iterator[Trial]:
    """The list says that its values have a width which there is not."""
    for bits in (1, 2, 4, 8):
        yield takes(f"{bits}", status_token({VALID_INDEX: 1}, bits=bits))
        yield takes(f"{bits} as CWT", _cwt(bits), media_type=CWT)
    for wrong in (0, 3, 5, 7, 9, 16, 32, -1, -8, 2**64 - 1, "1", "", True, False, 1.0, None, [1], {"1": 1}):
        listed = _listed({"bits": wrong})
        yield declines(f"{wrong!r}", _MALFORMED, status_token(payload={"status_list": listed}))
        yield declines(f"{wrong!r} as CWT", _MALFORMED, _cwt(wrong), media_type=CWT)
    without = {"lst": _listed()["lst"]}
    yield declines("none", _MALFORMED, status_token(payload={"status_list": without}))
    doubled: dict[str, dict[int, Any]] = {
        CWT: {65530: {"identifiers": {}}},
        IDENTIFIER_MEDIA_TYPE: {65533: {"bits": 1, "lst": zlib.compress(bytes(8))}},
    }
    for kind, claims in doubled.items():
        both = status_cwt(claims, media_type=kind)
        yield declines(f"two lists in one, as {kind}", _MALFORMED, both, media_type=kind)
    wrong_maps: dict[str, Any] = {
        "no map": [b"x"], "a key of text": {"x": {}}, "a key of no bytes": {b"": {}}, "a long key": {bytes(65): {}},
        "what is no map": {b"x": 1},
    }  # fmt: skip
    for name, identifiers in wrong_maps.items():
        body = status_cwt({65530: {"identifiers": identifiers}}, media_type=IDENTIFIER_MEDIA_TYPE)
        yield declines(f"identifiers, {name}", _MALFORMED, body, media_type=IDENTIFIER_MEDIA_TYPE)
    others: tuple[Any, ...] = (None, [], "x", 7, True)
    for no_list_ in others:
        yield declines(f"the list is {no_list_!r}", _MALFORMED, status_token(payload={"status_list": no_list_}))


def _listed(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the `status_list` member of a good token."""
    return {"bits": 1, "lst": base64url(zlib.compress(bytes(8))).decode(), **(changes or {})}


def _cwt(bits: Any = 1, stream: bytes | None = None) -> bytes:
    return status_cwt({65533: {"bits": bits, "lst": zlib.compress(bytes(32)) if stream is None else stream}})


def _jwt(stream: bytes, **further: Any) -> bytes:
    listed = {"bits": 1, "lst": base64url(stream).decode(), **further}
    return status_token(payload={"iat": NOW - 5, "status_list": listed})


@attack("STA-022")
def order_of_bits() -> Iterator[Trial]:
    """The bits of a byte are read from the other end, or the neighbour's are read."""
    for bits, values, packed, text in _EXAMPLES:
        yield holds(f"the example of {bits} bits is read", partial(_reads, bits, values, packed, text))
    for bits in (1, 2, 4, 8):
        yield holds(f"each place of {bits} bits is its own", partial(_each_place, bits))
        yield holds(f"our publisher writes {bits} bits", partial(_publishes, bits))
    for index in (0, 7, 8, STATUS_SIZE - 1):
        body = status_token({index: 1}, bits=1, payload={"iat": NOW - 5})
        for near in {index - 1, index, index + 1} & set(range(STATUS_SIZE)):
            reason = Reason.REVOKED if near == index else None
            yield asked(f"{index} is revoked, {near} presents", reason, later(0, body, at(near)["SD-JWT VC"]))
    for index in range(4):
        body = status_token({index: 2}, bits=2, payload={"iat": NOW - 5})
        for near in range(4):
            reason = Reason.SUSPENDED if near == index else None
            yield asked(f"{index} is suspended, {near} presents", reason, later(0, body, at(near)["SD-JWT VC"]))
    yield from revoked_by_a_bit()
    yield from listed_identifiers()
    for format, forgery in at(OTHER_INDEX).items():
        yield refused(f"{format}, neither valid nor revoked", Reason.STATUS_NOT_VALID, forgery, step="V9")
    for value in (3, 4, 11, 15):
        body = status_token({VALID_INDEX: value}, payload={"iat": NOW - 5})
        yield asked(f"a value of {value}", Reason.STATUS_NOT_VALID, later(0, body))
        yield asked(f"a value of {value} under a ticket", Reason.STATUS_NOT_VALID, partial(_under_a_ticket, body))


def _under_a_ticket(body: bytes, party: Party) -> Outcome:
    ticket = party.ticket()
    ingested(body, into=party.world.statuses)
    return party.use(ticket)


def _reads(bits: int, values: tuple[int, ...], packed: str, text: str) -> None:
    found = StatusList.decompress(unbase64url(text), bits=bits, limit_bytes=64)
    expect(found.packed.hex() == packed, "the bytes of the example")
    expect(tuple(found.raw(index) for index in range(len(values))) == values, "the values of the example")
    expect(found == StatusList(bits, bytes.fromhex(packed)), "the list of the example")


def _each_place(bits: int) -> None:
    for index in range(16):
        body = status_token({index: 1}, bits=bits, size=16)
        store = ingested(body)
        said = [_said(store, place) for place in range(16)]
        expect(said == [Status.INVALID if place == index else Status.VALID for place in range(16)], f"place {index}")


def _said(store: StatusStore, index: int) -> object:
    return of_type(store.export().lists[0].statuses, StatusList)[index]


def _publishes(bits: int) -> None:
    publisher = StatusPublisher(uri=STATUS_URI, size=16, bits=bits)
    references = [publisher.allocate() for _ in range(16)]
    revoked = [each for each in references if each.index in (0, 7, 8)]
    for each in revoked:
        publisher.revoke(each)
    token = publisher.publish(key("status"), now=NOW, ttl_s=60, expires_s=600)
    listed = json.loads(unbase64url(token.split(b".")[1]))["status_list"]
    whole = int.from_bytes(zlib.decompress(unbase64url(listed["lst"])), "little")
    values = [whole >> place * bits & (1 << bits) - 1 for place in range(16)]
    expect(values == [int(place in (0, 7, 8)) for place in range(16)], "what the publisher has written")


@attack("STA-024", "LIMIT_EXCEEDED")
def bomb() -> Iterator[Trial]:
    """A small stream becomes more than the bound when it is inflated."""
    large = Reason.INPUT_TOO_LARGE
    a_mebibyte = Limits(status_list_inflated_bytes=2**20)
    eight, nine = Limits(status_list_inflated_bytes=2**23), zero_bomb(9)
    exact, over = zlib.compress(bytes(2**20)), zlib.compress(bytes(2**20 + 1))
    forms: tuple[tuple[str, Callable[[bytes], bytes], dict[str, Any]], ...] = (
        ("JWT", _jwt, {}),
        ("CWT", partial(_cwt, 1), {"media_type": CWT}),
    )
    for name, make, how in forms:
        yield takes(f"{name}, the bound", partial(make, exact), limits=a_mebibyte, **how)
        yield declines(f"{name}, a byte more", large, partial(make, over), limits=a_mebibyte, **how)
        yield declines(f"{name}, 9 MiB, and broken", large, partial(make, nine[:-4]), limits=eight, **how)
        yield declines(f"{name}, more than may come", large, lambda: b"A" * 8_388_609, **how)
    yield declines("100 MiB", large, lambda: _jwt(zero_bomb(100)))
    yield holds("no more than twice the bound is ever held", _inflates_within_bounds)


def _inflates_within_bounds() -> None:
    limit = 8 * 2**20
    inflate = partial(StatusList.decompress, zero_bomb(64), bits=1, limit_bytes=limit)
    expect(called(inflate).reason is Reason.INPUT_TOO_LARGE, "a bomb was inflated")
    peak = held(partial(called, inflate))
    expect(peak < 2 * limit, f"{peak} bytes for a bound of {limit}")


@attack("STA-025", "STATUS_MALFORMED")
def broken_stream() -> Iterator[Trial]:
    """The compressed list does not end, ends wrongly, or something follows."""
    good = zlib.compress(bytes(range(64)), 9)
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    gzip = zlib.compressobj(9, zlib.DEFLATED, 31)
    dictionary = zlib.compressobj(9, zdict=bytes(64))
    unfinished = zlib.compressobj(9)
    for name, stream in {
        "a byte follows": good + b"\0",
        "a line end follows": good + b"\n",
        "a second stream": good + good,
        "an empty second stream": good + zlib.compress(b""),
        "no checksum": good[:-4],
        "half a checksum": good[:-2],
        "another checksum": good[:-1] + bytes((good[-1] ^ 1,)),
        "cut in the middle": good[: len(good) // 2],
        "the header alone": good[:2],
        "a header with a wrong check": bytes((good[0], good[1] ^ 1)) + good[2:],
        "nothing": b"",
        "no compression": bytes(64),
        "deflate without a header": raw.compress(bytes(64)) + raw.flush(),
        "gzip": gzip.compress(bytes(64)) + gzip.flush(),
        "a dictionary nobody has": dictionary.compress(bytes(64)) + dictionary.flush(),
        "a flush in place of the end": unfinished.compress(bytes(64)) + unfinished.flush(zlib.Z_SYNC_FLUSH),
    }.items():
        yield declines(name, _MALFORMED, _jwt(stream))
        yield declines(f"{name}, as CWT", _MALFORMED, _cwt(1, stream), media_type=CWT)
    for name, stream in {"whole": good, "stored": zlib.compress(bytes(64), 0), "empty": zlib.compress(b"")}.items():
        yield takes(name, _jwt(stream))
        yield takes(f"{name}, as CWT", _cwt(1, stream), media_type=CWT)


@attack("STA-027", "STATUS_INDEX")
def promised_entries() -> Iterator[Trial]:
    """A short stream is said to hold entries that it does not have, or to hold another stream."""
    far = at(2**31 - 1)["SD-JWT VC"]
    last = at(8 * 8 - 1)["SD-JWT VC"]
    promising = _jwt(zlib.compress(bytes(8)), size=2**31, length=2**31, capacity=2**31)
    yield asked("what is promised is not there", _OUT, later(0, promising, far))
    yield asked("what is there is", None, later(0, promising, last))
    nested = _jwt(zlib.compress(zero_bomb(64)))
    yield asked("a bomb within is bytes as any", _OUT, later(0, nested, far))
    empty = _jwt(zlib.compress(b""))
    for format, forgery in at(0).items():
        yield refused(f"{format}, an empty list", _OUT, forgery, statuses=ingested(empty))
    yield refused("the bound of an index", _OUT, at(2**32 - 1)["SD-JWT VC"])


GROUP: Final = Group(
    "status list",
    "a status list counts for its URI, its issuer and its time alone, says exactly what its bits say, and whatever is "
    "missing, old, broken or beyond its bounds lets nobody through",
    (
        *ATTACKS,
        no_status,
        no_list,
        unknown_mechanism,
        beyond_the_list,
        index_of_another_type,
        another_width,
        order_of_bits,
        bomb,
        broken_stream,
        promised_entries,
    ),
)
