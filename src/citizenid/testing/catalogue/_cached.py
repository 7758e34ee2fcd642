"""Attacks on what is remembered of a verification: what a hit in the cache of issuer halves may say, and must not.

A hit skips the issuer's signature and the reading of claims, and nothing else. So every trial here is made twice with
the same bytes of the issuer: first to fill the cache, and then to use it.

Spec: DESIGN section 4 (caches); specs/verification.md; specs/profile-status-list.md section 8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Final, final

from ... import Challenge, Country, Format, Limits, Reason, TrustAnchors
from ...gateway import Allow
from ...status import StatusStore
from ..attacks import attack
from ..forge import mdoc_keys
from ..forge import sd_cwt as _sd_cwt
from ..forge import sd_jwt as _sd_jwt
from ..forge.cbor import date_time
from ..forge.parts import ABSENT, AUDIENCE, NONCE, NOW, SUSPENDED_INDEX, VALID_INDEX, key
from ..forge.status_lists import status_claim, status_token
from ..forgery import MAKE, Forgery, Outcome, called
from ..targets import Library, Party, outcome_of
from ..trials import Trial, accepted, asked, expect, holds, mdoc, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ..world import SimulatedWorld, anchors, policy
from ._statuses import ingested, shown
from ._two_references import of_two_references

_LIBRARY: Final = Library()
Act = Callable[[Party], Outcome]


@final
class Cache:
    """Remembers everything, and counts."""

    def __init__(self) -> None:
        self.entries: dict[bytes, Any] = {}
        self.hits = 0

    def get(self, key: bytes, /) -> Any:
        found = self.entries.get(key)
        self.hits += found is not None
        return found

    def put(self, key: bytes, value: Any, /) -> None:
        self.entries[key] = value


@cache
def _signed(data: bytes) -> bytes:
    """Sign as the issuer, the same thing always alike: then the same claims are the same bytes."""
    return key("issuer").sign(data)


@cache
def _signed_mdoc(data: bytes) -> bytes:
    return mdoc_keys.sign(mdoc_keys.key("signer"), data)


def same(format: Format = Format.SD_JWT_VC, **claims: Any) -> Forgery:
    """Return a presentation whose issuer half is the same whenever it is made."""
    if format is Format.MDOC:
        return mdoc(sign_with=_signed_mdoc, **claims)
    return sd_cwt(sign=_signed, **claims) if format is Format.SD_CWT else jwt(sign=_signed, **claims)


def ending(seconds: int) -> dict[Format, Forgery]:
    """Return credentials that end so many seconds from now."""
    return {
        Format.SD_JWT_VC: same(payload={"exp": NOW + seconds}),
        Format.SD_CWT: same(Format.SD_CWT, claims={4: NOW + seconds}),
        Format.MDOC: same(Format.MDOC, validity={"validUntil": date_time(NOW + seconds - 1)}),  # which still counts
    }


def warm(forgery: Forgery) -> Cache:
    """Return a cache that has an entry for this presentation and no other."""
    filled = Cache()
    outcome = _LIBRARY.present(forgery, cache=filled)
    expect(outcome.allowed and len(filled.entries) == 1, f"not cached: {outcome}")
    return filled


def _on_a_hit(forgery: Forgery, reason: Reason | None, **judged: Any) -> None:
    """Check what comes of a presentation whose issuer half is found in the cache."""
    filled = warm(forgery)
    outcome = _LIBRARY.present(forgery, cache=filled, **judged)
    expect(filled.hits == 1, "the entry was not found")
    expect(outcome.reason is reason, f"on a hit: {outcome}")


def _apart(*forgeries: Forgery, judged: tuple[dict[str, Any], ...] = ({},)) -> None:
    """Check that each of these has an entry of its own."""
    filled = Cache()
    for forgery in forgeries:
        for how in judged:
            outcome = _LIBRARY.present(forgery, cache=filled, **how)
            expect(outcome.allowed, f"{outcome}")
    expect(filled.hits == 0 and len(filled.entries) == len(forgeries) * len(judged), "an entry was shared")


def again(*steps: Callable[[Party], object], forgery: Forgery | None = None, before: bool = True) -> Act:
    """Return what a party does that presents, lets something happen, and presents the same credential again."""
    first = forgery or same()

    def act(party: Party) -> Outcome:
        admitted = party.apply(first).status == 200
        expect(admitted is before, "the first presentation")
        for step in steps:
            step(party)
        return shown(party, first)

    return act


def with_ticket(*steps: Callable[[Party], object]) -> Act:
    """Return what a party does with a ticket, after something has happened."""

    def act(party: Party) -> Outcome:
        ticket = party.ticket()
        for step in steps:
            step(party)
        return party.use(ticket)

    return act


def _waits(seconds: int) -> Callable[[Party], None]:
    return lambda party: party.world.wait(seconds)


def _fetches(values: dict[int, int]) -> Callable[[Party], object]:
    body = status_token(values, payload={"iat": NOW - 5})
    return lambda party: ingested(body, into=party.world.statuses)


@attack("CAC-001")
def keys_that_collide() -> Iterator[Trial]:
    """Two credentials differ in their last bytes alone, or in what is disclosed."""
    yield holds("SD-JWT VC, in the signature", partial(_apart, jwt(), jwt(), jwt()))
    yield holds("SD-CWT, in the signature", partial(_apart, sd_cwt(), sd_cwt()))
    yield holds("mdoc, in the signature", partial(_apart, mdoc(), mdoc()))
    texts = [_sd_jwt.disclosure("salt", name, 1) for name in "abc"]
    payload = {"_sd": [_sd_jwt.digest(text) for text in texts]}
    chosen: tuple[list[bytes], ...] = ([], texts[:1], texts[1:2], texts[:2], texts[1::-1], texts)
    halves = (same(payload=payload, disclosures=tuple(each)) for each in chosen)
    yield holds("SD-JWT VC, in what is disclosed", partial(_apart, *halves))
    contents = [_sd_cwt.disclosure(_sd_cwt.salt(number), 1, f"claim {number}") for number in range(2)]
    hidden = _sd_cwt.hide(*contents)
    some = (
        same(Format.SD_CWT, claims=hidden, disclosures=each) for each in ([], contents[:1], contents, contents[::-1])
    )
    yield holds("SD-CWT, in what is disclosed", partial(_apart, *some))
    yield holds("one long and one short part", partial(_apart, *_long_and_short()))


def _long_and_short() -> tuple[Forgery, ...]:
    texts = [_sd_jwt.disclosure("salt", "a", "x" * size) for size in (1, 60, 64, 2_000)]
    return tuple(same(payload={"_sd": [_sd_jwt.digest(text)]}, disclosures=(text,)) for text in texts)


@attack("CAC-002")
def another_question() -> Iterator[Trial]:
    """The same credential is judged by another challenge, another trust, other bounds or another policy."""
    first = same(payload={"nationalities": ["US", "DE"]})
    other = {"nonce": "another nonce", "audience": "https://elsewhere.example"}
    issuer = key("issuer").public
    for format in (Format.SD_JWT_VC, Format.SD_CWT):
        for part, reason in (("nonce", Reason.NONCE_MISMATCH), ("audience", Reason.AUDIENCE_MISMATCH)):
            changed = _sd_jwt.challenge(**{"audience": AUDIENCE, "nonce": NONCE, part: other[part]})
            check = partial(_on_a_hit, same(format), reason, challenge=changed)
            yield holds(f"{format.value}, another {part}", check)
    yield holds("no status list", partial(_on_a_hit, first, Reason.STATUS_LIST_UNAVAILABLE, statuses=_no_lists()))
    for name, reason, judged in (
        ("nobody is trusted", Reason.KEY_UNKNOWN, {"anchors": TrustAnchors()}),
        ("another key", Reason.SIGNATURE_INVALID, {"anchors": _sd_jwt.anchors_for(key("attacker").public)}),
        ("another kid", Reason.KEY_UNKNOWN, {"anchors": _sd_jwt.anchors_for(issuer, kid="k2")}),
        ("another type", Reason.TYPE_NOT_ALLOWED, {"anchors": _sd_jwt.anchors_for(issuer, types=("urn:x",))}),
        ("other countries", Reason.COUNTRY_NOT_ALLOWED, {"anchors": _sd_jwt.anchors_for(issuer, countries=_fr())}),
        ("trust that has ended", Reason.ANCHOR_EXPIRED, {"anchors": _sd_jwt.anchors_for(issuer, not_after=NOW)}),
        ("a tighter bound", Reason.DEPTH_EXCEEDED, {"limits": Limits(depth=2)}),
    ):
        yield refused(name, reason, first, cache=warm(first), **judged)
    apart: tuple[dict[str, Any], ...] = (
        {},
        {"limits": Limits(depth=31)},
        {"anchors": _sd_jwt.anchors_for(issuer, not_after=NOW + 9)},
    )
    yield holds("each question has an entry of its own", partial(_apart, first, judged=apart))
    yield asked("two challenges", None, again())
    yield asked("the answer to another challenge", Reason.NONCE_MISMATCH, _answers_another)
    yield holds("a policy of today", _policy_of_today)


def _answers_another(party: Party) -> Outcome:
    one, two = party.challenge(), party.challenge()
    made = same().made(one["nonce"], one["audience"], party.world.now)
    expect(party.post(made, one["challenge"]).status == 200, "the good answer")
    return outcome_of(party.post(made, two["challenge"]))


def _policy_of_today() -> None:
    world = SimulatedWorld()
    wallet = world.wallet()
    ticket = world.ticket(wallet)
    expect(type(world.ask(wallet, ticket)) is Allow, "the policy of yesterday")
    world.gateway.reload(policy=policy('version = 1\n[[rule]]\nresource = "*"\nnationality = ["DE"]\n'))
    outcome = outcome_of(world.ask(wallet, ticket).http())
    expect(outcome.reason is Reason.CITIZENSHIP_NOT_PERMITTED, f"{outcome}")
    world.gateway.reload(anchors=anchors(countries=_fr()), policy=policy())
    expect(outcome_of(world.ask(wallet, ticket).http()).reason is Reason.ANCHOR_REMOVED, "another anchor")


def _fr() -> tuple[Country, ...]:
    return (Country("FR"),)


def _no_lists() -> StatusStore:
    return StatusStore(anchors=TrustAnchors())


@attack("CAC-004")
def alike_when_normalised() -> Iterator[Trial]:
    """What would be the same text after trimming, folding or decoding is refused, or has an entry of its own."""
    good = same()
    half, binding = MAKE[Format.SD_JWT_VC](**good.arguments).rsplit(b"~", 1)
    head, body, signature = half.split(b".")
    bad = Reason.MALFORMED_BASE64
    for name, spoilt, reason in (
        ("a space in front", b" " + half, bad),
        ("a line end in front", b"\n" + half, bad),
        ("padding", half + b"=", bad),
        ("a bit to spare", b".".join((head, body, signature[:-1] + _spare(signature))), bad),
        ("the other alphabet", b".".join((head, body + b"+", signature)), bad),
        ("a NUL", half + b"\0", bad),
        ("a soft hyphen", half + "\u00ad".encode(), bad),
        ("small letters", half.lower(), Reason.MALFORMED_JSON),
        ("capitals", half.upper(), Reason.MALFORMED_JSON),
    ):
        yield holds(f"{name} finds nothing", partial(_finds_nothing, good, spoilt + b"~" + binding, reason))
        yield refused(name, reason, jwt(after=_instead(spoilt + b"~" + binding)))
    composed, apart = {"name": "\u00e9"}, {"name": "e\u0301"}
    yield holds("composed and decomposed", partial(_apart, same(payload=composed), same(payload=apart)))
    yield holds(
        "1 and 1.0", partial(_apart, same(payload={"n": 1}), same(payload={"n": 1.0}), same(payload={"n": True}))
    )
    spaced = json.dumps(_sd_jwt.good_payload(), indent=1).encode()
    yield holds("spaces between members", partial(_apart, same(), same(payload=spaced)))
    yield holds("the order of members", partial(_apart, same(), same(payload=_reversed())))


def _instead(data: bytes) -> Callable[[bytes], bytes]:
    return lambda _: data


def _reversed() -> bytes:
    return json.dumps(dict(reversed(_sd_jwt.good_payload().items()))).encode()


def _spare(signature: bytes) -> bytes:
    """Return another last character that a careless decoder reads alike: 64 bytes leave four bits unused."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place = alphabet.index(signature[-1:])
    return alphabet[place + 1 : place + 2]


