"""The official COSE vectors: each file by name with what our profile says of it, and no file left out.

The profile is narrower than COSE: COSE_Sign1 and, for an mdoc's deviceMac, COSE_Mac0 with HMAC 256/256; the algorithm
in the protected header alone; no external_aad. Where a vector is good COSE and is refused here, the table says by which
rule, and where its signature holds over what our code says was signed, that is checked as well.

Sources: cose-wg/Examples, cose-wg/draft-ietf-cose-dilithium, spruceid/isomdl.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from citizenid import _registry as reg
from citizenid._crypto import PublicKey, load_cose_key, verify_signature
from citizenid._errors import CitizenIDError, Reason
from citizenid._model import CertificateProfile, SignedObject
from citizenid._wire import base64url, cbor, cose

WHERE: Final = "cose"
TAGS: Final = frozenset({reg.COSE_SIGN1_TAG, reg.COSE_MAC0_TAG})


class Case(NamedTuple):
    """What is expected of a file.

    Attributes:
        reason: why it is refused, or None when it is taken.
        holds: for a refusal by the profile: whether the signature or tag holds over what was signed all the same.
        why: what decides.
    """

    reason: Reason | None = None
    holds: bool = False
    why: str = ""


GOOD = Case()
TAG = Reason.MALFORMED_CBOR  # a tag that nobody expects
ALGORITHM = Reason.ALGORITHM_NOT_ALLOWED
UNPROTECTED = Case(ALGORITHM, True, "alg stands in the unprotected header, which nothing covers")
EXTERNAL = Case(Reason.SIGNATURE_INVALID, True, "external_aad, of which our formats have none")
ENCRYPTED = Case(TAG, why="tag 16: encrypted")
ENVELOPED = Case(TAG, why="tag 96: encrypted for recipients")
SIGN = Case(TAG, why="tag 98: COSE_Sign, of several signers")
MAC = Case(TAG, why="tag 97: COSE_Mac, with recipients")
WIDTH = Case(ALGORITHM, why="a MAC of another width or hash than HMAC 256/256")
TAGLESS = Case(why="without its tag, as an mdoc has it")

TABLE: Final[dict[str, Case]] = {
    "CWT/A_3.json": GOOD,
    "CWT/A_4.json": WIDTH,  # HMAC 256/64
    "CWT/A_5.json": ENCRYPTED,
    "CWT/A_6.json": ENCRYPTED,
    "CWT/A_7.json": WIDTH,
    "RFC8152/Appendix_B.json": ENVELOPED,
    "RFC8152/Appendix_C_1_1.json": SIGN,
    "RFC8152/Appendix_C_1_2.json": SIGN,
    "RFC8152/Appendix_C_1_3.json": SIGN,
    "RFC8152/Appendix_C_1_4.json": SIGN,
    "RFC8152/Appendix_C_2_1.json": GOOD,
    "RFC8152/Appendix_C_3_1.json": ENVELOPED,
    "RFC8152/Appendix_C_3_2.json": ENVELOPED,
    "RFC8152/Appendix_C_3_3.json": ENVELOPED,
    "RFC8152/Appendix_C_3_4.json": ENVELOPED,
    "RFC8152/Appendix_C_4_1.json": ENCRYPTED,
    "RFC8152/Appendix_C_4_2.json": ENCRYPTED,
    "RFC8152/Appendix_C_5_1.json": MAC,
    "RFC8152/Appendix_C_5_2.json": MAC,
    "RFC8152/Appendix_C_5_3.json": MAC,
    "RFC8152/Appendix_C_5_4.json": MAC,
    "RFC8152/Appendix_C_6_1.json": WIDTH,  # AES-MAC
    "X25519-tests/x25519-hkdf-256-direct.json": ENVELOPED,
    "X25519-tests/x25519-ss-hkdf-256-direct.json": ENVELOPED,
    "countersign/Encrypt-01.json": ENCRYPTED,
    "countersign/Encrypt-02.json": ENCRYPTED,
    "countersign/Enveloped-01.json": ENVELOPED,
    "countersign/Enveloped-02.json": ENVELOPED,
    "countersign/Enveloped-03.json": ENVELOPED,
    "countersign/mac-01.json": MAC,
    "countersign/mac-02.json": MAC,
    "countersign/mac0-01.json": GOOD,
    "countersign/mac0-02.json": GOOD,
    "countersign/signed-01.json": SIGN,
    "countersign/signed-02.json": SIGN,
    "countersign/signed-03.json": SIGN,
    "countersign/signed1-01.json": GOOD,
    "countersign/signed1-02.json": GOOD,
    "countersign1/Encrypt-01.json": ENCRYPTED,
    "countersign1/Enveloped-01.json": ENVELOPED,
    "countersign1/Enveloped-02.json": ENVELOPED,
    "countersign1/mac-01.json": MAC,
    "countersign1/mac0-01.json": GOOD,
    "countersign1/signed-01.json": SIGN,
    "countersign1/signed-02.json": SIGN,
    "countersign1/signed1-01.json": GOOD,
    "ecdsa-examples/ecdsa-01.json": SIGN,
    "ecdsa-examples/ecdsa-02.json": SIGN,
    "ecdsa-examples/ecdsa-03.json": SIGN,
    "ecdsa-examples/ecdsa-04.json": SIGN,
    "ecdsa-examples/ecdsa-sig-01.json": GOOD,
    "ecdsa-examples/ecdsa-sig-02.json": GOOD,
    "ecdsa-examples/ecdsa-sig-03.json": GOOD,
    "ecdsa-examples/ecdsa-sig-04.json": Case(
        Reason.ALGORITHM_MISMATCH, why="P-256 with SHA-512 under -36, which here means P-521 (RFC 9864)"
    ),
    "eddsa-examples/eddsa-01.json": SIGN,
    "eddsa-examples/eddsa-02.json": SIGN,
    "eddsa-examples/eddsa-sig-01.json": GOOD,
    "eddsa-examples/eddsa-sig-02.json": Case(
        Reason.ALGORITHM_MISMATCH, True, "Ed448 under -8, which outside of an mdoc means Ed25519"
    ),
    "hmac-examples/HMac-01.json": MAC,
    "hmac-examples/HMac-02.json": MAC,
    "hmac-examples/HMac-03.json": MAC,
    "hmac-examples/HMac-04.json": MAC,
    "hmac-examples/HMac-05.json": MAC,
    "hmac-examples/HMac-enc-01.json": GOOD,
    "hmac-examples/HMac-enc-02.json": WIDTH,
    "hmac-examples/HMac-enc-03.json": WIDTH,
    "hmac-examples/HMac-enc-04.json": Case(Reason.SIGNATURE_INVALID, why="the tag was changed"),
    "hmac-examples/HMac-enc-05.json": WIDTH,
    "mac0-tests/HMac-01.json": GOOD,
    "mac0-tests/mac-fail-01.json": Case(TAG, why="tag 992"),
    "mac0-tests/mac-fail-02.json": Case(Reason.SIGNATURE_INVALID, why="the tag was changed"),
    "mac0-tests/mac-fail-03.json": Case(ALGORITHM, why="alg -999"),
    "mac0-tests/mac-fail-04.json": Case(ALGORITHM, why="alg is a text"),
    "mac0-tests/mac-fail-06.json": Case(Reason.SIGNATURE_INVALID, why="a protected parameter was added"),
    "mac0-tests/mac-fail-07.json": Case(Reason.SIGNATURE_INVALID, why="a protected parameter was removed"),
    "mac0-tests/mac-pass-01.json": UNPROTECTED,
    "mac0-tests/mac-pass-02.json": UNPROTECTED,
    "mac0-tests/mac-pass-03.json": UNPROTECTED,
    "rsa-pss-examples/rsa-pss-01.json": SIGN,
    "rsa-pss-examples/rsa-pss-02.json": SIGN,
    "rsa-pss-examples/rsa-pss-03.json": SIGN,
    "sign-tests/ecdsa-01.json": SIGN,
    "sign-tests/sign-fail-01.json": Case(TAG, why="tag 998"),
    "sign-tests/sign-fail-02.json": SIGN,
    "sign-tests/sign-fail-03.json": SIGN,
    "sign-tests/sign-fail-04.json": SIGN,
    "sign-tests/sign-fail-06.json": SIGN,
    "sign-tests/sign-fail-07.json": SIGN,
    "sign-tests/sign-pass-01.json": SIGN,
    "sign-tests/sign-pass-02.json": SIGN,
    "sign-tests/sign-pass-03.json": Case(
        Reason.MALFORMED_TOKEN, why="COSE_Sign without its tag: signers, no signature"
    ),
    "sign1-tests/sign-fail-01.json": Case(TAG, why="tag 998"),
    "sign1-tests/sign-fail-02.json": Case(
        Reason.SIGNATURE_INVALID, why="the payload was changed, whatever the file says"
    ),
    "sign1-tests/sign-fail-03.json": Case(ALGORITHM, why="alg -999"),
    "sign1-tests/sign-fail-04.json": Case(ALGORITHM, why="alg is a text"),
    "sign1-tests/sign-fail-06.json": Case(Reason.SIGNATURE_INVALID, why="a protected parameter was added"),
    "sign1-tests/sign-fail-07.json": Case(Reason.SIGNATURE_INVALID, why="a protected parameter was removed"),
    "sign1-tests/sign-pass-01.json": UNPROTECTED,
    "sign1-tests/sign-pass-02.json": EXTERNAL,
    "sign1-tests/sign-pass-03.json": TAGLESS,
    "x509-examples/signed-01.json": SIGN,
    "x509-examples/signed-02.json": SIGN,
    "x509-examples/signed-03.json": SIGN,
    "x509-examples/signed-04.json": SIGN,
    "x509-examples/signed-05.json": SIGN,
}


def _folder(vectors: Path) -> Path:
    return vectors / "cose" / "cose-wg-examples"


def _load(vectors: Path, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((_folder(vectors) / name).read_bytes())
    return loaded


def test_every_file_is_in_the_table(vectors: Path) -> None:
    folder = _folder(vectors)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.json")} == set(TABLE)
    for case in TABLE.values():
        assert (case.reason is None) or case.why


def _bytes(value: dict[str, Any], member: str, size: int) -> bytes:
    if member + "_hex" in value:
        return bytes.fromhex(value[member + "_hex"]).rjust(size, b"\0")
    text = value[member]
    return base64url.decode(text.encode(), "key").rjust(size, b"\0")


_CURVES: Final = {
    "P-256": (2, 1, 32),
    "P-384": (2, 2, 48),
    "P-521": (2, 3, 66),
    "Ed25519": (1, 6, 32),
    "Ed448": (1, 7, 57),
}


def _public(key: dict[str, Any]) -> PublicKey:
    kty, curve, size = _CURVES[key["crv"]]
    members: dict[Any, Any] = {1: kty, -1: curve, -2: _bytes(key, "x", size)}
    if kty == 2:
        members[-3] = _bytes(key, "y", size)
    return load_cose_key(members, "key", full=True)


def _open(data: bytes) -> tuple[int | None, cose.Message]:
    value = cbor.decode(data, WHERE, TAGS)
    tag = value.tag if type(value) is cbor.CBORTag else None
    return tag, cose.read_message(value.value if tag is not None else value, WHERE)


class _SharedKey:
    """A MAC under a key that both have from the start; the agreement of an mdoc is tested with AgreementKey."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def authenticate(self, _public: PublicKey, data: bytes, /) -> bytes | None:
        return hmac.digest(self.key, data, "sha256")


