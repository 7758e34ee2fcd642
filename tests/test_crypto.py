"""Keys, signatures, key derivation and sealing: what verifies, what does not, and what is no key at all.

Oracles: the Wycheproof vectors, arithmetic on the curves written out here, an RFC 5869 in ten lines, the test vectors
of RFC 8452, and `cryptography` as the encoder of signatures that we encode by hand. Where a Wycheproof case comes out
otherwise than its file says, a table names it with its reason; nothing else may.

Spec: RFC 7518 section 3.4, RFC 8032, RFC 9964, FIPS 186-5, FIPS 204, RFC 5869, RFC 8452.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa, x448, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st
from places import only_at

from citizenid import _crypto, _registry
from citizenid._crypto import (
    LocalKey,
    PublicKey,
    SealingKey,
    Unsigned,
    algorithms,
    derive_key,
    is_secret,
    load_cose_key,
    load_holder_key,
    material_of,
    pem_bytes,
    same_text,
    unsigned,
    verify_signature,
)
from citizenid._errors import FORM, CitizenIDError, MalformedError, Reason, VerificationError
from citizenid._limits import DEFAULT_LIMITS
from citizenid._model import KeyHint, SignedObject
from citizenid._wire import jws

# Written out, not imported: the length of a signature of each algorithm (RFC 7518 section 3.4, RFC 8032, FIPS 204
# table 2).
LENGTHS = {
    "ES256": 64,
    "ES384": 96,
    "ES512": 132,
    "Ed25519": 64,
    "ESB256": 64,
    "ESB384": 96,
    "ESB512": 128,
    "Ed448": 114,
    "ML-DSA-44": 2420,
    "ML-DSA-65": 3309,
    "ML-DSA-87": 4627,
}
ALGORITHMS = tuple(LENGTHS)
BRAINPOOL = ("ESB256", "ESB384", "ESB512")
ECDSA = ("ES256", "ES384", "ES512", *BRAINPOOL)
WHERE = "issuer-jwt"
errors_say_where = only_at(
    {
        Reason.ALGORITHM_MISMATCH: frozenset({WHERE}),
        Reason.ALGORITHM_NOT_ALLOWED: frozenset({"key", "issuer-jwt.header"}),
        Reason.CONFIGURATION_INVALID: frozenset({"key"}),
        Reason.HOLDER_KEY_MISMATCH: frozenset({"key"}),
        Reason.KEY_INVALID: frozenset({"jwk", "cnf.jwk", "key", "pem", "x5c", "sealing"}),
        Reason.KEY_USE_FORBIDDEN: frozenset({"jwk"}),
        Reason.SIGNATURE_INVALID: frozenset({WHERE, "signature"}),
        Reason.SIGNATURE_MALFORMED: frozenset({WHERE, "signature"}),
    }
)


@cache
def _key(algorithm: str) -> LocalKey:
    return LocalKey.generate(algorithm)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signed(data: bytes, algorithm: str, signature: bytes) -> SignedObject:
    return SignedObject(data, b"", algorithm, signature, KeyHint(), None)


def _verdict(data: bytes, algorithm: str, signature: bytes, key: PublicKey) -> Reason | None:
    """The Reason of the refusal, or None; whatever is raised must be ours and carry nothing."""
    try:
        verify_signature(_signed(data, algorithm, signature), key, WHERE)
    except CitizenIDError as error:
        assert (error.where, error.step) == (WHERE, FORM)
        assert type(error) is (MalformedError if error.reason is Reason.SIGNATURE_MALFORMED else VerificationError)
        assert error.__cause__ is None and error.__context__ is None
        return error.reason
    return None


def _no_key(call: Callable[[], object], where: str) -> None:
    with pytest.raises(MalformedError) as caught:
        call()
    assert (caught.value.reason, caught.value.where, caught.value.step) == (Reason.KEY_INVALID, where, FORM)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def _no_jwk(jwk: dict[str, str]) -> None:
    _no_key(lambda: PublicKey.from_jwk(jwk), "jwk")
    _no_key(lambda: load_holder_key(jwk, "cnf.jwk"), "cnf.jwk")


def _pem(label: str, der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return f"-----BEGIN {label}-----\n".encode() + body + f"-----END {label}-----\n".encode()


# --- sign and verify ---


def test_the_table_of_algorithms_is_closed() -> None:
    assert tuple(algorithms.ALGORITHMS) == ALGORITHMS
    # RFC 9864: COSE alone has the brainpool curves. Ed448 is there for mdocs, and no profile of JOSE here wants it.
    assert set(_registry.JOSE_ALGORITHMS.values()) == set(ALGORITHMS) - set(BRAINPOOL) - {"Ed448"}
    assert set(_registry.COSE_ALGORITHMS.values()) == set(ALGORITHMS)
    assert _registry.SIGNATURE_BYTES == LENGTHS


@pytest.mark.parametrize(
    "name",
    ["EdDSA", "none", "HS256", "RS256", "ES256K", "es256", "ML-DSA", "ESB320", "-7", "-8", "", None, 7, ["ES256"]],
)
def test_a_key_of_another_algorithm_is_not_made(name: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        LocalKey.generate(name)
    assert (caught.value.reason, caught.value.where) == (Reason.ALGORITHM_NOT_ALLOWED, "key")
    with pytest.raises(CitizenIDError) as caught:
        LocalKey(name, _key("ES256")._handle)
    assert (caught.value.reason, caught.value.where) == (Reason.ALGORITHM_NOT_ALLOWED, "key")


@given(st.sampled_from(ALGORITHMS), st.binary(max_size=300))
def test_what_is_signed_verifies_and_nothing_else_does(algorithm: str, data: bytes) -> None:
    local = _key(algorithm)
    signature = local.sign(data)
    assert len(signature) == LENGTHS[algorithm] and type(signature) is bytes
    assert _verdict(data, algorithm, signature, local.public) is None
    assert _verdict(data + b"\x00", algorithm, signature, local.public) is Reason.SIGNATURE_INVALID
    assert _verdict(b"x" + data, algorithm, signature, local.public) is Reason.SIGNATURE_INVALID


@given(st.sampled_from(ALGORITHMS), st.data())
def test_any_bit_flip_of_a_signature_or_of_the_data_is_refused(algorithm: str, data: st.DataObject) -> None:
    signature = _signature(algorithm)
    place = data.draw(st.integers(0, len(signature) * 8 - 1))
    assert _verdict(_DATA, algorithm, _flip(signature, place), _key(algorithm).public) is Reason.SIGNATURE_INVALID
    place = data.draw(st.integers(0, len(_DATA) * 8 - 1))
    assert _verdict(_flip(_DATA, place), algorithm, signature, _key(algorithm).public) is Reason.SIGNATURE_INVALID


_DATA = b"eyJhbGciOiJFUzI1NiJ9.e30"


@cache
def _signature(algorithm: str) -> bytes:
    return _key(algorithm).sign(_DATA)


def _flip(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place // 8] ^= 1 << (place % 8)
    return bytes(changed)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_key_of_the_same_algorithm_does_not_verify(algorithm: str) -> None:
    other = LocalKey.generate(algorithm).public
    assert _verdict(_DATA, algorithm, _signature(algorithm), other) is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("trusted", ALGORITHMS)
def test_the_key_decides_and_the_header_must_agree(trusted: str) -> None:
    names = [*ALGORITHMS, "EdDSA", "none", "HS256", "", trusted.lower(), trusted + " "]
    for named in names:
        if named == trusted:
            continue
        # Whatever the signature is: one that would verify, one of the other algorithm's length, none at all.
        for signature in (_signature(trusted), bytes(LENGTHS.get(named, 0)), b""):
            assert _verdict(_DATA, named, signature, _key(trusted).public) is Reason.ALGORITHM_MISMATCH


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_other_length_is_malformed(algorithm: str) -> None:
    good, public = _signature(algorithm), _key(algorithm).public
    for length in {*range(150), *LENGTHS.values(), len(good) - 1, len(good) + 1, 2 * len(good), 100_000}:
        if length != len(good):
            stretched = (good + bytes(100_000))[:length]
            assert _verdict(_DATA, algorithm, stretched, public) is Reason.SIGNATURE_MALFORMED
    for spelling in (b"\x00" + good, good + b"\x00", good[1:], good[:-1]):
        assert _verdict(_DATA, algorithm, spelling, public) is Reason.SIGNATURE_MALFORMED


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signatures_of_one_repeated_byte_are_refused(algorithm: str) -> None:
    for byte in (0x00, 0x01, 0x30, 0x7F, 0x80, 0xFF):
        signature = bytes([byte]) * LENGTHS[algorithm]
        assert _verdict(_DATA, algorithm, signature, _key(algorithm).public) is Reason.SIGNATURE_INVALID


# --- ECDSA ---


class Curve(NamedTuple):
    """A Weierstrass curve y^2 = x^3 + ax + b (SP 800-186 section 3.2.1, RFC 5639), with p = 3 modulo 4."""

    name: str
    curve: ec.EllipticCurve
    size: int
    p: int
    b: int
    n: int
    a: int = -3

    def y(self, x: int) -> int | None:
        """A y of this x, or None when there is none."""
        square = (x**3 + self.a * x + self.b) % self.p
        root = pow(square, (self.p + 1) // 4, self.p)
        return root if root * root % self.p == square else None

    def jwk(self, x: int, y: int) -> dict[str, str]:
        """The JWK with these coordinates, on the curve or not."""
        coordinates = [_base64url(number.to_bytes(self.size, "big")) for number in (x, y)]
        return {"kty": "EC", "crv": self.name, "x": coordinates[0], "y": coordinates[1]}


CURVES = {
    "ES256": Curve(
        "P-256",
        ec.SECP256R1(),
        32,
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    "ES384": Curve(
        "P-384",
        ec.SECP384R1(),
        48,
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        2**384 - 2**192 + 0xC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
    "ES512": Curve(
        "P-521",
        ec.SECP521R1(),
        66,
        2**521 - 1,
        int(
            "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf"
            "073573df883d2c34f1ef451fd46b503f00",
            16,
        ),
        2**521 - 2**260 + 0xA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
    ),
    "ESB256": Curve(
        "brainpoolP256r1",
        ec.BrainpoolP256R1(),
        32,
        0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
        0x26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6,
        0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
        0x7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9,
    ),
    "ESB384": Curve(
        "brainpoolP384r1",
        ec.BrainpoolP384R1(),
        48,
        0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A71874700133107EC53,
        0x04A8C7DD22CE28268B39B55416F0447C2FB77DE107DCD2A62E880EA53EEB62D57CB4390295DBC9943AB78696FA504C11,
        0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565,
        0x7BC382C63D8C150C3C72080ACE05AFA0C2BEA28E4FB22787139165EFBA91F90F8AA5814A503AD4EB04A8C7DD22CE2826,
    ),
    "ESB512": Curve(
        "brainpoolP512r1",
        ec.BrainpoolP512R1(),
        64,
        int(
            "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330871"
            "7D4D9B009BC66842AECDA12AE6A380E62881FF2F2D82C68528AA6056583A48F3",
            16,
        ),
        int(
            "3DF91610A83441CAEA9863BC2DED5D5AA8253AA10A2EF1C98B9AC8B57F1117A7"
            "2BF2C7B9E7C1AC4D77FC94CADC083E67984050B75EBAE5DD2809BD638016F723",
            16,
        ),
        int(
            "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330870"
            "553E5C414CA92619418661197FAC10471DB1D381085DDADDB58796829CA90069",
            16,
        ),
        int(
            "7830A3318B603B89E2327145AC234CC594CBDD8D3DF91610A83441CAEA9863BC"
            "2DED5D5AA8253AA10A2EF1C98B9AC8B57F1117A72BF2C7B9E7C1AC4D77FC94CA",
            16,
        ),
    ),
}
HASHES = {
    "ES256": hashes.SHA256(),
    "ES384": hashes.SHA384(),
    "ES512": hashes.SHA512(),
    "ESB256": hashes.SHA256(),
    "ESB384": hashes.SHA384(),
    "ESB512": hashes.SHA512(),
}


@pytest.mark.parametrize("algorithm", ECDSA)
def test_the_curves_written_out_here_are_the_right_ones(algorithm: str) -> None:
    curve = CURVES[algorithm]
    numbers = ec.derive_private_key(curve.n - 1, curve.curve).public_key().public_numbers()
    generator = ec.derive_private_key(1, curve.curve).public_key().public_numbers()
    assert numbers.x == generator.x and numbers.y == curve.p - generator.y  # (n - 1)G = -G
    assert curve.y(generator.x) in (generator.y, curve.p - generator.y)


@pytest.mark.parametrize("algorithm", ECDSA)
def test_r_and_s_lie_between_one_and_the_order(algorithm: str) -> None:
    curve, public = CURVES[algorithm], _key(algorithm).public
    size, limit = curve.size, 256**curve.size
    signature = _signature(algorithm)
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    assert algorithm != "ES512" or max(r, s) + curve.n < limit  # at P-521 a number beyond the order always fits
    pairs = [(0, s), (r, 0), (0, 0), (curve.n, s), (r, curve.n), (curve.n, curve.n), (1, curve.n), (curve.n - 1, s)]
    pairs += [(curve.p, s), (r, curve.p), (r + curve.n, s), (r, s + curve.n), (r + 1, s), (r, s + 1), (s, r), (1, 1)]
    pairs += [(curve.n + 1, 1), (0, 1), (1, 0), (limit - 1, s), (r, limit - 1)]
    for one, other in pairs:
        if one < limit and other < limit:
            raw = one.to_bytes(size, "big") + other.to_bytes(size, "big")
            assert _verdict(_DATA, algorithm, raw, public) is Reason.SIGNATURE_INVALID
    assert _verdict(_DATA, algorithm, signature, public) is None


@pytest.mark.parametrize("algorithm", ECDSA)
def test_a_der_signature_is_refused(algorithm: str) -> None:
    """At its own length it is malformed; padded, cut or made to the right length it is no signature."""
    public, length, size = _key(algorithm).public, LENGTHS[algorithm], CURVES[algorithm].size
    raw = _signature(algorithm)
    r, s = int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big")
    der = encode_dss_signature(r, s)
    assert len(der) != length
    assert _verdict(_DATA, algorithm, der, public) is Reason.SIGNATURE_MALFORMED
    assert _verdict(_DATA, algorithm, der[:length].ljust(length, b"\x00"), public) is Reason.SIGNATURE_INVALID
    number = 1 << (8 * (size - 4) - 2)
    fitted = encode_dss_signature(number, number).ljust(length, b"\x00")
    assert len(fitted) == length
    assert _verdict(_DATA, algorithm, fitted, public) is Reason.SIGNATURE_INVALID
    assert _verdict(_DATA, algorithm, raw[:size] + b"\x00", public) is Reason.SIGNATURE_MALFORMED


def test_a_der_signature_of_exactly_the_right_length_is_refused() -> None:
    """64 bytes of DER with r and s of 29 bytes each: it has the length and is still read as r || s."""
    der = encode_dss_signature((1 << 231) - 1, (1 << 231) - 1)
    assert len(der) == 64
    assert _verdict(_DATA, "ES256", der, _key("ES256").public) is Reason.SIGNATURE_INVALID


_HALVES = st.one_of(
    st.binary(min_size=66, max_size=66), st.integers(0, 2**528 - 1).map(lambda n: n.to_bytes(66, "big"))
)


@given(_HALVES, _HALVES, st.sampled_from([32, 48, 64, 66]), st.integers(0, 66), st.integers(0, 66))
@example(bytes(66), bytes(66), 66, 0, 0)
@example(b"\x01" * 66, b"\x01" * 66, 66, 4, 4)  # 128 bytes inside: the first length of two octets
@example(b"\x01" * 66, b"\x01" * 66, 66, 4, 5)  # 127: the last of one
@example(b"\xff" * 66, b"\xff" * 66, 66, 0, 0)
@example(b"\x00" + b"\x80" * 65, b"\x7f" * 66, 66, 0, 0)
@example(b"X" * 66, b"X" * 66, 66, 1, 1)  # a letter is no zero
def test_signatures_are_encoded_as_cryptography_encodes_them(
    r: bytes, s: bytes, size: int, zeros: int, more: int
) -> None:
    r, s = (bytes(zeros) + r)[:size], (bytes(more) + s)[:size]
    expected = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    assert algorithms._der_signature(r, s) == expected
    assert algorithms._raw_signature(expected, size) == r + s


@pytest.mark.parametrize("algorithm", ECDSA)
def test_what_cryptography_signs_verifies_here_and_what_we_sign_verifies_there(algorithm: str) -> None:
    """Many signatures, so that r and s with leading zeros and with a high first bit come up."""
    curve = CURVES[algorithm]
    scheme = ec.ECDSA(HASHES[algorithm])
    theirs = ec.generate_private_key(curve.curve)
    numbers = theirs.public_key().public_numbers()
    public = PublicKey.from_jwk(curve.jwk(numbers.x, numbers.y))
    secret = theirs.private_numbers().private_value.to_bytes(curve.size, "big")
    ours = LocalKey.from_jwk({**public.to_jwk(), "d": _base64url(secret)})
    for number in range(60):
        data = str(number).encode()
        r, s = decode_dss_signature(theirs.sign(data, scheme))
        raw = r.to_bytes(curve.size, "big") + s.to_bytes(curve.size, "big")
        assert _verdict(data, algorithm, raw, public) is None
        raw = ours.sign(data)
        r, s = int.from_bytes(raw[: curve.size], "big"), int.from_bytes(raw[curve.size :], "big")
        theirs.public_key().verify(encode_dss_signature(r, s), data, scheme)


@pytest.mark.parametrize("algorithm", sorted(algorithms.ALGORITHMS))
def test_a_secret_has_the_length_of_its_algorithm(algorithm: str) -> None:
    """A number has many lengths, and of one key there is to be one JWK (RFC 7518 section 6.2.2.1)."""
    jwk = LocalKey.generate(algorithm).to_private_jwk()
    name = "priv" if "priv" in jwk else "d"
    secret = base64.urlsafe_b64decode(jwk[name] + "=" * (-len(jwk[name]) % 4))
    assert LocalKey.from_jwk(jwk).to_private_jwk() == jwk
    for other in (b"\0" + secret, secret[:-1], secret + b"\0", b""):
        _no_key(lambda other=other: LocalKey.from_jwk({**jwk, name: _base64url(other)}), "jwk")  # type: ignore[misc]


@pytest.mark.parametrize("algorithm", ECDSA)
def test_a_secret_lies_between_one_and_the_order(algorithm: str) -> None:
    """Reduced by the order it would be a secret, and one public key would have two private ones."""
    curve, jwk = CURVES[algorithm], _key(algorithm).to_private_jwk()
    secret = int.from_bytes(_unbase64url(jwk["d"]), "big")
    same = {secret + times * curve.n for times in range(1, 600)}
    for other in {0, curve.n, curve.n + 1, 256**curve.size - 1, curve.n - secret} | same:
        if other < 256**curve.size:
            encoded = _base64url(other.to_bytes(curve.size, "big"))
            _no_key(partial(LocalKey.from_jwk, {**jwk, "d": encoded}), "jwk")


@pytest.mark.parametrize("algorithm", ECDSA)
def test_a_point_off_its_curve_is_no_key(algorithm: str) -> None:
    curve = CURVES[algorithm]
    jwk = _key(algorithm).public.to_jwk()
    x, y = (int.from_bytes(_unbase64url(jwk[member]), "big") for member in ("x", "y"))
    PublicKey.from_jwk(curve.jwk(x, y))
    PublicKey.from_jwk(curve.jwk(x, curve.p - y))  # the other point of this x is on the curve
    for wrong_x, wrong_y in ((x, y ^ 1), (x ^ 1, y), (y, x), (x, x), (x, 0), (0, y), (1, 1), (0, 0), (0, 1)):
        if curve.y(wrong_x % curve.p) not in (wrong_y, curve.p - wrong_y):
            _no_jwk(curve.jwk(wrong_x, wrong_y))


@pytest.mark.parametrize("algorithm", ECDSA)
def test_a_coordinate_of_the_prime_or_more_is_no_key(algorithm: str) -> None:
    """Reduced by the prime it would be a point, and one key would have two encodings and two thumbprints."""
    curve = CURVES[algorithm]
    limit = 256**curve.size
    found = 0
    for x in range(200):
        y = curve.y(x)
        if y is None:
            continue
        found += 1
        PublicKey.from_jwk(curve.jwk(x, y))
        assert x + curve.p < limit
        _no_jwk(curve.jwk(x + curve.p, y))
        if y + curve.p < limit:
            _no_jwk(curve.jwk(x, y + curve.p))
            _no_jwk(curve.jwk(x + curve.p, y + curve.p))
    assert found > 50
    assert algorithm != "ES512" or curve.p * 2 < limit  # at P-521, y + p fits too
    for coordinate in (curve.p, curve.p + 1, limit - 1):
        _no_jwk(curve.jwk(coordinate, 0))
        _no_jwk(curve.jwk(0, coordinate))
    root = curve.y(0)
    assert (root is None) is (algorithm in BRAINPOOL)  # RFC 5639 section 2.2: there b is no square
    if root is None:
        return
    PublicKey.from_jwk(curve.jwk(0, root))
    _no_jwk(curve.jwk(curve.p, root))


@pytest.mark.parametrize("algorithm", ECDSA)
def test_a_coordinate_of_the_prime_or_more_never_reaches_the_backend(
    algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a backend refuses such a coordinate or reduces it has differed between versions: we do not ask it."""
    curve = CURVES[algorithm]
    x = next(x for x in range(200) if curve.y(x) is not None)
    monkeypatch.setattr(ec.EllipticCurvePublicKey, "from_encoded_point", lambda *_: "whatever it is")
    PublicKey.from_jwk(curve.jwk(x, curve.p - 1))
    PublicKey.from_jwk(curve.jwk(curve.p - 1, x))
    for coordinate in (curve.p, curve.p + 1, curve.p + x, 256**curve.size - 1):
        _no_jwk(curve.jwk(coordinate, x))
        _no_jwk(curve.jwk(x, coordinate))


