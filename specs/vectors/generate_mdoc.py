"""Makes mdoc.json: DeviceResponses, each with the verdict that it must get (ISO/IEC 18013-5)."""

from __future__ import annotations

import datetime
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from cbor2 import CBORTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from generate_cbor import (
    ALG,
    KID,
    LEAF,
    MIDDLE,
    NAMESAKE,
    NUMBERS,
    ROOT,
    ROOT_DER,
    X5CHAIN,
    X5T,
    anchored,
    case_of,
    crl,
    embedded,
    enc,
    leaf,
    made_certificate,
    pem,
    root,
    sign1,
    valid_as,
)  # fmt: skip
from shared import (
    ABSENT,
    DAY,
    HOLDER,
    HOLDER_P256,
    ISSUER,
    ISSUER_KEY,
    ISSUER_P256,
    NONCE,
    NOW,
    REVOKED,
    STATUS_KEY,
    STRANGER,
    VALID,
    Key,
    b64,
    changed,
    jwks,
    refused,
    status_claim,
)  # fmt: skip

OWN: Final = "org.citizenid.citizenship.1"
PID: Final = "eu.europa.ec.eudi.pid.1"
MDL_TYPE, MDL = "org.iso.18013.5.1.mDL", "org.iso.18013.5.1"
PHOTO_TYPE, PHOTO_OLD, PHOTO = "org.iso.23220.photoid.1", "org.iso.23220.photoID.1", "org.iso.23220.1"
TYPES: Final = (OWN, PID, MDL_TYPE, PHOTO_TYPE, PHOTO_OLD)
ORIGIN: Final = "https://gateway.example"
CHALLENGE: Final = {"audience": "origin:" + ORIGIN, "nonce": NONCE, "max_age_s": 300}
HOLDER_BRAINPOOL: Final = Key("holder", "ESB256")
HOLDER_448: Final = Key("holder", "Ed448")
READER_KEY: Final = Key("reader", "ES256")
READER_BRAINPOOL: Final = Key("reader", "ESB256")
OTHER_READER: Final = Key("another reader", "ES256")
ISSUER_BRAINPOOL: Final = Key("issuer", "ESB256")
CITIZEN: Final = {OWN: {"citizen_of_us": True}}
Elements = Mapping[str, Mapping[str, Any]]
Edit = Callable[[dict[str, Any]], Any]


# --- the issuer's half ---


