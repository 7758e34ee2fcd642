"""Targets of the gateway: hostile requests at every door, sealed and signed ones, and what a deployment puts before it.

The gateway is made once. Its clock stands; the clock of what it remembers of proofs goes on by hours between two
inputs, so that each of them finds it empty and any input can be run by itself.

Spec: specs/verification.md (doors); RFC 9449; RFC 9421; RFC 9440; OpenID4VP 1.0; specs/policy.md.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from citizenid import (
    Challenge,
    CitizenIDError,
    Country,
    Format,
    Handover,
    HandoverKind,
    LocalKey,
    NeedStatusList,
    Reason,
    UnixTime,
)
from citizenid._answer import Answer
from citizenid._crypto import SealingKey, derive_key
from citizenid._limits import DEFAULT_LIMITS
from citizenid._wire import base64url, transcript
from citizenid.gateway import (
    AdmissionPolicy,
    Admitted,
    Allow,
    Binding,
    CertificateHeader,
    Deny,
    DPoPNonces,
    Gateway,
    MemoryReplayGuard,
    NeedPresentation,
    Request,
    SharingDetector,
    SignedOut,
    dcql_query,
    parse_vp_token,
)
from citizenid.gateway._certificates import certificate_thumbprint
from citizenid.gateway._http_signatures import SigningKeys, check_http_signature
from citizenid.gateway._http_signatures import _read_input as read_signature_input
from citizenid.gateway._http_signatures import _signature_base as signature_base
from citizenid.gateway.http import read_credentials, read_fields
from citizenid.gateway.nonces import NonceKeys
from citizenid.gateway.proofs import ProofRules, SenderKeys, check_dpop, normalise_url, unverified_sender
from citizenid.gateway.query import check_dcql_query
from citizenid.gateway.sharing import Signals
from citizenid.gateway.ticket import TicketKeys
from citizenid.integrations._asgi_decisions import Proxy, decision_app
from citizenid.integrations._asgi_scope import TLSCertificates, header_of, read_request
from citizenid.integrations._litellm_bodies import body_reader
from citizenid.policy import Facts, diff, lint

from .presentations import CHALLENGE, SD_JWT_ANCHORS
from .world import (
    AUDIENCE,
    NOW,
    SEPARATOR,
    cases,
    joined,
    jws,
    key,
    number,
    ours,
    parts,
    require,
    statuses,
    text_of,
    unbase64url,
)

SECRET: Final = bytes(range(32))
_POLICY: Final = next(case["gateway"]["policy"] for case in cases("gateway"))
_RESOURCES: Final = ("open", "citizens-only", "reports/1", "weak", "nothing")
_HOUR: Final = 3_600.0


class _Clock:
    """Seconds that go on when they are told to."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@cache
def _remembered() -> _Clock:
    return _Clock(0.0)


