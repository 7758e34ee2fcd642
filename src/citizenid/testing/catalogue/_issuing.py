"""The cases of the group `api_misuse` about issuing: what is issued verifies, and what would not is not issued.

Spec: specs/invariants.md I-17, I-18; RFC 9901 section 9.3; Token Status List sections 13.2, 13.3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random
from typing import Any, Final

from ... import (
    Assurance,
    Attestation,
    Challenge,
    Citizenship,
    Country,
    Format,
    Reason,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Validity,
)
from ...holder import Credential
from ...issuer import Issuer, prepare_attestation
from ...status import StatusPublisher, StatusStore
from ...verifier import VerifiedPresentation, verify
from ..attacks import attack
from ..forge.parts import AUDIENCE, ISSUER, NONCE, NOW, STATUS_MEDIA_TYPE, STATUS_URI, VCT, key
from ..forge.status_lists import shared_statuses
from ..trials import Trial, expect, holds, of_type, raises
from ..world import DOC_TYPE, MDOC_ISSUER, anchors, issuing, status_anchors

_ELSEWHERE: Final = "org.example.person"
_SIZE: Final = 256
_TEXTS: Final = ("", "a", "\u00e9\U0001f600", "\0", '\\"', "~.", "_sd", "US", "x" * 300)
_NUMBERS: Final = (0, 1, -1, 23, 24, 2**32, 2**53 - 1, -(2**53) + 1)


@attack("API-008")
def what_is_issued_is_verified() -> Iterator[Trial]:
    """Whatever is issued, received, shown and verified says what was stated, in each format."""
    for format in Format:
        yield holds(str(format), partial(_round_trip, format))


def _round_trip(format: Format) -> None:
    """Issue many attestations, the same at each run, and compare what is verified."""
    source = Random(0)  # noqa: S311  # no secret: what is stated
    mdoc, trusted = format is Format.MDOC, anchors("issuer", formats=[format])
    for _ in range(12):
        further: dict[Any, Any] = {name: _value(source) for name in source.sample(["a", "given_name", "\u00e9"], 2)}
        if mdoc:
            further = {_ELSEWHERE: further}
        elif format is Format.SD_CWT:
            further[2] = "urn:someone"  # who states no subject is given one
        stated = prepare_attestation(
            Citizenship(_countries(source), _countries(source), source.random() < 0.5),
            issuer=MDOC_ISSUER if mdoc else ISSUER,
            holder_key=key("holder").public,
            now=NOW,
            lifetime_s=source.choice([2, 60, 86_400]),  # an mdoc ends in a later second than it begins
            status=None,
            format=format,
            claims=further,
            assurance=source.choice([None, Assurance("eIDAS", "high")]),
            evidence_at=source.choice([None, 0, NOW]),
        )
        read = _verified(issuing("issuer", format=format).issue(stated, format=format), format, trusted)
        expect(_said(read) == _said(stated), "something else is verified than was issued")


def _countries(source: Random) -> list[Country]:
    return source.sample(list(Country.all()), source.randrange(4))


def _value(source: Random, depth: int = 3) -> Any:
    """Return a value that every format can carry."""
    kind = source.randrange(6 if depth else 4)
    if kind == 4:
        return [_value(source, depth - 1) for _ in range(source.randrange(4))]
    if kind == 5:
        return {name: _value(source, depth - 1) for name in source.sample(["x", "y", ""], source.randrange(4))}
    return source.choice(((None,), (True, False), _NUMBERS, _TEXTS)[kind])


def _said(stated: Attestation) -> list[Any]:
    """Return what an attestation says, types included: to Python 1 and True are equal."""
    validity = stated.validity
    return [
        *(stated.type, stated.issuer, stated.holder_key, stated.status, stated.assurance, stated.evidence_at),
        *(validity.issued_at, validity.start, validity.not_after),  # an mdoc says twice when it begins
        stated.citizenship,
        _typed(stated.claims),
    ]


def _typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _typed(item) for name, item in value.items()}
    return [_typed(item) for item in value] if isinstance(value, tuple) else (type(value), value)


def _verified(data: bytes, format: Format, trusted: TrustAnchors) -> Attestation:
    """Receive a credential, show all of it, and return what is verified."""
    credential = Credential.receive(data, format=format, anchors=trusted, now=NOW)
    challenge = Challenge(AUDIENCE, NONCE)
    shown = credential.present(
        list(credential.disclosable), challenge=challenge, key=key("holder"), peer=AUDIENCE, now=NOW
    )
    verified = verify(shown, format=format, anchors=trusted, challenge=challenge, statuses=shared_statuses(), now=NOW)
    return of_type(verified, VerifiedPresentation).attestation


def _issued(format: Format = Format.SD_JWT_VC, *, how: dict[str, Any] | None = None, **changes: Any) -> bytes:
    """Issue an attestation of which these parts differ from a good one."""
    mdoc = format is Format.MDOC
    good: dict[str, Any] = {
        "type": DOC_TYPE if mdoc else VCT,
        "issuer": MDOC_ISSUER if mdoc else ISSUER,
        "claims": {DOC_TYPE: {"nationalities": ["US"]}} if mdoc else {"nationalities": ["US"]},
        "validity": Validity(UnixTime(NOW), None, UnixTime(NOW + 3_600)),
        "holder_key": key("holder").public,
    }
    stated = {name: made() if callable(made) else made for name, made in changes.items()}
    return issuing("issuer", format=format).issue(Attestation(**(good | stated)), format=format, **(how or {}))


def _nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"n": value}
    return {"x": value}


def _times(*times: Any) -> Callable[[], Validity]:
    return lambda: Validity(*times)


@attack("API-009")
def refused_at_issuing() -> Iterator[Trial]:
    """An issuer is asked to sign what a verifier would refuse: it is refused before, with a Reason."""
    for format in Format:
        yield holds(f"the good one, {format}", partial(_issued, format))
    reserved, invalid, deep = Reason.CLAIM_RESERVED, Reason.CLAIM_INVALID, Reason.DEPTH_EXCEEDED
    for name in (
        "iss",
        "exp",
        "nbf",
        "iat",
        "cnf",
        "vct",
        "status",
        "aud",
        "_sd",
        "...",
        "_sd_alg",
        "credentialStatus",
    ):
        yield raises(f"a reserved name, {name}", reserved, partial(_issued, claims={name: 1}))
    for name in ("_sd", "...", "_sd_alg"):
        yield raises(f"a reserved name below, {name}", reserved, partial(_issued, claims={"o": [{name: []}]}))
    for label in (1, 3, 4, 5, 6, 8, 11, 65535):
        yield raises(f"a reserved label, {label}", reserved, partial(_issued, Format.SD_CWT, claims={label: 1}))
    no_times: dict[str, Callable[[], Validity]] = {
        "ends when it begins": _times(NOW, None, NOW), "ends before": _times(NOW, None, NOW - 1),
        "true": _times(True, None, NOW), "beyond any time": _times(None, NOW, 2**53), "None": _times(NOW, None, None),
        "a float": _times(NOW, None, NOW + 1.0), "negative": _times(-1, None, NOW), "late": _times(None, NOW + 1, NOW),
    }  # fmt: skip
    for name, validity in no_times.items():
        yield raises(f"a time, {name}", invalid, partial(_issued, validity=validity))
    for format in (Format.SD_JWT_VC, Format.SD_CWT):
        yield from _values_that_no_format_carries(format)
        for path in (("exp",), ("cnf",), ("status",), ("vct",), ("iss", "x")):
            label = {"exp": 4, "cnf": 8, "status": 65535, "vct": 11, "iss": 1}[path[0]]
            chosen = path if format is Format.SD_JWT_VC else (label, *path[1:])
            how = {"disclosable": [chosen]}
            yield raises(f"{path} hidden, {format}", Reason.CLAIM_NOT_DISCLOSABLE, partial(_issued, format, how=how))
    lists: dict[str, Any] = {"a wrong code": ["XX"], "twice": ["US", "US"], "lower case": ["us"], "a text": "US"}
    for name, claims in lists.items():
        for format in (Format.SD_JWT_VC, Format.SD_CWT):
            stated = partial(_issued, format, claims={"nationalities": claims})
            yield raises(f"a country, {name}, {format}", Reason.COUNTRY_INVALID, stated)
        stated = partial(_issued, Format.MDOC, claims={DOC_TYPE: {"nationalities": claims}})
        yield raises(f"a country, {name}, mdoc", Reason.COUNTRY_INVALID, stated)
    yield raises("65 levels", deep, partial(_issued, claims=_nested(65)))
    yield raises("33 levels", deep, partial(_issued, claims=_nested(33)))
    stuck = Issuer(identifier=ISSUER, key=key("issuer"), random=bytes)
    yield raises("salts that repeat", Reason.DISCLOSURE_DUPLICATE, partial(_by, stuck))
    short = Issuer(identifier=ISSUER, key=key("issuer"), random=lambda size: bytes(size - 1))
    yield raises("salts that are short", Reason.CONFIGURATION_INVALID, partial(_by, short))
    yield raises("another issuer", Reason.ISSUER_MISMATCH, partial(_issued, issuer="https://other.example"))
    for hash_ in ("md5", "sha-1", "SHA-256", "none"):
        digested = partial(_issued, how={"hash_algorithm": hash_})
        yield raises(f"the hash {hash_}", Reason.HASH_ALGORITHM_NOT_ALLOWED, digested)
    references: tuple[Any, ...] = (("", 1), (STATUS_URI, -1), (STATUS_URI, 2**32), (STATUS_URI, True))
    for uri, index in references:
        yield raises(f"a reference, {uri!r} {index}", invalid, partial(_issued, status=_reference(uri, index)))
    yield raises("a mdoc for nobody", Reason.HOLDER_KEY_MISSING, partial(_issued, Format.MDOC, holder_key=None))
    yield raises("an SD-CWT for nobody", Reason.CLAIM_MISSING, partial(_issued, Format.SD_CWT, holder_key=None))


def _reference(uri: Any, index: Any) -> Callable[[], tuple[StatusReference, ...]]:
    return lambda: (StatusReference(uri, index),)


def _values_that_no_format_carries(format: Format) -> Iterator[Trial]:
    # The codec refuses what it cannot write, by the name that it has for what it would not read.
    unwritten = Reason.MALFORMED_JSON if format is Format.SD_JWT_VC else Reason.MALFORMED_CBOR
    values: dict[str, tuple[Any, Reason]] = {
        "NaN": (math.nan, unwritten), "infinity": (math.inf, unwritten), "a lone surrogate": ("\ud800", unwritten),
        "a set": ({1}, Reason.CLAIM_INVALID), "a complex number": (1j, Reason.CLAIM_INVALID),
        "an object": (object(), Reason.CLAIM_INVALID), "a class": (int, Reason.CLAIM_INVALID),
    }  # fmt: skip
    for name, (value, reason) in values.items():
        for place, claims in (("at the top", {"x": value}), ("below", {"x": [{"y": value}]})):
            yield raises(f"{name} {place}, {format}", reason, partial(_issued, format, claims=claims))


def _by(issuer: Issuer) -> bytes:
    stated = Attestation(
        type=VCT,
        issuer=ISSUER,
        claims={"a": 1, "b": 1},
        validity=Validity(UnixTime(NOW), None, UnixTime(NOW + 60)),
        holder_key=key("holder").public,
    )
    return issuer.issue(stated, format=Format.SD_JWT_VC)


@attack("API-011")
def allocated_at_random() -> Iterator[Trial]:
    """An index of a status list tells when its credential was issued, or is given to two."""
    yield holds("each index is given once", _each_once)
    yield holds("their order is that of the random source", _random_order)
    yield holds("nothing is given twice though the source repeats itself", _stuck_source)
    yield holds("decoys are as good as any", _decoys)
    yield raises("a list that is full", Reason.STATUS_LIST_FULL, _one_too_many)
    yield holds("salts and digests of two credentials differ", _nothing_in_common)


def _allocated(count: int, **options: Any) -> list[int]:
    publisher = StatusPublisher(uri=STATUS_URI, size=_SIZE, **options)
    return [publisher.allocate().index for _ in range(count)]


def _each_once() -> None:
    for bits in (1, 2):
        expect(sorted(_allocated(_SIZE, bits=bits)) == list(range(_SIZE)), "an index was given twice, or to nobody")


def _random_order() -> None:
    orders = [_allocated(_SIZE) for _ in range(3)]
    expect(len(set(map(tuple, orders))) == 3, "two lists are given out in one order")
    for order in orders:
        # Of 255 neighbours one is expected to follow the other by one; by chance it is never ten.
        expect(sum(after - before == 1 for before, after in itertools.pairwise(order)) < 10, "in sequence")
    bounds: list[int] = []

    def last(bound: int) -> int:
        bounds.append(bound)
        return bound - 1

    expect(len(set(_allocated(_SIZE, randbelow=last))) == _SIZE, "an index was given twice")
    expect(bounds == list(range(_SIZE, 0, -1)), "an index was not drawn among all that are free")


def _stuck_source() -> None:
    expect(len(set(_allocated(_SIZE, randbelow=lambda _: 0))) == _SIZE, "an index was given twice")


def _decoys() -> None:
    publisher = StatusPublisher(uri=STATUS_URI, size=_SIZE)
    own = [publisher.allocate() for _ in range(16)]
    decoys = publisher.allocate_decoys(100, revoked=40)
    expect(len({each.index for each in (*own, *decoys)}) == 116, "a decoy has the index of a credential")
    store = StatusStore(anchors=status_anchors())
    token = publisher.publish(key("status"), now=NOW, ttl_s=60, expires_s=600)
    store.ingest(STATUS_URI, token, media_type=STATUS_MEDIA_TYPE, now=NOW)
    statuses = [store.check(each, issuer=ISSUER, now=NOW) for each in (*own, *decoys)]
    expect([str(each) for each in statuses].count(str(statuses[16])) == 40, "as many are revoked as were asked for")
    expect(len({str(each) for each in statuses[:16]}) == 1, "a credential was revoked with the decoys")


def _one_too_many() -> list[int]:
    return _allocated(_SIZE + 1)


def _nothing_in_common() -> None:
    credentials = [_issued(how={"decoys": 5}) for _ in range(2)]
    parts = [set(each.split(b"~")[1:-1]) for each in credentials]
    expect(all(parts) and parts[0].isdisjoint(parts[1]), "two credentials share a disclosure")
