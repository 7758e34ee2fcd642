"""Countries: the 249 of ISO 3166-1 and nothing that looks like one of them.

Oracles: the table of ISO codes and the table of ICAO 9303 special codes among the official vectors; without them, the
counts that ISO publishes.

Spec: ISO 3166-1; ICAO Doc 9303 part 3 section 5; EUDI PID rulebook 1.7 section 3.1.2.
"""

from __future__ import annotations

import copy
import csv
import itertools
import pickle
import string
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import only_in_words

from citizenid._errors import FORM, MalformedError, Reason
from citizenid.countries import ANY, SPECIAL_ALPHA2, SPECIAL_ICAO, Country

errors_say_where = only_in_words()

COUNTRIES = Country.all()
ALPHA2 = {country.alpha2 for country in COUNTRIES}
ALPHA3 = {country.alpha3 for country in COUNTRIES}

# Two letters that are no entry of ISO 3166-1: exceptionally or transitionally reserved, withdrawn, user-assigned, used
# by others, or the special codes of the EU PID.
RESERVED = (
    "UK EL EU SU YU XK ZZ AA AC CP CQ DG EA EZ FX IC TA UN AN BU CS DD NT TP ZR AP BX EF EM EP EV GC IB OA WO "
    "QM QU QS QZ XA XI XX XZ KS IA UT OO"
).split()
LOOK_ALIKES = [
    "de", "De", "dE", "us", "DE\n", "\nDE", "DE ", " DE", "D E", "DE\x00", "\x00DE", "DE\t", "DE\u200b", "\ufeffDE",
    "\u200eDE", "DE\u0301", "\uff24\uff25", "D\uff25", "\u0414\u0415", "D\u0415", "\u13a0\u13ac", "\u216eE", "\u2145E",
    "\U0001d403\U0001d404", "\U0001f1e9\U0001f1ea", "\u1d30\u1d31", "U\u0405", "\u054dS", "IE\u0000", "1E", "D3",
    "D", "E", "", "DEU", "USA", "deu", "DE,FR", "DE;FR", "*", "ANY", "any", "--", "\ud800",
]  # fmt: skip


