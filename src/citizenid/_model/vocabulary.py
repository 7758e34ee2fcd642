"""Names that everything else is said with: time, claim paths, formats, purposes, status values, bindings."""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum
from typing import Any, Final, NewType, NoReturn

from .. import _registry as reg
from .._errors import CitizenIDError, Reason
from .._limits import MAX_UNIX_TIME

UnixTime = NewType("UnixTime", int)
"""Integer seconds since 1970-01-01T00:00:00Z. `not_after` is exclusive: valid while now < not_after."""


def has_utf8(text: str) -> bool:
    """Whether a text can be written in UTF-8: one with half of a surrogate pair can be neither hashed nor sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_now(now: object) -> UnixTime:
    """Return `now` as UnixTime.

    Raises:
        CitizenIDError: CLOCK_UNUSABLE for anything but an integer in [0, 2**53), as times in credentials are. A NaN is
            never later than anything.
    """
    if type(now) is not int or not 0 <= now <= MAX_UNIX_TIME:
        raise CitizenIDError(Reason.CLOCK_UNUSABLE, "now")
    return now  # type: ignore[return-value]  # to call UnixTime would do nothing and cost more than the check


ClaimPath = tuple[str | int | None, ...]
"""A path into the claims, as in DCQL (OpenID4VP 1.0 section 7): names, indices, and None for every array element."""


NO_TYPE: Final = ""
"""The type of a credential that states none, which an SD-CWT may do. An anchor permits it by naming it."""


class Format(StrEnum):
    """A credential format. It is always named by the caller, never guessed from the bytes."""

    SD_JWT_VC = "dc+sd-jwt"
    MDOC = "mso_mdoc"  # OpenID4VP 1.0 appendix B.2
    SD_CWT = "sd-cwt"


class Serialization(Enum):
    """How an SD-JWT is written down (RFC 9901 sections 4 and 8). In the general form the first signature counts."""

    COMPACT = "compact"
    FLATTENED = "flattened"
    GENERAL = "general"


class Binding(IntEnum):
    """How a ticket is bound to its sender, from weak to strong by what a proof covers. A rule's binding is a floor."""

    BEARER = 0  # whoever has it may use it
    DPOP = 1  # RFC 9449: a signature over method, URL without query, and ticket
    HTTP_SIGNATURE = 2  # RFC 9421: a signature over method, whole URL, ticket, and what else the sender names
    MTLS = 3  # RFC 8705: the connection itself, and so all that comes over it

    def __bool__(self) -> NoReturn:
        raise TypeError("a Binding has no truth value; compare it")


BINDINGS: Final = {
    "bearer": Binding.BEARER,
    "dpop": Binding.DPOP,
    "http_signature": Binding.HTTP_SIGNATURE,
    "mtls": Binding.MTLS,
}
"""The names by which a policy speaks of them."""


class KeyPurpose(StrEnum):
    """What a trusted key may sign. One key entry has one purpose (RFC 8725 section 3.12)."""

    CREDENTIAL = "credential"
    STATUS_LIST = "status_list"


class CertificateProfile(Enum):
    """What a leaf certificate must be, besides leading to a pinned root. A reader names it; no header does."""

    SD_JWT_VC_ISSUER = "sd_jwt_vc_issuer"  # SD-JWT VC section 2.5, HAIP 1.0 section 6.1.1; SD-CWT issuers too
    MDOC_DOCUMENT_SIGNER = "mdoc_document_signer"  # ISO/IEC 18013-5 B.1.4
    MDOC_READER = "mdoc_reader"  # ISO/IEC 18013-5 B.1.7
    STATUS_LIST_SIGNER = "status_list_signer"  # Token Status List section 10
    VICAL_SIGNER = "vical_signer"  # ISO/IEC 18013-5 C.1.8

    __hash__ = object.__hash__  # of a member, which is itself alone: the one of Enum is a function of Python


class StatusKind(Enum):
    """The mechanism that a status reference points into."""

    STATUS_LIST = "status_list"
    IDENTIFIER_LIST = "identifier_list"  # ISO/IEC 18013-5 second edition 12.3.6.4
    BITSTRING = "bitstring"  # W3C Bitstring Status List

    __hash__ = object.__hash__  # as above


class Status(IntEnum):
    """A status type of the Token Status List (section 7.1). Other values are application specific or reserved."""

    VALID = reg.STATUS_VALID
    INVALID = reg.STATUS_INVALID
    SUSPENDED = reg.STATUS_SUSPENDED
    OTHER = 0x100  # any value but the three above: never valid

    def __bool__(self) -> NoReturn:
        raise TypeError("a Status has no truth value; compare it with Status.VALID")


def draft_of(cls: type) -> Any:
    """Return a class with the slots of `cls`, which is frozen, that stores at the price of a plain assignment.

    What is frozen stores each field through `object.__setattr__`, at many times the price. The last step of making an
    object of a draft is to say by `__class__` what it is. Nobody else has seen it before.
    """
    return type("_Draft", (), {"__slots__": cls.__slots__})  # type: ignore[attr-defined]  # of a dataclass with slots
