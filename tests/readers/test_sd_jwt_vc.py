"""SD-JWT VC as a verifier reads it: framing, the processed claims, and what the key binding must say.

Tokens are made by hand (`builders.make`), so that each rule is broken alone in a token that keeps all others. Every
case names the Reason and the step; a case that only says "refused" would pass for the wrong cause.

Spec: RFC 9901 sections 4, 4.3, 7.1, 7.3 and 8; SD-JWT VC section 2; RFC 7515 sections 5.2 and 7.
"""

from __future__ import annotations

import base64 as stdlib_base64
import hashlib
import json
import tracemalloc
from typing import Any

import pytest
from builders import (
    ABSENT,
    AUDIENCE,
    HASHES,
    ISSUER,
    NONCE,
    NOW,
    STATUS_URI,
    VALID_INDEX,
    VCT,
    accepted,
    anchors,
    anchors_for,
    base64url,
    bound,
    challenge,
    digest,
    disclosure,
    dump,
    good_header,
    good_payload,
    issuer_half,
    jws,
    key,
    make,
    raises,
    refused,
    same,
    segment,
    status_claim,
    to_json,
    unbase64url,
    us,
    verify,
)
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    Format,
    Limits,
    MalformedError,
    NeedStatusList,
    Reason,
    Serialization,
    StatusKind,
    StatusReference,
)
from citizenid._limits import MAX_UNIX_TIME
from citizenid._model import thaw
from citizenid.verifier import open_presentation, verify_credential

FLATTENED: dict[str, Any] = {"serialization": Serialization.FLATTENED}
GENERAL: dict[str, Any] = {"serialization": Serialization.GENERAL}


def opened(data: Any, **changes: Any) -> Any:
    (presentation,) = open_presentation(data, **{"format": Format.SD_JWT_VC, **changes})
    return presentation


# --- V1: compact framing ---

GOOD = make(disclosures=(), payload={"_sd": ["decoy"]})
HALF = issuer_half()
A = disclosure("salt-a", "a", 1)
WITH_A = issuer_half(payload={"_sd": [digest(A)]}, disclosures=[A])


def test_a_compact_presentation_is_framed_as_it_was_received() -> None:
    presentation = opened(bound(WITH_A))
    assert presentation.disclosures == (A,)
    assert presentation.issuer_half == WITH_A
    assert presentation.credential.to_be_signed == WITH_A.split(b"~")[0].rpartition(b".")[0]
    assert presentation.binding is not None and presentation.declared_type is None
    assert opened(WITH_A).binding is None


@pytest.mark.parametrize("text", [True, False])
def test_text_and_bytes_give_the_same_verdict(text: bool) -> None:
    data = GOOD.decode() if text else GOOD
    assert accepted(data).attestation.issuer == ISSUER


JWT = HALF[:-1]
HEADER, PAYLOAD, SIGNATURE = JWT.split(b".")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"~", b"~~", b".", b"..", b"...", b"~.~",
        JWT,  # no tilde at all: a JWT is no SD-JWT
        GOOD.replace(b"~", b""), GOOD.replace(b"~", b"\x7e\x7e", 1),
        HALF + b"~", b"~" + HALF, HALF + b"~" + A + b"~", HALF + A + b"~~",
        WITH_A[:-1],  # the last disclosure stands where the key binding belongs
        HEADER + b"~", HEADER + b"." + PAYLOAD + b"~", JWT + b".~", JWT + b"." + SIGNATURE + b"~",
        JWT + b"." + SIGNATURE + b"." + SIGNATURE + b"~",  # five segments are a JWE
        HEADER + b".." + SIGNATURE + b"~", HEADER + b"." + PAYLOAD + b".~",
        HALF + HEADER + b"." + PAYLOAD + b".",
        HALF + b" ", HALF + b"\n", HALF + b"x", HALF + b"\0",
        to_json(GOOD), to_json(GOOD, general=True),
        b"\xa3\x67version\x631.0", b"\xd2\x84\x40\xa0\x40\x40",  # CBOR
        b"\xff\xfe\x00", "\u00e9", "\ud800", "\ud800~",
    ],
)  # fmt: skip
def test_what_is_no_compact_sd_jwt_is_malformed(data: bytes | str) -> None:
    error = raises(Reason.MALFORMED_TOKEN, "V1", lambda: opened(data))
    assert type(error) is MalformedError


def test_an_empty_header_is_no_json() -> None:
    for data in (b"." + PAYLOAD + b"." + SIGNATURE + b"~", HALF + b".."):
        raises(Reason.MALFORMED_JSON, "V1", lambda data=data: opened(data))


class _Text(str):
    __slots__ = ()


class _Bytes(bytes):
    __slots__ = ()


@pytest.mark.parametrize("data", [
    bytearray(GOOD), memoryview(GOOD), _Text(GOOD.decode()), _Bytes(GOOD), None, 5, True, [GOOD], (GOOD,), {"x": GOOD},
    object(), 1.5, {GOOD},
])  # fmt: skip
def test_only_exact_bytes_and_str_are_read(data: Any) -> None:
    for serialization in Serialization:
        raises(Reason.MALFORMED_TOKEN, "V1", lambda s=serialization: opened(data, serialization=s))


@pytest.mark.parametrize("prefix", [b" ", b"\n", b"\t", b"\xef\xbb\xbf", b"\0", b"Bearer ", b"'", b'"'])
def test_nothing_may_stand_before_or_behind(prefix: bytes) -> None:
    refused(prefix + GOOD, Reason.MALFORMED_BASE64, "V1")
    refused(GOOD + prefix, Reason.MALFORMED_BASE64, "V1")


PARTS = ["header", "payload", "signature", "kb header", "kb payload", "kb signature"]


def respelled(position: int, change: Any) -> bytes:
    """Change the spelling of one segment, and sign what was changed, so that the spelling alone can refuse."""
    tokens = []
    half = None
    for which, (header, signer) in enumerate(
        ((good_header(), key("issuer")), ({"alg": "ES256", "typ": "kb+jwt"}, key("holder")))
    ):
        claims = good_payload() if half is None else {
            "iat": NOW, "aud": AUDIENCE, "nonce": NONCE, "sd_hash": digest(half),
        }  # fmt: skip
        segments = [segment(header), segment(claims)]
        local = position - 3 * which
        if local in (0, 1):
            segments[local] = change(segments[local])
        to_be_signed = b".".join(segments)
        signature = base64url(signer.sign(to_be_signed))
        tokens.append(to_be_signed + b"." + (change(signature) if local == 2 else signature))
        half = tokens[0] + b"~"
    return b"~".join(tokens)


def test_the_tool_of_the_next_tests_makes_good_tokens() -> None:
    accepted(respelled(0, lambda text: text))


STRAY = {2: b"AQgw", 3: b"AEIMQUYcgkosw048"}  # last characters without stray bits, by length modulo 4


def with_stray_bits(text: bytes) -> bytes:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert text[-1:] in STRAY[len(text) % 4] if len(text) % 4 else True
    return text[:-1] + bytes([alphabet[alphabet.index(text[-1]) + 1]])


@pytest.mark.parametrize("position", range(6), ids=PARTS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + b"=", lambda text: text + b"==", lambda text: text + b"====", lambda text: text + b" ",
        lambda text: text + b"\n", lambda text: text[:5] + b"\n" + text[5:], lambda text: text[:5] + b"!" + text[5:],
        lambda text: text[:5] + b"\0" + text[5:], lambda text: text[:5] + "\u00e9".encode() + text[5:],
        lambda text: b"+" + text[1:], lambda text: text[:-2] + b"/" + text[-1:],
        lambda text: text[:8] + b"=" + text[8:],
        lambda text: text[: len(text) // 4 * 4] + b"A", lambda text: text[: len(text) // 4 * 4] + b"====A",
    ],
)  # fmt: skip
def test_every_segment_is_canonical_base64url_though_it_was_signed_as_it_is(position: int, change: Any) -> None:
    refused(respelled(position, change), Reason.MALFORMED_BASE64, "V1")


@pytest.mark.parametrize("position", range(6), ids=PARTS)
def test_stray_bits_in_the_last_character_are_refused(position: int) -> None:
    def change(text: bytes) -> bytes:
        if len(text) % 4 == 0:  # white space in the JSON makes the length leave a rest
            text = base64url(unbase64url(text) + b" ")
        return with_stray_bits(text)

    refused(respelled(position, change), Reason.MALFORMED_BASE64, "V1")


