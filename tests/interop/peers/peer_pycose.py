"""pycose: COSE_Sign1, COSE_Mac0 and COSE_Key."""

from typing import Any

import cbor2
from pycose.algorithms import HMAC256, EdDSA, Es256, Es384, Es512
from pycose.keys import CoseKey, SymmetricKey
from pycose.messages import CoseMessage, Mac0Message, Sign1Message
from serve import serve


def sign1_sign(alg: int, key: str, headers: str, payload: str) -> str:
    """Return a tagged COSE_Sign1; `headers` is a CBOR array of the protected and the unprotected map."""
    return _signed(Sign1Message, _key(key, _ALGORITHMS.get(alg)), headers, payload)


def mac0(key: str, headers: str, payload: str) -> str:
    """Return a tagged COSE_Mac0."""
    return _signed(Mac0Message, SymmetricKey(bytes.fromhex(key), optional_params={"ALG": HMAC256}), headers, payload)


def sign1_verify(alg: int, key: str, message: str, payload: str | None) -> dict[str, Any]:
    """Verify a tagged COSE_Sign1, its payload detached if it is given here."""
    opened = CoseMessage.decode(bytes.fromhex(message))
    if payload is not None:
        opened.payload = bytes.fromhex(payload)
    opened.key = _key(key, _ALGORITHMS.get(alg))
    if not opened.verify_signature():
        raise ValueError("signature")
    return {"payload": opened.payload.hex()}


def encode_key(key: str) -> str:
    """Return a COSE_Key as the package writes it."""
    return _key(key, None).encode().hex()


_ALGORITHMS: dict[int, Any] = {-7: Es256, -35: Es384, -36: Es512, -8: EdDSA}  # it knows no -9, -51, -52 and -19


def _key(key: str, algorithm: Any) -> Any:
    made = CoseKey.from_dict(cbor2.loads(bytes.fromhex(key)))
    if algorithm is not None:
        made.alg = algorithm
    return made


def _signed(kind: Any, key: Any, headers: str, payload: str) -> str:
    protected, unprotected = cbor2.loads(bytes.fromhex(headers))
    message = kind(phdr=protected, uhdr=unprotected, payload=bytes.fromhex(payload))
    message.key = key
    encoded: bytes = message.encode()
    return encoded.hex()


serve(sign1_sign, sign1_verify, mac0, encode_key)
