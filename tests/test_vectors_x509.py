"""Certificates of the official mdoc vectors: real document signers, readers and a VICAL signer under their profiles.

Each at a time at which the vector says that it holds. Where a root was not published, the refusal shows how far the
leaf came: that nobody is pinned who signed it is what is found last.

Spec: ISO/IEC 18013-5 annexes B, C and D.
"""

from __future__ import annotations

import base64
import datetime
import re
from pathlib import Path

import pytest
from builders import VCT, raises
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from citizenid import ANY, CitizenIDError, Format, KeyPurpose, Reason, TrustAnchors
from citizenid._model import CertificateProfile, KeyHint, SignedObject, UnixTime
from citizenid._x509 import CertifiedKey, load_roots, verify_path
from citizenid.trust import ResolvedKey

DS = CertificateProfile.MDOC_DOCUMENT_SIGNER
READER = CertificateProfile.MDOC_READER
VICAL = CertificateProfile.VICAL_SIGNER


@pytest.fixture
def mdoc(vectors: Path) -> Path:
    return vectors / "mdoc"


def at(text: str) -> UnixTime:
    return UnixTime(int(datetime.datetime.fromisoformat(text + "+00:00").timestamp()))


def pem(path: Path) -> bytes:
    """The first certificate of a file, in PEM, whatever form the file has."""
    data = path.read_bytes()
    if path.suffix == ".hex":
        data = bytes.fromhex(data.decode().strip())
    if b"-----BEGIN" in data:
        return b"-----BEGIN CERTIFICATE-----" + data.split(b"-----BEGIN CERTIFICATE-----")[1]
    return x509.load_der_x509_certificate(data).public_bytes(Encoding.PEM)


def der(path: Path) -> bytes:
    return base64.b64decode(pem(path).split(b"-----")[2])  # the library warns of one of the serial numbers


def walk(profile: CertificateProfile, now: UnixTime, root: bytes, *chain: bytes) -> CertifiedKey:
    return verify_path(chain, load_roots(root), now, profile)


def refuses(reason: Reason, profile: CertificateProfile, now: UnixTime, root: bytes, *chain: bytes) -> None:
    raises(reason, None, lambda: walk(profile, now, root, *chain))


def test_the_signer_of_the_animo_pid(mdoc: Path) -> None:
    folder = mdoc / "animo-mdoc"
    leaf = der(folder / "animo-oid4vp10.issuerCertificate.pem")
    root = pem(folder / "animo-oid4vp10.issuerCertificate1.pem")
    assert leaf in (folder / "animo-oid4vp10.device_response.cbor").read_bytes()
    certified = walk(DS, at("2026-01-12"), root, leaf)
    assert certified.key.algorithm == "ES256"
    assert (certified.signer_not_before, certified.signer_not_after) == (
        at("2025-11-08T16:28:30"),
        at("2026-11-28T16:28:30") + 1,
    )
    refuses(Reason.CERTIFICATE_EXPIRED, DS, at("2025-11-08"), root, leaf)
    refuses(Reason.CERTIFICATE_EXPIRED, DS, at("2026-11-28T16:28:31"), root, leaf)
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, READER, at("2026-01-12"), root, leaf)
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, VICAL, at("2026-01-12"), root, leaf)


def test_the_signers_of_isomdl(mdoc: Path) -> None:
    folder = mdoc / "isomdl" / "presentation"
    now = at("2024-01-01")
    root = pem(folder / "isomdl_iaca_root_cert.pem")
    good, incorrect, below, between = (
        der(folder / f"isomdl_{name}.pem")
        for name in ("iaca_signer", "incorrect_iaca_signer", "iaca_leaf_signer", "iaca_intermediate")
    )
    assert walk(DS, now, root, good).key.algorithm == "ES256"
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, DS, now, root, incorrect)  # it says of itself that it is a CA
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, DS, now, root, below)
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, DS, now, root, between)
    # An intermediate that is a document signer, with a purpose that is critical, and no key usage to issue.
    refuses(Reason.CERTIFICATE_INVALID, DS, now, root, below, between)
    refuses(Reason.CERTIFICATE_INVALID, DS, now, root, good, between)
    refuses(Reason.CERTIFICATE_UNTRUSTED, DS, now, pem(folder / "owf_multipaz_iaca_p384.pem"), good)
    refuses(Reason.CERTIFICATE_EXPIRED, DS, at("2024-10-27"), root, good)


