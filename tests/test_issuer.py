"""The issuer's door: the usual attestation, signing here and elsewhere, salts, and what it refuses before it signs.

`Hsm` stands for a signer elsewhere: it has the two members of the `SigningKey` protocol and is no class of ours.

Spec: RFC 9901 sections 4, 9.3; SD-JWT VC section 2.2; DESIGN sections 2 (law 3) and 5.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders import (
    AUDIENCE,
    ISSUER,
    NONCE,
    NOW,
    STATUS_URI,
    VALID_INDEX,
    VCT,
    accepted,
    anchors_for,
    certificate,
    certificate_key,
    challenge,
    country_lists,
    der,
    key,
    local_key,
    misused,
    pem,
    person_claims,
    raises,
    same,
    unbase64url,
    unreachable,
    us,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from mdoc_writing import OURS, PID, document_signer, items_of, mso_of, named
from mdoc_writing import door as mdoc_door
from mdoc_writing import trusted as mdoc_anchors
from places import only_in_words

from citizenid import (
    ANY,
    Assurance,
    Attestation,
    CitizenIDError,
    Citizenship,
    Format,
    KeyPurpose,
    LocalKey,
    PublicKey,
    Reason,
    Serialization,
    SigningKey,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Unsigned,
    Validity,
)
from citizenid._wire import cbor
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation

errors_say_where = only_in_words()

SD_JWT_VC: dict[str, Any] = {"format": Format.SD_JWT_VC}
REFERENCE = StatusReference(STATUS_URI, VALID_INDEX)


class Hsm:
    """A signer elsewhere. `answer` may make it return what no honest one would."""

    def __init__(self, name: str, algorithm: str = "ES256", answer: Callable[[bytes], Any] | None = None) -> None:
        self._key = key(name, algorithm)
        self._answer = answer or self._key.sign
        self.asked: list[bytes] = []

    @property
    def public(self) -> PublicKey:
        return self._key.public

    def sign(self, data: bytes, /) -> bytes:
        self.asked.append(data)
        answer: bytes = self._answer(data)
        return answer


def issuer(signer: Any = None, **changes: Any) -> Issuer:
    return Issuer(**{"identifier": ISSUER, "key": signer or key("issuer"), "kid": "k1", **changes})


def usual(**changes: Any) -> Attestation:
    arguments: dict[str, Any] = {
        "citizenship": Citizenship(us("US", "DE"), us("US")), "issuer": ISSUER, "holder_key": key("holder").public,
        "now": NOW, "lifetime_s": 30 * 86_400, "status": REFERENCE, "format": Format.SD_JWT_VC,
    }  # fmt: skip
    arguments |= changes
    return prepare_attestation(arguments.pop("citizenship"), **arguments)


def verified(data: bytes, algorithm: str = "ES256") -> Any:
    holder = Credential.receive(data, anchors=anchors_for(key("issuer", algorithm).public), now=NOW, **SD_JWT_VC)
    presentation = holder.present(
        [path for path in holder.disclosable if len(path) == 1],
        challenge=challenge(),
        key=key("holder"),
        peer=AUDIENCE,
        now=NOW,
    )
    return accepted(presentation, anchors=anchors_for(key("issuer", algorithm).public))


# --- the usual attestation ---


def test_the_usual_attestation_says_what_was_established() -> None:
    what = usual(claims={"given_name": "Ada"}, assurance=Assurance("eIDAS", "high"))
    assert (what.type, what.issuer, what.holder_key) == (VCT, ISSUER, key("holder").public)
    assert what.validity == Validity(UnixTime(NOW), None, UnixTime(NOW + 30 * 86_400))
    assert what.status == (REFERENCE,) and what.assurance == Assurance("eIDAS", "high")
    assert same(what.claims, {"given_name": "Ada", "nationalities": ["US", "DE"], "citizenships": ["US"]})


@pytest.mark.parametrize("format", Format)
def test_an_issuer_says_when_the_evidence_was_checked(format: Format) -> None:
    assert usual(format=format).evidence_at is None
    for moment in (0, NOW - 600, NOW):
        what = usual(format=format, evidence_at=moment)
        assert what.evidence_at == moment
        assert what.validity == usual(format=format).validity  # how long it is valid is another matter
        assert what.claims == usual(format=format).claims
    for value in (NOW + 1, -1, True, 5.0, "5", NOW + 10**9):
        misused(Reason.CLAIM_INVALID, lambda value=value: usual(format=format, evidence_at=value))


@given(
    nationalities=country_lists, citizenships=st.just([]) | country_lists, complete=st.booleans(), claims=person_claims
)
def test_whatever_is_prepared_is_issued_and_verified(
    nationalities: list[Any], citizenships: list[Any], complete: bool, claims: dict[str, Any]
) -> None:
    stated = Citizenship(nationalities, citizenships, complete)
    what = usual(citizenship=stated, claims=claims)
    verdict = verified(issuer().issue(what, **SD_JWT_VC))
    assert verdict.attestation == what
    assert verdict.citizenship.all_nationalities == frozenset([*nationalities, *citizenships])
    assert set(verdict.citizenship.citizenships) == set(citizenships)
    assert verdict.citizenship.complete is complete


@pytest.mark.parametrize("name", ["nationalities", "citizenships", "nationalities_complete"])
def test_citizenship_is_stated_once(name: str) -> None:
    misused(Reason.CLAIM_RESERVED, lambda: usual(claims={name: ["US"]}))


@pytest.mark.parametrize("changes", [
    {"lifetime_s": 0}, {"lifetime_s": -1}, {"lifetime_s": True}, {"lifetime_s": 1.5}, {"lifetime_s": "60"},
    {"now": True},
    {"now": 1.5}, {"now": None}, {"now": "now"}, {"now": -1}, {"now": 2**53}, {"lifetime_s": 2**53},
    {"now": NOW * 1_000}, {"lifetime_s": 253_402_300_800 - NOW},
])  # fmt: skip
def test_times_of_the_usual_attestation_are_whole_seconds(changes: dict[str, Any]) -> None:
    misused(Reason.CLAIM_INVALID, lambda: usual(**changes))


def test_a_second_is_a_lifetime() -> None:
    stated = usual(lifetime_s=1)
    assert stated.validity.not_after == NOW + 1


def test_without_a_status_it_is_valid_for_a_day_at_most() -> None:
    verdict = verified(issuer().issue(usual(status=None, lifetime_s=86_400), **SD_JWT_VC))
    assert verdict.status is None
    misused(Reason.STATUS_MISSING, lambda: usual(status=None, lifetime_s=86_401))


@pytest.mark.parametrize(
    "citizenship", [lambda: Citizenship(["US"]), lambda: Citizenship(us("US") * 2), lambda: Citizenship([None])]
)
def test_a_citizenship_is_a_list_of_different_countries(citizenship: Callable[[], Citizenship]) -> None:
    misused(Reason.COUNTRY_INVALID, citizenship)


@pytest.mark.parametrize("value", [["us"], ["USA"], ["XX"], "US", ["US", "US"], [5], None])
def test_an_attestation_put_together_by_hand_keeps_the_same_rules(value: Any) -> None:
    what = lambda: Attestation(VCT, ISSUER, {"nationalities": value}, Validity(None, None, UnixTime(NOW)))  # noqa: E731
    misused(Reason.COUNTRY_INVALID, what)


# --- the door ---


def test_a_credential_is_for_the_issuer_that_signs_it() -> None:
    misused(Reason.ISSUER_MISMATCH, lambda: issuer().issue(usual(issuer="https://b.example"), **SD_JWT_VC))
    misused(Reason.ISSUER_MISMATCH, lambda: issuer().prepare(usual(issuer=ISSUER + "/"), **SD_JWT_VC))


@pytest.mark.parametrize("identifier", ["", None, 5, b"https://id.example", "https://id.example/\ud800"])
def test_an_issuer_has_an_identifier(identifier: Any) -> None:
    misused(Reason.CONFIGURATION_INVALID, lambda: issuer(identifier=identifier))


@pytest.mark.parametrize("decoys", [-1, True, 1.0, "3", None])
def test_decoys_are_a_number(decoys: Any) -> None:
    misused(Reason.CONFIGURATION_INVALID, lambda: issuer().issue(usual(), decoys=decoys, **SD_JWT_VC))


@pytest.mark.parametrize("format", ["mso-mdoc", "vc+sd-jwt", "", None, 5, {}, "dc+sd-jwt", "mso_mdoc", "sd-cwt"])
def test_a_format_that_is_none_is_refused(format: Any) -> None:
    # The text of a member equals it, and is none: what is a format is told by its type.
    misused(Reason.CONFIGURATION_INVALID, lambda: issuer().issue(usual(), format=format))
    misused(Reason.CONFIGURATION_INVALID, lambda: usual(format=format))


def test_the_published_key_verifies_what_is_issued() -> None:
    for algorithm in ("ES256", "Ed25519", "ML-DSA-44"):
        door = Issuer(identifier=ISSUER, key=key("issuer", algorithm))
        jwks = json.dumps(door.jwks())
        anchors = TrustAnchors.from_jwks(
            ISSUER, jwks, purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_JWT_VC], types=[VCT], countries=ANY
        )
        data = door.issue(usual(), **SD_JWT_VC)
        assert Credential.receive(data, anchors=anchors, now=NOW, **SD_JWT_VC).attestation == usual()
        assert "d" not in door.jwks()["keys"][0] and "priv" not in door.jwks()["keys"][0]
        assert json.loads(unbase64url(data.split(b".")[0]))["kid"] == door.jwks()["keys"][0]["kid"]


@pytest.mark.parametrize("algorithm", ["ESB256", "ESB384", "ESB512", "Ed448"])
def test_the_published_key_has_no_algorithm_of_cose_alone(algorithm: str) -> None:
    # JOSE has no name for it, and a JWK Set with one that nobody registered would be refused, by us too.
    door = Issuer(identifier=ISSUER, key=key("issuer", algorithm))
    jwks = door.jwks()
    assert "alg" not in jwks["keys"][0]
    anchors = TrustAnchors.from_jwks(
        ISSUER, json.dumps(jwks), purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_CWT], types=[VCT], countries=ANY
    )
    data = door.issue(usual(), format=Format.SD_CWT)
    received = Credential.receive(data, format=Format.SD_CWT, anchors=anchors, now=NOW)
    assert received.attestation.claims == {**usual().claims, 2: received.attestation.claims[2]}


@pytest.mark.parametrize("format", [Format.SD_JWT_VC, Format.SD_CWT])
def test_what_was_prepared_for_an_mdoc_is_issued_as_nothing_else(format: Format) -> None:
    stated = prepare_attestation(
        Citizenship(citizenships=us()), issuer=ISSUER, holder_key=key("holder").public, now=NOW, lifetime_s=60,
        status=None, format=Format.MDOC,
    )  # fmt: skip
    misused(Reason.CLAIM_RESERVED, lambda: issuer().issue(stated, format=format))  # nobody would read what it states


@pytest.mark.parametrize("kid", ["", "k" * 256, 5, b"k1", "\ud800"])
def test_a_kid_that_no_verifier_would_take_is_refused(kid: Any) -> None:
    # What is issued must be read: the reader takes texts of 1 to 255 characters, and a set of keys is JSON.
    misused(Reason.CONFIGURATION_INVALID, lambda: issuer(kid=kid))


def test_the_longest_kid_that_a_verifier_takes_is_written() -> None:
    kid = "k" * 255
    data = issuer(kid=kid).issue(usual(), **SD_JWT_VC)
    anchors = anchors_for(key("issuer").public, kid=kid)
    assert Credential.receive(data, anchors=anchors, now=NOW, **SD_JWT_VC).attestation == usual()


# --- certificates ---


def test_with_certificates_the_chain_goes_into_the_header() -> None:
    root, leaf = certificate("root", "root", authority=True), certificate("leaf", "root")
    door = issuer(local_key(certificate_key("leaf")), certificates=der(leaf))
    anchors = TrustAnchors.from_certificates(
        pem(root), issuer=ISSUER, purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_JWT_VC], types=[VCT], countries=ANY
    )
    data = door.issue(usual(), **SD_JWT_VC)
    assert Credential.receive(data, anchors=anchors, now=NOW, **SD_JWT_VC).attestation == usual()


@pytest.mark.parametrize("chain", [
    (b"no certificate",), (b"",), der(certificate("other", "root")), der(certificate("leaf", "root", authority=True)),
    der(*[certificate("leaf", "root")] * 4), ("text",),
    der(certificate("leaf", "ca"), certificate("other", "root", authority=True)),
    der(certificate("leaf", "ca", signer=certificate_key("x")), certificate("ca", "root", authority=True)),
    der(certificate("leaf", "root"), certificate("root", "root", authority=True)),
], ids=[
    "no DER", "empty", "of another key", "an authority", "too many", "text", "of another issuer", "signed by another",
    "with the root",
])  # fmt: skip
def test_certificates_that_no_verifier_would_take_are_refused(chain: Any) -> None:
    # The leaf must be a certificate of the signing key, and the chain no longer than a verifier walks.
    with pytest.raises(CitizenIDError) as caught:
        issuer(local_key(certificate_key("leaf")), certificates=chain)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("format", [Format.SD_JWT_VC, Format.SD_CWT])
def test_a_credential_and_its_certificate_are_valid_at_a_time_together(format: Format) -> None:
    # V2 asks for the certificate at each moment, V6 for the credential: without a common one nobody ever takes it.
    root = certificate("root", "root", authority=True, not_before=NOW - 9_000, not_after=NOW + 9_000)
    leaf = certificate("leaf", "root", not_before=NOW - 100, not_after=NOW + 99)  # to the end of that second
    door = issuer(local_key(certificate_key("leaf")), certificates=der(leaf))
    anchors = TrustAnchors.from_certificates(
        pem(root), issuer=ISSUER, purpose=KeyPurpose.CREDENTIAL, formats=[format], types=[VCT], countries=ANY
    )

    def issued(*times: int | None) -> bytes:
        return door.issue(replace(usual(), validity=Validity(*times)), format=format)  # type: ignore[arg-type]  # are times

    for times, now in (
        ((NOW - 600, None, NOW + 600), NOW),
        ((None, None, NOW - 99), NOW - 100),
        ((NOW + 99, None, NOW + 600), NOW + 99),
        ((None, NOW + 99, NOW + 600), NOW + 99),
    ):
        assert Credential.receive(issued(*times), format=format, anchors=anchors, now=now)
    misused(Reason.SIGNED_OUTSIDE_CERTIFICATE, lambda: issued(None, None, NOW - 100))
    for times in ((NOW + 100, None, NOW + 600), (None, NOW + 100, NOW + 600), (NOW - 600, NOW + 100, NOW + 600)):
        if not (format is Format.SD_CWT and times[0] == NOW - 600):  # there nbf is never after iat
            misused(Reason.CERTIFICATE_EXPIRED, lambda: issued(*times))  # noqa: B023


# --- salts ---


def test_salts_come_from_the_source_and_each_is_used_once() -> None:
    drawn: list[bytes] = []

    def source(size: int) -> bytes:
        drawn.append(os.urandom(size))
        return drawn[-1]

    data = issuer(random=source).issue(usual(claims={f"n{index}": index for index in range(40)}), decoys=5, **SD_JWT_VC)
    salts = [json.loads(unbase64url(text))[0] for text in data.split(b"~")[1:-1]]
    assert len(set(salts)) == len(salts) == 45
    stream = b"".join(drawn)
    assert all(len(unbase64url(salt)) == 18 and unbase64url(salt) in stream for salt in salts)


def test_two_credentials_share_no_salt_and_no_digest() -> None:
    one, other = (set(issuer().issue(usual(), decoys=5, **SD_JWT_VC).split(b"~")[1:-1]) for _ in range(2))
    assert not one & other


@pytest.mark.parametrize("size", [1, 8, 15])
def test_a_source_that_gives_too_little_makes_no_short_salt(size: int) -> None:
    # RFC 9901 section 9.3: 128 bits. A short salt lets a verifier guess what was withheld.
    door = issuer(random=lambda _: os.urandom(size))
    with pytest.raises(CitizenIDError):
        door.issue(usual(), **SD_JWT_VC)


@pytest.mark.parametrize(
    "kind", [bytearray, list, lambda size: "x" * size, lambda _: None, lambda size: b"x" * (size + 1)]
)
def test_a_source_that_gives_no_bytes_makes_no_salt(kind: Any) -> None:
    with pytest.raises((CitizenIDError, TypeError)):
        issuer(random=kind).issue(usual(), **SD_JWT_VC)


def test_a_validity_that_is_none_is_refused_by_the_format() -> None:
    leaf = certificate("leaf", "root")
    for door in (issuer(), issuer(local_key(certificate_key("leaf")), certificates=der(leaf))):
        for evidence_at in (None, NOW):
            none: Any = replace(usual(), evidence_at=evidence_at)
            object.__setattr__(none, "validity", None)
            with pytest.raises(CitizenIDError) as caught:
                door.issue(none, **SD_JWT_VC)
            assert caught.value.reason in (Reason.CLAIM_INVALID, Reason.CONFIGURATION_INVALID)


def test_an_issuer_shows_its_class_alone() -> None:
    assert repr(issuer()) == "<Issuer>"


def test_a_source_that_is_stuck_makes_no_credential_that_nobody_can_read() -> None:
    door = issuer(random=bytes)
    with pytest.raises(CitizenIDError):
        door.issue(usual(claims={"same": [1, 1]}), **SD_JWT_VC)


def test_issuing_reads_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    door, what = issuer(), usual()
    with monkeypatch.context() as patch:
        for name in ("time", "time_ns", "monotonic"):
            patch.setattr(time, name, unreachable)
        data = door.issue(what, **SD_JWT_VC)
    assert verified(data).attestation == what


# --- signing elsewhere ---


def test_a_signer_elsewhere_satisfies_the_protocol() -> None:
    signer: SigningKey = Hsm("issuer")
    assert verified(issuer(signer).issue(usual(), **SD_JWT_VC)).attestation == usual()


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
@pytest.mark.parametrize("serialization", list(Serialization))
def test_prepare_and_complete_make_what_issue_makes(algorithm: str, serialization: Serialization) -> None:
    hsm = Hsm("issuer", algorithm)
    unsigned = issuer(hsm.public).prepare(usual(), serialization=serialization, **SD_JWT_VC)
    assert type(unsigned) is Unsigned and unsigned.algorithm == algorithm and type(unsigned.to_be_signed) is bytes
    data = unsigned.complete(hsm.sign(unsigned.to_be_signed))
    anchors = anchors_for(hsm.public)
    again = Credential.receive(data, anchors=anchors, now=NOW, serialization=serialization, **SD_JWT_VC)
    assert again.attestation == usual()


def test_a_public_key_alone_signs_nothing() -> None:
    misused(Reason.CONFIGURATION_INVALID, lambda: issuer(key("issuer").public).issue(usual(), **SD_JWT_VC))


def _flipped(signature: bytes) -> bytes:
    """Of one signature: two of ECDSA differ, and may differ in just this bit."""
    return bytes([signature[0] ^ 1]) + signature[1:]


GARBAGE: list[tuple[str, Callable[[bytes], Any], Reason]] = [
    ("nothing", lambda _: b"", Reason.SIGNATURE_MALFORMED),
    ("zeros", lambda _: bytes(64), Reason.SIGNATURE_INVALID),
    ("too short", lambda data: key("issuer").sign(data)[:-1], Reason.SIGNATURE_MALFORMED),
    ("too long", lambda data: key("issuer").sign(data) + b"\0", Reason.SIGNATURE_MALFORMED),
    ("another key", lambda data: key("attacker").sign(data), Reason.SIGNATURE_INVALID),
    ("other bytes", lambda data: key("issuer").sign(data + b"x"), Reason.SIGNATURE_INVALID),
    ("a bit", lambda data: _flipped(key("issuer").sign(data)), Reason.SIGNATURE_INVALID),
    ("reversed", lambda data: key("issuer").sign(data)[::-1], Reason.SIGNATURE_INVALID),
    ("text", lambda data: key("issuer").sign(data).hex().encode()[:64], Reason.SIGNATURE_INVALID),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "reason"), [row[1:] for row in GARBAGE], ids=[row[0] for row in GARBAGE])
def test_a_wrong_signature_is_never_put_in_its_place(answer: Callable[[bytes], Any], reason: Reason) -> None:
    unsigned = issuer(key("issuer").public).prepare(usual(), **SD_JWT_VC)
    raises(reason, None, lambda: unsigned.complete(answer(unsigned.to_be_signed)))
    hsm = Hsm("issuer", answer=answer)
    raises(reason, None, lambda: issuer(hsm).issue(usual(), **SD_JWT_VC))
    assert len(hsm.asked) == 1


class _TwoFaces(bytes):
    """Bytes that give other bytes when they are asked for theirs."""

    def __new__(cls, shown: bytes, given: bytes) -> _TwoFaces:
        made = super().__new__(cls, shown)
        made.given = given
        return made

    given: bytes

    def __bytes__(self) -> bytes:
        return self.given


def test_the_signature_that_was_verified_is_the_one_that_is_written() -> None:
    unsigned = issuer(key("issuer").public).prepare(usual(), **SD_JWT_VC)
    good = key("issuer").sign(unsigned.to_be_signed)
    try:
        data = unsigned.complete(_TwoFaces(bytes(64), good))
    except CitizenIDError:
        return
    assert verified(data).attestation == usual()


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_signature_may_come_in_any_buffer(kind: Any) -> None:
    unsigned = issuer(key("issuer").public).prepare(usual(), **SD_JWT_VC)
    data = unsigned.complete(kind(key("issuer").sign(unsigned.to_be_signed)))
    assert verified(data).attestation == usual()


def test_a_signer_with_another_key_is_refused_before_it_signs() -> None:
    unsigned = issuer(key("issuer").public).prepare(usual(), **SD_JWT_VC)
    hsm = Hsm("attacker")
    misused(Reason.HOLDER_KEY_MISMATCH, lambda: unsigned.sign(hsm))
    misused(Reason.HOLDER_KEY_MISMATCH, lambda: unsigned.sign(key("attacker")))
    assert hsm.asked == []


def test_the_key_of_a_signer_may_be_another_object_of_the_same_key() -> None:
    class Reloading(Hsm):
        @property
        def public(self) -> PublicKey:
            return PublicKey.from_jwk(dict(super().public.to_jwk()))  # as one that asks its HSM each time

    assert verified(issuer(Reloading("issuer")).issue(usual(), **SD_JWT_VC)).attestation == usual()
    unsigned = issuer(key("issuer").public).prepare(usual(), **SD_JWT_VC)
    assert verified(unsigned.sign(Reloading("issuer"))).attestation == usual()


def test_a_signer_that_lies_about_its_key_is_caught() -> None:
    class Liar(Hsm):
        @property
        def public(self) -> PublicKey:
            return key("issuer").public

    raises(Reason.SIGNATURE_INVALID, None, lambda: issuer(Liar("attacker")).issue(usual(), **SD_JWT_VC))


def test_an_error_of_the_signer_is_its_own() -> None:
    class Unplugged(Exception):
        pass

    def fail(_: bytes) -> bytes:
        raise Unplugged

    with pytest.raises(Unplugged):
        issuer(Hsm("issuer", answer=fail)).issue(usual(), **SD_JWT_VC)


def test_what_is_unsigned_tells_nothing_and_can_be_completed_again() -> None:
    unsigned = issuer().prepare(usual(claims={"given_name": "marker-of-a-person"}), **SD_JWT_VC)
    assert repr(unsigned) == "<Unsigned ES256>"
    one, other = (unsigned.complete(key("issuer").sign(unsigned.to_be_signed)) for _ in range(2))
    assert verified(one).attestation == verified(other).attestation


# --- issuing cannot create what verification refuses ---


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"validity": lambda: Validity(UnixTime(NOW), None, UnixTime(NOW))}, {Reason.CLAIM_INVALID}),
        ({"validity": lambda: Validity(UnixTime(NOW), None, UnixTime(NOW - 1))}, {Reason.CLAIM_INVALID}),
        ({"validity": lambda: Validity(None, UnixTime(NOW), UnixTime(2**53))}, {Reason.CLAIM_INVALID}),
        ({"validity": lambda: Validity(True, None, UnixTime(NOW))}, {Reason.CLAIM_INVALID}),
        ({"claims": lambda: {"x": float("nan")}}, {Reason.MALFORMED_JSON, Reason.CLAIM_INVALID}),
        ({"claims": lambda: {"_sd": []}}, {Reason.CLAIM_RESERVED}),
        ({"claims": lambda: {"o": {"...": "d"}}}, {Reason.CLAIM_RESERVED}),
        ({"claims": lambda: {"iss": ISSUER}}, {Reason.CLAIM_RESERVED}),
        ({"claims": lambda: {"exp": NOW}}, {Reason.CLAIM_RESERVED}),
        ({"claims": lambda: {"nationalities": ["XX"]}}, {Reason.COUNTRY_INVALID}),
        ({"claims": lambda: nested(40)}, {Reason.DEPTH_EXCEEDED}),
        ({"status": lambda: (StatusReference("", 1),)}, {Reason.CLAIM_INVALID}),
        ({"status": lambda: (StatusReference(STATUS_URI, -1),)}, {Reason.CLAIM_INVALID}),
        ({"assurance": lambda: Assurance("", "x")}, {Reason.CLAIM_INVALID}),
    ],
)  # fmt: skip
def test_the_same_rules_refuse_at_issuing(changes: dict[str, Callable[[], Any]], reasons: set[Reason]) -> None:
    def call() -> bytes:
        good: dict[str, Any] = {
            "type": VCT, "issuer": ISSUER, "claims": {}, "holder_key": key("holder").public, "status": (REFERENCE,),
            "validity": Validity(UnixTime(NOW), None, UnixTime(NOW + 60)),
        }  # fmt: skip
        what = Attestation(**{**good, **{name: make() for name, make in changes.items()}})
        return issuer().issue(what, **SD_JWT_VC)

    with pytest.raises(CitizenIDError) as caught:
        call()
    assert caught.value.reason in reasons
    assert caught.value.__context__ is None and caught.value.__cause__ is None


def nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"n": value}
    return {"x": value}


def test_a_claim_that_changes_later_does_not_change_the_attestation() -> None:
    claims: dict[str, Any] = {"list": [1, {"x": [2]}]}
    what = usual(claims=claims)
    claims["list"][1]["x"].append(3)
    claims["new"] = 1
    assert same(what.claims["list"], [1, {"x": [2]}]) and "new" not in what.claims
    assert NONCE not in repr(what) and "US" not in repr(what)


def test_a_key_may_be_generated_loaded_and_kept() -> None:
    private = LocalKey.generate("ES256")
    again = LocalKey.from_jwk(private.to_private_jwk())
    assert again.public == private.public
    assert verified(issuer(key("issuer")).issue(usual(), **SD_JWT_VC)).attestation == usual()


# --- mdoc ---


def of_an_mdoc(**changes: Any) -> Attestation:
    return usual(**{"format": Format.MDOC, "lifetime_s": 30 * 86_400, **changes})


def test_the_usual_attestation_of_an_mdoc_has_our_type_and_namespace() -> None:
    made = of_an_mdoc(claims={PID: {"family_name": "Ada"}, OURS: {"document_number": "7"}})
    assert made.type == OURS and made.citizenship == Citizenship(us("US", "DE"), us("US"))
    assert same(made.claims, {
        PID: {"family_name": "Ada"},
        OURS: {
            "document_number": "7", "nationalities": ["US", "DE"], "national_of_us": True, "national_of_de": True,
            "citizen_of_us": True,
        },
    })  # fmt: skip


@pytest.mark.parametrize("claims", [
    {OURS: {"nationalities": ["US"]}}, {OURS: {"nationalities_complete": True}}, {OURS: {"citizenships": ["US"]}},
    {OURS: {"citizen_of_us": True}}, {OURS: {"citizen_of_us": False}}, {OURS: {"national_of_us": True}},
    {PID: {"nationality": ["FR"]}}, {PID: {"nationality": ["US", "FR"]}},
])  # fmt: skip
def test_the_citizenship_of_an_mdoc_is_stated_once(claims: Any) -> None:
    misused(Reason.CLAIM_RESERVED, lambda: of_an_mdoc(claims=claims))


def test_other_namespaces_may_state_the_same_citizenship() -> None:
    # Verifiers that know the EU PID alone read it there.
    made = of_an_mdoc(claims={PID: {"nationality": ["US"]}, "org.iso.18013.5.1": {"nationality": "DEU"}})
    assert made.citizenship.all_nationalities == frozenset(us("US", "DE"))


@pytest.mark.parametrize(
    "claims", [{PID: {"nationality": ["US", "QS"]}}, {"org.iso.18013.5.1": {"nationality": "XXA"}}]
)
def test_a_list_that_is_complete_stands_beside_no_unknown_nationality(claims: Any) -> None:
    # Whoever reads both takes the list for incomplete: what is prepared says what was established, or nothing.
    complete = Citizenship(us("US"), complete=True)
    assert of_an_mdoc(citizenship=complete, claims={PID: {"nationality": ["USA"]}}).citizenship == complete
    misused(Reason.CLAIM_RESERVED, lambda: of_an_mdoc(citizenship=complete, claims=claims))
    assert not of_an_mdoc(citizenship=Citizenship(us("US")), claims=claims).citizenship.complete


@pytest.mark.parametrize("claims", [{"family_name": "Ada"}, {PID: None}, {OURS: ["nationalities"]}])
def test_the_further_claims_of_an_mdoc_are_in_namespaces(claims: Any) -> None:
    misused(Reason.CLAIM_INVALID, lambda: of_an_mdoc(claims=claims))


def test_an_mdoc_is_issued_and_received() -> None:
    what = of_an_mdoc(assurance=Assurance("eIDAS", "high"), evidence_at=NOW - 600)
    data = mdoc_door().issue(what, format=Format.MDOC, decoys=3)
    made = Credential.receive(data, anchors=mdoc_anchors(), now=NOW, format=Format.MDOC).attestation
    assert (made.claims, made.assurance, made.evidence_at, made.holder_key, made.status) == (
        what.claims, what.assurance, NOW - 600, what.holder_key, what.status,
    )  # fmt: skip


def test_the_signer_of_an_mdoc_may_be_elsewhere() -> None:
    signer, chain = document_signer()
    unsigned = Issuer(identifier=ISSUER, key=signer.public, certificates=chain).prepare(
        of_an_mdoc(), format=Format.MDOC
    )
    data = unsigned.complete(signer.sign(unsigned.to_be_signed))
    assert Credential.receive(data, anchors=mdoc_anchors(), now=NOW, format=Format.MDOC).format is Format.MDOC
    misused(Reason.SIGNATURE_INVALID, lambda: unsigned.complete(key("other").sign(unsigned.to_be_signed)))


def test_two_issues_of_one_attestation_share_no_random_no_digest_and_no_order() -> None:
    countries = us("US", "DE", "FR", "IT", "ES", "PT", "PL", "AT", "NL", "BE", "SE", "DK")
    what = of_an_mdoc(citizenship=Citizenship(countries, countries, True))
    one, other = (mdoc_door().issue(what, format=Format.MDOC) for _ in range(2))
    items = [
        [cbor.decode(item, "item") for item in items_of(data)[OURS]] for data in (one, other)
    ]  # 26 elements: the same order twice has a chance of one in 26!
    numbers = [[item["digestID"] for item in each] for each in items]
    assert sorted(numbers[0]) == sorted(numbers[1]) == list(range(26))
    assert numbers[0] != numbers[1] and all(each not in (sorted(each), sorted(each)[::-1]) for each in numbers)
    assert not {item["random"] for item in items[0]} & {item["random"] for item in items[1]}
    digests = [set(mso_of(data)["valueDigests"][OURS].values()) for data in (one, other)]
    assert not digests[0] & digests[1]


def test_the_certificates_must_be_what_the_format_asks_for() -> None:
    # A chain that does for SD-JWT VC is none of a document signer, and says so where an mdoc is asked for.
    plain = issuer(local_key(certificate_key("leaf")), certificates=der(certificate("leaf", "root")))
    plain.issue(usual(), **SD_JWT_VC)
    misused(Reason.CONFIGURATION_INVALID, lambda: plain.issue(of_an_mdoc(), format=Format.MDOC))
    # A document signer may sign SD-JWT VCs; a certificate for TLS may sign neither.
    mdoc_door().issue(usual(), **SD_JWT_VC)
    server = named("leaf", "root", purpose=ExtendedKeyUsageOID.SERVER_AUTH.dotted_string)
    tls = issuer(local_key(certificate_key("leaf")), certificates=der(server))
    misused(Reason.CONFIGURATION_INVALID, lambda: tls.issue(usual(), **SD_JWT_VC))
    misused(Reason.CONFIGURATION_INVALID, lambda: tls.issue(of_an_mdoc(), format=Format.MDOC))
    # Without certificates there is no mdoc at all.
    misused(Reason.CONFIGURATION_INVALID, lambda: issuer().issue(of_an_mdoc(), format=Format.MDOC))


@pytest.mark.parametrize("namespace", [PID, "org.iso.23220.1", "org.iso.18013.5.1"])
def test_an_issuing_country_is_written_only_where_it_is_the_signers(namespace: str) -> None:
    """ISO/IEC 18013-5 9.3.3: nobody who trusts the signer's root would take another one."""

    def stating(country: Any, beside: Any = None) -> Attestation:
        return of_an_mdoc(claims={namespace: {"issuing_country": country}, **(beside or {})})

    data = mdoc_door().issue(stating("UT"), format=Format.MDOC)
    received = Credential.receive(data, anchors=mdoc_anchors(), now=NOW, format=Format.MDOC)
    assert received.attestation.claims[namespace]["issuing_country"] == "UT"
    for other in ("XX", "ut", "UT ", "UTO", "", None, 5, ["UT"]):
        error = misused(
            Reason.ISSUER_MISMATCH, lambda other=other: mdoc_door().issue(stating(other), format=Format.MDOC)
        )
        assert error.where == "issuing_country"
    # In a namespace of somebody else it is an element like any other, and no other format has a signer's country.
    mdoc_door().issue(stating("UT", {"org.example.other": {"issuing_country": "XX"}}), format=Format.MDOC)
    mdoc_door().issue(usual(claims={"issuing_country": "XX"}), **SD_JWT_VC)


