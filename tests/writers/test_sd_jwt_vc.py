"""SD-JWT VC as it is written: what an issuer and a holder may not get wrong, and that what is written can be read.

The rules I-1 to I-14 of RFC 9901 are looked up in the bytes that come out, with the standard library alone.

Spec: RFC 9901 sections 4, 4.3, 8, 9.3, 9.7; SD-JWT VC section 2.2.
"""

from __future__ import annotations

import base64 as stdlib_base64
import functools
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from builders import (
    AUDIENCE,
    HASHES,
    ISSUER,
    NONCE,
    NOW,
    RESERVED,
    STATUS_URI,
    VALID_INDEX,
    VCT,
    anchors_for,
    certificate,
    certificate_key,
    challenge,
    country_lists,
    der,
    digest,
    key,
    local_key,
    misused,
    paths,
    pem,
    person_claims,
    same,
    shared_statuses,
    unbase64url,
)
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    ANY,
    Assurance,
    Attestation,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    Limits,
    Reason,
    Serialization,
    StatusKind,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Validity,
)
from citizenid._limits import DEFAULT_LIMITS
from citizenid._writers import WRITERS, IssueOptions, PresentOptions, Signer
from citizenid.verifier import VerifiedPresentation, open_presentation, verify, verify_credential

WRITER = WRITERS[Format.SD_JWT_VC]
KID = "k1"


def attestation(claims: Mapping[str, Any] | None = None, **changes: Any) -> Attestation:
    good: dict[str, Any] = {
        "type": VCT,
        "issuer": ISSUER,
        "claims": {"nationalities": ["US"]} if claims is None else claims,
        "validity": Validity(UnixTime(NOW - 60), None, UnixTime(NOW + 86_400)),
        "holder_key": key("holder").public,
        "status": (StatusReference(STATUS_URI, VALID_INDEX),),
    }
    return Attestation(**{**good, **changes})


