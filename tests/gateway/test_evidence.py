"""How long ago the issuer checked: a rule asks it of every format, to the second, and nothing makes it younger.

Spec: specs/policy.md P40; specs/verification.md V4.38, V6.5; specs/profile-openid4vp.md Q6; Reason EVIDENCE_TOO_OLD.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mdoc_writing import OURS, door, trusted

from citizenid import ANY, Challenge, Citizenship, Country, Format, KeyPurpose, Reason, TrustAnchors
from citizenid.gateway import Admitted, NeedPresentation
from citizenid.gateway.ticket import TicketContents, TicketKeys
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation

from .world import AUDIENCE, DAY, ENDPOINT, ISSUER, NOW, ORIGIN, SECRET, VCT, World, allowed, key, needed, request

HOUR: Final = 3_600
US: Final = Country("US")
MDOC_ISSUER: Final = "https://mdoc.example"  # of one issuer a gateway knows keys or roots, never both
CHECKED: Final = "evidence_checked_at"
POLICY: Final = """
version = 1
[[rule]]
resource = "recent"
nationality = ["US"]
max_evidence_age_s = 7200
[[rule]]
resource = "any"
nationality = ["US"]
"""
FORMATS: Final = pytest.mark.parametrize("format", Format)


def issuer(format: Format) -> Issuer:
    return door(identifier=MDOC_ISSUER) if format is Format.MDOC else Issuer(identifier=ISSUER, key=key("issuer"))


@cache
def anchors() -> TrustAnchors:
    by_key = TrustAnchors.from_keys(
        ISSUER,
        [key("issuer").public],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC, Format.SD_CWT],
        types=[VCT],
        countries=ANY,
    )
    return by_key | trusted(issuer=MDOC_ISSUER)


def world(policy: str = POLICY, **options: Any) -> World:
    return World(policy, anchors=anchors(), **options)


def credential(format: Format, evidence_at: int | None, *, now: int = NOW, lifetime_s: int = DAY) -> Credential:
    """Issue a short-lived credential, of which everything may be withheld, as issuers do."""
    stated = prepare_attestation(
        Citizenship([US]),
        issuer=MDOC_ISSUER if format is Format.MDOC else ISSUER,
        holder_key=key("holder").public,
        now=now,
        lifetime_s=lifetime_s,
        status=None,
        format=format,
        evidence_at=evidence_at,
    )
    data = issuer(format).issue(stated, format=format)
    return Credential.receive(data, format=format, anchors=anchors(), now=now)


def paths(format: Format, *names: str) -> list[tuple[str, ...]]:
    return [(OURS, name) if format is Format.MDOC else (name,) for name in names]


def nationality(format: Format) -> str:
    return "national_of_us" if format is Format.MDOC else "nationalities"


def admit(at: World, held: Credential, disclose: Iterable[Any]) -> Admitted:
    sender = key("sender")
    challenge = at.gateway.challenge(sender=sender.public.thumbprint)
    answer = held.present(
        disclose,
        challenge=Challenge.from_text(challenge.to_text()),
        key=key("holder"),
        peer=challenge.peer,
        now=at.now,
    )
    proof = at.proof(sender, url=ORIGIN + ENDPOINT)
    result = at.gateway.admit(
        answer, format=held.format, challenge=challenge.to_text(), request=request(path=ENDPOINT, proof=proof)
    )
    assert type(result) is Admitted, result
    return result


def admit_with(at: World, held: Credential) -> Admitted:
    return admit(at, held, paths(held.format, nationality(held.format), CHECKED))


def ask(at: World, ticket: str, resource: str = "recent") -> Any:
    return at.gateway.authorize(request(ticket, at.proof(key("sender"), ticket)), resource=resource)


def contents(ticket: str) -> TicketContents:
    return TicketKeys((SECRET,), AUDIENCE).open(ticket.encode())


@FORMATS
def test_fresh_evidence_is_accepted_to_its_last_second(format: Format) -> None:
    at = world(ticket_lifetime_s=DAY)
    ticket = admit_with(at, credential(format, NOW - HOUR)).ticket
    allowed(ask(at, ticket))
    at.wait(HOUR)  # now it is exactly as old as the rule permits
    allowed(ask(at, ticket))
    at.wait(1)
    needed(ask(at, ticket), Reason.EVIDENCE_TOO_OLD)
    allowed(ask(at, ticket, "any"))


@FORMATS
@pytest.mark.parametrize(("age_s", "reason"), [(0, None), (7_200, None), (7_201, Reason.EVIDENCE_TOO_OLD)])
def test_evidence_is_as_old_as_the_credential_states(format: Format, age_s: int, reason: Reason | None) -> None:
    at = world()
    result = ask(at, admit_with(at, credential(format, NOW - age_s)).ticket)
    if reason is None:
        allowed(result)
    else:
        needed(result, reason)


@FORMATS
def test_a_young_credential_on_old_evidence_does_not_help(format: Format) -> None:
    # Whoever issues anew need not have looked anew, and the time of issue is in every credential.
    at = world()
    ticket = admit_with(at, credential(format, NOW - 400 * DAY)).ticket
    needed(ask(at, ticket), Reason.EVIDENCE_TOO_OLD)
    assert contents(ticket).issued_at == NOW


@FORMATS
def test_evidence_of_which_nothing_is_stated_is_not_known(format: Format) -> None:
    at = world()
    held = credential(format, None)
    needed(ask(at, admit(at, held, paths(format, nationality(format))).ticket), Reason.EVIDENCE_TOO_OLD)


def test_what_is_not_known_is_not_as_old_as_1970_either() -> None:
    at = world(POLICY.replace("7200", str(2 * NOW)))
    needed(ask(at, admit(at, credential(Format.SD_JWT_VC, None), ["nationalities"]).ticket), Reason.EVIDENCE_TOO_OLD)
    allowed(ask(at, admit_with(at, credential(Format.SD_JWT_VC, 1)).ticket))
    # The first second of 1970 is the one that a ticket cannot tell from nothing: it counts as that.
    needed(ask(at, admit_with(at, credential(Format.SD_JWT_VC, 0)).ticket), Reason.EVIDENCE_TOO_OLD)


@FORMATS
def test_what_is_withheld_is_asked_for_and_showing_it_helps(format: Format) -> None:
    at, held = world(), credential(format, NOW - HOUR)
    ticket = admit(at, held, paths(format, nationality(format))).ticket
    allowed(ask(at, ticket, "any"))
    assert contents(ticket).evidence_at == 0
    result = needed(ask(at, ticket), Reason.EVIDENCE_TOO_OLD)
    assert type(result) is NeedPresentation
    query = json.loads(result.http().body)["dcql_query"]
    asked = {
        each["format"]: [claim["path"] for claim in each["claims"]]
        for each in query["credentials"]
        if each["meta"] in ({"doctype_value": OURS}, {"vct_values": [VCT]})
    }
    assert asked == {
        "mso_mdoc": [[OURS, "national_of_us"], [OURS, CHECKED]],
        "dc+sd-jwt": [["nationalities", None], [CHECKED]],
    }
    allowed(ask(at, admit_with(at, held).ticket))


def test_a_rule_that_does_not_ask_for_it_asks_nobody_to_show_it() -> None:
    at = world()
    result = needed(at.gateway.authorize(request(), resource="any"), Reason.TICKET_MISSING)
    assert CHECKED.encode() not in result.http().body


@FORMATS
def test_a_renewal_makes_no_evidence_younger(format: Format) -> None:
    at = world(ticket_lifetime_s=HOUR)
    first = admit_with(at, credential(format, NOW - HOUR)).ticket
    at.wait(HOUR - 1)
    renewed = at.gateway.renew(request(first, at.proof(key("sender"), first, url=ORIGIN + ENDPOINT + "/renew"),
                                       path=ENDPOINT + "/renew"))  # fmt: skip
    assert type(renewed) is Admitted
    before, after = contents(first), contents(renewed.ticket)
    assert after == before._replace(expires_at=after.expires_at) and after.expires_at > before.expires_at
    allowed(ask(at, renewed.ticket))
    at.wait(2)
    needed(ask(at, renewed.ticket), Reason.EVIDENCE_TOO_OLD)


@given(st.sampled_from(Format), st.integers(0, 40 * 365 * DAY), st.integers(0, HOUR))
def test_a_ticket_never_holds_younger_evidence_than_was_stated(format: Format, age_s: int, waited_s: int) -> None:
    at = world()
    held = credential(format, NOW - age_s)
    at.wait(waited_s)
    assert contents(admit_with(at, held).ticket).evidence_at == NOW - age_s


def test_what_is_ahead_of_our_clock_is_not_younger_than_the_admission() -> None:
    # V6 excuses half a minute. In the other two formats our issuer's credential is not valid before it was issued.
    at, format = world(), Format.SD_JWT_VC
    at.step_wall_clock(-20)
    at.gateway = at.another_gateway()  # whose clock was behind from the start: after a step nobody is admitted
    held = credential(format, NOW)
    assert contents(admit_with(at, held).ticket).evidence_at == NOW - 20
    at = world()
    at.step_wall_clock(-31)
    at.gateway = at.another_gateway()
    sender = key("sender")
    challenge = at.gateway.challenge(sender=sender.public.thumbprint)
    shown = paths(format, nationality(format), CHECKED)
    answer = held.present(shown, challenge=challenge, key=key("holder"), peer=challenge.peer, now=at.now)
    proof = at.proof(sender, url=ORIGIN + ENDPOINT)
    refused: Any = at.gateway.admit(
        answer, format=format, challenge=challenge.to_text(), request=request(path=ENDPOINT, proof=proof)
    )
    assert (refused.reason, refused.step) == (Reason.ISSUED_IN_FUTURE, "V6")


# --- when a session ends ---

AGED: Final = """
version = 1
[[rule]]
resource = "open"
anyone = true
[[rule]]
resource = "short"
nationality = ["US"]
max_evidence_age_s = 4000
[[rule]]
resource = "long"
nationality = ["US"]
max_evidence_age_s = 9000
max_credential_age_s = 8000
"""


@FORMATS
@pytest.mark.parametrize(
    ("age_s", "ends_in_s"),
    [
        (0, 8_001),  # the credential is too old before its evidence is
        (2_000, 7_001),  # the evidence is too old before the credential is
        (8_999, 2),
        (9_000, 1),
        (9_001, 1),  # good for nothing: each request says why
        (None, 1),
    ],
)
def test_a_session_ends_when_no_rule_would_take_the_evidence_any_more(
    format: Format, age_s: int | None, ends_in_s: int
) -> None:
    at = world(AGED)
    if age_s is None:
        admitted = admit(at, credential(format, None), paths(format, nationality(format)))
    else:
        admitted = admit_with(at, credential(format, NOW - age_s))
    assert admitted.ends_at == contents(admitted.ticket).ends_at == NOW + ends_in_s
    assert admitted.expires_at == min(NOW + HOUR, NOW + ends_in_s)


def test_a_rule_without_a_bound_on_evidence_leaves_the_session_as_it_is() -> None:
    at = world()
    assert admit_with(at, credential(Format.SD_JWT_VC, NOW - 30 * DAY, lifetime_s=DAY)).ends_at == NOW + DAY
