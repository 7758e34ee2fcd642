"""Attacks on the memory of proofs, on nonces, and on the form that a proof has.

Spec: RFC 9449 sections 4.2, 4.3, 8, 11.1; RFC 7638; specs/profile-dpop.md; DESIGN section 4 (ticket).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from ... import Reason
from ...gateway import Binding, Deny, DPoPNonces, MemoryReplayGuard
from ..attacks import attack
from ..forge.certificates import certificate, x5c
from ..forge.parts import ABSENT, base64url, key
from ..forgery import Outcome
from ..senders import Sender
from ..targets import Party
from ..trials import Trial, asked, expect, holds, of_type
from ..world import OTHER_SECRET, SECRET, SimulatedWorld
from ._forwarded import forwarded_certificates
from ._sending import THIEF, Act, applying, at_a_gateway, everywhere, prove, result_of, send
from ._stores import failing_guards, failing_sign_outs, failing_statuses

_FLEET: Final = DPoPNonces.OF_THE_FLEET
_CLIENT: Final = Sender(Binding.DPOP)


@attack("DPO-016")
def full_guard() -> Iterator[Trial]:
    """Somebody fills the memory of used proofs, so that one of another's is forgotten, or a store does not answer."""
    yield holds("one key fills its share, and nobody else's", partial(_flood, 8, 100))
    yield holds("a full guard forgets nothing", _full)
    yield holds("what is refused is not used up", _refused_is_not_used)
    yield from failing_guards()
    yield from failing_sign_outs()
    yield from failing_statuses()


def _flood(share: int, room: int) -> None:
    world = SimulatedWorld()
    guard = MemoryReplayGuard(max_entries=room, max_entries_per_scope=share, monotonic=world.monotonic)
    world.gateway = world.another_gateway(replay=guard)
    victim, flooder = Sender(Binding.DPOP, "victim"), Sender(Binding.DPOP, "flooder")
    ticket, other = victim.ticket(world), flooder.ticket(world)
    used = victim.request(world, ticket)
    expect(_answer(world, used).allowed, "the victim's proof")
    results = [result_of(flooder.ask(world, other)) for _ in range(3 * share)]
    expect(sum(each.allowed for each in results) == share - 2, "his admission took two places of his share")
    expect(results[-1].reason is Reason.REPLAY_GUARD_FULL, f"{results[-1]}")
    expect(_answer(world, used).reason is Reason.REPLAYED, "the victim's proof counts again")
    expect(result_of(victim.ask(world, ticket)).allowed, "the victim is locked out")
    world.wait(100)
    expect(result_of(flooder.ask(world, other)).allowed, "what has ended takes room")


def _answer(world: SimulatedWorld, sent: Any) -> Outcome:
    return result_of(world.gateway.authorize(sent, resource="weak"))


def _full() -> None:
    world = SimulatedWorld()
    guard = MemoryReplayGuard(max_entries=12, monotonic=world.monotonic)
    world.gateway = world.another_gateway(replay=guard)
    ticket = _CLIENT.ticket(world)
    sent = [_CLIENT.request(world, ticket) for _ in range(20)]
    first = [_answer(world, each) for each in sent]
    expect([each.allowed for each in first] == [True] * 10 + [False] * 10, "as many as there is room for")
    expect({each.reason for each in first[10:]} == {Reason.REPLAY_GUARD_FULL}, "another refusal")
    again = {_answer(world, each).reason for each in sent[:10]}
    expect(again == {Reason.REPLAYED}, f"after the flood: {again}")


def _refused_is_not_used() -> None:
    world = SimulatedWorld()
    guard = MemoryReplayGuard(max_entries=3, monotonic=world.monotonic)
    world.gateway = world.another_gateway(replay=guard)
    ticket = _CLIENT.ticket(world)
    for _ in range(10):
        wrong = _CLIENT.request(world, ticket, proven_by=key(THIEF))
        expect(_answer(world, wrong).reason is Reason.PROOF_KEY_MISMATCH, "a thief's proof")
    expect(result_of(_CLIENT.ask(world, ticket)).allowed, "proofs of a thief take the owner's room")


