"""Attacks by a JSON text, or an item of CBOR, that two parsers read in two ways, or that costs one of them too much.

Spec: RFC 8259; RFC 7493 sections 2.1 to 2.3; RFC 7515 section 4; RFC 8949 section 5.6; specs/verification.md V1, V4.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ... import Reason
from ...gateway import SieveCache
from ..attacks import Attack, attack
from ..forge import cbor, mdoc_issuer, sd_jwt
from ..forge import sd_cwt as sd_cwt_forge
from ..forge.cbor import Pairs, Raw
from ..forge.parts import ABSENT, AUDIENCE, NONCE, NOW, STATUS_URI, dump, segment
from ..forgery import called
from ..trials import Trial, accepted, expect, holds, mdoc, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._places import dpop, status_cwt, status_jwt

_DUPLICATE: Final = Reason.DUPLICATE_MEMBER
_JSON: Final = Reason.MALFORMED_JSON
_CBOR: Final = Reason.MALFORMED_CBOR
_DEPTH: Final = Reason.DEPTH_EXCEEDED
_OLD: Final = NOW - 1
_LATE: Final = NOW + 30 * 86_400


def text_with(more: bytes, **changes: Any) -> bytes:
    """Write the claims of a good credential with something behind the last one."""
    good = {**sd_jwt.good_payload(), **changes}
    return dump({name: value for name, value in good.items() if value is not ABSENT})[:-1] + b"," + more + b"}"


def bound_with(more: bytes) -> bytes:
    """Write the claims of a key binding with something behind the last: refused before `sd_hash` is looked at."""
    return dump({"iat": NOW, "aud": AUDIENCE, "nonce": NONCE, "sd_hash": "x" * 43})[:-1] + b"," + more + b"}"


def list_with(more: bytes) -> bytes:
    """Write the claims of a status list token with something behind the last one."""
    return dump({"sub": STATUS_URI, "iat": NOW - 10, "exp": NOW + 86_400})[:-1] + b"," + more + b"}"


def _in_payloads(name: str, reason: Reason, more: bytes) -> Iterator[Trial]:
    """Put something into the payload of each JWS, and into a disclosure."""
    yield refused(f"issuer, {name}", reason, jwt(payload=text_with(more)))
    yield refused(f"key binding, {name}", reason, jwt(kb=bound_with(more)), step="V7")
    yield status_jwt(f"status list, {name}", reason, payload=list_with(more))
    yield dpop(f"DPoP, {name}", reason, claims=b'{"jti":"1",' + more + b"}")
    item = b'["salt","info",{"a":1,' + more + b"}]"
    yield refused(f"disclosure, {name}", reason, jwt(**shown(item)))


def shown(*contents: bytes) -> dict[str, Any]:
    """Return what makes a credential that hides these disclosures and shows them."""
    disclosures = [segment(each) for each in contents]
    return {"payload": {"_sd": [sd_jwt.digest(each) for each in disclosures]}, "disclosures": disclosures}


@attack("ENC-013", "DUPLICATE_MEMBER")
def claim_twice() -> Iterator[Trial]:
    """A claim stands twice in what was signed: the first counts for one parser, and the last for another."""
    for name, first, last in (
        ("the old first", _OLD, _LATE),
        ("the new first", _LATE, _OLD),
        ("the same", _LATE, _LATE),
    ):
        payload = text_with(b'"exp":%d' % last, exp=first)
        yield refused(f"exp, {name}", _DUPLICATE, jwt(payload=payload), step="V4")
    for more in (b'"iss":"x"', b'"cnf":{}', b'"nationalities":["DE"]', b'"status":null', b'"a":1,"a":1'):
        yield refused(f"issuer, {more.decode()}", _DUPLICATE, jwt(payload=text_with(more)))
    yield from _in_payloads("inside", _DUPLICATE, b'"b":{"c":[{"d":1,"d":2}]}')
    yield from _in_payloads("far inside", _DUPLICATE, b'"b":[[[[{"d":1,"d":2}]]]]')
    for claim in (b"nonce", b"aud", b"sd_hash", b"iat"):
        yield refused(f"key binding, {claim!r}", _DUPLICATE, jwt(kb=bound_with(b'"%b":1' % claim)), step="V7")
    yield status_jwt("status list, sub", _DUPLICATE, payload=list_with(b'"sub":"x"'))
    yield dpop("DPoP, jti", _DUPLICATE, claims=b'{"jti":"1","jti":"2"}')
    claims = Pairs([*sd_cwt_forge.good_claims().items(), (4, _LATE)])
    yield refused("SD-CWT, exp", _DUPLICATE, sd_cwt(claims=cbor.dump(claims)), step="V4")
    twice = Pairs([("nationalities", ["DE"]), *sd_cwt_forge.good_claims().items()])
    yield refused("SD-CWT, nationalities", _DUPLICATE, sd_cwt(claims=cbor.dump(twice)), step="V4")
    binding = Pairs([*sd_cwt_forge.good_binding().items(), (39, b"other")])
    yield refused("SD-KBT, cnonce", _DUPLICATE, sd_cwt(kb=cbor.dump(binding)), step="V7")
    mso = mdoc_issuer.good_mso({})
    doubled = cbor.embedded(cbor.dump(Pairs([*mso.items(), ("docType", "x")])))
    yield refused("MSO, docType", _DUPLICATE, mdoc(payload=doubled), step="V4")
    item = cbor.dump(Pairs([("digestID", 0), ("random", bytes(16)), ("digestID", 0), ("elementIdentifier", "a")]))
    yield refused("an element of an mdoc", _DUPLICATE, mdoc(items={mdoc_issuer.PID: [item]}), step="V4")
    yield status_cwt("status list, CWT", _DUPLICATE, payload=cbor.dump(Pairs([(2, STATUS_URI), (2, "x")])))


@attack("ENC-014", "DUPLICATE_MEMBER")
def header_twice() -> Iterator[Trial]:
    """A header parameter stands twice."""
    for more in (b'"alg":"none"', b'"alg":"ES256"', b'"kid":"k2"', b'"kid":"k1"', b'"typ":"JWT"', b'"x":1,"x":2'):
        name = more.decode()
        header = dump(sd_jwt.good_header())[:-1] + b"," + more + b"}"
        yield refused(f"issuer, {name}", _DUPLICATE, jwt(header=header), step="V1")
        first = b"{" + more + b"," + dump(sd_jwt.good_header())[1:]
        yield refused(f"issuer, {name} first", _DUPLICATE, jwt(header=first), step="V1")
        bound = b'{"alg":"ES256","typ":"kb+jwt","kid":"h",' + more + b"}"
        yield refused(f"key binding, {name}", _DUPLICATE, jwt(kb_header=bound), step="V1")
        listed = b'{"alg":"ES256","typ":"statuslist+jwt","kid":"s1",' + more + b"}"
        yield status_jwt(f"status list, {name}", _DUPLICATE, header=listed)
    yield dpop("DPoP, alg", _DUPLICATE, header=b'{"typ":"dpop+jwt","alg":"none","alg":"ES256"}')
    yield dpop("DPoP, inside jwk", _DUPLICATE, header=b'{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","kty":"EC"}}')
    for number in (1, 4, 16):
        good = {1: -9, 4: b"k1", 16: 293}
        header = cbor.dump(Pairs([*good.items(), (number, good[number])]))
        yield refused(f"SD-CWT, {number}", _DUPLICATE, sd_cwt(header=header), step="V1")
    algorithm = cbor.dump(Pairs([(1, -7), (1, -7)]))
    yield refused("issuerAuth, alg", _DUPLICATE, mdoc(protected=algorithm), step="V1")
    yield refused("deviceSignature, alg", _DUPLICATE, mdoc(device={"protected": algorithm}), step="V1")
    yield status_cwt("status list, CWT", _DUPLICATE, header=cbor.dump(Pairs([(1, -7), (4, b"s1"), (1, -7)])))
    # The two headers of COSE are one: a label stands in one of them.
    both = Reason.HEADER_INVALID
    yield refused("SD-CWT, kid in both headers", both, sd_cwt(unprotected={4: b"k1"}), step="V1")
    yield refused("SD-CWT, alg in both headers", both, sd_cwt(unprotected={1: -9}), step="V1")
    yield refused("issuerAuth, alg in both headers", both, mdoc(unprotected={1: -7}), step="V1")
    yield refused("deviceSignature, alg in both headers", both, mdoc(device={"unprotected": {1: -7}}), step="V1")


@attack("ENC-016", "DUPLICATE_MEMBER")
def name_in_another_spelling() -> Iterator[Trial]:
    """One name, once plain and once by its escapes: names are compared after they were read."""
    for escaped in (b"\\u0065xp", b"e\\u0078p", b"\\u0065\\u0078\\u0070"):
        yield refused(f"exp, {escaped.decode()}", _DUPLICATE, jwt(payload=text_with(b'"%b":1' % escaped)), step="V4")
    yield from _in_payloads("escaped", _DUPLICATE, b'"b":1,"\\u0062":2')
    yield from _in_payloads("escaped inside", _DUPLICATE, b'"b":{"/":1,"\\/":2}')
    yield from _in_payloads("upper and lower case hex", _DUPLICATE, b'"\\u00fc":1,"\\u00FC":2')
    yield from _in_payloads("by a pair of surrogates", _DUPLICATE, b'"\xf0\x9f\x98\x80":1,"\\ud83d\\ude00":2')
    for more in (b'"\\u0061lg":"none"', b'"ki\\u0064":"k2"'):
        header = dump(sd_jwt.good_header())[:-1] + b"," + more + b"}"
        yield refused(f"header, {more.decode()}", _DUPLICATE, jwt(header=header), step="V1")
        yield dpop(f"DPoP header, {more.decode()}", _DUPLICATE, header=b'{"alg":"ES256","kid":"k",' + more + b"}")
    # In CBOR a number has more than one head.
    longer = Pairs([*sd_cwt_forge.good_claims().items(), (Raw(b"\x18\x04"), 1)])
    yield refused("SD-CWT, a longer head", _DUPLICATE, sd_cwt(claims=cbor.dump(longer)), step="V4")
    longest = cbor.dump(Pairs([(1, -9), (4, b"k1"), (16, 293), (Raw(b"\x1b" + (4).to_bytes(8, "big")), b"k2")]))
    yield refused("SD-CWT header, a longer head", _DUPLICATE, sd_cwt(header=longest), step="V1")
    other = {"\u00fc": 1, "u\u0308": 2, "\u0430": 3, "a": 4}  # equal to a reader, and not the same characters
    yield accepted("names that only look alike", jwt(payload=other))


@attack("ENC-018", "MALFORMED_JSON")
def no_number() -> Iterator[Trial]:
    """NaN and the infinities, which JSON does not have: they compare with nothing, or are beyond every bound."""
    for word in (
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"-NaN",
        b"nan",
        b"inf",
        b"+1",
        b".5",
        b"1.",
        b"0x10",
        b"1_000",
        b"01",
    ):
        payload = dump({**sd_jwt.good_payload(), "exp": 0}).replace(b'"exp":0', b'"exp":' + word)
        yield refused(f"exp is {word!r}", _JSON, jwt(payload=payload), step="V4")
    for word in (b"NaN", b"Infinity", b"-Infinity"):
        yield from _in_payloads(word.decode(), _JSON, b'"b":' + word)
        header = dump(sd_jwt.good_header())[:-1] + b',"b":' + word + b"}"
        yield refused(f"header, {word!r}", _JSON, jwt(header=header), step="V1")
    for name, number in (("NaN", b"\xf9\x7e\x00"), ("infinity", b"\xf9\x7c\x00"), ("-infinity", b"\xf9\xfc\x00")):
        for label in (4, "height"):
            claims = {**sd_cwt_forge.good_claims(), label: Raw(number)}
            yield refused(f"SD-CWT, {label} is {name}", _CBOR, sd_cwt(claims=cbor.dump(claims)), step="V4")
        item = mdoc_issuer.item(0, "height", Raw(number))
        yield refused(f"mdoc, {name}", _CBOR, mdoc(items={mdoc_issuer.PID: [item]}), step="V4")


@attack("ENC-019", "MALFORMED_JSON")
def number_beyond_all() -> Iterator[Trial]:
    """A number that is spelt as JSON wants it, and becomes an infinity where it is read."""
    for word in (b"1e400", b"-1e400", b"1E+400", b"1" + b"0" * 400 + b".0", b"1e99999999"):
        payload = dump({**sd_jwt.good_payload(), "exp": 0}).replace(b'"exp":0', b'"exp":' + word)
        name = word[:12].decode()
        yield refused(f"exp is {name} and {len(word)}", _JSON, jwt(payload=payload), step="V4")
        yield from _in_payloads(f"{name} and {len(word)}", _JSON, b'"b":[{"c":' + word + b"}]")
    header = dump(sd_jwt.good_header())[:-1] + b',"b":1e400}'
    yield refused("header", _JSON, jwt(header=header), step="V1")
    yield accepted("the largest that there is", jwt(payload=text_with(b'"b":1.7976931348623157e308')))
    yield accepted("one that is nothing", jwt(payload=text_with(b'"b":1e-400')))


@attack("ENC-021", "MALFORMED_JSON")
def no_object() -> Iterator[Trial]:
    """The payload is JSON, and no object: whoever looks for claims in it finds none to check."""
    good = sd_jwt.good_payload()
    values: tuple[Any, ...] = ([], [{}], [good], "exp", "", 1, 0, None, True, False, [["exp", 1]], 1.5)
    for value in values:
        text = dump(value)
        name = text[:16].decode()
        yield refused(f"issuer, {name}", _JSON, jwt(payload=text), step="V4")
        yield refused(f"key binding, {name}", _JSON, jwt(kb=text), step="V7")
        yield refused(f"header, {name}", _JSON, jwt(header=text), step="V1")
        yield status_jwt(f"status list, {name}", _JSON, payload=text)
        yield refused(f"SD-CWT, {name}", _CBOR, sd_cwt(claims=cbor.dump(value)), step="V4")
        yield refused(f"SD-KBT, {name}", _CBOR, sd_cwt(kb=cbor.dump(value)), step="V7")
    for text in (b"[]", b"null", b'"jti"'):
        yield dpop(f"DPoP, {text!r}", _JSON, claims=text)
    for text in (b" ", b"{", b"nul"):
        yield refused(f"issuer, {text!r}", _JSON, jwt(payload=text), step="V4")
    yield status_cwt("status list, CWT", _CBOR, payload=cbor.dump([]))


@attack("ENC-022", "MALFORMED_JSON")
def another_encoding() -> Iterator[Trial]:
    """The text is correctly signed, and not in UTF-8, or has a mark of byte order."""
    text = dump(sd_jwt.good_payload()).decode()
    bound = dump({"iat": NOW, "aud": AUDIENCE, "nonce": NONCE, "sd_hash": "x" * 43}).decode()
    header = dump(sd_jwt.good_header()).decode()
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig", "cp500"):
        yield refused(f"issuer, {encoding}", _JSON, jwt(payload=text.encode(encoding)), step="V4")
        yield refused(f"key binding, {encoding}", _JSON, jwt(kb=bound.encode(encoding)), step="V7")
        yield refused(f"header, {encoding}", _JSON, jwt(header=header.encode(encoding)), step="V1")
        yield status_jwt(f"status list, {encoding}", _JSON, payload=list_with(b'"a":1').decode().encode(encoding))
        yield dpop(f"DPoP, {encoding}", _JSON, claims='{"jti":"1"}'.encode(encoding))
        item = '["salt","info",1]'.encode(encoding)
        yield refused(f"disclosure, {encoding}", _JSON, jwt(**shown(item)), step="V4")
    yield accepted("UTF-8", jwt(payload={"name": "\u00fc\u20ac\U0001f600\ufeff"}))


_BROKEN: Final = {
    "a lone continuation": b"\x80",
    "a sequence cut short": b"\xe2\x82",
    "an overlong slash": b"\xc0\xaf",
    "an overlong zero": b"\xc0\x80",
    "overlong in three": b"\xe0\x80\xaf",
    "overlong in four": b"\xf0\x80\x80\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond the last": b"\xf4\x90\x80\x80",
    "no such byte": b"\xff",
    "latin-1": b"\xfc",
}


@attack("ENC-023", "MALFORMED_JSON")
def no_utf_8() -> Iterator[Trial]:
    """Bytes that are no UTF-8: who puts a replacement in their place reads what nobody has signed."""
    for name, broken in _BROKEN.items():
        yield from _in_payloads(name, _JSON, b'"b":"' + broken + b'"')
        yield refused(f"a name, {name}", _JSON, jwt(payload=text_with(b'"' + broken + b'":1')), step="V4")
        header = dump(sd_jwt.good_header())[:-1] + b',"b":"' + broken + b'"}'
        yield refused(f"header, {name}", _JSON, jwt(header=header), step="V1")
        text = Raw(cbor.head(3, len(broken)) + broken)
        claims = {**sd_cwt_forge.good_claims(), "b": text}
        yield refused(f"SD-CWT, {name}", _CBOR, sd_cwt(claims=cbor.dump(claims)), step="V4")
        item = mdoc_issuer.item(0, "family_name", text)
        yield refused(f"mdoc, {name}", _CBOR, mdoc(items={mdoc_issuer.PID: [item]}), step="V4")
    for escape in (b"\\ud800", b"\\udc00", b"\\ude00\\ud83d", b"\\ud83d\\u0041", b"\\ud83dA"):
        yield refused(f"half of a pair, {escape.decode()}", _JSON, jwt(payload=text_with(b'"b":"' + escape + b'"')))


@attack("ENC-025", "MALFORMED_JSON")
def other_grammar() -> Iterator[Trial]:
    """Something behind the object, two objects, comments, commas, quotation marks of another kind."""
    good = dump(sd_jwt.good_payload())
    texts = {
        "a byte behind": good + b"x",
        "NUL behind": good + b"\0",
        "a brace behind": good + b"}",
        "two objects": good + good,
        "two lines": good + b"\n" + good,
        "a comma behind": good + b",",
        "a comment": b"/* */" + good,
        "a comment to the end": good + b"// ",
        "a comment inside": b"{/**/" + good[1:],
        "a comma too many": good[:-1] + b",}",
        "a comma first": b"{," + good[1:],
        "single quotes": good.replace(b'"', b"'"),
        "a name without quotes": b"{a:1," + good[1:],
        "a word": b'{"a":True,' + good[1:],
        "undefined": b'{"a":undefined,' + good[1:],
        "a line end in a text": b'{"a":"\n",' + good[1:],
        "a tab in a text": b'{"a":"\t",' + good[1:],
        "an unknown escape": b'{"a":"\\x41",' + good[1:],
        "a blank of another kind": b"\xc2\xa0" + good,
        "a form feed": b"\x0c" + good,
        "no colon": b'{"a" 1,' + good[1:],
        "cut short": good[:-1],
    }
    yield accepted("the text", jwt(payload=good))
    for name, text in texts.items():
        yield refused(name, _JSON, jwt(payload=text), step="V4")
    for name, behind in (("a byte", b"x"), ("an object", b"{}"), ("a comma", b","), ("NUL", b"\0")):
        yield refused(f"header, {name}", _JSON, jwt(header=dump(sd_jwt.good_header()) + behind), step="V1")
        yield refused(f"key binding, {name}", _JSON, jwt(kb=bound_with(b'"a":1') + behind), step="V7")
        yield refused(f"disclosure, {name}", _JSON, jwt(**shown(b'["salt","info",1]' + behind)), step="V4")
        yield status_jwt(f"status list, {name}", _JSON, payload=list_with(b'"a":1') + behind)
        yield dpop(f"DPoP, {name}", _JSON, claims=b'{"jti":"1"}' + behind)
    for behind in (b"\0", b"\xa0", b"\xf6"):
        claims = cbor.dump(sd_cwt_forge.good_claims()) + behind
        yield refused(f"SD-CWT, {behind!r}", _CBOR, sd_cwt(claims=claims), step="V4")
        yield refused(
            f"SD-KBT, {behind!r}", _CBOR, sd_cwt(kb=cbor.dump(sd_cwt_forge.good_binding()) + behind), step="V7"
        )
        mso = cbor.embedded(cbor.dump(mdoc_issuer.good_mso({})) + behind)
        yield refused(f"MSO, {behind!r}", _CBOR, mdoc(payload=mso), step="V4")


@attack("ENC-026")
def one_meaning_in_many_spellings() -> Iterator[Trial]:
    """What was signed may be spelt in any way that the grammar has: it is verified as it came."""
    good = sd_jwt.good_payload()
    spelt = {
        "indented": json.dumps(good, indent=2).encode(),
        "blanks around": b" \n\t" + dump(good) + b"\r\n ",
        "the other order": dump(dict(reversed(good.items()))),
        "escapes": dump(good).replace(b'"exp"', b'"\\u0065xp"').replace(b'"US"', b'"\\u0055S"'),
        "1e3": text_with(b'"points":1e3'),
        "1000": text_with(b'"points":1000'),
        "1000.0": text_with(b'"points":1000.0'),
        "-0": text_with(b'"points":-0'),
        "a long number": text_with(b'"points":123456789012345678901234567890'),
    }
    for name, payload in spelt.items():
        yield accepted(name, jwt(payload=payload))
    yield accepted("a header with blanks", jwt(header=b' {"typ" : "dc+sd-jwt", "kid":"k1",\n"alg":"ES256"} '))
    item = b' [ "salt" ,"nationalities", [ "U\\u0053" ] ] '
    hidden = shown(item)
    yield accepted(
        "a disclosure with blanks", jwt(**{**hidden, "payload": {**hidden["payload"], "nationalities": ABSENT}})
    )
    longer = Pairs([(Raw(b"\x18\x01"), good["iss"]), *list(sd_cwt_forge.good_claims().items())[1:]])
    yield accepted("SD-CWT, a longer head and another order", sd_cwt(claims=cbor.dump(Pairs(reversed(longer)))))
    yield holds("digests are of the bytes that came", partial(_digest_of_bytes, item))
    yield holds("each spelling is remembered by itself", partial(_remembered, tuple(spelt.values())))


def _digest_of_bytes(item: bytes) -> None:
    # The same disclosure in another spelling is another one, and no digest points to it.
    shown_as = sd_jwt.make(**shown(item)).replace(segment(item), segment(["salt", "nationalities", ["US"]]))
    half = shown_as[: shown_as.rindex(b"~") + 1]
    outcome = _outcome(sd_jwt.bound(half))
    expect(outcome is Reason.DISCLOSURE_UNREFERENCED, str(outcome))


def _outcome(data: bytes) -> Reason | None:
    return called(lambda: sd_jwt.verify(data)).reason


def _remembered(payloads: tuple[bytes, ...]) -> None:
    cached: Any = SieveCache(2 * len(payloads))
    for count, payload in enumerate(payloads, 1):
        made = sd_jwt.make(payload=payload)
        for _ in range(2):
            sd_jwt.verify(made, cache=cached)
            expect(len(cached) == count, "one entry for each spelling")


def _nested(levels: int, brackets: bytes = b"[]") -> bytes:
    """Nest arrays, or objects whose one member has the name "a"."""
    opening, closing = brackets[:-1], brackets[-1:]
    return opening * levels + b"1" + closing * levels


_OBJECTS: Final = b'{"a":}'


@attack("ENC-028", "DEPTH_EXCEEDED")
def deep_nesting() -> Iterator[Trial]:
    """Arrays or objects nest deeper than anybody needs: the bound refuses, and no stack ends before."""
    for brackets in (b"[]", _OBJECTS):
        for levels in (31, 32, 65, 199, 200, 1_500):
            more = b'"b":' + _nested(levels, brackets)
            name = f"{levels} of {brackets[:1].decode()}"
            if levels < 32:  # the object that holds it is one more
                yield accepted(f"issuer, {name}", jwt(payload=text_with(more)))
            else:
                yield from _in_payloads(name, _DEPTH, more)
        unclosed = b'"b":' + brackets[:-1] * (100_000 // len(brackets[:-1]))
        yield refused(
            f"100,000 characters of {brackets[:1].decode()}", _DEPTH, jwt(payload=text_with(unclosed)), step="V4"
        )
        for levels in (4, 65, 5_000 // len(brackets)):
            header = dump(sd_jwt.good_header())[:-1] + b',"b":' + _nested(levels, brackets) + b"}"
            yield refused(f"header, {levels} of {brackets[:1].decode()}", _DEPTH, jwt(header=header), step="V1")
    yield refused("90,000 of [", _DEPTH, jwt(payload=text_with(b'"b":' + _nested(90_000))), step="V4")
    yield refused("the whole payload", _DEPTH, jwt(payload=b"[" * 150_000), step="V4")
    for levels in (17, 65, 40_000):
        deep = Raw(b"\x81" * levels + b"\x01")
        claims = {**sd_cwt_forge.good_claims(), "b": deep}
        yield refused(f"SD-CWT, {levels}", _DEPTH, sd_cwt(claims=cbor.dump(claims)), step="V4")
        item = mdoc_issuer.item(0, "b", deep)
        yield refused(f"mdoc, {levels}", _DEPTH, mdoc(items={mdoc_issuer.PID: [item]}), step="V4")
        yield refused(f"mdoc, the response, {levels}", _DEPTH, mdoc(response_changes={"b": deep}), step="V1")
        yield status_cwt(f"status list, CWT, {levels}", _DEPTH, payload=cbor.dump({2: STATUS_URI, "b": deep}))


ATTACKS: Final[tuple[Attack, ...]] = (
    claim_twice,
    header_twice,
    name_in_another_spelling,
    no_number,
    number_beyond_all,
    no_object,
    another_encoding,
    no_utf_8,
    other_grammar,
    one_meaning_in_many_spellings,
    deep_nesting,
)
