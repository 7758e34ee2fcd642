"""Hostile, odd and exact input in each format, for what must hold in all of them.

Beside `builders_formats`, where the world is in which this is judged. Where formats differ, each branch says how.

Spec: specs/invariants.md; the profile of each format in specs/.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

import builders as b
import builders_formats as f
import builders_sd_cwt as c
import cbor2
import mdoc_builders as m
from hypothesis import strategies as st

from citizenid import ANY, Format, KeyPurpose, LocalKey, Reason, TrustAnchors
from citizenid.status import StatusStore

# --- whatever comes in ---


@st.composite
def hostile(draw: st.DrawFn) -> bytes | str:
    """Bytes from nowhere, random CBOR, a good presentation after an accident, or one with an odd thing inside."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return draw(st.binary(max_size=200) | st.text(max_size=200))
    value = draw(f.CBOR_VALUES)
    if kind == 1:
        return cbor2.dumps(value)
    if kind == 2:
        return with_inside(draw(st.integers(0, 12)), value, draw(st.sampled_from(HOLES)))
    good = f.good(draw(f.FORMATS))
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 40)))
    inserted = draw(st.binary(max_size=20) | st.sampled_from([b"~", b".", b"", b"~~", b"e30", cbor2.dumps(value)]))
    return good[:start] + inserted + good[end:]


def as_bytes(data: bytes | str) -> bytes:
    return data if isinstance(data, bytes) else data.encode("utf-8", "replace")


HOLES: Final = (1, 4, 5, 6, 8, 11, 15, 16, 17, 33, 39, 65535, "nationalities", "status", "deviceKey", c.REDACTED, 170)


def with_inside(place: int, value: Any, name: Any) -> bytes:
    """Return what a trusted issuer and holder signed, with `value` in one place or another."""
    makers: list[Callable[[], bytes]] = [
        lambda: c.make({name: value}),
        lambda: c.make(header={name: value}),
        lambda: c.make(unprotected={name: value}),
        lambda: c.make(disclosures=value),
        lambda: c.make({c.REDACTED: [c.digest(cbor2.dumps(value))]}, [cbor2.dumps(value)]),
        lambda: c.make(kb={name: value}),
        lambda: c.make(kb_header={name: value}),
        lambda: m.make({m.OURS: {str(name): value}}),
        lambda: m.make(mso={str(name): value, "status": value}),
        lambda: m.make(validity={"signed": value}, key_info={"deviceKey": value}),
        lambda: m.make(unprotected={name: value}),
        lambda: m.make(device={"content": cbor2.dumps(value), "unprotected": {name: value}}),
        lambda: m.response(value),
    ]
    return makers[place]()


# --- what must be seen in no refusal ---

MARKER: Final = "planted-3f9c"  # what must be seen in no refusal

MARKER_BYTES: Final = MARKER.encode()

