"""specs/citizenship.cddl says of both CBOR formats what their readers do: judged by a validator that is not ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import builders_sd_cwt as cwt
import cbor2
import cddl_verifier
import pytest
from builders import ABSENT
from cbor2 import CBORTag
from hypothesis import given
from hypothesis import strategies as st
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
        ({"citizen_of_us": 1}, False),
        ({"national_of_us": "true"}, False),
        ({"assurance": {"framework": "eIDAS"}}, False),
        ({"assurance": "high"}, False),
        ({"evidence_checked_at": CBORTag(0, "2024-02-29T00:00:00Z"), "citizen_of_us": True}, True),
        ({"evidence_checked_at": "2024-02-29T00:00:00Z"}, False),
        ({"evidence_checked_at": CBORTag(1004, "2024-02-29")}, False),
        ({"evidence_checked_at": CBORTag(0, "1969-12-31T23:59:59Z")}, False),
        ({"evidence_checked_at": 1_700_000_000}, False),
        ({"evidence_checked_at": None}, False),
    ],
)
def test_our_namespace_is_as_the_grammar_says(elements: Any, good: bool) -> None:
    assert allowed(dump(elements), "Citizenship") is good
    assert taken(make({OURS: elements or {"x": 1}}, doc_type=OURS)) is good


# --- SD-CWT ---


def cwt_taken(data: bytes) -> bool:
    return isinstance(outcome(lambda: cwt.verify(data)), _verifier.VerifiedPresentation)


MEMBER: Final = cwt.disclosure(cwt.salt(1), "Ada", "given_name")
INTEGER: Final = cwt.disclosure(cwt.salt(2), [1, b"x", None], -70_001)
ELEMENT: Final = cwt.disclosure(cwt.salt(3), "FR")
DECOY: Final = cwt.disclosure(cwt.salt(4))
PARENT: Final = cwt.disclosure(cwt.salt(5), {"x": [cwt.element(ELEMENT)], cwt.REDACTED: [cwt.digest(MEMBER)]}, "parent")
SHORT: Final = cwt.disclosure(bytes(15), "Ada", "given_name")
REVERSED: Final = cwt.disclosure("given_name", bytes(16), "Ada")
LONGEST: Final = "n" * 255
CWT_GOOD: Final[dict[str, dict[str, Any]]] = {
    "empty names": {"claims": {"": 1}, "header": {"": 1}, "kb": {"": 1}},
    "names of 255 bytes": {"claims": {LONGEST: 1}, "unprotected": {LONGEST: 1}, "kb_header": {LONGEST: 1}},
    "good": {},
    "members": {"claims": cwt.hide(MEMBER, INTEGER, DECOY), "disclosures": [MEMBER, DECOY]},
    "element": {"claims": {"nationalities": ["US", cwt.element(ELEMENT)]}, "disclosures": [ELEMENT]},
    "withheld": {"claims": {"citizenships": ["US", cwt.element(ELEMENT)], **cwt.hide(MEMBER)}},
    "in one another": {"claims": cwt.hide(PARENT), "disclosures": [ELEMENT, PARENT, MEMBER]},
    "SHA-384": {
        "claims": {cwt.REDACTED: [cwt.digest(MEMBER, "sha384")]},
        "header": {170: -43},
        "disclosures": [MEMBER],
    },
    "SHA-512": {"claims": {cwt.REDACTED: [cwt.digest(MEMBER, "sha512")]}, "header": {170: -44}},
    "no type": {"claims": {11: ABSENT}},
    "evidence": {"claims": {"evidence_checked_at": 1_700_000_000}},
    "evidence of no type": {"claims": {11: ABSENT, "evidence_checked_at": "last week"}},
    "names of types": {"header": {16: "application/sd-cwt"}, "kb_header": {16: "application/kb+cwt"}},
    "what else there is": {"claims": {"x": {"y": 1.5}, 40: b"z"}, "header": {99: 1}, "kb": {7: b"i", 99: 1}},
}
CWT_BAD: Final[dict[str, dict[str, Any]]] = {
    "typ": {"header": {16: 61}},
    "typ of the binding": {"kb_header": {16: 293}},
    "algorithm": {"header": {1: 5}},
    "hash": {"header": {170: -18}},
    "exp": {"claims": {4: 1.5}},
    "no exp": {"claims": {4: ABSENT}},
    "no cnf": {"claims": {8: ABSENT}},
    "thumbprint": {"claims": {8: {5: bytes(32)}}},
    "iss": {"claims": {1: 5}},
    "vct": {"claims": {11: 5}},
    "country": {"claims": {"nationalities": ["us"]}},
    "countries": {"claims": {"citizenships": "US"}},
    "complete": {"claims": {"nationalities_complete": 1}},
    "evidence as text": {"claims": {"evidence_checked_at": "last week"}},
    "evidence before 1970": {"claims": {"evidence_checked_at": -1}},
    "evidence with a fraction": {"claims": {"evidence_checked_at": 1.5}},
    "evidence that is true": {"claims": {"evidence_checked_at": True}},
    "identifier list": {"claims": {65535: {"identifier_list": {"id": b"x", "uri": "u"}}}},
    "digests that are no list": {"claims": {cwt.REDACTED: cwt.digest(MEMBER)}},
    "no disclosures": {"unprotected": {17: []}},
    "short salt": {"claims": cwt.hide(SHORT), "disclosures": [SHORT]},
    "order of SD-JWT": {"claims": cwt.hide(REVERSED), "disclosures": [REVERSED]},
    "no cnonce": {"kb": {39: ABSENT}},
    "cnonce as text": {"kb": {39: "nonce-nonce"}},
    "no iat": {"kb": {6: ABSENT}},
    "no aud": {"kb": {3: ABSENT}},
    **{
        f"long name in {part}": {part: {LONGEST + "n": 1}}
        for part in ("claims", "header", "unprotected", "kb", "kb_header", "kb_unprotected")
    },
    "long name among claims of the header": {"header": {15: {LONGEST + "n": 1}}},
}  # fmt: skip


@pytest.mark.parametrize("parts", CWT_GOOD.values(), ids=CWT_GOOD)
def test_of_an_sd_cwt_the_grammar_allows_what_the_reader_takes(parts: Any) -> None:
    data = cwt.make(**parts)
    assert cwt_taken(data)
    assert allowed(data, "sd-cwt-presentation")
    assert not allowed(data)
    issued = cbor2.loads(cbor2.loads(data).value[0])[13]
    assert allowed(cbor2.dumps(issued), "sd-cwt-issued")


@pytest.mark.parametrize("parts", CWT_BAD.values(), ids=CWT_BAD)
def test_of_an_sd_cwt_the_reader_refuses_what_the_grammar_forbids(parts: Any) -> None:
    data = cwt.make(**parts)
    assert not allowed(data, "sd-cwt-presentation")
    assert not cwt_taken(data)


@given(st.sampled_from(["claims", "kb", "header", "kb_header"]), st.data())
def test_no_sd_cwt_is_taken_that_the_grammar_forbids(part: str, data: st.DataObject) -> None:
    stated = {
        "claims": [
            *cwt.good_claims(),
            "citizenships",
            "nationalities_complete",
            "assurance",
            "evidence_checked_at",
            3,
            5,
            7,
            39,
        ],
        "kb": [*cwt.good_binding(), 4, 5, 7],
        "header": [1, 4, 16, 33, 170],
        "kb_header": [1, 16],
    }
    changed = {data.draw(st.sampled_from(stated[part])): data.draw(anything)}
    made = cwt.make(**{part: changed})
    assert not cwt_taken(made) or allowed(made, "sd-cwt-presentation")


def test_each_format_has_its_place_in_the_grammar() -> None:
    assert len(re.findall(r"^; --- .* ---$", TEXT, re.MULTILINE)) == 2
