"""What was shown before, or elsewhere, and is shown again.

Spec: specs/verification.md V7.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..strategies.presentations import Presented
from ._frame import Choice


def elsewhere(valid: Presented, choice: Choice, *, audience: bool) -> Presented:
    """Show the same to somebody else: another audience, or another nonce."""
    asked = valid.challenge
    if audience:
        changes: dict[str, Any] = {"audience": f"https://evil{choice.below(9)}.example"}
    else:
        changes = {"nonce": f"another-nonce-{choice.below(10**6):06d}"}
    return valid.answering(replace(asked, **changes), now=valid.now)


def replayed_nonce(valid: Presented, choice: Choice) -> bytes:
    """Replay what answered another nonce."""
    return elsewhere(valid, choice, audience=False).data


def replayed_audience(valid: Presented, choice: Choice) -> bytes:
    """Relay what was shown to another audience."""
    return elsewhere(valid, choice, audience=True).data
