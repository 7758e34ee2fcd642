"""Attacks on the holder's proof: left out, made by another, for another challenge, or for another credential.

Spec: RFC 9901 sections 4.3 and 7.3; RFC 7800 section 3; draft-ietf-spice-sd-cwt sections 8 and 9; ISO/IEC 18013-5
9.1.3; specs/verification.md V7, V8.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import AgreementKey, Reason, Serialization
from ..attacks import Group, attack
from ..forge import mdoc as _mdoc
from ..forge import mdoc_keys
from ..forge import sd_cwt as _sd_cwt
from ..forge import sd_jwt as _sd_jwt
from ..forge.cbor import dump as write
from ..forge.certificates import certificate, x5c
from ..forge.mdoc import handover
from ..forge.mdoc_issuer import OURS, issuer_signed
from ..forge.parts import ABSENT, AUDIENCE, NONCE, base64url, jws, key, unbase64url
from ..forge.sd_cwt import cose_key, hide
from ..forge.sd_jwt import to_json
from ..trials import Trial, accepted, mdoc, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._disclosures import C_A, C_B, A, B, claims
from ._replays import at_once, the_same_twice

_NO_BINDING: Final = Reason.KEY_BINDING_MISSING
_SIGNATURE: Final = Reason.SIGNATURE_INVALID
_NONCE: Final = Reason.NONCE_MISMATCH
_AUDIENCE: Final = Reason.AUDIENCE_MISMATCH
_SD_HASH: Final = Reason.SD_HASH_MISMATCH
_MISSING: Final = Reason.CLAIM_MISSING
_KEY: Final = Reason.KEY_INVALID


def unbound(made: bytes) -> bytes:
    """Take the key binding off."""
    return made[: made.rindex(b"~") + 1]


def _bare(_: bytes) -> bytes:
    return cbor2.dumps(_sd_cwt.credential())


def _issuer_signed(_: bytes) -> bytes:
    return write(issuer_signed())


def _resigned(change: Callable[[bytes, dict[str, Any]], Mapping[str, Any]]) -> Callable[[bytes], bytes]:
    """Return what has the holder sign other claims; `change` is given the issuer's half and the good claims."""

    def after(made: bytes) -> bytes:
        half = unbound(made)
        good = json.loads(unbase64url(made[len(half) :].split(b".")[1]))
        return half + jws({"alg": "ES256", "typ": "kb+jwt"}, change(half, good), key("holder"))

    return after


@attack("KBD-001", "KB_MISSING")
def stripped() -> Iterator[Trial]:
    """The holder's proof was taken off, and what is left is a sound credential."""
    yield accepted("SD-JWT VC, with it", jwt())
    yield accepted("SD-CWT, with it", sd_cwt())
    yield accepted("mdoc, with it", mdoc())
    yield refused("SD-JWT VC", _NO_BINDING, jwt(after=unbound), step="V7")
    hidden = jwt(payload=claims(A), disclosures=[A], after=unbound)
    yield refused("SD-JWT VC, with a disclosure", _NO_BINDING, hidden, step="V7")
    yield refused("SD-CWT", _NO_BINDING, sd_cwt(after=_bare), step="V7")
    yield refused("mdoc", _NO_BINDING, mdoc(after=_issuer_signed), step="V7")
    yield refused("mdoc, no deviceSigned", _NO_BINDING, mdoc(document_changes={"deviceSigned": ABSENT}), step="V7")
    flattened = jwt(after=lambda made: to_json(unbound(made)))
    yield refused("flattened", _NO_BINDING, flattened, step="V7", serialization=Serialization.FLATTENED)
    general = jwt(after=lambda made: to_json(unbound(made), general=True))
    yield refused("general", _NO_BINDING, general, step="V7", serialization=Serialization.GENERAL)