# --- V1: headers ---


@pytest.mark.parametrize("alg", [
    "none", "None", "nOnE", "HS256", "HS384", "HS512", "RS256", "RS512", "PS256", "RS1", "ES256K", "ES", "es256",
    "ES256 ",
    " ES256", "ES256\0", "Ed449", "Ed256", "EDDSA", "ed25519", "ML-DSA-45", "ml-dsa-44", "ESP256", "PBES2-HS256+A128KW",
    "dir", "A128GCM", "", -7, 7, True, False, None, ["ES256"], {"ES256": 1}, 1.5, ABSENT, "\u0415S256",
])  # fmt: skip
def test_an_algorithm_outside_the_closed_list_is_refused_in_both_tokens(alg: Any) -> None:
    refused(make({"alg": alg}), Reason.ALGORITHM_NOT_ALLOWED, "V1")
    refused(make(kb_header={"alg": alg}), Reason.ALGORITHM_NOT_ALLOWED, "V1")


def test_alg_none_with_an_empty_signature_is_refused() -> None:
    for signature in (lambda _: b"", lambda _: b"\0"):
        refused(make({"alg": "none"}, sign=signature), Reason.ALGORITHM_NOT_ALLOWED, "V1")
        refused(make(kb_header={"alg": "none"}, kb_sign=signature), Reason.ALGORITHM_NOT_ALLOWED, "V1")
    refused(make(sign=lambda _: b""), Reason.MALFORMED_TOKEN, "V1")
    refused(make(kb_sign=lambda _: b""), Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize("crit", [["urn:x"], [], "b64", {}, None, [5], ["b64", "b64"], ["alg"], ["exp"], ["kid"], True])
def test_no_critical_extension_is_understood(crit: Any) -> None:
    for further in ({}, {"urn:x": 1}):
        refused(make({"crit": crit, **further}), Reason.CRIT_UNSUPPORTED, "V1")
        refused(make(kb_header={"crit": crit, **further}), Reason.CRIT_UNSUPPORTED, "V1")


@pytest.mark.parametrize(
    "value", ["https://x.example/k", "file:///etc/passwd", "http://169.254.169.254/", None, 1, "", []]
)
@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "b64"])
def test_a_header_that_supplies_a_key_or_changes_the_payload_is_refused(name: str, value: Any) -> None:
    refused(make({name: value}), Reason.HEADER_FORBIDDEN, "V1")
    refused(make(kb_header={name: value}), Reason.HEADER_FORBIDDEN, "V1")


def test_the_key_of_an_attacker_in_the_header_is_refused() -> None:
    attacker = key("attacker")
    for name, value in (
        ("jwk", dict(attacker.public.to_jwk())),
        ("jku", "https://x.example"),
        ("b64", False),
        ("b64", True),
    ):
        refused(make({name: value}, signer=attacker), Reason.HEADER_FORBIDDEN, "V1")
        refused(make(kb_header={name: value}, kb_signer=attacker), Reason.HEADER_FORBIDDEN, "V1")


@pytest.mark.parametrize("kid", [5, None, True, ["k1"], {"k1": 1}, 1.0, "k" * 256])
def test_a_kid_is_a_short_text(kid: Any) -> None:
    refused(make({"kid": kid}), Reason.HEADER_INVALID, "V1")
    refused(make(kb_header={"kid": kid}), Reason.HEADER_INVALID, "V1")


@pytest.mark.parametrize("typ", [5, None, True, ["dc+sd-jwt"], {"dc+sd-jwt": 1}])
def test_a_typ_that_is_no_text_is_refused_in_form(typ: Any) -> None:
    refused(make({"typ": typ}), Reason.HEADER_INVALID, "V1")
    refused(make(kb_header={"typ": typ}), Reason.HEADER_INVALID, "V1")


@pytest.mark.parametrize("typ", [
    ABSENT, "", "JWT", "at+jwt", "kb+jwt", "statuslist+jwt", "dpop+jwt", "application/dc+sd-jwt", "DC+SD-JWT",
    "dc+sd-jwt ",
    "dc+sd-jwt;x=1", "vc+sd-jwt", "example+sd-jwt", "sd-jwt", "dc+sd\u2010jwt",
])  # fmt: skip
def test_the_typ_of_the_credential_has_one_spelling(typ: Any) -> None:
    refused(make({"typ": typ}), Reason.TYP_MISMATCH, "V4")


@pytest.mark.parametrize("typ", [
    ABSENT, "", "JWT", "dc+sd-jwt", "statuslist+jwt", "application/kb+jwt", "KB+JWT", "kb+jwt ", "kb+jwt;x=1",
])  # fmt: skip
def test_the_typ_of_the_key_binding_has_one_spelling(typ: Any) -> None:
    refused(make(kb_header={"typ": typ}), Reason.TYP_MISMATCH, "V7")


