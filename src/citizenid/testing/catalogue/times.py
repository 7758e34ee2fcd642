"""Attacks on time: a time that is none, a time that nobody looks at, and a clock that cannot be relied on.

Spec: RFC 7519 sections 2, 4.1.4 to 4.1.6; RFC 8392 section 3; ISO/IEC 18013-5 9.1.2.4; specs/verification.md V4.15,
V4.25, V6, V7.10, V7.11; DESIGN law 13.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import Format, Limits, Reason
from ...holder import Credential
from ...status import StatusStore
from ..attacks import Group, attack
from ..forge import sd_cwt as _sd_cwt
from ..forge import sd_jwt as _sd_jwt
from ..forge.cbor import date_time
from ..forge.parts import ABSENT, NOW, STATUS_MEDIA_TYPE, STATUS_URI, dump, key, segment
from ..forge.proofs import hand_made_proof
from ..forge.sd_cwt import disclosure as cwt_disclosure
from ..forge.sd_cwt import hide, salt
from ..forge.sd_jwt import digest, disclosure
from ..forge.status_lists import status_anchors, status_token
from ..forgery import Forgery, Outcome
from ..targets import RESOURCES, Party
from ..trials import Trial, accepted, asked, expect, holds, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ..world import ORIGIN, request
from ._bindings import old_challenges
from ._clocks import broken_clock, no_clock, skew_without_end
from ._halves import halves_at_their_end, halves_before_their_time, halves_of_the_future, windows_without_a_second
from ._old_answers import old_answers

_INVALID: Final = Reason.CLAIM_INVALID
_MISSING: Final = Reason.CLAIM_MISSING
_NO_JSON: Final = Reason.MALFORMED_JSON
_LABELS: Final = {"exp": 4, "nbf": 5, "iat": 6}
_MAX: Final = 2**53 - 1
_SKEW_S: Final = 30


def _ingest(now: int = NOW, **token: Any) -> Callable[[], None]:
    """Take a status list in, made with these parts."""

    def call() -> None:
        store = StatusStore(anchors=status_anchors())
        store.ingest(STATUS_URI, status_token(**token), media_type=STATUS_MEDIA_TYPE, now=now)

    return call


def _proof(name: str, reason: Reason | None, **claims: Any) -> Trial:
    """Use a ticket with a proof by the right key that has these claims."""

    def act(party: Party) -> Outcome:
        path, ticket = RESOURCES + "us-nationals", party.ticket()
        stated = {"htu": ORIGIN + path, **claims}
        proof = hand_made_proof(party.client.key, stated, ticket=ticket, now=party.world.now)
        return party.send(request(ticket, proof, path=path))

    return asked(name, reason, act)


def _each_place(values: Mapping[str, Any]) -> Iterator[Trial]:
    """Put what is no time in the place of one, signed by whoever has to sign it: the first in every place."""
    for number, (name, value) in enumerate(values.items()):
        for claim, label in _turn(number):
            yield refused(f"{claim} of an SD-JWT VC, {name}", _INVALID, jwt(payload={claim: value}), step="V4")
            yield refused(f"{claim} of a KB-JWT, {name}", _INVALID, jwt(kb={claim: value}), step="V7")
            yield refused(f"{claim} of an SD-CWT, {name}", _INVALID, sd_cwt(claims={label: value}), step="V4")
            yield refused(f"{claim} of an SD-KBT, {name}", _INVALID, sd_cwt(kb={label: value}), step="V7")
        for claim in _LABELS:
            yield raises(f"{claim} of a status list, {name}", _INVALID, _ingest(payload={claim: value}), step="status")
        checked = jwt(payload={"evidence_checked_at": value})
        yield refused(f"evidence_checked_at, {name}", _INVALID, checked, step="V4")


def _turn(number: int) -> list[tuple[str, int]]:
    """Return every claim of time for the first of several values, and one in turn for each of the others."""
    claims = list(_LABELS.items())
    return [claims[number % len(claims)]] if number else claims


def _ticket_after(seconds: int, lifetime_s: int = 100) -> Callable[[Party], Outcome]:
    """Be admitted by a credential of so many seconds, and use the ticket so many seconds later."""

    def act(party: Party) -> Outcome:
        answer = party.apply(jwt(payload={"exp": NOW + lifetime_s}))
        expect(answer.status == 200, "a credential that is still valid was not admitted")
        ticket = _ticket_of(answer.body)
        party.world.wait(seconds)
        return party.use(ticket)

    return act


def _received(expires: int) -> Callable[[], object]:
    data, trusted = _sd_jwt.issuer_half(payload={"exp": expires}), _sd_jwt.anchors()
    return partial(Credential.receive, data, format=Format.SD_JWT_VC, anchors=trusted, now=NOW)


def _ticket_of(body: bytes) -> str:
    return str(json.loads(body)["ticket"])


@attack("TIM-001", "EXPIRED")
def the_last_second() -> Iterator[Trial]:
    """What ends at a second is over in that second, and no skew of clocks gives it another."""
    expired, patient = Reason.EXPIRED, Limits(clock_skew_s=300)
    yield accepted("SD-JWT VC, one second left", jwt(payload={"exp": NOW + 1}))
    yield accepted("SD-CWT, one second left", sd_cwt(claims={4: NOW + 1}))
    # The validUntil of an mdoc is its last second (ISO/IEC 18013-5 9.3.1): there the boundary lies one further.
    yield accepted("mdoc, in its last second", mdoc(validity={"validUntil": date_time(NOW)}))
    yield refused("mdoc, the second after", expired, mdoc(validity={"validUntil": date_time(NOW - 1)}), step="V6")
    for offset in (0, -1):
        yield refused(f"SD-JWT VC, exp {offset}", expired, jwt(payload={"exp": NOW + offset}), step="V6")
        yield refused(f"SD-CWT, exp {offset}", expired, sd_cwt(claims={4: NOW + offset}), step="V6")
        yield raises(f"status list, exp {offset}", Reason.STATUS_LIST_EXPIRED, _ingest(payload={"exp": NOW + offset}))
    yield refused("the skew, SD-JWT VC", expired, jwt(payload={"exp": NOW}), limits=patient)
    yield refused("the skew, SD-CWT", expired, sd_cwt(claims={4: NOW}), limits=patient)
    yield refused("the skew, mdoc", expired, mdoc(validity={"validUntil": date_time(NOW - 1)}), limits=patient)
    yield accepted("a key binding, one second left", jwt(kb={"exp": NOW + 1}))
    yield refused("a key binding at its end", Reason.KEY_BINDING_STALE, jwt(kb={"exp": NOW}), step="V7")
    yield from old_answers()
    yield from halves_at_their_end()
    yield from old_challenges()
    # A holder who receives a credential verifies its issuer's half alone.
    yield holds("a credential that is received, one second left", _received(NOW + 1))
    yield raises("a credential that is received at its end", expired, _received(NOW), step="V6")
    trusted = partial(_sd_jwt.anchors_for, key("issuer").public)
    yield accepted("an anchor, one second left", jwt(), anchors=trusted(not_after=NOW + 1))
    yield refused("an anchor at its end", Reason.ANCHOR_EXPIRED, jwt(), step="V2", anchors=trusted(not_after=NOW))
    yield _proof("a sender proof, one second left", None, exp=NOW + 1)
    yield _proof("a sender proof at its end", Reason.PROOF_STALE, exp=NOW)
    yield asked("a ticket, one second left", None, _ticket_after(99))
    yield asked("a ticket at the end of its credential", Reason.TICKET_EXPIRED, _ticket_after(100))


@attack("TIM-002", "CLAIM_MISSING")
def no_end() -> Iterator[Trial]:
    """A credential does not say when it ends, or a proof not when it was made."""
    yield accepted("a key binding needs no exp", jwt(kb={"exp": ABSENT}))
    yield refused("SD-JWT VC", _MISSING, jwt(payload={"exp": ABSENT}), step="V4")
    yield refused("SD-JWT VC, with nbf", _MISSING, jwt(payload={"exp": ABSENT, "nbf": NOW - 60}), step="V4")
    elsewhere = jwt(payload={"exp": ABSENT, "x": {"exp": NOW + 60}}, header={"exp": NOW + 60}, kb={"exp": NOW + 60})
    yield refused("SD-JWT VC, it stands in every other place", _MISSING, elsewhere, step="V4")
    yield refused("SD-CWT", _MISSING, sd_cwt(claims={4: ABSENT}), step="V4")
    for name in ("validUntil", "validFrom", "signed"):
        yield refused(f"mdoc, no {name}", _MISSING, mdoc(validity={name: ABSENT}), step="V4")
    yield refused("mdoc, no validityInfo", _MISSING, mdoc(mso={"validityInfo": ABSENT}), step="V4")
    yield refused("no iat, KB-JWT", _MISSING, jwt(kb={"iat": ABSENT}), step="V7")
    yield refused("no iat, SD-KBT", _MISSING, sd_cwt(kb={6: ABSENT}), step="V7")
    yield refused("a cti is no iat, SD-KBT", _MISSING, sd_cwt(kb={6: ABSENT, 7: b"one of a kind"}), step="V7")
    yield raises("no iat, status list", _MISSING, _ingest(payload={"iat": ABSENT}), step="status")
    yield _proof("a good DPoP proof", None)
    yield _proof("no iat, DPoP proof", _MISSING, iat=ABSENT)


@attack("TIM-003", "CLAIM_TYPE")
def times_as_text() -> Iterator[Trial]:
    """A time is a text that some function would read as a number."""
    yield accepted("the number itself", jwt(payload={"exp": 9_999_999_999}))
    yield from _each_place(
        {
            "text": "9999999999",
            "text with spaces": " 9999999999 ",
            "text with underscores": "9_999_999_999",
            "Arabic-Indic digits": "\u0669" * 10,
        }
    )
    yield refused("a date", _INVALID, jwt(payload={"exp": "2099-01-01T00:00:00Z"}), step="V4")
    yield refused("the empty text", _INVALID, jwt(payload={"exp": ""}), step="V4")
    yield _proof("DPoP proof", _INVALID, iat=str(NOW))


@attack("TIM-004", "CLAIM_TYPE")
def times_as_booleans() -> Iterator[Trial]:
    """A time is true or false, which Python takes for 1 and 0, or null."""
    yield accepted("the number 0 as a beginning", jwt(payload={"nbf": 0}))
    yield from _each_place({"true": True, "false": False, "null": None})
    for claim, label in _LABELS.items():
        yield refused(f"{claim} of an SD-JWT VC, null and alone", _INVALID, jwt(payload={claim: None}), step="V4")
        yield refused(f"{claim} of an SD-CWT, null and alone", _INVALID, sd_cwt(claims={label: None}), step="V4")
        yield refused(f"{claim} of a KB-JWT, null and alone", _INVALID, jwt(kb={claim: None}), step="V7")
        yield refused(f"{claim} of an SD-KBT, null and alone", _INVALID, sd_cwt(kb={label: None}), step="V7")
    alone = {"iat": ABSENT, "exp": True}  # nothing that it could lie before
    yield refused("exp of an SD-JWT VC, true, and no other time", _INVALID, jwt(payload=alone), step="V4")
    yield refused("exp of an SD-CWT, true, and no other time", _INVALID, sd_cwt(claims={6: ABSENT, 4: True}), step="V4")
    yield _proof("DPoP proof", _INVALID, iat=True)


@attack("TIM-006", "CLAIM_TYPE")
def times_out_of_range() -> Iterator[Trial]:
    """A time is larger than any time, negative, or no whole number."""
    yield accepted("the largest time, SD-JWT VC", jwt(payload={"exp": _MAX}))
    yield accepted("the largest time, SD-CWT", sd_cwt(claims={4: _MAX}))
    yield from _each_place({"2^53": _MAX + 1, "2^63": 2**63, "-1": -1, "-0.0": -0.0, "a float": NOW + 0.5})
    # Beyond 64 bits CBOR has no integer but a bignum: TIM-009.
    for name, value in (("2^64", 2**64), ("10^400", 10**400), ("an array", [NOW]), ("an object", {"exp": NOW})):
        yield refused(f"SD-JWT VC, {name}", _INVALID, jwt(payload={"exp": value}), step="V4")
        yield raises(f"status list, {name}", _INVALID, _ingest(payload={"exp": value}))
    yield refused("KB-JWT, 10^400", _INVALID, jwt(kb={"iat": 10**400}), step="V7")
    # 1e400 is a number that no double holds: it is refused as JSON before anybody asks what it is for.
    yield refused("SD-JWT VC, 1e400", _NO_JSON, jwt(payload=_raw(_sd_jwt.good_payload(), "exp", b"1e400")), step="V4")
    yield refused("SD-JWT VC, 1e3", _INVALID, jwt(payload=_raw(_sd_jwt.good_payload(), "exp", b"1e10")), step="V4")
    yield _proof("DPoP proof", _INVALID, iat=2**53)
    for claim in ("exp", "nbf"):
        for wrong in (2**53, -1, NOW + 0.5, str(NOW), True, None):
            yield _proof(f"DPoP proof, {claim} {wrong!r}", _INVALID, **{claim: wrong})
    yield from windows_without_a_second()
    ended = _ingest(payload={"iat": NOW + 20, "exp": NOW + 20})
    yield raises("status list of no second", _INVALID, ended, step="status")


def _raw(claims: Mapping[str, Any], name: str, value: bytes) -> bytes:
    """Write claims as JSON with a value that no writer would write."""
    return dump({**claims, name: "VALUE"}).replace(b'"VALUE"', value)


@attack("TIM-008", "MALFORMED_JSON")
def times_that_compare_with_nothing() -> Iterator[Trial]:
    """A time is NaN or infinite: whatever it is compared with, no rule is broken."""
    binding = _sd_jwt.good_key_binding(_sd_jwt.issuer_half())
    listed = {"sub": STATUS_URI, "iat": NOW, "status_list": {"bits": 1, "lst": "eNpjAAAAAQAB"}}
    for number, value in enumerate((b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1E+999")):
        text = value.decode()
        for name in ("evidence_checked_at", "of_no_meaning", *dict(_turn(number))):
            forged = jwt(payload=_raw(_sd_jwt.good_payload(), name, value))
            yield refused(f"{name} of an SD-JWT VC, {text}", _NO_JSON, forged, step="V4")
        for name, _ in _turn(number):
            yield refused(f"{name} of a KB-JWT, {text}", _NO_JSON, jwt(kb=_raw(binding, name, value)), step="V7")
        yield raises(f"exp of a status list, {text}", _NO_JSON, _ingest(payload=_raw(listed, "exp", value)))
        header = _raw(_sd_jwt.good_header(), "exp", value)
        yield refused(f"a header, {text}", _NO_JSON, jwt(header=header), step="V1")
        yield refused(f"a disclosure, {text}", _NO_JSON, _disclosed(b'["salt","x",' + value + b"]"), step="V4")


def _disclosed(raw: bytes) -> Forgery:
    text = segment(raw)
    return jwt(payload={"_sd": [digest(text)]}, disclosures=[text])


@attack("TIM-009", "CLAIM_TYPE")
def times_of_cbor() -> Iterator[Trial]:
    """The same with the types that CBOR has: floats, bignums, times under a tag."""
    no_cbor = Reason.MALFORMED_CBOR
    yield accepted("an integer", sd_cwt(claims={4: NOW + 60}))
    no_times: dict[str, tuple[Any, Reason]] = {
        "float": (float(NOW + 60), _INVALID),
        "text": (str(NOW + 60), _INVALID),
        "negative": (-1, _INVALID),
        "true": (True, _INVALID),
        "null": (None, _INVALID),
        # What is under a tag that its place does not have, or compares with nothing, is no CBOR of this profile.
        "bignum": (CBORTag(2, b"\x6b\x49\xd2\x00"), no_cbor),
        "2^64": (2**64, no_cbor),
        "epoch": (CBORTag(1, NOW + 60), no_cbor),
        "tdate": (date_time(NOW + 60), no_cbor),
        "NaN": (math.nan, no_cbor),
        "infinity": (math.inf, no_cbor),
    }
    yield holds("an integer in a status list", partial(_ingest_cwt, NOW + 60))
    for number, (name, (value, reason)) in enumerate(no_times.items()):
        for claim, label in _turn(number):
            yield refused(f"{claim} of an SD-CWT, {name}", reason, sd_cwt(claims={label: value}), step="V4")
        yield refused(f"iat of an SD-KBT, {name}", reason, sd_cwt(kb={6: value}), step="V7")
        yield raises(f"exp of a status list, {name}", reason, partial(_ingest_cwt, value), step="status")
    yield from _dates_of_an_mdoc()


def _ingest_cwt(expires: Any) -> None:
    claims = {2: STATUS_URI, 6: NOW, 4: expires, 65533: {"bits": 1, "lst": b"x\x9cc\x00\x00\x00\x01\x00\x01"}}
    signed = _sd_cwt.sign1({1: -9, 4: b"s1", 16: "application/statuslist+cwt"}, {}, claims, key("status"))
    store = StatusStore(anchors=status_anchors())
    body = cbor2.dumps(signed)
    store.ingest(STATUS_URI, body, media_type="application/statuslist+cwt", now=NOW)


def _dates_of_an_mdoc() -> Iterator[Trial]:
    good = date_time(NOW + 60).value
    for spelling in (
        good[:-1] + ".0Z", good[:-1] + "+00:00", good.lower(), good[:-1], good[:10], good.replace("T", " "),
        good[:-3] + "60Z", " " + good, good + "\n", "1969-12-31T23:59:59Z", "",
    ):  # fmt: skip
        forged = mdoc(validity={"validUntil": CBORTag(0, spelling)})
        yield refused(f"mdoc, {spelling!r}", _INVALID, forged, step="V4")
    others: dict[str, tuple[Any, Reason]] = {
        "integer": (NOW + 60, _INVALID),
        "text without its tag": (good, _INVALID),
        "full-date": (CBORTag(1004, good[:10]), _INVALID),
        "tdate of a number": (CBORTag(0, NOW + 60), _INVALID),
        "epoch": (CBORTag(1, NOW + 60), Reason.MALFORMED_CBOR),
    }
    members = ("validUntil", "validFrom", "signed", "expectedUpdate")
    for number, (name, (value, reason)) in enumerate(others.items()):
        for member in members[number % 4 :][:1] if number else members:
            yield refused(f"mdoc, {member}, {name}", reason, mdoc(validity={member: value}), step="V4")


@attack("TIM-011", "NOT_YET_VALID")
def before_its_time() -> Iterator[Trial]:
    """Something is used one second before it is valid, and no skew excuses that."""
    early, patient = Reason.NOT_YET_VALID, Limits(clock_skew_s=300)
    ahead = {5: NOW + 1, 6: NOW + 1}  # the nbf of an SD-CWT never lies after its iat, which the skew excuses
    from_now = {"validFrom": date_time(NOW + 1)}
    yield accepted("SD-JWT VC, now", jwt(payload={"nbf": NOW}))
    yield accepted("SD-CWT, now", sd_cwt(claims={5: NOW, 6: NOW}))
    yield accepted("mdoc, now", mdoc(validity={"validFrom": date_time(NOW)}))
    yield refused("SD-JWT VC", early, jwt(payload={"nbf": NOW + 1}), step="V6")
    yield refused("SD-CWT", early, sd_cwt(claims=ahead, kb={6: NOW + 1}), step="V6")
    yield refused("mdoc", early, mdoc(validity=from_now), step="V6")
    yield refused("the skew, SD-JWT VC", early, jwt(payload={"nbf": NOW + 1}), limits=patient)
    yield refused("the skew, SD-CWT", early, sd_cwt(claims=ahead, kb={6: NOW + 1}), limits=patient)
    yield refused("the skew, mdoc", early, mdoc(validity=from_now), limits=patient)
    yield accepted("a key binding, now", jwt(kb={"nbf": NOW}))
    yield refused("a key binding", Reason.KEY_BINDING_IN_FUTURE, jwt(kb={"nbf": NOW + 1}), step="V7")
    yield refused("an SD-KBT", Reason.KEY_BINDING_IN_FUTURE, sd_cwt(kb={5: NOW + 1, 6: NOW + 1}), step="V7")
    trusted = partial(_sd_jwt.anchors_for, key("issuer").public)
    yield accepted("an anchor, now", jwt(), anchors=trusted(not_before=NOW))
    later = trusted(not_before=NOW + 1)
    yield refused("an anchor", Reason.ANCHOR_NOT_YET_VALID, jwt(), step="V2", anchors=later)
    yield from halves_before_their_time()


@attack("TIM-012", "ISSUED_IN_FUTURE")
def made_in_the_future() -> Iterator[Trial]:
    """Something says that it was made later than now, by more than two clocks may part."""
    last, beyond = NOW + _SKEW_S, NOW + _SKEW_S + 1
    future, bound, late = Reason.ISSUED_IN_FUTURE, Reason.KEY_BINDING_IN_FUTURE, Reason.STATUS_LIST_IN_FUTURE
    kbt = {6: last}  # an SD-KBT is not older than its SD-CWT
    yield accepted("SD-JWT VC, excused", jwt(payload={"iat": last}))
    yield refused("SD-JWT VC", future, jwt(payload={"iat": beyond}), step="V6")
    yield accepted("SD-CWT, excused", sd_cwt(claims={6: last}, kb=kbt))
    yield refused("SD-CWT", future, sd_cwt(claims={6: beyond}, kb=kbt), step="V6")
    yield accepted("mdoc, excused", mdoc(validity={"signed": date_time(last)}))
    yield refused("mdoc", future, mdoc(validity={"signed": date_time(beyond)}), step="V6")
    unsaid = {"iat": ABSENT}  # beside an iat it may not lie after that
    yield accepted("its evidence, excused", jwt(payload={**unsaid, "evidence_checked_at": last}))
    yield refused("its evidence", future, jwt(payload={**unsaid, "evidence_checked_at": beyond}), step="V6")
    yield accepted("KB-JWT, excused", jwt(kb={"iat": last}))
    yield refused("KB-JWT", bound, jwt(kb={"iat": beyond}), step="V7")
    yield accepted("SD-KBT, excused", sd_cwt(kb={6: last}))
    yield refused("SD-KBT", bound, sd_cwt(kb={6: beyond}), step="V7")
    yield holds("status list, excused", _ingest(payload={"iat": last}))
    yield raises("status list", late, _ingest(payload={"iat": beyond}))
    yield _proof("DPoP proof, excused", None, iat=last)
    yield _proof("DPoP proof", Reason.PROOF_IN_FUTURE, iat=beyond)
    yield _proof("DPoP proof that begins now", None, nbf=NOW)
    yield _proof("DPoP proof that begins in a second", Reason.PROOF_IN_FUTURE, nbf=NOW + 1)
    yield from halves_of_the_future()
    none = Limits(clock_skew_s=0)
    yield accepted("SD-JWT VC, no skew", jwt(payload={"iat": NOW}), limits=none)
    yield refused("SD-JWT VC, one second", future, jwt(payload={"iat": NOW + 1}), limits=none)


@attack("TIM-014", "SD_STRUCTURE", "CLAIM_MISSING")
def hidden_times() -> Iterator[Trial]:
    """A time that decides stands behind a digest, so that the holder may show it, or not."""
    hidden = Reason.CLAIM_NOT_DISCLOSABLE
    for name, value in (("exp", NOW + 60), ("nbf", NOW - 60)):
        text = disclosure("salt", name, value)
        payload = {name: ABSENT, "_sd": [digest(text)]}
        yield refused(f"SD-JWT VC, {name} shown", hidden, jwt(payload=payload, disclosures=[text]), step="V4")
        cbor = cwt_disclosure(salt(), value, _LABELS[name])
        claims = {_LABELS[name]: ABSENT, **hide(cbor)}
        yield refused(f"SD-CWT, {name} shown", hidden, sd_cwt(claims=claims, disclosures=[cbor]), step="V4")
    # A withheld nbf cannot be told from a decoy. It is the issuer who hid it, and iat stands in the clear.
    text = disclosure("salt", "exp", NOW - 60)
    yield refused("SD-JWT VC, exp withheld", _MISSING, jwt(payload={"exp": ABSENT, "_sd": [digest(text)]}), step="V4")
    cbor = cwt_disclosure(salt(), NOW - 60, 4)
    yield refused("SD-CWT, exp withheld", _MISSING, sd_cwt(claims={4: ABSENT, **hide(cbor)}), step="V4")
    # An iat may be hidden (SD-JWT VC section 2.2.2.3). It then helps nobody: without a status it is asked for.
    text = disclosure("salt", "iat", NOW - 60)
    payload = {"iat": ABSENT, "_sd": [digest(text)]}
    yield accepted("SD-JWT VC, iat shown", jwt(payload=payload, disclosures=[text]))
    yield accepted("SD-JWT VC, iat withheld", jwt(payload=payload))
    twice = disclosure("salt", "exp", NOW + 60)
    both = jwt(payload={"exp": NOW - 1, "_sd": [digest(twice)]}, disclosures=[twice])
    yield refused("SD-JWT VC, an exp beside the exp", hidden, both, step="V4")


GROUP: Final = Group(
    "time",
    "a time is a whole number of seconds within bounds, every one that is stated counts, and one clock decides",
    (
        the_last_second,
        no_end,
        times_as_text,
        times_as_booleans,
        times_out_of_range,
        times_that_compare_with_nothing,
        times_of_cbor,
        before_its_time,
        made_in_the_future,
        hidden_times,
        skew_without_end,
        no_clock,
        broken_clock,
    ),
)
