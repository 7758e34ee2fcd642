"""The handovers of a challenge: one spelling each, nothing that is not needed, and no key in any of it.

The plain challenge is tested in test_model.py.
"""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from places import only_in_words

from citizenid import Challenge
from citizenid._crypto import AgreementKey
from citizenid._errors import MalformedError, Reason
from citizenid._model import Handover, HandoverKind
from citizenid._model import challenge as challenge_module

errors_say_where = only_in_words()

NONCE = "nonce-nonce"
_TEXT = st.text(min_size=1, max_size=30)
_NONCES = st.one_of(st.text(min_size=8, max_size=30), st.binary(min_size=8, max_size=30))
_THUMBPRINTS = st.one_of(st.none(), st.binary(min_size=32, max_size=32))
PASSED_ON: st.SearchStrategy[Handover] = st.one_of(
    _THUMBPRINTS.map(lambda thumbprint: Handover(HandoverKind.DC_API, None, thumbprint)),
    st.tuples(_TEXT, _THUMBPRINTS).map(lambda pair: Handover(HandoverKind.OPENID4VP, *pair)),
    _TEXT.map(lambda client_id: Handover(HandoverKind.DC_API_DRAFT_24, client_id=client_id)),
    st.tuples(_TEXT, _TEXT).map(
        lambda pair: Handover(HandoverKind.ISO_18013_7_2024, pair[0], mdoc_generated_nonce=pair[1])
    ),
)
TRANSCRIPTS: st.SearchStrategy[Handover] = st.binary(min_size=1, max_size=60).map(
    lambda data: Handover(HandoverKind.TRANSCRIPT, transcript=data)
)
HANDOVERS = PASSED_ON | TRANSCRIPTS


def _part(data: str | bytes) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _refused(call: Any, where: str = "challenge.handover") -> None:
    with pytest.raises(MalformedError) as caught:
        call()
    assert (caught.value.reason, caught.value.where) == (Reason.CHALLENGE_INVALID, where)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def _made(handover: Any, **changes: Any) -> Challenge:
    return Challenge(**{"audience": "aud", "nonce": NONCE, "handover": handover, **changes})


# --- one spelling ---


@given(_TEXT, _NONCES, st.integers(1, 86_400), PASSED_ON)
def test_every_challenge_is_read_as_it_was_written(
    audience: str, nonce: str | bytes, age: int, handover: Handover
) -> None:
    challenge = Challenge(audience, nonce, age, handover)
    text = challenge.to_text()
    again = Challenge.from_text(text)
    assert again == challenge and again.handover == handover and type(again.nonce) is type(nonce)
    assert again.to_text() == text and text.isascii() and text.isprintable() and " " not in text
    assert text.startswith("1." if handover == Handover() else "2.")


@given(_TEXT, _NONCES, st.integers(1, 86_400), TRANSCRIPTS)
def test_a_transcript_is_read_out_of_no_text(audience: str, nonce: str | bytes, age: int, handover: Handover) -> None:
    text = Challenge(audience, nonce, age, handover).to_text()
    _refused(lambda: Challenge.from_text(text), "challenge")


@given(HANDOVERS, HANDOVERS)
def test_two_handovers_have_two_texts(one: Handover, other: Handover) -> None:
    assert (one.to_text() == other.to_text()) is (one == other)
    assert (_made(one).to_text() == _made(other).to_text()) is (one == other) is (_made(one) == _made(other))


_PIECES = st.sampled_from([".", ",", "-", "=", "A", "_", "+", "/", " ", "\n", "0", "1", "2", "dc_api", "\u0661", ""])


@given(HANDOVERS, _NONCES, st.integers(0, 200), st.integers(0, 3), _PIECES)
def test_any_other_spelling_is_refused(
    handover: Handover, nonce: str | bytes, place: int, drop: int, piece: str
) -> None:
    text = _made(handover, nonce=nonce).to_text()
    place %= len(text) + 1
    mutated = text[:place] + piece + text[place + drop :]
    assume(mutated != text)
    try:
        read = Challenge.from_text(mutated)
    except MalformedError as error:
        assert (error.reason, error.where) == (Reason.CHALLENGE_INVALID, "challenge")
        assert error.__cause__ is None and error.__context__ is None
    else:
        assert read.to_text() == mutated and read != _made(handover, nonce=nonce)