STRICT_JSON = [
    (b"", Reason.MALFORMED_TOKEN), (b"[]", Reason.MALFORMED_JSON), (b"null", Reason.MALFORMED_JSON),
    (b'"text"', Reason.MALFORMED_JSON), (b"5", Reason.MALFORMED_JSON), (b"[{}]", Reason.MALFORMED_JSON),
    (b"%s%s", Reason.MALFORMED_JSON), (b"%s,", Reason.MALFORMED_JSON), (b"%s/*c*/", Reason.MALFORMED_JSON),
    (b"\xef\xbb\xbf%s", Reason.MALFORMED_JSON), (b"%s\0", Reason.MALFORMED_JSON), (b"{%s}", Reason.MALFORMED_JSON),
    (b"{'a':1}", Reason.MALFORMED_JSON), (b'{"a":1,}', Reason.MALFORMED_JSON), (b'{"a":NaN}', Reason.MALFORMED_JSON),
    (b'{"a":Infinity}', Reason.MALFORMED_JSON), (b'{"a":-Infinity}', Reason.MALFORMED_JSON),
    (b'{"a":1e400}', Reason.MALFORMED_JSON), (b'{"a":[-1e999]}', Reason.MALFORMED_JSON), (b'{"a":01}',
    Reason.MALFORMED_JSON),
    (b'{"a":+1}', Reason.MALFORMED_JSON), (b'{"a":0x1}', Reason.MALFORMED_JSON), (b'{"a":1_0}', Reason.MALFORMED_JSON),
    (b'{"a":"\xff"}', Reason.MALFORMED_JSON), (b'{"a":"\xc0\xaf"}', Reason.MALFORMED_JSON),
    (b'{"a":"\xed\xa0\x80"}', Reason.MALFORMED_JSON), (b'{"a":"\\ud800"}', Reason.MALFORMED_JSON),
    (b'{"a":"\n"}', Reason.MALFORMED_JSON), (b'{"a":"\\x41"}', Reason.MALFORMED_JSON), (b"{", Reason.MALFORMED_JSON),
    (b'{"a":1,"a":1}', Reason.DUPLICATE_MEMBER), (b'{"a":1,"\\u0061":2}', Reason.DUPLICATE_MEMBER),
    (b'{"x":[{"a":1,"a":2}]}', Reason.DUPLICATE_MEMBER), (b'{"":1,"":2}', Reason.DUPLICATE_MEMBER),
    (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", Reason.DEPTH_EXCEEDED), (b'{"a":' * 2_000, Reason.DEPTH_EXCEEDED),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "reason"), STRICT_JSON)
def test_the_signed_payload_is_strict_json(raw: bytes, reason: Reason) -> None:
    text = raw.replace(b"%s", dump(good_payload()))
    refused(make(payload=text), reason, "V1" if not raw else "V4")


@pytest.mark.parametrize(("raw", "reason"), STRICT_JSON[1:])
def test_the_header_is_strict_json(raw: bytes, reason: Reason) -> None:
    refused(make(raw.replace(b"%s", dump(good_header()))), reason, "V1")


@pytest.mark.parametrize(("raw", "reason"), STRICT_JSON)
def test_the_payload_of_the_key_binding_is_strict_json(raw: bytes, reason: Reason) -> None:
    refused(make(kb=raw.replace(b"%s", b'{"nonce":1}')), reason, "V1" if not raw else "V7")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_only_utf_8_is_read(encoding: str) -> None:
    refused(make(payload=dump(good_payload()).decode().encode(encoding)), Reason.MALFORMED_JSON, "V4")
    refused(make(dump(good_header()).decode().encode(encoding)), Reason.MALFORMED_JSON, "V1")


@pytest.mark.parametrize(("old", "new"), [(b'"exp":', b'"exp":1,"exp":'), (b'"vct":', b'"vc\\u0074":"x","vct":')])
def test_a_control_claim_twice_is_refused_whichever_comes_first(old: bytes, new: bytes) -> None:
    refused(make(payload=dump(good_payload()).replace(old, new)), Reason.DUPLICATE_MEMBER, "V4")
    refused(make(dump(good_header()).replace(b'"alg":', b'"alg":"none","alg":')), Reason.DUPLICATE_MEMBER, "V1")


def test_white_space_order_and_escapes_inside_the_signed_bytes_are_free() -> None:
    payload = {"further": 1000, **good_payload()}
    spelled = json.dumps(payload, indent=2).replace('"vct"', '"\\u0076ct"').replace("1000", "1e3").encode()
    assert accepted(make(payload=spelled)).attestation.claims["further"] == 1000.0


def test_cty_does_not_make_a_nested_token_of_the_payload() -> None:
    refused(make({"cty": "JWT"}, payload=HALF[:-1]), Reason.MALFORMED_JSON, "V4")
    assert accepted(make({"cty": "JWT", "unknown": {"x": 1}})).format is Format.SD_JWT_VC


# --- V1: the JSON serialisations (RFC 9901 section 8) ---


@pytest.mark.parametrize("general", [False, True])
def test_the_json_forms_say_what_the_compact_form_says(general: bool) -> None:
    compact = bound(WITH_A)
    written = to_json(compact, general=general)
    verified = accepted(written, **(GENERAL if general else FLATTENED))
    assert same(verified.attestation.claims, accepted(compact).attestation.claims)
    assert opened(written, **(GENERAL if general else FLATTENED)) == opened(compact)  # sd_hash over the rebuilt form


@pytest.mark.parametrize("data", [GOOD, b"", b"[]", b"null", b'"x"', b"{", b"\xff", to_json(GOOD) + b"x"])
def test_what_is_no_json_is_refused_by_the_json_entries(data: bytes) -> None:
    refused(data, Reason.MALFORMED_JSON, "V1", **FLATTENED)
    refused(data, Reason.MALFORMED_JSON, "V1", **GENERAL)


def test_each_entry_takes_its_own_form_alone() -> None:
    refused(to_json(GOOD), Reason.MALFORMED_TOKEN, "V1", **GENERAL)
    refused(to_json(GOOD, general=True), Reason.MALFORMED_TOKEN, "V1", **FLATTENED)
    refused(to_json(GOOD), Reason.MALFORMED_TOKEN, "V1")
    both = {**json.loads(to_json(GOOD)), **json.loads(to_json(GOOD, general=True))}
    refused(dump(both), Reason.MALFORMED_TOKEN, "V1", **FLATTENED)
    refused(dump(both), Reason.MALFORMED_TOKEN, "V1", **GENERAL)
    for name in ("signature", "protected", "header"):  # each belongs to the other form: which one is it?
        mixed = json.loads(to_json(GOOD, general=True)) | {name: json.loads(to_json(GOOD))[name]}
        refused(dump(mixed), Reason.MALFORMED_TOKEN, "V1", **GENERAL)


@pytest.mark.parametrize("changes", [
    {"disclosures": None}, {"disclosures": "x"}, {"disclosures": {}}, {"disclosures": [1]}, {"disclosures": [None]},
    {"disclosures": [[A.decode()]]}, {"disclosures": [""]}, {"disclosures": [A.decode() + "~"]},
    {"disclosures": ["a.b"]},
    {"disclosures": ["\u00e9"]}, {"kb_jwt": None}, {"kb_jwt": ""}, {"kb_jwt": 5}, {"kb_jwt": []}, {"kb_jwt": "a.b"},
    {"kb_jwt": "~"}, {"kb_jwt": "a.b.c~"}, {"kb_jwt": "\u00e9.a.b"}, {"alg": "ES256"}, {"alg": "none"},
    {"typ": "dc+sd-jwt"},
    {"crit": ["x"]}, {"b64": False}, {"kid": "k1"},
])  # fmt: skip
@pytest.mark.parametrize("general", [False, True])
def test_the_unprotected_header_has_one_shape(changes: dict[str, Any], general: bool) -> None:
    # Names that stand in the protected header too make two of one header (RFC 7515 section 5.2 step 4).
    data = to_json(bound(WITH_A), general=general, **changes)
    refused(data, Reason.MALFORMED_TOKEN, "V1", **(GENERAL if general else FLATTENED))


@pytest.mark.parametrize("name", ["jku", "x5u"])
@pytest.mark.parametrize("value", ["https://attacker.example/keys", "", None, ["https://id.example"]])
@pytest.mark.parametrize("general", [False, True])
def test_no_header_says_where_to_get_a_key_whether_it_is_signed_or_not(name: str, value: Any, general: bool) -> None:
    data = to_json(bound(WITH_A), general=general, **{name: value})
    refused(data, Reason.HEADER_FORBIDDEN, "V1", **(GENERAL if general else FLATTENED))


@pytest.mark.parametrize("name", ["protected", "payload", "signature"])
@pytest.mark.parametrize("value", [None, 5, "", "a.b", "~", "\u00e9", [], {}, ABSENT, True])
@pytest.mark.parametrize("general", [False, True])
def test_each_member_of_a_json_form_is_a_base64url_text(name: str, value: Any, general: bool) -> None:
    document = json.loads(to_json(GOOD, general=general))
    holder = document if name == "payload" or not general else document["signatures"][0]
    if value is ABSENT:
        del holder[name]
    else:
        holder[name] = value
    reason = Reason.MALFORMED_JSON if name == "protected" and value == "" else Reason.MALFORMED_TOKEN
    refused(dump(document), reason, "V1", **(GENERAL if general else FLATTENED))


@pytest.mark.parametrize("header", [None, 5, [], "x", True])
def test_an_unprotected_header_that_is_no_object_is_refused(header: Any) -> None:
    document = json.loads(to_json(GOOD))
    document["header"] = header
    refused(dump(document), Reason.MALFORMED_TOKEN, "V1", **FLATTENED)


def test_without_an_unprotected_header_there_is_neither_disclosure_nor_binding() -> None:
    document = json.loads(to_json(HALF))
    del document["header"]
    refused(dump(document), Reason.KEY_BINDING_MISSING, "V7", **FLATTENED)


@pytest.mark.parametrize("signatures", [[], None, {}, "x", [None], [[]], ["x"], [5]])
def test_the_signatures_of_the_general_form_are_objects(signatures: Any) -> None:
    document = json.loads(to_json(GOOD, general=True))
    document["signatures"] = signatures
    refused(dump(document), Reason.MALFORMED_TOKEN, "V1", **GENERAL)


@pytest.mark.parametrize("other", [None, [], ["x"], "x", 5, {"header": None}, {"header": []}, {"header": "x"}])
def test_every_further_signature_is_an_object_too(other: Any) -> None:
    document = json.loads(to_json(GOOD, general=True))
    accepted(dump({**document, "signatures": [*document["signatures"], {}, {"header": {}}]}), **GENERAL)
    refused(dump({**document, "signatures": [*document["signatures"], other]}), Reason.MALFORMED_TOKEN, "V1", **GENERAL)


def test_an_issuer_need_not_name_himself() -> None:
    # SD-JWT VC section 2.2.2.3: iss is optional. Who he is, his key says.
    assert accepted(make(payload={"iss": ABSENT})).attestation.issuer == ISSUER


def test_of_several_signatures_the_first_counts_and_no_other() -> None:
    # RFC 9901 section 8.3. A valid second one does not help an invalid first, nor the other way round.
    good = json.loads(to_json(GOOD, general=True))
    bad = json.loads(to_json(GOOD, general=True))
    forged = jws(good_header(), b"x", key("attacker")).split(b".")[2].decode()
    other = {"protected": good["signatures"][0]["protected"], "signature": forged}
    bad["signatures"] = [{**good["signatures"][0], "signature": forged}, good["signatures"][0] | {"header": {}}]
    refused(dump(bad), Reason.SIGNATURE_INVALID, "V3", **GENERAL)
    accepted(dump({**good, "signatures": [good["signatures"][0], other]}), **GENERAL)


@pytest.mark.parametrize("header", [{"disclosures": []}, {"disclosures": [A.decode()]}, {"kb_jwt": "a.b.c"}])
def test_only_the_first_signature_carries_disclosures_and_a_key_binding(header: dict[str, Any]) -> None:
    # RFC 9901 section 8.3: they MUST NOT stand in any following unprotected header.
    good = json.loads(to_json(GOOD, general=True))
    second = {"protected": good["signatures"][0]["protected"], "signature": "AAAA", "header": header}
    refused(dump({**good, "signatures": [*good["signatures"], second]}), Reason.MALFORMED_TOKEN, "V1", **GENERAL)


def test_duplicate_members_of_the_envelope_are_refused() -> None:
    data = to_json(GOOD).replace(b'"payload":', b'"payload":"AAAA","payload":')
    refused(data, Reason.DUPLICATE_MEMBER, "V1", **FLATTENED)
    refused(to_json(GOOD, x=[[[[]]]]), Reason.DEPTH_EXCEEDED, "V1", limits=Limits(depth=4), **FLATTENED)


def test_disclosures_in_the_protected_header_are_none() -> None:
    data = make({"disclosures": [A.decode()]}, {"_sd": [digest(A)]})
    assert "a" not in accepted(data).attestation.claims


# --- bounds ---


def test_the_number_of_disclosures_is_bounded() -> None:
    limits = Limits(disclosures=3)
    texts = [disclosure("s", f"n{index}", index) for index in range(4)]
    payload = {"_sd": [digest(text) for text in texts]}
    accepted(make(payload=payload, disclosures=texts[:3]), limits=limits)
    for data, changes in (
        (make(payload=payload, disclosures=texts), {}),
        (to_json(make(payload=payload, disclosures=texts)), FLATTENED),
    ):
        refused(data, Reason.LIMIT_EXCEEDED, "V1", limits=limits, **changes)


def test_the_size_of_a_presentation_is_bounded_to_the_byte() -> None:
    accepted(GOOD, limits=Limits(presentation_bytes=len(GOOD)))
    refused(GOOD, Reason.INPUT_TOO_LARGE, "V1", limits=Limits(presentation_bytes=len(GOOD) - 1))
    refused(GOOD.decode(), Reason.INPUT_TOO_LARGE, "V1", limits=Limits(presentation_bytes=len(GOOD) - 1))
    written = to_json(GOOD)
    accepted(written, limits=Limits(presentation_bytes=len(written)), **FLATTENED)
    refused(written, Reason.INPUT_TOO_LARGE, "V1", limits=Limits(presentation_bytes=len(written) - 1), **FLATTENED)


def test_the_bound_of_a_text_is_one_of_bytes() -> None:
    # What nobody reads may be any text: in a JSON form it would be a multiple of the bound.
    written = to_json(GOOD)[:-1] + b',"rfu":"' + "\u00e9\U0001f600".encode() * 100 + b'"}'
    assert len(written.decode()) < len(written) - 300
    for data in (written, written.decode()):
        accepted(data, limits=Limits(presentation_bytes=len(written)), **FLATTENED)
        refused(data, Reason.INPUT_TOO_LARGE, "V1", limits=Limits(presentation_bytes=len(written) - 1), **FLATTENED)


def test_the_size_of_a_header_is_bounded_to_the_byte() -> None:
    size = len(HEADER)
    accepted(make(kb_header={"x": "y"}), limits=Limits(header_bytes=size))
    refused(make(), Reason.INPUT_TOO_LARGE, "V1", limits=Limits(header_bytes=size - 1))
    refused(make(kb_header={"x": "y" * size}), Reason.INPUT_TOO_LARGE, "V1", limits=Limits(header_bytes=size))


def test_the_depth_of_claims_is_bounded() -> None:
    def nested(depth: int) -> dict[str, Any]:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        return {"deep": value}

    accepted(make(payload=nested(31)))
    refused(make(payload=nested(32)), Reason.DEPTH_EXCEEDED, "V4")
    refused(make(payload=nested(5)), Reason.DEPTH_EXCEEDED, "V4", limits=Limits(depth=5))


@pytest.mark.parametrize("name", ["aka_vcts", "vct#integrity", "status", "credentialStatus", "cnf", "iss"])
def test_the_depth_of_what_the_profile_itself_reads_is_bounded(name: str) -> None:
    value: Any = 1
    for _ in range(32):
        value = [value]
    refused(make(payload={name: value}), Reason.DEPTH_EXCEEDED, "V4")
    refused(make(payload={name: {"n": value[0]}}), Reason.DEPTH_EXCEEDED, "V4")


def test_the_number_of_digests_is_bounded() -> None:
    payload = {"_sd": [f"decoy-{index}" for index in range(10)]}
    accepted(make(payload=payload), limits=Limits(digests=10))
    refused(make(payload=payload), Reason.LIMIT_EXCEEDED, "V4", limits=Limits(digests=9))


TEN_MEGABYTES = 10_000_000


@pytest.mark.parametrize("serialization", list(Serialization))
@pytest.mark.parametrize("unit", [b"a", b"~", b".", b"{", b'"', b"[", b"\0", b"\xff", GOOD + b"~", b'{"a":1,'])
def test_ten_megabytes_are_refused_without_a_copy(unit: bytes, serialization: Serialization) -> None:
    data = (unit * (TEN_MEGABYTES // len(unit) + 1))[:TEN_MEGABYTES]
    for hostile in (data, data.decode("latin-1")):
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            refused(hostile, Reason.INPUT_TOO_LARGE, "V1", serialization=serialization)
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        assert peak <= 65_536


# --- V4: claims ---


def test_a_good_credential_reads_as_what_it_says() -> None:
    payload = {
        "nationalities": ["US", "DE"], "citizenships": ["US"], "nbf": NOW - 30, "sub": "person", "given_name": "Ada",
        "assurance": {"framework": "eIDAS", "level": "high"}, "aud": [AUDIENCE],
    }  # fmt: skip
    attestation = accepted(make(payload=payload)).attestation
    assert (attestation.type, attestation.issuer) == (VCT, ISSUER)
    assert thaw(attestation.claims) == {
        "nationalities": ["US", "DE"], "citizenships": ["US"], "sub": "person", "given_name": "Ada",
    }  # fmt: skip
    validity = attestation.validity
    assert (validity.issued_at, validity.not_before, validity.not_after) == (NOW - 60, NOW - 30, NOW + 30 * 86_400)
    assert attestation.holder_key == key("holder").public
    assert [(each.uri, each.index) for each in attestation.status] == [(STATUS_URI, VALID_INDEX)]
    assert attestation.assurance is not None and attestation.assurance.level == "high"
    assert attestation.citizenship.nationalities == us("US", "DE")
    assert attestation.citizenship.citizenships == us("US")


NO_TEXT = [5, "", None, [VCT], {}, True, 1.5]
NO_TIME = [
    "9999999999", " 9999999999 ", "9_999_999_999", "\u0669\u0669\u0669", True, False, None, 1.5, 2e9, -1, -0.0, 1e3,
    MAX_UNIX_TIME + 1, 2**63, 2**64, 10**400, [], {}, [NOW], {"x": 1},
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("vct", ABSENT, Reason.CLAIM_MISSING),
        ("exp", ABSENT, Reason.CLAIM_MISSING),
        *[("vct", value, Reason.CLAIM_INVALID) for value in NO_TEXT],
        *[("iss", value, Reason.CLAIM_INVALID) for value in NO_TEXT],
        *[(name, value, Reason.CLAIM_INVALID) for name in ("exp", "nbf", "iat") for value in NO_TIME],
        ("nbf", NOW + 30 * 86_400, Reason.CLAIM_INVALID),  # not before the end
        ("iat", NOW + 30 * 86_400, Reason.CLAIM_INVALID),
        ("exp", NOW - 60, Reason.CLAIM_INVALID),
        *[("aud", value, Reason.CLAIM_INVALID) for value in (5, None, {}, {"aud": AUDIENCE}, [5], [AUDIENCE, None],
        True)],
        # status (Token Status List section 6.2)
        *[("status", value, Reason.CLAIM_INVALID) for value in (None, [], {}, "x", 5, [status_claim(1)])],
        *[("status", value, Reason.STATUS_MECHANISM_UNKNOWN) for value in (
            {"identifier_list": {}}, {"x": 1}, {**status_claim(1), "identifier_list": {}}, {"STATUS_LIST": {}}, {"": 1},
        )],
        *[("status", {"status_list": value}, Reason.CLAIM_INVALID) for value in (
            None, [], {}, "x", {"idx": 1}, {"uri": STATUS_URI}, [1, STATUS_URI],
        )],
        *[("status", status_claim(index), Reason.CLAIM_INVALID) for index in (
            True, False, None, "1", 1.0, -1, 2**32, 2**64, [1], {}, -0.0,
        )],
        *[("status", status_claim(1, uri), Reason.CLAIM_INVALID) for uri in ("", None, 5, [STATUS_URI], "u" * 2_049)],
        # assurance
        *[("assurance", value, Reason.CLAIM_INVALID) for value in (
            None, "high", {}, [], {"framework": "f"}, {"level": "l"}, {"framework": "f", "level": "l", "x": 1},
            {"framework": "f", "level": 5}, {"framework": "", "level": "l"}, {"framework": "f", "level": "l" * 65},
            {"framework": None, "level": "l"},
        )],
        # when the evidence was checked
        *[("evidence_checked_at", value, Reason.CLAIM_INVALID) for value in NO_TIME],
        ("evidence_checked_at", NOW - 60 + 31, Reason.CLAIM_INVALID),  # after iat by more than the skew
        # citizenship: distinct ISO 3166-1 alpha-2 codes and nothing that looks like one
        *[(name, value, Reason.COUNTRY_INVALID) for name in ("nationalities", "citizenships") for value in (
            None, "US", {}, {"0": "US"}, 5, True, [5], [None], [["US"]], [{"US": 1}], ["us"], ["Us"], ["USA"],
            ["US "], [" US"],
            [""], ["XX"], ["EU"], ["UK"], ["XK"], ["ZZ"], ["US", "US"], ["U\u0405"], ["\uff35\uff33"], ["US\0"], ["D"],
            ["US", "DE", "US"], ["XXA"], ["UNO"], ["Atlantis"], ["QU"] * 33,
        )],
        *[("nationalities_complete", value, Reason.CLAIM_INVALID) for value in ("true", 1, 0, None, [], {}, 1.0)],
    ],
)  # fmt: skip
def test_a_claim_of_another_type_or_range_is_refused(name: str, value: Any, reason: Reason) -> None:
    refused(make(payload={name: value}), reason, "V4")


@given(st.integers(0, NOW - 30))
def test_when_the_evidence_was_checked_is_read_in_our_type_and_is_no_claim(checked_at: int) -> None:
    attestation = accepted(make(payload={"evidence_checked_at": checked_at, "x": 1})).attestation
    assert attestation.evidence_at == checked_at
    assert thaw(attestation.claims) == {"nationalities": ["US"], "x": 1}


def test_when_the_evidence_was_checked_may_be_withheld() -> None:
    assert accepted(make()).attestation.evidence_at is None
    text = disclosure("salt", "evidence_checked_at", NOW - 600)
    hidden = {"_sd": [digest(text)]}
    assert accepted(make(payload=hidden)).attestation.evidence_at is None
    shown = accepted(make(payload=hidden, disclosures=[text])).attestation
    assert shown.evidence_at == NOW - 600 and "evidence_checked_at" not in shown.claims
    for value in (True, str(NOW), NOW - 29, None):
        text = disclosure("salt", "evidence_checked_at", value)
        refused(make(payload={"_sd": [digest(text)]}, disclosures=[text]), Reason.CLAIM_INVALID, "V4")


def test_an_iat_that_is_withheld_or_not_there_is_no_measure_of_the_evidence() -> None:
    # V6 looks at `now` in any case.
    for iat in ({"iat": ABSENT}, {"iat": ABSENT, "_sd": [digest(disclosure("salt", "iat", NOW - 60))]}):
        for checked_at in (NOW, NOW + 30):
            stated = accepted(make(payload={**iat, "evidence_checked_at": checked_at})).attestation
            assert (stated.evidence_at, stated.validity.issued_at) == (checked_at, None)
        refused(make(payload={**iat, "evidence_checked_at": NOW + 31}), Reason.ISSUED_IN_FUTURE, "V6")


@pytest.mark.parametrize("value", [NOW - 600, True, None, "last week", NOW + 10_000, {"a": [1]}])
@pytest.mark.parametrize("vct", ["urn:eudi:pid:1", VCT + "0", "https://other.example/citizenship"])
def test_in_a_type_of_others_a_time_of_evidence_is_a_claim_like_any_other(vct: str, value: Any) -> None:
    data = make(payload={"vct": vct, "evidence_checked_at": value})
    trusted = anchors_for(key("issuer").public, types=[vct])
    attestation = accepted(data, anchors=trusted).attestation
    assert attestation.evidence_at is None
    assert thaw(attestation.claims)["evidence_checked_at"] == value


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1E+999"])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat", "anything"])
def test_a_number_that_is_none_is_no_json(name: str, value: bytes) -> None:
    raw = dump(good_payload() | {name: "VALUE"}).replace(b'"VALUE"', value)
    refused(make(payload=raw), Reason.MALFORMED_JSON, "V4")


@pytest.mark.parametrize(
    "name", ["iss", "aud", "exp", "nbf", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "credentialStatus"]
)
def test_a_control_claim_that_comes_as_a_disclosure_is_refused(name: str) -> None:
    others = {"aud": AUDIENCE, "nbf": NOW - 30, "aka_vcts": ["x"], "vct#integrity": "x", "credentialStatus": entry()}
    value = {**good_payload(), **others}[name]
    text = disclosure("salt", name, value)
    payload = {name: ABSENT, "_sd": [digest(text)]}
    refused(make(payload=payload, disclosures=[text]), Reason.CLAIM_NOT_DISCLOSABLE, "V4")


@pytest.mark.parametrize(
    ("name", "reason", "step"),
    [
        ("exp", Reason.CLAIM_MISSING, "V4"), ("vct", Reason.CLAIM_MISSING, "V4"),
        ("cnf", Reason.HOLDER_KEY_MISSING, "V7"), ("status", Reason.STATUS_MISSING, "V9"),
    ],
)  # fmt: skip
def test_a_control_claim_that_is_withheld_is_missing(name: str, reason: Reason, step: str) -> None:
    text = disclosure("salt", name, good_payload()[name])
    refused(make(payload={name: ABSENT, "_sd": [digest(text)]}), reason, step)


# --- V4: credentialStatus (Bitstring Status List section 2.1) ---

LIST_URI = "https://id.example/bits/1"


def entry(index: Any = "7", purpose: Any = "revocation", uri: Any = LIST_URI, **changes: Any) -> dict[str, Any]:
    good = {"type": "BitstringStatusListEntry", "statusPurpose": purpose, "statusListIndex": index}
    members = {**good, "statusListCredential": uri, **changes}
    return {name: value for name, value in members.items() if value is not ABSENT}


def bits(index: int, purpose: str = "revocation", uri: str = LIST_URI) -> StatusReference:
    return StatusReference(uri, index, StatusKind.BITSTRING, purpose=purpose)


def references(**payload: Any) -> tuple[StatusReference, ...]:
    (presentation,) = open_presentation(make(payload=payload), format=Format.SD_JWT_VC)
    return verify_credential(presentation, anchors=anchors(), now=NOW).attestation.status


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        (entry(), [bits(7)]),
        (entry("0"), [bits(0)]),
        (entry("4294967295", "suspension"), [bits(2**32 - 1, "suspension")]),
        ([entry()], [bits(7)]),
        ([entry("1"), entry("2", "suspension")], [bits(1), bits(2, "suspension")]),
        (entry(id="https://id.example/bits/1#7", statusSize=1, statusReference="urn:x", more=[1]), [bits(7)]),
        (entry(id=None), [bits(7)]),
    ],
)
def test_an_entry_of_a_bitstring_list_is_a_reference(stated: Any, read: list[StatusReference]) -> None:
    assert references(status=ABSENT, credentialStatus=stated) == tuple(read)


