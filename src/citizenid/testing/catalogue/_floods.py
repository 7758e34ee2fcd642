"""Attacks by size and by number: bounds come before parsing, work is linear, and what is expensive comes last.

Nothing here looks at a clock: lines of this library that run are counted, bytes that are held, signatures that are
verified.

Spec: DESIGN law 12; specs/threat-model.md (T-9); specs/verification.md; RFC 9901 section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from ... import (
    Challenge,
    CitizenIDError,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    PublicKey,
    Reason,
    TrustAnchors,
)
from ... import verifier as _verifier
from ...gateway import AdmissionPolicy, Binding, parse_vp_token, proofs
from ...holder import Credential
from ...status import StatusStore
from ..attacks import attack
from ..forge import mdoc as _mdoc
from ..forge import sd_cwt as _sd_cwt
from ..forge import sd_jwt as _sd_jwt
from ..forge.mdoc_issuer import PID
from ..forge.parts import ABSENT, ISSUER, NOW, STATUS_MEDIA_TYPE, VCT, base64url, key
from ..forge.status_lists import IDENTIFIER_MEDIA_TYPE, status_anchors, status_token
from ..forgery import Forgery, Outcome, called
from ..senders import Sender
from ..targets import ANCHORS, VERIFY, Library
from ..trials import Trial, accepted, asked, expect, holds, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._counting import counted, held, lines_of
from ._sending import prove, send, with_proof
from ._statuses import CWT, declines

TEN_MEGABYTES: Final = 10_000_000
_LARGE: Final = Reason.INPUT_TOO_LARGE
_LIMIT: Final = Reason.LIMIT_EXCEEDED
_LIBRARY: Final = Library()
_QUERY: Final = {"credentials": [{"id": "one", "format": "dc+sd-jwt", "meta": {"vct_values": [VCT]}}]}


def instead(format: Format, data: Callable[[], bytes | str]) -> Forgery:
    """Show this in place of a presentation; it is made when it is shown."""
    make = {Format.SD_JWT_VC: jwt, Format.MDOC: mdoc, Format.SD_CWT: sd_cwt}[format]
    return make(after=lambda _: data())


@attack("DOS-001", "INPUT_TOO_LARGE")
def ten_megabytes() -> Iterator[Trial]:
    """Ten megabytes come in at each entry."""
    for format in Format:
        name = format.value
        for kind, large in (("bytes", b"A" * TEN_MEGABYTES), ("text", "A" * TEN_MEGABYTES)):
            yield raises(f"a presentation as {kind}, {name}", _LARGE, partial(VERIFY[format], large))
        just = b"\xff" * (Limits().presentation_bytes + 1)
        yield refused(f"one byte too many, {name}", _LARGE, instead(format, partial(bytes, just)))
        receive = partial(Credential.receive, just, format=format, anchors=ANCHORS[format](), now=NOW)
        yield raises(f"a credential, {name}", _LARGE, receive)
        yield holds(f"nothing of it is copied, {name}", partial(_without_a_copy, format))
    yield refused("to a gateway", _LARGE, instead(Format.SD_JWT_VC, lambda: b"A" * TEN_MEGABYTES))
    yield accepted("a large portrait", jwt(payload={"portrait": "A" * 150_000}))
    yield refused("too large a portrait", _LARGE, jwt(payload={"portrait": "A" * 200_000}))
    yield refused("a large header", _LARGE, jwt(header={"x": "A" * 16_384}))
    yield refused("a large header of the holder", _LARGE, jwt(kb_header={"x": "A" * 16_384}))
    for media_type in (STATUS_MEDIA_TYPE, CWT, IDENTIFIER_MEDIA_TYPE, "application/vc+jwt"):
        yield declines(f"a status list, {media_type}", _LARGE, lambda: b"A" * TEN_MEGABYTES, media_type=media_type)
    trust: dict[str, Any] = {"formats": [Format.SD_JWT_VC], "types": [VCT], "countries": [Country("US")]}
    purpose = KeyPurpose.CREDENTIAL
    large = b"A" * TEN_MEGABYTES
    yield raises("keys", _LARGE, lambda: TrustAnchors.from_jwks(ISSUER, large, purpose=purpose, **trust))
    yield raises("metadata", _LARGE, lambda: TrustAnchors.from_issuer_metadata(large, issuer=ISSUER, **trust))
    yield raises("a wallet's answer", _LARGE, lambda: parse_vp_token(large, _QUERY))
    yield asked("a proof", _LARGE, lambda party: send(party, party.ticket(), [b"A" * TEN_MEGABYTES]))
    yield asked("a large proof", _LARGE, with_proof(None, {"x": "A" * 16_384}))
    yield asked("a large proof, in its claims", _LARGE, with_proof({"x": "A" * 16_384}))
    yield holds("what has another Reason is refused as well", _others)


def _without_a_copy(format: Format) -> None:
    data: list[bytes | str] = [b"A" * TEN_MEGABYTES, "A" * TEN_MEGABYTES]
    for each in data:
        peak = held(partial(called, partial(VERIFY[format], each)))
        expect(peak < 100_000, f"{peak} bytes were held for what was refused")


def _others() -> None:
    """Check the entries whose bound is part of a rule of their own."""
    large, text = b"A" * TEN_MEGABYTES, "A" * TEN_MEGABYTES
    trust: dict[str, Any] = {"issuer": ISSUER, "purpose": KeyPurpose.STATUS_LIST}
    entries: list[tuple[Reason, Callable[[], object]]] = [
        (Reason.CHALLENGE_INVALID, lambda: Challenge.from_text(text)),
        (Reason.COUNTRY_INVALID, lambda: Country.parse(text)),
        (Reason.KEY_INVALID, lambda: PublicKey.from_pem(large)),
        (Reason.KEY_INVALID, lambda: PublicKey.from_jwk({"kty": "EC", "crv": "P-256", "x": text, "y": text})),
        (Reason.KEY_INVALID, lambda: LocalKey.from_pem(large)),
        (Reason.ANCHOR_INVALID, lambda: TrustAnchors.from_certificates(large, **trust)),
        (Reason.STATUS_MARKS_MALFORMED, lambda: StatusStore(anchors=status_anchors(), marks=large)),
        (Reason.POLICY_INVALID, lambda: AdmissionPolicy.from_toml("# " + text)),
    ]
    for reason, call in entries:
        outcome = called(call)
        expect(outcome.reason is reason, f"{outcome} is not {reason.value}")
    party, text = _LIBRARY.party(), "A" * 1_000_000
    expect(send(party, text, [prove(party, "x")]).reason is Reason.TICKET_INVALID, "a large ticket")
    answer = party.post(text, party.challenge()["challenge"])
    expect(answer.status == 403 and _LARGE.value.encode() in answer.body, "a large body")


@attack("DOS-002", "LIMIT_EXCEEDED")
def many_disclosures() -> Iterator[Trial]:
    """More disclosures are shown than anybody has."""
    patient = Limits(presentation_bytes=TEN_MEGABYTES)
    texts = tuple(_sd_jwt.disclosure("salt", f"{number}", 1) for number in range(1_001))
    thousand = {"_sd": [_sd_jwt.digest(text) for text in texts]}
    yield accepted("a thousand", jwt(payload=thousand, disclosures=texts[:1_000]))
    yield refused("a thousand and one", _LIMIT, jwt(payload=thousand, disclosures=texts), step="V1")
    yield refused("100,000", _LARGE, jwt(disclosures=(b"e30",) * 100_000))
    yield refused("100,000, in a large presentation", _LIMIT, jwt(disclosures=(b"e30",) * 100_000), limits=patient)
    yield refused("100,000 empty ones", _LIMIT, jwt(disclosures=(b"",) * 100_000))
    yield refused("100,000 tildes", _LIMIT, instead(Format.SD_JWT_VC, lambda: _sd_jwt.issuer_half() + b"~" * 100_000))
    yield holds("100,000 tildes are not even split", _not_split)
    contents = [_sd_cwt.disclosure(_sd_cwt.salt(number), 1, f"{number}") for number in range(1_001)]
    hidden = _sd_cwt.hide(*contents)
    yield accepted("a thousand, SD-CWT", sd_cwt(claims=hidden, disclosures=contents[:1_000]))
    yield refused("a thousand and one, SD-CWT", _LIMIT, sd_cwt(claims=hidden, disclosures=contents), step="V1")
    yield refused("100,000 empty ones, SD-CWT", _LIMIT, sd_cwt(disclosures=[b""] * 100_000))


def _not_split() -> None:
    data = _sd_jwt.issuer_half() + b"~" * 100_000
    peak = held(partial(called, partial(VERIFY[Format.SD_JWT_VC], data)))
    expect(peak < 300_000, f"{peak} bytes were held")


@attack("DOS-003")
def matching_is_linear() -> Iterator[Trial]:
    """As many digests and disclosures as there may be: twice as many cost twice as much."""
    shapes: dict[str, Callable[[int], Forgery]] = {
        "SD-JWT VC, members": _members,
        "SD-JWT VC, in the other order": lambda count: _members(count, -1),
        "SD-JWT VC, decoys": _decoys,
        "SD-JWT VC, elements": _elements,
        "SD-JWT VC, one inside another": lambda count: _nested(count // 10),
        "SD-CWT, members": _cwt_members,
        "mdoc, elements": lambda count: mdoc(elements={PID: {"nationality": ["US"], **_numbered(count)}}),
        "mdoc, namespaces": lambda count: mdoc(elements={PID: {"nationality": ["US"]}, **_namespaces(count)}),
        "claims": lambda count: jwt(payload=_numbered(count)),
        "entries of an array": lambda count: jwt(payload={"x": [[]] * count}),
        "entries of an array, SD-CWT": lambda count: sd_cwt(claims={"x": [[]] * count}),
    }
    for name, make in shapes.items():
        yield holds(name, partial(_linear, make))
    yield accepted("as many digests and disclosures as there is room for", _largest())


def _numbered(count: int) -> dict[str, Any]:
    return {f"claim {number}": number for number in range(count)}


def _namespaces(count: int) -> dict[str, dict[str, Any]]:
    return {f"org.example.{number}": {"x": number} for number in range(count)}


def _members(count: int, step: int = 1) -> Forgery:
    texts = tuple(_sd_jwt.disclosure("salt", f"{number}", 1) for number in range(count))
    return jwt(payload={"_sd": [_sd_jwt.digest(text) for text in texts]}, disclosures=texts[::step])


def _decoys(count: int) -> Forgery:
    return jwt(payload={"_sd": [base64url(number.to_bytes(32, "big")).decode() for number in range(count)]})


def _elements(count: int) -> Forgery:
    texts = tuple(_sd_jwt.disclosure("salt", number) for number in range(count))
    return jwt(payload={"x": [{"...": _sd_jwt.digest(text)} for text in texts]}, disclosures=texts)


def _nested(depth: int) -> Forgery:
    inner: Any = 1
    texts: list[bytes] = []
    for _ in range(depth):
        texts.append(_sd_jwt.disclosure("salt", "n", inner))
        inner = {"_sd": [_sd_jwt.digest(texts[-1])]}
    return jwt(payload=inner, disclosures=tuple(texts))


def _cwt_members(count: int) -> Forgery:
    contents = [_sd_cwt.disclosure(_sd_cwt.salt(number), 1, f"{number}") for number in range(count)]
    return sd_cwt(claims=_sd_cwt.hide(*contents), disclosures=contents)


def _largest() -> Forgery:
    """Return the most that a presentation has room for: 3,400 digests, of which 1,000 are shown."""
    texts = tuple(_sd_jwt.disclosure("s", f"{number}", 1) for number in range(1_000))
    decoys = [base64url(number.to_bytes(32, "big")).decode() for number in range(2_400)]
    return jwt(payload={"_sd": [*decoys, *(_sd_jwt.digest(text) for text in texts)]}, disclosures=texts)


def _lines_of(forgery: Forgery) -> int:
    call = partial(VERIFY[forgery.format], forgery.made())
    expect(called(call).allowed, "a good one")
    return lines_of(call)


def _linear(make: Callable[[int], Forgery]) -> None:
    once, twice = (_lines_of(make(count)) for count in (100, 200))
    expect(twice < 2.5 * once, f"{once} lines for 100, {twice} for 200")


@attack("DOS-005", "LIMIT_EXCEEDED")
def many_members() -> Iterator[Trial]:
    """An object has 100,000 members, or an array a million elements."""
    wide = b"{" + b",".join(b'"%x":0' % number for number in range(100_000)) + b"}"
    long_ = b'{"x":[' + b"0," * 999_999 + b"0]}"
    wide_map = b"\xba\x00\x01\x86\xa0" + b"".join(b"\x65%05x\x00" % number for number in range(100_000))
    long_array = b"\xa1\x61x\x9a\x00\x0f\x42\x40" + bytes(1_000_000)
    patient = Limits(presentation_bytes=TEN_MEGABYTES)
    yield refused("SD-JWT VC, members", _LARGE, jwt(payload=wide))
    yield refused("SD-JWT VC, elements", _LARGE, jwt(payload=long_))
    yield refused("SD-CWT, members", _LARGE, sd_cwt(claims=wide_map))
    yield refused("SD-CWT, elements", _LARGE, sd_cwt(claims=long_array))
    yield refused("SD-CWT, members of a large one", _LIMIT, sd_cwt(claims=wide_map), limits=patient)
    yield refused("SD-CWT, elements of a large one", _LIMIT, sd_cwt(claims=long_array), limits=patient)
    yield refused("SD-CWT, members that fit in", _LIMIT, sd_cwt(claims={f"{n:x}": 0 for n in range(20_000)}), step="V4")
    fits = b"\xa1\x61x\x9a\x00\x02\x49\xf0" + bytes(150_000)
    yield refused("SD-CWT, elements that fit in", _LIMIT, sd_cwt(claims=fits), step="V4")
    yield refused("mdoc, elements", _LIMIT, instead(Format.MDOC, lambda: b"\x9a\x00\x02\x49\xf0" + bytes(150_000)))
    digests = [base64url(number.to_bytes(32, "big")).decode() for number in range(10_001)]
    yield refused("more digests than there may be", _LIMIT, jwt(payload={"_sd": digests}), limits=patient)
    yield accepted("as many as there may be", jwt(payload={"_sd": digests[:-1]}), limits=patient)
    yield refused("an identifier of a proof", _LARGE, jwt(kb={"x": "A" * 200_000}))


@attack("DOS-007")
def expensive_steps_come_last() -> Iterator[Trial]:
    """What is cheap to refuse costs a signature."""
    wrong = bytes(64)
    for name, forgery, most in (
        ("a good one", jwt(), 2),
        ("no form", instead(Format.SD_JWT_VC, lambda: b"a.b.c~"), 0),
        ("another algorithm", jwt(header={"alg": "none"}), 0),
        ("an unknown key", jwt(header={"kid": "k2"}), 0),
        ("too many disclosures", jwt(disclosures=(b"e30",) * 1_001), 0),
        ("a wrong signature, and a thousand disclosures", jwt(disclosures=(b"e30",) * 1_000, sign=lambda _: wrong), 1),
        ("another type", jwt(payload={"vct": "urn:other"}), 1),
        ("expired", jwt(payload={"exp": NOW}), 1),
        ("another nonce", jwt(kb={"nonce": "another nonce"}), 1),
        ("no key binding", jwt(after=lambda data: data.rpartition(b"~")[0] + b"~"), 1),
        ("a wrong signature of the holder", jwt(kb_sign=lambda _: wrong), 2),
        ("revoked", jwt(payload={"status": {"status_list": {"idx": 8, "uri": "https://id.example/status/1"}}}), 2),
        ("SD-CWT", sd_cwt(), 2),
        ("SD-CWT, an unknown key", sd_cwt(header={4: b"k2"}), 0),
        ("SD-CWT, another nonce", sd_cwt(kb={39: b"another nonce"}), 1),
        ("mdoc", mdoc(), 2),
        ("mdoc, another type", mdoc(document_changes={"docType": "another"}), 1),
        ("eight documents", instead(Format.MDOC, lambda: _mdoc.response(*[_mdoc.document()] * 8)), 0),
    ):
        yield holds(name, partial(_costs, forgery, most))
    for name, claims, how, most in (
        ("a proof for another method", {"htm": "GET"}, {}, 0),
        ("a proof for another URL", {"htu": "https://gateway.example/"}, {}, 0),
        ("a proof for another ticket", {"ath": "x"}, {}, 0),
        ("an old proof", {"iat": NOW - 61}, {}, 0),
        ("a proof without an identifier", {"jti": ABSENT}, {}, 0),
        ("a thief's good proof", {}, {"by": key("thief")}, 0),
        ("a wrong signature of a proof", {}, {"sign": lambda _: wrong}, 1),
        ("a good proof", {}, {}, 1),
    ):
        yield holds(name, partial(_proof_costs, claims, how, most))
    yield holds("fifty requests of one ticket", partial(_ticket_costs, 50))


def _costs(forgery: Forgery, signatures: int) -> None:
    found = counted(_verifier, lambda: _LIBRARY.present(forgery))
    expect(found == signatures, f"{found} signatures were verified in place of {signatures}")


def _proof_costs(claims: dict[str, Any], how: dict[str, Any], signatures: int) -> None:
    party = _LIBRARY.party()
    ticket = party.ticket()
    proof = prove(party, ticket, claims, **how)
    found = counted(proofs, lambda: send(party, ticket, [proof]))
    expect(found == signatures, f"{found} signatures were verified in place of {signatures}")


def _ticket_costs(requests: int) -> None:
    party, sender = _LIBRARY.party(), Sender(Binding.MTLS)
    ticket = party.ticket(sender)
    found = counted(_verifier, lambda: [party.use(ticket, sender=sender) for _ in range(requests)])
    expect(found == 0, "a ticket is verified again")


@attack("DOS-008", "LIMIT_EXCEEDED")
def many_items_and_documents() -> Iterator[Trial]:
    """A response has 10,000 items, or a thousand documents."""
    few, many = (b"\xa0",) * 1_001, (b"\xa0",) * 10_000
    good = {"nationality": ["US"], **_numbered(999)}
    yield accepted("a thousand items", mdoc(elements={PID: good}))
    yield refused("a thousand and one", _LIMIT, mdoc(elements={PID: {**good, "one": 1}}), step="V1")
    yield refused("a thousand and one broken ones", _LIMIT, mdoc(shown={PID: list(few)}), step="V1")
    yield refused("10,000", _LIMIT, mdoc(shown={PID: list(many)}), step="V1")
    spread = {f"org.example.{number}": [b"\xa0"] for number in range(1_001)}
    yield refused("in as many namespaces", _LIMIT, mdoc(shown=spread), step="V1")
    for count in (2, 8, 9, 100):
        shown = instead(Format.MDOC, partial(_documents, count))
        yield refused(f"{count} documents", _LIMIT, shown, step="V1")
    yield refused("1,000 empty documents", _LIMIT, instead(Format.MDOC, lambda: _mdoc.response(*[{}] * 1_000)))
    yield holds("eight documents have a verdict each, and nine have none", _verdicts)


def _documents(count: int) -> bytes:
    return _mdoc.response(*[_mdoc.document()] * count)


def _verdicts() -> None:
    verdicts = _verifier.verify_each(_documents(8), **_mdoc.arguments())
    expect(len(verdicts) == 8 and not any(isinstance(each, CitizenIDError) for each in verdicts), "eight verdicts")
    nine: Outcome = called(lambda: _verifier.verify_each(_documents(9), **_mdoc.arguments()))
    expect(nine.reason is _LIMIT, f"{nine}")


@attack("DOS-010", "ALG_NOT_ALLOWED")
def parameters_that_cost() -> Iterator[Trial]:
    """A header asks for a costly derivation, or a key for a costly exponent."""
    none = Reason.ALGORITHM_NOT_ALLOWED
    derived = {"p2c": 2**31 - 1, "p2s": "A" * 43}
    for name in ("PBES2-HS256+A128KW", "PBES2-HS512+A256KW", "scrypt", "RSA-OAEP", "RS256", "PS512"):
        yield refused(f"{name}, issuer", none, jwt(header={"alg": name, **derived}))
        yield refused(f"{name}, holder", none, jwt(kb_header={"alg": name, **derived}))
        yield asked(f"{name}, proof", none, with_proof(None, {"alg": name, **derived}))
        yield declines(f"{name}, status list", none, partial(_list_by, name))
    for number in (-257, -37, -40, 1, 5, -25):
        yield refused(f"COSE {number}, issuer", none, sd_cwt(header={1: number, "p2c": 2**31 - 1}))
        yield refused(f"COSE {number}, mdoc", none, mdoc(protected={1: number}))
    yield accepted("what nobody asks for costs nothing", jwt(header=derived))
    rsa = {"kty": "RSA", "n": "A" * 342, "e": "A" * 1_000}
    yield holds("a holder's RSA key with a large exponent", partial(_key_refused, jwt(payload={"cnf": {"jwk": rsa}})))
    yield holds("a sender's", partial(_sender_key_refused, rsa))
    yield holds("a trusted one", partial(_anchor_refused, {**rsa, "kid": "k1", "alg": "RS256"}))


def _list_by(name: str) -> bytes:
    return status_token(header={"alg": name, "p2c": 2**31 - 1, "p2s": "AA"})


def _key_refused(forgery: Forgery) -> None:
    outcome = _LIBRARY.present(forgery)
    expect(outcome.reason is Reason.KEY_INVALID, f"{outcome}")


def _sender_key_refused(jwk: dict[str, Any]) -> None:
    outcome = with_proof(None, {"jwk": jwk})(_LIBRARY.party())
    expect(outcome.reason is Reason.KEY_INVALID, f"{outcome}")


def _anchor_refused(jwk: dict[str, Any]) -> None:
    trust = partial(TrustAnchors.from_jwks, ISSUER, {"keys": [jwk]}, purpose=KeyPurpose.STATUS_LIST)
    outcome = called(trust)  # a key of a kind that is not used here is passed over, and none is left
    expect(outcome.reason is Reason.ANCHOR_INVALID, f"{outcome}")


ATTACKS: Final = (
    ten_megabytes,
    many_disclosures,
    matching_is_linear,
    many_members,
    expensive_steps_come_last,
    many_items_and_documents,
    parameters_that_cost,
)
