"""Mutations of mdoc presentations: by anybody on the way, by the issuer, and by the holder.

Spec: ISO/IEC 18013-5 8.3.2.1.2 and 9.1; specs/verification.md V1 to V9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import Reason
from ..._wire.transcript import session_transcript
from ..forge import mdoc_keys
from ..forge.cbor import Pairs, Raw, date_time, dump, embedded
from ..forge.certificates import der
from ..forge.mdoc import device_signed, response
from ..forge.mdoc_issuer import OURS, PID, digest, issuer_auth, item
from ..forge.parts import ABSENT, OTHER_INDEX, REVOKED_INDEX, STATUS_SIZE, STATUS_URI, SUSPENDED_INDEX
from ..strategies.presentations import CURVES, PERSON, Presented, device_key
from ..strategies.values import DAY
from ._frame import Choice, Edit, Mutation, keyless, row
from ._text import indefinite, nested
from .sd_jwt import elsewhere, replayed_audience, replayed_nonce

R: Final = Reason


class Parts:
    """A presentation taken apart; `data` signs it anew with the keys that it was signed with, or with others."""

    def __init__(self, valid: Presented) -> None:
        self.response: Any = cbor2.loads(valid.data)
        self.document: Any = self.response["documents"][0]
        issued, device = self.document["issuerSigned"], self.document["deviceSigned"]
        self.items: dict[Any, list[Any]] = {
            namespace: [each.value for each in items] for namespace, items in issued.get("nameSpaces", {}).items()
        }
        self.mso: Any = cbor2.loads(cbor2.loads(issued["issuerAuth"][2]).value)
        self.unprotected: Any = dict(issued["issuerAuth"][1])
        self.protected: Any = cbor2.loads(issued["issuerAuth"][0])
        self.content: bytes = device["nameSpaces"].value
        self.doc_type: Any = self.document["docType"]
        self.signed_type: Any = self.doc_type
        self.valid, self.now = valid, valid.now
        self.transcript = Raw(session_transcript(valid.challenge))
        self.signer = mdoc_keys.key("signer", CURVES[valid.issued.algorithm])
        self.device = device_key(valid.issued.holder_algorithm, by_mac=valid.issued.by_mac)
        self.reader = None
        if valid.issued.by_mac:
            self.reader = mdoc_keys.key("reader", CURVES[valid.issued.holder_algorithm]).public_key()
        self.device_protected: Any = None
        self.payload: bytes | None = None
        self.hash = str(self.mso["digestAlgorithm"])

    @property
    def data(self) -> bytes:
        """The presentation, signed anew."""
        signed = issuer_auth(
            _kept(self.mso),
            signer=self.signer,
            chain=self.unprotected[33],
            protected=_kept(self.protected),
            payload=self.payload,
        )
        device = device_signed(
            doc_type=self.signed_type,
            transcript=self.transcript,
            device=self.device,
            content=self.content,
            protected=self.device_protected,
            reader_public=self.reader,
        )
        stated = {namespace: [embedded(each) for each in items] for namespace, items in self.items.items()}
        issued = {"issuerAuth": signed, **({"nameSpaces": stated} if stated else {})}
        return response({"docType": self.doc_type, "issuerSigned": issued, "deviceSigned": device})


def _kept(members: Any) -> Any:
    return {name: value for name, value in members.items() if value is not ABSENT} if type(members) is dict else members


def signed(edit: Callable[[Parts, Choice], Any]) -> Edit:
    """Return what takes a presentation apart, edits it, and signs it anew; an edit may say False: nothing to do."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        parts = Parts(valid)
        return None if edit(parts, choice) is False else parts.data

    return apply


def states(**members: Any) -> Edit:
    """The issuer writes these members into the MSO."""

    def edit(parts: Parts, choice: Choice) -> None:
        for name, value in members.items():
            parts.mso[name] = value(parts.now, choice) if callable(value) else value

    return signed(edit)


