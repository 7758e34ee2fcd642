"""What the tests build with: keys made once a run, one small world at a fixed time, and hostile tokens made by hand.

Nothing here uses the writers of the library: a token is put together from its parts, any of which a test may replace
by something no writer would write. Keys are random; everything else is fixed. `make()` alone is a good presentation.

Spec: RFC 9901 sections 4 and 4.3; SD-JWT VC section 2; Token Status List sections 4 and 5.1.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import strategies as st

from citizenid import (
    ANY,
    Challenge,
    CitizenIDError,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    MalformedError,
    NeedStatusList,
    PublicKey,
    Reason,
    Serialization,
    TrustAnchors,
    VerificationError,
)
from citizenid import verifier as _verifier
from citizenid.status import StatusStore

NOW: Final = 1_800_000_000
ISSUER: Final = "https://id.example"
AUDIENCE: Final = "https://gateway.example"
NONCE: Final = "n-0S6_WzA2Mj-for-tests"
VCT: Final = "urn:citizenid:citizenship:1"
STATUS_URI: Final = "https://id.example/status/1"
STATUS_MEDIA_TYPE: Final = "application/statuslist+jwt"
# What the list of `statuses()` says at these indices; every other index is valid.
VALID_INDEX: Final = 7
REVOKED_INDEX: Final = 8
SUSPENDED_INDEX: Final = 9
OTHER_INDEX: Final = 10
STATUS_SIZE: Final = 64
HASHES: Final = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}

Changes = Mapping[str, Any] | bytes
"""Members to set over the good ones, `ABSENT` to leave one out; or the bytes that stand in their place."""


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


def key(name: str, algorithm: str = "ES256") -> LocalKey:
    """Return the key of this name and algorithm, the same in the whole run."""
    return _key(name, algorithm)


@cache
def _key(name: str, algorithm: str) -> LocalKey:
    return LocalKey.generate(algorithm)


def base64url(data: bytes) -> bytes:
    """Encode as unpadded base64url, with the standard library."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def unbase64url(text: bytes | str) -> bytes:
    """Decode unpadded base64url, with the standard library."""
    raw = text.encode("ascii") if isinstance(text, str) else text
    return base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))


def dump(value: Any) -> bytes:
    """Write JSON, with the standard library."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def segment(value: Any) -> bytes:
    """Encode a segment: bytes as they are, anything else as JSON."""
    return base64url(value if isinstance(value, bytes) else dump(value))


def changed(good: Mapping[str, Any], changes: Changes | None) -> Any:
    """Apply `Changes` to good members; None changes nothing."""
    if isinstance(changes, bytes):
        return changes
    merged = {**good, **(changes or {})}
    return {name: value for name, value in merged.items() if value is not ABSENT}


def jws(header: Any, payload: Any, signer: LocalKey, sign: Callable[[bytes], bytes] | None = None) -> bytes:
    """Sign a compact JWS over any header and payload; `sign` may return what no honest signer would."""
    to_be_signed = segment(header) + b"." + segment(payload)
    return to_be_signed + b"." + base64url((sign or signer.sign)(to_be_signed))


def disclosure(*parts: Any) -> bytes:
    """Write a disclosure from its parts: (salt, name, value) or (salt, value), or anything else."""
    return segment(list(parts))


def digest(text: bytes, algorithm: str = "sha-256") -> str:
    """Return the digest of a disclosure, as it stands in `_sd` or `...`."""
    return base64url(HASHES[algorithm](text).digest()).decode()


def good_header() -> dict[str, Any]:
    """Return the header of a good credential."""
    return {"alg": "ES256", "typ": "dc+sd-jwt", "kid": "k1"}


def good_payload() -> dict[str, Any]:
    """Return the claims of a good credential: a US national, thirty days valid, status at VALID_INDEX."""
    return {
        "iss": ISSUER,
        "vct": VCT,
        "iat": NOW - 60,
        "exp": NOW + 30 * 86_400,
        "cnf": {"jwk": dict(key("holder").public.to_jwk())},
        "status": status_claim(VALID_INDEX),
        "nationalities": ["US"],
    }


def status_claim(index: Any, uri: Any = STATUS_URI) -> dict[str, Any]:
    """Return a `status` claim."""
    return {"status_list": {"idx": index, "uri": uri}}


def good_key_binding(issuer_half: bytes, algorithm: str = "sha-256") -> dict[str, Any]:
    """Return the claims of a good KB-JWT over this issuer half."""
    return {
        "iat": NOW,
        "aud": AUDIENCE,
        "nonce": NONCE,
        "sd_hash": digest(issuer_half, algorithm if algorithm in HASHES else "sha-256"),
    }


def issuer_half(
    header: Changes | None = None,
    payload: Changes | None = None,
    disclosures: Iterable[bytes] = (),
    *,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Make a credential `<jwt>~<disclosure>~...~` by hand."""
    signer = signer or key("issuer")
    good = {**good_header(), "alg": signer.public.algorithm}
    token = jws(changed(good, header), changed(good_payload(), payload), signer, sign)
    return b"~".join((token, *disclosures, b""))


