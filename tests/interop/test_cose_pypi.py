"""Against the PyPI packages pycose and cwt (python-cwt): COSE_Sign1, COSE_Mac0, COSE_Key, and deterministic CBOR.

What we sign they verify, what they sign, MAC and write as a key we read, and a changed byte is refused by either side.
The algorithms are those of an mdoc (RFC 9053); test_sd_cwt_pypi.py has the fully-specified ones.

Spec: RFC 9052 sections 4.2, 4.4, 6.2, 6.3, 7; RFC 9053 section 7; RFC 8949 sections 4.2.1 and 4.2.3.
"""

from __future__ import annotations

import hmac
from typing import Any

import cbor2
import pytest
from builders import raises
from hypothesis import given
from hypothesis import strategies as st

import interop.mdoc_world as world
from citizenid import LocalKey, Reason
from citizenid import _registry as reg
from citizenid._crypto import cose_key, load_cose_key, verify_signature
from citizenid._model import CertificateProfile
from citizenid._wire import cbor, cose
from citizenid._wire.transcript import device_authentication_bytes, session_transcript
from interop.conftest import Peer, Refused
from interop.mdoc_world import openid4vp, private_cose_key, public_cose_key

BOTH = pytest.mark.parametrize("name", ["pycose", "cwt"])
NUMBERS = {"ES256": -7, "ES384": -35, "ES512": -36, "Ed25519": -8}
EACH = pytest.mark.parametrize("algorithm", NUMBERS)
PAYLOAD = b"\xa1\x01\x02 not only CBOR"
TAG = bytes([0xD2])  # 18
FAULT = r"^(ValueError: signature|VerifyError: Failed to verify\.)$"


@pytest.fixture
def peer(request: pytest.FixtureRequest, name: str) -> Peer:
    found = request.getfixturevalue(name)
    assert isinstance(found, Peer)
    return found


def verified_by(peer: Peer, message: bytes, key: LocalKey, payload: bytes | None = None) -> bytes:
    """Let a peer verify a tagged COSE_Sign1, and return the payload it read."""
    number = NUMBERS[key.algorithm]
    answer = peer.ask("sign1_verify", alg=number, key=public_cose_key(key.public), message=message, payload=payload)
    return bytes.fromhex(answer["payload"])


def signed_by(peer: Peer, key: LocalKey, protected: dict[int, Any], unprotected: dict[int, Any]) -> bytes:
    """Let a peer sign PAYLOAD."""
    headers = cbor2.dumps([protected, unprotected])
    number = NUMBERS[key.algorithm]
    return bytes.fromhex(
        peer.ask("sign1_sign", alg=number, key=private_cose_key(key), headers=headers, payload=PAYLOAD)
    )


def read(message: bytes, tag: int = 18) -> cose.Message:
    assert message[0] == 0xC0 | tag
    return cose.read_message(cbor.decode(message[1:], "message"), "message")


def check(message: bytes, key: LocalKey) -> cose.Message:
    """Read a COSE_Sign1 as an mdoc's IssuerAuth is read, and verify it."""
    opened = read(message)
    assert opened.payload is not None
    profile = CertificateProfile.MDOC_DOCUMENT_SIGNER
    verify_signature(cose.sign1(opened, opened.payload, reg.MDOC_ALGORITHMS, profile, "message"), key.public, "message")
    return opened


# --- ours, read by them ---


@BOTH
@EACH
def test_what_we_sign_verifies_there(peer: Peer, algorithm: str) -> None:
    key = LocalKey.generate(algorithm)
    protected = cbor.encode({reg.COSE_ALG: NUMBERS[algorithm]})
    signature = key.sign(cose.structure(cose.SIGNATURE, protected, PAYLOAD))
    message = TAG + cose.write(protected, {}, PAYLOAD, signature)
    assert verified_by(peer, message, key) == PAYLOAD
    detached = TAG + cose.write(protected, {}, None, signature)
    assert verified_by(peer, detached, key, PAYLOAD) == PAYLOAD
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    for bad in (
        cose.write(protected, {}, PAYLOAD, flipped),
        cose.write(protected, {}, PAYLOAD + b"!", signature),
        cose.write(cbor.encode({reg.COSE_ALG: NUMBERS[algorithm], 9999: 1}), {}, PAYLOAD, signature),
    ):
        with pytest.raises(Refused, match=FAULT):
            verified_by(peer, TAG + bad, key)