@attack("KBD-002", "KB_INVALID")
def no_key_to_bind() -> Iterator[Trial]:
    """The credential names no key of a holder, and somebody signs."""
    nobody = {"cnf": ABSENT}
    for name in ("holder", "issuer", "attacker"):
        forged = jwt(payload=nobody, kb_signer=key(name))
        yield refused(f"SD-JWT VC, {name}", Reason.HOLDER_KEY_MISSING, forged, step="V7")
        forged = sd_cwt(claims={8: ABSENT}, kb_signer=key(name))
        yield refused(f"SD-CWT, {name}", _MISSING, forged, step="V4")
        forged = mdoc(mso={"deviceKeyInfo": ABSENT}, device={"device": mdoc_keys.key(name)})
        yield refused(f"mdoc, {name}", _MISSING, forged, step="V4")
    yield refused("mdoc, information on no key", _KEY, mdoc(key_info={"deviceKey": ABSENT}), step="V4")
    jwk = dict(key("attacker").public.to_jwk())
    stated = jwt(payload=nobody, kb={"cnf": {"jwk": jwk}}, kb_signer=key("attacker"))
    yield refused("SD-JWT VC, the key binding names one", Reason.HOLDER_KEY_MISSING, stated, step="V7")
    below = jwt(payload={**nobody, "x": {"cnf": {"jwk": jwk}}}, kb_signer=key("attacker"))
    yield refused("SD-JWT VC, one stands below", Reason.HOLDER_KEY_MISSING, below, step="V7")


@attack("KBD-004", "KB_MISSING")
def the_token_excuses_itself() -> Iterator[Trial]:
    """A claim says that no key binding, or no nonce, is supported."""
    excuses: dict[str, Any] = {
        "key_binding": False, "kb": "none", "cryptographic_binding_methods_supported": [], "nonce_supported": False,
        "binding": None, "require_cryptographic_holder_binding": False,
    }  # fmt: skip
    for name, value in excuses.items():
        yield refused(f"SD-JWT VC, {name}", _NO_BINDING, jwt(payload={name: value}, after=unbound), step="V7")
        said = jwt(header={name: value}, after=unbound)
        yield refused(f"SD-JWT VC, {name} in the header", _NO_BINDING, said, step="V7")
        # A key binding that lacks what it must say is none either.
        no_nonce = jwt(payload={name: value}, kb={name: value, "nonce": ABSENT})
        yield refused(f"SD-JWT VC, {name}, without nonce", _MISSING, no_nonce, step="V7")
        no_nonce = sd_cwt(claims={name: value}, kb={name: value, 39: ABSENT})
        yield refused(f"SD-CWT, {name}, without nonce", _MISSING, no_nonce, step="V7")


def _of_something_else(_: bytes) -> bytes:
    return key("holder").sign(b"something else")


@attack("KBD-005", "KB_INVALID")
def signed_by_another() -> Iterator[Trial]:
    """Another key than the credential's signs for the holder."""
    for name in ("attacker", "issuer", "status"):
        yield refused(f"SD-JWT VC, {name}", _SIGNATURE, jwt(kb_signer=key(name)), step="V8")
        yield refused(f"SD-CWT, {name}", _SIGNATURE, sd_cwt(kb_signer=key(name)), step="V8")
    for name in ("attacker", "signer", "IACA"):
        yield refused(f"mdoc, {name}", _SIGNATURE, mdoc(device={"device": mdoc_keys.key(name)}), step="V8")
    for algorithm in ("ES384", "Ed25519", "ML-DSA-44"):
        signer = key("attacker", algorithm)
        yield refused(f"SD-JWT VC, {algorithm}", Reason.ALGORITHM_MISMATCH, jwt(kb_signer=signer), step="V8")
        yield refused(f"SD-CWT, {algorithm}", Reason.ALGORITHM_MISMATCH, sd_cwt(kb_signer=signer), step="V8")
    yield refused("SD-JWT VC, zeros", _SIGNATURE, jwt(kb_sign=lambda _: bytes(64)), step="V8")
    yield refused("SD-JWT VC, of something else", _SIGNATURE, jwt(kb_sign=_of_something_else), step="V8")
    half = jwt(kb_sign=lambda data: key("holder").sign(data)[:63])
    yield refused("SD-JWT VC, a byte less", Reason.SIGNATURE_MALFORMED, half, step="V8")
    reader = mdoc_keys.key("reader")
    agreed = _mdoc.challenge(reader_key=AgreementKey(reader))
    mac: dict[str, Any] = {"reader_public": reader.public_key()}
    yield accepted("mdoc, a MAC by the device", mdoc(device=mac), challenge=agreed)
    other: dict[str, Any] = {**mac, "device": mdoc_keys.key("attacker")}
    yield refused("mdoc, a MAC by another", _SIGNATURE, mdoc(device=other), step="V8", challenge=agreed)
    other = {"reader_public": mdoc_keys.key("attacker").public_key()}
    yield refused("mdoc, a MAC for another", _SIGNATURE, mdoc(device=other), step="V8", challenge=agreed)
    yield refused("mdoc, zeros", _SIGNATURE, mdoc(device={"sign_with": lambda _: bytes(64)}), step="V8")
    yield refused("SD-CWT, zeros", _SIGNATURE, sd_cwt(kb_sign=lambda _: bytes(64)), step="V8")


