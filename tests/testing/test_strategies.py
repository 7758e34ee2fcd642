"""Strategies: whatever they make is valid, and every format, algorithm and option comes up.

Spec: specs/testing.md.
"""

from __future__ import annotations

import enum
import importlib
import json
import tomllib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import pretty
from test_public_api import DECIDING

from citizenid import (
    ANY,
    AgreementKey,
    Attestation,
    Challenge,
    CitizenIDError,
    Citizenship,
    Format,
    HandoverKind,
    KeyPurpose,
    Limits,
    Reason,
    Serialization,
    Status,
    StatusKind,
    TrustAnchors,
)
from citizenid._model import BINDINGS, CertificateProfile
from citizenid._wire import cbor, jws
from citizenid._wire import json as strict_json
from citizenid.gateway import AdmissionPolicy, Allow, Binding, DailyTicketKeys, Deny, DPoPNonces, SharingDetector
from citizenid.policy import Facts, SharingResponse, StoreDown
from citizenid.policy._reading import _RULE_KEYS
from citizenid.testing import strategies as s
from citizenid.testing.forge.parts import NOW, base64url, unbase64url
from citizenid.testing.senders import Sender
from citizenid.testing.strategies.policies import load, of_some_time, patterns, reachable_part, resource_names, toml
from citizenid.testing.strategies.presentations import AGREEMENTS, ALGORITHMS, Presented
from citizenid.testing.strategies.status_lists import FORMS
from citizenid.testing.strategies.values import COSE_ALGORITHMS, JOSE_ALGORITHMS
from citizenid.testing.world import ORIGIN, SimulatedWorld
from citizenid.verifier import VerifiedPresentation

