"""Against the PyPI package sd-jwt, the reference implementation of RFC 9901.

What we issue and present verifies there with equal claims, and what it issues and presents verifies here. On hostile
input the relation is one-sided: whatever we accept, it accepts with equal claims. The reverse does not hold, and the
table `LAXITIES` names what it lets through, with our Reason; each entry is run, so that the table stays true.

The peer writes the JSON serialisations in a form from before the RFC (disclosures beside the header, not in it), so
that the compact form alone is compared. It takes one digest algorithm for each class and ES256 alone for key bindings.

Spec: RFC 9901 sections 4, 7 and 8.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import builders
import pytest
from builders import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    NONCE,
    NOW,
    VCT,
    bound,
    digest,
    disclosure,
    issuer_half,
    key,
    make,
    paths,
    same,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from sd_jwt import holder as peer_holder
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from citizenid import (
    Attestation,
    CitizenIDError,
    Format,
    LocalKey,
    Reason,
    Serialization,
    StatusReference,
    UnixTime,
    Validity,
)
from citizenid._model import thaw
from citizenid.holder import Credential
from citizenid.issuer import Issuer

FORMAT: Final = Format.SD_JWT_VC
VALIDITY: Final = Validity(UnixTime(NOW - 60), None, UnixTime(NOW + 30 * 86_400))
STATUS: Final = StatusReference(builders.STATUS_URI, builders.VALID_INDEX)
ALGORITHMS: Final = ("ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")


class Verifier256(SDJWTVerifier):
    """The peer's verifier; it knows one digest algorithm, which is an attribute of the class."""


class Verifier384(SDJWTVerifier):
    HASH_ALG = {"name": "sha-384", "fn": builders.HASHES["sha-384"]}  # noqa: RUF012  # the peer's own form


class Verifier512(SDJWTVerifier):
    HASH_ALG = {"name": "sha-512", "fn": builders.HASHES["sha-512"]}  # noqa: RUF012  # the peer's own form


VERIFIERS: Final[dict[str, Any]] = {"sha-256": Verifier256, "sha-384": Verifier384, "sha-512": Verifier512}


class Issuer384(SDJWTIssuer):
    HASH_ALG = Verifier384.HASH_ALG


class Issuer512(SDJWTIssuer):
    HASH_ALG = Verifier512.HASH_ALG


class Holder384(SDJWTHolder):
    HASH_ALG = Verifier384.HASH_ALG


class Holder512(SDJWTHolder):
    HASH_ALG = Verifier512.HASH_ALG


PEERS: Final[dict[str, tuple[Any, Any]]] = {
    "sha-256": (SDJWTIssuer, SDJWTHolder),
    "sha-384": (Issuer384, Holder384),
    "sha-512": (Issuer512, Holder512),
}


def jwk(signer: LocalKey, *, private: bool = False) -> JWK:
    """Hand a key to the peer."""
    return JWK(**(signer.to_private_jwk() if private else signer.public.to_jwk()))


def peer_reads(
    data: bytes | str, signer: LocalKey, *, hash_algorithm: str = "sha-256", nonce: str | None = NONCE
) -> dict[str, Any]:
    """Verify with the peer, key binding included unless `nonce` is None, and return the processed payload."""
    text = data.decode() if isinstance(data, bytes) else data
    audience = None if nonce is None else AUDIENCE
    verifier = VERIFIERS[hash_algorithm](text, lambda _issuer, _header: jwk(signer), audience, nonce)
    claims: dict[str, Any] = verifier.get_verified_payload()
    return claims


def our_reading(data: bytes | str, **changes: Any) -> dict[str, Any]:
    """Verify here and return the claims of the person."""
    claims: dict[str, Any] = thaw(builders.accepted(data, **changes).attestation.claims)
    return claims


