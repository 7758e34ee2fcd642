"""What a value of ours shows of itself in a log or a traceback: its class, and at most a name of our own tables.

The named tuples that write themselves are found by walking through the package: a new one is tested without being named
here. Of the classes, those are made here that no test of their own module shows.

Spec: DESIGN law 11.
"""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from gateway import world as w

import citizenid
from citizenid import (
    AgreementKey,
    Country,
    LocalKey,
    NeedStatusList,
    PublicKey,
    Reason,
    Status,
    TrustAnchors,
    UnixTime,
)
from citizenid.gateway import Binding, Consumption, DailyTicketKeys, Deny, Gateway
from citizenid.gateway._keys import KeyRing
from citizenid.gateway._suspicion import Suspicion
from citizenid.gateway.asking import Terms
from citizenid.gateway.audit import AuditDetails
from citizenid.gateway.challenge import ChallengeKeys
from citizenid.gateway.nonces import NonceKeys
from citizenid.gateway.sharing import _Key
from citizenid.integrations._fleet import Envelope, WhenDown
from citizenid.integrations._per_request import PerRequestReplayGuard
from citizenid.integrations.publish import StatusListApp
from citizenid.integrations.telemetry import GatewayCollector
from citizenid.issuer import Issuer
from citizenid.policy import AdmissionPolicy, ConditionState, Facts
from citizenid.status import StatusFile, StatusPublisher
from citizenid.verifier import VerifiedCredential, VerifiedPresentation, VerifiedStatusList

MARK: Final = "Marker8675309"
POLICY: Final = AdmissionPolicy.from_toml('version = 1\n[[rule]]\nresource = "x"\nanyone = true')
FACTS: Final = Facts(frozenset(), frozenset(), Binding.BEARER, 0)
# Names of our own tables, and the numbers of our own decisions: none of these is a value of the input.
HARMLESS: Final = {"algorithm", "expires_at", "format", "kind", "reason", "rule", "status"}


def named_tuples() -> list[Any]:
    """Return the named tuples of the library that write themselves."""
    found = []
    for module in pkgutil.walk_packages(citizenid.__path__, "citizenid."):
        # The reviewer's kit shows what it forges, and LiteLLM is not installed here.
        if module.name.startswith("citizenid.testing") or module.name.endswith((".__main__", ".litellm")):
            continue
        for each in vars(importlib.import_module(module.name)).values():
            ours = isinstance(each, type) and issubclass(each, tuple) and each.__module__ == module.name
            if ours and not vars(each)["__repr__"].__code__.co_filename.endswith("collections/__init__.py"):
                found.append(each)
    return found


def test_a_named_tuple_that_writes_itself_shows_no_value_of_the_input() -> None:
    classes = named_tuples()
    assert len(classes) >= 40
    for each in classes:
        value = tuple.__new__(each, [f"{MARK}-{field}-" for field in each._fields])
        for text in (repr(value), f"{value}", repr([value])):
            shown = set(re.findall(f"{MARK}-(\\w+)-", text))
            assert shown <= HARMLESS, each
            assert text.count(MARK) == len(shown), each
        named = each.__name__
        assert re.fullmatch(f"<{named}\\b.*>|{named}\\(.*\\)", repr(value)), each


