"""SD-CWT presentations made by hand, every part of which may be replaced; `Raw` and `Pairs` may stand anywhere.

Nothing here uses the writers or the codec of the library. `make()` alone is a good presentation of a US national.

Spec: draft-ietf-spice-sd-cwt sections 5 to 9; RFC 9052 section 4.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

import cbor2
from cbor2 import CBORSimpleValue, CBORTag

from ... import ANY, NO_TYPE, Challenge, Format, KeyPurpose, LocalKey, NeedStatusList, TrustAnchors
from ...verifier import VerifiedPresentation
from ...verifier import verify as _verify
from .cbor import dump
from .parts import AUDIENCE, ISSUER, NONCE, NOW, STATUS_URI, VALID_INDEX, VCT, changed, key, unbase64url
from .status_lists import shared_statuses

REDACTED: Final = CBORSimpleValue(59)
ALGORITHMS: Final = {
    "ES256": -9,
    "ES384": -51,
    "ES512": -52,
    "ESB256": -265,
    "ESB384": -267,
    "ESB512": -268,
    "Ed25519": -19,
    "Ed448": -53,
    "ML-DSA-44": -48,
    "ML-DSA-65": -49,
    "ML-DSA-87": -50,
}
Changes = Mapping[Any, Any] | bytes | None


def cose_key(holder: LocalKey) -> dict[int, Any]:
    """Return a P-256 key as a COSE_Key, out of its JWK."""
    jwk = holder.public.to_jwk()
    return {1: 2, -1: 1, -2: unbase64url(jwk["x"]), -3: unbase64url(jwk["y"])}


def salt(number: int = 0) -> bytes:
    """Return a salt of 16 bytes."""
    return number.to_bytes(16, "big")


def disclosure(*parts: Any) -> bytes:
    """Write a disclosure: (salt, value, name), (salt, value), (salt,), or anything else."""
    return dump(list(parts))


def digest(content: bytes, algorithm: str = "sha256") -> bytes:
    """Return the digest of a disclosure: over the byte string, its head included."""
    return hashlib.new(algorithm, cbor2.dumps(content)).digest()


def element(content: bytes) -> CBORTag:
    """Return what stands in an array for a hidden element."""
    return CBORTag(60, digest(content))


def sign1(
    protected: Any,
    unprotected: Any,
    payload: Any,
    signer: LocalKey,
    sign: Callable[[bytes], bytes] | None = None,
) -> CBORTag:
    """Sign a COSE_Sign1 over any header and payload."""
    header = bytes(protected) if isinstance(protected, bytes) else dump(protected)
    body = bytes(payload) if isinstance(payload, bytes) else dump(payload)
    covered = b"" if header == b"\xa0" else header
    to_be_signed = cbor2.dumps(["Signature1", covered, b"", body])
    return CBORTag(18, [header, unprotected, body, (sign or signer.sign)(to_be_signed)])


def good_claims() -> dict[Any, Any]:
    """Return the claims of a good credential: a US national, thirty days valid, status at VALID_INDEX."""
    return {
        1: ISSUER,
        2: "urn:someone",
        4: NOW + 30 * 86_400,
        6: NOW - 60,
        8: {1: cose_key(key("holder"))},
        11: VCT,
        65535: {"status_list": {"idx": VALID_INDEX, "uri": STATUS_URI}},
        "nationalities": ["US"],
    }


def credential(
    claims: Changes = None,
    disclosures: Iterable[Any] | Any = (),
    header: Changes = None,
    unprotected: Changes = None,
    *,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> CBORTag:
    """Make an SD-CWT by hand. `disclosures` that are no tuple or list stand in `sd_claims` as they are."""
    signer = signer or key("issuer")
    good_header = {1: ALGORITHMS[signer.public.algorithm], 4: b"k1", 16: 293}
    shown = list(disclosures) if isinstance(disclosures, (list, tuple)) else disclosures
    good_unprotected = {} if shown == [] else {17: shown}
    return sign1(
        changed(good_header, header),
        changed(good_unprotected, unprotected),
        changed(good_claims(), claims),
        signer,
        sign,
    )


def good_binding() -> dict[Any, Any]:
    """Return the claims of a good SD-KBT."""
    return {3: AUDIENCE, 6: NOW, 39: NONCE.encode()}


def bound(
    inner: Any,
    claims: Changes = None,
    header: Changes = None,
    unprotected: Any = None,
    *,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Put an SD-KBT around an SD-CWT."""
    signer = signer or key("holder")
    good_header = {1: ALGORITHMS[signer.public.algorithm], 13: inner, 16: 294}
    made = sign1(changed(good_header, header), unprotected or {}, changed(good_binding(), claims), signer, sign)
    return dump(made)


def make(
    claims: Changes = None,
    disclosures: Iterable[Any] | Any = (),
    header: Changes = None,
    unprotected: Changes = None,
    *,
    kb: Changes = None,
    kb_header: Changes = None,
    kb_unprotected: Any = None,
    **signers: Any,
) -> bytes:
    """Make a presentation by hand. Without arguments it is a good one."""
    inner = {name: value for name, value in signers.items() if not name.startswith("kb_")}
    outer = {name.removeprefix("kb_"): value for name, value in signers.items() if name.startswith("kb_")}
    made = credential(claims, disclosures, header, unprotected, **inner)
    return bound(made, kb, kb_header, kb_unprotected, **outer)


def hide(*contents: bytes, **changes: Any) -> dict[Any, Any]:
    """Return claims in which these disclosures are hidden members at the top level."""
    return {REDACTED: [digest(each) for each in contents], **changes}


@cache
def anchors() -> TrustAnchors:
    """Trust the issuer of `make()`, with or without a type."""
    jwk = dict(key("issuer").public.to_jwk()) | {"kid": "k1"}
    return TrustAnchors.from_jwks(
        ISSUER,
        {"keys": [jwk]},
        purpose=KeyPurpose.CREDENTIAL,
        formats=(Format.SD_CWT,),
        types=(VCT, NO_TYPE),
        countries=ANY,
    )


def verify(data: Any, **changes: Any) -> VerifiedPresentation | NeedStatusList:
    """Verify in the world of these files; any argument may be replaced."""
    arguments: dict[str, Any] = {
        "format": Format.SD_CWT,
        "anchors": anchors(),
        "challenge": Challenge(AUDIENCE, NONCE),
        "statuses": shared_statuses(),
        "now": NOW,
    }
    return _verify(data, **(arguments | changes))
