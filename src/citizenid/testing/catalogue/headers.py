"""Attacks by what a header says besides algorithm and key: extensions, types, and another serialisation.

Spec: RFC 7515 sections 4.1.9 to 4.1.11, 7.2; RFC 7797; RFC 8725 sections 3.11, 3.12; RFC 9052 section 3.1; RFC 9596.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import cbor2

from ... import Format, Reason, Serialization
from ...status import StatusStore
from ..attacks import Group, attack
from ..forge import mdoc as mdoc_forge
from ..forge import sd_cwt as sd_cwt_forge
from ..forge import sd_jwt
from ..forge.mdoc_keys import root
from ..forge.parts import (
    ABSENT,
    NONCE,
    NOW,
    STATUS_MEDIA_TYPE,
    STATUS_URI,
    base64url,
    dump,
    jws,
    key,
    unbase64url,
)
from ..forge.status_lists import status_anchors, status_token, status_token_cwt
from ..trials import Trial, accepted, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._chains import trusting
from ._places import CWT_MEDIA_TYPE, constant, dpop, in_part, status_cwt, status_jwt

_CRIT: Final = Reason.CRIT_UNSUPPORTED
_FORBIDDEN: Final = Reason.HEADER_FORBIDDEN
_TYP: Final = Reason.TYP_MISMATCH
_HEADER: Final = Reason.HEADER_INVALID
_FORMAT: Final = Reason.FORMAT_NOT_ALLOWED
_TOKEN: Final = Reason.MALFORMED_TOKEN
_JSON: Final = Reason.MALFORMED_JSON
_FLATTENED: Final[dict[str, Any]] = {"serialization": Serialization.FLATTENED}
_GENERAL: Final[dict[str, Any]] = {"serialization": Serialization.GENERAL}


def _everywhere(name: str, reason: Reason, header: dict[str, Any]) -> Iterator[Trial]:
    """Put these members into each JWS that there is."""
    yield refused(f"issuer, {name}", reason, jwt(header=header))
    yield refused(f"key binding, {name}", reason, jwt(kb_header=header))
    yield status_jwt(f"status list, {name}", reason, header=header)
    yield dpop(f"DPoP, {name}", reason, header=header)


@attack("HDR-001", "CRIT_UNSUPPORTED")
def unknown_extension() -> Iterator[Trial]:
    """The header demands an extension that nobody here understands."""
    yield accepted("the extension, not demanded", jwt(header={"urn:x": 1}, kb_header={"urn:x": 1}))
    yield status_jwt("the extension, not demanded, in a status list", None, header={"urn:x": 1})
    yield dpop("the extension, not demanded, in a DPoP proof", None, header={"urn:x": 1})
    yield from _everywhere("crit", _CRIT, {"crit": ["urn:x"], "urn:x": 1})
    yield from _everywhere("crit of two", _CRIT, {"crit": ["kid", "urn:x"], "urn:x": 1})


@attack("HDR-002", "CRIT_UNSUPPORTED")
def crit_of_another_form() -> Iterator[Trial]:
    """Crit that is no list of distinct names."""
    for crit in ([], "b64", "", {}, {"b64": True}, None, False, 0, [5], [None], [["b64"]], ["b64", "b64"], [""]):
        yield refused(f"issuer, {crit!r}", _CRIT, jwt(header={"crit": crit}))
        yield refused(f"key binding, {crit!r}", _CRIT, jwt(kb_header={"crit": crit}))
        yield status_jwt(f"status list, {crit!r}", _CRIT, header={"crit": crit})
    yield from _everywhere("twice and there", _CRIT, {"crit": ["b64", "b64"], "b64": True})


@attack("HDR-003", "CRIT_UNSUPPORTED")
def crit_of_what_is_not_there() -> Iterator[Trial]:
    """Crit names what the header does not have, or what the standard defines itself."""
    for name in ("urn:absent", "alg", "kid", "typ", "crit", "exp", "nbf", "__proto__"):
        yield from _everywhere(name, _CRIT, {"crit": [name]})


def _detached(data: bytes) -> bytes:
    return in_part(0, 1, constant(b""))(data)


def _unencoded(data: bytes) -> bytes:
    return in_part(0, 1, unbase64url)(data)


@attack("HDR-004", "HEADER_FORBIDDEN")
def unencoded_payload() -> Iterator[Trial]:
    """The payload is not encoded, or not there (RFC 7797)."""
    for value in (False, True, None, "false"):
        yield from _everywhere(f"b64 {value!r}", _FORBIDDEN, {"b64": value})
    # The extension must be demanded, and whatever is demanded is refused first.
    yield from _everywhere("b64 with crit", _CRIT, {"b64": False, "crit": ["b64"]})
    for name, edit in (("detached", _detached), ("not encoded", _unencoded)):
        plain = {"status": ABSENT, "vct": "a", "iss": ABSENT}  # without a full stop in it
        forged = jwt(header={"b64": False}, payload=plain, after=edit)
        yield refused(name, _FORBIDDEN, forged)
        forged = jwt(header={"b64": False, "crit": ["b64"]}, payload=plain, after=edit)
        yield refused(f"{name}, with crit", _CRIT, forged)
    long = jwt(header={"b64": False}, after=in_part(0, 1, constant(b"a" * 200_000)))
    yield refused("200,000 bytes that are not encoded", _FORBIDDEN, long)
    yield accepted("encoded", jwt())


@attack("HDR-006", "CRIT_UNSUPPORTED")
def cose_crit() -> Iterator[Trial]:
    """A COSE header demands an extension, or has the demand where nobody signs it."""
    yield accepted("an unknown label, not demanded", sd_cwt(header={99: 1}, kb_header={99: 1}, unprotected={98: 1}))
    yield accepted("an unknown label in an mdoc", mdoc(protected={1: -7, 99: 1}, unprotected={98: 1}))
    for name, crit in (("unknown", [99]), ("empty", []), ("no array", 99), ("null", None), ("alg", [1]), ("text", "x")):
        header = {2: crit, 99: 1}
        yield refused(f"SD-CWT, {name}", _CRIT, sd_cwt(header=header))
        yield refused(f"SD-CWT, {name}, unprotected", _CRIT, sd_cwt(unprotected={2: crit}))
        yield refused(f"SD-KBT, {name}", _CRIT, sd_cwt(kb_header=header))
        yield refused(f"SD-KBT, {name}, unprotected", _CRIT, sd_cwt(kb_unprotected={2: crit}))
        yield refused(f"issuerAuth, {name}", _CRIT, mdoc(protected={1: -7, **header}))
        yield refused(f"issuerAuth, {name}, unprotected", _CRIT, mdoc(unprotected={2: crit}))
        device = {"protected": {1: -7, **header}}
        yield refused(f"deviceSignature, {name}", _CRIT, mdoc(device=device))
        yield refused(f"deviceSignature, {name}, unprotected", _CRIT, mdoc(device={"unprotected": {2: crit}}))
        yield status_cwt(f"status list, {name}", _CRIT, header=header)
        yield status_cwt(f"status list, {name}, unprotected", _CRIT, unprotected={2: crit})


@attack("HDR-008", "TYP_MISMATCH")
def missing_or_common_typ() -> Iterator[Trial]:
    """The issuer's JWT has no typ, or that of another kind of JWT."""
    yield accepted("dc+sd-jwt and kb+jwt", jwt())
    others = (
        ABSENT,
        "",
        "JWT",
        "jwt",
        "at+jwt",
        "vc+sd-jwt",
        "sd-jwt",
        "secevent+jwt",
        "dpop+jwt",
        "oauth-authz-req+jwt",
    )
    for typ in others:
        yield refused(f"issuer, {typ!r}", _TYP, jwt(header={"typ": typ}), step="V4")
        yield refused(f"key binding, {typ!r}", _TYP, jwt(kb_header={"typ": typ}), step="V7")
    for typ in (ABSENT, "JWT", "at+jwt", "dc+sd-jwt", "kb+jwt"):
        yield status_jwt(f"status list, {typ!r}", _TYP, header={"typ": typ})
        yield dpop(f"DPoP, {typ!r}", _TYP, header={"typ": typ})
    for stated in (ABSENT, 0, 50, 292, "application/cwt"):
        yield refused(f"SD-CWT, {stated!r}", _TYP, sd_cwt(header={16: stated}))
        yield refused(f"SD-KBT, {stated!r}", _TYP, sd_cwt(kb_header={16: stated}))
        yield status_cwt(f"status list, CWT, {stated!r}", _TYP, header={16: stated})