UNSHRUNK = settings(
    max_examples=2_000,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MANY = settings(max_examples=25, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def drawn(strategy: st.SearchStrategy[Any], count: int = 60) -> list[Any]:
    """Draw examples, the same in each run."""
    found: list[Any] = []

    @settings(MANY, max_examples=count)
    @given(strategy)
    def draw(value: Any) -> None:
        found.append(value)

    draw()
    return found


def reach(
    strategy: st.SearchStrategy[Any],
    aspects_of: Callable[[Any], Iterable[Hashable]],
    expected: set[Hashable],
    seen: Iterable[Hashable],
) -> None:
    """Of what was not seen by the way, find an example each; there is none if the strategy never makes it."""
    for missing in sorted(expected - set(seen), key=repr):
        find(strategy, lambda value, aspect=missing: aspect in aspects_of(value), settings=UNSHRUNK)


# --- what is issued and shown ---


def aspects(presented: Presented) -> Iterator[Hashable]:
    """What a presentation is an example of."""
    issued, stated = presented.issued, presented.stated
    yield "serialization", issued.serialization
    yield "handover", presented.challenge.handover.kind
    yield "mac", issued.by_mac
    yield "status", bool(stated.status)
    yield "assurance", stated.assurance is not None
    yield "evidence", stated.evidence_at is not None
    yield "complete", stated.citizenship.complete
    yield "shown", bool(presented.shown)
    yield "further", len(stated.claims) > 3 or "org.example.person" in stated.claims


def expected_aspects(format: Format) -> set[Hashable]:
    either: set[Hashable] = {
        (name, value)
        for name in ("status", "assurance", "evidence", "complete", "shown", "further")
        for value in (False, True)
    }
    kinds = set(HandoverKind) - {HandoverKind.TRANSCRIPT}
    either |= {("mac", False)} | {("handover", kind) for kind in kinds}
    written = Serialization if format is Format.SD_JWT_VC else [Serialization.COMPACT]
    either |= {("serialization", each) for each in written}
    if format is Format.MDOC:
        either |= {("mac", True)}
    return either


@pytest.mark.parametrize("format", Format)
def test_each_presentation_verifies_and_states_and_shows_what_it_says(format: Format) -> None:
    seen: Counter[Hashable] = Counter()

    @MANY
    @given(s.presentations(format))
    def run(presented: Presented) -> None:
        verified = presented.verify()
        assert type(verified) is VerifiedPresentation
        assert verified.format is format is presented.format
        assert verified.attestation.holder_key == presented.issued.holder.public
        assert set(verified.citizenship.all_nationalities) <= presented.stated.citizenship.all_nationalities
        top = {path[0] for path in presented.shown}
        assert top <= set(verified.attestation.claims) | {"evidence_checked_at", "assurance"}
        seen.update(aspects(presented))

    run()
    reach(s.presentations(format), lambda each: set(aspects(each)), expected_aspects(format), seen)


@pytest.mark.parametrize(("format", "algorithm"), [(each, name) for each in Format for name in ALGORITHMS[each]])
def test_each_algorithm_of_a_format_can_be_asked_for(format: Format, algorithm: str) -> None:
    (presented,) = drawn(s.presentations(format, algorithms=[algorithm], by_mac=False), 1)
    assert (presented.issued.algorithm, presented.issued.holder_algorithm) == (algorithm, algorithm)
    assert presented.issued.holder.public.algorithm == algorithm
    assert type(presented.verify()) is VerifiedPresentation


@pytest.mark.parametrize("algorithm", AGREEMENTS)
def test_possession_of_each_curve_can_be_proved_by_a_mac(algorithm: str) -> None:
    (presented,) = drawn(s.presentations(Format.MDOC, algorithms=[algorithm], asked=dc_api(), by_mac=True), 1)
    assert type(presented.issued.holder) is AgreementKey
    assert type(presented.verify()) is VerifiedPresentation


def dc_api() -> st.SearchStrategy[Challenge]:
    return st.just(Challenge.dc_api(origin=ORIGIN, nonce="n" * 20))


@pytest.mark.parametrize("format", Format)
@settings(MANY, max_examples=10)
@given(st.data())
def test_the_same_can_be_shown_to_somebody_else(format: Format, data: st.DataObject) -> None:
    presented = data.draw(s.presentations(format, by_mac=False))
    other = Challenge(audience="https://other.example", nonce="another-nonce-0123")
    shown = presented.answering(other, now=NOW)
    assert shown.data != presented.data and shown.shown == presented.shown
    assert type(shown.verify()) is VerifiedPresentation


@pytest.mark.parametrize("format", Format)
def test_each_credential_is_received_and_each_attestation_can_be_issued(format: Format) -> None:
    for issued in drawn(s.credentials(format), 8):
        received = issued.receive()
        assert received.attestation.citizenship == issued.stated.citizenship
    for stated in drawn(s.attestations(format), 8):
        assert type(stated) is Attestation
        assert stated.citizenship.all_nationalities


# --- what is published ---


def test_each_status_list_is_ingested_and_says_what_it_says() -> None:
    seen: set[Hashable] = set()
    for published in drawn(s.status_lists(), 30):
        store = published.ingest()
        assert all(published.status(store, reference) is fate for reference, fate in published.says)
        seen |= said(published)
    bits = {(form, each) for form in ("jwt", "cwt") for each in (1, 2, 4, 8)} | {("bitstring", 1), ("bitstring", 2)}
    fates = {(form, fate) for form in FORMS for fate in (Status.VALID, Status.INVALID)}
    suspended = {(form, Status.SUSPENDED) for form in ("jwt", "cwt", "bitstring")}
    expected: set[Hashable] = bits | fates | suspended | {("identifier", 1)}
    reach(s.status_lists(), said, expected, seen)


@pytest.mark.parametrize("form", FORMS)
def test_a_list_says_of_each_credential_what_it_was_published_for(form: str) -> None:
    several = find(s.status_lists(forms=[form]), lambda each: len(each.says) > 2, settings=UNSHRUNK)
    store = several.ingest()
    assert [several.status(store, reference) for reference, _ in several.says] == [fate for _, fate in several.says]


def said(published: s.PublishedList) -> set[Hashable]:
    """What a list is an example of."""
    return {(published.form, published.bits)} | {(published.form, fate) for _, fate in published.says}


def test_each_chain_leads_to_its_root_under_its_profile() -> None:
    seen: set[Hashable] = set()
    for chain in drawn(s.certificate_chains(), 25):
        assert chain.verify().key.algorithm == "ES256"
        seen |= {chain.profile, len(chain.links)}
    expected: set[Hashable] = {*CertificateProfile, 1, 2, 3}
    reach(s.certificate_chains(), lambda each: {each.profile, len(each.links)}, expected, seen)


# --- what goes to a gateway ---


def test_each_ticket_opens_the_gateway_for_its_sender() -> None:
    seen: Counter[Hashable] = Counter()

    @MANY
    @given(st.data())
    def run(data: st.DataObject) -> None:
        held = data.draw(s.tickets(SimulatedWorld()))
        assert type(held.authorize()) is Allow
        seen[held.sender.binding] += 1
        seen[held.sender.algorithm] += 1

    run()
    expected: set[Hashable] = {Binding.DPOP, Binding.MTLS, Binding.HTTP_SIGNATURE, *JOSE_ALGORITHMS}
    made = st.builds(SimulatedWorld).flatmap(s.tickets)
    reach(made, lambda held: {held.sender.binding, held.sender.algorithm}, expected, seen)


def test_what_is_drawn_is_shown_without_its_bytes_in_a_report_of_hypothesis_as_well() -> None:
    (presented,) = drawn(s.presentations(Format.MDOC, algorithms=["ES256"], asked=dc_api(), by_mac=False), 1)
    issued = "<Issued mso_mdoc, Serialization.COMPACT, ES256 for ES256>"
    assert repr(presented.issued) == pretty(presented.issued) == issued
    shown = f"<Presented {issued}, {len(presented.shown)} paths shown, dc_api>"
    assert repr(presented) == pretty(presented) == shown
    (published,) = drawn(s.status_lists(forms=["identifier"]), 1)
    fates = [fate.name for _, fate in published.says]
    assert repr(published) == pretty(published) == f"<PublishedList identifier of 1 bits, {fates}>"


@settings(MANY, max_examples=5)
@given(st.data())
def test_a_drawn_proof_has_the_nonce_that_a_gateway_asks_for(data: st.DataObject) -> None:
    world = SimulatedWorld(dpop_nonces=DPoPNonces.OF_THE_FLEET)
    client = Sender(Binding.DPOP)
    nonce = client.apply(world, world.anybody()).dpop_nonce
    ticket = client.apply(world, world.anybody(), nonce=nonce).ticket
    held = s.TicketHeld(ticket, client, world)
    path = "/v1/chat/completions"
    drawn_by: dict[str, Any] = {"sender": client.key, "method": "POST", "url": ORIGIN + path, "ticket": ticket}
    for asked, expected in ((nonce, Allow), (None, Deny)):
        proof = data.draw(s.dpop_proofs(**drawn_by, now=world.now, nonce=asked))
        assert proof.nonce == asked
        concerning = [("citizenship-ticket", ticket.encode()), ("dpop", proof.data)]
        assert type(held.authorize(data.draw(s.requests(concerning, method="POST", path=path)))) is expected


@settings(MANY, max_examples=20)
@given(st.data())
def test_a_request_with_a_ticket_and_a_drawn_proof_is_allowed_in_any_order_and_case(data: st.DataObject) -> None:
    held = data.draw(s.tickets(SimulatedWorld(), bindings=[Binding.DPOP], algorithms=["ES256"]))
    proof = data.draw(s.dpop_proofs(sender=held.sender.key, ticket=held.text, now=held.world.now))
    concerning = [("citizenship-ticket", held.text.encode()), ("dpop", proof.data)]
    request = data.draw(s.requests(concerning, method=proof.method, path=proof.url.removeprefix(ORIGIN)))
    assert type(held.authorize(request)) is Allow


def test_requests_are_of_many_methods_and_repeat_what_concerns_nobody() -> None:
    requests = drawn(s.requests([("dpop", b"x")]), 80)
    assert len({request.method for request in requests}) >= 4
    names = [[name.lower() for name, _ in request.headers] for request in requests]
    assert all(each.count(b"dpop") == 1 for each in names)
    assert any(len(set(each)) < len(each) for each in names)
    assert {next(name for name, _ in each.headers if name.lower() == b"dpop") for each in requests} == {
        b"dpop",
        b"Dpop",
        b"DPOP",
    }
    assert {each.index(b"dpop") == 0 for each in names} == {True, False}


@given(s.signals())
def test_a_detector_counts_any_signals(signals: Any) -> None:
    detector = SharingDetector()
    assert detector.observe(credential=b"c" * 32, sender=b"s" * 32, signals=signals, now=1.0).tracked


# --- what an operator writes, and what a verifier asks ---


@given(s.policy_texts())
def test_each_policy_can_be_read(text: str) -> None:
    assert AdmissionPolicy.from_toml(text).rules


def test_rules_have_each_condition_and_option() -> None:
    conditions = {"resource", "citizenship", "nationality", "anyone", "none_of", "region", "not_before", "not_after"}
    options = {
        "binding", "assurance", "issuers", "formats", "types", "sharing", "store_down", "max_admission_age_s",
        "max_credential_age_s", "max_evidence_age_s", "max_status_age_s",
    }  # fmt: skip
    assert conditions | options == set(_RULE_KEYS)
    seen = {name for rules in drawn(s.policy_tables(), 20) for rule in rules for name in rule}
    reach(s.policy_tables(), lambda rules: {name for rule in rules for name in rule}, {*conditions, *options}, seen)


def test_options_of_rules_have_each_value_there_is() -> None:
    def values(rule: dict[str, Any]) -> set[Hashable]:
        chosen = {(name, rule[name]) for name in ("binding", "sharing", "store_down") if name in rule}
        return chosen | {("formats", each) for each in rule.get("formats", ())}

    choices = {"binding": BINDINGS, "sharing": SharingResponse, "store_down": StoreDown, "formats": Format}
    expected: set[Hashable] = {(name, str(each)) for name, those in choices.items() for each in those}
    reach(s.rule_tables(), values, expected, ())


def test_rules_are_written_with_values_of_each_kind() -> None:
    moment = datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=-9, minutes=-30)))
    rule = {
        "resource": ["a", "b/*"],
        "nationality": ["US"],
        "assurance": {"eidas": "high", "nist": "IAL2"},
        "not_before": moment,
        "max_status_age_s": 60,
    }
    other = {"resource": "*", "anyone": True}
    read = tomllib.loads(toml([rule, other]))
    assert read == {"version": 1, "rule": [rule, other], "assurance": {"house": {"levels": ["bad", "good"]}}}
    assert len(AdmissionPolicy.from_toml(toml([rule, other])).rules) == 2


