"""Strategies for what an issuer signs and a holder shows, with all that is needed to verify it.

Everything is made through the public doors, by an issuer whom the forge trusts too, and is valid at `NOW`.

Spec: specs/verification.md; the profile of each format in specs/.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, final

from cryptography.hazmat.primitives import serialization as _serialization
from hypothesis import strategies as st

from ... import (
    ANY,
    AgreementKey,
    Attestation,
    Challenge,
    Citizenship,
    ClaimPath,
    Format,
    HandoverKind,
    KeyPurpose,
    LocalKey,
    NeedStatusList,
    Serialization,
    StatusReference,
    TrustAnchors,
    UnixTime,
)
from ...holder import Credential
from ...issuer import Issuer
from ...status import StatusStore
from ...verifier import VerifiedPresentation, verify
from ..forge import mdoc as _mdoc
from ..forge import mdoc_keys
from ..forge.certificates import local_key
from ..forge.mdoc_issuer import OURS
from ..forge.parts import (
    ISSUER,
    NOW,
    OTHER_INDEX,
    REVOKED_INDEX,
    STATUS_SIZE,
    STATUS_URI,
    SUSPENDED_INDEX,
    VCT,
    key,
)
from ..forge.status_lists import shared_statuses
from .values import COSE_ALGORITHMS, DAY, JOSE_ALGORITHMS, assurances, challenges, citizenships, validities
from .wire import CITIZENSHIP, STRUCTURAL, person_claims, scalars

PERSON: Final = "org.example.person"
"""The namespace of a person's further claims in an mdoc."""
CURVES: Final = {
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    "ESB256": "brainpoolP256r1",
    "ESB384": "brainpoolP384r1",
    "ESB512": "brainpoolP512r1",
    "Ed25519": "Ed25519",
    "Ed448": "Ed448",
}
ALGORITHMS: Final = {
    Format.SD_JWT_VC: JOSE_ALGORITHMS,
    Format.MDOC: tuple(CURVES),
    Format.SD_CWT: COSE_ALGORITHMS,
}
"""With which credentials of each format are signed, and shown."""
AGREEMENTS: Final = ("ES256", "ES384", "ES512", "ESB256", "ESB384", "ESB512")
"""The curves of those that can make a deviceMac as well."""
VALID_INDICES: Final = tuple(
    index for index in range(STATUS_SIZE) if index not in (REVOKED_INDEX, SUSPENDED_INDEX, OTHER_INDEX)
)


@cache
def issuer_key(format: Format, algorithm: str) -> LocalKey:
    """Return the issuer's key of an algorithm; the one of ES256 is trusted by the forge as well."""
    if format is Format.MDOC:
        return local_key(mdoc_keys.key("signer", CURVES[algorithm]))
    return key("issuer", algorithm)


def issuer(format: Format, algorithm: str = "ES256", *, seed: bytes = b"") -> Issuer:
    """Return the issuer, as he signs in a format; his salts are the same for the same seed."""
    chain = (mdoc_keys.signer_certificate(CURVES[algorithm]),) if format is Format.MDOC else ()
    private = issuer_key(format, algorithm)
    return Issuer(identifier=ISSUER, key=private, certificates=chain, kid=None if chain else "k1", random=drawn(seed))


@cache
def anchors(format: Format, algorithm: str = "ES256") -> TrustAnchors:
    """Trust him, for this format and the citizenship of every country."""
    if format is Format.MDOC:
        return _mdoc.anchors()
    public = issuer_key(format, algorithm).public
    scope: dict[str, Any] = {"purpose": KeyPurpose.CREDENTIAL, "formats": [format], "types": [VCT], "countries": ANY}
    return TrustAnchors.from_jwks(ISSUER, {"keys": [{**public.to_jwk(), "kid": "k1"}]}, **scope)


@cache
def holder_key(format: Format, algorithm: str, *, by_mac: bool = False) -> LocalKey | AgreementKey:
    """Return the holder's key of an algorithm."""
    if by_mac:
        return device_agreement(algorithm)
    if format is Format.MDOC:
        return local_key(device_key(algorithm))
    return key("holder", algorithm)


@cache
def device_agreement(algorithm: str) -> AgreementKey:
    """Return the holder's key in an mdoc with which a MAC is agreed on, of the curve of this algorithm."""
    return AgreementKey.from_pem(_pem(device_key(algorithm, by_mac=True)))


def device_key(algorithm: str, *, by_mac: bool = False) -> Any:
    """Return the holder's key in an mdoc, as `cryptography` has it."""
    return mdoc_keys.key("device that makes MACs" if by_mac else "device", CURVES[algorithm])


def _pem(private: Any) -> bytes:
    form = _serialization
    return bytes(private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))


