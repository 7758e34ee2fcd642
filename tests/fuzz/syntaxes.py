"""Targets of the codecs: each against a slow implementation that is obviously right, or a library of others.

Spec: RFC 4648; RFC 8259; RFC 8949; RFC 7515; RFC 9052; RFC 9053; RFC 1950.
"""

from __future__ import annotations

import json as stdlib_json
import zlib
from collections.abc import Iterator
from typing import Any, Final

import cbor2
import jwt
from jwt.algorithms import ECAlgorithm, OKPAlgorithm
from wire import test_cbor, test_json

from citizenid import AgreementKey, CitizenIDError, Limits, LocalKey, PublicKey, Reason, Unsigned
from citizenid import _registry as reg
from citizenid._crypto import load_holder_key, verify_signature
from citizenid._model import CertificateProfile, thaw
from citizenid._wire import base64url, cbor, cose, dates, device_response, elements, heads, json, jws, keys
from citizenid.status import IdentifierList, StatusList

from .world import (
    base64url as slow_encode,
)
from .world import (
    cases,
    joined,
    key,
    number,
    ours,
    parts,
    require,
    same,
    sign1,
    text_of,
    unbase64url,
)
from .world import jws as signed_jws

WHERE: Final = "somewhere.header"
LIMITS: Final = Limits()
_URL: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_STANDARD: Final = _URL[:62] + b"+/"

# --- base64url ---


def _slow_base64(text: bytes, alphabet: bytes) -> bytes | None:
    """RFC 4648 bit by bit: no other character, no impossible length, no bit left over that is not zero."""
    if len(text) % 4 == 1 or any(each not in alphabet for each in text):
        return None
    bits = "".join(f"{alphabet.index(each):06b}" for each in text)
    whole = len(bits) - len(bits) % 8
    if "1" in bits[whole:]:
        return None
    return bytes(int(bits[at : at + 8], 2) for at in range(0, whole, 8))