@attack("HDR-009", "TYP_MISMATCH")
def typ_of_another_place() -> Iterator[Trial]:
    """A trusted key has signed an object of one kind, and it stands in the place of another."""
    for typ in ("kb+jwt", "statuslist+jwt", "dpop+jwt"):
        yield refused(f"issuer, {typ}", _TYP, jwt(header={"typ": typ}), step="V4")
    for typ in ("dc+sd-jwt", "statuslist+jwt", "dpop+jwt"):
        yield refused(f"key binding, {typ}", _TYP, jwt(kb_header={"typ": typ}), step="V7")
    yield refused("a proof of the holder as key binding", _TYP, jwt(after=_wallet_proof), step="V7")
    yield status_jwt("a credential as status list", _TYP, header={"typ": "dc+sd-jwt"})
    yield dpop("a key binding as DPoP proof", _TYP, header={"typ": "kb+jwt"})
    yield refused("SD-CWT as SD-KBT", Reason.HEADER_INVALID, sd_cwt(header={16: 294}, after=_inner))
    yield refused("SD-KBT in the place of an SD-CWT", _TYP, sd_cwt(header={16: 294}), step="V4")
    yield refused("SD-CWT, a status list", _TYP, sd_cwt(header={16: "application/statuslist+cwt"}), step="V4")
    yield status_cwt("an SD-CWT as status list", _TYP, header={16: 293})