def test_the_signer_of_multipaz_with_a_negative_serial_number_under_a_root_on_another_curve(
    mdoc: Path, recwarn: pytest.WarningsRecorder
) -> None:
    folder = mdoc / "isomdl" / "presentation"
    root, leaf = pem(folder / "owf_multipaz_iaca_p384.pem"), der(folder / "owf_multipaz_ds_p384.pem")
    assert walk(DS, at("2026-01-12"), root, leaf).key.algorithm == "ES256"
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, READER, at("2026-01-12"), root, leaf)
    # The signature is over the serial number that came: another one, of whatever sign, is not signed.
    serial = leaf.index(b"\xa0\x03\x02\x01\x02\x02\x10") + 7
    assert leaf[serial] >= 0x80
    for first in (0x01, leaf[serial] ^ 1):
        other = leaf[:serial] + bytes([first]) + leaf[serial + 1 :]
        refuses(Reason.CERTIFICATE_UNTRUSTED, DS, at("2026-01-12"), root, other)
    assert len(recwarn) == 0


@pytest.mark.parametrize(
    ("profile", "file", "now"),
    [
        (DS, "iso18013-5-annexD/ISO_18013_5_ANNEX_D_DS_CERT.hex", "2021-01-01"),
        (READER, "iso18013-5-annexD/ISO_18013_5_ANNEX_D_READER_CERT.hex", "2021-01-01"),
        (READER, "isomdl/presentation/reader_auth.pem", "2024-01-01"),
    ],
)
def test_a_leaf_whose_root_was_not_published_is_refused_for_that_alone(
    mdoc: Path, profile: CertificateProfile, file: str, now: str
) -> None:
    root = pem(mdoc / "isomdl" / "presentation" / "isomdl_iaca_root_cert.pem")
    leaf = der(mdoc / file)
    refuses(Reason.CERTIFICATE_UNTRUSTED, profile, at(now), root, leaf)
    for other in {DS, READER, VICAL} - {profile}:
        refuses(Reason.CERTIFICATE_USE_FORBIDDEN, other, at(now), root, leaf)


def resolve_pinned(leaf: bytes, now: UnixTime) -> ResolvedKey:
    anchors = TrustAnchors.from_document_signers(
        x509.load_der_x509_certificate(leaf).public_bytes(Encoding.PEM),
        issuer="pinned",
        purpose=KeyPurpose.CREDENTIAL,
        formats=(Format.MDOC,),
        types=(VCT,),
        countries=ANY,
    )
    signed = SignedObject(b"", b"", "ES256", b"", KeyHint(certificates=(leaf,), profile=DS), None)
    return anchors.resolve(signed, KeyPurpose.CREDENTIAL, now, "issuerAuth")


