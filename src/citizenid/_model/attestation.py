"""What an issuer states of one holder, whoever says so: values without behaviour, checked in form, frozen deeply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

from .. import _registry as reg
from .._errors import MalformedError, Reason
from .._limits import MAX_UNIX_TIME
from .citizenship import Citizenship
from .vocabulary import StatusKind, UnixTime, draft_of, has_utf8

if TYPE_CHECKING:
    from .._crypto import PublicKey  # a type alone: specs/decisions/0003 says why the class stands above


@final
@dataclass(frozen=True, slots=True, repr=False, init=False)
class Validity:
    """When a credential is valid, in Unix seconds: `not_before <= now < not_after`.

    Raises:
        MalformedError: CLAIM_INVALID unless each time is an integer in [0, 2**53), and the times are in order.
    """

    issued_at: UnixTime | None
    not_before: UnixTime | None
    not_after: UnixTime

    def __init__(self, issued_at: UnixTime | None, not_before: UnixTime | None, not_after: UnixTime) -> None:
        if type(not_after) is not int or not 0 <= not_after <= MAX_UNIX_TIME:
            raise MalformedError(Reason.CLAIM_INVALID, reg.EXP)
        if issued_at is not None and (type(issued_at) is not int or not 0 <= issued_at <= MAX_UNIX_TIME):
            raise MalformedError(Reason.CLAIM_INVALID, reg.IAT)
        if not_before is not None and (type(not_before) is not int or not 0 <= not_before <= MAX_UNIX_TIME):
            raise MalformedError(Reason.CLAIM_INVALID, reg.NBF)
        # What is issued after its end was never valid, whatever nbf says.
        late = issued_at is not None and issued_at >= not_after
        if late or (not_before is not None and not_before >= not_after):
            raise MalformedError(Reason.CLAIM_INVALID, reg.EXP)
        set_ = object.__setattr__
        set_(self, "issued_at", issued_at)
        set_(self, "not_before", not_before)
        set_(self, "not_after", not_after)

    @property
    def start(self) -> UnixTime | None:
        """The earliest moment of validity that the issuer states: nbf, or iat without it, or None."""
        return self.issued_at if self.not_before is None else self.not_before


@final
@dataclass(frozen=True, slots=True, repr=False, init=False)
class StatusReference:
    """Where the status of a credential stands: an index in the list at `uri`, or an identifier in an identifier list.

    >>> StatusReference("https://id.example/status/3", 94_567, StatusKind.BITSTRING, purpose="revocation").index
    94567

    Attributes:
        uri: of the list.
        index: in a status list or a bitstring; None is given, and 0 kept, for an identifier list.
        kind: the mechanism.
        identifier: in an identifier list, bytes; otherwise None.
        certificate: DER, under which the list must be signed (ISO/IEC 18013-5 second edition 12.3.6), or None.
        purpose: what a set bit of a bitstring means, "revocation" or "suspension"; None in a reference of another kind.

    Raises:
        MalformedError: CLAIM_INVALID for an empty uri, a kind that is none, an index that is no integer in [0, 2**32),
            an identifier that is not 1 to 64 bytes, a certificate that is not 1 to 8,192 bytes or stands with a
            bitstring, or another purpose.
    """

    uri: str
    index: int
    kind: StatusKind
    identifier: bytes | None
    certificate: bytes | None
    purpose: str | None

    def __init__(
        self,
        uri: str,
        index: int | None = None,
        kind: StatusKind = StatusKind.STATUS_LIST,
        identifier: bytes | None = None,
        certificate: bytes | None = None,
        purpose: str | None = None,
    ) -> None:
        if type(uri) is not str or not 0 < len(uri) <= 2_048:
            raise MalformedError(Reason.CLAIM_INVALID, "status.status_list.uri")
        if type(kind) is not StatusKind:  # its value is a text that equals no member
            raise MalformedError(Reason.CLAIM_INVALID, "status.kind")
        listed = kind is _IDENTIFIER_LIST
        if listed and index is None:
            index = 0
        elif type(index) is not int or not 0 <= index < 2**32 or identifier is not None:  # a ticket has four bytes
            raise MalformedError(Reason.CLAIM_INVALID, "status.status_list.idx")
        if listed is (identifier is None) or not _bounded(identifier, 64):
            raise MalformedError(Reason.CLAIM_INVALID, "status.identifier_list.id")
        bitstring = kind is _BITSTRING
        if not _bounded(certificate, 8_192) or (bitstring and certificate is not None):
            raise MalformedError(Reason.CLAIM_INVALID, "status.certificate")
        understood = type(purpose) is str and purpose in reg.BITSTRING_PURPOSES
        if not (understood if bitstring else purpose is None):
            raise MalformedError(Reason.CLAIM_INVALID, "status.purpose")
        set_ = object.__setattr__
        set_(self, "uri", uri)
        set_(self, "index", index)
        set_(self, "kind", kind)
        set_(self, "identifier", identifier)
        set_(self, "certificate", certificate)
        set_(self, "purpose", purpose)


_IDENTIFIER_LIST: Final = StatusKind.IDENTIFIER_LIST  # through its type each look costs several times as much
_BITSTRING: Final = StatusKind.BITSTRING


def _bounded(value: bytes | None, size: int) -> bool:
    return value is None or (type(value) is bytes and 0 < len(value) <= size)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Assurance:
    """How well the issuer checked: a framework and a level of it, both in the issuer's words. Unrated is None.

    Raises:
        MalformedError: CLAIM_INVALID unless both are texts of 1 to 64 characters that can be written in UTF-8.
    """

    framework: str
    level: str

    def __post_init__(self) -> None:
        for text in (self.framework, self.level):
            if type(text) is not str or not 0 < len(text) <= 64 or not has_utf8(text):
                raise MalformedError(Reason.CLAIM_INVALID, reg.ASSURANCE)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Attestation:
    """What an issuer states of one holder.

    Attributes:
        type: the vct of the credential.
        issuer: the operator's label of the issuer (verification) or the issuer's identifier (issuing).
        claims: the claims of the person, in the shape of the format; frozen, without iss, vct, times, cnf and status.
            Names are text; in an SD-CWT integers as well.
        validity: from when to when.
        holder_key: the key that the holder proves possession of, or None.
        status: where its status stands; all of them must say valid.
        assurance: how well the issuer checked, or None when it does not say.
        evidence_at: when the issuer checked its evidence, Unix seconds, or None when it does not say. A credential of
            our own type states it, and none of another.
        citizenship: what `claims` state of citizenship; derived, never given.

    Raises:
        MalformedError: COUNTRY_INVALID or CLAIM_INVALID when the citizenship claims are not well formed, CLAIM_INVALID
            for claims that are no mapping and an `evidence_at` that is no integer in [0, 2**53).
    """

    type: str
    issuer: str
    claims: Mapping[Any, Any]
    validity: Validity
    holder_key: PublicKey | None = None
    status: tuple[StatusReference, ...] = ()
    assurance: Assurance | None = None
    withheld: bool = field(default=False, compare=False)
    evidence_at: UnixTime | None = None
    citizenship: Citizenship = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if self.evidence_at is not None:
            evidence_time(self.evidence_at)
        if not isinstance(self.claims, Mapping):
            raise MalformedError(Reason.CLAIM_INVALID, "claims")
        object.__setattr__(self, "claims", freeze(self.claims))
        mdoc = type(self.type) is str and self.type in reg.MDOC_TYPES
        read = _read_mdoc if mdoc else Citizenship.from_claims
        object.__setattr__(self, "citizenship", read(self.claims, withheld=self.withheld))


def evidence_time(stated: object) -> UnixTime:
    """Return when evidence was checked, as a claim states it.

    Raises:
        MalformedError: CLAIM_INVALID for anything but an integer in [0, 2**53).
    """
    if type(stated) is not int or not 0 <= stated <= MAX_UNIX_TIME:
        raise MalformedError(Reason.CLAIM_INVALID, reg.EVIDENCE_CHECKED_AT)
    return UnixTime(stated)


def _read_mdoc(claims: Mapping[str, Any], *, withheld: bool) -> Citizenship:
    if not all(isinstance(elements, Mapping) for elements in claims.values()):
        raise MalformedError(Reason.CLAIM_INVALID, "claims")
    return Citizenship.from_namespaces(claims)


_Draft: Any = draft_of(Attestation)


def attestation_of_frozen(
    type_: str,
    issuer: str,
    claims: Mapping[str, Any],
    validity: Validity,
    holder_key: PublicKey | None,
    status: tuple[StatusReference, ...],
    assurance: Assurance | None,
    evidence_at: UnixTime | None,
    citizenship: Citizenship,
) -> Attestation:
    """Make an Attestation of claims that a reader has frozen deeply itself, and of which it has read the citizenship.

    Copying them would cost a walk, and what states citizenship is for the format to say.
    """
    made = _Draft()
    made.type = type_
    made.issuer = issuer
    made.claims = claims
    made.validity = validity
    made.holder_key = holder_key
    made.status = status
    made.assurance = assurance
    made.evidence_at = evidence_at
    made.withheld = False  # said in `citizenship`
    made.citizenship = citizenship
    made.__class__ = Attestation
    finished: Attestation = made
    return finished


def freeze(value: Any, depth: int = 200) -> Any:
    """Return a deep copy that nobody can change: mappings become read-only, lists become tuples.

    Raises:
        MalformedError: DEPTH_EXCEEDED for more than 200 levels, far more than a credential may have, or for fewer when
            the caller stands so deep that there is no room for them.
    """
    try:
        return _freeze(value, depth)
    except RecursionError:
        pass  # raised below, so that no __context__ carries it
    raise MalformedError(Reason.DEPTH_EXCEEDED, "claims")


def _freeze(value: Any, depth: int) -> Any:
    if depth < 0:
        raise MalformedError(Reason.DEPTH_EXCEEDED, "claims")
    if isinstance(value, Mapping):
        return MappingProxyType({name: _freeze(item, depth - 1) for name, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(_freeze(item, depth - 1) for item in value)
    return value


def thaw(value: Any) -> Any:
    """Return a deep copy of frozen claims in plain dicts and lists."""
    if isinstance(value, Mapping):
        return {name: thaw(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [thaw(item) for item in value]
    return value