def _wallet_proof(data: bytes) -> bytes:
    half = data[: data.rindex(b"~") + 1]
    claims = {**sd_jwt.good_key_binding(half), "jti": "1", "htm": "POST", "nonce": NONCE}
    return half + jws({"alg": "ES256", "typ": "dpop+jwt"}, claims, key("holder"))


def _inner(data: bytes) -> bytes:
    outer = cbor2.loads(data).value
    return bytes(cbor2.dumps(cbor2.loads(outer[0])[13]))


@attack("HDR-011", "TYP_MISMATCH")
def another_spelling_of_typ() -> Iterator[Trial]:
    """A typ that somebody may take for the right one who compares media types: one spelling is the right one."""
    for typ in (
        "application/dc+sd-jwt",
        "DC+SD-JWT",
        "dc+sd-jwt;x=1",
        "dc+sd-jwt; charset=utf-8",
        " dc+sd-jwt",
        "dc+sd-jwt ",
        "dc+sd-jwt\0",
        "dc+sd\u2010jwt",
        "dc+sd-jwt,JWT",
        "*/*",
    ):
        yield refused(f"issuer, {typ!r}", _TYP, jwt(header={"typ": typ}), step="V4")
        bound = typ.replace("dc+sd-jwt", "kb+jwt").replace("DC+SD-JWT", "KB+JWT")
        yield refused(f"key binding, {typ!r}", _TYP, jwt(kb_header={"typ": bound}), step="V7")
    # What is no text is no media type at all.
    for value in (5, True, None, ["dc+sd-jwt"], {"dc+sd-jwt": 1}):
        yield refused(f"issuer, {value!r}", _HEADER, jwt(header={"typ": value}), step="V1")
        yield refused(f"key binding, {value!r}", _HEADER, jwt(kb_header={"typ": value}), step="V1")
    yield accepted("SD-CWT, the two spellings", sd_cwt(header={16: "application/sd-cwt"}))
    yield accepted("SD-KBT, the two spellings", sd_cwt(kb_header={16: "application/kb+cwt"}))
    others: tuple[Any, ...] = ("sd-cwt", "application/SD-CWT", "application/sd-cwt;x=1", "293", 2**32 + 293)
    for stated in others:
        yield refused(f"SD-CWT, {stated!r}", _TYP, sd_cwt(header={16: stated}))
    for stated in (293.0, -293, [293], True, b"application/sd-cwt"):
        yield refused(f"SD-CWT, {stated!r}", _HEADER, sd_cwt(header={16: stated}))
    for typ in ("application/statuslist+jwt", "STATUSLIST+JWT", "statuslist+jwt;x=1"):
        yield status_jwt(f"status list, {typ!r}", _TYP, header={"typ": typ})
    for typ in ("application/dpop+jwt", "DPoP+JWT", "dpop+jwt;x=1"):
        yield dpop(f"DPoP, {typ!r}", _TYP, header={"typ": typ})


