"""One anchor: a trusted key or certificate and what its issuer may attest, and what a set of anchors must not be.

Spec: DESIGN law 8; specs/verification.md V2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar, final

from ._crypto import PublicKey
from ._errors import CitizenIDError, Reason, VerificationError
from ._limits import MAX_UNIX_TIME
from ._model import NO_TYPE, Citizenship, Format, KeyPurpose, UnixTime
from ._x509 import Root, pinned_below
from .countries import ANY, Countries, Country

Member = TypeVar("Member")


@final
@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """One trusted key, root certificate or document signer's certificate, and what it may attest.

    Attributes:
        issuer: the operator's label; an `iss` in what it signed must equal it.
        purpose: what it may sign.
        formats: the formats in which it may attest.
        types: the vct values it may attest; `NO_TYPE` for those that state none.
        countries: whose citizenship it may attest, or ANY. What it says of other countries proves nothing.
        not_before: trusted from then on.
        not_after: trusted before then.
        status_issuer: whose status lists count for its credentials: its own unless the operator names another.
        status_required: whether a credential that refers to no status list is refused, however short its validity.
        fingerprint: 32 bytes that change with any of the above, with the key, and with the certificates that the CRLs
            list. A CRL that is merely renewed leaves it as it is: tickets outlive that, and no new revocation.
    """

    issuer: str
    purpose: KeyPurpose
    formats: frozenset[Format]
    types: frozenset[str]
    countries: Countries
    not_before: UnixTime
    not_after: UnixTime
    status_issuer: str
    kid: str | None
    key: PublicKey | None
    root: Root | None = field(repr=False)
    status_required: bool = False
    fingerprint: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        anchored = self.key.thumbprint if self.key is not None else self.root.identity if self.root is not None else b""
        countries = ["*"] if not isinstance(self.countries, frozenset) else sorted(c.alpha2 for c in self.countries)
        text = ascii(
            (
                self.issuer,
                self.purpose.value,
                sorted(map(str, self.formats)),
                sorted(self.types),
                countries,
                self.not_before,
                self.not_after,
                self.status_issuer,
                anchored.hex(),
                self.status_required,
            )
        ).encode("ascii")
        object.__setattr__(self, "fingerprint", hashlib.sha256(text).digest())

    def check_time(self, now: UnixTime) -> None:
        """Refuse outside of the anchor's window. Raises ANCHOR_NOT_YET_VALID or ANCHOR_EXPIRED."""
        if now < self.not_before:
            raise VerificationError(Reason.ANCHOR_NOT_YET_VALID, "anchor")
        if now >= self.not_after:
            raise VerificationError(Reason.ANCHOR_EXPIRED, "anchor")

    def proven(self, stated: Citizenship) -> Citizenship:
        """Return the part of a statement that this anchor may attest; what is left of a complete list is none."""
        countries = self.countries
        if not isinstance(countries, frozenset):
            return stated
        nationalities, citizenships = stated.nationalities, stated.citizenships
        if countries.issuperset(nationalities) and countries.issuperset(citizenships):
            return stated
        return Citizenship(filter(countries.__contains__, nationalities), filter(countries.__contains__, citizenships))

    def may_attest(self, country: Country) -> bool:
        """Whether this anchor's word on the citizenship of `country` proves anything."""
        countries = self.countries
        return country in countries if isinstance(countries, frozenset) else True


@final
class ResolvedKey(NamedTuple):
    """The key that must have signed, with the window in which it may, and the anchor it comes from.

    The window of the signer is that of the leaf certificate alone, or the anchor's where there is none: what an mdoc
    says of when it was signed must lie in it (ISO/IEC 18013-5 9.3.1). The signer's country and states are what
    that certificate says, in a profile that asks for a country.
    """

    key: PublicKey
    not_before: UnixTime
    not_after: UnixTime
    anchor: TrustAnchor
    signer_not_before: UnixTime
    signer_not_after: UnixTime
    signer_country: str | None = None
    signer_states: tuple[str | bytes, ...] = ()


_CERTIFIED: Final = frozenset({Format.MDOC})  # its issuer is always named by certificates


def check_anchors(anchors: tuple[TrustAnchor, ...]) -> None:
    """Refuse a set in which one thing means two, or an issuer could be shown in more than one way.

    Raises:
        CitizenIDError: ANCHOR_INVALID.
    """
    named = [(a.issuer, a.purpose, a.kid) for a in anchors if a.kid is not None]
    ways = {(a.issuer, a.purpose, a.root is None, a.root is None or a.root.signer is None) for a in anchors}
    distinct = {anchor.fingerprint[:16] for anchor in anchors}
    mixed = len(ways) != len({way[:2] for way in ways})
    if len(distinct) != len(anchors) or len(set(named)) != len(named) or mixed:
        raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")
    _check_certificates(anchors)


