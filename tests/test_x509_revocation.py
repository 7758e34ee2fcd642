"""CRLs: which one counts, when none does, and that a verdict never outlives the list that it rests on.

Spec: RFC 5280 sections 5 and 6.3.3; ISO/IEC 18013-5 B.1.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from builders import NOW, certificate, certificate_key, der, misused, pem, raises
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st
from places import only_in_words
from test_x509 import (
    RSA,
    RSA_ROOT,
    SHA256_OID,
    even,
    pss,
    resigned,
    root_with_key_for,
    signed_with_pss,
    tlv,
    trailer,
    unused_bit,
)

from citizenid import CitizenIDError, MalformedError, Reason, VerificationError
from citizenid._model import CertificateProfile, UnixTime
from citizenid._x509 import CertifiedKey, load_roots, verify_path

errors_say_where = only_in_words()

PLAIN = CertificateProfile.SD_JWT_VC_ISSUER
ROOT = certificate("root", "root", authority=True)
CA = certificate("ca", "root", authority=True, serial=71)
LEAF = certificate("leaf", "root", serial=72)
LEAF_OF_CA = certificate("leaf", "ca", serial=73)
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


def moment(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def entry(serial: int, *extensions: tuple[x509.ExtensionType, bool]) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment(NOW - 50))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.build()


def crl(
    issuer: str = "root",
    revoked: Iterable[int | x509.RevokedCertificate] = (),
    *,
    this: int = NOW - 100,
    until: int = NOW + 100,
    signer: Any = None,
    number: bool = True,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    hash_algorithm: Any = hashes.SHA256(),  # noqa: B008  # an immutable value
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .last_update(moment(this))
        .next_update(moment(until))
    )
    if number:
        builder = builder.add_extension(x509.CRLNumber(1), False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for each in revoked:
        builder = builder.add_revoked_certificate(entry(each) if isinstance(each, int) else each)
    made = builder.sign(signer or certificate_key(issuer), hash_algorithm)
    return made.public_bytes(serialization.Encoding.DER)


def walk(
    chain: Sequence[x509.Certificate], *crls: bytes, root: x509.Certificate = ROOT, now: int = NOW
) -> CertifiedKey:
    return verify_path(der(*chain), load_roots(pem(root), crls), UnixTime(now), PLAIN)


def refuses(reason: Reason, chain: Sequence[x509.Certificate], *crls: bytes, **changes: Any) -> None:
    raises(reason, "V2", lambda: walk(chain, *crls, **changes), (VerificationError,))


# --- what is listed, and by whom ---


def test_a_list_that_names_nobody_lets_everybody_pass() -> None:
    walk([LEAF], crl())
    walk([LEAF], crl(revoked=[71, 73, 5]))
    walk([LEAF])  # no list at all: the operator looks at no revocation


def test_a_listed_certificate_is_revoked() -> None:
    refuses(Reason.CERTIFICATE_REVOKED, [LEAF], crl(revoked=[5, 72]))


def test_an_intermediate_is_judged_by_the_list_of_the_root_and_a_leaf_by_that_of_its_issuer() -> None:
    chain = [LEAF_OF_CA, CA]
    walk(chain, crl(), crl("ca"))
    refuses(Reason.CERTIFICATE_REVOKED, chain, crl(revoked=[71]), crl("ca"))
    refuses(Reason.CERTIFICATE_REVOKED, chain, crl(), crl("ca", revoked=[73]))
    # The same number under another issuer is another certificate.
    walk(chain, crl(revoked=[73]), crl("ca", revoked=[71]))


@pytest.mark.parametrize("reason", [x509.ReasonFlags.remove_from_crl, x509.ReasonFlags.certificate_hold,
                                    x509.ReasonFlags.unspecified, x509.ReasonFlags.key_compromise])  # fmt: skip
def test_whatever_the_reason_says_what_is_listed_is_revoked(reason: x509.ReasonFlags) -> None:
    refuses(Reason.CERTIFICATE_REVOKED, [LEAF], crl(revoked=[entry(72, (x509.CRLReason(reason), False))]))


def test_a_revocation_of_tomorrow_counts_today() -> None:
    late = x509.RevokedCertificateBuilder().serial_number(72).revocation_date(moment(NOW + 50)).build()
    refuses(Reason.CERTIFICATE_REVOKED, [LEAF], crl(revoked=[late]))


# --- every issuer on the path must be covered ---


def test_with_one_list_given_every_issuer_must_have_one() -> None:
    chain = [LEAF_OF_CA, CA]
    refuses(Reason.CRL_UNUSABLE, chain, crl())
    refuses(Reason.CRL_UNUSABLE, chain, crl("ca"))
    refuses(Reason.CRL_UNUSABLE, [LEAF], crl("other"))


def test_a_revoked_hop_near_the_root_refuses_before_one_that_is_not_covered() -> None:
    refuses(Reason.CERTIFICATE_REVOKED, [LEAF_OF_CA, CA], crl(revoked=[71]))


def test_a_list_of_the_right_name_and_the_wrong_key_covers_nobody() -> None:
    foreign = crl(signer=certificate_key("impostor"))
    refuses(Reason.CRL_UNUSABLE, [LEAF], foreign)
    # It hides no good one either, however new it is.
    newer = crl(signer=certificate_key("impostor"), this=NOW - 1)
    walk([LEAF], newer, crl())
    refuses(Reason.CERTIFICATE_REVOKED, [LEAF], newer, crl(revoked=[72]))


def test_a_list_of_the_right_key_and_another_name_covers_nobody() -> None:
    refuses(Reason.CRL_UNUSABLE, [LEAF], crl("stranger", signer=certificate_key("root")))


def test_a_list_with_a_changed_byte_covers_nobody() -> None:
    data = crl(revoked=[0x55AA])
    at = data.index(bytes.fromhex("020255aa"))
    refuses(Reason.CRL_UNUSABLE, [LEAF], data[: at + 3] + b"\xab" + data[at + 4 :])


def test_an_issuer_that_may_not_sign_lists_has_none() -> None:
    root = certificate("root", "root", authority=True, usage={"crl_sign": False})
    refuses(Reason.CRL_UNUSABLE, [LEAF], crl(), root=root)


def test_a_root_without_key_usage_may_sign_lists() -> None:
    plain = (
        x509.CertificateBuilder(
            ROOT.issuer, ROOT.subject, certificate_key("root").public_key(), 5, ROOT.not_valid_before_utc,
            ROOT.not_valid_after_utc, [x509.Extension(x509.BasicConstraints.oid, True, x509.BasicConstraints(True, 0))],
        ).sign(certificate_key("root"), hashes.SHA256())
    )  # fmt: skip
    walk([LEAF], crl(), root=plain)


@pytest.mark.parametrize("kind", ["rsa", "ed25519", "brainpool"])
def test_a_list_may_be_signed_by_any_key_of_an_authority(kind: str) -> None:
    private: Any = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "brainpool": ec.generate_private_key(ec.BrainpoolP256R1()),
    }[kind]
    hash_algorithm = None if kind == "ed25519" else hashes.SHA256()
    root = certificate(
        "other", "other", authority=True, signer=private, public=private.public_key(), hash_algorithm=hash_algorithm
    )
    leaf = certificate("leaf", "other", signer=private, hash_algorithm=hash_algorithm, serial=72)
    walk([leaf], crl("other", signer=private, hash_algorithm=hash_algorithm), root=root)
    refuses(
        Reason.CERTIFICATE_REVOKED,
        [leaf],
        crl("other", [72], signer=private, hash_algorithm=hash_algorithm),
        root=root,
    )
    # A list signed with another kind of key than the root's covers nobody.
    refuses(Reason.CRL_UNUSABLE, [leaf], crl("other", signer=certificate_key("root")), root=root)


def test_a_list_of_a_key_for_rsa_pss_is_signed_in_that_scheme() -> None:
    by_pss = signed_with_pss(certificate("leaf", "rsa", serial=72).tbs_certificate_bytes, pss())
    of_pss = x509.load_der_x509_crl(crl("rsa", signer=certificate_key("root"))).tbs_certlist_bytes
    older = crl("rsa", signer=RSA)

    def walk_under(pem_: bytes, data: bytes) -> CertifiedKey:
        return verify_path([by_pss], load_roots(pem_, [data]), UnixTime(NOW), PLAIN)

    walk_under(pem(RSA_ROOT), signed_with_pss(of_pss, pss()))
    walk_under(pem(RSA_ROOT), older)
    keyed = root_with_key_for(pss())
    walk_under(keyed, signed_with_pss(of_pss, pss()))
    raises(Reason.CRL_UNUSABLE, "V2", lambda: walk_under(keyed, older))
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(RSA_ROOT), [signed_with_pss(of_pss, pss(trailer(2)))]))


def test_a_list_that_says_to_be_signed_in_a_way_that_nobody_knows_covers_nobody() -> None:
    known, unknown = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d04037f")
    data = crl(revoked=[72])
    assert data.count(known) == 2  # in what is signed, and beside the signature
    refuses(Reason.CRL_UNUSABLE, [LEAF], data.replace(known, unknown))


def test_a_list_is_signed_over_a_digest_of_the_list() -> None:
    refuses(Reason.CRL_UNUSABLE, [LEAF], crl(hash_algorithm=hashes.SHA224()))
    walk([LEAF], crl(hash_algorithm=hashes.SHA384()))


def test_a_revocation_under_one_root_is_not_undone_by_another_certificate_of_its_key() -> None:
    renewed = certificate("root", "root", authority=True)
    lists = [crl(revoked=[72])]
    for other in ([], [crl()], [crl("other")]):
        roots = [*load_roots(pem(ROOT), lists), *load_roots(pem(renewed), other)]
        raises(
            Reason.CERTIFICATE_REVOKED, "V2", lambda roots=roots: verify_path(der(LEAF), roots, UnixTime(NOW), PLAIN)
        )
    # One that may not sign lists is no reason to refuse what the other vouches for.
    silent = certificate("root", "root", authority=True, usage={"crl_sign": False})
    roots = [*load_roots(pem(silent), [crl()]), *load_roots(pem(ROOT), [crl()])]
    assert verify_path(der(LEAF), roots, UnixTime(NOW), PLAIN).root == 1


# --- time ---


def test_a_list_counts_from_this_update_until_before_next_update() -> None:
    data = crl(this=NOW - 10, until=NOW + 10)
    refuses(Reason.CRL_UNUSABLE, [LEAF], data, now=NOW - 11)
    walk([LEAF], data, now=NOW - 10)
    walk([LEAF], data, now=NOW + 9)
    refuses(Reason.CRL_UNUSABLE, [LEAF], data, now=NOW + 10)


def test_the_verdict_ends_with_the_list() -> None:
    assert walk([LEAF]).not_after == NOW + 86_400 + 1
    assert walk([LEAF], crl(until=NOW + 10)).not_after == NOW + 10
    assert walk([LEAF_OF_CA, CA], crl(until=NOW + 30), crl("ca", until=NOW + 20)).not_after == NOW + 20
    assert walk([LEAF_OF_CA, CA], crl(until=NOW + 20), crl("ca", until=NOW + 30)).not_after == NOW + 20
    assert walk([LEAF], crl(until=NOW + 200_000)).not_after == NOW + 86_400 + 1


def test_the_verdict_ends_when_a_later_list_begins() -> None:
    assert walk([LEAF], crl(until=NOW + 50), crl(revoked=[72], this=NOW + 10)).not_after == NOW + 10


def listed_root(serial: int = 70) -> x509.Certificate:
    return certificate("root", "root", authority=True, serial=serial)


def test_a_root_that_its_own_list_names_vouches_for_nobody() -> None:
    walk([LEAF], crl(revoked=[69]), root=listed_root())
    refuses(Reason.CERTIFICATE_REVOKED, [LEAF], crl(revoked=[70]), root=listed_root())
    refuses(Reason.CERTIFICATE_REVOKED, [LEAF_OF_CA, CA], crl(revoked=[70]), crl("ca"), root=listed_root())
    # From its beginning on: a list of tomorrow ends the verdict then.
    later = crl(revoked=[70], this=NOW + 10)
    assert walk([LEAF], crl(), later, root=listed_root()).not_after == NOW + 10
    refuses(Reason.CERTIFICATE_REVOKED, [LEAF], crl(), later, root=listed_root(), now=NOW + 10)


def test_of_two_certificates_of_a_root_the_one_that_is_not_listed_counts_in_any_order() -> None:
    superseded, renewed = listed_root(70), listed_root(74)
    for roots in ([superseded, renewed], [renewed, superseded]):
        assert roots[walk_under(roots, [LEAF], crl(revoked=[70])).root] == renewed
        # What the root has signed is revoked under every certificate of its key.
        for revoked in ([70, 72], [70, 74], [72]):
            with pytest.raises(VerificationError) as caught:
                walk_under(roots, [LEAF], crl(revoked=revoked))
            assert caught.value.reason is Reason.CERTIFICATE_REVOKED


def walk_under(roots: Sequence[x509.Certificate], chain: Sequence[x509.Certificate], *crls: bytes) -> CertifiedKey:
    return verify_path(der(*chain), load_roots(pem(*roots), crls), UnixTime(NOW), PLAIN)


def test_a_pinned_authority_that_a_pinned_root_has_revoked_vouches_for_nobody() -> None:
    # The chain that leaves the authority out is shorter, and leaves out its revocation with it.
    for roots in ([ROOT, CA], [CA, ROOT]):
        walk_under(roots, [LEAF_OF_CA], crl(revoked=[73]), crl("ca"))
        for chain in ([LEAF_OF_CA], [LEAF_OF_CA, CA]):
            with pytest.raises(VerificationError) as caught:
                walk_under(roots, chain, crl(revoked=[71]), crl("ca"))
            assert (caught.value.reason, caught.value.step) == (Reason.CERTIFICATE_REVOKED, "V2")
    # A root that nobody pinned is not asked, and a list of another one of its name tells nothing.
    walk_under([CA], [LEAF_OF_CA], crl(revoked=[71]), crl("ca"))
    walk_under([ROOT, CA], [LEAF_OF_CA], crl(revoked=[71], signer=certificate_key("impostor")), crl("ca"))


def test_of_what_a_pinned_root_says_of_a_pinned_authority_a_revocation_alone_counts() -> None:
    # The authority is trusted by itself: where the root says nothing, it stands.
    later = crl(revoked=[71], this=NOW + 30, until=NOW + 90)
    for above, ends in (
        ([], NOW + 100), ([crl(until=NOW)], NOW + 100), ([crl(revoked=[71], number=False)], NOW + 100),
        ([crl(until=NOW + 50)], NOW + 50), ([later], NOW + 30), ([crl(until=NOW), later], NOW + 30),
    ):  # fmt: skip
        assert walk_under([ROOT, CA], [LEAF_OF_CA], *above, crl("ca")).not_after == ends


def test_of_several_lists_the_latest_that_has_begun_decides() -> None:
    old, new = crl(revoked=[72], this=NOW - 90), crl(this=NOW - 10)
    for lists in ((old, new), (new, old)):
        walk([LEAF], *lists)
        refuses(Reason.CERTIFICATE_REVOKED, [LEAF], *lists, now=NOW - 11)
    old, new = crl(this=NOW - 90), crl(revoked=[72], this=NOW - 10)
    for lists in ((old, new), (new, old)):
        refuses(Reason.CERTIFICATE_REVOKED, [LEAF], *lists)
        walk([LEAF], *lists, now=NOW - 11)


def test_a_latest_list_that_cannot_be_used_is_not_replaced_by_an_older_one() -> None:
    good = crl(this=NOW - 90)
    refuses(Reason.CRL_UNUSABLE, [LEAF], good, crl(this=NOW - 10, until=NOW - 5))
    refuses(Reason.CRL_UNUSABLE, [LEAF], good, crl(this=NOW - 10, extensions=[(UNKNOWN, True)]))
    refuses(Reason.CRL_UNUSABLE, [LEAF], good, crl(this=NOW - 10, extensions=[(x509.DeltaCRLIndicator(1), True)]))


def test_two_lists_of_one_moment_are_ambiguous_and_one_given_twice_is_one() -> None:
    one = crl()
    walk([LEAF], one, one)
    refuses(Reason.CRL_UNUSABLE, [LEAF], one, crl(revoked=[5]))


def test_a_list_without_a_next_update_is_never_usable() -> None:
    # The builder insists on one, so it is cut out and the list is signed again.
    source = x509.load_der_x509_crl(crl())
    tbs = source.tbs_certlist_bytes
    date = b"\x17\x0d" + moment(NOW + 100).strftime("%y%m%d%H%M%SZ").encode()
    assert date in tbs and tbs[1] < 0x80
    content = tbs[2:].replace(date, b"")
    tbs = bytes([0x30, len(content)]) + content
    signature = certificate_key("root").sign(tbs, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    bits = b"\x03" + bytes([len(signature) + 1]) + b"\0" + signature
    body = tbs + algorithm + bits
    data = b"\x30\x81" + bytes([len(body)]) + body
    assert x509.load_der_x509_crl(data).next_update_utc is None
    refuses(Reason.CRL_UNUSABLE, [LEAF], data)


# --- lists that do not say all ---


@pytest.mark.parametrize("extension", [
    (UNKNOWN, True), (x509.DeltaCRLIndicator(1), True), (x509.DeltaCRLIndicator(1), False),
    (x509.AuthorityKeyIdentifier(b"12345678", None, None), True),
    (x509.IssuingDistributionPoint(None, None, True, False, None, False, False), True),
    (x509.IssuingDistributionPoint(None, None, False, False, None, True, False), True),
    (x509.IssuingDistributionPoint(None, None, True, False, None, False, False), False),
])  # fmt: skip
def test_a_partial_list_and_one_with_a_critical_extension_is_unusable(extension: tuple[Any, bool]) -> None:
    refuses(Reason.CRL_UNUSABLE, [LEAF], crl(extensions=[extension]))


def test_an_extension_that_is_not_critical_does_no_harm() -> None:
    walk([LEAF], crl(extensions=[(UNKNOWN, False), (x509.AuthorityKeyIdentifier(b"12345678", None, None), False)]))


def test_a_list_has_a_number_that_is_not_critical() -> None:
    refuses(Reason.CRL_UNUSABLE, [LEAF], crl(number=False))
    refuses(Reason.CRL_UNUSABLE, [LEAF], crl(number=False, extensions=[(x509.CRLNumber(1), True)]))


def test_an_entry_with_a_critical_extension_makes_the_whole_list_unusable() -> None:
    other = x509.CertificateIssuer([x509.DirectoryName(ROOT.subject)])
    for extension in ((UNKNOWN, True), (other, True), (other, False)):
        refuses(Reason.CRL_UNUSABLE, [LEAF], crl(revoked=[entry(5, extension)]))
    walk([LEAF], crl(revoked=[entry(5, (UNKNOWN, False))]))


# --- bytes ---


def test_a_list_comes_in_der_or_in_pem() -> None:
    data = crl(revoked=[72])
    text = x509.load_der_x509_crl(data).public_bytes(serialization.Encoding.PEM)
    for form in (data, text, b"\n" + text):
        refuses(Reason.CERTIFICATE_REVOKED, [LEAF], form)


GOOD = crl()
GOOD_PEM = x509.load_der_x509_crl(GOOD).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("data", [
    b"", b"\0", b"\x30\x00", GOOD[:-1], GOOD + b"\0", GOOD_PEM + GOOD_PEM,
    GOOD_PEM + b"\n" * 1_048_576, unused_bit(even(crl)), pem(ROOT), der(ROOT)[0], GOOD_PEM.decode(),
    b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", bytes(1_048_577), None, 5, bytearray(GOOD), [GOOD],
])  # fmt: skip
def test_bytes_that_are_no_list_are_refused_at_once(data: Any) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(ROOT), [data]))
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(ROOT), [GOOD, data]))


def by_hand(
    *, version: bytes = b"\x02\x01\x01", issuer: bytes, until: bytes, listed: bytes = b"", numbered: bool = True
) -> bytes:
    """A list as no builder writes it, signed by the root."""
    number = tlv(0xA0, tlv(0x30, tlv(0x30, bytes.fromhex("0603551d14") + tlv(0x04, b"\x02\x01\x01"))))
    tbs = version + tlv(0x30, SHA256_OID) + issuer + tlv(0x17, b"240101000000Z") + until + listed
    tbs += number if numbered else b""
    return resigned(tlv(0x30, tbs), tlv(0x30, SHA256_OID), certificate_key("root"), hashes.SHA256())


UNTIL = tlv(0x17, b"490101000000Z")
ENTRIES = tlv(0x30, tlv(0x30, b"\x02\x01\x48" + tlv(0x17, b"240101000000Z")))  # number 72


@pytest.mark.parametrize("until", [UNTIL, b""])
@pytest.mark.parametrize("listed", [ENTRIES, b""])
@pytest.mark.parametrize("value", [tlv(0x0C, b"\xff\xfe"), tlv(0x14, b"\xff"), tlv(0x01, b"\xff")])
def test_a_list_whose_issuer_cannot_be_read_is_refused_at_once(value: bytes, listed: bytes, until: bytes) -> None:
    # Also one that would never count, because it does not say until when.
    name = tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("060355040a") + value)))
    data = by_hand(issuer=name, until=until, listed=listed)
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(ROOT), [data]))
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(ROOT), [crl(), data]))


def test_a_list_with_extensions_states_its_version() -> None:
    """RFC 5280 section 5.1.2.1: the field MUST be present, and say version 2."""
    name = ROOT.subject.public_bytes()
    refuses(Reason.CERTIFICATE_REVOKED, [LEAF], by_hand(issuer=name, until=UNTIL, listed=ENTRIES))
    walk([LEAF], by_hand(issuer=name, until=UNTIL))
    for version in (b"", b"\x02\x01\x00", b"\x02\x01\x02"):
        data = by_hand(version=version, issuer=name, until=UNTIL)
        misused(Reason.ANCHOR_INVALID, lambda data=data: load_roots(pem(ROOT), [data]))
    # One without either is a list, of version 1, and never counts.
    refuses(Reason.CRL_UNUSABLE, [LEAF], by_hand(version=b"", issuer=name, until=UNTIL, numbered=False))


def test_one_list_that_is_given_as_such_is_no_list_of_lists() -> None:
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(ROOT), GOOD))  # type: ignore[arg-type]


def test_a_list_has_a_mebibyte_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    from citizenid._x509 import revocation

    assert revocation._MAX_CRL_BYTES == 1_048_576
    monkeypatch.setattr(revocation, "_MAX_CRL_BYTES", len(GOOD))
    load_roots(pem(ROOT), [GOOD])
    monkeypatch.setattr(revocation, "_MAX_CRL_BYTES", len(GOOD) - 1)
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(ROOT), [GOOD]))


def test_the_number_of_lists_is_bounded() -> None:
    load_roots(pem(ROOT), [GOOD] * 64)
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(ROOT), [GOOD] * 65))
    taken = iter([GOOD] * 100)  # nobody reads on to see how many there are
    misused(Reason.ANCHOR_INVALID, lambda: load_roots(pem(ROOT), taken))
    assert len(list(taken)) == 35


def test_every_byte_of_a_list_changed_in_several_ways_ends_in_our_own_words(recwarn: pytest.WarningsRecorder) -> None:
    data = crl(
        revoked=[entry(5, (x509.CRLReason(x509.ReasonFlags.key_compromise), False)), 6],
        extensions=[(x509.AuthorityKeyIdentifier(b"12345678", [x509.DirectoryName(ROOT.subject)], 0x55), False)],
    )
    strays: set[str] = set()
    for position, byte in enumerate(data):
        for value in {byte ^ 1, byte ^ 4, byte ^ 0x80, 0, 0xFF} - {byte}:
            try:
                walk([LEAF], data[:position] + bytes([value]) + data[position + 1 :])
                strays.add("accepted")
            except CitizenIDError as error:
                assert error.__context__ is None and error.__cause__ is None
                if error.reason not in (Reason.ANCHOR_INVALID, Reason.CRL_UNUSABLE):
                    strays.add(error.reason)
            except Exception as error:  # what else comes out is what this test is about
                strays.add(type(error).__name__)
    assert strays == set()
    assert len(recwarn) == 0


@given(
    lists=st.lists(
        st.tuples(st.integers(-20, 20), st.integers(1, 20), st.booleans()), max_size=4, unique_by=lambda row: row[0]
    ),
    now=st.integers(-30, 30),
)
def test_the_rule_of_the_latest_list_in_a_few_lines(lists: list[tuple[int, int, bool]], now: int) -> None:
    made = [crl(revoked=[72] if listed else [], this=NOW + a, until=NOW + a + b) for a, b, listed in lists]
    if not lists:
        return
    begun = sorted(row for row in lists if row[0] <= now)
    expected = Reason.CRL_UNUSABLE
    if begun and now < begun[-1][0] + begun[-1][1]:
        expected = Reason.CERTIFICATE_REVOKED if begun[-1][2] else None  # type: ignore[assignment]
    try:
        certified = walk([LEAF], *made, now=NOW + now)
    except (MalformedError, VerificationError) as error:
        assert error.reason is expected
        return
    assert expected is None
    later = [row[0] for row in lists if row[0] > now]
    assert certified.not_after == NOW + min([begun[-1][0] + begun[-1][1], *later])