class _Random:
    """Random bytes that are the same in each run; which of them it was has no bearing on a verdict."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(self._count.to_bytes(8, "big")).digest(size)


def _gateway(**options: Any) -> Gateway:
    wall, monotonic = _Clock(NOW - 1_000), _Clock(5_000.0)
    made = Gateway(
        audience=AUDIENCE,
        external_url=AUDIENCE,
        anchors=SD_JWT_ANCHORS,
        policy=AdmissionPolicy.from_toml(_POLICY),
        ticket_keys=[SECRET],
        statuses=statuses("presentation"),
        replay=MemoryReplayGuard(max_entries=1_000, monotonic=_remembered()),
        clock=wall,
        monotonic=monotonic,
        random=_Random(),
        **options,
    )
    wall.now, monotonic.now = NOW, 6_000.0
    return made


@cache
def gateways() -> tuple[Gateway, ...]:
    """Return gateways of different settings: each has a door of its own for what comes."""
    return (
        _gateway(),
        _gateway(certificate_header=CertificateHeader.XFCC, sharing=SharingDetector(random=_Random())),
        _gateway(certificate_header=CertificateHeader.CLIENT_CERT, dpop_nonces=DPoPNonces.OF_THE_FLEET),
    )


def _result(result: object, *kinds: type) -> None:
    """A door gives one of its results, and each has an answer for HTTP whose headers are headers."""
    require(type(result) in kinds, "another result")
    if isinstance(result, Allow):
        return
    answer = result if isinstance(result, Answer) else result.http()  # type: ignore[attr-defined]  # all have it
    require(type(answer) is Answer and 200 <= answer.status < 600, "an answer that is none")
    for name, value in answer.headers:
        require(
            name.isascii() and name == name.strip() and not {10, 13, 0} & set(name + value), "a header that is none"
        )


def _headers(data: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    for line in data.split(b"\n"):
        name, colon, value = line.partition(b": ")
        if colon:
            found.append((name, value))
    return found


def _next() -> None:
    _remembered().now += _HOUR


def gateway_one(data: bytes) -> None:
    """Send a request of any bytes to every door of a gateway; nothing leaves it, and only a good ticket is allowed."""
    how, method, url, headers, body = parts(data, 5)
    gateway = gateways()[number(how, 3)]
    certificate = how[2:] or None
    address = AUDIENCE + text_of(url) if url.startswith(b"/") else text_of(url)
    request = Request(text_of(method), address, _headers(headers), certificate)
    resource = _RESOURCES[number(how[1:], 5)]
    _next()
    result = gateway.authorize(request, resource=resource, signals=Signals("192.0.2.7", "US", b"k", 3))
    _result(result, Allow, Deny, NeedPresentation, NeedStatusList)
    again = gateway.authorize(request, resource=resource)
    if isinstance(result, Allow) and resource not in ("open", "weak"):
        require(not isinstance(again, Allow), "a proof that was used up")
    _result(gateway.admit_http(request, body), Answer)
    presentation, _, challenge = body.partition(SEPARATOR)
    for format_ in Format:
        admitted = gateway.admit(presentation, format=format_, challenge=text_of(challenge), request=request)
        _result(admitted, Admitted, Deny, NeedStatusList)
    _result(gateway.renew(request), Admitted, Deny, NeedPresentation, NeedStatusList)
    _result(gateway.sign_out(request), SignedOut, Deny, NeedPresentation)
    ours(read_credentials, request.headers)
    ours(read_fields, request.headers)


def _vector_requests() -> Iterator[tuple[dict[str, Any], bytes, bytes, bytes]]:
    for case in cases("gateway"):
        for event in case["events"]:
            if "request" in event:
                stated = event["request"]
                headers = "\n".join(f"{name}: {value}" for name, value in stated["headers"]).encode()
                yield event, stated["method"].encode(), stated["url"].removeprefix(AUDIENCE).encode(), headers


def gateway_seeds() -> Iterator[bytes]:
    """Return the requests of the vectors, with tickets and challenges sealed under the key of the targets."""
    for event, method, url, headers in _vector_requests():
        body = b""
        if event["event"] == "admit":
            body = str(event["presentation"]).encode() + SEPARATOR + str(event["challenge"]).encode()
            asked = {name: event[name] for name in ("format", "challenge", "presentation")}
            yield joined(b"\x00\x01", method, url, headers, json.dumps(asked).encode())
        yield joined(b"\x00\x01", method, url, headers, body)
    for which in range(3):
        for binding, ticket, proof in _good():
            lines = b"citizenship-ticket: " + ticket + (b"\ndpop: " + proof if binding is Binding.DPOP else b"")
            yield joined(bytes((which, 1)), b"POST", b"/v1/chat", lines, b"")
            yield joined(bytes((which, 3)) + bytes(31) + b"\x01", b"POST", b"/v1/chat", lines, b"{}")
    digest = b"0123456789abcdef" * 4
    yield joined(b"\x01\x01", b"POST", b"/citizenship", b"x-forwarded-client-cert: By=spiffe://a;Hash=" + digest, b"{}")
    encoded = b":" + b"MIIB" + b"A" * 684 + b":"
    yield joined(b"\x02\x01", b"POST", b"/citizenship", b"client-cert: " + encoded, b"{}")
    yield joined(b"\x00\x00", b"GET", b"/", b"", b"")


# --- tickets, challenges and nonces that are sealed over any bytes ---

_SENDER: Final = key("sender/Ed25519")
_PREFIX: Final = b"\x03" + derive_key(SECRET, "ticket-key-id", 4)  # the version, and which of the fleet's keys
_SEALING: Final = SealingKey(derive_key(SECRET, "ticket"))


def _ticket(plaintext: bytes) -> bytes:
    """Seal any contents as a gateway of the fleet would."""
    nonce = hashlib.sha256(plaintext).digest()[:12]
    associated = _PREFIX + hashlib.sha256(AUDIENCE.encode()).digest()
    return base64url.encode(_PREFIX + nonce + _SEALING.seal(nonce, plaintext, associated))


def _proof(ticket: bytes | None, path: str = "/v1/chat", **changes: Any) -> bytes:
    header = {"typ": "dpop+jwt", "alg": _SENDER.algorithm, "jwk": dict(_SENDER.public.to_jwk())}
    claims: dict[str, Any] = {"jti": "a proof of its own", "htm": "POST", "htu": AUDIENCE + path, "iat": NOW, **changes}
    if ticket is not None:
        claims["ath"] = base64url.encode_text(hashlib.sha256(ticket).digest())
    return jws(json.dumps(header).encode(), json.dumps(claims).encode(), _SENDER)


@cache
def _plaintexts() -> tuple[tuple[Binding, bytes], ...]:
    """The contents of good tickets, as the gateway seals them after an admission."""
    made = []
    for binding in (Binding.DPOP, Binding.BEARER):
        sender = _SENDER.public.thumbprint if binding is Binding.DPOP else None
        challenge = gateways()[0].challenge(sender=sender)
        presentation = _presentation(challenge)
        headers = [(b"dpop", _proof(None, "/citizenship"))] if sender else []
        _next()
        admitted = gateways()[0].admit(
            presentation, format=Format.SD_JWT_VC, challenge=challenge.to_text(),
            request=Request("POST", AUDIENCE + "/citizenship", headers),
        )  # fmt: skip
        require(isinstance(admitted, Admitted), "the world of the targets admits nobody")
        assert isinstance(admitted, Admitted)
        sealed = unbase64url(admitted.ticket)
        associated = sealed[:5] + hashlib.sha256(AUDIENCE.encode()).digest()
        plaintext = _SEALING.open(sealed[5:17], sealed[17:], associated)
        assert plaintext is not None
        made.append((binding, plaintext))
    return tuple(made)


def _presentation(challenge: Challenge) -> bytes:
    accepted = next(case for case in cases("presentation") if case["id"] == "accept-citizenship")["input"].encode()
    shown = accepted[: accepted.rindex(b"~") + 1]
    claims = {
        "iat": NOW, "aud": AUDIENCE, "nonce": challenge.nonce,
        "sd_hash": base64url.encode_text(hashlib.sha256(shown).digest()),
    }  # fmt: skip
    return bytes(shown) + jws(b'{"alg":"Ed25519","typ":"kb+jwt"}', json.dumps(claims).encode(), key("holder/Ed25519"))


def _good() -> Iterator[tuple[Binding, bytes, bytes]]:
    for binding, plaintext in _plaintexts():
        ticket = _ticket(plaintext)
        yield binding, ticket, _proof(ticket)


_SIZE: Final = 153


def ticket_one(data: bytes) -> None:
    """Use a ticket that was sealed over any contents: nothing leaves the doors, and it reads as it was written."""
    how, rest = data[:2], data[2:]
    plaintext, tail = rest[:_SIZE].ljust(_SIZE, b"\0"), rest[_SIZE:]
    ticket = _ticket(plaintext)
    headers = [(b"Citizenship-Ticket", ticket), (b"DPoP", _proof(ticket))]
    request = Request("POST", AUDIENCE + "/v1/chat", headers if number(how, 2) else headers[:1], tail or None)
    which = number(how[1:], 3 * len(_RESOURCES))
    gateway = gateways()[which % 3]
    _next()
    for resource in dict.fromkeys((_RESOURCES[which // 3], "citizens-only")):
        result = gateway.authorize(request, resource=resource)
        _result(result, Allow, Deny, NeedPresentation, NeedStatusList)
        _next()
    _result(gateway.renew(request), Admitted, Deny, NeedPresentation, NeedStatusList)
    opened = ours(_KEYS.open, ticket)
    if not isinstance(opened, CitizenIDError):
        sealed = ours(_KEYS.seal, opened, bytes(12))
        if isinstance(sealed, str):
            require(_KEYS.open(sealed.encode()) == opened, "seal(open)")
        require(opened.citizenships <= opened.nationalities, "a citizenship that is no nationality")
    _result(gateway.sign_out(request), SignedOut, Deny, NeedPresentation)
    flipped = ticket[:20] + (b"A" if ticket[20:21] != b"A" else b"B") + ticket[21:]
    require(isinstance(ours(_KEYS.open, flipped), CitizenIDError), "a ticket that nobody has sealed")
    if how[:1] > b"\x80":
        _challenged(rest)


_KEYS: Final = TicketKeys((SECRET,), AUDIENCE)


def _challenged(rest: bytes) -> None:
    """Answer a challenge of any contents that the fleet has signed with its MAC."""
    gateway = gateways()[0]
    made = gateway.challenge(sender=_SENDER.public.thumbprint)
    nonce = unbase64url(str(made.nonce))
    keys = gateway._state.ring.at(UnixTime(NOW)).challenges
    fixed = (rest[:22] + nonce[len(rest[:22]) : 22])[:22]
    signed = fixed + keys._mac(keys._keys[0], fixed, _SENDER.public.thumbprint, Handover())
    challenge = Challenge(AUDIENCE, base64url.encode_text(signed), 300)
    request = Request("POST", AUDIENCE + "/citizenship", [(b"dpop", _proof(None, "/citizenship"))])
    _next()
    result = gateway.admit(
        _presentation(challenge), format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=request
    )
    _result(result, Admitted, Deny, NeedStatusList)


def ticket_seeds() -> Iterator[bytes]:
    """Return the contents of good tickets, and of a challenge."""
    yield b"\x81\x00" + unbase64url(str(gateways()[0].challenge(sender=_SENDER.public.thumbprint).nonce))[:22]
    for _, plaintext in _plaintexts():
        for first in (b"\x00", b"\x01", b"\x81"):
            for second in range(3 * len(_RESOURCES)):
                yield first + bytes((second,)) + plaintext
            yield first + b"\x03" + plaintext + b"\x01" * 32


# --- proofs of the sender ---

_RULES: Final = ProofRules(AUDIENCE, 60, DEFAULT_LIMITS, SenderKeys(64))
_NONCES: Final = NonceKeys((SECRET,), AUDIENCE)
_KEY_OF: Final = (key("sender/Ed25519"), key("sender/ES256"))


def dpop_one(data: bytes) -> None:
    """Check a DPoP proof, raw or signed over any bytes; what passes has the sender's thumbprint, and its claims."""
    how, header, payload, ticket = parts(data, 4)
    sender = _KEY_OF[number(how, 2)]
    proof = header if b"r" in how[1:] else jws(header, payload, sender)
    arguments: dict[str, Any] = {
        "method": "POST", "url": AUDIENCE + "/v1/chat", "ticket": ticket or None, "not_before": NOW - 1_000,
        "now": UnixTime(NOW), "nonces": _NONCES if b"n" in how[1:] else None,
    }  # fmt: skip
    empty = ProofRules(AUDIENCE, 60, DEFAULT_LIMITS, SenderKeys(1))
    first = ours(check_dpop, proof, rules=empty, **arguments)
    second = ours(check_dpop, proof, rules=_RULES, **arguments)
    require(type(first) is type(second), "a key that was seen before")
    if isinstance(first, CitizenIDError):
        require(isinstance(second, CitizenIDError) and second.reason is first.reason, "a key that was seen before")
    elif b"r" not in how[1:]:
        claims = json.loads(payload)
        require(first.thumbprint == sender.public.thumbprint, "another sender")
        require(claims["htm"] == "POST" and abs(claims["iat"] - NOW) <= 60, "another method, or another time")
        if ticket:
            require(claims["ath"] == base64url.encode_text(hashlib.sha256(ticket).digest()), "another ticket")
    unverified_sender(proof, DEFAULT_LIMITS)
    url = ours(normalise_url, text_of(payload))
    require(isinstance(url, CitizenIDError) or normalise_url(url) == url, "normalise_url")


