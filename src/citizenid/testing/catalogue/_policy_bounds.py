"""What a rule asks for besides a country: each of its bounds, kept to its last second and no longer.

Spec: specs/policy.md P14, P19, P37 to P41.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ... import Reason
from ..forge.parts import NOW
from ..forgery import Outcome
from ..targets import Party, outcome_of
from ..trials import Trial, asked
from ..trials import sd_jwt as jwt

_POLICY: Final = "version = 1\n" + "".join(
    f'[[rule]]\nresource = "{name}"\nnationality = ["US"]\n{bound}\n'
    for name, bound in {
        "admission": "max_admission_age_s = 600",
        "credential": "max_credential_age_s = 600",
        "evidence": "max_evidence_age_s = 600",
        "status": "max_status_age_s = 600",
        "assurance": 'assurance = { nist = "IAL2" }',
        "issuers": 'issuers = ["https://other.example"]',
        "formats": 'formats = ["mso_mdoc"]',
        "types": 'types = ["urn:other"]',
        "us-nationals": "",  # where a party asks for its challenge
    }.items()
)


def _uses(resource: str, after_s: int, claims: dict[str, Any], party: Party) -> Outcome:
    """Be admitted with these claims, and use the ticket so many seconds later."""
    answer = party.apply(jwt(payload=claims))
    if answer.status != 200:
        return outcome_of(answer)
    party.world.wait(after_s)
    return party.use(json.loads(answer.body)["ticket"], resource)


def bounds_of_rules() -> Iterator[Trial]:
    """Ask for what a rule permits with something else than it asks for."""

    def asking(resource: str, after_s: int = 0, **claims: Any) -> Any:
        return partial(_uses, resource, after_s, claims)

    level = {"framework": "nist", "level": "IAL1"}
    tried: dict[str, tuple[Reason | None, Any]] = {
        "a rule without a bound": (None, asking("us-nationals")),
        "no rule": (Reason.RESOURCE_NOT_LISTED, asking("unlisted")),
        "an admission as old as may be": (None, asking("admission", 600)),
        "an admission a second older": (Reason.ADMISSION_TOO_OLD, asking("admission", 601)),
        "a credential as old as may be": (None, asking("credential", iat=NOW - 600)),
        "a credential a second older": (Reason.CREDENTIAL_TOO_OLD, asking("credential", iat=NOW - 601)),
        "a credential that grows too old": (Reason.CREDENTIAL_TOO_OLD, asking("credential", 1, iat=NOW - 600)),
        "evidence as old as may be": (None, asking("evidence", evidence_checked_at=NOW - 600)),
        "evidence a second older": (Reason.EVIDENCE_TOO_OLD, asking("evidence", evidence_checked_at=NOW - 601)),
        "evidence of which nothing is said": (Reason.EVIDENCE_TOO_OLD, asking("evidence")),
        "a status list as old as may be": (None, asking("status", 590)),
        "a status list a second older": (Reason.STATUS_TOO_OLD, asking("status", 591)),
        "the level asked for": (None, asking("assurance", assurance={**level, "level": "IAL2"})),
        "a level too low": (Reason.ASSURANCE_TOO_LOW, asking("assurance", assurance=level)),
        "a level of another framework": (
            Reason.ASSURANCE_TOO_LOW,
            asking("assurance", assurance={"framework": "eidas", "level": "high"}),
        ),
        "no level": (Reason.ASSURANCE_TOO_LOW, asking("assurance")),
        "another issuer": (Reason.CREDENTIAL_NOT_ACCEPTED, asking("issuers")),
        "another format": (Reason.CREDENTIAL_NOT_ACCEPTED, asking("formats")),
        "another type": (Reason.CREDENTIAL_NOT_ACCEPTED, asking("types")),
    }
    for name, (reason, act) in tried.items():
        yield asked(name, reason, act, policy_text=_POLICY)
