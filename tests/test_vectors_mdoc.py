"""Official mdoc vectors: ISO/IEC 18013-5 annex D, and those of animo, auth0 and isomdl. Each has one exact outcome.

The clock is fixed by each vector. Their credentials are long-lived and have no status reference, which our own rule
(V9) refuses: a positive outcome needs `unreferenced_validity_s`, and a test says what happens without.
"""

from __future__ import annotations

import base64
import datetime
import json
from functools import partial
from pathlib import Path
from ssl import PEM_cert_to_DER_cert
from typing import Any, Final

import cbor2
import pytest
from builders import raises
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from mdoc_builders import cose_sign1, document, dump, embedded, response

from citizenid import ANY, Challenge, CitizenIDError, Format, KeyPurpose, Limits, Reason, TrustAnchors
from citizenid import verifier as _verifier
from citizenid._crypto import AgreementKey
from citizenid._model import CertificateProfile
from citizenid._wire.transcript import session_transcript
from citizenid._x509 import load_roots, verify_path
from citizenid.status import StatusStore

LONG: Final = Limits(unreferenced_validity_s=10**10)
MDL: Final = "org.iso.18013.5.1.mDL"
PID: Final = "eu.europa.ec.eudi.pid.1"


def at(day: str) -> int:
    """Return the Unix time at which a day begins."""
    return int(datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC).timestamp())


def scope(type_: str) -> dict[str, Any]:
    return {"purpose": KeyPurpose.CREDENTIAL, "formats": (Format.MDOC,), "types": (type_,), "countries": ANY}


def pinned(pem: bytes, type_: str = MDL) -> TrustAnchors:
    return TrustAnchors.from_document_signers(pem, issuer="vector", **scope(type_))


def verify(data: Any, anchors: TrustAnchors, challenge: Challenge, now: int, limits: Limits = LONG) -> Any:
    return _verifier.verify(
        data,
        format=Format.MDOC,
        anchors=anchors,
        challenge=challenge,
        statuses=StatusStore(anchors=anchors),
        now=now,
        limits=limits,
    )


def verify_credential(data: bytes, anchors: TrustAnchors, now: int) -> _verifier.VerifiedCredential:
    (presentation,) = _verifier.open_presentation(data, format=Format.MDOC)
    return _verifier.verify_credential(presentation, anchors=anchors, now=now, limits=LONG)


def by_transcript(transcript: bytes, **changes: Any) -> Challenge:
    return Challenge.session_transcript(transcript, audience="reader", nonce="not looked at", **changes)


def unhexed(path: Path) -> bytes:
    return bytes.fromhex(path.read_text("ascii").strip())


# --- animo: OpenID4VP 1.0 with a PID ---

ANIMO_NOW: Final = at("2026-01-12")


@pytest.fixture
def animo(vectors: Path) -> Path:
    return vectors / "mdoc" / "animo-mdoc"


def animo_parts(folder: Path) -> tuple[bytes, Challenge, TrustAnchors]:
    stated = json.loads((folder / "animo-oid4vp10.params.json").read_bytes())
    challenge = Challenge.openid4vp(
        client_id=stated["client_id"],
        nonce=stated["nonce"],
        response_uri=stated["response_uri"],
        jwk_thumbprint=bytes.fromhex(stated["jwk_thumbprint_hex"]),
    )
    root = (folder / "animo-oid4vp10.issuerCertificate1.pem").read_bytes()
    anchors = TrustAnchors.from_certificates(root, issuer="animo", **scope(PID))
    return (folder / "animo-oid4vp10.device_response.cbor").read_bytes(), challenge, anchors


def test_animo_the_transcript_is_made_of_its_parameters(animo: Path) -> None:
    _, challenge, _ = animo_parts(animo)
    assert session_transcript(challenge) == (animo / "animo-oid4vp10.session_transcript.cbor").read_bytes()


