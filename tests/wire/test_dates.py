"""Dates of an mdoc: one spelling for each second, and None for every other text."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid._wire.dates import _date_time, date_time, is_date, is_full_date, rfc_3339, write_date_time

LAST = 253_402_300_799  # 9999-12-31T23:59:59Z


@given(st.integers(0, LAST))
def test_what_is_written_is_read(moment: int) -> None:
    text = write_date_time(moment)
    assert text is not None
    assert len(text) == 20
    assert date_time(text) == moment
    assert text == datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@given(st.text(alphabet="0123456789-:TZtz.+ \u0662", min_size=18, max_size=22) | st.text(max_size=24))
def test_what_is_read_is_written_again(text: str) -> None:
    moment = date_time(text)
    if moment is not None:
        assert write_date_time(moment) == text


@given(st.integers(0, LAST), st.integers(0, 19), st.characters())
def test_a_character_that_was_exchanged_is_another_time_or_none(moment: int, place: int, character: str) -> None:
    text = write_date_time(moment)
    assert text is not None
    changed = text[:place] + character + text[place + 1 :]
    assert (date_time(changed) == moment) is (changed == text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2027-01-15T08:00:00Z", 1_800_000_000),
        ("2024-02-29T23:59:59Z", 1_709_251_199),
        ("9999-12-31T23:59:59Z", LAST),
    ],
)
def test_the_one_spelling(text: str, moment: int) -> None:
    assert date_time(text) == moment
    assert write_date_time(moment) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "2027-01-15",
        "2027-01-15T08:00Z",
        "2027-01-15T08:00:00",
        "2027-01-15T08:00:00z",
        "2027-01-15t08:00:00Z",
        "2027-01-15 08:00:00Z",
        "2027-01-15T08:00:00.0Z",
        "2027-01-15T08:00:00,0Z",
        "2027-01-15T08:00:00.000000Z",
        "2027-01-15T08:00:00+00:00",
        "2027-01-15T08:00:00-00:00",
        "2027-01-15T08:00:00ZZ",
        " 2027-01-15T08:00:00Z",
        "2027-01-15T08:00:00Z ",
        "2027-01-15T08:00:00Z\n",
        "2027-1-15T08:00:00Z",
        "2027-1-15T008:00:00Z",
        "2027-01-15T8:00:00Z ",
        "2027-02-29T08:00:00Z",
        "2027-13-01T08:00:00Z",
        "2027-00-01T08:00:00Z",
        "2027-01-00T08:00:00Z",
        "2027-01-15T24:00:00Z",
        "2027-01-15T08:60:00Z",
        "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:61Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "10000-01-01T00:00:0Z",
        "+2027-01-15T08:00:0Z",
        "-2027-01-15T08:00:0Z",
        "2027-W02-5T08:00:00Z",
        "\u0662027-01-15T08:00:00Z",
        "2027-01-15T08:00:00\u017d",
        "20270115T080000Z",
        "1800000000",
    ],
)
def test_every_other_spelling_is_none(text: str) -> None:
    assert date_time(text) is None


def test_what_is_remembered_has_one_length() -> None:
    before = _date_time.cache_info().currsize
    for size in (0, 19, 21, 100_000):
        assert date_time("2" * size) is None
    assert _date_time.cache_info().currsize == before


@pytest.mark.parametrize("moment", [LAST + 1, 2**53, 2**63, 10**30, -(10**30)])
def test_what_has_no_year_of_four_digits_is_not_written(moment: int) -> None:
    assert write_date_time(moment) is None


# --- with an offset and a fraction ---


@given(st.integers(0, LAST), st.integers(-23 * 60, 23 * 60), st.text("0123456789", max_size=9), st.booleans())
def test_a_date_time_has_any_offset_and_any_fraction(moment: int, minutes: int, fraction: str, up: bool) -> None:
    zone = datetime.timezone(datetime.timedelta(minutes=minutes))
    try:
        text = datetime.datetime.fromtimestamp(moment, zone).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, ValueError):
        return  # the year 10000 there
    sign, rest = ("-" if minutes < 0 else "+"), abs(minutes)
    text += (f".{fraction}" if fraction else "") + f"{sign}{rest // 60:02}:{rest % 60:02}"
    expected = moment + (up and bool(fraction) and int(fraction) > 0)
    assert rfc_3339(text, up=up) == expected


@given(st.integers(0, LAST))
def test_what_a_tdate_says_is_read_alike(moment: int) -> None:
    text = write_date_time(moment)
    assert text is not None
    assert rfc_3339(text, up=False) == rfc_3339(text, up=True) == moment


@pytest.mark.parametrize(
    "text",
    [
        "", "2027-01-15", "2027-01-15T08:00:00", "2027-01-15T08:00:00z", "2027-01-15t08:00:00Z", "2027-02-29T00:00:00Z",
        "2027-01-15T24:00:00Z", "2027-01-15T08:60:00Z", "2027-01-15T08:00:60Z", "2027-01-15T08:00:00.Z",
        "2027-01-15T08:00:00,5Z", "2027-01-15T08:00:00.0000000001Z", "2027-01-15T08:00:00+24:00",
        "1969-12-31T23:59:59Z", "1970-01-01T00:59:59+01:00", "2027-01-15T08:00:00+02", "2027-01-15T08:00:00Z\n",
        "\u06622027-01-15T08:00:00Z",
        "0000-01-01T00:00:00Z", "2027-01-15T08:00:00-02:60", "2027-01-15 08:00:00Z", "2027-015T08:00:00Z",
    ],
)  # fmt: skip
def test_other_spellings_are_no_date_time(text: str) -> None:
    assert rfc_3339(text, up=False) is None and rfc_3339(text, up=True) is None


def test_the_last_moments_of_the_calendar_are_no_accident() -> None:
    assert rfc_3339("9999-12-31T23:59:59.9-23:59", up=True) == LAST + 23 * 3_600 + 59 * 60 + 1
    assert rfc_3339("0001-01-01T00:00:00+23:59", up=True) is None


@pytest.mark.parametrize("fraction", ["", ".0", ".000", ".000000000"])
def test_a_fraction_of_nothing_is_none_and_a_time_is_an_integer(fraction: str) -> None:
    for up in (False, True):
        moment = rfc_3339(f"2027-01-15T08:00:00{fraction}Z", up=up)
        assert moment == 1_800_000_000 and type(moment) is int


# --- a day, and whatever says one ---


@given(st.dates())
def test_a_day_of_the_calendar_has_one_spelling(day: datetime.date) -> None:
    text = f"{day.year:04}-{day.month:02}-{day.day:02}"
    assert is_full_date(text) and is_date(text)
    for other in (f"{day:%Y%m%d}", f"{day.year:04}-{day.month}-{day.day}", text + " ", text[:-1], text + "T", ""):
        if other != text:
            assert not is_full_date(other) and not is_date(other)


@given(st.text(alphabet="0123456789-W\u0662", min_size=7, max_size=10))
def test_what_is_a_full_date_is_a_day_of_the_calendar(text: str) -> None:
    expected = False
    if len(text) == 10 and text.isascii() and text[4] == text[7] == "-":
        parts = text.split("-")
        if len(parts) == 3 and all(part.isdecimal() for part in parts):
            try:
                datetime.date(*map(int, parts))
                expected = True
            except ValueError:
                pass
    assert is_full_date(text) is is_date(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "", "2027", "2027-01", "20270115", "2027-W02-5", "2027W025", "2027-015", "2027-1-15", "27-01-15", "02027-01-15",
        "+2027-01-15", "2027/01/15", "2027-01-15 ", " 2027-01-15", "2027-01-15\n", "\u0662027-01-15", "0000-01-01",
        "2027-02-29", "2027-13-01", "2027-00-01", "2027-01-00", "2027-01-32", "10000-01-01",
    ],
)  # fmt: skip
def test_another_spelling_or_no_day_is_no_full_date(text: str) -> None:
    assert is_full_date(text) is is_date(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-15T08:00:00Z", "2027-01-15t08:00:00z", "2027-01-15T08:00:00z", "2027-01-15T08:00:00.5Z",
        "2027-01-15T08:00:00.123456789+02:00", "2027-01-15T23:59:59-23:59", "2024-02-29T00:00:00+00:00",
        "0001-01-01T00:00:00Z", "1815-12-10T00:00:00Z", "9999-12-31T23:59:59Z",
    ],
)  # fmt: skip
def test_a_date_time_says_a_day_and_is_no_full_date(text: str) -> None:
    assert is_date(text) is True
    assert is_full_date(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "2027-02-29T00:00:00Z", "2027-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "2027-01-15T24:00:00Z",
        "2027-01-15T08:60:00Z", "2016-12-31T23:59:60Z", "2027-01-15T08:00:00", "2027-01-15T08:00Z",
        "2027-01-15 08:00:00Z", "2027-01-15T", "2027-01-15 and more", "2027-01-15T08:00:00ZZ", "2027-01-15T08:00:00Z\n",
        "2027-01-15T08:00:00,5Z", "2027-01-15T08:00:00.Z", "2027-01-15T08:00:00+24:00", "2027-01-15T08:00:00+0200",
        "20270115T080000Z", "2027-01-15T08:00:00\u017d", "\u0662027-01-15T08:00:00Z", "T08:00:00Z",
    ],
)  # fmt: skip
def test_what_is_neither_a_day_nor_a_time_is_no_date(text: str) -> None:
    assert is_date(text) is False
    assert is_full_date(text) is False
