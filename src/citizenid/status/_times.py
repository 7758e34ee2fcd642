"""Times in a signed list: integers of seconds, or the date-times of a verifiable credential.

Spec: RFC 7519 section 2 (NumericDate), integers alone by the profile; RFC 3339; specs/profile-status-list.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .._errors import MalformedError, Reason, VerificationError
from .._limits import MAX_UNIX_TIME
from .._model import UnixTime
from .._wire import dates

_WHERE: Final = "status-list"


def number(claims: Mapping[Any, Any], name: str, *, required: bool = False) -> int | None:
    """Return an integer claim, or None where it is not there.

    Raises:
        MalformedError: CLAIM_INVALID for anything but an integer in [0, 2**53).
        VerificationError: CLAIM_MISSING.
    """
    value = claims.get(name)
    if value is None and name not in claims:
        if required:
            raise VerificationError(Reason.CLAIM_MISSING, f"{_WHERE}.{name}")
        return None
    if type(value) is not int or not 0 <= value <= MAX_UNIX_TIME:
        raise MalformedError(Reason.CLAIM_INVALID, f"{_WHERE}.{name}")
    return value


def moment(claims: Mapping[Any, Any], name: str, *, up: bool) -> UnixTime | None:
    """Return a date-time in whole seconds, or None where it is not there.

    Args:
        claims: where it stands.
        name: of the member.
        up: whether a fraction of a second counts as a whole one.

    Raises:
        MalformedError: CLAIM_INVALID for anything but a date-time of RFC 3339 from 1970 on.
    """
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    read = dates.rfc_3339(value, up=up) if type(value) is str else None
    if read is None:
        raise MalformedError(Reason.CLAIM_INVALID, f"{_WHERE}.{name}")
    return read
