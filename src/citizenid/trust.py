"""Whom a verifier trusts for what: anchors, and the one function that finds the key for a signed object.

A trusted key is (issuer, purpose, algorithm, key). An anchor adds what that issuer may attest: formats, types, whose
citizenship, and from when to when. The header of a signed object selects among these and never supplies a key.
`TrustAnchors` is a value: it is built once, joined with `|`, and never changes. It keeps what it has found out about
certificate paths, which only its own anchors could make false.

Spec: DESIGN law 8; SD-JWT VC sections 2.5, 4, 7.3; specs/verification.md V2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, final

from ._anchor import ResolvedKey, TrustAnchor, check_anchors, is_label, listed, meaning_of, members_of, scope_of
from ._crypto import PublicKey
from ._errors import CitizenIDError, Reason, VerificationError
from ._issuer_metadata import issuer_metadata_url, keys_of_metadata, signature_keys
from ._limits import MAX_UNIX_TIME
from ._model import CertificateProfile, Format, KeyHint, KeyPurpose, SignedObject, UnixTime
from ._vical import anchored_entries, read_vical
from ._x509 import (
    PROFILES,
    LinkedPath,
    PathCache,
    Root,
    check_bounds,
    judge,
    link,
    load_roots,
    load_signers,
    pem_of,
    signed_part,
)
from .countries import ANY, Countries, Country

__all__ = ["ResolvedKey", "TrustAnchor", "TrustAnchors", "issuer_metadata_url"]

_FOREVER: Final = UnixTime(MAX_UNIX_TIME)


@final
class TrustAnchors:
    """An immutable set of anchors. Build it with a `from_` constructor; join sets with `|`.

    Raises:
        CitizenIDError: ANCHOR_INVALID for what is no anchor, when a (issuer, purpose, kid) or an anchor occurs twice,
            or when one issuer is anchored in two ways (by keys, roots, signers: an attacker could choose).
    """

    __slots__ = ("_anchors", "_by_fingerprint", "_by_kid", "_kidless", "_paths", "_roots", "_signed_parts", "_signers")

    def __init__(self, anchors: Iterable[TrustAnchor] = ()) -> None:
        self._anchors = listed(anchors, TrustAnchor, "anchors")
        self._by_kid: dict[tuple[KeyPurpose, str], tuple[ResolvedKey, ...]] = {}
        self._kidless: dict[KeyPurpose, tuple[ResolvedKey, ...]] = {}
        self._roots: dict[KeyPurpose, tuple[tuple[TrustAnchor, Root], ...]] = {}
        self._signers: dict[tuple[KeyPurpose, bytes], ResolvedKey] = {}
        self._signed_parts: set[tuple[KeyPurpose, bytes]] = set()
        self._paths = PathCache()
        self._by_fingerprint = {anchor.fingerprint[:16]: anchor for anchor in self._anchors}
        check_anchors(self._anchors)
        for anchor in self._anchors:
            purpose = anchor.purpose
            if anchor.root is not None:
                self._pin(anchor, anchor.root)
                continue
            if anchor.key is None:  # an anchor that was made by hand, of nothing
                raise CitizenIDError(Reason.ANCHOR_INVALID, "anchor")
            window = (anchor.not_before, anchor.not_after)
            resolved = ResolvedKey(anchor.key, *window, anchor, *window)
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
            formats: required for CREDENTIAL: the formats in which the issuer may attest. An mdoc always brings a
                certificate, and is never found by a key of a set: ANCHOR_INVALID for mdoc alone.
            types: required for CREDENTIAL: the vct values it may attest, for an mdoc docTypes; `NO_TYPE` stands for an
                SD-CWT without a vct.
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
        scope = scope_of(issuer, purpose, formats, types, countries, not_before, not_after, status_issuer)
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
        """Pin keys, whatever `kid` a header names; two of one algorithm are ambiguous. Otherwise as `from_jwks`."""
        scope = scope_of(issuer, purpose, formats, types, countries, not_before, not_after, status_issuer)
        return cls._of(TrustAnchor(**scope, kid=None, key=key, root=None) for key in listed(keys, PublicKey, "keys"))

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
        crls: Iterable[bytes] = (),
    ) -> TrustAnchors:
        """Trust the issuers whose x5c or x5chain leads to one of these roots. Other arguments as `from_jwks`.

        `pem` are the roots, such as the IACA certificates of an issuing authority. `crls` are certificate revocation
        lists, in DER or PEM, one each: without any, no revocation is looked at; with one, every issuer on a path must
        have a current list. A fresh list means new anchors (`Gateway.reload`).

        Raises:
            CitizenIDError: ANCHOR_INVALID for PEM without a usable CA certificate, for bytes that are no CRL, or when
                something is missing.
        """
        scope = scope_of(issuer, purpose, formats, types, countries, not_before, not_after, status_issuer)
        return cls._of(TrustAnchor(**scope, kid=None, key=None, root=root) for root in load_roots(pem, crls))

    @classmethod
    def from_document_signers(
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
        """Trust the holders of exactly these certificates: the first of a chain must equal one byte for byte.

        No profile and no issuer is asked, only the certificate's own window; what else a chain holds proves nothing
        and is not read. Other arguments as `from_jwks`.

        Raises:
            CitizenIDError: ANCHOR_INVALID for PEM without a usable certificate, a key outside of the table of
                algorithms, or when something is missing.
        """
        scope = scope_of(issuer, purpose, formats, types, countries, not_before, not_after, status_issuer)
        return cls._of(TrustAnchor(**scope, kid=None, key=None, root=signer) for signer in load_signers(pem))

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
    def from_vical(
        cls,
        data: bytes,
        *,
        provider_roots: bytes | str,
        issuer: str,
        types: Iterable[str],
        countries: Iterable[Country] | Countries,
        now: UnixTime | int,
        status_issuer: str | None = None,
    ) -> TrustAnchors:
        """Trust the issuing authorities of a VICAL (ISO/IEC 18013-5 annex C.1), for mdocs and until its next update.

        Args:
            data: the VICAL as fetched.
            provider_roots: root certificates of who signs it, in PEM.
            issuer: the operator's label; each authority's is this, a colon, and its state or country: "aamva:US-MD".
            types: the docTypes that may be attested, of those that the list names for an authority.
            countries: whose citizenship they may attest, or ANY.
            now: integer Unix seconds.
            status_issuer: as `from_jwks`; by default each authority signs its own status lists.

        Raises:
            MalformedError, VerificationError: as for any signed object; EXPIRED after the next update.
            CitizenIDError: ANCHOR_INVALID, also when no authority has one of the types.
        """
        entries, until = read_vical(data, provider_roots, now)
        wanted = members_of(types if is_label(issuer) and not isinstance(types, str) else (), "anchor.types")
        whose = countries if countries is ANY else members_of(countries, "anchor.countries")  # of a generator, once
        anchors = []
        for entry, certified in anchored_entries(entries, wanted):
            label = f"{issuer}:{entry.authority}"
            scope = scope_of(label, KeyPurpose.CREDENTIAL, [Format.MDOC], certified, whose, 0, until, status_issuer)
            (root,) = load_roots(pem_of(entry.certificate))
            anchors.append(TrustAnchor(**scope, kid=None, key=None, root=root))
        return cls._of(anchors)

    def requiring_status(self) -> TrustAnchors:
        """Return these anchors, changed so that no credential of theirs passes V9 without a status reference.

        By default one whose whole validity is short enough does (`Limits.unreferenced_validity_s`). It is then in use
        until it ends, whatever its issuer finds out meanwhile.

        Raises:
            CitizenIDError: ANCHOR_INVALID when none of these is for credentials.
        """
        if not any(anchor.purpose is KeyPurpose.CREDENTIAL for anchor in self._anchors):
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")
        return TrustAnchors(
            replace(anchor, status_required=True) if anchor.purpose is KeyPurpose.CREDENTIAL else anchor
            for anchor in self._anchors
        )

    @classmethod
    def _of(cls, anchors: Iterable[TrustAnchor]) -> TrustAnchors:
        made = cls(anchors)
        if not made._anchors:
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")
        return made

    def __or__(self, other: TrustAnchors) -> TrustAnchors:
        if type(other) is not TrustAnchors:
            raise CitizenIDError(Reason.ANCHOR_INVALID, "anchors")
        return TrustAnchors(self._anchors + other._anchors)

    def __iter__(self) -> Iterator[TrustAnchor]:
        return iter(self._anchors)

    def __len__(self) -> int:
        return len(self._anchors)

    def __repr__(self) -> str:
        return f"<TrustAnchors of {len(self._anchors)}>"

    def find(self, identity: bytes) -> TrustAnchor | None:
        """Return the anchor whose fingerprint begins with these 16 bytes, if it is still trusted."""
        return self._by_fingerprint.get(identity) if type(identity) is bytes else None

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
            return self._resolve_path(signed.key_hint, purpose, now, where)
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

    def _resolve_path(self, hint: KeyHint, purpose: KeyPurpose, now: UnixTime, where: str) -> ResolvedKey:
        profile = CertificateProfile.STATUS_LIST_SIGNER if purpose is KeyPurpose.STATUS_LIST else hint.profile
        row, chain = PROFILES[profile], hint.certificates
        pinned = self._roots.get(purpose, ())
        if not pinned and not self._signers:
            raise VerificationError(Reason.CERTIFICATE_UNTRUSTED, where)
        check_bounds(chain, row)
        signer = self._signers.get((purpose, chain[0]))
        if signer is not None:
            return _check_signer(signer, now, where)
        key = (purpose, profile, chain)
        path = self._paths.get(key)
        if path is None:
            path = link(chain, [root for _, root in pinned], row)
            # Whoever holds a certificate can write its ECDSA signature in a second way. What is pinned stays pinned:
            # its twin must not find a root with another scope.
            if self._signed_parts and (purpose, signed_part(chain[0])) in self._signed_parts:
                raise VerificationError(Reason.CERTIFICATE_UNTRUSTED, where)
            certified = judge(_open_routes(path, pinned, now), now, row)
            self._paths.put(key, path)
        else:
            certified = judge(_open_routes(path, pinned, now), now, row)
        anchor = pinned[certified.root][0]
        anchor.check_time(now)
        return ResolvedKey(
            certified.key,
            max(certified.not_before, anchor.not_before),
            min(certified.not_after, anchor.not_after),
            anchor,
            *certified[4:],  # the signer's own window, its country and its states
        )

    def _pin(self, anchor: TrustAnchor, root: Root) -> None:
        purpose, meant = anchor.purpose, root._replace(meaning=meaning_of(anchor, root))
        if root.signer is None:
            self._roots[purpose] = (*self._roots.get(purpose, ()), (anchor, meant))
            return
        self._signed_parts.add((purpose, signed_part(root.der)))
        self._signers[purpose, root.der] = ResolvedKey(
            root.signer,
            max(root.not_before, anchor.not_before),
            min(root.not_after, anchor.not_after),
            anchor,
            root.not_before,
            root.not_after,
        )


def _open_routes(path: LinkedPath, pinned: tuple[tuple[TrustAnchor, Root], ...], now: UnixTime) -> LinkedPath:
    # Of two certificates of one root key the operator may have closed one. Then the other counts, whatever the order.
    if len(path.routes) > 1:
        anchors = [(route, pinned[route.root][0]) for route in path.routes]
        routes = tuple([route for route, anchor in anchors if anchor.not_before <= now < anchor.not_after])
        return path._replace(routes=routes or path.routes)
    return path


def _check_signer(signer: ResolvedKey, now: UnixTime, where: str) -> ResolvedKey:
    if not signer.signer_not_before <= now < signer.signer_not_after:
        raise VerificationError(Reason.CERTIFICATE_EXPIRED, where)
    signer.anchor.check_time(now)
    return signer
