"""Compact JWS: the grammar of RFC 7515 section 7.1, and every header that no profile of ours permits.

The oracle is `naive_open`: the RFC's steps one after the other, on the slow base64url and JSON readers of the
neighbouring tests.
"""

from __future__ import annotations

import base64
import hashlib
import json as stdlib_json
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citizenid._errors import FORM, CitizenIDError, MalformedError, Reason
from citizenid._limits import DEFAULT_LIMITS, Limits
from citizenid._wire import base64url, jws
from citizenid._wire.writing import signing_input

from .test_base64url import slow_decode
from .test_json import Fault, mutate, slow_parse_object

# Written out, not imported: name in the header, name of the key's algorithm.
ALGORITHMS = {
    "ES256": "ES256",
    "ES384": "ES384",
    "ES512": "ES512",
    "Ed25519": "Ed25519",
    "EdDSA": "Ed25519",
    "ML-DSA-44": "ML-DSA-44",
    "ML-DSA-65": "ML-DSA-65",
    "ML-DSA-87": "ML-DSA-87",
}
THUMBPRINTS = {"x5t": hashlib.sha1, "x5t#S256": hashlib.sha256}  # RFC 7515 sections 4.1.7 and 4.1.8
HEADER = {"alg": "ES256", "typ": "dc+sd-jwt", "kid": "k1"}
WHERE = "credential"


def _segment(value: Any) -> bytes:
    data = value if isinstance(value, bytes) else stdlib_json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _token(header: Any, payload: bytes = b"{}", signature: bytes = b"signature") -> bytes:
    return b".".join((_segment(header), _segment(payload), _segment(signature)))


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in HEADER.items() if key != name}


def _refused(data: bytes, limits: Limits = DEFAULT_LIMITS) -> CitizenIDError:
    with pytest.raises(MalformedError) as caught:
        jws.open_compact(data, WHERE, limits)
    assert caught.value.step == FORM
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    return caught.value


# --- the naive reader ---


class Opened(NamedTuple):
    """What there is to know of a compact JWS."""

    to_be_signed: bytes
    payload: bytes
    algorithm: str
    signature: bytes
    kid: str | None
    certificates: tuple[bytes, ...]
    typ: str | None


def _certificates(value: Any) -> tuple[bytes, ...] | None:
    if not isinstance(value, list) or not 1 <= len(value) <= 4:
        return None
    found = []
    for item in value:
        if not isinstance(item, str) or not item or len(item) % 4:
            return None
        body = item.rstrip("=")
        if len(item) - len(body) > 2 or "-" in body or "_" in body:
            return None
        der = slow_decode(body.replace("+", "-").replace("/", "_").encode())
        if der is None:
            return None
        found.append(der)
    return tuple(found)


def naive_open(data: bytes) -> Opened | None:
    """Open a compact JWS by the book, or say None."""
    segments = data.split(b".")
    if len(segments) != 3 or len(segments[0]) > DEFAULT_LIMITS.header_bytes:
        return None
    decoded = [slow_decode(segment) for segment in segments]
    if not all(decoded):
        return None
    header_bytes, payload, signature = (part or b"" for part in decoded)
    try:
        header = slow_parse_object(header_bytes, 4)
    except Fault:
        return None
    if not isinstance(header.get("alg"), str) or header["alg"] not in ALGORITHMS:
        return None
    if {"crit", "b64", "jku", "x5u", "jwk"} & set(header):
        return None
    if not isinstance(header.get("typ", ""), str) or not isinstance(header.get("kid", ""), str):
        return None
    if len(header.get("kid", "")) > 255:
        return None
    certificates: tuple[bytes, ...] | None = ()
    if "x5c" in header:
        certificates = _certificates(header["x5c"])
    if certificates is None:
        return None
    for name, hash_ in THUMBPRINTS.items():
        if certificates and name in header and header[name] != _segment(hash_(certificates[0]).digest()).decode():
            return None
    to_be_signed = segments[0] + b"." + segments[1]
    algorithm = ALGORITHMS[header["alg"]]
    return Opened(to_be_signed, payload, algorithm, signature, header.get("kid"), certificates, header.get("typ"))


