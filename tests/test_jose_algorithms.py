"""Which keys sign in the JSON formats: all of the table but brainpool, at every door, from the issuer to the sender.

Spec: RFC 9864 sections 2.1 and 2.2: ESB256, ESB384 and ESB512 are names of COSE alone, Ed448 is one of JOSE too.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders import NOW, VCT, accepted, anchors_for, key, make, refused

from citizenid import (
    Challenge,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    PublicKey,
    Reason,
    TrustAnchors,
)
from citizenid import _registry as reg
from citizenid._crypto import verify_signature
from citizenid._limits import DEFAULT_LIMITS
from citizenid._wire import jws
from citizenid.gateway.proofs import unverified_sender
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusPublisher, StatusStore

BRAINPOOL = ["ESB256", "ESB384", "ESB512"]
ISSUER = "https://id.example"
URI = "https://id.example/status/1"


def _refused(call: Callable[[], object], where: str) -> None:
    with pytest.raises(CitizenIDError) as caught:
        call()
    assert (caught.value.reason, caught.value.where) == (Reason.ALGORITHM_NOT_ALLOWED, where)
    assert caught.value.__context__ is None


def _issued(signer: LocalKey, holder: PublicKey) -> bytes:
    attestation = prepare_attestation(
        Citizenship([Country("US")]),
        issuer=ISSUER,
        holder_key=holder,
        now=NOW,
        lifetime_s=3_600,
        status=None,
        format=Format.SD_JWT_VC,
    )
    return Issuer(identifier=ISSUER, key=signer).issue(attestation, format=Format.SD_JWT_VC)


def test_ed448_goes_all_the_way() -> None:
    """Issued, received, presented, verified; a status list and a sender proof by the same kind of key."""
    issuer, holder = key("issuer", "Ed448"), key("holder", "Ed448")
    anchors = TrustAnchors.from_jwks(
        ISSUER,
        Issuer(identifier=ISSUER, key=issuer).jwks(),
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=[VCT],
        countries=[Country("US")],
    )
    credential = Credential.receive(_issued(issuer, holder.public), format=Format.SD_JWT_VC, anchors=anchors, now=NOW)
    challenge = Challenge("https://gateway.example", "nonce-nonce")
    data = credential.present(
        credential.disclosable, challenge=challenge, key=holder, peer="https://gateway.example", now=NOW
    )
    verified = accepted(data, anchors=anchors, challenge=challenge)
    assert verified.attestation.holder_key == holder.public

    publisher = StatusPublisher(uri=URI, size=1_000)
    signers = TrustAnchors.from_keys(ISSUER, [issuer.public], purpose=KeyPurpose.STATUS_LIST)
    body = publisher.publish(issuer, now=NOW, ttl_s=600, expires_s=3_600)
    StatusStore(anchors=signers).ingest(URI, body, media_type="application/statuslist+jwt", now=NOW)

    proof = dpop_proof(holder, method="POST", url="https://gateway.example/v1", ticket=None, now=NOW)
    assert unverified_sender(proof.encode(), DEFAULT_LIMITS) == holder.public.thumbprint
    header, payload, signature, to_be_signed = jws.split(proof.encode(), "dpop")
    read = jws.read_header(header, "dpop", DEFAULT_LIMITS, subject_key=True)
    assert read.algorithm == "Ed448"
    verify_signature(jws.signed_object(read, payload, signature, to_be_signed, "dpop"), holder.public, "dpop")


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_the_names_of_ed25519_are_not_for_ed448(name: str) -> None:
    issuer, holder = key("issuer", "Ed448"), key("holder", "Ed448")
    payload = {"cnf": {"jwk": dict(holder.public.to_jwk())}}
    trusted = anchors_for(issuer.public)
    accepted(make(payload=payload, signer=issuer, header={"alg": "Ed448"}, kb_signer=holder), anchors=trusted)
    refused(make({"alg": name}, payload, signer=issuer), Reason.ALGORITHM_MISMATCH, "V3", anchors=trusted)
    data = make({"alg": "Ed448"}, payload, signer=issuer, kb_header={"alg": name}, kb_signer=holder)
    refused(data, Reason.ALGORITHM_MISMATCH, "V8", anchors=trusted)


@pytest.mark.parametrize("algorithm", BRAINPOOL)
def test_brainpool_writes_nothing_in_json(algorithm: str) -> None:
    local, other = key("issuer", algorithm), key("holder")
    _refused(lambda: _issued(local, other.public), "header")
    _refused(lambda: _issued(other, local.public), "cnf")
    publisher = StatusPublisher(uri=URI, size=1_000)
    _refused(lambda: publisher.publish(local, now=NOW, ttl_s=600, expires_s=3_600), "status-list.header")
    _refused(lambda: dpop_proof(local, method="GET", url="https://g.example/", ticket=None, now=NOW), "dpop.header")


@pytest.mark.parametrize("algorithm", BRAINPOOL)
def test_brainpool_verifies_nothing_in_json(algorithm: str) -> None:
    """Under its own name, or under that of a curve of the same length."""
    issuer, holder = key("issuer", algorithm), key("holder", algorithm)
    usual = algorithm.replace("ESB", "ES")
    trusted = anchors_for(issuer.public)
    refused(make({"alg": algorithm}, signer=issuer), Reason.ALGORITHM_NOT_ALLOWED, "V1", anchors=trusted)
    refused(make({"alg": usual}, signer=issuer), Reason.ALGORITHM_MISMATCH, "V3", anchors=trusted)
    payload = {"cnf": {"jwk": dict(holder.public.to_jwk())}}
    refused(make(payload=payload, kb_signer=holder), Reason.ALGORITHM_NOT_ALLOWED, "V1")
    refused(make(payload=payload, kb_header={"alg": usual}, kb_signer=holder), Reason.ALGORITHM_MISMATCH, "V8")


def test_the_tables_say_the_same() -> None:
    assert set(reg.COSE_WRITTEN) - set(reg.JOSE_ALGORITHMS) == set(BRAINPOOL)
    assert reg.JOSE_ALGORITHMS["EdDSA"] == "Ed25519" and reg.JOSE_ALGORITHMS["Ed448"] == "Ed448"