def test_a_rule_that_would_end_before_it_begins_has_no_beginning() -> None:
    early, late = (datetime.fromtimestamp(second, UTC) for second in (1_000, 1_001))
    for rule in ({}, {"not_before": late}, {"not_after": early}, {"not_before": early, "not_after": late}):
        assert of_some_time({"resource": "a", **rule}) == {"resource": "a", **rule}
    for begin in (early, late):
        assert of_some_time({"not_before": begin, "not_after": early}) == {"not_after": early}


def test_a_rule_that_cannot_be_reached_is_left_out_and_what_is_no_rule_is_not_passed_over() -> None:
    everybody: dict[str, Any] = {"resource": "*", "anyone": True}
    german = {"resource": "a", "nationality": ["DE"]}
    assert load([everybody, german]) is None
    kept, policy = reachable_part([german, everybody, german, everybody])
    assert kept == [german, everybody]
    assert policy.digest == AdmissionPolicy.from_toml(toml(kept)).digest
    for wrong in ([], [{"resource": "a", "nationality": ["XX"]}]):
        with pytest.raises(CitizenIDError) as refused:
            load(wrong)
        assert refused.value.reason is Reason.POLICY_INVALID


@given(resource_names(), patterns())
def test_names_and_patterns_are_of_the_same_few_letters(name: str, pattern: str) -> None:
    assert set(name) <= set("ab/") and set(pattern) <= set("ab/*")
    assert pattern and "**" not in pattern