def test_animo_a_pid_over_openid4vp_is_verified(animo: Path) -> None:
    data, challenge, anchors = animo_parts(animo)
    verified = verify(data, anchors, challenge, ANIMO_NOW)
    assert type(verified) is _verifier.VerifiedPresentation
    assert verified.attestation.type == PID
    assert verified.attestation.claims == {PID: {"given_name": "Erika", "family_name": "Mustermann"}}
    assert verified.attestation.validity.not_after == 1_799_408_134 + 1
    assert verified.citizenship.nationalities == ()
    by_bytes = by_transcript((animo / "animo-oid4vp10.session_transcript.cbor").read_bytes())
    assert type(verify(data, anchors, by_bytes, ANIMO_NOW)) is _verifier.VerifiedPresentation


def test_animo_what_differs_is_refused(animo: Path) -> None:
    data, challenge, anchors = animo_parts(animo)
    raises(Reason.STATUS_MISSING, "V9", lambda: verify(data, anchors, challenge, ANIMO_NOW, Limits()))
    raises(Reason.CERTIFICATE_EXPIRED, "V2", lambda: verify(data, anchors, challenge, at("2026-11-29")))
    raises(Reason.NOT_YET_VALID, "V6", lambda: verify(data, anchors, challenge, at("2026-01-08") - 1))
    plain = Challenge.openid4vp(
        client_id=challenge.audience, nonce=str(challenge.nonce), response_uri=str(challenge.handover.response_uri)
    )
    raises(Reason.SIGNATURE_INVALID, "V8", lambda: verify(data, anchors, plain, ANIMO_NOW))


def test_animo_the_other_certificate_is_the_signers_own(animo: Path) -> None:
    other = (animo / "animo-oid4vp10.issuerCertificate.pem").read_bytes()
    # A document signer is no root; pinned by equality it does as well as its root.
    raises(
        Reason.ANCHOR_INVALID,
        "configuration",
        lambda: TrustAnchors.from_certificates(other, issuer="animo", **scope(PID)),
        (CitizenIDError,),
    )
    data, challenge, _ = animo_parts(animo)
    assert type(verify(data, pinned(other, PID), challenge, ANIMO_NOW)) is _verifier.VerifiedPresentation


# --- auth0 ---

AUTH0_NOW: Final = at("2024-01-01")


@pytest.fixture
def auth0(vectors: Path) -> Path:
    return vectors / "mdoc" / "auth0-mdl"


def auth0_example(folder: Path, number: int) -> tuple[bytes, Challenge]:
    # The files hold SessionTranscriptBytes: tag 24 around the SessionTranscript.
    transcript = cbor2.loads(unhexed(folder / f"example{number}.session_transcript.hex")).value
    return unhexed(folder / f"example{number}.device_response.hex"), by_transcript(transcript)


@pytest.mark.parametrize(("number", "count"), [(1, 12), (2, 6)])
def test_auth0_a_good_example_is_verified_under_its_pinned_signer(auth0: Path, number: int, count: int) -> None:
    data, challenge = auth0_example(auth0, number)
    anchors = pinned((auth0 / "issuer.pem").read_bytes())
    verified = verify(data, anchors, challenge, AUTH0_NOW)
    assert type(verified) is _verifier.VerifiedPresentation
    (elements,) = verified.attestation.claims.values()
    assert len(elements) == count
    assert elements["issuing_country"] == "US"
    assert verified.citizenship.nationalities == ()  # who issued it says nothing of whose citizen somebody is
    assert verified.attestation.validity.not_after == at("2073-09-29") + elements_second(number)
    raises(Reason.STATUS_MISSING, "V9", lambda: verify(data, anchors, challenge, AUTH0_NOW, Limits()))
    other = by_transcript(b"\x83\xf6\xf6\xf6")  # the payload came along, and must be ours
    raises(Reason.SIGNATURE_INVALID, "V7", lambda: verify(data, anchors, other, AUTH0_NOW))
    raises(Reason.CERTIFICATE_EXPIRED, "V2", lambda: verify(data, anchors, challenge, at("2033-09-12")))


def elements_second(number: int) -> int:
    """Return the second of its day after which an example ends, exclusive."""
    hours, minutes, seconds = {1: (15, 41, 59), 2: (15, 50, 56)}[number]
    return hours * 3_600 + minutes * 60 + seconds + 1