def test_both_mechanisms_are_two_references_and_both_must_say_valid() -> None:
    listed = StatusReference(STATUS_URI, VALID_INDEX)
    assert references(credentialStatus=entry()) == (listed, bits(7))
    assert references(credentialStatus=[entry()]) == (listed, bits(7))
    # The first list is at hand and says valid; the other one is needed, whatever the first one says.
    assert verify(make(payload={"credentialStatus": entry()})) == NeedStatusList(LIST_URI)


def test_what_says_where_a_status_stands_is_no_claim_of_the_person() -> None:
    (presentation,) = open_presentation(make(payload={"credentialStatus": entry()}), format=Format.SD_JWT_VC)
    claims = verify_credential(presentation, anchors=anchors(), now=NOW).attestation.claims
    assert "credentialStatus" not in claims
    # Deeper down it is data.
    assert "credentialStatus" in accepted(make(payload={"x": {"credentialStatus": "y"}})).attestation.claims["x"]


@pytest.mark.parametrize(
    "stated",
    [
        *(entry(type=kind) for kind in (
            ABSENT, None, "StatusList2021Entry", "RevocationList2020Status", "bitstringstatuslistentry", "",
            "BitstringStatusListEntry ", ["BitstringStatusListEntry"], "BitstringStatusListCredential", 1,
        )),
        {"type": "RevocationList2020Status", "revocationListIndex": "7", "revocationListCredential": LIST_URI},
        {},
        *(entry(purpose=purpose) for purpose in ("refresh", "message", "", "Revocation", "revocation ", "urn:x")),
        *(entry(statusSize=size) for size in (0, 2, 8, -1, True, 1.0, "1", None, [1])),
        entry(statusMessage=[{"status": "0x0", "message": "a"}, {"status": "0x1", "message": "b"}]),
        entry(statusMessage=None),
        [entry(), entry(purpose="message")],
        [entry(), {"type": "X"}],
    ],
)  # fmt: skip
def test_a_mechanism_that_cannot_be_asked_refuses_the_credential(stated: Any) -> None:
    for beside in (ABSENT, status_claim(VALID_INDEX)):
        payload = {"credentialStatus": stated, "status": beside}
        if beside is ABSENT or type(stated) is dict:
            refused(make(payload=payload), Reason.STATUS_MECHANISM_UNKNOWN, "V4")