def _agree(data: bytes) -> None:
    expected = naive_open(data)
    try:
        found = jws.open_compact(data, WHERE, DEFAULT_LIMITS)
    except MalformedError as error:
        assert expected is None, f"only the naive reader takes it: {data!r}"
        assert error.where.startswith(WHERE)
        assert error.__cause__ is None and error.__context__ is None
    else:
        assert expected is not None, f"only ours takes it: {data!r}"
        hint = found.key_hint
        assert hint.unverified_issuer is None
        assert expected == Opened(
            found.to_be_signed, found.payload, found.algorithm, found.signature, hint.kid, hint.certificates, found.typ
        )


_STANDARD_BASE64 = st.binary(min_size=1, max_size=9).map(lambda data: base64.b64encode(data).decode())
_ODD_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 1), st.text(max_size=3), st.just([]), st.just({}), st.just(["exp"])
)
_HEADERS = st.fixed_dictionaries(
    {"alg": st.one_of(st.sampled_from([*ALGORITHMS, "none", "HS256", "RS256", "es256", ""]), _ODD_VALUES)},
    optional={
        "typ": st.one_of(st.text(max_size=6), _ODD_VALUES),
        "kid": st.one_of(st.text(max_size=6), st.integers(254, 257).map(lambda size: "k" * size), _ODD_VALUES),
        "x5c": st.one_of(st.lists(st.one_of(_STANDARD_BASE64, st.text(max_size=4)), max_size=5), _ODD_VALUES),
        "x5t": st.one_of(st.text(max_size=4), _ODD_VALUES),
        "x5t#S256": st.one_of(st.text(max_size=4), _ODD_VALUES),
        "iat": st.integers(),
        "cty": st.text(max_size=4),
    },
)
_GOOD_HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(list(ALGORITHMS))},
    optional={
        "typ": st.text(max_size=6),
        "kid": st.text(max_size=6),
        "x5c": st.lists(_STANDARD_BASE64, min_size=1, max_size=4),
        "iat": st.integers(-(2**60), 2**60),
    },
)
_EXTRA = st.dictionaries(
    st.sampled_from(["crit", "b64", "jku", "x5u", "jwk", "x5t", "zip", "ALG"]), _ODD_VALUES, max_size=1
)


@given(_GOOD_HEADERS, st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=70))
def test_what_the_rfc_permits_is_opened_as_the_naive_reader_opens_it(
    header: dict[str, Any], payload: bytes, signature: bytes
) -> None:
    data = _token(header, payload, signature)
    assert naive_open(data) is not None
    _agree(data)


@given(_HEADERS, _EXTRA, st.binary(max_size=10), st.binary(max_size=10))
def test_any_header_is_judged_as_the_naive_reader_judges_it(
    header: dict[str, Any], extra: dict[str, Any], payload: bytes, signature: bytes
) -> None:
    _agree(_token({**header, **extra}, payload, signature))


_PIECES = st.sampled_from([b".", b"..", b"=", b"A", b"-", b"+", b" ", b"\n", b"~", b"\x00", b"\xff", b"e30", b""])


@given(
    _GOOD_HEADERS,
    st.binary(min_size=1, max_size=10),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), _PIECES), min_size=1, max_size=2),
)
def test_mutated_tokens_are_judged_as_the_naive_reader_judges_them(
    header: dict[str, Any], payload: bytes, mutations: list[tuple[int, int, bytes]]
) -> None:
    _agree(mutate(_token(header, payload), mutations))


@given(_GOOD_HEADERS, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2), _PIECES), min_size=1, max_size=2))
def test_mutated_headers_are_judged_as_the_naive_reader_judges_them(
    header: dict[str, Any], mutations: list[tuple[int, int, bytes]]
) -> None:
    _agree(_token(mutate(stdlib_json.dumps(header).encode(), mutations)))


@given(st.binary(max_size=30))
@example(b"..")
@example(b"e30.e30.e30")
def test_any_bytes_are_judged_as_the_naive_reader_judges_them(data: bytes) -> None:
    _agree(data)


# --- the segments ---


