"""base64url: one byte string has one spelling, and the decoder takes no other.

The oracle is `slow_decode`: it looks each character up in the alphabet and collects the bits one by one, as RFC 4648
section 5 describes it, without padding (RFC 7515 appendix C) and with every left-over bit zero (RFC 4648 section 3.5).
"""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid._errors import FORM, MalformedError, Reason
from citizenid._wire import base64url

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def slow_decode(text: bytes) -> bytes | None:
    """Decode character by character and bit by bit; None when `text` is not the one spelling of some bytes."""
    bits: list[int] = []
    for character in text:
        if character not in ALPHABET:
            return None
        value = ALPHABET.index(character)
        bits += [(value >> shift) & 1 for shift in (5, 4, 3, 2, 1, 0)]
    left_over = len(bits) % 8
    if left_over == 6:  # one character alone holds no whole byte
        return None
    whole, rest = bits[: len(bits) - left_over], bits[len(bits) - left_over :]
    if any(rest):
        return None
    return bytes(
        sum(bit << (7 - place) for place, bit in enumerate(whole[start : start + 8]))
        for start in range(0, len(whole), 8)
    )


def _decode(text: bytes) -> bytes | None:
    try:
        return base64url.decode(text, "some.path")
    except MalformedError as error:
        assert error.reason is Reason.MALFORMED_BASE64
        assert error.where == "some.path"
        assert error.step == FORM
        assert error.__cause__ is None and error.__context__ is None
        return None


def _same_as_slow(text: bytes) -> None:
    assert _decode(text) == slow_decode(text)


@given(st.binary(max_size=200))
def test_round_trip(data: bytes) -> None:
    text = base64url.encode(data)
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=")
    assert base64url.encode_text(data) == text.decode("ascii")
    assert base64url.decode(text, "") == data == slow_decode(text)
    assert base64url.decode_text(text.decode("ascii"), "") == data


@given(st.binary(max_size=40))
@example(b"")
@example(b"A")
@example(b"====")
@example(b"AA==")
def test_any_bytes_decode_as_the_slow_way_says(text: bytes) -> None:
    _same_as_slow(text)


@given(st.lists(st.sampled_from(ALPHABET), max_size=40).map(bytes))
def test_any_text_of_the_alphabet_decodes_as_the_slow_way_says(text: bytes) -> None:
    # Half of such texts are canonical, so stray bits and impossible lengths come up all the time.
    _same_as_slow(text)
    decoded = _decode(text)
    if decoded is not None:
        assert base64url.encode(decoded) == text


_ODD = st.sampled_from(
    [b"=", b"==", b"+", b"/", b" ", b"\n", b"\r\n", b"\t", b"\x00", b".", b"~", b"\xff", b"\xc3\xa9"]
)


@given(st.binary(max_size=30), _ODD, st.integers(0, 40), st.booleans())
def test_an_odd_character_anywhere_is_refused(data: bytes, odd: bytes, place: int, replace: bool) -> None:
    text = base64url.encode(data)
    place = min(place, len(text))
    mutated = text[:place] + odd + text[place + (1 if replace else 0) :]
    assert slow_decode(mutated) is None
    assert _decode(mutated) is None


@given(st.binary(min_size=1, max_size=30), st.integers(0, 63))
def test_stray_bits_in_the_last_character_are_refused(data: bytes, value: int) -> None:
    text = base64url.encode(data)
    mutated = text[:-1] + ALPHABET[value : value + 1]
    _same_as_slow(mutated)
    if len(text) % 4 and mutated != text and slow_decode(mutated) is None:
        assert _decode(mutated) is None


def test_every_last_character_of_each_length() -> None:
    """All 64 last characters after 0, 1, 2 and 3 others: 0, 4, 16 and 64 of them are canonical."""
    accepted = []
    for before in (b"", b"A", b"AA", b"AAA"):
        texts = [before + ALPHABET[value : value + 1] for value in range(64)]
        for text in texts:
            _same_as_slow(text)
        accepted.append(sum(_decode(text) is not None for text in texts))
    assert accepted == [0, 4, 16, 64]