@attack("HDR-013", "MALFORMED_TOKEN")
def nested_token() -> Iterator[Trial]:
    """The payload is a token again, and cty says so."""
    inner = jws(sd_jwt.good_header(), sd_jwt.good_payload(), key("issuer"))
    # A payload is one JSON object, whatever the header says of it, and nothing is unpacked.
    yield refused("a JWT", _JSON, jwt(header={"cty": "JWT"}, payload=inner), step="V4")
    yield refused("a JWT as JSON text", _JSON, jwt(header={"cty": "JWT"}, payload=dump(inner.decode())), step="V4")
    yield refused("without cty", _JSON, jwt(payload=inner), step="V4")
    yield refused("key binding", _JSON, jwt(kb_header={"cty": "JWT"}, kb=inner))
    packed = zlib.compress(dump(sd_jwt.good_payload()), wbits=-15)
    yield refused("compressed", _JSON, jwt(header={"zip": "DEF"}, payload=packed), step="V4")
    yield status_jwt("status list", _JSON, header={"cty": "JWT"}, payload=status_token())
    cwt = cbor2.dumps(sd_cwt_forge.credential())
    yield refused("SD-CWT", Reason.MALFORMED_CBOR, sd_cwt(header={3: "application/cwt"}, claims=cwt), step="V4")
    yield status_cwt("status list, CWT", Reason.MALFORMED_CBOR, payload=status_token_cwt())
    for cty in ("JWT", "application/json", 5, None):
        yield accepted(f"cty {cty!r}, and claims", jwt(header={"cty": cty}, kb_header={"cty": cty}))


@attack("HDR-014", "MALFORMED_TOKEN")
def json_at_the_compact_entry() -> Iterator[Trial]:
    """A JSON serialisation where the compact one is due, and something that could be read as both."""
    yield accepted("flattened, where it is due", jwt(after=sd_jwt.to_json), **_FLATTENED)
    yield accepted("general, where it is due", jwt(after=partial(sd_jwt.to_json, general=True)), **_GENERAL)
    yield refused("flattened", _TOKEN, jwt(after=sd_jwt.to_json))
    yield refused("general", _TOKEN, jwt(after=partial(sd_jwt.to_json, general=True)))
    yield refused("compact, where flattened is due", _JSON, jwt(), **_FLATTENED)
    yield refused("compact, where general is due", _JSON, jwt(), **_GENERAL)
    general = jwt(after=partial(sd_jwt.to_json, general=True))
    yield refused("general, where flattened is due", _TOKEN, general, **_FLATTENED)
    yield refused("flattened, where general is due", _TOKEN, jwt(after=sd_jwt.to_json), **_GENERAL)
    # The whole compact form as a name in the object: its first segment has a brace and a quotation mark.
    yield refused("compact form within JSON", Reason.MALFORMED_BASE64, jwt(after=_with_compact))
    yield refused("compact form before JSON", _TOKEN, jwt(after=_before_json))
    yield refused("flattened and general in one", _TOKEN, jwt(after=_both_readings), **_FLATTENED)
    yield status_jwt("status list", _TOKEN, edit=_flat)
    yield dpop("DPoP", _TOKEN, edit=_flat)
    members: dict[str, Any] = {"alg": "none", "typ": "kb+jwt", "crit": [], "b64": False, "kid": "k1"}
    for name, value in members.items():
        edit = partial(sd_jwt.to_json, **{name: value})
        yield refused(f"unprotected {name}", _TOKEN, jwt(after=edit), **_FLATTENED)


