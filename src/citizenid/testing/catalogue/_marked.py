"""What is marked: input of all kinds with a marker somewhere, and a search for it in whatever leaves.

Each of them has something wrong, so that it is refused at one step or another.

Spec: DESIGN law 11; specs/threat-model.md (T-10).
"""

from __future__ import annotations

import base64
import contextlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.serialization import Encoding

from ... import Challenge, CitizenIDError, Format, KeyPurpose, LocalKey, TrustAnchors
from ...gateway import AdmissionPolicy, Deny
from ...status import verify_status_list
from ..forge import sd_cwt as _sd_cwt
from ..forge import sd_jwt as _sd_jwt
from ..forge.cbor import Pairs, dump
from ..forge.certificates import certificate, x5c
from ..forge.mdoc_issuer import PID, item
from ..forge.parts import ISSUER, NOW, STATUS_MEDIA_TYPE, STATUS_URI
from ..forge.status_lists import status_anchors, status_token
from ..trials import expect, mdoc, sd_cwt
from ..trials import sd_jwt as jwt

MARK: Final = "planted-5d20"
RAW: Final = MARK.encode()
_LEAST_MARK_BYTES: Final = 8


def spelled(mark: bytes) -> Iterator[bytes]:
    """Return a text as it may turn up: itself, in hex, and in base64 at each offset."""
    expect(len(mark) >= _LEAST_MARK_BYTES, "a mark so short turns up by chance")
    yield mark
    yield mark.hex().encode()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + mark)
        yield encoded[(offset * 8 + 5) // 6 : len(encoded) // 4 * 4 - 4]


def untold(told: Iterable[object], *marks: bytes) -> None:
    """Check that no mark is in any of this, in whatever spelling."""
    for each in told:
        text = each if isinstance(each, bytes) else str(each).encode("utf-8", "replace")
        for mark in marks or (RAW,):
            for spelling in spelled(mark):
                expect(spelling not in text, "something of the input was told")


def told_by(error: CitizenIDError) -> Iterator[object]:
    """Return all that an error tells."""
    yield from (str(error), repr(error), repr(error.args), repr(vars(error)), f"{error}")
    with contextlib.redirect_stderr(io.StringIO()) as printed:
        sys.__excepthook__(type(error), error, error.__traceback__)
    expect("Traceback" in printed.getvalue(), "nothing was printed")
    yield printed.getvalue()
    deny = Deny.of(error)
    yield from (repr(deny), deny.http().body, repr(deny.http().headers))
    expect(error.__cause__ is None and error.__context__ is None, "an error carries another")
    expect(not hasattr(error, "__notes__"), "an error has notes")


@cache
def presentations() -> dict[str, tuple[Format, Callable[[], Any]]]:
    """Return presentations with a marker somewhere, each with something wrong."""
    found: dict[str, tuple[Format, Callable[[], Any]]] = {}
    for format, make, table in (
        (Format.SD_JWT_VC, jwt, _jwts()),
        (Format.SD_CWT, sd_cwt, _cwts()),
        (Format.MDOC, mdoc, _mdocs()),
    ):
        found |= {f"{format.value}, {name}": (format, make(**how).made) for name, how in table.items()}
        found[f"{format.value}, nothing else"] = (format, make(after=lambda _: RAW).made)
        found[f"{format.value}, as text"] = (format, make(after=lambda _: MARK + "~" + MARK).made)
    return found


def _jwts() -> dict[str, dict[str, Any]]:
    subject = x5c(certificate(MARK, MARK))
    double = b'{"%s":1,"%s":2}' % (RAW, RAW)
    return {
        **{f"header {name}": {"header": {name: MARK}} for name in ("alg", "typ", "kid", "crit", "jku", "x5u", "b64")},
        **{f"the holder's {name}": {"kb_header": {name: MARK}} for name in ("alg", "typ", "crit")},
        "a list of extensions": {"header": {"crit": [MARK]}},
        "a key": {"header": {"jwk": {"kty": MARK}}},
        "a certificate": {"header": {"x5c": subject, "kid": MARK}},
        "members twice": {"payload": double},
        "header members twice": {"header": double},
        "issuer": {"payload": {"iss": MARK}},
        "type": {"payload": {"vct": MARK}},
        "a country": {"payload": {"nationalities": [MARK]}},
        "holder key": {"payload": {"cnf": {"jwk": {"kty": MARK, "crv": MARK, "x": MARK}}}},
        "status mechanism": {"payload": {"status": {MARK: {"uri": MARK}}}},
        "status list": {"payload": {"status": {"status_list": {"idx": MARK, "uri": MARK}}}},
        "a time": {"payload": {"exp": MARK}},
        "a claim of what has ended": {"payload": {MARK: MARK, "exp": NOW}},
        "hash algorithm": {"payload": {"_sd_alg": MARK}},
        "a digest": {"payload": {"_sd": [MARK, MARK]}},
        "a disclosure": {"disclosures": (_sd_jwt.disclosure(MARK, MARK, MARK),)},
        "a disclosure that is none": {"disclosures": (RAW,)},
        "nonce": {"kb": {"nonce": MARK}},
        "audience": {"kb": {"aud": MARK}},
        "hash": {"kb": {"sd_hash": MARK}},
        "signature": {"payload": {MARK: MARK}, "sign": lambda _: (RAW * 6)[:64]},
    }


def _cwts() -> dict[str, dict[str, Any]]:
    return {
        **{f"header {label}": {"header": {label: MARK}} for label in (1, 2, 4, 16, 33)},
        "the holder's type": {"kb_header": {16: MARK}},
        "issuer": {"claims": {1: MARK}},
        "type": {"claims": {11: MARK}},
        "a country": {"claims": {"nationalities": [MARK]}},
        "holder key": {"claims": {8: {1: {1: MARK}}}},
        "status": {"claims": {65535: {MARK: {"uri": MARK}}}},
        "members twice": {"claims": dump(Pairs([(MARK, 1), (MARK, 2)]))},
        "a tag": {"claims": {"x": cbor2.CBORTag(999, MARK)}},
        "a disclosure": {"disclosures": [_sd_cwt.disclosure(_sd_cwt.salt(), MARK, MARK)]},
        "nonce": {"kb": {39: RAW}},
        "audience": {"kb": {3: MARK}},
    }


def _mdocs() -> dict[str, dict[str, Any]]:
    return {
        "version": {"response_changes": {"version": MARK}},
        "document type": {"document_changes": {"docType": MARK}},
        "type": {"doc_type": MARK},
        "algorithm": {"protected": {1: MARK}},
        "certificate": {"chain": RAW},
        "subject": {"chain": certificate(MARK, MARK).public_bytes(Encoding.DER)},
        "digest algorithm": {"mso": {"digestAlgorithm": MARK}},
        "a time": {"validity": {"signed": MARK}},
        "a country": {"elements": {PID: {"nationality": MARK}}},
        "an item that is not signed": {"shown": {MARK: [item(0, MARK, MARK)]}},
        "device key": {"key_info": {"deviceKey": {1: MARK, -1: RAW}}},
        "status": {"mso": {"status": {MARK: {"uri": MARK}}}},
        "members twice": {"mso": dump(Pairs([(MARK, 1), (MARK, 2)]))},
        "what the device states": {"device": {"content": dump({MARK: {MARK: MARK}})}},
    }


@cache
def calls() -> dict[str, Callable[[], object]]:
    """Return calls of the library with a marker somewhere, each with something wrong."""
    purpose = KeyPurpose.STATUS_LIST
    lists = {"uri": STATUS_URI, "media_type": STATUS_MEDIA_TYPE, "anchors": status_anchors(), "now": NOW}
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(RAW * 9) + b"\n-----END CERTIFICATE-----\n"
    verify_list: Callable[[bytes], object] = partial(verify_status_list, **lists)  # type: ignore[arg-type]  # a table
    return {
        "a policy that is none": lambda: AdmissionPolicy.from_toml(f"{MARK} = ["),
        "a policy with a marker": lambda: AdmissionPolicy.from_toml(
            f'version = 1\n[[rule]]\nresource = "a"\n{MARK} = 1'
        ),
        "keys": lambda: TrustAnchors.from_jwks(ISSUER, {"keys": [{"kty": MARK}]}, purpose=purpose),
        "keys that are none": lambda: TrustAnchors.from_jwks(ISSUER, MARK, purpose=purpose),
        "a root": lambda: TrustAnchors.from_certificates(pem, issuer=ISSUER, purpose=purpose),
        "a challenge": lambda: Challenge.from_text(MARK),
        "a private key": lambda: LocalKey.from_pem(RAW),
        "a private key as JWK": lambda: LocalKey.from_jwk(
            {"kty": "EC", "crv": "P-256", "d": MARK, "x": MARK, "y": MARK}
        ),
        "a list of another": lambda: verify_list(status_token(payload={"sub": MARK})),
        "a list by another": lambda: verify_list(status_token(header={"kid": MARK})),
        "a list that is none": lambda: verify_list(RAW + b"." + RAW + b"." + RAW),
    }


@cache
def proofs() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return changes to the claims and the header of a proof."""
    claims: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        name: ({name: MARK}, {}) for name in ("htm", "htu", "ath", "iat")
    }
    headers: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        f"header {name}": ({}, {name: MARK}) for name in ("typ", "alg", "crit", "jku")
    }
    key_of: tuple[dict[str, Any], dict[str, Any]] = ({}, {"jwk": {"kty": MARK, "x": MARK}})
    return {**claims, **headers, "jwk": key_of, "members twice": ({MARK: MARK}, {"typ": MARK})}
