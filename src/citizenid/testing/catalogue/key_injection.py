"""Attacks that bring a key along, or point to one: a key comes from the anchors alone, and a header only selects.

Spec: RFC 8725 sections 3.8, 3.10, 3.12; RFC 7515 section 4.1; specs/verification.md V1.11, V1.12, V2.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache, partial
from typing import Any, Final

from cbor2 import CBORTag

from ... import ANY, Format, KeyPurpose, Reason, Serialization, TrustAnchors
from ...status import StatusStore
from ..attacks import Group, attack
from ..forge import mdoc as mdoc_forge
from ..forge import mdoc_keys, sd_jwt
from ..forge import sd_cwt as sd_cwt_forge
from ..forge.certificates import certificate, certificate_key, der, local_key, pem, x5c
from ..forge.parts import ABSENT, ISSUER, NOW, STATUS_MEDIA_TYPE, STATUS_URI, VCT, base64url, key
from ..forge.status_lists import status_anchors, status_token
from ..forgery import called
from ..trials import Trial, accepted, expect, holds, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from . import weak_keys
from ._chains import trusting
from ._outside import heard_during
from ._places import dpop, http, status_cwt, status_jwt
from ._revocations import issuer_removed

_FORBIDDEN: Final = Reason.HEADER_FORBIDDEN
_INVALID: Final = Reason.SIGNATURE_INVALID
_OTHER: Final = "https://other.example"
_CREDENTIAL: Final = KeyPurpose.CREDENTIAL
_STRANGER: Final = "attacker"
_AMBIGUOUS: Final = Reason.KEY_AMBIGUOUS


@attack("KEY-001", "SIGNATURE_INVALID")
def key_in_the_header() -> Iterator[Trial]:
    """The header holds the key of an attacker, who signs; kid names the trusted one."""
    stranger = key(_STRANGER)
    jwk, cose = stranger.public.to_jwk(), {8: {1: sd_cwt_forge.cose_key(stranger)}}
    yield accepted("no key in the header", jwt())
    yield refused("no key in the header, and the attacker signs", _INVALID, jwt(signer=stranger), step="V3")
    # Where no profile of ours has it, a key in a header is refused before any signature is looked at.
    yield refused("jwk", _FORBIDDEN, jwt(header={"jwk": jwk}, signer=stranger))
    yield refused("jwk, no kid", _FORBIDDEN, jwt(header={"jwk": jwk, "kid": ABSENT}, signer=stranger))
    yield refused("jwk of the trusted key", _FORBIDDEN, jwt(header={"jwk": key("issuer").public.to_jwk()}))
    yield refused("jwk is null", _FORBIDDEN, jwt(header={"jwk": None}))
    yield refused("key binding, jwk", _FORBIDDEN, jwt(kb_header={"jwk": jwk}, kb_signer=stranger))
    yield refused("key binding, the attacker signs", _INVALID, jwt(kb_signer=stranger), step="V8")
    yield status_jwt("status list, jwk", _FORBIDDEN, header={"jwk": jwk}, signer=stranger)
    # A COSE header may hold claims, and these a key (RFC 9528 kccs): such a header is passed over.
    yield refused("SD-CWT, kccs", _INVALID, sd_cwt(header={14: cose}, signer=stranger), step="V3")
    yield refused("SD-CWT, unprotected kccs", _INVALID, sd_cwt(unprotected={14: cose}, signer=stranger), step="V3")
    yield refused("SD-KBT, kccs", _INVALID, sd_cwt(kb_unprotected={14: cose}, kb_signer=stranger), step="V8")
    yield status_cwt("status list, kccs", _INVALID, header={14: cose}, signer=stranger)
    private = mdoc_keys.key(_STRANGER)
    yield refused("issuerAuth, kccs", _INVALID, mdoc(unprotected={14: cose}, signer=private), step="V3")
    device = {"unprotected": {14: cose}, "device": private}
    yield refused("deviceSignature, kccs", _INVALID, mdoc(device=device), step="V8")
    flat = {"serialization": Serialization.FLATTENED}
    yield accepted("flattened", jwt(after=sd_jwt.to_json), **flat)
    beside = jwt(signer=stranger, after=partial(sd_jwt.to_json, jwk=jwk))
    yield refused("flattened, jwk in the header that nobody signs", _INVALID, beside, step="V3", **flat)


_PLACES: Final = (
    "https://attacker.example/keys",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/hostname",
    "ftp://attacker.example/keys",
    "data:application/json,%7B%22keys%22%3A%5B%5D%7D",
    "//attacker.example",
    "",
)


@attack("KEY-003", "HEADER_FORBIDDEN")
def address_of_a_key() -> Iterator[Trial]:
    """The header says where to get the key."""
    for name in ("jku", "x5u"):
        for place in _PLACES:
            yield refused(f"{name} {place!r}", _FORBIDDEN, jwt(header={name: place}, signer=key(_STRANGER)))
        yield refused(f"{name} is no text", _FORBIDDEN, jwt(header={name: [_PLACES[0]]}))
        yield refused(f"{name}, key binding", _FORBIDDEN, jwt(kb_header={name: _PLACES[0]}))
        yield status_jwt(f"{name}, status list", _FORBIDDEN, header={name: _PLACES[0]})
        yield dpop(f"{name}, DPoP", _FORBIDDEN, header={name: _PLACES[0]})
        stated: dict[str, Any] = {name: _PLACES[0]}
        flat: dict[str, Any] = {"serialization": Serialization.FLATTENED}
        beside = jwt(after=partial(sd_jwt.to_json, **stated))
        yield refused(f"{name}, flattened, in the header that nobody signs", _FORBIDDEN, beside, **flat)
    addresses: dict[str, Any] = {"x5u": _PLACES[0], "x5u, tagged": CBORTag(32, _PLACES[0])}  # RFC 9360 has it tagged
    for kind, address in addresses.items():
        x5u = {35: address}
        yield refused(f"SD-CWT, {kind}", _FORBIDDEN, sd_cwt(header=x5u))
        yield refused(f"SD-CWT, unprotected {kind}", _FORBIDDEN, sd_cwt(unprotected=x5u))
        yield refused(f"SD-KBT, {kind}", _FORBIDDEN, sd_cwt(kb_header=x5u))
        yield refused(f"issuerAuth, {kind}", _FORBIDDEN, mdoc(unprotected=x5u))
        yield refused(f"deviceSignature, {kind}", _FORBIDDEN, mdoc(device={"unprotected": x5u}))
        yield status_cwt(f"status list, CWT, {kind}", _FORBIDDEN, header=x5u)
    yield holds("no socket and no file is opened", _opens_nothing)


def _opens_nothing() -> None:
    refusals = [
        partial(sd_jwt.verify, sd_jwt.make({name: place}, signer=key(_STRANGER)))
        for name in ("jku", "x5u")
        for place in _PLACES
    ]
    refusals.append(partial(mdoc_forge.verify, mdoc_forge.make(unprotected={35: _PLACES[0]})))
    for each in refusals:  # at the first time modules may be loaded
        called(each)
    outcomes: set[Reason | None] = set()

    def refuse() -> None:
        outcomes.update(called(each).reason for each in refusals)

    heard = heard_during(refuse)
    expect(outcomes == {_FORBIDDEN}, str(outcomes))
    expect(heard == [], str(heard))
    expect(heard_during(lambda: open(os.devnull, "rb").close()) != [], "nothing is heard of anything")


@cache
def _rooted() -> TrustAnchors:
    root = certificate("root", "root", authority=True)
    return TrustAnchors.from_certificates(
        pem(root), issuer=ISSUER, purpose=_CREDENTIAL, formats=[Format.SD_JWT_VC], types=[VCT], countries=ANY
    )


def _with_chain(*chain: Any, by: Any, **header: Any) -> dict[str, Any]:
    return {"header": {"kid": ABSENT, "x5c": x5c(*chain), **header}, "signer": local_key(by)}


@attack("KEY-004", "CHAIN_UNTRUSTED")
def certificate_of_that_name() -> Iterator[Trial]:
    """The certificate of an attacker has the name of the trusted issuer."""
    untrusted = Reason.CERTIFICATE_UNTRUSTED
    stranger = certificate_key(_STRANGER)
    leaf = certificate("leaf", "root")
    own_root = certificate("root", "root", public=stranger.public_key(), signer=stranger, authority=True)
    own_leaf = certificate("leaf", "root", public=stranger.public_key(), signer=stranger)
    alone = certificate("root", "root", public=stranger.public_key(), signer=stranger)
    by_leaf = certificate_key("leaf")
    yield accepted("the trusted chain", jwt(**_with_chain(leaf, by=by_leaf)), anchors=_rooted())
    for name, chain in (
        ("a leaf of that name", (own_leaf,)),
        ("with its root", (own_leaf, own_root)),
        ("with the trusted root behind it", (own_leaf, certificate("root", "root", authority=True))),
        ("with the trusted leaf behind it", (own_leaf, leaf)),
    ):
        forged = jwt(**_with_chain(*chain, by=stranger))
        # What issued itself may not stand as a leaf, and a leaf may not issue: that is said before a root is asked.
        reason = Reason.CERTIFICATE_INVALID if chain[1:] == (leaf,) else untrusted
        yield refused(name, reason, forged, anchors=_rooted(), step="V2")
    forged = jwt(**_with_chain(alone, by=stranger))
    yield refused("self-signed", Reason.CERTIFICATE_INVALID, forged, anchors=_rooted(), step="V2")
    yield refused("where keys are trusted, a chain", untrusted, jwt(**_with_chain(own_leaf, by=stranger)))
    yield refused("where keys are trusted, a chain beside kid", untrusted, jwt(header={"x5c": x5c(own_leaf)}))
    private = mdoc_keys.key(_STRANGER)
    forged_ds = mdoc_keys.certificate("DS", "IACA", private, private)
    yield accepted("mdoc", mdoc())
    yield refused("mdoc, a signer of that name", untrusted, mdoc(signer=private, chain=der(forged_ds)[0]), step="V2")
    longer = mdoc(signer=private, chain=list(der(forged_ds, mdoc_keys.root())))
    yield refused("mdoc, the trusted root behind it", untrusted, longer, step="V2")
    alone = mdoc_keys.certificate("IACA", "IACA", private, private)
    refusal = Reason.CERTIFICATE_INVALID
    yield refused("mdoc, self-signed", refusal, mdoc(signer=private, chain=der(alone)[0]), step="V2")


@attack("KEY-005", "KEY_UNKNOWN")
def chain_and_kid_disagree() -> Iterator[Trial]:
    """A trusted chain and a kid name two keys: the chain alone is asked, so the other key has signed nothing."""
    leaf = certificate("leaf", "root")
    both = _rooted() | sd_jwt.anchors_for(key("other").public, issuer=_OTHER, kid="k2")
    by_leaf = jwt(**_with_chain(leaf, by=certificate_key("leaf"), kid="k2"))
    yield accepted("signed by the key of the chain", by_leaf, anchors=both)
    for iss in (ISSUER, _OTHER, ABSENT):
        forged = jwt(header={"x5c": x5c(leaf), "kid": "k2"}, payload={"iss": iss}, signer=key("other"))
        yield refused(f"signed by the key of kid, iss {iss}", _INVALID, forged, anchors=both, step="V3")
    alone = jwt(header={"kid": "leaf"}, signer=local_key(certificate_key("leaf")))
    yield refused("the key of the chain, without its chain", Reason.KEY_UNKNOWN, alone, anchors=both, step="V2")
    # The hash of a certificate and the certificate are two names of one key as well.
    chained: dict[str, Any] = _with_chain(leaf, by=certificate_key("leaf"))
    for name, hash_ in (("x5t", hashlib.sha1), ("x5t#S256", hashlib.sha256)):
        own, others = hash_(der(leaf)[0]).digest(), hash_(der(certificate("other", "root"))[0]).digest()
        for digest, reason in ((own, None), (others, Reason.HEADER_INVALID), (own[:-1], Reason.HEADER_INVALID)):
            named = jwt(**{**chained, "header": {**chained["header"], name: base64url(digest).decode()}})
            said = f"{name} of {len(digest)} bytes, {'its own' if digest == own else 'not its own'}"
            if reason is None:
                yield accepted(said, named, anchors=both)
            else:
                yield refused(said, reason, named, anchors=both, step="V1")
    x5t = [-16, bytes(32)]
    yield refused("mdoc, x5t of another one", Reason.HEADER_INVALID, mdoc(unprotected={34: x5t}), step="V1")
    other = mdoc_keys.key("signer of another chain")
    forged_mdoc = mdoc(signer=other, unprotected={4: b"the signer"})
    yield refused("mdoc, signed by the key of kid", _INVALID, forged_mdoc, step="V3")


@attack("KEY-007", "KEY_UNKNOWN")
def kid_as_an_instruction() -> Iterator[Trial]:
    """A kid that is a path, a query or a pattern to whoever does more with it than to compare."""
    yield accepted("the kid itself", jwt())
    unknown = Reason.KEY_UNKNOWN
    for kid in (
        "../../etc/passwd",
        "kid' OR 1=1--",
        "%2e%2e",
        "k%31",
        "k1\0",
        "k1 ",
        " k1",
        "K1",
        "k",
        "k.",
        ".*",
        "k\uff11",
        "__class__",
        "",
        "k" * 255,
    ):
        yield refused(f"kid {kid[:20]!r}", unknown, jwt(header={"kid": kid}), step="V2")
        yield refused(f"SD-CWT, kid {kid[:20]!r}", unknown, sd_cwt(header={4: kid.encode()[:255]}), step="V2")
    # No key has a kid of such a length: it is no hint at all.
    for size in (256, 4_096):
        yield refused(f"{size} characters", Reason.HEADER_INVALID, jwt(header={"kid": "k" * size}))
        yield refused(f"SD-CWT, {size} bytes", Reason.HEADER_INVALID, sd_cwt(header={4: b"k" * size}))
    yield refused("SD-CWT, no UTF-8", unknown, sd_cwt(header={4: b"k1\xff"}), step="V2")
    yield status_jwt("status list", unknown, header={"kid": "../s1"})
    yield status_cwt("status list, CWT", unknown, header={4: b"s1\0"})


@attack("KEY-008", "HEADER_FORBIDDEN")
def kid_of_another_type() -> Iterator[Trial]:
    """A kid that is no text, or in COSE no byte string."""
    invalid = Reason.HEADER_INVALID
    for kid in (1, 1.0, True, False, None, ["k1"], {"k1": 1}):
        yield refused(f"kid {kid!r}", invalid, jwt(header={"kid": kid}))
        yield refused(f"key binding, kid {kid!r}", invalid, jwt(kb_header={"kid": kid}))
        yield refused(f"SD-CWT, kid {kid!r}", invalid, sd_cwt(header={4: kid}))
    yield refused("SD-CWT, kid is text", invalid, sd_cwt(header={4: "k1"}))
    yield refused("SD-CWT, unprotected kid is text", invalid, sd_cwt(header={4: ABSENT}, unprotected={4: "k1"}))
    yield accepted("SD-CWT, unprotected kid", sd_cwt(header={4: ABSENT}, unprotected={4: b"k1"}))
    yield refused("SD-KBT, kid is text", invalid, sd_cwt(kb_header={4: "k1"}))
    yield refused("issuerAuth, kid is text", invalid, mdoc(unprotected={4: "k1"}))
    yield status_jwt("status list", invalid, header={"kid": 1})
    yield status_cwt("status list, CWT", invalid, header={4: "s1"})
    yield dpop("DPoP", invalid, header={"kid": 1})
    texts = ("a number", 1), ("empty", ""), ("an array", ["k1"])
    for name, value in texts:
        yield raises(f"a trusted key, {name}", Reason.KEY_INVALID, partial(_trust, [("issuer", {"kid": value})]))


def _trust(
    keys: list[tuple[str, dict[str, Any]]], issuer: str = ISSUER, purpose: KeyPurpose = _CREDENTIAL
) -> TrustAnchors:
    """Trust the keys of these names, each with members changed."""
    made: list[dict[str, Any]] = [{**key(name).public.to_jwk(), "kid": "k1", **changes} for name, changes in keys]
    scope: dict[str, Any] = {"formats": [Format.SD_JWT_VC], "types": [VCT], "countries": ANY}
    return TrustAnchors.from_jwks(issuer, {"keys": made}, purpose=purpose, **(scope if purpose is _CREDENTIAL else {}))


@attack("KEY-010", "KEY_INVALID")
def kid_of_two_keys() -> Iterator[Trial]:
    """Two trusted keys of one issuer have one kid: the set of keys means two things, and no anchors are made of it."""
    invalid = Reason.ANCHOR_INVALID
    one: tuple[str, dict[str, Any]] = ("issuer", {})
    two: tuple[str, dict[str, Any]] = ("other", {})
    yield raises("in one set", invalid, partial(_trust, [one, two]))
    yield raises("one key twice", invalid, partial(_trust, [one, one]))
    yield raises("in two sets", invalid, lambda: _trust([one]) | _trust([two]))
    yield raises("joined with itself", invalid, lambda: _trust([one]) | _trust([one]))
    status = KeyPurpose.STATUS_LIST
    yield raises("for status lists", invalid, lambda: _trust([one], ISSUER, status) | _trust([two], ISSUER, status))
    yield holds("of two issuers", lambda: _trust([one]) | _trust([two], _OTHER))
    # Without a kid, or of one that two issuers have, the issuer that is named settles it, or nothing does.
    apart, unsaid = _trust([one]) | _trust([two], _OTHER), jwt(payload={"iss": ABSENT})
    two_of_his = _trust([one]) | sd_jwt.anchors_for(key("other").public, kid="k2")
    yield accepted("of two issuers, and one is named", jwt(), anchors=apart)
    yield refused("of two issuers, and none is named", _AMBIGUOUS, unsaid, step="V2", anchors=apart)
    unnamed = jwt(header={"kid": ABSENT})
    yield accepted("one key, and no kid", unnamed, anchors=_trust([one]))
    yield refused("two keys of one issuer, and no kid", _AMBIGUOUS, unnamed, step="V2", anchors=two_of_his)
    # An issuer who is known by keys and by a root, or two by one root, would be whom an attacker likes.
    rooted = partial(trusting, Format.SD_JWT_VC, mdoc_keys.root())
    yield raises("by a key, and by a root", invalid, lambda: _trust([one]) | rooted())
    yield holds("another one by a root", lambda: _trust([one]) | rooted(issuer=_OTHER))
    yield raises("two by one root", invalid, lambda: rooted() | rooted(issuer=_OTHER))
    yield raises("by one root twice", invalid, lambda: rooted() | rooted())
    pin = partial(TrustAnchors.from_keys, ISSUER, [key("issuer").public], purpose=status)
    yield raises("pinned twice", invalid, lambda: pin() | pin())
    yield holds("for two purposes", lambda: _trust([one]) | _trust([two], ISSUER, status))


@attack("KEY-011", "KEY_UNKNOWN")
def key_of_another_issuer() -> Iterator[Trial]:
    """The token names one issuer, and the key of another one has signed."""
    apart = sd_jwt.anchors() | sd_jwt.anchors_for(key("other").public, issuer=_OTHER, kid="k2")
    same = sd_jwt.anchors() | sd_jwt.anchors_for(key("other").public, issuer=_OTHER, kid="k1")
    other: dict[str, Any] = {"signer": key("other")}
    mismatch = Reason.ISSUER_MISMATCH
    his = {"iss": _OTHER, "status": ABSENT, "exp": NOW + 43_200}  # nobody has a status list of his
    yield accepted("each by his own", jwt(header={"kid": "k2"}, payload=his, **other), anchors=apart)
    yield accepted("of one kid, each by his own", jwt(payload=his, **other), anchors=same)
    # Where kid names one key, that is the key, and what the token says of its issuer must be true of it.
    yield refused("kid of the other", mismatch, jwt(header={"kid": "k2"}, **other), anchors=apart, step="V5")
    # Where it does not, the issuer that is named narrows the choice, and the key of the other is not among it.
    yield refused("one kid of both", _INVALID, jwt(**other), anchors=same, step="V3")
    yield refused("no kid", _INVALID, jwt(header={"kid": ABSENT}, **other), anchors=apart, step="V3")
    stranger = jwt(header={"kid": ABSENT}, payload={"iss": "https://nobody.example"})
    yield refused("no kid, an issuer whom nobody knows", Reason.KEY_UNKNOWN, stranger, step="V2")
    for iss in (_OTHER, ISSUER + "/", ISSUER.upper(), "https://id.example.attacker.example", "https://id.exampl"):
        yield refused(f"iss {iss}", mismatch, jwt(payload={"iss": iss}), step="V5")
    yield refused("SD-CWT", mismatch, sd_cwt(claims={1: _OTHER}), step="V5")
    yield status_jwt("status list", mismatch, payload={"iss": _OTHER})
    yield status_cwt("status list, CWT", mismatch, payload={1: _OTHER})
    yield accepted("no iss: the label of the anchor counts", jwt(payload={"iss": ABSENT}))


@attack("KEY-014", "KEY_USE_FORBIDDEN")
def key_for_another_use() -> Iterator[Trial]:
    """A key says of itself that it does not verify signatures."""
    forbidden = Reason.KEY_USE_FORBIDDEN
    members: dict[str, Any]
    fit = ({"use": "sig"}, {"key_ops": ["verify"]}, {"key_ops": ["sign", "verify"]}, {"use": "sig", "alg": "ES256"})
    for members in fit:
        yield holds(f"trusted, {members}", partial(_trust, [("issuer", members)]))
    for members in (
        {"use": "enc"},
        {"use": "SIG"},
        {"use": None},
        {"key_ops": ["encrypt"]},
        {"key_ops": ["sign"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"key_ops": ["verify", "verify"]},
        {"key_ops": ["verify", "encrypt"]},
        {"use": "enc", "key_ops": ["verify"]},
    ):
        yield raises(f"trusted, {members}", forbidden, partial(_trust, [("issuer", members)]))
        held = {"cnf": {"jwk": {**key("holder").public.to_jwk(), **members}}}
        yield refused(f"of the holder, {members}", forbidden, jwt(payload=held), step="V4")
    yield http("HTTP signature", forbidden, jwk={**key("sender client").public.to_jwk(), "use": "enc"})
    yield dpop("DPoP", forbidden, header={"jwk": {**key("sender client").public.to_jwk(), "use": "enc"}})
    device = mdoc_keys.cose_key(mdoc_keys.key("device"))
    holder = sd_cwt_forge.cose_key(key("holder"))
    yield accepted("COSE, key_ops verify", sd_cwt(claims={8: {1: {**holder, 4: [2]}}}))
    for operations in ([3], [1], [], [True], 2, ["verify"]):
        keyed = {8: {1: {**holder, 4: operations}}}
        yield refused(f"COSE, key_ops {operations}", forbidden, sd_cwt(claims=keyed), step="V4")
        info = {"deviceKey": {**device, 4: operations}}
        yield refused(f"deviceKey, key_ops {operations}", forbidden, mdoc(key_info=info), step="V4")


@attack("KEY-015", "KEY_USE_FORBIDDEN")
def key_of_another_purpose() -> Iterator[Trial]:
    """The key of status lists signs a credential, or that of credentials a list: there it is nobody's."""
    unknown = Reason.KEY_UNKNOWN
    all_keys = sd_jwt.anchors() | status_anchors()
    by_status: dict[str, Any] = {"signer": key("status")}
    yield accepted("each for its own", jwt(), anchors=all_keys)
    yield refused("a credential", unknown, jwt(header={"kid": "s1"}, **by_status), anchors=all_keys, step="V2")
    yield refused("a credential, at a gateway", unknown, jwt(header={"kid": "s1"}, **by_status), step="V2")
    yield refused("a credential under the kid of the other", _INVALID, jwt(**by_status), anchors=all_keys, step="V3")
    for name, kid, reason in (("a status list", "k1", unknown), ("a status list, no kid", ABSENT, _INVALID)):
        yield raises(name, reason, partial(_list_by_the_issuer, all_keys, kid))
    for_lists = mdoc_keys.certificate(
        "DS", "IACA", mdoc_keys.key("signer"), mdoc_keys.key("IACA"), purpose="1.3.6.1.5.5.7.3.30"
    )
    for name, made in (("of status lists", for_lists), ("of nothing", _purposeless())):
        yield refused(
            f"mdoc, a certificate {name}", Reason.CERTIFICATE_USE_FORBIDDEN, mdoc(chain=der(made)[0]), step="V2"
        )


@cache
def _purposeless() -> Any:
    return mdoc_keys.certificate("DS", "IACA", mdoc_keys.key("signer"), mdoc_keys.key("IACA"), purpose=None)


def _list_by_the_issuer(anchors: TrustAnchors, kid: Any) -> None:
    store = StatusStore(anchors=anchors)
    body = status_token(header={"kid": kid}, signer=key("issuer"))
    store.ingest(STATUS_URI, body, media_type=STATUS_MEDIA_TYPE, now=NOW)


GROUP: Final = Group(
    "key injection",
    "keys come from the anchors alone, each for one issuer and one purpose; a header selects, and never supplies",
    (
        key_in_the_header,
        address_of_a_key,
        certificate_of_that_name,
        chain_and_kid_disagree,
        kid_as_an_instruction,
        kid_of_another_type,
        kid_of_two_keys,
        key_of_another_issuer,
        issuer_removed,
        key_for_another_use,
        key_of_another_purpose,
        *weak_keys.ATTACKS,
    ),
)
