"""Attacks on the memories of a verifier: time that goes back, floods, races and chosen keys.

Spec: DESIGN laws 1, 4, 12, section 4 (caches, ticket); specs/profile-status-list.md section 8; specs/threat-model.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final
from unittest import mock

from ... import Format, Reason, StatusReference, TrustAnchors, verifier
from ...gateway import Consumption, MemoryReplayGuard, SieveCache
from ...status import StatusStore
from ..attacks import attack
from ..forge import sd_jwt as _sd_jwt
from ..forge.parts import NOW, VALID_INDEX, key
from ..forge.status_lists import status_anchors, status_token, statuses
from ..forgery import Outcome, called
from ..targets import Library, Party
from ..trials import Trial, accepted, asked, expect, holds, refused
from ..trials import sd_jwt as jwt
from ..world import SimulatedWorld
from ._cached import Cache, again, ending, same, warm, with_ticket
from ._statuses import at, ingested

_LIBRARY: Final = Library()
_HOUR: Final = 3_600
_THREADS: Final = 24


@attack("CAC-012")
def refused_before() -> Iterator[Trial]:
    """What was refused because its time had not come, or something was missing, is accepted when that has changed."""
    soon = same(payload={"nbf": NOW + 10})
    waits = partial(_wait, 10)
    yield asked("a second before nbf", Reason.NOT_YET_VALID, again(partial(_wait, 9), forgery=soon, before=False))
    yield asked("at nbf", None, again(waits, forgery=soon, before=False))
    shared = Cache()
    yield refused("before nbf", Reason.NOT_YET_VALID, soon, cache=shared, step="V6")
    yield accepted("at nbf, by the same cache", soon, cache=shared, now=NOW + 10)
    yield refused("before nbf once more", Reason.NOT_YET_VALID, soon, cache=shared, now=NOW + 9, step="V6")
    unlisted = same(payload={"status": {"status_list": {"idx": VALID_INDEX, "uri": _ELSEWHERE}}})
    yield asked("no list comes", Reason.STATUS_LIST_UNAVAILABLE, again(forgery=unlisted, before=False))
    yield asked("the list comes", None, again(_fetch_elsewhere, forgery=unlisted, before=False))
    good = same()
    late = Cache()
    yield refused("nobody is trusted", Reason.KEY_UNKNOWN, good, cache=late, anchors=TrustAnchors())
    yield accepted("the issuer is trusted now", good, cache=late)
    trusted = _sd_jwt.anchors_for(key("issuer").public, not_before=NOW + 5)
    yield refused("trust begins later", Reason.ANCHOR_NOT_YET_VALID, good, cache=late, anchors=trusted)
    yield accepted("trust has begun", good, cache=late, anchors=trusted, now=NOW + 5)


_ELSEWHERE: Final = "https://id.example/status/elsewhere"


def _wait(seconds: int, party: Party) -> None:
    party.world.wait(seconds)


def _step(seconds: int, party: Party) -> None:
    party.world.step_wall_clock(seconds)


def _fetch_elsewhere(party: Party) -> None:
    ingested(status_token(payload={"sub": _ELSEWHERE}), into=party.world.statuses, uri=_ELSEWHERE)


@attack("CAC-014")
def clock_goes_back() -> Iterator[Trial]:
    """The wall clock is set back after something was remembered."""
    back, ended = partial(_step, -_HOUR), partial(_wait, _HOUR)
    yield asked("a ticket that has ended ends for ever", Reason.TICKET_EXPIRED, with_ticket(ended, _uses, back))
    yield asked("a ticket, while nobody looked", Reason.PROOF_STALE, with_ticket(ended, back))
    yield asked("a proof that was used, later", Reason.REPLAYED, _proof_again())
    yield asked("a proof that was used, an hour back", Reason.PROOF_IN_FUTURE, _proof_again(back))
    yield asked("a proof that was used, an hour on and back", Reason.PROOF_STALE, _proof_again(ended, back))
    yield asked("a credential that had ended", Reason.PROOF_STALE, again(partial(_wait, 20), back, forgery=_brief()))
    early = jwt(kb={"iat": NOW - 31})
    yield accepted("a list from the clock's near future", jwt(kb={"iat": NOW - 30}), now=NOW - 30)
    yield refused("a list from the clock's future", Reason.STATUS_LIST_STALE, early, now=NOW - 31)
    yield holds("no order of times makes a cache say more", _any_order)
    yield holds("what is used is remembered by the clock that nobody sets", _guard_by_monotonic_time)


def _brief() -> Any:
    return same(payload={"iat": NOW - 7_200, "exp": NOW + 10})


def _uses(party: Party) -> None:
    """Ask for something, so that the gateway reads its clock."""
    party.use(None)


def _proof_again(*steps: Callable[[Party], object]) -> Callable[[Party], Outcome]:
    def act(party: Party) -> Outcome:
        ticket = party.ticket()
        sent = party.client.request(party.world, ticket, path="/resources/us-nationals")
        expect(party.send(sent).allowed, "the first time")
        for step in steps:
            step(party)
        return party.send(sent)

    return act


def _any_order() -> None:
    forgery = ending(10)[Format.SD_JWT_VC]
    filled = warm(forgery)
    for now in (NOW + 9, NOW + 10, NOW, NOW + 10**6, NOW - 31, NOW + 5, NOW - 3_600, NOW + 10, NOW + 9):
        with_cache = _LIBRARY.present(forgery, cache=filled, now=now)
        expect(with_cache == _LIBRARY.present(forgery, now=now), f"{now - NOW} s: {with_cache}")


def _guard_by_monotonic_time() -> None:
    world = SimulatedWorld()
    guard = MemoryReplayGuard(monotonic=world.monotonic)
    fresh, seen = Consumption.FRESH, Consumption.SEEN
    expect(guard.consume(b"sender", b"proof", 60) is fresh, "the first time")
    world.step_wall_clock(-_HOUR)
    expect(guard.consume(b"sender", b"proof", 60) is seen, "after a step back")
    world.step_wall_clock(2 * _HOUR)
    expect(guard.consume(b"sender", b"proof", 60) is seen, "after a step forward")


@attack("CAC-016")
def flood_of_invalid_ones() -> Iterator[Trial]:
    """Any number of different credentials that do not verify takes no room and drives nothing out."""
    yield holds("nothing of what is refused before V5 is kept", _nothing_is_kept)
    yield holds("a hit stays a hit", _hit_survives)
    yield holds("an entry is bounded", _large_ones_are_not_kept)
    yield holds("entries are bounded", _entries_are_bounded)


def _nothing_is_kept() -> None:
    filled = Cache()
    forgeries = [
        *(jwt(signer=key("attacker"), payload={"n": number}) for number in range(40)),
        *(jwt(header={"kid": f"kid {number}"}) for number in range(40)),
        *(jwt(payload={"n": number}, sign=lambda _: bytes(64)) for number in range(40)),
        *(jwt(disclosures=(_sd_jwt.disclosure("salt", f"{number}", 1),)) for number in range(20)),
        *(jwt(payload={"_sd_alg": f"sha-{number}"}) for number in range(20)),
    ]
    for forgery in forgeries:
        expect(not _LIBRARY.present(forgery, cache=filled).allowed, "a credential that does not verify")
    expect(not filled.entries, "an entry for what does not verify")


def _hit_survives() -> None:
    good, cache = same(), SieveCache[bytes, Any](4)
    expect(_LIBRARY.present(good, cache=cache).allowed, "a good one")
    for number in range(50):
        _LIBRARY.present(jwt(signer=key("attacker"), payload={"n": number}), cache=cache)
    with _counting() as counts:
        expect(_LIBRARY.present(good, cache=cache).allowed, "the good one again")
    expect(counts == ["kb-jwt"], "the entry was driven out")
    # Of good ones that come once each, those that come again are not driven out either.
    for number in range(40):
        _LIBRARY.present(good, cache=cache)
        _LIBRARY.present(jwt(payload={"n": number}), cache=cache)
    with _counting() as counts:
        _LIBRARY.present(good, cache=cache)
    expect(counts == ["kb-jwt"] and len(cache) == 4, "the entry in use was driven out")


def _large_ones_are_not_kept() -> None:
    filled = Cache()
    for size in (1_000, 100_000):
        expect(_LIBRARY.present(jwt(payload={"portrait": "A" * size}), cache=filled).allowed, "a good one")
    expect(len(filled.entries) == 1, "a portrait takes the room of twenty")


def _entries_are_bounded() -> None:
    cache = SieveCache[int, int](100)
    for number in range(20_000):
        cache.put(number, number)
    expect(len(cache) == 100, "more entries than there is room for")
    expect(sum(cache.get(number) == number for number in range(20_000)) == 100, "an entry under another key")


class _counting:
    """Count the signatures that the steps V3 and V8 verify, by their paths."""

    def __enter__(self) -> list[str]:
        seen: list[str] = []
        real: Any = vars(verifier)["verify_signature"]

        def counted(signed: Any, with_key: Any, where: str) -> None:
            seen.append(where)
            real(signed, with_key, where)

        self._patch = mock.patch.object(verifier, "verify_signature", counted)
        self._patch.start()
        return seen

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


@attack("CAC-017")
def flood_of_unknown_keys() -> Iterator[Trial]:
    """Any number of unknown key ids, or of requests for one list, asks for nothing to be fetched again and again."""
    unknown = Reason.KEY_UNKNOWN
    for kid in ("k2", "", "\u043a1", "k1 ", "../k1", "k" * 255):
        yield refused(f"kid {kid[:4]!r} of {len(kid)}", unknown, jwt(header={"kid": kid}), step="V2")
    yield accepted("the known one", jwt())
    yield holds("unknown keys open no connection and want no list", _unknown_keys_fetch_nothing)
    yield holds("one list is wanted once", _wanted_once)
    yield holds("what is wanted is bounded", _wanted_within_bounds)


def _unknown_keys_fetch_nothing() -> None:
    store = statuses()
    due = store.due(NOW)
    with mock.patch("socket.socket") as opened, mock.patch("socket.getaddrinfo") as looked_up:
        for number in range(300):
            outcome = _LIBRARY.present(jwt(header={"kid": f"kid {number}"}), statuses=store)
            expect(outcome.reason is Reason.KEY_UNKNOWN, f"{outcome}")
        expect(not opened.called and not looked_up.called, "a verification opened a connection")
    expect(store.due(NOW) == due, "an unverified credential wants a list")


def _wanted_once() -> None:
    store = StatusStore(anchors=status_anchors())
    missing = at(VALID_INDEX, _ELSEWHERE)["SD-JWT VC"]
    for _ in range(50):
        expect(_LIBRARY.present(missing, statuses=store).reason is Reason.STATUS_LIST_UNAVAILABLE, "no list")
    expect(store.due(NOW) == (_ELSEWHERE,), "a list is wanted more than once")


def _wanted_within_bounds() -> None:
    store = StatusStore(anchors=status_anchors())
    for number in range(5_000):
        store.check(StatusReference(uri=f"https://id.example/{number}", index=0), issuer="https://id.example", now=NOW)
    expect(len(store.due(NOW)) == 4_096, "what is wanted grows")


@attack("CAC-019")
def stampede() -> Iterator[Trial]:
    """Many threads ask for the same credential before there is an entry."""
    # Nobody waits for another's verification: a lock would cost each hit more than it saves, and whoever is held up
    # would hold up everybody. What there may be is one verification for each thread, once.
    yield holds("all get the same verdict, and afterwards nobody verifies again", partial(_stampede, accepted_=True))
    yield holds("nobody is let in by another's race", partial(_stampede, accepted_=False))


def _stampede(*, accepted_: bool) -> None:
    data = (same() if accepted_ else jwt(signer=key("attacker"))).made()
    cache, start = SieveCache[bytes, Any](64), threading.Barrier(_THREADS)
    outcomes: list[Outcome] = []

    def run() -> None:
        start.wait()
        outcomes.append(called(partial(_sd_jwt.verify, data, cache=cache)))

    with _counting() as counts:
        threads = [threading.Thread(target=run) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        before = counts.count("issuer-jwt")
        for _ in range(20):
            called(partial(_sd_jwt.verify, data, cache=cache))
        after = counts.count("issuer-jwt") - before
    reasons = {outcome.reason for outcome in outcomes}
    expect(reasons == {None if accepted_ else Reason.SIGNATURE_INVALID} and len(outcomes) == _THREADS, f"{reasons}")
    expect(before <= _THREADS and len(cache) == int(accepted_), "more than one entry, or than one look for each")
    expect(after == (0 if accepted_ else 20), f"{after} looks afterwards")


@attack("CAC-021")
def chosen_keys() -> Iterator[Trial]:
    """The keys of the cache are chosen by whoever presents, to collide or to be large."""
    for format in Format:
        yield holds(f"{format.value}, digests of one length", partial(_digests, format))
    yield holds("however long the credential", _digests_of_all_lengths)


def _digests(format: Format) -> None:
    filled = warm(same(format))
    for number in range(10):
        extra: dict[Format, dict[str, Any]] = {
            Format.SD_JWT_VC: {"payload": {"n": number}},
            Format.SD_CWT: {"claims": {"n": number}},
            Format.MDOC: {"elements": {"eu.europa.ec.eudi.pid.1": {"nationality": ["US"], "number": number}}},
        }
        expect(_LIBRARY.present(same(format, **extra[format]), cache=filled).allowed, "a good one")
    expect(len(filled.entries) == 11, "eleven credentials")
    expect(all(type(each) is bytes and len(each) == 32 for each in filled.entries), "a key that is no digest")
    firsts = {each[:4] for each in filled.entries}
    expect(len(firsts) == 11, "keys that begin alike")


def _digests_of_all_lengths() -> None:
    filled = Cache()
    for size in (0, 1, 55, 56, 63, 64, 65, 1_000, 5_000):
        expect(_LIBRARY.present(same(payload={"n": "x" * size}), cache=filled).allowed, "a good one")
    expect({len(each) for each in filled.entries} == {32} and len(filled.entries) == 9, "keys of other lengths")


ATTACKS: Final = (
    refused_before,
    clock_goes_back,
    flood_of_invalid_ones,
    flood_of_unknown_keys,
    stampede,
    chosen_keys,
)
