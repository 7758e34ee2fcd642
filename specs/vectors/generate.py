"""Writes the vectors of this folder: inputs with the verdict that they must get. README.md says how to read them.

    python specs/vectors/generate.py            write the files
    python specs/vectors/generate.py --check    compare, and fail when a file is not what this program would write

Tokens are put together by hand, byte by byte, and signed with `cryptography` alone; the library writes nothing but the
sealed tickets and the challenges of gateway.json, which no one else could write. Everything is deterministic: keys come
from their names, times are fixed, and so are signatures, those of ECDSA by RFC 6979. The formats in CBOR have modules
of their own: generate_mdoc.py and generate_sd_cwt.py.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import sys
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from generate_mdoc_refusals import mdoc
from generate_sd_cwt import sd_cwt
from shared import (
    ABSENT,
    AUDIENCE,
    BITS,
    BITS_TYPE,
    BITS_URI,
    DAY,
    EMPTY_BITS,
    HOLDER,
    HOLDER_P256,
    ISSUER,
    ISSUER_KEY,
    ISSUER_P256,
    KEYS,
    LIST_TYPE,
    LIST_URI,
    LISTS,
    NONCE,
    NOW,
    OTHER,
    REVOKED,
    SENDER,
    SENDER_P256,
    SHORT_BITS,
    STATUS_KEY,
    STRANGER,
    SUSPENDED,
    SUSPENSIONS_URI,
    VALID,
    VCT,
    ZLIB_BITS,
    Key,
    b64,
    bitstring,
    changed,
    dump,
    entry,
    jwks,
    jws,
    lst,
    need,
    refused,
    segment,
    status_claim,
    status_list,
)

from citizenid import ANY, Country, Format, KeyPurpose, TrustAnchors, UnixTime
from citizenid._model import Handover
from citizenid.gateway import Binding
from citizenid.gateway.challenge import ChallengeKeys
from citizenid.gateway.ticket import TicketContents, TicketKeys, assurance_hash, type_hash
from citizenid.status._store import status_identity

HERE: Final = Path(__file__).resolve().parent
FILES: Final = ("presentation", "mdoc", "sd_cwt", "status_list", "dpop", "policy", "anchors", "gateway")


# --- tokens ---


def disclosure(*parts: Any) -> str:
    return segment(list(parts))


def digest(text: str, algorithm: str = "sha256") -> str:
    return b64(hashlib.new(algorithm, text.encode()).digest())


def good_payload(holder: Key = HOLDER) -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "vct": VCT,
        "iat": NOW - 60,
        "exp": NOW + 30 * DAY,
        "cnf": {"jwk": holder.jwk},
        "status": status_claim(VALID),
        "nationalities": ["US"],
    }


def credential(
    payload: Mapping[str, Any] | bytes | None = None,
    shown: Iterable[str] = (),
    header: Mapping[str, Any] | bytes | None = None,
    *,
    key: Key = ISSUER_KEY,
    holder: Key = HOLDER,
) -> str:
    good = {"alg": key.algorithm, "typ": "dc+sd-jwt", "kid": "k1"}
    token = jws(changed(good, header), changed(good_payload(holder), payload), key)
    return "~".join((token, *shown, ""))


def bound(
    half: str,
    claims: Mapping[str, Any] | bytes | None = None,
    header: Mapping[str, Any] | bytes | None = None,
    *,
    key: Key = HOLDER,
    algorithm: str = "sha256",
    nonce: str = NONCE,
) -> str:
    good = {"iat": NOW, "aud": AUDIENCE, "nonce": nonce, "sd_hash": digest(half, algorithm)}
    return half + jws(changed({"alg": key.algorithm, "typ": "kb+jwt"}, header), changed(good, claims), key)


def make(
    payload: Mapping[str, Any] | bytes | None = None,
    shown: Iterable[str] = (),
    header: Mapping[str, Any] | bytes | None = None,
) -> str:
    return bound(credential(payload, shown, header))


def to_json(compact: str, *, general: bool = False, **header: Any) -> str:
    token, *shown, binding = compact.split("~")
    protected, payload, signature = token.split(".")
    members = changed({"disclosures": shown, "kb_jwt": binding}, header)
    signed = {"header": members, "protected": protected, "signature": signature}
    document = {"payload": payload, "signatures": [signed]} if general else {"payload": payload, **signed}
    return dump(document).decode()


def proof(
    claims: Mapping[str, Any] | bytes | None = None,
    header: Mapping[str, Any] | bytes | None = None,
    *,
    key: Key = SENDER,
    ticket: str | None = None,
    jti: str = "an identifier of its own",
    url: str = AUDIENCE + "/v1/chat",
    method: str = "POST",
    now: int = NOW,
) -> str:
    good = {"jti": jti, "htm": method, "htu": url, "iat": now}
    if ticket is not None:
        good["ath"] = digest(ticket)
    return jws(changed({"typ": "dpop+jwt", "alg": key.algorithm, "jwk": key.jwk}, header), changed(good, claims), key)


# --- certificates: Ed25519, so that they too are the same every time ---


def certificate(
    subject: Key, issuer: Key, *, authority: bool = False, not_before: int = NOW - DAY, not_after: int = NOW + DAY
) -> x509.Certificate:
    usage = dict.fromkeys(
        "content_commitment key_encipherment data_encipherment key_agreement encipher_only decipher_only".split(), False
    )
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, key.name)]) for key in (subject, issuer)]
    return (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(subject.private.public_key())
        .serial_number(int.from_bytes(subject.thumbprint[:8], "big") | 1)
        .not_valid_before(datetime.datetime.fromtimestamp(not_before, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(not_after, datetime.UTC))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **usage),
            critical=True,
        )
        .sign(issuer.private, None)
    )


def x5c(*certificates: x509.Certificate) -> list[str]:
    return [base64.b64encode(each.public_bytes(serialization.Encoding.DER)).decode() for each in certificates]


ROOT: Final = Key("root")
ROOT_CERTIFICATE: Final = certificate(ROOT, ROOT, authority=True, not_after=NOW + 3_650 * DAY)
LEAF: Final = certificate(ISSUER_KEY, ROOT)


# --- verdicts and cases ---


def valid(
    claims: Mapping[str, Any] | None = None,
    nationalities: Iterable[str] = ("US",),
    citizenships: Iterable[str] = (),
    *,
    complete: bool = False,
    status: str | None = "valid",
    issuer: str = ISSUER,
    **more: Any,
) -> dict[str, Any]:
    return {
        "valid": {
            "type": VCT,
            "issuer": issuer,
            "claims": {"nationalities": ["US"]} if claims is None else dict(claims),
            "nationalities": list(nationalities),
            "citizenships": list(citizenships),
            "complete": complete,
            "status": status,
            **more,
        }
    }


def credential_anchor(keys: dict[str, Any], **changes: Any) -> dict[str, Any]:
    good = {
        "issuer": ISSUER,
        "purpose": "credential",
        "formats": ["dc+sd-jwt"],
        "types": [VCT],
        "countries": "any",
    }
    anchor: dict[str, Any] = changed(good, {**keys, **changes})
    return anchor


ANCHORS: Final[dict[str, dict[str, Any]]] = {
    "issuer": credential_anchor({"jwks": jwks((ISSUER_KEY, "k1"))}),
    "status": {"issuer": ISSUER, "purpose": "status_list", "jwks": jwks((STATUS_KEY, "s1"))},
    "es256": credential_anchor({"jwks": jwks((ISSUER_P256, "k1"))}),
    "pinned": credential_anchor({"jwks": jwks((ISSUER_KEY, None))}),
    "two-keys": credential_anchor({"jwks": jwks((ISSUER_KEY, "k1"), (STRANGER, "k2"))}),
    "germany": credential_anchor({"jwks": jwks((ISSUER_KEY, "k1"))}, countries=["DE"]),
    "germany-and-us": credential_anchor({"jwks": jwks((ISSUER_KEY, "k1"))}, countries=["DE", "US"]),
    "other-type": credential_anchor({"jwks": jwks((ISSUER_KEY, "k1"))}, types=["urn:example:other:1"]),
    "other-issuer": credential_anchor({"jwks": jwks((ISSUER_KEY, "k1"))}, issuer="https://other.example"),
    "namesake": credential_anchor({"jwks": jwks((STRANGER, "k1"))}, issuer="https://other.example"),
    "future": credential_anchor({"jwks": jwks((ISSUER_KEY, "k1"))}, not_before=NOW + 1),
    "past": credential_anchor({"jwks": jwks((ISSUER_KEY, "k1"))}, not_after=NOW),
    "root": credential_anchor({"certificates": ROOT_CERTIFICATE.public_bytes(serialization.Encoding.PEM).decode()}),
    "other-status-issuer": credential_anchor(
        {"jwks": jwks((ISSUER_KEY, "k1"))}, status_issuer="https://status.example"
    ),
}
CHALLENGE: Final = {"audience": AUDIENCE, "nonce": NONCE, "max_age_s": 300}


def case(id: str, title: str, input: str, expected: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """One presentation; whatever is not changed is as for a good one."""
    good = {
        "id": id,
        "title": title,
        "operation": "verify",
        "format": "dc+sd-jwt",
        "serialization": "compact",
        "now": NOW,
        "challenge": CHALLENGE,
        "anchors": ["issuer", "status"],
        "status_lists": ["list"],
    }
    return {**good, **changes, "input": input, "expected": expected}


def with_text(find: str, replace: str) -> bytes:
    """Return the good payload with a piece of its text replaced: what no JSON writer would write."""
    text = dump({**good_payload(), "marker": 0}).decode()
    assert find in text
    return text.replace(find, replace).encode()


NAME: Final = disclosure("c2FsdCBvZiB0aGUgbmFtZQ", "given_name", "Zoë")
STREET: Final = disclosure("c2FsdCBvZiBzdHJlZXQuLg", "street", "Rue de l'Église")
ADDRESS: Final = disclosure("c2FsdCBvZiBhZGRyZXNzLg", "address", {"_sd": [digest(STREET)], "country": "FR"})
FRANCE: Final = disclosure("c2FsdCBvZiBGcmFuY2UuLg", "FR")
AMERICA: Final = disclosure("c2FsdCBvZiBBbWVyaWNhLg", "US")
CHECKED: Final = disclosure("c2FsdCBvZiBldmlkZW5jZQ", "evidence_checked_at", NOW - DAY)
DECOY: Final = digest("a decoy")


def accepts() -> list[dict[str, Any]]:
    two = {"nationalities": [{"...": digest(AMERICA)}, {"...": digest(FRANCE)}], "_sd_alg": "sha-256"}
    nested = {"_sd": [digest(ADDRESS), digest(NAME), DECOY], "_sd_alg": "sha-256"}
    rich = make({**nested, **two}, [NAME, ADDRESS, STREET, AMERICA, FRANCE])
    person = {"given_name": "Zoë", "address": {"country": "FR", "street": "Rue de l'Église"}}
    es256 = bound(credential(key=ISSUER_P256, holder=HOLDER_P256), key=HOLDER_P256)
    sha512 = disclosure("c2FsdCBvZiB0aGUgbmFtZQ", "given_name", "Zoë")
    half512 = credential({"_sd": [digest(sha512, "sha512")], "_sd_alg": "sha-512"}, [sha512])
    sha384 = credential({"_sd": [digest(NAME, "sha384")], "_sd_alg": "sha-384"}, [NAME])
    citizen = {"nationalities": ["US"], "citizenships": ["US"], "nationalities_complete": True}
    both = {"nationalities": ["FR", "US"], "nationalities_complete": True}
    return [
        case("accept-plain", "nothing hidden, status valid", make(), valid()),
        case("accept-es256", "issuer and holder with ES256", es256, valid(), anchors=["es256", "status"]),
        case("accept-eddsa", "EdDSA is the older name of Ed25519", make(header={"alg": "EdDSA"}), valid()),
        case(
            "accept-everything-shown",
            "members, a recursive disclosure, array elements and a decoy",
            rich,
            valid({**person, "nationalities": ["US", "FR"]}, ["US", "FR"]),
        ),
        case(
            "accept-one-nationality",
            "one element shown, the other closes up",
            make({**nested, **two}, [FRANCE]),
            valid({"nationalities": ["FR"]}, ["FR"]),
        ),
        case("accept-none-shown", "all elements withheld", make({**nested, **two}), valid({"nationalities": []}, [])),
        case("accept-sha-384", "digests and sd_hash by SHA-384", bound(sha384, algorithm="sha384"),
             valid({"nationalities": ["US"], "given_name": "Zoë"})),
        case("accept-sha-512", "digests and sd_hash by SHA-512", bound(half512, algorithm="sha512"),
             valid({"nationalities": ["US"], "given_name": "Zoë"})),
        case("accept-flattened", "the flattened JSON serialisation", to_json(make()),
             valid(), serialization="flattened"),
        case(
            "accept-general",
            "the general JSON serialisation",
            to_json(make(), general=True),
            valid(),
            serialization="general",
        ),
        case("accept-citizenship", "citizenship, and a complete list", make(citizen),
             valid(citizen, ["US"], ["US"], complete=True)),
        case("accept-special-code", "QS names no country, and no list with it is complete",
             make({**citizen, "nationalities": ["US", "QS"]}),
             valid({**citizen, "nationalities": ["US", "QS"]}, ["US"], ["US"])),
        case("accept-filtered", "what the anchor may not attest proves nothing", make(both),
             valid(both, ["US"]), anchors=["germany-and-us", "status"]),
        case("accept-withheld-is-not-complete", "a list of which something is withheld is not complete",
             make({**two, "nationalities_complete": True}, [AMERICA]),
             valid({"nationalities": ["US"], "nationalities_complete": True})),
        *accepts_of_evidence(),
        case("accept-short-lived", "a validity of 24 hours needs no status",
             make({"status": ABSENT, "exp": NOW - 60 + DAY}), valid(status=None)),
        case("accept-pinned", "a key pinned without kid answers any kid", make(),
             valid(), anchors=["pinned", "status"]),
        case("accept-no-kid", "without kid the claimed iss finds the key",
             make(header={"kid": ABSENT}), valid(), anchors=["issuer", "namesake", "status"]),
        case("accept-no-iss", "without iss the anchor's label stands", make({"iss": ABSENT}), valid()),
        case("accept-x5c", "a chain to a pinned root", make(header={"kid": ABSENT, "x5c": x5c(LEAF)}), valid(),
             anchors=["root", "status"]),
        case("accept-skew", "an iat half a minute ahead is excused", make({"iat": NOW + 30}), valid()),
        case("accept-last-second", "the last second before exp", make({"exp": NOW + 1}), valid()),
        case("accept-oldest-binding", "a key binding as old as the challenge permits",
             bound(credential(), {"iat": NOW - 300}), valid()),
        case("accept-audience", "the credential's aud names the verifier, among others",
             make({"aud": ["https://other.example", AUDIENCE]}), valid()),
    ]  # fmt: skip


def accepts_of_evidence() -> list[dict[str, Any]]:
    hidden = {"_sd": [digest(CHECKED)], "_sd_alg": "sha-256"}
    other, claim = "urn:example:other:1", {"evidence_checked_at": "last week"}
    plain = {"nationalities": ["US"]}
    return [
        case("accept-evidence", "when the issuer checked its evidence", make({"evidence_checked_at": NOW - DAY}),
             valid(evidence_at=NOW - DAY)),
        case("accept-evidence-first", "in the first second of 1970", make({"evidence_checked_at": 0}),
             valid(evidence_at=0)),
        case("accept-evidence-disclosed", "the same behind a digest, and shown", make(hidden, [CHECKED]),
             valid(evidence_at=NOW - DAY)),
        case("accept-evidence-withheld", "and withheld: it is not known then", make(hidden), valid()),
        case("accept-evidence-skew", "half a minute behind iat, by another clock of the issuer",
             make({"evidence_checked_at": NOW - 30}), valid(evidence_at=NOW - 30)),
        case("accept-evidence-of-others", "in a type of others a claim of that name is a claim like any other",
             make({"vct": other, **claim}), valid({**plain, **claim}, type=other), anchors=["other-type", "status"]),
    ]  # fmt: skip


def refusals_by_evidence() -> list[dict[str, Any]]:
    def odd(id: str, title: str, value: Any, **payload: Any) -> dict[str, Any]:
        made = make({"evidence_checked_at": value, **payload})
        return case("v4-evidence-" + id, title, made, refused("V4", "claim_invalid"))

    shown = disclosure("c2FsdCBvZiBhIHRpbWUuLg", "evidence_checked_at", True)
    return [
        odd("boolean", "a time of the evidence that is true", True),
        odd("null", "a time of the evidence that is null", None),
        odd("text", "a time of the evidence in text", str(NOW - DAY)),
        odd("fraction", "half a second of it", NOW - DAY + 0.5),
        odd("float", "a whole number in the form of a fraction", float(NOW - DAY)),
        odd("negative", "a time of the evidence before 1970", -1),
        odd("large", "a time of the evidence beyond 2^53", 2**53),
        odd("array", "a time of the evidence in an array", [NOW - DAY]),
        odd("after", "31 seconds after iat: it was not checked before it was issued", NOW - 29),
        case("v4-evidence-disclosed", "the same behind a digest",
             make({"_sd": [digest(shown)], "_sd_alg": "sha-256"}, [shown]), refused("V4", "claim_invalid")),
        case("v6-evidence-future", "checked in the future, in a credential without iat",
             make({"iat": ABSENT, "evidence_checked_at": NOW + 31}), refused("V6", "issued_in_future")),
        case("v6-evidence-after", "within the skew of an iat that is itself ahead",
             make({"iat": NOW + 30, "evidence_checked_at": NOW + 31}), refused("V6", "issued_in_future")),
    ]  # fmt: skip


def refusals_of_form() -> list[dict[str, Any]]:
    token, _, binding = make().partition("~")
    header, payload, signature = token.split(".")
    nested = b'{"a":' * 40 + b"1" + b"}" * 40
    stray = signature[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[signature[-1]]
    private = {**HOLDER.jwk, "d": HOLDER.secret}
    return [
        case("form-no-tilde", "a bare JWT is no SD-JWT", token, refused("V1", "malformed_token")),
        case("form-two-segments", "two segments are no JWT", f"{header}.{payload}~{binding}",
             refused("V1", "malformed_token")),
        case("form-empty-disclosure", "nothing between two tildes", f"{token}~~{binding}",
             refused("V1", "malformed_token")),
        case("form-empty-signature", "no signature at all", f"{header}.{payload}.~{binding}",
             refused("V1", "malformed_token")),
        case("form-json-unnamed", "a JSON serialisation that was not named", to_json(make()),
             refused("V1", "malformed_token")),
        case("form-unprotected-alg", "an alg in the unprotected header", to_json(make(), alg="Ed25519"),
             refused("V1", "malformed_token"), serialization="flattened"),
        case("form-unprotected-namesake", "a name in both headers", to_json(make(), kid="k1"),
             refused("V1", "malformed_token"), serialization="flattened"),
        case("form-padding", "base64url with padding", f"{token}==~{binding}", refused("V1", "malformed_base64")),
        case("form-stray-bits", "another spelling of the same signature", f"{header}.{payload}.{stray}~{binding}",
             refused("V1", "malformed_base64")),
        case("form-standard-base64", "a character of the other alphabet",
             f"{token}~" + disclosure("salt", "name", "?>")[:-4] + "+/==~" + binding,
             refused("V4", "malformed_base64")),
        case("form-header-array", "a header that is no object", make(header=b"[]"), refused("V1", "malformed_json")),
        case("form-nan", "NaN in the payload", make(with_text('"marker":0', '"marker":NaN')),
             refused("V4", "malformed_json")),
        case("form-infinity", "a number beyond every double", make(with_text('"marker":0', '"marker":1e400')),
             refused("V4", "malformed_json")),
        case("form-duplicate-member", "nationalities twice, spelled apart",
             make(with_text('"marker":0', '"nationalit\\u0069es":["FR"]')), refused("V4", "duplicate_member")),
        case("form-duplicate-in-header", "alg twice",
             make(header=b'{"alg":"Ed25519","alg":"Ed25519","typ":"dc+sd-jwt","kid":"k1"}'),
             refused("V1", "duplicate_member")),
        case("form-deep", "forty objects in each other", make(with_text('"marker":0', '"marker":' + nested.decode())),
             refused("V4", "depth_exceeded")),
        case("form-large", "one byte more than the bound", make(), refused("V1", "input_too_large"),
             limits={"presentation_bytes": len(make()) - 1}),
        case("form-many-disclosures", "more disclosures than the bound",
             make({"_sd": [digest(NAME)]}, [NAME, STREET, FRANCE]), refused("V1", "limit_exceeded"),
             limits={"disclosures": 2}),
        case("form-many-digests", "more digests than the bound", make({"_sd": [DECOY, digest("2"), digest("3")]}),
             refused("V4", "limit_exceeded"), limits={"digests": 2}),
        case("form-kid-number", "a kid that is a number", make(header={"kid": 1}), refused("V1", "header_invalid")),
        case("form-typ-null", "a typ that is null", make(header={"typ": None}), refused("V1", "header_invalid")),
        case("form-jwk-header", "a header that brings its key", make(header={"jwk": ISSUER_KEY.jwk}),
             refused("V1", "header_forbidden")),
        case("form-jku-header", "a header that says where its key is",
             make(header={"jku": "https://id.example/jwks"}), refused("V1", "header_forbidden")),
        case("form-crit", "an extension that must be understood", make(header={"crit": ["exp"], "exp": NOW}),
             refused("V1", "crit_unsupported")),
        case("form-alg-none", "no algorithm", make(header={"alg": "none"}), refused("V1", "algorithm_not_allowed")),
        case("form-alg-hmac", "a MAC", make(header={"alg": "HS256"}), refused("V1", "algorithm_not_allowed")),
        case("form-alg-case", "names are case-sensitive", make(header={"alg": "ed25519"}),
             refused("V1", "algorithm_not_allowed")),
        case("form-alg-mismatch", "the algorithm of another key", make(header={"alg": "ES256"}),
             refused("V3", "algorithm_mismatch")),
        case("form-kb-alg-mismatch", "a key binding by another kind of key",
             bound(credential(), key=HOLDER_P256), refused("V8", "algorithm_mismatch")),
        case("form-typ-old", "the typ of older drafts", make(header={"typ": "vc+sd-jwt"}),
             refused("V4", "typ_mismatch")),
        case("form-typ-media-type", "the typ with its prefix", make(header={"typ": "application/dc+sd-jwt"}),
             refused("V4", "typ_mismatch")),
        case("form-kb-typ", "a key binding with the typ of a JWT", bound(credential(), header={"typ": "JWT"}),
             refused("V7", "typ_mismatch")),
        case("form-cnf-private", "a private key in cnf", make({"cnf": {"jwk": private}}), refused("V4", "key_invalid")),
        case("form-cnf-two", "two confirmation methods", make({"cnf": {"jwk": HOLDER.jwk, "kid": "1"}}),
             refused("V4", "key_invalid")),
        case("form-cnf-small-order", "a key of small order",
             make({"cnf": {"jwk": {**HOLDER.jwk, "x": b64(bytes(32))}}}),
             refused("V4", "key_invalid")),
        case("form-cnf-use", "a key for encryption", make({"cnf": {"jwk": {**HOLDER.jwk, "use": "enc"}}}),
             refused("V4", "key_use_forbidden")),
        case("form-signature-short", "a signature of 63 bytes",
             f"{header}.{payload}.{b64(base64.urlsafe_b64decode(signature + '==')[:63])}~{binding}",
             refused("V3", "signature_malformed")),
        case("form-signature-other", "the signature of another payload",
             f"{header}.{payload}.{make({'iat': NOW - 61}).split('~')[0].split('.')[2]}~{binding}",
             refused("V3", "signature_invalid")),
        case("form-signature-stranger", "signed by somebody else under the same kid",
             bound(credential(key=STRANGER)), refused("V3", "signature_invalid")),
        case("form-kb-signature", "a key binding by somebody else", bound(credential(), key=STRANGER),
             refused("V8", "signature_invalid")),
        case("form-no-exp", "no end of validity", make({"exp": ABSENT}), refused("V4", "claim_missing")),
        case("form-no-vct", "no type", make({"vct": ABSENT}), refused("V4", "claim_missing")),
        case("form-kb-no-nonce", "a key binding without a nonce", bound(credential(), {"nonce": ABSENT}),
             refused("V7", "claim_missing")),
        case("form-exp-float", "an end that is no integer", make({"exp": NOW + 0.5}), refused("V4", "claim_invalid")),
        case("form-exp-true", "an end that is a boolean", make({"exp": True}), refused("V4", "claim_invalid")),
        case("form-exp-before-iat", "an end before the beginning", make({"exp": NOW - 61}),
             refused("V4", "claim_invalid")),
        case("form-complete-text", "completeness as text", make({"nationalities_complete": "true"}),
             refused("V4", "claim_invalid")),
        case("form-status-index", "an index below zero", make({"status": status_claim(-1)}),
             refused("V4", "claim_invalid")),
        case("form-kb-iat-float", "a key binding whose time is no integer", bound(credential(), {"iat": float(NOW)}),
             refused("V7", "claim_invalid")),
    ]  # fmt: skip


def refusals_by_trust() -> list[dict[str, Any]]:
    root = {"anchors": ["root", "status"]}
    expired = certificate(ISSUER_KEY, ROOT, not_before=NOW - 2 * DAY, not_after=NOW - 1)
    selfmade = certificate(STRANGER, STRANGER, authority=True)
    foreign = certificate(ISSUER_KEY, Key("another root"))
    chain = make(header={"kid": ABSENT, "x5c": x5c(LEAF)})
    ahead = disclosure("c2FsdCBvZiBhIHRpbWUuLg", "iat", NOW + 31)
    return [
        case("v1-receive-with-key-binding", "an issuer sends no key binding", make(),
             refused("V1", "key_binding_unexpected"), operation="receive"),
        case("v2-unknown-kid", "a kid that nobody has", make(header={"kid": "k9"}), refused("V2", "key_unknown")),
        case("v2-unknown-issuer", "an iss that nobody is",
             make({"iss": "https://other.example"}, header={"kid": ABSENT}),
             refused("V2", "key_unknown")),
        case("v2-status-key", "a key for status lists signs no credential",
             bound(credential(key=STATUS_KEY, header={"kid": "s1"})), refused("V2", "key_unknown")),
        case("v2-ambiguous", "two keys, and nothing says which", make(header={"kid": ABSENT}),
             refused("V2", "key_ambiguous"), anchors=["two-keys", "status"]),
        case("v2-anchor-future", "an anchor that is not trusted yet", make(), refused("V2", "anchor_not_yet_valid"),
             anchors=["future", "status"]),
        case("v2-anchor-past", "an anchor whose time is over", make(), refused("V2", "anchor_expired"),
             anchors=["past", "status"]),
        case("v2-x5c-by-key", "an issuer anchored by keys takes no certificates", chain,
             refused("V2", "certificate_untrusted")),
        case("v2-x5c-foreign", "a chain to another root", make(header={"kid": ABSENT, "x5c": x5c(foreign)}),
             refused("V2", "certificate_untrusted"), **root),
        case("v2-x5c-root-sent", "the root itself is not sent",
             make(header={"kid": ABSENT, "x5c": x5c(LEAF, ROOT_CERTIFICATE)}), refused("V2", "certificate_untrusted"),
             **root),
        case("v2-x5c-self-made", "an authority signs no credential",
             bound(credential(header={"kid": ABSENT, "x5c": x5c(selfmade)}, key=STRANGER)),
             refused("V2", "certificate_invalid"), **root),
        case("v2-x5c-broken", "no certificate at all",
             make(header={"kid": ABSENT, "x5c": [base64.b64encode(b"broken").decode()]}),
             refused("V2", "certificate_invalid"), **root),
        case("v2-x5c-expired", "a certificate whose time is over", make(header={"kid": ABSENT, "x5c": x5c(expired)}),
             refused("V2", "certificate_expired"), **root),
        case("v5-issuer", "an iss that is not the anchor's label", make(), refused("V5", "issuer_mismatch"),
             anchors=["other-issuer", "status"]),
        case("v5-type", "a type that the anchor may not attest", make(), refused("V5", "type_not_allowed"),
             anchors=["other-type", "status"]),
        case("v5-country", "a country that the anchor may not attest", make(), refused("V5", "country_not_allowed"),
             anchors=["germany", "status"]),
        case("v6-future", "issued in the future", make({"iat": NOW + 31}), refused("V6", "issued_in_future")),
        case("v6-future-disclosed", "the same behind a digest, and shown",
             make({"iat": ABSENT, "_sd": [digest(ahead)], "_sd_alg": "sha-256"}, [ahead]),
             refused("V6", "issued_in_future")),
        case("v6-not-yet", "nbf in a second: no skew excuses it", make({"nbf": NOW + 1}),
             refused("V6", "not_yet_valid")),
        case("v6-expired", "exp is this very second", make({"exp": NOW}), refused("V6", "expired")),
    ]  # fmt: skip


def refusals_by_redaction() -> list[dict[str, Any]]:
    exp = disclosure("c2FsdCBvZiB0aGUgZXhwLi4", "exp", NOW + DAY)
    sub = disclosure("c2FsdCBvZiB0aGUgandrLg", "jwk", HOLDER.jwk)
    reserved = disclosure("c2FsdCBvZiByZXNlcnZlZA", "_sd", "x")
    salt = disclosure(7, "given_name", "Zoë")
    four = disclosure("salt", "given_name", "Zoë", "more")
    clash = disclosure("c2FsdCBvZiB0aGUgY2xhc2g", "nationalities", ["FR"])
    special = disclosure("c2FsdCBvZiBwbGFjZWhvbA", "...", "x")
    return [
        case("v4-hash-unknown", "a hash outside of the list", make({"_sd_alg": "sha3-256"}),
             refused("V4", "hash_algorithm_not_allowed")),
        case("v4-hash-truncated", "a truncated hash", make({"_sd_alg": "sha-256-128"}),
             refused("V4", "hash_algorithm_not_allowed")),
        case("v4-hash-case", "names are case-sensitive", make({"_sd_alg": "SHA-256"}),
             refused("V4", "hash_algorithm_not_allowed")),
        case("v4-hash-nested", "a hash below the top", make({"a": {"_sd_alg": "sha-256"}}),
             refused("V4", "redaction_malformed")),
        case("v4-sd-text", "_sd that is no array", make({"_sd": DECOY}), refused("V4", "redaction_malformed")),
        case("v4-sd-number", "a digest that is no text", make({"_sd": [1]}), refused("V4", "redaction_malformed")),
        case("v4-placeholder-company", "a placeholder with another member",
             make({"a": [{"...": DECOY, "b": 1}]}), refused("V4", "redaction_malformed")),
        case("v4-placeholder-member", "a placeholder that is no array element", make({"a": {"...": DECOY}}),
             refused("V4", "redaction_malformed")),
        case("v4-digest-twice", "a digest twice", make({"_sd": [DECOY, DECOY]}), refused("V4", "digest_duplicate")),
        case("v4-digest-twice-apart", "a digest as member and as element",
             make({"_sd": [DECOY], "a": [{"...": DECOY}]}), refused("V4", "digest_duplicate")),
        case("v4-digest-twice-inside", "a digest again inside a disclosure",
             make({"_sd": [digest(ADDRESS), digest(STREET)]}, [ADDRESS, STREET]), refused("V4", "digest_duplicate")),
        case("v4-element-as-member", "an element's disclosure for a member", make({"_sd": [digest(FRANCE)]}, [FRANCE]),
             refused("V4", "disclosure_malformed")),
        case("v4-member-as-element", "a member's disclosure for an element",
             make({"a": [{"...": digest(NAME)}]}, [NAME]), refused("V4", "disclosure_malformed")),
        case("v4-reserved-name", "a disclosure of _sd", make({"_sd": [digest(reserved)]}, [reserved]),
             refused("V4", "disclosure_malformed")),
        case("v4-placeholder-name", "a disclosure of ...", make({"_sd": [digest(special)]}, [special]),
             refused("V4", "disclosure_malformed")),
        case("v4-salt-number", "a salt that is no text", make({"_sd": [digest(salt)]}, [salt]),
             refused("V4", "disclosure_malformed")),
        case("v4-four-parts", "a disclosure of four parts", make({"_sd": [digest(four)]}, [four]),
             refused("V4", "disclosure_malformed")),
        case("v4-disclosure-twice", "a disclosure twice", make({"_sd": [digest(NAME)]}, [NAME, NAME]),
             refused("V4", "disclosure_duplicate")),
        case("v4-clash", "a disclosed name that is there already", make({"_sd": [digest(clash)]}, [clash]),
             refused("V4", "disclosure_clash")),
        case("v4-unreferenced", "a disclosure that no digest names", make({"_sd": [DECOY]}, [NAME]),
             refused("V4", "disclosure_unreferenced")),
        case("v4-child-alone", "a disclosure without the one it stands inside",
             make({"_sd": [digest(ADDRESS)]}, [STREET]), refused("V4", "disclosure_unreferenced")),
        case("v4-hidden-exp", "an end of validity that may be withheld",
             make({"exp": ABSENT, "_sd": [digest(exp)]}, [exp]), refused("V4", "claim_not_disclosable")),
        case("v4-hidden-in-cnf", "a holder key that may be withheld", make({"cnf": {"_sd": [digest(sub)]}}, [sub]),
             refused("V4", "claim_not_disclosable")),
        case("v4-decoy-in-status", "a decoy inside status", make({"status": {**status_claim(VALID), "_sd": [DECOY]}}),
             refused("V4", "claim_not_disclosable")),
        case("v4-country-lower-case", "a code in lower case", make({"nationalities": ["us"]}),
             refused("V4", "country_invalid")),
        case("v4-country-unknown", "a code that is no country", make({"nationalities": ["XX"]}),
             refused("V4", "country_invalid")),
        case("v4-country-alpha3", "three letters", make({"nationalities": ["USA"]}), refused("V4", "country_invalid")),
        case("v4-country-twice", "a country twice", make({"nationalities": ["US", "US"]}),
             refused("V4", "country_invalid")),
        case("v4-country-text", "a list that is none", make({"nationalities": "US"}), refused("V4", "country_invalid")),
        case("v4-country-fullwidth", "letters that look alike", make({"nationalities": ["\uff35\uff33"]}),
             refused("V4", "country_invalid")),
        case("v4-status-mechanism", "a mechanism that we cannot ask",
             make({"status": {**status_claim(VALID), "identifier_list": {"id": "x", "uri": LIST_URI}}}),
             refused("V4", "status_mechanism_unknown")),
    ]  # fmt: skip


def refusals_of_the_holder() -> list[dict[str, Any]]:
    half = credential({"_sd": [digest(NAME), digest(STREET)]}, [NAME, STREET])
    token, first, second, _ = half.split("~")
    binding = bound(half).rpartition("~")[2]
    return [
        case("v7-no-key-binding", "a credential alone is no presentation", credential(),
             refused("V7", "key_binding_missing")),
        case("v7-no-holder-key", "a credential that names no holder key", make({"cnf": ABSENT}),
             refused("V7", "holder_key_missing")),
        case("v7-nonce", "the nonce of another challenge", bound(credential(), {"nonce": NONCE[::-1]}),
             refused("V7", "nonce_mismatch")),
        case("v7-audience", "made for somebody else", bound(credential(), {"aud": "https://gateway.example.evil"}),
             refused("V7", "audience_mismatch")),
        case("v7-audience-array", "an audience that is no text", bound(credential(), {"aud": [AUDIENCE]}),
             refused("V7", "audience_mismatch")),
        case("v7-audience-of-credential", "a credential for another verifier", make({"aud": "https://other.example"}),
             refused("V7", "audience_mismatch")),
        case("v7-sd-hash-order", "the disclosures in another order", f"{token}~{second}~{first}~{binding}",
             refused("V7", "sd_hash_mismatch")),
        case("v7-sd-hash-less", "a disclosure less than the holder signed", f"{token}~{first}~{binding}",
             refused("V7", "sd_hash_mismatch")),
        case("v7-sd-hash-algorithm", "a sd_hash by another algorithm", bound(credential(), algorithm="sha512"),
             refused("V7", "sd_hash_mismatch")),
        case("v7-stale", "a key binding a second too old", bound(credential(), {"iat": NOW - 301}),
             refused("V7", "key_binding_stale")),
        case("v7-own-end", "a key binding past its own exp", bound(credential(), {"exp": NOW}),
             refused("V7", "key_binding_stale")),
        case("v7-future", "a key binding of the future", bound(credential(), {"iat": NOW + 31}),
             refused("V7", "key_binding_in_future")),
    ]  # fmt: skip


def refusals_by_status() -> list[dict[str, Any]]:
    return [
        case("v9-missing", "valid for a second over 24 hours, and no status",
             make({"status": ABSENT, "exp": NOW - 60 + DAY + 1}), refused("V9", "status_missing")),
        case("v9-missing-start", "no status, and no beginning to count from",
             make({"status": ABSENT, "iat": ABSENT, "exp": NOW + 60}), refused("V9", "status_missing")),
        case("v9-unavailable", "a list that is not at hand", make(), need("status_list_unavailable"), status_lists=[]),
        case("v9-other-signer", "the list of another issuer does not count", make(), need("status_list_unavailable"),
             anchors=["other-status-issuer", "status"]),
        case("v9-stale", "a list past its time to live", bound(credential(), {"iat": NOW + 43_200}),
             need("status_list_stale"), now=NOW + 43_200),
        case("v9-index", "an index behind the end of the list", make({"status": status_claim(16)}),
             refused("V9", "status_index_out_of_range")),
        case("v9-revoked", "revoked", make({"status": status_claim(REVOKED)}), refused("V9", "revoked")),
        case("v9-suspended", "suspended", make({"status": status_claim(SUSPENDED)}), refused("V9", "suspended")),
        case("v9-other", "a status that is none of ours", make({"status": status_claim(OTHER)}),
             refused("V9", "status_not_valid")),
    ]  # fmt: skip


def by_bitstring() -> list[dict[str, Any]]:
    """Credentials whose status stands in a list of the W3C."""
    both = ["list", "revocations", "suspensions"]

    def stating(*entries: Any, **payload: Any) -> str:
        return make(
            {"status": ABSENT, "credentialStatus": entries[0] if len(entries) == 1 else list(entries), **payload}
        )

    def unknown(id: str, title: str, *entries: Any) -> dict[str, Any]:
        return case(id, title, stating(*entries), refused("V4", "status_mechanism_unknown"), status_lists=both)

    def invalid(id: str, title: str, *entries: Any) -> dict[str, Any]:
        return case(id, title, stating(*entries), refused("V4", "claim_invalid"), status_lists=both)

    suspended = entry(str(REVOKED), "suspension", SUSPENSIONS_URI)
    return [
        case("accept-bitstring", "an entry of a bitstring list", stating(entry(str(VALID))), valid(),
             status_lists=both),
        case("accept-bitstring-beside", "an entry beside a status list",
             stating(entry(str(VALID)), status=status_claim(VALID)), valid(), status_lists=both),
        case("accept-bitstring-two", "an entry for each purpose",
             stating(entry(str(VALID)), entry(str(VALID), "suspension", SUSPENSIONS_URI)), valid(), status_lists=both),
        case("accept-bitstring-left", "the mirror image of a set bit in its byte", stating(entry(str(7 - REVOKED))),
             valid(), status_lists=both),
        unknown("v4-bitstring-type", "an entry of another type", entry(str(VALID), type="StatusList2021Entry")),
        unknown("v4-bitstring-refresh", "a purpose that says nothing about validity", entry(str(VALID), "refresh")),
        unknown("v4-bitstring-message", "two bits for an entry",
                entry(str(VALID), "message", statusSize=2, statusMessage=[])),
        unknown("v4-bitstring-size", "two bits for a revocation", entry(str(VALID), statusSize=2)),
        invalid("v4-bitstring-number", "an index that is a number", entry(VALID)),
        invalid("v4-bitstring-zero", "an index with a leading zero", entry(f"0{VALID}")),
        invalid("v4-bitstring-digits", "digits of another script", entry("\u0663")),
        invalid("v4-bitstring-bound", "an index of 2^32", entry(str(2**32))),
        invalid("v4-bitstring-none", "no entry", []),
        case("v4-bitstring-three", "three references", stating(entry("1"), entry("2"), status=status_claim(VALID)),
             refused("V4", "limit_exceeded"), status_lists=both),
        case("v9-bitstring-revoked", "a set bit of a list of revocations", stating(entry(str(REVOKED))),
             refused("V9", "revoked"), status_lists=both),
        case("v9-bitstring-suspended", "a set bit of a list of suspensions", stating(entry(str(VALID)), suspended),
             refused("V9", "suspended"), status_lists=both),
        case("v9-bitstring-index", "an index behind the end of the list", stating(entry("131072")),
             refused("V9", "status_index_out_of_range"), status_lists=both),
        case("v9-bitstring-purpose", "a list of revocations says nothing of suspensions",
             stating(entry(str(VALID), "suspension")), need("status_list_unavailable", BITS_URI), status_lists=both),
    ]  # fmt: skip


def presentation() -> dict[str, Any]:
    cases = [
        *accepts(),
        *refusals_of_form(),
        *refusals_by_trust(),
        *refusals_by_redaction(),
        *refusals_by_evidence(),
        *refusals_of_the_holder(),
        *refusals_by_status(),
        *by_bitstring(),
    ]
    return {
        "keys": {f"{key.name}/{key.algorithm}": key.to_json() for key in KEYS},
        "anchors": ANCHORS,
        "status_lists": {
            **LISTS,
            "revocations": {"uri": BITS_URI, "media_type": BITS_TYPE, "fetched_at": NOW, "token": bitstring()},
            "suspensions": {
                "uri": SUSPENSIONS_URI,
                "media_type": BITS_TYPE,
                "fetched_at": NOW,
                "token": bitstring({"id": SUSPENSIONS_URI}, statusPurpose="suspension"),
            },
        },
        "cases": cases,
    }


# --- status lists ---


def list_case(id: str, title: str, input: str, expected: dict[str, Any], **changes: Any) -> dict[str, Any]:
    good = {"id": id, "title": title, "uri": LIST_URI, "media_type": LIST_TYPE, "now": NOW, "anchors": ["status"],
            "earlier": []}  # fmt: skip
    return {**good, **changes, "input": input, "expected": expected}


def held(statuses: Mapping[int, int], size: int, usable_until: int) -> dict[str, Any]:
    told = {str(index): value for index, value in statuses.items()}
    return {"valid": {"statuses": told, "size": size, "usable_until": usable_until}}


def status_lists() -> dict[str, Any]:
    told = {0: 0, VALID: 0, REVOKED: 1, SUSPENDED: 2, OTHER: 3}
    good = status_list()
    door = "status"
    draft = {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}
    bits8 = {0: 255, 1: 1, 2: 128, 15: 2}
    earlier = {"now": NOW - 5, "token": status_list({"iat": NOW - 8})}
    broken = b64(zlib.compress(bytes(8), 0)[:-4])
    es256 = jws({"alg": "ES256", "typ": "statuslist+jwt", "kid": "s2"},
                {"sub": LIST_URI, "iat": NOW, "status_list": draft}, ISSUER_P256)  # fmt: skip
    anchors = {
        "status": ANCHORS["status"],
        "issuer": ANCHORS["issuer"],
        "es256": {"issuer": "https://other.example", "purpose": "status_list", "jwks": jwks((ISSUER_P256, "s2"))},
    }
    cases = [
        list_case("accept-four-bits", "four bits each", good, held(told, 16, NOW + 43_200)),
        list_case("accept-draft", "the first example of the draft, compressed at level 9",
                  status_list({"status_list": draft}),
                  held({0: 1, 1: 0, 2: 0, 3: 1, 4: 1, 5: 1, 6: 0, 7: 1, 8: 1, 9: 1, 10: 0, 11: 0, 12: 0, 13: 1, 14: 0,
                        15: 1}, 16, NOW + 43_200)),
        list_case("accept-eight-bits", "eight bits each", status_list(values=bits8, bits=8),
                  held(bits8, 16, NOW + 43_200)),
        list_case("accept-exp-first", "exp ends it before ttl does", status_list({"exp": NOW + 60}),
                  held(told, 16, NOW + 60)),
        list_case("accept-no-exp-no-ttl", "without exp and ttl the cap of a day counts, from iat",
                  status_list({"exp": ABSENT, "ttl": ABSENT}), held(told, 16, NOW - 10 + DAY)),
        list_case("accept-long-ttl", "a ttl beyond the cap", status_list({"ttl": 10 * DAY, "exp": NOW + 20 * DAY}),
                  held(told, 16, NOW + DAY)),
        list_case("accept-newer", "a newer list takes the place of the older", good, held(told, 16, NOW + 43_200),
                  earlier=[{"now": NOW - 5, "token": status_list({"iat": NOW - 11}, values={REVOKED: 0})}]),
        list_case("accept-again", "the same list once more", good, held(told, 16, NOW + 43_200),
                  earlier=[{"now": NOW - 5, "token": good}]),
        list_case("accept-es256", "signed with ES256", es256, held({0: 1, 1: 0, 15: 1}, 16, NOW + DAY),
                  anchors=["es256"]),
        list_case("media-type", "another media type", good, refused(door, "status_media_type"),
                  media_type="application/statuslist"),
        list_case("subject", "a list about another URI", status_list({"sub": LIST_URI + "/"}),
                  refused(door, "status_subject_mismatch")),
        list_case("bits", "three bits each", status_list({"status_list": {"bits": 3, "lst": lst(bytes(3))}}),
                  refused(door, "status_list_malformed")),
        list_case("bits-true", "a number of bits that is a boolean",
                  status_list({"status_list": {"bits": True, "lst": lst(bytes(3))}}),
                  refused(door, "status_list_malformed")),
        list_case("unfinished", "a stream that ends early", status_list({"status_list": {"bits": 1, "lst": broken}}),
                  refused(door, "status_list_malformed")),
        list_case("followed", "bytes behind the stream",
                  status_list({"status_list": {"bits": 1, "lst": b64(zlib.compress(bytes(8), 0) + b"x")}}),
                  refused(door, "status_list_malformed")),
        list_case("bomb", "more than the bound when inflated", good, refused(door, "input_too_large"),
                  limits={"status_list_inflated_bytes": 7}),
        list_case("large", "more bytes than the bound", good, refused(door, "input_too_large"),
                  limits={"status_list_bytes": len(good) - 1}),
        list_case("future", "issued in the future", status_list({"iat": NOW + 31}),
                  refused(door, "status_list_in_future")),
        list_case("expired", "exp is this very second", status_list({"exp": NOW}),
                  refused(door, "status_list_expired")),
        list_case("too-old", "a first list that is older than the cap",
                  status_list({"iat": NOW - DAY - 1, "exp": NOW + DAY}), refused(door, "status_list_too_old")),
        list_case("rollback", "older than the one at hand", good, refused(door, "status_list_rollback"),
                  earlier=[earlier]),
        list_case("conflict", "other bits under the same iat", status_list(values={}),
                  refused(door, "status_list_conflict"), earlier=[{"now": NOW - 5, "token": good}]),
        list_case("typ", "the typ of another token", status_list(header={"typ": "JWT"}), refused(door, "typ_mismatch")),
        list_case("no-iat", "no time of issue", status_list({"iat": ABSENT}), refused(door, "claim_missing")),
        list_case("ttl-zero", "a ttl of nothing", status_list({"ttl": 0}), refused(door, "claim_invalid")),
        list_case("stranger", "signed by somebody else", status_list(key=STRANGER), refused(door, "signature_invalid")),
        list_case("credential-key", "a key for credentials signs no list",
                  status_list(key=ISSUER_KEY, header={"kid": "k1"}), refused("V2", "key_unknown"),
                  anchors=["status", "issuer"]),
        list_case("issuer", "an iss that is not the anchor's label", status_list({"iss": "https://other.example"}),
                  refused("V5", "issuer_mismatch")),
        *bitstrings(),
    ]  # fmt: skip
    return {"anchors": anchors, "cases": cases}


def bitstrings() -> list[dict[str, Any]]:
    """List credentials of the W3C."""
    told, door = {0: 0, 3: 0, REVOKED: 1, 5: 0, 131_070: 0, 131_071: 1}, "status"
    until = NOW + 43_200

    def accepted(id: str, title: str, input: str, purpose: str, usable_until: int = until) -> dict[str, Any]:
        found = held(told, 131_072, usable_until)
        found["valid"]["purpose"] = purpose
        return list_case(id, title, input, found, uri=BITS_URI, media_type=BITS_TYPE)

    def no(id: str, title: str, input: str, step: str, reason: str, **changes: Any) -> dict[str, Any]:
        return list_case(id, title, input, refused(step, reason), uri=BITS_URI, media_type=BITS_TYPE, **changes)

    return [
        accepted("accept-bitstring", "a list of revocations: the most significant bit first, gzip, milliseconds",
                 bitstring(), "revocation"),
        accepted("accept-bitstring-suspension", "a list of suspensions", bitstring(statusPurpose="suspension"),
                 "suspension"),
        accepted("accept-bitstring-both", "a list of both answers for either",
                 bitstring(statusPurpose=["refresh", "suspension", "revocation"]), "suspension"),
        accepted("accept-bitstring-hour", "3,600,000 milliseconds are an hour", bitstring(ttl=3_600_000), "revocation",
                 NOW + 3_600),
        accepted("accept-bitstring-exp", "exp ends it before validUntil does",
                 bitstring({"exp": NOW + 60, "iat": NOW}), "revocation", NOW + 60),
        accepted("accept-bitstring-issuer", "an issuer that is an object",
                 bitstring({"issuer": {"id": ISSUER, "name": "Issuer"}}), "revocation"),
        no("bitstring-typ", "the typ of another token", bitstring(header={"typ": "statuslist+jwt"}), door,
           "typ_mismatch"),
        no("bitstring-id", "a list for another URL", bitstring({"id": BITS_URI + "/"}), door,
           "status_subject_mismatch"),
        no("bitstring-no-id", "a list for no URL", bitstring({"id": ABSENT}), door, "status_subject_mismatch"),
        no("bitstring-issuer", "an issuer that is not the anchor's label", bitstring({"issuer": "https://other.example"}),
           "V5", "issuer_mismatch"),
        no("bitstring-context", "another context comes first",
           bitstring({"@context": ["https://www.w3.org/2018/credentials/v1", "https://www.w3.org/ns/credentials/v2"]}),
           door, "claim_invalid"),
        no("bitstring-type", "a credential of another type", bitstring({"type": ["VerifiableCredential"]}), door,
           "claim_invalid"),
        no("bitstring-times", "neither iat nor validFrom", bitstring({"validFrom": ABSENT}), door, "claim_missing"),
        no("bitstring-future", "valid from the next second on", bitstring({"validFrom": "2027-01-15T08:00:01Z"}), door,
           "status_list_in_future"),
        no("bitstring-expired", "validUntil is this very second",
           bitstring({"validUntil": "2027-01-15T10:00:00.5+02:00"}), door, "status_list_expired"),
        no("bitstring-time", "a time without an offset", bitstring({"validUntil": "2027-01-16T08:00:00"}), door,
           "claim_invalid"),
        no("bitstring-purpose", "a purpose that is not understood", bitstring(statusPurpose="message"), "V4",
           "status_mechanism_unknown"),
        no("bitstring-size", "two bits for each entry", bitstring(statusSize=2), "V4", "status_mechanism_unknown"),
        no("bitstring-status", "a list with a status of its own", bitstring({"credentialStatus": entry("1")}), "V4",
           "status_mechanism_unknown"),
        no("bitstring-ttl", "a ttl that is no integer", bitstring(ttl=3_600_000.5), door, "claim_invalid"),
        no("bitstring-multibase", "no multibase prefix", bitstring(encodedList=BITS[1:]), door, "malformed_base64"),
        no("bitstring-padding", "base64url with padding", bitstring(encodedList=BITS + "="), door, "malformed_base64"),
        no("bitstring-zlib", "the container of another list", bitstring(encodedList=ZLIB_BITS), door,
           "status_list_malformed"),
        no("bitstring-short", "fewer than 131,072 entries", bitstring(encodedList=SHORT_BITS), door,
           "status_list_malformed"),
        no("bitstring-large", "more than the bound when inflated", bitstring(), door, "input_too_large",
           limits={"status_list_inflated_bytes": 16_383}),
        no("bitstring-conflict", "other bits under the same time", bitstring(encodedList=EMPTY_BITS), door,
           "status_list_conflict", earlier=[{"now": NOW - 5, "token": bitstring()}]),
        no("bitstring-rollback", "older than the one at hand", bitstring(), door, "status_list_rollback",
           earlier=[{"now": NOW - 5, "token": bitstring({"validFrom": "2027-01-15T07:59:54Z"})}]),
    ]  # fmt: skip


# --- sender proofs ---

URL: Final = AUDIENCE + "/v1/chat"


def proof_case(id: str, title: str, input: str, expected: dict[str, Any], **changes: Any) -> dict[str, Any]:
    good = {"id": id, "title": title, "now": NOW, "origin": AUDIENCE, "max_age_s": 60, "not_before": 0,
            "method": "POST", "url": URL, "ticket": None}  # fmt: skip
    return {**good, **changes, "input": input, "expected": expected}


def proven(key: Key) -> dict[str, Any]:
    return {"valid": {"thumbprint": b64(key.thumbprint)}}


def dpop() -> dict[str, Any]:
    door = "proof"
    ticket = "a-ticket-as-it-was-sent"
    header, payload, signature = proof().split(".")
    private = {**SENDER.jwk, "d": SENDER.secret}
    cases = [
        proof_case("accept", "a proof for a request without a ticket", proof(), proven(SENDER)),
        proof_case("accept-es256", "a proof with ES256", proof(key=SENDER_P256), proven(SENDER_P256)),
        proof_case("accept-ticket", "a proof for a request with a ticket", proof(ticket=ticket), proven(SENDER),
                   ticket=ticket),
        proof_case("accept-normalised", "scheme, host, default port, query and fragment",
                   proof({"htu": "HTTPS://Gateway.Example:443/v1/chat"}), proven(SENDER), url=URL + "?q=1#f"),
        proof_case("accept-empty-path", "an empty path is the root", proof({"htu": AUDIENCE}), proven(SENDER),
                   url=AUDIENCE + "/"),
        proof_case("accept-oldest", "as old as it may be", proof({"iat": NOW - 60}), proven(SENDER)),
        proof_case("accept-skew", "half a minute ahead", proof({"iat": NOW + 30}), proven(SENDER)),
        proof_case("accept-bounds", "it begins this second and ends with the next", proof({"nbf": NOW, "exp": NOW + 1}),
                   proven(SENDER)),
        proof_case("method", "for another method", proof({"htm": "GET"}), refused(door, "proof_method_mismatch")),
        proof_case("method-case", "methods are case-sensitive", proof({"htm": "post"}),
                   refused(door, "proof_method_mismatch")),
        proof_case("url-path", "for another path", proof({"htu": URL + "/"}), refused(door, "proof_url_mismatch")),
        proof_case("url-path-case", "paths are case-sensitive", proof({"htu": AUDIENCE + "/V1/chat"}),
                   refused(door, "proof_url_mismatch")),
        proof_case("url-host", "for another host", proof({"htu": "https://gateway.example.evil/v1/chat"}),
                   refused(door, "proof_url_mismatch")),
        proof_case("url-port", "for another port", proof({"htu": "https://gateway.example:8443/v1/chat"}),
                   refused(door, "proof_url_mismatch")),
        proof_case("url-scheme", "for http", proof({"htu": "http://gateway.example/v1/chat"}),
                   refused(door, "proof_url_mismatch")),
        proof_case("url-user", "with a user name", proof({"htu": "https://gateway.example@evil.example/v1/chat"}),
                   refused(door, "proof_malformed")),
        proof_case("url-relative", "a path alone", proof({"htu": "/v1/chat"}), refused(door, "proof_malformed")),
        proof_case("request-relative", "a request whose URL is a path alone", proof(),
                   refused("request", "request_invalid"), url="/v1/chat"),
        proof_case("ticket-other", "for another ticket", proof(ticket="another"),
                   refused(door, "proof_ticket_mismatch"), ticket=ticket),
        proof_case("ticket-missing", "no ath beside a ticket", proof(), refused(door, "claim_missing"), ticket=ticket),
        proof_case("ticket-unexpected", "an ath without a ticket", proof(ticket=ticket),
                   refused(door, "proof_ticket_mismatch")),
        proof_case("stale", "a second too old", proof({"iat": NOW - 61}), refused(door, "proof_stale")),
        proof_case("before-start", "from before the process began", proof({"iat": NOW - 1}),
                   refused(door, "proof_stale"), not_before=NOW),
        proof_case("future", "a second too far ahead", proof({"iat": NOW + 31}), refused(door, "proof_in_future")),
        proof_case("exp", "its own end is this very second", proof({"exp": NOW}), refused(door, "proof_stale")),
        proof_case("nbf", "its own beginning is the next second", proof({"nbf": NOW + 1}),
                   refused(door, "proof_in_future")),
        proof_case("exp-null", "an end that is no time", proof({"exp": None}), refused(door, "claim_invalid")),
        proof_case("iat-float", "a time that is no integer", proof({"iat": float(NOW)}),
                   refused(door, "claim_invalid")),
        proof_case("no-jti", "no identifier", proof({"jti": ABSENT}), refused(door, "claim_missing")),
        proof_case("jti-long", "an identifier of 257 characters", proof({"jti": "x" * 257}),
                   refused(door, "limit_exceeded")),
        proof_case("typ", "the typ of a JWT", proof(header={"typ": "JWT"}), refused(door, "typ_mismatch")),
        proof_case("no-jwk", "no key", proof(header={"jwk": ABSENT}), refused(door, "header_forbidden")),
        proof_case("private-jwk", "a private key", proof(header={"jwk": private}), refused(door, "key_invalid")),
        proof_case("jwk-use", "a key for encryption", proof(header={"jwk": {**SENDER.jwk, "use": "enc"}}),
                   refused(door, "key_use_forbidden")),
        proof_case("alg-other", "the algorithm of another key", proof(header={"alg": "ES256"}),
                   refused(door, "algorithm_mismatch")),
        proof_case("alg-none", "no algorithm", proof(header={"alg": "none"}), refused(door, "algorithm_not_allowed")),
        proof_case("signature", "signed by another key than the one it shows",
                   f"{header}.{payload}.{proof(key=STRANGER, header={'jwk': SENDER.jwk}).split('.')[2]}",
                   refused(door, "signature_invalid")),
        proof_case("two-segments", "no signature", f"{header}.{payload}", refused(door, "malformed_token")),
        proof_case("padding", "a signature with padding", f"{header}.{payload}.{signature}==",
                   refused(door, "malformed_base64")),
        proof_case("large", "more than 16,384 bytes", proof({"x": "x" * 12_000}), refused(door, "input_too_large")),
    ]  # fmt: skip
    return {"cases": cases}


# --- policies ---

POLICY: Final = """version = 1

