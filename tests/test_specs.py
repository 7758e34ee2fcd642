"""The pages of specs/ and the code say the same: reasons, steps, functions, invariants, threats, limits, schema.

A page that names a function, a test, a Reason or a file is checked against it, so that nobody reads about something
that is gone. The schema of the citizenship claims is compared with the reader in both directions.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import builders as b
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # the package has no types of its own

from citizenid import (
    Assurance,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    Limits,
    LocalKey,
    MalformedError,
    Reason,
    StatusReference,
    VerificationError,
)
from citizenid._model import thaw
from citizenid._readers.sd_jwt_vc import decode_disclosures, take_hash_name
from citizenid._redaction import SD_JWT_MARKERS, restore
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.verifier import open_presentation

ROOT: Final = Path(__file__).resolve().parent.parent
SPECS: Final = ROOT / "specs"
BY_VALUE: Final = {reason.value: reason for reason in Reason}
STEPS: Final = tuple(f"V{number}" for number in range(1, 10))


@functools.cache
def page(name: str) -> str:
    return (SPECS / name).read_text("utf-8")


def rows(name: str, pattern: str) -> list[list[str]]:
    """Return the cells of the table rows whose first cell matches."""
    found = []
    for line in page(name).splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
            if re.fullmatch(pattern, cells[0]):
                found.append(cells)
    return found


@functools.cache
def names_of_tests(path: Path) -> frozenset[str]:
    """Return the names of the tests in a file: functions, and methods of classes as Class::method."""
    names = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return frozenset(names)


def exists(test: str) -> bool:
    """Whether a test, or a file of tests, exists."""
    name, separator, function = test.partition("::")
    path = ROOT / name
    return path.is_file() and (not separator or function in names_of_tests(path))


def load(path: Path) -> ModuleType:
    """Import a program by its path."""
    spec = importlib.util.spec_from_file_location(f"specs_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- reasons.md ---


def test_the_table_of_reasons_is_what_the_code_says() -> None:
    program = load(SPECS / "reasons.py")
    assert program.page() == page("reasons.md"), "run: python specs/reasons.py"
    assert program.main(["--check"]) == 0


def test_every_reason_has_its_row_in_order_with_its_step() -> None:
    table = rows("reasons.md", r"`[a-z0-9_]+`")
    assert [(cells[0].strip("`"), cells[1]) for cells in table] == [(reason.value, reason.step) for reason in Reason]
    assert all(all(cells) for cells in table)


def test_values_and_names_of_reasons_are_one_word() -> None:
    for reason in Reason:
        assert reason.value == reason.name.lower()
        assert reason.step in {*STEPS, "form", *(name for name in doors())}


# --- verification.md ---


def sections() -> dict[str, str]:
    parts = re.split(r"^## (V\d) .*$", page("verification.md"), flags=re.MULTILINE)
    return {step: text.partition("\n## ")[0] for step, text in zip(parts[1::2], parts[2::2], strict=True)}


def doors() -> set[str]:
    text = page("verification.md").partition("## Doors")[2]
    names = [line.strip("|").split("|")[0] for line in text.splitlines() if line.startswith("| ")]
    return {door.strip() for name in names for door in name.split(",")} - {"door"}


def test_the_steps_stand_in_order_and_their_rules_are_numbered() -> None:
    assert tuple(sections()) == STEPS
    for step, text in sections().items():
        numbers = re.findall(rf"^\| {step}\.(\d+) \|", text, re.MULTILINE)
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)], step
        assert len(numbers) > 2
        assert not re.search(r"^\| (?!V\d\.\d|rule|---)", text, re.MULTILINE)


def test_every_rule_of_a_step_is_one_sentence_with_a_word_of_bcp_14() -> None:
    for _, rule, *_ in rows("verification.md", r"V\d\.\d+"):
        assert re.search(r"\b(MUST|SHOULD|MAY)\b", rule), rule
        assert rule.endswith(".")
        assert not re.search(r"\. [A-Z]", rule), rule


def test_each_reason_of_a_step_is_named_by_a_rule_of_that_step() -> None:
    for reason in Reason:
        if reason.step in STEPS:
            assert f"`{reason.value}`" in sections()[reason.step], reason
    named = {text for cells in rows("verification.md", r"V\d\.\d+") for text in re.findall(r"`([a-z0-9_]+)`", cells[2])}
    assert named <= set(Reason)
    for number, _, reasons, *_ in rows("verification.md", r"V\d\.\d+"):
        steps = {BY_VALUE[text].step for text in re.findall(r"`([a-z0-9_]+)`", reasons)}
        assert steps <= {number[:2], "form"}, number
    assert {reason for reason in Reason if reason.step == "form"} <= named


def test_every_door_is_one_of_a_reason_and_has_a_place() -> None:
    assert doors() == {reason.step for reason in Reason} - set(STEPS) - {"form"}


def resolve(name: str) -> Any:
    """Return what a dotted name below the package stands for."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(["citizenid", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"there is no {name}")


