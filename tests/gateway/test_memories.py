"""What is remembered changes nothing but the time: everything that has a memory, beside the same without one.

Presentations and requests, good ones and mutated ones, come in any order to what has been in use all the while, and to
what was made for this one call. Both answer alike: with the same Reason, at the same step, at the same place. What is
remembered on purpose, that a proof was used and which lists were fetched, is given to both.

Spec: specs/verification.md (Caching); specs/invariants.md (I-6).
"""

from __future__ import annotations

import functools
import gc
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from citizenid import CitizenIDError, Country, Format, Limits, NeedStatusList, TrustAnchors
from citizenid.gateway import Allow, Binding, DailyTicketKeys, Deny, Gateway, MemoryReplayGuard, Request
from citizenid.gateway.cache import SieveCache
from citizenid.testing.mutations import mutations
from citizenid.testing.strategies.presentations import presentations
from citizenid.testing.strategies.requests import TicketHeld
from citizenid.testing.world import POLICY, STRICT_POLICY, anchors, policy

from .senders import Sender
from .world import DAY, OTHER_SECRET, SECRET, World

FORMATS: Final = tuple(Format)
TIMES: Final = (0, 0, 0, -100, -31, 10, 29, 31, 100, 40 * DAY)
BOUNDS: Final = (
    Limits(), Limits(), Limits(), Limits(disclosures=1), Limits(digests=1), Limits(depth=1), Limits(header_bytes=64),
    Limits(claim_name_chars=1), Limits(clock_skew_s=0), Limits(presentation_bytes=900),
    Limits(unreferenced_validity_s=10),
)  # fmt: skip
CACHES: Final = [SieveCache[bytes, Any](entries) for entries in (1, 3, 4_096)]  # for all examples: full, and in use
UNSHRUNK: Final = (Phase.reuse, Phase.generate)  # a smaller seed says no less, and looking for one takes minutes


def without_memos() -> None:
    """Empty what functions of the library remember."""
    for each in MEMOS:
        each.cache_clear()


MEMOS: Final = [
    each
    for each in gc.get_objects()
    if isinstance(each, functools._lru_cache_wrapper)
    and each.__module__.startswith("citizenid.")
    and not each.__module__.startswith("citizenid.testing")
]


def test_what_functions_remember_is_found_and_emptied() -> None:
    named = {f"{each.__module__}.{each.__name__}" for each in MEMOS}
    assert named >= {"citizenid._wire.jws._read_header", "citizenid._wire.cose._read_protected"}
    Sender(Binding.DPOP).ticket(World())
    assert any(each.cache_info().currsize for each in MEMOS)
    without_memos()
    assert not any(each.cache_info().currsize for each in MEMOS)


# --- verification ---


@functools.cache
def trusts(trusted: TrustAnchors) -> tuple[TrustAnchors, ...]:
    """Return these anchors, and others that are like them in all but one thing; each is the same at every call."""
    changes: tuple[dict[str, Any], ...] = (
        {"countries": frozenset({Country("US")})},
        {"countries": frozenset({Country("FR"), Country("DE")})},
        {"types": frozenset({"urn:another"})},
        {"issuer": "https://another.example", "status_issuer": "https://another.example"},
        {"not_after": 5},
    )
    others = tuple(TrustAnchors(replace(each, **change) for each in trusted) for change in changes)
    return (*[trusted] * 6, trusted.requiring_status(), *others)


def verdict(verify: Callable[[], Any]) -> tuple[object, ...]:
    try:
        result = verify()
    except CitizenIDError as error:
        return type(error), error.reason, error.step, error.where
    if type(result) is NeedStatusList:
        return result.reason, result.uri, result.certificate
    known = result.anchor.fingerprint, result.format, result.status, result.citizenship, result.not_after
    return (result.attestation, *known)


@settings(max_examples=30, phases=UNSHRUNK)
@given(st.sampled_from(FORMATS), st.integers(), st.data())
def test_a_verdict_is_the_same_whatever_was_verified_before(format: Format, seed: int, data: st.DataObject) -> None:
    chosen = random.Random(seed)
    shown = [data.draw(presentations(format, algorithms=["ES256"])) for _ in range(2)]
    hostile = [(each, data.draw(mutations(each)).data) for each in shown for _ in range(3)]
    tried = [(each, each.data) for each in shown] * 3 + hostile
    for _ in range(12):
        presented, sent = chosen.choice(tried)
        trusted = chosen.choice(trusts(presented.anchors))
        changes = {"limits": chosen.choice(BOUNDS), "now": presented.now + chosen.choice(TIMES)}
        verify = functools.partial(presented.verify, sent, **changes)
        warm = [verdict(functools.partial(verify, anchors=trusted, cache=cache)) for cache in CACHES]
        without_memos()
        cold = verdict(functools.partial(verify, anchors=TrustAnchors(trusted)))
        assert warm == [cold] * len(CACHES)