@pytest.mark.parametrize(
    "stated",
    [
        None, "x", 7, True, [], [[entry()]], [None], [entry(), None], [entry(), "x"],
        *(entry(purpose=purpose) for purpose in (ABSENT, None, 1, True, ["revocation"], [], {})),
        *(entry(index) for index in (
            ABSENT, None, 7, 7.0, True, False, "", "-1", "+7", " 7", "7 ", "7\n", "07", "00", "0x7", "7.0", "1e1",
            "1_0", "\u0667", "1\u0667", "\uff17", "\u00b2", "4294967296", "99999999999", "1" * 5_000, ["7"], {},
        )),
        *(entry(uri=uri) for uri in (ABSENT, None, "", 7, [LIST_URI], {"id": LIST_URI}, "u" * 2_049)),
        entry(id=LIST_URI),
    ],
)  # fmt: skip
def test_an_entry_of_another_form_is_refused(stated: Any) -> None:
    refused(make(payload={"credentialStatus": stated, "status": ABSENT}), Reason.CLAIM_INVALID, "V4")


def test_a_credential_has_two_references_at_most() -> None:
    for payload in (
        {"credentialStatus": [entry(), entry("8")]},
        {"credentialStatus": [entry()] * 3, "status": ABSENT},
        {"credentialStatus": [{"type": "X"}] * 3, "status": ABSENT},
    ):
        refused(make(payload=payload), Reason.LIMIT_EXCEEDED, "V4")


