"""The one walker between redacted claims and disclosures, in both directions.

A format says by `Markers` how it marks what is hidden; the walkers know no format and no role. `restore` takes
a tree in which digests stand for hidden parts, and the disclosures that came with it, and returns the claims that are
left when every disclosure is in its place and every other marker is gone. Each digest may occur once, each disclosure
must have exactly one place, and nothing may sit where the format forbids hiding. `redact` is the way back.

Spec: RFC 9901 sections 4.2, 7.1 steps 3 to 5; SD-JWT VC section 2.2.2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from . import _registry as reg
from ._errors import CitizenIDError, MalformedError, Reason, VerificationError
from ._limits import Limits
from ._model import ClaimPath

_WHERE: Final = "issuer-jwt.payload"
_new: Final = tuple.__new__
_NAMES: Final = frozenset({str})
_PLAIN: Final = frozenset({str, int, bool, type(None)})  # nothing below these, and nothing to judge about them


class Markers(NamedTuple):
    """How a format marks hidden parts, and what it may not hide.

    Attributes:
        members: the member whose value lists the digests of an object's hidden members.
        element: the member of the one-member object that stands for a hidden array element.
        reserved: member names that may stand nowhere else.
        digest_type: the exact type of a digest.
        undisclosable: top-level members that may not be hidden themselves.
        opaque: those of them in which nothing may be hidden either.
    """

    members: str
    element: str
    reserved: frozenset[str]
    digest_type: type
    undisclosable: frozenset[str]
    opaque: frozenset[str]


SD_JWT_MARKERS: Final = Markers(
    members=reg.SD,
    element=reg.SD_ELEMENT,
    reserved=reg.SD_RESERVED,
    digest_type=str,
    undisclosable=reg.CONTROL_CLAIMS,
    opaque=reg.CONTROL_CLAIMS - {reg.AUD},  # RFC 9901 section 9.7: single entries of aud may be hidden
)


class Disclosure(NamedTuple):
    """A decoded disclosure. `name` is None for an array element."""

    position: int
    name: str | None
    value: Any

    def __repr__(self) -> str:
        return "<Disclosure>"


class Placement(NamedTuple):
    """Where a disclosure belongs: its own position, its path in the claims, and the disclosure it stands inside."""

    position: int
    path: ClaimPath
    parent: int | None

    def __repr__(self) -> str:
        return "<Placement>"


class Restored(NamedTuple):
    """What `restore` returns.

    Attributes:
        claims: the processed claims, frozen; the values of opaque members alone are as they were parsed.
        placements: where each disclosure went.
        withheld: the arrays of which an element stayed hidden.
    """

    claims: Mapping[str, Any]
    placements: list[Placement]
    withheld: set[ClaimPath]

    def __repr__(self) -> str:
        return "<Restored>"


def restore(tree: dict[str, Any], disclosures: dict[Any, Disclosure], markers: Markers, limits: Limits) -> Restored:
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
        claims = walk.object(tree, (), None, markers.opaque)
    except RecursionError:
        pass  # raised below: the caller stands so deep that not even a legal nesting has room
    if claims is None:
        raise MalformedError(Reason.DEPTH_EXCEEDED, _WHERE)
    if disclosures:
        raise VerificationError(Reason.DISCLOSURE_UNREFERENCED, "disclosure")
    return _new(Restored, (claims, walk.placements, walk.withheld))


class _Restoring:
    __slots__ = ("depth", "digest_count", "digest_type", "disclosures", "markers", "placements", "seen", "withheld")

    def __init__(self, disclosures: dict[Any, Disclosure], markers: Markers, limits: Limits) -> None:
        self.disclosures = disclosures
        self.markers = markers
        self.digest_type = markers.digest_type
        self.depth = limits.depth
        self.digest_count = limits.digests
        self.seen: set[Any] = set()
        self.placements: list[Placement] = []
        self.withheld: set[ClaimPath] = set()

    def object(
        self, tree: dict[str, Any], path: ClaimPath, parent: int | None, opaque: frozenset[str] = frozenset()
    ) -> Mapping[str, Any]:
        if len(path) >= self.depth:
            raise MalformedError(Reason.DEPTH_EXCEEDED, _WHERE if parent is None else "disclosure")
        claims = dict(tree)
        hidden = None
        reserved = self.markers.reserved
        if not reserved.isdisjoint(claims):
            hidden = claims.pop(self.markers.members, None)
            if hidden is None or not reserved.isdisjoint(claims):
                raise VerificationError(Reason.REDACTION_MALFORMED, _WHERE)
        clear = []
        for name, item in tree.items():
            kind = type(item)
            if kind is str:
                continue
            if kind is dict or kind is list:
                if name in opaque:
                    clear.append(item)
                elif kind is dict:
                    claims[name] = self.object(item, (*path, name), parent)
                elif item is not hidden:
                    claims[name] = self.array(item, (*path, name), parent)
            elif kind is float and not isfinite(item):
                raise MalformedError(Reason.MALFORMED_JSON, _WHERE if parent is None else "disclosure")
        if clear:
            _check_clear(clear, reserved, self.depth - 1)
        if hidden is not None:
            self.hidden_members(hidden, claims, path, parent)
        return MappingProxyType(claims)

    def hidden_members(self, digests: Any, claims: dict[str, Any], path: ClaimPath, parent: int | None) -> None:
        if type(digests) is not list:
            raise VerificationError(Reason.REDACTION_MALFORMED, _WHERE)
        for position, name, value in self.take(digests):
            if name is None:
                raise VerificationError(Reason.DISCLOSURE_MALFORMED, "disclosure")
            if not path and name in self.markers.undisclosable:
                raise VerificationError(Reason.CLAIM_NOT_DISCLOSABLE, "disclosure")
            if name in claims:
                raise VerificationError(Reason.DISCLOSURE_CLASH, "disclosure")
            claims[name] = self.place(position, value, (*path, name), parent)

    def array(self, items: list[Any], path: ClaimPath, parent: int | None) -> tuple[Any, ...]:
        if len(path) >= self.depth:
            raise MalformedError(Reason.DEPTH_EXCEEDED, _WHERE if parent is None else "disclosure")
        element, seen = self.markers.element, self.seen
        restored: list[Any] = []
        for item in items:
            kind = type(item)
            if kind is dict:
                if element not in item:
                    restored.append(self.object(item, (*path, len(restored)), parent))
                    continue
                digest = item[element]
                if len(item) != 1 or type(digest) is not self.digest_type:
                    raise VerificationError(Reason.REDACTION_MALFORMED, _WHERE)
                if digest in seen:
                    raise VerificationError(Reason.DIGEST_DUPLICATE, _WHERE)
                seen.add(digest)
                if len(seen) > self.digest_count:
                    raise VerificationError(Reason.LIMIT_EXCEEDED, _WHERE)
                disclosure = self.disclosures.pop(digest, None)
                if disclosure is None:
                    self.withheld.add(path)
                    continue
                position, name, value = disclosure
                if name is not None:
                    raise VerificationError(Reason.DISCLOSURE_MALFORMED, "disclosure")
                restored.append(self.place(position, value, (*path, len(restored)), parent))
            elif kind is list:
                restored.append(self.array(item, (*path, len(restored)), parent))
            elif kind is float and not isfinite(item):
                raise MalformedError(Reason.MALFORMED_JSON, _WHERE if parent is None else "disclosure")
            else:
                restored.append(item)
        return tuple(restored)

    def place(self, position: int, value: Any, path: ClaimPath, parent: int | None) -> Any:
        self.placements.append(_new(Placement, (position, path, parent)))
        kind = type(value)
        if kind is dict:
            return self.object(value, path, position)
        if kind is list:
            return self.array(value, path, position)
        if kind is float and not isfinite(value):
            raise MalformedError(Reason.MALFORMED_JSON, "disclosure")
        return value

    def take(self, digests: list[Any]) -> list[Disclosure]:
        # Sets, not a loop: decoys included there may be thousands, of which a few are disclosed.
        if not set(map(type, digests)) <= {self.digest_type}:
            raise VerificationError(Reason.REDACTION_MALFORMED, _WHERE)
        new = set(digests)
        seen = self.seen
        if len(new) != len(digests) or not seen.isdisjoint(new):
            raise VerificationError(Reason.DIGEST_DUPLICATE, _WHERE)
        seen |= new
        if len(seen) > self.digest_count:
            raise VerificationError(Reason.LIMIT_EXCEEDED, _WHERE)
        disclosures = self.disclosures
        if new.isdisjoint(disclosures):
            return []
        return [disclosures.pop(digest) for digest in digests if digest in disclosures]


def _check_clear(level: list[Any], reserved: frozenset[str], depth: int) -> None:
    # What decides on validity stands in the clear, whole (RFC 9901 section 9.7). Level by level, without recursion.
    while level:
        if depth <= 0:
            raise MalformedError(Reason.DEPTH_EXCEEDED, _WHERE)
        depth -= 1
        below = []
        for container in level:
            if type(container) is dict:
                if not reserved.isdisjoint(container):
                    raise VerificationError(Reason.CLAIM_NOT_DISCLOSABLE, _WHERE)
                container = container.values()
            if _PLAIN.issuperset(map(type, container)):
                continue
            for item in container:
                kind = type(item)
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is float and not isfinite(item):
                    raise MalformedError(Reason.MALFORMED_JSON, _WHERE)
        level = below


class Selection:
    """Which parts of a tree to hide: a tree of path steps, where None stands for every array element.

    Attributes:
        marked: whether the part at this step is hidden itself.
        below: the steps that lead on.
        rest: the selection of every step that is not in `below`.
    """

    __slots__ = ("below", "marked", "rest")

    def __init__(self, rest: Selection | None = None) -> None:
        self.marked = False
        self.below: dict[str | int | None, Selection] = {}
        self.rest = self if rest is None else rest

    @classmethod
    def of(cls, paths: Iterable[ClaimPath]) -> Selection:
        """Select exactly these paths. What is returned must not be changed."""
        root = cls(_NOTHING)
        for path in paths:
            node = root
            for step in path:
                node = node.below.setdefault(step, cls(_NOTHING))
            node.marked = True
        return root

    def element(self, index: int) -> Selection:
        """Return the selection of an array element: by its index, by None, or by both together."""
        exact, each = self.below.get(index), self.below.get(None)
        if exact is None or each is None:
            return exact or each or self.rest
        return _merge(exact, each)


def _merge(one: Selection, other: Selection) -> Selection:
    both = Selection(_NOTHING)
    both.marked = one.marked or other.marked
    both.below = dict(other.below)
    for step, node in one.below.items():
        both.below[step] = _merge(node, both.below[step]) if step in both.below else node
    return both


_NOTHING: Final = Selection()
EVERYTHING: Final = Selection()
EVERYTHING.marked = True

_SCALARS: Final = frozenset({str, int, bool, float, type(None)})

Conceal = Callable[[str | None, Any], Any]
"""Makes a disclosure of (name or None, value), keeps it, and returns its digest."""


def redact(
    claims: Mapping[str, Any], selection: Selection, conceal: Conceal, markers: Markers, limits: Limits
) -> dict[str, Any]:
    """Return `claims` as plain dicts and lists in which the selected parts are replaced by digests.

    Inner parts are hidden before outer ones, so that a selected part inside a selected part gives a recursive
    disclosure (RFC 9901 section 4.2.6). Digests of members are sorted, which hides the original order (4.2.4.1).

    Raises:
        CitizenIDError: CLAIM_RESERVED for a member name that marks hidden parts, CLAIM_INVALID for a value that the
            format cannot carry, DEPTH_EXCEEDED.
    """
    try:
        return _redact_object(claims, selection, conceal, markers, limits.depth)
    except RecursionError:
        pass  # raised below, as in `restore`
    raise CitizenIDError(Reason.DEPTH_EXCEEDED, "claims")


def _redact(value: Any, selection: Selection, conceal: Conceal, markers: Markers, depth: int) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is tuple or kind is list:
        return _redact_array(value, selection, conceal, markers, depth)
    if kind is MappingProxyType or kind is dict:
        return _redact_object(value, selection, conceal, markers, depth)
    raise CitizenIDError(Reason.CLAIM_INVALID, "claims")


def _redact_object(
    tree: Mapping[str, Any], selection: Selection, conceal: Conceal, markers: Markers, depth: int
) -> dict[str, Any]:
    if depth <= 0:
        raise CitizenIDError(Reason.DEPTH_EXCEEDED, "claims")
    if not _NAMES.issuperset(map(type, tree)):
        raise CitizenIDError(Reason.CLAIM_INVALID, "claims")
    if not markers.reserved.isdisjoint(tree):
        raise CitizenIDError(Reason.CLAIM_RESERVED, "claims")
    below, rest = selection.below, selection.rest
    shown: dict[str, Any] = {}
    hidden = []
    for name, item in tree.items():
        chosen = below.get(name, rest)
        value = item if type(item) in _SCALARS else _redact(item, chosen, conceal, markers, depth - 1)
        if chosen.marked:
            hidden.append(conceal(name, value))
        else:
            shown[name] = value
    if hidden:
        hidden.sort()
        shown[markers.members] = hidden
    return shown


def _redact_array(
    items: Iterable[Any], selection: Selection, conceal: Conceal, markers: Markers, depth: int
) -> list[Any]:
    if depth <= 0:
        raise CitizenIDError(Reason.DEPTH_EXCEEDED, "claims")
    shown: list[Any] = []
    for index, item in enumerate(items):
        chosen = selection.element(index)
        value = item if type(item) in _SCALARS else _redact(item, chosen, conceal, markers, depth - 1)
        shown.append({markers.element: conceal(None, value)} if chosen.marked else value)
    return shown
