"""Status list tokens, written: what an issuer's publisher says of its list, as JWT or CWT, for a signer anywhere.

Spec: Token Status List sections 4.2 to 5.2; ISO/IEC 18013-5 second edition 12.3.6; Bitstring Status List v1.0
section 2.2; specs/profile-status-list.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import pybase64

from .. import _registry as reg
from .._anchor import is_label
from .._crypto import PublicKey, Unsigned
from .._errors import CitizenIDError, Reason
from .._limits import CALENDAR_END, DEFAULT_LIMITS
from .._wire import base64url, cbor, cose, dates
from .._wire.writing import signing_input
from .._x509 import check_chain
from ._bitstring import encoded_list
from ._list import StatusList

_WHERE: Final = "status-list"
_MAX_KID_BYTES: Final = 255  # what our own readers take: in a JWT as many characters, which are not fewer
_TAG: Final = cbor.head(6, reg.COSE_SIGN1_TAG)
# The numbers that leave the curve open, as the examples have them: verifiers of mdocs know these alone.
_ALGORITHMS: Final = {**reg.COSE_WRITTEN, "ES256": -7, "ES384": -35, "ES512": -36, "Ed25519": -8}


class Times(NamedTuple):
    """When a token was issued, when it ends, and how long it may be kept: Unix seconds, and seconds."""

    issued_at: int
    not_after: int
    ttl_s: int


class Says(NamedTuple):
    """Who says something with a set bit, and what: "revocation" or "suspension"."""

    issuer: str
    purpose: str


class TokenSigner(NamedTuple):
    """Who signs a token: the key, and how its header names it: by certificates, leaf first, or else by a kid."""

    key: PublicKey
    kid: str
    certificates: tuple[bytes, ...]


def signer_of(key: PublicKey, kid: str | None, certificates: Iterable[bytes]) -> TokenSigner:
    """Return the signer of tokens; without a kid it is the key's thumbprint in base64url.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for what is no key, and a kid or a chain that no verifier would take.
    """
    if type(key) is not PublicKey or not isinstance(certificates, Iterable):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, _WHERE)
    chain = tuple(certificates)
    if kid is not None and (not is_label(kid) or len(kid.encode()) > _MAX_KID_BYTES or chain):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, _WHERE)
    if chain:
        check_chain(chain, key)
    return TokenSigner(key, base64url.encode_text(key.thumbprint) if kid is None else kid, chain)


def check_times(now: object, ttl_s: object, expires_s: object) -> None:
    """Refuse times that no verifier would take, before an iat is used up for them. Raises CONFIGURATION_INVALID."""
    if type(now) is not int or not 0 <= now <= CALENDAR_END:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.now")
    if type(expires_s) is not int or not 0 < expires_s <= CALENDAR_END - now:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.expires_s")
    if type(ttl_s) is not int or not 0 < ttl_s <= expires_s:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-list.ttl_s")


def check_stored(size: int, format: str) -> None:
    """Refuse a list of so many bytes that fits into no token of this format unless it is compressed.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """
    _check_size(size if format == "cwt" else size * 16 // 9)  # base64url of base64url


def status_list_jwt(uri: str, statuses: StatusList, times: Times, signer: TokenSigner, level: int) -> Unsigned:
    """Prepare a Status List Token as JWT (section 5.1), compressed at this zlib level."""
    payload: dict[str, Any] = {
        reg.SUB: uri,
        reg.IAT: times.issued_at,
        reg.EXP: times.not_after,
        reg.TTL: times.ttl_s,
        reg.STATUS_LIST: {"bits": statuses.bits, "lst": base64url.encode_text(statuses.compress(level))},
    }
    return _jwt(reg.TYP_STATUS_LIST_JWT, payload, signer)


def bitstring_jwt(
    uri: str, statuses: StatusList, times: Times, signer: TokenSigner, level: int, says: Says
) -> Unsigned:
    """Prepare a list credential as JWT (VC-JOSE-COSE section 3.1), its bits compressed at this gzip level.

    iat says since when: a validFrom would be refused by whoever's clock is a second behind.
    """
    subject: dict[str, Any] = {
        "type": reg.BITSTRING_SUBJECT,
        "statusPurpose": says.purpose,
        "encodedList": encoded_list(statuses, level),
        "ttl": times.ttl_s * 1_000,  # in milliseconds
    }
    payload: dict[str, Any] = {
        "@context": [reg.VC_CONTEXT],
        "id": uri,
        "type": [reg.VC_TYPE, reg.BITSTRING_CREDENTIAL],
        "issuer": says.issuer,
        "validUntil": dates.write_date_time(times.not_after),  # of the years that `check_times` lets through
        "credentialSubject": subject,
        reg.IAT: times.issued_at,
        reg.EXP: times.not_after,
    }
    return _jwt(reg.TYP_VC_JWT, payload, signer)


def _jwt(typ: str, payload: dict[str, Any], signer: TokenSigner) -> Unsigned:
    header: dict[str, Any] = {reg.ALG: signer.key.algorithm, reg.TYP: typ}
    if signer.certificates:
        header[reg.X5C] = [pybase64.b64encode(each).decode("ascii") for each in signer.certificates]
    else:
        header[reg.KID] = signer.kid
    to_be_signed = signing_input(header, payload, _WHERE)
    signature_bytes = reg.SIGNATURE_BYTES[signer.key.algorithm]
    _check_size(len(to_be_signed) + 1 + -(-4 * signature_bytes // 3))  # the point, and base64url
    return Unsigned(to_be_signed, signer.key, lambda signature: to_be_signed + b"." + base64url.encode(signature))


def status_list_cwt(uri: str, statuses: StatusList, times: Times, signer: TokenSigner, level: int) -> Unsigned:
    """Prepare a Status List Token as CWT (section 5.2), compressed at this zlib level."""
    compressed = statuses.compress(level)
    # A list of a nation is copied once on its way into the payload, and not encoded as one value among others.
    stated = (b"\xa2", cbor.encode("lst"), cbor.head(2, len(compressed)), compressed, cbor.encode("bits"))
    return _cwt(
        reg.MEDIA_STATUS_LIST_CWT, uri, times, signer, reg.CWT_STATUS_LIST, (*stated, cbor.encode(statuses.bits))
    )


def identifier_list_cwt(uri: str, identifiers: Iterable[bytes], times: Times, signer: TokenSigner) -> Unsigned:
    """Prepare an identifier list as CWT (ISO/IEC 18013-5 second edition 12.3.6.4)."""
    # In the order of their encoding, as all keys are written: a shorter one first, and then by its bytes.
    listed = sorted(map(cbor.byte_string, identifiers))
    entries = b"".join([each + b"\xa0" for each in listed])
    stated = b"\xa1\x6bidentifiers" + cbor.head(5, len(listed))
    return _cwt(reg.MEDIA_IDENTIFIER_LIST_CWT, uri, times, signer, reg.CWT_IDENTIFIER_LIST, (stated, entries))


def _cwt(typ: str, uri: str, times: Times, signer: TokenSigner, label: int, stated: Iterable[bytes]) -> Unsigned:
    algorithm = signer.key.algorithm
    header: dict[Any, Any] = {reg.COSE_ALG: _ALGORITHMS[algorithm], reg.COSE_TYP: typ}
    if signer.certificates:  # in the protected header (12.3.6.3); RFC 9360 section 2: one certificate stands by itself
        chain = signer.certificates
        header[reg.COSE_X5CHAIN] = chain[0] if len(chain) == 1 else list(chain)
    else:
        header[reg.COSE_KID] = signer.kid.encode()
    claims = {
        reg.CWT_SUB: uri,
        reg.CWT_EXP: times.not_after,
        reg.CWT_IAT: times.issued_at,
        reg.CWT_TTL: times.ttl_s,
    }
    # The list stands between iat and ttl, by the order of the labels; it is not decoded to be put there.
    before, behind = {name: claims[name] for name in claims if name < label}, {reg.CWT_TTL: times.ttl_s}
    start, end = cbor.encode(before)[1:], cbor.encode(behind)[1:]
    payload = b"".join((b"\xa5", start, cbor.encode(label), *stated, end))
    protected = cbor.encode(header)
    around = _TAG + cose.write(protected, {}, None, bytes(reg.SIGNATURE_BYTES[algorithm]))  # null for a payload
    _check_size(len(around) - 1 + len(cbor.head(2, len(payload))) + len(payload))
    return Unsigned(
        cose.structure(cose.SIGNATURE, protected, payload),
        signer.key,
        lambda signature: _TAG + cose.write(protected, {}, payload, signature),
    )


def _check_size(size: int) -> None:
    if size > DEFAULT_LIMITS.status_list_bytes:  # our own verifier would refuse it
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, _WHERE)
