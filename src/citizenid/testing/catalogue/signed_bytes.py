"""Attacks on what a signature covers: the bytes that came, all of them, and nothing else.

Spec: RFC 7515 section 5.2; RFC 9052 section 4.4; specs/verification.md O4, V3, V8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import Reason
from ...gateway import SieveCache
from ..attacks import Attack, attack
from ..forge import mdoc as mdoc_forge
from ..forge import mdoc_issuer, mdoc_keys, sd_jwt
from ..forge import sd_cwt as sd_cwt_forge
from ..forge.parts import ABSENT, NOW, base64url, key, unbase64url
from ..forge.status_lists import status_token
from ..forgery import called
from ..trials import Trial, accepted, expect, holds, mdoc, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._places import dpop, in_part, status_cwt, status_jwt

_INVALID: Final = Reason.SIGNATURE_INVALID
Sign = Callable[[bytes], bytes]


def _private(name: str) -> Sign:
    return partial(mdoc_keys.sign, mdoc_keys.key(name))


@attack("SIG-010")
def every_bit() -> Iterator[Trial]:
    """A single bit is another one: in the signature, in what is signed, or in what nobody signs."""
    yield accepted("no bit", jwt())
    for name, part, step in (("issuer", 0, "V3"), ("key binding", -1, "V8")):
        flip = partial(_flipped_text, bit=0)
        yield refused(f"{name}, the first of the signature", _INVALID, jwt(after=in_part(part, 2, flip)), step=step)
        flip = partial(_flipped_text, bit=511)
        yield refused(f"{name}, the last of the signature", _INVALID, jwt(after=in_part(part, 2, flip)), step=step)
    yield holds("SD-JWT VC, all of both signatures", partial(_all_refused, "signatures"))
    yield holds("SD-JWT VC, all of the header and the payload", partial(_all_refused, "issuer"))
    yield holds("SD-JWT VC, all of the key binding", partial(_all_refused, "holder"))
    yield holds("mdoc, a bit of every third byte of what is signed, and of each of the signature", _bits_of_an_mdoc)


def flipped(data: bytes, bit: int) -> bytes:
    """Return the bytes with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def _flipped_text(text: bytes, *, bit: int) -> bytes:
    return base64url(flipped(unbase64url(text), bit))


def _all_refused(where: str) -> None:
    # With the half of the issuer remembered, what is left of a verification is the half of the holder.
    cached: Any = SieveCache(8)
    data = sd_jwt.make(payload=_payload(), kb_signer=key("holder", "Ed25519"))
    sd_jwt.verify(data, cache=cached)
    half = data.rindex(b"~") + 1
    ends = {"issuer": (0, data.index(b".", data.index(b".") + 1)), "holder": (half, data.rindex(b"."))}
    if where == "signatures":
        variants = [in_part(part, 2, partial(_flipped_text, bit=bit))(data) for part in (0, -1) for bit in range(512)]
    else:
        first, last = ends[where]
        variants = [flipped(data, bit) for bit in range(8 * first, 8 * last)]
    for variant in variants:
        expect(not _allowed(partial(sd_jwt.verify, variant, cache=cached)), "one of them is accepted")
    expect(len(variants) > 1_000, "too few bits")


def _payload() -> dict[str, Any]:
    held = {"jwk": dict(key("holder", "Ed25519").public.to_jwk())}
    return {"cnf": held, "status": ABSENT, "iss": ABSENT, "nationalities": ABSENT, "iat": NOW, "exp": NOW + 600}


def _allowed(verify: Callable[[], object]) -> bool:
    return called(verify).allowed


def _bits_of_an_mdoc() -> None:
    signed = mdoc_issuer.issuer_signed()
    protected, unprotected, payload, signature = signed["issuerAuth"]
    device = mdoc_forge.device_signed()
    variants = [(payload, flipped(signature, 8 * index + index % 8)) for index in range(64)]
    variants += [(flipped(payload, 8 * index + index % 8), signature) for index in range(0, len(payload), 3)]
    for stated, value in ((payload, signature), *variants):
        auth = [protected, unprotected, stated, value]
        data = mdoc_forge.response(mdoc_forge.document({**signed, "issuerAuth": auth}, device))
        good = stated is payload and value is signature
        expect(_allowed(partial(mdoc_forge.verify, data)) is good, "one of them is accepted, or the good one is not")


