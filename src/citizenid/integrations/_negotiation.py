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
_QUOTED: Final = re.compile(r'"[^"]*"')  # its commas and semicolons part nothing
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z/-]+")
_WEIGHT: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_TIME: Final = re.compile(r"0|[1-9][0-9]{0,15}")  # as many digits as `MAX_UNIX_TIME` has


def fields(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Return the fields of a request by their names in lower case, repeated ones joined by commas."""
    found: dict[str, list[str]] = {}
    for raw, value in headers:
        found.setdefault(raw.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    # At once: one by one, each of thousands would copy all before it.
    joined = ((name, ", ".join(values)) for name, values in found.items())
    return {name: text for name, text in joined if len(text) <= _MAX_FIELD_CHARS}


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


def codings(accept_encoding: str | None, *, dictionary: bool) -> tuple[Coding, ...]:
    """Return the codings that are accepted, the smallest first: of the weights only 0 matters. `*` names no dictionary.

    Args:
        accept_encoding: the field, or None.
        dictionary: whether there is one that the client has too.
    """
    weights = {} if accept_encoding is None else _weights(accept_encoding)
    accepted = []
    for each in (Coding.DCZ, Coding.ZSTD, Coding.GZIP):
        available = each is Coding.GZIP or (ZSTD_AVAILABLE and (dictionary or each is Coding.ZSTD))
        other = 0.0 if each is Coding.DCZ else weights.get("*", 0.0)
        if available and weights.get(each.value, other) > 0:
            accepted.append(each)
    if weights.get(Coding.IDENTITY.value, weights.get("*", 1.0)) > 0:
        accepted.append(Coding.IDENTITY)
    return tuple(accepted)


def offers(headers: Mapping[str, str], sha256: bytes) -> bool:
    """Say whether the client has the body with this digest at hand, to decompress with."""
    return headers.get("available-dictionary", "").strip() == sf_binary(sha256)


def held(condition: str | None, tags: Sequence[str], further: str | None = None) -> str | None:
    """Return the first of these tags that If-None-Match names, strong or weak; for `*` the first of them; or None.

    A cache renews what it holds only under the tag that it holds it by (RFC 9111 section 4.3.4), and may send it to
    whoever asks now: the tags are of what this request accepts.

    Args:
        condition: the field, or None.
        tags: of the version, one for each coding that is accepted.
        further: a tag that begins with this will do as well.
    """
    if condition is None:
        return None
    if condition.strip() == "*":
        return tags[0]
    named = re.findall(r'"([0-9a-z-]*)"', condition)
    return next((tag for tag in named if tag in tags or (further is not None and tag.startswith(further))), None)


def asked_times(query: bytes) -> tuple[str, ...]:
    """Return every value of `time` in a query; other parameters are passed over."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return tuple(value for name, value in pairs if name == "time")


def read_time(values: Sequence[str]) -> int | None:
    """Return the one time that is asked for, in Unix seconds, or None when it is none or there are several."""
    return int(values[0]) if len(values) == 1 and _TIME.fullmatch(values[0]) else None


def _weights(field: str) -> dict[str, float]:
    """Read a list of items with weights (RFC 9110 section 12.4.2); items of another form are passed over.

    An item counts by its name and its weight: nothing that we serve has other parameters.
    """
    found: dict[str, float] = {}
    for item in _QUOTED.sub("", field.lower()).split(","):
        name, *parameters = (part.strip(" \t") for part in item.split(";"))
        stated = [value for key, _, value in (each.partition("=") for each in parameters) if key.rstrip(" \t") == "q"]
        if _NAME.fullmatch(name) and len(stated) <= 1 and all(map(_WEIGHT.fullmatch, stated)):
            found[name] = float(stated[0]) if stated else 1.0
    return found