def test_a_well_formed_token_is_opened() -> None:
    data = _token(HEADER, b'{"vct":"x"}', b"sig")
    opened = jws.open_compact(data, WHERE, DEFAULT_LIMITS)
    assert opened.to_be_signed == data.rsplit(b".", 1)[0]
    assert opened.payload == b'{"vct":"x"}'
    assert (opened.algorithm, opened.signature, opened.typ) == ("ES256", b"sig", "dc+sd-jwt")
    assert (opened.key_hint.kid, opened.key_hint.certificates) == ("k1", ())
    assert repr(opened).startswith("<") and "vct" not in repr(opened)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 100_000])
def test_another_number_of_segments_is_refused(count: int) -> None:
    error = _refused(b".".join([_segment(HEADER)] + [b"e30"] * count))
    assert (error.reason, error.where) == (Reason.MALFORMED_TOKEN, WHERE)


def test_empty_segments_are_refused() -> None:
    header, payload, signature = _token(HEADER).split(b".")
    for data in (b".".join((header, b"", signature)), b".".join((header, payload, b"")), header + b".."):
        assert _refused(data).reason is Reason.MALFORMED_TOKEN
    assert _refused(b".".join((b"", payload, signature))).reason is Reason.MALFORMED_JSON
    assert _refused(b"..").reason is Reason.MALFORMED_JSON
    assert _refused(b"").reason is Reason.MALFORMED_TOKEN


@pytest.mark.parametrize(("place", "part"), [(0, ".header"), (1, ".payload"), (2, ".signature")])
@pytest.mark.parametrize("spoil", [b"=", b" ", b"\n", b"+", b"/", b"\xff"])
def test_a_segment_in_another_spelling_is_refused(place: int, part: str, spoil: bytes) -> None:
    segments = _token(HEADER).split(b".")
    segments[place] += spoil
    error = _refused(b".".join(segments))
    assert (error.reason, error.where) == (Reason.MALFORMED_BASE64, WHERE + part)


def test_white_space_around_a_token_is_refused() -> None:
    data = _token(HEADER)
    for spoiled in (b" " + data, data + b"\n", data + b" "):
        assert _refused(spoiled).reason is Reason.MALFORMED_BASE64


# --- the header ---

_FORBIDDEN_ALGORITHMS: list[Any] = [
    "none", "None", "nOnE", "NONE", "HS256", "HS384", "HS512", "RS256", "PS256", "ES256K", "ES521", "Ed449", "dir", "",
    "es256", "ES256 ", " ES256", "ES256\x00", "EDDSA", "ML-DSA", "ML_DSA_44", "ESP256", "-7",
    ["ES256"], {"ES256": 1}, {"alg": "ES256"}, [], -7, 0, 1.5, True, None,
]  # fmt: skip


@pytest.mark.parametrize("value", _FORBIDDEN_ALGORITHMS, ids=repr)
def test_an_algorithm_outside_the_table_is_refused(value: Any) -> None:
    error = _refused(_token({**HEADER, "alg": value}))
    assert (error.reason, error.where) == (Reason.ALGORITHM_NOT_ALLOWED, WHERE + ".header")


def test_a_missing_algorithm_is_refused() -> None:
    assert _refused(_token(_without("alg"))).reason is Reason.ALGORITHM_NOT_ALLOWED
    assert _refused(_token({})).reason is Reason.ALGORITHM_NOT_ALLOWED
    assert _refused(_token({**_without("alg"), "Alg": "ES256"})).reason is Reason.ALGORITHM_NOT_ALLOWED


def test_an_unsigned_token_with_its_empty_signature_is_refused() -> None:
    assert _refused(_segment({"alg": "none"}) + b".e30.").reason is Reason.ALGORITHM_NOT_ALLOWED


@pytest.mark.parametrize(("name", "algorithm"), ALGORITHMS.items())
def test_each_algorithm_is_known_by_the_name_of_its_key(name: str, algorithm: str) -> None:
    assert jws.open_compact(_token({"alg": name}), WHERE, DEFAULT_LIMITS).algorithm == algorithm


