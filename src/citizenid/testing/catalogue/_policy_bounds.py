"""What a rule asks for besides a country: each of its bounds, kept to its last second and no longer.

Spec: specs/policy.md P14, P19, P37 to P41.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ... import Assurance, Country, Format, Reason
from ...gateway import Binding
from ...policy import Facts
from ..forge.parts import ABSENT, ISSUER, NOW, VCT
from ..forgery import Outcome
from ..senders import Sender
from ..targets import Library, Party, Target, outcome_of
from ..trials import Kind, Trial, asked, expect, holds, raises
from ..trials import sd_jwt as jwt
from ..world import policy
from ._stores import shared_credentials

_NOT_LISTED: Final = Reason.RESOURCE_NOT_LISTED

_POLICY: Final = "version = 1\n" + "".join(
    f'[[rule]]\nresource = "{name}"\nnationality = ["US"]\n{bound}\n'
    for name, bound in {
        "admission": "max_admission_age_s = 600",
        "credential": "max_credential_age_s = 600",
        "evidence": "max_evidence_age_s = 600",
        "status": "max_status_age_s = 600",
        "assurance": 'assurance = { nist = "IAL2" }',
        "issuers": 'issuers = ["https://other.example"]',
        "formats": 'formats = ["mso_mdoc"]',
        "types": 'types = ["urn:other"]',
        "ended": "not_after = 2027-01-15T08:00:00Z",  # NOW
        "lasts": "not_after = 2027-01-15T08:00:01Z",
        "begun": "not_before = 2027-01-15T08:00:00Z",
        "begins": "not_before = 2027-01-15T08:00:01Z",
        "us-nationals": "",  # where a party asks for its challenge
    }.items()
)
# A rule that asks for more than most is decided in another way: what most ask for holds in it as well.
_MORE: Final = """
[[rule]]
resource = "citizens"
citizenship = ["US"]
formats = ["dc+sd-jwt"]

[[rule]]
resource = "recent"
nationality = ["US"]
max_admission_age_s = 600
formats = ["dc+sd-jwt"]

[[rule]]
resource = "bearers"
nationality = ["US"]
binding = "bearer"

[[rule]]
resource = "bound"
nationality = ["US"]
formats = ["dc+sd-jwt"]

[[rule]]
resource = "first"
nationality = ["DE"]
not_after = 2027-01-15T08:00:01Z

[[rule]]
resource = "first"
nationality = ["US"]

[[rule]]
resource = "o*"
nationality = ["DE"]

