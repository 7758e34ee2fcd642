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
from pathlib import Path
from typing import Any, Final

import pytest
from gateway import world as w

import citizenid
from citizenid import LocalKey, TrustAnchors, UnixTime
from citizenid.gateway._keys import KeyRing
from citizenid.gateway.asking import Terms
from citizenid.gateway.audit import AuditDetails
from citizenid.gateway.challenge import ChallengeKeys
from citizenid.gateway.nonces import NonceKeys
from citizenid.gateway.sharing import _Key
from citizenid.integrations._fleet import Envelope
from citizenid.integrations.publish import StatusListApp
from citizenid.integrations.telemetry import GatewayCollector
from citizenid.policy import AdmissionPolicy
from citizenid.status import StatusPublisher

MARK: Final = "Marker8675309"
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