def _finds_nothing(good: Forgery, data: bytes, reason: Reason) -> None:
    filled = warm(good)
    outcome = called(partial(_sd_jwt.verify, data, cache=filled))
    expect(outcome.reason is reason and filled.hits == 0 and len(filled.entries) == 1, f"{outcome}")


@attack("CAC-006", "EXPIRED")
def expired_since() -> Iterator[Trial]:
    """The credential has ended since it was remembered."""
    for format, forgery in ending(10).items():
        name = format.value
        yield accepted(f"{name}, the last second", forgery, cache=warm(forgery), now=NOW + 9)
        yield refused(f"{name}, its end", Reason.EXPIRED, forgery, cache=warm(forgery), now=NOW + 10, step="V6")
        yield refused(f"{name}, long ago", Reason.EXPIRED, forgery, cache=warm(forgery), now=NOW + 10**6, step="V6")
        yield holds(f"{name}, on a hit", partial(_on_a_hit, forgery, Reason.EXPIRED, now=NOW + 10))
    yield asked("presented again in the last second", None, again(_waits(9), forgery=ending(11)[Format.SD_JWT_VC]))
    yield asked("presented again at the end", Reason.EXPIRED, again(_waits(10), forgery=ending(10)[Format.SD_JWT_VC]))


@attack("CAC-007", "EXPIRED")
def expired_without_a_beginning() -> Iterator[Trial]:
    """The same for a credential that does not say when it was issued."""
    shapes = {
        "SD-JWT VC": same(payload={"iat": ABSENT, "exp": NOW + 10}),
        "SD-JWT VC with nbf": same(payload={"iat": ABSENT, "nbf": NOW - 5, "exp": NOW + 10}),
        "SD-CWT": same(Format.SD_CWT, claims={6: ABSENT, 4: NOW + 10}),
    }
    for name, forgery in shapes.items():
        yield accepted(f"{name}, the last second", forgery, cache=warm(forgery), now=NOW + 9)
        yield refused(f"{name}, its end", Reason.EXPIRED, forgery, cache=warm(forgery), now=NOW + 10)
        yield holds(f"{name}, on a hit", partial(_on_a_hit, forgery, Reason.EXPIRED, now=NOW + 10))
    yield asked("presented again", Reason.EXPIRED, again(_waits(10), forgery=shapes["SD-JWT VC"]))