def personal(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of the person out of a processed payload."""
    return {name: value for name, value in claims.items() if name not in builders.STRUCTURAL}


def issue(
    claims: Mapping[str, Any],
    disclosable: Iterable[tuple[Any, ...]] | None = None,
    *,
    signer: LocalKey | None = None,
    **options: Any,
) -> bytes:
    """Issue with our writer; the trust and the status list are those of `builders`."""
    attestation = Attestation(VCT, ISSUER, claims, VALIDITY, holder_key=key("holder").public, status=(STATUS,))
    maker = Issuer(identifier=ISSUER, key=signer or key("issuer"), kid="k1")
    return maker.issue(attestation, format=FORMAT, disclosable=disclosable, **options)


def receive(issued: bytes, signer: LocalKey | None = None) -> Credential:
    trusted = builders.anchors_for((signer or key("issuer")).public)
    return Credential.receive(issued, format=FORMAT, anchors=trusted, now=NOW)


def present(credential: Credential, disclose: Iterable[Any]) -> bytes:
    return credential.present(disclose, challenge=builders.challenge(), key=key("holder"), peer=AUDIENCE, now=NOW)


# --- what we write, they read ---

PERSON: Final[dict[str, Any]] = {
    "nationalities": ["US", "FR"],
    "given_name": "Zoë",
    "address": {"street": {"name": "Rue de l'Église", "number": 12}, "country": "FR"},
    "scores": [1, 2.5, [True, None], {"inner": ["x"]}],
}
MARKS: Final[dict[str, list[tuple[Any, ...]] | None]] = {
    "nothing": [],
    "flat": [("nationalities",), ("given_name",), ("address",), ("scores",)],
    "structured": [("address", "street"), ("address", "country")],
    "nested": [("address", "street", "name"), ("address", "street", "number"), ("scores", 3, "inner")],
    "recursive": [("address",), ("address", "street"), ("address", "street", "name"), ("address", "country")],
    "elements": [("nationalities", None), ("scores", 0), ("scores", 2), ("scores", 2, 1), ("scores", 3)],
    "everything": None,
}


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize("hash_algorithm", VERIFIERS)
@pytest.mark.parametrize("decoys", [0, 7])
def test_ours_of_every_shape(marks: str, hash_algorithm: str, decoys: int) -> None:
    issued = issue(PERSON, MARKS[marks], decoys=decoys, hash_algorithm=hash_algorithm)
    # Without a single digest there is no `_sd_alg`, and the default counts for the key binding.
    digests = hash_algorithm if decoys or marks != "nothing" else "sha-256"
    whole = peer_reads(issued, key("issuer"), hash_algorithm=digests, nonce=None)
    assert same(personal(whole), PERSON)
    credential = receive(issued)
    for disclose in ([], list(credential.disclosable), list(credential.disclosable)[:1], ["nationalities"]):
        data = present(credential, disclose)
        theirs = peer_reads(data, key("issuer"), hash_algorithm=digests)
        assert same(personal(theirs), our_reading(data))
        assert (theirs["iss"], theirs["vct"], theirs["exp"]) == (ISSUER, VCT, VALIDITY.not_after)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_ours_of_every_algorithm(algorithm: str) -> None:
    signer = key("issuer of " + algorithm, algorithm)
    issued = issue(PERSON, signer=signer)
    assert same(personal(peer_reads(issued, signer, nonce=None)), PERSON)
    data = present(receive(issued, signer), ["nationalities"])
    assert same(
        personal(peer_reads(data, signer)),
        our_reading(data, anchors=builders.anchors_for(signer.public)),
    )


@given(claims=builders.person_claims, data=st.data())
def test_ours_with_any_claims(claims: dict[str, Any], data: st.DataObject) -> None:
    everywhere = paths(claims)
    marks = data.draw(st.lists(st.sampled_from(everywhere), unique=True)) if everywhere else []
    issued = issue(claims, marks, decoys=data.draw(st.integers(0, 3)))
    assert same(personal(peer_reads(issued, key("issuer"), nonce=None)), claims)
    credential = receive(issued)
    choices = st.lists(st.sampled_from(sorted(credential.disclosable, key=repr)), unique=True)
    disclose = data.draw(choices) if credential.disclosable else []
    presentation = present(credential, disclose)
    assert same(personal(peer_reads(presentation, key("issuer"))), our_reading(presentation))


# --- what they write, we read ---


def mark(value: Any, chosen: set[tuple[Any, ...]], path: tuple[Any, ...] = ()) -> Any:
    """Wrap the chosen parts as the peer wants them marked."""
    if isinstance(value, Mapping):
        return {
            SDObj(name) if (*path, name) in chosen else name: mark(item, chosen, (*path, name))
            for name, item in value.items()
        }
    if isinstance(value, list):
        marked = [(mark(item, chosen, (*path, index)), (*path, index)) for index, item in enumerate(value)]
        return [SDObj(item) if place in chosen else item for item, place in marked]
    return value


def chosen_by_peer(value: Any) -> Any:
    """Select everything, in the peer's form."""
    if isinstance(value, Mapping):
        return {name: chosen_by_peer(item) or True for name, item in value.items()}
    return [chosen_by_peer(item) or True for item in value] if isinstance(value, list) else True


def peer_issues(
    claims: Mapping[str, Any],
    marks: Iterable[tuple[Any, ...]],
    *,
    signer: LocalKey | None = None,
    hash_algorithm: str = "sha-256",
    decoys: bool = False,
    selection: Any = None,
) -> str:
    """Issue and present with the peer."""
    signer = signer or key("issuer")
    control: dict[str, Any] = {"iss": ISSUER, "vct": VCT, "iat": VALIDITY.issued_at, "exp": NOW + 3_600}
    if not decoys:  # the peer puts decoys into every object, and `status` must stand in the clear
        control["status"] = builders.status_claim(builders.VALID_INDEX)
    issuer_class, holder_class = PEERS[hash_algorithm]
    issued = issuer_class(
        {**control, **mark(claims, set(marks))},
        jwk(signer, private=True),
        jwk(key("holder")),
        sign_alg=signer.algorithm,
        add_decoy_claims=decoys,
        extra_header_parameters={"typ": "dc+sd-jwt", "kid": "k1"},
    )
    holder = holder_class(issued.sd_jwt_issuance)
    wanted = chosen_by_peer(claims) if selection is None else selection
    holder.create_presentation(wanted, NONCE, AUDIENCE, jwk(key("holder"), private=True))
    presentation: str = holder.sd_jwt_presentation
    return presentation


@pytest.fixture(autouse=True)
def _clock_of_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer reads the system's clock for the iat of a key binding."""
    monkeypatch.setattr(peer_holder, "time", lambda: NOW)


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize("hash_algorithm", PEERS)
@pytest.mark.parametrize("decoys", [False, True])
def test_theirs_of_every_shape(marks: str, hash_algorithm: str, decoys: bool) -> None:
    listed = MARKS[marks]
    chosen = set(paths(PERSON)) if listed is None else {path for path in listed if None not in path}
    if listed is not None and ("nationalities", None) in listed:
        chosen |= {("nationalities", 0), ("nationalities", 1)}
    selections: list[Any] = [None, {}, {"nationalities": [False, True], "address": {"street": {"name": True}}}]
    for selection in selections:
        data = peer_issues(PERSON, chosen, hash_algorithm=hash_algorithm, decoys=decoys, selection=selection)
        theirs = personal(peer_reads(data, key("issuer"), hash_algorithm=hash_algorithm))
        assert same(our_reading(data), theirs)
        assert selection is not None or same(theirs, PERSON)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_theirs_of_every_algorithm(algorithm: str) -> None:
    signer = key("issuer of " + algorithm, algorithm)
    data = peer_issues(PERSON, paths(PERSON), signer=signer)
    assert same(our_reading(data, anchors=builders.anchors_for(signer.public)), PERSON)


@given(claims=builders.person_claims, data=st.data())
def test_theirs_with_any_claims(claims: dict[str, Any], data: st.DataObject) -> None:
    everywhere = paths(claims)
    marks = data.draw(st.lists(st.sampled_from(everywhere), unique=True)) if everywhere else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peer_holder, "time", lambda: NOW)
        selection: Any = None if data.draw(st.booleans()) else {}
        presentation = peer_issues(claims, marks, decoys=data.draw(st.booleans()), selection=selection)
    assert same(our_reading(presentation), personal(peer_reads(presentation, key("issuer"))))


