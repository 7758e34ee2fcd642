"""Attacks on the status list token: what a store takes for the list of a URI, and for how long.

Spec: Token Status List sections 5.1, 8.3, 11.5; specs/profile-status-list.md.
"""

from __future__ import annotations

import hmac
import json
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import Reason, StatusReference, TrustAnchors
from ...status import Status, StatusStore, read_status_file, verify_status_list, write_status_file
from ..attacks import attack
from ..forge import sd_jwt as _sd_jwt
from ..forge.parts import (
    ABSENT,
    ISSUER,
    NOW,
    REVOKED_INDEX,
    STATUS_MEDIA_TYPE,
    STATUS_SIZE,
    STATUS_URI,
    SUSPENDED_INDEX,
    VALID_INDEX,
    base64url,
    key,
    segment,
    unbase64url,
)
from ..forge.status_lists import (
    IDENTIFIER_MEDIA_TYPE,
    packed,
    status_anchors,
    status_token,
    statuses,
)
from ..forgery import Outcome, called
from ..targets import Party
from ..trials import Trial, accepted, asked, expect, holds, refused
from ..trials import sd_jwt as jwt
from ._further_lists import lists_of_the_past, lists_under_a_certificate, stale_identifiers
from ._statuses import (
    CWT,
    OTHER_ISSUER,
    at,
    both_anchors,
    declines,
    ingested,
    later,
    other_anchors,
    shown,
    status_cwt,
    takes,
)

SPELLINGS: Final = {
    "scheme in capitals": "HTTPS://id.example/status/1",
    "host in capitals": "https://ID.example/status/1",
    "path in capitals": "https://id.example/Status/1",
    "default port": "https://id.example:443/status/1",
    "empty port": "https://id.example:/status/1",
    "fragment": "https://id.example/status/1#",
    "query": "https://id.example/status/1?",
    "slash at the end": "https://id.example/status/1/",
    "dot segment": "https://id.example/./status/1",
    "double dot": "https://id.example/a/../status/1",
    "double slash": "https://id.example//status/1",
    "percent-encoded": "https://id.example/%73tatus/1",
    "user": "https://@id.example/status/1",
    "root label": "https://id.example./status/1",
    "homograph": "https://\u0456d.example/status/1",
    "its punycode": "https://xn--d-7lb.example/status/1",
    "full-width digit": "https://id.example/status/\uff11",
    "space": "https://id.example/status/1 ",
    "without TLS": "http://id.example/status/1",
}


@attack("STA-001", "STATUS_MISMATCH")
def another_subject() -> Iterator[Trial]:
    """The list says that it is the one of another URI."""
    mismatch = Reason.STATUS_SUBJECT_MISMATCH
    other = "https://id.example/status/2"
    yield takes("the URI it was fetched from", status_token())
    yield takes("another, fetched from there", status_token(payload={"sub": other}), uri=other)
    for sent in ("Application/StatusList+JWT", "application/statuslist+jwt; charset=utf-8"):
        yield takes(f"under {sent}", status_token(), media_type=sent)
    yield declines("another", mismatch, status_token(payload={"sub": other}))
    yield declines("fetched from elsewhere", mismatch, status_token(), uri=other)
    for name, subject in {"none": ABSENT, "null": None, "a list": [STATUS_URI], "empty": ""}.items():
        yield declines(f"a subject that is {name}", mismatch, status_token(payload={"sub": subject}))
    for media_type in (CWT, IDENTIFIER_MEDIA_TYPE):
        good, wrong = status_cwt(media_type=media_type), status_cwt({2: other}, media_type=media_type)
        yield takes(f"the same as {media_type}", good, media_type=media_type)
        yield declines(f"another as {media_type}", mismatch, wrong, media_type=media_type)
        unread = status_cwt({2: STATUS_URI.encode()}, media_type=media_type)
        yield declines(f"bytes as {media_type}", mismatch, unread, media_type=media_type)
    yield holds(
        "what was declined lifts no revocation", partial(_stays_revoked, status_token({}, payload={"sub": other}))
    )


