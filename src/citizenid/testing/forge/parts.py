"""What all hand-made objects are made of: one time, one cast of keys, and JSON that nobody has looked at.

Keys are random and the same in the whole process; everything else is fixed. Nothing here uses a writer or a codec of
the library: what is put together from these parts may be what no writer would write.

Spec: RFC 7515 section 7.1; RFC 4648 section 5.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from ... import LocalKey

NOW: Final = 1_800_000_000
ISSUER: Final = "https://id.example"
AUDIENCE: Final = "https://gateway.example"
NONCE: Final = "n-0S6_WzA2Mj-for-tests"
VCT: Final = "urn:citizenid:citizenship:1"
STATUS_URI: Final = "https://id.example/status/1"
STATUS_MEDIA_TYPE: Final = "application/statuslist+jwt"
# What the list of `statuses()` says at these indices; every other index is valid.
VALID_INDEX: Final = 7
REVOKED_INDEX: Final = 8
SUSPENDED_INDEX: Final = 9
OTHER_INDEX: Final = 10
STATUS_SIZE: Final = 64


class Encoded(NamedTuple):
    """A segment of a JWS that goes in as it is spelt here: what is signed is this spelling."""

    text: bytes


Changes = Mapping[Any, Any] | bytes | Encoded
"""Members to set over the good ones, `ABSENT` to leave one out; or the bytes that stand in their place."""


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


def key(name: str, algorithm: str = "ES256") -> LocalKey:
    """Return the key of this name and algorithm, the same in the whole run."""
    return _key(name, algorithm)


@cache
def _key(name: str, algorithm: str) -> LocalKey:
    return LocalKey.generate(algorithm)


def base64url(data: bytes) -> bytes:
    """Encode as unpadded base64url, with the standard library."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def unbase64url(text: bytes | str) -> bytes:
    """Decode unpadded base64url, with the standard library."""
    raw = text.encode("ascii") if isinstance(text, str) else text
    return base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))


def dump(value: Any) -> bytes:
    """Write JSON, with the standard library."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def segment(value: Any) -> bytes:
    """Encode a segment: bytes as they are, anything else as JSON; `Encoded` is encoded already."""
    if isinstance(value, Encoded):
        return value.text
    return base64url(value if isinstance(value, bytes) else dump(value))


def changed(good: Mapping[Any, Any], changes: Changes | None) -> Any:
    """Apply `Changes` to good members; None changes nothing."""
    if isinstance(changes, bytes | Encoded):
        return changes
    merged = {**good, **(changes or {})}
    return {name: value for name, value in merged.items() if value is not ABSENT}


def jws(header: Any, payload: Any, signer: LocalKey, sign: Callable[[bytes], bytes] | None = None) -> bytes:
    """Sign a compact JWS over any header and payload; `sign` may return what no honest signer would."""
    to_be_signed = segment(header) + b"." + segment(payload)
    return to_be_signed + b"." + base64url((sign or signer.sign)(to_be_signed))
