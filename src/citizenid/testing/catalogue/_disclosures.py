"""The cases of the group `sd_jwt` about digests and disclosures, in every format that has them.

Spec: RFC 9901 sections 4.2 and 7.1; draft-ietf-spice-sd-cwt sections 5, 9 and 10; ISO/IEC 18013-5 9.1.2.5;
specs/verification.md V4.4 to V4.13, V4.22 to V4.24, V4.31, V4.32.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import cbor2

from ... import Reason, Serialization
from ...verifier import VerifiedPresentation
from ..attacks import attack
from ..forge import sd_cwt as _sd_cwt
from ..forge import sd_jwt as _sd_jwt
from ..forge.mdoc_issuer import PID, item
from ..forge.mdoc_issuer import digest as item_digest
from ..forge.parts import ABSENT, base64url, dump, segment
from ..forge.sd_cwt import REDACTED, element, hide, salt
from ..forge.sd_cwt import disclosure as hidden
from ..forge.sd_jwt import digest, disclosure, to_json
from ..forgery import Forgery
from ..trials import Trial, accepted, expect, holds, mdoc, of_type, refused, sd_cwt
from ..trials import sd_jwt as jwt

_TWICE: Final = Reason.DIGEST_DUPLICATE
_UNREFERENCED: Final = Reason.DISCLOSURE_UNREFERENCED
_MALFORMED: Final = Reason.DISCLOSURE_MALFORMED
_CLASH: Final = Reason.DISCLOSURE_CLASH
A: Final = disclosure("salt of a", "a", 1)
B: Final = disclosure("salt of b", "b", 2)
ELEMENT: Final = disclosure("salt of an element", "e")
C_A: Final = hidden(salt(1), 1, "a")
C_B: Final = hidden(salt(2), 2, "b")
C_ELEMENT: Final = hidden(salt(3), "e")


def claims(*members: bytes, **more: Any) -> dict[str, Any]:
    """Return claims in which these disclosures are hidden members."""
    return {"_sd": [digest(each) for each in members], **more}


def elements(*texts: bytes) -> list[dict[str, str]]:
    """Return an array of these hidden elements."""
    return [{"...": digest(each)} for each in texts]


def _items(*contents: bytes, shown: list[bytes] | None = None) -> Forgery:
    """Return an mdoc of these items, of which `shown` are sent."""
    return mdoc(items={PID: list(contents)}, shown={PID: list(contents) if shown is None else shown})


_US: Final = item(0, "nationality", ["US"])
_NAME: Final = item(1, "family_name", "Muster")


@attack("SDJ-001", "DIGEST_DUPLICATE")
def sent_twice() -> Iterator[Trial]:
    """A disclosure that has its place is sent a second time."""
    twice = Reason.DISCLOSURE_DUPLICATE
    yield accepted("SD-JWT VC, once", jwt(payload=claims(A, B), disclosures=[A, B]))
    yield refused("SD-JWT VC, side by side", twice, jwt(payload=claims(A), disclosures=[A, A]), step="V4")
    yield refused("SD-JWT VC, apart", twice, jwt(payload=claims(A, B), disclosures=[A, B, A]), step="V4")
    array = {"x": elements(ELEMENT)}
    yield refused("SD-JWT VC, an element", twice, jwt(payload=array, disclosures=[ELEMENT] * 2), step="V4")
    yield accepted("SD-CWT, once", sd_cwt(claims=hide(C_A, C_B), disclosures=[C_A, C_B]))
    yield refused("SD-CWT", twice, sd_cwt(claims=hide(C_A), disclosures=[C_A, C_A]), step="V4")
    tagged = {"x": [element(C_ELEMENT)]}
    yield refused("SD-CWT, an element", twice, sd_cwt(claims=tagged, disclosures=[C_ELEMENT] * 2), step="V4")
    yield accepted("mdoc, once", _items(_US, _NAME))
    yield refused("mdoc", twice, _items(_US, _NAME, shown=[_US, _NAME, _US]), step="V4")


@attack("SDJ-002", "DISCLOSURE_UNREFERENCED")
def without_a_place() -> Iterator[Trial]:
    """A disclosure is sent that no digest points to, or none that counts."""
    for name, text in (("member", A), ("element", ELEMENT)):
        yield refused(f"SD-JWT VC, {name}", _UNREFERENCED, jwt(disclosures=[text]), step="V4")
        more = jwt(payload=claims(B), disclosures=[B, text])
        yield refused(f"SD-JWT VC, {name} beside another", _UNREFERENCED, more, step="V4")
    places: dict[str, dict[str, Any]] = {
        "in a claim": {"payload": {"a": digest(A)}},
        "in an array": {"payload": {"x": [digest(A)]}},
        "in an array named _sd in an array": {"payload": {"x": [["_sd", digest(A)]]}},
        "in capitals": {"payload": {"_sd": [digest(A).upper()]}},
        "padded": {"payload": {"_sd": [digest(A) + "="]}},
        "cut short": {"payload": {"_sd": [digest(A)[:22]]}},
        "by another hash": {"payload": {"_sd": [digest(A, "sha-512")]}},
        "in the header": {"header": claims(A)},
        "in the key binding": {"kb": claims(A)},
    }
    for name, parts in places.items():
        yield refused(f"SD-JWT VC, {name}", _UNREFERENCED, jwt(disclosures=[A], **parts), step="V4")
    yield refused("SD-CWT, member", _UNREFERENCED, sd_cwt(disclosures=[C_A]), step="V4")
    yield refused("SD-CWT, element", _UNREFERENCED, sd_cwt(disclosures=[C_ELEMENT]), step="V4")
    decoy = hidden(salt(9))
    yield refused("SD-CWT, decoy", _UNREFERENCED, sd_cwt(disclosures=[decoy]), step="V4")
    bound = sd_cwt(disclosures=[C_A], kb={"x": [_sd_cwt.digest(C_A)]})
    yield refused("SD-CWT, in the key binding", _UNREFERENCED, bound, step="V4")
    yield refused("mdoc", _UNREFERENCED, _items(_US, shown=[_US, _NAME]), step="V4")
    moved = mdoc(items={PID: [_US]}, shown={"org.example.other": [_US]})
    yield refused("mdoc, under another namespace", _UNREFERENCED, moved, step="V4")


@attack("SDJ-003", "DISCLOSURE_UNREFERENCED")
def changed_by_a_byte() -> Iterator[Trial]:
    """One character of a disclosure differs from what was digested: refused, and not passed over."""
    text = disclosure("salt", "nationalities", ["US"])
    payload = {"nationalities": ABSENT, **claims(text)}
    yield accepted("as it was", jwt(payload=payload, disclosures=[text]))
    for name, parts in (
        ("the salt", ("salT", "nationalities", ["US"])),
        ("the name", ("salt", "nationalitier", ["US"])),
        ("the value", ("salt", "nationalities", ["UA"])),
    ):
        changed = disclosure(*parts)
        expect(len(changed) == len(text), "more than one character differs")
        yield refused(f"SD-JWT VC, {name}", _UNREFERENCED, jwt(payload=payload, disclosures=[changed]), step="V4")
    spaced = segment(b'["salt", "nationalities", ["US"]]')
    yield refused("SD-JWT VC, a space", _UNREFERENCED, jwt(payload=payload, disclosures=[spaced]), step="V4")
    changed = hidden(salt(1), 2, "a")
    yield refused("SD-CWT", _UNREFERENCED, sd_cwt(claims=hide(C_A), disclosures=[changed]), step="V4")
    longer = C_A.replace(b"\x61a", b"\x78\x01a")
    yield refused("SD-CWT, a longer head", _UNREFERENCED, sd_cwt(claims=hide(C_A), disclosures=[longer]), step="V4")
    other = item(0, "nationality", ["UA"])
    yield refused("mdoc", Reason.DIGEST_MISMATCH, _items(_US, shown=[other]), step="V4")
    swapped = mdoc(items={PID: [_US, _NAME]}, digests={PID: {0: item_digest(_NAME), 1: item_digest(_US)}})
    yield refused("mdoc, the digest of another", Reason.DIGEST_MISMATCH, swapped, step="V4")


@attack("SDJ-004", "DIGEST_DUPLICATE")
def digest_twice_in_one_place() -> Iterator[Trial]:
    """A digest occurs twice in one array, whether anything is shown for it or not."""
    for name, shown in (("shown", [A]), ("withheld", [])):
        payload = {"_sd": [digest(A), digest(B), digest(A)]}
        yield refused(f"SD-JWT VC, {name}", _TWICE, jwt(payload=payload, disclosures=shown), step="V4")
        marked = {REDACTED: [_sd_cwt.digest(C_A)] * 2}
        cbor = [C_A] if shown else []
        yield refused(f"SD-CWT, {name}", _TWICE, sd_cwt(claims=marked, disclosures=cbor), step="V4")
    for name, shown in (("shown", [ELEMENT]), ("withheld", [])):
        array = {"x": elements(ELEMENT, ELEMENT)}
        yield refused(f"SD-JWT VC, elements, {name}", _TWICE, jwt(payload=array, disclosures=shown), step="V4")
        tagged = {"x": [element(C_ELEMENT), element(C_ELEMENT)]}
        cbor = [C_ELEMENT] if shown else []
        yield refused(f"SD-CWT, elements, {name}", _TWICE, sd_cwt(claims=tagged, disclosures=cbor), step="V4")
    yield refused("a decoy of its own text", _TWICE, jwt(payload={"_sd": ["decoy", "decoy"]}), step="V4")


@attack("SDJ-006", "DIGEST_DUPLICATE")
def digest_twice_in_two_places() -> Iterator[Trial]:
    """A digest occurs in two places, so that one disclosure would be two claims."""
    inside = disclosure("salt", "o", claims(A))
    deep = disclosure("salt", [{"y": elements(ELEMENT)}])
    trees: dict[str, tuple[dict[str, Any], list[bytes]]] = {
        "at the top and below": (claims(A, o=claims(A)), [A]),
        "in two objects": ({"o": claims(A), "p": claims(A)}, [A]),
        "in two elements of an array": ({"x": [claims(A), claims(A)]}, [A]),
        "inside a disclosure": (claims(inside, A), [inside, A]),
        "inside a disclosure, withheld": (claims(inside, A), [inside]),
        "as a member and as an element": (claims(A, x=elements(A)), []),  # shown, its length is wrong for one
        "in two arrays": ({"x": elements(ELEMENT), "y": elements(ELEMENT)}, [ELEMENT]),
        "an array inside a disclosed element": ({"x": elements(deep, ELEMENT)}, [deep, ELEMENT]),
    }
    for name, (payload, shown) in trees.items():
        yield refused(f"SD-JWT VC, {name}", _TWICE, jwt(payload=payload, disclosures=shown), step="V4")
    for name, shown in (("shown", [C_A]), ("withheld", [])):
        both = hide(C_A, o=hide(C_A))
        yield refused(f"SD-CWT, two maps, {name}", _TWICE, sd_cwt(claims=both, disclosures=shown), step="V4")
    both = hide(C_A, x=[element(C_A)])
    yield refused("SD-CWT, a key and an element", _TWICE, sd_cwt(claims=both), step="V4")
    again = hidden(salt(4), hide(C_A), "o")
    nested = sd_cwt(claims=hide(again, C_A), disclosures=[again, C_A])
    yield refused("SD-CWT, inside a disclosure", _TWICE, nested, step="V4")


@attack("SDJ-008")
def decoys() -> Iterator[Trial]:
    """Digests without a disclosure are passed over, and nothing of them is seen."""
    decoy = [base64url(bytes([number]) * 32).decode() for number in range(20)]
    payload = {"_sd": [*decoy, digest(A)], "o": {"_sd": ["x"]}, "x": [1, {"...": "y"}, 2]}
    yield accepted("SD-JWT VC", jwt(payload=payload, disclosures=[A]))
    yield accepted("SD-JWT VC, nothing is shown", jwt(payload=payload))
    marked = {REDACTED: [bytes([number]) * 32 for number in range(20)], "x": [1, cbor2.CBORTag(60, b"\xff" * 32), 2]}
    yield accepted("SD-CWT", sd_cwt(claims=marked))
    shown = hidden(salt(9))  # the salt of a decoy, sent along: it tells nothing
    yield accepted("SD-CWT, a decoy that is shown", sd_cwt(claims=hide(shown), disclosures=[shown]))
    more = {PID: {0: item_digest(_US), **{number: bytes([number]) * 32 for number in range(1, 21)}}}
    yield accepted("mdoc", mdoc(items={PID: [_US]}, digests=more))
    yield holds("SD-JWT VC, what is read", partial(_reads, payload, [A], {"a": 1, "o": {}, "x": (1, 2)}))
    yield holds("SD-CWT, what is read", partial(_reads_cbor, {**marked, "y": [element(shown)]}, [shown]))


def stated(made: object) -> Any:
    """Return the claims of a verified presentation."""
    return of_type(made, VerifiedPresentation).attestation.claims


def _reads(payload: dict[str, Any], shown: list[bytes], expected: dict[str, Any]) -> None:
    read = stated(_sd_jwt.verify(_sd_jwt.make(payload=payload, disclosures=shown)))
    plain = {name: dict(value) if hasattr(value, "keys") else value for name, value in read.items()}
    expect(plain == {"nationalities": ("US",), **expected}, "something else is read")


def _reads_cbor(claims: dict[Any, Any], shown: list[bytes]) -> None:
    read = stated(_sd_cwt.verify(_sd_cwt.make(claims, shown)))
    expected: dict[Any, Any] = {2: "urn:someone", "nationalities": ("US",), "x": (1, 2), "y": ()}
    expect({name: read[name] for name in expected} == expected and len(read) == 4, "something else is read")


@attack("SDJ-009", "DISCLOSURE_UNREFERENCED")
def child_without_parent() -> Iterator[Trial]:
    """What stands inside a disclosure is shown without it."""
    parent = disclosure("salt", "o", claims(A, x=elements(ELEMENT)))
    payload = claims(parent)
    yield accepted("SD-JWT VC, with its parent", jwt(payload=payload, disclosures=[A, ELEMENT, parent]))
    yield accepted("SD-JWT VC, the parent alone", jwt(payload=payload, disclosures=[parent]))
    yield refused("SD-JWT VC, a member", _UNREFERENCED, jwt(payload=payload, disclosures=[A]), step="V4")
    yield refused("SD-JWT VC, an element", _UNREFERENCED, jwt(payload=payload, disclosures=[ELEMENT]), step="V4")
    grandparent = disclosure("salt", "p", claims(parent))
    skipped = jwt(payload=claims(grandparent), disclosures=[grandparent, A])
    yield refused("SD-JWT VC, the parent between", _UNREFERENCED, skipped, step="V4")
    outer = hidden(salt(4), hide(C_A), "o")
    yield accepted("SD-CWT, with its parent", sd_cwt(claims=hide(outer), disclosures=[C_A, outer]))
    yield refused("SD-CWT", _UNREFERENCED, sd_cwt(claims=hide(outer), disclosures=[C_A]), step="V4")


def in_place(raw: bytes, *, array: bool = False) -> Forgery:
    """Show what stands in the place of a disclosure, with its digest where a member, or an element, has it."""
    text = segment(raw)
    return jwt(payload={"x": elements(text)} if array else claims(text), disclosures=[text])


def cbor_in_place(raw: bytes, *, array: bool = False) -> Forgery:
    """Do the same in an SD-CWT."""
    return sd_cwt(claims={"x": [element(raw)]} if array else hide(raw), disclosures=[raw])


@attack("SDJ-011", "DISCLOSURE_MALFORMED")
def other_shapes() -> Iterator[Trial]:
    """A disclosure is no array of the right length, although its digest is there."""
    yield accepted("three parts", in_place(b'["salt","a",1]'))
    yield accepted("two parts in an array", in_place(b'["salt",1]', array=True))
    for raw in (
        "[]", '["s"]', '["s","a",1,2]', '{"0":"s"}', '"salt"', "5", "null", "true", '[5,"a",1]', '[null,"a",1]',
        '[["s"],"a",1]', '["s",5,1]', '["s",null,1]', '["s",["a"],1]',
    ):  # fmt: skip
        yield refused(f"SD-JWT VC, {raw}", _MALFORMED, in_place(raw.encode()), step="V4")
    for raw in ("[]", '["s"]', '["s","a",1,2]', "{}", "[5,1]"):
        yield refused(f"SD-JWT VC, element {raw}", _MALFORMED, in_place(raw.encode(), array=True), step="V4")
    yield accepted("SD-CWT, three parts", cbor_in_place(C_A))
    parts: dict[str, Any] = {
        "nothing": [], "four": [salt(), 1, "a", 2], "a map": {0: salt()}, "a text": "salt",
        "a text as salt": ["s" * 16, 1, "a"], "a short salt": [bytes(15), 1, "a"], "a long salt": [bytes(17), 1, "a"],
        "a name of bytes": [salt(), 1, b"a"], "a name that is true": [salt(), 1, True], "no name": [salt(), 1, None],
    }  # fmt: skip
    for name, each in parts.items():
        yield refused(f"SD-CWT, {name}", _MALFORMED, cbor_in_place(cbor2.dumps(each)), step="V4")
    changes: dict[str, Any] = {
        "no random": {"random": ABSENT}, "a short random": {"random": bytes(15)}, "no value": {"elementValue": ABSENT},
        "no name": {"elementIdentifier": ABSENT}, "a name of bytes": {"elementIdentifier": b"x"},
        "no digestID": {"digestID": ABSENT}, "a digestID of text": {"digestID": "0"}, "a negative": {"digestID": -1},
    }  # fmt: skip
    for name, change in changes.items():
        yield refused(f"mdoc, {name}", _MALFORMED, _items(item(0, "nationality", ["US"], change)), step="V4")


@attack("SDJ-012", "DISCLOSURE_MALFORMED")
def the_wrong_arity() -> Iterator[Trial]:
    """A disclosure of an element stands behind a member's digest, or the other way round."""
    yield refused("SD-JWT VC, two parts in _sd", _MALFORMED, in_place(b'["salt",1]'), step="V4")
    yield refused("SD-JWT VC, three parts in an array", _MALFORMED, in_place(b'["salt","a",1]', array=True), step="V4")
    nested = disclosure("salt", "o", {"x": elements(A)})
    inside = jwt(payload=claims(nested), disclosures=[nested, A])
    yield refused("SD-JWT VC, inside a disclosure", _MALFORMED, inside, step="V4")
    yield refused("SD-CWT, two parts as a key", _MALFORMED, cbor_in_place(C_ELEMENT), step="V4")
    yield refused("SD-CWT, three parts in an array", _MALFORMED, cbor_in_place(C_A, array=True), step="V4")


