"""The cases of the group `times` about the clock itself: how much of it is excused, whose it is, and what if it fails.

Spec: DESIGN laws 3 and 13; specs/verification.md (arguments of `verify`).
"""

from __future__ import annotations

import datetime
import inspect
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any, Final

from ... import Citizenship, Country, Format, Limits, Reason, StatusReference, holder, issuer, status, verifier
from ...gateway import Admitted, Allow
from ...gateway.cache import SieveCache
from ...holder import Credential, dpop_proof, http_signature
from ...issuer import prepare_attestation
from ...status import StatusPublisher, StatusStore
from ..attacks import attack
from ..forge import mdoc as _mdoc
from ..forge import sd_cwt as _sd_cwt
from ..forge import sd_jwt as _sd_jwt
from ..forge.parts import ISSUER, NOW, STATUS_MEDIA_TYPE, STATUS_URI, VALID_INDEX, key
from ..forge.status_lists import status_anchors, status_token, statuses
from ..forgery import Outcome, called
from ..targets import RESOURCES, Party, outcome_of
from ..trials import Trial, accepted, asked, expect, holds, of_type, raises
from ..trials import sd_jwt as jwt
from ..world import ENDPOINT, ORIGIN, SimulatedWorld, request

_CONFIGURATION: Final = Reason.CONFIGURATION_INVALID
_UNUSABLE: Final = Reason.CLOCK_UNUSABLE


_Later: Final[Any] = type("Later", (int,), {})
"""An integer that could compare as it likes."""


@attack("TIM-016", "CONFIG_INVALID")
def skew_without_end() -> Iterator[Trial]:
    """So much of a clock is excused that no time counts, or an amount that is none."""
    yield accepted("the largest skew", jwt(), limits=Limits(clock_skew_s=300))
    yield accepted("no skew", jwt(), limits=Limits(clock_skew_s=0))
    amounts: dict[str, Any] = {
        "-1": -1, "NaN": math.nan, "infinity": math.inf, "true": True, "10^9": 10**9, "a float": 30.0, "a text": "30",
        "a timedelta": datetime.timedelta(seconds=30), "the largest timedelta": datetime.timedelta.max, "None": None,
        "a subclass": _Later(30), "2^63": 2**63,
    }  # fmt: skip
    yield raises("skew, 301", _CONFIGURATION, partial(Limits, clock_skew_s=301))
    for name, amount in amounts.items():
        yield raises(f"skew, {name}", _CONFIGURATION, partial(Limits, clock_skew_s=amount))
        for option in ("ticket_lifetime_s", "session_lifetime_s", "challenge_lifetime_s", "proof_max_age_s"):
            yield raises(f"{option}, {name}", _CONFIGURATION, partial(SimulatedWorld, **{option: amount}))
        if name not in ("10^9", "2^63"):  # these two are bounds that an operator may choose, as large as they are
            for option in ("status_age_s", "unreferenced_validity_s"):
                yield raises(f"{option}, {name}", _CONFIGURATION, partial(Limits, **{option: amount}))


@attack("TIM-018")
def no_clock() -> Iterator[Trial]:
    """Nobody says what time it is, or says it in a way that leaves it open."""
    yield holds("every function that needs the time asks for it", _now_is_never_defaulted)
    yield holds("the argument alone is the time", _the_argument_is_the_time)
    naive = datetime.datetime(2027, 1, 15, 8, 0, 0)  # noqa: DTZ001  # the fault: it says no time zone
    times: dict[str, Any] = {
        "a naive datetime": naive, "an aware datetime": naive.replace(tzinfo=datetime.UTC), "a float": float(NOW),
        "NaN": math.nan, "a text": str(NOW), "true": True, "None": None, "-1": -1, "a subclass": _Later(NOW),
    }  # fmt: skip
    for name, now in times.items():
        for format, verify, make in (
            (Format.SD_JWT_VC, _sd_jwt.verify, _sd_jwt.make),
            (Format.MDOC, _mdoc.verify, _mdoc.make),
            (Format.SD_CWT, _sd_cwt.verify, _sd_cwt.make),
        ):
            yield raises(f"{format}, {name}", _UNUSABLE, partial(_verified, verify, make, now))
        yield raises(f"a status list, {name}", _UNUSABLE, partial(_ingest, now))
        yield raises(f"a status, {name}", _UNUSABLE, partial(_checked, now))
        yield raises(f"a credential that is received, {name}", _UNUSABLE, partial(_received, now))
        shown = {"method": "POST", "url": ORIGIN + ENDPOINT, "ticket": None, "now": now}
        yield raises(f"a DPoP proof, {name}", _UNUSABLE, partial(dpop_proof, key("sender"), **shown))
        yield raises(f"an HTTP signature, {name}", _UNUSABLE, partial(http_signature, key("sender"), **shown))
        yield raises(f"an attestation, {name}", Reason.CLAIM_INVALID, partial(_attested, now))
        yield raises(f"a status list that is published, {name}", _CONFIGURATION, partial(_published, now))


