"""Certificates as anchors: CRLs, document signers pinned by equality, and the cache of paths, which changes no verdict.

The oracle of the cache is a set of anchors that has never seen the chain.

Spec: DESIGN sections 4 (V2, caches) and 5; ISO/IEC 18013-5 9.3.1; specs/verification.md V2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from builders import (
    ISSUER,
    NOW,
    VCT,
    certificate,
    certificate_key,
    der,
    key,
    local_key,
    misused,
    pem,
    raises,
    unreachable,
)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st
from places import ANCHOR_FIELDS, only_at
from test_x509_profiles import DS, PLAIN, READER, VICAL, make
from test_x509_profiles import leaf as profiled
from test_x509_revocation import crl

from citizenid import ANY, CitizenIDError, Country, Format, KeyPurpose, PublicKey, Reason, TrustAnchors
from citizenid import trust as trust_module
from citizenid._model import CertificateProfile, KeyHint, SignedObject, UnixTime
from citizenid.trust import ResolvedKey

X5C = "issuer-jwt.header.x5c"
errors_say_where = only_at(
    {
        Reason.ANCHOR_EXPIRED: frozenset({"anchor"}),
        Reason.ANCHOR_INVALID: ANCHOR_FIELDS | {"anchor", "anchors", "certificates", "crls"},
        Reason.ANCHOR_NOT_YET_VALID: frozenset({"anchor"}),
        Reason.CERTIFICATE_EXPIRED: frozenset({"issuer-jwt", X5C}),  # the first of a document signer that is pinned
        Reason.CERTIFICATE_INVALID: frozenset({X5C}),
        Reason.CERTIFICATE_REVOKED: frozenset({X5C}),
        Reason.CERTIFICATE_UNTRUSTED: frozenset({"issuer-jwt", X5C, "status-list.x5c"}),
        Reason.CERTIFICATE_USE_FORBIDDEN: frozenset({"issuer-auth.header.x5chain", "status-list.x5c"}),
        Reason.CRL_UNUSABLE: frozenset({X5C}),
        Reason.CURVE_UNSUPPORTED: frozenset({"certificates"}),
        Reason.KEY_INVALID: frozenset({"certificates"}),
        Reason.LIMIT_EXCEEDED: frozenset({X5C}),
    }
)
SCOPE: dict[str, Any] = {"formats": (Format.SD_JWT_VC,), "types": (VCT,), "countries": ANY}
CREDENTIAL: dict[str, Any] = {"purpose": KeyPurpose.CREDENTIAL, **SCOPE}
STATUS: dict[str, Any] = {"purpose": KeyPurpose.STATUS_LIST}
OTHER = "https://other.example"

ROOT = certificate("root", "root", authority=True)
CA = certificate("ca", "root", authority=True, serial=71)
LEAF = certificate("leaf", "root", serial=72)
LEAF_OF_CA = certificate("leaf", "ca", serial=73)
IACA = make("iaca", "iaca", authority=True)


def rooted(*roots: x509.Certificate, issuer: str = ISSUER, **changes: Any) -> TrustAnchors:
    scope = STATUS if changes.get("purpose") is KeyPurpose.STATUS_LIST else CREDENTIAL
    return TrustAnchors.from_certificates(pem(*(roots or (ROOT,))), issuer=issuer, **{**scope, **changes})


def pinned(*signers: x509.Certificate, issuer: str = ISSUER, **changes: Any) -> TrustAnchors:
    scope = STATUS if changes.get("purpose") is KeyPurpose.STATUS_LIST else CREDENTIAL
    return TrustAnchors.from_document_signers(pem(*(signers or (LEAF,))), issuer=issuer, **{**scope, **changes})


def resolve(
    anchors: TrustAnchors,
    *chain: x509.Certificate | bytes,
    now: int = NOW,
    profile: CertificateProfile = PLAIN,
    purpose: KeyPurpose = KeyPurpose.CREDENTIAL,
) -> ResolvedKey:
    encoded = tuple(each if isinstance(each, bytes) else der(each)[0] for each in chain)
    signed = SignedObject(b"", b"", "ES256", b"", KeyHint(certificates=encoded, profile=profile), None)
    return anchors.resolve(signed, purpose, UnixTime(now), "issuer-jwt")


def refuses(reason: Reason, anchors: TrustAnchors, *chain: x509.Certificate | bytes, **changes: Any) -> CitizenIDError:
    return raises(reason, reason.step, lambda: resolve(anchors, *chain, **changes))


def test_certificates_are_compared_wherever_they_stand_among_keys() -> None:
    keyed = TrustAnchors.from_keys(OTHER, [local_key(certificate_key("leaf")).public], **CREDENTIAL)
    one, other = rooted(), rooted(issuer="https://third.example")
    for parts in ((keyed, one, other), (one, keyed, other), (one, other, keyed), (keyed, one, one)):
        misused(Reason.ANCHOR_INVALID, lambda parts=parts: TrustAnchors([each for part in parts for each in part]))
    assert len(keyed | one) == 2


def test_an_authority_below_a_pinned_root_has_its_scope_or_is_not_pinned() -> None:
    # With its certificate a chain leads to the root, without it to the authority: the choice is the holder's.
    for other in ({"issuer": OTHER}, {"countries": [Country("FR")]}, {"types": ("another",)}, {"status_issuer": OTHER}):
        misused(Reason.ANCHOR_INVALID, lambda other=other: rooted(ROOT) | rooted(CA, **other))
        misused(Reason.ANCHOR_INVALID, lambda other=other: rooted(CA) | rooted(ROOT, **other))
    misused(Reason.ANCHOR_INVALID, lambda: rooted(ROOT).requiring_status() | rooted(CA))
    keyed = TrustAnchors.from_keys("https://keyed.example", [key("a").public], **CREDENTIAL)
    misused(Reason.ANCHOR_INVALID, lambda: keyed | rooted(ROOT).requiring_status() | rooted(CA))  # whatever is before
    both = rooted(ROOT) | rooted(CA)
    assert resolve(both, LEAF_OF_CA).anchor.issuer == resolve(both, LEAF_OF_CA, CA).anchor.issuer == ISSUER
    assert len(rooted(ROOT) | rooted(CA, purpose=KeyPurpose.STATUS_LIST, issuer=OTHER)) == 2


def test_a_chain_does_not_lead_past_an_authority_that_is_pinned_for_something_else() -> None:
    # Its pinned certificate is its own root, so that nothing in it tells of the other, which the root has signed.
    own = certificate("ca", "ca", authority=True)
    listed = {"crls": [crl("ca", revoked=[73])], "issuer": OTHER}
    for other in ({"issuer": OTHER}, {"countries": [Country("FR")]}, {"types": ("another",)}, listed):
        for anchors in (rooted(ROOT) | rooted(own, **other), rooted(own, **other) | rooted(ROOT)):
            for _ in range(2):  # nothing of it is kept
                error = refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, LEAF_OF_CA, CA)
                assert error.where == "issuer-jwt.header.x5c"
            if other is listed:
                refuses(Reason.CERTIFICATE_REVOKED, anchors, LEAF_OF_CA)
            else:
                assert resolve(anchors, LEAF_OF_CA).anchor.root.der == der(own)[0]  # type: ignore[union-attr]  # rooted
            assert resolve(anchors, LEAF).anchor.root.der == der(ROOT)[0]  # type: ignore[union-attr]  # as above
    same = rooted(ROOT) | rooted(own)
    assert resolve(same, LEAF_OF_CA).anchor.issuer == resolve(same, LEAF_OF_CA, CA).anchor.issuer == ISSUER
    # What is pinned for another purpose has no say, and a document signer's key is no authority's.
    apart = rooted(ROOT) | rooted(own, purpose=KeyPurpose.STATUS_LIST, issuer=OTHER)
    assert resolve(apart, LEAF_OF_CA, CA).anchor.issuer == ISSUER


def test_an_authority_two_steps_below_a_pinned_root_is_not_passed_either() -> None:
    middle = certificate("middle", "root", authority=True)
    below = certificate("below", "middle", authority=True)
    leaf = certificate("leaf", "below")
    anchors = rooted(ROOT) | rooted(below, issuer=OTHER)
    assert resolve(anchors, leaf).anchor.issuer == OTHER
    refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, leaf, below, middle)
    # Nor is one step below, where both steps are in the chain.
    anchors = rooted(ROOT) | rooted(certificate("middle", "middle", authority=True), issuer=OTHER)
    assert resolve(anchors, leaf, below).anchor.issuer == OTHER
    refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, leaf, below, middle)


def test_two_roots_of_one_name_are_two_issuers() -> None:
    def named(issuer: str) -> x509.Certificate:
        return certificate(issuer, issuer, authority=True, names=lambda _: ROOT.subject)

    assert len(rooted(named("one")) | rooted(named("another"), issuer=OTHER)) == 2


# --- the windows of what was resolved ---


def test_the_window_of_the_signer_is_that_of_the_leaf_alone() -> None:
    ca = certificate("ca", "root", authority=True, not_before=NOW - 30, not_after=NOW + 30)
    leaf = certificate("leaf", "ca", not_before=NOW - 50, not_after=NOW + 50)
    found = resolve(rooted(not_before=NOW - 20, not_after=NOW + 20), leaf, ca)
    assert (found.not_before, found.not_after) == (NOW - 20, NOW + 20)
    assert (found.signer_not_before, found.signer_not_after) == (NOW - 50, NOW + 51)
    found = resolve(rooted(), leaf, ca)
    assert (found.not_before, found.not_after) == (NOW - 30, NOW + 31)


def test_the_window_of_the_signer_is_that_of_the_anchor_where_there_is_no_certificate() -> None:
    anchors = TrustAnchors.from_keys(ISSUER, [key("a").public], not_before=5, not_after=NOW + 9, **CREDENTIAL)
    found = anchors.resolve(
        SignedObject(b"", b"", "ES256", b"", KeyHint(), None), KeyPurpose.CREDENTIAL, UnixTime(NOW), ""
    )
    assert (found.signer_not_before, found.signer_not_after) == (found.not_before, found.not_after) == (5, NOW + 9)


def test_of_two_certificates_of_one_root_the_one_whose_anchor_is_open_counts_in_any_order() -> None:
    # Both certificates are valid at all of these times: the windows are the operator's own.
    renewed = certificate("root", "root", authority=True, not_after=NOW + 5_000)
    old, new = rooted(ROOT, not_after=NOW), rooted(renewed, not_before=NOW)
    for anchors in (old | new, new | old):
        for _ in range(2):  # by way of the cache as well
            assert resolve(anchors, LEAF, now=NOW - 1).not_after == NOW
            assert resolve(anchors, LEAF, now=NOW).not_before == NOW
    late, early = rooted(ROOT, not_before=NOW + 1), rooted(renewed, not_after=NOW)
    refuses(Reason.ANCHOR_NOT_YET_VALID, late | early, LEAF)
    refuses(Reason.ANCHOR_EXPIRED, early | late, LEAF)


def test_an_open_anchor_does_not_bring_a_revoked_signer_back() -> None:
    renewed = certificate("root", "root", authority=True, not_after=NOW + 5_000)
    lists = [crl(revoked=[72])]
    old, new = rooted(ROOT, not_after=NOW, crls=lists), rooted(renewed, not_before=NOW, crls=lists)
    for anchors in (old | new, new | old):
        refuses(Reason.CERTIFICATE_REVOKED, anchors, LEAF)


# --- which profile ---


def test_the_profile_is_that_of_the_hint() -> None:
    anchors = rooted(IACA)
    for profile in (DS, READER, VICAL, PLAIN):
        resolved = resolve(anchors, profiled(profile), profile=profile)
        assert resolved.key == local_key(certificate_key("leaf")).public
        assert resolved.signer_country == ("UT" if profile is DS else None)
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, anchors, profiled(PLAIN), profile=DS)
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, anchors, profiled(READER), profile=DS)


def test_a_status_list_has_its_profile_whatever_the_hint_says() -> None:
    anchors = rooted(IACA, purpose=KeyPurpose.STATUS_LIST)
    for profile in (DS, READER, VICAL, PLAIN):
        resolve(anchors, profiled(PLAIN), profile=profile, purpose=KeyPurpose.STATUS_LIST)
        other = profiled(DS)
        refuses(
            Reason.CERTIFICATE_USE_FORBIDDEN, anchors, other, profile=profile, purpose=KeyPurpose.STATUS_LIST
        )  # a document signer's purpose is another


def test_a_root_of_one_purpose_vouches_for_no_other() -> None:
    refuses(Reason.CERTIFICATE_UNTRUSTED, rooted(), LEAF, purpose=KeyPurpose.STATUS_LIST)
    refuses(Reason.CERTIFICATE_UNTRUSTED, rooted(purpose=KeyPurpose.STATUS_LIST), LEAF)


# --- CRLs of an anchor ---


def test_the_lists_of_an_anchor_are_for_what_is_below_its_roots() -> None:
    resolve(rooted(crls=[crl()]), LEAF)
    refuses(Reason.CERTIFICATE_REVOKED, rooted(crls=[crl(revoked=[72])]), LEAF)
    refuses(Reason.CRL_UNUSABLE, rooted(crls=[crl(until=NOW)]), LEAF)
    refuses(Reason.CRL_UNUSABLE, rooted(crls=[crl()]), LEAF_OF_CA, CA)
    assert resolve(rooted(crls=[crl(until=NOW + 7)]), LEAF).not_after == NOW + 7
    # Of another anchor, they are for others.
    other = rooted(IACA, issuer=OTHER, crls=[crl(revoked=[72])])
    resolve(rooted() | other, LEAF)
    misused(Reason.ANCHOR_INVALID, lambda: rooted(crls=[b"no list"]))


def test_two_certificates_of_one_root_key_have_the_same_lists() -> None:
    renewed = certificate("root", "root", authority=True)
    misused(Reason.ANCHOR_INVALID, lambda: rooted() | rooted(renewed, crls=[crl()]))
    misused(Reason.ANCHOR_INVALID, lambda: rooted(crls=[crl(this=NOW - 9)]) | rooted(renewed, crls=[crl()]))
    one = crl(revoked=[72])
    refuses(Reason.CERTIFICATE_REVOKED, rooted(crls=[one]) | rooted(renewed, crls=[one]), LEAF)


def test_a_renewed_list_keeps_the_fingerprint_and_a_new_revocation_changes_it() -> None:
    def fingerprint(*crls: bytes) -> bytes:
        (anchor,) = rooted(crls=crls)
        return anchor.fingerprint

    base = fingerprint(crl(revoked=[5]))
    assert fingerprint(crl(revoked=[5], this=NOW - 1, until=NOW + 900)) == base
    assert fingerprint(crl(revoked=[5]), crl(revoked=[5], this=NOW - 1)) == base
    others = [fingerprint(), fingerprint(crl()), fingerprint(crl(revoked=[5, 6])), fingerprint(crl(revoked=[6])),
              fingerprint(crl("ca", [5]))]  # fmt: skip
    assert len({base, *others}) == 6


# --- signers pinned by equality ---


def test_a_pinned_signer_is_found_by_its_exact_bytes() -> None:
    anchors = pinned()
    found = resolve(anchors, LEAF)
    assert found.key == local_key(certificate_key("leaf")).public
    assert (found.not_before, found.not_after) == (NOW - 86_400, NOW + 86_400 + 1)
    assert (found.signer_not_before, found.signer_not_after) == (found.not_before, found.not_after)
    renewed = certificate("leaf", "root", serial=74)  # the same name, issuer and key
    refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, renewed)
    for position in (0, 40, -1):
        data = bytearray(der(LEAF)[0])
        data[position] ^= 1
        with pytest.raises(CitizenIDError):
            resolve(anchors, bytes(data))


def test_a_pinned_signer_needs_no_profile_and_no_issuer() -> None:
    self_signed = certificate("leaf", "leaf", authority=True)
    for signer in (self_signed, certificate("leaf", "nobody"), profiled(READER), profiled(DS)):
        for profile in (DS, READER, VICAL, PLAIN):
            assert resolve(pinned(signer), signer, profile=profile).key == local_key(certificate_key("leaf")).public


def test_it_vouches_for_nobody_else() -> None:
    authority = certificate("root", "root", authority=True)
    anchors = pinned(authority)
    resolve(anchors, authority)
    refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, LEAF)
    refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, LEAF, authority)


def test_what_else_the_chain_of_a_pinned_signer_holds_is_not_read_but_bounded() -> None:
    anchors = pinned(LEAF_OF_CA)
    for more in ((CA,), (b"no DER",), (b"", b"\xff")):
        assert resolve(anchors, LEAF_OF_CA, *more).anchor.issuer == ISSUER
    refuses(Reason.LIMIT_EXCEEDED, anchors, LEAF_OF_CA, b"", b"", b"")
    refuses(Reason.LIMIT_EXCEEDED, anchors, LEAF_OF_CA, bytes(5_000_000))


def test_the_window_of_a_pinned_signer_holds_and_so_does_that_of_its_anchor() -> None:
    signer = certificate("leaf", "root", not_before=NOW - 10, not_after=NOW + 10)
    refuses(Reason.CERTIFICATE_EXPIRED, pinned(signer), signer, now=NOW - 11)
    resolve(pinned(signer), signer, now=NOW - 10)
    resolve(pinned(signer), signer, now=NOW + 10)
    refuses(Reason.CERTIFICATE_EXPIRED, pinned(signer), signer, now=NOW + 11)
    narrow = pinned(signer, not_before=NOW - 5, not_after=NOW + 5)
    refuses(Reason.ANCHOR_NOT_YET_VALID, narrow, signer, now=NOW - 6)
    refuses(Reason.ANCHOR_EXPIRED, narrow, signer, now=NOW + 5)
    found = resolve(narrow, signer)
    assert (found.not_before, found.not_after) == (NOW - 5, NOW + 5)
    assert (found.signer_not_before, found.signer_not_after) == (NOW - 10, NOW + 11)


def test_an_expired_pin_is_not_replaced_by_a_path_to_a_root() -> None:
    signer = certificate("leaf", "root", not_after=NOW - 1)
    refuses(Reason.CERTIFICATE_EXPIRED, pinned(signer, issuer=OTHER) | rooted(), signer)
    both = pinned(LEAF, issuer=OTHER) | rooted()
    assert resolve(both, LEAF).anchor.issuer == OTHER
    assert resolve(both, certificate("leaf", "root")).anchor.issuer == ISSUER


def test_a_pin_is_not_left_by_the_second_spelling_of_its_signature() -> None:
    # r, n - s verifies where r, s does (SEC 1 section 4.1.4), and anybody can write it.
    twin = respelled(LEAF)
    assert resolve(rooted(), twin).anchor.issuer == ISSUER
    for changes in ({}, {"countries": [Country("FR")]}, {"not_after": NOW}):
        for anchors in (pinned(issuer=OTHER, **changes) | rooted(), rooted() | pinned(issuer=OTHER, **changes)):
            for _ in range(2):  # nothing of it is kept
                refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, twin)
    status = pinned(issuer=OTHER, purpose=KeyPurpose.STATUS_LIST)
    assert resolve(status | rooted(), twin).anchor.issuer == ISSUER  # a pin for another purpose is none here


def respelled(leaf: x509.Certificate) -> bytes:
    """Return the certificate with the other signature of the two that ECDSA has for every one."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
    r, s = decode_dss_signature(leaf.signature)
    encoded = der(leaf)[0]
    signature = b"\0" + encode_dss_signature(r, order - s)
    inside = encoded[4 : encoded.rindex(b"\0" + leaf.signature) - 2] + bytes((3, len(signature))) + signature
    return b"\x30\x82" + len(inside).to_bytes(2, "big") + inside


