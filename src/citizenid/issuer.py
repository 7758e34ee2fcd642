"""The issuer's door: from an attestation to a credential, with a key of one's own or of an HSM.

    attestation = prepare_attestation(Citizenship([Country("US")]), ...)
    credential = Issuer(identifier=..., key=...).issue(attestation, format=Format.SD_JWT_VC)

`issue` signs in one call; `prepare` returns `Unsigned`, for a signer that is elsewhere. This door draws the salts.

Spec: RFC 9901 sections 4 and 9.3; SD-JWT VC section 2.2; ISO/IEC 18013-5 9.1.2; draft-ietf-spice-sd-cwt section 7; the
profile of each format in specs/.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, final

from . import _registry as reg
from ._crypto import PublicKey, SigningKey, Unsigned, refuse_copy
from ._errors import CitizenIDError, Reason
from ._limits import CALENDAR_END, DEFAULT_LIMITS, Limits
from ._model import (
    Assurance,
    Attestation,
    CertificateProfile,
    Citizenship,
    ClaimPath,
    Format,
    Serialization,
    StatusReference,
    UnixTime,
    Validity,
    has_utf8,
)
from ._wire import base64url
from ._writers import WRITERS, IssueOptions, Signer
from ._x509 import check_chain, signer_places, signer_window

__all__ = ["Issuer", "Unsigned", "prepare_attestation"]


def prepare_attestation(
    citizenship: Citizenship,
    *,
    issuer: str,
    holder_key: PublicKey,
    now: UnixTime | int,
    lifetime_s: int,
    status: StatusReference | None,
    format: Format,
    claims: Mapping[Any, Any] | None = None,
    assurance: Assurance | None = None,
    evidence_at: UnixTime | int | None = None,
) -> Attestation:
    """Put together the usual attestation of citizenship, of our own type.

    That is the vct `urn:citizenid:citizenship:1`, and in an mdoc the docType `org.citizenid.citizenship.1`.

    Args:
        citizenship: what was established.
        issuer: the issuer's identifier (`iss`).
        holder_key: the wallet's public key, over which the wallet has proved possession.
        now: when it is issued, integer Unix seconds. It is shown to everybody, and so is the end: exact to the second
            they tell two verifiers that what they saw comes from one batch. The beginning of the day is good enough for
            a credential of a month, and so are whole days for `lifetime_s` and `evidence_at`.
        lifetime_s: how long it is valid, seconds, until the year 9999 at most. Without a status reference at most 24 h.
        status: a reference of its own for this credential (`StatusPublisher.allocate`), or None for a short-lived one.
        format: the format it will be issued in. Claims have the shape of their format: in an SD-JWT VC or SD-CWT what
            was prepared for an mdoc states no citizenship.
        claims: further claims of the person, by name; in an SD-CWT a name may be an integer; for an mdoc `{namespace:
            {element: value}}`. What they say of nationality in namespaces of others must be what `citizenship` says.
        assurance: how well the issuer checked.
        evidence_at: when the issuer last checked the evidence itself (a passport's chip, an id_token), integer Unix
            seconds, or None to leave it unsaid. Whoever issues anew on what was checked before states that time again.
            The holder may withhold it, and a rule with `max_evidence_age_s` then asks for it.

    Raises:
        CitizenIDError: STATUS_MISSING without a status reference and a lifetime over 24 h, CLAIM_INVALID,
            CLAIM_RESERVED when `claims` states citizenship too, or a nationality that nobody knows beside a list that
            is said to be complete; CLAIM_INVALID for an `evidence_at` after `now`, for times beyond the year 9999, such
            as milliseconds in the place of seconds, and for what is not of its type;
            HOLDER_KEY_MISSING for None as the holder's key; CONFIGURATION_INVALID for what is no format.
    """
    if type(format) is not Format:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "format")
    if type(citizenship) is not Citizenship:
        raise CitizenIDError(Reason.CLAIM_INVALID, "attestation.citizenship")
    if type(issuer) is not str or not issuer:
        raise CitizenIDError(Reason.CLAIM_INVALID, "attestation.issuer")
    if claims is not None and not isinstance(claims, Mapping):
        raise CitizenIDError(Reason.CLAIM_INVALID, "claims")
    if holder_key is None:  # nobody could present it; who means that makes an Attestation by hand
        raise CitizenIDError(Reason.HOLDER_KEY_MISSING, reg.CNF)
    _check_parts(holder_key, () if status is None else (status,), assurance)
    stated = _merged(dict(claims or {}), citizenship.to_claims(format), format)
    if type(now) is not int or not 0 <= now <= CALENDAR_END:
        raise CitizenIDError(Reason.CLAIM_INVALID, "attestation.now")
    if type(lifetime_s) is not int or not 0 < lifetime_s <= CALENDAR_END - now:
        raise CitizenIDError(Reason.CLAIM_INVALID, "attestation.lifetime_s")
    if evidence_at is not None and (type(evidence_at) is not int or not 0 <= evidence_at <= now):
        raise CitizenIDError(Reason.CLAIM_INVALID, reg.EVIDENCE_CHECKED_AT)
    if status is None and lifetime_s > DEFAULT_LIMITS.unreferenced_validity_s:
        raise CitizenIDError(Reason.STATUS_MISSING, "status")
    made = Attestation(
        type=reg.MDOC_CITIZENSHIP if format is Format.MDOC else reg.VCT_CITIZENSHIP,
        issuer=issuer,
        claims=stated,
        validity=Validity(UnixTime(now), None, UnixTime(now + lifetime_s)),
        holder_key=holder_key,
        status=() if status is None else (status,),
        assurance=assurance,
        evidence_at=None if evidence_at is None else UnixTime(evidence_at),
    )
    read = made.citizenship
    # Another namespace states another one, or one that nobody knows beside a list that is complete.
    if read.all_nationalities != citizenship.all_nationalities or read.complete is not citizenship.complete:
        raise CitizenIDError(Reason.CLAIM_RESERVED, "claims")
    return made


_REFERENCES: Final = frozenset({StatusReference})


def _check_parts(holder_key: object, status: object, assurance: object) -> None:
    """Refuse parts of an attestation that are of another class: what writes them knows no other."""
    if holder_key is not None and type(holder_key) is not PublicKey:
        raise CitizenIDError(Reason.CLAIM_INVALID, "attestation.holder_key")
    if assurance is not None and type(assurance) is not Assurance:
        raise CitizenIDError(Reason.CLAIM_INVALID, "attestation.assurance")
    if type(status) is not tuple or not _REFERENCES.issuperset(map(type, status)):
        raise CitizenIDError(Reason.CLAIM_INVALID, "attestation.status")


def _check_issuing_places(claims: Mapping[Any, Any], country: str | None, states: tuple[str | bytes, ...]) -> None:
    """Refuse places that are not the signer's: nobody who trusts his root would take them (V5.5, V5.6)."""
    for namespace in reg.MDOC_NATIONALITY_NAMESPACES:
        elements = claims.get(namespace)
        # Frozen, so of this type and no other mapping; `isinstance` would ask what the proxy stands for.
        if type(elements) is not MappingProxyType:
            continue
        if elements.get(reg.MDOC_ISSUING_COUNTRY, country) != country:
            raise CitizenIDError(Reason.ISSUER_MISMATCH, reg.MDOC_ISSUING_COUNTRY)
        stated = elements.get(reg.MDOC_ISSUING_JURISDICTION)
        if states and reg.MDOC_ISSUING_JURISDICTION in elements and (stated,) != states:  # of two it is neither
            raise CitizenIDError(Reason.ISSUER_MISMATCH, reg.MDOC_ISSUING_JURISDICTION)


def _check_window(validity: object, not_before: UnixTime, not_after: UnixTime) -> None:
    """Refuse a credential that is at no time valid together with its certificate: nobody would ever take it (V2)."""
    if type(validity) is not Validity:
        return  # for the writer to refuse, who names it
    if validity.not_after <= not_before:
        raise CitizenIDError(Reason.SIGNED_OUTSIDE_CERTIFICATE, "certificates")
    if max(validity.issued_at or 0, validity.not_before or 0) >= not_after:
        raise CitizenIDError(Reason.CERTIFICATE_EXPIRED, "certificates")


def _merged(further: dict[str, Any], stated: dict[str, Any], format: Format) -> dict[str, Any]:
    """Put the claims of citizenship beside the further ones, which may not state it too."""
    if format is not Format.MDOC:
        if not _CITIZENSHIP.isdisjoint(further):
            raise CitizenIDError(Reason.CLAIM_RESERVED, "claims")
        return {**further, **stated}
    if not all(isinstance(elements, Mapping) for elements in further.values()):
        raise CitizenIDError(Reason.CLAIM_INVALID, "claims")
    own = further.get(reg.MDOC_CITIZENSHIP, {})
    if any(name in _CITIZENSHIP or str(name).startswith((reg.NATIONAL_OF, reg.CITIZEN_OF)) for name in own):
        raise CitizenIDError(Reason.CLAIM_RESERVED, "claims")
    return {**further, reg.MDOC_CITIZENSHIP: {**own, **stated[reg.MDOC_CITIZENSHIP]}}


_CITIZENSHIP: Final = frozenset({reg.NATIONALITIES, reg.CITIZENSHIPS, reg.NATIONALITIES_COMPLETE})
_MDOC: Final = Format.MDOC  # through its type each look costs several times as much
# What the certificates of an issuer must be, by the format that is issued.
_PROFILES: Final = {
    Format.SD_JWT_VC: CertificateProfile.SD_JWT_VC_ISSUER,
    Format.MDOC: CertificateProfile.MDOC_DOCUMENT_SIGNER,
    Format.SD_CWT: CertificateProfile.SD_JWT_VC_ISSUER,
}


@final
class Issuer:
    """An identity provider that issues credentials.

    Args:
        identifier: the `iss` of its credentials; an attestation must name the same issuer. An mdoc does not say it.
        key: a signing key for `issue`, or a public key when the signer is elsewhere and only `prepare` is used.
        certificates: DER certificates of the key, leaf first, without the root: then the header carries x5c, or
            x5chain. An mdoc needs them, and a leaf that is the certificate of a document signer: what that is stands
            in specs/profile-mdoc.md section 9. It is looked at when something is issued.
        kid: key identifier in the header; the key's thumbprint in base64url by default.
        random: a source of random bytes; the system's by default.
        limits: bounds that every credential keeps.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(
        self,
        *,
        identifier: str,
        key: SigningKey | PublicKey,
        certificates: Iterable[bytes] = (),
        kid: str | None = None,
        random: Callable[[int], bytes] = os.urandom,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        if type(identifier) is not str or not identifier or not has_utf8(identifier):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "issuer.identifier")
        self.identifier: Final = identifier
        self._key = None if isinstance(key, PublicKey) else key
        public = key if isinstance(key, PublicKey) else getattr(key, "public", None)
        if type(public) is not PublicKey:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "issuer.key")
        if not callable(random) or type(limits) is not Limits or not isinstance(certificates, Iterable):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "issuer")
        self.public: Final[PublicKey] = public
        chain = tuple(certificates)
        if chain:
            check_chain(chain, self.public)
        # What our own reader takes, and a set of keys in JSON can hold.
        if kid is not None and (type(kid) is not str or not 0 < len(kid) <= 255 or not has_utf8(kid)):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "issuer.kid")
        self._signer = Signer(self.public, base64url.encode_text(self.public.thumbprint) if kid is None else kid, chain)
        self._random = random
        self._limits = limits

    def jwks(self) -> dict[str, Any]:
        """Return the JWK Set to publish: this issuer's key with its kid (RFC 7517 section 5).

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for an issuer with certificates: its credentials say x5c, and whoever
                anchored the key instead would refuse them.
        """
        if self._signer.certificates:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "issuer.certificates")
        key = {**self.public.to_jwk(), "kid": self._signer.kid, "use": "sig"}
        # COSE alone has names for brainpool and Ed448 signatures; a reader of JWKs would refuse one it does not know.
        if self.public.algorithm in reg.JOSE_ALGORITHMS:
            key["alg"] = self.public.algorithm
        return {"keys": [key]}

    def issue(
        self,
        attestation: Attestation,
        *,
        format: Format,
        disclosable: Iterable[ClaimPath] | None = None,
        serialization: Serialization = Serialization.COMPACT,
        decoys: int = 0,
        hash_algorithm: str = reg.SD_ALG_DEFAULT,
    ) -> bytes:
        """Issue a credential and sign it with this issuer's key. Arguments and Raises as `prepare`.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID when the issuer has a public key alone.
            VerificationError: SIGNATURE_INVALID when a foreign signer returned something else than a signature.
        """
        if self._key is None:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "issuer.key")
        unsigned = self.prepare(
            attestation,
            format=format,
            disclosable=disclosable,
            serialization=serialization,
            decoys=decoys,
            hash_algorithm=hash_algorithm,
        )
        return unsigned.sign(self._key)

    def prepare(
        self,
        attestation: Attestation,
        *,
        format: Format,
        disclosable: Iterable[ClaimPath] | None = None,
        serialization: Serialization = Serialization.COMPACT,
        decoys: int = 0,
        hash_algorithm: str = reg.SD_ALG_DEFAULT,
    ) -> Unsigned:
        """Prepare a credential for signing.

        Args:
            attestation: what to state; its issuer must be this one.
            format: the credential's format.
            disclosable: paths that the holder may show or withhold one by one; ("nationalities", None) is each of the
                list. None means everything that may be: every member and every array element, at every depth. An mdoc
                knows no other choice: each of its elements may be withheld, and nothing inside one. The time of the
                evidence is named as a claim is: ("evidence_checked_at",).
            serialization: how to write an SD-JWT; of the other formats there is one form, and it is COMPACT.
            decoys: how many digests without a disclosure to add, so that their number tells less.
            hash_algorithm: "sha-256", "sha-384" or "sha-512".

        Raises:
            CitizenIDError: CONFIGURATION_INVALID, ISSUER_MISMATCH, CLAIM_RESERVED, CLAIM_INVALID, CLAIM_UNKNOWN,
                CLAIM_NOT_DISCLOSABLE, DEPTH_EXCEEDED, LIMIT_EXCEEDED, INPUT_TOO_LARGE, HASH_ALGORITHM_NOT_ALLOWED;
                MALFORMED_JSON or MALFORMED_CBOR for a claim that the format cannot write; CERTIFICATE_EXPIRED when it
                begins after the certificate has ended, and SIGNED_OUTSIDE_CERTIFICATE when it ends before; for an mdoc
                also HOLDER_KEY_MISSING, ALGORITHM_NOT_ALLOWED, COUNTRY_INVALID, CERTIFICATE_EXPIRED when it would
                outlive the certificate, SIGNED_OUTSIDE_CERTIFICATE when it was signed before that began, and
                ISSUER_MISMATCH for an issuing_country that is not the one of the certificate, and an
                issuing_jurisdiction that is not its state, where it names one.
        """
        if type(attestation) is not Attestation:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "attestation")
        _check_parts(attestation.holder_key, attestation.status, attestation.assurance)
        if attestation.issuer != self.identifier:
            raise CitizenIDError(Reason.ISSUER_MISMATCH, "iss")
        # A text is a list of letters, and an empty one would hide nothing: surely a slip.
        if type(disclosable) is not tuple and not (
            disclosable is None or (isinstance(disclosable, Iterable) and not isinstance(disclosable, str | bytes))
        ):
            raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclosable")
        if type(hash_algorithm) is not str:
            raise CitizenIDError(Reason.HASH_ALGORITHM_NOT_ALLOWED, "hash_algorithm")
        if type(decoys) is not int or decoys < 0:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "decoys")
        if type(serialization) is not Serialization:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "serialization")
        options = tuple.__new__(IssueOptions, (disclosable, decoys, hash_algorithm, serialization))
        if type(format) is not Format:  # a text may equal a member
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "format")
        certificates, profile = self._signer.certificates, _PROFILES[format]
        if certificates:  # a chain that is none of the format's is refused, too
            _check_window(attestation.validity, *signer_window(certificates, profile))
            if format is _MDOC:
                _check_issuing_places(attestation.claims, *signer_places(certificates, profile))
        return WRITERS[format].issue(attestation, self._signer, options, self._draw, self._limits)

    def _draw(self, size: int) -> bytes:
        block = self._random(size)
        if type(block) is not bytes or len(block) != size:  # a short salt can be guessed
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "issuer.random")
        return block

    def __repr__(self) -> str:
        return "<Issuer>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy
