"""Rules of the standards, and threats, that no other file tests: from the outside, through the doors.

A test stands here because specs/requirements.toml or specs/threat-model.md names it; each name is the rule it holds.

Spec: RFC 9901 sections 4, 7.2, 9.3; SD-JWT VC section 2; HAIP 1.0 section 6; RFC 9449 section 4.2; OpenID4VP 1.0
sections 5.9.3, 14.1; ISO/IEC 18013-5 second edition 12.3.6; specs/threat-model.md.
"""

from __future__ import annotations

import functools
import json
from typing import Any, Final

import builders as b
import mdoc_builders as m
import pytest
from gateway.world import World, request

from citizenid import (
    ANY,
    Attestation,
    Challenge,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    MalformedError,
    NeedStatusList,
    Reason,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Validity,
    VerificationError,
)
from citizenid.gateway import Allow, Deny, NeedPresentation
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusStore
from citizenid.verifier import open_presentation

CLAIMS: Final = {
    "given_name": "Ada",
    "address": {"locality": "London", "lines": ["one", "two"]},
    "nationalities": ["GB", "FR"],
}


def attestation(claims: dict[str, Any] | None = None) -> Attestation:
    return Attestation(
        type=b.VCT,
        issuer=b.ISSUER,
        claims=CLAIMS if claims is None else claims,
        validity=Validity(UnixTime(b.NOW - 60), None, UnixTime(b.NOW + 86_400)),
        holder_key=b.key("holder").public,
        status=(StatusReference(b.STATUS_URI, b.VALID_INDEX),),
    )


def issuer() -> Issuer:
    return Issuer(identifier=b.ISSUER, key=b.key("issuer"), kid="k1")


def issue() -> bytes:
    return issuer().issue(attestation(), format=Format.SD_JWT_VC)


def receive(data: bytes) -> Credential:
    return Credential.receive(data, format=Format.SD_JWT_VC, anchors=b.anchors(), now=b.NOW)


def show(credential: Credential, names: Any = ()) -> bytes:
    return credential.present(names, challenge=b.challenge(), key=b.key("holder"), peer=b.AUDIENCE, now=b.NOW)


def decoded(segment: bytes) -> Any:
    return json.loads(b.unbase64url(segment))


# --- the issuer ---


def test_an_issuer_offers_no_algorithm_outside_of_the_list() -> None:
    for name in ("none", "HS256", "RS256", "PS256", "ES256K", "ed448", "es256", ""):
        b.misused(Reason.ALGORITHM_NOT_ALLOWED, functools.partial(LocalKey.generate, name))


def test_equal_claims_in_two_places_have_two_salts() -> None:
    data = issuer().issue(attestation({"a": {"x": 1}, "b": {"x": 1}}), format=Format.SD_JWT_VC)
    arrays = [decoded(text) for text in data.split(b"~")[1:-1]]
    assert len([array for array in arrays if array[1:] == ["x", 1]]) == 2
    assert len({array[0] for array in arrays}) == len(arrays)


def test_an_issuer_sends_no_key_binding() -> None:
    data = issue()
    assert data.endswith(b"~")
    (presentation,) = open_presentation(data, format=Format.SD_JWT_VC)
    assert presentation.binding is None


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "Ed25519", "ML-DSA-44"])
def test_the_confirmation_is_a_public_jwk_alone(algorithm: str) -> None:
    made = prepare_attestation(
        Citizenship([Country("US")]),
        issuer=b.ISSUER,
        holder_key=b.key("cnf", algorithm).public,
        now=b.NOW,
        lifetime_s=60,
        status=None,
        format=Format.SD_JWT_VC,
    )
    payload = decoded(issuer().issue(made, format=Format.SD_JWT_VC).split(b".")[1])
    assert payload["cnf"] == {"jwk": b.key("cnf", algorithm).public.to_jwk()}
    assert not {"d", "priv", "k"} & set(payload["cnf"]["jwk"])


# --- the holder ---


def test_disclosures_are_passed_on_character_by_character() -> None:
    # Spelled as no writer of ours would: spaces, escapes, another order of nothing.
    text = b.segment(b'[ "s\\u0061lt" ,"given_name",\t"\\u0041da" ]')
    credential = receive(b.issuer_half(payload={"_sd": [b.digest(text)]}, disclosures=[text]))
    data = show(credential, ["given_name"])
    assert data.split(b"~")[1] == text
    assert b.accepted(data).attestation.claims["given_name"] == "Ada"


def test_a_presentation_always_has_a_key_binding() -> None:
    for chosen in ([], ["given_name"], list(CLAIMS)):
        (presentation,) = open_presentation(show(receive(issue()), chosen), format=Format.SD_JWT_VC)
        assert presentation.binding is not None