_VP = f"2.300.s{_part(NONCE)}.{_part('aud')}.openid4vp,{_part('https://a/r')},{_part(bytes(32))},-,-,-"
_HEAD = f"2.300.s{_part(NONCE)}.{_part('aud')}"


@pytest.mark.parametrize(
    "text",
    [
        _HEAD,
        _HEAD + ".",
        _HEAD + ".dc_api",
        _HEAD + ".dc_api,-,-,-,-,-",  # the default is written in version 1
        f"1.300.s{_part(NONCE)}.{_part('aud')}.dc_api,-,-,-,-,-",
        f"1.300.s{_part(NONCE)}.{_part('aud')}.openid4vp,{_part('https://a/r')},-,-,-,-",
        _VP.replace("2.", "1.", 1),
        _VP.replace("2.", "3.", 1),
        _VP.replace("2.", "02.", 1),
        _VP + ".x",
        _VP + ",-",
        _VP[:-2],
        _VP.replace("openid4vp", "OPENID4VP"),
        _VP.replace("openid4vp", "dc_api"),
        _VP.replace("openid4vp", "iso_18013_7_2024"),
        _VP.replace("openid4vp", "transcript"),
        _VP.replace("openid4vp", "unknown"),
        _VP.replace("openid4vp", ""),
        _VP.replace(_part(bytes(32)), _part(bytes(31))),
        _VP.replace(_part(bytes(32)), _part(bytes(33))),
        _VP.replace(_part(bytes(32)), ""),
        _VP.replace(_part("https://a/r"), "-"),
        _VP.replace(_part("https://a/r"), ""),
        _VP.replace(_part("https://a/r"), _part(b"\xff")),
        _VP.replace(_part("https://a/r"), _part("https://a/r") + "="),
        _HEAD + f".transcript,-,-,-,-,{_part(b'x')},",
        _HEAD + ".transcript,-,-,-,-,",
        _HEAD + ".transcript,-,-,-,-,-",
        _HEAD + f".transcript,-,-,-,-,{_part(bytes(16_385))}",
        _HEAD + f".dc_api_draft_24,-,-,{_part('c' * 2_049)},-,-",
    ],
)
def test_spellings_that_are_none(text: str) -> None:
    assert Challenge.from_text(_VP).handover == Handover(HandoverKind.OPENID4VP, "https://a/r", bytes(32))
    _refused(lambda: Challenge.from_text(text), "challenge")


def test_the_default_is_written_as_it_always_was() -> None:
    """Byte for byte: a gateway of yesterday reads it."""
    text = f"1.300.s{_part(NONCE)}.{_part('https://gateway.example')}"
    for challenge in (
        Challenge("https://gateway.example", NONCE),
        Challenge("https://gateway.example", NONCE, handover=Handover()),
        Challenge("https://gateway.example", NONCE, reader_key=AgreementKey.generate("P-256")),
    ):
        assert challenge.to_text() == text and Challenge.from_text(text) == challenge
    assert (
        Challenge.dc_api(origin="https://a", nonce=NONCE).to_text()
        == f"1.300.s{_part(NONCE)}.{_part('origin:https://a')}"
    )


@pytest.mark.parametrize("last", range(256))
def test_bytes_are_written_as_they_always_were(last: int) -> None:
    nonce = bytes([1, 2, 3, 4, 5, 6, 7, 8, last])
    for each, tail in ((nonce, ""), (nonce + b"\1", "AQ"), (nonce + b"\1\1", "AQE")):
        text = Challenge("https://a", each).to_text()
        assert text == f"1.300.b{base64.urlsafe_b64encode(nonce).decode()}{tail}.{_part('https://a')}"
        assert Challenge.from_text(text).nonce == each


_LARGEST_TRANSCRIPT = Handover(HandoverKind.TRANSCRIPT, transcript=bytes(16_384))


def test_the_largest_challenge_can_be_written_and_read() -> None:
    assert len(Challenge("a" * 2_048, "n" * 512, 86_400, _LARGEST_TRANSCRIPT).to_text()) <= 32_768
    for handover in (
        Handover(HandoverKind.OPENID4VP, "u" * 2_048, bytes(32)),
        Handover(HandoverKind.ISO_18013_7_2024, "u" * 2_048, mdoc_generated_nonce="n" * 2_048),
    ):
        challenge = Challenge("a" * 2_048, "n" * 512, 86_400, handover)
        assert Challenge.from_text(challenge.to_text()) == challenge


