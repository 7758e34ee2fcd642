"""The vocabulary: what an issuer says, what a holder shows and what a verifier asks, as values without behaviour.

Nothing here verifies anything. `Presentation` and `SignedObject` are what came in, about which nothing is known;
`Attestation` is what an issuer states, whoever holds it; the verified types that say more live in `verifier.py`.

Spec: specs/terms.md.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NewType, NoReturn, final

from . import _registry as reg
from ._answer import Answer, problem
from ._errors import CitizenIDError, MalformedError, Reason
from ._limits import MAX_UNIX_TIME
from .countries import SPECIAL_ALPHA2, Country

if TYPE_CHECKING:
    from ._crypto import PublicKey  # a type alone: specs/decisions/0003 says why the class stands above

_MAX_COUNTRIES: Final = 32  # nationalities one person may state; three is rare

UnixTime = NewType("UnixTime", int)
"""Integer seconds since 1970-01-01T00:00:00Z. `not_after` is exclusive: valid while now < not_after."""


def check_now(now: object) -> UnixTime:
    """Return `now` as UnixTime.

    Raises:
        CitizenIDError: CLOCK_UNUSABLE for anything but an integer of Unix seconds. A NaN is never later than anything.
    """
    if type(now) is not int or now < 0:
        raise CitizenIDError(Reason.CLOCK_UNUSABLE, "now")
    return UnixTime(now)


ClaimPath = tuple[str | int | None, ...]
"""A path into the claims, as in DCQL (OpenID4VP 1.0 section 7): names, indices, and None for every array element."""


class Format(StrEnum):
    """A credential format. It is always named by the caller, never guessed from the bytes."""

    SD_JWT_VC = "dc+sd-jwt"


class Serialization(Enum):
    """How an SD-JWT is written down (RFC 9901 sections 4 and 8). In the general form the first signature counts."""

    COMPACT = "compact"
    FLATTENED = "flattened"
    GENERAL = "general"


class Binding(IntEnum):
    """How a ticket is bound to its sender, from weak to strong. A rule's binding is a floor."""

    BEARER = 0  # whoever has it may use it
    DPOP = 1  # RFC 9449: a signature over each request

    def __bool__(self) -> NoReturn:
        raise TypeError("a Binding has no truth value; compare it")


class KeyPurpose(StrEnum):
    """What a trusted key may sign. One key entry has one purpose (RFC 8725 section 3.12)."""

    CREDENTIAL = "credential"
    STATUS_LIST = "status_list"


class StatusKind(Enum):
    """The mechanism that a status reference points into."""

    STATUS_LIST = "status_list"


class Status(IntEnum):
    """A status type of the Token Status List (section 7.1). Other values are application specific or reserved."""

    VALID = reg.STATUS_VALID
    INVALID = reg.STATUS_INVALID
    SUSPENDED = reg.STATUS_SUSPENDED
    OTHER = 0x100  # any value but the three above: never valid

    def __bool__(self) -> NoReturn:
        raise TypeError("a Status has no truth value; compare it with Status.VALID")


@final
@dataclass(frozen=True, slots=True)
class Validity:
    """When a credential is valid, in Unix seconds: `not_before <= now < not_after`.

    Raises:
        MalformedError: CLAIM_INVALID unless each time is an integer in [0, 2**53), and the times are in order.
    """

    issued_at: UnixTime | None
    not_before: UnixTime | None
    not_after: UnixTime

    def __post_init__(self) -> None:
        issued_at, not_before, not_after = self.issued_at, self.not_before, self.not_after
        if type(not_after) is not int or not 0 <= not_after <= MAX_UNIX_TIME:
            raise MalformedError(Reason.CLAIM_INVALID, reg.EXP)
        if issued_at is not None and (type(issued_at) is not int or not 0 <= issued_at <= MAX_UNIX_TIME):
            raise MalformedError(Reason.CLAIM_INVALID, reg.IAT)
        if not_before is not None and (type(not_before) is not int or not 0 <= not_before <= MAX_UNIX_TIME):
            raise MalformedError(Reason.CLAIM_INVALID, reg.NBF)
        start = self.start
        if start is not None and start >= self.not_after:
            raise MalformedError(Reason.CLAIM_INVALID, reg.EXP)

    @property
    def start(self) -> UnixTime | None:
        """The earliest moment of validity that the issuer states: nbf, or iat without it, or None."""
        return self.issued_at if self.not_before is None else self.not_before


