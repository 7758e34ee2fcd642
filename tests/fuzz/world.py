"""What the targets share: the keys, anchors and lists of our own vectors, made once, and how an outcome is judged.

An input of a target that signs is several parts with `SEPARATOR` between them, each of them as it goes into what is
signed: so that changing a byte changes a claim, and the signature is always good. Placeholders stand for digests.

Spec: specs/vectors/README.md.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import cbor2

from citizenid import (
    ANY,
    AgreementKey,
    Challenge,
    CitizenIDError,
    Country,
    Format,
    Handover,
    HandoverKind,
    KeyPurpose,
    LocalKey,
    MalformedError,
    Reason,
    TrustAnchors,
    VerificationError,
)
from citizenid.status import StatusStore

P = ParamSpec("P")
R = TypeVar("R")

NOW: Final = 1_800_000_000
SEPARATOR: Final = b"\n--\n"
VECTORS: Final = Path(__file__).resolve().parents[2] / "specs" / "vectors"
AUDIENCE: Final = "https://gateway.example"
ISSUER: Final = "https://id.example"
_ERRORS: Final = (CitizenIDError, MalformedError, VerificationError)


class Finding(AssertionError):
    """A property of a target does not hold."""


def require(holds: bool, what: str) -> None:
    """Raise a Finding unless something holds. Not an `assert`, which `python -O` would drop."""
    if not holds:
        raise Finding(what)


def ours(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | CitizenIDError:
    """Return what a call gives, or the error of ours that it raises; any other exception leaves."""
    try:
        return call(*args, **kwargs)
    except CitizenIDError as error:
        caught = error
    require(type(caught) in _ERRORS and type(caught.reason) is Reason, "an error of another class")
    require(caught.__context__ is None and caught.__cause__ is None, "an error that carries another")
    require(caught.where.isascii() and len(caught.where) < 100, "a place that is none of ours")
    return caught


def told(outcome: object) -> object:
    """Return what must not differ between two outcomes of one input."""
    if isinstance(outcome, CitizenIDError):
        return (outcome.reason, outcome.where, outcome.step)
    return outcome


def same(one: object, other: object) -> bool:
    """Whether two values are alike to their types: to Python 1, 1.0 and True are one."""
    return repr(one) == repr(other)


def parts(data: bytes, count: int) -> list[bytes]:
    """Take an input apart into so many parts; those that are not there are empty."""
    found = data.split(SEPARATOR, count - 1)
    return found + [b""] * (count - len(found))


def joined(*each: bytes) -> bytes:
    """Put an input together."""
    return SEPARATOR.join(each)


def number(data: bytes, below: int) -> int:
    """Choose a number by the first byte."""
    return data[0] % below if data else 0


def text_of(data: bytes) -> str:
    """Any bytes as a text of the same length, of the first 256 characters."""
    return data.decode("latin-1")


@cache
def scratch() -> Path:
    """Return a folder of this process, in memory where the system has one, that goes with it."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108  # mkdtemp makes it ours alone
    folder = Path(tempfile.mkdtemp(prefix="citizenid-fuzz-", dir=memory))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


# --- vectors ---


@cache
def vectors(kind: str) -> dict[str, Any]:
    """Return a file of our vectors."""
    document: dict[str, Any] = json.loads((VECTORS / f"{kind}.json").read_text("utf-8"))
    return document


def cases(kind: str) -> list[dict[str, Any]]:
    """Return the cases of a file."""
    listed: list[dict[str, Any]] = vectors(kind)["cases"]
    return listed


def unbase64url(text: str | bytes) -> bytes:
    """Decode base64url that is ours."""
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))