def bound(
    half: bytes,
    changes: Changes | None = None,
    header: Changes | None = None,
    *,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
    algorithm: str = "sha-256",
) -> bytes:
    """Put a KB-JWT behind a credential."""
    signer = signer or key("holder")
    good = {"alg": signer.public.algorithm, "typ": "kb+jwt"}
    claims = changed(good_key_binding(half, algorithm), changes)
    return half + jws(changed(good, header), claims, signer, sign)


def make(
    header: Changes | None = None,
    payload: Changes | None = None,
    disclosures: Iterable[bytes] = (),
    *,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
    kb: Changes | None = None,
    kb_header: Changes | None = None,
    kb_signer: LocalKey | None = None,
    kb_sign: Callable[[bytes], bytes] | None = None,
    algorithm: str = "sha-256",
) -> bytes:
    """Make a presentation by hand. Without arguments it is a good one."""
    half = issuer_half(header, payload, disclosures, signer=signer, sign=sign)
    return bound(half, kb, kb_header, signer=kb_signer, sign=kb_sign, algorithm=algorithm)


def to_json(compact: bytes, *, general: bool = False, **header: Any) -> bytes:
    """Write a compact SD-JWT(+KB) in a JSON serialisation (RFC 9901 section 8)."""
    token, *disclosures, binding = compact.split(b"~")
    protected, payload, signature = token.decode().split(".")
    members: dict[str, Any] = {"disclosures": [text.decode() for text in disclosures]}
    if binding:
        members["kb_jwt"] = binding.decode()
    signed = {"header": changed(members, header), "protected": protected, "signature": signature}
    document = {"payload": payload, "signatures": [signed]} if general else {"payload": payload, **signed}
    return dump(document)


def anchors_for(
    public: PublicKey,
    *,
    issuer: str = ISSUER,
    kid: str | None = "k1",
    countries: Any = ANY,
    types: Iterable[str] = (VCT,),
    **further: Any,
) -> TrustAnchors:
    """Trust one key for credentials."""
    jwk = dict(public.to_jwk()) | ({} if kid is None else {"kid": kid})
    return TrustAnchors.from_jwks(
        issuer,
        {"keys": [jwk]},
        purpose=KeyPurpose.CREDENTIAL,
        formats=(Format.SD_JWT_VC,),
        types=types,
        countries=countries,
        **further,
    )


@cache
def anchors() -> TrustAnchors:
    """Trust the issuer of `make()` for the citizenship of every country."""
    return anchors_for(key("issuer").public)


@cache
def status_anchors() -> TrustAnchors:
    """Trust the signer of `status_token()`."""
    jwk = {**key("status").public.to_jwk(), "kid": "s1"}
    return TrustAnchors.from_jwks(ISSUER, {"keys": [jwk]}, purpose=KeyPurpose.STATUS_LIST)


