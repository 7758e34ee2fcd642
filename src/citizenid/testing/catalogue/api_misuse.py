"""Attacks by mistake: a caller who leaves something out, reads too early, forges a result, or takes it for a boolean.

Spec: DESIGN section 2, laws 1, 4, 6, 7, 9; specs/invariants.md I-18, I-20, I-21, I-25.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import cbor2

from ... import (
    ANY,
    Challenge,
    CitizenIDError,
    Country,
    Format,
    KeyPurpose,
    Limits,
    NeedStatusList,
    Reason,
    Status,
    StatusReference,
    TrustAnchors,
    Validity,
)
from ...gateway import (
    AdmissionPolicy,
    Admitted,
    Allow,
    Binding,
    Consumption,
    Deny,
    Gateway,
    MemoryReplayGuard,
    NeedPresentation,
)
from ...holder import Credential
from ...issuer import Issuer
from ...policy import Verdict
from ...status import StatusPublisher, StatusStore
from ...verifier import open_presentation, verify_credential, verify_each, verify_presentation, verify_status_list
from ..attacks import Group, attack
from ..forge import mdoc as _mdoc
from ..forge import sd_cwt as _sd_cwt
from ..forge import sd_jwt as _sd_jwt
from ..forge.parts import AUDIENCE, ISSUER, NONCE, NOW, STATUS_MEDIA_TYPE, STATUS_URI, VALID_INDEX, VCT, key
from ..forge.status_lists import shared_statuses, status_anchors, status_token
from ..forgery import MAKE, called
from ..targets import VERIFY
from ..trials import Trial, expect, fails, holds, raises
from ..world import ORIGIN, PATH, POLICY, SECRET, SimulatedWorld, request
from ._issuing import allocated_at_random, refused_at_issuing, what_is_issued_is_verified

_CONFIGURATION: Final = Reason.CONFIGURATION_INVALID
_ANCHORS: Final = {Format.SD_JWT_VC: _sd_jwt.anchors, Format.MDOC: _mdoc.anchors, Format.SD_CWT: _sd_cwt.anchors}


_OF_ITS_OWN: Final = frozenset({"clock", "monotonic", "sign_outs"})
"""Of these a gateway that is given none has one: the system's clocks, and a memory of this process."""
_WRONG: Final = (CitizenIDError, TypeError, ValueError, AttributeError)
"""What may say that something is used wrongly."""


def _good(format: Format) -> dict[str, Any]:
    challenge = _mdoc.challenge() if format is Format.MDOC else Challenge(AUDIENCE, NONCE)
    trusted = _ANCHORS[format]()
    return {"format": format, "anchors": trusted, "challenge": challenge, "statuses": shared_statuses(), "now": NOW}


@attack("API-001", "CONFIG_INVALID")
def something_is_left_out() -> Iterator[Trial]:
    """A call leaves out whom to trust, for whom the proof is, what time it is, or where the status stands."""
    yield holds("verification", _nothing_is_left_out_of_verification)
    yield holds("what else decides", _nothing_is_left_out_elsewhere)
    yield holds("nothing decides by its position", _named_alone)
    wrong: tuple[Any, ...] = (None, True, "", {})
    for name in SimulatedWorld().arguments():
        for value in wrong[1:] if name == "sign_outs" else wrong:  # None is a memory of this process
            world_of = partial(SimulatedWorld, **{name: value})
            yield raises(f"a gateway, {name} {value!r}", _CONFIGURATION, world_of)
    issuer = partial(TrustAnchors.from_keys, ISSUER, [key("issuer").public])
    whole: dict[str, Any] = {
        "purpose": KeyPurpose.CREDENTIAL, "formats": [Format.SD_JWT_VC], "types": [VCT], "countries": ANY
    }  # fmt: skip
    yield holds("an anchor with all of it", partial(issuer, **whole))
    for name in ("formats", "types", "countries"):
        less = {each: value for each, value in whole.items() if each != name}
        yield raises(f"an anchor without {name}", Reason.ANCHOR_INVALID, partial(issuer, **less))
        yield raises(f"an anchor, {name} is empty", Reason.ANCHOR_INVALID, partial(issuer, **{**whole, name: ()}))
    for purpose in (None, "credential", True):
        made = partial(issuer, **{**whole, "purpose": purpose})
        yield raises(f"an anchor for {purpose!r}", Reason.ANCHOR_INVALID, made)