def test_key_binding_is_never_optional() -> None:
    b.refused(b.issuer_half(), Reason.KEY_BINDING_MISSING, "V7")
    b.refused(b.issuer_half(payload={"cnf": b.ABSENT}), Reason.HOLDER_KEY_MISSING, "V7")
    b.refused(b.make(payload={"cnf": b.ABSENT}), Reason.HOLDER_KEY_MISSING, "V7")


def test_a_confirmation_needs_neither_issuer_nor_subject() -> None:
    payload = {name: value for name, value in b.good_payload().items() if name not in ("iss", "sub")}
    assert "cnf" in payload
    assert b.accepted(b.make(payload=b.dump(payload))).attestation.issuer == b.ISSUER


def test_an_issuer_who_is_known_by_his_certificate_has_the_label_of_its_root() -> None:
    root, leaf = b.certificate("root", "root", authority=True), b.certificate("leaf", "root")
    signer = b.local_key(b.certificate_key("leaf"))
    scope: dict[str, Any] = {"formats": [Format.SD_JWT_VC], "types": [b.VCT], "countries": ANY}
    trusted = TrustAnchors.from_certificates(b.pem(root), issuer=b.ISSUER, purpose=KeyPurpose.CREDENTIAL, **scope)

    def presented(issuer: Any) -> bytes:
        return b.make({"kid": b.ABSENT, "x5c": b.x5c(leaf)}, {"iss": issuer}, signer=signer)

    for issuer in (b.ISSUER, b.ABSENT):
        assert b.accepted(presented(issuer), anchors=trusted).attestation.issuer == b.ISSUER
    # Not even the subject of the certificate is another name for him.
    for issuer in ("leaf", "CN=leaf", "root", "https://other.example", b.ISSUER + "/"):
        b.refused(presented(issuer), Reason.ISSUER_MISMATCH, "V5", anchors=trusted)


def test_a_national_type_of_the_pid_is_a_type_of_its_own() -> None:
    types = ["urn:eudi:pid:1", "urn:eudi:pid:de:1"]
    for trusted in types:
        anchors = b.anchors_for(b.key("issuer").public, types=[trusted])
        for shown in types:
            data = b.make(payload={"vct": shown})
            if shown == trusted:
                assert b.accepted(data, anchors=anchors).attestation.citizenship.nationalities == b.us()
            else:
                b.refused(data, Reason.TYPE_NOT_ALLOWED, "V5", anchors=anchors)


CLIENT: Final = "x509_san_dns:gateway.example"


def test_the_audience_of_a_request_is_the_client_id_with_its_prefix() -> None:
    challenge = Challenge.openid4vp(client_id=CLIENT, nonce=b.NONCE, response_uri=b.AUDIENCE + "/response")
    b.accepted(b.make(kb={"aud": CLIENT}), challenge=challenge)
    near = ("gateway.example", b.AUDIENCE, "x509_san_dns:", "x509_hash:gateway.example", CLIENT.upper(), CLIENT + " ")
    for audience in (*near, "origin:" + CLIENT, "origin:" + b.AUDIENCE):
        b.refused(b.make(kb={"aud": audience}), Reason.AUDIENCE_MISMATCH, "V7", challenge=challenge)


def test_the_audience_over_the_dc_api_is_the_origin_with_its_prefix() -> None:
    challenge = Challenge.dc_api(origin=b.AUDIENCE, nonce=b.NONCE)
    b.accepted(b.make(kb={"aud": "origin:" + b.AUDIENCE}), challenge=challenge)
    for audience in (b.AUDIENCE, "Origin:" + b.AUDIENCE, "web-origin:" + b.AUDIENCE, f"origin:{b.AUDIENCE}/", CLIENT):
        b.refused(b.make(kb={"aud": audience}), Reason.AUDIENCE_MISMATCH, "V7", challenge=challenge)


def of_mdoc(index: int) -> bytes:
    return m.make(mso={"status": b.status_claim(index)})


