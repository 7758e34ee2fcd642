"""Chains of certificates as attacks want them, and the presentations that show them in every format.

Spec: ISO/IEC 18013-5 annex B; RFC 5280 section 4; RFC 7515 section 4.1.6; RFC 9360 section 2.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ... import ANY, Format, KeyPurpose, Reason, TrustAnchors
from ...status import StatusStore
from ..forge import mdoc as m
from ..forge.certificates import certificate, der, local_key, pem
from ..forge.mdoc_keys import DOCUMENT_SIGNER, key, root
from ..forge.parts import ABSENT, ISSUER, NOW, STATUS_MEDIA_TYPE, STATUS_URI, VCT
from ..forge.status_lists import status_token
from ..forgery import Forgery
from ..trials import Trial, accepted, holds, mdoc, raises, refused, sd_cwt, sd_jwt

Certificate = x509.Certificate | bytes
SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")  # ecdsa-with-SHA256, as an AlgorithmIdentifier
_TYPES: Final[Mapping[Format, Iterable[str]]] = {
    Format.MDOC: m.TYPES,
    Format.SD_JWT_VC: (VCT,),
    Format.SD_CWT: (VCT,),
}
EVERY: Final = tuple(_TYPES)


def name_of(text: str) -> x509.Name:
    """Return a name: "UT/DS" is of a country, "UT+XX/DS" of two, "UT:CA/DS" of a state as well, "/DS" of none."""
    place, _, common = text.rpartition("/")
    place = place if "/" in text else "UT"
    countries, _, state = place.partition(":")
    stated = [(NameOID.COUNTRY_NAME, each) for each in countries.split("+") if each]
    stated += [(NameOID.STATE_OR_PROVINCE_NAME, state)] if state else []
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in [*stated, (NameOID.COMMON_NAME, common)]])


def _common(text: str) -> str:
    return text.rpartition("/")[2]


def leaf(
    subject: str = "DS",
    issuer: str = "IACA",
    *,
    purposes: Iterable[str] | None = (DOCUMENT_SIGNER,),
    purpose_critical: bool = True,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    **changes: Any,
) -> x509.Certificate:
    """Make the certificate of a document signer; its key is that which signs mdocs, whatever it is called."""
    stated = list(extensions)
    if purposes is not None:
        stated.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(each) for each in purposes]), purpose_critical))
    good: dict[str, Any] = {"public": key("signer").public_key(), "signer": key(_common(issuer)), "names": name_of}
    return certificate(subject, issuer, extensions=stated, **{**good, **changes})


def authority(subject: str, issuer: str | None = None, **changes: Any) -> x509.Certificate:
    """Make the certificate of an authority, its own issuer unless another is named; each name has a key of its own."""
    issuer = subject if issuer is None else issuer
    good: dict[str, Any] = {
        "public": key(_common(subject)).public_key(),
        "signer": key(_common(issuer)),
        "names": name_of,
        "authority": True,
    }
    return certificate(subject, issuer, **{**good, **changes})


def identified(own: bytes | None = None, of: bytes | None = None) -> list[tuple[x509.ExtensionType, bool]]:
    """Return the identifiers of a key, and of the issuer's key."""
    stated: list[tuple[x509.ExtensionType, bool]] = []
    if own is not None:
        stated.append((x509.SubjectKeyIdentifier(own), False))
    if of is not None:
        stated.append((x509.AuthorityKeyIdentifier(of, None, None), False))
    return stated


def encoded(*chain: Certificate) -> list[bytes]:
    """Return certificates in DER."""
    return [each if isinstance(each, bytes) else der(each)[0] for each in chain]


def trusting(format: Format, *roots: x509.Certificate, **changes: Any) -> TrustAnchors:
    """Trust issuers under these roots, in one format."""
    good: dict[str, Any] = {"types": _TYPES[format], "countries": ANY, "formats": (format,), "issuer": ISSUER}
    return TrustAnchors.from_certificates(pem(*roots), purpose=KeyPurpose.CREDENTIAL, **{**good, **changes})