def source() -> Callable[[int], bytes]:
    """Bytes that do not repeat and are the same in each run."""
    numbers = itertools.count()
    return lambda size: b"".join(f"{next(numbers):06d}".encode() for _ in range(-(-size // 6)))[:size]


def issue(
    what: Attestation,
    disclosable: Any = None,
    *,
    decoys: int = 0,
    hash_algorithm: str = "sha-256",
    serialization: Serialization = Serialization.COMPACT,
    algorithm: str = "ES256",
    limits: Limits = DEFAULT_LIMITS,
    certificates: tuple[bytes, ...] = (),
) -> bytes:
    signer = key("issuer", algorithm)
    options = IssueOptions(disclosable, decoys, hash_algorithm, serialization)
    unsigned = WRITER.issue(what, Signer(signer.public, KID, certificates), options, source(), limits)
    return unsigned.complete(signer.sign(unsigned.to_be_signed))


def trusted(algorithm: str = "ES256") -> TrustAnchors:
    return anchors_for(key("issuer", algorithm).public, kid=KID)


def read(
    data: bytes, serialization: Serialization = Serialization.COMPACT, algorithm: str = "ES256", **changes: Any
) -> Attestation:
    (presentation,) = open_presentation(data, format=Format.SD_JWT_VC, serialization=serialization, **changes)
    return verify_credential(presentation, anchors=trusted(algorithm), now=NOW, **changes).attestation


def parts(data: bytes) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    token, *disclosures, last = data.split(b"~")
    assert last == b""
    header, payload, _ = token.split(b".")
    decoded = [json.loads(unbase64url(text)) for text in disclosures]
    return json.loads(unbase64url(header)), json.loads(unbase64url(payload)), decoded


def digests(value: Any) -> list[str]:
    """Every digest in a decoded tree or disclosure."""
    found: list[str] = []
    if isinstance(value, dict):
        found.extend(value.get("_sd", ()))
        if "..." in value:
            found.append(value["..."])
        for item in value.values():
            found.extend(digests(item))
    elif isinstance(value, list):
        for item in value:
            found.extend(digests(item))
    return found


attestations = st.builds(
    lambda claims, nationalities, citizenships, complete, with_key, assurance, nbf: attestation(
        claims | Citizenship(nationalities, citizenships, complete).to_claims(Format.SD_JWT_VC),
        holder_key=key("holder").public if with_key else key("holder", "Ed25519").public,
        assurance=assurance,
        validity=Validity(UnixTime(NOW - 60), nbf, UnixTime(NOW + 86_400)),
    ),
    person_claims,
    country_lists,
    st.just([]) | country_lists,
    st.booleans(),
    st.booleans(),
    st.none() | st.builds(Assurance, st.text(min_size=1, max_size=64), st.text(min_size=1, max_size=64)),
    st.none() | st.just(UnixTime(NOW - 30)),
)


def chosen_paths(what: Attestation, numbers: list[int]) -> list[tuple[Any, ...]]:
    """Some of the paths of an attestation, some of them with a wildcard for an index."""
    everything = paths(what.claims)
    chosen: list[tuple[Any, ...]] = []
    for number in numbers:
        if everything:
            path: tuple[Any, ...] = everything[number % len(everything)]
            chosen.append(tuple(None if type(step) is int and number % 3 == 0 else step for step in path))
    return chosen


# --- what is written can be read ---


@given(
    what=attestations,
    numbers=st.none() | st.lists(st.integers(0, 10_000), max_size=8),
    decoys=st.integers(0, 5),
    hash_algorithm=st.sampled_from(list(HASHES)),
    serialization=st.sampled_from(list(Serialization)),
)
def test_reading_what_was_issued_gives_what_was_attested(
    what: Attestation, numbers: list[int] | None, decoys: int, hash_algorithm: str, serialization: Serialization
) -> None:
    disclosable = None if numbers is None else chosen_paths(what, numbers)
    options: dict[str, Any] = {"decoys": decoys, "hash_algorithm": hash_algorithm, "serialization": serialization}
    again = read(issue(what, disclosable, **options), serialization)
    assert again == what
    assert same(again.claims, what.claims)
    assert again.citizenship == what.citizenship


@given(what=attestations, numbers=st.lists(st.integers(0, 10_000), max_size=8), decoys=st.integers(0, 5))
def test_the_rules_for_issuers_hold_in_the_bytes(what: Attestation, numbers: list[int], decoys: int) -> None:
    disclosable = chosen_paths(what, numbers)
    data = issue(what, disclosable, decoys=decoys)
    header, payload, disclosures = parts(data)
    encoded = data.split(b"~")[1:-1]
    assert header == {"alg": "ES256", "typ": "dc+sd-jwt", "kid": KID}  # I-1, I-14
    everything = digests(payload) + [each for array in disclosures for each in digests(array[-1])]
    assert len(set(everything)) == len(everything)  # I-3
    assert {digest(text) for text in encoded} <= set(everything)
    assert len(everything) == len(encoded) + decoys  # I-11: a decoy has no disclosure
    assert payload.get("_sd_alg") == ("sha-256" if everything else None)  # I-4
    assert len({array[0] for array in disclosures}) == len(disclosures)  # I-7
    for array in disclosures:
        assert type(array[0]) is str and len(unbase64url(array[0])) == 18
        if len(array) == 3:  # I-5
            assert type(array[1]) is str and array[1] not in RESERVED
        else:  # I-6
            assert len(array) == 2
    for tree in (payload, *(array[-1] for array in disclosures)):  # I-9, I-10
        for digests_ in members(tree, "_sd"):
            assert digests_ == sorted(digests_) and all(type(each) is str for each in digests_)
            assert digests_
        for placeholder in members(tree, "...", whole=True):
            assert list(placeholder) == ["..."]
        assert list(members(tree, "_sd_alg")) == ([payload["_sd_alg"]] if tree is payload and everything else [])
    hidden = set(Counter(array[1] for array in disclosures if len(array) == 3))
    assert not {"iss", "exp", "nbf", "cnf", "vct", "status", "aud"} & (
        hidden - {path[-1] for path in disclosable}
    )  # I-13


def members(value: Any, name: str, *, whole: bool = False) -> Iterator[Any]:
    if isinstance(value, dict):
        if name in value:
            yield value if whole else value[name]
        for item in value.values():
            yield from members(item, name, whole=whole)
    elif isinstance(value, list):
        for item in value:
            yield from members(item, name, whole=whole)


@given(what=attestations)
def test_without_disclosable_claims_there_is_no_trace_of_disclosure(what: Attestation) -> None:
    # SD-JWT VC section 2.2.2.5: no _sd, no disclosures, and still the tilde at the end.
    data = issue(what, ())
    _, payload, disclosures = parts(data)
    assert data.count(b"~") == 1 and disclosures == []
    assert not RESERVED & set(payload)
    assert same(read(data).claims, what.claims)


def test_the_structural_claims_stand_in_the_clear() -> None:
    what = attestation(
        {"nationalities": ["US", "DE"], "given_name": "Ada"},
        validity=Validity(UnixTime(NOW - 60), UnixTime(NOW - 30), UnixTime(NOW + 86_400)),
        assurance=Assurance("eIDAS", "high"),
    )
    _, payload, disclosures = parts(issue(what))
    assert {name: payload[name] for name in payload if not name.startswith("_sd")} == {
        "iss": ISSUER, "vct": VCT, "iat": NOW - 60, "nbf": NOW - 30, "exp": NOW + 86_400,
        "cnf": {"jwk": dict(key("holder").public.to_jwk())},
        "status": {"status_list": {"idx": VALID_INDEX, "uri": STATUS_URI}},
        "assurance": {"framework": "eIDAS", "level": "high"},
    }  # fmt: skip
    assert sorted(len(array) for array in disclosures) == [2, 2, 3, 3]


def test_the_time_of_the_evidence_may_be_withheld_as_the_issuer_wills() -> None:
    what = attestation({"nationalities": ["US"], "x": 1}, evidence_at=UnixTime(NOW - 600))
    for disclosable, hidden in ((None, True), ([("x",)], False), ([("evidence_checked_at",)], True), ((), False)):
        data = issue(what, disclosable)
        _, payload, disclosures = parts(data)
        assert (payload.get("evidence_checked_at"), [NOW - 600] * hidden) == (
            None if hidden else NOW - 600,
            [array[2] for array in disclosures if array[-2] == "evidence_checked_at"],
        )
        made = read(data)
        assert made.evidence_at == NOW - 600 and same(made.claims, what.claims)
    assert "evidence_checked_at" not in parts(issue(attestation({"x": 1})))[1]
    misused(Reason.CLAIM_UNKNOWN, lambda: issue(attestation({"x": 1}), [("evidence_checked_at",)]))


def test_a_time_of_the_evidence_that_no_verifier_would_read_is_not_written() -> None:
    issue(attestation(evidence_at=UnixTime(NOW - 60)))  # the very second of iat
    misused(Reason.CLAIM_INVALID, lambda: issue(attestation(evidence_at=UnixTime(NOW - 59))))
    misused(Reason.CLAIM_INVALID, lambda: issue(attestation(type="urn:other", evidence_at=UnixTime(NOW - 600))))
    without = Validity(None, None, UnixTime(NOW + 86_400))
    made = read(issue(attestation(validity=without, evidence_at=UnixTime(NOW - 5))))
    assert made.evidence_at == NOW - 5
    # Without iat it may lie behind its beginning, and not behind its end: nobody would ever have checked by then.
    issue(attestation(validity=without, evidence_at=UnixTime(without.not_after - 1)))
    for after in (without.not_after, UnixTime(2**53 - 1)):
        misused(Reason.CLAIM_INVALID, lambda: issue(attestation(validity=without, evidence_at=after)))  # noqa: B023


def test_by_default_everything_that_may_be_is_disclosable() -> None:
    claims = {"nationalities": ["US", "DE"], "address": {"street": "x", "lines": ["a", ["b"]]}, "given_name": "Ada"}
    _, payload, disclosures = parts(issue(attestation(claims)))
    assert not claims.keys() & payload.keys()
    assert len(disclosures) == len(paths(claims))


def test_a_hidden_part_inside_a_hidden_part_is_a_recursive_disclosure() -> None:
    what = attestation({"a": {"b": [1, 2]}, "nationalities": ["US"]})
    _, payload, disclosures = parts(issue(what, [("a",), ("a", "b"), ("a", "b", 1)]))
    by_name = {array[1]: array[2] for array in disclosures if len(array) == 3}
    assert list(by_name["a"]) == ["_sd"] and by_name["b"][0] == 1 and list(by_name["b"][1]) == ["..."]
    assert payload["nationalities"] == ["US"] and len(payload["_sd"]) == 1


@pytest.mark.parametrize("hash_algorithm", list(HASHES))
def test_digests_are_over_the_disclosure_as_it_is_written(hash_algorithm: str) -> None:
    data = issue(attestation({"nationalities": ["US"], "n": "\u00e9\u2028"}), hash_algorithm=hash_algorithm)
    _, payload, disclosures = parts(data)
    everything = digests(payload) + [each for array in disclosures for each in digests(array[-1])]
    assert {digest(text, hash_algorithm) for text in data.split(b"~")[1:-1]} == set(everything)
    assert payload["_sd_alg"] == hash_algorithm


def test_decoys_look_like_digests_and_are_drawn_like_salts() -> None:
    one = parts(issue(attestation(), decoys=20))[1]["_sd"]
    assert len(one) == 21 and len({len(each) for each in one}) == 1
    _, payload, _ = parts(issue(attestation({"x": 1}), (), decoys=3))
    assert len(payload["_sd"]) == 3 and payload["_sd_alg"] == "sha-256"
    assert same(read(issue(attestation({"x": 1}), (), decoys=3)).claims, {"x": 1})


def test_the_writer_is_pure() -> None:
    # The same salts and an algorithm without randomness: the same bytes.
    assert issue(attestation(), algorithm="Ed25519", decoys=3) == issue(attestation(), algorithm="Ed25519", decoys=3)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_every_algorithm_writes_a_header_that_names_it(algorithm: str) -> None:
    data = issue(attestation(), algorithm=algorithm)
    assert parts(data)[0]["alg"] == algorithm
    assert read(data, algorithm=algorithm) == attestation()


def test_certificates_take_the_place_of_the_kid() -> None:
    root, leaf = certificate("root", "root", authority=True), certificate("leaf", "root")
    signer = local_key(certificate_key("leaf"))
    options = IssueOptions(None, 0, "sha-256", Serialization.COMPACT)
    unsigned = WRITER.issue(attestation(), Signer(signer.public, KID, der(leaf)), options, source(), DEFAULT_LIMITS)
    data = unsigned.complete(signer.sign(unsigned.to_be_signed))
    header, *_ = parts(data)
    assert header == {"alg": "ES256", "typ": "dc+sd-jwt", "x5c": [stdlib_base64.b64encode(*der(leaf)).decode()]}
    anchors = TrustAnchors.from_certificates(
        pem(root), issuer=ISSUER, purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_JWT_VC], types=[VCT], countries=ANY
    )
    (presentation,) = open_presentation(data, format=Format.SD_JWT_VC)
    assert verify_credential(presentation, anchors=anchors, now=NOW).attestation == attestation()


@pytest.mark.parametrize("general", [False, True])
def test_the_json_forms_have_the_members_of_section_8(general: bool) -> None:
    serialization = Serialization.GENERAL if general else Serialization.FLATTENED
    document = json.loads(issue(attestation(), serialization=serialization))
    signed = document["signatures"][0] if general else document
    assert document.keys() == (
        {"payload", "signatures"} if general else {"payload", "header", "protected", "signature"}
    )
    assert signed.keys() >= {"header", "protected", "signature"} and list(signed["header"]) == ["disclosures"]


# --- what may not be written ---


@pytest.mark.parametrize("name", ["_sd", "...", "_sd_alg"])
@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: {"o": c}, lambda c: {"x": [c]}, lambda c: {"x": [[{"o": c}]]}])
def test_names_that_mark_hidden_parts_are_reserved_at_any_depth(name: str, wrap: Any) -> None:
    for disclosable in (None, ()):
        misused(Reason.CLAIM_RESERVED, lambda d=disclosable: issue(attestation(wrap({name: "x"})), d))