def _judge(loaded: dict[str, Any]) -> None:
    """Take the message as a reader of ours would, or raise."""
    data = bytes.fromhex(loaded["output"]["cbor"])
    tag, message = _open(data)
    assert message.payload is not None
    if "mac0" in loaded["input"] or tag == reg.COSE_MAC0_TAG:
        algorithm = cose.algorithm_of(message, reg.COSE_MAC_ALGORITHMS, WHERE)
        signed_bytes = cose.structure(cose.MAC, message.protected, message.payload)
        secret = _bytes(loaded["input"]["mac0"]["recipients"][0]["key"], "k", 0)
        signed = cose.sign1(
            message._replace(members={1: -7}),
            message.payload,
            reg.MDOC_ALGORITHMS,
            CertificateProfile.SD_JWT_VC_ISSUER,
            WHERE,
        )._replace(to_be_signed=signed_bytes, algorithm=algorithm, agreement=_SharedKey(secret))
        verify_signature(signed, _any_key(), WHERE)
    else:
        signed = cose.sign1(message, message.payload, reg.COSE_ALGORITHMS, CertificateProfile.SD_JWT_VC_ISSUER, WHERE)
        verify_signature(signed, _public(loaded["input"]["sign0"]["key"]), WHERE)


def _any_key() -> PublicKey:
    return _public(
        {
            "crv": "P-256",
            "x": "usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8",
            "y": "IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4",
        }
    )


