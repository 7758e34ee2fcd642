"""Verification, as nine numbered steps: the only file that makes verified objects.

    V1 open      bytes to a Presentation; framing alone, nothing is true yet
    V2 resolve   the one trusted key that must have signed, from the anchors at `now`
    V3 verify    the issuer's signature
    V4 read      claims; every disclosure matches exactly one digest
    V5 allow     issuer, format, type and countries, as the anchor says
    V6 time      valid at `now`
    V7 bind      the holder answers this challenge
    V8 verify    the holder's signature
    V9 status    every reference says valid, by a usable list

The first step that fails decides, and gives exactly one Reason. `verify_credential` is V2 to V6 and its result may be
cached (V3 and V4 alone are skipped on a hit); `verify_presentation` is V7 to V9 and never is. Nothing here reads a
clock, a file, a socket or a random source, or asks for the format; all that a verdict depends on is an argument.

Spec: specs/verification.md, where the same numbers stand.
"""

from __future__ import annotations

import hashlib
from dataclasses import InitVar, dataclass
from typing import Final, final

from . import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from ._crypto import verify_signature
from ._errors import CitizenIDError, MalformedError, Reason, VerificationError
from ._limits import DEFAULT_LIMITS, Limits
from ._model import (
    Attestation,
    Challenge,
    Citizenship,
    Format,
    KeyPurpose,
    NeedStatusList,
    Presentation,
    Seal,
    Serialization,
    Status,
    UnixTime,
    check_now,
    never_copied,
    refuse_forgery,
    refuse_truth,
)
from ._readers import READERS, IssuerHalfCache, Reading, keep_reading, kept_reading
from .countries import ANY
from .status import StatusSource, VerifiedStatusList, verify_status_list
from .trust import ResolvedKey, TrustAnchor, TrustAnchors

__all__ = [
    "IssuerHalfCache",
    "VerifiedCredential",
    "VerifiedPresentation",
    "VerifiedStatusList",
    "open_presentation",
    "verify",
    "verify_credential",
    "verify_each",
    "verify_presentation",
    "verify_status_list",
]

_SEAL: Final = Seal()
_CREDENTIAL: Final = KeyPurpose.CREDENTIAL
_VALID: Final = Status.VALID  # through its type each look costs ten times as much
_CACHED_BYTES: Final = 8_192  # a cache counts entries: a credential with a portrait would take the room of twenty
# Part of every cache key: whoever changes a rule of V3 or V4 changes the version, and old entries are never found.
_PROFILES: Final = {format: hashlib.sha256(f"citizenid/verification/2/{format}".encode()).digest() for format in Format}


def _misfit(*given: tuple[str, object, type]) -> CitizenIDError:
    """Return the error that names the first argument which is not of its type."""
    where = next(name for name, value, kind in given if type(value) is not kind)
    return CitizenIDError(Reason.CONFIGURATION_INVALID, where)


@final
@never_copied
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class VerifiedCredential:
    """A credential that passed V1 to V6 at one `now`. Only `verify_credential` makes it.

    Attributes:
        attestation, anchor: what the issuer stated, frozen deeply, and the anchor that vouches for him.
        presentation: what it was verified from; the holder's half of it is unverified.
        not_after: credential, anchor and, if there is one, certificate chain are all valid before then.
    """

    attestation: Attestation
    anchor: TrustAnchor
    presentation: Presentation
    not_after: UnixTime
    _reading: Reading
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        if seal is not _SEAL:
            refuse_forgery(VerifiedCredential)

    __bool__ = refuse_truth


@final
@never_copied
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class VerifiedPresentation:
    """A presentation that passed V1 to V9 at one `now`. Only `verify_presentation` makes it.

    Attributes:
        attestation, anchor: what the issuer stated, frozen deeply, and the anchor that vouches for him.
        format: the credential's format.
        status: Status.VALID, or None for a short-lived credential without a status reference.
        citizenship: of what is stated, the part that this anchor may attest. This is what an admitting rule may use;
            `attestation.citizenship` also holds what counts for nothing but an exclusion.
        not_after: credential, anchor and, if there is one, certificate chain are all valid before then.
    """

    attestation: Attestation
    anchor: TrustAnchor
    format: Format
    status: Status | None
    citizenship: Citizenship
    not_after: UnixTime
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        if seal is not _SEAL:
            refuse_forgery(VerifiedPresentation)

    __bool__ = refuse_truth


