"""Hostile mdocs, made by hand: every part of a DeviceResponse may be replaced by something no writer would write.

Nothing of the library's writers is used: `cbor2` writes what is plain, this file the rest, `cryptography` signs. Keys
are random; everything else is fixed. `make()` alone is a good presentation of a good credential.

Spec: ISO/IEC 18013-5 8.3.2.1.2, 9.1.2, 9.1.3, annex B.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import cbor2
from cbor2 import CBORTag
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID

from citizenid import ANY, Challenge, CitizenIDError, Format, KeyPurpose, NeedStatusList, Reason, TrustAnchors
from citizenid import verifier as _verifier
from tests.builders import ABSENT, ISSUER, NOW, Changes, changed, raises, shared_statuses

PID: Final = "eu.europa.ec.eudi.pid.1"  # docType and namespace of the EU PID
OURS: Final = "org.citizenid.citizenship.1"
PHOTO_ID: Final = "org.iso.23220.1"
MDL: Final = "org.iso.18013.5.1"
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
ELEMENTS: Final = {PID: {"nationality": ["US"], "family_name": "Muster"}}
HASHES: Final = {"SHA-256": hashlib.sha256, "SHA-384": hashlib.sha384, "SHA-512": hashlib.sha512}
DOCUMENT_SIGNER: Final = "1.0.18013.5.1.2"

# name: (curve or None, COSE algorithm, hash, bytes of a coordinate, COSE kty, COSE crv)
_CURVES: Final[dict[str, tuple[Any, int, Any, int, int, int]]] = {
    "P-256": (ec.SECP256R1(), -7, hashes.SHA256(), 32, 2, 1),
    "P-384": (ec.SECP384R1(), -35, hashes.SHA384(), 48, 2, 2),
    "P-521": (ec.SECP521R1(), -36, hashes.SHA512(), 66, 2, 3),
    "brainpoolP256r1": (ec.BrainpoolP256R1(), -7, hashes.SHA256(), 32, 2, 256),
    "brainpoolP384r1": (ec.BrainpoolP384R1(), -35, hashes.SHA384(), 48, 2, 258),
    "brainpoolP512r1": (ec.BrainpoolP512R1(), -36, hashes.SHA512(), 64, 2, 259),
    "Ed25519": (None, -8, None, 32, 1, 6),
    "Ed448": (None, -8, None, 57, 1, 7),
}
CURVES: Final = tuple(_CURVES)


class Raw(bytes):
    """CBOR that goes in as it is."""


class Pairs(list[tuple[Any, Any]]):
    """A map by its pairs: keys may stand in it twice."""


def dump(value: Any) -> bytes:
    """Write CBOR in the order given; `Raw` and `Pairs` may stand anywhere in it."""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Pairs):
        return head(5, len(value)) + b"".join(dump(key) + dump(item) for key, item in value)
    if isinstance(value, Mapping):
        return dump(Pairs(value.items()))
    if isinstance(value, list | tuple):
        return head(4, len(value)) + b"".join(map(dump, value))
    if isinstance(value, CBORTag):
        return head(6, value.tag) + dump(value.value)
    return cbor2.dumps(value)


def head(major: int, count: int) -> bytes:
    """Write the head of an item in its shortest form."""
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if count < 24:
            return bytes((major << 5 | count,))
        if count < 1 << 8 * width:
            return bytes((major << 5 | info,)) + count.to_bytes(width, "big")
    raise ValueError


def embedded(content: bytes) -> Raw:
    """Write `#6.24(bstr)` around CBOR."""
    return Raw(b"\xd8\x18" + head(2, len(content)) + content)


def date_time(moment: int) -> CBORTag:
    """Write a tdate."""
    return CBORTag(0, datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


# --- keys, signatures, certificates ---


def key(name: str, curve: str = "P-256") -> Any:
    """Return the private key of this name and curve, the same in the whole run."""
    return _key(name, curve)


@cache
def _key(name: str, curve: str) -> Any:
    if curve == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if curve == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(_CURVES[curve][0])


def curve_of(private: Any) -> str:
    """Return the name of a key's curve."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "Ed25519"
    if isinstance(private, ed448.Ed448PrivateKey):
        return "Ed448"
    return next(name for name, row in _CURVES.items() if row[0] is not None and row[0].name == private.curve.name)


def algorithm_of(private: Any) -> int:
    """Return the number that ISO/IEC 18013-5 table 22 has for a key."""
    return _CURVES[curve_of(private)][1]


