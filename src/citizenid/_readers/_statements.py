"""What an issuer states of its own work, the same in every format: how well it checked, and when.

Neither is a claim of the person. The time counts in our own type alone, and in an mdoc in our own namespace: what
others mean by a claim of this name nobody knows.

Spec: specs/verification.md V4.20, V4.38; the profile of each format in specs/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from .. import _registry as reg
from .._errors import MalformedError, Reason
from .._limits import Limits
from .._model import Assurance, UnixTime, evidence_time
from .._wire.cbor import CBORTag
from .._wire.dates import date_time

_ASSURANCE: Final = frozenset({"framework", "level"})
_OF_THE_ISSUER: Final = frozenset({reg.ASSURANCE, reg.EVIDENCE_CHECKED_AT})
Elements = Mapping[str, Mapping[str, Any]]


def assurance_of(claims: Mapping[Any, Any], where: str) -> Assurance | None:
    """Read how well the issuer checked, or None where nothing is stated, or nothing shown.

    Raises:
        MalformedError: CLAIM_INVALID for anything but exactly framework and level, two short texts.
    """
    if reg.ASSURANCE not in claims:
        return None
    stated = claims[reg.ASSURANCE]
    if type(stated) is not MappingProxyType or stated.keys() != _ASSURANCE:
        raise MalformedError(Reason.CLAIM_INVALID, where + reg.ASSURANCE)
    return Assurance(stated["framework"], stated["level"])


def evidence_of(
    claims: Mapping[Any, Any], type_: str, issued_at: UnixTime | None, limits: Limits, where: str
) -> UnixTime | None:
    """Read when the issuer checked its evidence; None in another type than ours, and where nothing is shown.

    Raises:
        MalformedError: CLAIM_INVALID for anything but an integer in [0, 2**53), and for one that lies after the time of
            issue by more than the clock skew: who states that has not checked before it issued.
    """
    if type_ != reg.VCT_CITIZENSHIP or reg.EVIDENCE_CHECKED_AT not in claims:
        return None
    return _before_issue(evidence_time(claims[reg.EVIDENCE_CHECKED_AT]), issued_at, limits, where)


def evidence_of_elements(
    items: Sequence[Mapping[Any, Any]], issued_at: UnixTime | None, limits: Limits
) -> UnixTime | None:
    """As `evidence_of`, from the items of our namespace, each checked in form, where the value is a tdate.

    Raises:
        MalformedError: CLAIM_INVALID for anything but a tdate in UTC in whole seconds, and as above.
    """
    for item in items:
        if item["elementIdentifier"] == reg.EVIDENCE_CHECKED_AT:
            value = item["elementValue"]
            tagged = type(value) is CBORTag and value.tag == reg.DATE_TIME_TAG and type(value.value) is str
            moment = date_time(value.value) if tagged else None
            return _before_issue(evidence_time(moment), issued_at, limits, "")
    return None


def _before_issue(moment: UnixTime, issued_at: UnixTime | None, limits: Limits, where: str) -> UnixTime:
    if issued_at is not None and moment > issued_at + limits.clock_skew_s:
        raise MalformedError(Reason.CLAIM_INVALID, where + reg.EVIDENCE_CHECKED_AT)
    return moment


def personal_elements(claims: Elements) -> Elements:
    """Return the elements of an mdoc without those of our namespace in which the issuer speaks of its own work."""
    own = claims.get(reg.MDOC_CITIZENSHIP)
    if own is None or _OF_THE_ISSUER.isdisjoint(own):
        return claims
    rest = {name: value for name, value in own.items() if name not in _OF_THE_ISSUER}
    personal = {name: each for name, each in claims.items() if each is not own}
    if rest:
        personal[reg.MDOC_CITIZENSHIP] = MappingProxyType(rest)
    return MappingProxyType(personal)
