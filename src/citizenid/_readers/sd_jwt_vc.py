"""SD-JWT VC, read: framing in all three serialisations, the processed claims, and what the key binding must say.

Every function returns values and knows no role; the steps belong to `verifier.py`. Digests are computed over the
disclosures as received, and `sd_hash` over the bytes as received.

Spec: RFC 9901 sections 4, 7.1, 7.3 and 8; SD-JWT VC section 2; Bitstring Status List section 2.1;
specs/profile-sd-jwt-vc.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from .. import _registry as reg
from .._crypto import PublicKey, load_holder_key, same_text
from .._errors import MalformedError, Reason, VerificationError
from .._limits import DEFAULT_LIMITS, MAX_STATUS_REFERENCES, MAX_UNIX_TIME, Limits
from .._model import (
    Challenge,
    Citizenship,
    Format,
    Presentation,
    Serialization,
    SignedObject,
    StatusKind,
    StatusReference,
    UnixTime,
    Validity,
    attestation_of_frozen,
)
from .._redaction import SD_JWT_MARKERS, Disclosure, restore
from .._wire import base64url, json, jws
from ._protocol import Reader, Reading
from ._statements import assurance_of, evidence_of

# What the profile itself consumes; the rest of the claims is the person's.
STRUCTURAL_CLAIMS: Final = frozenset(
    {reg.ISS, reg.VCT, reg.EXP, reg.NBF, reg.IAT, reg.CNF, reg.STATUS, reg.AUD, "vct#integrity", reg.AKA_VCTS}
) | {reg.ASSURANCE, reg.CREDENTIAL_STATUS}
_OWN_STRUCTURAL: Final = STRUCTURAL_CLAIMS | {reg.EVIDENCE_CHECKED_AT}
HASHES: Final = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
# A member of an enumeration is looked up through its type each time: by a name of this module it costs a tenth.
_FORMAT: Final = Format.SD_JWT_VC
_COMPACT: Final = Serialization.COMPACT
_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price
_PAYLOAD: Final = "issuer-jwt.payload"
_KB: Final = "kb-jwt"
_FLATTENED: Final = frozenset({"signature", "protected", "header"})  # RFC 7515 section 7.2.2: not beside "signatures"
_FETCHED: Final = frozenset({"jku", "x5u"})  # RFC 7515 sections 4.1.2 and 4.1.5
_MISMATCH: Final = {
    reg.NONCE: Reason.NONCE_MISMATCH,
    reg.AUD: Reason.AUDIENCE_MISMATCH,
    reg.SD_HASH: Reason.SD_HASH_MISMATCH,
}


def open_presentation(data: object, limits: Limits, serialization: Serialization) -> tuple[Presentation, ...]:
    """V1: frame one SD-JWT or SD-JWT+KB.

    Raises:
        MalformedError: a Reason of form.
    """
    kind = type(data)  # exact types: a subclass could compare as it likes
    if kind is not bytes and kind is not str:
        raise MalformedError(Reason.MALFORMED_TOKEN, "sd-jwt")
    if len(data) > limits.presentation_bytes:  # type: ignore[arg-type]  # mypy does not narrow by type() in a variable
        raise MalformedError(Reason.INPUT_TOO_LARGE, "sd-jwt")
    raw: bytes = data if kind is bytes else _utf8(data, limits)  # type: ignore[arg-type,assignment]  # as above
    if serialization is _COMPACT:
        # What the issuer signed is most of it, and `find` is a memchr where `split` looks at each byte by itself.
        end = raw.find(b"~")
        if end < 0:
            raise MalformedError(Reason.MALFORMED_TOKEN, "sd-jwt")
        issuer_jwt, *disclosures, key_binding = raw[:end], *raw[end + 1 :].split(b"~", limits.disclosures + 1)
        issuer_half = raw[: len(raw) - len(key_binding)]
    else:
        issuer_jwt, disclosures, key_binding = _rebuild_compact(raw, serialization, limits)
        issuer_half = b"~".join((issuer_jwt, *disclosures, b""))
    if len(disclosures) > limits.disclosures:
        raise MalformedError(Reason.LIMIT_EXCEEDED, "disclosure")
    if b"" in disclosures:
        raise MalformedError(Reason.MALFORMED_TOKEN, "disclosure")
    credential = jws.open_compact(issuer_jwt, "issuer-jwt", limits, _unverified_issuer)
    binding = jws.open_compact(key_binding, _KB, limits) if key_binding else None
    return (_new(Presentation, (_FORMAT, credential, tuple(disclosures), issuer_half, binding, None, ())),)


def _utf8(text: str, limits: Limits) -> bytes:
    data = None
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        pass  # raised below without the input
    if data is None:
        raise MalformedError(Reason.MALFORMED_TOKEN, "sd-jwt")
    if len(data) > limits.presentation_bytes:  # a character outside of ASCII has several bytes
        raise MalformedError(Reason.INPUT_TOO_LARGE, "sd-jwt")
    return data


def _rebuild_compact(raw: bytes, serialization: Serialization, limits: Limits) -> tuple[bytes, list[bytes], bytes]:
    # RFC 9901 section 8: disclosures and kb_jwt stand in the unprotected header; everything is then as in compact form.
    where = "sd-jwt"
    document = json.parse_object(raw, where, limits.depth)
    signature: Any = document
    if serialization is Serialization.GENERAL:
        signatures = document.get("signatures")
        if type(signatures) is not list or not signatures or not _FLATTENED.isdisjoint(document):
            raise MalformedError(Reason.MALFORMED_TOKEN, where)
        # Section 8.3: the first signature alone carries disclosures and kb_jwt, and it alone counts.
        signature, *others = signatures
        for other in others:
            header = other.get("header", {}) if type(other) is dict else None
            if type(header) is not dict or "disclosures" in header or "kb_jwt" in header:
                raise MalformedError(Reason.MALFORMED_TOKEN, where)
    elif "signatures" in document:
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    header = signature.get("header", {}) if type(signature) is dict else None
    if type(header) is not dict or not {reg.ALG, reg.CRIT, reg.TYP, reg.B64}.isdisjoint(header):
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    if not _FETCHED.isdisjoint(header):  # whoever signs it: nothing is ever fetched for it, nor looks as if it were
        raise MalformedError(Reason.HEADER_FORBIDDEN, where + ".header")
    disclosures, key_binding = header.get("disclosures", []), header.get("kb_jwt", "")
    if type(disclosures) is not list or ("kb_jwt" in header and not key_binding):
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    texts = [signature.get("protected"), document.get("payload"), signature.get("signature"), *disclosures, key_binding]
    if not all(type(text) is str and text.isascii() for text in texts):
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    protected, payload, value, *rest = (text.encode("ascii") for text in texts)
    if any(b"." in part or b"~" in part for part in (protected, payload, value, *rest[:-1])) or b"~" in rest[-1]:
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    # RFC 7515 section 7.2.1: a name in both headers would be two headers of one name.
    if not set(header).isdisjoint(json.parse_object(base64url.decode(protected, where), where, limits.depth)):
        raise MalformedError(Reason.MALFORMED_TOKEN, where)
    return b".".join((protected, payload, value)), rest[:-1], rest[-1]


def _unverified_issuer(payload: bytes) -> str | None:
    issuer = json.parse_object(payload, _PAYLOAD, DEFAULT_LIMITS.depth).get(reg.ISS)
    return issuer if type(issuer) is str else None


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
    if credential.typ != reg.TYP_SD_JWT_VC:
        raise VerificationError(Reason.TYP_MISMATCH, "issuer-jwt.header.typ")
    payload = json.parse_tree(credential.payload, _PAYLOAD)
    if type(payload) is not dict:
        raise MalformedError(Reason.MALFORMED_JSON, _PAYLOAD)
    hash_name = take_hash_name(payload)
    disclosures = decode_disclosures(presentation.disclosures, hash_name, limits)
    claims, placements, withheld = restore(payload, disclosures, SD_JWT_MARKERS, limits)
    # What decides on validity is never hidden, and is read from the payload itself.
    vct = _text(payload, reg.VCT)
    structural = _OWN_STRUCTURAL if vct == reg.VCT_CITIZENSHIP else STRUCTURAL_CLAIMS
    personal = MappingProxyType({name: claims[name] for name in claims if name not in structural})
    validity = _validity(payload, claims)
    attestation = attestation_of_frozen(
        vct,
        issuer,
        personal,
        validity,
        _holder_key(payload),
        _references(payload),
        assurance_of(claims, _PAYLOAD + "."),
        evidence_of(claims, vct, validity.issued_at, limits, _PAYLOAD + "."),
        Citizenship.from_claims(personal, withheld=(reg.NATIONALITIES,) in withheld),
    )
    stated_issuer = _text(payload, reg.ISS) if reg.ISS in payload else None
    audiences = _audiences(claims[reg.AUD]) if reg.AUD in payload else None
    disclosed = reg.IAT in claims and reg.IAT not in payload
    reading = (attestation, stated_issuer, audiences, hash_name, claims, placements, None, None, (), (), disclosed, b"")
    return _new(Reading, reading)


def take_hash_name(payload: dict[str, Any]) -> str:
    """Take `_sd_alg` out of a payload and return hashlib's name (RFC 9901 section 4.1.1).

    Raises:
        VerificationError: HASH_ALGORITHM_NOT_ALLOWED.
    """
    name = payload.pop(reg.SD_ALG, reg.SD_ALG_DEFAULT)
    hash_name = reg.SD_HASH_ALGORITHMS.get(name) if type(name) is str else None
    if hash_name is None:
        raise VerificationError(Reason.HASH_ALGORITHM_NOT_ALLOWED, _PAYLOAD + "._sd_alg")
    return hash_name


def decode_disclosures(encoded: tuple[bytes, ...], hash_name: str, limits: Limits) -> dict[str, Disclosure]:
    """Decode disclosures and name each by its digest (RFC 9901 section 4.2.3).

    Raises:
        MalformedError: a Reason of form.
        VerificationError: DISCLOSURE_MALFORMED, DISCLOSURE_DUPLICATE.
    """
    disclosures: dict[str, Disclosure] = {}
    hash_ = HASHES[hash_name]
    for position, text in enumerate(encoded):
        array = json.parse_tree(base64url.decode(text, "disclosure"), "disclosure")
        if type(array) is not list or not 2 <= len(array) <= 3 or type(array[0]) is not str:
            raise VerificationError(Reason.DISCLOSURE_MALFORMED, "disclosure")
        name = None
        if len(array) == 3:
            name = array[1]
            if type(name) is not str or name in reg.SD_RESERVED or len(name) > limits.claim_name_chars:
                raise VerificationError(Reason.DISCLOSURE_MALFORMED, "disclosure")
        digest = base64url.encode_text(hash_(text).digest())
        if digest in disclosures:
            raise VerificationError(Reason.DISCLOSURE_DUPLICATE, "disclosure")
        disclosures[digest] = _new(Disclosure, (position, name, array[-1]))
    return disclosures


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if value is None and name not in claims:
        raise VerificationError(Reason.CLAIM_MISSING, f"{_PAYLOAD}.{name}")
    if type(value) is not str or not value:
        raise MalformedError(Reason.CLAIM_INVALID, f"{_PAYLOAD}.{name}")
    return value


def _validity(payload: dict[str, Any], claims: Mapping[str, Any]) -> Validity:
    if reg.EXP not in payload:
        raise VerificationError(Reason.CLAIM_MISSING, _PAYLOAD + ".exp")
    # iat alone may be disclosed (SD-JWT VC section 2.2.2.3). Shown, it refuses what one in the clear would refuse.
    issued_at, not_before = claims.get(reg.IAT), payload.get(reg.NBF)
    if issued_at is None and reg.IAT in claims:
        raise MalformedError(Reason.CLAIM_INVALID, _PAYLOAD + ".iat")
    if not_before is None and reg.NBF in payload:
        raise MalformedError(Reason.CLAIM_INVALID, _PAYLOAD + ".nbf")
    return Validity(issued_at, not_before, payload[reg.EXP])


def _holder_key(payload: dict[str, Any]) -> PublicKey | None:
    confirmation = payload.get(reg.CNF)
    if confirmation is None and reg.CNF not in payload:
        return None
    # RFC 7800 section 3.1: one confirmation method; two could name two keys.
    if type(confirmation) is not dict or len(confirmation) != 1 or reg.JWK not in confirmation:
        raise MalformedError(Reason.KEY_INVALID, _PAYLOAD + ".cnf")
    return load_holder_key(confirmation[reg.JWK], _PAYLOAD + ".cnf.jwk")


def _status(payload: dict[str, Any]) -> tuple[StatusReference, ...]:
    status = payload.get(reg.STATUS)
    if status is None and reg.STATUS not in payload:
        return ()
    where = _PAYLOAD + ".status"
    if type(status) is not dict or not status:
        raise MalformedError(Reason.CLAIM_INVALID, where)
    if len(status) != 1 or reg.STATUS_LIST not in status:
        raise VerificationError(Reason.STATUS_MECHANISM_UNKNOWN, where)  # a mechanism we cannot ask might say revoked
    reference = status[reg.STATUS_LIST]
    if type(reference) is not dict or "idx" not in reference or "uri" not in reference:
        raise MalformedError(Reason.CLAIM_INVALID, where + ".status_list")
    return (StatusReference(reference["uri"], reference["idx"]),)


def _references(payload: dict[str, Any]) -> tuple[StatusReference, ...]:
    """Return all references of both mechanisms; every one must say valid."""
    references = _status(payload)
    if reg.CREDENTIAL_STATUS in payload:
        stated = payload[reg.CREDENTIAL_STATUS]
        entries = stated if type(stated) is list else [stated]
        if not entries:
            raise MalformedError(Reason.CLAIM_INVALID, _ENTRY)
        if len(references) + len(entries) > MAX_STATUS_REFERENCES:
            raise MalformedError(Reason.LIMIT_EXCEEDED, _ENTRY)
        references += tuple([_entry(each) for each in entries])
    return references


_ENTRY: Final = "issuer-jwt.payload.credentialStatus"


def _entry(stated: Any) -> StatusReference:
    """Read a BitstringStatusListEntry (Bitstring Status List section 2.1)."""
    if type(stated) is not dict:
        raise MalformedError(Reason.CLAIM_INVALID, _ENTRY)
    # What we cannot ask might say revoked: another mechanism or purpose, or more to a status than one bit.
    size, purpose = stated.get("statusSize", 1), stated.get("statusPurpose")
    if stated.get("type") != reg.BITSTRING_ENTRY or type(size) is not int or size != 1 or "statusMessage" in stated:
        raise VerificationError(Reason.STATUS_MECHANISM_UNKNOWN, _ENTRY)
    if type(purpose) is str and purpose not in reg.BITSTRING_PURPOSES:
        raise VerificationError(Reason.STATUS_MECHANISM_UNKNOWN, _ENTRY)
    index, uri = stated.get("statusListIndex"), stated.get("statusListCredential")
    if type(index) is not str or not _INDEX.fullmatch(index) or type(uri) is not str or stated.get("id") == uri:
        raise MalformedError(Reason.CLAIM_INVALID, _ENTRY)
    return StatusReference(uri, int(index), StatusKind.BITSTRING, purpose=purpose)  # it judges the rest


_INDEX: Final = re.compile("0|[1-9][0-9]{0,9}")  # one spelling for each


def _audiences(stated: Any) -> tuple[str, ...]:
    audiences = stated if type(stated) is tuple else (stated,)
    if not all(type(each) is str for each in audiences):
        raise MalformedError(Reason.CLAIM_INVALID, _PAYLOAD + ".aud")
    return audiences


def bind(
    presentation: Presentation, reading: Reading, challenge: Challenge, now: UnixTime, limits: Limits
) -> tuple[SignedObject, Mapping[str, Any]]:
    """V7: check what the holder says he signs, and return what V8 must verify (RFC 9901 section 7.3 step 5).

    Returns:
        The KB-JWT and its claims; they are the holder's word alone and never feed citizenship.

    Raises:
        VerificationError: KEY_BINDING_MISSING, TYP_MISMATCH, CLAIM_MISSING, NONCE_MISMATCH, AUDIENCE_MISMATCH,
            SD_HASH_MISMATCH, KEY_BINDING_STALE, KEY_BINDING_IN_FUTURE.
        MalformedError: a Reason of form.
    """
    binding = presentation.binding
    if type(binding) is not SignedObject:
        raise VerificationError(Reason.KEY_BINDING_MISSING, _KB)
    if binding.typ != reg.TYP_KEY_BINDING:
        raise VerificationError(Reason.TYP_MISMATCH, _KB + ".header.typ")
    if reading.audiences is not None and challenge.audience not in reading.audiences:
        raise VerificationError(Reason.AUDIENCE_MISMATCH, _PAYLOAD + ".aud")
    claims = json.parse_object(binding.payload, _KB + ".payload", limits.depth)
    nonce = _nonce_text(challenge)
    if nonce is None or not same_text(claims.get(reg.NONCE), nonce):
        raise _mismatch(claims, reg.NONCE)
    if claims.get(reg.AUD) != challenge.audience:
        raise _mismatch(claims, reg.AUD)
    digest = HASHES[reading.hash_name](presentation.issuer_half).digest()
    if not same_text(claims.get(reg.SD_HASH), base64url.encode_text(digest)):
        raise _mismatch(claims, reg.SD_HASH)
    _check_binding_time(claims, challenge.max_age_s, now, limits.clock_skew_s)
    return binding, claims


def _nonce_text(challenge: Challenge) -> str | None:
    nonce = challenge.nonce
    if isinstance(nonce, str):
        return nonce
    try:
        return nonce.decode("utf-8")
    except UnicodeDecodeError:
        return None  # bytes that no JSON text can say


def _mismatch(claims: dict[str, Any], name: str) -> VerificationError:
    reason = _MISMATCH[name] if name in claims else Reason.CLAIM_MISSING
    return VerificationError(reason, f"{_KB}.payload.{name}")


def _check_binding_time(claims: dict[str, Any], max_age_s: int, now: UnixTime, skew_s: int) -> None:
    if reg.IAT not in claims:
        raise VerificationError(Reason.CLAIM_MISSING, _KB + ".payload.iat")
    issued_at = _time(claims, reg.IAT)
    # exp and nbf are not asked for, but where they stand they bind (RFC 9901 section 7.3 step 5: a valid JWT).
    not_before = _time(claims, reg.NBF) if reg.NBF in claims else 0
    not_after = _time(claims, reg.EXP) if reg.EXP in claims else MAX_UNIX_TIME
    if issued_at > now + skew_s:
        raise VerificationError(Reason.KEY_BINDING_IN_FUTURE, _KB + ".payload.iat")
    if not_before > now:
        raise VerificationError(Reason.KEY_BINDING_IN_FUTURE, _KB + ".payload.nbf")
    if now - issued_at > max_age_s:
        raise VerificationError(Reason.KEY_BINDING_STALE, _KB + ".payload.iat")
    if not_after <= now:
        raise VerificationError(Reason.KEY_BINDING_STALE, _KB + ".payload.exp")
    if not_after <= issued_at:  # the skew excuses an iat, and no window that ends before it begins
        raise MalformedError(Reason.CLAIM_INVALID, _KB + ".payload.exp")


def _time(claims: dict[str, Any], name: str) -> int:
    value = claims[name]
    if type(value) is not int or not 0 <= value <= MAX_UNIX_TIME:
        raise MalformedError(Reason.CLAIM_INVALID, f"{_KB}.payload.{name}")
    return value


READER: Final = Reader(Format.SD_JWT_VC, open_presentation, read, bind, "issuer-jwt", _KB)
