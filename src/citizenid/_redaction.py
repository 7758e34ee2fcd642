"""The one walker between redacted claims and disclosures, in both directions.

A format says by `Markers` how it marks what is hidden; the walkers know no format and no role. `restore` takes
a tree in which digests stand for hidden parts, and the disclosures that came with it, and returns the claims that are
left when every disclosure is in its place and every other marker is gone. Each digest may occur once, each disclosure
must have exactly one place, and nothing may sit where the format forbids hiding. `redact` is the way back.

Spec: RFC 9901 sections 4.2, 7.1 steps 3 to 5; SD-JWT VC section 2.2.2.3; draft-ietf-spice-sd-cwt sections 5.1, 9, 10.
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
from ._wire.cbor import Redacted

_new: Final = tuple.__new__
_PLAIN: Final = frozenset({str, int, bool, type(None)})  # nothing below these, and nothing to judge about them


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


class Disclosure(NamedTuple):
    """A decoded disclosure. `name` is None for an array element, and `value` is `DECOY` for a decoy."""

    position: int
    name: str | int | None
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
        claims = walk.object(tree, (), None, markers.opaque)
    except RecursionError:
        pass  # raised below: the caller stands so deep that not even a legal nesting has room
    if claims is None:
        raise MalformedError(Reason.DEPTH_EXCEEDED, markers.where)
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
        self, tree: dict[Any, Any], path: ClaimPath, parent: int | None, opaque: frozenset[Any] = frozenset()
    ) -> Mapping[Any, Any]:
        if len(path) >= self.depth:
            raise MalformedError(Reason.DEPTH_EXCEEDED, self.markers.where if parent is None else "disclosure")
        claims = dict(tree)
        hidden = None
        reserved = self.markers.reserved
        if not reserved.isdisjoint(claims):
            hidden = claims.pop(self.markers.members, None)
            if hidden is None or not reserved.isdisjoint(claims):
                raise VerificationError(Reason.REDACTION_MALFORMED, self.markers.where)
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
                raise MalformedError(Reason.MALFORMED_JSON, self.markers.where if parent is None else "disclosure")
        if clear:
            _check_clear(clear, self.markers, self.depth - 1)
        if hidden is not None:
            self.hidden_members(hidden, claims, path, parent)
        return MappingProxyType(claims)

    def hidden_members(self, digests: Any, claims: dict[Any, Any], path: ClaimPath, parent: int | None) -> None:
        if type(digests) is not list:
            raise VerificationError(Reason.REDACTION_MALFORMED, self.markers.where)
        for position, name, value in self.take(digests):
            if value is DECOY:
                continue
            if name is None:
                raise VerificationError(Reason.DISCLOSURE_MALFORMED, "disclosure")
            if not path and name in self.markers.undisclosable:
                raise VerificationError(Reason.CLAIM_NOT_DISCLOSABLE, "disclosure")
            if name in claims:
                raise VerificationError(Reason.DISCLOSURE_CLASH, "disclosure")
            claims[name] = self.place(position, value, (*path, name), parent)

    def array(self, items: list[Any], path: ClaimPath, parent: int | None) -> tuple[Any, ...]:
        if len(path) >= self.depth:
            raise MalformedError(Reason.DEPTH_EXCEEDED, self.markers.where if parent is None else "disclosure")
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
                    raise VerificationError(Reason.REDACTION_MALFORMED, self.markers.where)
                if digest in seen:
                    raise VerificationError(Reason.DIGEST_DUPLICATE, self.markers.where)
                seen.add(digest)
                if len(seen) > self.digest_count:
                    raise VerificationError(Reason.LIMIT_EXCEEDED, self.markers.where)
                disclosure = self.disclosures.pop(digest, None)
                if disclosure is None:
                    self.withheld.add(path)
                    continue
                position, name, value = disclosure
                if value is DECOY:  # nothing stays hidden where it stood
                    continue
                if name is not None:
                    raise VerificationError(Reason.DISCLOSURE_MALFORMED, "disclosure")
                restored.append(self.place(position, value, (*path, len(restored)), parent))
            elif kind is list:
                restored.append(self.array(item, (*path, len(restored)), parent))
            elif kind is float and not isfinite(item):
                raise MalformedError(Reason.MALFORMED_JSON, self.markers.where if parent is None else "disclosure")
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
            raise VerificationError(Reason.REDACTION_MALFORMED, self.markers.where)
        new = set(digests)
        seen = self.seen
        if len(new) != len(digests) or not seen.isdisjoint(new):
            raise VerificationError(Reason.DIGEST_DUPLICATE, self.markers.where)
        seen |= new
        if len(seen) > self.digest_count:
            raise VerificationError(Reason.LIMIT_EXCEEDED, self.markers.where)
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

Conceal = Callable[[Any, Any], Any]
"""Makes a disclosure of (name or None, value), keeps it, and returns its digest."""


def redact(
    claims: Mapping[Any, Any], selection: Selection, conceal: Conceal, markers: Markers, limits: Limits
) -> dict[Any, Any]:
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
    if kind is tuple or kind is list:
        return _redact_array(value, selection, conceal, markers, depth)
    if kind is MappingProxyType or kind is dict:
        return _redact_object(value, selection, conceal, markers, depth)
    raise CitizenIDError(Reason.CLAIM_INVALID, "claims")


def _redact_object(
    tree: Mapping[Any, Any], selection: Selection, conceal: Conceal, markers: Markers, depth: int
) -> dict[Any, Any]:
    if depth <= 0:
        raise CitizenIDError(Reason.DEPTH_EXCEEDED, "claims")
    if not markers.name_types.issuperset(map(type, tree)):
        raise CitizenIDError(Reason.CLAIM_INVALID, "claims")
    if not markers.reserved.isdisjoint(tree):
        raise CitizenIDError(Reason.CLAIM_RESERVED, "claims")
    below, rest, scalars = selection.below, selection.rest, markers.scalars
    shown: dict[Any, Any] = {}
    hidden = []
    for name, item in tree.items():
        chosen = below.get(name, rest)
        value = item if type(item) in scalars else _redact(item, chosen, conceal, markers, depth - 1)
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
    scalars = markers.scalars
    shown: list[Any] = []
    for index, item in enumerate(items):
        chosen = selection.element(index)
        value = item if type(item) in scalars else _redact(item, chosen, conceal, markers, depth - 1)
        shown.append({markers.element: conceal(None, value)} if chosen.marked else value)
    return shown
