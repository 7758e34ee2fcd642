"""The worst inputs that we know of for each entry point, by a size n that can be doubled twice within its limits.

What a trusted issuer, signer or operator must have signed is signed here: hostile content under a good signature gets
further than any other. A family is refused or accepted; what counts is how its cost grows.

Sizes keep clear of three steps that are no growth of ours: a set of Python's, whose table grows by four at a time; a
buffer that grows by doubling; and the point from which on something no longer fits into the processor's caches.

Spec: threat T-9; specs/threat-model.md (limits).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import cbor2

from citizenid import ANY, Challenge, Format, KeyPurpose, Limits, LocalKey, TrustAnchor, TrustAnchors
from citizenid._wire import base64url, cbor
from citizenid.gateway import AdmissionPolicy, Request, parse_vp_token
from citizenid.status import StatusStore
from citizenid.verifier import verify, verify_each

from . import _hostile_served, _hostile_taken
from ._cbor_world import DOC_TYPE, PHOTO_ID, CborWorld, structure
from ._family import Family as Family
from ._family import answered as answered
from ._world import ISSUER, MODEL, STATUS_URI, VCT, World
from .bench_gateway import ENDPOINT, HEADERS, URL, Door

ROOMY: Final = Limits(presentation_bytes=2**22)
_COLLIDING: Final = 2**61 - 1  # Python's hash of an integer is its rest by this prime


def families() -> Iterator[Family]:
    """Return them all."""
    yield from _sd_jwt()
    yield from _sd_cwt()
    yield from _mdoc()
    yield from _codec()
    yield from _status()
    yield from _requests()
    yield from _operator()
    yield from _certificates()
    yield from _hostile_served.families()
    yield from _hostile_taken.families(ROOMY)


# --- presentations ---


def _jwt(key: LocalKey, header: dict[str, Any], payload: bytes) -> bytes:
    signed = b".".join(base64url.encode_text(each).encode() for each in (json.dumps(header).encode(), payload))
    return signed + b"." + base64url.encode_text(key.sign(signed)).encode()


class _Issued:
    """SD-JWTs with any payload, by an issuer that is trusted."""

    def __init__(self) -> None:
        self.world = World(limits=ROOMY)
        self.holder = LocalKey.generate("ES256")
        (self.kid,) = (key["kid"] for key in self.world.issuer.jwks()["keys"])
        self.good = {
            "iss": ISSUER,
            "vct": VCT,
            "iat": self.world.now - 60,
            "exp": self.world.now + 3_600,
            "cnf": {"jwk": self.holder.public.to_jwk()},
        }

    def presentation(self, claims: dict[str, Any], disclosures: list[bytes], raw: bytes | None = None) -> bytes:
        payload = json.dumps({**self.good, **claims}).encode() if raw is None else raw
        header = {"typ": "dc+sd-jwt", "alg": "ES256", "kid": self.kid}
        return b"~".join([_jwt(self.world.key, header, payload), *disclosures, b""])

    def verify(self, data: bytes) -> object:
        world = self.world
        return verify(
            data,
            format=Format.SD_JWT_VC,
            anchors=world.anchors,
            challenge=Challenge("https://gateway.example", "n" * 32),
            statuses=world.statuses,
            now=world.now,
            limits=ROOMY,
        )


def _disclosures(count: int) -> tuple[list[bytes], list[str]]:
    made = [
        base64url.encode_text(json.dumps([f"salt-of-128-bits-{number}", f"n{number}", number]).encode()).encode()
        for number in range(count)
    ]
    return made, [base64url.encode_text(hashlib.sha256(each).digest()) for each in made]


def _sd_jwt() -> Iterator[Family]:
    issued = _Issued()

    def shown(count: int) -> bytes:
        made, digests = _disclosures(count)
        return issued.presentation({"_sd": digests}, made)

    def unreferenced(count: int) -> bytes:
        return issued.presentation({}, _disclosures(count)[0])

    def chained(count: int) -> bytes:  # each hides the next, as deep as may be, and then anew
        texts: list[bytes] = []
        tops: list[str] = []
        for _ in range(count // 10):
            below: list[str] = []
            for _level in range(10):
                value = {"_sd": below} if below else 1
                text = json.dumps([base64url.encode_text(os.urandom(16)), f"n{len(texts)}", value]).encode()
                texts.append(base64url.encode_text(text).encode())
                below = [base64url.encode_text(hashlib.sha256(texts[-1]).digest())]
            tops += below
        return issued.presentation({"_sd": tops}, texts)

    def digests(count: int) -> bytes:
        return issued.presentation({"_sd": [base64url.encode_text(os.urandom(32)) for _ in range(count)]}, [])

    def same(count: int) -> bytes:
        return issued.presentation({"_sd": [base64url.encode_text(bytes(32))] * count}, [])

    def elements(count: int) -> bytes:
        return issued.presentation({"x": [{"...": base64url.encode_text(os.urandom(32))} for _ in range(count)]}, [])

    def nested(count: int) -> bytes:
        one = "[" * 28 + "]" * 28
        return issued.presentation(
            {}, [], json.dumps(issued.good).encode()[:-1] + b',"x":[%s]}' % b",".join([one.encode()] * count)
        )

    def members(count: int) -> bytes:
        return issued.presentation({f"member-{number}": number for number in range(count)}, [])

    def twice(count: int) -> bytes:
        names = b",".join(b'"a%d":1' % number for number in range(count))
        return issued.presentation({}, [], b"{" + names + b',"a0":1}')

    def references(count: int) -> bytes:
        entry = {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListCredential": STATUS_URI,
        }
        stated = [{**entry, "statusListIndex": str(number)} for number in range(count)]
        return issued.presentation({"credentialStatus": stated}, [])

    entry = "verify, SD-JWT VC"
    yield Family(entry, "status references", 500, references, issued.verify)
    yield Family(entry, "disclosures", 250, shown, issued.verify)
    yield Family(entry, "disclosures that nothing refers to", 250, unreferenced, issued.verify)
    yield Family(entry, "disclosures inside of disclosures", 250, chained, issued.verify)
    yield Family(entry, "digests that match nothing", 2_000, digests, issued.verify)
    yield Family(entry, "one digest many times", 1_200, same, issued.verify)
    yield Family(entry, "hidden array elements", 2_000, elements, issued.verify)
    yield Family(entry, "arrays nested 28 deep", 400, nested, issued.verify)
    yield Family(entry, "members", 2_000, members, issued.verify)
    yield Family(entry, "members, the last one twice", 2_000, twice, issued.verify)
    yield Family(entry, "tildes", 60_000, lambda count: b"a.b.c" + b"~" * count, issued.verify)


def _sd_cwt() -> Iterator[Family]:
    world = CborWorld(Format.SD_CWT, limits=ROOMY)
    key = LocalKey.generate("ES256")

    def presented(count: int) -> Any:
        further = {f"element_{number:04d}": "value" for number in range(count)}
        credential = world.receive(world.issue(world.attestation(key.public, further)))
        return world.present(credential, key, [(name,) for name in further])

    def check(made: Any) -> object:
        return verify(
            made.data,
            format=Format.SD_CWT,
            anchors=world.anchors,
            challenge=made.challenge,
            statuses=world.statuses,
            now=world.now,
            limits=ROOMY,
        )

    issued = cbor2.loads(world.issue(world.attestation(key.public))).value

    def stated(further: dict[Any, Any]) -> Any:  # signed like any other, and comes without a disclosure
        payload = cbor2.dumps({**cbor2.loads(issued[2]), **further})
        signature = world.key.sign(structure(issued, payload))
        data = cbor2.dumps(cbor2.CBORTag(18, [issued[0], {}, payload, signature]))
        return world.present(world.receive(data), key, [])

    def nested(count: int) -> Any:
        one: Any = 1
        for _ in range(10):
            one = [one]
        return stated({"x": [one] * count})

    entry = "verify, SD-CWT"
    yield Family(entry, "disclosures", 240, presented, check)
    yield Family(
        entry,
        "digests that match nothing",
        1_000,
        lambda count: stated({cbor2.CBORSimpleValue(59): [os.urandom(32) for _ in range(count)]}),
        check,
    )
    yield Family(
        entry,
        "hidden array elements",
        1_000,
        lambda count: stated({"x": [cbor2.CBORTag(60, os.urandom(32)) for _ in range(count)]}),
        check,
    )
    yield Family(entry, "arrays nested 10 deep", 200, nested, check)
    yield Family(
        entry, "members", 240, lambda count: stated({f"member-{number}": number for number in range(count)}), check
    )


def _mdoc() -> Iterator[Family]:
    world = CborWorld(Format.MDOC, limits=ROOMY)
    key = LocalKey.generate("ES256")

    def presented(count: int, shown: bool = True) -> Any:
        further = {f"element_{number:04d}": "value" for number in range(count - 3)}
        credential = world.receive(world.issue(world.attestation(key.public, further)))
        return world.present(credential, key, ((DOC_TYPE,), (PHOTO_ID,)) if shown else ((DOC_TYPE, "citizen_of_us"),))

    def check(made: Any) -> object:
        return verify(made.data, challenge=made.challenge, **arguments)

    arguments: dict[str, Any] = {
        "format": Format.MDOC,
        "anchors": world.anchors,
        "statuses": world.statuses,
        "now": world.now,
        "limits": ROOMY,
    }

    def documents(count: int) -> Any:
        made = presented(60)
        response = cbor2.loads(made.data)
        return made._replace(data=cbor2.dumps({**response, "documents": response["documents"] * count}))

    def certified(count: int) -> Any:
        made = presented(60)
        response = cbor2.loads(made.data)
        auth = response["documents"][0]["issuerSigned"]["issuerAuth"]
        auth[1][33] = [auth[1][33] if type(auth[1][33]) is bytes else auth[1][33][0]] * count
        return made._replace(data=cbor2.dumps(response))

    yield Family("verify, mdoc", "certificates of a chain", 200, certified, check)
    yield Family("verify, mdoc", "elements", 250, presented, check)
    yield Family("verify, mdoc", "digests of what is withheld", 250, lambda count: presented(count, False), check)
    yield Family(
        "verify_each, mdoc",
        "documents",
        2,
        documents,
        lambda made: verify_each(made.data, challenge=made.challenge, **arguments),
    )


def _codec() -> Iterator[Family]:
    def colliding(count: int) -> bytes:
        return cbor2.dumps({number * _COLLIDING % 2**64: 0 for number in range(count)})

    def spread(count: int) -> bytes:  # of one rest by every power of two that a table of them can have
        return cbor2.dumps({number << 32: 0 for number in range(count)})

    def nested(count: int) -> bytes:
        return b"\x9a" + count.to_bytes(4, "big") + (b"\x81" * 13 + b"\x01") * count

    def maps(count: int) -> bytes:
        return b"\x9a" + count.to_bytes(4, "big") + b"\xa1\xa1\x01\x02\x03" * count

    def read(data: bytes) -> object:
        return cbor.decode(data, "x")

    yield Family("CBOR", "integer keys of one hash", 250, colliding, read)
    yield Family("CBOR", "integer keys of one low half", 250, spread, read)
    yield Family("CBOR", "arrays nested 13 deep", 400, nested, read)
    yield Family("CBOR", "maps as keys", 2_000, maps, read)
    yield Family(
        "CBOR",
        "heads that are longer than need be",
        6_000,
        lambda n: (
            b"\x9a"
            + n.to_bytes(4, "big")
            + b"\x1b"
            + bytes(7)
            + b"\x01"
            + b"\x1b" * 0
            + b"\x1b\0\0\0\0\0\0\0\x01" * (n - 1)
        ),
        read,
    )


# --- status ---


def _status() -> Iterator[Family]:
    world = World()
    header = {"typ": "statuslist+jwt", "alg": "ES256", "kid": world.issuer.jwks()["keys"][0]["kid"]}
    good = {"sub": STATUS_URI, "iat": world.now, "exp": world.now + 86_400, "ttl": 43_200}

    def token(packed: bytes) -> bytes:
        lst = base64url.encode_text(packed)
        return _jwt(world.key, header, json.dumps({**good, "status_list": {"bits": 1, "lst": lst}}).encode())

    def ingesting(media: str) -> Callable[[bytes], object]:
        def ingest(body: bytes) -> object:
            return StatusStore(anchors=world.status_anchors).ingest(STATUS_URI, body, media_type=media, now=world.now)

        return ingest

    jwt = ingesting("application/statuslist+jwt")
    yield Family("ingest, JWT", "megabytes of zeros", 8, lambda count: token(zlib.compress(bytes(count << 20), 9)), jwt)
    yield Family(
        "ingest, JWT", "entries by chance", 100_000, lambda count: token(zlib.compress(os.urandom(count), 1)), jwt
    )
    yield Family(
        "ingest, JWT",
        "empty blocks of deflate",
        50_000,
        lambda count: token(
            b"\x78\x9c" + b"\x00\x00\x00\xff\xff" * count + b"\x03\x00" + zlib.adler32(b"").to_bytes(4, "big")
        ),
        jwt,
    )
    yield Family(
        "ingest, JWT",
        "members",
        2_000,
        lambda count: _jwt(world.key, header, json.dumps({**good, **{f"m{n}": n for n in range(count)}}).encode()),
        jwt,
    )
    cwt = ingesting("application/statuslist+cwt")

    def signed(claims: dict[Any, Any], typ: str) -> bytes:
        protected = cbor2.dumps({1: -9, 4: header["kid"].encode(), 16: typ})
        payload = cbor2.dumps(claims)
        tbs = cbor2.dumps(["Signature1", protected, b"", payload])
        return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, world.key.sign(tbs)]))

    base: dict[Any, Any] = {2: STATUS_URI, 6: world.now, 4: world.now + 86_400, 65534: 43_200}
    yield Family(
        "ingest, CWT",
        "megabytes of zeros",
        8,
        lambda count: signed(
            {**base, 65533: {"bits": 1, "lst": zlib.compress(bytes(count << 20), 9)}}, "application/statuslist+cwt"
        ),
        cwt,
    )
    yield Family(
        "ingest, CWT",
        "identifiers",
        4_000,
        lambda count: signed(
            {**base, 65530: {"identifiers": {os.urandom(16): {} for _ in range(count)}}},
            "application/identifierlist+cwt",
        ),
        ingesting("application/identifierlist+cwt"),
    )


# --- requests ---


def _requests() -> Iterator[Family]:
    world = World()
    door = Door(world)
    gateway = door.gateway
    sender = LocalKey.generate("ES256")
    ticket = door.ticket(door.wallet(), sender).encode()
    held_ticket = (b"citizenship-ticket", ticket)

    def authorize(headers: list[tuple[bytes, bytes]]) -> object:
        return gateway.authorize(Request("POST", URL, headers), resource=MODEL).http()  # type: ignore[union-attr]

    def at(url: str) -> object:
        proof = door.prove(sender, ticket=ticket.decode())
        return gateway.authorize(Request("POST", url, [held_ticket, (b"dpop", proof)]), resource=MODEL)

    def proof(header: dict[str, Any], claims: bytes) -> bytes:
        good = {"typ": "dpop+jwt", "alg": "ES256", "jwk": sender.public.to_jwk(), **header}
        return b".".join(
            base64url.encode_text(part).encode() for part in (json.dumps(good).encode(), claims, bytes(64))
        )

    def proven(value: bytes) -> object:
        return authorize([*HEADERS, held_ticket, (b"dpop", value)])

    def wide(count: int) -> bytes:
        return proof({}, json.dumps({f"m{number}": number for number in range(count)}).encode())

    entry = "authorize"
    yield Family(
        entry, "headers", 2_000, lambda count: [(b"x-%d" % number, b"v") for number in range(count)], authorize
    )
    yield Family(entry, "headers of one name", 240, lambda count: [(b"x-a", b"v" * 1_000)] * count, authorize)
    yield Family(entry, "DPoP headers", 2_000, lambda count: [held_ticket] + [(b"dpop", b"a.b.c")] * count, authorize)
    yield Family(entry, "ticket headers", 2_000, lambda count: [held_ticket] * count, authorize)
    yield Family(entry, "letters of a path", 2_000, lambda count: URL + "/" + "a" * count, at)
    yield Family(entry, "percent signs of a path", 2_000, lambda count: URL + "/" + "%2e" * (count // 3), at)
    yield Family(entry, "members of a DPoP proof", 220, wide, proven)
    yield Family(entry, "bytes of a DPoP proof", 4_000, lambda count: b"a" * count + b".b.c", proven)
    yield Family(entry, "dots of a DPoP proof", 4_000, lambda count: b"." * count, proven)
    yield Family(
        entry,
        "members of a DPoP header",
        220,
        lambda count: proof({f"m{number}": number for number in range(count)}, b"{}"),
        proven,
    )
    yield from _http_signatures(door)
    yield from _bodies(door, world)


def _http_signatures(door: Door) -> Iterator[Family]:
    key = LocalKey.generate("Ed25519")
    ticket = door.signed_ticket(door.wallet(), key).encode()

    def call(value: bytes) -> object:
        headers = [
            (b"citizenship-ticket", ticket),
            (b"signature-input", value),
            (b"signature", b"c=:" + base64.b64encode(bytes(64)) + b":"),
            (b"citizenship-key", base64.b64encode(bytes(32))),
        ]
        return door.gateway.authorize(Request("POST", URL, headers), resource=MODEL)

    yield Family(
        "HTTP signature",
        "components",
        100,
        lambda count: b"c=(" + b" ".join([b'"x%d"' % number for number in range(count)]) + b");created=1",
        call,
    )
    yield Family(
        "HTTP signature",
        "parameters",
        90,
        lambda count: b'c=("@method")' + b"".join(b";p%d=1" % number for number in range(count)),
        call,
    )
    yield Family("HTTP signature", "quotes", 900, lambda count: b'c=("' + b'\\"' * (count // 2), call)
    yield Family(
        "HTTP signature", "labels", 60, lambda count: b",".join(b'l%d=("@method")' % n for n in range(count)), call
    )


def _bodies(door: Door, world: World) -> Iterator[Family]:
    sender = LocalKey.generate("ES256")

    def post(body: bytes) -> object:
        headers = [(b"dpop", door.prove(sender, ENDPOINT))]
        return door.gateway.admit_http(Request("POST", ENDPOINT, headers), body)

    def admission(presentation: str, challenge: str = "x") -> bytes:
        return json.dumps({"format": "dc+sd-jwt", "challenge": challenge, "presentation": presentation}).encode()

    query = {
        "credentials": [
            {"id": f"c{number}", "format": "dc+sd-jwt", "meta": {"vct_values": [VCT]}, "multiple": True}
            for number in range(400)
        ]
    }

    def own(count: int) -> bytes:
        challenge = door.gateway.challenge(sender=sender.public.thumbprint).to_text()
        return admission("a.b.c" + "~" * count, challenge)

    yield Family("admit_http", "tildes of a presentation", 60_000, own, post)
    yield Family("admit_http", "letters of a challenge", 60_000, lambda count: admission("a", "A" * count), post)
    yield Family(
        "admit_http", "members", 2_000, lambda n: json.dumps({f"m{each}": each for each in range(n)}).encode(), post
    )
    yield Family("admit_http", "brackets", 60_000, lambda count: b"[" * count, post)
    yield Family("admit_http", "escapes", 60_000, lambda count: admission("\u00e9" * (count // 6)), post)
    yield Family("challenge", "letters", 120_000, lambda count: "A" * count, Challenge.from_text)
    yield Family(
        "parse_vp_token",
        "answers",
        100,
        lambda count: json.dumps({f"c{number}": ["a.b.c~"] for number in range(count)}),
        lambda text: parse_vp_token(text, query),
    )
    yield Family(
        "parse_vp_token",
        "sets of a query",
        100,
        lambda count: {**query, "credential_sets": [{"options": [[f"c{number}"]]} for number in range(count)]},
        lambda asked: parse_vp_token(json.dumps({f"c{number}": ["a.b.c~"] for number in range(400)}), asked),
    )


# --- what an operator loads ---


def _operator() -> Iterator[Family]:
    def policy(line: Callable[[int], str]) -> Callable[[int], str]:
        return lambda count: "version = 1\n" + "\n".join(map(line, range(count)))

    def exact(number: int) -> str:
        return f'[[rule]]\nresource = "model-{number}"\nnationality = ["US"]\n'

    def patterns(number: int) -> str:
        return f'[[rule]]\nresource = "p{number}/*"\nnationality = ["US"]\n'

    def stars(number: int) -> str:
        return f'[[rule]]\nresource = "*a{number:04d}*b{number:04d}*"\nnationality = ["US"]\n'

    load = AdmissionPolicy.from_toml
    entry = "policy"
    yield Family(entry, "rules", 250, policy(exact), load)
    yield Family(entry, "rules with a pattern", 250, policy(patterns), load)
    yield Family(entry, "patterns that begin with a star", 60, policy(stars), load)
    yield Family(
        entry,
        "names of one rule",
        1_000,
        lambda count: (
            "version = 1\n[[rule]]\nanyone = true\nresource = " + json.dumps([f"m{number}" for number in range(count)])
        ),
        load,
    )
    yield Family(entry, "comment lines", 8_000, lambda count: "version = 1\n" + "# c\n" * count, load)
    yield Family(entry, "brackets", 8_000, lambda count: "version = " + "[" * count, load)
    yield from _matching()
    yield from _keys()


def _matching() -> Iterator[Family]:
    from citizenid.gateway import Binding
    from citizenid.policy import Facts

    loaded = AdmissionPolicy.from_toml('version = 1\n[[rule]]\nresource = "*a*a*a*a*a*a*b"\nanyone = true\n')
    facts = Facts(frozenset(), frozenset(), Binding.BEARER, 0)
    yield Family(
        "policy, decide", "letters of a name", 120, lambda count: "a" * count, lambda name: loaded.decide(name, facts)
    )


def _keys() -> Iterator[Family]:
    keys = [LocalKey.generate("Ed25519").public.to_jwk() for _ in range(400)]
    scope: dict[str, Any] = {
        "purpose": KeyPurpose.CREDENTIAL,
        "formats": [Format.SD_JWT_VC],
        "types": [VCT],
        "countries": ANY,
    }

    def jwks(count: int) -> str:
        return json.dumps({"keys": [{**key, "kid": f"k{number}"} for number, key in enumerate(keys[:count])]})

    yield Family("trust, JWKS", "keys", 100, jwks, lambda text: TrustAnchors.from_jwks(ISSUER, text, **scope))
    yield Family(
        "trust, JWKS",
        "members",
        2_000,
        lambda count: json.dumps({"keys": [], **{f"m{number}": number for number in range(count)}}),
        lambda text: TrustAnchors.from_jwks(ISSUER, text, **scope),
    )

    def several(count: int) -> list[TrustAnchor]:
        return [
            anchor
            for number in range(count)
            for anchor in TrustAnchors.from_jwks(
                f"https://id{number}.example", {"keys": [{**keys[number], "kid": "k"}]}, **scope
            )
        ]

    yield Family("trust", "issuers whose keys have one kid", 64, several, TrustAnchors)


def _certificates() -> Iterator[Family]:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from ._cbor_world import _certificate, _name

    now = int(time.time())
    private = ec.generate_private_key(ec.SECP256R1())
    name = _name("one name for all")

    def roots(count: int) -> bytes:
        made = []
        for _ in range(count):
            key = ec.generate_private_key(ec.SECP256R1())
            made.append(_certificate(name, name, key.public_key(), key, now, authority=True))
        return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in made)

    scope: dict[str, Any] = {
        "issuer": ISSUER,
        "purpose": KeyPurpose.CREDENTIAL,
        "formats": [Format.MDOC],
        "types": [DOC_TYPE],
        "countries": ANY,
    }

    def load(pem: bytes, **further: Any) -> TrustAnchors:
        return TrustAnchors.from_certificates(pem, **scope, **further)

    yield Family("trust, certificates", "roots of one name", 40, roots, load)

    world = CborWorld(Format.MDOC)
    shown = world.new_presentation(((DOC_TYPE, "citizen_of_us"),))

    def among(count: int) -> tuple[bytes, TrustAnchors]:
        # roots of the very name of the one that signed, and the signer's key of none of them
        subject = x509.load_pem_x509_certificate(world._root).subject
        made = []
        for _ in range(count):
            key = ec.generate_private_key(ec.SECP256R1())
            made.append(_certificate(subject, subject, key.public_key(), key, now, authority=True))
        return shown.data, load(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in made))

    def path(given: tuple[bytes, TrustAnchors]) -> object:
        data, anchors = given
        return verify(
            data,
            format=Format.MDOC,
            anchors=anchors,
            challenge=shown.challenge,
            statuses=world.statuses,
            now=world.now,
        )

    yield Family("verify, path", "roots that have not signed", 60, among, path)

    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    root = _certificate(name, name, private.public_key(), private, now, authority=True)
    pem = root.public_bytes(serialization.Encoding.PEM)

    def crl(count: int) -> bytes:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(name)
            .last_update(moment)
            .next_update(moment + datetime.timedelta(days=7))
            .add_extension(x509.CRLNumber(1), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key()), False)
        )
        for number in range(count):
            entry = x509.RevokedCertificateBuilder().serial_number(2**100 + number).revocation_date(moment)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    yield Family("trust, CRL", "revoked certificates", 2_000, crl, lambda data: load(pem, crls=[data]))
    yield from _vical(private, root, pem, now)


def _vical(private: Any, root: Any, pem: bytes, now: int) -> Iterator[Family]:
    import datetime

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from ._cbor_world import _certificate, _name

    signing = ec.generate_private_key(ec.SECP256R1())
    signer = LocalKey.from_pem(
        signing.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    leaf = _certificate(
        _name("signer of the list"),
        root.subject,
        signing.public_key(),
        private,
        now,
        authority=False,
        purpose="1.0.18013.5.1.8",
    )
    made = []
    for number in range(400):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(f"IACA {number}")
        certificate = _certificate(subject, subject, key.public_key(), key, now, authority=True)
        made.append(certificate.public_bytes(serialization.Encoding.DER))

    def vical(count: int) -> bytes:
        dates = [
            cbor2.CBORTag(0, datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
            for moment in (now - 60, now + 86_400)
        ]
        entries = [
            {"certificate": der, "serialNumber": 1, "ski": b"x", "docType": [DOC_TYPE], "issuingCountry": "US"}
            for der in made[:count]
        ]
        payload = cbor2.dumps(
            {
                "version": "1.0",
                "vicalProvider": "p",
                "date": dates[0],
                "nextUpdate": dates[1],
                "certificateInfos": entries,
            }
        )
        protected = cbor2.dumps({1: -7})
        chain = leaf.public_bytes(serialization.Encoding.DER)
        signature = signer.sign(cbor2.dumps(["Signature1", protected, b"", payload]))
        return cbor2.dumps([protected, {33: chain}, payload, signature])

    def load(data: bytes) -> object:
        return TrustAnchors.from_vical(data, provider_roots=pem, issuer="p", types=[DOC_TYPE], countries=ANY, now=now)

    yield Family("trust, VICAL", "entries", 100, vical, load)