@pytest.mark.parametrize("algorithm", ECDSA)
def test_the_point_at_infinity_is_no_key(algorithm: str) -> None:
    curve = CURVES[algorithm]
    _no_jwk(curve.jwk(0, 0))
    for point in (b"\x00", b"\x00" * (2 * curve.size + 1), b"\x04" + bytes(2 * curve.size)):
        _no_key(partial(PublicKey.from_pem, _pem("PUBLIC KEY", _named_spki(algorithm, point))), "pem")


@pytest.mark.parametrize("algorithm", ECDSA)
def test_a_point_in_the_hybrid_form_is_no_key(algorithm: str) -> None:
    """RFC 5480 section 2.2: any first octet but 2, 3 and 4 MUST be rejected. The backend takes 6 and 7 as well."""
    curve, plain, short = CURVES[algorithm], b"\x00\x00", b""
    while plain[-1] % 2 == plain[-2] % 2:  # the first octet tells whether y is odd: of the whole number
        public = ec.generate_private_key(curve.curve).public_key()
        plain = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        short = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    key = PublicKey.from_pem(_pem("PUBLIC KEY", _named_spki(algorithm, plain)))
    assert PublicKey.from_pem(_pem("PUBLIC KEY", _named_spki(algorithm, short))) == key
    for first in (0, 1, 5, 6, 7, 8, 0xFF):
        hybrid = bytes([first]) + plain[1:]
        _no_key(partial(PublicKey.from_pem, _pem("PUBLIC KEY", _named_spki(algorithm, hybrid))), "pem")


