"""The published tokens of draft-ietf-spice-sd-cwt: six complete ones, whole, and what the draft says of one disclosure.

Source: ietf-wg-spice/draft-ietf-spice-sd-cwt, commit 10965be (2026-04-24, between -07 and -08). The issuer's key is
pinned and the types of the anchor are `NO_TYPE`: no token has a vct. All are valid for more than a day and name no
status list, so that the bound on that is lifted. Each file of the folder is read by a test, or stands in `NOT_READ`
with the reason; a test holds that.

Spec: draft-ietf-spice-sd-cwt sections 3, 10, 14; specs/profile-sd-cwt.md.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cbor2
import pytest
from builders import raises, same

from citizenid import (
    ANY,
    NO_TYPE,
    Challenge,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    NeedStatusList,
    Reason,
    TrustAnchors,
)
from citizenid import verifier as library
from citizenid._readers import sd_cwt
from citizenid._wire import cbor
from citizenid.holder import Credential
from citizenid.status import StatusStore

NOW: Final = 1_725_244_300
ISSUER: Final = "https://issuer.example"
AUDIENCE: Final = "https://verifier.example/app"
NONCE: Final = bytes.fromhex("8c0f5f523b95bea44a9a48c649240803")
LIMITS: Final = Limits(unreferenced_validity_s=2 * 86_400)
SUBJECT: Final = "https://device.example"
# The holder shows two of three inspections; of the first his choice leaves the region out.
NESTED: Final[dict[Any, Any]] = {
    2: SUBJECT,
    504: [
        {500: True, 501: "DCBA-101777", 502: 1549560720, 503: {1: "us"}},
        {500: True, 501: "ABCD-123456", 502: 1674004740, 503: {1: "us", 2: "ca"}},
    ],
}
# What each token says, read off its .edn file. Redacted and not shown: gone, and an array closes up.
CLAIMS: Final[dict[str, dict[Any, Any]]] = {
    "issuer_cwt": {
        2: SUBJECT,
        500: True,
        501: "ABCD-123456",
        502: [1549560720, 1612560720, 1674004740],
        503: {"country": "us", "region": "ca", "postal_code": "94188"},
    },
    "kbt": {
        2: SUBJECT,
        500: True,
        501: "ABCD-123456",
        502: [1549560720, 1674004740],
        503: {"country": "us", "region": "ca"},
    },
    "decoy": {2: SUBJECT, 98: ["fr"], 500: True},
    "nested_issuer_cwt": {
        2: SUBJECT,
        504: [
            {500: True, 501: "DCBA-101777", 502: 1549560720, 503: {1: "us", 2: "co", 3: "80302"}},
            {500: True, 501: "EFGH-789012", 502: 1612560720, 503: {1: "us", 2: "nv", 3: "89155"}},
            {500: True, 501: "ABCD-123456", 502: 1674004740, 503: {1: "us", 2: "ca", 3: "94188"}},
        ],
    },
    "nested_cwt": NESTED,
    "nested_kbt": NESTED,
}
BARE: Final = ("issuer_cwt", "decoy", "nested_issuer_cwt", "nested_cwt")
BOUND: Final = ("kbt", "nested_kbt")
NOT_READ: Final = {
    "SOURCE.txt": "where the files are from",
    "aead-claim-array.edn": "an encrypted disclosure: no token holds it; readers/test_sd_cwt.py refuses one",
    "aead-key.txt": "the key of that disclosure",
    "chosen-disclosures.edn": "a part of kbt.edn",
    "chosen-nested-disclosures.edn": "a part of nested_kbt.edn",
    "elided-kbt.edn": "kbt.edn with an ellipsis",
    "first-disclosure.edn": "the text of first-disclosure.cborseq",
    "first-disclosure.pretty": "the same, with comments",
    "first-redacted.edn": "a part of issuer_cwt.edn",
    **{f"{name}.edn": f"the text of {name}.cbor" for name in (*BARE, *BOUND)},
}
READ: Final = {
    "issuer_privkey.pem",
    "holder_privkey.pem",
    "decoy_list.csv",
    "salt_list.csv",
    "first-disclosure.cborseq",
    "first-blinded-hash.txt",
    *(f"{name}.cbor" for name in (*BARE, *BOUND)),
}


@pytest.fixture(scope="module")
def folder(vectors: Path) -> Path:
    return vectors / "sd-cwt"


def token(folder: Path, name: str) -> bytes:
    return (folder / "examples" / f"{name}.cbor").read_bytes()


@pytest.fixture(scope="module")
def anchors(folder: Path) -> TrustAnchors:
    key = LocalKey.from_pem((folder / "issuer_privkey.pem").read_bytes()).public
    return TrustAnchors.from_keys(
        ISSUER, [key], purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_CWT], types=[NO_TYPE], countries=ANY
    )


def verify(data: bytes, anchors: TrustAnchors, **changes: Any) -> library.VerifiedPresentation | NeedStatusList:
    arguments: dict[str, Any] = {
        "challenge": Challenge(AUDIENCE, NONCE),
        "statuses": StatusStore(anchors=anchors),
        "now": NOW,
        "limits": LIMITS,
    }
    return library.verify(data, format=Format.SD_CWT, anchors=anchors, **(arguments | changes))


def test_every_file_is_read_or_says_why_not(folder: Path) -> None:
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert files == READ | set(NOT_READ)
    assert not READ & set(NOT_READ)


@pytest.mark.parametrize("name", BARE)
def test_an_issued_token_says_exactly_this(name: str, folder: Path, anchors: TrustAnchors) -> None:
    (presentation,) = library.open_presentation(token(folder, name), format=Format.SD_CWT)
    assert presentation.binding is None
    credential = library.verify_credential(presentation, anchors=anchors, now=NOW)
    assert same(credential.attestation.claims, CLAIMS[name])
    assert credential.attestation.type == NO_TYPE
    assert credential.attestation.issuer == ISSUER
    holder = LocalKey.from_pem((folder / "holder_privkey.pem").read_bytes())
    assert credential.attestation.holder_key == holder.public
    validity = credential.attestation.validity
    assert (validity.issued_at, validity.not_before, validity.not_after) == (1725244200, 1725243900, 1725330600)


@pytest.mark.parametrize("name", BARE)
def test_an_issued_token_is_no_presentation(name: str, folder: Path, anchors: TrustAnchors) -> None:
    raises(Reason.KEY_BINDING_MISSING, "V7", lambda: verify(token(folder, name), anchors))


@pytest.mark.parametrize("name", BOUND)
def test_a_presented_token_goes_through_all_nine_steps(name: str, folder: Path, anchors: TrustAnchors) -> None:
    verified = verify(token(folder, name), anchors)
    assert isinstance(verified, library.VerifiedPresentation)
    assert same(verified.attestation.claims, CLAIMS[name])


@pytest.mark.parametrize("name", BOUND)
@pytest.mark.parametrize(
    ("changes", "reason", "step"),
    [
        ({"challenge": Challenge(AUDIENCE, NONCE[::-1])}, Reason.NONCE_MISMATCH, "V7"),
        ({"challenge": Challenge(AUDIENCE + "/", NONCE)}, Reason.AUDIENCE_MISMATCH, "V7"),
        ({"now": 1_725_244_237 + 301}, Reason.KEY_BINDING_STALE, "V7"),
        ({"now": 1_725_244_237 - 31}, Reason.KEY_BINDING_IN_FUTURE, "V7"),
        ({"now": 1_725_330_600}, Reason.EXPIRED, "V6"),
        ({"now": 1_725_243_899}, Reason.ISSUED_IN_FUTURE, "V6"),
        ({"limits": Limits()}, Reason.STATUS_MISSING, "V9"),
    ],
)
def test_a_presented_token_is_refused_elsewhere(
    name: str, changes: dict[str, Any], reason: Reason, step: str, folder: Path, anchors: TrustAnchors
) -> None:
    raises(reason, step, lambda: verify(token(folder, name), anchors, **changes))


def test_whoever_did_not_permit_a_token_without_a_type_refuses_it(folder: Path) -> None:
    key = LocalKey.from_pem((folder / "issuer_privkey.pem").read_bytes()).public
    strict = TrustAnchors.from_keys(
        ISSUER, [key], purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_CWT], types=["urn:a"], countries=ANY
    )
    raises(Reason.TYPE_NOT_ALLOWED, "V5", lambda: verify(token(folder, "kbt"), strict))


def test_the_holder_presents_the_published_credential_as_the_draft_does(folder: Path, anchors: TrustAnchors) -> None:
    credential = Credential.receive(token(folder, "issuer_cwt"), format=Format.SD_CWT, anchors=anchors, now=NOW)
    assert set(credential.disclosable) == {(501,), (502, 0), (502, 1), (503, "region"), (503, "postal_code")}
    key = LocalKey.from_pem((folder / "holder_privkey.pem").read_bytes())
    challenge = Challenge(AUDIENCE, NONCE)
    shown = credential.present(
        [(501,), (502, 0), (503, "region")], challenge=challenge, key=key, peer=AUDIENCE, now=1_725_244_237
    )
    ours, theirs = cbor2.loads(shown).value, cbor2.loads(token(folder, "kbt")).value
    assert ours[2] == theirs[2]  # the same statement
    inner, published = (cbor2.loads(each[0])[13].value for each in (ours, theirs))
    assert inner == published  # the same SD-CWT with the same disclosures
    verified = verify(shown, anchors)
    assert isinstance(verified, library.VerifiedPresentation)
    assert same(verified.attestation.claims, CLAIMS["kbt"])


def test_a_digest_is_over_the_byte_string_and_not_over_the_array_as_figure_8_has_it(folder: Path) -> None:
    data = (folder / "examples" / "first-disclosure.cborseq").read_bytes()
    payload = cbor.decode_marked(cbor2.loads(token(folder, "issuer_cwt")).value[2], "payload")
    (digest,) = payload[cbor.Redacted.KEYS]
    assert digest == hashlib.sha256(cbor.byte_string(data)).digest()
    (found,) = sd_cwt.decode_disclosures((data,), "sha256", LIMITS).items()
    assert (found[0], found[1].name, found[1].value) == (digest, 501, "ABCD-123456")
    figure = (folder / "examples" / "first-blinded-hash.txt").read_text("ascii").strip()
    assert hashlib.sha256(data).hexdigest() == figure != digest.hex()  # known fault of the draft: its tokens differ


def salts(folder: Path, name: str) -> Iterator[bytes]:
    with (folder / "examples" / name).open(encoding="ascii", newline="") as lines:
        for _, salt in csv.reader(lines):
            yield bytes.fromhex(salt)


def test_the_salts_are_those_of_the_lists(folder: Path) -> None:
    known, decoys = set(salts(folder, "salt_list.csv")), set(salts(folder, "decoy_list.csv"))
    found: dict[int, set[bytes]] = {1: set(), 2: set(), 3: set()}
    for name in BARE:
        for disclosure in cbor2.loads(token(folder, name)).value[1][17]:
            array = cbor2.loads(disclosure)
            found[len(array)].add(array[0])
    assert found[2] | found[3] <= known
    assert len(found[1]) == 2
    assert found[1] <= decoys