def open_presentation(
    data: bytes | str,
    *,
    format: Format,
    limits: Limits = DEFAULT_LIMITS,
    serialization: Serialization = Serialization.COMPACT,
) -> tuple[Presentation, ...]:
    """V1: frame what came in. Nothing in the result is known to be true, and it has no claims.

    Args:
        data: the presentation, exactly as received.
        format: the format it must have; it is never guessed.
        limits: bounds.
        serialization: how an SD-JWT must be written down.

    Returns:
        One presentation for each document of an mdoc, otherwise exactly one.

    Raises:
        MalformedError: a Reason of form (step V1).
        CitizenIDError: CONFIGURATION_INVALID for a format or serialization that is no member of its enumeration, and
            for limits that are none.

    Spec: specs/verification.md V1.
    """
    if type(format) is not Format or type(serialization) is not Serialization:  # a text may equal a member
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "format")
    if type(limits) is not Limits:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "limits")
    try:
        return READERS[format].open(data, limits, serialization)
    except CitizenIDError as error:
        error.at("V1")
        raise


def verify_credential(
    presentation: Presentation,
    *,
    anchors: TrustAnchors,
    now: UnixTime | int,
    limits: Limits = DEFAULT_LIMITS,
    cache: IssuerHalfCache | None = None,
) -> VerifiedCredential:
    """V2 to V6: verify the issuer's half.

    Args:
        presentation: from `open_presentation`.
        anchors: whom to trust for what.
        now: integer Unix seconds; one value for one decision.
        limits: bounds.
        cache: where to keep V3 and V4 of credentials seen before. It changes no verdict: V2, V5 and V6 run again.

    Raises:
        VerificationError: the Reasons of V2 to V6.
        MalformedError: a Reason of form, with the step that met it.
        CitizenIDError: CLOCK_UNUSABLE, and CONFIGURATION_INVALID for another argument that is not of its type.

    Spec: specs/verification.md V2 to V6.
    """
    now = check_now(now)
    if type(anchors) is not TrustAnchors or type(presentation) is not Presentation or type(limits) is not Limits:
        given = ("anchors", anchors, TrustAnchors), ("presentation", presentation, Presentation)
        raise _misfit(*given, ("limits", limits, Limits))
    if cache is not None and not (hasattr(cache, "get") and hasattr(cache, "put")):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "cache")
    signed, reader = presentation.credential, READERS[presentation.format]
    step = "V2"
    try:
        resolved = anchors.resolve(signed, _CREDENTIAL, now, reader.credential_path)
        anchor = resolved.anchor
        key = b"" if cache is None else _cache_key(presentation, resolved, limits)
        reading = kept_reading(cache, key)
        if reading is None:
            step = "V3"
            verify_signature(signed, resolved.key, reader.credential_path)
            step = "V4"
            reading = reader.read(presentation, anchor.issuer, limits)
            if cache is not None and len(presentation.issuer_half) <= _CACHED_BYTES:
                keep_reading(cache, key, reading)
        attestation = reading.attestation
        step = "V5"
        _check_allowed(presentation, reading, attestation, resolved)
        step = "V6"
        _check_validity(attestation, reading.signed_at, resolved, now, limits)
    except CitizenIDError as error:
        error.at(step)
        raise
    not_after = min(attestation.validity.not_after, resolved.not_after)
    return VerifiedCredential(attestation, anchor, presentation, not_after, reading, _SEAL)