def sign(private: Any, data: bytes) -> bytes:
    """Sign: r || s, or what EdDSA makes."""
    curve, _, hash_, size, _, _ = _CURVES[curve_of(private)]
    if curve is None:
        return private.sign(data)  # type: ignore[no-any-return]  # keys of several kinds
    r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hash_)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def cose_key(private: Any) -> dict[int, Any]:
    """Return the public half as a COSE_Key."""
    curve, _, _, size, kty, crv = _CURVES[curve_of(private)]
    if curve is None:
        return {1: kty, -1: crv, -2: private.public_key().public_bytes_raw()}
    numbers = private.public_key().public_numbers()
    return {1: kty, -1: crv, -2: numbers.x.to_bytes(size, "big"), -3: numbers.y.to_bytes(size, "big")}


def certificate(
    subject: str,
    issuer: str,
    private: Any,
    signer: Any,
    *,
    authority: bool = False,
    country: str = "UT",
    not_before: int = NOW - 30 * 86_400,
    not_after: int = NOW + 300 * 86_400,
    purpose: str | None = DOCUMENT_SIGNER,
) -> x509.Certificate:
    """Make a certificate by annex B of ISO/IEC 18013-5; `not_after` is inclusive, as in X.509."""
    bits = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    usage = x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, decipher_only=False, **bits
    )

    def name(common: str, country: str = "UT") -> x509.Name:
        return x509.Name(
            [x509.NameAttribute(NameOID.COUNTRY_NAME, country), x509.NameAttribute(NameOID.COMMON_NAME, common)]
        )

    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject, country))
        .issuer_name(name(issuer))
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime.fromtimestamp(not_before, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(not_after, datetime.UTC))
        .add_extension(usage, critical=True)
    )
    if authority:
        made = made.add_extension(x509.BasicConstraints(True, 0), critical=True)
    elif purpose is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose)]), critical=True)
    return made.sign(signer, hashes.SHA256())


@cache
def root() -> x509.Certificate:
    """Return the certificate of the one IACA that is trusted."""
    return certificate("IACA", "IACA", key("IACA"), key("IACA"), authority=True)


def signer_certificate(
    curve: str = "P-256", not_before: int = NOW - 30 * 86_400, not_after: int = NOW + 300 * 86_400
) -> bytes:
    """Return a document signer's certificate under the trusted IACA, DER."""
    return _signer_certificate(curve, not_before, not_after)


@cache
def _signer_certificate(curve: str, not_before: int, not_after: int) -> bytes:
    made = certificate("DS", "IACA", key("signer", curve), key("IACA"), not_before=not_before, not_after=not_after)
    return made.public_bytes(serialization.Encoding.DER)


def pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates in PEM."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


# --- the issuer's half ---


def item(number: Any, name: Any, value: Any, changes: Changes | None = None) -> bytes:
    """Write the content of an IssuerSignedItemBytes."""
    good = {
        "digestID": number,
        "random": hashlib.sha256(repr((number, name)).encode()).digest(),
        "elementIdentifier": name,
        "elementValue": value,
    }
    made = changed(good, changes)
    return made if isinstance(made, bytes) else dump(made)


def items_of(elements: Mapping[str, Mapping[str, Any]]) -> dict[str, list[bytes]]:
    """Write an item for each element, digestIDs from 0 upwards in each namespace."""
    return {
        namespace: [item(number, name, value) for number, (name, value) in enumerate(values.items())]
        for namespace, values in elements.items()
    }


def digest(content: bytes, algorithm: str = "SHA-256") -> bytes:
    """Return the digest of an item, tag and head included."""
    return HASHES[algorithm](embedded(content)).digest()


def digests_of(items: Mapping[str, Sequence[bytes]], algorithm: str = "SHA-256") -> dict[str, dict[Any, bytes]]:
    """Return valueDigests for these items, under the digestIDs that they state, or their positions."""
    digests: dict[str, dict[Any, bytes]] = {}
    for namespace, contents in items.items():
        by_id = digests.setdefault(namespace, {})
        for position, content in enumerate(contents):
            by_id[_number(content, position)] = digest(content, algorithm)
    return digests


def _number(content: bytes, position: int) -> Any:
    try:
        number = cbor2.loads(content)["digestID"]
    except Exception:  # hostile content has no number: its place serves
        return position
    return number if type(number) is int else position


def good_mso(digests: Any, doc_type: str = PID, algorithm: str = "SHA-256") -> dict[str, Any]:
    """Return the members of a good MobileSecurityObject: twelve hours valid, so that it needs no status."""
    return {
        "version": "1.0",
        "digestAlgorithm": algorithm,
        "valueDigests": digests,
        "deviceKeyInfo": {"deviceKey": cose_key(key("device"))},
        "docType": doc_type,
        "validityInfo": {
            "signed": date_time(NOW - 60),
            "validFrom": date_time(NOW - 60),
            "validUntil": date_time(NOW + 43_200),
        },
    }


