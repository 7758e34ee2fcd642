"""Against the PyPI packages pycose and cwt (python-cwt): the two COSE_Sign1 of an SD-CWT presentation.

No package on PyPI knows SD-CWT, but each of its messages is a COSE_Sign1: python-cwt verifies the credential and the
key binding that we write, and both sign credentials that our holder presents. pycose verifies none of ours: it has no
fully-specified algorithm (RFC 9864), and those are what we write.

Spec: draft-ietf-spice-sd-cwt sections 5, 7 and 8; RFC 9052 section 4.4; RFC 9864.
"""

from __future__ import annotations

from typing import Any

import builders
import cbor2
import pytest
from builders import AUDIENCE, ISSUER, NONCE, NOW, VCT, key, raises

import interop.mdoc_world as world
from citizenid import (
    ANY,
    Attestation,
    Challenge,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    Reason,
    TrustAnchors,
    UnixTime,
    Validity,
)
from citizenid import _registry as reg
from citizenid._crypto import cose_key
from citizenid._wire import cbor
from citizenid.holder import Credential
from citizenid.issuer import Issuer
from citizenid.status import StatusStore
from citizenid.verifier import VerifiedPresentation, verify
from interop.conftest import Peer, Refused

EACH = pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "Ed25519"])
CLAIMS: dict[Any, Any] = {"nationalities": ["US", "FR"], "citizenships": ["US"], "given_name": "Ava"}
LIFETIME_S = 12 * 3600
CHALLENGE = Challenge(AUDIENCE, NONCE.encode())


def anchors(signer: LocalKey) -> TrustAnchors:
    return TrustAnchors.from_keys(
        ISSUER,
        [signer.public],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_CWT],
        types=[VCT],
        countries=ANY,
    )


def check(data: bytes, signer: LocalKey) -> VerifiedPresentation:
    statuses = StatusStore(anchors=TrustAnchors())
    verdict = verify(
        data, format=Format.SD_CWT, anchors=anchors(signer), challenge=CHALLENGE, statuses=statuses, now=NOW
    )
    assert isinstance(verdict, VerifiedPresentation)
    return verdict


def presented(data: bytes, signer: LocalKey, holder: LocalKey, disclose: Any) -> bytes:
    received = Credential.receive(data, format=Format.SD_CWT, anchors=anchors(signer), now=NOW)
    return received.present(disclose, challenge=CHALLENGE, key=holder, peer=AUDIENCE, now=NOW)


def issued(signer: LocalKey, holder: LocalKey) -> bytes:
    validity = Validity(UnixTime(NOW - 60), None, UnixTime(NOW + LIFETIME_S))
    attestation = Attestation(
        type=VCT, issuer=ISSUER, claims=CLAIMS, validity=validity, holder_key=holder.public, status=()
    )
    return Issuer(identifier=ISSUER, key=signer).issue(attestation, format=Format.SD_CWT)


def named(public: bytes, message: bytes) -> bytes:
    """Return a COSE_Key under the kid that a message names: python-cwt looks keys up by it."""
    decoded = cbor2.loads(message)
    kid = cbor2.loads(decoded.value[0]).get(4)
    return public if kid is None else cbor2.dumps({**cbor2.loads(public), 2: kid})


def payload_at(peer: Peer, message: bytes, key: LocalKey) -> bytes:
    """Let a peer verify a message of ours, and return its payload."""
    public = named(world.public_cose_key(key.public), message)
    answer = peer.ask("sign1_verify", alg=reg.COSE_WRITTEN[key.algorithm], key=public, message=message, payload=None)
    return bytes.fromhex(answer["payload"])


def tampered(message: bytes) -> bytes:
    decoded = cbor2.loads(message)
    protected, unprotected, payload, signature = decoded.value
    bad = payload[:-1] + bytes([payload[-1] ^ 1])
    return cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected, bad, signature]))