def drawn(seed: bytes) -> Callable[[int], bytes]:
    """Return a source of bytes that do not repeat and are the same for the same seed."""
    numbers = itertools.count()
    return lambda size: hashlib.shake_256(seed + next(numbers).to_bytes(8, "big")).digest(size)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Issued:
    """A credential, and how it came about.

    Attributes:
        data: as the issuer wrote it.
        format: of it. `serialization`: of an SD-JWT.
        stated: what the issuer states.
        algorithm: of the issuer's signature. `holder_algorithm`: of the holder's.
        by_mac: whether the holder proves possession by a MAC.
        now: a time at which it is valid.
    """

    data: bytes
    format: Format
    serialization: Serialization
    stated: Attestation
    algorithm: str
    holder_algorithm: str
    by_mac: bool = False
    now: int = NOW

    @property
    def anchors(self) -> TrustAnchors:
        """Trust who issued it."""
        return anchors(self.format, self.algorithm)

    @property
    def issuer(self) -> LocalKey:
        """The key that signed it."""
        return issuer_key(self.format, self.algorithm)

    @property
    def holder(self) -> LocalKey | AgreementKey:
        """The key of the person whom it is about."""
        return holder_key(self.format, self.holder_algorithm, by_mac=self.by_mac)

    def receive(self) -> Credential:
        """Take it into a wallet."""
        return Credential.receive(
            self.data, format=self.format, anchors=self.anchors, now=self.now, serialization=self.serialization
        )

    def present(self, shown: Iterable[ClaimPath], challenge: Challenge, *, now: int | None = None) -> Presented:
        """Show these claims of it to whoever asks."""
        paths, at = tuple(shown), self.now if now is None else now
        data = self.receive().present(
            paths,
            challenge=challenge,
            key=self.holder,
            peer=challenge.audience,
            now=at,
            serialization=self.serialization,
        )
        return Presented(self, data, paths, challenge, shared_statuses(), at)

    def __repr__(self) -> str:
        """Return what it is, without its bytes."""
        return f"<Issued {self.format}, {self.serialization}, {self.algorithm} for {self.holder_algorithm}>"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:  # hypothesis would print every field
        printer.text(repr(self))


