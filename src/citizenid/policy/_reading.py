"""A policy in TOML, read strictly: every key, type and value is known or an error, and all errors are found at once.

Spec: specs/policy.md section 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from .. import _registry as reg
from .._errors import CitizenIDError
from .._model import BINDINGS, Assurance, Format, UnixTime
from ..countries import Country
from ._findings import Finding, Findings, suggestion
from ._lines import has_long_key, lines_of
from ._patterns import MAX_NAME_CHARS, MAX_REGIONS, is_name
from ._rules import Rule, SharingResponse, StoreDown

MAX_POLICY_CHARS: Final = 1_048_576
_MAX_LEVELS: Final = 16
_MAX_NAMES: Final = 256  # of issuers and of types that one rule lists
_MAX_ASSURANCE_CHARS: Final = 64  # what an issuer may state
_FORMATS: Final = {str(each): each for each in Format}
_DOCUMENT_KEYS: Final = ("version", "rule", "assurance")
_COUNTRY_CONDITIONS: Final = ("citizenship", "nationality", "anyone")
# What says where and when a rule exists. Everything else that is no condition of countries asks for a presentation.
_PLACE_AND_TIME: Final = frozenset({"resource", "region", "not_before", "not_after"})
_AGES: Final = ("max_admission_age_s", "max_credential_age_s", "max_evidence_age_s", "max_status_age_s")
_RULE_KEYS: Final = (
    "resource",
    *_COUNTRY_CONDITIONS,
    "none_of",
    "binding",
    "assurance",
    "issuers",
    "formats",
    "types",
    *_AGES,
    "not_before",
    "not_after",
    "region",
    "sharing",
    "store_down",
)
_STORE_DOWN: Final = {str(each): each for each in StoreDown}
_SHARING: Final = {str(each): each for each in SharingResponse}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Levels = dict[str, tuple[str, ...]]


class Document(NamedTuple):
    """What was read: the rules without an error in them, and the errors of the others."""

    rules: tuple[Rule, ...]
    findings: Findings


def read_document(text: object) -> Document:
    """Read a policy, and go on after an error to find the next."""
    import tomllib  # here, because only who reads a policy needs it: it costs 2 ms of every start

    document, line = None, None
    if type(text) is str and len(text) <= MAX_POLICY_CHARS and not has_long_key(text):
        try:
            document = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # TOMLDecodeError is one; so is an integer of 5,000 digits
            line = _line_of(str(error), text)
    if document is None or type(text) is not str:
        findings = Findings({})
        findings.found.append(Finding(line, "policy", "this is not TOML"))
        return Document((), findings)
    findings = Findings(lines_of(text))
    if document.get("version") != 1 or type(document["version"]) is not int:
        findings.add("policy.version", "version must be the integer 1", "version")
    tables = document.get("rule")
    for key in document:
        if key not in _DOCUMENT_KEYS:
            findings.add("policy.rule", "unknown key" + suggestion(key, _DOCUMENT_KEYS), key)
    levels = _read_levels(document.get("assurance", {}), findings)
    if type(tables) is not list or not tables:
        findings.add("policy.rule", "rule must be an array of at least one table", "rule")
        tables = []
    read = (_Reader(number, table, levels, findings).read() for number, table in enumerate(tables, 1))
    return Document(tuple(rule for rule in read if rule is not None), findings)


def _line_of(message: str, text: str) -> int | None:
    # tomllib says where in its message alone: "... (at line 3, column 5)" or "(at end of document)".
    found = re.search(r"\(at line ([0-9]{1,7}), column [0-9]+\)$", message)
    if found is not None:
        return int(found[1])
    return text.count("\n") + 1 if message.endswith("(at end of document)") else None


def _read_levels(tables: Any, findings: Findings) -> _Levels:
    """Return the frameworks and their levels, weakest first: the known ones, and those that the policy adds."""
    levels: _Levels = dict(reg.ASSURANCE_LEVELS)
    if type(tables) is not dict:
        findings.add("policy.assurance", "assurance must be a table of frameworks", "assurance")
        return levels
    for framework, table in tables.items():
        listed = table.get("levels") if type(table) is dict and set(table) == {"levels"} else None
        texts = _texts(listed, _MAX_LEVELS, _MAX_ASSURANCE_CHARS)
        if texts and 0 < len(framework) <= _MAX_ASSURANCE_CHARS:
            levels[framework] = texts
        else:
            findings.add(
                "policy.assurance",
                "a framework must have levels, distinct texts from the weakest on, and nothing else",
                "assurance",
                framework,
            )
            levels[framework] = ()  # known, so that its name is not a second error
    return levels


def _texts(values: Any, most: int, chars: int) -> tuple[str, ...]:
    """Return a list of distinct texts, or nothing for what is none."""
    if type(values) is not list or len(values) > most or any(type(value) is not str for value in values):
        return ()
    distinct = len(set(values)) == len(values)
    return tuple(values) if distinct and all(0 < len(value) <= chars for value in values) else ()


class _Reader:
    """Reads one rule; errors are noted, and then there is no rule."""

    def __init__(self, number: int, table: Any, levels: _Levels, findings: Findings) -> None:
        self.number = number
        self.table = table
        self.levels = levels
        self.findings = findings
        self.failed = False

    def error(self, key: str | None, message: str, *, at: str | None = None) -> None:
        """Note an error at a key, or of the whole rule; `at` is the key whose line counts then."""
        self.failed = True
        where = f"policy.rule[{self.number}]" + ("" if key is None else f".{key}")
        line_of = key if at is None else at
        self.findings.add(where, message, "rule", self.number, *(() if line_of is None else (line_of,)))

    def read(self) -> Rule | None:
        if type(self.table) is not dict:
            self.error(None, "a rule must be a table")
            return None
        for key in self.table:
            if key not in _RULE_KEYS:
                self.error(None, "unknown key" + suggestion(key, _RULE_KEYS), at=key)
        resources = self.names("resource")
        conditions = [key for key in _COUNTRY_CONDITIONS if key in self.table]
        if len(conditions) != 1:
            self.error(None, "a rule must have one of citizenship, nationality and anyone, and not two of them")
        anyone = "anyone" in conditions
        if anyone:
            self.check_anyone()
        named = "citizenship" if "citizenship" in conditions else "nationality"
        countries = self.countries(named)
        none_of = self.countries("none_of")
        binding = self.choice("binding", BINDINGS, "dpop")
        ages = {key: self.age(key) for key in _AGES}
        issuers, formats, types = self.texts("issuers"), self.formats(), self.texts("types")
        assurances = self.assurances()
        not_before, not_after = self.time("not_before"), self.time("not_after")
        regions = self.names("region") if "region" in self.table else ()
        sharing = self.choice("sharing", _SHARING, "step_up")
        store_down = self.choice("store_down", _STORE_DOWN, "refuse")
        if self.failed:
            return None
        return Rule(
            number=self.number,
            resources=resources,
            anyone=anyone and not none_of,
            countries=countries,
            needs_citizenship=named == "citizenship",
            binding=BINDINGS[binding],
            max_admission_age_s=ages["max_admission_age_s"],
            none_of=none_of,
            issuers=issuers,
            formats=formats,
            types=types,
            assurances=assurances,
            max_credential_age_s=ages["max_credential_age_s"],
            max_evidence_age_s=ages["max_evidence_age_s"],
            max_status_age_s=ages["max_status_age_s"],
            not_before=not_before,
            not_after=not_after,
            regions=regions,
            sharing=_SHARING[sharing],
            store_down=_STORE_DOWN[store_down],
            line=self.findings.lines.get(("rule", self.number)),
        )

    def check_anyone(self) -> None:
        floors = (self.table.keys() & set(_RULE_KEYS)) - _PLACE_AND_TIME - {"anyone"}
        if self.table["anyone"] is not True:
            self.error("anyone", "anyone must be true")
        elif floors and "none_of" not in self.table:  # a floor under anyone would contradict it
            self.error("anyone", "with anyone = true nothing is presented, and nothing else can be asked")

    def choice(self, key: str, choices: Mapping[str, object], default: str) -> str:
        """Return the name that stands at a key, or the one that counts when it is left out."""
        name = self.table.get(key, default)
        if type(name) is str and name in choices:
            return name
        self.error(key, f"{key} must be one of " + ", ".join(choices) + suggestion(name, choices))
        return default

    def names(self, key: str) -> tuple[str, ...]:
        """Return names and patterns: of resources, or of regions."""
        names = self.table.get(key)
        if type(names) is str:
            names = [names]
        if type(names) is not list or not names or len(set(map(repr, names))) != len(names):
            self.error(key, f"{key} must be a name or a list of distinct names")
            return ()
        if key == "region" and len(names) > MAX_REGIONS:
            self.error(key, f"at most {MAX_REGIONS} regions")
            return ()
        for name in names:
            if not is_name(name):
                self.error(key, f"a name has 1 to {MAX_NAME_CHARS} printable characters and no **")
                return ()
        return tuple(names)

    def countries(self, key: str) -> frozenset[Country]:
        codes = self.table.get(key)
        if key not in self.table:
            return frozenset()
        if type(codes) is not list or not codes:
            self.error(key, f"{key} must be a list of ISO 3166-1 alpha-2 codes")
            return frozenset()
        unknown = [code for code in codes if Country.get(code) is None]
        if unknown:
            self.error(key, "unknown country" + _meant(unknown[0]))
            return frozenset()
        if len(set(codes)) != len(codes):  # each country has one such code
            self.error(key, "a country stands there twice")
        return frozenset(map(Country, codes))

    def age(self, key: str) -> int | None:
        age = self.table.get(key)
        if age is None or (type(age) is int and age > 0):
            return age
        self.error(key, f"{key} must be a positive integer of seconds")
        return None

    def texts(self, key: str) -> frozenset[str] | None:
        if key not in self.table:
            return None
        texts = _texts(self.table[key], _MAX_NAMES, MAX_NAME_CHARS)
        if not texts:
            self.error(key, f"{key} must be a list of distinct texts")
        return frozenset(texts) or None

    def formats(self) -> frozenset[Format] | None:
        names = self.texts("formats")
        unknown = sorted(names - _FORMATS.keys()) if names else []
        if unknown:
            self.error("formats", "unknown format" + suggestion(unknown[0], _FORMATS))
        return None if names is None or unknown else frozenset(_FORMATS[name] for name in names)

    def assurances(self) -> frozenset[Assurance] | None:
        """Return all levels that reach the floor of one of the frameworks named."""
        floors = self.table.get("assurance")
        if floors is None:
            return None
        if type(floors) is not dict or not floors:
            self.error("assurance", "assurance must be a table of a framework and its least level")
            return None
        reached: list[Assurance] = []
        for framework, least in floors.items():
            if framework not in self.levels:
                self.error("assurance", "unknown framework" + suggestion(framework, self.levels))
                continue
            levels = self.levels[framework]
            if type(least) is str and least in levels:
                reached += [Assurance(framework, level) for level in levels[levels.index(least) :]]
            else:
                self.error("assurance", "unknown level" + suggestion(least, levels))
        return frozenset(reached)

    def time(self, key: str) -> UnixTime | None:
        moment = self.table.get(key)
        if moment is None:
            return None
        if type(moment) is not datetime or moment.tzinfo is None or moment.microsecond:
            self.error(key, f"{key} must be a date and time with its offset, such as 2026-07-01T00:00:00Z")
            return None
        seconds = int((moment - _EPOCH).total_seconds())
        if seconds < 0:
            self.error(key, f"{key} must not lie before 1970")
            return None
        return UnixTime(seconds)


_EUROPEAN: Final = {
    "UK": "GB",
    "EL": "GR",
}  # the European Union's own codes, which ISO 3166-1 reserves or does not know


def _meant(code: object) -> str:
    """Return a suggestion for what was meant as a country: another code of it, or another case."""
    for written in (code, code.upper()) if isinstance(code, str) else ():
        try:
            return f" (did you mean {Country.parse(_EUROPEAN.get(written, written)).alpha2}?)"
        except CitizenIDError:
            continue
    return ""


def first_error(findings: Iterable[Finding]) -> CitizenIDError | None:
    """Return the error of the first finding, or None."""
    return next((finding.to_error() for finding in findings), None)