def pinned(signer: x509.Certificate, **window: Any) -> TrustAnchors:
    """Trust this document signer by equality, and no root."""
    return TrustAnchors.from_document_signers(
        pem(signer),
        issuer=ISSUER,
        purpose=KeyPurpose.CREDENTIAL,
        formats=(Format.MDOC,),
        types=m.TYPES,
        countries=ANY,
        **window,
    )


def shown(format: Format, chain: Sequence[Certificate], private: Any = None, **further: Any) -> Forgery:
    """Return a good presentation that comes with a chain, signed by the private key of its leaf."""
    signer, ders = private or key("signer"), encoded(*chain)
    if format is Format.MDOC:
        return mdoc(signer=signer, chain=ders[0] if len(ders) == 1 else ders, **further)
    local = local_key(signer)
    if format is Format.SD_CWT:
        return sd_cwt(header={4: ABSENT, 33: ders[0] if len(ders) == 1 else ders}, signer=local, **further)
    x5c = [base64.b64encode(each).decode() for each in ders]
    return sd_jwt(header={"kid": ABSENT, "x5c": x5c}, signer=local, **further)


def refuses(
    name: str,
    reason: Reason,
    *chain: Certificate,
    roots: Sequence[x509.Certificate] = (),
    formats: Iterable[Format] = EVERY,
    **further: Any,
) -> Iterator[Trial]:
    """Expect that a chain is refused in each format; under the root that everybody trusts, an mdoc on a gateway too."""
    for format in formats:
        forged = shown(format, chain, **further)
        judged = {} if format is Format.MDOC and not roots else {"anchors": trusting(format, *(roots or (root(),)))}
        yield refused(f"{name}: {format.value}", reason, forged, step="V2", **judged)


def accepts(
    name: str,
    *chain: Certificate,
    roots: Sequence[x509.Certificate] = (),
    formats: Iterable[Format] = EVERY,
    **further: Any,
) -> Iterator[Trial]:
    """Expect that a chain is accepted in each format."""
    for format in formats:
        forged = shown(format, chain, **further)
        judged = {} if format is Format.MDOC and not roots else {"anchors": trusting(format, *(roots or (root(),)))}
        yield accepted(f"{name}: {format.value}", forged, **judged)


def status_list(
    name: str,
    reason: Reason | None,
    *chain: Certificate,
    roots: Sequence[x509.Certificate] = (),
    crls: Iterable[bytes] = (),
) -> Trial:
    """Expect this of a status list token that comes with a chain: a refusal, or with None that it is taken in."""

    def ingest() -> None:
        x5c = [base64.b64encode(each).decode() for each in encoded(*chain)]
        token = status_token(header={"kid": ABSENT, "x5c": x5c}, signer=local_key(key("signer")))
        trusted = TrustAnchors.from_certificates(
            pem(*(roots or (root(),))), issuer=ISSUER, purpose=KeyPurpose.STATUS_LIST, crls=crls
        )
        StatusStore(anchors=trusted).ingest(STATUS_URI, token, media_type=STATUS_MEDIA_TYPE, now=NOW)

    said = f"{name}: status list token"
    return holds(said, ingest) if reason is None else raises(said, reason, ingest)


def tlv(tag: int, *contents: bytes) -> bytes:
    """Write an element in DER."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def resigned(
    source: x509.Certificate,
    signer: Any = None,
    *,
    replace: Mapping[bytes, bytes] | None = None,
    scheme: bytes = SHA256,
    instead_of: bytes = SHA256,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Sign a certificate anew, with parts of it replaced: what no builder would write.

    Args:
        source: the certificate.
        signer: the EC key of its issuer.
        replace: parts of its content.
        scheme: the AlgorithmIdentifier, inside and outside.
        instead_of: the one that it has.
        sign: makes the signature instead.
    """
    tbs = source.tbs_certificate_bytes
    content = tbs[2 if tbs[1] < 0x80 else 2 + (tbs[1] & 0x7F) :].replace(instead_of, scheme, 1)
    for old, new in (replace or {}).items():
        if old not in content:
            raise ValueError("there is nothing to replace")
        content = content.replace(old, new)
    signed = tlv(0x30, content)
    signature = signer.sign(signed, ec.ECDSA(hashes.SHA256())) if sign is None else sign(signed)
    return tlv(0x30, signed, scheme, tlv(0x03, b"\0", signature))