def _now_is_never_defaulted() -> None:
    counted = 0
    for module in (verifier, holder, issuer, status):
        for call in _calls(module):
            parameter = inspect.signature(call).parameters.get("now")
            if parameter is not None:
                counted += 1
                named = parameter.kind is parameter.KEYWORD_ONLY or parameter.name == "now"
                expect(parameter.default is parameter.empty and named, f"{call.__qualname__} takes a time of its own")
    expect(counted >= 12, "nothing was looked at")


def _calls(module: ModuleType) -> Iterator[Callable[..., Any]]:
    for name in module.__all__:
        value = getattr(module, name)
        members = list(vars(value).values()) if inspect.isclass(value) else [value]
        for member in members:
            bare = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if inspect.isfunction(bare) and (not bare.__name__.startswith("_") or bare.__name__ == "__init__"):
                yield bare


def _the_argument_is_the_time() -> None:
    data, last = _sd_jwt.make(payload={"exp": 1_000, "iat": 900}), 999
    store = StatusStore(anchors=status_anchors())
    token = status_token(payload={"iat": 900, "exp": 2_000, "ttl": 2_000})
    store.ingest(STATUS_URI, token, media_type=STATUS_MEDIA_TYPE, now=last)
    data = _sd_jwt.make(payload={"exp": 1_000, "iat": 900}, kb={"iat": last})
    expect(called(lambda: _sd_jwt.verify(data, statuses=store, now=last)).allowed, "refused in its last second")
    over = called(lambda: _sd_jwt.verify(data, statuses=store, now=last + 1))
    expect(over.reason is Reason.EXPIRED, "another clock was asked")


def _verified(verify: Callable[..., object], make: Callable[[], bytes], now: Any) -> object:
    return verify(make(), now=now)


def _ingest(now: Any) -> None:
    store = StatusStore(anchors=status_anchors())
    store.ingest(STATUS_URI, status_token(), media_type=STATUS_MEDIA_TYPE, now=now)


def _checked(now: Any) -> object:
    return statuses().check(StatusReference(STATUS_URI, VALID_INDEX), issuer=ISSUER, now=now)


def _received(now: Any) -> Credential:
    anchors = _sd_jwt.anchors()
    return Credential.receive(_sd_jwt.issuer_half(), format=Format.SD_JWT_VC, anchors=anchors, now=now)


def _attested(now: Any) -> object:
    return prepare_attestation(
        Citizenship([Country("US")]), issuer=ISSUER, holder_key=key("holder").public, now=now, lifetime_s=60,
        status=None, format=Format.SD_JWT_VC,
    )  # fmt: skip


def _published(now: Any) -> bytes:
    return StatusPublisher(uri=STATUS_URI, size=8).publish(key("status"), now=now, ttl_s=60, expires_s=60)