@final
@dataclass(frozen=True, slots=True, repr=False)
class Presented:
    """A presentation, and what it takes to verify it.

    Attributes:
        issued: the credential.
        data: the presentation.
        shown: the paths of what the holder chose to show.
        challenge: that it answers.
        statuses: the lists at hand.
        now: when it is shown.
    """

    issued: Issued
    data: bytes
    shown: tuple[ClaimPath, ...]
    challenge: Challenge
    statuses: StatusStore
    now: int

    @property
    def format(self) -> Format:
        """The format."""
        return self.issued.format

    @property
    def stated(self) -> Attestation:
        """What the issuer states, shown or not."""
        return self.issued.stated

    @property
    def anchors(self) -> TrustAnchors:
        """Trust who issued it."""
        return self.issued.anchors

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `verify`."""
        return {
            "format": self.format,
            "anchors": self.anchors,
            "challenge": self.challenge,
            "statuses": self.statuses,
            "now": self.now,
            "serialization": self.issued.serialization,
        }

    def verify(self, data: bytes | str | None = None, **changes: Any) -> VerifiedPresentation | NeedStatusList:
        """Verify it, or `data` in its place; any argument may be replaced."""
        return verify(self.data if data is None else data, **(self.arguments() | changes))

    def answering(self, challenge: Challenge, *, now: int) -> Presented:
        """Show the same of the same credential to somebody else."""
        return self.issued.present(self.shown, challenge, now=now)

    def __repr__(self) -> str:
        """Return what it is, without its bytes."""
        return f"<Presented {self.issued!r}, {len(self.shown)} paths shown, {self.challenge.handover.kind}>"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:  # hypothesis would print every field
        printer.text(repr(self))


def further_claims(format: Format) -> st.SearchStrategy[dict[Any, Any]]:
    """Further claims of a person, in the shape of the format; in an SD-CWT a name may be an integer."""
    if format is Format.SD_JWT_VC:
        return person_claims()
    # An mdoc and an SD-CWT hold what CBOR holds: integers of 64 bits.
    small = scalars().filter(lambda value: type(value) is not int or -(2**63) <= value < 2**63)
    values = small | st.lists(small, max_size=3)
    texts = st.text(min_size=1, max_size=8).filter(lambda name: name not in STRUCTURAL | CITIZENSHIP | {"_sd_alg"})
    if format is Format.MDOC:
        return st.dictionaries(st.just(PERSON), st.dictionaries(texts, values, min_size=1, max_size=4), max_size=1)
    return st.dictionaries(texts.map("x-".__add__) | st.integers(-70_000, -65_537), values, max_size=4)


@st.composite
def attestations(
    draw: st.DrawFn, format: Format, *, algorithms: Iterable[str] | None = None, by_mac: bool = False
) -> Attestation:
    """What the issuer of the forge may state in a format: a citizenship and further claims of the person.

    Args:
        draw: hypothesis.
        format: whose shape the claims have.
        algorithms: of the holder's key; all that the format has by default.
        by_mac: whether it is a key for MACs.
    """
    algorithm = draw(st.sampled_from(tuple(algorithms or (AGREEMENTS if by_mac else ALGORITHMS[format]))))
    return draw(_attestations(format, holder_key(format, algorithm, by_mac=by_mac)))


@st.composite
def _attestations(draw: st.DrawFn, format: Format, holder: LocalKey | AgreementKey) -> Attestation:
    citizenship: Citizenship = draw(citizenships())
    index = draw(st.none() | st.sampled_from(VALID_INDICES))
    return Attestation(
        type=OURS if format is Format.MDOC else VCT,
        issuer=ISSUER,
        claims=draw(further_claims(format)) | citizenship.to_claims(format),
        validity=draw(validities(lifetime_s=DAY if index is None else 30 * DAY, format=format)),
        holder_key=holder.public,
        status=() if index is None else (StatusReference(STATUS_URI, index),),
        assurance=draw(st.none() | assurances()),
        evidence_at=draw(st.none() | st.integers(NOW - 400 * DAY, NOW - 3_600).map(UnixTime)),
    )


@st.composite
def credentials(
    draw: st.DrawFn,
    format: Format,
    *,
    algorithms: Iterable[str] | None = None,
    serializations: Iterable[Serialization] = tuple(Serialization),
    by_mac: bool = False,
) -> Issued:
    """Credentials of the issuer of the forge: with any algorithm, hash, serialisation, decoys and hidden claims.

    Args:
        draw: hypothesis.
        format: of the credential.
        algorithms: of issuer and holder; all that the format has by default.
        serializations: how an SD-JWT may be written.
        by_mac: whether the holder is to prove possession by a MAC (mdoc).
    """
    among = tuple(algorithms or ALGORITHMS[format])
    holders = tuple(each for each in among if each in AGREEMENTS) if by_mac else among
    algorithm, holder_algorithm = draw(st.sampled_from(among)), draw(st.sampled_from(holders))
    stated = draw(_attestations(format, holder_key(format, holder_algorithm, by_mac=by_mac)))
    options: dict[str, Any] = {"hash_algorithm": draw(st.sampled_from(["sha-256", "sha-384", "sha-512"]))}
    if format is not Format.MDOC:
        options["decoys"] = draw(st.integers(0, 3))
        tops: Any = st.lists(st.sampled_from([(name,) for name in stated.claims]), unique=True)
        options["disclosable"] = draw(st.none() | tops)
    serialization = Serialization.COMPACT
    if format is Format.SD_JWT_VC:
        serialization = options["serialization"] = draw(st.sampled_from(tuple(serializations)))
    door = issuer(format, algorithm, seed=draw(st.binary(min_size=4, max_size=4)))
    data = door.issue(stated, format=format, **options)
    return Issued(data, format, serialization, stated, algorithm, holder_algorithm, by_mac)


@st.composite
def presentations(
    draw: st.DrawFn,
    format: Format,
    *,
    algorithms: Iterable[str] | None = None,
    serializations: Iterable[Serialization] = tuple(Serialization),
    asked: st.SearchStrategy[Challenge] | None = None,
    by_mac: bool | None = None,
) -> Presented:
    """Valid presentations: some of what can be withheld is shown, in answer to a challenge.

    Args:
        draw: hypothesis.
        format: of the presentation.
        algorithms: of issuer and holder; all that the format has by default.
        serializations: how an SD-JWT may be written.
        asked: challenges; of every handover by default.
        by_mac: whether possession is proved by a MAC (mdoc); drawn by default.
    """
    challenge: Challenge = draw(challenges() if asked is None else asked)
    if by_mac is None:
        kinds = (HandoverKind.DC_API, HandoverKind.OPENID4VP)
        by_mac = format is Format.MDOC and challenge.handover.kind in kinds and draw(st.booleans())
    issued: Issued = draw(credentials(format, algorithms=algorithms, serializations=serializations, by_mac=by_mac))
    if by_mac:
        challenge = replace(challenge, reader_key=reader_key(issued.holder_algorithm))
    offered = list(issued.receive().disclosable)
    shown = draw(st.lists(st.sampled_from(offered), unique=True, max_size=6)) if offered else []
    return issued.present(shown, challenge)


@cache
def reader_key(algorithm: str) -> AgreementKey:
    """Return the verifier's key with which a holder's key of this algorithm agrees on a MAC."""
    return AgreementKey.from_pem(_pem(mdoc_keys.key("reader", CURVES[algorithm])))
