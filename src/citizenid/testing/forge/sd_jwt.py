"""SD-JWT VC presentations made by hand, every part of which may be replaced. `make()` alone is a good one.

Spec: RFC 9901 sections 4, 4.3 and 8; SD-JWT VC section 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

from ... import ANY, Challenge, Format, KeyPurpose, LocalKey, NeedStatusList, PublicKey, Serialization, TrustAnchors
from ...verifier import VerifiedPresentation
from ...verifier import verify as _verify
from .parts import (
    AUDIENCE,
    ISSUER,
    NONCE,
    NOW,
    VALID_INDEX,
    VCT,
    Changes,
    base64url,
    changed,
    dump,
    jws,
    key,
    segment,
)
from .status_lists import shared_statuses, status_claim

HASHES: Final = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}


def disclosure(*parts: Any) -> bytes:
    """Write a disclosure from its parts: (salt, name, value) or (salt, value), or anything else."""
    return segment(list(parts))


def digest(text: bytes, algorithm: str = "sha-256") -> str:
    """Return the digest of a disclosure, as it stands in `_sd` or `...`."""
    return base64url(HASHES[algorithm](text).digest()).decode()


def good_header() -> dict[str, Any]:
    """Return the header of a good credential."""
    return {"alg": "ES256", "typ": "dc+sd-jwt", "kid": "k1"}


def good_payload() -> dict[str, Any]:
    """Return the claims of a good credential: a US national, thirty days valid, status at VALID_INDEX."""
    return {
        "iss": ISSUER,
        "vct": VCT,
        "iat": NOW - 60,
        "exp": NOW + 30 * 86_400,
        "cnf": {"jwk": dict(key("holder").public.to_jwk())},
        "status": status_claim(VALID_INDEX),
        "nationalities": ["US"],
    }


def good_key_binding(issuer_half: bytes, algorithm: str = "sha-256") -> dict[str, Any]:
    """Return the claims of a good KB-JWT over this issuer half."""
    return {
        "iat": NOW,
        "aud": AUDIENCE,
        "nonce": NONCE,
        "sd_hash": digest(issuer_half, algorithm if algorithm in HASHES else "sha-256"),
    }


def issuer_half(
    header: Changes | None = None,
    payload: Changes | None = None,
    disclosures: Iterable[bytes] = (),
    *,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Make a credential `<jwt>~<disclosure>~...~` by hand."""
    signer = signer or key("issuer")
    good = {**good_header(), "alg": signer.public.algorithm}
    token = jws(changed(good, header), changed(good_payload(), payload), signer, sign)
    return b"~".join((token, *disclosures, b""))


def bound(
    half: bytes,
    changes: Changes | None = None,
    header: Changes | None = None,
    *,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
    algorithm: str = "sha-256",
) -> bytes:
    """Put a KB-JWT behind a credential."""
    signer = signer or key("holder")
    good = {"alg": signer.public.algorithm, "typ": "kb+jwt"}
    claims = changed(good_key_binding(half, algorithm), changes)
    return half + jws(changed(good, header), claims, signer, sign)


def make(
    header: Changes | None = None,
    payload: Changes | None = None,
    disclosures: Iterable[bytes] = (),
    *,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
    kb: Changes | None = None,
    kb_header: Changes | None = None,
    kb_signer: LocalKey | None = None,
    kb_sign: Callable[[bytes], bytes] | None = None,
    algorithm: str = "sha-256",
) -> bytes:
    """Make a presentation by hand. Without arguments it is a good one."""
    half = issuer_half(header, payload, disclosures, signer=signer, sign=sign)
    return bound(half, kb, kb_header, signer=kb_signer, sign=kb_sign, algorithm=algorithm)


def to_json(compact: bytes, *, general: bool = False, **header: Any) -> bytes:
    """Write a compact SD-JWT(+KB) in a JSON serialisation (RFC 9901 section 8)."""
    token, *disclosures, binding = compact.split(b"~")
    protected, payload, signature = token.decode().split(".")
    members: dict[str, Any] = {"disclosures": [text.decode() for text in disclosures]}
    if binding:
        members["kb_jwt"] = binding.decode()
    signed = {"header": changed(members, header), "protected": protected, "signature": signature}
    document = {"payload": payload, "signatures": [signed]} if general else {"payload": payload, **signed}
    return dump(document)


def anchors_for(
    public: PublicKey,
    *,
    issuer: str = ISSUER,
    kid: str | None = "k1",
    countries: Any = ANY,
    types: Iterable[str] = (VCT,),
    formats: Iterable[Format] = (Format.SD_JWT_VC,),
    **further: Any,
) -> TrustAnchors:
    """Trust one key for credentials."""
    jwk = dict(public.to_jwk()) | ({} if kid is None else {"kid": kid})
    return TrustAnchors.from_jwks(
        issuer,
        {"keys": [jwk]},
        purpose=KeyPurpose.CREDENTIAL,
        formats=formats,
        types=types,
        countries=countries,
        **further,
    )


@cache
def anchors() -> TrustAnchors:
    """Trust the issuer of `make()` for the citizenship of every country."""
    return anchors_for(key("issuer").public)


def challenge(**changes: Any) -> Challenge:
    """Return the challenge that `make()` answers."""
    return Challenge(**{"audience": AUDIENCE, "nonce": NONCE, **changes})


def verify(data: Any, **changes: Any) -> VerifiedPresentation | NeedStatusList:
    """Verify in the world of this file; any argument may be replaced."""
    arguments: dict[str, Any] = {
        "format": Format.SD_JWT_VC,
        "anchors": anchors(),
        "challenge": challenge(),
        "statuses": shared_statuses(),
        "now": NOW,
        "serialization": Serialization.COMPACT,
    }
    return _verify(data, **(arguments | changes))
