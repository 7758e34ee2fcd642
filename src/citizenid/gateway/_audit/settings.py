"""What an operator configures of a log, checked when it is made: a mistake shows at once, and nothing is written.

Spec: specs/profile-audit.md.
"""

from __future__ import annotations

from typing import Final

from ..._errors import CitizenIDError, Reason
from .details import AuditDetails
from .sink import WhenUnwritable

_MOST_WAIT_S: Final = 3_600  # nobody waits for an answer so long; a lock waits for no number beyond a few centuries


def check_settings(
    *,
    key: object,
    details: object,
    when_unwritable: object,
    sample_allowed_every: object,
    checkpoint_every_s: object,
    wait_s: object,
    max_waiting: object,
    clock: object,
    monotonic: object,
    random: object,
) -> None:
    """Refuse what is none of its kind. Raises CONFIGURATION_INVALID; `where` names the argument."""
    for usable, where in (
        (hasattr(key, "public"), "audit.key"),
        (details is None or type(details) is AuditDetails, "audit.details"),
        (type(when_unwritable) is WhenUnwritable, "audit.when_unwritable"),
        (sample_allowed_every is None or _is_count(sample_allowed_every), "audit.sample_allowed_every"),
        (_is_count(checkpoint_every_s), "audit.checkpoint_every_s"),
        ((type(wait_s) is int or type(wait_s) is float) and 0 < wait_s <= _MOST_WAIT_S, "audit.wait_s"),
        (_is_count(max_waiting), "audit.max_waiting"),
        (callable(clock), "audit.clock"),
        (callable(monotonic), "audit.monotonic"),
        (callable(random), "audit.random"),
    ):
        if not usable:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)


def _is_count(number: object) -> bool:
    return type(number) is int and number > 0
