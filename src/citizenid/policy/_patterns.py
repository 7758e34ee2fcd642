"""Names and patterns of resources and regions: `*` stands for any characters, everything else for itself.

Three questions: does a pattern match a name, does it match all that another one does, and which names behave alike
under many patterns at once. None of them uses a regular expression: nothing here can run away.

Spec: specs/policy.md sections 2 and 5.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final

from .._errors import CitizenIDError, Reason

MAX_NAME_CHARS: Final = 512
MAX_REGIONS: Final = 256  # that one rule lists
_MAX_STATES: Final = 50_000  # of the automaton that `classes_of` walks; a policy of 500 names has some thousands


def is_name(value: object) -> bool:
    """Whether this may be a name or pattern of a resource or a region (P4)."""
    return type(value) is str and 0 < len(value) <= MAX_NAME_CHARS and value.isprintable() and "**" not in value


def matches(pieces: list[str], name: str) -> bool:
    """Whether a pattern, split at its stars, matches a name. Linear."""
    # Greedy from the left is right for `*` alone.
    if len(pieces) == 1:
        return pieces[0] == name
    first, *middle, last = pieces
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    position, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def covers(pieces: list[str], pattern: str) -> bool:
    """Whether a pattern, split at its stars, matches every name that `pattern` matches. Exact (P10)."""
    return matches(pieces, pattern)  # no piece holds a star: as a character it is one that no pattern asks for


def classes_of(patterns: Iterable[str]) -> list[tuple[frozenset[str], str]]:
    """Return every set of patterns that match one name, and a shortest name of at most 512 characters for each.

    All names of one set are treated alike by whoever knows these patterns alone. The set of no pattern is among them.
    The walk goes through the deterministic automaton of all patterns together: its states are sets of positions, held
    as the bits of one integer, and one character that stands in no pattern stands for all others.

    Raises:
        CitizenIDError: LIMIT_EXCEEDED when there are more states than can be walked through.
    """
    distinct = tuple(dict.fromkeys(patterns))
    start = stars = 0
    ends: dict[int, str] = {}
    letters: dict[str, int] = {}
    offset = 0
    for pattern in distinct:
        start |= 1 << offset
        for position, character in enumerate(pattern, offset):
            if character == "*":
                stars |= 1 << position
            else:
                letters[character] = letters.get(character, 0) | 1 << position
        offset += len(pattern) + 1
        ends[1 << (offset - 1)] = pattern
    every_end = sum(ends)
    letters = {_other_than(letters): 0, **dict(sorted(letters.items()))}

    def closed(state: int) -> int:
        return state | (state & stars) << 1  # a star may take in nothing; no pattern has two in a row

    found: dict[int, str] = {}
    seen: set[int] = set()
    level = {closed(start): ""}
    for _ in range(MAX_NAME_CHARS):
        further: dict[int, str] = {}
        for state, name in level.items():
            staying = state & stars
            for character, positions in letters.items():
                reached = closed(staying | (state & positions) << 1)
                if reached not in seen:
                    seen.add(reached)
                    further[reached] = name + character
                    found.setdefault(reached & every_end, name + character)
        if len(seen) > _MAX_STATES:
            raise CitizenIDError(Reason.LIMIT_EXCEEDED, "policy")
        level = further
        if not level:
            break
    return [
        (frozenset(pattern for end, pattern in ends.items() if matched & end), name) for matched, name in found.items()
    ]


def _other_than(letters: dict[str, int]) -> str:
    """Return a printable character that stands in no pattern."""
    characters = map(chr, chain(b"xyz", range(0x61, 0x11_0000)))
    return next(each for each in characters if each.isprintable() and each not in letters)