@attack("DPO-018", "PROOF_NONCE")
def another_nonce() -> Iterator[Trial]:
    """A nonce is asked for, and the proof holds none, an old one, or one of somebody else."""
    missing, mismatch = Reason.PROOF_NONCE_MISSING, Reason.PROOF_NONCE_MISMATCH
    yield at_a_gateway("the one that was given", None, partial(_with_nonce, str), dpop_nonces=_FLEET)
    yield at_a_gateway("none", missing, partial(_with_nonce, lambda _: None), dpop_nonces=_FLEET)
    yield at_a_gateway("none at admission", missing, lambda world: _apply(world, None), dpop_nonces=_FLEET)
    changes: dict[str, Callable[[str], Any]] = {
        "empty": lambda _: "",
        "another character": lambda nonce: ("B" if nonce[9] == "A" else "A").join((nonce[:9], nonce[10:])),
        "padded": lambda nonce: nonce + "=",
        "cut": lambda nonce: nonce[:-1],
        "longer": lambda nonce: nonce + "A",
        "in capitals": lambda nonce: nonce.upper() + "x",
        "27 letters": lambda _: "A" * 27,
        "long": lambda _: "x" * 3_000,
        "a number": lambda _: 5,
        "true": lambda _: True,
        "a list": lambda nonce: [nonce],
    }
    for name, change in changes.items():
        yield at_a_gateway(name, mismatch, partial(_with_nonce, change), dpop_nonces=_FLEET)
        at_admission = partial(_changed_at_admission, change)
        yield at_a_gateway(f"{name}, at admission", mismatch, at_admission, dpop_nonces=_FLEET)
    yield at_a_gateway("of another client", mismatch, _of_another, dpop_nonces=_FLEET)
    for wait, reason in ((149, None), (299, None), (300, mismatch), (3_000, mismatch)):
        yield at_a_gateway(f"after {wait} s", reason, partial(_old, wait), dpop_nonces=_FLEET)
    yield at_a_gateway("of another gateway of the fleet", None, partial(_of_a_peer, {}), dpop_nonces=_FLEET)
    others: dict[str, Any] = {"ticket_keys": [OTHER_SECRET, SECRET]}
    yield at_a_gateway("of a gateway whose keys are newer", None, partial(_of_a_peer, others), dpop_nonces=_FLEET)
    process = DPoPNonces.OF_THIS_PROCESS
    yield at_a_gateway("of another process", mismatch, partial(_of_a_peer, {}), dpop_nonces=process)
    yield at_a_gateway("none, where none is asked for", None, lambda world: _apply(world, None))


def _apply(world: SimulatedWorld, nonce: Any) -> Outcome:
    return result_of(_CLIENT.apply(world, world.anybody(), nonce=nonce))


def _given(world: SimulatedWorld, sender: Sender = _CLIENT) -> str:
    """Ask without a nonce, and return the one that comes with the refusal."""
    refusal = of_type(sender.apply(world, world.anybody()), Deny)
    return of_type(refusal.dpop_nonce, str)


def _with_nonce(change: Callable[[str], Any], world: SimulatedWorld) -> Outcome:
    nonce = _given(world)
    ticket = _CLIENT.apply(world, world.anybody(), nonce=nonce).ticket
    return _answer(world, _CLIENT.request(world, ticket, nonce=change(nonce)))


def _changed_at_admission(change: Callable[[str], Any], world: SimulatedWorld) -> Outcome:
    return _apply(world, change(_given(world)))


def _of_another(world: SimulatedWorld) -> Outcome:
    return _apply(world, _given(world, Sender(Binding.DPOP, THIEF)))


def _old(wait: int, world: SimulatedWorld) -> Outcome:
    world.wait(150 - world.now % 150)  # the beginning of a stretch
    nonce = _given(world)
    world.wait(wait)
    return _apply(world, nonce)


def _of_a_peer(options: dict[str, Any], world: SimulatedWorld) -> Outcome:
    nonce = _given(world)
    world.gateway = world.another_gateway(**options)
    return _apply(world, nonce)


