"""V1 of SD-CWT: an SD-KBT, or the SD-CWT that an issuer hands over, taken apart. Nothing in it is known to be true.

Most are written in canonical CBOR, with nothing in the holder's headers that need not be there. Such a token is framed
by its literal bytes, and every other one by what it decodes to; what the two make of a token is the same.

Spec: draft-ietf-spice-sd-cwt sections 6 to 9 and 12 (between -07 and -08); RFC 9052 section 4; profile-sd-cwt.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from .. import _registry as reg
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._limits import Limits
from .._model import CertificateProfile, Format, KeyHint, Presentation, Serialization, SignedObject
from .._wire import base64url, cbor, cose

_FORMAT: Final = Format.SD_CWT
_CREDENTIAL: Final = "sd-cwt"
_PAYLOAD: Final = "sd-cwt.payload"
_HEADER: Final = "sd-cwt.header"
_KB: Final = "sd-kbt"
_KB_HEADER: Final = "sd-kbt.header"
_PROFILE: Final = CertificateProfile.SD_JWT_VC_ISSUER
_SIGN1: Final = frozenset({reg.COSE_SIGN1_TAG, reg.URI_TAG})  # the latter in an x5u, which is refused as one
# Header parameters with one place: what nobody signed must not say how digests are made, and what anybody may leave out
# must not be signed.
_SIGNED_ONLY: Final = frozenset({reg.COSE_SD_ALG, reg.COSE_CWT_CLAIMS, reg.COSE_KCWT})
_NOT_OURS: Final = frozenset({reg.COSE_SD_CLAIMS, reg.COSE_KCWT})
_CREDENTIAL_ONLY: Final = frozenset({reg.COSE_SD_CLAIMS, reg.COSE_SD_ALG, reg.COSE_CWT_CLAIMS})
_EMPTY: Final[Mapping[Any, Any]] = MappingProxyType({})
_new: Final = tuple.__new__  # of a named tuple, past the function that names its arguments: half the price


def open_presentation(data: object, limits: Limits, serialization: Serialization) -> tuple[Presentation, ...]:
    """V1: frame an SD-KBT, or the SD-CWT that an issuer hands over. Text is base64url.

    Raises:
        MalformedError: a Reason of form.
        VerificationError: TYP_MISMATCH for what says to be neither, DISCLOSURE_ENCRYPTED.
    """
    kind = type(data)
    if kind is not bytes and kind is not str:
        raise MalformedError(Reason.MALFORMED_TOKEN, _CREDENTIAL)
    if len(data) > limits.presentation_bytes:  # type: ignore[arg-type]  # mypy does not narrow by type() in a variable
        raise MalformedError(Reason.INPUT_TOO_LARGE, _CREDENTIAL)
    raw: bytes = data if kind is bytes else base64url.decode_text(data, _CREDENTIAL)  # type: ignore[assignment]  # as above
    canonical = _open_canonical(raw, limits)
    if canonical is not None:
        return (canonical,)
    refused = None
    try:
        return (_open(cbor.load(raw, _CREDENTIAL, _SIGN1), limits),)
    except CitizenIDError as error:
        refused = error
    cbor.decode(raw, _CREDENTIAL, _SIGN1)  # what is no sound CBOR is refused as that
    raise refused


def _open(item: Any, limits: Limits) -> Presentation:
    message = cose.untag(item, reg.COSE_SIGN1_TAG, _CREDENTIAL)
    outer = cose.read_message(message, _CREDENTIAL, reg.COSE_KCWT)
    typ = cose.typ_of(outer, _CREDENTIAL)
    binding = None
    if typ == reg.TYP_KB_CWT:
        binding, outer = _open_binding(outer)
    elif typ != reg.TYP_SD_CWT:  # it decides between two shapes, and any other is none of ours
        raise VerificationError(Reason.TYP_MISMATCH, _HEADER + ".typ")
    return _open_credential(outer, binding, limits)


def _open_binding(message: cose.Message) -> tuple[SignedObject, cose.Message]:
    members, unprotected = message.members, message.unprotected
    _check_headers(message, _KB_HEADER)
    if message.payload is None:
        raise MalformedError(Reason.MALFORMED_TOKEN, _KB)
    if (
        not _CREDENTIAL_ONLY.isdisjoint(members)
        or not _CREDENTIAL_ONLY.isdisjoint(unprotected)
        or reg.COSE_KCWT not in members
    ):
        raise MalformedError(Reason.HEADER_INVALID, _KB_HEADER)
    inner = cose.untag(members[reg.COSE_KCWT], reg.COSE_SIGN1_TAG, _KB_HEADER + ".kcwt")
    binding = cose.sign1(message, message.payload, reg.COSE_ALGORITHMS, _PROFILE, _KB)
    return binding, cose.read_message(inner, _CREDENTIAL)


def _open_credential(message: cose.Message, binding: SignedObject | None, limits: Limits) -> Presentation:
    members, unprotected, payload = message.members, message.unprotected, message.payload
    _check_headers(message, _HEADER)
    if payload is None:
        raise MalformedError(Reason.MALFORMED_TOKEN, _CREDENTIAL)
    if not _NOT_OURS.isdisjoint(members) or not _SIGNED_ONLY.isdisjoint(unprotected):
        raise MalformedError(Reason.HEADER_INVALID, _HEADER)
    disclosures: tuple[bytes, ...] = ()
    if reg.COSE_SD_CLAIMS in unprotected:
        disclosures = _disclosures(unprotected[reg.COSE_SD_CLAIMS], limits)
    credential = cose.sign1(message, payload, reg.COSE_ALGORITHMS, _PROFILE, _CREDENTIAL, _unverified_issuer)
    # No certificate is empty: the empty part ends them.
    parts = (credential.to_be_signed, credential.signature, *credential.key_hint.certificates, b"", *disclosures)
    half = b"".join([b"%d:%b" % (len(part), part) for part in parts])
    return _new(Presentation, (_FORMAT, credential, disclosures, half, binding, None, ()))


def _check_headers(message: cose.Message, where: str) -> None:
    # Section 6.3: of names in headers too, at any depth. In fewer bytes none is too long.
    if len(message.protected) > cbor.MAX_NAME_BYTES:
        cbor.check_names(message.members, where)
    if message.unprotected:
        cbor.check_names(message.unprotected, where)
    # Section 12: somebody else has the key. What such a disclosure holds could be anything, a nationality among it.
    if not (
        reg.COSE_SD_ENCRYPTED.isdisjoint(message.members) and reg.COSE_SD_ENCRYPTED.isdisjoint(message.unprotected)
    ):
        raise VerificationError(Reason.DISCLOSURE_ENCRYPTED, "disclosure")


def _disclosures(stated: Any, limits: Limits) -> tuple[bytes, ...]:
    if type(stated) is not list or not stated or not all(type(each) is bytes for each in stated):
        raise MalformedError(Reason.HEADER_INVALID, _HEADER + ".sd_claims")  # section 9 step 2: empty is invalid
    if len(stated) > limits.disclosures:
        raise MalformedError(Reason.LIMIT_EXCEEDED, "disclosure")
    return tuple(stated)


def _unverified_issuer(payload: bytes) -> str | None:
    claims = cbor.decode_marked(payload, _PAYLOAD)
    issuer = claims.get(reg.CWT_ISS) if type(claims) is dict else None
    return issuer if type(issuer) is str else None


# --- as canonical CBOR writes it ---

# The holder's protected header: alg; kcwt with the tag of a COSE_Sign1 around an array of four; and behind that, typ.
_ALG_AND_KCWT: Final = re.compile(
    rb"\xd2\x84(\x58.|\x59..)(?=\xa3\x01([\x00-\x17\x20-\x37]|[\x18\x38].)\x0d(\xd2\x84))", re.DOTALL
)
_NUMBERS: Final = {name: number for number, name in reg.COAP_CONTENT_FORMATS.items()}
_TYP: Final = cbor.encode(reg.COSE_TYP) + cbor.encode(_NUMBERS[reg.TYP_KB_CWT])
_SD_CLAIMS: Final = b"\xa1" + cbor.encode(reg.COSE_SD_CLAIMS)
_NO_MEMBERS: Final = 0xA0
_ALGORITHMS: Final = {cbor.encode(number): name for number, name in reg.COSE_ALGORITHMS.items()}
_HOLDER: Final = KeyHint(profile=_PROFILE)


def _open_canonical(raw: bytes, limits: Limits) -> Presentation | None:
    """Frame the common SD-KBT, of bytes that hold nothing else; None where `_open` must decide."""
    front = _ALG_AND_KCWT.match(raw)
    if front is None:
        return None
    size, number, _ = front.groups()
    algorithm = _ALGORITHMS.get(number)
    start, kcwt, position = front.end(), front.start(3), front.end(3)
    shown: list[bytes] = []
    end = start + int.from_bytes(size[1:], "big")
    try:
        header, position = _byte_string(raw, position)
        if raw[position] == _NO_MEMBERS:
            position += 1
        elif raw.startswith(_SD_CLAIMS, position):
            shown, position = _byte_strings(raw, position + len(_SD_CLAIMS))
        else:
            return None
        payload, position = _byte_string(raw, position)
        signature, position = _byte_string(raw, position)
        if raw[position:end] != _TYP or raw[end] != _NO_MEMBERS or algorithm is None:
            return None
        stated, last = _byte_string(raw, end + 1)
        proof, last = _byte_string(raw, last)
    except IndexError:
        return None
    if last != len(raw) or len(shown) > limits.disclosures:
        return None
    issuer = (_short_issuer if len(header) <= _REMEMBERED_BYTES else _issuer)(header)
    if issuer is None:
        return None
    by_issuer, algorithm_of_issuer, hint, typ = issuer
    to_be_signed = cose.structure(cose.SIGNATURE, by_issuer, payload)
    credential = _new(SignedObject, (to_be_signed, payload, algorithm_of_issuer, signature, hint, typ, None))
    to_be_signed = cose.structure(cose.SIGNATURE, raw[start:end], stated)
    binding = _new(SignedObject, (to_be_signed, stated, algorithm, proof, _HOLDER, reg.TYP_KB_CWT, None))
    # What keys a cache begins with a tag, and not with a digit as it does in `_open_credential`.
    half = raw[kcwt:position]
    return _new(Presentation, (_FORMAT, credential, tuple(shown), half, binding, None, ()))


def _issuer(header: bytes) -> tuple[bytes, str, KeyHint, str | None] | None:
    """Return what an issuer's protected header says: as it is signed, the algorithm, the key and the type.

    None for one that `_open` refuses, be it for what stands beside it here: `sd_claims` at most.
    """
    try:
        protected, members = cose.read_header(header, _CREDENTIAL)
        message = _new(cose.Message, (protected, members, _EMPTY, b"", b""))
        _check_headers(message, _HEADER)
        signed = cose.sign1(message, b"", reg.COSE_ALGORITHMS, _PROFILE, _CREDENTIAL, _unverified_issuer)
    except CitizenIDError:
        return None
    return None if not _NOT_OURS.isdisjoint(members) else (protected, signed.algorithm, signed.key_hint, signed.typ)


# One issuer writes one header over and over: a pure function of a few bytes, as the one in cose.py is.
_short_issuer: Final = lru_cache(maxsize=1_024)(_issuer)
_REMEMBERED_BYTES: Final = 128


def _byte_string(raw: bytes, position: int) -> tuple[bytes, int]:
    """Return the byte string that begins here, and where it ends; an IndexError says that none of 64 KiB does."""
    first = raw[position]
    start = position + 1
    if first == 0x58:
        start += 1
        end = start + raw[position + 1]
    elif first == 0x59:
        start += 2
        end = start + (raw[position + 1] << 8 | raw[position + 2])
    elif 0x40 <= first < 0x58:
        end = start + first - 0x40
    else:
        raise IndexError
    return raw[start:end], end


def _byte_strings(raw: bytes, position: int) -> tuple[list[bytes], int]:
    """Return an array of 1 to 255 byte strings and where it ends; an IndexError says that none stands here."""
    count = raw[position] - 0x80
    if count == 24:
        position += 1
        count = raw[position]
    elif not 0 <= count < 24:
        raise IndexError
    if not count:
        raise IndexError
    position += 1
    strings = []
    for _ in range(count):
        string, position = _byte_string(raw, position)
        strings.append(string)
    return strings, position
