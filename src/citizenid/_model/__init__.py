"""The vocabulary: what an issuer says, what a holder shows and what a verifier asks, as values without behaviour.

Nothing here verifies anything. `Presentation` and `SignedObject` are what came in, about which nothing is known;
`Attestation` is what an issuer states, whoever holds it; the verified types that say more live in `verifier.py`.

Spec: specs/terms.md.
"""

from __future__ import annotations

from .attestation import (
    Assurance,
    Attestation,
    StatusReference,
    Validity,
    attestation_of_frozen,
    evidence_time,
    freeze,
    thaw,
)
from .challenge import Challenge, Handover, HandoverKind
from .citizenship import Citizenship
from .clocks import reading_of, time_shown
from .exchange import (
    DetachedSignature,
    KeyAgreement,
    KeyHint,
    NeedStatusList,
    Presentation,
    Seal,
    SignedObject,
    never_copied,
    refuse_forgery,
    refuse_truth,
)
from .vocabulary import (
    BINDINGS,
    NO_TYPE,
    Binding,
    CertificateProfile,
    ClaimPath,
    Format,
    KeyPurpose,
    Serialization,
    Status,
    StatusKind,
    UnixTime,
    check_now,
    draft_of,
    has_utf8,
)

__all__ = [
    "BINDINGS",
    "NO_TYPE",
    "Assurance",
    "Attestation",
    "Binding",
    "CertificateProfile",
    "Challenge",
    "Citizenship",
    "ClaimPath",
    "DetachedSignature",
    "Format",
    "Handover",
    "HandoverKind",
    "KeyAgreement",
    "KeyHint",
    "KeyPurpose",
    "NeedStatusList",
    "Presentation",
    "Seal",
    "Serialization",
    "SignedObject",
    "Status",
    "StatusKind",
    "StatusReference",
    "UnixTime",
    "Validity",
    "attestation_of_frozen",
    "check_now",
    "draft_of",
    "evidence_time",
    "freeze",
    "has_utf8",
    "never_copied",
    "reading_of",
    "refuse_forgery",
    "refuse_truth",
    "thaw",
    "time_shown",
]
