"""The catalogue of attacks: each case with the trials that make it concrete.

Spec: specs/testing.md; specs/threat-model.md.
"""

from __future__ import annotations

from typing import Final

from ..attacks import Attack, Group
from ._names import CASE_REASONS, REASON_NAMES
from .algorithms import GROUP as _ALGORITHMS
from .api_misuse import GROUP as _API_MISUSE
from .audit import GROUP as _AUDIT
from .caching import GROUP as _CACHING
from .cbor import GROUP as _CBOR
from .chains import GROUP as _CHAINS
from .denial_of_service import GROUP as _DENIAL_OF_SERVICE
from .ed25519 import GROUP as _ED25519
from .encodings import GROUP as _ENCODINGS
from .headers import GROUP as _HEADERS
from .key_binding import GROUP as _KEY_BINDING
from .key_injection import GROUP as _KEY_INJECTION
from .leaks import GROUP as _LEAKS
from .mdoc import GROUP as _MDOC
from .policy import GROUP as _POLICY
from .sd_cwt import GROUP as _SD_CWT
from .sd_jwt import GROUP as _SD_JWT
from .signatures import GROUP as _SIGNATURES
from .status_lists import GROUP as _STATUS_LISTS
from .tickets import GROUP as _TICKETS
from .times import GROUP as _TIMES

__all__ = ["CASE_REASONS", "GROUPS", "REASON_NAMES", "attack_catalogue"]

GROUPS: Final[tuple[Group, ...]] = (
    _ALGORITHMS,
    _KEY_INJECTION,
    _HEADERS,
    _ENCODINGS,
    _SIGNATURES,
    _ED25519,
    _TIMES,
    _SD_JWT,
    _KEY_BINDING,
    _CBOR,
    _MDOC,
    _CHAINS,
    _SD_CWT,
    _STATUS_LISTS,
    _CACHING,
    _TICKETS,
    _POLICY,
    _DENIAL_OF_SERVICE,
    _LEAKS,
    _AUDIT,
    _API_MISUSE,
)


def attack_catalogue(*, served: bool = False) -> tuple[Attack, ...]:
    """Return every attack, in the order of the groups; for `pytest.mark.parametrize("attack", ..., ids=str)`.

    Args:
        served: only those of which something can be tried on a gateway that somebody else has built.
    """
    attacks = (attack for group in GROUPS for attack in group.attacks)
    return tuple(each for each in attacks if not served or any(trial.anywhere for trial in each.trials()))