def status_token(
    values: Mapping[int, int] | None = None,
    *,
    bits: int = 4,
    size: int = STATUS_SIZE,
    header: Changes | None = None,
    payload: Changes | None = None,
    signer: LocalKey | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Make a Status List Token by hand (Token Status List section 5.1)."""
    if values is None:
        values = {REVOKED_INDEX: 1, SUSPENDED_INDEX: 2, OTHER_INDEX: 3}
    packed = bytearray(size * bits // 8)
    for index, value in values.items():
        packed[index * bits // 8] |= value << index * bits % 8
    good = {
        "sub": STATUS_URI,
        "iat": NOW - 10,
        "exp": NOW + 86_400,
        "ttl": 43_200,
        "status_list": {"bits": bits, "lst": base64url(zlib.compress(bytes(packed), 9)).decode()},
    }
    signer = signer or key("status")
    good_header_ = {"alg": signer.public.algorithm, "typ": "statuslist+jwt", "kid": "s1"}
    return jws(changed(good_header_, header), changed(good, payload), signer, sign)


def statuses(now: int = NOW) -> StatusStore:
    """Return a new store that holds the list of `status_token()`, fetched at `now`."""
    store = StatusStore(anchors=status_anchors())
    store.ingest(
        STATUS_URI, status_token(payload={"iat": now - 10, "exp": now + 86_400}), media_type=STATUS_MEDIA_TYPE, now=now
    )
    return store


@cache
def shared_statuses() -> StatusStore:
    """Return the one store that tests share which only read it."""
    return statuses()


def challenge(**changes: Any) -> Challenge:
    """Return the challenge that `make()` answers."""
    return Challenge(**{"audience": AUDIENCE, "nonce": NONCE, **changes})


def verify(data: Any, **changes: Any) -> _verifier.VerifiedPresentation | NeedStatusList:
    """Verify in the world of this file; any argument may be replaced."""
    arguments: dict[str, Any] = {
        "format": Format.SD_JWT_VC,
        "anchors": anchors(),
        "challenge": challenge(),
        "statuses": shared_statuses(),
        "now": NOW,
        "serialization": Serialization.COMPACT,
    }
    return _verifier.verify(data, **(arguments | changes))


def accepted(data: Any, **changes: Any) -> _verifier.VerifiedPresentation:
    """Verify and expect a verified presentation."""
    verdict = verify(data, **changes)
    assert isinstance(verdict, _verifier.VerifiedPresentation)
    return verdict


def refused(data: Any, reason: Reason, step: str | None = None, **changes: Any) -> CitizenIDError:
    """Verify and expect this Reason, at this step, in an error that carries nothing of the input."""
    return raises(reason, step, lambda: verify(data, **changes))


def raises(
    reason: Reason,
    step: str | None,
    call: Callable[[], object],
    kinds: tuple[type[CitizenIDError], ...] = (MalformedError, VerificationError),
) -> CitizenIDError:
    """Call, and expect one of `kinds` with this Reason and step, without cause or context."""
    with pytest.raises(CitizenIDError) as caught:
        call()
    error = caught.value
    assert (error.reason, error.step) == (reason, error.step if step is None else step)
    assert type(error) in kinds
    assert error.__cause__ is None and error.__context__ is None
    return error


def misused(reason: Reason, call: Callable[[], object]) -> CitizenIDError:
    """Call our own side wrongly, and expect a CitizenIDError of any kind with this Reason."""
    return raises(reason, None, call, (CitizenIDError, MalformedError, VerificationError))


# --- certificates ---


@cache
def certificate_key(name: str) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key of this name, as `cryptography` has it."""
    return ec.generate_private_key(ec.SECP256R1())


def local_key(private: Any) -> LocalKey:
    """Return a private key of `cryptography` as a LocalKey."""
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return LocalKey.from_pem(pem)


def certificate(
    subject: str,
    issuer: str,
    *,
    public: Any = None,
    signer: Any = None,
    authority: bool = False,
    path_length: int | None = None,
    not_before: int = NOW - 86_400,
    not_after: int = NOW + 86_400,
    usage: Mapping[str, bool] | None = None,
    constraints: bool = True,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    hash_algorithm: Any = hashes.SHA256(),  # noqa: B008  # an immutable value
    serial: int | None = None,
    names: Callable[[str], x509.Name] | None = None,
) -> x509.Certificate:
    """Make a certificate. Keys are those of the two names unless others are given."""
    names = names or (lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]))
    private = signer or certificate_key(issuer)
    bits = {
        "digital_signature": not authority,
        "content_commitment": False,
        "key_encipherment": False,
        "data_encipherment": False,
        "key_agreement": False,
        "key_cert_sign": authority,
        "crl_sign": authority,
        "encipher_only": False,
        "decipher_only": False,
    }
    builder = (
        x509.CertificateBuilder()
        .subject_name(names(subject))
        .issuer_name(names(issuer))
        .public_key(public or certificate_key(subject).public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(datetime.datetime.fromtimestamp(not_before, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(not_after, datetime.UTC))
        .add_extension(x509.KeyUsage(**(bits | dict(usage or {}))), critical=True)
    )
    if constraints:
        builder = builder.add_extension(x509.BasicConstraints(authority, path_length), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(private, hash_algorithm)


def der(*certificates: x509.Certificate) -> tuple[bytes, ...]:
    """Return certificates in DER."""
    return tuple(each.public_bytes(serialization.Encoding.DER) for each in certificates)


def pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates in PEM, one behind the other."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def x5c(*certificates: x509.Certificate) -> list[str]:
    """Return certificates as the `x5c` header has them: standard base64 of DER."""
    return [base64.b64encode(each).decode() for each in der(*certificates)]


# --- generated claims ---

# Names with a meaning of their own: never a claim of the person, at the top level.
STRUCTURAL: Final = frozenset(
    {"iss", "vct", "exp", "nbf", "iat", "cnf", "status", "aud", "vct#integrity", "aka_vcts", "assurance"}
)
CITIZENSHIP: Final = frozenset({"nationalities", "citizenships", "nationalities_complete"})
RESERVED: Final = frozenset({"_sd", "...", "_sd_alg"})

names = st.text(max_size=8).filter(lambda name: name not in RESERVED)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
"""JSON values of the kinds an attestation may hold, without the names that mark hidden parts."""

person_claims = st.dictionaries(
    names.filter(lambda name: name not in STRUCTURAL | CITIZENSHIP), json_values, max_size=5
)
"""Further claims of a person, beside the citizenship."""

country_lists = st.lists(st.sampled_from(Country.all()), min_size=1, max_size=4, unique=True)


def paths(value: Any, prefix: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every member and every array element inside `value`, outer before inner."""
    found: list[tuple[str | int, ...]] = []
    if isinstance(value, Mapping):
        items: list[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, list | tuple):
        items = list(enumerate(value))
    else:
        return found
    for step, item in items:
        found.append((*prefix, step))
        found.extend(paths(item, (*prefix, step)))
    return found


def same(one: Any, other: Any) -> bool:
    """Compare JSON values by kind and value: 1, 1.0 and True differ, frozen and plain containers do not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def us(*codes: str) -> tuple[Country, ...]:
    """Return countries by their alpha-2 codes; ("US",) by default."""
    return tuple(map(Country, codes or ("US",)))


def unreachable(*_: object, **__: object) -> NoReturn:
    """Stand in for something that must not be called."""
    raise AssertionError("this must not be called")
