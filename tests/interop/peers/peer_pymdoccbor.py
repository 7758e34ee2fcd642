"""pymdoccbor: issues an mdoc, verifies the issuer's half of a DeviceResponse.

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
from pycose.algorithms import Es256
from pycose.keys import CoseKey
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
    signer = CoseKey.from_dict(_plain_key(key))
    signer.alg = Es256
    issuer = MdocCborIssuer(private_key=signer, alg="ES256")
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


def _plain_key(key: str) -> dict[Any, Any]:
    return dict(cbor2.loads(bytes.fromhex(key)))


serve(issue, verify)