@attack("KBD-006", "KB_INVALID")
def brings_its_key() -> Iterator[Trial]:
    """The key binding brings the key along that verifies it."""
    attacker, forbidden = key("attacker"), Reason.HEADER_FORBIDDEN
    jwk = dict(attacker.public.to_jwk())
    for name, value in {"jwk": jwk, "jku": "https://a.example", "x5u": "https://a.example"}.items():
        forged = jwt(kb_header={name: value}, kb_signer=attacker)
        yield refused(f"SD-JWT VC, {name}", forbidden, forged, step="V1")
        yield refused(f"SD-JWT VC, {name}, by the holder", forbidden, jwt(kb_header={name: value}), step="V1")
    chain = x5c(certificate("attacker", "attacker"))
    signed = jwt(kb_header={"x5c": chain, "kid": "attacker"}, kb_signer=attacker)
    yield refused("SD-JWT VC, x5c", _SIGNATURE, signed, step="V8")
    named = jwt(kb_header={"kid": base64url(attacker.public.thumbprint).decode()}, kb_signer=attacker)
    yield refused("SD-JWT VC, kid", _SIGNATURE, named, step="V8")
    yield refused("SD-JWT VC, cnf", _SIGNATURE, jwt(kb={"cnf": {"jwk": jwk}}, kb_signer=attacker), step="V8")
    yield refused("SD-CWT, cnf", _SIGNATURE, sd_cwt(kb={8: {1: cose_key(attacker)}}, kb_signer=attacker), step="V8")
    yield refused("SD-CWT, kid", _SIGNATURE, sd_cwt(kb_header={4: b"attacker"}, kb_signer=attacker), step="V8")
    away = sd_cwt(kb_header={35: "https://a.example"}, kb_signer=attacker)
    yield refused("SD-CWT, x5u", forbidden, away, step="V1")
    device = {"device": mdoc_keys.key("attacker"), "unprotected": {4: b"attacker"}}
    yield refused("mdoc, kid", _SIGNATURE, mdoc(device=device), step="V8")


@attack("KBD-008", "KEY_INVALID")
def a_confirmation_of_two() -> Iterator[Trial]:
    """What names the holder's key names two, or none that is here."""
    jwk = dict(key("holder").public.to_jwk())
    confirmations: dict[str, Any] = {
        "jwk and kid": {"jwk": jwk, "kid": "k"}, "jwk and x5t": {"jwk": jwk, "x5t#S256": "x"}, "null": None,
        "jwk and an unknown member": {"jwk": jwk, "x": 1}, "kid": {"kid": "k"}, "jku": {"jku": "https://a.example"},
        "empty": {}, "a thumbprint": {"jkt": "x"}, "jwe": {"jwe": "x"}, "an array": [jwk], "a text": "x",
        "a bare key": jwk, "two keys": {"jwk": [jwk, jwk]}, "a private key": {"jwk": key("holder").to_private_jwk()},
        "another case": {"JWK": jwk}, "a symmetric key": {"jwk": {"kty": "oct", "k": "AAAA"}},
    }  # fmt: skip
    yield accepted("SD-JWT VC, one jwk", jwt(payload={"cnf": {"jwk": jwk}}))
    for name, value in confirmations.items():
        yield refused(f"SD-JWT VC, {name}", _KEY, jwt(payload={"cnf": value}), step="V4")
    good = cose_key(key("holder"))
    of_cose: dict[str, Any] = {
        "COSE_Key and kid": {1: good, 3: b"k"}, "kid": {3: b"k"}, "encrypted": {2: [b"", {}, b""]}, "empty": {},
        "null": None, "as text": {"1": good}, "an array": [good], "a private key": {1: {**good, -4: bytes(32)}},
        "a thumbprint": {5: bytes(32)}, "two keys": {1: [good, good]},
    }  # fmt: skip
    yield accepted("SD-CWT, one COSE_Key", sd_cwt(claims={8: {1: good}}))
    for name, value in of_cose.items():
        yield refused(f"SD-CWT, {name}", _KEY, sd_cwt(claims={8: value}), step="V4")
    for name, value in (("null", None), ("an array", [good]), ("empty", {}), ("private", {**good, -4: bytes(32)})):
        yield refused(f"mdoc, {name}", _KEY, mdoc(key_info={"deviceKey": value}), step="V4")


