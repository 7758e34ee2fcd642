"""Targets of V1 to V9 for each format: raw bytes, and parts that the trusted keys sign, so that V4 to V9 are reached.

For each verdict: it is the same with a cache, empty or filled, and for text as for bytes; what is proven was stated in
what the issuer signed; and one changed byte of the signature refuses the whole.

Spec: specs/verification.md.
"""

from __future__ import annotations

import json as stdlib_json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import cbor2
from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier

from citizenid import (
    Challenge,
    CitizenIDError,
    Format,
    Limits,
    NeedStatusList,
    Reason,
    Serialization,
    TrustAnchors,
)
from citizenid._cli.inspection import inspection
from citizenid._cli.steps import verify_steps
from citizenid._model import thaw
from citizenid._wire import heads, transcript
from citizenid.gateway import SieveCache
from citizenid.holder import Credential
from citizenid.verifier import (
    VerifiedPresentation,
    open_presentation,
    verify,
    verify_credential,
    verify_each,
)

from .world import (
    ISSUER,
    NOW,
    anchors,
    base64url,
    bstr,
    cases,
    challenge_of,
    embedded,
    emptied,
    filled,
    head,
    joined,
    jws,
    key,
    number,
    ours,
    parts,
    require,
    same,
    sha256,
    sign1,
    statuses,
    text_of,
    told,
    unbase64url,
)

LIMITS: Final = Limits()
_SERIALIZATIONS: Final = tuple(Serialization)


def _described(verdict: object) -> object:
    if isinstance(verdict, VerifiedPresentation):
        attestation = verdict.attestation
        return (
            repr(thaw(attestation.claims)), attestation.type, attestation.issuer, attestation.validity,
            attestation.status, verdict.citizenship, verdict.status, verdict.not_after, verdict.anchor.fingerprint,
        )  # fmt: skip
    return told(verdict)


def _verified(
    data: bytes | str, format_: Format, trusted: TrustAnchors, challenge: Challenge, kind: str, **rest: Any
) -> object:
    """Verify three times: without a cache, with an empty one, with a filled one. Return the verdict."""
    cache: SieveCache[bytes, Any] = SieveCache(4)
    arguments: dict[str, Any] = {
        "format": format_, "anchors": trusted, "challenge": challenge, "statuses": statuses(kind), "now": NOW, **rest
    }  # fmt: skip
    verdict = ours(verify, data, **arguments)
    expected = _described(verdict)
    if getattr(verdict, "step", None) not in ("V1", "V2"):  # up to there no cache is looked at
        for _ in range(2):
            require(_described(ours(verify, data, **arguments, cache=cache)) == expected, "a cache changes the verdict")
    if not isinstance(verdict, (CitizenIDError, NeedStatusList)):
        require(isinstance(verdict, VerifiedPresentation), "another verdict")
        stated = verdict.attestation.citizenship
        proven = verdict.citizenship
        require(set(proven.nationalities) <= set(stated.nationalities) | set(stated.citizenships), "more than stated")
        require(set(proven.citizenships) <= set(stated.citizenships), "more than stated")
        require(
            verdict.not_after > NOW and verdict.attestation.issuer == ISSUER, "not of this issuer, or not valid now"
        )
    return verdict


def _states_no_more(verdict: object, *signed: bytes) -> None:
    """Each country that is proven stands, in one spelling or another, in what was signed or disclosed."""
    if isinstance(verdict, VerifiedPresentation):
        written = b"\n".join(signed)
        for country in verdict.citizenship.all_nationalities:
            lower = country.alpha2.lower()
            names = {country.alpha2, country.alpha3, f"citizen_of_{lower}", f"national_of_{lower}"}
            names |= {'"D"', "aD"} if country.alpha2 == "DE" else set()  # of ICAO 9303, in JSON and in CBOR
            found = any(name.encode() in written for name in names) or b"\\u00" in written
            require(found, "a country that nobody has signed")


def _changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


# --- SD-JWT VC ---

SD_JWT_ANCHORS: Final = anchors("presentation", "issuer", "status")
SD_JWT_ROOT: Final = anchors("presentation", "root", "status")
CHALLENGE: Final = challenge_of(cases("presentation")[0])
_SD_HASH: Final = b"@sd_hash"