def places() -> Iterator[str]:
    for cells in rows("verification.md", r"V\d\.\d+"):
        yield from re.findall(r"`([\w.]+)`", cells[3])
    text = page("verification.md").partition("## Doors")[2]
    for line in text.splitlines():
        if line.startswith("| "):
            yield from re.findall(r"`([\w.]+)`", line)


@pytest.mark.parametrize("name", sorted(set(places())))
def test_the_functions_that_the_page_names_exist(name: str) -> None:
    assert callable(resolve(name))


def test_the_verifier_writes_down_the_same_steps_as_the_page() -> None:
    module = importlib.import_module("citizenid.verifier")
    assert tuple(re.findall(r"^    (V\d) ", module.__doc__ or "", re.MULTILINE)) == STEPS
    source = Path(module.__file__ or "").read_text("utf-8")
    assert re.findall(r'step = "(V\d)"', source) == list(STEPS[1:])


# --- invariants.md and threat-model.md ---


def test_each_invariant_has_its_test_and_each_test_its_invariant() -> None:
    table = rows("invariants.md", r"I-\d+")
    assert [cells[0] for cells in table] == [f"I-{number}" for number in range(1, len(table) + 1)]
    named = [cells[2].strip("`") for cells in table]
    held = names_of_tests(ROOT / "tests" / "test_invariants.py")
    assert set(named) == {name for name in held if re.match(r"test_i\d", name)}
    assert [int(name[6:8]) for name in named] == list(range(1, len(table) + 1))


def test_each_threat_has_an_answer_and_tests_that_exist() -> None:
    table = rows("threat-model.md", r"T-\d+")
    assert [cells[0] for cells in table] == [f"T-{number}" for number in range(1, len(table) + 1)]
    for number, threat, answer, tests, remains in table:
        assert threat.endswith(".") and answer and remains, number
        named = re.findall(r"`(tests/[^`]+)`", tests)
        assert named, number
        for test in named:
            assert exists(test), test
    assert "Replay" in table[4][1]
    assert "Resources" in table[8][1]


def numbered(cell: str) -> set[int]:
    """Return the numbers of threats in a cell: "T-1 to T-3, T-7"."""
    found: set[int] = set()
    for part in cell.split(", "):
        match = re.fullmatch(r"T-(\d+)(?: to T-(\d+))?", part)
        assert match, part
        found |= set(range(int(match[1]), int(match[2] or match[1]) + 1))
    return found


@pytest.mark.parametrize("heading", ["Assets", "Actors"])
def test_each_threat_is_to_an_asset_and_by_an_actor(heading: str) -> None:
    text = page("threat-model.md").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]
    assert all(all(cells) for cells in table)
    named = [numbered(cells[-1]) for cells in table[1:]]
    assert len(named) > 10
    threats = {int(cells[0][2:]) for cells in rows("threat-model.md", r"T-\d+")}
    assert set().union(*named) == threats


def test_threats_and_invariants_that_the_code_cites_exist() -> None:
    known = {cells[0] for cells in rows("threat-model.md", r"T-\d+") + rows("invariants.md", r"I-\d+")}
    for path in (ROOT / "src").rglob("*.py"):
        assert set(re.findall(r"\b[TI]-\d+\b", path.read_text("utf-8"))) <= known, path.name


def test_every_limit_stands_in_the_threat_model_with_its_default() -> None:
    stated = {cells[0].strip("`"): int(cells[1]) for cells in rows("threat-model.md", r"`[a-z_]+`")}
    assert stated == {each.name: each.default for each in dataclasses.fields(Limits) if each.init}


# --- pages as a whole ---


PAGES: Final = sorted(path.relative_to(SPECS).as_posix() for path in SPECS.rglob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page(name)):
        if not re.match(r"https?:", target):
            assert (SPECS / name).parent.joinpath(target).exists(), target


def test_the_index_names_every_page() -> None:
    index = page("README.md")
    for path in SPECS.iterdir():
        assert path.name.startswith(("__", ".")) or path.name in index, path.name


def test_the_pages_that_the_code_cites_exist() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        for cited in re.findall(r"\bspecs/[\w./-]+\.(?:md|json|toml)", path.read_text("utf-8")):
            assert (ROOT / cited).is_file(), f"{path.name} cites {cited}"
        for number in re.findall(r"\bspecs/decisions/(\d{4})\b", path.read_text("utf-8")):
            assert list((SPECS / "decisions").glob(f"{number}-*.md")), number


