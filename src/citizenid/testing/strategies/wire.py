"""Strategies for wire forms: JSON, CBOR, base64url, JWS and COSE_Sign1. Well formed, and of no meaning.

Spec: RFC 8259; RFC 8949; RFC 4648 section 5; RFC 7515 section 7.1; RFC 9052 section 4.2.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import cbor2
from hypothesis import strategies as st

from ... import LocalKey
from ..forge import sd_cwt as _sd_cwt
from ..forge.parts import base64url, dump, jws, key
from .values import COSE_ALGORITHMS, JOSE_ALGORITHMS

STRUCTURAL: Final = frozenset(
    {"iss", "vct", "exp", "nbf", "iat", "cnf", "status", "aud", "vct#integrity", "aka_vcts", "assurance"}
)
"""Names with a meaning of their own at the top level: never a claim of the person."""
CITIZENSHIP: Final = frozenset({"nationalities", "citizenships", "nationalities_complete"})
RESERVED: Final = frozenset({"_sd", "...", "_sd_alg"})
"""Names that mark hidden parts."""


def names() -> st.SearchStrategy[str]:
    """Names of members that mark nothing hidden (RFC 9901 section 4)."""
    return st.text(max_size=8).filter(lambda name: name not in RESERVED)


def scalars() -> st.SearchStrategy[Any]:
    """What stands in JSON and is no container."""
    return (
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=12)
    )


def json_values() -> st.SearchStrategy[Any]:
    """JSON values of the kinds an attestation may hold, without the names that mark hidden parts."""
    return st.recursive(
        scalars(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names(), inner, max_size=4),
        max_leaves=12,
    )


def json_documents() -> st.SearchStrategy[bytes]:
    """JSON objects as bytes, compact."""
    return st.dictionaries(names(), json_values(), max_size=4).map(dump)


def person_claims() -> st.SearchStrategy[dict[str, Any]]:
    """Further claims of a person, beside the citizenship."""
    plain = names().filter(lambda name: name not in STRUCTURAL | CITIZENSHIP)
    return st.dictionaries(plain, json_values(), max_size=5)


def cbor_values() -> st.SearchStrategy[Any]:
    """CBOR from nowhere, as `cbor2` takes it: tags, simple values and floats of all kinds included."""
    labels = st.integers(-70_000, 70_000) | st.text(max_size=6)
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(2**64), 2**64 - 1)
        | st.floats()
        | st.text(max_size=8)
        | st.binary(max_size=8)
        | st.sampled_from([cbor2.undefined, cbor2.CBORSimpleValue(59), cbor2.CBORSimpleValue(99)])
    )
    tags = st.sampled_from([0, 2, 18, 24, 28, 29, 58, 60, 61, 1004, 55_799])
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(labels, inner, max_size=3)
            | st.builds(cbor2.CBORTag, tags, inner)
        ),
        max_leaves=8,
    )


def base64url_texts(*, most: int = 64) -> st.SearchStrategy[str]:
    """Bytes in the one spelling of base64url without padding."""
    return st.binary(max_size=most).map(lambda data: base64url(data).decode())


class Signed(NamedTuple):
    """A signed object of a wire form, and what it was made of.

    Attributes:
        data: as it goes over the wire.
        header: protected.
        payload: that was signed.
        signer: whose signature it is.
    """

    data: bytes
    header: dict[Any, Any]
    payload: bytes
    signer: LocalKey


@st.composite
def compact_jws(draw: st.DrawFn) -> Signed:
    """Compact JWSs in every algorithm, with a kid and a typ or without (RFC 7515 section 7.1)."""
    algorithm = draw(st.sampled_from(JOSE_ALGORITHMS))
    optional = {"kid": st.text("abc123", min_size=1, max_size=8), "typ": st.sampled_from(["JWT", "dc+sd-jwt"])}
    header = {"alg": algorithm, **draw(st.fixed_dictionaries({}, optional=optional))}
    payload, signer = draw(json_documents()), key("of a JWS", algorithm)
    return Signed(jws(header, payload, signer), header, payload, signer)


@st.composite
def cose_sign1(draw: st.DrawFn) -> Signed:
    """COSE_Sign1 messages under tag 18 in every algorithm, with a kid or without (RFC 9052 section 4.2)."""
    algorithm = draw(st.sampled_from(COSE_ALGORITHMS))
    optional = {4: st.binary(min_size=1, max_size=8)}
    header = {1: _sd_cwt.ALGORITHMS[algorithm], **draw(st.fixed_dictionaries({}, optional=optional))}
    payload, signer = draw(st.binary(min_size=1, max_size=40)), key("of a COSE_Sign1", algorithm)
    return Signed(cbor2.dumps(_sd_cwt.sign1(header, {}, payload, signer)), header, payload, signer)