def _refused(code: Any) -> None:
    assert Country.get(code) is None
    with pytest.raises(MalformedError) as caught:
        Country(code)
    assert (caught.value.reason, caught.value.where) == (Reason.COUNTRY_INVALID, "country")
    assert caught.value.step in ("V4", FORM)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def _not_parsed(code: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        Country.parse(code)
    assert (caught.value.reason, caught.value.where) == (Reason.COUNTRY_INVALID, "country")


# --- the table ---


def test_there_are_249_countries() -> None:
    assert len(COUNTRIES) == len(ALPHA2) == len(ALPHA3) == 249
    assert [country.alpha2 for country in COUNTRIES] == sorted(ALPHA2)
    for country in COUNTRIES:
        assert len(country.alpha2) == 2 and len(country.alpha3) == 3
        assert set(country.alpha2 + country.alpha3) <= set(string.ascii_uppercase)


def test_the_table_is_that_of_iso_3166_1(vectors: Path) -> None:
    with (vectors / "evidence" / "country-codes" / "iso3166-1.csv").open(encoding="utf-8", newline="") as lines:
        theirs = {(row["alpha2"], row["alpha3"]) for row in csv.DictReader(lines)}
    assert {(country.alpha2, country.alpha3) for country in COUNTRIES} == theirs
    assert len(theirs) == 249


def test_the_codes_of_icao_that_are_no_country(vectors: Path) -> None:
    with (vectors / "evidence" / "country-codes" / "icao-9303-3-special-codes.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) > 25
    for row in rows:
        code, kind = row["code3"], row["class"]
        if code == "D":
            assert Country.parse("D") is Country("DE")
            continue
        _not_parsed(code)
        if row["code2"]:
            _refused(row["code2"])
            _not_parsed(row["code2"])
        # Part F names withdrawn states, and Kosovo is a state without an entry of ISO 3166-1: neither is special.
        assert (code in SPECIAL_ICAO) is not (kind == "deprecated" or kind.startswith("state"))


# --- making one ---


@pytest.mark.parametrize("country", COUNTRIES, ids=str)
def test_every_country_is_one_object(country: Country) -> None:
    assert Country(country.alpha2) is country and Country.get(country.alpha2) is country
    assert Country.parse(country.alpha2) is country and Country.parse(country.alpha3) is country
    assert str(country) == country.alpha2 and repr(country) == f"Country('{country.alpha2}')"
    assert eval(repr(country), {"Country": Country}) is country  # noqa: S307  # our own repr
    for again in (copy.copy(country), copy.deepcopy([country])[0]):
        assert again is country
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(country, protocol)) is country  # noqa: S301  # written by ourselves
    assert hash(country) == hash(Country(country.alpha2))
    assert [other == country for other in COUNTRIES].count(True) == 1
    assert country != country.alpha2 and country != country.alpha3


def test_of_all_two_letter_codes_249_are_a_country() -> None:
    codes = ["".join(letters) for letters in itertools.product(string.ascii_uppercase, repeat=2)]
    assert sum(Country.get(code) is not None for code in codes) == 249
    for code in set(codes) - ALPHA2:
        _refused(code)
        _not_parsed(code)


def test_of_all_three_letter_codes_249_are_parsed() -> None:
    parsed = 0
    for letters in itertools.product(string.ascii_uppercase, repeat=3):
        code = "".join(letters)
        assert Country.get(code) is None
        if code in ALPHA3:
            assert Country.parse(code).alpha3 == code
            parsed += 1
    assert parsed == 249
    for letter in string.ascii_uppercase:
        if letter != "D":
            _not_parsed(letter)


@pytest.mark.parametrize("code", [*RESERVED, *LOOK_ALIKES], ids=ascii)
def test_what_looks_like_a_country_is_none(code: str) -> None:
    _refused(code)
    if code not in ("D", "DEU", "USA"):
        _not_parsed(code)


def test_no_folding_or_normalisation_makes_a_country() -> None:
    """Nothing but the two letters themselves: no other character that folds or normalises to one of them."""
    letters = set(string.ascii_uppercase)
    odd = []
    for number in range(0x110000):
        character = chr(number)
        if character in letters or 0xD800 <= number <= 0xDFFF:
            continue
        if {unicodedata.normalize("NFKC", character), character.upper(), character.casefold().upper()} & letters:
            odd.append(character)
    assert len(odd) > 400
    for character in odd:
        for code in (character + "E", "D" + character):
            assert Country.get(code) is None
            with pytest.raises(MalformedError):
                Country.parse(code)


@given(st.text(max_size=4))
def test_any_text_is_a_code_or_refused(code: str) -> None:
    if code in ALPHA2:
        assert Country(code).alpha2 == code
    else:
        _refused(code)
    if code not in ALPHA2 | ALPHA3 | {"D"}:
        _not_parsed(code)


class _Text(str):
    """A subclass could compare equal to one thing and say that it is another."""


@pytest.mark.parametrize(
    "value",
    [None, True, 0, 276, 1.5, b"DE", ["DE"], ("D", "E"), {"DE": 1}, {"DE"}, Country("DE"), Country, _Text("DE"), ANY],
)
def test_what_is_no_text_is_refused(value: Any) -> None:
    _refused(value)
    _not_parsed(value)


# --- special codes ---


def test_special_codes_are_no_country() -> None:
    assert frozenset({"QU", "QS"}) == SPECIAL_ALPHA2
    assert {
        "XXA",
        "XXB",
        "XXC",
        "XXX",
        "UNO",
        "UNA",
        "UNK",
        "EUE",
        "GBN",
        "GBO",
        "GBD",
        "GBP",
        "GBS",
        "UTO",
    } <= SPECIAL_ICAO
    assert not SPECIAL_ALPHA2 & ALPHA2 and not SPECIAL_ICAO & ALPHA3
    for code in SPECIAL_ALPHA2 | SPECIAL_ICAO:
        _refused(code)
        _not_parsed(code)


def test_the_one_letter_of_the_passport_is_germany_and_no_alpha_2() -> None:
    assert Country.parse("D") is Country("DE")
    _refused("D")
    for code in ("d", "D<<", "D ", "RKS", "GBN"):
        _not_parsed(code)


# --- that it stays what it is ---


def test_a_country_cannot_be_changed() -> None:
    country = Country("DE")
    for name in ("alpha2", "alpha3", "name", "__class__"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(country, name, "FR")
    for name in ("alpha2", "alpha3"):
        with pytest.raises(AttributeError):
            delattr(country, name)
    assert (country.alpha2, country.alpha3) == ("DE", "DEU")
    assert not hasattr(country, "__dict__")


def test_a_country_has_no_subclass() -> None:
    with pytest.raises(TypeError, match="final"):
        type("Realm", (Country,), {})
    with pytest.raises(TypeError, match="final"):
        type("Realm", (Country,), {}, kind="any")  # arguments of the class statement change nothing


def test_any_is_a_word_of_its_own_and_no_country() -> None:
    assert ANY.value == "any" and type(ANY) is not Country
    assert list(type(ANY)) == [ANY]
    assert copy.deepcopy(ANY) is ANY
    assert pickle.loads(pickle.dumps(ANY)) is ANY  # noqa: S301  # written by ourselves
    for code in ("ANY", "any", "*"):
        _refused(code)


def test_a_refusal_holds_nothing_of_the_input() -> None:
    for call in (Country, Country.parse):
        with pytest.raises(MalformedError) as caught:
            call("Marker8675309")
        for seen in (str(caught.value), repr(caught.value), repr(caught.value.args), repr(vars(caught.value))):
            assert "Marker8675309" not in seen
