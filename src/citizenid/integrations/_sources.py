"""Sources: which lists an issuer has, and what is remembered of each between two rounds.

Spec: Token Status List section 9; specs/profile-status-list.md section 9 (F1, F12, F14).
"""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

from .._errors import CitizenIDError, Reason
from .._wire import json
from ._addresses import Reach, Target, open_url
from ._codings import Dictionary
from ._exchange import FetchBounds, Fetched, FetchResult

_WHERE: Final = "aggregation"
_DEPTH: Final = 4  # an object with an array; members that we do not know may hold a little more


class Source(NamedTuple):
    """The lists of one issuer, which are fetched together or not at all.

    Attributes:
        aggregation: where the issuer says which lists it has (Token Status List section 9), or None.
        uris: lists that are named here, besides.
    """

    aggregation: str | None = None
    uris: tuple[str, ...] = ()


class Memory:
    """What one source remembers of one URL: for the next request, and of failures. No other source sees it."""

    __slots__ = ("asked_in", "dictionary", "etag", "failures", "retry_at")

    def __init__(self) -> None:
        self.etag: str | None = None
        self.dictionary: Dictionary | None = None
        self.failures = 0
        self.retry_at = 0.0  # monotonic
        self.asked_in = 0  # the number of the round that asked for it last


class SourceState:
    """Where a source stands. Read and written under the lock of the schedule, or by the one round that is running."""

    __slots__ = (
        "again", "left", "listed", "memories", "not_before", "rounds", "running", "since", "source", "start_at",
    )  # fmt: skip

    def __init__(self, source: Source) -> None:
        self.source: Final = source
        self.listed = source.uris
        self.memories: dict[str, Memory] = {}  # of the aggregation and of the lists: no URL is both
        self.running: Round | None = None
        self.rounds = 0  # that have begun, the first of them for the whole source
        self.left = False  # the last round for the whole source did not come to its end: the next one goes on with it
        self.since = 0  # the round that began with the whole source: what was asked in it, or since, is done
        self.again = False  # a stranger was asked for while a round was running, or one was given up
        self.start_at: float | None = None  # monotonic; drawn when something of the source became due
        self.not_before = -inf  # monotonic, whose zero may lie anywhere

    def memory_of(self, url: str) -> Memory:
        """Return what is remembered of a URL."""
        return self.memories.setdefault(url, Memory())


class Round(NamedTuple):
    """One source to fetch: the whole of it, or what has failed before and whose time has come."""

    state: SourceState
    retry: tuple[str, ...] | None

    def failed(self) -> tuple[Fetched, ...]:
        """Return what is told of a round that ended by an error of a function of the operator."""
        source = self.state.source
        return (Fetched(source.uris[0] if source.aggregation is None else source.aggregation, FetchResult.UNRESOLVED),)


def read_aggregation(
    body: bytes, *, reach: Reach, bounds: FetchBounds, aggregations: frozenset[Target] = frozenset()
) -> tuple[str, ...]:
    """Read an aggregation: `{"status_lists": [uri, ...]}`, all of it or nothing.

    Args:
        body: of the answer.
        reach: where fetches may go.
        bounds: of all fetches.
        aggregations: of all sources. What is one of them is no list.

    Raises:
        MalformedError: as strict JSON does, CLAIM_INVALID for a member that is none, or names what may not be fetched.
        CitizenIDError: LIMIT_EXCEEDED for more lists than the bound.
    """
    uris = json.parse_object(body, _WHERE, _DEPTH).get("status_lists")
    if type(uris) is not list:
        raise CitizenIDError(Reason.CLAIM_INVALID, "aggregation.status_lists")
    if len(uris) > bounds.lists:
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "aggregation.status_lists")
    targets = [open_url(uri, reach) for uri in uris]
    if None in targets or len(set(uris)) != len(uris) or not aggregations.isdisjoint(targets):
        raise CitizenIDError(Reason.CLAIM_INVALID, "aggregation.status_lists")
    return tuple(uris)