@pytest.mark.parametrize(
    "value",
    [["exp"], ["b64"], ["alg"], [], None, "", "exp", 0, False, {}, [None], ["exp", "exp"], ["x"] * 100],
    ids=repr,
)
def test_crit_is_refused_in_every_form(value: Any) -> None:
    error = _refused(_token({**HEADER, "crit": value, "exp": 1}))
    assert (error.reason, error.where) == (Reason.CRIT_UNSUPPORTED, WHERE + ".header")
    assert _refused(_token({**HEADER, "crit": value, "b64": False})).reason is Reason.CRIT_UNSUPPORTED


_A_JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwaaPdHURo"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("b64", False), ("b64", True), ("b64", None), ("jwk", _A_JWK), ("jwk", {}), ("jwk", None),
        ("jku", "https://issuer.example/jwks"), ("jku", ""), ("jku", None),
        ("x5u", "https://issuer.example/x5u"), ("x5u", None),
    ],
)  # fmt: skip
def test_headers_that_bring_a_key_or_change_the_payload_are_refused(name: str, value: Any) -> None:
    error = _refused(_token({**HEADER, name: value}))
    assert (error.reason, error.where) == (Reason.HEADER_FORBIDDEN, WHERE + ".header")


@pytest.mark.parametrize("name", ["typ", "kid"])
@pytest.mark.parametrize("value", [None, 0, 1, True, False, 1.5, [], ["dc+sd-jwt"], {}, {"a": "b"}], ids=repr)
def test_typ_and_kid_of_another_type_are_refused(name: str, value: Any) -> None:
    error = _refused(_token({**HEADER, name: value}))
    assert (error.reason, error.where) == (Reason.HEADER_INVALID, f"{WHERE}.header.{name}")


def test_typ_and_kid_may_be_absent() -> None:
    opened = jws.open_compact(_token({"alg": "ES256"}), WHERE, DEFAULT_LIMITS)
    assert opened.typ is None and opened.key_hint.kid is None


@pytest.mark.parametrize("character", ["k", "é", "😀"])
def test_a_kid_has_at_most_255_characters(character: str) -> None:
    opened = jws.open_compact(_token({**HEADER, "kid": character * 255}), WHERE, DEFAULT_LIMITS)
    assert opened.key_hint.kid == character * 255
    error = _refused(_token({**HEADER, "kid": character * 256}))
    assert (error.reason, error.where) == (Reason.HEADER_INVALID, WHERE + ".header.kid")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"[]", Reason.MALFORMED_JSON),
        (b'"ES256"', Reason.MALFORMED_JSON),
        (b"null", Reason.MALFORMED_JSON),
        (b'{"alg":"ES256"', Reason.MALFORMED_JSON),
        (b'{"alg":"ES256"} ', None),
        (b'{"alg":"ES256"}{}', Reason.MALFORMED_JSON),
        (b'\xef\xbb\xbf{"alg":"ES256"}', Reason.MALFORMED_JSON),
        (b'{"alg":"ES256","x":1e400}', Reason.MALFORMED_JSON),
        (b'{"alg":"none","alg":"ES256"}', Reason.DUPLICATE_MEMBER),
        (b'{"alg":"ES256","\\u0061lg":"none"}', Reason.DUPLICATE_MEMBER),
        (b'{"\\u0061lg":"ES256"}', None),
        (b'{"alg":"ES256","kid":"a","kid":"a"}', Reason.DUPLICATE_MEMBER),
        (b'{"alg":"ES256","x":{"y":{"z":[1]}}}', None),
        (b'{"alg":"ES256","x":{"y":{"z":[[]]}}}', Reason.DEPTH_EXCEEDED),
        (b'{"alg":"ES256","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}", Reason.DEPTH_EXCEEDED),
    ],
)
def test_a_header_is_strict_json(header: bytes, reason: Reason | None) -> None:
    if reason is None:
        assert jws.open_compact(_token(header), WHERE, DEFAULT_LIMITS).algorithm == "ES256"
    else:
        error = _refused(_token(header))
        assert (error.reason, error.where) == (reason, WHERE + ".header")


