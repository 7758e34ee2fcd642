"""The little world of the CBOR formats: an issuing authority with its certificates, or an SD-CWT issuer, and wallets.

As `_world.py`, by public names alone. Beside each presentation stand the bare bytes of its signatures and digests,
taken apart here with `cbor2` and put together by the letter of the standards.
"""

from __future__ import annotations

import datetime
import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from citizenid import (
    Attestation,
    Challenge,
    Citizenship,
    ClaimPath,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    PublicKey,
    TrustAnchors,
)
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.policy import AdmissionPolicy
from citizenid.status import StatusPublisher, StatusStore

from ._floor import public_bytes
from ._world import AUDIENCE, ISSUER, PERSON, POLICY, STATUS_MEDIA_TYPE, STATUS_URI, VCT

DOC_TYPE: Final = "org.citizenid.citizenship.1"
PHOTO_ID: Final = "org.iso.23220.1"
US: Final = Country("US")


class Bare(NamedTuple):
    """The bytes on which the unavoidable work is done.

    Attributes:
        signed, signature: of the issuer.
        bound, binding_signature: of the holder.
        holder: x || y of the holder's key.
        digested: what each disclosure is hashed as.
    """

    signed: bytes
    signature: bytes
    bound: bytes
    binding_signature: bytes
    holder: bytes
    digested: tuple[bytes, ...]


class Presented(NamedTuple):
    """A presentation, the challenge that it answers, its bare bytes, and anchors that have seen nothing."""

    data: bytes
    challenge: Challenge
    bare: Bare
    fresh_anchors: TrustAnchors


def structure(message: list[Any], payload: bytes) -> bytes:
    """Write the Sig_structure of a COSE_Sign1 (RFC 9052 section 4.4)."""
    return cbor2.dumps(["Signature1", message[0], b"", payload])


class CborWorld:
    """One issuer in one of the CBOR formats, and everybody who trusts it. `now` stands still."""

    def __init__(self, format_: Format, *, limits: Limits | None = None) -> None:
        self.format: Final = format_
        self.limits: Final = limits or Limits()
        self.now: Final = int(time.time())
        self.key: LocalKey
        self._root = b""
        if format_ is Format.MDOC:
            self._root, certificate, self.key = certificates(self.now)
            self.issuer = Issuer(identifier=ISSUER, key=self.key, certificates=[certificate], limits=self.limits)
        else:
            self.key = LocalKey.generate("ES256")
            self.issuer = Issuer(identifier=ISSUER, key=self.key, limits=self.limits)
        self.anchors: Final = self.new_anchors()
        signers = TrustAnchors.from_keys(ISSUER, [self.key.public], purpose=KeyPurpose.STATUS_LIST)
        self.publisher: Final = StatusPublisher(uri=STATUS_URI, size=2**20)
        self.statuses: Final = StatusStore(anchors=signers)
        token = self.publisher.publish(self.key, now=self.now, ttl_s=43_200, expires_s=86_400)
        self.statuses.ingest(STATUS_URI, token, media_type=STATUS_MEDIA_TYPE, now=self.now)
        self.policy: Final = AdmissionPolicy.from_toml(POLICY)
        self._nonces = 0

    def new_anchors(self) -> TrustAnchors:
        """Return anchors whose cache of certificate paths is empty."""
        scope: dict[str, Any] = {"purpose": KeyPurpose.CREDENTIAL, "formats": [self.format], "countries": [US]}
        if self.format is Format.MDOC:
            return TrustAnchors.from_certificates(self._root, issuer=ISSUER, types=[DOC_TYPE], **scope)
        return TrustAnchors.from_jwks(ISSUER, self.issuer.jwks(), types=[VCT], **scope)

    def attestation(self, holder: PublicKey, further: Mapping[str, Any] = PERSON) -> Attestation:
        """State one citizenship and what else is given: with what is given by default ten can be withheld."""
        return prepare_attestation(
            Citizenship(nationalities=[US], citizenships=[US]),
            issuer=ISSUER,
            holder_key=holder,
            now=self.now - 60,
            lifetime_s=90 * 86_400,
            status=self.publisher.allocate(),
            format=self.format,
            claims={PHOTO_ID: further} if self.format is Format.MDOC else further,
        )

    def issue(self, attestation: Attestation) -> bytes:
        """Issue a credential of which everything can be withheld that may be."""
        return self.issuer.issue(attestation, format=self.format)

    def receive(self, data: bytes) -> Credential:
        """Take a credential into a wallet."""
        return Credential.receive(data, format=self.format, anchors=self.anchors, now=self.now, limits=self.limits)

    def present(self, credential: Credential, key: LocalKey, shown: Iterable[ClaimPath]) -> Presented:
        """Answer a new challenge."""
        self._nonces += 1
        challenge = Challenge(AUDIENCE, f"nonce-for-the-benches-{self._nonces:012d}")
        data = credential.present(shown, challenge=challenge, key=key, peer=AUDIENCE, now=self.now)
        take_apart = bare_mdoc if self.format is Format.MDOC else bare_sd_cwt
        return Presented(data, challenge, take_apart(data, challenge, key.public), self.new_anchors())

    def new_presentation(self, shown: Iterable[ClaimPath], further: Mapping[str, Any] = PERSON) -> Presented:
        """Make a holder key, a credential and a presentation that nobody has seen."""
        key = LocalKey.generate("ES256")
        return self.present(self.receive(self.issue(self.attestation(key.public, further))), key, shown)


