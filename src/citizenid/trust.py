"""Whom a verifier trusts for what: anchors, and the one function that finds the key for a signed object.

A trusted key is (issuer, purpose, algorithm, key). An anchor adds what that issuer may attest: formats, types, whose
citizenship, and from when to when. The header of a signed object selects among these and never supplies a key.
`TrustAnchors` is a value: it is built once, joined with `|`, and never changes.

Spec: DESIGN law 8; SD-JWT VC sections 2.5, 4, 7.3; specs/verification.md V2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, final

from ._crypto import PublicKey
from ._errors import CitizenIDError, Reason, VerificationError
from ._issuer_metadata import issuer_metadata_url, keys_of_metadata, signature_keys
from ._limits import MAX_UNIX_TIME
from ._model import Format, KeyPurpose, SignedObject, UnixTime
from ._x509 import Root, load_roots, verify_path
from .countries import ANY, Countries, Country

__all__ = ["ResolvedKey", "TrustAnchor", "TrustAnchors", "issuer_metadata_url"]

_FOREVER: Final = UnixTime(MAX_UNIX_TIME)


@final
@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """One trusted key or root certificate, and what it may attest.

    Attributes:
        issuer: the operator's label; an `iss` in what it signed must equal it.
        purpose: what it may sign.
        formats: the formats in which it may attest.
        types: the vct values it may attest.
        countries: whose citizenship it may attest, or ANY. What it says of other countries proves nothing.
        not_before: trusted from then on.
        not_after: trusted before then.
        status_issuer: whose status lists count for its credentials: its own unless the operator names another.
        fingerprint: 32 bytes that change with any of the above, and with the key.
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
    fingerprint: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        anchored = self.key.thumbprint if self.key is not None else self.root.der if self.root is not None else b""
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
            )
        ).encode("ascii")
        object.__setattr__(self, "fingerprint", hashlib.sha256(text).digest())

    def check_time(self, now: UnixTime) -> None:
        """Refuse outside of the anchor's window. Raises ANCHOR_NOT_YET_VALID or ANCHOR_EXPIRED."""
        if now < self.not_before:
            raise VerificationError(Reason.ANCHOR_NOT_YET_VALID, "anchor")
        if now >= self.not_after:
            raise VerificationError(Reason.ANCHOR_EXPIRED, "anchor")

    def may_attest(self, country: Country) -> bool:
        """Whether this anchor's word on the citizenship of `country` proves anything."""
        countries = self.countries
        return country in countries if isinstance(countries, frozenset) else True


@final
class ResolvedKey(NamedTuple):
    """The key that must have signed, with the window in which it may, and the anchor it comes from."""

    key: PublicKey
    not_before: UnixTime
    not_after: UnixTime
    anchor: TrustAnchor
    signer_not_before: UnixTime
    signer_not_after: UnixTime


