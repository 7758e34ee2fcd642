"""x509-limbo: chains made for the web and its names, walked by our own path under a profile that stands here alone.

No case that must fail may pass, but for those whose only fault is a name, or an extended key usage that TLS wants.
Each of these is listed, so that a new one is seen. What must succeed there and does not here is listed as well: we walk
what the sender ordered, follow no name constraints, and take no leaf with an RSA key.

Through the public doors each case becomes anchors of its roots and a credential with its chain in `x5c`, signed with
the leaf's own key where the suite has it. There the profile of an SD-JWT VC issuer stands, to which a certificate for
TLS is none, and nearly all of the suite ends with that. So the doors are gone through a second time with one value
replaced: the purposes of that profile are those of the case. Both times all that comes out otherwise is listed.

Spec: https://x509-limbo.com; RFC 5280.
"""

from __future__ import annotations

import base64
import datetime
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import builders as b
import pytest
from builders import NOW
from cryptography import x509

from citizenid import ANY, CitizenIDError, Format, KeyPurpose, LocalKey, Reason, TrustAnchors
from citizenid._model import CertificateProfile, UnixTime
from citizenid._x509 import PROFILES, CertifiedKey, Profile, Root, judge, link, load_roots
from citizenid.verifier import VerifiedPresentation

PURPOSES = {"SERVER": "1.3.6.1.5.5.7.3.1", "CLIENT": "1.3.6.1.5.5.7.3.2"}

# The names of a web server in the leaf: no profile of ours asks for one.
NAMES = {
    "rfc5280::san::underscore-dns", "rfc5280::san::ip-in-dns",
    "webpki::cn::ipv4-hex-mismatch", "webpki::cn::ipv4-leading-zeros-mismatch", "webpki::cn::ipv6-uppercase-mismatch",
    "webpki::cn::ipv6-uncompressed-mismatch", "webpki::cn::ipv6-non-rfc5952-mismatch",
    "webpki::cn::punycode-not-in-san", "webpki::cn::utf8-vs-punycode-mismatch", "webpki::cn::not-in-san",
    "webpki::cn::case-mismatch", "webpki::san::mismatch-domain-san", "webpki::san::mismatch-subdomain-san",
    "webpki::san::mismatch-subdomain-apex-san", "webpki::san::mismatch-apex-subdomain-san",
    "webpki::san::public-suffix-wildcard-san", "webpki::san::public-suffix-multi-label-wildcard-san",
    "webpki::san::public-suffix-private-namespace-wildcard-san", "webpki::san::wildcard-embedded-leftmost-san",
    "webpki::san::wildcard-not-in-leftmost-san", "webpki::san::wildcard-match-across-labels-san",
    "webpki::san::wildcard-embedded-ulabel-san", "webpki::san::unicode-emoji-san", "webpki::san::no-san",
    "webpki::san::san-critical-with-nonempty-subject", "webpki::san::san-wildcard-only",
    "webpki::san::san-wildcard-only-tld",
}  # fmt: skip
# What the CA/Browser Forum wants of extended key usage: there, not critical, and never in a root.
PURPOSE_RULES_OF_THE_WEB = {
    "webpki::eku::ee-critical-eku", "webpki::eku::ee-without-eku", "webpki::eku::root-has-eku",
}  # fmt: skip
OUT_OF_SCOPE = NAMES | PURPOSE_RULES_OF_THE_WEB

# Good for the web and refused here, with the reason why.
STRICTER = {
    "rfc5280::nc::": "name constraints are not followed, so they refuse",
    "webpki::nc::": "name constraints are not followed, so they refuse",
    "cve::cve-2024-0567": "the chain must come ordered, with at most two intermediates",
    "pathlen::self-issued-certs-pathlen": "three intermediates",
    "pathlen::max-chain-depth-1-self-issued": "a self-issued intermediate counts as any other",
    "pathlen::validation-ignores-pathlen-in-leaf": "the leaf is an authority",
    "rfc5280::ca-as-leaf": "the leaf is an authority",
    "webpki::cryptographydotio-chain": "the leaf has an RSA key",
    "online::": "the leaf has an RSA key",
}