def dpop_seeds() -> Iterator[bytes]:
    """Return the vectors, raw and taken apart."""
    for case in cases("dpop"):
        proof, ticket = case["input"].encode(), (case["ticket"] or "").encode()
        yield joined(b"\x00r", proof, b"", ticket)
        try:
            header, payload, _ = (unbase64url(each) for each in proof.split(b"."))
        except ValueError:
            continue
        yield joined(b"\x00", header, payload, ticket)
        nonce = _NONCES.make(_SENDER.public.thumbprint, UnixTime(NOW))
        yield joined(b"\x00n", header, payload[:-1] + b',"nonce":"%s"}' % nonce.encode(), ticket)
    es256 = key("sender/ES256")
    header = json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": dict(es256.public.to_jwk())}).encode()
    payload = json.dumps({"jti": "1", "htm": "POST", "htu": AUDIENCE + "/v1/chat", "iat": NOW}).encode()
    yield joined(b"\x01", header, payload)
    yield joined(b"\x00", b'{"alg":"ES256"}', b"HTTPS://:443/t", b"")  # a port alone was taken for an authority


def http_signature_one(data: bytes) -> None:
    """Check an HTTP message signature whose base is signed, whatever its parameters and components are."""
    how, stated, method, url, headers = parts(data, 5)
    fields = ours(read_fields, _headers(headers))
    if isinstance(fields, CitizenIDError):
        return
    sender = _KEY_OF[number(how, 2)]
    fields.setdefault(b"citizenship-key", _key_field(sender))
    fields[b"signature-input"] = stated.replace(b"@keyid", base64url.encode(sender.public.thumbprint))
    ticket = fields.get(b"citizenship-ticket")
    verb, address = text_of(method), AUDIENCE + text_of(url)
    signed = False
    read = ours(read_signature_input, fields[b"signature-input"])
    if not isinstance(read, CitizenIDError):
        base = ours(signature_base, read, fields, verb, address, ticket, AUDIENCE)
        if isinstance(base, bytes) and b"r" not in how[1:]:
            fields[b"signature"] = b"%s=:%s:" % (read.label, _standard(sender.sign(base)))
            signed = True
    outcomes = [
        ours(
            check_http_signature, fields, method=verb, url=address, ticket=ticket, rules=_RULES, keys=keys,
            not_before=NOW - 1_000, now=UnixTime(NOW),
        )
        for keys in (SigningKeys(1), _SIGNING_KEYS)
    ]  # fmt: skip
    require(type(outcomes[0]) is type(outcomes[1]), "a key that was seen before")
    if not isinstance(outcomes[0], CitizenIDError):
        require(signed and outcomes[0].thumbprint == sender.public.thumbprint, "a signature that nobody made")
        names = dict(_headers(headers))
        for name in (b"authorization", b"citizenship-ticket"):
            if b'"%s"' % name in fields[b"signature-input"] and name in names:
                changed = {**fields, name: fields[name] + b"x"}
                refused = ours(
                    check_http_signature, changed, method=verb, url=address, ticket=changed.get(b"citizenship-ticket"),
                    rules=_RULES, keys=_SIGNING_KEYS, not_before=NOW - 1_000, now=UnixTime(NOW),
                )  # fmt: skip
                require(isinstance(refused, CitizenIDError), "a covered header that was changed")


