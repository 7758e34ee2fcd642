"""SD-JWT VC, written: the issuer's credential and the holder's presentation.

What this file writes, the reader reads: it refuses to write what verification would refuse. The digest is taken over
the encoded disclosure, which is made once and never again.

Spec: RFC 9901 sections 4, 4.3, 8; SD-JWT VC section 2; specs/profile-sd-jwt-vc.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any, Final

import pybase64

from .. import _registry as reg
from .._crypto import PublicKey, Unsigned
from .._errors import CitizenIDError, Reason
from .._limits import Limits
from .._model import Attestation, Challenge, ClaimPath, Format, Presentation, Serialization, UnixTime
from .._redaction import EVERYTHING, SD_JWT_MARKERS, Selection, redact
from .._wire import base64url, json, jws
from ._protocol import IssueOptions, Signer, Writer

# Members that the attestation states in fields of its own; as claims they could contradict those.
_RESERVED_CLAIMS: Final = reg.CONTROL_CLAIMS | {reg.IAT, reg.ASSURANCE}


def issue(
    attestation: Attestation, signer: Signer, options: IssueOptions, salts: Iterator[bytes], limits: Limits
) -> Unsigned:
    """Prepare a credential.

    Args:
        attestation: what to state.
        signer: whose key signs and how the header names it.
        options: what may be withheld, decoys, digest algorithm, serialisation.
        salts: fresh random salts of 16 bytes; as many are drawn as there are disclosures and decoys.
        limits: bounds that the result must keep.

    Raises:
        CitizenIDError: CLAIM_RESERVED, CLAIM_INVALID, CLAIM_UNKNOWN, CLAIM_NOT_DISCLOSABLE, DEPTH_EXCEEDED,
            DISCLOSURE_DUPLICATE, LIMIT_EXCEEDED, INPUT_TOO_LARGE, HASH_ALGORITHM_NOT_ALLOWED.
    """
    hash_name = reg.SD_HASH_ALGORITHMS.get(options.hash_algorithm)
    if hash_name is None:
        raise CitizenIDError(Reason.HASH_ALGORITHM_NOT_ALLOWED, "hash_algorithm")
    if not _RESERVED_CLAIMS.isdisjoint(attestation.claims):
        raise CitizenIDError(Reason.CLAIM_RESERVED, "claims")
    selection = _selection(attestation, options)
    disclosures: list[bytes] = []
    hash_, encode, encode_text = getattr(hashlib, hash_name), base64url.encode, base64url.encode_text

    def conceal(name: str | None, value: Any) -> str:
        if name is not None and len(name) > limits.claim_name_chars:
            raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
        text = encode(json.dump_disclosure(encode_text(next(salts)), name, value, "claims"))
        disclosures.append(text)
        return encode_text(hash_(text).digest())

    claims = redact(attestation.claims, selection, conceal, SD_JWT_MARKERS, limits)
    if options.decoys:
        # RFC 9901 section 4.2.5: the digest of random bytes, so that nobody can tell it from a real one.
        decoys = [base64url.encode_text(hash_(next(salts)).digest()) for _ in range(options.decoys)]
        claims[reg.SD] = sorted([*claims.get(reg.SD, []), *decoys])
    payload = {**_structural(attestation), **claims}
    if disclosures or options.decoys:
        payload[reg.SD_ALG] = options.hash_algorithm
    if len(set(disclosures)) != len(disclosures):  # equal claims under equal salts: the random source is stuck
        raise CitizenIDError(Reason.DISCLOSURE_DUPLICATE, "salts")
    if len(disclosures) > limits.disclosures or len(disclosures) + options.decoys > limits.digests:
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
    to_be_signed = _header(signer) + b"." + encode(json.dump(payload, "claims"))
    written = sum(map(len, disclosures)) + len(to_be_signed) + reg.SIGNATURE_BYTES[signer.key.algorithm] * 2
    if to_be_signed.index(b".") > limits.header_bytes:
        raise CitizenIDError(Reason.INPUT_TOO_LARGE, "header")
    if written > limits.presentation_bytes // 2:  # leave the holder room for the key binding
        raise CitizenIDError(Reason.INPUT_TOO_LARGE, "claims")
    return Unsigned(
        to_be_signed,
        signer.key,
        lambda signature: _write(
            to_be_signed + b"." + base64url.encode(signature), disclosures, b"", options.serialization
        ),
    )


@lru_cache(maxsize=64)  # an issuer writes one header over and over
def _header(signer: Signer) -> bytes:
    header: dict[str, Any] = {reg.ALG: signer.key.algorithm, reg.TYP: reg.TYP_SD_JWT_VC}
    if signer.certificates:
        header[reg.X5C] = [pybase64.b64encode(der).decode("ascii") for der in signer.certificates]
    elif signer.kid is not None:
        header[reg.KID] = signer.kid
    return base64url.encode(json.dump(header, "header"))


def _selection(attestation: Attestation, options: IssueOptions) -> Selection:
    if options.disclosable is None:
        return EVERYTHING
    paths = tuple(_path(each) for each in options.disclosable)
    selection = _select(paths)
    claims = attestation.claims
    for path in paths:
        if not (path[0] in claims if len(path) == 1 else _exists(claims, path)):
            raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclosable")
    return selection


def _path(path: object) -> ClaimPath:
    steps = tuple(path) if isinstance(path, (tuple, list)) else ()
    if not steps or any(type(step) not in (str, int, type(None)) for step in steps):
        raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclosable")
    return steps


@lru_cache(maxsize=64)  # an issuer marks the same paths in every credential of a type
def _select(paths: tuple[ClaimPath, ...]) -> Selection:
    for path in paths:
        if path[0] in reg.CONTROL_CLAIMS:
            raise CitizenIDError(Reason.CLAIM_NOT_DISCLOSABLE, "disclosable")
    return Selection.of(paths)


def _exists(value: Any, path: ClaimPath) -> bool:
    for position, step in enumerate(path):
        if step is None:
            return type(value) is tuple and any(_exists(item, path[position + 1 :]) for item in value)
        if type(step) is int:
            if type(value) is not tuple or not 0 <= step < len(value):
                return False
        elif type(step) is bool or not hasattr(value, "keys") or step not in value:
            return False
        value = value[step]
    return True


def _structural(attestation: Attestation) -> dict[str, Any]:
    payload: dict[str, Any] = {reg.ISS: attestation.issuer, reg.VCT: attestation.type}
    for name, text in payload.items():
        if type(text) is not str or not text:
            raise CitizenIDError(Reason.CLAIM_INVALID, name)
    validity = attestation.validity
    if validity.issued_at is not None:
        payload[reg.IAT] = validity.issued_at
    if validity.not_before is not None:
        payload[reg.NBF] = validity.not_before
    payload[reg.EXP] = validity.not_after
    if attestation.holder_key is not None:
        payload[reg.CNF] = {reg.JWK: attestation.holder_key.to_jwk()}
    if len(attestation.status) > 1:  # one status_list member is all that the claim has room for
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "status")
    for reference in attestation.status:
        payload[reg.STATUS] = {reg.STATUS_LIST: {"idx": reference.index, "uri": reference.uri}}
    if attestation.assurance is not None:
        payload[reg.ASSURANCE] = {"framework": attestation.assurance.framework, "level": attestation.assurance.level}
    return payload


def present(
    credential: Presentation,
    hash_name: str,
    chosen: Collection[int],
    challenge: Challenge,
    key: PublicKey,
    now: UnixTime,
    serialization: Serialization,
) -> Unsigned:
    """Prepare a presentation of the chosen disclosures with a KB-JWT (RFC 9901 section 4.3).

    Args:
        credential: the framed credential, without key binding.
        hash_name: hashlib's name of its digest algorithm.
        chosen: positions of the disclosures to show; parents included by the caller.
        challenge: what to answer.
        key: the holder's public key.
        now: when, Unix seconds.
        serialization: how to write it down.

    Raises:
        CitizenIDError: NONCE_MISMATCH when the challenge's nonce is no text (a KB-JWT cannot carry bytes).
    """
    nonce = challenge.nonce
    if not isinstance(nonce, str):
        raise CitizenIDError(Reason.NONCE_MISMATCH, "challenge.nonce")
    disclosures = [text for position, text in enumerate(credential.disclosures) if position in chosen]
    issuer_jwt = credential.issuer_half[: credential.issuer_half.index(b"~")]
    issuer_half = b"~".join((issuer_jwt, *disclosures, b""))
    to_be_signed = jws.signing_input(
        {reg.ALG: key.algorithm, reg.TYP: reg.TYP_KEY_BINDING},
        {
            reg.IAT: now,
            reg.AUD: challenge.audience,
            reg.NONCE: nonce,
            reg.SD_HASH: base64url.encode_text(hashlib.new(hash_name, issuer_half).digest()),
        },
        "kb-jwt",
    )
    return Unsigned(
        to_be_signed,
        key,
        lambda signature: _write(
            issuer_jwt, disclosures, to_be_signed + b"." + base64url.encode(signature), serialization
        ),
    )


def _write(issuer_jwt: bytes, disclosures: list[bytes], key_binding: bytes, serialization: Serialization) -> bytes:
    if serialization is Serialization.COMPACT:
        return b"~".join((issuer_jwt, *disclosures, key_binding))
    protected, payload, signature = issuer_jwt.decode("ascii").split(".")
    header: dict[str, Any] = {"disclosures": [text.decode("ascii") for text in disclosures]}
    if key_binding:
        header["kb_jwt"] = key_binding.decode("ascii")
    signed = {"header": header, "protected": protected, "signature": signature}
    if serialization is Serialization.GENERAL:
        return json.dump({"payload": payload, "signatures": [signed]}, "sd-jwt")
    return json.dump({"payload": payload, **signed}, "sd-jwt")


WRITER: Final = Writer(Format.SD_JWT_VC, issue, present)
