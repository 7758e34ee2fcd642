"""pymdoccbor: issues an mdoc, verifies the issuer's half of a DeviceResponse. And pycose, on which it stands.

The package reads the clock by itself: both of its modules that do so get a clock that stands still.
"""

import datetime
import logging
import sys
from types import SimpleNamespace
from typing import Any

import cbor2
import pymdoccbor.mso.issuer
import pymdoccbor.mso.verifier
from cryptography.x509 import load_pem_x509_certificate
from pycose.algorithms import HMAC256, EdDSA, Es256, Es384, Es512
from pycose.keys import CoseKey, EC2Key, OKPKey, SymmetricKey
from pycose.messages import CoseMessage, Mac0Message, Sign1Message
from pymdoccbor.mdoc.issuer import MdocCborIssuer
from pymdoccbor.mdoc.verifier import MdocCbor
from serve import serve

logging.disable()
_NOW = int(sys.argv[2])


class _Clock(datetime.datetime):
    @classmethod
    def utcnow(cls) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(_NOW, datetime.UTC).replace(tzinfo=None)

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(_NOW, tz)


pymdoccbor.mso.issuer.datetime = SimpleNamespace(datetime=_Clock, timedelta=datetime.timedelta)
pymdoccbor.mso.verifier.datetime = _Clock


def issue(
    type: str, claims: dict[str, dict[str, Any]], certificate: str, key: str, device_key: str, expiry: str
) -> str:
    """Return a DeviceResponse without deviceSigned, which is what the package calls an mdoc."""
    issuer = MdocCborIssuer(private_key=_key(key, Es256), alg="ES256")
    issuer.new(
        data=claims,
        doctype=type,
        validity={"issuance_date": "2000-01-01", "expiry_date": expiry},
        devicekeyinfo=_plain_key(device_key),
        x509_chain=[bytes.fromhex(certificate)],
    )
    return issuer.dump().hex()


def verify(response: str, roots: list[str]) -> dict[str, Any]:
    """Say whether it is valid, and what was read."""
    opened = MdocCbor()
    opened.loads(bytes.fromhex(response))
    valid = opened.verify([load_pem_x509_certificate(each.encode()) for each in roots])
    return {"valid": valid, "claims": opened.disclosure_map}


def sign1_sign(alg: str, key: str, headers: str, payload: str) -> str:
    """Return a tagged COSE_Sign1; `headers` is a CBOR array of the protected and the unprotected map."""
    return _signed(Sign1Message, _key(key, _ALGORITHMS[alg]), headers, payload)


def mac0(key: str, headers: str, payload: str) -> str:
    """Return a tagged COSE_Mac0."""
    return _signed(Mac0Message, SymmetricKey(bytes.fromhex(key), optional_params={"ALG": HMAC256}), headers, payload)


def sign1_verify(alg: str, key: str, message: str, payload: str | None) -> dict[str, Any]:
    """Verify a tagged COSE_Sign1, its payload detached if it is given here."""
    opened = CoseMessage.decode(bytes.fromhex(message))
    if payload is not None:
        opened.payload = bytes.fromhex(payload)
    opened.key = _key(key, _ALGORITHMS[alg])
    if not opened.verify_signature():
        raise ValueError("signature")
    return {"payload": opened.payload.hex()}


def encode_key(key: str) -> str:
    """Return a COSE_Key as the package writes it."""
    return _key(key, None).encode().hex()


def canonical(item: str) -> str:
    """Return an item as cbor2 of this environment writes it in its canonical mode."""
    return cbor2.dumps(cbor2.loads(bytes.fromhex(item)), canonical=True).hex()


_ALGORITHMS: dict[str, Any] = {"ES256": Es256, "ES384": Es384, "ES512": Es512, "EdDSA": EdDSA}


def _key(key: str, algorithm: Any) -> Any:
    # A COSE_Key with the secret, in CBOR.
    members = cbor2.loads(bytes.fromhex(key))
    made = CoseKey.from_dict(dict(members))
    assert isinstance(made, (EC2Key, OKPKey))
    if algorithm is not None:
        made.alg = algorithm
    return made


def _plain_key(key: str) -> dict[Any, Any]:
    return dict(cbor2.loads(bytes.fromhex(key)))


def _signed(kind: Any, key: Any, headers: str, payload: str) -> str:
    protected, unprotected = cbor2.loads(bytes.fromhex(headers))
    message = kind(phdr=dict(protected), uhdr=dict(unprotected), payload=bytes.fromhex(payload))
    message.key = key
    return message.encode().hex()


serve(issue, verify, sign1_sign, sign1_verify, mac0, encode_key, canonical)