@pytest.mark.parametrize(
    "name",
    [
        "iss", "aud", "exp", "nbf", "iat", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "credentialStatus",
        "assurance", "evidence_checked_at",
    ],
)  # fmt: skip
def test_a_claim_that_the_attestation_states_itself_is_reserved(name: str) -> None:
    for disclosable in (None, (), [(name,)]):
        misused(Reason.CLAIM_RESERVED, lambda d=disclosable: issue(attestation({name: "x"}), d))
    issue(attestation({"o": {name: "x"}}))


@pytest.mark.parametrize(
    "name", ["iss", "aud", "exp", "nbf", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "credentialStatus"]
)
def test_control_claims_are_not_disclosable(name: str) -> None:
    for path in ((name,), (name, "jwk"), (name, None)):
        misused(Reason.CLAIM_NOT_DISCLOSABLE, lambda path=path: issue(attestation(), [path]))


@pytest.mark.parametrize("path", [
    (), ("x",), ("nationalities", 1), ("nationalities", -1), ("nationalities", "0"), ("nationalities", 0, 0), (0,),
    (None,),
    ("address", None), ("address", 0), ("address", "x"), ("nationalities", None, None), ("empty", None),
    ("nationalities", True),
    ("nationalities", 0.0), (b"nationalities",), ("given_name", 0), ("given_name", None), "nationalities", ("iat",),
    ("nationalities", False),
])  # fmt: skip
def test_a_path_that_leads_nowhere_is_refused(path: Any) -> None:
    claims = {"nationalities": ["US"], "address": {"street": "x"}, "empty": [], "given_name": "Ada"}
    # Once after a path that equals it in Python, and once before: 0, False and 0.0 are one key of a dict.
    issue(attestation(claims), [("nationalities", 0)])
    misused(Reason.CLAIM_UNKNOWN, lambda: issue(attestation(claims), [path]))
    misused(Reason.CLAIM_UNKNOWN, lambda: issue(attestation(claims), [("given_name",), path]))
    misused(Reason.CLAIM_UNKNOWN, lambda: issue(attestation(claims), [path, ("nationalities", None)]))


