"""Agreement on a key, and the MAC under it that an mdoc may answer with in place of a signature.

Oracles: RFC 7027 for brainpool, `cryptography` for the NIST curves, an HKDF in four lines (RFC 5869).
"""

from __future__ import annotations

import copy
import hmac
import pickle
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from hypothesis import given
from hypothesis import strategies as st
from places import only_at

from citizenid._crypto import (
    AgreementKey,
    HolderAgreement,
    LocalKey,
    PublicKey,
    ReaderAgreement,
    Unsigned,
    load_cose_key,
    verify_signature,
)
from citizenid._errors import CitizenIDError, MalformedError, Reason, VerificationError
from citizenid._model import KeyHint, SignedObject
from citizenid._wire import transcript

CURVES = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
}
WHERE = "deviceAuth.deviceMac"
errors_say_where = only_at(
    {
        Reason.ALGORITHM_MISMATCH: frozenset({WHERE}),
        Reason.ALGORITHM_NOT_ALLOWED: frozenset({"key"}),
        Reason.CONFIGURATION_INVALID: frozenset({"key"}),
        Reason.HOLDER_KEY_MISMATCH: frozenset({"key"}),
        Reason.KEY_INVALID: frozenset({"jwk", "key", "pem"}),
        Reason.SIGNATURE_INVALID: frozenset({WHERE}),
        Reason.SIGNATURE_MALFORMED: frozenset({WHERE}),
    }
)


@cache
def _pair(curve: str) -> tuple[AgreementKey, AgreementKey]:
    return AgreementKey.generate(curve), AgreementKey.generate(curve)


def _mac(shared: bytes, salt: bytes, info: bytes, data: bytes) -> bytes:
    extracted = hmac.digest(salt or bytes(32), shared, "sha256")
    return hmac.digest(hmac.digest(extracted, info + b"\x01", "sha256"), data, "sha256")


@pytest.mark.parametrize("curve", CURVES)
@given(salt=st.binary(max_size=70), info=st.binary(max_size=70), data=st.binary(max_size=70))
def test_both_sides_agree_and_the_derivation_is_that_of_rfc_5869(
    curve: str, salt: bytes, info: bytes, data: bytes
) -> None:
    reader, device = _pair(curve)
    shared = reader._handle.exchange(ec.ECDH(), device._handle.public_key())
    tag = device.mac(reader.public, salt, info, data)
    assert tag == reader.mac(device.public, salt, info, data) == _mac(shared, salt, info, data)
    assert tag != reader.mac(device.public, salt + b"\x01", info, data)
    assert tag != reader.mac(device.public, salt, info + b"\x01", data)


def test_brainpool_is_that_of_rfc_7027() -> None:
    """Appendix A.1: the two secrets, the public points and the x of the shared one."""
    secrets = (
        "81db1ee100150ff2ea338d708271be38300cb54241d79950f77b063039804f1d",
        "55e40bc41e37e3e2ad25c3c6654511ffa8474a91a0032087593852d3e7d76bd3",
    )
    keys = [AgreementKey(ec.derive_private_key(int(secret, 16), ec.BrainpoolP256R1())) for secret in secrets]
    points = [key._handle.public_key().public_numbers() for key in keys]
    assert f"{points[0].x:064x}" == "44106e913f92bc02a1705d9953a8414db95e1aaa49e81d9e85f929a8e3100be5"
    assert f"{points[0].y:064x}" == "8ab4846f11caccb73ce49cbdd120f5a900a69fd32c272223f789ef10eb089bdc"
    shared = bytes.fromhex("89afc39d41d3b327814b80940b042590f96556ec91e6ae7939bce31f3a18bf2b")
    assert keys[0].mac(keys[1].public, b"salt", b"info", b"data") == _mac(shared, b"salt", b"info", b"data")


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("other", [*CURVES, "Ed25519", "Ed448", "ML-DSA-44"])
def test_there_is_no_agreement_across_curves(curve: str, other: str) -> None:
    public = _pair(other)[0].public if other in CURVES else LocalKey.generate(other).public
    tag = _pair(curve)[0].mac(public, b"", b"", b"")
    assert (tag is None) is (curve != other)


