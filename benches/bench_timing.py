"""Whether the time of a refusal tells how much of a secret somebody has guessed: one t value for each comparison.

Two classes of input are refused for one and the same cause: in one the first byte is wrong, in the other the last. What
ends at the first difference is slower for the second class. Each call gets an input of its own from a pool, the classes
come in an order by chance, and `_welch` judges. The two rows at the end compare with an early end, planted, so that a
run in which nothing is seen is one in which something would have been.

Spec: specs/side-channels.md.
"""

from __future__ import annotations

import gc
import json
import math
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from citizenid import AgreementKey, CitizenIDError, Format, Handover, Limits, LocalKey, UnixTime
from citizenid._crypto import ReaderAgreement, verify_signature
from citizenid._model import Binding, KeyHint, SignedObject
from citizenid._readers import sd_jwt_vc
from citizenid._redaction import SD_JWT_MARKERS, Disclosure, restore
from citizenid._wire import base64url
from citizenid.gateway import Deny, Request
from citizenid.gateway._http_signatures import SigningKeys, check_http_signature
from citizenid.gateway.challenge import ChallengeKeys
from citizenid.gateway.http import read_fields
from citizenid.gateway.nonces import NonceKeys
from citizenid.gateway.proofs import ProofRules, SenderKeys, check_dpop
from citizenid.gateway.ticket import TicketKeys
from citizenid.holder import dpop_proof, http_signature
from citizenid.integrations._fleet import Envelope
from citizenid.verifier import open_presentation, verify_credential

from ._measure import Plan
from ._report import Kind, Row
from ._welch import TARGET, Verdict, cropped, welch
from ._world import AUDIENCE, MODEL, World
from .bench_gateway import HEADERS, URL, Door

_POOL: Final = 500  # inputs of each class that are made together
_LARGE_POOL: Final = 4
_HTTP_SIGNED: Final = 32
_SENDER: Final = bytes(range(32))

Make = Callable[[bool], Any]
Call = Callable[[Any], object]


class Comparison(NamedTuple):
    """One comparison: how to make an input, wrong in its first byte or in its last, and what refuses it."""

    name: str
    step: str
    make: Make
    call: Call
    refuses: bool = True


def wrong(secret: bytes, last: bool) -> bytes:
    """Change the first byte, or the last, by the same steps for both: they leave the memory in the same order."""
    changed = bytearray(secret)
    changed[-1 if last else 0] ^= 1 + random.randrange(255)  # noqa: S311  # no secret is made
    return bytes(changed)


def wrong_text(text: str, last: bool) -> str:
    """Change the first letter of ASCII text, or the last."""
    changed, place = bytearray(text.encode()), -1 if last else 0
    changed[place] = random.choice([each for each in b"ABCDEFGHabcdefgh01234567" if each != changed[place]])  # noqa: S311
    return changed.decode()


def comparisons() -> Iterator[Comparison]:
    """Return every comparison of specs/side-channels.md section 1."""
    world = World()
    door = Door(world)
    secret = os.urandom(32)
    now = UnixTime(world.now)
    yield _challenge(secret, now)
    yield _ticket(door)
    rules = ProofRules(AUDIENCE, 60, Limits(), SenderKeys(4))
    yield from _dpop(LocalKey.generate("ES256"), rules, now)
    yield _nonce(secret, now)
    yield _http_signature(LocalKey.generate("Ed25519"), rules, now)
    yield _mtls(door)
    yield from _key_binding(world, now)
    yield _digests()
    yield _device_mac()
    yield _fleet(secret)


def _challenge(secret: bytes, now: UnixTime) -> Comparison:
    keys, handover = ChallengeKeys((secret,), AUDIENCE, None), Handover()

    def make(last: bool) -> bytes:
        challenge = keys.make(
            binding=Binding.DPOP, sender=_SENDER, handover=handover, now=now, lifetime_s=300, random=os.urandom(16)
        )
        nonce = base64url.decode_text(str(challenge.nonce), "nonce")
        return nonce[:-32] + wrong(nonce[-32:], last)

    return Comparison(
        "challenge", "MAC of a challenge", make, lambda nonce: keys.check_sender(nonce, _SENDER, handover)
    )


