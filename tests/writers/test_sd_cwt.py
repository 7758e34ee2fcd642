"""SD-CWT, written: whatever the writer writes the reader reads, and nothing that verification would refuse is written.

The outer signatures are verified by hand once, with plain cbor2 and cryptography alone.

Spec: draft-ietf-spice-sd-cwt sections 5, 7, 8 and 10; RFC 9052 section 4.4; RFC 9053; RFC 9864.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable
from typing import Any, Final

import cbor2
import pytest
from builders import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    NONCE,
    NOW,
    STATUS_URI,
    VALID_INDEX,
    VCT,
    certificate,
    certificate_key,
    country_lists,
    der,
    key,
    local_key,
    misused,
    names,
    pem,
    raises,
    same,
    unbase64url,
    us,
)
from builders_sd_cwt import ALGORITHMS, REDACTED, accepted, cose_key, credential
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    ANY,
    NO_TYPE,
    AgreementKey,
    Assurance,
    Attestation,
    Challenge,
    Citizenship,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    PublicKey,
    Reason,
    Serialization,
    StatusKind,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Validity,
)
from citizenid._wire import cbor
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation

FORMAT: Final = Format.SD_CWT
CHALLENGE: Final = Challenge(AUDIENCE, NONCE)


def usual(claims: Any = None, **changes: Any) -> Attestation:
    arguments: dict[str, Any] = {
        "type": VCT,
        "issuer": ISSUER,
        "claims": {"nationalities": ["US"]} if claims is None else claims,
        "validity": Validity(UnixTime(NOW - 60), None, UnixTime(NOW + 86_400 * 30)),
        "holder_key": key("holder").public,
        "status": (StatusReference(STATUS_URI, VALID_INDEX),),
    }
    return Attestation(**(arguments | changes))


def issuer(signer: LocalKey | PublicKey | None = None, **changes: Any) -> Issuer:
    return Issuer(**{"identifier": ISSUER, "key": signer or key("issuer"), "kid": "k1", **changes})


def issue(attestation: Attestation | None = None, door: Issuer | None = None, **options: Any) -> bytes:
    return (door or issuer()).issue(attestation or usual(), format=FORMAT, **options)


def trust(public: PublicKey | None = None, types: Iterable[str] = (VCT, NO_TYPE)) -> TrustAnchors:
    jwk = {**(public or key("issuer").public).to_jwk(), "kid": "k1"}
    if public is None or "alg" in jwk or jwk["crv"] in ("P-256", "P-384", "P-521", "Ed25519", "Ed448"):
        return TrustAnchors.from_jwks(
            ISSUER, {"keys": [jwk]}, purpose=KeyPurpose.CREDENTIAL, formats=[FORMAT], types=types, countries=ANY
        )
    return TrustAnchors.from_keys(
        ISSUER, [public], purpose=KeyPurpose.CREDENTIAL, formats=[FORMAT], types=types, countries=ANY
    )


def receive(data: bytes, anchors: TrustAnchors | None = None, now: int = NOW) -> Credential:
    return Credential.receive(data, format=FORMAT, anchors=anchors or trust(), now=now)


def present(held: Credential, disclose: Iterable[Any], holder: LocalKey | None = None, **changes: Any) -> bytes:
    arguments: dict[str, Any] = {"challenge": CHALLENGE, "peer": AUDIENCE, "now": NOW}
    return held.present(disclose, key=holder or key("holder"), **(arguments | changes))


def parts(data: bytes) -> tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any], bytes]:
    """Return protected header, unprotected header, claims and signature."""
    tag = cbor2.loads(data)
    assert tag.tag == 18
    protected, unprotected, payload, signature = tag.value
    return cbor2.loads(protected), unprotected, cbor2.loads(payload), signature


# --- the claims ---


def test_a_credential_says_what_it_should() -> None:
    header, unprotected, claims, _ = parts(issue())
    assert header == {1: -9, 4: b"k1", 16: 293, 170: -16}
    assert set(unprotected) == {17}
    digests = claims.pop(REDACTED)
    assert claims == {
        1: ISSUER,
        4: NOW + 86_400 * 30,
        6: NOW - 60,
        8: {1: cose_key(key("holder"))},
        11: VCT,
        65535: {"status_list": {"idx": VALID_INDEX, "uri": STATUS_URI}},
    }
    assert digests == tuple(sorted(digests)) or digests == sorted(digests)
    # The list, its one element, and the subject that the writer has drawn.
    shown = [cbor2.loads(each) for each in unprotected[17]]
    assert sorted((len(each), each[2] if len(each) == 3 else None) for each in shown if each[-1] != 2) == [
        (2, None),
        (3, "nationalities"),
    ]
    members = [each for each in unprotected[17] if len(cbor2.loads(each)) == 3]
    assert set(digests) == {hashlib.sha256(cbor2.dumps(each)).digest() for each in members}


def test_what_is_emitted_is_deterministic() -> None:
    data = issue(usual({"z": 1, 5000: {"b": 1, "a": 1.0}, -1: 2, "aa": b"x", "nationalities": ["US"]}), disclosable=[])
    protected, unprotected, payload, _ = cbor2.loads(data).value
    for piece in (protected, payload, *unprotected[17]):
        assert cbor.encode(cbor.decode_marked(piece, "")) == piece
    # RFC 8949 section 4.2.1, written out: keys by their bytes, and the shortest float.
    assert b"\x19\x13\x88\xa2\x61a\xf9\x3c\x00\x61b\x01" in payload
    labels = list(cbor2.loads(payload))
    assert labels == sorted(labels, key=cbor2.dumps)
    assert data[:2] == b"\xd2\x84"


def test_the_subject_is_drawn_and_hidden_unless_it_is_stated() -> None:
    one, two = receive(issue()), receive(issue())
    subjects = [each.attestation.claims[2] for each in (one, two)]
    assert len(set(subjects)) == 2
    assert all(type(each) is str and len(each) == 22 for each in subjects)
    assert (2,) in one.disclosable
    assert (2,) in receive(issue(disclosable=[])).disclosable
    stated = receive(issue(usual({2: "urn:someone"}), disclosable=[]))
    assert stated.attestation.claims[2] == "urn:someone"
    assert (2,) not in stated.disclosable
    assert (2,) in receive(issue(usual({2: "urn:someone"}))).disclosable
    for value in (5, "", b"x", None):
        misused(Reason.CLAIM_INVALID, lambda value=value: issue(usual({2: value})))


def test_without_a_type_none_is_written() -> None:
    data = issue(usual(type=NO_TYPE))
    assert 11 not in parts(data)[2]
    assert receive(data).attestation.type == NO_TYPE
    raises(Reason.TYPE_NOT_ALLOWED, "V5", lambda: receive(data, trust(types=[VCT])))
    misused(Reason.CLAIM_INVALID, lambda: issuer().issue(usual(type=NO_TYPE), format=Format.SD_JWT_VC))


def test_every_field_of_an_attestation_is_written_and_read() -> None:
    stated = usual(
        {"nationalities": ["US", "FR"], "citizenships": ["US"], 700: [1, {"a": b"x"}], "x": None},
        assurance=Assurance("eIDAS", "high"),
        evidence_at=UnixTime(NOW - 600),
        validity=Validity(UnixTime(NOW - 60), UnixTime(NOW - 90), UnixTime(NOW + 86_400)),
    )
    read = receive(issue(stated)).attestation
    assert same({name: value for name, value in read.claims.items() if name != 2}, stated.claims)
    assert (read.validity, read.assurance, read.status) == (stated.validity, stated.assurance, stated.status)
    assert (read.holder_key, read.evidence_at) == (stated.holder_key, NOW - 600)


def test_the_time_of_the_evidence_may_be_withheld_as_the_issuer_wills() -> None:
    stated = usual({"nationalities": ["US"]}, evidence_at=UnixTime(NOW - 600))
    for disclosable, hidden in ((None, True), ([("evidence_checked_at",)], True), ([], False)):
        data = issue(stated, disclosable=disclosable)
        assert parts(data)[2].get("evidence_checked_at") == (None if hidden else NOW - 600)
        held = receive(data)
        assert held.attestation.evidence_at == NOW - 600
        assert (("evidence_checked_at",) in held.disclosable) is hidden
        shown = accepted(present(held, ["evidence_checked_at"] if hidden else []), anchors=trust()).attestation
        assert shown.evidence_at == NOW - 600
        withheld = accepted(present(held, []), anchors=trust()).attestation
        assert withheld.evidence_at == (None if hidden else NOW - 600)


def test_a_time_of_the_evidence_that_no_verifier_would_read_is_not_written() -> None:
    issue(usual(evidence_at=UnixTime(NOW - 60)))  # the very second of iat
    misused(Reason.CLAIM_INVALID, lambda: issue(usual(evidence_at=UnixTime(NOW - 59))))
    for type_ in ("urn:other", NO_TYPE):
        misused(Reason.CLAIM_INVALID, lambda type_=type_: issue(usual(type=type_, evidence_at=UnixTime(NOW - 600))))


def test_an_attestation_of_citizenship_is_prepared_for_this_format() -> None:
    stated = prepare_attestation(
        Citizenship(us("US", "FR"), us("US"), True),
        issuer=ISSUER,
        holder_key=key("holder").public,
        now=NOW,
        lifetime_s=3_600,
        status=None,
        format=FORMAT,
        claims={"given_name": "Ada", 700: 5},
    )
    held = receive(issue(stated))
    assert held.attestation.type == VCT
    assert held.attestation.citizenship == Citizenship(us("US", "FR"), us("US"), True)
    verified = accepted(present(held, [("nationalities", 0), "citizenships"]), anchors=trust())
    assert verified.citizenship.citizenships == us()
    assert verified.citizenship.nationalities == us()
    assert not verified.citizenship.complete
    whole = accepted(present(held, ["nationalities", "nationalities_complete"]), anchors=trust())
    assert whole.citizenship.complete


@pytest.mark.parametrize(
    "name",
    [
        1,
        3,
        4,
        5,
        6,
        7,
        8,
        11,
        39,
        65535,
        "exp",
        "iss",
        "status",
        "credentialStatus",
        "cnf",
        "assurance",
        "evidence_checked_at",
    ],
)
def test_what_the_profile_states_is_no_claim(name: Any) -> None:
    misused(Reason.CLAIM_RESERVED, lambda: issue(usual({name: "x"})))
    issue(usual({"x": {name: "y"}}))


@pytest.mark.parametrize("claims", [{59: 1}, {"x": {59: 1}}, {"x": [{59: 1}]}])
def test_a_key_that_looks_like_the_mark_is_not_written(claims: dict[Any, Any]) -> None:
    for disclosable in (None, []):
        misused(Reason.CLAIM_RESERVED, lambda disclosable=disclosable: issue(usual(claims), disclosable=disclosable))


@pytest.mark.parametrize("name", [False, None, 1.5, b"x", (1,)])
def test_a_key_of_another_kind_is_not_written(name: Any) -> None:
    misused(Reason.CLAIM_INVALID, lambda: issue(usual({name: "x"})))
    misused(Reason.CLAIM_INVALID, lambda: issue(usual({"x": {name: "x"}})))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), Reason.MALFORMED_CBOR),
        (float("inf"), Reason.MALFORMED_CBOR),
        (2**64, Reason.MALFORMED_CBOR),
        (-(2**64) - 1, Reason.MALFORMED_CBOR),
        ("\ud800", Reason.MALFORMED_CBOR),
        ({1, 2}, Reason.CLAIM_INVALID),
        (bytearray(b"x"), Reason.CLAIM_INVALID),
        (object(), Reason.CLAIM_INVALID),
    ],
)
def test_a_value_that_cannot_be_read_is_not_written(value: Any, reason: Reason) -> None:
    for disclosable in (None, []):
        misused(reason, lambda disclosable=disclosable: issue(usual({"x": value}), disclosable=disclosable))


@pytest.mark.parametrize("name", ["n" * 256, "ä" * 128])
def test_a_long_name_is_not_written(name: str) -> None:
    for claims in ({name: 1}, {"x": [{name: 1}]}):
        for disclosable in (None, []):
            misused(Reason.LIMIT_EXCEEDED, lambda c=claims, d=disclosable: issue(usual(c), disclosable=d))
    receive(issue(usual({name[:-1]: 1})))


@pytest.mark.parametrize("disclosable", [None, [], [("x",)]])
def test_what_is_written_at_the_greatest_depth_is_read(disclosable: Any) -> None:
    for wrap in (lambda inner: [inner], lambda inner: {"y": inner}):
        value: Any = "z"
        for _ in range(14):
            value = wrap(value)
        receive(issue(usual({"x": value}), disclosable=disclosable))
        deeper = usual({"x": wrap(value)})
        misused(Reason.DEPTH_EXCEEDED, lambda deeper=deeper: issue(deeper, disclosable=disclosable))
    misused(Reason.DEPTH_EXCEEDED, lambda: issue(usual({"x": [[[]]]}), issuer(limits=Limits(depth=3))))


def test_a_credential_without_a_holder_is_not_written() -> None:
    misused(Reason.CLAIM_MISSING, lambda: issue(usual(holder_key=None)))


@pytest.mark.parametrize(
    "validity",
    [
        Validity(UnixTime(NOW), UnixTime(NOW + 1), UnixTime(NOW + 9)),
    ],
)
def test_times_that_the_reader_refuses_are_not_written(validity: Validity) -> None:
    misused(Reason.CLAIM_INVALID, lambda: issue(usual(validity=validity)))


def test_a_credential_need_not_say_when_it_was_issued() -> None:
    data = issue(usual(validity=Validity(None, UnixTime(NOW - 5), UnixTime(NOW + 86_400))))
    claims = parts(data)[2]
    assert 6 not in claims and (claims[5], claims[4]) == (NOW - 5, NOW + 86_400)
    assert receive(data).attestation.validity == Validity(None, UnixTime(NOW - 5), UnixTime(NOW + 86_400))


def test_what_only_looks_like_a_part_of_an_attestation_is_not_written() -> None:
    for changes in (
        {"validity": (None, None, 5)},
        {"status": ("x",)},
        {"assurance": ("a", "b")},
        {"type": 5},
    ):
        misused(Reason.CLAIM_INVALID, lambda changes=changes: issue(usual(**changes)))
    two = tuple(StatusReference(STATUS_URI, number) for number in (1, 2))
    misused(Reason.LIMIT_EXCEEDED, lambda: issue(usual(status=two)))


def test_a_status_that_the_claim_has_no_room_for_is_not_written() -> None:
    for reference in (
        StatusReference(STATUS_URI, 1, certificate=b"der"),
        StatusReference(STATUS_URI, kind=StatusKind.IDENTIFIER_LIST, identifier=b"id"),
        StatusReference(STATUS_URI, 1, StatusKind.BITSTRING, purpose="revocation"),
    ):
        misused(Reason.STATUS_MECHANISM_UNKNOWN, lambda reference=reference: issue(usual(status=(reference,))))


def test_bounds_of_the_reader_bind_the_writer() -> None:
    many = usual({"x": list(range(20))})
    issue(many, issuer(limits=Limits(disclosures=22)))
    misused(Reason.LIMIT_EXCEEDED, lambda: issue(many, issuer(limits=Limits(disclosures=21))))
    misused(Reason.LIMIT_EXCEEDED, lambda: issue(many, issuer(limits=Limits(digests=21))))
    misused(Reason.LIMIT_EXCEEDED, lambda: issue(decoys=10_001))
    misused(Reason.INPUT_TOO_LARGE, lambda: issue(usual({"x": "y" * 200_000})))
    misused(Reason.INPUT_TOO_LARGE, lambda: issue(door=issuer(limits=Limits(header_bytes=10))))


def test_bounds_of_the_codec_bind_the_writer() -> None:
    # 1,024 members of one map, and 24,576 items in all.
    names = {f"name {number}": number for number in range(1_024)}
    others = dict(list(names.items())[:-7])  # the profile states six claims, and simple(59) hides the subject
    full, long = usual(others), usual({"x": [0] * 24_540})
    receive(issue(full, disclosable=[]))
    receive(issue(usual({"x": names}), disclosable=[("x",)]))
    receive(issue(long, disclosable=[]))
    receive(issue(long, disclosable=[("x",)]))
    for claims in (others | {"one": 1}, {"x": names | {"one": 1}}, {"x": [0] * 24_576}):
        misused(Reason.LIMIT_EXCEEDED, lambda claims=claims: issue(usual(claims), disclosable=[]))
    for value in (names | {"one": 1}, [names | {"one": 1}], [0] * 24_576):
        misused(Reason.LIMIT_EXCEEDED, lambda value=value: issue(usual({"x": value}), disclosable=[("x",)]))


@pytest.mark.parametrize("kid", ["ä" * 128, "\ud800"])
def test_a_kid_that_the_reader_refuses_is_not_written(kid: str) -> None:
    misused(Reason.CONFIGURATION_INVALID, lambda: issue(door=issuer(kid=kid)))


# --- what is hidden ---


def test_everything_that_may_be_is_hidden_by_default() -> None:
    claims = {"nationalities": ["US", "FR"], 700: {"a": [b"x", {}], -5: None}}
    held = receive(issue(usual(claims)))
    assert set(held.disclosable) == {
        (2,),
        ("nationalities",),
        ("nationalities", 0),
        ("nationalities", 1),
        (700,),
        (700, "a"),
        (700, "a", 0),
        (700, "a", 1),
        (700, -5),
    }
    shown = accepted(present(held, []), anchors=trust())
    assert same(shown.attestation.claims, {})
    assert REDACTED in parts(issue(usual(claims)))[2]


def test_only_what_is_named_is_hidden() -> None:
    claims = {"nationalities": ["US", "FR"], 700: {"a": [1, 2], 5: 6, "5": 7}}
    held = receive(issue(usual(claims), disclosable=[("nationalities", None), (700, 5), (700, "a", 1)]))
    assert set(held.disclosable) == {(2,), ("nationalities", 0), ("nationalities", 1), (700, 5), (700, "a", 1)}
    shown = accepted(present(held, [("nationalities", 1)]), anchors=trust()).attestation.claims
    assert same(shown, {"nationalities": ["FR"], 700: {"a": [1], "5": 7}})


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ((), Reason.CLAIM_UNKNOWN),
        (("given_name",), Reason.CLAIM_UNKNOWN),
        ("nationalities", Reason.CLAIM_UNKNOWN),
        (("nationalities", 1), Reason.CLAIM_UNKNOWN),
        (("nationalities", -1), Reason.CLAIM_UNKNOWN),
        (("nationalities", False), Reason.CLAIM_UNKNOWN),
        (("nationalities", 0.0), Reason.CLAIM_UNKNOWN),
        (("nationalities", "0"), Reason.CLAIM_UNKNOWN),
        ((None,), Reason.CLAIM_UNKNOWN),
        ((700, None), Reason.CLAIM_UNKNOWN),
        ((700, True), Reason.CLAIM_UNKNOWN),
        ((700, "1"), Reason.CLAIM_UNKNOWN),
        ((700, 1, 0), Reason.CLAIM_UNKNOWN),
        (("empty", None), Reason.CLAIM_UNKNOWN),
        ((5,), Reason.CLAIM_NOT_DISCLOSABLE),
        ((8, 1), Reason.CLAIM_NOT_DISCLOSABLE),
        ((1,), Reason.CLAIM_NOT_DISCLOSABLE),
        ((11,), Reason.CLAIM_NOT_DISCLOSABLE),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: Any, reason: Reason) -> None:
    claims = {"nationalities": ["US"], 700: {1: 2}, "empty": []}
    misused(reason, lambda: issue(usual(claims), disclosable=[path]))


def test_every_salt_is_new_and_has_128_bits() -> None:
    disclosures = parts(issue(usual({"x": ["y"] * 40}), decoys=5))[1][17]
    salts = [cbor2.loads(each)[0] for each in disclosures]
    assert len(salts) == 47
    assert {len(salt) for salt in salts} == {16}
    assert len(set(salts)) == 47


@pytest.mark.parametrize(
    "random", [bytes, lambda size: (b"0123456789abcdef" * size)[:size], lambda size: bytes(range(256))[:size]]
)
def test_a_random_source_that_is_stuck_is_found_out(random: Callable[[int], bytes]) -> None:
    claims = usual({"x": [f"{number}" for number in range(40)]})
    misused(Reason.DISCLOSURE_DUPLICATE, lambda: issue(claims, issuer(random=random)))
    if random is bytes:  # with few disclosures as well, all of which differ
        misused(Reason.DISCLOSURE_DUPLICATE, lambda: issue(door=issuer(random=random)))


def test_a_random_source_that_comes_around_again_is_found_out_by_what_it_repeats() -> None:
    blocks = itertools.cycle(bytes((number,)) * 15 for number in range(32))

    def random(size: int) -> bytes:
        return b"".join(next(blocks) + b"-" for _ in range(-(-size // 16)))[:size]

    misused(Reason.DISCLOSURE_DUPLICATE, lambda: issue(usual({"x": [0] * 40}), issuer(random=random)))


def test_a_decoy_has_a_disclosure_and_says_nothing() -> None:
    data = issue(disclosable=[], decoys=3)
    header, unprotected, claims, _ = parts(data)
    assert sorted(len(cbor2.loads(each)) for each in unprotected[17]) == [1, 1, 1, 3]
    assert len(claims[REDACTED]) == 4
    assert header[170] == -16
    held = receive(data)
    assert set(held.disclosable) == {(2,)}
    presented = cbor2.loads(cbor2.loads(present(held, [(2,)])).value[0])[13].value
    assert len(presented[1][17]) == 1


@pytest.mark.parametrize(("name", "number"), [("sha-256", -16), ("sha-384", -43), ("sha-512", -44)])
def test_each_digest_algorithm_is_written_and_read(name: str, number: int) -> None:
    data = issue(hash_algorithm=name)
    assert parts(data)[0][170] == number
    assert receive(data).attestation.citizenship.nationalities == us()
    misused(Reason.HASH_ALGORITHM_NOT_ALLOWED, lambda: issue(hash_algorithm="sha-1"))


@pytest.mark.parametrize("serialization", [Serialization.FLATTENED, Serialization.GENERAL])
def test_there_is_one_serialisation(serialization: Serialization) -> None:
    # As in an mdoc: who asked for JSON would get CBOR.
    misused(Reason.CONFIGURATION_INVALID, lambda: issue(serialization=serialization))
    misused(Reason.CONFIGURATION_INVALID, lambda: present(receive(issue()), [], serialization=serialization))


def test_without_disclosures_there_is_no_sd_claims() -> None:
    data = issue(usual({2: "urn:x", "nationalities": ["US"]}), disclosable=[])
    assert parts(data)[1] == {}
    held = receive(data)
    assert not held.disclosable
    kbt = present(held, [])
    assert cbor2.loads(cbor2.loads(kbt).value[0])[13].value[1] == {}
    accepted(kbt, anchors=trust())
    hidden = present(receive(issue()), [])
    assert cbor2.loads(cbor2.loads(hidden).value[0])[13].value[1] == {}


# --- keys ---


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_goes_around(algorithm: str) -> None:
    signer, holder = key("issuer", algorithm), key("holder", algorithm)
    data = issue(usual(holder_key=holder.public), issuer(signer))
    assert parts(data)[0][1] == ALGORITHMS[algorithm]
    trusted = trust(signer.public)
    kbt = present(receive(data, trusted), ["nationalities"], holder)
    assert cbor2.loads(cbor2.loads(kbt).value[0])[1] == ALGORITHMS[algorithm]
    verified = accepted(kbt, anchors=trusted)
    assert verified.citizenship.nationalities == us()
    assert verified.attestation.holder_key == holder.public


def test_a_signer_elsewhere_completes_what_was_prepared() -> None:
    door = issuer(key("issuer").public)
    unsigned = door.prepare(usual(), format=FORMAT)
    misused(Reason.SIGNATURE_INVALID, lambda: unsigned.complete(key("mallory").sign(unsigned.to_be_signed)))
    held = receive(unsigned.complete(key("issuer").sign(unsigned.to_be_signed)))
    prepared = held.prepare(["nationalities"], challenge=CHALLENGE, key=key("holder").public, peer=AUDIENCE, now=NOW)
    assert prepared.algorithm == "ES256"
    kbt = prepared.complete(key("holder").sign(prepared.to_be_signed))
    assert accepted(kbt, anchors=trust()).citizenship.nationalities == us()


@pytest.mark.parametrize("intermediates", [0, 1])
def test_certificates_stand_in_the_protected_header(intermediates: int) -> None:
    root = certificate("root", "root", authority=True)
    middle = certificate("middle", "root", authority=True)
    name = [(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(ISSUER)]), False)]
    leaf = certificate("signer", "middle" if intermediates else "root", extensions=name)
    chain = der(leaf, middle) if intermediates else der(leaf)
    signer = local_key(certificate_key("signer"))
    data = issue(door=issuer(signer, certificates=chain, kid=None))
    header = parts(data)[0]
    assert 4 not in header
    assert header[33] == (list(chain) if intermediates else chain[0])  # RFC 9360: one stands by itself
    trusted = TrustAnchors.from_certificates(
        pem(root), issuer=ISSUER, purpose=KeyPurpose.CREDENTIAL, formats=[FORMAT], types=[VCT], countries=ANY
    )
    accepted(present(receive(data, trusted), ["nationalities"]), anchors=trusted)


# --- the presentation ---


def test_an_sd_kbt_says_what_it_should() -> None:
    header, unprotected, claims, _ = parts(present(receive(issue()), []))
    assert set(header) == {1, 13, 16}
    assert (header[1], header[16], unprotected) == (-9, 294, {})
    assert claims == {3: AUDIENCE, 6: NOW, 39: NONCE.encode()}


@pytest.mark.parametrize("nonce", [b"\xff\xfe" * 8, b"some bytes", "some text", "téxt of a nonce"])
def test_any_nonce_is_answered(nonce: str | bytes) -> None:
    challenge = Challenge(AUDIENCE, nonce)
    data = present(receive(issue()), [], challenge=challenge)
    assert parts(data)[2][39] == (nonce.encode() if isinstance(nonce, str) else nonce)
    accepted(data, anchors=trust(), challenge=challenge)


def test_what_the_issuer_made_is_handed_on_as_it_came() -> None:
    # Made by hand: heads longer than needed, keys in no order, hints outside of what is signed.
    made = credential(
        {REDACTED: [hashlib.sha256(cbor2.dumps(each)).digest() for each in SHOWN]},
        SHOWN,
        {4: ABSENT},
        {4: b"k1", "further": 5},
    )
    odd = cbor2.dumps(made)
    held = receive(odd)
    inner = cbor2.loads(cbor2.loads(present(held, ["given_name"])).value[0])[13].value
    assert (inner[0], inner[2], inner[3]) == (made.value[0], made.value[2], made.value[3])
    assert inner[1] == {4: b"k1", 17: (SHOWN[1],)} or inner[1] == {4: b"k1", 17: [SHOWN[1]]}
    verified = accepted(present(held, ["given_name"]))
    assert verified.attestation.claims["given_name"] == "Ada"
    assert "family_name" not in verified.attestation.claims


SHOWN: Final = [
    b"\x83\x58\x10" + bytes(15) + b"\x01" + b"\x78\x01L" + b"\x78\x0bfamily_name",
    b"\x83\x50" + bytes(15) + b"\x02" + b"\x63Ada" + b"\x78\x0agiven_name",
]


def test_certificates_outside_of_what_is_signed_are_handed_on() -> None:
    root = certificate("root", "root", authority=True)
    name = [(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(ISSUER)]), False)]
    (leaf,) = der(certificate("signer", "root", extensions=name))
    made = cbor2.dumps(credential({}, (), {4: ABSENT}, {33: leaf}, signer=local_key(certificate_key("signer"))))
    trusted = TrustAnchors.from_certificates(
        pem(root), issuer=ISSUER, purpose=KeyPurpose.CREDENTIAL, formats=[FORMAT], types=[VCT], countries=ANY
    )
    accepted(present(receive(made, trusted), []), anchors=trusted)


def test_an_integer_is_a_step_in_a_path() -> None:
    claims = {700: {1: "one", 2: ["a", {3: "c"}], "1": "text"}, 701: [[{0: "x"}, "y"], ["z"]]}
    held = receive(issue(usual(claims)))

    def shown(*paths: Any) -> Any:
        return accepted(present(held, paths), anchors=trust()).attestation.claims

    assert same(shown((700, 1)), {700: {1: "one"}})
    assert same(shown((700, "1")), {700: {"1": "text"}})
    assert same(shown((700, 2, None)), {700: {2: ["a", {3: "c"}]}})
    assert same(shown((700, 2, 1, 3)), {700: {2: [{3: "c"}]}})
    # None is every element of an array, and never a member of a map, though its name be an integer.
    assert same(shown((701, None, None)), {701: [[{0: "x"}, "y"], ["z"]]})
    assert same(shown((701, None, None, 0)), {701: [[{0: "x"}]]})
    for path in ((700, None), (700, True), (700, 1.0), (700, 3), (701, 0, 0, None), (701, 0, False)):
        misused(Reason.CLAIM_UNKNOWN, lambda path=path: present(held, [path]))


def test_none_shows_no_member_of_a_map_beside_an_array() -> None:
    held = receive(issue(usual({702: [{5: "hidden", 6: {7: "too"}}, ["shown"]]})))
    shown = accepted(present(held, [(702, None, None)]), anchors=trust()).attestation.claims
    assert same(shown, {702: [["shown"]]})


def test_an_sd_kbt_is_signed_and_never_a_mac() -> None:
    device, reader = AgreementKey.generate("P-256"), AgreementKey.generate("P-256")
    held = receive(issue(usual(holder_key=device.public)))
    asked = Challenge(AUDIENCE, NONCE, reader_key=reader)
    misused(Reason.ALGORITHM_NOT_ALLOWED, lambda: held.present([], challenge=asked, key=device, peer=AUDIENCE, now=NOW))


def test_a_presentation_is_refused_to_others() -> None:
    held = receive(issue())
    misused(Reason.PEER_MISMATCH, lambda: present(held, [], peer="https://other.example"))
    misused(Reason.HOLDER_KEY_MISMATCH, lambda: present(held, [], key("mallory")))
    assert raises(Reason.KEY_BINDING_UNEXPECTED, "V1", lambda: receive(present(held, []))).where == "sd-kbt"


# --- by hand, with cbor2 and cryptography alone ---


def test_both_signatures_verify_without_us() -> None:
    data = present(receive(issue()), ["nationalities"])
    protected, unprotected, payload, signature = cbor2.loads(data).value
    assert unprotected == {}
    verify_by_hand(key("holder").public, protected, payload, signature)
    inner = cbor2.loads(protected)[13]
    assert inner.tag == 18
    protected, unprotected, payload, signature = inner.value
    verify_by_hand(key("issuer").public, protected, payload, signature)
    # And each disclosure is found by its digest: in the claims, or in another disclosure.
    text = payload + b"".join(unprotected[17])
    for each in unprotected[17]:
        assert hashlib.sha256(cbor2.dumps(each)).digest() in text
    with pytest.raises(InvalidSignature):
        verify_by_hand(key("holder").public, protected, payload, signature)


def verify_by_hand(public: PublicKey, protected: bytes, payload: bytes, signature: bytes) -> None:
    jwk = public.to_jwk()
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(unbase64url(jwk["x"]), "big"), int.from_bytes(unbase64url(jwk["y"]), "big"), ec.SECP256R1()
    )
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    structure = cbor2.dumps(["Signature1", protected, b"", payload])
    numbers.public_key().verify(utils.encode_dss_signature(r, s), structure, ec.ECDSA(hashes.SHA256()))


# --- whatever is written is read ---

labels = st.integers(-(2**63), 2**63) | names
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(labels.filter(lambda name: name != 59), inner, max_size=3)
    ),
    max_leaves=8,
)
TAKEN: Final = {
    *(1, 2, 3, 4, 5, 6, 7, 8, 11, 39, 59, 65535),
    *("iss", "sub", "aud", "exp", "nbf", "iat", "cti", "cnf", "vct", "cnonce", "status", "assurance"),
    "evidence_checked_at",
    *("nationalities", "citizenships", "nationalities_complete"),
}
persons = st.dictionaries(labels.filter(lambda name: name not in TAKEN), values, max_size=4)


def all_paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[Any, ...]] = []
    for step, item in items:
        found += [(*prefix, step), *all_paths(item, (*prefix, step))]
    return found


@given(persons, country_lists, st.data())
def test_what_is_written_is_read(claims: dict[Any, Any], countries: list[Any], data: st.DataObject) -> None:
    stated = {**claims, "nationalities": [country.alpha2 for country in countries]}
    paths = all_paths(stated)
    chosen = data.draw(st.none() | st.lists(st.sampled_from(paths), max_size=6, unique=True))
    credential_ = issue(usual(stated), disclosable=chosen, decoys=data.draw(st.integers(0, 3)))
    held = receive(credential_)
    assert same({name: value for name, value in held.attestation.claims.items() if name != 2}, stated)
    if chosen is not None:
        assert set(held.disclosable) == {(2,), *chosen}
    everything = accepted(present(held, held.disclosable), anchors=trust())
    assert same(everything.attestation.claims, held.attestation.claims)
    shown = data.draw(st.lists(st.sampled_from(paths), max_size=3))
    partly = accepted(present(held, shown), anchors=trust()).attestation.claims
    for path in shown:
        if all(type(step) is str or position == 0 for position, step in enumerate(path)):  # indices move up
            value, original = partly, stated
            for step in path:
                value, original = value[step], original[step]
            assert same(value, original)
