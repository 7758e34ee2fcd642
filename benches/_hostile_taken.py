"""The worst inputs that we know of for wallets, terminals, fetchers, headers of a proxy, and readers of logs.

Spec: threat T-9; specs/threat-model.md (limits).
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from citizenid import ANY, Challenge, Format, LocalKey, Serialization, TrustAnchors
from citizenid._cli.inspection import inspection
from citizenid._wire import base64url
from citizenid.gateway import CertificateHeader
from citizenid.gateway._audit.note import COSIGNATURE, NOTE_SIGNATURE, VerifierKey, open_checkpoint, signature_line
from citizenid.gateway._audit.witness import cosigned
from citizenid.gateway._certificates import certificate_thumbprint
from citizenid.gateway.query import check_dcql_query
from citizenid.holder import Credential
from citizenid.integrations._addresses import Reach
from citizenid.integrations._exchange import FetchBounds
from citizenid.integrations._sources import read_aggregation
from citizenid.policy import AdmissionPolicy, diff, lint
from citizenid.status import StatusPublisher, StatusStore

from ._cbor_world import CborWorld
from ._family import Family
from ._world import AUDIENCE, ISSUER, STATUS_URI, VCT, World

_NAMES: Final = {Format.SD_JWT_VC: "SD-JWT VC", Format.SD_CWT: "SD-CWT", Format.MDOC: "mdoc"}


def families(limits: Any) -> Iterator[Family]:
    """Return them all."""
    for format_ in Format:
        yield from _wallet(format_, limits)
    yield from _bitstring()
    yield from _metadata()
    yield from _fetched()
    yield from _header()
    yield from _queries()
    yield from _policies()
    yield from _notes()


# --- a wallet, and who looks at what one holds ---


def _wallet(format_: Format, limits: Any) -> Iterator[Family]:
    key, name = LocalKey.generate("ES256"), _NAMES[format_]
    world: Any = World(limits=limits) if format_ is Format.SD_JWT_VC else CborWorld(format_, limits=limits)

    def issued(count: int) -> bytes:
        further = {f"element_{number:04d}": "value" for number in range(count)}
        if format_ is Format.SD_JWT_VC:
            stated = world.attestation(key.public, claims=further)
            return bytes(world.issue(stated, [(each,) for each in further]))
        return bytes(world.issue(world.attestation(key.public, further)))

    def inside(count: int) -> bytes:
        further = {f"element_{number:04d}": "value" for number in range(count)}
        stated = world.attestation(key.public, claims={"x": further})
        return bytes(world.issue(stated, [("x", each) for each in further]))

    def receive(data: bytes) -> Credential:
        return Credential.receive(data, format=format_, anchors=world.anchors, now=world.now, limits=limits)

    def present(held: Credential) -> bytes:
        challenge = Challenge(AUDIENCE, "nonce-for-the-benches")
        return held.present(held.disclosable, challenge=challenge, key=key, peer=AUDIENCE, now=world.now)

    look = partial(inspection, format=format_, serialization=Serialization.COMPACT, limits=limits)
    yield Family(f"receive, {name}", "what can be withheld", 240, issued, receive)
    yield Family(f"present, {name}", "what is shown", 240, lambda count: receive(issued(count)), present)
    if format_ is Format.SD_JWT_VC:
        yield Family(
            f"present, {name}", "what is shown of one claim", 240, lambda count: receive(inside(count)), present
        )
    yield Family(f"inspect, {name}", "what is shown", 240, lambda count: present(receive(issued(count))), look)


# --- what is fetched ---


def _bitstring() -> Iterator[Family]:
    world = World()
    publisher = StatusPublisher(uri=STATUS_URI, size=2**17, purpose="revocation", issuer=ISSUER)
    times: dict[str, Any] = {"now": world.now, "ttl_s": 43_200, "expires_s": 86_400}
    header, payload, _ = publisher.publish(world.key, format="bitstring", **times).split(b".")

    def listed(count: int) -> bytes:
        claims = json.loads(base64url.decode(payload, "payload"))
        packed = gzip.compress(bytes(count << 20), 9)
        claims["credentialSubject"]["encodedList"] = "u" + base64url.encode_text(packed)
        signed = header + b"." + base64url.encode(json.dumps(claims).encode())
        return signed + b"." + base64url.encode(world.key.sign(signed))

    def ingest(body: bytes) -> object:
        store = StatusStore(anchors=world.status_anchors)
        return store.ingest(STATUS_URI, body, media_type="application/vc+jwt", now=world.now)

    yield Family("ingest, bitstring", "megabytes of zeros", 8, listed, ingest)


def _metadata() -> Iterator[Family]:
    def metadata(count: int) -> str:
        keys = [{**LocalKey.generate("ES256").public.to_jwk(), "kid": f"k{number}"} for number in range(count)]
        return json.dumps({"issuer": ISSUER, "jwks": {"keys": keys}})

    def members(count: int) -> str:
        return json.dumps({"issuer": ISSUER, **{f"m{number}": number for number in range(count)}})

    def load(text: str) -> object:
        scope: dict[str, Any] = {"formats": [Format.SD_JWT_VC], "types": [VCT], "countries": ANY}
        return TrustAnchors.from_issuer_metadata(text, issuer=ISSUER, **scope)

    yield Family("trust, metadata", "keys", 100, metadata, load)
    yield Family("trust, metadata", "members", 2_000, members, load)


def _fetched() -> Iterator[Family]:
    def lists(uri: Callable[[int], str]) -> Callable[[int], bytes]:
        return lambda count: json.dumps({"status_lists": [uri(number) for number in range(count)]}).encode()

    bounds = FetchBounds(lists=2**20)
    read = partial(read_aggregation, reach=Reach.PUBLIC, bounds=bounds)
    yield Family("aggregation", "lists", 700, lists(lambda number: f"https://id.example/{number}"), read)
    yield Family("aggregation", "one list many times", 700, lists(lambda _: "https://id.example/1"), read)
    yield Family("aggregation", "brackets", 20_000, lambda count: b'{"status_lists": ' + b"[" * count, read)


# --- what stands before us writes ---


def _header() -> Iterator[Family]:
    def by(header: CertificateHeader) -> Callable[[bytes], object]:
        return lambda value: certificate_thumbprint(None, [(header.value, value)], header)

    entry, digest = "certificate header", b"0" * 64
    xfcc, client_cert = by(CertificateHeader.XFCC), by(CertificateHeader.CLIENT_CERT)
    yield Family(entry, "elements of XFCC", 50, lambda count: b",".join([b"Hash=" + digest] * count), xfcc)
    yield Family(entry, "fields of XFCC", 700, lambda count: b"By=a;" * count + b"Hash=" + digest, xfcc)
    yield Family(entry, "escapes of XFCC", 1_500, lambda count: b'Subject="' + b'\\"' * count, xfcc)
    yield Family(entry, "quotes of XFCC", 1_500, lambda count: b'Subject="";' * (count // 11) + b'"', xfcc)
    yield Family(
        entry, "bytes of Client-Cert", 3_000, lambda count: b":" + base64.b64encode(bytes(count)) + b":", client_cert
    )


# --- what is asked, and what an operator writes ---


def _queries() -> Iterator[Family]:
    def one(number: int, **more: Any) -> dict[str, Any]:
        return {"id": f"c{number}", "format": "dc+sd-jwt", "meta": {"vct_values": ["t"]}, **more}

    def sets_of_claims(count: int) -> dict[str, Any]:
        claims = [{"id": f"a{number}", "path": ["x", number]} for number in range(count)]
        sets = [[f"a{number}"] for number in range(count)]
        return {"credentials": [one(0, claims=claims, claim_sets=sets)]}

    def sets(count: int) -> dict[str, Any]:
        asked = [one(number) for number in range(count)]
        return {"credentials": asked, "credential_sets": [{"options": [[each["id"]]]} for each in asked]}

    entry = "check_dcql_query"
    yield Family(entry, "credentials", 500, lambda n: {"credentials": list(map(one, range(n)))}, check_dcql_query)
    yield Family(entry, "sets of claims", 500, sets_of_claims, check_dcql_query)
    yield Family(entry, "sets of credentials", 500, sets, check_dcql_query)


def _policies() -> Iterator[Family]:
    def text(count: int, country: str = "US") -> str:
        rules = (f'[[rule]]\nresource = "m{number}"\ncitizenship = ["{country}"]\n' for number in range(count))
        return "version = 1\n" + "".join(rules)

    def two(count: int) -> tuple[AdmissionPolicy, AdmissionPolicy]:
        return AdmissionPolicy.from_toml(text(count)), AdmissionPolicy.from_toml(text(count, "DE"))

    yield Family("policy, lint", "rules", 200, text, lint)
    yield Family("policy, lint", "mistakes", 200, lambda n: "version = 1\n" + "[[rule]]\nresourc = 1\n" * n, lint)
    yield Family("policy, diff", "rules", 60, two, lambda pair: diff(*pair))


# --- the log of another, and its witnesses ---


def _notes() -> Iterator[Family]:
    log, witness = LocalKey.generate("Ed25519"), LocalKey.generate("Ed25519")
    name = "gateway.example/audit/w1"
    key = VerifierKey.of(name, NOTE_SIGNATURE, log.public)
    known = VerifierKey.of("witness.example/w", COSIGNATURE, witness.public)
    root = base64.b64encode(bytes(32)).decode()

    def checkpoint(count: int) -> bytes:
        others = "".join(f"log gateway.example/audit/x{number:06d} 1 {root}\n" for number in range(count))
        text = f"{name}\n1\n{root}\ntime 1800000000\n{others}"
        return f"{text}\n{signature_line(key, log.sign(text.encode()))}".encode()

    def signed(count: int) -> bytes:
        line = signature_line(VerifierKey.of("another.example", NOTE_SIGNATURE, log.public), bytes(64)).encode()
        return checkpoint(0) + line * count

    def answered(count: int) -> bytes:
        return signature_line(known, bytes(72)).encode() * count

    def cosign(answer: bytes) -> object:
        return cosigned(b"old 1\n\n" + checkpoint(0), answer, key, [known])

    yield Family("note", "other logs", 60, checkpoint, lambda data: open_checkpoint(data, key))
    yield Family("note", "signatures", 15, signed, lambda data: open_checkpoint(data, key))
    yield Family("note", "lines without an end", 8_000, lambda n: b"\n" * n, lambda data: open_checkpoint(data, key))
    yield Family("witness", "lines", 12, answered, cosign)