# --- Ed25519: the curve, by arithmetic of our own ---

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_L = 2**252 + 27742317777372353535851937790883648493  # RFC 8032 section 5.1
Point = tuple[int, int]


def _add(one: Point, other: Point) -> Point:
    """RFC 8032 section 5.1.4, in affine coordinates; the law is complete."""
    product = _D * one[0] * other[0] * one[1] * other[1] % _P
    x = (one[0] * other[1] + other[0] * one[1]) * pow(1 + product, -1, _P)
    y = (one[1] * other[1] + one[0] * other[0]) * pow(1 - product, -1, _P)
    return x % _P, y % _P


def _times(number: int, point: Point) -> Point:
    total: Point = (0, 1)
    while number:
        if number & 1:
            total = _add(total, point)
        point, number = _add(point, point), number >> 1
    return total


def _lift(y: int) -> Point | None:
    """A point with this y, or None when there is none (RFC 8032 section 5.1.3)."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    return (x, y) if x * x % _P == square else None


def _encode(point: Point, *, non_canonical: bool = False, sign: int | None = None) -> bytes:
    y = point[1] + (_P if non_canonical else 0)
    return (y | (point[0] & 1 if sign is None else sign) << 255).to_bytes(32, "little")


@cache
def _small_order() -> tuple[Point, ...]:
    """The eight points whose order divides 8: L times a point is one of them, and one of order 8 makes them all."""
    for y in range(2, 1_000):
        point = _lift(y)
        if point is not None:
            torsion = _times(_L, point)
            if _times(4, torsion) != (0, 1):
                return tuple(_times(number, torsion) for number in range(8))
    raise AssertionError("no point of order 8 among a thousand")


_BASE = next(x for x in (_lift(4 * pow(5, -1, _P) % _P),) if x is not None)
_BASE = (_BASE[0] if _BASE[0] % 2 == 0 else _P - _BASE[0], _BASE[1])  # of the two the one with the even x


def _ed25519_jwk(encoded: bytes) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(encoded)}


def _ed25519_pem(encoded: bytes) -> bytes:
    return _pem("PUBLIC KEY", bytes.fromhex("302a300506032b6570032100") + encoded)  # RFC 8410 section 4


def test_the_arithmetic_is_that_of_ed25519() -> None:
    assert _BASE[1] == 4 * pow(5, -1, _P) % _P and _times(_L, _BASE) == (0, 1)
    points = _small_order()
    assert len(set(points)) == 8
    assert (
        sorted(next(n for n in (1, 2, 4, 8) if _times(n, point) == (0, 1)) for point in points)
        == [1, 2, 4, 4] + [8] * 4
    )
    secret = ed25519.Ed25519PrivateKey.generate()
    hashed = hashlib.sha512(secret.private_bytes_raw()).digest()[:32]
    scalar = int.from_bytes(hashed, "little") & ((1 << 254) - 8) | 1 << 254
    point = _times(scalar, _BASE)
    assert secret.public_key().public_bytes_raw() == _encode(point)


def test_every_point_of_small_order_is_no_key() -> None:
    for point in _small_order():
        for sign in (0, 1):  # both signs, where x is zero as well
            encoded = _encode(point, sign=sign)
            _no_jwk(_ed25519_jwk(encoded))
            _no_key(partial(PublicKey.from_pem, _ed25519_pem(encoded)), "pem")


def test_every_y_of_the_prime_or_more_is_no_key() -> None:
    """There are nineteen of them, of which some name points of small order and others points of high order."""
    for y in range(19):
        for sign in (0, 1):
            encoded = (y + _P | sign << 255).to_bytes(32, "little")
            _no_jwk(_ed25519_jwk(encoded))
            _no_key(partial(PublicKey.from_pem, _ed25519_pem(encoded)), "pem")


def test_a_point_of_mixed_order_is_refused_by_the_full_gate() -> None:
    for number in (1, 2, 77, _L - 1):
        prime = _times(number, _BASE)
        PublicKey.from_jwk(_ed25519_jwk(_encode(prime)))
        for torsion in _small_order():
            if torsion == (0, 1):
                continue
            jwk = _ed25519_jwk(_encode(_add(prime, torsion)))
            _no_key(partial(PublicKey.from_jwk, jwk), "jwk")
            _no_key(partial(PublicKey.from_pem, _ed25519_pem(_encode(_add(prime, torsion)))), "pem")
            # A holder key met in verification: the short check lets it pass, and says so (DESIGN section 2, law 8).
            assert load_holder_key(jwk, "cnf.jwk").algorithm == "Ed25519"
            key = {1: 1, -1: 6, -2: _encode(_add(prime, torsion))}
            _no_key(partial(load_cose_key, key, "cnf.jwk", full=True), "cnf.jwk")
            assert load_cose_key(key, "cnf.jwk").algorithm == "Ed25519"


def test_a_y_without_a_point_is_no_key() -> None:
    without = [y for y in range(2, 60) if _lift(y) is None]
    assert len(without) > 10
    for y in without:
        jwk = _ed25519_jwk(y.to_bytes(32, "little"))
        _no_key(partial(PublicKey.from_jwk, jwk), "jwk")


def test_a_y_without_a_point_verifies_nothing_as_a_holder_key() -> None:
    """The short check may leave the curve equation to the verification; then no signature at all must pass."""
    for y in [y for y in range(2, 60) if _lift(y) is None]:
        jwk = _ed25519_jwk(y.to_bytes(32, "little"))
        try:
            public = load_holder_key(jwk, "cnf.jwk")
        except MalformedError as error:
            assert error.reason is Reason.KEY_INVALID
            continue
        for signature in (_signature("Ed25519"), bytes(64), _encode((0, 1)) + bytes(32), b"\x01" + bytes(63)):
            assert _verdict(_DATA, "Ed25519", signature, public) is Reason.SIGNATURE_INVALID


def test_s_of_the_group_order_or_more_is_refused() -> None:
    """RFC 8032 section 5.1.7: S in [0, L); S + L would be a second signature of the same data."""
    signature, public = _signature("Ed25519"), _key("Ed25519").public
    s = int.from_bytes(signature[32:], "little")
    for number in range(1, 16):
        if s + number * _L < 2**256:
            malleable = signature[:32] + (s + number * _L).to_bytes(32, "little")
            assert _verdict(_DATA, "Ed25519", malleable, public) is Reason.SIGNATURE_INVALID
    assert _verdict(_DATA, "Ed25519", signature[:32] + _L.to_bytes(32, "little"), public) is Reason.SIGNATURE_INVALID


def test_an_r_of_small_order_or_of_another_encoding_is_refused() -> None:
    public = _key("Ed25519").public
    for point in _small_order():
        for sign in (0, 1):
            for s in (0, 1, _L - 1):
                signature = _encode(point, sign=sign) + s.to_bytes(32, "little")
                assert _verdict(_DATA, "Ed25519", signature, public) is Reason.SIGNATURE_INVALID


# --- Ed448 ---

_P448 = 2**448 - 2**224 - 1
_D448 = -39081
_L448 = 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885  # RFC 8032 section 5.2


def _ed448_jwk(y: int, sign: int = 0) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed448", "x": _base64url(y.to_bytes(56, "little") + bytes([sign]))}


def _ed448_has_a_point(y: int) -> bool:
    square = (y * y - 1) * pow(_D448 * y * y - 1, -1, _P448) % _P448
    return pow(square, (_P448 - 1) // 2, _P448) in (0, 1)


# RFC 8032 section 7.4, the first vector.
_RFC_8032_ED448 = [
    (
        "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b",
        "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180",
        "",
        "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980"
        "ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600",
    ),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), _RFC_8032_ED448)
def test_ed448_is_that_of_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    jwk = {"kty": "OKP", "crv": "Ed448", "x": _base64url(bytes.fromhex(public))}
    local = LocalKey.from_jwk({**jwk, "d": _base64url(bytes.fromhex(secret))})
    assert local.public == PublicKey.from_jwk(jwk)
    assert local.sign(bytes.fromhex(message)).hex() == signature
    assert _verdict(bytes.fromhex(message), "Ed448", bytes.fromhex(signature), local.public) is None


@pytest.mark.parametrize("y", [0, 1, _P448 - 1])
@pytest.mark.parametrize("sign", [0, 0x80])
def test_every_point_of_small_order_of_ed448_is_no_key(y: int, sign: int) -> None:
    """Orders 1, 2 and 4; with R = 1 and S = 0 the backend takes a signature of the first over any message."""
    _no_jwk(_ed448_jwk(y, sign))
    encoded = y.to_bytes(56, "little") + bytes([sign])
    spki = _der(0x30, _der(0x30, bytes.fromhex("06032b6571")), _der(0x03, b"\x00", encoded))
    _no_key(partial(PublicKey.from_pem, _pem("PUBLIC KEY", spki)), "pem")


@pytest.mark.parametrize("y", [_P448, _P448 + 1, _P448 + 2, _P448 + 5, 2**448 - 1])
def test_every_y_of_the_prime_of_ed448_or_more_is_no_key(y: int) -> None:
    for sign in (0, 0x80):
        _no_jwk(_ed448_jwk(y, sign))


@pytest.mark.parametrize("bits", [1, 2, 0x40, 0x7F, 0x81, 0xC0, 0xFF])
def test_the_last_byte_of_an_ed448_key_is_its_sign_alone(bits: int) -> None:
    encoded = _unbase64url(_key("Ed448").public.to_jwk()["x"])
    _no_jwk({"kty": "OKP", "crv": "Ed448", "x": _base64url(encoded[:-1] + bytes([bits]))})
    other = {"kty": "OKP", "crv": "Ed448", "x": _base64url(encoded[:-1] + bytes([encoded[-1] ^ 0x80]))}
    assert PublicKey.from_jwk(other) != _key("Ed448").public  # -A is a key of its own


def test_a_y_without_a_point_of_ed448_is_no_key_to_trust() -> None:
    """The full gate finds it; a holder's key without a point is loaded, and verifies nothing."""
    without = [y for y in range(2, 60) if not _ed448_has_a_point(y)]
    assert 10 < len(without) < 50
    for y in range(2, 60):
        jwk = _ed448_jwk(y)
        if y in without:
            _no_key(partial(PublicKey.from_jwk, jwk), "jwk")
            holder = load_holder_key(jwk, "cnf.jwk")
            for signature in (bytes(114), b"\x01" + bytes(113), _signature("Ed448")):
                assert _verdict(_DATA, "Ed448", signature, holder) is Reason.SIGNATURE_INVALID
        else:
            PublicKey.from_jwk(jwk)