# What a caller does by mistake, and how he is told.
MISTAKES: Final[list[tuple[Callable[[], object], type[Exception], str]]] = [
    (lambda: bool(Binding.BEARER), TypeError, "a Binding has no truth value; compare it"),
    (lambda: bool(ConditionState.MET), TypeError, "a ConditionState has no truth value; compare it"),
    (lambda: bool(Consumption.FRESH), TypeError, "a Consumption has no truth value; compare it with Consumption.FRESH"),
    (lambda: bool(Status.VALID), TypeError, "a Status has no truth value; compare it with Status.VALID"),
    (lambda: bool(Suspicion.NONE), TypeError, "a Suspicion has no truth value; compare it with Suspicion.NONE"),
    (lambda: bool(WhenDown.REFUSE), TypeError, "a WhenDown has no truth value; compare it with WhenDown.REFUSE"),
    (lambda: bool(POLICY.decide("x", FACTS)), TypeError, "a Verdict has no truth value; look at its reason"),
    (
        lambda: bool(NeedStatusList("https://status.example/1")),
        TypeError,
        "a result has no truth value; test for the result you want",
    ),
    (
        lambda: bool(Deny(Reason.TICKET_MISSING, "ticket")),
        TypeError,
        "a result has no truth value; test for Allow or Admitted",
    ),
    (lambda: setattr(POLICY, "digest", b""), AttributeError, "an AdmissionPolicy is immutable"),
    (lambda: delattr(POLICY, "digest"), AttributeError, "an AdmissionPolicy is immutable"),
    (lambda: setattr(Country("US"), "alpha2", "FR"), AttributeError, "a Country is immutable"),
    (lambda: delattr(Country("US"), "alpha2"), AttributeError, "a Country is immutable"),
    (lambda: copy.copy(LocalKey.generate("Ed25519")), TypeError, "a LocalKey is not copied or pickled"),
    (lambda: LocalKey.generate("Ed25519").__getstate__(), TypeError, "a LocalKey is not copied or pickled"),
    (
        lambda: copy.copy(Issuer(identifier="x", key=LocalKey.generate("Ed25519"))),
        TypeError,
        "Issuer holds a secret: it is not copied or pickled",
    ),
    (lambda: copy.copy(AgreementKey.generate("P-256")), TypeError, "an AgreementKey is not copied or pickled"),
    (lambda: AgreementKey.generate("P-256").__getstate__(), TypeError, "an AgreementKey is not copied or pickled"),
    *(
        (partial(type, "Sub", (each,), {}), TypeError, f"{each.__name__} is final")
        for each in (
            AgreementKey,
            Country,
            DailyTicketKeys,
            Gateway,
            LocalKey,
            PerRequestReplayGuard,
            PublicKey,
            StatusFile,
            VerifiedCredential,
            VerifiedPresentation,
            VerifiedStatusList,
        )
    ),
]


@pytest.mark.parametrize(("act", "kind", "text"), MISTAKES)
def test_a_mistake_is_told_by_the_name_of_what_it_was_made_with(
    act: Callable[[], object], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as caught:
        act()
    assert type(caught.value) is kind and str(caught.value) == text


def test_what_remembers_senders_sessions_and_tickets_has_no_members_to_be_listed_and_no_copies() -> None:
    world = w.World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    w.allowed(world.ask(alice, ticket))
    world.gateway.sign_out(w.request(ticket, world.proof(alice.sender, ticket)))
    opened: Any = world.gateway._state.ring.current.tickets._opened
    assert len(world.guard) >= 3 and len(world.sign_outs) == 1 and opened.get(ticket.encode()) is not None
    for each in (world.guard, world.sign_outs, opened):
        assert re.fullmatch(r"<\w+(?: of)? \d+(?: of \d+)?>", repr(each)), each
        for act in (vars, copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError):
                act(each)


def test_what_holds_secrets_or_what_others_sent_shows_its_class_alone(tmp_path: Path) -> None:
    secret = MARK.encode() * 3
    world = w.World()
    key = LocalKey.generate("ES256")
    publisher = StatusPublisher(uri=f"https://{MARK}.example/1", size=100)
    policy = AdmissionPolicy.from_toml(f'version = 1\n[[rule]]\nresource = "{MARK}"\nanyone = true')
    details = AuditDetails(tmp_path / MARK)
    texts = {
        repr(KeyRing([secret], MARK, None, UnixTime(1))): "<KeyRing>",
        repr(ChallengeKeys([secret], MARK, None)): "<ChallengeKeys>",
        repr(NonceKeys([secret], MARK)): "<NonceKeys>",
        repr(_Key.drawn(lambda size: secret[:size])): "<_Key>",
        repr(Envelope(secret, sender=secret[:8], clock=lambda: 1)): "<Envelope>",
        repr(Terms(policy, TrustAnchors(), resource_metadata=f"https://{MARK}.example")): "<Terms>",
        repr(details): "<AuditDetails>",
        repr(GatewayCollector(world.gateway)): "<GatewayCollector>",
        repr(StatusListApp([publisher], key=key, kid=MARK, ttl_s=60, expires_s=600)): "<StatusListApp of 1 lists>",
    }
    details.close()
    assert list(texts) == list(texts.values())