def test_a_list_under_a_number_is_no_list_that_a_path_leads_to() -> None:
    misused(Reason.CLAIM_UNKNOWN, lambda: issue(attestation({5: ["x"]}), [(5, None)]))
    misused(Reason.CLAIM_UNKNOWN, lambda: issue(attestation({5: ["x"], "x": ["x"]}), [("x", None), (5, None)]))


def test_whole_lists_may_be_marked_beside_other_paths() -> None:
    claims = {"nationalities": ["US", "DE"], "x": ["a", ["b"], {"c": [1]}], "given_name": "Ada"}
    paths = [("nationalities", None), ("x", None), ("x", 1, None), ("x", 2, "c", None), ("given_name",)]
    _, _, disclosures = parts(issue(attestation(claims), paths))
    assert len(disclosures) == 2 + 3 + 1 + 1 + 1
    misused(Reason.CLAIM_UNKNOWN, lambda: issue(attestation(claims), [("x", None), ("x", 0, None)]))


@pytest.mark.parametrize("value", [b"x", {1}, object(), 1j, {1: 2}, {None: 1}])
def test_a_value_that_json_does_not_have_is_refused(value: Any) -> None:
    for disclosable in (None, ()):
        misused(Reason.CLAIM_INVALID, lambda d=disclosable: issue(attestation({"x": value}), d))


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), "\ud800", {"\udfff": 1}, 1 << 20_000], ids=range(6)
)
def test_a_value_that_json_cannot_write_is_refused(value: Any) -> None:
    for disclosable in (None, ()):
        with pytest.raises(CitizenIDError) as caught:
            issue(attestation({"x": value}), disclosable)
        assert caught.value.reason in (Reason.MALFORMED_JSON, Reason.CLAIM_INVALID)
        assert caught.value.__context__ is None and caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["sha-1", "SHA-256", "sha256", "md5", "none", "", "sha-256-32", "sha3-256"])
