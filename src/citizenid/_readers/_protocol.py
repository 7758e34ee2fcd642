"""What a format is to the verifier: a record of three functions. No class tree, and no step that a format could skip.

`verifier.py` owns the steps and their order; a reader only knows how its format writes things down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .._errors import FAILURES
from .._limits import Limits
from .._model import Attestation, Challenge, Format, Presentation, Serialization, SignedObject, UnixTime
from .._redaction import Placement


class KeyAuthorizations(NamedTuple):
    """Which elements the holder's key may sign by itself: whole namespaces, and single elements of others."""

    namespaces: frozenset[str]
    elements: frozenset[tuple[str, str]]

    def permit(self, namespace: str, element: str) -> bool:
        """Whether this element may be device-signed."""
        return namespace in self.namespaces or (namespace, element) in self.elements


class Reading(NamedTuple):
    """What `read` found in verified bytes.

    Attributes:
        attestation: with the operator's label as its issuer.
        stated_issuer: who the object says has issued it, or None; V5 compares.
        audiences: for whom the issuer meant it, or None for everybody; V7 compares.
        hash_name: hashlib's name of the digest algorithm, which the key binding must use too.
        claims: all processed claims, those of the profile itself included; the holder needs them.
        placements: where each disclosure went, for the holder; None where each is an element of a namespace of the
            claims, in their order (`placements_of`).
        signed_at: when it was signed, in a format whose signer must have been certified at that time; V6 compares.
        authorizations: what the holder's key may state by itself (mdoc KeyAuthorizations); V7 compares.
        issuing_countries: in whose name it says it was issued, as stated and mostly nothing; V5 compares them with the
            country that the signer's certificate names.
        issuing_jurisdictions: the same of a part of that country; V5 compares them with the state, if one is named.
        iat_disclosed: whether the time of issue came as a disclosure. A holder may withhold it, and V9 counts on none.
        kept_under: the key of the cache that it was put under, or nothing: under another key it is no answer.
    """

    attestation: Attestation
    stated_issuer: str | None
    audiences: tuple[str, ...] | None
    hash_name: str
    claims: Mapping[str, Any]
    placements: Sequence[Placement] | None
    signed_at: UnixTime | None = None
    authorizations: KeyAuthorizations | None = None
    issuing_countries: tuple[Any, ...] = ()
    issuing_jurisdictions: tuple[Any, ...] = ()
    iat_disclosed: bool = False
    kept_under: bytes = b""

    def __repr__(self) -> str:
        return "<Reading>"


class IssuerHalfCache(Protocol):
    """Where `verify_credential` may keep what V3 and V4 found. Keys are SHA-256 digests; values are opaque.

    It is somebody else's, and changes no verdict: one that fails, or says something else, has nothing.
    """

    def get(self, key: bytes, /) -> Reading | None:
        """Return what was put under `key`, or None."""
        ...

    def put(self, key: bytes, value: Reading, /) -> None:
        """Keep a reading; it is immutable."""
        ...


def kept_reading(cache: IssuerHalfCache | None, key: bytes) -> Reading | None:
    """Return what was put under this key and no other, or None: a cache that fails, or was changed, has nothing."""
    if cache is None:
        return None
    reading: object = None
    try:
        reading = cache.get(key)
    except FAILURES:
        pass  # then it is read again
    return reading if type(reading) is Reading and reading.kept_under == key else None


def keep_reading(cache: IssuerHalfCache, key: bytes, reading: Reading) -> None:
    """Put a reading under this key; a cache that fails does not have it."""
    try:
        cache.put(key, reading._replace(kept_under=key))
    except FAILURES:
        pass  # as above


def placements_of(reading: Reading) -> Sequence[Placement]:
    """Return where each disclosure went."""
    if reading.placements is not None:
        return reading.placements
    paths = [(namespace, name) for namespace, elements in reading.claims.items() for name in elements]
    return [Placement(position, path) for position, path in enumerate(paths)]


class Reader(NamedTuple):
    """A format. `open` is framing alone (V1), `read` runs after V3 (V4), `bind` before V8 (V7).

    `credential_path` and `binding_path` name the two signed objects in errors.
    """

    format: Format
    open: Callable[[object, Limits, Serialization], tuple[Presentation, ...]]
    read: Callable[[Presentation, str, Limits], Reading]
    bind: Callable[[Presentation, Reading, Challenge, UnixTime, Limits], tuple[SignedObject, Mapping[str, Any]]]
    credential_path: str
    binding_path: str