@attack("DPO-020", "PROOF_MALFORMED")
def no_proof_by_its_header() -> Iterator[Trial]:
    """The header of the proof names another type, another algorithm, or no key."""
    for typ in ("JWT", "DPOP+JWT", "dpop", "application/dpop+jwt", "kb+jwt", "dc+sd-jwt", "dpop+jwt ", "", ABSENT):
        yield from everywhere(f"typ {typ!r}", Reason.TYP_MISMATCH, None, {"typ": typ})
    no_types: tuple[Any, ...] = (None, 5, ["dpop+jwt"])
    for value in no_types:
        yield from everywhere(f"typ {value!r}", Reason.HEADER_INVALID, None, {"typ": value})
    no_names: tuple[Any, ...] = ("none", "None", "HS256", "RS256", "PS256", "es256", "", None, ["ES256"], ABSENT)
    for value in no_names:
        yield from everywhere(f"alg {value!r}", Reason.ALGORITHM_NOT_ALLOWED, None, {"alg": value})
    secret = json.dumps(_CLIENT.key.public.to_jwk()).encode()
    forged: dict[str, Any] = {"header": {"alg": "HS256"}, "sign": lambda data: hmac.digest(secret, data, "sha256")}
    yield from everywhere("a MAC under the public key", Reason.ALGORITHM_NOT_ALLOWED, **forged)
    unsigned: dict[str, Any] = {"header": {"alg": "none"}, "sign": lambda _: b""}
    yield from everywhere("alg none without a signature", Reason.ALGORITHM_NOT_ALLOWED, **unsigned)
    for name in ("ES384", "Ed25519", "ML-DSA-44"):
        yield from everywhere(f"alg {name} of another key", Reason.ALGORITHM_MISMATCH, None, {"alg": name})
    # The key is demanded as it is forbidden elsewhere: by the table of what a header of this slot may hold.
    yield from everywhere("no key", Reason.HEADER_FORBIDDEN, None, {"jwk": ABSENT})
    for name, value in {"jku": "https://thief.example", "x5u": "https://thief.example", "b64": False}.items():
        yield from everywhere(f"with {name}", Reason.HEADER_FORBIDDEN, None, {name: value})
    keys: tuple[Any, ...] = (None, [], "key", 5, {}, {"kty": "RSA", "n": "AA", "e": "AQAB"})
    for jwk in keys:
        yield from everywhere(f"jwk {jwk!r}", Reason.KEY_INVALID, None, {"jwk": jwk})
    yield from everywhere("a good one", None)


@attack("DPO-021", "PROOF_MALFORMED")
def private_key_in_a_proof() -> Iterator[Trial]:
    """The key in the proof has private members, or is a secret."""
    invalid, good = Reason.KEY_INVALID, dict(_CLIENT.key.public.to_jwk())
    yield from everywhere("without one", None, None, {"jwk": good})
    for member in ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"):
        yield from everywhere(f"with {member}", invalid, None, {"jwk": {**good, member: "AA"}})
    for value in ("", None, 0, base64url(bytes(32)).decode()):
        yield from everywhere(f"with d {value!r}", invalid, None, {"jwk": {**good, "d": value}})
    yield from everywhere("a secret", invalid, None, {"jwk": {"kty": "oct", "k": "AA"}})
    other = {**key("another", "Ed25519").public.to_jwk(), "d": "AA"}
    signer = key("another", "Ed25519")
    yield from everywhere("with d, Ed25519", invalid, None, {"jwk": other}, by=signer)


