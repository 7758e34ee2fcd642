"""SD-CWT, read: an SD-KBT or the bare SD-CWT, the processed claims, and what the key binding must say.

An SD-KBT holds the whole SD-CWT, with the disclosures that the holder chose, in its protected header: the holder's
signature covers them, and nothing like `sd_hash` is needed. A digest is taken over a disclosure as it came, under the
head of a byte string, as every published token has it. Nothing received is encoded again.

Spec: draft-ietf-spice-sd-cwt sections 5 to 10 (between -07 and -08); RFC 8392; RFC 8747; RFC 9597; profile-sd-cwt.md.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from .. import _registry as reg
from .._crypto import PublicKey, load_cose_key
from .._errors import MalformedError, Reason, VerificationError
from .._limits import MAX_UNIX_TIME, Limits
from .._model import (
    NO_TYPE,
    Challenge,
    Citizenship,
    Format,
    Presentation,
    SignedObject,
    StatusReference,
    UnixTime,
    Validity,
    attestation_of_frozen,
)
from .._redaction import DECOY, SD_CWT_MARKERS, Disclosure, Placement, restore
from .._wire import cbor, cose
from ._protocol import Reader, Reading
from ._sd_kbt import open_presentation
from ._statements import assurance_of, evidence_of

_FORMAT: Final = Format.SD_CWT
_CREDENTIAL: Final = "sd-cwt"
_PAYLOAD: Final = "sd-cwt.payload"
_HEADER: Final = "sd-cwt.header"
_KB: Final = "sd-kbt"
_KB_PAYLOAD: Final = "sd-kbt.payload"
_HASHES: Final = {name: getattr(hashlib, name) for name in reg.COSE_HASHES.values()}
# What the profile itself consumes; the rest of the claims is the person's.
_STRUCTURAL: Final[frozenset[Any]] = reg.CWT_CONTROL_CLAIMS | {reg.ASSURANCE}
_OWN_STRUCTURAL: Final[frozenset[Any]] = _STRUCTURAL | {reg.EVIDENCE_CHECKED_AT}
_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price


def read(presentation: Presentation, issuer: str, limits: Limits) -> Reading:
    """V4: process the claims of a credential whose signature holds.

    Args:
        presentation: with a verified credential.
        issuer: the operator's label of who signed.
        limits: bounds.

    Raises:
        MalformedError: a Reason of form, COUNTRY_INVALID, CLAIM_INVALID, KEY_INVALID.
        VerificationError: TYP_MISMATCH, the Reasons of `restore`, HASH_ALGORITHM_NOT_ALLOWED, CLAIM_MISSING,
            STATUS_MECHANISM_UNKNOWN.
    """
    credential = presentation.credential
    if credential.typ != reg.TYP_SD_CWT:
        raise VerificationError(Reason.TYP_MISMATCH, _HEADER + ".typ")
    header = cose.protected_of(credential.to_be_signed, _CREDENTIAL)
    hash_name = _hash_name(header)
    payload = cbor.decode_marked(credential.payload, _PAYLOAD)
    if type(payload) is not dict:
        raise MalformedError(Reason.MALFORMED_CBOR, _PAYLOAD)
    disclosures = decode_disclosures(presentation.disclosures, hash_name, limits)
    claims, placements, withheld = restore(payload, disclosures, SD_CWT_MARKERS, limits)
    _check_names(payload, claims, placements)
    if reg.COSE_CWT_CLAIMS in header:
        _check_header_claims(header[reg.COSE_CWT_CLAIMS], claims)
    # What decides on validity is never hidden, and is read from the payload itself.
    type_ = _text(payload, reg.CWT_VCT) if reg.CWT_VCT in payload else NO_TYPE
    structural = _OWN_STRUCTURAL if type_ == reg.VCT_CITIZENSHIP else _STRUCTURAL
    personal = MappingProxyType({name: claims[name] for name in claims if name not in structural})
    validity = _validity(payload)
    attestation = attestation_of_frozen(
        type_,
        issuer,
        personal,
        validity,
        _holder_key(payload),
        _status(payload),
        assurance_of(claims, _PAYLOAD + "."),
        evidence_of(claims, type_, validity.issued_at, limits, _PAYLOAD + "."),
        Citizenship.from_claims(personal, withheld=(reg.NATIONALITIES,) in withheld),
    )
    stated_issuer = _text(payload, reg.CWT_ISS) if reg.CWT_ISS in payload else None
    audiences = _audiences(payload[reg.CWT_AUD]) if reg.CWT_AUD in payload else None
    reading = (attestation, stated_issuer, audiences, hash_name, claims, placements, None, None, (), (), False, b"")
    return _new(Reading, reading)


def _hash_name(header: Mapping[Any, Any]) -> str:
    number = header.get(reg.COSE_SD_ALG, reg.COSE_SD_ALG_DEFAULT)
    name = reg.COSE_HASHES.get(number) if type(number) is int else None
    if name is None:
        raise VerificationError(Reason.HASH_ALGORITHM_NOT_ALLOWED, _HEADER + ".sd_alg")
    return name


def decode_disclosures(encoded: tuple[bytes, ...], hash_name: str, limits: Limits) -> dict[bytes, Disclosure]:
    """Decode disclosures and name each by its digest (draft-ietf-spice-sd-cwt section 5.1).

    Args:
        encoded: the content of each byte string in `sd_claims`.
        hash_name: hashlib's name of the digest algorithm.
        limits: bounds.

    Raises:
        MalformedError: a Reason of form.
        VerificationError: DISCLOSURE_MALFORMED, DISCLOSURE_DUPLICATE.
    """
    disclosures: dict[bytes, Disclosure] = {}
    hash_, name_bytes = _HASHES[hash_name], min(limits.claim_name_chars, cbor.MAX_NAME_BYTES)
    for position, data in enumerate(encoded):
        array = cbor.decode_marked(data, "disclosure")
        if (
            type(array) is not list
            or not 1 <= len(array) <= 3
            or type(array[0]) is not bytes
            or len(array[0]) != reg.SD_CWT_SALT_BYTES
        ):
            raise VerificationError(Reason.DISCLOSURE_MALFORMED, "disclosure")
        name, value = None, DECOY  # a salt alone is that of a decoy (section 10)
        if len(array) > 1:
            value = array[1]
        if len(array) == 3:
            name = array[2]
            if type(name) is not int and (type(name) is not str or len(name.encode()) > name_bytes):
                raise VerificationError(Reason.DISCLOSURE_MALFORMED, "disclosure")
        digest = hash_(cbor.byte_string(data)).digest()
        if digest in disclosures:
            raise VerificationError(Reason.DISCLOSURE_DUPLICATE, "disclosure")
        disclosures[digest] = _new(Disclosure, (position, name, value))
    return disclosures


def _check_names(payload: dict[Any, Any], claims: Mapping[Any, Any], placements: list[Placement]) -> None:
    if not reg.CWT_CLAIM_TEXTS.isdisjoint(claims):  # a second claim of its kind, under the name that JSON has for it
        raise MalformedError(Reason.CLAIM_INVALID, _PAYLOAD)
    if reg.CREDENTIAL_STATUS in claims:  # the W3C's mechanism is read in an SD-JWT VC alone; it might say revoked
        raise VerificationError(Reason.STATUS_MECHANISM_UNKNOWN, _PAYLOAD)
    if reg.CWT_SUB in claims:
        _text(claims, reg.CWT_SUB)
    elif len(payload.get(cbor.Redacted.KEYS, ())) == sum(len(each.path) == 1 for each in placements):
        # Section 7 table 2: disclosed or redacted, it is there. Here no digest is left that it could stand behind.
        raise VerificationError(Reason.CLAIM_MISSING, _PAYLOAD + ".sub")
    for label in (reg.CWT_CTI, reg.CWT_CNONCE):
        if label in payload and type(payload[label]) is not bytes:
            raise MalformedError(Reason.CLAIM_INVALID, _PAYLOAD)


def _check_header_claims(stated: Any, claims: Mapping[Any, Any]) -> None:
    """Refuse claims of the protected header that contradict the payload (RFC 9597 section 2, draft section 6.3).

    One that decides on validity must stand in the payload as well; any other that stands in the header alone proves
    nothing and is passed over.
    """
    where = _HEADER + ".cwt_claims"
    if type(stated) is not dict or not reg.CWT_CLAIM_TEXTS.isdisjoint(stated):
        raise MalformedError(Reason.CLAIM_INVALID, where)
    for name, value in stated.items():
        if name in claims:
            # As bytes: to Python 1, 1.0 and True are equal.
            if cbor.encode(value, where) != cbor.encode(claims[name], where):
                raise MalformedError(Reason.CLAIM_INVALID, where)
        elif name in reg.CWT_CONTROL_CLAIMS or name == reg.CREDENTIAL_STATUS:
            raise MalformedError(Reason.CLAIM_INVALID, where)


def _text(claims: Mapping[Any, Any], label: int) -> str:
    value = claims[label]
    if type(value) is not str or not value:
        raise MalformedError(Reason.CLAIM_INVALID, _PAYLOAD)
    return value


def _validity(payload: dict[Any, Any]) -> Validity:
    if reg.CWT_EXP not in payload:
        raise VerificationError(Reason.CLAIM_MISSING, _PAYLOAD + ".exp")
    for label in (reg.CWT_NBF, reg.CWT_IAT):
        if payload.get(label, 0) is None:
            raise MalformedError(Reason.CLAIM_INVALID, _PAYLOAD)
    issued_at, not_before, not_after = payload.get(reg.CWT_IAT), payload.get(reg.CWT_NBF), payload[reg.CWT_EXP]
    validity = Validity(issued_at, not_before, not_after)
    # Section 9 step 3: nbf <= iat and iat < exp; that nbf < exp is a part of the form.
    if issued_at is not None and not (not_before or 0) <= issued_at < not_after:
        raise MalformedError(Reason.CLAIM_INVALID, _PAYLOAD + ".iat")
    return validity


def _holder_key(payload: dict[Any, Any]) -> PublicKey:
    if reg.CWT_CNF not in payload:
        raise VerificationError(Reason.CLAIM_MISSING, _PAYLOAD + ".cnf")
    confirmation = payload[reg.CWT_CNF]
    # RFC 8747 section 3.1: one confirmation method; two could name two keys, and a thumbprint alone is no key.
    if type(confirmation) is not dict or len(confirmation) != 1 or reg.CNF_COSE_KEY not in confirmation:
        raise MalformedError(Reason.KEY_INVALID, _PAYLOAD + ".cnf")
    return load_cose_key(confirmation[reg.CNF_COSE_KEY], _PAYLOAD + ".cnf.cose_key")


def _status(payload: dict[Any, Any]) -> tuple[StatusReference, ...]:
    if reg.CWT_STATUS not in payload:
        return ()
    where = _PAYLOAD + ".status"
    status = payload[reg.CWT_STATUS]
    if type(status) is not dict or not status:
        raise MalformedError(Reason.CLAIM_INVALID, where)
    if len(status) != 1 or reg.STATUS_LIST not in status:
        raise VerificationError(Reason.STATUS_MECHANISM_UNKNOWN, where)  # a mechanism we cannot ask might say revoked
    reference = status[reg.STATUS_LIST]
    if type(reference) is not dict or "idx" not in reference or "uri" not in reference:
        raise MalformedError(Reason.CLAIM_INVALID, where + ".status_list")
    return (StatusReference(reference["uri"], reference["idx"]),)


def _audiences(stated: Any) -> tuple[str, ...]:
    audiences = tuple(stated) if type(stated) is list else (stated,)
    if not all(type(each) is str for each in audiences):
        raise MalformedError(Reason.CLAIM_INVALID, _PAYLOAD + ".aud")
    return audiences


def bind(
    presentation: Presentation, reading: Reading, challenge: Challenge, now: UnixTime, limits: Limits
) -> tuple[SignedObject, Mapping[Any, Any]]:
    """V7: check what the holder says he signs, and return what V8 must verify (draft sections 8.1 and 9 steps 6 and 8).

    Returns:
        The SD-KBT and its claims; they are the holder's word alone and never feed citizenship. What it signs holds the
        whole SD-CWT with its disclosures.

    Raises:
        VerificationError: KEY_BINDING_MISSING, CLAIM_MISSING, NONCE_MISMATCH, AUDIENCE_MISMATCH, KEY_BINDING_STALE,
            KEY_BINDING_IN_FUTURE.
        MalformedError: a Reason of form, CLAIM_INVALID.
    """
    binding = presentation.binding
    if type(binding) is not SignedObject:
        raise VerificationError(Reason.KEY_BINDING_MISSING, _KB)
    audience = challenge.audience
    if reading.audiences is not None and audience not in reading.audiences:
        raise VerificationError(Reason.AUDIENCE_MISMATCH, _PAYLOAD + ".aud")
    claims = cbor.decode(binding.payload, _KB_PAYLOAD)
    if type(claims) is not dict:
        raise MalformedError(Reason.MALFORMED_CBOR, _KB_PAYLOAD)
    if len(binding.payload) > cbor.MAX_NAME_BYTES:
        cbor.check_names(claims, _KB_PAYLOAD)
    # Issuer and subject are the holder, whom cnf names: section 8.1 lets nobody say it again.
    if not _NOT_IN_BINDING.isdisjoint(claims) or type(claims.get(reg.CWT_CTI, b"")) is not bytes:
        raise MalformedError(Reason.CLAIM_INVALID, _KB_PAYLOAD)
    nonce = challenge.nonce
    stated = claims.get(reg.CWT_CNONCE)
    expected = nonce.encode() if isinstance(nonce, str) else nonce
    if type(stated) is not bytes or not hmac.compare_digest(stated, expected):
        reason = Reason.NONCE_MISMATCH if reg.CWT_CNONCE in claims else Reason.CLAIM_MISSING
        raise VerificationError(reason, _KB_PAYLOAD + ".cnonce")
    told = claims.get(reg.CWT_AUD)
    if type(told) is not str or told != audience:
        reason = Reason.AUDIENCE_MISMATCH if reg.CWT_AUD in claims else Reason.CLAIM_MISSING
        raise VerificationError(reason, _KB_PAYLOAD + ".aud")
    _check_binding_time(claims, reading.attestation.validity, challenge.max_age_s, now, limits.clock_skew_s)
    return binding, claims


_NOT_IN_BINDING: Final[frozenset[Any]] = reg.CWT_CLAIM_TEXTS | {reg.CWT_ISS, reg.CWT_SUB}


def _check_binding_time(claims: dict[Any, Any], validity: Validity, max_age_s: int, now: UnixTime, skew_s: int) -> None:
    # An SD-KBT may have a cti in place of iat. That says which one it is and not how old, so that here iat is required.
    if reg.CWT_IAT not in claims:
        raise VerificationError(Reason.CLAIM_MISSING, _KB_PAYLOAD + ".iat")
    issued_at = _time(claims[reg.CWT_IAT], _KB_PAYLOAD + ".iat")
    not_before = _time(claims[reg.CWT_NBF], _KB_PAYLOAD + ".nbf") if reg.CWT_NBF in claims else None
    not_after = _time(claims[reg.CWT_EXP], _KB_PAYLOAD + ".exp") if reg.CWT_EXP in claims else None
    if not_before is not None and not_before > issued_at:
        raise MalformedError(Reason.CLAIM_INVALID, _KB_PAYLOAD + ".nbf")
    if not_after is not None and not_after <= issued_at:
        raise MalformedError(Reason.CLAIM_INVALID, _KB_PAYLOAD + ".exp")
    # Section 9 step 6: it may be valid at no time at which the SD-CWT is not.
    if issued_at > now + skew_s or issued_at >= validity.not_after:
        raise VerificationError(Reason.KEY_BINDING_IN_FUTURE, _KB_PAYLOAD + ".iat")
    if not_before is not None and not_before > now:
        raise VerificationError(Reason.KEY_BINDING_IN_FUTURE, _KB_PAYLOAD + ".nbf")
    if not_after is not None and not_after > validity.not_after:
        raise VerificationError(Reason.KEY_BINDING_IN_FUTURE, _KB_PAYLOAD + ".exp")
    if now - issued_at > max_age_s or issued_at < (validity.issued_at or 0):
        raise VerificationError(Reason.KEY_BINDING_STALE, _KB_PAYLOAD + ".iat")
    if not_after is not None and not_after <= now:
        raise VerificationError(Reason.KEY_BINDING_STALE, _KB_PAYLOAD + ".exp")
    starts, where = (issued_at, _KB_PAYLOAD + ".iat") if not_before is None else (not_before, _KB_PAYLOAD + ".nbf")
    if starts < (validity.not_before or 0):
        raise VerificationError(Reason.KEY_BINDING_STALE, where)


def _time(value: object, where: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_UNIX_TIME:
        raise MalformedError(Reason.CLAIM_INVALID, where)
    return value


READER: Final = Reader(_FORMAT, open_presentation, read, bind, _CREDENTIAL, _KB)