MARKED: Final[dict[Format, dict[str, Callable[[], bytes]]]] = {  # a marker in one place or another, each of them wrong
    Format.SD_JWT_VC: {
        "kid": lambda: b.make(header={"kid": MARKER}),
        "typ": lambda: b.make(header={"typ": MARKER}),
        "alg": lambda: b.make(header={"alg": MARKER}),
        "iss": lambda: b.make(payload={"iss": MARKER}),
        "vct": lambda: b.make(payload={"vct": MARKER}),
        "nationalities": lambda: b.make(payload={"nationalities": [MARKER]}),
        "cnf": lambda: b.make(payload={"cnf": {"jwk": {"kty": MARKER}}}),
        "status": lambda: b.make(payload={"status": {MARKER: {"uri": MARKER}}}),
        "nonce": lambda: b.make(kb={"nonce": MARKER}),
        "aud": lambda: b.make(kb={"aud": MARKER}),
        "disclosure": lambda: b.make(disclosures=[b.disclosure(MARKER, MARKER, MARKER)]),
        "claim": lambda: b.make(payload={MARKER: MARKER, "exp": b.NOW - 1}),
        "raw": lambda: MARKER_BYTES + b"~" + MARKER_BYTES,
        "duplicate": lambda: b.make(payload=b'{"%s":1,"%s":2}' % (MARKER_BYTES, MARKER_BYTES)),
    },
    Format.MDOC: {
        "version": lambda: m.make(response_changes={"version": MARKER}),
        "docType": lambda: m.make(document_changes={"docType": MARKER}),
        "type": lambda: m.make(doc_type=MARKER),
        "alg": lambda: m.make(protected={1: MARKER}),
        "label": lambda: m.make(protected={1: -7, MARKER: {2: MARKER}, 2: [MARKER]}),
        "chain": lambda: m.make(chain=MARKER_BYTES),
        "digest": lambda: m.make(mso={"digestAlgorithm": MARKER}),
        "signed": lambda: m.make(validity={"signed": MARKER}),
        "date": lambda: m.make({m.PHOTO_ID: {"birth_date": cbor2.CBORTag(1004, MARKER_BYTES)}}),
        "nationality": lambda: m.make({m.PID: {"nationality": MARKER}}),
        "flag": lambda: m.make({m.OURS: {"citizen_of_" + MARKER: True}}),
        "element": lambda: m.make({MARKER: {MARKER: MARKER}}, validity={"validUntil": m.date_time(b.NOW - 1)}),
        "withheld": lambda: m.make(shown={MARKER: [m.item(0, MARKER, MARKER)]}),
        "key": lambda: m.make(key_info={"deviceKey": {1: MARKER, -1: MARKER_BYTES}}),
        "status": lambda: m.make(mso={"status": {MARKER: {"uri": MARKER}}}),
        "list": lambda: m.make(mso={"status": {"status_list": {"uri": MARKER, "idx": MARKER}}}),
        "device": lambda: m.make(device={"content": m.dump({MARKER: {MARKER: MARKER}})}),
        "payload": lambda: m.make(device={"attached": MARKER_BYTES}),
        "raw": lambda: MARKER_BYTES,
        "duplicate": lambda: m.make(mso=m.dump(m.Pairs([(MARKER, 1), (MARKER, 2)]))),
        "tag": lambda: m.make({m.OURS: {"x": cbor2.CBORTag(999, MARKER)}}),
    },
    Format.SD_CWT: {
        "kid": lambda: c.make(header={4: MARKER_BYTES}),
        "typ": lambda: c.make(header={16: MARKER}),
        "kb-typ": lambda: c.make(kb_header={16: MARKER}),
        "alg": lambda: c.make(header={1: MARKER}),
        "label": lambda: c.make(header={MARKER: MARKER, 2: [MARKER]}),
        "claims": lambda: c.make(header={15: {1: MARKER, MARKER: MARKER}}),
        "iss": lambda: c.make({1: MARKER}),
        "vct": lambda: c.make({11: MARKER}),
        "nationalities": lambda: c.make({"nationalities": [MARKER]}),
        "cnf": lambda: c.make({8: {1: {1: MARKER}}}),
        "status": lambda: c.make({65535: {MARKER: {"uri": MARKER}}}),
        "nonce": lambda: c.make(kb={39: MARKER_BYTES}),
        "aud": lambda: c.make(kb={3: MARKER}),
        "disclosure": lambda: c.make(disclosures=[c.disclosure(c.salt(), MARKER, MARKER)]),
        "claim": lambda: c.make({MARKER: MARKER, 4: b.NOW - 1}),
        "raw": lambda: MARKER_BYTES,
        "duplicate": lambda: c.make(m.dump(m.Pairs([(MARKER, 1), (MARKER, 2)]))),
        "tag": lambda: c.make({"x": cbor2.CBORTag(999, MARKER)}),
    },
}


# --- what nobody signs ---

IGNORED: Final = {99: b"ignored"}  # a parameter of an unprotected header that means nothing


@cache
def with_ignored(format: Format) -> bytes:
    """Return a good presentation in which a parameter of each unprotected header is ignored."""
    if format is Format.MDOC:
        return m.make(unprotected=IGNORED, device={"unprotected": IGNORED})
    if format is Format.SD_CWT:
        return c.make(unprotected=IGNORED, kb_unprotected=IGNORED)
    return f.good(format)