# What a public class is drawn by; of the others, why by nothing. What stands in no row is missing.
DRAWN = {
    "AgreementKey": "agreement_keys", "Assurance": "assurances", "Attestation": "attestations",
    "Challenge": "challenges", "Citizenship": "citizenships", "Country": "countries", "Handover": "handovers",
    "Limits": "limits", "LocalKey": "signing_keys", "PublicKey": "signing_keys", "StatusReference": "status_references",
    "TrustAnchor": "trust_anchors", "TrustAnchors": "trust_anchors", "Validity": "validities",
    "Credential": "credentials", "IdentifierList": "status_lists", "StatusList": "status_lists",
    "StatusLists": "status_lists", "StatusStore": "status_lists", "AdmissionPolicy": "policy_texts",
    "Rule": "policy_tables", "Facts": "facts", "DailyTicketKeys": "ticket_keys", "Request": "requests",
    "SharingLimits": "sharing_limits", "Signals": "signals",
}  # fmt: skip
MADE_BY_THE_LIBRARY = {
    "CitizenIDError", "MalformedError", "VerificationError", "NeedStatusList", "Unsigned", "VerifiedCredential",
    "VerifiedPresentation", "VerifiedStatusList", "IdentifierState", "StatusChange", "StoredStatuses", "ResolvedKey",
    "Admitted", "Allow", "Answer", "Asking", "DecisionKey", "Deny", "Durations", "NeedPresentation",
    "PresentedCredential", "SignedOut", "AuditReport", "AuditState", "LogReport", "Change", "ConditionReport",
    "Explanation", "Finding", "PassedOver", "Verdict", "Pending", "CitizenshipRefused", "Fetched", "NotPermitted",
}  # fmt: skip
"""Results and errors: whatever is drawn leads to them, and nobody else makes one."""
PARTS = {
    "Issuer", "IdentifierPublisher", "StatusFile", "StatusPublisher", "Gateway", "MemoryReplayGuard", "MemorySignOuts",
    "ProofRequest", "SharingDetector", "SieveCache", "AuditDetails", "AuditLog", "CitizenshipMiddleware",
    "AsyncStatusFetcher", "FetchBounds", "Source", "StatusFetcher", "CitizenshipGuard", "PerRequestReplayGuard",
    "StatusListApp", "FleetChannel", "ValkeyReplayGuard", "ValkeySignOuts",
}  # fmt: skip
"""What runs: a world has one of each that decides, and a program wires the others."""