[[rule]]
resource = "*r"
nationality = ["US"]
"""


def _uses(resource: str, after_s: int, claims: dict[str, Any], party: Party) -> Outcome:
    """Be admitted with these claims, and use the ticket so many seconds later."""
    answer = party.apply(jwt(payload=claims))
    if answer.status != 200:
        return outcome_of(answer)
    party.world.wait(after_s)
    return party.use(json.loads(answer.body)["ticket"], resource)


def bounds_of_rules() -> Iterator[Trial]:
    """Ask for what a rule permits with something else than it asks for."""

    def asking(resource: str, after_s: int = 0, **claims: Any) -> Any:
        return partial(_uses, resource, after_s, claims)

    level = {"framework": "nist", "level": "IAL1"}
    tried: dict[str, tuple[Reason | None, Any]] = {
        "a rule without a bound": (None, asking("us-nationals")),
        "no rule": (_NOT_LISTED, asking("unlisted")),
        "an admission as old as may be": (None, asking("admission", 600)),
        "an admission a second older": (Reason.ADMISSION_TOO_OLD, asking("admission", 601)),
        "a credential as old as may be": (None, asking("credential", iat=NOW - 600)),
        "a credential a second older": (Reason.CREDENTIAL_TOO_OLD, asking("credential", iat=NOW - 601)),
        "a credential that grows too old": (Reason.CREDENTIAL_TOO_OLD, asking("credential", 1, iat=NOW - 600)),
        "evidence as old as may be": (None, asking("evidence", evidence_checked_at=NOW - 600)),
        "evidence a second older": (Reason.EVIDENCE_TOO_OLD, asking("evidence", evidence_checked_at=NOW - 601)),
        "evidence of which nothing is said": (Reason.EVIDENCE_TOO_OLD, asking("evidence")),
        "a status list as old as may be": (None, asking("status", 590)),
        "a status list a second older": (Reason.STATUS_TOO_OLD, asking("status", 591)),
        "no status list": (Reason.STATUS_TOO_OLD, asking("status", status=ABSENT, exp=NOW + 600)),
        "the level asked for": (None, asking("assurance", assurance={**level, "level": "IAL2"})),
        "a level too low": (Reason.ASSURANCE_TOO_LOW, asking("assurance", assurance=level)),
        "a level of another framework": (
            Reason.ASSURANCE_TOO_LOW,
            asking("assurance", assurance={"framework": "eidas", "level": "high"}),
        ),
        "no level": (Reason.ASSURANCE_TOO_LOW, asking("assurance")),
        "another issuer": (Reason.CREDENTIAL_NOT_ACCEPTED, asking("issuers")),
        "another format": (Reason.CREDENTIAL_NOT_ACCEPTED, asking("formats")),
        "another type": (Reason.CREDENTIAL_NOT_ACCEPTED, asking("types")),
        "a rule in its last second": (None, asking("lasts")),
        "a rule that has ended": (_NOT_LISTED, asking("ended")),
        "a rule that ends under a ticket": (_NOT_LISTED, asking("lasts", 1)),
        "a rule in its first second": (None, asking("begun")),
        "a rule that has not begun": (_NOT_LISTED, asking("begins")),
        "a rule that begins under a ticket": (None, asking("begins", 1)),
    }
    for name, (reason, act) in tried.items():
        yield asked(name, reason, act, policy_text=_POLICY)
    for name, (reason, act) in _of_more(asking).items():
        yield asked(name, reason, act, policy_text=_POLICY + _MORE)
    yield from _regions()
    yield from shared_credentials()


def _of_more(asking: Any) -> dict[str, tuple[Reason | None, Any]]:
    citizen, other = {"citizenships": ["US"]}, Reason.CITIZENSHIP_NOT_PERMITTED
    return {
        "a citizen, and a format": (None, asking("citizens", **citizen)),
        "a national who is no citizen, and a format": (Reason.CITIZENSHIP_NOT_SHOWN, asking("citizens")),
        "a national of another country, and a format": (other, asking("recent", nationalities=["DE"])),
        "an admission as old as may be, and a format": (None, asking("recent", 600)),
        "an admission a second older, and a format": (Reason.ADMISSION_TOO_OLD, asking("recent", 601)),
        "a bearer, where one may": (None, partial(_as_a_bearer, "bearers")),
        "a bearer, and a format": (Reason.BINDING_TOO_WEAK, partial(_as_a_bearer, "bound")),
        "of two rules the first, while it lasts": (other, asking("first")),
        "of two rules the second, when the first has ended": (None, asking("first", 1)),
        "of two patterns the first": (other, asking("or")),
        "of two patterns the one that matches": (None, asking("ar")),
    }


def _as_a_bearer(resource: str, party: Party) -> Outcome:
    bearer = Sender(Binding.BEARER)
    return party.use(party.ticket(bearer), resource, sender=bearer)


_REGIONAL: Final = '[[rule]]\nresource = "r"\nregion = ["eu-*"]\nnationality = ["US"]\n'
_ASKED: Final = '[[rule]]\nresource = "us-nationals"\nnationality = ["US"]\n'


def _regions() -> Iterator[Trial]:
    """Ask for what a rule permits in some regions alone; where a gateway is, one of ours alone says."""
    text = "version = 1\n" + _REGIONAL + _ASKED
    for region, reason in (("eu-1", None), ("us-1", _NOT_LISTED), ("eu", _NOT_LISTED), ("EU-1", _NOT_LISTED)):
        kind = Kind.ACCEPTED if reason is None else Kind.REFUSED

        def act(_: Target, region: str = region) -> Outcome:
            return _uses("r", 0, {}, Library().party(policy_text=text, region=region))

        yield Trial(f"a rule for eu-*, in {region}", kind, reason, "", act, anywhere=False)
    nowhere = partial(Library().party, policy_text=text)
    yield raises("a rule for eu-*, and nobody says where", Reason.CONFIGURATION_INVALID, nowhere)
    yield holds("a policy is asked, and nobody says where", partial(_undecided, text))
    yield holds("a policy is asked, and something that a rule asks for is not known", _unknown)


def _undecided(text: str) -> None:
    verdicts = [policy(text).decide("r", _KNOWN._replace(region=region)) for region in ("eu-1", "us-1", None)]
    reasons = [each.reason for each in verdicts]
    expect(reasons == [None, _NOT_LISTED, Reason.REGION_UNKNOWN], f"{reasons}")


_US: Final = frozenset({Country("US")})
_KNOWN: Final = Facts(
    nationalities=_US,
    citizenships=_US,
    binding=Binding.DPOP,
    admission_age_s=0,
    stated=_US,
    complete=True,
    issuer=ISSUER,
    format=Format.SD_JWT_VC,
    type=VCT,
    assurance=Assurance("nist", "IAL2"),
    credential_age_s=0,
    evidence_age_s=0,
    status_age_s=0,
    region="eu-1",
    now=NOW,
)
_ASKS: Final = {
    "issuer": f'issuers = ["{ISSUER}"]',
    "format": 'formats = ["dc+sd-jwt"]',
    "type": f'types = ["{VCT}"]',
    "assurance": 'assurance = { nist = "IAL2" }',
    "credential_age_s": "max_credential_age_s = 600",
    "evidence_age_s": "max_evidence_age_s = 600",
    "status_age_s": "max_status_age_s = 600",
    "region": 'region = ["eu-*"]',
    "now": "not_after = 2027-01-15T08:00:01Z",
    "nationalities": "",
    "complete": 'none_of = ["FR"]',
}
"""What a rule says, by the fact that it then asks for."""


def _unknown() -> None:
    for name, said in _ASKS.items():
        text = f'version = 1\n[[rule]]\nresource = "r"\nnationality = ["US"]\n{said}\n'
        expect(policy(text).decide("r", _KNOWN).permitted, f"with {name}")
        left_out: Any = {"nationalities": frozenset(), "complete": False}.get(name)
        verdict = policy(text).decide("r", _KNOWN._replace(**{name: left_out}))
        expect(verdict.reason is not None, f"without {name}")
    # A complete list of no country shows nobody to be of another one than is excluded.
    nobody: dict[str, Any] = dict.fromkeys(("nationalities", "citizenships", "stated"), frozenset())
    excluding = policy('version = 1\n[[rule]]\nresource = "r"\nanyone = true\nnone_of = ["FR"]\n')
    expect(excluding.decide("r", _KNOWN).permitted, "of a country")
    verdict = excluding.decide("r", _KNOWN._replace(**nobody))
    expect(verdict.reason is Reason.COMPLETENESS_NOT_SHOWN, f"of no country: {verdict.reason}")
