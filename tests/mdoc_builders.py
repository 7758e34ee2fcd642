"""What the tests of mdocs build with: the forge of `citizenid.testing`, and what its verdicts must be.

Spec: ISO/IEC 18013-5 8.3.2.1.2, 9.1.2, 9.1.3, annex B.
"""

from __future__ import annotations

from typing import Any

from builders import in_place, raises

from citizenid import CitizenIDError, Reason
from citizenid import verifier as _verifier
from citizenid.testing.forge.cbor import Pairs, Raw, date_time, dump, embedded, head  # noqa: F401  # handed on
from citizenid.testing.forge.mdoc import (  # noqa: F401  # handed on
    NONCE,
    ORIGIN,
    TYPES,
    anchors,
    anchors_for,
    arguments,
    challenge,
    device_authentication,
    device_signed,
    document,
    handover,
    mac_key,
    make,
    response,
    verify,
)
from citizenid.testing.forge.mdoc_issuer import (  # noqa: F401  # handed on
    ELEMENTS,
    HASHES,
    MDL,
    OURS,
    PHOTO_ID,
    PID,
    cose_sign1,
    digest,
    digests_of,
    good_mso,
    issuer_auth,
    issuer_signed,
    item,
    items_of,
)
from citizenid.testing.forge.mdoc_keys import (  # noqa: F401  # handed on
    CURVES,
    DOCUMENT_SIGNER,
    algorithm_of,
    certificate,
    cose_key,
    curve_of,
    key,
    pem,
    root,
    sign,
    signer_certificate,
)


def accepted(data: Any, **changes: Any) -> _verifier.VerifiedPresentation:
    """Verify and expect a verified presentation."""
    verdict = verify(data, **changes)
    assert isinstance(verdict, _verifier.VerifiedPresentation)
    return verdict


def refused(data: Any, reason: Reason, step: str | None = None, **changes: Any) -> CitizenIDError:
    """Verify and expect this Reason, at this step, in an error that carries nothing of the input."""
    return in_place(raises(reason, step, lambda: verify(data, **changes)))