@attack("SIG-011", "SIGNATURE_INVALID")
def spliced() -> Iterator[Trial]:
    """The parts of two good tokens of one issuer are put together anew."""
    other = sd_jwt.make(payload={"nationalities": ["DE"], "iat": NOW - 61})
    for index, name in enumerate(("header", "payload", "signature")):
        source = sd_jwt.make({"x": 1}) if name == "header" else other
        edit = in_part(0, index, partial(_segment_of, source, 0, index))
        yield refused(f"the {name} of another credential", _INVALID, jwt(after=edit), step="V3")
    for index, name in enumerate(("header", "signature")):
        bound = jwt(after=partial(_other_binding, 2 * index))
        yield refused(f"the {name} of another key binding", _INVALID, bound, step="V8")
    yield refused("header and payload of one, signed by another", _INVALID, jwt(signer=key("attacker")), step="V3")
    yield refused("the key binding of another holder", _INVALID, jwt(kb_signer=key("attacker")), step="V8")
    mso = mdoc_issuer.issuer_signed({mdoc_issuer.PID: {"nationality": ["DE"]}})["issuerAuth"]
    yield refused("the signature of another MSO", _INVALID, mdoc(auth=lambda each: [*each[:3], mso[3]]), step="V3")
    elsewhere = {"transcript": mdoc_forge.handover("https://other.example")}
    yield refused("the device's answer to somebody else", _INVALID, mdoc(device=elsewhere), step="V8")
    yield refused("the device's answer for another type", _INVALID, mdoc(device={"doc_type": "x"}), step="V8")
    for index, name in ((2, "payload"), (3, "signature")):
        yield refused(f"the {name} of another SD-CWT", _INVALID, sd_cwt(after=partial(_other_cwt, index)), step="V3")
    yield status_jwt("the payload of another list", _INVALID, edit=in_part(0, 1, lambda _: _list_part(1)))
    yield status_jwt("the signature of another list", _INVALID, edit=in_part(0, 2, lambda _: _list_part(2)))
    yield dpop("the signature of another proof", _INVALID, edit=in_part(0, 2, lambda _: _list_part(2)))


def _segment_of(source: bytes, part: int, index: int, _: bytes) -> bytes:
    return source.split(b"~")[part].split(b".")[index]


def _other_binding(index: int, data: bytes) -> bytes:
    half = data[: data.rindex(b"~") + 1]
    source = sd_jwt.bound(half, {"iat": NOW - 1}, {"x": 1})
    return in_part(-1, index, partial(_segment_of, source, -1, index))(data)


def _list_part(index: int) -> bytes:
    return status_token({}, payload={"iat": NOW - 20}).split(b".")[index]


def _other_cwt(index: int, data: bytes) -> bytes:
    # The holder signs over what he shows, and may be the one who has put it together.
    outer = cbor2.loads(data).value
    header = cbor2.loads(outer[0])
    inner = list(header[13].value)
    inner[index] = sd_cwt_forge.credential({"nationalities": ["DE"]}).value[index]
    return sd_cwt_forge.bound(CBORTag(18, inner))


def _over(sign: Sign, *, context: Any = ABSENT, aad: bytes = b"", payload: Any = ABSENT, header: Any = ABSENT) -> Sign:
    """Sign another Sig_structure than the one that is given."""

    def signed(data: bytes) -> bytes:
        stated = cbor2.loads(data)
        good = (context, header, aad, payload)
        return sign(cbor2.dumps([old if new is ABSENT else new for old, new in zip(stated, good, strict=True)]))

    return signed


@attack("SIG-013", "SIGNATURE_INVALID")
def another_structure() -> Iterator[Trial]:
    """The signature is over another structure than the one of COSE_Sign1."""
    for control in (sd_cwt(), mdoc()):
        yield accepted(f"{control.format}, Signature1", control)
    changes: dict[str, dict[str, Any]] = {
        "Signature": {"context": "Signature"},
        "CounterSignature": {"context": "CounterSignature"},
        "MAC0": {"context": "MAC0"},
        "an empty context": {"context": ""},
        "external_aad": {"aad": b"x"},
        "no payload": {"payload": None},
        "an empty payload": {"payload": b""},
        "another header": {"header": b"\xa1\x01\x27"},
        "the header as an empty map": {"header": b"\xa0"},
        "no header": {"header": b""},
    }
    for name, change in changes.items():
        issuer, holder = (_over(key(each).sign, **change) for each in ("issuer", "holder"))
        yield refused(f"SD-CWT, {name}", _INVALID, sd_cwt(sign=issuer), step="V3")
        yield refused(f"SD-KBT, {name}", _INVALID, sd_cwt(kb_sign=holder), step="V8")
        yield refused(f"issuerAuth, {name}", _INVALID, mdoc(sign_with=_over(_private("signer"), **change)), step="V3")
        device = {"sign_with": _over(_private("device"), **change)}
        yield refused(f"deviceSignature, {name}", _INVALID, mdoc(device=device), step="V8")
        yield status_cwt(f"status list, {name}", _INVALID, sign=_over(key("status").sign, **change))
    yield refused("issuerAuth, the payload is empty", _INVALID, mdoc(sent=b""), step="V3")
    for name, sent in (("empty", b""), ("of somebody else", b"\xd8\x18\x41\xa0")):
        yield refused(f"deviceSignature, the payload is {name}", _INVALID, mdoc(device={"attached": sent}))
    yield accepted("deviceSignature, its own payload", mdoc(device={"attached": True}))
    # Where the payload must be sent, its absence is a fault of the frame.
    token = Reason.MALFORMED_TOKEN
    yield refused("issuerAuth, the payload is null", token, mdoc(sent=None), step="V1")
    yield refused("SD-CWT, the payload is null", token, sd_cwt(after=_without_payload), step="V1")
    bare = _over(key("issuer").sign, payload=b"\xa0")
    yield refused("SD-CWT, signed over an empty map", _INVALID, sd_cwt(sign=bare), step="V3")


def _without_payload(data: bytes) -> bytes:
    inner = sd_cwt_forge.credential().value
    return sd_cwt_forge.bound(CBORTag(18, [*inner[:2], None, inner[3]]))


ATTACKS: Final[tuple[Attack, ...]] = (every_bit, spliced, another_structure)