def test_an_issuing_jurisdiction_is_written_only_where_it_is_the_signers() -> None:
    """ISO/IEC 18013-5 9.3.3: as the country, where the certificate names a state."""

    def issue(jurisdiction: Any, *states: str, namespace: str = PID) -> bytes:
        private = certificate_key("signer")
        leaf = named("signer", "iaca", states=states, not_after=NOW + 400 * 86_400)
        stated = of_an_mdoc(claims={namespace: {"issuing_jurisdiction": jurisdiction}})
        return mdoc_door(key=local_key(private), certificates=der(leaf)).issue(stated, format=Format.MDOC)

    issue("UT-SL", "UT-SL")
    issue("UT-PR")
    issue("UT-PR", "UT-SL", namespace="org.example.other")
    for namespace in (PID, "org.iso.23220.1", "org.iso.18013.5.1"):
        for other in ("UT-PR", "ut-sl", "", None, 5, ["UT-SL"]):
            error = misused(
                Reason.ISSUER_MISMATCH,
                lambda other=other, namespace=namespace: issue(other, "UT-SL", namespace=namespace),
            )
            assert error.where == "issuing_jurisdiction"
    misused(Reason.ISSUER_MISMATCH, lambda: issue("UT-SL", "UT-SL", "UT-PR"))


