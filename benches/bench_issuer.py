"""Issuing. Floor: one signature, ten salts drawn at once, ten digests of disclosures as long as the real ones."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from citizenid import Attestation, LocalKey, PublicKey, StatusReference

from ._floor import p256_private, sign_p256
from ._measure import Plan, interleave
from ._report import Row, against_floor
from ._world import DISCLOSABLE, World

TARGET: Final = 2.0
_SALT_BYTES: Final = 16
_FLOOR_IS: Final = f"1 sign, {len(DISCLOSABLE)} salts in one draw, {len(DISCLOSABLE)} SHA-256"


class _Wanted(NamedTuple):
    holder: PublicKey
    reference: StatusReference
    attestation: Attestation
    signed: bytes
    disclosures: tuple[bytes, ...]


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    world = World()
    private = p256_private(world.key)
    sha256, urandom = hashlib.sha256, os.urandom

    def prepare(count: int) -> list[_Wanted]:
        return [_wanted(world) for _ in range(count)]

    def floor(each: _Wanted) -> None:
        block = urandom(_SALT_BYTES * len(DISCLOSABLE))
        for start, disclosure in zip(range(0, len(block), _SALT_BYTES), each.disclosures, strict=True):
            block[start : start + _SALT_BYTES]
            sha256(disclosure).digest()
        sign_p256(private, each.signed)

    runs: dict[str, Callable[[_Wanted], object]] = {
        "step": lambda each: world.issue(each.attestation),
        "floor": floor,
        "with attestation": lambda each: world.issue(world.attestation(each.holder, status=each.reference)),
    }
    samples = interleave(prepare, runs, plan, accept=lambda data: data.count(b"~") == len(DISCLOSABLE) + 1)
    yield against_floor("issue", "issue 10 disclosable claims, ES256", samples, floor_is=_FLOOR_IS, target=TARGET)
    yield Row(
        name="issue-attestation",
        step="issue, prepare_attestation included",
        value=samples.us("with attestation"),
        unit="us",
        floor=samples.us("floor"),
        floor_is=_FLOOR_IS,
        ratio=samples.ratio("with attestation"),
    )


def _wanted(world: World) -> _Wanted:
    holder = LocalKey.generate(world.algorithm).public
    reference = world.publisher.allocate()
    attestation = world.attestation(holder, status=reference)
    issuer_jwt, *disclosures, _ = world.issue(attestation).split(b"~")
    return _Wanted(holder, reference, attestation, issuer_jwt.rpartition(b".")[0], tuple(disclosures))