@attack("KBD-010", "KB_INVALID")
def of_another_type() -> Iterator[Trial]:
    """The key binding says to be something else, or nothing."""
    mismatch = Reason.TYP_MISMATCH
    texts: tuple[Any, ...] = (
        "JWT", ABSENT, "kb+JWT", "KB+JWT", "application/kb+jwt", "dc+sd-jwt", "dpop+jwt", "kb+jwt ", "",
    )  # fmt: skip
    for typ in texts:
        yield refused(f"SD-JWT VC, {typ!r}", mismatch, jwt(kb_header={"typ": typ}), step="V7")
    for typ in (None, 5, ["kb+jwt"]):
        yield refused(f"SD-JWT VC, {typ!r}", Reason.HEADER_INVALID, jwt(kb_header={"typ": typ}), step="V1")
    yield accepted("SD-CWT, by its name", sd_cwt(kb_header={16: "application/kb+cwt"}))
    for typ in (ABSENT, 295, 61, "application/cwt", "kb+cwt", "application/KB+cwt"):
        yield refused(f"SD-CWT, {typ!r}", mismatch, sd_cwt(kb_header={16: typ}), step="V1")
    itself = jwt(after=lambda made: unbound(made) + made.split(b"~")[0])
    yield refused("SD-JWT VC, the credential itself", mismatch, itself, step="V7")


@attack("KBD-011", "KB_NONCE_MISMATCH")
def another_nonce() -> Iterator[Trial]:
    """The proof answers another challenge, or does not say which."""
    values: tuple[Any, ...] = (
        "other", "", NONCE + " ", NONCE[:-1], "0" + NONCE, NONCE.upper(), None, 5, True, [NONCE],
        {"nonce": NONCE}, "\u0430" * 9,
    )  # fmt: skip
    for value in values:
        yield refused(f"KB-JWT, {value!r}", _NONCE, jwt(kb={"nonce": value}), step="V7")
    yield refused("KB-JWT, none", _MISSING, jwt(kb={"nonce": ABSENT}), step="V7")
    elsewhere = jwt(kb={"nonce": ABSENT}, kb_header={"nonce": NONCE})
    yield refused("KB-JWT, in the header", _MISSING, elsewhere, step="V7")
    near = NONCE.encode() + b"0", NONCE.encode()[:-1], b"0" + NONCE.encode(), NONCE.upper().encode()
    for value in (b"other", b"", *near, "other", NONCE, None, 5, True, [NONCE.encode()]):
        yield refused(f"SD-KBT, {value!r}", _NONCE, sd_cwt(kb={39: value}), step="V7")
    yield refused("SD-KBT, none", _MISSING, sd_cwt(kb={39: ABSENT}), step="V7")
    # What an mdoc signs holds the nonce and does not state it: another one is another message.
    for nonce in ("other nonce", "", NONCE + "0"):
        device = {"transcript": handover(nonce=nonce)}
        yield refused(f"mdoc, {nonce!r}", _SIGNATURE, mdoc(device=device), step="V8")
    digits = _sd_jwt.challenge(nonce="12345678")
    yield accepted("KB-JWT, digits", jwt(kb={"nonce": "12345678"}), challenge=digits)
    number = jwt(kb={"nonce": 12_345_678})
    yield refused("KB-JWT, the number of these digits", _NONCE, number, step="V7", challenge=digits)