def public_classes() -> Iterator[type]:
    for name in DECIDING:
        module = importlib.import_module(name)
        yield from (
            each for each in map(partial(getattr, module), getattr(module, "__all__", ())) if isinstance(each, type)
        )


def test_every_public_class_has_a_strategy_or_a_reason_why_not() -> None:
    classes = {each for each in public_classes() if not issubclass(each, enum.Enum)}
    named = {each.__name__ for each in classes if not getattr(each, "_is_protocol", False)}
    assert named == DRAWN.keys() | MADE_BY_THE_LIBRARY | PARTS
    assert sum(map(len, (DRAWN, MADE_BY_THE_LIBRARY, PARTS))) == len(named)
    assert set(DRAWN.values()) <= set(s.__all__)


# --- what an operator sets ---


@pytest.mark.parametrize("format", Format)
@settings(MANY, max_examples=15)
@given(st.data())
def test_under_any_bounds_a_presentation_is_verified_or_refused_for_a_bound(
    format: Format, data: st.DataObject
) -> None:
    presented = data.draw(s.presentations(format))
    limits = data.draw(s.limits())
    try:
        verified = presented.verify(limits=limits)
    except CitizenIDError as error:
        assert error.reason in {
            Reason.INPUT_TOO_LARGE, Reason.LIMIT_EXCEEDED, Reason.DEPTH_EXCEEDED, Reason.STATUS_MISSING,
            Reason.DISCLOSURE_MALFORMED,
        }  # fmt: skip
    else:
        assert type(verified) is VerifiedPresentation