def test_a_credential_for_longer_is_not_excused_by_an_entry_that_is_hidden() -> None:
    text = disclosure("salt", "credentialStatus", entry())
    payload = {"status": ABSENT, "_sd": [digest(text)]}
    refused(make(payload=payload), Reason.STATUS_MISSING, "V9")
    for stated in ({"_sd": [digest(text)]}, [{"...": digest(text)}]):
        refused(make(payload={"credentialStatus": stated}), Reason.CLAIM_NOT_DISCLOSABLE, "V4")


def test_sub_and_iat_may_be_disclosed_one_by_one() -> None:
    texts = [disclosure("s1", "sub", "person"), disclosure("s2", "iat", NOW - 60)]
    payload = {"iat": ABSENT, "_sd": [digest(text) for text in texts]}
    attestation = accepted(make(payload=payload, disclosures=texts)).attestation
    assert attestation.claims["sub"] == "person" and attestation.validity.issued_at == NOW - 60
    attestation = accepted(make(payload=payload)).attestation
    assert "sub" not in attestation.claims and attestation.validity.issued_at is None


def test_iat_as_a_disclosure_has_the_form_of_any_iat() -> None:
    for value, reason in (
        (True, Reason.CLAIM_INVALID),
        ("5", Reason.CLAIM_INVALID),
        (NOW + 9**9, Reason.CLAIM_INVALID),
    ):
        text = disclosure("s", "iat", value)
        refused(make(payload={"iat": ABSENT, "_sd": [digest(text)]}, disclosures=[text]), reason, "V4")


@pytest.mark.parametrize("issued_at", [NOW - 30 * 86_400, NOW - 60, NOW + 30])
def test_whether_an_iat_is_withheld_makes_no_status_needless(issued_at: int) -> None:
    # A holder must gain nothing by holding back: the 24 hours without a status are counted from an iat in the clear.
    text = disclosure("s", "iat", issued_at)
    payload = {"iat": ABSENT, "nbf": NOW - 60, "exp": NOW + 60, "_sd": [digest(text)]}
    for shown in ((), (text,)):
        accepted(make(payload=payload, disclosures=shown))
        refused(make(payload={**payload, "status": ABSENT}, disclosures=shown), Reason.STATUS_MISSING, "V9")


def test_an_iat_that_is_shown_may_lie_in_the_future_no_more_than_one_in_the_clear() -> None:
    for changes in ({}, {"nbf": NOW - 60}):
        for issued_at, reason, step in (
            (NOW + 31, Reason.ISSUED_IN_FUTURE, "V6"),
            (NOW + 3_600, Reason.ISSUED_IN_FUTURE, "V6"),
            (NOW + 7_200, Reason.CLAIM_INVALID, "V4"),  # at its end
            (NOW + 86_400, Reason.CLAIM_INVALID, "V4"),
        ):
            payload = {**changes, "exp": NOW + 7_200}
            refused(make(payload={**payload, "iat": issued_at}), reason, step)
            text = disclosure("s", "iat", issued_at)
            hidden = {**payload, "iat": ABSENT, "_sd": [digest(text)]}
            refused(make(payload=hidden, disclosures=[text]), reason, step)
            accepted(make(payload=hidden))  # of what is withheld nobody knows


def test_an_iat_that_is_shown_is_a_measure_of_the_evidence() -> None:
    text = disclosure("s", "iat", NOW - 60)
    payload = {"iat": ABSENT, "_sd": [digest(text)], "evidence_checked_at": NOW - 30}
    accepted(make(payload=payload, disclosures=[text]))
    refused(make(payload={**payload, "evidence_checked_at": NOW - 29}, disclosures=[text]), Reason.CLAIM_INVALID, "V4")


@pytest.mark.parametrize(
    "name",
    [
        "sha-1",
        "md5",
        "none",
        "SHA-256",
        "sha256",
        "sha-224",
        "sha-256-32",
        "sha-256-64",
        "sha-256-96",
        "sha-256-128",
        "sha3-256",
        "blake2b-256",
        "",
        256,
        None,
        True,
        [],
        ["sha-256"],
        {},
    ],
)
def test_a_hash_algorithm_outside_of_the_three_is_refused(name: Any) -> None:
    refused(make(payload={"_sd_alg": name}), Reason.HASH_ALGORITHM_NOT_ALLOWED, "V4")
    refused(
        make(payload={"_sd_alg": name, "_sd": [digest(A)]}, disclosures=[A]), Reason.HASH_ALGORITHM_NOT_ALLOWED, "V4"
    )


@pytest.mark.parametrize("name", list(HASHES))
def test_each_hash_algorithm_digests_disclosures_and_sd_hash(name: str) -> None:
    payload = {"_sd_alg": name, "_sd": [digest(A, name)]}
    claims = accepted(make(payload=payload, disclosures=[A], algorithm=name)).attestation.claims
    assert claims["a"] == 1 and "_sd_alg" not in claims
    for other in HASHES.keys() - {name}:
        refused(make(payload=payload, disclosures=[A], algorithm=other), Reason.SD_HASH_MISMATCH, "V7")
        wrong = {"_sd_alg": name, "_sd": [digest(A, other)]}
        refused(make(payload=wrong, disclosures=[A], algorithm=name), Reason.DISCLOSURE_UNREFERENCED, "V4")


