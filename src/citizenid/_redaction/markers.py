"""How each format marks what is hidden. `restore` and `redact` know no format but by these."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .. import _registry as reg
from .._wire.cbor import Redacted


class Markers(NamedTuple):
    """How a format marks hidden parts, and what it may not hide.

    Attributes:
        where: spec path of the signed claims, for errors.
        members: the member whose value lists the digests of an object's hidden members.
        element: the member of the one-member object that stands for a hidden array element.
        reserved: member names that may stand nowhere else.
        digest_type: the exact type of a digest.
        undisclosable: top-level members that may not be hidden themselves.
        opaque: those of them in which nothing may be hidden either.
        name_types: the exact types of a member name.
        scalars: the exact types of the values that hold no others.
    """

    where: str
    members: Any
    element: Any
    reserved: frozenset[Any]
    digest_type: type
    undisclosable: frozenset[Any]
    opaque: frozenset[Any]
    name_types: frozenset[type]
    scalars: frozenset[type]


SD_JWT_MARKERS: Final = Markers(
    where="issuer-jwt.payload",
    members=reg.SD,
    element=reg.SD_ELEMENT,
    reserved=reg.SD_RESERVED,
    digest_type=str,
    undisclosable=reg.CONTROL_CLAIMS,
    opaque=reg.CONTROL_CLAIMS - {reg.AUD},  # RFC 9901 section 9.7: single entries of aud may be hidden
    name_types=frozenset({str}),
    scalars=frozenset({str, int, bool, float, type(None)}),
)
SD_CWT_MARKERS: Final = Markers(
    where="sd-cwt.payload",
    members=Redacted.KEYS,
    element=Redacted.ELEMENT,
    reserved=frozenset({Redacted.KEYS, Redacted.ELEMENT}),
    digest_type=bytes,
    undisclosable=reg.CWT_CONTROL_CLAIMS,
    opaque=reg.CWT_CONTROL_CLAIMS,  # section 7 table 2: aud as well, with all that is in it
    name_types=frozenset({int, str}),
    scalars=frozenset({str, int, bytes, bool, float, type(None)}),
)
DECOY: Final[Any] = object()
"""The value of a disclosure that shows nothing: what its digest stands for is a decoy."""
