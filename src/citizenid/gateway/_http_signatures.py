"""HTTP Message Signatures (RFC 9421) as sender proofs: a profile of it, parsed strictly, by keys that come along.

    Signature-Input: citizenship=("@method" "@target-uri" "citizenship-ticket");created=1800000000;nonce="..."
                     ;keyid="<RFC 7638 thumbprint>";alg="ed25519";tag="citizenship"          (on one line)
    Signature: citizenship=:<base64>:
    Citizenship-Key: <JWK, base64url>

Of several signatures the one with our tag counts; there must be one of them. What it covers is what is signed: the
body only if `content-digest` is covered, and then whoever reads the body must compare its digest. The signature base is
made of the received slice of `Signature-Input`, of the configured origin, and of the headers as they came.

Spec: RFC 9421 sections 2, 3.2, 4; RFC 8941; specs/profile-sender-proofs.md section 3.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from .. import _registry as reg
from .._crypto import PublicKey, load_holder_key, verify_signature
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._limits import MAX_UNIX_TIME
from .._model import KeyHint, SignedObject, UnixTime
from .._wire import base64url, json
from .cache import SieveCache
from .proofs import ProofRules, SenderProof, check_age, check_url, lifetime_of, path_of, replay_token

_MAX_INPUT_BYTES: Final = 4_096
_MAX_SIGNATURE_BYTES: Final = 2_048
_MAX_KEY_BYTES: Final = 1_024  # an EC or Ed25519 key takes 200
_MAX_COMPONENTS: Final = 32
_DEPTH: Final = 2
# RFC 8941 in its canonical spelling (section 4.1), strings without escapes: whatever else a list may hold is refused.
_KEY: Final = rb"[a-z*][a-z0-9_.*-]*"
_STRING: Final = rb'"[ !#-\[\]-~]*"'
_INTEGER: Final = rb"0|-?[1-9][0-9]{0,14}"
_PARAMETER: Final = rb";%s(?:=(?:%s|%s))?" % (_KEY, _STRING, _INTEGER)
_ITEM: Final = rb"%s(?:%s)*" % (_STRING, _PARAMETER)
_MEMBER: Final = re.compile(rb"(%s)=(\(((?:%s(?: %s)*)?)\)((?:%s)*))" % (_KEY, _ITEM, _ITEM, _PARAMETER))
_ONE_PARAMETER: Final = re.compile(rb";(%s)(?:=(?:(%s)|(%s)))?" % (_KEY, _STRING, _INTEGER))
_COMPONENT: Final = re.compile(rb'"(@?[a-z0-9!#$%&\'*+.^_`|~-]+)"')
_SIGNATURE: Final = re.compile(rb"(%s)=:([A-Za-z0-9+/]+={0,2}):" % _KEY)
_BETWEEN: Final = re.compile(rb"[ \t]*,[ \t]*")
_INTEGERS: Final = frozenset({b"created", b"expires"})
_STRINGS: Final = frozenset({b"nonce", b"keyid", b"alg", b"tag"})
_REQUIRED: Final = frozenset({b"created", b"nonce", b"keyid", b"alg", b"tag"})
_TAG: Final = reg.SIGNATURE_TAG.encode("ascii")
_METHOD: Final = reg.COMPONENT_METHOD.encode("ascii")
_TARGET_URI: Final = reg.COMPONENT_TARGET_URI.encode("ascii")
_TICKET: Final = reg.HEADER_TICKET
_WHERE: Final = "http-signature"


class _SigningKey(NamedTuple):
    key: PublicKey
    thumbprint: bytes
    keyid: str

    def __repr__(self) -> str:
        return "<_SigningKey>"


SigningKeys = SieveCache[bytes, _SigningKey]
"""Keys seen before, by the value of their header: reading one is a pure function of those bytes."""


class _Input(NamedTuple):
    label: bytes
    labels: set[bytes]  # of all signatures, whoever made them
    components: tuple[bytes, ...]
    parameters: dict[bytes, bytes | int]
    value: bytes  # the received slice: what `@signature-params` says in the signature base

    def __repr__(self) -> str:
        return "<_Input>"


def check_http_signature(
    fields: Mapping[bytes, bytes],
    *,
    method: str,
    url: str,
    ticket: bytes | None,
    rules: ProofRules,
    keys: SigningKeys,
    not_before: int,
    now: UnixTime,
    expected: bytes | None = None,
) -> SenderProof:
    """Verify the signature of a request.

    Args:
        fields: the headers of the request, as `read_fields` has them.
        method: the method of the request.
        url: the URL of the request; path and query count, the origin is the configured one.
        ticket: the ticket that came with it, or None at admission (then the signature must not cover one).
        rules: what does not change.
        keys: keys seen before.
        not_before: signatures made before this moment are refused: their use may have been forgotten.
        now: integer Unix seconds.
        expected: the thumbprint that the key must have; None at admission, where the challenge says it.

    Raises:
        MalformedError: PROOF_MALFORMED, a Reason of form, KEY_INVALID.
        VerificationError: PROOF_MISSING, PROOF_COMPONENT_MISSING, PROOF_TICKET_MISMATCH, PROOF_KEY_MISMATCH,
            PROOF_STALE, PROOF_IN_FUTURE, SIGNATURE_INVALID, ALGORITHM_MISMATCH.
    """
    text, signatures = fields.get(reg.HEADER_SIGNATURE_INPUT), fields.get(reg.HEADER_SIGNATURE)
    if text is None or signatures is None:
        raise VerificationError(Reason.PROOF_MISSING, _WHERE)
    stated = _read_input(text)
    key_text, sender, fresh = _find_key(fields, keys)
    parameters = stated.parameters
    algorithm = reg.HTTP_SIGNATURE_ALGORITHMS.get(_string(parameters, b"alg"))
    if algorithm is None:
        raise MalformedError(Reason.ALGORITHM_NOT_ALLOWED, "http-signature.alg")
    if _string(parameters, b"keyid") != sender.keyid:
        raise VerificationError(Reason.PROOF_KEY_MISMATCH, "http-signature.keyid")
    token = replay_token(_string(parameters, b"nonce"), "http-signature.nonce")
    _check_time(parameters, rules, not_before, now)
    base = _signature_base(stated, fields, method, url, ticket, rules.origin)
    if expected is not None and not hmac.compare_digest(sender.thumbprint, expected):  # a thief's own is not worth more
        raise VerificationError(Reason.PROOF_KEY_MISMATCH, "http-signature.keyid")
    signature = _find_signature(signatures, stated)
    signed = SignedObject(base, b"", algorithm, signature, KeyHint(), None)
    verify_signature(signed, sender.key, _WHERE)
    if fresh:
        keys.put(key_text, sender)
    return SenderProof(sender.thumbprint, token, lifetime_of(rules))


def unverified_signing_key(fields: Mapping[bytes, bytes]) -> bytes | None:
    """Return the thumbprint of the key that a request shows, or None. Nothing is proven: a challenge may be made."""
    try:
        return _read_key(_key_text(fields)).thumbprint
    except CitizenIDError:
        return None


def _read_input(text: bytes) -> _Input:
    found = []
    labels = set()
    if type(text) is not bytes or len(text) > _MAX_INPUT_BYTES:
        raise MalformedError(Reason.INPUT_TOO_LARGE, "http-signature.input")
    place = 0
    while True:
        member = _MEMBER.match(text, place)
        if member is None or member[1] in labels:
            raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.input")
        labels.add(member[1])
        parameters = _read_parameters(member[4])
        purpose = parameters.get(b"tag")
        if type(purpose) is bytes and purpose == _TAG:
            found.append((member, parameters))
        place = member.end()
        if place == len(text):
            break
        between = _BETWEEN.match(text, place)
        if between is None:
            raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.input")
        place = between.end()
    if not found:
        raise VerificationError(Reason.PROOF_MISSING, _WHERE)
    if len(found) > 1:
        raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.input")
    member, parameters = found[0]
    if not parameters.keys() >= _REQUIRED or not parameters.keys() <= _INTEGERS | _STRINGS:
        raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.input")
    # What has no value is b"". A number is not compared with bytes: with -bb Python raises what nobody expects.
    if any(type(value) is not (bytes if name in _STRINGS else int) for name, value in parameters.items()):
        raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.input")
    if b"" in [value for value in parameters.values() if type(value) is bytes]:
        raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.input")
    return _Input(member[1], labels, tuple(member[3].split(b" ")) if member[3] else (), parameters, member[2])


def _read_parameters(text: bytes) -> dict[bytes, bytes | int]:
    parameters: dict[bytes, bytes | int] = {}
    for name, string, integer in _ONE_PARAMETER.findall(text):
        if name in parameters:  # RFC 8941 lets the last one win
            raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.input")
        parameters[name] = string[1:-1] if string else int(integer) if integer else b""
    return parameters


def _string(parameters: dict[bytes, bytes | int], name: bytes) -> str:
    value = parameters[name]
    return value.decode("ascii") if type(value) is bytes else ""


def _check_time(parameters: dict[bytes, bytes | int], rules: ProofRules, not_before: int, now: UnixTime) -> None:
    created, expires = parameters[b"created"], parameters.get(b"expires", MAX_UNIX_TIME)
    if type(created) is not int or type(expires) is not int or created < 0:
        raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.created")
    check_age(created, rules.max_age_s, rules.limits.clock_skew_s, not_before, now, "http-signature.created")
    if now >= expires:
        raise VerificationError(Reason.PROOF_STALE, "http-signature.expires")


def _signature_base(
    stated: _Input, fields: Mapping[bytes, bytes], method: str, url: str, ticket: bytes | None, origin: str
) -> bytes:
    # RFC 9421 section 2.5. A line end in a value could write further lines: no server lets one through, and we look.
    # All of it is ASCII, or an error (step 4).
    check_url(url)
    if not url.isascii() or not method.isascii() or not method.isprintable() or not url.isprintable():
        raise MalformedError(Reason.REQUEST_INVALID, "request")
    covered: dict[bytes, bytes] = {}
    for component in stated.components:
        named = _COMPONENT.fullmatch(component)
        name = b"" if named is None else named[1]
        if not name or name in covered or len(covered) >= _MAX_COMPONENTS:
            raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.components")
        if name == _METHOD:
            value = method.encode("ascii")
        elif name == _TARGET_URI:
            value = (origin + _path_and_query(url)).encode("ascii")
        else:
            # What is not there cannot be covered, nor another derived component: a header of its name is the client's.
            value = b"\n" if name[:1] == b"@" else fields.get(name, b"\n")
            if type(value) is not bytes or b"\n" in value or b"\r" in value or not value.isascii():
                raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.components")
        covered[name] = value
    if _METHOD not in covered or _TARGET_URI not in covered or (ticket is not None and _TICKET not in covered):
        raise VerificationError(Reason.PROOF_COMPONENT_MISSING, "http-signature.components")
    if ticket is None and _TICKET in covered:
        raise VerificationError(Reason.PROOF_TICKET_MISMATCH, "http-signature.components")
    lines = [b'"%s": %s' % item for item in covered.items()]
    return b"\n".join([*lines, b'"@signature-params": ' + stated.value])


def _path_and_query(url: str) -> str:
    query = url.partition("#")[0].partition("?")
    return path_of(url) + query[1] + query[2]


def _find_signature(text: bytes, stated: _Input) -> bytes:
    found = []
    labels = set()
    if type(text) is not bytes or len(text) > _MAX_SIGNATURE_BYTES:
        raise MalformedError(Reason.INPUT_TOO_LARGE, "http-signature.signature")
    parts = text.split(b",")  # not by a pattern: it would try a long run of spaces at each of them
    for place, part in enumerate(parts):
        inner = part.lstrip(b" \t") if place else part
        member = _SIGNATURE.fullmatch(inner if place == len(parts) - 1 else inner.rstrip(b" \t"))
        if member is None or member[1] in labels:
            raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.signature")
        labels.add(member[1])
        if member[1] == stated.label:
            found.append(member[2])
    if not found:
        raise VerificationError(Reason.PROOF_MISSING, _WHERE)
    if labels != stated.labels:  # section 4: one in one field and not in the other is an error
        raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.signature")
    return base64url.decode_standard(found[0], "http-signature.signature")


def _key_text(fields: Mapping[bytes, bytes]) -> bytes:
    text = fields.get(reg.HEADER_KEY)
    if text is None:
        raise VerificationError(Reason.PROOF_MISSING, "http-signature.key")
    if type(text) is not bytes or len(text) > _MAX_KEY_BYTES:
        raise MalformedError(Reason.INPUT_TOO_LARGE, "http-signature.key")
    return text


def _find_key(fields: Mapping[bytes, bytes], keys: SigningKeys) -> tuple[bytes, _SigningKey, bool]:
    text = _key_text(fields)
    held = keys.get(text)
    return (text, _read_key(text), True) if held is None else (text, held, False)


def _read_key(text: bytes) -> _SigningKey:
    where = "http-signature.key"
    key = load_holder_key(json.parse_object(base64url.decode(text, where), where, _DEPTH), where)
    if key.algorithm not in reg.HTTP_SIGNATURE_ALGORITHMS.values():
        raise MalformedError(Reason.ALGORITHM_NOT_ALLOWED, where)
    return _SigningKey(key, key.thumbprint, base64url.encode_text(key.thumbprint))