def _ticket(door: Door) -> Comparison:
    keys = TicketKeys((door.secret,), AUDIENCE)
    sealed = door.tickets_like(door.ticket(door.wallet(), None).encode())

    def make(last: bool) -> bytes:
        raw = base64url.decode(next(sealed), "ticket")
        return base64url.encode_text(raw[:-16] + wrong(raw[-16:], last)).encode()

    return Comparison("ticket", "tag of a ticket (opening it)", make, keys.open_fields)


def _dpop(sender: LocalKey, rules: ProofRules, now: UnixTime) -> Iterator[Comparison]:
    ticket = "A" * 248
    proof = dpop_proof(sender, method="POST", url=URL, ticket=ticket, now=now).encode()
    arguments: dict[str, Any] = {
        "method": "POST",
        "url": URL,
        "ticket": ticket.encode(),
        "rules": rules,
        "not_before": 0,
        "now": now,
    }
    thumbprint = check_dpop(proof, **arguments).thumbprint  # and the key is one that was seen before
    header, payload, signature = proof.split(b".")
    claims = json.loads(base64url.decode(payload, "payload"))

    def make(last: bool) -> bytes:
        changed = json.dumps({**claims, "ath": wrong_text(claims["ath"], last)}).encode()
        return b".".join((header, base64url.encode_text(changed).encode(), signature))

    yield Comparison("ath", "ath of a DPoP proof", make, lambda proof: check_dpop(proof, **arguments))
    yield Comparison(
        "jkt",
        "thumbprint of a DPoP key (jkt)",
        lambda last: wrong(thumbprint, last),
        lambda expected: check_dpop(proof, expected=expected, **arguments),
    )


def _nonce(secret: bytes, now: UnixTime) -> Comparison:
    keys = NonceKeys((secret,), AUDIENCE)

    def make(last: bool) -> str:
        raw = base64url.decode_text(keys.make(_SENDER, now), "nonce")
        return base64url.encode_text(raw[:4] + wrong(raw[4:], last))

    return Comparison("nonce", "MAC of a DPoP nonce", make, lambda nonce: keys.age(nonce, _SENDER, now))


def _http_signature(sender: LocalKey, rules: ProofRules, now: UnixTime) -> Comparison:
    signed = http_signature(sender, method="POST", url=URL, ticket=None, now=now)
    fields = read_fields([(name.encode(), value.encode()) for name, value in signed.items()])
    keys = SigningKeys(4)

    def check(expected: bytes | None) -> object:
        return check_http_signature(
            fields,
            method="POST",
            url=URL,
            ticket=None,
            rules=rules,
            keys=keys,
            not_before=0,
            now=now,
            expected=expected,
        )

    check(None)
    thumbprint = sender.public.thumbprint
    return Comparison("http-signature", "thumbprint of a signing key", lambda last: wrong(thumbprint, last), check)


def _mtls(door: Door) -> Comparison:
    thumbprint = os.urandom(32)
    headers = (*HEADERS, (b"citizenship-ticket", door.mtls_ticket(door.wallet(), thumbprint).encode()))
    return Comparison(
        "mtls",
        "thumbprint of a client certificate",
        lambda last: Request("POST", URL, headers, wrong(thumbprint, last)),
        lambda request: door.gateway.authorize(request, resource=MODEL),
    )


def _key_binding(world: World, now: UnixTime) -> Iterator[Comparison]:
    presented = world.new_presentation()
    (presentation,) = open_presentation(presented.data, format=Format.SD_JWT_VC)
    credential = verify_credential(presentation, anchors=world.anchors, now=now)
    reading, limits, bound = credential._reading, Limits(), presentation.binding
    assert isinstance(bound, SignedObject)
    claims = json.loads(bound.payload)

    def bind(payload: bytes) -> object:
        made = presentation._replace(binding=bound._replace(payload=payload))
        return sd_jwt_vc.bind(made, reading, presented.challenge, now, limits)

    for name in ("nonce", "sd_hash"):

        def make(last: bool, name: str = name) -> bytes:
            return json.dumps({**claims, name: wrong_text(claims[name], last)}).encode()

        yield Comparison(f"kb-{name}", f"{name} of a KB-JWT", make, bind)


def _digests() -> Comparison:
    digest, limits = base64url.encode_text(os.urandom(32)), Limits()

    def make(last: bool) -> tuple[dict[str, Any], dict[str, Disclosure]]:
        return {"_sd": [wrong_text(digest, last)]}, {digest: Disclosure(0, "given_name", "x")}

    # What is not found leaves the disclosures as they are, so that an input can be used again.
    return Comparison(
        "digest",
        "digest of a disclosure (looked up)",
        make,
        lambda made: restore(made[0], made[1], SD_JWT_MARKERS, limits),
    )