def test_decoys_inside_the_status_claim_are_refused() -> None:
    """The peer hides digests in `status`, which SD-JWT VC section 2.2.2.3 keeps in the clear."""
    issued = SDJWTIssuer(
        {"iss": ISSUER, "vct": VCT, "exp": NOW + 3_600, "status": builders.status_claim(builders.VALID_INDEX)},
        jwk(key("issuer"), private=True),
        jwk(key("holder")),
        add_decoy_claims=True,
        extra_header_parameters={"typ": "dc+sd-jwt", "kid": "k1"},
    )
    data = bound(issued.sd_jwt_issuance.encode())
    peer_reads(data, key("issuer"))
    builders.refused(data, Reason.CLAIM_NOT_DISCLOSABLE, "V4")


# --- hostile input, signed by an issuer that we trust ---

_HASHED: Final = st.sampled_from(["sha-256", "sha-384", "sha-512"])
_NAMES: Final = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "nationalities",
        "citizenships",
        "nationalities_complete",
        "_sd",
        "...",
        "_sd_alg",
        "exp",
        "iat",
        "sub",
    ]
)
_VALUES: Final = st.sampled_from([None, True, 1, "x", ["US"], ["US", "US"], ["XX"], [], {}, "US", {"a": 1}])


@dataclass(frozen=True)
class Hostile:
    """A credential whose parts were put together at random: what it hides, and what it shows of that."""

    members: dict[str, Any]
    shown: list[bytes]
    algorithm: str