@pytest.mark.parametrize(
    "curve", ["", "P-192", "Ed25519", "X25519", "ES256", "brainpoolP320r1", "p-256", None, 1, ["P-256"]]
)
def test_no_key_is_made_on_another_curve(curve: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        AgreementKey.generate(curve)
    assert (caught.value.reason, caught.value.where) == (Reason.ALGORITHM_NOT_ALLOWED, "key")


# --- loading ---


@pytest.mark.parametrize("curve", CURVES)
def test_a_key_comes_back_from_jwk_and_pem(curve: str) -> None:
    key = AgreementKey.generate(curve)
    jwk: dict[str, Any] = dict(key.to_private_jwk())
    for further in ({}, {"use": "enc"}, {"alg": "ECDH-ES", "kid": "1"}, {"key_ops": ["deriveKey"]}):
        again = AgreementKey.from_jwk({**jwk, **further})
        assert again.public == key.public and again.to_private_jwk() == jwk
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        pem = key._handle.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        for spelling in (pem, pem.decode()):
            assert AgreementKey.from_pem(spelling).public == key.public
    locked = key._handle.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    assert AgreementKey.from_pem(locked, password=b"password").public == key.public
    for wrong in (None, b"", b"other"):
        _invalid(lambda: AgreementKey.from_pem(locked, password=wrong), "pem")  # noqa: B023


def _invalid(call: Any, where: str) -> None:
    with pytest.raises(MalformedError) as caught:
        call()
    assert (caught.value.reason, caught.value.where) == (Reason.KEY_INVALID, where)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_a_jwk_that_is_no_private_ec_key_is_refused() -> None:
    jwk: dict[str, Any] = dict(_pair("P-256")[0].to_private_jwk())
    other = _pair("P-256")[1].to_private_jwk()
    bad: list[Any] = [
        None,
        [],
        "",
        {},
        {**jwk, "kty": "OKP"},
        {**jwk, "crv": "P-384"},
        {**jwk, "crv": "X25519"},
        {**jwk, "x": other["x"]},
        {**jwk, "y": other["y"]},
        {**jwk, "d": other["d"]},
        {**jwk, "d": "A" * 43},
        {**jwk, "d": "_" * 42 + "8"},
        {**jwk, "d": jwk["d"][:-1]},
        {**jwk, "d": None},
        LocalKey.generate("Ed25519").to_private_jwk(),
        {"kty": "oct", "k": "AAAA"},
        *({name: value for name, value in jwk.items() if name != left_out} for left_out in jwk),
        _pair("P-256")[0].public.to_jwk(),
    ]
    for each in bad:
        _invalid(lambda: AgreementKey.from_jwk(each), "jwk")  # noqa: B023


def test_a_pem_that_is_no_private_ec_key_is_refused() -> None:
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    others: list[Any] = [
        ed25519.Ed25519PrivateKey.generate(),
        x25519.X25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP224R1()),
    ]
    bad: list[Any] = [each.private_bytes(serialization.Encoding.PEM, pkcs8, plain) for each in others]
    handle = _pair("P-256")[0]._handle
    bad.append(
        handle.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for each in [*bad, b"", "", b"-----BEGIN PRIVATE KEY-----", "\u0661", b"\xff", "A" * 2_000_000]:
        _invalid(lambda: AgreementKey.from_pem(each), "pem")  # noqa: B023


@pytest.mark.parametrize(
    "handle",
    [
        ed25519.Ed25519PrivateKey.generate(),  # of a curve that `PublicKey` knows, and that agrees on nothing here
        x25519.X25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        LocalKey.generate("ES256"),
        None,
        5,
        b"\0" * 32,
    ],
    ids=lambda handle: type(handle).__name__,
)
def test_a_handle_that_is_no_private_ec_key_is_refused(handle: Any) -> None:
    _invalid(lambda: AgreementKey(handle), "key")


# --- it keeps its secret ---


def test_a_key_shows_and_gives_away_nothing() -> None:
    key = _pair("P-256")[0]
    agreement = ReaderAgreement(key, b"salt-salt", b"info")
    assert repr(key) == str(key) == "<AgreementKey ES256>"
    assert repr(agreement) == str(agreement) == "<ReaderAgreement>"
    assert repr(HolderAgreement(key.public, b"salt-salt", b"info")) == "<HolderAgreement>"
    says = r"^an AgreementKey is not copied or pickled$"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for value in (key, agreement):
            with pytest.raises(TypeError, match=says):
                pickle.dumps(value, protocol)
    for way in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=says):
            way(key)
    with pytest.raises(TypeError, match=says):
        key.__getstate__()
    with pytest.raises(TypeError, match=r"^AgreementKey is final$"):
        type("Mine", (AgreementKey,), {})
    assert not hasattr(key, "__dict__") and not hasattr(key, "sign")


