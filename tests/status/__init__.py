"""Builders of the status list tests: slow packing, and tokens made by hand.

Their rule is that of `builders`: nothing here uses our packing, our base64url, our JSON or our writers, so that what no
token should say can be said, and so that reading and writing are not judged by themselves.
Spec: Token Status List sections 4.1, 4.2 and 5.1.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import builders
import cbor2
from builders import ABSENT, NOW, changed, jws, segment
from builders import unbase64url as unsegment

from citizenid import KeyPurpose, LocalKey, StatusKind, StatusReference, TrustAnchors

__all__ = ["ABSENT", "NOW", "segment", "unsegment"]

URI = "https://issuer.example/status/1"
ISSUER = "https://issuer.example"
OTHER_ISSUER = "https://other.example"
MEDIA_TYPE = "application/statuslist+jwt"
IDENTIFIERS = "application/identifierlist+cwt"
DAY = 86_400
# One of each: index 0 valid, 1 revoked, 2 suspended, 3 application specific. With two bits each that is one byte.
VALUES = (0, 1, 2, 3)


def key(name: str = "signer", algorithm: str = "ES256") -> LocalKey:
    """The key of this name, the same in every test."""
    return builders.key(name, algorithm)


def anchors(
    label: str = ISSUER, name: str = "signer", algorithm: str = "ES256", kid: str | None = None
) -> TrustAnchors:
    """Trust the key `name` for status lists of `label`, under `kid` (the key's name without one)."""
    jwk = {**key(name, algorithm).public.to_jwk(), "kid": name if kid is None else kid}
    return TrustAnchors.from_jwks(label, {"keys": [jwk]}, purpose=KeyPurpose.STATUS_LIST)


def slow_pack(bits: int, values: Sequence[int]) -> bytes:
    """Pack bit by bit, as section 4.1 says: index after index, in each byte from the least significant bit upwards."""
    packed = bytearray((len(values) * bits + 7) // 8)
    for index, value in enumerate(values):
        for bit in range(bits):
            position = index * bits + bit
            if value >> bit & 1:
                packed[position // 8] |= 1 << position % 8
    return bytes(packed)


def slow_read(bits: int, packed: bytes, index: int) -> int:
    """Read one value another way: the whole list as one little-endian number, and its digits in base 2**bits."""
    return int.from_bytes(packed, "little") >> index * bits & (1 << bits) - 1


def lst(packed: bytes, level: int = 9) -> str:
    """The `lst` member of a packed list."""
    return segment(zlib.compress(packed, level)).decode()


def status_list(bits: int = 2, values: Sequence[int] = VALUES, **changes: Any) -> Any:
    """The `status_list` claim; a change to ABSENT leaves a member out."""
    return changed({"bits": bits, "lst": lst(slow_pack(bits, values))}, changes)


def claims(**changes: Any) -> Any:
    """The claims of a good token; a change to ABSENT leaves a claim out."""
    good = {"sub": URI, "iat": NOW, "exp": NOW + DAY, "ttl": 3_600, "status_list": status_list()}
    return changed(good, changes)


def header(**changes: Any) -> Any:
    """The header of a good token; a change to ABSENT leaves a parameter out."""
    return changed({"alg": "ES256", "typ": "statuslist+jwt", "kid": "signer"}, changes)


def token(payload: Any = None, head: Any = None, *, signer: LocalKey | None = None) -> bytes:
    """A signed token over any header and any payload: JSON values, or bytes as they are."""
    return jws(
        header() if head is None else head,
        claims() if payload is None else payload,
        key() if signer is None else signer,
    )


def zero_bomb(mebibytes: int) -> bytes:
    """A zlib stream of that many MiB of zeros, without making them: one flushed block, over and over."""
    block_maker = zlib.compressobj(9)
    first = block_maker.compress(bytes(2**20)) + block_maker.flush(zlib.Z_FULL_FLUSH)
    again = block_maker.compress(bytes(2**20)) + block_maker.flush(zlib.Z_FULL_FLUSH)
    # Adler-32 of n zeros: the first sum stays 1, the second counts n modulo 65521 (RFC 1950 section 8.2).
    checksum = (mebibytes * 2**20 % 65_521 << 16 | 1).to_bytes(4, "big")
    return first + again * (mebibytes - 1) + b"\x03\x00" + checksum


def listing(*revoked: bytes, iat: int = NOW, uri: str = URI, signer: str = "signer") -> bytes:
    """An identifier list of these, by hand."""
    claims = {2: uri, 4: NOW + 86_400, 6: iat, 65534: 3_600, 65530: {"identifiers": {each: {} for each in revoked}}}
    protected, payload = cbor2.dumps({1: -7, 4: signer.encode(), 16: IDENTIFIERS}), cbor2.dumps(claims)
    signature = key(signer).sign(cbor2.dumps(["Signature1", protected, b"", payload]))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))


def named(identifier: bytes, uri: str = URI, certificate: bytes | None = None) -> StatusReference:
    return StatusReference(uri, None, StatusKind.IDENTIFIER_LIST, identifier, certificate)