@st.composite
def hostile(draw: st.DrawFn) -> Hostile:
    """Draw disclosures from the inside out, each of which may refer to earlier ones, and a payload above them.

    Two cases in three are tidy: every disclosure has one place, of the right kind. The others refer to anything.
    """
    algorithm: str = draw(_HASHED)
    tidy = draw(st.integers(0, 2)) > 0
    pool: list[bytes] = []
    homeless: list[tuple[bool, str]] = []  # (is a member, digest) of what has no place yet

    def reference(member: bool) -> str:
        if tidy:
            fitting = [entry for entry in homeless if entry[0] is member]
            if not fitting:
                return f"decoy {draw(st.uuids())}"
            homeless.remove(fitting[0])
            return fitting[0][1]
        known = [digest(text, algorithm) for text in pool]
        return draw(st.sampled_from([*known * 3, "decoy", "", "A" * 43]))

    def value(depth: int) -> Any:
        kind = draw(st.integers(0, 3))
        if kind == 0 and depth:
            return [element(depth - 1) for _ in range(draw(st.integers(0, 3)))]
        if kind == 1 and depth:
            return members(depth - 1)
        return draw(_VALUES)

    def element(depth: int) -> Any:
        if draw(st.booleans()):
            more = {} if tidy or draw(st.integers(0, 9)) else {"x": 1}
            return {"...": reference(False), **more}
        return value(depth)

    def members(depth: int) -> dict[str, Any]:
        made = {name: value(depth) for name in draw(st.lists(st.sampled_from("abcd"), max_size=2, unique=True))}
        if draw(st.booleans()):
            made["_sd"] = [reference(True) for _ in range(draw(st.integers(0, 3)))]
        return made

    for number in range(draw(st.integers(0, 5))):
        parts: list[Any] = [f"salt{number}"]
        if draw(st.booleans()):
            parts.append(f"claim{number}" if tidy or draw(st.booleans()) else draw(_NAMES))
        parts.append(value(2))
        pool.append(disclosure(*parts))
        homeless.append((len(parts) == 3, digest(pool[-1], algorithm)))
    top = members(3)
    if tidy:
        top["_sd"] = [*top.get("_sd", []), *(text for member, text in homeless if member)]
        top["list"] = [{"...": text} for member, text in homeless if not member]
    shown: list[bytes] = pool
    if not tidy or draw(st.booleans()):
        shown = draw(st.permutations(pool))[: draw(st.integers(0, len(pool)))]
    if shown and draw(st.integers(0, 9)) == 0:
        shown = [*shown, shown[0]]
    return Hostile({**top, "_sd_alg": algorithm}, list(shown), algorithm)


@given(case=hostile())
def test_whatever_we_accept_the_peer_accepts_with_equal_claims(case: Hostile) -> None:
    half = issuer_half(payload=case.members, disclosures=case.shown)
    data = bound(half, algorithm=case.algorithm)
    try:
        ours = our_reading(data)
    except CitizenIDError as error:
        event(error.reason)
        return
    event("accepted")
    assert same(ours, personal(peer_reads(data, key("issuer"), hash_algorithm=case.algorithm)))


