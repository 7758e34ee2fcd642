"""What to ask a wallet for: the DCQL query of a rule, and the `vp_token` that answers it.

The query asks for the least that satisfies the rule: one boolean of our mdoc namespace, then single elements of the
arrays of an SD-JWT VC, then the elements that are shown whole or not at all. Nothing is asked that would not help: only
formats and types that an anchor accepts, only countries that it may attest, and no list of those who lack the boolean.
A wallet may answer with less, more or something else. Nothing here is believed: the answer is verified like any other
presentation, and the rule decides on what was proven, never on what was asked.

SD-CWT is no format of OpenID4VP; its holders post what they have.

Spec: OpenID4VP 1.0 sections 6, 7 and 8; specs/profile-openid4vp.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, final

from .. import _registry as reg
from .._errors import CitizenIDError, MalformedError, Reason
from .._limits import DEFAULT_LIMITS, Limits
from .._model import Format, KeyPurpose
from .._wire import base64url, json
from ..countries import Country
from ..policy import AdmissionPolicy, Rule
from ..trust import TrustAnchor, TrustAnchors

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]+")  # OpenID4VP 1.0 sections 6.1 and 6.3
_QUERY: Final = "dcql_query"
_ANSWER: Final = "vp_token"
# Formats of OpenID4VP 1.0 appendix B that are read here, and what their ids begin with.
_NAMES: Final = {Format.MDOC: "mdoc", Format.SD_JWT_VC: "sd_jwt_vc"}
_FORMATS: Final = {str(each): each for each in _NAMES}
_NOT_KEPT: Final = {
    "intent_to_retain": False
}  # appendix B.2.4; what was shown goes into the ticket, which is the client's
# In which order wallets are asked: our booleans, single elements of arrays, one code, a whole array, and what a docType
# that nobody knows may hold.
_BOOLEAN, _ELEMENTS, _ONE, _WHOLE, _ANY = range(5)


def dcql_query(rule: Rule, *, anchors: TrustAnchors) -> dict[str, Any] | None:
    """Return the DCQL query that discloses the least that can satisfy a rule.

    The same rule and anchors give the same query.

    Args:
        rule: that decides on the resource.
        anchors: whom the gateway trusts.

    Returns:
        The query, or None when nothing need be presented, or when no credential over OpenID4VP could satisfy the rule.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for what is no rule, and for anchors that are none.
    """
    _check_types(("rule", rule, Rule), ("anchors", anchors, TrustAnchors))
    asked = sorted(_asked(rule, anchors), key=lambda each: (each.rank, each.types))
    if not asked:
        return None
    credentials = [each.to_json(number) for number, each in enumerate(asked, 1)]
    query: dict[str, Any] = {"credentials": credentials}
    if len(credentials) > 1:  # without a set of options a wallet would have to hold them all
        query["credential_sets"] = [{"options": [[each["id"]] for each in credentials]}]
    return query


def unsatisfiable_rules(policy: AdmissionPolicy, *, anchors: TrustAnchors) -> tuple[int, ...]:
    """Return the numbers of the rules that no credential of these anchors can satisfy, in any format.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for what is no policy, and for anchors that are none.
    """
    _check_types(("policy", policy, AdmissionPolicy), ("anchors", anchors, TrustAnchors))
    return tuple(rule.number for rule in policy.rules if not rule.anyone and not _accepted(rule, anchors))


def _check_types(*given: tuple[str, object, type]) -> None:
    for where, value, kind in given:
        if type(value) is not kind:  # an empty list trusts nobody: nothing would be asked for
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)


class _Ask(NamedTuple):
    """One credential query before it has a number: alternatives of claims, the least first."""

    rank: int
    format: Format
    types: tuple[str, ...]
    options: tuple[tuple[dict[str, Any], ...], ...]

    def to_json(self, number: int) -> dict[str, Any]:
        claims = {claim["id"]: claim for option in self.options for claim in option}
        meta: dict[str, Any] = {"vct_values": list(self.types)}
        if self.format is Format.MDOC:
            meta = {"doctype_value": self.types[0]}
        written = {
            "id": f"{_NAMES[self.format]}_{number}",
            "format": str(self.format),
            "meta": meta,
            "claims": list(claims.values()),
        }
        if len(self.options) > 1:
            written["claim_sets"] = [[claim["id"] for claim in option] for option in self.options]
        return written


def _asked(rule: Rule, anchors: TrustAnchors) -> Iterable[_Ask]:
    alike: dict[str, _Ask] = {}
    for (format_, type_), countries in _accepted(rule, anchors).items():
        if format_ is Format.MDOC:
            yield _mdoc(rule, type_, countries)
        elif format_ is Format.SD_JWT_VC:
            ask = _sd_jwt_vc(rule, type_, countries)
            known = alike.setdefault(repr(ask.options), ask)  # types of which the same is asked are asked at once
            alike[repr(ask.options)] = known._replace(types=tuple(sorted({*known.types, type_})))
    yield from alike.values()


def _accepted(rule: Rule, anchors: TrustAnchors) -> dict[tuple[Format, str], frozenset[Country]]:
    """Return format and type of every credential that could satisfy a rule, with the countries that it can help by."""
    accepted: dict[tuple[Format, str], frozenset[Country]] = {}
    if rule.anyone:
        return accepted
    for anchor in anchors:
        countries = frozenset(filter(anchor.may_attest, rule.countries))
        if anchor.purpose is not KeyPurpose.CREDENTIAL or (rule.countries and not countries):
            continue
        for format_, type_ in sorted((str(each), name) for each in anchor.formats for name in anchor.types):
            if _takes(rule, anchor, Format(format_), type_):
                key = (Format(format_), type_)
                accepted[key] = accepted.get(key, frozenset()) | countries
    return accepted


def _takes(rule: Rule, anchor: TrustAnchor, format_: Format, type_: str) -> bool:
    if rule.issuers is not None and anchor.issuer not in rule.issuers:
        return False
    if (rule.formats is not None and format_ not in rule.formats) or (
        rule.types is not None and type_ not in rule.types
    ):
        return False
    foreign = (
        type_ in reg.MDOC_NATIONALITY_NAMESPACE_OF if format_ is Format.MDOC else type_.startswith(reg.EUDI_PID_VCT)
    )
    if rule.max_evidence_age_s is not None and format_ is not Format.MDOC and type_ != reg.VCT_CITIZENSHIP:
        return False  # of an mdoc the namespace is ours, whatever the docType
    # What others issue states nationalities and no more: no citizenship, no complete list, no assurance, no evidence.
    more = bool(rule.none_of) or rule.assurances is not None or (bool(rule.countries) and rule.needs_citizenship)
    return not (foreign and (more or rule.max_evidence_age_s is not None))


def _sd_jwt_vc(rule: Rule, type_: str, countries: frozenset[Country]) -> _Ask:
    codes = sorted(country.alpha2 for country in countries)
    claims: list[dict[str, Any]] = []
    if codes and rule.needs_citizenship:
        claims.append({"id": reg.CITIZENSHIPS, "path": [reg.CITIZENSHIPS, None], "values": codes})
    if rule.none_of:  # all of the list is needed, and the word that it is all
        claims.append({"id": reg.NATIONALITIES, "path": [reg.NATIONALITIES, None]})
        claims.append({"id": reg.NATIONALITIES_COMPLETE, "path": [reg.NATIONALITIES_COMPLETE], "values": [True]})
    elif codes and not rule.needs_citizenship:
        claims.append({"id": reg.NATIONALITIES, "path": [reg.NATIONALITIES, None], "values": codes})
    if rule.assurances is not None:
        claims.append({"id": reg.ASSURANCE, "path": [reg.ASSURANCE]})
    if rule.max_credential_age_s is not None:
        claims.append({"id": reg.IAT, "path": [reg.IAT]})  # some issuers let it be withheld
    if rule.max_evidence_age_s is not None:
        claims.append({"id": reg.EVIDENCE_CHECKED_AT, "path": [reg.EVIDENCE_CHECKED_AT]})
    return _Ask(_ELEMENTS, Format.SD_JWT_VC, (type_,), (tuple(claims),))


def _mdoc(rule: Rule, type_: str, countries: frozenset[Country]) -> _Ask:
    namespace = reg.MDOC_NATIONALITY_NAMESPACE_OF.get(type_)
    if namespace is not None:
        rank = _WHOLE if namespace in reg.MDOC_NATIONALITY_ARRAYS else _ONE
        return _Ask(rank, Format.MDOC, (type_,), ((_nationality(namespace, countries),),))
    options = _own_options(rule, countries)
    if type_ == reg.MDOC_CITIZENSHIP:
        return _Ask(_BOOLEAN, Format.MDOC, (type_,), options)
    if not (
        rule.none_of or rule.needs_citizenship or rule.assurances is not None or rule.max_evidence_age_s is not None
    ):
        known = sorted(reg.MDOC_NATIONALITY_NAMESPACES, key=lambda each: each in reg.MDOC_NATIONALITY_ARRAYS)
        options += tuple((_nationality(each, countries),) for each in known)
    return _Ask(_ANY, Format.MDOC, (type_,), options)


def _own_options(rule: Rule, countries: frozenset[Country]) -> tuple[tuple[dict[str, Any], ...], ...]:
    """Return the alternatives in our namespace: one country is enough, whichever."""
    always: list[dict[str, Any]] = []
    if rule.none_of:
        always = [_element(reg.NATIONALITIES), _element(reg.NATIONALITIES_COMPLETE, True)]
    if rule.assurances is not None:
        always.append(_element(reg.ASSURANCE))
    if rule.max_evidence_age_s is not None:
        always.append(_element(reg.EVIDENCE_CHECKED_AT))
    prefix = reg.CITIZEN_OF if rule.needs_citizenship else reg.NATIONAL_OF
    if not countries or (rule.none_of and not rule.needs_citizenship):  # the whole list says it already
        return (tuple(always),)
    names = [prefix + country.alpha2.lower() for country in sorted(countries, key=str)]
    return tuple((_element(name, True), *always) for name in names)


def _element(name: str, value: bool | None = None) -> dict[str, Any]:
    claim: dict[str, Any] = {"id": name, "path": [reg.MDOC_CITIZENSHIP, name], **_NOT_KEPT}
    return claim if value is None else {**claim, "values": [value]}


def _nationality(namespace: str, countries: frozenset[Country]) -> dict[str, Any]:
    claim: dict[str, Any] = {
        "id": reg.MDOC_NATIONALITY + "_" + namespace.replace(".", "_"),
        "path": [namespace, reg.MDOC_NATIONALITY],
        **_NOT_KEPT,
    }
    if namespace not in reg.MDOC_NATIONALITY_ARRAYS:  # an array matches no value
        claim["values"] = [code for each in sorted(countries, key=str) for code in (each.alpha2, each.alpha3)]
    return claim


# --- the answer ---


@final
class PresentedCredential(NamedTuple):
    """One presentation of a `vp_token`: as it came, about which nothing is known.

    Attributes:
        id: of the credential query that it answers.
        format: that the query asked for.
        presentation: for `Gateway.admit` or `verify`: an SD-JWT in ASCII, a DeviceResponse in CBOR.
    """

    id: str
    format: Format
    presentation: bytes

    def __repr__(self) -> str:
        return f"<PresentedCredential {self.format}, unverified>"


def parse_vp_token(
    text: str | bytes, query: Mapping[str, Any], *, limits: Limits = DEFAULT_LIMITS
) -> tuple[PresentedCredential, ...]:
    """Read the `vp_token` of a wallet's answer (OpenID4VP 1.0 sections 8.1 and 8.6), decrypted if it was encrypted.

    Args:
        text: the JSON object.
        query: the DCQL query that was sent.
        limits: bounds; the whole may have twice the bytes of a presentation.

    Returns:
        The presentations, in the order of the query.

    Raises:
        MalformedError: REQUEST_INVALID for an id that was not asked for, a value that is no array of one presentation
            (of several where the query permits it), a presentation of the wrong kind, or credentials that do not
            satisfy the query's sets; INPUT_TOO_LARGE, LIMIT_EXCEEDED, MALFORMED_JSON, DUPLICATE_MEMBER,
            DEPTH_EXCEEDED, MALFORMED_BASE64.
        CitizenIDError: CONFIGURATION_INVALID for a query that is none, or that is not of ours, and for limits that are
            none.
    """
    _check_types(("limits", limits, Limits))
    asked = check_dcql_query(query)
    data = _encoded(text)
    if len(data) > 2 * limits.presentation_bytes:
        raise MalformedError(Reason.INPUT_TOO_LARGE, _ANSWER)
    members = json.parse_object(data, _ANSWER, 3)
    if not members.keys() <= asked.keys() or not members:
        raise MalformedError(Reason.REQUEST_INVALID, _ANSWER)
    for set_ in query.get("credential_sets", [{"options": [list(asked)]}]):
        if set_.get("required", True) and not any(members.keys() >= set(option) for option in set_["options"]):
            raise MalformedError(Reason.REQUEST_INVALID, _ANSWER)
    found = []
    for id_, credential in asked.items():
        presentations = members.get(id_, ())
        if id_ in members and (type(presentations) is not list or not presentations):
            raise MalformedError(Reason.REQUEST_INVALID, _ANSWER)
        if len(presentations) > 1 and credential.get("multiple", False) is not True:
            raise MalformedError(Reason.REQUEST_INVALID, _ANSWER)
        if len(presentations) > limits.documents:
            raise MalformedError(Reason.LIMIT_EXCEEDED, _ANSWER)
        format_ = _FORMATS[credential["format"]]
        found += [PresentedCredential(id_, format_, _presentation(each, format_)) for each in presentations]
    return tuple(found)


def _encoded(text: str | bytes) -> bytes:
    data = None
    try:
        data = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError:
        pass  # raised below without the input
    if type(data) is not bytes:
        raise MalformedError(Reason.REQUEST_INVALID, _ANSWER)
    return data


def _presentation(value: object, format_: Format) -> bytes:
    if type(value) is not str or not value or not value.isascii():
        raise MalformedError(Reason.REQUEST_INVALID, _ANSWER)
    # OpenID4VP 1.0 appendix B.2.5: a DeviceResponse is base64url.
    return base64url.decode_text(value, _ANSWER) if format_ is Format.MDOC else value.encode("ascii")


def check_dcql_query(query: object) -> dict[str, Mapping[str, Any]]:
    """Return the credential queries of a DCQL query by their ids. Unknown properties are passed over (section 6).

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for what OpenID4VP 1.0 section 6 does not permit, for a format that is
            not read here, and for a query that waives the holder's proof.
    """
    credentials = query.get("credentials") if isinstance(query, Mapping) else None
    found: dict[str, Mapping[str, Any]] = {}
    for credential in _items(credentials):
        id_, format_ = _identifier(credential), credential.get("format")
        if id_ in found or not isinstance(format_, str) or format_ not in _FORMATS:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
        if not _is_meta(credential.get("meta"), mdoc=credential["format"] == Format.MDOC):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
        if type(credential.get("multiple", False)) is not bool:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
        if credential.get("require_cryptographic_holder_binding", True) is not True:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
        if "trusted_authorities" in credential:
            _check_authorities(credential["trusted_authorities"])
        _check_claims(credential)
        found[id_] = credential
    if isinstance(query, Mapping) and "credential_sets" in query:
        for set_ in _items(query["credential_sets"]):
            _check_sets(set_.get("options"), found)
            if type(set_.get("required", True)) is not bool:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
    return found


def _check_claims(credential: Mapping[str, Any]) -> None:
    if "claims" not in credential and "claim_sets" in credential:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
    ids: dict[str, None] = {}
    paths: dict[tuple[object, ...], None] = {}  # it grows twofold, and a set fourfold
    for claim in _items(credential["claims"]) if "claims" in credential else ():
        if "id" in claim or "claim_sets" in credential:
            id_ = _identifier(claim)
            if id_ in ids:
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
            ids[id_] = None
        path: Any = claim.get("path")
        values = claim.get("values", [True])
        if not _is_path(path, mdoc=credential["format"] == Format.MDOC) or tuple(path) in paths:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
        paths[tuple(path)] = None
        if type(values) is not list or not values or any(type(value) not in (str, int, bool) for value in values):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
        # Of an mdoc alone (appendix B.2.4); elsewhere nobody knows the property.
        if credential["format"] == Format.MDOC and type(claim.get("intent_to_retain", False)) is not bool:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
    if "claim_sets" in credential:
        _check_sets(credential["claim_sets"], ids)


def _check_authorities(stated: object) -> None:
    """Refuse anything but entries of a type and texts (section 6.1.1): they help a wallet, and prove nothing."""
    for authority in _items(stated):
        values = authority.get("values")
        if type(authority.get("type")) is not str or type(values) is not list or not values:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
        if not all(type(value) is str for value in values):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)


def _is_meta(meta: object, *, mdoc: bool) -> bool:
    """Whether this names a type as its format does (appendices B.2.3 and B.3.5)."""
    if not isinstance(meta, Mapping):
        return False
    types = [meta.get("doctype_value")] if mdoc else meta.get("vct_values")
    return type(types) is list and bool(types) and all(type(each) is str for each in types)


def _is_path(path: object, *, mdoc: bool) -> bool:
    """Whether this is a claims path pointer (section 7): of an mdoc a namespace and an element."""
    if type(path) is not list or not path:
        return False
    if mdoc:
        return len(path) == 2 and all(type(part) is str for part in path)
    return all(part is None or type(part) is str or (type(part) is int and part >= 0) for part in path)


def _check_sets(sets: object, known: Mapping[str, object]) -> None:
    """Refuse anything but a list of lists of known ids, none of them empty."""
    lists = sets if type(sets) is list else []
    if not lists or not all(
        type(each) is list and each and all(type(i) is str and i in known for i in each) for each in lists
    ):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)


def _items(listed: object) -> list[Mapping[str, Any]]:
    items = listed if type(listed) is list else []
    if not items or not all(isinstance(each, Mapping) for each in items):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
    return items


def _identifier(item: Mapping[str, Any]) -> str:
    id_ = item.get("id")
    if type(id_) is not str or _IDENTIFIER.fullmatch(id_) is None:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, _QUERY)
    return id_