@attack("TIM-019", "CLOCK_UNUSABLE")
def broken_clock() -> Iterator[Trial]:
    """The clock of a gateway fails, says what is no time, or steps back in the middle."""

    def fails() -> float:
        raise OSError

    readings: dict[str, Any] = {
        "NaN": math.nan, "infinity": math.inf, "negative": -1, "before 1970": -0.5 - 1, "a text": str(NOW),
        "None": None, "true": True, "beyond the end of time": 2**32, "it raises": fails,
    }  # fmt: skip
    yield asked("a clock that works", None, partial(_used_while, lambda: float(NOW)))
    for name, reading in readings.items():
        broken = reading if callable(reading) else partial(_says, reading)
        yield asked(f"a request, {name}", _UNUSABLE, partial(_used_while, broken))
        yield asked(f"an admission, {name}", _UNUSABLE, partial(_applied_while, broken))
        yield raises(f"a new gateway, {name}", _UNUSABLE, partial(_new_gateway, broken))
    yield asked("a ticket that has ended, and a step back", Reason.TICKET_EXPIRED, _step_back_after_the_end)
    yield asked("a proof that was used, and a step back", Reason.REPLAYED, _step_back_after_use)
    yield holds("one reading for each decision", _read_once)
    yield holds("a jump between what is cached and what is found", _cached_without_time)


def _says(reading: Any) -> Any:
    return reading


def _used_while(clock: Callable[[], Any], party: Party) -> Outcome:
    asking = party.client.request(party.world, party.ticket(), path=RESOURCES + "us-nationals")
    party.world.clock.now = clock
    return party.send(asking)


def _applied_while(clock: Callable[[], Any], party: Party) -> Outcome:
    asked_for = party.challenge()
    shown = jwt().made(asked_for["nonce"], asked_for["audience"], party.world.now)
    asking = party.client.request(party.world, path=ENDPOINT)
    text = shown if isinstance(shown, str) else shown.decode()
    document = {"format": "dc+sd-jwt", "challenge": asked_for["challenge"], "presentation": text}
    party.world.clock.now = clock
    return outcome_of(party.handler(asking, json.dumps(document).encode()))


def _new_gateway(clock: Callable[[], Any]) -> object:
    return SimulatedWorld().another_gateway(clock=clock)


def _step_back_after_the_end(party: Party) -> Outcome:
    answer = party.apply(jwt(payload={"exp": NOW + 100}))
    ticket = str(json.loads(answer.body)["ticket"])
    party.world.wait(100)
    expect(not party.use(ticket).allowed, "a ticket that has ended was accepted")
    party.world.step_wall_clock(-50)
    return party.use(ticket)


def _step_back_after_use(party: Party) -> Outcome:
    asking = party.client.request(party.world, party.ticket(), path=RESOURCES + "us-nationals")
    expect(party.send(asking).allowed, "a good request was refused")
    party.world.step_wall_clock(-1)
    return party.send(asking)


def _read_once() -> None:
    world, readings = SimulatedWorld(), []

    def counted() -> float:
        readings.append(world.clock.now)
        return float(world.clock.now)

    gateway = world.another_gateway(clock=counted)
    world.wait(60)
    wallet = world.anybody()
    asked_for = gateway.challenge(sender=wallet.sender.public.thumbprint)
    shown, proof = world.present(wallet, asked_for), world.proof(wallet.sender, url=ORIGIN + ENDPOINT)
    readings.clear()
    admitted = gateway.admit(
        shown, format=wallet.format, challenge=asked_for.to_text(), request=request(path=ENDPOINT, proof=proof)
    )
    ticket = of_type(admitted, Admitted).ticket
    expect(len(readings) == 1, "an admission has more than one time")
    readings.clear()
    decided = world.ask(wallet, ticket, gateway=gateway)
    expect(type(decided) is Allow and len(readings) == 1, "a decision has more than one time")


def _cached_without_time() -> None:
    # The clock jumps between two verifications of which the second finds the issuer's half in the cache.
    cache, data = SieveCache[bytes, Any](8), _sd_jwt.make(kb={"iat": NOW - 60})
    times = {NOW: None, NOW - 3_600: Reason.ISSUED_IN_FUTURE, NOW + 31 * 86_400: Reason.EXPIRED}
    for _ in range(2):
        for now, reason in times.items():
            found = called(partial(_sd_jwt.verify, data, now=now, cache=cache))
            expect(found.reason is reason and found.allowed is (reason is None), "a verdict was kept")
    expect(len(cache) == 1, "the cache was not used")