_SIGNING_KEYS: Final = SigningKeys(64)


def _standard(data: bytes) -> bytes:
    import base64

    return base64.b64encode(data)


def _key_field(sender: LocalKey) -> bytes:
    return base64url.encode(json.dumps(dict(sender.public.to_jwk())).encode())


def http_signature_seeds() -> Iterator[bytes]:
    """Return signatures with and without a ticket, and among others."""
    with_ticket = b"citizenship-ticket: abc\nauthorization: Bearer sk-42"
    for which, name in enumerate((b"ed25519", b"ecdsa-p256-sha256")):
        rest = b';created=1800000000;nonce="n-0123456789abcdef";keyid="@keyid";alg="%s";tag="citizenship"' % name
        for components, headers in (
            (b'"@method" "@target-uri"', b""),
            (b'"@method" "@target-uri" "citizenship-ticket" "authorization"', with_ticket),
            (b'"@target-uri" "@method" "x-none"', b""),
        ):
            good = b"citizenship=(" + components + b")" + rest
            yield joined(bytes((which,)), good, b"POST", b"/v1/chat?a=b", headers)
            yield joined(
                bytes((which,)), b'sig1=("@method");created=1;keyid="x", ' + good, b"POST", b"/v1/chat", headers
            )
            yield joined(bytes((which,)), good.replace(b";tag", b";expires=1800000300;tag"), b"GET", b"/", headers)
        yield joined(bytes((which,)) + b"r", good, b"POST", b"/", with_ticket + b"\nsignature: citizenship=:AAAA:")


