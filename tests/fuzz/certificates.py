"""Targets of trust: certificate paths, CRLs, PEM, VICALs, JWK sets, issuer metadata.

Certificates, CRLs and VICALs are signed over any bytes by a key that is the same in every run, so that everything
behind the signature is reached. Whatever path is taken here for a credential, the verifier of `cryptography` takes.

Spec: RFC 5280; ISO/IEC 18013-5 annexes B and C; RFC 7517; SD-JWT VC section 3.
"""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID, ObjectIdentifier

from citizenid import ANY, CitizenIDError, Format, KeyPurpose, LocalKey, TrustAnchors, UnixTime
from citizenid._issuer_metadata import signature_keys
from citizenid._model import CertificateProfile
from citizenid._x509 import check_chain, load_roots, signer_window, verify_path
from citizenid._x509.anchors import load_signers
from citizenid.trust import issuer_metadata_url

from .world import ISSUER, NOW, bstr, cases, joined, number, ours, parts, require, sign1, text_of, unbase64url, vectors

_ORDERS: Final = {"root": 11, "ca": 12, "leaf": 13, "other": 14}
_SHA256_ECDSA: Final = bytes.fromhex("300a06082a8648ce3d040302")
PROFILES: Final = tuple(CertificateProfile)
_PURPOSES: Final = {
    CertificateProfile.MDOC_DOCUMENT_SIGNER: "1.0.18013.5.1.2",
    CertificateProfile.MDOC_READER: "1.0.18013.5.1.6",
    CertificateProfile.STATUS_LIST_SIGNER: "1.3.6.1.5.5.7.3.30",
    CertificateProfile.VICAL_SIGNER: "1.0.18013.5.1.8",
}
_TERMS: Final[dict[str, Any]] = {
    "purpose": KeyPurpose.CREDENTIAL, "formats": [Format.SD_JWT_VC], "types": ["urn:example:type"], "countries": ANY,
}  # fmt: skip
_BITS: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@cache
def private(name: str) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key of a name, the same in every run."""
    return ec.derive_private_key(_ORDERS[name] * 1_000_003, ec.SECP256R1())


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _moment(now: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now, datetime.UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "US"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


@cache
def made(subject: str, issuer: str, authority: bool, purpose: str | None = None, usage: str = "") -> x509.Certificate:
    """Make a certificate that has what every profile asks for."""
    bits = ("key_cert_sign", "crl_sign") if authority else (usage or "digital_signature",)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(private(subject).public_key())
        .serial_number(_ORDERS[subject])
        .not_valid_before(_moment(NOW - 86_400))
        .not_valid_after(_moment(NOW + 86_400))
        .add_extension(x509.KeyUsage(**{bit: bit in bits for bit in _BITS}), True)
        .add_extension(x509.SubjectKeyIdentifier(subject.encode()), False)
        .add_extension(x509.AuthorityKeyIdentifier(issuer.encode(), None, None), False)
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ObjectIdentifier(purpose)]), True)
    return builder.sign(private(issuer), hashes.SHA256())


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    width = (size.bit_length() + 7) // 8
    return bytes((tag, 0x80 | width)) + size.to_bytes(width, "big") + content


def _signed(tbs: bytes, signer: str) -> bytes:
    signature = private(signer).sign(tbs, ec.ECDSA(hashes.SHA256()))
    return _element(0x30, tbs + _SHA256_ECDSA + _element(0x03, b"\0" + signature))


ROOT: Final = made("root", "root", True)
ROOT_PEM: Final = ROOT.public_bytes(serialization.Encoding.PEM)
ROOTS: Final = load_roots(ROOT_PEM)


def _oracle_takes(chain: Sequence[bytes], now: int) -> bool:
    """Whether the verifier of `cryptography` takes a chain; it knows no profile and no extension of the leaf."""
    leaves = verification.ExtensionPolicy.permit_all()
    authorities = leaves.require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, None)
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store([ROOT]))
        .time(_moment(now))
        .max_chain_depth(2)
        .extension_policies(ee_policy=leaves, ca_policy=authorities)
        .build_client_verifier()
    )
    loaded = [x509.load_der_x509_certificate(each) for each in chain]
    try:
        verifier.verify(loaded[0], loaded[1:])
    except verification.VerificationError:
        return False
    return True


def x5chain_one(data: bytes) -> None:
    """Verify a chain whose leaf, intermediate and CRL are signed over any bytes, or are any bytes."""
    how, leaf, ca, crl = parts(data, 4)
    profile = PROFILES[number(how, len(PROFILES))]
    flags = how[1:]
    chain = [leaf if b"r" in flags else _signed(leaf, "ca" if ca else "root")]
    if ca:
        chain.append(ca if b"r" in flags else _signed(ca, "root"))
    roots = ROOTS
    if crl:
        loaded = ours(load_roots, ROOT_PEM, [crl if b"r" in flags else _signed(crl, "root")])
        roots = ROOTS if isinstance(loaded, CitizenIDError) else loaded
    found = ours(verify_path, chain, roots, UnixTime(NOW), profile)
    ours(check_chain, chain, _LEAF_KEY)
    ours(signer_window, tuple(chain), profile)
    if isinstance(found, CitizenIDError):
        return
    require(found.not_before <= NOW < found.not_after, "a window that does not hold now")
    if profile is CertificateProfile.SD_JWT_VC_ISSUER:
        require(_oracle_takes(chain, NOW), "a path that cryptography refuses")
    for at in {found.not_before - 1, found.not_after}:
        outside = ours(verify_path, chain, roots, UnixTime(at), profile)
        require(isinstance(outside, CitizenIDError) or at < 0, "a path outside of its window")


def _leaf_key() -> Any:
    pem = private("leaf").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return LocalKey.from_pem(pem).public


_LEAF_KEY: Final = _leaf_key()


def _crl(*revoked: int) -> x509.CertificateRevocationList:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(_name("root"))
        .last_update(_moment(NOW - 100))
        .next_update(_moment(NOW + 100))
        .add_extension(x509.CRLNumber(1), False)
        .add_extension(x509.AuthorityKeyIdentifier(b"root", None, None), False)
    )
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_moment(NOW - 200)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(private("root"), hashes.SHA256())


def x5chain_seeds() -> Iterator[bytes]:
    """Return a good chain for each profile, alone, below an intermediate and beside a CRL; and those of the vectors."""
    ca = made("ca", "root", True)
    lists = (b"", _crl().tbs_certlist_bytes, _crl(5, _ORDERS["leaf"]).tbs_certlist_bytes)
    for which, profile in enumerate(PROFILES):
        usage = "content_commitment" if profile is CertificateProfile.VICAL_SIGNER else ""
        for issuer, above in (("root", b""), ("ca", ca.tbs_certificate_bytes)):
            leaf = made("leaf", issuer, False, _PURPOSES.get(profile), usage)
            for crl in lists:
                yield joined(bytes((which,)), leaf.tbs_certificate_bytes, above, crl)
        yield joined(bytes((which,)) + b"r", _der(leaf), _der(ca), _crl().public_bytes(serialization.Encoding.DER))
    for certificate in _vector_certificates():
        yield joined(b"\x00r", certificate)
        yield joined(b"\x01", x509.load_der_x509_certificate(certificate).tbs_certificate_bytes)


@cache
def _vector_certificates() -> tuple[bytes, ...]:
    found: list[bytes] = []
    for kind in ("mdoc", "sd_cwt", "presentation"):
        for stated in vectors(kind)["anchors"].values():
            text = stated.get("certificates") or stated.get("document_signers")
            if text:
                found += [_der(each) for each in x509.load_pem_x509_certificates(text.encode())]
    return tuple(dict.fromkeys(found))


# --- what operators load: keys and lists that others publish ---


def trust_one(data: bytes) -> None:
    """Load anchors from a JWK set, issuer metadata, PEM or a VICAL that its provider signs over any bytes."""
    how, body = data[:1], data[1:]
    which = number(how, 8)
    text = text_of(body)
    if which == 0:
        made_ = ours(TrustAnchors.from_jwks, ISSUER, body, **_TERMS)
        again = ours(TrustAnchors.from_jwks, ISSUER, text, **_TERMS)
        require(not body.isascii() or type(again) is type(made_), "text is not as bytes")
        ours(signature_keys, body)
    elif which == 1:
        terms = {name: value for name, value in _TERMS.items() if name != "purpose"}
        ours(TrustAnchors.from_issuer_metadata, body, issuer=ISSUER, **terms)
        metadata, _, jwks = body.partition(b"\n--\n")
        ours(TrustAnchors.from_issuer_metadata, metadata, issuer=ISSUER, jwks=jwks, **terms)
        ours(issuer_metadata_url, text)
    elif which == 2:
        ours(TrustAnchors.from_certificates, body, issuer=ISSUER, **_TERMS)
        ours(TrustAnchors.from_certificates, text, issuer=ISSUER, purpose=KeyPurpose.STATUS_LIST)
    elif which == 3:
        ours(TrustAnchors.from_document_signers, body, issuer=ISSUER, **_TERMS)
        ours(load_signers, body)
    elif which == 4:
        # By hand: what `cryptography` cannot load it would not write, and it stands in files all the same.
        encoded = base64.encodebytes(_signed(body, "other"))
        pem = b"-----BEGIN CERTIFICATE-----\n" + encoded + b"-----END CERTIFICATE-----\n"
        ours(load_roots, pem)
        ours(load_signers, pem)
    elif which == 5:
        ours(load_roots, ROOT_PEM, [body, _signed(body, "root")])
    else:
        protected, _, payload = body.partition(b"\n--\n")
        sealed = body if which == 7 else sign1(protected, _VICAL_CHAIN, payload, _VICAL_KEY)
        found = ours(
            TrustAnchors.from_vical, sealed, provider_roots=ROOT_PEM, issuer=ISSUER, types=[_MDL], countries=ANY,
            now=NOW,
        )  # fmt: skip
        if isinstance(found, TrustAnchors):
            require(all(anchor.not_after > NOW for anchor in found), "an anchor of a list that has ended")


_MDL: Final = "org.iso.18013.5.1.mDL"
_VICAL_SIGNER: Final = made("leaf", "root", False, _PURPOSES[CertificateProfile.VICAL_SIGNER], "content_commitment")
_VICAL_CHAIN: Final = b"\xa1\x18\x21" + bstr(_der(_VICAL_SIGNER))


def _local(name: str) -> LocalKey:
    pem = private(name).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return LocalKey.from_pem(pem)


_VICAL_KEY: Final = _local("leaf")


def _tdate(moment: int) -> cbor2.CBORTag:
    return cbor2.CBORTag(0, _moment(moment).strftime("%Y-%m-%dT%H:%M:%SZ"))


def trust_seeds() -> Iterator[bytes]:
    """Return what the vectors load, and a VICAL."""
    for kind in ("presentation", "mdoc", "sd_cwt"):
        for stated in vectors(kind)["anchors"].values():
            if "jwks" in stated:
                keys = json.dumps(stated["jwks"]).encode()
                yield b"\x00" + keys
                yield b"\x01" + json.dumps({"issuer": ISSUER, "jwks": stated["jwks"]}).encode()
                yield b"\x01" + json.dumps({"issuer": ISSUER, "jwks_uri": ISSUER + "/keys"}).encode() + b"\n--\n" + keys
    for case in cases("anchors"):
        for stated in case["anchors"]:
            if "jwks" in stated:
                yield b"\x00" + json.dumps(stated["jwks"]).encode()
            if "certificates" in stated:
                yield b"\x02" + stated["certificates"].encode()
    for certificate in (*_vector_certificates(), _der(ROOT), _der(_VICAL_SIGNER)):
        loaded = x509.load_der_x509_certificate(certificate)
        pem = loaded.public_bytes(serialization.Encoding.PEM)
        yield from (bytes((which,)) + pem for which in (2, 3))
        yield b"\x04" + loaded.tbs_certificate_bytes
        yield b"\x04" + loaded.tbs_certificate_bytes.replace(b"\x02\x01\x02", b"\x02\x01\x05", 1)  # of no version
    yield b"\x02" + ROOT_PEM + made("ca", "ca", True).public_bytes(serialization.Encoding.PEM)
    yield b"\x05" + _crl(5).tbs_certlist_bytes
    yield b"\x05" + _crl(5).public_bytes(serialization.Encoding.DER)
    for stated in vectors("mdoc")["anchors"].values():
        yield from (b"\x05" + unbase64url(crl) for crl in stated.get("crls", ()))
    info = {
        "certificate": _der(made("other", "other", True)), "serialNumber": _ORDERS["other"], "ski": b"\x04\x02ab",
        "docType": [_MDL], "issuingCountry": "US", "stateOrProvinceName": "US-MD", "Extensions": {},
    }  # fmt: skip
    vical = {
        "version": "1.0", "vicalProvider": "Provider", "date": _tdate(NOW - 60), "nextUpdate": _tdate(NOW + 86_400),
        "certificateInfos": [info],
    }  # fmt: skip
    for protected in (b"\xa1\x01\x26", b"\xa1\x01\x28"):
        yield b"\x06" + joined(protected, cbor2.dumps(vical))
    yield b"\x07" + sign1(b"\xa1\x01\x26", _VICAL_CHAIN, cbor2.dumps(vical), _VICAL_KEY)