def _nothing_is_left_out_of_verification() -> None:
    for format in Format:
        data, good = MAKE[format](), _good(format)
        _verify = partial(verify_each, data)
        expect(len(_verify(**good)) == 1, "the good call is none")
        for name in good:
            less = {each: value for each, value in good.items() if each != name}
            fails(partial(_verify, **less), f"{name} may be left out", TypeError)
            if format is Format.MDOC and name == "statuses":
                continue  # the one of `forge` is good for a day and has no status that somebody could be asked for
            nothing: tuple[Any, ...] = (None, True, "", (), {})
            for value in nothing:
                # What is no anchors, challenge or store has nothing to answer with, and nothing is decided.
                fails(partial(_verify, **{**good, name: value}), f"{name} may be {value!r}", *_WRONG)


def _nothing_is_left_out_elsewhere() -> None:
    required = SimulatedWorld().arguments().keys() - _OF_ITS_OWN
    signature = inspect.signature(Gateway.__init__).parameters
    expect({name for name in required if signature[name].default is not inspect.Parameter.empty} == set(), "a default")
    for name in required:
        less = {each: value for each, value in SimulatedWorld().arguments().items() if each != name}
        fails(partial(Gateway, **less), f"a gateway needs no {name}", TypeError)
    calls: tuple[Any, ...] = (
        TrustAnchors.from_keys, Credential.receive, StatusStore, StatusPublisher, verify_status_list, Issuer
    )  # fmt: skip
    for call in calls:
        fails(call, "a call without any argument is one", TypeError)


def _named_alone() -> None:
    good = _good(Format.SD_JWT_VC)
    data, values = _sd_jwt.make(), list(good.values())
    (framed,) = open_presentation(data, format=Format.SD_JWT_VC)
    calls: list[tuple[Any, list[Any]]] = [
        (verify_each, [data, *values]),
        (Gateway, [AUDIENCE, ORIGIN]),
        (verify_credential, [framed, good["anchors"], NOW]),
    ]
    for call, arguments in calls:
        fails(partial(call, *arguments), "arguments are taken by their position", TypeError)


@attack("API-002")
def read_too_early() -> Iterator[Trial]:
    """Somebody looks for the claims of what is not verified yet."""
    yield holds("a framed presentation has no claims", _framing_has_no_claims)
    yield holds("no function gives claims of a forgery", _no_claims_of_a_forgery)


def _framing_has_no_claims() -> None:
    for format in Format:
        (framed,) = open_presentation(MAKE[format](), format=format)
        for name in ("claims", "attestation", "citizenship", "payload", "issuer", "validity", "holder_key", "status"):
            expect(not hasattr(framed, name), f"what is framed has {name}")
        expect("US" not in repr(framed) and "nationalit" not in repr(framed), "a repr tells")
        early: Any = framed  # a presentation in the place of what was verified
        answered = {name: _good(format)[name] for name in ("challenge", "statuses", "now")}
        call = partial(verify_presentation, early, **answered)
        fails(call, "what is framed counts as verified", *_WRONG)


def _no_claims_of_a_forgery() -> None:
    attacker = key("attacker")
    forged = {Format.SD_JWT_VC: _sd_jwt.make(signer=attacker), Format.SD_CWT: _sd_cwt.make(signer=attacker)}
    for format, data in forged.items():
        good = _good(format)
        (framed,) = open_presentation(data, format=format)
        receive = {name: good[name] for name in ("format", "anchors", "now")}
        half = _sd_jwt.issuer_half(signer=attacker) if format is Format.SD_JWT_VC else _credential(attacker)
        calls: list[Callable[[], object]] = [
            partial(VERIFY[format], data),
            partial(verify_credential, framed, anchors=good["anchors"], now=NOW),
            partial(Credential.receive, half, **receive),
        ]
        for call in calls:
            expect(called(call).reason is Reason.SIGNATURE_INVALID, "something else than the signature refused")
        verdicts = verify_each(data, **good)
        expect([type(each).__name__ for each in verdicts] == ["VerificationError"], "a forgery has claims")