def _sd_jwt(header: bytes, payload: bytes, kb_header: bytes, kb_payload: bytes, disclosures: list[bytes]) -> bytes:
    """Put an SD-JWT+KB together, every digest and signature good. `@0` in payload or disclosure is a digest."""
    digests: list[bytes] = []
    texts: list[bytes] = []
    for contents in disclosures:
        text = base64url(_named(contents, digests))
        texts.append(text)
        digests.append(base64url(sha256(text)))
    shown = b"~".join([jws(header, _named(payload, digests), key("issuer/Ed25519")), *texts, b""])
    if not kb_payload:
        return shown
    bound = kb_payload.replace(_SD_HASH, base64url(sha256(shown)))
    return shown + jws(kb_header, bound, key("holder/Ed25519"))


def _named(template: bytes, digests: list[bytes]) -> bytes:
    for position, digest in enumerate(digests):
        template = template.replace(b'"@%d"' % position, b'"' + digest + b'"')
    return template


def sd_jwt_vc_one(data: bytes) -> None:
    """Verify raw bytes in any serialisation, or parts that issuer and holder sign."""
    how, rest = parts(data, 2)
    trusted = SD_JWT_ROOT if b"c" in how[1:] else SD_JWT_ANCHORS
    if how[:1] == b"r":
        serialization = _SERIALIZATIONS[number(how[1:], 3)]
        raw: bytes = rest
        verdict = _verified(raw, Format.SD_JWT_VC, trusted, CHALLENGE, "presentation", serialization=serialization)
        text = raw.decode("utf-8", "surrogateescape")
        again = ours(
            verify, text, format=Format.SD_JWT_VC, anchors=trusted, challenge=CHALLENGE,
            statuses=statuses("presentation"), now=NOW, serialization=serialization,
        )  # fmt: skip
        if raw.isascii():
            require(_described(again) == _described(verdict), "text is not as bytes")
        return
    header, payload, kb_header, kb_payload, *disclosures = parts(rest, 4 + 40)
    made = _sd_jwt(header, payload, kb_header, kb_payload, [each for each in disclosures if each])
    verdict = _verified(made, Format.SD_JWT_VC, trusted, CHALLENGE, "presentation")
    _states_no_more(verdict, payload, *disclosures)
    if isinstance(verdict, VerifiedPresentation):
        changed = _changed(made, made.index(b"~") - 20)
        refused = ours(
            verify, changed, format=Format.SD_JWT_VC, anchors=trusted, challenge=CHALLENGE,
            statuses=statuses("presentation"), now=NOW,
        )  # fmt: skip
        require(isinstance(refused, CitizenIDError), "a changed signature")


def _sd_jwt_parts(text: str) -> list[bytes] | None:
    """Take a vector apart, or return None for one that cannot be."""
    if "~" not in text:
        return None
    issuer, *disclosures, binding = text.encode().split(b"~")
    try:
        header, payload = (unbase64url(each) for each in issuer.split(b".")[:2])
        kb_header, kb_payload = (unbase64url(each) for each in binding.split(b".")[:2]) if binding else (b"", b"")
        contents = [unbase64url(each) for each in disclosures]
    except ValueError:
        return None
    digests = [base64url(sha256(each)) for each in disclosures]
    order = sorted(range(len(contents)), key=lambda at: sum(digest in contents[at] for digest in digests))
    digests, contents = [digests[at] for at in order], [contents[at] for at in order]

    def emptied_of(body: bytes) -> bytes:
        for position, digest in enumerate(digests):
            body = body.replace(b'"' + digest + b'"', b'"@%d"' % position)
        return body

    at = kb_payload.find(b'"sd_hash":"')
    if at >= 0:
        kb_payload = kb_payload[: at + 11] + _SD_HASH + kb_payload[at + 11 + 43 :]
    return [header, emptied_of(payload), kb_header, kb_payload, *map(emptied_of, contents)]


def sd_jwt_vc_seeds() -> Iterator[bytes]:
    """Return the vectors, raw and taken apart."""
    for case in cases("presentation"):
        text = case["input"]
        which = _SERIALIZATIONS.index(Serialization(case.get("serialization", "compact")))
        if len(text) < 8_000:
            chain = b"c" if "root" in case["anchors"] else b""
            yield joined(b"r" + bytes((which,)) + chain, text.encode())
        if which == 0 and text.isascii():
            taken = _sd_jwt_parts(text)
            if taken is not None and len(text) < 6_000:
                yield joined(b"s" + (b"c" if "root" in case["anchors"] else b""), *taken)