@pytest.mark.parametrize(
    ("parts", "in_array", "reason"),
    [
        ([], False, Reason.DISCLOSURE_MALFORMED), (["s"], False, Reason.DISCLOSURE_MALFORMED),
        (["s", "a", 1, 2], False, Reason.DISCLOSURE_MALFORMED), (["s", "_sd", 1], False, Reason.DISCLOSURE_MALFORMED),
        (["s", "...", 1], False, Reason.DISCLOSURE_MALFORMED), (["s", 5, 1], False, Reason.DISCLOSURE_MALFORMED),
        ([5, "a", 1], False, Reason.DISCLOSURE_MALFORMED), (["s", "n" * 256, 1], False, Reason.DISCLOSURE_MALFORMED),
        (["s", 1], False, Reason.DISCLOSURE_MALFORMED), (["s", "a", 1], True, Reason.DISCLOSURE_MALFORMED),
        (["s", "exp", 1], False, Reason.CLAIM_NOT_DISCLOSABLE), (["s", "nationalities", ["DE"]], False,
        Reason.DISCLOSURE_CLASH),
        (["s", "sub", 1], False, None), (["s", 1], True, None),
    ],
)  # fmt: skip
def test_the_shape_of_a_disclosure_is_judged_at_v4(parts: list[Any], in_array: bool, reason: Reason | None) -> None:
    text = segment(parts)
    payload = {"x": [{"...": digest(text)}]} if in_array else {"_sd": [digest(text)]}
    data = make(payload=payload, disclosures=[text])
    if reason is None:
        accepted(data)
    else:
        refused(data, reason, "V4")


def test_a_nested_hash_algorithm_is_refused() -> None:
    refused(make(payload={"o": {"_sd_alg": "sha-256"}}), Reason.REDACTION_MALFORMED, "V4")


@pytest.mark.parametrize(
    "confirmation",
    [
        None, [], {}, "x", 5, {"kid": "k"}, {"jkt": "x"}, {"jku": "https://x.example"}, {"x5t#S256": "x"},
        {"jwk": None}, {"jwk": []}, {"jwk": "x"}, {"jwk": {}}, [dict(key("holder").public.to_jwk())],
        {"jwk": dict(key("holder").public.to_jwk()), "kid": "k"},
        {"jwk": dict(key("holder").public.to_jwk()), "x5t#S256": "x"},
        {"jwk": dict(key("holder").public.to_jwk()), "unknown": 1},
        {"jwk": key("holder").to_private_jwk()},
        {"jwk": {**key("holder").public.to_jwk(), "k": "AA"}},
        {"jwk": {**key("holder").public.to_jwk(), "crv": "P-384"}},
        {"jwk": {**key("holder").public.to_jwk(), "alg": "HS256"}},
        {"jwk": {**key("holder").public.to_jwk(), "y": base64url(bytes(32)).decode()}},
        {"jwk": {**key("holder").public.to_jwk(), "x": key("holder").public.to_jwk()["x"] + "="}},
        {"jwk": {"kty": "oct", "k": "AAAA"}}, {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
        {"jwk": {"kty": ["EC"]}}, {"jwk": {"kty": "EC", "crv": ["P-256"]}},
        *[{"jwk": {"kty": "OKP", "crv": "Ed25519", "x": base64url(y.to_bytes(32, "little")).decode()}} for y in (
            0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255 - 1, 2**255, 2**255 + 1, 2**256 - 1, 2**256 - 20,
        )],
        *[{"jwk": {"kty": "OKP", "crv": "Ed25519", "x": text}} for text in (
            "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
            "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA_o",
        )],
    ],
)  # fmt: skip
def test_a_confirmation_is_exactly_one_good_public_key(confirmation: Any) -> None:
    refused(make(payload={"cnf": confirmation}), Reason.KEY_INVALID, "V4")


@pytest.mark.parametrize(
    "use", [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": []}, {"key_ops": ["verify", "encrypt"]}]
)
def test_a_confirmation_key_that_may_not_verify_is_refused(use: dict[str, Any]) -> None:
    refused(make(payload={"cnf": {"jwk": {**key("holder").public.to_jwk(), **use}}}), Reason.KEY_USE_FORBIDDEN, "V4")


def test_a_confirmation_key_with_members_that_say_nothing_of_it_passes() -> None:
    jwk = {**key("holder").public.to_jwk(), "kid": "x", "use": "sig", "key_ops": ["verify"], "alg": "ES256", "x5u": "y"}
    accepted(make(payload={"cnf": {"jwk": jwk}}))


# --- what completeness means ---


@pytest.mark.parametrize(
    ("payload", "shown", "complete"),
    [
        ({"nationalities": ["US"]}, [], False),
        ({"nationalities": ["US"], "nationalities_complete": False}, [], False),
        ({"nationalities": ["US"], "nationalities_complete": True}, [], True),
        ({"nationalities": ["US", "QU"], "nationalities_complete": True}, [], False),
        ({"nationalities": ["US", "QS"], "nationalities_complete": True}, [], False),
        ({"nationalities": ["US", {"...": "decoy"}], "nationalities_complete": True}, [], False),
        ({"nationalities": ["US", {"...": "DE"}], "nationalities_complete": True}, [], False),
        ({"nationalities": ["US", {"...": "DE"}], "nationalities_complete": True}, ["DE"], True),
        ({"nationalities": ABSENT, "nationalities_complete": True}, [], False),
        ({"nationalities": [], "nationalities_complete": True}, [], True),
        ({"nationalities": ABSENT, "citizenships": ["US"], "nationalities_complete": True}, [], False),
        ({"nationalities": ["US"], "o": {"nationalities_complete": True}}, [], False),
    ],
)  # fmt: skip
def test_a_list_is_complete_only_when_it_is_said_and_nothing_is_withheld(
    payload: dict[str, Any], shown: list[str], complete: bool
) -> None:
    texts = {code: disclosure("salt", code) for code in ("DE",)}
    if isinstance(payload.get("nationalities"), list):
        elements = [
            {"...": digest(texts[item["..."]])} if isinstance(item, dict) and item["..."] in texts else item
            for item in payload["nationalities"]
        ]
        payload = {**payload, "nationalities": elements}
    data = make(payload=payload, disclosures=[texts[code] for code in shown])
    assert accepted(data).citizenship.complete is complete


def test_the_completeness_flag_may_be_hidden_and_then_says_nothing() -> None:
    text = disclosure("salt", "nationalities_complete", True)
    payload = {"_sd": [digest(text)]}
    assert accepted(make(payload=payload, disclosures=[text])).citizenship.complete is True
    assert accepted(make(payload=payload)).citizenship.complete is False


def test_a_list_hidden_whole_is_not_complete_when_it_is_withheld() -> None:
    text = disclosure("salt", "nationalities", ["US", {"...": "decoy"}])
    payload = {"nationalities": ABSENT, "nationalities_complete": True, "_sd": [digest(text)]}
    for disclosures, codes in (([text], ["US"]), ([], [])):
        citizenship = accepted(make(payload=payload, disclosures=disclosures)).citizenship
        assert [country.alpha2 for country in citizenship.nationalities] == codes
        assert citizenship.complete is False


def test_citizenship_counts_at_the_top_level_alone() -> None:
    payload = {
        "nationalities": ABSENT,
        "address": {"nationalities": ["US"], "citizenships": ["US"]},
        "nationality": "US",
    }
    assert accepted(make(payload=payload)).citizenship.nationalities == ()


def test_what_the_holder_signs_never_feeds_citizenship() -> None:
    citizenship = accepted(make(kb={"nationalities": ["DE"], "citizenships": ["DE"], "vct": "x"})).citizenship
    assert citizenship.nationalities == us("US") and citizenship.citizenships == ()


# --- V7: the key binding ---


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        *[({name: ABSENT}, Reason.CLAIM_MISSING) for name in ("nonce", "aud", "sd_hash", "iat")],
        *[({"nonce": value}, Reason.NONCE_MISMATCH) for value in (
            "other", "", NONCE + " ", NONCE[:-1], NONCE.upper(), None, 5, True, [NONCE], {NONCE: 1}, NONCE + "\0",
            "\u0430",
        )],
        *[({"aud": value}, Reason.AUDIENCE_MISMATCH) for value in (
            "https://other.example", "", AUDIENCE + "/", AUDIENCE + ":443", AUDIENCE.upper(), "HTTPS://gateway.example",
            [AUDIENCE], [AUDIENCE, "x"], None, 5, True, {AUDIENCE: 1}, AUDIENCE + " ", "origin:" + AUDIENCE,
        )],
        *[({"iat": value}, Reason.CLAIM_INVALID) for value in NO_TIME],
        *[({name: value}, Reason.CLAIM_INVALID) for name in ("exp", "nbf") for value in NO_TIME],
        ({"sd_hash": None}, Reason.SD_HASH_MISMATCH), ({"sd_hash": ""}, Reason.SD_HASH_MISMATCH),
        ({"sd_hash": 5}, Reason.SD_HASH_MISMATCH), ({"sd_hash": [digest(HALF)]}, Reason.SD_HASH_MISMATCH),
    ],
)  # fmt: skip
def test_what_a_key_binding_must_say(changes: dict[str, Any], reason: Reason) -> None:
    error = refused(make(kb=changes), reason, "V7")
    assert error.where in ("kb-jwt.payload", *(f"kb-jwt.payload.{name}" for name in changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iat": NOW + 30}, None), ({"iat": NOW + 31}, Reason.KEY_BINDING_IN_FUTURE),
        ({"iat": NOW - 300}, None), ({"iat": NOW - 301}, Reason.KEY_BINDING_STALE), ({"iat": 0},
        Reason.KEY_BINDING_STALE),
        ({"iat": MAX_UNIX_TIME}, Reason.KEY_BINDING_IN_FUTURE),
        ({"exp": NOW + 1}, None), ({"exp": NOW}, Reason.KEY_BINDING_STALE), ({"exp": 0}, Reason.KEY_BINDING_STALE),
        ({"nbf": NOW}, None), ({"nbf": NOW + 1}, Reason.KEY_BINDING_IN_FUTURE),  # skew excuses an iat alone
    ],
)  # fmt: skip
def test_the_window_of_a_key_binding(changes: dict[str, Any], reason: Reason | None) -> None:
    if reason is None:
        accepted(make(kb=changes))
    else:
        (name,) = changes
        assert refused(make(kb=changes), reason, "V7").where == "kb-jwt.payload." + name