# --- a gateway ---

POLICIES: Final = tuple(map(policy, (POLICY, STRICT_POLICY, POLICY.replace('"US"', '"DE"'))))
RESOURCES: Final = ("us-nationals", "us-citizens", "us/x", "europe", "fresh", "weak", "open", "nowhere")
TRUSTED: Final[tuple[dict[str, Any], ...]] = (
    {}, {}, {"countries": [Country("US")]}, {"countries": [Country("DE")]}, {"name": "another"},
)  # fmt: skip
CLIENTS: Final = (
    Sender(Binding.DPOP, "a"), Sender(Binding.DPOP, "b"), Sender(Binding.HTTP_SIGNATURE, "a"),
    Sender(Binding.HTTP_SIGNATURE, "b"), Sender(Binding.MTLS, "a"),
)  # fmt: skip


class Equal(bytes):
    """Bytes that are equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = bytes.__hash__


class Another(bytes):
    """Bytes of a class of their own."""


KINDS: Final[tuple[Callable[[bytes], Any], ...]] = (
    Another, Equal, bytearray, memoryview, lambda value: value.decode("latin-1"), lambda value: [value],
)  # fmt: skip


def confused(request: Request, chosen: random.Random) -> Request:
    """Return a request of which one value has another type and says the same."""
    headers = list(request.headers)
    place = chosen.randrange(len(headers))
    name, value = headers[place]
    kind = chosen.choice(KINDS)
    headers[place] = (kind(name), value) if chosen.random() < 0.3 else (name, kind(value))
    return request._replace(headers=headers)


def said(gateway: Gateway, requests: tuple[Request, ...], resource: str) -> list[tuple[object, ...]]:
    """Send requests, and return what the gateway makes of each."""
    answers = []
    for request in requests:
        result: Any = gateway.authorize(request, resource=resource)
        if type(result) is Allow:
            answers.append((Allow, *result))
        else:
            answers.append((type(result), result.reason, *(result[1:3] if type(result) is Deny else ())))
    return answers


def sendings(held: list[TicketHeld], data: st.DataObject, chosen: random.Random) -> Iterator[tuple[Request, ...]]:
    for each in held:
        yield (each.request(),)
        yield (each.request(),) * 2
        yield (confused(each.request(), chosen),)
        yield (chosen.choice(held).sender.request(each.world, each.text),)
        sent = data.draw(mutations(each)).data
        if not sent.nonces:
            yield sent.requests


def anew(world: World, **state: Any) -> Gateway:
    """Make a gateway that has just begun, and knows of its clocks what the one of the world knows."""
    gateway = world.another_gateway(replay=MemoryReplayGuard(monotonic=world.monotonic), cache=None, **state)
    gateway._parts.clock.proofs_from = world.gateway._parts.clock.proofs_from
    return gateway


@settings(max_examples=8, phases=UNSHRUNK)
@given(st.sampled_from([[SECRET], [SECRET, OTHER_SECRET], DailyTicketKeys([SECRET])]), st.integers(), st.data())
def test_a_gateway_answers_as_one_that_has_just_begun(secrets: Any, seed: int, data: st.DataObject) -> None:
    chosen = random.Random(seed)
    world = World(formats=FORMATS, ticket_keys=[SECRET])
    held = []
    for number, client in enumerate(CLIENTS):
        nationalities = chosen.choice([("US",), ("DE", "US"), ("FR",)])
        wallet = world.wallet(f"wallet {number}", nationalities, format=chosen.choice(FORMATS))
        held.append(TicketHeld(client.ticket(world, wallet), client, world))
    state: dict[str, Any] = {"anchors": anchors(formats=FORMATS), "policy": POLICIES[0], "ticket_keys": [SECRET]}
    for _ in range(3):
        sent = list(sendings(held, data, chosen))
        chosen.shuffle(sent)
        for requests in sent:
            resource = chosen.choice(RESOURCES)
            warm = said(world.gateway, requests, resource)
            without_memos()
            assert warm == said(anew(world, **state), requests, resource)
        world.wait(chosen.choice([0, 1, 61, 600, 3_500]))
        trusted = anchors(**{"formats": FORMATS, **chosen.choice(TRUSTED)})
        state = {
            "anchors": trusted,
            "policy": chosen.choice(POLICIES),
            "ticket_keys": chosen.choice([[SECRET], secrets]),
        }
        world.gateway.reload(**state)
