"""What is counted and not written down one by one: refusals in a mapped file, allowed requests in memory.

A kill loses no refusal that was counted. Of allowed requests it loses those since the last statement: one is made with
every checkpoint, if there is anything to state.

Spec: specs/profile-audit.md sections 1 and 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final

from ..._errors import Reason
from .counts import Counts
from .entry import MAX_NAME_CHARS, POLICY_BYTES, counted_entries

UNWRITTEN: Final = "unwritten/"
_NAMES: Final = [reason.value for reason in Reason]
NAMES: Final = _NAMES + [UNWRITTEN + name for name in _NAMES]
_MAX_PLACES: Final = 1_024  # that allowed requests are counted for between two statements
_MAX_RULE: Final = 2**31
_NONE: Final = (0, 0)

Place = tuple[bytes | None, int | None, str | None]
"""Policy, rule and resource."""


class Tally:
    """The counters of one writer.

    Args:
        counts: the mapped file.
        sample_every: of so many allowed requests one is a sample; None for none.
    """

    def __init__(self, counts: Counts, sample_every: int | None) -> None:
        self._counts: Final = counts
        self._sample_every: Final = sample_every
        self._lock: Final = Lock()
        self._places: dict[Place, tuple[int, int]] = {}
        self._allowed = 0
        self._stated: dict[str, int] = {}
        self._open = True

    def refused(self, name: str) -> None:
        """Count a refusal."""
        if self._open:
            self._counts.add(name)

    def allowed(self, place: Place, marked: bool) -> bool:
        """Count an allowed request. Returns whether it is a sample."""
        with self._lock:
            if place not in self._places and len(self._places) >= _MAX_PLACES:
                place = (None, None, None)
            count, marks = self._places.get(place, _NONE)
            self._places[place] = (count + 1, marks + 1 if marked else marks)
            self._allowed += 1
            return self._sample_every is not None and self._allowed % self._sample_every == 0

    def unwritten(self) -> int:
        """Return how many refusals have no entry although they should."""
        return sum(total for name, total in self._totals().items() if name.startswith(UNWRITTEN))

    def state(self, now: int, append: Callable[[Sequence[bytes]], None]) -> None:
        """Write down what was counted since the last time, if anything was.

        Args:
            now: Unix seconds.
            append: brings entries to the disk.

        Raises:
            OSError: when that fails; then nothing of it counts as stated.
        """
        totals = self._totals()
        news = {name: total for name, total in totals.items() if self._stated.get(name) != total}
        with self._lock:
            places, self._places = self._places, {}
        if not news and not places:
            return
        refused = {name: total for name, total in news.items() if not name.startswith(UNWRITTEN)}
        unwritten = {name.removeprefix(UNWRITTEN): total for name, total in news.items() if name not in refused}
        written = False
        try:
            self._counts.flush()
            append(counted_entries(now, refused, unwritten, [(*words(*place), *places[place]) for place in places]))
            written = True
        finally:
            if not written:
                with self._lock:
                    for place, (count, marks) in places.items():
                        counted, marked = self._places.get(place, _NONE)
                        self._places[place] = (counted + count, marked + marks)
        self._stated = totals

    def close(self) -> None:
        """Count no more."""
        self._open = False

    def _totals(self) -> dict[str, int]:
        return self._counts.totals() if self._open else {}


def words(policy: bytes | None, rule: int | None, resource: str | None) -> Place:
    """Return what an entry may say of the policy: what has another form than it should is left out."""
    if type(policy) is not bytes or len(policy) != POLICY_BYTES:
        policy = None
    if type(resource) is not str or len(resource) > MAX_NAME_CHARS or not resource.isprintable():
        resource = None
    return policy, rule if type(rule) is int and 0 <= rule < _MAX_RULE else None, resource