@final
class TrustAnchors:
    """An immutable set of anchors. Build it with a `from_` constructor; join sets with `|`.

    Raises:
        CitizenIDError: ANCHOR_INVALID when a (issuer, purpose, kid) or an anchor occurs twice, or when one issuer is
            anchored both by keys and by certificates (an attacker could choose the mechanism).
    """

    __slots__ = ("_anchors", "_by_fingerprint", "_by_kid", "_kidless", "_roots")

    def __init__(self, anchors: Iterable[TrustAnchor] = ()) -> None:
        self._anchors = tuple(anchors)
        self._by_kid: dict[tuple[KeyPurpose, str], tuple[ResolvedKey, ...]] = {}
        self._kidless: dict[KeyPurpose, tuple[ResolvedKey, ...]] = {}
        self._roots: dict[KeyPurpose, tuple[TrustAnchor, ...]] = {}
        self._by_fingerprint = {anchor.fingerprint[:16]: anchor for anchor in self._anchors}
        named = [(a.issuer, a.purpose, a.kid) for a in self._anchors if a.kid is not None]
        by_key = {(anchor.issuer, anchor.purpose) for anchor in self._anchors if anchor.key is not None}
        by_root = {(anchor.issuer, anchor.purpose) for anchor in self._anchors if anchor.key is None}
        if len(self._by_fingerprint) != len(self._anchors) or len(set(named)) != len(named) or by_key & by_root:
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")
        _check_roots(self._anchors)
        for anchor in self._anchors:
            purpose = anchor.purpose
            if anchor.key is None:
                self._roots[purpose] = (*self._roots.get(purpose, ()), anchor)
                continue
            resolved = ResolvedKey(
                anchor.key, anchor.not_before, anchor.not_after, anchor, anchor.not_before, anchor.not_after
            )
            if anchor.kid is None:
                self._kidless[purpose] = (*self._kidless.get(purpose, ()), resolved)
            else:
                slot = (purpose, anchor.kid)
                self._by_kid[slot] = (*self._by_kid.get(slot, ()), resolved)

    @classmethod
    def from_jwks(
        cls,
        issuer: str,
        jwks: Mapping[str, Any] | str | bytes,
        *,
        purpose: KeyPurpose,
        formats: Iterable[Format] = (),
        types: Iterable[str] = (),
        countries: Iterable[Country] | Countries | None = None,
        not_before: int = 0,
        not_after: int = _FOREVER,
        status_issuer: str | None = None,
    ) -> TrustAnchors:
        """Trust the keys of a JWK Set (RFC 7517 section 5).

        Args:
            issuer: the operator's label; it becomes `Attestation.issuer` and must equal any `iss`.
            jwks: the set, as a dict or as JSON text. Keys of a kind, curve or algorithm that we do not know are
                passed over, as the RFC asks, as long as one is left.
            purpose: CREDENTIAL or STATUS_LIST.
            formats: required for CREDENTIAL: the formats in which the issuer may attest.
            types: required for CREDENTIAL: the vct values it may attest.
            countries: required for CREDENTIAL: whose citizenship it may attest, or `citizenid.ANY`. They hold for each
                of the types; who may attest other countries by another type signs that with another key.
            not_before: trusted from then on, Unix seconds.
            not_after: trusted before then, Unix seconds.
            status_issuer: the label of the STATUS_LIST issuer whose lists count; the issuer itself by default.

        Raises:
            MalformedError: KEY_INVALID, KEY_USE_FORBIDDEN, or a Reason of form for JSON text.
            CitizenIDError: ANCHOR_INVALID when something required is missing or no key is left.
        """
        keyed = signature_keys(jwks)
        scope = _scope(issuer, purpose, formats, types, countries, not_before, not_after, status_issuer)
        return cls._of(TrustAnchor(**scope, kid=kid, key=key, root=None) for kid, key in keyed)

    @classmethod
    def from_keys(
        cls,
        issuer: str,
        keys: Iterable[PublicKey],
        *,
        purpose: KeyPurpose,
        formats: Iterable[Format] = (),
        types: Iterable[str] = (),
        countries: Iterable[Country] | Countries | None = None,
        not_before: int = 0,
        not_after: int = _FOREVER,
        status_issuer: str | None = None,
    ) -> TrustAnchors:
        """Trust pinned keys, whatever `kid` a header names. Arguments and Raises as `from_jwks`."""
        scope = _scope(issuer, purpose, formats, types, countries, not_before, not_after, status_issuer)
        return cls._of(TrustAnchor(**scope, kid=None, key=key, root=None) for key in keys)

    @classmethod
    def from_certificates(
        cls,
        pem: bytes | str,
        *,
        issuer: str,
        purpose: KeyPurpose,
        formats: Iterable[Format] = (),
        types: Iterable[str] = (),
        countries: Iterable[Country] | Countries | None = None,
        not_before: int = 0,
        not_after: int = _FOREVER,
        status_issuer: str | None = None,
    ) -> TrustAnchors:
        """Trust the issuers whose x5c chain leads to one of these roots. Other arguments as `from_jwks`.

        Raises:
            CitizenIDError: ANCHOR_INVALID for PEM without a usable CA certificate, or when something is missing.
        """
        scope = _scope(issuer, purpose, formats, types, countries, not_before, not_after, status_issuer)
        return cls._of(TrustAnchor(**scope, kid=None, key=None, root=root) for root in load_roots(pem))

    @classmethod
    def from_issuer_metadata(
        cls,
        body: bytes | str,
        *,
        issuer: str,
        jwks: Mapping[str, Any] | str | bytes | None = None,
        formats: Iterable[Format] = (),
        types: Iterable[str] = (),
        countries: Iterable[Country] | Countries | None = None,
        not_before: int = 0,
        not_after: int = _FOREVER,
        status_issuer: str | None = None,
    ) -> TrustAnchors:
        """Trust the keys of a jwt-vc-issuer metadata document (SD-JWT VC section 4), fetched by the caller.

        Args:
            body: the document as received.
            issuer: the https URL whose metadata it is; the document's `issuer` must equal it.
            jwks: the set found at `jwks_uri` when the document names one instead of holding the keys.
            formats: as `from_jwks`.
            types: as `from_jwks`.
            countries: as `from_jwks`.
            not_before: as `from_jwks`.
            not_after: as `from_jwks`.
            status_issuer: as `from_jwks`.

        Raises:
            CitizenIDError: ANCHOR_INVALID when `issuer` differs, is no https URL or has a query or fragment, or when
                there is not exactly one of `jwks` and `jwks_uri`.
        """
        keys = keys_of_metadata(body, issuer, jwks)
        return cls.from_jwks(
            issuer,
            keys,
            purpose=KeyPurpose.CREDENTIAL,
            formats=formats,
            types=types,
            countries=countries,
            not_before=not_before,
            not_after=not_after,
            status_issuer=status_issuer,
        )

    @classmethod
    def _of(cls, anchors: Iterable[TrustAnchor]) -> TrustAnchors:
        made = cls(anchors)
        if not made._anchors:
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")
        return made

    def __or__(self, other: TrustAnchors) -> TrustAnchors:
        return TrustAnchors(self._anchors + other._anchors)

    def __iter__(self) -> Iterator[TrustAnchor]:
        return iter(self._anchors)

    def __len__(self) -> int:
        return len(self._anchors)

    def __repr__(self) -> str:
        return f"<TrustAnchors of {len(self._anchors)}>"

    def find(self, identity: bytes) -> TrustAnchor | None:
        """Return the anchor whose fingerprint begins with these 16 bytes, if it is still trusted."""
        return self._by_fingerprint.get(identity)

    def resolve(self, signed: SignedObject, purpose: KeyPurpose, now: UnixTime, where: str) -> ResolvedKey:
        """V2: find the one trusted key that must have made this signature.

        A certificate chain is followed to a pinned root; otherwise `kid` selects, and where it does not settle the
        key, the issuer that the object claims. No candidate, or more than one, is a refusal.

        Raises:
            VerificationError: KEY_UNKNOWN, KEY_AMBIGUOUS, ANCHOR_NOT_YET_VALID, ANCHOR_EXPIRED, CERTIFICATE_...
            MalformedError: CERTIFICATE_INVALID, LIMIT_EXCEEDED, and a Reason of form when the payload must be asked.
        """
        kid, certificates, _, _ = signed.key_hint
        if certificates:
            return self._resolve_path(certificates, purpose, now, where)
        found = self._by_kid.get((purpose, kid), ()) if kid is not None else ()
        if len(found) != 1:
            found = self._candidates(signed, purpose, found)
            if not found:
                raise VerificationError(Reason.KEY_UNKNOWN, where)
            if len(found) != 1:
                raise VerificationError(Reason.KEY_AMBIGUOUS, where)
        resolved = found[0]
        if not resolved.not_before <= now < resolved.not_after:
            resolved.anchor.check_time(now)
        return resolved

    def _candidates(
        self, signed: SignedObject, purpose: KeyPurpose, same_kid: tuple[ResolvedKey, ...]
    ) -> tuple[ResolvedKey, ...]:
        hint = signed.key_hint
        candidates = same_kid
        if not candidates:
            # Without a kid any key of the issuer may be meant; with one that nobody has, only a key pinned without.
            candidates = self._kidless.get(purpose, ())
            if hint.kid is None:
                named = (each for (for_, _), keys in self._by_kid.items() if for_ is purpose for each in keys)
                candidates = (*candidates, *named)
        claimed = hint.unverified_issuer(signed.payload) if hint.unverified_issuer is not None else None
        return tuple(
            each
            for each in candidates
            if (claimed is None or each.anchor.issuer == claimed) and each.key.algorithm == signed.algorithm
        )

    def _resolve_path(self, chain: tuple[bytes, ...], purpose: KeyPurpose, now: UnixTime, where: str) -> ResolvedKey:
        anchors = self._roots.get(purpose, ())
        if not anchors:
            raise VerificationError(Reason.CERTIFICATE_UNTRUSTED, where)
        certified = verify_path(chain, [anchor.root for anchor in anchors if anchor.root is not None], now)
        anchor = anchors[certified.root]
        anchor.check_time(now)
        return ResolvedKey(
            certified.key,
            max(certified.not_before, anchor.not_before),
            min(certified.not_after, anchor.not_after),
            anchor,
            certified.not_before,
            certified.not_after,
        )


