"""Presenting. Floor: one signature and the digest of what is presented; credential and key are new each time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from citizenid import Challenge, LocalKey
from citizenid.holder import Credential, dpop_proof

from ._floor import p256_private, sign_p256
from ._measure import Plan, interleave
from ._report import Row, against_floor
from ._world import AUDIENCE, SHOWN, Bare, World

TARGET: Final = 2.0


class _Wallet(NamedTuple):
    credential: Credential
    key: LocalKey
    challenge: Challenge
    private: EllipticCurvePrivateKey
    bare: Bare
    proof: bytes


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    world = World()
    url = AUDIENCE + "/v1/chat/completions"
    ticket = "A" * 234
    sha256 = hashlib.sha256

    def prove(key: LocalKey) -> str:
        return dpop_proof(key, method="POST", url=url, ticket=ticket, now=world.now)

    def prepare(count: int) -> list[_Wallet]:
        made = []
        for _ in range(count):
            key = LocalKey.generate(world.algorithm)
            credential = world.receive(world.issue(world.attestation(key.public)))
            bare = world.present(credential, key).bare
            signed = prove(key).encode("ascii").rpartition(b".")[0]
            made.append(_Wallet(credential, key, world.challenge(), p256_private(key), bare, signed))
        return made

    def present(each: _Wallet) -> bytes:
        return each.credential.present(SHOWN, challenge=each.challenge, key=each.key, peer=AUDIENCE, now=world.now)

    def floor(each: _Wallet) -> None:
        sha256(each.bare.issuer_half).digest()
        sign_p256(each.private, each.bare.bound)

    def proof_floor(each: _Wallet) -> None:
        sha256(each.proof).digest()
        sign_p256(each.private, each.proof)

    presenting: dict[str, Callable[[_Wallet], object]] = {"step": present, "floor": floor}
    yield against_floor(
        "present",
        "present 1 of 10 + KB, ES256",
        interleave(prepare, presenting, plan, accept=lambda data: data.count(b"~") == len(SHOWN) + 1),
        floor_is="1 sign, SHA-256 of the issuer half",
        target=TARGET,
    )
    proving: dict[str, Callable[[_Wallet], object]] = {"step": lambda each: prove(each.key), "floor": proof_floor}
    yield against_floor(
        "dpop-proof",
        "dpop_proof, ES256",
        interleave(prepare, proving, plan, accept=lambda proof: proof.count(".") == 2),
        floor_is="1 sign, 1 SHA-256",
    )