# --- the MAC in the place of a signature ---


def _signed(tag: bytes, agreement: ReaderAgreement | None, algorithm: str = "HMAC 256/256") -> SignedObject:
    return SignedObject(b"MAC_structure", b"", algorithm, tag, KeyHint(), None, agreement)


def _verdict(signed: SignedObject, public: PublicKey) -> Reason | None:
    try:
        verify_signature(signed, public, WHERE)
    except (MalformedError, VerificationError) as error:
        assert error.where == WHERE and error.__context__ is None
        assert type(error) is (MalformedError if error.reason is Reason.SIGNATURE_MALFORMED else VerificationError)
        return error.reason
    return None


@pytest.mark.parametrize("curve", CURVES)
def test_a_mac_under_the_agreed_key_verifies_and_no_other_does(curve: str) -> None:
    reader, device = _pair(curve)
    agreement = ReaderAgreement(reader, b"salt", transcript.MAC_INFO)
    tag = device.mac(reader.public, b"salt", b"EMacKey", b"MAC_structure")
    assert tag is not None and len(tag) == 32
    assert _verdict(_signed(tag, agreement), device.public) is None
    for wrong in (bytes(32), tag[::-1], bytes([tag[0] ^ 1]) + tag[1:], tag[:-1] + bytes([tag[-1] ^ 0x80])):
        assert _verdict(_signed(wrong, agreement), device.public) is Reason.SIGNATURE_INVALID
    for length in (0, 1, 8, 16, 31, 33, 64):  # SIG-016
        cut = (tag * 2)[:length]
        assert _verdict(_signed(cut, agreement), device.public) is Reason.SIGNATURE_MALFORMED
    assert _verdict(_signed(tag, agreement), AgreementKey.generate(curve).public) is Reason.SIGNATURE_INVALID
    for other in (
        ReaderAgreement(AgreementKey.generate(curve), b"salt", b"EMacKey"),
        ReaderAgreement(reader, b"salu", b"EMacKey"),
        ReaderAgreement(reader, b"salt", b"SKReader"),
        ReaderAgreement(reader, b"", b"EMacKey"),
    ):
        assert _verdict(_signed(tag, other), device.public) is Reason.SIGNATURE_INVALID
    assert _verdict(_signed(tag, agreement)._replace(to_be_signed=b"other"), device.public) is Reason.SIGNATURE_INVALID


def test_a_mac_by_a_key_of_another_curve_is_invalid() -> None:
    reader = _pair("P-256")[0]
    agreement = ReaderAgreement(reader, b"salt", b"EMacKey")
    for public in (_pair("brainpoolP256r1")[0].public, _pair("P-384")[0].public, LocalKey.generate("Ed25519").public):
        assert agreement.authenticate(public, b"data") is None
        for tag in (bytes(32), b"\xff" * 32):
            assert _verdict(_signed(tag, agreement), public) is Reason.SIGNATURE_INVALID


