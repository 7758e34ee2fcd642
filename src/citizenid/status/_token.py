"""A Status List Token as JWT: verified and read. Where it came from and how long it counts is the store's business.

Spec: Token Status List sections 5.1, 8.3; specs/profile-status-list.md.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Any, Final, NoReturn, final

from .. import _registry as reg
from .._crypto import verify_signature
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._limits import DEFAULT_LIMITS, MAX_UNIX_TIME, Limits
from .._model import KeyPurpose, UnixTime, check_now, refuse_forgery
from .._wire import base64url, json, jws
from ..trust import TrustAnchor, TrustAnchors
from ._list import StatusList

STATUS_LIST_MEDIA_TYPES: Final = (reg.MEDIA_STATUS_LIST_JWT,)
"""What `StatusStore.ingest` takes, the preferred one first: what a fetcher asks for."""

_SEAL: Final = object()
_WHERE: Final = "status-list"
_DEPTH: Final = 4  # status_list is an object in an object; two more for claims that we pass over


def _refuse_copy(self: object, *_: Any) -> NoReturn:
    raise TypeError(f"{type(self).__name__} is made by verification alone; it is not copied or pickled")


@final
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class VerifiedStatusList:
    """A status list token whose signature and claims hold. Only `verify_status_list` makes it.

    Attributes:
        uri: its `sub`.
        anchor: the trust point of its signer.
        issued_at: `iat`, Unix seconds.
        not_after: `exp`, or the end of the trust in its signer if that comes first, or None.
        ttl_s: `ttl` in seconds, or None.
        statuses: the list.
    """

    uri: str
    anchor: TrustAnchor
    issued_at: UnixTime
    not_after: UnixTime | None
    ttl_s: int | None
    statuses: StatusList
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            refuse_forgery(VerifiedStatusList)

    __reduce__ = __reduce_ex__ = __getstate__ = __setstate__ = _refuse_copy

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError(f"{cls.__name__} is final")

    def __bool__(self) -> NoReturn:
        raise TypeError("a result has no truth value; test for the result you want")


def verify_status_list(
    body: bytes | str,
    *,
    uri: str,
    media_type: str,
    anchors: TrustAnchors,
    now: UnixTime | int,
    limits: Limits = DEFAULT_LIMITS,
) -> VerifiedStatusList:
    """Verify a status list token fetched from `uri`.

    Args:
        body: the response body.
        uri: the exact URI that credentials refer to; the token's `sub` must be the same characters.
        media_type: the response's Content-Type, without parameters.
        anchors: keys of purpose STATUS_LIST.
        now: integer Unix seconds.
        limits: bounds.

    Raises:
        MalformedError: a Reason of form, STATUS_LIST_MALFORMED.
        VerificationError: STATUS_MEDIA_TYPE, a Reason of V2, SIGNATURE_INVALID, ISSUER_MISMATCH, TYP_MISMATCH,
            STATUS_SUBJECT_MISMATCH, CLAIM_MISSING, STATUS_LIST_IN_FUTURE, STATUS_LIST_EXPIRED.
    """
    try:
        return _verify(body, uri, media_type, anchors, check_now(now), limits)
    except CitizenIDError as error:
        error.at("status")
        raise


def _verify(
    body: bytes | str, uri: str, media_type: str, anchors: TrustAnchors, now: UnixTime, limits: Limits
) -> VerifiedStatusList:
    if media_type != reg.MEDIA_STATUS_LIST_JWT:
        raise VerificationError(Reason.STATUS_MEDIA_TYPE, _WHERE)
    if type(body) is not bytes and type(body) is not str:
        raise MalformedError(Reason.MALFORMED_TOKEN, _WHERE)
    if len(body) > limits.status_list_bytes:
        raise MalformedError(Reason.INPUT_TOO_LARGE, _WHERE)
    if isinstance(body, str) and not body.isascii():
        raise MalformedError(Reason.MALFORMED_BASE64, _WHERE + ".header")
    raw = body if isinstance(body, bytes) else body.encode("ascii")
    signed = jws.open_compact(raw, _WHERE, limits, _unverified_issuer)
    resolved = anchors.resolve(signed, KeyPurpose.STATUS_LIST, now, _WHERE)
    verify_signature(signed, resolved.key, _WHERE)
    if signed.typ != reg.TYP_STATUS_LIST_JWT:
        raise VerificationError(Reason.TYP_MISMATCH, _WHERE + ".header.typ")
    claims = json.parse_object(signed.payload, _WHERE, _DEPTH)
    if claims.get(reg.ISS, resolved.anchor.issuer) != resolved.anchor.issuer:
        raise VerificationError(Reason.ISSUER_MISMATCH, _WHERE + ".iss")
    if claims.get(reg.SUB) != uri:
        raise VerificationError(Reason.STATUS_SUBJECT_MISMATCH, _WHERE + ".sub")
    issued_at = _number(claims, reg.IAT, required=True)
    not_after, ttl_s = _number(claims, reg.EXP), _number(claims, "ttl")
    not_before = _number(claims, reg.NBF)
    if issued_at is None or ttl_s == 0:  # ttl is a positive number (section 5.1)
        raise MalformedError(Reason.CLAIM_INVALID, _WHERE + ".ttl")
    if issued_at > now + limits.clock_skew_s:
        raise VerificationError(Reason.STATUS_LIST_IN_FUTURE, _WHERE + ".iat")
    if not_before is not None and now < not_before:
        raise VerificationError(Reason.STATUS_LIST_IN_FUTURE, _WHERE + ".nbf")
    if not_after is not None and now >= not_after:
        raise VerificationError(Reason.STATUS_LIST_EXPIRED, _WHERE + ".exp")
    return VerifiedStatusList(
        uri,
        resolved.anchor,
        UnixTime(issued_at),
        _earlier(not_after, resolved.not_after),
        ttl_s,
        _status_list(claims, limits),
        _SEAL,
    )


def _earlier(expires: int | None, trusted_until: UnixTime) -> UnixTime | None:
    if trusted_until < MAX_UNIX_TIME:  # an anchor or a certificate that ends
        expires = trusted_until if expires is None else min(expires, trusted_until)
    return None if expires is None else UnixTime(expires)


def _status_list(claims: dict[str, Any], limits: Limits) -> StatusList:
    member = claims.get(reg.STATUS_LIST)
    if type(member) is not dict:
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, _WHERE + ".status_list")
    compressed = base64url.decode_text(member.get("lst"), _WHERE + ".status_list.lst")
    bits = member.get("bits")
    if type(bits) is not int or bits not in reg.STATUS_BITS:
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, _WHERE + ".status_list.bits")
    return StatusList.decompress(compressed, bits=bits, limit_bytes=limits.status_list_inflated_bytes)


def _number(claims: dict[str, Any], name: str, *, required: bool = False) -> int | None:
    value = claims.get(name)
    if value is None and name not in claims:
        if required:
            raise VerificationError(Reason.CLAIM_MISSING, f"{_WHERE}.{name}")
        return None
    if type(value) is not int or not 0 <= value <= MAX_UNIX_TIME:
        raise MalformedError(Reason.CLAIM_INVALID, f"{_WHERE}.{name}")
    return value


def _unverified_issuer(payload: bytes) -> str | None:
    issuer = json.parse_object(payload, _WHERE, _DEPTH).get(reg.ISS)
    return issuer if type(issuer) is str else None
