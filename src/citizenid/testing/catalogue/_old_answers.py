"""How old an answer may be: the key binding of a presentation, and the challenge that it answers.

Spec: RFC 9901 section 7.3 step 5; specs/verification.md V7.11, V7.18 and the door challenge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ... import Challenge, MalformedError, Reason
from ..forge.parts import NOW
from ..forgery import Forgery, NotOfferedError, Outcome
from ..targets import Party, outcome_of
from ..trials import Trial, accepted, asked, refused, sd_cwt
from ..trials import sd_jwt as jwt


def old_answers() -> Iterator[Trial]:
    """Answer long ago, though to this very challenge, or answer a challenge that was made long ago."""
    stale, ended = Reason.KEY_BINDING_STALE, Reason.CHALLENGE_EXPIRED

    def sd_kbt(seconds: int) -> Forgery:  # none may be older than what it binds
        return sd_cwt(claims={6: NOW - 7_200}, kb={6: NOW - seconds})

    for name, made in {"a key binding": lambda s: jwt(kb={"iat": NOW - s}), "an SD-KBT": sd_kbt}.items():
        yield accepted(f"{name} of half a minute", made(30))
        yield refused(f"{name} of an hour", stale, made(3_600), step="V7")
        yield accepted(f"{name}, as old as may be", made(300), now=NOW)
        yield refused(f"{name}, a second older", stale, made(301), step="V7", now=NOW)
    yield asked("a key binding of an hour, and a challenge that says it may be", stale, _with_its_own_age)
    yield asked("a challenge, after half a minute", None, _answering_after(30))
    yield asked("a challenge, after an hour", ended, _answering_after(3_600))
    yield asked("a challenge, one second left", None, _answering_after(299))._replace(anywhere=False)
    yield asked("a challenge at its end", ended, _answering_after(300))._replace(anywhere=False)


def _with_its_own_age(party: Party) -> Outcome:
    """Answer by an old key binding, and give the challenge back with a greater age: that is for the gateway to say."""
    made = party.challenge()
    patient = None
    try:
        patient = replace(Challenge.from_text(made["challenge"]), max_age_s=86_400)
    except MalformedError:
        pass  # raised below
    if patient is None:
        raise NotOfferedError("a challenge of somebody else states no age that could be changed")
    shown = jwt(kb={"iat": NOW - 3_600}).made(made["nonce"], made["audience"], party.world.now)
    return outcome_of(party.post(shown, patient.to_text()))


def _answering_after(seconds: int) -> Callable[[Party], Outcome]:
    """Answer a challenge so many seconds after it was made, as of then."""

    def act(party: Party) -> Outcome:
        made = party.challenge()
        party.world.wait(seconds)
        shown = jwt().made(made["nonce"], made["audience"], party.world.now)
        return outcome_of(party.post(shown, made["challenge"]))

    return act
