"""Strategies for what an operator sets, and for what a rule is asked about: bounds, trust, keys, thresholds, facts.

All of it is valid. Bounds may be narrower than what others of this package make, and trust may end at a border: then
what comes of a presentation is a refusal for that, and nothing else.

Spec: specs/threat-model.md (limits); specs/policy.md section 3; specs/profile-sharing.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

from hypothesis import strategies as st

from ... import ANY, AgreementKey, Format, Handover, KeyPurpose, Limits, TrustAnchors
from ...gateway import Binding, DailyTicketKeys, SharingLimits
from ...gateway._suspicion import Threshold
from ...policy import Facts
from ..forge import mdoc as _mdoc
from ..forge.parts import ISSUER, NOW, VCT, key
from .presentations import AGREEMENTS, device_agreement
from .values import DAY, assurances, challenges, countries, country_lists

_LEAST: Final = {"clock_skew_s": 0}
_MOST: Final = {"clock_skew_s": 300}
_OTHER_ISSUER: Final = "https://other-issuer.example"


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    """Bounds, some of them as they are by default and some narrower or wider."""
    default, chosen = Limits(), {}
    for each in fields(Limits):
        if each.init and draw(st.booleans()):
            usual = getattr(default, each.name)
            most = _MOST.get(each.name, 2 * usual)
            chosen[each.name] = draw(st.integers(_LEAST.get(each.name, 1), most))
    return Limits(**chosen)


def handovers() -> st.SearchStrategy[Handover]:
    """Every protocol by which an mdoc is asked for, with what belongs to it."""
    return challenges().map(lambda challenge: challenge.handover)


def agreement_keys() -> st.SearchStrategy[AgreementKey]:
    """Private keys with which a MAC is agreed on; one of the same curve is the same in the whole run."""
    return st.sampled_from(AGREEMENTS).map(device_agreement)


@st.composite
def trust_anchors(draw: st.DrawFn, *, formats: Iterable[Format] = tuple(Format), now: int = NOW) -> TrustAnchors:
    """Trust in the issuer of the forge for every country or some, and perhaps in another one.

    He is trusted by a root for mdocs, or by a key for some of the other formats: nobody is trusted in both ways.

    Args:
        draw: hypothesis.
        formats: in which he may be trusted: in one of them at least.
        now: lies in the time for which he is.
    """
    scope: dict[str, Any] = {
        "countries": draw(st.just(ANY) | country_lists(most=8)),
        "not_before": now - draw(st.integers(0, DAY)),
        "not_after": now + draw(st.integers(1, DAY)),
    }
    permitted = tuple(formats)
    keyed = [each for each in permitted if each is not Format.MDOC]
    of_keys: dict[str, Any] = {"purpose": KeyPurpose.CREDENTIAL, "types": [VCT]}
    if Format.MDOC in permitted and (not keyed or draw(st.booleans())):
        trusted = _mdoc.anchors_for(**scope)
    else:
        chosen = draw(st.lists(st.sampled_from(keyed), min_size=1, unique=True))
        named = {"keys": [{**key("issuer").public.to_jwk(), "kid": "k1"}]}
        trusted = TrustAnchors.from_jwks(ISSUER, named, formats=chosen, **of_keys, **scope)
    if draw(st.booleans()):
        other = key("another issuer", draw(st.sampled_from(["ES256", "Ed25519"]))).public
        of_other: dict[str, Any] = {"formats": [Format.SD_JWT_VC, Format.SD_CWT], "countries": ANY}
        trusted |= TrustAnchors.from_keys(_OTHER_ISSUER, [other], **of_keys, **of_other)
    return trusted.requiring_status() if draw(st.booleans()) else trusted


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """What may be known of a request: of each fact that can be unknown sometimes nothing."""
    nationalities = frozenset(draw(country_lists()))
    known = st.none() | st.integers(0, 10 * DAY)
    return Facts(
        nationalities=nationalities,
        citizenships=frozenset(draw(st.sets(st.sampled_from(sorted(nationalities, key=str))))),
        binding=draw(st.sampled_from(Binding)),
        admission_age_s=draw(st.integers(0, DAY)),
        stated=nationalities | draw(st.frozensets(countries(), max_size=2)),
        complete=draw(st.booleans()),
        issuer=draw(st.none() | st.sampled_from(["one", "two", ISSUER])),
        format=draw(st.none() | st.sampled_from(Format)),
        type=draw(st.none() | st.sampled_from(["t", "u", VCT])),
        assurance=draw(st.none() | assurances()),
        credential_age_s=draw(known),
        evidence_age_s=draw(known),
        status_age_s=draw(known),
        region=draw(st.none() | st.sampled_from(["eu-1", "us-1"])),
        now=draw(st.none() | st.integers(NOW - DAY, NOW + DAY)),
    )


@st.composite
def sharing_limits(draw: st.DrawFn) -> SharingLimits:
    """Thresholds of a rule: of each count from where on it marks, asks for a step-up and refuses, or never."""
    chosen: dict[str, Any] = {}
    for each in fields(SharingLimits):
        if each.init and each.name != "passes" and draw(st.booleans()):
            steps = sorted(draw(st.lists(st.integers(1, 40), min_size=3, max_size=3, unique=True)))
            kept = draw(st.lists(st.booleans(), min_size=3, max_size=3))
            chosen[each.name] = Threshold(*(step if keep else None for step, keep in zip(steps, kept, strict=True)))
    return SharingLimits(passes=draw(st.integers(1, 5)), **chosen)


def ticket_keys() -> st.SearchStrategy[list[bytes] | DailyTicketKeys]:
    """Secrets of a fleet, as they are or with keys that change each day."""
    secret = st.tuples(st.integers(0, 2**32 - 1), st.integers(32, 64)).map(
        lambda drawn: hashlib.shake_256(b"ticket key %d" % drawn[0]).digest(drawn[1])
    )
    secrets = st.lists(secret, min_size=1, max_size=3, unique=True)
    return secrets | secrets.map(DailyTicketKeys)
