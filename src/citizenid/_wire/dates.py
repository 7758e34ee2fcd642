"""Date and time as an mdoc writes them: RFC 3339 in UTC, without a fraction of a second. Exactly one spelling.

And as a W3C verifiable credential writes them: with an offset, and with a fraction or without.

Spec: ISO/IEC 18013-5 9.1.2.4; RFC 8949 section 3.4.1; RFC 8943; RFC 3339 section 5.6.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from .._model import UnixTime

_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHARS: Final = len("1970-01-01T00:00:00Z")
_FIRST_YEAR: Final = 1970  # Unix time is not negative here


def date_time(text: str) -> UnixTime | None:
    """Return the Unix time of a tdate's text, or None for any other spelling, a leap second included."""
    return _date_time(text) if len(text) == _CHARS else None  # what is remembered has one length


@lru_cache(maxsize=1_024)  # times are coarse: many credentials of a day share them
def _date_time(text: str) -> UnixTime | None:
    moment = None
    try:
        moment = datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except ValueError:
        pass
    if moment is None or moment.year < _FIRST_YEAR or write_date_time(int(moment.timestamp())) != text:
        return None
    return UnixTime(int(moment.timestamp()))


@lru_cache(maxsize=1_024)  # as above
def write_date_time(moment: int) -> str | None:
    """Write Unix seconds as the text of a tdate, or None beyond the year 9999."""
    try:
        # Z takes the place of +00:00; strftime would take ten times as long.
        return (_EPOCH + timedelta(seconds=moment)).isoformat()[:-6] + "Z"
    except OverflowError:
        return None


def is_full_date(text: str) -> bool:
    """Whether this is the text of a full-date: a day of the calendar as `YYYY-MM-DD`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def is_date(text: str) -> bool:
    """Whether this is the text of a full-date, or of a date-time of RFC 3339 with any offset, but for leap seconds."""
    return is_full_date(text) or (_RFC_3339.fullmatch(text.upper()) is not None and is_full_date(text[:10]))


_RFC_3339: Final = re.compile(
    r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)"
    r"(\.\d{1,9})?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def rfc_3339(text: str, *, up: bool) -> UnixTime | None:
    """Return the Unix time of a date-time of RFC 3339 with any offset, or None for anything else.

    Args:
        text: T and Z in upper case; up to nine digits of a fraction; no leap second.
        up: whether a fraction of a second counts as a whole one, or as none.
    """
    parts = _RFC_3339.fullmatch(text)
    moment = None
    try:
        if parts is not None:
            moment = datetime.fromisoformat(parts[1] + parts[3])
    except ValueError:
        pass  # no such day in the calendar
    if parts is None or moment is None:
        return None
    seconds = (moment - _EPOCH) // timedelta(seconds=1) + (up and bool((parts[2] or "").strip(".0")))
    return UnixTime(seconds) if seconds >= 0 else None
