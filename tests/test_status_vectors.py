"""The official vectors of the Token Status List draft (revision 20), each file of the folder accounted for.

What the draft prints is decoded, verified and made again; the hostile variants are made from it with the published
key, whose private half is part of the vectors.

Spec: Token Status List sections 4, 5, 6.2, 6.3, 8.2, 8.4, appendix C.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import cbor2
import pytest
from status import ABSENT, MEDIA_TYPE, segment, slow_pack, slow_read, token, unsegment

from citizenid import (
    ANY,
    Challenge,
    CitizenIDError,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    MalformedError,
    NeedStatusList,
    PublicKey,
    Reason,
    Status,
    StatusReference,
    TrustAnchors,
    VerificationError,
)
from citizenid._crypto import verify_signature
from citizenid._limits import DEFAULT_LIMITS
from citizenid._readers import READERS
from citizenid.status import StatusList, StatusPublisher, StatusStore, verify_status_list
from citizenid.verifier import open_presentation, verify

FOLDER = "token-status-list"
EXAMPLES = f"{FOLDER}/draft20-examples"
REPOSITORY = f"{FOLDER}/repo-examples"
URI = "https://example.com/statuslists/1"
ISSUER = "https://example.com"
MEDIA_TYPE_CWT = "application/statuslist+cwt"
ISSUED_AT, TTL_S, NOT_AFTER = 1_686_920_170, 43_200, 2_291_720_170
NOW = ISSUED_AT + 60

ENCODINGS = (
    "4.1/4.2/4.3 1-bit short",
    "4.1/4.2 2-bit short",
    "C.1 1-bit 2^20",
    "C.2 2-bit 2^20",
    "C.3 4-bit 2^20",
    "C.4 8-bit 2^20",
)
# The same token three times: section 8.2, section 8.4, and in the repository of the draft.
TOKENS = (
    f"{EXAMPLES}/20_sec8.2.txt",
    f"{EXAMPLES}/22_sec8.4.txt",
    f"{REPOSITORY}/status_list_jwt_raw.md",
)
DECODED_TOKENS = (f"{EXAMPLES}/11_sec5.1.txt", f"{REPOSITORY}/status_list_jwt.md")
INDEX_TABLES = {f"{EXAMPLES}/02_sec4.1.txt": ENCODINGS[0], f"{EXAMPLES}/04_sec4.1.txt": ENCODINGS[1]}
BIT_FIGURES = {f"{EXAMPLES}/03_sec4.1.txt": ENCODINGS[0], f"{EXAMPLES}/05_sec4.1.txt": ENCODINGS[1]}
JSON_LISTS = {
    f"{EXAMPLES}/06_sec4.2.txt": ENCODINGS[0],
    f"{EXAMPLES}/07_sec4.2.txt": ENCODINGS[1],
    f"{REPOSITORY}/status_list_encoding_json.md": ENCODINGS[0],
    f"{REPOSITORY}/status_list_encoding2_json.md": ENCODINGS[1],
    f"{REPOSITORY}/status_list_encoding1_long_json.md": ENCODINGS[2],
    f"{REPOSITORY}/status_list_encoding2_long_json.md": ENCODINGS[3],
    f"{REPOSITORY}/status_list_encoding4_json.md": ENCODINGS[4],
    f"{REPOSITORY}/status_list_encoding8_json.md": ENCODINGS[5],
}
REFERENCED = f"{EXAMPLES}/15_sec6.2.sd-jwt.txt"
DECODED_REFERENCES = (f"{EXAMPLES}/14_sec6.2.txt", f"{EXAMPLES}/16_sec6.2.txt")
USED = {
    f"{FOLDER}/status_list_encodings.json",
    f"{FOLDER}/example_key.jwk.json",
    f"{EXAMPLES}/INDEX.json",
    *TOKENS,
    *DECODED_TOKENS,
    *INDEX_TABLES,
    *BIT_FIGURES,
    *JSON_LISTS,
    REFERENCED,
    *DECODED_REFERENCES,
}
CBOR_LISTS = {
    f"{EXAMPLES}/09_sec4.3.hex": ENCODINGS[0],
    f"{EXAMPLES}/10_sec4.3.txt": ENCODINGS[0],
    f"{REPOSITORY}/status_list_encoding_cbor.md": ENCODINGS[0],
    f"{REPOSITORY}/status_list_encoding_cbor_diag.md": ENCODINGS[0],
    f"{REPOSITORY}/status_list_encoding2_cbor.md": ENCODINGS[1],
    f"{REPOSITORY}/status_list_encoding2_cbor_diag.md": ENCODINGS[1],
    f"{REPOSITORY}/status_list_encoding1_long_cbor.md": ENCODINGS[2],
    f"{REPOSITORY}/status_list_encoding2_long_cbor.md": ENCODINGS[3],
    f"{REPOSITORY}/status_list_encoding4_cbor.md": ENCODINGS[4],
    f"{REPOSITORY}/status_list_encoding8_cbor.md": ENCODINGS[5],
}
# One token four times, as hexadecimal digits and with comments.
CWTS = (
    f"{EXAMPLES}/12_sec5.2.hex",
    f"{EXAMPLES}/13_sec5.2.txt",
    f"{REPOSITORY}/status_list_cwt.md",
    f"{REPOSITORY}/status_list_cwt_diag.md",
)
REFERENCED_CWTS = (
    f"{EXAMPLES}/17_sec6.3.hex",
    f"{EXAMPLES}/18_sec6.3.txt",
    f"{REPOSITORY}/referenced_token_cwt.md",
    f"{REPOSITORY}/referenced_token_cwt_diag.md",
)
USED |= {*CBOR_LISTS, *CWTS, *REFERENCED_CWTS}
NO_INPUT_OF_OURS = {
    f"{FOLDER}/SOURCE.txt": "says where the vectors come from",
    f"{EXAMPLES}/08_sec4.3.txt": "the grammar of a list in CBOR; ours is in specs/profile-status-list.md",
    f"{EXAMPLES}/19_sec8.1.txt": "an HTTP request: nothing here fetches",
    f"{EXAMPLES}/21_sec8.4.txt": "an HTTP request for the past: historical resolution is optional and not offered",
    f"{EXAMPLES}/24_sec9.3.txt": "list aggregation is optional and not offered",
    f"{EXAMPLES}/25_sec10.txt": "the definition of an object identifier, whose last number is not assigned yet",
}


def test_every_file_is_used_or_listed(vectors: Path) -> None:
    there = {path.relative_to(vectors).as_posix() for path in (vectors / FOLDER).rglob("*") if path.is_file()}
    assert there == USED | NO_INPUT_OF_OURS.keys()
    assert len(there) == len(USED) + len(NO_INPUT_OF_OURS)


def test_the_index_of_the_draft_names_no_file_that_is_missing(vectors: Path) -> None:
    named = {f"{EXAMPLES}/{entry['file']}" for entry in json.loads((vectors / EXAMPLES / "INDEX.json").read_text())}
    assert named | {f"{EXAMPLES}/INDEX.json"} == {name for name in USED | NO_INPUT_OF_OURS.keys() if EXAMPLES in name}


# --- lists ---


def encoding(vectors: Path, name: str) -> dict[str, Any]:
    """An entry of status_list_encodings.json: index to value, the JSON form and the digest of the packed bytes."""
    entries = json.loads((vectors / FOLDER / "status_list_encodings.json").read_text())
    assert [entry["name"] for entry in entries] == list(ENCODINGS)
    (found,) = (entry for entry in entries if entry["name"] == name)
    assert isinstance(found, dict)
    return found


def packed_slowly(entry: dict[str, Any]) -> bytes:
    """The packed bytes of an entry, set bit by bit."""
    packed = bytearray(entry["raw_len"])
    for index, value in entry["statuses"].items():
        for bit in range(entry["bits"]):
            position = int(index) * entry["bits"] + bit
            packed[position // 8] |= (value >> bit & 1) << position % 8
    return bytes(packed)


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_list_is_decoded(vectors: Path, name: str) -> None:
    entry = encoding(vectors, name)
    bits, packed = entry["bits"], packed_slowly(entry)
    assert hashlib.sha256(packed).hexdigest() == entry["raw_sha256"]
    statuses = StatusList.decompress(unsegment(entry["json"]["lst"]), bits=bits, limit_bytes=entry["raw_len"])
    assert len(statuses) == entry["entries"]
    assert statuses == StatusList(bits, packed)
    stated = {int(index): value for index, value in entry["statuses"].items()}
    for index, value in stated.items():
        assert statuses.raw(index) == value
        assert statuses[index] == (value if value <= 2 else Status.OTHER)
        for neighbour in (index - 1, index + 1):
            if neighbour not in stated and 0 <= neighbour < len(statuses):
                assert statuses[neighbour] is Status.VALID
    # Nothing but what is stated is set: the sum of all values tells.
    total = int.from_bytes(packed, "little").bit_count()
    assert total == sum(value.bit_count() for value in stated.values())
    with pytest.raises(VerificationError) as caught:
        statuses[entry["entries"]]
    assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_list_is_encoded_byte_for_byte(vectors: Path, name: str) -> None:
    entry = encoding(vectors, name)
    assert entry["python_zlib_level9_reproduces"] is True  # so that an entry of another kind is not passed over
    assert segment(StatusList(entry["bits"], packed_slowly(entry)).compress()).decode() == entry["json"]["lst"]


@pytest.mark.parametrize("name", ENCODINGS[:2])
def test_a_publisher_makes_the_same_list(vectors: Path, name: str) -> None:
    # Only what an issuer can say of a credential: values 0, 1 and 2. The two-bit example also has an application's 3.
    entry = encoding(vectors, name)
    publisher = StatusPublisher(uri=URI, size=entry["entries"], bits=entry["bits"])
    references = {reference.index: reference for reference in (publisher.allocate() for _ in range(entry["entries"]))}
    stated = {int(index): value for index, value in entry["statuses"].items()}
    for index, value in stated.items():
        if value == 1:
            publisher.revoke(references[index])
        elif value == 2:
            publisher.suspend(references[index])
    body = publisher.publish(LocalKey.generate("ES256"), now=NOW, ttl_s=60, expires_s=60)
    said = json.loads(unsegment(body.split(b".")[1]))["status_list"]
    if 3 not in stated.values():
        assert said == entry["json"]
    packed = zlib.decompress(unsegment(said["lst"]))
    assert [slow_read(entry["bits"], packed, index) for index in sorted(stated)] == [
        value % 3 for _, value in sorted(stated.items())
    ]


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_list_one_byte_short_of_its_size_is_too_large(vectors: Path, name: str) -> None:
    entry = encoding(vectors, name)
    with pytest.raises(MalformedError) as caught:
        StatusList.decompress(unsegment(entry["json"]["lst"]), bits=entry["bits"], limit_bytes=entry["raw_len"] - 1)
    assert caught.value.reason is Reason.INPUT_TOO_LARGE


@pytest.mark.parametrize("file", INDEX_TABLES)
def test_the_table_of_an_example_is_the_list(vectors: Path, file: str) -> None:
    entry = encoding(vectors, INDEX_TABLES[file])
    rows = re.findall(r"^status\[(\d+)\] = 0b([01]+)$", (vectors / file).read_text(), re.MULTILINE)
    assert len(rows) == entry["entries"]
    values = [int(value, 2) for _, value in sorted(rows, key=lambda row: int(row[0]))]
    statuses = StatusList(entry["bits"], bytes.fromhex(entry["raw_hex"]))
    assert [statuses.raw(index) for index in range(len(rows))] == values
    assert slow_pack(entry["bits"], values).hex() == entry["raw_hex"]


@pytest.mark.parametrize("file", BIT_FIGURES)
def test_the_figure_of_an_example_is_the_list(vectors: Path, file: str) -> None:
    entry, figure = encoding(vectors, BIT_FIGURES[file]), (vectors / file).read_text()
    (row,) = (line for line in figure.splitlines() if line.startswith("Bit Values"))
    assert int("".join(re.findall(r"\b[01]\b", row)), 2).to_bytes(entry["raw_len"], "big").hex() == entry["raw_hex"]
    assert "".join(re.findall(r"0x([0-9A-F]{2})", figure)).lower() == entry["raw_hex"]
    (compressed,) = re.findall(r"compressed array \(hex\): ([0-9a-f]+)", figure)
    statuses = StatusList(entry["bits"], bytes.fromhex(entry["raw_hex"]))
    assert statuses.compress().hex() == compressed
    assert (
        StatusList.decompress(bytes.fromhex(compressed), bits=entry["bits"], limit_bytes=entry["raw_len"]) == statuses
    )


@pytest.mark.parametrize("file", JSON_LISTS)
def test_the_json_of_an_example_is_the_list(vectors: Path, file: str) -> None:
    text = (vectors / file).read_text()
    printed = json.loads(re.sub(r"\n  (?=[\w-])", "", text[text.index("{") :]))  # lst is broken into lines there
    assert printed == encoding(vectors, JSON_LISTS[file])["json"]


def digits(vectors: Path, file: str) -> bytes:
    """The bytes that a file prints in hexadecimal, without its comments and what stands above."""
    lines = [line.partition("#")[0].strip() for line in (vectors / file).read_text().splitlines()]
    return bytes.fromhex("".join(line for line in lines if re.fullmatch(r"[0-9a-f ]+", line)))


@pytest.mark.parametrize("file", CBOR_LISTS)
def test_the_cbor_of_an_example_is_the_list(vectors: Path, file: str) -> None:
    entry = encoding(vectors, CBOR_LISTS[file])
    printed = cbor2.loads(digits(vectors, file))
    assert printed == {"bits": entry["bits"], "lst": unsegment(entry["json"]["lst"])}
    assert "cbor_hex" not in entry or digits(vectors, file).hex() == entry["cbor_hex"]


# --- the token as CWT ---


@pytest.mark.parametrize("file", CWTS)
def test_the_published_cwt_answers_as_the_jwt_does(vectors: Path, trusted: TrustAnchors, file: str) -> None:
    token_ = digits(vectors, file)
    verified = verify_status_list(token_, uri=URI, media_type=MEDIA_TYPE_CWT, anchors=trusted, now=NOW)
    found = (verified.uri, verified.issued_at, verified.not_after, verified.ttl_s)
    assert found == (URI, ISSUED_AT, NOT_AFTER, TTL_S)
    assert verified.statuses == StatusList(1, bytes.fromhex(encoding(vectors, ENCODINGS[0])["raw_hex"]))
    store = StatusStore(anchors=trusted)
    store.ingest(URI, token_, media_type=MEDIA_TYPE_CWT, now=NOW)
    stated = encoding(vectors, ENCODINGS[0])["statuses"]
    assert [check(store, index) for index in range(16)] == [stated[str(index)] for index in range(16)]


def test_no_byte_of_the_published_cwt_can_be_changed(vectors: Path, trusted: TrustAnchors) -> None:
    body = digits(vectors, CWTS[0])
    label = (
        body.index(b"\xa1\x04\x4212") + 1
    )  # of the kid, which nobody signed: without it the key is found all the same
    for position in range(len(body)):
        changed = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
        if position == label:
            verify_status_list(changed, uri=URI, media_type=MEDIA_TYPE_CWT, anchors=trusted, now=NOW)
            continue
        with pytest.raises(CitizenIDError):
            verify_status_list(changed, uri=URI, media_type=MEDIA_TYPE_CWT, anchors=trusted, now=NOW)


def test_what_our_publisher_signs_is_the_published_cwt_but_for_its_signature(vectors: Path) -> None:
    entry = encoding(vectors, ENCODINGS[0])
    publisher = StatusPublisher(uri=URI, size=entry["entries"], bits=1)
    references = {reference.index: reference for reference in (publisher.allocate() for _ in range(entry["entries"]))}
    for index, value in entry["statuses"].items():
        if value:
            publisher.revoke(references[int(index)])
    signer = LocalKey.from_jwk(example_key(vectors))
    expires_s = NOT_AFTER - ISSUED_AT
    ours = publisher.publish(signer, format="cwt", now=ISSUED_AT, ttl_s=TTL_S, expires_s=expires_s, kid="12")
    theirs = cbor2.loads(digits(vectors, CWTS[0])).value
    protected, _, payload, _ = cbor2.loads(ours).value
    # Theirs has the kid in the unprotected header, and its claims in another order.
    assert cbor2.loads(protected) == {**cbor2.loads(theirs[0]), **theirs[1]}
    assert cbor2.loads(payload) == cbor2.loads(theirs[2])


@pytest.mark.parametrize("file", REFERENCED_CWTS)
def test_the_reference_of_the_published_cwt_is_one(vectors: Path, file: str) -> None:
    # A CWT is no SD-CWT, so that it is read no further than its status.
    _, _, payload, _ = cbor2.loads(digits(vectors, file)).value
    stated = cbor2.loads(payload)[65535]["status_list"]
    assert StatusReference(stated["uri"], stated["idx"]) == StatusReference(URI, 0)


# --- the token ---


def published(vectors: Path, file: str) -> bytes:
    """The token in a file: its lines put together, and what stands above it left out."""
    return "".join((vectors / file).read_text().rpartition("\n\n")[2].split()).encode()


def example_key(vectors: Path) -> dict[str, Any]:
    jwk = json.loads((vectors / FOLDER / "example_key.jwk.json").read_text())
    assert isinstance(jwk, dict)
    return jwk


@pytest.fixture
def trusted(vectors: Path) -> TrustAnchors:
    public = {name: value for name, value in example_key(vectors).items() if name != "d"}
    return TrustAnchors.from_jwks(ISSUER, {"keys": [public]}, purpose=KeyPurpose.STATUS_LIST)


@pytest.fixture
def body(vectors: Path) -> bytes:
    return published(vectors, TOKENS[0])


def check(store: StatusStore, index: int, now: int = NOW) -> Status | NeedStatusList:
    return store.check(StatusReference(URI, index), issuer=ISSUER, now=now)


@pytest.mark.parametrize("file", TOKENS)
def test_the_published_token_verifies(vectors: Path, trusted: TrustAnchors, file: str) -> None:
    token_ = published(vectors, file)
    verified = verify_status_list(token_, uri=URI, media_type=MEDIA_TYPE, anchors=trusted, now=NOW)
    found = (verified.uri, verified.issued_at, verified.not_after, verified.ttl_s)
    assert found == (URI, ISSUED_AT, NOT_AFTER, TTL_S)
    assert verified.anchor.issuer == ISSUER
    assert verified.statuses == StatusList(1, bytes.fromhex(encoding(vectors, ENCODINGS[0])["raw_hex"]))


@pytest.mark.parametrize("file", TOKENS)
def test_the_published_token_answers_for_every_index(vectors: Path, trusted: TrustAnchors, file: str) -> None:
    store = StatusStore(anchors=trusted)
    store.ingest(URI, published(vectors, file), media_type=MEDIA_TYPE, now=NOW)
    stated = encoding(vectors, ENCODINGS[0])["statuses"]
    assert [check(store, index) for index in range(16)] == [stated[str(index)] for index in range(16)]
    with pytest.raises(VerificationError) as caught:
        check(store, 16)
    assert caught.value.reason is Reason.STATUS_INDEX_OUT_OF_RANGE
    assert check(store, 0, NOW + TTL_S - 1) is Status.INVALID
    assert check(store, 0, NOW + TTL_S) == NeedStatusList(URI, Reason.STATUS_LIST_STALE)


@pytest.mark.parametrize("file", DECODED_TOKENS)
def test_the_printed_claims_are_those_of_the_token(vectors: Path, body: bytes, file: str) -> None:
    head, _, payload = (vectors / file).read_text().partition("\n.\n")
    segments = [json.loads(unsegment(part)) for part in body.split(b".")[:2]]
    assert segments[0] == json.loads(head)
    # The draft prints the claims without iss, and signs them with it.
    assert segments[1] == {**json.loads(payload), "iss": ISSUER}


def test_the_response_names_the_media_type(vectors: Path) -> None:
    for file in (f"{EXAMPLES}/20_sec8.2.txt", f"{EXAMPLES}/22_sec8.4.txt"):
        assert f"\nContent-Type: {MEDIA_TYPE}\n" in (vectors / file).read_text()


# --- hostile variants of the published token ---


def ingest_refused(store: StatusStore, data: bytes, now: int, uri: str = URI, media_type: str = MEDIA_TYPE) -> Reason:
    with pytest.raises(CitizenIDError) as caught:
        store.ingest(uri, data, media_type=media_type, now=now)
    assert caught.value.__context__ is None
    return caught.value.reason


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (ISSUED_AT - 31, Reason.STATUS_LIST_IN_FUTURE),
        (ISSUED_AT + 86_401, Reason.STATUS_LIST_TOO_OLD),
        (NOT_AFTER - 1, Reason.STATUS_LIST_TOO_OLD),
        (NOT_AFTER, Reason.STATUS_LIST_EXPIRED),
        (NOT_AFTER + 1, Reason.STATUS_LIST_EXPIRED),
    ],
)
def test_the_published_token_has_its_time(trusted: TrustAnchors, body: bytes, now: int, reason: Reason) -> None:
    assert ingest_refused(StatusStore(anchors=trusted), body, now) is reason


@pytest.mark.parametrize("now", [ISSUED_AT - 30, ISSUED_AT, ISSUED_AT + 86_400])
def test_and_within_it_is_taken_in(trusted: TrustAnchors, body: bytes, now: int) -> None:
    store = StatusStore(anchors=trusted)
    store.ingest(URI, body, media_type=MEDIA_TYPE, now=now)
    assert check(store, 1, now) is Status.VALID


def test_the_published_token_is_for_its_uri_type_and_signer(trusted: TrustAnchors, body: bytes) -> None:
    store = StatusStore(anchors=trusted)
    assert ingest_refused(store, body, NOW, uri=URI + "/") is Reason.STATUS_SUBJECT_MISMATCH
    assert ingest_refused(store, body, NOW, uri=URI[:-1] + "2") is Reason.STATUS_SUBJECT_MISMATCH
    assert ingest_refused(store, body, NOW, media_type="application/statuslist") is Reason.STATUS_MEDIA_TYPE
    assert ingest_refused(store, body, NOW, media_type="application/jwt") is Reason.STATUS_MEDIA_TYPE
    stranger = {**LocalKey.generate("ES256").public.to_jwk(), "kid": "12"}
    others = TrustAnchors.from_jwks(ISSUER, {"keys": [stranger]}, purpose=KeyPurpose.STATUS_LIST)
    assert ingest_refused(StatusStore(anchors=others), body, NOW) is Reason.SIGNATURE_INVALID
    assert ingest_refused(StatusStore(anchors=TrustAnchors()), body, NOW) is Reason.KEY_UNKNOWN


def test_the_key_of_another_issuer_or_purpose_does_not_count(vectors: Path, trusted: TrustAnchors, body: bytes) -> None:
    (anchor,) = trusted
    assert anchor.key is not None
    labelled = TrustAnchors.from_keys("https://example.org", [anchor.key], purpose=KeyPurpose.STATUS_LIST)
    assert ingest_refused(StatusStore(anchors=labelled), body, NOW) is Reason.KEY_UNKNOWN
    for_credentials = TrustAnchors.from_keys(
        ISSUER,
        [anchor.key],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=["urn:example"],
        countries=ANY,
    )
    assert ingest_refused(StatusStore(anchors=for_credentials), body, NOW) is Reason.KEY_UNKNOWN


def test_no_byte_of_the_published_token_can_be_changed(trusted: TrustAnchors, body: bytes) -> None:
    store = StatusStore(anchors=trusted)
    for position in range(len(body)):
        changed_ = bytearray(body)
        changed_[position] ^= 1
        ingest_refused(store, bytes(changed_), NOW)
        ingest_refused(store, body[:position], NOW)
    assert check(store, 1) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)


ONE_BIT = {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}
VARIANTS: tuple[tuple[str, dict[str, Any], dict[str, Any], Reason], ...] = (
    ("typ-missing", {"typ": ABSENT}, {}, Reason.TYP_MISMATCH),
    ("typ-jwt", {"typ": "JWT"}, {}, Reason.TYP_MISMATCH),
    ("typ-cwt", {"typ": "statuslist+cwt"}, {}, Reason.TYP_MISMATCH),
    ("alg-none", {"alg": "none"}, {}, Reason.ALGORITHM_NOT_ALLOWED),
    ("alg-hs256", {"alg": "HS256"}, {}, Reason.ALGORITHM_NOT_ALLOWED),
    ("alg-es384", {"alg": "ES384"}, {}, Reason.ALGORITHM_MISMATCH),
    ("kid-11", {"kid": "11"}, {}, Reason.KEY_UNKNOWN),
    ("crit", {"crit": ["exp"]}, {}, Reason.CRIT_UNSUPPORTED),
    ("sub-missing", {}, {"sub": ABSENT}, Reason.STATUS_SUBJECT_MISMATCH),
    ("sub-case", {}, {"sub": "https://example.com/StatusLists/1"}, Reason.STATUS_SUBJECT_MISMATCH),
    ("sub-port", {}, {"sub": "https://example.com:443/statuslists/1"}, Reason.STATUS_SUBJECT_MISMATCH),
    ("iss-other", {}, {"iss": "https://example.org"}, Reason.ISSUER_MISMATCH),
    ("iat-missing", {}, {"iat": ABSENT}, Reason.CLAIM_MISSING),
    ("iat-text", {}, {"iat": str(ISSUED_AT)}, Reason.CLAIM_INVALID),
    ("iat-fraction", {}, {"iat": ISSUED_AT + 0.5}, Reason.CLAIM_INVALID),
    ("iat-future", {}, {"iat": NOW + 31}, Reason.STATUS_LIST_IN_FUTURE),
    ("iat-old", {}, {"iat": NOW - 86_401}, Reason.STATUS_LIST_TOO_OLD),
    ("exp-now", {}, {"exp": NOW}, Reason.STATUS_LIST_EXPIRED),
    ("exp-true", {}, {"exp": True}, Reason.CLAIM_INVALID),
    ("ttl-0", {}, {"ttl": 0}, Reason.CLAIM_INVALID),
    ("ttl-negative", {}, {"ttl": -43_200}, Reason.CLAIM_INVALID),
    ("list-missing", {}, {"status_list": ABSENT}, Reason.STATUS_LIST_MALFORMED),
    ("bits-3", {}, {"status_list": {**ONE_BIT, "bits": 3}}, Reason.STATUS_LIST_MALFORMED),
    ("bits-text", {}, {"status_list": {**ONE_BIT, "bits": "1"}}, Reason.STATUS_LIST_MALFORMED),
    ("lst-missing", {}, {"status_list": {"bits": 1}}, Reason.MALFORMED_BASE64),
    ("lst-padded", {}, {"status_list": {**ONE_BIT, "lst": "eNrbuRgAAhcBXQ=="}}, Reason.MALFORMED_BASE64),
    ("lst-cut", {}, {"status_list": {**ONE_BIT, "lst": "eNrbuRgAAhcB"}}, Reason.STATUS_LIST_MALFORMED),
    ("lst-not-compressed", {}, {"status_list": {**ONE_BIT, "lst": "uaM"}}, Reason.STATUS_LIST_MALFORMED),
    ("lst-hex", {}, {"status_list": {**ONE_BIT, "lst": "78dadbb918000217015d"}}, Reason.STATUS_LIST_MALFORMED),
    ("lst-multibase", {}, {"status_list": {**ONE_BIT, "lst": "ueNrbuRgAAhcBXQ"}}, Reason.STATUS_LIST_MALFORMED),
)


@pytest.mark.parametrize(("name", "head", "payload", "reason"), VARIANTS, ids=[variant[0] for variant in VARIANTS])
def test_a_variant_signed_with_the_published_key_is_refused(
    vectors: Path,
    trusted: TrustAnchors,
    body: bytes,
    name: str,
    head: dict[str, Any],
    payload: dict[str, Any],
    reason: Reason,
) -> None:
    changed_header, changed_claims = (
        {member: value for member, value in {**json.loads(unsegment(part)), **changes}.items() if value is not ABSENT}
        for part, changes in zip(body.split(b"."), (head, payload), strict=False)
    )
    signer = LocalKey.from_jwk(example_key(vectors))
    data = token(changed_claims, changed_header, signer=signer)
    empty, holding = StatusStore(anchors=trusted), StatusStore(anchors=trusted)
    assert ingest_refused(empty, data, NOW) is reason
    # And a verifier that holds the published list keeps it, and answers as before.
    holding.ingest(URI, body, media_type=MEDIA_TYPE, now=NOW)
    later = Reason.STATUS_LIST_ROLLBACK if reason is Reason.STATUS_LIST_TOO_OLD else reason
    assert ingest_refused(holding, data, NOW) is later
    assert [check(holding, index) for index in (0, 1)] == [Status.INVALID, Status.VALID]


def test_the_published_list_is_not_replaced_by_an_older_or_another_one(
    vectors: Path, trusted: TrustAnchors, body: bytes
) -> None:
    signer = LocalKey.from_jwk(example_key(vectors))
    head, payload = (json.loads(unsegment(part)) for part in body.split(b".")[:2])
    store = StatusStore(anchors=trusted)
    store.ingest(URI, body, media_type=MEDIA_TYPE, now=NOW)
    nobody_revoked = {"bits": 1, "lst": segment(zlib.compress(bytes(2))).decode()}
    older = token({**payload, "iat": ISSUED_AT - 1, "status_list": nobody_revoked}, head, signer=signer)
    assert ingest_refused(store, older, NOW) is Reason.STATUS_LIST_ROLLBACK
    other = token({**payload, "status_list": nobody_revoked}, head, signer=signer)
    assert ingest_refused(store, other, NOW) is Reason.STATUS_LIST_CONFLICT
    assert check(store, 0) is Status.INVALID
    newer = token({**payload, "iat": ISSUED_AT + 1, "status_list": nobody_revoked}, head, signer=signer)
    store.ingest(URI, newer, media_type=MEDIA_TYPE, now=NOW)
    assert check(store, 0) is Status.VALID


# --- the referenced token ---


def referenced(vectors: Path) -> bytes:
    return (vectors / REFERENCED).read_bytes().strip()


def issuer_key(vectors: Path) -> PublicKey:
    """The key that signs the examples of RFC 9901 signs this one too."""
    return PublicKey.from_jwk(json.loads((vectors / "sd-jwt/rfc9901-examples/51_secA.5.json").read_text()))


def test_the_status_reference_of_the_published_credential_is_read(
    vectors: Path, trusted: TrustAnchors, body: bytes
) -> None:
    (presentation,) = open_presentation(referenced(vectors), format=Format.SD_JWT_VC)
    verify_signature(presentation.credential, issuer_key(vectors), "issuer-jwt")
    payload = json.loads(presentation.credential.payload)
    assert payload == json.loads((vectors / DECODED_REFERENCES[1]).read_text())
    # It is an SD-JWT and no SD-JWT VC, so its typ and the vct it lacks are put in before it is read as one.
    payload_of_a_vc = json.dumps({**payload, "vct": "urn:example"}).encode()
    credential = presentation.credential._replace(typ="dc+sd-jwt", payload=payload_of_a_vc)
    as_vc = presentation._replace(credential=credential)
    attestation = READERS[Format.SD_JWT_VC].read(as_vc, ISSUER, DEFAULT_LIMITS).attestation
    (reference,) = attestation.status
    assert reference == StatusReference(URI, 0)
    store = StatusStore(anchors=trusted)
    assert store.check(reference, issuer=ISSUER, now=NOW) == NeedStatusList(URI, Reason.STATUS_LIST_UNAVAILABLE)
    (due,) = store.due(NOW)
    store.ingest(due, body, media_type=MEDIA_TYPE, now=NOW)
    assert store.check(reference, issuer=ISSUER, now=NOW) is Status.INVALID


def test_the_decoded_examples_name_the_same_reference(vectors: Path) -> None:
    for file in DECODED_REFERENCES:
        payload = json.loads((vectors / file).read_text().rpartition("\n.\n")[2])
        assert payload["status"] == {"status_list": {"idx": 0, "uri": URI}}


def test_the_whole_pipeline_refuses_what_is_no_sd_jwt_vc(vectors: Path, trusted: TrustAnchors) -> None:
    # Its typ is example+sd-jwt, and it has neither vct nor cnf: nobody fetches a list for it (section 8.3).
    anchors = TrustAnchors.from_keys(
        "https://example.com/issuer",
        [issuer_key(vectors)],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=["urn:example"],
        countries=ANY,
    )
    store = StatusStore(anchors=trusted)
    with pytest.raises(VerificationError) as caught:
        verify(
            referenced(vectors),
            format=Format.SD_JWT_VC,
            anchors=anchors,
            challenge=Challenge("https://gateway.example", "nonce-of-this-test"),
            statuses=store,
            now=NOW,
        )
    assert (caught.value.reason, caught.value.step) == (Reason.TYP_MISMATCH, "V4")
    assert store.due(NOW) == ()


def test_the_bound_on_the_body_holds_for_the_published_token(trusted: TrustAnchors, body: bytes) -> None:
    store = StatusStore(anchors=trusted, limits=Limits(status_list_bytes=len(body) - 1))
    assert ingest_refused(store, body, NOW) is Reason.INPUT_TOO_LARGE
