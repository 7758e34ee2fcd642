"""Which of the claims that can be disclosed a path chooses, and whether a path leads anywhere.

Placements are put into a tree once, so that a choice is looked up in it and not compared with each of them.

Spec: specs/profile-sd-jwt-vc.md; OpenID4VP 1.0 section 7 (paths).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ._model import ClaimPath
from ._redaction import Placement

_NAMES: Final = frozenset({str, int})  # exactly: to a dict True is 1


class Node:
    """What is placed at a path, and below it by the next step."""

    __slots__ = ("below", "positions")

    def __init__(self) -> None:
        self.below: dict[Any, Node] = {}
        self.positions: list[int] = []


def tree_of(placements: Iterable[Placement]) -> Node:
    """Return the root of the tree of all placements."""
    root = Node()
    for placement in placements:
        node = root
        for step in placement.path:
            node = node.below.setdefault(step, Node())
        node.positions.append(placement.position)
    return root


def selected(node: Node, path: tuple[Any, ...], value: Any) -> Iterator[int]:
    """Yield the positions that a path chooses, of the claims `value` that the tree is of."""
    # A chosen path shows what is at it and inside it; and to be seen at all it needs everything it stands inside.
    # An element of a chosen array that has nothing of what is chosen in it stays hidden.
    if node.positions and (not path or exists(value, path)):
        yield from node.positions
    below, step = node.below, path[0] if path else None
    if not path:
        for child in below.values():
            yield from selected(child, path, None)
    elif step is None:
        # Every element of an array, and no member of a map: there an integer is a name (SD-CWT).
        if type(value) is tuple:
            for place, child in below.items():
                yield from selected(child, path[1:], value[place])
    elif type(step) in _NAMES and step in below:
        yield from selected(below[step], path[1:], value[step])


def exists(value: Any, path: ClaimPath) -> bool:
    """Whether a path leads anywhere in these claims."""
    for position, step in enumerate(path):
        if step is None:
            return type(value) is tuple and any(exists(item, path[position + 1 :]) for item in value)
        if type(value) is tuple:
            if type(step) is not int or not 0 <= step < len(value):
                return False
        elif not isinstance(value, Mapping) or type(step) not in _NAMES or step not in value:
            return False
        value = value[step]
    return True
