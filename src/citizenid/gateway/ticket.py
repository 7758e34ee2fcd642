"""The ticket: what a gateway seals after admission, so that every later request is decided in microseconds.

A ticket is opaque to everybody but the operator's gateways, any of which opens it without shared state. It names no
person: it holds a random session id, what was proven, for whom, and where to look up today's truth (the anchor and the
status bits). It is of one constant length, since a length would tell who has two citizenships.

    version 1 | key id 4 | nonce 12 | AES-256-GCM-SIV( contents 150 ) 16 more      = 183 bytes, 244 characters

Associated data: version, key id, audience. A key id selects exactly one key; nothing is tried in turn. A ticket ends by
the latest wall time that its gateway has read: a clock that goes back extends nothing.

Spec: DESIGN section 4 (gateway); RFC 8452.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache
from typing import Final, NamedTuple, final

from .._crypto import SealingKey, derive_key
from .._errors import CitizenIDError, MalformedError, Reason
from .._model import Assurance, Binding, Citizenship, Format
from .._wire import base64url
from ..countries import Country

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_PREFIX_BYTES: Final = 1 + 4  # version and key id
_HEADER_BYTES: Final = _PREFIX_BYTES + _NONCE_BYTES
_TAG_BYTES: Final = 16
_CONTENTS: Final = struct.Struct(">I16s16sB8s9sII12sBBB32sB16sI16sI")
_TICKET_CHARS: Final = -(-(_HEADER_BYTES + _CONTENTS.size + _TAG_BYTES) * 4 // 3)
_COUNTRY_SLOTS: Final = 6
_STATUS_SLOTS: Final = 2
_FORMATS: Final = (Format.SD_JWT_VC, Format.MDOC, Format.SD_CWT)  # the index is on the wire: append, never reorder
_NO_STATUS: Final = (b"\0" * 16, 0)
_UNRATED: Final = b"\0" * 9  # with nine a ticket has 183 bytes, whose base64url leaves no stray bits
MIN_SECRET_BYTES: Final = 32


class TicketContents(NamedTuple):
    """What is sealed.

    Attributes:
        expires_at: exclusive, Unix seconds.
        session_id: 16 random bytes.
        anchor: the first 16 bytes of the anchor's fingerprint.
        format: of the credential.
        type_hash: the first 8 bytes of SHA-256 over the credential's type.
        assurance: 9 bytes that stand for the framework and level that the issuer stated; zeros when it stated none.
        admitted_at: when the presentation was verified.
        evidence_at: when the credential was issued, or 0 when it does not say.
        nationalities: as stated or implied by a citizenship; what the anchor may attest is filtered at each use.
        citizenships: as stated; each is among the nationalities.
        complete: whether the issuer stated that these are all.
        binding: how the ticket is bound.
        sender: the thumbprint of the sender key, or 32 zero bytes for bearer.
        statuses: (identity of the list, index) for each status reference.
    """

    expires_at: int
    session_id: bytes
    anchor: bytes
    format: Format
    type_hash: bytes
    assurance: bytes
    admitted_at: int
    evidence_at: int
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
    bytes,
    bytes,
    Format,
    bytes,
    bytes,
    int,
    int,
    frozenset[Country],
    frozenset[Country],
    bool,
    Binding,
    bytes,
    tuple[tuple[bytes, int], ...],
]
"""What TicketContents holds, in its order."""


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


def type_hash(type_: str) -> bytes:
    """Return the 8 bytes that stand for a credential type in a ticket."""
    return hashlib.sha256(type_.encode()).digest()[:8]


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
        CitizenIDError: CONFIGURATION_INVALID without a secret, with one below 32 bytes, or with two alike.
    """

    def __init__(self, secrets: tuple[bytes, ...], audience: str) -> None:
        if not secrets or any(type(secret) is not bytes or len(secret) < MIN_SECRET_BYTES for secret in secrets):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "ticket_keys")
        name = hashlib.sha256(audience.encode()).digest()
        self._keys: dict[bytes, tuple[SealingKey, bytes]] = {}
        for secret in secrets:
            prefix = _VERSION + derive_key(secret, "ticket-key-id", 4)
            if prefix in self._keys:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "ticket_keys")
            self._keys[prefix] = (SealingKey(derive_key(secret, "ticket")), prefix + name)
        self._sealing: Final = next(iter(self._keys))

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
        plaintext = _CONTENTS.pack(
            contents.expires_at,
            contents.session_id,
            contents.anchor,
            _FORMATS.index(contents.format),
            contents.type_hash,
            contents.assurance,
            contents.admitted_at,
            contents.evidence_at,
            "".join(codes).encode("ascii").ljust(2 * _COUNTRY_SLOTS, b"\0"),
            len(citizens),
            contents.complete,
            contents.binding,
            contents.sender,
            len(contents.statuses),
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
        return TicketContents(*self.open_fields(text))

    def open_fields(self, text: bytes) -> TicketFields:
        """Open a ticket, as `open`: the fields of TicketContents, for whoever takes them apart at once."""
        plaintext = None
        if len(text) == _TICKET_CHARS:
            try:
                sealed = base64url.decode(text, "ticket")
            except MalformedError:
                sealed = b""
            held = self._keys.get(sealed[:_PREFIX_BYTES])
            if held is not None:
                key, associated = held
                plaintext = key.open(sealed[_PREFIX_BYTES:_HEADER_BYTES], sealed[_HEADER_BYTES:], associated)
        if plaintext is None:
            raise MalformedError(Reason.TICKET_INVALID, "ticket")
        return _read(plaintext)


def _read(plaintext: bytes) -> TicketFields:
    (
        expires_at,
        session_id,
        anchor,
        format_,
        type_hash_,
        assurance,
        admitted_at,
        evidence_at,
        countries,
        citizens,
        complete,
        binding,
        sender,
        count,
        first,
        first_index,
        second,
        second_index,
    ) = _CONTENTS.unpack(plaintext)
    statuses: tuple[tuple[bytes, int], ...] = ()
    if count:
        statuses = ((first, first_index),) if count == 1 else ((first, first_index), (second, second_index))
    nationalities, citizenships = _countries(countries, citizens)
    return (
        expires_at,
        session_id,
        anchor,
        _FORMATS[format_],
        type_hash_,
        assurance,
        admitted_at,
        evidence_at,
        nationalities,
        citizenships,
        complete != 0,
        _BINDINGS[binding],
        sender,
        statuses,
    )


_BINDINGS: Final = (Binding.BEARER, Binding.DPOP)


@lru_cache(maxsize=4_096)  # a pure function of what we sealed ourselves; few countries make most of the traffic
def _countries(packed: bytes, citizens: int) -> tuple[frozenset[Country], frozenset[Country]]:
    codes = packed.rstrip(b"\0").decode("ascii")
    countries = [Country(codes[start : start + 2]) for start in range(0, len(codes), 2)]
    return frozenset(countries), frozenset(countries[:citizens])
