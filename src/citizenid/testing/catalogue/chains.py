"""Attacks on the chain of certificates: where it leads, when it is valid, and what each certificate in it may do.

Spec: ISO/IEC 18013-5 annex B; RFC 5280 section 6.1; specs/verification.md V2; specs/profile-mdoc.md section 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ... import Format, Reason
from ..attacks import Group, attack
from ..forge.cbor import date_time
from ..forge.mdoc_keys import DOCUMENT_SIGNER, key, root
from ..forge.parts import NOW
from ..trials import Trial, accepted, mdoc, raises, refused
from ._chains import (
    accepts,
    authority,
    encoded,
    identified,
    leaf,
    pinned,
    refuses,
    resigned,
    shown,
    status_list,
    tlv,
    trusting,
)
from .chain_bounds import (
    another_country,
    chain_of_brainpool,
    out_of_its_scope,
    too_many_to_search,
    too_much_to_read,
    weak_hash,
    weak_key,
)

_UNTRUSTED: Final = Reason.CERTIFICATE_UNTRUSTED
_INVALID: Final = Reason.CERTIFICATE_INVALID
_EXPIRED: Final = Reason.CERTIFICATE_EXPIRED
_FORBIDDEN: Final = Reason.CERTIFICATE_USE_FORBIDDEN
_MDOC: Final = (Format.MDOC,)
_DAY: Final = 86_400
_ANY_PURPOSE: Final = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string
_SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string


@attack("CHN-001", "CHAIN_UNTRUSTED")
def namesake() -> Iterator[Trial]:
    """Whoever signed the document signer has the name of the trusted authority, and another key."""
    yield from accepts("the trusted one", leaf())
    stranger = key("stranger")
    yield from refuses("another key of that name", _UNTRUSTED, leaf(signer=stranger))
    yield from refuses("that key under another name", _UNTRUSTED, leaf(issuer="Other", signer=key("IACA")))
    for name in ("iaca", "IACA ", "US/IACA"):
        yield from refuses(f"the name {name!r}", _UNTRUSTED, leaf(issuer=name, signer=stranger), formats=_MDOC)
    own = authority("IACA", extensions=identified(b"the key"))
    yield from accepts("with identifiers", leaf(extensions=identified(of=b"the key")), roots=[own])
    fake = leaf(signer=stranger, extensions=identified(of=b"the key"))
    yield from refuses("another key with the same identifier", _UNTRUSTED, fake, roots=[own])
    below = authority("CA", "IACA", signer=stranger)
    wide = authority("IACA", path_length=1)
    yield from accepts("an intermediate", leaf(issuer="CA"), authority("CA", "IACA"), roots=[wide])
    yield from refuses("an intermediate by another key", _UNTRUSTED, leaf(issuer="CA"), below, roots=[wide])
    yield status_list("the trusted one", None, leaf(purposes=None))
    yield status_list("another key of that name", _UNTRUSTED, leaf(purposes=None, signer=stranger))
    swapped = authority("CA", "IACA", public=stranger.public_key())
    yield from refuses("an intermediate of another key", _UNTRUSTED, leaf(issuer="CA"), swapped, roots=[wide])


@attack("CHN-002", "CHAIN_UNTRUSTED")
def root_that_came_along() -> Iterator[Trial]:
    """The chain brings a root of its own."""
    other = authority("Other root")
    yield from accepts("no root", leaf())
    yield from refuses("an unknown root behind its own leaf", _UNTRUSTED, leaf(issuer="Other root"), other)
    yield from refuses("an unknown root behind a good leaf", _UNTRUSTED, leaf(), other)
    fake = authority("IACA", signer=key("stranger"), public=key("stranger").public_key())
    yield from refuses("a root of the trusted name", _UNTRUSTED, leaf(signer=key("stranger")), fake)
    yield from refuses("the trusted root behind a leaf of another", _UNTRUSTED, leaf(issuer="Other root"), root())
    yield from refuses("the trusted root itself", _UNTRUSTED, leaf(), root())
    yield status_list("an unknown root behind", _UNTRUSTED, leaf(issuer="Other root", purposes=None), other)
    yield status_list("the trusted root itself", _UNTRUSTED, leaf(purposes=None), root())
    crossed = authority("Other root", "IACA", signer=key("stranger"))
    yield from refuses(
        "a root that claims to be crossed", _UNTRUSTED, leaf(issuer="Other root"), crossed, roots=[_wide()]
    )
    yield from refuses("a chain that ends nowhere", _UNTRUSTED, leaf(issuer="CA"), authority("CA", "Other root"))
    pair = authority("A", "B"), authority("B", "A")
    yield from refuses("two that signed each other", _UNTRUSTED, leaf(issuer="A"), *pair, roots=[_wide()])


def _wide() -> x509.Certificate:
    return authority("IACA", path_length=2)


@attack("CHN-004", "CHAIN_UNTRUSTED")
def signer_of_itself() -> Iterator[Trial]:
    """The document signer signed its own certificate, or stands there alone, pinned by nobody."""
    yield from accepts("signed by an authority", leaf())
    yield from refuses("signed by itself", _INVALID, leaf("DS", "DS", signer=key("signer")))
    yield from refuses("signed by itself, the root behind", _INVALID, leaf("DS", "DS", signer=key("signer")), root())
    yield from refuses("signed by itself in the name of the root", _UNTRUSTED, leaf(signer=key("signer")))
    yield from refuses("with the name of the root twice", _INVALID, leaf("IACA", "IACA", signer=key("signer")))
    yield from refuses("signed by somebody unknown", _UNTRUSTED, leaf(issuer="Nobody"))
    yield status_list("signed by itself", _INVALID, leaf("DS", "DS", signer=key("signer"), purposes=None))
    yield from refuses("the root as signer", _INVALID, root(), private=key("IACA"))
    alone = leaf(issuer="Nobody")
    one = partial(shown, Format.MDOC)
    yield accepted("pinned by equality", one([alone]), anchors=pinned(alone))
    renewed = leaf(issuer="Nobody", serial=7)
    yield refused("another certificate of a pinned key", _UNTRUSTED, one([renewed]), anchors=pinned(alone))
    own = leaf("DS", "DS", signer=key("signer"))
    yield accepted("its own, pinned", one([own]), anchors=pinned(own))
    # Whoever holds a certificate can write its signature in a second way; below a root of another scope it is a twin.
    below, wide = leaf(), trusting(Format.MDOC, root(), issuer="https://other.example")
    twin = resigned(below, key("IACA"))
    yield accepted("a twin below a root", one([twin]), anchors=wide)
    yield accepted("below a root, and pinned", one([below]), anchors=pinned(below) | wide)
    yield refused("the twin of what is pinned", _UNTRUSTED, one([twin]), step="V2", anchors=pinned(below) | wide)
    yield refused("another of its own", _INVALID, one([leaf("DS", "DS", signer=key("signer"))]), anchors=pinned(own))


@attack("CHN-006", "CHAIN_EXPIRED")
def outside_of_its_time() -> Iterator[Trial]:
    """A certificate of the chain is not valid at the time that was handed in, whatever a clock says."""
    now = {"signed": date_time(NOW), "validFrom": date_time(NOW)}  # while its signer is valid
    yield accepted("in its last second", mdoc(chain=encoded(leaf(not_after=NOW))[0]))
    yield accepted("in its first second", mdoc(chain=encoded(leaf(not_before=NOW))[0], validity=now))
    yield from refuses("a second too late", _EXPIRED, leaf(not_after=NOW - 1))
    yield from refuses("a second too early", _EXPIRED, leaf(not_before=NOW + 1))
    yield status_list("a second too late", _EXPIRED, leaf(not_after=NOW - 1, purposes=None))
    yield status_list("a second too early", _EXPIRED, leaf(not_before=NOW + 1, purposes=None))
    yield from refuses("years ago", _EXPIRED, leaf(not_before=NOW - 900 * _DAY, not_after=NOW - 800 * _DAY))
    yield from refuses("in years", _EXPIRED, leaf(not_before=NOW + 800 * _DAY, not_after=NOW + 900 * _DAY))
    for name, window in (("too late", {"not_after": NOW - 1}), ("too early", {"not_before": NOW + 1})):
        old: Any = window
        yield from refuses(f"a root, {name}", _EXPIRED, leaf(), roots=[authority("IACA", **old)])
        chain = leaf(issuer="CA"), authority("CA", "IACA", **old)
        yield from refuses(f"an intermediate, {name}", _EXPIRED, *chain, roots=[_wide()])
    yield from accepts("a root in its last second", leaf(), roots=[authority("IACA", not_after=NOW)])
    for name, window in (
        ("in its last second", {"not_after": NOW}),
        ("too late", {"not_after": NOW - 1}),
        ("too early", {"not_before": NOW + 1}),
    ):
        alone: Any = leaf(**window)  # type: ignore[arg-type]  # as above
        said, forged = f"pinned, {name}", shown(Format.MDOC, [alone])
        if name == "in its last second":
            yield accepted(said, forged, anchors=pinned(alone))
        else:
            yield refused(said, _EXPIRED, forged, step="V2", anchors=pinned(alone))
    yield refused("judged a second after its end", _EXPIRED, mdoc(), now=NOW + 300 * _DAY + 1)
    yield refused("judged a second before its beginning", _EXPIRED, mdoc(), now=NOW - 30 * _DAY - 1)


@attack("CHN-008", "CHAIN_EKU")
def other_purpose() -> Iterator[Trial]:
    """The certificate is not for document signers, or does not bind who reads it to that."""
    for oid in (DOCUMENT_SIGNER, "1.0.23220.4.1.2"):
        yield from accepts(oid, leaf(purposes=[oid]))
    yield from accepts("one more beside it", leaf(purposes=[DOCUMENT_SIGNER, _SERVER]))
    yield from refuses("none", _FORBIDDEN, leaf(purposes=None), formats=_MDOC)
    yield from refuses("not critical", _FORBIDDEN, leaf(purpose_critical=False), formats=_MDOC)
    for name, purposes in {
        "TLS servers": [_SERVER],
        "any": [_ANY_PURPOSE],
        "any, beside the right one": [DOCUMENT_SIGNER, _ANY_PURPOSE],
        "code": [ExtendedKeyUsageOID.CODE_SIGNING.dotted_string],
        "several others": [_SERVER, ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string],
    }.items():
        for critical in (True, False):
            said = f"{name}, {'critical' if critical else 'not critical'}"
            yield from refuses(said, _FORBIDDEN, leaf(purposes=purposes, purpose_critical=critical))
    for name, oid in {"any": _ANY_PURPOSE, "document signers": DOCUMENT_SIGNER}.items():
        yield from accepts(f"below an authority for {name}", leaf(issuer="CA"), _confined(oid), roots=[_wide()])
    for name, oid in {"TLS servers": _SERVER, "readers": "1.0.18013.5.1.6"}.items():
        chain = leaf(issuer="CA"), _confined(oid)
        yield from refuses(f"below an authority for {name}", _FORBIDDEN, *chain, roots=[_wide()])


def _confined(oid: str) -> x509.Certificate:
    stated = x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid)])
    return authority("CA", "IACA", extensions=[(stated, False)])


@attack("CHN-009", "CHAIN_EKU")
def neighbouring_purpose() -> Iterator[Trial]:
    """The certificate is for another role of the same standard."""
    yield from accepts("a document signer", leaf())
    for name, oid in {
        "a reader": "1.0.18013.5.1.6",
        "a reader of 23220": "1.0.23220.4.1.6",
        "a VICAL signer": "1.0.18013.5.1.8",
        "a VICAL signer of 23220": "1.0.23220.4.1.8",
        "a signer of JWS": "1.0.18013.5.1.3",
        "an IACA": "1.0.18013.5.1.7",
        "an authority's link": "1.0.18013.5.1.4",
        "below the right one": DOCUMENT_SIGNER + ".1",
        "above the right one": "1.0.18013.5.1",
        "beside the right one": "1.0.18013.5.1.20",
        "of another standard": "1.0.18014.5.1.2",
        "status lists": "1.3.6.1.5.5.7.3.30",
    }.items():
        yield from refuses(name, _FORBIDDEN, leaf(purposes=[oid]))
        yield status_list(name, _FORBIDDEN, leaf(purposes=[oid]))


@attack("CHN-011", "CHAIN_KEY_USAGE")
def other_key_usage() -> Iterator[Trial]:
    """The key of the certificate is not one that signs objects, or one that signs certificates."""
    yield from accepts("digitalSignature", leaf())
    yield from accepts("digitalSignature, not critical", leaf(usage_critical=False))
    for critical in (True, False):
        said = "critical" if critical else "not critical"
        without = leaf(usage={"digital_signature": False, "content_commitment": True}, usage_critical=critical)
        yield from refuses(f"without digitalSignature, {said}", _FORBIDDEN, without)
        bits = {"digital_signature": False, "content_commitment": True}
        other = leaf(usage=bits, usage_critical=critical, purposes=None)
        yield status_list(f"without digitalSignature, {said}", _FORBIDDEN, other)
        for bit in ("key_cert_sign", "crl_sign"):
            both = leaf(usage={bit: True}, usage_critical=critical)
            yield from refuses(f"with {bit}, {said}", _FORBIDDEN, both)
    for bit in ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"):
        yield from refuses(f"with {bit} as well", _FORBIDDEN, leaf(usage={bit: True}), formats=_MDOC)
        yield from refuses(f"{bit} alone", _FORBIDDEN, leaf(usage={"digital_signature": False, bit: True}))
    yield from refuses("none stated", _FORBIDDEN, leaf(usage_critical=None), formats=_MDOC)
    yield from refuses("an authority", _FORBIDDEN, leaf(authority=True, usage={"digital_signature": True}))
    ca = leaf(authority=True, usage={"digital_signature": True, "key_cert_sign": False, "crl_sign": False})
    yield from refuses("an authority by its constraints alone", _FORBIDDEN, ca)


@attack("CHN-012", "CHAIN_STRUCTURE")
def unknown_demand() -> Iterator[Trial]:
    """A certificate demands something that is not understood here, or constrains what is not followed here."""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    yield from accepts("not critical", leaf(extensions=[(unknown, False)]))
    yield from refuses("critical", _INVALID, leaf(extensions=[(unknown, True)]))
    yield status_list("critical", _INVALID, leaf(extensions=[(unknown, True)], purposes=None))
    demanding = authority("CA", "IACA", extensions=[(unknown, True)])
    yield from refuses("critical, in an intermediate", _INVALID, leaf(issuer="CA"), demanding, roots=[_wide()])
    permitted = x509.NameConstraints([x509.DirectoryName(x509.Name([]))], None)
    constraints: dict[str, x509.ExtensionType] = {
        "names": permitted,
        "policies": x509.PolicyConstraints(0, None),
        "any policy": x509.InhibitAnyPolicy(0),
    }
    for name, constraint in constraints.items():
        for critical in (True, False):
            said = f"{name}, {'critical' if critical else 'not critical'}"
            yield from refuses(f"{said}, in a leaf", _INVALID, leaf(extensions=[(constraint, critical)]))
            ca = authority("CA", "IACA", extensions=[(constraint, critical)])
            yield from refuses(f"{said}, in an intermediate", _INVALID, leaf(issuer="CA"), ca, roots=[_wide()])
    bad_root = authority("IACA", extensions=[(unknown, True)])
    yield raises("critical, in a root", Reason.ANCHOR_INVALID, partial(trusting, Format.MDOC, bad_root))
    own = x509.SubjectKeyIdentifier(b"the key")
    twice = leaf(extensions=[(own, False)])
    stated = tlv(0x30, bytes.fromhex("0603551d0e"), tlv(0x04, own.public_bytes()))
    yield from refuses("an extension twice", _INVALID, resigned(twice, key("IACA"), replace=_doubled(twice, stated)))


def _doubled(certificate: x509.Certificate, stated: bytes) -> dict[bytes, bytes]:
    """Return what makes of the list of extensions one that holds this extension twice."""
    tbs = certificate.tbs_certificate_bytes
    start = next(at for at in range(len(tbs)) if tbs[at] == 0xA3 and _ends_with(tbs, at))
    whole = tbs[start:]
    listed = whole[2 if whole[1] < 0x80 else 3 :]
    content = listed[2 if listed[1] < 0x80 else 3 :]
    return {whole: tlv(0xA3, tlv(0x30, content, stated))}


def _ends_with(tbs: bytes, start: int) -> bool:
    size = tbs[start + 1]
    return start + 2 + size == len(tbs) if size < 0x80 else size == 0x81 and start + 3 + tbs[start + 2] == len(tbs)


@attack("CHN-014", "CHAIN_STRUCTURE")
def authority_without_authority() -> Iterator[Trial]:
    """A certificate above the leaf may not issue what is below it."""
    below = leaf(issuer="CA")
    plain, wide = authority("CA", "IACA"), _wide()
    for name, above in (("one below", authority("IACA", path_length=1)), ("as many as like", authority("IACA"))):
        yield from accepts(f"{name}", below, plain, roots=[above])
    yield from refuses("a sub-CA below an IACA that permits none", _INVALID, below, plain)
    yield status_list("a sub-CA below one that permits none", _INVALID, leaf(issuer="CA", purposes=None), plain)
    narrow = authority("CA2", "CA"), authority("CA", "IACA", path_length=0)
    yield from refuses("a sub-CA below one that permits none", _INVALID, leaf(issuer="CA2"), *narrow, roots=[wide])
    yield from accepts(
        "two below", leaf(issuer="CA2"), authority("CA2", "CA"), authority("CA", "IACA", path_length=1), roots=[wide]
    )
    one = [authority("IACA", path_length=1)]
    pair = authority("CA2", "CA"), authority("CA", "IACA")
    yield from refuses("two below a root that permits one", _INVALID, leaf(issuer="CA2"), *pair, roots=one)
    for name, changes in {
        "without keyCertSign": {"usage": {"key_cert_sign": False}},
        "no authority": {"authority": False, "usage": {"key_cert_sign": True}},
        "without constraints": {"constraints": False},
        "constraints that are not critical": {
            "constraints": False,
            "extensions": [(x509.BasicConstraints(True, None), False)],
        },
    }.items():
        given: Any = changes
        yield from refuses(f"an intermediate, {name}", _INVALID, below, authority("CA", "IACA", **given), roots=[wide])
        call = partial(trusting, Format.MDOC, authority("IACA", **given))
        yield raises(f"a root, {name}", Reason.ANCHOR_INVALID, call)
    signer = leaf("CA", public=key("CA").public_key())
    yield from refuses("a document signer as an authority", _INVALID, below, signer, roots=[wide])


@attack("CHN-015", "CHAIN_STRUCTURE")
def another_key_identifier() -> Iterator[Trial]:
    """What a certificate says of the key of its issuer is not what the issuer says of it."""
    own = authority("IACA", extensions=identified(b"of the root"))
    for name, of in (("the same", b"of the root"), ("none", None)):
        yield from accepts(name, leaf(extensions=identified(of=of)), roots=[own])
    for name, other in (("another", b"of another"), ("a part", b"of the"), ("empty", b"\0")):
        yield from refuses(f"{name}, below the root", _INVALID, leaf(extensions=identified(of=other)), roots=[own])
    ca = authority("CA", "IACA", extensions=identified(b"of the CA", b"of the root"))
    good = leaf(issuer="CA", extensions=identified(of=b"of the CA"))
    yield from accepts("below an intermediate", good, ca, roots=[own])
    bad = leaf(issuer="CA", extensions=identified(of=b"of the root"))
    yield from refuses("that of the root, below an intermediate", _INVALID, bad, ca, roots=[own])
    astray = authority("CA", "IACA", extensions=identified(b"of the CA", b"of another"))
    yield from refuses("in an intermediate", _INVALID, good, astray, roots=[own])
    torn = authority("IACA", extensions=identified(b"of the root", b"of another"))
    yield raises(
        "a root that names another key as its own", Reason.ANCHOR_INVALID, partial(trusting, Format.MDOC, torn)
    )
    whole = authority("IACA", extensions=identified(b"of the root", b"of the root"))
    yield from accepts("a root that names its own", leaf(), roots=[whole])
    for name, extension in (("subject", identified(own=b"x")), ("authority", identified(of=b"x"))):
        critical = [(extension[0][0], True)]
        yield from refuses(f"the {name} key identifier is critical", _INVALID, leaf(extensions=critical))


GROUP: Final = Group(
    "x5chain",
    "a chain ends at what was pinned, at the time that was handed in, and each certificate in it does what it may",
    (
        namesake,
        root_that_came_along,
        signer_of_itself,
        outside_of_its_time,
        other_purpose,
        neighbouring_purpose,
        other_key_usage,
        unknown_demand,
        authority_without_authority,
        another_key_identifier,
        another_country,
        out_of_its_scope,
        weak_key,
        weak_hash,
        chain_of_brainpool,
        too_many_to_search,
        too_much_to_read,
    ),
)
