"""Strategies for chains of certificates that lead to a pinned root, under each profile.

Spec: RFC 5280 section 4; ISO/IEC 18013-5 annex B; specs/verification.md V2.2 to V2.12.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from hypothesis import strategies as st

from ... import UnixTime
from ..._model import CertificateProfile
from ..._x509 import CertifiedKey, load_roots, verify_path
from ..forge.certificates import certificate_key, der, pem
from ..forge.parts import NOW

PURPOSES: Final[Mapping[CertificateProfile, tuple[str, ...]]] = {
    CertificateProfile.MDOC_DOCUMENT_SIGNER: ("1.0.18013.5.1.2", "1.0.23220.4.1.2"),
    CertificateProfile.MDOC_READER: ("1.0.18013.5.1.6", "1.0.23220.4.1.6"),
    CertificateProfile.VICAL_SIGNER: ("1.0.18013.5.1.8", "1.0.23220.4.1.8"),
    CertificateProfile.SD_JWT_VC_ISSUER: ("1.0.18013.5.1.2",),
    CertificateProfile.STATUS_LIST_SIGNER: (),
}
"""What a leaf may be for; where the profile leaves it open, a leaf may also say nothing, and a signer of lists must."""
REQUIRED: Final = frozenset(
    {CertificateProfile.MDOC_DOCUMENT_SIGNER, CertificateProfile.MDOC_READER, CertificateProfile.VICAL_SIGNER}
)
_BITS: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@final
@dataclass(frozen=True, slots=True)
class Link:
    """One certificate, before it is made: what a mutation replaces.

    Attributes:
        name: the common name of its subject, and whose key it has.
        country: of the subject.
        authority: whether it may sign others. `path_length`: of how long a chain.
        purpose: extended key usage, an OID, or None.
        usage: bits of the key usage.
        not_before, not_after: its window, the last second included.
        signer: the name of who signs it, when it is not the next of the chain.
        critical: adds a critical extension that nobody knows.
    """

    name: str
    country: str = "UT"
    authority: bool = False
    path_length: int | None = None
    purpose: str | None = None
    usage: tuple[str, ...] = ("digital_signature",)
    not_before: int = NOW - 86_400
    not_after: int = NOW + 86_400
    signer: str = ""
    critical: bool = False

    def made(self, issuer: Link) -> x509.Certificate:
        """Make it, under the certificate of its issuer."""
        by = issuer if not self.signer else Link(self.signer)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(self))
            .issuer_name(_name(issuer))
            .public_key(certificate_key("chain " + self.name).public_key())
            .serial_number(int.from_bytes(self.name.encode(), "big") + 1)
            .not_valid_before(datetime.datetime.fromtimestamp(self.not_before, datetime.UTC))
            .not_valid_after(datetime.datetime.fromtimestamp(self.not_after, datetime.UTC))
            .add_extension(x509.KeyUsage(**{bit: bit in self.usage for bit in _BITS}), True)
            .add_extension(x509.SubjectKeyIdentifier(self.name.encode()), False)
            .add_extension(x509.AuthorityKeyIdentifier(issuer.name.encode(), None, None), False)
        )
        if self.authority:
            builder = builder.add_extension(x509.BasicConstraints(True, self.path_length), True)
        if self.purpose is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(self.purpose)]), True)
        if self.critical:
            unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
            builder = builder.add_extension(unknown, True)
        return builder.sign(certificate_key("chain " + by.name), hashes.SHA256())


def _name(link: Link) -> x509.Name:
    parts = [(NameOID.COUNTRY_NAME, link.country), (NameOID.COMMON_NAME, link.name)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


@final
@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of certificates, leaf first, and the root that is pinned for it.

    Attributes:
        profile: under which it holds.
        links: what its certificates are, leaf first, without the root.
        root: the pinned root.
        now: when it is looked at.
        data: the certificates in DER, as they are sent.
    """

    profile: CertificateProfile
    links: tuple[Link, ...]
    root: Link
    now: int = NOW
    data: tuple[bytes, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        above = (*self.links[1:], self.root)
        made = (link.made(issuer) for link, issuer in zip(self.links, above, strict=True))
        object.__setattr__(self, "data", der(*made))

    def verify(self, data: Iterable[bytes] | None = None) -> CertifiedKey:
        """Verify it, or other certificates in its place, up to the root."""
        roots = load_roots(pem(self.root.made(self.root)))
        sent = self.data if data is None else tuple(data)
        return verify_path(sent, roots, UnixTime(self.now), self.profile)


@st.composite
def certificate_chains(
    draw: st.DrawFn, *, profiles: Iterable[CertificateProfile] = tuple(CertificateProfile), now: int = NOW
) -> Chain:
    """Valid chains of one to three certificates under each profile, for keys on P-256."""
    profile = draw(st.sampled_from(tuple(profiles)))
    country = draw(st.sampled_from(["UT", "DE", "US"]))
    purposes: Any = st.sampled_from(PURPOSES[profile] or (None,))
    between = draw(st.integers(0, 2))
    window: dict[str, Any] = {
        "not_before": now - draw(st.integers(1, 86_400)),
        "not_after": now + draw(st.integers(0, 86_400)),
    }
    leaf = Link(
        "leaf",
        country,
        purpose=draw(purposes if profile in REQUIRED else st.none() | purposes),
        usage=("content_commitment",) if profile is CertificateProfile.VICAL_SIGNER else ("digital_signature",),
        **window,
    )
    authority: dict[str, Any] = {"country": country, "authority": True, "usage": ("key_cert_sign", "crl_sign")}
    above = tuple(
        Link(f"intermediate {number}", path_length=draw(st.none() | st.just(number)), **authority)
        for number in range(between)
    )
    root = Link("root", path_length=draw(st.none() | st.just(between)), **authority)
    return Chain(profile, (leaf, *above), root, now)