def test_a_pinned_signer_has_one_purpose() -> None:
    status = pinned(purpose=KeyPurpose.STATUS_LIST)
    assert resolve(status, LEAF, purpose=KeyPurpose.STATUS_LIST).anchor.purpose is KeyPurpose.STATUS_LIST
    refuses(Reason.CERTIFICATE_UNTRUSTED, status, LEAF)
    refuses(Reason.CERTIFICATE_UNTRUSTED, pinned(), LEAF, purpose=KeyPurpose.STATUS_LIST)
    both = status | pinned()
    assert resolve(both, LEAF).anchor.purpose is KeyPurpose.CREDENTIAL


UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


@pytest.mark.parametrize("broken", [
    b"", b"no pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    pem(LEAF) + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    pem(certificate("leaf", "root", public=rsa.generate_private_key(65537, 2048).public_key())),
    pem(certificate("leaf", "root", public=ec.generate_private_key(ec.SECP256K1()).public_key())),
    pem(certificate("leaf", "root", extensions=[(UNKNOWN, True)])),
])  # fmt: skip
def test_pem_without_a_usable_signer_is_no_anchor(broken: bytes) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: TrustAnchors.from_document_signers(broken, issuer=ISSUER, **CREDENTIAL))


@pytest.mark.parametrize("missing", [{"formats": ()}, {"types": ()}, {"countries": None}, {"not_before": -1},
                                     {"purpose": None}, {"issuer": ""}])  # fmt: skip