def _credential(signer: Any) -> bytes:
    return bytes(cbor2.dumps(_sd_cwt.credential(signer=signer)))


def _verified(format: Format) -> list[Any]:
    """Return one of each of what verification alone makes."""
    good = _good(format)
    (framed,) = open_presentation(MAKE[format](), format=format)
    listed = verify_status_list(
        status_token(), uri=STATUS_URI, media_type=STATUS_MEDIA_TYPE, anchors=status_anchors(), now=NOW
    )
    return [VERIFY[format](MAKE[format]()), verify_credential(framed, anchors=good["anchors"], now=NOW), listed]


@attack("API-003")
def forged_results() -> Iterator[Trial]:
    """Somebody makes, copies or restores what verification alone makes."""
    for format in Format:
        for position, name in enumerate(("a presentation", "a credential", "a status list")):
            yield holds(f"{name}, {format}", partial(_only_verification_makes, format, position))
    yield holds("an empty one counts for nothing", _an_empty_one)


def _only_verification_makes(format: Format, position: int) -> None:
    value = _verified(format)[position]
    kind = type(value)
    stated = [getattr(value, field.name) for field in dataclasses.fields(value)]
    attempts: dict[str, Callable[[], object]] = {
        "made without a seal": lambda: kind(*stated),
        "made with another": lambda: kind(*stated, object()),
        "made with None": lambda: kind(*stated, None),
        "copied": lambda: copy.copy(value),
        "copied deeply": lambda: copy.deepcopy(value),
        "reduced": lambda: value.__reduce__(),
        **{f"pickled by protocol {number}": partial(value.__reduce_ex__, number) for number in range(6)},
        "its state read": lambda: value.__getstate__(),
        "its state set": lambda: object.__new__(kind).__setstate__(stated),
        "replaced": lambda: dataclasses.replace(value),
        "replaced in part": lambda: dataclasses.replace(value, **{dataclasses.fields(value)[0].name: None}),
        "subclassed": lambda: type("Copy", (kind,), {}),
        "changed": lambda: setattr(value, dataclasses.fields(value)[0].name, None),
        "extended": lambda: setattr(value, "more", 1),
    }
    for name, attempt in attempts.items():
        fails(attempt, f"it can be {name}", TypeError, ValueError, AttributeError)
    expect(not hasattr(value, "__dict__"), "it has room for more")


def _an_empty_one() -> None:
    for value in _verified(Format.SD_JWT_VC):
        empty = object.__new__(type(value))
        for field in dataclasses.fields(value):
            fails(partial(getattr, empty, field.name), "an empty one says something", AttributeError)
        challenge, statuses = Challenge(AUDIENCE, NONCE), shared_statuses()
        call = partial(verify_presentation, empty, challenge=challenge, statuses=statuses, now=NOW)
        fails(call, "an empty one counts as verified", *_WRONG)


def _subclass(value: Any) -> Any:
    """Return an equal value of a class that could compare as it likes."""
    kind = type(value)
    return type("Subclass", (kind,), {})(value)


def _weak_challenges() -> Iterator[Trial]:
    """A challenge that anybody could guess, that counts for ever, or that is for nobody."""
    invalid = Reason.CHALLENGE_INVALID
    good: dict[str, Any] = {"audience": AUDIENCE, "nonce": NONCE, "max_age_s": 300}
    for name, values in {
        "nonce": ("", "1234567", b"", bytes(7), "n" * 513, None, 12_345_678),
        "max_age_s": (0, -1, 86_401, 60.0, True, None, 2**64),
        "audience": ("", "a" * 2_049, None, b"https://gateway.example", "origin:", "origin:origin:https://x.example"),
    }.items():
        for value in values:
            said = f"a challenge, {name} {value!r:.30}"
            yield raises(said, invalid, partial(Challenge, **{**good, name: value}))
    for name, value in (("nonce", "12345678"), ("nonce", b"n" * 512), ("max_age_s", 86_400), ("max_age_s", 1)):
        made = partial(Challenge, **{**good, name: value})
        yield holds(f"a challenge, {name} {value!r:.30}", made)


