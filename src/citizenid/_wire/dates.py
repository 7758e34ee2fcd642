"""Date and time as an mdoc writes them: RFC 3339 in UTC, without a fraction of a second. Exactly one spelling.

Spec: ISO/IEC 18013-5 9.1.2.4; RFC 8949 section 3.4.1; RFC 8943.
"""

from __future__ import annotations

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