# --- SD-JWT against the reference implementation ---

_PEER_ANCHORS: Final = anchors("presentation", "es256")
_PEER_KEY: Final = JWK(**dict(key("issuer/ES256").public.to_jwk()))
_STRUCTURAL: Final = frozenset(
    "iss vct iat nbf exp cnf status aud vct#integrity aka_vcts assurance evidence_checked_at credentialStatus".split()
)


def sd_jwt_peer_one(data: bytes) -> None:
    """Whatever of an issuer's half is good here, the package sd-jwt takes, with equal claims."""
    payload, *contents = parts(data, 20)
    digests: list[bytes] = []
    texts: list[bytes] = []
    for each in contents:
        if each:
            texts.append(base64url(_named(each, digests)))
            digests.append(base64url(sha256(texts[-1])))
    header = b'{"alg":"ES256","typ":"dc+sd-jwt","kid":"k1"}'
    made = b"~".join([jws(header, _named(payload, digests), key("issuer/ES256")), *texts, b""])
    opened = ours(open_presentation, made, format=Format.SD_JWT_VC)
    if isinstance(opened, CitizenIDError):
        return
    verdict = ours(verify_credential, opened[0], anchors=_PEER_ANCHORS, now=NOW)
    if isinstance(verdict, CitizenIDError) or b'"_sd_alg":"sha-3' in payload or b'"_sd_alg":"sha-5' in payload:
        return
    theirs = SDJWTVerifier(made.decode(), lambda _issuer, _header: _PEER_KEY).get_verified_payload()
    personal = {name: value for name, value in theirs.items() if name not in _STRUCTURAL}
    mine = {name: value for name, value in thaw(verdict.attestation.claims).items() if name not in _STRUCTURAL}
    require(same(_sorted(mine), _sorted(personal)), "other claims than sd-jwt's")


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, (list, tuple)) else value


def sd_jwt_peer_seeds() -> Iterator[bytes]:
    """Return payloads and disclosures of the vectors."""
    for case in cases("presentation"):
        if case.get("serialization", "compact") == "compact" and case["input"].isascii():
            taken = _sd_jwt_parts(case["input"])
            if taken is not None and len(case["input"]) < 6_000:
                yield joined(taken[1], *taken[4:])
    disclosures = [b'["s1","street","Rue"]', b'["s2","address",{"_sd":["@0"],"country":"FR"}]', b'["s3","US"]']
    payload = {
        "iss": ISSUER, "vct": "urn:citizenid:citizenship:1", "iat": NOW - 60, "exp": NOW + 86_000,
        "_sd": ["@1"], "nationalities": [{"...": "@2"}, "FR"], "_sd_alg": "sha-256",
        "cnf": {"jwk": dict(key("holder/Ed25519").public.to_jwk())},
    }  # fmt: skip
    yield joined(stdlib_json.dumps(payload, separators=(",", ":")).encode(), *disclosures)


# --- SD-CWT ---

SD_CWT_ANCHORS: Final = anchors("sd_cwt", "issuer", "status")
SD_CWT_ROOT: Final = anchors("sd_cwt", "root", "status")
SD_CWT_CHALLENGE: Final = challenge_of(cases("sd_cwt")[0])


def _sd_cwt(how: bytes, payload: bytes, protected: bytes, rest: list[bytes]) -> bytes:
    """Put an SD-KBT together: header and payload of the SD-CWT, claims and header of the SD-KBT, disclosures."""
    unprotected, kb_payload, kb_protected, *disclosures = rest
    digests: list[bytes] = []
    shown: list[bytes] = []
    for contents in disclosures:
        shown.append(filled(contents, digests))
        digests.append(sha256(bstr(shown[-1])))
    if not unprotected:
        unprotected = b"\xa1\x11" + head(4, len(shown)) + b"".join(map(bstr, shown)) if shown else b"\xa0"
    inner = b"\xd2" + sign1(protected, unprotected, filled(payload, digests), key("issuer/Ed25519"))
    if how[1:2] == b"i":
        return inner
    outer = kb_protected.replace(b"\x0d\xf6", b"\x0d" + inner)  # header 13 with null in place of the SD-CWT
    return b"\xd2" + sign1(outer, b"\xa0", kb_payload, key("holder/Ed25519"))


