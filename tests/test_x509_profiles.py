"""The named profiles: one good leaf each, and every fault by itself with its exact Reason.

Spec: ISO/IEC 18013-5 B.1.4, B.1.7, C.1.8 and 9.3.3; Token Status List section 10; RFC 5280 section 4.2.1.12.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from builders import NOW, certificate_key, der, local_key, misused, pem, raises
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from places import only_in_words
from test_x509 import SHA256_OID, resigned, tlv

from citizenid import Reason
from citizenid._model import CertificateProfile, UnixTime
from citizenid._x509 import PROFILES, CertifiedKey, load_roots, signer_window, verify_path

errors_say_where = only_in_words()

DS, READER, STATUS, VICAL, PLAIN = (
    CertificateProfile.MDOC_DOCUMENT_SIGNER,
    CertificateProfile.MDOC_READER,
    CertificateProfile.STATUS_LIST_SIGNER,
    CertificateProfile.VICAL_SIGNER,
    CertificateProfile.SD_JWT_VC_ISSUER,
)
OIDS = {DS: "1.0.18013.5.1.2", READER: "1.0.18013.5.1.6", VICAL: "1.0.18013.5.1.8"}
EQUIVALENTS = {DS: "1.0.23220.4.1.2", READER: "1.0.23220.4.1.6", VICAL: "1.0.23220.4.1.8"}
USED = {DS: ("digital_signature",), READER: ("digital_signature",), VICAL: ("content_commitment",)}
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string
SERVER = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string
BITS = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def name(common: str, country: Sequence[str] = ("UT",), state: Sequence[str] = ()) -> x509.Name:
    parts = [(NameOID.COUNTRY_NAME, each) for each in country]
    parts += [(NameOID.STATE_OR_PROVINCE_NAME, each) for each in state]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in [*parts, (NameOID.COMMON_NAME, common)]])


def make(
    subject: str,
    issuer: str,
    *,
    authority: bool = False,
    purposes: Sequence[str] | None = None,
    purposes_critical: bool = True,
    usage: Sequence[str] | None = None,
    usage_critical: bool = True,
    names: Mapping[str, x509.Name] | None = None,
    own_id: bytes | None = ...,  # type: ignore[assignment]  # an absent one is None
    issuer_id: bytes | None = ...,  # type: ignore[assignment]
    issuer_parts: bool = False,
    constraints: bool | None = None,
    serial: int | None = None,
) -> x509.Certificate:
    """A certificate with all that the profiles look at; ids are the names unless others are given."""
    names = names or {}
    own_id = subject.encode() if own_id is ... else own_id
    issuer_id = issuer.encode() if issuer_id is ... else issuer_id
    bits = (("key_cert_sign", "crl_sign") if authority else ()) if usage is None else usage
    builder = (
        x509.CertificateBuilder()
        .subject_name(names.get(subject) or name(subject))
        .issuer_name(names.get(issuer) or name(issuer))
        .public_key(certificate_key(subject).public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(datetime.datetime.fromtimestamp(NOW - 1_000, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(NOW + 1_000, datetime.UTC))
    )
    if bits:
        builder = builder.add_extension(x509.KeyUsage(**{bit: bit in bits for bit in BITS}), usage_critical)
    if authority if constraints is None else constraints:
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
    if purposes is not None:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ObjectIdentifier(each) for each in purposes]), purposes_critical
        )
    if own_id is not None:
        builder = builder.add_extension(x509.SubjectKeyIdentifier(own_id), False)
    if issuer_id is not None:
        parts = ([x509.DirectoryName(name(issuer))], 5) if issuer_parts else (None, None)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier(issuer_id, *parts), False)
    return builder.sign(certificate_key(issuer), hashes.SHA256())


ROOT = make("iaca", "iaca", authority=True)
CA = make("sub", "iaca", authority=True)


def leaf(profile: CertificateProfile, issuer: str = "iaca", **changes: Any) -> x509.Certificate:
    oid = OIDS.get(profile)
    good: dict[str, Any] = {
        "purposes": None if oid is None else (oid,),
        "usage": USED.get(profile, ("digital_signature",)),
    }
    return make("leaf", issuer, **{**good, **changes})


def walk(
    profile: CertificateProfile, *chain: x509.Certificate, roots: Sequence[x509.Certificate] = (ROOT,)
) -> CertifiedKey:
    return verify_path(der(*chain), load_roots(pem(*roots)), UnixTime(NOW), profile)


def refuses(
    reason: Reason, profile: CertificateProfile, *chain: x509.Certificate, roots: Sequence[x509.Certificate] = (ROOT,)
) -> None:
    error = raises(reason, reason.step, lambda: walk(profile, *chain, roots=roots))
    assert error.where == PROFILES[profile].where


every_profile = pytest.mark.parametrize("profile", list(CertificateProfile))
mdoc_profiles = pytest.mark.parametrize("profile", [DS, READER, VICAL])


@every_profile
def test_each_profile_has_a_row_and_a_good_leaf(profile: CertificateProfile) -> None:
    assert walk(profile, leaf(profile)).key == local_key(certificate_key("leaf")).public
    assert walk(profile, leaf(profile, issuer="sub"), CA).root == 0


@every_profile
def test_the_country_and_the_states_of_a_leaf_are_told_where_the_profile_looks_at_them(
    profile: CertificateProfile,
) -> None:
    names = {"leaf": name("leaf", state=("One",))}
    found = walk(profile, leaf(profile, names=names))
    assert (found.country, found.states) == (("UT", ("One",)) if PROFILES[profile].country else (None, ()))


# --- extended key usage: CHN-008, CHN-009 ---


@mdoc_profiles
def test_the_equivalent_purpose_of_iso_23220_is_accepted(profile: CertificateProfile) -> None:
    walk(profile, leaf(profile, purposes=(EQUIVALENTS[profile],)))


@mdoc_profiles
def test_the_purpose_must_be_stated_and_critical(profile: CertificateProfile) -> None:
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, leaf(profile, purposes=None))
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, leaf(profile, purposes_critical=False))


@every_profile
@pytest.mark.parametrize("critical", [True, False])
def test_a_purpose_of_another_role_is_none_of_ours(profile: CertificateProfile, critical: bool) -> None:
    own = {OIDS.get(profile), EQUIVALENTS.get(profile)} | ({OIDS[DS], EQUIVALENTS[DS]} if profile is PLAIN else set())
    for other in {*OIDS.values(), *EQUIVALENTS.values(), SERVER, "1.0.18013.5.1.22", "1.0.18013.5.1"} - own:
        wrong = leaf(profile, purposes=(other,), purposes_critical=critical)
        refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, wrong)


@every_profile
@pytest.mark.parametrize("critical", [True, False])
def test_any_purpose_is_no_purpose(profile: CertificateProfile, critical: bool) -> None:
    oid = OIDS.get(profile, OIDS[DS])
    for purposes in ((ANY,), (oid, ANY), (ANY, oid)):
        wrong = leaf(profile, purposes=purposes, purposes_critical=critical)
        refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, wrong)


@mdoc_profiles
def test_further_purposes_beside_the_right_one_do_no_harm(profile: CertificateProfile) -> None:
    walk(profile, leaf(profile, purposes=(SERVER, OIDS[profile])))


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("oid", [OIDS[DS], EQUIVALENTS[DS]])
def test_a_document_signer_may_issue_sd_jwt_vcs_as_well(oid: str, critical: bool) -> None:
    # One signer for both formats is what EUDI issuers have; whether it counts is for the anchor's formats to say.
    walk(PLAIN, leaf(PLAIN, purposes=(oid,), purposes_critical=critical))


# --- key usage: CHN-011 ---


@mdoc_profiles
def test_key_usage_must_be_stated(profile: CertificateProfile) -> None:
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, leaf(profile, usage=()))


@pytest.mark.parametrize("profile", [PLAIN, STATUS])
def test_key_usage_may_be_left_out_where_no_profile_asks_for_it(profile: CertificateProfile) -> None:
    walk(profile, leaf(profile, usage=()))


@every_profile
def test_the_bits_of_a_key_usage_bind_even_when_it_is_not_critical(profile: CertificateProfile) -> None:
    walk(profile, leaf(profile, usage_critical=False))
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, leaf(profile, usage=("key_encipherment",), usage_critical=False))


@every_profile
@pytest.mark.parametrize("more", ["key_cert_sign", "crl_sign"])
def test_the_bits_of_an_authority_are_none_of_a_leaf(profile: CertificateProfile, more: str) -> None:
    usage = (*USED.get(profile, ("digital_signature",)), more)
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, leaf(profile, usage=usage))


@pytest.mark.parametrize("more", ["key_encipherment", "data_encipherment", "key_agreement"])
@mdoc_profiles
def test_the_mdoc_profiles_take_no_further_bit(profile: CertificateProfile, more: str) -> None:
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, leaf(profile, usage=(*USED[profile], more)))


def test_content_commitment_is_for_vicals() -> None:
    walk(VICAL, leaf(VICAL, usage=("digital_signature",)))
    walk(VICAL, leaf(VICAL, usage=("digital_signature", "content_commitment")))
    for profile in (DS, READER, PLAIN, STATUS):
        refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, leaf(profile, usage=("content_commitment",)))
    for profile in (DS, READER):
        both = leaf(profile, usage=("digital_signature", "content_commitment"))
        refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, both)


# --- an authority is no leaf ---


@every_profile
def test_an_authority_is_no_leaf(profile: CertificateProfile) -> None:
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, leaf(profile, constraints=True))
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, profile, CA)


@every_profile
def test_a_leaf_that_issued_itself_is_refused_in_every_profile(profile: CertificateProfile) -> None:
    # CHN-004. Pinned or not: a root is an authority, and a signer is pinned by equality and not by a profile.
    refuses(Reason.CERTIFICATE_INVALID, profile, leaf(profile, issuer="leaf"))


@every_profile
def test_the_right_name_with_the_wrong_key_signs_nothing(profile: CertificateProfile) -> None:
    # CHN-001: an IACA of the same name, identifier and all.
    impostor = make("iaca", "iaca", authority=True)
    other = certificate_key("impostor")
    fake = (
        x509.CertificateBuilder(
            leaf(profile).issuer, leaf(profile).subject, certificate_key("leaf").public_key(), 5,
            leaf(profile).not_valid_before_utc, leaf(profile).not_valid_after_utc, list(leaf(profile).extensions),
        ).sign(other, hashes.SHA256())
    )  # fmt: skip
    refuses(Reason.CERTIFICATE_UNTRUSTED, profile, fake)
    refuses(Reason.CERTIFICATE_UNTRUSTED, profile, fake, roots=[ROOT, impostor])


# --- country and state: CHN-017, ISO/IEC 18013-5 9.3.3 ---


def of_country(
    leaf_country: Sequence[str], root_country: Sequence[str], states: tuple[Sequence[str], Sequence[str]] = ((), ())
) -> tuple[x509.Certificate, x509.Certificate]:
    names = {"leaf": name("leaf", leaf_country, states[0]), "iaca": name("iaca", root_country, states[1])}
    return leaf(DS, names=names), make("iaca", "iaca", authority=True, names=names)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("XX",), ("UT",)), ((), ("UT",)), (("UT",), ()), ((), ()), (("UT", "UT"), ("UT",)),
        (("UT", "XX"), ("UT",)), (("UT", "XX"), ("UT", "XX")), (("ut",), ("UT",)),
    ],
)  # fmt: skip
def test_the_country_of_a_document_signer_is_that_of_its_root(one: Sequence[str], other: Sequence[str]) -> None:
    signer, root = of_country(one, other)
    refuses(Reason.CERTIFICATE_COUNTRY_MISMATCH, DS, signer, roots=[root])


@pytest.mark.parametrize(("one", "other", "agree"), [
    (("NY",), ("NY",), True), (("NY",), (), True), ((), ("NY",), True), (("NY",), ("NJ",), False),
    (("NY", "NJ"), ("NY",), False),
])  # fmt: skip
def test_the_state_must_be_the_same_when_both_name_one(one: Sequence[str], other: Sequence[str], agree: bool) -> None:
    signer, root = of_country(("US",), ("US",), (one, other))
    if agree:
        walk(DS, signer, roots=[root])
    else:
        refuses(Reason.CERTIFICATE_COUNTRY_MISMATCH, DS, signer, roots=[root])


@pytest.mark.parametrize("profile", [READER, STATUS, VICAL, PLAIN])
def test_a_country_is_a_matter_of_document_signers_alone(profile: CertificateProfile) -> None:
    walk(profile, leaf(profile, names={"leaf": name("leaf", ("XX",))}))


def test_the_country_of_the_root_counts_and_not_that_of_an_intermediate() -> None:
    names = {"sub": name("sub", ("XX",))}
    ca = make("sub", "iaca", authority=True, names=names)
    walk(DS, leaf(DS, issuer="sub", names=names), ca)
    names["leaf"] = name("leaf", ("XX",))
    refuses(Reason.CERTIFICATE_COUNTRY_MISMATCH, DS, leaf(DS, issuer="sub", names=names), ca)


# --- key identifiers, where a profile wants them ---


@pytest.mark.parametrize("profile", [READER, VICAL])
def test_readers_and_vical_signers_name_the_keys_above_them(profile: CertificateProfile) -> None:
    refuses(Reason.CERTIFICATE_INVALID, profile, leaf(profile, issuer_id=None))
    refuses(Reason.CERTIFICATE_INVALID, profile, leaf(profile, issuer_parts=True))
    walk(profile, leaf(profile, own_id=None))
    for ca in (
        make("sub", "iaca", authority=True, own_id=None),
        make("sub", "iaca", authority=True, issuer_id=None),
    ):
        refuses(Reason.CERTIFICATE_INVALID, profile, leaf(profile, issuer="sub"), ca)
    root = make("iaca", "iaca", authority=True, own_id=None)
    refuses(Reason.CERTIFICATE_INVALID, profile, leaf(profile), roots=[root])
    walk(profile, leaf(profile), roots=[make("iaca", "iaca", authority=True, issuer_id=None)])


@pytest.mark.parametrize("profile", [DS, STATUS, PLAIN])
def test_elsewhere_a_missing_key_identifier_is_a_fault_of_the_issuer_alone(profile: CertificateProfile) -> None:
    walk(profile, leaf(profile, issuer_id=None, own_id=None))
    refuses(Reason.CERTIFICATE_INVALID, profile, leaf(profile, issuer_id=b"another"))


# --- a chain that repeats the root ---


def test_a_vical_chain_may_repeat_the_root_and_no_other_may() -> None:
    chain = (leaf(VICAL, issuer="sub"), CA)
    stranger = make("other", "other", authority=True)
    assert walk(VICAL, *chain, ROOT).root == 0
    assert walk(VICAL, *chain, ROOT, roots=[stranger, ROOT]).root == 1
    assert walk(VICAL, *chain).root == 0
    refuses(Reason.CERTIFICATE_UNTRUSTED, VICAL, *chain, stranger)  # CHN-002: not pinned
    refuses(Reason.CERTIFICATE_UNTRUSTED, VICAL, *chain, stranger, roots=[stranger, ROOT])
    refuses(Reason.CERTIFICATE_INVALID, VICAL, ROOT)
    for profile in (DS, READER, STATUS, PLAIN):
        refuses(Reason.CERTIFICATE_UNTRUSTED, profile, leaf(profile, issuer="sub"), CA, ROOT)


def test_a_repeated_root_makes_no_room_for_a_third_intermediate() -> None:
    names = ("sub", "sub2", "sub3")
    cas = [make(one, of, authority=True) for one, of in zip(names, ("iaca", *names), strict=False)]
    two = (leaf(VICAL, issuer="sub2"), cas[1], cas[0])
    three = (leaf(VICAL, issuer="sub3"), cas[2], cas[1], cas[0])
    walk(VICAL, *two, ROOT)
    refuses(Reason.LIMIT_EXCEEDED, VICAL, *three)
    refuses(Reason.LIMIT_EXCEEDED, VICAL, *three, ROOT)
    refuses(Reason.LIMIT_EXCEEDED, DS, *two, ROOT)


def test_a_repeated_root_is_the_one_whose_rules_hold() -> None:
    # Two roots of one key are pinned; the chain says which of them it means.
    short = make("iaca", "iaca", authority=True, own_id=b"other-id", issuer_id=None)
    refuses(Reason.CERTIFICATE_INVALID, VICAL, leaf(VICAL), short, roots=[ROOT, short])
    assert walk(VICAL, leaf(VICAL), ROOT, roots=[short, ROOT]).root == 1
    assert walk(VICAL, leaf(VICAL), roots=[short, ROOT]).root == 1


# --- serial numbers ---


def renumbered(source: x509.Certificate, content: bytes, signer: str, *, private: Any = None) -> bytes:
    """The same certificate with other bytes for its serial number 0x55, signed again."""
    tbs = source.tbs_certificate_bytes
    body = tbs[4:] if tbs[1] == 0x82 else tbs[3:]
    assert body[5:8] == b"\x02\x01\x55"
    changed = tlv(0x30, body[:5] + tlv(0x02, content) + body[8:])
    return resigned(changed, tlv(0x30, SHA256_OID), private or certificate_key(signer), hashes.SHA256())


STRANGE = [b"\x00", b"\xff", b"\x80", b"\xd5\xaa", b"\x00" + b"\xff" * 20, b"\x80" + bytes(20)]


@mdoc_profiles
@pytest.mark.parametrize("content", STRANGE)
def test_the_mdoc_profiles_take_any_serial_number_without_a_warning(
    profile: CertificateProfile, content: bytes, recwarn: pytest.WarningsRecorder
) -> None:
    roots = load_roots(pem(ROOT))
    data = renumbered(leaf(profile, serial=0x55), content, "iaca")
    assert verify_path([data], roots, UnixTime(NOW), profile).key == local_key(certificate_key("leaf")).public
    ca = renumbered(make("sub", "iaca", authority=True, serial=0x55), content, "iaca")
    below = renumbered(leaf(profile, issuer="sub", serial=0x55), content, "sub")
    verify_path([below, ca], roots, UnixTime(NOW), profile)
    assert len(recwarn) == 0


@mdoc_profiles
@pytest.mark.parametrize("content", [b"", b"\x00\x00", b"\x00\x55", b"\xff\xff", b"\xff\x80", b"\xff" * 21])
def test_a_serial_number_is_no_longer_than_it_need_be(profile: CertificateProfile, content: bytes) -> None:
    # X.690 section 8.3.2. In the place of a number that is not positive the library reads another one.
    data = renumbered(leaf(profile, serial=0x55), content, "iaca")
    raises(Reason.CERTIFICATE_INVALID, None, lambda: verify_path([data], load_roots(pem(ROOT)), UnixTime(NOW), profile))
    root = renumbered(make("iaca", "iaca", authority=True, serial=0x55), content, "iaca")
    text = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(root) + b"-----END CERTIFICATE-----\n"
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(text))


@mdoc_profiles
def test_a_strange_serial_number_is_signed_like_any_other(profile: CertificateProfile) -> None:
    roots = load_roots(pem(ROOT))

    def untrusted(chain: list[bytes]) -> None:
        raises(Reason.CERTIFICATE_UNTRUSTED, "V2", lambda: verify_path(chain, roots, UnixTime(NOW), profile))

    source = leaf(profile, serial=0x55)
    good = renumbered(source, b"\xd5\xaa", "iaca")
    at = good.index(b"\x02\x02\xd5\xaa")
    for other in (b"\xd5\xab", b"\x55\xaa", b"\x80\x00", b"\x01\x01"):  # the last is what is read in its place
        untrusted([good[: at + 2] + other + good[at + 4 :]])
    untrusted([renumbered(source, b"\xd5\xaa", "iaca", private=certificate_key("impostor"))])
    untrusted([renumbered(leaf(profile, issuer="stranger", serial=0x55), b"\xd5", "iaca")])
    weak = good.replace(SHA256_OID, bytes.fromhex("06082a8648ce3d040301"))  # ecdsa-with-SHA224
    untrusted([weak])


@mdoc_profiles
def test_with_a_strange_serial_number_the_names_are_compared_as_texts(profile: CertificateProfile) -> None:
    """Whether a text is a PrintableString or a UTF8String makes no other name (RFC 5280 section 7.1)."""
    plain = leaf(profile, serial=0x55).tbs_certificate_bytes
    data = renumbered(leaf(profile, serial=0x55), b"\xd5\xaa", "iaca")
    tbs = x509.load_der_x509_certificate(
        data.replace(b"\x02\x02\xd5\xaa", b"\x02\x02\x55\xaa", 1)
    ).tbs_certificate_bytes
    other = tbs.replace(b"\x02\x02\x55\xaa", b"\x02\x02\xd5\xaa", 1).replace(b"\x0c\x04iaca", b"\x13\x04iaca", 1)
    assert b"\x0c\x04iaca" in plain
    chain = [resigned(other, tlv(0x30, SHA256_OID), certificate_key("iaca"), hashes.SHA256())]
    verify_path(chain, load_roots(pem(ROOT)), UnixTime(NOW), profile)


@mdoc_profiles
def test_a_root_with_another_kind_of_key_signs_no_certificate_of_a_strange_serial_number(
    profile: CertificateProfile,
) -> None:
    """ISO/IEC 18013-5 annex B has ECDSA alone; a key of another kind must not end in another exception either."""
    for private, hash_ in (
        (rsa.generate_private_key(65_537, 2_048), hashes.SHA256()),
        (ed25519.Ed25519PrivateKey.generate(), None),
    ):
        root = x509.CertificateBuilder(
            ROOT.issuer, ROOT.subject, private.public_key(), 5, ROOT.not_valid_before_utc, ROOT.not_valid_after_utc,
            list(ROOT.extensions),
        ).sign(private, hash_)  # fmt: skip
        data = renumbered(leaf(profile, serial=0x55), b"\xd5\xaa", "iaca")
        roots = load_roots(pem(root))
        call = partial(verify_path, [data], roots, UnixTime(NOW), profile)
        raises(Reason.CERTIFICATE_UNTRUSTED, "V2", call)


@pytest.mark.parametrize("content", [b"\x55", b"\xd5"])
def test_the_algorithm_is_the_same_in_both_places_whatever_the_serial_number(content: bytes) -> None:
    # Its issuer did sign these bytes, with the algorithm that stands outside of them (RFC 5280 section 4.1.1.2).
    tbs = leaf(DS, serial=0x55).tbs_certificate_bytes.replace(b"\x02\x01\x55", b"\x02\x01" + content, 1)
    outside = tlv(0x30, bytes.fromhex("06082a8648ce3d040303"))  # ecdsa-with-SHA384
    data = resigned(tbs, outside, certificate_key("iaca"), hashes.SHA384())
    raises(Reason.CERTIFICATE_INVALID, None, lambda: verify_path([data], load_roots(pem(ROOT)), UnixTime(NOW), DS))
    good = resigned(tbs, tlv(0x30, SHA256_OID), certificate_key("iaca"), hashes.SHA256())
    verify_path([good], load_roots(pem(ROOT)), UnixTime(NOW), DS)


@pytest.mark.parametrize("profile", [PLAIN, STATUS])
@pytest.mark.parametrize("content", STRANGE)
def test_the_other_profiles_take_positive_ones_of_twenty_octets(profile: CertificateProfile, content: bytes) -> None:
    data = renumbered(leaf(profile, serial=0x55), content, "iaca")
    call = lambda: verify_path([data], load_roots(pem(ROOT)), UnixTime(NOW), profile)  # noqa: E731
    raises(Reason.CERTIFICATE_INVALID, None, call)


@pytest.mark.parametrize("content", [b"\xff", b"\x00", b"\x80" + bytes(20)])
def test_a_strange_serial_number_can_be_revoked(content: bytes) -> None:
    # The builder of the library writes positive ones alone, so that of the entry is written by hand as well.
    data = renumbered(leaf(DS, serial=0x55), content, "iaca")
    entries = tlv(0x30, tlv(0x30, tlv(0x02, content) + tlv(0x17, b"240101000000Z")))
    number = tlv(0xA0, tlv(0x30, tlv(0x30, bytes.fromhex("0603551d14") + tlv(0x04, b"\x02\x01\x01"))))

    def listed(revoked: bytes) -> bytes:
        dates = tlv(0x17, b"240101000000Z") + tlv(0x17, b"490101000000Z")
        tbs = b"\x02\x01\x01" + tlv(0x30, SHA256_OID) + ROOT.subject.public_bytes() + dates + revoked + number
        return resigned(tlv(0x30, tbs), tlv(0x30, SHA256_OID), certificate_key("iaca"), hashes.SHA256())

    verify_path([data], load_roots(pem(ROOT), [listed(b"")]), UnixTime(NOW), DS)
    call = lambda: verify_path([data], load_roots(pem(ROOT), [listed(entries)]), UnixTime(NOW), DS)  # noqa: E731
    raises(Reason.CERTIFICATE_REVOKED, "V2", call)


# --- what a root must be is no matter of profiles ---


def test_a_root_with_a_purpose_is_a_root_when_it_is_not_critical() -> None:
    load_roots(pem(make("iaca", "iaca", authority=True, purposes=(SERVER,), purposes_critical=False)))
    critical = make("iaca", "iaca", authority=True, purposes=(SERVER,))
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(critical)))


# --- a chain that is to be written ---


def test_a_chain_is_held_against_its_profile_before_it_is_written() -> None:
    assert signer_window(der(leaf(DS)), DS) == (NOW - 1_000, NOW + 1_001)
    assert signer_window(der(leaf(DS, "sub"), CA), DS) == (NOW - 1_000, NOW + 1_001)
    assert signer_window(der(leaf(DS)), PLAIN) == signer_window(der(leaf(PLAIN)), PLAIN)
    countries = [(), ("UT", "UT"), ("UT", "VT")]
    for profile, chain in (
        (DS, [leaf(PLAIN)]), (DS, [leaf(READER)]), (PLAIN, [leaf(READER)]), (DS, [ROOT]), (DS, [CA]),
        (DS, [leaf(DS, usage=None)]), (DS, [leaf(DS, purposes_critical=False)]), (DS, [leaf(DS), leaf(DS)]),
        (DS, [leaf(DS), CA, CA, CA]), (DS, [leaf(DS, "sub"), make("sub", "iaca")]),
        (DS, [leaf(DS, "sub"), make("sub", "iaca", authority=True, purposes=(SERVER,), purposes_critical=False)]),
        (READER, [leaf(READER, own_id=None, issuer_id=None)]),
        *((DS, [leaf(DS, names={"leaf": name("leaf", each)})]) for each in countries),
    ):  # fmt: skip
        misused(Reason.CONFIGURATION_INVALID, lambda chain=chain, profile=profile: signer_window(der(*chain), profile))
    for broken in ((), (b"",), (b"no DER",), (bytes(20_000),)):
        misused(Reason.CONFIGURATION_INVALID, lambda broken=broken: signer_window(broken, DS))
