"""Several status lists of one issuer: allocations are spread over them, and a new one begins before the last is full.

A list is a `StatusPublisher` with a number; its rule: what can be done to one list is done by its publisher, which `of`
finds. The number tells roughly when a credential was issued, which is why more than one list can be in use at once.

Spec: Token Status List section 9 (aggregation); specs/profile-status-list.md section 5, P16.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from os import PathLike, listdir
from os.path import exists, join
from typing import Final, final

from .._errors import CitizenIDError, Reason
from .._model import StatusReference
from ._file import checked_path
from ._ledger import draw
from ._publisher import StatusPublisher

_PLACE: Final = "{list}"
_FILE: Final = re.compile(r"([1-9][0-9]{0,8})\.status")
_RESERVE: Final = 16  # one part in so many of each list is not given out: processes at once never meet a full one
_MAX_IN_USE: Final = 1_000  # each keeps its packed list in memory


@final
class StatusLists:
    """The status lists of one issuer, numbered from 1. Safe for threads, and with a folder for processes.

    Args:
        uri: a template with `{list}` once, where the number of the list goes.
        size: of each list, in entries.
        bits: of each entry; as `StatusPublisher`.
        folder: that exists, with a file for each list; None keeps them in memory. Where one of the files is gone, and a
            later one is there, nothing is begun in its place.
        in_use: over how many lists allocations are spread. The more, the less a list's number tells.
        randbelow: a source of unbiased random integers below a bound; the system's by default.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID; LEDGER_REFUSED when the file of a list is gone, which every call may
            raise; what `StatusPublisher` raises.

    >>> lists = StatusLists(uri="https://id.example/status/{list}", size=1_000)
    >>> reference = lists.allocate()
    >>> lists.of(reference).revoke(reference)
    >>> lists.uris
    ('https://id.example/status/1',)
    """

    def __init__(
        self,
        *,
        uri: str,
        size: int,
        bits: int = 1,
        folder: str | PathLike[str] | None = None,
        in_use: int = 1,
        randbelow: Callable[[int], int] | None = None,
    ) -> None:
        if type(uri) is not str or uri.count(_PLACE) != 1 or type(in_use) is not int or not 0 < in_use <= _MAX_IN_USE:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-lists")
        if folder is not None:
            folder = checked_path(folder, "status-lists.folder")
        if randbelow is not None and not callable(randbelow):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-lists.randbelow")
        if randbelow is None:
            import secrets  # here, because a gateway imports this file and never allocates

            randbelow = secrets.randbelow
        self._uri: Final = uri
        self._size: Final = size
        self._bits: Final = bits
        self._folder: Final = folder
        self._in_use: Final = in_use
        self._randbelow: Final = randbelow
        self._lock = threading.RLock()
        self._lists: list[StatusPublisher] = []
        self._by_uri: dict[str, StatusPublisher] = {}
        self._first = 0  # the lists before it have nothing left
        self._follow()
        self._usable()

    def allocate(self) -> StatusReference:
        """Take a free index of a list that is drawn at random among those in use."""
        return self.allocate_many(1)[0]

    def allocate_many(self, count: int) -> tuple[StatusReference, ...]:
        """Take so many free indices, spread over the lists in use: one transaction for each list.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for a count that is no positive integer.
        """
        if type(count) is not int or count < 1:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-lists")
        taken: list[StatusReference] = []
        with self._lock:
            while len(taken) < count:
                usable = self._usable()
                drawn = Counter(draw(self._randbelow, len(usable)) for _ in range(count - len(taken)))
                for position, wanted in drawn.items():
                    taken += _allocate(usable[position], min(wanted, self._left(usable[position])))
        return tuple(taken)

    def of(self, reference: StatusReference) -> StatusPublisher:
        """Return the publisher of the list that a reference is in, to revoke it there.

        Raises:
            CitizenIDError: STATUS_INDEX_OUT_OF_RANGE if it is none of ours.
        """
        if type(reference) is StatusReference:
            with self._lock:
                if reference.uri not in self._by_uri:
                    self._follow()
                if reference.uri in self._by_uri:
                    return self._by_uri[reference.uri]
        raise CitizenIDError(Reason.STATUS_INDEX_OUT_OF_RANGE, "status-lists")

    def __iter__(self) -> Iterator[StatusPublisher]:
        """Go through all lists, also those that other processes have begun: to publish what has changed."""
        with self._lock:
            self._follow()
            return iter(tuple(self._lists))

    @property
    def uris(self) -> tuple[str, ...]:
        """Where all the lists are published: what an aggregation says (section 9)."""
        return tuple(publisher.uri for publisher in self)

    def close(self) -> None:
        """Close all publishers."""
        with self._lock:
            for publisher in self._lists:
                publisher.close()

    def _left(self, publisher: StatusPublisher) -> int:
        return max(0, publisher.free - self._size // _RESERVE)

    def _usable(self) -> list[StatusPublisher]:
        """Return the lists in use, after beginning what is missing of them."""
        while self._first < len(self._lists) and not self._left(self._lists[self._first]):
            self._first += 1
        usable = [publisher for publisher in self._lists[self._first :] if self._left(publisher)]
        while len(usable) < self._in_use:
            self._begin()
            if self._left(self._lists[-1]):
                usable.append(self._lists[-1])
        return usable

    def _follow(self) -> None:
        while self._folder is not None and exists(_path(self._folder, len(self._lists) + 1)):
            self._begin()
        self._check_whole()

    def _check_whole(self) -> None:
        """Refuse a folder in which the next file is not there and later ones are: begun anew, nobody was revoked in it.

        Others begin lists meanwhile, in their order: so the file is looked for once more after the later ones.
        """
        number = len(self._lists) + 1
        if self._folder is None or exists(_path(self._folder, number)):
            return
        if any(later > number for later in _numbers(self._folder)) and not exists(_path(self._folder, number)):
            raise CitizenIDError(Reason.LEDGER_REFUSED, "status-lists.folder")

    def _begin(self) -> None:
        self._check_whole()
        number = len(self._lists) + 1
        publisher = StatusPublisher(
            uri=self._uri.replace(_PLACE, str(number)),
            size=self._size,
            bits=self._bits,
            path=None if self._folder is None else _path(self._folder, number),
            randbelow=self._randbelow,
        )
        self._lists.append(publisher)
        self._by_uri[publisher.uri] = publisher

    def __repr__(self) -> str:
        return f"<StatusLists, {len(self._lists)} of {self._size}>"


def _path(folder: str, number: int) -> str:
    return join(folder, f"{number}.status")


def _numbers(folder: str) -> list[int]:
    """Return which lists have a file in a folder."""
    try:
        found = map(_FILE.fullmatch, listdir(folder))
    except (OSError, ValueError):  # ValueError: a NUL in the path. The publisher says so
        return []
    return [int(each[1]) for each in found if each is not None]


def _allocate(publisher: StatusPublisher, count: int) -> tuple[StatusReference, ...]:
    """Take so many, or none when another process has taken them meanwhile."""
    try:
        return publisher.allocate_many(count) if count else ()
    except CitizenIDError as error:
        if error.reason is not Reason.STATUS_LIST_FULL:
            raise
    return ()