def test_a_pinned_signer_says_all_of_its_scope(missing: dict[str, Any]) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: pinned(**missing))


def test_an_issuer_is_anchored_in_one_way() -> None:
    keys = TrustAnchors.from_keys(ISSUER, [key("a").public], **CREDENTIAL)
    other_root = certificate("other", "other", authority=True)
    ways: list[Callable[[], TrustAnchors]] = [
        lambda: pinned() | keys,
        lambda: pinned() | rooted(other_root),
        lambda: rooted() | keys,
        lambda: pinned() | pinned(),
        lambda: pinned(LEAF, LEAF),
        lambda: pinned() | pinned(issuer=OTHER),
        lambda: pinned() | pinned(not_after=NOW + 5),
        lambda: rooted() | rooted(not_after=NOW + 5),
        lambda: pinned(certificate("leaf", "root", serial=1)) | pinned(certificate("leaf", "ca"), issuer=OTHER),
        lambda: pinned(ROOT, issuer=OTHER) | rooted(),
        lambda: pinned(certificate("root", "root", authority=True), issuer=OTHER) | rooted(),
    ]
    for way in ways:
        misused(Reason.ANCHOR_INVALID, way)
    renewed = pinned(certificate("leaf", "root", serial=1)) | pinned(certificate("leaf", "ca"))
    assert len(renewed) == 2


