"""Against the npm packages @auth0/mdl and @owf/mdoc: what they issue and present verifies here, and the reverse.

Both issue, answer with a DeviceResponse and verify one, each against the certificates of `mdoc_world`, which both
sides check. Where they and we part, a test says so; README.md beside this file has the list.

Spec: ISO/IEC 18013-5 8.3.2.1.2, 9.1.2, 9.1.3; OpenID4VP 1.0 appendix B.2.6; ISO/IEC 18013-7:2024 B.4.4.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import cbor2
import pytest
from builders import raises
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import interop.mdoc_world as world
from citizenid import (
    Challenge,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    Reason,
    StatusReference,
    TrustAnchors,
)
from citizenid._crypto import AgreementKey
from citizenid._wire.transcript import session_transcript
from citizenid.verifier import open_presentation, verify_credential
from interop.conftest import Peer, Refused
from interop.mdoc_world import ALL, CLAIMS, NOW, PID, check, claims_of, openid4vp, proximity, transcript_bytes

BOTH = pytest.mark.parametrize("name", ["auth0", "owf"])
SOME = [(PID, "nationality"), (world.OURS, "citizen_of_us")]


@pytest.fixture
def peer(request: pytest.FixtureRequest, name: str) -> Peer:
    found = request.getfixturevalue(name)
    assert isinstance(found, Peer)
    return found


def issued(peer: Peer, *, curve: str = "P-256", device: str = "P-256", digest: str = "SHA-256", **changes: Any) -> str:
    """Let a peer issue all of CLAIMS."""
    signer = world.jwk_of(world.private_key("DS", curve))
    public = {name: value for name, value in world.jwk_of(world.device(device)).items() if name != "d"}
    arguments: dict[str, Any] = {
        "type": PID,
        "claims": CLAIMS,
        "certificate": world.der(world.document_signer(curve)),
        "key": _named(peer, signer, "ds-1"),
        "deviceKey": public,
        "validity": world.VALIDITY,
        "alg": world.ALGORITHMS[curve],
        "digest": digest,
    }
    made = peer.ask("issue", **(arguments | changes))
    assert isinstance(made, str)
    return made


def presented(
    peer: Peer, mdoc: str, challenge: Challenge, *, device: str = "P-256", disclose: Any = ALL, **changes: Any
) -> bytes:
    """Let a peer answer a challenge, with a MAC if the challenge has a key for it."""
    arguments: dict[str, Any] = {
        "mdoc": mdoc,
        "type": PID,
        "disclose": disclose,
        "key": _named(peer, world.jwk_of(world.device(device)), "device-1"),
        "alg": world.ALGORITHMS[device],
        "transcript": transcript_bytes(challenge),
    }
    if challenge.reader_key is not None:
        arguments["readerKey"] = world.reader().public.to_jwk()
    return bytes.fromhex(peer.ask("present", **(arguments | changes)))


def _named(peer: Peer, key: dict[str, str], kid: str) -> dict[str, str]:
    # Each takes only one of the two; the tests of what they write for the other are below.
    return {**key, "kid": kid} if peer.name == "auth0" else key


def changed(response: bytes, path: list[Any], value: Any) -> bytes:
    """Return a DeviceResponse with another value at a path of its decoded form."""
    decoded = cbor2.loads(response)
    holder = decoded
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return cbor2.dumps(decoded)


# --- they issue and present, we verify ---


@BOTH
@pytest.mark.parametrize("asked", [openid4vp, proximity])
@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_what_a_peer_issues_and_signs_for_a_device_verifies_here(peer: Peer, asked: Any, curve: str) -> None:
    challenge = asked()
    digest = {"P-256": "SHA-256", "P-384": "SHA-384", "P-521": "SHA-512"}[curve]
    mdoc = issued(peer, curve=curve, device=curve, digest=digest)
    verified = check(presented(peer, mdoc, challenge, device=curve), challenge)
    assert claims_of(verified) == CLAIMS
    assert verified.attestation.type == PID
    assert verified.citizenship == Citizenship((Country("US"), Country("FR")), (Country("US"),))
    assert verified.attestation.holder_key == world.local(world.device(curve)).public
    validity = verified.attestation.validity
    assert (validity.issued_at, validity.not_before, validity.not_after) == (*world.VALIDITY[:2], world.VALIDITY[2] + 1)


@BOTH
def test_what_a_peer_withholds_is_not_seen_here(peer: Peer) -> None:
    challenge = openid4vp()
    verified = check(presented(peer, issued(peer), challenge, disclose=SOME), challenge)
    assert claims_of(verified) == world.picked(SOME)


@BOTH
def test_what_a_peer_signs_by_eddsa_verifies_here(peer: Peer) -> None:
    challenge = openid4vp()
    device = LocalKey.generate("Ed25519")
    mdoc = issued(peer, deviceKey=device.public.to_jwk())
    key = _named(peer, device.to_private_jwk(), "device-1")
    verified = check(presented(peer, mdoc, challenge, key=key, alg="EdDSA"), challenge)
    assert claims_of(verified) == CLAIMS
    assert verified.attestation.holder_key == device.public


@pytest.mark.parametrize("asked", [openid4vp, proximity])
@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_the_mac_of_auth0_verifies_here_with_the_readers_key_alone(auth0: Peer, asked: Any, curve: str) -> None:
    stated, reader = asked(mac=True), AgreementKey.generate(curve)

    def with_key(key: AgreementKey | None) -> Challenge:
        return Challenge(stated.audience, stated.nonce, 300, stated.handover, key)

    mdoc = issued(auth0, device=curve)
    response = presented(auth0, mdoc, with_key(reader), device=curve, readerKey=reader.public.to_jwk())
    assert claims_of(check(response, with_key(reader))) == CLAIMS
    raises(Reason.SIGNATURE_INVALID, "V8", lambda: check(response, with_key(AgreementKey.generate(curve))))
    raises(Reason.READER_KEY_MISSING, "V7", lambda: check(response, with_key(None)))


@BOTH
def test_an_answer_to_another_challenge_is_refused_here(peer: Peer) -> None:
    response = presented(peer, issued(peer), openid4vp())
    other = Challenge.openid4vp(client_id=world.CLIENT_ID, nonce=world.NONCE + "x", response_uri=world.RESPONSE_URI)
    raises(Reason.SIGNATURE_INVALID, "V8", lambda: check(response, other))
    raises(Reason.SIGNATURE_INVALID, "V8", lambda: check(response, proximity()))


@BOTH
def test_what_is_changed_on_the_way_is_refused_here(peer: Peer) -> None:
    challenge = openid4vp()
    response = presented(peer, issued(peer), challenge)
    issuer_signed = ["documents", 0, "issuerSigned"]
    items = cbor2.loads(response)["documents"][0]["issuerSigned"]["nameSpaces"][PID]
    item = cbor2.loads(items[0].value)
    forged = [cbor2.CBORTag(24, cbor2.dumps({**item, "elementValue": "Mallory"})), *items[1:]]
    bad = changed(response, [*issuer_signed, "nameSpaces", PID], forged)
    raises(Reason.DIGEST_MISMATCH, "V4", lambda: check(bad, challenge))
    bad = changed(response, [*issuer_signed, "issuerAuth", 3], bytes(64))
    raises(Reason.SIGNATURE_INVALID, "V3", lambda: check(bad, challenge))
    bad = changed(response, ["documents", 0, "docType"], world.OURS)
    raises(Reason.TYPE_NOT_ALLOWED, "V5", lambda: check(bad, challenge))
    bad = changed(response, ["documents", 0, "deviceSigned", "deviceAuth"], {})
    raises(Reason.KEY_BINDING_MISSING, "V7", lambda: check(bad, challenge))


@BOTH
def test_the_certificates_and_the_times_of_what_a_peer_issues_count_here(peer: Peer) -> None:
    challenge = openid4vp()
    response = presented(peer, issued(peer), challenge)
    elsewhere = TrustAnchors.from_certificates(
        world.pem(world.iaca("another IACA")),
        issuer=world.ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.MDOC],
        types=[PID],
        countries=[Country("US")],
    )
    raises(Reason.CERTIFICATE_UNTRUSTED, "V2", lambda: check(response, challenge, anchors=elsewhere))
    # validUntil is inclusive.
    assert check(response, challenge, now=world.VALIDITY[2]).attestation.type == PID
    raises(Reason.EXPIRED, "V6", lambda: check(response, challenge, now=world.VALIDITY[2] + 1))
    raises(Reason.NOT_YET_VALID, "V6", lambda: check(response, challenge, now=world.VALIDITY[1] - 1))


@BOTH
def test_the_issuers_half_alone_is_read_here(peer: Peer) -> None:
    """What @owf/mdoc hands out is an IssuerSigned; of @auth0/mdl it stands in a response without deviceSigned."""
    data = bytes.fromhex(issued(peer))
    (opened,) = open_presentation(data, format=Format.MDOC)
    credential = verify_credential(opened, anchors=world.anchors(), now=NOW)
    assert credential.attestation.claims[PID]["family_name"] == CLAIMS[PID]["family_name"]


# --- transcripts ---


def test_owf_makes_the_same_session_transcripts(owf: Peer) -> None:
    thumbprint = hashlib.sha256(b"key").digest()
    names = {"clientId": world.CLIENT_ID, "nonce": world.NONCE, "responseUri": world.RESPONSE_URI}
    ours = {"client_id": world.CLIENT_ID, "nonce": world.NONCE, "response_uri": world.RESPONSE_URI}
    origin = {"origin": world.ORIGIN, "nonce": world.NONCE}
    old = {**names, "mdocGeneratedNonce": "wallet-nonce", "verifierGeneratedNonce": world.NONCE}
    pairs = [
        (["forOid4Vp", names], Challenge.openid4vp(**ours)),
        (["forOid4Vp", names, thumbprint], Challenge.openid4vp(**ours, jwk_thumbprint=thumbprint)),
        (["forOid4VpDcApi", origin], Challenge.dc_api(**origin)),
        (["forOid4VpDcApi", origin, thumbprint], Challenge.dc_api(**origin, jwk_thumbprint=thumbprint)),
        (
            ["forOid4VpDcApiDraft24", {**origin, "clientId": world.CLIENT_ID}],
            Challenge.dc_api_draft_24(**origin, client_id=world.CLIENT_ID),
        ),
        (["forOid4VpDraft18", old], Challenge.iso_18013_7_2024(**ours, mdoc_generated_nonce="wallet-nonce")),
    ]
    for handover, challenge in pairs:
        assert owf.ask("sessionTranscript", handover=handover) == session_transcript(challenge).hex(), handover[0]


def test_owf_answers_by_its_own_openid4vp_transcript(owf: Peer) -> None:
    challenge = openid4vp()
    names = {"clientId": world.CLIENT_ID, "nonce": world.NONCE, "responseUri": world.RESPONSE_URI}
    response = presented(owf, issued(owf), challenge, transcript=None, handover=["forOid4Vp", names])
    assert claims_of(check(response, challenge)) == CLAIMS


def test_auth0_answers_by_the_handover_of_a_draft_of_2023(auth0: Peer) -> None:
    """It has no other: of OpenID4VP 1.0 and of ISO/IEC 18013-7:2024 the caller makes the transcript himself."""
    stated = ["wallet-nonce", world.CLIENT_ID, world.RESPONSE_URI, world.NONCE]
    response = presented(auth0, issued(auth0), openid4vp(), transcript=None, handover=stated)
    transcript = cbor2.dumps([None, None, stated])
    challenge = Challenge.session_transcript(transcript, audience=world.ORIGIN, nonce=world.NONCE)
    assert claims_of(check(response, challenge)) == CLAIMS
    iso = Challenge.iso_18013_7_2024(
        client_id=world.CLIENT_ID,
        nonce=world.NONCE,
        response_uri=world.RESPONSE_URI,
        mdoc_generated_nonce="wallet-nonce",
    )
    raises(Reason.SIGNATURE_INVALID, "V8", lambda: check(response, iso))


# --- what they write that is not in the standard ---


def test_auth0_writes_undefined_for_a_kid_that_it_does_not_have(auth0: Peer) -> None:
    challenge = openid4vp()
    key = world.jwk_of(world.private_key("DS"))
    mdoc = issued(auth0, key=key)
    issuer_auth = cbor2.loads(bytes.fromhex(mdoc))["documents"][0]["issuerSigned"]["issuerAuth"]
    assert issuer_auth[1][4] is cbor2.undefined  # RFC 9052 section 3.1: kid is a byte string
    raises(Reason.MALFORMED_CBOR, "V1", lambda: check(presented(auth0, mdoc, challenge), challenge))
    unnamed = presented(auth0, issued(auth0), challenge, key=world.jwk_of(world.device()))
    raises(Reason.MALFORMED_CBOR, "V1", lambda: check(unnamed, challenge))


def test_owf_writes_a_kid_as_text(owf: Peer) -> None:
    challenge = openid4vp()
    key = {**world.jwk_of(world.private_key("DS")), "kid": "ds-1"}
    mdoc = issued(owf, key=key)
    assert cbor2.loads(bytes.fromhex(mdoc))["issuerAuth"][1][4] == "ds-1"  # RFC 9052 section 3.1: a byte string
    raises(Reason.HEADER_INVALID, "V1", lambda: check(presented(owf, mdoc, challenge), challenge))


def test_owf_takes_digest_ids_of_32_bits_and_they_are_read(owf: Peer) -> None:
    """ISO/IEC 18013-5 9.1.2.5 wants an issuer to keep them below 2^31. The package draws 32 bits for each."""
    challenge = openid4vp()
    for _ in range(64):  # all of them small: once in 2^64
        mdoc = issued(owf)
        items = [cbor2.loads(each.value) for each in cbor2.loads(bytes.fromhex(mdoc))["nameSpaces"][PID]]
        if max(each["digestID"] for each in items) >= 2**31:
            break
    else:
        raise AssertionError("they are small now: update the README")
    check(presented(owf, mdoc, challenge), challenge)


def test_owf_leaves_external_aad_out_of_what_it_macs(owf: Peer) -> None:
    challenge = openid4vp(mac=True)
    response = presented(owf, issued(owf), challenge)
    raises(Reason.SIGNATURE_INVALID, "V8", lambda: check(response, challenge))
    # RFC 9052 section 6.3: the MAC_structure has four members, of which this one has three.
    device_mac = cbor2.loads(response)["documents"][0]["deviceSigned"]["deviceAuth"]["deviceMac"]
    transcript = session_transcript(challenge)
    authenticated = ["DeviceAuthentication", cbor2.loads(transcript), PID, cbor2.CBORTag(24, b"\xa0")]
    payload = cbor2.dumps(cbor2.CBORTag(24, cbor2.dumps(authenticated)))
    for structure, equal in ((["MAC0", device_mac[0], payload], True), (["MAC0", device_mac[0], b"", payload], False)):
        assert (_mac(transcript_bytes(challenge), cbor2.dumps(structure)) == device_mac[3]) is equal


def _mac(transcript: bytes, data: bytes) -> bytes:
    shared = world.device().exchange(ec.ECDH(), world.agreement_public())
    salt = hashlib.sha256(transcript).digest()
    return hmac.digest(HKDF(hashes.SHA256(), 32, salt=salt, info=b"EMacKey").derive(shared), data, "sha256")


# --- we issue and present, they verify ---


def verified_by(
    peer: Peer, response: bytes, challenge: Challenge, *, root: str = "IACA", reader: AgreementKey | None = None
) -> dict[str, Any]:
    """Let a peer verify one document, and return the claims that it read."""
    arguments = {} if reader is None else {"readerKey": reader.to_private_jwk()}
    (document,) = peer.ask(
        "verify",
        response=response,
        roots=[world.pem(world.iaca(root))],
        transcript=transcript_bytes(challenge),
        **arguments,
    )
    assert document["type"] == PID
    claims = document["claims"]
    assert isinstance(claims, dict)
    return claims


def refused_by(peer: Peer, says: str, response: bytes, challenge: Challenge, **changes: Any) -> None:
    with pytest.raises(Refused, match=says):
        verified_by(peer, response, challenge, **changes)


@BOTH
@pytest.mark.parametrize("asked", [openid4vp, proximity])
@pytest.mark.parametrize(
    ("curve", "digest"), [("P-256", "sha-256"), ("P-384", "sha-384"), ("P-521", "sha-512"), ("P-384", "sha-256")]
)
def test_what_we_issue_and_present_verifies_there(peer: Peer, asked: Any, curve: str, digest: str) -> None:
    challenge = asked()
    response = world.response(challenge, key=world.local(world.device(curve)), curve=curve, digest=digest)
    assert verified_by(peer, response, challenge) == CLAIMS


@BOTH
def test_what_we_present_by_eddsa_verifies_there(peer: Peer) -> None:
    challenge = openid4vp()
    assert verified_by(peer, world.response(challenge, key=LocalKey.generate("Ed25519")), challenge) == CLAIMS


@BOTH
def test_what_our_holder_withholds_is_not_seen_there(peer: Peer) -> None:
    challenge = openid4vp()
    assert verified_by(peer, world.response(challenge, disclose=SOME), challenge) == world.picked(SOME)


@BOTH
def test_our_dates_and_our_status_are_read_there(peer: Peer) -> None:
    challenge = openid4vp()
    claims = {**CLAIMS, PID: {**CLAIMS[PID], "birth_date": "1990-02-28", "expiry_date": "2027-01-16T00:00:00Z"}}
    status = StatusReference("https://id.example/status/1", 7)
    response = world.response(challenge, claims=claims, status=(status,), disclose=[(PID,)])
    read = verified_by(peer, response, challenge)
    assert read[PID].pop("birth_date")[:10] == "1990-02-28"
    assert read[PID].pop("expiry_date")[:10] == "2027-01-16"
    assert read == {PID: CLAIMS[PID]}


@BOTH
def test_a_peer_presents_a_credential_of_ours(peer: Peer) -> None:
    challenge = openid4vp()
    credential = cbor2.loads(world.credential(world.local(world.device()).public))
    if peer.name == "auth0":  # which reads an IssuerSigned only inside of a response
        credential = {"version": "1.0", "documents": [{"docType": PID, "issuerSigned": credential}], "status": 0}
    response = presented(peer, cbor2.dumps(credential).hex(), challenge, disclose=SOME)
    assert claims_of(check(response, challenge)) == world.picked(SOME)
    assert verified_by(peer, response, challenge) == world.picked(SOME)


@pytest.mark.parametrize("asked", [openid4vp, proximity])
@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_our_mac_verifies_at_auth0_with_the_readers_key_alone(auth0: Peer, asked: Any, curve: str) -> None:
    reader = AgreementKey.generate(curve)
    stated = asked(mac=True)
    challenge = Challenge(stated.audience, stated.nonce, 300, stated.handover, reader)
    response = world.response(challenge, key=AgreementKey.generate(curve))
    assert verified_by(auth0, response, challenge, reader=reader) == CLAIMS
    refused_by(auth0, "Device MAC must be valid", response, challenge, reader=AgreementKey.generate(curve))
    refused_by(auth0, "Ephemeral private key must be present", response, challenge)


def test_owf_verifies_no_mac(owf: Peer) -> None:
    """It compares the name of the algorithm, "HS256", with its number, 5. Behind that it would end in a refusal too."""
    challenge = openid4vp(mac=True)
    response = world.response(challenge, key=AgreementKey.generate("P-256"))
    refused_by(owf, "Device MAC must use alg 5", response, challenge, reader=world.reader())
    refused_by(
        owf, "Device MAC must use alg 5", presented(owf, issued(owf), challenge), challenge, reader=world.reader()
    )


@BOTH
def test_our_answer_to_another_challenge_is_refused_there(peer: Peer) -> None:
    response = world.response(openid4vp())
    refused_by(peer, "Device signature must be valid", response, proximity())


@BOTH
def test_our_answer_is_refused_there_when_it_is_changed(peer: Peer) -> None:
    challenge = openid4vp()
    response = world.response(challenge)
    issuer_signed = ["documents", 0, "issuerSigned"]
    items = cbor2.loads(response)["documents"][0]["issuerSigned"]["nameSpaces"][PID]
    item = cbor2.loads(items[0].value)
    forged = [cbor2.CBORTag(24, cbor2.dumps({**item, "elementValue": "Mallory"})), *items[1:]]
    bad = changed(response, [*issuer_signed, "nameSpaces", PID], forged)
    refused_by(peer, "calculated digest for .* must match", bad, challenge)
    bad = changed(response, [*issuer_signed, "issuerAuth", 3], bytes([1] * 64))
    refused_by(peer, "Issuer signature must be valid|Issuer auth signature is invalid", bad, challenge)
    bad = changed(response, ["documents", 0, "deviceSigned", "deviceAuth", "deviceSignature", 3], bytes([1] * 64))
    refused_by(peer, "Device signature must be valid", bad, challenge)


@BOTH
def test_our_answer_is_refused_there_under_another_root(peer: Peer) -> None:
    challenge = openid4vp()
    says = "No valid certificate paths found|no trusted certificate issued this one"
    refused_by(peer, says, world.response(challenge), challenge, root="another IACA")
