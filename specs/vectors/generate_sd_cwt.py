"""Makes sd_cwt.json: SD-KBTs, each with the verdict that it must get (draft-ietf-spice-sd-cwt, between -07 and -08)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cbor2 import CBORSimpleValue, CBORTag
from generate_cbor import (
    ALG,
    KID,
    LEAF,
    NUMBERS,
    READER,
    ROOT,
    ROOT_DER,
    SELF_MADE,
    SELF_MADE_KEY,
    X5CHAIN,
    X5T,
    anchored,
    case_of,
    enc,
    leaf,
    pem,
    sign1,
    valid_as,
)  # fmt: skip
from shared import (
    ABSENT,
    AUDIENCE,
    DAY,
    HOLDER,
    HOLDER_P256,
    ISSUER,
    ISSUER_KEY,
    ISSUER_P256,
    KEYS,
    LISTS,
    NONCE,
    NOW,
    OTHER,
    REVOKED,
    STATUS_KEY,
    STRANGER,
    SUSPENDED,
    VALID,
    VCT,
    Key,
    b64,
    changed,
    jwks,
    need,
    refused,
    status_claim,
)  # fmt: skip

ISS, SUB, AUD, EXP, NBF, IAT, CTI, CNF, TYPE, CNONCE, STATUS = 1, 2, 3, 4, 5, 6, 7, 8, 11, 39, 65_535
CRIT, KCWT, CWT_CLAIMS, TYP, SD_CLAIMS, X5U, SD_ALG, ENCRYPTED, AEAD = 2, 13, 15, 16, 17, 35, 170, 171, 172
TYP_SD, TYP_KB = "application/sd-cwt", "application/kb+cwt"
REDACTED: Final = CBORSimpleValue(59)
NAMED: Final = {**NUMBERS, "Ed25519": -19}  # what RFC 9864 writes, but for ECDSA: there as the published examples
ISSUER_P384: Final = Key("issuer", "ES384")
HOLDER_448: Final = Key("holder", "Ed448")
CHALLENGE: Final = {"audience": AUDIENCE, "nonce": NONCE, "max_age_s": 300}
Rows = list[tuple[str, str, bytes | str, str]]


# --- tokens ---


def element(digest: Any) -> CBORTag:
    return CBORTag(60, digest)


def disclosure(*parts: Any, salt: Any = None) -> bytes:
    made = hashlib.sha256(repr(parts).encode()).digest()[:16] if salt is None else salt
    return enc([made, *parts])


def digest(data: bytes, algorithm: str = "sha256") -> bytes:
    return hashlib.new(algorithm, enc(data)).digest()


def sd_cwt_of(
    claims: Mapping[Any, Any] | bytes | None = None,
    shown: Iterable[Any] | None = None,
    header: Mapping[Any, Any] | bytes | None = None,
    unprotected: Any = None,
    *,
    key: Key = ISSUER_KEY,
    holder: Key = HOLDER,
    hides: Iterable[bytes] = (),
) -> list[Any]:
    """Return the four parts of an SD-CWT: `hides` are redacted claims, and `shown` (by default those) disclosed."""
    good = {
        ISS: ISSUER,
        SUB: "https://id.example/people/1",
        EXP: NOW + 30 * DAY,
        IAT: NOW - 60,
        CNF: {1: holder.cose},
        TYPE: VCT,
        STATUS: status_claim(VALID),
        "nationalities": ["US"],
    }
    hidden = list(hides)
    payload = changed({**good, **({REDACTED: [digest(each) for each in hidden]} if hidden else {})}, claims)
    protected = changed({ALG: NAMED[key.algorithm], TYP: TYP_SD, KID: b"k1"}, header)
    listed = hidden if shown is None else list(shown)
    loose = {SD_CLAIMS: listed} if listed else {}
    loose = changed(loose, unprotected) if unprotected is None or isinstance(unprotected, dict) else unprotected
    return sign1(protected, loose, payload if isinstance(payload, bytes) else enc(payload), key)


def bound(
    half: Any,
    claims: Mapping[Any, Any] | bytes | None = None,
    header: Mapping[Any, Any] | bytes | None = None,
    unprotected: Any = None,
    *,
    key: Key = HOLDER,
    payload: Any = ABSENT,
) -> bytes:
    """Return an SD-KBT around an SD-CWT."""
    inner = CBORTag(18, half) if isinstance(half, list) else half
    stated = changed({AUD: AUDIENCE, IAT: NOW, CNONCE: NONCE.encode()}, claims)
    protected = changed({ALG: NAMED[key.algorithm], TYP: TYP_KB, KCWT: inner}, header)
    written = stated if isinstance(stated, bytes) else enc(stated)
    parts = sign1(protected, unprotected or {}, written if payload is ABSENT else payload, key, written)
    return enc(CBORTag(18, parts))


def make(*arguments: Any, **changes: Any) -> bytes:
    return bound(sd_cwt_of(*arguments, **changes))


def spoiled(position: int, value: Any) -> bytes:
    """Return an SD-KBT around an SD-CWT of which one part was exchanged."""
    parts = sd_cwt_of()
    parts[position] = value
    return bound(parts)


NAME: Final = disclosure("Zoë", "given_name")
NUMBER: Final = disclosure(True, 500)
STREET: Final = disclosure("Rue de l'Église", "street")
ADDRESS: Final = disclosure({REDACTED: [digest(STREET)], "country": "FR"}, "address")
FRANCE: Final = disclosure("FR")
AMERICA: Final = disclosure("US")
DECOY: Final = disclosure()
WITHHELD: Final = hashlib.sha256(b"a decoy").digest()
TWO: Final = {"nationalities": [element(digest(AMERICA)), element(digest(FRANCE))]}


# --- anchors and verdicts ---


def trusted(keys: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return anchored("sd-cwt", [VCT], keys or {"jwks": jwks((ISSUER_KEY, "k1"))}, **changes)


ANCHORS: Final[dict[str, dict[str, Any]]] = {
    "issuer": trusted(),
    "status": {"issuer": ISSUER, "purpose": "status_list", "jwks": jwks((STATUS_KEY, "s1"))},
    "es256": trusted({"jwks": jwks((ISSUER_P256, "k1"))}),
    "es384": trusted({"jwks": jwks((ISSUER_P384, "k1"))}),
    "pinned": trusted({"jwks": jwks((ISSUER_KEY, None))}),
    "two-keys": trusted({"jwks": jwks((ISSUER_KEY, "k1"), (STRANGER, "k2"))}),
    "root": trusted({"certificates": pem(ROOT_DER)}),
    "no-type": trusted(types=[""]),
    "sd-jwt-alone": trusted(formats=["dc+sd-jwt"]),
    "other-type": trusted(types=["urn:example:other:1"]),
    "other-issuer": trusted(issuer="https://other.example"),
    "namesake": trusted({"jwks": jwks((STRANGER, "k1"))}, issuer="https://other.example"),
    "germany": trusted(countries=["DE"]),
    "germany-and-us": trusted(countries=["DE", "US"]),
    "future": trusted(not_before=NOW + 1),
    "past": trusted(not_after=NOW),
    "other-status-issuer": trusted(status_issuer="https://status.example"),
}
case: Final = case_of(
    {
        "operation": "verify",
        "format": "sd-cwt",
        "now": NOW,
        "challenge": CHALLENGE,
        "anchors": ["issuer", "status"],
        "status_lists": ["list"],
    }
)
SHOWN: Final = {SUB: "https://id.example/people/1", "nationalities": ["US"]}
FOUND: Final = {
    "type": VCT,
    "issuer": ISSUER,
    "claims": SHOWN,
    "nationalities": ["US"],
    "citizenships": [],
    "complete": False,
    "status": "valid",
}


def valid(claims: Mapping[Any, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return valid_as(FOUND, **({} if claims is None else {"claims": changed(SHOWN, claims)}), **changes)


def at(step: str, rows: Rows, **changes: Any) -> list[dict[str, Any]]:
    """Return cases that are refused at one step: (id, title, input, reason) each."""
    return [case(f"{step.lower()}-{id}", title, input, refused(step, reason), **changes)
            for id, title, input, reason in rows]  # fmt: skip


# --- accepts ---


def accepts_of_claims() -> list[dict[str, Any]]:
    citizen = {"nationalities": ["US"], "citizenships": ["US"], "nationalities_complete": True}
    both = {"nationalities": ["FR", "US"], "nationalities_complete": True}
    everything = make({**TWO}, [NAME, NUMBER, ADDRESS, STREET, AMERICA, FRANCE, DECOY],
                      hides=[NAME, NUMBER, ADDRESS, DECOY])  # fmt: skip
    person = {"given_name": "Zoë", 500: True, "address": {"country": "FR", "street": "Rue de l'Église"}}
    rated = {"assurance": {"framework": "NIST SP 800-63", "level": "IAL2"}}
    subject = disclosure("https://id.example/people/1", SUB)
    inner = disclosure([element(digest(STREET)), b"\x00\xff"], "list")
    in_list = {"list": [b"\x00\xff"]}
    short = {STATUS: ABSENT, EXP: NOW - 60 + DAY}
    return [
        case("accept-plain", "nothing hidden", make(), valid()),
        case("accept-one-disclosed", "one of two claims", make(None, [NAME], hides=[NAME, NUMBER]),
             valid({"given_name": "Zoë"})),
        case("accept-number", "a claim whose name is a number", make(hides=[NUMBER]), valid({500: True})),
        case("accept-nested", "a claim inside a claim", make(None, [ADDRESS, STREET], hides=[ADDRESS]),
             valid({"address": person["address"]})),
        case("accept-nested-withheld", "a claim, and what is inside it withheld",
             make(None, [ADDRESS], hides=[ADDRESS]), valid({"address": {"country": "FR"}})),
        case("accept-element", "one of two elements", make(TWO, [FRANCE]),
             valid({"nationalities": ["FR"]}, nationalities=["FR"])),
        case("accept-element-in-claim", "bytes, and an element withheld, in a hidden array",
             make(None, [inner], hides=[inner]), valid(in_list)),
        case("accept-none-shown", "all elements withheld", make(TWO), valid({"nationalities": []}, nationalities=[])),
        case("accept-decoy", "a decoy that is disclosed", make(hides=[DECOY]), valid()),
        case("accept-decoy-element", "a decoy among elements", make({"nationalities": ["US", element(digest(DECOY))]},
             [DECOY]), valid()),
        case("accept-decoy-withheld", "a decoy that is withheld", make({REDACTED: [WITHHELD]}), valid()),
        case("accept-everything-shown", "all of these", everything,
             valid({**person, "nationalities": ["US", "FR"]}, nationalities=["US", "FR"])),
        case("accept-subject-disclosed", "a subject that is hidden", make({SUB: ABSENT}, hides=[subject]), valid()),
        case("accept-subject-withheld", "a subject that is withheld", make({SUB: ABSENT}, [], hides=[subject]),
             valid({SUB: ABSENT})),
        case("accept-no-type", "no vct, where the anchor permits that", make({TYPE: ABSENT}), valid(type=""),
             anchors=["no-type", "status"]),
        case("accept-citizenship", "a citizenship, and a complete list", make(citizen),
             valid(citizen, citizenships=["US"], complete=True)),
        case("accept-withheld-is-not-complete", "a list of which something is withheld is not complete",
             make({**TWO, "nationalities_complete": True}, [AMERICA]), valid({"nationalities_complete": True})),
        case("accept-filtered", "what the anchor may not attest proves nothing", make(both), valid(both),
             anchors=["germany-and-us", "status"]),
        case("accept-assurance", "how well the issuer checked", make(rated), valid(assurance=list(
             rated["assurance"].values()))),
        *accepts_of_evidence(),
        case("accept-short-lived", "a validity of 24 hours needs no status", make(short), valid(status=None)),
        case("accept-last-second", "the last second before exp", make({EXP: NOW + 1}), valid()),
        case("accept-skew", "issued half a minute ahead", bound(sd_cwt_of({IAT: NOW + 30}), {IAT: NOW + 30}), valid()),
        case("accept-header-claims", "claims of the header that say the same", make(header={CWT_CLAIMS: {ISS: ISSUER}}),
             valid()),
        case("accept-header-claims-more", "a claim of the header alone proves nothing",
             make(header={CWT_CLAIMS: {"citizenships": ["US"]}}), valid()),
    ]  # fmt: skip


def accepts_of_evidence() -> list[dict[str, Any]]:
    name, other = "evidence_checked_at", "urn:example:other:1"
    hidden = disclosure(NOW - DAY, name)
    of_others = {TYPE: other, name: "last week"}
    return [
        case("accept-evidence", "when the issuer checked its evidence", make({name: NOW - DAY}),
             valid(evidence_at=NOW - DAY)),
        case("accept-evidence-disclosed", "the same behind a digest, and shown", make(None, [hidden], hides=[hidden]),
             valid(evidence_at=NOW - DAY)),
        case("accept-evidence-withheld", "and withheld: it is not known then", make(None, [], hides=[hidden]),
             valid()),
        case("accept-evidence-skew", "half a minute after iat, by another clock of the issuer",
             make({name: NOW - 30}), valid(evidence_at=NOW - 30)),
        case("accept-evidence-of-others", "in a type of others a claim of that name is a claim like any other",
             make(of_others), valid({name: "last week"}, type=other), anchors=["other-type", "status"]),
        case("accept-evidence-no-type", "in no type too", make({TYPE: ABSENT, name: 1}), valid({name: 1}, type=""),
             anchors=["no-type", "status"]),
    ]  # fmt: skip


def accepts_of_form() -> list[dict[str, Any]]:
    def hashed(number: int, algorithm: str) -> bytes:
        return make({REDACTED: [digest(NAME, algorithm)]}, [NAME], {SD_ALG: number})

    def p256(issuer: int, holder: int) -> bytes:
        half = sd_cwt_of(key=ISSUER_P256, holder=HOLDER_P256, header={ALG: issuer})
        return bound(half, key=HOLDER_P256, header={ALG: holder})

    def p384(number: int) -> bytes:
        return bound(sd_cwt_of(key=ISSUER_P384, holder=HOLDER_P256, header={ALG: number}), key=HOLDER_P256)

    shown = {"given_name": "Zoë"}
    es256 = {"anchors": ["es256", "status"]}
    no_kid = {KID: ABSENT}
    return [
        case("accept-published", "-35 and -7, as the published examples have them", p384(-35), valid(),
             anchors=["es384", "status"]),
        case("accept-es384-named", "-51 is P-384", p384(-51), valid(), anchors=["es384", "status"]),
        case("accept-es256", "-7 means P-256", p256(-7, -7), valid(), **es256),
        case("accept-es256-named", "-9 is P-256", p256(-9, -9), valid(), **es256),
        case("accept-eddsa", "-8 means Ed25519", bound(sd_cwt_of(header={ALG: -8}), header={ALG: -8}), valid()),
        case("accept-ed448", "a holder with Ed448", bound(sd_cwt_of(holder=HOLDER_448), key=HOLDER_448,
             header={ALG: -53}), valid()),
        case("accept-typ-numbers", "the media types by their numbers",
             bound(sd_cwt_of(header={TYP: 293}), header={TYP: 294}), valid()),
        case("accept-hash-named", "SHA-256 by its number", hashed(-16, "sha256"), valid(shown)),
        case("accept-sha-384", "digests by SHA-384", hashed(-43, "sha384"), valid(shown)),
        case("accept-sha-512", "digests by SHA-512", hashed(-44, "sha512"), valid(shown)),
        case("accept-nonce-bytes", "a nonce in bytes", bound(sd_cwt_of(), {CNONCE: bytes(range(200, 232))}), valid(),
             challenge={**CHALLENGE, "nonce": {"bytes": b64(bytes(range(200, 232)))}}),
        case("accept-kid-unprotected", "a kid that nobody signed is a hint all the same",
             make(header=no_kid, unprotected={KID: b"k1"}), valid()),
        case("accept-no-kid", "without kid the claimed iss finds the key", make(header=no_kid), valid(),
             anchors=["issuer", "namesake", "status"]),
        case("accept-pinned", "a key pinned without kid answers any kid", make(), valid(),
             anchors=["pinned", "status"]),
        case("accept-no-iss", "without iss the anchor's label stands", make({ISS: ABSENT}), valid()),
        case("accept-chain", "a certificate", make(header=no_kid, unprotected={X5CHAIN: LEAF}), valid(),
             anchors=["root", "status"]),
        case("accept-chain-protected", "a certificate in the protected header, in an array",
             make(header={KID: ABSENT, X5CHAIN: [LEAF]}), valid(), anchors=["root", "status"]),
        case("accept-audience", "the credential's aud names the verifier, among others",
             make({AUD: ["https://other.example", AUDIENCE]}), valid()),
        case("accept-oldest-binding", "a key binding as old as the challenge permits",
             bound(sd_cwt_of({IAT: NOW - 300}), {IAT: NOW - 300}), valid()),
        case("accept-binding-window", "a key binding with a window and an identifier",
             bound(sd_cwt_of(), {NBF: NOW, EXP: NOW + 60, CTI: b"1"}), valid()),
        case("accept-binding-says-more", "what the holder states is no claim",
             bound(sd_cwt_of(), {"citizenships": ["FR"], "nationalities": ["FR"]}), valid()),
    ]  # fmt: skip


# --- refusals ---


def v1() -> Rows:
    good = make()
    text, bare = b64(good), sd_cwt_of()
    broken, form, header, unlisted = "malformed_token", "malformed_cbor", "header_invalid", "algorithm_not_allowed"
    encrypted = "disclosure_encrypted"

    def inner(id: str, title: str, protected: Mapping[Any, Any], loose: Mapping[Any, Any], reason: str) -> Any:
        return id, title, make(header=protected, unprotected=loose), reason

    def outer(id: str, title: str, protected: Mapping[Any, Any], loose: Mapping[Any, Any], reason: str) -> Any:
        return id, title, bound(bare, None, protected, loose), reason

    return [
        ("padding", "base64url with padding", text + "=", "malformed_base64"),
        ("alphabet", "a character of the other alphabet", "+" + text[1:], "malformed_base64"),
        ("trailing", "a byte behind the item", good + b"\x00", form),
        ("untagged", "no tag", good[1:], broken),
        ("tag-mac", "the tag of a MAC", b"\xd1" + good[1:], form),
        ("tag-cwt", "the tag of a CWT", b"\xd8\x3d" + good, form),
        ("map", "a map", enc({1: 2}), broken),
        ("three", "three parts", enc(CBORTag(18, [b"", {}, b""])), broken),
        ("typ-jwt", "the typ of a JWT", bound(bare, header={TYP: "kb+jwt"}),
         "typ_mismatch"),
        ("typ-short", "a typ without its prefix", bound(bare, header={TYP: "kb+cwt"}), "typ_mismatch"),
        ("typ-missing", "no typ", bound(bare, header={TYP: ABSENT}), "typ_mismatch"),
        ("typ-unprotected", "a typ that nobody signed", bound(bare, None, {TYP: ABSENT}, {TYP: TYP_KB}),
         "typ_mismatch"),
        ("typ-number", "another content format", bound(bare, header={TYP: 61}), "typ_mismatch"),
        outer("typ-bytes", "a typ in bytes", {TYP: b"x"}, {}, header),
        outer("kb-crit", "a key binding with an extension", {CRIT: [9], 9: 1}, {}, "crit_unsupported"),
        outer("kb-alg", "a key binding without an algorithm", {ALG: ABSENT}, {}, unlisted),
        outer("kb-kid", "a kid in both headers", {KID: b"1"}, {KID: b"1"}, header),
        outer("kb-no-credential", "a key binding of nothing", {KCWT: ABSENT}, {}, header),
        outer("kb-credential-unprotected", "a credential that the holder did not sign", {KCWT: ABSENT},
              {KCWT: CBORTag(18, bare)}, header),
        outer("kb-disclosures", "disclosures beside the credential", {}, {SD_CLAIMS: [NAME]}, header),
        outer("kb-hash", "a digest algorithm beside the credential", {SD_ALG: -16}, {}, header),
        outer("kb-encrypted", "encrypted disclosures beside the credential", {}, {ENCRYPTED: [b"x"]}, encrypted),
        ("kb-untagged", "a credential without its tag", bound(CBORTag(24, enc(bare))), broken),
        ("kb-tag-cwt", "a credential under the tag of a CWT", bound(CBORTag(61, bare)), broken),
        ("kb-bytes", "a credential in bytes", bound(b"x"), broken),
        ("kb-detached", "a key binding that is detached", bound(bare, payload=None), broken),
        ("kb-nested", "a key binding of a key binding", bound(CBORTag(18, [*bound_parts()])), header),
        ("payload-missing", "a credential whose payload is detached", spoiled(2, None), broken),
        ("protected-map", "a protected header that is not in bytes", spoiled(0, {ALG: -19}), broken),
        ("protected-twice", "the algorithm twice", spoiled(0, b"\xa2\x01\x32\x01\x32"), "duplicate_member"),
        ("unprotected-array", "an unprotected header in an array", spoiled(1, []), broken),
        inner("crit", "an extension that must be understood", {CRIT: [9], 9: 1}, {}, "crit_unsupported"),
        inner("x5u", "a place to get certificates", {X5U: "https://id.example"}, {}, "header_forbidden"),
        inner("label-twice", "a label in both headers", {}, {KID: b"k1"}, header),
        inner("alg-missing", "no algorithm", {ALG: ABSENT}, {}, unlisted),
        inner("alg-unprotected", "an algorithm that nobody signed", {ALG: ABSENT}, {ALG: -19}, unlisted),
        inner("alg-text", "an algorithm in text", {ALG: "EdDSA"}, {}, unlisted),
        inner("alg-mac", "a MAC", {ALG: 5}, {}, unlisted),
        inner("alg-esb320", "brainpoolP320r1", {ALG: -266}, {}, "curve_unsupported"),
        inner("kid-text", "a kid in text", {KID: "k1"}, {}, header),
        inner("kid-null", "a kid that is null", {KID: None}, {}, header),
        inner("kid-long", "a kid of 256 bytes", {KID: bytes(256)}, {}, header),
        inner("x5t", "the hash of another certificate", {}, {X5CHAIN: LEAF, X5T: [-16, bytes(32)]}, header),
        inner("chain-empty", "an array of no certificate", {}, {X5CHAIN: []}, header),
        inner("chain-five", "five certificates", {}, {X5CHAIN: [b"x"] * 5}, "limit_exceeded"),
        inner("disclosures-signed", "disclosures in the protected header", {SD_CLAIMS: [NAME]}, {}, header),
        inner("disclosures-empty", "an array of no disclosure", {}, {SD_CLAIMS: []}, header),
        inner("disclosures-text", "disclosures in text", {}, {SD_CLAIMS: ["x"]}, header),
        inner("disclosures-map", "disclosures in a map", {}, {SD_CLAIMS: {0: NAME}}, header),
        inner("hash-unprotected", "a digest algorithm that nobody signed", {}, {SD_ALG: -16}, header),
        inner("claims-unprotected", "claims that nobody signed", {}, {CWT_CLAIMS: {ISS: ISSUER}}, header),
        inner("nested", "a credential in a credential", {KCWT: CBORTag(18, bare)}, {}, header),
        inner("encrypted", "encrypted disclosures", {}, {ENCRYPTED: [b"x"]}, encrypted),
        inner("encrypted-algorithm", "an algorithm for encrypted disclosures", {AEAD: 1}, {}, encrypted),
    ]  # fmt: skip


def bound_parts() -> list[Any]:
    inner: Any = sd_cwt_of()
    return sign1({ALG: -19, TYP: TYP_KB, KCWT: CBORTag(18, inner)}, {}, enc({}), HOLDER)


def by_trust() -> list[dict[str, Any]]:
    good, no_kid = make(), {KID: ABSENT}
    half, other = sd_cwt_of(), sd_cwt_of({IAT: NOW - 61})

    def chain(der: bytes) -> bytes:
        return make(header=no_kid, unprotected={X5CHAIN: der})

    def v2(id: str, title: str, made: bytes, reason: str, *anchors: str) -> dict[str, Any]:
        return case("v2-" + id, title, made, refused("V2", reason), anchors=[*(anchors or ["issuer"]), "status"])

    untrusted, wrong = "certificate_untrusted", "signature_invalid"
    v3: Rows = [
        ("signature", "the signature of another payload", bound([*half[:3], other[3]]), wrong),
        ("payload", "another payload", bound([*half[:2], other[2], half[3]]), wrong),
        ("stranger", "signed by somebody else under the same kid", make(key=STRANGER), wrong),
        ("short", "a signature of 63 bytes", bound([*half[:3], half[3][:63]]), "signature_malformed"),
        ("alg", "the algorithm of another key", make(header={ALG: -9}), "algorithm_mismatch"),
        ("alg-brainpool", "-265 by a key of Ed25519", make(header={ALG: -265}), "algorithm_mismatch"),
    ]  # fmt: skip
    return [
        case("v1-large", "one byte more than the bound", good, refused("V1", "input_too_large"),
             limits={"presentation_bytes": len(good) - 1}),
        case("v1-many-disclosures", "more disclosures than the bound", make(hides=[NAME, NUMBER]),
             refused("V1", "limit_exceeded"), limits={"disclosures": 1}),
        case("v1-receive-with-key-binding", "an issuer sends no key binding", good,
             refused("V1", "key_binding_unexpected"), operation="receive"),
        v2("unknown-kid", "a kid that nobody has", make(header={KID: b"k9"}), "key_unknown"),
        v2("kid-no-text", "a kid that is no text", make(header={KID: b"\xff"}), "key_unknown"),
        v2("unknown-issuer", "an iss that nobody is", make({ISS: "https://other.example"}, header=no_kid),
           "key_unknown"),
        v2("status-key", "a key for status lists signs no credential", make(header={KID: b"s1"}, key=STATUS_KEY),
           "key_unknown"),
        v2("ambiguous", "two keys, and nothing says which", make(header=no_kid), "key_ambiguous", "two-keys"),
        v2("payload-broken", "a payload that must be asked for its iss, and is no CBOR", make(b"\xff", header=no_kid),
           "malformed_cbor"),
        v2("future", "an anchor that is not trusted yet", good, "anchor_not_yet_valid", "future"),
        v2("past", "an anchor whose time is over", good, "anchor_expired", "past"),
        v2("chain-by-key", "an issuer anchored by keys takes no certificates", chain(LEAF), untrusted),
        v2("chain-foreign", "a chain to another root", chain(leaf(issuer=STRANGER)), untrusted, "root"),
        v2("chain-reader", "a reader attests nothing", chain(leaf("reader", purposes=[READER])),
           "certificate_use_forbidden", "root"),
        v2("chain-self-made", "a signer of its own",
           make(header=no_kid, unprotected={X5CHAIN: SELF_MADE}, key=SELF_MADE_KEY), "certificate_invalid", "root"),
        v2("chain-expired", "a certificate whose time is over",
           chain(leaf("expired signer", window=(NOW - DAY, NOW - 1))), "certificate_expired", "root"),
        *at("V3", v3),
        case("v3-alg-published", "-35 by a key on P-256", make(key=ISSUER_P256, header={ALG: -35}),
             refused("V3", "algorithm_mismatch"), anchors=["es256", "status"]),
    ]  # fmt: skip


def v4_redaction() -> Rows:
    def shows(*listed: bytes, **changes: Any) -> bytes:
        return make(changes.pop("claims", None), hides=listed, **changes)

    exp, clash = disclosure(NOW + DAY, EXP), disclosure(["FR"], "nationalities")
    key = disclosure(HOLDER.cose, 1)
    long_name = disclosure(1, "x" * 256)
    odd, structure, hidden = "disclosure_malformed", "redaction_malformed", "claim_not_disclosable"
    bad_name = enc([bytes(16), 1, None])
    twice = enc({1: "x"})[1:]
    return [
        ("hash-unknown", "a hash outside of the list", make(header={SD_ALG: -17}), "hash_algorithm_not_allowed"),
        ("hash-text", "a hash by its name", make(header={SD_ALG: "sha-256"}), "hash_algorithm_not_allowed"),
        ("hash-float", "a hash that is a float", make(header={SD_ALG: -16.0}), "hash_algorithm_not_allowed"),
        ("redacted-bytes", "redacted claims that are no array", make({REDACTED: WITHHELD}), structure),
        ("redacted-text", "a digest in text", make({REDACTED: ["x" * 32]}), structure),
        ("element-text", "a redacted element that is text", make({"a": [element("x")]}), structure),
        ("element-member", "a redacted element that is a member", make({"a": element(WITHHELD)}), structure),
        ("to-be-redacted", "a mark for the issuer's own eyes", make({"a": CBORTag(58, "x")}), "malformed_cbor"),
        ("simple-other", "a name that is another simple value", make({CBORSimpleValue(60): 1}), "malformed_cbor"),
        ("digest-twice", "a digest twice", make({REDACTED: [WITHHELD, WITHHELD]}), "digest_duplicate"),
        ("digest-twice-apart", "a digest of a member and of an element",
         make({REDACTED: [WITHHELD], "a": [element(WITHHELD)]}), "digest_duplicate"),
        ("digest-twice-inside", "a digest again inside a disclosure",
         make(None, [ADDRESS, STREET], hides=[ADDRESS, STREET]), "digest_duplicate"),
        ("element-as-member", "an element's disclosure for a member", shows(FRANCE), odd),
        ("member-as-element", "a member's disclosure for an element", make({"a": [element(digest(NAME))]}, [NAME]),
         odd),
        ("salt-short", "a salt of 15 bytes", shows(disclosure(1, "a", salt=bytes(15))), odd),
        ("salt-long", "a salt of 17 bytes", shows(disclosure(1, "a", salt=bytes(17))), odd),
        ("salt-text", "a salt in text", shows(disclosure(1, "a", salt="x" * 16)), odd),
        ("four-parts", "four parts", shows(disclosure(1, "a", 2)), odd),
        ("no-parts", "no parts", shows(enc([])), odd),
        ("disclosure-map", "a map", shows(enc({0: bytes(16)})), odd),
        ("disclosure-broken", "a disclosure that is no CBOR", shows(b"\xff"), "malformed_cbor"),
        ("disclosure-trailing", "a byte behind a disclosure", shows(NAME + b"\x00"), "malformed_cbor"),
        ("disclosure-duplicate-member", "a name twice in a disclosure",
         shows(disclosure({}, "a").replace(b"\xa0", b"\xa2" + twice * 2)), "duplicate_member"),
        ("name-null", "a name that is null", shows(bad_name), odd),
        ("name-redacted", "a name that marks what is hidden", shows(disclosure([], REDACTED)), "malformed_cbor"),
        ("disclosed-name-long", "a disclosed name of 256 bytes", shows(long_name), odd),
        ("twice", "a disclosure twice", make(None, [NAME, NAME], hides=[NAME]), "disclosure_duplicate"),
        ("clash", "a disclosed name that is there already", shows(clash), "disclosure_clash"),
        ("unreferenced", "a disclosure that no digest names", make({REDACTED: [WITHHELD]}, [NAME]),
         "disclosure_unreferenced"),
        ("child-alone", "a disclosure without the one it stands inside", make(None, [STREET], hides=[ADDRESS]),
         "disclosure_unreferenced"),
        ("digest-of-array", "a digest over the array and not over its byte string",
         make({REDACTED: [hashlib.sha256(NAME).digest()]}, [NAME]), "disclosure_unreferenced"),
        ("hidden-exp", "an end of validity that may be withheld", shows(exp, claims={EXP: ABSENT}), hidden),
        ("hidden-in-cnf", "a holder key that may be withheld", make({CNF: {REDACTED: [digest(key)]}}, [key]), hidden),
        ("hidden-in-aud", "an audience that may be withheld", make({AUD: [AUDIENCE, element(WITHHELD)]}), hidden),
        ("decoy-in-status", "a decoy inside status", make({STATUS: {**status_claim(VALID), REDACTED: [WITHHELD]}}),
         hidden),
    ]  # fmt: skip


def v4_claims() -> Rows:
    def key(**changes: Any) -> bytes:
        return make({CNF: {1: {**HOLDER.cose, **{int(name[1:]) * -1: value for name, value in changes.items()}}}})

    missing, odd, no, bad = "claim_missing", "claim_invalid", "country_invalid", "key_invalid"
    deep: Any = 0
    for _ in range(20):
        deep = [deep]
    return [
        ("typ", "a key binding around another kind of CWT", make(header={TYP: "application/cwt"}), "typ_mismatch"),
        ("typ-missing", "no typ inside the key binding", make(header={TYP: ABSENT}), "typ_mismatch"),
        ("payload-array", "a payload that is an array", make(enc([1])), "malformed_cbor"),
        ("payload-broken", "a payload that is no CBOR", make(b"\xa1"), "malformed_cbor"),
        ("payload-trailing", "a byte behind the payload", make(enc({EXP: NOW + 1}) + b"\x00"), "malformed_cbor"),
        ("payload-indefinite", "a payload of indefinite length", make(b"\xbf\xff"), "malformed_cbor"),
        ("payload-twice", "exp twice", make(b"\xa2" + (b"\x04" + enc(NOW + DAY)) * 2), "duplicate_member"),
        ("payload-deep", "twenty arrays in each other", make({"a": deep}), "depth_exceeded"),
        ("payload-tag", "a tag that nobody expects", make({"a": CBORTag(0, "2028-01-01T00:00:00Z")}),
         "malformed_cbor"),
        ("payload-nan", "NaN", make({"a": float("nan")}), "malformed_cbor"),
        ("name-long", "a name of 256 bytes", make({"x" * 256: 1}), "limit_exceeded"),
        ("name-text", "exp by its name in JSON, beside its number", make({"exp": NOW + 40 * DAY}), odd),
        ("name-text-sub", "sub by its name in JSON", make({"sub": "x"}), odd),
        ("no-exp", "no end of validity", make({EXP: ABSENT}), missing),
        ("no-sub", "no subject, and nothing hidden", make({SUB: ABSENT}), missing),
        ("no-cnf", "no key of a holder", make({CNF: ABSENT}), missing),
        ("iss-bytes", "an issuer in bytes", make({ISS: ISSUER.encode()}), odd),
        ("sub-number", "a subject that is a number", make({SUB: 1}), odd),
        ("vct-empty", "an empty type", make({TYPE: ""}), odd),
        ("aud-number", "an audience that is a number", make({AUD: 1}), odd),
        ("cti-text", "an identifier in text", make({CTI: "1"}), odd),
        ("cnonce-text", "a nonce in text", make({CNONCE: "1"}), odd),
        ("exp-float", "an end that is no integer", make({EXP: NOW + 0.5}), odd),
        ("exp-true", "an end that is a boolean", make({EXP: True}), odd),
        ("exp-text", "an end in text", make({EXP: str(NOW + DAY)}), odd),
        ("exp-large", "an end that JSON cannot say", make({EXP: 2**53}), odd),
        ("exp-before-iat", "an end before the beginning", make({EXP: NOW - 61}), odd),
        ("nbf-after-iat", "a beginning after the issue", make({NBF: NOW - 59}), odd),
        ("iat-null", "a time that is null", make({IAT: None}), odd),
        ("header-claims-other", "a header that says another exp", make(header={CWT_CLAIMS: {EXP: NOW + DAY}}), odd),
        ("header-claims-alone", "a header alone that says for whom", make(header={CWT_CLAIMS: {AUD: AUDIENCE}}), odd),
        ("header-claims-true", "a header that says true for 1",
         make({"a": 1}, header={CWT_CLAIMS: {"a": True}}), odd),
        ("header-claims-name", "a header that says exp by its name in JSON",
         make(header={CWT_CLAIMS: {"exp": NOW + DAY}}), odd),
        ("header-claims-array", "claims of the header in an array", make(header={CWT_CLAIMS: [1]}), odd),
        ("cnf-array", "a confirmation in an array", make({CNF: [1]}), bad),
        ("cnf-empty", "a confirmation of nothing", make({CNF: {}}), bad),
        ("cnf-two", "two confirmation methods", make({CNF: {1: HOLDER.cose, 3: b"1"}}), bad),
        ("cnf-thumbprint", "a thumbprint alone", make({CNF: {5: bytes(32)}}), bad),
        ("cnf-private", "a private key", key(_4=bytes(32)), bad),
        ("cnf-small-order", "a key of small order", key(_2=bytes(32)), bad),
        ("cnf-curve", "brainpoolP320r1", make({CNF: {1: {1: 2, -1: 257, -2: bytes(40), -3: bytes(40)}}}),
         "curve_unsupported"),
        ("cnf-use", "a key that agrees on keys", make({CNF: {1: {**HOLDER.cose, 4: [7]}}}), "key_use_forbidden"),
        ("status-text", "a status in text", make({STATUS: "x"}), odd),
        ("status-list-text", "a list in text", make({STATUS: {"status_list": "idx uri"}}), odd),
        ("status-no-index", "no index", make({STATUS: {"status_list": {"uri": "https://id.example"}}}), odd),
        ("status-identifier", "an identifier list alone",
         make({STATUS: {"identifier_list": {"id": b"x", "uri": "https://id.example"}}}), "status_mechanism_unknown"),
        ("status-empty", "a status of nothing", make({STATUS: {}}), odd),
        ("status-mechanism", "a mechanism that we cannot ask",
         make({STATUS: {**status_claim(VALID), "identifier_list": {"id": b"x", "uri": "https://id.example"}}}),
         "status_mechanism_unknown"),
        ("status-index", "an index below zero", make({STATUS: status_claim(-1)}), odd),
        ("status-uri", "no list", make({STATUS: {"status_list": {"idx": VALID}}}), odd),
        ("country-lower-case", "a code in lower case", make({"nationalities": ["us"]}), no),
        ("country-alpha-3", "three letters", make({"nationalities": ["USA"]}), no),
        ("country-bytes", "a code in bytes", make({"nationalities": [b"US"]}), no),
        ("country-twice", "a country twice", make({"nationalities": ["US", "US"]}), no),
        ("country-map", "a list in a map", make({"nationalities": {"US": True}}), no),
        ("country-text", "a list that is none", make({"nationalities": "US"}), no),
        ("complete-number", "completeness as a number", make({"nationalities_complete": 1}), odd),
        ("assurance-number", "an assurance that is a number", make({"assurance": 1}), odd),
        ("assurance", "an assurance without a level", make({"assurance": {"framework": "x"}}), odd),
        *((f"evidence-{id}", title, make({"evidence_checked_at": value}), odd) for id, title, value in odd_evidence()),
    ]  # fmt: skip


def odd_evidence() -> list[tuple[str, str, Any]]:
    return [
        ("boolean", "a time of the evidence that is true", True),
        ("null", "a time of the evidence that is null", None),
        ("text", "a time of the evidence in text", str(NOW - DAY)),
        ("tdate", "a time of the evidence as text of a date", "2026-01-01T00:00:00Z"),
        ("fraction", "half a second of it", NOW - DAY + 0.5),
        ("float", "a whole number in the form of a fraction", float(NOW - DAY)),
        ("negative", "a time of the evidence before 1970", -1),
        ("large", "a time of the evidence beyond 2^53", 2**53),
        ("array", "a time of the evidence in an array", [NOW - DAY]),
        ("after", "31 seconds after iat: it was not checked before it was issued", NOW - 29),
    ]


def by_rules() -> list[dict[str, Any]]:
    good = make()

    def v5(id: str, title: str, reason: str, anchor: str, made: bytes = good) -> dict[str, Any]:
        return case("v5-" + id, title, made, refused("V5", reason), anchors=[anchor, "status"])

    v6: Rows = [
        ("future", "issued in the future", make({IAT: NOW + 31}), "issued_in_future"),
        ("evidence-future", "checked in the future, in a credential without iat",
         make({IAT: ABSENT, "evidence_checked_at": NOW + 31}), "issued_in_future"),
        ("not-yet", "nbf in a second: no skew excuses it", make({NBF: NOW + 1, IAT: NOW + 1}), "not_yet_valid"),
        ("expired", "exp is this very second", make({EXP: NOW}), "expired"),
    ]  # fmt: skip
    return [
        case("v4-many-digests", "more digests than the bound", make({REDACTED: [WITHHELD, digest(NAME)]}),
             refused("V4", "limit_exceeded"), limits={"digests": 1}),
        v5("issuer", "an iss that is not the anchor's label", "issuer_mismatch", "other-issuer"),
        v5("format", "a format that the anchor may not use", "format_not_allowed", "sd-jwt-alone"),
        v5("type", "a type that the anchor may not attest", "type_not_allowed", "other-type"),
        v5("no-type", "no type, which the anchor does not permit", "type_not_allowed", "issuer", make({TYPE: ABSENT})),
        v5("only-no-type", "a type, where the anchor permits none", "type_not_allowed", "no-type"),
        v5("country", "a country that the anchor may not attest", "country_not_allowed", "germany"),
        *at("V6", v6),
    ]  # fmt: skip


def of_the_holder() -> list[dict[str, Any]]:
    half = sd_cwt_of(hides=[NAME, NUMBER])
    missing, odd = "claim_missing", "claim_invalid"
    stale, early, wrong = "key_binding_stale", "key_binding_in_future", "signature_invalid"

    def says(**changes: Any) -> bytes:
        return bound(half, {int(name[1:]): value for name, value in changes.items()})

    v7: Rows = [
        ("bare", "a credential alone is no presentation", enc(CBORTag(18, half)), "key_binding_missing"),
        ("payload-array", "a key binding that is an array", bound(half, enc([1])), "malformed_cbor"),
        ("payload-twice", "a nonce twice", bound(half, b"\xa2" + (enc(CNONCE) + enc(b"12345678")) * 2),
         "duplicate_member"),
        ("issuer", "a holder who names an issuer", says(_1=ISSUER), odd),
        ("subject", "a holder who names a subject", says(_2="x"), odd),
        ("name-text", "aud by its name in JSON", bound(half, {"aud": AUDIENCE}), odd),
        ("cti-text", "an identifier in text", says(_7="1"), odd),
        ("no-nonce", "no nonce", says(_39=ABSENT), missing),
        ("nonce", "the nonce of another challenge", says(_39=NONCE[::-1].encode()), "nonce_mismatch"),
        ("nonce-text", "a nonce in text", says(_39=NONCE), "nonce_mismatch"),
        ("no-audience", "no audience", says(_3=ABSENT), missing),
        ("audience", "made for somebody else", says(_3="https://gateway.example.evil"), "audience_mismatch"),
        ("audience-array", "an audience in an array", says(_3=[AUDIENCE]), "audience_mismatch"),
        ("audience-of-credential", "a credential for another verifier", make({AUD: "https://other.example"}),
         "audience_mismatch"),
        ("no-iat", "no time", says(_6=ABSENT), missing),
        ("iat-float", "a time that is no integer", says(_6=float(NOW)), odd),
        ("iat-negative", "a time below zero", says(_6=-1), odd),
        ("exp-large", "an end that JSON cannot say", says(_4=2**53), odd),
        ("exp-before-iat", "an end before the beginning", says(_4=NOW), odd),
        ("nbf-after-iat", "a beginning after the signature", says(_5=NOW + 1), odd),
        ("stale", "a second too old", bound(sd_cwt_of({IAT: NOW - 400}), {IAT: NOW - 301}), stale),
        ("before-issue", "signed before the credential was issued", says(_6=NOW - 61), stale),
        ("own-end", "past its own exp", says(_6=NOW - 10, _4=NOW), stale),
        ("before-begin", "a window that begins before the credential's",
         bound(sd_cwt_of({NBF: NOW - 50, IAT: NOW - 40}), {NBF: NOW - 51}), stale),
        ("nbf-future", "a window that begins in ten seconds", says(_6=NOW + 20, _5=NOW + 10), early),
        ("after-end", "signed after the credential's end", bound(sd_cwt_of({EXP: NOW + 20}), {IAT: NOW + 20}), early),
        ("future", "signed in the future", says(_6=NOW + 31), early),
        ("beyond-end", "an end after the credential's", says(_4=NOW + 30 * DAY + 1), early),
    ]  # fmt: skip
    parts, outer = bound_of(half), bound_of([half[0], {SD_CLAIMS: [NUMBER, NAME]}, *half[2:]])
    v8: Rows = [
        ("stranger", "signed by somebody else", bound(half, key=STRANGER), wrong),
        ("issuer", "signed by the issuer", bound(half, key=ISSUER_KEY), wrong),
        ("disclosures-order", "the disclosures in another order", enc(CBORTag(18, [outer[0], *parts[1:]])), wrong),
        ("disclosures-less", "a disclosure less than the holder signed",
         enc(CBORTag(18, [bound_of([half[0], {SD_CLAIMS: [NAME]}, *half[2:]])[0], *parts[1:]])), wrong),
        ("short", "a signature of 63 bytes", enc(CBORTag(18, [*parts[:3], parts[3][:63]])), "signature_malformed"),
        ("alg", "the algorithm of another key", bound(half, header={ALG: -7}), "algorithm_mismatch"),
    ]  # fmt: skip
    return [
        *at("V7", v7),
        *at("V8", v8),
        case("v7-nonce-bytes", "text where bytes were asked for", bound(half),
             refused("V7", "nonce_mismatch"), challenge={**CHALLENGE, "nonce": {"bytes": b64(bytes(range(16)))}}),
    ]  # fmt: skip


def bound_of(half: list[Any]) -> list[Any]:
    inner = CBORTag(18, half)
    claims = enc({AUD: AUDIENCE, IAT: NOW, CNONCE: NONCE.encode()})
    return sign1({ALG: -19, TYP: TYP_KB, KCWT: inner}, {}, claims, HOLDER)


def v9() -> list[dict[str, Any]]:
    good = make()
    later = bound(sd_cwt_of(), {IAT: NOW + 43_200})
    rows: Rows = [
        ("missing", "valid for a second over 24 hours, and no status",
         make({STATUS: ABSENT, EXP: NOW - 60 + DAY + 1}), "status_missing"),
        ("missing-start", "no status, and no beginning to count from",
         make({STATUS: ABSENT, IAT: ABSENT, EXP: NOW + 60}), "status_missing"),
        ("index", "an index behind the end of the list", make({STATUS: status_claim(16)}),
         "status_index_out_of_range"),
        ("revoked", "revoked", make({STATUS: status_claim(REVOKED)}), "revoked"),
        ("suspended", "suspended", make({STATUS: status_claim(SUSPENDED)}), "suspended"),
        ("other", "a status that is none of ours", make({STATUS: status_claim(OTHER)}), "status_not_valid"),
    ]  # fmt: skip
    return [
        *at("V9", rows),
        case("v9-unavailable", "a list that is not at hand", good, need("status_list_unavailable"), status_lists=[]),
        case("v9-stale", "a list past its time to live", later, need("status_list_stale"), now=NOW + 43_200),
        case("v9-other-signer", "the list of another issuer does not count", good, need("status_list_unavailable"),
             anchors=["other-status-issuer", "status"]),
    ]  # fmt: skip


USED: Final = (ISSUER_P384, HOLDER_448, ROOT)


def sd_cwt() -> dict[str, Any]:
    cases = [
        *accepts_of_claims(),
        *accepts_of_form(),
        *at("V1", v1()),
        *by_trust(),
        *at("V4", [*v4_redaction(), *v4_claims()]),
        *by_rules(),
        *of_the_holder(),
        *v9(),
    ]
    keys = {f"{key.name}/{key.algorithm}": key.to_json() for key in (*KEYS, *USED)}
    return {"keys": keys, "anchors": ANCHORS, "status_lists": LISTS, "cases": cases}
