"""A status list token, verified and read: JWT or CWT, the identifier list of ISO as CWT, and the W3C list as JWT.

Each media type has one opener and one reader of claims; what is checked of the claims is the same for all. Where a list
came from and how long it counts is the store's business.

Spec: Token Status List sections 5.1, 5.2, 8.3; ISO/IEC 18013-5 second edition 12.3.6; Bitstring Status List v1.0;
specs/profile-status-list.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from .. import _registry as reg
from .._crypto import verify_signature
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._limits import DEFAULT_LIMITS, MAX_UNIX_TIME, Limits
from .._model import (
    CertificateProfile,
    KeyPurpose,
    Seal,
    SignedObject,
    StatusKind,
    UnixTime,
    check_now,
    never_copied,
    refuse_forgery,
    refuse_truth,
)
from .._wire import base64url, cbor, cose, json, jws
from ..trust import TrustAnchor, TrustAnchors
from ._bitstring import claims_of_credential, list_of_credential, purposes_of, unverified_issuer
from ._identifiers import IdentifierList
from ._list import StatusList
from ._protocol import check_trust
from ._times import number

_SEAL: Final = Seal()
_WHERE: Final = "status-list"
_DEPTH: Final = 4  # status_list is an object in an object; two more for claims that we pass over


@final
@never_copied
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class VerifiedStatusList:
    """A status list token whose signature and claims hold. Only `verify_status_list` makes it.

    Attributes:
        uri: its `sub`, or the `id` of a list credential.
        anchor: the trust point of its signer.
        issued_at: `iat`, Unix seconds.
        not_after: `exp`, or the end of the trust in its signer if that comes first, or None.
        ttl_s: `ttl` in seconds, or None.
        statuses: the list: of statuses by index, or of revoked identifiers. In a bitstring INVALID says that the bit
            is set: that a credential is revoked, or that it is suspended. A `StatusStore` tells the two apart.
        kind: which kind of reference it answers.
        purposes: what a set bit of a bitstring means, "revocation", "suspension" or both; empty for other kinds.
    """

    uri: str
    anchor: TrustAnchor
    issued_at: UnixTime
    not_after: UnixTime | None
    ttl_s: int | None
    statuses: StatusList | IdentifierList
    kind: StatusKind
    purposes: tuple[str, ...]
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        if seal is not _SEAL:
            refuse_forgery(VerifiedStatusList)

    __bool__ = refuse_truth


def verify_status_list(
    body: bytes | str,
    *,
    uri: str,
    media_type: str,
    anchors: TrustAnchors,
    now: UnixTime | int,
    time: UnixTime | int | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> VerifiedStatusList:
    """Verify a status list token fetched from `uri`.

    Args:
        body: the response body.
        uri: the exact URI that credentials refer to; the token's `sub`, or the credential's `id`, must be the same
            characters.
        media_type: the response's Content-Type: application/statuslist+jwt, statuslist+cwt, identifierlist+cwt or
            vc+jwt, in letters of any case; parameters are passed over. It says what the bytes must be; they are never
            asked.
        anchors: keys of purpose STATUS_LIST.
        now: integer Unix seconds.
        time: for a list of the past, which `?time=` asks for (section 8.4): iat, nbf and exp must hold then instead of
            now. Its signer must be trusted now. It answers by `statuses` alone and is nothing for a store.
        limits: bounds.

    Raises:
        MalformedError: a Reason of form, STATUS_LIST_MALFORMED.
        VerificationError: STATUS_MEDIA_TYPE, a Reason of V2, SIGNATURE_INVALID, ISSUER_MISMATCH, TYP_MISMATCH,
            STATUS_SUBJECT_MISMATCH, CLAIM_MISSING, STATUS_LIST_IN_FUTURE, STATUS_LIST_EXPIRED; for a bitstring also
            STATUS_MECHANISM_UNKNOWN.
        CitizenIDError: CLOCK_UNUSABLE, also for a `time` after `now`; CONFIGURATION_INVALID for a `uri`, anchors or
            limits that are none.
    """
    try:
        if type(uri) is not str:  # a token without a subject would be that of no URI
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "uri")
        check_trust(anchors)
        if type(limits) is not Limits:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "limits")
        now = check_now(now)
        time = now if time is None else check_now(time)
        if time > now:
            raise CitizenIDError(Reason.CLOCK_UNUSABLE, "time")
        return _verify(body, uri, media_type, anchors, now, time, limits)
    except CitizenIDError as error:
        error.at("status")
        raise


def _verify(
    body: bytes | str,
    uri: str,
    media_type: str,
    anchors: TrustAnchors,
    now: UnixTime,
    time: UnixTime,
    limits: Limits,
) -> VerifiedStatusList:
    # RFC 9110 section 8.3.1: neither parameters nor the case of letters make another type.
    form = _FORMS.get(media_type.partition(";")[0].strip(" \t").lower()) if type(media_type) is str else None
    if form is None:
        raise VerificationError(Reason.STATUS_MEDIA_TYPE, _WHERE)
    if type(body) is not bytes and type(body) is not str:
        raise MalformedError(Reason.MALFORMED_TOKEN, _WHERE)
    if len(body) > limits.status_list_bytes:
        raise MalformedError(Reason.INPUT_TOO_LARGE, _WHERE)
    signed = form.open(body, limits)
    resolved = anchors.resolve(signed, KeyPurpose.STATUS_LIST, now, _WHERE)
    verify_signature(signed, resolved.key, _WHERE)
    if signed.typ != form.typ:
        raise VerificationError(Reason.TYP_MISMATCH, _WHERE + ".header.typ")
    payload, stated = signed.payload, form.stated(signed)
    del signed  # a list of a nation is long: what was signed makes room for what is read of it
    claims = form.claims(payload)
    del payload
    _check_stated(stated, claims)
    if claims.get(reg.ISS, resolved.anchor.issuer) != resolved.anchor.issuer:
        where = form.issuer
        raise VerificationError(Reason.ISSUER_MISMATCH, where)
    if claims.get(reg.SUB) != uri:
        where = form.subject
        raise VerificationError(Reason.STATUS_SUBJECT_MISMATCH, where)
    issued_at = number(claims, reg.IAT, required=True)
    not_after, ttl_s = number(claims, reg.EXP), number(claims, reg.TTL)
    not_before = number(claims, reg.NBF)
    if issued_at is None or ttl_s == 0:  # ttl is a positive number (section 5.1)
        raise MalformedError(Reason.CLAIM_INVALID, _WHERE + ".ttl")
    if issued_at > (now + limits.clock_skew_s if time == now else time):
        raise VerificationError(Reason.STATUS_LIST_IN_FUTURE, _WHERE + ".iat")
    if not_before is not None and time < not_before:
        raise VerificationError(Reason.STATUS_LIST_IN_FUTURE, _WHERE + ".nbf")
    if not_after is not None and time >= not_after:
        raise VerificationError(Reason.STATUS_LIST_EXPIRED, _WHERE + ".exp")
    if not_after is not None and not_after <= issued_at:  # the skew excuses an iat; a list holds for a time
        raise MalformedError(Reason.CLAIM_INVALID, _WHERE + ".exp")
    return VerifiedStatusList(
        uri,
        resolved.anchor,
        UnixTime(issued_at),
        _earlier(not_after, resolved.not_after),
        ttl_s,
        form.statuses(claims, limits),
        form.kind,
        purposes_of(claims) if form.kind is StatusKind.BITSTRING else (),
        _SEAL,
    )


def _open_jwt(body: bytes | str, limits: Limits, issuer: Callable[[bytes], str | None] | None = None) -> SignedObject:
    if isinstance(body, str) and not body.isascii():
        raise MalformedError(Reason.MALFORMED_BASE64, _WHERE + ".header")
    raw = body if isinstance(body, bytes) else body.encode("ascii")
    return jws.open_compact(raw, _WHERE, limits, issuer or _issuer_of_jwt)


def _open_credential(body: bytes | str, limits: Limits) -> SignedObject:
    return _open_jwt(body, limits, unverified_issuer)


def _open_cwt(body: bytes | str, _: Limits) -> SignedObject:
    if not isinstance(body, bytes):
        raise MalformedError(Reason.MALFORMED_TOKEN, _WHERE)
    # Section 5.2: under tag 18 (a MAC, tag 17, would need a key that we share), and never under tag 61.
    item = cose.untag(cbor.decode(body, _WHERE, _SIGN1), reg.COSE_SIGN1_TAG, _WHERE)
    message = cose.read_message(item, _WHERE)
    if message.payload is None:
        raise MalformedError(Reason.MALFORMED_TOKEN, _WHERE)
    if reg.COSE_CWT_CLAIMS in message.unprotected:  # RFC 9597 section 2: nobody has signed what stands there
        raise MalformedError(Reason.HEADER_INVALID, _WHERE + ".header")
    return cose.sign1(message, message.payload, reg.COSE_ALGORITHMS, _PROFILE, _WHERE, _issuer_of_cwt)


_SIGN1: Final = frozenset({reg.COSE_SIGN1_TAG, reg.URI_TAG})  # the latter in an x5u, which is refused as one
_PROFILE: Final = CertificateProfile.STATUS_LIST_SIGNER


def _claims_of_jwt(payload: bytes) -> dict[Any, Any]:
    return json.parse_object(payload, _WHERE, _DEPTH)


def _claims_of_cwt(payload: bytes) -> dict[Any, Any]:
    claims = cbor.load_signed(payload, _WHERE)
    if type(claims) is not dict:
        raise MalformedError(Reason.MALFORMED_CBOR, _WHERE)
    # What nobody asks for is sound too. Of the two lists the labels alone are looked at here: 65533.0 is none.
    cbor.check({label: None if label in _LISTS else claims[label] for label in claims}, _WHERE)
    if not _TEXTS.isdisjoint(claims):
        raise MalformedError(Reason.CLAIM_INVALID, _WHERE)  # a second claim of its kind, under its name in JSON
    return {_NAMES.get(label, label): value for label, value in claims.items()}


def _stated_by_jwt(_: SignedObject) -> Mapping[Any, Any]:
    return _NOTHING


def _stated_by_cwt(signed: SignedObject) -> Any:
    """Return the claims that the protected header states (RFC 9597)."""
    return cose.protected_of(signed.to_be_signed, _WHERE).get(reg.COSE_CWT_CLAIMS, _NOTHING)


def _check_stated(stated: Any, claims: Mapping[Any, Any]) -> None:
    """Refuse claims of the header that contradict the payload, or that we would have asked for there (RFC 9597)."""
    where = _WHERE + ".header.cwt_claims"
    # A list that stands in the header is refused as it is: it has no place there.
    if type(stated) not in (dict, MappingProxyType) or not _NOT_STATED.isdisjoint(stated):
        raise MalformedError(Reason.CLAIM_INVALID, where)
    for label, value in stated.items():
        name = _NAMES.get(label, label)
        # As bytes: to Python 1, 1.0 and True are equal.
        same = name in claims and cbor.encode(value) == cbor.encode(claims[name])
        if not same and (name in claims or label in _NAMES):
            raise MalformedError(Reason.CLAIM_INVALID, where)


_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
_TEXTS: Final = reg.CWT_CLAIM_TEXTS | {reg.TTL, reg.STATUS_LIST}
_LISTS: Final = frozenset({reg.CWT_STATUS_LIST, reg.CWT_IDENTIFIER_LIST})
_NOT_STATED: Final = _TEXTS | _LISTS
_NAMES: Final[dict[Any, str]] = {
    reg.CWT_ISS: reg.ISS,
    reg.CWT_SUB: reg.SUB,
    reg.CWT_EXP: reg.EXP,
    reg.CWT_NBF: reg.NBF,
    reg.CWT_IAT: reg.IAT,
    reg.CWT_TTL: reg.TTL,
}


def _list_of_jwt(claims: Mapping[Any, Any], limits: Limits) -> StatusList:
    member = claims.get(reg.STATUS_LIST)
    if type(member) is not dict:
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, _WHERE + ".status_list")
    return _inflated(member, base64url.decode_text(member.get("lst"), _WHERE + ".status_list.lst"), limits)


def _list_of_cwt(claims: Mapping[Any, Any], limits: Limits) -> StatusList:
    member = claims.get(reg.CWT_STATUS_LIST)
    if type(member) is not dict or type(member.get("lst")) is not bytes or reg.CWT_IDENTIFIER_LIST in claims:
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, _WHERE + ".status_list")
    statuses = _inflated(member, member["lst"], limits)
    cbor.check(member, _WHERE)
    return statuses


def _inflated(member: Mapping[Any, Any], compressed: bytes, limits: Limits) -> StatusList:
    bits = member.get("bits")
    if type(bits) is not int or bits not in reg.STATUS_BITS:
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, _WHERE + ".status_list.bits")
    return StatusList.decompress(compressed, bits=bits, limit_bytes=limits.status_list_inflated_bytes)


def _identifiers(claims: Mapping[Any, Any], _: Limits) -> IdentifierList:
    member: Any = claims.get(reg.CWT_IDENTIFIER_LIST)
    listed = member.get("identifiers") if type(member) is dict else None
    # 12.3.6.4: claim 65533 is not there. What it would say of a credential, nobody would have asked.
    if (
        type(listed) is not dict
        or reg.CWT_STATUS_LIST in claims
        or not {bytes}.issuperset(map(type, listed))
        or not {dict}.issuperset(map(type, listed.values()))
        or not all(0 < size <= _MAX_IDENTIFIER_BYTES for size in map(len, listed))
    ):
        raise MalformedError(Reason.STATUS_LIST_MALFORMED, _WHERE + ".identifier_list")
    stated = list(filter(None, listed.values()))  # of a nation there are very many, and nearly all are empty
    cbor.check([stated, {name: member[name] for name in member if name != "identifiers"}], _WHERE)
    return IdentifierList(listed)


_MAX_IDENTIFIER_BYTES: Final = 64  # as in a StatusReference


class _Form(NamedTuple):
    """What a media type is: how to open it, which typ it has, and how to read its claims and its list.

    `kind` says which references it answers; `issuer` and `subject` name its members in errors; `stated` returns the
    claims that stand in the header.
    """

    open: Callable[[bytes | str, Limits], SignedObject]
    typ: str
    claims: Callable[[bytes], dict[Any, Any]]
    statuses: Callable[[Mapping[Any, Any], Limits], StatusList | IdentifierList]
    kind: StatusKind = StatusKind.STATUS_LIST
    issuer: str = "status-list.iss"
    subject: str = "status-list.sub"
    stated: Callable[[SignedObject], Any] = _stated_by_jwt


def _earlier(expires: int | None, trusted_until: UnixTime) -> UnixTime | None:
    if trusted_until < MAX_UNIX_TIME:  # an anchor or a certificate that ends
        expires = trusted_until if expires is None else min(expires, trusted_until)
    return None if expires is None else UnixTime(expires)


def _issuer_of_jwt(payload: bytes) -> str | None:
    issuer = json.parse_object(payload, _WHERE, _DEPTH).get(reg.ISS)
    return issuer if type(issuer) is str else None


def _issuer_of_cwt(payload: bytes) -> str | None:
    # Nobody has signed it yet, so the bounds hold. What is beyond them names no issuer: the algorithm alone then says
    # which key is meant, or several may be, and that is a refusal.
    try:
        claims = cbor.decode(payload, _WHERE)
    except MalformedError:
        return None
    issuer = claims.get(reg.CWT_ISS) if type(claims) is dict else None
    return issuer if type(issuer) is str else None


_FORMS: Final[dict[str, _Form]] = {
    reg.MEDIA_STATUS_LIST_JWT: _Form(_open_jwt, reg.TYP_STATUS_LIST_JWT, _claims_of_jwt, _list_of_jwt),
    reg.MEDIA_STATUS_LIST_CWT: _Form(
        _open_cwt, reg.MEDIA_STATUS_LIST_CWT, _claims_of_cwt, _list_of_cwt, stated=_stated_by_cwt
    ),
    reg.MEDIA_IDENTIFIER_LIST_CWT: _Form(
        _open_cwt,
        reg.MEDIA_IDENTIFIER_LIST_CWT,
        _claims_of_cwt,
        _identifiers,
        StatusKind.IDENTIFIER_LIST,
        stated=_stated_by_cwt,
    ),
    reg.MEDIA_VC_JWT: _Form(
        _open_credential,
        reg.TYP_VC_JWT,
        claims_of_credential,
        list_of_credential,
        StatusKind.BITSTRING,
        "status-list.issuer",
        "status-list.id",
    ),
}
STATUS_LIST_MEDIA_TYPES: Final = tuple(_FORMS)
"""What `StatusStore.ingest` takes, the preferred one first: what a fetcher asks for."""