[[rule]]
resource = "open"
anyone = true

[[rule]]
resource = "citizens-only"
citizenship = ["US"]

[[rule]]
resource = ["reports/*", "drafts/*"]
nationality = ["DE", "FR"]
max_admission_age_s = 600

[[rule]]
resource = "weak"
nationality = ["US"]
binding = "bearer"
"""


def facts(
    nationalities: Iterable[str] = (), citizenships: Iterable[str] = (), *, binding: str = "dpop", age_s: int = 0
) -> dict[str, Any]:
    stated = [*nationalities, *(country for country in citizenships if country not in nationalities)]
    return {
        "nationalities": stated,
        "citizenships": list(citizenships),
        "binding": binding,
        "admission_age_s": age_s,
    }


def decided(id: str, title: str, resource: str, given: dict[str, Any], rule: int, reason: str | None) -> dict[str, Any]:
    expected: dict[str, Any] = {"permitted": True, "rule": rule} if reason is None else {**refused("policy", reason),
                                                                                         "rule": rule}  # fmt: skip
    return {"id": id, "title": title, "policy": POLICY, "resource": resource, "facts": given, "expected": expected}


def asking(id: str, title: str, lines: str, given: dict[str, Any], reason: str | None, rule: int = 1) -> dict[str, Any]:
    """A decision by one rule about the resource "a", of which these are the lines."""
    expected: dict[str, Any] = {"permitted": True, "rule": rule} if reason is None else {**refused("policy", reason),
                                                                                         "rule": rule}  # fmt: skip
    text = 'version = 1\n[[rule]]\nresource = "a"\n' + lines + "\n"
    return {"id": id, "title": title, "policy": text, "resource": "a", "facts": given, "expected": expected}


def asking_for_more() -> list[dict[str, Any]]:
    """Cases of P27 to P43: what is not known refuses."""
    de, everyone_but = 'nationality = ["DE"]\n', 'anyone = true\nnone_of = ["US"]'
    german = facts(["DE"])
    shown = {**german, "stated": ["DE"], "complete": True}
    both = {**german, "stated": ["DE", "US"], "complete": True}
    issuers, types = 'issuers = ["https://id.example"]', 'types = ["urn:citizenid:citizenship:1"]'
    not_accepted = "credential_not_accepted"
    cases = [
        asking("none-of", "of no excluded country", everyone_but, shown, None),
        asking("none-of-stated", "excluded by what the anchor may not attest", everyone_but, both,
               "citizenship_not_permitted"),
        asking("none-of-incomplete", "a list that is not complete", everyone_but, {**shown, "complete": False},
               "completeness_not_shown"),
        asking("none-of-nothing", "a complete list of nothing", everyone_but, {**facts(), "complete": True},
               "completeness_not_shown"),
        asking("none-of-and-national", "a national, and of no excluded country", de + 'none_of = ["US"]', shown, None),
        asking("issuer", "an accepted issuer", de + issuers, {**german, "issuer": "https://id.example"}, None),
        asking("issuer-other", "another issuer", de + issuers, {**german, "issuer": "https://other.example"},
               not_accepted),
        asking("issuer-unknown", "no issuer known", de + issuers, german, not_accepted),
        asking("format", "another format", de + 'formats = ["mso_mdoc"]', {**german, "format": "dc+sd-jwt"},
               not_accepted),
        asking("type", "another type", de + types, {**german, "type": "urn:eudi:pid:1"}, not_accepted),
    ]  # fmt: skip
    high = 'assurance = { eidas = "substantial" }'
    for level, reason in (("low", "assurance_too_low"), ("substantial", None), ("high", None)):
        rated = {**german, "assurance": ["eidas", level]}
        cases.append(asking(f"assurance-{level}", "a floor of assurance", de + high, rated, reason))
    cases.append(asking("assurance-unrated", "unrated", de + high, german, "assurance_too_low"))
    other = {**german, "assurance": ["nist", "IAL3"]}
    cases.append(asking("assurance-other", "another framework", de + high, other, "assurance_too_low"))
    for kind in ("credential", "evidence", "status"):
        line, fact = f"max_{kind}_age_s = 60", f"{kind}_age_s"
        cases += [
            asking(f"{kind}-age", f"a {kind} as old as it may be", de + line, {**german, fact: 60}, None),
            asking(f"{kind}-too-old", f"a {kind} too old", de + line, {**german, fact: 61}, f"{kind}_too_old"),
            asking(f"{kind}-age-unknown", f"a {kind} of no known age", de + line, german, f"{kind}_too_old"),
        ]
    here = de + 'region = "eu-*"\n[[rule]]\nresource = "a"\nanyone = true'
    later = de + 'not_before = 2027-01-15T08:00:00Z\n[[rule]]\nresource = "a"\nanyone = true'
    start = 1_800_000_000
    return [
        *cases,
        asking("region", "the rule of this region", here, {**facts(), "region": "eu-1"}, "citizenship_not_shown"),
        asking("region-other", "the rule of all others", here, {**facts(), "region": "us-1"}, None, 2),
        asking("region-unknown", "a region that nobody knows", here, german, "region_unknown"),
        asking("time-before", "a rule that does not exist yet", later, {**facts(), "now": start - 1}, None, 2),
        asking("time", "a rule that exists from now on", later, {**facts(), "now": start}, "citizenship_not_shown"),
    ]


def unreadable(id: str, title: str, text: str, where: str) -> dict[str, Any]:
    expected = {**refused("configuration", "policy_invalid"), "where": where}
    return {"id": id, "title": title, "policy": text, "expected": expected}


def policy() -> dict[str, Any]:
    def rules(*lines: str) -> str:
        return "version = 1\n" + "".join(f"[[rule]]\n{line}\n" for line in lines)

    us = 'citizenship = ["US"]'
    shown, no, weak, old = "citizenship_not_shown", "citizenship_not_permitted", "binding_too_weak", "admission_too_old"
    cases = [
        decided("open", "for anyone", "open", facts(binding="bearer"), 1, None),
        decided("citizen", "a citizen", "citizens-only", facts((), ["US"]), 2, None),
        decided("national-is-no-citizen", "a national may be a citizen too: show it", "citizens-only", facts(["US"]), 2,
                shown),
        decided("nothing-shown", "nothing shown", "citizens-only", facts(), 2, shown),
        decided("other-citizen", "a citizen of another country", "citizens-only", facts((), ["CA"]), 2, no),
        decided("citizen-is-national", "a citizen is a national", "reports/7", facts((), ["FR"]), 3, None),
        decided("star-crosses-slash", "a star takes in a slash", "drafts/a/b", facts(["DE"]), 3, None),
        decided("bearer", "a bearer ticket where dpop is the floor", "citizens-only",
                facts((), ["US"], binding="bearer"), 2, weak),
        decided("bearer-permitted", "a bearer ticket where the rule takes it", "weak", facts(["US"], binding="bearer"),
                4, None),
        decided("age-edge", "as old as it may be", "reports/7", facts(["DE"], age_s=600), 3, None),
        decided("age", "a second too old", "reports/7", facts(["DE"], age_s=601), 3, old),
        decided("not-listed", "a resource that no rule lists", "citizens-only/", facts((), ["US"]), 0,
                "resource_not_listed"),
        decided("case", "names are case-sensitive", "Open", facts(), 0, "resource_not_listed"),
        unreadable("toml", "no TOML", "version = ", "policy"),
        unreadable("version", "another version", "version = 2\n" + rules('resource = "a"\n' + us)[12:],
                   "policy.version"),
        unreadable("no-rule", "no rule at all", "version = 1\n", "policy.rule"),
        unreadable("unknown-key", "a key that does not exist", rules('resource = "a"\n' + us + '\nallow = true'),
                   "policy.rule[1]"),
        unreadable("two-conditions", "two conditions", rules('resource = "a"\nanyone = true\n' + us), "policy.rule[1]"),
        unreadable("no-condition", "no condition", rules('resource = "a"'), "policy.rule[1]"),
        unreadable("country", "a code that is no country", rules('resource = "a"\ncitizenship = ["UK"]'),
                   "policy.rule[1].citizenship"),
        unreadable("shadowed", "a rule that can never be reached",
                   rules('resource = "a*"\n' + us, 'resource = "ab*c"\n' + us), "policy.rule[2].resource"),
        unreadable("binding", "a binding that does not exist", rules('resource = "a"\n' + us + '\nbinding = "tls"'),
                   "policy.rule[1].binding"),
        unreadable("contradiction", "a country that is asked for and excluded",
                   rules('resource = "a"\n' + us + '\nnone_of = ["US"]'), "policy.rule[1].none_of"),
        unreadable("local-time", "a time without an offset",
                   rules('resource = "a"\n' + us + "\nnot_before = 2027-01-15T08:00:00"), "policy.rule[1].not_before"),
        unreadable("level", "a level that its framework does not have",
                   rules('resource = "a"\n' + us + '\nassurance = { eidas = "top" }'), "policy.rule[1].assurance"),
    ]  # fmt: skip
    return {"cases": cases + asking_for_more()}


# --- anchors ---


def anchors() -> dict[str, Any]:
    def made(id: str, title: str, listed: list[dict[str, Any]], expected: dict[str, Any]) -> dict[str, Any]:
        return {"id": id, "title": title, "anchors": listed, "expected": expected}

    good = {"jwks": jwks((ISSUER_KEY, "k1"))}
    invalid = refused("configuration", "anchor_invalid")
    private = {"keys": [ISSUER_KEY.to_json()]}
    encryption = {"keys": [{**ISSUER_KEY.jwk, "use": "enc"}]}
    unknown = {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {**ISSUER_KEY.jwk, "kid": "k1"}]}
    off_curve = {**ISSUER_P256.jwk, "y": ISSUER_P256.jwk["x"]}
    mixed = {**ISSUER_KEY.jwk, "x": b64(bytes.fromhex("01" + "00" * 31))}
    return {
        "cases": [
            made("accept", "one key", [credential_anchor(good)], {"valid": {"anchors": 1}}),
            made("accept-joined", "two issuers", [ANCHORS["issuer"], ANCHORS["namesake"], ANCHORS["status"]],
                 {"valid": {"anchors": 3}}),
            made("accept-unknown-kind", "a key of a kind that we do not know is passed over",
                 [credential_anchor({"jwks": unknown})], {"valid": {"anchors": 1}}),
            made("accept-certificate", "a key with a certificate of its own",
                 [credential_anchor({"jwks": {"keys": [{**ISSUER_KEY.jwk, "x5c": x5c(LEAF)}]}})],
                 {"valid": {"anchors": 1}}),
            made("no-countries", "whose citizenship it may attest must be said",
                 [credential_anchor(good, countries=ABSENT)], invalid),
            made("no-types", "which types it may attest must be said", [credential_anchor(good, types=[])], invalid),
            made("no-keys", "an empty set", [credential_anchor({"jwks": {"keys": []}})], invalid),
            made("empty-window", "trusted for no time at all",
                 [credential_anchor(good, not_before=NOW, not_after=NOW)], invalid),
            made("kid-twice", "a kid twice for one issuer",
                 [credential_anchor({"jwks": jwks((ISSUER_KEY, "k1"), (STRANGER, "k1"))})], invalid),
            made("keys-and-certificates", "one issuer by keys and by certificates",
                 [ANCHORS["issuer"], ANCHORS["root"]], invalid),
            made("status-with-countries", "a signer of status lists attests nobody's citizenship",
                 [{**ANCHORS["status"], "countries": "any"}], invalid),
            made("private-key", "a private key", [credential_anchor({"jwks": private})],
                 refused("form", "key_invalid")),
            made("off-curve", "a point that is not on its curve", [credential_anchor({"jwks": {"keys": [off_curve]}})],
                 refused("form", "key_invalid")),
            made("small-order", "a point of small order", [credential_anchor({"jwks": {"keys": [mixed]}})],
                 refused("form", "key_invalid")),
            made("foreign-certificate", "a key with the certificate of another",
                 [credential_anchor({"jwks": {"keys": [{**STRANGER.jwk, "x5c": x5c(LEAF)}]}})],
                 refused("form", "key_invalid")),
            made("encryption-key", "a key for encryption", [credential_anchor({"jwks": encryption})],
                 refused("form", "key_use_forbidden")),
        ]
    }  # fmt: skip


# --- the gateway ---

SECRET: Final = hashlib.sha256(b"citizenid/specs/vectors/1/ticket key").digest()
OLD_SECRET: Final = hashlib.sha256(b"citizenid/specs/vectors/1/ticket key of yesterday").digest()
STARTED: Final = NOW - 3_600


def anchor_fingerprint(name: str) -> bytes:
    stated = ANCHORS[name]
    countries = stated["countries"]
    (anchor,) = TrustAnchors.from_jwks(
        stated["issuer"],
        stated["jwks"],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=stated["types"],
        countries=ANY if countries == "any" else map(Country, countries),
    )
    return anchor.fingerprint[:16]


def ticket(
    *,
    secret: bytes = SECRET,
    sender: Key | None = SENDER,
    expires_at: int = NOW + 3_000,
    admitted_at: int = NOW - 600,
    nationalities: Iterable[str] = ("US",),
    citizenships: Iterable[str] = ("US",),
    index: int | None = VALID,
    anchor: str = "issuer",
    evidence_at: int = 0,
) -> str:
    contents = TicketContents(
        expires_at=expires_at,
        ends_at=max(expires_at, NOW + 40_000),
        session_id=bytes(range(16)),
        anchor=anchor_fingerprint(anchor),
        format=Format.SD_JWT_VC,
        type_hash=type_hash(VCT),
        assurance=assurance_hash(None),
        admitted_at=admitted_at,
        issued_at=NOW - DAY,
        evidence_at=evidence_at,
        holder=bytes(6),
        nationalities=frozenset(map(Country, nationalities)),
        citizenships=frozenset(map(Country, citizenships)),
        complete=False,
        binding=Binding.BEARER if sender is None else Binding.DPOP,
        sender=bytes(32) if sender is None else sender.thumbprint,
        statuses=() if index is None else ((status_identity(LIST_URI, ISSUER), index),),
    )
    return TicketKeys((secret,), AUDIENCE).seal(contents, bytes(12))


def challenge_text(sender: Key | None = SENDER, *, now: int = NOW, secret: bytes = SECRET) -> tuple[str, str]:
    """Return (text, nonce) of a challenge."""
    made = ChallengeKeys((secret,), AUDIENCE, None).make(
        binding=Binding.BEARER if sender is None else Binding.DPOP,
        sender=bytes(32) if sender is None else sender.thumbprint,
        handover=Handover(),
        now=UnixTime(now),
        lifetime_s=300,
        random=bytes(range(16)),
    )
    return made.to_text(), made.nonce if isinstance(made.nonce, str) else made.nonce.decode()


def ask(
    resource: str,
    expected: dict[str, Any],
    *,
    with_ticket: str | None = None,
    with_proof: str | None = None,
    now: int = NOW,
    further: Iterable[tuple[str, str]] = (),
    url: str = URL,
) -> dict[str, Any]:
    headers = [["authorization", "Bearer sk-42"], *map(list, further)]
    headers += [] if with_ticket is None else [["Citizenship-Ticket", with_ticket]]
    headers += [] if with_proof is None else [["DPoP", with_proof]]
    request = {"method": "POST", "url": url, "headers": headers}
    return {"event": "authorize", "now": now, "resource": resource, "request": request, "expected": expected}


def admit(
    data: str,
    challenge: str,
    expected: dict[str, Any],
    *,
    with_proof: str | None = None,
    now: int = NOW,
    format: str = "dc+sd-jwt",
) -> dict[str, Any]:
    headers = [] if with_proof is None else [["DPoP", with_proof]]
    request = {"method": "POST", "url": AUDIENCE + "/citizenship", "headers": headers}
    return {
        "event": "admit",
        "now": now,
        "format": format,
        "challenge": challenge,
        "presentation": data,
        "request": request,
        "expected": expected,
    }


def deny(step: str, reason: str) -> dict[str, Any]:
    return {"result": "deny", **refused(step, reason)}


def needs(reason: str) -> dict[str, Any]:
    return {"result": "need_presentation", "reason": reason}


def scenario(id: str, title: str, *events: dict[str, Any], **changes: Any) -> dict[str, Any]:
    good = {
        "audience": AUDIENCE,
        "external_url": AUDIENCE,
        "anchors": ["issuer"],
        "status_anchors": ["status"],
        "policy": POLICY,
        "ticket_keys": [SECRET.hex()],
        "started_at": STARTED,
        "max_replay_entries": 1_000,
        "status_lists": [{"uri": LIST_URI, "media_type": LIST_TYPE, "fetched_at": NOW, "token": status_list()}],
    }
    return {"id": id, "title": title, "gateway": {**good, **changes}, "events": list(events)}


def gateway() -> dict[str, Any]:
    us = ticket()
    bearer = ticket(sender=None)
    allow = {"result": "allow", "rule": 2}
    endpoint = AUDIENCE + "/citizenship"
    text, nonce = challenge_text()
    bearer_text, _ = challenge_text(None)
    foreign_text, _ = challenge_text(secret=OLD_SECRET)
    citizen = credential({"citizenships": ["US"]})
    answer = bound(citizen, nonce=nonce)
    hello = proof(url=endpoint, jti="admission")
    admitted = {"result": "admitted", "expires_at": NOW + 3_600}
    revoking = {"event": "ingest", "now": NOW + 60, "uri": LIST_URI, "media_type": LIST_TYPE,
                "token": status_list({"iat": NOW + 60}, values={VALID: 1})}  # fmt: skip
    first, second = proof(ticket=us, jti="1"), proof(ticket=us, jti="2")
    flipped = us[:-1] + ("A" if us[-1] != "A" else "Q")
    cases = [
        scenario("allow", "a ticket and a proof", ask("citizens-only", allow, with_ticket=us, with_proof=first)),
        scenario("allow-anyone", "a resource for anyone needs no ticket", ask("open", {"result": "allow", "rule": 1})),
        scenario("allow-old-key", "a ticket of yesterday's key",
                 ask("citizens-only", allow, with_ticket=ticket(secret=OLD_SECRET),
                     with_proof=proof(ticket=ticket(secret=OLD_SECRET))),
                 ticket_keys=[SECRET.hex(), OLD_SECRET.hex()]),
        scenario("allow-bearer", "a bearer ticket where the rule takes it",
                 ask("weak", {"result": "allow", "rule": 4}, with_ticket=bearer)),
        scenario("admit", "a presentation becomes a ticket", admit(answer, text, admitted, with_proof=hello)),
        scenario("admit-once", "a challenge is answered once", admit(answer, text, admitted, with_proof=hello),
                 admit(answer, text, deny("replay", "replayed"), with_proof=proof(url=endpoint, jti="another"))),
        scenario("admit-revoked", "V9 at admission",
                 admit(bound(credential({"status": status_claim(REVOKED)}), nonce=nonce), text, deny("V9", "revoked"),
                       with_proof=hello)),
        scenario("revoked-in-mid-session", "a list that comes in a moment before",
                 ask("citizens-only", allow, with_ticket=us, with_proof=first), revoking,
                 ask("citizens-only", deny("V9", "revoked"), with_ticket=us, now=NOW + 61,
                     with_proof=proof(ticket=us, jti="3", now=NOW + 61))),
        scenario("status-list-stale", "no list is fresh enough",
                 ask("citizens-only", {"result": "need_status_list", "reason": "status_list_stale"},
                     with_ticket=ticket(expires_at=NOW + 43_300), now=NOW + 43_200,
                     with_proof=proof(ticket=ticket(expires_at=NOW + 43_300), now=NOW + 43_200))),
        scenario("replayed", "a proof is used once", ask("citizens-only", allow, with_ticket=us, with_proof=first),
                 ask("citizens-only", deny("replay", "replayed"), with_ticket=us, with_proof=first)),
        scenario("replay-guard-full", "no room to remember another proof",
                 ask("citizens-only", allow, with_ticket=us, with_proof=first),
                 ask("citizens-only", deny("replay", "replay_guard_full"), with_ticket=us, with_proof=second),
                 max_replay_entries=1),
        scenario("proof-missing", "a bound ticket without a proof",
                 ask("citizens-only", deny("proof", "proof_missing"), with_ticket=us)),
        scenario("proof-key", "the proof of another sender: a stolen ticket",
                 ask("citizens-only", deny("proof", "proof_key_mismatch"), with_ticket=us,
                     with_proof=proof(ticket=us, key=STRANGER))),
        scenario("proof-twice", "two proofs",
                 ask("citizens-only", deny("proof", "proof_malformed"), with_ticket=us, with_proof=first,
                     further=[("dpop", second)])),
        scenario("ticket-missing", "no ticket", ask("citizens-only", needs("ticket_missing"))),
        scenario("ticket-invalid", "a bit of it changed",
                 ask("citizens-only", needs("ticket_invalid"), with_ticket=flipped, with_proof=first)),
        scenario("ticket-other-fleet", "sealed under another key",
                 ask("citizens-only", needs("ticket_invalid"), with_ticket=ticket(secret=OLD_SECRET))),
        scenario("ticket-expired", "its last second is over",
                 ask("citizens-only", needs("ticket_expired"), with_ticket=ticket(expires_at=NOW))),
        scenario("anchor-removed", "the issuer is no longer trusted",
                 ask("citizens-only", needs("anchor_removed"), with_ticket=us, with_proof=first), anchors=["namesake"]),
        scenario("challenge-invalid", "not our challenge",
                 admit(answer, foreign_text, deny("challenge", "challenge_invalid"), with_proof=hello)),
        scenario("challenge-other-sender", "a challenge that was made for another sender",
                 admit(answer, text, deny("challenge", "challenge_invalid"),
                       with_proof=proof(url=endpoint, key=STRANGER))),
        scenario("challenge-expired", "too late", admit(answer, text, deny("challenge", "challenge_expired"),
                 with_proof=proof(url=endpoint, now=NOW + 300), now=NOW + 300)),
        scenario("challenge-without-proof", "a challenge for a sender, answered without a proof",
                 admit(answer, text, deny("proof", "proof_missing"))),
        scenario("challenge-bearer-nonce", "a bearer challenge has another nonce",
                 admit(answer, bearer_text, deny("V7", "nonce_mismatch"))),
        scenario("request-format", "a format that does not exist",
                 admit(answer, text, deny("request", "request_invalid"), with_proof=hello, format="vc+sd-jwt")),
        scenario("request-url", "a URL that is a path alone",
                 ask("citizens-only", deny("request", "request_invalid"), with_ticket=us, with_proof=first,
                     url="/v1/chat")),
        scenario("clock", "a clock that cannot be right",
                 ask("citizens-only", deny("request", "clock_unusable"), with_ticket=us, with_proof=first, now=-1)),
        scenario("resource-not-listed", "denied unless a rule lists it",
                 ask("secret", deny("policy", "resource_not_listed"), with_ticket=us, with_proof=first)),
        scenario("citizenship-not-shown", "a national: the citizenship is not shown",
                 ask("citizens-only", needs("citizenship_not_shown"), with_ticket=ticket(citizenships=()),
                     with_proof=proof(ticket=ticket(citizenships=())))),
        scenario("citizenship-not-permitted", "a citizen of another country",
                 ask("citizens-only", deny("policy", "citizenship_not_permitted"),
                     with_ticket=ticket(nationalities=["CA"], citizenships=["CA"]),
                     with_proof=proof(ticket=ticket(nationalities=["CA"], citizenships=["CA"])))),
        scenario("binding-too-weak", "a bearer ticket where dpop is the floor",
                 ask("citizens-only", needs("binding_too_weak"), with_ticket=bearer)),
        scenario("admission-too-old", "admitted too long ago for this rule",
                 ask("reports/7", needs("admission_too_old"),
                     with_ticket=ticket(nationalities=["DE"], citizenships=[], admitted_at=NOW - 601),
                     with_proof=proof(ticket=ticket(nationalities=["DE"], citizenships=[], admitted_at=NOW - 601)))),
        *about_evidence(),
    ]  # fmt: skip
    return {"anchors": {name: ANCHORS[name] for name in ("issuer", "status", "namesake")}, "cases": cases}


def about_evidence() -> list[dict[str, Any]]:
    rule = 'version = 1\n[[rule]]\nresource = "recent"\nnationality = ["US"]\nmax_evidence_age_s = 86400\n'
    fresh, old, unknown = (ticket(evidence_at=checked_at) for checked_at in (NOW - DAY, NOW - DAY - 1, 0))
    endpoint, (text, nonce) = AUDIENCE + "/citizenship", challenge_text()
    stating = bound(credential({"evidence_checked_at": NOW - DAY + 100}), nonce=nonce)
    silent = bound(credential(), nonce=nonce)

    def asked(expected: dict[str, Any], sealed: str) -> dict[str, Any]:
        return ask("recent", expected, with_ticket=sealed, with_proof=proof(ticket=sealed))

    def admitted(ends_in: int, answer: str) -> dict[str, Any]:
        expected = {"result": "admitted", "expires_at": NOW + ends_in}
        return admit(answer, text, expected, with_proof=proof(url=endpoint, jti="admission"))

    return [
        scenario("evidence-fresh", "checked exactly as long ago as the rule permits",
                 asked({"result": "allow", "rule": 1}, fresh), policy=rule),
        scenario("evidence-too-old", "checked a second earlier", asked(needs("evidence_too_old"), old), policy=rule),
        scenario("evidence-unknown", "issued not long ago, which is not that",
                 asked(needs("evidence_too_old"), unknown), policy=rule),
        scenario("admit-evidence", "a session ends when no rule takes the evidence any more", admitted(101, stating),
                 policy=rule),
        scenario("admit-evidence-unknown", "and at once when it is not known", admitted(1, silent), policy=rule),
    ]  # fmt: skip


# --- files ---

MAKERS: Final = dict(
    zip(FILES, (presentation, mdoc, sd_cwt, status_lists, dpop, policy, anchors, gateway), strict=True)
)
VERSION: Final = 1


def documents() -> dict[Path, str]:
    made = {}
    for name, maker in MAKERS.items():
        document = {"kind": name, "version": VERSION, **maker()}
        made[HERE / f"{name}.json"] = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    return made


def main(arguments: list[str]) -> int:
    check = arguments == ["--check"]
    if arguments and not check:
        print("usage: generate.py [--check]")
        return 2
    stale = []
    for path, text in documents().items():
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale.append(path.name)
        if not check:
            path.write_text(text, "utf-8")
    if stale:
        print(("not what the generator makes: " if check else "written: ") + ", ".join(stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
