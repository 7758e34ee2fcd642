"""What is known when a rule decides, and what it says then. Values without behaviour.

Spec: specs/policy.md section 3.
"""

from __future__ import annotations

from itertools import chain
from typing import Final, NamedTuple, NoReturn, final

from .._errors import CitizenIDError, Reason
from .._model import Assurance, Binding, Format
from ..countries import Country

_NONE: Final[frozenset[Country]] = frozenset()
_COUNTRIES: Final = frozenset({Country})


class Facts(NamedTuple):
    """What is known of a request when a rule decides. What is left out is unknown, and a rule that asks for it refuses.

    Proven is what the credential stated and its anchor may attest; stated is all that it stated.

    Attributes:
        nationalities: proven nationalities, those that a citizenship implies included.
        citizenships: proven citizenships.
        binding: how the request is bound to its sender.
        admission_age_s: seconds since the presentation was verified, which is when the holder proved his key.
        stated: all countries that the credential stated, also those of which its anchor's word proves nothing.
        complete: whether the issuer stated that `stated` leaves no nationality out, and none of it was withheld or
            cut off.
        issuer: the label of the anchor.
        format: of the credential.
        type: of the credential.
        assurance: how well the issuer checked, in the issuer's words, or None when it did not say.
        credential_age_s: seconds since the credential was issued.
        evidence_age_s: seconds since the issuer checked its evidence, as the credential states it. The time of issue is
            not that: whoever issues anew need not have looked anew.
        status_age_s: seconds since the iat of the oldest status list that answered.
        region: where the endpoint is that was asked.
        now: Unix seconds.
    """

    nationalities: frozenset[Country]
    citizenships: frozenset[Country]
    binding: Binding
    admission_age_s: int
    stated: frozenset[Country] = _NONE
    complete: bool = False
    issuer: str | None = None
    format: Format | None = None
    type: str | None = None
    assurance: Assurance | None = None
    credential_age_s: int | None = None
    evidence_age_s: int | None = None
    status_age_s: int | None = None
    region: str | None = None
    now: int | None = None

    def __repr__(self) -> str:
        return "<Facts>"


def check_facts(facts: Facts) -> None:
    """Refuse facts of which a part has another type: what looks like a country, or compares like a binding, is neither.

    An age, a time, a region and `complete` that are none are not known, and refuse where a rule asks for them.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """
    usable = type(facts) is Facts
    if usable:
        nationalities, citizenships, binding, _, stated, _, issuer, format_, type_, assurance, *_ = facts
        usable = (
            type(binding) is Binding
            and type(nationalities) is type(citizenships) is type(stated) is frozenset
            and _COUNTRIES.issuperset(map(type, chain(nationalities, citizenships, stated)))
            and (issuer is None or type(issuer) is str)
            and (type_ is None or type(type_) is str)
            and (format_ is None or type(format_) is Format)
            and (assurance is None or type(assurance) is Assurance)
        )
    if not usable:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "policy.facts")


@final
class Verdict(NamedTuple):
    """What a rule says. `reason` is None when it permits, and only then; there is no truth value.

    Attributes:
        reason: why it refuses, or None.
        rule: the number of the deciding rule in the policy, from 1, or 0 when none matched.
    """

    reason: Reason | None
    rule: int

    @property
    def permitted(self) -> bool:
        """Whether the rule permits."""
        return self.reason is None

    def __bool__(self) -> NoReturn:
        raise TypeError("a Verdict has no truth value; look at its reason")


NOT_LISTED: Final = Verdict(Reason.RESOURCE_NOT_LISTED, 0)