def test_other_hash_algorithms_are_refused(name: str) -> None:
    misused(Reason.HASH_ALGORITHM_NOT_ALLOWED, lambda: issue(attestation(), hash_algorithm=name))


@pytest.mark.parametrize("field", ["type", "issuer"])
@pytest.mark.parametrize("value", ["", None, 5, [VCT]])
def test_type_and_issuer_are_texts(field: str, value: Any) -> None:
    misused(Reason.CLAIM_INVALID, lambda: issue(attestation(**{field: value})))


def test_a_status_list_alone_is_written_and_nothing_dropped_of_it() -> None:
    for reference in (
        StatusReference("https://id.example/1", None, StatusKind.IDENTIFIER_LIST, b"identifier"),
        StatusReference("https://id.example/1", 5, certificate=b"der"),
    ):
        stated = attestation({}, status=(reference,))
        misused(Reason.STATUS_MECHANISM_UNKNOWN, functools.partial(issue, stated))


def test_two_status_references_have_no_room() -> None:
    two = (StatusReference(STATUS_URI, 1), StatusReference(STATUS_URI, 2))
    misused(Reason.LIMIT_EXCEEDED, lambda: issue(attestation(status=two)))


def bits(index: int, purpose: str = "revocation", uri: str = "https://id.example/bits/1") -> StatusReference:
    return StatusReference(uri, index, StatusKind.BITSTRING, purpose=purpose)