@attack("STA-002", "STATUS_MISMATCH")
def another_issuer() -> Iterator[Trial]:
    """The list for this URI is signed by an issuer who is trusted, though not for this credential."""
    theirs: dict[str, Any] = {"signer": key("other status"), "header": {"kid": "o1"}}
    foreign = ingested(status_token({}, **theirs), anchors=both_anchors())
    for name, forgery in at(VALID_INDEX).items():
        yield accepted(f"{name}, his own list", forgery)
        yield refused(f"{name}, the list of another", Reason.STATUS_LIST_UNAVAILABLE, forgery, statuses=foreign)

    def act(party: Party) -> Outcome:
        party.world.statuses.reload(anchors=other_anchors())
        ingested(status_token({}, **theirs), into=party.world.statuses)
        return shown(party, jwt())

    yield asked("the gateway has only the list of another", Reason.STATUS_LIST_UNAVAILABLE, act)
    yield from lists_under_a_certificate()
    stated = {"iss": ISSUER}
    yield takes("iss is the signer", status_token(payload=stated))
    yield declines(
        "iss is the issuer, another signs",
        Reason.ISSUER_MISMATCH,
        status_token(payload=stated, **theirs),
        anchors=both_anchors(),
    )
    yield declines(
        "iss is another, the issuer signs",
        Reason.ISSUER_MISMATCH,
        status_token(payload={"iss": OTHER_ISSUER}),
    )
    yield holds("it lifts no revocation", partial(_stays_revoked, status_token({}, **theirs), anchors=both_anchors()))
    yield holds(
        "verified by the trust of somebody else, it is not put in", partial(_not_put, status_token({}, **theirs))
    )


def _not_put(body: bytes) -> None:
    how: dict[str, Any] = {"uri": STATUS_URI, "media_type": STATUS_MEDIA_TYPE, "now": NOW}
    verified, store = verify_status_list(body, anchors=both_anchors(), **how), statuses()
    outcome = called(partial(store.put, verified, now=NOW))
    expect(outcome.reason is Reason.KEY_UNKNOWN, f"{outcome}")


@attack("STA-003", "STATUS_SIGNATURE")
def unsigned() -> Iterator[Trial]:
    """The list has no signature, or one that anybody could make."""
    good = status_token()
    header, payload, signature = good.split(b".")
    claims = unbase64url(payload)
    yield takes("signed", good)
    yield declines("the claims as JSON", Reason.MALFORMED_TOKEN, claims)
    yield declines("the bits alone", Reason.MALFORMED_TOKEN, zlib.compress(bytes(8)))
    yield declines("two segments", Reason.MALFORMED_TOKEN, header + b"." + payload)
    yield declines("an empty signature", Reason.MALFORMED_TOKEN, header + b"." + payload + b".")
    for name in ("none", "None", "HS256", ""):
        yield declines(f"alg {name!r}", Reason.ALGORITHM_NOT_ALLOWED, status_token(header={"alg": name}))
        unsigned_ = status_token(header={"alg": name}, sign=lambda _: b"")
        yield declines(f"alg {name!r}, an empty signature", Reason.ALGORITHM_NOT_ALLOWED, unsigned_)
    secret = json.dumps(key("status").public.to_jwk()).encode()
    mac = status_token(header={"alg": "HS256"}, sign=lambda data: hmac.digest(secret, data, "sha256"))
    yield declines("a MAC under the public key", Reason.ALGORITHM_NOT_ALLOWED, mac)
    yield declines("another key signs", Reason.SIGNATURE_INVALID, status_token(signer=key("thief")))
    yield declines("zeros", Reason.SIGNATURE_INVALID, status_token(sign=lambda _: bytes(64)))
    yield declines("half", Reason.SIGNATURE_MALFORMED, status_token(sign=lambda data: key("status").sign(data)[:32]))
    newer = segment({**json.loads(claims), "iat": NOW - 9})
    yield declines("other claims under it", Reason.SIGNATURE_INVALID, b".".join((header, newer, signature)))
    claims_alone = {CWT: Reason.MALFORMED_TOKEN, IDENTIFIER_MEDIA_TYPE: Reason.MALFORMED_CBOR}
    for kind, reason in claims_alone.items():
        how: dict[str, Any] = {"media_type": kind}
        yield takes(f"{kind}, signed", status_cwt(**how), **how)
        yield declines(f"{kind}, another key", Reason.SIGNATURE_INVALID, status_cwt(signer=key("thief"), **how), **how)
        message = cbor2.loads(status_cwt(**how)).value
        yield declines(f"{kind}, the claims alone", reason, message[2], **how)
        mac0 = cbor2.dumps(CBORTag(17, message))
        yield declines(f"{kind}, a COSE_Mac0", Reason.MALFORMED_CBOR, mac0, **how)
        detached = cbor2.dumps(CBORTag(18, [*message[:2], None, message[3]]))
        yield declines(f"{kind}, nothing signed", Reason.MALFORMED_TOKEN, detached, **how)
        yield declines(f"{kind}, HMAC", Reason.ALGORITHM_NOT_ALLOWED, status_cwt(header={1: 5}, **how), **how)


