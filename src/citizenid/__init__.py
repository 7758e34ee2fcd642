"""citizenid: issue, cache and verify signed citizenship attestations.

This module holds the shared vocabulary alone. The doors are `citizenid.gateway`, `citizenid.verifier`,
`citizenid.issuer`, `citizenid.holder` and `citizenid.status`. Contract: specs/README.md.
"""

from __future__ import annotations

from ._crypto import AgreementKey, LocalKey, PublicKey, SigningKey, Unsigned
from ._errors import CitizenIDError, MalformedError, Reason, VerificationError
from ._limits import Limits
from ._model import (
    NO_TYPE,
    Assurance,
    Attestation,
    Challenge,
    Citizenship,
    ClaimPath,
    Format,
    Handover,
    HandoverKind,
    KeyPurpose,
    NeedStatusList,
    Serialization,
    Status,
    StatusKind,
    StatusReference,
    UnixTime,
    Validity,
)
from .countries import ANY, Country
from .trust import TrustAnchor, TrustAnchors

__version__ = "0.1.0"

__all__ = [
    "ANY",
    "NO_TYPE",
    "AgreementKey",
    "Assurance",
    "Attestation",
    "Challenge",
    "CitizenIDError",
    "Citizenship",
    "ClaimPath",
    "Country",
    "Format",
    "Handover",
    "HandoverKind",
    "KeyPurpose",
    "Limits",
    "LocalKey",
    "MalformedError",
    "NeedStatusList",
    "PublicKey",
    "Reason",
    "Serialization",
    "SigningKey",
    "Status",
    "StatusKind",
    "StatusReference",
    "TrustAnchor",
    "TrustAnchors",
    "UnixTime",
    "Unsigned",
    "Validity",
    "VerificationError",
    "__version__",
]