# --- what a proxy, a server or a framework hands in ---

_PATHS: Final = ("/v1/chat/completions", "/v1/embeddings", "/v1/audio/transcriptions", "/v1/messages")
_READERS: Final = []
for _path in _PATHS:
    try:
        _READERS.append(body_reader(_path))
    except KeyError:
        continue


def server_one(data: bytes) -> None:
    """Read certificates of a proxy's header, the scope of an ASGI server, the questions of proxies, and bodies."""
    how, first, second = parts(data, 3)
    which = number(how, 4)
    if which == 0:
        headers = _headers(second)
        for header in (None, CertificateHeader.XFCC, CertificateHeader.CLIENT_CERT):
            for handed_in in (None, first):
                found = ours(certificate_thumbprint, handed_in, headers, header)
                require(found is None or isinstance(found, CitizenIDError) or len(found) == 32, "no thumbprint")
        for header in (CertificateHeader.XFCC, CertificateHeader.CLIENT_CERT):
            twice = ours(certificate_thumbprint, None, [(header.value, first), (header.value, first)], header)
            require(isinstance(twice, CitizenIDError), "a header that came twice")
            ours(certificate_thumbprint, None, [(header.value, first)], header)
    elif which == 1:
        scope: dict[str, Any] = {
            "type": "http", "method": text_of(how[1:]), "raw_path": first, "path": text_of(first), "query_string": b"",
            "headers": _headers(second), "extensions": {"tls": {"client_cert_chain": [text_of(second)]}},
        }  # fmt: skip
        for certificates in TLSCertificates:
            request = read_request(scope, AUDIENCE, certificates)
            require(request is None or (request.url.startswith(AUDIENCE + "/") and "#" not in request.url), "a URL")
        header_of(scope, b"dpop")
        for app in _apps():
            asked = app._as_asked(scope)  # type: ignore[attr-defined]  # a function of the scope alone
            require(asked is None or asked["raw_path"].isascii(), "a path that is no ASCII")
    else:
        for reader in _READERS:
            read = reader(first, second)
            require(read is None or type(read) is tuple, "a body")


