"""isomdoc: issues an mdoc; verifies a DeviceResponse with its device signature, and no certificate path."""

from datetime import UTC, datetime
from typing import Any

import cbor2
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_der_x509_certificate
from isomdoc import create_mdoc, verify_device_response
from serve import serve


def issue(
    type: str, claims: dict[str, dict[str, Any]], certificate: str, key: str, device_key: str, validity: list[int]
) -> str:
    """Return an IssuerSigned."""
    made = create_mdoc(
        type, [load_der_x509_certificate(bytes.fromhex(certificate))], load_pem_private_key(key.encode(), None)
    )
    for namespace, elements in claims.items():
        for name, value in elements.items():
            made.add_data_item(namespace, name, value)
    times = (datetime.fromtimestamp(each, UTC) for each in validity)
    return made.generate_credential(load_pem_public_key(device_key.encode()), *times).hex()


def verify(response: str, transcript: str) -> list[dict[str, Any]]:
    """Verify against a SessionTranscript, and return what it read."""
    verified = verify_device_response(bytes.fromhex(response), cbor2.loads(bytes.fromhex(transcript)))
    return [
        {
            "type": document.doctype,
            "claims": {
                namespace: {item.element_identifier: item.element_value for item in items}
                for namespace, items in document.issuer_signed.namespaces.items()
            },
        }
        for document in verified.documents
    ]


def canonical(item: str) -> str:
    """Return an item as cbor2 of this environment writes it in its canonical mode."""
    return cbor2.dumps(cbor2.loads(bytes.fromhex(item)), canonical=True).hex()


serve(issue, verify, canonical)
