"""A status list token as JWT: what is accepted, and every rule that refuses, with its Reason, place and step.

`REFUSED` is the table of hostile tokens; the store's tests run it again to see that a refusal changes nothing.
Spec: Token Status List sections 5.1, 8.3, 11; RFC 8725.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import gzip
import json
import pickle
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    ANY,
    CitizenIDError,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    MalformedError,
    Reason,
    Status,
    TrustAnchors,
    UnixTime,
    VerificationError,
)
from citizenid.status import VerifiedStatusList, verify_status_list

from . import (
    ABSENT,
    DAY,
    ISSUER,
    MEDIA_TYPE,
    NOW,
    OTHER_ISSUER,
    URI,
    VALUES,
    anchors,
    claims,
    header,
    key,
    lst,
    segment,
    slow_pack,
    status_list,
    token,
    unsegment,
    zero_bomb,
)

MALFORMED, VERIFICATION = MalformedError, VerificationError
SKEW_S = 30
ALGORITHMS = ("ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")

# The status signer, another trusted one, and a key that may sign credentials and nothing else.
TRUSTED = (
    anchors()
    | anchors(OTHER_ISSUER, "other")
    | TrustAnchors.from_jwks(
        ISSUER,
        {"keys": [{**key("credential").public.to_jwk(), "kid": "credential"}]},
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=["urn:example"],
        countries=ANY,
    )
)


def verify(body: Any, **changes: Any) -> VerifiedStatusList:
    arguments = {"uri": URI, "media_type": MEDIA_TYPE, "anchors": TRUSTED, "now": NOW, **changes}
    return verify_status_list(body, **arguments)


class Refusal(NamedTuple):
    """A hostile token and how it must be refused; `error` distinguishes what is malformed from what is not allowed."""

    name: str
    body: bytes | str
    error: type[CitizenIDError]
    reason: Reason
    where: str
    step: str = "status"


def _unsigned(payload: Any, head: Any, signature: bytes = b"") -> bytes:
    return b".".join((segment(head), segment(payload), signature))


def _payload(
    name: str, payload: Any, error: type[CitizenIDError], reason: Reason, where: str, step: str = ""
) -> Refusal:
    return Refusal(name, token(payload), error, reason, "status-list" + where, step or "status")


def _form_of_lst(name: str, data: bytes) -> Refusal:
    payload = claims(status_list=status_list(lst=segment(data).decode()))
    return _payload(f"lst-{name}", payload, MALFORMED, Reason.STATUS_LIST_MALFORMED, ".status_list.lst")


def _other_kid(kid: str, signer: str) -> bytes:
    return token(None, header(kid=kid), signer=key(signer))


def any_of(*values: Any) -> tuple[Any, ...]:
    """Values of no common type."""
    return values


GOOD = token()
H, P, S = GOOD.split(b".")
ZLIB = zlib.compress(slow_pack(2, VALUES))
TIMES = {"iat": Reason.STATUS_LIST_IN_FUTURE, "exp": Reason.STATUS_LIST_EXPIRED, "ttl": None}
NOT_INTEGERS: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "float": float(NOW),
    "fraction": NOW + 0.5,
    "negative-zero": -0.0,
    "negative": -1,
    "text": str(NOW),
    "padded-text": f" {NOW} ",
    "arabic-text": "١٨",
    "list": [NOW],
    "object": {},
    "2^53": 2**53,
    "2^63": 2**63,
    "2^64": 2**64,
    "10^400": 10**400,
}
# Each is another URI for somebody who compares characters; a normaliser would find some of them equal.
OTHER_SUBJECTS = {
    "scheme-case": "HTTPS://issuer.example/status/1",
    "host-case": "https://Issuer.example/status/1",
    "path-case": "https://issuer.example/Status/1",
    "default-port": "https://issuer.example:443/status/1",
    "empty-port": "https://issuer.example:/status/1",
    "fragment": URI + "#",
    "query": URI + "?",
    "slash": URI + "/",
    "double-slash": "https://issuer.example//status/1",
    "dot": "https://issuer.example/./status/1",
    "dot-dot": "https://issuer.example/x/../status/1",
    "percent-unreserved": "https://issuer.example/%73tatus/1",
    "percent-slash": "https://issuer.example/status%2F1",
    "user": "https://@issuer.example/status/1",
    "trailing-dot": "https://issuer.example./status/1",
    "http": "http://issuer.example/status/1",
    "space-after": URI + " ",
    "space-before": " " + URI,
    "newline": URI + "\n",
    "nul": URI + "\0",
    "shorter": URI[:-1],
    "longer": URI + "0",
    "homograph": "https://іssuer.example/status/1",
    "full-stop-lookalike": "https://issuer。example/status/1",
    "empty": "",
}

REFUSED: tuple[Refusal, ...] = (
    # The form of a compact JWS (RFC 7515 section 7.1)
    Refusal("empty", b"", MALFORMED, Reason.MALFORMED_TOKEN, "status-list"),
    Refusal("no-dots", b"x" * 50, MALFORMED, Reason.MALFORMED_TOKEN, "status-list"),
    Refusal("two-segments", H + b"." + P, MALFORMED, Reason.MALFORMED_TOKEN, "status-list"),
    Refusal("four-segments", GOOD + b"." + S, MALFORMED, Reason.MALFORMED_TOKEN, "status-list"),
    Refusal("sd-jwt", GOOD + b"~", MALFORMED, Reason.MALFORMED_BASE64, "status-list.signature"),
    Refusal("newline-after", GOOD + b"\n", MALFORMED, Reason.MALFORMED_BASE64, "status-list.signature"),
    Refusal("space-before", b" " + GOOD, MALFORMED, Reason.MALFORMED_BASE64, "status-list.header"),
    Refusal("padded", GOOD + b"==", MALFORMED, Reason.MALFORMED_BASE64, "status-list.signature"),
    Refusal("bom", b"\xef\xbb\xbf" + GOOD, MALFORMED, Reason.MALFORMED_BASE64, "status-list.header"),
    Refusal("surrogate", "\ud800" + GOOD.decode(), MALFORMED, Reason.MALFORMED_BASE64, "status-list.header"),
    Refusal("quoted", b'"' + GOOD + b'"', MALFORMED, Reason.MALFORMED_BASE64, "status-list.header"),
    Refusal("gzip", gzip.compress(b"x" * 99), MALFORMED, Reason.MALFORMED_TOKEN, "status-list"),
    # STA-003: not signed at all
    Refusal("raw-json", json.dumps(status_list()).encode(), MALFORMED, Reason.MALFORMED_TOKEN, "status-list"),
    Refusal("raw-list", ZLIB, MALFORMED, Reason.MALFORMED_TOKEN, "status-list"),
    Refusal(
        "alg-none",
        _unsigned(claims(), header(alg="none")),
        MALFORMED,
        Reason.ALGORITHM_NOT_ALLOWED,
        "status-list.header",
    ),
    Refusal(
        "alg-None-signed",
        token(None, header(alg="None")),
        MALFORMED,
        Reason.ALGORITHM_NOT_ALLOWED,
        "status-list.header",
    ),
    Refusal("no-signature", H + b"." + P + b".", MALFORMED, Reason.MALFORMED_TOKEN, "status-list"),
    Refusal("no-payload", H + b".." + S, MALFORMED, Reason.MALFORMED_TOKEN, "status-list"),
    # Section 11.6: a MAC says nothing to those who do not share its key, and no key here is shared
    *(
        Refusal(
            f"alg-{alg}", token(None, header(alg=alg)), MALFORMED, Reason.ALGORITHM_NOT_ALLOWED, "status-list.header"
        )
        for alg in ("HS256", "HS512", "RS256", "PS256", "ES256K", "es256", "", None, 7, ["ES256"])
    ),
    Refusal(
        "alg-missing", token(None, header(alg=ABSENT)), MALFORMED, Reason.ALGORITHM_NOT_ALLOWED, "status-list.header"
    ),
    # Headers
    Refusal("crit", token(None, header(crit=["exp"])), MALFORMED, Reason.CRIT_UNSUPPORTED, "status-list.header"),
    Refusal(
        "own-key",
        token(None, header(jwk=key("stranger").public.to_jwk()), signer=key("stranger")),
        MALFORMED,
        Reason.HEADER_FORBIDDEN,
        "status-list.header",
    ),
    *(
        Refusal(name, token(None, header(**{name: value})), MALFORMED, Reason.HEADER_FORBIDDEN, "status-list.header")
        for name, value in (("jku", "https://x.example"), ("x5u", "https://x.example"), ("b64", False))
    ),
    Refusal("kid-number", token(None, header(kid=1)), MALFORMED, Reason.HEADER_INVALID, "status-list.header.kid"),
    Refusal("header-array", token(None, []), MALFORMED, Reason.MALFORMED_JSON, "status-list.header"),
    Refusal(
        "header-twice",
        token(None, b'{"alg":"ES256","typ":"x","typ":"statuslist+jwt","kid":"signer"}'),
        MALFORMED,
        Reason.DUPLICATE_MEMBER,
        "status-list.header",
    ),
    Refusal("x5c", token(None, header(x5c=["MAA="])), VERIFICATION, Reason.CERTIFICATE_UNTRUSTED, "status-list", "V2"),
    # The key: whose, and for what (KEY-015)
    Refusal("kid-unknown", token(None, header(kid="nobody")), VERIFICATION, Reason.KEY_UNKNOWN, "status-list", "V2"),
    Refusal(
        "credential-key", _other_kid("credential", "credential"), VERIFICATION, Reason.KEY_UNKNOWN, "status-list", "V2"
    ),
    Refusal(
        "credential-key-under-our-kid",
        _other_kid("signer", "credential"),
        VERIFICATION,
        Reason.SIGNATURE_INVALID,
        "status-list",
    ),
    Refusal(
        "kid-missing-and-nobody-claimed",
        token(None, header(kid=ABSENT)),
        VERIFICATION,
        Reason.KEY_AMBIGUOUS,
        "status-list",
        "V2",
    ),
    Refusal(
        "kid-missing-and-a-stranger-claimed",
        token(claims(iss="https://stranger.example"), header(kid=ABSENT)),
        VERIFICATION,
        Reason.KEY_UNKNOWN,
        "status-list",
        "V2",
    ),
    Refusal(
        "stranger-under-our-kid",
        _other_kid("signer", "stranger"),
        VERIFICATION,
        Reason.SIGNATURE_INVALID,
        "status-list",
    ),
    # STA-002
    Refusal(
        "other-issuer-under-our-kid",
        _other_kid("signer", "other"),
        VERIFICATION,
        Reason.SIGNATURE_INVALID,
        "status-list",
    ),
    Refusal(
        "other-issuer-claims-to-be-us",
        token(claims(iss=ISSUER), header(kid="other"), signer=key("other")),
        VERIFICATION,
        Reason.ISSUER_MISMATCH,
        "status-list.iss",
        "V5",
    ),
    Refusal(
        "we-claim-to-be-other",
        token(claims(iss=OTHER_ISSUER)),
        VERIFICATION,
        Reason.ISSUER_MISMATCH,
        "status-list.iss",
        "V5",
    ),
    *(
        Refusal(
            f"iss-{value!r}", token(claims(iss=value)), VERIFICATION, Reason.ISSUER_MISMATCH, "status-list.iss", "V5"
        )
        for value in any_of(None, "", ISSUER + "/", ISSUER.upper(), True, [ISSUER], {})
    ),
    # The signature
    Refusal(
        "alg-of-another-curve", token(None, header(alg="ES384")), VERIFICATION, Reason.ALGORITHM_MISMATCH, "status-list"
    ),
    Refusal(
        "signature-short",
        H + b"." + P + b"." + segment(unsegment(S)[:-1]),
        MALFORMED,
        Reason.SIGNATURE_MALFORMED,
        "status-list",
    ),
    Refusal(
        "signature-long",
        H + b"." + P + b"." + segment(unsegment(S) + b"\0"),
        MALFORMED,
        Reason.SIGNATURE_MALFORMED,
        "status-list",
    ),
    Refusal(
        "signature-zero",
        H + b"." + P + b"." + segment(bytes(64)),
        VERIFICATION,
        Reason.SIGNATURE_INVALID,
        "status-list",
    ),
    Refusal(
        "signature-of-another",
        H + b"." + P + b"." + token(claims(iat=NOW - 1)).split(b".")[2],
        VERIFICATION,
        Reason.SIGNATURE_INVALID,
        "status-list",
    ),
    Refusal(
        "payload-swapped",
        b".".join((H, segment(claims(ttl=9)), S)),
        VERIFICATION,
        Reason.SIGNATURE_INVALID,
        "status-list",
    ),
    Refusal(
        "header-swapped",
        b".".join((segment(header(cty="x")), P, S)),
        VERIFICATION,
        Reason.SIGNATURE_INVALID,
        "status-list",
    ),
    # typ: exactly one spelling (RFC 8725 section 3.11)
    *(
        Refusal(f"typ-{typ}", token(None, header(typ=typ)), VERIFICATION, Reason.TYP_MISMATCH, "status-list.header.typ")
        for typ in (
            "JWT",
            "",
            "statuslist+cwt",
            "statuslist",
            "StatusList+JWT",
            "statuslist+jwt ",
            "application/statuslist+jwt",
            "dc+sd-jwt",
            "kb+jwt",
            "dpop+jwt",
        )
    ),
    Refusal(
        "typ-missing", token(None, header(typ=ABSENT)), VERIFICATION, Reason.TYP_MISMATCH, "status-list.header.typ"
    ),
    *(
        Refusal(
            f"typ-{typ!r}", token(None, header(typ=typ)), MALFORMED, Reason.HEADER_INVALID, "status-list.header.typ"
        )
        for typ in (None, True, 1, ["statuslist+jwt"])
    ),
    # The payload as JSON
    _payload("payload-array", [claims()], MALFORMED, Reason.MALFORMED_JSON, ""),
    _payload("payload-text", b"text", MALFORMED, Reason.MALFORMED_JSON, ""),
    _payload("payload-two", json.dumps(claims()).encode() * 2, MALFORMED, Reason.MALFORMED_JSON, ""),
    _payload("payload-utf16", json.dumps(claims()).encode("utf-16"), MALFORMED, Reason.MALFORMED_JSON, ""),
    _payload("payload-nan", b'{"iat":NaN}', MALFORMED, Reason.MALFORMED_JSON, ""),
    _payload("payload-infinity", b'{"exp":Infinity}', MALFORMED, Reason.MALFORMED_JSON, ""),
    _payload("payload-1e400", b'{"exp":1e400}', MALFORMED, Reason.MALFORMED_JSON, ""),
    _payload(
        "iat-twice",
        json.dumps(claims()).encode()[:-1] + b', "iat": %d}' % NOW,
        MALFORMED,
        Reason.DUPLICATE_MEMBER,
        "",
    ),
    _payload(
        "iat-twice-escaped",
        json.dumps(claims()).encode()[:-1] + b', "i\\u0061t": %d}' % NOW,
        MALFORMED,
        Reason.DUPLICATE_MEMBER,
        "",
    ),
    _payload("payload-deep", claims(deep=[[[[[]]]]]), MALFORMED, Reason.DEPTH_EXCEEDED, ""),
    # sub (STA-001, STA-008)
    *(
        _payload(f"sub-{name}", claims(sub=sub), VERIFICATION, Reason.STATUS_SUBJECT_MISMATCH, ".sub")
        for name, sub in OTHER_SUBJECTS.items()
    ),
    *(
        _payload(f"sub-{sub!r}", claims(sub=sub), VERIFICATION, Reason.STATUS_SUBJECT_MISMATCH, ".sub")
        for sub in (None, True, 1, [URI], {"uri": URI})
    ),
    _payload("sub-missing", claims(sub=ABSENT), VERIFICATION, Reason.STATUS_SUBJECT_MISMATCH, ".sub"),
    # Times (TIM-003, TIM-004, TIM-006)
    _payload("iat-missing", claims(iat=ABSENT), VERIFICATION, Reason.CLAIM_MISSING, ".iat"),
    *(
        _payload(f"{name}-{kind}", claims(**{name: value}), MALFORMED, Reason.CLAIM_INVALID, f".{name}")
        for name in TIMES
        for kind, value in NOT_INTEGERS.items()
    ),
    _payload("ttl-0", claims(ttl=0), MALFORMED, Reason.CLAIM_INVALID, ".ttl"),
    _payload("iat-next-second", claims(iat=NOW + SKEW_S + 1), VERIFICATION, Reason.STATUS_LIST_IN_FUTURE, ".iat"),
    _payload("iat-10^12", claims(iat=10**12), VERIFICATION, Reason.STATUS_LIST_IN_FUTURE, ".iat"),
    _payload("iat-milliseconds", claims(iat=NOW * 1_000), VERIFICATION, Reason.STATUS_LIST_IN_FUTURE, ".iat"),
    _payload("exp-now", claims(exp=NOW), VERIFICATION, Reason.STATUS_LIST_EXPIRED, ".exp"),
    _payload("exp-past", claims(exp=NOW - 1), VERIFICATION, Reason.STATUS_LIST_EXPIRED, ".exp"),
    _payload("exp-0", claims(exp=0), VERIFICATION, Reason.STATUS_LIST_EXPIRED, ".exp"),
    # A list that ends before it begins held at no time, though the skew excuses its beginning.
    _payload("exp-before-iat", claims(iat=NOW + 20, exp=NOW + 19), MALFORMED, Reason.CLAIM_INVALID, ".exp"),
    _payload("exp-at-iat", claims(iat=NOW + 20, exp=NOW + 20), MALFORMED, Reason.CLAIM_INVALID, ".exp"),
    # The list (STA-020, STA-025)
    *(
        _payload(
            f"status_list-{name}", claims(status_list=value), MALFORMED, Reason.STATUS_LIST_MALFORMED, ".status_list"
        )
        for name, value in (("missing", ABSENT), ("null", None), ("text", lst(b"\0")), ("array", [status_list()]))
    ),
    *(
        _payload(
            f"bits-{bits!r}",
            claims(status_list={**status_list(), "bits": bits}),
            MALFORMED,
            Reason.STATUS_LIST_MALFORMED,
            ".status_list.bits",
        )
        for bits in any_of(0, 3, 5, 16, 32, -1, "1", "2", True, False, None, 1.0, 2.0, [1], {})
    ),
    _payload(
        "bits-missing",
        claims(status_list={"lst": lst(slow_pack(2, VALUES))}),
        MALFORMED,
        Reason.STATUS_LIST_MALFORMED,
        ".status_list.bits",
    ),
    *(
        _payload(
            f"lst-{name}",
            claims(status_list=status_list(lst=value)),
            MALFORMED,
            Reason.MALFORMED_BASE64,
            ".status_list.lst",
        )
        for name, value in (
            ("missing", ABSENT),
            ("null", None),
            ("number", 1),
            ("array", [lst(b"\0")]),
            ("padded", base64.urlsafe_b64encode(zlib.compress(b"ab")).decode()),
            ("standard-alphabet", base64.b64encode(b"\xfb\xff\xfe").decode()),
            ("multibase", "u" + lst(b"\0")),
            ("newline", lst(slow_pack(2, VALUES)) + "\n"),
            ("stray-bits", "eNoDAAAAAAF"),
            ("unicode", "é" * 4),
        )
    ),
    _form_of_lst("empty", b""),
    _form_of_lst("truncated", ZLIB[:-1]),
    _form_of_lst("no-checksum", ZLIB[:-4]),
    _form_of_lst("wrong-checksum", ZLIB[:-1] + bytes([ZLIB[-1] ^ 1])),
    _form_of_lst("trailing-byte", ZLIB + b"\0"),
    _form_of_lst("two-streams", ZLIB * 2),
    _form_of_lst("raw-deflate", ZLIB[2:-4]),
    _form_of_lst("gzip", gzip.compress(slow_pack(2, VALUES))),
    _form_of_lst("not-compressed", slow_pack(2, VALUES)),
    # STA-024
    _payload(
        "bomb",
        claims(status_list=status_list(lst=segment(zero_bomb(1_024)).decode())),
        MALFORMED,
        Reason.INPUT_TOO_LARGE,
        ".status_list.lst",
    ),
    Refusal("too-large", GOOD + b"A" * 8_388_608, MALFORMED, Reason.INPUT_TOO_LARGE, "status-list"),
)


def check_refused(refusal: Refusal, act: Callable[[], object]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        act()
    error = caught.value
    assert (type(error), error.reason, error.where, error.step) == (
        refusal.error,
        refusal.reason,
        refusal.where,
        refusal.step,
    )
    assert error.__cause__ is None and error.__context__ is None
    assert error.args == (refusal.reason, refusal.where)  # nothing of the input


def test_the_table_has_no_name_twice() -> None:
    assert len({refusal.name for refusal in REFUSED}) == len(REFUSED)


@pytest.mark.parametrize("refusal", REFUSED, ids=[refusal.name for refusal in REFUSED])
def test_a_hostile_token_is_refused(refusal: Refusal) -> None:
    check_refused(refusal, lambda: verify(refusal.body))


# --- what is accepted ---


def read(verified: VerifiedStatusList) -> list[int]:
    return [verified.statuses.raw(index) for index in range(len(verified.statuses))]


@pytest.mark.parametrize("body", [GOOD, GOOD.decode()], ids=["bytes", "str"])
def test_a_good_token_is_read(body: bytes | str) -> None:
    verified = verify(body)
    assert (verified.uri, verified.issued_at, verified.not_after, verified.ttl_s) == (URI, NOW, NOW + DAY, 3_600)
    assert (verified.anchor.issuer, verified.anchor.purpose) == (ISSUER, KeyPurpose.STATUS_LIST)
    assert (verified.statuses.bits, read(verified)) == (2, list(VALUES))


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "EdDSA"])
def test_every_algorithm_of_the_table_signs_lists(algorithm: str) -> None:
    name = "Ed25519" if algorithm == "EdDSA" else algorithm
    body = token(None, header(alg=algorithm, kid=name), signer=key(name, name))
    assert read(verify(body, anchors=anchors(ISSUER, name, name))) == list(VALUES)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_every_width_is_read(bits: int) -> None:
    values = [index % 2**bits for index in range(64)]
    assert read(verify(token(claims(status_list=status_list(bits, values))))) == values


def test_iss_is_not_required_and_equals_the_anchor_when_it_is_there() -> None:
    assert verify(GOOD).anchor.issuer == ISSUER
    assert verify(token(claims(iss=ISSUER))).anchor.issuer == ISSUER


def test_without_a_kid_the_claimed_issuer_selects_the_key() -> None:
    assert verify(token(claims(iss=ISSUER), header(kid=ABSENT))).anchor.issuer == ISSUER
    # One trusted signer alone needs neither.
    assert verify(token(None, header(kid=ABSENT)), anchors=anchors()).anchor.issuer == ISSUER


def test_the_anchor_is_the_one_whose_key_signed() -> None:
    assert verify(token(None, header(kid="other"), signer=key("other"))).anchor.issuer == OTHER_ISSUER


def test_what_the_draft_leaves_open_is_passed_over() -> None:
    # Section 4.2 aggregation_uri, section 5.1 further claims; and header parameters nobody knows.
    payload = claims(
        status_list=status_list(aggregation_uri="https://issuer.example/all", more=1),
        jti="1",
        aud="somebody",
        x={"y": [1]},
    )
    assert read(verify(token(payload, header(cty="x", more={"y": 1})))) == list(VALUES)


def test_exp_and_ttl_may_be_absent() -> None:
    verified = verify(token(claims(exp=ABSENT, ttl=ABSENT)))
    assert (verified.not_after, verified.ttl_s) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW + SKEW_S},
        {"iat": NOW},
        {"iat": 0},
        {"exp": NOW + 1},
        {"exp": 10**12},
        {"exp": 2**53 - 1},
        {"ttl": 1},
        {"ttl": 10**12},
        {"ttl": 2**53 - 1},
    ],
    ids=str,
)
def test_a_time_at_its_bound_is_accepted(changes: dict[str, int]) -> None:
    verified = verify(token(claims(**changes)))
    found = {"iat": verified.issued_at, "exp": verified.not_after, "ttl": verified.ttl_s}
    assert all(found[name] == value for name, value in changes.items())


@pytest.mark.parametrize("skew_s", [0, 1, 300])
def test_the_skew_excuses_an_iat_in_the_future_and_nothing_else(skew_s: int) -> None:
    limits = Limits(clock_skew_s=skew_s)
    assert verify(token(claims(iat=NOW + skew_s)), limits=limits).issued_at == NOW + skew_s
    late = _payload("", claims(iat=NOW + skew_s + 1), VERIFICATION, Reason.STATUS_LIST_IN_FUTURE, ".iat")
    check_refused(late, lambda: verify(late.body, limits=limits))
    ended = _payload("", claims(exp=NOW), VERIFICATION, Reason.STATUS_LIST_EXPIRED, ".exp")
    check_refused(ended, lambda: verify(ended.body, limits=limits))


def test_a_list_that_is_not_valid_yet_is_refused() -> None:
    # TIM-011: all time claims count (RFC 7519 section 4.1.5), also one that section 5.1 does not mention.
    assert read(verify(token(claims(nbf=NOW)))) == list(VALUES)
    early = _payload("", claims(nbf=NOW + 1), VERIFICATION, Reason.STATUS_LIST_IN_FUTURE, ".nbf")
    check_refused(early, lambda: verify(early.body))


# --- lists of the past (section 8.4) ---


@given(st.integers(0, 5), st.none() | st.integers(6, 12), st.none() | st.integers(0, 12), st.integers(0, 20))
def test_a_list_of_the_past_counts_when_it_held_at_that_time(
    iat: int, exp: int | None, nbf: int | None, time: int
) -> None:
    # `iat <= time`, and before exp as everywhere in this house; what is over by now does not matter.
    then = NOW - 20
    optional = {name: then + at for name, at in (("exp", exp), ("nbf", nbf)) if at is not None}
    body = token({**claims(iat=then + iat, exp=ABSENT), **optional})
    at = then + time
    reason = None
    if iat > time or (nbf is not None and time < nbf):
        reason = Reason.STATUS_LIST_IN_FUTURE
    elif exp is not None and time >= exp:
        reason = Reason.STATUS_LIST_EXPIRED
    try:
        verified = verify(body, time=at)
    except VerificationError as error:
        assert error.reason is reason
    else:
        assert reason is None
        assert read(verified) == list(VALUES)


def test_a_clock_that_is_ahead_excuses_nothing_in_the_past() -> None:
    body = token(claims(iat=NOW - 9))
    early = Refusal("", body, VERIFICATION, Reason.STATUS_LIST_IN_FUTURE, "status-list.iat")
    check_refused(early, lambda: verify(body, time=NOW - 10))
    assert read(verify(body, time=NOW - 9)) == list(VALUES)
    ahead = token(claims(iat=NOW + 30))
    assert read(verify(ahead, time=NOW)) == read(verify(ahead)) == list(VALUES)


def test_the_signer_of_a_list_of_the_past_is_trusted_now() -> None:
    body = token(claims(iat=NOW - 100, exp=NOW - 50))
    jwks = {"keys": [{**key().public.to_jwk(), "kid": "signer"}]}
    ended = TrustAnchors.from_jwks(ISSUER, jwks, purpose=KeyPurpose.STATUS_LIST, not_after=NOW - 10)
    late = Refusal("", body, VERIFICATION, Reason.ANCHOR_EXPIRED, "anchor", "V2")
    check_refused(late, lambda: verify(body, anchors=ended, time=NOW - 60))


@pytest.mark.parametrize("time", [NOW + 1, -1, 1.0, "1", True])
def test_what_is_no_time_of_the_past_is_refused(time: Any) -> None:
    where = "time" if time == NOW + 1 else "now"
    check_refused(
        Refusal("", GOOD, CitizenIDError, Reason.CLOCK_UNUSABLE, where, "request"),
        lambda: verify(GOOD, now=NOW, time=time),
    )


# --- where it came from ---


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "application/json",
        "application/jwt",
        "application/statuslist",
        "application/statuslist+json",
        "statuslist+jwt",
        "application/statuslist+jwt, text/html",
        "application/statuslist+jwt text/html",
        "application/ statuslist+jwt",
        "application/statuslist+jwt\n",
        "application/statuslist+jwt\0",
        "application/\u017ftatuslist+jwt",  # a long s, which is an s to who compares without case by other rules
        "; application/statuslist+jwt",
        "Xapplication/statuslist+jwtX",
        "text/html; type=application/statuslist+jwt",
        "text/html",
        None,
        b"application/statuslist+jwt",
    ],
)
def test_another_media_type_is_refused(media_type: Any) -> None:
    refusal = Refusal("", GOOD, VERIFICATION, Reason.STATUS_MEDIA_TYPE, "status-list")
    check_refused(refusal, lambda: verify(GOOD, media_type=media_type))


@pytest.mark.parametrize(
    "media_type",
    [
        "Application/StatusList+JWT",
        "APPLICATION/STATUSLIST+JWT",
        " application/statuslist+jwt\t",
        "application/statuslist+jwt;charset=utf-8",
        'application/statuslist+jwt ; charset=utf-8; a="b;c"',
        "application/statuslist+jwt;",
    ],
)
def test_parameters_and_the_case_of_letters_make_no_other_media_type(media_type: str) -> None:
    """RFC 9110 section 8.3.1: the names are case-insensitive, and what follows them is another matter."""
    assert verify(GOOD, media_type=media_type).uri == verify(GOOD).uri
    refusal = Refusal("", GOOD, VERIFICATION, Reason.STATUS_MEDIA_TYPE, "status-list")
    check_refused(refusal, lambda: verify(GOOD, media_type=media_type.replace("+", "+json+")))


@pytest.mark.parametrize("body", [None, 7, bytearray(GOOD), memoryview(GOOD), [GOOD], {"a": 1}], ids=type)
def test_a_body_that_is_neither_bytes_nor_text_is_refused(body: Any) -> None:
    refusal = Refusal("", b"", MALFORMED, Reason.MALFORMED_TOKEN, "status-list")
    check_refused(refusal, lambda: verify(body))


@pytest.mark.parametrize("name", OTHER_SUBJECTS)
def test_the_uri_asked_for_is_compared_character_by_character(name: str) -> None:
    # The mirror image of the cases in the table: the token is right, and we asked for something else.
    refusal = Refusal("", b"", VERIFICATION, Reason.STATUS_SUBJECT_MISMATCH, "status-list.sub")
    check_refused(refusal, lambda: verify(GOOD, uri=OTHER_SUBJECTS[name]))
    assert verify(token(claims(sub=OTHER_SUBJECTS[name])), uri=OTHER_SUBJECTS[name]).uri == OTHER_SUBJECTS[name]


def test_composed_and_decomposed_characters_are_two_uris() -> None:
    refusal = Refusal("", b"", VERIFICATION, Reason.STATUS_SUBJECT_MISMATCH, "status-list.sub")
    check_refused(refusal, lambda: verify(token(claims(sub=URI + "/\u00e9")), uri=URI + "/e\u0301"))


# --- the anchor's window, and certificates ---


def test_the_anchor_must_be_trusted_now() -> None:
    jwks = {"keys": [{**key().public.to_jwk(), "kid": "signer"}]}
    window = TrustAnchors.from_jwks(ISSUER, jwks, purpose=KeyPurpose.STATUS_LIST, not_before=NOW, not_after=NOW + 1)
    assert verify(GOOD, anchors=window).uri == URI
    early = Refusal("", b"", VERIFICATION, Reason.ANCHOR_NOT_YET_VALID, "anchor", "V2")
    check_refused(early, lambda: verify(GOOD, anchors=window, now=NOW - 1))
    late = Refusal("", b"", VERIFICATION, Reason.ANCHOR_EXPIRED, "anchor", "V2")
    check_refused(late, lambda: verify(GOOD, anchors=window, now=NOW + 1))


def test_no_anchor_at_all_trusts_nobody() -> None:
    refusal = Refusal("", b"", VERIFICATION, Reason.KEY_UNKNOWN, "status-list", "V2")
    check_refused(refusal, lambda: verify(GOOD, anchors=TrustAnchors()))


def _certificate(
    subject: str, public: ec.EllipticCurvePublicKey, issuer: str, signer: ec.EllipticCurvePrivateKey, *, authority: bool
) -> x509.Certificate:
    name = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (subject, issuer)]
    return (
        x509.CertificateBuilder()
        .subject_name(name[0])
        .issuer_name(name[1])
        .public_key(public)
        .serial_number(7)
        .not_valid_before(datetime.fromtimestamp(NOW - DAY, UTC))
        .not_valid_after(datetime.fromtimestamp(NOW + DAY, UTC))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )


def test_a_certified_signer_counts_for_the_root_that_the_operator_pinned() -> None:
    # HAIP: the key of a status list token may stand in x5c. Its path must lead to a root of purpose STATUS_LIST.
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("root", root_key.public_key(), "root", root_key, authority=True)
    leaf = _certificate("leaf", leaf_key.public_key(), "root", root_key, authority=False)
    pem = root.public_bytes(serialization.Encoding.PEM)
    signer = LocalKey.from_pem(
        leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    x5c = [base64.b64encode(leaf.public_bytes(serialization.Encoding.DER)).decode()]
    body = token(None, header(kid=ABSENT, x5c=x5c), signer=signer)
    pinned = TrustAnchors.from_certificates(pem, issuer=ISSUER, purpose=KeyPurpose.STATUS_LIST)
    assert verify(body, anchors=pinned | anchors(OTHER_ISSUER, "other")).anchor.issuer == ISSUER

    scope: dict[str, Any] = {"formats": [Format.SD_JWT_VC], "types": ["urn:example"], "countries": ANY}
    for_credentials = TrustAnchors.from_certificates(pem, issuer=ISSUER, purpose=KeyPurpose.CREDENTIAL, **scope)
    untrusted = Refusal("", b"", VERIFICATION, Reason.CERTIFICATE_UNTRUSTED, "status-list", "V2")
    check_refused(untrusted, lambda: verify(body, anchors=for_credentials | anchors(OTHER_ISSUER, "other")))
    # The certificate does not help somebody who does not have its key.
    thief = token(None, header(kid=ABSENT, x5c=x5c), signer=key("stranger"))
    forged = Refusal("", b"", VERIFICATION, Reason.SIGNATURE_INVALID, "status-list")
    check_refused(forged, lambda: verify(thief, anchors=pinned))


# --- bounds ---


def _peak(act: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["bytes", "str"])
def test_ten_megabytes_are_refused_without_a_copy(kind: str) -> None:
    junk: bytes | str = b"." * 10_000_000 if kind == "bytes" else "." * 10_000_000
    refusal = Refusal("", b"", MALFORMED, Reason.INPUT_TOO_LARGE, "status-list")
    assert _peak(lambda: check_refused(refusal, lambda: verify(junk))) <= 65_536


def test_the_bound_on_the_body_is_exact() -> None:
    assert verify(GOOD, limits=Limits(status_list_bytes=len(GOOD))).uri == URI
    refusal = Refusal("", b"", MALFORMED, Reason.INPUT_TOO_LARGE, "status-list")
    check_refused(refusal, lambda: verify(GOOD, limits=Limits(status_list_bytes=len(GOOD) - 1)))


def test_the_bound_on_the_list_is_exact() -> None:
    body = token(claims(status_list=status_list(8, [0] * 1_000)))
    assert len(verify(body, limits=Limits(status_list_inflated_bytes=1_000)).statuses) == 1_000
    refusal = Refusal("", b"", MALFORMED, Reason.INPUT_TOO_LARGE, "status-list.status_list.lst")
    check_refused(refusal, lambda: verify(body, limits=Limits(status_list_inflated_bytes=999)))


def test_a_bomb_costs_no_more_than_the_bounds_allow() -> None:
    body = token(claims(status_list=status_list(lst=segment(zero_bomb(1_024)).decode())))
    limits = Limits(status_list_inflated_bytes=2**20)
    refusal = Refusal("", b"", MALFORMED, Reason.INPUT_TOO_LARGE, "status-list.status_list.lst")
    peak = _peak(lambda: check_refused(refusal, lambda: verify(body, limits=limits)))
    # Linear in the input (its segments, the JSON, the compressed list), and twice the bound inflated.
    assert peak <= 8 * len(body) + 2 * 2**20


# --- properties ---


@given(position=st.integers(0, len(GOOD) - 1), flip=st.integers(1, 255))
def test_no_changed_byte_is_accepted(position: int, flip: int) -> None:
    changed = bytearray(GOOD)
    changed[position] ^= flip
    with pytest.raises((MalformedError, VerificationError)) as caught:
        verify(bytes(changed))
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_no_flipped_bit_of_the_signature_is_accepted() -> None:
    for position in range(512):
        signature = bytearray(unsegment(S))
        signature[position // 8] ^= 1 << position % 8
        with pytest.raises(VerificationError) as caught:
            verify(b".".join((H, P, segment(bytes(signature)))))
        assert caught.value.reason is Reason.SIGNATURE_INVALID


@given(st.binary(max_size=80) | st.text(max_size=80))
def test_any_bytes_are_refused_with_a_reason(body: bytes | str) -> None:
    with pytest.raises((MalformedError, VerificationError)):
        verify(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@given(name=st.sampled_from(["sub", "iat", "exp", "ttl", "status_list", "iss"]), value=json_values)
def test_a_trusted_signer_cannot_make_us_fail_otherwise(name: str, value: Any) -> None:
    try:
        verified = verify(token(claims(**{name: value})))
    except (MalformedError, VerificationError):
        return
    # What passes is of the form that section 5.1 prescribes.
    assert name in ("iat", "exp", "ttl") and type(value) is int and value >= 0
    assert verified.uri == URI


@given(name=st.sampled_from(["bits", "lst"]), value=json_values)
def test_nor_with_a_strange_list(name: str, value: Any) -> None:
    try:
        verified = verify(token(claims(status_list={**status_list(), name: value})))
    except (MalformedError, VerificationError):
        return
    assert name == "bits" and type(value) is int and value in (1, 2, 4, 8) and verified.statuses.bits == value


# hypothesis tries words of the source too, class names among them: hence the prefix, which stands nowhere.
@given(marker=st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=12).map("Zq7Zq7".__add__))
def test_no_error_says_what_was_in_the_token(marker: str) -> None:
    planted = [
        token(claims(sub=marker)),
        token(claims(iss=marker)),
        token(claims(status_list={"bits": marker, "lst": lst(b"")})),
        token(claims(status_list={"bits": 1, "lst": marker + "="})),
        token(claims(iat=marker)),
        token(f'{{"{marker}":1,"{marker}":2}}'.encode()),
        token(None, header(kid=marker)),
        token(None, header(typ=marker)),
        token(None, header(alg=marker)),
    ]
    for body in planted:
        with pytest.raises(CitizenIDError) as caught:
            verify(body)
        error: BaseException | None = caught.value
        assert marker not in f"{error!s}{error!r}"
        assert caught.value.__cause__ is None and caught.value.__context__ is None


# --- only verification makes one ---


def test_a_verified_list_is_made_by_verification_alone() -> None:
    verified = verify(GOOD)
    with pytest.raises(TypeError):
        VerifiedStatusList(URI, verified.anchor, verified.issued_at, None, None, verified.statuses, object())
    for changes in ({"uri": "https://x.example"}, {"uri": "https://x.example", "seal": object()}):
        with pytest.raises((TypeError, ValueError)):  # no seal, or none of ours
            dataclasses.replace(verified, **changes)
    for copying in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            copying(verified)
    with pytest.raises(TypeError):
        type("Wider", (VerifiedStatusList,), {})
    with pytest.raises(AttributeError):
        verified.uri = "https://x.example"  # type: ignore[misc]  # frozen: the point
    assert URI not in repr(verified) and ISSUER not in repr(verified)


def test_a_verified_list_says_only_what_a_status_means() -> None:
    assert [verify(GOOD).statuses[index] for index in range(4)] == [
        Status.VALID,
        Status.INVALID,
        Status.SUSPENDED,
        Status.OTHER,
    ]


@pytest.mark.parametrize("uri", [None, b"", URI.encode(), 1, [URI]], ids=repr)
def test_a_list_is_fetched_from_somewhere(uri: Any) -> None:
    # A token without `sub` is not one for the URI None.
    for subject in (ABSENT, None, URI):
        with pytest.raises(CitizenIDError) as caught:
            verify_status_list(token(claims(sub=subject)), uri=uri, media_type=MEDIA_TYPE, anchors=TRUSTED, now=NOW)
        assert type(caught.value) is CitizenIDError
        assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "uri")


@pytest.mark.parametrize("iss", [7, None, True, [ISSUER], {"id": ISSUER}], ids=repr)
def test_what_names_nobody_is_anybodys(iss: Any) -> None:
    body = token(claims(iss=iss), header(kid=ABSENT))
    ambiguous = Refusal("", b"", VERIFICATION, Reason.KEY_AMBIGUOUS, "status-list", "V2")
    check_refused(ambiguous, lambda: verify(body))


def test_a_payload_that_is_no_json_names_nobody() -> None:
    for kid in (ABSENT, "signer"):
        body = token(b"{", header(kid=kid))
        with pytest.raises(MalformedError) as caught:
            verify(body)
        assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_JSON, "status-list")


@pytest.mark.parametrize("exp", [ABSENT, NOW + 60, NOW + 600])
def test_a_list_ends_with_the_trust_in_its_signer(exp: Any) -> None:
    jwk = {"keys": [{**key().public.to_jwk(), "kid": "signer"}]}
    until = NOW + 300
    trusted = TrustAnchors.from_jwks(ISSUER, jwk, purpose=KeyPurpose.STATUS_LIST, not_after=UnixTime(until))
    ends = verify(token(claims(exp=exp)), anchors=trusted).not_after
    assert ends == (until if exp is ABSENT else min(until, exp))
    assert verify(token(claims(exp=exp))).not_after == (None if exp is ABSENT else exp)
