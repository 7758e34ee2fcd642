"""SD-JWT VC, written: the issuer's credential and the holder's presentation.

What this file writes, the reader reads: it refuses to write what verification would refuse. The digest is taken over
the encoded disclosure, which is made once and never again.

Spec: RFC 9901 sections 4, 4.3, 8; SD-JWT VC section 2; specs/profile-sd-jwt-vc.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

import pybase64

from .. import _registry as reg
from .._crypto import Unsigned, jwk_text
from .._errors import CitizenIDError, Reason
from .._limits import MAX_STATUS_REFERENCES, Limits
from .._model import (
    Attestation,
    ClaimPath,
    Format,
    Presentation,
    Serialization,
    StatusKind,
    StatusReference,
    Validity,
)
from .._redaction import EVERYTHING, SD_JWT_MARKERS, Selection, redact
from .._wire import base64url
from .._wire.writing import check_algorithm, dump, dump_disclosure, dump_members, quote, signing_input
from ._protocol import IssueOptions, PresentOptions, Signer, Writer, claims_to_write

_HASHES: Final = {name: getattr(hashlib, function) for name, function in reg.SD_HASH_ALGORITHMS.items()}
_SALTS_AT_ONCE: Final = 16
_SALT_CHARS: Final = reg.SALT_BYTES * 4 // 3
_TUPLES: Final = frozenset({tuple})
_REFERENCES: Final = frozenset({StatusReference})
_STEPS: Final = frozenset({str, int, type(None)})
_COMPACT: Final = Serialization.COMPACT  # through its type each look costs several times as much
_STATUS_LIST: Final = StatusKind.STATUS_LIST
_BITSTRING: Final = StatusKind.BITSTRING
# Members that the attestation states in fields of its own; as claims they could contradict those. And the namespaces of
# an attestation that was prepared for an mdoc.
_RESERVED_CLAIMS: Final = (
    reg.CONTROL_CLAIMS | {reg.IAT, reg.ASSURANCE, reg.EVIDENCE_CHECKED_AT} | reg.MDOC_STATING_NAMESPACES
)


def issue(
    attestation: Attestation, signer: Signer, options: IssueOptions, draw: Callable[[int], bytes], limits: Limits
) -> Unsigned:
    """Prepare a credential.

    Args:
        attestation: what to state.
        signer: whose key signs and how the header names it.
        options: what may be withheld, decoys, digest algorithm, serialisation.
        draw: gives so many random bytes; salts and decoys are made of them.
        limits: bounds that the result must keep.

    Raises:
        CitizenIDError: CLAIM_RESERVED, CLAIM_INVALID, CLAIM_UNKNOWN, CLAIM_NOT_DISCLOSABLE, DEPTH_EXCEEDED,
            DISCLOSURE_DUPLICATE, LIMIT_EXCEEDED, INPUT_TOO_LARGE, HASH_ALGORITHM_NOT_ALLOWED,
            ALGORITHM_NOT_ALLOWED, STATUS_MECHANISM_UNKNOWN.
    """
    hash_ = _HASHES.get(options.hash_algorithm)
    if hash_ is None:
        raise CitizenIDError(Reason.HASH_ALGORITHM_NOT_ALLOWED, "hash_algorithm")
    if not _RESERVED_CLAIMS.isdisjoint(attestation.claims):
        raise CitizenIDError(Reason.CLAIM_RESERVED, "claims")
    if options.decoys > limits.digests:
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
    stated = claims_to_write(attestation)
    selection = _selection(stated, options)
    disclosures: list[bytes] = []
    salts, name_chars = _salts(draw), limits.claim_name_chars

    def conceal(name: str | None, value: Any) -> str:
        if name is not None and len(name) > name_chars:
            raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
        text = base64url.encode(dump_disclosure(next(salts), name, value, "claims"))
        disclosures.append(text)
        return base64url.encode_text(hash_(text).digest())

    claims = redact(stated, selection, conceal, SD_JWT_MARKERS, limits)
    if options.decoys:
        # RFC 9901 section 4.2.5: the digest of random bytes, so that nobody can tell it from a real one.
        decoys = [base64url.encode_text(hash_(next(salts).encode()).digest()) for _ in range(options.decoys)]
        if len(set(decoys)) != len(decoys):
            raise CitizenIDError(Reason.DISCLOSURE_DUPLICATE, "salts")
        claims[reg.SD] = sorted([*claims.get(reg.SD, []), *decoys])
    if disclosures or options.decoys:
        claims[reg.SD_ALG] = options.hash_algorithm
    if len(set(disclosures)) != len(disclosures):  # equal claims under equal salts: the random source is stuck
        raise CitizenIDError(Reason.DISCLOSURE_DUPLICATE, "salts")
    if len(disclosures) > limits.disclosures or len(disclosures) + options.decoys > limits.digests:
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "claims")
    algorithm = signer.key.algorithm
    header = _header(algorithm, signer.kid, signer.certificates)
    to_be_signed = header + base64url.encode(dump_members(_structural(attestation), claims, "claims"))
    if len(header) > limits.header_bytes + 1:  # the full stop counts to neither side
        raise CitizenIDError(Reason.INPUT_TOO_LARGE, "header")
    written = sum(map(len, disclosures)) + len(to_be_signed) + reg.SIGNATURE_BYTES[algorithm] * 2
    if written > limits.presentation_bytes // 2:  # leave the holder room for the key binding
        raise CitizenIDError(Reason.INPUT_TOO_LARGE, "claims")
    return Unsigned(
        to_be_signed,
        signer.key,
        lambda signature: _write(
            to_be_signed + b"." + base64url.encode(signature), disclosures, b"", options.serialization
        ),
    )


def _salts(draw: Callable[[int], bytes]) -> Iterator[str]:
    # Drawn and encoded many at a time; what is left over is thrown away. 18 bytes make 24 characters without a rest.
    last = ""
    while True:
        block = base64url.encode_text(draw(reg.SALT_BYTES * _SALTS_AT_ONCE))
        # Section 9.3: each claim has a salt of its own. A source that is stuck repeats itself at once.
        if block == last or block[:_SALT_CHARS] == block[_SALT_CHARS : 2 * _SALT_CHARS]:
            raise CitizenIDError(Reason.DISCLOSURE_DUPLICATE, "salts")
        last = block
        for start in range(0, len(block), _SALT_CHARS):
            yield block[start : start + _SALT_CHARS]


@lru_cache(maxsize=64)  # an issuer writes one header over and over
def _header(algorithm: str, kid: str, certificates: tuple[bytes, ...]) -> bytes:
    check_algorithm(algorithm, "header")
    header: dict[str, Any] = {reg.ALG: algorithm, reg.TYP: reg.TYP_SD_JWT_VC}
    if certificates:
        header[reg.X5C] = [pybase64.b64encode(der).decode("ascii") for der in certificates]
    else:
        header[reg.KID] = kid
    return base64url.encode(dump(header, "header")) + b"."


class _Chosen(NamedTuple):
    """What an issuer marks: members at the top, whole lists there, other paths, and all of them as a selection."""

    members: frozenset[object]
    lists: tuple[object, ...]
    deeper: tuple[ClaimPath, ...]
    selection: Selection


def _selection(claims: Mapping[Any, Any], options: IssueOptions) -> Selection:
    if options.disclosable is None:
        return EVERYTHING
    paths = tuple(options.disclosable)
    # Looked at each time, and before the cache: to a dict ("x", True) is ("x", 1).
    if not (_TUPLES.issuperset(map(type, paths)) and _STEPS.issuperset(map(type, chain.from_iterable(paths)))):
        paths = tuple(map(_path, paths))
    chosen = _choose(paths)
    known = chosen.members <= claims.keys()
    for name in chosen.lists:
        elements = claims.get(name)
        known = known and type(elements) is tuple and bool(elements)
    if not known or (chosen.deeper and not all(_exists(claims, path) for path in chosen.deeper)):
        raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclosable")
    return chosen.selection


def _path(path: object) -> ClaimPath:
    steps = tuple(path) if isinstance(path, (tuple, list)) else ()
    if not _STEPS.issuperset(map(type, steps)):
        raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclosable")
    return steps


@lru_cache(maxsize=64)  # an issuer marks the same paths in every credential of a type
def _choose(paths: tuple[ClaimPath, ...]) -> _Chosen:
    for path in paths:
        if not path:
            raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclosable")
        if path[0] in reg.CONTROL_CLAIMS:
            raise CitizenIDError(Reason.CLAIM_NOT_DISCLOSABLE, "disclosable")
    members = frozenset(path[0] for path in paths if len(path) == 1)
    lists = {path: path[0] for path in paths if path[1:] == (None,) and type(path[0]) is str}
    deeper = tuple(path for path in paths if len(path) > 1 and path not in lists)
    return _Chosen(members, tuple(lists.values()), deeper, Selection.of(paths))


def _exists(value: Any, path: ClaimPath) -> bool:
    for position, step in enumerate(path):
        if step is None:
            if type(value) is not tuple:
                return False
            below = path[position + 1 :]
            return any(_exists(item, below) for item in value) if below else bool(value)
        if type(step) is int:
            if type(value) is not tuple or not 0 <= step < len(value):
                return False
        elif not hasattr(value, "keys") or step not in value:
            return False
        value = value[step]
    return True


def _structural(attestation: Attestation) -> str:
    """Write what the profile itself states as the first members of the payload: JSON, without the braces."""
    issuer, vct, validity = attestation.issuer, attestation.type, attestation.validity
    for name, text in ((reg.ISS, issuer), (reg.VCT, vct)):
        if type(text) is not str or not text:
            raise CitizenIDError(Reason.CLAIM_INVALID, name)
    # Their fields are written as they are: only the classes that check them can be trusted not to hold more than that.
    if type(validity) is not Validity or not _REFERENCES.issuperset(map(type, attestation.status)):
        raise CitizenIDError(Reason.CLAIM_INVALID, "validity")
    members = f'"{reg.ISS}":{quote(issuer)},"{reg.VCT}":{quote(vct)}'
    if validity.issued_at is not None:
        members += f',"{reg.IAT}":{validity.issued_at}'
    if validity.not_before is not None:
        members += f',"{reg.NBF}":{validity.not_before}'
    members += f',"{reg.EXP}":{validity.not_after}'
    if attestation.holder_key is not None:
        check_algorithm(attestation.holder_key.algorithm, "cnf")  # a KB-JWT could not be signed with it
        members += f',"{reg.CNF}":{{"{reg.JWK}":{jwk_text(attestation.holder_key)}}}'
    if attestation.status:
        members += _status(attestation.status)
    assurance = attestation.assurance
    if assurance is not None:
        stated = f'{{"framework":{quote(assurance.framework)},"level":{quote(assurance.level)}}}'
        members += f',"{reg.ASSURANCE}":{stated}'
    return members


def _status(references: tuple[StatusReference, ...]) -> str:
    if len(references) > MAX_STATUS_REFERENCES:
        raise CitizenIDError(Reason.LIMIT_EXCEEDED, "status")
    member, entries = "", []
    for reference in references:
        if reference.kind is _BITSTRING:
            entries.append(
                f'{{"type":"{reg.BITSTRING_ENTRY}","statusPurpose":"{reference.purpose}",'
                f'"statusListIndex":"{reference.index}","statusListCredential":{quote(reference.uri)}}}'
            )
            continue
        # SD-JWT VC section 2.2.2.3: a status list, and nothing that a certificate could be said in.
        if reference.kind is not _STATUS_LIST or reference.certificate is not None:
            raise CitizenIDError(Reason.STATUS_MECHANISM_UNKNOWN, "status")
        if member:  # one status_list member is all that the claim has room for
            raise CitizenIDError(Reason.LIMIT_EXCEEDED, "status")
        place = f'{{"idx":{reference.index},"uri":{quote(reference.uri)}}}'
        member = f',"{reg.STATUS}":{{"{reg.STATUS_LIST}":{place}}}'
    if entries:
        written = entries[0] if len(entries) == 1 else f"[{','.join(entries)}]"
        member += f',"{reg.CREDENTIAL_STATUS}":{written}'
    return member


def present(credential: Presentation, options: PresentOptions) -> Unsigned:
    """Prepare a presentation of the chosen disclosures with a KB-JWT (RFC 9901 section 4.3).

    Args:
        credential: the framed credential, without key binding.
        options: what to show, to whom and when.

    Raises:
        CitizenIDError: NONCE_MISMATCH when the challenge's nonce is no text (a KB-JWT cannot carry bytes),
            ALGORITHM_NOT_ALLOWED for a MAC: a KB-JWT is signed.
    """
    _, hash_name, chosen, challenge, key, by_mac, now, serialization, _ = options
    nonce = challenge.nonce
    if not isinstance(nonce, str):
        raise CitizenIDError(Reason.NONCE_MISMATCH, "challenge.nonce")
    if by_mac:
        raise CitizenIDError(Reason.ALGORITHM_NOT_ALLOWED, "key")
    disclosures = [text for position, text in enumerate(credential.disclosures) if position in chosen]
    issuer_jwt = credential.issuer_half[: credential.issuer_half.index(b"~")]
    issuer_half = b"~".join((issuer_jwt, *disclosures, b""))
    to_be_signed = signing_input(
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
    if serialization is _COMPACT:
        return b"~".join((issuer_jwt, *disclosures, key_binding))
    protected, payload, signature = issuer_jwt.decode("ascii").split(".")
    header: dict[str, Any] = {"disclosures": [text.decode("ascii") for text in disclosures]}
    if key_binding:
        header["kb_jwt"] = key_binding.decode("ascii")
    signed = {"header": header, "protected": protected, "signature": signature}
    if serialization is Serialization.GENERAL:
        return dump({"payload": payload, "signatures": [signed]}, "sd-jwt")
    return dump({"payload": payload, **signed}, "sd-jwt")


WRITER: Final = Writer(Format.SD_JWT_VC, issue, present)
