"""COSE_Keys: every kind and curve, what is refused, and that a key is one key however it comes.

Spec: RFC 9052 section 7, RFC 9053 section 7, RFC 9964 section 5, ISO/IEC 18013-5 table 22.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448

from citizenid import _registry as reg
from citizenid._crypto import LocalKey, PublicKey, cose_key, jwk_text, load_cose_key, verify_signature
from citizenid._errors import MalformedError, Reason
from citizenid._model import KeyHint, SignedObject
from citizenid._wire import cbor
from citizenid._wire.cbor import CBORTag

WHERE = "mso.deviceKeyInfo.deviceKey"
EC2 = {
    "ES256": (1, 32),
    "ES384": (2, 48),
    "ES512": (3, 66),
    "ESB256": (256, 32),
    "ESB384": (258, 48),
    "ESB512": (259, 64),
}
OKP = {"Ed25519": (6, 32), "Ed448": (7, 57)}
AKP = {"ML-DSA-44": (-48, 1312), "ML-DSA-65": (-49, 1952), "ML-DSA-87": (-50, 2592)}
ALGORITHMS = [*EC2, *OKP, *AKP]
CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
    "ESB256": ec.BrainpoolP256R1(),
    "ESB384": ec.BrainpoolP384R1(),
    "ESB512": ec.BrainpoolP512R1(),
}


@functools.cache
def _local(algorithm: str) -> LocalKey:
    return LocalKey.generate(algorithm)


def _key(algorithm: str, **_: Any) -> dict[Any, Any]:
    return dict(cose_key(_local(algorithm).public))


def _refused(key: Any, reason: Reason = Reason.KEY_INVALID) -> None:
    for full in (False, True):
        with pytest.raises(MalformedError) as caught:
            load_cose_key(key, WHERE, full=full)
        assert (caught.value.reason, caught.value.where) == (reason, WHERE)
        assert caught.value.__cause__ is None and caught.value.__context__ is None


def _loaded(key: Any) -> PublicKey:
    public = load_cose_key(key, WHERE)
    assert load_cose_key(key, WHERE, full=True) == public
    return public


# --- one key, however it comes ---


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_has_the_labels_that_its_kind_has(algorithm: str) -> None:
    key = _key(algorithm)
    if algorithm in AKP:
        number, size = AKP[algorithm]
        assert list(key) == [1, 3, -1] and (key[1], key[3], len(key[-1])) == (7, number, size)
    elif algorithm in OKP:
        curve, size = OKP[algorithm]
        assert list(key) == [1, -1, -2] and (key[1], key[-1], len(key[-2])) == (1, curve, size)
    else:
        curve, size = EC2[algorithm]
        assert list(key) == [1, -1, -2, -3] and (key[1], key[-1]) == (2, curve)
        assert len(key[-2]) == len(key[-3]) == size
    assert cbor.encode(key) == cbor.encode(dict(reversed(key.items())))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_the_same_as_jwk_as_cose_key_and_as_pem(algorithm: str) -> None:
    public = _local(algorithm).public
    again = _loaded(cbor.decode(cbor.encode(_key(algorithm)), WHERE))
    assert again == public and hash(again) == hash(public) and again.thumbprint == public.thumbprint
    assert again.algorithm == algorithm
    assert PublicKey.from_jwk(again.to_jwk()) == public
    handle = getattr(public._handle, "public_bytes", None)
    if handle is not None:
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        assert PublicKey.from_pem(handle(serialization.Encoding.PEM, spki)) == public
    private = _local(algorithm).to_private_jwk()
    assert LocalKey.from_jwk(private).public == public
    signed = SignedObject(b"data", b"", algorithm, _local(algorithm).sign(b"data"), KeyHint(), None)
    verify_signature(signed, again, WHERE)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_thumbprint_is_that_of_the_jwk(algorithm: str) -> None:
    """RFC 7638: one thumbprint for a key, whichever family a credential is of."""
    public = _local(algorithm).public
    text = json.dumps(public.to_jwk(), separators=(",", ":"), sort_keys=True)
    assert jwk_text(public) == text
    assert _loaded(_key(algorithm)).thumbprint == hashlib.sha256(text.encode()).digest()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_members_that_do_not_describe_the_key_are_ignored(algorithm: str) -> None:
    for further in ({2: b"kid"}, {5: b"iv"}, {"name": 1}, {-70_000: b""}, {2: "text"}, {-66_666: None}):
        assert _loaded({**_key(algorithm), **further}) == _local(algorithm).public


# --- form ---


@pytest.mark.parametrize("key", [None, [], b"", "", 1, True, {}, [1, 2], CBORTag(24, {}), ((1, 2),), frozenset()])
def test_what_is_no_map_is_no_key(key: Any) -> None:
    _refused(key)


@pytest.mark.parametrize(
    "kty", [0, 3, 4, 5, 6, 8, -1, 2**40, True, False, 1.0, 2.0, None, "EC2", "EC", "OKP", b"\x02", [2], {}]
)
def test_another_kind_is_refused(kty: Any) -> None:
    for algorithm in ALGORITHMS:
        key = _key(algorithm)
        _refused({**key, 1: kty})
        _refused({label: value for label, value in key.items() if label != 1})


def test_a_kind_under_the_labels_of_another_is_refused() -> None:
    for algorithm in ALGORITHMS:
        for kty in (1, 2, 7):
            if kty != _key(algorithm)[1]:
                _refused({**_key(algorithm), 1: kty})


CURVES_OF_NO_KEY = [0, 4, 5, 8, 10, 255, 260, -1, True, False, 1.0, 6.0, None, "P-256", "Ed25519", b"\x01", [1], {}]


@pytest.mark.parametrize("curve", CURVES_OF_NO_KEY)
def test_another_curve_is_refused(curve: Any) -> None:
    for algorithm in (*EC2, *OKP):
        _refused({**_key(algorithm), -1: curve})


def test_a_curve_that_nobody_knows_has_no_key_of_no_length_either() -> None:
    for curve in CURVES_OF_NO_KEY:
        for kty in (1, 2, 3, 4):
            for coordinate in (b"", b"\x01"):
                _refused({1: kty, -1: curve, -2: coordinate})
                _refused({1: kty, -1: curve, -2: coordinate, -3: coordinate})
                _refused({1: kty, -1: curve, -2: coordinate, -3: True})


def test_a_curve_under_the_wrong_kind_or_with_the_wrong_point_is_refused() -> None:
    for algorithm in (*EC2, *OKP):
        for curve in (1, 2, 3, 6, 7, 256, 258, 259):
            if curve != _key(algorithm)[-1]:
                _refused({**_key(algorithm), -1: curve})


@pytest.mark.parametrize("further", [{}, {3: -266}, {3: -7}, {4: [2]}, {-2: b""}, {-3: True}])
def test_the_curve_that_no_library_has_gets_a_reason_of_its_own(further: dict[Any, Any]) -> None:
    point = {1: 2, -1: 257, -2: bytes(40), -3: bytes(40)}
    _refused({**point, **further}, Reason.CURVE_UNSUPPORTED)
    _refused({**point, -4: bytes(40)})  # a private key first of all
    _refused({**point, 1: 1})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_member_has_exactly_its_length_and_is_bytes(algorithm: str) -> None:
    key = _key(algorithm)
    for label in [each for each in (-1, -2, -3) if type(key.get(each)) is bytes]:
        good = key[label]
        for bad in (
            good[:-1],
            good[1:],
            good + b"\0",
            b"\0" + good,
            b"",
            good * 2,
            good.hex(),
            bytearray(good),
            list(good),
            None,
            0,
            CBORTag(24, good),
            int.from_bytes(good, "big"),
        ):
            _refused({**key, label: bad})
        _refused({each: value for each, value in key.items() if each != label})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_that_comes_with_its_secret_is_refused(algorithm: str) -> None:
    label = -2 if algorithm in AKP else -4
    for secret in (bytes(32), b"", None, 0, "d"):
        _refused({**_key(algorithm), label: secret})


@pytest.mark.parametrize(
    "key", [{1: 4, -1: bytes(32)}, {1: 4, 3: 5, -1: bytes(32)}, {1: 3, -1: bytes(256), -2: b"\1\0\1"}]
)
def test_symmetric_and_rsa_keys_are_none_of_ours(key: dict[Any, Any]) -> None:
    _refused(key)


# --- alg, key_ops ---


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_of_a_key_must_fit(algorithm: str) -> None:
    fits = {number for number, name in reg.COSE_ALGORITHMS.items() if name == algorithm}
    fits |= {int(name) for name, pair in reg.ALGORITHM_FAMILIES.items() if algorithm in pair}
    for number in {*reg.COSE_ALGORITHMS, -266, 5, 0, -37, 2**63}:
        key = {**_key(algorithm), 3: number}
        if number in fits:
            assert _loaded(key) == _local(algorithm).public
        else:
            _refused(key)
    for value in (None, True, "ES256", b"", [next(iter(fits))], float(next(iter(fits))), str(next(iter(fits))), {}):
        _refused({**_key(algorithm), 3: value})


def test_an_ml_dsa_key_must_say_its_algorithm() -> None:
    for algorithm in AKP:
        key = _key(algorithm)
        _refused({label: value for label, value in key.items() if label != 3})
        for other in AKP.values():
            if other != AKP[algorithm]:
                _refused({**key, 3: other[0]})


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "ML-DSA-44"])
def test_a_key_may_say_that_it_verifies_and_must_not_say_otherwise(algorithm: str) -> None:
    for operations in ([2], [1, 2], [2, 7], [2, "x"], [True, 2]):
        assert _loaded({**_key(algorithm), 4: operations}) == _local(algorithm).public
    for operations in (
        [],
        [1],
        [7],
        [3, 4],
        ["verify"],
        ["2"],
        [2.0],
        [True],
        [b"\x02"],
        2,
        None,
        "verify",
        {2: 0},
        b"\x02",
        True,
    ):
        _refused({**_key(algorithm), 4: operations}, Reason.KEY_USE_FORBIDDEN)


# --- points ---


def _points(algorithm: str) -> tuple[int, int, int]:
    numbers = _local(algorithm).public._handle.public_numbers()
    return numbers.x, numbers.y, EC2[algorithm][1]


@pytest.mark.parametrize("algorithm", EC2)
def test_y_may_be_its_sign(algorithm: str) -> None:
    """RFC 9053 section 7.1.1: true for an odd y; the other sign is the other point of this x, and another key."""
    x, y, _ = _points(algorithm)
    key = _key(algorithm)
    assert _loaded({**key, -3: bool(y & 1)}) == _local(algorithm).public
    assert _loaded({**key, -3: bool(y & 1)}).thumbprint == _local(algorithm).public.thumbprint
    other = _loaded({**key, -3: not y & 1})
    assert other != _local(algorithm).public and other._handle.public_numbers().x == x
    assert cose_key(other)[-2] == key[-2] and cose_key(other)[-3] != key[-3]
    assert type(cose_key(other)[-3]) is bytes


@pytest.mark.parametrize("algorithm", EC2)
def test_a_point_off_the_curve_is_no_key(algorithm: str) -> None:
    x, y, size = _points(algorithm)
    prime = _prime(algorithm)
    for one, other in ((x, y ^ 1), (x ^ 1, y), (y, x), (0, 0), (0, 1), (1, 1), (prime - 1, prime - 1)):
        key = {**_key(algorithm), -2: one.to_bytes(size, "big"), -3: other.to_bytes(size, "big")}
        lies_on_it = True
        try:
            ec.EllipticCurvePublicNumbers(one, other, CURVES[algorithm]).public_key()
        except ValueError:
            lies_on_it = False
        if lies_on_it:
            _loaded(key)
        else:
            _refused(key)


def _prime(algorithm: str) -> int:
    """The prime of a curve's field (FIPS 186-5; RFC 5639), written out once more."""
    return {
        "ES256": 2**256 - 2**224 + 2**192 + 2**96 - 1,
        "ES384": 2**384 - 2**128 - 2**96 + 2**32 - 1,
        "ES512": 2**521 - 1,
        "ESB256": 0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
        "ESB384": int(
            "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A71874700133107EC53", 16
        ),
        "ESB512": int(
            "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330871"
            "7D4D9B009BC66842AECDA12AE6A380E62881FF2F2D82C68528AA6056583A48F3",
            16,
        ),
    }[algorithm]


