"""The holder's door: what a wallet takes, what it may withhold, and that it shows exactly what was chosen.

The oracle is `projection`: the claims with everything removed that is hidden and was not chosen,
written out slowly from
the words "a chosen path shows what is at it and inside it, and what it stands inside comes along".

Spec: RFC 9901 sections 4.2.6, 4.3, 7.2; RFC 9449 section 4.2; specs/profile-sd-jwt-vc.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from builders import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    NONCE,
    NOW,
    STATUS_URI,
    VALID_INDEX,
    VCT,
    accepted,
    anchors,
    base64url,
    bound,
    challenge,
    digest,
    disclosure,
    issuer_half,
    key,
    make,
    misused,
    names,
    paths,
    raises,
    same,
    to_json,
    unbase64url,
)
from hypothesis import given
from hypothesis import strategies as st
from mdoc_writing import MDOC, OURS, PID
from mdoc_writing import attestation as mdoc_attestation
from mdoc_writing import door as mdoc_door
from mdoc_writing import trusted as mdoc_anchors
from places import only_in_words

from citizenid import (
    AgreementKey,
    Attestation,
    CitizenIDError,
    Format,
    Limits,
    PublicKey,
    Reason,
    Serialization,
    StatusReference,
    UnixTime,
    Validity,
)
from citizenid._crypto.keys import verify_signature
from citizenid._limits import MAX_UNIX_TIME
from citizenid._model import KeyHint, SignedObject, thaw
from citizenid._wire import cbor
from citizenid.holder import Credential, dpop_proof, http_signature
from citizenid.issuer import Issuer

errors_say_where = only_in_words()

SD_JWT_VC: dict[str, Any] = {"format": Format.SD_JWT_VC}


def issued(claims: Mapping[str, Any], disclosable: Any = None, **changes: Any) -> bytes:
    what = Attestation(
        VCT,
        ISSUER,
        claims,
        Validity(UnixTime(NOW - 60), None, UnixTime(NOW + 86_400)),
        key("holder").public,
        (StatusReference(STATUS_URI, VALID_INDEX),),
    )
    return Issuer(identifier=ISSUER, key=key("issuer"), kid="k1").issue(
        what, disclosable=disclosable, **SD_JWT_VC, **changes
    )


def received(data: bytes, **changes: Any) -> Credential:
    return Credential.receive(data, **{**SD_JWT_VC, "anchors": anchors(), "now": NOW, **changes})


def presented(credential: Credential, disclose: Any, **changes: Any) -> bytes:
    arguments: dict[str, Any] = {"challenge": challenge(), "key": key("holder"), "peer": AUDIENCE, "now": NOW}
    return credential.present(disclose, **{**arguments, **changes})


def shown(data: bytes, **changes: Any) -> Any:
    return thaw(accepted(data, **changes).attestation.claims)


# --- receive ---


def test_a_wallet_keeps_what_it_received() -> None:
    data = issued({"nationalities": ["US", "DE"], "given_name": "Ada"})
    for form in (data, data.decode()):
        credential = received(form)  # type: ignore[arg-type]
        assert credential.to_bytes() == data and type(credential.to_bytes()) is bytes
        assert credential.format is Format.SD_JWT_VC
        assert thaw(credential.attestation.claims) == {"nationalities": ["US", "DE"], "given_name": "Ada"}
        assert repr(credential) == "<Credential dc+sd-jwt>"


def test_what_comes_with_a_key_binding_is_no_credential() -> None:
    raises(Reason.KEY_BINDING_UNEXPECTED, "V1", lambda: received(make()))
    raises(
        Reason.KEY_BINDING_UNEXPECTED, "V1", lambda: received(to_json(make()), serialization=Serialization.FLATTENED)
    )


@pytest.mark.parametrize(
    ("data", "reason", "step"),
    [
        (b"", Reason.MALFORMED_TOKEN, "V1"),
        (issuer_half({"kid": "unknown"}), Reason.KEY_UNKNOWN, "V2"),
        (issuer_half(signer=key("attacker")), Reason.SIGNATURE_INVALID, "V3"),
        (issuer_half({"typ": "JWT"}), Reason.TYP_MISMATCH, "V4"),
        (issuer_half(disclosures=[disclosure("s", "a", 1)]), Reason.DISCLOSURE_UNREFERENCED, "V4"),
        (issuer_half(payload={"vct": "urn:other"}), Reason.TYPE_NOT_ALLOWED, "V5"),
        (issuer_half(payload={"iss": "https://b.example"}), Reason.ISSUER_MISMATCH, "V5"),
        (issuer_half(payload={"exp": NOW}), Reason.EXPIRED, "V6"),
    ],
)
def test_a_wallet_checks_a_credential_as_a_verifier_would(data: bytes, reason: Reason, step: str) -> None:
    raises(reason, step, lambda: received(data))


def test_a_wallet_keeps_its_own_bounds() -> None:
    data = issuer_half(payload={"iat": NOW + 20})
    assert received(data).attestation.validity.issued_at == NOW + 20
    raises(Reason.ISSUED_IN_FUTURE, "V6", lambda: received(data, limits=Limits(clock_skew_s=10)))
    raises(Reason.INPUT_TOO_LARGE, "V1", lambda: received(data, limits=Limits(presentation_bytes=len(data) - 1)))


@pytest.mark.parametrize("now", [None, True, 1.5, -1, "now"])
def test_a_wallet_needs_a_clock(now: Any) -> None:
    misused(Reason.CLOCK_UNUSABLE, lambda: received(issued({}), now=now))
    misused(Reason.CLOCK_UNUSABLE, lambda: presented(received(issued({})), (), now=now))


@pytest.mark.parametrize("serialization", ["compact", None, Serialization])
def test_a_presentation_is_written_in_a_serialisation_that_there_is(serialization: Any) -> None:
    credential = received(issued({"nationalities": ["US"]}))
    with pytest.raises(CitizenIDError) as caught:
        presented(credential, [], serialization=serialization)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "serialization")


@pytest.mark.parametrize("serialization", list(Serialization))
def test_a_credential_may_come_in_any_serialisation(serialization: Serialization) -> None:
    data = issued({"nationalities": ["US", "DE"]}, serialization=serialization)
    credential = received(data, serialization=serialization)
    assert credential.to_bytes() == data
    assert shown(presented(credential, [("nationalities", 1)])) == {"nationalities": ["DE"]}


def test_what_may_be_withheld_is_listed_with_its_value() -> None:
    credential = received(
        issued({"nationalities": ["US", "DE"], "o": {"p": 1}, "open": 5}, [("nationalities", None), ("o",), ("o", "p")])
    )
    assert {path: thaw(value) for path, value in credential.disclosable.items()} == {
        ("nationalities", 0): "US",
        ("nationalities", 1): "DE",
        ("o",): {"p": 1},
        ("o", "p"): 1,
    }
    with pytest.raises(TypeError):
        credential.disclosable["new",] = 1  # type: ignore[index]


HIDDEN_STRUCTURE: list[tuple[str, dict[str, Any], list[bytes]]] = [
    ("iat", {"iat": ABSENT}, [disclosure("s", "iat", NOW - 60)]),
    ("assurance", {}, [disclosure("s", "assurance", {"framework": "f", "level": "l"})]),
    ("sub", {}, [disclosure("s", "sub", "person")]),
]


@pytest.mark.parametrize(("name", "payload", "disclosures"), HIDDEN_STRUCTURE, ids=[row[0] for row in HIDDEN_STRUCTURE])
def test_a_foreign_issuer_may_hide_what_is_no_claim_of_ours(
    name: str, payload: dict[str, Any], disclosures: list[bytes]
) -> None:
    # SD-JWT VC section 2.2.2.3 permits to hide sub and iat. A wallet takes it, and can show or withhold it.
    data = issuer_half(payload={**payload, "_sd": [digest(text) for text in disclosures]}, disclosures=disclosures)
    credential = received(data)
    assert list(credential.disclosable) == [(name,)]
    assert accepted(presented(credential, ())).attestation.claims.keys() == {"nationalities"}
    everything = presented(credential, [(name,)])
    assert everything.split(b"~")[1:-1] == disclosures
    accepted(everything)


def test_a_foreign_issuer_may_hide_single_audiences() -> None:
    text = disclosure("s", AUDIENCE)
    credential = received(issuer_half(payload={"aud": [{"...": digest(text)}]}, disclosures=[text]))
    accepted(presented(credential, [("aud", 0)]))


def test_an_object_inside_a_structural_claim_may_be_hidden_by_a_foreign_issuer() -> None:
    text = disclosure("s", "level", "high")
    payload = {"assurance": {"framework": "eIDAS", "_sd": [digest(text)]}}
    credential = received(issuer_half(payload=payload, disclosures=[text]))
    assert credential.attestation.assurance is not None
    assert list(credential.disclosable) == [("assurance", "level")]


# --- present ---


def marks(claims: Mapping[str, Any], disclosable: list[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """The paths that the issuer made disclosable, wildcards written out."""
    return {path for path in paths(claims) for pattern in disclosable if covers(pattern, path)}


def covers(pattern: tuple[Any, ...], path: tuple[Any, ...]) -> bool:
    return len(pattern) == len(path) and fits(pattern, path)


def fits(pattern: tuple[Any, ...], path: tuple[Any, ...]) -> bool:
    return all(
        (step is None and type(there) is int) or (step is not None and type(step) is type(there) and step == there)
        for step, there in zip(pattern, path, strict=False)
    )


def projection(
    value: Any, marked: set[tuple[Any, ...]], chosen: list[tuple[Any, ...]], path: tuple[Any, ...] = ()
) -> Any:
    """What a verifier sees: a marked part is there exactly when a chosen path leads to it, through it or into it."""

    def visible(inner: tuple[Any, ...]) -> bool:
        return inner not in marked or any(leads_to(pattern, inner, value) for pattern in chosen)

    def leads_to(pattern: tuple[Any, ...], inner: tuple[Any, ...], around: Any) -> bool:
        # A pattern that goes on must find something inside.
        rest = pattern[len(inner) :]
        found = any(len(each) >= len(rest) and fits(rest, each) for each in paths(around[inner[-1]]))
        return fits(pattern, inner) and (not rest or found)

    if isinstance(value, Mapping):
        return {
            name: projection(item, marked, chosen, (*path, name))
            for name, item in value.items()
            if visible((*path, name))
        }
    if isinstance(value, list | tuple):
        return [
            projection(item, marked, chosen, (*path, index))
            for index, item in enumerate(value)
            if visible((*path, index))
        ]
    return value


# Every value is a marker of its own, so that it can be looked for in the bytes.
shapes = st.recursive(
    st.just("leaf"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names.filter(lambda name: name != ""), inner, max_size=3)
    ),
    max_leaves=10,
)
claim_shapes = st.dictionaries(st.sampled_from(["a", "b", "c", "address", "\u00e9"]), shapes, min_size=1, max_size=4)


def number_leaves(value: Any, counter: list[int]) -> Any:
    if isinstance(value, dict):
        return {name: number_leaves(item, counter) for name, item in value.items()}
    if isinstance(value, list):
        return [number_leaves(item, counter) for item in value]
    counter[0] += 1
    return f"value-number-{counter[0]:06d}-of-this-credential"


def leaves(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set().union(*map(leaves, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(leaves, value))
    return {value}


def pick(claims: Mapping[str, Any], numbers: list[int]) -> list[tuple[Any, ...]]:
    everything = paths(claims)
    picked: list[tuple[Any, ...]] = []
    for number in numbers:
        path: tuple[Any, ...] = everything[number % len(everything)]
        picked.append(tuple(None if type(step) is int and number % 3 == 0 else step for step in path))
    return picked


@given(
    shape=claim_shapes,
    disclosable=st.none() | st.lists(st.integers(0, 10_000), max_size=10),
    chosen=st.lists(st.integers(0, 10_000), max_size=4),
    hash_algorithm=st.sampled_from(["sha-256", "sha-384", "sha-512"]),
    serialization=st.sampled_from(list(Serialization)),
)
def test_exactly_what_was_chosen_is_shown_and_no_byte_of_the_rest(
    shape: dict[str, Any],
    disclosable: list[int] | None,
    chosen: list[int],
    hash_algorithm: str,
    serialization: Serialization,
) -> None:
    claims = number_leaves(shape, [0])
    patterns = None if disclosable is None else pick(claims, disclosable)
    marked = set(paths(claims)) if patterns is None else marks(claims, patterns)
    data = issued(claims, patterns, decoys=2, hash_algorithm=hash_algorithm)
    credential = received(data)
    assert set(credential.disclosable) == marked
    wanted = pick(claims, chosen)
    presentation = presented(credential, wanted, serialization=serialization)

    expected = projection(claims, marked, wanted)
    assert same(accepted(presentation, serialization=serialization).attestation.claims, expected)

    readable = b"\0".join(segments(presentation, serialization))
    for value in leaves(claims) - leaves(expected):
        assert value.encode() not in readable
    all_texts = set(data.split(b"~")[1:-1])
    sent = {text for text in all_texts if text in presentation}
    for text in all_texts - sent:
        salt = json.loads(unbase64url(text))[0].encode()
        assert salt not in presentation and salt not in readable and unbase64url(salt) not in readable


def segments(data: bytes, serialization: Serialization) -> list[bytes]:
    """Everything a reader of the presentation can decode."""
    if serialization is Serialization.COMPACT:
        texts = [part for piece in data.split(b"~") for part in piece.split(b".")]
        return [data, *(unbase64url(text) for text in texts)]
    document = json.loads(data)
    signed = document["signatures"][0] if serialization is Serialization.GENERAL else document
    texts = [
        signed["protected"],
        document["payload"],
        *signed["header"]["disclosures"],
        *signed["header"]["kb_jwt"].split("."),
    ]
    return [data, *(unbase64url(text) for text in texts)]


def test_a_parent_comes_along_by_itself_and_no_sibling_does() -> None:
    claims = {"o": {"p": {"q": 1, "r": 2}, "s": 3}, "x": [[1, 2], [3]], "t": 4}
    credential = received(issued(claims))
    for wanted, expected in (
        ([], {}),
        (["t"], {"t": 4}),
        ([("o", "p", "q")], {"o": {"p": {"q": 1}}}),
        ([("o", "s")], {"o": {"s": 3}}),
        ([("o",)], {"o": claims["o"]}),
        (["o", ("o", "s")], {"o": claims["o"]}),
        ([("x", 0, 1)], {"x": [[2]]}),
        ([("x", None, 0)], {"x": [[1], [3]]}),
        ([("x", None)], {"x": [[1, 2], [3]]}),
        ([("x", 1), ("x", 0, 0)], {"x": [[1], [3]]}),
        (["t", ("o", "p")], {"t": 4, "o": {"p": {"q": 1, "r": 2}}}),
    ):
        assert same(shown(presented(credential, wanted)), expected)


def test_what_is_hidden_as_a_whole_is_shown_for_a_part_of_it_that_is_there() -> None:
    claims = {"o": {"p": {"q": 1}, "s": 3}, "x": [[1], [], [2, 3]], "t": 4}
    credential = received(issued(claims, [("o",), ("x", None)]))
    bare = {"x": [], "t": 4}
    for wanted, expected in (
        ((), bare),
        ([("o", "p", "q")], {**bare, "o": claims["o"]}),
        ([("x", 2, 1)], {**bare, "x": [[2, 3]]}),
        ([("x", None, 0)], {**bare, "x": [[1], [2, 3]]}),
        ([("x", None, 1), ("o", "s")], {**bare, "x": [[2, 3]], "o": claims["o"]}),
    ):
        assert same(shown(presented(credential, wanted)), expected)


def test_one_nationality_is_shown_and_no_other() -> None:
    credential = received(
        issued({"nationalities": ["US", "DE", "FR"], "citizenships": ["US"], "nationalities_complete": True})
    )
    verified = accepted(presented(credential, [("nationalities", 1)]))
    assert [country.alpha2 for country in verified.citizenship.nationalities] == ["DE"]
    assert verified.citizenship.citizenships == () and not verified.citizenship.complete
    both = accepted(presented(credential, ["nationalities", "nationalities_complete"]))
    assert both.citizenship.complete
    held_back = accepted(presented(credential, [("nationalities", 0), "nationalities_complete"]))
    assert not held_back.citizenship.complete


def test_what_is_not_disclosable_is_shown_every_time() -> None:
    credential = received(issued({"open": 1, "hidden": 2}, [("hidden",)]))
    assert shown(presented(credential, ())) == {"open": 1}
    assert shown(presented(credential, ["open"])) == {"open": 1}


@pytest.mark.parametrize("wanted", [
    "nationalities", "x", ["x"], [("x",)], [()], [("nationalities", 2)], [("nationalities", -1)], [("nationalities",
    "0")],
    [("nationalities", True)], [("nationalities", False)], [("nationalities", 0.0)], [("nationalities", 0, 0)],
    [(0,)], [(None,)],
    [("o", None)], [("o", 0)], [("o", "x")], [b"nationalities"], [("o", "p", "q")], [("nationalities", None, None)],
    ["iss"], ["exp"], ["cnf"], ["vct"], ["_sd"], [("nationalities", 0), ("x",)], [["x"]],
])  # fmt: skip
def test_a_choice_that_the_credential_does_not_have_is_refused(wanted: Any) -> None:
    # A slip must not end in a presentation that shows less, or more, than was meant.
    credential = received(issued({"nationalities": ["US", "DE"], "o": {"p": 1}}))
    misused(Reason.CLAIM_UNKNOWN, lambda: presented(credential, wanted))


def test_a_text_is_no_list_of_letters() -> None:
    credential = received(issued({"a": 1, "b": 2}))
    misused(Reason.CLAIM_UNKNOWN, lambda: presented(credential, "ab"))
    assert shown(presented(credential, ["a", "b"])) == {"a": 1, "b": 2}


def test_who_asks_must_be_who_the_challenge_names() -> None:
    credential = received(issued({}))
    for peer in ("https://attacker.example", AUDIENCE + "/", AUDIENCE.upper(), "", None, AUDIENCE.encode()):
        misused(Reason.PEER_MISMATCH, lambda peer=peer: presented(credential, (), peer=peer))
    relayed = challenge(audience="https://attacker.example")
    misused(Reason.PEER_MISMATCH, lambda: presented(credential, (), challenge=relayed))


def test_who_asks_is_a_text_and_not_what_equals_any() -> None:
    class Anybody(str):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    credential = received(issued({}))
    misused(Reason.PEER_MISMATCH, lambda: presented(credential, (), peer=Anybody("https://attacker.example")))


def test_only_the_key_of_the_credential_answers() -> None:
    credential = received(issued({}))
    misused(Reason.HOLDER_KEY_MISMATCH, lambda: presented(credential, (), key=key("attacker")))
    misused(Reason.HOLDER_KEY_MISMATCH, lambda: presented(credential, (), key=key("holder", "Ed25519")))
    unbound = received(issuer_half(payload={"cnf": ABSENT}))
    misused(Reason.HOLDER_KEY_MISMATCH, lambda: presented(unbound, ()))


def test_a_nonce_of_bytes_is_refused() -> None:
    misused(Reason.NONCE_MISMATCH, lambda: presented(received(issued({})), (), challenge=challenge(nonce=b"n" * 16)))


def test_peer_challenge_key_and_now_must_be_given() -> None:
    credential = received(issued({}))
    good: dict[str, Any] = {"challenge": challenge(), "key": key("holder"), "peer": AUDIENCE, "now": NOW}
    for name in good:
        with pytest.raises(TypeError):
            credential.present((), **{each: value for each, value in good.items() if each != name})
    for name in ("format", "anchors", "now"):
        with pytest.raises(TypeError):
            Credential.receive(
                issued({}), **{k: v for k, v in {**SD_JWT_VC, "anchors": anchors(), "now": NOW}.items() if k != name}
            )


# --- a secure element ---


class Element:
    """A signer elsewhere, with the two members of the SigningKey protocol."""

    def __init__(self, name: str = "holder", signs_with: str | None = None) -> None:
        self._public = key(name).public
        self._signer = key(signs_with or name)

    @property
    def public(self) -> PublicKey:
        return self._public

    def sign(self, data: bytes, /) -> bytes:
        return self._signer.sign(data)


def test_a_secure_element_may_sign() -> None:
    credential = received(issued({"given_name": "Ada"}))
    assert shown(presented(credential, ["given_name"], key=Element())) == {"given_name": "Ada"}
    unsigned = credential.prepare(
        ["given_name"], challenge=challenge(), key=key("holder").public, peer=AUDIENCE, now=NOW
    )
    assert shown(unsigned.complete(key("holder").sign(unsigned.to_be_signed))) == {"given_name": "Ada"}


def test_a_secure_element_that_signs_with_another_key_is_caught() -> None:
    credential = received(issued({}))
    raises(Reason.SIGNATURE_INVALID, None, lambda: presented(credential, (), key=Element(signs_with="attacker")))


# --- what only a holder can do, he cannot do too well ---


@given(order=st.permutations(range(4)), dropped=st.sets(st.integers(0, 3)), twice=st.integers(-1, 3))
def test_order_omission_and_repetition_of_disclosures(order: list[int], dropped: set[int], twice: int) -> None:
    data = issued({"a": 1, "b": 2, "c": 3, "d": 4})
    token, *texts, _ = data.split(b"~")
    sent = [texts[index] for index in order if index not in dropped]
    if twice in order and twice not in dropped and twice >= 0:
        sent.append(texts[twice])
    half = b"~".join((token, *sent, b""))
    if len(set(sent)) != len(sent):
        raises(Reason.DISCLOSURE_DUPLICATE, "V4", lambda: accepted(bound(half)))
        return
    values = {name: value for _, name, value in (json.loads(unbase64url(text)) for text in sent)}
    assert shown(bound(half)) == values


def test_a_disclosure_of_another_credential_is_refused() -> None:
    one, other = issued({"a": 1}), issued({"a": 1})
    token, text = one.split(b"~")[0], other.split(b"~")[1]
    raises(Reason.DISCLOSURE_UNREFERENCED, "V4", lambda: accepted(bound(token + b"~" + text + b"~")))


def test_a_child_without_its_parent_is_refused() -> None:
    token, *texts, _ = issued({"o": {"p": 1}}).split(b"~")
    child = next(text for text in texts if json.loads(unbase64url(text))[1] == "p")
    raises(Reason.DISCLOSURE_UNREFERENCED, "V4", lambda: accepted(bound(token + b"~" + child + b"~")))


# --- the sender proof (RFC 9449 section 4.2) ---


def proof(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    arguments: dict[str, Any] = {
        "method": "POST", "url": "https://gateway.example/v1/chat?x=1#f", "ticket": "the.ticket", "now": NOW,
        "random": lambda size: b"\x01" * size,
    }  # fmt: skip
    text = dpop_proof(key("sender"), **{**arguments, **changes})
    header, payload, signature = text.split(".")
    assert type(text) is str and len(unbase64url(signature)) == 64
    return json.loads(unbase64url(header)), json.loads(unbase64url(payload))


def test_a_proof_says_what_rfc_9449_wants_and_no_more() -> None:
    header, payload = proof()
    assert header == {"alg": "ES256", "typ": "dpop+jwt", "jwk": dict(key("sender").public.to_jwk())}
    assert payload == {
        "jti": base64url(b"\x01" * 16).decode(),
        "htm": "POST",
        "htu": "https://gateway.example/v1/chat",
        "iat": NOW,
        "ath": base64url(hashlib.sha256(b"the.ticket").digest()).decode(),
    }


def test_ath_and_nonce_are_there_when_there_is_a_ticket_and_a_nonce() -> None:
    assert "ath" not in proof(ticket=None)[1]
    assert proof(nonce=NONCE)[1]["nonce"] == NONCE


@pytest.mark.parametrize(
    "url", ["https://g.example/a?b#c", "https://g.example/a#c?b", "https://g.example/a#", "https://g.example/a?"]
)
def test_query_and_fragment_are_left_out(url: str) -> None:
    assert proof(url=url)[1]["htu"] == "https://g.example/a"


def test_each_proof_has_an_identifier_of_its_own() -> None:
    def identifier() -> str:
        text = dpop_proof(key("sender"), method="GET", url="https://g.example/", ticket=None, now=NOW)
        return str(json.loads(unbase64url(text.split(".")[1]))["jti"])

    identifiers = {identifier() for _ in range(50)}
    assert len(identifiers) == 50 and all(len(unbase64url(each)) >= 12 for each in identifiers)


@pytest.mark.parametrize("now", [0, MAX_UNIX_TIME])
def test_a_presentation_bears_every_time_that_a_clock_may_show(now: int) -> None:
    binding = presented(received(issued({})), (), now=now).rpartition(b"~")[2]
    assert json.loads(unbase64url(binding.split(b".")[1]))["iat"] == now
    misused(Reason.CLOCK_UNUSABLE, lambda: presented(received(issued({})), (), now=MAX_UNIX_TIME + 1))


@pytest.mark.parametrize("now", [None, True, 1.5, -1, "now"])
def test_a_proof_needs_a_clock(now: Any) -> None:
    misused(Reason.CLOCK_UNUSABLE, lambda: proof(now=now))


def test_the_first_and_the_last_second_are_times() -> None:
    for now in (0, MAX_UNIX_TIME):
        assert proof(now=now)[1]["iat"] == now


def test_a_proof_by_a_secure_element_is_verified_before_it_leaves() -> None:
    lying = Element("sender", signs_with="attacker")
    raises(
        Reason.SIGNATURE_INVALID,
        None,
        lambda: dpop_proof(lying, method="GET", url="https://g.example/", ticket=None, now=NOW),
    )


@pytest.mark.parametrize("ticket", ["a\nb", 'a\n"@authority": thief.example', "a\r", "a\0", "a\x7f", "\u00e9", ""])
def test_a_ticket_writes_no_other_lines(ticket: str) -> None:
    # It comes from a gateway, and is one line of what a client signs (RFC 9421 section 2.5).
    for door in (dpop_proof, http_signature):
        with pytest.raises(CitizenIDError) as caught:
            door(key("sender"), method="POST", url="https://g.example/", ticket=ticket, now=NOW)
        assert caught.value.reason is Reason.TICKET_INVALID


def test_no_proof_says_a_time_that_no_gateway_reads() -> None:
    for door in (dpop_proof, http_signature):
        with pytest.raises(CitizenIDError) as caught:
            door(key("sender"), method="POST", url="https://g.example/", ticket=None, now=2**53)
        assert caught.value.reason is Reason.CLOCK_UNUSABLE


def test_the_url_of_a_signed_message_keeps_every_port_but_the_default() -> None:
    for url, target in (
        ("HTTPS://G.example:443/a?b#c", "https://g.example/a?b"), ("https://g.example:80", "https://g.example:80/"),
        ("http://g.example:80/", "http://g.example/"), ("http://g.example:443/", "http://g.example:443/"),
        ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443/"),
    ):  # fmt: skip
        fields = http_signature(key("sender"), method="GET", url=url, ticket=None, now=NOW, random=bytes)
        _check_signed(fields, f'"@method": GET\n"@target-uri": {target}\n')


def test_what_is_covered_may_be_as_long_as_a_gateway_reads() -> None:
    def made(length: int) -> dict[str, str]:
        return http_signature(
            key("sender"), method="GET", url="https://g.example/", ticket=None, now=NOW, headers={"x" * length: "v"}
        )

    stated = len(made(1)["Signature-Input"].partition("=")[2])
    assert len(made(4_000 - stated + 1)["Signature-Input"].partition("=")[2]) == 4_000
    misused(Reason.CONFIGURATION_INVALID, lambda: made(4_000 - stated + 2))


def _check_signed(fields: dict[str, str], lines: str) -> None:
    stated = fields["Signature-Input"].partition("=")[2]
    base = (lines + f'"@signature-params": {stated}').encode()
    signature = base64.b64decode(fields["Signature"].partition("=")[2].strip(":"))
    verify_signature(SignedObject(base, b"", "ES256", signature, KeyHint(), None), key("sender").public, "signature")


# --- mdoc ---


def mdoc(claims: Mapping[str, Any] | None = None, **changes: Any) -> Credential:
    data = mdoc_door().issue(mdoc_attestation(claims, **changes), **MDOC)
    return Credential.receive(data, anchors=mdoc_anchors(), now=NOW, **MDOC)


CLAIMS: dict[str, Any] = {OURS: {"citizen_of_us": True, "nationalities": ["US"]}, PID: {"family_name": "Ada"}}


def mdoc_shown(credential: Credential, disclose: Any, **changes: Any) -> Any:
    data = presented(credential, disclose, **changes)
    return thaw(accepted(data, anchors=mdoc_anchors(), **MDOC).attestation.claims)


def test_an_issuer_signed_is_kept_as_it_came() -> None:
    data = mdoc_door().issue(mdoc_attestation(CLAIMS), **MDOC)
    for form in (data, base64url(data).decode()):
        credential = Credential.receive(form, anchors=mdoc_anchors(), now=NOW, **MDOC)
        assert credential.to_bytes() == data and repr(credential) == "<Credential mso_mdoc>"
        again = Credential.receive(credential.to_bytes(), anchors=mdoc_anchors(), now=NOW, **MDOC)
        assert again.attestation == credential.attestation == mdoc_attestation(CLAIMS)
        assert mdoc_shown(credential, [OURS]) == {OURS: CLAIMS[OURS]}


def test_every_element_of_an_mdoc_may_be_withheld() -> None:
    assert dict(mdoc(CLAIMS).disclosable) == {
        (OURS, "citizen_of_us"): True, (OURS, "nationalities"): ("US",), (PID, "family_name"): "Ada",
    }  # fmt: skip


@pytest.mark.parametrize(("disclose", "expected"), [
    ([], {}),
    ([(OURS, "citizen_of_us")], {OURS: {"citizen_of_us": True}}),
    ([(OURS,)], {OURS: CLAIMS[OURS]}), ([OURS], {OURS: CLAIMS[OURS]}),
    ([PID, (OURS, "nationalities")], {PID: CLAIMS[PID], OURS: {"nationalities": ["US"]}}),
    ([OURS, PID, OURS], CLAIMS),
])  # fmt: skip
def test_elements_are_chosen_by_path_and_namespaces_as_a_whole(disclose: Any, expected: Any) -> None:
    assert mdoc_shown(mdoc(CLAIMS), disclose) == expected


@pytest.mark.parametrize("path", [
    "citizen_of_us", "family_name", (), ("",), (OURS, "family_name"), (PID, "citizen_of_us"), (OURS, None), (None,),
    (None, "citizen_of_us"), (OURS, 0),
    (OURS, "nationalities", 0), (OURS, "nationalities", None),  # a part would show the whole
])  # fmt: skip
def test_what_is_no_element_is_not_shown(path: Any) -> None:
    misused(Reason.CLAIM_UNKNOWN, lambda: presented(mdoc(CLAIMS), [path]))
    misused(Reason.CLAIM_UNKNOWN, lambda: presented(mdoc(CLAIMS), OURS))


def test_a_device_response_is_no_credential() -> None:
    data = presented(mdoc(CLAIMS), [OURS])
    receive = lambda: Credential.receive(data, anchors=mdoc_anchors(), now=NOW, **MDOC)  # noqa: E731
    assert raises(Reason.KEY_BINDING_UNEXPECTED, "V1", receive).where == "device-auth"
    response = cbor.decode(data, "x", frozenset({24}))
    del response["documents"][0]["deviceSigned"]
    for documents in (response["documents"], response["documents"] * 2):
        data = cbor.encode({**response, "documents": documents})
        raises(Reason.MALFORMED_TOKEN, "V1", receive)


def test_an_mdoc_is_presented_to_who_asked_and_by_the_key_in_it() -> None:
    credential = mdoc(CLAIMS)
    misused(Reason.PEER_MISMATCH, lambda: presented(credential, [OURS], peer="https://other.example"))
    misused(Reason.HOLDER_KEY_MISMATCH, lambda: presented(credential, [OURS], key=key("other")))
    misused(Reason.HOLDER_KEY_MISMATCH, lambda: presented(credential, [OURS], key=AgreementKey.generate("P-256")))
    misused(Reason.CLOCK_UNUSABLE, lambda: presented(credential, [OURS], now=-1))
    misused(Reason.CONFIGURATION_INVALID, lambda: presented(credential, [], serialization=Serialization.GENERAL))


def test_a_holder_with_a_key_for_agreement_answers_by_a_mac() -> None:
    device, reader = AgreementKey.generate("P-256"), AgreementKey.generate("P-256")
    credential = mdoc(CLAIMS, holder_key=device.public)
    asked = challenge(reader_key=reader.public)
    data = presented(credential, [(OURS, "citizen_of_us")], challenge=asked, key=device)
    verdict = accepted(data, anchors=mdoc_anchors(), challenge=challenge(reader_key=reader), **MDOC)
    assert thaw(verdict.attestation.claims) == {OURS: {"citizen_of_us": True}}
    raises(Reason.READER_KEY_MISSING, "V7", lambda: accepted(data, anchors=mdoc_anchors(), **MDOC))
    misused(Reason.READER_KEY_MISSING, lambda: presented(credential, [], key=device))


def test_a_format_that_knows_no_mac_refuses_a_key_that_signs_nothing() -> None:
    device = AgreementKey.generate("P-256")
    what = Attestation(VCT, ISSUER, {"a": 1}, Validity(UnixTime(NOW), None, UnixTime(NOW + 60)), device.public)
    credential = received(Issuer(identifier=ISSUER, key=key("issuer"), kid="k1").issue(what, **SD_JWT_VC))
    misused(Reason.ALGORITHM_NOT_ALLOWED, lambda: presented(credential, ["a"], key=device))