def test_an_ed448_signature_with_s_of_the_order_or_more_is_refused() -> None:
    signature = _signature("Ed448")
    s = int.from_bytes(signature[57:], "little")
    assert s < _L448
    for other in (s + _L448, s + 2 * _L448, s | 1 << 448, s | 1 << 455, s ^ 1):
        raw = signature[:57] + other.to_bytes(57, "little")
        assert _verdict(_DATA, "Ed448", raw, _key("Ed448").public) is Reason.SIGNATURE_INVALID
    for r in (bytes(57), b"\x01" + bytes(56), b"\xff" * 57, signature[57:]):
        assert _verdict(_DATA, "Ed448", r + signature[57:], _key("Ed448").public) is Reason.SIGNATURE_INVALID


# --- one name for two curves, as ISO/IEC 18013-5 has it ---

FAMILIES = {
    "-7": ("ES256", "ESB256"),
    "-35": ("ES384", "ESB384"),
    "-36": ("ES512", "ESB512"),
    "-8": ("Ed25519", "Ed448"),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_family_takes_its_two_curves_and_no_other_key(family: str, algorithm: str) -> None:
    public = _key(algorithm).public
    verdict = _verdict(_DATA, family, _signature(algorithm), public)
    if algorithm in FAMILIES[family]:
        assert verdict is None
        assert _verdict(_DATA + b"x", family, _signature(algorithm), public) is Reason.SIGNATURE_INVALID
        assert _verdict(_DATA, family, _signature(algorithm)[:-1], public) is Reason.SIGNATURE_MALFORMED
        sibling = next(each for each in FAMILIES[family] if each != algorithm)
        wrong = _verdict(_DATA, family, _signature(sibling), public)
        assert wrong in (Reason.SIGNATURE_INVALID, Reason.SIGNATURE_MALFORMED)
    else:
        assert verdict is Reason.ALGORITHM_MISMATCH


def test_there_are_four_families_and_their_names_are_no_algorithms() -> None:
    assert {name: frozenset(pair) for name, pair in FAMILIES.items()} == _registry.ALGORITHM_FAMILIES
    for algorithm in ALGORITHMS:
        for name in ("-9", "-19", "-48", "-7 ", "- 7", "7", "-07", "-257"):
            assert _verdict(_DATA, name, _signature(algorithm), _key(algorithm).public) is Reason.ALGORITHM_MISMATCH


# --- JOSE: Ed448 by its own name, brainpool not at all ---


def _token(local: LocalKey, alg: str) -> bytes:
    header = _base64url(json.dumps({"alg": alg}).encode())
    signing_input = f"{header}.{_base64url(b'{}')}".encode()
    return signing_input + b"." + _base64url(local.sign(signing_input)).encode()


def test_no_ed448_signature_is_read_in_jose() -> None:
    """EdDSA stays Ed25519: the name does not say which curve, and here it says that one."""
    local = _key("Ed448")
    with pytest.raises(MalformedError) as malformed:
        jws.open_compact(_token(local, "Ed448"), WHERE, DEFAULT_LIMITS)
    assert malformed.value.reason is Reason.ALGORITHM_NOT_ALLOWED
    opened = jws.open_compact(_token(local, "EdDSA"), WHERE, DEFAULT_LIMITS)
    assert opened.algorithm == "Ed25519"
    with pytest.raises(VerificationError) as caught:
        verify_signature(opened, local.public, WHERE)
    assert caught.value.reason is Reason.ALGORITHM_MISMATCH
    for alg in ("Ed25519", "ed448", "-8", "ES256"):
        _no_jwk({**local.public.to_jwk(), "alg": alg})
    for named in ({}, {"alg": "Ed448"}, {"alg": "EdDSA"}):  # in a JWK the curve stands beside it
        assert PublicKey.from_jwk({**local.public.to_jwk(), **named}) == local.public


@pytest.mark.parametrize("algorithm", BRAINPOOL)
def test_no_brainpool_signature_is_read_in_jose(algorithm: str) -> None:
    local = _key(algorithm)
    for alg in (algorithm, "-7", local.public.to_jwk()["crv"]):
        with pytest.raises(MalformedError) as caught:
            jws.open_compact(_token(local, alg), WHERE, DEFAULT_LIMITS)
        assert caught.value.reason is Reason.ALGORITHM_NOT_ALLOWED
    for alg in ("ES256", "ES384", "ES512"):
        with pytest.raises(VerificationError) as other:
            verify_signature(jws.open_compact(_token(local, alg), WHERE, DEFAULT_LIMITS), local.public, WHERE)
        assert other.value.reason is Reason.ALGORITHM_MISMATCH
    _no_jwk({**local.public.to_jwk(), "alg": algorithm})  # no name of JOSE fits
    assert PublicKey.from_jwk(local.public.to_jwk()) == local.public


# --- the Wycheproof vectors ---


class Deviation(NamedTuple):
    """Test cases of one file that come out otherwise than their `result`, and why."""

    cases: frozenset[int]
    reason: str


_NONE = Deviation(frozenset(), "")
DEVIATIONS: dict[str, Deviation] = {
    "mldsa_44_verify_test.json": Deviation(
        frozenset({3, 4}), "valid under a context of their own; JOSE has the empty one alone (RFC 9964 section 4)"
    ),
    "mldsa_65_verify_test.json": Deviation(
        frozenset({3, 4}), "valid under a context of their own; JOSE has the empty one alone (RFC 9964 section 4)"
    ),
    "json_web_key_test.json": Deviation(
        frozenset({2, 5, 13, 14, 15}), "valid under HMAC or RSA, which our closed table does not have"
    ),
}


def _groups(vectors: Path, name: str) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = json.loads((vectors / "wycheproof" / name).read_bytes())["testGroups"]
    return groups


def _compare(name: str, cases: Iterator[tuple[dict[str, Any], bool]], at_least: int) -> None:
    """Every case must come out as its file says, except those of the table, which must come out otherwise."""
    other, count = set(), 0
    for case, accepted in cases:
        count += 1
        if case["result"] != "acceptable" and accepted is not (case["result"] == "valid"):
            other.add(case["tcId"])
    assert other == DEVIATIONS.get(name, _NONE).cases
    assert count >= at_least


@pytest.mark.parametrize(
    ("name", "algorithm", "at_least"),
    [
        ("ecdsa_secp256r1_sha256_p1363_test.json", "ES256", 262),
        ("ecdsa_secp384r1_sha384_p1363_test.json", "ES384", 280),
        ("ecdsa_secp521r1_sha512_p1363_test.json", "ES512", 318),
        ("ed25519_test.json", "Ed25519", 151),
    ],
)
def test_wycheproof_signatures(vectors: Path, name: str, algorithm: str, at_least: int) -> None:
    def cases() -> Iterator[tuple[dict[str, Any], bool]]:
        for group in _groups(vectors, name):
            public = PublicKey.from_pem(group["publicKeyPem"])
            if "publicKeyJwk" in group:
                assert PublicKey.from_jwk(group["publicKeyJwk"]) == public
                assert load_holder_key(group["publicKeyJwk"], "cnf.jwk") == public
            for case in group["tests"]:
                signature = bytes.fromhex(case["sig"])
                reason = _verdict(bytes.fromhex(case["msg"]), algorithm, signature, public)
                malformed = len(signature) != LENGTHS[algorithm]
                assert reason is None or (reason is Reason.SIGNATURE_MALFORMED) is malformed
                yield case, reason is None

    _compare(name, cases(), at_least)


@pytest.mark.parametrize(
    ("name", "algorithm", "at_least"),
    [("mldsa_44_verify_test.json", "ML-DSA-44", 180), ("mldsa_65_verify_test.json", "ML-DSA-65", 210)],
)
def test_wycheproof_ml_dsa(vectors: Path, name: str, algorithm: str, at_least: int) -> None:
    sizes = {"ML-DSA-44": 1312, "ML-DSA-65": 1952}

    def cases() -> Iterator[tuple[dict[str, Any], bool]]:
        for group in _groups(vectors, name):
            encoded = bytes.fromhex(group["publicKey"])
            jwk = {"kty": "AKP", "alg": algorithm, "pub": _base64url(encoded)}
            if len(encoded) != sizes[algorithm]:
                _no_jwk(jwk)
                yield from ((case, False) for case in group["tests"])
                continue
            public = PublicKey.from_jwk(jwk)
            if group.get("publicKeyDer"):
                assert PublicKey.from_pem(_pem("PUBLIC KEY", bytes.fromhex(group["publicKeyDer"]))) == public
            for case in group["tests"]:
                signature = bytes.fromhex(case["sig"])
                reason = _verdict(bytes.fromhex(case["msg"]), algorithm, signature, public)
                malformed = len(signature) != LENGTHS[algorithm]
                assert reason is None or (reason is Reason.SIGNATURE_MALFORMED) is malformed
                assert reason is not None or not case.get("ctx")
                yield case, reason is None

    _compare(name, cases(), at_least)


# What refuses each case of json_web_key_test.json.
_JWK_REASONS = {
    Reason.ALGORITHM_NOT_ALLOWED: 20,  # a header with HS256 to HS512 or RS256, whatever the key set says
    Reason.KEY_INVALID: 5,  # alg ES521 or ES224, a point off its curve, the kty or the crv of another key
    Reason.KEY_USE_FORBIDDEN: 1,  # use: enc
}


def test_wycheproof_json_web_keys(vectors: Path) -> None:
    reasons: Counter[Reason] = Counter()
    name = "json_web_key_test.json"

    def judge(key_set: dict[str, Any], token: bytes) -> Reason | None:
        try:
            opened = jws.open_compact(token, WHERE, DEFAULT_LIMITS)
            (jwk,) = [jwk for jwk in key_set["keys"] if jwk["kid"] == opened.key_hint.kid]
            verify_signature(opened, PublicKey.from_jwk(jwk), WHERE)
        except CitizenIDError as error:
            return error.reason
        return None

    def cases() -> Iterator[tuple[dict[str, Any], bool]]:
        for group in _groups(vectors, name):
            key_set = group.get("public") or group["private"]
            for case in group["tests"]:
                reason = judge(key_set, case["jws"].encode())
                if reason is not None:
                    reasons[reason] += 1
                yield case, reason is None
            for jwk in key_set["keys"]:
                if jwk["kty"] in ("oct", "RSA"):
                    with pytest.raises(MalformedError):
                        PublicKey.from_jwk(jwk)

    _compare(name, cases(), 26)
    assert reasons == _JWK_REASONS


def test_a_wycheproof_key_that_is_right_verifies_its_token(vectors: Path) -> None:
    """All ES256 cases of the file are refusals of a spoiled key: the unspoiled one verifies the same token."""
    for group in _groups(vectors, "json_web_key_test.json"):
        case = group["tests"][0]
        if case["comment"] == "mismatchedAlgAndCurve":
            jwk = {**group["public"]["keys"][0], "alg": "ES256"}
            verify_signature(
                jws.open_compact(case["jws"].encode(), WHERE, DEFAULT_LIMITS), PublicKey.from_jwk(jwk), WHERE
            )
            break
    else:
        raise AssertionError("the file has no such case any more")


# --- PEM ---

_SPKI, _PKCS8 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PrivateFormat.PKCS8
_SEC1, _PLAIN = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()


def _private(algorithm: str) -> Any:
    """A private key of `cryptography`."""
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm].curve)
    classes = {
        "Ed25519": ed25519.Ed25519PrivateKey,
        "Ed448": ed448.Ed448PrivateKey,
        "ML-DSA-44": mldsa.MLDSA44PrivateKey,
        "ML-DSA-65": mldsa.MLDSA65PrivateKey,
        "ML-DSA-87": mldsa.MLDSA87PrivateKey,
    }
    return classes[algorithm].generate()