def test_an_anchor_has_a_key_or_a_certificate_and_not_both() -> None:
    (of_a_key,) = TrustAnchors.from_keys(ISSUER, [key("a").public], **CREDENTIAL)
    (of_a_root,) = rooted()
    for neither_or_both in (
        dataclasses.replace(of_a_key, key=None),
        dataclasses.replace(of_a_root, root=None),
        dataclasses.replace(of_a_root, key=of_a_key.key),
    ):
        misused(Reason.ANCHOR_INVALID, lambda: TrustAnchors([neither_or_both]))  # noqa: B023


def test_a_pin_and_a_root_of_the_same_bytes_have_two_fingerprints() -> None:
    (one,), (other,) = rooted(), pinned(ROOT)
    assert one.fingerprint != other.fingerprint
    (again,) = pinned(ROOT)
    assert again.fingerprint == other.fingerprint and pinned(ROOT).find(other.fingerprint[:16]) == other
    for changes in ({"issuer": OTHER}, {"types": ("urn:x",)}, {"not_after": NOW + 5}, {"status_issuer": OTHER}):
        (changed,) = pinned(ROOT, **changes)
        assert changed.fingerprint != other.fingerprint
    assert dataclasses.replace(other, kid=None).fingerprint == other.fingerprint


# --- the cache of paths ---