@pytest.mark.parametrize("name", PAGES)
def test_files_that_a_page_names_exist(name: str) -> None:
    for cited in re.findall(r"`([\w./-]+(?:\.py|\.toml|\.json|/))`", page(name)):
        places = (ROOT, ROOT / "src" / "citizenid", SPECS, (SPECS / name).parent)
        assert any((place / cited).exists() for place in places), cited


@pytest.mark.parametrize("name", PAGES)
def test_reasons_in_prose_exist(name: str) -> None:
    for word in re.findall(r"\(`([a-z]+(?:_[a-z]+)+)`(?:, `[^`]+`)*\)", page(name)):
        assert word in set(Reason) or word in {each.name for each in dataclasses.fields(Limits)}, word


# --- citizenship.schema.json ---


SCHEMA: Final[dict[str, Any]] = json.loads((SPECS / "citizenship.schema.json").read_text("utf-8"))
VALIDATOR: Final = Draft202012Validator(SCHEMA)
COUNTRIES: Final = st.lists(st.sampled_from(Country.all()), max_size=5, unique=True)


def processed(data: bytes) -> dict[str, Any]:
    """Return the whole payload of a credential with its disclosures in their places."""
    (presentation,) = open_presentation(data, format=Format.SD_JWT_VC)
    payload = json.loads(presentation.credential.payload)
    hash_name = take_hash_name(payload)
    disclosures = decode_disclosures(presentation.disclosures, hash_name, Limits())
    claims: dict[str, Any] = thaw(restore(payload, disclosures, SD_JWT_MARKERS, Limits()).claims)
    return claims


def test_the_schema_is_a_schema_and_knows_our_countries() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")
    assert SCHEMA["$defs"]["country"]["enum"] == [country.alpha2 for country in Country.all()] + ["QS", "QU"]


@given(
    COUNTRIES,
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(0, b.NOW),
    st.sampled_from(["ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44"]),
    st.dictionaries(st.sampled_from(["given_name", "birthdate", "address"]), st.text() | st.lists(st.text())),
)
def test_what_we_issue_fits_the_schema(
    countries: list[Country],
    citizens: int,
    complete: bool,
    rated: bool,
    listed: bool,
    checked_at: int | None,
    algorithm: str,
    further: dict[str, Any],
) -> None:
    attestation = prepare_attestation(
        Citizenship(countries, countries[:citizens], complete),
        issuer=b.ISSUER,
        holder_key=b.key("schema", algorithm).public,
        now=b.NOW,
        lifetime_s=3_600,
        status=StatusReference(b.STATUS_URI, 7) if listed else None,
        format=Format.SD_JWT_VC,
        claims=further,
        assurance=Assurance("nist", "IAL2") if rated else None,
        evidence_at=checked_at,
    )
    data = Issuer(identifier=b.ISSUER, key=b.key("issuer")).issue(attestation, format=Format.SD_JWT_VC, decoys=2)
    whole = processed(data)
    VALIDATOR.validate(whole)
    assert whole.get("evidence_checked_at") == checked_at
    VALIDATOR.validate({name: value for name, value in whole.items() if name not in attestation.claims})


