"""What a format is to the issuer and the holder: the mirror image of a reader, a record of functions.

Writers are pure: random bytes come from a function that is handed in and times as numbers, and what leaves is
`Unsigned`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from .. import _registry as reg
from .._crypto import PublicKey, Unsigned
from .._errors import CitizenIDError, Reason
from .._limits import Limits
from .._model import (
    Attestation,
    Challenge,
    ClaimPath,
    Format,
    Presentation,
    Serialization,
    UnixTime,
    Validity,
    evidence_time,
)


class Signer(NamedTuple):
    """Who signs a credential, and how the header points at the key: by certificates if there are some, else by kid."""

    key: PublicKey
    kid: str
    certificates: tuple[bytes, ...]


class IssueOptions(NamedTuple):
    """How to issue: what may be withheld later (None: all that may be), decoys, digest algorithm, serialisation."""

    disclosable: Iterable[ClaimPath] | None
    decoys: int
    hash_algorithm: str
    serialization: Serialization


class PresentOptions(NamedTuple):
    """How to present.

    Attributes:
        type: the credential's type.
        hash_name: hashlib's name of its digest algorithm.
        chosen: positions of the disclosures to show; what they stand inside is among them.
        challenge: what to answer.
        key: the holder's public key.
        by_mac: whether the holder proves possession by a MAC, for the formats that know one.
        now: when, Unix seconds.
        serialization: how to write an SD-JWT.
        credential: the credential as it was received, for a format that passes on more of it than was framed.
    """

    type: str
    hash_name: str
    chosen: Collection[int]
    challenge: Challenge
    key: PublicKey
    by_mac: bool
    now: UnixTime
    serialization: Serialization
    credential: bytes = b""


class Writer(NamedTuple):
    """A format. `issue` makes credentials; `present` makes a presentation with the chosen disclosures."""

    format: Format
    issue: Callable[[Attestation, Signer, IssueOptions, Callable[[int], bytes], Limits], Unsigned]
    present: Callable[[Presentation, PresentOptions], Unsigned]


def evidence_to_write(attestation: Attestation) -> UnixTime | None:
    """Return when the issuer checked its evidence, as a credential may state it, or None when it does not say.

    Raises:
        CitizenIDError: CLAIM_INVALID for what is no time, and for one that lies after the time of issue, or without
            that not before the end of the validity.
    """
    checked_at, validity = attestation.evidence_at, attestation.validity
    if checked_at is None:
        return None
    moment = evidence_time(checked_at)
    if type(validity) is Validity:  # whatever else it is, is for the format to refuse
        latest = validity.not_after - 1 if validity.issued_at is None else validity.issued_at
        if moment > latest:
            raise CitizenIDError(Reason.CLAIM_INVALID, reg.EVIDENCE_CHECKED_AT)
    return moment


def claims_to_write(attestation: Attestation) -> Mapping[Any, Any]:
    """Return the claims of an attestation, and among them when the evidence was checked: it may be withheld like them.

    Raises:
        CitizenIDError: CLAIM_INVALID as above, and for a time in another type than ours, where nobody would read it.
    """
    claims, checked_at = attestation.claims, evidence_to_write(attestation)
    if checked_at is None:
        return claims
    if attestation.type != reg.VCT_CITIZENSHIP:
        raise CitizenIDError(Reason.CLAIM_INVALID, reg.EVIDENCE_CHECKED_AT)
    return {**claims, reg.EVIDENCE_CHECKED_AT: checked_at}