def meaningless(format: Format) -> set[int]:
    """Return the positions of bytes that nobody signs and that say nothing.

    That is a parameter of an unprotected header that is passed over, label, head and content; in an SD-CWT that of the
    SD-KBT alone, for the holder signs the other one. In an mdoc also the minor version of the DeviceResponse, which is
    read whatever it is.
    """
    if format is Format.SD_JWT_VC:
        return set()
    data, parameter = with_ignored(format), cbor2.dumps(IGNORED)[1:]
    starts = [at for at in range(len(data)) if data.startswith(parameter, at)]
    assert len(starts) == 2
    if format is Format.SD_CWT:
        starts = starts[1:]
    version = data.find(b"gversionc1.0") + 11
    outside = {version} if format is Format.MDOC else set()
    return outside.union(*(range(start, start + len(parameter)) for start in starts))


# --- keys and algorithms ---

MDOC_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "Ed25519": "Ed25519"}  # those that an mdoc knows

MDOC_NUMBERS: Final = {"ES256": -7, "ES384": -35, "Ed25519": -8, "ML-DSA-44": -48}


def signed_as(format: Format, trusted: str, claimed: str, same_key: bool) -> Callable[[], Any]:
    """Return the verification of what says to be signed by `claimed` where a key of `trusted` is trusted."""
    if format is Format.MDOC:
        signer = m.key("signer" if same_key else "key-decides-not", MDOC_CURVES[trusted if same_key else claimed])
        chain = m.signer_certificate(MDOC_CURVES[trusted])
        data = m.make(signer=signer, chain=chain, protected={1: MDOC_NUMBERS[claimed]})
        return functools.partial(m.verify, data)
    key = b.key("key-decides", trusted)
    other = key if same_key else b.key("key-decides-not", claimed)
    anchors = f.trusting(format, key=key.public)
    header: dict[Any, Any] = {"alg": claimed} if format is Format.SD_JWT_VC else {1: c.ALGORITHMS[claimed]}
    return functools.partial(f.VERIFY[format], f.MAKE[format](header=header, signer=other), anchors=anchors)


def bound_as(format: Format, claimed: str, same_key: bool) -> Callable[[], Any]:
    """Return the verification of what the holder, whose key is of ES256, says to have signed by `claimed`."""
    if format is Format.MDOC:
        device = m.key("device" if same_key else "key-decides-not", "P-256" if same_key else MDOC_CURVES[claimed])
        data = m.make(device={"device": device, "protected": {1: MDOC_NUMBERS[claimed]}})
        return functools.partial(m.verify, data)
    key = b.key("holder") if same_key else b.key("key-decides-not", claimed)
    header: dict[Any, Any] = {"alg": claimed} if format is Format.SD_JWT_VC else {1: c.ALGORITHMS[claimed]}
    return functools.partial(f.VERIFY[format], f.MAKE[format](kb_header=header, kb_signer=key))


def unsigned_algorithm(format: Format, holder: bool) -> Callable[[], Any]:
    """Return the verification of what names its algorithm, the right one, in the unprotected header alone."""
    if format is Format.MDOC:
        headers: dict[str, Any] = {"protected": {}, "unprotected": {1: -7}}
        return functools.partial(m.verify, m.make(device=headers) if holder else m.make(**headers))
    prefix = "kb_" if holder else ""
    headers = {prefix + "header": {1: b.ABSENT}, prefix + "unprotected": {1: -9}}
    return functools.partial(c.verify, c.make(**headers))


# --- bounds ---

BOUNDS: Final = {  # what each bound is called, the Reason for what is above it, and the step
    "presentation_bytes": (Reason.INPUT_TOO_LARGE, "V1"),
    "header_bytes": (Reason.INPUT_TOO_LARGE, "V1"),
    "documents": (Reason.LIMIT_EXCEEDED, "V1"),
    "disclosures": (Reason.LIMIT_EXCEEDED, "V1"),
    "digests": (Reason.LIMIT_EXCEEDED, "V4"),
    "depth": (Reason.DEPTH_EXCEEDED, "V4"),
    "claim_name_chars": (Reason.DISCLOSURE_MALFORMED, "V4"),
}


def nested(levels: int) -> Any:
    nested: Any = "x"
    for _ in range(levels):
        nested = [nested]
    return nested