@cache
def _apps() -> tuple[Any, ...]:
    return tuple(decision_app(gateways()[0], resource="open", proxy=proxy) for proxy in Proxy)


def server_seeds() -> Iterator[bytes]:
    """Return headers of proxies, scopes and bodies."""
    digest = b"0123456789abcdef" * 4
    for value in (
        b"Hash=" + digest, b"hash=" + digest + b",Hash=x",
        b'By=spiffe://a;Hash=%s;Subject="CN=a,\\"b\\"";URI=' % digest,
        b":MIIB" + b"A" * 684 + b":", bytes(31) + b"\x01", b"A" * 43, b"\x30\x82\x01\x00" + bytes(256),
    ):  # fmt: skip
        yield joined(b"\x00", value, b"x-forwarded-client-cert: " + value + b"\nclient-cert: " + value)
    pem = "-----BEGIN CERTIFICATE-----\nMIIBAA==\n-----END CERTIFICATE-----\n"
    yield joined(b"\x01POST", b"/v1/chat/completions", pem.encode())
    asked = b"x-original-method: GET\nx-original-uri: /a%20b?c=d\nx-forwarded-method: POST\nx-forwarded-uri: /x"
    yield joined(b"\x01GET", b"/decide", asked)
    yield joined(b"\x01GET", b"/decide/v1/chat", b"")
    messages = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    chat = {"model": "m", "messages": messages, "tools": [{"type": "function", "function": {"name": "f"}}], "n": 1}
    yield joined(b"\x02", b"application/json", json.dumps(chat).encode())
    yield joined(b"\x02", b"application/json", json.dumps({**chat, "tools": [{"type": {"name": "f"}}]}).encode())
    yield joined(b"\x02", b"application/json; charset=utf-8", b'{"model":"m","input":["a"],"stream_options":{"a":1}}')
    form = (
        b'--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n\x00\x01\r\n--xyz--\r\n"
    )
    yield joined(b"\x02", b"multipart/form-data; boundary=xyz", form)


