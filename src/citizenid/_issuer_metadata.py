"""The keys of an issuer as it publishes them, in bytes that somebody else has fetched: JWK Sets and issuer metadata.

Spec: RFC 7517 section 5; SD-JWT VC section 4 (`jwt-vc-issuer`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from . import _registry as reg
from ._crypto import PublicKey
from ._errors import CitizenIDError, MalformedError, Reason
from ._limits import DEFAULT_LIMITS
from ._wire import base64url, json
from ._x509 import certifies

_MAX_CONFIGURATION_BYTES: Final = 1_048_576
# Of RFC 3986 section 2, without "?" and "#": programs read a backslash or a bracket elsewhere as they like.
_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/[]@!$&'()*+,;=%")
# RFC 3986 section 3.2, without a user: a name, or an address in brackets with nothing beside it but a port.
_AUTHORITY: Final = re.compile(
    r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?", re.ASCII
)
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~:/@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")  # RFC 3986 section 3.3
# Programs that normalise (RFC 3986 section 6.2.2) take an encoded full stop for one.
_STEP: Final = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_KEY_TYPES: Final = frozenset({"EC", "OKP", "AKP"})


def issuer_metadata_url(issuer: str) -> str:
    """Return where the metadata of an issuer stands (SD-JWT VC section 4.1): inserted between host and path.

    >>> issuer_metadata_url("https://example.com/tenant/1")
    'https://example.com/.well-known/jwt-vc-issuer/tenant/1'

    Raises:
        CitizenIDError: ANCHOR_INVALID unless it is an https URL (RFC 3986) without query, fragment, user and dot
            segments.
    """
    parts = None
    try:
        split = urlsplit(issuer) if type(issuer) is str else None
        parts = None if split is None or split.port == 0 else split  # to ask for a port that is none raises
    except ValueError:
        pass  # raised below
    if parts is None or parts.scheme != "https" or not parts.hostname or not _CHARACTERS.issuperset(issuer):
        raise CitizenIDError(Reason.ANCHOR_INVALID, "issuer")
    path = parts.path.removesuffix("/")
    # A step up would lead out of the place that is inserted before it.
    if (
        not _AUTHORITY.fullmatch(parts.netloc)
        or not _PATH.fullmatch(path)
        or any(map(_STEP.fullmatch, path.split("/")))
    ):
        raise CitizenIDError(Reason.ANCHOR_INVALID, "issuer")
    return f"https://{parts.netloc}{reg.WELL_KNOWN_ISSUER}{path}"


def keys_of_metadata(
    body: bytes | str, issuer: str, jwks: Mapping[str, Any] | str | bytes | None
) -> Mapping[str, Any] | str | bytes:
    """Return the JWK Set that the metadata of `issuer` holds, or `jwks` when the document names a URI instead.

    Raises:
        MalformedError: a Reason of form.
        CitizenIDError: ANCHOR_INVALID when `issuer` differs, is no https URL or has a query or fragment, or when there
            is not exactly one of `jwks` and `jwks_uri` (an https URL), or not exactly one JWK Set at hand.
    """
    issuer_metadata_url(issuer)
    document = read_configuration(body, "issuer-metadata")
    inline = "jwks" in document
    if document.get("issuer") != issuer or inline is ("jwks_uri" in document):
        raise CitizenIDError(Reason.ANCHOR_INVALID, "issuer-metadata")
    uri = document.get("jwks_uri")
    if not inline and (type(uri) is not str or not uri.startswith("https://")):
        raise CitizenIDError(Reason.ANCHOR_INVALID, "issuer-metadata.jwks_uri")
    keys = document["jwks"] if inline else jwks
    if keys is None or (inline and (type(keys) is not dict or jwks is not None)):
        raise CitizenIDError(Reason.ANCHOR_INVALID, "issuer-metadata.jwks")
    return keys


def signature_keys(jwks: Mapping[str, Any] | str | bytes) -> list[tuple[str | None, PublicKey]]:
    """Return the keys of a JWK Set that can verify signatures of ours, each with its kid.

    Keys of another kind, curve or algorithm are passed over (RFC 7517 section 5), key agreement among them, as long as
    one is left. What is of our kind and broken, or for another use, is refused: an operator who hands it in takes it
    for one that signs; so is one whose certificate is of another key.

    Raises:
        MalformedError: KEY_INVALID, KEY_USE_FORBIDDEN, or a Reason of form for JSON text.
        CitizenIDError: ANCHOR_INVALID without a list of keys.
    """
    entries = read_configuration(jwks, "jwks").get("keys")
    if type(entries) is not list:
        raise CitizenIDError(Reason.ANCHOR_INVALID, "jwks.keys")
    keyed: list[tuple[str | None, PublicKey]] = []
    passed_over: list[dict[str, Any]] = []
    for jwk in entries:
        if type(jwk) is not dict:
            raise MalformedError(Reason.KEY_INVALID, "jwks.keys")
        kty = jwk.get("kty")
        if type(kty) is not str or kty not in _KEY_TYPES:
            continue
        if not _is_ours(jwk, kty):
            passed_over.append(jwk)
            continue
        kid = jwk.get("kid")
        # With null it would answer for every kid, and with half of a surrogate pair, which no JSON can hold, for one of
        # COSE that is no UTF-8.
        if "kid" in jwk and (type(kid) is not str or not kid or _SURROGATE.search(kid)):
            raise MalformedError(Reason.KEY_INVALID, "jwks.keys.kid")
        key = PublicKey.from_jwk(jwk)
        if reg.X5C in jwk:
            _check_certificates(jwk, key)
        keyed.append((kid, key))
    if passed_over and not keyed:
        PublicKey.from_jwk(passed_over[0])  # refused: nothing is left, and this says why
    return keyed


def _check_certificates(jwk: dict[str, Any], key: PublicKey) -> None:
    """Refuse a chain that does not begin with a certificate of this very key (RFC 7517 sections 4.7 to 4.9).

    Nothing else is asked of it: it is the set that the operator trusts.
    """
    where = "jwks.keys.x5c"
    stated, chain = jwk[reg.X5C], []
    for text in stated if type(stated) is list else ():
        try:
            chain.append(base64url.decode_standard(text.encode("ascii") if type(text) is str else b"", where))
        except (MalformedError, UnicodeEncodeError):
            chain.append(b"")
    if not chain or not all(chain) or not certifies(chain[0], key, where):
        raise MalformedError(Reason.KEY_INVALID, where)
    for name, function in reg.X5_THUMBPRINTS:
        digest = hashlib.new(function, chain[0], usedforsecurity=False).digest()  # compared, and trusted for nothing
        if name in jwk and jwk[name] != base64url.encode_text(digest):
            raise MalformedError(Reason.KEY_INVALID, "jwks.keys.x5t")


def _is_ours(jwk: dict[str, Any], kty: str) -> bool:
    algorithm, curve = jwk.get("alg"), jwk.get("crv")
    if type(algorithm) is str and algorithm in reg.JOSE_KEY_AGREEMENT:
        return False  # on a curve of ours, and for something else
    if type(algorithm) is str and algorithm in reg.JOSE_ALGORITHMS:
        return True  # it says so itself, whatever else is wrong with it
    if kty == "AKP":
        return type(algorithm) is not str
    return type(curve) is not str or (kty, curve) in reg.JWK_CURVES


def read_configuration(value: Mapping[str, Any] | str | bytes, where: str) -> dict[str, Any]:
    """Read a JSON object of configuration, or copy a mapping.

    Raises:
        MalformedError: INPUT_TOO_LARGE, or a Reason of form.
        CitizenIDError: ANCHOR_INVALID for what is neither a mapping, nor text, nor bytes.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if type(value) is not bytes and type(value) is not str:
        raise CitizenIDError(Reason.ANCHOR_INVALID, where)
    data = None
    if len(value) <= _MAX_CONFIGURATION_BYTES:  # or it is not even encoded: each character has a byte at least
        # Half of a surrogate pair stays what it is, and no JSON in UTF-8: replaced, it could be another key's name.
        data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    if data is None or len(data) > _MAX_CONFIGURATION_BYTES:
        raise MalformedError(Reason.INPUT_TOO_LARGE, where)
    return json.parse_object(data, where, DEFAULT_LIMITS.depth)
