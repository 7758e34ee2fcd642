"""The ticket: what a gateway seals after admission, so that every later request is decided in microseconds.

A ticket is opaque to everybody but the operator's gateways, any of which opens it without shared state. It names no
person: it holds a random session id, what was proven, for whom, and where to look up today's truth (the anchor and the
status bits). It is of one constant length, since a length would tell who has two citizenships.

    version 1 | key id 4 | nonce 12 | AES-256-GCM-SIV( contents 153 ) 16 more      = 186 bytes, 248 characters

Associated data: version, key id, audience. A key id selects exactly one key; nothing is tried in turn. A ticket ends by
the latest wall time that its gateway has read: a clock that goes back extends nothing. It states two ends: its own, and
the one that no renewal reaches beyond. Both are kept as seconds since the admission, in 22 bits each: a session lasts
for 30 days at most, and what would lie beyond 48 days ends there. Of the other times each has 32 bits of its own, so
that none of them is rounded.

Spec: DESIGN section 4 (gateway); RFC 8452.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache
from typing import Final, NamedTuple, final

from .._crypto import SealingKey, derive_key, is_secret, refuse_copy
from .._errors import CitizenIDError, MalformedError, Reason
from .._model import Assurance, Binding, Citizenship, Format
from .._wire import base64url
from ..countries import Country
from .cache import SieveCache

_VERSION: Final = b"\x03"
_NONCE_BYTES: Final = 12
_PREFIX_BYTES: Final = 1 + 4  # version and key id
_HEADER_BYTES: Final = _PREFIX_BYTES + _NONCE_BYTES
_TAG_BYTES: Final = 16
_CONTENTS: Final = struct.Struct(">III16s16sB8s9s6s13s32s16sI16sI")
_TICKET_CHARS: Final = -(-(_HEADER_BYTES + _CONTENTS.size + _TAG_BYTES) * 4 // 3)
_COUNTRY_SLOTS: Final = 6
_LETTERS: Final = 26
_CODES: Final = _LETTERS**2 + 1  # 0 is no country; six of them fill 57 bits
_END_BITS: Final = 22
_MAX_END_S: Final = 2**_END_BITS - 1
_SMALL_BYTES: Final = 13  # countries in 57 bits, the binding in two, two ends: 103 bits
_MAX_TIME: Final = 2**32 - 1
_STATUS_SLOTS: Final = 2
_FORMATS: Final = (Format.SD_JWT_VC, Format.MDOC, Format.SD_CWT)  # as _BINDINGS; two bits hold four
_NO_STATUS: Final = (b"\0" * 16, 0)
_UNRATED: Final = b"\0" * 9
HOLDER_BYTES: Final = 6  # with six a ticket has 186 bytes, whose base64url leaves no stray bits
_OPENED: Final = 4_096  # tickets that are held open: 1.4 kB each


class TicketContents(NamedTuple):
    """What is sealed.

    Attributes:
        expires_at: exclusive, Unix seconds; 0 for an end that does not lie behind the admission.
        ends_at: exclusive, Unix seconds: the end of the session, which a renewal keeps; 0 as above.
        session_id: 16 random bytes.
        anchor: the first 16 bytes of the anchor's fingerprint.
        format: of the credential.
        type_hash: the first 8 bytes of SHA-256 over the credential's type.
        assurance: 9 bytes that stand for the framework and level that the issuer stated; zeros when it stated none.
        admitted_at: when the presentation was verified.
        issued_at: when the credential was issued, or 0 when it does not say.
        evidence_at: when the issuer checked its evidence, or 0 when it is not stated, or not shown. Never later than
            what was stated.
        holder: the first 6 bytes of the thumbprint of the credential's holder key: the same for each presentation.
        nationalities: as stated or implied by a citizenship; what the anchor may attest is filtered at each use.
        citizenships: as stated; each is among the nationalities.
        complete: whether the issuer stated that these are all.
        binding: how the ticket is bound.
        sender: the thumbprint of the sender key, or 32 zero bytes for bearer.
        statuses: (identity of the list, index) for each status reference.
    """

    expires_at: int
    ends_at: int
    session_id: bytes
    anchor: bytes
    format: Format
    type_hash: bytes
    assurance: bytes
    admitted_at: int
    issued_at: int
    evidence_at: int
    holder: bytes
    nationalities: frozenset[Country]
    citizenships: frozenset[Country]
    complete: bool
    binding: Binding
    sender: bytes
    statuses: tuple[tuple[bytes, int], ...]

    def __repr__(self) -> str:
        return "<TicketContents>"


TicketFields = tuple[
    int,
    int,
    bytes,
    bytes,
    Format,
    bytes,
    bytes,
    int,
    int,
    int,
    bytes,
    frozenset[Country],
    frozenset[Country],
    bool,
    Binding,
    bytes,
    tuple[tuple[bytes, int], ...],
    str,
]
"""What TicketContents holds, in its order; behind it what `ath` must say of a ticket that DPoP binds (RFC 9449)."""


def fit(stated: Citizenship, proven: Citizenship) -> Citizenship:
    """Return what of a citizenship a ticket has room for: six countries, those that count first.

    Args:
        stated: all that the credential states.
        proven: the part of it that the anchor may attest.
    """
    ordered = proven.citizenships + proven.nationalities + stated.citizenships + stated.nationalities
    kept = tuple(dict.fromkeys(ordered))
    if len(kept) <= _COUNTRY_SLOTS:
        return Citizenship(kept, stated.citizenships, stated.complete)
    kept = kept[:_COUNTRY_SLOTS]
    return Citizenship(kept, tuple(country for country in kept if country in stated.citizenships))


# A fleet sees few types and levels: both are functions of their texts alone.
@lru_cache(maxsize=256)
def type_hash(type_: str) -> bytes:
    """Return the 8 bytes that stand for a credential type in a ticket."""
    return hashlib.sha256(type_.encode()).digest()[:8]


@lru_cache(maxsize=256)
def assurance_hash(assurance: Assurance | None) -> bytes:
    """Return the 9 bytes that stand for a framework and a level of it in a ticket; zeros for None."""
    if assurance is None:
        return _UNRATED
    framework, level = assurance.framework.encode(), assurance.level.encode()
    return hashlib.sha256(len(framework).to_bytes(2, "big") + framework + level).digest()[: len(_UNRATED)]


@final
class TicketKeys:
    """The fleet's ticket keys: the first seals, all of them open. Keys of another purpose are derived apart.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID without a secret, with one below 32 bytes or of zeros, or with two alike.
    """

    __slots__ = ("_keys", "_opened", "_sealing")

    def __init__(self, secrets: tuple[bytes, ...], audience: str) -> None:
        if not secrets or not all(map(is_secret, secrets)):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "ticket_keys")
        if len(set(secrets)) != len(secrets):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "ticket_keys")
        name = hashlib.sha256(audience.encode()).digest()
        self._keys: dict[bytes, tuple[SealingKey, bytes]] = {}
        for secret in secrets:
            prefix = _VERSION + derive_key(secret, "ticket-key-id", 4)
            # Of two keys with one id, which chance may bring about once in a billion, the first is kept.
            self._keys.setdefault(prefix, (SealingKey(derive_key(secret, "ticket")), prefix + name))
        self._sealing: Final = next(iter(self._keys))
        self._opened: Final = SieveCache[bytes, TicketFields](_OPENED)

    def seal(self, contents: TicketContents, nonce: bytes) -> str:
        """Seal a ticket with a fresh random nonce of 12 bytes.

        Raises:
            CitizenIDError: LIMIT_EXCEEDED for more status references or countries than a ticket has room for.
        """
        if len(contents.statuses) > _STATUS_SLOTS or len(contents.nationalities) > _COUNTRY_SLOTS:
            raise CitizenIDError(Reason.LIMIT_EXCEEDED, "status")
        statuses = (*contents.statuses, _NO_STATUS, _NO_STATUS)
        citizens = sorted(country.alpha2 for country in contents.citizenships)
        others = sorted(country.alpha2 for country in contents.nationalities - contents.citizenships)
        codes = citizens + others  # citizenships first: a count tells them apart
        admitted_at = contents.admitted_at
        small = _pack_countries(codes) << 2 | _BINDINGS.index(contents.binding)
        small = small << _END_BITS | _end(contents.ends_at, admitted_at)
        small = small << _END_BITS | _end(contents.expires_at, admitted_at)
        plaintext = _CONTENTS.pack(
            admitted_at,
            min(contents.issued_at, _MAX_TIME),
            min(contents.evidence_at, _MAX_TIME),
            contents.session_id,
            contents.anchor,
            _FORMATS.index(contents.format) | len(citizens) << 2 | contents.complete << 5 | len(contents.statuses) << 6,
            contents.type_hash,
            contents.assurance,
            contents.holder,
            small.to_bytes(_SMALL_BYTES, "big"),
            contents.sender,
            *statuses[0],
            *statuses[1],
        )
        key, associated = self._keys[self._sealing]
        return base64url.encode_text(self._sealing + nonce + key.seal(nonce, plaintext, associated))

    def open(self, text: bytes) -> TicketContents:
        """Open a ticket.

        Raises:
            MalformedError: TICKET_INVALID for anything that these keys have not sealed for this audience.
        """
        fields = self.open_fields(text)
        if fields is None:
            raise MalformedError(Reason.TICKET_INVALID, "ticket")
        return TicketContents(*fields[:-1])

    def open_fields(self, text: bytes) -> TicketFields | None:
        """Open a ticket, as `open`: the fields of TicketContents and `ath`, or None for what does not open.

        What has been opened is held, by its text: opening is a pure function of it and of these keys. What does not
        open is not held, so that a flood of it drives nothing out.
        """
        fields = self._opened.get(text)
        if fields is None and len(text) == _TICKET_CHARS:
            try:
                sealed = base64url.decode(text, "ticket")
            except MalformedError:
                sealed = b""
            held = self._keys.get(sealed[:_PREFIX_BYTES])
            if held is not None:
                key, associated = held
                plaintext = key.open(sealed[_PREFIX_BYTES:_HEADER_BYTES], sealed[_HEADER_BYTES:], associated)
                if plaintext is not None:
                    try:
                        fields = _read(plaintext, text)
                    except (IndexError, MalformedError):
                        pass  # a format or a country that another release of the fleet knows: not one that opens here
                if fields is not None:
                    self._opened.put(text, fields)
        return fields

    def __repr__(self) -> str:
        return "<TicketKeys>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy


def ticket_hash(text: bytes) -> str:
    """Return what a DPoP proof must say of a ticket in `ath`."""
    return base64url.encode_text(hashlib.sha256(text).digest())


def _read(plaintext: bytes, text: bytes) -> TicketFields:
    (
        admitted_at,
        issued_at,
        evidence_at,
        session_id,
        anchor,
        packed,
        type_hash_,
        assurance,
        holder,
        small_bytes,
        sender,
        first,
        first_index,
        second,
        second_index,
    ) = _CONTENTS.unpack(plaintext)
    small = int.from_bytes(small_bytes, "big")
    expires_s, ends_s = small & _MAX_END_S, small >> _END_BITS & _MAX_END_S
    binding = small >> 2 * _END_BITS & 3
    nationalities, citizenships = _countries(small >> 2 * _END_BITS + 2, packed >> 2 & 7)
    return (
        admitted_at + expires_s if expires_s else 0,
        admitted_at + ends_s if ends_s else 0,
        session_id,
        anchor,
        _FORMATS[packed & 3],
        type_hash_,
        assurance,
        admitted_at,
        issued_at,
        evidence_at,
        holder,
        nationalities,
        citizenships,
        packed >> 5 & 1 != 0,
        _BINDINGS[binding],
        sender,
        ((first, first_index), (second, second_index))[: packed >> 6],
        ticket_hash(text) if binding == _DPOP else "",
    )


# The index is on the wire: append, never reorder.
_BINDINGS: Final = (Binding.BEARER, Binding.DPOP, Binding.HTTP_SIGNATURE, Binding.MTLS)
_DPOP: Final = _BINDINGS.index(Binding.DPOP)


def _end(ends_at: int, admitted_at: int) -> int:
    """Return an end as seconds since the admission, in 22 bits: never a later one."""
    return max(0, min(ends_at - admitted_at, _MAX_END_S))


def _pack_countries(codes: list[str]) -> int:
    packed = 0
    for code in codes:
        packed = packed * _CODES + (ord(code[0]) - _FIRST) * _LETTERS + ord(code[1]) - _FIRST + 1
    return packed


_FIRST: Final = ord("A")


@lru_cache(maxsize=4_096)  # a pure function of what we sealed ourselves; few countries make most of the traffic
def _countries(packed: int, citizens: int) -> tuple[frozenset[Country], frozenset[Country]]:
    countries: list[Country] = []
    while packed:
        packed, number = divmod(packed, _CODES)
        countries.append(Country(chr(_FIRST + (number - 1) // _LETTERS) + chr(_FIRST + (number - 1) % _LETTERS)))
    countries.reverse()
    return frozenset(countries), frozenset(countries[:citizens])