@final
@dataclass(frozen=True, slots=True)
class StatusReference:
    """Where the status of a credential stands: an index in the list at `uri`.

    Raises:
        MalformedError: CLAIM_INVALID for an empty uri, or an index that is no integer in [0, 2**32).
    """

    uri: str
    index: int
    kind: StatusKind = StatusKind.STATUS_LIST

    def __post_init__(self) -> None:
        if type(self.uri) is not str or not 0 < len(self.uri) <= 2_048:
            raise MalformedError(Reason.CLAIM_INVALID, "status.status_list.uri")
        if type(self.index) is not int or not 0 <= self.index < 2**32:  # a ticket keeps it in four bytes
            raise MalformedError(Reason.CLAIM_INVALID, "status.status_list.idx")


@final
@dataclass(frozen=True, slots=True)
class Assurance:
    """How well the issuer checked: a framework and a level of it, both in the issuer's words. Unrated is None."""

    framework: str
    level: str

    def __post_init__(self) -> None:
        for text in (self.framework, self.level):
            if type(text) is not str or not 0 < len(text) <= 64:
                raise MalformedError(Reason.CLAIM_INVALID, reg.ASSURANCE)


@final
@dataclass(frozen=True, slots=True)
class Citizenship:
    """What is stated of a person's nationalities and citizenships. Nothing here says that somebody is *not* a citizen.

    Attributes:
        nationalities: states whose national the person is.
        citizenships: states whose citizen the person is; each implies the nationality, never the other way round.
        complete: the issuer states that `nationalities` lists them all, and none of the list is withheld.

    >>> Citizenship(nationalities=[Country("US")], citizenships=[Country("US")]).nationalities
    (Country('US'),)
    """

    nationalities: tuple[Country, ...] = ()
    citizenships: tuple[Country, ...] = ()
    complete: bool = False

    def __init__(self, nationalities: Any = (), citizenships: Any = (), complete: bool = False) -> None:
        given, stronger = tuple(nationalities), tuple(citizenships)
        if any(type(country) is not Country for country in given + stronger) or type(complete) is not bool:
            raise MalformedError(Reason.COUNTRY_INVALID, "citizenship")
        if len(set(given)) != len(given) or len(set(stronger)) != len(stronger):
            raise MalformedError(Reason.COUNTRY_INVALID, "citizenship")
        object.__setattr__(self, "nationalities", given)
        object.__setattr__(self, "citizenships", stronger)
        object.__setattr__(self, "complete", complete)

    @property
    def all_nationalities(self) -> frozenset[Country]:
        """The nationalities stated or implied by a citizenship."""
        return frozenset(self.nationalities + self.citizenships)

    def to_claims(self, format: Format) -> dict[str, Any]:
        """Return the claims that state this in `format` (specs/profile-sd-jwt-vc.md section 3)."""
        Format(format)
        ordered = dict.fromkeys(self.nationalities + self.citizenships)  # a citizen is a national: say both
        claims: dict[str, Any] = {reg.NATIONALITIES: [country.alpha2 for country in ordered]}
        if self.citizenships:
            claims[reg.CITIZENSHIPS] = [country.alpha2 for country in self.citizenships]
        if self.complete:
            claims[reg.NATIONALITIES_COMPLETE] = True
        return claims

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any], *, withheld: bool = False) -> Citizenship:
        """Read the citizenship claims at the top level of `claims`; anything elsewhere counts for nothing.

        Args:
            claims: processed claims.
            withheld: True when an element of `nationalities` is hidden, or may be: then the list is not complete.

        Raises:
            MalformedError: COUNTRY_INVALID when a list is no array of distinct ISO 3166-1 alpha-2 codes (the special
                codes QU and QS may stand in it and name no country), CLAIM_INVALID when the completeness flag is no
                boolean.
        """
        nationalities: tuple[Country, ...] = ()
        citizenships: tuple[Country, ...] = ()
        complete = special = False
        if reg.NATIONALITIES in claims:
            nationalities, special = _countries(claims, reg.NATIONALITIES)
        if reg.CITIZENSHIPS in claims:
            citizenships, _ = _countries(claims, reg.CITIZENSHIPS)
        if reg.NATIONALITIES_COMPLETE in claims:
            complete = claims[reg.NATIONALITIES_COMPLETE]
            if type(complete) is not bool:
                raise MalformedError(Reason.CLAIM_INVALID, reg.NATIONALITIES_COMPLETE)
            complete = complete and reg.NATIONALITIES in claims and not withheld and not special
        made: Citizenship = object.__new__(cls)  # the two lists are checked: no need to do it again
        object.__setattr__(made, "nationalities", nationalities)
        object.__setattr__(made, "citizenships", citizenships)
        object.__setattr__(made, "complete", complete)
        return made


