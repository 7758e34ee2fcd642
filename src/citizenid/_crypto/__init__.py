"""Keys, signatures, digests and sealing: the closed table of algorithms, and nothing that chooses by a header.

The key decides (RFC 8725 section 3.1): `verify_signature` compares the algorithm that a header names with the key's
own and never looks one up by the header. This package and `_x509` alone import `cryptography`; this package alone
imports PyNaCl.
"""

from __future__ import annotations

from .agreement import AgreementKey, ReaderAgreement
from .equality import same_text
from .keys import (
    EXPLICIT_CURVE,
    LocalKey,
    PublicKey,
    SigningKey,
    cose_key,
    jwk_text,
    load_cose_key,
    load_holder_key,
    material_of,
    pem_bytes,
    verify_signature,
)
from .sealing import SealingKey, derive_key, is_secret, refuse_copy
from .unsigned import HolderAgreement, Unsigned

__all__ = [
    "EXPLICIT_CURVE",
    "AgreementKey",
    "HolderAgreement",
    "LocalKey",
    "PublicKey",
    "ReaderAgreement",
    "SealingKey",
    "SigningKey",
    "Unsigned",
    "cose_key",
    "derive_key",
    "is_secret",
    "jwk_text",
    "load_cose_key",
    "load_holder_key",
    "material_of",
    "pem_bytes",
    "refuse_copy",
    "same_text",
    "verify_signature",
]