@attack("SDJ-013", "DISCLOSURE_MALFORMED")
def names_that_mark() -> Iterator[Trial]:
    """A disclosed claim has a name by which hidden claims are marked, or one without bound."""
    for name in ("_sd", "..."):
        for value in ([digest(A)], digest(A), 1):
            text = dump(["salt", name, value])
            yield refused(f"SD-JWT VC, {name}, {value!r}", _MALFORMED, in_place(text), step="V4")
        below = disclosure("salt", name, [digest(A)])
        yield refused(f"SD-JWT VC, {name} below", _MALFORMED, jwt(payload={"o": claims(below)}, disclosures=[below]))
    escaped = b'["salt","\\u005fsd",["x"]]'
    yield refused("SD-JWT VC, escaped", _MALFORMED, in_place(escaped), step="V4")
    yield accepted("SD-JWT VC, 255 characters", in_place(dump(["salt", "n" * 255, 1])))
    yield refused("SD-JWT VC, 256 characters", _MALFORMED, in_place(dump(["salt", "n" * 256, 1])), step="V4")
    yield accepted("SD-JWT VC, a name like it", in_place(dump(["salt", "_sd_", 1])))
    yield refused("SD-JWT VC, _sd_alg", _MALFORMED, in_place(dump(["salt", "_sd_alg", "sha-256"])), step="V4")
    yield accepted("SD-CWT, 255 bytes", cbor_in_place(hidden(salt(), 1, "n" * 255)))
    yield refused("SD-CWT, 256 bytes", _MALFORMED, cbor_in_place(hidden(salt(), 1, "n" * 256)), step="V4")
    marked = cbor_in_place(hidden(salt(), [bytes(32)], REDACTED))
    yield refused("SD-CWT, simple(59)", Reason.MALFORMED_CBOR, marked, step="V4")