# --- policies ---

_FACTS: Final = tuple(
    Facts(
        frozenset(map(Country, held)),
        frozenset(map(Country, held[:1])),
        binding,
        60,
        stated=frozenset(),
        now=NOW,
        region="eu",
    )
    for held in ((), ("US",), ("DE", "FR"))
    for binding in (Binding.BEARER, Binding.DPOP)
)


def policy_one(data: bytes) -> None:
    """Read a policy in TOML: what `tomllib` refuses is refused, no rule gives more than it says, the linter agrees."""
    text = data.decode("utf-8", "surrogateescape")
    read = ours(AdmissionPolicy.from_toml, text)
    found = ours(lint, text)
    parsed: Mapping[str, Any] | None = None
    try:
        parsed = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        parsed = None
    except ValueError:  # what `tomllib` lets out for a date or an integer that is none
        parsed = None
    if isinstance(read, CitizenIDError):
        require(
            read.reason in (Reason.POLICY_INVALID, Reason.INPUT_TOO_LARGE, Reason.COUNTRY_INVALID), "another Reason"
        )
        return
    require(parsed is not None and parsed["version"] == 1, "takes what is no TOML")
    assert parsed is not None
    require(len(read.rules) == len(parsed["rule"]), "another number of rules")
    require(read == AdmissionPolicy.from_toml(text) or read.digest == AdmissionPolicy.from_toml(text).digest, "digest")
    require(not isinstance(found, CitizenIDError), "the linter refuses what is read")
    for resource in ("open", "a/b", "reports/1"):
        for facts in _FACTS:
            verdict = read.decide(resource, facts)
            require(read.explain(resource, facts).verdict == verdict, "explain says something else")
            if verdict.permitted:
                stated = parsed["rule"][verdict.rule - 1]
                wanted = stated.get("citizenship", stated.get("nationality", ()))
                held = {country.alpha2 for country in facts.nationalities | facts.citizenships}
                open_ = "anyone" in stated
                require(
                    open_ or "none_of" in stated or bool(held & set(wanted)), "permits who lacks what the rule names"
                )
    require(diff(read, read) == (), "a policy that differs from itself")
    for rule in read.rules:
        ours(dcql_query, rule, anchors=SD_JWT_ANCHORS)


def policy_seeds() -> Iterator[bytes]:
    """Return the policies of the vectors."""
    for case in cases("policy"):
        yield case["policy"].encode("utf-8", "surrogateescape")
    for case in cases("gateway"):
        yield case["gateway"]["policy"].encode()


# --- what is asked of a wallet, and what it answers ---


