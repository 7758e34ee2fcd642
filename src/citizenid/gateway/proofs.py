"""Sender proofs: that the request comes from who holds the key to which the ticket is bound. DPoP (RFC 9449).

Checks run from cheap to expensive, the signature last; the caller then uses up the proof in its replay guard. The URL
is compared after exactly the normalisation of RFC 3986 sections 6.2.2.1 and 6.2.3: case of scheme and host, the
default port, an empty path. Query and fragment are left out; the path is otherwise compared byte by byte.

Spec: RFC 9449 sections 4.3, 7.1, 8, 11.1; specs/profile-dpop.md.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final, NamedTuple

from .. import _registry as reg
from .._crypto import PublicKey, load_holder_key, same_text, verify_signature
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._limits import MAX_UNIX_TIME, Limits
from .._model import KeyHint, SignedObject, UnixTime
from .._wire import base64url, json, jws
from .cache import SieveCache
from .nonces import NonceKeys
from .ticket import ticket_hash

_MAX_PROOF_BYTES: Final = 16_384  # a proof by an ML-DSA-87 key has 11.3 kB; a server may take less in one header
_REMEMBERED_BYTES: Final = 1_024  # an EC or Ed25519 key takes 300; 4,096 such headers are 4 MB
UNSEEN_STEP_S: Final = 5  # a step of the clock that the gateway does not notice, twice, and a second of rounding
_MAX_URL_CHARS: Final = 8_192  # RFC 9110 section 4.1 asks for 8,000 at least
_MAX_JTI_CHARS: Final = 256
_PLAIN_TOKEN_BYTES: Final = 31
_DEPTH: Final = 4
_BOUNDS: Final = frozenset({reg.EXP, reg.NBF})
_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price
_SCHEMES: Final = ("https://", "http://")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class SenderProof(NamedTuple):
    """A verified proof.

    Attributes:
        thumbprint: of the sender key (RFC 7638), 32 bytes.
        token: at most 32 bytes that the replay guard remembers for this sender.
        lifetime_s: how long it must remember them.
        new_nonce: what to hand to the sender, because his nonce is about to end; else None.
    """

    thumbprint: bytes
    token: bytes
    lifetime_s: int
    new_nonce: str | None = None

    def __repr__(self) -> str:
        return "<SenderProof>"


class _SenderKey(NamedTuple):
    header: jws.Header
    key: PublicKey
    thumbprint: bytes

    def __repr__(self) -> str:
        return "<_SenderKey>"


SenderKeys = SieveCache[bytes, _SenderKey]
"""Sender keys seen before, by their encoded protected header: reading one is a pure function of those bytes."""


class ProofRules(NamedTuple):
    """What does not change from request to request.

    Attributes:
        origin: scheme and authority of the gateway as clients see it, normalised.
        max_age_s: how old a proof may be.
        limits: bounds.
        keys: sender keys seen before.
    """

    origin: str
    max_age_s: int
    limits: Limits
    keys: SenderKeys


def check_dpop(
    proof: bytes,
    *,
    method: str,
    url: str,
    ticket: bytes | None,
    rules: ProofRules,
    not_before: int,
    now: UnixTime,
    ath: str | None = None,
    nonces: NonceKeys | None = None,
    expected: bytes | None = None,
) -> SenderProof:
    """Verify a DPoP proof for one request.

    Args:
        proof: the value of the one DPoP header.
        method: the method of the request.
        url: the URL of the request; its path alone counts, the origin is the configured one.
        ticket: the ticket that came with it, or None at admission (then the proof must not name one).
        rules: what does not change.
        not_before: proofs made before this moment are refused: their use may have been forgotten.
        now: integer Unix seconds.
        ath: what `ath` must say of the ticket, if it is at hand.
        nonces: by which a nonce is known that the proof must hold; None when it need not hold one.
        expected: the thumbprint that the key must have; None at admission, where the challenge says it.

    Raises:
        MalformedError: a Reason of form, PROOF_MALFORMED.
        VerificationError: TYP_MISMATCH, CLAIM_MISSING, PROOF_METHOD_MISMATCH, PROOF_URL_MISMATCH,
            PROOF_TICKET_MISMATCH, PROOF_STALE, PROOF_IN_FUTURE, PROOF_NONCE_MISSING, PROOF_NONCE_MISMATCH,
            PROOF_KEY_MISMATCH, SIGNATURE_INVALID.
    """
    origin, max_age_s, limits, keys = rules
    if len(proof) > _MAX_PROOF_BYTES:
        raise MalformedError(Reason.INPUT_TOO_LARGE, "dpop")
    header_segment, payload_segment, signature_segment, to_be_signed = jws.split(proof, "dpop")
    sender = keys.get(header_segment)
    fresh = sender is None
    if sender is None:
        sender = _read_sender(header_segment, limits)
    header, key, thumbprint = sender
    payload = base64url.decode(payload_segment, "dpop.payload")
    signature = base64url.decode(signature_segment, "dpop.signature")
    if not payload or not signature:
        raise MalformedError(Reason.MALFORMED_TOKEN, "dpop")
    claims = json.parse_object(payload, "dpop.payload", _DEPTH)
    jti = claims.get("jti")
    if type(jti) is not str or not jti:
        jti = _text(claims, reg.JTI)
    token = jti.encode()
    if len(token) > _PLAIN_TOKEN_BYTES:
        token = replay_token(jti, "dpop.payload.jti")
    # What is equal at once needs no closer look; what is not is missing, no text, spelt otherwise, or another one.
    if claims.get("htm") != method and _text(claims, "htm"):
        raise VerificationError(Reason.PROOF_METHOD_MISMATCH, "dpop.payload.htm")
    if claims.get("htu") != url or not _is_ours(url, origin):
        _check_url(claims, url, origin)
    if ath is None or not same_text(claims.get("ath"), ath):
        _check_ticket(claims, ticket)
    issued_at, skew_s = claims.get("iat"), limits.clock_skew_s
    if type(issued_at) is not int or not 0 <= issued_at <= MAX_UNIX_TIME:
        raise _no_time(claims)
    if not now - max_age_s <= issued_at <= now + skew_s or issued_at < not_before:
        check_age(issued_at, max_age_s, skew_s, not_before, now, "dpop.payload.iat")
    if not _BOUNDS.isdisjoint(claims):
        _check_bounds(claims, now)
    new_nonce = None if nonces is None else _check_nonce(claims, nonces, thumbprint, now)
    # A thief's own proof is not worth a verification.
    if expected is not None and not hmac.compare_digest(thumbprint, expected):
        raise VerificationError(Reason.PROOF_KEY_MISMATCH, "dpop.header.jwk")
    signed = _new(SignedObject, (to_be_signed, payload, header[0], signature, header[2], header[1], None))
    verify_signature(signed, key, "dpop")
    if fresh and len(header_segment) <= _REMEMBERED_BYTES:  # and only keys that have just proved themselves
        keys.put(header_segment, sender)
    return _new(SenderProof, (thumbprint, token, max_age_s + skew_s + UNSEEN_STEP_S, new_nonce))


def lifetime_of(rules: ProofRules) -> int:
    """Return how long a proof must be remembered, seconds."""
    return rules.max_age_s + rules.limits.clock_skew_s + UNSEEN_STEP_S


def replay_token(identifier: str, where: str) -> bytes:
    """Return what is remembered of a proof's identifier: itself when it is short, its hash otherwise.

    A hash has 32 bytes and nothing that is kept as it is has more than 31: no identifier has the other one's token.

    Raises:
        MalformedError: LIMIT_EXCEEDED.
    """
    token = identifier.encode()
    if len(token) > _PLAIN_TOKEN_BYTES:
        if len(identifier) > _MAX_JTI_CHARS:
            raise MalformedError(Reason.LIMIT_EXCEEDED, where)
        token = hashlib.sha256(token).digest()
    return token


def check_age(issued_at: int, max_age_s: int, skew_s: int, not_before: int, now: UnixTime, where: str) -> None:
    """Refuse a proof that is too old or too young. Raises PROOF_STALE, PROOF_IN_FUTURE."""
    if issued_at > now + skew_s:
        raise VerificationError(Reason.PROOF_IN_FUTURE, where)
    if now - issued_at > max_age_s or issued_at < not_before:
        raise VerificationError(Reason.PROOF_STALE, where)


def unverified_sender(proof: bytes, limits: Limits) -> bytes | None:
    """Return the thumbprint that a proof claims, or None. Nothing is proven: a challenge may be made for it."""
    try:
        return _read_sender(jws.split(proof, "dpop")[0], limits).thumbprint if len(proof) <= _MAX_PROOF_BYTES else None
    except CitizenIDError:
        return None


def _read_sender(segment: bytes, limits: Limits) -> _SenderKey:
    header = jws.read_header(segment, "dpop", limits, subject_key=True)
    if header.typ != reg.TYP_DPOP:
        raise VerificationError(Reason.TYP_MISMATCH, "dpop.header.typ")
    key = load_holder_key(header.members[reg.JWK], "dpop.header.jwk")
    # Without the members: a header may carry more than the key, and what is remembered must be small.
    return _SenderKey(header._replace(hint=KeyHint(), members={}), key, key.thumbprint)


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if value is None and name not in claims:
        raise VerificationError(Reason.CLAIM_MISSING, f"dpop.payload.{name}")
    if type(value) is not str or not value:
        raise MalformedError(Reason.CLAIM_INVALID, f"dpop.payload.{name}")
    return value


def _is_ours(url: str, origin: str) -> bool:
    # Whether an `htu` that is this very URL says what it must: our origin as it stands, and then a path. A query or a
    # fragment is left out of both alike.
    size = len(origin)
    return url.startswith(origin) and url[size : size + 1] == "/" and len(url) <= _MAX_URL_CHARS and url.isascii()


def _check_url(claims: dict[str, Any], url: str, origin: str) -> None:
    check_url(url)
    if normalise_url(_text(claims, "htu")) != origin + path_of(url):
        raise VerificationError(Reason.PROOF_URL_MISMATCH, "dpop.payload.htu")


def check_url(url: str) -> None:
    """Refuse a request URL that is not absolute: a path alone would compare equal to the root. REQUEST_INVALID."""
    if (
        len(url) > _MAX_URL_CHARS
        or not url[:8].lower().startswith(_SCHEMES)
        or url[url.find("://") + 3 :][:1] in "/?#:"
    ):
        raise MalformedError(Reason.REQUEST_INVALID, "request.url")


def _check_ticket(claims: dict[str, Any], ticket: bytes | None) -> None:
    if ticket is None:
        if "ath" in claims:
            raise VerificationError(Reason.PROOF_TICKET_MISMATCH, "dpop.payload.ath")
        return
    if not same_text(claims.get("ath"), ticket_hash(ticket)) and _text(claims, "ath"):
        raise VerificationError(Reason.PROOF_TICKET_MISMATCH, "dpop.payload.ath")


def _no_time(claims: dict[str, Any]) -> CitizenIDError:
    if claims.get(reg.IAT) is None and reg.IAT not in claims:
        return VerificationError(Reason.CLAIM_MISSING, "dpop.payload.iat")
    return MalformedError(Reason.CLAIM_INVALID, "dpop.payload.iat")


def _check_bounds(claims: dict[str, Any], now: UnixTime) -> None:
    # Nobody asks for these, but where they stand they bind: a proof is a JWT (RFC 7519 sections 4.1.4 and 4.1.5).
    times = {reg.NBF: 0, reg.EXP: MAX_UNIX_TIME} | {name: claims[name] for name in claims if name in _BOUNDS}
    for name, time in times.items():
        if type(time) is not int or not 0 <= time <= MAX_UNIX_TIME:
            raise MalformedError(Reason.CLAIM_INVALID, f"dpop.payload.{name}")
    if now < times[reg.NBF]:
        raise VerificationError(Reason.PROOF_IN_FUTURE, "dpop.payload.nbf")
    if now >= times[reg.EXP]:
        raise VerificationError(Reason.PROOF_STALE, "dpop.payload.exp")


def _check_nonce(claims: dict[str, Any], nonces: NonceKeys, sender: bytes, now: UnixTime) -> str | None:
    nonce = claims.get(reg.NONCE)
    if nonce is None:
        raise VerificationError(Reason.PROOF_NONCE_MISSING, "dpop.payload.nonce")
    age = nonces.age(nonce, sender, now) if type(nonce) is str else None
    if age is None:
        raise VerificationError(Reason.PROOF_NONCE_MISMATCH, "dpop.payload.nonce")
    return nonces.make(sender, now) if age else None


def normalise_url(url: str) -> str:
    """Return scheme, authority and path of an absolute http(s) URL, normalised; see the docstring of this module.

    Raises:
        MalformedError: PROOF_MALFORMED when it is no such URL.
    """
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    rest = rest.partition("#")[0].partition("?")[0]
    authority, _slash, path = rest.partition("/")
    # With a port alone there is no host.
    if not separator or scheme not in _DEFAULT_PORTS or authority[:1] in ("", ":") or "@" in authority:
        raise MalformedError(Reason.PROOF_MALFORMED, "dpop.payload.htu")
    if not url.isascii():
        raise MalformedError(Reason.PROOF_MALFORMED, "dpop.payload.htu")
    authority = authority.lower()
    host = authority.removesuffix(_DEFAULT_PORTS[scheme])
    if host != authority and ":" in host[host.find("]") + 1 :]:  # a second port: this is no authority
        raise MalformedError(Reason.PROOF_MALFORMED, "dpop.payload.htu")
    return f"{scheme}://{host}/{path}"


def path_of(url: str) -> str:
    """Return the path of an absolute URL, "/" when it is empty, without query and fragment."""
    rest = url[url.find("://") + 3 :]
    if "?" in rest or "#" in rest:
        rest = rest.partition("#")[0].partition("?")[0]
    start = rest.find("/")
    return rest[start:] if start >= 0 else "/"
