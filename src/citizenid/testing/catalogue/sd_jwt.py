"""Attacks on selective disclosure: digests and disclosures that do not match one to one, and marks that mislead.

Spec: RFC 9901 sections 4, 7 and 9.7; SD-JWT VC section 2.2; draft-ietf-spice-sd-cwt; specs/verification.md V1.3, V4.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from ... import ANY, Format, KeyPurpose, Reason, Serialization, TrustAnchors
from ...holder import Credential
from ..attacks import Group, attack
from ..forge import sd_cwt as _sd_cwt
from ..forge import sd_jwt as _sd_jwt
from ..forge.mdoc_issuer import PID
from ..forge.parts import ABSENT, AUDIENCE, ISSUER, NOW, VALID_INDEX, VCT, base64url, key
from ..forge.sd_cwt import REDACTED, hide, salt
from ..forge.sd_cwt import disclosure as hidden
from ..forge.sd_jwt import digest, disclosure, to_json
from ..forge.status_lists import status_claim
from ..trials import Trial, accepted, expect, holds, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._disclosures import (
    ELEMENT,
    A,
    B,
    a_name_that_is_there,
    changed_by_a_byte,
    child_without_parent,
    claims,
    decoys,
    digest_twice_in_one_place,
    digest_twice_in_two_places,
    elements,
    names_that_mark,
    one_name_for_two,
    other_shapes,
    other_spellings,
    sent_twice,
    stated,
    the_wrong_arity,
    unusual_json,
    without_a_place,
)

_MARK: Final = Reason.REDACTION_MALFORMED
_HASH: Final = Reason.HASH_ALGORITHM_NOT_ALLOWED
_HIDDEN: Final = Reason.CLAIM_NOT_DISCLOSABLE
_TYPE: Final = Reason.TYPE_NOT_ALLOWED
_TOKEN: Final = Reason.MALFORMED_TOKEN
_NO_BINDING: Final = Reason.KEY_BINDING_MISSING


@attack("SDJ-021", "SD_STRUCTURE")
def digests_that_are_no_array() -> Iterator[Trial]:
    """What lists the hidden members is no array of texts, at the top or further down."""
    yield accepted("SD-JWT VC, an empty array", jwt(payload={"_sd": []}))
    shapes: dict[str, Any] = {
        "a text": digest(A), "an object": {"0": digest(A)}, "null": None, "a number": 5, "true": True,
        "a number in it": [digest(A), 5], "null in it": [None], "an array in it": [[digest(A)]],
        "an object in it": [{}],
    }  # fmt: skip
    for name, shape in shapes.items():
        yield refused(f"SD-JWT VC, {name}", _MARK, jwt(payload={"_sd": shape}), step="V4")
        yield refused(f"SD-JWT VC, below, {name}", _MARK, jwt(payload={"o": {"_sd": shape}}), step="V4")
        inside = disclosure("salt", "o", {"_sd": shape})
        shown = jwt(payload=claims(inside), disclosures=[inside])
        yield refused(f"SD-JWT VC, in a disclosure, {name}", _MARK, shown, step="V4")
    for name, shape in (("a text", "digest"), ("a map", {0: bytes(32)}), ("a text in it", ["d"]), ("bytes", bytes(32))):
        yield refused(f"SD-CWT, {name}", _MARK, sd_cwt(claims={REDACTED: shape}), step="V4")
        yield refused(f"SD-CWT, below, {name}", _MARK, sd_cwt(claims={"o": {REDACTED: shape}}), step="V4")
    yield refused("SD-JWT VC, a hash below the top", _MARK, jwt(payload={"o": {"_sd_alg": "sha-256"}}), step="V4")


@attack("SDJ-022", "HASH_ALG_NOT_ALLOWED")
def other_hashes() -> Iterator[Trial]:
    """The hash of the disclosures is weak, unknown, or spelled otherwise."""
    for name in ("sha-256", "sha-384", "sha-512"):
        payload = {"_sd_alg": name, "_sd": [digest(A, name)]}
        yield accepted(f"SD-JWT VC, {name}", jwt(payload=payload, disclosures=[A], algorithm=name))
    unfit: tuple[Any, ...] = (
        "md5", "sha-1", "none", "SHA-256", "sha256", "sha-224", "", " sha-256", "sha-256\0", 256, None, True,
        ["sha-256"], {},
    )  # fmt: skip
    for name in unfit:
        yield refused(f"SD-JWT VC, {name!r}", _HASH, jwt(payload={"_sd_alg": name}), step="V4")
    shown = jwt(payload={"_sd_alg": "sha-1", "_sd": [digest(A)]}, disclosures=[A])
    yield refused("SD-JWT VC, something is hidden by it", _HASH, shown, step="V4")
    for number in (-14, -15, -17, -18, 0, -65_535, "SHA-256", None, True, -16.0):
        yield refused(f"SD-CWT, {number!r}", _HASH, sd_cwt(header={170: number}), step="V4")
    for name in ("SHA-1", "MD5", "sha-256", "SHA256", "SHA-512/256", ""):
        yield refused(f"mdoc, {name!r}", _HASH, mdoc(mso={"digestAlgorithm": name}), step="V4")


@attack("SDJ-023", "HASH_ALG_NOT_ALLOWED")
def truncated_hashes() -> Iterator[Trial]:
    """A registered hash is so short that another disclosure with this digest can be found."""
    for bits in (32, 64, 96, 120, 128):
        name = f"sha-256-{bits}"
        yield refused(f"SD-JWT VC, {name}", _HASH, jwt(payload={"_sd_alg": name}), step="V4")
        short = base64url(hashlib.sha256(A).digest()[: bits // 8]).decode()
        payload = {"_sd_alg": name, "_sd": [short]}
        yield refused(f"SD-JWT VC, {name}, shown", _HASH, jwt(payload=payload, disclosures=[A]), step="V4")
    yield refused("SD-CWT, SHA-256/64", _HASH, sd_cwt(header={170: -15}), step="V4")


@attack("SDJ-025", "SD_STRUCTURE")
def marks_that_hold_more() -> Iterator[Trial]:
    """What stands for a hidden element holds something else, or stands where no element is."""
    mark = digest(ELEMENT)
    trees: dict[str, Any] = {
        "another member": [{"...": mark, "x": 1}], "another mark": [{"...": mark, "_sd": []}], "a number": [{"...": 5}],
        "null": [{"...": None}], "an array": [{"...": [mark]}], "in an object": {"...": mark},
        "two deep": [[{"...": 0}]], "in an object, beside hidden members": {"...": mark, "_sd": []},
        "the name of a hash beside hidden members": {"_sd_alg": "sha-256", "_sd": []},
        "the name of a hash": {"_sd_alg": "sha-256"},
    }  # fmt: skip
    yield accepted("one text in one member", jwt(payload={"x": [{"...": mark}]}, disclosures=[ELEMENT]))
    for name, tree in trees.items():
        yield refused(f"SD-JWT VC, {name}", _MARK, jwt(payload={"x": tree}), step="V4")
        inside = disclosure("salt", "x", tree)
        shown = jwt(payload=claims(inside), disclosures=[inside])
        yield refused(f"SD-JWT VC, in a disclosure, {name}", _MARK, shown, step="V4")
    yield refused("SD-JWT VC, at the top", _MARK, jwt(payload={"...": mark}), step="V4")
    for name, content in (("a text", "digest"), ("an array", [bytes(32)]), ("a number", 5)):
        yield refused(f"SD-CWT, {name}", _MARK, sd_cwt(claims={"x": [CBORTag(60, content)]}), step="V4")
    yield refused("SD-CWT, as a value", _MARK, sd_cwt(claims={"x": CBORTag(60, bytes(32))}), step="V4")


@attack("SDJ-027")
def no_mark_is_left() -> Iterator[Trial]:
    """Whatever is shown and withheld: of the marks nothing is left among the claims."""
    yield holds("SD-JWT VC, every choice of disclosures", _nothing_left)
    yield holds("SD-CWT, every choice of disclosures", _nothing_left_of_cbor)


def _nothing_left() -> None:
    inner = disclosure("s1", "inner", elements(ELEMENT))
    outer = disclosure("s2", "o", {**claims(inner), "list": [claims(B), 1]})
    texts = [inner, outer, ELEMENT, A, B]
    payload = {**claims(outer, A), "x": [*elements(disclosure("s3", "never shown")), {}], "_sd_alg": "sha-256"}
    verified = 0
    for shown in _choices(texts):
        made = _sd_jwt.make(payload=payload, disclosures=shown)
        if (outer in shown or not {inner, B} & set(shown)) and (ELEMENT not in shown or inner in shown):
            names = set(_names(stated(_sd_jwt.verify(made))))
            expect(names.isdisjoint({"_sd", "...", "_sd_alg"}), "a mark is left")
            verified += 1
    expect(verified == 2 * (1 + 2 * 3), "fewer choices were tried than there are")


def _nothing_left_of_cbor() -> None:
    inner, other = hidden(salt(1), {"x": 1}, "inner"), hidden(salt(2), 5)
    outer = hidden(salt(3), {**hide(inner), "list": [_sd_cwt.element(other), 1]}, "o")
    for shown in ([], [outer], [outer, inner], [outer, other], [outer, inner, other]):
        read = stated(_sd_cwt.verify(_sd_cwt.make(hide(outer), shown)))
        expect({type(name) for name in _names(read)} <= {int, str}, "a mark is left")


def _choices(texts: list[bytes]) -> Iterator[list[bytes]]:
    for size in range(len(texts) + 1):
        yield from map(list, itertools.combinations(texts, size))


def _names(tree: Any) -> Iterator[Any]:
    if isinstance(tree, Mapping):
        yield from tree
    if isinstance(tree, Mapping | list | tuple):
        below: Iterable[Any] = tree.values() if isinstance(tree, Mapping) else tree
        for each in below:
            yield from _names(each)


@attack("SDJ-028", "SD_STRUCTURE")
def hidden_control_claims() -> Iterator[Trial]:
    """What decides on validity comes as a disclosure, or holds one."""
    good = _sd_jwt.good_payload()
    others = {"nbf": NOW - 60, "aud": AUDIENCE, "vct#integrity": "sha256-x", "credentialStatus": {}}
    for name, value in ({name: good[name] for name in ("iss", "exp", "cnf", "vct", "status")} | others).items():
        text = disclosure("salt", name, value)
        payload = {name: ABSENT, **claims(text)}
        yield refused(f"SD-JWT VC, {name}", _HIDDEN, jwt(payload=payload, disclosures=[text]), step="V4")
    jwk = disclosure("salt", "jwk", good["cnf"]["jwk"])
    inside = {"cnf": claims(jwk), "status": {"status_list": claims(jwk)}, "iss": claims(jwk), "exp": elements(ELEMENT)}
    for name, value in inside.items():
        forged = jwt(payload={name: value}, disclosures=[ELEMENT if name == "exp" else jwk])
        yield refused(f"SD-JWT VC, inside {name}", _HIDDEN, forged, step="V4")
    cwt = _sd_cwt.good_claims()
    for label, value in ({label: cwt[label] for label in (1, 4, 6, 8, 11, 65535)} | {3: AUDIENCE, 5: NOW - 90}).items():
        content = hidden(salt(), value, label)
        forged = sd_cwt(claims={label: ABSENT, **hide(content)}, disclosures=[content])
        yield refused(f"SD-CWT, {label}", _HIDDEN, forged, step="V4")
    content = hidden(salt(), cwt[8][1], 1)
    yield refused("SD-CWT, inside cnf", _HIDDEN, sd_cwt(claims={8: hide(content)}, disclosures=[content]), step="V4")
    # In an mdoc all of them stand in the MSO: an element of such a name is a claim of the person and decides nothing.
    expired = {"validUntil": "2099-01-01", "status": {"status_list": {"idx": 1, "uri": "x"}}, "deviceKeyInfo": {}}
    yield accepted("mdoc, elements of these names", mdoc(elements={PID: {"nationality": ["US"], **expired}}))


@attack("SDJ-030", "SD_STRUCTURE", "STATUS_UNAVAILABLE")
def hidden_status() -> Iterator[Trial]:
    """Where the status stands is hidden, and withheld."""
    text = disclosure("salt", "status", status_claim(VALID_INDEX))
    payload = {"status": ABSENT, **claims(text)}
    yield refused("SD-JWT VC, shown", _HIDDEN, jwt(payload=payload, disclosures=[text]), step="V4")
    yield refused("SD-JWT VC, withheld", Reason.STATUS_MISSING, jwt(payload=payload), step="V9")
    short = {**payload, "exp": NOW - 60 + 86_400}
    yield accepted("SD-JWT VC, withheld for a day", jwt(payload=short))  # a day needs none
    yield refused("SD-JWT VC, a second more", Reason.STATUS_MISSING, jwt(payload={**short, "exp": short["exp"] + 1}))
    entry = disclosure("salt", "idx", VALID_INDEX)
    inside = {"status": {"status_list": {**claims(entry), "uri": "https://id.example/status/1"}}}
    yield refused("SD-JWT VC, its index", _HIDDEN, jwt(payload=inside, disclosures=[entry]), step="V4")
    yield refused("SD-JWT VC, its index withheld", _HIDDEN, jwt(payload=inside), step="V4")
    content = hidden(salt(), status_claim(VALID_INDEX), 65535)
    marked = {65535: ABSENT, **hide(content)}
    yield refused("SD-CWT, shown", _HIDDEN, sd_cwt(claims=marked, disclosures=[content]), step="V4")
    yield refused("SD-CWT, withheld", Reason.STATUS_MISSING, sd_cwt(claims=marked), step="V9")
    begins = disclosure("salt", "iat", NOW - 60)
    late = {**short, "iat": ABSENT, "_sd": [digest(text), digest(begins)]}
    yield refused("SD-JWT VC, iat withheld too", Reason.STATUS_MISSING, jwt(payload=late), step="V9")
    # With nbf alone it could have been issued, and revoked, long before.
    begun = jwt(payload={**late, "nbf": NOW - 30, "exp": NOW + 3_600})
    yield refused("SD-JWT VC, iat withheld, with nbf", Reason.STATUS_MISSING, begun, step="V9")
    strict = _sd_jwt.anchors().requiring_status()
    yield accepted("SD-JWT VC, stated, where a status is required", jwt(), anchors=strict)
    yield refused("SD-JWT VC, withheld for a day, there", Reason.STATUS_MISSING, jwt(payload=short), anchors=strict)


@attack("SDJ-031", "VCT_MISMATCH")
def other_types() -> Iterator[Trial]:
    """The type is not there, no text, or not exactly the one that the anchor permits."""
    yield accepted("SD-JWT VC", jwt())
    texts = (
        VCT.upper(),
        VCT + "/",
        VCT + " ",
        " " + VCT,
        VCT[:-1],
        VCT + "0",
        VCT + "#1",
        "urn:other",
        "*",
        VCT + "\0",
    )
    for vct in texts:
        yield refused(f"SD-JWT VC, {vct!r}", _TYPE, jwt(payload={"vct": vct}), step="V5")
        yield refused(f"SD-CWT, {vct!r}", _TYPE, sd_cwt(claims={11: vct}), step="V5")
    yield refused("SD-JWT VC, none", Reason.CLAIM_MISSING, jwt(payload={"vct": ABSENT}), step="V4")
    header = jwt(payload={"vct": ABSENT}, header={"vct": VCT}, kb={"vct": VCT})
    yield refused("SD-JWT VC, in the headers alone", Reason.CLAIM_MISSING, header, step="V4")
    known = jwt(payload={"vct": "urn:other", "aka_vcts": [VCT]})
    yield refused("SD-JWT VC, also known as", _TYPE, known, step="V5")
    for value in ([VCT], {"vct": VCT}, None, 5, True, ""):
        yield refused(f"SD-JWT VC, {value!r}", Reason.CLAIM_INVALID, jwt(payload={"vct": value}), step="V4")
    yield accepted("SD-CWT, none, where the anchor names that", sd_cwt(claims={11: ABSENT}))
    yield refused("SD-CWT, none", _TYPE, sd_cwt(claims={11: ABSENT}), step="V5", anchors=_typed())
    for value in ([VCT], None, 5, ""):
        yield refused(f"SD-CWT, {value!r}", Reason.CLAIM_INVALID, sd_cwt(claims={11: value}), step="V4")
    yield refused("mdoc, of another type", _TYPE, mdoc(doc_type="org.example.other"), step="V5")
    outside = mdoc(document_changes={"docType": "org.citizenid.citizenship.1"})
    yield refused("mdoc, another outside of the signature", _TYPE, outside, step="V5")


def _typed() -> TrustAnchors:
    return TrustAnchors.from_keys(
        ISSUER,
        [key("issuer").public],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_CWT],
        types=[VCT],
        countries=ANY,
    )


@attack("SDJ-033", "MALFORMED_TOKEN")
def no_tilde() -> Iterator[Trial]:
    """What comes is a JWT without a tilde."""
    yield refused("the JWT alone", _TOKEN, jwt(after=lambda made: made.split(b"~")[0]), step="V1")
    yield refused("the key binding alone", _TOKEN, jwt(after=lambda made: made.split(b"~")[-1]), step="V1")
    yield refused("nothing", _TOKEN, jwt(after=lambda _: b""), step="V1")
    yield refused("an escaped tilde", _TOKEN, jwt(after=lambda made: made.replace(b"~", b"%7E")), step="V1")
    yield refused("another tilde", _TOKEN, jwt(after=lambda made: made.decode().replace("~", "\u02dc")), step="V1")


@attack("SDJ-034", "MALFORMED_TOKEN", "KB_MISSING")
def other_frames() -> Iterator[Trial]:
    """An empty disclosure, no last tilde, or nothing where the key binding belongs."""
    good: dict[str, Any] = {"payload": claims(A), "disclosures": [A]}
    yield accepted("the good frame", jwt(**good))
    frames: dict[str, Any] = {
        "two tildes behind the JWT": lambda made: made.replace(b"~", b"~~", 1),
        "two tildes before the key binding": lambda made: b"~~".join(made.rsplit(b"~", 1)),
        "no tilde behind the last disclosure": lambda made: made.rpartition(b"~")[0],
        "a tilde before the JWT": lambda made: b"~" + made,
        "the key binding before the disclosure": lambda made: b"~".join(_swapped(made.split(b"~"))),
    }
    for name, after in frames.items():
        yield refused(name, _TOKEN, jwt(**good, after=after), step="V1")
    # A part in the place of another: its first character that cannot stand there is what is seen.
    crossed: dict[str, Any] = {
        "a tilde behind the key binding": (lambda made: made + b"~", "V4"),
        "two key bindings": (lambda made: made + b"~" + made.rpartition(b"~")[2], "V4"),
        "a space between two tildes": (lambda made: made.replace(b"~", b"~ ~", 1), "V4"),
        "no tilde before the key binding": (lambda made: b"".join(made.rsplit(b"~", 1)), "V1"),
    }
    for name, (after, step) in crossed.items():
        yield refused(name, Reason.MALFORMED_BASE64, jwt(**good, after=after), step=step)
    yield refused("no key binding", _NO_BINDING, jwt(**good, after=_unbound), step="V7")
    yield refused("no key binding, no disclosure", _NO_BINDING, jwt(after=_unbound), step="V7")


def _swapped(parts: list[bytes]) -> list[bytes]:
    return [parts[0], parts[2], parts[1]]


def _unbound(made: bytes) -> bytes:
    """Take the key binding off."""
    return made[: made.rindex(b"~") + 1]


@attack("SDJ-035", "KB_UNEXPECTED", "KB_MISSING")
def the_other_entry() -> Iterator[Trial]:
    """A presentation goes where a credential is due, or the other way round."""
    unexpected = Reason.KEY_BINDING_UNEXPECTED
    yield holds("a credential, received", partial(_receive, _sd_jwt.issuer_half(), Format.SD_JWT_VC))
    yield raises("SD-JWT VC, received", unexpected, partial(_receive, _sd_jwt.make(), Format.SD_JWT_VC), step="V1")
    yield raises("SD-CWT, received", unexpected, partial(_receive, _sd_cwt.make(), Format.SD_CWT), step="V1")
    yield refused("SD-JWT VC, presented", _NO_BINDING, jwt(after=_unbound), step="V7")
    bare = cbor2.dumps(_sd_cwt.credential())
    yield refused("SD-CWT, presented", _NO_BINDING, sd_cwt(after=lambda _: bare), step="V7")
    for serialization in (Serialization.FLATTENED, Serialization.GENERAL):
        general = serialization is Serialization.GENERAL
        whole = partial(to_json, general=general)
        name = str(serialization)
        yield accepted(f"{name}, with its key binding", jwt(after=whole), serialization=serialization)
        without = jwt(after=partial(_unbound_json, general=general))
        yield refused(f"{name}, without", _NO_BINDING, without, serialization=serialization)


def _unbound_json(made: bytes, *, general: bool) -> bytes:
    return to_json(_unbound(made), general=general)


def _receive(data: bytes, format: Format) -> Credential:
    anchors = _sd_jwt.anchors() if format is Format.SD_JWT_VC else _sd_cwt.anchors()
    return Credential.receive(data, format=format, anchors=anchors, now=NOW)


GROUP: Final = Group(
    "sd-jwt",
    "every digest is there once and every disclosure has one place; what decides on validity stands in the clear",
    (
        sent_twice,
        without_a_place,
        changed_by_a_byte,
        digest_twice_in_one_place,
        digest_twice_in_two_places,
        decoys,
        child_without_parent,
        other_shapes,
        the_wrong_arity,
        names_that_mark,
        a_name_that_is_there,
        one_name_for_two,
        other_spellings,
        unusual_json,
        digests_that_are_no_array,
        other_hashes,
        truncated_hashes,
        marks_that_hold_more,
        no_mark_is_left,
        hidden_control_claims,
        hidden_status,
        other_types,
        no_tilde,
        other_frames,
        the_other_entry,
    ),
)