def test_an_mdoc_of_another_issuer_is_refused() -> None:
    misused(Reason.ISSUER_MISMATCH, lambda: mdoc_door(identifier="other").issue(of_an_mdoc(), format=Format.MDOC))


def test_the_key_of_an_issuer_is_published_with_its_use_and_its_algorithm() -> None:
    """RFC 7517 sections 4.2 and 4.4."""
    for algorithm in ("ES256", "Ed25519"):
        public = key("issuer", algorithm).public
        expected = {**public.to_jwk(), "kid": "k", "use": "sig", "alg": algorithm}
        assert issuer(key("issuer", algorithm), kid="k").jwks() == {"keys": [expected]}
    public = key("issuer", "Ed448").public
    assert issuer(key("issuer", "Ed448")).jwks() == {"keys": [{**public.to_jwk(), "kid": "k1", "use": "sig"}]}


def test_what_an_issuer_is_asked_in_vain_is_named() -> None:
    chain = der(certificate("leaf", "root"))
    certified = Issuer(identifier=ISSUER, key=local_key(certificate_key("leaf")), certificates=chain)
    for call, reason, where in (
        (certified.jwks, Reason.CONFIGURATION_INVALID, "issuer.certificates"),
        (lambda: issuer().issue(usual(), serialization="compact", **SD_JWT_VC), Reason.CONFIGURATION_INVALID,
         "serialization"),
        (lambda: usual(lifetime_s=0), Reason.CLAIM_INVALID, "attestation.lifetime_s"),
        (lambda: issuer(kid=""), Reason.CONFIGURATION_INVALID, "issuer.kid"),
    ):  # fmt: skip
        with pytest.raises(CitizenIDError) as caught:
            call()
        assert (caught.value.reason, caught.value.where) == (reason, where)
    assert usual(lifetime_s=1).validity.not_after == NOW + 1
    assert usual(evidence_at=None).evidence_at is None


def test_what_is_prepared_elsewhere_has_no_decoys_unless_they_are_asked_for() -> None:
    signed = issuer().prepare(usual(), disclosable=(), **SD_JWT_VC).to_be_signed
    assert b"_sd" not in unbase64url(signed.split(b".")[1])


def test_a_credential_may_be_of_any_second_up_to_the_year_9999() -> None:
    last = 253_402_300_799
    for now, lifetime_s in ((0, 1), (0, last), (last - 1, 1)):
        assert usual(now=now, lifetime_s=lifetime_s).validity.not_after == now + lifetime_s
    for now, lifetime_s, where in (
        (-1, 1, "now"), (last + 1, 1, "now"), (last, 1, "lifetime_s"), (0, last + 1, "lifetime_s"),
    ):  # fmt: skip
        with pytest.raises(CitizenIDError) as caught:
            usual(now=now, lifetime_s=lifetime_s)
        assert (caught.value.reason, caught.value.where) == (Reason.CLAIM_INVALID, f"attestation.{where}")
