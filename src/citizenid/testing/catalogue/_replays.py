"""The cases of the group `key_binding` about what counts once: one after the other, and at the same moment.

Spec: specs/verification.md (doors: replay); RFC 9449 section 11.1.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from ... import Format, Reason
from ...gateway import Admitted, Allow, Consumption, MemoryReplayGuard
from ..attacks import attack
from ..forgery import Forgery, Outcome
from ..targets import Party, outcome_of
from ..trials import Kind, Trial, expect, holds
from ..world import ENDPOINT, ORIGIN, SimulatedWorld, request

_WITHIN_S: Final = 240
"""A moment at which the answer to a challenge still counts."""


def _party(name: str, reason: Reason | None, act: Callable[[Party], Outcome], format: Format) -> Trial:
    """Expect this of requests to a gateway, with presentations of a format."""
    kind = Kind.ACCEPTED if reason is None else Kind.REFUSED
    return Trial(name, kind, reason, "", lambda target: act(target.party(format=format)), anywhere=True)


@attack("KBD-017", "REPLAY")
def the_same_twice() -> Iterator[Trial]:
    """One presentation is shown a second time, while it could still count."""
    for format in Format:
        yield _party(f"{format}, once", None, partial(_shown, times=1), format)
        yield _party(f"{format}, twice", Reason.REPLAYED, partial(_shown, times=2), format)
        yield _party(f"{format}, three times", Reason.REPLAYED, partial(_shown, times=3), format)
        late = partial(_shown, times=2, wait_s=_WITHIN_S)
        yield _party(f"{format}, twice, late", Reason.REPLAYED, late, format)
    yield _party("another presentation for one challenge", Reason.REPLAYED, _another_for_one, Format.SD_JWT_VC)
    yield holds("at another gateway of the fleet", _shown_elsewhere)


def _shown(party: Party, *, times: int, wait_s: int = 0) -> Outcome:
    asked = party.challenge()
    shown = Forgery(party.format, {}).made(asked["nonce"], asked["audience"], party.world.now)
    outcome = outcome_of(party.post(shown, asked["challenge"]))
    for number in range(times - 1):
        expect(outcome.allowed is (number == 0), "what was shown once was refused, or twice allowed")
        party.world.wait(wait_s)
        outcome = outcome_of(party.post(shown, asked["challenge"]))
    return outcome


def _another_for_one(party: Party) -> Outcome:
    asked = party.challenge()
    shown = [Forgery(party.format, {}).made(asked["nonce"], asked["audience"], party.world.now) for _ in range(2)]
    expect(outcome_of(party.post(shown[0], asked["challenge"])).allowed, "a good presentation was refused")
    return outcome_of(party.post(shown[1], asked["challenge"]))


def _shown_elsewhere() -> None:
    world = SimulatedWorld()
    doors = [world.gateway, world.another_gateway()]
    admitted = [_admit(world, *_applied(world), door) for door in doors]
    expect([type(each) for each in admitted] == [Admitted, Admitted], "two gateways do not admit two presentations")
    one = _applied(world)
    results = [type(_admit(world, *one, door)) is Admitted for door in doors]
    expect(results == [True, False], "what one gateway has seen another admits")


def _applied(world: SimulatedWorld) -> tuple[bytes, str]:
    wallet = world.anybody()
    challenge = world.challenge(wallet.sender)
    return world.present(wallet, challenge), challenge.to_text()


def _admit(world: SimulatedWorld, shown: bytes, challenge: str, door: Any) -> Any:
    wallet = world.anybody()
    asking = request(path=ENDPOINT, proof=world.proof(wallet.sender, url=ORIGIN + ENDPOINT))
    return door.admit(shown, format=wallet.format, challenge=challenge, request=asking)


@attack("KBD-018")
def at_once() -> Iterator[Trial]:
    """Several threads show one nonce at the same moment."""
    yield holds("one of many admissions", _admitted_at_once)
    yield holds("one of many requests with one proof", _asked_at_once)
    yield holds("one of many uses of a token", _consumed_at_once)


def _together(act: Callable[[], Any], threads: int = 8) -> list[Any]:
    """Call in many threads that begin together, and return what each got."""
    barrier = threading.Barrier(threads)
    results: list[Any] = []

    def run() -> None:
        barrier.wait()
        results.append(act())

    running = [threading.Thread(target=run) for _ in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    return results


def _admitted_at_once() -> None:
    for _ in range(4):
        world = SimulatedWorld()
        shown, challenge = _applied(world)
        found = _together(partial(_admit, world, shown, challenge, world.gateway))
        expect([type(each) for each in found].count(Admitted) == 1, "not exactly one was admitted")


def _asked_at_once() -> None:
    world = SimulatedWorld()
    wallet = world.anybody()
    ticket = world.ticket(wallet)
    for _ in range(10):
        asking = request(ticket, world.proof(wallet.sender, ticket))
        found = _together(partial(world.gateway.authorize, asking, resource="us-nationals"))
        expect([type(each) for each in found].count(Allow) == 1, "not exactly one was allowed")


def _consumed_at_once() -> None:
    guard = MemoryReplayGuard()
    for number in range(50):
        found = _together(partial(guard.consume, b"scope", number.to_bytes(4, "big"), 60))
        expect(found.count(Consumption.FRESH) == 1, "not exactly one was fresh")
