"""Against PyJWT, joserfc and jwcrypto: every JWT that we write, and JWTs that they write inside SD-JWTs made by hand.

An SD-JWT is a JWT with things around it, so that any JWT library must verify the issuer's and the holder's part, a
status list token and a sender proof. On hostile tokens the relation is one-sided, as it is with sd-jwt: what we accept
they accept with equal claims, and the tables below name what they let through, with our Reason.

PyJWT knows Ed25519 by its older name alone (RFC 9864 section 2.2), so that the newer one is registered for it here.
ML-DSA is known to jwcrypto alone.

Spec: RFC 7515, RFC 7519, RFC 7638, RFC 9864, RFC 9964.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import builders
import joserfc.jwk
import joserfc.jws
import joserfc.jwt
import jwt
import pytest
from builders import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    NOW,
    STATUS_MEDIA_TYPE,
    STATUS_URI,
    VCT,
    base64url,
    digest,
    disclosure,
    good_header,
    good_key_binding,
    good_payload,
    key,
    make,
    unbase64url,
)
from hypothesis import event, given
from hypothesis import strategies as st
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS
from jwt.algorithms import OKPAlgorithm

from citizenid import (
    Attestation,
    CitizenIDError,
    Format,
    KeyPurpose,
    LocalKey,
    PublicKey,
    Reason,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Validity,
)
from citizenid._limits import DEFAULT_LIMITS
from citizenid._model import thaw
from citizenid.gateway.proofs import ProofRules, SenderKeys, check_dpop
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import Issuer
from citizenid.status import StatusPublisher, verify_status_list

FORMAT: Final = Format.SD_JWT_VC
CLASSICAL: Final = ("ES256", "ES384", "ES512", "Ed25519")
ALL: Final = (*CLASSICAL, "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
_HEADERS: Final = JWSRegistry(algorithms=list(CLASSICAL), strict_check_header=False)
_PYJWT: Final = jwt.PyJWS()
_PYJWT.register_algorithm("Ed25519", OKPAlgorithm())


def _read_with_pyjwt(token: str, public: PublicKey) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(_PYJWT.decode(token, jwt.PyJWK(_jwk(public)).key, [public.algorithm]))
    return claims


def _read_with_joserfc(token: str, public: PublicKey) -> dict[str, Any]:
    signed = joserfc.jws.deserialize_compact(token, joserfc.jwk.import_key(_jwk(public)), registry=_HEADERS)
    claims: dict[str, Any] = json.loads(signed.payload)
    return claims


def _read_with_jwcrypto(token: str, public: PublicKey) -> dict[str, Any]:
    signed = JWS()
    signed.allowed_algs = ["EdDSA", *ALL]
    signed.deserialize(token, JWK(**_jwk(public)))
    claims: dict[str, Any] = json.loads(signed.payload)
    return claims


def _jwk(public: PublicKey) -> dict[str, Any]:
    return dict(public.to_jwk())


def _joserfc_private(signer: LocalKey) -> Any:
    return joserfc.jwk.import_key(dict[str, Any](signer.to_private_jwk()))


READERS: Final[dict[str, Callable[[str, PublicKey], dict[str, Any]]]] = {
    "PyJWT": _read_with_pyjwt,
    "joserfc": _read_with_joserfc,
    "jwcrypto": _read_with_jwcrypto,
}


def _readers_of(algorithm: str) -> list[str]:
    return list(READERS) if algorithm in CLASSICAL else ["jwcrypto"]


EACH = pytest.mark.parametrize(
    ("peer", "algorithm"), [(peer, algorithm) for algorithm in ALL for peer in _readers_of(algorithm)]
)


# --- what we write, they read ---


@EACH
def test_issuer_jwt_and_key_binding(peer: str, algorithm: str) -> None:
    read = READERS[peer]
    signer, holder = key("issuer of " + algorithm, algorithm), key("holder of " + algorithm, algorithm)
    attestation = Attestation(
        VCT,
        ISSUER,
        {"nationalities": ["US"], "given_name": "Zoë"},
        Validity(UnixTime(NOW - 60), None, UnixTime(NOW + 86_400)),
        holder_key=holder.public,
        status=(StatusReference(STATUS_URI, 7),),
    )
    maker = Issuer(identifier=ISSUER, key=signer, kid="k1")
    issued = maker.issue(attestation, format=FORMAT)
    anchors = builders.anchors_for(signer.public)
    credential = Credential.receive(issued, format=FORMAT, anchors=anchors, now=NOW)
    data = credential.present([], challenge=builders.challenge(), key=holder, peer=AUDIENCE, now=NOW)
    issuer_jwt, key_binding = data.decode().split("~")
    claims = read(issuer_jwt, signer.public)
    assert {name: claims[name] for name in ("iss", "vct", "iat", "exp")} == {
        "iss": ISSUER,
        "vct": VCT,
        "iat": NOW - 60,
        "exp": NOW + 86_400,
    }
    assert claims["cnf"] == {"jwk": holder.public.to_jwk()}
    half = data[: -len(key_binding)]
    assert read(key_binding, PublicKey.from_jwk(claims["cnf"]["jwk"])) == good_key_binding(half)
    with pytest.raises((jwt.InvalidSignatureError, JoseError, JWException)):
        read(issuer_jwt, key("another of " + algorithm, algorithm).public)


@EACH
def test_status_list_token(peer: str, algorithm: str) -> None:
    signer = key("status of " + algorithm, algorithm)
    publisher = StatusPublisher(uri=STATUS_URI, size=64)
    publisher.revoke(publisher.allocate())
    token = publisher.publish(signer, now=NOW, ttl_s=60, expires_s=120).decode()
    claims = READERS[peer](token, signer.public)
    assert (claims["sub"], claims["iat"], claims["exp"], claims["ttl"]) == (STATUS_URI, NOW, NOW + 120, 60)
    anchors = TrustAnchors.from_keys(ISSUER, [signer.public], purpose=KeyPurpose.STATUS_LIST)
    verify_status_list(token, uri=STATUS_URI, media_type=STATUS_MEDIA_TYPE, anchors=anchors, now=NOW)


@EACH
def test_sender_proof(peer: str, algorithm: str) -> None:
    sender = key("sender of " + algorithm, algorithm)
    proof = dpop_proof(sender, method="POST", url="https://gateway.example/v1?q=1#f", ticket="ticket", now=NOW)
    claims = READERS[peer](proof, sender.public)
    assert (claims["htm"], claims["htu"], claims["iat"]) == ("POST", "https://gateway.example/v1", NOW)
    assert claims["ath"] == digest(b"ticket")


@pytest.mark.parametrize("algorithm", ALL)
def test_thumbprints(algorithm: str) -> None:
    public = key("thumbprint of " + algorithm, algorithm).public
    ours = base64url(public.thumbprint).decode()
    assert JWK(**public.to_jwk()).thumbprint() == ours
    if algorithm in CLASSICAL:
        assert joserfc.jwk.import_key(_jwk(public)).thumbprint() == ours


@pytest.mark.parametrize("algorithm", ALL)
def test_keys_go_both_ways(algorithm: str) -> None:
    ours = key("to and fro " + algorithm, algorithm)
    theirs = JWK(**ours.to_private_jwk())
    assert LocalKey.from_jwk(theirs.export(as_dict=True)).public == ours.public
    assert PublicKey.from_jwk(theirs.export_public(as_dict=True)) == ours.public
    if algorithm in CLASSICAL:
        pem = _joserfc_private(ours).as_pem(private=True)
        assert LocalKey.from_pem(pem).public == ours.public


# --- what they write, we read ---


def _write_with_pyjwt(header: dict[str, Any], payload: dict[str, Any], signer: LocalKey) -> bytes:
    algorithm = "EdDSA" if signer.algorithm == "Ed25519" else signer.algorithm
    private = jwt.PyJWK(signer.to_private_jwk()).key
    return jwt.encode(payload, private, algorithm, headers={**header, "alg": algorithm}).encode()


def _write_with_joserfc(header: dict[str, Any], payload: dict[str, Any], signer: LocalKey) -> bytes:
    private = _joserfc_private(signer)
    data = json.dumps(payload, indent=1).encode()  # white space and all: nothing here is written anew
    return joserfc.jws.serialize_compact({**header, "alg": signer.algorithm}, data, private, registry=_HEADERS).encode()


def _write_with_jwcrypto(header: dict[str, Any], payload: dict[str, Any], signer: LocalKey) -> bytes:
    signed = JWS(json.dumps(payload))
    signed.allowed_algs = ["EdDSA", *ALL]
    protected = json.dumps({**header, "alg": signer.algorithm})
    signed.add_signature(JWK(**signer.to_private_jwk()), protected=protected)
    token: str = signed.serialize(compact=True)
    return token.encode()


WRITERS: Final[dict[str, Callable[[dict[str, Any], dict[str, Any], LocalKey], bytes]]] = {
    "PyJWT": _write_with_pyjwt,
    "joserfc": _write_with_joserfc,
    "jwcrypto": _write_with_jwcrypto,
}


@EACH
def test_sd_jwt_made_by_hand(peer: str, algorithm: str) -> None:
    write = WRITERS[peer]
    signer, holder = key("issuer of " + algorithm, algorithm), key("holder of " + algorithm, algorithm)
    hidden = [disclosure("salt 1", "given_name", "Zoë"), disclosure("salt 2", "FR")]
    payload = {
        **good_payload(),
        "cnf": {"jwk": holder.public.to_jwk()},
        "nationalities": ["US", {"...": digest(hidden[1])}],
        "_sd": [digest(hidden[0])],
    }
    half = b"~".join((write(good_header(), payload, signer), *hidden, b""))
    data = half + write({"typ": "kb+jwt"}, good_key_binding(half), holder)
    verified = builders.accepted(data, anchors=builders.anchors_for(signer.public))
    assert thaw(verified.attestation.claims) == {"nationalities": ["US", "FR"], "given_name": "Zoë"}
    assert verified.citizenship.nationalities == builders.us("US", "FR")
    stolen = half + write({"typ": "kb+jwt"}, good_key_binding(half), signer)
    builders.refused(stolen, Reason.SIGNATURE_INVALID, "V8", anchors=builders.anchors_for(signer.public))


@EACH
def test_status_list_token_of_theirs(peer: str, algorithm: str) -> None:
    signer = key("status of " + algorithm, algorithm)
    payload = json.loads(unbase64url(builders.status_token().split(b".")[1]))
    token = WRITERS[peer]({"typ": "statuslist+jwt"}, payload, signer)
    anchors = TrustAnchors.from_keys(ISSUER, [signer.public], purpose=KeyPurpose.STATUS_LIST)
    verified = verify_status_list(token, uri=STATUS_URI, media_type=STATUS_MEDIA_TYPE, anchors=anchors, now=NOW)
    assert verified.statuses.raw(builders.SUSPENDED_INDEX) == 2


@EACH
def test_sender_proof_of_theirs(peer: str, algorithm: str) -> None:
    sender = key("sender of " + algorithm, algorithm)
    payload = {"jti": "1", "htm": "POST", "htu": "HTTPS://Gateway.example:443/v1", "iat": NOW, "ath": digest(b"t")}
    proof = WRITERS[peer]({"typ": "dpop+jwt", "jwk": dict(sender.public.to_jwk())}, payload, sender)
    rules = ProofRules("https://gateway.example", 60, DEFAULT_LIMITS, SenderKeys(1))
    assert _check(proof, rules).thumbprint == sender.public.thumbprint


def _check(proof: bytes, rules: ProofRules) -> Any:
    return check_dpop(
        proof,
        method="POST",
        url="https://gateway.example/v1?q=2",
        ticket=b"t",
        rules=rules,
        not_before=0,
        now=UnixTime(NOW),
    )


# --- hostile headers: what we accept they accept ---

_MEMBERS: Final[dict[str, list[Any]]] = {
    "alg": ["ES256", "EdDSA", "Ed25519", "ES384", "none", "HS256", "es256", "", None, 7, ["ES256"]],
    "typ": ["dc+sd-jwt", "DC+SD-JWT", "application/dc+sd-jwt", "JWT", "", None, 7],
    "kid": ["k1", "K1", "", None, 7, "k" * 255, "k" * 256],
    "crit": [["exp"], [], ["b64"], None],
    "b64": [True, False],
    "jku": ["https://id.example/jwks"],
    "x5u": ["https://id.example/x5c"],
    "cty": ["json"],  # any other kind is refused by joserfc alone; RFC 7515 section 4.1.10 leaves it to the application
    "x-private": [1, {"a": [1]}],
}


@given(
    changes=st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in _MEMBERS.items()}),
    absent=st.sets(st.sampled_from(["alg", "typ", "kid"])),
    signer=st.sampled_from([key("issuer"), key("issuer of Ed25519", "Ed25519")]),
)
def test_what_we_accept_of_hostile_headers_they_accept(
    changes: dict[str, Any], absent: set[str], signer: LocalKey
) -> None:
    header = {**changes, **dict.fromkeys(absent, ABSENT)}
    data = make(header, signer=signer)
    try:
        verified = builders.accepted(data, anchors=builders.anchors_for(signer.public))
    except CitizenIDError as error:
        event(error.reason)
        return
    event("accepted")
    token = data.partition(b"~")[0].decode()
    stated = json.loads(unbase64url(token.split(".")[0]))
    claims = _read_with_jwcrypto(token, signer.public)
    assert claims["vct"] == verified.attestation.type
    if stated["alg"] in CLASSICAL:  # joserfc has no EdDSA in this registry
        assert claims == _read_with_joserfc(token, signer.public)


# --- what they let through ---


def _pyjwt_decodes(token: bytes) -> Any:
    return jwt.decode(
        token,
        jwt.PyJWK(_jwk(key("issuer").public)).key,
        ["ES256"],
        options=dict.fromkeys(("verify_exp", "verify_iat", "verify_aud"), False),
    )


def _joserfc_decodes(token: bytes) -> Any:
    registry = joserfc.jwt.JWTClaimsRegistry(now=NOW, exp={"essential": True})
    registry.validate(joserfc.jwt.decode(token.decode(), _joserfc_key(), registry=_HEADERS).claims)


def _joserfc_key() -> Any:
    return joserfc.jwk.import_key(_jwk(key("issuer").public))


def _with_text(find: str, replace: str) -> bytes:
    text = json.dumps({**good_payload(), "marker": 0}, separators=(",", ":"))
    assert find in text
    return make(payload=text.replace(find, replace).encode())


def _padded() -> bytes:
    token, _, binding = make().partition(b"~")
    return token + b"==~" + binding


LAXITIES: Final[dict[str, tuple[Callable[[bytes], Any], Callable[[], bytes], Reason, str]]] = {
    "PyJWT: padding": (_pyjwt_decodes, _padded, Reason.MALFORMED_BASE64, "V1"),
    "PyJWT: a member twice": (
        _pyjwt_decodes,
        lambda: _with_text('"marker":0', '"marker":0,"vct":"x"'),
        Reason.DUPLICATE_MEMBER,
        "V4",
    ),
    "PyJWT: not a number": (
        _pyjwt_decodes,
        lambda: _with_text('"marker":0', '"marker":NaN'),
        Reason.MALFORMED_JSON,
        "V4",
    ),
    "PyJWT: any typ": (_pyjwt_decodes, lambda: make({"typ": "kb+jwt"}), Reason.TYP_MISMATCH, "V4"),
    "PyJWT: a key in the header": (
        _pyjwt_decodes,
        lambda: make({"jwk": dict(key("another").public.to_jwk())}),
        Reason.HEADER_FORBIDDEN,
        "V1",
    ),
    "joserfc: an end beyond all time": (
        _joserfc_decodes,
        lambda: make(payload={"exp": 1e300}),
        Reason.CLAIM_INVALID,
        "V4",
    ),
    "joserfc: a member twice": (
        _joserfc_decodes,
        lambda: _with_text('"marker":0', '"marker":0,"vct":"x"'),
        Reason.DUPLICATE_MEMBER,
        "V4",
    ),
    "joserfc: any typ": (_joserfc_decodes, lambda: make({"typ": "JWT"}), Reason.TYP_MISMATCH, "V4"),
}


@pytest.mark.parametrize("name", LAXITIES)
def test_what_they_let_through(name: str) -> None:
    peer, make_it, reason, step = LAXITIES[name]
    data = make_it()
    peer(data.partition(b"~")[0])
    builders.refused(data, reason, step)