@attack("API-005")
def nearly_the_right_type() -> Iterator[Trial]:
    """What configures is of a subclass of its type, which may compare, hash and add as it likes."""
    of = _subclass
    anchors: dict[str, Any] = {
        "purpose": KeyPurpose.CREDENTIAL, "formats": [Format.SD_JWT_VC], "types": [VCT], "countries": ANY
    }  # fmt: skip
    trust = partial(TrustAnchors.from_keys, ISSUER, [key("issuer").public])
    invalid, anchor, challenge = Reason.CLAIM_INVALID, Reason.ANCHOR_INVALID, Reason.CHALLENGE_INVALID
    yield from _weak_challenges()
    calls: dict[str, tuple[Reason, Callable[[], object]]] = {
        "limits, a bound": (_CONFIGURATION, lambda: Limits(depth=of(5))),
        "gateway, audience": (_CONFIGURATION, lambda: SimulatedWorld(audience=of(AUDIENCE))),
        "gateway, external_url": (_CONFIGURATION, lambda: SimulatedWorld(external_url=of(ORIGIN))),
        "gateway, admission_path": (_CONFIGURATION, lambda: SimulatedWorld(admission_path=of("/c"))),
        "gateway, a ticket key": (_CONFIGURATION, lambda: SimulatedWorld(ticket_keys=[of(SECRET)])),
        "gateway, a lifetime": (_CONFIGURATION, lambda: SimulatedWorld(ticket_lifetime_s=of(60))),
        "gateway, a region": (_CONFIGURATION, lambda: SimulatedWorld(region=of("eu"))),
        "gateway, a size of the cache": (_CONFIGURATION, lambda: SimulatedWorld(cache=of(5))),
        "gateway, a cache that is true": (_CONFIGURATION, lambda: SimulatedWorld(cache=True)),
        "a sender": (_CONFIGURATION, lambda: SimulatedWorld().gateway.challenge(sender=of(bytes(range(32))))),
        "a session": (_CONFIGURATION, lambda: SimulatedWorld().gateway.revoke_session(of(bytes(16)))),
        "a guard": (_CONFIGURATION, lambda: MemoryReplayGuard(max_entries=of(5))),
        "an issuer": (_CONFIGURATION, lambda: Issuer(identifier=of(ISSUER), key=key("issuer"))),
        "a kid": (_CONFIGURATION, lambda: Issuer(identifier=ISSUER, key=key("issuer"), kid=of("k"))),
        "a size": (_CONFIGURATION, lambda: StatusPublisher(uri=STATUS_URI, size=of(8))),
        "bits": (_CONFIGURATION, lambda: StatusPublisher(uri=STATUS_URI, size=8, bits=of(1))),
        "a URI that is wanted": (_CONFIGURATION, lambda: StatusStore(anchors=status_anchors(), uris=[of("u")])),
        "a format as text": (_CONFIGURATION, lambda: _sd_jwt.verify(_sd_jwt.make(), format="dc+sd-jwt")),
        "a format like text": (_CONFIGURATION, lambda: _sd_jwt.verify(_sd_jwt.make(), format=of("dc+sd-jwt"))),
        "a serialization": (_CONFIGURATION, lambda: _sd_jwt.verify(_sd_jwt.make(), serialization="compact")),
        "a policy": (Reason.POLICY_INVALID, lambda: AdmissionPolicy.from_toml(of(POLICY))),
        "anchor, issuer": (anchor, lambda: TrustAnchors.from_keys(of(ISSUER), [key("issuer").public], **anchors)),
        "anchor, a type": (anchor, lambda: trust(**{**anchors, "types": [of(VCT)]})),
        "anchor, one text for types": (anchor, lambda: trust(**{**anchors, "types": VCT})),
        "anchor, formats as texts": (anchor, lambda: trust(**{**anchors, "formats": ["dc+sd-jwt"]})),
        "anchor, countries as texts": (anchor, lambda: trust(**{**anchors, "countries": ["US"]})),
        "anchor, any country as text": (anchor, lambda: trust(**{**anchors, "countries": "ANY"})),
        "anchor, a time": (anchor, lambda: trust(**anchors, not_after=of(5))),
        "a JWK": (Reason.KEY_INVALID, lambda: TrustAnchors.from_jwks(ISSUER, {"keys": [of(_jwk())]}, **anchors)),
        "a country": (Reason.COUNTRY_INVALID, lambda: Country(of("US"))),
        "a country by any code": (Reason.COUNTRY_INVALID, lambda: Country.parse(of("USA"))),
        "an audience": (challenge, lambda: Challenge(of(AUDIENCE), NONCE)),
        "a nonce": (challenge, lambda: Challenge(AUDIENCE, of(NONCE))),
        "an age": (challenge, lambda: Challenge(AUDIENCE, NONCE, of(60))),
        "a time": (invalid, lambda: Validity(of(1), None, of(5))),
        "a reference": (invalid, lambda: StatusReference(of(STATUS_URI), VALID_INDEX)),
        "an index": (invalid, lambda: StatusReference(STATUS_URI, of(VALID_INDEX))),
        "what is verified": (Reason.MALFORMED_TOKEN, lambda: _sd_jwt.verify(of(_sd_jwt.make()))),
        "the time it is": (Reason.CLOCK_UNUSABLE, lambda: _sd_jwt.verify(_sd_jwt.make(), now=of(NOW))),
    }
    for name, (reason, call) in calls.items():
        yield raises(name, reason, call)