def test_without_an_agreement_a_mac_is_another_algorithm() -> None:
    reader, device = _pair("P-256")
    tag = device.mac(reader.public, b"salt", b"EMacKey", b"MAC_structure")
    assert tag is not None
    for name in ("HMAC 256/256", "5", "HS256", ""):
        assert _verdict(_signed(tag, None, name), device.public) is Reason.ALGORITHM_MISMATCH


def test_an_agreement_makes_no_mac_of_a_signature() -> None:
    """A SignedObject that names the key's own algorithm is a signature, whatever else hangs on it."""
    local = LocalKey.generate("ES256")
    agreement = ReaderAgreement(_pair("P-256")[0], b"salt", b"EMacKey")
    tag = agreement.authenticate(local.public, b"MAC_structure")
    assert tag is not None
    assert _verdict(_signed(tag, agreement, "ES256"), local.public) is Reason.SIGNATURE_MALFORMED
    assert _verdict(_signed(tag * 2, agreement, "ES256"), local.public) is Reason.SIGNATURE_INVALID
    assert _verdict(_signed(local.sign(b"MAC_structure"), agreement, "ES256"), local.public) is None


def _misused(call: Any, reason: Reason) -> None:
    with pytest.raises(CitizenIDError) as caught:
        call()
    assert (caught.value.reason, caught.value.where) == (reason, "key")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("curve", CURVES)
def test_a_holder_answers_with_a_mac_where_one_is_asked_for(curve: str) -> None:
    reader, device = _pair(curve)
    made = Unsigned(
        b"MAC_structure", device.public, b"whole.".__add__, HolderAgreement(reader.public, b"salt", b"info")
    )
    assert (made.to_be_signed, made.algorithm) == (b"MAC_structure", "HMAC 256/256")
    answer = made.sign(device)
    assert answer == b"whole." + (reader.mac(device.public, b"salt", b"info", b"MAC_structure") or b"none")
    assert _verdict(_signed(answer[6:], ReaderAgreement(reader, b"salt", b"info")), device.public) is None
    # The same secret in a class that signs, a signature from elsewhere, another key, and a reader on another curve.
    signer = LocalKey.from_jwk(dict(device.to_private_jwk()))
    assert signer.public == device.public
    _misused(lambda: made.sign(signer), Reason.CONFIGURATION_INVALID)
    _misused(lambda: made.complete(answer[6:]), Reason.CONFIGURATION_INVALID)
    _misused(lambda: made.sign(AgreementKey.generate(curve)), Reason.HOLDER_KEY_MISMATCH)
    other = next(each for name, each in ((name, _pair(name)[0]) for name in CURVES) if name != curve)
    apart = Unsigned(b"MAC_structure", device.public, bytes, HolderAgreement(other.public, b"salt", b"info"))
    _misused(lambda: apart.sign(device), Reason.CONFIGURATION_INVALID)


def test_where_a_signature_is_asked_for_nobody_makes_a_mac() -> None:
    device = _pair("P-256")[1]
    made = Unsigned(b"to be signed", device.public, bytes)
    assert made.algorithm == "ES256"
    _misused(lambda: made.sign(device), Reason.CONFIGURATION_INVALID)
    signer = LocalKey.from_jwk(dict(device.to_private_jwk()))
    signed = SignedObject(b"to be signed", b"", "ES256", made.sign(signer), KeyHint(), None)
    assert _verdict(signed, device.public) is None


def test_a_reader_key_of_low_order_or_off_its_curve_never_gets_so_far() -> None:
    """EDD-011: such a point is no PublicKey, so nothing is agreed with it."""
    for x, y in ((bytes(32), bytes(32)), (bytes(32), bytes(31) + b"\x01"), (b"\xff" * 32, b"\xff" * 32)):
        _invalid(lambda: load_cose_key({1: 2, -1: 1, -2: x, -3: y}, "key"), "key")  # noqa: B023
