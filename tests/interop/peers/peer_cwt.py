"""python-cwt: COSE_Sign1, COSE_Mac0 and COSE_Key."""

from typing import Any

import cbor2
from cwt import COSE, COSEKey
from serve import serve


def sign1_sign(alg: int, key: str, headers: str, payload: str) -> str:
    """Return a tagged COSE_Sign1; `headers` is a CBOR array of the protected and the unprotected map."""
    protected, unprotected = cbor2.loads(bytes.fromhex(headers))
    made = COSE.new().encode_and_sign(bytes.fromhex(payload), _key(key, alg), protected, unprotected)
    assert isinstance(made, bytes)
    return made.hex()


def sign1_verify(alg: int, key: str, message: str, payload: str | None) -> dict[str, Any]:
    """Verify a tagged COSE_Sign1, its payload detached if it is given here."""
    detached = None if payload is None else bytes.fromhex(payload)
    _, _, read = COSE.new().decode_with_headers(bytes.fromhex(message), _key(key, alg), detached_payload=detached)
    return {"payload": read.hex()}


def mac0(key: str, headers: str, payload: str) -> str:
    """Return a tagged COSE_Mac0 by HMAC 256/256."""
    protected, unprotected = cbor2.loads(bytes.fromhex(headers))
    secret = COSEKey.from_symmetric_key(bytes.fromhex(key), alg="HMAC 256/256")
    made = COSE.new().encode_and_mac(bytes.fromhex(payload), secret, protected, unprotected)
    assert isinstance(made, bytes)
    return made.hex()


def encode_key(key: str) -> str:
    """Return a COSE_Key as the package writes it."""
    return cbor2.dumps(COSEKey.new(cbor2.loads(bytes.fromhex(key))).to_dict()).hex()


def _key(key: str, alg: int) -> Any:
    return COSEKey.new({**cbor2.loads(bytes.fromhex(key)), 3: alg})


serve(sign1_sign, sign1_verify, mac0, encode_key)