@attack("SDJ-015", "DISCLOSURE_CLASH")
def a_name_that_is_there() -> Iterator[Trial]:
    """A disclosed claim would take the place of one that stands in the clear."""
    control = Reason.CLAIM_NOT_DISCLOSABLE
    good = _sd_jwt.good_payload()
    for name, value in (("nationalities", ["DE"]), ("nationalities", ["US"]), ("x", 1), ("iat", good["iat"])):
        text = disclosure("salt", name, value)
        forged = jwt(payload={"x": 1, **claims(text)}, disclosures=[text])
        yield refused(f"SD-JWT VC, {name} {value}", _CLASH, forged, step="V4")
    for name in ("iss", "exp", "vct", "cnf", "status"):
        text = disclosure("salt", name, good[name])
        forged = jwt(payload=claims(text), disclosures=[text])
        yield refused(f"SD-JWT VC, {name}", control, forged, step="V4")
    below = jwt(payload={"o": claims(A, a=2)}, disclosures=[A])
    yield refused("SD-JWT VC, below", _CLASH, below, step="V4")
    yield accepted("SD-JWT VC, at another level", jwt(payload={"a": 2, "o": claims(A)}, disclosures=[A]))
    nulled = jwt(payload=claims(A, a=None), disclosures=[A])
    yield refused("SD-JWT VC, null stands there", _CLASH, nulled, step="V4")
    yield refused("SD-CWT", _CLASH, sd_cwt(claims={"a": 2, **hide(C_A)}, disclosures=[C_A]), step="V4")
    key_binding = hidden(salt(), {1: 2}, 8)
    yield refused("SD-CWT, cnf", control, sd_cwt(claims=hide(key_binding), disclosures=[key_binding]), step="V4")


