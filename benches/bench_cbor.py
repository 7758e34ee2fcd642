"""The CBOR formats: verifying a DeviceResponse and an SD-KBT, issuing an mdoc, and how the work grows with elements.

Floor of a verification: the signatures, loading the holder's key, and the digests of what is disclosed. Cold is with a
certificate path that nobody has followed yet: one signature more. Each iteration's credential, holder key and
presentation are new to the process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from citizenid import Attestation, Format, Limits, LocalKey, TrustAnchors
from citizenid.gateway import Binding
from citizenid.policy import Facts, Verdict
from citizenid.verifier import VerifiedPresentation, verify

from ._cbor_world import DOC_TYPE, PHOTO_ID, CborWorld, Presented
from ._floor import PRIMITIVES, p256_private, public_bytes, sign_p256
from ._measure import Plan, Samples, interleave
from ._report import Kind, Row, against_floor
from ._world import MODEL, PERSON

TARGET_CACHED: Final = 1.5
TARGET_COLD: Final = 1.8
TARGET_ISSUE: Final = 2.5
TARGET_SD_CWT: Final = 1.4
TARGET_GROWTH: Final = 2.2
COUNTS: Final = (10, 31, 62, 125, 250, 500)  # n, and 2n up to 1,000
_RANDOM_BYTES: Final = 32
_ROOMY: Final = Limits(presentation_bytes=1_048_576)
# Ten elements: eight of the person, and what our own namespace says of one citizen's country.
TEN: Final = ((DOC_TYPE, "citizen_of_us"), (DOC_TYPE, "national_of_us"), *((PHOTO_ID, name) for name in PERSON))


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    world = CborWorld(Format.MDOC)
    yield against_floor(
        "mdoc-verify",
        "verify a DeviceResponse of 10 elements, ES256, V1-V9, status, policy",
        whole(world, plan, TEN),
        floor_is="2 verifies, loading the device key from x || y, SHA-256 of 10 items",
        target=TARGET_CACHED,
        note="the document signer's path was followed before",
    )
    yield against_floor(
        "mdoc-verify-cold",
        "verify the same with a document signer that is new",
        whole(world, plan, TEN, cold=True),
        floor_is="3 verifies, loading the device key, SHA-256 of 10 items",
        target=TARGET_COLD,
    )
    yield against_floor(
        "mdoc-verify-one",
        "verify a DeviceResponse of 1 element",
        whole(world, plan, TEN[:1]),
        floor_is="2 verifies, loading the device key, SHA-256 of 1 item",
    )
    yield issuing(world, plan)
    yield against_floor(
        "sd-cwt-verify",
        "verify an SD-KBT with 1 of 10, ES256, V1-V9, status, policy",
        whole(CborWorld(Format.SD_CWT), plan, (("citizenships", 0),)),
        floor_is="2 verifies, loading the holder key from x || y, SHA-256 of the disclosure",
        target=TARGET_SD_CWT,
    )
    yield from growth(plan)


def decide(world: CborWorld, presented: Presented, anchors: TrustAnchors) -> Verdict:
    """Verify, and decide by the policy: the whole step."""
    verified = verify(
        presented.data,
        format=world.format,
        anchors=anchors,
        challenge=presented.challenge,
        statuses=world.statuses,
        now=world.now,
        limits=world.limits,
    )
    assert isinstance(verified, VerifiedPresentation)
    proven = verified.citizenship
    return world.policy.decide(MODEL, Facts(proven.all_nationalities, frozenset(proven.citizenships), Binding.DPOP, 0))


def whole(world: CborWorld, plan: Plan, shown: Sequence[Any], *, cold: bool = False) -> Samples:
    """Measure V1 to V9 of presentations that nobody has seen."""
    load, check = PRIMITIVES["ES256"]
    issuer = load(public_bytes(world.key.public))
    sha256 = hashlib.sha256

    def floor(presented: Presented) -> None:
        bare = presented.bare
        check(issuer, bare.signature, bare.signed)
        if cold:  # the document signer's certificate: another signature of P-256 over some five hundred bytes
            check(issuer, bare.signature, bare.signed)
        check(load(bare.holder), bare.binding_signature, bare.bound)
        for item in bare.digested:
            sha256(item).digest()

    def prepare(count: int) -> list[Presented]:
        return [world.new_presentation(shown) for _ in range(count)]

    runs: dict[str, Callable[[Presented], object]] = {
        "step": lambda each: decide(world, each, each.fresh_anchors if cold else world.anchors),
        "floor": floor,
    }
    return interleave(prepare, runs, plan, accept=lambda verdict: verdict.reason is None)


class _Wanted(NamedTuple):
    attestation: Attestation
    signed: bytes
    items: tuple[bytes, ...]


def issuing(world: CborWorld, plan: Plan) -> Row:
    """Measure the issuing of an mdoc with ten elements."""
    private = p256_private(world.key)
    sha256, urandom = hashlib.sha256, os.urandom

    def prepare(count: int) -> list[_Wanted]:
        wanted = []
        for _ in range(count):
            key = LocalKey.generate("ES256")
            attestation = world.attestation(key.public, _SEVEN)
            bare = world.present(world.receive(world.issue(attestation)), key, _ALL).bare
            wanted.append(_Wanted(attestation, bare.signed, bare.digested))
        return wanted

    def floor(each: _Wanted) -> None:
        block = urandom(_RANDOM_BYTES * len(each.items))
        for start, item in zip(range(0, len(block), _RANDOM_BYTES), each.items, strict=True):
            block[start : start + _RANDOM_BYTES]
            sha256(item).digest()
        sign_p256(private, each.signed)

    runs: dict[str, Callable[[_Wanted], object]] = {
        "step": lambda each: world.issue(each.attestation),
        "floor": floor,
    }
    samples = interleave(prepare, runs, plan, accept=lambda data: data.count(b"elementIdentifier") == 10)
    return against_floor(
        "mdoc-issue",
        "issue an mdoc of 10 elements, ES256",
        samples,
        floor_is="1 sign, 10 randoms of 32 bytes in one draw, 10 SHA-256",
        target=TARGET_ISSUE,
    )


# What our own namespace says of a citizen of one country are three elements: the list and a boolean for each claim.
_SEVEN: Final = {name: PERSON[name] for name in list(PERSON)[:7]}
_ALL: Final = ((DOC_TYPE,), (PHOTO_ID,))


def growth(plan: Plan) -> Iterator[Row]:
    """Measure twice the elements against once, from ten to a thousand."""
    world = CborWorld(Format.MDOC, limits=_ROOMY)
    curve = {}
    for count in COUNTS:
        small, large = _presented(world, count), _presented(world, 2 * count)
        runs: dict[str, Callable[[int], object]] = {
            "once": lambda position, pool=small: decide(world, pool[position], world.anchors),  # type: ignore[misc]  # a default binds the pool of this round
            "twice": lambda position, pool=large: decide(world, pool[position], world.anchors),  # type: ignore[misc]
        }
        samples = interleave(
            lambda size: [position % len(_POOL) for position in range(size)],
            runs,
            plan,
            accept=lambda verdict: verdict.reason is None,
        )
        curve[count] = samples.us("once")
        ratio = samples.ratio("twice", "once")
        yield Row(
            name=f"mdoc-growth-{count}",
            step=f"verify a DeviceResponse, t(2n) / t(n), n = {count}",
            value=ratio.median,
            unit="x",
            target=TARGET_GROWTH,
            reached=ratio.median <= TARGET_GROWTH,
            kind=Kind.FIGURE,
            note=f"{samples.us('once'):.0f} us and {samples.us('twice'):.0f} us; linear work gives at most 2",
            details={"us": {key: list(us) for key, us in samples.runs.items()}},
        )


_POOL: Final = range(4)


def _presented(world: CborWorld, count: int) -> list[Presented]:
    further = {f"element_{number:04d}": "value" for number in range(count - 3)}  # and three of our own namespace
    key = LocalKey.generate("ES256")
    credential = world.receive(world.issue(world.attestation(key.public, further)))
    return [world.present(credential, key, _ALL) for _ in _POOL]