@pytest.mark.parametrize("name", TABLE)
def test_what_our_profile_says_of_each_file(vectors: Path, name: str) -> None:
    case, loaded = TABLE[name], _load(vectors, name)
    reason = None
    try:
        _judge(loaded)
    except CitizenIDError as error:
        reason = error.reason
        assert error.__context__ is None and error.__cause__ is None
    assert reason is case.reason
    if loaded.get("fail"):
        assert reason is not None


_SINGLE: Final = [
    name for name, case in TABLE.items() if case.reason is not TAG and case.reason is not Reason.MALFORMED_TOKEN
]


@pytest.mark.parametrize("name", _SINGLE)
def test_what_was_signed_is_what_the_file_says(vectors: Path, name: str) -> None:
    """Sig_structure and MAC_structure byte for byte, for what was not spoiled and for what was refused as well."""
    loaded = _load(vectors, name)
    kind = "mac0" if "mac0" in loaded["input"] else "sign0"
    _, message = _open(bytes.fromhex(loaded["output"]["cbor"]))
    assert message.payload is not None
    external = bytes.fromhex(loaded["input"][kind].get("external", ""))
    context = cose.MAC if kind == "mac0" else cose.SIGNATURE
    written = cose.structure(context, message.protected, message.payload, external)
    stated = bytes.fromhex(loaded["intermediates"]["ToMac_hex" if kind == "mac0" else "ToBeSign_hex"])
    failures = set(loaded["input"].get("failures", {}))
    spoiled = failures & {"ChangeAttr", "AddProtected", "RemoveProtected"} or name == "sign1-tests/sign-fail-02.json"
    assert (written == stated) is not bool(spoiled)
    if not TABLE[name].holds:
        return
    if kind == "mac0":
        secret = _bytes(loaded["input"]["mac0"]["recipients"][0]["key"], "k", 0)
        assert hmac.digest(secret, written, "sha256") == message.signature
    else:
        public = _public(loaded["input"]["sign0"]["key"])
        signed = SignedObject(written, b"", public.algorithm, message.signature, cose_hint(message), None)
        verify_signature(signed, public, WHERE)


