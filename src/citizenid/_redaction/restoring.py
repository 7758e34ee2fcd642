"""From redacted claims and disclosures to claims.

Spec: RFC 9901 section 7.1 steps 3 to 5; SD-JWT VC section 2.2.2.3; draft-ietf-spice-sd-cwt sections 5.1, 9 and 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from .._errors import MalformedError, Reason, VerificationError
from .._limits import Limits
from .._model import ClaimPath
from .markers import DECOY, Markers

_new: Final = tuple.__new__
_PLAIN: Final = frozenset({str, int, bool, bytes, type(None)})  # nothing below these, and nothing to judge about them


class Disclosure(NamedTuple):
    """A decoded disclosure. `name` is None for an array element, and `value` is `DECOY` for a decoy."""

    position: int
    name: str | int | None
    value: Any

    def __repr__(self) -> str:
        return "<Disclosure>"


class Placement(NamedTuple):
    """Where a disclosure belongs: its own position, and its path in the claims."""

    position: int
    path: ClaimPath

    def __repr__(self) -> str:
        return "<Placement>"


class Restored(NamedTuple):
    """What `restore` returns.

    Attributes:
        claims: the processed claims, frozen; the values of opaque members alone are as they were parsed.
        placements: where each disclosure went.
        withheld: the arrays of which an element stayed hidden.
    """

    claims: Mapping[Any, Any]
    placements: list[Placement]
    withheld: set[ClaimPath]

    def __repr__(self) -> str:
        return "<Restored>"


def restore(tree: dict[Any, Any], disclosures: dict[Any, Disclosure], markers: Markers, limits: Limits) -> Restored:
    """Put every disclosure into its one place and drop what stayed hidden.

    Args:
        tree: the signed claims as parsed; depth and numbers are judged here (`json.parse_tree`).
        disclosures: digest to disclosure; consumed.
        markers: the format's marks.
        limits: bounds for digests and depth.

    Raises:
        VerificationError: REDACTION_MALFORMED, DIGEST_DUPLICATE, DISCLOSURE_MALFORMED, DISCLOSURE_CLASH,
            DISCLOSURE_UNREFERENCED, CLAIM_NOT_DISCLOSABLE, LIMIT_EXCEEDED.
        MalformedError: DEPTH_EXCEEDED, MALFORMED_JSON for a number that is not finite.
    """
    walk = _Restoring(disclosures, markers, limits)
    claims = None
    try:
        claims = walk.object(tree, (), markers.where, markers.opaque)
    except RecursionError:
        pass  # raised below: the caller stands so deep that not even a legal nesting has room
    if claims is None:
        where = markers.where
        raise MalformedError(Reason.DEPTH_EXCEEDED, where)
    if disclosures:
        raise VerificationError(Reason.DISCLOSURE_UNREFERENCED, "disclosure")
    return _new(Restored, (claims, walk.placements, walk.withheld))


class _Restoring:
    __slots__ = (
        "depth",
        "digest_count",
        "digest_type",
        "disclosures",
        "markers",
        "placements",
        "seen",
        "where",
        "withheld",
    )

    def __init__(self, disclosures: dict[Any, Disclosure], markers: Markers, limits: Limits) -> None:
        self.disclosures = disclosures
        self.markers = markers
        self.where = markers.where
        self.digest_type = markers.digest_type
        self.depth = limits.depth
        self.digest_count = limits.digests
        self.seen: set[Any] = set()
        self.placements: list[Placement] = []
        self.withheld: set[ClaimPath] = set()

    def object(
        self, tree: dict[Any, Any], path: ClaimPath, where: str, opaque: frozenset[Any] = frozenset()
    ) -> Mapping[Any, Any]:
        if len(path) >= self.depth:
            raise MalformedError(Reason.DEPTH_EXCEEDED, where)
        claims = dict(tree)
        hidden = None
        reserved = self.markers.reserved
        if not reserved.isdisjoint(claims):
            hidden = claims.pop(self.markers.members, None)
            if hidden is None or not reserved.isdisjoint(claims):
                where = self.where
                raise VerificationError(Reason.REDACTION_MALFORMED, where)
        clear = []
        for name, item in tree.items():
            kind = type(item)
            if kind is str:
                continue
            if kind is dict or kind is list:
                if name in opaque:
                    clear.append(item)
                elif kind is dict:
                    claims[name] = self.object(item, (*path, name), where)
                elif item is not hidden:
                    claims[name] = self.array(item, (*path, name), where)
            elif kind is float and not isfinite(item):
                raise MalformedError(Reason.MALFORMED_JSON, where)
        if clear:
            _check_clear(clear, self.markers, self.depth - 1)
        if hidden is not None:
            self.hidden_members(hidden, claims, path)
        return MappingProxyType(claims)

    def hidden_members(self, digests: Any, claims: dict[Any, Any], path: ClaimPath) -> None:
        if type(digests) is not list:
            where = self.where
            raise VerificationError(Reason.REDACTION_MALFORMED, where)
        for position, name, value in self.take(digests):
            if value is DECOY:
                continue
            if name is None:
                raise VerificationError(Reason.DISCLOSURE_MALFORMED, "disclosure")
            if not path and name in self.markers.undisclosable:
                raise VerificationError(Reason.CLAIM_NOT_DISCLOSABLE, "disclosure")
            if name in claims:
                raise VerificationError(Reason.DISCLOSURE_CLASH, "disclosure")
            claims[name] = self.place(position, value, (*path, name))

    def array(self, items: list[Any], path: ClaimPath, where: str) -> tuple[Any, ...]:
        if len(path) >= self.depth:
            raise MalformedError(Reason.DEPTH_EXCEEDED, where)
        element, seen = self.markers.element, self.seen
        restored: list[Any] = []
        for item in items:
            kind = type(item)
            if kind is dict:
                if element not in item:
                    restored.append(self.object(item, (*path, len(restored)), where))
                    continue
                digest = item[element]
                if len(item) != 1 or type(digest) is not self.digest_type:
                    where = self.where
                    raise VerificationError(Reason.REDACTION_MALFORMED, where)
                if digest in seen:
                    where = self.where
                    raise VerificationError(Reason.DIGEST_DUPLICATE, where)
                seen.add(digest)
                if len(seen) > self.digest_count:
                    where = self.where
                    raise VerificationError(Reason.LIMIT_EXCEEDED, where)
                disclosure = self.disclosures.pop(digest, None)
                if disclosure is None:
                    self.withheld.add(path)
                    continue
                position, name, value = disclosure
                if value is DECOY:  # nothing stays hidden where it stood
                    continue
                if name is not None:
                    raise VerificationError(Reason.DISCLOSURE_MALFORMED, "disclosure")
                restored.append(self.place(position, value, (*path, len(restored))))
            elif kind is list:
                restored.append(self.array(item, (*path, len(restored)), where))
            elif kind is float and not isfinite(item):
                raise MalformedError(Reason.MALFORMED_JSON, where)
            else:
                restored.append(item)
        return tuple(restored)

    def place(self, position: int, value: Any, path: ClaimPath) -> Any:
        self.placements.append(_new(Placement, (position, path)))
        kind = type(value)
        if kind is dict:
            return self.object(value, path, "disclosure")
        if kind is list:
            return self.array(value, path, "disclosure")
        if kind is float and not isfinite(value):
            raise MalformedError(Reason.MALFORMED_JSON, "disclosure")
        return value

    def take(self, digests: list[Any]) -> list[Disclosure]:
        # Sets, not a loop: decoys included there may be thousands, of which a few are disclosed.
        if not set(map(type, digests)) <= {self.digest_type}:
            where = self.where
            raise VerificationError(Reason.REDACTION_MALFORMED, where)
        new = set(digests)
        seen = self.seen
        if len(new) != len(digests) or not seen.isdisjoint(new):
            where = self.where
            raise VerificationError(Reason.DIGEST_DUPLICATE, where)
        seen |= new
        if len(seen) > self.digest_count:
            where = self.where
            raise VerificationError(Reason.LIMIT_EXCEEDED, where)
        disclosures = self.disclosures
        if new.isdisjoint(disclosures):
            return []
        return [disclosures.pop(digest) for digest in digests if digest in disclosures]


def _check_clear(level: list[Any], markers: Markers, depth: int) -> None:
    # What decides on validity stands in the clear, whole (RFC 9901 section 9.7). Level by level, without recursion.
    reserved, where = markers.reserved, markers.where
    while level:
        if depth <= 0:
            raise MalformedError(Reason.DEPTH_EXCEEDED, where)
        depth -= 1
        below = []
        for container in level:
            if type(container) is dict:
                if not reserved.isdisjoint(container):
                    raise VerificationError(Reason.CLAIM_NOT_DISCLOSABLE, where)
                container = container.values()
            if _PLAIN.issuperset(map(type, container)):
                continue
            for item in container:
                kind = type(item)
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is float and not isfinite(item):
                    raise MalformedError(Reason.MALFORMED_JSON, where)
        level = below