def test_the_hostile_generator_makes_some_that_are_accepted() -> None:
    """The property above would hold of a verifier that refuses all: see that it is not about nothing."""
    verdicts: list[object] = []

    @settings(derandomize=True)
    @given(case=hostile())
    def collect(case: Hostile) -> None:
        data = bound(issuer_half(payload=case.members, disclosures=case.shown), algorithm=case.algorithm)
        try:
            verdicts.append(bool(case.shown) and our_reading(data) is not None)
        except CitizenIDError as error:
            verdicts.append(error.reason)

    collect()
    assert True in verdicts
    assert {Reason.DISCLOSURE_UNREFERENCED, Reason.DIGEST_DUPLICATE, Reason.DISCLOSURE_DUPLICATE} & set(verdicts)


# --- what the peer lets through ---


def _half(payload: Mapping[str, Any] | bytes, *shown: bytes, header: Mapping[str, Any] | None = None) -> bytes:
    return bound(issuer_half(header, payload, shown))


_SECRET: Final = disclosure("salt", "given_name", "Zoë")
_ELEMENT: Final = disclosure("salt", "US")
_EXP: Final = disclosure("salt", "exp", NOW + 3_600)


def _raw_payload(find: str, replace: str) -> bytes:
    """Return the good payload with a piece of its text replaced: what no JSON writer would write."""
    text = json.dumps({**builders.good_payload(), "marker": 0}, separators=(",", ":"))
    assert find in text
    return text.replace(find, replace).encode()


def _padded(data: bytes) -> bytes:
    return data + b"=="


LAXITIES: Final[dict[str, tuple[Any, Reason, str]]] = {
    "padding after a signature": (lambda: _padded(make()), Reason.MALFORMED_BASE64, "V1"),
    "a disclosure that no digest names": (lambda: make(disclosures=[_SECRET]), Reason.DISCLOSURE_UNREFERENCED, "V4"),
    "one digest in two arrays": (
        lambda: _half({"a": [{"...": digest(_ELEMENT)}], "b": [{"...": digest(_ELEMENT)}]}, _ELEMENT),
        Reason.DIGEST_DUPLICATE,
        "V4",
    ),
    "one digest twice in one array": (
        lambda: _half({"a": [{"...": digest(_ELEMENT)}] * 2}, _ELEMENT),
        Reason.DIGEST_DUPLICATE,
        "V4",
    ),
    "an end of validity that is hidden": (
        lambda: _half({"exp": ABSENT, "_sd": [digest(_EXP)]}, _EXP),
        Reason.CLAIM_NOT_DISCLOSABLE,
        "V4",
    ),
    "a disclosure of a reserved name": (
        lambda: _half({"_sd": [digest(disclosure("salt", "_sd", "x"))]}, disclosure("salt", "_sd", "x")),
        Reason.DISCLOSURE_MALFORMED,
        "V4",
    ),
    "a disclosure whose name is a number": (
        lambda: _half({"_sd": [digest(disclosure("salt", 7, "x"))]}, disclosure("salt", 7, "x")),
        Reason.DISCLOSURE_MALFORMED,
        "V4",
    ),
    "a salt that is no text": (
        lambda: _half({"_sd": [digest(disclosure(7, "name", "x"))]}, disclosure(7, "name", "x")),
        Reason.DISCLOSURE_MALFORMED,
        "V4",
    ),
    "a placeholder with company": (
        lambda: _half({"a": [{"...": digest(_ELEMENT), "b": 1}]}),
        Reason.REDACTION_MALFORMED,
        "V4",
    ),
    "a digest that is no text": (lambda: _half({"_sd": [7]}), Reason.REDACTION_MALFORMED, "V4"),
    "an algorithm inside": (lambda: _half({"a": {"_sd_alg": "sha-256"}}), Reason.REDACTION_MALFORMED, "V4"),
    "a member twice": (
        lambda: _half(_raw_payload('"marker":0', '"marker":0,"nationalities":["FR"]')),
        Reason.DUPLICATE_MEMBER,
        "V4",
    ),
    "not a number": (lambda: _half(_raw_payload('"marker":0', '"marker":NaN')), Reason.MALFORMED_JSON, "V4"),
    "beyond every double": (lambda: _half(_raw_payload('"marker":0', '"marker":1e400')), Reason.MALFORMED_JSON, "V4"),
    "very deep": (
        lambda: _half(_raw_payload('"marker":0', '"marker":' + "[" * 40 + "]" * 40)),
        Reason.DEPTH_EXCEEDED,
        "V4",
    ),
    "another typ": (lambda: make(header={"typ": "vc+sd-jwt"}), Reason.TYP_MISMATCH, "V4"),
    "no typ": (lambda: make(header={"typ": ABSENT}), Reason.TYP_MISMATCH, "V4"),
    "a key in the header": (
        lambda: make(header={"jwk": dict(key("issuer").public.to_jwk())}),
        Reason.HEADER_FORBIDDEN,
        "V1",
    ),
    "no vct": (lambda: make(payload={"vct": ABSENT}), Reason.CLAIM_MISSING, "V4"),
    "no end": (lambda: make(payload={"exp": ABSENT}), Reason.CLAIM_MISSING, "V4"),
    "an end that is past": (lambda: make(payload={"exp": NOW}), Reason.EXPIRED, "V6"),
    "a start that is to come": (lambda: make(payload={"nbf": NOW + 1}), Reason.NOT_YET_VALID, "V6"),
    "issued tomorrow": (lambda: make(payload={"iat": NOW + 86_400}), Reason.ISSUED_IN_FUTURE, "V6"),
    "revoked": (lambda: make(payload={"status": builders.status_claim(builders.REVOKED_INDEX)}), Reason.REVOKED, "V9"),
    "a private key in cnf": (
        lambda: make(payload={"cnf": {"jwk": key("holder").to_private_jwk()}}),
        Reason.KEY_INVALID,
        "V4",
    ),
    "two confirmations": (
        lambda: make(payload={"cnf": {"jwk": dict(key("holder").public.to_jwk()), "kid": "1"}}),
        Reason.KEY_INVALID,
        "V4",
    ),
    "an old key binding": (lambda: make(kb={"iat": NOW - 301}), Reason.KEY_BINDING_STALE, "V7"),
    "a key binding of tomorrow": (lambda: make(kb={"iat": NOW + 86_400}), Reason.KEY_BINDING_IN_FUTURE, "V7"),
    "a key binding without a time": (lambda: make(kb={"iat": ABSENT}), Reason.CLAIM_MISSING, "V7"),
    "a country that is none": (lambda: make(payload={"nationalities": ["XX"]}), Reason.COUNTRY_INVALID, "V4"),
}


