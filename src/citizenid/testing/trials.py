"""What an attack tries: something made by hand, and what must come of it.

A trial is one concrete attempt with one expected outcome: refused with one Reason, accepted, or a property that holds.
It is tried on a target (`targets`): the library itself, or a gateway that somebody else has built on it. What replaces
an argument of the verification, or calls a function of ours, can only be tried on the library.

Spec: specs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

from .. import Reason
from .checks import expect, fails, of_type
from .forgery import ALLOWED, NOT_OFFERED, Forgery, Outcome, called, mdoc, sd_cwt, sd_jwt
from .targets import Party, Target

__all__ = [
    "Kind", "Trial", "accepted", "asked", "expect", "fails", "holds", "mdoc", "of_type", "raises", "refused", "sd_cwt",
    "sd_jwt"
]  # fmt: skip


class Kind(StrEnum):
    """What a trial expects."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    HOLDS = "holds"


class Trial(NamedTuple):
    """One attempt.

    Attributes:
        name: what is tried, in a few words.
        kind: what must come of it.
        reason: with which it must be refused, or None.
        step: at which, or "" where the Reason says enough.
        act: tries it on a target.
        anywhere: whether it can be tried on a gateway that somebody else has built.
    """

    name: str
    kind: Kind
    reason: Reason | None
    step: str
    act: Callable[[Target], Outcome]
    anywhere: bool

    def meets(self, outcome: Outcome, *, names_reasons: bool) -> bool:
        """Whether this outcome is the expected one; a target that names no reasons of ours must only refuse."""
        if outcome == NOT_OFFERED:
            return True
        if self.kind is not Kind.REFUSED:
            return outcome.allowed
        if outcome.allowed or outcome.failure:
            return False
        if outcome.reason is None:
            return not names_reasons
        return outcome.reason is self.reason and self.step in ("", outcome.step)


def refused(name: str, reason: Reason, forgery: Forgery, *, step: str = "", **judged: Any) -> Trial:
    """Expect that a presentation is refused; `judged` replaces arguments of the verification."""
    return Trial(name, Kind.REFUSED, reason, step, lambda target: target.present(forgery, **judged), not judged)


def accepted(name: str, forgery: Forgery, **judged: Any) -> Trial:
    """Expect that a presentation is accepted: what an attack is measured against."""
    return Trial(name, Kind.ACCEPTED, None, "", lambda target: target.present(forgery, **judged), not judged)


def raises(name: str, reason: Reason, call: Callable[[], object], *, step: str = "") -> Trial:
    """Expect that a call into the library is refused."""
    return Trial(name, Kind.REFUSED, reason, step, lambda _: called(call), anywhere=False)


def holds(name: str, check: Callable[[], object]) -> Trial:
    """Expect that a check of the library passes: it raises AssertionError when the property does not hold."""

    def act(_: Target) -> Outcome:
        check()
        return ALLOWED

    return Trial(name, Kind.HOLDS, None, "", act, anywhere=False)


def asked(
    name: str, reason: Reason | None, act: Callable[[Party], Outcome], *, step: str = "", **options: Any
) -> Trial:
    """Expect this of requests to a gateway: a refusal, or with None that the last one is allowed.

    `options` replaces arguments of the gateway, whoever has built it: `world.arguments()` has them.
    """
    kind = Kind.ACCEPTED if reason is None else Kind.REFUSED
    return Trial(name, kind, reason, step, lambda target: act(target.party(**options)), anywhere=True)