def base64url_one(data: bytes) -> None:
    """Decode in four ways, encode in two."""
    expected = _slow_base64(data, _URL)
    found = ours(base64url.decode, data, WHERE)
    require((found if isinstance(found, bytes) else None) == expected, "decode")
    text = text_of(data)
    as_text = ours(base64url.decode_text, text, WHERE)
    require((as_text if isinstance(as_text, bytes) else None) == expected, "decode_text")
    for size in {len(data) * 3 // 4, 32}:
        sized = base64url.decode_sized(text, size)
        fits = expected is not None and expected != b"" and len(expected) == size
        require(sized == (expected if fits else None), "decode_sized")
    bare = data.rstrip(b"=")
    padded = _slow_base64(bare, _STANDARD) if len(data) == -(-len(bare) // 4) * 4 else None
    standard = ours(base64url.decode_standard, data, WHERE)
    require((standard if isinstance(standard, bytes) else None) == padded, "decode_standard")
    written = base64url.encode(data)
    require(written == slow_encode(data) == base64url.encode_text(data).encode(), "encode")
    require(base64url.decode(written, WHERE) == data, "decode(encode)")


def base64url_seeds() -> Iterator[bytes]:
    """Return texts of every length of rest, and headers of tokens."""
    yield from (b"", b"AA", b"AAA", b"AAAA", b"_-8", b"AB==", b"AAE=", b"AA+/", b"A", b"AAB", b"-_==")
    for case in cases("presentation")[:40]:
        yield str(case["input"]).encode().split(b".")[0]
        yield str(case["input"]).encode().rpartition(b"~")[2].rpartition(b".")[2]


# --- JSON ---


def json_one(data: bytes) -> None:
    """Read as the standard library reads it when it is made strict."""
    test_json._agree(data)
    test_json._agree(data[1:], number(data, 8))
    value = ours(json.parse_object, data, WHERE, 8)
    require(isinstance(value, CitizenIDError) or type(value) is dict, "parse_object")
    tree, whole = ours(json.parse_tree, data, WHERE), ours(json.parse, data, WHERE, 300)
    require(isinstance(whole, CitizenIDError) or same(tree, whole), "parse_tree")


def json_seeds() -> Iterator[bytes]:
    """Return documents, among them headers and payloads of the vectors."""
    yield from (
        b"{}", b"[]", b"0", b'""', b"null", b"true", b"-0.0", b"1e400", b"1E-400", b'{"a":1,"a":2}', b'"\\ud800"',
        b'"\\ud83d\\ude00"', b"\xef\xbb\xbf{}", b"[[[[[[[[[]]]]]]]]]", b'{"a":[1,2.5,{"b":null}]}', b'"\\u0000"',
        b"NaN",
        b"-Infinity", b"1_0", b"01", b"[1,]", b"123456789012345678901234567890", b'"\xff"', b' \t\r\n{"x" : 1}',
    )  # fmt: skip
    for case in cases("presentation")[::4]:
        header, payload = (
            str(case["input"]).encode().split(b"~")[0].split(b".")[:2] if "." in case["input"] else (b"", b"")
        )
        for segment in (header, payload):
            try:
                yield unbase64url(segment)
            except ValueError:
                continue


# --- CBOR ---

_TAGS: Final = (frozenset[int](), frozenset({24}), frozenset({18, 61}), frozenset({0, 1004, 24}))


def cbor_one(data: bytes) -> None:
    """Decode as a slow decoder that was written from the RFC does; what is read is written alike ever after."""
    tags = _TAGS[number(data, len(_TAGS))]
    body = data[1:]
    test_cbor._compare(body, tags)
    value = ours(cbor.decode, body, WHERE)
    if not isinstance(value, CitizenIDError):
        written = cbor.encode(value)
        require(cbor.encode(cbor.decode(written, WHERE)) == written, "encode(decode)")
        if type(value) is dict:
            slices = cbor.member_slices(body, WHERE)
            require(all(same(cbor.decode(each, WHERE), value[name]) for name, each in slices.items()), "member_slices")
    loaded = ours(cbor.load, body, WHERE, tags)
    for call in (cbor.load_signed, cbor.member_slices, cbor.decode_marked, heads.unwrap):
        ours(call, body, WHERE)
    many = ours(cbor.load_each, [body, b"\x00", body], WHERE, tags)
    require(isinstance(many, CitizenIDError) or same(many, [loaded, 0, loaded]), "load_each")
    marked = ours(cbor.decode_marked, body, WHERE)
    if not isinstance(marked, CitizenIDError):
        ours(cbor.check_names, marked, WHERE)
        ours(cbor.encode, marked)
    require(heads.unwrap(heads.embedded(body), WHERE) == body, "unwrap(embedded)")


def cbor_seeds() -> Iterator[bytes]:
    """Return items of every kind, and the tokens of the vectors with what is embedded in them."""
    for text in (
        "00 1817 1818 1900ff 1a00010000 1bffffffffffffffff 20 3bffffffffffffffff 40 4100 60 6161 80 8100 a0 a10000"
        " a2000000 a2010201 f4 f5 f6 f7 f83b f90000 f97c00 fa7f800000 fb3ff0000000000000 d81840 d83c4100 d81e820102"
        " c249010000000000000000 9f00ff bf6161ff 5f4100ff 8f81818181818181818181818181818180 a18000 a1f400 d9d9f700 ff"
        " 62c328"
    ).split():
        yield from (bytes((which,)) + bytes.fromhex(text) for which in range(2))
    yield b"\x00" + b"\xa2" * 40  # a map for a key, deeper than the bound
    yield b"\x00" + b"\xda" * 81 + b"\x00"  # tags in tags, cut short behind the bound
    yield b"\xd2" * 18 + b"\x00\x20"  # one level too many, and a byte
    yield b"\xd2" * 18 + b"\x41\x00\x20"  # the same around a string
    for kind in ("mdoc", "sd_cwt"):
        for case in cases(kind)[::9]:
            if len(case["input"]) < 3_000:
                try:
                    yield b"\x01" + unbase64url(case["input"])
                except ValueError:
                    continue


# --- JWS ---

_PEER: Final = jwt.PyJWS(algorithms=["EdDSA", "ES256"])
_PEER.register_algorithm("Ed25519", OKPAlgorithm())
_PEER_ALGORITHMS: Final = ("EdDSA", "Ed25519", "ES256")
_SIGNERS: Final = ("issuer/Ed25519", "issuer/ES256")


def _peer_key(name: str) -> Any:
    text = stdlib_json.dumps(key(name).public.to_jwk())
    return (OKPAlgorithm if "Ed25519" in name else ECAlgorithm).from_jwk(text)


_PEER_KEYS: Final = {name: _peer_key(name) for name in _SIGNERS}


def jws_one(data: bytes) -> None:
    """Open and verify a compact JWS, raw or signed; whatever is good here, PyJWT takes, with equal contents."""
    how, header, payload = parts(data, 3)
    name = _SIGNERS[number(how, 2)]
    token = header if how[1:2] == b"r" else signed_jws(header, payload, key(name))
    # What a signer elsewhere returns is a signature over this, or nothing is put together of it.
    complete, good = Unsigned(header, key(name).public, lambda raw: raw).complete, key(name).sign(header)
    require(complete(good) == good, "its signature")
    require(isinstance(ours(complete, payload), CitizenIDError), "any signature")
    opened = ours(jws.open_compact, token, WHERE, LIMITS)
    ours(jws.read_header, token.partition(b".")[0], WHERE, LIMITS, subject_key=True)
    if isinstance(opened, CitizenIDError):
        return
    verdict = ours(verify_signature, opened, key(name).public, WHERE)
    if isinstance(verdict, CitizenIDError):
        return
    decoded = _PEER.decode_complete(token, _PEER_KEYS[name], algorithms=_PEER_ALGORITHMS)
    require(decoded["payload"] == opened.payload, "another payload than PyJWT's")
    members = thaw(jws.read_header(token.split(b".")[0], WHERE, LIMITS).members)
    require(same(decoded["header"], members), "another header than PyJWT's")


def jws_seeds() -> Iterator[bytes]:
    """Return headers and payloads of the vectors, and whole tokens, one of them under a signature of another."""
    yield joined(b"\x00r", signed_jws(b'{"alg":"Ed25519"}', b"{}", key("holder/Ed25519")))
    for case in cases("presentation")[::3] + cases("dpop"):
        token = str(case["input"]).encode().split(b"~")[0]
        yield joined(b"\x00r", token)
        try:
            header, payload, _ = (unbase64url(each) for each in token.split(b"."))
        except ValueError:
            continue
        yield joined(b"\x00s", header, payload)
        yield joined(b"\x01s", header.replace(b"Ed25519", b"ES256"), payload)


# --- COSE, keys, and what else CBOR formats are made of ---

_TABLES: Final = (reg.COSE_ALGORITHMS, reg.MDOC_ALGORITHMS)


def cose_one(data: bytes) -> None:
    """Read a COSE_Sign1 that is signed over any bytes; the signature of what passes is good under the signer alone."""
    how, protected, unprotected, payload = parts(data, 4)
    raw = protected if how[1:2] == b"r" else sign1(protected, unprotected, payload, key("issuer/Ed25519"))
    item = ours(cbor.decode, raw, WHERE, frozenset({18, 24}))
    loaded = ours(cbor.load, raw, WHERE, frozenset({18, 24}))
    for value in (item, loaded):
        if isinstance(value, CitizenIDError):
            continue
        value = ours(cose.untag, value, 18, WHERE) if how[2:3] == b"t" else value
        if isinstance(value, CitizenIDError):
            continue
        message = ours(cose.read_message, value, WHERE)
        if isinstance(message, CitizenIDError):
            continue
        for call in (cose.typ_of, cose.hint_of):
            ours(call, message, WHERE)
        table = _TABLES[number(how, len(_TABLES))]
        signed = ours(
            cose.sign1, message, message.payload or b"", table, CertificateProfile.MDOC_DOCUMENT_SIGNER, WHERE
        )
        if isinstance(signed, CitizenIDError):
            continue
        verdict = ours(verify_signature, signed, key("issuer/Ed25519").public, WHERE)
        require(
            isinstance(ours(verify_signature, signed, key("holder/Ed25519").public, WHERE), CitizenIDError), "any key"
        )
        if not isinstance(verdict, CitizenIDError):
            require(dict(cose.protected_of(signed.to_be_signed, WHERE)) == dict(message.members), "protected_of")
    for read in (device_response.read_canonical, device_response.read_documents):
        ours(read, raw, LIMITS)


def cose_seeds() -> Iterator[bytes]:
    """Return headers as the vectors have them."""
    for case in cases("sd_cwt")[::5]:
        try:
            outer = cbor2.loads(unbase64url(case["input"]))
            protected, unprotected, payload, _ = outer.value
            yield joined(b"\x00st", protected, cbor2.dumps(dict(unprotected)), payload)
            yield joined(b"\x00r", cbor2.dumps(outer))
            inner = cbor2.loads(protected)[13].value
            yield joined(b"\x00s", inner[0], cbor2.dumps(dict(inner[1])), inner[2])
        except (ValueError, TypeError, AttributeError, KeyError, cbor2.CBORError):
            continue
    for case in cases("mdoc")[::9]:
        if len(case["input"]) < 3_000 and not case.get("expected", {}).get("reason", "").startswith("malformed"):
            yield joined(b"\x00r", unbase64url(case["input"]))


def keys_one(data: bytes) -> None:
    """Read public and private keys in four notations; what is read is written and read as the same key again."""
    body = data[1:]
    jwk = ours(json.parse, body, WHERE, 4)
    item = ours(cbor.decode, body, WHERE)
    if not isinstance(jwk, CitizenIDError):
        _jwk(jwk)
    if not isinstance(item, CitizenIDError):
        material = ours(keys.read_cose_key, item, WHERE)
        if not isinstance(material, CitizenIDError):
            again = ours(keys.read_cose_key, keys.cose_key(material), WHERE)
            require(isinstance(again, CitizenIDError) or again == material, "cose_key")
            ours(PublicKey, material, WHERE, full=False)
        _elements(item)
    for call in (PublicKey.from_pem, LocalKey.from_pem, AgreementKey.from_pem):
        ours(call, body)
    _times(text_of(body))


def _jwk(jwk: Any) -> None:
    for call in (PublicKey.from_jwk, LocalKey.from_jwk, AgreementKey.from_jwk):
        found = ours(call, jwk)
        if isinstance(found, PublicKey):
            again = PublicKey.from_jwk(dict(found.to_jwk()))
            require(again == found and again.thumbprint == found.thumbprint, "to_jwk")
        elif isinstance(found, LocalKey):
            require(LocalKey.from_jwk(found.to_private_jwk()).public == found.public, "to_private_jwk")
    material = ours(keys.read_public_jwk, jwk, WHERE)
    if not isinstance(material, CitizenIDError):
        require(keys.read_public_jwk(keys.public_jwk(material), WHERE) == material, "public_jwk")
    holder = ours(load_holder_key, jwk, WHERE)
    full = ours(PublicKey.from_jwk, jwk)
    require(isinstance(full, CitizenIDError) or not isinstance(holder, CitizenIDError), "a full gate that lets more in")


def _elements(item: Any) -> None:
    for tags in (None, frozenset({0}), frozenset({0, 1004})):
        written = ours(elements.element_value, item, tags, frozenset())
        if isinstance(written, bytes):
            ours(cbor.decode, written, WHERE, frozenset({0, 1004}))


def _times(text: str) -> None:
    moment = dates.date_time(text)
    if moment is not None:
        require(dates.write_date_time(moment) is not None, "write_date_time")
        require(dates.date_time(str(dates.write_date_time(moment))) == moment, "date_time(write_date_time)")
    up, down = dates.rfc_3339(text, up=True), dates.rfc_3339(text, up=False)
    require((up is None) is (down is None) and (up is None or down is None or 0 <= up - down <= 1), "rfc_3339")
    require(moment is None or down == moment, "two readings of one date")
    dates.is_full_date(text)


def keys_seeds() -> Iterator[bytes]:
    """Return keys of every kind in JWK and COSE_Key, and dates."""
    for algorithm in ("Ed25519", "ES256", "ES384", "ES512", "Ed448", "ESB256", "ML-DSA-44"):
        made = ours(LocalKey.generate, algorithm)
        if isinstance(made, CitizenIDError):
            continue
        for jwk in (made.to_private_jwk(), dict(made.public.to_jwk())):
            yield b"h" + stdlib_json.dumps(jwk).encode()
        material = ours(keys.read_public_jwk, dict(made.public.to_jwk()), WHERE)
        if not isinstance(material, CitizenIDError):
            yield b"h" + cbor2.dumps(keys.cose_key(material))
    yield b"h" + cbor2.dumps({1: 2, -1: 1, -2: bytes(31) + b"\x01", -3: True})
    for text in (
        "2027-01-15T08:00:00Z",
        "2027-01-15T08:00:00.5Z",
        "2027-01-15T08:00:00+02:00",
        "2027-02-29",
        "1969-12-31T23:59:60Z",
    ):
        yield b"t" + text.encode()
    yield b"t" + cbor2.dumps(["2027-01-15", {"a": cbor2.CBORTag(1004, "2027-01-15")}])


# --- what is inflated ---

_BOUND: Final = 4_096


def inflate_one(data: bytes) -> None:
    """Inflate a list as zlib does: the whole stream, nothing behind it, within the bound."""
    bits = (1, 2, 4, 8)[number(data, 4)]
    stream = data[1:]
    peer = zlib.decompressobj()
    try:
        inflated = peer.decompress(stream, _BOUND + 1)
        whole = peer.eof and not peer.unused_data and len(inflated) <= _BOUND
        beyond = len(inflated) > _BOUND
    except zlib.error:
        inflated, whole, beyond = b"", False, False
    found = ours(StatusList.decompress, stream, bits=bits, limit_bytes=_BOUND)
    if isinstance(found, CitizenIDError):
        require(not whole, "refuses what zlib takes")
        require(found.reason in (Reason.INPUT_TOO_LARGE, Reason.STATUS_LIST_MALFORMED), "another Reason")
        require(not beyond or found.reason is Reason.INPUT_TOO_LARGE, "a bomb by another name")
        return
    require(whole and found.packed == inflated, "takes what zlib does not")
    require(len(found) == len(inflated) * 8 // bits, "size")
    for index in range(0, len(found), max(1, len(found) // 16)):
        expected = inflated[index * bits // 8] >> index * bits % 8 & (1 << bits) - 1
        require(found.raw(index) == expected, "an entry in another place")
    require(StatusList.decompress(found.compress(), bits=bits, limit_bytes=_BOUND) == found, "compress")
    tags = IdentifierList.unpack(inflated[: len(inflated) // 10 * 10])
    require(IdentifierList.unpack(tags.packed).packed == tags.packed, "unpack(packed)")


def inflate_seeds() -> Iterator[bytes]:
    """Return streams of every level, with and without something wrong."""
    for body in (b"", b"\x00", bytes(64), bytes(range(64)), bytes(5_000), b"\xc9" * 40):
        for level in (0, 1, 9):
            for which in range(4):
                yield bytes((which,)) + zlib.compress(body, level)
    yield b"\x00" + zlib.compress(b"abc") + b"x"
    yield b"\x00" + zlib.compress(bytes(64))[:-1]