def _countries(claims: Mapping[str, Any], name: str) -> tuple[tuple[Country, ...], bool]:
    codes: Any = claims[name]
    if type(codes) not in (list, tuple) or len(codes) > _MAX_COUNTRIES:
        raise MalformedError(Reason.COUNTRY_INVALID, name)
    countries: list[Country] = []
    special = False
    for code in codes:
        country = Country.get(code)
        if country is not None:
            countries.append(country)
        elif type(code) is str and code in SPECIAL_ALPHA2:
            special = True
        else:
            raise MalformedError(Reason.COUNTRY_INVALID, name)
    if len(codes) > 1 and len(set(codes)) != len(codes):
        raise MalformedError(Reason.COUNTRY_INVALID, name)
    return tuple(countries), special


@final
@dataclass(frozen=True, slots=True, repr=False)
class Attestation:
    """What an issuer states of one holder.

    Attributes:
        type: the vct of the credential.
        issuer: the operator's label of the issuer (verification) or the issuer's identifier (issuing).
        claims: the claims of the person, in the shape of the format; frozen, without iss, vct, times, cnf and status.
        validity: from when to when.
        holder_key: the key that the holder proves possession of, or None.
        status: where its status stands; all of them must say valid.
        assurance: how well the issuer checked, or None when it does not say.
        citizenship: what `claims` state of citizenship; derived, never given.

    Raises:
        MalformedError: COUNTRY_INVALID or CLAIM_INVALID when the citizenship claims are not well formed.
    """

    type: str
    issuer: str
    claims: Mapping[str, Any]
    validity: Validity
    holder_key: PublicKey | None = None
    status: tuple[StatusReference, ...] = ()
    assurance: Assurance | None = None
    withheld: bool = field(default=False, compare=False)
    citizenship: Citizenship = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if type(self.claims) is not MappingProxyType:  # the readers hand over what they froze themselves
            object.__setattr__(self, "claims", freeze(self.claims))
        object.__setattr__(self, "citizenship", Citizenship.from_claims(self.claims, withheld=self.withheld))