@pytest.mark.parametrize("length", [1, 5, 9, 41, 1_025])
def test_length_one_modulo_four_is_refused(length: int) -> None:
    assert _decode(b"A" * length) is None


@pytest.mark.parametrize(
    "text",
    [
        b"=", b"====", b"AA=", b"AA==", b"AAA=", b"AAAA=", b"AAAA====",  # padding, right or wrong
        b"AB", b"AAB", b"-_-_-",  # stray bits, impossible length
        b"+/+/", b"AA+A", b"AA/A",  # the other alphabet
        b" AAAA", b"AAAA ", b"AA AA", b"AAAA\n", b"AA\r\nAA", b"AAAA\x00",  # white space, NUL
        b"\xef\xbc\xa1AAA", b"AAA\x80", b"%41AA",
    ],
)  # fmt: skip
def test_other_spellings_are_refused(text: bytes) -> None:
    assert _decode(text) is None


def test_empty_text_is_the_empty_string() -> None:
    assert base64url.decode(b"", "") == b""
    assert base64url.encode(b"") == b""


@given(st.text(max_size=20))
def test_text_members_decode_as_the_slow_way_says(text: str) -> None:
    expected = slow_decode(text.encode("utf-8", "surrogatepass"))
    try:
        found = base64url.decode_text(text, "some.path")
    except MalformedError as error:
        assert error.reason is Reason.MALFORMED_BASE64
        assert error.where == "some.path"
        assert expected is None
    else:
        assert found == expected


@given(st.binary(max_size=70) | st.text(max_size=12), st.integers(0, 70))
def test_a_member_of_a_known_size_decodes_to_exactly_that_size(value: bytes | str, size: int) -> None:
    text = base64url.encode_text(value) if isinstance(value, bytes) else value
    data = slow_decode(text.encode("utf-8", "surrogatepass"))
    if data is None or text == "":
        assert base64url.decode_sized(text, size) is None
        return
    assert base64url.decode_sized(text, len(data)) == data
    if size != len(data):
        assert base64url.decode_sized(text, size) is None


@pytest.mark.parametrize(
    "value",
    [
        *(None, 4, b"AAAA", ["AAAA"], "AAA=", "A=AA", "A=A=", "AA A", "A\nAA", "A!AA", "AAA\u00e9", "\ud800AAA"),
        *("AAA+", "A+AA", "+AAA", "AAA/", "A/AA", "/AAA"),
    ],
)
def test_a_member_of_three_bytes_is_four_canonical_characters(value: object) -> None:
    assert base64url.decode_sized("AAAA", 3) == bytes(3)
    assert base64url.decode_sized("AAAB", 3) == b"\0\0\1" and base64url.decode_sized("AB", 1) is None
    assert base64url.decode_sized(value, 3) is None


def test_what_is_no_character_is_not_passed_over_in_a_member_of_a_known_size() -> None:
    for text in ("!!!!AAAA", "AA!!!!AA", "A\n\n\n\nAAA", "====AAAA"):
        assert base64url.decode_sized(text, 6) is None


@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, b"AAAA", [], ["AAAA"], {"a": 1}, "\uff21AAA", "AAA\u0660", "\ud800"]
)
def test_a_member_that_is_no_ascii_text_is_refused(value: object) -> None:
    with pytest.raises(MalformedError) as caught:
        base64url.decode_text(value, "jwk.x")
    assert caught.value.reason is Reason.MALFORMED_BASE64
    assert caught.value.where == "jwk.x"


