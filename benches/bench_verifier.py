"""Verification: the whole of V1 to V9 with status and policy, with and without the issuer half seen before.

Floor: two signatures, loading the holder's key, and the digests of the one disclosure and of the issuer's half. Each
iteration's credential, holder key and presentation are new to the process, except where the cache is what is measured.
Where the time goes is shown by stages, measured over the same presentations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import jiter

from citizenid import Format, Limits, LocalKey, StatusReference
from citizenid.gateway import Binding, SieveCache
from citizenid.policy import Facts, Verdict
from citizenid.verifier import (
    VerifiedCredential,
    VerifiedPresentation,
    open_presentation,
    verify,
    verify_credential,
    verify_presentation,
)

from ._floor import PRIMITIVES, decode, public_bytes
from ._measure import Plan, Samples, interleave
from ._report import Row, against_floor
from ._world import MODEL, PERSON, SHOWN, Bare, Presented, World

TARGET_WHOLE: Final = 1.45
TARGET_SEEN: Final = 1.5
_CREDENTIALS_SEEN: Final = 32
_SMALL, _LARGE = 400, 800  # disclosures; the default limit is 1,000
_FEW_DIGESTS, _MANY_DIGESTS = 800, 1_600
_ROOMY: Final = Limits(presentation_bytes=1_048_576)


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    world = World()
    yield against_floor(
        "verify",
        "verify 1 of 10 + KB, ES256, V1-V9, status, policy",
        whole(world, plan),
        floor_is="2 verifies, loading the holder key from x || y, SHA-256 of the disclosure and of the issuer half",
        target=TARGET_WHOLE,
    )
    yield against_floor(
        "verify-seen",
        "verify the same, issuer half seen before",
        seen(world, plan),
        floor_is="1 verify",
        target=TARGET_SEEN,
    )
    for algorithm in ("Ed25519", "ML-DSA-44"):
        yield against_floor(
            f"verify-{algorithm.lower()}",
            f"verify 1 of 10 + KB, {algorithm}, V1-V9, status, policy",
            whole(World(algorithm), plan),
            floor_is="2 verifies, loading the holder key, 2 digests",
        )
    yield from stages(world, plan)
    yield from scaling(plan)


def decide(world: World, presented: Presented, cache: SieveCache[bytes, Any] | None = None) -> Verdict:
    """Verify, and decide by the policy: the whole step."""
    verified = verify(
        presented.data,
        format=Format.SD_JWT_VC,
        anchors=world.anchors,
        challenge=presented.challenge,
        statuses=world.statuses,
        now=world.now,
        limits=world.limits,
        cache=cache,
    )
    assert isinstance(verified, VerifiedPresentation)
    return judge(world, verified)


def judge(world: World, verified: VerifiedPresentation) -> Verdict:
    """Ask the policy whether this presentation opens the model."""
    proven = verified.citizenship
    facts = Facts(proven.all_nationalities, frozenset(proven.citizenships), Binding.DPOP, 0)
    return world.policy.decide(MODEL, facts)


def whole(world: World, plan: Plan) -> Samples:
    """Measure V1 to V9 of presentations that nobody has seen."""
    load, check = PRIMITIVES[world.algorithm]
    issuer = load(public_bytes(world.key.public))
    sha256 = hashlib.sha256

    def floor(presented: Presented) -> None:
        bare = presented.bare
        check(issuer, bare.signature, bare.signed)
        check(load(bare.holder), bare.binding_signature, bare.bound)
        for disclosure in bare.disclosures:
            sha256(disclosure).digest()
        sha256(bare.issuer_half).digest()

    def prepare(count: int) -> list[Presented]:
        return [world.new_presentation() for _ in range(count)]

    runs: dict[str, Callable[[Presented], object]] = {"step": lambda each: decide(world, each), "floor": floor}
    return interleave(prepare, runs, plan, accept=_permitted)


def seen(world: World, plan: Plan) -> Samples:
    """Measure V1 to V9 when the cache holds the issuer half; challenge and key binding are new."""
    load, check = PRIMITIVES[world.algorithm]
    cache = SieveCache[bytes, Any](4_096)
    wallets = []
    for _ in range(_CREDENTIALS_SEEN):
        key = LocalKey.generate(world.algorithm)
        credential = world.receive(world.issue(world.attestation(key.public)))
        decide(world, world.present(credential, key), cache)
        wallets.append((credential, key, load(public_bytes(key.public))))

    def prepare(count: int) -> list[tuple[Presented, Any]]:
        chosen = (wallets[position % len(wallets)] for position in range(count))
        return [(world.present(credential, key), handle) for credential, key, handle in chosen]

    def floor(item: tuple[Presented, Any]) -> None:
        check(item[1], item[0].bare.binding_signature, item[0].bare.bound)

    runs: dict[str, Callable[[tuple[Presented, Any]], object]] = {
        "step": lambda item: decide(world, item[0], cache),
        "floor": floor,
    }
    samples = interleave(prepare, runs, plan, accept=_permitted)
    assert len(cache) == len(wallets), "something was not found in the cache"
    return samples


def _permitted(verdict: Verdict) -> bool:
    return verdict.reason is None


class _Staged(NamedTuple):
    """One presentation, ready for every stage by itself."""

    presented: Presented
    opened: Any
    credential: VerifiedCredential
    verified: VerifiedPresentation
    reference: StatusReference
    holder: Any
    texts: tuple[bytes, ...]
    cache: SieveCache[bytes, Any]


def stages(world: World, plan: Plan) -> Iterator[Row]:
    """Measure each stage that has a public name, and take apart the rest by subtraction."""
    load, check = PRIMITIVES[world.algorithm]
    issuer = load(public_bytes(world.key.public))

    def prepare(count: int) -> list[_Staged]:
        cache = SieveCache[bytes, Any](count)
        return [_stage(world, load, cache) for _ in range(count)]

    def v2_to_v6(each: _Staged, cache: SieveCache[bytes, Any] | None = None) -> object:
        return verify_credential(each.opened, anchors=world.anchors, now=world.now, cache=cache)

    def v7_to_v9(each: _Staged) -> object:
        return verify_presentation(
            each.credential, challenge=each.presented.challenge, statuses=world.statuses, now=world.now
        )

    def parse(each: _Staged) -> None:
        for text in each.texts:
            jiter.from_json(text, allow_inf_nan=False, cache_mode="none", catch_duplicate_keys=True)

    runs: dict[str, Callable[[_Staged], object]] = {
        "whole": lambda each: decide(world, each.presented),
        "V1": lambda each: open_presentation(each.presented.data, format=Format.SD_JWT_VC),
        "V2-V6": v2_to_v6,
        "V2-V6 cached": lambda each: v2_to_v6(each, each.cache),
        "V3": lambda each: check(issuer, each.presented.bare.signature, each.presented.bare.signed),
        "load": lambda each: load(each.presented.bare.holder),
        "V7-V9": v7_to_v9,
        "V8": lambda each: check(each.holder, each.presented.bare.binding_signature, each.presented.bare.bound),
        "V9": lambda each: world.statuses.check(each.reference, issuer=each.credential.anchor.issuer, now=world.now),
        "policy": lambda each: judge(world, each.verified),
        "JSON": parse,
    }
    samples = interleave(prepare, runs, plan, paced_by="whole")
    us = samples.us
    whole_us = us("whole")
    parts = {
        "V1 framing": (us("V1"), ""),
        "V2, V5, V6 and the cache key": (us("V2-V6 cached"), "verify_credential with the issuer half in its cache"),
        "V3 signature": (us("V3"), "the bare operation"),
        "V4 claims, disclosures, holder key": (
            us("V2-V6") - us("V2-V6 cached") - us("V3"),
            f"by subtraction; {us('load'):.1f} us of it load the key",
        ),
        "V7 key binding": (us("V7-V9") - us("V8") - us("V9"), "by subtraction"),
        "V8 signature": (us("V8"), "the bare operation, first use of a new key"),
        "V9 status": (us("V9"), ""),
        "policy": (us("policy"), ""),
        "all JSON parsing, in V1, V4 and V7": (us("JSON"), "counted above as well"),
    }
    for name, (value, note) in parts.items():
        share = f"{100 * value / whole_us:.0f} % of the whole"
        yield Row(
            name="stage-" + name.split()[0].rstrip(",").lower(),
            step="  of which " + name,
            value=value,
            unit="us",
            note="; ".join(filter(None, (share, note))),
        )


def _stage(world: World, load: Callable[[bytes], Any], cache: SieveCache[bytes, Any]) -> _Staged:
    key = LocalKey.generate(world.algorithm)
    reference = world.publisher.allocate()
    credential = world.receive(world.issue(world.attestation(key.public, status=reference)))
    presented = world.present(credential, key)
    (opened,) = open_presentation(presented.data, format=Format.SD_JWT_VC)
    verify_credential(opened, anchors=world.anchors, now=world.now, cache=cache)
    fresh = verify_credential(opened, anchors=world.anchors, now=world.now)
    warm = verify_credential(opened, anchors=world.anchors, now=world.now)
    verified = verify_presentation(warm, challenge=presented.challenge, statuses=world.statuses, now=world.now)
    assert isinstance(verified, VerifiedPresentation)
    return _Staged(
        presented, opened, fresh, verified, reference, load(presented.bare.holder), _json_texts(presented.bare), cache
    )


def _json_texts(bare: Bare) -> tuple[bytes, ...]:
    segments = [*bare.signed.split(b"."), *bare.disclosures, *bare.bound.split(b".")]
    return tuple(map(decode, segments))


def scaling(plan: Plan) -> Iterator[Row]:
    """Measure twice the disclosures, and twice the digests, against once."""
    world = World(limits=_ROOMY)
    texts = {f"claim_{number:04d}": "value" for number in range(_LARGE)}
    for name, small, large in (
        ("disclosures", _presented(world, texts, _SMALL), _presented(world, texts, _LARGE)),
        ("digests", _presented(world, PERSON, 1, _FEW_DIGESTS), _presented(world, PERSON, 1, _MANY_DIGESTS)),
    ):
        samples = _verify_both(world, small, large, plan)
        ratio = samples.ratio("twice", "once")
        counts = f"{_SMALL} and {_LARGE}" if name == "disclosures" else f"{_FEW_DIGESTS} and {_MANY_DIGESTS}"
        yield Row(
            name=f"scaling-{name}",
            step=f"verify, t(2n) / t(n) for {name}",
            value=ratio.median,
            unit="x",
            note=f"n and 2n are {counts}; linear work gives at most 2",
            details={"us": {key: list(us) for key, us in samples.runs.items()}},
        )


def _presented(world: World, claims: dict[str, str], shown: int, decoys: int = 0) -> list[Presented]:
    names = list(claims)[:shown]
    key = LocalKey.generate(world.algorithm)
    attestation = world.attestation(key.public, claims={name: claims[name] for name in names})
    disclosable = (SHOWN[0], *((name,) for name in names))
    credential = world.receive(world.issue(attestation, disclosable, decoys=decoys))
    return [world.present(credential, key, (SHOWN[0], *names)) for _ in range(4)]


def _verify_both(world: World, small: Sequence[Presented], large: Sequence[Presented], plan: Plan) -> Samples:
    def prepare(count: int) -> list[int]:
        return [position % len(small) for position in range(count)]

    runs: dict[str, Callable[[int], object]] = {
        "once": lambda position: decide(world, small[position]),
        "twice": lambda position: decide(world, large[position]),
    }
    return interleave(prepare, runs, plan, accept=_permitted)