def _flat(compact: bytes) -> bytes:
    names = ("protected", "payload", "signature")
    return dump(dict(zip(names, compact.decode().split("."), strict=True)))


def _with_compact(compact: bytes) -> bytes:
    return b'{"' + compact + b'":"",' + sd_jwt.to_json(compact)[1:]


def _before_json(compact: bytes) -> bytes:
    return compact + sd_jwt.to_json(compact)


def _both_readings(compact: bytes) -> bytes:
    document = json.loads(sd_jwt.to_json(compact))
    return dump({**document, "signatures": [{"protected": document["protected"], "signature": document["signature"]}]})


@attack("HDR-015", "MALFORMED_TOKEN")
def several_signatures() -> Iterator[Trial]:
    """Several signatures, of which some hold: by RFC 9901 section 8.3 the first one counts, and the others do not."""
    good, bad = partial(_two, good_first=True), partial(_two, good_first=False)
    yield accepted("the first holds", jwt(after=good), **_GENERAL)
    yield refused("the second alone holds", Reason.SIGNATURE_INVALID, jwt(after=bad), step="V3", **_GENERAL)
    yield refused("at the compact entry, both hold", _TOKEN, jwt(after=good))
    yield refused("at the compact entry, the second alone", _TOKEN, jwt(after=bad))
    yield refused("at the flattened entry", _TOKEN, jwt(after=good), **_FLATTENED)
    for name, signatures in (("none", []), ("no array", {}), ("no object", [1]), ("null", None)):
        edit = partial(_signatures, signatures=signatures)
        yield refused(f"{name}", _TOKEN, jwt(after=edit), **_GENERAL)
    for member in ("disclosures", "kb_jwt"):
        edit = partial(_two, good_first=True, second={member: [] if member == "disclosures" else "a.b.c"})
        yield refused(f"the second has {member}", _TOKEN, jwt(after=edit), **_GENERAL)
    yield refused("a signature beside them", _TOKEN, jwt(after=_beside), **_GENERAL)
    yield refused("compact with a fourth segment", _TOKEN, jwt(after=in_part(0, 2, lambda text: text + b"." + text)))


def _two(compact: bytes, *, good_first: bool, second: dict[str, Any] | None = None) -> bytes:
    document = json.loads(sd_jwt.to_json(compact, general=True))
    (signed,) = document["signatures"]
    other = base64url(key("attacker").sign(compact)).decode()
    one = signed if good_first else {**signed, "signature": other}
    two = {name: signed[name] for name in ("protected", "signature")}
    if second is not None:
        two["header"] = second
    return dump({**document, "signatures": [one, two]})


def _signatures(compact: bytes, *, signatures: Any) -> bytes:
    return dump({**json.loads(sd_jwt.to_json(compact, general=True)), "signatures": signatures})


def _beside(compact: bytes) -> bytes:
    document = json.loads(sd_jwt.to_json(compact, general=True))
    return dump({**document, "signature": document["signatures"][0]["signature"]})


def _as_text(made: bytes) -> str:
    return base64url(made).decode()