def _of_size(format: Format, name: str, size: int) -> bytes:
    """Return a presentation that is good while the bound `name` is `size` at least."""
    numbers = range(size)
    if format is Format.MDOC:
        if name == "disclosures":
            return m.make({"n": dict.fromkeys(map(str, numbers), 1)})
        if name == "digests":
            return m.make({}, digests={"n": dict.fromkeys(numbers, b"d" * 32)})
        return m.make({"n": {"n" * size: 1}}) if name == "claim_name_chars" else m.make()
    if format is Format.SD_JWT_VC:
        named = ["n" * size] if name == "claim_name_chars" else list(map(str, numbers))
        shown = [b.disclosure(f"salt{each}", each, each) for each in named]
        hidden = {"_sd": [b.digest(text) for text in shown]}
        if name == "depth":
            return b.make(payload={"x": nested(size - 1)})
        return b.make(payload=hidden, disclosures=[] if name == "digests" else shown)
    named = ["n" * size] if name == "claim_name_chars" else list(map(str, numbers))
    contents = [c.disclosure(c.salt(number), 1, each) for number, each in enumerate(named)]
    if name == "depth":
        return c.make({"x": nested(size - 1)})
    return c.make(c.hide(*contents), [] if name == "digests" else contents)


def exact(format: Format, name: str, size: int) -> tuple[bytes, int]:
    """Return a good presentation, and the smallest bound that takes it."""
    data = _of_size(format, name, size)
    if name == "presentation_bytes":
        return data, len(data)
    if name == "header_bytes":
        return data, max(len(part.split(b".")[0]) for part in (data, data.split(b"~")[-1]))
    return data, size


# --- spellings ---


def longer(item: bytes) -> list[bytes]:
    """Return other encodings of a CBOR item: one whose first head is longer than need be, and one without a length."""
    first, major = item[0] & 31, item[0] & 0xE0
    width = 1 << first - 24 if 24 <= first < 28 else 0
    count = int.from_bytes(item[1 : 1 + width], "big") if width else first
    heads = [bytes([major | 24 + size]) + count.to_bytes(1 << size, "big") for size in range(4) if 1 << size > width]
    variants = [head + item[1 + width :] for head in heads]
    if major in (0x80, 0xA0):
        variants.append(bytes([major | 31]) + item[1 + width :] + b"\xff")
    return variants


def signed_parts(format: Format) -> list[tuple[bytes, Callable[[bytes], bytes]]]:
    """Return each piece of CBOR that somebody signed or digested, and how to put another in its place."""
    if format is Format.SD_CWT:
        outer = cbor2.loads(f.good(format)).value

        def put(place: int) -> Callable[[bytes], bytes]:
            return lambda part: m.dump(cbor2.CBORTag(18, [part if at == place else outer[at] for at in range(4)]))

        return [(outer[place], put(place)) for place in (0, 2)]
    document = cbor2.loads(f.good(format))["documents"][0]
    issuer_signed, device_signed = document["issuerSigned"], document["deviceSigned"]
    auth, items = issuer_signed["issuerAuth"], issuer_signed["nameSpaces"][m.PID]

    def with_auth(place: int) -> Callable[[bytes], bytes]:
        def put(part: bytes) -> bytes:
            made = [part if at == place else auth[at] for at in range(4)]
            return m.response({**document, "issuerSigned": {**issuer_signed, "issuerAuth": made}})

        return put

    def with_item(place: int) -> Callable[[bytes], bytes]:
        def put(part: bytes) -> bytes:
            made = [m.embedded(part if at == place else items[at].value) for at in range(len(items))]
            return m.response({**document, "issuerSigned": {**issuer_signed, "nameSpaces": {m.PID: made}}})

        return put

    def with_elements(part: bytes) -> bytes:
        return m.response({**document, "deviceSigned": {**device_signed, "nameSpaces": m.embedded(part)}})

    parts = [(auth[place], with_auth(place)) for place in (0, 2)]
    parts += [(item.value, with_item(place)) for place, item in enumerate(items)]
    return [*parts, (device_signed["nameSpaces"].value, with_elements)]


# --- slots ---

COSE_SLOTS: Final = {  # where the message of another kind is refused
    "SD-CWT": ("V1", "V2", "V4"),
    "SD-KBT": ("V1", "V7"),
    "issuerAuth": ("V1", "V4"),
    "deviceSignature": ("V8",),
    "status list": ("status",),
}


@cache
def _everything() -> tuple[Any, LocalKey, bytes]:
    """Return one key for every slot of the CBOR formats, and its certificate."""
    signer = m.key("everything")
    chain = b.der(m.certificate("DS", "IACA", signer, m.key("IACA")))[0]
    return signer, b.local_key(signer), chain


