"""specs/citizenship.cddl says of an mdoc what the reader does: judged by a validator that is not ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import cddl_verifier
import pytest
from cbor2 import CBORTag
from hypothesis import given
from mdoc_builders import (
    OURS,
    PHOTO_ID,
    PID,
    challenge,
    cose_key,
    dump,
    issuer_signed,
    item,
    key,
    make,
    signer_certificate,
    verify,
)
from readers.test_mdoc import EXTRA, anything, mso_places, outcome, places, replaced, status

from citizenid import Format
from citizenid import verifier as _verifier
from citizenid._crypto import AgreementKey

TEXT: Final = (Path(__file__).resolve().parent.parent / "specs" / "citizenship.cddl").read_text("utf-8")
GRAMMAR: Final = cddl_verifier.Validator(TEXT)


def allowed(data: bytes, rule: str = "mdoc") -> bool:
    return bool(GRAMMAR.validate(data, rule).valid)


def taken(data: bytes) -> bool:
    asked = challenge(reader_key=AgreementKey(key("reader")))
    return isinstance(outcome(lambda: verify(data, challenge=asked)), _verifier.VerifiedPresentation)


GOOD: Final = {
    "good": {},
    "mac": {"device": {"reader_public": key("reader").public_key()}},
    "attached": {"device": {"attached": True}},
    "minor version": {"mso": {"version": "1.9"}, "response_changes": {"version": "1.1"}},
    "entries for future use": {
        "mso": EXTRA,
        "members": EXTRA,
        "document_changes": EXTRA,
        "response_changes": EXTRA,
        "unprotected": {99: 1},
        "device": {"members": EXTRA},
    },
    "status": {"mso": status()},
    "chain": {"chain": [signer_certificate()]},
    "chain in the protected header": {"protected": {1: -7, 33: signer_certificate()}, "unprotected": {33: b""}},
    "nothing disclosed": {"members": {"nameSpaces": {}}},
    "Ed25519": {
        "key_info": {"deviceKey": cose_key(key("device", "Ed25519"))},
        "device": {"device": key("device", "Ed25519")},
    },
    "authorized": {
        "key_info": {"keyAuthorizations": {"nameSpaces": [PHOTO_ID]}},
        "device": {"content": dump({PHOTO_ID: {"x": 1}})},
    },
    "SHA-512": {"algorithm": "SHA-512"},
}
del GOOD["chain in the protected header"]["unprotected"][33]
GOOD["chain in the protected header"]["auth"] = lambda parts: [parts[0], {}, parts[2], parts[3]]
BAD: Final = {
    "version": {"response_changes": {"version": "2.0"}},
    "version of the MSO": {"mso": {"version": "2.0"}},
    "status": {"response_changes": {"status": 10}},
    "no documents": {"response_changes": {"documents": []}},
    "no items": {"members": {"nameSpaces": {PID: []}}},
    "plain item": {"members": {"nameSpaces": {PID: [{"digestID": 0}]}}},
    "short random": {"items": {PID: [item(0, "a", 1, {"random": bytes(15)})]}},
    "negative digestID": {"items": {PID: [item(-1, "a", 1)]}},
    "large digestID": {"items": {PID: [item(2**32, "a", 1)]}},
    "digest algorithm": {"mso": {"digestAlgorithm": "sha256"}},
    "no docType": {"mso": {"docType": ""}},
    "fraction": {"validity": {"signed": CBORTag(0, "2020-01-01T00:00:00.0Z")}},
    "epoch": {"validity": {"signed": CBORTag(0, "1969-12-31T23:59:59Z")}},
    "no chain": {"chain": []},
    "algorithm": {"protected": {1: -48}},
    "mechanism": {"mso": {"status": {"x": {}}}},
    "no mechanism": {"mso": {"status": {}}},
    "index": {"mso": status(idx=-1)},
    "key": {"key_info": {"deviceKey": {1: 2, -1: 4, -2: bytes(32), -3: bytes(32)}}},
    "no device auth": {"device": {"auth": {}}},
    "short tag": {"device": {"reader_public": key("reader").public_key(), "sign_with": lambda _: bytes(16)}},
    "device elements": {"device": {"content": dump({PHOTO_ID: {}})}},
}


@pytest.mark.parametrize("parts", GOOD.values(), ids=GOOD)
def test_what_the_reader_takes_the_grammar_allows(parts: Any) -> None:
    data = make(**parts)
    assert taken(data)
    assert allowed(data, "DeviceResponse")


@pytest.mark.parametrize("parts", BAD.values(), ids=BAD)
def test_what_the_grammar_forbids_the_reader_refuses(parts: Any) -> None:
    data = make(**parts)
    assert not allowed(data)
    assert not taken(data)


@given(places, anything)
def test_nothing_is_taken_that_the_grammar_forbids(place: Any, value: Any) -> None:
    data = replaced(place, value)
    assert not taken(data) or allowed(data)


@given(mso_places, anything)
def test_no_mso_is_taken_that_the_grammar_forbids(place: str, value: Any) -> None:
    data = make(mso={place: value})
    assert not taken(data) or allowed(data)


def test_what_an_issuer_hands_over_is_an_mdoc() -> None:
    data = dump(issuer_signed())
    assert _verifier.open_presentation(data, format=Format.MDOC)
    assert allowed(data)
    assert allowed(data, "IssuerSigned")


@pytest.mark.parametrize(
    ("elements", "good"),
    [
        ({"nationalities": ["US", "QU"], "nationalities_complete": True, "citizen_of_us": True}, True),
        ({"national_of_de": False, "assurance": {"framework": "eIDAS", "level": "high"}, "x": 1}, True),
        ({}, True),
        ({"nationalities": "US"}, False),
        ({"nationalities": ["us"]}, False),
        ({"nationalities": ["USA"]}, False),
        ({"nationalities_complete": 1}, False),
        ({"assurance": {"framework": "eIDAS"}}, False),
        ({"assurance": "high"}, False),
    ],
)
def test_our_namespace_is_as_the_grammar_says(elements: Any, good: bool) -> None:
    assert allowed(dump(elements), "Citizenship") is good
    assert taken(make({OURS: elements or {"x": 1}}, doc_type=OURS)) is good


def test_the_grammar_names_the_sd_cwt_place() -> None:
    assert len(re.findall(r"^; --- .* ---$", TEXT, re.MULTILINE)) == 2
