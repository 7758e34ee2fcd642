"""Countries by their ISO 3166-1 codes, and the ICAO Doc 9303 codes that are no country.

A `Country` is one of the 249 entries of ISO 3166-1; nothing else can be made. Codes are compared as exact upper-case
ASCII: no trimming, no case folding, no Unicode normalisation, so that no look-alike becomes a country. The codes of
ICAO 9303 part 3 section 5 for stateless persons, refugees and organisations, and QU and QS of the EU PID, are known
as *special*: they are legal in a claim and never a country.

Spec: ISO 3166-1; ICAO Doc 9303 part 3 section 5; EUDI PID rulebook 1.7 section 3.1.2.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar, Final, NoReturn, final

from ._errors import MalformedError, Reason

# alpha-2 and alpha-3, ISO 3166-1, in order of alpha-2.
_CODES: Final = (
    "ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO AQATA ARARG ASASM ATAUT AUAUS AWABW AXALA AZAZE BABIH BBBRB BDBGD "
    "BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES BRBRA BSBHS BTBTN BVBVT BWBWA BYBLR BZBLZ CACAN "
    "CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK CLCHL CMCMR CNCHN COCOL CRCRI CUCUB CVCPV CWCUW CXCXR CYCYP CZCZE DEDEU "
    "DJDJI DKDNK DMDMA DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK FMFSM FOFRO FRFRA GAGAB "
    "GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GSSGS GTGTM GUGUM GWGNB GYGUY HKHKG "
    "HMHMD HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD IOIOT IQIRQ IRIRN ISISL ITITA JEJEY JMJAM JOJOR JPJPN "
    "KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO LBLBN LCLCA LILIE LKLKA LRLBR LSLSO LTLTU "
    "LULUX LVLVA LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD MLMLI MMMMR MNMNG MOMAC MPMNP MQMTQ MRMRT MSMSR "
    "MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER NFNFK NGNGA NINIC NLNLD NONOR NPNPL NRNRU NUNIU NZNZL "
    "OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM PNPCN PRPRI PSPSE PTPRT PWPLW PYPRY QAQAT REREU ROROU RSSRB "
    "RURUS RWRWA SASAU SBSLB SCSYC SDSDN SESWE SGSGP SHSHN SISVN SJSJM SKSVK SLSLE SMSMR SNSEN SOSOM SRSUR SSSSD STSTP "
    "SVSLV SXSXM SYSYR SZSWZ TCTCA TDTCD TFATF TGTGO THTHA TJTJK TKTKL TLTLS TMTKM TNTUN TOTON TRTUR TTTTO TVTUV TWTWN "
    "TZTZA UAUKR UGUGA UMUMI USUSA UYURY UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR VNVNM VUVUT WFWLF WSWSM YEYEM YTMYT ZAZAF "
    "ZMZMB ZWZWE"
).split()

SPECIAL_ALPHA2: Final = frozenset({"QU", "QS"})  # EU PID: unknown, stateless
# ICAO 9303 part 3 section 5, parts B to D: organisations, persons without a defined nationality, British passports
# whose holders are not British citizens, and the codes for specimens and travel documents of other bodies.
SPECIAL_ICAO: Final = frozenset(
    "GBD GBN GBO GBP GBS EUE UNO UNA UNK XBA XIM XCC XCE XCO XEC XMP XOM XPO XES XMS XSA XXA XXB XXC XXX UTO XCT XDC "
    "IAO XAA".split()
)
_ICAO_ALIASES: Final = {"D": "DE"}  # Germany's MRZ code; RKS (Kosovo) has no ISO 3166-1 entry and stays unknown


@final
class Country:
    """A country of ISO 3166-1. One object exists for each, so identity is equality.

    >>> Country("US") is Country.parse("USA")
    True
    >>> Country("US").alpha3
    'USA'
    """

    __slots__ = ("alpha2", "alpha3")
    _by_alpha2: ClassVar[dict[str, Country]] = {}
    _by_alpha3: ClassVar[dict[str, Country]] = {}
    alpha2: str
    alpha3: str

    def __new__(cls, alpha2: str) -> Country:
        """Return the country with this ISO 3166-1 alpha-2 code.

        Raises:
            MalformedError: COUNTRY_INVALID for anything but one of the 249 codes in upper-case ASCII.
        """
        country = cls.get(alpha2)
        if country is None:
            raise MalformedError(Reason.COUNTRY_INVALID, "country")
        return country

    @classmethod
    def get(cls, alpha2: object) -> Country | None:
        """Return the country with this alpha-2 code, or None for anything else."""
        return cls._by_alpha2.get(alpha2) if type(alpha2) is str else None

    @classmethod
    def parse(cls, code: str) -> Country:
        """Return the country with this alpha-2, alpha-3 or ICAO 9303 code (`D` is Germany).

        Raises:
            MalformedError: COUNTRY_INVALID for an unknown or special code.
        """
        if type(code) is str:
            alias = _ICAO_ALIASES.get(code)
            country = cls._by_alpha2.get(alias or code) or cls._by_alpha3.get(code)
            if country is not None:
                return country
        raise MalformedError(Reason.COUNTRY_INVALID, "country")

    @classmethod
    def all(cls) -> tuple[Country, ...]:
        """Return all countries in order of their alpha-2 codes."""
        return tuple(cls._by_alpha2.values())

    def __repr__(self) -> str:
        return f"Country({self.alpha2!r})"

    def __str__(self) -> str:
        return self.alpha2

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Country is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Country is immutable")

    def __init_subclass__(cls, **_: Any) -> NoReturn:
        raise TypeError("Country is final")

    def __reduce__(self) -> tuple[type[Country], tuple[str]]:
        return Country, (self.alpha2,)  # copies and pickles are the same object again


for _code in _CODES:
    _country = object.__new__(Country)
    object.__setattr__(_country, "alpha2", _code[:2])
    object.__setattr__(_country, "alpha3", _code[2:])
    Country._by_alpha2[_code[:2]] = Country._by_alpha3[_code[2:]] = _country

find: Final = Country._by_alpha2.get
"""`Country.get` for what is known to be text: claims hold one or two codes, and reading them is on the hot path."""


class _AnyCountry(Enum):
    """Its one member, `ANY`, says that an issuer may attest every citizenship. It must be written, never defaulted."""

    ANY = "any"


ANY: Final = _AnyCountry.ANY
Countries = frozenset[Country] | _AnyCountry