LAST: Final = 2**53 - 1
ODD: Final = (
    st.none()
    | st.booleans()
    | st.integers(-1, 2)
    | st.sampled_from([LAST, 2**53, 2**32 - 1, 2**32, "", "US", "us", "USA", "x" * 64, "x" * 65])
    | st.sampled_from([[], ["US"], ["US", "FR"], ["US", "US"], ["us"], ["QU"], ["QS", "DE"], [None], ["XX"], ["UK"]])
    | st.sampled_from([["US"] * 33, [country.alpha2 for country in Country.all()][:33]])
    | st.sampled_from([{}, {"jwk": {}}, {"status_list": {}}, {"token_status": {}}])
)
GOOD_JWK: Final = LocalKey.generate("ES256").public.to_jwk()
JWKS: Final = st.sampled_from(
    [
        GOOD_JWK,
        {**GOOD_JWK, "kid": "any"},
        {**GOOD_JWK, "d": GOOD_JWK["x"]},
        {**GOOD_JWK, "crv": "P-257"},
        {**GOOD_JWK, "kty": "RSA"},
        {**GOOD_JWK, "x": 1},
        {**GOOD_JWK, "x": GOOD_JWK["x"] + "="},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC"},
        b.key("schema", "Ed25519").public.to_jwk(),
        b.key("schema", "ML-DSA-44").public.to_jwk(),
    ]
)
TEXTS: Final = st.sampled_from(["", "x", "x" * 64, "x" * 65]) | ODD
ENTRIES: Final = st.fixed_dictionaries(
    {
        "type": st.just("BitstringStatusListEntry") | ODD,
        "statusPurpose": st.sampled_from(["revocation", "suspension", "refresh", "message"]) | ODD,
        "statusListIndex": st.integers(0, 2**32 - 1).map(str)
        | st.sampled_from(
            ["0", "00", "07", "-1", "+1", " 1", "1 ", "\u0661", "4294967295", "4294967296", "42949672950"]
        )
        | ODD,
        "statusListCredential": st.sampled_from(["u", "u" * 2_048, "u" * 2_049]) | ODD,
    },
    optional={"id": st.sampled_from(["i", None, 7]), "statusSize": ODD, "more": ODD},
)
ENTRY: Final = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "7"}
GOOD_ENTRY: Final = {**ENTRY, "statusListCredential": "u"}
CLAIMS: Final = {
    "credentialStatus": ENTRIES
    | st.lists(ENTRIES, max_size=2)
    | st.sampled_from([GOOD_ENTRY, [GOOD_ENTRY], [GOOD_ENTRY] * 2, [GOOD_ENTRY] * 3, [ENTRY], [[GOOD_ENTRY]]])
    | st.sampled_from([{**GOOD_ENTRY, "statusMessage": []}, {**GOOD_ENTRY, "statusSize": 1}])
    | ODD,
    "iss": st.just(b.ISSUER) | ODD,
    "vct": st.sampled_from([b.VCT, b.VCT.upper(), b.VCT + " "]) | ODD,
    "aud": st.sampled_from([b.AUDIENCE, [b.AUDIENCE], [b.AUDIENCE, 1], [[b.AUDIENCE]]]) | ODD,
    "iat": ODD.filter(lambda value: value != LAST),  # a beginning at the end is a matter of order, which no schema says
    "nationalities": ODD,
    "citizenships": ODD,
    "nationalities_complete": ODD,
    "assurance": st.fixed_dictionaries({"framework": TEXTS, "level": TEXTS}, optional={"more": ODD}) | ODD,
    # As with iat: one that lies after the issue is a matter of order.
    "evidence_checked_at": ODD.filter(lambda value: type(value) is not int or not b.NOW < value <= LAST),
    "cnf": st.fixed_dictionaries({"jwk": JWKS}, optional={"kid": ODD}) | ODD,
    "status": st.fixed_dictionaries(
        {
            "status_list": st.fixed_dictionaries(
                {"idx": ODD, "uri": st.sampled_from(["u", "u" * 2_048, "u" * 2_049]) | ODD}
            )
        },
        optional={"identifier_list": ODD},
    ),
}


@given(st.sampled_from(sorted(CLAIMS)).flatmap(lambda name: st.tuples(st.just(name), CLAIMS[name])))
def test_the_schema_refuses_exactly_what_the_reader_refuses(change: tuple[str, Any]) -> None:
    name, value = change
    data = b.issuer_half(payload={"exp": LAST, name: value})
    claims = json.loads(open_presentation(data, format=Format.SD_JWT_VC)[0].credential.payload)
    try:
        b.verify(b.bound(data))
        readable = True
    except (MalformedError, VerificationError) as error:
        # What V4 refuses is no citizenship claim. Another type is V5's: the schema is of one type.
        readable = error.step != "V4" and error.reason not in (Reason.TYPE_NOT_ALLOWED,)
    assert VALIDATOR.is_valid(claims) is readable, (name, value)


@pytest.mark.parametrize("missing", ["vct", "exp"])
def test_the_schema_and_the_reader_require_the_same(missing: str) -> None:
    data = b.issuer_half(payload={missing: b.ABSENT})
    claims = json.loads(open_presentation(data, format=Format.SD_JWT_VC)[0].credential.payload)
    assert not VALIDATOR.is_valid(claims)
    b.refused(b.bound(data), Reason.CLAIM_MISSING, "V4")


@pytest.mark.parametrize("marker", ["_sd", "...", "_sd_alg"])
def test_markers_are_no_processed_claims(marker: str) -> None:
    claims = json.loads(open_presentation(b.issuer_half(), format=Format.SD_JWT_VC)[0].credential.payload)
    VALIDATOR.validate(claims)
    assert not VALIDATOR.is_valid({**claims, marker: []})


def test_the_error_of_a_wrong_argument_is_ours() -> None:
    # The page says that our own side is refused with a plain CitizenIDError; the base is never the subclass.
    assert CitizenIDError.__subclasses__() == [MalformedError, VerificationError]
