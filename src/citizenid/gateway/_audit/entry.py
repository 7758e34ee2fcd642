"""Entries: what is written down of a refusal, of an allowed request that is a sample, and of everything counted.

An entry says what the policy and the gateway say, and of a person nothing but a tag that changes daily. It has no
issuer (a small one tells a nationality), no claim, name, address, token or key, and the time only to the minute.
Details are in another file (`details`); the entry holds their commitment, which tells nothing without their salt.

Entries are CBOR arrays in the one deterministic encoding, the kind as text:

    [1, "refused", time, reason, step, policy, rule, resource, tag, commitment]
    [1, "allowed", time, policy, rule, resource, tag, marked]
    [1, "counted", time, {reason: total}, {reason: total that was not written},
        [[policy, rule, resource, count, marked] ...]]

Spec: specs/profile-audit.md section 2; RFC 8949 section 4.2.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from ..._crypto import derive_key, refuse_copy
from ..._errors import MalformedError, Reason
from ..._wire import cbor

VERSION: Final = 1
BUCKET_S: Final = 60
TAG_BYTES: Final = 16
SALT_BYTES: Final = 32
POLICY_BYTES: Final = 16
COMMITMENT_BYTES: Final = 32
MAX_ENTRY_BYTES: Final = 65_535  # two bytes of length in a bundle
MAX_NAME_CHARS: Final = 512  # of a resource, as in a policy
_MAX_ALLOWS: Final = 16  # in one entry: with names of 512 characters of four bytes it stays below its bound
_DAY_S: Final = 86_400
_MAX_TIME: Final = 2**40
_MAX_COUNT: Final = 2**63
_WHERE: Final = "audit.entry"


class Refused(NamedTuple):
    """A request that was refused."""

    time: int
    reason: str
    step: str
    policy: bytes | None
    rule: int | None
    resource: str | None
    tag: bytes | None
    commitment: bytes | None


class Allowed(NamedTuple):
    """A request that was allowed, as a sample."""

    time: int
    policy: bytes | None
    rule: int | None
    resource: str | None
    tag: bytes | None
    marked: bool


Allows = tuple[bytes | None, int | None, str | None, int, int]
"""Policy, rule, resource, how many requests were allowed, and how many of them with a mark."""


class Counted(NamedTuple):
    """What is counted: totals since the log began by Reason, and allowed requests since the last such entry."""

    time: int
    refused: Mapping[str, int]
    unwritten: Mapping[str, int]
    allowed: Sequence[Allows]


Entry = Refused | Allowed | Counted
_KINDS: Final[dict[type, str]] = {Refused: "refused", Allowed: "allowed", Counted: "counted"}


def is_time(now: object) -> bool:
    """Whether an entry may have this time: integer Unix seconds, and not so many that no reader takes them."""
    return type(now) is int and 0 <= now < _MAX_TIME


def bucket(now: int) -> int:
    """Return the time as an entry has it."""
    return now - now % BUCKET_S


def refused_entry(
    now: int,
    reason: str,
    step: str,
    policy: bytes | None,
    rule: int | None,
    resource: str | None,
    tag: bytes | None,
    commitment: bytes | None,
) -> bytes:
    """Write the entry of a refusal."""
    return cbor.joined(
        (VERSION, "refused", now - now % BUCKET_S, reason, step, policy, rule, resource, tag, commitment)
    )


def allowed_entry(
    now: int, policy: bytes | None, rule: int | None, resource: str | None, tag: bytes | None, marked: bool
) -> bytes:
    """Write the entry of a request that was allowed."""
    return cbor.joined((VERSION, "allowed", now - now % BUCKET_S, policy, rule, resource, tag, marked))


def counted_entries(
    now: int,
    refused: Mapping[str, int],
    unwritten: Mapping[str, int],
    allowed: Sequence[Allows],
) -> list[bytes]:
    """Write what was counted: one entry, or several where there are many rules."""
    rows = [list(allowed[start : start + _MAX_ALLOWS]) for start in range(0, len(allowed), _MAX_ALLOWS)] or [[]]
    first = [VERSION, "counted", bucket(now), dict(refused), dict(unwritten)]
    others = [VERSION, "counted", bucket(now), {}, {}]
    return [cbor.encode([*(others if place else first), rows[place]]) for place in range(len(rows))]


def read_entries(items: Sequence[bytes]) -> list[Entry]:
    """Read entries; only the one encoding of each is read.

    Raises:
        MalformedError: AUDIT_MALFORMED.
    """
    loaded: list[Any] = []
    try:
        loaded = cbor.load_each(items, _WHERE)
    except MalformedError:
        pass  # raised below
    entries = [_read(parts, data) for parts, data in zip(loaded, items, strict=False)]
    if len(entries) != len(items) or None in entries:
        raise MalformedError(Reason.AUDIT_MALFORMED, _WHERE)
    return entries  # type: ignore[return-value]  # none of them is None


def _read(parts: Any, data: bytes) -> Entry | None:
    """Return the entry that some CBOR is, if it is one and written in the one way."""
    if type(parts) is not list or len(parts) < 5:
        return None
    version, kind, time, *rest = parts
    if type(version) is not int or version != VERSION or type(kind) is not str:
        return None
    if not is_time(time) or time % BUCKET_S:
        return None
    if kind == "refused" and len(rest) == 7:
        reason, step, policy, rule, resource, tag, digest = rest
        named = _is_name(reason) and _is_name(step) and _is(digest, COMMITMENT_BYTES) and _is(tag, TAG_BYTES)
        if named and _is_place(policy, rule, resource) and cbor.joined(parts) == data:
            return Refused(time, *rest)
    elif kind == "allowed" and len(rest) == 5:
        formed = _is_place(*rest[:3]) and _is(rest[3], TAG_BYTES) and type(rest[4]) is bool
        if formed and cbor.joined(parts) == data:
            return Allowed(time, *rest)
    elif kind == "counted" and len(rest) == 3:
        refused, unwritten, allowed = rest
        if _are_counts(refused) and _are_counts(unwritten) and _are_allows(allowed) and cbor.encode(parts) == data:
            return Counted(time, refused, unwritten, [tuple(row) for row in allowed])
    return None


def _is(value: object, size: int) -> bool:
    return value is None or (type(value) is bytes and len(value) == size)


def _is_name(value: object) -> bool:
    return type(value) is str and 0 < len(value) <= 64


def _is_place(policy: object, rule: object, resource: object) -> bool:
    named = resource is None or (type(resource) is str and len(resource) <= MAX_NAME_CHARS)
    return named and _is(policy, POLICY_BYTES) and (rule is None or _is_count(rule))


def _are_allows(value: object) -> bool:
    return type(value) is list and all(type(row) is list and len(row) == 5 and _is_allow(*row) for row in value)


def _is_allow(policy: object, rule: object, resource: object, count: Any, marked: Any) -> bool:
    return _is_place(policy, rule, resource) and _is_count(count) and _is_count(marked) and bool(marked <= count)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _MAX_COUNT


def _are_counts(value: object) -> bool:
    return type(value) is dict and all(_is_name(name) and _is_count(count) for name, count in value.items())


# --- bundles: how entries lie one after the other ---


def packed(entries: Sequence[bytes]) -> bytes:
    """Return entries as a bundle: each after its length in two bytes."""
    return b"".join([part for entry in entries for part in (len(entry).to_bytes(2, "big"), entry)])


def unpacked(bundle: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        MalformedError: AUDIT_MALFORMED when its lengths do not add up.
    """
    entries = []
    place, size = 0, len(bundle)
    while place + 2 <= size:
        end = place + 2 + (bundle[place] << 8 | bundle[place + 1])
        entries.append(bundle[place + 2 : end])
        place = end
    if place != size:
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.entries")
    return entries


# --- tags and commitments ---


class Tags:
    """Tags of subjects: HMAC-SHA256 under a key of the day, cut to 128 bits. The same on all writers of a secret."""

    __slots__ = ("_day", "_secret")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._day = (-1, sha256(), sha256())

    def tag(self, subject: bytes, now: int) -> bytes:
        """Return the tag of a subject on the day of `now`."""
        day, inner, outer = self._day
        if now // _DAY_S != day:
            day, inner, outer = self._day = self._begin(now // _DAY_S)
        # HMAC (RFC 2104) from its two halves, which are begun once a day: half the price of `hmac.digest`.
        first = inner.copy()
        first.update(subject)
        second = outer.copy()
        second.update(first.digest())
        return second.digest()[:TAG_BYTES]

    def _begin(self, day: int) -> tuple[int, Any, Any]:
        key = derive_key(self._secret, f"audit-tag/{day}").ljust(64, b"\0")
        return day, sha256(bytes(byte ^ 0x36 for byte in key)), sha256(bytes(byte ^ 0x5C for byte in key))

    def __repr__(self) -> str:
        return "<Tags>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy


def commitment(salt: bytes, detail: bytes) -> bytes:
    """Return what an entry holds of its details."""
    return sha256(salt + detail).digest()