def test_bounds_are_narrower_and_wider_each() -> None:
    default = Limits()
    names = [each.name for each in fields(Limits) if each.init]

    def compared(each: Limits) -> set[Hashable]:
        given = {name: (getattr(each, name), getattr(default, name)) for name in names}
        return {(name, (one > two) - (one < two)) for name, (one, two) in given.items()}

    reach(s.limits(), compared, {(name, sign) for name in names for sign in (-1, 0, 1)}, ())


@pytest.mark.parametrize("format", Format)
@settings(MANY, max_examples=25)
@given(st.data())
def test_whom_one_trusts_attests_what_one_trusts_him_for(format: Format, data: st.DataObject) -> None:
    presented = data.draw(s.presentations(format, algorithms=["ES256"], by_mac=False))
    trusted = data.draw(s.trust_anchors(formats=[format]))
    try:
        verified = presented.verify(anchors=trusted)
    except CitizenIDError as error:
        assert error.reason in {Reason.COUNTRY_NOT_ALLOWED, Reason.STATUS_MISSING}
    else:
        assert type(verified) is VerifiedPresentation
        proven = (*verified.citizenship.all_nationalities, *verified.citizenship.citizenships)
        assert all(verified.anchor.may_attest(country) for country in proven)


def test_trust_is_of_each_format_for_some_countries_and_for_all_and_of_others_too() -> None:
    def said(trusted: TrustAnchors) -> set[Hashable]:
        found: set[Hashable] = set()
        for each in trusted:
            found |= {*each.formats, each.issuer, ("all", each.countries is ANY), ("status", each.status_required)}
        return found

    either: set[Hashable] = {(name, value) for name in ("all", "status") for value in (False, True)}
    issuers: set[Hashable] = {"https://id.example", "https://other-issuer.example"}
    reach(s.trust_anchors(), said, {*Format, *issuers} | either, ())


def test_keys_for_macs_are_of_each_curve() -> None:
    found = drawn(s.agreement_keys(), 40)
    assert {type(each) for each in found} == {AgreementKey}
    assert len({each.public.thumbprint for each in found}) == len(AGREEMENTS)


@given(s.ticket_keys())
@settings(MANY, max_examples=10)
def test_a_gateway_takes_any_secrets_of_a_fleet(keys: Any) -> None:
    world = SimulatedWorld(ticket_keys=keys)
    ada = world.wallet()
    assert type(world.ask(ada, world.ticket(ada))) is Allow


def test_secrets_are_of_each_kind() -> None:
    assert {type(each) for each in drawn(s.ticket_keys(), 20)} == {list, DailyTicketKeys}


@given(s.sharing_limits(), s.signals())
def test_a_detector_judges_by_any_thresholds(limits: Any, signals: Any) -> None:
    detector = SharingDetector(limits=limits)
    world = SimulatedWorld(sharing=detector)
    assert world.gateway is not None and detector.limits == limits
    assert detector.observe(credential=b"c" * 32, sender=b"s" * 32, signals=signals, now=1.0).tracked


def test_thresholds_are_set_and_left_out_and_never_come_down() -> None:
    reach(s.sharing_limits(), lambda each: {each.senders_hour.refuse is None}, {True, False}, ())
    for each in drawn(s.sharing_limits(), 20):
        steps = [step for step in each.apart if step is not None]
        assert steps == sorted(steps)


