"""One GET, without input or output: what to ask, where redirects lead, what an answer means.

`exchange` is a generator. It yields what somebody has to do (`Resolve`, `Send`), is sent what came of it, and returns a
`Reply` or why there is none. The synchronous and the asynchronous fetcher run the same generator, so they cannot
differ in what they check.

Spec: RFC 9110 sections 8.8.3, 10.2.3, 13.1.2 and 15.4; RFC 9842 section 2; Token Status List sections 8.1, 8.2 and
11.4; specs/profile-status-list.md section 9.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, fields
from email.utils import mktime_tz, parsedate_tz
from enum import StrEnum
from typing import Final, NamedTuple, NoReturn, TypeAlias, final
from urllib.parse import urljoin

from .._errors import CitizenIDError, Reason
from ..status import STATUS_LIST_MEDIA_TYPES
from ._addresses import Reach, Target, may_connect, open_url
from ._codings import ZSTD_AVAILABLE, Coding, Dictionary, Undecodable, decode, sf_binary, sf_string

MEDIA_TYPE_AGGREGATION: Final = "application/json"  # Token Status List section 9.3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,256}"')  # RFC 9110 section 8.8.3; the bound is ours
_MAX_DATE_CHARS: Final = 64
_X_GZIP: Final = "x-gzip"  # another name of gzip (RFC 9110 section 8.4.1.3)
_BEYOND: Final = 2**31  # of any bound: no timer and no socket waits for longer than a number of its own size


class FetchResult(StrEnum):
    """What came of a fetch. Every one but the first two is a failure: it changes nothing and is tried again later."""

    TAKEN = "taken"
    NOT_MODIFIED = "not_modified"
    REFUSED = "refused"
    """The store refused it, or an aggregation did not have its form; the Reason says why."""
    URL_FORBIDDEN = "url_forbidden"
    ADDRESS_FORBIDDEN = "address_forbidden"
    UNRESOLVED = "unresolved"
    """The name has no address, or a function of the operator (resolver or clock) has failed."""
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BROKEN = "broken"
    """The answer is no HTTP, ended before its end, or does not say in a readable way how old it is."""
    REDIRECT_INVALID = "redirect_invalid"
    HTTP_STATUS = "http_status"
    TOO_LARGE = "too_large"
    CODING_INVALID = "coding_invalid"
    DICTIONARY_INVALID = "dictionary_invalid"
    NOT_MODIFIED_UNASKED = "not_modified_unasked"


@final
@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of one fetch.

    Attributes:
        uri: of the list or the aggregation. Names of lists are public; which of them a verifier needs is not, so keep
            this out of what others read.
        result: what came of it.
        reason: for REFUSED, why.
        wire_bytes: size of the body as it was transferred, 0 without one.
    """

    uri: str
    result: FetchResult
    reason: Reason | None = None
    wire_bytes: int = 0

    def __bool__(self) -> NoReturn:
        raise TypeError("a result has no truth value; compare `result`")


@final
@dataclass(frozen=True, slots=True)
class FetchBounds:
    """Bounds of all fetches, in the unit that each name ends in.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID when one is no positive integer below 2**31 (`jitter_s`, `interval_s` and
            `redirects` may be 0).
    """

    connect_s: int = 5  # for each address
    read_s: int = 10  # between two pieces of an answer
    total_s: int = 60  # for one request, whatever arrives meanwhile; 8 MiB in it are 1.1 Mbit/s
    redirects: int = 3  # RFC 9110 section 15.4 asks for some bound
    addresses: int = 3  # of one name that are tried, one after the other
    body_bytes: int = 8_388_608  # encoded, and decoded: `Limits.status_list_bytes`
    aggregation_bytes: int = 1_048_576  # as of a JWK Set; 250 bytes for each of `lists`
    lists: int = 4_096  # of one source; what a StatusStore wants at most
    faults: int = 3  # failures of any kind in one round of a source, after which the rest is left for the next round
    round_s: int = 600  # for one round of a source; what is left then comes first in the next: a sixth of a usual ttl
    interval_s: int = 60  # at least so long between two rounds of one source
    jitter_s: int = 30  # a round begins at a moment drawn out of so many seconds
    backoff_first_s: int = 10  # after the first failure; doubles with each
    backoff_most_s: int = 900  # and ends here: a quarter of a ttl of an hour
    retry_after_s: int = 3_600  # what a server may ask for at most

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            least = 0 if each.name in ("jitter_s", "interval_s", "redirects") else 1
            if type(value) is not int or not least <= value < _BEYOND:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "fetch.bounds")


