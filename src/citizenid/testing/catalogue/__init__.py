"""The catalogue of attacks: each case with the trials that make it concrete.

Spec: specs/testing.md; specs/threat-model.md.
"""

from __future__ import annotations

from typing import Final

from ..attacks import Attack, Group
from ._names import REASON_NAMES
from .algorithms import GROUP as _ALGORITHMS
from .cbor import GROUP as _CBOR
from .chains import GROUP as _CHAINS
from .mdoc import GROUP as _MDOC
from .sd_cwt import GROUP as _SD_CWT

__all__ = ["GROUPS", "REASON_NAMES", "attack_catalogue"]

GROUPS: Final[tuple[Group, ...]] = (_ALGORITHMS, _CBOR, _MDOC, _CHAINS, _SD_CWT)


def attack_catalogue(*, served: bool = False) -> tuple[Attack, ...]:
    """Return every attack, in the order of the groups; for `pytest.mark.parametrize("attack", ..., ids=str)`.

    Args:
        served: only those of which something can be tried on a gateway that somebody else has built.
    """
    attacks = (attack for group in GROUPS for attack in group.attacks)
    return tuple(each for each in attacks if not served or any(trial.anywhere for trial in each.trials()))
