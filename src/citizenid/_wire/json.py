"""JSON, read strictly (RFC 8259, I-JSON RFC 7493). How it is written stands in `writing.py`.

UTF-8 only, no duplicate members (compared after unescaping), no NaN or Infinity however spelled (1e400 too), nothing
after the value, bounded depth. Size is the caller's bound: it is checked before anything is decoded. jiter quotes the
offending name in its error, so errors are raised outside its `except` block.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

from jiter import from_json

from .._errors import MalformedError, Reason

_PLAIN: Final = frozenset({str, int, bool, type(None)})


def parse(data: bytes, where: str, depth: int) -> Any:
    """Read one JSON value.

    Args:
        data: UTF-8 bytes, already bounded in size.
        where: spec path for the error.
        depth: how deep arrays and objects may nest; a scalar has depth 0.

    Raises:
        MalformedError: MALFORMED_JSON, DUPLICATE_MEMBER, DEPTH_EXCEEDED.
    """
    value = parse_tree(data, where)
    kind = type(value)
    if kind is dict or kind is list:
        _check(value, where, depth)
    elif kind is float and not isfinite(value):
        raise MalformedError(Reason.MALFORMED_JSON, where)
    return value


def parse_tree(data: bytes, where: str) -> Any:
    """Read one JSON value whose depth and numbers are still to be judged.

    For `_redaction.restore`, which walks all of it anyway; others use `parse`. jiter bounds the depth at 200, and a
    number beyond the range of a double has become an infinity.

    Raises:
        MalformedError: MALFORMED_JSON, DUPLICATE_MEMBER, DEPTH_EXCEEDED.
    """
    value: Any = None
    reason = None
    try:
        value = from_json(data, allow_inf_nan=False, cache_mode="none", catch_duplicate_keys=True)
    except ValueError as error:
        reason = _why(str(error))
    if reason is not None:
        raise MalformedError(reason, where)
    return value


def parse_object(data: bytes, where: str, depth: int) -> dict[str, Any]:
    """Read one JSON object. Raises as `parse`, and MALFORMED_JSON when another value stands at the top."""
    value = parse_tree(data, where)
    if type(value) is not dict:
        raise MalformedError(Reason.MALFORMED_JSON, where)
    if depth < 1 or not _PLAIN.issuperset(map(type, value.values())):  # most objects hold texts and integers alone
        _check(value, where, depth)
    return value


def _why(text: str) -> Reason:
    if text.startswith("Detected duplicate key"):
        return Reason.DUPLICATE_MEMBER
    if text.startswith("recursion limit exceeded"):
        return Reason.DEPTH_EXCEEDED
    return Reason.MALFORMED_JSON


def _check(value: Any, where: str, depth: int) -> None:
    # jiter bounds depth at 200 and turns 1e400 into infinity; both are ours to refuse. Level by level, no recursion.
    level = [value]
    while level:
        if depth <= 0:
            raise MalformedError(Reason.DEPTH_EXCEEDED, where)
        depth -= 1
        below = []
        for container in level:
            items = container.values() if type(container) is dict else container
            if _PLAIN.issuperset(map(type, items)):  # most are, and asking costs less than looking at each
                continue
            for item in items:
                kind = type(item)
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is float and not isfinite(item):
                    raise MalformedError(Reason.MALFORMED_JSON, where)
        level = below