def sd_cwt_one(data: bytes) -> None:
    """Verify raw bytes, or parts that issuer and holder sign."""
    how, payload, protected, *rest = parts(data, 6 + 40)
    trusted = SD_CWT_ROOT if b"c" in how[1:] else SD_CWT_ANCHORS
    if how[:1] == b"r":
        made = data.partition(b"\n--\n")[2]
    else:
        made = _sd_cwt(how, payload, protected, rest[:3] + [each for each in rest[3:] if each])
    verdict = _verified(made, Format.SD_CWT, trusted, SD_CWT_CHALLENGE, "sd_cwt")
    if how[:1] == b"r":
        again = ours(
            verify, base64url(made).decode(), format=Format.SD_CWT, anchors=trusted, challenge=SD_CWT_CHALLENGE,
            statuses=statuses("sd_cwt"), now=NOW,
        )  # fmt: skip
        require(_described(again) == _described(verdict), "text is not as bytes")
    else:
        _states_no_more(verdict, payload, protected, *rest)


def _sd_cwt_parts(data: bytes) -> list[bytes] | None:
    try:
        outer = cbor2.loads(data)
        kb_protected, _, kb_payload, _ = outer.value
        inner = cbor2.loads(kb_protected)[13]
        protected, unprotected, payload, _ = inner.value
        shown = list(unprotected.get(17, ()))
        whole = cbor2.dumps(inner)
        digests = [sha256(bstr(each)) for each in shown]
    except (ValueError, TypeError, AttributeError, KeyError, cbor2.CBORError):
        return None
    if kb_protected.count(whole) != 1 or not all(isinstance(each, bytes) for each in (protected, payload, kb_payload)):
        return None
    order = sorted(range(len(shown)), key=lambda at: sum(digest in shown[at] for digest in digests))
    digests, shown = [digests[at] for at in order], [shown[at] for at in order]
    rest = b"" if set(unprotected) <= {17} else cbor2.dumps(dict(unprotected))
    kb_header = kb_protected.replace(whole, b"\xf6")
    return [emptied(payload, digests), protected, rest, kb_payload, kb_header, *(emptied(e, digests) for e in shown)]


def sd_cwt_seeds() -> Iterator[bytes]:
    """Return the vectors, raw and taken apart."""
    yield from _cbor_seeds("sd_cwt", _sd_cwt_parts)


def _bytes_of(case: dict[str, Any]) -> bytes:
    try:
        return unbase64url(case["input"])
    except ValueError:  # cases whose fault is the text
        return b""


def _cbor_seeds(kind: str, take_apart: Callable[[bytes], list[bytes] | None]) -> Iterator[bytes]:
    for case in cases(kind):
        if len(case["input"]) < 8_000:
            data = _bytes_of(case)
            chain = b"c" if kind == "sd_cwt" and "root" in case["anchors"] else b""
            yield joined(b"r" + chain, data)
            taken = take_apart(data)
            if taken is not None:
                yield joined(b"s" + chain, *taken)


# --- mdoc ---

MDOC_ANCHORS: Final = anchors("mdoc", "root", "status")
MDOC_CHALLENGE: Final = challenge_of(cases("mdoc")[0])
_CHAIN: Final[bytes] = cbor2.loads(unbase64url(cases("mdoc")[0]["input"]))["documents"][0]["issuerSigned"][
    "issuerAuth"
][1][33]
_TRANSCRIPT: Final = transcript.session_transcript(MDOC_CHALLENGE)