ONE_ENTRY = {
    "type": "BitstringStatusListEntry",
    "statusPurpose": "revocation",
    "statusListIndex": "4294967295",
    "statusListCredential": 'https://id.example/bits/"1"',
}


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        ((bits(2**32 - 1, uri='https://id.example/bits/"1"'),), {"credentialStatus": ONE_ENTRY}),
        (
            (bits(2**32 - 1, uri='https://id.example/bits/"1"'), bits(0, "suspension", "urn:x")),
            {
                "credentialStatus": [
                    ONE_ENTRY,
                    {
                        "type": "BitstringStatusListEntry",
                        "statusPurpose": "suspension",
                        "statusListIndex": "0",
                        "statusListCredential": "urn:x",
                    },
                ]
            },
        ),
        (
            (bits(2**32 - 1, uri='https://id.example/bits/"1"'), StatusReference(STATUS_URI, 5)),
            {"credentialStatus": ONE_ENTRY, "status": {"status_list": {"idx": 5, "uri": STATUS_URI}}},
        ),
    ],
)
def test_an_entry_of_a_bitstring_list_is_written_and_read(
    references: tuple[StatusReference, ...], expected: dict[str, Any]
) -> None:
    data = issue(attestation(status=references))
    payload = json.loads(unbase64url(data.split(b".")[1]))
    assert {name: value for name, value in payload.items() if "tatus" in name} == expected
    (presentation,) = open_presentation(data, format=Format.SD_JWT_VC)
    read = verify_credential(presentation, anchors=trusted(), now=NOW).attestation.status
    assert sorted(read, key=repr_of) == sorted(references, key=repr_of)


def repr_of(reference: StatusReference) -> tuple[str, int]:
    return reference.uri, reference.index


def test_three_status_references_have_no_room() -> None:
    for three in ((bits(1), bits(2), bits(3)), (StatusReference(STATUS_URI, 1), bits(2), bits(3))):
        misused(Reason.LIMIT_EXCEEDED, lambda three=three: issue(attestation(status=three)))