def _public_pem(private: Any) -> bytes:
    pem: bytes = private.public_key().public_bytes(serialization.Encoding.PEM, _SPKI)
    return pem


def _private_pem(private: Any, form: Any = _PKCS8, encryption: Any = _PLAIN) -> bytes:
    pem: bytes = private.private_bytes(serialization.Encoding.PEM, form, encryption)
    return pem


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pem_of_every_algorithm_is_loaded(algorithm: str) -> None:
    private = _private(algorithm)
    public = PublicKey.from_pem(_public_pem(private))
    assert public.algorithm == algorithm
    assert PublicKey.from_pem(_public_pem(private).decode()) == public
    assert material_of(private.public_key(), "x5c") == public._material
    forms = [_PKCS8, _SEC1] if algorithm in CURVES else [_PKCS8]
    for form in forms:
        for pem in (_private_pem(private, form), _private_pem(private, form).decode()):
            local = LocalKey.from_pem(pem)
            assert local.public == public and local.algorithm == algorithm
            assert _verdict(_DATA, algorithm, local.sign(_DATA), public) is None
    locked = _private_pem(private, _PKCS8, serialization.BestAvailableEncryption(b"password"))
    assert LocalKey.from_pem(locked, password=b"password").public == public
    for wrong in (None, b"Password", b""):
        _no_key(partial(LocalKey.from_pem, locked, password=wrong), "pem")
    _no_key(lambda: LocalKey.from_pem(_private_pem(private), password=b"password"), "pem")