@pytest.mark.parametrize(
    ("file", "now", "algorithm", "under_itself"),
    [
        ("auth0-mdl/issuer.pem", "2026-01-12", "ES256", Reason.CERTIFICATE_INVALID),
        ("isomdl/issuance/256-cert.pem", "2022-10-01", "ES256", Reason.CERTIFICATE_INVALID),
        ("isomdl/issuance/384-cert.pem", "2022-10-01", "ES384", Reason.CERTIFICATE_INVALID),
        ("isomdl/issuance/521-cert.pem", "2022-10-01", "ES512", Reason.CERTIFICATE_INVALID),
        ("iso18013-5-annexD/ISO_18013_5_ANNEX_D_DS_CERT.hex", "2021-01-01", "ES256", None),
    ],
)
def test_a_signer_outside_of_the_profile_may_be_pinned_and_no_more(
    mdoc: Path, file: str, now: str, algorithm: str, under_itself: Reason | None
) -> None:
    leaf = der(mdoc / file)
    assert resolve_pinned(leaf, at(now)).key.algorithm == algorithm
    raises(Reason.CERTIFICATE_EXPIRED, "V2", lambda: resolve_pinned(leaf, at("2050-01-01")))
    if under_itself is not None:  # as a root it is one, and as its own document signer it is none
        refuses(under_itself, DS, at(now), pem(mdoc / file), leaf)


def test_the_signers_of_the_auth0_samples_are_the_pinned_one(mdoc: Path) -> None:
    leaf = der(mdoc / "auth0-mdl" / "issuer.pem")
    for number in range(1, 5):
        data = (mdoc / "auth0-mdl" / f"example{number}.device_response.hex").read_text()
        assert leaf in bytes.fromhex(data.strip())


# --- the VICAL of AAMVA ---


def vical_chain(mdoc: Path) -> tuple[bytes, ...]:
    folder = mdoc / "isomdl" / "vical"
    data = (folder / "aamva-vical-2025-11-18-1763491092481.cbor").read_bytes()
    root, between = der(folder / "aamva_ca_root.crt"), der(folder / "aamva_ca_intermediate.crt")
    first = data.index(b"\x30\x82")
    leaf = data[first : first + 4 + int.from_bytes(data[first + 2 : first + 4], "big")]
    assert between in data and root in data
    return leaf, between, root


def test_the_vical_signer_of_aamva_whose_chain_repeats_the_root(mdoc: Path) -> None:
    root = pem(mdoc / "isomdl" / "vical" / "aamva_ca_root.crt")
    chain = vical_chain(mdoc)
    now = at("2025-11-18T18:38:12")
    assert walk(VICAL, now, root, *chain).key == walk(VICAL, now, root, *chain[:2]).key
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, DS, now, root, *chain[:2])
    refuses(Reason.CERTIFICATE_EXPIRED, VICAL, at("2026-04-18T17:38:42"), root, *chain)
    refuses(Reason.CERTIFICATE_UNTRUSTED, VICAL, now, root, chain[0])
    refuses(Reason.CERTIFICATE_UNTRUSTED, VICAL, now, root, chain[0], chain[2])
    other = pem(mdoc / "isomdl" / "presentation" / "isomdl_iaca_root_cert.pem")
    refuses(Reason.CERTIFICATE_UNTRUSTED, VICAL, now, other, *chain)


def test_every_authority_of_the_vical_is_a_root_that_can_be_pinned(mdoc: Path) -> None:
    data = (mdoc / "isomdl" / "vical" / "aamva-vical-2025-11-18-1763491092481.cbor").read_bytes()
    found = 0
    for match in re.finditer(rb"\x30\x82", data):
        start = match.start()
        try:
            end = start + 4 + int.from_bytes(data[start + 2 : start + 4], "big")
            certificate = x509.load_der_x509_certificate(data[start:end])
        except ValueError:
            continue  # not every such pair of bytes begins a certificate
        if certificate.subject == certificate.issuer:
            (root,) = load_roots(certificate.public_bytes(Encoding.PEM))
            assert root.der == data[start:end]
            found += 1
    assert found == 15


def test_a_document_signer_is_no_root(mdoc: Path) -> None:
    for name in ("isomdl_iaca_signer", "owf_multipaz_ds_p384", "isomdl_iaca_intermediate"):
        with pytest.raises(CitizenIDError) as caught:
            load_roots(pem(mdoc / "isomdl" / "presentation" / f"{name}.pem"))
        assert caught.value.reason is Reason.ANCHOR_INVALID