def during(**times: Any) -> Edit:
    """The issuer states these times."""

    def edit(parts: Parts, choice: Choice) -> None:
        for name, value in times.items():
            made = value(parts.now, choice)
            parts.mso["validityInfo"][name] = date_time(made) if type(made) is int else made

    return signed(edit)


def of(*values: Any) -> Callable[[int, Choice], Any]:
    """One of these values."""
    return lambda _, choice: choice.of(*values)


def status(index: Any, uri: str = STATUS_URI) -> Edit:
    """The issuer refers to another place of a list."""

    def stated(now: int, choice: Choice) -> Any:
        return {"status_list": {"idx": index(now, choice) if callable(index) else index, "uri": uri}}

    return states(status=stated)


def shows(*elements: tuple[Any, Any], namespace: str = OURS, changes: Any = None) -> Edit:
    """The issuer signs one element in the place of all, and the holder shows it."""

    def edit(parts: Parts, choice: Choice) -> None:
        name, value = choice.of(*elements)
        content = item(0, name, value, choice.of(*changes) if changes else None)
        parts.items = {namespace: [content]}
        parts.mso["valueDigests"] = {namespace: {0: digest(content, parts.hash)}}

    return signed(edit)


# --- by anybody ---


def inside(edit: Callable[[dict[Any, Any], Choice], Any]) -> Edit:
    """Edit the Document, as whoever is on the way can: nothing is signed anew."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        answer = cbor2.loads(valid.data)
        document = answer["documents"][0]
        stated = document["issuerSigned"].get("nameSpaces", {})
        for items in stated.values():
            items[:] = [embedded(each.value) for each in items]
        device = document["deviceSigned"]
        device["nameSpaces"] = embedded(device["nameSpaces"].value)
        return None if edit(document, choice) is False else dump(answer)

    return apply


def answered(**members: Any) -> Edit:
    """Write this into the DeviceResponse."""

    def apply(valid: Presented, choice: Choice) -> bytes:
        answer = Parts(valid).response
        document = answer["documents"][0]
        for name, value in members.items():
            answer[name] = choice.of(*value) if isinstance(value, tuple) else value
            if answer[name] is ABSENT:
                del answer[name]
        if answer.get("documents") == ["twice"]:
            answer["documents"] = [document, document]
        return dump(answer)

    return apply


def in_auth(place: int, edit: Callable[[Any, Choice], Any]) -> Edit:
    """Edit a part of issuerAuth."""

    def apply(document: dict[Any, Any], choice: Choice) -> bool | None:
        auth = document["issuerSigned"]["issuerAuth"]
        auth[place] = edit(auth[place], choice)
        return False if auth[place] is None else None

    return inside(apply)


def in_device(place: int, edit: Callable[[Any, Choice], Any]) -> Edit:
    """Edit a part of deviceSignature or deviceMac."""

    def apply(document: dict[Any, Any], choice: Choice) -> bool | None:
        (message,) = document["deviceSigned"]["deviceAuth"].values()
        message[place] = edit(message[place], choice)
        return None

    return inside(apply)


def header(members: dict[Any, Any]) -> Callable[[Any, Choice], Any]:
    """Write this into a header."""

    def edit(stated: Any, choice: Choice) -> Any:
        plain = cbor2.loads(stated) if isinstance(stated, bytes) else dict(stated)
        plain |= {name: choice.of(*value) if isinstance(value, tuple) else value for name, value in members.items()}
        return dump(_kept(plain)) if isinstance(stated, bytes) else _kept(plain)

    return edit


def _resized(signature: bytes, choice: Choice) -> bytes:
    return choice.of(signature[:-1], signature + b"\0", b"", signature * 2)


def one_item(edit: Callable[[bytes, Choice], Any]) -> Edit:
    """Edit the content of one of the items, if there is one."""

    def apply(document: dict[Any, Any], choice: Choice) -> bool | None:
        stated = document["issuerSigned"].get("nameSpaces", {})
        if not stated:
            return False
        items = stated[choice.of(*stated)]
        place = choice.below(len(items))
        items[place] = edit(cbor2.loads(items[place]).value, choice)
        return None

    return inside(apply)


def _changed_value(content: bytes, choice: Choice) -> Raw:
    stated = cbor2.loads(content)
    return embedded(dump({**stated, "elementValue": choice.of(["XX"], [1], {"x": 1})}))


def _other_number(content: bytes, choice: Choice) -> Raw:
    stated = cbor2.loads(content)
    return embedded(dump({**stated, "digestID": 1_000 + choice.below(9)}))


def _doubled(document: dict[Any, Any], choice: Choice) -> bool | None:
    stated = document["issuerSigned"].get("nameSpaces", {})
    if not stated:
        return False
    items = stated[choice.of(*stated)]
    items.append(choice.of(*items))
    return None


def _moved(document: dict[Any, Any], choice: Choice) -> bool | None:
    stated = document["issuerSigned"].get("nameSpaces", {})
    if not stated:
        return False
    stated["org.example.elsewhere"] = stated.pop(choice.of(*stated))
    return None


def _foreign(document: dict[Any, Any], choice: Choice) -> None:
    stated = document["issuerSigned"].setdefault("nameSpaces", {})
    stated.setdefault(OURS, []).append(embedded(item(2_000 + choice.below(9), "citizen_of_us", True)))


def _bare(document: dict[Any, Any], choice: Choice) -> bool | None:
    stated = document["issuerSigned"].get("nameSpaces", {})
    if not stated:
        return False
    items = stated[choice.of(*stated)]
    items[0] = cbor2.loads(items[0]).value
    return None


def _emptied(document: dict[Any, Any], _: Choice) -> None:
    document["issuerSigned"]["nameSpaces"] = {OURS: []}


def _device_of_another(document: dict[Any, Any], valid: Presented, choice: Choice, *, audience: bool) -> None:
    other = cbor2.loads(elsewhere(valid, choice, audience=audience).data)["documents"][0]["deviceSigned"]
    document["deviceSigned"] = {**other, "nameSpaces": embedded(other["nameSpaces"].value)}


def _spliced(*, audience: bool) -> Edit:
    def apply(valid: Presented, choice: Choice) -> bytes | None:
        return inside(lambda document, c: _device_of_another(document, valid, c, audience=audience))(valid, choice)  # type: ignore[no-any-return]

    return apply


def _stating(document: dict[Any, Any], _: Choice) -> None:
    document["deviceSigned"]["nameSpaces"] = embedded(dump({OURS: {"citizen_of_us": True}}))


def _two_proofs(document: dict[Any, Any], _: Choice) -> None:
    auth = document["deviceSigned"]["deviceAuth"]
    (message,) = auth.values()
    document["deviceSigned"]["deviceAuth"] = {"deviceSignature": message, "deviceMac": message}


def _without_device(valid: Presented, _: Choice) -> bytes:
    return dump(cbor2.loads(valid.issued.data))


def _foreign_chain(now: int, name: str) -> bytes:
    made = mdoc_keys.certificate("DS", name, mdoc_keys.key("signer"), mdoc_keys.key(name))
    return der(made)[0]


def _twice(stated: bytes, choice: Choice) -> bytes:
    pairs = list(cbor2.loads(stated).items())
    return dump(Pairs([*pairs, choice.of(*pairs)]))


_BY_ANYBODY: Final[tuple[Mutation, ...]] = (
    keyless("a bit of the issuer's signature", R.SIGNATURE_INVALID, in_auth(3, lambda s, c: c.flipped(s)), step="V3"),
    keyless("a bit of the MSO", R.SIGNATURE_INVALID, in_auth(2, lambda s, c: c.flipped(s)), step="V3"),
    keyless("a bit of the device's proof", R.SIGNATURE_INVALID, in_device(3, lambda s, c: c.flipped(s)), step="V8"),
    keyless("the issuer's signature, longer or shorter", R.SIGNATURE_MALFORMED, in_auth(3, _resized), step="V3"),
    keyless("the device's proof, longer or shorter", R.SIGNATURE_MALFORMED, in_device(3, _resized), step="V8"),
    keyless("cut off", R.MALFORMED_CBOR, lambda v, c: v.data[: c.below(len(v.data))], step="V1"),
    keyless("something behind the end", R.MALFORMED_CBOR, lambda v, c: v.data + c.of(b"\0", b"\xf6", b"\xff", v.data), step="V1"),
    keyless("of indefinite length", R.MALFORMED_CBOR, lambda v, c: indefinite(v.data), step="V1"),
    keyless("under a tag", R.MALFORMED_CBOR, lambda v, c: c.of(b"\xc6", b"\xd9\xd9\xf7") + v.data, step="V1"),
    keyless("another version", R.VERSION_UNSUPPORTED, answered(version=("2.0", "0.9")), step="V1"),
    keyless("no version", R.MALFORMED_TOKEN, answered(version=ABSENT), step="V1"),
    keyless("a status that says no", R.RESPONSE_NOT_OK, answered(status=(10, 11, 12, 20)), step="V1"),
    keyless("no document", R.MALFORMED_TOKEN, answered(documents=([], ABSENT)), step="V1"),
    keyless("two documents", R.LIMIT_EXCEEDED, answered(documents=["twice"]), step="V1"),
    keyless("a value changed", R.DIGEST_MISMATCH, one_item(_changed_value), step="V4"),
    keyless("another digestID", R.DISCLOSURE_UNREFERENCED, one_item(_other_number), step="V4"),
    keyless("an item of indefinite length", R.MALFORMED_CBOR, one_item(lambda s, c: embedded(indefinite(s) or s)), step="V4"),
    keyless("an item twice", R.DISCLOSURE_DUPLICATE, inside(_doubled), step="V4"),
    keyless("items in another namespace", R.DISCLOSURE_UNREFERENCED, inside(_moved), step="V4"),
    keyless("a foreign item", R.DISCLOSURE_UNREFERENCED, inside(_foreign), step="V4"),
    keyless("an item without its tag", R.MALFORMED_TOKEN, inside(_bare), step="V1"),
    keyless("a namespace without items", R.MALFORMED_TOKEN, inside(_emptied), step="V1"),
    keyless("another docType outside of the signature", R.TYPE_NOT_ALLOWED, inside(lambda d, c: d.update(docType=c.of(PID, "org.example.other"))), step="V5"),
    keyless("no docType", R.MALFORMED_TOKEN, inside(lambda d, c: d.pop("docType") and None), step="V1"),
    keyless("no deviceSigned", R.KEY_BINDING_MISSING, _without_device, step="V7"),
    keyless("both a signature and a MAC", R.MALFORMED_TOKEN, inside(_two_proofs), step="V1"),
    keyless("the device states what nobody authorised", R.DEVICE_ELEMENT_NOT_AUTHORIZED, inside(_stating), step="V7"),
    keyless("replayed: it answered another nonce", R.SIGNATURE_INVALID, replayed_nonce, step="V8"),
    keyless("relayed: it was for another audience", R.SIGNATURE_INVALID, replayed_audience, step="V8"),
    keyless("the device's proof of another nonce", R.SIGNATURE_INVALID, _spliced(audience=False), step="V8"),
    keyless("the device's proof for another audience", R.SIGNATURE_INVALID, _spliced(audience=True), step="V8"),
    keyless("a payload that is another", R.SIGNATURE_INVALID, in_device(2, lambda s, c: c.of(b"x", b"\xd8\x18\x41\xa0")), step="V7"),
    keyless("an algorithm that is none", R.ALGORITHM_NOT_ALLOWED, in_auth(0, header({1: ("ES256", -65535, 5, None, ABSENT, -7.0)})), step="V1"),
    keyless("an algorithm of the device that is none", R.ALGORITHM_NOT_ALLOWED, in_device(0, header({1: ("ES256", -65535, None, ABSENT)})), step="V1"),
    keyless("another algorithm of the list", R.ALGORITHM_MISMATCH, in_auth(0, lambda h, c: dump({1: c.of(*({-7, -35, -36, -8} - {cbor2.loads(h)[1]}))})), step="V3"),
    keyless("a certificate of another root", R.CERTIFICATE_UNTRUSTED, in_auth(1, lambda h, c: {33: _foreign_chain(0, "another IACA")}), step="V2"),
    keyless("a certificate that is none", R.CERTIFICATE_INVALID, in_auth(1, lambda h, c: {33: c.of(b"x", b"\x30\x00", h[33][:-1], h[33] + b"\0")}), step="V2"),
    keyless("a chain that is too long", R.LIMIT_EXCEEDED, in_auth(1, lambda h, c: {33: [h[33]] * (4 + c.below(3))})),
    keyless("no certificate", R.HEADER_INVALID, in_auth(1, lambda h, c: {}), step="V1"),
    keyless("where to get a certificate", R.HEADER_FORBIDDEN, in_auth(0, header({35: "https://evil.example"})), step="V1"),
    keyless("an extension that is critical", R.CRIT_UNSUPPORTED, in_auth(0, header({2: ([1], [], [99])})), step="V1"),
    keyless("a member of the header twice", R.DUPLICATE_MEMBER, in_auth(0, _twice), step="V1"),
    keyless("a label in both headers", R.HEADER_INVALID, in_auth(1, header({1: -7})), step="V1"),
)  # fmt: skip


# --- by the issuer ---


def _without_status(parts: Parts, choice: Choice) -> None:
    parts.mso.pop("status", None)
    start = parts.now - 60
    times = {"signed": start, "validFrom": start, "validUntil": start + DAY + choice.below(DAY)}
    parts.mso["validityInfo"].update({name: date_time(moment) for name, moment in times.items()})


def _another_device(parts: Parts, _: Choice) -> None:
    other = mdoc_keys.key("another device", mdoc_keys.curve_of(parts.device))
    parts.mso["deviceKeyInfo"] = {"deviceKey": mdoc_keys.cose_key(other)}


def _private_key(parts: Parts, _: Choice) -> None:
    stated = dict(parts.mso["deviceKeyInfo"]["deviceKey"])
    parts.mso["deviceKeyInfo"] = {"deviceKey": {**stated, -4: b"\x01" * 32}}


def _payload(*payloads: bytes) -> Edit:
    def edit(parts: Parts, choice: Choice) -> None:
        parts.payload = choice.of(*payloads)

    return signed(edit)


def _signed_before_the_certificate(parts: Parts, choice: Choice) -> None:
    moment = parts.now - 31 * DAY - choice.below(DAY)
    parts.mso["validityInfo"].update({name: date_time(moment) for name in ("signed", "validFrom")})
    parts.mso["status"] = {"status_list": {"idx": 7, "uri": STATUS_URI}}
    _show_no_evidence(parts)


def _show_no_evidence(parts: Parts) -> None:
    kept = {name: [each for each in items if b"evidence_checked_at" not in each] for name, items in parts.items.items()}
    parts.items = {name: items for name, items in kept.items() if items}


def _expired(parts: Parts, choice: Choice) -> None:
    start = parts.now - 2 * DAY
    times = {"signed": start, "validFrom": start, "validUntil": parts.now - 1 - choice.below(DAY)}
    parts.mso["validityInfo"].update({name: date_time(moment) for name, moment in times.items()})
    _show_no_evidence(parts)


def _signer(**changes: Any) -> Edit:
    def edit(parts: Parts, choice: Choice) -> None:
        private = mdoc_keys.key("signer", CURVES[parts.valid.issued.algorithm])
        window = {name: value(parts.now, choice) for name, value in changes.items() if callable(value)}
        made = mdoc_keys.certificate("DS", "IACA", private, mdoc_keys.key("IACA"), **(changes | window))
        parts.unprotected = {33: der(made)[0]}

    return signed(edit)


def _two_names(parts: Parts, _: Choice) -> None:
    contents = [item(0, "citizen_of_us", True), item(1, "citizen_of_us", True)]
    parts.items = {OURS: contents}
    parts.mso["valueDigests"] = {OURS: {number: digest(each, parts.hash) for number, each in enumerate(contents)}}


_COUNTRIES: Final = (["XX"], ["us"], ["USA"], ["US", "US"], "US", [1], [None], [["US"]])

_BY_THE_ISSUER: Final[tuple[Mutation, ...]] = (
    row("expired", R.EXPIRED, signed(_expired), step="V6"),
    row("not valid yet", R.NOT_YET_VALID, during(validFrom=lambda n, c: n + 1 + c.below(DAY), validUntil=lambda n, c: n + 3 * DAY), step="V6"),
    row("signed in the future", R.ISSUED_IN_FUTURE, during(signed=lambda n, c: n + 31 + c.below(DAY), validFrom=lambda n, c: n + 2 * DAY, validUntil=lambda n, c: n + 3 * DAY), step="V6"),
    row("ends before it begins", R.CLAIM_INVALID, during(validFrom=lambda n, c: n, validUntil=lambda n, c: n - 2 - c.below(DAY)), step="V4"),
    row("a time that is none", R.CLAIM_INVALID, during(validUntil=of("2030-01-01T00:00:00Z", 1.5, CBORTag(0, "2030-01-01T00:00:00.5Z"), CBORTag(0, "2030-01-01T00:00:00+01:00"), CBORTag(0, "2030-13-01T00:00:00Z"), None)), step="V4"),
    row("signed when the certificate was not valid", R.SIGNED_OUTSIDE_CERTIFICATE, signed(_signed_before_the_certificate), step="V6"),
    row("no validityInfo", R.CLAIM_MISSING, states(validityInfo=ABSENT), step="V4"),
    row("another docType", R.TYPE_NOT_ALLOWED, states(docType=of("org.example.other", PID)), step="V5"),
    row("another version of the MSO", R.VERSION_UNSUPPORTED, states(version=of("2.0", "0.9")), step="V4"),
    row("a hash that is not of the list", R.HASH_ALGORITHM_NOT_ALLOWED, states(digestAlgorithm=of("SHA-1", "sha-256", "SHA256", "MD5")), step="V4"),
    row("revoked", R.REVOKED, status(REVOKED_INDEX), step="V9"),
    row("suspended", R.SUSPENDED, status(SUSPENDED_INDEX), step="V9"),
    row("another status", R.STATUS_NOT_VALID, status(OTHER_INDEX), step="V9"),
    row("an index outside of the list", R.STATUS_INDEX_OUT_OF_RANGE, status(lambda n, c: STATUS_SIZE + c.below(2**20)), step="V9"),
    row("an index that is none", R.CLAIM_INVALID, states(status=of(*({"status_list": {"idx": bad, "uri": STATUS_URI}} for bad in (-1, "7", 7.0, True, None, 2**32)))), step="V4"),
    row("a list that nobody has", R.STATUS_LIST_UNAVAILABLE, status(7, "https://id.example/status/none"), step="V9"),
    row("a status of another kind", R.STATUS_MECHANISM_UNKNOWN, states(status=of({"crl": {}}, {"status_list": {"idx": 7, "uri": STATUS_URI}, "x": {}})), step="V4"),
    row("long valid, and no status", R.STATUS_MISSING, signed(_without_status), step="V9"),
    row("no device key", R.CLAIM_MISSING, states(deviceKeyInfo=ABSENT), step="V4"),
    row("another device's key", R.SIGNATURE_INVALID, signed(_another_device), step="V8"),
    row("a private device key", R.KEY_INVALID, signed(_private_key), step="V4"),
    row("countries that are none", R.COUNTRY_INVALID, shows(*(("nationalities", bad) for bad in _COUNTRIES)), step="V4"),
    row("an element for a country that is none", R.COUNTRY_INVALID, shows(("citizen_of_xx", True), ("citizen_of_US", True), ("national_of_usa", True)), step="V4"),
    row("an element for a country that is no boolean", R.CLAIM_INVALID, shows(("citizen_of_us", 1), ("citizen_of_us", "true"), ("national_of_us", None)), step="V4"),
    row("a nationality that is none", R.COUNTRY_INVALID, shows(("nationality", "Utopia"), ("nationality", [1]), ("nationality", ["US", "USA"]), namespace=PID), step="V4"),
    row("completeness that is no boolean", R.CLAIM_INVALID, shows(("nationalities_complete", 1), ("nationalities_complete", "true")), step="V4"),
    row("an item of another shape", R.DISCLOSURE_MALFORMED, shows(("x", 1), namespace=PERSON, changes=({"random": b"short"}, {"random": "text"}, {"elementIdentifier": ABSENT}, {"elementValue": ABSENT}, {"elementIdentifier": 1})), step="V4"),
    row("an element twice", R.DISCLOSURE_CLASH, signed(_two_names), step="V4"),
    row("a payload that is no MSO", (R.MALFORMED_CBOR, R.MALFORMED_TOKEN), _payload(b"\xa0", b"x", bytes(embedded(b"\xff")), bytes(embedded(b"\x80"))), step="V4"),
    row("arrays in arrays", R.DEPTH_EXCEEDED, shows(("x", nested(40)), ("x", nested(60)), namespace=PERSON), step="V4"),
    row("the signer's certificate has expired", R.CERTIFICATE_EXPIRED, _signer(not_after=lambda n, c: n - 1 - c.below(DAY)), step="V2"),
    row("the signer's certificate is for something else", R.CERTIFICATE_USE_FORBIDDEN, _signer(purpose="1.3.6.1.5.5.7.3.1"), step="V2"),
    row("the signer's certificate is for nothing", R.CERTIFICATE_USE_FORBIDDEN, _signer(purpose=None), step="V2"),
    row("the signer's certificate names another country", R.CERTIFICATE_COUNTRY_MISMATCH, _signer(country="DE"), step="V2"),
    row("the signer is an authority", R.CERTIFICATE_USE_FORBIDDEN, _signer(authority=True), step="V2"),
)  # fmt: skip


# --- by the holder ---


def _thief(parts: Parts, _: Choice) -> None:
    parts.device = mdoc_keys.key("thief", mdoc_keys.curve_of(parts.device))


def _states_itself(parts: Parts, choice: Choice) -> None:
    parts.content = dump({OURS: {choice.of("citizen_of_us", "national_of_us", "x"): True}})


def _signs_another_type(parts: Parts, _: Choice) -> None:
    parts.signed_type = "org.example.other"


def _another_transcript(parts: Parts, choice: Choice) -> None:
    parts.transcript = Raw(dump([None, None, ["OpenID4VPDCAPIHandover", choice.of(bytes(32), b"x" * 32)]]))


_BY_THE_HOLDER: Final[tuple[Mutation, ...]] = (
    row("over another transcript", R.SIGNATURE_INVALID, signed(_another_transcript), step="V8"),
    row("over another docType", R.SIGNATURE_INVALID, signed(_signs_another_type), step="V8"),
    row("proven by a thief", R.SIGNATURE_INVALID, signed(_thief), step="V8"),
    row("states a citizenship by himself", R.DEVICE_ELEMENT_NOT_AUTHORIZED, signed(_states_itself), step="V7"),
)  # fmt: skip

TABLE: Final = (*_BY_ANYBODY, *_BY_THE_ISSUER, *_BY_THE_HOLDER)
