"""The walker between redacted claims and disclosures, held against RFC 9901 section 7.1 written down step by step.

`reference` below is the oracle: it does what the RFC's steps 3 to 5 say in their own order, by searching the whole
tree again for each digest. On top of the RFC stand the rules of our profile, which it states apart.

Spec: RFC 9901 sections 4.2 and 7.1; SD-JWT VC section 2.2.2.3.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from builders import digest, disclosure, json_values, misused, names, paths, raises, same, segment, unbase64url
from hypothesis import given
from hypothesis import strategies as st
from places import only_at

from citizenid._errors import CitizenIDError, MalformedError, Reason, VerificationError
from citizenid._limits import DEFAULT_LIMITS, Limits
from citizenid._model import thaw
from citizenid._readers.sd_cwt import decode_disclosures as decode_cbor_disclosures
from citizenid._readers.sd_jwt_vc import decode_disclosures
from citizenid._redaction import EVERYTHING, SD_CWT_MARKERS, SD_JWT_MARKERS, Restored, Selection, redact, restore
from citizenid._wire import cbor

# RFC 9901 section 9.7 and SD-JWT VC section 2.2.2.3, written out: what may not be hidden, and in what nothing may be.
UNDISCLOSABLE = {"iss", "aud", "exp", "nbf", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "credentialStatus"}
OPAQUE = UNDISCLOSABLE - {"aud"}

# Every refusal of these tests, with the paths at which it is met: what is wrong in the signed claims, in a disclosure,
# and in claims of our own.
JWT, CWT = SD_JWT_MARKERS.where, SD_CWT_MARKERS.where
errors_say_where = only_at(
    {
        Reason.CLAIM_INVALID: frozenset({"claims"}),
        Reason.CLAIM_NOT_DISCLOSABLE: frozenset({"disclosure", JWT, CWT}),
        Reason.CLAIM_RESERVED: frozenset({"claims"}),
        Reason.DEPTH_EXCEEDED: frozenset({"claims", "disclosure", JWT}),
        Reason.DIGEST_DUPLICATE: frozenset({JWT}),
        Reason.DISCLOSURE_CLASH: frozenset({"disclosure"}),
        Reason.DISCLOSURE_DUPLICATE: frozenset({"disclosure"}),
        Reason.DISCLOSURE_MALFORMED: frozenset({"disclosure"}),
        Reason.DISCLOSURE_UNREFERENCED: frozenset({"disclosure"}),
        Reason.DUPLICATE_MEMBER: frozenset({"disclosure"}),
        Reason.LIMIT_EXCEEDED: frozenset({JWT}),
        Reason.MALFORMED_BASE64: frozenset({"disclosure"}),
        Reason.MALFORMED_JSON: frozenset({"disclosure", JWT}),
        Reason.REDACTION_MALFORMED: frozenset({JWT}),
    }
)


class Refused(Exception):
    """The reference refuses."""


# --- the reference ---


def embedded(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any, Any, tuple[Any, ...]]]:
    """Step 3b: every digest in the tree, as (digest, container, its index in an array or None, path)."""
    if isinstance(tree, dict):
        if "_sd" in tree:
            if not isinstance(tree["_sd"], list):
                raise Refused("_sd is no array")
            for each in tree["_sd"]:
                yield each, tree, None, path
        for name, value in tree.items():
            if name in ("...", "_sd_alg"):
                raise Refused("our profile: a reserved name that marks nothing")
            if name != "_sd":
                yield from embedded(value, (*path, name))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            if isinstance(item, dict) and "..." in item:
                if len(item) != 1:
                    raise Refused("a placeholder with company")
                yield item["..."], tree, index, path
            else:
                yield from embedded(item, (*path, index))


def reference(payload: dict[str, Any], encoded: list[bytes]) -> dict[str, Any]:
    """RFC 9901 section 7.1 steps 3 to 5, slowly."""
    tree = copy.deepcopy(payload)
    tree.pop("_sd_alg", None)  # step 3f, which the caller has read
    arrays: dict[str, Any] = {}
    for text in encoded:  # step 3a
        if digest(text) in arrays:
            raise Refused("step 5: one of the two is not referenced")
        arrays[digest(text)] = json.loads(unbase64url(text))
    encountered: list[str] = []
    while True:  # step 3c: one matching digest after the other, until none is left
        found = None
        for each, container, index, path in embedded(tree):
            if not isinstance(each, str):
                raise Refused("a digest is no text")
            if path and path[0] in OPAQUE:
                raise Refused("our profile: hidden inside a control claim")
            if each in arrays and found is None:
                found = each, container, index, path
        if found is None:
            break
        each, container, index, path = found
        encountered.append(each)
        array = arrays.pop(each)
        if not isinstance(array, list) or not array or not isinstance(array[0], str):
            raise Refused("a disclosure is an array that begins with a salt")
        if isinstance(array[-1], dict) and "..." in array[-1]:
            raise Refused("our profile: a reserved name that marks nothing")
        if index is not None:
            if len(array) != 2:
                raise Refused("3c.iii: an element has a salt and a value")
            container[index] = array[1]
            continue
        if len(array) != 3 or not isinstance(array[1], str) or array[1] in ("_sd", "...", "_sd_alg"):
            raise Refused("3c.ii: a member has a salt, a name and a value")
        if not path and array[1] in UNDISCLOSABLE:
            raise Refused("our profile: a control claim was hidden")
        if array[1] in container:
            raise Refused("3c.ii: the name exists at the level of the _sd")
        container["_sd"].remove(each)
        container[array[1]] = array[2]
    encountered.extend(each for each, *_ in embedded(tree))
    if len(set(encountered)) != len(encountered):
        raise Refused("step 4: a digest more than once")
    if arrays:
        raise Refused("step 5: a disclosure that is not referenced")
    return stripped(tree)


def stripped(tree: Any) -> Any:
    """Steps 3d and 3e: without placeholders and `_sd`."""
    if isinstance(tree, dict):
        return {name: stripped(value) for name, value in tree.items() if name != "_sd"}
    if isinstance(tree, list):
        return [stripped(item) for item in tree if not (isinstance(item, dict) and "..." in item)]
    return tree


# --- an issuer of our own, with a random choice at each place ---


class Hidden:
    """A tree with hidden parts, the disclosures of them, and what stands inside what."""

    def __init__(self, claims: dict[str, Any], choices: random.Random) -> None:
        self.choices = choices
        self.disclosures: list[bytes] = []
        self.tree = self.hide(claims)

    def salt(self) -> str:
        return f"{self.choices.getrandbits(128):032x}"

    def hide(self, value: Any) -> Any:
        if isinstance(value, dict):
            shown: dict[str, Any] = {}
            digests = [digest(self.salt().encode()) for _ in range(self.choices.randrange(3))]
            for name, item in value.items():
                inner = self.hide(item)
                if self.choices.random() < 0.5:
                    self.disclosures.append(disclosure(self.salt(), name, inner))
                    digests.append(digest(self.disclosures[-1]))
                else:
                    shown[name] = inner
            if digests or self.choices.random() < 0.1:
                self.choices.shuffle(digests)
                shown["_sd"] = digests
            return shown
        if isinstance(value, list):
            elements = []
            for item in value:
                inner = self.hide(item)
                if self.choices.random() < 0.5:
                    self.disclosures.append(disclosure(self.salt(), inner))
                    inner = {"...": digest(self.disclosures[-1])}
                elements.append(inner)
                if self.choices.random() < 0.2:
                    elements.append({"...": digest(self.salt().encode())})
            return elements
        return value


claim_objects = st.dictionaries(names.filter(lambda name: name not in UNDISCLOSABLE), json_values, max_size=4)
seeds = st.integers(0, 2**32)


def restored(tree: dict[str, Any], encoded: list[bytes], limits: Limits = DEFAULT_LIMITS) -> Restored:
    tree = copy.deepcopy(tree)
    tree.pop("_sd_alg", None)
    return restore(tree, dict(decode_disclosures(tuple(encoded), "sha256", limits)), SD_JWT_MARKERS, limits)


def verdict(tree: dict[str, Any], encoded: list[bytes]) -> dict[str, Any] | None:
    """What the library makes of it: plain claims, or None for a refusal with a Reason."""
    try:
        claims: dict[str, Any] = thaw(restored(tree, encoded).claims)
    except (MalformedError, VerificationError) as error:
        assert error.__cause__ is None and error.__context__ is None
        return None
    return claims


def expected(tree: dict[str, Any], encoded: list[bytes]) -> dict[str, Any] | None:
    try:
        return reference(tree, encoded)
    except Refused:
        return None


def agree(tree: dict[str, Any], encoded: list[bytes]) -> bool:
    """Hold the library against the reference; True when both accept."""
    ours, theirs = verdict(tree, encoded), expected(tree, encoded)
    assert (ours is None) is (theirs is None)
    assert ours is None or same(ours, theirs)
    return ours is not None


# --- properties ---


@given(claims=claim_objects, seed=seeds)
def test_all_disclosures_give_back_what_was_hidden(claims: dict[str, Any], seed: int) -> None:
    hidden = Hidden(claims, random.Random(seed))
    assert same(restored(hidden.tree, hidden.disclosures).claims, claims)


@given(claims=claim_objects, seed=seeds)
def test_no_marker_is_left_whatever_stays_hidden(claims: dict[str, Any], seed: int) -> None:
    choices = random.Random(seed)
    hidden = Hidden(claims, choices)
    shown = [text for text in hidden.disclosures if choices.random() < 0.7]
    claims_left = verdict(hidden.tree, shown)
    if claims_left is not None:
        assert not {"_sd", "...", "_sd_alg"} & {step for path in paths(claims_left) for step in path}
        assert same(restored(hidden.tree, shown).claims, claims_left)


@given(claims=claim_objects, seed=seeds)
def test_a_choice_of_disclosures_gives_what_the_rfc_gives(claims: dict[str, Any], seed: int) -> None:
    choices = random.Random(seed)
    hidden = Hidden(claims, choices)
    shown = [text for text in hidden.disclosures if choices.random() < 0.6]
    choices.shuffle(shown)
    agree(hidden.tree, shown)


@given(claims=claim_objects, seed=seeds)
def test_the_order_of_disclosures_means_nothing(claims: dict[str, Any], seed: int) -> None:
    choices = random.Random(seed)
    hidden = Hidden(claims, choices)
    shuffled = hidden.disclosures[:]
    choices.shuffle(shuffled)
    assert same(restored(hidden.tree, shuffled).claims, claims)


@given(claims=claim_objects, seed=seeds)
def test_a_disclosure_sent_twice_is_refused(claims: dict[str, Any], seed: int) -> None:
    choices = random.Random(seed)
    hidden = Hidden({**claims, "hidden": 1}, choices)
    if hidden.disclosures:
        twice = [*hidden.disclosures, choices.choice(hidden.disclosures)]
        raises(Reason.DISCLOSURE_DUPLICATE, "V4", lambda: restored(hidden.tree, twice))


@given(claims=claim_objects, seed=seeds)
def test_a_disclosure_that_nothing_refers_to_is_refused(claims: dict[str, Any], seed: int) -> None:
    hidden = Hidden(claims, random.Random(seed))
    stray = [*hidden.disclosures, disclosure("salt", "stray", 1)]
    raises(Reason.DISCLOSURE_UNREFERENCED, "V4", lambda: restored(hidden.tree, stray))


def containers(value: Any) -> list[Any]:
    found = [value] if isinstance(value, dict | list) else []
    for item in (value.values() if isinstance(value, dict) else value) if found else ():
        found.extend(containers(item))
    return found


def damage(tree: dict[str, Any], encoded: list[bytes], choices: random.Random) -> None:
    """Change one thing in what an honest issuer and holder would send."""
    digests = [digest(text) for text in encoded] or [digest(b"decoy")]
    place = choices.choice(containers(tree))
    names_ = ["_sd", "...", "_sd_alg", "plain", "iss", "cnf", "aud"]
    arrays = [json.loads(unbase64url(text)) for text in encoded]
    match choices.randrange(8):
        case 0 if isinstance(place, dict) and isinstance(place.get("_sd", []), list):  # a digest twice, or elsewhere
            place.setdefault("_sd", []).append(choices.choice(digests))
        case 1 if isinstance(place, list):
            place.append({"...": choices.choice(digests)})
        case 2 if isinstance(place, dict):  # a name that marks, at a place or with a value that does not
            place[choices.choice(names_)] = choices.choice([[], {}, 1, None, "x", [1], [choices.choice(digests)]])
        case 3 if isinstance(place, list):
            place.append(choices.choice([{"...": 5}, {"...": digests[0], "x": 1}, {"_sd": [digests[0]]}]))
        case 4 if encoded:  # a disclosure of another shape, with the digest put in the place of the old one
            index = choices.randrange(len(encoded))
            array = choices.choice([[], ["s"], ["s", "_sd", 1], ["s", "iss", 1], ["s", "a", 1, 2], {"s": 1}, [1, 2]])
            replace(tree, digest(encoded[index]), array, encoded, index)
        case 5 if encoded:  # a value that holds marks of its own
            index = choices.randrange(len(encoded))
            value = choices.choice(
                [{"...": digests[0]}, {"_sd": digests[:1]}, [{"...": digests[-1]}], {"a": {"_sd_alg": "sha-256"}}]
            )
            if isinstance(arrays[index], list):  # an earlier damage may have made it an object
                replace(tree, digest(encoded[index]), [*arrays[index][:-1], value], encoded, index)
        case 6 if encoded:  # hidden under a name that is there already
            index = choices.randrange(len(encoded))
            if len(arrays[index]) == 3:
                name = choice_or(choices, [name for name in tree if name != "_sd"], "name")
                replace(tree, digest(encoded[index]), ["s", name, 1], encoded, index)
        case _:
            choices.shuffle(encoded)


def choice_or(choices: random.Random, items: list[str], default: str) -> str:
    return choices.choice(items) if items else default


def replace(tree: Any, old: str, array: Any, encoded: list[bytes], index: int) -> None:
    encoded[index] = segment(array)
    text = json.dumps(tree).replace(json.dumps(old), json.dumps(digest(encoded[index])))
    tree.clear()
    tree.update(json.loads(text))


@given(claims=claim_objects, seed=seeds)
def test_damaged_redactions_give_what_the_rfc_gives(claims: dict[str, Any], seed: int) -> None:
    choices = random.Random(seed)
    for _ in range(6):
        hidden = Hidden({**claims, "list": [1, 2, [3]], "object": {"inner": {}}}, choices)
        for _ in range(choices.randrange(1, 3)):
            damage(hidden.tree, hidden.disclosures, choices)
        agree(hidden.tree, hidden.disclosures)


def test_the_damage_is_real_and_the_reference_refuses_for_many_causes() -> None:
    # A differential test that only ever saw accepts, or only ever one kind of refusal, would prove little.
    causes: dict[str, int] = {}
    for seed in range(600):
        choices = random.Random(seed)
        hidden = Hidden({"a": [1, {"b": 2}], "c": {"d": [3, 4]}, "e": 5}, choices)
        damage(hidden.tree, hidden.disclosures, choices)
        try:
            reference(hidden.tree, hidden.disclosures)
            cause = "accepted"
        except Refused as refusal:
            cause = str(refusal)
        causes[cause] = causes.get(cause, 0) + 1
        agree(hidden.tree, hidden.disclosures)
    assert len(causes) >= 11 and min(causes.values()) >= 1


@given(claims=claim_objects, seed=seeds)
def test_redact_then_restore_is_the_identity(claims: dict[str, Any], seed: int) -> None:
    choices = random.Random(seed)
    chosen = [path for path in paths(claims) if choices.random() < 0.5]
    disclosures: list[bytes] = []

    def conceal(name: str | None, value: Any) -> str:
        salt = f"{len(disclosures):022d}"
        disclosures.append(disclosure(salt, value) if name is None else disclosure(salt, name, value))
        return digest(disclosures[-1])

    tree = redact(claims, Selection.of(chosen), conceal, SD_JWT_MARKERS, DEFAULT_LIMITS)
    assert len(disclosures) == len(chosen)
    assert same(restored(tree, disclosures).claims, claims)
    placed = {placement.path for placement in restored(tree, disclosures).placements}
    assert placed == set(chosen)
    agree(tree, disclosures)


# --- examples: each rule by itself, with its Reason ---

A = disclosure("salt-a", "a", 1)
A2 = disclosure("salt-b", "a", 2)
E = disclosure("salt-e", "element")


@pytest.mark.parametrize(
    ("tree", "encoded", "reason"),
    [
        # REQUIREMENTS 1 V-3: what `_sd` refers to is a 3-array with a name of its own
        ({"_sd": [digest(E)]}, [E], Reason.DISCLOSURE_MALFORMED),
        ({"a": 0, "_sd": [digest(A)]}, [A], Reason.DISCLOSURE_CLASH),
        ({"_sd": [digest(A)], "a": None}, [A], Reason.DISCLOSURE_CLASH),
        ({"_sd": [digest(A), digest(A2)]}, [A, A2], Reason.DISCLOSURE_CLASH),
        ({"o": {"a": {}, "_sd": [digest(A)]}}, [A], Reason.DISCLOSURE_CLASH),
        # V-4: what an element refers to is a 2-array
        ({"x": [{"...": digest(A)}]}, [A], Reason.DISCLOSURE_MALFORMED),
        # V-5: a digest occurs once, decoys and nested places included
        ({"_sd": [digest(A), digest(A)]}, [A], Reason.DIGEST_DUPLICATE),
        ({"_sd": ["decoy", "decoy"]}, [], Reason.DIGEST_DUPLICATE),
        ({"_sd": ["decoy"], "o": {"_sd": ["decoy"]}}, [], Reason.DIGEST_DUPLICATE),
        ({"_sd": ["decoy"], "x": [{"...": "decoy"}]}, [], Reason.DIGEST_DUPLICATE),
        ({"x": [{"...": "decoy"}, {"...": "decoy"}]}, [], Reason.DIGEST_DUPLICATE),
        ({"_sd": [digest(A)], "o": {"_sd": [digest(A)]}}, [A], Reason.DIGEST_DUPLICATE),
        ({"_sd": [digest(disclosure("s", "o", {"_sd": ["d"]})), "d"]}, [disclosure("s", "o", {"_sd": ["d"]})],
         Reason.DIGEST_DUPLICATE),
        ({"_sd": [digest(disclosure("s", "o", [{"...": "d"}, {"...": "d"}]))]},
         [disclosure("s", "o", [{"...": "d"}, {"...": "d"}])], Reason.DIGEST_DUPLICATE),
        # V-6: every disclosure has a place
        ({}, [A], Reason.DISCLOSURE_UNREFERENCED),
        ({"a": digest(A)}, [A], Reason.DISCLOSURE_UNREFERENCED),
        ({"a": [digest(A)]}, [A], Reason.DISCLOSURE_UNREFERENCED),
        ({"_sd": [digest(A).upper()]}, [A], Reason.DISCLOSURE_UNREFERENCED),
        ({"_sd": [digest(A) + "="]}, [A], Reason.DISCLOSURE_UNREFERENCED),
        ({"_sd": [digest(disclosure("s", "o", {"_sd": [digest(A)]}))]}, [A], Reason.DISCLOSURE_UNREFERENCED),
        ({"_sd": [digest(A)]}, [A, A], Reason.DISCLOSURE_DUPLICATE),
        # I-2, V-8: the marks have one shape and one place
        ({"_sd": {}}, [], Reason.REDACTION_MALFORMED),
        ({"_sd": None}, [], Reason.REDACTION_MALFORMED),
        ({"_sd": "digest"}, [], Reason.REDACTION_MALFORMED),
        ({"_sd": 1}, [], Reason.REDACTION_MALFORMED),
        ({"_sd": [1]}, [], Reason.REDACTION_MALFORMED),
        ({"_sd": [None]}, [], Reason.REDACTION_MALFORMED),
        ({"_sd": [["d"]]}, [], Reason.REDACTION_MALFORMED),
        ({"_sd": [True]}, [], Reason.REDACTION_MALFORMED),
        ({"o": {"_sd": "digest"}}, [], Reason.REDACTION_MALFORMED),
        ({"x": [{"_sd": 0}]}, [], Reason.REDACTION_MALFORMED),
        ({"x": [{"...": "d", "y": 1}]}, [], Reason.REDACTION_MALFORMED),
        ({"x": [{"...": 5}]}, [], Reason.REDACTION_MALFORMED),
        ({"x": [{"...": None}]}, [], Reason.REDACTION_MALFORMED),
        ({"x": [{"...": ["d"]}]}, [], Reason.REDACTION_MALFORMED),
        ({"...": "d"}, [], Reason.REDACTION_MALFORMED),
        ({"o": {"...": "d"}}, [], Reason.REDACTION_MALFORMED),
        ({"x": [[{"y": {"...": "d"}}]]}, [], Reason.REDACTION_MALFORMED),
        # V-2: `_sd_alg` nested
        ({"o": {"_sd_alg": "sha-256"}}, [], Reason.REDACTION_MALFORMED),
        ({"x": [{"_sd_alg": "sha-256"}]}, [], Reason.REDACTION_MALFORMED),
        ({"_sd": [digest(disclosure("s", "o", {"_sd_alg": 1}))]}, [disclosure("s", "o", {"_sd_alg": 1})],
         Reason.REDACTION_MALFORMED),
        # and inside of a disclosed value as well
        ({"_sd": [digest(disclosure("s", "o", {"...": "d"}))]}, [disclosure("s", "o", {"...": "d"})],
         Reason.REDACTION_MALFORMED),
        ({"x": [{"...": digest(disclosure("s", {"...": "d"}))}]}, [disclosure("s", {"...": "d"})],
         Reason.REDACTION_MALFORMED),
        ({"x": [{"...": digest(disclosure("s", {"_sd": 7}))}]}, [disclosure("s", {"_sd": 7})],
         Reason.REDACTION_MALFORMED),
    ],
)  # fmt: skip
def test_each_rule_of_section_7_1(tree: dict[str, Any], encoded: list[bytes], reason: Reason) -> None:
    assert expected(tree, encoded) is None
    raises(reason, "V4", lambda: restored(tree, encoded))


@pytest.mark.parametrize("name", sorted(UNDISCLOSABLE))
def test_a_control_claim_may_not_be_hidden(name: str) -> None:
    text = disclosure("salt", name, "value")
    tree = {"_sd": [digest(text)]}
    raises(Reason.CLAIM_NOT_DISCLOSABLE, "V4", lambda: restored(tree, [text]))
    # Deeper down the name means nothing, and hidden it is no control claim.
    assert thaw(restored({"o": tree}, [text]).claims) == {"o": {name: "value"}}


@pytest.mark.parametrize("name", sorted(OPAQUE))
@pytest.mark.parametrize("value", [{"_sd": ["d"]}, [{"...": "d"}], {"x": {"_sd": ["d"]}}, {"x": [{"...": "d"}]}])
def test_nothing_may_be_hidden_inside_a_control_claim(name: str, value: Any) -> None:
    raises(Reason.CLAIM_NOT_DISCLOSABLE, "V4", lambda: restored({name: value}, []))
    assert thaw(restored({"o": {name: value}}, []).claims) == {"o": {name: stripped(value)}}


def test_single_entries_of_aud_may_be_hidden() -> None:
    text = disclosure("salt", "https://a.example")
    tree = {"aud": [{"...": digest(text)}, {"...": "decoy"}]}
    assert thaw(restored(tree, [text]).claims) == {"aud": ["https://a.example"]}
    assert thaw(restored(tree, []).claims) == {"aud": []}


def test_what_looks_like_a_mark_but_is_none_stays() -> None:
    tree = {"a": "_sd", "b": ["..."], "c": {"_sd ": ["d"], "....": "d", "_SD": 1, "": {}}}
    assert thaw(restored(tree, []).claims) == tree


def test_an_object_of_which_all_is_hidden_becomes_empty_and_an_array_shrinks() -> None:
    tree = {"o": {"_sd": ["d1", "d2"]}, "x": [{"...": "d3"}, 1, {"...": "d4"}], "_sd": []}
    result = restored(tree, [])
    assert thaw(result.claims) == {"o": {}, "x": [1]}
    assert result.withheld == {("x",)}


def test_withheld_names_the_array_of_which_an_element_is_hidden() -> None:
    inner = disclosure("s", [{"...": "decoy"}])
    result = restored({"x": [{"...": digest(inner)}]}, [inner])
    assert result.withheld == {("x", 0)}


def test_placements_say_where() -> None:
    leaf = disclosure("s1", "leaf", 1)
    inner = disclosure("s2", {"_sd": [digest(leaf)]})
    outer = disclosure("s3", "outer", [0, {"...": digest(inner)}])
    result = restored({"_sd": [digest(outer)]}, [leaf, inner, outer])
    assert set(result.placements) == {(2, ("outer",)), (1, ("outer", 1)), (0, ("outer", 1, "leaf"))}


def test_a_representation_tells_nothing_of_what_was_disclosed() -> None:
    encoded = disclosure("s", "family_name", "marker")
    shown = restored({"_sd": [digest(encoded)]}, [encoded])
    assert same(shown.claims, {"family_name": "marker"})
    (hidden,) = decode_disclosures((encoded,), "sha256", DEFAULT_LIMITS).values()
    assert [repr(each) for each in (shown, *shown.placements, hidden)] == ["<Restored>", "<Placement>", "<Disclosure>"]


def test_restored_claims_are_frozen_deeply() -> None:
    text = disclosure("s", "hidden", {"list": [{"x": 1}]})
    claims: Any = restored({"_sd": [digest(text)], "o": {"list": [[1]]}}, [text]).claims
    for frozen in (claims, claims["o"], claims["hidden"], claims["hidden"]["list"][0]):
        with pytest.raises(TypeError):
            frozen["new"] = 1
    for items in (claims["o"]["list"], claims["o"]["list"][0], claims["hidden"]["list"]):
        assert type(items) is tuple


# --- the disclosure itself ---


@pytest.mark.parametrize(
    "value",
    [
        [], ["s"], ["s", "a", 1, 2], ["s", "a", 1, 2, 3], {}, {"0": "s", "1": 1}, "text", 1, None, True,
        [1, "a", 1], [None, "a", 1], [["s"], "a", 1], [1, 2], ["s", 1, 1], ["s", None, 1], ["s", ["a"], 1],
        ["s", "_sd", []], ["s", "...", "d"], ["s", "_sd_alg", "sha-256"], ["s", "n" * 256, 1],
    ],
)  # fmt: skip
def test_a_disclosure_of_another_shape_is_refused(value: Any) -> None:
    text = segment(value)
    for tree in ({"_sd": [digest(text)]}, {"x": [{"...": digest(text)}]}, {}):
        raises(Reason.DISCLOSURE_MALFORMED, "V4", lambda tree=tree: restored(tree, [text]))


def test_a_name_of_the_longest_permitted_length_passes() -> None:
    text = disclosure("s", "n" * 255, 1)
    assert restored({"_sd": [digest(text)]}, [text]).claims == {"n" * 255: 1}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'["s","a",NaN]', Reason.MALFORMED_JSON),
        (b'["s","a",1e400]', Reason.MALFORMED_JSON),
        (b'["s","a",-1e400]', Reason.MALFORMED_JSON),
        (b'["s","a",1] ["s","a",2]', Reason.MALFORMED_JSON),
        (b'["s","a",1],', Reason.MALFORMED_JSON),
        (b'["s","a",1,]', Reason.MALFORMED_JSON),
        (b'["s","a","\\ud800"]', Reason.MALFORMED_JSON),
        (b'["s","a","\xed\xa0\x80"]', Reason.MALFORMED_JSON),
        (b'["s","a","\xc0\xaf"]', Reason.MALFORMED_JSON),
        (b'\xef\xbb\xbf["s","a",1]', Reason.MALFORMED_JSON),
        ('["s","a",1]'.encode("utf-16"), Reason.MALFORMED_JSON),
        (b"['s','a',1]", Reason.MALFORMED_JSON),
        (b'["s","a",{"b":1,"b":2}]', Reason.DUPLICATE_MEMBER),
        (b'["s","a",{"b":1,"\\u0062":2}]', Reason.DUPLICATE_MEMBER),
        (b'["s","a",' + b"[" * 33 + b"]" * 33 + b"]", Reason.DEPTH_EXCEEDED),
        (b"[" * 100_000, Reason.DEPTH_EXCEEDED),
    ],
)
def test_a_disclosure_is_read_as_strictly_as_anything_else(raw: bytes, reason: Reason) -> None:
    text = segment(raw)
    error = raises(reason, None, lambda: restored({"_sd": [digest(text)]}, [text]))
    assert error.where == "disclosure"


def test_the_digest_is_over_the_text_as_received_whatever_its_spelling() -> None:
    spellings = [b'["s","a",1]', b'[ "s" ,\n"a",\t1 ]', b'["\\u0073","\\u0061",1]', b'["s","a",1]\n']
    for raw in spellings:
        text = segment(raw)
        assert restored({"_sd": [digest(text)]}, [text]).claims == {"a": 1}
        for other in spellings:
            if other != raw:
                reason = Reason.DISCLOSURE_UNREFERENCED
                raises(reason, "V4", lambda text=text, other=other: restored({"_sd": [digest(text)]}, [segment(other)]))


@pytest.mark.parametrize("text", [disclosure("s", "a", 1) + b"=", disclosure("s", "a", 12) + b"=", b" " + A, A + b"\n"])
def test_a_disclosure_in_another_base64_is_refused_even_if_its_digest_is_there(text: bytes) -> None:
    raises(Reason.MALFORMED_BASE64, None, lambda: restored({"_sd": [digest(text)]}, [text]))


# --- bounds ---


def test_the_number_of_digests_is_bounded_decoys_included() -> None:
    limits = Limits(digests=4)
    ok = {"_sd": ["1", "2"], "x": [{"...": "3"}, {"...": "4"}]}
    restored(ok, [], limits)
    raises(Reason.LIMIT_EXCEEDED, "form", lambda: restored({**ok, "o": {"_sd": ["5"]}}, [], limits))
    raises(Reason.LIMIT_EXCEEDED, "form", lambda: restored({**ok, "y": [{"...": "5"}]}, [], limits))
    five = {"x": [{"...": f"{number}"} for number in range(5)]}
    raises(Reason.LIMIT_EXCEEDED, "form", lambda: restored(five, [], limits))


def test_a_chain_of_disclosures_nests_no_deeper_than_one_document_may() -> None:
    def chain(length: int) -> tuple[dict[str, Any], list[bytes]]:
        encoded = [disclosure("s", "leaf", 1)]
        for index in range(length):
            encoded.append(disclosure(f"s{index}", "n", {"_sd": [digest(encoded[-1])]}))
        return {"_sd": [digest(encoded[-1])]}, encoded

    limits = Limits(depth=8)
    tree, encoded = chain(7)
    assert len(paths(restored(tree, encoded, limits).claims)) == 8
    tree, encoded = chain(8)
    raises(Reason.DEPTH_EXCEEDED, "form", lambda: restored(tree, encoded, limits))


def test_as_many_digests_as_permitted_may_all_be_of_elements() -> None:
    limits = Limits(digests=4)
    assert restored({"x": [{"...": f"{number}"} for number in range(4)]}, [], limits).withheld == {("x",)}


def nested(kind: type, levels: int) -> Any:
    """So many objects or arrays, one in the other."""
    value: Any = kind()
    for _ in range(levels - 1):
        value = {"n": value} if kind is dict else [value]
    return value


@pytest.mark.parametrize("kind", [dict, list])
@pytest.mark.parametrize("name", ["x", "aud", "cnf", "status"])
def test_claims_nest_as_deep_as_permitted_and_no_deeper(kind: type, name: str) -> None:
    limits = Limits(depth=8)
    tree = {name: nested(kind, 7)}
    assert thaw(restored(tree, [], limits).claims) == tree
    error = raises(Reason.DEPTH_EXCEEDED, "form", lambda: restored({name: nested(kind, 8)}, [], limits))
    assert error.where == JWT


@pytest.mark.parametrize("kind", [dict, list])
def test_a_disclosed_value_nests_as_deep_as_its_place_permits(kind: type) -> None:
    limits = Limits(depth=8)
    for levels, member, element in ((6, True, True), (7, True, False), (8, False, False)):
        value = nested(kind, levels)
        at_member, at_element = disclosure("s", "o", value), disclosure("s", value)
        for tree, text, fits in (
            ({"_sd": [digest(at_member)]}, at_member, member),
            ({"x": [{"...": digest(at_element)}]}, at_element, element),
        ):
            if fits:
                restored(tree, [text], limits)
            else:
                error = raises(
                    Reason.DEPTH_EXCEEDED, "form", lambda tree=tree, text=text: restored(tree, [text], limits)
                )
                assert error.where == "disclosure"


def test_a_caller_who_stands_deep_is_told_of_the_depth() -> None:
    tree, claims = {"x": nested(dict, 31)}, nested(dict, 32)

    def deep(frames: int, call: Any) -> Any:
        return deep(frames - 1, call) if frames > 0 else call()

    for call, where in (
        (lambda: restore(tree, {}, SD_JWT_MARKERS, DEFAULT_LIMITS), JWT),
        (lambda: redact(claims, Selection.of([]), _conceal_nothing, SD_JWT_MARKERS, DEFAULT_LIMITS), "claims"),
    ):
        call()
        refused = 0
        # How many frames a call takes is another matter in each version of Python: from where there is room enough,
        # one frame less each time, until there is none to call it in.
        for room in range(100, 2, -1):
            try:
                deep(sys.getrecursionlimit() - len(inspect.stack(0)) - room, call)
            except CitizenIDError as error:
                assert (error.reason, error.where) == (Reason.DEPTH_EXCEEDED, where)
                refused += 1
            except RecursionError:
                break
        # CPython 3.13.0 was seen to let 31 levels of method calls pass where four frames are left: nothing to refuse.
        assert refused > 10 or sys.version_info[:2] == (3, 13)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("name", ["x", "aud", "cnf"])
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(name: str, number: float) -> None:
    for value in (number, [number], {"a": number}, [1, [0.5, {"a": [number]}]], {"a": 1.5, "b": {"c": number}}):
        error = raises(Reason.MALFORMED_JSON, "form", lambda value=value: restored({name: value}, []))
        assert error.where == JWT
    fine = {name: [0.5, {"a": -1e300, "b": [1e-300]}], "y": 2.5}
    assert thaw(restored(fine, []).claims) == fine


@pytest.mark.parametrize(
    "value",
    [
        b"1e400",
        b"[1e400]",
        b"[[1e400]]",
        b'{"b":-1e400}',
        b'{"a":{"b":1e400}}',
        b'[1,{"b":[2.5,1e400]}]',
    ],
)
def test_neither_is_one_in_a_disclosure(value: bytes) -> None:
    member, element = segment(b'["s","a",' + value + b"]"), segment(b'["s",' + value + b"]")
    for tree, text in (({"_sd": [digest(member)]}, member), ({"x": [{"...": digest(element)}]}, element)):
        error = raises(Reason.MALFORMED_JSON, "form", lambda tree=tree, text=text: restored(tree, [text]))
        assert error.where == "disclosure"
    good = disclosure("s", "a", [0.5, {"b": -1e300}])
    assert thaw(restored({"_sd": [digest(good)]}, [good]).claims) == {"a": [0.5, {"b": -1e300}]}


# --- what stands first hides nothing of what stands behind it ---


@pytest.mark.parametrize("mark", [{"_sd": ["d"]}, {"...": "d"}, {"_sd_alg": "sha-256"}])
@pytest.mark.parametrize("beside", [{}, {"a": 1}, [], ["a"], "a", 1, None, 0.5, {"a": [0.5]}])
def test_nothing_is_hidden_beside_anything_in_a_control_claim(mark: Any, beside: Any) -> None:
    for value in ([beside, mark], [mark, beside], {"a": beside, "b": mark}, {"a": mark, "b": beside}):
        for tree in ({"cnf": value}, {"cnf": [value]}, {"status": beside, "cnf": {"a": value}}):
            error = raises(Reason.CLAIM_NOT_DISCLOSABLE, "V4", lambda tree=tree: restored(tree, []))
            assert error.where == JWT


def test_members_and_elements_behind_a_decoy_come_back() -> None:
    decoys = [cbor.encode([bytes(15) + bytes([number])]) for number in range(2)]
    shown = [cbor.encode([bytes(16), 1, "a"]), cbor.encode([bytes(16), 2])]
    member, element = ([hashlib.sha256(cbor.byte_string(each)).digest() for each in pair] for pair in
                       ((decoys[0], shown[0]), (decoys[1], shown[1])))  # fmt: skip
    hidden = [{cbor.Redacted.ELEMENT: each} for each in element]
    for order in (1, -1):
        signed = cbor.encode({cbor.Redacted.KEYS: member[::order], "x": [*hidden[::order], 3]})
        result = cbor_restored(signed, [*decoys, *shown])
        assert same(result.claims, {"x": [2, 3], "a": 1})
        assert (len(result.placements), result.withheld) == (2, set())


def test_what_stands_inside_disclosures_is_placed_through_objects_and_arrays() -> None:
    inner = disclosure("s", "inner", 1)
    hidden = {"_sd": [digest(inner)]}
    for value, steps in (
        (hidden, ()),
        ({"o": hidden}, ("o",)),
        ([hidden], (0,)),
        ([[hidden]], (0, 0)),
        ({"o": {"o": [{"x": hidden}]}}, ("o", "o", 0, "x")),
    ):
        member, element = disclosure("s", "outer", value), disclosure("s", value)
        for tree, text, path in (
            ({"_sd": [digest(member)]}, member, ("outer",)),
            ({"x": [{"...": digest(element)}]}, element, ("x", 0)),
        ):
            assert set(restored(tree, [inner, text]).placements) == {(1, path), (0, (*path, *steps, "inner"))}


# --- redact ---


def test_a_path_begins_at_the_top() -> None:
    claims = {"a": 1, "b": {"a": 2, "c": [{"a": 3}]}, "d": [{"a": 4}]}
    tree, concealed = _digests_of(claims, Selection.of([("a",), ("d", 0)]))
    assert [name for name, _ in concealed] == ["a", None]
    assert tree == {"_sd": ["7"], "b": {"a": 2, "c": [{"a": 3}]}, "d": [{"...": "4"}]}


def test_everything_below_is_selected_like_what_is_above_unless_told_otherwise() -> None:
    selection = Selection()
    assert selection.marked is False and selection.rest is selection
    claims = {"a": [{"b": 1}]}
    assert redact(claims, selection, _conceal_nothing, SD_JWT_MARKERS, DEFAULT_LIMITS) == claims
    selection.marked = True
    _, concealed = _digests_of(claims, selection)
    assert [name for name, _ in concealed] == ["b", None, "a"]


def test_a_wildcard_and_an_index_add_up_below_the_element_too() -> None:
    claims = {"x": [{"a": {"p": 1, "q": 2}}, {"a": {"p": 3, "q": 4}}]}
    _, concealed = _digests_of(claims, Selection.of([("x", None, "a", "p"), ("x", 1, "a", "q")]))
    assert concealed == [("p", 1), ("p", 3), ("q", 4)]


@pytest.mark.parametrize("kind", [dict, list])
def test_redact_goes_as_deep_as_permitted_and_no_deeper(kind: type) -> None:
    limits, nothing = Limits(depth=8), Selection.of([])
    for fits in ({"n": nested(kind, 7)}, {"n": [nested(kind, 6)]}, {"n": {"n": nested(kind, 6)}}):
        assert redact(fits, nothing, _conceal_nothing, SD_JWT_MARKERS, limits) == fits
    for deeper in ({"n": nested(kind, 8)}, {"n": [nested(kind, 7)]}, {"n": {"n": nested(kind, 7)}}):
        misused(
            Reason.DEPTH_EXCEEDED,
            lambda deeper=deeper: redact(deeper, nothing, _conceal_nothing, SD_JWT_MARKERS, limits),
        )


def _conceal_nothing(name: str | None, value: Any) -> str:
    raise AssertionError("nothing is to be hidden")


@pytest.mark.parametrize("name", ["_sd", "...", "_sd_alg"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_redact_refuses_reserved_names_at_any_depth(name: str, depth: int) -> None:
    claims: Any = {name: 1}
    for _ in range(depth):
        claims = {"o": [claims]}
    with pytest.raises(CitizenIDError) as caught:
        redact(claims, Selection.of([]), _conceal_nothing, SD_JWT_MARKERS, DEFAULT_LIMITS)
    assert caught.value.reason is Reason.CLAIM_RESERVED


@pytest.mark.parametrize("value", [b"bytes", {1}, object(), {1: "x"}, {None: 1}, {True: 1}, 1j, bytearray(b"x"), type])
def test_redact_refuses_what_the_format_cannot_carry(value: Any) -> None:
    for claims in ({"a": value}, {"a": [value]}, {"a": {"b": value}}):
        with pytest.raises(CitizenIDError) as caught:
            redact(claims, Selection.of([]), _conceal_nothing, SD_JWT_MARKERS, DEFAULT_LIMITS)
        assert caught.value.reason is Reason.CLAIM_INVALID


def test_redact_refuses_what_nests_too_deep() -> None:
    claims: Any = {}
    for _ in range(31):
        claims = {"n": claims}
    redact(claims, Selection.of([]), _conceal_nothing, SD_JWT_MARKERS, DEFAULT_LIMITS)
    for deeper in ({"n": claims}, {"n": [claims]}):
        with pytest.raises(CitizenIDError) as caught:
            redact(deeper, Selection.of([]), _conceal_nothing, SD_JWT_MARKERS, DEFAULT_LIMITS)
        assert caught.value.reason is Reason.DEPTH_EXCEEDED


def _digests_of(claims: dict[str, Any], selection: Selection) -> tuple[dict[str, Any], list[tuple[str | None, Any]]]:
    concealed: list[tuple[str | None, Any]] = []

    def conceal(name: str | None, value: Any) -> str:
        concealed.append((name, copy.deepcopy(value)))
        return f"{(7 * len(concealed)) % 10}"  # not in the order of the members

    return redact(claims, selection, conceal, SD_JWT_MARKERS, DEFAULT_LIMITS), concealed


def test_digests_of_members_are_sorted_so_that_the_order_tells_nothing() -> None:
    tree, _ = _digests_of({"a": 1, "b": 2, "c": 3}, EVERYTHING)
    assert tree == {"_sd": ["1", "4", "7"]}


def test_elements_keep_their_places_and_inner_parts_are_hidden_first() -> None:
    tree, concealed = _digests_of({"x": [1, [2]]}, Selection.of([("x", None), ("x", 1, 0)]))
    assert tree == {"x": [{"...": "7"}, {"...": "1"}]}
    assert concealed == [(None, 1), (None, 2), (None, [{"...": "4"}])]


def test_a_wildcard_and_an_index_on_the_same_array_add_up() -> None:
    claims = {"x": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}
    _, concealed = _digests_of(claims, Selection.of([("x", None, "a"), ("x", 1, "b")]))
    assert concealed == [("a", 1), ("a", 3), ("b", 4)]
    _, concealed = _digests_of(claims, Selection.of([("x", 0), ("x", None, "a")]))
    assert [name for name, _ in concealed] == ["a", None, "a"]


def test_a_wildcard_selects_no_member_of_that_name() -> None:
    tree, concealed = _digests_of({"x": {"0": 1}}, Selection.of([("x", None), ("x", 0)]))
    assert tree == {"x": {"0": 1}} and concealed == []


# --- the same walker under the marks of SD-CWT ---

cbor_names = st.integers(-50, 50) | names
# At the top level these are never redacted (draft-ietf-spice-sd-cwt section 7 table 2).
free_names = cbor_names.filter(lambda name: name not in (1, 3, 4, 5, 6, 7, 8, 11, 39))
cbor_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.text(max_size=4) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(cbor_names, inner, max_size=3),
    max_leaves=10,
)


def numbered(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for step, item in items for path in ((*prefix, step), *numbered(item, (*prefix, step)))]


def kept(value: Any, hidden: set[tuple[Any, ...]], path: tuple[Any, ...] = ()) -> Any:
    """The oracle: what is left of `value` when all of `hidden` is gone."""
    if isinstance(value, dict):
        return {name: kept(item, hidden, (*path, name)) for name, item in value.items() if (*path, name) not in hidden}
    if isinstance(value, list):
        return [kept(item, hidden, (*path, n)) for n, item in enumerate(value) if (*path, n) not in hidden]
    return value


@given(st.dictionaries(free_names, cbor_values, max_size=4), st.data())
def test_cbor_claims_come_back_but_for_what_is_held_back(claims: dict[Any, Any], data: st.DataObject) -> None:
    all_of_them = numbered(claims)
    hidden = data.draw(st.lists(st.sampled_from(all_of_them), unique=True)) if all_of_them else []
    contents: list[bytes] = []

    def conceal(name: Any, value: Any) -> bytes:
        salt = len(contents).to_bytes(16, "big")
        contents.append(cbor.encode([salt, value] if name is None else [salt, value, name]))
        return hashlib.sha256(cbor.byte_string(contents[-1])).digest()

    tree = redact(claims, Selection.of(hidden), conceal, SD_CWT_MARKERS, DEFAULT_LIMITS)
    signed = cbor.encode(tree)
    everything = cbor_restored(signed, contents)
    assert same(everything.claims, claims)
    assert sorted(map(repr, (each.path for each in everything.placements))) == sorted(map(repr, hidden))
    assert everything.withheld == set()

    # Hold back one and all that stands inside it: the rest is as if it had never been.
    for placement in everything.placements:
        depth = len(placement.path)
        gone = {each.position for each in everything.placements if each.path[:depth] == placement.path}
        left = cbor_restored(signed, [content for n, content in enumerate(contents) if n not in gone])
        assert same(left.claims, kept(claims, {placement.path}))
        within = everything.claims
        for step in placement.path[:-1]:
            within = within[step]
        assert left.withheld == ({placement.path[:-1]} if isinstance(within, tuple) else set())


def cbor_restored(signed: bytes, contents: list[bytes]) -> Restored:
    disclosures = decode_cbor_disclosures(tuple(contents), "sha256", DEFAULT_LIMITS)
    return restore(cbor.decode_marked(signed, ""), disclosures, SD_CWT_MARKERS, DEFAULT_LIMITS)


@given(st.dictionaries(names, cbor_values, max_size=3), st.data())
def test_both_marks_hide_the_same(claims: dict[str, Any], data: st.DataObject) -> None:
    # What JSON can say too: the two formats must agree on the claims, whatever is shown.
    claims = json.loads(json.dumps(claims, default=repr)) if plain(claims) else {}
    all_of_them = numbered(claims)
    hidden = data.draw(st.lists(st.sampled_from(all_of_them), unique=True)) if all_of_them else []
    shown = data.draw(st.sets(st.integers(0, 20)))
    in_json: list[bytes] = []
    in_cbor: list[bytes] = []

    def conceal_json(name: Any, value: Any) -> str:
        in_json.append(segment([f"salt {len(in_json)}", *([] if name is None else [name]), value]))
        return digest(in_json[-1])

    def conceal_cbor(name: Any, value: Any) -> bytes:
        salt = len(in_cbor).to_bytes(16, "big")
        in_cbor.append(cbor.encode([salt, value] if name is None else [salt, value, name]))
        return hashlib.sha256(cbor.byte_string(in_cbor[-1])).digest()

    one = redact(claims, Selection.of(hidden), conceal_json, SD_JWT_MARKERS, DEFAULT_LIMITS)
    two = redact(claims, Selection.of(hidden), conceal_cbor, SD_CWT_MARKERS, DEFAULT_LIMITS)
    answers: list[Any] = []
    for tree, contents, decode, markers in (
        (one, in_json, lambda each: decode_disclosures(each, "sha256", DEFAULT_LIMITS), SD_JWT_MARKERS),
        (
            cbor.decode_marked(cbor.encode(two), ""),
            in_cbor,
            lambda each: decode_cbor_disclosures(each, "sha256", DEFAULT_LIMITS),
            SD_CWT_MARKERS,
        ),
    ):
        picked = tuple(content for number, content in enumerate(contents) if number in shown)
        try:
            answers.append(thaw(restore(tree, decode(picked), markers, DEFAULT_LIMITS).claims))
        except VerificationError as error:
            answers.append(error.reason)
    assert answers[0] == answers[1] if isinstance(answers[0], Reason) else same(*answers)


def plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(name) is str and plain(item) for name, item in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return not isinstance(value, bytes)


def test_a_decoy_is_in_no_place_and_leaves_nothing_withheld() -> None:
    decoys = [cbor.encode([number.to_bytes(16, "big")]) for number in range(2)]
    member, element = (hashlib.sha256(cbor.byte_string(each)).digest() for each in decoys)
    signed = cbor.encode({cbor.Redacted.KEYS: [member], "x": ["a", {cbor.Redacted.ELEMENT: element}]})
    shown = cbor_restored(signed, decoys)
    assert same(shown.claims, {"x": ["a"]})
    assert (shown.placements, shown.withheld) == ([], set())
    assert cbor_restored(signed, decoys[:1]).withheld == {("x",)}
    raises(Reason.DISCLOSURE_UNREFERENCED, None, lambda: cbor_restored(cbor.encode({"x": 1}), decoys))


@pytest.mark.parametrize("name", [59, "...", "_sd"])
def test_the_marks_of_one_format_are_names_in_the_other(name: Any) -> None:
    assert same(cbor_restored(cbor.encode({name: ["x"]}), []).claims, {name: ["x"]})


@pytest.mark.parametrize("value", [b"x", {5: 1}])
def test_json_has_neither_bytes_nor_numbers_for_names(value: Any) -> None:
    def conceal(name: Any, value: Any) -> str:
        raise AssertionError

    raises(
        Reason.CLAIM_INVALID,
        None,
        lambda: redact({"x": value}, Selection.of([]), conceal, SD_JWT_MARKERS, DEFAULT_LIMITS),
        (CitizenIDError,),
    )