@attack("CAC-008", "REVOKED")
def revoked_since() -> Iterator[Trial]:
    """The credential was revoked after it was remembered: the first look after the new list refuses."""
    for format in Format:
        forgery = (
            same(Format.MDOC, mso={"status": status_claim(VALID_INDEX)}) if format is Format.MDOC else same(format)
        )
        filled, revoked = warm(forgery), ingested(status_token({VALID_INDEX: 1}), into=None)
        yield accepted(f"{format.value}, the old list", forgery, cache=filled)
        yield refused(f"{format.value}, the new list", Reason.REVOKED, forgery, cache=filled, statuses=revoked)
    yield asked("the neighbour is revoked", None, again(_fetches({VALID_INDEX + 1: 1})))
    yield asked("presented again", Reason.REVOKED, again(_fetches({VALID_INDEX: 1})))
    yield asked("a ticket, the neighbour is revoked", None, with_ticket(_fetches({VALID_INDEX - 1: 1})))
    yield asked("a ticket", Reason.REVOKED, with_ticket(_fetches({VALID_INDEX: 1})))
    yield asked("a ticket, suspended", Reason.SUSPENDED, with_ticket(_fetches({VALID_INDEX: 2})))
    yield refused("suspended", Reason.SUSPENDED, jwt(payload={"status": status_claim(SUSPENDED_INDEX)}), step="V9")
    yield from of_two_references()