@pytest.mark.parametrize(
    "text", ["2." * 20_000, "2.300." + "A" * 40_000, "2" * 32_769, "2." + "9" * 30_000 + ".sA.A.x"]
)
def test_long_texts_are_refused(text: str) -> None:
    _refused(lambda: Challenge.from_text(text), "challenge")


def test_a_text_beyond_the_bound_is_not_even_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenge_module, "_decoded", lambda _text: pytest.fail("it was decoded"))
    with pytest.raises(pytest.fail.Exception):  # the longest is
        Challenge.from_text((_HEAD + ".transcript,-,-,-,-," + "A" * 32_768)[:32_768])
    for length in (32_769, 1_000_000):
        text = _HEAD + ".transcript,-,-,-,-," + "A" * length
        _refused(lambda: Challenge.from_text(text[:length]), "challenge")  # noqa: B023


# --- what each kind needs, and nothing else ---

FIELDS: dict[str, Any] = {
    "response_uri": "https://a/r",
    "jwk_thumbprint": bytes(32),
    "client_id": "client",
    "mdoc_generated_nonce": "wallet-nonce",
    "transcript": b"\x83\xf6\xf6\xf6",
}
NEEDED = {
    HandoverKind.DC_API: (set(), {"jwk_thumbprint"}),
    HandoverKind.OPENID4VP: ({"response_uri"}, {"jwk_thumbprint"}),
    HandoverKind.DC_API_DRAFT_24: ({"client_id"}, set()),
    HandoverKind.ISO_18013_7_2024: ({"response_uri", "mdoc_generated_nonce"}, set()),
    HandoverKind.TRANSCRIPT: ({"transcript"}, set()),
}


@given(HANDOVERS, st.integers(0, 200), st.integers(0, 3), _PIECES)
def test_a_handover_has_one_spelling_and_any_other_is_refused(
    handover: Handover, place: int, drop: int, piece: str
) -> None:
    text = handover.to_text()
    assert Handover.from_text(text) == handover
    place %= len(text) + 1
    mutated = text[:place] + piece + text[place + drop :]
    assume(mutated != text)
    try:
        read = Handover.from_text(mutated)
    except MalformedError as error:
        assert (error.reason, error.where) == (Reason.CHALLENGE_INVALID, "challenge.handover")
        assert error.__cause__ is None and error.__context__ is None
    else:
        assert read.to_text() == mutated and read != handover


@pytest.mark.parametrize(
    "text", ["", "1.300", "dc_api", "dc_api,-,-,-,-", "dc_api,-,-,-,-,-,-", "x,-,-,-,-,-", "dc_api,A,-,-,-,-",
             "dc_api,_w,-,-,-,-", "dc_api,-,\u0661,-,-,-", "dc_api,-,QQ=,-,-,-", b"dc_api,-,-,-,-,-", None, 1]
)  # fmt: skip
def test_what_is_no_text_of_a_handover_is_refused(text: Any) -> None:
    _refused(lambda: Handover.from_text(text))


def test_the_table_knows_every_kind() -> None:
    assert set(NEEDED) == set(HandoverKind)
    assert set(FIELDS) == set(Handover._fields) - {"kind"}


@pytest.mark.parametrize("kind", HandoverKind)
def test_a_kind_has_what_it_needs_and_nothing_more(kind: HandoverKind) -> None:
    needed, optional = NEEDED[kind]
    good = {name: FIELDS[name] for name in needed}
    _made(Handover(kind, **good))
    _made(Handover(kind, **good, **{name: FIELDS[name] for name in optional}))
    for name in needed:
        _refused(lambda: _made(Handover(kind, **{**good, name: None})))  # noqa: B023
    for name in set(FIELDS) - needed - optional:
        _refused(lambda: _made(Handover(kind, **{**good, name: FIELDS[name]})))  # noqa: B023