def cose_hint(message: cose.Message) -> Any:
    """The hint of a message, as `sign1` makes it."""
    return cose.sign1(
        message._replace(members={1: -7}), b"", reg.COSE_ALGORITHMS, CertificateProfile.SD_JWT_VC_ISSUER, WHERE
    ).key_hint


def test_ed448_under_the_name_of_the_family_is_taken_in_an_mdoc(vectors: Path) -> None:
    loaded = _load(vectors, "eddsa-examples/eddsa-sig-02.json")
    _, message = _open(bytes.fromhex(loaded["output"]["cbor"]))
    assert message.payload is not None
    signed = cose.sign1(message, message.payload, reg.MDOC_ALGORITHMS, CertificateProfile.SD_JWT_VC_ISSUER, WHERE)
    verify_signature(signed, _public(loaded["input"]["sign0"]["key"]), WHERE)


@pytest.mark.parametrize(
    ("name", "certificates", "label"),
    [("signed-01", 0, 32), ("signed-02", 0, 32), ("signed-03", 1, 33), ("signed-04", 2, 33), ("signed-05", 0, 34)],
)
def test_the_certificates_of_the_x509_examples(vectors: Path, name: str, certificates: int, label: int) -> None:
    """They are COSE_Sign; the headers of their one signer are read as those of a COSE_Sign1 would be."""
    loaded = _load(vectors, f"x509-examples/{name}.json")
    value = cbor.decode(bytes.fromhex(loaded["output"]["cbor"]), WHERE, frozenset({98})).value
    protected, unprotected, signature = value[3][0]
    assert label in unprotected
    message = cose.read_message([protected, unprotected, value[2], signature], WHERE)
    if label == 32:
        # These two have a kid that is text, against RFC 9052 section 3.1; and a bag of certificates is no chain.
        with pytest.raises(CitizenIDError) as caught:
            cose.hint_of(message, WHERE)
        assert (caught.value.reason, caught.value.where) == (Reason.HEADER_INVALID, "cose.header.kid")
        message = message._replace(unprotected={**unprotected, 4: unprotected[4].encode()})
    chain = cose.hint_of(message, WHERE)[1]
    assert len(chain) == certificates
    alice = (_folder(vectors) / "x509-examples" / "alice.der").read_bytes()
    if chain:
        assert chain[0] == alice
    # signed-05 has the digest alone: it names this certificate, and beside another it is refused
    thumbprint = [-16, bytes.fromhex("11FA0500D6763AE15A3238296E04C048A8FDD220A0DDA0234824B18FB6666600")]
    assert cose.hint_of(message._replace(unprotected={33: alice, 34: thumbprint}), WHERE)[1] == (alice,)
    with pytest.raises(CitizenIDError):
        cose.hint_of(message._replace(unprotected={33: alice + b"\0", 34: thumbprint}), WHERE)