def message_of(kind: str) -> list[Any]:
    """Return what one key signed as one thing: protected header, unprotected header, payload, signature."""
    signer, local, chain = _everything()
    key = m.cose_key(signer)
    claims = {**c.good_claims(), 8: {1: key}}
    credential = c.sign1({1: -7, 16: 293}, {}, claims, local)
    if kind == "SD-CWT":
        return list(credential.value)
    if kind == "SD-KBT":
        return list(c.sign1({1: -7, 13: credential, 16: 294}, {}, c.good_binding(), local).value)
    if kind == "status list":
        lists = {"bits": 1, "lst": zlib.compress(bytes(8))}
        stated = {**claims, 2: b.STATUS_URI, 65533: lists}
        return list(c.sign1({1: -7, 16: "application/statuslist+cwt"}, {}, stated, local).value)
    issuer_signed = m.issuer_signed(signer=signer, chain=chain, key_info={"deviceKey": key})
    if kind == "issuerAuth":
        return list(issuer_signed["issuerAuth"])
    return list(m.device_signed(device=signer, attached=True)["deviceAuth"]["deviceSignature"])


def into_slot(slot: str, message: list[Any]) -> Any:
    """Verify a message in a slot. What nobody signs of it is made as the slot wants it."""
    signer, local, chain = _everything()
    protected, _, payload, signature = message
    anchors = TrustAnchors.from_keys(
        b.ISSUER,
        [local.public],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_CWT],
        types=[b.VCT],
        countries=ANY,
    )
    bare = cbor2.CBORTag(18, [protected, {}, payload, signature])
    if slot == "SD-CWT":
        return c.verify(c.bound(bare, signer=local), anchors=anchors)
    if slot == "SD-KBT":
        return c.verify(cbor2.dumps(bare), anchors=anchors)
    if slot == "status list":
        lists = TrustAnchors.from_keys(b.ISSUER, [local.public], purpose=KeyPurpose.STATUS_LIST)
        store = StatusStore(anchors=lists)
        return store.ingest(b.STATUS_URI, cbor2.dumps(bare), media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
    info = {"deviceKey": m.cose_key(signer)}
    issuer_signed = m.issuer_signed(signer=signer, chain=chain, key_info=info)
    device = m.device_signed(device=signer)
    if slot == "issuerAuth":
        issuer_signed["issuerAuth"] = [protected, {33: chain}, payload, signature]
    else:
        device["deviceAuth"] = {"deviceSignature": [protected, {}, None, signature]}
    return m.verify(m.response(m.document(issuer_signed, device)))


# --- what is shown ---


def taken_apart(format: Format, data: bytes) -> tuple[list[Any], Callable[[Iterable[Any]], bytes]]:
    """Return the disclosures of a presentation, and how to put others in their place after the holder signed."""
    if format is Format.SD_JWT_VC:
        token, *shown, binding = data.split(b"~")
        return shown, lambda other: b"~".join((token, *other, binding))
    if format is Format.SD_CWT:
        outer = cbor2.loads(data).value
        header = cbor2.loads(outer[0])
        inner = list(header[13].value)

        def put(other: Iterable[Any]) -> bytes:
            unprotected = {17: list(other)} if other else {}
            kcwt = cbor2.CBORTag(18, [inner[0], unprotected, *inner[2:]])
            changed = m.dump({name: kcwt if name == 13 else value for name, value in header.items()})
            return m.dump(cbor2.CBORTag(18, [changed, *outer[1:]]))

        return list(inner[1].get(17, [])), put
    response = cbor2.loads(data)
    (document,) = response["documents"]
    stated = document["issuerSigned"].get("nameSpaces", {})

    def put_items(other: Iterable[Any]) -> bytes:
        items: dict[str, list[Any]] = {}
        for namespace, item in other:
            items.setdefault(namespace, []).append(m.embedded(item))
        auth = document["issuerSigned"]["issuerAuth"]
        issuer_signed = {"issuerAuth": auth} | ({"nameSpaces": items} if items else {})
        return m.response({**document, "issuerSigned": issuer_signed})

    return [(namespace, item.value) for namespace, items in stated.items() for item in items], put_items