@pytest.mark.parametrize("kind", HandoverKind)
def test_every_field_has_its_type_and_its_bound(kind: HandoverKind) -> None:
    needed, optional = NEEDED[kind]
    good = {name: FIELDS[name] for name in needed | optional}
    bad: dict[str, list[Any]] = {
        "jwk_thumbprint": [b"", bytes(31), bytes(33), "A" * 32, bytearray(32), 0, True],
        "transcript": [b"", bytes(16_385), "x", bytearray(b"x"), 0, []],
    }
    for name in needed | optional:
        for value in bad.get(name, ["", "u" * 2_049, "\u20ac" * 683, "\ud800", b"bytes", 1, True, ["u"]]):
            _refused(lambda: _made(Handover(kind, **{**good, name: value})))  # noqa: B023


@pytest.mark.parametrize(
    "handover",
    [None, "dc_api", HandoverKind.DC_API, ("dc_api",), (HandoverKind.DC_API, None, None, None, None, None), {}, 1],
)
def test_what_is_no_handover_is_refused(handover: Any) -> None:
    _refused(lambda: _made(handover))


@pytest.mark.parametrize("kind", ["dc_api", "openid4vp", None, 0, True])
def test_a_kind_is_of_the_enumeration(kind: Any) -> None:
    _refused(lambda: _made(Handover(kind, "https://a/r", bytes(32))))
    _refused(lambda: _made(Handover(kind, jwk_thumbprint=bytes(32))))


# --- the constructors ---


def test_each_constructor_makes_its_kind() -> None:
    key = AgreementKey.generate("P-256")
    made = Challenge.openid4vp(
        client_id="x509_san_dns:a", nonce=NONCE, response_uri="https://a/r", jwk_thumbprint=bytes(32), reader_key=key
    )
    assert (made.audience, made.peer, made.max_age_s) == ("x509_san_dns:a", "x509_san_dns:a", 300)
    assert made.handover == Handover(HandoverKind.OPENID4VP, "https://a/r", bytes(32)) and made.reader_key is key
    made = Challenge.dc_api(origin="https://a", nonce=NONCE, max_age_s=60, jwk_thumbprint=bytes(32), reader_key=key)
    assert (made.audience, made.peer, made.max_age_s) == ("origin:https://a", "https://a", 60)
    assert made.handover == Handover(HandoverKind.DC_API, None, bytes(32)) and made.reader_key is key
    assert Challenge.dc_api(origin="https://a", nonce=NONCE).handover == Handover(HandoverKind.DC_API)
    made = Challenge.dc_api_draft_24(origin="https://a", client_id="c", nonce=NONCE)
    assert made.max_age_s == 300
    assert made.handover == Handover(HandoverKind.DC_API_DRAFT_24, client_id="c") and made.peer == "https://a"
    made = Challenge.iso_18013_7_2024(client_id="c", nonce=NONCE, response_uri="u", mdoc_generated_nonce="m")
    assert made.handover == Handover(HandoverKind.ISO_18013_7_2024, "u", mdoc_generated_nonce="m")
    assert made.max_age_s == 300
    made = Challenge.session_transcript(b"\x83\xf6\xf6\xf6", audience="a", nonce=b"12345678", reader_key=key)
    assert made.handover == Handover(HandoverKind.TRANSCRIPT, transcript=b"\x83\xf6\xf6\xf6")
    assert made.reader_key is key and made.max_age_s == 300
    assert Challenge("https://a", NONCE).peer == "https://a"


@pytest.mark.parametrize("origin", ["", "origin:https://a", "origin:", None, 1, b"https://a", True])
def test_an_origin_comes_without_its_prefix(origin: Any) -> None:
    for make in (
        lambda: Challenge.dc_api(origin=origin, nonce=NONCE),
        lambda: Challenge.dc_api_draft_24(origin=origin, client_id="c", nonce=NONCE),
    ):
        _refused(make, "challenge.origin")


@pytest.mark.parametrize("audience", ["origin:", "origin:origin:https://a", "origin:origin:"])
def test_behind_the_prefix_stands_an_origin(audience: str) -> None:
    # Of the first the peer would be the empty text: what a wallet has that knows nobody.
    _refused(lambda: Challenge(audience, NONCE), "challenge.audience")
    _refused(lambda: Challenge.from_text(f"1.300.s{_part(NONCE)}.{_part(audience)}"), "challenge")
    assert Challenge("origin", NONCE).peer == "origin" and Challenge("origin:o", NONCE).peer == "o"


