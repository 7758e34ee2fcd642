"""Against the PyPI packages isomdoc and pymdoccbor: what they issue verifies here, what we present verifies there.

Neither of the two answers as a device, so that our holder presents what they have issued. Of a DeviceResponse isomdoc
verifies everything but the certificate's path and all times, pymdoccbor the issuer's half without its validity; both
know ES256 alone for the issuer. test_mdoc_hostile.py has what they let through.

Spec: ISO/IEC 18013-5 8.3.2.1.2, 9.1.2, 9.1.3.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import cbor2
import pytest
from builders import raises
from cryptography.hazmat.primitives.asymmetric import ec

import interop.mdoc_world as world
from citizenid import Challenge, Citizenship, Country, Format, LocalKey, Reason
from citizenid._crypto import AgreementKey, cose_key
from citizenid._wire.transcript import session_transcript
from citizenid.holder import Credential
from citizenid.verifier import open_presentation, verify_credential
from interop.conftest import Peer, Refused
from interop.mdoc_world import ALL, CLAIMS, NOW, OURS, PID, check, claims_of, openid4vp, proximity

ASKED = pytest.mark.parametrize("asked", [openid4vp, proximity])
# Of arrays isomdoc says nothing, and writes them all the same.
ANSWER = Citizenship((Country("US"), Country("FR")), (Country("US"),))


def issued_by_isomdoc(isomdoc: Peer, **changes: Any) -> bytes:
    """Return an IssuerSigned."""
    arguments: dict[str, Any] = {
        "type": PID,
        "claims": CLAIMS,
        "certificate": world.der(world.document_signer()),
        "key": world.pem_of(world.private_key("DS")),
        "device_key": world.public_pem_of(world.device()),
        "validity": world.VALIDITY,
    }
    return bytes.fromhex(isomdoc.ask("issue", **(arguments | changes)))


def issued_by_pymdoccbor(pymdoccbor: Peer) -> bytes:
    """Return a DeviceResponse without deviceSigned."""
    made = pymdoccbor.ask(
        "issue",
        type=PID,
        claims=CLAIMS,
        certificate=world.der(world.document_signer()),
        key=world.private_cose_key(world.local(world.private_key("DS"))),
        device_key=world.public_cose_key(world.local(world.device()).public),
        expiry="2027-01-15",
    )
    return bytes.fromhex(made)


def shown(data: bytes, challenge: Challenge, disclose: Any = ALL) -> bytes:
    """Let our holder present what somebody else has issued."""
    return world.response(challenge, data=data, disclose=disclose)


# --- they issue, we hold and verify ---


@ASKED
def test_what_isomdoc_issues_is_held_and_verified_here(isomdoc: Peer, asked: Any) -> None:
    challenge = asked()
    verified = check(shown(issued_by_isomdoc(isomdoc), challenge), challenge)
    assert claims_of(verified) == CLAIMS
    assert verified.citizenship == ANSWER
    assert verified.attestation.holder_key == world.local(world.device()).public
    validity = verified.attestation.validity
    assert (validity.issued_at, validity.not_before, validity.not_after) == (*world.VALIDITY[:2], world.VALIDITY[2] + 1)


@ASKED
def test_what_pymdoccbor_issues_is_held_and_verified_here(pymdoccbor: Peer, asked: Any) -> None:
    challenge = asked()
    response = issued_by_pymdoccbor(pymdoccbor)
    raises(Reason.KEY_BINDING_MISSING, "V7", lambda: check(response, challenge))
    issuer_signed = cbor2.dumps(cbor2.loads(response)["documents"][0]["issuerSigned"])
    verified = check(shown(issuer_signed, challenge), challenge)
    assert claims_of(verified) == CLAIMS
    assert verified.citizenship == ANSWER
    assert verified.attestation.validity.issued_at == NOW  # the peer's clock


def test_a_part_of_what_isomdoc_issues_can_be_shown(isomdoc: Peer) -> None:
    some = [(PID, "nationality"), (OURS, "citizen_of_us")]
    response = shown(issued_by_isomdoc(isomdoc), openid4vp(), some)
    assert claims_of(check(response, openid4vp())) == world.picked(some)
    assert verified_by_isomdoc(isomdoc, response, openid4vp()) == world.picked(some)


@pytest.mark.parametrize("name", ["isomdoc", "pymdoccbor"])
def test_what_they_issue_is_refused_here_when_it_is_changed(request: pytest.FixtureRequest, name: str) -> None:
    peer = request.getfixturevalue(name)
    data = issued_by_isomdoc(peer) if name == "isomdoc" else issued_by_pymdoccbor(peer)

    def check_changed(change: Any) -> None:
        decoded = cbor2.loads(data)
        change(decoded if name == "isomdoc" else decoded["documents"][0]["issuerSigned"])
        (opened,) = open_presentation(cbor2.dumps(decoded), format=Format.MDOC)
        verify_credential(opened, anchors=world.anchors(), now=NOW)

    def forge_element(issuer_signed: Any) -> None:
        item = cbor2.loads(issuer_signed["nameSpaces"][PID][0].value)
        forged = cbor2.dumps({**item, "elementValue": "Mallory"})
        issuer_signed["nameSpaces"][PID][0] = cbor2.CBORTag(24, forged)

    def forge_certificate(issuer_signed: Any) -> None:
        issuer_signed["issuerAuth"][1][33] = world.der(world.document_signer("P-256", "another IACA"))

    def forge_signature(issuer_signed: Any) -> None:
        issuer_signed["issuerAuth"][3] = bytes([1] * 64)

    check_changed(lambda _: None)
    raises(Reason.DIGEST_MISMATCH, "V4", lambda: check_changed(forge_element))
    raises(Reason.CERTIFICATE_UNTRUSTED, "V2", lambda: check_changed(forge_certificate))
    raises(Reason.SIGNATURE_INVALID, "V3", lambda: check_changed(forge_signature))


def test_isomdoc_writes_every_device_key_as_one_on_p256(isomdoc: Peer) -> None:
    """Of a key on P-384 it states x and y under the number of P-256: no such key exists."""
    keys = (ec.derive_private_key(number, ec.SECP384R1()) for number in count(2))
    # It fails where x or y has an odd number of hexadecimal digits.
    key = next(each for each in keys if min(_digits(each)) == 96)
    data = issued_by_isomdoc(isomdoc, device_key=world.public_pem_of(key))
    mso = cbor2.loads(cbor2.loads(cbor2.loads(data)["issuerAuth"][2]).value)
    stated, ours = mso["deviceKeyInfo"]["deviceKey"], cose_key(world.local(key).public)
    assert (stated[-2], stated[-3]) == (ours[-2], ours[-3])
    assert (stated[-1], ours[-1]) == (1, 2)
    raises(
        Reason.KEY_INVALID,
        "V4",
        lambda: Credential.receive(data, format=Format.MDOC, anchors=world.anchors(), now=NOW),
    )


def _digits(key: ec.EllipticCurvePrivateKey) -> tuple[int, int]:
    numbers = key.public_key().public_numbers()
    return len(f"{numbers.x:x}"), len(f"{numbers.y:x}")


# --- we issue and present, they verify ---


def verified_by_isomdoc(isomdoc: Peer, response: bytes, challenge: Challenge) -> Any:
    (document,) = isomdoc.ask("verify", response=response, transcript=session_transcript(challenge))
    assert document["type"] == PID
    return document["claims"]


@ASKED
def test_what_we_issue_and_present_verifies_at_isomdoc(isomdoc: Peer, asked: Any) -> None:
    challenge = asked()
    assert verified_by_isomdoc(isomdoc, world.response(challenge), challenge) == CLAIMS
    by_sha512 = world.response(challenge, digest="sha-512")
    assert verified_by_isomdoc(isomdoc, by_sha512, challenge) == CLAIMS


def test_our_answer_is_refused_by_isomdoc_when_it_is_changed(isomdoc: Peer) -> None:
    response = world.response(openid4vp())
    with pytest.raises(Refused, match="InvalidSignature"):
        verified_by_isomdoc(isomdoc, response, proximity())
    decoded = cbor2.loads(response)
    items = decoded["documents"][0]["issuerSigned"]["nameSpaces"][PID]
    items[0] = cbor2.CBORTag(24, cbor2.dumps({**cbor2.loads(items[0].value), "elementValue": "Mallory"}))
    with pytest.raises(Refused, match="Digest doesn't match"):
        verified_by_isomdoc(isomdoc, cbor2.dumps(decoded), openid4vp())
    decoded = cbor2.loads(response)
    decoded["documents"][0]["issuerSigned"]["issuerAuth"][3] = bytes([1] * 64)
    with pytest.raises(Refused, match="InvalidSignature"):
        verified_by_isomdoc(isomdoc, cbor2.dumps(decoded), openid4vp())


def test_isomdoc_knows_es256_alone_and_no_mac(isomdoc: Peer) -> None:
    for curve in ("P-384", "P-521"):
        for changes in ({"curve": curve}, {"key": world.local(world.device(curve))}):
            with pytest.raises(Refused, match="InvalidSignature"):
                verified_by_isomdoc(isomdoc, world.response(openid4vp(), **changes), openid4vp())
    with pytest.raises(Refused, match="Unsupported COSE key type"):
        verified_by_isomdoc(isomdoc, world.response(openid4vp(), key=LocalKey.generate("Ed25519")), openid4vp())
    challenge = openid4vp(mac=True)
    with pytest.raises(Refused, match="deviceAuth must contain deviceSignature"):
        verified_by_isomdoc(isomdoc, world.response(challenge, key=AgreementKey.generate("P-256")), challenge)


def verified_by_pymdoccbor(pymdoccbor: Peer, response: bytes, root: str = "IACA") -> Any:
    """Return the claims that it read, or None for what it calls invalid."""
    answer = pymdoccbor.ask("verify", response=response, roots=[world.pem(world.iaca(root))])
    return answer["claims"] if answer["valid"] else None


def test_what_we_issue_verifies_at_pymdoccbor(pymdoccbor: Peer) -> None:
    response = world.response(openid4vp())
    assert verified_by_pymdoccbor(pymdoccbor, response) == CLAIMS
    assert verified_by_pymdoccbor(pymdoccbor, response, "another IACA") is None
    decoded = cbor2.loads(response)
    decoded["documents"][0]["issuerSigned"]["issuerAuth"][3] = bytes([1] * 64)
    assert verified_by_pymdoccbor(pymdoccbor, cbor2.dumps(decoded)) is None
    decoded = cbor2.loads(response)
    items = decoded["documents"][0]["issuerSigned"]["nameSpaces"][PID]
    items[0] = cbor2.CBORTag(24, cbor2.dumps({**cbor2.loads(items[0].value), "elementValue": "Mallory"}))
    assert verified_by_pymdoccbor(pymdoccbor, cbor2.dumps(decoded)) is None


def test_pymdoccbor_knows_es256_and_sha256_alone(pymdoccbor: Peer) -> None:
    for changes in ({"curve": "P-384"}, {"curve": "P-521"}, {"digest": "sha-384"}, {"digest": "sha-512"}):
        assert verified_by_pymdoccbor(pymdoccbor, world.response(openid4vp(), **changes)) is None