def cases(vectors: Path) -> list[dict[str, Any]]:
    document = json.loads((vectors / "x509-limbo" / "limbo.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = document["testcases"]
    assert len(found) == 208
    return found


def der_of(pem: str) -> bytes:
    return base64.b64decode(pem.split("-----")[2])


def name_of(certificate: bytes, which: str) -> bytes | None:
    try:
        name: x509.Name = getattr(x509.load_der_x509_certificate(certificate), which)
        return name.public_bytes()
    except Exception:  # what cannot be read has no name: such a case is about that
        return None


def orders(case: dict[str, Any]) -> Iterator[list[bytes]]:
    """Every chain that a sender could make of a case with the help of its names; a builder of paths is not ours."""
    leaf = der_of(case["peer_certificate"])
    pool = [der_of(pem) for pem in case["untrusted_intermediates"]][:25]  # of a hundred alike, some are enough
    yield [leaf]
    for one in pool:
        yield [leaf, one]
        below = name_of(one, "issuer")
        yield from ([leaf, one, other] for other in pool if other != one and name_of(other, "subject") == below)
    if len(pool) > 2:
        yield [leaf, *pool]


def verdict(case: dict[str, Any]) -> CertifiedKey | set[Reason]:
    stated = case["validation_time"]
    now = UnixTime(int(datetime.datetime.fromisoformat(stated).timestamp()) if stated else NOW)
    depth = case["max_chain_depth"]
    profile = Profile(
        "limbo",
        frozenset({PURPOSES[case["validation_kind"]]}),
        key_identifiers=True,
        intermediates=2 if depth is None else min(depth, 2),
    )
    reasons: set[Reason] = set()
    roots: list[Root] = []
    for pem in case["trusted_certs"]:
        try:
            roots += load_roots(pem, [crl.encode() for crl in case["crls"]])
        except CitizenIDError as error:
            reasons.add(error.reason)
    for chain in orders(case):
        try:
            return judge(link(chain, roots, profile), now, profile)
        except CitizenIDError as error:
            assert error.__context__ is None and error.__cause__ is None
            reasons.add(error.reason)
    return reasons


def test_what_must_fail_fails_but_for_names_and_the_purposes_of_tls(vectors: Path) -> None:
    passed = {
        case["id"]
        for case in cases(vectors)
        if case["expected_result"] == "FAILURE" and isinstance(verdict(case), CertifiedKey)
    }
    assert passed == OUT_OF_SCOPE


def test_what_must_succeed_succeeds_but_for_what_we_do_not_follow(vectors: Path) -> None:
    refused = {
        case["id"]
        for case in cases(vectors)
        if case["expected_result"] == "SUCCESS" and not isinstance(verdict(case), CertifiedKey)
    }
    strangers = {name for name in refused if not name.startswith(tuple(STRICTER))}
    assert strangers == set()
    assert len(refused) == 30
    assert all(any(name.startswith(prefix) for name in refused) for prefix in STRICTER)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("crl::revoked-certificate-with-crl", Reason.CERTIFICATE_REVOKED),
        ("crl::crlnumber-missing", Reason.CRL_UNUSABLE),
        ("crl::crlnumber-critical", Reason.CRL_UNUSABLE),
        ("crl::issuer-missing-crlsign", Reason.CRL_UNUSABLE),
        ("webpki::explicit-curve", Reason.ANCHOR_INVALID),
        ("webpki::forbidden-p192-leaf", Reason.KEY_INVALID),
        ("webpki::forbidden-dsa-leaf", Reason.KEY_INVALID),
        ("webpki::forbidden-weak-rsa-in-leaf", Reason.KEY_INVALID),
        ("webpki::forbidden-p192-root", Reason.ANCHOR_INVALID),
        ("webpki::forbidden-dsa-root", Reason.ANCHOR_INVALID),
        ("webpki::forbidden-weak-rsa-key-in-root", Reason.ANCHOR_INVALID),
        ("webpki::forbidden-rsa-not-divisible-by-8-in-root", Reason.ANCHOR_INVALID),
        ("webpki::v1-cert", Reason.CERTIFICATE_INVALID),
        ("rfc5280::serial::too-long", Reason.CERTIFICATE_INVALID),
        ("rfc5280::serial::zero", Reason.CERTIFICATE_INVALID),
        ("rfc5280::serial::negative", Reason.CERTIFICATE_INVALID),
        ("rfc5280::nc::not-allowed-in-ee-noncritical", Reason.CERTIFICATE_INVALID),
        ("rfc5280::pc::ica-noncritical-pc", Reason.CERTIFICATE_INVALID),
        ("rfc5280::unknown-critical-extension-root", Reason.ANCHOR_INVALID),
        ("rfc5280::unknown-critical-extension-intermediate", Reason.CERTIFICATE_INVALID),
        ("rfc5280::validity::expired-root", Reason.CERTIFICATE_EXPIRED),
        ("rfc5280::validity::expired-leaf", Reason.CERTIFICATE_EXPIRED),
        ("rfc5280::eku::ee-wrong-eku", Reason.CERTIFICATE_USE_FORBIDDEN),
        ("webpki::eku::ee-anyeku", Reason.CERTIFICATE_USE_FORBIDDEN),
        ("pathological::pathological-chain-same-subject-same-key", Reason.LIMIT_EXCEEDED),
        ("invalid::invalid-issuer-key", Reason.CERTIFICATE_UNTRUSTED),
    ],
)
def test_a_case_fails_for_its_own_reason(vectors: Path, name: str, reason: Reason) -> None:
    (case,) = [case for case in cases(vectors) if case["id"] == name]
    reasons = verdict(case)
    assert isinstance(reasons, set) and reason in reasons