@attack("HDR-016", "MALFORMED_TOKEN")
def another_format() -> Iterator[Trial]:
    """A presentation of one format where another is due: it is never guessed what it is."""
    cbor, base64 = Reason.MALFORMED_CBOR, Reason.MALFORMED_BASE64
    yield refused("mdoc as SD-JWT VC", _TOKEN, jwt(after=lambda _: _as_text(mdoc_forge.make())), step="V1")
    yield refused("SD-CWT as SD-JWT VC", _TOKEN, jwt(after=lambda _: _as_text(sd_cwt_forge.make())), step="V1")
    yield raises("mdoc as SD-JWT VC, bytes", _TOKEN, lambda: sd_jwt.verify(mdoc_forge.make()), step="V1")
    for name, forge, verify in (("mdoc", mdoc, mdoc_forge.verify), ("SD-CWT", sd_cwt, sd_cwt_forge.verify)):
        yield refused(f"SD-JWT VC as {name}", base64, forge(after=lambda _: sd_jwt.make().decode()), step="V1")
        yield raises(f"SD-JWT VC as {name}, bytes", cbor, partial(_verify_jwt_as, verify), step="V1")
        yield refused(f"JSON as {name}", cbor, forge(after=lambda _: _as_text(b'{"a":1}')), step="V1")
    yield refused("mdoc as SD-CWT", cbor, sd_cwt(after=lambda _: mdoc_forge.make()), step="V1")
    yield refused("SD-CWT as mdoc", cbor, mdoc(after=lambda _: sd_cwt_forge.make()), step="V1")
    # What is of one format by its form may be signed by whom nobody trusts with that format.
    keyed = sd_jwt.anchors_for(key("issuer").public, formats=[Format.SD_CWT])
    yield refused("SD-JWT VC, by a key for SD-CWT", _FORMAT, jwt(), step="V5", anchors=keyed)
    yield accepted("SD-CWT, by a key for SD-CWT", sd_cwt(), anchors=keyed)
    keyed = sd_jwt.anchors_for(key("issuer").public)
    yield refused("SD-CWT, by a key for SD-JWT VC", _FORMAT, sd_cwt(), step="V5", anchors=keyed)
    rooted = trusting(Format.MDOC, root(), formats=[Format.SD_JWT_VC, Format.SD_CWT])
    yield refused("mdoc, under a root for the others", _FORMAT, mdoc(), step="V5", anchors=rooted)
    zeros = constant(bytes(64))  # no full stop stands in it
    for media_type, other, body in (
        (STATUS_MEDIA_TYPE, "CWT", status_token_cwt(sign=zeros)),
        (CWT_MEDIA_TYPE, "JWT", status_token()),
        (CWT_MEDIA_TYPE, "JWT as text", status_token().decode()),
    ):
        reason = cbor if other == "JWT" else _TOKEN
        yield raises(f"status list, {other} as {media_type}", reason, partial(_ingest, body, media_type))
    yield dpop("DPoP, CBOR", _TOKEN, edit=lambda _: b"\xd2\x84" + bytes(70))
    for verify, made in ((mdoc_forge.verify, mdoc_forge.make), (sd_cwt_forge.verify, sd_cwt_forge.make)):
        name = made.__module__.rpartition(".")[2]
        yield raises(f"{name}, bytes of base64url", cbor, partial(_verify_encoded, verify, made), step="V1")


def _verify_jwt_as(verify: Any) -> None:
    verify(sd_jwt.make())


def _verify_encoded(verify: Any, made: Any) -> None:
    verify(base64url(made()))


def _ingest(body: Any, media_type: str) -> None:
    StatusStore(anchors=status_anchors()).ingest(STATUS_URI, body, media_type=media_type, now=NOW)


GROUP: Final = Group(
    "header tricks",
    "what must be understood and is not refuses; each place has one type, and each entry one serialisation",
    (
        unknown_extension,
        crit_of_another_form,
        crit_of_what_is_not_there,
        unencoded_payload,
        cose_crit,
        missing_or_common_typ,
        typ_of_another_place,
        another_spelling_of_typ,
        nested_token,
        json_at_the_compact_entry,
        several_signatures,
        another_format,
    ),
)