def test_of_an_mdoc_every_status_but_valid_refuses_whatever_the_width() -> None:
    for bits in (1, 2, 4, 8):
        values = {index: index for index in range(1, min(2**bits, 16))}
        store = StatusStore(anchors=b.status_anchors())
        body = b.status_token(values, bits=bits)
        store.ingest(b.STATUS_URI, body, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
        m.accepted(of_mdoc(0), statuses=store)
        for index in values:
            named = {1: Reason.REVOKED, 2: Reason.SUSPENDED}
            m.refused(of_mdoc(index), named.get(index, Reason.STATUS_NOT_VALID), "V9", statuses=store)


def test_a_list_without_an_end_counts_for_an_mdoc_until_the_cap() -> None:
    store = StatusStore(anchors=b.status_anchors())
    body = b.status_token(payload={"exp": b.ABSENT, "ttl": b.ABSENT, "iat": b.NOW})
    store.ingest(b.STATUS_URI, body, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
    cap = 86_400
    lasting = {"validUntil": m.date_time(b.NOW + 10 * cap)}
    data = m.make(mso={"status": b.status_claim(b.VALID_INDEX)}, validity=lasting)
    m.accepted(data, statuses=store, now=b.NOW + cap - 1)
    need = m.verify(data, statuses=store, now=b.NOW + cap)
    assert need == NeedStatusList(b.STATUS_URI, Reason.STATUS_LIST_STALE)


def test_a_credential_that_fails_makes_nobody_want_its_list() -> None:
    for data in (
        b.make(payload={"exp": b.NOW}),
        b.make(signer=b.key("forger")),
        b.make(kb={"nonce": "another-nonce"}),
        b.make(kb_signer=b.key("forger")),
    ):
        store = StatusStore(anchors=b.status_anchors())
        with pytest.raises((MalformedError, VerificationError)):
            b.verify(data, statuses=store)
        assert store.due(b.NOW) == ()
    store = StatusStore(anchors=b.status_anchors())
    assert isinstance(b.verify(b.make(), statuses=store), NeedStatusList)
    assert store.due(b.NOW) == (b.STATUS_URI,)


def test_nothing_but_the_signed_times_says_how_long_a_list_is_used() -> None:
    # The store has no place for a header of HTTP: it is told the body, its media type and when it was fetched.
    store = StatusStore(anchors=b.status_anchors())
    token = b.status_token(payload={"exp": b.NOW + 100, "ttl": 50})
    with pytest.raises(TypeError):
        store.ingest(b.STATUS_URI, token, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW, max_age=10**6)  # type: ignore[call-arg]  # that is the test
    store.ingest(b.STATUS_URI, token, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
    reference = StatusReference(b.STATUS_URI, b.VALID_INDEX)
    assert not isinstance(store.check(reference, issuer=b.ISSUER, now=b.NOW + 49), NeedStatusList)
    assert isinstance(store.check(reference, issuer=b.ISSUER, now=b.NOW + 50), NeedStatusList)


# --- threats, at the gateway ---


@pytest.mark.parametrize("step_s", [5, 120, 100_000])
@pytest.mark.parametrize("silence_s", [0, 70, 1_000])
def test_a_clock_that_steps_back_makes_no_proof_young(step_s: int, silence_s: int) -> None:
    world = World()
    wallet = world.wallet()
    ticket = world.ticket(wallet)
    used = request(ticket, world.proof(wallet.sender, ticket))
    assert type(world.gateway.authorize(used, resource="us-nationals")) is Allow
    world.wait(silence_s)
    world.step_wall_clock(-step_s)
    for _ in range(3):
        result = world.gateway.authorize(used, resource="us-nationals")
        assert type(result) is Deny
        assert result.reason in (Reason.REPLAYED, Reason.PROOF_STALE, Reason.PROOF_IN_FUTURE)
        world.wait(40)


def test_two_tickets_or_two_proofs_are_refused() -> None:
    world = World()
    wallet = world.wallet()
    ticket = world.ticket(wallet)
    proof = world.proof(wallet.sender, ticket)
    for name, value, kind in (
        (b"Citizenship-Ticket", ticket.encode(), NeedPresentation),
        (b"CITIZENSHIP-TICKET", b"", NeedPresentation),
        (b"DPoP", proof, Deny),
        (b"dpop", b"", Deny),
    ):
        asked = request(ticket, proof, further=[(name, value)])
        result = world.gateway.authorize(asked, resource="us-nationals")
        assert type(result) is kind
        assert result.reason in (Reason.TICKET_INVALID, Reason.PROOF_MALFORMED)
    assert type(world.gateway.authorize(request(ticket, proof), resource="us-nationals")) is Allow


def test_a_refused_proof_is_answered_with_401_and_the_algorithms_that_serve() -> None:
    world = World()
    wallet = world.wallet()
    ticket = world.ticket(wallet)
    for proof in (None, b"x", world.proof(wallet.sender), world.proof(wallet.sender, ticket, now=world.now - 1_000)):
        denied = world.gateway.authorize(request(ticket, proof), resource="us-nationals")
        assert type(denied) is Deny
        answer = denied.http()
        assert answer.status == 401
        (challenge,) = [value for name, value in answer.headers if name == b"www-authenticate"]
        assert challenge.startswith(b'DPoP error="invalid_dpop_proof", algs="')
        assert set(challenge.split(b'algs="')[1].rstrip(b'"').split()) >= {b"ES256", b"Ed25519"}