def test_a_key_binding_ends_after_it_was_made() -> None:
    # The skew excuses an iat in the future, and no window that ends before it begins: as in an SD-KBT and in a list.
    accepted(make(kb={"iat": NOW + 20, "exp": NOW + 21}))
    for ends in (NOW + 20, NOW + 10, NOW + 1):
        refused(make(kb={"iat": NOW + 20, "exp": ends}), Reason.CLAIM_INVALID, "V7")


def test_the_age_and_the_skew_are_those_of_challenge_and_limits() -> None:
    accepted(make(kb={"iat": NOW - 10}), challenge=challenge(max_age_s=10))
    refused(make(kb={"iat": NOW - 11}), Reason.KEY_BINDING_STALE, "V7", challenge=challenge(max_age_s=10))
    refused(make(kb={"iat": NOW + 1}), Reason.KEY_BINDING_IN_FUTURE, "V7", limits=Limits(clock_skew_s=0))


def sd_hash_cases() -> list[tuple[str, str]]:
    raw = hashlib.sha256(WITH_A).digest()
    return [
        ("without the last tilde", digest(WITH_A[:-1])),
        ("without the disclosure", digest(HALF)),
        ("of the JWT alone", digest(WITH_A.split(b"~")[0])),
        ("of the disclosures alone", digest(A)),
        ("sha-384", digest(WITH_A, "sha-384")),
        ("sha-512", digest(WITH_A, "sha-512")),
        ("hexadecimal", raw.hex()),
        ("padded", digest(WITH_A) + "="),
        ("standard base64", stdlib_base64.b64encode(raw).decode()),
        ("upper case", digest(WITH_A).upper()),
        ("truncated", digest(WITH_A)[:22]),
        ("with white space", digest(WITH_A) + "\n"),
        ("of another credential", digest(issuer_half(payload={"x": 1}))),
    ]


@pytest.mark.parametrize("value", [value for _, value in sd_hash_cases()], ids=[name for name, _ in sd_hash_cases()])
def test_sd_hash_is_over_exactly_what_was_received(value: str) -> None:
    accepted(bound(WITH_A))
    refused(bound(WITH_A, {"sd_hash": value}), Reason.SD_HASH_MISMATCH, "V7")


def test_disclosures_added_removed_or_moved_after_signing_break_sd_hash() -> None:
    b = disclosure("salt-b", "b", 2)
    payload = {"_sd": [digest(A), digest(b)]}
    token, *_ = issuer_half(payload=payload).split(b"~")

    def half(*texts: bytes) -> bytes:
        return b"~".join((token, *texts, b""))

    binding = bound(half(A, b)).rpartition(b"~")[2]
    accepted(half(A, b) + binding)
    for texts in ((b, A), (A,), (b,), ()):
        refused(half(*texts) + binding, Reason.SD_HASH_MISMATCH, "V7")
    one = bound(half(A)).rpartition(b"~")[2]
    refused(half(A, b) + one, Reason.SD_HASH_MISMATCH, "V7")


def test_a_key_binding_of_another_credential_of_the_same_holder_is_refused() -> None:
    one, other = issuer_half(payload={"x": 1}), issuer_half(payload={"x": 2})
    refused(other + bound(one).rpartition(b"~")[2], Reason.SD_HASH_MISMATCH, "V7")


def test_a_key_binding_is_demanded_whatever_the_token_says() -> None:
    for payload in ({}, {"key_binding": False}, {"kb": "none"}, {"cnf": ABSENT}):
        half = issuer_half(payload=payload)
        reason = Reason.HOLDER_KEY_MISSING if "cnf" in payload else Reason.KEY_BINDING_MISSING
        refused(half, reason, "V7")
        refused(half[:-1] + b"~", reason, "V7")


def test_a_key_binding_without_a_holder_key_is_refused() -> None:
    refused(make(payload={"cnf": ABSENT}), Reason.HOLDER_KEY_MISSING, "V7")
    refused(make(payload={"cnf": ABSENT}, kb_signer=key("attacker")), Reason.HOLDER_KEY_MISSING, "V7")


def test_a_key_binding_of_another_key_is_refused() -> None:
    refused(make(kb_signer=key("attacker")), Reason.SIGNATURE_INVALID, "V8")
    refused(make(kb_signer=key("issuer")), Reason.SIGNATURE_INVALID, "V8")
    refused(make(kb_signer=key("attacker", "Ed25519")), Reason.ALGORITHM_MISMATCH, "V8")
    refused(make(kb_signer=key("holder"), kb_header={"alg": "ES384"}), Reason.ALGORITHM_MISMATCH, "V8")


def test_the_credential_itself_is_no_key_binding() -> None:
    refused(HALF + HALF[:-1], Reason.TYP_MISMATCH, "V7")


@pytest.mark.parametrize(
    ("aud", "fits"),
    [
        (AUDIENCE, True), ([AUDIENCE], True), (["https://other.example", AUDIENCE], True), ([], False),
        ("https://other.example", False), (["https://other.example"], False), (AUDIENCE + "/", False),
        ([AUDIENCE + "/"], False),
        ([AUDIENCE.upper()], False), ("", False), ([""], False),
    ],
)  # fmt: skip
def test_an_audience_in_the_credential_must_contain_ours(aud: Any, fits: bool) -> None:
    if fits:
        accepted(make(payload={"aud": aud}))
    else:
        refused(make(payload={"aud": aud}), Reason.AUDIENCE_MISMATCH, "V7")


def test_a_hidden_audience_counts_when_it_is_shown() -> None:
    text = disclosure("salt", AUDIENCE)
    payload = {"aud": [{"...": digest(text)}]}
    accepted(make(payload=payload, disclosures=[text]))
    refused(make(payload=payload), Reason.AUDIENCE_MISMATCH, "V7")


def test_a_challenge_with_a_nonce_of_bytes_compares_the_bytes() -> None:
    accepted(make(), challenge=challenge(nonce=NONCE.encode()))
    refused(make(), Reason.NONCE_MISMATCH, "V7", challenge=challenge(nonce=b"\xff" * 16))


@given(text=st.text(min_size=1, max_size=40))
def test_any_text_of_the_key_binding_is_compared_and_never_trips(text: str) -> None:
    for name, reason in (
        ("nonce", Reason.NONCE_MISMATCH),
        ("aud", Reason.AUDIENCE_MISMATCH),
        ("sd_hash", Reason.SD_HASH_MISMATCH),
    ):
        if text not in (NONCE, AUDIENCE):
            refused(make(kb={name: text}), reason, "V7")
