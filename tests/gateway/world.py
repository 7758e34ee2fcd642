"""The simulated world of `citizenid.testing`, and what its answers must be.

Spec: DESIGN section 4 (gateway); RFC 9449 section 4.2.
"""

from __future__ import annotations

from typing import Any

from places import in_words

from citizenid import ANY, Citizenship, Country, KeyPurpose, Reason, TrustAnchors  # noqa: F401  # some handed on
from citizenid.gateway import Admitted, Allow, Answer, Deny, Request  # noqa: F401  # some handed on
from citizenid.testing.forge.parts import (  # noqa: F401  # handed on
    ABSENT,
    AUDIENCE,
    ISSUER,
    NOW,
    STATUS_URI,
    VCT,
    base64url,
    key,
    segment,
    unbase64url,
)
from citizenid.testing.forge.proofs import ath, hand_made_proof  # noqa: F401  # handed on
from citizenid.testing.world import (  # noqa: F401  # handed on
    DAY,
    ENDPOINT,
    ORIGIN,
    OTHER_SECRET,
    PATH,
    POLICY,
    SECRET,
    STRICT_POLICY,
    UPTIME_S,
    Clock,
    Wallet,
    anchors,
    policy,
    request,
    status_anchors,
)
from citizenid.testing.world import SimulatedWorld as World  # noqa: F401  # handed on

# --- what an answer must be ---


def allowed(result: object) -> Allow:
    """Expect Allow."""
    assert type(result) is Allow, result
    return result


_OF_THE_GATEWAY = frozenset({"audit", "sharing"})  # steps at which nothing of the request is at fault


def denied(result: object, reason: Reason, step: str) -> Deny:
    """Expect Deny with this Reason at this step."""
    assert type(result) is Deny, result
    assert (result.reason, result.step) == (reason, step)
    assert in_words(result.where) or (result.where == "" and step in _OF_THE_GATEWAY), result.where
    return result


def needed(result: Any, reason: Reason) -> Any:
    """Expect NeedPresentation with this Reason."""
    assert type(result).__name__ == "NeedPresentation", result
    assert result.reason is reason
    return result


def header_of(answer: Answer, name: bytes) -> bytes:
    """Return the one header of this name."""
    (value,) = (value for each, value in answer.headers if each == name)
    return value


def challenges_of(answer: Answer) -> list[bytes]:
    """Return the challenges (RFC 9110 section 11.6.1): DPoP, and Bearer beside it where that would do."""
    found = [value for name, value in answer.headers if name == b"www-authenticate"]
    assert found
    return found
