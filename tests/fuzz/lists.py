"""Targets of status lists: tokens that a trusted signer signs over any bytes, the file they lie in, fetching.

Spec: Token Status List; W3C Bitstring Status List; ISO/IEC 18013-5 12.3.6.4; RFC 9110; RFC 9842.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import cbor2
import zstandard

from citizenid import CitizenIDError, Status, StatusKind, StatusReference, UnixTime
from citizenid.integrations import _codings as codings
from citizenid.integrations import _exchange as http
from citizenid.integrations import _negotiation as negotiation
from citizenid.integrations._addresses import Reach, may_connect, open_url
from citizenid.integrations._codings import Coding, Undecodable
from citizenid.integrations._sources import read_aggregation
from citizenid.status import (
    IdentifierPublisher,
    StatusFile,
    StatusPublisher,
    StatusStore,
    read_status_file,
    verify_status_list,
    write_status_file,
)
from citizenid.status._file_layout import HEADER_BYTES
from citizenid.status._records import read_marks, write_marks

from .world import (
    ISSUER,
    NOW,
    SEPARATOR,
    anchors,
    cases,
    joined,
    jws,
    key,
    number,
    ours,
    parts,
    require,
    scratch,
    sign1,
    text_of,
    told,
    unbase64url,
)

_URI: Final = "https://id.example/status/1"
_BITS: Final = "https://id.example/bits/1"
_JWT, _CWT, _IDENTIFIERS, _CREDENTIAL = (
    "application/statuslist+jwt", "application/statuslist+cwt", "application/identifierlist+cwt", "application/vc+jwt",
)  # fmt: skip
_MEDIA_TYPES: Final = (_JWT, _CWT, _IDENTIFIERS, _CREDENTIAL)
_ANCHORS: Final = anchors("status_list", "status", "issuer")
_PLACE: Final = b'"@list"'


def status_list_one(data: bytes) -> None:
    """Verify and ingest a list, raw or signed over any bytes; in JSON `@list` is whatever follows, compressed."""
    how, header, payload, packed = parts(data, 4)
    media_type = _MEDIA_TYPES[number(how, 4)]
    if how[1:2] == b"r":
        body = data.split(SEPARATOR, 1)[1] if SEPARATOR in data else b""
    elif media_type in (_JWT, _CREDENTIAL):
        if packed and media_type == _CREDENTIAL:  # such a list has at least 16 KiB
            packed *= -(-16_384 // len(packed))
        stream = zlib.compress(packed, 1) if media_type == _JWT else gzip.compress(packed, 1, mtime=0)
        text = ("" if media_type == _JWT else "u") + _encoded(stream)
        body = jws(header, payload.replace(_PLACE, json.dumps(text).encode()), key("status/Ed25519"))
    else:
        body = b"\xd2" + sign1(header, b"\xa0", payload, key("status/Ed25519"))
    uri = _BITS if media_type == _CREDENTIAL else _URI
    token = ours(verify_status_list, body, uri=uri, media_type=media_type, anchors=_ANCHORS, now=NOW)
    store = StatusStore(anchors=_ANCHORS)
    first = ours(store.ingest, uri, body, media_type=media_type, now=NOW)
    require(isinstance(first, CitizenIDError) or not isinstance(token, CitizenIDError), "ingests what does not verify")
    second = ours(store.ingest, uri, body, media_type=media_type, now=NOW)
    require(told(first) == told(second), "the same list a second time")
    for reference in _REFERENCES:
        status = ours(store.check, reference, issuer=ISSUER, now=NOW)
        if isinstance(status, Status):
            require(first is None, "a status by a list that was refused")
            require(
                isinstance(store.check(reference, issuer=ISSUER, now=NOW + 86_401), Status) is False, "a stale list"
            )
    marks = store.export_marks()
    require(write_marks(read_marks(marks)) == marks, "marks")


def _encoded(stream: bytes) -> str:
    return codings.base64.urlsafe_b64encode(stream).rstrip(b"=").decode()


_REFERENCES: Final = (
    StatusReference(_URI, 0),
    StatusReference(_URI, 7),
    StatusReference(_URI, None, StatusKind.IDENTIFIER_LIST, identifier=b"abc"),
    StatusReference(_BITS, 3, StatusKind.BITSTRING, purpose="revocation"),
    StatusReference(_BITS, 3, StatusKind.BITSTRING, purpose="suspension"),
)


def _published() -> Iterator[tuple[str, bytes]]:
    publisher = StatusPublisher(uri=_URI, size=64, bits=2)
    yield _JWT, publisher.publish(key("status/Ed25519"), now=NOW, ttl_s=600, expires_s=3_600, kid="s1")
    yield _CWT, publisher.publish(key("status/Ed25519"), now=NOW, ttl_s=600, expires_s=3_600, kid="s1", format="cwt")
    drawn = iter(range(256))
    identifiers = IdentifierPublisher(uri=_URI, draw=lambda size: bytes((next(drawn),)) * size)
    for _ in range(4):
        identifiers.revoke(identifiers.allocate())
    yield _IDENTIFIERS, identifiers.publish(key("status/Ed25519"), now=NOW, ttl_s=600, expires_s=3_600, kid="s1")


def status_list_seeds() -> Iterator[bytes]:
    """Return the vectors and what our publishers write, raw and taken apart."""
    listed = [(case["media_type"], case["input"].encode()) for case in cases("status_list")]
    for media_type, body in (*listed, *_published()):
        if media_type not in _MEDIA_TYPES or len(body) > 6_000:
            continue
        which = bytes((_MEDIA_TYPES.index(media_type),))
        yield joined(which + b"r", body)
        if media_type in (_JWT, _CREDENTIAL):
            try:
                header, payload, _ = (unbase64url(each) for each in body.split(b"."))
            except ValueError:
                continue
            yield joined(which + b"s", header, payload)
            for name in (b'"lst":', b'"encodedList":'):
                at = payload.find(name)
                if at >= 0:
                    end = payload.index(b'"', at + len(name) + 1) + 1
                    yield joined(which + b"s", header, payload[: at + len(name)] + _PLACE + payload[end:], b"\x1b" * 8)
        else:
            protected, _, payload, _ = cbor2.loads(body).value
            yield joined(which + b"s", protected, payload)


# --- the file in which a store is shared ---


@cache
def _good_file() -> bytes:
    store = StatusStore(anchors=_ANCHORS)
    for media_type, body in _published():
        with contextlib.suppress(CitizenIDError):
            store.ingest(_URI, body, media_type=media_type, now=NOW)
    path = scratch() / "good-file"
    write_status_file(path, store)
    return path.read_bytes()


_HEAD_BYTES: Final = 64


def status_file_one(data: bytes) -> None:
    """Map a file whose checksum is right over any directory; what is read is written and read alike; and marks."""
    how, body = data[:1], data[1:]
    which = number(how, 4)
    if which == 3:
        for marks in (body, body + hashlib.sha256(body).digest()):
            found = ours(read_marks, marks)
            require(isinstance(found, CitizenIDError) or write_marks(found) == marks, "write_marks(read_marks)")
            made = ours(StatusStore, anchors=_ANCHORS, marks=marks)
            require(isinstance(made, CitizenIDError) is isinstance(found, CitizenIDError), "marks of a store")
        return
    whole = body if which == 0 else _with_checksum(body)
    path = scratch() / f"changed-{os.getpid()}"
    path.write_bytes(whole)
    stored = ours(read_status_file, path)
    opened = ours(StatusFile, path, anchors=_ANCHORS)
    if isinstance(opened, StatusFile):
        for reference in _REFERENCES:
            ours(opened.check, reference, issuer=ISSUER, now=NOW)
        for tag in (b"", body[:16]):
            ours(opened.check_identity, tag.ljust(16, b"\0"), number(body, 64), UnixTime(NOW))
        opened.ages(NOW)
        ours(opened.due, NOW)
    if not isinstance(stored, CitizenIDError):
        again = ours(StatusStore, anchors=_ANCHORS, stored=stored)
        if not isinstance(again, CitizenIDError):
            for reference in _REFERENCES:
                ours(again.check, reference, issuer=ISSUER, now=NOW)


def _with_checksum(body: bytes) -> bytes:
    """Make a file of header, directory and bits: sizes and checksum are right, all else is as it comes."""
    head, _, rest = body.partition(SEPARATOR)
    directory, _, bits = rest.partition(SEPARATOR)
    first = -(-(HEADER_BYTES + len(directory)) // 4_096) * 4_096
    file_bytes = first + len(bits)
    counts = head[:12].ljust(12, b"\0")
    fixed = (
        b"citizenid status" + struct.pack(">I", 1) + counts + struct.pack(">QQQ8x", file_bytes, len(directory), first)
    )
    sized = fixed if len(fixed) == _HEAD_BYTES else fixed.ljust(_HEAD_BYTES, b"\0")
    return (sized + hashlib.sha256(sized + directory).digest() + directory).ljust(first, b"\0") + bits


def status_file_seeds() -> Iterator[bytes]:
    """Return a good file, whole and taken apart, and marks."""
    whole = _good_file()
    directory_bytes = struct.unpack_from(">QQQ", whole, 32)[1]
    first = struct.unpack_from(">QQQ", whole, 32)[2]
    yield b"\x00" + whole
    yield b"\x01" + joined(whole[20:32], whole[HEADER_BYTES : HEADER_BYTES + directory_bytes], whole[first:])
    yield b"\x01" + joined(bytes(12), b"", b"")
    store = StatusStore(anchors=_ANCHORS)
    for media_type, body in _published():
        with contextlib.suppress(CitizenIDError):
            store.ingest(_URI, body, media_type=media_type, now=NOW)
    yield b"\x03" + store.export_marks()
    yield b"\x03" + store.export_marks()[:-32]


# --- what a fetcher takes, and what a publisher is asked ---

_BOUNDS: Final = http.FetchBounds()
_LIMIT: Final = 8_192
_DICTIONARY: Final = codings.Dictionary(bytes(range(256)) * 8, "abc")
_RESPONSE_FIELDS: Final = (
    "content-encoding", "content-type", "etag", "cache-control", "age", "retry-after", "location", "use-as-dictionary",
)  # fmt: skip


def fetching_one(data: bytes) -> None:
    """Decode a body by every coding as its own library does; read aggregations, URLs, answers and requests."""
    how, body = data[:1], data[1:]
    which = number(how, 6)
    if which < 3:
        _decoded(body, (Coding.GZIP, Coding.ZSTD, Coding.DCZ)[which])
    elif which == 3:
        listed = ours(read_aggregation, body, reach=Reach.PUBLIC, bounds=_BOUNDS)
        if isinstance(listed, tuple):
            require(all(uri.startswith("https://") for uri in listed), "an aggregation names what is not https")
        url = text_of(body)
        target = open_url(url, Reach.PUBLIC)
        require(target is None or (target.scheme == "https" and 0 < target.port < 65_536), "open_url")
        may_connect(url.split(" "), Reach.PUBLIC)
        may_connect(url.split(" "), Reach.LOOPBACK)
    elif which == 4:
        _answered(body)
    else:
        _asked(body)


def _decoded(body: bytes, coding: Coding) -> None:
    stream = codings.DCZ_MAGIC + _DICTIONARY.digest + body if coding is Coding.DCZ else body
    found = codings.decode(stream, coding, limit_bytes=_LIMIT, dictionary=_DICTIONARY.body)
    require(isinstance(found, Undecodable) or len(found) <= _LIMIT, "more than the bound")
    if isinstance(found, Undecodable):
        return
    if coding is Coding.GZIP:
        require(gzip.decompress(body) == found, "another body than gzip's")
        require(codings.decode(codings.gzip(found), coding, limit_bytes=_LIMIT) == found, "gzip")
        return
    raw = zstandard.ZstdCompressionDict(_DICTIONARY.body, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    peer = zstandard.ZstdDecompressor(dict_data=raw if coding is Coding.DCZ else None)
    with peer.stream_reader(body) as reader:
        require(reader.read(_LIMIT + 1) == found, "another body than zstandard's")


def _answered(body: bytes) -> None:
    lines = text_of(body).split("\n")
    headers = {name: value for name, value in zip(_RESPONSE_FIELDS, lines, strict=False) if value}
    reply = http.Reply(200, headers, body)
    decoded = http.decoded(reply, limit_bytes=_LIMIT, dictionary=_DICTIONARY)
    require(isinstance(decoded, http.FetchResult) or len(decoded) <= _LIMIT, "more than the bound")
    http.media_type(reply)
    http.entity_tag(reply)
    http.age_s(reply)
    wait = http.retry_after_s(reply, NOW, 3_600)
    require(0 <= wait <= 3_600, "retry_after_s")
    codings.dictionary_id(headers.get("use-as-dictionary"), "/status/1")
    going = http.exchange(_URI, ["a/b"], reach=Reach.PUBLIC, bounds=_BOUNDS, limit_bytes=_LIMIT)
    step: Any = next(going)
    try:
        for _ in range(40):
            if isinstance(step, http.Resolve):
                step = going.send(["93.184.216.34"])
            else:
                require(step.target.scheme == "https", "a redirect to what is not https")
                step = going.send(http.Reply(302 if "location" in headers else 200, headers))
        require(False, "redirects without an end")
    except StopIteration:
        pass


def _asked(body: bytes) -> None:
    pairs = [tuple(line.split(b":", 1)) for line in body.split(b"\n") if b":" in line]
    fields = negotiation.fields([(name, value) for name, value in pairs])
    chosen = negotiation.preferred(fields.get("accept"), (_JWT, _CWT))
    require(chosen in (None, _JWT, _CWT), "preferred")
    for dictionary in (False, True):
        negotiation.codings(fields.get("accept-encoding"), dictionary=dictionary)
    negotiation.offers(fields, _DICTIONARY.digest)
    tags = ('"abc-1"', "abc-2")
    found = negotiation.held(fields.get("if-none-match"), tags, "abc")
    require(found is None or found in tags or found.startswith("abc"), "held")
    when = negotiation.read_time(negotiation.asked_times(fields.get("query", "").encode("latin-1")))
    require(when is None or 0 <= when < 10**16, "read_time")


def fetching_seeds() -> Iterator[bytes]:
    """Return bodies in every coding, aggregations, URLs, answers and requests."""
    for plain in (b"", b"abc", bytes(512), bytes(range(256)) * 8, bytes(20_000)):
        yield b"\x00" + codings.gzip(plain)
        yield b"\x01" + zstandard.ZstdCompressor(level=3).compress(plain)
        yield b"\x02" + codings.dcz(plain, _DICTIONARY.body)[codings.DCZ_HEADER_BYTES :]
    yield b"\x00" + codings.gzip(b"abc") * 2
    yield b"\x03" + json.dumps({"status_lists": [_URI, "https://id.example/status/2"]}).encode()
    for url in ("https://id.example:8443/a?b=c", "https://[2001:db8::1]/", "https://user@host/", "http://127.0.0.1/x"):
        yield b"\x03" + url.encode()
    yield b"\x03" + b"93.184.216.34 10.0.0.1 ::1 2606:2800:220:1::1 ::ffff:1.2.3.4 fe80::1%eth0"
    for location in ("/b", "//other.example/x", "https://[::1", "?x", "http://id.example/"):
        answer = ("gzip", "application/statuslist+jwt; a=b", '"tag"', "max-age=3", "7", "120", location)
        yield b"\x04" + "\n".join((*answer, 'match="/status/*", id="x"')).encode()
    yield b"\x04" + "\n".join(("", "", 'W/"t"', "no-store", "x", "Fri, 15 Jan 2027 08:00:30 GMT", "", "")).encode()
    yield b"\x05" + (
        b"accept: application/statuslist+cwt;q=0.5, */*;q=0.1\naccept-encoding: dcz, zstd;q=0, gzip\n"
        b'if-none-match: "abc-1", W/"abc-9"\navailable-dictionary: ' + codings.sf_binary(_DICTIONARY.digest).encode()
        + b"\nquery:time=1800000000&x=%20"
    )  # fmt: skip