def date(moment: int) -> CBORTag:
    return CBORTag(0, datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def item(number: Any, name: Any, value: Any, **changes: Any) -> bytes:
    random = hashlib.sha256(f"{number}/{name}".encode()).digest()[:16]
    good = {"digestID": number, "random": random, "elementIdentifier": name, "elementValue": value}
    return enc(changed(good, changes))


def items_of(elements: Elements) -> dict[str, list[bytes]]:
    return {
        namespace: [item(number, name, value) for number, (name, value) in enumerate(each.items())]
        for namespace, each in elements.items()
    }


def digests(items: Mapping[str, Iterable[bytes]], algorithm: str = "sha256") -> dict[str, dict[int, bytes]]:
    return {
        namespace: {number: hashlib.new(algorithm, enc(embedded(each))).digest() for number, each in enumerate(listed)}
        for namespace, listed in items.items()
    }


def validity(signed: int = NOW - 60, begins: int | None = None, ends: int = NOW + 30 * DAY) -> dict[str, Any]:
    return {"signed": date(signed), "validFrom": date(signed if begins is None else begins), "validUntil": date(ends)}


def document(
    elements: Elements = CITIZEN,
    mso: Mapping[str, Any] | bytes | None = None,
    *,
    doc_type: str = OWN,
    items: dict[str, list[bytes]] | None = None,
    shown: Mapping[str, list[bytes]] | None = None,
    key: Key = ISSUER_KEY,
    chain: Any = LEAF,
    header: Mapping[Any, Any] | bytes | None = None,
    unprotected: Mapping[Any, Any] | None = None,
    payload: bytes | None = None,
    holder: Key = HOLDER,
    device: Callable[[str], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return one document, as a dict that a case may damage.

    Args:
        elements: by namespace.
        mso: what is otherwise in the MobileSecurityObject, or all of its bytes.
        doc_type: inside and outside.
        items: what the digests are made of, in place of `elements`.
        shown: what is sent, in place of all of that.
        key: of who signs.
        chain: his certificate, or an array of certificates.
        header: what is otherwise in the protected header.
        unprotected: what is otherwise in the unprotected one.
        payload: in place of the MobileSecurityObject under its tag.
        holder: whose key is in the MobileSecurityObject.
        device: makes DeviceSigned; by default with the holder's key.
    """
    made = items_of(elements) if items is None else items
    good = {
        "version": "1.0",
        "digestAlgorithm": "SHA-256",
        "valueDigests": digests(made),
        "deviceKeyInfo": {"deviceKey": holder.cose},
        "docType": doc_type,
        "validityInfo": validity(),
        "status": status_claim(VALID),
    }
    stated = changed(good, mso)
    signed = enc(embedded(stated if isinstance(stated, bytes) else enc(stated))) if payload is None else payload
    protected = changed({ALG: NUMBERS[key.algorithm]}, header)
    auth = sign1(protected, changed({X5CHAIN: chain}, unprotected), signed, key)
    spaces = {name: [embedded(each) for each in listed] for name, listed in (made if shown is None else shown).items()}
    return {
        "docType": doc_type,
        "issuerSigned": {"nameSpaces": spaces, "issuerAuth": auth},
        "deviceSigned": (device or signing(key=holder))(doc_type),
    }


def edited(made: dict[str, Any], *edits: Edit) -> dict[str, Any]:
    for edit in edits:
        edit(made)
    return made


def response(*documents: dict[str, Any], **changes: Any) -> bytes:
    return enc(changed({"version": "1.0", "documents": list(documents), "status": 0}, changes))


def answer(*arguments: Any, **changes: Any) -> bytes:
    return response(document(*arguments, **changes))


def spoiled(*edits: Edit) -> bytes:
    """Return a good answer with something done to its document, outside of what is signed."""
    return response(edited(document(), *edits))


def auth_with(position: int, value: Any) -> bytes:
    return spoiled(lambda made: made["issuerSigned"]["issuerAuth"].__setitem__(position, value))


# --- the holder's half ---


def handed_over(name: str, stated: list[Any]) -> bytes:
    return enc([None, None, [name, hashlib.sha256(enc(stated)).digest()]])


def dc_api(origin: str = ORIGIN, nonce: str = NONCE, thumbprint: bytes | None = None) -> bytes:
    return handed_over("OpenID4VPDCAPIHandover", [origin, nonce, thumbprint])


TRANSCRIPT: Final = dc_api()


def device_part(auth: Any, names: bytes = b"\xa0") -> dict[str, Any]:
    return {"nameSpaces": embedded(names), "deviceAuth": auth}


def authentication(doc_type: str, transcript: bytes, names: bytes) -> bytes:
    inner = b"\x84" + enc("DeviceAuthentication") + transcript + enc(doc_type) + enc(embedded(names))
    return enc(embedded(inner))


def signing(
    transcript: bytes = TRANSCRIPT,
    *,
    key: Key = HOLDER,
    names: bytes = b"\xa0",
    doc_type: str | None = None,
    header: Mapping[Any, Any] | bytes | None = None,
    attached: Callable[[bytes], bytes] | None = None,
) -> Callable[[str], dict[str, Any]]:
    def make(declared: str) -> dict[str, Any]:
        signed = authentication(doc_type or declared, transcript, names)
        protected = changed({ALG: NUMBERS[key.algorithm]}, header)
        sent = None if attached is None else attached(signed)
        signature = sign1(protected, {}, None, key, signed)
        return device_part({"deviceSignature": [*signature[:2], sent, signature[3]]}, names)

    return make


def mac(
    *, key: Key = HOLDER_P256, reader: Key = READER_KEY, header: Mapping[Any, Any] | None = None, size: int = 32
) -> Callable[[str], dict[str, Any]]:
    def make(doc_type: str) -> dict[str, Any]:
        shared = key.private.exchange(ec.ECDH(), reader.private.public_key())
        salt = hashlib.sha256(enc(embedded(TRANSCRIPT))).digest()
        secret = HKDF(hashes.SHA256(), 32, salt=salt, info=b"EMacKey").derive(shared)
        protected = enc(changed({ALG: 5}, header))
        authenticated = enc(["MAC0", protected, b"", authentication(doc_type, TRANSCRIPT, b"\xa0")])
        return device_part(
            {"deviceMac": [protected, {}, None, hmac.new(secret, authenticated, "sha256").digest()[:size]]}
        )

    return make


# --- anchors and verdicts ---


def trusted(**changes: Any) -> dict[str, Any]:
    return anchored("mso_mdoc", TYPES, {"certificates": pem(ROOT_DER)}, **changes)


def by_signer(der: bytes) -> dict[str, Any]:
    return trusted(certificates=ABSENT, document_signers=pem(der))


OLD_LEAF: Final = leaf("expired signer", window=(NOW - 30 * DAY, NOW - 1))
ANCHORS: Final[dict[str, dict[str, Any]]] = {
    "root": trusted(),
    "status": {"issuer": ISSUER, "purpose": "status_list", "jwks": jwks((STATUS_KEY, "s1"))},
    "keys": anchored("mso_mdoc", TYPES, {"jwks": jwks((ISSUER_KEY, "k1"))}, formats=["mso_mdoc", "sd-cwt"]),
    "signer": by_signer(LEAF),
    "expired-signer": by_signer(OLD_LEAF),
    "other-signer": by_signer(leaf("another signer")),
    "path-length-0": trusted(certificates=pem(root(ROOT, path=0))),
    "old-root": trusted(certificates=pem(root(ROOT, window=(NOW - 365 * DAY, NOW - 1)))),
    "root-of-a-state": trusted(certificates=pem(root(ROOT, state="Ohio"))),
    "current-crl": trusted(crls=[b64(crl(["someone else"]))]),
    "revoking-crl": trusted(crls=[b64(crl(["document signer"]))]),
    "old-crl": trusted(crls=[b64(crl(window=(NOW - 2 * DAY, NOW - 1)))]),
    "foreign-crl": trusted(crls=[b64(crl(issuer=STRANGER))]),
    "forged-crl": trusted(crls=[b64(crl(issuer=NAMESAKE))]),
    "numberless-crl": trusted(crls=[b64(crl(number=False))]),
    "delta-crl": trusted(crls=[b64(crl(delta=True))]),
    "future": trusted(not_before=NOW + 1),
    "past": trusted(not_after=NOW),
    "sd-cwt-alone": trusted(formats=["sd-cwt"]),
    "other-type": trusted(types=[PID]),
    "germany": trusted(countries=["DE"]),
    "other-status-issuer": trusted(status_issuer="https://status.example"),
}
NAMESAKE_DER: Final = leaf(issuer=NAMESAKE)  # signed by another key under the name of the root
STATUS: Final = "status"
case: Final = case_of(
    {
        "operation": "verify",
        "format": "mso_mdoc",
        "now": NOW,
        "challenge": CHALLENGE,
        "anchors": ["root", STATUS],
        "status_lists": ["list"],
    }
)
FOUND: Final = {
    "type": OWN,
    "issuer": ISSUER,
    "claims": CITIZEN,
    "nationalities": [],
    "citizenships": ["US"],
    "complete": False,
    "status": "valid",
}


def valid(**changes: Any) -> dict[str, Any]:
    return valid_as(FOUND, **changes)


def states(
    elements: Elements, nationalities: Iterable[str] = (), citizenships: Iterable[str] = (), **changes: Any
) -> dict[str, Any]:
    return valid(claims=elements, nationalities=list(nationalities), citizenships=list(citizenships), **changes)


def asked(transcript_of: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a challenge with this handover."""
    return {**CHALLENGE, "handover": dict(transcript_of), **changes}


# --- accepts ---


def accepts_of_elements() -> list[dict[str, Any]]:
    everything = {OWN: {"nationalities": ["DE", "US"], "nationalities_complete": True, "national_of_de": True,
                        "national_of_us": True, "citizen_of_us": True}}  # fmt: skip
    made = items_of(everything)
    one = {OWN: made[OWN][4:]}
    pid = {PID: {"nationality": ["DE", "FR"], "birth_date": CBORTag(1004, "1984-01-26")}}
    told = {PID: {"nationality": ["DE", "FR"], "birth_date": "1984-01-26"}}
    photo, mdl = {PHOTO: {"nationality": "US"}}, {MDL: {"nationality": "US", "portrait": bytes(range(8))}}
    rated = {OWN: {"citizen_of_us": True, "assurance": {"framework": "eIDAS", "level": "high"}}}
    contradicted = {OWN: {"nationalities": ["DE"], "nationalities_complete": True, "national_of_us": True}}

    def photo_of(id: str, title: str, code: Any, found: Iterable[str]) -> dict[str, Any]:
        elements = {PHOTO: {"nationality": code}}
        return case(id, title, answer(elements, doc_type=PHOTO_TYPE), states(elements, found, type=PHOTO_TYPE))

    return [
        case("accept-citizen", "one element of five: a citizen", answer(items=made, shown=one), valid()),
        case("accept-everything-shown", "a complete list, and every country by itself", answer(everything),
             states(everything, ["DE", "US"], ["US"], complete=True)),
        case("accept-complete-not-shown", "the list alone is not complete",
             answer(items=made, shown={OWN: made[OWN][:1]}),
             states({OWN: {"nationalities": ["DE", "US"]}}, ["DE", "US"])),
        case("accept-complete-contradicted", "a list that is complete, and a country beside it", answer(contradicted),
             states(contradicted, ["DE", "US"])),
        case("accept-national", "a national need not be a citizen", answer({OWN: {"national_of_us": True}}),
             states({OWN: {"national_of_us": True}}, ["US"])),
        case("accept-false", "false says nothing", answer({OWN: {"citizen_of_us": False}}),
             states({OWN: {"citizen_of_us": False}})),
        case("accept-none-shown", "no element is shown", answer(items=made, shown={}), states({})),
        case("accept-no-namespaces", "no member for elements",
             response(edited(document(), lambda made: made["issuerSigned"].pop("nameSpaces"))), states({})),
        case("accept-pid", "the EU PID has an array", answer(pid, doc_type=PID), states(told, ["DE", "FR"], type=PID)),
        case("accept-photo-id", "a photo ID has text", answer(photo, doc_type=PHOTO_TYPE),
             states(photo, ["US"], type=PHOTO_TYPE)),
        case("accept-photo-id-older", "the docType as older wallets write it", answer(photo, doc_type=PHOTO_OLD),
             states(photo, ["US"], type=PHOTO_OLD)),
        case("accept-mdl", "an mDL, and an element in bytes", answer(mdl, doc_type=MDL_TYPE),
             states(mdl, ["US"], type=MDL_TYPE)),
        photo_of("accept-alpha-3", "a code of three letters", "USA", ["US"]),
        photo_of("accept-icao", "the code of Germany in passports", "D", ["DE"]),
        photo_of("accept-special", "a stateless person is no national", "XXA", []),
        case("accept-elsewhere", "a nationality in another namespace says nothing",
             answer({"org.example": {"nationality": "US"}}), states({"org.example": {"nationality": "US"}})),
        case("accept-assurance", "how well the issuer checked", answer(rated), valid(assurance=["eIDAS", "high"])),
        *accepts_of_evidence(),
        case("accept-filtered", "what the anchor may not attest proves nothing",
             answer(everything), states(everything, ["DE"]), anchors=["germany", STATUS]),
    ]  # fmt: skip


def accepts_of_evidence() -> list[dict[str, Any]]:
    name, when = "evidence_checked_at", date(NOW - DAY)
    citizen = {"citizen_of_us": True}
    made = items_of({OWN: {**citizen, name: when}})
    alone, text = {OWN: {name: when}}, "2026-01-01"
    of_others = {PID: {"nationality": ["US"], name: text}}
    return [
        case("accept-evidence", "when the issuer checked its evidence", answer(items=made),
             valid(evidence_at=NOW - DAY)),
        case("accept-evidence-withheld", "and withheld: it is not known then",
             answer(items=made, shown={OWN: made[OWN][:1]}), valid()),
        case("accept-evidence-alone", "and nothing else", answer(alone), states({}, evidence_at=NOW - DAY)),
        case("accept-evidence-skew", "half a minute after the signing, by another clock of the issuer",
             answer({OWN: {**citizen, name: date(NOW - 30)}}), valid(evidence_at=NOW - 30)),
        case("accept-evidence-of-others", "in another namespace an element of that name is one like any other",
             answer(of_others, doc_type=PID), states(of_others, ["US"], type=PID)),
    ]  # fmt: skip


def accepts_of_the_issuer() -> list[dict[str, Any]]:
    def by_digest(name: str, algorithm: str) -> bytes:
        return answer(mso={"digestAlgorithm": name, "valueDigests": digests(items_of(CITIZEN), algorithm)})

    def signed_by(key: Key, number: int) -> bytes:
        return answer(key=key, chain=leaf(f"{key.algorithm} signer", key), header={ALG: number})

    middle = made_certificate("intermediate", MIDDLE.private.public_key(), ROOT, authority=True, path=0)
    chain = [leaf("below intermediate", issuer=MIDDLE), middle]
    thumbprint = [-16, hashlib.sha256(LEAF).digest()]
    short = {"status": ABSENT, "validityInfo": validity(ends=NOW - 60 + DAY - 1)}
    return [
        case("accept-es256", "-7 with a key on P-256", signed_by(ISSUER_P256, -7), valid()),
        case("accept-brainpool", "-7 with a key on brainpoolP256r1", signed_by(ISSUER_BRAINPOOL, -7), valid()),
        case("accept-es256-named", "-9 is P-256", signed_by(ISSUER_P256, -9), valid()),
        case("accept-brainpool-named", "-265 is brainpoolP256r1", signed_by(ISSUER_BRAINPOOL, -265), valid()),
        case("accept-ed25519-named", "-19 is Ed25519", answer(header={ALG: -19}), valid()),
        case("accept-chain-of-one", "an array of one certificate", answer(chain=[LEAF]), valid()),
        case("accept-chain-of-two", "an intermediate", answer(chain=chain), valid()),
        case("accept-chain-protected", "the certificate in the protected header",
             answer(header={X5CHAIN: LEAF}, unprotected={X5CHAIN: ABSENT}), valid()),
        case("accept-x5t", "a hash that is the certificate's", answer(unprotected={X5T: thumbprint}), valid()),
        case("accept-kid", "a kid says nothing beside a certificate", answer(unprotected={KID: b"k9"}), valid()),
        case("accept-signer", "a signer that is pinned by his certificate", answer(), valid(),
             anchors=["signer", STATUS]),
        case("accept-crl", "a CRL that lists others", answer(), valid(), anchors=["current-crl", STATUS]),
        case("accept-sha-384", "digests by SHA-384", by_digest("SHA-384", "sha384"), valid()),
        case("accept-sha-512", "digests by SHA-512", by_digest("SHA-512", "sha512"), valid()),
        case("accept-version", "a minor version that is not known",
             response(document(mso={"version": "1.7"}), version="1.9"), valid()),
        case("accept-short-lived", "a validity of 24 hours needs no status", answer(mso=short), valid(status=None)),
        case("accept-last-second", "validUntil itself", answer(mso={"validityInfo": validity(ends=NOW)}), valid()),
        case("accept-skew", "signed half a minute ahead",
             answer(mso={"validityInfo": validity(NOW + 30, begins=NOW)}), valid()),
        case("accept-update", "when the issuer expects to update it",
             answer(mso={"validityInfo": {**validity(), "expectedUpdate": date(NOW + DAY)}}), valid()),
    ]  # fmt: skip


def accepts_of_the_device() -> list[dict[str, Any]]:
    uri, thumbprint, own = ORIGIN + "/answer", hashlib.sha256(b"key").digest(), "mdoc-generated-nonce"
    client = "x509_san_dns:gateway.example"
    redirect = {"kind": "openid4vp", "response_uri": uri, "jwk_thumbprint": b64(thumbprint)}
    older = {"kind": "iso_18013_7_2024", "response_uri": uri, "mdoc_generated_nonce": own}
    near = enc([embedded(enc({0: "1.0"})), embedded(enc(HOLDER.cose)), None])
    hashed = [hashlib.sha256(enc([each, own])).digest() for each in (client, uri)]
    odd = enc({OWN: {"sex": 1}})

    def over(
        id: str, title: str, transcript: bytes, handover: Mapping[str, Any], audience: str = "origin:" + ORIGIN
    ) -> dict[str, Any]:
        return case(
            id, title, answer(device=signing(transcript)), valid(), challenge=asked(handover, audience=audience)
        )

    def device(id: str, title: str, made: bytes, **changes: Any) -> dict[str, Any]:
        return case(id, title, made, valid(), **changes)

    def authorised(whole: Any = ABSENT, single: Any = ABSENT) -> bytes:
        stated = changed({}, {"nameSpaces": whole, "dataElements": single})
        info = {"deviceKey": HOLDER.cose, "keyAuthorizations": stated}
        return answer(mso={"deviceKeyInfo": info}, device=signing(names=odd))

    compressed = {1: 2, -1: 1, -2: HOLDER_P256.cose[-2], -3: bool(HOLDER_P256.cose[-3][-1] & 1)}
    return [
        device("accept-device-es256", "-7 with a key on P-256", answer(holder=HOLDER_P256)),
        device("accept-device-brainpool", "-7 with a key on brainpoolP256r1", answer(holder=HOLDER_BRAINPOOL)),
        device("accept-device-ed448", "-8 with a key of Ed448", answer(holder=HOLDER_448)),
        device("accept-device-named", "-19 is Ed25519", answer(device=signing(header={ALG: -19}))),
        device("accept-device-compressed", "a device key with the sign of y",
               answer(mso={"deviceKeyInfo": {"deviceKey": compressed}}, device=signing(key=HOLDER_P256))),
        device("accept-device-mac", "a MAC", answer(holder=HOLDER_P256, device=mac()),
               reader_key=READER_KEY.to_json()),
        device("accept-device-mac-brainpool", "a MAC on brainpoolP256r1",
               answer(holder=HOLDER_BRAINPOOL, device=mac(key=HOLDER_BRAINPOOL, reader=READER_BRAINPOOL)),
               reader_key=READER_BRAINPOOL.to_json()),
        device("accept-device-attached", "the payload that should be detached, and is the same",
               answer(device=signing(attached=lambda signed: signed))),
        device("accept-device-element", "an element that the device may state: it is no claim",
               authorised(single={OWN: ["sex"]})),
        device("accept-device-namespace", "a namespace in which the device may state all", authorised(whole=[OWN])),
        over("accept-dc-api", "the Digital Credentials API, an encrypted answer", dc_api(thumbprint=thumbprint),
             {"kind": "dc_api", "jwk_thumbprint": b64(thumbprint)}),
        over("accept-openid4vp", "OpenID4VP with an encrypted answer",
             handed_over("OpenID4VPHandover", [client, NONCE, thumbprint, uri]), redirect, client),
        over("accept-openid4vp-plain", "OpenID4VP with an answer in the clear",
             handed_over("OpenID4VPHandover", [client, NONCE, None, uri]), {"kind": "openid4vp", "response_uri": uri},
             client),
        over("accept-dc-api-draft-24", "the API as drafts up to 24 had it",
             handed_over("OpenID4VPDCAPIHandover", [ORIGIN, client, NONCE]),
             {"kind": "dc_api_draft_24", "client_id": client}),
        over("accept-iso-18013-7", "ISO/IEC 18013-7:2024 annex B", enc([None, None, [*hashed, NONCE]]), older, client),
        over("accept-transcript", "a transcript of the caller's own", near,
             {"kind": "transcript", "transcript": b64(near)}),
    ]  # fmt: skip


def long_heads(data: bytes) -> bytes:
    """Return a map of fewer than 24 members with two bytes for their number: as a real issuer writes."""
    assert 0xA0 <= data[0] < 0xB8
    return b"\xb9\x00" + bytes((data[0] & 0x1F,)) + data[1:]


def turned(value: dict[Any, Any]) -> dict[Any, Any]:
    return dict(reversed(value.items()))


def accepts_of_form() -> list[dict[str, Any]]:
    def further(made: dict[str, Any]) -> None:
        made["rfu"] = made["issuerSigned"]["rfu"] = made["deviceSigned"]["rfu"] = [1, {"a": None}]
        made["errors"] = {OWN: {"citizen_of_fr": 0}}

    more = items_of(CITIZEN)
    more[OWN] = [item(0, "citizen_of_us", True, rfu=2.5)]
    known = {"version": "1.0", "digestAlgorithm": "SHA-256", "valueDigests": digests(items_of(CITIZEN)),
             "deviceKeyInfo": {"deviceKey": turned(HOLDER.cose)}, "docType": OWN,
             "validityInfo": turned(validity()), "status": status_claim(VALID)}  # fmt: skip
    single = [long_heads(item(0, "citizen_of_us", True))]
    germany = document({PID: {"nationality": ["DE"]}}, doc_type=PID)
    revoked = document(mso={"status": status_claim(REVOKED)})
    unsigned = document({PHOTO: {"nationality": "US"}}, doc_type=PHOTO_TYPE, device=signing(key=STRANGER))
    return [
        case("accept-unknown-members", "members that nobody knows, in every map",
             response(edited(document(items=more, mso={"rfu": b"x", "deviceKeyInfo": {"deviceKey": HOLDER.cose,
                      "keyInfo": {-1: "x"}}}), further), documentErrors=[{"x": 0}], rfu=1), valid()),
        case("accept-order", "members in the reverse order",
             enc(turned({"version": "1.0", "documents": [turned(document(mso=enc(turned(known))))], "status": 0})),
             valid()),
        case("accept-long-heads", "more bytes than needed for how many members a map has",
             long_heads(response(document(mso=long_heads(enc({**known, "valueDigests": digests({OWN: single})})),
                                          items={OWN: single}))), valid()),
        case("accept-long-empty", "no elements of the device, in two bytes", answer(device=signing(names=b"\xb8\x00")),
             valid()),
        case("each-document-alone", "four documents: a verdict each", response(document(), germany, revoked, unsigned),
             [valid(), states({PID: {"nationality": ["DE"]}}, ["DE"], type=PID), refused("V9", "revoked"),
              refused("V8", "signature_invalid")], operation="verify_each"),
        case("each-framing", "a fault of form refuses them all",
             response(document(), edited(document(), lambda made: made.pop("issuerSigned"))),
             refused("V1", "malformed_token"), operation="verify_each"),
    ]  # fmt: skip


def accepts() -> list[dict[str, Any]]:
    return [*accepts_of_elements(), *accepts_of_the_issuer(), *accepts_of_the_device(), *accepts_of_form()]