@pytest.mark.parametrize("text", [b"PLANTEDMARKER+", b"PLANTEDMARKE=", b"PLANTEDMARKER\xff", b"PLANTEDMARKER1234"])
def test_a_refusal_holds_nothing_of_the_input(text: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        base64url.decode(text, "kb-jwt")
    error = caught.value
    for seen in (str(error), repr(error), repr(error.args), repr(vars(error))):
        assert "PLANTEDMARKE" not in seen
    assert error.__cause__ is None and error.__context__ is None


# --- the standard alphabet, with padding ---

STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def slow_decode_standard(text: bytes) -> bytes | None:
    """As `slow_decode`, for groups of four of the other alphabet, of which the last alone may be padded."""
    body = text.rstrip(b"=")
    if len(text) % 4 or len(text) - len(body) > 2 or any(each not in STANDARD for each in body):
        return None
    return slow_decode(body.replace(b"+", b"-").replace(b"/", b"_"))


def _decode_standard(text: bytes) -> bytes | None:
    try:
        return base64url.decode_standard(text, "some.path")
    except MalformedError as error:
        assert error.reason is Reason.MALFORMED_BASE64
        assert error.where == "some.path"
        assert error.args == (Reason.MALFORMED_BASE64, "some.path")
        assert error.__cause__ is None and error.__context__ is None
        return None


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"", b""),
        (b"AA==", b"\0"),
        (b"AAA=", b"\0\0"),
        (b"AAAA", b"\0\0\0"),
        (b"Zm9vYmE=", b"fooba"),
        (b"+/+/", b"\xfb\xff\xbf"),
        (b"/w==", b"\xff"),
    ],
)
def test_standard_base64_has_padding(text: bytes, data: bytes) -> None:
    assert base64url.decode_standard(text, "") == slow_decode_standard(text) == data


@pytest.mark.parametrize(
    "text",
    [
        b"AB==", b"AAB=", b"/x==", b"//9=",  # stray bits
        b"AA", b"AA=", b"AAA", b"A", b"A===", b"=", b"==", b"====", b"AAAA=", b"AAAA====", b"AA==AA==", b"AA=A",
        b"-_-_", b"AA-A", b"AA_A",  # the other alphabet
        b" AAAA", b"AAAA ", b"AA AA", b"AAAA\n", b"AA\r\nAA", b"AAAA\x00", b"AA==\n", b"A\nA==",
        b"AAA\x80", b"\xef\xbc\xa1AAA", b"%41AA", b"AAA.", b"AA*AA",
    ],
)  # fmt: skip
def test_other_spellings_of_standard_base64_are_refused(text: bytes) -> None:
    assert slow_decode_standard(text) is None
    assert _decode_standard(text) is None


@given(st.binary(max_size=200))
def test_standard_base64_round_trip(data: bytes) -> None:
    text = base64.b64encode(data)
    assert base64url.decode_standard(text, "") == data == slow_decode_standard(text)
    if len(data) % 3:
        assert _decode_standard(text.rstrip(b"=")) is None


@given(st.binary(max_size=40) | st.lists(st.sampled_from(STANDARD + b"=="), max_size=12).map(bytes))
def test_any_bytes_decode_as_the_slow_way_says_of_the_standard_alphabet(text: bytes) -> None:
    assert _decode_standard(text) == slow_decode_standard(text)


@given(st.binary(max_size=30), _ODD, st.integers(0, 40))
def test_an_odd_character_anywhere_in_standard_base64_is_refused(data: bytes, odd: bytes, place: int) -> None:
    text = base64.b64encode(data)
    place = min(place, len(text))
    mutated = text[:place] + odd + text[place:]
    assert _decode_standard(mutated) == slow_decode_standard(mutated)


def test_every_last_character_of_a_padded_group() -> None:
    accepted = []
    for before, padding in ((b"A", b"=="), (b"AA", b"="), (b"AAA", b"")):
        texts = [before + STANDARD[value : value + 1] + padding for value in range(64)]
        assert [_decode_standard(text) for text in texts] == [slow_decode_standard(text) for text in texts]
        accepted.append(sum(_decode_standard(text) is not None for text in texts))
    assert accepted == [4, 16, 64]