@pytest.mark.parametrize("algorithm", EC2)
def test_a_coordinate_of_the_prime_or_more_is_no_key(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sign in place of y too: one key, one encoding."""
    size, prime = EC2[algorithm][1], _prime(algorithm)
    small = []
    for x in range(60):
        key = {**_key(algorithm), -2: x.to_bytes(size, "big"), -3: True}
        try:
            small.append(load_cose_key(key, WHERE))
        except MalformedError as error:
            assert error.reason is Reason.KEY_INVALID  # no point has this x
            continue
        _refused({**key, -2: (x + prime).to_bytes(size, "big")})
        _refused({**key, -2: (x + prime).to_bytes(size, "big"), -3: False})
        _refused({**key, -2: (x + prime).to_bytes(size, "big"), -3: cose_key(small[-1])[-3]})
    assert 10 < len(small) < 50
    monkeypatch.setattr(ec.EllipticCurvePublicKey, "from_encoded_point", lambda *_: pytest.fail("asked the backend"))
    for coordinate in (prime, prime + 1, 256**size - 1):
        for y in (True, False, bytes(size)):
            _refused({**_key(algorithm), -2: coordinate.to_bytes(size, "big"), -3: y})


def test_leading_zeros_of_p_521_are_kept() -> None:
    """Coordinates have 66 bytes whatever they are: most begin with a zero, and none is cut."""
    seen = set()
    while len(seen) < 2:
        key = dict(cose_key(LocalKey.generate("ES512").public))
        x = key[-2]
        assert isinstance(x, bytes)
        seen.add(x[0])
        assert x[0] in (0, 1) and len(x) == 66
        if not x[0]:
            _refused({**key, -2: x[1:]})
            _refused({**key, -2: x.lstrip(b"\0")})
    for number in range(1, 400):
        handle = ec.derive_private_key(number, ec.SECP521R1()).public_key().public_numbers()
        if handle.y < 256**64:  # two leading zeros
            key = {1: 2, -1: 3, -2: handle.x.to_bytes(66, "big"), -3: handle.y.to_bytes(66, "big")}
            assert cose_key(_loaded(key)) == key
            _refused({**key, -3: handle.y.to_bytes(65, "big")})


@pytest.mark.parametrize(
    "encoded", ["00", "01", "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f", "ff" * 32]
)
def test_small_and_non_canonical_keys_of_ed25519_are_refused(encoded: str) -> None:
    raw = bytes.fromhex(encoded).ljust(32, b"\0")
    for sign in (0, 0x80):
        _refused({1: 1, -1: 6, -2: raw[:-1] + bytes([raw[-1] ^ sign])})


@pytest.mark.parametrize("y", [0, 1, 2**448 - 2**224 - 2, 2**448 - 2**224 - 1, 2**448 - 2**224, 2**448 - 1])
def test_small_and_non_canonical_keys_of_ed448_are_refused(y: int) -> None:
    for sign in (0, 0x80, 0x01, 0x7F):
        _refused({1: 1, -1: 7, -2: y.to_bytes(56, "little") + bytes([sign])})


def test_the_backend_alone_would_take_the_identity_of_ed448() -> None:
    """Why the table of small orders stands in our code."""
    identity = b"\x01" + bytes(56)
    key = ed448.Ed448PublicKey.from_public_bytes(identity)
    try:
        key.verify(identity + bytes(57), b"any message")
    except Exception as error:  # should a backend refuse it one day, nothing is lost
        assert type(error).__name__ == "InvalidSignature"
    _refused({1: 1, -1: 7, -2: identity})


# --- vectors ---


def test_the_key_of_isomdl_is_loaded(vectors: Path) -> None:
    data = bytes.fromhex((vectors / "mdoc/isomdl/definitions/cose_key/ec_p256.cbor").read_text())
    public = _loaded(cbor.decode(data, WHERE))
    assert public.algorithm == "ES256" and cbor.encode(dict(cose_key(public))) == data


@pytest.mark.parametrize("algorithm", AKP)
def test_the_ml_dsa_keys_of_rfc_9964(vectors: Path, algorithm: str) -> None:
    vector = json.loads((vectors / "ml-dsa-jose-cose" / (algorithm.replace("-", "_") + ".cose.json")).read_bytes())
    key = cbor.decode(bytes.fromhex(vector["key"]), WHERE)
    _refused(key)  # it is the private key, seed and all
    public = _loaded({label: value for label, value in key.items() if label != -2})
    assert cose_key(public)[-1] == bytes.fromhex(vector["raw_public_key"])
    assert key[2] == public.thumbprint or len(key[2]) == 32  # the kid of these files
