"""The value of an mdoc's element as CBOR: plain values as they are, and a text that stands for a date under its tag.

Which elements are dates is for the caller's table to say, by their names: text is tagged there and nowhere else. A map
may stand in the place of a date too, and then its own members of such names are full-dates.

Spec: ISO/IEC 18013-5 8.3.1; RFC 8949 section 3.4.1; RFC 8943.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

from .. import _registry as reg
from .._errors import CitizenIDError, Reason
from . import cbor
from .cbor import CBORTag
from .dates import date_time, is_full_date

Dates = Mapping[str, frozenset[int]]
"""Names that are dates, and the tags under which each may stand."""

NO_DATES: Final[Dates] = MappingProxyType({})
_DEPTH: Final = cbor.MAX_DEPTH - 1  # below the map of the item
_FULL_DATE: Final = frozenset({reg.FULL_DATE_TAG})
_SCALARS: Final = frozenset({str, bytes, bool, type(None)})
_TEXT: Final = frozenset({str})


def element_value(value: Any, tags: frozenset[int] | None, dates: Dates) -> bytes:
    """Write a value that is frozen deeply (`_model.freeze`).

    Args:
        value: text, bytes, integers of 64 bits, finite floats, booleans, None, and tuples and mappings of them.
        tags: under which of them the value stands as a date, or None when it is none.
        dates: the names inside the value that are dates.

    Raises:
        CitizenIDError: CLAIM_INVALID for anything else, and for a date that is none; DEPTH_EXCEEDED;
            MALFORMED_CBOR for text that no UTF-8 can hold.
    """
    if tags is None and value is True:  # one for each country: they are most of what is issued here
        return b"\xf5"
    kind = type(value)
    if kind is str:
        tag = b"" if tags is None else cbor.head(6, _date_tag(value, tags))
        return tag + cbor.text_string(value, "claims")
    if kind is tuple and tags is None and _TEXT.issuperset(map(type, value)):
        return b"".join((cbor.head(4, len(value)), *[cbor.text_string(text, "claims") for text in value]))
    return cbor.encode(_plain(value, tags, dates, _DEPTH), "claims")


def _plain(value: Any, tags: frozenset[int] | None, dates: Dates, depth: int) -> Any:
    kind = type(value)
    container = kind is MappingProxyType or kind is tuple
    if depth <= 0 and (container or tags is not None):
        raise CitizenIDError(Reason.DEPTH_EXCEEDED, "claims")
    if kind is MappingProxyType:
        if not all(type(name) is str or _is_integer(name) for name in value):
            raise CitizenIDError(Reason.CLAIM_INVALID, "claims")
        return {
            name: _plain(item, _FULL_DATE if name in dates else None, dates, depth - 1) for name, item in value.items()
        }
    if tags is not None:
        return CBORTag(_date_tag(value, tags), value)
    if kind is tuple:
        return [_plain(item, None, dates, depth - 1) for item in value]
    if kind in _SCALARS or (kind is float and isfinite(value)) or _is_integer(value):
        return value
    raise CitizenIDError(Reason.CLAIM_INVALID, "claims")


def _is_integer(value: object) -> bool:
    return type(value) is int and -(2**64) <= value < 2**64


def _date_tag(value: object, tags: frozenset[int]) -> int:
    if type(value) is str:
        if reg.FULL_DATE_TAG in tags and is_full_date(value):
            return reg.FULL_DATE_TAG
        if reg.DATE_TIME_TAG in tags and date_time(value) is not None:
            return reg.DATE_TIME_TAG
    raise CitizenIDError(Reason.CLAIM_INVALID, "claims")
