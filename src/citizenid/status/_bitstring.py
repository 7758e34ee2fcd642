"""The W3C Bitstring Status List as a verifiable credential in a JWT: its claims and its bits, and the bits written.

Four things differ from a Token Status List: the most significant bit comes first, the bits are compressed with gzip,
ttl is in milliseconds, and a list has purposes, which say what a set bit means. What comes out of here is the list that
everything else knows: its bits from the least significant one on, its times in seconds, under the names of a JWT.

JSON-LD is not processed: the first context is the one that defines the terms, and they are protected there.

Spec: Bitstring Status List v1.0 sections 2.2, 3.2 to 3.4; VCDM 2.0 sections 4.3 to 4.9; VC-JOSE-COSE section 3.1;
RFC 1952; specs/profile-status-list.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .. import _registry as reg
from .._errors import MalformedError, Reason, VerificationError
from .._limits import MAX_UNIX_TIME, Limits
from .._wire import base64url, json
from ._list import GZIP, StatusList, deflate, inflate
from ._times import moment, number

_WHERE: Final = "status-list"
_SUBJECT: Final = "status-list.credentialSubject"
_ENCODED: Final = "status-list.credentialSubject.encodedList"
_DEPTH: Final = 8  # the list is in an object in an object; the rest is for what we pass over
_MULTIBASE: Final = "u"  # base64url without padding
_MIN_BYTES: Final = reg.BITSTRING_MIN_ENTRIES // 8
_MAGIC: Final = b"\x1f\x8b"  # RFC 1952 section 2.3.1, and there its last four bytes:
_SIZE_BYTES: Final = 4  # ISIZE
_MILLISECONDS: Final = 1_000

_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
# Four bits, the least significant first, as four entries of two bits that say "suspended" where the bit is set.
_WIDENED: Final = bytes(sum((four >> bit & 1) << 2 * bit + 1 for bit in range(4)) for four in range(16))
_LOW_HALF: Final = _WIDENED * 16
_HIGH_HALF: Final = b"".join(bytes([wide]) * 16 for wide in _WIDENED)


def unverified_issuer(payload: bytes) -> str | None:
    """Return who the payload says has signed it."""
    return _issuer(json.parse_object(payload, _WHERE, _DEPTH))


def _issuer(claims: Mapping[str, Any]) -> str | None:
    stated = claims.get("issuer")
    if type(stated) is dict:
        stated = stated.get("id")
    return stated if type(stated) is str else None


def claims_of_credential(payload: bytes) -> dict[Any, Any]:
    """Read a list credential: what it says under the names of a Status List Token, and its subject.

    Raises:
        MalformedError: a Reason of form, CLAIM_INVALID, STATUS_LIST_MALFORMED.
        VerificationError: CLAIM_MISSING, ISSUER_MISMATCH, STATUS_SUBJECT_MISMATCH, STATUS_MECHANISM_UNKNOWN.
    """
    credential = json.parse_object(payload, _WHERE, _DEPTH)
    _check_form(credential)
    issuer, subject = _issuer(credential), _subject(credential)
    if "issuer" not in credential:
        raise VerificationError(Reason.CLAIM_MISSING, _WHERE + ".issuer")
    # VC-JOSE-COSE section 3.1.3: what a JWT says under a name of its own must be what the credential says.
    if reg.ISS in credential and credential[reg.ISS] != issuer:
        raise VerificationError(Reason.ISSUER_MISMATCH, _WHERE + ".iss")
    for name, value in ((reg.SUB, subject.get("id")), ("jti", credential.get("id"))):
        if name in credential and (value is None or credential[name] != value):
            raise VerificationError(Reason.STATUS_SUBJECT_MISMATCH, f"{_WHERE}.{name}")
    claims = {reg.ISS: issuer, reg.SUB: credential.get("id"), **_times(credential), _SUBJECT: subject}
    if "ttl" in subject:
        ttl = subject["ttl"]
        if type(ttl) is not int or not 0 < ttl <= MAX_UNIX_TIME:
            raise MalformedError(Reason.CLAIM_INVALID, _SUBJECT + ".ttl")
        claims[reg.TTL] = max(1, ttl // _MILLISECONDS)  # `now` has no part of a second either
    return claims


def _check_form(credential: Mapping[str, Any]) -> None:
    for name in ("@context", "type"):
        if name not in credential:
            raise VerificationError(Reason.CLAIM_MISSING, f"{_WHERE}.{name}")
    context, types = credential["@context"], credential["type"]
    if type(context) is not list or not context or context[0] != reg.VC_CONTEXT:
        raise MalformedError(Reason.CLAIM_INVALID, _WHERE + ".@context")
    if type(types) is not list or reg.VC_TYPE not in types or reg.BITSTRING_CREDENTIAL not in types:
        raise MalformedError(Reason.CLAIM_INVALID, _WHERE + ".type")
    if (
        "vc" in credential or "vp" in credential
    ):  # VC-JOSE-COSE section 3.1.3: MUST NOT; it would be a second credential
        raise MalformedError(Reason.CLAIM_INVALID, _WHERE + ".vc")
    if reg.CREDENTIAL_STATUS in credential:  # a list that may itself be revoked, by something we would not ask
        raise VerificationError(Reason.STATUS_MECHANISM_UNKNOWN, _WHERE + ".credentialStatus")


def _subject(credential: Mapping[str, Any]) -> Mapping[str, Any]:
    subject = credential.get("credentialSubject")
    if type(subject) is not dict or subject.get("type") != reg.BITSTRING_SUBJECT:
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, _SUBJECT)
    return subject


def _times(credential: Mapping[str, Any]) -> dict[str, int]:
    """Return iat, nbf and exp: of two that say the same, the stricter one."""
    issued_at, not_before, not_after = (number(credential, name) for name in (reg.IAT, reg.NBF, reg.EXP))
    starts, ends = moment(credential, "validFrom", up=True), moment(credential, "validUntil", up=False)
    times = {
        reg.IAT: starts if issued_at is None else issued_at,
        reg.NBF: max((each for each in (not_before, starts) if each is not None), default=None),
        reg.EXP: min((each for each in (not_after, ends) if each is not None), default=None),
    }
    return {name: time for name, time in times.items() if time is not None}


def purposes_of(claims: Mapping[Any, Any]) -> tuple[str, ...]:
    """Return what a set bit means, of the purposes that are understood here.

    Raises:
        MalformedError: STATUS_LIST_MALFORMED for anything but text, or distinct texts.
        VerificationError: STATUS_MECHANISM_UNKNOWN when none of them is understood, or an entry has more than one bit.
    """
    subject = claims[_SUBJECT]
    stated = subject.get("statusPurpose")
    purposes = stated if type(stated) is list else [stated]
    if not purposes or not {str}.issuperset(map(type, purposes)) or len(set(purposes)) != len(purposes):
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, _SUBJECT + ".statusPurpose")
    if "statusSize" in subject and not is_one(subject["statusSize"]):
        raise VerificationError(Reason.STATUS_MECHANISM_UNKNOWN, _SUBJECT + ".statusSize")
    understood = tuple([each for each in purposes if each in reg.BITSTRING_PURPOSES])
    if not understood:
        raise VerificationError(Reason.STATUS_MECHANISM_UNKNOWN, _SUBJECT + ".statusPurpose")
    return understood


def is_one(size: object) -> bool:
    """Whether this is the integer 1, and neither True nor 1.0."""
    return type(size) is int and size == 1


def list_of_credential(claims: Mapping[Any, Any], limits: Limits) -> StatusList:
    """Return the bits of a list credential as a status list of one bit each.

    Raises:
        MalformedError: MALFORMED_BASE64; INPUT_TOO_LARGE when it says that it holds more than the bound;
            STATUS_LIST_MALFORMED for what is no single gzip member or not as long as it says, or has fewer than 131,072
            entries.
    """
    text = claims[_SUBJECT].get("encodedList")
    if type(text) is not str or not text.startswith(_MULTIBASE):
        raise MalformedError(Reason.MALFORMED_BASE64, _ENCODED)
    data = base64url.decode_text(text[len(_MULTIBASE) :], _ENCODED)
    # What is held for a suspension has two bits for each entry.
    limit_bytes = limits.status_list_inflated_bytes // (2 if reg.SUSPENSION in purposes_of(claims) else 1)
    # A gzip member says in its last bytes how long it is: a bomb is refused before it is lit, or stops where it lied.
    stated = int.from_bytes(data[-_SIZE_BYTES:], "little")
    if not data.startswith(_MAGIC):
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, _ENCODED)
    if stated > limit_bytes:
        raise MalformedError(Reason.INPUT_TOO_LARGE, _ENCODED)
    packed = inflate(data, GZIP, limit_bytes=stated, where=_ENCODED, beyond=Reason.STATUS_LIST_MALFORMED)
    if len(packed) < _MIN_BYTES:  # STATUS_LIST_LENGTH_ERROR (section 3.2)
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, _ENCODED)
    return StatusList(1, packed.translate(_MIRRORED))


def for_purpose(statuses: StatusList, purpose: str | None) -> StatusList:
    """Return what the bits of a list say for one purpose: a set bit is INVALID, or SUSPENDED, which takes two bits.

    A list without a purpose says itself what its bits mean.
    """
    if purpose != reg.SUSPENSION:
        return statuses
    packed = statuses.packed
    widened = bytearray(2 * len(packed))
    widened[0::2] = packed.translate(_LOW_HALF)
    widened[1::2] = packed.translate(_HIGH_HALF)
    return StatusList(2, bytes(widened))


def encoded_list(statuses: StatusList, level: int) -> str:
    """Return the `encodedList` of a list of one or two bits each: a bit for each entry, set unless it says valid."""
    packed = statuses.packed
    bits = packed.translate(_MIRRORED) if statuses.bits == 1 else _narrowed(packed)
    return _MULTIBASE + base64url.encode_text(deflate(bits, level, GZIP))


def _narrowed(packed: bytes) -> bytes:
    """Make one bit of each two, the most significant first: two bytes become one."""
    # For each byte of four entries, their bits in the upper half of a byte.
    upper = bytes(sum((byte >> 2 * place & 3 != 0) << 7 - place for place in range(4)) for byte in range(256))
    lower = bytes(byte >> 4 for byte in upper)
    padded = packed + bytes(len(packed) % 2)
    firsts, seconds = padded[0::2].translate(upper), padded[1::2].translate(lower)
    joined = int.from_bytes(firsts, "big") | int.from_bytes(seconds, "big")
    return joined.to_bytes(len(firsts), "big")
