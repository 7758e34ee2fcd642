"""When to fetch what, and what an answer changes. Without input or output, and shared by both fetchers.

A source is an issuer: its aggregation, or lists that the operator names. It is fetched as a whole, in its own order
(what was left for later first, what failed last), as soon as the store says that any one of its lists is due. Who was
checked decides nothing: a list that a credential has just asked for is fetched with all others of its issuer, at a
drawn moment, or it is known to have failed and waits for its own time. A list that is in no source is never fetched; it
makes every source come once, in case one of them has grown. What a source does, or what fails of it, decides nothing
for another source.

Spec: Token Status List sections 8.3, 9, 11.4, 12.5; specs/profile-status-list.md section 9 (F1 to F15).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from math import isfinite
from typing import Final, TypeAlias, final

from .._errors import FAILURES, CitizenIDError, Reason
from ..status import StatusStore
from ._addresses import Reach, open_url
from ._codings import ZSTD_AVAILABLE, Dictionary, dictionary_id
from ._exchange import (
    ACCEPT_AGGREGATION,
    ACCEPT_LIST,
    MEDIA_TYPE_AGGREGATION,
    Answer,
    FetchBounds,
    Fetched,
    FetchResult,
    Reply,
    Resolve,
    Send,
    age_s,
    backoff_s,
    decoded,
    entity_tag,
    exchange,
    may_store,
    media_type,
    retry_after_s,
)
from ._sources import Memory, Round, Source, SourceState, read_aggregation

_SUCCESS: Final = frozenset({FetchResult.TAKEN, FetchResult.NOT_MODIFIED})
# An answer came, and no list out of it.
_UNREADABLE_BODY: Final = frozenset(
    {
        FetchResult.NOT_MODIFIED_UNASKED,
        FetchResult.DICTIONARY_INVALID,
        FetchResult.CODING_INVALID,
        FetchResult.TOO_LARGE,
        FetchResult.REFUSED,
    }
)
_NO_URIS: Final[tuple[str, ...]] = ()
_UNREADABLE: Final = -1  # what stands for the time when the clock fails
_END_OF_TIME: Final = 2**32
_DICTIONARIES_BYTES: Final = 1_073_741_824  # of one source: as much as a store holds of one signer


Steps: TypeAlias = "Generator[Resolve | Send, Answer, tuple[Fetched, ...]]"


@final
class Schedule:
    """What to fetch and when, for one store. Safe for threads: one URL is asked for once at a time.

    Args:
        store: what is asked for, and given to.
        sources: of which issuers.
        reach: where fetches may go.
        bounds: of all fetches.
        clock: Unix seconds.
        monotonic: seconds that never go back.
        random: uniform in [0, 1).

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(
        self,
        store: StatusStore,
        sources: Iterable[Source],
        *,
        reach: Reach,
        bounds: FetchBounds,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        for usable, where in (
            (type(store) is StatusStore, "fetch.store"),
            (isinstance(sources, Iterable), "fetch.sources"),
            (type(reach) is Reach, "fetch.reach"),
            (type(bounds) is FetchBounds, "fetch.bounds"),
            (callable(clock), "fetch.clock"),
            (callable(monotonic), "fetch.monotonic"),
            (callable(random), "fetch.random"),
        ):
            if not usable:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)
        named = list(sources)
        for source in named:
            if type(source) is not Source or type(source.uris) is not tuple or len(source.uris) > bounds.lists:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "fetch.sources")
            urls = source.uris if source.aggregation is None else (source.aggregation, *source.uris)
            if not urls or any(open_url(url, reach) is None for url in urls) or len(set(urls)) != len(urls):
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "fetch.sources")
        if not named:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "fetch.sources")
        self._store = store
        self._reach = reach
        self._bounds = bounds
        self._clock = clock
        self._monotonic_of = monotonic
        self._latest = 0.0  # what it said last
        self._random_of = random
        aggregations = [open_url(source.aggregation, reach) for source in named if source.aggregation is not None]
        self._aggregations = frozenset(each for each in aggregations if each is not None)
        lists = {open_url(uri, reach) for source in named for uri in source.uris}
        if len(self._aggregations) < len(aggregations) or not self._aggregations.isdisjoint(lists):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "fetch.sources")
        self._sources = [SourceState(source) for source in named]
        self._asking: set[str] = set()  # URLs that somebody is asking for at this moment
        self._answered: frozenset[str] = frozenset()  # asked for, in no source, and every source has come since
        self._lock = threading.Lock()

    def due(self) -> tuple[Round, ...]:
        """Return the rounds to run now, and take them: nobody else gets them until they have ended."""
        wall, now = self._now(), self._monotonic()
        if wall == _UNREADABLE:
            return ()
        due, rounds = frozenset(self._store.due(wall)), []
        with self._lock:
            known = {uri for state in self._sources for uri in state.listed}
            strangers = due - known
            new = strangers - self._answered
            self._answered = strangers  # no more than the store wants, which is bounded
            for state in self._sources:
                state.again |= bool(new)
                if state.running is not None:
                    continue
                if state.start_at is None and self._wants(state, due):
                    # At the start at once: nothing can be decided before. Later nobody shall see when it became due.
                    jitter = self._bounds.jitter_s * self._random() if state.rounds else 0.0
                    state.start_at = max(now, state.not_before) + jitter
                if state.start_at is not None and now >= state.start_at:
                    rounds.append(Round(state, None))
                elif retry := self._failed(state, now):
                    rounds.append(Round(state, retry))
                else:
                    continue
                state.running = rounds[-1]
                state.rounds += 1
                if rounds[-1].retry is None:
                    state.start_at = None
                    if not state.left:
                        state.since, state.again = state.rounds, False
        return tuple(rounds)

    def run(self, each: Round) -> Steps:
        """Fetch what a round names. A generator as `exchange` is; close it when it is not run to its end."""
        state, bounds = each.state, self._bounds
        until, faults, left = self._monotonic() + bounds.round_s, 0, False
        fetched: list[Fetched] = []
        try:
            urls = each.retry
            if urls is None:
                # The aggregation first: what it lists from now on belongs to this round.
                if state.source.aggregation is not None and not state.left:
                    fetched.extend((yield from self._one(state, state.source.aggregation, False)))
                faults = sum(one.result not in _SUCCESS for one in fetched)
                urls = self._in_turn(state)
            wall = self._now()
            due = frozenset(_NO_URIS if wall == _UNREADABLE else self._store.due(wall))
            known = frozenset(self._store.uris)  # held or wanted, and what is wanted is due
            for url in urls:
                # A server that stalls or fails must not keep the round, nor us, for hours.
                if faults >= bounds.faults or self._monotonic() >= until:
                    left |= not state.memory_of(url).failures  # those that failed have a time of their own
                    continue
                came = yield from self._one(state, url, url in due or url not in known)
                faults += sum(one.result not in _SUCCESS for one in came)
                fetched.extend(came)
        except GeneratorExit:  # given up by whoever ran it; an error of his goes the same way
            self._end(each, whole=False)
            raise
        self._end(each, whole=True, left=left)
        return tuple(fetched)

    def give_up(self, rounds: Iterable[Round]) -> None:
        """Hand back the rounds of `due` that were not run to their end; others are left alone."""
        for each in rounds:
            self._end(each, whole=False)

    def _end(self, each: Round, *, whole: bool, left: bool = False) -> None:
        with self._lock:
            state = each.state
            if state.running is not each:
                return
            state.running = None
            if each.retry is None:
                state.again |= not whole
                state.left = left
                state.not_before = self._monotonic() + self._bounds.interval_s

    # --- when ---

    def _wants(self, state: SourceState, due: frozenset[str]) -> bool:
        if state.again or state.left or not state.rounds:
            return True
        for uri in state.listed:
            memory = state.memory_of(uri)
            # One that is in back-off has its own time, whoever asks for it meanwhile.
            if not memory.asked_in or (uri in due and not memory.failures):
                return True
        return False

    def _in_turn(self, state: SourceState) -> tuple[str, ...]:
        """Return the lists to ask for: what was left for later first, what failed last. Callers have no part in it."""
        mine = {uri: memory for uri in state.listed if (memory := state.memory_of(uri)).asked_in < state.since}
        return tuple(sorted(mine, key=lambda uri: (mine[uri].failures > 0, mine[uri].asked_in)))

    def _failed(self, state: SourceState, now: float) -> tuple[str, ...]:
        urls = state.listed if state.source.aggregation is None else (state.source.aggregation, *state.listed)
        mine = ((url, state.memory_of(url)) for url in urls if url not in self._asking)
        failed = [(memory.asked_in, url) for url, memory in mine if memory.failures and now >= memory.retry_at]
        # Whoever has waited longest comes first, or the first few that fail would take every turn.
        return tuple(url for _, url in sorted(failed, key=lambda each: (each[1] != state.source.aggregation, each[0])))

    def _take(self, state: SourceState, url: str) -> Memory | None:
        """Single flight: whoever takes it asks for it; in back-off nobody does."""
        with self._lock:
            memory = state.memory_of(url)
            if url in self._asking or (memory.failures and self._monotonic() < memory.retry_at):
                return None
            self._asking.add(url)
            memory.asked_in = state.rounds
            return memory

    def _now(self) -> int:
        now = _read(self._clock, _UNREADABLE)
        return int(now) if 0 <= now < _END_OF_TIME else _UNREADABLE

    def _monotonic(self) -> float:
        self._latest = _read(self._monotonic_of, self._latest)
        return self._latest

    def _random(self) -> float:
        return min(1.0, max(0.0, _read(self._random_of, 0.5)))

    # --- what ---

    def _one(self, state: SourceState, url: str, whole: bool) -> Generator[Resolve | Send, Answer, tuple[Fetched, ...]]:
        memory = self._take(state, url)
        if memory is None:
            return ()
        try:
            if url == state.source.aggregation:
                return ((yield from self._aggregation(state, url, memory)),)
            return ((yield from self._list(state, url, memory, whole)),)
        finally:
            with self._lock:
                self._asking.discard(url)

    def _aggregation(self, state: SourceState, url: str, memory: Memory) -> Generator[Resolve | Send, Answer, Fetched]:
        etag, bounds, limit_bytes = memory.etag, self._bounds, self._bounds.aggregation_bytes
        reply = yield from exchange(
            url, ACCEPT_AGGREGATION, etag=etag, reach=self._reach, bounds=bounds, limit_bytes=limit_bytes
        )
        if isinstance(reply, FetchResult):
            return self._settle(memory, Fetched(url, reply), reply)
        body = _body(reply, etag is not None, limit_bytes, None)
        if isinstance(body, FetchResult):
            return self._settle(memory, Fetched(url, body, None, len(reply.body)), reply)
        reason: Reason | None = Reason.STATUS_MEDIA_TYPE
        if media_type(reply) == MEDIA_TYPE_AGGREGATION:
            reason, listed = self._read(body)
            if reason is None:
                self._list_anew(state, listed)
                memory.etag = entity_tag(reply)
        result = FetchResult.TAKEN if reason is None else FetchResult.REFUSED
        return self._settle(memory, Fetched(url, result, reason, len(reply.body)), reply)

    def _read(self, body: bytes) -> tuple[Reason | None, tuple[str, ...]]:
        try:
            return None, read_aggregation(body, reach=self._reach, bounds=self._bounds, aggregations=self._aggregations)
        except CitizenIDError as error:
            return error.reason, _NO_URIS

    def _list_anew(self, state: SourceState, listed: tuple[str, ...]) -> None:
        with self._lock:
            state.listed = tuple(dict.fromkeys((*listed, *state.source.uris)))
            wanted = {state.source.aggregation, *state.listed}
            state.memories = {url: memory for url, memory in state.memories.items() if url in wanted}

    def _list(
        self, state: SourceState, uri: str, memory: Memory, whole: bool
    ) -> Generator[Resolve | Send, Answer, Fetched]:
        # A 304 extends nothing (F6), so a list that is due, or is not there, is asked for without a condition.
        etag = None if whole else memory.etag
        now, bounds = self._now(), self._bounds  # the ttl runs from the request: a slow answer gains nothing
        if now == _UNREADABLE:
            return self._settle(memory, Fetched(uri, FetchResult.UNRESOLVED), FetchResult.UNRESOLVED)
        limit_bytes, dictionary = bounds.body_bytes, memory.dictionary
        reply = yield from exchange(
            uri,
            ACCEPT_LIST,
            etag=etag,
            dictionary=dictionary,
            reach=self._reach,
            bounds=bounds,
            limit_bytes=limit_bytes,
        )
        if isinstance(reply, FetchResult):
            return self._settle(memory, Fetched(uri, reply), reply)
        body, size = _body(reply, etag is not None, limit_bytes, dictionary), len(reply.body)
        if isinstance(body, FetchResult):
            return self._settle(memory, Fetched(uri, body, None, size), reply)
        age = age_s(reply)
        if age is None:
            return self._settle(memory, Fetched(uri, FetchResult.BROKEN, None, size), reply)
        reason: Reason | None = None
        try:
            # As if it had been fetched when the origin gave it: a cache adds nothing to the ttl (F15).
            self._store.ingest(uri, body, media_type=media_type(reply), now=max(0, now - age))
        except CitizenIDError as error:
            reason = error.reason
        if reason is None:
            memory.etag, memory.dictionary = entity_tag(reply), None
            memory.dictionary = self._with_room(state, _dictionary(uri, reply, body))
        result = FetchResult.TAKEN if reason is None else FetchResult.REFUSED
        return self._settle(memory, Fetched(uri, result, reason, size), reply)

    def _with_room(self, state: SourceState, found: Dictionary | None) -> Dictionary | None:
        """Return a dictionary that may be kept beside those of the source: tokens may be far longer than lists."""
        with self._lock:
            kept = [each.dictionary for each in state.memories.values() if each.dictionary is not None]
        held = sum(len(each.body) for each in kept)
        return found if found is not None and held + len(found.body) <= _DICTIONARIES_BYTES else None

    def _settle(self, memory: Memory, fetched: Fetched, reply: Reply | FetchResult) -> Fetched:
        if fetched.result in _SUCCESS:
            memory.failures, memory.retry_at = 0, 0.0
            return fetched
        if fetched.result in _UNREADABLE_BODY:
            # What it stands on may be what is wrong: ask for the whole next time.
            memory.etag = memory.dictionary = None
        memory.failures += 1
        wait = backoff_s(memory.failures, self._bounds, self._random())
        if isinstance(reply, Reply):
            wait = max(wait, retry_after_s(reply, self._now(), self._bounds.retry_after_s))
        memory.retry_at = self._monotonic() + wait
        return fetched


def _read(read: Callable[[], float], otherwise: float) -> float:
    """Return what a function of the operator says, or `otherwise` when it fails or says no number."""
    try:
        value = read()
        if type(value) in (int, float) and isfinite(value):
            return value
    except FAILURES:
        pass
    return otherwise


def _body(reply: Reply, conditional: bool, limit_bytes: int, dictionary: Dictionary | None) -> bytes | FetchResult:
    if reply.status == 304:
        return FetchResult.NOT_MODIFIED if conditional and not reply.redirected else FetchResult.NOT_MODIFIED_UNASKED
    if reply.status != 200:
        return FetchResult.HTTP_STATUS
    return decoded(reply, limit_bytes=limit_bytes, dictionary=dictionary)


def _dictionary(uri: str, reply: Reply, body: bytes) -> Dictionary | None:
    target = open_url(uri, Reach.LOOPBACK)  # checked already; here for its path alone
    name = None if target is None else dictionary_id(reply.headers.get("use-as-dictionary"), target.path)
    if name is None or not ZSTD_AVAILABLE or not may_store(reply):
        return None
    return Dictionary(body, name)
