"""The vocabulary: values that are checked when they are made, say the same when they come back, and cannot be changed.

Spec: specs/terms.md; specs/profile-sd-jwt-vc.md section 3; DESIGN section 2, laws 1, 4 and 11, and section 7.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import inspect
import json
import pickle
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from places import only_at

from citizenid._errors import CitizenIDError, MalformedError, Reason
from citizenid._model import (
    Assurance,
    Attestation,
    Binding,
    CertificateProfile,
    Challenge,
    Citizenship,
    Format,
    KeyHint,
    KeyPurpose,
    NeedStatusList,
    Presentation,
    Serialization,
    SignedObject,
    Status,
    StatusKind,
    StatusReference,
    UnixTime,
    Validity,
    attestation_of_frozen,
    check_now,
    draft_of,
    freeze,
    never_copied,
    refuse_forgery,
    thaw,
)
from citizenid._model.attestation import evidence_time
from citizenid._wire.keys import KeyMaterial
from citizenid.countries import Country

OURS = "org.citizenid.citizenship.1"
errors_say_where = only_at(
    {
        Reason.CHALLENGE_INVALID: frozenset(
            {"challenge", "challenge.audience", "challenge.max_age_s", "challenge.nonce"}
        ),
        Reason.CLAIM_INVALID: frozenset(
            {"assurance", "claims", "evidence_checked_at", "exp", "iat", "nationalities_complete", "nbf", OURS}
            | {"status.certificate", "status.identifier_list.id", "status.kind", "status.purpose"}
            | {"status.status_list.idx", "status.status_list.uri"}
        ),
        Reason.CLOCK_UNUSABLE: frozenset({"now"}),
        Reason.CONFIGURATION_INVALID: frozenset({"format"}),
        Reason.COUNTRY_INVALID: frozenset(
            {"citizenship", "citizenships", "country", "nationalities", "nationality", OURS}
        ),
        Reason.DEPTH_EXCEEDED: frozenset({"claims"}),
    }
)
LARGEST = 2**53 - 1
NOT_AN_INTEGER: list[Any] = [True, False, 1.0, 1e9, float("nan"), float("inf"), "1", b"1", [1], (1,), {}, 1j, object()]


def _refused(call: Callable[[], object], reason: Reason, where: str) -> None:
    with pytest.raises(MalformedError) as caught:
        call()
    error = caught.value
    assert (error.reason, error.where) == (reason, where)
    assert error.__cause__ is None and error.__context__ is None


def _frozen(value: Any) -> None:
    """No field can be set, none deleted, none added."""
    fields = list(value._fields) if isinstance(value, tuple) else [field.name for field in dataclasses.fields(value)]
    for name in [*fields, "more"]:
        with pytest.raises((AttributeError, TypeError)):
            setattr(value, name, None)
        with pytest.raises((AttributeError, TypeError)):
            delattr(value, name)


def us(*codes: str) -> tuple[Country, ...]:
    return tuple(Country(code) for code in codes)


# --- time ---


@pytest.mark.parametrize("now", [0, 1, 1_800_000_000, LARGEST])
def test_now_is_an_integer_of_seconds(now: int) -> None:
    assert check_now(now) == now


@pytest.mark.parametrize("now", [-1, None, *NOT_AN_INTEGER])
def test_another_now_is_refused(now: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        check_now(now)
    assert (caught.value.reason, caught.value.where) == (Reason.CLOCK_UNUSABLE, "now")


_TIMES = st.one_of(st.none(), st.integers(-2, 12), st.integers(LARGEST - 2, LARGEST + 2))


@given(_TIMES, _TIMES, _TIMES)
def test_validity_is_what_is_in_range_and_in_order(issued: int | None, before: int | None, after: int | None) -> None:
    given_times = [time for time in (issued, before, after) if time is not None]
    in_range = after is not None and all(0 <= time <= LARGEST for time in given_times)
    start = before if before is not None else issued
    try:
        validity = Validity(issued, before, after)  # type: ignore[arg-type]  # wrong types are what is tested
    except MalformedError as error:
        assert error.reason is Reason.CLAIM_INVALID and error.where in ("iat", "nbf", "exp")
        assert not in_range or (after is not None and any(t is not None and t >= after for t in (issued, before)))
    else:
        assert in_range
        assert validity.start == start
        assert start is None or start < validity.not_after
        assert issued is None or issued < validity.not_after


@pytest.mark.parametrize("value", [-1, LARGEST + 1, 2**64, *NOT_AN_INTEGER])
def test_a_time_of_another_kind_is_refused(value: Any) -> None:
    later = UnixTime(LARGEST)
    _refused(lambda: Validity(value, None, later), Reason.CLAIM_INVALID, "iat")
    _refused(lambda: Validity(None, value, later), Reason.CLAIM_INVALID, "nbf")
    _refused(lambda: Validity(None, None, value), Reason.CLAIM_INVALID, "exp")
    _refused(lambda: Validity(None, None, None), Reason.CLAIM_INVALID, "exp")  # type: ignore[arg-type]  # the same


def test_every_second_from_the_first_to_the_last_is_a_time() -> None:
    last = UnixTime(LARGEST)
    for first in (UnixTime(0), UnixTime(1), UnixTime(LARGEST - 1)):
        assert Validity(first, first, last).start == first
    # In order, they would be times; what is out of order is said of the end.
    _refused(lambda: Validity(last, None, last), Reason.CLAIM_INVALID, "exp")
    _refused(lambda: Validity(None, last, last), Reason.CLAIM_INVALID, "exp")
    _refused(lambda: Validity(None, None, UnixTime(LARGEST + 1)), Reason.CLAIM_INVALID, "exp")
    assert Validity(None, None, UnixTime(0)).not_after == 0


def test_times_in_wrong_order_are_refused() -> None:
    def make(*times: int | None) -> Validity:
        return Validity(*times)  # type: ignore[arg-type]  # plain integers in the stead of UnixTime

    for times in (
        (10, None, 10),
        (None, 10, 10),
        (11, None, 10),
        (None, 11, 10),
        (1, 10, 10),
        (20, 11, 10),
        (10, 5, 10),
        (11, 0, 10),
        (LARGEST, None, LARGEST),
    ):  # what is issued after its end never was valid
        _refused(partial(make, *times), Reason.CLAIM_INVALID, "exp")
    assert make(9, None, 10).start == 9
    assert make(9, 5, 10).start == 5
    assert make(5, 9, 10).start == 9
    assert make(None, None, 0).start is None
    _frozen(make(1, 2, 3))


# --- status references and assurance ---


def test_a_status_reference_is_an_index_in_a_list() -> None:
    for index in (0, 1, 2**32 - 1):
        assert StatusReference("https://id.example/status/1", index).kind is StatusKind.STATUS_LIST
    assert StatusReference("u" * 2_048, 0) == StatusReference("u" * 2_048, 0)
    assert StatusReference("u", 0) != StatusReference("u", 1) != StatusReference("v", 1)
    _frozen(StatusReference("u", 0))


@pytest.mark.parametrize("index", [-1, 2**32, 2**64, None, *NOT_AN_INTEGER])
def test_another_index_is_refused(index: Any) -> None:
    _refused(lambda: StatusReference("u", index), Reason.CLAIM_INVALID, "status.status_list.idx")


@pytest.mark.parametrize("uri", ["", "u" * 2_049, None, 1, b"u", ["u"], True], ids=lambda uri: repr(uri)[:12])
def test_another_uri_is_refused(uri: Any) -> None:
    _refused(lambda: StatusReference(uri, 0), Reason.CLAIM_INVALID, "status.status_list.uri")


def test_a_reference_to_an_identifier_list_has_an_identifier_and_no_index() -> None:
    for identifier in (b"i", b"i" * 64):
        reference = StatusReference("u", kind=StatusKind.IDENTIFIER_LIST, identifier=identifier)
        assert (reference.index, reference.identifier) == (0, identifier)
    where = "status.identifier_list.id"
    for wrong in (None, b"", b"i" * 65, "i", bytearray(b"i"), 7):
        changes: dict[str, Any] = {"kind": StatusKind.IDENTIFIER_LIST, "identifier": wrong}
        _refused(lambda changes=changes: StatusReference("u", **changes), Reason.CLAIM_INVALID, where)
    for index in (0, 1):
        changes = {"index": index, "identifier": b"i"}
        for kind in (StatusKind.STATUS_LIST, StatusKind.BITSTRING, StatusKind.IDENTIFIER_LIST):
            _refused(
                lambda changes=changes, kind=kind: StatusReference("u", kind=kind, **changes),
                Reason.CLAIM_INVALID,
                "status.status_list.idx",
            )


def test_a_reference_names_a_certificate_of_some_bytes_and_no_more() -> None:
    for certificate in (b"c", b"c" * 8_192):
        assert StatusReference("u", 0, certificate=certificate).certificate == certificate
    for wrong in (b"", b"c" * 8_193, "c", bytearray(b"c"), 7):
        changes: dict[str, Any] = {"certificate": wrong}
        _refused(lambda changes=changes: StatusReference("u", 0, **changes), Reason.CLAIM_INVALID, "status.certificate")
    changes = {"kind": StatusKind.BITSTRING, "purpose": "revocation", "certificate": b"c"}
    _refused(lambda: StatusReference("u", 0, **changes), Reason.CLAIM_INVALID, "status.certificate")


def test_a_purpose_belongs_to_a_bitstring() -> None:
    for purpose in ("revocation", "suspension"):
        assert StatusReference("u", 0, StatusKind.BITSTRING, purpose=purpose).purpose == purpose
        _refused(
            lambda purpose=purpose: StatusReference("u", 0, purpose=purpose), Reason.CLAIM_INVALID, "status.purpose"
        )
    for wrong in (None, "", "Revocation", "message", b"revocation", ["revocation"], 7):
        changes: dict[str, Any] = {"kind": StatusKind.BITSTRING, "purpose": wrong}
        _refused(lambda changes=changes: StatusReference("u", 0, **changes), Reason.CLAIM_INVALID, "status.purpose")
    for kind in ("status_list", None, 1):
        changes = {"kind": kind}
        _refused(lambda changes=changes: StatusReference("u", 0, **changes), Reason.CLAIM_INVALID, "status.kind")


@pytest.mark.parametrize("text", ["", "t" * 65, "\ud800", None, 1, b"t", ["t"], True], ids=lambda t: ascii(t)[:12])
def test_an_assurance_is_two_short_texts(text: Any) -> None:
    assert Assurance("eidas", "t" * 64).level == "t" * 64
    assert Assurance("e", "t").framework == "e"
    _refused(lambda: Assurance(text, "high"), Reason.CLAIM_INVALID, "assurance")
    _refused(lambda: Assurance("eidas", text), Reason.CLAIM_INVALID, "assurance")
    _frozen(Assurance("eidas", "high"))


# --- citizenship ---

_COUNTRIES = st.sampled_from(Country.all())
_LISTS = st.lists(_COUNTRIES, max_size=6, unique=True)


@given(_LISTS, _LISTS, st.booleans())
def test_what_is_stated_is_read_back(nationalities: list[Country], citizenships: list[Country], complete: bool) -> None:
    stated = Citizenship(nationalities, citizenships, complete)
    claims = stated.to_claims(Format.SD_JWT_VC)
    for form in (claims, json.loads(json.dumps(claims)), freeze(claims)):
        read = Citizenship.from_claims(form)
        assert read.citizenships == stated.citizenships == tuple(citizenships)
        assert read.all_nationalities == stated.all_nationalities == set(nationalities) | set(citizenships)
        assert read.nationalities == tuple(dict.fromkeys(nationalities + citizenships))  # a citizen is a national
        assert read.complete is complete
        assert read.to_claims(Format.SD_JWT_VC) == claims
    assert set(claims) == {"nationalities"} | ({"citizenships"} if citizenships else set()) | (
        {"nationalities_complete"} if complete else set()
    )


def test_a_list_that_a_citizenship_contradicts_is_not_complete() -> None:
    stated = {"nationalities": ["US"], "nationalities_complete": True}
    assert Citizenship.from_claims(stated).complete
    assert Citizenship.from_claims({**stated, "citizenships": ["US"]}).complete
    for contradicted in (["FR"], ["US", "FR"]):
        read = Citizenship.from_claims({**stated, "citizenships": contradicted})
        assert not read.complete
        assert Country("FR") in read.citizenships


def test_a_nationality_implies_no_citizenship() -> None:
    read = Citizenship.from_claims({"nationalities": ["US"]})
    assert (read.nationalities, read.citizenships) == (us("US"), ())
    read = Citizenship.from_claims({"citizenships": ["US"]})
    assert (read.nationalities, read.citizenships, read.all_nationalities) == ((), us("US"), frozenset(us("US")))
    assert "citizenships" not in Citizenship(us("US")).to_claims(Format.SD_JWT_VC)


def test_claims_that_state_nothing() -> None:
    nothing = Citizenship.from_claims({})
    assert nothing == Citizenship() and not nothing.complete
    # Elsewhere than at the top level they count for nothing, nor under another spelling of the name.
    for claims in (
        {"address": {"nationalities": ["US"]}},
        {"Nationalities": ["US"]},
        {"nationality": ["US"]},
        {"citizenship": "US"},
        {"nationalities ": ["US"]},
    ):
        assert Citizenship.from_claims(claims) == nothing


@pytest.mark.parametrize("name", ["nationalities", "citizenships"])
@pytest.mark.parametrize(
    "value",
    [
        None, "US", "", 1, True, {}, {"US": True}, {"0": "US"}, [None], [1], [True], [["US"]], [{"...": "x"}], [{}],
        [""], ["us"], ["USA"], ["US "], ["US", "us"], ["US", "US"], ["QU", "QU"], ["US", "QS", "QS"], ["QQ"], ["XXA"],
        ["UNO"], ["EU"], ["UK"], ["XK"], ["ZZ"], ["D"], ["DE\n"], ["\uff24\uff25"], ["US", None], ["US", ["FR"]],
        {"US"}, b"US",
    ],
    ids=repr,
)  # fmt: skip
def test_a_list_of_another_form_is_refused(name: str, value: Any) -> None:
    other = "citizenships" if name == "nationalities" else "nationalities"
    for claims in ({name: value}, {name: value, other: ["FR"]}, freeze({name: value, "nationalities_complete": True})):
        _refused(partial(Citizenship.from_claims, claims), Reason.COUNTRY_INVALID, name)


@pytest.mark.parametrize("name", ["nationalities", "citizenships"])
def test_a_list_has_at_most_32_entries(name: str) -> None:
    codes = [country.alpha2 for country in Country.all()]
    assert len(Citizenship.from_claims({name: codes[:32]}).all_nationalities) == 32
    assert len(Citizenship.from_claims({name: [*codes[:31], "QU"]}).all_nationalities) == 31
    for too_many in (codes[:33], [*codes[:32], "QU"], ["US"] * 33, [[]] * 1_000_000):
        _refused(partial(Citizenship.from_claims, {name: too_many}), Reason.COUNTRY_INVALID, name)


@pytest.mark.parametrize("special", [["QU"], ["QS"], ["QU", "QS"]], ids=repr)
def test_special_codes_are_legal_and_name_no_country(special: list[str]) -> None:
    for codes in (special, ["US", *special], [*special, "US"]):
        read = Citizenship.from_claims({"nationalities": codes, "citizenships": codes})
        countries = us("US") if "US" in codes else ()
        assert (read.nationalities, read.citizenships) == (countries, countries)


def test_when_a_list_is_complete() -> None:
    def complete(claims: dict[str, Any], *, withheld: bool = False) -> bool:
        return Citizenship.from_claims(claims, withheld=withheld).complete

    said = {"nationalities_complete": True}
    assert complete({"nationalities": ["US"], **said})
    assert complete({"nationalities": [], **said})
    assert not complete({"nationalities": ["US"]})  # nobody said so
    assert not complete({"nationalities": ["US"], "nationalities_complete": False})
    assert not complete(said)  # the list is not there
    assert not complete({"citizenships": ["US"], **said})  # nor is it another list
    assert not complete({"nationalities": ["US"], **said}, withheld=True)  # an element is hidden, or may be
    assert not complete({"nationalities": [], **said}, withheld=True)
    assert not complete({"nationalities": ["US", "QU"], **said})  # one of them is unknown
    assert not complete({"nationalities": ["QS"], **said})


@pytest.mark.parametrize("flag", [None, 0, 1, "true", "True", "", [], [True], {}, 1.0], ids=repr)
def test_the_flag_is_a_boolean(flag: Any) -> None:
    for claims in ({"nationalities": ["US"]}, {}, {"citizenships": ["US"]}):
        whole = {**claims, "nationalities_complete": flag}
        _refused(partial(Citizenship.from_claims, whole), Reason.CLAIM_INVALID, "nationalities_complete")
    _refused(lambda: Citizenship(us("US"), (), flag), Reason.COUNTRY_INVALID, "citizenship")


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.floats() | st.sampled_from(["US", "FR", "QU", "us", "XK", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["nationalities", "a"]), inner, max_size=2)
    ),
    max_leaves=5,
)
_CODES = st.lists(st.sampled_from(["US", "FR", "DE", "QU", "QS"]), max_size=3)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "nationalities": _CODES | _JUNK,
            "citizenships": _CODES | _JUNK,
            "nationalities_complete": st.booleans() | _JUNK,
            "address": _JUNK,
        },
    ),
    st.booleans(),
)
def test_any_claims_state_something_or_are_refused(claims: dict[str, Any], withheld: bool) -> None:
    def valid(name: str) -> bool:
        value = claims.get(name, [])
        return (
            type(value) is list
            and all(type(code) is str and code in ("US", "FR", "DE", "QU", "QS") for code in value)
            and len(set(value)) == len(value)
        )

    well_formed = valid("nationalities") and valid("citizenships")
    well_formed = well_formed and type(claims.get("nationalities_complete", False)) is bool
    try:
        read = Citizenship.from_claims(claims, withheld=withheld)
    except MalformedError as error:
        assert not well_formed
        assert (error.reason, error.where) in (
            (Reason.COUNTRY_INVALID, "nationalities"),
            (Reason.COUNTRY_INVALID, "citizenships"),
            (Reason.CLAIM_INVALID, "nationalities_complete"),
        )
    else:
        assert well_formed
        for name, found in (("nationalities", read.nationalities), ("citizenships", read.citizenships)):
            assert [country.alpha2 for country in found] == [code for code in claims.get(name, []) if code[0] != "Q"]
        assert not (withheld and read.complete)
        assert Citizenship.from_claims(freeze(claims), withheld=withheld) == read


@pytest.mark.parametrize(
    "countries",
    [["US"], [None], ["QU"], [Country], [us("US")], us("US", "US"), [*us("US", "FR"), "DE"], "US", {"US": 1}],
    ids=repr,
)
def test_a_citizenship_is_made_of_distinct_countries(countries: Any) -> None:
    _refused(lambda: Citizenship(nationalities=countries), Reason.COUNTRY_INVALID, "citizenship")
    _refused(lambda: Citizenship(citizenships=countries), Reason.COUNTRY_INVALID, "citizenship")


def test_a_citizenship_is_a_value() -> None:
    one = Citizenship(iter(us("US", "FR")), set(us("US")))
    assert (one.nationalities, one.citizenships) == (us("US", "FR"), us("US"))
    assert one == Citizenship(us("US", "FR"), us("US")) != Citizenship(us("FR", "US"), us("US"))
    assert hash(one) == hash(Citizenship(us("US", "FR"), us("US")))
    assert Citizenship(us("US"), us("US")) != Citizenship(us("US"), us("US"), complete=True)
    assert copy.deepcopy(one) == one
    _frozen(one)


@pytest.mark.parametrize("format_", ["mso_mdoc", "mso-mdoc", "vc+sd-jwt", "dc+sd-jwt", "", None, "SD_JWT_VC", 1])
def test_claims_have_the_shape_of_a_format_that_exists(format_: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:  # a text is none, also where it equals one
        Citizenship(us("US")).to_claims(format_)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID and caught.value.__context__ is None
    assert Citizenship(us("US")).to_claims(Format.SD_JWT_VC) == {"nationalities": ["US"]}


# --- attestations, frozen ---


def _attestation(claims: Any, **changes: Any) -> Attestation:
    validity = Validity(UnixTime(1), None, UnixTime(2))
    return Attestation(type="urn:example:1", issuer="https://id.example", claims=claims, validity=validity, **changes)


def test_an_attestation_derives_what_it_states_of_citizenship() -> None:
    attestation = _attestation({"nationalities": ["US"], "nationalities_complete": True})
    assert attestation.citizenship == Citizenship(us("US"), (), complete=True)
    assert not _attestation(
        {"nationalities": ["US"], "nationalities_complete": True}, withheld=True
    ).citizenship.complete
    with pytest.raises(TypeError):
        _attestation({}, citizenship=Citizenship(us("US")))
    _refused(lambda: _attestation({"nationalities": "US"}), Reason.COUNTRY_INVALID, "nationalities")
    _refused(lambda: _attestation({"nationalities_complete": 1}), Reason.CLAIM_INVALID, "nationalities_complete")
    changed = dataclasses.replace(attestation, claims={"nationalities": ["FR"]})
    assert changed.citizenship == Citizenship(us("FR"))


@pytest.mark.parametrize("value", [True, False, 1.0, 1.5, -1, 2**53, "5", b"5", [5], Decimal(5)])
def test_the_time_of_the_evidence_is_a_time_or_nothing(value: Any) -> None:
    for good in (None, 0, 5, 2**53 - 1):
        assert _attestation({}, evidence_at=good).evidence_at == good
    assert _attestation({}).evidence_at is None
    _refused(lambda: _attestation({}, evidence_at=value), Reason.CLAIM_INVALID, "evidence_checked_at")


@pytest.mark.parametrize("withheld", [False, True])
def test_an_attestation_of_claims_that_are_frozen_already_is_the_same_as_any_other(withheld: bool) -> None:
    claims = {"nationalities": ["US"], "nationalities_complete": True, "address": {"lines": ["x"]}}
    made = _attestation(claims, withheld=withheld, evidence_at=5, assurance=Assurance("eidas", "high"))
    frozen = freeze(claims)
    quick = attestation_of_frozen(
        made.type,
        made.issuer,
        frozen,
        made.validity,
        made.holder_key,
        made.status,
        made.assurance,
        made.evidence_at,
        Citizenship.from_claims(frozen, withheld=withheld),
    )
    assert type(quick) is Attestation and quick == made
    assert quick.citizenship == made.citizenship
    assert quick.withheld is False  # what is withheld is said in its citizenship
    _frozen(quick)


@pytest.mark.parametrize("claims", [None, 5, "claims", [("nationalities", ["US"])], {"x"}])
def test_claims_are_a_mapping(claims: Any) -> None:
    _refused(lambda: _attestation(claims), Reason.CLAIM_INVALID, "claims")


@pytest.mark.parametrize("elements", [None, 5, "US", ["US"], [("nationality", "US")]])
def test_the_claims_of_an_mdoc_are_mappings_in_a_mapping(elements: Any) -> None:
    claims = {"eu.europa.ec.eudi.pid.1": {"nationality": "US"}, "org.example": elements}
    with pytest.raises(MalformedError) as caught:
        dataclasses.replace(_attestation({}), type="eu.europa.ec.eudi.pid.1", claims=claims)
    assert (caught.value.reason, caught.value.where) == (Reason.CLAIM_INVALID, "claims")


@pytest.mark.parametrize(("first", "second"), [(33, 0), (0, 33), (20, 20), (249, 249), (32, 0), (16, 16), (32, 32)])
def test_what_can_be_attested_can_be_read(first: int, second: int) -> None:
    """An issuer must not sign what no verifier takes: a list that is too long ends at the attestation."""
    countries = Country.all()
    stated = Citizenship(countries[:first], countries[:second] if second == 32 else countries[249 - second :])
    claims = stated.to_claims(Format.SD_JWT_VC)
    if len(claims["nationalities"]) <= 32:
        assert _attestation(claims).citizenship.all_nationalities == stated.all_nationalities
    else:
        _refused(lambda: _attestation(claims), Reason.COUNTRY_INVALID, "nationalities")


def test_an_attestation_does_not_change_with_what_it_was_made_of() -> None:
    claims: dict[str, Any] = {"nationalities": ["US"], "address": {"lines": ["one"]}}
    attestation = _attestation(claims)
    claims["nationalities"].append("FR")
    claims["address"]["lines"][0] = "two"
    claims["given_name"] = "Ada"
    assert thaw(attestation.claims) == {"nationalities": ["US"], "address": {"lines": ["one"]}}
    with pytest.raises(TypeError):
        attestation.claims["nationalities"] = ("FR",)  # type: ignore[index]  # that it cannot be changed is tested
    with pytest.raises(TypeError):
        attestation.claims["address"]["lines"] = ()
    _frozen(attestation)


def test_a_read_only_view_of_what_others_can_change_is_frozen_too() -> None:
    """A MappingProxyType is a view: taken as it is, claims and citizenship part when somebody changes the dict."""
    claims: dict[str, Any] = {"nationalities": ["US"], "address": {"lines": ["one"]}}
    attestation = _attestation(MappingProxyType(claims))
    claims["nationalities"].append("FR")
    claims["given_name"] = "Ada"
    assert thaw(attestation.claims) == {"nationalities": ["US"], "address": {"lines": ["one"]}}


@pytest.mark.parametrize("value", [
    Assurance("Marker8675309", "Marker8675309"), StatusReference("https://Marker8675309.example", 5),
    NeedStatusList("https://Marker8675309.example"), Validity(UnixTime(8675309), None, UnixTime(8675310)),
    Citizenship(us("US")), KeyMaterial("ES256", b"Marker8675309"),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_what_comes_from_a_credential_is_not_in_a_repr(value: Any) -> None:
    for seen in (repr(value), str(value), f"{value}", repr([value])):
        assert "8675309" not in seen and "'US'" not in seen


def nested(levels: int) -> Any:
    """Arrays in arrays, so many below the claims, around one value."""
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


def test_claims_have_at_most_two_hundred_levels() -> None:
    assert thaw(_attestation({"x": nested(199)}).claims) == {"x": nested(199)}
    for levels in (200, 5_000):  # by our count, or by that of the interpreter
        with pytest.raises(MalformedError) as caught:
            _attestation({"x": nested(levels)})
        assert (caught.value.reason, caught.value.where) == (Reason.DEPTH_EXCEEDED, "claims")
        assert caught.value.__context__ is None


def test_claims_that_the_interpreter_has_no_room_for_are_too_deep() -> None:
    def at(frames: int) -> object:
        return freeze(nested(190)) if frames <= 0 else at(frames - 1)

    assert thaw(at(0)) == nested(190)
    _refused(lambda: at(sys.getrecursionlimit() - len(inspect.stack(0)) - 100), Reason.DEPTH_EXCEEDED, "claims")


def test_an_attestation_shows_nothing_of_the_person() -> None:
    attestation = _attestation({"given_name": "Marker8675309", "nationalities": ["US"]})
    assert "Marker8675309" not in f"{attestation}{attestation!r}" and "US" not in repr(attestation)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def _mutable(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return True
    items = value.values() if isinstance(value, MappingProxyType) else value if isinstance(value, tuple) else ()
    return any(map(_mutable, items))


@given(_JSON)
def test_what_is_frozen_thaws_to_what_it_was(value: Any) -> None:
    before = copy.deepcopy(value)
    frozen = freeze(value)
    assert not _mutable(frozen)
    thawed = thaw(frozen)
    assert thawed == value == before and json.dumps(thawed) == json.dumps(value)
    assert not isinstance(value, (list, dict)) or thawed is not value
    assert thaw(freeze(frozen)) == value  # twice is once


# --- challenges ---

_AUDIENCES = st.text(min_size=1, max_size=40)
_NONCES = st.one_of(st.text(min_size=8, max_size=40), st.binary(min_size=8, max_size=40))
_AGES = st.integers(1, 86_400)


@given(_AUDIENCES, _NONCES, _AGES)
@example("https://gateway.example", "n-0S6_WzA2Mj", 300)
@example("a", b"\x00" * 8, 1)
def test_a_challenge_is_read_as_it_was_written(audience: str, nonce: str | bytes, age: int) -> None:
    challenge = Challenge(audience, nonce, age)
    text = challenge.to_text()
    assert text.isascii() and text.isprintable() and " " not in text
    again = Challenge.from_text(text)
    assert again == challenge and type(again.nonce) is type(nonce)
    assert again.to_text() == text


@given(_AUDIENCES, _AUDIENCES, _NONCES, _NONCES, _AGES, _AGES)
def test_two_challenges_have_two_texts(
    audience: str, other: str, nonce: str | bytes, another: str | bytes, age: int, later: int
) -> None:
    one, two = Challenge(audience, nonce, age), Challenge(other, another, later)
    assert (one.to_text() == two.to_text()) is (one == two)
    if isinstance(nonce, str):  # the text and its bytes are two nonces
        assert Challenge(audience, nonce.encode(), age).to_text() != one.to_text()


_PIECES = st.sampled_from(
    [".", "=", "A", "-", "_", "+", "/", " ", "\n", "0", "1", "s", "b", "\u0661", "\ud800", "x", ""]
)


@given(_AUDIENCES, _NONCES, _AGES, st.integers(0, 120), st.integers(0, 3), _PIECES)
def test_any_other_spelling_is_refused(
    audience: str, nonce: str | bytes, age: int, place: int, drop: int, piece: str
) -> None:
    """Whatever text is read comes back as exactly that text: a challenge has one spelling."""
    text = Challenge(audience, nonce, age).to_text()
    place %= len(text) + 1
    mutated = text[:place] + piece + text[place + drop :]
    assume(mutated != text)
    try:
        read = Challenge.from_text(mutated)
    except MalformedError as error:
        assert (error.reason, error.where) == (Reason.CHALLENGE_INVALID, "challenge")
        assert error.__cause__ is None and error.__context__ is None
    else:
        assert read.to_text() == mutated
        assert read != Challenge(audience, nonce, age)


def _part(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_GOOD = f"1.300.s{_part('nonce-nonce')}.{_part('https://gateway.example')}"


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "...", "1.300", _GOOD + ".", "." + _GOOD, _GOOD + ".x", _GOOD[:-1],
        " " + _GOOD, _GOOD + "\n", _GOOD + "=",
        _GOOD.replace("1.", "2.", 1), _GOOD.replace("1.", ".", 1), _GOOD.replace("1.", "01.", 1),
        *(
            _GOOD.replace("300", age)
            for age in (
                "0300", "+300", " 300", "3_00", "300.0", "3e2", "0", "-1", "86401", "", "\u0663\u0660\u0660",
                "9" * 3_000,
            )
        ),
        _GOOD.replace(".s", ".S"), _GOOD.replace(".s", ".x"), _GOOD.replace(".s", "."),
        f"1.300.s{_part(bytes([255] * 9))}.{_part('a')}", f"1.300.s{_part('short')}.{_part('a')}",
        f"1.300.b{_part('x' * 513)}.{_part('a')}", f"1.300.b{_part('nonce-nonce')}.", f"1.300.b.{_part('a')}",
        "1.300.s.", f"1.300.b{_part('nonce-nonce')}.{_part(bytes([0xC0, 0x80]))}", f"1.300.b{_part('nonce-nonce')}.YR",
        "A" * 5_000, "1" * 10_000 + ".1.1.1", None, 1, b"1.300", [_GOOD], True,
    ],
    ids=lambda text: repr(text)[:24],
)  # fmt: skip
def test_spellings_of_a_challenge_that_are_none(text: Any) -> None:
    assert Challenge.from_text(_GOOD) == Challenge("https://gateway.example", "nonce-nonce")
    _refused(lambda: Challenge.from_text(text), Reason.CHALLENGE_INVALID, "challenge")


@pytest.mark.parametrize(
    "audience", ["", "a" * 2_049, None, 1, b"audience", ["a"], True], ids=lambda value: repr(value)[:12]
)
def test_another_audience_is_refused(audience: Any) -> None:
    assert Challenge("a" * 2_048, "nonce-nonce").audience == "a" * 2_048
    _refused(lambda: Challenge(audience, "nonce-nonce"), Reason.CHALLENGE_INVALID, "challenge.audience")


@pytest.mark.parametrize(
    "nonce",
    ["", "seven-7", b"", b"seven-7", "n" * 513, b"n" * 513, None, 12_345_678, ["nonce-nonce"], bytearray(16), True],
    ids=lambda value: repr(value)[:12],
)  # fmt: skip
def test_another_nonce_is_refused(nonce: Any) -> None:
    assert Challenge("a", "n" * 8).nonce == "n" * 8 and Challenge("a", b"n" * 512).nonce == b"n" * 512
    _refused(lambda: Challenge("a", nonce), Reason.CHALLENGE_INVALID, "challenge.nonce")


@pytest.mark.parametrize("age", [0, -1, 86_401, None, *NOT_AN_INTEGER])
def test_another_age_is_refused(age: Any) -> None:
    assert Challenge("a", "nonce-nonce", 86_400).max_age_s == 86_400
    assert Challenge("a", "nonce-nonce").max_age_s == 300
    _refused(lambda: Challenge("a", "nonce-nonce", age), Reason.CHALLENGE_INVALID, "challenge.max_age_s")


@pytest.mark.parametrize(
    ("audience", "nonce"),
    [
        ("a\ud800", "nonce-nonce"),
        ("a", "nonce-\udfff-nonce"),
        ("\u20ac" * 2_048, b"nonce-nonce"),
        ("a" * 2_048, "\u20ac" * 512),
    ],
    ids=["surrogate in the audience", "surrogate in the nonce", "long audience", "long nonce"],
)
def test_every_challenge_that_can_be_made_can_be_written_and_read(audience: str, nonce: str | bytes) -> None:
    """Either it is refused where it is made, or it makes the round trip; nothing foreign is raised."""
    try:
        challenge = Challenge(audience, nonce)
    except MalformedError as error:
        assert error.reason is Reason.CHALLENGE_INVALID
    else:
        assert Challenge.from_text(challenge.to_text()) == challenge


def test_a_challenge_is_frozen() -> None:
    _frozen(Challenge("a", "nonce-nonce"))


def test_the_time_of_evidence_is_the_one_that_is_stated() -> None:
    for stated in (0, 1, LARGEST):
        assert evidence_time(stated) == stated
    for wrong in (-1, LARGEST + 1, None, True, 1.0, "1"):
        _refused(lambda wrong=wrong: evidence_time(wrong), Reason.CLAIM_INVALID, "evidence_checked_at")


# --- results and enumerations ---


@pytest.mark.parametrize(
    "value", [*Status, *Binding, NeedStatusList("https://id.example/status/1"), NeedStatusList("")], ids=repr
)
def test_what_must_be_compared_has_no_truth_value(value: Any) -> None:
    for use in (
        bool,
        lambda it: not it,
        lambda it: it and 1,
        lambda it: it or 1,
        lambda it: 1 if it else 0,
        lambda it: any([it]),
    ):
        with pytest.raises(TypeError, match="truth value"):
            use(value)


def test_status_values_are_those_of_the_specification() -> None:
    """Token Status List section 7.1; OTHER lies outside of what eight bits can say."""
    assert {status.name: int(status) for status in Status} == {"VALID": 0, "INVALID": 1, "SUSPENDED": 2, "OTHER": 256}
    assert Binding.BEARER < Binding.DPOP


def test_enumerations_are_closed() -> None:
    assert [format_.value for format_ in Format] == ["dc+sd-jwt", "mso_mdoc", "sd-cwt"]
    assert [purpose.value for purpose in KeyPurpose] == ["credential", "status_list"]
    assert [serialization.value for serialization in Serialization] == ["compact", "flattened", "general"]
    assert [kind.value for kind in StatusKind] == ["status_list", "identifier_list", "bitstring"]


@pytest.mark.parametrize("enumeration", [StatusKind, CertificateProfile])
def test_a_member_that_is_found_again_finds_what_stands_under_it(enumeration: Any) -> None:
    by_member = {member: member.value for member in enumeration}
    for member in enumeration:
        for again in (enumeration(member.value), copy.deepcopy(member)):
            assert again is member and by_member[again] == member.value


def test_a_need_is_a_value() -> None:
    need = NeedStatusList("https://id.example/status/1", Reason.STATUS_LIST_STALE)
    assert (need.uri, need.reason) == ("https://id.example/status/1", Reason.STATUS_LIST_STALE)
    assert NeedStatusList("u").reason is Reason.STATUS_LIST_UNAVAILABLE
    answer = need.http()
    assert answer.status == 503
    assert (b"retry-after", b"5") in answer.headers
    assert b"id.example" not in answer.body and b"status_list_stale" in answer.body
    _frozen(need)


def test_what_came_in_shows_nothing_of_itself() -> None:
    marker = "Marker8675309"
    hint = KeyHint(marker, (marker.encode(),))
    signed = SignedObject(marker.encode(), marker.encode(), "ES256", marker.encode(), hint, marker)
    presentation = Presentation(Format.SD_JWT_VC, signed, (marker.encode(),), marker.encode(), signed, marker)
    for value in (hint, signed, presentation):
        assert marker not in f"{value}{value!r}{value!s}"
        _frozen(value)


def test_a_verified_object_is_not_made_by_hand() -> None:
    with pytest.raises(TypeError, match="made by verification alone"):
        refuse_forgery(Attestation)


def test_no_way_to_copy_or_to_restore_is_left_open() -> None:
    @never_copied
    class Once:
        pass

    once: Any = Once()
    for way in (
        once.__reduce__, lambda: once.__reduce_ex__(2), once.__getstate__, lambda: once.__setstate__({}),
        lambda: copy.copy(once), lambda: copy.deepcopy(once), lambda: pickle.dumps(once),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="Once is made by verification alone"):
            way()


def test_what_is_never_copied_has_no_subclass_either() -> None:
    @never_copied
    @dataclasses.dataclass(frozen=True, slots=True)
    class Made:
        value: int

    with pytest.raises(TypeError, match=r"^Made is final$"):
        type("Sub", (Made,), {})
    for copied in (copy.copy, copy.deepcopy, lambda each: each.__reduce__(), lambda each: each.__getstate__()):
        with pytest.raises(TypeError, match=r"^Made is made by verification alone; it is not copied or pickled$"):
            copied(Made(1))


def test_a_draft_stores_plainly_until_it_says_what_it_is() -> None:
    draft = draft_of(Validity)()
    draft.issued_at, draft.not_before, draft.not_after = 1, None, 3
    draft.issued_at = 2
    with pytest.raises(AttributeError):
        draft.more = 1
    draft.__class__ = Validity
    assert type(draft) is Validity and draft == Validity(UnixTime(2), None, UnixTime(3))
    _frozen(draft)


# --- the citizenship of an mdoc ---

PID = "eu.europa.ec.eudi.pid.1"
PHOTO_ID = "org.iso.23220.1"
MDL = "org.iso.18013.5.1"
alpha2 = st.sampled_from([country.alpha2 for country in Country.all()])
some_countries = st.lists(st.sampled_from(Country.all()), unique=True, max_size=6)


def _refused_for(reason: Reason, call: Callable[..., object], *given_: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        call(*given_)
    assert caught.value.reason is reason
    assert caught.value.__cause__ is None and caught.value.__context__ is None


@given(some_countries, some_countries, st.booleans())
def test_what_is_stated_in_an_mdoc_is_read_again(
    nationalities: list[Country], citizenships: list[Country], complete: bool
) -> None:
    stated = Citizenship(nationalities, citizenships, complete)
    read = Citizenship.from_namespaces(stated.to_claims(Format.MDOC))
    assert set(read.nationalities) == stated.all_nationalities
    assert set(read.citizenships) == set(citizenships)
    assert read.complete is complete


def test_each_country_has_an_element_of_its_own_in_an_mdoc() -> None:
    stated = Citizenship(us("US"), us("FR"), complete=True).to_claims(Format.MDOC)
    assert stated == {
        OURS: {
            "nationalities": ["US", "FR"],
            "nationalities_complete": True,
            "national_of_us": True,
            "national_of_fr": True,
            "citizen_of_fr": True,
        }
    }


@given(some_countries.filter(bool), st.sampled_from((PID, PHOTO_ID, MDL)), st.sampled_from(("alpha2", "alpha3")))
def test_nationality_is_text_or_an_array_of_either_code(countries: list[Country], namespace: str, form: str) -> None:
    codes = [getattr(country, form) for country in countries]
    for value in (codes, tuple(codes)):
        assert Citizenship.from_namespaces({namespace: {"nationality": value}}).nationalities == tuple(countries)
    assert Citizenship.from_namespaces({namespace: {"nationality": codes[0]}}).nationalities == (countries[0],)


@given(alpha2, st.booleans())
def test_an_element_of_one_country_says_only_that_it_is_so(code: str, value: bool) -> None:
    citizen = Citizenship.from_namespaces({OURS: {f"citizen_of_{code.lower()}": value}})
    assert citizen.citizenships == ((Country(code),) if value else ())
    assert citizen.nationalities == ()
    national = Citizenship.from_namespaces({OURS: {f"national_of_{code.lower()}": value}})
    assert national.nationalities == ((Country(code),) if value else ())
    assert national.citizenships == ()
    assert not citizen.complete and not national.complete


@given(st.text(max_size=4))
def test_an_element_of_no_country_in_lower_case_is_refused(suffix: str) -> None:
    assume(suffix not in {country.alpha2.lower() for country in Country.all()})
    for prefix in ("citizen_of_", "national_of_"):
        for value in (True, False):
            _refused_for(Reason.COUNTRY_INVALID, Citizenship.from_namespaces, {OURS: {prefix + suffix: value}})


@pytest.mark.parametrize(
    "suffix", ["\u00df", "\ufb01", "\u0131t", "U\u017f", "u\u017f", "US", "Us", "usa", "u", "", "us ", "qu", "qs"]
)
def test_no_letter_of_another_script_becomes_a_country(suffix: str) -> None:
    _refused_for(Reason.COUNTRY_INVALID, Citizenship.from_namespaces, {OURS: {"citizen_of_" + suffix: True}})


@pytest.mark.parametrize("value", [None, 1, 0, "true", 1.0, (), {}, b"\x01"])
def test_an_element_of_one_country_is_a_boolean(value: Any) -> None:
    _refused_for(Reason.CLAIM_INVALID, Citizenship.from_namespaces, {OURS: {"citizen_of_us": value}})


def test_two_namespaces_may_state_different_nationalities() -> None:
    stated = {PID: {"nationality": ["US"]}, PHOTO_ID: {"nationality": "DEU"}, MDL: {"nationality": "US"}}
    assert Citizenship.from_namespaces(stated).nationalities == (Country("US"), Country("DE"))
    with_ours = {**stated, OURS: {"nationalities": ["FR"], "nationalities_complete": True}}
    read = Citizenship.from_namespaces(with_ours)
    assert set(read.nationalities) == {Country("US"), Country("DE"), Country("FR")}
    assert not read.complete


@pytest.mark.parametrize(
    ("namespaces", "complete"),
    [
        ({OURS: {"nationalities": ["US"], "nationalities_complete": True}}, True),
        ({OURS: {"nationalities": [], "nationalities_complete": True}}, True),
        ({OURS: {"nationalities": ["US", "DE"], "nationalities_complete": True, "citizen_of_de": True}}, True),
        ({OURS: {"nationalities": ["US"], "nationalities_complete": True}, PID: {"nationality": ["US"]}}, True),
        ({OURS: {"nationalities": ["US"], "nationalities_complete": True, "citizen_of_de": False}}, True),
        ({OURS: {"nationalities": ["US"], "nationalities_complete": False}}, False),
        ({OURS: {"nationalities": ["US"]}}, False),
        ({OURS: {"nationalities_complete": True}}, False),
        ({OURS: {"nationalities_complete": True, "national_of_us": True}}, False),
        ({OURS: {"nationalities_complete": True}, PID: {"nationality": ["US"]}}, False),
        ({OURS: {"nationalities": ["US", "QU"], "nationalities_complete": True}}, False),
        ({OURS: {"nationalities": ["US"], "nationalities_complete": True, "citizen_of_de": True}}, False),
        ({OURS: {"nationalities": ["US"], "nationalities_complete": True, "national_of_de": True}}, False),
        ({OURS: {"nationalities": ["US"], "nationalities_complete": True}, PID: {"nationality": ["DE"]}}, False),
        ({OURS: {"nationalities": ["US"], "nationalities_complete": True}, PID: {"nationality": ["QU"]}}, False),
        ({OURS: {"nationalities": ["US"], "nationalities_complete": True}, MDL: {"nationality": "XXB"}}, False),
        (
            {
                OURS: {"nationalities": ["US"], "nationalities_complete": True},
                PID: {"nationality": ["QU"]},
                MDL: {"nationality": "US"},
            },
            False,
        ),
        ({PID: {"nationality": ["US"], "nationalities_complete": True}}, False),
        ({PID: {"nationalities": ["US"], "nationalities_complete": True}}, False),
    ],
)
def test_a_list_of_an_mdoc_is_complete_only_by_its_own_flag_and_without_contradiction(
    namespaces: Any, complete: bool
) -> None:
    assert Citizenship.from_namespaces(namespaces).complete is complete


@pytest.mark.parametrize(
    "code", ["QU", "QS", "XXA", "XXB", "XXC", "XXX", "GBD", "GBN", "GBO", "GBP", "GBS", "UNO", "EUE", "UTO"]
)
def test_a_special_code_is_no_country(code: str) -> None:
    for value in (code, [code], (code,)):
        assert Citizenship.from_namespaces({PID: {"nationality": value}}) == Citizenship()
    assert Citizenship.from_namespaces({PID: {"nationality": [code, "US"]}}).nationalities == (Country("US"),)


NO_NATIONALITY: list[Any] = [
    *("us", "Us", "USa", "XX", "RKS", "", " US", "US ", "U\u0053\u0301", "\uff35\uff33"),
    *(None, True, 1, b"US", {}, {"US": True}, [None], [["US"]], ["US", 1]),
    *(["US", "US"], ["US", "USA"], ["D", "DE"], ["QU", "QU"], ["US"] + ["DE"] * 32),
]


@pytest.mark.parametrize("value", NO_NATIONALITY)
def test_a_nationality_of_an_mdoc_that_is_none_refuses(value: Any) -> None:
    _refused_for(Reason.COUNTRY_INVALID, Citizenship.from_namespaces, {PHOTO_ID: {"nationality": value}})


def test_thirty_two_nationalities_are_read_and_no_more() -> None:
    codes = [country.alpha2 for country in Country.all()]
    assert len(Citizenship.from_namespaces({PID: {"nationality": codes[:32]}}).nationalities) == 32
    _refused_for(Reason.COUNTRY_INVALID, Citizenship.from_namespaces, {PID: {"nationality": codes[:33]}})


@pytest.mark.parametrize(
    "namespaces",
    [
        {},
        {"org.example": {"nationality": "US", "nationalities": ["US"], "citizen_of_us": True}},
        {OURS: {"nationality": "US", "citizenships": ["US"], "citizen": True, "x_citizen_of_us": True}},
        {PID: {"nationalities": ["US"], "citizen_of_us": True, "Nationality": "US"}},
        {PID + ".de": {"nationality": ["US"]}, PID.upper(): {"nationality": ["US"]}},
        {"org.iso.23220.photoid.1": {"nationality": "US"}, "org.iso.18013.5.1.aamva": {"nationality": "US"}},
        {PID: {}, OURS: {}},
    ],
)
def test_what_stands_elsewhere_states_no_citizenship(namespaces: Any) -> None:
    assert Citizenship.from_namespaces(namespaces) == Citizenship()


@pytest.mark.parametrize(
    ("doc_type", "namespace"),
    [
        (PID, PID),
        ("org.iso.23220.photoid.1", PHOTO_ID),
        ("org.iso.23220.photoID.1", PHOTO_ID),
        ("org.iso.18013.5.1.mDL", "org.iso.18013.5.1"),
        ("com.google.wallet.idcard.1", "org.iso.18013.5.1"),
    ],
)
def test_each_doc_type_of_the_wallets_is_known_to_an_attestation(doc_type: str, namespace: str) -> None:
    validity = Validity(UnixTime(1), None, UnixTime(2))
    made = Attestation(doc_type, "i", {namespace: {"nationality": "US"}}, validity)
    assert made.citizenship.nationalities == (Country("US"),)


def test_an_attestation_of_a_known_doc_type_is_read_by_its_namespaces() -> None:
    validity = Validity(UnixTime(1), None, UnixTime(2))
    read = Attestation(PID, "i", {PID: {"nationality": ["US"]}, OURS: {"citizen_of_us": True}}, validity)
    assert read.citizenship.citizenships == (Country("US"),)
    for claims in ({PID: 1}, {PID: [1]}, {OURS: "citizen_of_us"}, {OURS: {1: True}}):
        _refused_for(Reason.CLAIM_INVALID, Attestation, PID, "i", claims, validity)