@attack("STA-005", "STATUS_STALE", "ISSUED_IN_FUTURE")
def outside_of_its_time() -> Iterator[Trial]:
    """The list has ended, was fetched too long ago, or says that it was issued in the future."""
    stale = Reason.STATUS_LIST_STALE
    yield asked("the last second of its ttl", None, later(43_199))
    yield asked("its ttl", stale, later(43_200))
    short = status_token(payload={"iat": NOW - 9, "exp": NOW + 600})
    yield asked("the last second before exp", None, later(599, short))
    yield asked("exp", stale, later(600, short))
    yield asked(
        "fetched again after exp of the old one", None, later(900, status_token(payload={"iat": NOW - 9}), again=900)
    )
    yield asked("a ticket at the end of ttl", stale, _ticket_later(43_199, 1))
    yield from stale_identifiers()
    patient = _sd_jwt.challenge(max_age_s=86_400)
    for format, forgery in at(VALID_INDEX).items():
        if format != "mdoc":  # whose challenge has no age of its own
            at_end: dict[str, Any] = {"challenge": patient, "statuses": statuses()}
            yield accepted(f"{format}, judged in the last second", forgery, now=NOW + 43_199, **at_end)
            yield refused(f"{format}, judged at the end", stale, forgery, now=NOW + 43_200, **at_end)
    yield takes("a second before exp", status_token(payload={"exp": NOW + 1}))
    yield takes("iat within the skew", status_token(payload={"iat": NOW + 30}))
    yield declines("exp past", Reason.STATUS_LIST_EXPIRED, status_token(payload={"exp": NOW}))
    yield declines("iat beyond the skew", Reason.STATUS_LIST_IN_FUTURE, status_token(payload={"iat": NOW + 31}))
    yield declines("nbf in a second", Reason.STATUS_LIST_IN_FUTURE, status_token(payload={"nbf": NOW + 1}))
    for kind in (CWT, IDENTIFIER_MEDIA_TYPE):
        how: dict[str, Any] = {"media_type": kind}
        yield declines(f"{kind}, exp past", Reason.STATUS_LIST_EXPIRED, status_cwt({4: NOW}, **how), **how)
        yield declines(f"{kind}, iat", Reason.STATUS_LIST_IN_FUTURE, status_cwt({6: NOW + 31}, **how), **how)
    yield holds("an iat in the future moves no mark", _future_moves_nothing)
    yield from lists_of_the_past()


def _future_moves_nothing() -> None:
    store = statuses()
    called(partial(ingested, status_token({}, payload={"iat": NOW + 1_000}), into=store))
    ingested(status_token({VALID_INDEX: 1}, payload={"iat": NOW}), into=store)
    expect(_status(store, VALID_INDEX) is Status.INVALID, "a list of the future hides one of now")


