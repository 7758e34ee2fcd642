"""Attacks on the decision about citizenship: codes of no country, claims that are not there, words that are nobody's.

Spec: specs/policy.md; specs/verification.md V4.18, V4.29, V7.12, V9.8; DESIGN section 7.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ... import Country, Format, Reason
from ...gateway import AdmissionPolicy
from ..attacks import Group, attack
from ..forge import sd_jwt as _sd_jwt
from ..forge.cbor import dump as write
from ..forge.mdoc_issuer import MDL, OURS, PHOTO_ID, PID
from ..forge.parts import ABSENT, key
from ..forge.sd_jwt import digest, disclosure
from ..forgery import Forgery, Outcome, called
from ..targets import Library, Party, Target, outcome_of, serving
from ..trials import Kind, Trial, accepted, expect, holds, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ..world import POLICY
from ._policies import RULE, policies_that_say_nothing
from ._policy_bounds import bounds_of_rules

_INVALID: Final = Reason.COUNTRY_INVALID
_NOT_SHOWN: Final = Reason.CITIZENSHIP_NOT_SHOWN
_NOT_PERMITTED: Final = Reason.CITIZENSHIP_NOT_PERMITTED
_INCOMPLETE: Final = Reason.COMPLETENESS_NOT_SHOWN
_CONFIGURATION: Final = Reason.POLICY_INVALID
_ASKED: Final = '[[rule]]\nresource = "us-nationals"\nnationality = ["US"]\n'
"""The resource for which a party asks to be told what to show."""
_NOT_FRENCH: Final = RULE + 'anyone = true\nnone_of = ["FR"]\n'
_GERMAN_NOT_FRENCH: Final = RULE + 'nationality = ["DE"]\nnone_of = ["FR"]\n'


def _decided(
    name: str, reason: Reason | None, shown: Forgery, resource: str = "us-nationals", policy: str = POLICY
) -> Trial:
    """Be admitted by a presentation where that is possible, and ask for a resource; the rule is of this policy."""

    def act(target: Target) -> Outcome:
        text = policy if policy is POLICY else policy + _ASKED
        return _asked(target.party(format=shown.format, policy_text=text), shown, resource)

    return Trial(name, Kind.ACCEPTED if reason is None else Kind.REFUSED, reason, "", act, anywhere=True)


def _asked(party: Party, shown: Forgery, resource: str) -> Outcome:
    answer = party.apply(shown)
    if answer.status != 200:
        return outcome_of(answer)
    return party.use(str(json.loads(answer.body)["ticket"]), resource)


def _stating(**payload: Any) -> Forgery:
    """Return an SD-JWT VC that states this of citizenship, and nothing else."""
    return jwt(payload={"nationalities": ABSENT, **payload})


def _element(value: Any, namespace: str = PID) -> Forgery:
    return mdoc(elements={namespace: {"nationality": value}})


def _no_country(number: int, name: str, code: Any) -> Iterator[Trial]:
    """Put a code where countries stand: the first of several in every place, each other in one of them in turn."""
    places = {
        "nationalities": jwt(payload={"nationalities": [code]}),
        "citizenships": jwt(payload={"citizenships": [code]}),
        "behind a good one": jwt(payload={"nationalities": ["US", code]}),
        "SD-CWT": sd_cwt(claims={"nationalities": [code]}),
    }
    for turn, (place, forged) in enumerate(places.items()):
        if number == 0 or number % len(places) == turn:
            yield refused(f"{place}, {name}", _INVALID, forged, step="V4")


@attack("POL-001", "COUNTRY_INVALID")
def other_spellings() -> Iterator[Trial]:
    """A country in another case, with something around it, or by another of its codes."""
    yield accepted("the one spelling", jwt(payload={"nationalities": ["US"]}))
    for number, code in enumerate(("de", "De", " DE", "DE ", "DE\n", "DEU", "276", "", "DE\0", "D")):
        yield from _no_country(number, repr(code), code)
        yield raises(f"Country, {code!r}", _INVALID, partial(Country, code))
    # In an mdoc alpha-3 and the codes of ICAO are used as well, each in its one spelling.
    for codes in (["US"], ["USA"], ["USA", "D"]):
        yield accepted(f"mdoc, {codes}", _element(codes))
    for code in ("de", "Deu", " DE", "DE\n", "276", "", "DEUT"):
        yield refused(f"mdoc, {code!r}", _INVALID, _element([code]), step="V4")
        yield refused(f"mdoc, as text, {code!r}", _INVALID, _element(code, MDL), step="V4")
    for name in ("citizen_of_DE", "citizen_of_deu", "national_of_", "citizen_of_xx", "national_of_de "):
        forged = mdoc(elements={OURS: {name: True}}, doc_type=OURS)
        yield refused(f"mdoc, {name!r}", _INVALID, forged, step="V4")


@attack("POL-002", "COUNTRY_INVALID")
def look_alikes() -> Iterator[Trial]:
    """A code that looks like a country, or becomes one when it is folded."""
    codes = {
        "Cyrillic E": "D\u0415", "full width": "\uff24\uff25", "a soft hyphen": "D\u00adE", "a ligature": "\ufb01",
        "a zero-width space": "DE\u200b", "a sharp s": "\u00df", "dotless i": "\u0131T", "dotted I": "\u0130T",
        "a long s": "U\u017f",
        "mathematical": "\U0001d403\U0001d404", "regional indicators": "\U0001f1e9\U0001f1ea", "Kelvin": "\u212aR",
        "right to left": "\u202eED", "combining": "DE\u0301", "Greek": "\u0394\u0395", "a byte order mark": "\ufeffDE",
    }  # fmt: skip
    for number, (name, code) in enumerate(codes.items()):
        yield from _no_country(number, name, code)
        yield refused(f"mdoc, {name}", _INVALID, _element([code]), step="V4")
        expect(Country.get(code) is None, "a look-alike is a country")


@attack("POL-004", "COUNTRY_INVALID")
def codes_of_no_country() -> Iterator[Trial]:
    """A code that is reserved, withdrawn, or free for users to assign."""
    for number, code in enumerate(("UK", "EL", "EU", "SU", "YU", "XK", "ZZ", "AA", "XX", "AN", "DD", "TP", "UN", "QZ")):
        yield from _no_country(number, code, code)
        yield refused(f"mdoc, {code}", _INVALID, _element([code]), step="V4")
        yield holds(f"a policy cannot list it, {code}", partial(_unlisted, code))
    # Known to be no country: legal in a claim, and nobody's nationality.
    for code in ("QU", "QS"):
        yield accepted(f"SD-JWT VC, {code}", jwt(payload={"nationalities": ["US", code]}))
        yield holds(f"it is no nationality, {code}", partial(_nobody, code))
        yield holds(f"a policy cannot list it, {code}", partial(_unlisted, code))


def _unlisted(code: str) -> None:
    for condition in (f'nationality = ["{code}"]', f'citizenship = ["{code}"]', f'anyone = true\nnone_of = ["{code}"]'):
        outcome = called(partial(AdmissionPolicy.from_toml, RULE + condition))
        expect(outcome.reason is _CONFIGURATION, "a policy has taken a code of no country")


def _nobody(code: str) -> None:
    outcome = _decided("", None, jwt(payload={"nationalities": [code]})).act(Library())
    expect(outcome.reason is _NOT_SHOWN, "a special code is a nationality")


@attack("POL-006", "POLICY_CLAIM_MISSING")
def nothing_stated() -> Iterator[Trial]:
    """No nationality is stated, or none is shown."""
    yield _decided("SD-JWT VC, it is", None, jwt())
    yield _decided("SD-CWT, it is", None, sd_cwt())
    yield _decided("mdoc, it is", None, mdoc())
    yield _decided("SD-JWT VC", _NOT_SHOWN, _stating())
    yield _decided("SD-CWT", _NOT_SHOWN, sd_cwt(claims={"nationalities": ABSENT}))
    yield _decided("mdoc", _NOT_SHOWN, mdoc(elements={PID: {"family_name": "Muster"}}))
    text = disclosure("salt", "nationalities", ["US"])
    yield _decided("SD-JWT VC, withheld", _NOT_SHOWN, _stating(_sd=[digest(text)]))
    element = disclosure("salt", "US")
    yield _decided("SD-JWT VC, each withheld", _NOT_SHOWN, _stating(nationalities=[{"...": digest(element)}]))
    false = mdoc(elements={OURS: {"national_of_us": False}}, doc_type=OURS)
    yield _decided("mdoc, false is no statement", _NOT_SHOWN, false)
    yield _decided("a nationality is no citizenship", _NOT_SHOWN, jwt(), "us-citizens")
    yield _decided("a citizenship is a nationality", None, _stating(citizenships=["US"]))
    empty = _stating(nationalities=[], nationalities_complete=True)
    yield _decided("a list that is complete and empty", _NOT_SHOWN, empty)


@attack("POL-007", "POLICY_CLAIM_MISSING")
def nothing_in_it() -> Iterator[Trial]:
    """Nationality is stated as an empty list, or as nothing."""
    for name, reason, value in (
        ("[]", _NOT_SHOWN, []), ("null", _INVALID, None), ("the empty text", _INVALID, ""), ("{}", _INVALID, {}),
        ("[null]", _INVALID, [None]), ("[[]]", _INVALID, [[]]), ("false", _INVALID, False), ("0", _INVALID, 0),
        ("['']", _INVALID, [""]),
    ):  # fmt: skip
        yield _decided(f"SD-JWT VC, {name}", reason, _stating(nationalities=value))
        if value in ([], None):
            yield _decided(f"SD-JWT VC, citizenships, {name}", reason, _stating(citizenships=value))
            yield _decided(f"SD-CWT, {name}", reason, sd_cwt(claims={"nationalities": value}))
        yield _decided(f"mdoc, {name}", reason, _element(value))


@attack("POL-011", "POLICY_DENIED")
def one_of_several() -> Iterator[Trial]:
    """Somebody has two nationalities, and the rule names one: one is enough, and order counts for nothing."""
    dual = jwt(payload={"nationalities": ["DE", "FR"]})
    german = RULE + 'nationality = ["DE"]\n'
    yield _decided("SD-JWT VC, one of two", None, dual, "r", german)
    yield _decided("SD-JWT VC, the second", None, jwt(payload={"nationalities": ["FR", "DE"]}), "r", german)
    yield _decided("SD-CWT, one of two", None, sd_cwt(claims={"nationalities": ["FR", "DE"]}), "r", german)
    yield _decided("mdoc, one of two", None, _element(["FR", "DE"]), "r", german)
    yield _decided("mdoc, beside a code that names nobody", None, _element(["XXA", "DE"]), "r", german)
    yield _decided("SD-JWT VC, both are named", None, dual, "europe")
    yield _decided("SD-JWT VC, neither is", _NOT_PERMITTED, dual)
    # No rule asks that all are of a list. What comes near to it excludes the others: POL-012.
    complete = jwt(payload={"nationalities": ["DE", "FR"], "nationalities_complete": True})
    yield _decided("SD-JWT VC, the other is excluded", _NOT_PERMITTED, complete, "r", _GERMAN_NOT_FRENCH)
    alone = jwt(payload={"nationalities": ["DE"], "nationalities_complete": True})
    yield _decided("SD-JWT VC, one alone", None, alone, "r", _GERMAN_NOT_FRENCH)


@attack("POL-012")
def one_that_is_excluded() -> Iterator[Trial]:
    """Somebody holds a nationality that a rule excludes, beside one that it takes, or misses another of its bounds."""
    for name, policy in (("anyone but", _NOT_FRENCH), ("Germans but", _GERMAN_NOT_FRENCH)):
        for shown, reason, claims in (
            ("none of it, complete", None, {"nationalities": ["DE"]}),
            ("stated first", _NOT_PERMITTED, {"nationalities": ["FR", "DE"]}),
            ("as a citizenship", _NOT_PERMITTED, {"nationalities": ["DE"], "citizenships": ["FR"]}),
            ("not complete", _INCOMPLETE, {"nationalities": ["DE"], "nationalities_complete": False}),
            ("nobody says so", _INCOMPLETE, {"nationalities": ["DE"], "nationalities_complete": ABSENT}),
            ("stated, not complete", _NOT_PERMITTED, {"nationalities": ["FR"], "nationalities_complete": ABSENT}),
            ("one is withheld", _INCOMPLETE, {"nationalities": ["DE", {"...": digest(disclosure("salt", "FR"))}]}),
            # A ticket holds six countries: of a longer list nobody says afterwards that it is complete.
            ("the last of seven", _INCOMPLETE, {"nationalities": ["DE", "IT", "ES", "PT", "NL", "BE", "FR"]}),
            ("a code of nobody", _INCOMPLETE, {"nationalities": ["DE", "QU"]}),
        ):  # fmt: skip
            forged = jwt(payload={"nationalities_complete": True, **claims})
            yield _decided(f"{name}, {shown}", reason, forged, "r", policy)
        cbor = sd_cwt(claims={"nationalities": ["DE", "FR"], "nationalities_complete": True})
        yield _decided(f"{name}, SD-CWT", _NOT_PERMITTED, cbor, "r", policy)
        flags = {OURS: {"nationalities": ["DE"], "nationalities_complete": True, "national_of_fr": True}}
        yield _decided(f"{name}, mdoc", _NOT_PERMITTED, mdoc(elements=flags, doc_type=OURS), "r", policy)
    yield _decided("nobody knows, mdoc", _INCOMPLETE, _element(["DE"]), "r", _GERMAN_NOT_FRENCH)
    dual = jwt(payload={"nationalities": ["DE", "FR"], "nationalities_complete": True})
    told = partial(_by_a_german, dual)
    yield Trial("the anchor may not attest it", Kind.REFUSED, _NOT_PERMITTED, "", told, anywhere=False)
    yield from bounds_of_rules()


def _by_a_german(shown: Forgery, _: Target) -> Outcome:
    """Ask at a gateway that takes the word of the issuer on Germans alone: on others it counts against."""
    trusted = _sd_jwt.anchors_for(key("issuer").public, countries=[Country("DE")])
    text = _GERMAN_NOT_FRENCH + _ASKED
    party = Party(lambda world: serving(world.gateway), format=Format.SD_JWT_VC, policy_text=text, anchors=trusted)
    return _asked(party, shown, "r")


def _first(count: int) -> list[str]:
    return [country.alpha2 for country in Country.all()][:count]


@attack("POL-014", "COUNTRY_INVALID")
def lists_with_a_fault() -> Iterator[Trial]:
    """A list says a country twice, or holds something that is none beside good ones."""
    yield accepted("two, in any order", jwt(payload={"nationalities": ["FR", "US"]}))
    lists: dict[str, list[Any]] = {
        "twice": ["DE", "DE"], "twice, apart": ["DE", "FR", "DE"], "an unknown one": ["DE", "??"],
        "an unknown one first": ["??", "DE"],
        "XX": ["DE", "XX"], "a number": ["DE", 5], "null": ["DE", None], "an array": ["DE", ["FR"]],
        "empty": ["DE", ""], "a special code twice": ["QU", "QU"], "33 of them": _first(33),
    }  # fmt: skip
    for name, codes in lists.items():
        yield refused(f"SD-JWT VC, {name}", _INVALID, jwt(payload={"nationalities": codes}), step="V4")
        if len(codes) == 2:
            yield refused(f"citizenships, {name}", _INVALID, jwt(payload={"citizenships": codes}), step="V4")
        else:
            yield refused(f"SD-CWT, {name}", _INVALID, sd_cwt(claims={"nationalities": codes}), step="V4")
        if name != "XX":
            yield refused(f"mdoc, {name}", _INVALID, _element(codes), step="V4")
    yield refused("mdoc, by two codes of one country", _INVALID, _element(["DE", "DEU"]), step="V4")
    hidden = [disclosure("salt", "DE"), disclosure("another salt", "DE")]
    both = jwt(payload={"nationalities": [{"...": digest(each)} for each in hidden]}, disclosures=hidden)
    yield refused("SD-JWT VC, twice by disclosures", _INVALID, both, step="V4")
    yield accepted("32 of them", jwt(payload={"nationalities": ["US", *_first(31)]}))


@attack("POL-015", "POLICY_CLAIM_MISSING")
def another_claim_of_a_country() -> Iterator[Trial]:
    """A country stands in a claim that says something else of the person."""
    names = (
        "issuing_country", "nationality", "country", "resident_country", "birth_country", "issuing_authority",
        "citizenship", "Nationalities", "nationalities ",
    )  # fmt: skip
    for number, name in enumerate(names):
        yield _decided(f"SD-JWT VC, {name}", _NOT_SHOWN, _stating(**{name: "US" if number % 2 else ["US"]}))
    for name in names[:2]:
        yield _decided(f"SD-CWT, {name}", _NOT_SHOWN, sd_cwt(claims={"nationalities": ABSENT, name: "US"}))
    yield _decided("SD-JWT VC, address", _NOT_SHOWN, _stating(address={"country": "US"}))
    # The country of who signed an mdoc is stated in the certificate, and is UT here.
    for name, value in (("issuing_country", "UT"), ("resident_country", "US"), ("birth_place", "US")):
        yield _decided(f"mdoc, {name}", _NOT_SHOWN, mdoc(elements={PID: {name: value}}))
    for namespace in ("org.example.person", PID + ".us", PID.upper(), "org.iso.23220.2"):
        yield _decided(f"mdoc, {namespace}", _NOT_SHOWN, _element(["US"], namespace))
    for namespace in (PID, PHOTO_ID, MDL):
        yield _decided(f"mdoc, its own place in {namespace}", None, _element("US", namespace))
    foreign = mdoc(elements={PID: {"citizen_of_us": True}})
    yield _decided("mdoc, citizen_of_us in a foreign namespace", _NOT_SHOWN, foreign)


@attack("POL-016", "POLICY_CLAIM_MISSING")
def another_voice() -> Iterator[Trial]:
    """Nationality is stated below the top, in a header, or by the holder."""
    us: dict[str, Any] = {"nationalities": ["US"], "citizenships": ["US"]}
    inside = disclosure("salt", "nationalities", ["US"])
    below = {"payload": {"nationalities": ABSENT, "o": {"_sd": [digest(inside)]}}, "disclosures": [inside]}
    places: dict[str, dict[str, Any]] = {
        "in an object": {"payload": {"nationalities": ABSENT, "person": us}},
        "in an array": {"payload": {"nationalities": ABSENT, "persons": [us]}},
        "in a vc": {"payload": {"nationalities": ABSENT, "vc": {"credentialSubject": us}}},
        "disclosed below": below,
        "in the header": {"payload": {"nationalities": ABSENT}, "header": us},
        "in the key binding": {"payload": {"nationalities": ABSENT}, "kb": us},
        "in the header of the key binding": {"payload": {"nationalities": ABSENT}, "kb_header": us},
        "in the status": {"payload": {"nationalities": ABSENT, "assurance": {"framework": "US", "level": "US"}}},
    }
    for name, parts in places.items():
        yield _decided(f"SD-JWT VC, {name}", _NOT_SHOWN, jwt(**parts))
    bare: dict[Any, Any] = {"nationalities": ABSENT}
    yield _decided("SD-CWT, in a map", _NOT_SHOWN, sd_cwt(claims={**bare, "person": us}))
    yield _decided("SD-CWT, in the key binding", _NOT_SHOWN, sd_cwt(claims=bare, kb=us))
    yield _decided("SD-CWT, in the header", _NOT_SHOWN, sd_cwt(claims=bare, header={15: us}))
    yield _decided("SD-CWT, unprotected", _NOT_SHOWN, sd_cwt(claims=bare, unprotected=us))
    device = {"content": write({PID: {"nationality": ["US"]}})}
    named: dict[str, Any] = {"elements": {PID: {"family_name": "Muster"}}, "device": device}
    yield _decided("mdoc, the device says so", Reason.DEVICE_ELEMENT_NOT_AUTHORIZED, mdoc(**named))
    permitted = {"keyAuthorizations": {"nameSpaces": [PID]}}
    yield _decided("mdoc, and it may", _NOT_SHOWN, mdoc(**named, key_info=permitted))


@attack("POL-018", "POLICY_DENIED")
def claims_that_contradict() -> Iterator[Trial]:
    """Claims contradict each other: what a rule asks for is decided by its own claims, and doubt counts against."""
    # No rule asks for an age: such claims are the person's, and change no decision. Nor can a policy ask (POL-009).
    ages = {"age_over_18": True, "birthdate": "2026-01-01", "age_equal_or_over": {"21": True}}
    yield _decided("ages, a national of the country", None, jwt(payload=ages))
    yield _decided("ages, a national of another", _NOT_PERMITTED, jwt(payload={**ages, "nationalities": ["DE"]}))
    mixed = mdoc(elements={PID: {"nationality": ["DE"], "age_over_18": True, "birth_date": "2026-01-01"}})
    yield _decided("ages, mdoc", _NOT_PERMITTED, mixed)
    # A list that is said to be complete, and is contradicted by what stands beside it, is not.
    contradicted = {"nationalities": ["DE"], "citizenships": ["IT"], "nationalities_complete": True}
    yield _decided("a complete list without the citizenship", _INCOMPLETE, jwt(payload=contradicted), "r", _NOT_FRENCH)
    excluded = {**contradicted, "citizenships": ["FR"]}
    yield _decided("and it is the one that is excluded", _NOT_PERMITTED, jwt(payload=excluded), "r", _NOT_FRENCH)
    agreeing = {**contradicted, "nationalities": ["DE", "IT"]}
    yield _decided("a complete list with the citizenship", None, jwt(payload=agreeing), "r", _NOT_FRENCH)
    flags = {OURS: {"nationalities": ["DE"], "nationalities_complete": True, "citizen_of_it": True}}
    yield _decided("mdoc, a flag beside the list", _INCOMPLETE, mdoc(elements=flags, doc_type=OURS), "r", _NOT_FRENCH)
    two = mdoc(elements={OURS: flags[OURS], PID: {"nationality": ["FR"]}}, doc_type=OURS)
    yield _decided("mdoc, two namespaces", _NOT_PERMITTED, two, "r", _NOT_FRENCH)


GROUP: Final = Group(
    "policy",
    "a country is one of a closed list, stated by its issuer in its one place; nothing said is nothing proven",
    (
        other_spellings,
        look_alikes,
        codes_of_no_country,
        nothing_stated,
        nothing_in_it,
        policies_that_say_nothing,
        one_of_several,
        one_that_is_excluded,
        lists_with_a_fault,
        another_claim_of_a_country,
        another_voice,
        claims_that_contradict,
    ),
)
