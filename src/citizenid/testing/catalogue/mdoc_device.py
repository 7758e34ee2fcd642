"""Attacks on the device authentication of an mdoc: whether it is there, in this session, and by the device.

Spec: ISO/IEC 18013-5 9.1.3; OpenID4VP 1.0 B.2.6; specs/profile-mdoc.md sections 4 and 5.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import cbor2

from ... import AgreementKey, Challenge, Country, Format, Reason
from ..attacks import attack
from ..forge import mdoc as m
from ..forge import sd_cwt as c
from ..forge import sd_jwt as j
from ..forge.cbor import date_time, dump, embedded
from ..forge.mdoc_issuer import OURS, PHOTO_ID, PID, issuer_signed
from ..forge.mdoc_keys import cose_key, key
from ..forge.parts import ABSENT, NOW, segment
from ..forge.parts import key as local
from ..forgery import Forgery, Outcome
from ..targets import Library, Party, outcome_of
from ..trials import Kind, Trial, accepted, expect, holds, mdoc, refused, sd_cwt

_MISSING: Final = Reason.KEY_BINDING_MISSING
_INVALID: Final = Reason.SIGNATURE_INVALID
_MALFORMED: Final = Reason.MALFORMED_TOKEN
_UNAUTHORIZED: Final = Reason.DEVICE_ELEMENT_NOT_AUTHORIZED


def _asked(name: str, reason: Reason | None, act: Callable[[Party], Outcome], step: str = "") -> Trial:
    """Expect this of requests to a gateway that are made with an mdoc."""
    kind = Kind.ACCEPTED if reason is None else Kind.REFUSED
    return Trial(name, kind, reason, step, lambda target: act(target.party(format=Format.MDOC)), anywhere=True)


@attack("MDC-022", "MDOC_DEVICE_AUTH_MISSING")
def no_device_authentication() -> Iterator[Trial]:
    """Nothing shows that the device that was named is there: whoever has seen the credential once could send it."""
    yield accepted("with it", mdoc())
    for name, value in (("no", ABSENT), ("null", None)):
        yield refused(f"{name} deviceSigned", _MISSING, mdoc(document_changes={"deviceSigned": value}), step="V7")
        yield refused(f"{name} deviceAuth", _MISSING, mdoc(device={"members": {"deviceAuth": value}}), step="V7")
    yield refused("what the issuer hands over", _MISSING, mdoc(after=lambda _: dump(issuer_signed())), step="V7")
    bare = Forgery(Format.SD_CWT, {}, lambda _: dump(c.credential()))
    yield refused("the neighbour: an SD-CWT without an SD-KBT", _MISSING, bare, step="V7")
    half = Forgery(Format.SD_JWT_VC, {}, lambda _: j.issuer_half())
    yield refused("the neighbour: an SD-JWT without a KB-JWT", _MISSING, half, step="V7")


@attack("MDC-023", "MDOC_DEVICE_AUTH_INVALID")
def another_transcript() -> Iterator[Trial]:
    """A good deviceSignature, made in another session: passed on, or played again."""
    yield accepted("this session", mdoc())
    hashed = m.handover()[2][1]
    others: dict[str, Any] = {
        "another nonce": m.handover(nonce="another nonce"),
        "another origin": m.handover(origin="https://other.example"),
        "no handover": [None, None, None],
        "one member more": [None, None, ["OpenID4VPDCAPIHandover", hashed, None]],
        "the name of another handover": [None, None, ["OpenID4VPHandover", hashed]],
        "device engagement in proximity": [embedded(b"\xa0"), embedded(b"\xa0"), None],
        "the bytes of it": embedded(dump(m.handover())),
    }
    for name, transcript in others.items():
        yield refused(name, _INVALID, mdoc(device={"transcript": transcript}), step="V8")
    yield refused("another docType", _INVALID, mdoc(device={"doc_type": OURS}), step="V8")
    yield refused("another key", _INVALID, mdoc(device={"device": key("somebody else")}), step="V8")
    yield refused("other elements", _INVALID, mdoc(device={"signed_content": b"\xb8\x00"}), step="V8")
    yield refused("the session of a wallet elsewhere", _INVALID, mdoc(), challenge=_elsewhere())
    yield _asked("the answer to another challenge of this gateway", _INVALID, partial(_crossed, other=None), "V8")
    yield _asked("the answer to this challenge", None, partial(_crossed, other=0))


def _elsewhere() -> Challenge:
    return Challenge.openid4vp(client_id=m.ORIGIN, nonce=m.NONCE, response_uri=m.ORIGIN)


def _crossed(party: Party, other: int | None) -> Outcome:
    """Answer one challenge with the answer to it, or to another one that was given at the same moment."""
    one = party.challenge()
    answered = party.challenge() if other is None else one
    shown = mdoc().made(answered["nonce"], answered["audience"], party.world.now)
    return outcome_of(party.post(shown, one["challenge"]))


@attack("MDC-024", "MDOC_DEVICE_AUTH_INVALID")
def two_proofs_or_none() -> Iterator[Trial]:
    """Both a signature and a MAC, so that the weaker could be chosen; or neither."""
    signature = m.device_signed()["deviceAuth"]["deviceSignature"]
    mac = m.device_signed(reader_public=key("reader").public_key())["deviceAuth"]["deviceMac"]
    reading = _reading()
    yield accepted("a signature alone", mdoc())
    yield accepted("a signature alone, where a MAC would do", mdoc(), challenge=reading)
    for name, auth in {
        "both": {"deviceSignature": signature, "deviceMac": mac},
        "both, the other way round": {"deviceMac": mac, "deviceSignature": signature},
        "a signature and no MAC in its place": {"deviceSignature": signature, "deviceMac": None},
        "a MAC and no signature in its place": {"deviceSignature": None, "deviceMac": mac},
        "a signature that is null": {"deviceSignature": None},
        "a list of both": [signature, mac],
    }.items():
        yield refused(name, _MALFORMED, mdoc(device={"auth": auth}), step="V1")
        yield refused(f"{name}, where a MAC would do", _MALFORMED, mdoc(device={"auth": auth}), challenge=reading)
    for name, empty in (("neither", {}), ("something else", {"rfu": 1}), ("names in capitals", {"DeviceMac": mac})):
        yield refused(name, _MISSING, mdoc(device={"auth": empty}), step="V7")


def _reading(name: str = "reader") -> Challenge:
    return m.challenge(reader_key=AgreementKey(key(name)))


@attack("MDC-026", "MDOC_DEVICE_AUTH_INVALID")
def attached_payload() -> Iterator[Trial]:
    """A payload comes along, and it is not what had to be signed."""
    yield accepted("the very bytes that are signed", mdoc(device={"attached": True}))
    yield accepted("none", mdoc(device={"attached": None}))
    other = m.device_authentication(m.handover(nonce="another nonce"), PID, b"\xa0")
    right = m.device_authentication(m.handover(), PID, b"\xa0")
    signed = {"transcript": m.handover(nonce="another nonce"), "attached": True}
    yield refused("another session, signed and sent", _INVALID, mdoc(device=signed), step="V7")
    for name, sent in {
        "of another session": other,
        "empty": b"",
        "the elements": b"\xa0",
        "without its tag": cbor2.loads(right).value,
        "and a byte more": right + b"\0",
        "the docType of another": m.device_authentication(m.handover(), OURS, b"\xa0"),
    }.items():
        yield refused(f"{name}, beside a good signature", _INVALID, mdoc(device={"attached": sent}), step="V7")
    mac = {"reader_public": key("reader").public_key()}
    yield accepted("a MAC", mdoc(device={**mac, "attached": True}), challenge=_reading())
    yield refused("a MAC, other bytes", _INVALID, mdoc(device={**mac, "attached": other}), challenge=_reading())


@attack("MDC-028", "MDOC_DEVICE_AUTH_INVALID")
def mac_by_others() -> Iterator[Trial]:
    """A MAC under another agreement than that of this reader and this device in this session, or a part of one."""
    public = key("reader").public_key()
    reading = _reading()

    def with_mac(**changes: Any) -> Forgery:
        return mdoc(device={"reader_public": public, **changes})

    yield accepted("a MAC", with_mac(), challenge=reading)
    yield refused("a MAC, and no key to judge it", Reason.READER_KEY_MISSING, with_mac(), step="V7")
    for name, forged in {
        "for another reader": with_mac(reader_public=key("another reader").public_key()),
        "by another device": with_mac(device=key("somebody else")),
        "in another session": with_mac(transcript=m.handover(nonce="another nonce")),
        "of another docType": with_mac(doc_type=OURS),
        "over other elements": with_mac(signed_content=b"\xb8\x00"),
        "zeros": with_mac(sign_with=lambda _: bytes(32)),
    }.items():
        yield refused(name, _INVALID, forged, step="V8", challenge=reading)
    yield refused("judged with another key", _INVALID, with_mac(), step="V8", challenge=_reading("another reader"))
    whole = m.device_signed(reader_public=public)["deviceAuth"]["deviceMac"]
    for size in (0, 1, 4, 8, 16, 31, 33, 64):
        cut = {"auth": {"deviceMac": [*whole[:3], (whole[3] * 2)[:size]]}}
        yield refused(
            f"{size} bytes of the tag", Reason.SIGNATURE_MALFORMED, mdoc(device=cut), step="V8", challenge=reading
        )
    signer = cose_key(key("device", "Ed25519"))
    agreeing = mdoc(key_info={"deviceKey": signer}, device={"reader_public": public})
    yield refused("of a device key that agrees on nothing", _INVALID, agreeing, step="V8", challenge=reading)


@attack("MDC-029", "MDOC_DEVICE_AUTH_INVALID")
def self_asserted() -> Iterator[Trial]:
    """The device states a nationality by itself, which the issuer has not let it."""
    stated = {"content": dump({PHOTO_ID: {"nationality": "US"}})}
    yield accepted("nothing", mdoc())
    for name, permitted in {
        "the namespace": {"nameSpaces": [PHOTO_ID]},
        "the element": {"dataElements": {PHOTO_ID: ["nationality", "x"]}},
    }.items():
        yield accepted(f"authorised by {name}", mdoc(key_info={"keyAuthorizations": permitted}, device=stated))
    others: dict[str, Any] = {
        "no authorisation": ABSENT,
        "another namespace": {"nameSpaces": [PID]},
        "another element": {"dataElements": {PHOTO_ID: ["x"]}},
        "the element in another namespace": {"dataElements": {PID: ["nationality"]}},
        "a beginning of the name": {"nameSpaces": [PHOTO_ID[:-1]], "dataElements": {PHOTO_ID: ["nationalit"]}},
        "a pattern": {"dataElements": {PHOTO_ID: ["*"]}},
    }
    for name, allowed in others.items():
        forged = mdoc(key_info={"keyAuthorizations": allowed}, device=stated)
        yield refused(name, _UNAUTHORIZED, forged, step="V7")
    for namespace, element in ((PID, "nationality"), (OURS, "citizen_of_us"), ("org.example", "x")):
        content = {"content": dump({namespace: {element: True}})}
        yield refused(f"{element} in {namespace}", _UNAUTHORIZED, mdoc(device=content), step="V7")
    one = {"dataElements": {PHOTO_ID: ["x"]}}
    two = {"content": dump({PHOTO_ID: {"x": 1, "nationality": "US"}})}
    further = mdoc(key_info={"keyAuthorizations": one}, device=two)
    yield refused("one element is authorised, and another stands beside it", _UNAUTHORIZED, further, step="V7")
    none: dict[str, Any] = {
        "an array": [], "no namespace": {1: {"x": 1}}, "no elements": {PHOTO_ID: {}}, "an array of it": {PHOTO_ID: []},
    }  # fmt: skip
    for name, stated_by_it in none.items():
        forged = mdoc(
            key_info={"keyAuthorizations": {"nameSpaces": [PHOTO_ID]}}, device={"content": dump(stated_by_it)}
        )
        yield refused(f"it states {name}", Reason.MALFORMED_TOKEN, forged, step="V7")
    unsound: dict[str, Any] = {
        "null": None, "nothing": {}, "empty lists": {"nameSpaces": [], "dataElements": {}}, "an array": [PHOTO_ID],
        "no array": {"nameSpaces": PHOTO_ID}, "a number": {"nameSpaces": [1]}, "no map": {"dataElements": [PHOTO_ID]},
        "no element": {"dataElements": {PHOTO_ID: []}}, "an element that is none": {"dataElements": {PHOTO_ID: [1]}},
        "one namespace in two ways": {"nameSpaces": [PHOTO_ID], "dataElements": {PHOTO_ID: ["x"]}},
    }  # fmt: skip
    for name, allowed in unsound.items():
        forged = mdoc(key_info={"keyAuthorizations": allowed})
        yield refused(f"authorised by {name}", Reason.CLAIM_INVALID, forged, step="V4")
    yield holds("what the device may state is no claim and no citizenship", _expect_unmerged)
    yield holds("and admits nobody", _expect_not_admitted)


def _authorized(nationality: str) -> Forgery:
    """Return a credential of this nationality whose device says, and may say, that it is the US."""
    spaces = [PHOTO_ID, OURS, "org.iso.18013.5.1"]
    stated = {
        PHOTO_ID: {"nationality": "US"},
        OURS: {"citizen_of_us": True},
        "org.iso.18013.5.1": {"nationality": "US"},
    }
    return mdoc(
        elements={PID: {"nationality": [nationality]}},
        key_info={"keyAuthorizations": {"nameSpaces": spaces}},
        device={"content": dump(stated)},
    )


def _expect_unmerged() -> None:
    verified: Any = m.verify(_authorized("DE").made())
    expect(set(verified.attestation.claims) == {PID}, "a namespace of the device is among the claims")
    expect(verified.citizenship.all_nationalities == {Country("DE")}, "it is of another nationality")


def _expect_not_admitted() -> None:
    for nationality, allowed in (("US", True), ("DE", False)):
        found = _used(Library().party(format=Format.MDOC), nationality)
        expect(found.allowed is allowed, f"{nationality}: {found}")
        expect(allowed or found.reason is Reason.CITIZENSHIP_NOT_PERMITTED, f"{nationality}: {found}")


def _used(party: Party, nationality: str) -> Outcome:
    answer = party.apply(_authorized(nationality))
    expect(answer.status == 200, f"{outcome_of(answer)}")
    return party.use(str(json.loads(answer.body)["ticket"]))


@attack("MDC-031", "SIGNATURE_INVALID")
def another_device_key() -> Iterator[Trial]:
    """What the issuer signed is changed afterwards, the device key before all, and nobody signs it anew."""
    mallory = key("mallory")
    named = {"deviceKeyInfo": {"deviceKey": cose_key(mallory)}}
    yield accepted("as it was signed, taken apart and put together", _resealed({}))
    yield refused(
        "the device key, and its device signs", _INVALID, _resealed(named, device={"device": mallory}), step="V3"
    )
    yield refused("the device key alone", _INVALID, _resealed(named), step="V3")
    later = {"signed": date_time(NOW - 60), "validFrom": date_time(NOW - 60), "validUntil": date_time(NOW + 80_000)}
    changes: dict[str, dict[str, Any]] = {
        "a longer validity": {"validityInfo": later},
        "no status": {"status": {"status_list": {"idx": 7, "uri": "https://id.example/status/1"}}},
        "another docType": {"docType": OURS},
        "another digest": {"valueDigests": {PID: {0: bytes(32)}}},
        "another hash": {"digestAlgorithm": "SHA-512"},
        "a version": {"version": "1.1"},
    }
    for name, change in changes.items():
        yield refused(name, _INVALID, _resealed(change), step="V3")
    inner = c.credential()
    inner.value[2] = dump({**cbor2.loads(inner.value[2]), 8: {1: c.cose_key(local("mallory"))}})
    yield refused("cnf of an SD-CWT", _INVALID, sd_cwt(kb_header={13: inner}, kb_signer=local("mallory")), step="V3")
    yield refused("cnf of an SD-JWT", _INVALID, Forgery(Format.SD_JWT_VC, {}, _with_another_cnf), step="V3")


def _resealed(change: dict[str, Any], **further: Any) -> Forgery:
    """Return an mdoc whose MSO is changed after it was signed."""

    def edit(parts: list[Any]) -> list[Any]:
        mso = cbor2.loads(cbor2.loads(parts[2]).value)
        return [*parts[:2], bytes(embedded(dump({**mso, **_dated(mso), **change}))), parts[3]]

    return mdoc(auth=edit, **further)


def _dated(mso: dict[str, Any]) -> dict[str, Any]:
    """Return the times of an MSO as they stood there: the decoder made dates of them."""
    return {"validityInfo": {name: date_time(int(each.timestamp())) for name, each in mso["validityInfo"].items()}}


def _with_another_cnf(data: bytes) -> bytes:
    token = data.partition(b"~")[0]
    header, _, signature = token.split(b".")
    mallory = local("mallory")
    jwk = dict(mallory.public.to_jwk())
    claims = {**j.good_payload(), "cnf": {"jwk": jwk}}
    half = b".".join((header, segment(claims), signature)) + b"~"
    return j.bound(half, signer=mallory)