@attack("DPO-022")
def thumbprint_of_a_key() -> Iterator[Trial]:
    """The key in the proof has further members, or the same ones in another order or spelling."""
    good = dict(_CLIENT.key.public.to_jwk())
    chain = x5c(certificate("thief", "thief"))
    for name, jwk in {
        "in another order": dict(reversed(good.items())),
        "with a kid": {"kid": "k1", **good},
        "with an alg": {**good, "alg": "ES256"},
        "with a use": {"use": "sig", **good},
        "with key_ops": {**good, "key_ops": ["verify"]},
        "with the certificate of another": {"x5c": chain, **good},
        "with the thumbprint of another": {**good, "x5t#S256": "A" * 43, "jkt": "A" * 43},
        "with members of another type": {"n": "AQAB", "e": "AQAB", "pub": "AA", **good},
    }.items():
        yield from everywhere(name, None, None, {"jwk": jwk})
    spaced = json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": good}, indent=2).encode()
    yield from everywhere("with spaces", None, None, spaced)
    x = good["x"]
    for name, jwk, reason in (
        ("an alg of another key", {**good, "alg": "ES384"}, Reason.KEY_INVALID),
        ("a use that is another", {**good, "use": "enc"}, Reason.KEY_USE_FORBIDDEN),
        ("a coordinate with zeros in front", {**good, "x": "AAAA" + x}, Reason.KEY_INVALID),
        ("a coordinate that is padded", {**good, "x": x + "="}, Reason.KEY_INVALID),
        ("a curve in small letters", {**good, "crv": "p-256"}, Reason.KEY_INVALID),
        ("another kty", {**good, "kty": "ec"}, Reason.KEY_INVALID),
        ("the coordinates exchanged", {**good, "x": good["y"], "y": x}, Reason.KEY_INVALID),
    ):
        yield from everywhere(name, reason, None, {"jwk": jwk})
    yield holds("the required members alone make the thumbprint", _thumbprint)


def _thumbprint() -> None:
    for algorithm, members in (("ES256", ("crv", "kty", "x", "y")), ("Ed25519", ("crv", "kty", "x"))):
        public = key("thumbprint", algorithm).public
        jwk = public.to_jwk()
        text = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"))
        expect(public.thumbprint == hashlib.sha256(text.encode()).digest(), algorithm)


@attack("DPO-024", "PROOF_MALFORMED")
def several_proofs() -> Iterator[Trial]:
    """Two proofs come, joined in one header or in two, or the header is empty."""
    double = Reason.PROOF_MALFORMED
    yield asked("one", None, _proofs(lambda proof: [proof]))
    for name, make in {
        "twice the same": lambda proof: [proof, proof],
        "an empty one behind": lambda proof: [proof, b""],
        "an empty one before": lambda proof: [b"", proof],
        "two empty ones": lambda _: [b"", b""],
        "three": lambda proof: [proof, b"x", proof],
    }.items():
        yield asked(name, double, _proofs(make))
        yield asked(f"{name}, at admission", double, _proofs(make, admission=True))
    yield asked("two good ones", double, _two_good_ones)
    yield from forwarded_certificates()
    for name, make, reason in (
        ("empty", lambda _: [b""], Reason.MALFORMED_TOKEN),
        ("joined by a comma", lambda proof: [proof + b"," + proof], Reason.MALFORMED_TOKEN),
        ("joined by a comma and a space", lambda proof: [proof + b", " + proof], Reason.MALFORMED_TOKEN),
        ("a comma behind", lambda proof: [proof + b","], Reason.MALFORMED_BASE64),
        ("a space before", lambda proof: [b" " + proof], Reason.MALFORMED_BASE64),
        ("a scheme before", lambda proof: [b"DPoP " + proof], Reason.MALFORMED_BASE64),
        ("two segments", lambda proof: [proof.rpartition(b".")[0]], Reason.MALFORMED_TOKEN),
        ("four segments", lambda proof: [proof + b".x"], Reason.MALFORMED_TOKEN),
        ("padding", lambda proof: [proof + b"=="], Reason.MALFORMED_BASE64),
        ("JSON", lambda _: [b'{"protected":"","payload":"","signature":""}'], Reason.MALFORMED_TOKEN),
    ):
        yield asked(name, reason, _proofs(make))
        yield asked(f"{name}, at admission", reason, _proofs(make, admission=True))


def _proofs(make: Callable[[bytes], list[bytes]], *, admission: bool = False) -> Act:
    def act(party: Party) -> Outcome:
        if admission:
            return applying(party, make(prove(party, None)))
        ticket = party.ticket()
        return send(party, ticket, make(prove(party, ticket)))

    return act


def _two_good_ones(party: Party) -> Outcome:
    ticket = party.ticket()
    return send(party, ticket, [prove(party, ticket), prove(party, ticket)])


ATTACKS: Final = (
    full_guard,
    another_nonce,
    no_proof_by_its_header,
    private_key_in_a_proof,
    thumbprint_of_a_key,
    several_proofs,
)