def bare_mdoc(data: bytes, challenge: Challenge, holder: PublicKey) -> Bare:
    """Take a DeviceResponse apart (ISO/IEC 18013-5 8.3.2.1.2; OpenID4VP 1.0 appendix B.2.6.2)."""
    (document,) = cbor2.loads(data)["documents"]
    issuer_signed, device_signed = document["issuerSigned"], document["deviceSigned"]
    auth = issuer_signed["issuerAuth"]
    asked = hashlib.sha256(cbor2.dumps([challenge.audience, challenge.nonce, None])).digest()
    authentication = [
        "DeviceAuthentication",
        [None, None, ["OpenID4VPDCAPIHandover", asked]],
        document["docType"],
        device_signed["nameSpaces"],
    ]
    by_device = device_signed["deviceAuth"]["deviceSignature"]
    items = [item for items in issuer_signed["nameSpaces"].values() for item in items]
    return Bare(
        structure(auth, auth[2]),
        auth[3],
        structure(by_device, cbor2.dumps(cbor2.CBORTag(24, cbor2.dumps(authentication)))),
        by_device[3],
        public_bytes(holder),
        tuple(map(cbor2.dumps, items)),
    )


def bare_sd_cwt(data: bytes, challenge: Challenge, holder: PublicKey) -> Bare:
    """Take an SD-KBT apart (draft-ietf-spice-sd-cwt sections 5 and 8)."""
    binding = cbor2.loads(data).value
    credential = list(cbor2.loads(binding[0])[13].value)
    return Bare(
        structure(credential, credential[2]),
        credential[3],
        structure(binding, binding[2]),
        binding[3],
        public_bytes(holder),
        tuple(map(cbor2.dumps, credential[1].get(17, ()))),
    )


def certificates(now: int) -> tuple[bytes, bytes, LocalKey]:
    """Make a root (PEM), a document signer under it (DER), and the signer's key."""
    root_key, signer_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = _name("IACA of the benches")
    root = _certificate(root_name, root_name, root_key.public_key(), root_key, now, authority=True)
    signer = _certificate(
        _name("Document signer of the benches"), root_name, signer_key.public_key(), root_key, now, authority=False
    )
    encoding = serialization.Encoding
    pem = signer_key.private_bytes(encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return root.public_bytes(encoding.PEM), signer.public_bytes(encoding.DER), LocalKey.from_pem(pem)


def _name(common: str) -> x509.Name:
    country, title = x509.NameAttribute(NameOID.COUNTRY_NAME, "US"), x509.NameAttribute(NameOID.COMMON_NAME, common)
    return x509.Name([country, title])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: Any,
    private: Any,
    now: int,
    *,
    authority: bool,
    purpose: str = "1.0.18013.5.1.2",
) -> x509.Certificate:
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    bits = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage = x509.KeyUsage(
        **dict.fromkeys(bits, False),
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - datetime.timedelta(days=1))
        .not_valid_after(moment + datetime.timedelta(days=400))
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key()), critical=False)
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    else:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ObjectIdentifier(purpose)]), critical=True)
    return builder.sign(private, hashes.SHA256())