# --- through the public doors ---

# What the profile of an SD-JWT VC issuer does not ask for, and our own profile above does.
KEY_IDENTIFIERS = {
    "rfc5280::aki::cross-signed-root-missing-aki", "rfc5280::aki::intermediate-missing-aki",
    "rfc5280::aki::leaf-missing-aki", "rfc5280::ski::intermediate-missing-ski", "rfc5280::ski::root-missing-ski",
    "webpki::aki::root-with-aki-all-fields",
}  # fmt: skip
ACCEPTED_AT_THE_DOOR = {
    "the name of a web server: a credential has none": NAMES,
    "the CA/Browser Forum's rules for a purpose; RFC 5280 has none of them": PURPOSE_RULES_OF_THE_WEB,
    "key identifiers bind who issues (RFC 5280 4.2.1.1, 4.2.1.2); validation (section 6) does not ask": KEY_IDENTIFIERS,
    "the case permits fewer intermediates than the two of every profile here": {
        "pathlen::max-chain-depth-0-exhausted", "pathlen::max-chain-depth-1-exhausted",
    },
}  # fmt: skip
REFUSED_AT_THE_DOOR = {
    "name constraints are not followed, so a root with them is no anchor": (
        Reason.ANCHOR_INVALID, ["rfc5280::nc::", "webpki::nc::"], 9,
    ),
    "name constraints are not followed, so an authority with them refuses": (
        Reason.CERTIFICATE_INVALID, ["rfc5280::nc::", "webpki::nc::"], 8,
    ),
    "one of the roots has a critical extension that nobody knows, and an operator pins what he can read": (
        Reason.ANCHOR_INVALID, ["rfc5280::unknown-critical-extension-unrelated-root"], 1,
    ),
    "the chain must come ordered, with at most two intermediates": (
        Reason.LIMIT_EXCEEDED, ["cve::cve-2024-0567", "pathlen::self-issued-certs-pathlen"], 2,
    ),
    "the leaf is an authority": (
        Reason.CERTIFICATE_USE_FORBIDDEN, ["pathlen::validation-ignores-pathlen-in-leaf", "rfc5280::ca-as-leaf"], 2,
    ),
    "the leaf has an RSA key": (
        Reason.KEY_INVALID, ["webpki::cryptographydotio-chain", "online::"], 7,
    ),
    "the leaf has an RSA key, and its chain is larger than a header may be": (
        Reason.INPUT_TOO_LARGE, ["online::microsoft.com"], 1,
    ),
    # Its path holds: V3 is behind V2. Whose key it is keeps it.
    "the suite has no private key of the leaf, so nothing is signed with it": (
        Reason.SIGNATURE_INVALID, ["online::"], 7,
    ),
}  # fmt: skip