def _device_mac() -> Comparison:
    reader, device = AgreementKey.generate("P-256"), AgreementKey.generate("P-256")
    tag = device.mac(reader.public, b"salt", b"EMacKey", b"data")
    assert tag is not None
    agreement = ReaderAgreement(reader, b"salt", b"EMacKey")

    def check(signature: bytes) -> None:
        signed = SignedObject(b"data", b"", "HMAC 256/256", signature, KeyHint(), None, agreement)
        verify_signature(signed, device.public, "deviceMac")

    return Comparison("device-mac", "deviceMac of an mdoc", lambda last: wrong(tag, last), check)


def _fleet(secret: bytes) -> Comparison:
    envelope = Envelope(secret, sender=os.urandom(8), clock=time.time)

    def make(last: bool) -> bytes:
        sealed = envelope.seal(1, os.urandom(40))
        return sealed[:-32] + wrong(sealed[-32:], last)

    return Comparison("fleet", "MAC of a message of the fleet", make, envelope.open)


def controls() -> Iterator[Comparison]:
    """Return comparisons that end at the first difference."""
    secret = os.urandom(32)

    def early(given: bytes) -> bool:
        return all(one == other for one, other in zip(given, secret, strict=True))

    yield Comparison(
        "planted", "planted: a loop that ends at the first difference", lambda last: wrong(secret, last), early, False
    )
    # Half a megabyte, as nothing here is: the interpreter's own comparison goes through it by many bytes at once.
    long = os.urandom(500_000)
    yield Comparison(
        "planted-memcmp",
        "planted: == on 500 kB",
        lambda last: wrong(long, last),
        lambda given: given == long,
        False,
    )


def refused(call: Call, given: Any) -> bool:
    """Whether the input is refused, in whichever way this door has."""
    try:
        result = call(given)
    except CitizenIDError:
        return True
    return result is None or isinstance(result, Deny)


def measure(comparison: Comparison, count: int, seed: int, clock: Callable[[], int] = time.perf_counter_ns) -> Verdict:
    """Time `count` calls one by one, in an order by chance, and judge. Each class gets half of them.

    No input is used twice: where it lies in the memory, and what of it a cache holds, would count as often as it is.
    """
    source = random.Random(seed)  # noqa: S311  # an order, and no secret
    call = comparison.call
    chunk = min(_LARGE_POOL if comparison.name == "planted-memcmp" else _POOL, max(1, count // 2))
    taken: tuple[list[int], list[int]] = ([], [])
    rounds = math.ceil(count / 2 / chunk)
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds + 1):  # the first is thrown away: it warms up
            # Made in an order by chance: neither class has a region of the memory of its own, nor every other place
            # in one, which would lie differently in the lines of a cache.
            classes = [False, True] * chunk
            source.shuffle(classes)
            pool = [(last, comparison.make(last)) for last in classes]
            if comparison.refuses and not number:
                for last, given in pool[:20]:
                    assert refused(call, given), f"{comparison.name} let a wrong one in: {last}"
            source.shuffle(pool)
            for last, given in pool:
                started = clock()
                try:
                    call(given)
                except CitizenIDError:
                    pass
                spent = clock() - started
                if number:
                    taken[last].append(spent)
    finally:
        gc.enable()
    return welch(*cropped(*taken))


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    for number, comparison in enumerate((*comparisons(), *controls())):
        planted = not comparison.refuses
        count = plan.timings // 10 if comparison.name == "planted-memcmp" else plan.timings
        verdict = measure(comparison, count, number)
        seen = abs(verdict.t) > TARGET
        note = f"t = {verdict.t:+.2f}, {verdict.difference:+.1f} ns; {verdict.detectable:.1f} ns would be seen"
        yield Row(
            name=f"timing-{comparison.name}",
            step=comparison.step,
            value=abs(verdict.t),
            unit="t",
            target=None if planted else TARGET,
            reached=seen is planted,
            kind=Kind.FIGURE,
            note=f"{note}; must be seen" if planted else note,
            details={
                "t": verdict.t,
                "difference_ns": verdict.difference,
                "detectable_ns": verdict.detectable,
                "samples": count,
                "kept": list(verdict.counts),
            },
        )