@attack("SDJ-016", "DISCLOSURE_CLASH")
def one_name_for_two() -> Iterator[Trial]:
    """Two disclosures have one name at one level, and their order would decide."""
    again = disclosure("another salt", "a", 2)
    for name, shown in (("one order", [A, again]), ("the other", [again, A])):
        yield refused(f"SD-JWT VC, {name}", _CLASH, jwt(payload=claims(A, again), disclosures=shown), step="V4")
    same = disclosure("another salt", "a", 1)
    yield refused("SD-JWT VC, one value", _CLASH, jwt(payload=claims(A, same), disclosures=[A, same]), step="V4")
    yield accepted("SD-JWT VC, one of the two", jwt(payload=claims(A, again), disclosures=[again]))
    yield accepted("SD-JWT VC, at two levels", jwt(payload=claims(A, o=claims(again)), disclosures=[A, again]))
    second = hidden(salt(5), 2, "a")
    yield refused("SD-CWT", _CLASH, sd_cwt(claims=hide(C_A, second), disclosures=[C_A, second]), step="V4")
    number, text = hidden(salt(6), 1, 100), hidden(salt(7), 1, "100")
    yield accepted("SD-CWT, a number and a text", sd_cwt(claims=hide(number, text), disclosures=[number, text]))
    other = item(1, "nationality", ["DE"])
    yield refused("mdoc", _CLASH, _items(_US, other), step="V4")


