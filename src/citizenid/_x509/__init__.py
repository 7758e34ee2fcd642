"""Certificates: an ordered chain to a pinned root, at a given time, under a named profile, and the CRLs beside it.

One linear walk, no building, no fetching. No certificate of the input is ever an anchor, and the profile comes from
whoever reads the format, never from a header. This package and `_crypto` alone import `cryptography`.

Spec: RFC 5280; ISO/IEC 18013-5 annex B; SD-JWT VC section 2.5; Token Status List section 10.
"""

from __future__ import annotations

from .anchors import Root, load_roots, load_signers, pem_of, pinned_below
from .certificates import certifies
from .der import signed_part
from .path import (
    CertifiedKey,
    LinkedPath,
    PathCache,
    check_bounds,
    check_chain,
    judge,
    link,
    signer_places,
    signer_window,
    verify_path,
)
from .profiles import PROFILES, Profile

__all__ = [
    "PROFILES",
    "CertifiedKey",
    "LinkedPath",
    "PathCache",
    "Profile",
    "Root",
    "certifies",
    "check_bounds",
    "check_chain",
    "judge",
    "link",
    "load_roots",
    "load_signers",
    "pem_of",
    "pinned_below",
    "signed_part",
    "signer_places",
    "signer_window",
    "verify_path",
]