def _ticket_later(before: int, after: int) -> Callable[[Party], Outcome]:
    def act(party: Party) -> Outcome:
        party.world.wait(before)
        answer = party.apply()
        party.world.wait(after)
        return party.use(json.loads(answer.body)["ticket"])

    return act


@attack("STA-006", "STATUS_STALE")
def endless() -> Iterator[Trial]:
    """The list states neither exp nor ttl: the cap on its age ends it."""
    endless_ = status_token(payload={"iat": NOW - 9, "exp": ABSENT, "ttl": ABSENT})
    stale = Reason.STATUS_LIST_STALE
    yield asked("the last second", None, later(86_390, endless_))
    yield asked("a day after it was issued", stale, later(86_391, endless_))
    yield asked("fetched again meanwhile", stale, later(86_391, endless_, again=80_000))
    far = status_token(payload={"iat": NOW - 9, "exp": NOW + 10**9, "ttl": 10**9})
    yield asked("ends that are beyond the cap", stale, later(86_400, far))
    ends: dict[str, dict[str, Any]] = {"without ends": {"exp": ABSENT, "ttl": ABSENT}, "with far ones": {"exp": 2**40}}
    for name, changes in ends.items():
        yield takes(f"{name}, a day old", status_token(payload={"iat": NOW - 86_400, **changes}))
        old = status_token(payload={"iat": NOW - 86_401, **changes})
        yield declines(f"{name}, older than a day", Reason.STATUS_LIST_TOO_OLD, old)


@attack("STA-008", "STATUS_MISMATCH")
def another_spelling() -> Iterator[Trial]:
    """The URI is spelt otherwise in the list than where it was fetched, or in the credential."""
    for name, uri in SPELLINGS.items():
        yield declines(f"in the list, {name}", Reason.STATUS_SUBJECT_MISMATCH, status_token(payload={"sub": uri}))
        yield declines(f"asked for, {name}", Reason.STATUS_SUBJECT_MISMATCH, status_token(), uri=uri)
        yield takes(f"in both, {name}", status_token(payload={"sub": uri}), uri=uri)
        yield refused(f"in the credential, {name}", Reason.STATUS_LIST_UNAVAILABLE, at(VALID_INDEX, uri)["SD-JWT VC"])
    for format, forgery in at(VALID_INDEX, SPELLINGS["host in capitals"]).items():
        yield refused(f"in the {format}", Reason.STATUS_LIST_UNAVAILABLE, forgery)
        yield accepted(f"{format}, the same characters", at(VALID_INDEX)[format])


@attack("STA-010", "STATUS_ROLLBACK")
def older() -> Iterator[Trial]:
    """An older list, which has not ended yet, comes after a newer one."""
    rollback = Reason.STATUS_LIST_ROLLBACK
    for age, good in ((9, True), (11, False), (86_400, False)):
        body = status_token({}, payload={"iat": NOW - age})
        how: dict[str, Any] = {"into": statuses()}
        yield takes(f"iat {age} s ago", body, **how) if good else declines(f"iat {age} s ago", rollback, body, **how)
    yield declines("as CWT", rollback, status_cwt({6: NOW - 11}), into=statuses(), media_type=CWT)
    yield declines("after the held one has ended", rollback, _alive(NOW - 11), into=statuses(), now=NOW + 80_000)
    yield declines("after the trust in the signer came back", rollback, _alive(NOW - 11), into=_trusted_anew())
    listed = ingested(status_cwt(media_type=IDENTIFIER_MEDIA_TYPE), media_type=IDENTIFIER_MEDIA_TYPE)
    earlier = status_cwt({6: NOW - 11, 65530: {"identifiers": {}}}, media_type=IDENTIFIER_MEDIA_TYPE)
    yield declines("an identifier list", rollback, earlier, into=listed, media_type=IDENTIFIER_MEDIA_TYPE)
    yield holds("it lifts no revocation", partial(_stays_revoked, status_token({}, payload={"iat": NOW - 11})))