@pytest.mark.parametrize("number", [1, 2])
def test_auth0_the_signer_is_no_root_of_its_own(auth0: Path, number: int) -> None:
    data, challenge = auth0_example(auth0, number)
    anchors = TrustAnchors.from_certificates((auth0 / "issuer.pem").read_bytes(), issuer="auth0", **scope(MDL))
    raises(Reason.CERTIFICATE_INVALID, "V2", lambda: verify(data, anchors, challenge, AUTH0_NOW))


@pytest.mark.parametrize(
    ("number", "reason", "step"),
    [(3, Reason.DIGEST_MISMATCH, "V4"), (4, Reason.DEVICE_ELEMENT_NOT_AUTHORIZED, "V7")],
)
def test_auth0_a_bad_example_is_refused(auth0: Path, number: int, reason: Reason, step: str) -> None:
    data, challenge = auth0_example(auth0, number)
    anchors = pinned((auth0 / "issuer.pem").read_bytes())
    raises(reason, step, lambda: verify(data, anchors, challenge, AUTH0_NOW))


def test_auth0_the_issuers_half_of_the_fourth_example_is_good(auth0: Path) -> None:
    anchors = pinned((auth0 / "issuer.pem").read_bytes())
    assert verify_credential(auth0_example(auth0, 4)[0], anchors, AUTH0_NOW).attestation.type == MDL


def test_auth0_what_an_issuer_hands_over_is_verified(auth0: Path) -> None:
    data, anchors = unhexed(auth0 / "issuer-signed.hex"), pinned((auth0 / "issuer.pem").read_bytes())
    received = verify_credential(data, anchors, AUTH0_NOW)
    assert set(received.attestation.claims) == {"org.custom.test", "org.iso.18013.5.1"}
    assert sum(map(len, received.attestation.claims.values())) == 15
    raises(
        Reason.KEY_BINDING_MISSING, "V7", lambda: verify(data, anchors, by_transcript(b"\x83\xf6\xf6\xf6"), AUTH0_NOW)
    )


@pytest.mark.parametrize(
    ("name", "where"), [("pid-parser1", "issuer-auth.header"), ("mdl-parser2", "issuer-auth.header.x5chain")]
)
def test_auth0_a_chain_in_both_headers_or_in_none_is_refused(auth0: Path, name: str, where: str) -> None:
    data, anchors = unhexed(auth0 / f"{name}.hex"), pinned((auth0 / "issuer.pem").read_bytes())
    error = raises(Reason.HEADER_INVALID, "V1", lambda: verify_credential(data, anchors, AUTH0_NOW))
    assert error.where == where


@pytest.mark.parametrize(("spelling", "reason"), [("sha256", Reason.HASH_ALGORITHM_NOT_ALLOWED), ("SHA-256", None)])
def test_auth0_its_spelling_of_the_digest_algorithm_is_refused(auth0: Path, spelling: str, reason: Any) -> None:
    """Issued again with issuing_keys.json: the published ones are refused for their chains before that is read."""
    secret = json.loads((auth0 / "issuing_keys.json").read_bytes())
    d = base64.urlsafe_b64decode(secret["issuer_jwk"]["d"] + "=")
    private = ec.derive_private_key(int.from_bytes(d, "big"), ec.SECP256R1())
    pem = (auth0 / "issuing_issuer_cert.pem").read_bytes()
    (presentation,) = _verifier.open_presentation(unhexed(auth0 / "issuer-signed.hex"), format=Format.MDOC)
    mso = cbor2.loads(cbor2.loads(presentation.credential.payload).value, tag_hook=lambda _, tag: tag)
    mso["digestAlgorithm"] = spelling
    stamp = cbor2.CBORTag(0, "2023-10-18T16:00:24Z")
    mso["validityInfo"] = {"signed": stamp, "validFrom": stamp, "validUntil": cbor2.CBORTag(0, "2027-10-18T16:00:24Z")}
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    auth = cose_sign1(bytes(embedded(dump(mso))), private, unprotected={33: der})
    by_namespace: dict[str, list[Any]] = {}
    for namespace, content in zip(presentation.namespaces, presentation.disclosures, strict=True):
        by_namespace.setdefault(namespace, []).append(embedded(content))
    data = dump({"nameSpaces": by_namespace, "issuerAuth": auth})
    call = partial(verify_credential, data, pinned(pem), AUTH0_NOW)
    if reason is None:
        assert sum(map(len, call().attestation.claims.values())) == 15
    else:
        raises(reason, "V4", call)