def _jwk() -> dict[str, Any]:
    return dict(key("issuer").public.to_jwk())


@attack("API-007")
def taken_for_a_boolean() -> Iterator[Trial]:
    """A result is asked whether it is true, or a failure is taken for an answer."""
    yield holds("no result has a truth value", _no_truth)
    yield holds("a failure raises, and is no answer", _failures_raise)


def _no_truth() -> None:
    world = SimulatedWorld()
    wallet = world.anybody()
    admitted = world.admit(wallet)
    expect(type(admitted) is Admitted, "nobody was admitted")
    ticket = admitted.ticket
    results: list[tuple[Any, type]] = [
        (admitted, Admitted),
        (world.ask(wallet, ticket), Allow),
        (world.ask(wallet, ticket, "europe"), Deny),
        (world.gateway.authorize(request(), resource="open"), Allow),
        (world.gateway.authorize(request(), resource="us-nationals"), NeedPresentation),
        (world.gateway.authorize(request(), resource="not listed"), Deny),
        (StatusStore(anchors=status_anchors()).check(_reference(), issuer=ISSUER, now=NOW), NeedStatusList),
        (shared_statuses().check(_reference(), issuer=ISSUER, now=NOW), Status),
        (Verdict(None, 1), Verdict),
        (MemoryReplayGuard().consume(b"scope", b"token", 1), Consumption),
        *((each, type(each)) for each in _verified(Format.SD_JWT_VC)),
        *((each, Status) for each in Status),
        *((each, Binding) for each in Binding),
    ]
    for result, kind in results:
        expect(type(result) is kind, f"there is no {kind.__name__} to look at")
        fails(partial(bool, result), f"a {kind.__name__} is true or false", TypeError)


def _reference() -> StatusReference:
    return StatusReference(STATUS_URI, VALID_INDEX)


def _failures_raise() -> None:
    for format in Format:
        for data in (b"", b"\x00", "~", MAKE[format]()[:-1], MAKE[format]() + b"0"):
            outcome = called(partial(VERIFY[format], data))
            expect(outcome.reason is not None, "a failure is an answer")
    world = SimulatedWorld()
    for asking in (request(), request("no ticket"), request(path=PATH + "?x")):
        for resource in ("us-nationals", "not listed", ""):
            result = world.gateway.authorize(asking, resource=resource)
            expect(isinstance(result, Deny | NeedPresentation) and result.http().status >= 400, f"{result!r}")


GROUP: Final = Group(
    "api misuse",
    "what is used wrongly does not work, or says so at once; what is issued is what will be verified",
    (
        something_is_left_out,
        read_too_early,
        forged_results,
        nearly_the_right_type,
        taken_for_a_boolean,
        what_is_issued_is_verified,
        refused_at_issuing,
        allocated_at_random,
    ),
)