@attack("STA-011", "STATUS_ROLLBACK")
def equivocation() -> Iterator[Trial]:
    """Two lists of one iat say different things."""
    conflict = Reason.STATUS_LIST_CONFLICT
    values = {REVOKED_INDEX: 1, SUSPENDED_INDEX: 2, 10: 3}
    yield takes("the same list again", status_token(), into=statuses())
    stored = base64url(zlib.compress(packed(values, bits=4, size=STATUS_SIZE), 0)).decode()
    again = {"status_list": {"bits": 4, "lst": stored}}
    yield takes("compressed otherwise", status_token(payload=again), into=statuses())
    for name, body in {
        "nobody is revoked": status_token({}),
        "one more": status_token({**values, VALID_INDEX: 1}),
        "a longer list": status_token(values, size=2 * STATUS_SIZE),
        "a shorter list": status_token(values, size=STATUS_SIZE // 2),
        "wider values": status_token(values, bits=8),
        "the same bits, read otherwise": status_token({4: 1, 17: 1, 20: 3}, bits=2, size=2 * STATUS_SIZE),
    }.items():
        yield declines(name, conflict, body, into=statuses())
    yield declines(
        "as CWT",
        conflict,
        status_cwt({65533: {"bits": 1, "lst": zlib.compress(b"\0")}}),
        into=statuses(),
        media_type=CWT,
    )
    yield holds("it lifts no revocation", partial(_stays_revoked, status_token({})))


@attack("STA-013", "STATUS_ROLLBACK")
def rollback_over_a_restart() -> Iterator[Trial]:
    """A verifier starts anew with what it had stored, and is shown an older list."""
    rollback, conflict = Reason.STATUS_LIST_ROLLBACK, Reason.STATUS_LIST_CONFLICT
    older_, other = status_token({}, payload={"iat": NOW - 11}), status_token({})
    newer = status_token({}, payload={"iat": NOW - 9})
    yield takes("without a memory the older one is taken", older_)
    for name, restarted in {"marks": _from_marks, "all it held": _from_export, "a file": _from_file}.items():
        yield takes(f"from {name}, a newer one", newer, into=restarted())
        yield takes(f"from {name}, the same", status_token(), into=restarted())
        yield declines(f"from {name}, an older one", rollback, older_, into=restarted())
        yield declines(f"from {name}, other bits of its iat", conflict, other, into=restarted())


def _from_marks() -> StatusStore:
    return StatusStore(anchors=status_anchors(), marks=statuses().export_marks())


def _from_export() -> StatusStore:
    return StatusStore(anchors=status_anchors(), stored=statuses().export())


def _from_file() -> StatusStore:
    with TemporaryDirectory() as folder:
        write_status_file(f"{folder}/lists", statuses())
        return StatusStore(anchors=status_anchors(), stored=read_status_file(f"{folder}/lists"))


def _trusted_anew() -> StatusStore:
    store = statuses()
    store.reload(anchors=TrustAnchors())
    store.reload(anchors=status_anchors())
    return store


def _alive(issued_at: int) -> bytes:
    return status_token({}, payload={"iat": issued_at, "exp": NOW + 10**6})


def _status(store: StatusStore, index: int) -> object:
    return store.check(StatusReference(uri=STATUS_URI, index=index), issuer=ISSUER, now=NOW)


def _stays_revoked(body: bytes, *, anchors: TrustAnchors | None = None) -> None:
    """Check that a list, taken in or not, changes nothing for who is revoked."""
    store = statuses()
    if anchors is not None:
        store.reload(anchors=anchors)
    called(partial(ingested, body, into=store))
    expect(_status(store, REVOKED_INDEX) is Status.INVALID, "a revocation was lifted")
    expect(_status(store, VALID_INDEX) is Status.VALID, "a list that counts for nothing counts")


ATTACKS: Final = (
    another_subject,
    another_issuer,
    unsigned,
    outside_of_its_time,
    endless,
    another_spelling,
    older,
    equivocation,
    rollback_over_a_restart,
)