@attack("CAC-010", "STATUS_STALE")
def list_gone_stale() -> Iterator[Trial]:
    """The status list has ended while the entry is still asked for."""
    stale = Reason.STATUS_LIST_STALE
    yield asked("presented again before", None, again(_waits(43_199)))
    yield asked("presented again", stale, again(_waits(43_200)))
    yield asked("presented again with a new list", None, again(_waits(43_200), _refetches))
    yield asked("a ticket before", None, _with_young_ticket(43_199, 0))
    yield asked("a ticket", stale, _with_young_ticket(43_199, 1))
    patient = Challenge(AUDIENCE, NONCE, 86_400)
    for format in (Format.SD_JWT_VC, Format.SD_CWT):
        late = partial(_on_a_hit, same(format), stale, now=NOW + 43_200, challenge=patient)
        yield holds(f"{format.value}, on a hit", late)


def _refetches(party: Party) -> None:
    now = party.world.now
    body = status_token(payload={"iat": now - 10, "exp": now + 86_400})
    ingested(body, into=party.world.statuses, now=now)


def _with_young_ticket(before: int, after: int) -> Act:
    def act(party: Party) -> Outcome:
        party.world.wait(before)
        ticket = party.ticket()
        party.world.wait(after)
        return party.use(ticket)

    return act


ATTACKS: Final = (
    keys_that_collide,
    another_question,
    alike_when_normalised,
    expired_since,
    expired_without_a_beginning,
    revoked_since,
    list_gone_stale,
)
