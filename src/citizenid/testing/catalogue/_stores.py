"""Stores that fail, are full, or say what is no answer: nothing is allowed on the word of a store that has given none.

Spec: specs/verification.md (doors: replay, sign-outs, status); specs/policy.md (store_down, sharing); DESIGN law 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from ... import Format, Reason, Status
from ...gateway import (
    Allow,
    Binding,
    Consumption,
    Deny,
    Gateway,
    MemorySignOuts,
    SharingDetector,
    SharingLimits,
    SignedOut,
)
from ...gateway.sharing import Threshold
from ..forge.status_lists import statuses
from ..forgery import Outcome
from ..senders import Sender
from ..targets import Handler, Library, Party, outcome_of, serving
from ..trials import Kind, Trial, expect, holds
from ..world import POLICY, SimulatedWorld
from ._sending import result_of

_UNKNOWN: Final = Reason.REPLAY_GUARD_UNAVAILABLE
_UNHEARD: Final = Reason.SIGN_OUTS_UNAVAILABLE
_ALONE: Final = POLICY + '[[rule]]\nresource = "alone"\nnationality = ["US"]\nstore_down = "local"\n'


class _Store:
    """A store that is as good as another one until it is asked to `answer` by itself."""

    def __init__(self, good: Any, *asked: str) -> None:
        self._good, self._asked = good, asked
        self._left, self._answer = 10**6, None

    def answer(self, answer: object, *, after: int = 0) -> None:
        """Answer this, or raise it, after so many good answers."""
        self._left, self._answer = after, answer  # type: ignore[assignment]  # whatever it is

    def __getattr__(self, name: str) -> Any:
        good = getattr(self._good, name)
        return partial(self._say, good) if name in self._asked else good

    def _say(self, good: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left >= 0:
            return good(*arguments, **named)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def _tried(name: str, reason: Reason | None, act: Callable[[], Outcome]) -> Trial:
    kind = Kind.ACCEPTED if reason is None else Kind.REFUSED
    return Trial(name, kind, reason, "", lambda _: act(), anywhere=False)


_GUARDED: Final[dict[str, tuple[object, Reason]]] = {
    "is full": (Consumption.FULL, Reason.REPLAY_GUARD_FULL),
    "has seen it": (Consumption.SEEN, Reason.REPLAYED),
    "cannot be asked": (Consumption.UNAVAILABLE, _UNKNOWN),
    "knows this process alone": (Consumption.FRESH_HERE, _UNKNOWN),
    "says nothing": (None, _UNKNOWN),
    "says true": (True, _UNKNOWN),
    "says 'fresh'": ("fresh", _UNKNOWN),
    "raises": (OSError("x"), _UNKNOWN),
}


def failing_guards() -> Iterator[Trial]:
    """Ask for something while the memory of proofs does not say that a proof, or a challenge, is new."""
    for binding in (Binding.DPOP, Binding.HTTP_SIGNATURE):
        sender = Sender(binding)
        yield _tried(f"a guard that answers, {binding.name}", None, partial(_guarded, sender, Consumption.FRESH))
        for name, (answer, reason) in _GUARDED.items():
            yield _tried(f"a guard that {name}, {binding.name}", reason, partial(_guarded, sender, answer))
    for place, after in (("the proof", 0), ("the challenge", 1)):
        fresh = partial(_admitted, Consumption.FRESH, after)
        yield _tried(f"a guard that answers, {place} at admission", None, fresh)
        for name, (answer, reason) in _GUARDED.items():
            yield _tried(f"a guard that {name}, {place} at admission", reason, partial(_admitted, answer, after))
    for name, (answer, reason) in _GUARDED.items():
        enough = None if answer is Consumption.FRESH_HERE else reason
        act = partial(_guarded, Sender(Binding.DPOP), answer, resource="alone")
        yield _tried(f"a guard that {name}, where this process is enough", enough, act)


def _party(name: str, *asked: str, good: Any = None, **options: Any) -> tuple[Party, _Store]:
    """Return a client at a gateway of ours, of which one store may be made to fail."""
    made: list[_Store] = []

    def handler(world: SimulatedWorld) -> Handler:
        arguments = world.arguments()
        made.append(_Store(arguments[name] if good is None else good, *asked))
        return serving(Gateway(**(arguments | {name: made[0]})))

    return Party(handler, format=Format.SD_JWT_VC, **options), made[0]


def _guarded(sender: Sender, answer: object, *, resource: str = "us-nationals") -> Outcome:
    party, guard = _party("replay", "consume", policy_text=_ALONE)
    ticket = party.ticket(sender)
    expect(party.use(ticket, resource, sender=sender).allowed, "refused while the guard answers")
    guard.answer(answer)
    return party.use(ticket, resource, sender=sender)


def _admitted(answer: object, after: int) -> Outcome:
    party, guard = _party("replay", "consume")
    guard.answer(answer, after=after)
    return outcome_of(party.apply())


def failing_sign_outs() -> Iterator[Trial]:
    """Ask with a ticket while nobody says that its session was not ended."""
    yield _tried("no sign-out", None, partial(_signed_out, False))
    yield _tried("a sign-out", Reason.SIGNED_OUT, partial(_signed_out, True))
    yield holds("a session stays over while others end", _outlives_others)
    yield holds("a session stays over when the wall clock is set back", _outlives_a_step_back)
    yield holds("an end for which there is no room", _says_when_full)
    none: dict[str, object] = {"nothing": None, "0": 0, "a text": "no", "an error": OSError("x")}
    for name, answer in none.items():
        yield _tried(f"sign-outs say {name}", _UNHEARD, partial(_signed_out, answer))
    yield _tried("sign-outs say nothing, where this process is enough", None, partial(_signed_out, None, "alone"))
    for name in ("0", "a text"):
        act = partial(_signed_out, none[name], "alone")
        yield _tried(f"sign-outs say {name}, where this process is enough", _UNHEARD, act)
    yield _tried("a sign-out, where this process is enough", Reason.SIGNED_OUT, partial(_signed_out, True, "alone"))


def _outlives_others() -> None:
    """Check that a session stays over while the ends of others are forgotten, and until its own end."""
    world = SimulatedWorld()
    sender, other = Sender(Binding.DPOP), Sender(Binding.DPOP, "another")
    ticket = sender.ticket(world)
    world.gateway.sign_out(sender.request(world, ticket))
    for _ in range(30):
        world.wait(119)
        world.gateway.sign_out(other.request(world, other.ticket(world)))
        expect(result_of(sender.ask(world, ticket)).reason is Reason.SIGNED_OUT, "a session has begun again")


def _outlives_a_step_back() -> None:
    """Check that a session stays over for as long as its ticket lasts by a wall clock that was set back."""
    world = SimulatedWorld(session_lifetime_s=4_000)
    sender = Sender(Binding.DPOP)
    ticket = sender.ticket(world)
    world.gateway.sign_out(sender.request(world, ticket))
    world.step_wall_clock(-1_000)
    world.wait(4_100)
    world.sign_outs.add(bytes(16), world.now + 60)  # of another session
    outcome = result_of(sender.ask(world, ticket))
    expect(outcome.reason is Reason.SIGNED_OUT, f"{outcome}")


def _says_when_full() -> None:
    """Check that an end for which there is no room is no end, and that somebody hears of it."""
    world = SimulatedWorld()
    full = MemorySignOuts(max_entries=1, clock=world.clock, monotonic=world.monotonic)
    world.gateway = world.another_gateway(sign_outs=full)
    sender = Sender(Binding.DPOP)
    tickets = [sender.ticket(world) for _ in range(2)]
    ended = [world.gateway.sign_out(sender.request(world, each)) for each in tickets]
    expect([type(each) for each in ended] == [SignedOut, Deny], f"{ended}")
    expect(ended[1].reason is Reason.SIGN_OUTS_FULL, f"{ended[1]}")  # type: ignore[union-attr]  # as above
    expect(result_of(sender.ask(world, tickets[0])).reason is Reason.SIGNED_OUT, "the first session has begun again")
    expect(type(sender.ask(world, tickets[1])) is Allow, "an end that nobody holds is one")


def _signed_out(answer: object, resource: str = "us-nationals") -> Outcome:
    party, ended = _party("sign_outs", "contains", policy_text=_ALONE)
    ticket = party.ticket()
    ended.answer(answer)
    return party.use(ticket, resource)


def failing_statuses() -> Iterator[Trial]:
    """Present, or ask with a ticket, while the status lists do not say that it is valid."""
    away, other = Reason.STATUS_LIST_UNAVAILABLE, Reason.STATUS_NOT_VALID
    said: dict[str, tuple[object, Reason | None]] = {
        "valid": (Status.VALID, None),
        "that it is revoked": (Status.INVALID, Reason.REVOKED),
        "that it is suspended": (Status.SUSPENDED, Reason.SUSPENDED),
        "what an application means": (Status.OTHER, other),
        "0": (0, other),
        "true": (True, other),
        "a text": ("VALID", other),
    }
    for name, (answer, reason) in said.items():
        yield _tried(f"a ticket, the lists say {name}", reason, partial(_listed, answer))
        yield _tried(f"an admission, the lists say {name}", reason, partial(_listed_at_admission, answer))
    yield _tried("a ticket, the lists say nothing", away, partial(_listed, None))
    yield _tried("a ticket, the lists fail", away, partial(_listed, OSError("x")))


def _listed(answer: object) -> Outcome:
    party, lists = _party("statuses", "check_identity", good=statuses())
    ticket = party.ticket()
    lists.answer(answer)
    return party.use(ticket)


def _listed_at_admission(answer: object) -> Outcome:
    party, lists = _party("statuses", "check", good=statuses())
    lists.answer(answer)
    return outcome_of(party.apply())


_SHARED: Final = POLICY + "".join(
    f'[[rule]]\nresource = "{name}"\nnationality = ["US"]\nsharing = "{name}"\n'
    for name in ("mark", "step_up", "refuse")
)


def shared_credentials() -> Iterator[Trial]:
    """Ask with tickets of one credential by more senders than one person has, where a rule asks who shares it."""
    refused, suspected = Reason.CREDENTIAL_SHARED, Reason.SHARING_SUSPECTED
    stepping, refusing = Threshold(step_up=4), Threshold(refuse=4)
    for name, threshold, senders, resource, reason in (
        ("as many as may be", stepping, 3, "step_up", None),
        ("one more", stepping, 4, "step_up", suspected),
        ("one more, where they are refused", refusing, 4, "step_up", refused),
        ("one more, where a rule refuses", stepping, 4, "refuse", refused),
        ("one more, where a rule marks alone", refusing, 4, "mark", None),
    ):
        yield _tried(f"{name}: {resource}", reason, partial(_shared, threshold, senders, resource))


def _shared(threshold: Threshold, senders: int, resource: str) -> Outcome:
    detector = SharingDetector(limits=SharingLimits(senders_day=threshold))
    party = Library().party(policy_text=_SHARED, sharing=detector)
    results = []
    for number in range(senders):
        sender = Sender(Binding.DPOP, f"device {number}")
        results.append(party.use(party.ticket(sender), resource, sender=sender))
    expect(all(each.allowed for each in results[:-1]), "refused before")
    return results[-1]