@attack("SDJ-018", "MALFORMED_BASE64")
def other_spellings() -> Iterator[Trial]:
    """A disclosure is spelled in another base64, and its digest was taken over that spelling."""
    wrong = Reason.MALFORMED_BASE64
    raw = b'["salt","a","?>?"]'
    good = base64url(raw)
    yield accepted("the one spelling", jwt(payload=claims(good), disclosures=[good]))
    rest = base64url(b'["salt","a",1]')  # 14 bytes: two bits of its last character belong to nobody
    spellings = {
        "padded": rest + b"=", "padded without need": good + b"=", "two pads": good + b"==",
        "stray bits": rest[:-1] + bytes([rest[-1] + 1]), "a space": good[:4] + b" " + good[4:],
        "a line end": good + b"\n", "a space before": b" " + good,
        "standard alphabet": base64.b64encode(raw).rstrip(b"="), "a NUL": good + b"\0", "one character": b"A",
        "not ASCII": good[:-1] + "\u00e9".encode(), "percent": good + b"%3D",
    }  # fmt: skip
    for name, text in spellings.items():
        yield refused(name, wrong, jwt(payload=claims(text), disclosures=[text]), step="V4")


@attack("SDJ-020")
def unusual_json() -> Iterator[Trial]:
    """A disclosure is written as nobody would, and its digest is over what came."""
    for name, raw in (
        ("spaces", b' [ "salt" ,\t"a"\r\n, 1 ] '),
        ("escapes", b'["\\u0073alt","\\u0061",1]'),
        ("an exponent", b'["salt","a",1e0]'),
        ("members in another order", b'["salt","a",{"z":1,"b":2}]'),
        ("the empty name", b'["salt","",1]'),
        ("the empty salt", b'["","a",1]'),
    ):
        yield accepted(f"SD-JWT VC, {name}", in_place(raw))
    for serialization in (Serialization.FLATTENED, Serialization.GENERAL):
        text = segment(b' ["salt", "a", 1]')
        general = serialization is Serialization.GENERAL
        made = jwt(payload=claims(text), disclosures=[text], after=partial(to_json, general=general))
        yield accepted(f"SD-JWT VC, {serialization}", made, serialization=serialization)
    longer = C_A.replace(b"\x61a", b"\x78\x01a")
    yield accepted("SD-CWT, a longer head", cbor_in_place(longer))
    backwards = item(0, "nationality", ["US"])
    unsorted = cbor2.dumps(dict(reversed(list(cbor2.loads(backwards).items()))))
    yield accepted("mdoc, members in another order", _items(unsorted))