@pytest.mark.parametrize(
    "handover",
    [
        Handover("dc_api"),  # type: ignore[arg-type]  # the misuse, here and below
        Handover(None),  # type: ignore[arg-type]
        Handover(HandoverKind.OPENID4VP, 5),  # type: ignore[arg-type]
        Handover(HandoverKind.OPENID4VP, b"https://a/r"),  # type: ignore[arg-type]
        Handover(HandoverKind.OPENID4VP, "https://a/\ud800"),
        Handover(HandoverKind.DC_API, jwk_thumbprint="x" * 32),  # type: ignore[arg-type]
        Handover(HandoverKind.DC_API, jwk_thumbprint=bytearray(32)),  # type: ignore[arg-type]
        Handover(HandoverKind.DC_API_DRAFT_24, client_id=["c"]),  # type: ignore[arg-type]
        Handover(HandoverKind.ISO_18013_7_2024, "https://a/r", mdoc_generated_nonce="\udfff"),
        Handover(HandoverKind.TRANSCRIPT, transcript="x"),  # type: ignore[arg-type]
    ],
)
def test_a_handover_of_other_types_is_not_written(handover: Handover) -> None:
    _refused(handover.to_text, "challenge.handover")


@pytest.mark.parametrize("client_id", ["origin:https://a", "origin:", "origin:x509_san_dns:a"])
def test_no_client_has_the_prefix_of_an_origin(client_id: str) -> None:
    # OpenID4VP 1.0 section 5.9.3: what was signed for such a client would count at that origin, over the DC API.
    mdoc: dict[str, Any] = {"response_uri": "https://b/r", "mdoc_generated_nonce": "m"}
    for make in (
        lambda: Challenge.openid4vp(client_id=client_id, nonce=NONCE, response_uri="https://b/r"),
        lambda: Challenge.iso_18013_7_2024(client_id=client_id, nonce=NONCE, **mdoc),
        lambda: Challenge(client_id, NONCE, 300, Handover(HandoverKind.OPENID4VP, "https://b/r")),
        lambda: dataclasses.replace(
            Challenge.openid4vp(client_id="a", nonce=NONCE, response_uri="https://b/r"), audience=client_id
        ),
    ):
        _refused(make, "challenge.audience")
    good = Challenge.openid4vp(client_id="x" * len(client_id), nonce=NONCE, response_uri="https://b/r").to_text()
    forged = good.replace(_part("x" * len(client_id)), _part(client_id))
    assert forged != good
    _refused(lambda: Challenge.from_text(forged), "challenge")
    # Its letters elsewhere, or in another case, are no prefix (client ids are compared character by character).
    for name in ("redirect_uri:origin:https://a", "Origin:https://a", "web-origin:https://a"):
        made = Challenge.openid4vp(client_id=name, nonce=NONCE, response_uri="https://b/r")
        assert (made.audience, made.peer) == (name, name)


def test_an_origin_counts_with_its_prefix() -> None:
    assert Challenge.dc_api(origin="o" * 2_041, nonce=NONCE).audience == "origin:" + "o" * 2_041
    _refused(lambda: Challenge.dc_api(origin="o" * 2_042, nonce=NONCE), "challenge.audience")


# --- the key of the reader ---


def test_the_reader_key_is_never_part_of_the_text_nor_of_what_is_compared() -> None:
    key = AgreementKey.generate("P-256")
    secret = key.to_private_jwk()["d"]
    for reader_key in (key, key.public):
        challenge = Challenge.dc_api(origin="https://a", nonce=NONCE, jwk_thumbprint=bytes(32), reader_key=reader_key)
        without = dataclasses.replace(challenge, reader_key=None)
        assert challenge.to_text() == without.to_text() and challenge == without and hash(challenge) == hash(without)
        assert Challenge.from_text(challenge.to_text()).reader_key is None
        for seen in (repr(challenge), str(challenge), repr(challenge.handover)):
            assert secret not in seen and key.public.to_jwk()["x"] not in seen and NONCE not in seen
    assert repr(Handover(HandoverKind.OPENID4VP, "https://secret")) == "<Handover openid4vp>"