def _check_certificates(anchors: tuple[TrustAnchor, ...]) -> None:
    # A chain must lead to one issuer and one scope, whatever the order of the anchors. A renewed certificate of a root
    # (same key, another window) is welcome; the same certificate twice, or one key with two meanings, is not. CRLs are
    # a part of the meaning: what is revoked under one certificate of a key must be so under the other.
    meanings: dict[tuple[KeyPurpose, bytes], tuple[object, ...]] = {}
    for anchor in anchors:
        if anchor.key is not None and anchor.root is not None:
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchor")
        if anchor.root is None:
            if anchor.formats == _CERTIFIED:  # it would be found by nobody
                raise CitizenIDError(Reason.ANCHOR_INVALID, "anchor.formats")
            continue
        meaning = meaning_of(anchor, anchor.root)
        if (anchor.purpose, anchor.root.der) in meanings:
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")
        meanings[anchor.purpose, anchor.root.der] = meaning
        if meanings.setdefault((anchor.purpose, anchor.root.key), meaning) != meaning:
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")
    # A chain is not signed: whoever shows it chooses whether it ends at a pinned authority or goes on to the one above.
    for purpose in KeyPurpose:
        roots = [each.root for each in anchors if each.purpose is purpose and each.root and each.root.signer is None]
        for below, above in pinned_below(roots):
            if meanings[purpose, below.key] != meanings[purpose, above.key]:
                raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")


def meaning_of(anchor: TrustAnchor, root: Root) -> tuple[object, ...]:
    """Return what this anchor's certificate stands for, from when to when aside."""
    scope = (anchor.formats, anchor.types, anchor.countries, anchor.status_issuer, anchor.status_required)
    return (anchor.issuer, *scope, frozenset(each.der for each in root.crls))


def scope_of(
    issuer: str,
    purpose: KeyPurpose,
    formats: Iterable[Format],
    types: Iterable[str],
    countries: Iterable[Country] | Countries | None,
    not_before: int,
    not_after: int,
    status_issuer: str | None,
) -> dict[str, Any]:
    """Return the fields of an anchor that say what it may attest. Raises ANCHOR_INVALID; `where` names the field."""
    whose = countries if countries is None or countries is ANY else members_of(countries, "anchor.countries")
    scope = (members_of(formats, "anchor.formats"), members_of(types, "anchor.types"))
    attests = purpose is KeyPurpose.CREDENTIAL  # a signer of status lists attests nothing, and then says nothing of it
    # NO_TYPE is empty, and stands in the one format whose credentials need not state a type.
    untyped = Format.SD_CWT in scope[0]
    typed = (each for each in scope[1] if not (untyped and type(each) is str and each == NO_TYPE))
    stated = attests and bool(whose) if whose is not None else not attests
    if isinstance(whose, frozenset):
        stated = stated and all(type(country) is Country for country in whose)
    begins = type(not_before) is int and not_before >= 0
    for usable, where in (
        (type(purpose) is KeyPurpose, "anchor.purpose"),
        (bool(scope[0]) is attests and all(type(each) is Format for each in scope[0]), "anchor.formats"),
        (bool(scope[1]) is attests and not isinstance(types, str) and all(map(is_label, typed)), "anchor.types"),
        (stated, "anchor.countries"),
        (is_label(issuer), "anchor.issuer"),
        (status_issuer is None or (attests and is_label(status_issuer)), "anchor.status_issuer"),
        (begins, "anchor.not_before"),
        (begins and type(not_after) is int and not_before < not_after <= MAX_UNIX_TIME, "anchor.not_after"),
    ):
        if not usable:
            raise CitizenIDError(Reason.ANCHOR_INVALID, where)
    return {
        "issuer": issuer,
        "purpose": purpose,
        "formats": scope[0],
        "types": scope[1],
        "countries": frozenset() if whose is None else whose,
        "not_before": UnixTime(not_before),
        "not_after": UnixTime(not_after),
        "status_issuer": issuer if status_issuer is None else status_issuer,
    }


def members_of(given: Iterable[Member], where: str) -> frozenset[Member]:
    """Return what an operator listed, as a set. Raises ANCHOR_INVALID for what is no collection of such."""
    members = None
    try:
        members = frozenset(given)
    except TypeError:
        pass  # raised below, without what was given
    if members is None:
        raise CitizenIDError(Reason.ANCHOR_INVALID, where)
    return members


def listed(given: Iterable[Member], kind: type[Member], where: str) -> tuple[Member, ...]:
    """Return what an operator listed, in order. Raises ANCHOR_INVALID unless all of it is exactly of this class."""
    members = None
    try:
        members = tuple(given)
    except TypeError:
        pass  # raised below, without what was given
    if members is None or any(type(each) is not kind for each in members):
        raise CitizenIDError(Reason.ANCHOR_INVALID, where)
    return members


def is_label(value: object) -> bool:
    """Whether this is text that may name an issuer or a type."""
    # Labels are written in UTF-8 where lists are looked up: half of a surrogate pair would only be found out there.
    try:
        return type(value) is str and bool(value.encode())
    except UnicodeEncodeError:
        return False
