"""Attacks by the form of a signature: its length, its range, its second spellings, and what it covers.

Spec: RFC 7518 section 3.4; RFC 9052 sections 4.4, 6.3; FIPS 186-5 section 6.4.2; specs/verification.md V3, V8.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ... import AgreementKey, Challenge, Format, Reason
from ...gateway import Binding, SharingDetector, SharingLimits, SieveCache
from ...gateway.sharing import Threshold
from ..attacks import Group, attack
from ..forge import mdoc as mdoc_forge
from ..forge import mdoc_keys, sd_jwt
from ..forge.parts import REVOKED_INDEX, VALID_INDEX, base64url, key, unbase64url
from ..forge.proofs import hand_made_proof
from ..forge.status_lists import status_claim
from ..forgery import Outcome, called
from ..senders import Sender
from ..targets import Library, Party, outcome_of, serving
from ..trials import Trial, accepted, asked, expect, holds, mdoc, refused, sd_cwt
from ..trials import sd_jwt as jwt
from . import rsa_signatures, signed_bytes
from ._places import URL, constant, dpop, http, in_part, proven, status_cwt, status_jwt

_INVALID: Final = Reason.SIGNATURE_INVALID
_MALFORMED: Final = Reason.SIGNATURE_MALFORMED
_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1  # SP 800-186 section 3.2.1.3
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
Sign = Callable[[bytes], bytes]


def _changed(signer: Sign, change: Callable[[bytes], bytes]) -> Sign:
    return lambda data: change(signer(data))


def _private(name: str) -> Sign:
    return partial(mdoc_keys.sign, mdoc_keys.key(name))


def _everywhere(name: str, reason: Reason, change: Callable[[bytes], bytes]) -> Iterator[Trial]:
    """Change every signature by ES256 that there is, each by itself."""
    yield refused(f"issuer, {name}", reason, jwt(sign=_changed(key("issuer").sign, change)), step="V3")
    yield refused(f"key binding, {name}", reason, jwt(kb_sign=_changed(key("holder").sign, change)), step="V8")
    yield refused(f"SD-CWT, {name}", reason, sd_cwt(sign=_changed(key("issuer").sign, change)), step="V3")
    yield refused(f"SD-KBT, {name}", reason, sd_cwt(kb_sign=_changed(key("holder").sign, change)), step="V8")
    yield refused(f"issuerAuth, {name}", reason, mdoc(sign_with=_changed(_private("signer"), change)), step="V3")
    device = {"sign_with": _changed(_private("device"), change)}
    yield refused(f"deviceSignature, {name}", reason, mdoc(device=device), step="V8")
    yield status_jwt(f"status list, {name}", reason, sign=_changed(key("status").sign, change))
    yield status_cwt(f"status list, CWT, {name}", reason, sign=_changed(key("status").sign, change))
    yield dpop(f"DPoP, {name}", reason, sign=_changed(key("sender client").sign, change))
    yield http(f"HTTP signature, {name}", reason, edit=change)


def _halves(signature: bytes) -> tuple[int, int]:
    middle = len(signature) // 2
    return int.from_bytes(signature[:middle], "big"), int.from_bytes(signature[middle:], "big")


def _joined(r: int, s: int, size: int = 32) -> bytes:
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _der(signature: bytes) -> bytes:
    return encode_dss_signature(*_halves(signature))


@attack("SIG-001", "SIGNATURE_MALFORMED")
def der_signature() -> Iterator[Trial]:
    """An ECDSA signature as a SEQUENCE of two INTEGERs."""
    for control in (jwt(), sd_cwt(), mdoc()):
        yield accepted(f"{control.format}, r and s", control)
    yield from _everywhere("DER", _MALFORMED, _der)
    yield from _everywhere("DER, and zeros behind", _MALFORMED, lambda each: _der(each).ljust(128, b"\0"))
    for algorithm in ("ES384", "ES512"):
        signer = key("signs in DER", algorithm)
        trusted = sd_jwt.anchors_for(signer.public)
        yield accepted(f"{algorithm}, r and s", jwt(signer=signer), anchors=trusted)
        forged = jwt(signer=signer, sign=_changed(signer.sign, _der))
        yield refused(algorithm, _MALFORMED, forged, anchors=trusted, step="V3")


@attack("SIG-002", "SIGNATURE_INVALID")
def zeros() -> Iterator[Trial]:
    """Zero for r, for s, or for both."""
    for control in (jwt(), sd_cwt(), mdoc()):
        yield accepted(f"{control.format}, a good one", control)
    yield from _everywhere("r = s = 0", _INVALID, constant(bytes(64)))
    yield from _everywhere("r = 0", _INVALID, lambda each: bytes(32) + each[32:])
    yield from _everywhere("s = 0", _INVALID, lambda each: each[:32] + bytes(32))
    for algorithm, size in (("ES384", 96), ("ES512", 132), ("Ed25519", 64), ("ML-DSA-44", 2_420)):
        signer = key("signs nothing", algorithm)
        forged = jwt(signer=signer, sign=constant(bytes(size)))
        yield refused(f"{algorithm}, zeros", _INVALID, forged, anchors=sd_jwt.anchors_for(signer.public), step="V3")


@attack("SIG-003", "SIGNATURE_INVALID")
def out_of_range() -> Iterator[Trial]:
    """Numbers that are no residue of the order, or that are the same for everybody."""
    for name, r, s in (
        ("r = s = n", _N, _N),
        ("r = n + 1, s = 1", _N + 1, 1),
        ("r = p, s = 1", _P, 1),
        ("all ones", 2**256 - 1, 2**256 - 1),
        ("r = s = 1", 1, 1),
    ):
        yield from _everywhere(name, _INVALID, constant(_joined(r, s)))
    for r, s in ((_P - _N, 1), (_N - 1, _N - 1), (1, 0), (1, _N - 1)):
        yield refused(f"r = {r:x}, s = {s:x}", _INVALID, jwt(sign=constant(_joined(r, s))), step="V3")
    yield from _everywhere("s = n", _INVALID, partial(_replaced, r=None, s=_N))
    for r in (_N, _N + 1, _P, 2**256 - 1):
        sign = _changed(key("issuer").sign, partial(_replaced, r=r, s=None))
        yield refused(f"a good s, r = {r:x}", _INVALID, jwt(sign=sign), step="V3")
    yield refused(
        "r and s exchanged", _INVALID, jwt(sign=_changed(key("issuer").sign, lambda each: each[32:] + each[:32]))
    )


def _replaced(signature: bytes, *, r: int | None, s: int | None) -> bytes:
    old_r, old_s = _halves(signature)
    return _joined(old_r if r is None else r, old_s if s is None else s)


def _without_leading(signature: bytes) -> bytes:
    return signature[1:32] + signature[33:]


@attack("SIG-004", "SIGNATURE_MALFORMED")
def another_length() -> Iterator[Trial]:
    """A signature with a byte more or less, or of another length altogether."""
    for size in (1, 32, 63, 65, 128, 600):
        yield from _everywhere(f"{size} bytes", _MALFORMED, partial(_sized, size=size))
    long = _changed(key("issuer").sign, partial(_sized, size=100_000))
    yield refused("issuer, 100,000 bytes", _MALFORMED, jwt(sign=long), step="V3")
    # A JWS without a signature does not have its three parts.
    empty, token = constant(b""), Reason.MALFORMED_TOKEN
    yield refused("issuer, none", token, jwt(sign=empty), step="V1")
    yield refused("key binding, none", token, jwt(kb_sign=empty), step="V1")
    yield status_jwt("status list, none", token, sign=empty)
    yield dpop("DPoP, none", token, sign=empty)
    yield http("HTTP signature, none", Reason.PROOF_MALFORMED, edit=empty)
    yield refused("SD-CWT, none", _MALFORMED, sd_cwt(sign=empty), step="V3")
    yield refused("SD-KBT, none", _MALFORMED, sd_cwt(kb_sign=empty), step="V8")
    yield refused("issuerAuth, none", _MALFORMED, mdoc(sign_with=empty), step="V3")
    yield refused("deviceSignature, none", _MALFORMED, mdoc(device={"sign_with": empty}), step="V8")
    for name, change in (("zero before r", lambda each: b"\0" + each), ("zero behind s", lambda each: each + b"\0")):
        yield from _everywhere(name, _MALFORMED, change)
    yield from _everywhere("r and s by a byte too short", _MALFORMED, _without_leading)


def _sized(signature: bytes, *, size: int) -> bytes:
    return (signature * (size // 64 + 1))[:size]


@attack("SIG-006", "SIGNATURE_MALFORMED")
def length_of_another_algorithm() -> Iterator[Trial]:
    """A signature has the length that another algorithm has, or that somebody may take for the one of ES512."""
    sizes = {"ES256": 64, "ES384": 96, "ES512": 132, "Ed25519": 64, "ML-DSA-44": 2_420}
    for algorithm, right in sizes.items():
        signer = key("of its length", algorithm)
        trusted = sd_jwt.anchors_for(signer.public)
        yield accepted(f"{algorithm}, {right} bytes", jwt(signer=signer), anchors=trusted)
        for size in (64, 96, 128, 130, 131, 132, 133, 134, 2_420):
            if size != right:
                forged = jwt(signer=signer, sign=_changed(signer.sign, partial(_sized, size=size)))
                yield refused(f"{algorithm}, {size} bytes", _MALFORMED, forged, anchors=trusted, step="V3")
    short = key("holds", "ES512")
    held = {"cnf": {"jwk": dict(short.public.to_jwk())}}
    yield accepted("a holder with ES512", jwt(payload=held, kb_signer=short))
    for size in (64, 131, 133):
        sign = _changed(short.sign, partial(_sized, size=size))
        forged = jwt(payload=held, kb_signer=short, kb_sign=sign)
        yield refused(f"a holder with ES512, {size} bytes", _MALFORMED, forged, step="V8")


def _twin(signature: bytes) -> bytes:
    r, s = _halves(signature)
    return _joined(r, _N - s)


@attack("SIG-008")
def second_signature() -> Iterator[Trial]:
    """Who has a signature by ECDSA can write another one of the same bytes: it is good, and tells nobody apart."""
    by_issuer, by_holder = _changed(key("issuer").sign, _twin), _changed(key("holder").sign, _twin)
    yield accepted("issuer", jwt(sign=by_issuer))
    yield accepted("key binding", jwt(kb_sign=by_holder))
    yield accepted("SD-CWT", sd_cwt(sign=by_issuer, kb_sign=by_holder))
    device = {"sign_with": _changed(_private("device"), _twin)}
    yield accepted("mdoc", mdoc(sign_with=_changed(_private("signer"), _twin), device=device))
    yield status_jwt("status list", None, sign=_changed(key("status").sign, _twin))
    yield status_cwt("status list, CWT", None, sign=_changed(key("status").sign, _twin))
    yield dpop("DPoP", None, sign=_changed(key("sender client").sign, _twin))
    yield http("HTTP signature", None, edit=_twin)
    revoked = {"status": status_claim(REVOKED_INDEX)}
    yield refused("issuer, revoked", Reason.REVOKED, jwt(payload=revoked, sign=by_issuer), step="V9")
    yield refused("key binding, revoked", Reason.REVOKED, jwt(payload=revoked, kb_sign=by_holder), step="V9")
    yield asked("DPoP, sent again as its twin", Reason.REPLAYED, _proof_again)
    yield asked("a challenge is answered again by the twin", Reason.REPLAYED, _answer_again)
    yield holds("the attestation is the same", _same_attestation)
    yield holds("whoever counts its devices counts one credential", _one_credential)


def _proof_again(party: Party) -> Outcome:
    ticket, now, sender = party.ticket(), party.world.now, party.client.key
    made = hand_made_proof(sender, {"htu": URL}, ticket=ticket, now=now)
    expect(party.send(proven(ticket, made)).allowed, "the proof is refused at first")
    return party.send(proven(ticket, in_part(0, 2, _twin_text)(made)))


def _twin_text(text: bytes) -> bytes:
    return base64url(_twin(unbase64url(text)))


def _answer_again(party: Party) -> Outcome:
    posed = party.challenge()
    made = bytes(jwt().made(posed["nonce"], posed["audience"], party.world.now))  # type: ignore[arg-type]  # no text
    first = outcome_of(party.post(made, posed["challenge"]))
    expect(first.allowed, str(first))
    return outcome_of(party.post(in_part(-1, 2, _twin_text)(made), posed["challenge"]))


def _same_attestation() -> None:
    cached: Any = SieveCache(8)
    made = sd_jwt.make()
    twin = in_part(0, 2, _twin_text)(made)
    twin = twin[: twin.rindex(b"~") + 1]
    one = sd_jwt.verify(made, cache=cached)
    two = sd_jwt.verify(sd_jwt.bound(twin), cache=cached)
    expect(len(cached) == 2, "what was not seen before is not verified")
    for name in ("attestation", "anchor", "citizenship", "not_after"):
        expect(getattr(one, name) == getattr(two, name), name)


def _one_credential() -> None:
    by_twin = jwt(sign=_changed(key("issuer").sign, _twin))
    elsewhere = jwt(payload={"status": status_claim(VALID_INDEX - 1)})
    for shown, reason in ((by_twin, Reason.SHARING_SUSPECTED), (elsewhere, None)):
        detector = SharingDetector(limits=SharingLimits(senders_hour=Threshold(step_up=2)))
        party = Party(lambda world: serving(world.gateway), format=Format.SD_JWT_VC, sharing=detector)
        other = Sender(Binding.DPOP, "another device")
        expect(party.use(party.ticket()).allowed, "the first device is refused")
        second = json.loads(party.apply(shown, other).body)["ticket"]
        outcome = party.use(second, sender=other)
        expect(outcome.reason is reason, str(outcome))


@cache
def _reader() -> AgreementKey:
    return AgreementKey.generate("P-256")


@cache
def _answered_by_mac() -> tuple[Challenge, dict[str, Any]]:
    """Return a challenge that a MAC can answer, and the arguments by which the device does."""
    jwk = _reader().public.to_jwk()
    x, y = (int.from_bytes(unbase64url(jwk[name]), "big") for name in "xy")
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    transcript = mdoc_forge.handover()
    challenge = Challenge.dc_api(origin=mdoc_forge.ORIGIN, nonce=mdoc_forge.NONCE, reader_key=_reader())
    return challenge, {"transcript": transcript, "reader_public": public}


@attack("SIG-016", "SIGNATURE_MALFORMED")
def shortened_mac() -> Iterator[Trial]:
    """A MAC of which only a part came: whoever compares what is there takes the first byte, or nothing, for it."""
    challenge, answer = _answered_by_mac()
    yield accepted("the whole of it", mdoc(device=answer), challenge=challenge)
    for size in (0, 1, 4, 8, 16, 31, 33, 64):
        device = {**answer, "sign_with": _mac_sized(answer, size)}
        yield refused(f"{size} bytes", _MALFORMED, mdoc(device=device), challenge=challenge, step="V8")
    yield holds("each byte of it counts", partial(_each_byte, challenge, answer))
    yield holds("tickets and challenges, each byte of them", _sealed)


def _mac_sized(answer: dict[str, Any], size: int) -> Sign:
    secret = mdoc_forge.mac_key(mdoc_keys.key("device"), answer["reader_public"], answer["transcript"])
    return lambda data: (hmac.digest(secret, data, "sha256") * 2)[:size]


def _each_byte(challenge: Challenge, answer: dict[str, Any]) -> None:
    whole = _mac_sized(answer, 32)
    for bit in (None, *range(0, 256, 7), 255):
        sign = whole if bit is None else _changed(whole, partial(signed_bytes.flipped, bit=bit))
        data = mdoc_forge.make(device={**answer, "sign_with": sign})
        outcome = called(partial(mdoc_forge.verify, data, challenge=challenge))
        expect(outcome.reason is (None if bit is None else _INVALID), f"{bit}: {outcome}")


def _sealed() -> None:
    party = Library().party()
    ticket, posed = party.ticket(), party.challenge()
    shown = jwt().made(posed["nonce"], posed["audience"], party.world.now)
    for size in (1, 2, 15, 16, 31, len(ticket) - 1):
        expect(party.use(ticket[:-size]).reason is Reason.TICKET_INVALID, f"a ticket without its last {size}")
        cut = outcome_of(party.post(shown, posed["challenge"][:-size]))
        expect(cut.reason is Reason.CHALLENGE_INVALID, f"a challenge without its last {size}: {cut}")
    expect(party.use(ticket).allowed, "the ticket itself")


GROUP: Final = Group(
    "signature encodings",
    "a signature has one length and one range, covers what came, and is nobody's name",
    (
        der_signature,
        zeros,
        out_of_range,
        another_length,
        length_of_another_algorithm,
        second_signature,
        *signed_bytes.ATTACKS,
        *rsa_signatures.ATTACKS,
        shortened_mac,
    ),
)