@attack("KBD-012", "KB_AUDIENCE")
def another_audience() -> Iterator[Trial]:
    """The proof is for another verifier, or for several, or for this one in another spelling."""
    others: tuple[Any, ...] = (
        "https://other.example", "", AUDIENCE + "/", AUDIENCE + ":443", AUDIENCE.upper(), "HTTPS://gateway.example",
        "https://GATEWAY.example", [AUDIENCE], [AUDIENCE, "x"], None, 5, True, {AUDIENCE: 1}, AUDIENCE + " ",
        "origin:" + AUDIENCE, AUDIENCE + ".", "http://gateway.example", "https://gateway.example@a.example",
    )  # fmt: skip
    for value in others:
        yield refused(f"KB-JWT, {value!r}", _AUDIENCE, jwt(kb={"aud": value}), step="V7")
    for value in ("https://other.example", AUDIENCE + "/", [AUDIENCE], AUDIENCE.encode(), None, 5):
        yield refused(f"SD-KBT, {value!r}", _AUDIENCE, sd_cwt(kb={3: value}), step="V7")
    yield refused("KB-JWT, none", _MISSING, jwt(kb={"aud": ABSENT}), step="V7")
    yield refused("SD-KBT, none", _MISSING, sd_cwt(kb={3: ABSENT}), step="V7")
    for origin in ("https://other.example", AUDIENCE + "/", AUDIENCE + ":443", "origin:" + AUDIENCE):
        device = {"transcript": handover(origin)}
        yield refused(f"mdoc, {origin!r}", _SIGNATURE, mdoc(device=device), step="V8")
    yield accepted("the credential is for this one", jwt(payload={"aud": ["https://other.example", AUDIENCE]}))
    for value in ("https://other.example", [], ["https://other.example"], [AUDIENCE + "/"]):
        yield refused(f"the credential is for {value!r}", _AUDIENCE, jwt(payload={"aud": value}), step="V7")
        yield refused(f"the SD-CWT is for {value!r}", _AUDIENCE, sd_cwt(claims={3: value}), step="V7")


@attack("KBD-013", "KB_SD_HASH_MISMATCH")
def another_set_of_disclosures() -> Iterator[Trial]:
    """Disclosures are added, taken away or moved after the holder has signed."""
    both: dict[str, Any] = {"payload": claims(A, B)}
    yield accepted("as it was signed", jwt(**both, disclosures=[A, B]))
    yield refused("KB-JWT, no sd_hash", _MISSING, jwt(kb={"sd_hash": ABSENT}), step="V7")
    hashes: tuple[Any, ...] = ("", "wrong", None, 5, True, [])
    for value in hashes:
        yield refused(f"KB-JWT, {value!r}", _SD_HASH, jwt(kb={"sd_hash": value}), step="V7")
    edits: dict[str, Any] = {
        "one is taken away": lambda made: made.replace(b"~" + B, b""),
        "both are": lambda made: made.replace(b"~" + A + b"~" + B, b""),
        "in another order": lambda made: made.replace(A + b"~" + B, B + b"~" + A),
    }
    for name, after in edits.items():
        yield refused(f"KB-JWT, {name}", _SD_HASH, jwt(**both, disclosures=[A, B], after=after), step="V7")
    added = jwt(**both, disclosures=[A], after=lambda made: made.replace(A, A + b"~" + B))
    yield refused("KB-JWT, one is added", _SD_HASH, added, step="V7")
    # An SD-KBT signs the whole SD-CWT with its disclosures, and needs no hash of them.
    same = sd_cwt(claims=hide(C_A), disclosures=[C_A], after=partial(_shown_instead, shown=[C_A]))
    yield accepted("SD-KBT, taken apart and put together", same)
    for name, shown in (("one is taken away", [C_A]), ("in another order", [C_B, C_A])):
        forged = sd_cwt(claims=hide(C_A, C_B), disclosures=[C_A, C_B], after=partial(_shown_instead, shown=shown))
        yield refused(f"SD-KBT, {name}", _SIGNATURE, forged, step="V8")
    more = sd_cwt(claims=hide(C_A, C_B), disclosures=[C_A], after=partial(_shown_instead, shown=[C_A, C_B]))
    yield refused("SD-KBT, one is added", _SIGNATURE, more, step="V8")