def test_a_header_is_bounded_before_it_is_decoded() -> None:
    limits = Limits(header_bytes=100)
    fitting = b'{"alg":"ES256"}'.ljust(75)
    assert len(_segment(fitting)) == 100
    assert jws.open_compact(_token(fitting), WHERE, limits).algorithm == "ES256"
    error = _refused(_token(b'{"alg":"ES256"}'.ljust(76)), limits)
    assert (error.reason, error.where) == (Reason.INPUT_TOO_LARGE, WHERE + ".header")
    assert _refused(b"=" * 101 + b".e30.e30", limits).reason is Reason.INPUT_TOO_LARGE
    assert _refused(_token({**HEADER, "x": "y" * 16_384})).reason is Reason.INPUT_TOO_LARGE


def test_a_header_that_was_read_before_is_judged_as_before() -> None:
    """Short headers are remembered: nothing of one reading may get into the next."""
    segment = _segment(HEADER)
    first = jws.read_header(segment, "one", DEFAULT_LIMITS)
    assert jws.read_header(segment, "one", DEFAULT_LIMITS) == first
    with pytest.raises(MalformedError) as caught:
        jws.read_header(segment, "one", Limits(header_bytes=len(segment) - 1))
    assert caught.value.reason is Reason.INPUT_TOO_LARGE
    with pytest.raises(MalformedError) as caught:
        jws.read_header(segment, "one", DEFAULT_LIMITS, subject_key=True)
    assert caught.value.reason is Reason.HEADER_FORBIDDEN

    def unverified_issuer(_: bytes) -> str | None:
        return None

    with_issuer = jws.read_header(segment, "one", DEFAULT_LIMITS, unverified_issuer=unverified_issuer)
    assert with_issuer.hint.unverified_issuer is unverified_issuer
    assert jws.read_header(segment, "one", DEFAULT_LIMITS).hint.unverified_issuer is None
    bad = _segment({"alg": "none"})
    for where in ("one", "two", "one"):
        with pytest.raises(MalformedError) as caught:
            jws.read_header(bad, where, DEFAULT_LIMITS)
        assert (caught.value.where, caught.value.step) == (where + ".header", FORM)
        caught.value.at("V1")  # an error that was named once is not the one that is raised next
    with pytest.raises(TypeError):
        first.members["alg"] = "none"  # type: ignore[index]  # that it cannot be changed is what is tested


# --- x5c: standard base64, leaf first (RFC 7515 section 4.1.6) ---


@pytest.mark.parametrize("count", [1, 2, 4])
def test_certificates_are_handed_on_in_order(count: int) -> None:
    ders = tuple(bytes([0x30, 0xFB, 0xFF, number]) * (number + 1) for number in range(count))
    header = {**HEADER, "x5c": [base64.b64encode(der).decode() for der in ders]}
    assert jws.open_compact(_token(header), WHERE, DEFAULT_LIMITS).key_hint.certificates == ders


@pytest.mark.parametrize("value", [None, [], {}, {"0": "MAA="}, "MAA=", "", 0, True, False], ids=repr)
def test_x5c_that_is_no_filled_array_is_refused(value: Any) -> None:
    error = _refused(_token({**HEADER, "x5c": value}))
    assert (error.reason, error.where) == (Reason.HEADER_INVALID, WHERE + ".header.x5c")


@pytest.mark.parametrize(
    "item",
    [
        "", "=", "MAA", "MA==\n", "MAA=\n", " MAA=", "MA A=", "MAB=", "MB==", "MAA==", "-_-_", "-_8=", "MAA=MAA=",
        "MAA=\x00", "ＭＡＡ=", "M", "-----BEGIN CERTIFICATE-----", None, 1, True, [], ["MAA="], {},
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 1])
def test_x5c_entries_that_are_no_canonical_base64_are_refused(item: Any, place: int) -> None:
    entries = ["MAA=", "MAA="]
    entries[place] = item
    error = _refused(_token({**HEADER, "x5c": entries}))
    assert (error.reason, error.where) == (Reason.MALFORMED_BASE64, WHERE + ".header.x5c")


