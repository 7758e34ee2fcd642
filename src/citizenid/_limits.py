"""The bounds of everything that comes from outside, with their units and the reason for each default.

Work is linear in the input, so a bound on bytes is a bound on time; the other bounds keep one hostile input from
using all of it on one kind of thing. Spec: specs/threat-model.md (T-9); RFC 9901 section 9.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from typing import Final, final

from ._errors import CitizenIDError, Reason

CALENDAR_END: Final = 253_402_300_799  # of the year 9999. Milliseconds in the place of seconds lie far beyond
MAX_UNIX_TIME: Final = 2**53 - 1  # RFC 8259 section 6: the integers on which all JSON implementations agree
MAX_STATUS_REFERENCES: Final = 2  # of one credential: a ticket has room for two


@final
@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one verification. All of them are strict by default and none can be switched off.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID when a bound is no positive integer below 2**53, or the clock skew exceeds
            300 s.
    """

    presentation_bytes: int = 262_144  # a PID with portrait and an ML-DSA-87 chain stays below 128 KiB
    header_bytes: int = 16_384  # a JOSE header with an x5c of three certificates, base64 twice, is below 12 KiB
    documents: int = 8  # of one DeviceResponse; a request for citizenship is answered with one
    disclosures: int = 1_000  # the EU PID has below 50
    digests: int = 10_000  # decoys included (RFC 9901 section 4.2.5)
    depth: int = 32  # nesting of claims; the deepest published example has 6
    claim_name_chars: int = 255  # as SD-CWT bounds its map keys (draft-ietf-spice-sd-cwt section 6)
    status_list_bytes: int = 8_388_608  # compressed; 33 M entries at 5 % revoked are 1.5 MB (GATEWAY measurements)
    status_list_inflated_bytes: int = 67_108_864  # 2^29 one-bit entries; larger populations use several lists
    clock_skew_s: int = 30  # excuses an iat in the future alone, never exp or nbf
    unreferenced_validity_s: int = 86_400  # EUDI ARF 3.0.0 topic 7: up to 24 h a credential may come without status
    status_age_s: int = 86_400  # cap on exp and ttl of a status list (Token Status List section 11.5)

    fingerprint: bytes = field(init=False, repr=False, compare=False)  # 32 bytes; part of every cache key

    def __post_init__(self) -> None:
        bounds = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        for name, value in bounds.items():
            least = 0 if name == "clock_skew_s" else 1
            if type(value) is not int or not least <= value <= MAX_UNIX_TIME:  # beyond it no machine counts, nor time
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, f"limits.{name}")
        if self.clock_skew_s > 300:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "limits.clock_skew_s")
        object.__setattr__(self, "fingerprint", hashlib.sha256(repr(bounds).encode()).digest())


DEFAULT_LIMITS: Final = Limits()