def _mdoc(mso: bytes, doc_type: bytes, namespace: bytes, device: bytes, items: list[bytes]) -> bytes:
    """Put a DeviceResponse together: the MSO, docType and namespace, DeviceNameSpaces, and the items of one namespace.

    In the MSO places stand for the digests of the items; what issuer and device sign is signed.
    """
    wrapped = [embedded(each) for each in items]
    contents = filled(mso, [sha256(each) for each in wrapped])
    auth = sign1(b"\xa1\x01\x27", b"\xa1\x18\x21" + bstr(_CHAIN), embedded(contents), key("issuer/Ed25519"))
    name, type_ = (head(3, len(each)) + each for each in (namespace, doc_type))
    shown = b"\xa1" + name + head(4, len(wrapped)) + b"".join(wrapped) if wrapped else b""
    signed = b"\xa2" + _key("nameSpaces") + shown if shown else b"\xa1"
    stated = transcript.device_authentication_bytes(_TRANSCRIPT, text_of(doc_type), device)
    answer = sign1(b"\xa1\x01\x27", b"\xa0", stated, key("holder/Ed25519"), detached=True)
    device_signed = (
        b"\xa2" + _key("nameSpaces") + embedded(device)
        + _key("deviceAuth") + b"\xa1" + _key("deviceSignature") + answer
    )  # fmt: skip
    document = (
        b"\xa3" + _key("docType") + type_
        + _key("issuerSigned") + signed + _key("issuerAuth") + auth
        + _key("deviceSigned") + device_signed
    )  # fmt: skip
    return (
        b"\xa3" + _key("version") + cbor2.dumps("1.0") + _key("documents") + b"\x81" + document + _key("status") + b"\0"
    )


def _key(name: str) -> bytes:
    return cbor2.dumps(name)


def mdoc_one(data: bytes) -> None:
    """Verify raw bytes, or a DeviceResponse whose parts document signer and device sign."""
    how, mso, doc_type, namespace, device, *items = parts(data, 5 + 20)
    if how[:1] == b"r":
        made = data.partition(b"\n--\n")[2]
        each = ours(
            verify_each, made, format=Format.MDOC, anchors=MDOC_ANCHORS, challenge=MDOC_CHALLENGE,
            statuses=statuses("mdoc"), now=NOW,
        )  # fmt: skip
    else:
        made = _mdoc(mso, doc_type, namespace, device, [item for item in items if item])
        each = ()
    verdict = _verified(made, Format.MDOC, MDOC_ANCHORS, MDOC_CHALLENGE, "mdoc")
    if not isinstance(each, CitizenIDError) and len(each) == 1:
        require(_described(each[0]) == _described(verdict), "one document by itself")
    if how[:1] != b"r":
        _states_no_more(verdict, *items)


def _mdoc_parts(data: bytes) -> list[bytes] | None:
    try:
        documents = cbor2.loads(data)["documents"]
        document = documents[0]
        signed = document["issuerSigned"]
        mso = heads.unwrap(signed["issuerAuth"][2], "seed")
        (namespace, tagged), *_ = (signed.get("nameSpaces") or {"": []}).items()
        items = [each.value for each in tagged]
        device = document["deviceSigned"]["nameSpaces"].value
        doc_type = document["docType"].encode()
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, cbor2.CBORError, CitizenIDError):
        return None
    if len(documents) != 1 or not all(isinstance(each, bytes) for each in (mso, device, *items)):
        return None
    if type(namespace) is not str:
        return None
    return [emptied(mso, [sha256(embedded(each)) for each in items]), doc_type, namespace.encode(), device, *items]


def mdoc_seeds() -> Iterator[bytes]:
    """Return the vectors, raw and taken apart."""
    yield from _cbor_seeds("mdoc", _mdoc_parts)


# --- what a terminal is told ---

_KINDS: Final = ("presentation", "mdoc", "sd_cwt")
_FORMATS: Final = (Format.SD_JWT_VC, Format.MDOC, Format.SD_CWT)
_ANCHORS: Final = (SD_JWT_ANCHORS, MDOC_ANCHORS, SD_CWT_ANCHORS)
_CHALLENGES: Final = (CHALLENGE, MDOC_CHALLENGE, SD_CWT_CHALLENGE)


def inspect_one(data: bytes) -> None:
    """Tell of a presentation in lines that print, and of its verification by steps, with the verdict of `verify`."""
    how, body = data[:2], data[2:]
    which, serialization = number(how, 3), _SERIALIZATIONS[number(how[1:], 3)]
    format_ = _FORMATS[which]
    lines = ours(inspection, body, format=format_, serialization=serialization, limits=LIMITS)
    require(isinstance(lines, CitizenIDError) or all(map(str.isprintable, lines)), "a line that does not print")
    arguments: dict[str, Any] = {
        "format": format_, "anchors": _ANCHORS[which], "challenge": _CHALLENGES[which],
        "statuses": statuses(_KINDS[which]), "now": NOW, "limits": LIMITS, "serialization": serialization,
    }  # fmt: skip
    steps = verify_steps(body, **arguments)
    require(_described(steps.result) == _described(ours(verify, body, **arguments)), "another verdict, step by step")


