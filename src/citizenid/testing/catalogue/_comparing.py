"""Attacks that would learn a secret from how long a comparison takes.

Lines that run are counted in place of time: what depends on where a byte differs would be a loop of ours, or an early
way out. Bytes are compared by hmac.compare_digest alone.

Spec: specs/threat-model.md; RFC 2104; DESIGN section 4 (ticket, challenge).
"""

from __future__ import annotations

import ast
import base64
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

from ... import AgreementKey, Challenge, Format, Reason
from ...gateway import Binding, DPoPNonces, Gateway
from ..attacks import attack
from ..forge import mdoc as _mdoc
from ..forgery import called
from ..senders import Sender
from ..trials import Trial, expect, holds
from ..world import SimulatedWorld
from ._counting import lines_of
from ._sending import result_of


@attack("LEK-006")
def comparing_secrets() -> Iterator[Trial]:
    """A MAC is wrong in its first byte or in its last: what is done about it is the same."""
    yield holds("a DPoP nonce", _nonces_alike)
    yield holds("a challenge", _challenges_alike)
    yield holds("a ticket", _tickets_alike)
    yield holds("the MAC of a device", _device_macs_alike)
    yield holds("where a MAC is compared, compare_digest does it", _compared_in_one_way)


def _alike(calls: Iterable[Callable[[], object]], what: str) -> None:
    made = list(calls)
    for call in made:
        call()  # what is made once is made now
    found = {lines_of(call) for call in made}
    expect(len(found) == 1, f"{what}: {sorted(found)} lines")


def _flipped(text: str, place: int) -> str:
    """Return base64url in which one bit of one byte is another."""
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[place] ^= 1
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _nonces_alike() -> None:
    world, client = SimulatedWorld(dpop_nonces=DPoPNonces.OF_THE_FLEET), Sender(Binding.DPOP)
    refusal = client.apply(world, world.anybody())
    nonce = refusal.dpop_nonce
    ticket = client.apply(world, world.anybody(), nonce=nonce).ticket

    def asked(place: int) -> Callable[[], object]:
        sent = client.request(world, ticket, nonce=_flipped(nonce, place))
        return lambda: _refused(world.gateway, sent, Reason.PROOF_NONCE_MISMATCH)

    _alike([asked(place) for place in (4, 5, 11, 18, 19)], "a nonce")


def _refused(gateway: Gateway, sent: Any, reason: Reason) -> None:
    outcome = result_of(gateway.authorize(sent, resource="weak"))
    expect(outcome.reason is reason, f"{outcome}")


def _challenges_alike() -> None:
    # An Ed25519 proof: how many bytes the two numbers of an ECDSA signature have, and so what reads them, is chance.
    world, client = SimulatedWorld(), Sender(Binding.DPOP, algorithm="Ed25519")
    text = world.challenge(client.key).to_text()
    version, age, nonce, audience = text.split(".")
    inner = base64.urlsafe_b64decode(nonce[1:] + "=" * (-len(nonce[1:]) % 4)).decode()
    size = len(base64.urlsafe_b64decode(inner + "=" * (-len(inner) % 4)))

    def asked(place: int) -> Callable[[], object]:
        changed = base64.urlsafe_b64encode(_flipped(inner, place).encode()).rstrip(b"=").decode()
        wrong = ".".join((version, age, nonce[0] + changed, audience))
        sent = client.request(world, path="/citizenship")
        form = Format.SD_JWT_VC
        return lambda: _expect_challenge(world.gateway.admit(b"", format=form, challenge=wrong, request=sent))

    _alike([asked(place) for place in (size - 32, size - 31, size - 16, size - 2, size - 1)], "a challenge")


def _expect_challenge(result: Any) -> None:
    expect(result.reason is Reason.CHALLENGE_INVALID, f"{result}")


def _tickets_alike() -> None:
    world, client = SimulatedWorld(), Sender(Binding.DPOP)
    ticket = client.ticket(world)

    def asked(place: int) -> Callable[[], object]:
        sent = client.request(world, ticket, shown=_flipped(ticket, place))
        return lambda: _refused(world.gateway, sent, Reason.TICKET_INVALID)

    _alike([asked(place) for place in (17, 60, 120, 170, 185)], "a ticket")


def _device_macs_alike() -> None:
    reader = AgreementKey.generate("P-256")
    jwk = reader.public.to_jwk()
    numbers = [int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in "xy"]
    public = ec.EllipticCurvePublicNumbers(numbers[0], numbers[1], ec.SECP256R1()).public_key()
    challenge = _mdoc.challenge(reader_key=reader)
    good = _mdoc.make(device={"reader_public": public})
    expect(type(_mdoc.verify(good, challenge=challenge)).__name__ == "VerifiedPresentation", "a good MAC")
    tag = cbor2.loads(good)["documents"][0]["deviceSigned"]["deviceAuth"]["deviceMac"][3]

    def asked(place: int) -> Callable[[], object]:
        wrong = bytearray(tag)
        wrong[place] ^= 1
        data = good.replace(tag, bytes(wrong))
        return lambda: _wrong_mac(data, challenge)

    _alike([asked(place) for place in (0, 1, 15, 30, 31)], "the MAC of a device")


def _wrong_mac(data: bytes, challenge: Challenge) -> None:
    outcome = called(lambda: _mdoc.verify(data, challenge=challenge))
    expect(outcome.reason is Reason.SIGNATURE_INVALID, f"{outcome}")


def _compared_in_one_way() -> None:
    package = resources.files("citizenid")
    waiting, found = [each for each in package.iterdir() if each.name != "testing"], 0
    while waiting:
        each = waiting.pop()
        if each.is_dir():
            waiting += each.iterdir()
        elif each.name.endswith(".py"):
            text = each.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text if "mac" in text or "compare_digest" in text else "")):
                if isinstance(node, ast.Compare):
                    calls = [ast.unparse(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)]
                    expect(not [call for call in calls if call.split(".")[-1] in ("_mac", "mac")], each.name)
                found += isinstance(node, ast.Attribute) and node.attr == "compare_digest"
    expect(found >= 3, "nothing compares in constant time")
