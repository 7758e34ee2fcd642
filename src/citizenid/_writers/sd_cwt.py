"""SD-CWT, written: the issuer's credential and the holder's SD-KBT.

What this file writes, the reader reads: it refuses to write what verification would refuse. All of it is core
deterministic CBOR, but for what an issuer has made: its signed bytes and its disclosures are handed on as received.

Spec: draft-ietf-spice-sd-cwt sections 5, 7, 8 and 10 (between -07 and -08); RFC 9052 section 4.4; profile-sd-cwt.md.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from .. import _registry as reg
from .._crypto import Unsigned, cose_key
from .._errors import CitizenIDError, Reason
from .._limits import Limits
from .._model import (
    NO_TYPE,
    Attestation,
    ClaimPath,
    Format,
    Presentation,
    Serialization,
    StatusKind,
    StatusReference,
    Validity,
)
from .._redaction import EVERYTHING, SD_CWT_MARKERS, Selection, redact
from .._wire import base64url, cbor, cose, heads
from ._protocol import IssueOptions, PresentOptions, Signer, Writer, claims_to_write

_NUMBERS: Final = {name: number for number, name in reg.COSE_HASHES.items()}
_HASHES: Final = {name: getattr(hashlib, function) for name, function in reg.SD_HASH_ALGORITHMS.items()}
_SALTS_AT_ONCE: Final = 16
_STEPS: Final = frozenset({str, int, type(None)})
_MAX_KID_BYTES: Final = 255
# cbor2 counts sixteen levels, of which a tag or the array of a disclosure is one.
_MAX_DEPTH: Final = cbor.MAX_DEPTH - 1
_LONG_BYTES: Final = 1_024  # from here on the reader bounds the members of a map, and the items in all
# A key 59 cannot stand beside simple(59): many decoders, ours among them, take the two for one.
_MARKERS: Final = SD_CWT_MARKERS._replace(reserved=SD_CWT_MARKERS.reserved | {cbor.Redacted.KEY_NUMBER})
# Members that the attestation states in fields of its own; as claims they could contradict those. And the namespaces of
# an attestation that was prepared for an mdoc.
_RESERVED_CLAIMS: Final[frozenset[Any]] = (
    reg.CWT_CONTROL_CLAIMS
    | reg.CWT_CLAIM_TEXTS
    | {reg.ASSURANCE, reg.EVIDENCE_CHECKED_AT, reg.CREDENTIAL_STATUS}
    | reg.MDOC_STATING_NAMESPACES
)


def issue(
    attestation: Attestation, signer: Signer, options: IssueOptions, draw: Callable[[int], bytes], limits: Limits
) -> Unsigned:
    """Prepare a credential. A subject that `claims` do not state (2) is drawn at random, and hidden.

    Args:
        attestation: what to state.
        signer: whose key signs and how the header names it.
        options: what may be withheld, decoys, digest algorithm.
        draw: gives so many random bytes; salts and the subject are made of them.
        limits: bounds that the result must keep.

    Raises:
        CitizenIDError: CLAIM_RESERVED, CLAIM_INVALID, CLAIM_MISSING without a holder key, CLAIM_UNKNOWN,
            CLAIM_NOT_DISCLOSABLE, DEPTH_EXCEEDED, STATUS_MECHANISM_UNKNOWN, DISCLOSURE_DUPLICATE, LIMIT_EXCEEDED,
            INPUT_TOO_LARGE, HASH_ALGORITHM_NOT_ALLOWED, MALFORMED_CBOR for a value that CBOR cannot carry,
            CONFIGURATION_INVALID for another serialisation than the one there is.
    """
    hash_ = _HASHES.get(options.hash_algorithm)
    if hash_ is None:
        raise CitizenIDError(Reason.HASH_ALGORITHM_NOT_ALLOWED, "hash_algorithm")
    if options.serialization is not Serialization.COMPACT:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "serialization")
    if not _RESERVED_CLAIMS.isdisjoint(attestation.claims):
        raise CitizenIDError(Reason.CLAIM_RESERVED, "claims")
    if options.decoys > limits.digests:
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
    claims = claims_to_write(attestation)
    cbor.check_names(claims, "claims")
    selection = _selection(claims, options)
    disclosures: list[bytes] = []
    salts = _salts(draw)

    def conceal(name: Any, value: Any) -> bytes:
        return keep([next(salts), value] if name is None else [next(salts), value, name])

    def keep(disclosure: list[Any]) -> bytes:
        data = _readable(disclosure)
        disclosures.append(data)
        digest: bytes = hash_(cbor.byte_string(data)).digest()
        return digest

    shown = redact(claims, selection, conceal, _MARKERS, _within(limits))
    hidden = shown.pop(cbor.Redacted.KEYS, [])
    if reg.CWT_SUB not in claims:
        hidden.append(conceal(reg.CWT_SUB, base64url.encode_text(draw(reg.SD_CWT_SALT_BYTES))))
    elif type(claims[reg.CWT_SUB]) is not str or not claims[reg.CWT_SUB]:
        raise CitizenIDError(Reason.CLAIM_INVALID, "sub")
    hidden += [keep([next(salts)]) for _ in range(options.decoys)]
    if hidden:
        shown[cbor.Redacted.KEYS] = sorted(hidden)
    if len(set(disclosures)) != len(disclosures):  # equal claims under equal salts: the random source is stuck
        raise CitizenIDError(Reason.DISCLOSURE_DUPLICATE, "salts")
    if len(disclosures) > min(limits.disclosures, limits.digests):
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
    number = _NUMBERS[reg.SD_HASH_ALGORITHMS[options.hash_algorithm]]
    protected = _header(signer.key.algorithm, signer.kid, signer.certificates, number)
    if len(protected) > limits.header_bytes:
        raise CitizenIDError(Reason.INPUT_TOO_LARGE, "header")
    payload = _readable({**_structural(attestation), **shown})
    unprotected = {reg.COSE_SD_CLAIMS: disclosures} if disclosures else {}
    written = len(protected) + len(payload) + sum(map(len, disclosures)) + reg.SIGNATURE_BYTES[signer.key.algorithm]
    if written > limits.presentation_bytes // 2:  # leave the holder room for the key binding
        raise CitizenIDError(Reason.INPUT_TOO_LARGE, "claims")
    return Unsigned(
        cose.structure(cose.SIGNATURE, protected, payload),
        signer.key,
        lambda signature: _SIGN1 + cose.write(protected, unprotected, payload, signature),
    )


_SIGN1: Final = cbor.head(6, reg.COSE_SIGN1_TAG)


def _readable(value: Any) -> bytes:
    data = cbor.encode(value, "claims")
    if len(data) > _LONG_BYTES:
        heads.refuse_costly(data, "claims")
    return data


@lru_cache(maxsize=8)
def _within(limits: Limits) -> Limits:
    return limits if limits.depth <= _MAX_DEPTH else dataclasses.replace(limits, depth=_MAX_DEPTH)


def _salts(draw: Callable[[int], bytes]) -> Iterator[bytes]:
    # Drawn many at a time; what is left over is thrown away.
    size, last = reg.SD_CWT_SALT_BYTES, b""
    while True:
        block = draw(size * _SALTS_AT_ONCE)
        # Section 7.1: each disclosure has a salt of its own. A source that is stuck repeats itself at once.
        if block == last or block[:size] == block[size : 2 * size]:
            raise CitizenIDError(Reason.DISCLOSURE_DUPLICATE, "salts")
        last = block
        for start in range(0, len(block), size):
            yield block[start : start + size]


@lru_cache(maxsize=64)  # an issuer writes one header over and over
def _header(algorithm: str, kid: str, certificates: tuple[bytes, ...], hash_number: int) -> bytes:
    header: dict[Any, Any] = {
        reg.COSE_ALG: reg.COSE_WRITTEN[algorithm],
        reg.COSE_TYP: _CONTENT_FORMATS[reg.TYP_SD_CWT],
        reg.COSE_SD_ALG: hash_number,
    }
    if certificates:  # RFC 9360 section 2: one certificate stands by itself
        header[reg.COSE_X5CHAIN] = certificates[0] if len(certificates) == 1 else list(certificates)
    else:
        header[reg.COSE_KID] = _kid(kid)
    return cbor.encode(header, "header")


_CONTENT_FORMATS: Final = {name: number for number, name in reg.COAP_CONTENT_FORMATS.items()}


def _kid(kid: str) -> bytes:
    data = kid.encode("utf-8")  # an Issuer has no other
    if len(data) > _MAX_KID_BYTES:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "issuer.kid")
    return data


def _selection(claims: Mapping[Any, Any], options: IssueOptions) -> Selection:
    if options.disclosable is None:
        return EVERYTHING
    paths = [_path(path) for path in options.disclosable]
    for path in paths:
        if path and path[0] in reg.CWT_CONTROL_CLAIMS:
            raise CitizenIDError(Reason.CLAIM_NOT_DISCLOSABLE, "disclosable")
        if not path or not _exists(claims, path):
            raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclosable")
    return Selection.of(paths)


def _path(path: object) -> ClaimPath:
    steps = tuple(path) if isinstance(path, (tuple, list)) else ()
    if not _STEPS.issuperset(map(type, steps)):  # exactly: to a dict True is 1
        raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclosable")
    return steps


def _exists(value: Any, path: ClaimPath) -> bool:
    for position, step in enumerate(path):
        if type(value) is tuple:
            if step is None:
                below = path[position + 1 :]
                return any(_exists(item, below) for item in value)
            if type(step) is not int or not 0 <= step < len(value):
                return False
        elif step is None or not hasattr(value, "keys") or step not in value:
            return False
        value = value[step]
    return True


def _structural(attestation: Attestation) -> dict[Any, Any]:
    """Return what the profile itself states, under the labels of its claims."""
    issuer, type_, validity, holder_key = (
        attestation.issuer,
        attestation.type,
        attestation.validity,
        attestation.holder_key,
    )
    if type(issuer) is not str or not issuer or type(type_) is not str:
        raise CitizenIDError(Reason.CLAIM_INVALID, reg.ISS)
    if type(validity) is not Validity or not _REFERENCES.issuperset(map(type, attestation.status)):
        raise CitizenIDError(Reason.CLAIM_INVALID, "validity")
    if holder_key is None:  # section 7: cnf is never left out
        raise CitizenIDError(Reason.CLAIM_MISSING, reg.CNF)
    issued_at, not_before, not_after = validity.issued_at, validity.not_before, validity.not_after
    if issued_at is not None and not (not_before or 0) <= issued_at < not_after:  # section 9 step 3
        raise CitizenIDError(Reason.CLAIM_INVALID, reg.IAT)
    members: dict[Any, Any] = {
        reg.CWT_ISS: issuer,
        reg.CWT_EXP: not_after,
        reg.CWT_CNF: {reg.CNF_COSE_KEY: cose_key(holder_key)},
    }
    if type_ != NO_TYPE:
        members[reg.CWT_VCT] = type_
    if issued_at is not None:
        members[reg.CWT_IAT] = issued_at
    if not_before is not None:
        members[reg.CWT_NBF] = not_before
    if len(attestation.status) > 1:  # one status_list member is all that the claim has room for
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "status")
    for reference in attestation.status:
        if reference.kind is not StatusKind.STATUS_LIST or reference.certificate is not None:
            raise CitizenIDError(Reason.STATUS_MECHANISM_UNKNOWN, "status")
        members[reg.CWT_STATUS] = {reg.STATUS_LIST: {"idx": reference.index, "uri": reference.uri}}
    assurance = attestation.assurance
    if assurance is not None:
        members[reg.ASSURANCE] = {"framework": assurance.framework, "level": assurance.level}
    return members


_REFERENCES: Final = frozenset({StatusReference})


def present(credential: Presentation, options: PresentOptions) -> Unsigned:
    """Prepare an SD-KBT that holds the credential with the chosen disclosures (draft section 8.1).

    What the issuer signed and his disclosures are written as received; of what he did not sign, whatever names his key.

    Args:
        credential: the framed credential, without key binding.
        options: what to show, to whom and when.

    Raises:
        CitizenIDError: ALGORITHM_NOT_ALLOWED for a MAC: an SD-KBT is signed. CONFIGURATION_INVALID for another
            serialisation than the one there is.
    """
    _, _, chosen, challenge, key, by_mac, now, serialization, _ = options
    if serialization is not Serialization.COMPACT:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "serialization")
    if by_mac:
        raise CitizenIDError(Reason.ALGORITHM_NOT_ALLOWED, "key")
    nonce = challenge.nonce
    protected = b"".join(
        (
            b"\xa3",
            cbor.encode(reg.COSE_ALG),
            cbor.encode(reg.COSE_WRITTEN[key.algorithm]),
            cbor.encode(reg.COSE_KCWT),
            _showing(credential, chosen),
            cbor.encode(reg.COSE_TYP),
            cbor.encode(_CONTENT_FORMATS[reg.TYP_KB_CWT]),
        )
    )
    payload = cbor.encode(
        {
            reg.CWT_AUD: challenge.audience,
            reg.CWT_IAT: now,
            reg.CWT_CNONCE: nonce.encode() if isinstance(nonce, str) else nonce,
        }
    )
    return Unsigned(
        cose.structure(cose.SIGNATURE, protected, payload),
        key,
        lambda signature: _SIGN1 + cose.write(protected, {}, payload, signature),
    )


def _showing(credential: Presentation, chosen: Collection[int]) -> bytes:
    signed = credential.credential
    _, protected, _, _ = cbor.decode(signed.to_be_signed, "sd-cwt")
    header = cose.protected_of(signed.to_be_signed, "sd-cwt")
    kid, certificates, _, _ = signed.key_hint
    unprotected: dict[Any, Any] = {}
    if kid is not None and reg.COSE_KID not in header:
        unprotected[reg.COSE_KID] = kid.encode("utf-8", "surrogateescape")
    if certificates and reg.COSE_X5CHAIN not in header:
        unprotected[reg.COSE_X5CHAIN] = certificates[0] if len(certificates) == 1 else list(certificates)
    shown = [data for position, data in enumerate(credential.disclosures) if position in chosen]
    if shown:
        unprotected[reg.COSE_SD_CLAIMS] = shown
    return _SIGN1 + cose.write(protected, unprotected, signed.payload, signed.signature)


WRITER: Final = Writer(Format.SD_CWT, issue, present)
