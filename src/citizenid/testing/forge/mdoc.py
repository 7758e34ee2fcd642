"""Hostile mdocs, made by hand: every part of a DeviceResponse may be replaced by something no writer would write.

Nothing of the library's writers is used: `cbor2` writes what is plain, `cbor` the rest, `cryptography` signs. `make()`
alone is a good presentation of a good credential.

Spec: ISO/IEC 18013-5 8.3.2.1.2, 9.1.2, 9.1.3, annex B.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ... import ANY, Challenge, Format, KeyPurpose, NeedStatusList, TrustAnchors
from ...verifier import VerifiedPresentation
from ...verifier import verify as _verify
from .cbor import dump, embedded
from .mdoc_issuer import OURS, PID, cose_sign1, issuer_signed
from .mdoc_keys import key, pem, root
from .parts import ABSENT, ISSUER, NOW, Changes, changed
from .status_lists import shared_statuses

TYPES: Final = (
    PID,
    OURS,
    "org.iso.23220.photoid.1",
    "org.iso.23220.photoID.1",
    "org.iso.18013.5.1.mDL",
    "com.google.wallet.idcard.1",
)
ORIGIN: Final = "https://gateway.example"
NONCE: Final = "n-0S6_WzA2Mj-for-tests"


def handover(origin: str = ORIGIN, nonce: str = NONCE) -> list[Any]:
    """Return the SessionTranscript of OpenID4VP 1.0 over the DC API."""
    stated = hashlib.sha256(dump([origin, nonce, None])).digest()
    return [None, None, ["OpenID4VPDCAPIHandover", stated]]


def device_authentication(transcript: Any, doc_type: Any, name_spaces: bytes) -> bytes:
    """Return DeviceAuthenticationBytes."""
    return bytes(embedded(dump(["DeviceAuthentication", transcript, doc_type, embedded(name_spaces)])))


def mac_key(device: Any, reader_public: Any, transcript: Any) -> bytes:
    """Return EMacKey (9.1.3.5)."""
    shared = device.exchange(ec.ECDH(), reader_public)
    salt = hashlib.sha256(embedded(dump(transcript))).digest()
    return HKDF(hashes.SHA256(), 32, salt=salt, info=b"EMacKey").derive(shared)


def device_signed(
    *,
    doc_type: Any = PID,
    transcript: Any = None,
    device: Any = None,
    content: bytes = b"\xa0",
    protected: Any = None,
    unprotected: Any = None,
    attached: Any = None,
    reader_public: Any = None,
    sign_with: Callable[[bytes], bytes] | None = None,
    signed_content: bytes | None = None,
    members: Changes | None = None,
    auth: Any = ABSENT,
) -> dict[Any, Any]:
    """Make a DeviceSigned: a MAC if there is a reader's public key, otherwise a signature.

    Args:
        doc_type: that is signed.
        transcript: that is signed.
        device: the device's private key.
        content: DeviceNameSpaces, CBOR.
        protected: header.
        unprotected: header.
        attached: what stands in the place of the payload.
        reader_public: the reader's key, for a MAC.
        sign_with: makes the signature.
        signed_content: DeviceNameSpaces as it is signed, if it differs.
        members: changes to DeviceSigned.
        auth: what stands in deviceAuth instead.
    """
    device = device or key("device")
    transcript = handover() if transcript is None else transcript
    payload = device_authentication(transcript, doc_type, content if signed_content is None else signed_content)
    sent = None if attached is None else payload if attached is True else attached
    if reader_public is None:
        message = cose_sign1(
            payload, device, protected=protected, unprotected=unprotected, sent=sent, sign_with=sign_with
        )
        made = {"deviceSignature": message}
    else:
        secret = mac_key(device, reader_public, transcript)

        def tag(data: bytes) -> bytes:
            return hmac.new(secret, data, hashlib.sha256).digest()

        message = cose_sign1(
            payload,
            device,
            protected={1: 5} if protected is None else protected,
            unprotected=unprotected,
            sent=sent,
            sign_with=sign_with or tag,
            context="MAC0",
        )
        made = {"deviceMac": message}
    good = {"nameSpaces": embedded(content), "deviceAuth": made if auth is ABSENT else auth}
    return dict(changed(good, members))


def document(
    issuer: Mapping[Any, Any] | None = None,
    device: Any = None,
    changes: Changes | None = None,
    *,
    doc_type: str = PID,
) -> dict[Any, Any]:
    """Make a Document of its halves."""
    good = {
        "docType": doc_type,
        "issuerSigned": issuer_signed(doc_type=doc_type) if issuer is None else issuer,
        "deviceSigned": device_signed(doc_type=doc_type) if device is None else device,
    }
    return dict(changed(good, changes))


def response(*documents: Any, changes: Changes | None = None) -> bytes:
    """Make a DeviceResponse."""
    return dump(changed({"version": "1.0", "documents": list(documents), "status": 0}, changes))


def make(
    elements: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    doc_type: str = PID,
    device: Mapping[str, Any] | None = None,
    document_changes: Changes | None = None,
    response_changes: Changes | None = None,
    **issuer: Any,
) -> bytes:
    """Make a DeviceResponse of one document. Without arguments it is a good one.

    Args:
        elements: namespace to element to value.
        doc_type: everywhere.
        device: arguments for `device_signed`.
        document_changes: changes to the Document.
        response_changes: changes to the DeviceResponse.
        issuer: arguments for `issuer_signed`.
    """
    made = document(
        issuer_signed(elements, **{"doc_type": doc_type, **issuer}),
        device_signed(**{"doc_type": doc_type, **(device or {})}),
        document_changes,
        doc_type=doc_type,
    )
    return response(made, changes=response_changes)


def anchors_for(
    certificates: bytes | None = None, *, types: Iterable[str] = TYPES, countries: Any = ANY, **further: Any
) -> TrustAnchors:
    """Trust document signers under a root."""
    return TrustAnchors.from_certificates(
        pem(root()) if certificates is None else certificates,
        issuer=ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=(Format.MDOC,),
        types=types,
        countries=countries,
        **further,
    )


@cache
def anchors() -> TrustAnchors:
    """Trust the signer of `make()` for every country."""
    return anchors_for()


def challenge(**changes: Any) -> Challenge:
    """Return the challenge that `make()` answers."""
    return Challenge.dc_api(**{"origin": ORIGIN, "nonce": NONCE, **changes})


def arguments(**changes: Any) -> dict[str, Any]:
    """Return the arguments of a verification in the world of this file."""
    good: dict[str, Any] = {
        "format": Format.MDOC,
        "anchors": anchors(),
        "challenge": challenge(),
        "statuses": shared_statuses(),
        "now": NOW,
    }
    return good | changes


def verify(data: Any, **changes: Any) -> VerifiedPresentation | NeedStatusList:
    """Verify in the world of this file; any argument may be replaced."""
    return _verify(data, **arguments(**changes))