@EACH
def test_our_credential_and_our_key_binding_verify_at_python_cwt(cwt: Peer, algorithm: str) -> None:
    signer, holder = key("issuer", algorithm), key("holder", algorithm)
    credential = issued(signer, holder)
    claims = cbor2.loads(payload_at(cwt, credential, signer))
    assert (claims[reg.CWT_ISS], claims[reg.CWT_VCT]) == (ISSUER, VCT)
    binding = presented(credential, signer, holder, ["nationalities"])
    assert cbor2.loads(payload_at(cwt, binding, holder))[reg.CWT_AUD] == AUDIENCE
    inner = cbor2.dumps(cbor2.loads(cbor2.loads(binding).value[0])[reg.COSE_KCWT])
    assert payload_at(cwt, inner, signer) == cbor2.loads(credential).value[2]
    for message, owner in ((credential, signer), (binding, holder), (inner, signer)):
        with pytest.raises(Refused, match=r"VerifyError: Failed to verify\."):
            payload_at(cwt, tampered(message), owner)


@EACH
def test_pycose_knows_no_fully_specified_algorithm(pycose: Peer, algorithm: str) -> None:
    credential = issued(key("issuer", algorithm), key("holder"))
    with pytest.raises(Refused, match=r"^CoseException: Unknown COSE attribute with value: \[CoseAlgorithm"):
        payload_at(pycose, credential, key("issuer", algorithm))


def signed_by(peer: Peer, signer: LocalKey, holder: LocalKey) -> bytes:
    """Let a peer sign the payload of a credential with one claim hidden."""
    disclosure = cbor.encode([b"a 16-byte salt!!", ["US", "FR"], "nationalities"])
    digest = builders.HASHES["sha-256"](cbor.byte_string(disclosure)).digest()
    payload = {
        reg.CWT_ISS: ISSUER,
        reg.CWT_SUB: "somebody",
        reg.CWT_EXP: NOW + LIFETIME_S,
        reg.CWT_IAT: NOW - 60,
        reg.CWT_CNF: {reg.CNF_COSE_KEY: cose_key(holder.public)},
        reg.CWT_VCT: VCT,
        "citizenships": ["US"],
        cbor2.CBORSimpleValue(cbor.Redacted.KEY_NUMBER): [digest],
    }
    number = (reg.COSE_WRITTEN if peer.name == "cwt" else reg.MDOC_WRITTEN)[signer.algorithm]
    kid = builders.base64url(signer.public.thumbprint)
    protected = {
        reg.COSE_ALG: number,
        reg.COSE_TYP: reg.TYP_SD_CWT,
        reg.COSE_SD_ALG: -16,
        reg.COSE_KID: kid,
    }
    unprotected = {reg.COSE_SD_CLAIMS: [disclosure]}
    made = peer.ask(
        "sign1_sign",
        alg=number,
        key=world.private_cose_key(signer),
        headers=cbor2.dumps([protected, unprotected]),
        payload=cbor2.dumps(payload),
    )
    return bytes.fromhex(made)


@pytest.mark.parametrize("name", ["pycose", "cwt"])
@EACH
def test_a_credential_that_they_sign_is_held_and_verified_here(
    request: pytest.FixtureRequest, name: str, algorithm: str
) -> None:
    """python-cwt by the fully-specified algorithms, pycose by those of RFC 9053."""
    signer, holder = key("issuer", algorithm), key("holder", algorithm)
    credential = signed_by(request.getfixturevalue(name), signer, holder)
    both = check(presented(credential, signer, holder, ["nationalities"]), signer)
    assert both.citizenship == Citizenship([Country("US"), Country("FR")], [Country("US")])
    assert both.attestation.holder_key == holder.public
    one = check(presented(credential, signer, holder, []), signer)
    assert one.citizenship == Citizenship([], [Country("US")])
    bad = tampered(credential)
    raises(
        Reason.SIGNATURE_INVALID,
        "V3",
        lambda: Credential.receive(bad, format=Format.SD_CWT, anchors=anchors(signer), now=NOW),
    )