@BOTH
@pytest.mark.parametrize("curve", world.ALGORITHMS)
def test_our_issuer_auth_and_our_device_signature_verify_there(peer: Peer, curve: str) -> None:
    challenge = openid4vp()
    holder = world.local(world.device(curve))
    document = cbor2.loads(world.response(challenge, key=holder, curve=curve))["documents"][0]
    issuer_auth = document["issuerSigned"]["issuerAuth"]
    signer = world.local(world.private_key("DS", curve))
    assert verified_by(peer, TAG + cbor2.dumps(issuer_auth), signer) == issuer_auth[2]
    with pytest.raises(Refused, match=FAULT):
        verified_by(peer, TAG + cbor2.dumps([*issuer_auth[:2], issuer_auth[2] + b"\x00", issuer_auth[3]]), signer)
    payload = device_authentication_bytes(session_transcript(challenge), world.PID, b"\xa0")
    signature = document["deviceSigned"]["deviceAuth"]["deviceSignature"]
    assert verified_by(peer, TAG + cbor2.dumps(signature), holder, payload) == payload


# --- theirs, read by us ---


@BOTH
@EACH
def test_what_they_sign_verifies_here(peer: Peer, algorithm: str) -> None:
    key = LocalKey.generate(algorithm)
    number = NUMBERS[algorithm]
    chain = world.der(world.document_signer())
    message = signed_by(peer, key, {1: number}, {4: b"kid", 33: chain})
    opened = check(message, key)
    assert opened.payload == PAYLOAD
    assert cose.hint_of(opened, "message") == ("kid", (chain,))
    raises(Reason.SIGNATURE_INVALID, None, lambda: check(message[:-1] + bytes([message[-1] ^ 1]), key))
    raises(Reason.SIGNATURE_INVALID, None, lambda: check(message.replace(b"not only", b"not just"), key))
    raises(Reason.SIGNATURE_INVALID, None, lambda: check(message, LocalKey.generate(algorithm)))


@BOTH
def test_what_they_mac_verifies_here(peer: Peer) -> None:
    secret = bytes(range(32))
    headers = cbor2.dumps([{1: 5}, {}])
    message = read(bytes.fromhex(peer.ask("mac0", key=secret, headers=headers, payload=PAYLOAD)), 17)
    assert message.payload == PAYLOAD
    assert cose.algorithm_of(message, reg.COSE_MAC_ALGORITHMS, "message") == "HMAC 256/256"
    structure = cose.structure(cose.MAC, message.protected, PAYLOAD)
    assert hmac.digest(secret, structure, "sha256") == message.signature
    assert (
        hmac.digest(secret, cose.structure(cose.MAC, message.protected, PAYLOAD, b"aad"), "sha256") != message.signature
    )


@BOTH
@EACH
def test_a_key_that_they_write_is_ours(peer: Peer, algorithm: str) -> None:
    key = LocalKey.generate(algorithm)
    written = bytes.fromhex(peer.ask("encode_key", key=public_cose_key(key.public)))
    decoded = cbor.decode(written, "key")
    assert load_cose_key(decoded, "key", full=True) == key.public
    private = {**decoded, -4: b"d"}
    raises(Reason.KEY_INVALID, None, lambda: load_cose_key(private, "key"))
    assert cose_key(load_cose_key(decoded, "key")) == {name: decoded[name] for name in cose_key(key.public)}


# --- deterministic CBOR ---

_scalars = (
    st.integers(-(2**64), 2**64 - 1)
    | st.booleans()
    | st.none()
    | st.text(max_size=300)
    | st.binary(max_size=300)
    | st.floats(allow_nan=False, allow_infinity=False)
)
# Keys of one kind: RFC 8949 section 4.2.1 sorts them by their bytes, section 4.2.3 (the older rule) by length first.
_items = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=30), inner, max_size=5)
        | st.dictionaries(st.integers(0, 2**64 - 1), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(_items)
def test_our_cbor_is_the_canonical_cbor_of_their_cbor2(isomdoc: Peer, item: Any) -> None:
    ours = cbor.encode(item)
    assert isomdoc.ask("canonical", item=cbor2.dumps(item)) == ours.hex()
    assert cbor2.dumps(cbor2.loads(ours)) == ours or not _without_floats(item)


def _without_floats(item: Any) -> bool:
    # Without `canonical` cbor2 writes every float with 64 bits.
    if type(item) is dict:
        return all(_without_floats(each) for each in item.values())
    return all(_without_floats(each) for each in item) if type(item) is list else type(item) is not float


def test_of_mixed_keys_they_sort_the_shorter_one_first(isomdoc: Peer) -> None:
    """24 is 0x1818 and -1 is 0x20: bytewise 24 is the first of the two, and by length the second."""
    item = {-1: "b", 24: "a"}
    assert cbor.encode(item) == bytes.fromhex("a218186161206162")
    assert isomdoc.ask("canonical", item=cbor2.dumps(item)) == "a220616218186161"