def freeze(value: Any) -> Any:
    """Return a deep copy that nobody can change: mappings become read-only, lists become tuples."""
    if isinstance(value, Mapping):
        return MappingProxyType({name: freeze(item) for name, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(freeze(item) for item in value)
    return value


def thaw(value: Any) -> Any:
    """Return a deep copy of frozen claims in plain dicts and lists."""
    if isinstance(value, Mapping):
        return {name: thaw(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [thaw(item) for item in value]
    return value


@final
class KeyHint(NamedTuple):
    """What a header says about who signed. It selects among trusted keys and supplies none.

    Attributes:
        kid: the key identifier, or None.
        certificates: DER certificates, leaf first, or ().
        unverified_issuer: reads the issuer that the payload claims; asked only when `kid` does not settle the key.
    """

    kid: str | None = None
    certificates: tuple[bytes, ...] = ()
    unverified_issuer: Callable[[bytes], str | None] | None = None

    def __repr__(self) -> str:
        return "<KeyHint>"


@final
class SignedObject(NamedTuple):
    """The one form of everything signed: a credential, a key binding, a status list token, a sender proof.

    Attributes:
        to_be_signed: the bytes the signature covers, as received.
        payload: the signed content, a part of `to_be_signed`, decoded.
        algorithm: the algorithm the header names, by the key's name for it ("Ed25519" for EdDSA).
        signature: raw signature bytes.
        key_hint: what the header says about the key.
        typ: the media type the header states, or None.
    """

    to_be_signed: bytes
    payload: bytes
    algorithm: str
    signature: bytes
    key_hint: KeyHint
    typ: str | None

    def __repr__(self) -> str:
        return f"<SignedObject {self.algorithm}>"


@final
class Presentation(NamedTuple):
    """A presentation as it was framed: nothing in it is known to be true, and it has no claims.

    Attributes:
        format: as the caller named it.
        credential: what the issuer signed.
        disclosures: the disclosures as received, in order.
        issuer_half: the received bytes of everything the issuer made; they key the cache and feed sd_hash.
        binding: what the holder signed, or None.
        declared_type: a type stated outside the signature, or None (SD-JWT VC states none).
    """

    format: Format
    credential: SignedObject
    disclosures: tuple[bytes, ...]
    issuer_half: bytes
    binding: SignedObject | None
    declared_type: str | None = None

    def __repr__(self) -> str:
        return f"<Presentation {self.format}, unverified>"


@final
@dataclass(frozen=True, slots=True)
class Challenge:
    """What a verifier asks the holder to sign: for whom, and a nonce it will recognise.

    Attributes:
        audience: who asks; the key binding must name exactly this text.
        nonce: 16 to 255 characters or bytes, unpredictable.
        max_age_s: how old the answer may be, in seconds.

    Raises:
        MalformedError: CHALLENGE_INVALID when a field is missing, too short or too long.
    """

    audience: str
    nonce: str | bytes
    max_age_s: int = 300

    def __post_init__(self) -> None:
        if type(self.audience) is not str or not 0 < len(self.audience) <= 2_048:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.audience")
        # RFC 9901 examples use ten digits; eight characters is the least that deserves the name.
        if type(self.nonce) not in (str, bytes) or not 8 <= len(self.nonce) <= 512:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.nonce")
        if type(self.max_age_s) is not int or not 0 < self.max_age_s <= 86_400:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge.max_age_s")

    def to_text(self) -> str:
        """Write the challenge as one line of ASCII: `1.<max_age_s>.<s or b><nonce>.<audience>`, both base64url."""
        text = type(self.nonce) is str
        nonce = self.nonce.encode() if isinstance(self.nonce, str) else self.nonce
        return f"1.{self.max_age_s}.{'s' if text else 'b'}{_base64url(nonce)}.{_base64url(self.audience.encode())}"

    @classmethod
    def from_text(cls, text: str) -> Challenge:
        """Read what `to_text` wrote; exactly that spelling and no other.

        Raises:
            MalformedError: CHALLENGE_INVALID.
        """
        challenge = None
        if type(text) is str and len(text) <= 4_096 and text.isascii():
            try:
                _, age, nonce, audience = text.split(".")
                decoded = base64.urlsafe_b64decode(nonce[1:] + "=" * (-len(nonce[1:]) % 4))
                audience = base64.urlsafe_b64decode(audience + "=" * (-len(audience) % 4)).decode()
                challenge = cls(audience, decoded.decode() if nonce[:1] == "s" else decoded, int(age))
            except (ValueError, CitizenIDError):
                pass  # raised below without the input
        if challenge is None or challenge.to_text() != text:
            raise MalformedError(Reason.CHALLENGE_INVALID, "challenge")
        return challenge


@final
class NeedStatusList(NamedTuple):
    """The answer when a status list is missing or stale: fetch it, hand it to the store, ask again.

    It is a value, not an exception and not a callback, and it has no truth value: a caller that forgets it refuses.
    """

    uri: str  # "" when only a ticket refers to the list: a ticket holds its identity and not its URI
    reason: Reason = Reason.STATUS_LIST_UNAVAILABLE

    def http(self) -> Answer:
        """Return 503 with Retry-After: nothing was decided, and nothing is allowed."""
        return problem(503, self.reason, headers=((b"retry-after", b"5"),))

    def __bool__(self) -> NoReturn:
        raise TypeError("a result has no truth value; test for the result you want")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def refuse_forgery(cls: type) -> NoReturn:
    """Refuse to make a verified object outside of the function that verifies."""
    raise TypeError(f"{cls.__name__} is made by verification alone")