@cache
def _others() -> dict[str, Any]:
    """Keys outside of the table."""
    curves = (ec.SECP192R1(), ec.SECP224R1(), ec.SECP256K1())
    made: dict[str, Any] = {}
    for curve in curves:
        try:
            made[curve.name] = ec.generate_private_key(curve)
        except UnsupportedAlgorithm:  # a backend that has dropped a small curve loads no key of it either
            pass
    return {
        **made,
        "RSA": rsa.generate_private_key(65537, 2048),
        "X25519": x25519.X25519PrivateKey.generate(),
        "X448": x448.X448PrivateKey.generate(),
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_handle_of_another_algorithm_is_no_key(algorithm: str) -> None:
    secret = _key("Ed25519")._handle
    assert LocalKey(algorithm, _key(algorithm)._handle).public == _key(algorithm).public
    others: list[Any] = [_private(each) for each in ALGORITHMS if each != algorithm or each == "Ed25519"]
    others += [*_others().values(), _private("ES256").public_key(), _key(algorithm), None, 5, "x", b"", bytes(64)]
    others += [secret[:32], bytearray(secret), secret + b"\0"] + [secret] * (algorithm != "Ed25519")
    # Of a secret beside the public half of another, two signatures of one message give the secret away.
    others.append(secret[:32] + LocalKey.generate("Ed25519")._handle[32:])
    for handle in others:
        _no_key(partial(LocalKey, algorithm, handle), "key")


def test_pem_of_other_kinds_and_curves_is_no_key() -> None:
    for private in _others().values():
        _no_key(partial(PublicKey.from_pem, _public_pem(private)), "pem")
        _no_key(partial(LocalKey.from_pem, _private_pem(private)), "pem")
        _no_key(partial(material_of, private.public_key(), "x5c"), "x5c")
    assert {"RSA", "secp256k1", "X448"} <= set(_others())


def test_an_rsa_signature_of_the_right_length_is_refused() -> None:
    signature = _others()["RSA"].sign(_DATA, padding.PKCS1v15(), hashes.SHA256())
    for algorithm in ECDSA:
        cut = signature[: LENGTHS[algorithm]]
        assert _verdict(_DATA, algorithm, cut, _key(algorithm).public) is Reason.SIGNATURE_INVALID


def test_what_is_no_pem_of_a_key_is_refused() -> None:
    private = _private("ES256")
    public, secret = _public_pem(private), _private_pem(private)
    broken: list[bytes | str] = [
        b"", b"-", "", "kein PEM", "schlüssel", "\ud800", b"\xff\xfe",
        b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", public[:-40], public[40:],
        public.replace(b"PUBLIC KEY", b"CERTIFICATE"), b" " * 1_048_577, "A" * 2_000_000,
        _pem("PUBLIC KEY", b"\x30\x80" + bytes(100)), _pem("PRIVATE KEY", b"\x30\x80" + bytes(100)),
    ]  # fmt: skip
    for pem in [*broken, secret]:
        _no_key(partial(PublicKey.from_pem, pem), "pem")
    for pem in [*broken, public]:
        _no_key(partial(LocalKey.from_pem, pem), "pem")


def test_one_key_in_pem_and_not_a_second() -> None:
    """Whatever else is there: all but the first would go unread."""
    for load, first, label in (
        (PublicKey.from_pem, _public_pem(_private("ES256")), "PUBLIC KEY"),
        (LocalKey.from_pem, _private_pem(_private("ES256")), "PRIVATE KEY"),
    ):
        load(b"text\n" + first + _pem("CERTIFICATE", bytes(8)))
        for second in (first, _pem(label, bytes(8)), _pem("EC PRIVATE KEY", b""), _pem("KEY", b"")):
            for pem in (first + second, first + b"text\n" + second, first + second + second):
                _no_key(partial(load, pem), "pem")


# DER by hand, for what no library writes (X.690; RFC 3279 section 2.3.5; RFC 5480; RFC 5915).


def _der(tag: int, *contents: bytes) -> bytes:
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


_ID_EC = bytes.fromhex("06072a8648ce3d0201")
_PRIME_FIELD = bytes.fromhex("06072a8648ce3d0101")
_NAMED = {
    "ES256": bytes.fromhex("06082a8648ce3d030107"),
    "ES384": bytes.fromhex("06052b81040022"),
    "ES512": bytes.fromhex("06052b81040023"),
    "ESB256": bytes.fromhex("06092b2403030208010107"),
    "ESB384": bytes.fromhex("06092b240303020801010b"),
    "ESB512": bytes.fromhex("06092b240303020801010d"),
}


def _spki(parameters: bytes, point: bytes) -> bytes:
    return _der(0x30, _der(0x30, _ID_EC, parameters), _der(0x03, b"\x00", point))


def _named_spki(algorithm: str, point: bytes) -> bytes:
    return _spki(_NAMED[algorithm], point)


def _point(numbers: ec.EllipticCurvePublicNumbers, size: int) -> bytes:
    return b"\x04" + numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")


def _explicit(curve: Curve, generator: bytes, order: int) -> bytes:
    """ECParameters written out (RFC 3279 section 2.3.5) in the stead of the name of the curve."""
    a, b = ((number % curve.p).to_bytes(curve.size, "big") for number in (curve.a, curve.b))
    field = _der(0x30, _PRIME_FIELD, _integer(curve.p))
    return _der(
        0x30,
        _integer(1),
        field,
        _der(0x30, _der(0x04, a), _der(0x04, b)),
        _der(0x04, generator),
        _integer(order),
        _integer(1),
    )


def _with_parameters(parameters: bytes, private: ec.EllipticCurvePrivateKey, size: int) -> list[Callable[[], object]]:
    """The three doors of PEM, each with a key under these parameters."""
    numbers = private.private_numbers()
    point, scalar = _point(numbers.public_numbers, size), _der(0x04, numbers.private_value.to_bytes(size, "big"))
    public = _der(0xA1, _der(0x03, b"\x00", point))
    inner = _der(0x04, _der(0x30, _integer(1), scalar, public))
    pkcs8 = _der(0x30, _integer(0), _der(0x30, _ID_EC, parameters), inner)
    sec1 = _der(0x30, _integer(1), scalar, _der(0xA0, parameters), public)
    return [
        partial(PublicKey.from_pem, _pem("PUBLIC KEY", _spki(parameters, point))),
        partial(LocalKey.from_pem, _pem("PRIVATE KEY", pkcs8)),
        partial(LocalKey.from_pem, _pem("EC PRIVATE KEY", sec1)),
    ]


@pytest.mark.parametrize("algorithm", ECDSA)
def test_forged_curve_parameters_are_refused(algorithm: str) -> None:
    """A generator of the attacker's choice makes every public key his (CVE-2020-0601)."""
    curve = CURVES[algorithm]
    private = ec.generate_private_key(curve.curve)
    own = _point(private.public_key().public_numbers(), curve.size)
    right = _point(ec.derive_private_key(1, curve.curve).public_key().public_numbers(), curve.size)
    for load in _with_parameters(_NAMED[algorithm], private, curve.size):
        load()
    for parameters in (
        _explicit(curve, own, curve.n),
        _explicit(curve, right, 7),
        _explicit(curve, right, curve.n + 2),
        _explicit(curve._replace(b=curve.b + 1), right, curve.n),
        _explicit(curve._replace(p=curve.p - 2), right, curve.n),
    ):
        for load in _with_parameters(parameters, private, curve.size):
            _no_key(load, "pem")


@pytest.mark.parametrize("algorithm", ECDSA)
def test_explicit_curve_parameters_are_refused(algorithm: str) -> None:
    """RFC 5480 section 2.1.1: namedCurve alone, also where the parameters are those of the named curve."""
    curve = CURVES[algorithm]
    right = _point(ec.derive_private_key(1, curve.curve).public_key().public_numbers(), curve.size)
    for load in _with_parameters(_explicit(curve, right, curve.n), ec.generate_private_key(curve.curve), curve.size):
        _no_key(load, "pem")


@pytest.mark.parametrize("algorithm", ECDSA)
def test_absent_or_null_curve_parameters_are_refused(algorithm: str) -> None:
    curve = CURVES[algorithm]
    point = _point(ec.generate_private_key(curve.curve).public_key().public_numbers(), curve.size)
    for parameters in (b"", b"\x05\x00", _der(0x30)):
        _no_key(partial(PublicKey.from_pem, _pem("PUBLIC KEY", _spki(parameters, point))), "pem")


@pytest.mark.parametrize("algorithm", ECDSA)
def test_a_pem_whose_point_lies_off_the_curve_is_refused(algorithm: str) -> None:
    curve = CURVES[algorithm]
    numbers = ec.generate_private_key(curve.curve).public_key().public_numbers()
    good = _point(numbers, curve.size)
    for point in (
        good[:-1],
        good + b"\x00",
        good[:-1] + bytes([good[-1] ^ 1]),
        b"\x05" + good[1:],
        b"\x04",
        b"",
        good[1:],
    ):
        _no_key(partial(PublicKey.from_pem, _pem("PUBLIC KEY", _named_spki(algorithm, point))), "pem")


# --- what the keys are, besides ---


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_local_key_is_not_copied_or_pickled(algorithm: str) -> None:
    local = _key(algorithm)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match=r"^a LocalKey is not copied or pickled$"):
            pickle.dumps(local, protocol)
    for way in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"^a LocalKey is not copied or pickled$"):
            way([local] if way is copy.deepcopy else local)
    with pytest.raises(TypeError, match=r"^a LocalKey is not copied or pickled$"):
        local.__getstate__()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_reprs_say_the_algorithm_and_nothing_more(algorithm: str) -> None:
    local = _key(algorithm)
    unsigned = Unsigned(b"to-be-signed", local.public, lambda signature: signature)
    for value, text in (
        (local, f"<LocalKey {algorithm}>"),
        (local.public, f"<PublicKey {algorithm}>"),
        (unsigned, f"<Unsigned {algorithm}>"),
        (SealingKey(bytes(32)), "<SealingKey>"),
    ):
        assert repr(value) == str(value) == f"{value}" == text
        assert not hasattr(value, "__dict__")


