"""The cases: what each row of the article is made of, the right decision of each, and how its trials come about.

A case is a generator: it prepares one trial (issuing, presenting, making proofs), hands out the one call to be timed,
and goes on to the next. So nothing but the decision is timed, and every proof is fresh.

Spec: DESIGN section 1 (the four rows); specs/threat-model.md (what row 4 is up against).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from typing import Final, NamedTuple

from .. import Challenge, LocalKey, Reason
from ..gateway import Admitted, Allow, Deny, NeedPresentation
from .floor import admission_floor, proof_floor
from .world import BEARER, ENDPOINT, SESSIONS_EACH, Trial, World, make_proof

_REVOKED_TOGETHER: Final = 10  # callers in one new list: each list is dated a second later at least


class Case(NamedTuple):
    """One way of being let in or kept out.

    Attributes:
        row: the index of its row.
        title: its name in the table.
        admits: whether its trials call `admit`, of which there are fewer, and not `authorize`.
        decision: the class of the right decision.
        reason: the right Reason, or None; what it depends on the format is asked of the world.
        trials: makes trials without end.
    """

    row: int
    title: str
    admits: bool
    decision: type
    reason: Reason | Callable[[World], Reason] | None
    trials: Callable[[World], Iterator[Trial]]


def _cached_bearer(world: World) -> Iterator[Trial]:
    return (world.ask(session.ticket, resource=BEARER) for session in world.sessions(bearer=True))


def _cached_dpop(world: World) -> Iterator[Trial]:
    return (world.ask_with(session.ticket, session.sender) for session in world.sessions())


def _first_time(world: World) -> Iterator[Trial]:
    while True:
        citizen, sender = world.citizen(), LocalKey.generate("ES256")
        challenge = world.gateway.challenge(sender=sender.public.thumbprint)
        data, proof = world.present(citizen, challenge), make_proof(sender, ENDPOINT)
        keys = (world.issuer.public, sender.public, citizen.key.public)
        floor = partial(admission_floor, data, world.format, challenge, world.anchors, proof, *keys)
        yield world.post(data, challenge, proof)._replace(floor=floor)


def _other_country(world: World) -> Iterator[Trial]:
    return (world.ask_with(session.ticket, session.sender) for session in world.sessions("FR"))


def _revoked(world: World) -> Iterator[Trial]:
    while True:
        citizens = [world.citizen() for _ in range(_REVOKED_TOGETHER)]
        sessions = [world.session(citizen) for citizen in citizens]
        for session in sessions:
            world.allowed(world.ask_with(session.ticket, session.sender))
        world.revoke(citizens)
        for session in sessions * SESSIONS_EACH:
            yield world.ask_with(session.ticket, session.sender)


def _no_credential(world: World) -> Iterator[Trial]:
    while True:
        yield world.ask(None)


def _stolen_without_proof(world: World) -> Iterator[Trial]:
    return (world.ask(session.ticket) for session in world.sessions())


def _stolen_with_own_proof(world: World) -> Iterator[Trial]:
    thieves = cycle([LocalKey.generate("ES256") for _ in range(SESSIONS_EACH)])
    return (world.ask_with(session.ticket, thief) for session, thief in zip(world.sessions(), thieves, strict=False))


def _replayed_request(world: World) -> Iterator[Trial]:
    sessions = world.sessions()
    while True:
        session = next(sessions)
        trial = world.ask_with(session.ticket, session.sender)
        world.allowed(trial)  # the caller's own; what comes next is the same request from elsewhere
        yield trial


def _relayed_presentation(world: World) -> Iterator[Trial]:
    """The victim answers his own challenge; a thief in between posts the answer first, with his own key."""
    while True:
        thief = LocalKey.generate("ES256")
        challenge = world.gateway.challenge(sender=LocalKey.generate("ES256").public.thumbprint)
        yield _posted_by(world, thief, world.present(world.citizen(), challenge), challenge)


def _captured_presentation(world: World) -> Iterator[Trial]:
    """The victim was admitted; a thief posts the same presentation for a challenge of his own."""
    while True:
        citizen, sender, thief = world.citizen(), LocalKey.generate("ES256"), LocalKey.generate("ES256")
        challenge = world.gateway.challenge(sender=sender.public.thumbprint)
        data = world.present(citizen, challenge)
        world.admitted(world.post(data, challenge, make_proof(sender, ENDPOINT)))
        yield _posted_by(world, thief, data, world.gateway.challenge(sender=thief.public.thumbprint))


def _posted_by(world: World, thief: LocalKey, data: bytes, challenge: Challenge) -> Trial:
    proof = make_proof(thief, ENDPOINT)
    return world.post(data, challenge, proof)._replace(floor=partial(proof_floor, proof, thief.public, load=True))


CASES: Final = (
    Case(0, "ticket, bearer", False, Allow, None, _cached_bearer),
    Case(0, "ticket with DPoP proof", False, Allow, None, _cached_dpop),
    Case(1, "presentation, V1 to V9", True, Admitted, None, _first_time),
    Case(2, "citizen of France", False, Deny, Reason.CITIZENSHIP_NOT_PERMITTED, _other_country),
    Case(2, "revoked in mid-session", False, Deny, Reason.REVOKED, _revoked),
    Case(2, "no credential", False, NeedPresentation, Reason.TICKET_MISSING, _no_credential),
    Case(3, "stolen ticket, no proof", False, Deny, Reason.PROOF_MISSING, _stolen_without_proof),
    Case(3, "stolen ticket, own proof", False, Deny, Reason.PROOF_KEY_MISMATCH, _stolen_with_own_proof),
    Case(3, "request replayed", False, Deny, Reason.REPLAYED, _replayed_request),
    Case(3, "presentation relayed", True, Deny, Reason.CHALLENGE_INVALID, _relayed_presentation),
    Case(3, "presentation captured", True, Deny, lambda world: world.captured, _captured_presentation),
)