@pytest.mark.parametrize("name", THUMBPRINTS)
def test_a_thumbprint_beside_the_certificates_is_that_of_the_first(name: str) -> None:
    # RFC 7515 sections 4.1.6 to 4.1.8: two names for the key that signed must not name two.
    first, second = b"leaf", b"intermediate"
    chain = [base64.b64encode(der).decode() for der in (first, second)]
    right, other = (_segment(THUMBPRINTS[name](der).digest()).decode() for der in (first, second))
    opened = jws.open_compact(_token({**HEADER, "x5c": chain, name: right}), WHERE, DEFAULT_LIMITS)
    assert opened.key_hint.certificates == (first, second)
    for value in (other, right + "=", right[:-1], right.upper(), "", None, 5, [right], {right: 1}, True):
        error = _refused(_token({**HEADER, "x5c": chain, name: value}))
        assert (error.reason, error.where) == (Reason.HEADER_INVALID, f"{WHERE}.header.{name}")
        # By itself it names a key that nobody brought along, and selects none.
        assert jws.open_compact(_token({**HEADER, name: value}), WHERE, DEFAULT_LIMITS).key_hint.kid == "k1"


def test_a_thumbprint_of_the_one_kind_does_not_excuse_that_of_the_other() -> None:
    right = {name: _segment(hash_(b"leaf").digest()).decode() for name, hash_ in THUMBPRINTS.items()}
    header = {**HEADER, "x5c": [base64.b64encode(b"leaf").decode()], **right}
    assert jws.open_compact(_token(header), WHERE, DEFAULT_LIMITS).key_hint.certificates == (b"leaf",)
    for name in THUMBPRINTS:
        assert _refused(_token({**header, name: "AAAA"})).reason is Reason.HEADER_INVALID


def test_more_than_four_certificates_are_refused() -> None:
    for count in (5, 6, 1_000):
        error = _refused(_token({**HEADER, "x5c": ["MAA="] * count}))
        assert (error.reason, error.where) == (Reason.LIMIT_EXCEEDED, WHERE + ".header.x5c")


# --- read_header in the one profile whose jwk names the subject ---


def test_a_subject_key_is_due_where_it_is_the_subject_and_nowhere_else() -> None:
    without, with_key = _segment(HEADER), _segment({**HEADER, "jwk": _A_JWK})
    header = jws.read_header(with_key, "proof", DEFAULT_LIMITS, subject_key=True)
    assert header.members["jwk"] == _A_JWK
    assert (header.algorithm, header.typ, header.hint.kid) == ("ES256", "dc+sd-jwt", "k1")
    assert jws.read_header(without, "proof", DEFAULT_LIMITS).members == HEADER
    for segment, subject_key in ((without, True), (with_key, False)):
        with pytest.raises(MalformedError) as caught:
            jws.read_header(segment, "proof", DEFAULT_LIMITS, subject_key=subject_key)
        assert (caught.value.reason, caught.value.where) == (Reason.HEADER_FORBIDDEN, "proof.header")


@pytest.mark.parametrize("extra", [{"jku": "https://a.example"}, {"x5u": "https://a.example"}, {"b64": False}])
def test_a_subject_key_does_not_open_the_door_to_others(extra: dict[str, Any]) -> None:
    with pytest.raises(MalformedError) as caught:
        jws.read_header(_segment({**HEADER, "jwk": _A_JWK, **extra}), "proof", DEFAULT_LIMITS, subject_key=True)
    assert caught.value.reason is Reason.HEADER_FORBIDDEN


def test_crit_and_the_algorithm_are_judged_with_a_subject_key_too() -> None:
    for extra, reason in (
        ({"crit": ["jwk"]}, Reason.CRIT_UNSUPPORTED),
        ({"alg": "none"}, Reason.ALGORITHM_NOT_ALLOWED),
        ({"alg": "HS256"}, Reason.ALGORITHM_NOT_ALLOWED),
    ):
        with pytest.raises(MalformedError) as caught:
            jws.read_header(_segment({**HEADER, "jwk": _A_JWK, **extra}), "proof", DEFAULT_LIMITS, subject_key=True)
        assert caught.value.reason is reason


# --- the rest ---