def test_a_second_look_at_a_chain_reads_no_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    anchors = rooted()
    first = resolve(anchors, LEAF_OF_CA, CA)
    assert len(anchors._paths) == 1
    monkeypatch.setattr(trust_module, "link", unreachable)
    assert resolve(anchors, LEAF_OF_CA, CA) == first
    assert resolve(anchors, LEAF_OF_CA, CA).key is first.key
    with pytest.raises(AssertionError):
        resolve(anchors, LEAF)


def test_no_refusal_is_kept() -> None:
    anchors = rooted(crls=[crl(revoked=[99], until=NOW + 50)])
    other = certificate("leaf", "root", serial=99)
    for _ in range(2):
        refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, certificate("leaf", "stranger"))
        refuses(Reason.CERTIFICATE_EXPIRED, anchors, LEAF, now=NOW + 100_000)
        refuses(Reason.CERTIFICATE_REVOKED, anchors, other)
        refuses(Reason.CRL_UNUSABLE, anchors, LEAF, now=NOW + 50)
        refuses(Reason.CERTIFICATE_USE_FORBIDDEN, anchors, LEAF, profile=DS)
        refuses(Reason.CERTIFICATE_INVALID, anchors, b"no DER")
    assert len(anchors._paths) == 0


def test_time_and_lists_are_judged_at_every_look() -> None:
    leaf = certificate("leaf", "root", serial=72, not_before=NOW - 60, not_after=NOW + 60)
    lists = [crl(this=NOW - 50, until=NOW + 50), crl(revoked=[72], this=NOW + 20, until=NOW + 90)]
    anchors = rooted(crls=lists, not_before=NOW - 40)
    resolve(anchors, leaf)
    assert len(anchors._paths) == 1
    refuses(Reason.CERTIFICATE_EXPIRED, anchors, leaf, now=NOW - 61)
    refuses(Reason.CRL_UNUSABLE, anchors, leaf, now=NOW - 51)
    refuses(Reason.ANCHOR_NOT_YET_VALID, anchors, leaf, now=NOW - 41)
    assert resolve(anchors, leaf, now=NOW + 19).not_after == NOW + 20
    refuses(Reason.CERTIFICATE_REVOKED, anchors, leaf, now=NOW + 20)
    refuses(Reason.CERTIFICATE_EXPIRED, anchors, leaf, now=NOW + 61)


