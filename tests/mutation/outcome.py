"""What became of the mutants of a part: their names, their fates, and what the list of survivors says about them.

A mutant has a name that edits elsewhere do not change: its file, its function, the changed lines before and after, and
which of several it is where these are the same. mutmut numbers its mutants, and one line more in a function would give
its survivors other numbers.

Spec: specs/assurance.md, "Mutation testing".
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from math import sqrt
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from .parts import PACKAGE

_CLASS: Final = "ǁ"  # what mutmut writes between the names of a class and of its method
_Z: Final = 1.645  # of the normal distribution: 95 of 100 lie below
_KEYS: Final = {"file", "function", "before", "after", "reason"}


class Fate(Enum):
    """What the tests did with a mutant."""

    KILLED = "killed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    UNTESTED = "no test reaches it"
    UNCLEAR = "ended otherwise"
    UNFINISHED = "not tried yet"


_FATES: Final = {
    1: Fate.KILLED,
    2: Fate.KILLED,  # the tests could not be collected; an interrupt from the keyboard does not reach them
    3: Fate.KILLED,  # an error inside pytest
    255: Fate.KILLED,  # pytest did not even begin, as when conftest.py cannot be imported
    0: Fate.SURVIVED,
    5: Fate.UNTESTED,
    33: Fate.UNTESTED,
    24: Fate.TIMEOUT,  # SIGXCPU, as status or as signal
    -24: Fate.TIMEOUT,
    152: Fate.TIMEOUT,
    36: Fate.TIMEOUT,
    None: Fate.UNFINISHED,
}


class Name(NamedTuple):
    """The name of a mutant. `nth` counts from 1 among those that are otherwise called the same."""

    file: str
    function: str
    before: str
    after: str
    nth: int = 1

    def __str__(self) -> str:
        nth = f" (number {self.nth})" if self.nth > 1 else ""
        lines = [f"{self.file.removeprefix(PACKAGE)}: {self.function}{nth}"]
        return "\n".join([*lines, f"    - {_inline(self.before)}", f"    + {_inline(self.after)}"])


class Outcome(NamedTuple):
    """The outcome of a part, with the mutants of each kind.

    Attributes:
        part: its name.
        target: its target score.
        counts: how many mutants met each fate.
        explained: survivors that are listed.
        unexplained: survivors that are not, and what no test reached or ended otherwise.
        stale: what is listed and is no survivor.
        drawn: how many mutants were drawn to be tried, or None when all were.
    """

    part: str
    target: int
    counts: Mapping[Fate, int]
    explained: list[Name]
    unexplained: list[Name]
    stale: list[Name]
    drawn: int | None = None

    @property
    def mutants(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    @property
    def tried(self) -> int:
        """How many of them were tried."""
        return self.mutants - self.counts[Fate.UNFINISHED]

    @property
    def judged(self) -> int:
        """How many are not explained, of all or of those that were drawn."""
        return (self.mutants if self.drawn is None else self.tried) - len(self.explained)

    @property
    def killed(self) -> int:
        """How many were noticed; what runs forever is noticed, too."""
        return self.counts[Fate.KILLED] + self.counts[Fate.TIMEOUT]

    @property
    def score(self) -> float:
        """How many of a hundred were noticed, of those that are not explained."""
        return 100 * self.killed / self.judged if self.judged else 0.0

    @property
    def at_least(self) -> float:
        """The score that all mutants have at least, as 95 of 100 such draws say rightly (Wilson, one-sided)."""
        if self.drawn is None or not self.judged:
            return self.score
        count, share = self.judged, self.score / 100
        spread = _Z * sqrt(share * (1 - share) / count + (_Z / count) ** 2 / 4)
        return 100 * (share + _Z**2 / count / 2 - spread) / (1 + _Z**2 / count)

    def faults(self) -> list[str]:
        """Return why this outcome is not good enough, or nothing."""
        found = []
        if not self.mutants:
            found.append("nothing was mutated")
        unfinished = (self.mutants if self.drawn is None else self.drawn) - self.tried
        if unfinished:
            found.append(f"{unfinished} mutants were not tried")
        if self.target == 100 and self.unexplained:
            found.append(f"{len(self.unexplained)} survivors without a reason")
        elif self.mutants and not unfinished and self.score < self.target:
            found.append(f"the score is below {self.target}")
        if self.stale:
            found.append(f"{len(self.stale)} listed survivors are none")
        return found


def difference(original: str, mutant: str) -> tuple[str, str]:
    """Return the lines in which two versions of a function differ, before and after, without their indentation."""
    before, after = original.splitlines(), mutant.splitlines()
    while before and after and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    return "\n".join(line.strip() for line in before), "\n".join(line.strip() for line in after)


def function_of(mangled: str) -> str:
    """Return the name of a function from what mutmut calls it: x_name, or the names of class and method."""
    if mangled.startswith(f"x{_CLASS}"):
        return ".".join(mangled.split(_CLASS)[1:])
    return mangled.removeprefix("x_")


def named(file: str, source: str, spans: Mapping[str, tuple[int, int]], keys: Iterable[str]) -> dict[str, Name]:
    """Return the name of each mutant of a file.

    Args:
        file: its path in the repository.
        source: the file as mutmut has written it.
        spans: first and last line of each version of a function there.
        keys: what mutmut calls the mutants, in any order.
    """
    lines = source.splitlines()

    def version(name: str) -> str:
        first, last = spans[name]
        text = "\n".join(lines[first - 1 : last])
        return text.replace(f"def {name}(", "def _(", 1)

    seen: Counter[tuple[str, str, str, str]] = Counter()
    names = {}
    for key in sorted(keys, key=lambda each: (each.partition("__mutmut_")[0], _number(each))):
        short = key.rpartition(".")[2]
        mangled = short.partition("__mutmut_")[0]
        plain = (file, function_of(mangled), *difference(version(f"{mangled}__mutmut_orig"), version(short)))
        seen[plain] += 1
        names[key] = Name(*plain, seen[plain])
    return names


def collected(tree: Path, files: Iterable[str]) -> dict[Name, Fate]:
    """Read the names and fates of all mutants of these files out of a tree in which mutmut ran."""
    fates: dict[Name, Fate] = {}
    for file in files:
        ended = codes(tree, file)
        for key, name in _names(tree, file).items():
            fates[name] = _FATES.get(ended[key], Fate.UNCLEAR)
    return fates


def codes(tree: Path, file: str) -> dict[str, int | None]:
    """Return how the tests of each mutant of a file ended, by what mutmut calls it; None for what was not tried."""
    meta = _meta(tree, file)
    ended: dict[str, int | None] = json.loads(meta.read_text("utf-8"))["exit_code_by_key"] if meta.exists() else {}
    return ended


def record(tree: Path, file: str, ended: Mapping[str, int | None]) -> None:
    """Write down how the tests of mutants ended, where mutmut does: it leaves alone what has a code."""
    meta = _meta(tree, file)
    if not meta.exists():
        return
    said = json.loads(meta.read_text("utf-8"))
    said["exit_code_by_key"] |= {key: code for key, code in ended.items() if key in said["exit_code_by_key"]}
    meta.write_text(json.dumps(said, indent=4), "utf-8")


def _meta(tree: Path, file: str) -> Path:
    return (tree / "mutants" / file).with_suffix(".py.meta")


def _names(tree: Path, file: str) -> dict[str, Name]:
    keys, mutated = codes(tree, file), tree / "mutants" / file
    if not keys:
        return {}
    spans = json.loads(mutated.with_suffix(".py.spans").read_text("utf-8"))["spans"]
    return named(file, mutated.read_text("utf-8"), spans, keys)


def survivors(text: str) -> dict[Name, str]:
    """Read the list of survivors: the name of each, and why the tests may let it pass.

    Raises:
        ValueError: for an entry that is not of this form, and for one that is there twice.
    """
    table: dict[str, Any] = tomllib.loads(text)
    if not table.keys() <= {"survivor"}:
        raise ValueError("the list has other tables than [[survivor]]")
    listed: dict[Name, str] = {}
    for entry in table.get("survivor", []):
        if not (_KEYS <= entry.keys() <= _KEYS | {"nth"} and type(entry.get("nth", 1)) is int):
            raise ValueError(f"an entry has {', '.join(sorted(_KEYS))} and, where there are several, nth: {entry}")
        reason = entry.pop("reason").strip()
        name = Name(**entry)
        if not reason or name.nth < 1 or name in listed:
            raise ValueError(f"no reason, no number, or there already: {name}")
        listed[name] = reason
    return listed


def drawn(tree: Path, files: Iterable[str], count: int, seed: str) -> dict[str, Name]:
    """Draw mutants by chance, each with the same one: what mutmut calls them, and their names. The seed decides."""
    known: dict[str, Name] = {}
    for file in files:
        known |= _names(tree, file)
    chosen = Random(seed).sample(sorted(known), min(count, len(known)))
    return {key: known[key] for key in chosen}


def judged(
    part: str, target: int, fates: Mapping[Name, Fate], listed: Iterable[Name], among: Collection[Name] | None = None
) -> Outcome:
    """Hold the fates of a part's mutants, or of those among them that were drawn, against its listed survivors."""
    if among is not None:
        fates = {name: fate if name in among else Fate.UNFINISHED for name, fate in fates.items()}
    listed = set(listed)
    left = [name for name, fate in fates.items() if fate in {Fate.SURVIVED, Fate.UNTESTED, Fate.UNCLEAR}]
    # What is not tried yet may still survive: only what is gone, or was killed, is stale.
    open_ = {name for name, fate in fates.items() if fate not in {Fate.KILLED, Fate.TIMEOUT}}
    return Outcome(
        part,
        target,
        Counter(fates.values()),
        [name for name in left if name in listed and fates[name] is Fate.SURVIVED],
        [name for name in left if not (name in listed and fates[name] is Fate.SURVIVED)],
        sorted(listed - open_),
        None if among is None else len(among),
    )


def _number(key: str) -> int:
    return int(key.rpartition("_")[2])


def _inline(text: str) -> str:
    return " / ".join(text.splitlines()) or "(nothing)"
