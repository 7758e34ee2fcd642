"""The one walker between redacted claims and disclosures, in both directions.

A format says by `Markers` how it marks what is hidden; the walkers know no format and no role. `restore` takes
a tree in which digests stand for hidden parts, and the disclosures that came with it, and returns the claims that are
left when every disclosure is in its place and every other marker is gone. Each digest may occur once, each disclosure
must have exactly one place, and nothing may sit where the format forbids hiding. `redact` is the way back.

Spec: RFC 9901 sections 4.2, 7.1 steps 3 to 5; SD-JWT VC section 2.2.2.3; draft-ietf-spice-sd-cwt sections 5.1, 9, 10.
"""

from __future__ import annotations

from .markers import DECOY, SD_CWT_MARKERS, SD_JWT_MARKERS, Markers
from .redacting import EVERYTHING, Conceal, Selection, redact
from .restoring import Disclosure, Placement, Restored, restore

__all__ = [
    "DECOY",
    "EVERYTHING",
    "SD_CWT_MARKERS",
    "SD_JWT_MARKERS",
    "Conceal",
    "Disclosure",
    "Markers",
    "Placement",
    "Restored",
    "Selection",
    "redact",
    "restore",
]