def test_a_path_is_kept_for_one_profile_one_purpose_and_these_bytes() -> None:
    anchors = rooted(IACA) | rooted(IACA, purpose=KeyPurpose.STATUS_LIST)
    plain = profiled(PLAIN)
    resolve(anchors, plain)
    refuses(Reason.CERTIFICATE_USE_FORBIDDEN, anchors, plain, profile=DS)
    status = resolve(anchors, plain, purpose=KeyPurpose.STATUS_LIST)
    assert status.anchor.purpose is KeyPurpose.STATUS_LIST
    assert resolve(anchors, plain).anchor.purpose is KeyPurpose.CREDENTIAL
    same_profile = resolve(anchors, plain, profile=CertificateProfile.STATUS_LIST_SIGNER)
    assert same_profile.anchor.purpose is KeyPurpose.CREDENTIAL
    # The same bytes, cut at another place, are another chain.
    whole = der(plain)[0]
    refuses(Reason.CERTIFICATE_INVALID, anchors, whole[:100], whole[100:])
    refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, plain, IACA)


def test_a_path_of_one_purpose_is_none_of_another() -> None:
    anchors = rooted() | rooted(IACA, purpose=KeyPurpose.STATUS_LIST)
    status = CertificateProfile.STATUS_LIST_SIGNER
    resolve(anchors, profiled(status), purpose=KeyPurpose.STATUS_LIST)
    refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, profiled(status), profile=status)
    chain = (profiled(status),)
    resolve(anchors, *chain, purpose=KeyPurpose.STATUS_LIST)
    refuses(Reason.CERTIFICATE_UNTRUSTED, anchors, *chain, profile=status)