def verify_presentation(
    credential: VerifiedCredential,
    *,
    challenge: Challenge,
    statuses: StatusSource,
    now: UnixTime | int,
    limits: Limits = DEFAULT_LIMITS,
) -> VerifiedPresentation | NeedStatusList:
    """V7 to V9: verify the holder's half of the presentation that the credential came in, and its status.

    Args:
        credential: from `verify_credential`, at the same `now`.
        challenge: what the holder had to sign.
        statuses: the status lists at hand.
        now: integer Unix seconds.
        limits: bounds.

    Returns:
        The verified presentation, or which status list is missing: nothing was decided then.

    Raises:
        VerificationError: the Reasons of V7 to V9, and EXPIRED or NOT_YET_VALID (V6) at a `now` outside of its time.
        MalformedError: a Reason of form, with the step that met it.
        CitizenIDError: CLOCK_UNUSABLE, and CONFIGURATION_INVALID for another argument that is not of its type.

    Spec: specs/verification.md V7 to V9.
    """
    now = check_now(now)
    if type(credential) is not VerifiedCredential or type(challenge) is not Challenge or type(limits) is not Limits:
        given = ("credential", credential, VerifiedCredential), ("challenge", challenge, Challenge)
        raise _misfit(*given, ("limits", limits, Limits))
    if not hasattr(statuses, "check"):  # asked for also where nothing refers to a list: it is left out by mistake
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "statuses")
    presentation, attestation, anchor = credential.presentation, credential.attestation, credential.anchor
    format_, holder_key, reader = presentation.format, attestation.holder_key, READERS[presentation.format]
    if now >= credential.not_after:  # it was verified at another `now`
        raise VerificationError(Reason.EXPIRED, "exp")
    if (begins := attestation.validity.not_before) is not None and now < begins:
        raise VerificationError(Reason.NOT_YET_VALID, "nbf")
    step = "V7"
    try:
        if holder_key is None:
            raise VerificationError(Reason.HOLDER_KEY_MISSING, "cnf")
        binding, _ = reader.bind(presentation, credential._reading, challenge, now, limits)
        step = "V8"
        verify_signature(binding, holder_key, reader.binding_path)
        step = "V9"
        status = _check_status(credential._reading, anchor, statuses, now, limits)
    except CitizenIDError as error:
        error.at(step)
        raise
    if type(status) is NeedStatusList:
        return status
    proven = anchor.proven(attestation.citizenship)
    return VerifiedPresentation(attestation, anchor, format_, status, proven, credential.not_after, _SEAL)


def verify(
    data: bytes | str,
    *,
    format: Format,
    anchors: TrustAnchors,
    challenge: Challenge,
    statuses: StatusSource,
    now: UnixTime | int,
    limits: Limits = DEFAULT_LIMITS,
    serialization: Serialization = Serialization.COMPACT,
    cache: IssuerHalfCache | None = None,
) -> VerifiedPresentation | NeedStatusList:
    """V1 to V9: verify one presentation. Arguments as the three functions above.

    Raises:
        VerificationError: the first rule that refuses.
        MalformedError: a Reason of form; LIMIT_EXCEEDED (V1) when there is not exactly one document.
    """
    presentations = open_presentation(data, format=format, limits=limits, serialization=serialization)
    if len(presentations) != 1:
        error = MalformedError(Reason.LIMIT_EXCEEDED, "documents")
        error.at("V1")
        raise error
    credential = verify_credential(presentations[0], anchors=anchors, now=now, limits=limits, cache=cache)
    return verify_presentation(credential, challenge=challenge, statuses=statuses, now=now, limits=limits)


def verify_each(
    data: bytes | str,
    *,
    format: Format,
    anchors: TrustAnchors,
    challenge: Challenge,
    statuses: StatusSource,
    now: UnixTime | int,
    limits: Limits = DEFAULT_LIMITS,
    serialization: Serialization = Serialization.COMPACT,
) -> tuple[VerifiedPresentation | NeedStatusList | CitizenIDError, ...]:
    """V1 to V9 for each document by itself: a verdict each, sharing nothing. A framing fault refuses all.

    Raises:
        MalformedError: a Reason of form (V1). What V2 to V9 refuse is returned, not raised.
    """
    verdicts: list[VerifiedPresentation | NeedStatusList | CitizenIDError] = []
    for presentation in open_presentation(data, format=format, limits=limits, serialization=serialization):
        try:
            credential = verify_credential(presentation, anchors=anchors, now=now, limits=limits)
            result = verify_presentation(credential, challenge=challenge, statuses=statuses, now=now, limits=limits)
            verdicts.append(result)
        except (VerificationError, MalformedError) as error:
            verdicts.append(error)
    return tuple(verdicts)


def _cache_key(presentation: Presentation, resolved: ResolvedKey, limits: Limits) -> bytes:
    # Every part is 32 bytes long but the last, so that no two inputs make the same bytes.
    rules, anchor, key = _PROFILES[presentation.format], resolved.anchor.fingerprint, resolved.key.thumbprint
    return hashlib.sha256(rules + limits.fingerprint + anchor + key + presentation.issuer_half).digest()