def base64url(data: bytes) -> bytes:
    """Encode with the standard library."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@cache
def key(name: str) -> LocalKey:
    """Return a private key of the vectors, by name and algorithm."""
    found = next(vectors(kind)["keys"][name] for kind in ("mdoc", "sd_cwt") if name in vectors(kind)["keys"])
    return LocalKey.from_jwk(found)


def made_anchors(stated: dict[str, Any]) -> TrustAnchors:
    """Make anchors as the vectors describe them."""
    rest = dict(stated)
    issuer, keys, pem = rest.pop("issuer"), rest.pop("jwks", None), rest.pop("certificates", None)
    signers = rest.pop("document_signers", None)
    rest["purpose"] = KeyPurpose(rest["purpose"])
    if "formats" in rest:
        rest["formats"] = [Format(name) for name in rest["formats"]]
        codes = rest["countries"]
        rest["countries"] = ANY if codes == "any" else [Country(code) for code in codes]
    if "crls" in rest:
        rest["crls"] = [unbase64url(crl) for crl in rest["crls"]]
    if keys is not None:
        return TrustAnchors.from_jwks(issuer, keys, **rest)
    if signers is not None:
        return TrustAnchors.from_document_signers(signers, issuer=issuer, **rest)
    return TrustAnchors.from_certificates(pem, issuer=issuer, **rest)


@cache
def anchors(kind: str, *names: str) -> TrustAnchors:
    """Return anchors of a file of vectors, by their names."""
    made = TrustAnchors()
    for name in names:
        made |= made_anchors(vectors(kind)["anchors"][name])
    return made


@cache
def statuses(kind: str, *names: str) -> StatusStore:
    """Return a store with the lists of a file of vectors. Targets read it and never change it."""
    store = StatusStore(anchors=anchors(kind, "status"))
    for fetched in (vectors(kind)["status_lists"][name] for name in names or ("list",)):
        store.ingest(fetched["uri"], fetched["token"], media_type=fetched["media_type"], now=fetched["fetched_at"])
    return store


def challenge_of(case: dict[str, Any]) -> Challenge:
    """Return the challenge of a case."""
    stated = dict(case["challenge"])
    if isinstance(stated["nonce"], dict):
        stated["nonce"] = unbase64url(stated["nonce"]["bytes"])
    if "handover" in stated:
        handover = dict(stated["handover"], kind=HandoverKind(stated["handover"]["kind"]))
        for name in handover.keys() & {"jwk_thumbprint", "transcript"}:
            handover[name] = unbase64url(handover[name])
        stated["handover"] = Handover(**handover)
    if "reader_key" in case:
        stated["reader_key"] = AgreementKey.from_jwk(case["reader_key"])
    return Challenge(**stated)


# --- writing ---


def jws(header: bytes, payload: bytes, signer: LocalKey) -> bytes:
    """Sign a compact JWS over any bytes."""
    to_be_signed = base64url(header) + b"." + base64url(payload)
    return to_be_signed + b"." + base64url(signer.sign(to_be_signed))


def head(major: int, count: int) -> bytes:
    """Write the head of an item of CBOR in its shortest form."""
    for info, width in ((24, 1), (25, 2), (26, 4)):
        if count < 24:
            return bytes((major << 5 | count,))
        if count < 1 << 8 * width:
            return bytes((major << 5 | info,)) + count.to_bytes(width, "big")
    raise ValueError(count)


def bstr(data: bytes) -> bytes:
    """Write a byte string."""
    return head(2, len(data)) + data


def embedded(data: bytes) -> bytes:
    """Write `#6.24(bstr)`."""
    return b"\xd8\x18" + bstr(data)


def sign1(protected: bytes, unprotected: bytes, payload: bytes, signer: LocalKey, *, detached: bool = False) -> bytes:
    """Write a COSE_Sign1 without its tag over any bytes; the unprotected header goes in as it is."""
    covered = b"" if protected == b"\xa0" else protected
    to_be_signed = b"\x84" + cbor2.dumps("Signature1") + bstr(covered) + b"\x40" + bstr(payload)
    sent = b"\xf6" if detached else bstr(payload)
    return b"\x84" + bstr(protected) + (unprotected or b"\xa0") + sent + bstr(signer.sign(to_be_signed))


def place_of(position: int, size: int = 32) -> bytes:
    """Return what stands in an input for the digest of a disclosure, in CBOR: of the digest's own length."""
    return b"@%02d" % position + b"@" * (size - 3)


def filled(template: bytes, digests: Iterable[bytes]) -> bytes:
    """Put digests of 32 bytes in their places."""
    if b"@@@" in template:
        for position, digest in enumerate(digests):
            template = template.replace(place_of(position), digest)
    return template


def emptied(filled_in: bytes, digests: Iterable[bytes]) -> bytes:
    """Put places where digests stand: how a seed is made of a vector."""
    for position, digest in enumerate(digests):
        filled_in = filled_in.replace(digest, place_of(position))
    return filled_in


def sha256(data: bytes) -> bytes:
    """Hash."""
    return hashlib.sha256(data).digest()


def unique(seeds: Iterable[bytes]) -> Iterator[bytes]:
    """Return each seed once."""
    yield from dict.fromkeys(seeds)
