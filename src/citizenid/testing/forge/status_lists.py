"""Status List Tokens made by hand, and a store that holds one.

Spec: Token Status List sections 4 and 5.1.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import KeyPurpose, LocalKey, TrustAnchors
from ...status import StatusStore
from .cbor import dump
from .parts import (
    ISSUER,
    NOW,
    OTHER_INDEX,
    REVOKED_INDEX,
    STATUS_MEDIA_TYPE,
    STATUS_SIZE,
    STATUS_URI,
    SUSPENDED_INDEX,
    Changes,
    base64url,
    changed,
    jws,
    key,
)

CWT_MEDIA_TYPE: Final = "application/statuslist+cwt"
IDENTIFIER_MEDIA_TYPE: Final = "application/identifierlist+cwt"
BITSTRING_MEDIA_TYPE: Final = "application/vc+jwt"
BITSTRING_URI: Final = "https://id.example/status/bitstring"
BITSTRING_ENTRIES: Final = 131_072
"""The least that a list may have (Bitstring Status List section 3.2)."""


def status_claim(index: Any, uri: Any = STATUS_URI) -> dict[str, Any]:
    """Return a `status` claim."""
    return {"status_list": {"idx": index, "uri": uri}}


@cache
def status_anchors() -> TrustAnchors:
    """Trust the signer of `status_token()`."""
    jwk = {**key("status").public.to_jwk(), "kid": "s1"}
    return TrustAnchors.from_jwks(ISSUER, {"keys": [jwk]}, purpose=KeyPurpose.STATUS_LIST)


def packed(values: Mapping[int, int], *, bits: int, size: int) -> bytes:
    """Write values of some bits each, the least significant bit first (section 4.1), and zero at every other index."""
    made = bytearray(size * bits // 8)
    for index, value in values.items():
        made[index * bits // 8] |= value << index * bits % 8
    return bytes(made)


def packed_statuses(values: Mapping[int, int] | None = None, *, bits: int = 4, size: int = STATUS_SIZE) -> bytes:
    """Return the compressed list: what these indices say, and zero at every other."""
    if values is None:
        values = {REVOKED_INDEX: 1, SUSPENDED_INDEX: 2, OTHER_INDEX: 3}
    return zlib.compress(packed(values, bits=bits, size=size), 9)


def zero_bomb(mebibytes: int) -> bytes:
    """Write a zlib stream of so many MiB of zeros without making them: one flushed block, over and over."""
    block_maker = zlib.compressobj(9)
    first = block_maker.compress(bytes(2**20)) + block_maker.flush(zlib.Z_FULL_FLUSH)
    again = block_maker.compress(bytes(2**20)) + block_maker.flush(zlib.Z_FULL_FLUSH)
    # Adler-32 of n zeros: the first sum stays 1, the second counts n modulo 65521 (RFC 1950 section 8.2).
    checksum = (mebibytes * 2**20 % 65_521 << 16 | 1).to_bytes(4, "big")
    return first + again * (mebibytes - 1) + b"\x03\x00" + checksum


def status_token(
    values: Mapping[int, int] | None = None,
    *,
    bits: int = 4,
    size: int = STATUS_SIZE,
    header: Changes | None = None,
    payload: Changes | None = None,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Make a Status List Token by hand (Token Status List section 5.1)."""
    good = {
        "sub": STATUS_URI,
        "iat": NOW - 10,
        "exp": NOW + 86_400,
        "ttl": 43_200,
        "status_list": {"bits": bits, "lst": base64url(packed_statuses(values, bits=bits, size=size)).decode()},
    }
    signer = signer or key("status")
    good_header_ = {"alg": signer.public.algorithm, "typ": "statuslist+jwt", "kid": "s1"}
    return jws(changed(good_header_, header), changed(good, payload), signer, sign)


def status_token_cwt(
    values: Mapping[int, int] | None = None,
    *,
    media_type: str = CWT_MEDIA_TYPE,
    header: Changes | None = None,
    payload: Changes | None = None,
    unprotected: Mapping[Any, Any] | None = None,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Make the same list as a CWT, or as an identifier list, by hand (section 5.2; ISO/IEC 18013-5 12.3.6)."""
    signer = signer or key("status")
    good: dict[int, Any] = {2: STATUS_URI, 6: NOW - 10, 4: NOW + 86_400, 65534: 43_200}
    if media_type == IDENTIFIER_MEDIA_TYPE:
        good[65530] = {"identifiers": {b"revoked": {}}}
    else:
        good[65533] = {"bits": 4, "lst": packed_statuses(values)}
    claims = changed(good, payload)
    protected = changed({1: -7, 4: b"s1", 16: media_type}, header)
    body = claims if isinstance(claims, bytes) else dump(claims)
    head = protected if isinstance(protected, bytes) else dump(protected)
    signature = (sign or signer.sign)(cbor2.dumps(["Signature1", head, b"", body]))
    return dump(CBORTag(18, [head, unprotected or {}, body, signature]))


def bitstring_credential(
    places: Iterable[int] = (),
    *,
    uri: str = BITSTRING_URI,
    purpose: Any = "revocation",
    header: Changes | None = None,
    payload: Changes | None = None,
    subject: Changes | None = None,
    signer: LocalKey | None = None,
) -> bytes:
    """Make a list credential by hand, with the bits at these places set (Bitstring Status List section 2.2)."""
    bits = bytearray(BITSTRING_ENTRIES // 8)
    for place in places:
        bits[place // 8] |= 0x80 >> place % 8
    stated = {
        "type": "BitstringStatusList",
        "statusPurpose": purpose,
        "encodedList": "u" + base64url(gzip.compress(bytes(bits), mtime=0)).decode(),
        "ttl": 43_200_000,
    }
    good = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": uri,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": ISSUER,
        "credentialSubject": changed(stated, subject),
        "iat": NOW - 10,
        "exp": NOW + 86_400,
    }
    good_header = {"alg": "ES256", "typ": "vc+jwt", "kid": "s1"}
    return jws(changed(good_header, header), changed(good, payload), signer or key("status"))


def statuses(now: int = NOW) -> StatusStore:
    """Return a new store that holds the list of `status_token()`, fetched at `now`."""
    store = StatusStore(anchors=status_anchors())
    store.ingest(
        STATUS_URI, status_token(payload={"iat": now - 10, "exp": now + 86_400}), media_type=STATUS_MEDIA_TYPE, now=now
    )
    return store


@cache
def shared_statuses() -> StatusStore:
    """Return the one store that tests share which only read it."""
    return statuses()