class Resolve(NamedTuple):
    """Resolve a name. Send back every address it has, as texts, or UNRESOLVED."""

    host: str
    port: int


class Send(NamedTuple):
    """Send a GET to one of these addresses and to nowhere else. Send back a Reply, or why there is none.

    `target.host` is the name that the certificate must be for. The body is read for status 200 alone, up to
    `limit_bytes` (TOO_LARGE beyond), and not decoded.
    """

    target: Target
    addresses: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    limit_bytes: int


class Reply(NamedTuple):
    """An answer. Names of fields are in lower case; fields that came twice are joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    redirected: bool = False


Answer: TypeAlias = "Sequence[str] | Reply | FetchResult"
Exchange: TypeAlias = "Generator[Resolve | Send, Answer, Reply | FetchResult]"


def request_headers(
    accept: Sequence[str], *, etag: str | None = None, dictionary: Dictionary | None = None
) -> tuple[tuple[str, str], ...]:
    """Return the fields of a request. They say nothing of whom it is made for, and no version of ours."""
    accepted = [name if not rank else f"{name};q=0.{9 - rank}" for rank, name in enumerate(accept)]
    codings = [Coding.GZIP.value, *([Coding.ZSTD.value] if ZSTD_AVAILABLE else [])]
    headers = [("accept", ", ".join(accepted))]
    if etag is not None:
        headers.append(("if-none-match", etag))
    if dictionary is not None and ZSTD_AVAILABLE:
        codings.append(Coding.DCZ.value)
        headers.append(("available-dictionary", sf_binary(dictionary.digest)))
        if dictionary.id:
            headers.append(("dictionary-id", sf_string(dictionary.id)))
    headers.append(("accept-encoding", ", ".join(codings)))
    headers.append(("user-agent", "citizenid"))
    return tuple(headers)


def exchange(
    url: str,
    accept: Sequence[str],
    *,
    etag: str | None = None,
    dictionary: Dictionary | None = None,
    reach: Reach,
    bounds: FetchBounds,
    limit_bytes: int,
) -> Exchange:
    """Ask for a URL and follow redirects by hand: each is checked as the first was, and its name resolved anew.

    What says something of an earlier answer goes to the URL that gave it and to no other.
    """
    seen: set[Target] = set()
    target = open_url(url, reach)
    headers = request_headers(accept, etag=etag, dictionary=dictionary)
    while True:
        if target is None:
            return FetchResult.URL_FORBIDDEN
        if target in seen or len(seen) > bounds.redirects:
            return FetchResult.REDIRECT_INVALID
        addresses = yield Resolve(target.host, target.port)
        if isinstance(addresses, FetchResult):
            return addresses
        if isinstance(addresses, Reply) or not may_connect(addresses, reach):
            return FetchResult.ADDRESS_FORBIDDEN
        chosen = tuple(dict.fromkeys(addresses))[: bounds.addresses]
        reply = yield Send(target, chosen, (("host", target.authority), *headers), limit_bytes)
        if not isinstance(reply, Reply):
            return reply if isinstance(reply, FetchResult) else FetchResult.BROKEN
        if reply.status not in _REDIRECTS:
            return reply._replace(redirected=bool(seen))
        seen.add(target)
        target = _follow(target, reply.headers.get("location", ""), reach)
        headers = request_headers(accept)


def _follow(target: Target, location: str, reach: Reach) -> Target | None:
    try:
        joined = urljoin(f"{target.scheme}://{target.authority}{target.path}", location.partition("#")[0])
    except ValueError:  # brackets that close nowhere
        return None
    return open_url(joined, reach) if location else None


def decoded(reply: Reply, *, limit_bytes: int, dictionary: Dictionary | None) -> bytes | FetchResult:
    """Undo the content coding of an answer. One that was not asked for is refused, and so are two of them."""
    # A list, whose empty elements say nothing (RFC 9110 sections 5.6.1 and 8.4).
    named = [each for item in reply.headers.get("content-encoding", "").split(",") if (each := item.strip().lower())]
    name = ",".join(named) or Coding.IDENTITY.value
    name = Coding.GZIP.value if name == _X_GZIP else name
    offered = {Coding.IDENTITY, Coding.GZIP, *([Coding.ZSTD] if ZSTD_AVAILABLE else [])}
    if dictionary is not None and not reply.redirected:
        offered.add(Coding.DCZ)
    coding = next((each for each in offered if each.value == name), None)
    if coding is None:
        return FetchResult.CODING_INVALID
    body = decode(reply.body, coding, limit_bytes=limit_bytes, dictionary=dictionary.body if dictionary else None)
    if isinstance(body, bytes):
        return body
    return {
        Undecodable.TOO_LARGE: FetchResult.TOO_LARGE,
        Undecodable.WRONG_DICTIONARY: FetchResult.DICTIONARY_INVALID,
        Undecodable.BROKEN: FetchResult.CODING_INVALID,
    }[body]


def media_type(reply: Reply) -> str:
    """Return the Content-Type without its parameters, in lower case (RFC 9110 section 8.3.1)."""
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()


def entity_tag(reply: Reply) -> str | None:
    """Return the ETag, if it is one and may be kept."""
    tag = reply.headers.get("etag", "")
    return tag if _ETAG.fullmatch(tag) and may_store(reply) else None


def may_store(reply: Reply) -> bool:
    """Say whether something of an answer may be kept for the next request; redirected answers are another URL's."""
    return not reply.redirected and "no-store" not in reply.headers.get("cache-control", "").lower()


