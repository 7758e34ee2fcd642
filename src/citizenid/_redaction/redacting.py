"""From claims to redacted claims: what to hide is a `Selection`, and how a disclosure is written the caller says.

Spec: RFC 9901 sections 4.2.4 to 4.2.6; draft-ietf-spice-sd-cwt sections 5.1 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from .._errors import CitizenIDError, Reason
from .._limits import Limits
from .._model import ClaimPath
from .markers import Markers


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
        pass  # raised below, as in `restoring.restore`
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
