"""A presentation that is made by hand in answer to a challenge, and what comes of showing it.

Spec: specs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .. import CitizenIDError, Format, Reason
from .._errors import FAILURES
from .forge import mdoc as _mdoc
from .forge import sd_cwt as _sd_cwt
from .forge import sd_jwt as _sd_jwt
from .forge.parts import AUDIENCE, NONCE, NOW

MAKE: Final[Mapping[Format, Callable[..., bytes]]] = {
    Format.SD_JWT_VC: _sd_jwt.make,
    Format.MDOC: _mdoc.make,
    Format.SD_CWT: _sd_cwt.make,
}


class Outcome(NamedTuple):
    """What came of a trial: allowed, or refused with a Reason at a step. Others may refuse without a reason of ours.

    Attributes:
        allowed: whether it was.
        reason: why not. `step`, `where`: at which.
        failure: what left in place of an answer, in a few words, or why a property does not hold.
    """

    allowed: bool
    reason: Reason | None = None
    step: str = ""
    where: str = ""
    failure: str = ""

    def __str__(self) -> str:
        """Return it as a report has it."""
        if self == NOT_OFFERED:
            return "not offered"
        if self.failure:
            return f"failed, {self.failure}"
        if self.allowed:
            return "allowed"
        named = "refused" if self.reason is None else self.reason.value
        return named + (f" at {self.step}" if self.step else "")


ALLOWED: Final = Outcome(True)
NOT_OFFERED: Final = Outcome(False, step="not offered")
"""Of what takes a format, or a binding, that the target says it does not offer, or finds nothing to change there."""
_MOST: Final = 200
"""Characters of a failure in a report: the failure itself has all of them."""


class NotOfferedError(Exception):
    """What is tried takes a format, or a binding, that the target does not offer, or finds nothing to change there."""


def came_of(act: Callable[[], Outcome]) -> tuple[Outcome, Exception | None]:
    """Try something, and return what came of it, and what left it in place of an answer, if anything did."""
    try:
        return act(), None
    except NotOfferedError:
        return NOT_OFFERED, None
    except FAILURES as error:  # of a gateway of somebody else, or of a check that fails: a report must hold it
        text = " ".join(str(error).split())
        return Outcome(False, failure=f"{type(error).__name__}: {text}"[:_MOST]), error


class Forgery(NamedTuple):
    """A presentation that is made by hand when the challenge is known.

    Attributes:
        format: of the presentation.
        arguments: of the `make` of its forge; they win over the answer to the challenge.
        after: edits what was made, without any key.
    """

    format: Format
    arguments: Mapping[str, Any]
    after: Callable[[bytes], bytes | str] | None = None

    def made(self, nonce: str = NONCE, audience: str = AUDIENCE, now: int = NOW) -> bytes | str:
        """Make it in answer to a challenge."""
        made = MAKE[self.format](**merged(answering(self.format, nonce, audience, now), self.arguments))
        return made if self.after is None else self.after(made)


def answering(format: Format, nonce: str, audience: str, now: int) -> dict[str, Any]:
    """Return the arguments of `make` by which the holder answers this challenge."""
    if format is Format.MDOC:
        return {"device": {"transcript": _mdoc.handover(audience, nonce)}}
    if format is Format.SD_JWT_VC:
        return {"kb": {"nonce": nonce, "aud": audience, "iat": now}}
    return {"kb": {39: nonce.encode(), 3: audience, 6: now}}


def merged(*changes: Mapping[str, Any]) -> dict[str, Any]:
    """Join arguments of `make`, member by member."""
    arguments: dict[str, Any] = {}
    for each in changes:
        for name, value in each.items():
            before = arguments.get(name)
            both = isinstance(value, Mapping) and isinstance(before, Mapping)
            arguments[name] = {**before, **value} if both else value  # type: ignore[dict-item]  # both are mappings
    return arguments


def sd_jwt(*, after: Callable[[bytes], bytes | str] | None = None, **arguments: Any) -> Forgery:
    """Return an SD-JWT VC presentation with these parts replaced; see `forge.sd_jwt.make`."""
    return Forgery(Format.SD_JWT_VC, arguments, after)


def mdoc(*, after: Callable[[bytes], bytes | str] | None = None, **arguments: Any) -> Forgery:
    """Return a DeviceResponse with these parts replaced; see `forge.mdoc.make`."""
    return Forgery(Format.MDOC, arguments, after)


def sd_cwt(*, after: Callable[[bytes], bytes | str] | None = None, **arguments: Any) -> Forgery:
    """Return an SD-CWT presentation with these parts replaced; see `forge.sd_cwt.make`."""
    return Forgery(Format.SD_CWT, arguments, after)


def called(call: Callable[[], object]) -> Outcome:
    """Call, and return what came of it; what is no error of ours leaves."""
    try:
        call()
    except CitizenIDError as error:
        return Outcome(False, error.reason, error.step, error.where)
    return ALLOWED