def test_keys_are_final() -> None:
    for cls in (PublicKey, LocalKey):
        with pytest.raises(TypeError, match=rf"^{cls.__name__} is final$"):
            type("Mine", (cls,), {})


def test_keys_are_equal_by_algorithm_and_bytes() -> None:
    keys = [LocalKey.generate(algorithm).public for algorithm in ALGORITHMS for _ in range(2)]
    again = [PublicKey.from_jwk(dict(key.to_jwk())) for key in keys]
    assert keys == again and len(set(keys + again)) == len(keys)
    assert len(set(map(hash, keys))) == len(keys) and list(map(hash, keys)) == list(map(hash, again))
    for key in keys:
        assert key != key._material and key != key.thumbprint and key != "key" and key is not None
        assert [other == key for other in keys].count(True) == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_errors_of_loading_hold_nothing_of_the_secret(algorithm: str) -> None:
    private: dict[str, Any] = dict(_key(algorithm).to_private_jwk())
    member = "priv" if algorithm.startswith("ML") else "d"
    secret = private[member]
    public_member = "pub" if member == "priv" else "x"
    other = LocalKey.generate(algorithm).public.to_jwk()
    for jwk in (
        {**private, public_member: other[public_member]},
        {**private, member: secret + "A"},
        {**private, "kty": "oct"},
    ):
        with pytest.raises(CitizenIDError) as caught:
            LocalKey.from_jwk(jwk)
        error = caught.value
        for seen in (str(error), repr(error), repr(error.args), repr(vars(error))):
            assert secret not in seen and str(_unbase64url(secret)) not in seen
        assert error.__cause__ is None and error.__context__ is None


# --- what an HSM signs ---


class _Hsm:
    """A signing key outside of this process, that may return anything."""

    def __init__(self, public: PublicKey, answer: Callable[[bytes], Any]) -> None:
        self.public = public
        self._answer = answer

    def sign(self, data: bytes, /) -> bytes:
        signature: bytes = self._answer(data)
        return signature


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_foreign_signature_is_verified_before_it_is_written(algorithm: str) -> None:
    local, assembled = _key(algorithm), []

    def assemble(signature: bytes) -> bytes:
        assembled.append(signature)
        return b"whole." + signature

    unsigned = Unsigned(_DATA, local.public, assemble)
    assert (unsigned.to_be_signed, unsigned.algorithm) == (_DATA, algorithm)
    for answer, reason in (
        (lambda _: b"", Reason.SIGNATURE_MALFORMED),
        (lambda data: local.sign(data) + b"\x00", Reason.SIGNATURE_MALFORMED),
        (lambda data: local.sign(data + b"x"), Reason.SIGNATURE_INVALID),
        (lambda data: LocalKey.generate(algorithm).sign(data), Reason.SIGNATURE_INVALID),
        (lambda _: bytes(LENGTHS[algorithm]), Reason.SIGNATURE_INVALID),
    ):
        with pytest.raises(CitizenIDError) as caught:
            unsigned.sign(_Hsm(local.public, answer))
        assert (caught.value.reason, caught.value.where) == (reason, "signature")
        with pytest.raises(CitizenIDError) as caught:
            unsigned.complete(answer(_DATA))
        assert caught.value.reason is reason
    assert assembled == []
    signature = local.sign(_DATA)
    assert unsigned.complete(signature) == unsigned.complete(bytearray(signature)) == b"whole." + signature
    assert unsigned.sign(_Hsm(local.public, local.sign)).startswith(b"whole.")
    assert _verdict(_DATA, algorithm, unsigned.sign(local)[6:], local.public) is None


@pytest.mark.parametrize("answer", [None, 64, "s" * 64, ["s"] * 64, True])
def test_what_a_signer_answers_is_bytes(answer: Any) -> None:
    public = _key("ES256").public
    unsigned = Unsigned(_DATA, public, lambda signature: signature)
    for sign in (partial(unsigned.complete, answer), partial(unsigned.sign, _Hsm(public, lambda _: answer))):
        with pytest.raises(MalformedError) as caught:
            sign()
        assert (caught.value.reason, caught.value.where) == (Reason.SIGNATURE_MALFORMED, "signature")


class _Mute:
    public = _key("ES256").public


class _Unable(_Mute):
    sign = None


@pytest.mark.parametrize("key", [None, b"key", {"kty": "EC"}, _DATA.decode(), _Mute(), _Unable()])
def test_what_is_no_key_signs_nothing(key: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        Unsigned(_DATA, _key("ES256").public, lambda signature: signature).sign(key)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "key")