@pytest.mark.parametrize("name", LAXITIES)
def test_what_the_peer_lets_through(name: str) -> None:
    make_it, reason, step = LAXITIES[name]
    data = make_it()
    peer_reads(data, key("issuer"))
    builders.refused(data, reason, step)


def test_the_peer_asks_for_no_key_binding_unless_told() -> None:
    data = issuer_half()
    peer_reads(data, key("issuer"), nonce=None)
    builders.refused(data, Reason.KEY_BINDING_MISSING, "V7")


def test_the_json_form_of_the_peer_is_another_one() -> None:
    """Disclosures beside the header mean nothing to us (RFC 9901 section 8.1), so what they hold stays hidden."""
    control = {"iss": ISSUER, "vct": VCT, "exp": VALIDITY.not_after}
    issued = SDJWTIssuer(
        {**control, SDObj("given_name"): "Zoë"},
        jwk(key("issuer"), private=True),
        jwk(key("holder")),
        serialization_format="json",
        extra_header_parameters={"typ": "dc+sd-jwt", "kid": "k1"},
    )
    holder = SDJWTHolder(issued.sd_jwt_issuance, serialization_format="json")
    holder.create_presentation({"given_name": True}, NONCE, AUDIENCE, jwk(key("holder"), private=True))
    assert "disclosures" in json.loads(holder.sd_jwt_presentation)
    builders.refused(
        holder.sd_jwt_presentation, Reason.KEY_BINDING_MISSING, "V7", serialization=Serialization.FLATTENED
    )
    ours = builders.to_json(make())
    with pytest.raises(KeyError):
        SDJWTVerifier(ours.decode(), lambda *_: jwk(key("issuer")), serialization_format="json")
