"""Citizenship and nationality, as claims state them. Spec: specs/profile-sd-jwt-vc.md section 3; DESIGN section 7."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self, final

from .. import _registry as reg
from .._errors import CitizenIDError, MalformedError, Reason
from ..countries import SPECIAL_ALPHA2, SPECIAL_ICAO, Country, find
from .vocabulary import Format, draft_of

_ARRAYS: Final = frozenset({list, tuple})
_TEXT: Final = frozenset({str})
_MAX_COUNTRIES: Final = 32  # nationalities one person may state; three is rare


@final
@dataclass(frozen=True, slots=True, repr=False)
class Citizenship:
    """What is stated of a person's nationalities and citizenships. Nothing here says that somebody is *not* a citizen.

    Attributes:
        nationalities: states whose national the person is.
        citizenships: states whose citizen the person is; each implies the nationality, never the other way round.
        complete: the issuer states that `nationalities` lists them all, and none of the list is withheld.

    Raises:
        MalformedError: COUNTRY_INVALID unless both are collections of distinct `Country`s, and `complete` is a boolean.

    >>> Citizenship(nationalities=[Country("US")], citizenships=[Country("US")]).nationalities
    (Country('US'),)
    """

    nationalities: tuple[Country, ...] = ()
    citizenships: tuple[Country, ...] = ()
    complete: bool = False

    def __init__(
        self, nationalities: Iterable[Country] = (), citizenships: Iterable[Country] = (), complete: bool = False
    ) -> None:
        listed = None
        try:
            listed = tuple(nationalities), tuple(citizenships)
        except TypeError:
            pass  # raised below: one country is no list of them
        given, stronger = listed or ((None,), ())
        if any(type(country) is not Country for country in given + stronger) or type(complete) is not bool:
            raise MalformedError(Reason.COUNTRY_INVALID, "citizenship")
        if len(set(given)) != len(given) or len(set(stronger)) != len(stronger):
            raise MalformedError(Reason.COUNTRY_INVALID, "citizenship")
        object.__setattr__(self, "nationalities", given)
        object.__setattr__(self, "citizenships", stronger)
        object.__setattr__(self, "complete", complete)

    @property
    def all_nationalities(self) -> frozenset[Country]:
        """The nationalities stated or implied by a citizenship."""
        return frozenset(self.nationalities + self.citizenships)

    def to_claims(self, format: Format) -> dict[str, Any]:
        """Return the claims that state this in `format` (section 3 of the format's profile in specs/).

        In an mdoc an array is shown whole or not at all, so that there every country has an element of its own.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for what is no format.
        """
        if type(format) is not Format:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "format")
        ordered = dict.fromkeys(self.nationalities + self.citizenships)  # a citizen is a national: say both
        claims: dict[str, Any] = {reg.NATIONALITIES: [country.alpha2 for country in ordered]}
        if self.complete:
            claims[reg.NATIONALITIES_COMPLETE] = True
        if format is Format.MDOC:
            for country in ordered:
                claims[reg.NATIONAL_OF + country.alpha2.lower()] = True
            for country in self.citizenships:
                claims[reg.CITIZEN_OF + country.alpha2.lower()] = True
            return {reg.MDOC_CITIZENSHIP: claims}
        if self.citizenships:
            claims[reg.CITIZENSHIPS] = [country.alpha2 for country in self.citizenships]
        return claims

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any], *, withheld: bool = False) -> Citizenship:
        """Read the citizenship claims at the top level of `claims`; anything elsewhere counts for nothing.

        Args:
            claims: processed claims.
            withheld: True when an element of `nationalities` is hidden, or may be: then the list is not complete.

        Raises:
            MalformedError: COUNTRY_INVALID when a list is no array of distinct ISO 3166-1 alpha-2 codes (the special
                codes QU and QS may stand in it and name no country), CLAIM_INVALID when the completeness flag is no
                boolean, or the claims are no mapping.
        """
        _check_mapping(claims)
        nationalities: tuple[Country, ...] = ()
        citizenships: tuple[Country, ...] = ()
        complete = special = False
        if reg.NATIONALITIES in claims:
            nationalities, special = _countries(claims, reg.NATIONALITIES)
        if reg.CITIZENSHIPS in claims:
            citizenships, _ = _countries(claims, reg.CITIZENSHIPS)
        if reg.NATIONALITIES_COMPLETE in claims:
            complete = claims[reg.NATIONALITIES_COMPLETE]
            if type(complete) is not bool:
                raise MalformedError(Reason.CLAIM_INVALID, reg.NATIONALITIES_COMPLETE)
            complete = complete and reg.NATIONALITIES in claims and not withheld and not special
            # A list that is complete must not be contradicted by what stands beside it.
            complete = complete and set(nationalities).issuperset(citizenships)
        return cls._of_checked(nationalities, citizenships, complete)

    @classmethod
    def _of_checked(cls, nationalities: tuple[Country, ...], citizenships: tuple[Country, ...], complete: bool) -> Self:
        # Of countries, and each of them once: no need to look again.
        made = _Draft()
        made.nationalities = nationalities
        made.citizenships = citizenships
        made.complete = complete
        made.__class__ = cls
        return made  # type: ignore[no-any-return]  # by the line above

    @classmethod
    def from_namespaces(cls, namespaces: Mapping[str, Mapping[str, Any]]) -> Citizenship:
        """Read the elements of an mdoc that state nationality or citizenship, in the namespaces that are known.

        Args:
            namespaces: namespace to element to value, as disclosed.

        Raises:
            MalformedError: COUNTRY_INVALID for a code that is none or an element `citizen_of_...` of no country,
                CLAIM_INVALID for such an element that is no boolean, and for what is no mapping of mappings.
        """
        _check_mapping(namespaces)
        nationalities: dict[Country, None] = {}
        special = False
        for namespace in reg.MDOC_NATIONALITY_NAMESPACES:
            if namespace not in namespaces:
                continue
            elements = namespaces[namespace]
            _check_mapping(elements)
            if reg.MDOC_NATIONALITY in elements:
                countries, other = _nationality(elements[reg.MDOC_NATIONALITY])
                nationalities.update(dict.fromkeys(countries))
                special = special or other
        if reg.MDOC_CITIZENSHIP not in namespaces:
            return cls._of_checked(tuple(nationalities), (), False)
        own = namespaces[reg.MDOC_CITIZENSHIP]
        _check_mapping(own)
        listed = cls.from_claims(own_lists) if (own_lists := {n: own[n] for n in _LISTED if n in own}) else _NOTHING
        nationals, citizens = _flagged(own)
        nationalities.update(dict.fromkeys((*listed.nationalities, *nationals)))
        # The list that is complete must not be contradicted by what stands beside it.
        complete = listed.complete and not special and set(listed.nationalities).issuperset({*nationalities, *citizens})
        return cls._of_checked(tuple(nationalities), tuple(citizens), complete)


def _check_mapping(value: object) -> None:
    if type(value) is not MappingProxyType and not isinstance(value, Mapping):  # the first is what a reader makes
        raise MalformedError(Reason.CLAIM_INVALID, "claims")


_Draft: Any = draft_of(Citizenship)
_LISTED: Final = (reg.NATIONALITIES, reg.NATIONALITIES_COMPLETE)
_NOTHING: Final = Citizenship()


def _nationality(stated: Any) -> tuple[list[Country], bool]:
    """Read `nationality` in the forms that issuers use: text or an array of it; alpha-2, alpha-3 or ICAO codes.

    Returns:
        The countries, and whether a special code, which names none, stands among them.
    """
    codes = stated if type(stated) in _ARRAYS else (stated,)
    if len(codes) > _MAX_COUNTRIES or not _TEXT.issuperset(map(type, codes)) or len(set(codes)) != len(codes):
        raise MalformedError(Reason.COUNTRY_INVALID, reg.MDOC_NATIONALITY)
    countries = [Country.parse(code) for code in codes if code not in SPECIAL_ALPHA2 and code not in SPECIAL_ICAO]
    if len(set(countries)) != len(countries):  # one country by two codes
        raise MalformedError(Reason.COUNTRY_INVALID, reg.MDOC_NATIONALITY)
    return countries, len(countries) != len(codes)


def _flagged(elements: Mapping[str, Any]) -> tuple[list[Country], list[Country]]:
    """Return the countries of the elements `national_of_...` and `citizen_of_...` that are true."""
    nationals: list[Country] = []
    citizens: list[Country] = []
    for name, value in elements.items():
        if type(name) is not str:
            raise MalformedError(Reason.CLAIM_INVALID, reg.MDOC_CITIZENSHIP)
        flag = _FLAGS.get(name)
        if flag is None:
            if name.startswith(_PREFIXES):
                raise MalformedError(Reason.COUNTRY_INVALID, reg.MDOC_CITIZENSHIP)
            continue
        if type(value) is not bool:
            raise MalformedError(Reason.CLAIM_INVALID, reg.MDOC_CITIZENSHIP)
        prefix, country = flag
        if value:  # false says nothing: it is no statement that somebody is not a citizen
            (citizens if prefix is reg.CITIZEN_OF else nationals).append(country)
    return nationals, citizens


_PREFIXES: Final = (reg.CITIZEN_OF, reg.NATIONAL_OF)
# Exactly these names: in lower case, of ASCII, and of a country that there is.
_FLAGS: Final = {
    prefix + country.alpha2.lower(): (prefix, country) for prefix in _PREFIXES for country in Country.all()
}


def _countries(claims: Mapping[str, Any], name: str) -> tuple[tuple[Country, ...], bool]:
    codes: Any = claims[name]
    if type(codes) not in _ARRAYS or len(codes) > _MAX_COUNTRIES or not _TEXT.issuperset(map(type, codes)):
        raise MalformedError(Reason.COUNTRY_INVALID, name)
    countries = tuple(filter(None, map(find, codes)))
    special = len(countries) != len(codes)
    if special and not all(code in SPECIAL_ALPHA2 or find(code) for code in codes):
        raise MalformedError(Reason.COUNTRY_INVALID, name)
    if len(codes) > 1 and len(set(codes)) != len(codes):
        raise MalformedError(Reason.COUNTRY_INVALID, name)
    return countries, special