def inspect_seeds() -> Iterator[bytes]:
    """Return the vectors, and one whose namespace would clear the screen."""
    name = b"org.citizenid.citizenship.1"
    yield b"\x01\x00" + _bytes_of(cases("mdoc")[0]).replace(name, b"\x1b[2J".ljust(len(name)))
    for which, kind in enumerate(_KINDS):
        for case in cases(kind)[::3]:
            if len(case["input"]) < 5_000:
                of = _SERIALIZATIONS.index(Serialization(case.get("serialization", "compact")))
                yield bytes((which, of)) + (case["input"].encode() if which == 0 else _bytes_of(case))


# --- what a holder takes ---


def holder_one(data: bytes) -> None:
    """Receive a credential that the issuer signed over any bytes; show all and nothing of it; a verifier takes both."""
    how, first, second, *rest = parts(data, 3 + 20)
    which = number(how, 3)
    format_ = _FORMATS[which]
    if how[1:2] == b"r":
        made = data.partition(b"\n--\n")[2]
    elif which == 0:
        made = _sd_jwt(first, second, b"", b"", [each for each in rest if each])
    elif which == 1:
        items = [embedded(each) for each in rest if each]
        mso = filled(first, [sha256(each) for each in items])
        auth = sign1(b"\xa1\x01\x27", b"\xa1\x18\x21" + bstr(_CHAIN), embedded(mso), key("issuer/Ed25519"))
        shown = b"\xa1" + head(3, len(second)) + second + head(4, len(items)) + b"".join(items)
        made = b"\xa2" + _key("nameSpaces") + shown + _key("issuerAuth") + auth
    else:
        made = _sd_cwt(b"si", first, second, [b"", b"", b"", *(each for each in rest if each)])
    credential = ours(Credential.receive, made, format=format_, anchors=_ANCHORS[which], now=NOW)
    if isinstance(credential, CitizenIDError):
        return
    again = Credential.receive(credential.to_bytes(), format=format_, anchors=_ANCHORS[which], now=NOW)
    require(same(dict(again.disclosable), dict(credential.disclosable)), "to_bytes")
    challenge = _CHALLENGES[which]
    for disclose in ((), tuple(credential.disclosable)):
        shown_ = ours(
            credential.present, disclose, challenge=challenge, key=key("holder/Ed25519"),
            peer=challenge.peer, now=NOW,
        )  # fmt: skip
        if isinstance(shown_, CitizenIDError):
            continue
        verdict = _verified(shown_, format_, _ANCHORS[which], challenge, _KINDS[which])
        if isinstance(verdict, CitizenIDError):  # the issuer may have named other verifiers
            for_others = verdict.reason is Reason.AUDIENCE_MISMATCH and verdict.where.endswith("payload.aud")
            require(verdict.step == "V9" or for_others, "shows what nobody takes")


def holder_seeds() -> Iterator[bytes]:
    """Return what issuers of the vectors have signed."""
    for case in cases("presentation"):
        if case.get("serialization", "compact") == "compact" and case["input"].isascii() and len(case["input"]) < 6_000:
            taken = _sd_jwt_parts(case["input"])
            if taken is not None:
                yield joined(b"\x00s", taken[0], taken[1], *taken[4:])
            if case["operation"] == "receive":
                yield joined(b"\x00r", case["input"].encode())
    for case in cases("mdoc")[::2]:
        taken = _mdoc_parts(_bytes_of(case)) if len(case["input"]) < 6_000 else None
        if taken is not None and taken[2]:
            yield joined(b"\x01s", taken[0], taken[2], *taken[4:])
    for case in cases("sd_cwt")[::2]:
        taken = _sd_cwt_parts(_bytes_of(case)) if len(case["input"]) < 6_000 else None
        if taken is not None:
            yield joined(b"\x02s", taken[0], taken[1], *taken[5:])
