"""Certificate paths of SD-JWT VC issuers: chains built here with `cryptography`, good and of every bad kind.

A chain is the sender's word until its last certificate is signed by a pinned root, so all of its bytes are hostile.

Spec: RFC 5280 section 6.1; RFC 7515 section 4.1.6; SD-JWT VC section 2.5; HAIP 1.0 section 6.1.1.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import nacl.bindings as sodium
import pytest
from builders import (
    ABSENT,
    ISSUER,
    NOW,
    VCT,
    accepted,
    anchors,
    certificate,
    certificate_key,
    der,
    jws,
    local_key,
    make,
    misused,
    pem,
    raises,
    refused,
    statuses,
    x5c,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa, x25519
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st
from places import only_in_words

from citizenid import (
    ANY,
    CitizenIDError,
    Format,
    KeyPurpose,
    MalformedError,
    PublicKey,
    Reason,
    TrustAnchors,
    VerificationError,
)
from citizenid._model import CertificateProfile, UnixTime
from citizenid._x509 import (
    CertifiedKey,
    Root,
    certificates,
    check_chain,
    load_roots,
    load_signers,
    pem_of,
    pinned_below,
    verify_path,
)
from citizenid.testing.forge.der import exchanged, integer, tlv

errors_say_where = only_in_words()

ROOT = certificate("root", "root", authority=True)
CA = certificate("ca", "root", authority=True)
CA2 = certificate("ca2", "ca", authority=True)
LEAF = certificate("leaf", "root")
LEAF_OF_CA = certificate("leaf", "ca")
LEAF_OF_CA2 = certificate("leaf", "ca2")


PLAIN = CertificateProfile.SD_JWT_VC_ISSUER


def walk(chain: Sequence[x509.Certificate | bytes], *roots: x509.Certificate, now: int = NOW) -> CertifiedKey:
    encoded = [each if isinstance(each, bytes) else der(each)[0] for each in chain]
    return verify_path(encoded, load_roots(pem(*(roots or (ROOT,)))), UnixTime(now), PLAIN)


def refuses(
    reason: Reason, chain: Sequence[x509.Certificate | bytes], *roots: x509.Certificate, now: int = NOW
) -> None:
    raises(reason, None, lambda: walk(chain, *roots, now=now))


# --- good chains ---


@pytest.mark.parametrize("chain", [[LEAF], [LEAF_OF_CA, CA], [LEAF_OF_CA2, CA2, CA]])
def test_a_chain_to_a_pinned_root_gives_the_key_of_its_leaf(chain: list[x509.Certificate]) -> None:
    certified = walk(chain)
    assert certified.key == local_key(certificate_key("leaf")).public
    assert certified.root == 0
    # X.509 notAfter is inclusive, ours is exclusive.
    assert (certified.not_before, certified.not_after) == (NOW - 86_400, NOW + 86_400 + 1)


def test_an_intermediate_may_be_pinned_itself() -> None:
    assert walk([LEAF_OF_CA], CA).root == 0
    assert walk([LEAF_OF_CA2, CA2], ROOT, CA).root == 1


def test_the_window_is_that_of_every_certificate_of_the_path() -> None:
    ca = certificate("ca", "root", authority=True, not_before=NOW - 50, not_after=NOW + 500)
    leaf = certificate("leaf", "ca", not_before=NOW - 500, not_after=NOW + 50)
    certified = walk([leaf, ca])
    assert (certified.not_before, certified.not_after) == (NOW - 50, NOW + 51)


@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_each_position_of_the_path_must_be_valid_at_now(position: int) -> None:
    window = {"not_before": NOW - 10, "not_after": NOW + 10}
    times = [window if position == index else {} for index in range(4)]
    root = certificate("root", "root", authority=True, **times[3])  # type: ignore[arg-type]
    ca = certificate("ca", "root", authority=True, **times[2])  # type: ignore[arg-type]
    ca2 = certificate("ca2", "ca", authority=True, **times[1])  # type: ignore[arg-type]
    leaf = certificate("leaf", "ca2", **times[0])  # type: ignore[arg-type]
    chain = [leaf, ca2, ca]
    refuses(Reason.CERTIFICATE_EXPIRED, chain, root, now=NOW - 11)
    walk(chain, root, now=NOW - 10)
    walk(chain, root, now=NOW + 10)
    refuses(Reason.CERTIFICATE_EXPIRED, chain, root, now=NOW + 11)


def test_a_renewed_root_of_the_same_key_serves_beside_the_old_one() -> None:
    # Roots are renewed under their key and both stay pinned for a while; the order of the PEM file decides nothing.
    old = certificate("root", "root", authority=True, not_before=NOW - 900, not_after=NOW - 100)
    walk([LEAF], ROOT, old)
    walk([LEAF], old, ROOT)


def test_a_narrow_root_does_not_hide_a_wider_one_of_the_same_key() -> None:
    narrow = certificate("root", "root", authority=True, path_length=0)
    walk([LEAF_OF_CA, CA], ROOT, narrow)
    walk([LEAF_OF_CA, CA], narrow, ROOT)


@pytest.mark.parametrize("private", [ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP521R1()),
                                     ed25519.Ed25519PrivateKey.generate()])  # fmt: skip
def test_a_leaf_may_have_a_key_of_any_algorithm_of_the_house(private: Any) -> None:
    leaf = certificate("leaf", "root", public=private.public_key())
    assert walk([leaf]).key == local_key(private).public


def test_an_authority_may_sign_with_rsa_brainpool_edwards_curves_and_ml_dsa() -> None:
    for private, hash_ in (
        (rsa.generate_private_key(65537, 2048), hashes.SHA256()),
        (ed25519.Ed25519PrivateKey.generate(), None),
        (ed448.Ed448PrivateKey.generate(), None),
        (ec.generate_private_key(ec.BrainpoolP256R1()), hashes.SHA256()),
        (ec.generate_private_key(ec.BrainpoolP384R1()), hashes.SHA384()),
        (ec.generate_private_key(ec.BrainpoolP512R1()), hashes.SHA512()),
        (mldsa.MLDSA44PrivateKey.generate(), None),
        (mldsa.MLDSA87PrivateKey.generate(), None),
    ):
        root = certificate(
            "other", "other", authority=True, signer=private, public=private.public_key(), hash_algorithm=hash_
        )
        walk([certificate("leaf", "other", signer=private, hash_algorithm=hash_)], root)


WEAK: list[Any] = [
    rsa.generate_private_key(65537, 1024),  # noqa: S505  # that they are weak is the point
    rsa.generate_private_key(65537, 2050),
    ec.generate_private_key(ec.SECP224R1()),
    ec.generate_private_key(ec.SECP192R1()),
    ec.generate_private_key(ec.SECP256K1()),  # wide enough, and in no table
    dsa.generate_private_key(2048),
]


@pytest.mark.parametrize("private", WEAK)
def test_a_weak_key_signs_no_certificates(private: Any) -> None:
    root = certificate("other", "other", authority=True, signer=private, public=private.public_key())
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(root)))
    weak = certificate("ca", "root", authority=True, public=private.public_key())
    refuses(Reason.KEY_INVALID, [certificate("leaf", "ca", signer=private), weak])


@pytest.mark.parametrize(
    ("bits", "exponent", "good"),
    [
        (2_048, 3, True), (4_096, 65_537, True), (8_192, 65_537, True), (2_048, 2**64 - 1, True),
        (8_200, 65_537, False), (16_384, 65_537, False), (64_000, 65_537, False),
        (2_048, 1, False), (2_048, 65_538, False), (2_048, 2**64 + 1, False), (2_048, 2**2_046 + 1, False),
        (-2_048, 65_537, False),
    ],
    ids=lambda value: value if type(value) is bool else hex(value)[:20],
)  # fmt: skip
def test_an_rsa_key_of_an_authority_has_its_bounds(bits: int, exponent: int, good: bool) -> None:
    modulus = 3 << abs(bits) - 2 | (bits > 0)  # below nothing it is even

    def with_key(name: str, issuer: str) -> bytes:
        source = certificate(name, issuer, authority=True)
        number = tlv(0x30, integer(modulus) + integer(exponent))
        info = tlv(0x30, tlv(0x30, bytes.fromhex("06092a864886f70d0101010500")) + tlv(0x03, b"\0" + number))
        return exchanged(source, key_info=info, signer=certificate_key(issuer))

    ca = with_key("ca", "root")
    refuses(Reason.CERTIFICATE_UNTRUSTED if good else Reason.KEY_INVALID, [LEAF_OF_CA, ca])  # nobody has such a key
    root = pem_of(with_key("root", "root"))
    if good:
        assert len(load_roots(root)) == 1
    else:
        misused(Reason.ANCHOR_INVALID, lambda: load_roots(root))


def test_an_authority_on_a_curve_without_a_backend_has_its_own_reason() -> None:
    private = ec.generate_private_key(ec.BrainpoolP384R1())
    source = certificate("ca", "root", authority=True, public=private.public_key())
    known, unknown = bytes.fromhex("06092b240303020801010b"), bytes.fromhex("06092b2403030208010109")
    tbs = source.tbs_certificate_bytes.replace(known, unknown)
    ca = resigned(tbs, tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())
    refuses(Reason.CURVE_UNSUPPORTED, [certificate("leaf", "ca", signer=private), ca])


def test_a_key_that_no_root_vouches_for_is_never_looked_at() -> None:
    # The weak key would be its own Reason; here nobody signed the certificate that it stands in.
    weak = certificate("ca", "root", authority=True, public=WEAK[0].public_key(), signer=certificate_key("stranger"))
    refuses(Reason.CERTIFICATE_UNTRUSTED, [certificate("leaf", "ca", signer=WEAK[0]), weak])


def test_the_basic_constraints_of_an_authority_are_critical() -> None:
    plain = [(x509.BasicConstraints(True, None), False)]
    ca = certificate("ca", "root", authority=True, constraints=False, extensions=plain)
    refuses(Reason.CERTIFICATE_INVALID, [LEAF_OF_CA, ca])
    root = certificate("root", "root", authority=True, constraints=False, extensions=plain)
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(root)))


# --- CHN-015: key identifiers ---


def with_ids(subject: str, issuer: str, own: bytes | None, of: bytes | None, **changes: Any) -> x509.Certificate:
    extensions: list[tuple[x509.ExtensionType, bool]] = []
    if own is not None:
        extensions.append((x509.SubjectKeyIdentifier(own), False))
    if of is not None:
        extensions.append((x509.AuthorityKeyIdentifier(of, None, None), False))
    return certificate(subject, issuer, extensions=extensions, **changes)


def test_key_identifiers_agree_at_every_hop_when_both_are_there() -> None:
    root = with_ids("root", "root", b"root-key", None, authority=True)
    for of in (b"root-key", None):
        walk([with_ids("leaf", "root", None, of)], root)
    walk([with_ids("leaf", "root", None, b"another")], ROOT)
    refuses(Reason.CERTIFICATE_INVALID, [with_ids("leaf", "root", None, b"another")], root)
    ca = with_ids("ca", "root", b"ca-key", b"root-key", authority=True)
    walk([with_ids("leaf", "ca", None, b"ca-key"), ca], root)
    refuses(Reason.CERTIFICATE_INVALID, [with_ids("leaf", "ca", None, b"root-key"), ca], root)


def test_roots_that_may_have_issued_one_another_are_found_as_a_slow_reading_finds_them() -> None:
    names, ids = ("root", "other"), (None, b"a", b"b")
    roots: list[Root] = []
    for number, (subject, issuer, own, of) in enumerate(itertools.product(names, names, ids, (*ids, b""))):
        private = certificate_key(f"pinned-{number % 3}")
        extensions: list[tuple[x509.ExtensionType, bool]] = []
        if own is not None:
            extensions.append((x509.SubjectKeyIdentifier(own), False))
        if of is not None:  # with nothing but a name and a serial number it says of no key
            stated = x509.AuthorityKeyIdentifier(of, None, None)
            named = x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(ROOT.subject)], 7)
            extensions.append((stated if of else named, False))
        made = certificate(
            subject, issuer, authority=True, public=private.public_key(), signer=private, extensions=extensions
        )
        if subject != issuer or of in (None, b"", own) or own is None:
            roots.extend(load_roots(pem(made)))
    expected = [
        (below.der, above.der)
        for below in roots
        for above in roots
        if above.certificate.subject == below.certificate.issuer
        and above.key != below.key
        and certificates.names_key_of(below.certificate, above.certificate)
        and (subject_of(below) != issuer_of(below) or states_authority(below))
    ]
    found = [(below.der, above.der) for below, above in pinned_below(roots)]
    assert len(found) == len(expected) > 400 and sorted(found) == sorted(expected)


def subject_of(root: Root) -> x509.Name:
    return root.certificate.subject


def issuer_of(root: Root) -> x509.Name:
    return root.certificate.issuer


def states_authority(root: Root) -> bool:
    return any(type(each.value) is x509.AuthorityKeyIdentifier for each in root.certificate.extensions)


def test_a_chain_that_is_to_be_written_begins_with_a_key_that_may_sign() -> None:
    public = local_key(certificate_key("leaf")).public
    plain = {"constraints": False, "usage_critical": None}
    for changes in (
        plain,
        {**plain, "usage_critical": True},
        {"usage_critical": None},
        {"usage": {"content_commitment": True}},
    ):
        check_chain(der(certificate("leaf", "root", **changes)), public)
    for changes in (
        {"usage": {"digital_signature": False}},
        {"usage": {"key_cert_sign": True}},
        {**plain, "usage_critical": True, "usage": {"crl_sign": True}},
        {"authority": True},
        {"authority": True, "usage_critical": None},
    ):
        chain = der(certificate("leaf", "root", **changes))
        misused(Reason.CONFIGURATION_INVALID, lambda chain=chain: check_chain(chain, public))


def test_a_chain_that_is_to_be_written_has_three_certificates_of_positive_numbers() -> None:
    public = local_key(certificate_key("leaf")).public
    ca3 = certificate("ca3", "ca2", authority=True)
    for chain in (der(LEAF), der(LEAF_OF_CA, CA), der(certificate("leaf", "ca2"), CA2, CA)):
        check_chain(chain, public)
    negative = edited(certificate("leaf", "root", serial=0x55), b"\x02\x01\x55", b"\x02\x01\x80")
    for wrong in (der(certificate("leaf", "ca3"), ca3, CA2, CA), (), (*der(LEAF), "x"), ("x",), (negative,)):
        misused(Reason.CONFIGURATION_INVALID, lambda wrong=wrong: check_chain(wrong, public))


def test_a_root_below_one_of_its_name_and_of_another_key_is_below_nobody() -> None:
    named = load_roots(pem(with_ids("root", "root", b"root-key", b"root-key", authority=True)))
    below = load_roots(pem(with_ids("ca", "root", b"ca-key", b"another-key", authority=True)))
    assert list(pinned_below([*named, *below])) == []
    below = load_roots(pem(with_ids("ca", "root", b"ca-key", b"root-key", authority=True)))
    assert list(pinned_below([*named, *below])) == [(below[0], named[0])]


def test_a_root_that_does_not_name_its_own_key_is_no_root() -> None:
    load_roots(pem(with_ids("root", "root", b"root-key", b"root-key", authority=True)))
    bad = with_ids("root", "root", b"root-key", b"another", authority=True)
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(bad)))


# --- CHN-001, 002, 004: the chain ends in a pinned root, and nothing of the message is one ---


def test_a_root_of_the_same_name_and_another_key_signs_nothing_for_us() -> None:
    impostor = certificate_key("impostor")
    refuses(Reason.CERTIFICATE_UNTRUSTED, [certificate("leaf", "root", signer=impostor)])
    fake_ca = certificate("ca", "root", authority=True, signer=impostor)
    refuses(Reason.CERTIFICATE_UNTRUSTED, [LEAF_OF_CA, fake_ca])
    fake_root = certificate("root", "root", authority=True, signer=impostor, public=impostor.public_key())
    refuses(Reason.CERTIFICATE_UNTRUSTED, [certificate("leaf", "root", signer=impostor), fake_root])


def test_the_right_key_under_another_name_signs_nothing_for_us() -> None:
    leaf = certificate("leaf", "stranger", signer=certificate_key("root"))
    refuses(Reason.CERTIFICATE_UNTRUSTED, [leaf])


def test_a_chain_to_nowhere_is_refused() -> None:
    other_root = certificate("other", "other", authority=True)
    refuses(Reason.CERTIFICATE_UNTRUSTED, [certificate("leaf", "other")])
    refuses(Reason.CERTIFICATE_UNTRUSTED, [certificate("leaf", "other"), other_root])
    refuses(Reason.CERTIFICATE_UNTRUSTED, [LEAF_OF_CA])  # the intermediate is missing


def test_the_root_itself_is_not_sent() -> None:
    refuses(Reason.CERTIFICATE_UNTRUSTED, [LEAF, ROOT])
    refuses(Reason.CERTIFICATE_UNTRUSTED, [LEAF_OF_CA, CA, ROOT])
    refuses(Reason.CERTIFICATE_INVALID, [ROOT])


def test_the_wrong_order_is_refused() -> None:
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, [CA, LEAF_OF_CA])
    refuses(Reason.CERTIFICATE_UNTRUSTED, [LEAF_OF_CA2, CA, CA2])
    refuses(Reason.CERTIFICATE_UNTRUSTED, [LEAF_OF_CA2, CA])
    refuses(Reason.CERTIFICATE_UNTRUSTED, [LEAF, CA])  # an intermediate that signed nothing
    refuses(Reason.CERTIFICATE_UNTRUSTED, [LEAF_OF_CA, CA, CA])
    refuses(Reason.CERTIFICATE_INVALID, [LEAF_OF_CA, LEAF_OF_CA, CA])


@pytest.mark.parametrize("position", [0, 1, 2])
def test_at_every_hop_the_right_name_with_the_wrong_key_signs_nothing(position: int) -> None:
    # CHN-001: everything but one signature is as it should be, names, keys, the rest of the chain and the root.
    good = [LEAF_OF_CA2, CA2, CA]
    walk(good)
    issuers = [("leaf", "ca2"), ("ca2", "ca"), ("ca", "root")]
    name, issuer = issuers[position]
    forged = certificate(name, issuer, authority=position > 0, signer=certificate_key("impostor"))
    refuses(Reason.CERTIFICATE_UNTRUSTED, [*good[:position], forged, *good[position + 1 :]])


def test_a_signer_signs_itself_never() -> None:
    self_signed = certificate("leaf", "leaf")
    refuses(Reason.CERTIFICATE_INVALID, [self_signed])
    refuses(Reason.CERTIFICATE_INVALID, [self_signed, ROOT])
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(self_signed)))


def test_an_authority_signs_no_credentials() -> None:
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, [CA])
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, [CA2, CA])


def test_an_end_entity_issues_no_certificates() -> None:
    below = certificate("below", "leaf")
    refuses(Reason.CERTIFICATE_INVALID, [below, LEAF])
    for bad in (
        certificate("ca", "root", authority=True, usage={"key_cert_sign": False}),
        certificate("ca", "root", usage={"key_cert_sign": True}),
        certificate("ca", "root", constraints=False, usage={"key_cert_sign": True}),
    ):
        refuses(Reason.CERTIFICATE_INVALID, [LEAF_OF_CA, bad])


def test_four_certificates_are_one_too_many() -> None:
    ca3 = certificate("ca3", "ca2", authority=True)
    refuses(Reason.LIMIT_EXCEEDED, [certificate("leaf", "ca3"), ca3, CA2, CA])
    refuses(Reason.LIMIT_EXCEEDED, [LEAF, LEAF, LEAF, LEAF])
    refuses(Reason.LIMIT_EXCEEDED, [b"not even DER"] * 1_000)


def test_a_chain_is_bounded_in_bytes_before_it_is_read() -> None:
    refuses(Reason.LIMIT_EXCEEDED, [bytes(5_000_000)])
    refuses(Reason.LIMIT_EXCEEDED, [LEAF_OF_CA, bytes(10_241)])
    refuses(Reason.CERTIFICATE_INVALID, [LEAF_OF_CA, bytes(10_240)])
    refuses(Reason.CERTIFICATE_INVALID, [])


# --- the profile of a certificate ---


@pytest.mark.parametrize(
    "usage",
    [
        {"digital_signature": False},
        {"key_cert_sign": True},
        {"crl_sign": True},
        {"key_cert_sign": True, "digital_signature": False},
    ],
)
def test_the_key_usage_of_a_leaf_is_to_sign_objects_and_no_certificates(usage: dict[str, bool]) -> None:
    bits = usage if usage.get("digital_signature", True) else {**usage, "content_commitment": True}
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, [certificate("leaf", "root", usage=bits)])


def test_a_key_usage_that_nobody_has_defined_is_refused_at_every_position() -> None:
    # Nine bits have a name; of those behind them the library says nothing.
    def stated(bits: bytes) -> tuple[x509.UnrecognizedExtension, bool]:
        return x509.UnrecognizedExtension(x509.KeyUsage.oid, bytes((3, len(bits))) + bits), True

    def with_usage(subject: str, bits: bytes, **changes: Any) -> x509.Certificate:
        return certificate(subject, "root", usage_critical=None, extensions=[stated(bits)], **changes)

    for known in (b"\x07\x80", b"\x00\x80", b"\x00\x80\x00", b"\x07\x88\x80"):
        walk([with_usage("leaf", known)])
    for unknown in (b"\x06\x80\x40", b"\x00\x80\x01", b"\x07\x80\x00\x80", b"\x00\x80\x00\x00\x01"):
        refuses(Reason.CERTIFICATE_INVALID, [with_usage("leaf", unknown)])
    walk([LEAF_OF_CA, with_usage("ca", b"\x01\x06", authority=True)])
    refuses(Reason.CERTIFICATE_INVALID, [LEAF_OF_CA, with_usage("ca", b"\x06\x06\x40", authority=True)])
    root = certificate("root", "root", authority=True, usage_critical=None, extensions=[stated(b"\x06\x06\x40")])
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(root)))


def test_a_leaf_without_basic_constraints_is_no_authority_and_passes() -> None:
    walk([certificate("leaf", "root", constraints=False)])


def test_path_length_is_counted_in_intermediates_below() -> None:
    def chain(root_length: int | None, ca_length: int | None) -> Callable[[], CertifiedKey]:
        root = certificate("root", "root", authority=True, path_length=root_length)
        ca = certificate("ca", "root", authority=True, path_length=ca_length)
        return lambda: walk([LEAF_OF_CA2, CA2, ca], root)

    assert chain(None, None)() and chain(2, 1)()
    raises(Reason.CERTIFICATE_INVALID, None, chain(2, 0))
    raises(Reason.CERTIFICATE_INVALID, None, chain(1, None))
    raises(Reason.CERTIFICATE_INVALID, None, chain(0, None))
    walk([LEAF], certificate("root", "root", authority=True, path_length=0))


UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
NAMES = x509.NameConstraints(permitted_subtrees=[x509.DNSName("example.com")], excluded_subtrees=None)
POLICY = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)


AKI = x509.AuthorityKeyIdentifier(b"12345678", None, None)
SKI = x509.SubjectKeyIdentifier(b"12345678")
# The library knows these, and here nobody follows them.
POLICIES = x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("2.5.29.32.0"), None)])
FRESHEST = x509.FreshestCRL([x509.DistributionPoint([x509.DNSName("a.example")], None, None, None)])
STAPLED = x509.TLSFeature([x509.TLSFeatureType.status_request])


@pytest.mark.parametrize(
    "extension",
    [UNKNOWN, NAMES, POLICY, x509.InhibitAnyPolicy(0), AKI, SKI, POLICIES, FRESHEST, STAPLED, x509.OCSPNoCheck()],
)
def test_a_critical_extension_that_is_not_understood_refuses_at_every_position(extension: x509.ExtensionType) -> None:
    critical = [(extension, True)]
    refuses(Reason.CERTIFICATE_INVALID, [certificate("leaf", "root", extensions=critical)])
    refuses(Reason.CERTIFICATE_INVALID, [LEAF_OF_CA, certificate("ca", "root", authority=True, extensions=critical)])
    root = certificate("root", "root", authority=True, extensions=critical)
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(root)))


@pytest.mark.parametrize("extension", [NAMES, POLICY, x509.InhibitAnyPolicy(0)])
def test_a_constraint_that_is_not_followed_refuses_even_when_it_is_not_critical(extension: x509.ExtensionType) -> None:
    plain = [(extension, False)]
    refuses(Reason.CERTIFICATE_INVALID, [certificate("leaf", "root", extensions=plain)])
    refuses(Reason.CERTIFICATE_INVALID, [LEAF_OF_CA, certificate("ca", "root", authority=True, extensions=plain)])
    root = certificate("root", "root", authority=True, extensions=plain)
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(root)))


def test_a_purpose_of_an_authority_confines_what_it_certifies() -> None:
    def below(*purposes: str, critical: bool = False) -> list[x509.Certificate]:
        stated = x509.ExtendedKeyUsage([ObjectIdentifier(each) for each in purposes])
        return [LEAF_OF_CA, certificate("ca", "root", authority=True, extensions=[(stated, critical)])]

    server, signer, any_ = "1.3.6.1.5.5.7.3.1", "1.0.18013.5.1.2", "2.5.29.37.0"
    for good in ((signer,), (server, signer), (any_,), (server, any_)):
        walk(below(*good))
        refuses(Reason.CERTIFICATE_INVALID, below(*good, critical=True))
    # The leaf states no purpose: an authority for TLS would make it a signer by leaving that out.
    for other in ((server,), (server, "1.3.6.1.5.5.7.3.2"), ("1.0.18013.5.1.6",), (signer + ".1",)):
        refuses(Reason.CERTIFICATE_USE_FORBIDDEN, below(*other))
    far = [LEAF_OF_CA2, CA2, below(server)[1]]
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, far)


def test_an_unknown_extension_that_is_not_critical_passes() -> None:
    walk([certificate("leaf", "root", extensions=[(UNKNOWN, False)])])


def test_a_digest_outside_of_the_list_is_refused_at_every_position() -> None:
    for weak in (hashes.SHA224(), hashes.SHA3_256()):
        refuses(Reason.CERTIFICATE_UNTRUSTED, [certificate("leaf", "root", hash_algorithm=weak)])
        refuses(Reason.CERTIFICATE_UNTRUSTED, [certificate("leaf", "ca", hash_algorithm=weak), CA])
        ca = certificate("ca", "root", authority=True, hash_algorithm=weak)
        refuses(Reason.CERTIFICATE_UNTRUSTED, [LEAF_OF_CA, ca])


@pytest.mark.parametrize("hash_algorithm", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_sha_2_is_accepted(hash_algorithm: Any) -> None:
    walk([certificate("leaf", "root", hash_algorithm=hash_algorithm)])


def test_sha_1_is_refused_at_every_position() -> None:
    # `cryptography` signs nothing with SHA-1 any more: the digest algorithm is written in by hand and signed again.
    refuses(Reason.CERTIFICATE_UNTRUSTED, [with_sha1(LEAF, certificate_key("root"))])
    refuses(Reason.CERTIFICATE_UNTRUSTED, [with_sha1(LEAF_OF_CA, certificate_key("ca")), CA])
    refuses(Reason.CERTIFICATE_UNTRUSTED, [LEAF_OF_CA, with_sha1(CA, certificate_key("root"))])


# --- a little DER, enough to write certificates that no library writes ---


def resigned(tbs: bytes, algorithm: bytes, private: ec.EllipticCurvePrivateKey, hash_: Any) -> bytes:
    signature = private.sign(tbs, ec.ECDSA(hash_))
    return tlv(0x30, tbs + algorithm + tlv(0x03, b"\0" + signature))


SHA256_OID = bytes.fromhex("06082a8648ce3d040302")  # ecdsa-with-SHA256
SHA1_OID = bytes.fromhex("06072a8648ce3d0401")  # ecdsa-with-SHA1
UNKNOWN_OID = bytes.fromhex("06082a8648ce3d04037f")


def edited(source: x509.Certificate, old: bytes, new: bytes) -> bytes:
    """Replace bytes of the same length inside tbsCertificate, which is then no longer signed."""
    tbs = source.tbs_certificate_bytes
    assert len(old) == len(new) and old in tbs
    return der(source)[0].replace(tbs, tbs.replace(old, new, 1))


def with_sha1(source: x509.Certificate, private: ec.EllipticCurvePrivateKey) -> bytes:
    content = source.tbs_certificate_bytes
    header = 4 if content[1] == 0x82 else 3
    tbs = tlv(0x30, content[header:].replace(tlv(0x30, SHA256_OID), tlv(0x30, SHA1_OID), 1))
    return resigned(tbs, tlv(0x30, SHA1_OID), private, hashes.SHA1())  # noqa: S303  # that it is weak is the point


def even(sign: Callable[[], bytes]) -> bytes:
    """What ends in a bit that is none: then a count of one unused bit is sound DER."""
    return next(data for data in iter(sign, b"") if data[-1] % 2 == 0)


def unused_bit(data: bytes) -> bytes:
    """The same with the count of unused bits of its signature set to one."""
    # From the end: the bytes of a signature may look like a head of their own.
    at = next(len(data) - size - 2 for size in range(66, 75) if data[-size - 2 : 1 - size] == bytes((3, size, 0)))
    return data[: at + 2] + b"\x01" + data[at + 3 :]


RSA = rsa.generate_private_key(65537, 2048)
RSA_ROOT = certificate("rsa", "rsa", authority=True, public=RSA.public_key(), signer=RSA)
PSS_OID = bytes.fromhex("06092a864886f70d01010a")
SHA256_PARAMETERS = tlv(0x30, bytes.fromhex("0609608648016503040201") + b"\x05\x00")


def pss(further: bytes = b"") -> bytes:
    """The AlgorithmIdentifier of RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 4055 section 3.1)."""
    mask = tlv(0x30, bytes.fromhex("06092a864886f70d010108") + SHA256_PARAMETERS)
    parameters = tlv(0xA0, SHA256_PARAMETERS) + tlv(0xA1, mask) + tlv(0xA2, b"\x02\x01\x20") + further
    return tlv(0x30, PSS_OID + tlv(0x30, parameters))


def trailer(number: int) -> bytes:
    return tlv(0xA3, bytes((2, 1, number)))


def signed_with_pss(signed: bytes, scheme: bytes) -> bytes:
    """What was signed by ECDSA, a certificate or a list, signed anew."""
    content = signed[2 if signed[1] < 0x80 else signed[1] - 0x7E :]
    tbs = tlv(0x30, content.replace(tlv(0x30, SHA256_OID), scheme, 1))
    signature = RSA.sign(tbs, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    return tlv(0x30, tbs + scheme + tlv(0x03, b"\0" + signature))


def root_with_key_for(scheme: bytes) -> bytes:
    """RSA_ROOT with another AlgorithmIdentifier of its key, PEM."""
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    key_info = RSA.public_key().public_bytes(encoding, form)
    other = tlv(0x30, scheme + key_info[key_info.index(b"\x03\x82") :])
    content = RSA_ROOT.tbs_certificate_bytes[4:].replace(key_info, other)
    tbs = tlv(0x30, content)
    algorithm = tlv(0x30, bytes.fromhex("06092a864886f70d01010b") + b"\x05\x00")
    data = tlv(0x30, tbs + algorithm + tlv(0x03, b"\0" + RSA.sign(tbs, padding.PKCS1v15(), hashes.SHA256())))
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----\n"


def test_a_trailer_of_rsa_pss_is_the_one_that_there_is() -> None:
    # RFC 4055 section 3.1: 1, written or not. The library reads past it.
    source = certificate("leaf", "rsa", signer=certificate_key("root")).tbs_certificate_bytes
    for good in (pss(), pss(trailer(1))):
        walk([signed_with_pss(source, good)], RSA_ROOT)
    for bad in (trailer(2), trailer(0), tlv(0xA3, b"\x02\x02\x00\x01"), tlv(0xA3, b"\x04\x01\x01")):
        refuses(Reason.CERTIFICATE_INVALID, [signed_with_pss(source, pss(bad))], RSA_ROOT)
    load_roots(root_with_key_for(pss(trailer(1))))
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(root_with_key_for(pss(trailer(2)))))


def test_a_key_for_rsa_pss_signs_in_no_other_way() -> None:
    # RFC 4055 section 1.2: who certifies a key for this scheme alone has not certified it for the older one.
    older = certificate("leaf", "rsa", signer=RSA)
    newer = signed_with_pss(certificate("leaf", "rsa", signer=certificate_key("root")).tbs_certificate_bytes, pss())
    for scheme in (tlv(0x30, PSS_OID), pss()):
        roots = load_roots(root_with_key_for(scheme))
        verify_path([newer], roots, UnixTime(NOW), PLAIN)
        raises(
            Reason.CERTIFICATE_UNTRUSTED, "V2", lambda roots=roots: verify_path(der(older), roots, UnixTime(NOW), PLAIN)
        )


def test_bits_of_a_signature_that_are_not_used_are_not_signed_and_must_be_none() -> None:
    tbs, algorithm = LEAF.tbs_certificate_bytes, tlv(0x30, SHA256_OID)
    good = even(lambda: resigned(tbs, algorithm, certificate_key("root"), hashes.SHA256()))
    walk([good])
    refuses(Reason.CERTIFICATE_INVALID, [unused_bit(good)])


def test_a_certificate_of_version_1_is_refused() -> None:
    content = LEAF.tbs_certificate_bytes[4 if LEAF.tbs_certificate_bytes[1] == 0x82 else 3 :]
    start = content.index(b"\xa3")  # the extensions come last
    while tlv(0xA3, content[start + 2 + (content[start + 1] > 127) :]) != content[start:]:
        start = content.index(b"\xa3", start + 1)
    plain = tlv(0x30, content[len(VERSION_3) : start])
    data = resigned(plain, tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())
    assert x509.load_der_x509_certificate(data).version is x509.Version.v1
    refuses(Reason.CERTIFICATE_INVALID, [data])


def test_the_hand_of_this_file_signs_what_the_library_would() -> None:
    tbs = LEAF.tbs_certificate_bytes
    walk([resigned(tbs, tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())])


def test_the_name_of_an_issuer_is_compared_as_it_is_written() -> None:
    tbs = LEAF.tbs_certificate_bytes
    other = tbs.replace(b"\x0c\x04root", b"\x13\x04root", 1)  # a PrintableString in the place of a UTF8String
    assert other != tbs
    refuses(
        Reason.CERTIFICATE_UNTRUSTED, [resigned(other, tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())]
    )


# --- hostile bytes: every chain arrives unauthenticated, so none may end in another exception ---


@pytest.mark.parametrize("data", [
    b"", b"\0", b"0", b"\x30\x00", b"\x30\x80\x00\x00", b"\xff" * 64, b"\x30\x84\xff\xff\xff\xff", b"\x30" * 4_096,
    der(LEAF)[0][:-1], der(LEAF)[0] + b"\0", pem(LEAF), ISSUER.encode(),
])  # fmt: skip
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    refuses(Reason.CERTIFICATE_INVALID, [data])
    refuses(Reason.CERTIFICATE_INVALID, [LEAF_OF_CA, data])


VERSION_3 = bytes.fromhex("a003020102")


@pytest.mark.parametrize("version", [0, 1, 3, 6, 0x7F, 0xFF])
def test_a_certificate_of_another_version_is_refused(version: int) -> None:
    refuses(Reason.CERTIFICATE_INVALID, [edited(LEAF, VERSION_3, VERSION_3[:-1] + bytes([version]))])


@pytest.mark.parametrize("position", [0, 1])
def test_an_unknown_signature_algorithm_is_refused(position: int) -> None:
    chain = [*der(LEAF_OF_CA, CA)]
    chain[position] = chain[position].replace(SHA256_OID, UNKNOWN_OID)
    with pytest.raises(VerificationError) as caught:
        walk(chain)
    assert caught.value.reason in (Reason.CERTIFICATE_INVALID, Reason.CERTIFICATE_UNTRUSTED)


@pytest.mark.parametrize("serial", [b"\x02\x01\x00", b"\x02\x01\xff", b"\x02\x01\x80"])
def test_a_serial_number_that_is_not_positive_is_refused_without_a_warning(
    serial: bytes, recwarn: pytest.WarningsRecorder
) -> None:
    # The library under us warns of it, and under -W error a warning is another exception.
    source = certificate("leaf", "root", serial=0x55)
    refuses(Reason.CERTIFICATE_INVALID, [edited(source, b"\x02\x01\x55", serial)])
    assert len(recwarn) == 0


@pytest.mark.parametrize("serial", [b"\x02\x01\x00", b"\x02\x01\xff", b"\x02\x01\x80"])
def test_nothing_asks_for_the_serial_number_of_a_root(serial: bytes, recwarn: pytest.WarningsRecorder) -> None:
    root = edited(certificate("root", "root", authority=True, serial=0x55), b"\x02\x01\x55", serial)
    text = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(root) + b"-----END CERTIFICATE-----\n"
    (loaded,) = load_roots(text)
    assert loaded.der == root
    verify_path(der(LEAF), [loaded], UnixTime(NOW), PLAIN)
    assert len(recwarn) == 0


@pytest.mark.parametrize("broken", [
    pem(ROOT).replace(b"END CERTIFICATE", b"END X509 CRL"), pem(ROOT).replace(b"BEGIN", b"BEGIN X509"),
    pem(ROOT)[:-10], pem(ROOT).replace(b"\n", b"\n*", 2), b"-----" + pem(ROOT), pem(ROOT) + b"-----BEGIN CERTIFICATE",
    pem(ROOT) + b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
])  # fmt: skip
def test_broken_armour_holds_no_root(broken: bytes) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(broken))


def test_text_and_other_things_beside_the_certificates_do_no_harm() -> None:
    other = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    data = b"subject=CN = root\n" + pem(ROOT) + other + pem(CA).replace(b"\n", b"\r\n") + b"\n"
    assert [root.der for root in load_roots(data)] == [*der(ROOT, CA)]
    assert load_roots(data.decode()) == load_roots(data)


def test_a_serial_number_has_at_most_twenty_octets_and_one_of_a_root_may_have_more() -> None:
    walk([certificate("leaf", "root", serial=2**159 - 1)])
    name, whole = tlv(0x02, (2**158).to_bytes(20, "big")), tlv(0x02, b"\0" + (2**159).to_bytes(20, "big"))

    def lengthened(source: x509.Certificate, signer: str) -> bytes:
        tbs = source.tbs_certificate_bytes
        content = tbs[4:] if tbs[1] == 0x82 else tbs[3:]
        assert name in content
        longer = tlv(0x30, content.replace(name, whole, 1))
        return resigned(longer, tlv(0x30, SHA256_OID), certificate_key(signer), hashes.SHA256())

    refuses(Reason.CERTIFICATE_INVALID, [lengthened(certificate("leaf", "root", serial=2**158), "root")])
    root = lengthened(certificate("root", "root", authority=True, serial=2**158), "root")
    walk([LEAF], x509.load_der_x509_certificate(root))


@pytest.mark.parametrize("serial", [b"\x82\x01\xff", b"\x82\x01\x00", b"\x82\x01\x80"])
def test_a_serial_number_inside_a_key_identifier_is_refused_without_a_warning(
    serial: bytes, recwarn: pytest.WarningsRecorder
) -> None:
    name = x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")]))
    extension = x509.AuthorityKeyIdentifier(b"12345678", [name], 0x55)
    walk([certificate("leaf", "root", extensions=[(extension, False)])])
    for source, chain in (
        (certificate("leaf", "root", extensions=[(extension, False)]), lambda data: [data]),
        (certificate("ca", "root", authority=True, extensions=[(extension, False)]), lambda data: [LEAF_OF_CA, data]),
    ):
        refuses(Reason.CERTIFICATE_INVALID, chain(edited(source, b"\x82\x01\x55", serial)))
    assert len(recwarn) == 0


COUNTRY_OID, COMMON_NAME_OID = bytes.fromhex("0603550406"), bytes.fromhex("0603550403")


@pytest.mark.parametrize(("oid", "value"), [
    (COUNTRY_OID, b"\x0c\x03USA"), (COUNTRY_OID, b"\x13\x01U"), (COUNTRY_OID, b"\x0c\x00"),
    (COMMON_NAME_OID, b"\x0c\x00"), (COMMON_NAME_OID, b"\x0c\x41" + b"a" * 65),
    (COMMON_NAME_OID, b"\x0c\x81\x80" + b"a" * 128), (COMMON_NAME_OID, b"\x1e\x42" + b"\0a" * 33),
    (COMMON_NAME_OID, b"\x14\x03\xe9\xe9\xe9"), (bytes.fromhex("060b2b0601040182373c020103"), b"\x13\x03USA"),
])  # fmt: skip
@pytest.mark.parametrize("place", ["subject", "issuer", "extension"])
def test_a_name_beyond_its_bounds_is_refused_without_a_warning(
    oid: bytes, value: bytes, place: str, recwarn: pytest.WarningsRecorder
) -> None:
    name = tlv(0x30, tlv(0x31, tlv(0x30, oid + value)))
    extension = x509.UnrecognizedExtension(x509.IssuerAlternativeName.oid, tlv(0x30, tlv(0xA4, name)))
    subject, issuer = ("marker" if place == each else each for each in ("subject", "issuer"))
    source = certificate(subject, issuer, extensions=[(extension, False)] if place == "extension" else ())
    content = source.tbs_certificate_bytes[4 if source.tbs_certificate_bytes[1] == 0x82 else 3 :]
    marker = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "marker")]).public_bytes()
    assert place == "extension" or marker in content
    broken = tlv(0x30, content.replace(marker, name, 1))
    refuses(
        Reason.CERTIFICATE_INVALID,
        [resigned(broken, tlv(0x30, SHA256_OID), certificate_key(issuer), hashes.SHA256())],
    )
    assert len(recwarn) == 0


def test_a_policy_as_deep_as_the_bytes_allow_ends_in_our_own_words() -> None:
    # The walk over policy texts goes down: as deep as a policy has reason to lie, and no deeper than the stack.
    nested = b""
    while len(nested) < 9_000:
        nested = tlv(0x30, nested)
    deep = x509.UnrecognizedExtension(x509.CertificatePolicies.oid, nested)
    leaf = certificate("leaf", "root", extensions=[(deep, False)])
    refuses(Reason.CERTIFICATE_INVALID, [leaf])
    root = certificate("root", "root", authority=True, extensions=[(deep, False)])
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(root)))


def test_a_name_within_its_bounds_passes() -> None:
    for common in ("a", "a" * 64, "\u00e9" * 32):
        walk([certificate(common, "root")])


def test_a_policy_text_with_stray_characters_is_refused_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    notice = x509.UserNotice(None, "marker-text")
    policy = x509.PolicyInformation(ObjectIdentifier("2.5.29.32.0"), [notice])
    source = certificate("leaf", "root", extensions=[(x509.CertificatePolicies([policy]), False)])
    walk([source])
    utf8 = b"\x0c\x0bmarker-text"
    for stray in (b"\xc3\xa9", b"t\x00", b"\x1ft", b"t\n", b"t\x7f"):  # controls stand outside of a VisibleString too
        refuses(Reason.CERTIFICATE_INVALID, [edited(source, utf8, b"\x1a\x0bmarker-te" + stray)])
    content = edited(source, utf8, b"\x1a\x0bmarker-te ~")
    tbs = x509.load_der_x509_certificate(content).tbs_certificate_bytes
    walk([resigned(tbs, tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())])
    assert len(recwarn) == 0


def test_an_extension_that_cannot_be_read_is_refused() -> None:
    marker = b"dns-name-marker"
    source = certificate(
        "leaf", "root", extensions=[(x509.SubjectAlternativeName([x509.DNSName(marker.decode())]), False)]
    )
    good = b"\x82" + bytes([len(marker)]) + marker
    for tag in (0xA3, 0xA5, 0x85, 0x9F, 0x02, 0x00):  # x400Address, ediPartyName and what is no GeneralName
        refuses(Reason.CERTIFICATE_INVALID, [edited(source, good, bytes([tag]) + good[1:])])


def test_an_extension_that_stands_twice_is_refused() -> None:
    extra = [
        (x509.UnrecognizedExtension(ObjectIdentifier(f"1.3.6.1.4.1.99999.{number}"), b"\x05\x00"), False)
        for number in (1, 2)
    ]
    source = certificate("leaf", "root", extensions=extra)
    one, two = (bytes.fromhex("060a2b06010401868d1f") for _ in range(2))
    assert one == two and source.tbs_certificate_bytes.count(one[2:]) == 2
    tbs = source.tbs_certificate_bytes
    last = tbs.rindex(one[2:]) + len(one) - 2
    refuses(Reason.CERTIFICATE_INVALID, [der(source)[0].replace(tbs, tbs[:last] + b"\x01" + tbs[last + 1 :])])


@given(position=st.integers(0, 10_000), value=st.integers(0, 255), index=st.integers(0, 1), cut=st.booleans())
def test_a_certificate_with_any_byte_changed_is_refused_in_our_own_words(
    position: int, value: int, index: int, cut: bool
) -> None:
    chain = [bytearray(each) for each in der(LEAF_OF_CA, CA)]
    data = chain[index]
    position %= len(data)
    if cut:
        del data[position:]
    elif data[position] == value:
        return
    else:
        data[position] = value
    with pytest.raises((MalformedError, VerificationError)) as caught:
        walk([bytes(each) for each in chain])
    assert caught.value.__context__ is None and caught.value.__cause__ is None


def test_every_byte_of_a_leaf_changed_in_several_ways_is_refused_in_our_own_words() -> None:
    # Exhaustive over the positions: an exception of the library below hides in a few of a thousand bytes.
    data = der(LEAF)[0]
    roots = load_roots(pem(ROOT))
    strays: set[str] = set()
    for position, byte in enumerate(data):
        for value in {byte ^ 1, byte ^ 4, byte ^ 0x80, 0, 0xFF} - {byte}:
            mutated = data[:position] + bytes([value]) + data[position + 1 :]
            try:
                verify_path([mutated], roots, UnixTime(NOW), PLAIN)
                strays.add("accepted")
            except (MalformedError, VerificationError):
                pass
            except Exception as error:  # what else comes out is what this test is about
                strays.add(type(error).__name__)
    assert strays == set()


# --- keys of another kind ---


def test_a_leaf_with_a_key_outside_of_the_table_is_refused() -> None:
    keys: list[Any] = [
        rsa.generate_private_key(65537, 2048),
        rsa.generate_private_key(65537, 1024),  # noqa: S505  # that it is weak is the point
        dsa.generate_private_key(1024),  # noqa: S505
        ec.generate_private_key(ec.SECP192R1()),
        ec.generate_private_key(ec.SECP224R1()),
        ec.generate_private_key(ec.SECP256K1()),
        x25519.X25519PrivateKey.generate(),
    ]
    for private in keys:
        refuses(Reason.KEY_INVALID, [certificate("leaf", "root", public=private.public_key())])


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        ("06092b2403030208010109", Reason.CURVE_UNSUPPORTED),  # brainpoolP320r1, the one of the standard's
        ("06092b2403030208010108", Reason.KEY_INVALID),  # brainpoolP256t1
        ("06092b240303020801010a", Reason.KEY_INVALID),  # brainpoolP320t1
        ("06092b240303020801017f", Reason.KEY_INVALID),  # nobody's
    ],
)
def test_only_the_curve_of_the_standard_that_no_library_here_has_has_a_reason_of_its_own(
    curve: str, reason: Reason
) -> None:
    # In place of brainpoolP384r1, at a point of the right size.
    private = ec.generate_private_key(ec.BrainpoolP384R1())
    source = certificate("leaf", "root", public=private.public_key())
    tbs = source.tbs_certificate_bytes.replace(bytes.fromhex("06092b240303020801010b"), bytes.fromhex(curve))
    refuses(reason, [resigned(tbs, tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())])


@pytest.mark.parametrize(
    ("name", "private"),
    [
        ("ESB256", ec.generate_private_key(ec.BrainpoolP256R1())),
        ("ESB384", ec.generate_private_key(ec.BrainpoolP384R1())),
        ("ESB512", ec.generate_private_key(ec.BrainpoolP512R1())),
        ("Ed448", ed448.Ed448PrivateKey.generate()),
    ],
)
def test_a_leaf_may_have_a_key_of_each_algorithm_that_the_table_has(name: str, private: Any) -> None:
    assert walk([certificate("leaf", "root", public=private.public_key())]).key.algorithm == name


def test_a_key_on_p256_is_taken_from_its_place_as_the_library_would_load_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def outcome(encoded: bytes) -> Any:
        try:
            return walk([encoded]).key
        except CitizenIDError as error:
            return error.reason

    source = certificate("leaf", "root", public=ec.generate_private_key(ec.SECP256R1()).public_key())
    public: Any = source.public_key()
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    others = [point[:-1] + bytes((point[-1] ^ 1,)), b"\4" + bytes(64), b"\4" + prime.to_bytes(32, "big") + point[33:]]
    leaves = [der(source)[0], *(rekeyed(source, point, other) for other in others)]
    taken = [outcome(leaf) for leaf in leaves]
    assert taken == [PublicKey.from_pem(public.public_bytes(*IN_PEM)), *3 * [Reason.KEY_INVALID]]
    with monkeypatch.context() as patched:
        patched.setattr(certificates, "_P256", re.compile(b"(?!)"))  # none
        assert [outcome(leaf) for leaf in leaves] == taken
    # Of a curve of the same size as well nothing is taken for another one.
    assert walk([certificate("leaf", "root", public=ec.generate_private_key(ec.BrainpoolP256R1()).public_key())]).key
    monkeypatch.setattr(certificates, "material_of", lambda *_: pytest.fail("loaded twice"))
    opened = certificates.read_certificate(leaves[0], leaf=True)
    assert opened is not None and certificates.key_of(opened, "x5c") == taken[0]


IN_PEM = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_a_leaf_whose_point_is_off_the_curve_or_of_small_order_is_refused() -> None:
    point = der(LEAF)[0][der(LEAF)[0].index(b"\x03\x42\x00\x04") + 4 :][:64]
    tbs = LEAF.tbs_certificate_bytes.replace(point, bytes(63) + b"\x01")
    broken = resigned(tbs, tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())
    with pytest.raises(CitizenIDError) as caught:
        walk([broken])
    assert caught.value.reason in (Reason.KEY_INVALID, Reason.CERTIFICATE_INVALID)

    private = ed25519.Ed25519PrivateKey.generate()
    source = certificate("leaf", "root", public=private.public_key())
    for y in (0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18):
        tbs = source.tbs_certificate_bytes.replace(private.public_key().public_bytes_raw(), y.to_bytes(32, "little"))
        refuses(Reason.KEY_INVALID, [resigned(tbs, tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())])


# A point of small order and one beyond its field, in the two Edwards curves.
WEAK_POINTS = [
    *((ed25519, number.to_bytes(32, "little")) for number in (0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18)),
    *((ed448, number.to_bytes(56, "little") + b"\0") for number in (0, 1, 2**448 - 2**224 - 2, 2**448 - 2**224)),
]


def rekeyed(source: x509.Certificate, old: bytes, new: bytes) -> bytes:
    """The same certificate of `root` with other bytes in its key, signed again."""
    tbs = source.tbs_certificate_bytes
    assert len(old) == len(new) and tbs.count(old) == 1
    return resigned(tbs.replace(old, new), tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())


def in_pem(data: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(("curve", "point"), WEAK_POINTS)
def test_an_authority_with_a_point_of_small_order_signs_no_certificates(curve: Any, point: bytes) -> None:
    kind = curve.Ed25519PrivateKey if curve is ed25519 else curve.Ed448PrivateKey
    private = kind.generate()
    old = private.public_key().public_bytes_raw()
    plain = certificate("ca", "root", authority=True, public=private.public_key())
    leaf = certificate("leaf", "ca", signer=private, hash_algorithm=None)
    walk([leaf, plain])
    error = raises(Reason.KEY_INVALID, None, lambda: walk([leaf, rekeyed(plain, old, point)]))
    assert error.where == "issuer-jwt.header.x5c"
    load_roots(pem(plain))
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(in_pem(rekeyed(plain, old, point))))


def test_a_point_of_mixed_order_is_no_key_of_a_signer_nor_of_an_authority() -> None:
    """A good point plus one of order 8: on the curve and canonical, but outside of the prime subgroup."""
    torsion = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    private = ed25519.Ed25519PrivateKey.generate()
    good = private.public_key().public_bytes_raw()
    mixed = sodium.crypto_core_ed25519_add(good, torsion)
    assert not sodium.crypto_core_ed25519_is_valid_point(mixed)
    leaf = certificate("leaf", "root", public=private.public_key())
    walk([leaf])
    refuses(Reason.KEY_INVALID, [rekeyed(leaf, good, mixed)])
    ca = certificate("ca", "root", authority=True, public=private.public_key())
    below = certificate("leaf", "ca", signer=private, hash_algorithm=None)
    walk([below, ca])
    refuses(Reason.KEY_INVALID, [below, rekeyed(ca, good, mixed)])
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(in_pem(rekeyed(ca, good, mixed))))


def test_nobody_signs_for_an_authority_whose_point_is_the_neutral_one() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    plain = certificate("ca", "root", authority=True, public=private.public_key())
    neutral = (1).to_bytes(32, "little")
    ca = rekeyed(plain, private.public_key().public_bytes_raw(), neutral)
    leaf = der(certificate("leaf", "ca", signer=private, hash_algorithm=None))[0]
    # R is the base point and S is 1: with a key that adds nothing, that is a signature of whatever there is.
    forged = leaf[:-64] + b"\x58" + b"\x66" * 31 + neutral
    x509.load_der_x509_certificate(forged).verify_directly_issued_by(x509.load_der_x509_certificate(ca))
    refuses(Reason.KEY_INVALID, [forged, ca])


def test_a_point_in_the_hybrid_form_is_refused_at_every_position() -> None:
    """RFC 5480 section 2.2: any first octet but 2, 3 and 4 MUST be rejected."""

    def written(source: x509.Certificate, first: int) -> bytes:
        public: Any = source.public_key()
        plain = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return rekeyed(source, plain, bytes([first]) + plain[1:])

    leaf, ca, root = (written(each, 4) for each in (LEAF, CA, ROOT))
    walk([leaf])
    walk([LEAF_OF_CA, ca])
    load_roots(in_pem(root))
    load_signers(in_pem(leaf))
    for first in (6, 7):  # of these the library takes the one that says of y what is so
        leaf, ca, root = (written(each, first) for each in (LEAF, CA, ROOT))
        refuses(Reason.CERTIFICATE_INVALID, [leaf])
        refuses(Reason.CERTIFICATE_INVALID, [LEAF_OF_CA, ca])
        misused(Reason.ANCHOR_INVALID, lambda root=root: load_roots(in_pem(root)))
        misused(Reason.ANCHOR_INVALID, lambda leaf=leaf: load_signers(in_pem(leaf)))


# RFC 2409 section 6.1, the smallest group that the library takes.
OAKLEY_1 = bytes.fromhex(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a3620ffffffffffffffff"
)


def test_a_key_of_diffie_hellman_is_pinned_by_nobody_and_loaded_without_a_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    # The library warns as soon as it loads such a key, and where warnings are errors that is another exception.
    numbers = tlv(0x30, tlv(0x02, bytes(1) + OAKLEY_1) + b"\x02\x01\x02")
    key = tlv(0x30, tlv(0x30, bytes.fromhex("06092a864886f70d010301") + numbers) + tlv(0x03, b"\0\x02\x01\x08"))
    for source, load in ((ROOT, load_roots), (LEAF, load_signers)):
        content = source.tbs_certificate_bytes[4 if source.tbs_certificate_bytes[1] == 0x82 else 3 :]
        spki = source.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        tbs = tlv(0x30, content.replace(spki, key))
        data = resigned(tbs, tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())
        misused(Reason.ANCHOR_INVALID, lambda load=load, data=data: load(in_pem(data)))
    assert len(recwarn) == 0


def test_a_key_with_explicit_curve_parameters_is_refused() -> None:
    # Explicit parameters let the sender choose the generator (CVE-2020-0601).
    named = bytes.fromhex("06082a8648ce3d030107")
    tbs = LEAF.tbs_certificate_bytes
    explicit = tlv(0x30, b"\x02\x01\x01" + tlv(0x30, bytes.fromhex("06072a8648ce3d0101") + b"\x02\x01\x07"))
    content = tbs[4:] if tbs[1] == 0x82 else tbs[3:]
    algorithm = tlv(0x30, bytes.fromhex("06072a8648ce3d0201") + named)
    at = content.index(algorithm)
    spki_start = at - 2
    assert content[spki_start] == 0x30
    spki = content[spki_start : spki_start + 2 + content[spki_start + 1]]
    changed = tlv(0x30, tlv(0x30, bytes.fromhex("06072a8648ce3d0201") + explicit) + spki[2 + len(algorithm) :])
    tbs = tlv(0x30, content.replace(spki, changed))
    broken = resigned(tbs, tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())
    refuses(Reason.CERTIFICATE_INVALID, [broken])


# --- in the whole pipeline: V2 ---


def root_anchors(*roots: x509.Certificate, **changes: Any) -> TrustAnchors:
    scope: dict[str, Any] = {
        "issuer": ISSUER,
        "purpose": KeyPurpose.CREDENTIAL,
        "formats": (Format.SD_JWT_VC,),
        "types": (VCT,),
        "countries": ANY,
    }
    return TrustAnchors.from_certificates(pem(*(roots or (ROOT,))), **{**scope, **changes})


def presented(*chain: x509.Certificate, header: dict[str, Any] | None = None, **changes: Any) -> bytes:
    return make(
        {"kid": ABSENT, "x5c": x5c(*chain), **(header or {})}, signer=local_key(certificate_key("leaf")), **changes
    )


def test_a_presentation_with_a_chain_verifies() -> None:
    for chain in ([LEAF], [LEAF_OF_CA, CA], [LEAF_OF_CA2, CA2, CA]):
        assert accepted(presented(*chain), anchors=root_anchors()).attestation.issuer == ISSUER


def test_the_chain_of_an_authority_helps_nobody_whom_it_did_not_certify() -> None:
    # Who has seen the public chain of a real issuer puts a leaf with his own key and the right names below it.
    key = certificate_key("thief")
    for issuer, above in (("root", []), ("ca", [CA]), ("ca2", [CA2, CA])):
        fake = certificate("leaf", issuer, public=key.public_key(), signer=key)
        data = make({"kid": ABSENT, "x5c": x5c(fake, *above)}, signer=local_key(key))
        refused(data, Reason.CERTIFICATE_UNTRUSTED, "V2", anchors=root_anchors())


def test_without_a_pinned_root_a_chain_is_untrusted() -> None:
    refused(presented(LEAF), Reason.CERTIFICATE_UNTRUSTED, "V2")


def test_an_issuer_anchored_by_keys_never_accepts_x5c() -> None:
    # KEY-004, KEY-005: the kid of a trusted key beside a chain, even one that leads to a pinned root.
    self_signed = certificate("leaf", "leaf")
    refused(presented(self_signed, header={"kid": "k1"}), Reason.CERTIFICATE_UNTRUSTED, "V2")
    both = anchors() | root_anchors(issuer="https://other.example")
    refused(presented(LEAF, header={"kid": "k1"}), Reason.ISSUER_MISMATCH, "V5", anchors=both)
    refused(presented(self_signed), Reason.CERTIFICATE_INVALID, "V2", anchors=both)


def test_the_leaf_must_be_the_signer() -> None:
    other = certificate("other-leaf", "root")
    refused(presented(other), Reason.SIGNATURE_INVALID, "V3", anchors=root_anchors())


@pytest.mark.parametrize(
    ("value", "reason", "step"),
    [
        ([], Reason.HEADER_INVALID, "V1"), ("AAAA", Reason.HEADER_INVALID, "V1"), (None, Reason.HEADER_INVALID, "V1"),
        ({}, Reason.HEADER_INVALID, "V1"), (x5c(LEAF)[0], Reason.HEADER_INVALID, "V1"),
        ([""], Reason.MALFORMED_BASE64, "V1"), ([5], Reason.MALFORMED_BASE64, "V1"),
        ([None], Reason.MALFORMED_BASE64, "V1"),
        (["A\u00e9=="], Reason.MALFORMED_BASE64, "V1"), ([x5c(LEAF)[0] + "\n"], Reason.MALFORMED_BASE64, "V1"),
        ([x5c(LEAF)[0].rstrip("=") + "==="], Reason.MALFORMED_BASE64, "V1"), (["AAA"], Reason.MALFORMED_BASE64, "V1"),
        (["_-A="], Reason.MALFORMED_BASE64, "V1"), (["AAB="], Reason.MALFORMED_BASE64, "V1"),
        (["AAAA"], Reason.CERTIFICATE_INVALID, "V2"),
        (["AAAA"] * 4, Reason.LIMIT_EXCEEDED, "V2"), (["AAAA"] * 5, Reason.LIMIT_EXCEEDED, "V1"),
        (["AAAA"] * 1_000, Reason.LIMIT_EXCEEDED, "V1"),
        ([base64.b64encode(bytes(20_000)).decode()], Reason.INPUT_TOO_LARGE, "V1"),
    ],
)  # fmt: skip
def test_the_header_holds_one_to_three_certificates_in_standard_base64(value: Any, reason: Reason, step: str) -> None:
    token = make({"x5c": value}, signer=local_key(certificate_key("leaf")))
    refused(token, reason, step, anchors=root_anchors())


def test_a_path_that_expires_takes_its_credentials_with_it() -> None:
    chain = [certificate("leaf", "root", not_after=NOW + 10)]
    accepted(presented(*chain), anchors=root_anchors(), now=NOW + 10)
    refused(presented(*chain), Reason.CERTIFICATE_EXPIRED, "V2", anchors=root_anchors(), now=NOW + 11)


def test_the_window_of_the_anchor_counts_as_well() -> None:
    window = root_anchors(not_before=NOW - 5, not_after=NOW + 5)
    refused(presented(LEAF), Reason.ANCHOR_NOT_YET_VALID, "V2", anchors=window, now=NOW - 6)
    accepted(presented(LEAF), anchors=window)
    refused(presented(LEAF), Reason.ANCHOR_EXPIRED, "V2", anchors=window, now=NOW + 5)


def test_a_status_list_may_come_with_a_chain_of_its_own_purpose() -> None:
    store = statuses()
    accepted(presented(LEAF), anchors=root_anchors(), statuses=store)
    status_roots = TrustAnchors.from_certificates(pem(ROOT), issuer=ISSUER, purpose=KeyPurpose.STATUS_LIST)
    refused(presented(LEAF), Reason.CERTIFICATE_UNTRUSTED, "V2", anchors=status_roots)


def test_a_chain_in_a_key_binding_vouches_for_nothing() -> None:
    attacker = local_key(certificate_key("leaf"))
    token = presented(LEAF, kb_signer=attacker, kb_header={"x5c": x5c(LEAF)})
    refused(token, Reason.SIGNATURE_INVALID, "V8", anchors=root_anchors())
    assert jws({"alg": "ES256"}, {}, attacker)  # the attacker can sign; that is all he can