def at_the_door(case: dict[str, Any]) -> VerifiedPresentation | set[Reason]:
    """Verify a credential with the chain of a case, in each order; the Reasons if none is accepted."""
    stated = case["validation_time"]
    now = int(datetime.datetime.fromisoformat(stated).timestamp()) if stated else NOW
    key: LocalKey | None = None
    reasons: set[Reason] = set()
    try:
        trusted = TrustAnchors.from_certificates(
            "".join(case["trusted_certs"]),
            issuer=b.ISSUER,
            purpose=KeyPurpose.CREDENTIAL,
            formats=[Format.SD_JWT_VC],
            types=[b.VCT],
            countries=ANY,
            crls=[crl.encode() for crl in case["crls"]],
        )
    except CitizenIDError as error:
        return {error.reason}
    try:
        key = LocalKey.from_pem(case["peer_certificate_key"] or "")
    except CitizenIDError as error:
        assert error.reason is Reason.KEY_INVALID  # none, or of a kind that we do not have
    for chain in orders(case):
        data = b.make(
            {"kid": b.ABSENT, "x5c": [base64.b64encode(each).decode() for each in chain]}
            | ({} if key is None else {"alg": key.algorithm}),
            {"iat": now - 60, "exp": now + 3_600, "status": b.ABSENT},
            sign=bytes_of_no_signature if key is None else key.sign,
            kb={"iat": now},
        )
        try:
            verified = b.verify(data, anchors=trusted, now=now)
        except CitizenIDError as error:
            assert error.__context__ is None and error.__cause__ is None
            reasons.add(error.reason)
        else:
            assert isinstance(verified, VerifiedPresentation)
            return verified
    return reasons


def bytes_of_no_signature(data: bytes) -> bytes:
    return bytes(64)


def verdicts(vectors: Path, expected: str) -> dict[str, VerifiedPresentation | set[Reason]]:
    return {case["id"]: at_the_door(case) for case in cases(vectors) if case["expected_result"] == expected}


def test_a_certificate_for_the_web_signs_no_credential(vectors: Path) -> None:
    # The one chain that passes in each half is the same one: it states no purpose, so none that is not ours.
    failing, good = verdicts(vectors, "FAILURE"), verdicts(vectors, "SUCCESS")
    assert (len(failing), len(good)) == (145, 63)
    assert [name for name, found in failing.items() if not isinstance(found, set)] == ["webpki::eku::ee-without-eku"]
    assert [name for name, found in good.items() if not isinstance(found, set)] == ["rfc5280::eku::ee-without-eku"]
    counts: Counter[str] = Counter()
    for found in good.values():
        if isinstance(found, set):
            # Of a pool of certificates, most orders are none: that one ended with the purpose says enough.
            last = Reason.CERTIFICATE_USE_FORBIDDEN
            (reason,) = {last} if last in found else found - {Reason.LIMIT_EXCEEDED}
            counts[reason.value] += 1
    assert counts == {"certificate_use_forbidden": 51, "anchor_invalid": 10, "certificate_invalid": 1}


def judged_as_the_web_does(
    monkeypatch: pytest.MonkeyPatch, vectors: Path, expected: str
) -> dict[str, VerifiedPresentation | set[Reason]]:
    found = {}
    name = CertificateProfile.SD_JWT_VC_ISSUER
    row = PROFILES[name]
    for case in cases(vectors):
        if case["expected_result"] == expected:
            monkeypatch.setitem(PROFILES, name, row._replace(purposes=frozenset({PURPOSES[case["validation_kind"]]})))
            found[case["id"]] = at_the_door(case)
    return found


def test_but_for_its_purpose_what_must_fail_fails_at_the_door(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged_as_the_web_does(monkeypatch, vectors, "FAILURE")
    passed = {name for name, verdict in found.items() if not isinstance(verdict, set)}
    listed = [name for names in ACCEPTED_AT_THE_DOOR.values() for name in names]
    assert passed == set(listed) and len(listed) == len(passed) == 38
    assert len(found) == 145
    # And none of the rest is kept from passing by its signature alone: its path is refused.
    assert [name for name, verdict in found.items() if isinstance(verdict, set) and SIGNED & verdict] == []


SIGNED = {Reason.SIGNATURE_INVALID, Reason.SIGNATURE_MALFORMED, Reason.ALGORITHM_MISMATCH}


def test_but_for_its_purpose_what_must_succeed_succeeds_at_the_door(
    vectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged_as_the_web_does(monkeypatch, vectors, "SUCCESS")
    refused = {name: verdict for name, verdict in found.items() if isinstance(verdict, set)}
    assert len(found) - len(refused) == 26
    classes: Counter[str] = Counter()
    for name, reasons in refused.items():
        (why,) = [
            why
            for why, (reason, prefixes, _) in REFUSED_AT_THE_DOOR.items()
            if reason in reasons and name.startswith(tuple(prefixes))
        ]
        classes[why] += 1
    assert classes == {why: count for why, (_, _, count) in REFUSED_AT_THE_DOOR.items()}
