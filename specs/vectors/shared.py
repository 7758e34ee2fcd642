"""What the generators share: names and times, keys made from their names, tokens in JSON, verdicts."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

NOW: Final = 1_800_000_000
DAY: Final = 86_400
ISSUER: Final = "https://id.example"
AUDIENCE: Final = "https://gateway.example"
NONCE: Final = "n-0S6_WzA2Mj-vectors"
VCT: Final = "urn:citizenid:citizenship:1"
LIST_URI: Final = "https://id.example/status/1"
LIST_TYPE: Final = "application/statuslist+jwt"
VALID, REVOKED, SUSPENDED, OTHER = 3, 4, 5, 6  # what the list says at these indices
ABSENT: Final = object()
"""In place of a value: the member is left out."""


# --- bytes ---


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def segment(value: Any) -> str:
    return b64(value if isinstance(value, bytes) else dump(value))


def changed(good: Mapping[str, Any], changes: Mapping[str, Any] | bytes | None) -> Any:
    if isinstance(changes, bytes):
        return changes
    merged = {**good, **(changes or {})}
    return {name: value for name, value in merged.items() if value is not ABSENT}


# --- keys ---

CURVES: Final[dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm, str, int]]] = {
    "ES256": (ec.SECP256R1(), hashes.SHA256(), "P-256", 1),
    "ES384": (ec.SECP384R1(), hashes.SHA384(), "P-384", 2),
    "ESB256": (ec.BrainpoolP256R1(), hashes.SHA256(), "brainpoolP256r1", 256),
}
ORDERS: Final = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D,
    "ESB256": 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
}


class Key:
    """A key made from its name, so that everybody has the same one. Good for vectors and for nothing else.

    All signatures are deterministic: EdDSA (RFC 8032), and ECDSA with the nonce of RFC 6979.
    """

    def __init__(self, name: str, algorithm: str = "Ed25519") -> None:
        self.name, self.algorithm = name, algorithm
        label = f"citizenid/specs/vectors/1/{algorithm}/{name}".encode()
        self.private: Any
        if algorithm in CURVES:
            curve, _, name, number = CURVES[algorithm]
            self.size = (curve.key_size + 7) // 8
            seed = (hashlib.sha256 if self.size == 32 else hashlib.sha384)(label).digest()
            scalar = int.from_bytes(seed, "big") % (ORDERS[algorithm] - 1) + 1
            self.private = ec.derive_private_key(scalar, curve)
            numbers = self.private.public_key().public_numbers()
            x, y = (each.to_bytes(self.size, "big") for each in (numbers.x, numbers.y))
            self.jwk = {"crv": name, "kty": "EC", "x": b64(x), "y": b64(y)}
            self.cose: dict[int, Any] = {1: 2, -1: number, -2: x, -3: y}
            self.secret = b64(scalar.to_bytes(self.size, "big"))
        else:
            edwards: Any = ed25519.Ed25519PrivateKey if algorithm == "Ed25519" else ed448.Ed448PrivateKey
            seed = hashlib.sha256(label).digest() if algorithm == "Ed25519" else hashlib.sha512(label).digest()[:57]
            self.private = edwards.from_private_bytes(seed)
            x = self.private.public_key().public_bytes_raw()
            self.jwk = {"crv": algorithm, "kty": "OKP", "x": b64(x)}
            self.cose = {1: 1, -1: 6 if algorithm == "Ed25519" else 7, -2: x}
            self.secret = b64(seed)

    def sign(self, data: bytes) -> bytes:
        if self.algorithm not in CURVES:
            signature: bytes = self.private.sign(data)
            return signature
        scheme = ec.ECDSA(CURVES[self.algorithm][1], deterministic_signing=True)
        r, s = decode_dss_signature(self.private.sign(data, scheme))
        return r.to_bytes(self.size, "big") + s.to_bytes(self.size, "big")

    @property
    def thumbprint(self) -> bytes:
        return hashlib.sha256(dump(dict(sorted(self.jwk.items())))).digest()

    def to_json(self) -> dict[str, str]:
        return {**self.jwk, "d": self.secret}


ISSUER_KEY: Final = Key("issuer")
HOLDER: Final = Key("holder")
STATUS_KEY: Final = Key("status")
STRANGER: Final = Key("stranger")
SENDER: Final = Key("sender")
ISSUER_P256: Final = Key("issuer", "ES256")
HOLDER_P256: Final = Key("holder", "ES256")
SENDER_P256: Final = Key("sender", "ES256")
KEYS: Final = (ISSUER_KEY, HOLDER, STATUS_KEY, STRANGER, SENDER, ISSUER_P256, HOLDER_P256, SENDER_P256)


# --- tokens ---


def jws(header: Any, payload: Any, key: Key) -> str:
    signed = f"{segment(header)}.{segment(payload)}"
    return f"{signed}.{b64(key.sign(signed.encode()))}"


def status_claim(index: Any, uri: Any = LIST_URI) -> dict[str, Any]:
    return {"status_list": {"idx": index, "uri": uri}}


def packed(values: Mapping[int, int], bits: int, size: int) -> bytes:
    made = bytearray(size * bits // 8)
    for index, value in values.items():
        made[index * bits // 8] |= value << index * bits % 8
    return bytes(made)


def lst(data: bytes) -> str:
    # Level 0 stores: every zlib writes the same bytes, which none of the others promises.
    return b64(zlib.compress(data, 0))


def status_list(
    payload: Mapping[str, Any] | bytes | None = None,
    header: Mapping[str, Any] | bytes | None = None,
    *,
    values: Mapping[int, int] | None = None,
    bits: int = 4,
    size: int = 16,
    key: Key = STATUS_KEY,
) -> str:
    told = {REVOKED: 1, SUSPENDED: 2, OTHER: 3} if values is None else values
    good = {
        "sub": LIST_URI,
        "iat": NOW - 10,
        "exp": NOW + DAY,
        "ttl": 43_200,
        "status_list": {"bits": bits, "lst": lst(packed(told, bits, size))},
    }
    return jws(
        changed({"alg": key.algorithm, "typ": "statuslist+jwt", "kid": "s1"}, header), changed(good, payload), key
    )


BITS_URI: Final = "https://id.example/bits/1"
SUSPENSIONS_URI: Final = "https://id.example/bits/2"
BITS_TYPE: Final = "application/vc+jwt"
# Lists of the W3C, compressed once: no two versions of zlib need to write the same bytes. Of 131,072 entries, of which
# REVOKED and the last one are set, or none; of eight entries less; and in the other container.
BITS: Final = "uH4sIAAAAAAACA-3BMQEAAAwCoPmtf2Jj-AB_AAAAAAAAAAAAAAAAAAAAwFgKbrr86wBAAAA"
EMPTY_BITS: Final = "uH4sIAAAAAAACA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA"
SHORT_BITS: Final = "uH4sIAAAAAAACA-3BIQEAAAACIKP_FzvDAjQAAAAAAAAAAAAAAAAAAADA2QDiIeb9_z8AAA"
ZLIB_BITS: Final = "ueNrtwSEBAAAAAiCj_xc7wwI0AAAAAAAAAAAAAAAAAAAAwNsAQB4ACQ"


def bitstring(changes: Mapping[str, Any] | None = None, header: Mapping[str, Any] | None = None, **subject: Any) -> str:
    good = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": BITS_URI,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": ISSUER,
        "validFrom": "2027-01-15T07:59:50Z",  # ten seconds before NOW
        "validUntil": "2027-01-16T08:00:00Z",
        "credentialSubject": changed(
            {"type": "BitstringStatusList", "statusPurpose": "revocation", "encodedList": BITS, "ttl": 43_200_000},
            subject,
        ),
    }
    head = {"alg": STATUS_KEY.algorithm, "typ": "vc+jwt", "kid": "s1"}
    return jws(changed(head, header), changed(good, changes), STATUS_KEY)


def entry(index: Any, purpose: Any = "revocation", uri: Any = BITS_URI, **more: Any) -> dict[str, Any]:
    good = {"type": "BitstringStatusListEntry", "statusPurpose": purpose, "statusListIndex": index}
    return changed({**good, "statusListCredential": uri}, more)


LISTS: Final = {"list": {"uri": LIST_URI, "media_type": LIST_TYPE, "fetched_at": NOW, "token": status_list()}}


# --- verdicts ---


def refused(step: str, reason: str) -> dict[str, str]:
    return {"reason": reason, "step": step}


def need(reason: str, uri: str = LIST_URI) -> dict[str, str]:
    return {"need_status_list": uri, "reason": reason}


def jwks(*keys: tuple[Key, str | None]) -> dict[str, Any]:
    return {"keys": [key.jwk if kid is None else {**key.jwk, "kid": kid} for key, kid in keys]}