def test_the_profile_says_how_the_issuer_is_read_and_it_is_not_read_here() -> None:
    def unverified_issuer(_: bytes) -> str | None:
        raise AssertionError("asked before anybody needs to know")

    opened = jws.open_compact(_token(HEADER), WHERE, DEFAULT_LIMITS, unverified_issuer)
    assert opened.key_hint.unverified_issuer is unverified_issuer
    assert opened.key_hint.kid == "k1"
    # The headers that are too long to be remembered hand it on as well.
    opened = jws.open_compact(_token({**HEADER, "further": "a" * 300}), WHERE, DEFAULT_LIMITS, unverified_issuer)
    assert opened.key_hint.unverified_issuer is unverified_issuer


def test_a_full_stop_right_behind_the_second_is_a_third() -> None:
    for data in (b"a.b..", b"a.b..c", b"a.b.c.", b"a...", b"...", b".a.b.", b"a.b", b"a", b"", b".", b".."):
        if data == b"..":
            assert jws.split(data, WHERE) == (b"", b"", b"", b".")
            continue
        with pytest.raises(MalformedError) as caught:
            jws.split(data, WHERE)
        assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_TOKEN, WHERE)


def test_a_header_that_holds_a_key_is_not_remembered() -> None:
    # The one memo of headers is filled before a signature is verified: no key of anybody may stay in it.
    before = jws._read_short_header.cache_info().currsize
    for number in range(3):
        key = {**_A_JWK, "x": _segment({"n": number}).decode()}
        jws.read_header(_segment({**HEADER, "jwk": key}), "proof", DEFAULT_LIMITS, subject_key=True)
    assert jws._read_short_header.cache_info().currsize == before


@given(
    _GOOD_HEADERS, st.dictionaries(st.text(max_size=4), st.integers(), max_size=3), st.binary(min_size=1, max_size=9)
)
def test_what_is_written_is_opened(header: dict[str, Any], payload: dict[str, Any], signature: bytes) -> None:
    to_be_signed = signing_input(header, payload, WHERE)
    data = to_be_signed + b"." + base64url.encode(signature)
    opened = jws.open_compact(data, WHERE, DEFAULT_LIMITS)
    assert (opened.to_be_signed, opened.signature) == (to_be_signed, signature)
    assert stdlib_json.loads(opened.payload) == payload
    _agree(data)


def test_what_cannot_be_written_is_refused() -> None:
    es256 = {"alg": "ES256"}
    for header, payload in (({**es256, "kid": float("nan")}, {}), (es256, {"a": b"bytes"}), (es256, {"a": "\ud800"})):
        with pytest.raises(MalformedError) as caught:
            signing_input(header, payload, WHERE)
        assert caught.value.reason is Reason.MALFORMED_JSON
    for name in ("none", "HS256", "ESB256", "-7", "", None):
        with pytest.raises(CitizenIDError) as refused:
            signing_input({"alg": name}, {}, WHERE)
        assert (refused.value.reason, refused.value.where) == (Reason.ALGORITHM_NOT_ALLOWED, WHERE + ".header")


_MARKER = "Marker8675309"


@pytest.mark.parametrize(
    "data",
    [
        _token({**HEADER, "alg": _MARKER}),
        _token({**HEADER, "crit": [_MARKER]}),
        _token({**HEADER, "jku": _MARKER}),
        _token({**HEADER, "typ": [_MARKER]}),
        _token({**HEADER, "kid": _MARKER * 30}),
        _token({**HEADER, "x5c": [_MARKER]}),
        _token({**HEADER, "x5c": _MARKER}),
        _token(b'{"Marker8675309":1,"Marker8675309":2}'),
        _token(b'{"alg":Marker8675309'),
        b"Marker8675309.Marker8675309",
        b"Marker8675309.Marker8675309.Marker8675309",
        _segment(HEADER) + b".Marker8675309!.e30",
    ],
    ids=range(12),
)
def test_a_refusal_holds_nothing_of_the_input(data: bytes) -> None:
    error = _refused(data)
    for seen in (str(error), repr(error), repr(error.args), repr(vars(error))):
        assert _MARKER not in seen