def test_another_set_of_anchors_begins_anew() -> None:
    anchors = rooted()
    resolve(anchors, LEAF)
    joined = anchors | rooted(IACA, issuer=OTHER)
    assert (len(anchors._paths), len(joined._paths)) == (1, 0)
    assert resolve(joined, LEAF).anchor.issuer == ISSUER


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citizenid._x509.path._MAX_PATHS", 3)
    anchors = rooted()
    chains = [certificate("leaf", "root", serial=serial) for serial in range(1, 9)]
    for leaf in chains:
        resolve(anchors, leaf)
        assert 1 <= len(anchors._paths) <= 3
    for leaf in chains:
        assert resolve(anchors, leaf).anchor.issuer == ISSUER


def answer(anchors: TrustAnchors, now: int, chain: tuple[x509.Certificate, ...]) -> Any:
    try:
        return resolve(anchors, *chain, now=now)
    except CitizenIDError as error:
        return type(error), error.reason, error.step, error.where


LEAVES = [certificate("leaf", "root", serial=72, not_before=NOW + a, not_after=NOW + b) for a, b in
          ((-100, 100), (-10, 10), (5, 40))]  # fmt: skip
windows = st.tuples(st.integers(-60, 20), st.integers(0, 60)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(
    roots=st.lists(windows, min_size=1, max_size=3, unique=True),
    lists=st.lists(st.tuples(windows, st.booleans()), max_size=2, unique_by=lambda row: row[0][0]),
    leaf=st.sampled_from(LEAVES),
    times=st.lists(st.integers(-80, 120), min_size=2, max_size=8),
)
def test_a_kept_path_gives_the_verdict_of_a_fresh_one_at_every_time(
    roots: list[tuple[int, int]],
    lists: list[tuple[tuple[int, int], bool]],
    leaf: x509.Certificate,
    times: list[int],
) -> None:
    # Renewed roots of one key, lists that begin and end, and a clock that goes where it likes.
    certificates = [
        certificate("root", "root", authority=True, not_before=NOW + a, not_after=NOW + b) for a, b in roots
    ]
    crls = [crl(revoked=[72] if listed else [], this=NOW + a, until=NOW + b + 1) for (a, b), listed in lists]
    kept = rooted(*certificates, crls=crls)
    for time in times:
        assert answer(kept, NOW + time, (leaf,)) == answer(rooted(*certificates, crls=crls), NOW + time, (leaf,))
        found = answer(kept, NOW + time, (leaf,))
        if isinstance(found, ResolvedKey):
            # It may be kept for as long as it says, and not a second longer than its reasons hold.
            assert found.not_before <= NOW + time < found.not_after
            assert isinstance(answer(kept, found.not_after - 1, (leaf,)), ResolvedKey)
            assert isinstance(found.key, PublicKey)
