"""The refusals of mdoc.json: one fault each, and the Reason and step that it must get."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from cbor2 import CBORTag
from generate_cbor import (
    ALG,
    KID,
    LEAF,
    MIDDLE,
    READER,
    ROOT,
    ROOT_DER,
    SELF_MADE,
    SELF_MADE_KEY,
    SIGNER,
    X5CHAIN,
    X5T,
    embedded,
    enc,
    leaf,
    made_certificate,
    other_curve,
    rsa_key,
    small_curve,
)  # fmt: skip
from generate_mdoc import (
    ANCHORS,
    CHALLENGE,
    CITIZEN,
    HOLDER_448,
    HOLDER_BRAINPOOL,
    ISSUER_BRAINPOOL,
    MDL_TYPE,
    NAMESAKE_DER,
    OLD_LEAF,
    ORIGIN,
    OTHER_READER,
    OWN,
    PHOTO,
    PHOTO_TYPE,
    PID,
    READER_BRAINPOOL,
    READER_KEY,
    STATUS,
    accepts,
    answer,
    asked,
    auth_with,
    case,
    date,
    dc_api,
    device_part,
    digests,
    document,
    edited,
    handed_over,
    item,
    items_of,
    mac,
    response,
    signing,
    spoiled,
    validity,
)  # fmt: skip
from shared import (
    ABSENT,
    DAY,
    HOLDER,
    HOLDER_P256,
    ISSUER_KEY,
    ISSUER_P256,
    KEYS,
    LISTS,
    NONCE,
    NOW,
    OTHER,
    REVOKED,
    STRANGER,
    SUSPENDED,
    VALID,
    Key,
    b64,
    need,
    refused,
    status_claim,
)  # fmt: skip

Rows = list[tuple[str, str, bytes | str, str]]


def at(step: str, rows: Rows, **changes: Any) -> list[dict[str, Any]]:
    """Return cases that are refused at one step: (id, title, input, reason) each."""
    return [case(f"{step.lower()}-{id}", title, input, refused(step, reason), **changes)
            for id, title, input, reason in rows]  # fmt: skip


def replaced(data: bytes, find: bytes, put: bytes) -> bytes:
    assert data.count(find) == 1, (find, data.count(find))
    return data.replace(find, put)


def at_end(value: bytes) -> bytes:
    """Return a good answer with a further member: its value is written as it stands, whether CBOR or not."""
    return b"\xa4" + response(document())[1:] + enc("x") + value


def v1_cbor() -> Rows:
    good = response(document())
    text = b64(good)
    return [
        ("padding", "base64url with padding", text + "=", "malformed_base64"),
        ("alphabet", "a character of the other alphabet", "+" + text[1:], "malformed_base64"),
        ("space", "a line feed behind the text", text + "\n", "malformed_base64"),
        ("empty", "nothing", b"", "malformed_cbor"),
        ("trailing", "a byte behind the item", good + b"\x00", "malformed_cbor"),
        ("truncated", "the last byte is missing", good[:-1], "malformed_cbor"),
        ("indefinite-map", "a map of indefinite length", b"\xbf" + good[1:] + b"\xff", "malformed_cbor"),
        ("indefinite-array", "an array of indefinite length", at_end(b"\x9f\x01\xff"), "malformed_cbor"),
        ("indefinite-text", "text of indefinite length", at_end(b"\x7f\x61a\xff"), "malformed_cbor"),
        ("duplicate", "status twice", replaced(good, b"\xa3\x67version", b"\xa4" + enc("status") + b"\x00\x67version"),
         "duplicate_member"),
        ("duplicate-number", "an integer name twice", at_end(b"\xa2\x01\x00\x18\x01\x00"), "duplicate_member"),
        ("deep", "twenty arrays in each other", at_end(b"\x81" * 20 + b"\x00"), "depth_exceeded"),
        ("key-bytes", "a name in bytes", at_end(b"\xa1\x41\x00\x00"), "malformed_cbor"),
        ("key-float", "a name that is a float", at_end(b"\xa1\xf9\x3c\x00\x00"), "malformed_cbor"),
        ("key-true", "a name that is a boolean", at_end(b"\xa1\xf5\x00"), "malformed_cbor"),
        ("key-array", "a name that is an array", at_end(b"\xa1\x80\x00"), "malformed_cbor"),
        ("nan", "NaN", at_end(b"\xf9\x7e\x00"), "malformed_cbor"),
        ("infinity", "infinity", at_end(b"\xf9\x7c\x00"), "malformed_cbor"),
        ("undefined", "undefined", at_end(b"\xf7"), "malformed_cbor"),
        ("simple", "a simple value without a meaning", at_end(b"\xf8\xff"), "malformed_cbor"),
        ("simple-long", "false in two bytes", at_end(b"\xf8\x14"), "malformed_cbor"),
        ("reserved", "additional information 28", at_end(b"\x1c"), "malformed_cbor"),
        ("break", "a break alone", at_end(b"\xff"), "malformed_cbor"),
        ("huge-bytes", "a length of 2^64 - 1", at_end(b"\x5b" + b"\xff" * 8), "malformed_cbor"),
        ("huge-array", "an array of 2^31 items", at_end(b"\x9a\x80\x00\x00\x00"), "malformed_cbor"),
        ("utf-8", "text that is no UTF-8", at_end(b"\x62\xc3\x28"), "malformed_cbor"),
        ("surrogate", "half of a surrogate pair", at_end(b"\x63\xed\xa0\x80"), "malformed_cbor"),
        ("tag-bignum", "a bignum", at_end(b"\xc2\x49" + b"\x01" * 9), "malformed_cbor"),
        ("tag-regular-expression", "a regular expression", at_end(enc(CBORTag(35, "(a+)+$"))), "malformed_cbor"),
        ("tag-shared", "a reference to itself", at_end(b"\xd8\x1c\x81\xd8\x1d\x00"), "malformed_cbor"),
        ("tag-self", "the mark of CBOR in front", b"\xd9\xd9\xf7" + good, "malformed_cbor"),
        ("tag-date", "a date where none belongs", at_end(enc(date(NOW))), "malformed_cbor"),
        ("members", "more members in a map than the bound",
         at_end(b"\xb9\x04\x01" + b"".join(enc(number) + b"\x00" for number in range(1_025))), "limit_exceeded"),
    ]  # fmt: skip


def v1_response() -> Rows:
    def device(value: Any) -> bytes:
        return spoiled(lambda made: made.__setitem__("deviceSigned", value))

    def spaces(value: Any) -> bytes:
        return spoiled(lambda made: made["issuerSigned"].__setitem__("nameSpaces", value))

    both = {**signing()(OWN)["deviceAuth"], **mac()(OWN)["deviceAuth"]}
    one = embedded(item(0, "citizen_of_us", True))
    signed = document()["issuerSigned"]
    broken = "malformed_token"
    return [
        ("array", "an array", enc([1]), broken),
        ("no-version", "no version", response(document(), version=ABSENT), broken),
        ("version-number", "a version that is a number", response(document(), version=1), broken),
        ("version-2", "version 2.0", response(document(), version="2.0"), "version_unsupported"),
        ("version-short", "a version without its minor number", response(document(), version="1"),
         "version_unsupported"),
        ("version-digits", "digits of another script", response(document(), version="1.\u0663"), "version_unsupported"),
        ("no-status", "no status", response(document(), status=ABSENT), broken),
        ("status-false", "a status that is a boolean", response(document(), status=False), broken),
        ("status-10", "a general error, and a document all the same", response(document(), status=10),
         "response_not_ok"),
        ("no-documents", "no documents", response(documents=ABSENT), broken),
        ("documents-empty", "an array of no documents", response(), broken),
        ("documents-map", "documents that are no array", response(documents=document()), broken),
        ("two-documents", "two documents where one is asked for", response(document(), document()), "limit_exceeded"),
        ("document-number", "a document that is a number", response(documents=[1]), broken),
        ("no-doc-type", "no docType", spoiled(lambda made: made.pop("docType")), broken),
        ("no-issuer-signed", "nothing of the issuer", spoiled(lambda made: made.pop("issuerSigned")), broken),
        ("no-issuer-auth", "no signature of the issuer",
         spoiled(lambda made: made["issuerSigned"].pop("issuerAuth")), broken),
        ("namespaces-array", "elements in an array", spaces([[one]]), broken),
        ("namespace-number", "a namespace that is a number", spaces({1: [one]}), broken),
        ("namespace-empty", "a namespace without an element", spaces({OWN: []}), broken),
        ("namespace-long", "a namespace of 256 characters", spaces({"x" * 256: [one]}), "limit_exceeded"),
        ("item-map", "an item that is not embedded", spaces({OWN: [{"digestID": 0}]}), broken),
        ("item-bytes", "an item without its tag", spaces({OWN: [one.value]}), broken),
        ("item-tag-number", "the tag of an item around a number", spaces({OWN: [CBORTag(24, 0)]}), broken),
        ("device-text", "a text of the device", device("x"), broken),
        ("device-names", "elements of the device that are not embedded",
         device({**signing()(OWN), "nameSpaces": {}}), broken),
        ("device-names-number", "the tag of elements around a number",
         device({**signing()(OWN), "nameSpaces": CBORTag(24, 0)}), broken),
        ("device-auth-array", "a proof in an array", device(device_part([])), broken),
        ("device-both", "a signature and a MAC", device(device_part(both)), broken),
        ("device-signature-text", "a signature that is text", device(device_part({"deviceSignature": "x"})), broken),
        ("issuer-signed-twice", "an IssuerSigned in an IssuerSigned", enc({"issuerAuth": signed}), broken),
    ]  # fmt: skip


def v1_cose() -> Rows:
    auth = document()["issuerSigned"]["issuerAuth"]
    broken, header, unlisted = "malformed_token", "header_invalid", "algorithm_not_allowed"

    def both(title: str, id: str, protected: Mapping[Any, Any], unprotected: Mapping[Any, Any], reason: str) -> Any:
        return id, title, answer(header=protected, unprotected=unprotected), reason

    return [
        ("auth-tag", "the tag of COSE_Sign1", spoiled(
            lambda made: made["issuerSigned"].__setitem__("issuerAuth", CBORTag(18, auth))), "malformed_cbor"),
        ("auth-three", "three parts", spoiled(lambda made: made["issuerSigned"]["issuerAuth"].pop()), broken),
        ("auth-five", "five parts", spoiled(lambda made: made["issuerSigned"]["issuerAuth"].append(b"")), broken),
        ("protected-map", "a protected header that is not in bytes", auth_with(0, {ALG: -8}), broken),
        ("protected-array", "a protected header that is an array", auth_with(0, b"\x80"), broken),
        ("protected-empty", "an empty protected header", auth_with(0, b""), unlisted),
        ("protected-broken", "a protected header that is no CBOR", auth_with(0, b"\xa1"), "malformed_cbor"),
        ("protected-twice", "the algorithm twice", auth_with(0, b"\xa2\x01\x27\x01\x27"), "duplicate_member"),
        ("unprotected-array", "an unprotected header that is an array", auth_with(1, []), broken),
        ("payload-missing", "a payload that is detached", auth_with(2, None), broken),
        ("payload-text", "a payload in text", auth_with(2, "x"), broken),
        ("signature-text", "a signature in text", auth_with(3, "x" * 64), broken),
        both("a label in both headers", "label-twice", {KID: b"1"}, {KID: b"1"}, header),
        both("an extension that must be understood", "crit", {2: [9], 9: 1}, {}, "crit_unsupported"),
        both("crit where nobody signed it", "crit-unprotected", {}, {2: [9]}, "crit_unsupported"),
        both("a place to get certificates", "x5u", {}, {35: "https://id.example"}, "header_forbidden"),
        both("no algorithm", "alg-missing", {ALG: ABSENT}, {}, unlisted),
        both("an algorithm that nobody signed", "alg-unprotected", {ALG: ABSENT}, {ALG: -8}, unlisted),
        both("an algorithm in text", "alg-text", {ALG: "EdDSA"}, {}, unlisted),
        both("an algorithm that is a float", "alg-float", {ALG: -8.0}, {}, unlisted),
        both("a MAC", "alg-mac", {ALG: 5}, {}, unlisted),
        both("an algorithm that mdoc does not have", "alg-ml-dsa", {ALG: -48}, {}, unlisted),
        both("RSA", "alg-rsa", {ALG: -37}, {}, unlisted),
        both("brainpoolP320r1", "alg-esb320", {ALG: -266}, {}, "curve_unsupported"),
        both("a kid in text", "kid-text", {}, {KID: "k1"}, header),
        both("a kid of 256 bytes", "kid-long", {}, {KID: bytes(256)}, header),
        both("a typ that is negative", "typ", {16: -1}, {}, header),
        both("no certificate", "chain-missing", {}, {X5CHAIN: ABSENT}, header),
        both("an array of no certificate", "chain-empty", {}, {X5CHAIN: []}, header),
        both("a certificate in text", "chain-text", {}, {X5CHAIN: "x"}, header),
        both("text among certificates", "chain-text-among", {}, {X5CHAIN: [LEAF, "x"]}, header),
        both("an empty certificate among others", "chain-empty-among", {}, {X5CHAIN: [LEAF, b""]}, header),
        both("a kid that is null", "kid-null", {}, {KID: None}, header),
        both("five certificates", "chain-five", {}, {X5CHAIN: [b"x"] * 5}, "limit_exceeded"),
        both("the hash of another certificate", "x5t", {}, {X5T: [-16, bytes(32)]}, header),
        both("a hash by an unknown algorithm", "x5t-hash", {}, {X5T: [-15, bytes(8)]}, header),
        ("device-alg", "a MAC as a signature", answer(device=signing(header={ALG: 5})), unlisted),
        ("device-alg-missing", "a device without an algorithm", answer(device=signing(header={ALG: ABSENT})), unlisted),
        ("mac-alg", "a signature as a MAC", answer(holder=HOLDER_P256, device=mac(header={ALG: -7})), unlisted),
        ("mac-short", "a MAC of 64 bits", answer(holder=HOLDER_P256, device=mac(header={ALG: 4})), unlisted),
    ]  # fmt: skip


def v1_bounds() -> list[dict[str, Any]]:
    two, good = {OWN: {"citizen_of_us": True, "national_of_us": True}}, response(document())
    return [
        case("v1-large", "one byte more than the bound", good, refused("V1", "input_too_large"),
             limits={"presentation_bytes": len(good) - 1}),
        case("v1-many-items", "more elements than the bound", answer(two), refused("V1", "limit_exceeded"),
             limits={"disclosures": 1}),
        case("v1-many-documents", "more documents than the bound", response(document(), document()),
             refused("V1", "limit_exceeded"), limits={"documents": 1}, operation="verify_each"),
        case("v1-receive-response", "an issuer sends no answer", good, refused("V1", "key_binding_unexpected"),
             operation="receive"),
    ]  # fmt: skip


def v2() -> list[dict[str, Any]]:
    def by(der: bytes | list[bytes], key: Key = ISSUER_KEY, header: Mapping[Any, Any] | None = None) -> bytes:
        return answer(chain=der, key=key, header=header)

    def odd(public: Any) -> bytes:
        return by(made_certificate("odd key", public, ROOT))

    middle = made_certificate("intermediate", MIDDLE.private.public_key(), ROOT, authority=True)
    no_authority = made_certificate("intermediate", MIDDLE.private.public_key(), ROOT, purposes=())
    below = leaf("below intermediate", issuer=MIDDLE)
    no, use, untrusted, late = (f"certificate_{each}" for each in "invalid use_forbidden untrusted expired".split())
    rows: Rows = [
        ("broken", "no certificate at all", by(b"broken"), no),
        ("namesake", "a root of the same name", by(NAMESAKE_DER), untrusted),
        ("foreign", "another root", by(leaf(issuer=STRANGER)), untrusted),
        ("root-sent", "the root itself is not sent", by([LEAF, ROOT_DER]), untrusted),
        ("order", "the leaf comes last", by([middle, below]), no),
        ("gap", "the intermediate is missing", by(below), untrusted),
        ("intermediate", "a leaf that the intermediate did not sign", by([leaf("below", issuer=STRANGER), middle]),
         untrusted),
        ("no-authority", "a signer as an intermediate", by([below, no_authority]), no),
        ("self-made", "a signer of its own", by(SELF_MADE, SELF_MADE_KEY), no),
        ("long", "four certificates", by([LEAF, LEAF, LEAF, LEAF]), "limit_exceeded"),
        ("critical", "a critical extension that nobody knows", by(leaf("unknown extension", unknown=True)), no),
        ("identifier", "an identifier of another key", by(leaf("key identifier", key_of_issuer=STRANGER)), no),
        ("expired", "a signer whose time is over", by(OLD_LEAF), late),
        ("not-yet", "a signer whose time has not come", by(leaf("new signer", window=(NOW + 1, NOW + DAY))), late),
        ("purpose-missing", "no extended key usage", by(leaf("no purpose", purposes=())), use),
        ("purpose-tls", "a purpose of TLS", by(leaf("tls", purposes=["1.3.6.1.5.5.7.3.1"])), use),
        ("purpose-any", "any purpose", by(leaf("any purpose", purposes=["2.5.29.37.0", SIGNER])), use),
        ("purpose-reader", "the purpose of a reader", by(leaf("reader", purposes=[READER])), use),
        ("purpose-quiet", "a purpose that is not critical", by(leaf("quiet purpose", purpose_critical=False)), use),
        ("usage", "a key that is for agreement", by(leaf("agreement", usage=["key_agreement"])), use),
        ("usage-more", "a key that is for more than signatures",
         by(leaf("more usage", usage=["digital_signature", "key_agreement"])), use),
        ("usage-authority", "a signer that may issue", by(leaf("issuing", usage=["digital_signature",
                                                                              "key_cert_sign"])), use),
        ("authority", "an authority as a signer", by(made_certificate(
            "authority", ISSUER_KEY.private.public_key(), ROOT, authority=True, usage=["digital_signature"],
            purposes=[SIGNER])), use),
        ("country", "a signer of another country", by(leaf("another country", country="FR")),
         "certificate_country_mismatch"),
        ("country-missing", "a signer of no country", by(leaf("no country", country=None)),
         "certificate_country_mismatch"),
        ("key-rsa", "a key of RSA", odd(rsa_key()), "key_invalid"),
        ("key-small", "a curve of 192 bits", odd(small_curve()), "key_invalid"),
        ("key-curve", "secp256k1", odd(other_curve()), "key_invalid"),
    ]  # fmt: skip
    by_anchor = {
        "keys": ("an issuer that is known by keys alone", untrusted),
        "other-signer": ("a signer that is not the one that is pinned", untrusted),
        "path-length-0": ("an intermediate where none may be", no),
        "old-root": ("a root whose time is over", late),
        "root-of-a-state": ("a signer of another state", "certificate_country_mismatch"),
        "future": ("an anchor that is not trusted yet", "anchor_not_yet_valid"),
        "past": ("an anchor whose time is over", "anchor_expired"),
        "revoking-crl": ("a signer that a CRL lists", "certificate_revoked"),
        "old-crl": ("a CRL whose time is over", "crl_unusable"),
        "foreign-crl": ("a CRL of somebody else", "crl_unusable"),
        "forged-crl": ("a CRL by another key under the name of the root", "crl_unusable"),
        "numberless-crl": ("a CRL without a number", "crl_unusable"),
        "delta-crl": ("a CRL of changes alone", "crl_unusable"),
    }
    elsewhere = leaf("another state", state="Utah", issuer_state="Ohio")
    inputs = {"path-length-0": by([below, middle]), "root-of-a-state": by(elsewhere)}
    return [
        *at("V2", rows),
        *(case(f"v2-{name}", title, inputs.get(name, response(document())), refused("V2", reason),
               anchors=[name, STATUS]) for name, (title, reason) in by_anchor.items()),
        case("v2-expired-signer", "a pinned signer whose time is over", by(OLD_LEAF), refused("V2", late),
             anchors=["expired-signer", STATUS]),
    ]  # fmt: skip


def v3() -> Rows:
    other = document(mso={"status": status_claim(VALID, "https://id.example/status/2")})
    good = document()["issuerSigned"]["issuerAuth"]
    wrong = "signature_invalid"
    p256 = leaf("ES256 signer", ISSUER_P256)
    return [
        ("signature", "the signature of another payload",
         auth_with(3, other["issuerSigned"]["issuerAuth"][3]), wrong),
        ("payload", "another payload", auth_with(2, other["issuerSigned"]["issuerAuth"][2]), wrong),
        ("stranger", "signed by somebody else", answer(key=STRANGER), wrong),
        ("short", "a signature of 63 bytes", auth_with(3, good[3][:63]), "signature_malformed"),
        ("empty", "no signature", auth_with(3, b""), "signature_malformed"),
        ("alg-other", "the algorithm of another key", answer(header={ALG: -9}), "algorithm_mismatch"),
        ("alg-curve", "-35 with a key on P-256", answer(key=ISSUER_P256, chain=p256, header={ALG: -35}),
         "algorithm_mismatch"),
        ("alg-brainpool", "-265 with a key on P-256", answer(key=ISSUER_P256, chain=p256, header={ALG: -265}),
         "algorithm_mismatch"),
        ("alg-edwards", "Ed448 with a key of Ed25519", answer(header={ALG: -53}), "algorithm_mismatch"),
        ("header-changed", "a header that was not signed", auth_with(0, enc({ALG: -8, KID: b"1"})), wrong),
    ]  # fmt: skip


def v4_items() -> Rows:
    def shows(*listed: bytes) -> bytes:
        return answer(items={OWN: list(listed)})

    def other(number: Any = 0, name: Any = "citizen_of_us", value: Any = True, **changes: Any) -> bytes:
        # The digest of the odd item stands in the list: what is odd about it is the one fault.
        made = item(number, name, value, **changes)
        places = {OWN: {number if type(number) is int else 0: digests({OWN: [made]})[OWN][0]}}
        return answer(mso={"valueDigests": places}, items={OWN: [made]})

    made = items_of(CITIZEN)[OWN][0]
    france = item(0, "citizen_of_fr", True)
    clash = [item(0, "citizen_of_us", True), item(1, "citizen_of_us", False)]
    odd, form = "disclosure_malformed", "malformed_cbor"
    return [
        ("digest", "an element that was changed", answer(items={OWN: [made]}, shown={OWN: [france]}),
         "digest_mismatch"),
        ("digest-random", "a random value that was changed",
         answer(items={OWN: [made]}, shown={OWN: [item(0, "citizen_of_us", True, random=bytes(16))]}),
         "digest_mismatch"),
        ("digest-without-tag", "a digest over the item without its tag",
         answer(mso={"valueDigests": {OWN: {0: hashlib.sha256(made).digest()}}}), "digest_mismatch"),
        ("unreferenced", "an element of no digest", answer(items={OWN: [made]}, shown={OWN: [made, item(1, "x", 1)]}),
         "disclosure_unreferenced"),
        ("namespace", "an element in another namespace", answer(items={OWN: [made]}, shown={PID: [made]}),
         "disclosure_unreferenced"),
        ("digest-none", "a digest that is null", answer(mso={"valueDigests": {OWN: {0: None}}}),
         "disclosure_unreferenced"),
        ("twice", "an item twice", answer(items={OWN: [made]}, shown={OWN: [made, made]}), "disclosure_duplicate"),
        ("clash", "two values of one element", shows(*clash), "disclosure_clash"),
        ("id-negative", "a digestID below zero", other(-1), odd),
        ("id-large", "a digestID of 2^32", other(2**32), odd),
        ("id-true", "a digestID that is a boolean", other(False), odd),
        ("random-short", "15 random bytes", other(random=bytes(15)), odd),
        ("random-text", "random text", other(random="x" * 32), odd),
        ("random-missing", "nothing random", other(random=ABSENT), odd),
        ("name-number", "an element whose name is a number", other(name=1), odd),
        ("value-missing", "an element without a value", other(elementValue=ABSENT), odd),
        ("item-array", "an item that is an array", shows(enc([0, bytes(16), "citizen_of_us", True])), odd),
        ("item-broken", "an item that is no CBOR", shows(b"\xff"), form),
        ("item-trailing", "a byte behind an item", shows(made + b"\x00"), form),
        ("item-twice-embedded", "an item that is embedded twice", shows(enc(embedded(made))), form),
        ("item-duplicate", "two values in one item", shows(replaced(made, b"\xa4", b"\xa5\x6celementValue\xf4")),
         "duplicate_member"),
        ("item-deep", "an element of twenty arrays in each other",
         shows(item(0, "x", 0)[:-1] + b"\x81" * 20 + b"\x00"), "depth_exceeded"),
        ("item-indefinite", "an element of indefinite length", shows(item(0, "x", 0)[:-1] + b"\x9f\xff"), form),
        ("item-tag", "an element under a tag that is no date's", shows(item(0, "x", CBORTag(37, bytes(16)))), form),
        ("item-date", "a date that is a number", shows(item(0, "x", [CBORTag(0, 1)])), "claim_invalid"),
    ]  # fmt: skip


def v4_mso() -> Rows:
    def mso(**changes: Any) -> bytes:
        return answer(mso=changes)

    def times(**changes: Any) -> bytes:
        return mso(validityInfo={**validity(), **changes})

    def until(text: Any) -> bytes:
        return times(validUntil=CBORTag(0, text))

    def info(**changes: Any) -> bytes:
        return mso(deviceKeyInfo={"deviceKey": HOLDER.cose, **changes})

    def allowing(**changes: Any) -> bytes:
        return info(keyAuthorizations=changes)

    missing, odd, form = "claim_missing", "claim_invalid", "malformed_token"
    hash_ = "hash_algorithm_not_allowed"
    good = {name: value for name, value in validity().items() if name != "validFrom"}
    return [
        ("payload-untagged", "a payload that is not embedded", answer(payload=enc({"version": "1.0"})), form),
        ("payload-tag-text", "a payload whose tag holds text", answer(payload=enc(CBORTag(24, "x"))), form),
        ("payload-broken", "a payload that is no CBOR", answer(payload=b"\xff"), "malformed_cbor"),
        ("mso-array", "an object that is an array", answer(mso=enc([1])), form),
        ("mso-trailing", "a byte behind the object", answer(mso=enc({}) + b"\x00"), "malformed_cbor"),
        ("mso-twice", "a version twice", answer(mso=b"\xa2" + (enc("version") + enc("1.0")) * 2), "duplicate_member"),
        ("version-missing", "no version", mso(version=ABSENT), missing),
        ("version-2", "version 2.0", mso(version="2.0"), "version_unsupported"),
        ("hash-missing", "no digest algorithm", mso(digestAlgorithm=ABSENT), missing),
        ("hash-old", "SHA-1", mso(digestAlgorithm="SHA-1"), hash_),
        ("hash-case", "names are case-sensitive", mso(digestAlgorithm="sha-256"), hash_),
        ("hash-number", "a digest algorithm by its number", mso(digestAlgorithm=-16), odd),
        ("type-missing", "no docType", mso(docType=ABSENT), missing),
        ("type-empty", "an empty docType", mso(docType=""), odd),
        ("digests-missing", "no digests", mso(valueDigests=ABSENT), missing),
        ("digests-array", "digests in an array", mso(valueDigests=[]), odd),
        ("digests-of-namespace", "digests of a namespace in an array", mso(valueDigests={OWN: []}), odd),
        ("times-missing", "no validity", mso(validityInfo=ABSENT), missing),
        ("times-incomplete", "no beginning", mso(validityInfo=good), missing),
        ("times-order", "an end before the beginning", mso(validityInfo=validity(ends=NOW - 61 - 1)), odd),
        ("time-untagged", "a time without its tag", times(validUntil="2028-01-01T00:00:00Z"), odd),
        ("time-number", "a time in seconds", times(validUntil=CBORTag(0, NOW + DAY)), odd),
        ("time-date", "a day", times(validUntil=CBORTag(1004, "2028-01-01")), odd),
        ("time-fraction", "a fraction of a second", until("2028-01-01T00:00:00.5Z"), odd),
        ("time-offset", "a time of another zone", until("2028-01-01T00:00:00+00:00"), odd),
        ("time-lower-case", "a time in lower case", until("2028-01-01t00:00:00z"), odd),
        ("time-leap", "a leap second", until("2028-06-30T23:59:60Z"), odd),
        ("time-no-day", "the 30th of February", until("2028-02-30T00:00:00Z"), odd),
        ("time-update", "an update at no time", times(expectedUpdate="soon"), odd),
        ("key-info-missing", "no holder", mso(deviceKeyInfo=ABSENT), missing),
        ("key-missing", "no key of the holder", mso(deviceKeyInfo={}), "key_invalid"),
        ("key-private", "a private key", info(deviceKey={**HOLDER.cose, -4: bytes(32)}), "key_invalid"),
        ("key-short", "a key of 31 bytes", info(deviceKey={**HOLDER.cose, -2: HOLDER.cose[-2][:31]}), "key_invalid"),
        ("key-small-order", "a key of small order", info(deviceKey={**HOLDER.cose, -2: bytes(32)}), "key_invalid"),
        ("key-off-curve", "a point beside its curve", info(deviceKey={**HOLDER_P256.cose, -3: bytes(32)}),
         "key_invalid"),
        ("key-no-curve", "a curve that nobody knows", info(deviceKey={**HOLDER.cose, -1: 99}), "key_invalid"),
        ("key-type-text", "a type of key in text", info(deviceKey={**HOLDER.cose, 1: "OKP"}), "key_invalid"),
        ("key-alg", "a key for another algorithm", info(deviceKey={**HOLDER.cose, 3: -7}), "key_invalid"),
        ("key-curve", "brainpoolP320r1", info(deviceKey={1: 2, -1: 257, -2: bytes(40), -3: bytes(40)}),
         "curve_unsupported"),
        ("key-use", "a key that agrees on keys", info(deviceKey={**HOLDER.cose, 4: [7]}), "key_use_forbidden"),
        ("authorisation-empty", "a permission for nothing", allowing(), odd),
        ("authorisation-twice", "a namespace as a whole and by elements",
         allowing(nameSpaces=[OWN], dataElements={OWN: ["sex"]}), odd),
        ("authorisation-none", "a permission for no element", allowing(dataElements={OWN: []}), odd),
        ("authorisation-text", "a permission in text", allowing(nameSpaces=OWN), odd),
        ("authorisation-number", "a permission for a namespace that is a number", allowing(nameSpaces=[1]), odd),
        ("authorisation-name", "a permission for an element that is a number",
         allowing(dataElements={OWN: [1]}), odd),
        ("authorisation-array", "a permission in an array", allowing(dataElements=[OWN]), odd),
        ("status-text", "a status in text", mso(status="valid"), odd),
        ("status-empty", "a status of nothing", mso(status={}), odd),
        ("status-mechanism", "a mechanism that we cannot ask", mso(status={**status_claim(VALID), "x": {}}),
         "status_mechanism_unknown"),
        ("status-list-text", "a list in text", mso(status={"status_list": "x"}), odd),
        ("status-index", "an index below zero", mso(status=status_claim(-1)), odd),
        ("status-uri", "no list", mso(status={"status_list": {"idx": VALID}}), odd),
        ("status-certificate", "a certificate that is null",
         mso(status={"status_list": {**status_claim(VALID)["status_list"], "certificate": None}}), odd),
        ("status-identifier", "an identifier in text",
         mso(status={"identifier_list": {"id": "x", "uri": "https://id.example/list"}}), odd),
    ]  # fmt: skip


THIRTY_THREE: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT".split()
)


def v4_countries() -> Rows:
    def own(**elements: Any) -> bytes:
        return answer({OWN: elements})

    def photo(code: Any) -> bytes:
        return answer({PHOTO: {"nationality": code}}, doc_type=PHOTO_TYPE)

    no, odd = "country_invalid", "claim_invalid"
    return [
        ("country-unknown", "a code that is no country", photo("XX"), no),
        ("country-lower-case", "a code in lower case", photo("us"), no),
        ("country-fullwidth", "letters that look alike", photo("\uff35\uff33"), no),
        ("country-number", "a country by its number", photo(840), no),
        ("country-bytes", "a country in bytes", photo(b"US"), no),
        ("country-map", "a country in a map", photo({"code": "US"}), no),
        ("country-twice", "a country twice", photo(["US", "US"]), no),
        ("country-many", "33 countries", photo(THIRTY_THREE), no),
        ("element-unknown", "an element of no country", own(citizen_of_xx=True), no),
        ("element-upper-case", "an element in upper case", own(citizen_of_US=True), no),
        ("element-alpha-3", "an element of three letters", own(national_of_usa=True), no),
        ("element-nothing", "an element of nothing", own(national_of_=True), no),
        ("element-number", "an element that is 1", own(citizen_of_us=1), odd),
        ("element-text", "an element that is text", own(citizen_of_us="true"), odd),
        ("list-alpha-3", "a list of three letters", own(nationalities=["USA"]), no),
        ("list-text", "a list that is none", own(nationalities="US"), no),
        ("list-map", "a list in a map", own(nationalities={"US": True}), no),
        ("list-many", "33 countries in a list", own(nationalities=THIRTY_THREE), no),
        ("complete-number", "completeness as a number", own(nationalities=["US"], nationalities_complete=1), odd),
        ("assurance-number", "an assurance that is a number", own(assurance=1), odd),
        ("assurance", "an assurance without a level", own(assurance={"framework": "eIDAS"}), odd),
        *((f"evidence-{id}", title, own(citizen_of_us=True, evidence_checked_at=value), odd)
          for id, title, value in odd_evidence()),
    ]  # fmt: skip


def odd_evidence() -> list[tuple[str, str, Any]]:
    text = date(NOW - DAY).value
    return [
        ("number", "a time of the evidence as a number", NOW - DAY),
        ("boolean", "a time of the evidence that is true", True),
        ("null", "a time of the evidence that is null", None),
        ("text", "a time of the evidence in text without a tag", text),
        ("full-date", "a day in place of a time of the evidence", CBORTag(1004, text[:10])),
        ("tag-1004", "a time of the evidence under the tag of a day", CBORTag(1004, text)),
        ("fraction", "a time of the evidence with a fraction of a second", CBORTag(0, text[:-1] + ".5Z")),
        ("offset", "a time of the evidence with an offset", CBORTag(0, text[:-1] + "+00:00")),
        ("before-1970", "a time of the evidence before 1970", CBORTag(0, "1969-12-31T23:59:59Z")),
        ("array", "a time of the evidence in an array", [date(NOW - DAY)]),
        ("after", "31 seconds after the signing: it was not checked before it was issued", date(NOW - 29)),
    ]


def v5_and_v6() -> list[dict[str, Any]]:
    young = leaf("young signer", window=(NOW - 59, NOW + DAY))
    late = leaf("late signer", window=(NOW - 10, NOW + DAY))
    of_a_state = leaf("signer of a state", state="US-OH")
    outside = "signed_outside_certificate"
    return [
        case("v4-many-digests", "more digests than the bound", answer({OWN: {"a": 1, "b": 2}}),
             refused("V4", "limit_exceeded"), limits={"digests": 1}),
        case("v5-format", "a format that the anchor may not use", response(document()),
             refused("V5", "format_not_allowed"), anchors=["sd-cwt-alone", STATUS]),
        case("v5-type", "a type that the anchor may not attest", response(document()),
             refused("V5", "type_not_allowed"), anchors=["other-type", STATUS]),
        case("v5-country", "a country that the anchor may not attest", response(document()),
             refused("V5", "country_not_allowed"), anchors=["germany", STATUS]),
        *at("V5", [("declared", "another type outside of the signature",
                    spoiled(lambda made: made.__setitem__("docType", MDL_TYPE)), "type_not_allowed"),
                   ("issuing-country", "issued in the name of another country than the signer's",
                    answer({PID: {"nationality": ["US"], "issuing_country": "FR"}}), "issuer_mismatch"),
                   ("issuing-jurisdiction", "issued in the name of another state than the signer's",
                    answer({PID: {"nationality": ["US"], "issuing_jurisdiction": "US-UT"}}, chain=of_a_state),
                    "issuer_mismatch")]),
        *at("V6", [
            ("future", "signed in the future", answer(mso={"validityInfo": validity(NOW + 31, begins=NOW)}),
             "issued_in_future"),
            ("evidence-after", "checked 31 seconds ahead, within the skew of a signing that is itself ahead",
             answer({OWN: {"citizen_of_us": True, "evidence_checked_at": date(NOW + 31)}},
                    mso={"validityInfo": validity(NOW + 30, begins=NOW)}), "issued_in_future"),
            ("not-yet", "valid in a second: no skew excuses it",
             answer(mso={"validityInfo": validity(begins=NOW + 1)}), "not_yet_valid"),
            ("expired", "validUntil was a second ago", answer(mso={"validityInfo": validity(ends=NOW - 1)}),
             "expired"),
            ("signed-before", "signed a second before the signer was certified", answer(chain=young), outside),
            ("signed-late", "signed long before the signer was certified", answer(chain=late), outside),
            ("signed-after", "signed a second after the certificate's last one",
             answer(chain=leaf("short signer", window=(NOW - DAY, NOW + 5)),
                    mso={"validityInfo": validity(NOW + 6, begins=NOW)}), outside),
        ]),
    ]  # fmt: skip


def of_the_holder() -> list[dict[str, Any]]:
    names = enc({OWN: {"citizen_of_us": True}})
    sex = enc({OWN: {"sex": 1}})
    missing, mine, form = "key_binding_missing", "device_element_not_authorized", "malformed_token"
    wrong = "signature_invalid"
    only = {"deviceKeyInfo": {"deviceKey": HOLDER.cose, "keyAuthorizations": {"dataElements": {OWN: ["sex"]}}}}

    def device(value: Any) -> bytes:
        return spoiled(lambda made: made.__setitem__("deviceSigned", value))

    def states(content: bytes) -> bytes:
        return answer(mso=only, device=signing(names=content))

    v7: Rows = [
        ("no-device", "an issuer's part alone", spoiled(lambda made: made.pop("deviceSigned")), missing),
        ("no-proof", "a device without a proof", device({"nameSpaces": embedded(b"\xa0")}), missing),
        ("empty-proof", "a proof of nothing", device(device_part({})), missing),
        ("attached", "another payload came along", answer(device=signing(attached=lambda signed: signed + b"\x00")),
         wrong),
        ("attached-transcript", "the payload of another session",
         answer(device=signing(attached=lambda signed: signed[:-1] + b"\xa1")), wrong),
        ("reader-key", "a MAC, and no key to agree with", answer(holder=HOLDER_P256, device=mac()),
         "reader_key_missing"),
        ("element", "an element that nobody has authorised", answer(device=signing(names=sex)), mine),
        ("element-citizen", "a citizenship by the device's own word", states(names), mine),
        ("element-namespace", "an authorised element in another namespace", states(enc({PID: {"sex": 1}})), mine),
        ("element-name", "an element whose name is a number", states(enc({OWN: {1: 1}})), mine),
        ("elements-array", "elements in an array", states(enc([1])), form),
        ("elements-empty", "a namespace without an element", states(enc({OWN: {}})), form),
        ("elements-array-inside", "elements of a namespace in an array", states(enc({OWN: ["sex"]})), form),
        ("elements-namespace", "a namespace that is a number", states(enc({1: {"sex": 1}})), form),
        ("elements-broken", "elements that are no CBOR", states(b"\xff"), "malformed_cbor"),
    ]  # fmt: skip
    good = document()
    proof = good["deviceSigned"]["deviceAuth"]["deviceSignature"]
    short = device(device_part({"deviceSignature": [*proof[:3], proof[3][:63]]}))
    added = device({"nameSpaces": embedded(sex), "deviceAuth": good["deviceSigned"]["deviceAuth"]})
    p256 = document(holder=HOLDER_P256, device=mac(reader=OTHER_READER))
    v8: Rows = [
        ("nonce", "the transcript of another nonce", answer(device=signing(dc_api(nonce=NONCE[::-1]))), wrong),
        ("origin", "the transcript of another origin",
         answer(device=signing(dc_api("https://gateway.example.evil"))), wrong),
        ("thumbprint", "an answer that was to be encrypted", answer(device=signing(dc_api(thumbprint=bytes(32)))),
         wrong),
        ("handover", "the transcript of another protocol", answer(
            device=signing(handed_over("OpenID4VPHandover", [ORIGIN, NONCE, None, ORIGIN]))), wrong),
        ("doc-type", "signed for another docType", answer(device=signing(doc_type=PID)), wrong),
        ("stranger", "signed by somebody else", answer(device=signing(key=STRANGER)), wrong),
        ("short", "a signature of 63 bytes", short, "signature_malformed"),
        ("alg", "the algorithm of another key", answer(device=signing(header={ALG: -7})), "algorithm_mismatch"),
        ("alg-curve", "-35 with a key on brainpoolP256r1",
         answer(holder=HOLDER_BRAINPOOL, device=signing(key=HOLDER_BRAINPOOL, header={ALG: -35})),
         "algorithm_mismatch"),
    ]  # fmt: skip
    macs: Rows = [
        ("mac-reader", "a MAC for another reader", response(p256), wrong),
        ("mac-short", "a MAC that is cut", answer(holder=HOLDER_P256, device=mac(size=16)), "signature_malformed"),
        ("mac-curve", "a MAC by a key on another curve", answer(holder=HOLDER_BRAINPOOL, device=mac()), wrong),
        ("mac-kind", "a MAC by a key that signs", answer(holder=HOLDER, device=mac()), wrong),
    ]  # fmt: skip
    authorised = [("elements-added", "an element that was added afterwards", response(
        edited(document(mso=only), lambda made: made.__setitem__("deviceSigned", {
            "nameSpaces": embedded(sex), "deviceAuth": made["deviceSigned"]["deviceAuth"]}))), wrong)]  # fmt: skip
    return [
        *at("V7", v7),
        *at("V7", [("elements-added", "an element that was added, and nobody has authorised", added, mine)]),
        case("v7-nonce-bytes", "a nonce in bytes: these protocols carry text", response(good),
             refused("V7", "nonce_mismatch"), challenge={**CHALLENGE, "nonce": {"bytes": b64(NONCE.encode())}}),
        case("v7-transcript", "a transcript of the caller's that is none", response(good),
             refused("challenge", "challenge_invalid"),
             challenge=asked({"kind": "transcript", "transcript": b64(enc([None, None]))})),
        case("v7-transcript-broken", "a transcript of the caller's that is no CBOR", response(good),
             refused("challenge", "challenge_invalid"),
             challenge=asked({"kind": "transcript", "transcript": b64(b"\xff")})),
        *at("V8", [*v8, *authorised]),
        *at("V8", macs, reader_key=READER_KEY.to_json()),
    ]  # fmt: skip


def v9() -> list[dict[str, Any]]:
    def status(index: int, uri: str = LISTS["list"]["uri"]) -> bytes:
        return answer(mso={"status": status_claim(index, uri)})

    good = response(document())
    listed = {**status_claim(VALID)["status_list"], "certificate": LEAF}
    rows: Rows = [
        ("missing", "valid for a second over 24 hours, and no status",
         answer(mso={"status": ABSENT, "validityInfo": validity(ends=NOW - 60 + DAY)}), "status_missing"),
        ("index", "an index behind the end of the list", status(16), "status_index_out_of_range"),
        ("revoked", "revoked", status(REVOKED), "revoked"),
        ("suspended", "suspended", status(SUSPENDED), "suspended"),
        ("other", "a status that is none of ours", status(OTHER), "status_not_valid"),
    ]  # fmt: skip
    return [
        *at("V9", rows),
        case("v9-unavailable", "a list that is not at hand", good, need("status_list_unavailable"), status_lists=[]),
        case("v9-stale", "a list past its time to live", good, need("status_list_stale"), now=NOW + 43_200),
        case("v9-other-signer", "the list of another issuer does not count", good, need("status_list_unavailable"),
             anchors=["other-status-issuer", STATUS]),
        case("v9-certificate", "a list that must be signed under a certificate of its own",
             answer(mso={"status": {"status_list": listed}}), need("status_list_unavailable")),
    ]  # fmt: skip


USED: Final = (HOLDER_BRAINPOOL, HOLDER_448, ISSUER_BRAINPOOL, READER_KEY, READER_BRAINPOOL, OTHER_READER, ROOT, MIDDLE)


def mdoc() -> dict[str, Any]:
    cases = [
        *accepts(),
        *at("V1", [*v1_cbor(), *v1_response(), *v1_cose()]),
        *v1_bounds(),
        *v2(),
        *at("V3", v3()),
        *at("V4", [*v4_items(), *v4_mso(), *v4_countries()]),
        *v5_and_v6(),
        *of_the_holder(),
        *v9(),
    ]
    keys = {f"{key.name}/{key.algorithm}": key.to_json() for key in (*KEYS, *USED)}
    return {"keys": keys, "anchors": ANCHORS, "status_lists": LISTS, "cases": cases}
