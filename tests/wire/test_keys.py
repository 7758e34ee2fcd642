"""JSON Web Keys: what is loaded, what is refused, and that everybody computes the same RFC 7638 thumbprint.

Oracles: joserfc and jwcrypto for thumbprints, the examples of RFC 8037 and RFC 9449, the ML-DSA vectors of RFC 9964.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json as stdlib_json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joserfc.jwk
import jwcrypto.jwk
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from citizenid._crypto import LocalKey, PublicKey, load_holder_key, verify_signature
from citizenid._errors import CitizenIDError, MalformedError, Reason
from citizenid._limits import DEFAULT_LIMITS
from citizenid._model import KeyHint, SignedObject
from citizenid._wire import jws, keys

ALGORITHMS = ("ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
CLASSIC = ("ES256", "ES384", "ES512", "Ed25519")


@functools.cache
def _key(algorithm: str) -> LocalKey:
    return LocalKey.generate(algorithm)


def _jwk(algorithm: str) -> dict[str, Any]:
    return dict(_key(algorithm).public.to_jwk())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _refused(jwk: Any, reason: Reason = Reason.KEY_INVALID) -> None:
    """Both doors for public keys refuse, each with its own `where`, and leak nothing."""
    doors: list[tuple[Callable[[], object], str]] = [
        (lambda: PublicKey.from_jwk(jwk), "jwk"),
        (lambda: load_holder_key(jwk, "cnf.jwk"), "cnf.jwk"),
    ]
    for load, where in doors:
        with pytest.raises(MalformedError) as caught:
            load()
        error = caught.value
        assert (error.reason, error.where) == (reason, where)
        assert error.__cause__ is None and error.__context__ is None


# --- thumbprints ---


@pytest.mark.parametrize("algorithm", CLASSIC)
def test_thumbprints_are_those_of_two_other_libraries(algorithm: str) -> None:
    for _ in range(5):
        public = LocalKey.generate(algorithm).public
        decorated = {**public.to_jwk(), "kid": "k", "use": "sig", "ext": True}
        assert PublicKey.from_jwk(decorated).thumbprint == public.thumbprint
        text = _base64url(public.thumbprint)
        assert joserfc.jwk.import_key(decorated).thumbprint() == text
        assert jwcrypto.jwk.JWK(**decorated).thumbprint() == text


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_thumbprint_hashes_the_required_members_in_order(algorithm: str) -> None:
    """RFC 7638 section 3: lexicographic order, no white space, required members alone (RFC 9964 section 6 for AKP)."""
    public = _key(algorithm).public
    required = {"EC": ["crv", "kty", "x", "y"], "OKP": ["crv", "kty", "x"], "AKP": ["alg", "kty", "pub"]}
    jwk = public.to_jwk()
    text = "{" + ",".join(f'"{name}":"{jwk[name]}"' for name in required[jwk["kty"]]) + "}"
    assert public.thumbprint == hashlib.sha256(text.encode()).digest()
    assert sorted(jwk) == required[jwk["kty"]]


def test_the_thumbprint_of_rfc_8037_appendix_a_3() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert _base64url(PublicKey.from_jwk(jwk).thumbprint) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_jkt_of_every_dpop_proof_of_rfc_9449(vectors: Path) -> None:
    entries = stdlib_json.loads((vectors / "dpop" / "INDEX.json").read_bytes())
    proofs = [proof for entry in entries for proof in entry.get("dpop", []) if "jkt" in proof]
    assert len(proofs) >= 4
    for proof in proofs:
        public = load_holder_key(proof["header"]["jwk"], "proof.header.jwk")
        assert _base64url(public.thumbprint) == proof["jkt"]
        data = proof["jwt"].encode()
        segments = jws.split(data, "proof")
        header = jws.read_header(segments[0], "proof", DEFAULT_LIMITS, subject_key=True)
        assert PublicKey.from_jwk(header.members["jwk"]) == public
        signed = jws.signed_object(header, *segments[1:], "proof")
        verify_signature(signed, public, "proof")
        assert proof["sig"] == "ok"


@pytest.mark.parametrize("algorithm", ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_the_ml_dsa_vectors_of_rfc_9964(vectors: Path, algorithm: str) -> None:
    name = algorithm.replace("-", "_") + ".jose.json"
    vector = stdlib_json.loads((vectors / "ml-dsa-jose-cose" / name).read_bytes())
    _refused(vector["jwk"])  # it is the private key, seed and all
    public = PublicKey.from_jwk({name: value for name, value in vector["jwk"].items() if name != "priv"})
    raw = bytes.fromhex(vector["raw_public_key"])
    assert vector["jwk"]["priv"] == _base64url(bytes.fromhex(vector["priv"]))
    local = LocalKey.from_jwk(vector["jwk"])
    assert local.public == public
    assert public.to_jwk() == {"kty": "AKP", "alg": algorithm, "pub": _base64url(raw)}
    assert _base64url(public.thumbprint) == vector["jwk"]["kid"]
    to_be_signed, signature = bytes.fromhex(vector["raw_to_be_signed"]), bytes.fromhex(vector["raw_signature"])
    verify_signature(SignedObject(to_be_signed, b"", algorithm, signature, KeyHint(), None), public, "jws")
    opened = jws.open_compact(vector["jws"].encode(), "jws", DEFAULT_LIMITS)
    assert (opened.to_be_signed, opened.signature) == (to_be_signed, signature)
    assert opened.algorithm == algorithm and opened.key_hint.kid == vector["jwk"]["kid"]
    verify_signature(opened, public, "jws")


# --- round trips ---


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_public_jwk_comes_back_as_the_same_key(algorithm: str) -> None:
    public = _key(algorithm).public
    for again in (PublicKey.from_jwk(dict(public.to_jwk())), load_holder_key(public.to_jwk(), "cnf.jwk")):
        assert again == public and hash(again) == hash(public)
        assert again.thumbprint == public.thumbprint and len(again.thumbprint) == 32
        assert again.algorithm == algorithm


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_private_jwk_comes_back_as_the_same_key(algorithm: str) -> None:
    local = _key(algorithm)
    again = LocalKey.from_jwk(dict(local.to_private_jwk()))
    assert again.public == local.public
    assert again.to_private_jwk() == local.to_private_jwk()


@pytest.mark.parametrize("algorithm", CLASSIC)
def test_private_jwks_are_those_of_two_other_libraries(algorithm: str) -> None:
    jwk = _key(algorithm).to_private_jwk()
    assert joserfc.jwk.import_key(dict(jwk)).thumbprint() == _base64url(_key(algorithm).public.thumbprint)
    assert stdlib_json.loads(jwcrypto.jwk.JWK(**jwk).export_private()) == jwk


@pytest.mark.parametrize("member", ["kid", "x5t", "ext", "iat", "x5c", "x5u", "Use", "D"])
def test_members_that_say_nothing_of_the_key_are_ignored(member: str) -> None:
    for algorithm in ALGORITHMS:
        assert PublicKey.from_jwk({**_jwk(algorithm), member: ["any", 1, None]}) == _key(algorithm).public


# --- refusals ---


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"])
@pytest.mark.parametrize("value", ["AAAA", "", None, 0, []], ids=repr)
def test_a_private_member_in_a_public_key_is_refused(member: str, value: Any) -> None:
    for algorithm in ("ES256", "Ed25519", "ML-DSA-44"):
        _refused({**_jwk(algorithm), member: value})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_whole_private_jwk_is_refused_as_a_public_key(algorithm: str) -> None:
    _refused(dict(_key(algorithm).to_private_jwk()))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "restriction",
    [
        {"use": "enc"}, {"use": "SIG"}, {"use": ""}, {"use": None}, {"use": ["sig"]}, {"use": True},
        {"key_ops": []}, {"key_ops": None}, {"key_ops": "verify"}, {"key_ops": {"verify": 1}}, {"key_ops": ["sign"]},
        {"key_ops": ["encrypt"]}, {"key_ops": ["verify", "deriveKey"]}, {"key_ops": ["verify", "verify"]},
        {"key_ops": ["verify", None]}, {"key_ops": ["verify", []]}, {"key_ops": ["Verify"]}, {"key_ops": [["verify"]]},
        {"use": "enc", "key_ops": ["verify"]}, {"use": "sig", "key_ops": ["encrypt"]},
    ],
    ids=repr,
)  # fmt: skip
def test_a_key_that_may_not_verify_is_refused(algorithm: str, restriction: dict[str, Any]) -> None:
    _refused({**_jwk(algorithm), **restriction}, Reason.KEY_USE_FORBIDDEN)


@pytest.mark.parametrize(
    "restriction",
    [{"use": "sig"}, {"key_ops": ["verify"]}, {"use": "sig", "key_ops": ["sign", "verify"]}],
    ids=repr,
)
def test_a_key_that_may_verify_is_loaded(restriction: dict[str, Any]) -> None:
    for algorithm in ALGORITHMS:
        assert PublicKey.from_jwk({**_jwk(algorithm), **restriction}) == _key(algorithm).public


@pytest.mark.parametrize(
    "jwk", [None, True, 1, "jwk", b"jwk", [], ["kty"], {}, {"kty": "EC"}, {"crv": "P-256"}], ids=repr
)
def test_what_is_no_jwk_is_refused(jwk: Any) -> None:
    _refused(jwk)
    with pytest.raises(MalformedError) as caught:
        LocalKey.from_jwk(jwk)
    assert caught.value.reason is Reason.KEY_INVALID


_KTYS: list[Any] = ["RSA", "oct", "ec", "okp", "AKP ", "", None, 1, True, [], ["EC"], {}]
_CURVES: list[Any] = [
    "P-192",
    "P-224",
    "secp256k1",
    "P-256K",
    "p-256",
    "Ed448",
    "X25519",
    "BP-256",
    "",
    None,
    1,
    [],
    ["P-256"],
]


@pytest.mark.parametrize("value", _KTYS, ids=repr)
def test_another_kty_is_refused(value: Any) -> None:
    for algorithm in ALGORITHMS:
        _refused({**_jwk(algorithm), "kty": value})
        _refused({name: item for name, item in _jwk(algorithm).items() if name != "kty"})


@pytest.mark.parametrize("value", _CURVES, ids=repr)
def test_another_curve_is_refused(value: Any) -> None:
    for algorithm in CLASSIC:
        _refused({**_jwk(algorithm), "crv": value})
        _refused({name: item for name, item in _jwk(algorithm).items() if name != "crv"})


def test_a_key_under_the_kty_or_curve_of_another_is_refused() -> None:
    _refused({**_jwk("ES256"), "kty": "OKP"})
    _refused({**_jwk("ES256"), "crv": "Ed25519"})
    _refused({**_jwk("ES256"), "kty": "OKP", "crv": "Ed25519", "x": None})
    _refused({**_jwk("Ed25519"), "kty": "EC"})
    _refused({**_jwk("ES256"), "crv": "P-384"})
    _refused({**_jwk("ES384"), "crv": "P-256"})
    _refused({**_jwk("ES512"), "crv": "P-384"})
    _refused({**_jwk("ML-DSA-44"), "kty": "OKP"})
    _refused({"kty": "RSA", "n": _base64url(b"\x80" + bytes(255)), "e": "AQAB"})
    _refused({"kty": "oct", "alg": "ES256", "k": "AAAA"})


@pytest.mark.parametrize(
    "value",
    ["ES384", "ES256 ", "es256", "ECDH-ES", "HS256", "none", "ML-DSA-44", "", None, 1, True, [], ["ES256"], {}],
    ids=repr,
)
def test_another_alg_is_refused(value: Any) -> None:
    _refused({**_jwk("ES256"), "alg": value})
    _refused({**_jwk("Ed25519"), "alg": value})
    if value != "ML-DSA-44":
        _refused({**_jwk("ML-DSA-44"), "alg": value})


def test_the_alg_of_the_key_itself_is_taken() -> None:
    for algorithm, alg in (("ES256", "ES256"), ("ES512", "ES512"), ("Ed25519", "Ed25519"), ("Ed25519", "EdDSA")):
        public = PublicKey.from_jwk({**_jwk(algorithm), "alg": alg})
        assert public == _key(algorithm).public and public.algorithm == algorithm


def test_an_akp_key_must_name_its_algorithm() -> None:
    """RFC 9964 section 4: alg is REQUIRED, for the length of `pub` alone must not choose it."""
    for algorithm in ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87"):
        _refused({name: value for name, value in _jwk(algorithm).items() if name != "alg"})
        for other in ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87"):
            if other != algorithm:
                _refused({**_jwk(algorithm), "alg": other})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_members_of_another_length_or_spelling_are_refused(algorithm: str) -> None:
    jwk = _jwk(algorithm)
    for member in ("x", "y", "pub"):
        if member not in jwk:
            continue
        data = _bytes(jwk[member])
        for wrong in (b"", data[:-1], data[1:], data + b"\x00", b"\x00" + data, data * 2, b"\x04" + data):
            _refused({**jwk, member: _base64url(wrong)})
        text = jwk[member]
        spellings = (text + "=", text + "==", " " + text, text + "\n", text[:-1] + "+", "A" * 100_000)
        for spelling in (*spellings, text.encode(), [text], None, 0):
            _refused({**jwk, member: spelling})
        _refused({name: value for name, value in jwk.items() if name != member})


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_a_byte_that_moves_from_one_coordinate_to_the_other_is_refused(algorithm: str) -> None:
    """Together they are as long as they must be, and side by side they are the same point."""
    jwk = _jwk(algorithm)
    both = _bytes(jwk["x"]) + _bytes(jwk["y"])
    for place in (0, 1, len(both) // 2 - 1, len(both) // 2 + 1, len(both) - 1, len(both)):
        _refused({**jwk, "x": _base64url(both[:place]), "y": _base64url(both[place:])})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_lengths_are_judged_before_any_backend_sees_the_bytes(algorithm: str) -> None:
    jwk = _jwk(algorithm)
    member = "pub" if "pub" in jwk else "x"
    data = _bytes(jwk[member])
    assert keys.read_public_jwk(jwk, "jwk").algorithm == algorithm
    for wrong in (data[:-1], data + b"\x00", b""):
        with pytest.raises(MalformedError) as caught:
            keys.read_public_jwk({**jwk, member: _base64url(wrong)}, "jwk")
        assert (caught.value.reason, caught.value.where) == (Reason.KEY_INVALID, "jwk")


def test_coordinates_without_leading_zeros_are_refused() -> None:
    """RFC 7518 section 6.2.1.2: the full length, always; a short form would be a second spelling of one key."""
    while True:
        jwk = dict(LocalKey.generate("ES256").public.to_jwk())
        if _bytes(jwk["x"])[0] == 0:
            break
    PublicKey.from_jwk(jwk)
    _refused({**jwk, "x": _base64url(_bytes(jwk["x"])[1:])})


def test_a_stray_bit_in_a_coordinate_is_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = _jwk("ES256")["x"]  # 43 characters: two bits of the last are unused
    last = alphabet.index(text[-1])
    for stray in (1, 2, 3):
        _refused({**_jwk("ES256"), "x": text[:-1] + alphabet[last | stray]})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_private_jwk_whose_halves_do_not_belong_together_is_refused(algorithm: str) -> None:
    other = LocalKey.generate(algorithm)
    jwk = {**_key(algorithm).to_private_jwk(), **other.public.to_jwk()}
    with pytest.raises(MalformedError) as caught:
        LocalKey.from_jwk(jwk)
    assert (caught.value.reason, caught.value.where) == (Reason.KEY_INVALID, "jwk")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_private_jwk_with_a_bad_secret_is_refused(algorithm: str) -> None:
    jwk: dict[str, Any] = dict(_key(algorithm).to_private_jwk())
    member = "priv" if algorithm.startswith("ML") else "d"
    secret = _bytes(jwk[member])
    for wrong in (b"", secret[:-1], secret + b"\x00", b"\x00" + secret, bytes(len(secret)), b"\xff" * len(secret)):
        with pytest.raises(MalformedError) as caught:
            LocalKey.from_jwk({**jwk, member: _base64url(wrong)})
        assert caught.value.reason is Reason.KEY_INVALID
        assert caught.value.__cause__ is None and caught.value.__context__ is None
    for wrong_type in (None, 1, secret, [jwk[member]], jwk[member] + "=", jwk[member] + "\n"):
        with pytest.raises(MalformedError) as caught:
            LocalKey.from_jwk({**jwk, member: wrong_type})
        assert caught.value.reason is Reason.KEY_INVALID
    with pytest.raises(MalformedError):
        LocalKey.from_jwk(_jwk(algorithm))


_ORDERS = {  # SP 800-186 sections 3.2.1.3 and 3.2.1.5; the low 260 bits of the order of P-521 in hexadecimal
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES512": 2**521 - 2**260 + 0xA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
}


@pytest.mark.parametrize("algorithm", _ORDERS)
def test_a_secret_scalar_beyond_the_order_is_refused(algorithm: str) -> None:
    """The scalar n + 1 has the public key of 1, so a comparison of public halves alone would take it."""
    order, size = _ORDERS[algorithm], {"ES256": 32, "ES512": 66}[algorithm]
    curve = {"ES256": ec.SECP256R1(), "ES512": ec.SECP521R1()}[algorithm]
    generator = ec.derive_private_key(1, curve).public_key().public_numbers()
    x, y = (_base64url(number.to_bytes(size, "big")) for number in (generator.x, generator.y))
    jwk = {"kty": "EC", "crv": {"ES256": "P-256", "ES512": "P-521"}[algorithm], "x": x, "y": y}
    LocalKey.from_jwk({**jwk, "d": _base64url((1).to_bytes(size, "big"))})
    for scalar in (0, order, order + 1):
        with pytest.raises(MalformedError) as caught:
            LocalKey.from_jwk({**jwk, "d": _base64url(scalar.to_bytes(size, "big"))})
        assert caught.value.reason is Reason.KEY_INVALID


# --- whatever comes in ---

_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_CURVE_BYTES = {("EC", "P-256"): 32, ("EC", "P-384"): 48, ("EC", "P-521"): 66, ("OKP", "Ed25519"): 32}
_NAMES = {"P-256": {"ES256"}, "P-384": {"ES384"}, "P-521": {"ES512"}, "Ed25519": {"Ed25519", "EdDSA"}}
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}


def slow_read_jwk(jwk: dict[str, Any]) -> Reason | None:
    """Why a JWK is refused, before its bytes are looked at as a point; RFC 7517, 7518 and 9964, rule by rule."""

    def octets(member: str, size: int) -> bool:
        text = jwk.get(member)
        if type(text) is not str or "=" in text:
            return False
        try:
            data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        except ValueError:
            return False
        return len(data) == size and _base64url(data) == text

    if set(jwk) & _PRIVATE:
        return Reason.KEY_INVALID
    operations = jwk.get("key_ops", ["verify"])
    if "use" in jwk and jwk["use"] != "sig":
        return Reason.KEY_USE_FORBIDDEN
    if type(operations) is not list or "verify" not in operations or len(operations) > 2:
        return Reason.KEY_USE_FORBIDDEN
    if any(each not in ("verify", "sign") for each in operations) or operations.count("verify") > 1:
        return Reason.KEY_USE_FORBIDDEN
    kty, alg = jwk.get("kty"), jwk.get("alg")
    if kty == "AKP":
        sizes = {"ML-DSA-44": 1312, "ML-DSA-65": 1952, "ML-DSA-87": 2592}
        known = type(alg) is str and alg in sizes and octets("pub", sizes[alg])
        return None if known else Reason.KEY_INVALID
    curve = jwk.get("crv")
    size = _CURVE_BYTES.get((kty, curve)) if type(kty) is str and type(curve) is str else None
    if size is None or not octets("x", size) or (kty == "EC" and not octets("y", size)):
        return Reason.KEY_INVALID
    if "alg" in jwk and (type(alg) is not str or alg not in _NAMES[str(curve)]):
        return Reason.KEY_INVALID
    return None


_ODD = st.sampled_from([
    "sig", "enc", ["verify"], ["sign"], ["verify", "sign"], ["verify", "verify"], [], None, "EC", "OKP", "AKP", "P-256",
    "P-384", "Ed25519", "X25519", "ES256", "EdDSA", "Ed25519", "ML-DSA-44", "none", "", "A" * 43, "A" * 42 + "B",
    "A" * 42, "A" * 44, "A" * 43 + "=", "A" * 42 + "+", "\u00e9" * 43, True, 1,
])  # fmt: skip


@given(
    st.sampled_from(ALGORITHMS),
    st.dictionaries(st.sampled_from(["kty", "crv", "alg", "x", "y", "pub", "use", "key_ops", "d", "kid"]), _ODD),
    st.sets(st.sampled_from(["kty", "crv", "alg", "x", "y", "pub"]), max_size=1),
)
def test_jwks_are_read_as_the_slow_way_reads_them(algorithm: str, odd: dict[str, Any], dropped: set[str]) -> None:
    jwk = {name: value for name, value in {**_jwk(algorithm), **odd}.items() if name not in dropped}
    expected = slow_read_jwk(jwk)
    try:
        material = keys.read_public_jwk(jwk, "jwk")
    except MalformedError as error:
        assert error.reason is expected and error.where == "jwk"
    else:
        assert expected is None
        members = [name for name in ("x", "y", "pub") if name in keys.public_jwk(material)]
        assert material.public == b"".join(_bytes(jwk[name]) for name in members)


_MEMBERS = st.sampled_from(["kty", "crv", "alg", "x", "y", "pub", "use", "key_ops", "d", "k", "priv", "kid"])


@given(st.sampled_from(ALGORITHMS), st.dictionaries(_MEMBERS, _JUNK, max_size=3), st.sets(_MEMBERS, max_size=2))
def test_any_members_are_a_key_or_a_reason(algorithm: str, junk: dict[str, Any], dropped: set[str]) -> None:
    jwk = {name: value for name, value in {**_jwk(algorithm), **junk}.items() if name not in dropped}
    loads: list[Callable[[Any], PublicKey]] = [PublicKey.from_jwk, lambda value: load_holder_key(value, "cnf.jwk")]
    for load in loads:
        try:
            public = load(jwk)
        except CitizenIDError as error:
            assert error.reason in (Reason.KEY_INVALID, Reason.KEY_USE_FORBIDDEN)
            assert error.__cause__ is None and error.__context__ is None
        else:
            assert public == _key(algorithm).public
    try:
        local = LocalKey.from_jwk(jwk)
    except MalformedError as error:
        assert error.reason in (Reason.KEY_INVALID, Reason.KEY_USE_FORBIDDEN)
    else:
        assert local.public == _key(algorithm).public


def test_key_material_of_an_unknown_algorithm_is_not_written() -> None:
    with pytest.raises(CitizenIDError) as caught:
        keys.public_jwk(keys.KeyMaterial("RS256", b""))
    assert (caught.value.reason, caught.value.where) == (Reason.KEY_INVALID, "jwk")


def test_a_private_jwk_is_refused_where_it_stands() -> None:
    whole = _key("ES256").to_private_jwk()
    for jwk in ([], {}, {**whole, "x": "AA"}, {**whole, "d": "AA"}, {**_key("ML-DSA-44").to_private_jwk(), "priv": ""}):
        with pytest.raises(MalformedError) as caught:
            keys.read_private_jwk(jwk, "some.place")
        assert (caught.value.reason, caught.value.where) == (Reason.KEY_INVALID, "some.place")

    with pytest.raises(MalformedError) as caught:
        keys.read_private_jwk({**whole, "use": "enc"}, "some.place")
    assert (caught.value.reason, caught.value.where) == (Reason.KEY_USE_FORBIDDEN, "some.place")


@pytest.mark.parametrize("kind", ["Ed448", *ALGORITHMS])
@pytest.mark.parametrize("alg", ["Ed448", "Ed25519", "EdDSA", "ES256", "ES384", "ES512", "ed448", "ML-DSA-44", ""])
def test_a_key_says_of_itself_what_its_kind_permits(kind: str, alg: str) -> None:
    """EdDSA is the name of both curves, and of which the key says itself (RFC 8037 section 3.1, RFC 9864)."""
    jwk = {"kty": "OKP", "crv": "Ed448", "x": _base64url(bytes(57))} if kind == "Ed448" else _jwk(kind)
    names = {kind, "EdDSA"} if kind in ("Ed448", "Ed25519") else {kind}
    if alg in names:
        assert keys.read_public_jwk({**jwk, "alg": alg}, "some.place").algorithm == kind
        return
    with pytest.raises(MalformedError) as caught:
        keys.read_public_jwk({**jwk, "alg": alg}, "some.place")
    assert (caught.value.reason, caught.value.where) == (Reason.KEY_INVALID, "some.place")


_MARKER = "Marker8675309"


@pytest.mark.parametrize("member", ["kty", "crv", "alg", "x", "y", "use", "key_ops", "d"])
def test_a_refusal_holds_nothing_of_the_input(member: str) -> None:
    with pytest.raises(CitizenIDError) as caught:
        PublicKey.from_jwk({**_jwk("ES256"), member: _MARKER})
    error = caught.value
    for seen in (str(error), repr(error), repr(error.args), repr(vars(error))):
        assert _MARKER not in seen
    assert error.__cause__ is None and error.__context__ is None