# --- ISO/IEC 18013-5 annex D ---

ISO_NOW: Final = at("2021-01-01")


@pytest.fixture
def iso(vectors: Path) -> Path:
    return vectors / "mdoc" / "iso18013-5-annexD"


def annex_d(folder: Path, name: str) -> bytes:
    return unhexed(folder / f"ISO_18013_5_ANNEX_D_{name}.hex")


def iso_parts(folder: Path) -> tuple[bytes, TrustAnchors, bytes, AgreementKey]:
    certificate = x509.load_der_x509_certificate(annex_d(folder, "DS_CERT"))
    secret = int.from_bytes(annex_d(folder, "EPHEMERAL_READER_KEY_D"), "big")
    transcript = cbor2.loads(annex_d(folder, "SESSION_TRANSCRIPT_BYTES")).value
    return (
        annex_d(folder, "DEVICE_RESPONSE"),
        pinned(certificate.public_bytes(Encoding.PEM)),
        transcript,
        AgreementKey(ec.derive_private_key(secret, ec.SECP256R1())),
    )


def test_iso_a_mac_under_the_readers_ephemeral_key_is_verified(iso: Path) -> None:
    data, anchors, transcript, key = iso_parts(iso)
    asked = by_transcript(transcript, reader_key=key)
    verified = verify(data, anchors, asked, ISO_NOW)
    assert type(verified) is _verifier.VerifiedPresentation
    elements = verified.attestation.claims["org.iso.18013.5.1"]
    assert set(elements) == {
        "family_name",
        "issue_date",
        "expiry_date",
        "document_number",
        "portrait",
        "driving_privileges",
    }
    assert (elements["family_name"], elements["issue_date"]) == ("Doe", "2019-10-20")
    assert elements["portrait"] == annex_d(iso, "DEVICE_RESPONSE_PORTRAIT_DATA")
    assert elements["driving_privileges"][0]["issue_date"] == "2018-08-09"
    assert (key.public.to_jwk()["kty"], verified.attestation.validity.not_after) == ("EC", 1_633_095_002 + 1)
    raises(Reason.STATUS_MISSING, "V9", lambda: verify(data, anchors, asked, ISO_NOW, Limits()))


def test_iso_a_mac_under_no_key_another_key_or_another_transcript_is_refused(iso: Path) -> None:
    data, anchors, transcript, key = iso_parts(iso)
    raises(Reason.READER_KEY_MISSING, "V7", lambda: verify(data, anchors, by_transcript(transcript), ISO_NOW))
    other = by_transcript(transcript, reader_key=AgreementKey.generate("P-256"))
    raises(Reason.SIGNATURE_INVALID, "V8", lambda: verify(data, anchors, other, ISO_NOW))
    elsewhere = by_transcript(b"\x83\xf6\xf6\xf6", reader_key=key)
    raises(Reason.SIGNATURE_INVALID, "V8", lambda: verify(data, anchors, elsewhere, ISO_NOW))


def test_iso_the_window_is_that_of_the_document_signer(iso: Path) -> None:
    data, anchors, transcript, key = iso_parts(iso)
    asked = by_transcript(transcript, reader_key=key)
    end = at("2021-10-01")  # of the certificate, inclusive, thirteen hours before that of the credential
    assert type(verify(data, anchors, asked, end)) is _verifier.VerifiedPresentation
    raises(Reason.CERTIFICATE_EXPIRED, "V2", lambda: verify(data, anchors, asked, end + 1))
    raises(Reason.ISSUED_IN_FUTURE, "V6", lambda: verify(data, anchors, asked, at("2020-10-01")))


# --- isomdl ---


@pytest.fixture
def isomdl(vectors: Path) -> Path:
    return vectors / "mdoc" / "isomdl"


def test_isomdl_its_response_is_a_sketch_and_no_cose(isomdl: Path) -> None:
    data = unhexed(isomdl / "definitions" / "device_response.cbor")
    raises(Reason.MALFORMED_CBOR, "V1", lambda: _verifier.open_presentation(data, format=Format.MDOC))
    # Its COSE messages have tags, which stand in no mdoc.
    tree = cbor2.loads(data, tag_hook=lambda _, tag: tag)
    assert tree["documents"][0]["docType"] == "aaa"