def _check_allowed(
    presentation: Presentation, reading: Reading, attestation: Attestation, resolved: ResolvedKey
) -> None:
    """V5: what the anchor lets this issuer attest."""
    anchor, stated_issuer, declared_type = resolved.anchor, reading.stated_issuer, presentation.declared_type
    if stated_issuer is not None and stated_issuer != anchor.issuer:
        raise VerificationError(Reason.ISSUER_MISMATCH, "iss")
    country = resolved.signer_country
    if country is not None and any(stated != country for stated in reading.issuing_countries):
        raise VerificationError(Reason.ISSUER_MISMATCH, "issuing_country")
    states = resolved.signer_states
    if states and any((stated,) != states for stated in reading.issuing_jurisdictions):  # of two it is neither
        raise VerificationError(Reason.ISSUER_MISMATCH, "issuing_jurisdiction")
    if presentation.format not in anchor.formats:
        raise VerificationError(Reason.FORMAT_NOT_ALLOWED, "format")
    if attestation.type not in anchor.types:
        raise VerificationError(Reason.TYPE_NOT_ALLOWED, "vct")
    if declared_type is not None and declared_type != attestation.type:
        raise VerificationError(Reason.TYPE_NOT_ALLOWED, "docType")
    countries = anchor.countries
    if countries is not ANY:
        citizenship = attestation.citizenship
        stated = citizenship.nationalities + citizenship.citizenships
        if stated and countries.isdisjoint(stated):
            raise VerificationError(Reason.COUNTRY_NOT_ALLOWED, "nationalities")


def _check_validity(
    attestation: Attestation, signed_at: UnixTime | None, resolved: ResolvedKey, now: UnixTime, limits: Limits
) -> None:
    """V6: the window of validity; the skew excuses a time of the issuer's work in the future alone."""
    validity = attestation.validity
    not_before, latest = validity.not_before, now + limits.clock_skew_s
    for stated, name in ((validity.issued_at, "iat"), (attestation.evidence_at, "evidence_checked_at")):
        if stated is not None and stated > latest:
            raise VerificationError(Reason.ISSUED_IN_FUTURE, name)
    if not_before is not None and now < not_before:
        raise VerificationError(Reason.NOT_YET_VALID, "nbf")
    if now >= validity.not_after:
        raise VerificationError(Reason.EXPIRED, "exp")
    if signed_at is not None and not resolved.signer_not_before <= signed_at < resolved.signer_not_after:
        raise VerificationError(Reason.SIGNED_OUTSIDE_CERTIFICATE, "signed")


def _check_status(
    reading: Reading, anchor: TrustAnchor, statuses: StatusSource, now: UnixTime, limits: Limits
) -> Status | NeedStatusList | None:
    """V9: every reference says valid; without one the whole validity must be short, and the anchor permit even that."""
    attestation = reading.attestation
    if not attestation.status:
        validity = attestation.validity
        # Required here, and in the clear: with nbf alone it could have been issued, and lost, long ago.
        starts = None if reading.iat_disclosed else validity.issued_at
        if starts is not None and validity.not_before is not None:
            starts = min(starts, validity.not_before)
        short = starts is not None and validity.not_after - starts <= limits.unreferenced_validity_s
        if not short or anchor.status_required:
            raise VerificationError(Reason.STATUS_MISSING, "status")
        return None
    for reference in attestation.status:
        issuer = anchor.status_issuer
        status = statuses.check(reference, issuer=issuer, now=now, any_certificate=issuer != anchor.issuer)
        if type(status) is NeedStatusList:
            return status
        check_status_valid(status)
    return _VALID


def check_status_valid(status: Status) -> None:
    """Refuse every status but VALID. Raises REVOKED, SUSPENDED or STATUS_NOT_VALID."""
    if status is _VALID:
        return
    if status is Status.INVALID:
        raise VerificationError(Reason.REVOKED, "status")
    if status is Status.SUSPENDED:
        raise VerificationError(Reason.SUSPENDED, "status")
    raise VerificationError(Reason.STATUS_NOT_VALID, "status")