def test_another_key_than_the_one_it_was_prepared_for_signs_nothing() -> None:
    unsigned = Unsigned(_DATA, _key("ES256").public, lambda signature: signature)
    for key in (LocalKey.generate("ES256"), _key("Ed25519"), _Hsm(_key("ES384").public, _key("ES256").sign)):
        with pytest.raises(CitizenIDError) as caught:
            unsigned.sign(key)
        assert caught.value.reason is Reason.HOLDER_KEY_MISMATCH


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_key_in_another_object_signs(algorithm: str) -> None:
    local = _key(algorithm)
    same = LocalKey.from_jwk(dict(local.to_private_jwk()))
    assert same.public is not local.public
    made = Unsigned(_DATA, local.public, lambda signature: b"whole." + signature)
    for key in (same, _Hsm(same.public, local.sign)):
        assert _verdict(_DATA, algorithm, made.sign(key)[6:], local.public) is None


def test_what_a_local_key_signs_is_not_verified_again_and_all_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    local, seen = _key("ES256"), []
    monkeypatch.setattr(unsigned, "verify_signature", lambda *arguments: seen.append(arguments[1:]))
    made = Unsigned(_DATA, local.public, lambda signature: signature)
    made.sign(local)
    assert seen == []
    made.sign(_Hsm(local.public, local.sign))
    made.complete(local.sign(_DATA))
    assert seen == [(local.public, "signature")] * 2


# --- HKDF and sealing ---


def _slow_hkdf(secret: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 sections 2.2 and 2.3 with SHA-256 and no salt."""
    prk = hmac.digest(bytes(32), secret, "sha256")
    block, okm, counter = b"", b"", 0
    while len(okm) < size:
        counter += 1
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        okm += block
    return okm[:size]


_PURPOSES = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(st.binary(max_size=80), _PURPOSES, st.integers(1, 255 * 32))
@example(bytes(32), "ticket", 32)
@example(b"", "", 1)
def test_keys_are_derived_as_rfc_5869_says(secret: bytes, purpose: str, size: int) -> None:
    assert derive_key(secret, purpose, size) == _slow_hkdf(secret, b"citizenid/1/" + purpose.encode(), size)


def test_the_slow_derivation_is_that_of_rfc_5869_appendix_a_3() -> None:
    okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert _slow_hkdf(b"\x0b" * 22, b"", 42).hex() == okm


def test_each_purpose_has_a_key_of_its_own() -> None:
    purposes = ["ticket", "ticket-key-id", "challenge", "dpop-nonce", "sharing", "audit", "", "Ticket"]
    assert len({derive_key(bytes(32), purpose) for purpose in purposes}) == len(purposes)
    assert derive_key(bytes(32), "ticket") != derive_key(bytes(31) + b"\x01", "ticket")
    assert len(derive_key(bytes(32), "ticket")) == 32


_BYTES32 = st.binary(min_size=32, max_size=32)
_NONCES = st.binary(min_size=12, max_size=12)


@given(_BYTES32, _NONCES, st.binary(max_size=150), st.binary(max_size=60))
def test_what_is_sealed_opens(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> None:
    sealed = SealingKey(key).seal(nonce, plaintext, associated)
    assert len(sealed) == len(plaintext) + 16
    assert SealingKey(key).open(nonce, sealed, associated) == plaintext


@given(_BYTES32, _NONCES, st.binary(max_size=40), st.binary(max_size=20), st.data())
def test_any_bit_flip_opens_to_none(
    key: bytes, nonce: bytes, plaintext: bytes, associated: bytes, data: st.DataObject
) -> None:
    sealed = SealingKey(key).seal(nonce, plaintext, associated)
    parts = [key, nonce, sealed, associated]
    number = data.draw(st.integers(0, 3))
    if not parts[number]:
        number = 2
    parts[number] = _flip(parts[number], data.draw(st.integers(0, len(parts[number]) * 8 - 1)))
    assert SealingKey(parts[0]).open(parts[1], parts[2], parts[3]) is None


def test_what_is_cut_or_stretched_opens_to_none() -> None:
    key, nonce = SealingKey(bytes(32)), bytes(12)
    sealed = key.seal(nonce, b"plaintext", b"associated")
    for length in range(len(sealed)):
        assert key.open(nonce, sealed[:length], b"associated") is None
    for other in (sealed + b"\x00", b"\x00" + sealed, sealed * 2, b""):
        assert key.open(nonce, other, b"associated") is None
    for other in (b"", b"associate", b"associatedx"):
        assert key.open(nonce, sealed, other) is None
    for other_nonce in (b"", nonce[:-1], nonce + b"\x00", bytes(16)):
        assert key.open(other_nonce, sealed, b"associated") is None


def test_sealing_is_aes_256_gcm_siv() -> None:
    """RFC 8452 appendix C.2, the first three vectors."""
    key, nonce = SealingKey(b"\x01" + bytes(31)), b"\x03" + bytes(11)
    for plaintext, result in (
        ("", "07f5f4169bbf55a8400cd47ea6fd400f"),
        ("0100000000000000", "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"),
        ("010000000000000000000000", "9aab2aeb3faa0a34aea8e2b18ca50da9ae6559e48fd10f6e5c9ca17e"),
    ):
        assert key.seal(nonce, bytes.fromhex(plaintext), b"").hex() == result
        assert key.open(nonce, bytes.fromhex(result), b"") == bytes.fromhex(plaintext)


@pytest.mark.parametrize("size", [0, 15, 16, 24, 31, 33, 64])
def test_a_sealing_key_of_another_size_is_refused(size: int) -> None:
    """AES-256 says the class: a key of 16 or 24 bytes must not quietly make it another cipher."""
    with pytest.raises(CitizenIDError) as caught:
        SealingKey(bytes(size))
    assert (caught.value.reason, caught.value.where) == (Reason.KEY_INVALID, "sealing")


def test_what_holds_a_secret_is_not_pickled() -> None:
    made = Unsigned(_DATA, _key("ES256").public, lambda signature: signature)
    for value in (SealingKey(bytes(32)), made):
        says = rf"^{type(value).__name__} holds a secret: it is not copied or pickled$"
        for way in (copy.copy, copy.deepcopy, pickle.dumps, lambda each: each.__getstate__()):
            with pytest.raises(TypeError, match=says):
                way(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (bytes(31) + b"\x01", True), (b"\x01" + bytes(31), True), (bytes(range(64)), True),
        (bytes(30) + b"\x01", False), (b"\x01" * 31, False), (b"\x01", False), (b"", False),
        (bytes(32), False), (bytes(64), False), ("x" * 32, False), (bytearray(b"\x01" * 32), False),
        ([1] * 32, False), ((1,), False), (None, False), (1, False), (True, False),
    ],
)  # fmt: skip
def test_a_secret_is_bytes_enough_that_somebody_may_have_drawn(value: Any, expected: bool) -> None:
    assert is_secret(value) is expected


def test_the_package_hands_out_what_it_lists() -> None:
    assert set(_crypto.__all__) >= {"LocalKey", "PublicKey", "SealingKey", "SigningKey", "Unsigned", "verify_signature"}


@pytest.mark.parametrize("pem", [None, 0, True, 1.5, [], {}, (), ["-----"], object()])
def test_what_is_neither_bytes_nor_text_is_no_pem(pem: Any) -> None:
    for load in (PublicKey.from_pem, LocalKey.from_pem):
        _no_key(partial(load, pem), "pem")


def test_pem_is_as_long_as_permitted_and_no_longer() -> None:
    longest = b"A" * 1_048_576
    assert pem_bytes(longest) == longest and pem_bytes(longest.decode()) == longest
    for longer in (longest + b"A", longest.decode() + "A"):
        with pytest.raises(ValueError, match=r"^$"):
            pem_bytes(longer)


@pytest.mark.parametrize("position", range(4))
def test_no_block_of_a_pem_spells_out_its_curve(position: int) -> None:
    blocks = [_pem("PUBLIC KEY", bytes(range(number, 40))) for number in range(4)]
    assert pem_bytes(b"text\n" + b"text\n".join(blocks)) == b"text\n" + b"text\n".join(blocks)
    blocks[position] = _pem("PUBLIC KEY", b"0\x20" + _crypto.EXPLICIT_CURVE + bytes(8))
    with pytest.raises(ValueError, match=r"^$"):
        pem_bytes(b"".join(blocks))


@given(st.text(max_size=8), st.text(max_size=8))
@example("a", "a")
@example("a", "A")
@example("\ud800", "\ud800")
@example("\ud800", "\udfff")
@example("\ud800\udc00", "\U00010000")
@example("\xe9", "e\u0301")
def test_texts_are_the_same_when_they_are_equal(stated: str, expected: str) -> None:
    assert same_text(stated, expected) is (stated == expected)
    assert same_text(expected, expected) is True


@pytest.mark.parametrize("stated", [None, 0, True, b"1", [], ["1"], {"1": 1}, 1, type("Text", (str,), {})("1")])
def test_what_is_no_text_is_the_same_as_none(stated: object) -> None:
    assert same_text(stated, "1") is False
