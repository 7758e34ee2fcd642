"""Which keys sign in the JSON formats: all of the table but brainpool and Ed448, at every door, issuer to sender.

Spec: RFC 9864 sections 2.1 and 2.2: ESB256, ESB384 and ESB512 are names of COSE alone. Ed448 is one of JOSE too, and no
profile of JOSE here has it (specs/decisions/0014).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders import NOW, anchors_for, key, make, refused

from citizenid import (
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    LocalKey,
    PublicKey,
    Reason,
)
from citizenid import _registry as reg
from citizenid.holder import dpop_proof
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusPublisher

COSE_ALONE = ["ESB256", "ESB384", "ESB512", "Ed448"]
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


@pytest.mark.parametrize("algorithm", COSE_ALONE)
def test_they_write_nothing_in_json(algorithm: str) -> None:
    local, other = key("issuer", algorithm), key("holder")
    _refused(lambda: _issued(local, other.public), "header")
    _refused(lambda: _issued(other, local.public), "cnf")
    publisher = StatusPublisher(uri=URI, size=1_000)
    _refused(lambda: publisher.publish(local, now=NOW, ttl_s=600, expires_s=3_600), "status-list.header")
    _refused(lambda: dpop_proof(local, method="GET", url="https://g.example/", ticket=None, now=NOW), "dpop.header")


@pytest.mark.parametrize("algorithm", COSE_ALONE)
def test_they_verify_nothing_in_json(algorithm: str) -> None:
    """Under its own name, or under that of a curve of the same length."""
    issuer, holder = key("issuer", algorithm), key("holder", algorithm)
    usual = {"Ed448": "EdDSA"}.get(algorithm, algorithm.replace("ESB", "ES"))
    trusted = anchors_for(issuer.public)
    refused(make({"alg": algorithm}, signer=issuer), Reason.ALGORITHM_NOT_ALLOWED, "V1", anchors=trusted)
    refused(make({"alg": usual}, signer=issuer), Reason.ALGORITHM_MISMATCH, "V3", anchors=trusted)
    payload = {"cnf": {"jwk": dict(holder.public.to_jwk())}}
    refused(make(payload=payload, kb_signer=holder), Reason.ALGORITHM_NOT_ALLOWED, "V1")
    refused(make(payload=payload, kb_header={"alg": usual}, kb_signer=holder), Reason.ALGORITHM_MISMATCH, "V8")


def test_the_tables_say_the_same() -> None:
    assert set(reg.COSE_WRITTEN) - set(reg.JOSE_ALGORITHMS) == set(COSE_ALONE)
    assert reg.JOSE_ALGORITHMS["EdDSA"] == "Ed25519"