def test_the_limits_are_those_of_the_reader() -> None:
    many = attestation({f"n{number}": number for number in range(5)})
    issue(many, limits=Limits(disclosures=5))
    misused(Reason.LIMIT_EXCEEDED, lambda: issue(many, limits=Limits(disclosures=4)))
    issue(many, decoys=5, limits=Limits(digests=10))
    misused(Reason.LIMIT_EXCEEDED, lambda: issue(many, decoys=6, limits=Limits(digests=10)))
    issue(attestation({"n" * 255: 1}))
    misused(Reason.LIMIT_EXCEEDED, lambda: issue(attestation({"n" * 256: 1})))
    misused(Reason.LIMIT_EXCEEDED, lambda: issue(attestation(), decoys=11, limits=Limits(digests=10)))
    misused(Reason.INPUT_TOO_LARGE, lambda: issue(attestation({"x": "y" * 131_072})))
    misused(Reason.INPUT_TOO_LARGE, lambda: issue(attestation({"x": "y" * 131_072}), ()))
    # Half of what a verifier reads is left for the key binding, to the byte.
    to_be_signed = issue(attestation(), ()).rpartition(b".")[0]
    size = len(to_be_signed) + 2 * 64
    issue(attestation(), (), limits=Limits(presentation_bytes=2 * size))
    misused(Reason.INPUT_TOO_LARGE, lambda: issue(attestation(), (), limits=Limits(presentation_bytes=2 * size - 1)))


@pytest.mark.parametrize("depth", range(1, 7))
@pytest.mark.parametrize("hide", ["all", "none", "deepest", "first"])
@pytest.mark.parametrize("kind", ["object", "array"])
def test_whatever_depth_is_written_can_be_read_under_the_same_limits(depth: int, hide: str, kind: str) -> None:
    # Marks add a level of their own (`_sd` is an array in the object, a placeholder an object in the array), and so
    # does the array of a disclosure: a credential at the edge must be refused here, not by its first verifier.
    limits = Limits(depth=5)
    value: Any = 1
    for _ in range(depth):
        value = {"n": value} if kind == "object" else [value]
    what = attestation({"x": value})
    everything = paths(what.claims)
    disclosable = {"all": None, "none": (), "deepest": everything[-1:], "first": everything[:1]}[hide]
    try:
        data = issue(what, disclosable, limits=limits)
    except CitizenIDError as error:
        assert error.reason is Reason.DEPTH_EXCEEDED
        return
    assert same(read(data, limits=limits).claims, what.claims)