def test_isomdl_what_was_issued_is_the_credential_of_annex_d(isomdl: Path, iso: Path) -> None:
    data = unhexed(isomdl / "definitions" / "issuer_signed.cbor")
    _, anchors, transcript, _ = iso_parts(iso)
    received = verify_credential(data, anchors, ISO_NOW)
    assert received.attestation.type == MDL
    assert len(received.attestation.claims["org.iso.18013.5.1"]) == 6
    (response_,) = _verifier.open_presentation(annex_d(iso, "DEVICE_RESPONSE"), format=Format.MDOC)
    assert received.presentation.issuer_half == response_.issuer_half
    raises(Reason.KEY_BINDING_MISSING, "V7", lambda: verify(data, anchors, by_transcript(transcript), ISO_NOW))


def chain(folder: Path, *names: str) -> list[bytes]:
    files = [folder / "presentation" / f"{name}.pem" for name in names]
    return [PEM_cert_to_DER_cert(each.read_text("ascii")) for each in files]


CHAINS: Final = [
    (("isomdl_iaca_signer",), "isomdl_iaca_root_cert", "2023-12-01", None),
    (("isomdl_iaca_signer",), "isomdl_iaca_root_cert", "2024-12-01", Reason.CERTIFICATE_EXPIRED),
    (("isomdl_iaca_signer",), "owf_multipaz_iaca_p384", "2023-12-01", Reason.CERTIFICATE_UNTRUSTED),
    (("isomdl_incorrect_iaca_signer",), "isomdl_iaca_root_cert", "2023-12-01", Reason.CERTIFICATE_USE_FORBIDDEN),
    (
        ("isomdl_iaca_leaf_signer", "isomdl_iaca_intermediate"),
        "isomdl_iaca_root_cert",
        "2023-12-01",
        Reason.CERTIFICATE_INVALID,  # an authority that may not sign certificates
    ),
    (("isomdl_iaca_leaf_signer",), "isomdl_iaca_root_cert", "2023-12-01", Reason.CERTIFICATE_USE_FORBIDDEN),
    # Its serial number is not positive (RFC 5280 section 4.1.2.2): taken for an mdoc (specs/decisions/0012).
    (("owf_multipaz_ds_p384",), "owf_multipaz_iaca_p384", "2026-01-01", None),
    (("reader_auth",), "isomdl_iaca_root_cert", "2023-12-01", Reason.CERTIFICATE_USE_FORBIDDEN),
]


@pytest.mark.parametrize(("names", "root", "day", "reason"), CHAINS)
def test_isomdl_chains_of_document_signers(
    isomdl: Path, names: Any, root: str, day: str, reason: Reason | None
) -> None:
    roots = load_roots((isomdl / "presentation" / f"{root}.pem").read_bytes(), ())
    call = partial(verify_path, chain(isomdl, *names), roots, at(day), CertificateProfile.MDOC_DOCUMENT_SIGNER)
    if reason is None:
        assert call().key.algorithm in ("ES256", "ES384")
    else:
        raises(reason, None, call)


def test_isomdl_a_chain_stands_in_an_mdoc_as_in_a_path(isomdl: Path) -> None:
    """A bad chain around a credential refuses it at V2, before its signature is looked at."""
    anchors = TrustAnchors.from_certificates(
        (isomdl / "presentation" / "isomdl_iaca_root_cert.pem").read_bytes(), issuer="isomdl", **scope(PID)
    )
    now = at("2023-12-01")
    for names, reason, step in (
        (("isomdl_iaca_signer",), Reason.SIGNATURE_INVALID, "V3"),
        (("isomdl_incorrect_iaca_signer",), Reason.CERTIFICATE_USE_FORBIDDEN, "V2"),
        (("owf_multipaz_ds_p384",), Reason.CERTIFICATE_UNTRUSTED, "V2"),
    ):
        good = document()
        auth = good["issuerSigned"]["issuerAuth"]
        auth[1] = {33: chain(isomdl, *names)}
        raises(reason, step, lambda made=good: verify(response(made), anchors, by_transcript(b"\x83\xf6\xf6\xf6"), now))