@cache
def _queries() -> tuple[dict[str, Any], ...]:
    policy = AdmissionPolicy.from_toml(_POLICY)
    made = [dcql_query(rule, anchors=SD_JWT_ANCHORS) for rule in policy.rules if not rule.anyone]
    mdoc: dict[str, Any] = {
        "credentials": [
            {"id": "m", "format": "mso_mdoc", "meta": {"doctype_value": "org.iso.18013.5.1.mDL"}, "multiple": True},
            {"id": "s", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:x"]}},
        ],
        "credential_sets": [{"options": [["m"], ["s"]]}],
    }
    return (*(each for each in made if each is not None), mdoc)


def query_one(data: bytes) -> None:
    """Read the answer to a query, the query itself, and texts of challenges and handovers."""
    how, body = data[:1], data[1:]
    which = number(how, 4)
    text = text_of(body)
    if which == 0:
        for query in _queries():
            found = ours(parse_vp_token, body, query)
            if not isinstance(found, CitizenIDError):
                asked = {each["id"] for each in query["credentials"]}
                require({each.id for each in found} <= asked and bool(found), "an answer to what was not asked")
    elif which == 1:
        query_text, _, answer = body.partition(SEPARATOR)
        try:
            query = json.loads(query_text)
        except (ValueError, RecursionError):
            return
        checked = ours(check_dcql_query, query)
        found = ours(parse_vp_token, answer, query)
        require(isinstance(found, CitizenIDError) or not isinstance(checked, CitizenIDError), "an answer to no query")
    elif which == 2:
        challenge = ours(Challenge.from_text, text)
        if isinstance(challenge, Challenge):
            require(Challenge.from_text(challenge.to_text()) == challenge, "to_text")
            ours(transcript.session_transcript, challenge)
        handover = ours(Handover.from_text, text)
        if isinstance(handover, Handover):
            require(Handover.from_text(handover.to_text()) == handover, "to_text of a handover")
    else:
        first, second, third, fourth = parts(body, 4)
        made = (
            ours(Challenge.openid4vp, client_id=text_of(first), nonce=text_of(second), response_uri=text_of(third)),
            ours(Challenge.dc_api, origin=text_of(first), nonce=text_of(second), jwk_thumbprint=third or None),
            ours(Challenge.dc_api_draft_24, origin=text_of(first), client_id=text_of(second), nonce=text_of(third)),
            ours(Challenge.iso_18013_7_2024, client_id=text_of(first), nonce=text_of(second),
                 response_uri=text_of(third),
                 mdoc_generated_nonce=text_of(fourth)),
            ours(Challenge.session_transcript, first, audience=text_of(second), nonce=third),
        )  # fmt: skip
        for each in made:
            if isinstance(each, Challenge):
                again = ours(Challenge.from_text, each.to_text())
                foreign = each.handover.kind is HandoverKind.TRANSCRIPT  # never read out of a text
                require(isinstance(again, CitizenIDError) if foreign else again == each, "from_text(to_text)")
                ours(transcript.session_transcript, each)
                require(isinstance(each.peer, str), "peer")


def query_seeds() -> Iterator[bytes]:
    """Return queries of the policy, answers to them, and challenges of every kind."""
    mdoc = next(case["input"] for case in cases("mdoc"))
    sd_jwt = next(case["input"] for case in cases("presentation"))
    for query in _queries():
        for each in query["credentials"]:
            answer = json.dumps({each["id"]: [mdoc if each["format"] == "mso_mdoc" else sd_jwt]}).encode()
            yield b"\x00" + answer
            yield b"\x01" + json.dumps(query).encode() + SEPARATOR + answer
    yield b"\x01" + json.dumps({"credentials": [{"id": "a", "format": {"vct_values": ["x"]}}]}).encode() + SEPARATOR
    for case in cases("gateway"):
        yield from (b"\x02" + event["challenge"].encode() for event in case["events"] if "challenge" in event)
    yield b"\x02" + CHALLENGE.to_text().encode()
    for made in (
        Challenge.openid4vp(
            client_id="x509_san_dns:a", nonce="n" * 20, response_uri="https://a/b", jwk_thumbprint=bytes(32)
        ),
        Challenge.dc_api(origin="https://a", nonce="n" * 20, jwk_thumbprint=bytes(32)),
        Challenge.dc_api_draft_24(origin="https://a", client_id="b", nonce="n" * 20),
        Challenge.iso_18013_7_2024(
            client_id="a", nonce="n" * 20, response_uri="https://a/b", mdoc_generated_nonce="m" * 20
        ),
        Challenge.session_transcript(b"\x83\xf6\xf6\x80", audience="a", nonce=b"n" * 20),
    ):  # fmt: skip
        yield b"\x02" + made.to_text().encode()
        yield b"\x02" + made.handover.to_text().encode()
    yield b"\x03" + joined(b"https://a.example", b"n" * 20, b"https://a.example/answer", b"m" * 20)
    yield b"\x03" + joined(b"\x83\xf6\xf6\x80", b"a", b"n" * 20)