def _check_roots(anchors: tuple[TrustAnchor, ...]) -> None:
    # A chain must lead to one issuer and one scope, whatever the order of the anchors. A renewed certificate of a root
    # (same key, another window) is welcome; the same certificate twice, or one key with two meanings, is not.
    meanings: dict[tuple[KeyPurpose, bytes], tuple[object, ...]] = {}
    for anchor in anchors:
        if (anchor.key is None) is (anchor.root is None):
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchor")
        if anchor.root is None:
            continue
        meaning = (anchor.issuer, anchor.formats, anchor.types, anchor.countries, anchor.status_issuer)
        if (anchor.purpose, anchor.root.der) in meanings:
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")
        meanings[anchor.purpose, anchor.root.der] = meaning
        if meanings.setdefault((anchor.purpose, anchor.root.key), meaning) != meaning:
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")


def _scope(
    issuer: str,
    purpose: KeyPurpose,
    formats: Iterable[Format],
    types: Iterable[str],
    countries: Iterable[Country] | Countries | None,
    not_before: int,
    not_after: int,
    status_issuer: str | None,
) -> dict[str, Any]:
    whose = countries if countries is None or countries is ANY else frozenset(countries)
    scope = (frozenset(formats), frozenset(types))
    if purpose is KeyPurpose.CREDENTIAL:
        stated = all(scope) and bool(whose)
        if isinstance(whose, frozenset):
            stated = stated and all(type(country) is Country for country in whose)
    else:
        stated = purpose is KeyPurpose.STATUS_LIST and not any(scope) and whose is None and status_issuer is None
        whose = frozenset()
    texts = (issuer, status_issuer or issuer, *scope[1])
    if (
        not stated
        or isinstance(types, str)
        or any(type(text) is not str or not text for text in texts)
        or any(type(each) is not Format for each in scope[0])
        or type(not_before) is not int
        or type(not_after) is not int
        or not 0 <= not_before < not_after <= MAX_UNIX_TIME
    ):
        raise CitizenIDError(Reason.ANCHOR_INVALID, "anchor")
    return {
        "issuer": issuer,
        "purpose": purpose,
        "formats": scope[0],
        "types": scope[1],
        "countries": whose,
        "not_before": UnixTime(not_before),
        "not_after": UnixTime(not_after),
        "status_issuer": status_issuer or issuer,
    }
