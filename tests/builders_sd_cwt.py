"""What the tests of SD-CWT build with: the forge of `citizenid.testing`, and what its verdicts must be.

Spec: draft-ietf-spice-sd-cwt sections 5 to 9; RFC 9052 section 4.4.
"""

from __future__ import annotations

from typing import Any

from builders import in_place, raises

from citizenid import CitizenIDError, Reason
from citizenid import verifier as _verifier
from citizenid.testing.forge.sd_cwt import (  # noqa: F401  # handed on
    ALGORITHMS,
    REDACTED,
    Changes,
    anchors,
    bound,
    cose_key,
    credential,
    digest,
    disclosure,
    element,
    good_binding,
    good_claims,
    hide,
    make,
    salt,
    sign1,
    verify,
)


def accepted(data: Any, **changes: Any) -> _verifier.VerifiedPresentation:
    """Verify and expect a verified presentation."""
    verdict = verify(data, **changes)
    assert isinstance(verdict, _verifier.VerifiedPresentation)
    return verdict


def refused(data: Any, reason: Reason, step: str | None = None, **changes: Any) -> CitizenIDError:
    """Verify and expect this Reason, at this step, in an error that carries nothing of the input."""
    return in_place(raises(reason, step, lambda: verify(data, **changes)))
