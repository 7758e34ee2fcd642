"""Strategies for the values of the vocabulary: what an issuer states, and what a verifier asks.

Spec: specs/terms.md; DESIGN section 7.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from ... import (
    Assurance,
    Challenge,
    Citizenship,
    Country,
    Format,
    LocalKey,
    StatusKind,
    StatusReference,
    UnixTime,
    Validity,
)
from ...gateway import Signals
from ..forge.parts import AUDIENCE, NOW, STATUS_URI, key

JOSE_ALGORITHMS: Final = ("ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
"""In which a JWS may be signed."""
COSE_ALGORITHMS: Final = (*JOSE_ALGORITHMS, "ESB256", "ESB384", "ESB512", "Ed448")
"""In which a COSE_Sign1 may be signed."""
DAY: Final = 86_400


def countries() -> st.SearchStrategy[Country]:
    """Countries that exist, by their ISO 3166-1 alpha-2 codes."""
    return st.sampled_from(Country.all())


def country_lists(*, most: int = 4) -> st.SearchStrategy[list[Country]]:
    """Distinct countries, at least one."""
    return st.lists(countries(), min_size=1, max_size=most, unique=True)


@st.composite
def citizenships(draw: st.DrawFn) -> Citizenship:
    """What may be stated of a person: nationalities, citizenships among or beside them, complete or not."""
    nationals = draw(country_lists())
    citizens = draw(st.lists(st.sampled_from(nationals) | countries(), max_size=3, unique=True))
    return Citizenship(nationals, citizens, complete=draw(st.booleans()))


def assurances() -> st.SearchStrategy[Assurance]:
    """How well an issuer checked: the frameworks that have names here, and any other (1 to 64 characters each)."""
    known = {"eidas": ("low", "substantial", "high"), "nist": ("IAL1", "IAL2", "IAL3")}
    named = st.sampled_from([Assurance(name, level) for name, levels in known.items() for level in levels])
    return named | st.builds(Assurance, st.text(min_size=1, max_size=64), st.text(min_size=1, max_size=64))


@st.composite
def validities(
    draw: st.DrawFn, *, now: int = NOW, lifetime_s: int = 30 * DAY, format: Format = Format.SD_JWT_VC
) -> Validity:
    """Times in which `now` lies, for `lifetime_s` from first to last at most, as the format may state them.

    nbf stands beside iat or does not, and not after `now`. In an SD-CWT it may not lie after iat, and in an mdoc not
    before it (specs/verification.md V4.34, V6; ISO/IEC 18013-5 9.1.2.4).
    """
    first, second = sorted(now - draw(st.integers(0, 3_600)) for _ in range(2))
    stated = draw(st.booleans())
    not_after = draw(st.integers(now + 2, first + lifetime_s))
    issued_at, not_before = (second, first) if format is Format.SD_CWT else (first, second)
    return Validity(UnixTime(issued_at), UnixTime(not_before) if stated else None, UnixTime(not_after))


def signing_keys(
    algorithms: tuple[str, ...] = JOSE_ALGORITHMS, *, names: tuple[str, ...] = ("holder",)
) -> st.SearchStrategy[LocalKey]:
    """Private keys of these algorithms and names; one of the same name and algorithm is the same in the whole run."""
    return st.builds(key, st.sampled_from(names), st.sampled_from(algorithms))


def jwks(*, most: int = 4) -> st.SearchStrategy[dict[str, Any]]:
    """JWK Sets of public signing keys with distinct kids (RFC 7517 section 5)."""
    names = st.lists(
        st.tuples(st.text("abcdef0123456789-", min_size=1, max_size=12), st.sampled_from(JOSE_ALGORITHMS)),
        min_size=1,
        max_size=most,
        unique_by=lambda pair: pair[0],
    )
    return names.map(_set_of_keys)


def _set_of_keys(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    public = [key(f"number {number} of a set", algorithm).public for number, (_, algorithm) in enumerate(pairs)]
    named = zip(public, pairs, strict=True)
    return {"keys": [{**each.to_jwk(), "kid": kid, "use": "sig", "alg": name} for each, (kid, name) in named]}


def status_references(*, uri: str = STATUS_URI) -> st.SearchStrategy[StatusReference]:
    """References of each mechanism: an index in a status list or a bitstring, an identifier in an identifier list."""
    index = st.integers(0, 2**32 - 1)
    return (
        st.builds(StatusReference, st.just(uri), index)
        | st.builds(
            StatusReference,
            st.just(uri),
            kind=st.just(StatusKind.IDENTIFIER_LIST),
            identifier=st.binary(min_size=1, max_size=64),
        )
        | st.builds(
            StatusReference,
            st.just(uri),
            index,
            st.just(StatusKind.BITSTRING),
            purpose=st.sampled_from(["revocation", "suspension"]),
        )
    )


def nonces() -> st.SearchStrategy[str]:
    """Nonces as texts of 16 to 64 characters that no transport changes."""
    return st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=16, max_size=64)


@st.composite
def challenges(draw: st.DrawFn, *, audience: str = AUDIENCE) -> Challenge:
    """What a verifier asks, by every handover that there is for mdocs; the other formats do not look at it.

    Spec: OpenID4VP 1.0 appendix B.2.6; ISO/IEC 18013-7:2024 B.4.4.
    """
    nonce, age = draw(nonces()), draw(st.sampled_from([60, 300, 600]))
    thumbprint = draw(st.none() | st.binary(min_size=32, max_size=32))
    kind = draw(st.sampled_from(["plain", "dc_api", "openid4vp", "draft_24", "iso"]))
    if kind == "plain":
        return Challenge(audience, nonce, age)
    if kind == "dc_api":
        return Challenge.dc_api(origin=audience, nonce=nonce, jwk_thumbprint=thumbprint, max_age_s=age)
    if kind == "draft_24":
        return Challenge.dc_api_draft_24(
            origin=audience, client_id="x509_san_dns:gateway.example", nonce=nonce, max_age_s=age
        )
    where: dict[str, Any] = {
        "client_id": audience,
        "response_uri": audience + "/response",
        "nonce": nonce,
        "max_age_s": age,
    }
    if kind == "openid4vp":
        return Challenge.openid4vp(jwk_thumbprint=thumbprint, **where)
    return Challenge.iso_18013_7_2024(mdoc_generated_nonce=draw(nonces()), **where)


def signals() -> st.SearchStrategy[Signals]:
    """What a gateway's caller may know of where a request comes from, each part of it or none."""
    return st.builds(
        Signals,
        network=st.none() | st.integers(1, 2**32 - 1).map(lambda number: f"AS{number}"),
        country=st.none() | countries().map(lambda country: country.alpha2),
        api_key=st.none() | st.binary(min_size=1, max_size=64),
        people=st.none() | st.integers(1, 10_000),
    )