def _shown_instead(made: bytes, *, shown: list[bytes]) -> bytes:
    outer = cbor2.loads(made)
    header = dict(cbor2.loads(outer.value[0]))
    inner = header[13].value
    header[13] = CBORTag(18, [inner[0], {17: shown}, *inner[2:]])
    return cbor2.dumps(CBORTag(18, [cbor2.dumps(header), *outer.value[1:]]))


@attack("KBD-015", "KB_SD_HASH_MISMATCH")
def another_spelling_of_the_hash() -> Iterator[Trial]:
    """The hash is the right one by another algorithm, over other bytes, or in another spelling."""
    of = _sd_jwt.digest
    spellings: dict[str, Callable[[bytes], str]] = {
        "SHA-384": lambda half: of(half, "sha-384"), "SHA-512": lambda half: of(half, "sha-512"),
        "hexadecimal": lambda half: hashlib.sha256(half).hexdigest(), "padded": lambda half: of(half) + "=",
        "standard base64": lambda half: base64.b64encode(hashlib.sha256(half).digest()).decode(),
        "upper case": lambda half: of(half).upper(), "cut short": lambda half: of(half)[:22],
        "a line end": lambda half: of(half) + "\n", "without the last tilde": lambda half: of(half[:-1]),
        "of the JWT alone": lambda half: of(half.split(b"~")[0]), "of nothing": lambda _: of(b""),
        "twice": lambda half: of(of(half).encode()), "of the disclosure": lambda _: of(A),
    }  # fmt: skip
    shown: dict[str, Any] = {"payload": claims(A), "disclosures": [A]}

    def good(half: bytes, claims: dict[str, Any]) -> dict[str, Any]:
        return {**claims, "sd_hash": _sd_jwt.digest(half)}

    yield accepted("the one spelling", jwt(**shown, after=_resigned(good)))
    for name, spelled in spellings.items():

        def wrong(half: bytes, claims: dict[str, Any], spelled: Callable[[bytes], str] = spelled) -> dict[str, Any]:
            return {**claims, "sd_hash": spelled(half)}

        yield refused(name, _SD_HASH, jwt(**shown, after=_resigned(wrong)), step="V7")
    longer = jwt(payload={"_sd_alg": "sha-512", "_sd": [_sd_jwt.digest(A, "sha-512")]}, disclosures=[A])
    yield refused("SHA-256, where the credential says SHA-512", _SD_HASH, longer, step="V7")


@attack("KBD-020", "KB_SD_HASH_MISMATCH")
def of_another_credential() -> Iterator[Trial]:
    """The holder's proof over one credential is put behind another one of the same holder."""
    other = _sd_jwt.issuer_half(payload={"x": 2})
    moved = jwt(payload={"x": 1}, after=lambda made: other + made.rpartition(b"~")[2])
    yield refused("SD-JWT VC", _SD_HASH, moved, step="V7")
    again = jwt(after=lambda made: _sd_jwt.issuer_half() + made.rpartition(b"~")[2])
    yield refused("SD-JWT VC, signed anew with the same claims", _SD_HASH, again, step="V7")
    yield refused("SD-CWT", _SIGNATURE, sd_cwt(after=_around_another), step="V8")
    # A device signs the session and the docType. It is the session that nobody else has.
    yield refused("mdoc, for another docType", _SIGNATURE, mdoc(device={"doc_type": OURS}), step="V8")


def _around_another(made: bytes) -> bytes:
    outer = cbor2.loads(made)
    header = dict(cbor2.loads(outer.value[0]))
    header[13] = _sd_cwt.credential({"x": 2})
    return cbor2.dumps(CBORTag(18, [cbor2.dumps(header), *outer.value[1:]]))


GROUP: Final = Group(
    "key binding",
    "whoever verifies asks for the holder's proof, and it counts for one key, one challenge and one set of disclosures",
    (
        stripped,
        no_key_to_bind,
        the_token_excuses_itself,
        signed_by_another,
        brings_its_key,
        a_confirmation_of_two,
        of_another_type,
        another_nonce,
        another_audience,
        another_set_of_disclosures,
        another_spelling_of_the_hash,
        the_same_twice,
        at_once,
        of_another_credential,
    ),
)
