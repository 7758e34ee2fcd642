"""A verification, told step by step: which of V1 to V9 passed, which one stopped it, and why.

The verdict is that of the three public functions; this file only says how far they came. The first step that does not
pass is the last one that is reached.

Spec: specs/verification.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from .. import (
    Challenge,
    CitizenIDError,
    Country,
    Format,
    Limits,
    MalformedError,
    NeedStatusList,
    Reason,
    Serialization,
    TrustAnchors,
    VerificationError,
)
from ..status import StatusStore
from ..verifier import VerifiedPresentation, open_presentation, verify_credential, verify_presentation
from .inspection import wrapped

STEPS: Final = {
    "V1": "open the presentation",
    "V2": "find the issuer's key",
    "V3": "verify the issuer's signature",
    "V4": "read claims and disclosures",
    "V5": "type, issuer and countries",
    "V6": "valid now",
    "V7": "bound to the challenge",
    "V8": "verify the holder's signature",
    "V9": "status",
}


@dataclass(slots=True)
class Steps:
    """How far a verification came.

    Attributes:
        result: what came out at the end of V9, or the error of the step that refused.
        stage: the first step of the function that was called last.
        refused_lists: why status lists were not taken in.
    """

    result: VerifiedPresentation | NeedStatusList | CitizenIDError
    stage: str
    refused_lists: list[CitizenIDError] = field(default_factory=list)

    @property
    def stopped_at(self) -> str | None:
        """The step that did not pass, or None."""
        if isinstance(self.result, VerifiedPresentation):
            return None
        if isinstance(self.result, NeedStatusList):
            return "V9"
        return self.result.step if self.result.step in STEPS else self.stage  # nothing is called passed that may not be

    @property
    def outcome(self) -> str:
        """In one word, as the JSON document has it."""
        if isinstance(self.result, VerifiedPresentation):
            return "valid"
        return "status_list_needed" if isinstance(self.result, NeedStatusList) else "refused"

    @property
    def exit_code(self) -> int:
        """0 valid, 1 refused, 3 status list needed."""
        return {"valid": 0, "refused": 1, "status_list_needed": 3}[self.outcome]

    def outcomes(self) -> Iterator[tuple[str, str]]:
        """Yield each step with "passed", how it stopped, or "not reached"."""
        stopped_at, reached = self.stopped_at, True
        for step in STEPS:
            if step == stopped_at:
                yield step, self.outcome
                reached = False
            else:
                yield step, "passed" if reached else "not reached"

    def to_json(self) -> dict[str, Any]:
        """Return the facts for machines."""
        document: dict[str, Any] = {
            "outcome": self.outcome,
            "steps": [{"step": step, "outcome": outcome.replace(" ", "_")} for step, outcome in self.outcomes()],
            "refused_status_lists": [_error_members(error) for error in self.refused_lists],
        }
        result = self.result
        if isinstance(result, CitizenIDError):
            return document | _error_members(result)
        if isinstance(result, NeedStatusList):
            return document | {"reason": result.reason.value, "step": "V9", "uri": result.uri}
        attestation, proven = result.attestation, result.citizenship
        return document | {
            "issuer": attestation.issuer,
            "type": attestation.type,
            "nationalities": [country.alpha2 for country in proven.nationalities],
            "citizenships": [country.alpha2 for country in proven.citizenships],
            "complete": proven.complete,
            "not_after": attestation.validity.not_after,
            "status": None if result.status is None else result.status.name.lower(),
        }

    def to_lines(self) -> Iterator[str]:
        """Yield the facts for people."""
        for error in self.refused_lists:
            yield f"status list refused, so it says nothing: {error}"
        for step, outcome in self.outcomes():
            yield f"{step}  {STEPS[step]:<30}  {outcome.replace('_', ' ')}"
        result = self.result
        if isinstance(result, CitizenIDError):
            yield f"refused: {result}"
        elif isinstance(result, NeedStatusList):
            yield from wrapped("", f"status list needed: {result.reason} (V9): {result.uri}")
        else:
            proven = result.citizenship
            yield f"valid: citizenships shown: {_codes(proven.citizenships)}"
            yield f"       nationalities shown: {_codes(proven.nationalities)}"


def verify_steps(
    data: bytes | str,
    *,
    format: Format,
    anchors: TrustAnchors,
    challenge: Challenge,
    statuses: StatusStore,
    now: int,
    limits: Limits,
    serialization: Serialization = Serialization.COMPACT,
) -> Steps:
    """Verify one presentation by the three public functions. Arguments as `citizenid.verifier.verify`."""
    result: VerifiedPresentation | NeedStatusList | CitizenIDError
    stage = "V1"
    try:
        presentations = open_presentation(data, format=format, limits=limits, serialization=serialization)
        if len(presentations) != 1:
            raise _more_than_one()
        (presentation,) = presentations
        stage = "V2"
        credential = verify_credential(presentation, anchors=anchors, now=now, limits=limits)
        stage = "V7"
        result = verify_presentation(credential, challenge=challenge, statuses=statuses, now=now, limits=limits)
    except (MalformedError, VerificationError) as error:
        result = error
    return Steps(result, stage)


def _more_than_one() -> MalformedError:
    error = MalformedError(Reason.LIMIT_EXCEEDED, "documents")  # as `citizenid.verifier.verify` says it
    error.at("V1")
    return error


def _error_members(error: CitizenIDError) -> dict[str, str]:
    return {"reason": error.reason.value, "step": error.step, "where": error.where}


def _codes(countries: Iterable[Country]) -> str:
    return " ".join(country.alpha2 for country in countries) or "none"
