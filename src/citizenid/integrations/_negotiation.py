"""What a request for a list asks for: which form, which content coding, and of which time.

It reads header fields and a query and knows nothing of lists. Any bytes are answered; what is no item of a field is
passed over, and a field that is too long counts as missing.

Spec: RFC 9110 sections 12.4.2, 12.5.1, 12.5.3; RFC 9842 section 2.2; Token Status List section 8.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

from ._codings import ZSTD_AVAILABLE, Coding, sf_binary

_MAX_FIELD_CHARS: Final = 4_096  # of Accept and its like; servers in front take 8,192 for all fields
_ITEM: Final = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z/-]+)\s*(?:;\s*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?\s*")
_TIME: Final = re.compile(r"0|[1-9][0-9]{0,15}")  # as many digits as `MAX_UNIX_TIME` has


def fields(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Return the fields of a request by their names in lower case, repeated ones joined by commas."""
    joined: dict[str, str] = {}
    for raw, value in headers:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        joined[name] = f"{joined[name]}, {text}" if name in joined else text
    return {name: text for name, text in joined.items() if len(text) <= _MAX_FIELD_CHARS}


def preferred(accept: str | None, kinds: Sequence[str]) -> str | None:
    """Return the media type that is accepted with the greatest weight, of equal ones the first; None for none.

    The most specific range that fits says a type's weight, and a type that none fits is not accepted.
    """
    if accept is None or not accept.strip():
        return kinds[0]
    weights = _weights(accept)
    found, most = None, 0.0
    for kind in kinds:
        ranges = (kind, kind.partition("/")[0] + "/*", "*/*")
        weight = next((weights[name] for name in ranges if name in weights), 0.0)
        if weight > most:
            found, most = kind, weight
    return found


def coding(accept_encoding: str | None, *, dictionary: bool) -> Coding | None:
    """Return the smallest coding that is accepted: of the weights only 0 matters. `*` names no dictionary."""
    weights = {} if accept_encoding is None else _weights(accept_encoding)
    for each in (Coding.DCZ, Coding.ZSTD, Coding.GZIP):
        available = each is Coding.GZIP or (ZSTD_AVAILABLE and (dictionary or each is Coding.ZSTD))
        other = 0.0 if each is Coding.DCZ else weights.get("*", 0.0)
        if available and weights.get(each.value, other) > 0:
            return each
    return Coding.IDENTITY if weights.get(Coding.IDENTITY.value, weights.get("*", 1.0)) > 0 else None


def offers(headers: Mapping[str, str], sha256: bytes) -> bool:
    """Say whether the client has the body with this digest at hand, to decompress with."""
    return headers.get("available-dictionary", "").strip() == sf_binary(sha256)


def held(condition: str | None, tag: str) -> str | None:
    """Return the tag by which If-None-Match names this version, in whichever coding, strong or weak; or None.

    A cache renews what it holds only under the tag that it holds it by (RFC 9111 section 4.3.4).
    """
    if condition is None:
        return None
    named = re.search(rf'"({tag}(?:-[0-9a-z]+)?)"', condition)
    return named[1] if named is not None else tag if condition == "*" else None


def asked_times(query: bytes) -> tuple[str, ...]:
    """Return every value of `time` in a query; other parameters are passed over."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return tuple(value for name, value in pairs if name == "time")


def read_time(values: Sequence[str]) -> int | None:
    """Return the one time that is asked for, in Unix seconds, or None when it is none or there are several."""
    return int(values[0]) if len(values) == 1 and _TIME.fullmatch(values[0]) else None


def _weights(field: str) -> dict[str, float]:
    """Read a list of items with weights (RFC 9110 section 12.4.2); items of another form are passed over."""
    found: dict[str, float] = {}
    for item in field.lower().split(","):
        parts = _ITEM.fullmatch(item)
        if parts is not None:
            found[parts[1]] = 1.0 if parts[2] is None else float(parts[2])
    return found