def age_s(reply: Reply) -> int | None:
    """Return the seconds since the origin gave this answer: 0 when no cache says any; None when it cannot be read.

    Delta-seconds, once (RFC 9111 section 5.1).
    """
    text = reply.headers.get("age", "0").strip(" \t")
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None


def retry_after_s(reply: Reply, now: int, most_s: int) -> int:
    """Return the seconds that the server asks us to stay away, cut to [0, most_s]; 0 when it asks for nothing.

    Seconds or a date (RFC 9110 section 10.2.3).
    """
    text = reply.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,15}", text):
        return min(int(text), most_s)
    try:
        date = parsedate_tz(text) if 0 < len(text) <= _MAX_DATE_CHARS else None
        return 0 if date is None else max(0, min(int(mktime_tz(date)) - now, most_s))
    except (ValueError, OverflowError, TypeError, IndexError):
        return 0


def backoff_s(failures: int, bounds: FetchBounds, random: float) -> float:
    """Return how long to wait after so many failures in a row: doubling, bounded, times 0.5 to 1 (`random` in [0, 1)).

    >>> [backoff_s(failures, FetchBounds(), 0.0) for failures in (1, 2, 3, 10, 10_000)]
    [5.0, 10.0, 20.0, 450.0, 450.0]
    """
    whole: int = min(bounds.backoff_most_s, bounds.backoff_first_s << min(failures - 1, 30))
    return whole * (0.5 + random / 2)


ACCEPT_LIST: Final = STATUS_LIST_MEDIA_TYPES
ACCEPT_AGGREGATION: Final = (MEDIA_TYPE_AGGREGATION,)
