"""Mutations: each is refused, with a Reason of its own set; what it was made of is accepted; no Reason is idle.

Spec: specs/testing.md.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import pretty

from citizenid import (
    Assurance,
    Attestation,
    Challenge,
    Citizenship,
    Country,
    Format,
    NeedStatusList,
    Reason,
    Serialization,
    StatusReference,
    Validity,
)
from citizenid._model import CertificateProfile
from citizenid.gateway import Allow, Answer, Binding, Request
from citizenid.policy import AdmissionPolicy
from citizenid.status import StatusPublisher
from citizenid.testing.attacks import JOURNAL, UnexpectedOutcomeError
from citizenid.testing.forge import mdoc as forged
from citizenid.testing.forge.parts import ISSUER, NOW, STATUS_URI, VCT, key, unbase64url
from citizenid.testing.forge.status_lists import status_anchors
from citizenid.testing.forgery import ALLOWED, NOT_OFFERED, Outcome
from citizenid.testing.mutations import (
    TABLES,
    Hostile,
    Mutation,
    every_mutation,
    form_of,
    mutate,
    mutations,
    sd_jwt_on_the_way,
    valid_of,
)
from citizenid.testing.mutations._frame import CHOICES, Choice, keyless
from citizenid.testing.mutations._lists import Sent as ListSent
from citizenid.testing.mutations._text import indefinite, padded, with_spare_bits
from citizenid.testing.mutations.gateways import OF_THE_FLEET, Sent
from citizenid.testing.senders import Sender
from citizenid.testing.strategies import (
    Chain,
    Link,
    PublishedList,
    TicketHeld,
    certificate_chains,
    policy_tables,
    presentations,
    status_lists,
    tickets,
)
from citizenid.testing.strategies.chains import PURPOSES
from citizenid.testing.strategies.policies import reachable_part, toml
from citizenid.testing.strategies.presentations import Issued, Presented, holder_key, issuer, reader_key
from citizenid.testing.targets import RESOURCES, Handler, Library, Served, serving
from citizenid.testing.world import ORIGIN, SimulatedWorld
from citizenid.verifier import VerifiedPresentation

COMPACT = (Serialization.COMPACT,)
IN_JSON = (Serialization.FLATTENED, Serialization.GENERAL)
NUMBERS = st.lists(st.integers(0, 2**32 - 1), min_size=CHOICES, max_size=CHOICES)


class Case(NamedTuple):
    """How a form is tried: what is valid of it, how that is accepted, and which share of the examples it has."""

    valid: st.SearchStrategy[Any]
    accepted: Callable[[Any], object]
    share: float = 0.15
    rich: Callable[[], Iterable[Any]] = tuple


def verified(valid: Presented) -> bool:
    return type(valid.verify()) is VerifiedPresentation


def rich(format: Format, serialization: Serialization = Serialization.COMPACT) -> Presented:
    """A presentation that shows everything of a credential in which disclosures stand inside of others."""
    holder = holder_key(format, "ES256")
    citizenship = Citizenship([Country("US"), Country("DE")], [Country("US")], complete=True)
    further: dict[str, Any] = {"x": {"a": 1, "b": [1, 2]}}
    stated = Attestation(
        type=forged.OURS if format is Format.MDOC else VCT,
        issuer=ISSUER,
        claims=({"org.example.person": further} if format is Format.MDOC else further) | citizenship.to_claims(format),
        validity=Validity(NOW - 60, None, NOW + 30 * 86_400),  # type: ignore[arg-type]  # integers are UnixTimes
        holder_key=holder.public,
        status=(StatusReference(STATUS_URI, 7),),
        assurance=Assurance("nist", "IAL2"),
    )
    made = issuer(format).issue(stated, format=format, serialization=serialization)
    issued = Issued(made, format, serialization, stated, "ES256", "ES256")
    return issued.present(issued.receive().disclosable, forged.challenge())


def bare(
    format: Format, serialization: Serialization = Serialization.COMPACT, challenge: Challenge | None = None
) -> Presented:
    """A presentation that shows nothing of what can be withheld; to a reader with a key it is proved by a MAC."""
    by_mac = challenge is not None
    holder = holder_key(format, "ES256", by_mac=by_mac)
    stated = Attestation(
        type=forged.OURS if format is Format.MDOC else VCT,
        issuer=ISSUER,
        claims=Citizenship([Country("US")]).to_claims(format),
        validity=Validity(NOW - 60, None, NOW + 3_600),  # type: ignore[arg-type]  # integers are UnixTimes
        holder_key=holder.public,
    )
    how: dict[str, Any] = {} if format is Format.MDOC else {"disclosable": ()}
    made = issuer(format).issue(stated, format=format, serialization=serialization, **how)
    issued = Issued(made, format, serialization, stated, "ES256", "ES256", by_mac)
    return issued.present((), forged.challenge() if challenge is None else challenge)


def for_a_mac() -> Challenge:
    """What a reader asks who agrees on a key with the holder."""
    return replace(Challenge.dc_api(origin=ORIGIN, nonce="n" * 20), reader_key=reader_key("ES256"))


def chain(profile: CertificateProfile, between: int = 2) -> Chain:
    """A chain of one, two or three certificates."""
    of_authority: dict[str, Any] = {"authority": True, "usage": ("key_cert_sign", "crl_sign")}
    usage = ("content_commitment",) if profile is CertificateProfile.VICAL_SIGNER else ("digital_signature",)
    leaf = Link("leaf", purpose=PURPOSES[profile][0] if PURPOSES[profile] else None, usage=usage)
    above = [Link(f"intermediate {number}", **of_authority) for number in range(between)]
    return Chain(profile, (leaf, *above), Link("root", **of_authority))


def chains() -> Iterator[Chain]:
    """Long ones under each profile, and short ones."""
    yield from map(chain, CertificateProfile)
    for between in range(2):
        yield chain(CertificateProfile.MDOC_DOCUMENT_SIGNER, between)


def requests_of_new_worlds(binding: Binding) -> st.SearchStrategy[Any]:
    # The world is made anew: what a gateway remembers of one example is nothing to the next.
    return st.builds(SimulatedWorld).flatmap(lambda world: tickets(world, bindings=[binding]))


def allowed(valid: TicketHeld) -> bool:
    return type(valid.authorize()) is Allow


CASES = {
    "dc+sd-jwt": Case(
        presentations(Format.SD_JWT_VC, serializations=COMPACT),
        verified,
        rich=lambda: [rich(Format.SD_JWT_VC), bare(Format.SD_JWT_VC)],
    ),
    "dc+sd-jwt in JSON": Case(
        presentations(Format.SD_JWT_VC, serializations=IN_JSON),
        verified,
        rich=lambda: [
            rich(Format.SD_JWT_VC, Serialization.GENERAL),
            bare(Format.SD_JWT_VC, Serialization.GENERAL),
            bare(Format.SD_JWT_VC, Serialization.FLATTENED),
        ],
    ),
    "mso_mdoc": Case(
        presentations(Format.MDOC),
        verified,
        rich=lambda: [rich(Format.MDOC), bare(Format.MDOC), bare(Format.MDOC, challenge=for_a_mac())],
    ),
    "sd-cwt": Case(presentations(Format.SD_CWT), verified, rich=lambda: [rich(Format.SD_CWT), bare(Format.SD_CWT)]),
    "status list, jwt": Case(status_lists(forms=["jwt"]), lambda valid: valid.ingest(), 0.07),
    "status list, cwt": Case(status_lists(forms=["cwt"]), lambda valid: valid.ingest(), 0.07),
    "status list, identifier": Case(status_lists(forms=["identifier"]), lambda valid: valid.ingest()),
    "status list, bitstring": Case(status_lists(forms=["bitstring"]), lambda valid: valid.ingest()),
    "certificate chain": Case(certificate_chains(), lambda valid: valid.verify(), rich=chains),
    "request": Case(requests_of_new_worlds(Binding.DPOP), allowed),
    "request, signed": Case(requests_of_new_worlds(Binding.HTTP_SIGNATURE), allowed),
    "request, mutual TLS": Case(requests_of_new_worlds(Binding.MTLS), allowed),
    "policy": Case(
        policy_tables().map(lambda rules: reachable_part(rules)[0]),
        lambda rules: AdmissionPolicy.from_toml(toml(rules)),
        rich=lambda: [
            [{"resource": "a", "anyone": True, "none_of": ["DE"]}],
            [{"resource": "a", "citizenship": ["US"]}],
        ],
    ),
}


def data_of(valid: Any) -> Any:
    return toml(valid) if isinstance(valid, list) else getattr(valid, "data", None)


@pytest.mark.parametrize("form", TABLES)
def test_each_mutation_is_refused_with_a_reason_of_its_set_and_no_reason_is_idle(form: str) -> None:
    case, table = CASES[form], TABLES[form]
    seen: dict[str, set[Reason | None]] = defaultdict(set)

    def tried(valid: Any, numbers: list[int]) -> None:
        assert form_of(valid) == form
        assert case.accepted(valid) is not False
        for mutation in table:
            hostile = mutate(valid, mutation, numbers)
            if hostile is not None:
                assert hostile.data != data_of(valid), mutation.name
                seen[mutation.name].add(hostile.judge().reason)

    @settings(
        max_examples=max(2, int(settings().max_examples * case.share)),
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case.valid, NUMBERS)
    def run(valid: Any, numbers: list[int]) -> None:
        tried(valid, numbers)

    run()
    for valid in case.rich():
        for number in range(4):
            tried(valid, [number] * CHOICES)
    assert {each.name: set(each.reasons) for each in table} == seen


def test_the_tables_are_closed_and_name_each_mutation_once() -> None:
    assert set(TABLES) == set(CASES)
    for table in TABLES.values():
        names = [mutation.name for mutation in table]
        assert len(set(names)) == len(names)
        assert all(mutation.reasons and len(mutation.reasons) <= 2 for mutation in table)
    with pytest.raises(TypeError):
        TABLES["another"] = ()  # type: ignore[index]  # which is what is tried


@given(st.data())
@settings(max_examples=20)
def test_a_drawn_mutation_is_of_the_table_and_is_refused(data: st.DataObject) -> None:
    valid = data.draw(presentations(Format.MDOC) | presentations(Format.SD_CWT) | presentations(Format.SD_JWT_VC))
    hostile = data.draw(mutations(valid))
    assert hostile.mutation in TABLES[form_of(valid)]
    outcome = hostile.judge()
    assert not outcome.allowed and outcome.reason in hostile.reasons
    finding = JOURNAL.findings[-1]
    assert (finding.id, finding.trial.name) == ("mutated " + hostile.form, hostile.mutation.name)
    assert finding.expected and finding.trial.reason is outcome.reason


@pytest.mark.parametrize("form", TABLES)
def test_what_is_valid_of_a_form_is_drawn_and_every_mutation_of_it_made_at_once(form: str) -> None:
    @settings(max_examples=2, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def run(data: st.DataObject) -> None:
        valid = data.draw(valid_of(form))
        assert form_of(valid) == form
        assert CASES[form].accepted(valid) is not False
        drawn = data.draw(every_mutation(valid))
        names = [each.mutation.name for each in drawn]
        assert names == [row.name for row in TABLES[form] if row.name in names]
        assert len(names) > len(TABLES[form]) / 3
        drawn[0].judge()

    run()


@given(st.data())
@settings(max_examples=2, database=None, suppress_health_check=list(HealthCheck))
def test_of_each_mutation_so_many_variants_are_made_and_a_choice_among_as_many_is_made_in_every_way(
    data: st.DataObject,
) -> None:
    valid = data.draw(valid_of("request"))
    drawn = data.draw(every_mutation(valid, variants=4))
    names = [each.mutation.name for each in drawn]
    assert names == [row.name for row in TABLES["request"] for _ in range(4)]
    methods = [each.data.requests[0].method for each in drawn if each.mutation.name == "a proof for another method"]
    assert set(methods) == {"GET", "PUT", "post"}
    for each in drawn:
        each.judge()


def test_a_finding_keeps_nothing_of_what_was_tried() -> None:
    hostile(Reason.MALFORMED_CBOR, lambda valid, choice: valid.data[:-1]).judge()
    trial = JOURNAL.findings[-1].trial
    with pytest.raises(AssertionError, match="does not keep what was tried"):
        trial.act(Library())


def test_the_same_numbers_make_the_same_change_in_each_process() -> None:
    # Whatever is chosen among is in an order of its own, and in none that a process draws for itself.
    valid, row = chain(CertificateProfile.MDOC_DOCUMENT_SIGNER, 0), named("certificate chain", "another country")
    countries = []
    for number in range(3):
        leaf = x509.load_der_x509_certificate(made(valid, row, [number]).data[0])
        countries += [each.value for each in leaf.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)]
    assert countries == sorted({"DE", "FR", "US", "UT"} - {valid.root.country})
    held, row = of("request"), named("request", "another algorithm of the list")
    algorithms = []
    for number in range(4):
        ((request,),) = made(held, row, [number]).data[:1]
        header = dict(request.headers)[b"dpop"].partition(b".")[0]
        algorithms.append(json.loads(unbase64url(header))["alg"])
    assert algorithms == ["ES384", "ES512", "EdDSA", "ML-DSA-44"]


def named(form: str, name: str) -> Mutation:
    return next(each for each in TABLES[form] if name in each.name)


def made(valid: Any, mutation: Mutation, numbers: Sequence[int] = (0,)) -> Hostile:
    found = mutate(valid, mutation, numbers)
    assert found is not None
    return found


def test_spare_bits_are_set_where_there_are_some_and_elsewhere_nothing_is_made() -> None:
    valid = replace(published("jwt"), data=b"AAAA.AAA.AA")
    row = named("status list, jwt", "spare bits set")
    assert mutate(valid, row, [0]) is None
    assert [made(valid, row, [place]).data.body for place in (1, 2)] == [b"AAAA.AAB.AA", b"AAAA.AAA.AB"]


def published(form: str) -> PublishedList:
    """A list that is the same in each run."""
    publisher = StatusPublisher(uri=STATUS_URI, size=8, randbelow=lambda bound: 0)
    data = publisher.publish(key("status"), kid="s1", now=NOW, ttl_s=60, expires_s=600, format=form)
    return PublishedList(data, form, STATUS_URI, 1, (), key("status"), status_anchors())


def test_a_list_that_is_taken_in_after_the_valid_one_is_an_acceptance() -> None:
    valid = published("jwt")
    again = keyless("the same again", Reason.STATUS_LIST_CONFLICT, lambda valid, _: ListSent(valid.data, after=True))
    with pytest.raises(UnexpectedOutcomeError, match="the same again: allowed, NOT as expected"):
        made(valid, again).judge()
    JOURNAL.findings.pop()


# --- other spellings, other writings ---


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("80", "9fff"),
        ("8201f6", "9f01f6ff"),
        ("a10102", "bf0102ff"),
        ("9818" + "00" * 24, "9f" + "00" * 24 + "ff"),
        ("990018" + "00" * 24, "9f" + "00" * 24 + "ff"),
        ("b8180001", "bf0001ff"),
        ("9a00000001f6", "9ff6ff"),
        ("bb00000000000000010102", "bf0102ff"),
    ],
)
def test_an_array_or_a_map_of_any_length_is_written_without_one(data: str, expected: str) -> None:
    assert indefinite(bytes.fromhex(data)).hex() == expected


def test_a_segment_in_which_every_bit_counts_has_no_spare_ones() -> None:
    assert [with_spare_bits(text, Choice([0])) for text in (b"", b"AAAA")] == [None, None]
    assert [padded(text, Choice([0])) for text in (b"AA", b"AAA", b"AAAA")] == [b"AA==", b"AAA=", b"AAAA="]


@given(st.data())
@settings(max_examples=10)
def test_among_says_which_mutations_are_drawn(data: st.DataObject) -> None:
    valid = data.draw(certificate_chains())
    among = [mutation for mutation in TABLES["certificate chain"] if mutation.keyless]
    assert data.draw(mutations(valid, among=among)).mutation in among


@cache
def unchanged() -> Presented:
    return rich(Format.SD_CWT)


def hostile(reasons: Any, edit: Callable[[Any, Choice], Any], step: str = "") -> Hostile:
    made = mutate(unchanged(), keyless("made here", reasons, edit, step=step))
    assert made is not None
    return made


def test_what_is_accepted_is_reported_as_a_failure_and_noted() -> None:
    with pytest.raises(UnexpectedOutcomeError, match="made here: allowed, NOT as expected: refused"):
        hostile(Reason.NONCE_MISMATCH, lambda valid, choice: valid.data).judge()
    assert not JOURNAL.findings[-1].expected
    JOURNAL.findings.pop()


@pytest.mark.parametrize(
    ("reasons", "step", "good"),
    [
        (Reason.MALFORMED_CBOR, "V1", True),
        ((Reason.MALFORMED_CBOR, Reason.MALFORMED_TOKEN), "", True),
        (Reason.MALFORMED_TOKEN, "V1", False),
        (Reason.MALFORMED_CBOR, "V2", False),
    ],
)
def test_a_refusal_counts_with_its_reason_at_its_step_alone(reasons: Any, step: str, good: bool) -> None:
    made = hostile(reasons, lambda valid, choice: valid.data[:-1], step)
    if good:
        assert made.judge().reason is Reason.MALFORMED_CBOR
    else:
        with pytest.raises(UnexpectedOutcomeError):
            made.judge()
        JOURNAL.findings.pop()


def test_a_missing_status_list_is_no_acceptance() -> None:
    valid = unchanged()
    row = next(each for each in TABLES["sd-cwt"] if each.name == "a list that nobody has")
    made = mutate(valid, row)
    assert made is not None
    assert type(valid.verify(made.data)) is NeedStatusList
    assert made.judge().reason is Reason.STATUS_LIST_UNAVAILABLE


# --- on a gateway of somebody else ---

OURS = Served(lambda world: serving(world.gateway))


SERVED = ("dc+sd-jwt", "mso_mdoc", "sd-cwt", "request", "request, signed", "request, mutual TLS")
BINDINGS = {"request": Binding.DPOP, "request, signed": Binding.HTTP_SIGNATURE, "request, mutual TLS": Binding.MTLS}


def of(form: str) -> Any:
    if form not in BINDINGS:
        return rich(Format(form))
    world, client = SimulatedWorld(), Sender(BINDINGS[form])
    return TicketHeld(client.ticket(world), client, world)


@pytest.mark.parametrize("form", SERVED)
def test_each_mutation_is_refused_by_a_served_gateway_for_the_same_reason(form: str) -> None:
    valid = of(form)
    for number, mutation in enumerate(TABLES[form]):
        made = mutate(valid, mutation, [number] * CHOICES)
        if made is not None and made.served is not None:
            made.judge(OURS)
    alone = [each.name for each in TABLES[form] if (made := mutate(valid, each)) is not None and made.served is None]
    assert set(alone) == (OF_THE_FLEET if form == "request" else set())


@pytest.mark.parametrize("form", SERVED)
def test_a_served_gateway_allows_what_nobody_changed(form: str) -> None:
    same = keyless("nothing", Reason.REPLAYED, lambda valid, choice: sent_as_it_is(valid))
    made = mutate(of(form), same)
    assert made is not None and made.served is not None
    assert made.served(OURS) == ALLOWED


def sent_as_it_is(valid: Any) -> Any:
    return valid.data if isinstance(valid, Presented) else Sent((valid.request(),))


@given(st.data())
@settings(max_examples=3)
def test_where_nothing_can_be_changed_nothing_is_drawn(data: st.DataObject) -> None:
    idle = keyless("nothing", Reason.REPLAYED, lambda valid, choice: None)
    assert mutate(unchanged(), idle) is None
    with pytest.raises(AssertionError, match="none of these mutations"):
        data.draw(mutations(unchanged(), among=[idle]))


def test_what_needs_the_keys_of_the_fleet_is_tried_on_the_library_alone() -> None:
    made = mutate(reachable_part([{"resource": "a", "anyone": True}])[0], TABLES["policy"][0])
    assert made is not None and made.served is None
    assert made.judge(Library()).reason is Reason.POLICY_INVALID
    with pytest.raises(AssertionError, match="on the library alone"):
        made.judge(OURS)


@pytest.mark.parametrize("form", ["mso_mdoc", "request, signed", "request, mutual TLS"])
def test_what_a_gateway_does_not_offer_is_not_tried_on_it(form: str) -> None:
    only = Served(lambda world: serving(world.gateway), formats=[Format.SD_JWT_VC], bindings=[Binding.DPOP])
    assert made(of(form), TABLES[form][0]).judge(only) == NOT_OFFERED
    assert JOURNAL.findings[-1].expected and JOURNAL.findings[-1].target == "gateway"


def test_spare_bits_are_found_wherever_an_answer_has_some() -> None:
    # With each answer other segments have some: an audience, a nonce or a time is longer.
    (mutation,) = (each for each in sd_jwt_on_the_way.BY_ANYBODY if each.name == "spare bits set")
    full, part = b"AAAA.AAAA.AAAA", b"AAAA.AA.AAAA"
    for data, one in ((full + b"~~" + part, b"AAAA.AB.AAAA"), (part + b"~~" + full, b"AAAA.AB.AAAA")):
        for first in range(6):
            edited = mutation.edit(SimpleNamespace(data=data), Choice([first]))
            assert edited == data.replace(part, one)
    assert mutation.edit(SimpleNamespace(data=full + b"~~" + full), Choice([0])) is None
    spread = b"AA.AA.AA~~AA.AA.AA"
    assert len({mutation.edit(SimpleNamespace(data=spread), Choice([first])) for first in range(6)}) == 6


def test_what_finds_nothing_to_change_in_an_answer_to_a_gateway_is_not_tried_on_it() -> None:
    valid = unchanged()
    row = keyless("once", Reason.EXPIRED, lambda shown, choice: shown.data[:-1] if shown is valid else None)
    assert made(valid, row).judge(OURS) == NOT_OFFERED


def test_what_leaves_a_judge_in_place_of_an_answer_is_a_finding() -> None:
    broken = replace(hostile(Reason.EXPIRED, lambda valid, choice: valid.data), judged=lambda data: 1 // 0)
    with pytest.raises(UnexpectedOutcomeError, match="made here: failed, ZeroDivisionError: ") as failed:
        broken.judge()
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert JOURNAL.findings.pop().outcome.failure.startswith("ZeroDivisionError")


def test_a_gateway_that_names_no_reasons_must_only_refuse() -> None:
    made = hostile(Reason.NONCE_MISMATCH, lambda valid, choice: valid.data[:-1])
    silent = Served(lambda world: serving(world.gateway), names_reasons=False)
    with pytest.raises(UnexpectedOutcomeError):
        made.judge(silent)  # it does name one, and the wrong one
    JOURNAL.findings.pop()


@pytest.mark.parametrize("text", ["header.payload.signature", "a", "AAAAA", "AAB", "~"])
def test_a_ticket_of_somebody_else_may_be_any_text(text: str) -> None:
    held = replace(of("request"), text=text)
    for row in TABLES["request"]:
        if row.name not in OF_THE_FLEET:
            for number in range(3):
                edited = row.edit(held, Choice([number] * CHOICES))
                assert edited is not None
    (request,) = named("request", "a bit of the ticket").edit(held, Choice([0])).requests
    changed = dict(request.headers)[b"citizenship-ticket"]
    assert changed != text.encode() and len(changed) == len(text)


def test_a_refusal_without_a_reason_is_one_where_none_is_promised() -> None:
    def mute(world: SimulatedWorld) -> Handler:
        ours = serving(world.gateway)

        def answer(request: Request, body: bytes) -> Answer:
            said = ours(request, body)
            return said if request.url.endswith(RESOURCES + "us-nationals") else Answer(403, (), b"")

        return answer

    made = hostile(Reason.NONCE_MISMATCH, lambda valid, choice: valid.data)
    assert made.judge(Served(mute, names_reasons=False)) == Outcome(False)
    with pytest.raises(UnexpectedOutcomeError):
        made.judge(Served(mute))
    JOURNAL.findings.pop()


def test_a_mutation_is_shown_by_its_name_in_a_report_of_hypothesis_as_well() -> None:
    made = hostile(Reason.NONCE_MISMATCH, lambda valid, choice: valid.data)
    assert repr(made) == pretty(made) == "<Hostile sd-cwt: made here>"
    assert str(made.mutation) == "made here"
    assert isinstance(made.mutation, Mutation)