@pytest.mark.parametrize("name", ["ML_DSA_44", "ML_DSA_65", "ML_DSA_87"])
def test_the_ml_dsa_messages_of_rfc_9964(vectors: Path, name: str) -> None:
    vector = json.loads((vectors / "ml-dsa-jose-cose" / f"{name}.cose.json").read_bytes())
    data = bytes.fromhex(vector["sign1"])
    tag, message = _open(data)
    assert tag == reg.COSE_SIGN1_TAG and message.payload is not None
    signed = cose.sign1(message, message.payload, reg.COSE_ALGORITHMS, CertificateProfile.SD_JWT_VC_ISSUER, WHERE)
    assert signed.to_be_signed.hex() == vector["raw_to_be_signed"]
    assert signed.signature.hex() == vector["raw_signature"]
    key = cbor.decode(bytes.fromhex(vector["key"]), WHERE)
    public = load_cose_key({label: value for label, value in key.items() if label != -2}, WHERE, full=True)
    assert public.algorithm == name.replace("_", "-") == signed.algorithm
    verify_signature(signed, public, WHERE)
    written = b"\xd2" + cose.write(message.protected, message.unprotected, message.payload, message.signature)
    assert written == data
    with pytest.raises(CitizenIDError) as caught:
        verify_signature(signed._replace(to_be_signed=signed.to_be_signed[:-1]), public, WHERE)
    assert caught.value.reason is Reason.SIGNATURE_INVALID


def test_the_two_messages_of_isomdl(vectors: Path) -> None:
    folder = vectors / "mdoc" / "isomdl" / "definitions" / "cose"
    data = bytes.fromhex((folder / "sign1" / "serialized.cbor").read_text())
    tag, message = _open(data)
    assert tag is None and message.payload == b"This is the content."
    signed = cose.sign1(message, message.payload, reg.COSE_ALGORITHMS, CertificateProfile.SD_JWT_VC_ISSUER, WHERE)
    verify_signature(signed, _any_key(), WHERE)
    assert signed.key_hint.kid == "11"
    assert cose.write(message.protected, message.unprotected, message.payload, message.signature) == data

    data = bytes.fromhex((folder / "mac0" / "serialized.cbor").read_text())
    _, message = _open(data)
    assert cose.algorithm_of(message, reg.COSE_MAC_ALGORITHMS, WHERE) == "HMAC 256/256" and message.payload is not None
    key = bytes.fromhex((folder / "mac0" / "secret_key").read_text())  # the whole file, CBOR and all, was their key
    assert hmac.digest(key, cose.structure(cose.MAC, message.protected, message.payload), "sha256") == message.signature
