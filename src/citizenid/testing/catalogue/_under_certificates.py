"""A credential whose status counts by a list under one certificate alone.

Spec: ISO/IEC 18013-5 second edition 12.3.6; specs/profile-status-list.md; specs/verification.md V9.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from cryptography import x509

from ... import KeyPurpose, Reason, TrustAnchors
from ...status import StatusStore
from ..forge.certificates import der, local_key, pem
from ..forge.mdoc_keys import key, root
from ..forge.parts import ABSENT, ISSUER, VALID_INDEX
from ..forge.status_lists import status_token
from ..forgery import Forgery
from ..trials import Trial, accepted, refused
from ._chains import authority, leaf
from ._statuses import at, ingested


def _store(*chain: x509.Certificate, above: x509.Certificate) -> StatusStore:
    x5c = [base64.b64encode(each).decode() for each in der(*chain)]
    token = status_token({}, header={"kid": ABSENT, "x5c": x5c}, signer=local_key(key("signer")))
    trusted = TrustAnchors.from_certificates(pem(above), issuer=ISSUER, purpose=KeyPurpose.STATUS_LIST)
    return ingested(token, anchors=trusted)


def lists_under_a_certificate() -> Iterator[Trial]:
    """The list is signed below another certificate than the one that the credential names."""
    other = authority("Other")
    held = _store(leaf(purposes=None), above=root())
    foreign = _store(leaf(issuer="Other", purposes=None), above=other)
    away = Reason.STATUS_LIST_UNAVAILABLE
    yield accepted("mdoc, no certificate is named", at(VALID_INDEX)["mdoc"], statuses=held)
    yield accepted("mdoc, by the certificate it names", _naming(root()), statuses=held)
    yield refused("mdoc, by another certificate", away, _naming(root()), step="V9", statuses=foreign)
    yield refused("mdoc, it names another certificate", away, _naming(other), step="V9", statuses=held)
    yield refused("mdoc, by a key", away, _naming(root()), step="V9", statuses=ingested(status_token({})))


def _naming(certificate: x509.Certificate) -> Forgery:
    return at(VALID_INDEX, certificate=der(certificate)[0])["mdoc"]