@given(s.policy_texts(), s.facts(), resource_names())
def test_a_policy_decides_about_any_facts(text: str, facts: Any, resource: str) -> None:
    policy = AdmissionPolicy.from_toml(text)
    assert policy.decide(resource, facts) == policy.explain(resource, facts).verdict


def test_of_each_fact_that_can_be_unknown_some_are_known() -> None:
    names = [name for name, default in Facts._field_defaults.items() if default is None]
    either: set[Hashable] = {(name, known) for name in names for known in (False, True)}
    reach(s.facts(), lambda each: {(name, getattr(each, name) is not None) for name in names}, either, ())
    reach(s.facts(), lambda each: {each.binding, each.complete}, {*Binding, True, False}, ())


def test_handovers_are_of_each_kind() -> None:
    reach(s.handovers(), lambda each: {each.kind}, set(HandoverKind) - {HandoverKind.TRANSCRIPT}, ())


def test_challenges_are_of_each_handover() -> None:
    kinds: set[Hashable] = set(HandoverKind) - {HandoverKind.TRANSCRIPT}
    reach(s.challenges(), lambda each: {each.handover.kind}, kinds, ())


@given(s.challenges())
def test_each_challenge_survives_its_text(challenge: Challenge) -> None:
    assert Challenge.from_text(challenge.to_text()) == challenge


@given(s.jwks())
def test_each_set_of_keys_can_be_trusted(document: dict[str, Any]) -> None:
    anchors = TrustAnchors.from_jwks("https://id.example", document, purpose=KeyPurpose.STATUS_LIST)
    assert len(list(anchors)) == len(document["keys"])


def test_references_are_of_each_mechanism_and_citizenships_of_each_shape() -> None:
    reach(s.status_references(), lambda each: {each.kind}, set(StatusKind), ())

    def shape(stated: Citizenship) -> set[Hashable]:
        beside = not set(stated.citizenships) <= set(stated.nationalities)
        return {("complete", stated.complete), ("citizen", bool(stated.citizenships)), ("beside", beside)}

    either = {(name, value) for name in ("complete", "citizen", "beside") for value in (False, True)}
    reach(s.citizenships(), shape, set(either), ())
    reach(s.assurances(), lambda each: {each.framework in ("eidas", "nist")}, {True, False}, ())


@pytest.mark.parametrize("format", Format)
@given(st.data())
def test_a_validity_holds_now(format: Format, data: st.DataObject) -> None:
    validity = data.draw(s.validities(format=format, lifetime_s=86_400))
    assert validity.start is not None
    assert validity.start <= NOW < validity.not_after <= validity.start + 86_400 + 3_600


def test_keys_are_of_each_algorithm_and_the_same_for_the_same_name() -> None:
    reach(s.signing_keys(COSE_ALGORITHMS), lambda each: {each.algorithm}, set(COSE_ALGORITHMS), ())
    keys = drawn(s.signing_keys(("ES256", "Ed25519")))
    assert len({each.public.thumbprint for each in keys}) == 2


# --- wire forms ---


@given(s.json_documents())
def test_our_reader_reads_each_json_document(data: bytes) -> None:
    assert strict_json.parse_object(data, "x", 64) == json.loads(data)


@given(s.base64url_texts())
def test_base64url_is_in_its_one_spelling(text: str) -> None:
    assert base64url(unbase64url(text)).decode() == text


@given(s.compact_jws())
def test_each_jws_is_signed_by_its_key(signed: s.Signed) -> None:
    opened = jws.open_compact(signed.data, "x", Limits())
    assert opened.payload == signed.payload
    assert signed.signer.public.algorithm in (opened.algorithm, {"EdDSA": "Ed25519"}.get(opened.algorithm))


@given(s.cose_sign1())
def test_each_cose_sign1_is_signed_by_its_key(signed: s.Signed) -> None:
    message = cbor.decode(signed.data, "x", frozenset({18})).value
    assert message[2] == signed.payload


@given(st.data())
def test_cbor_from_nowhere_is_cbor(data: st.DataObject) -> None:
    cbor2.dumps(data.draw(s.cbor_values()))