def coming_around(count: int) -> Callable[[int], bytes]:
    """A random source that gives so many salts over and over."""
    salts = itertools.cycle(f"salt number {number:06d}".encode() for number in range(count))
    return lambda size: b"".join(next(salts) for _ in range(size // 18))


@pytest.mark.parametrize(("claims", "decoys"), [({"x": [1] * 40}, 0), ({"x": 1}, 40)])
def test_a_random_source_that_comes_around_again_is_found_out(claims: dict[str, Any], decoys: int) -> None:
    disclosable = [("x", None)] if decoys == 0 else []
    options = IssueOptions(disclosable, decoys, "sha-256", Serialization.COMPACT)
    signer = Signer(key("issuer").public, KID, ())
    WRITER.issue(attestation(claims), signer, options, coming_around(41), DEFAULT_LIMITS)
    error = misused(
        Reason.DISCLOSURE_DUPLICATE,
        lambda: WRITER.issue(attestation(claims), signer, options, coming_around(7), DEFAULT_LIMITS),
    )
    assert error.where == "salts"


def test_a_header_is_as_long_as_readers_take_it_and_no_longer() -> None:
    length = len(issue(attestation()).partition(b".")[0])
    read(issue(attestation(), limits=Limits(header_bytes=length)), limits=Limits(header_bytes=length))
    error = misused(Reason.INPUT_TOO_LARGE, lambda: issue(attestation(), limits=Limits(header_bytes=length - 1)))
    assert error.where == "header"


def test_a_credential_may_be_bound_to_nobody() -> None:
    data = issue(attestation(holder_key=None))
    assert "cnf" not in parts(data)[1]
    assert read(data).holder_key is None


def test_salts_that_repeat_do_not_make_one_digest_of_two_claims() -> None:
    # A random source that is stuck: two equal elements would get one digest, and no verifier would take it (I-3, I-7).
    options = IssueOptions(None, 0, "sha-256", Serialization.COMPACT)
    signer = Signer(key("issuer").public, KID, ())
    with pytest.raises(CitizenIDError):
        WRITER.issue(attestation({"x": [1, 1]}), signer, options, bytes, DEFAULT_LIMITS)


# --- the presentation ---


def present(data: bytes, chosen: set[int], **changes: Any) -> bytes:
    (credential,) = open_presentation(data, format=Format.SD_JWT_VC)
    arguments: dict[str, Any] = {
        "hash_name": "sha256", "challenge": challenge(), "serialization": Serialization.COMPACT, **changes,
    }  # fmt: skip
    holder = key("holder")
    options = PresentOptions(
        VCT,
        arguments["hash_name"],
        chosen,
        arguments["challenge"],
        holder.public,
        arguments.get("by_mac", False),
        UnixTime(NOW),
        arguments["serialization"],
    )
    unsigned = WRITER.present(credential, options)
    return unsigned.complete(holder.sign(unsigned.to_be_signed))


CREDENTIAL = issue(attestation({"nationalities": ["US", "DE"], "given_name": "Ada"}))


def test_a_key_binding_has_exactly_its_four_claims() -> None:
    # H-4, H-5
    data = present(CREDENTIAL, {0, 1})
    half, _, binding = data.rpartition(b"~")
    header, payload, _ = binding.split(b".")
    assert json.loads(unbase64url(header)) == {"alg": "ES256", "typ": "kb+jwt"}
    assert json.loads(unbase64url(payload)) == {
        "iat": NOW, "aud": AUDIENCE, "nonce": NONCE, "sd_hash": digest(half + b"~"),
    }  # fmt: skip


@pytest.mark.parametrize("hash_algorithm", list(HASHES))
def test_sd_hash_uses_the_hash_of_the_credential(hash_algorithm: str) -> None:
    credential = issue(attestation(), hash_algorithm=hash_algorithm)
    data = present(credential, {0}, hash_name=hash_algorithm.replace("-", ""))
    half, _, binding = data.rpartition(b"~")
    assert json.loads(unbase64url(binding.split(b".")[1]))["sd_hash"] == digest(half + b"~", hash_algorithm)


@pytest.mark.parametrize("chosen", [set(), {0}, {1}, {0, 1, 2, 3}])
def test_the_issuers_bytes_are_passed_on_as_they_are(chosen: set[int]) -> None:
    token, *disclosures, _ = CREDENTIAL.split(b"~")
    data = present(CREDENTIAL, chosen)
    shown = [text for position, text in enumerate(disclosures) if position in chosen]
    assert data.split(b"~")[:-1] == [token, *shown]


@pytest.mark.parametrize("serialization", list(Serialization))
def test_a_presentation_verifies_in_every_serialisation(serialization: Serialization) -> None:
    everything = set(range(len(CREDENTIAL.split(b"~")) - 2))
    data = present(CREDENTIAL, everything, serialization=serialization)
    verified = verify(
        data,
        format=Format.SD_JWT_VC,
        anchors=trusted(),
        challenge=challenge(),
        statuses=shared_statuses(),
        now=NOW,
        serialization=serialization,
    )
    assert isinstance(verified, VerifiedPresentation)
    assert verified.citizenship.nationalities == (Country("US"), Country("DE"))


def test_a_nonce_of_bytes_does_not_fit_into_a_key_binding() -> None:
    misused(Reason.NONCE_MISMATCH, lambda: present(CREDENTIAL, set(), challenge=challenge(nonce=b"n" * 16)))


def test_a_key_binding_is_signed_and_no_mac() -> None:
    misused(Reason.ALGORITHM_NOT_ALLOWED, lambda: present(CREDENTIAL, set(), by_mac=True))


class _Looks:
    """Looks like a part of an attestation, and is none: its fields would go into the payload as they are."""

    uri = "x"
    index = issued_at = not_before = not_after = '1,"nationalities":["US"]'


@pytest.mark.parametrize(
    "part",
    [{"validity": _Looks()}, {"status": (_Looks(),)}],
    ids=["validity", "status"],
)
def test_what_only_looks_like_a_part_of_an_attestation_is_not_written(part: dict[str, Any]) -> None:
    misused(Reason.CLAIM_INVALID, lambda: issue(attestation(**part)))