def cose_sign1(
    payload: bytes,
    private: Any,
    *,
    protected: Any = None,
    unprotected: Any = None,
    sent: Any = ABSENT,
    sign_with: Callable[[bytes], bytes] | None = None,
    context: str = "Signature1",
) -> list[Any]:
    """Sign a COSE_Sign1 and return its array.

    Args:
        payload: what is signed.
        private: the key.
        protected: the header, or its bytes.
        unprotected: the other header.
        sent: what stands in the place of the payload; the payload itself by default.
        sign_with: what makes the signature, in place of the key.
        context: of the Sig_structure.
    """
    payload = bytes(payload)  # a byte string, whatever it was made of
    protected = {1: algorithm_of(private)} if protected is None else protected
    header = protected if isinstance(protected, bytes) else dump(protected)
    data = dump([context, b"" if header == b"\xa0" else header, b"", payload])
    signature = sign_with(data) if sign_with is not None else sign(private, data)
    return [header, {} if unprotected is None else unprotected, payload if sent is ABSENT else sent, signature]


def issuer_auth(
    mso: Any,
    *,
    signer: Any = None,
    chain: Any = ABSENT,
    protected: Any = None,
    unprotected: Changes | None = None,
    payload: bytes | None = None,
    sent: Any = ABSENT,
    sign_with: Callable[[bytes], bytes] | None = None,
) -> list[Any]:
    """Sign an MSO; `payload` replaces `#6.24(bstr .cbor MSO)`."""
    signer = signer or key("signer")
    if chain is ABSENT:
        chain = signer_certificate(curve_of(signer))
    return cose_sign1(
        embedded(dump(mso)) if payload is None else payload,
        signer,
        protected=protected,
        unprotected=changed({33: chain}, unprotected),
        sent=sent,
        sign_with=sign_with,
    )


def issuer_signed(
    elements: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    items: Mapping[str, Sequence[bytes]] | None = None,
    shown: Any = None,
    mso: Changes | None = None,
    digests: Any = None,
    doc_type: str = PID,
    algorithm: str = "SHA-256",
    validity: Changes | None = None,
    key_info: Changes | None = None,
    members: Changes | None = None,
    auth: Callable[[list[Any]], Any] | None = None,
    **signing: Any,
) -> dict[Any, Any]:
    """Make an IssuerSigned.

    Args:
        elements: namespace to element to value.
        items: the contents of the items instead; they are digested all.
        shown: what stands in nameSpaces instead: contents by namespace, or anything.
        mso: changes to the MSO.
        digests: valueDigests instead.
        doc_type: of the MSO.
        algorithm: digestAlgorithm.
        validity: changes to validityInfo.
        key_info: changes to deviceKeyInfo.
        members: changes to IssuerSigned itself.
        auth: changes the array of issuerAuth.
        signing: as `issuer_auth`.
    """
    contents = items_of(ELEMENTS if elements is None else elements) if items is None else items
    good = good_mso(digests_of(contents, algorithm) if digests is None else digests, doc_type, algorithm)
    good["validityInfo"] = changed(good["validityInfo"], validity)
    good["deviceKeyInfo"] = changed(good["deviceKeyInfo"], key_info)
    signed = issuer_auth(changed(good, mso), **signing)
    stated = contents if shown is None else shown
    if isinstance(stated, Mapping) and not isinstance(stated, Raw):
        stated = {
            namespace: [embedded(each) if type(each) is bytes else each for each in listed]
            if isinstance(listed, list)
            else listed
            for namespace, listed in stated.items()
        }
    result = {"nameSpaces": stated, "issuerAuth": signed if auth is None else auth(signed)}
    return dict(changed(result, members))


# --- the device's half ---


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


# --- the whole ---


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


# --- the world that judges ---


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


def verify(data: Any, **changes: Any) -> _verifier.VerifiedPresentation | NeedStatusList:
    """Verify in the world of this file; any argument may be replaced."""
    return _verifier.verify(data, **arguments(**changes))


def accepted(data: Any, **changes: Any) -> _verifier.VerifiedPresentation:
    """Verify and expect a verified presentation."""
    verdict = verify(data, **changes)
    assert isinstance(verdict, _verifier.VerifiedPresentation)
    return verdict


def refused(data: Any, reason: Reason, step: str | None = None, **changes: Any) -> CitizenIDError:
    """Verify and expect this Reason, at this step, in an error that carries nothing of the input."""
    return raises(reason, step, lambda: verify(data, **changes))
